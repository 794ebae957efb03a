//! A Kafka cluster as a [`Log`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadstream_runtime::log::{
    CommittedOffset, Failure, Log, LogError, MembershipOptions, PartitionBounds, ProducerOptions, ReaderOptions,
    TopicDescription, TopicPartition, TopicSpec,
};
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::admin::{Admin, REQUEST_TIMEOUT, Undeletable};
use crate::brokers::{Brokers, ClientEvents};
use crate::error::{creation_reason, partition_error, query_error};
use crate::ffi::{probe, serve_events};
use crate::group::GroupMember;
use crate::membership::{GroupToken, KafkaMembership};
use crate::producer::KafkaProducer;
use crate::reader::KafkaReader;
use crate::settings::{KafkaSettings, Role};

/// A Kafka cluster.
pub struct KafkaLog {
    settings: Arc<KafkaSettings>,
    brokers: Arc<Brokers>,
    clients: Arc<Clients>,
}

/// The clients that ask questions. Shared by all threads; nobody polls them, so whoever asks serves what they have to say.
struct Clients {
    admin: Admin,
    /// Sees open and aborted transactions: for the ends of partitions, and for the question whether a broker answers.
    watcher: BaseConsumer<ClientEvents>,
    /// One client per group asked about; there is one, as a rule.
    groups: Mutex<BTreeMap<String, Arc<BaseConsumer<ClientEvents>>>>,
}

impl KafkaLog {
    /// Makes the clients. The cluster need not be there yet: whoever asks it something waits for it.
    ///
    /// # Errors
    /// [`LogError::Fatal`] with every setting that is refused.
    pub fn connect(settings: KafkaSettings) -> Result<Self, LogError> {
        let refused = |reason: String| LogError::Fatal(Failure::new("connect to kafka", reason));
        let errors = settings.check();
        if !errors.is_empty() {
            let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return Err(refused(reasons.join("; ")));
        }
        let brokers = Arc::new(Brokers::default());
        let clients = Clients::new(&settings, &brokers).map_err(|error| refused(creation_reason(&error)))?;
        let clients = Arc::new(clients);
        // The clients know the brokers, so the brokers may not keep the clients.
        let probing = Arc::downgrade(&clients);
        brokers.set_probe(Box::new(move |timeout| match probing.upgrade() {
            Some(clients) => clients.probe(timeout),
            None => Err("the log was closed".to_owned()),
        }));
        Ok(Self { settings: Arc::new(settings), brokers, clients })
    }

    /// True while the brokers cannot be reached, as far as known.
    pub fn brokers_away(&self) -> bool {
        self.brokers.away()
    }

    /// The brokers to begin with, as they were given.
    pub fn bootstrap(&self) -> &str {
        &self.settings.bootstrap_servers
    }

    /// Why a connection was lost or refused last, in librdkafka's words; nothing where none was.
    pub fn last_trouble(&self) -> Option<String> {
        self.clients.serve();
        self.brokers.reason()
    }

    /// Deletes topics with all they hold, and waits until the brokers know them no more. For resetting an application; no worker calls it.
    ///
    /// # Errors
    /// [`LogError::Retry`] while the cluster cannot be reached, [`LogError::Fatal`] where it refuses. A topic that does not exist is no error.
    pub fn delete_topics(&self, topics: &[&str]) -> Result<(), LogError> {
        self.served().admin.delete_topics(topics)
    }

    /// Deletes a consumer group with its committed offsets. For resetting an application; no worker calls it.
    ///
    /// # Errors
    /// [`LogError::Retry`] while the group has members (static ones stay until their session ends) or the cluster cannot be reached,
    /// [`LogError::Fatal`] where it refuses. A group that does not exist is no error.
    pub fn delete_group(&self, group: &str) -> Result<(), LogError> {
        self.served().admin.delete_group(group)
    }

    /// After how long without a sign of life the group takes a member of these settings for gone.
    pub fn session_timeout(&self) -> Duration {
        self.settings.session_timeout()
    }

    /// The members of a consumer group with what they own; none where there is no such group.
    ///
    /// # Errors
    /// [`LogError::Retry`] while the cluster cannot be reached or does not answer within `timeout`, [`LogError::Fatal`] where it refuses.
    pub fn members(&self, group: &str, timeout: Duration) -> Result<Vec<GroupMember>, LogError> {
        self.served().admin.members(group, timeout)
    }

