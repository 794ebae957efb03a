//! The canonical form of JSON (RFC 8785): the identity of a record that carries none, and the size of what is kept (S3, S58).
//!
//! Numbers are binary64 and written as ECMAScript writes them; members are in the order of their names' UTF-16 units.

use leadstream_core::{Hasher, Uid, Value};
use serde_json::Value as Tree;

/// The most bytes of a number in ECMAScript's form.
const NUMBER_MAX_BYTES: usize = 25;

/// The bytes of the member `"name":value`.
pub fn member_bytes(name: &str, value: Value<'_>) -> usize {
    let value_bytes = match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => format_number(number, &mut ryu_js::Buffer::new()).len(),
        Value::Text(text) => text_bytes(text),
    };
    text_bytes(name) + 1 + value_bytes
}

/// No fewer bytes than [`member_bytes`], found without formatting a number or looking at each escape.
pub(crate) fn member_bytes_at_most(name: &str, value: Value<'_>) -> usize {
    let value_bytes = match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => NUMBER_MAX_BYTES,
        Value::Text(text) => text_bytes_at_most(text),
    };
    text_bytes_at_most(name) + 1 + value_bytes
}

/// No fewer bytes than [`member_bytes_at_most`], found without looking at the texts: an escape is at most six bytes long.
pub(crate) fn member_bytes_by_length(name: &str, value: Value<'_>) -> usize {
    let text_bytes = if let Value::Text(text) = value { text.len() } else { 0 };
    6 * (name.len() + text_bytes) + NUMBER_MAX_BYTES + 5
}

/// The bytes of a text with its quotes and escapes.
fn text_bytes(text: &str) -> usize {
    2 + text.bytes().map(|byte| usize::from(ESCAPED_BYTES[usize::from(byte)])).sum::<usize>()
}

/// As if every escape were a long one: comparisons without a table run over many bytes at once.
fn text_bytes_at_most(text: &str) -> usize {
    let escapes = text.bytes().filter(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\').count();
    2 + text.len() + 5 * escapes
}

/// The bytes that each byte of a text takes: RFC 8785 escapes quotes, backslashes and control characters only.
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

fn format_number(number: f64, buffer: &mut ryu_js::Buffer) -> &str {
    buffer.format(number)
}

/// The id of a record that carries none: a hash of its canonical form, in hexadecimal (S3).
pub(crate) fn identity(tree: &Tree) -> String {
    let mut canonical = String::new();
    write_tree(tree, &mut canonical);
    Uid(Hasher::new().bytes(canonical.as_bytes()).finish()).to_string()
}

/// Writes a tree in RFC 8785 form.
pub(crate) fn write_tree(tree: &Tree, into: &mut String) {
    match tree {
        Tree::Null => into.push_str("null"),
        Tree::Bool(true) => into.push_str("true"),
        Tree::Bool(false) => into.push_str("false"),
        Tree::Number(number) => {
            into.push_str(format_number(number.as_f64().unwrap_or(f64::NAN), &mut ryu_js::Buffer::new()));
        }
        Tree::String(text) => write_text(text, into),
        Tree::Array(items) => {
            into.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                write_tree(item, into);
            }
            into.push(']');
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            into.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                write_text(name, into);
                into.push(':');
                write_tree(value, into);
            }
            into.push('}');
        }
    }
}

/// Writes a text in RFC 8785 form.
fn write_text(text: &str, into: &mut String) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\u{8}' => into.push_str("\\b"),
            '\t' => into.push_str("\\t"),
            '\n' => into.push_str("\\n"),
            '\u{c}' => into.push_str("\\f"),
            '\r' => into.push_str("\\r"),
            control if control < ' ' => {
                into.push_str("\\u00");
                for shift in [4, 0] {
                    into.push(char::from(b"0123456789abcdef"[(control as usize >> shift) & 15]));
                }
            }
            other => into.push(other),
        }
    }
    into.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(tree: &Tree) -> String {
        let mut text = String::new();
        write_tree(tree, &mut text);
        text
    }

    #[test]
    fn members_are_ordered_by_utf16_units_and_numbers_are_ecmascript() {
        let tree = crate::text::parse_json(
            r#"{"\ufb33": 1e30, "\ud83d\ude00": 4.50, "b": [1.0, -0.0, 333333333.33333329, 1e-7], "a": "\u000f\n\"€"}"#,
            crate::tree::TreeSeed::default(),
        )
        .unwrap();
        let canonical = r#"{"a":"\u000f\n\"€","b":[1,0,333333333.3333333,1e-7],"😀":4.5,"דּ":1e+30}"#;
        assert_eq!(written(&tree), canonical);
    }

    proptest! {
        #[test]
        fn the_size_of_a_member_is_the_size_of_its_text(name in ".*", text in ".*", number in any::<f64>()) {
            let number = if number.is_finite() { number } else { 0.5 };
            let mut key = String::new();
            write_text(&name, &mut key);
            for (value, tree) in [
                (Value::Text(&text), Tree::from(text.clone())),
                (Value::Number(number), Tree::from(number)),
                (Value::Bool(false), Tree::from(false)),
                (Value::Null, Tree::Null),
            ] {
                let exact = key.len() + 1 + written(&tree).len();
                prop_assert_eq!(member_bytes(&name, value), exact);
                prop_assert!(member_bytes_at_most(&name, value) >= exact);
                prop_assert!(member_bytes_by_length(&name, value) >= member_bytes_at_most(&name, value));
            }
        }
    }
}
