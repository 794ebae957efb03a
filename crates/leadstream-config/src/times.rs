//! Values about time: time zones, start positions, formats of an event's time.
//!
//! Invariant: a value of one of these types has been checked; what it shows reads back as itself. No value here is the present.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::problem::Problem;
use crate::read::{Read, Reading, closest, parsed, scalar};
use crate::show::{Show, Shown};
use crate::tree::Node;

/// A time zone of the IANA database, as in `Europe/Warsaw`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TimeZoneName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

text_value!(TimeZoneName, "TimeZoneName", { "type": "string", "examples": ["Europe/Warsaw", "UTC"] });

impl Read for TimeZoneName {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let allowed = "a name of the IANA time zone database, as in Europe/Warsaw";
        let text = scalar(node, path, allowed, reading)?;
        if let Ok(zone) = jiff::tz::db().get(text) {
            // The database ignores case; its own spelling is the one to keep and show.
            return Some(Self(zone.iana_name().unwrap_or(text).to_owned()));
        }
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let problem = Problem::error(&node.origin, path, format!("{text:?} is not {allowed}"));
        reading.problems.push(match closest(text, names.iter().map(String::as_str)) {
            Some(close) => problem.hint(format!("did you mean {close}?")),
            None => problem,
        });
        None
    }
}

/// Where reading begins in a partition whose position is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the oldest record there is.
    #[default]
    Earliest,
    /// Behind the newest record.
    Latest,
    /// At the first record whose Kafka timestamp is at or after this instant.
    At {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        unix_ms: i64,
    },
}

impl std::fmt::Display for Start {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Earliest => formatter.write_str("earliest"),
            Self::Latest => formatter.write_str("latest"),
            Self::At { unix_ms } => match jiff::Timestamp::from_millisecond(*unix_ms) {
                Ok(instant) => write!(formatter, "{instant}"),
                Err(_) => write!(formatter, "{unix_ms} ms"),
            },
        }
    }
}

text_value!(Start, "Start", {
    "description": "earliest, latest, or an instant with its offset from UTC.",
    "type": "string", "examples": ["earliest", "latest", "2026-01-31T00:00:00Z"]
});

impl Read for Start {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let allowed = "earliest, latest or an instant with its offset, as in 2026-01-31T00:00:00Z";
        parsed(node, path, allowed, reading, |text| match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            _ => text.parse::<jiff::Timestamp>().ok().map(|instant| Self::At { unix_ms: instant.as_millisecond() }),
        })
    }
}

/// How an event's time is written in a mapped source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// ISO 8601, or a number since 1970 whose unit shows in its size. A time without offset needs the source's zone.
    #[default]
    Automatic,
    /// RFC 3339, as in `2026-01-31T08:30:00+01:00`.
    Rfc3339,
    /// Seconds since 1970, fractions allowed.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// A pattern in the manner of strptime, as in `%Y-%m-%d %H:%M`.
    Pattern(String),
}

impl TimeFormat {
    /// Whether no time in this format can say its offset, so that a time zone must be known.
    pub fn is_naive(&self) -> bool {
        match self {
            Self::Pattern(pattern) => {
                !["%z", "%:z", "%::z", "%s", "%Q", "%:Q"].iter().any(|mark| pattern.contains(mark))
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for TimeFormat {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Automatic => "automatic",
            Self::Rfc3339 => "rfc3339",
            Self::UnixSeconds => "unix_s",
            Self::UnixMilliseconds => "unix_ms",
            Self::Pattern(pattern) => pattern,
        })
    }
}

text_value!(TimeFormat, "TimeFormat", {
    "description": "automatic, rfc3339, unix_s, unix_ms, or a strptime pattern.",
    "type": "string", "examples": ["automatic", "rfc3339", "unix_ms", "%Y-%m-%d %H:%M"]
});

impl Read for TimeFormat {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let allowed = "automatic, rfc3339, unix_s, unix_ms or a pattern, as in %Y-%m-%d %H:%M";
        let text = scalar(node, path, allowed, reading)?;
        let refusal = match text {
            "automatic" => return Some(Self::Automatic),
            "rfc3339" => return Some(Self::Rfc3339),
            "unix_s" => return Some(Self::UnixSeconds),
            "unix_ms" => return Some(Self::UnixMilliseconds),
            // Formatting an instant visits every directive, so a pattern with an unknown one is found without any data.
            pattern if pattern.contains('%') => {
                let sample = jiff::Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
                match jiff::fmt::strtime::format(pattern, &sample) {
                    Ok(_) => return Some(Self::Pattern(pattern.to_owned())),
                    Err(error) => {
                        let error = error.to_string();
                        let reason = error.rsplit(": ").next().unwrap_or_default();
                        Problem::error(&node.origin, path, format!("{text:?} is not allowed as a pattern: {reason}"))
                    }
                }
            }
            _ => Problem::error(&node.origin, path, format!("{text:?} is not allowed; allowed is {allowed}")),
        };
        let words = ["automatic", "rfc3339", "unix_s", "unix_ms"];
        reading.problems.push(match closest(text, words) {
            Some(close) => refusal.hint(format!("did you mean {close}?")),
            None if text.contains('%') => {
                refusal.hint("a pattern is written as strptime takes it, as in %Y-%m-%d %H:%M")
            }
            None => refusal,
        });
        None
    }
}
