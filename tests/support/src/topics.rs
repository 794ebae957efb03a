//! Topics and input records of a test.
//!
//! Writing goes through the same client library as the product, since nothing is proven by it; reading results does not
//! (see [`crate::foreign`]).

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as AdminTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::error::SupportError;

/// How long a request to the broker may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// A topic to create, with one replica.
#[derive(Debug, Clone)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions.
    pub partitions: i32,
    /// Topic settings, such as `("cleanup.policy", "compact")`.
    pub settings: &'a [(&'a str, &'a str)],
}

/// Creates topics and returns when the broker serves every partition of them. One that exists already is an error.
///
/// The controller answers as soon as it has written a topic down; the broker hears of it and opens its partitions later, and until
/// then a client is told that there is no such topic.
///
/// # Errors
/// When the broker refuses one of them or does not answer.
pub fn create_topics(bootstrap: &str, topics: &[NewTopic<'_>]) -> Result<(), SupportError> {
    let requests: Vec<_> = topics.iter().map(admin_topic).collect();
    let client: AdminClient<DefaultClientContext> =
        config(bootstrap).create().map_err(SupportError::kafka("connecting to create topics"))?;
    let answer = client.create_topics(&requests, &admin_options());
    each_done(pollster::block_on(answer).map_err(SupportError::kafka("creating topics"))?)?;
    let looking = looking(bootstrap)?;
    topics.iter().try_for_each(|topic| {
        let partitions = usize::try_from(topic.partitions).unwrap_or_default();
        until(&format!("{partitions} partitions of {}", topic.name), || {
            let served = served_partitions(&looking, topic.name)?;
            Ok((served == partitions).then_some(()).ok_or_else(|| format!("{served} partitions")))
        })
    })
}

/// Deletes topics and returns when the broker knows them no more.
///
/// # Errors
/// When the broker refuses one of them or does not answer.
pub fn delete_topics(bootstrap: &str, names: &[&str]) -> Result<(), SupportError> {
    let client: AdminClient<DefaultClientContext> =
        config(bootstrap).create().map_err(SupportError::kafka("connecting to delete topics"))?;
    let answer = client.delete_topics(names, &admin_options());
    each_done(pollster::block_on(answer).map_err(SupportError::kafka("deleting topics"))?)?;
    let looking = looking(bootstrap)?;
    names.iter().try_for_each(|name| {
        until(&format!("the end of {name}"), || {
            let left = partitions_of(&looking, name)?.len();
            Ok((left == 0).then_some(()).ok_or_else(|| format!("{left} partitions")))
        })
    })
}

/// How many partitions a topic has, and for how long it keeps records in its own words (`retention.ms`).
///
/// # Errors
/// When there is no such topic or the broker does not answer.
pub fn shape(bootstrap: &str, name: &str) -> Result<(usize, Option<String>), SupportError> {
    let client: AdminClient<DefaultClientContext> =
        config(bootstrap).create().map_err(SupportError::kafka("connecting to describe a topic"))?;
    let (asked, options) = ([ResourceSpecifier::Topic(name)], admin_options());
    let answer = client.describe_configs(&asked, &options);
    let described = pollster::block_on(answer).map_err(SupportError::kafka("describing a topic"))?;
    let retention = described.into_iter().flatten().find_map(|topic| topic.get("retention.ms")?.value.clone());
    Ok((partitions_of(&looking(bootstrap)?, name)?.len(), retention))
}

/// Waits until every partition of a topic has a leader again, as after a broker has stood still: until then it tells clients that there is nobody.
///
/// # Errors
/// When that takes longer than `limit`.
pub fn await_leaders(bootstrap: &str, topic: &str, limit: Duration) -> Result<(), SupportError> {
    until_within(limit, &format!("leaders of {topic}"), || {
        // A client that once heard that there is nobody may never find anybody again.
        let partitions = looking(bootstrap).and_then(|looking| partitions_of(&looking, topic));
        Ok(match partitions {
            Ok(partitions) if !partitions.is_empty() && partitions.iter().all(|(_, leader)| *leader >= 0) => Ok(()),
            seen => Err(format!("{seen:?}")),
        })
    })
}

/// Waits until no transaction is open in a topic. A commit is answered before its marker lies in every partition, and what stands
/// behind a missing marker is not read yet by anybody who reads committed records.
///
/// # Errors
/// When there is no such topic, the broker does not answer, or a transaction stays open for longer than `limit`.
pub fn await_settled(bootstrap: &str, topic: &str, limit: Duration) -> Result<(), SupportError> {
    let partitions = partitions_of(&looking(bootstrap)?, topic)?.len();
    let open = OpenRecords::of(bootstrap, topic, i32::try_from(partitions).unwrap_or(i32::MAX))?;
    until_within(limit, &format!("the end of all transactions in {topic}"), || {
        let count = open.count()?;
        Ok((count == 0).then_some(()).ok_or_else(|| format!("{count} records in the open")))
    })
}

/// Tries until it is so. What is tried says what there is instead.
fn until<T>(what: &str, tried: impl FnMut() -> Result<Result<T, String>, SupportError>) -> Result<T, SupportError> {
    until_within(REQUEST_LIMIT, what, tried)
}

fn until_within<T>(
    limit: Duration,
    what: &str,
    mut tried: impl FnMut() -> Result<Result<T, String>, SupportError>,
) -> Result<T, SupportError> {
    let began = Instant::now();
    loop {
        match tried()? {
            Ok(found) => return Ok(found),
            Err(seen) if began.elapsed() > limit => {
                return Err(SupportError::TooLate { what: what.to_owned(), limit, seen });
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// A client that asks and creates nothing by asking.
fn looking(bootstrap: &str) -> Result<BaseConsumer, SupportError> {
    config(bootstrap).create().map_err(SupportError::kafka("connecting to look"))
}

/// The partitions of a topic with their leaders, as the broker that is asked knows them; none where it knows no such topic.
fn partitions_of(looking: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i32)>, SupportError> {
    // Asked for all topics, a broker creates none.
    let metadata = looking.fetch_metadata(None, REQUEST_LIMIT).map_err(SupportError::kafka("looking at topics"))?;
    let found = metadata.topics().iter().find(|candidate| candidate.name() == topic);
    let partitions = found.iter().flat_map(|topic| topic.partitions());
    Ok(partitions.map(|partition| (partition.id(), partition.leader())).collect())
}

/// How many partitions of a topic have a leader that answers for them.
fn served_partitions(looking: &BaseConsumer, topic: &str) -> Result<usize, SupportError> {
    let led = partitions_of(looking, topic)?.into_iter().filter(|(_, leader)| *leader >= 0);
    Ok(led.filter(|(partition, _)| looking.fetch_watermarks(topic, *partition, REQUEST_LIMIT).is_ok()).count())
}

/// A record to write. What is `None` is left to Kafka: no key, a tombstone, the partition by key, the time of writing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// The partition; by default the one of the key's murmur2 hash, as Kafka's own clients choose it.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Kafka's timestamp, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

impl NewRecord {
    /// A record with a key and a value.
    #[must_use]
    pub fn keyed(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), value: Some(value.into()), ..Self::default() }
    }
}

/// Writes records in order, each partition's without gap or repeat, and returns when the broker has all of them.
///
/// # Errors
/// When the broker refuses a record or does not answer.
pub fn produce(bootstrap: &str, topic: &str, records: &[NewRecord]) -> Result<(), SupportError> {
    let producer: BaseProducer = config(bootstrap)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        // What a broker takes, and no less: a batch that is compressed may be made of more.
        .set("message.max.bytes", "10000000")
        .set("compression.type", "lz4")
        .create()
        .map_err(SupportError::kafka("connecting to produce"))?;
    for record in records {
        send(&producer, topic, record)?;
    }
    producer.flush(REQUEST_LIMIT).map_err(SupportError::kafka(format!("writing to {topic}")))
}

/// Hands one record to a producer of the test's own (a transactional one, say), waiting while the producer's queue is full.
///
/// # Errors
/// When the client refuses the record.
pub fn send(producer: &BaseProducer, topic: &str, record: &NewRecord) -> Result<(), SupportError> {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).headers(headers);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    message.partition = record.partition;
    message.timestamp = record.timestamp_ms;
    loop {
        match producer.send(message) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                producer.poll(Duration::from_millis(50));
                message = refused;
            }
            Err((error, _)) => return Err(SupportError::kafka(format!("writing to {topic}"))(error)),
        }
    }
}

