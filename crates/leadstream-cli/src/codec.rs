//! The wire formats plugged into the engine: records in, records out.
//!
//! Owns the translation between the two crates' types, and the form of a value that carries several watermarks. Decides nothing.

use leadstream_core::identity::{Asked, Link, Request};
use leadstream_core::{Contact, DerivedEvent, Event, Fold, Timestamp};
use leadstream_runtime::log::{Header, Record, partition_for_key};
use leadstream_runtime::{
    DeadLetter, Decoded, EventBatch, InputDecoder, OutputBuffer, OutputEncoder, OutputTopic, Watermark,
};
use leadstream_wire::out::{
    DataError, DataFormat, DerivedWriter, OutRecord, OutTopic, Scorecard, ScorecardWriter, topic_of,
};
use leadstream_wire::{Decoder, InputRecord, envelope};
use serde_json::json;

/// The topics written, in the order of [`OutputTopic`].
const QUALIFICATIONS: OutputTopic = OutputTopic(0);
const STAGES: OutputTopic = OutputTopic(1);
const ACTIVITY: OutputTopic = OutputTopic(2);
const SCORES: OutputTopic = OutputTopic(3);
const DEAD_LETTERS: OutputTopic = OutputTopic(4);

/// What reads the records of one input.
pub(crate) enum InputCodec {
    /// A source, or the topic of commands, by its name as records know it.
    Source {
        /// The topic.
        topic: String,
        /// Its decoder.
        decoder: Decoder,
        /// How many partitions it has, where a record in another one than its contact's is a dead letter: people write commands by hand, and one
        /// that is misplaced must not stop everything. A misplaced record of a source stops the worker, since then all of them are.
        checked: Option<u32>,
    },
    /// The re-keyed topic.
    Rekeyed {
        /// The topic, as dead letters name it.
        topic: String,
    },
}

/// Reads the records of all inputs.
pub(crate) struct Decoders {
    inputs: Vec<InputCodec>,
    batch: leadstream_wire::EventBatch,
}

impl Decoders {
    /// In the order of the worker's inputs.
    pub(crate) fn new(inputs: Vec<InputCodec>) -> Decoders {
        Decoders { inputs, batch: leadstream_wire::EventBatch::new() }
    }
}

impl InputDecoder for Decoders {
    fn decode(&mut self, input: usize, record: &Record<'_>, events: &mut EventBatch) -> Decoded {
        match &mut self.inputs[input] {
            InputCodec::Source { topic, decoder, checked } => {
                decode_source(topic, decoder, *checked, &mut self.batch, record, events)
            }
            InputCodec::Rekeyed { topic } => decode_rekeyed(topic, record, events),
        }
    }
}

fn decode_source(
    topic: &str,
    decoder: &mut Decoder,
    checked: Option<u32>,
    batch: &mut leadstream_wire::EventBatch,
    record: &Record<'_>,
    events: &mut EventBatch,
) -> Decoded {
    batch.clear();
    let input = input_record(topic, record);
    match decoder.decode(&input, batch) {
        Ok(leadstream_wire::Decoded::Events(_)) if checked.is_some_and(|count| is_misplaced(batch, record, count)) => {
            let reason = format!(
                "the contact belongs into another partition than {}: write it with the contact's id as key, placed by murmur2 as Java clients do",
                record.partition
            );
            let letter = leadstream_wire::DeadLetter::new(leadstream_wire::DeadLetterCode::WrongPartition, reason);
            dead_letter(&letter, &input, record)
        }
        Ok(leadstream_wire::Decoded::Events(_)) => {
            for event in batch.events_mut() {
                std::mem::swap(events.add(), event);
            }
            Decoded::Events
        }
        Ok(leadstream_wire::Decoded::Skipped(_)) => Decoded::Skipped,
        Err(letter) => dead_letter(&letter, &input, record),
    }
}

/// Whether some contact of a record belongs into another partition of so many.
fn is_misplaced(batch: &leadstream_wire::EventBatch, record: &Record<'_>, partitions: u32) -> bool {
    let mut places = batch.events().iter().map(|event| partition_for_key(event.contact.as_bytes(), partitions));
    places.any(|place| place != record.partition)
}

/// What decoders and dead letters say of a record; its headers are told by [`dead_letter`].
pub(crate) fn input_record<'a>(topic: &'a str, record: &Record<'a>) -> InputRecord<'a> {
    InputRecord {
        topic,
        partition: i32::try_from(record.partition).unwrap_or(i32::MAX),
        offset: i64::try_from(record.offset).unwrap_or(i64::MAX),
        line: None,
        timestamp_ms: record.timestamp.map(|timestamp| timestamp.ms),
        key: record.key,
        value: record.value,
        headers: &[],
    }
}

