//! What a worker needs of formats: records into events, derived events into records. Plugged in from above.

use leadstream_core::identity::Request;
use leadstream_core::{Contact, DerivedEvent, Event, Fold, Timestamp};
use leadstream_wire::DeadLetterRecord;

use crate::log::Record;
use crate::output::{OutputBuffer, OutputTopic};

/// A pool of events that decoders fill: cleared, never freed, so that a record costs no allocation.
#[derive(Debug, Default)]
pub struct EventBatch {
    events: Vec<Event>,
    used: usize,
}

impl EventBatch {
    /// An empty event, to be filled. Whoever adds an event must name a contact in it.
    #[allow(clippy::should_implement_trait, reason = "adds to a batch, not to a number")]
    pub fn add(&mut self) -> &mut Event {
        if self.used == self.events.len() {
            self.events.push(Event::default());
        } else {
            self.events[self.used].clear();
        }
        self.used += 1;
        &mut self.events[self.used - 1]
    }

    /// The events added.
    pub fn events(&self) -> &[Event] {
        &self.events[..self.used]
    }

    pub(crate) fn events_mut(&mut self) -> &mut [Event] {
        &mut self.events[..self.used]
    }

    /// Forgets the events added.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}

/// How far a partition in front of a re-keying stage is: every event with an earlier time that arrived in order lies before this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The source's topic.
    pub topic: String,
    /// The source's partition.
    pub partition: u32,
    /// How far.
    pub time: Timestamp,
}

/// A record that could not be decoded, as it goes to the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why, in a word of a fixed list: the label of the counter.
    pub code: &'static str,
    /// Which of [`OutputEncoder::topics`].
    pub topic: OutputTopic,
    /// As received, with headers that say why.
    pub record: DeadLetterRecord,
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The events added to the batch, one for each contact that the record concerns.
    Events,
    /// Nothing for anybody, by configuration.
    Skipped,
    /// How far sources in front of a re-keying stage are.
    Watermarks(Vec<Watermark>),
    /// It cannot be read.
    DeadLetter(Box<DeadLetter>),
}

/// Reads records of the inputs.
pub trait InputDecoder: Send {
    /// Reads one record of the input `input` (its place in [`WorkerOptions::inputs`](crate::WorkerOptions::inputs)). Must never panic, whatever
    /// the bytes, and give equal results for equal records.
    fn decode(&mut self, input: usize, record: &Record<'_>, events: &mut EventBatch) -> Decoded;
}

/// Writes what a worker tells the world.
pub trait OutputEncoder: Send {
    /// The topics written; [`OutputTopic`](crate::OutputTopic) counts in this list.
    fn topics(&self) -> Vec<String>;

    /// Appends the record of a derived event.
    fn derived(&mut self, event: &DerivedEvent, out: &mut OutputBuffer);

    /// Appends the scorecard of a contact as of the task's clock, or nothing where none is wanted. `fold` is under the task's plans.
    fn scorecard(&mut self, fold: &Fold, contact: &Contact, clock: Timestamp, out: &mut OutputBuffer);

    /// Appends what takes the scorecard of an erased contact away.
    fn erased(&mut self, contact: &str, out: &mut OutputBuffer);

    /// Appends the dead letter of a record that asked to make ids one, or to part them, and is not carried out; `code` says why.
    fn refused(&mut self, request: &Request, code: &'static str, out: &mut OutputBuffer);

    /// Appends the value of a record of the re-keyed topic that holds the event; its key is the contact's id.
    fn rekeyed(&mut self, event: &Event, value: &mut Vec<u8>);

    /// Appends the value of a record of the re-keyed topic that says how far sources are; it has no key.
    fn watermarks(&mut self, watermarks: &[Watermark], value: &mut Vec<u8>);
}
