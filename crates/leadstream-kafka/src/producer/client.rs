//! One client with one transactional id, from its initialisation to its burial.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadstream_runtime::log::{ProducedOffset, ProducerOptions, TopicIndex};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{TopicPartitionList, util::Timeout};
use tracing::debug;

use crate::attendant::Attendant;
use crate::brokers::{Brokers, ClientEvents};
use crate::burial;
use crate::error::creation_reason;
use crate::ffi::{self, NativeRecord, TopicHandle};
use crate::membership::GroupToken;
use crate::settings::{KafkaSettings, Role};

/// A producer of librdkafka with a thread that serves its delivery reports.
pub(super) struct TransactionalClient {
    // Dropped before the client, as the handle demands.
    topics: Vec<TopicHandle>,
    /// Sends offsets, which may never return.
    offsets: Attendant<(TopicPartitionList, GroupToken, Duration), KafkaResult<()>>,
    producer: Arc<ThreadedProducer<DeliveryContext>>,
}

/// The first and the last offset of each partition of a topic, where anything was written.
type Written = Vec<Option<(u64, u64)>>;

/// Records the first and the last offset that was written in each partition.
struct DeliveryContext {
    events: ClientEvents,
    /// By topic number.
    written: Mutex<Vec<Written>>,
    /// A record was given up without an answer: it may still be written, by a request that is under way.
    unanswered: AtomicBool,
    /// The first record that was refused since the last look, by topic number: the transaction's own error does not say which.
    refused: Mutex<Option<(usize, String)>>,
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.events.on_log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.events.on_error(code, reason);
        }
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, topic: usize) {
        let message = match result {
            Ok(message) => message,
            // The transaction fails with it, and the commit says so.
            Err((error, _)) => {
                debug!(%error, "a record was not written");
                let refused_locally = matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue));
                if !refused_locally {
                    self.unanswered.store(true, Ordering::Relaxed);
                    let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                    refused.get_or_insert_with(|| (topic, error.to_string()));
                }
                return;
            }
        };
        let (Ok(partition), Ok(offset)) = (usize::try_from(message.partition()), u64::try_from(message.offset()))
        else {
            return;
        };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(partitions) = written.get_mut(topic) else { return };
        if partitions.len() <= partition {
            partitions.resize(partition + 1, None);
        }
        // The answers of a partition come in the order of its records.
        let (first, _) = partitions[partition].unwrap_or((offset, offset));
        partitions[partition] = Some((first, offset));
    }
}

impl TransactionalClient {
    /// Makes a client; nothing is asked of the cluster yet.
    pub(super) fn new(
        settings: &KafkaSettings,
        brokers: Arc<Brokers>,
        options: &ProducerOptions,
    ) -> Result<Self, String> {
        let timeout_ms = options.transaction_timeout.as_millis().to_string();
        let mut config = settings.client(Role::Producer, &options.transactional_id);
        config
            .set("transactional.id", &options.transactional_id)
            .set("transaction.timeout.ms", &timeout_ms)
            .set("message.timeout.ms", &timeout_ms)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", options.queue_records.max(1).to_string());
        let context = DeliveryContext {
            events: ClientEvents::new(brokers),
            written: Mutex::new(vec![Vec::new(); options.topics.len()]),
            unanswered: AtomicBool::new(false),
            refused: Mutex::new(None),
        };
        let producer: ThreadedProducer<DeliveryContext> =
            config.create_with_context(context).map_err(|error| creation_reason(&error))?;
        let topics = options
            .topics
            .iter()
            .map(|name| TopicHandle::new(producer.client(), name))
            .collect::<Result<Vec<_>, _>>()?;
        let producer = Arc::new(producer);
        let sender = Arc::clone(&producer);
        let offsets = Attendant::new("kafka-offsets", move |(offsets, token, timeout): (_, GroupToken, Duration)| {
            sender.send_offsets_to_transaction(&offsets, &token.0, timeout)
        });
        let offsets = offsets.map_err(|error| format!("no thread to send offsets: {error}"))?;
        Ok(Self { topics, offsets, producer })
    }

    pub(super) fn init(&self, timeout: Duration) -> KafkaResult<()> {
        self.producer.init_transactions(timeout)
    }

    pub(super) fn begin(&self) -> KafkaResult<()> {
        self.producer.begin_transaction()
    }

    /// `Err(None)` for a topic that there is not.
    pub(super) fn produce(&self, topic: TopicIndex, record: &NativeRecord<'_>) -> Result<(), Option<RDKafkaErrorCode>> {
        let topic = self.topics.get(usize::from(topic.0)).ok_or(None)?;
        ffi::produce(self.producer.client(), topic, record).map_err(Some)
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        ffi::flush(self.producer.client(), timeout)
    }

    /// Returns within `patience`, whether librdkafka has kept its own limit, `timeout`, or not. The client is of no more use then.
    pub(super) fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        token: &GroupToken,
        timeout: Duration,
        patience: Duration,
    ) -> KafkaResult<()> {
        let answer = self.offsets.ask((offsets.clone(), token.clone(), timeout), patience);
        answer.unwrap_or(Err(KafkaError::Global(RDKafkaErrorCode::OperationTimedOut)))
    }

    /// Call after a flush: the binding's own would wait in steps of 100 ms.
    pub(super) fn commit(&self, timeout: Duration) -> KafkaResult<()> {
        self.producer.commit_transaction(timeout)
    }

    /// Drops what is queued, too. The delivery reports are served by the producer's thread, without which this would stall.
    pub(super) fn abort(&self, timeout: Duration) -> KafkaResult<()> {
        self.producer.abort_transaction(Timeout::After(timeout))
    }

    /// Why the next transaction should not be this client's, if there is a reason.
    pub(super) fn doubt(&self) -> Option<String> {
        let context = self.producer.context();
        if let Some((code, reason)) = self.producer.client().fatal_error() {
            Some(format!("{reason} ({code:?})"))
        } else if context.events.coordinator_lost() {
            Some("the connection to the transaction coordinator was lost".to_owned())
        } else if context.unanswered.load(Ordering::Relaxed) {
            Some("a record was given up without an answer".to_owned())
        } else {
            None
        }
    }

    /// The first record that was not written since the last call: its topic's number, and why.
    pub(super) fn take_refused(&self) -> Option<(usize, String)> {
        self.producer.context().refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The first and last offsets written since the last call, by topic and partition.
    pub(super) fn take_produced(&self) -> Vec<ProducedOffset> {
        let mut written = self.producer.context().written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut produced = Vec::new();
        for (topic, partitions) in (0..).zip(written.iter_mut()) {
            for (partition, written) in (0..).zip(partitions.iter_mut()) {
                if let Some((first_offset, last_offset)) = written.take() {
                    produced.push(ProducedOffset { topic: TopicIndex(topic), partition, first_offset, last_offset });
                }
            }
        }
        produced
    }

    /// Drops the client without waiting for it.
    pub(super) fn bury(self) {
        burial::bury(self, Duration::ZERO);
    }
}
