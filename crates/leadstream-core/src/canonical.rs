//! Canonical JSON (RFC 8785): the bytes by which two events of one identity are told apart (S3), and the pieces that any other writer of the form is
//! made of.
//!
//! Numbers are binary64 and written as ECMAScript writes them; members are in the order of their names' UTF-16 units. Only quotes, backslashes and
//! control characters are escaped.

use std::cmp::Ordering;

use crate::event::{Properties, Value};

/// The RFC 8785 form of properties.
pub fn canonical_bytes(properties: &Properties) -> Vec<u8> {
    let mut members: Vec<(&str, Value<'_>)> = properties.iter().map(|(_, name, value)| (name, value)).collect();
    members.sort_by(|(one, _), (other, _)| name_order(one, other));
    let mut bytes = vec![b'{'];
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        write_text(name, &mut bytes);
        bytes.push(b':');
        write_value(value, &mut bytes);
    }
    bytes.push(b'}');
    bytes
}

/// The order of members by their names.
pub fn name_order(one: &str, other: &str) -> Ordering {
    // Units and bytes order alike where no name leaves the basic plane; ASCII, the common case, never does.
    if one.is_ascii() && other.is_ascii() { one.cmp(other) } else { one.encode_utf16().cmp(other.encode_utf16()) }
}

/// Writes a scalar.
pub fn write_value(value: Value<'_>, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(value) => bytes.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Number(number) => bytes.extend_from_slice(ryu_js::Buffer::new().format(number).as_bytes()),
        Value::Text(text) => write_text(text, bytes),
    }
}

/// How many bytes [`write_value`] writes.
pub fn value_bytes(value: Value<'_>) -> usize {
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => ryu_js::Buffer::new().format(number).len(),
        Value::Text(text) => text_bytes(text),
    }
}

/// Writes a text with its quotes and escapes.
pub fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = rest.iter().position(|byte| ESCAPED_BYTES[usize::from(*byte)] != 1) {
        bytes.extend_from_slice(&rest[..plain]);
        write_escape(rest[plain], bytes);
        rest = &rest[plain + 1..];
    }
    bytes.extend_from_slice(rest);
    bytes.push(b'"');
}

/// How many bytes [`write_text`] writes.
pub fn text_bytes(text: &str) -> usize {
    2 + text.bytes().map(|byte| usize::from(ESCAPED_BYTES[usize::from(byte)])).sum::<usize>()
}

fn write_escape(byte: u8, bytes: &mut Vec<u8>) {
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        control if control < 0x20 => {
            let digit = |shift: u8| b"0123456789abcdef"[usize::from((control >> shift) & 15)];
            return bytes.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(4), digit(0)]);
        }
        quote_or_backslash => quote_or_backslash,
    };
    bytes.extend_from_slice(&[b'\\', short]);
}

/// The bytes that each byte of a text takes.
const ESCAPED_BYTES: [u8; 256] = {
    let mut bytes = [1; 256];
    let mut control = 0;
    while control < 0x20 {
        bytes[control] = 6;
        control += 1;
    }
    let short = [b'"', b'\\', 0x08, b'\t', b'\n', 0x0c, b'\r'];
    let mut at = 0;
    while at < short.len() {
        bytes[short[at] as usize] = 2;
        at += 1;
    }
    bytes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_little_as_json_allows_and_their_size_is_known() {
        for (text, expected) in [
            ("", r#""""#),
            ("plain €", r#""plain €""#),
            ("a\"b\\", r#""a\"b\\""#),
            ("\u{8}\t\n\u{c}\r", r#""\b\t\n\f\r""#),
            ("\0\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""),
        ] {
            let mut bytes = Vec::new();
            write_text(text, &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
            assert_eq!(text_bytes(text), expected.len());
        }
    }

    #[test]
    fn members_are_sorted_and_numbers_shortest_s3() {
        let mut properties = Properties::new();
        properties.set("b", Value::Number(1e21));
        properties.set("a\n\u{1}", Value::Text("x\"\\"));
        properties.set("aa", Value::Number(100.0));
        properties.set("\u{ff3f}", Value::Bool(true));
        properties.set("\u{1f600}", Value::Null);
        let text = String::from_utf8(canonical_bytes(&properties)).unwrap();
        assert_eq!(text, "{\"a\\n\\u0001\":\"x\\\"\\\\\",\"aa\":100,\"b\":1e+21,\"\u{1f600}\":null,\"\u{ff3f}\":true}");
    }
}
