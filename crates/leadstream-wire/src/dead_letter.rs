//! Records that could not be decoded: a stable code, a reason for a person, and the record as it came (L5).
//!
//! Codes are part of the product's interface: they are counted by metrics, filtered on by operators and explained in
//! `docs/dead-letters.md`. A code is never given another meaning.

use std::fmt;

use crate::record::InputRecord;

/// Why a record was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct DeadLetter {
    /// The kind of trouble.
    pub code: DeadLetterCode,
    /// What exactly, in one line of lower-case text without the record's content where that may be personal.
    pub reason: String,
}

impl DeadLetter {
    /// A refusal.
    pub fn new(code: DeadLetterCode, reason: impl Into<String>) -> DeadLetter {
        DeadLetter { code, reason: reason.into() }
    }

    /// The record for the dead-letter topic: key, value and headers as they came, then ours.
    ///
    /// A header of the original that bears one of our names is kept in front of ours, so that a letter that died twice says both;
    /// a reader takes the last.
    pub fn to_record(&self, input: &InputRecord<'_>) -> DeadLetterRecord {
        let mut headers: Vec<(String, Vec<u8>)> =
            input.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let mut add = |name: &str, value: String| headers.push((format!("x-leadstream-{name}"), value.into_bytes()));
        add("topic", input.topic.to_owned());
        add("partition", input.partition.to_string());
        add("offset", input.offset.to_string());
        if let Some(timestamp_ms) = input.timestamp_ms {
            add("timestamp", timestamp_ms.to_string());
        }
        if let Some(line) = input.line {
            add("line", line.to_string());
        }
        add("code", self.code.as_str().to_owned());
        add("reason", self.reason.clone());
        DeadLetterRecord { key: input.key.map(<[u8]>::to_vec), value: input.value.map(<[u8]>::to_vec), headers }
    }
}

/// A record of the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRecord {
    /// The original key.
    pub key: Option<Vec<u8>>,
    /// The original value, byte for byte.
    pub value: Option<Vec<u8>>,
    /// The original headers, then `x-leadstream-topic`, `-partition`, `-offset`, `-timestamp` (milliseconds), `-line`, `-code`, `-reason`.
    pub headers: Vec<(String, Vec<u8>)>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// The kinds of trouble a record can be in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DeadLetterCode { $($(#[doc = $doc])+ $variant,)+ }

        impl DeadLetterCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [DeadLetterCode] = &[$(DeadLetterCode::$variant),+];

            /// The word for headers, metrics and documentation.
            pub fn as_str(self) -> &'static str {
                match self { $(DeadLetterCode::$variant => $text),+ }
            }
        }
    };
}

codes! {
    /// The value is longer than 64 KiB.
    TooLarge = "too_large",
    /// There is no value.
    NoValue = "no_value",
    /// Text that is not UTF-8.
    NotUtf8 = "not_utf8",
    /// The value is not of the declared format.
    Malformed = "malformed",
    /// Objects lie too deep inside each other.
    TooDeep = "too_deep",
    /// There are too many properties.
    TooManyProperties = "too_many_properties",
    /// A CSV record has another number of fields than the header.
    WrongColumns = "wrong_columns",
    /// The schema that an Avro record names is not configured.
    UnknownSchema = "unknown_schema",
    /// The message does not say what kind it is.
    TypeMissing = "type_missing",
    /// The message is of no known kind.
    TypeUnknown = "type_unknown",
    /// The event has no name.
    EventMissing = "event_missing",
    /// The name of the event or command's object is too long.
    NameTooLong = "name_too_long",
    /// No contact id.
    ContactMissing = "contact_missing",
    /// The contact id is too long.
    ContactTooLong = "contact_too_long",
    /// Key and value name different contacts.
    ContactMismatch = "contact_mismatch",
    /// An alias that does not name two ids.
    AliasIncomplete = "alias_incomplete",
    /// No time of any kind.
    TimeMissing = "time_missing",
    /// A time that cannot be read.
    TimeUnreadable = "time_unreadable",
    /// A local time from a source without a zone.
    TimeZoneMissing = "time_zone_missing",
    /// A time before 1900 or after 2200.
    TimeImplausible = "time_implausible",
    /// A field holds a value of a type that cannot be taken.
    WrongType = "wrong_type",
    /// An expression of the mapping failed.
    MappingFailed = "mapping_failed",
    /// A command that does not exist.
    CommandUnknown = "command_unknown",
    /// A command that this version does not carry out.
    CommandUnsupported = "command_unsupported",
}

impl fmt::Display for DeadLetterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_keeps_the_record_and_says_where_it_came_from_l5() {
        let headers: &[(&str, &[u8])] = &[("trace", b"1"), ("x-leadstream-code", b"malformed")];
        let input = InputRecord {
            topic: "clicks",
            partition: 3,
            offset: 42,
            line: None,
            timestamp_ms: Some(7),
            key: Some(b"c1"),
            value: Some(&[0xff, 0]),
            headers,
        };
        let record = DeadLetter::new(DeadLetterCode::NotUtf8, "byte 0 is not utf-8").to_record(&input);
        assert_eq!(record.key.as_deref(), Some(&b"c1"[..]));
        assert_eq!(record.value.as_deref(), Some(&[0xff, 0][..]));
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect();
        assert_eq!(
            headers,
            [
                ("trace", "1"),
                ("x-leadstream-code", "malformed"),
                ("x-leadstream-topic", "clicks"),
                ("x-leadstream-partition", "3"),
                ("x-leadstream-offset", "42"),
                ("x-leadstream-timestamp", "7"),
                ("x-leadstream-code", "not_utf8"),
                ("x-leadstream-reason", "byte 0 is not utf-8"),
            ]
        );
    }
}
