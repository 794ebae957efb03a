//! Small values with rules of their own: topic names, retentions, worker counts, paths.
//!
//! Invariant: a value of one of these types has been checked; what it shows reads back as itself.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::problem::{Origin, Problem};
use crate::read::{Read, Reading, closest, parsed, scalar};
use crate::show::{Show, Shown};
use crate::tree::Node;
use crate::units::{ByteSize, TimeSpan};

/// Reads one of a few words.
pub(crate) fn word<T: Copy>(
    node: &Node,
    path: &str,
    words: &[(&'static str, T)],
    reading: &mut Reading<'_>,
) -> Option<T> {
    let names = words.iter().map(|(name, _)| *name);
    let allowed = names.clone().collect::<Vec<_>>().join(", ");
    let text = scalar(node, path, &format!("one of {allowed}"), reading)?;
    if let Some((_, value)) = words.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    let problem = Problem::error(&node.origin, path, format!("{text:?} is not allowed; allowed are {allowed}"));
    reading.problems.push(match closest(text, names) {
        Some(close) => problem.hint(format!("did you mean {close}?")),
        None => problem,
    });
    None
}

/// Resolves a path as its writer sees it: relative to the configuration file when the file says it, to the working folder when
/// the environment or a flag says it; `~/` is the user's home.
pub(crate) fn resolve_path(text: &str, origin: &Origin, reading: &Reading<'_>) -> PathBuf {
    resolve(text, origin, reading.file_directory, reading.environment.get("HOME").map(String::as_str))
}

/// The same for the folder of the file and the user's home.
pub(crate) fn resolve(text: &str, origin: &Origin, file_directory: &Path, home: Option<&str>) -> PathBuf {
    if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), home) {
        return Path::new(home).join(rest);
    }
    match origin {
        Origin::File { .. } => file_directory.join(text),
        _ => PathBuf::from(text),
    }
}

/// Gives a text-like type its schema, its plain-data form and serde's.
macro_rules! text_value {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }

        impl Show for $type {
            fn show(&self) -> Shown {
                Shown::Text(self.to_string())
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.show().serialize(serializer)
            }
        }
    };
}

text_value!(TimeSpan, "TimeSpan", {
    "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$", "examples": ["100ms", "10s", "7d"]
});
text_value!(ByteSize, "ByteSize", {
    "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB|TiB)$", "examples": ["512MiB"]
});

impl Read for TimeSpan {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, Self::ALLOWED, reading, |text| text.parse().ok())
    }
}

impl Read for ByteSize {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, Self::ALLOWED, reading, |text| text.parse().ok())
    }
}

/// A name Kafka accepts for a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(String);

impl TopicName {
    pub(crate) const ALLOWED: &'static str = "1 to 249 letters, digits, '.', '_' and '-', and neither . nor ..";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name made by the program, of parts that were checked or are its own.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        (legal && (1..=249).contains(&text.len()) && text != "." && text != "..").then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for TopicName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

text_value!(TopicName, "TopicName", { "type": "string", "pattern": "^[a-zA-Z0-9._-]{1,249}$" });

impl Read for TopicName {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, Self::ALLOWED, reading, Self::parse)
    }

    /// The path itself, which no topic can be called.
    fn stand_in(path: &str) -> Option<Self> {
        Some(Self(path.to_owned()))
    }
}

/// How long a topic keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// For ever.
    Unlimited,
    /// For this long by the record's timestamp.
    For(TimeSpan),
}

impl std::fmt::Display for Retention {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited => formatter.write_str("unlimited"),
            Self::For(span) => write!(formatter, "{span}"),
        }
    }
}

text_value!(Retention, "Retention", { "type": "string", "examples": ["unlimited", "400d"] });

impl Read for Retention {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let allowed = "unlimited, or a whole number with ms, s, m, h or d, as in 400d";
        parsed(node, path, allowed, reading, |text| match text {
            "unlimited" => Some(Self::Unlimited),
            _ => text.parse().ok().map(Self::For),
        })
    }
}

/// How many worker threads score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One for each core the process may use.
    Auto,
    /// So many.
    Count(u32),
}

impl std::fmt::Display for Workers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Count(count) => write!(formatter, "{count}"),
        }
    }
}

text_value!(Workers, "Workers", {
    "anyOf": [{ "type": "string", "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 256 }]
});

impl Read for Workers {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, "auto or a whole number from 1 to 256", reading, |text| match text {
            "auto" => Some(Self::Auto),
            _ => text.parse().ok().filter(|count| (1..=256).contains(count)).map(Self::Count),
        })
    }
}

/// A path, already resolved against the place that named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(PathBuf);

impl FilePath {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path to use.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl std::fmt::Display for FilePath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0.display())
    }
}

text_value!(FilePath, "FilePath", { "type": "string", "examples": ["plans/*.yaml", "/etc/leadstream/order.avsc"] });

impl Read for FilePath {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let text = scalar(node, path, "a path", reading)?;
        Some(Self(resolve_path(text, &node.origin, reading)))
    }
}
