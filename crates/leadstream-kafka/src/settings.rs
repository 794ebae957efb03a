//! Settings of the Kafka clients: what the user may say, what we say, and what nobody may change.
//!
//! Any librdkafka setting can be passed through by its own name; those that the commit protocol rests on are refused by name with the
//! reason. Values never appear in an error, a log line or `Debug` output: any of them may be a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use thiserror::Error;

use crate::group;

/// How to reach a cluster, and what to hand to its clients.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port` of some brokers, separated by commas.
    pub bootstrap_servers: String,
    /// What the brokers see as client id; a suffix for the purpose of each client is added.
    pub client_id: String,
    /// `host:port` where other members of the group can ask this process; shown in the client id of its members. With another address they need
    /// other instance ids: see [`GroupMember`](crate::GroupMember).
    pub advertised: Option<String>,
    /// librdkafka settings for every client, such as TLS and SASL.
    pub common: BTreeMap<String, String>,
    /// librdkafka settings for consumers; they win over `common`.
    pub consumer: BTreeMap<String, String>,
    /// librdkafka settings for producers; they win over `common`.
    pub producer: BTreeMap<String, String>,
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .field("advertised", &self.advertised)
            .field("common", &self.common.keys())
            .field("consumer", &self.consumer.keys())
            .field("producer", &self.producer.keys())
            .finish()
    }
}

/// A setting that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// The commit protocol rests on it, or it is set elsewhere.
    #[error("the kafka setting {name} cannot be changed: {reason}")]
    Reserved {
        /// Its name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// It is needed and empty.
    #[error("the kafka setting {name} is empty")]
    Empty {
        /// Its name.
        name: &'static str,
    },
}

/// Settings that the protocol needs as they are, with the reason a person gets.
const RESERVED: &[(&str, &str)] = &[
    ("acks", "an acknowledged record must survive the loss of a broker"),
    ("auto.commit.enable", OFFSETS),
    ("auto.offset.reset", "a missing offset is an error to decide about, never a silent jump"),
    ("bootstrap.servers", "it has a place of its own in the configuration"),
    ("client.id", "it has a place of its own in the configuration"),
    ("delivery.timeout.ms", TIMEOUT),
    ("enable.auto.commit", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    ("enable.gapless.guarantee", "a gap aborts the transaction already, and must not end the producer"),
    ("enable.idempotence", "transactions need it"),
    ("enable.partition.eof", "it tells restore and timers that a partition has been read to its end"),
    ("go.delivery.reports", "it means nothing here"),
    ("group.id", "it is the application id"),
    ("group.instance.id", "it is derived from the instance name; without it a late worker would not be fenced"),
    ("group.protocol", "the classic protocol is the one tested with deferred rebalance"),
    ("isolation.level", "aborted records must stay invisible"),
    ("log.queue", "it belongs to the client binding"),
    ("log_level", "use the log settings of the program"),
    ("max.in.flight", IN_FLIGHT),
    ("max.in.flight.requests.per.connection", IN_FLIGHT),
    ("message.send.max.retries", RETRIES),
    ("message.timeout.ms", TIMEOUT),
    ("metadata.broker.list", "it has a place of its own in the configuration"),
    ("partition.assignment.strategy", "tasks move one by one and not all at once"),
    ("partitioner", "contacts are found by the partition of their key, as every kafka client computes it"),
    ("queue.buffering.max.messages", "it follows from the limits of an epoch"),
    ("queued.max.messages.kbytes", "it follows from the memory budget"),
    ("request.required.acks", "an acknowledged record must survive the loss of a broker"),
    ("retries", RETRIES),
    ("transaction.timeout.ms", "it has a place of its own in the configuration"),
    ("transactional.id", "it is derived from the instance name"),
];

/// What a producer sends at most at once. A topic must take both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerLimits {
    /// Bytes of a record.
    pub record_bytes: usize,
    /// Bytes of a batch of several records, before it is compressed.
    pub batch_bytes: usize,
}

/// librdkafka's own `message.max.bytes` and `batch.size`.
const DEFAULT_PRODUCER_BYTES: usize = 1_000_000;

/// Why a setting cannot be changed, if it cannot.
pub(crate) fn reserved_reason(name: &str) -> Option<&'static str> {
    // librdkafka forgives spaces around a name, and topic settings may carry a prefix.
    let plain = name.trim().to_ascii_lowercase();
    let plain = plain.strip_prefix("topic.").unwrap_or(&plain);
    RESERVED.iter().find(|(reserved, _)| *reserved == plain).map(|(_, reason)| *reason)
}

