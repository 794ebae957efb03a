//! The canonical form of JSON (RFC 8785): the identity of a record that carries none, and the size of what is kept (S3, S58).
//!
//! The form itself is written by core; here are trees, and sizes that can be had for less than the exact one.

use leadstream_core::canonical::{name_order, text_bytes, value_bytes, write_text, write_value};
use leadstream_core::{Hasher, Uid, Value};
use serde_json::Value as Tree;

use crate::scalar::EXACT_MAX;

/// The most bytes of a number in ECMAScript's form.
const NUMBER_MAX_BYTES: usize = 25;

/// The bytes of the member `"name":value`.
pub fn member_bytes(name: &str, value: Value<'_>) -> usize {
    text_bytes(name) + 1 + value_bytes(value)
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

/// As if every escape were a long one: comparisons without a table run over many bytes at once.
fn text_bytes_at_most(text: &str) -> usize {
    let escapes = text.bytes().filter(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\').count();
    2 + text.len() + 5 * escapes
}

/// The id of a record that carries none: a hash of its canonical form, in hexadecimal (S3).
pub(crate) fn identity(tree: &Tree) -> String {
    let mut canonical = Vec::new();
    write_tree(tree, &mut canonical);
    Uid(Hasher::new().bytes(&canonical).finish()).to_string()
}

/// Writes a tree in RFC 8785 form, whole numbers with all their digits.
fn write_tree(tree: &Tree, into: &mut Vec<u8>) {
    match tree {
        Tree::Null => write_value(Value::Null, into),
        Tree::Bool(value) => write_value(Value::Bool(*value), into),
        // RFC 8785 takes numbers for binary64; records that differ in a longer one are not the same all the same.
        Tree::Number(number) => match number.as_i64().map(i64::unsigned_abs).or(number.as_u64()) {
            Some(whole) if whole > EXACT_MAX => into.extend_from_slice(number.to_string().as_bytes()),
            _ => write_value(Value::Number(number.as_f64().unwrap_or(f64::NAN)), into),
        },
        Tree::String(text) => write_text(text, into),
        Tree::Array(items) => {
            into.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    into.push(b',');
                }
                write_tree(item, into);
            }
            into.push(b']');
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| name_order(one, other));
            into.push(b'{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    into.push(b',');
                }
                write_text(name, into);
                into.push(b':');
                write_tree(value, into);
            }
            into.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(tree: &Tree) -> String {
        let mut text = Vec::new();
        write_tree(tree, &mut text);
        String::from_utf8(text).unwrap()
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
            let mut key = Vec::new();
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
