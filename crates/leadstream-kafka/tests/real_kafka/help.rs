//! Handles on the shared broker, and waiting with a limit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use leadstream_kafka::{KafkaLog, KafkaMembership, KafkaProducer, KafkaReader, KafkaSettings};
use leadstream_runtime::log::{
    CleanupPolicy, Destination, InputOffset, Isolation, Log, LogError, Membership, MembershipEvent, MembershipOptions,
    OutputRecord, Producer, ProducerOptions, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex,
    TopicPartition, TopicSpec,
};
use leadstream_test_support::Broker;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The shortest session that a broker allows: what waits for the end of one waits this long.
const SESSION_MS: &str = "6000";

/// What a test holds: a log, and names that no other test uses.
pub(crate) struct World {
    pub(crate) log: KafkaLog,
    prefix: String,
}

impl World {
    pub(crate) fn shared() -> Self {
        Self::on(Broker::shared())
    }

    pub(crate) fn on(broker: &Broker) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut settings = KafkaSettings::new(broker.bootstrap());
        settings.consumer.insert("session.timeout.ms".to_owned(), SESSION_MS.to_owned());
        let log = KafkaLog::connect(settings).unwrap();
        Self { log, prefix }
    }

    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(crate) fn spec(&self, name: &str, partitions: u32) -> TopicSpec {
        TopicSpec {
            name: self.name(name),
            partitions,
            replication: None,
            cleanup_policy: CleanupPolicy::Delete,
            retention_ms: None,
            max_message_bytes: None,
            settings: BTreeMap::new(),
        }
    }

    pub(crate) fn topic(&self, name: &str, partitions: u32) -> String {
        let spec = self.spec(name, partitions);
        retried(|| self.log.create(std::slice::from_ref(&spec)));
        spec.name
    }

    pub(crate) fn member(&self, topic: &str, instance: &str) -> KafkaMembership {
        let options =
            MembershipOptions { group: self.name("group"), topic: topic.to_owned(), instance_id: self.name(instance) };
        self.log.join(&options).unwrap()
    }

    pub(crate) fn producer_options(&self, id: &str, topics: &[&str]) -> ProducerOptions {
        ProducerOptions {
            transactional_id: self.name(id),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            state_topics: 0,
            transaction_timeout: Duration::from_secs(8),
            queue_records: 10_000,
        }
    }

    pub(crate) fn producer(&self, id: &str, topics: &[&str]) -> KafkaProducer {
        let options = self.producer_options(id, topics);
        retried(|| self.log.open_producer(&options))
    }

    pub(crate) fn reader_with(&self, topic: &str, isolation: Isolation) -> KafkaReader {
        let options =
            ReaderOptions { topics: vec![topic.to_owned()], isolation, buffer_bytes: 1 << 20, name: "test".to_owned() };
        self.log.open_reader(&options).unwrap()
    }

    /// A `read_committed` reader of partitions from their starts.
    pub(crate) fn reader(&self, topic: &str, partitions: u32) -> KafkaReader {
        let mut reader = self.reader_with(topic, Isolation::ReadCommitted);
        let starts: Vec<ReadStart> = (0..partitions).map(|partition| start(partition, 0)).collect();
        reader.start(&starts).unwrap();
        reader
    }

    pub(crate) fn end(&self, topic: &str, partition: u32) -> u64 {
        retried(|| self.log.bounds(&[TopicPartition::new(topic, partition)]))[0].end_offset
    }

    /// Everything that a `read_committed` reader sees in a partition up to its end, as text.
    pub(crate) fn committed_values(&self, topic: &str, partition: u32) -> Vec<String> {
        let end = self.end(topic, partition);
        let mut reader = self.reader_with(topic, Isolation::ReadCommitted);
        reader.start(&[start(partition, 0)]).unwrap();
        read_to(&mut reader, partition, end).into_iter().map(|(_, value)| value).collect()
    }

    pub(crate) fn committed_offset(&self, topic: &str, partition: u32) -> Option<(u64, String)> {
        let partitions = [TopicPartition::new(topic, partition)];
        let committed = retried(|| self.log.committed(&self.name("group"), &partitions));
        committed[0].clone().map(|committed| (committed.next_offset, committed.metadata))
    }
}

