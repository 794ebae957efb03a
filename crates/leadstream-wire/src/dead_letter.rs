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
        let mut headers: Vec<LetterHeader> =
            input.headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.to_vec()))).collect();
        let before = headers.len();
        let mut add = |name: &str, value: String| headers.push(own_header(name, value));
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
        let own_headers = headers.len() - before;
        let (key, value) = (input.key.map(<[u8]>::to_vec), input.value.map(<[u8]>::to_vec));
        DeadLetterRecord { key, value, headers, own_headers }
    }
}

/// A header of a dead letter; a value may be null.
pub type LetterHeader = (String, Option<Vec<u8>>);

/// What a header takes beside its name and value, and a record beside all of them, at most.
const FRAME_BYTES: usize = 16;
/// What the headers take that say what was left out.
const LEFT_OUT_BYTES: usize = 512;

fn own_header(name: &str, value: String) -> LetterHeader {
    (format!("x-leadstream-{name}"), Some(value.into_bytes()))
}

/// A record of the dead-letter topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterRecord {
    /// The original key.
    pub key: Option<Vec<u8>>,
    /// The original value, byte for byte.
    pub value: Option<Vec<u8>>,
    /// The original headers, then `x-leadstream-topic`, `-partition`, `-offset`, `-timestamp` (milliseconds), `-line`, `-code`, `-reason`.
    pub headers: Vec<LetterHeader>,
    /// How many of the headers, the last ones, are ours.
    pub own_headers: usize,
}

impl DeadLetterRecord {
    /// Bytes that the record takes on its way, at most.
    pub fn size_bytes(&self) -> usize {
        let length = |piece: &Option<Vec<u8>>| piece.as_ref().map_or(0, Vec::len);
        FRAME_BYTES + length(&self.key) + length(&self.value) + headers_bytes(&self.headers)
    }

    /// Leaves out of the original what makes the record larger than `limit_bytes`, and says in headers what is missing. A letter that could not be
    /// written would keep everything behind its record from being read; the original stays where the letter says that it lies.
    ///
    /// The key and the original headers get a quarter each at most, unless there is room; the value is cut to a prefix. Our own headers stay.
    pub fn fit(&mut self, limit_bytes: usize) {
        if self.size_bytes() <= limit_bytes {
            return;
        }
        let own = self.headers.split_off(self.headers.len().saturating_sub(self.own_headers));
        let room = limit_bytes.saturating_sub(FRAME_BYTES + LEFT_OUT_BYTES + headers_bytes(&own));
        let (key, cut_key) = cut(&mut self.key, room / 4);
        let hash = self.value.as_deref().map(blake3::hash);
        let (value, cut_value) = cut(&mut self.value, room - key - headers_bytes(&self.headers).min(room / 4));
        let mut left = room - key - value;
        let before = self.headers.len();
        self.headers.retain(|header| {
            let bytes = header_bytes(header);
            let fits = bytes <= left;
            left -= if fits { bytes } else { 0 };
            fits
        });
        let dropped = before - self.headers.len();
        let kept = self.headers.len();
        self.headers.extend(own);
        let mut add = |name: &str, value: String| self.headers.push(own_header(name, value));
        if let (Some(bytes), Some(hash)) = (cut_value, hash) {
            add("truncated", bytes.to_string());
            add("blake3", hash.to_hex().to_string());
        }
        if let Some(bytes) = cut_key {
            add("key-truncated", bytes.to_string());
        }
        if dropped > 0 {
            add("headers-dropped", dropped.to_string());
        }
        self.own_headers = self.headers.len() - kept;
    }
}

fn header_bytes((name, value): &LetterHeader) -> usize {
    FRAME_BYTES + name.len() + value.as_ref().map_or(0, Vec::len)
}

fn headers_bytes(headers: &[LetterHeader]) -> usize {
    headers.iter().map(header_bytes).sum()
}

/// Keeps at most `limit` bytes. Returns how many there are now, and how many there were where that is more.
fn cut(piece: &mut Option<Vec<u8>>, limit: usize) -> (usize, Option<usize>) {
    let Some(bytes) = piece else { return (0, None) };
    let before = bytes.len();
    if before <= limit {
        return (before, None);
    }
    bytes.truncate(limit);
    bytes.shrink_to_fit();
    (limit, Some(before))
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
    /// A command without something that it needs.
    CommandIncomplete = "command_incomplete",
    /// A link to an id that names nobody.
    LinkBlocked = "link_blocked",
    /// A link to an id that was erased.
    IdErased = "id_erased",
    /// A link that would give a contact too many ids.
    TooManyIds = "too_many_ids",
    /// A link between ids that too many records connect.
    TooManyLinks = "too_many_links",
    /// A command in another partition than that of its contact.
    WrongPartition = "wrong_partition",
}