    /// Which of these topics, as far as they exist, and whether this group the cluster does not let this client delete.
    ///
    /// # Errors
    /// [`LogError::Retry`] while the cluster cannot be reached, [`LogError::Fatal`] where it does not even tell.
    pub fn undeletable(&self, topics: &[&str], group: &str) -> Result<Undeletable, LogError> {
        self.served().admin.undeletable(topics, group)
    }

    fn group(&self, group: &str) -> Result<Arc<BaseConsumer<ClientEvents>>, KafkaError> {
        let mut groups = self.clients.groups();
        if let Some(client) = groups.get(group) {
            return Ok(Arc::clone(client));
        }
        let client: BaseConsumer<ClientEvents> = self
            .settings
            .client(Role::Reader, "offsets")
            .set("group.id", group)
            // With this isolation librdkafka asks for stable offsets.
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .create_with_context(ClientEvents::new(Arc::clone(&self.brokers)))?;
        let client = Arc::new(client);
        groups.insert(group.to_owned(), Arc::clone(&client));
        Ok(client)
    }

    fn served(&self) -> &Clients {
        self.clients.serve();
        self.brokers.look();
        &self.clients
    }
}

impl Clients {
    fn new(settings: &KafkaSettings, brokers: &Arc<Brokers>) -> Result<Self, KafkaError> {
        let events = || ClientEvents::new(Arc::clone(brokers));
        let admin: AdminClient<ClientEvents> = settings.client(Role::Admin, "admin").create_with_context(events())?;
        let watcher = settings
            .client(Role::Reader, "watcher")
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.commit", "false")
            .create_with_context(events())?;
        Ok(Self { admin: Admin::new(admin), watcher, groups: Mutex::default() })
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<String, Arc<BaseConsumer<ClientEvents>>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        serve_events(self.admin.client());
        serve_events(self.watcher.client());
        for client in self.groups().values() {
            serve_events(client.client());
        }
    }

    fn probe(&self, timeout: Duration) -> Result<(), String> {
        self.serve();
        probe(self.watcher.client(), timeout).map_err(|code| code.to_string())
    }
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KafkaLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Log for KafkaLog {
    type Token = GroupToken;
    type Membership = KafkaMembership;
    type Reader = KafkaReader;
    type Producer = KafkaProducer;

    fn join(&self, options: &MembershipOptions) -> Result<KafkaMembership, LogError> {
        KafkaMembership::join(&self.settings, Arc::clone(&self.brokers), options)
    }

    fn open_reader(&self, options: &ReaderOptions) -> Result<KafkaReader, LogError> {
        KafkaReader::open(&self.settings, Arc::clone(&self.brokers), options)
    }

    fn open_producer(&self, options: &ProducerOptions) -> Result<KafkaProducer, LogError> {
        KafkaProducer::open(Arc::clone(&self.settings), Arc::clone(&self.brokers), options)
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<CommittedOffset>>, LogError> {
        const OPERATION: &str = "fetch committed offsets";
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |error: KafkaError| query_error(OPERATION, &error);
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            asked.add_partition(&partition.topic, native_partition(OPERATION, partition)?);
        }
        let client =
            self.group(group).map_err(|error| LogError::Fatal(Failure::new(OPERATION, creation_reason(&error))))?;
        let answers = client.committed_offsets(asked, REQUEST_TIMEOUT).map_err(failed);
        self.served();
        let answers = answers?;
        let mut committed = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let element = answers
                .find_partition(&partition.topic, native_partition(OPERATION, partition)?)
                .ok_or_else(|| LogError::Retry(Failure::new(OPERATION, format!("no answer about {partition}"))))?;
            element.error().map_err(failed)?;
            committed.push(match element.offset() {
                Offset::Offset(offset) => u64::try_from(offset)
                    .ok()
                    .map(|next_offset| CommittedOffset { next_offset, metadata: element.metadata().to_owned() }),
                _ => None,
            });
        }
        Ok(committed)
    }

    fn bounds(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionBounds>, LogError> {
        const OPERATION: &str = "fetch the bounds of partitions";
        let clients = self.served();
        let mut bounds = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let number = native_partition(OPERATION, partition)?;
            let answer = clients.watcher.fetch_watermarks(&partition.topic, number, REQUEST_TIMEOUT);
            self.served();
            let (start, end) = answer.map_err(|error| {
                partition_error(OPERATION, &error, partition, || is_missing(&clients.watcher, partition))
            })?;
            match (u64::try_from(start), u64::try_from(end)) {
                (Ok(start_offset), Ok(end_offset)) => bounds.push(PartitionBounds { start_offset, end_offset }),
                _ => {
                    let reason = format!("{partition} has no bounds yet: {start} to {end}");
                    return Err(LogError::Retry(Failure::new(OPERATION, reason)));
                }
            }
        }
        Ok(bounds)
    }