const OFFSETS: &str = "offsets are committed inside the transactions only";
const TIMEOUT: &str = "a record may not wait longer than its transaction may last";
const RETRIES: &str = "a record is tried until its transaction times out";
const IN_FLIGHT: &str = "the order of records must survive a repetition";

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Membership of the group.
    Member,
    /// Reading partitions, and asking about offsets.
    Reader,
    /// Transactions.
    Producer,
    /// Topics.
    Admin,
}

impl KafkaSettings {
    /// Settings that only name the brokers.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), client_id: "leadstream".to_owned(), ..Self::default() }
    }

    /// Every setting that is refused, in a fixed order; empty when all are fine. Whether librdkafka knows a setting is told by [`KafkaSettings::problems`].
    pub fn check(&self) -> Vec<SettingError> {
        let mut errors = Vec::new();
        for (name, value) in [("bootstrap.servers", &self.bootstrap_servers), ("client.id", &self.client_id)] {
            if value.trim().is_empty() {
                errors.push(SettingError::Empty { name });
            }
        }
        for name in self.common.keys().chain(self.consumer.keys()).chain(self.producer.keys()) {
            if let Some(reason) = reserved_reason(name) {
                errors.push(SettingError::Reserved { name: name.clone(), reason });
            }
        }
        errors
    }

    /// After how long without a sign of life a group takes a member for gone.
    pub(crate) fn session_timeout(&self) -> Duration {
        let member = self.client(Role::Member, "member");
        let milliseconds = member.get(SESSION_TIMEOUT).and_then(|value| value.trim().parse().ok());
        milliseconds.map_or(DEFAULT_SESSION_TIMEOUT, Duration::from_millis)
    }

    /// What the producer sends at most at once.
    pub fn producer_limits(&self) -> ProducerLimits {
        let producer = self.client(Role::Producer, "limits");
        let bytes = |name: &str| producer.get(name).and_then(|value| value.trim().parse().ok());
        let record_bytes = bytes("message.max.bytes").unwrap_or(DEFAULT_PRODUCER_BYTES);
        let batch_bytes = bytes("batch.size").unwrap_or(DEFAULT_PRODUCER_BYTES).min(record_bytes);
        ProducerLimits { record_bytes, batch_bytes }
    }

    /// The configuration of a client: our defaults, then the user's settings, then what is reserved.
    pub(crate) fn client(&self, role: Role, purpose: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in DEFAULTS {
            config.set(*name, *value);
        }
        let (defaults, own) = match role {
            Role::Member => (MEMBER_DEFAULTS, Some(&self.consumer)),
            Role::Reader => (READER_DEFAULTS, Some(&self.consumer)),
            Role::Producer => (PRODUCER_DEFAULTS, Some(&self.producer)),
            Role::Admin => (&[][..], None),
        };
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in self.common.iter().chain(own.into_iter().flatten()) {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        let advertised = self.advertised.as_deref().filter(|_| role == Role::Member);
        config.set("client.id", group::client_id(&format!("{}-{purpose}", self.client_id), advertised));
        config.set_log_level(RDKafkaLogLevel::Info);
        config
    }
}

/// Reconnecting is quick at first and never less often than every few seconds, so that a broker that is back is found at once.
const DEFAULTS: &[(&str, &str)] = &[
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.nagle.disable", "true"),
    ("topic.metadata.refresh.interval.ms", "15000"),
];

const SESSION_TIMEOUT: &str = "session.timeout.ms";
/// librdkafka's own, for a value that is none.
const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(45);
const MEMBER_DEFAULTS: &[(&str, &str)] = &[(SESSION_TIMEOUT, "10000"), ("heartbeat.interval.ms", "1000")];

/// The queue's back-off is a second by default: once the queue is full, the reader would sleep that long. The number of records fetched ahead is
/// bounded by bytes alone, since events are small.
const READER_DEFAULTS: &[(&str, &str)] = &[
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.error.backoff.ms", "100"),
    ("queued.min.messages", "1000000"),
    ("check.crcs", "true"),
];