impl fmt::Display for DeadLetterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown((name, value): &LetterHeader) -> (&str, &str) {
        (name, std::str::from_utf8(value.as_deref().unwrap()).unwrap())
    }

    fn letter(key: usize, value: usize, headers: &[(&str, &[u8])]) -> DeadLetterRecord {
        let (key, value) = (vec![b'k'; key], vec![b'v'; value]);
        let input = InputRecord {
            topic: "clicks",
            partition: 3,
            offset: 42,
            line: None,
            timestamp_ms: Some(7),
            key: Some(&key),
            value: Some(&value),
            headers,
        };
        DeadLetter::new(DeadLetterCode::TooLarge, "the value is too large").to_record(&input)
    }

    #[test]
    fn a_letter_that_fits_is_left_as_it_is_to_the_byte() {
        let whole = letter(10, 70_000, &[("trace", b"1")]);
        let mut fitted = whole.clone();
        fitted.fit(whole.size_bytes());
        assert_eq!(fitted, whole);
        fitted.fit(whole.size_bytes() - 1);
        assert!(fitted != whole && fitted.size_bytes() < whole.size_bytes());
    }

    #[test]
    fn a_letter_that_is_too_large_keeps_a_prefix_and_says_how_much_there_was() {
        let mut record = letter(5, 1_048_576, &[("trace", b"1")]);
        record.fit(900_000);
        assert!((890_000..=900_000).contains(&record.size_bytes()), "{}", record.size_bytes());
        assert_eq!(record.key.as_deref(), Some(&b"kkkkk"[..]));
        let headers: Vec<_> = record.headers.iter().map(shown).collect();
        let hash = blake3::hash(&vec![b'v'; 1_048_576]).to_hex().to_string();
        assert_eq!((headers[0], headers.len(), record.own_headers), (("trace", "1"), 9, 8));
        assert_eq!(headers[7..], [("x-leadstream-truncated", "1048576"), ("x-leadstream-blake3", &hash)]);
    }

    #[test]
    fn whatever_is_too_large_the_letter_fits_and_still_says_where_the_record_lies() {
        let large = vec![b'h'; 100_000];
        let many: Vec<(&str, &[u8])> = vec![("h", b"x"); 10_000];
        let few: Vec<(&str, &[u8])> = vec![("large", &large), ("small", b"1")];
        let none = Vec::new();
        let cases =
            [(100_000, 10, &none), (100_000, 100_000, &few), (0, 0, &few), (3, 100, &many), (50_000, 60_000, &many)];
        for (key, value, headers) in cases {
            for limit in [0, 700, 2_000, 20_000, 60_000] {
                let mut record = letter(key, value, headers);
                record.fit(limit);
                assert!(record.size_bytes() <= limit.max(1_000), "{key} {value} {limit}: {}", record.size_bytes());
                let own = &record.headers[record.headers.len() - record.own_headers..];
                let own: std::collections::BTreeMap<_, _> = own.iter().map(shown).collect();
                assert_eq!((own["x-leadstream-topic"], own["x-leadstream-offset"]), ("clicks", "42"));
                let left_out = |name: &str| own.get(name).map(|number| number.parse::<usize>().unwrap());
                let kept = |piece: &Option<Vec<u8>>| piece.as_ref().unwrap().len();
                let before = |found: Option<usize>, kept| found.unwrap_or(kept);
                assert_eq!(before(left_out("x-leadstream-truncated"), kept(&record.value)), value);
                assert_eq!(before(left_out("x-leadstream-key-truncated"), kept(&record.key)), key);
                let foreign = record.headers.len() - record.own_headers;
                assert_eq!(foreign + left_out("x-leadstream-headers-dropped").unwrap_or(0), headers.len());
            }
        }
        let mut record = letter(0, 0, &few);
        record.fit(2_000);
        assert_eq!(shown(&record.headers[0]), ("small", "1"), "a small header stays where a large one goes");
    }

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
        assert_eq!(record.own_headers, 6);
        let headers: Vec<_> = record.headers.iter().map(shown).collect();
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
