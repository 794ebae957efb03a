//! What the tests share: the cluster under test, and small steps with patience.
//!
//! Never reads a clock: patience is counted in rounds, each of which waits inside a call of the log or in [`Cluster::pause`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use leadstream_runtime::log::{
    CleanupPolicy, Destination, InputOffset, Isolation, Log, LogError, Membership, MembershipEvent, MembershipOptions,
    OutputRecord, Producer, ProducerOptions, ReadStart, Reader, ReaderOptions, ReaderPartition, Record, TopicIndex,
    TopicPartition, TopicSpec,
};

/// A member of the log under test.
pub type MembershipOf<C> = <<C as Cluster>::Log as Log>::Membership;
/// A reader of the log under test.
pub type ReaderOf<C> = <<C as Cluster>::Log as Log>::Reader;
/// A producer of the log under test.
pub type ProducerOf<C> = <<C as Cluster>::Log as Log>::Producer;

/// A cluster under test. A handle of it crashes by being dropped.
pub trait Cluster {
    /// The implementation.
    type Log: Log;

    /// A client of the cluster.
    fn log(&self) -> &Self::Log;

    /// Another client of the same cluster, as of another process.
    fn second_client(&self) -> Self::Log;

    /// A name that no other test uses, with `base` in it.
    fn name(&self, base: &str) -> String;

    /// Deletes a topic and makes it again under the same name, with one partition.
    fn make_anew(&self, topic: &str);

    /// How many rounds to wait for what must come.
    fn rounds(&self) -> usize;

    /// How long a call of a round may wait.
    fn wait(&self) -> Duration;

    /// Waits for one round, outside of any call.
    fn pause(&self);

    /// Lets the session of a member run out that is not there any more.
    fn outlast_session(&self);

    /// Lets a time pass that a test has asked for, such as a transaction's timeout.
    fn outlast(&self, time: Duration);
}

/// A record as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which of the reader's topics.
    pub topic: TopicIndex,
    /// Partition number.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
    /// Timestamp in milliseconds.
    pub timestamp_ms: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Seen {
    /// A copy of a record.
    pub fn of(record: &Record<'_>) -> Self {
        let headers = (0..).map_while(|index| record.headers.header(index));
        Self {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp.map(|timestamp| timestamp.ms),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
        }
    }
}

/// The values of records as text, in the order of partitions and offsets.
pub fn values(seen: &[Seen]) -> Vec<String> {
    let mut sorted: Vec<&Seen> = seen.iter().collect();
    sorted.sort_by_key(|record| (record.topic, record.partition, record.offset));
    let text = |record: &&Seen| String::from_utf8(record.value.clone().unwrap_or_default()).unwrap();
    sorted.iter().map(text).collect()
}

/// Repeats until there is a result.
pub fn eventually<T>(cluster: &impl Cluster, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..cluster.rounds() {
        if let Some(result) = attempt() {
            return result;
        }
        cluster.pause();
    }
    panic!("{what} did not happen in {} rounds", cluster.rounds());
}

/// Repeats a call that may answer `Retry`.
pub fn patiently<T>(cluster: &impl Cluster, mut call: impl FnMut() -> Result<T, LogError>) -> Result<T, LogError> {
    eventually(cluster, "an answer other than retry", || match call() {
        Err(LogError::Retry(_)) => None,
        answer => Some(answer),
    })
}

/// A topic kept by age, for ever.
pub fn spec(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: Some(1),
        cleanup_policy: CleanupPolicy::Delete,
        retention_ms: None,
        max_message_bytes: None,
        settings: BTreeMap::new(),
    }
}

/// Creates a topic under a new name and returns the name.
pub fn topic(cluster: &impl Cluster, base: &str, partitions: u32) -> String {
    let name = cluster.name(base);
    patiently(cluster, || cluster.log().create(&[spec(&name, partitions)])).unwrap();
    name
}

/// A topic of one partition that takes small records only.
pub fn narrow_topic(cluster: &impl Cluster, base: &str) -> String {
    let name = cluster.name(base);
    let spec = TopicSpec { max_message_bytes: Some(10_000), ..spec(&name, 1) };
    patiently(cluster, || cluster.log().create(std::slice::from_ref(&spec))).unwrap();
    name
}

