//! Formats as small as can be: `contact|id|type|time`, and watermarks as `~topic|partition|time`. The types `erase`,
//! `reinstate:FROM`, `merge:INTO` and `split:ID` are commands.

use std::fmt::Write as _;

use leadstream_core::identity::Request;
use leadstream_core::{Contact, DerivedEvent, Event, EventKind, Fold, Timestamp, Uid, Value};
use leadstream_runtime::log::Record;
use leadstream_runtime::{
    DeadLetter, Decoded, EventBatch, InputDecoder, OutputBuffer, OutputEncoder, OutputTopic, Watermark,
};
use leadstream_wire::DeadLetterRecord;

const DERIVED: OutputTopic = OutputTopic(0);
const DEAD: OutputTopic = OutputTopic(1);
const SCORES: OutputTopic = OutputTopic(2);

/// The value of an event's record.
pub fn event_line(contact: &str, id: &str, event_type: &str, time_ms: i64) -> String {
    format!("{contact}|{id}|{event_type}|{time_ms}")
}

/// Reads the values of [`event_line`]; anything else is a dead letter, an empty value is nothing.
#[derive(Debug)]
pub struct TinyDecoder;

impl TinyDecoder {
    /// Reads an event; false where the text is none.
    pub fn read(text: &str, event: &mut Event) -> bool {
        let mut words = text.split('|');
        let (Some(contact), Some(id), Some(event_type), Some(time)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return false;
        };
        let Ok(time) = time.parse() else { return false };
        event.contact.push_str(contact);
        event.uid = Uid::of("simulation", id);
        event.event_type.set(event_type);
        // The id stays readable for the re-keyed form, which has to name it again.
        event.source.set(id);
        event.time = Timestamp::from_millis(time);
        if event_type == "erase" {
            event.kind = EventKind::Erase;
        }
        if let Some(from) = event_type.strip_prefix("reinstate:") {
            event.kind = EventKind::Reinstate;
            event.properties.set("from", Value::Number(from.parse().unwrap_or(f64::NAN)));
        }
        if let Some(into) = event_type.strip_prefix("merge:") {
            event.kind = EventKind::Merge;
            event.properties.set("into", Value::Text(into));
        }
        if let Some(merge) = event_type.strip_prefix("split:") {
            event.kind = EventKind::Split;
            event.properties.set("source", Value::Text("simulation"));
            event.properties.set("id", Value::Text(merge));
        }
        true
    }
}

impl InputDecoder for TinyDecoder {
    fn decode(&mut self, _input: usize, record: &Record<'_>, events: &mut EventBatch) -> Decoded {
        let value = record.value.unwrap_or_default();
        let text = std::str::from_utf8(value).unwrap_or("?");
        if text.is_empty() {
            return Decoded::Skipped;
        }
        if let Some(watermarks) = text.strip_prefix('~') {
            return Decoded::Watermarks(watermarks.split('~').filter_map(read_watermark).collect());
        }
        if TinyDecoder::read(text, events.add()) {
            return Decoded::Events;
        }
        Decoded::DeadLetter(Box::new(DeadLetter {
            code: "unreadable",
            topic: DEAD,
            record: DeadLetterRecord {
                key: record.key.map(<[u8]>::to_vec),
                value: Some(value.to_vec()),
                headers: vec![("reason".to_owned(), Some(b"unreadable".to_vec()))],
                own_headers: 1,
            },
        }))
    }
}

fn read_watermark(text: &str) -> Option<Watermark> {
    let mut words = text.split('|');
    let (topic, partition, time) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Watermark { topic: topic.to_owned(), partition, time: Timestamp::from_millis(time) })
}

/// Writes derived events as lines that tell everything a consumer could compare.
#[derive(Debug)]
pub struct TinyEncoder;

impl TinyEncoder {
    /// The line of a derived event.
    pub fn line(event: &DerivedEvent) -> String {
        let mut id = String::new();
        for byte in event.id {
            let _ = write!(id, "{byte:02x}");
        }
        format!(
            "{} seq={} {} n={} time={} since={} {:?} -> {:?} score={:?} marks={:?} corrects={} subject={}/{} id={id}",
            event.contact,
            event.seq,
            event.kind.as_str(),
            event.n,
            event.time.millis(),
            event.since.millis(),
            event.old,
            event.new,
            event.score,
            event.marks,
            event.corrects.is_some(),
            event.plan.as_deref().unwrap_or_default(),
            event.subject,
        )
    }
}

impl OutputEncoder for TinyEncoder {
    fn topics(&self) -> Vec<String> {
        vec!["derived".to_owned(), "dead".to_owned(), "scores".to_owned()]
    }

    fn derived(&mut self, event: &DerivedEvent, out: &mut OutputBuffer) {
        out.push(DERIVED, Some(event.contact.as_bytes()), Some(TinyEncoder::line(event).as_bytes()), &[], None);
    }

    fn scorecard(&mut self, _fold: &Fold, contact: &Contact, clock: Timestamp, out: &mut OutputBuffer) {
        let line = format!("{} rows={} clock={}", contact.id, contact.rows.len(), clock.millis());
        out.push(SCORES, Some(contact.id.as_bytes()), Some(line.as_bytes()), &[], None);
    }

    fn erased(&mut self, contact: &str, out: &mut OutputBuffer) {
        out.push(SCORES, Some(contact.as_bytes()), None, &[], None);
    }

    fn refused(&mut self, request: &Request, code: &'static str, out: &mut OutputBuffer) {
        let value = format!("{code} {}", request.uid);
        out.push(DEAD, Some(request.via.as_bytes()), Some(value.as_bytes()), &[], None);
    }

    fn rekeyed(&mut self, event: &Event, value: &mut Vec<u8>) {
        let line = event_line(&event.contact, event.source.as_str(), event.event_type.as_str(), event.time.millis());
        value.extend_from_slice(line.as_bytes());
    }

    fn watermarks(&mut self, watermarks: &[Watermark], value: &mut Vec<u8>) {
        for watermark in watermarks {
            let line = format!("~{}|{}|{}", watermark.topic, watermark.partition, watermark.time.millis());
            value.extend_from_slice(line.as_bytes());
        }
    }
}
