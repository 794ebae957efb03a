//! From the bytes of a record to a parser: the checks that come before any format, and one wording for what a parser rejects.

use serde::de::DeserializeSeed;

use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::limits::{DEPTH_MAX, MEMBERS_MAX, RECORD_MAX_BYTES, is_too_deep};
use crate::record::InputRecord;
use crate::scalar::{TOO_DEEP, TOO_MANY_PROPERTIES};

/// The value of a record that is there and not too large.
pub(crate) fn value_of<'a>(record: &InputRecord<'a>) -> Result<&'a [u8], DeadLetter> {
    let value = record.value.ok_or_else(|| DeadLetter::new(DeadLetterCode::NoValue, "the record has no value"))?;
    if value.len() > RECORD_MAX_BYTES {
        let reason = format!("the value has {} bytes; at most {RECORD_MAX_BYTES} are taken", value.len());
        return Err(DeadLetter::new(DeadLetterCode::TooLarge, reason));
    }
    Ok(value)
}

/// Bytes that must be UTF-8.
pub(crate) fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, DeadLetter> {
    std::str::from_utf8(bytes).map_err(|error| {
        let reason = format!("the {what} is not utf-8 from byte {}", error.valid_up_to());
        DeadLetter::new(DeadLetterCode::NotUtf8, reason)
    })
}

/// The value of a record as text of JSON, no deeper than parsers may recurse.
pub(crate) fn json_text<'a>(record: &InputRecord<'a>) -> Result<&'a str, DeadLetter> {
    let value = value_of(record)?;
    let text = utf8(value, "value")?;
    if is_too_deep(value) {
        return Err(too_deep());
    }
    Ok(text)
}

fn too_deep() -> DeadLetter {
    let reason = format!("objects and arrays lie more than {DEPTH_MAX} levels inside each other");
    DeadLetter::new(DeadLetterCode::TooDeep, reason)
}

/// Drives a seed over JSON; whatever follows the value must be white space.
pub(crate) fn parse_json<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value, DeadLetter> {
    let mut deserializer = sonic_rs::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).map_err(|error| rejected_json(&error))?;
    deserializer.end().map_err(|error| rejected_json(&error))?;
    Ok(value)
}

/// The parser's own message quotes the record, which may be personal: only the place is told.
#[cold]
fn rejected_json(error: &sonic_rs::Error) -> DeadLetter {
    let message = error.to_string();
    rejected(&message)
        .unwrap_or_else(|| malformed("json", &format!("stopped at line {} column {}", error.line(), error.column())))
}

/// The refusal that a visitor of ours asked for, if the message is one of ours.
pub(crate) fn rejected(message: &str) -> Option<DeadLetter> {
    if message.contains(TOO_MANY_PROPERTIES) {
        let reason = format!("more than {MEMBERS_MAX} properties");
        return Some(DeadLetter::new(DeadLetterCode::TooManyProperties, reason));
    }
    message.contains(TOO_DEEP).then(too_deep)
}

/// The refusal of a value that is not of its format.
pub(crate) fn malformed(format: &str, detail: &str) -> DeadLetter {
    DeadLetter::new(DeadLetterCode::Malformed, format!("the value is not {format}: {detail}"))
}

/// The text without white space at its ends; nearly no text has any, which two bytes decide.
#[inline]
pub(crate) fn trimmed(text: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_plain(text.as_bytes().first()) && is_plain(text.as_bytes().last()) { text } else { text.trim() }
}