/// A value that a [`narrow_topic`] refuses. Its bytes do not compress: the limit is on what the cluster is sent.
pub fn too_large_for_narrow() -> Vec<u8> {
    let mut state = 1_u32;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    bytes.take(50_000).collect()
}

/// Opens a producer for topics.
pub fn producer<C: Cluster>(cluster: &C, log: &C::Log, id: &str, topics: &[&str]) -> ProducerOf<C> {
    producer_with_timeout(cluster, log, id, topics, Duration::from_secs(30))
}

/// Opens a producer whose transactions may last for `transaction_timeout`.
pub fn producer_with_timeout<C: Cluster>(
    cluster: &C,
    log: &C::Log,
    id: &str,
    topics: &[&str],
    transaction_timeout: Duration,
) -> ProducerOf<C> {
    let options = ProducerOptions { transaction_timeout, ..options(id, topics) };
    patiently(cluster, || log.open_producer(&options)).unwrap()
}

/// Of a producer for topics none of which is of state.
pub fn options(id: &str, topics: &[&str]) -> ProducerOptions {
    ProducerOptions {
        transactional_id: id.to_owned(),
        topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        state_topics: 0,
        transaction_timeout: Duration::from_secs(30),
        queue_records: 10_000,
    }
}

/// A record for a partition of the producer's first topic, its key equal to its value.
pub fn record(partition: u32, value: &str) -> OutputRecord<'_> {
    OutputRecord {
        topic: TopicIndex(0),
        destination: Destination::Partition(partition),
        key: Some(value.as_bytes()),
        value: Some(value.as_bytes()),
        headers: &[],
        timestamp_ms: None,
    }
}

/// Commits one transaction of records for partition 0 of the producer's first topic.
pub fn commit_values(cluster: &impl Cluster, producer: &mut impl Producer, values: &[&str]) {
    patiently(cluster, || producer.begin()).unwrap();
    for value in values {
        producer.produce(&record(0, value)).unwrap();
    }
    producer.commit_without_offsets().unwrap();
}

/// Opens a reader of topics.
pub fn reader<C: Cluster>(cluster: &C, topics: &[&str], isolation: Isolation) -> ReaderOf<C> {
    let options = ReaderOptions {
        topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        isolation,
        buffer_bytes: 1 << 20,
        name: "suite".to_owned(),
    };
    cluster.log().open_reader(&options).unwrap()
}

/// Partition `partition` of a reader's first topic.
pub fn at(partition: u32) -> ReaderPartition {
    ReaderPartition { topic: TopicIndex(0), partition }
}

/// The start of a partition of a reader's first topic at an offset.
pub fn from(partition: u32, offset: u64) -> ReadStart {
    ReadStart { partition: at(partition), offset }
}

/// Reads once and returns what was visited; a problem fails the test.
pub fn read_once<C: Cluster>(cluster: &C, reader: &mut ReaderOf<C>, max_records: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    let summary = reader.read(max_records, cluster.wait(), &mut |record| seen.push(Seen::of(record))).unwrap();
    assert_eq!(summary.problems, []);
    assert_eq!(summary.records, seen.len());
    seen
}

/// Reads until the reader has caught up in the partitions of its first topic.
pub fn read_to_end<C: Cluster>(cluster: &C, reader: &mut ReaderOf<C>, partitions: &[u32]) -> Vec<Seen> {
    let mut seen = Vec::new();
    eventually(cluster, "catching up", || {
        seen.extend(read_once(cluster, reader, 1_000));
        let caught_up = |partition: &u32| reader.progress(at(*partition)).unwrap().caught_up;
        partitions.iter().all(caught_up).then_some(())
    });
    seen
}

