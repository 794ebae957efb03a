//! The packed part of a row: its properties, and its type and source where those are no words.
//!
//! A property is the number of its name's word plus one, or 0 and the name as a text; then a tag and the value. Numbers are LEB128.

use crate::contact::make_room;
use crate::event::{Properties, Value};
use crate::id::Name;
use crate::word::Word;

/// A text of a row: a word of the process, or its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowText<'a> {
    /// A word.
    Word(Word),
    /// A text that could not become a word.
    Own(&'a str),
}

impl<'a> RowText<'a> {
    /// A text from outside whose name is known.
    #[inline]
    pub fn from_outside(name: Name, text: &'a str) -> RowText<'a> {
        Word::from_outside(name, text).map_or(RowText::Own(text), RowText::Word)
    }

    /// The text.
    pub fn as_str(self) -> &'a str {
        match self {
            RowText::Word(word) => word.as_str(),
            RowText::Own(text) => text,
        }
    }

    /// The name of the text.
    #[inline]
    pub fn name(self) -> Name {
        match self {
            RowText::Word(word) => word.name(),
            RowText::Own(text) => Name::of(text),
        }
    }
}

/// Tags of packed values. Never changed or reused: stored rows carry them.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    /// A whole number as a zigzag varint.
    pub(super) const WHOLE: u8 = 3;
    /// A binary64, little-endian.
    pub(super) const NUMBER: u8 = 4;
    /// A varint length and UTF-8 bytes.
    pub(super) const TEXT: u8 = 5;
}

/// Reads packed properties one by one. Bytes that are not well formed end the reading.
#[derive(Clone, Copy, Debug)]
pub struct RowProperties<'a> {
    bytes: &'a [u8],
}

impl<'a> RowProperties<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> RowProperties<'a> {
        RowProperties { bytes }
    }

    /// The value of one property.
    pub fn get(self, name: Name) -> Option<Value<'a>> {
        let (_, value) = RawProperties::new(self.bytes).find(|(known, _)| known.name() == name)?;
        take_value(&mut &*value)
    }
}

impl<'a> Iterator for RowProperties<'a> {
    type Item = (RowText<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((take_name(&mut self.bytes)?, take_value(&mut self.bytes)?))
    }
}

/// Reads packed properties with their values as they are packed.
#[derive(Clone, Copy, Debug)]
pub struct RawProperties<'a> {
    bytes: &'a [u8],
}

impl<'a> RawProperties<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> RawProperties<'a> {
        RawProperties { bytes }
    }
}

impl<'a> Iterator for RawProperties<'a> {
    type Item = (RowText<'a>, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name = take_name(&mut self.bytes)?;
        let (value, rest) = split_known_value(self.bytes)?;
        self.bytes = rest;
        Some((name, value))
    }
}

/// Splits bytes from outside behind the packed value that they begin with; `None` where they begin with none.
pub fn split_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (value, rest) = split_known_value(bytes)?;
    take_value(&mut &*value)?;
    Some((value, rest))
}

/// Splits bytes behind the packed value that they begin with. A text was looked at when it came in.
fn split_known_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, mut rest) = bytes.split_first()?;
    match *tag {
        tag::NULL | tag::FALSE | tag::TRUE => {}
        tag::WHOLE => {
            take_varint(&mut rest)?;
        }
        tag::NUMBER => rest = rest.get(8..)?,
        tag::TEXT => {
            let length = usize::try_from(take_varint(&mut rest)?).ok()?;
            rest = rest.get(length..)?;
        }
        _ => return None,
    }
    bytes.split_at_checked(bytes.len() - rest.len())
}

/// The length of a packed value that is a text, in bytes.
pub(super) fn text_len(value: &[u8]) -> Option<usize> {
    let (tag, mut rest) = value.split_first()?;
    if *tag == tag::TEXT { take_varint(&mut rest).and_then(|length| usize::try_from(length).ok()) } else { None }
}

