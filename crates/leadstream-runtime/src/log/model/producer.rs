//! A transactional producer of the model.
//!
//! Owns the order of the calls, which it enforces strictly: what the contract forbids is [`LogError::Fatal`], so that a worker that
//! disobeys is found out. Which transaction commits is the coordinator's (see [`super::transactions`]).

use std::collections::BTreeMap;

use super::Shared;
use super::cluster::Cluster;
use super::faults::{Call, Fate, Fault};
use super::group::{ModelToken, Standing};
use super::partition::StoredRecord;
use super::placement::place;
use super::transactions::StaleEpoch;
use crate::log::{
    Committed, Ends, Failure, InputOffset, LogError, OutputRecord, ProducedOffset, Producer, ProducerOptions,
    TopicIndex, TopicPartition,
};

/// Kafka's default of `offset.metadata.max.bytes`.
const LONGEST_METADATA_BYTES: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Open,
    MustAbort,
    MustReopen,
    Fenced,
}

/// A transactional producer. Dropping it leaves its transaction open, as a crash does.
#[derive(Debug)]
pub struct ModelProducer {
    shared: Shared,
    options: ProducerOptions,
    epoch: u64,
    state: State,
    /// Records that the cluster could not be reached for.
    unsent: Vec<(TopicPartition, StoredRecord)>,
    /// A record of the open transaction was too large for its topic.
    refused: bool,
    /// Where the next record without a key goes.
    turn: u32,
    ends: Ends,
}

type Offsets<'a> = Option<(&'a ModelToken, &'a [InputOffset])>;

impl ModelProducer {
    pub(super) fn open(shared: Shared, options: ProducerOptions) -> Result<Self, LogError> {
        let (state, unsent) = (State::MustReopen, Vec::new());
        let mut producer =
            Self { shared, options, epoch: 0, state, unsent, refused: false, turn: 0, ends: Ends::default() };
        producer.initialise("open producer")?;
        Ok(producer)
    }

    fn initialise(&mut self, operation: &'static str) -> Result<(), LogError> {
        let mut cluster = self.shared.lock();
        let id = &self.options.transactional_id;
        if cluster.faults.next(Call::Open, id) == Some(Fault::Unavailable) {
            return Err(LogError::Retry(Failure::new(operation, "the coordinator cannot be reached")));
        }
        if id.is_empty() {
            return Err(LogError::Fatal(Failure::new(operation, "the transactional id is empty")));
        }
        let timeout_ms = i64::try_from(self.options.transaction_timeout.as_millis()).unwrap_or(i64::MAX);
        self.epoch = cluster.initialise(id, timeout_ms);
        self.state = State::Ready;
        self.unsent.clear();
        Ok(())
    }

    /// An error unless a transaction is open and sound.
    fn require_open(&self, operation: &'static str) -> Result<(), LogError> {
        let out_of_order = |reason| Err(LogError::Fatal(Failure::new(operation, reason)));
        match self.state {
            State::Open => Ok(()),
            State::Ready => out_of_order("no transaction is open"),
            State::MustReopen => out_of_order("the outcome of the last transaction is unknown, reopen first"),
            State::MustAbort => {
                Err(LogError::AbortAndRewind(Failure::new(operation, "the transaction has failed already")))
            }
            State::Fenced => Err(fenced(operation)),
        }
    }

    fn fall(&mut self, state: State, error: LogError) -> LogError {
        self.state = state;
        error
    }

    fn end(&mut self, operation: &'static str, offsets: Offsets<'_>) -> Result<Committed, LogError> {
        self.require_open(operation)?;
        check_offsets(operation, offsets)?;
        let shared = self.shared.clone();
        let mut cluster = shared.lock();
        let id = self.options.transactional_id.clone();
        let call = if offsets.is_some() { Call::Commit } else { Call::CommitWithoutOffsets };
        let fault = cluster.faults.next(call, &id);
        cluster.transactions.check(&id, self.epoch).map_err(|stale| self.stale(operation, stale))?;
        match fault {
            Some(Fault::Unavailable) => {
                return Err(self.fall(State::MustReopen, unknown(operation, "the cluster cannot be reached")));
            }
            fault if self.refused || fault == Some(Fault::Refused) => {
                let failure = Failure::new(operation, "a record was refused");
                return Err(self.fall(State::MustAbort, LogError::AbortAndRewind(failure)));
            }
            _ => {}
        }
        self.flush(&mut cluster).map_err(|stale| self.stale(operation, stale))?;
        if let Some((token, offsets)) = offsets {
            self.check_token(&mut cluster, operation, fault, token)?;
            let added = cluster.add_offsets(&id, self.epoch, &token.group, offsets);
            added.map_err(|stale| self.stale(operation, stale))?;
        }
        if let Some(Fault::Unknown(fate)) = fault {
            carry_out(&mut cluster, &id, self.epoch, true, fate);
            return Err(self.fall(State::MustReopen, unknown(operation, "the answer was lost")));
        }
        let written = cluster.written(&id, self.epoch).map_err(|stale| self.stale(operation, stale))?;
        let committed = self.committed(&written);
        if let Err(error) = self.ends.follow(&committed.produced, &self.options) {
            return Err(self.fall(State::MustAbort, error));
        }
        cluster.decide(&id, self.epoch, true).map_err(|stale| self.stale(operation, stale))?;
        if fault != Some(Fault::LateMarkers) {
            cluster.finish(&id);
        }
        self.state = State::Ready;
        Ok(committed)
    }

