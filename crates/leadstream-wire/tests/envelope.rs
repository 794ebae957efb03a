//! The internal envelope: what is written is read again, its bytes stay as they were, and damage is told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use leadstream_core::{Event, EventKind, Timestamp, Uid, Value, Verdict};
use leadstream_wire::envelope::{EnvelopeError, Message, Watermark, read, write_event, write_watermark};
use proptest::prelude::*;

use common::assert_golden;

fn event() -> Event {
    let mut event = Event { contact: "c1".to_owned(), uid: Uid::of("web", "e1"), ..Event::default() };
    event.time = Timestamp::from_millis(1_600_000_000_123);
    event.event_type.set("order_completed");
    event.source.set("web");
    event.verdict = Verdict::Suspect;
    event.clamped = true;
    for (name, value) in [
        ("path", Value::Text("/café")),
        ("value", Value::Number(-12.5)),
        ("gift", Value::Bool(true)),
        ("express", Value::Bool(false)),
        ("note", Value::Null),
    ] {
        event.properties.set(name, value);
    }
    event
}

/// All of an event that matters, in a form that can be compared.
fn shown(event: &Event) -> String {
    format!("{event:?}")
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    let (mut bytes, mut again) = (Vec::new(), Event::default());
    write_event(&event(), &mut bytes);
    assert_golden("interaction.bin", &bytes);
    assert_eq!(read(b"c1", &bytes, &mut again), Ok(Message::Event));
    assert_eq!(shown(&again), shown(&event()));

    for (name, kind) in [
        ("attributes.bin", EventKind::Attributes),
        ("tags.bin", EventKind::Tags),
        ("snapshot.bin", EventKind::Snapshot),
        ("link.bin", EventKind::Link),
        ("adjust.bin", EventKind::Adjust),
        ("feedback.bin", EventKind::Feedback),
        ("verdict.bin", EventKind::Verdict),
    ] {
        let event = Event { kind, ..Event::default() };
        bytes.clear();
        write_event(&event, &mut bytes);
        assert_golden(name, &bytes);
        assert_eq!(read(b"", &bytes, &mut again), Ok(Message::Event));
        assert_eq!(again.kind, kind);
    }

    let watermark =
        Watermark { source: "web".to_owned(), partition: 300, instant: Timestamp::from_millis(1_600_000_000_123) };
    bytes.clear();
    write_watermark(&watermark, &mut bytes);
    assert_golden("watermark.bin", &bytes);
    assert_eq!(read(b"", &bytes, &mut again), Ok(Message::Watermark(watermark)));
}

#[test]
fn what_a_newer_version_wrote_is_told_from_damage() {
    let (mut bytes, mut into) = (Vec::new(), Event::default());
    write_event(&event(), &mut bytes);
    let whole = bytes.clone();
    bytes[0] = 2;
    assert_eq!(read(b"c1", &bytes, &mut into), Err(EnvelopeError::NewerVersion(2)));
    (bytes[0], bytes[1]) = (1, 9);
    assert_eq!(read(b"c1", &bytes, &mut into), Err(EnvelopeError::UnknownKind(9)));
    for length in 0..whole.len() {
        assert!(matches!(read(b"c1", &whole[..length], &mut into), Err(EnvelopeError::Damaged(_))), "{length}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(read(b"c1", &longer, &mut into), Err(EnvelopeError::Damaged("bytes follow the message")));
    assert!(matches!(read(&[0xff], &whole, &mut into), Err(EnvelopeError::Damaged(_))));
}

fn any_value() -> impl Strategy<Value = Option<(Option<f64>, Option<bool>, String)>> {
    proptest::option::of((proptest::option::of(any::<f64>()), proptest::option::of(any::<bool>()), ".{0,12}"))
}

proptest! {
    #[test]
    fn every_event_comes_back(
        contact in ".{0,20}",
        time in any::<i64>(),
        words in (".{0,20}", ".{0,200}"),
        kind in 0..8usize,
        verdict in 0..3usize,
        clamped in any::<bool>(),
        properties in proptest::collection::vec((".{0,8}", any_value()), 0..8),
    ) {
        let mut event = Event { contact: contact.clone(), uid: Uid::of(&contact, "x"), clamped, ..Event::default() };
        event.time = Timestamp::from_millis(time);
        event.kind = [
            EventKind::Interaction,
            EventKind::Attributes,
            EventKind::Tags,
            EventKind::Snapshot,
            EventKind::Link,
            EventKind::Adjust,
            EventKind::Feedback,
            EventKind::Verdict,
        ][kind];
        event.verdict = [Verdict::Human, Verdict::Suspect, Verdict::Machine][verdict];
        event.event_type.set(&words.0);
        event.source.set(&words.1);
        for (name, value) in &properties {
            event.properties.set(name, match value {
                None => Value::Null,
                Some((Some(number), ..)) => Value::Number(*number),
                Some((_, Some(truth), _)) => Value::Bool(*truth),
                Some((.., text)) => Value::Text(text),
            });
        }
        let (mut bytes, mut again) = (Vec::new(), Event::default());
        write_event(&event, &mut bytes);
        prop_assert_eq!(read(contact.as_bytes(), &bytes, &mut again), Ok(Message::Event));
        prop_assert_eq!(shown(&again), shown(&event));
    }

    #[test]
    fn every_watermark_comes_back(source in ".{0,200}", partition in any::<i32>(), millis in any::<i64>()) {
        let watermark = Watermark { source, partition, instant: Timestamp::from_millis(millis) };
        let mut bytes = Vec::new();
        write_watermark(&watermark, &mut bytes);
        prop_assert_eq!(read(b"", &bytes, &mut Event::default()), Ok(Message::Watermark(watermark)));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = read(b"c", &bytes, &mut Event::default());
        let _ = read(b"c", &[&[1, 1][..], &bytes].concat(), &mut Event::default());
    }
}
