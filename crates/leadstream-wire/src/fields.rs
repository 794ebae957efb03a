//! The fields that every interaction has under one name, whatever its source calls them: `value` and `path` (S59).

use leadstream_core::{Name, Properties, Value};

/// Sets `path` to the path of `url` where there is none: from the host to the query.
pub(crate) fn complete_path(properties: &mut Properties) {
    if properties.get(Name::of("path")).is_some() {
        return;
    }
    let Some(Value::Text(url)) = properties.get(Name::of("url")) else { return };
    if let Some(path) = path_of(url) {
        let path = path.to_owned();
        properties.set("path", Value::Text(&path));
    }
}

/// The path of an absolute or a rootless URL; a text without a host in front has none that could be told from it.
fn path_of(url: &str) -> Option<&str> {
    let end_of = |text: &str, ends: &[u8]| text.bytes().position(|byte| ends.contains(&byte)).unwrap_or(text.len());
    let after_host = if url.starts_with('/') {
        url
    } else {
        let rest = url.split_once(':')?.1.strip_prefix("//")?;
        &rest[end_of(rest, b"/?#")..]
    };
    let path = &after_host[..end_of(after_host, b"?#")];
    Some(if path.is_empty() { "/" } else { path })
}

/// Sets `value` to a number: the event's value, else its total, else its revenue.
///
/// A text that spells a number counts as one, since many senders quote theirs; a text that does not stays as it was sent.
pub(crate) fn complete_value(properties: &mut Properties) {
    let value = properties.get(Name::of("value"));
    if matches!(value, Some(Value::Number(_))) {
        return;
    }
    let number = match value {
        Some(value) => as_number(value),
        None => ["total", "revenue"].iter().find_map(|name| as_number(properties.get(Name::of(name))?)),
    };
    if let Some(number) = number {
        properties.set("value", Value::Number(number));
    }
}

fn as_number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number),
        // Rust also reads "inf", "nan" and "1e5"; only what begins like a number is one.
        Value::Text(text) if text.trim().starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) => {
            text.trim().parse().ok().filter(|number: &f64| number.is_finite())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(members: &[(&str, Value<'_>)]) -> Option<f64> {
        let mut properties = Properties::new();
        members.iter().for_each(|(name, value)| properties.set(name, *value));
        complete_value(&mut properties);
        match properties.get(Name::of("value")) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    #[test]
    fn the_value_is_value_else_total_else_revenue() {
        let (two, three) = (Value::Number(2.0), Value::Number(3.0));
        assert_eq!(value_of(&[("value", Value::Number(1.0)), ("total", two)]), Some(1.0));
        assert_eq!(value_of(&[("revenue", three), ("total", two)]), Some(2.0));
        assert_eq!(value_of(&[("revenue", three)]), Some(3.0));
        assert_eq!(value_of(&[("total", Value::Text("n/a")), ("revenue", three)]), Some(3.0));
        assert_eq!(value_of(&[("value", Value::Text(" 15.98 "))]), Some(15.98));
        assert_eq!(value_of(&[("value", Value::Text("infinity"))]), None);
        assert_eq!(value_of(&[("value", Value::Text("high")), ("revenue", three)]), None);
        assert_eq!(value_of(&[]), None);
    }

    #[test]
    fn the_path_lies_between_host_and_query() {
        for (url, path) in [
            ("https://shop.example/offers/1?x=/y#z", Some("/offers/1")),
            ("https://shop.example", Some("/")),
            ("https://shop.example?q=1", Some("/")),
            ("/offers/2#top", Some("/offers/2")),
            ("www.shop.example/offers", None),
            ("/go?to=https://other.example/x", Some("/go")),
            ("mailto:ana@shop.example", None),
            ("", None),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
