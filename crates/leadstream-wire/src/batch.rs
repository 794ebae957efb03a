//! Where decoders put what they read: a list of events whose buffers are used again and again.
//!
//! A record gives no event, one, or several; a record that is refused leaves the batch as it was.

use leadstream_core::{Event, Properties};

/// Events in the order in which their records were decoded.
///
/// Cleared and filled again, it allocates nothing once its events have grown to the size of the traffic.
#[derive(Debug, Default)]
pub struct EventBatch {
    events: Vec<Event>,
    used: usize,
    /// What was left out of the events since the batch was cleared.
    pub dropped: Dropped,
}

/// Counts of what was left out of events that were otherwise taken (L5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Properties beyond the limit of what is kept of one event (S58).
    pub oversize: u64,
    /// Arrays, and values that are no object where an object of properties belongs.
    pub shapes: u64,
    /// Properties whose name is empty or longer than [`crate::limits::NAME_MAX_BYTES`].
    pub names: u64,
    /// Numbers that are not finite.
    pub numbers: u64,
    /// Mapped properties, and companies, whose expression failed for another reason than a missing field.
    pub expressions: u64,
}

impl Dropped {
    /// Adds the counts of another.
    pub fn add(&mut self, other: Dropped) {
        self.oversize += other.oversize;
        self.shapes += other.shapes;
        self.names += other.names;
        self.numbers += other.numbers;
        self.expressions += other.expressions;
    }

    /// All counts together.
    pub fn total(&self) -> u64 {
        self.oversize + self.shapes + self.names + self.numbers + self.expressions
    }
}

impl EventBatch {
    /// An empty batch.
    pub fn new() -> EventBatch {
        EventBatch::default()
    }

    /// The events.
    pub fn events(&self) -> &[Event] {
        &self.events[..self.used]
    }

    /// The events, to change.
    pub fn events_mut(&mut self) -> &mut [Event] {
        &mut self.events[..self.used]
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Forgets the events and counts, keeping all buffers.
    pub fn clear(&mut self) {
        self.used = 0;
        self.dropped = Dropped::default();
    }

    /// Forgets the events after the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.used = self.used.min(length);
    }

    /// Adds an event, cleared.
    pub fn add(&mut self) -> &mut Event {
        if self.used == self.events.len() {
            self.events.push(Event::default());
        }
        let event = &mut self.events[self.used];
        self.used += 1;
        event.clear();
        event
    }

    /// Adds a copy of an event.
    pub(crate) fn add_copy(&mut self, at: usize) -> &mut Event {
        self.add();
        let (before, added) = self.events.split_at_mut(self.used - 1);
        added[0].clone_from(&before[at]);
        &mut added[0]
    }
}

/// Moves properties without copying their text: what was in `to` ends up in `from`.
pub(crate) fn exchange(from: &mut Properties, to: &mut Properties) {
    std::mem::swap(from, to);
}

/// What became of a record that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// So many events were added to the batch; never zero.
    Events(usize),
    /// The record is sound and says nothing to score.
    Skipped(SkipReason),
}

/// Why a sound record gave no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// The `skip_when` of the source's mapping holds.
    SkipWhen,
    /// An identify or a command that names no attribute, no tag and no second id.
    Empty,
}

impl SkipReason {
    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::SkipWhen => "skip_when",
            SkipReason::Empty => "empty",
        }
    }
}