/// Looks how much of a topic lies in transactions that are open.
pub struct OpenRecords {
    ends: [BaseConsumer; 2],
    topic: String,
    partitions: i32,
}

impl OpenRecords {
    /// Watches a topic.
    ///
    /// # Errors
    /// When the client refuses its settings.
    pub fn of(bootstrap: &str, topic: &str, partitions: i32) -> Result<Self, SupportError> {
        let consumer = |isolation: &str| {
            let mut config = config(bootstrap);
            config.set("isolation.level", isolation).create().map_err(SupportError::kafka("connecting to look"))
        };
        // The committed end first: what is written and committed in between is then taken for open, never the other way round.
        let ends = [consumer("read_committed")?, consumer("read_uncommitted")?];
        Ok(Self { ends, topic: topic.to_owned(), partitions })
    }

    /// How many offsets lie behind the end of what is committed. Exact while nobody writes.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn count(&self) -> Result<i64, SupportError> {
        let mut count = 0;
        for partition in 0..self.partitions {
            let end = |consumer: &BaseConsumer| {
                let bounds = consumer.fetch_watermarks(&self.topic, partition, REQUEST_LIMIT);
                bounds.map(|(_, end)| end).map_err(SupportError::kafka(format!("looking at {}", self.topic)))
            };
            let committed = end(&self.ends[0])?;
            count += end(&self.ends[1])? - committed;
        }
        Ok(count)
    }
}

