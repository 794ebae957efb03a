//! The transaction coordinator of the model: identities, epochs, open transactions and their ends.
//!
//! Owns the outcome of every transaction. A transaction goes open -> decided -> finished; decided means that the outcome stands, finished
//! that its markers are in the partitions and its offsets in the group.
//!
//! Invariants: an identity has at most one transaction that is not finished; a request with an epoch that is not the identity's is refused.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::partition::{StoredRecord, TransactionNumber};
use crate::log::{CommittedOffset, InputOffset, TopicPartition};

/// Answer to a request of an epoch that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StaleEpoch {
    /// Another producer has opened the identity.
    Fenced,
    /// The coordinator has aborted the transaction after its timeout; nobody has taken the identity.
    TimedOut,
}

/// Request to end a transaction that is still under way.
#[derive(Debug)]
pub(super) struct EndRequest {
    transactional_id: String,
    epoch: u64,
    commit: bool,
}

#[derive(Debug)]
struct Transaction {
    number: TransactionNumber,
    started_ms: i64,
    /// Partitions written, each with the offsets of the first and the last record.
    partitions: BTreeMap<TopicPartition, (u64, u64)>,
    offsets: Vec<(String, InputOffset)>,
    decided: Option<bool>,
}

#[derive(Debug, Default)]
struct Identity {
    epoch: u64,
    timeout_ms: i64,
    /// The present epoch was begun by the coordinator, after a timeout.
    timed_out: bool,
    transaction: Option<Transaction>,
}

/// The state of the coordinator.
#[derive(Debug, Default)]
pub(super) struct Coordinator {
    identities: BTreeMap<String, Identity>,
    last_number: TransactionNumber,
    under_way: Vec<EndRequest>,
}

impl Coordinator {
    fn current(&mut self, id: &str, epoch: u64) -> Result<&mut Identity, StaleEpoch> {
        self.check(id, epoch)?;
        self.identities.get_mut(id).ok_or(StaleEpoch::Fenced)
    }

    pub(super) fn check(&self, id: &str, epoch: u64) -> Result<(), StaleEpoch> {
        match self.identities.get(id) {
            Some(identity) if identity.epoch == epoch => Ok(()),
            Some(identity) if identity.epoch == epoch + 1 && identity.timed_out => Err(StaleEpoch::TimedOut),
            _ => Err(StaleEpoch::Fenced),
        }
    }

    /// True where an offset of the group for the partition waits for the end of a transaction.
    pub(super) fn is_unstable(&self, group: &str, partition: &TopicPartition) -> bool {
        let open = self.identities.values().filter_map(|identity| identity.transaction.as_ref());
        open.flat_map(|transaction| &transaction.offsets)
            .any(|(of, offset)| of == group && offset.partition == *partition)
    }

    /// The open transaction of the identity, which starts at its first use as in Kafka.
    fn open(&mut self, id: &str, epoch: u64, now_ms: i64) -> Result<&mut Transaction, StaleEpoch> {
        let number = self.last_number + 1;
        self.last_number = number;
        let identity = self.current(id, epoch)?;
        Ok(identity.transaction.get_or_insert_with(|| Transaction {
            number,
            started_ms: now_ms,
            partitions: BTreeMap::new(),
            offsets: Vec::new(),
            decided: None,
        }))
    }

    /// Leaves a request to end the transaction under way.
    pub(super) fn delay(&mut self, id: &str, epoch: u64, commit: bool) {
        self.under_way.push(EndRequest { transactional_id: id.to_owned(), epoch, commit });
    }
}

impl Cluster {
    /// Settles what the identity left open and returns its new epoch; all older ones are fenced.
    pub(super) fn initialise(&mut self, id: &str, timeout_ms: i64) -> u64 {
        self.settle(id);
        let identity = self.transactions.identities.entry(id.to_owned()).or_default();
        identity.epoch += 1;
        identity.timeout_ms = timeout_ms;
        identity.timed_out = false;
        identity.epoch
    }

    /// Appends a record of the open transaction to a partition that exists.
    pub(super) fn append(
        &mut self,
        id: &str,
        epoch: u64,
        partition: &TopicPartition,
        record: StoredRecord,
    ) -> Result<(), StaleEpoch> {
        let now_ms = self.now_ms;
        let transaction = self.transactions.open(id, epoch, now_ms)?;
        if let Some(log) =
            self.topics.get_mut(&partition.topic).and_then(|topic| topic.partition_mut(partition.partition))
        {
            let offset = log.append(record, Some(transaction.number));
            transaction.partitions.entry(partition.clone()).or_insert((offset, offset)).1 = offset;
        }
        Ok(())
    }