    fn check_token(
        &mut self,
        cluster: &mut Cluster,
        operation: &'static str,
        fault: Option<Fault>,
        token: &ModelToken,
    ) -> Result<(), LogError> {
        let group = cluster.group_mut(&token.group);
        match fault {
            Some(Fault::Outdated) => group.request_rebalance(),
            Some(Fault::Expelled) => {
                group.expel(&token.instance_id);
            }
            _ => {}
        }
        let standing = match group.check(token) {
            // The rebalance may have to wait for others; the commit comes too late all the same.
            Standing::Current if fault == Some(Fault::Outdated) => Standing::Outdated,
            standing => standing,
        };
        let failure = |reason: String| Failure::new(operation, reason);
        match standing {
            Standing::Current => Ok(()),
            Standing::Outdated => {
                let failure = failure(format!("generation {} of {} is over", token.generation, token.instance_id));
                Err(self.fall(State::MustAbort, LogError::AbortAndAwaitAssignment(failure)))
            }
            Standing::Replaced => {
                let failure = failure(format!("instance id {} was taken by another member", token.instance_id));
                Err(self.fall(State::MustAbort, LogError::AbortAndAwaitAssignment(failure)))
            }
        }
    }

    /// Sends what waited for the cluster.
    fn flush(&mut self, cluster: &mut Cluster) -> Result<(), StaleEpoch> {
        for (partition, record) in std::mem::take(&mut self.unsent) {
            cluster.append(&self.options.transactional_id, self.epoch, &partition, record)?;
        }
        Ok(())
    }

    /// What a producer learns that is not the present one any more. After a timeout nobody is accused of having taken its place, and reopening is
    /// right.
    fn stale(&mut self, operation: &'static str, stale: StaleEpoch) -> LogError {
        self.unsent.clear();
        match stale {
            StaleEpoch::Fenced => self.fall(State::Fenced, fenced(operation)),
            StaleEpoch::TimedOut => self.fall(State::MustReopen, unknown(operation, "the transaction lasted too long")),
        }
    }

    fn committed(&self, written: &BTreeMap<TopicPartition, (u64, u64)>) -> Committed {
        let index = |topic: &String| self.options.topics.iter().position(|name| name == topic);
        let produced = written.iter().filter_map(|(partition, &(first_offset, last_offset))| {
            let topic = TopicIndex(u16::try_from(index(&partition.topic)?).ok()?);
            Some(ProducedOffset { topic, partition: partition.partition, first_offset, last_offset })
        });
        let mut produced: Vec<ProducedOffset> = produced.collect();
        produced.sort_by_key(|produced| (produced.topic, produced.partition));
        Committed { produced }
    }
}

impl Producer for ModelProducer {
    type Token = ModelToken;

    fn begin(&mut self) -> Result<(), LogError> {
        const OPERATION: &str = "begin transaction";
        match self.state {
            State::Ready => {}
            State::Fenced => return Err(fenced(OPERATION)),
            State::Open | State::MustAbort | State::MustReopen => {
                let reason = "the last transaction is neither committed nor aborted";
                return Err(LogError::Fatal(Failure::new(OPERATION, reason)));
            }
        }
        let shared = self.shared.clone();
        let mut cluster = shared.lock();
        let id = &self.options.transactional_id;
        if cluster.faults.next(Call::Begin, id) == Some(Fault::Unavailable) {
            return Err(LogError::Retry(Failure::new(OPERATION, "the coordinator cannot be reached")));
        }
        let current = cluster.transactions.check(id, self.epoch);
        current.map_err(|stale| self.stale(OPERATION, stale))?;
        // A transaction begins when the one before is finished: Kafka lets the client wait for the markers.
        cluster.finish(&self.options.transactional_id);
        self.refused = false;
        self.state = State::Open;
        Ok(())
    }