/// The record as it came, its own headers in front of ours.
#[cold]
fn dead_letter(letter: &leadstream_wire::DeadLetter, input: &InputRecord<'_>, record: &Record<'_>) -> Decoded {
    let mut headers: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    while let Some(Header { name, value }) = record.headers.header(headers.len()) {
        headers.push((name.to_owned(), value.map(<[u8]>::to_vec)));
    }
    let mut written = letter.to_record(input);
    headers.append(&mut written.headers);
    written.headers = headers;
    Decoded::DeadLetter(Box::new(DeadLetter { code: letter.code.as_str(), topic: DEAD_LETTERS, record: written }))
}

fn decode_rekeyed(topic: &str, record: &Record<'_>, events: &mut EventBatch) -> Decoded {
    let value = record.value.unwrap_or_default();
    if record.key.is_none() {
        return match read_watermarks(value) {
            Some(watermarks) => Decoded::Watermarks(watermarks),
            None => unreadable(topic, record, "the watermarks cannot be read"),
        };
    }
    match envelope::read(record.key.unwrap_or_default(), value, events.add()) {
        Ok(envelope::Message::Event) => Decoded::Events,
        Ok(envelope::Message::Watermark(_)) => unreadable(topic, record, "a watermark has a key"),
        Err(error) => unreadable(topic, record, &error.to_string()),
    }
}

/// Nothing that Leadstream wrote: somebody else writes into the topic, or it is damaged.
#[cold]
fn unreadable(topic: &str, record: &Record<'_>, reason: &str) -> Decoded {
    let letter = leadstream_wire::DeadLetter::new(leadstream_wire::DeadLetterCode::Malformed, reason);
    dead_letter(&letter, &input_record(topic, record), record)
}

