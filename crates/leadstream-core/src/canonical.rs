//! The canonical bytes of properties (RFC 8785), by which two events of one identity are told apart (S3).

use crate::event::{Properties, Value};

/// The RFC 8785 form of properties: members in the order of their names' UTF-16 units, numbers as ECMAScript writes them.
pub fn canonical_bytes(properties: &Properties) -> Vec<u8> {
    let mut members: Vec<(&str, Value<'_>)> = properties.iter().map(|(_, name, value)| (name, value)).collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let mut bytes = vec![b'{'];
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        write_text(name, &mut bytes);
        bytes.push(b':');
        match value {
            Value::Null => bytes.extend_from_slice(b"null"),
            Value::Bool(value) => bytes.extend_from_slice(if value { b"true" } else { b"false" }),
            Value::Number(number) => bytes.extend_from_slice(ryu_js::Buffer::new().format(number).as_bytes()),
            Value::Text(text) => write_text(text, &mut bytes),
        }
    }
    bytes.push(b'}');
    bytes
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => bytes.extend_from_slice(b"\\\""),
            b'\\' => bytes.extend_from_slice(b"\\\\"),
            0x08 => bytes.extend_from_slice(b"\\b"),
            b'\t' => bytes.extend_from_slice(b"\\t"),
            b'\n' => bytes.extend_from_slice(b"\\n"),
            0x0c => bytes.extend_from_slice(b"\\f"),
            b'\r' => bytes.extend_from_slice(b"\\r"),
            control if control < 0x20 => bytes.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
            other => bytes.push(other),
        }
    }
    bytes.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

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