/// The first request of a transaction meets the end of the last one and is told to come back: briefly, and not after 100 ms.
const PRODUCER_DEFAULTS: &[(&str, &str)] =
    &[("linger.ms", "5"), ("retry.backoff.ms", "10"), ("retry.backoff.max.ms", "200"), ("compression.type", "lz4")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_as_long_as_the_users_settings_say_and_ten_seconds_otherwise() {
        let mut settings = KafkaSettings::new("b:9092");
        assert_eq!(settings.session_timeout(), Duration::from_secs(10));
        settings.common.insert(SESSION_TIMEOUT.to_owned(), "7000".to_owned());
        assert_eq!(settings.session_timeout(), Duration::from_secs(7));
        settings.consumer.insert(SESSION_TIMEOUT.to_owned(), "6000".to_owned());
        assert_eq!(settings.session_timeout(), Duration::from_secs(6));
    }

    #[test]
    fn what_a_producer_sends_at_once_follows_from_its_settings_and_no_batch_is_larger_than_a_record_may_be() {
        let mut settings = KafkaSettings::new("b:9092");
        let limits = |record_bytes, batch_bytes| ProducerLimits { record_bytes, batch_bytes };
        assert_eq!(settings.producer_limits(), limits(1_000_000, 1_000_000));
        settings.common.insert("message.max.bytes".to_owned(), "500000".to_owned());
        assert_eq!(settings.producer_limits(), limits(500_000, 500_000));
        settings.producer.insert("message.max.bytes".to_owned(), "2000000".to_owned());
        settings.producer.insert("batch.size".to_owned(), "300000".to_owned());
        assert_eq!(settings.producer_limits(), limits(2_000_000, 300_000));
    }

    fn with(name: &str, value: &str) -> KafkaSettings {
        let mut settings = KafkaSettings::new("127.0.0.1:9092");
        settings.common.insert(name.to_owned(), value.to_owned());
        settings
    }

    #[test]
    fn settings_that_the_protocol_rests_on_are_refused_by_name_with_a_reason() {
        let errors = with("isolation.level", "read_uncommitted").check();
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["the kafka setting isolation.level cannot be changed: aborted records must stay invisible"]
        );
    }

    #[test]
    fn every_refused_setting_is_reported_at_once_wherever_it_stands() {
        let mut settings = with("transactional.id", "mine");
        settings.consumer.insert(" Enable.Auto.Commit ".to_owned(), "true".to_owned());
        settings.producer.insert("topic.acks".to_owned(), "1".to_owned());
        settings.bootstrap_servers = " ".to_owned();
        let names: Vec<String> = settings
            .check()
            .into_iter()
            .map(|error| match error {
                SettingError::Reserved { name, .. } => name,
                SettingError::Empty { name } => name.to_owned(),
            })
            .collect();
        assert_eq!(names, ["bootstrap.servers", "transactional.id", " Enable.Auto.Commit ", "topic.acks"]);
    }

    #[test]
    fn tls_and_sasl_pass_through_to_every_client_and_a_client_kind_wins() {
        let mut settings = with("security.protocol", "SASL_SSL");
        settings.common.insert("linger.ms".to_owned(), "50".to_owned());
        settings.producer.insert("linger.ms".to_owned(), "20".to_owned());
        assert_eq!(settings.check(), []);
        for role in [Role::Member, Role::Reader, Role::Producer, Role::Admin] {
            assert_eq!(settings.client(role, "test").get("security.protocol"), Some("SASL_SSL"));
        }
        assert_eq!(settings.client(Role::Producer, "test").get("linger.ms"), Some("20"));
    }

    #[test]
    fn a_full_queue_costs_five_milliseconds_unless_the_user_says_otherwise() {
        let mut settings = KafkaSettings::new("127.0.0.1:9092");
        assert_eq!(settings.client(Role::Reader, "test").get("fetch.queue.backoff.ms"), Some("5"));
        settings.consumer.insert("fetch.queue.backoff.ms".to_owned(), "7".to_owned());
        assert_eq!(settings.client(Role::Reader, "test").get("fetch.queue.backoff.ms"), Some("7"));
    }

    #[test]
    fn secrets_are_not_in_the_debug_output() {
        let mut settings = with("sasl.password", "hunter2");
        settings.producer.insert("ssl.key.password".to_owned(), "hunter3".to_owned());
        let shown = format!("{settings:?}");
        assert!(shown.contains("sasl.password"), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