/// Several watermarks in one value: each as the envelope writes it, behind its length in two bytes.
fn write_watermarks(watermarks: &[Watermark], value: &mut Vec<u8>) {
    for watermark in watermarks {
        let at = value.len();
        value.extend([0, 0]);
        let message = envelope::Watermark {
            source: watermark.topic.clone(),
            partition: i32::try_from(watermark.partition).unwrap_or(i32::MAX),
            instant: watermark.time,
        };
        envelope::write_watermark(&message, value);
        // A topic's name has at most 249 bytes.
        let length = u16::try_from(value.len() - at - 2).unwrap_or(u16::MAX);
        value[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
}

fn read_watermarks(mut value: &[u8]) -> Option<Vec<Watermark>> {
    let mut watermarks = Vec::new();
    let mut unused = Event::default();
    while let Some((length, rest)) = value.split_first_chunk::<2>() {
        let (message, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        match envelope::read(&[], message, &mut unused) {
            Ok(envelope::Message::Watermark(read)) => watermarks.push(Watermark {
                topic: read.source,
                partition: u32::try_from(read.partition).ok()?,
                time: read.instant,
            }),
            _ => return None,
        }
        value = rest;
    }
    value.is_empty().then_some(watermarks)
}

/// The names of the topics written.
#[derive(Clone, Debug)]
pub(crate) struct OutputTopics {
    pub(crate) qualifications: String,
    pub(crate) stages: String,
    pub(crate) activity: String,
    pub(crate) scores: String,
    pub(crate) dead_letters: String,
}

/// Writes what the engine tells the world.
pub(crate) struct Encoders {
    topics: OutputTopics,
    derived: DerivedWriter,
    scorecards: ScorecardWriter,
    record: OutRecord,
}

impl Encoders {
    /// Writers in the given formats; `source` is the CloudEvents source.
    pub(crate) fn new(
        topics: OutputTopics,
        source: &str,
        derived: DataFormat,
        scorecards: DataFormat,
    ) -> Result<Encoders, DataError> {
        Ok(Encoders {
            topics,
            derived: DerivedWriter::new(source, derived)?,
            scorecards: ScorecardWriter::new(scorecards)?,
            record: OutRecord::default(),
        })
    }

    fn push(&self, topic: OutputTopic, out: &mut OutputBuffer) {
        let headers: Vec<Header<'_>> =
            self.record.headers.iter().map(|(name, value)| Header { name, value: Some(value) }).collect();
        out.push(topic, Some(&self.record.key), Some(&self.record.value), &headers, None);
    }
}

impl OutputEncoder for Encoders {
    fn topics(&self) -> Vec<String> {
        let OutputTopics { qualifications, stages, activity, scores, dead_letters } = &self.topics;
        [qualifications, stages, activity, scores, dead_letters].map(String::clone).to_vec()
    }

    fn derived(&mut self, event: &DerivedEvent, out: &mut OutputBuffer) {
        let topic = match topic_of(event.kind) {
            OutTopic::Qualifications => QUALIFICATIONS,
            OutTopic::Stages => STAGES,
            OutTopic::Activity => ACTIVITY,
        };
        match self.derived.write(event, &mut self.record) {
            Ok(()) => self.push(topic, out),
            // The schema is the program's own and a test writes every field of it.
            Err(error) => tracing::error!(%error, "a derived event could not be written"),
        }
    }

    fn scorecard(&mut self, fold: &Fold, contact: &Contact, clock: Timestamp, out: &mut OutputBuffer) {
        let card = fold.scorecard(contact, clock);
        let Some(at) = card.at else { return };
        match self.scorecards.write(&Scorecard::of(&card, at.max(clock)), &mut self.record) {
            Ok(()) => self.push(SCORES, out),
            Err(error) => tracing::error!(%error, "a scorecard could not be written"),
        }
    }

    fn erased(&mut self, contact: &str, out: &mut OutputBuffer) {
        out.push(SCORES, Some(contact.as_bytes()), None, &[], None);
    }

    fn refused(&mut self, request: &Request, code: &'static str, out: &mut OutputBuffer) {
        let value = match &request.asked {
            // What was seen is written as whoever insists would say it.
            Asked::Link(Link::Merge(contact, into) | Link::Follow(contact, into)) => {
                json!({ "command": "merge", "contact": **contact, "into": **into, "time": request.time.millis() })
            }
            Asked::Link(Link::Split(link)) => {
                json!({ "command": "split", "contact": *request.via, "link": link.to_string(), "time": request.time.millis() })
            }
            Asked::Erase => return,
        };
        let reason = refusal(code);
        let header = |name, value: &'static str| Header { name, value: Some(value.as_bytes()) };
        let headers = [header("x-leadstream-code", code), header("x-leadstream-reason", reason)];
        let (key, value) = (request.via.as_bytes(), value.to_string());
        out.push(DEAD_LETTERS, Some(key), Some(value.as_bytes()), &headers, None);
    }

    fn rekeyed(&mut self, event: &Event, value: &mut Vec<u8>) {
        envelope::write_event(event, value);
    }

    fn watermarks(&mut self, watermarks: &[Watermark], value: &mut Vec<u8>) {
        write_watermarks(watermarks, value);
    }
}

/// Why a record that links ids was refused where it was to be carried out.
fn refusal(code: &str) -> &'static str {
    match code {
        "id_erased" => "an id that it names was erased",
        "too_many_ids" => "the contact would have more than 50 ids",
        _ => "200 records connect these ids already",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermark(topic: &str, partition: u32, millis: i64) -> Watermark {
        Watermark { topic: topic.to_owned(), partition, time: Timestamp::from_millis(millis) }
    }

    #[test]
    fn watermarks_of_several_partitions_read_back() {
        let written = [watermark("clicks", 0, 5), watermark(&"t".repeat(249), 4_000, -1)];
        let mut value = Vec::new();
        write_watermarks(&written, &mut value);
        assert_eq!(read_watermarks(&value).unwrap(), written);
    }

    #[test]
    fn cut_or_foreign_watermarks_are_refused_and_never_guessed() {
        let mut value = Vec::new();
        write_watermarks(&[watermark("clicks", 0, 5)], &mut value);
        for end in 1..value.len() {
            assert!(read_watermarks(&value[..end]).is_none(), "{end} bytes");
        }
        assert!(read_watermarks(b"{\"type\":\"page\"}").is_none());
    }

    #[test]
    fn a_letter_out_of_the_re_keyed_topic_says_where_it_comes_from() {
        let headers: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        let record = Record {
            topic: leadstream_runtime::log::TopicIndex(0),
            partition: 3,
            offset: 7,
            timestamp: None,
            key: None,
            value: Some(b"garbage"),
            headers: &headers,
        };
        let mut decoders = Decoders::new(vec![InputCodec::Rekeyed { topic: "interactions".to_owned() }]);
        let Decoded::DeadLetter(letter) = decoders.decode(0, &record, &mut EventBatch::default()) else {
            panic!("a letter")
        };
        let header = |name: &str| {
            letter.record.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone())
        };
        assert_eq!(header("x-leadstream-topic"), Some(b"interactions".to_vec()));
        assert_eq!(
            (header("x-leadstream-offset"), letter.record.value.clone()),
            (Some(b"7".to_vec()), Some(b"garbage".to_vec()))
        );
    }
}
