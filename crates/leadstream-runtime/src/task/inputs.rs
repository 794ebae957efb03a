//! The inputs of a task: records decoded ahead of the fold, and the order between partitions.
//!
//! Smallest Kafka timestamp first, with a bounded wait for a partition that lags (as Kafka Streams does). It never reads the log itself.

use std::collections::VecDeque;

use leadstream_core::{Event, Timestamp};
use leadstream_wire::stored::message::Message;

use crate::codec::{DeadLetter, Decoded, EventBatch, Watermark};
use crate::log::Progress;
use crate::options::InputKind;

/// A record that was decoded.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) offset: u64,
    pub(crate) timestamp_ms: i64,
    pub(crate) content: Content,
}

/// What a decoded record is.
#[derive(Debug)]
pub(crate) enum Content {
    /// The next so many events of the queue.
    Events(usize),
    Skipped,
    Watermarks(Vec<Watermark>),
    DeadLetter(Box<DeadLetter>),
    /// A message for an id.
    Message(Box<(String, Message)>),
}

/// One input partition of a task.
#[derive(Debug)]
pub(crate) struct InputQueue {
    /// Its place in the worker's list of inputs, which is the reader's topic index as well.
    pub(crate) input: usize,
    pub(crate) partition: u32,
    pub(crate) kind: InputKind,
    pub(crate) items: VecDeque<Item>,
    events: VecDeque<Event>,
    spare: Vec<Event>,
    /// The next offset to fold.
    pub(crate) next_offset: u64,
    /// The next offset to fold as of the last commit.
    pub(crate) committed: u64,
    /// Everything there was has been read.
    pub(crate) caught_up: bool,
    /// Offsets to read, as far as known.
    pub(crate) lag: u64,
    pub(crate) paused: bool,
    /// The greatest time of an event read: the watermark of a source that is re-keyed.
    pub(crate) stream: Timestamp,
    /// The same as of the last commit.
    stream_committed: Timestamp,
}

impl InputQueue {
    pub(crate) fn new(input: usize, partition: u32, kind: InputKind, next_offset: u64) -> InputQueue {
        InputQueue {
            input,
            partition,
            kind,
            items: VecDeque::new(),
            events: VecDeque::new(),
            spare: Vec::new(),
            next_offset,
            committed: next_offset,
            caught_up: false,
            lag: 0,
            paused: false,
            stream: Timestamp::MIN,
            stream_committed: Timestamp::MIN,
        }
    }

    /// Whether its records go through the re-keyed topic.
    pub(crate) fn is_rekeyed(&self) -> bool {
        self.kind == InputKind::ToRekey
    }

    /// Adds a decoded record, taking its events out of the batch.
    pub(crate) fn push(&mut self, offset: u64, timestamp_ms: i64, decoded: Decoded, batch: &mut EventBatch) {
        let content = match decoded {
            Decoded::Events => {
                for event in batch.events_mut() {
                    let mut taken = self.spare.pop().unwrap_or_default();
                    std::mem::swap(&mut taken, event);
                    self.events.push_back(taken);
                }
                Content::Events(batch.events().len())
            }
            Decoded::Skipped => Content::Skipped,
            Decoded::Watermarks(watermarks) => Content::Watermarks(watermarks),
            Decoded::DeadLetter(letter) => Content::DeadLetter(letter),
        };
        batch.clear();
        self.items.push_back(Item { offset, timestamp_ms, content });
    }

    /// Adds a message for an id.
    pub(crate) fn push_message(&mut self, offset: u64, timestamp_ms: i64, to: String, message: Message) {
        self.items.push_back(Item { offset, timestamp_ms, content: Content::Message(Box::new((to, message))) });
    }

    /// The next event of the item just popped.
    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes an event back for the next record.
    pub(crate) fn recycle(&mut self, event: Event) {
        self.spare.push(event);
    }

    /// The contacts of the first `items` records.
    pub(crate) fn contacts(&self, items: usize) -> impl Iterator<Item = &str> {
        let events: usize = self
            .items
            .iter()
            .take(items)
            .map(|item| if let Content::Events(count) = item.content { count } else { 0 })
            .sum();
        self.events.iter().take(events).map(|event| event.contact.as_str())
    }

    /// Goes on from where an earlier owner was.
    pub(crate) fn restore_stream(&mut self, stream: Timestamp) {
        (self.stream, self.stream_committed) = (stream, stream);
    }

    /// What was folded is committed.
    pub(crate) fn commit(&mut self) {
        self.committed = self.next_offset;
        self.stream_committed = self.stream;
    }

    /// Forgets what was decoded and goes back to the last commit.
    pub(crate) fn rewind(&mut self) {
        self.items.clear();
        self.spare.extend(self.events.drain(..));
        self.next_offset = self.committed;
        self.stream = self.stream_committed;
        self.caught_up = false;
    }

