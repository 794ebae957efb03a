//! Producing in transactions.
//!
//! begin, produce as often as needed, then commit or abort; one transaction at a time. The order of the calls is the caller's duty; a call out of
//! order is [`LogError::Fatal`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use super::{Failure, Header, LogError, TopicIndex, TopicPartition};

/// How to open a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerOptions {
    /// Identity of this producer, the same after a restart: opening it fences the one before.
    pub transactional_id: String,
    /// The topics it may write; [`TopicIndex`] counts in this list.
    pub topics: Vec<String>,
    /// So many of them, counted from the first, hold what nothing can replace: a commit fails where a record came to lie before an earlier one.
    pub state_topics: u16,
    /// How long a transaction may stay open before the cluster aborts it. Until then it holds up every `ReadCommitted` reader.
    pub transaction_timeout: Duration,
    /// Most records of one transaction that wait in memory for their acknowledgement; `produce` waits when it is reached.
    pub queue_records: usize,
}

/// Where in its topic a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To this partition.
    Partition(u32),
    /// To the partition of its key, as Kafka's Java clients compute it ([`super::partition_for_key`]); without a key, to any.
    ByKey,
}

/// A record to produce. Copied by the call.
#[derive(Debug, Clone, Copy)]
pub struct OutputRecord<'a> {
    /// Which of the producer's topics.
    pub topic: TopicIndex,
    /// Where in the topic.
    pub destination: Destination,
    /// Key; may be null.
    pub key: Option<&'a [u8]>,
    /// Value; null is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: &'a [Header<'a>],
    /// Timestamp in milliseconds since the epoch; `None`: the time of the call, as the log sees it.
    pub timestamp_ms: Option<i64>,
}

/// An input offset that commits with the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputOffset {
    /// The input partition.
    pub partition: TopicPartition,
    /// The next offset to read: last consumed + 1.
    pub next_offset: u64,
    /// Kept beside the offset; at most 4096 bytes.
    pub metadata: String,
}

/// The first and the last offset that a committed transaction wrote in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducedOffset {
    /// Which of the producer's topics.
    pub topic: TopicIndex,
    /// Partition number.
    pub partition: u32,
    /// Offset of the first record of the transaction there.
    pub first_offset: u64,
    /// Offset of the last record of the transaction there. A reader that has everything up to it starts at `last_offset + 1`.
    pub last_offset: u64,
}

/// The last offset in each partition of the topics of state, over all transactions of a producer: what shows that a topic is another one than before.
#[derive(Debug, Default)]
pub struct Ends(BTreeMap<(TopicIndex, u32), u64>);

impl Ends {
    /// Takes over a partition of a topic of state that ends at that offset, whoever wrote into it.
    pub fn take_over(&mut self, topic: TopicIndex, partition: u32, end_offset: u64) {
        match end_offset.checked_sub(1) {
            Some(last_offset) => self.0.insert((topic, partition), last_offset),
            None => self.0.remove(&(topic, partition)),
        };
    }

    /// Compares what a transaction wrote with what those before it wrote, and remembers it where it lies behind.
    ///
    /// # Errors
    /// [`LogError::Replaced`].
    pub fn follow(&mut self, produced: &[ProducedOffset], options: &ProducerOptions) -> Result<(), LogError> {
        let of_state = produced.iter().filter(|produced| produced.topic.0 < options.state_topics);
        for &ProducedOffset { topic, partition, first_offset, last_offset } in of_state {
            let before = self.0.insert((topic, partition), last_offset);
            // The first one: what is written into an empty partition may well end behind what was written into the one before.
            if let Some(before) = before.filter(|before| first_offset <= *before) {
                let name = options.topics.get(usize::from(topic.0)).map_or("", String::as_str);
                let reason = format!(
                    "a record came to lie at offset {first_offset} of {name}[{partition}], where one before it lay at {before}"
                );
                let failure = Failure::new("commit transaction", reason);
                return Err(LogError::Replaced { topic, partition, failure });
            }
        }
        Ok(())
    }
}

/// What a commit wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// One entry per partition written, sorted by topic and partition.
    pub produced: Vec<ProducedOffset>,
}

/// A transactional producer, owned by one worker. Dropping it never hangs; what it left open is aborted by the next one with its id or by the
/// cluster's timeout.
pub trait Producer: Send {
    /// Proof of ownership, from [`Membership::token`](super::Membership::token).
    type Token: Clone + Debug + Send + Sync + 'static;