    fn take_over(&mut self, topic: TopicIndex, partition: u32, end_offset: u64) {
        self.ends.take_over(topic, partition, end_offset);
    }

    fn produce(&mut self, record: &OutputRecord<'_>) -> Result<(), LogError> {
        self.require_open("produce")?;
        let shared = self.shared.clone();
        let mut cluster = shared.lock();
        let fault = cluster.faults.next(Call::Produce, &self.options.transactional_id);
        match cluster.transactions.check(&self.options.transactional_id, self.epoch) {
            Ok(()) => {}
            Err(StaleEpoch::TimedOut) => {
                let failure = Failure::new("produce", "the transaction lasted too long");
                return Err(self.fall(State::MustAbort, LogError::AbortAndRewind(failure)));
            }
            Err(stale) => return Err(self.stale("produce", stale)),
        }
        let placed = place(&cluster, &self.options.topics, record, self.turn).inspect_err(|error| {
            if matches!(error, LogError::AbortAndRewind(_)) {
                self.state = State::MustAbort;
            }
        })?;
        self.turn = self.turn.wrapping_add(1);
        self.refused |= placed.is_too_large;
        match fault {
            // The cluster takes nothing more of this transaction; the commit will say so.
            _ if self.refused => {}
            Some(Fault::Refused) => {
                let failure = Failure::new("produce", "the queue is full for too long");
                return Err(self.fall(State::MustAbort, LogError::AbortAndRewind(failure)));
            }
            Some(Fault::Unavailable) => self.unsent.push((placed.partition, placed.record)),
            _ => {
                // What waited goes first: a partition keeps the order of the calls.
                self.unsent.push((placed.partition, placed.record));
                self.flush(&mut cluster).map_err(|stale| self.stale("produce", stale))?;
            }
        }
        Ok(())
    }

    fn commit(&mut self, token: &ModelToken, offsets: &[InputOffset]) -> Result<Committed, LogError> {
        self.end("commit transaction", Some((token, offsets)))
    }

    fn commit_without_offsets(&mut self) -> Result<Committed, LogError> {
        self.end("commit transaction without offsets", None)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        const OPERATION: &str = "abort transaction";
        match self.state {
            State::Ready => return Ok(()),
            State::Open | State::MustAbort => {}
            State::MustReopen => self.require_open(OPERATION)?,
            State::Fenced => return Err(fenced(OPERATION)),
        }
        let shared = self.shared.clone();
        let mut cluster = shared.lock();
        let id = self.options.transactional_id.clone();
        let fault = cluster.faults.next(Call::Abort, &id);
        let current = cluster.transactions.check(&id, self.epoch);
        current.map_err(|stale| self.stale(OPERATION, stale))?;
        self.unsent.clear();
        match fault {
            Some(Fault::Unavailable) => {
                Err(self.fall(State::MustReopen, unknown(OPERATION, "the cluster cannot be reached")))
            }
            Some(Fault::Unknown(fate)) => {
                carry_out(&mut cluster, &id, self.epoch, false, fate);
                Err(self.fall(State::MustReopen, unknown(OPERATION, "the answer was lost")))
            }
            _ => {
                carry_out(&mut cluster, &id, self.epoch, false, Fate::Applied);
                self.state = State::Ready;
                Ok(())
            }
        }
    }

    fn reopen(&mut self) -> Result<(), LogError> {
        self.initialise("reopen producer")
    }
}

/// The end of a transaction whose epoch has just been checked, as far as it gets.
fn carry_out(cluster: &mut Cluster, id: &str, epoch: u64, commit: bool, fate: Fate) {
    match fate {
        Fate::Applied => {
            if cluster.decide(id, epoch, commit).is_ok() {
                cluster.finish(id);
            }
        }
        Fate::Lost => {}
        Fate::Delayed => cluster.transactions.delay(id, epoch, commit),
    }
}

fn check_offsets(operation: &'static str, offsets: Offsets<'_>) -> Result<(), LogError> {
    let fatal = |reason: String| Err(LogError::Fatal(Failure::new(operation, reason)));
    match offsets {
        Some((_, [])) => fatal("no offsets: nothing would fence the commit".to_owned()),
        Some((_, offsets)) => match offsets.iter().find(|offset| offset.metadata.len() > LONGEST_METADATA_BYTES) {
            Some(offset) => fatal(format!("{} bytes of metadata at {}", offset.metadata.len(), offset.partition)),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

fn fenced(operation: &'static str) -> LogError {
    LogError::Fenced(Failure::new(operation, "the transactional id was taken by another producer"))
}

fn unknown(operation: &'static str, reason: &str) -> LogError {
    LogError::UnknownOutcome(Failure::new(operation, reason))
}
