//! A log whose producer dies at a chosen call: what a process that is killed at that moment has done, and has not.
//!
//! Every call of the producer counts twice, before and after it reached the cluster. At the chosen moment the call and every later one fails
//! as fatal, so the worker gives up without doing anything more; the test drops it then. Or the process only stalls at the chosen moment, for
//! longer than a transaction may last.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use leadstream_runtime::ManualClock;
use leadstream_runtime::log::model::{ModelLog, ModelMembership, ModelProducer, ModelReader, ModelToken};
use leadstream_runtime::log::{
    Committed, CommittedOffset, Failure, InputOffset, Log, LogError, MembershipOptions, OutputRecord, PartitionBounds,
    Producer, ProducerOptions, ReaderOptions, TopicDescription, TopicIndex, TopicPartition, TopicSpec,
};

/// A moment of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the cluster hears of it.
    Before,
    /// After the cluster has done it.
    After,
}

/// How long a process stalls: longer than a transaction may last.
const STALL: Duration = Duration::from_millis(11_000);

/// When to die, and when to stall. Clones share the counts.
#[derive(Clone, Debug)]
pub struct CrashPlan {
    moments_left: Arc<AtomicI64>,
    moments_to_stall: Arc<AtomicI64>,
    commit_ms: Arc<AtomicI64>,
}

impl Default for CrashPlan {
    fn default() -> CrashPlan {
        let never = || Arc::new(AtomicI64::new(i64::MAX));
        CrashPlan { moments_left: never(), moments_to_stall: never(), commit_ms: Arc::default() }
    }
}

impl CrashPlan {
    /// Dies after so many moments.
    pub fn after(&self, moments: i64) {
        self.moments_left.store(moments, Ordering::Relaxed);
    }

    /// Stalls once after so many moments.
    pub fn stall_after(&self, moments: i64) {
        self.moments_to_stall.store(moments, Ordering::Relaxed);
    }

    /// Commits take so many milliseconds from now on.
    pub fn commits_take(&self, milliseconds: i64) {
        self.commit_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Neither dies nor stalls.
    pub fn never(&self) {
        self.after(i64::MAX);
        self.stall_after(i64::MAX);
    }

    fn stalls(&self) -> bool {
        self.moments_to_stall.fetch_sub(1, Ordering::Relaxed) == 0
    }

    fn pass(&self, operation: &'static str, moment: Moment) -> Result<(), LogError> {
        if self.moments_left.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        Err(LogError::Fatal(Failure::new(operation, format!("the process was killed {moment:?}"))))
    }
}

/// The model log with a producer that can die.
#[derive(Clone, Debug)]
pub struct CrashLog {
    log: ModelLog,
    clock: ManualClock,
    plan: CrashPlan,
}

impl CrashLog {
    /// The log of one process.
    pub fn new(log: ModelLog, clock: ManualClock, plan: CrashPlan) -> CrashLog {
        CrashLog { log, clock, plan }
    }

    fn stall(&self) {
        if self.plan.stalls() {
            self.clock.advance(STALL.as_millis() as i64);
            self.log.advance(STALL);
        }
    }
}

/// The producer that can die.
#[derive(Debug)]
pub struct CrashProducer {
    producer: ModelProducer,
    log: CrashLog,
}

impl CrashProducer {
    fn call<T>(
        &mut self,
        operation: &'static str,
        call: impl FnOnce(&mut ModelProducer) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        self.log.stall();
        self.log.plan.pass(operation, Moment::Before)?;
        let result = call(&mut self.producer);
        self.log.plan.pass(operation, Moment::After)?;
        result
    }
}

impl Producer for CrashProducer {
    type Token = ModelToken;

    fn begin(&mut self) -> Result<(), LogError> {
        self.call("begin", ModelProducer::begin)
    }

    fn take_over(&mut self, topic: TopicIndex, partition: u32, end_offset: u64) {
        self.producer.take_over(topic, partition, end_offset);
    }

    fn produce(&mut self, record: &OutputRecord<'_>) -> Result<(), LogError> {
        self.call("produce", |producer| producer.produce(record))
    }

    fn commit(&mut self, token: &ModelToken, offsets: &[InputOffset]) -> Result<Committed, LogError> {
        self.log.clock.advance(self.log.plan.commit_ms.load(Ordering::Relaxed));
        self.call("commit", |producer| producer.commit(token, offsets))
    }

    fn commit_without_offsets(&mut self) -> Result<Committed, LogError> {
        self.call("commit", ModelProducer::commit_without_offsets)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.call("abort", ModelProducer::abort)
    }

    fn reopen(&mut self) -> Result<(), LogError> {
        self.call("reopen", ModelProducer::reopen)
    }
}

impl Log for CrashLog {
    type Token = ModelToken;
    type Membership = ModelMembership;
    type Reader = ModelReader;
    type Producer = CrashProducer;

    fn join(&self, options: &MembershipOptions) -> Result<ModelMembership, LogError> {
        self.log.join(options)
    }

    fn open_reader(&self, options: &ReaderOptions) -> Result<ModelReader, LogError> {
        self.log.open_reader(options)
    }

    fn open_producer(&self, options: &ProducerOptions) -> Result<CrashProducer, LogError> {
        Ok(CrashProducer { producer: self.log.open_producer(options)?, log: self.clone() })
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<CommittedOffset>>, LogError> {
        self.log.committed(group, partitions)
    }

    fn bounds(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionBounds>, LogError> {
        self.log.bounds(partitions)
    }

    fn offsets_for_times(&self, instants: &[(TopicPartition, i64)]) -> Result<Vec<Option<u64>>, LogError> {
        self.log.offsets_for_times(instants)
    }

    fn delete_before(&self, cuts: &[(TopicPartition, u64)]) -> Result<(), LogError> {
        self.log.delete_before(cuts)
    }

    fn describe(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError> {
        self.log.describe(topics)
    }

    fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.log.create(topics)
    }
}