/// Everything that a new reader sees in a topic now.
pub fn snapshot<C: Cluster>(cluster: &C, topic: &str, isolation: Isolation) -> Vec<Seen> {
    let described = patiently(cluster, || cluster.log().describe(&[topic])).unwrap();
    let partitions: Vec<u32> = (0..described[0].as_ref().unwrap().partitions).collect();
    let names: Vec<TopicPartition> = partitions.iter().map(|number| TopicPartition::new(topic, *number)).collect();
    let bounds = patiently(cluster, || cluster.log().bounds(&names)).unwrap();
    let mut reader = reader(cluster, &[topic], isolation);
    let starts: Vec<ReadStart> =
        partitions.iter().zip(&bounds).map(|(number, bounds)| from(*number, bounds.start_offset)).collect();
    reader.start(&starts).unwrap();
    read_to_end(cluster, &mut reader, &partitions)
}

/// Waits until exactly these values are visible in a topic, in the order of partitions and offsets.
pub fn expect_values<C: Cluster>(cluster: &C, topic: &str, expected: &[&str]) -> Vec<Seen> {
    let mut last = Vec::new();
    for _ in 0..cluster.rounds().min(100) {
        let seen = snapshot(cluster, topic, Isolation::ReadCommitted);
        last = values(&seen);
        if last == expected {
            return seen;
        }
        cluster.pause();
    }
    panic!("{topic} shows {last:?} instead of {expected:?}");
}

/// A member with what it was told.
pub struct Worker<C: Cluster> {
    /// The membership.
    pub membership: MembershipOf<C>,
    /// The tasks it owns, ascending.
    pub owned: Vec<u32>,
    /// All events so far.
    pub events: Vec<MembershipEvent>,
    /// Answers revocations at once.
    pub obliging: bool,
}

impl<C: Cluster> Worker<C> {
    /// A member that answers revocations at once.
    pub fn join(log: &C::Log, group: &str, topic: &str, instance_id: &str) -> Self {
        let options =
            MembershipOptions { group: group.to_owned(), topic: topic.to_owned(), instance_id: instance_id.to_owned() };
        Self { membership: log.join(&options).unwrap(), owned: Vec::new(), events: Vec::new(), obliging: true }
    }

    /// A member of a group of its own topic, with all of its tasks.
    pub fn alone(cluster: &C, group: &str, topic: &str) -> Self {
        let mut worker = Self::join(cluster.log(), group, topic, "alone");
        eventually(cluster, "the first assignment", || {
            worker.serve(cluster);
            worker.membership.token()
        });
        worker
    }

    /// Polls once.
    pub fn serve(&mut self, cluster: &C) {
        let Some(event) = self.membership.poll(cluster.wait()).unwrap() else { return };
        match &event {
            MembershipEvent::Assigned { tasks } => {
                assert!(tasks.iter().all(|task| !self.owned.contains(task)), "{tasks:?} were owned already");
                self.owned.extend(tasks);
                self.owned.sort_unstable();
            }
            MembershipEvent::Revoked { tasks, .. } => {
                assert!(tasks.iter().all(|task| self.owned.contains(task)), "{tasks:?} were not owned");
                if self.obliging {
                    self.release(tasks);
                }
            }
        }
        self.events.push(event);
    }

    /// Answers a revocation.
    pub fn release(&mut self, tasks: &[u32]) {
        self.membership.release(tasks).unwrap();
        self.owned.retain(|task| !tasks.contains(task));
    }
}

/// An offset of partition 0 of a topic.
pub fn input(topic: &str, next_offset: u64) -> InputOffset {
    InputOffset { partition: TopicPartition::new(topic, 0), next_offset, metadata: String::new() }
}

/// The class of an error, for an assertion that shows what came instead.
pub fn class<T: Debug>(answer: Result<T, LogError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(LogError::Retry(_)) => "retry",
        Err(LogError::AbortAndRewind(_)) => "abort and rewind",
        Err(LogError::AbortAndAwaitAssignment(_)) => "abort and await assignment",
        Err(LogError::UnknownOutcome(_)) => "unknown outcome",
        Err(LogError::Fenced(_)) => "fenced",
        Err(LogError::Replaced { .. }) => "replaced",
        Err(LogError::Fatal(_)) => "fatal",
    }
}
