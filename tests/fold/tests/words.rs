//! Decoders and plans use the same words: what a decoder makes of a published event is what a plan may ask for.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_core::PUBLISHED_NAMES;
use leadstream_plan::{Options, Style, compile, preset_event_types};
use leadstream_wire::{Decoder, EventBatch, InputRecord, Shape, SourceFormat};

/// The type and the properties of a Segment message.
fn decoded(message: &str) -> (String, Vec<String>) {
    let mut decoder = Decoder::compile(&SourceFormat::new("web", Shape::Segment)).unwrap();
    let mut batch = EventBatch::new();
    let record = InputRecord {
        value: Some(message.as_bytes()),
        timestamp_ms: Some(1_767_225_600_000),
        ..InputRecord::default()
    };
    decoder.decode(&record, &mut batch).unwrap();
    let event = &batch.events()[0];
    let names = event.properties.iter().map(|(_, name, _)| name.to_owned()).collect();
    (event.event_type.as_str().to_owned(), names)
}

fn track(name: &str) -> String {
    decoded(&format!("{{\"type\":\"track\",\"userId\":\"u\",\"event\":\"{name}\"}}")).0
}

/// What a compiler says of a rule for events of a type.
fn said(event_type: &str) -> String {
    let text = format!("plan: p\nrules: [ {{ id: a, on: {event_type}, points: 1 }} ]\n");
    let diagnostics = compile("p.yaml", &text, &Options::default()).diagnostics;
    diagnostics.iter().map(|diagnostic| diagnostic.render(&text, Style::Plain)).collect()
}

/// `order_completed` as its specification writes it.
fn title(event_type: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    event_type.split('_').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_type_that_plans_know_comes_from_decoders_under_that_name() {
    for preset in preset_event_types() {
        assert_eq!(track(preset), *preset);
        assert_eq!(track(&title(preset)), *preset);
        assert_eq!(said(preset), "", "{preset}");
    }
}

#[test]
fn a_published_name_becomes_a_type_that_plans_know_and_a_plan_that_uses_the_name_is_told_so() {
    for (name, event_type) in PUBLISHED_NAMES {
        assert_eq!(track(&title(name)), *event_type);
        assert!(preset_event_types().contains(event_type), "{event_type}");
        assert!(!preset_event_types().contains(name), "no event has the type {name}");
        assert!(said(name).contains(&format!("did you mean `{event_type}`?")), "{name}: {}", said(name));
    }
}

#[test]
fn pages_screens_and_amounts_have_the_names_that_plans_know() {
    let (event_type, names) = decoded(
        r#"{"type":"page","userId":"u","name":"Home","context":{"page":{"url":"https://x.example/a?b","referrer":"https://y.example"}}}"#,
    );
    assert!(preset_event_types().contains(&event_type.as_str()), "{event_type}");
    for name in ["url", "path", "name", "referrer"] {
        assert!(names.iter().any(|is| is == name), "{name} is not among {names:?}");
    }
    let (event_type, _) = decoded(r#"{"type":"screen","userId":"u","name":"Home"}"#);
    assert!(preset_event_types().contains(&event_type.as_str()), "{event_type}");
    for amount in ["value", "total", "revenue"] {
        let message = format!(
            "{{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Order Completed\",\"properties\":{{\"{amount}\":5}}}}"
        );
        assert!(decoded(&message).1.iter().any(|is| is == "value"), "{amount}");
    }
}