    /// Opens a transaction.
    ///
    /// # Errors
    /// [`LogError::Retry`] (the producer had to be replaced and the coordinator cannot be reached), [`LogError::Fenced`], [`LogError::Fatal`].
    fn begin(&mut self) -> Result<(), LogError>;

    /// Says where a partition of a topic of state ends when its task begins here. No transaction may write before that: it would be into another topic
    /// of the same name.
    fn take_over(&mut self, topic: TopicIndex, partition: u32, end_offset: u64);

    /// Adds a record to the open transaction. It may be refused later, which the commit reports.
    ///
    /// # Errors
    /// [`LogError::AbortAndRewind`] (no room in the queue for longer than the transaction may last, or a partition that does not exist),
    /// [`LogError::Fatal`] for a record larger than the limits allow or a topic index that does not exist, [`LogError::Fenced`].
    fn produce(&mut self, record: &OutputRecord<'_>) -> Result<(), LogError>;

    /// Commits the records together with the offsets, which must be those of **every** task written, even unchanged ones: the cluster checks
    /// the token only where there are offsets. `Ok` means that the commit is decided; readers may see it a moment later.
    ///
    /// # Errors
    /// [`LogError::AbortAndRewind`], [`LogError::AbortAndAwaitAssignment`], [`LogError::UnknownOutcome`], [`LogError::Fenced`];
    /// [`LogError::Replaced`] where a topic of state is another one than before, [`LogError::Fatal`] for an empty list of offsets.
    fn commit(&mut self, token: &Self::Token, offsets: &[InputOffset]) -> Result<Committed, LogError>;

    /// Commits records alone. **Not fenced by any generation**: for tools and for what no task owns, such as registering plans.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit), without the token's.
    fn commit_without_offsets(&mut self) -> Result<Committed, LogError>;

    /// Aborts the open transaction; none of its records is ever visible. Without an open transaction it does nothing. Where the cluster does not
    /// answer, the producer may be given up instead: then the next [`begin`](Self::begin) replaces it, which aborts what it left open.
    ///
    /// # Errors
    /// [`LogError::UnknownOutcome`] where the cluster does not answer (then [`reopen`](Self::reopen)), [`LogError::Fenced`].
    fn abort(&mut self) -> Result<(), LogError>;

    /// Replaces the producer by a new one with the same id. When this returns `Ok`, the last transaction is settled, committed or aborted, and a
    /// reader can find out which.
    ///
    /// # Errors
    /// [`LogError::Retry`] while the coordinator cannot be reached, [`LogError::Fatal`] where it refuses.
    fn reopen(&mut self) -> Result<(), LogError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_begins_anew_is_noticed_however_much_a_transaction_writes_into_it() {
        let options = ProducerOptions {
            transactional_id: "p".to_owned(),
            topics: vec!["state".to_owned(), "told".to_owned()],
            state_topics: 1,
            transaction_timeout: std::time::Duration::from_secs(1),
            queue_records: 1,
        };
        let wrote = |topic, first_offset, last_offset| {
            [ProducedOffset { topic: TopicIndex(topic), partition: 0, first_offset, last_offset }]
        };
        let mut ends = Ends::default();
        assert_eq!(ends.follow(&wrote(0, 0, 4), &options), Ok(()));
        assert_eq!(ends.follow(&wrote(0, 6, 6), &options), Ok(()));
        for (first, last) in [(0, 2), (0, 30), (6, 7)] {
            let mut ends = Ends(ends.0.clone());
            let replaced = ends.follow(&wrote(0, first, last), &options);
            assert!(
                matches!(replaced, Err(LogError::Replaced { partition: 0, .. })),
                "{first} to {last}: {replaced:?}"
            );
        }
        for (end_offset, is_noticed) in [(0, false), (3, false), (4, true)] {
            let mut ends = Ends(ends.0.clone());
            ends.take_over(TopicIndex(0), 0, end_offset);
            let went = ends.follow(&wrote(0, 3, 3), &options);
            assert_eq!(went.is_err(), is_noticed, "a partition that ends at {end_offset} was taken over: {went:?}");
        }
        assert_eq!(ends.follow(&wrote(1, 6, 6), &options), Ok(()));
        assert_eq!(ends.follow(&wrote(1, 0, 9), &options), Ok(()), "what is told may begin anew");
    }
}
