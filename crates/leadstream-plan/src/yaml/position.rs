//! Where a part of a scalar's text stands in the file: quoting, escapes and folded lines lie between the two.

use super::Span;

/// The bytes of the file that `part` (bytes of the scalar's text) came from, for a scalar that covers `span` of `source`.
///
/// The two texts are walked side by side. Where that loses its way (no spelling of YAML that plans use does), the whole scalar is the answer.
pub fn locate(source: &str, span: &Span, text: &str, part: &Span) -> Span {
    let Some(raw) = source.get(span.clone()) else { return span.clone() };
    let offsets = align(raw, text);
    let at = |place: usize| offsets.get(place).copied();
    let last = text.get(..part.end).and_then(|before| before.char_indices().next_back());
    match (at(part.start), last) {
        (Some(start), Some((last, character))) if part.end > part.start => {
            let end = at(last).map_or(raw.len(), |from| from + length_in_source(&raw[from..], quote(raw), character));
            span.start + start..span.start + end.max(start)
        }
        // An empty part: something is missing here.
        (Some(start), _) => span.start + start..span.start + start,
        (None, _) => span.clone(),
    }
}

/// For each byte of `text`, and one past its end, the byte of `raw` that it came from; shorter where the walk lost its way.
fn align(raw: &str, text: &str) -> Vec<usize> {
    let quote = quote(raw);
    let mut at = match raw.chars().next() {
        Some('\'' | '"') => 1,
        // The header of a block scalar: `>-`, `|2` and their kin end with their line.
        Some('|' | '>') if raw.contains('\n') => raw.find('\n').unwrap_or(0),
        _ => 0,
    };
    let mut offsets = Vec::with_capacity(text.len() + 1);
    for character in text.chars() {
        if let Some(blank) = blank_run(&raw[at..]) {
            // A line break in the source may stand for nothing, a space or line breaks in the text.
            if character == ' ' || character == '\n' {
                offsets.resize(offsets.len() + 1, at);
                if character == ' ' || !text[offsets.len()..].starts_with('\n') {
                    at += blank;
                }
                continue;
            }
            at += blank;
        }
        let rest = &raw[at..];
        let is_escaped = quote == Some('"') && rest.starts_with('\\') || quote == Some('\'') && rest.starts_with("''");
        if !is_escaped && !rest.starts_with(character) {
            return offsets;
        }
        let length = length_in_source(rest, quote, character);
        offsets.resize(offsets.len() + character.len_utf8(), at);
        at += length;
    }
    offsets.push(at);
    offsets
}

/// The length of white space that contains a line break, if the text begins with such.
fn blank_run(raw: &str) -> Option<usize> {
    let blank = raw.len() - raw.trim_start().len();
    raw[..blank].contains('\n').then_some(blank)
}

/// The quote that a scalar begins with.
fn quote(raw: &str) -> Option<char> {
    raw.chars().next().filter(|first| matches!(first, '\'' | '"'))
}

/// How many bytes of the source one character takes at the beginning of `raw`. Only quotes give a backslash or a quote another meaning.
fn length_in_source(raw: &str, quote: Option<char>, character: char) -> usize {
    let mut characters = raw.chars();
    let length = match (quote, characters.next(), characters.next()) {
        (Some('"'), Some('\\'), Some('x')) => 4,
        (Some('"'), Some('\\'), Some('u')) => 6,
        (Some('"'), Some('\\'), Some('U')) => 10,
        (Some('"'), Some('\\'), Some(escaped)) => 1 + escaped.len_utf8(),
        (Some('\''), Some('\''), Some('\'')) => 2,
        _ => character.len_utf8(),
    };
    raw.ceil_char_boundary(length.min(raw.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Sink;
    use crate::yaml::{Content, parse};

    /// Locates `part` of the only value of a mapping and gives what stands there.
    #[track_caller]
    fn check(source: &str, part: &str, expected: &str) {
        let mut diagnostics = Vec::new();
        let node = parse(source, &mut Sink::new("plan.yaml", source, &mut diagnostics)).unwrap();
        let Content::Mapping(entries) = node.content else { panic!("a mapping") };
        let value = &entries[0].value;
        let Content::Scalar(scalar) = &value.content else { panic!("a scalar") };
        let start = scalar.text.find(part).unwrap();
        let found = locate(source, &value.span, &scalar.text, &(start..start + part.len()));
        assert_eq!(&source[found], expected, "{source:?}");
    }

    #[test]
    fn a_part_of_a_plain_or_quoted_text_is_found_where_it_stands() {
        check("k: event.path == 1", "path", "path");
        check("k: 'event.city == \"Kraków\" && x'", "&& x", "&& x");
        check("k: 'it''s == y'", "== y", "== y");
        check("k: 'it''s == y'", "'", "''");
        check(r#"k: "a \"b\" \u0105 == y""#, "== y", "== y");
        check(r#"k: "a \"b\" \u0105 == y""#, "ą", r"\u0105");
    }

    #[test]
    fn a_part_of_a_text_over_several_lines_is_found_where_it_stands() {
        check("k: >-\n  event.a\n  && event.b\n  && c\n", "event.b", "event.b");
        check("k: >\n  event.a\n\n  && event.b\n", "event.b", "event.b");
        check("k: |\n  event.a\n  && event.b\n", "event.b", "event.b");
        check("k: event.a\n  && event.b\nz: 1", "event.b", "event.b");
        check("k: \"event.a\n  && event.b\"", "event.b", "event.b");
    }

    #[test]
    fn the_place_after_the_end_is_found_too() {
        let source = "k: 'a &&'";
        assert_eq!(locate(source, &(3..9), "a &&", &(4..4)), 8..8);
    }
}
