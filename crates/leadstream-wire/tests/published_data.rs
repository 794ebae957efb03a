//! The published examples of the Segment shape: every message is taken, or refused for a reason that a reader agrees with.

mod common;

use std::collections::BTreeMap;

use leadstream_wire::{Decoded, Decoder, EventBatch, Shape, SourceFormat};

use common::{record, shared_lines};

/// Decodes all messages and counts what became of them.
fn outcomes(messages: &[String], show: bool) -> BTreeMap<String, usize> {
    let mut decoder = Decoder::compile(&SourceFormat::new("web", Shape::Segment)).unwrap();
    let mut batch = EventBatch::new();
    let mut counts = BTreeMap::new();
    for message in messages {
        let outcome = match decoder.decode(&record(message.as_bytes()), &mut batch) {
            Ok(Decoded::Events(_)) => "taken".to_owned(),
            Ok(Decoded::Skipped(reason)) => format!("skipped: {}", reason.as_str()),
            Err(letter) => letter.to_string(),
        };
        if show && outcome != "taken" {
            println!("{outcome}\n    {}", message.chars().take(1500).collect::<String>());
        }
        *counts.entry(outcome).or_insert(0) += 1;
    }
    let mut kinds = BTreeMap::new();
    for event in batch.events() {
        assert!(!event.contact.is_empty());
        assert!(event.time.is_plausible());
        *kinds.entry(format!("{:?}", event.kind)).or_insert(0) += 1;
    }
    println!("{kinds:?} {:?}", batch.dropped);
    counts
}

#[test]
fn every_message_of_the_segment_specification_is_taken_or_refused_for_a_reason() {
    let Some(lines) = shared_lines("segment_spec/events.ndjson") else { return };
    let messages: Vec<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].to_string())
        .collect();
    assert_eq!(messages.len(), 75);
    println!("{:#?}", outcomes(&messages, std::env::var_os("SHOW").is_some()));
}

#[test]
fn every_message_of_rudderstacks_tests_is_taken_or_refused_for_a_reason() {
    let Some(messages) = shared_lines("rudderstack/events.ndjson.gz") else { return };
    assert_eq!(messages.len(), 3071);
    println!("{:#?}", outcomes(&messages, std::env::var_os("SHOW").is_some()));
}