pub(crate) fn place(partition: u32) -> ReaderPartition {
    ReaderPartition { topic: TopicIndex(0), partition }
}

pub(crate) fn start(partition: u32, offset: u64) -> ReadStart {
    ReadStart { partition: place(partition), offset }
}

pub(crate) fn offset(topic: &str, partition: u32, next_offset: u64) -> InputOffset {
    InputOffset { partition: TopicPartition::new(topic, partition), next_offset, metadata: "m".to_owned() }
}

/// A record without key in a partition of the producer's first topic.
pub(crate) fn record(partition: u32, value: &str) -> OutputRecord<'_> {
    OutputRecord {
        topic: TopicIndex(0),
        destination: Destination::Partition(partition),
        key: None,
        value: Some(value.as_bytes()),
        headers: &[],
        timestamp_ms: None,
    }
}

/// One transaction with these values, without offsets.
pub(crate) fn commit_values(producer: &mut KafkaProducer, partition: u32, values: &[&str]) {
    retried(|| producer.begin());
    for value in values {
        producer.produce(&record(partition, value)).unwrap();
    }
    producer.commit_without_offsets().unwrap();
}

pub(crate) fn abort_values(producer: &mut KafkaProducer, partition: u32, values: &[&str]) {
    retried(|| producer.begin());
    for value in values {
        producer.produce(&record(partition, value)).unwrap();
    }
    producer.abort().unwrap();
}

/// Calls again while the answer is `Retry`, as a worker would.
pub(crate) fn retried<T>(mut call: impl FnMut() -> Result<T, LogError>) -> T {
    let begun = now();
    loop {
        match call() {
            Ok(value) => return value,
            Err(LogError::Retry(failure)) if begun.elapsed() < LIMIT => eprintln!("again: {failure}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits for a real broker")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Polls until `found` gives something.
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}");
    }
}

const SHORT: Duration = Duration::from_millis(50);

/// Reads until the reader's position in a partition reaches `end`, as a restore does.
pub(crate) fn read_to(reader: &mut KafkaReader, partition: u32, end: u64) -> Vec<(u64, String)> {
    let begun = now();
    let mut records = Vec::new();
    loop {
        let progress = reader.progress(place(partition)).unwrap();
        if progress.position >= end {
            return records;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain for offset {end} of partition {partition}: {progress:?}");
        records.extend(read_some(reader).into_iter().filter(|read| read.0 == partition).map(|read| (read.1, read.2)));
    }
}

/// One read: partition, offset and value of each record.
pub(crate) fn read_some(reader: &mut KafkaReader) -> Vec<(u32, u64, String)> {
    let mut records = Vec::new();
    let summary = reader
        .read(1000, SHORT, &mut |record| {
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            records.push((record.partition, record.offset, value));
        })
        .unwrap();
    assert_eq!(summary.problems, []);
    assert_eq!(summary.records, records.len());
    records
}

/// The next event of a member.
pub(crate) fn event(member: &mut KafkaMembership) -> MembershipEvent {
    until("a membership event", || member.poll(SHORT).unwrap())
}

/// Serves members until the first owns exactly `tasks`; the others answer what they are asked.
pub(crate) fn until_owned(member: &mut KafkaMembership, owned: &mut Vec<u32>, tasks: &[u32]) {
    until("tasks", || {
        match member.poll(SHORT).unwrap() {
            Some(MembershipEvent::Assigned { tasks: added }) => owned.extend(added),
            Some(MembershipEvent::Revoked { tasks: taken, .. }) => {
                owned.retain(|task| !taken.contains(task));
                member.release(&taken).unwrap();
            }
            None => {}
        }
        owned.sort_unstable();
        (owned == tasks).then_some(())
    });
}
