//! How long it takes from an event that is produced to what is derived of it, as a consumer that reads committed records only sees it.
//!
//! Events come at a steady rate, each from one thread; another reads the derived topics and finds the event again by contact and time. What comes in the
//! first seconds is not counted.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use leadstream_benches::messages::{Disorder, Messages};
use leadstream_kafka::{KafkaLog, KafkaSettings};
use leadstream_runtime::log::{Isolation, Log, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::PARTITIONS;
use crate::feed::create;
use crate::measure::{Scorer, start, stop};

/// What is produced before is not counted: connections are made, caches fill.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long what was produced last may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to measure.
pub(crate) struct Latency<'a> {
    pub(crate) scorer: Scorer<'a>,
    /// The application's id, in front of the names of its topics.
    pub(crate) application: &'a str,
    /// Events a second.
    pub(crate) rate: u64,
    /// For how long, behind the warm-up.
    pub(crate) seconds: u64,
    pub(crate) contacts: u64,
}

/// When an event was produced, by its contact and time.
type Produced = Arc<Mutex<HashMap<(String, u64), Instant>>>;

/// Starts the scorer, feeds it for some seconds, and prints how long derived events took.
pub(crate) fn measure(latency: &Latency<'_>) -> Result<(), Box<dyn Error>> {
    create(latency.scorer.bootstrap, &[latency.scorer.topic])?;
    let mut child = start(&latency.scorer)?;
    let taken = run(latency);
    stop(&mut child)?;
    let mut taken = taken?;
    taken.sort_unstable();
    let at = |share: f64| taken.get(((taken.len() as f64 - 1.0) * share) as usize).map_or(0, Duration::as_millis);
    println!(
        "{} rate={} derived={} p50_ms={} p99_ms={} max_ms={}",
        latency.scorer.name,
        latency.rate,
        taken.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

fn run(latency: &Latency<'_>) -> Result<Vec<Duration>, Box<dyn Error>> {
    let produced = Produced::default();
    let began = Instant::now();
    let duration = WARM_UP + Duration::from_secs(latency.seconds);
    std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(latency, duration, &produced).map_err(|problem| problem.to_string()));
        let taken = read(latency, began, duration + PATIENCE, &produced);
        feeding.join().map_err(|_| "the feeding thread panicked")??;
        taken
    })
}

/// Produces at a steady rate, some events each millisecond.
fn feed(latency: &Latency<'_>, duration: Duration, produced: &Produced) -> Result<(), Box<dyn Error>> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", latency.scorer.bootstrap)
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", "5")
        .create()?;
    let total = latency.rate * duration.as_secs();
    let mut messages = Messages::disturbed(total, latency.contacts, Disorder::default());
    let (began, mut sent) = (Instant::now(), 0u64);
    while sent < total {
        let due = (began.elapsed().as_secs_f64() * latency.rate as f64) as u64;
        while sent < due.min(total) {
            let Some(message) = messages.make() else { break };
            let known = (message.key.to_owned(), message.time_ms);
            produced.lock().unwrap_or_else(PoisonError::into_inner).insert(known, Instant::now());
            let record = BaseRecord::to(latency.scorer.topic).key(message.key).payload(message.text);
            producer.send(record).map_err(|(problem, _)| problem)?;
            sent += 1;
        }
        producer.poll(Duration::from_millis(1));
    }
    producer.flush(PATIENCE)?;
    Ok(())
}

/// Reads what is derived until nothing is expected any more.
fn read(
    latency: &Latency<'_>,
    began: Instant,
    duration: Duration,
    produced: &Produced,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let log = KafkaLog::connect(KafkaSettings::new(latency.scorer.bootstrap))?;
    let topics = ["qualifications", "stages"].map(|name| format!("{}.{name}", latency.application)).to_vec();
    let places = (0..2).flat_map(|topic| (0..PARTITIONS).map(move |partition| (TopicIndex(topic), partition)));
    let starts: Vec<ReadStart> = places
        .map(|(topic, partition)| ReadStart { partition: ReaderPartition { topic, partition }, offset: 0 })
        .collect();
    let mut reader = log.open_reader(&ReaderOptions {
        topics,
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 16 << 20,
        name: "latency".to_owned(),
    })?;
    reader.start(&starts)?;
    let mut taken = Vec::new();
    while began.elapsed() < duration {
        let summary = reader.read(5000, Duration::from_millis(5), &mut |record| {
            let now = Instant::now();
            let event: serde_json::Value = serde_json::from_slice(record.value.unwrap_or_default()).unwrap_or_default();
            let time = event["cause"]["time"].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
            let (Some(contact), Some(time)) = (event["contact"].as_str(), time) else { return };
            let known = (contact.to_owned(), u64::try_from(time.as_millisecond()).unwrap_or_default());
            let at = produced.lock().unwrap_or_else(PoisonError::into_inner).get(&known).copied();
            // What a timer moves has the instant that it was due, at which nothing was produced.
            taken.extend(at.filter(|at| *at - began >= WARM_UP).map(|at| now - at));
        })?;
        if let Some(problem) = summary.problems.first() {
            return Err(format!("partition {}: {}", problem.partition.partition, problem.reason).into());
        }
    }
    Ok(taken)
}
