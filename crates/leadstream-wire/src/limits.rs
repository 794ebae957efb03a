//! The limits of a record and of what is kept of it (S58), and how a property too many is chosen.
//!
//! Every limit has its name here; going over one is either a dead letter or a counted drop, never silent.

use leadstream_core::{Event, Properties, Span, Value};

use crate::batch::Dropped;
use crate::canonical::{member_bytes, member_bytes_at_most, member_bytes_by_length};

/// The most bytes of the value of an input record.
pub const RECORD_MAX_BYTES: usize = 64 * 1024;
/// The most levels of objects and arrays inside each other.
pub const DEPTH_MAX: usize = 32;
/// The most properties of a record once nested objects are flattened.
pub const MEMBERS_MAX: usize = 1000;
/// The most bytes of an interaction's kept properties in RFC 8785 form (S58).
pub const KEPT_PROPERTIES_MAX_BYTES: usize = 1024;
/// The most bytes of the name of an event type, a property, an attribute or a tag.
pub const NAME_MAX_BYTES: usize = 128;
/// The most bytes of a contact's id.
pub const CONTACT_MAX_BYTES: usize = 256;
/// How far in the future of its reception an event may lie unless a source says otherwise (S4, S58): five minutes.
pub const MAX_AHEAD_DEFAULT: Span = Span::from_millis(5 * 60 * 1000);

/// Drops the property whose member has most bytes, ties by least name, until the rest fits (S58).
pub(crate) fn keep_within_limit(event: &mut Event, dropped: &mut Dropped) {
    let properties = &mut event.properties;
    let is_surely_within = |bytes_of: fn(&str, Value<'_>) -> usize| {
        2 + properties.iter().map(|(_, name, value)| bytes_of(name, value) + 1).sum::<usize>()
            <= KEPT_PROPERTIES_MAX_BYTES
    };
    // Nearly every event is decided by lengths alone, nearly every other one by its escapes; numbers are formatted last.
    if !is_surely_within(member_bytes_by_length) && !is_surely_within(member_bytes_at_most) {
        drop_longest(properties, dropped);
    }
}

#[cold]
fn drop_longest(properties: &mut Properties, dropped: &mut Dropped) {
    let mut members: Vec<_> =
        properties.iter().map(|(name, text, value)| (member_bytes(text, value), text.to_owned(), name)).collect();
    // Two braces, and a comma between any two members.
    let mut total = 1 + members.iter().map(|(bytes, ..)| bytes + 1).sum::<usize>();
    members.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    for (bytes, _, name) in members {
        if total <= KEPT_PROPERTIES_MAX_BYTES {
            break;
        }
        total -= bytes + 1;
        properties.remove(name);
        dropped.oversize += 1;
    }
}

/// Whether objects and arrays lie deeper than [`DEPTH_MAX`] inside each other, in text that may be JSON.
///
/// Parsers recurse, so depth is bounded before any of them sees the text; nearly every record is decided by a count.
pub(crate) fn is_too_deep(json: &[u8]) -> bool {
    openings(json) > DEPTH_MAX && depth(json) > DEPTH_MAX
}

/// How many bytes are `{` or `[`. Counted in bytes per chunk, so that the compiler compares many at once.
fn openings(json: &[u8]) -> usize {
    let in_chunk = |chunk: &[u8]| chunk.iter().fold(0u8, |count, byte| count + u8::from(byte | 0x20 == b'{'));
    json.chunks(128).map(|chunk| usize::from(in_chunk(chunk))).sum()
}

fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use leadstream_core::Name;

    use super::*;

    #[test]
    fn the_longest_member_goes_first_and_ties_go_by_least_name_s58() {
        let mut event = Event::default();
        let long = "x".repeat(400);
        for name in ["b", "a", "c"] {
            event.properties.set(name, Value::Text(&long));
        }
        event.properties.set("d", Value::Number(1.0));
        let mut dropped = Dropped::default();
        keep_within_limit(&mut event, &mut dropped);
        assert_eq!(dropped.oversize, 1);
        let kept: Vec<_> = event.properties.iter().map(|(_, name, _)| name.to_owned()).collect();
        assert_eq!(kept, ["b", "c", "d"]);
    }

    #[test]
    fn exactly_one_kibibyte_is_kept_s58() {
        let mut event = Event::default();
        let mut dropped = Dropped::default();
        event.properties.set("k", Value::Text(&"x".repeat(1024 - r#"{"k":""}"#.len())));
        keep_within_limit(&mut event, &mut dropped);
        assert_eq!((event.properties.len(), dropped.oversize), (1, 0));
        event.properties.set("k", Value::Text(&"x".repeat(1025 - r#"{"k":""}"#.len())));
        keep_within_limit(&mut event, &mut dropped);
        assert_eq!((event.properties.get(Name::of("k")), dropped.oversize), (None, 1));
    }

    #[test]
    fn depth_counts_brackets_outside_texts_only() {
        let deep = "[".repeat(DEPTH_MAX + 1);
        assert!(is_too_deep(deep.as_bytes()));
        assert!(!is_too_deep("[]".repeat(500).as_bytes()));
        assert!(!is_too_deep(format!("\"{deep}\\\"{deep}\"").as_bytes()));
        assert!(!is_too_deep("{".repeat(DEPTH_MAX).as_bytes()));
    }
}
