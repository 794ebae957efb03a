//! The published examples of the Segment shape: every message is taken, or refused for a reason that a reader agrees with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::collections::BTreeMap;

use leadstream_wire::{DeadLetterCode, Decoded, Decoder, EventBatch, Shape, SourceFormat};

use common::{record, shared_lines};

/// Decodes all messages and counts what became of them.
fn outcomes(messages: &[String]) -> BTreeMap<String, usize> {
    let mut decoder = Decoder::compile(&SourceFormat::new("web", Shape::Segment)).unwrap();
    let mut batch = EventBatch::new();
    let mut counts = BTreeMap::new();
    for message in messages {
        let outcome = match decoder.decode(&record(message.as_bytes()), &mut batch) {
            Ok(Decoded::Events(_)) => "taken".to_owned(),
            Ok(Decoded::Skipped(reason)) => format!("skipped: {}", reason.as_str()),
            Err(letter) => letter.to_string(),
        };
        *counts.entry(outcome).or_insert(0) += 1;
    }
    for event in batch.events() {
        assert!(!event.contact.is_empty());
        assert!(event.time.is_plausible());
        *counts.entry(format!("{:?}", event.kind)).or_insert(0) += 1;
    }
    counts
}

fn assert_outcomes(messages: &[String], expected: &[(&str, usize)]) {
    let outcomes = outcomes(messages);
    let outcomes: Vec<_> = outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect();
    assert_eq!(outcomes, expected);
}

#[test]
fn every_message_of_the_segment_specification_is_taken_or_refused_for_a_reason() {
    let Some(lines) = shared_lines("segment_spec/events.ndjson") else { return };
    let messages: Vec<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].to_string())
        .collect();
    assert_outcomes(
        &messages,
        &[
            ("Attributes", 2),
            ("Interaction", 67),
            ("Link", 3),
            // A group, a page, a screen and a track that show one thing and leave the rest out.
            ("contact_missing: the message has neither a userId nor an anonymousId", 4),
            ("taken", 71),
        ],
    );
}

#[test]
fn every_message_of_rudderstacks_tests_is_taken_or_refused_for_a_reason() {
    let Some(messages) = shared_lines("rudderstack/events.ndjson.gz") else { return };
    assert_outcomes(
        &messages,
        &[
            ("Attributes", 660),
            ("Interaction", 2076),
            // 78 more have an anonymous id that names nobody: zeros, mostly.
            ("Link", 266),
            // Five aliases with one id, and one whose two ids are the same.
            ("alias_incomplete: the alias does not name two different ids", 6),
            // Server-side integrations that know only an e-mail address in some trait, or nobody at all.
            ("contact_missing: the message has neither a userId nor an anonymousId", 125),
            // No `event`, or an empty one.
            ("event_missing: the track message has no `event`", 80),
            ("link_blocked: `userId` is what programs write where they know nobody: it would make strangers one", 1),
            // Identifies without traits and with one id that names somebody.
            ("skipped: empty", 23),
            ("taken", 2788),
            // "NOW" 21 times, and once a month without its hyphen.
            ("time_unreadable: `originalTimestamp` is not a time that this source's format reads", 22),
            // "safaff".
            ("time_unreadable: `timestamp` is not a time that this source's format reads", 1),
            // Dates, and times with a blank and no offset.
            ("time_zone_missing: `timestamp` is a local time and the source has no `time_zone`", 18),
            // Answers of an API with hundreds of repositories, among properties and traits.
            ("too_large: the value has 162900 bytes; at most 65536 are taken", 1),
            ("too_large: the value has 325215 bytes; at most 65536 are taken", 1),
            // Three objects, an array, a number.
            ("wrong_type: `event` is not a text", 5),
        ],
    );
}

#[test]
fn with_a_zone_local_times_are_taken_too() {
    let Some(messages) = shared_lines("rudderstack/events.ndjson.gz") else { return };
    let mut format = SourceFormat::new("web", Shape::Segment);
    format.time_zone = Some("Asia/Kolkata".to_owned());
    let mut decoder = Decoder::compile(&format).unwrap();
    let mut batch = EventBatch::new();
    let missing = messages
        .iter()
        .filter_map(|message| decoder.decode(&record(message.as_bytes()), &mut batch).err())
        .filter(|letter| letter.code == DeadLetterCode::TimeZoneMissing);
    assert_eq!(missing.count(), 0);
}

#[test]
fn every_code_has_its_place_in_the_documentation() {
    let pages = include_str!("../../../docs/dead-letters.md");
    let documented: Vec<_> = pages.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes: Vec<_> = DeadLetterCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(documented[..codes.len()], codes);
}