    /// What the reader knows of the partition.
    pub(crate) fn observe(&mut self, progress: Option<Progress>) {
        self.caught_up = progress.is_some_and(|progress| progress.caught_up);
        self.lag = progress.and_then(|progress| progress.lag()).unwrap_or(0) + self.items.len() as u64;
    }
}

/// The order between the partitions of a task.
#[derive(Debug, Default)]
pub(crate) struct InputOrder {
    waiting_since_ms: Option<i64>,
    cursors: Vec<usize>,
}

impl InputOrder {
    /// Which queues to take the next records from, in order, at most `limit` records. Stops where a partition that lags has nothing yet, until
    /// it was waited for long enough.
    pub(crate) fn choose(
        &mut self,
        queues: &[InputQueue],
        limit: usize,
        now_ms: i64,
        wait_ms: i64,
        chosen: &mut Vec<usize>,
    ) {
        chosen.clear();
        self.cursors.clear();
        self.cursors.resize(queues.len(), 0);
        // Records to re-key are ordered behind the re-keying, by who reads them there.
        for (index, queue) in queues.iter().enumerate().filter(|(_, queue)| queue.is_rekeyed()) {
            let count = queue.items.len().min(limit - chosen.len());
            chosen.extend(std::iter::repeat_n(index, count));
        }
        let mut waited = false;
        while chosen.len() < limit {
            let mut first: Option<(i64, usize)> = None;
            let mut lagging = false;
            for (index, queue) in queues.iter().enumerate().filter(|(_, queue)| !queue.is_rekeyed()) {
                match queue.items.get(self.cursors[index]) {
                    Some(item) if first.is_none_or(|(least, _)| item.timestamp_ms < least) => {
                        first = Some((item.timestamp_ms, index));
                    }
                    Some(_) => {}
                    None => lagging |= !queue.caught_up,
                }
            }
            let Some((_, index)) = first else { break };
            if lagging {
                waited = true;
                let since = *self.waiting_since_ms.get_or_insert(now_ms);
                if now_ms - since < wait_ms {
                    break;
                }
            }
            self.cursors[index] += 1;
            chosen.push(index);
        }
        if !waited {
            self.waiting_since_ms = None;
        }
    }

    /// Whether records wait for those of a partition that has none yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting_since_ms.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(kind: InputKind, timestamps: &[i64], caught_up: bool) -> InputQueue {
        let mut queue = InputQueue::new(0, 0, kind, 0);
        for (offset, timestamp) in timestamps.iter().enumerate() {
            queue.push(offset as u64, *timestamp, Decoded::Skipped, &mut EventBatch::default());
        }
        queue.caught_up = caught_up;
        queue
    }

    fn choose(order: &mut InputOrder, queues: &[InputQueue], now_ms: i64) -> Vec<usize> {
        let mut chosen = Vec::new();
        order.choose(queues, 100, now_ms, 50, &mut chosen);
        chosen
    }

    #[test]
    fn the_smallest_timestamp_goes_first_across_partitions() {
        let queues = [queue(InputKind::Keyed, &[1, 5, 6], true), queue(InputKind::Keyed, &[2, 3, 9], true)];
        assert_eq!(choose(&mut InputOrder::default(), &queues, 0), [0, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn a_partition_that_lags_is_waited_for_but_not_for_ever() {
        let queues = [queue(InputKind::Keyed, &[1, 5], false), queue(InputKind::Keyed, &[2], false)];
        let mut order = InputOrder::default();
        assert_eq!(choose(&mut order, &queues, 0), [0, 1]);
        assert_eq!(choose(&mut order, &queues, 49), [0, 1]);
        assert_eq!(choose(&mut order, &queues, 50), [0, 1, 0]);
    }

    #[test]
    fn a_partition_that_has_been_read_to_its_end_is_not_waited_for() {
        let queues = [queue(InputKind::Keyed, &[1, 5], false), queue(InputKind::Keyed, &[], true)];
        assert_eq!(choose(&mut InputOrder::default(), &queues, 0), [0, 0]);
    }

    #[test]
    fn records_to_re_key_wait_for_nobody() {
        let queues = [queue(InputKind::ToRekey, &[9, 8], false), queue(InputKind::Rekeyed, &[], false)];
        assert_eq!(choose(&mut InputOrder::default(), &queues, 0), [0, 0]);
    }

    #[test]
    fn going_back_forgets_what_was_decoded() {
        let mut queue = queue(InputKind::Keyed, &[1, 2], true);
        let mut batch = EventBatch::default();
        batch.add().contact.push_str("anna");
        queue.push(2, 3, Decoded::Events, &mut batch);
        assert!(batch.events().is_empty());
        assert_eq!(queue.contacts(3).collect::<Vec<_>>(), ["anna"]);
        queue.next_offset = 2;
        queue.rewind();
        assert_eq!((queue.next_offset, queue.items.len(), queue.contacts(9).count()), (0, 0, 0));
        assert!(!queue.caught_up);
    }
}