/// How many offsets of a topic a group has not committed, an open transaction's with them. Exact while nobody commits; a partition of which it has
/// committed nothing counts whole.
///
/// # Errors
/// When there is no such topic or the broker does not answer.
pub fn uncommitted_input(bootstrap: &str, group: &str, topic: &str) -> Result<i64, SupportError> {
    // Without a stable offset to wait for, offsets of an open transaction are not committed yet.
    let looking: BaseConsumer = config(bootstrap)
        .set("group.id", group)
        .set("isolation.level", "read_uncommitted")
        .create()
        .map_err(SupportError::kafka("connecting to look"))?;
    let mut asked = TopicPartitionList::new();
    for (partition, _) in partitions_of(&looking, topic)? {
        asked.add_partition(topic, partition);
    }
    let looked = |error| SupportError::kafka(format!("looking at {topic}"))(error);
    let committed = looking.committed_offsets(asked, REQUEST_LIMIT).map_err(looked)?;
    let mut behind = 0;
    for partition in committed.elements() {
        let (start, end) = looking.fetch_watermarks(topic, partition.partition(), REQUEST_LIMIT).map_err(looked)?;
        behind += end - partition.offset().to_raw().filter(|offset| *offset >= 0).unwrap_or(start);
    }
    Ok(behind)
}

/// A client configuration for a broker of a test, to build one's own clients from.
#[must_use]
pub fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

fn admin_topic<'a>(topic: &'a NewTopic<'a>) -> AdminTopic<'a> {
    let request = AdminTopic::new(topic.name, topic.partitions, TopicReplication::Fixed(1));
    topic.settings.iter().fold(request, |request, (key, value)| request.set(key, value))
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_LIMIT)).operation_timeout(Some(REQUEST_LIMIT))
}

fn each_done(answers: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Result<(), SupportError> {
    for answer in answers {
        if let Err((topic, code)) = answer {
            return Err(SupportError::kafka(format!("topic {topic}"))(KafkaError::AdminOp(code)));
        }
    }
    Ok(())
}
