//! The time to decode one Segment-shaped event of about 430 bytes into a reused event, and what the same costs by other means.
//!
//! `cargo bench -p leadstream-wire [-- NAME]` prints nanoseconds per event, of one case or of all; the numbers that count are their ratios on
//! one machine.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures time and prints it")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use leadstream_wire::{Decoder, Encoding, EventBatch, InputRecord, Mapping, Shape, SourceFormat};

const EVENTS: usize = 1000;
const ROUNDS: usize = 60;

fn main() {
    let messages: Vec<String> = (0..EVENTS).map(message).collect();
    let bytes: usize = messages.iter().map(String::len).sum();
    println!("{} bytes per event", bytes / EVENTS);
    let mut decoder = Decoder::compile(&SourceFormat::new("web", Shape::Segment)).expect("a sound format");
    measure("segment", &messages, |record, batch| decoder.decode(record, batch).is_ok());
    let mapping = Mapping {
        event_type: Some("record.event".into()),
        id: Some("record.messageId".into()),
        time: Some("record.timestamp".into()),
        all_properties: Some("record.properties".into()),
        ..Mapping::default()
    };
    measure_mapped("mapped json, fields only", mapping.clone(), &messages);
    let properties = BTreeMap::from([("twice".to_owned(), "record.properties.value * 2".to_owned())]);
    measure_mapped("mapped json, one cel expression", Mapping { properties, ..mapping }, &messages);
    measure("serde_json tree only", &messages, |record, _| {
        serde_json::from_slice::<serde_json::Value>(record.value.unwrap_or_default()).map(black_box).is_ok()
    });
    measure("sonic-rs tree only", &messages, |record, _| {
        sonic_rs::from_slice::<sonic_rs::Value>(record.value.unwrap_or_default()).map(black_box).is_ok()
    });
}

fn measure_mapped(name: &str, mapping: Mapping, messages: &[String]) {
    let mut format = SourceFormat::new("web", Shape::Mapped(Encoding::Json, Box::new(mapping)));
    format.contact = Some("record.userId".into());
    let mut decoder = Decoder::compile(&format).expect("a sound format");
    measure(name, messages, |record, batch| decoder.decode(record, batch).is_ok());
}

fn measure(name: &str, messages: &[String], mut decode: impl FnMut(&InputRecord<'_>, &mut EventBatch) -> bool) {
    if std::env::args().skip(1).any(|filter| !filter.starts_with('-') && !name.contains(&filter)) {
        return;
    }
    let mut batch = EventBatch::new();
    let mut best_ns = f64::MAX;
    for _ in 0..ROUNDS {
        batch.clear();
        let start = Instant::now();
        for message in messages {
            let value = Some(message.as_bytes());
            let record =
                InputRecord { topic: "t", timestamp_ms: Some(1_760_000_000_000), value, ..InputRecord::default() };
            if batch.len() >= 100 {
                batch.clear();
            }
            assert!(decode(&record, &mut batch), "{message}");
        }
        best_ns = best_ns.min(start.elapsed().as_nanos() as f64 / messages.len() as f64);
    }
    println!("{name:40} {best_ns:8.0} ns");
}

fn message(number: usize) -> String {
    let user = number * 7919 % 200;
    format!(
        concat!(
            r#"{{"type":"track","event":"Order Completed","userId":"user-{user:06}","anonymousId":"anon-{user:06}","#,
            r#""messageId":"0f9b6a1e-7c1d-4e53-9a0f-{number:012}","timestamp":"2025-10-09T08:{minute:02}:{second:02}.123Z","#,
            r#""context":{{"ip":"10.0.0.1","library":{{"name":"analytics.js","version":"2.11.1"}},"userAgent":"Mozilla/5.0 Chrome/113.0"}},"#,
            r#""properties":{{"url":"https://shop.example/offers/{user}","value":{value}.5,"currency":"PLN","order_id":"o{number}"}}}}"#
        ),
        user = user,
        number = number,
        minute = number / 60 % 60,
        second = number % 60,
        value = number % 300,
    )
}
