//! The Kafka cluster as workers are given it.
//!
//! A worker's topic of membership is one of its inputs too, so it describes that topic twice in one question; Kafka refuses a name that comes
//! twice. Here each name is asked once. Everything else is handed on.

use std::ops::Deref;

use leadstream_kafka::KafkaLog;
use leadstream_runtime::log::{
    CommittedOffset, Log, LogError, MembershipOptions, PartitionBounds, ProducerOptions, ReaderOptions,
    TopicDescription, TopicPartition, TopicSpec,
};

/// A cluster.
pub(crate) struct Cluster(pub(crate) KafkaLog);

impl Deref for Cluster {
    type Target = KafkaLog;

    fn deref(&self) -> &KafkaLog {
        &self.0
    }
}

impl Log for Cluster {
    type Token = <KafkaLog as Log>::Token;
    type Membership = <KafkaLog as Log>::Membership;
    type Reader = <KafkaLog as Log>::Reader;
    type Producer = <KafkaLog as Log>::Producer;

    fn join(&self, options: &MembershipOptions) -> Result<Self::Membership, LogError> {
        self.0.join(options)
    }

    fn open_reader(&self, options: &ReaderOptions) -> Result<Self::Reader, LogError> {
        self.0.open_reader(options)
    }

    fn open_producer(&self, options: &ProducerOptions) -> Result<Self::Producer, LogError> {
        self.0.open_producer(options)
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<CommittedOffset>>, LogError> {
        self.0.committed(group, partitions)
    }

    fn bounds(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionBounds>, LogError> {
        self.0.bounds(partitions)
    }

    fn delete_before(&self, cuts: &[(TopicPartition, u64)]) -> Result<(), LogError> {
        self.0.delete_before(cuts)
    }

    fn describe(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError> {
        let mut once = topics.to_vec();
        once.sort_unstable();
        once.dedup();
        let described = self.0.describe(&once)?;
        // Every name is among those asked.
        let answer = |topic: &&str| once.binary_search(topic).ok().and_then(|place| described[place].clone());
        Ok(topics.iter().map(answer).collect())
    }

    fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.0.create(topics)
    }
}