    /// Adds offsets to the open transaction.
    pub(super) fn add_offsets(
        &mut self,
        id: &str,
        epoch: u64,
        group: &str,
        offsets: &[InputOffset],
    ) -> Result<(), StaleEpoch> {
        let now_ms = self.now_ms;
        let transaction = self.transactions.open(id, epoch, now_ms)?;
        transaction.offsets.extend(offsets.iter().map(|offset| (group.to_owned(), offset.clone())));
        Ok(())
    }

    /// The first and the last offset that the open transaction wrote in each partition.
    pub(super) fn written(&mut self, id: &str, epoch: u64) -> Result<BTreeMap<TopicPartition, (u64, u64)>, StaleEpoch> {
        let identity = self.transactions.current(id, epoch)?;
        Ok(identity.transaction.as_ref().map_or_else(BTreeMap::new, |transaction| transaction.partitions.clone()))
    }

    /// Decides the outcome of the open transaction. [`Cluster::finish`] makes it visible.
    pub(super) fn decide(&mut self, id: &str, epoch: u64, commit: bool) -> Result<(), StaleEpoch> {
        let identity = self.transactions.current(id, epoch)?;
        if let Some(transaction) = &mut identity.transaction {
            transaction.decided = Some(commit);
        }
        Ok(())
    }

    /// Writes the markers and the offsets of a decided transaction; one that is not decided stays open.
    pub(super) fn finish(&mut self, id: &str) {
        let Some(identity) = self.transactions.identities.get_mut(id) else { return };
        let Some((transaction, commit)) =
            identity.transaction.take_if(|open| open.decided.is_some()).and_then(decision)
        else {
            return;
        };
        for partition in transaction.partitions.keys() {
            let topic = self.topics.get_mut(&partition.topic);
            if let Some(log) = topic.and_then(|topic| topic.partition_mut(partition.partition)) {
                log.mark(transaction.number, commit);
            }
        }
        for (group, offset) in transaction.offsets.into_iter().filter(|_| commit) {
            let committed = CommittedOffset { next_offset: offset.next_offset, metadata: offset.metadata };
            self.group_mut(&group).offsets.insert(offset.partition, committed);
        }
    }

    /// Finishes every decided transaction.
    pub(super) fn finish_all(&mut self) {
        let ids: Vec<String> = self.transactions.identities.keys().cloned().collect();
        for id in ids {
            self.finish(&id);
        }
    }

    /// Finishes the identity's transaction, aborting it if it is undecided.
    fn settle(&mut self, id: &str) {
        let identity = self.transactions.identities.get_mut(id);
        if let Some(transaction) = identity.and_then(|identity| identity.transaction.as_mut()) {
            transaction.decided.get_or_insert(false);
        }
        self.finish(id);
    }

    /// Lets the requests that are under way arrive. A request of an older epoch is refused, as a fenced producer's.
    pub(super) fn deliver_delayed(&mut self) -> usize {
        let requests = std::mem::take(&mut self.transactions.under_way);
        let mut carried_out = 0;
        for request in requests {
            if self.decide(&request.transactional_id, request.epoch, request.commit).is_ok() {
                self.finish(&request.transactional_id);
                carried_out += 1;
            }
        }
        carried_out
    }

    /// Aborts transactions that are open for longer than their timeout, and fences their producers.
    pub(super) fn expire_transactions(&mut self) {
        let now_ms = self.now_ms;
        let expired: Vec<String> = self
            .transactions
            .identities
            .iter()
            .filter(|(_, identity)| {
                let open = identity.transaction.as_ref().filter(|transaction| transaction.decided.is_none());
                open.is_some_and(|transaction| now_ms - transaction.started_ms >= identity.timeout_ms)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            self.settle(&id);
            if let Some(identity) = self.transactions.identities.get_mut(&id) {
                identity.epoch += 1;
                identity.timed_out = true;
            }
        }
    }
}

fn decision(transaction: Transaction) -> Option<(Transaction, bool)> {
    let commit = transaction.decided?;
    Some((transaction, commit))
}