fn take_name<'a>(bytes: &mut &'a [u8]) -> Option<RowText<'a>> {
    match take_varint(bytes)? {
        0 => take_text(bytes).map(RowText::Own),
        word => u32::try_from(word - 1).ok().map(|number| RowText::Word(Word::numbered(number))),
    }
}

fn take_value<'a>(bytes: &mut &'a [u8]) -> Option<Value<'a>> {
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match *tag {
        tag::NULL => Value::Null,
        tag::FALSE => Value::Bool(false),
        tag::TRUE => Value::Bool(true),
        tag::WHOLE => {
            let zigzag = take_varint(bytes)?;
            Value::Number(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)) as f64)
        }
        tag::NUMBER => {
            let (number, rest) = bytes.split_first_chunk::<8>()?;
            *bytes = rest;
            Value::Number(f64::from_le_bytes(*number))
        }
        tag::TEXT => Value::Text(take_text(bytes)?),
        _ => return None,
    })
}

/// What the numbers of a property take at most: of its name, the tag, and a number or a length.
const PROPERTY_NUMBERS_BYTES: usize = 24;

pub(super) fn put_properties(properties: &Properties, out: &mut Vec<u8>) {
    make_room(out, properties.text_bytes() + properties.len() * PROPERTY_NUMBERS_BYTES);
    for (name, text, value) in properties.iter() {
        put_name(RowText::from_outside(name, text), out);
        match value {
            Value::Null => out.push(tag::NULL),
            Value::Bool(false) => out.push(tag::FALSE),
            Value::Bool(true) => out.push(tag::TRUE),
            Value::Number(number) => put_value_number(number, out),
            Value::Text(text) => {
                out.push(tag::TEXT);
                put_text(text, out);
            }
        }
    }
}

pub(super) fn put_name(name: RowText<'_>, out: &mut Vec<u8>) {
    match name {
        RowText::Word(word) => put_varint(u64::from(word.number()) + 1, out),
        RowText::Own(text) => {
            out.push(0);
            put_text(text, out);
        }
    }
}

fn put_value_number(number: f64, out: &mut Vec<u8>) {
    let whole = number as i64;
    // -0.0 is a binary64 of its own only in its sign, which no condition can see: it is kept as 0.
    if whole as f64 == number && whole.unsigned_abs() < 1 << 48 {
        out.push(tag::WHOLE);
        put_varint(((whole << 1) ^ (whole >> 63)) as u64, out);
    } else {
        out.push(tag::NUMBER);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut properties = Properties::new();
        let long = "n".repeat(300);
        let values = [Value::Text("/a"), Value::Number(-12.5), Value::Number(-3.0), Value::Bool(true), Value::Null];
        for (name, value) in ["path", "value", "count", "yes", &long].into_iter().zip(values) {
            properties.set(name, value);
        }
        let mut bytes = Vec::new();
        put_properties(&properties, &mut bytes);
        bytes
    }

    #[test]
    fn values_are_read_as_they_were_packed() {
        let bytes = packed();
        let read: Vec<_> = RowProperties::new(&bytes).map(|(name, value)| (name.as_str().len(), value)).collect();
        assert_eq!(read[1], (5, Value::Number(-12.5)));
        assert_eq!(read[2], (5, Value::Number(-3.0)));
        assert_eq!(read[4], (300, Value::Null));
        assert_eq!(RowProperties::new(&bytes).get(Name::of("yes")), Some(Value::Bool(true)));
        assert_eq!(RawProperties::new(&bytes).count(), 5);
    }

    #[test]
    fn truncated_bytes_end_the_reading_without_panic() {
        let bytes = packed();
        for end in 0..bytes.len() {
            assert!(RowProperties::new(&bytes[..end]).count() < 5);
            assert!(RawProperties::new(&bytes[..end]).count() < 5);
        }
    }
}