    fn offsets_for_times(&self, instants: &[(TopicPartition, i64)]) -> Result<Vec<Option<u64>>, LogError> {
        const OPERATION: &str = "fetch offsets for times";
        let failed = |partition: &TopicPartition, error: KafkaError| {
            partition_error(OPERATION, &error, partition, || is_missing(&self.served().watcher, partition))
        };
        let mut offsets = Vec::with_capacity(instants.len());
        for (partition, instant_ms) in instants {
            let number = native_partition(OPERATION, partition)?;
            let mut asked = TopicPartitionList::with_capacity(1);
            // Kafka takes negative times for the ends of the partition; no record is older than 1970.
            asked
                .add_partition_offset(&partition.topic, number, Offset::Offset((*instant_ms).max(0)))
                .map_err(|error| failed(partition, error))?;
            let answer = self.served().watcher.offsets_for_times(asked, REQUEST_TIMEOUT);
            self.served();
            let answer = answer.map_err(|error| failed(partition, error))?;
            let element = answer
                .find_partition(&partition.topic, number)
                .ok_or_else(|| LogError::Retry(Failure::new(OPERATION, format!("no answer about {partition}"))))?;
            element.error().map_err(|error| failed(partition, error))?;
            offsets.push(match element.offset() {
                Offset::Offset(offset) => u64::try_from(offset).ok(),
                _ => None,
            });
        }
        Ok(offsets)
    }

    fn delete_before(&self, cuts: &[(TopicPartition, u64)]) -> Result<(), LogError> {
        self.served().admin.delete_before(cuts)
    }

    fn describe(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError> {
        self.served().admin.describe(topics)
    }

    fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.served().admin.create(topics)
    }
}

/// Whether a partition does not exist; `None` where the cluster does not say.
fn is_missing(watcher: &BaseConsumer<ClientEvents>, partition: &TopicPartition) -> Option<bool> {
    let metadata = watcher.fetch_metadata(Some(&partition.topic), REQUEST_TIMEOUT).ok()?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == partition.topic)?;
    match topic.error().map(RDKafkaErrorCode::from) {
        None => Some(topic.partitions().len() <= partition.partition as usize),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Some(true),
        Some(_) => None,
    }
}

fn native_partition(operation: &'static str, partition: &TopicPartition) -> Result<i32, LogError> {
    i32::try_from(partition.partition)
        .map_err(|_| LogError::Fatal(Failure::new(operation, format!("there is no partition {partition}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> String {
        let mut settings = KafkaSettings::new("127.0.0.1:1");
        settings.common.insert(name.to_owned(), value.to_owned());
        KafkaLog::connect(settings).unwrap_err().to_string()
    }

    #[test]
    fn a_setting_that_librdkafka_does_not_know_is_named_without_its_value() {
        let refusal = refusal("sasl.pasword", "hunter2");
        assert_eq!(refusal, "connect to kafka: librdkafka knows no setting sasl.pasword");
    }

    #[test]
    fn a_value_that_librdkafka_refuses_is_not_shown() {
        let refusal = refusal("security.protocol", "hunter2");
        assert_eq!(refusal, "connect to kafka: librdkafka refuses the value of the setting security.protocol");
    }

    #[test]
    fn every_reserved_setting_is_in_one_error() {
        let mut settings = KafkaSettings::new("127.0.0.1:1");
        settings.consumer.insert("group.id".to_owned(), "x".to_owned());
        settings.producer.insert("acks".to_owned(), "0".to_owned());
        let refusal = KafkaLog::connect(settings).unwrap_err().to_string();
        assert!(refusal.contains("group.id") && refusal.contains("acks"), "{refusal}");
    }

    #[test]
    fn tls_and_sasl_are_built_in() {
        let mut settings = KafkaSettings::new("127.0.0.1:1");
        for (name, value) in [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "leadstream"),
            ("sasl.password", "hunter2"),
        ] {
            settings.common.insert(name.to_owned(), value.to_owned());
        }
        let log = KafkaLog::connect(settings).unwrap();
        assert!(!format!("{log:?}").contains("hunter2"));
    }
}
