//! Contacts in memory, and events decoded in blocks outside of what is measured.

use std::error::Error;
use std::time::Duration;

use leadstream_benches::cpu;
use leadstream_benches::messages::Messages;
use leadstream_core::{Contact, DerivedEvent, Event, Fold, Timestamp};
use leadstream_wire::{Decoder, EventBatch, InputRecord, Shape, SourceFormat};

use crate::Size;

/// So many events are decoded, and then folded, at a time: about as many as one commit holds.
pub(crate) const BLOCK_EVENTS: usize = 10_000;

/// So many contacts are touched before the first of them is folded, as the engine does.
const AHEAD: usize = 16;

/// All contacts by their number.
pub(crate) struct World {
    pub(crate) contacts: Vec<Contact>,
    pub(crate) derived: u64,
    out: Vec<DerivedEvent>,
    clock: Timestamp,
}

impl World {
    pub(crate) fn new(contacts: u64) -> World {
        let contacts = (0..contacts).map(|number| Contact::new(&format!("c{number:07}"))).collect();
        World { contacts, derived: 0, out: Vec::new(), clock: Timestamp::MIN }
    }

    /// Folds decoded events, and tells what it cost.
    pub(crate) fn fold(&mut self, fold: &mut Fold, events: &[Event], numbers: &[usize]) -> Duration {
        let start = cpu::thread_time();
        for (at, (event, number)) in events.iter().zip(numbers).enumerate() {
            if at % AHEAD == 0 {
                let next = numbers[at..].iter().take(AHEAD);
                std::hint::black_box(next.fold(0, |sum, number| sum ^ self.contacts[*number].warm()));
            }
            self.clock = self.clock.max(event.time);
            fold.apply(&mut self.contacts[*number], event, self.clock, &mut self.out);
            if self.out.len() > 1000 {
                self.derived += self.out.len() as u64;
                self.out.clear();
            }
        }
        let time = cpu::thread_time() - start;
        self.derived += self.out.len() as u64;
        self.out.clear();
        time
    }
}

/// Runs through all events in blocks, decoded.
pub(crate) fn for_each_block(size: Size, mut visit: impl FnMut(&[Event], &[usize])) -> Result<(), Box<dyn Error>> {
    let mut decoder = decoder()?;
    let mut messages = Messages::new(size.events, size.contacts);
    let (mut batch, mut numbers) = (EventBatch::new(), Vec::new());
    loop {
        batch.clear();
        numbers.clear();
        while numbers.len() < BLOCK_EVENTS
            && let Some(message) = messages.make()
        {
            numbers.push(message.key[1..].parse()?);
            let value = Some(message.text.as_bytes());
            let record = InputRecord { timestamp_ms: Some(message.time_ms as i64), value, ..InputRecord::default() };
            decoder.decode(&record, &mut batch).map_err(|letter| letter.to_string())?;
        }
        if numbers.is_empty() {
            return Ok(());
        }
        visit(batch.events(), &numbers);
    }
}

/// The decoder of the events that are fed.
pub(crate) fn decoder() -> Result<Decoder, Box<dyn Error>> {
    Decoder::compile(&SourceFormat::new("web", Shape::Segment)).map_err(|problems| format!("{problems:?}").into())
}
