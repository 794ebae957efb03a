//! The transactional producer.
//!
//! librdkafka speaks the first version of Kafka's transaction protocol, in which a request that was delayed can reach the next transaction of the same
//! producer. The defence is to let no doubt into the next transaction: after a timeout, an outcome that is unknown, a lost connection to the
//! coordinator or a commit that took longer than five seconds, the next transaction begins with a new producer, whose initialisation settles the last one.
//!
//! Old producers are buried by a thread of their own, since dropping one waits for its threads.

mod client;

use std::sync::Arc;
use std::time::Duration;

use leadstream_runtime::log::{
    Committed, Destination, Ends, Failure, InputOffset, LogError, OutputRecord, ProducedOffset, Producer,
    ProducerOptions, TopicIndex,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tracing::debug;

use crate::brokers::Brokers;
use crate::clock::Deadline;
use crate::error::{TransactionAge, query_error, transaction_error};
use crate::ffi::NativeRecord;
use crate::membership::GroupToken;
use crate::settings::KafkaSettings;
use client::TransactionalClient;

/// How long one call to the coordinator may take before we look at the whole again.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long opening a producer may take before the caller serves its membership in between.
const INIT_TIMEOUT: Duration = Duration::from_secs(5);
/// A commit slower than this leaves doubt about its requests.
const SLOW_COMMIT: Duration = Duration::from_secs(5);
/// How long to wait for room in the queue before looking at the whole again.
const QUEUE_WAIT: Duration = Duration::from_millis(20);

/// A [`Producer`] on Kafka.
pub struct KafkaProducer {
    settings: Arc<KafkaSettings>,
    brokers: Arc<Brokers>,
    options: ProducerOptions,
    state: State,
    /// Why a record of the open transaction was refused. librdkafka would commit the others without it.
    refused: Option<Failure>,
    /// How far the topics of state were written, over all clients.
    ends: Ends,
}

enum State {
    /// No transaction is open.
    Ready(TransactionalClient),
    /// A transaction is open, since the deadline was set; it ends when the coordinator would abort it.
    Open(TransactionalClient, Deadline),
    /// The last transaction of this client is in doubt: only a new one may go on.
    Doubtful,
    /// Being opened: made, its transactions not initialised.
    Opening(TransactionalClient),
}

/// A step towards the decision of a transaction.
type Step = Result<(), LogError>;

impl KafkaProducer {
    pub(crate) fn open(
        settings: Arc<KafkaSettings>,
        brokers: Arc<Brokers>,
        options: &ProducerOptions,
    ) -> Result<Self, LogError> {
        let mut producer = Self {
            settings,
            brokers,
            options: options.clone(),
            state: State::Doubtful,
            refused: None,
            ends: Ends::default(),
        };
        producer.reopen()?;
        Ok(producer)
    }

    fn client(&self) -> Result<(&TransactionalClient, &Deadline), LogError> {
        match &self.state {
            State::Open(client, deadline) => Ok((client, deadline)),
            State::Ready(_) | State::Doubtful | State::Opening(_) => {
                Err(LogError::Fatal(Failure::new("use a transaction", "no transaction is open")))
            }
        }
    }

    fn age(&self, deadline: &Deadline) -> TransactionAge {
        TransactionAge { elapsed: deadline.elapsed(), limit: self.options.transaction_timeout }
    }

    /// Calls until the call succeeds, fails for good, or the transaction has lasted too long.
    fn insist(&self, operation: &'static str, call: &dyn Fn(&TransactionalClient) -> Result<(), KafkaError>) -> Step {
        let (client, deadline) = self.client()?;
        loop {
            let error = match call(client) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) => error,
                Err(error) => return Err(LogError::UnknownOutcome(Failure::new(operation, error.to_string()))),
            };
            self.brokers.look();
            if !error.is_retriable() || error.is_fatal() || error.txn_requires_abort() {
                return Err(transaction_error(operation, &error, self.age(deadline)));
            }
            if deadline.passed() {
                return Err(LogError::UnknownOutcome(Failure::new(
                    operation,
                    format!("no answer: {}", error.string()),
                )));
            }
            debug!(operation, error = error.string(), "repeating");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until every record has its answer. What became of them is told by the commit.
    fn flush(&self) -> Step {
        let (client, deadline) = self.client()?;
        while !client.flush(deadline.left().min(CALL_TIMEOUT)) {
            self.brokers.look();
            if deadline.passed() {
                return Err(LogError::UnknownOutcome(Failure::new("flush", "records were not acknowledged in time")));
            }
        }
        Ok(())
    }

    fn decide(&mut self, offsets: Option<(&GroupToken, TopicPartitionList)>) -> Result<Committed, LogError> {
        if let Some(failure) = &self.refused {
            return Err(LogError::AbortAndRewind(failure.clone()));
        }
        let patience = Deadline::after(SLOW_COMMIT);
        let decided = self.decide_steps(offsets);
        match (decided, std::mem::replace(&mut self.state, State::Doubtful)) {
            (Ok(produced), State::Open(client, _)) => {
                let committed = Committed { produced };
                if patience.passed() {
                    debug!("replacing the producer after a slow commit");
                    client.bury();
                } else {
                    self.state = State::Ready(client);
                }
                Ok(committed)
            }
            (Err(LogError::AbortAndRewind(failure)), open) => {
                let refused = if let State::Open(client, _) = &open { client.take_refused() } else { None };
                self.state = open;
                Err(LogError::AbortAndRewind(self.naming(failure, refused)))
            }
            (Err(error @ (LogError::AbortAndAwaitAssignment(_) | LogError::Replaced { .. })), open) => {
                self.state = open;
                Err(error)
            }
            (Err(error), open) => {
                open.bury();
                Err(error)
            }
            (Ok(_), other) => {
                other.bury();
                Err(LogError::Fatal(Failure::new("commit transaction", "no transaction is open")))
            }
        }
    }

    /// A failed transaction that says only that records were not written, with the first of them.
    fn naming(&self, failure: Failure, refused: Option<(usize, String)>) -> Failure {
        let Some((topic, reason)) = refused else { return failure };
        let topic = self.options.topics.get(topic).map_or("?", String::as_str);
        Failure { reason: format!("a record for {topic} was not written: {reason}; {}", failure.reason), ..failure }
    }

    fn decide_steps(
        &mut self,
        offsets: Option<(&GroupToken, TopicPartitionList)>,
    ) -> Result<Vec<ProducedOffset>, LogError> {
        self.flush()?;
        // Every record has its answer, and nothing is decided yet.
        let produced = self.client()?.0.take_produced();
        self.ends.follow(&produced, &self.options)?;
        if let Some((token, offsets)) = offsets {
            let patience = self.client()?.1.left();
            self.insist("send offsets to transaction", &|client| {
                client.send_offsets(&offsets, token, CALL_TIMEOUT, patience)
            })?;
        }
        self.insist("commit transaction", &|client| client.commit(CALL_TIMEOUT))?;
        Ok(produced)
    }
}

impl KafkaProducer {
    /// Puts a record into the queue, waiting for room.
    fn enqueue(&self, record: &OutputRecord<'_>) -> Result<(), LogError> {
        const OPERATION: &str = "produce";
        let (client, deadline) = self.client()?;
        let partition = match record.destination {
            Destination::ByKey => None,
            Destination::Partition(partition) => Some(i32::try_from(partition).map_err(|_| {
                LogError::AbortAndRewind(Failure::new(OPERATION, format!("there is no partition {partition}")))
            })?),
        };
        let native = NativeRecord {
            partition,
            key: record.key,
            value: record.value,
            headers: record.headers,
            timestamp_ms: record.timestamp_ms,
            tag: usize::from(record.topic.0),
        };
        loop {
            let code = match client.produce(record.topic, &native) {
                Ok(()) => return Ok(()),
                Err(None) => {
                    let reason = format!("the producer has no topic number {}", record.topic.0);
                    return Err(LogError::Fatal(Failure::new(OPERATION, reason)));
                }
                Err(Some(code)) => code,
            };
            let failure = Failure::new(OPERATION, format!("{code} ({code:?})"));
            match code {
                RDKafkaErrorCode::QueueFull if !deadline.passed() => {
                    self.brokers.look();
                    client.flush(QUEUE_WAIT);
                }
                RDKafkaErrorCode::MessageSizeTooLarge => {
                    let topic = self.options.topics.get(usize::from(record.topic.0)).map_or("?", String::as_str);
                    let bytes = record.value.map_or(0, <[u8]>::len);
                    let reason =
                        format!("a record for {topic} with a value of {bytes} bytes is larger than message.max.bytes");
                    return Err(LogError::Fatal(Failure::new(OPERATION, reason)));
                }
                RDKafkaErrorCode::Fenced => {
                    return Err(if self.age(deadline).elapsed < self.options.transaction_timeout {
                        LogError::Fenced(failure)
                    } else {
                        LogError::AbortAndRewind(failure)
                    });
                }
                _ => return Err(LogError::AbortAndRewind(failure)),
            }
        }
    }
}

impl Producer for KafkaProducer {
    type Token = GroupToken;

    fn begin(&mut self) -> Result<(), LogError> {
        if matches!(self.state, State::Open(..)) {
            return Err(LogError::Fatal(Failure::new("begin transaction", "a transaction is open")));
        }
        if let State::Ready(client) = &self.state
            && let Some(reason) = client.doubt()
        {
            debug!(reason, "replacing the producer before the next transaction");
            std::mem::replace(&mut self.state, State::Doubtful).bury();
        }
        if !matches!(self.state, State::Ready(_)) {
            self.reopen()?;
        }
        self.refused = None;
        let State::Ready(client) = std::mem::replace(&mut self.state, State::Doubtful) else {
            return Err(LogError::Fatal(Failure::new("begin transaction", "the producer could not be opened")));
        };
        // What an aborted transaction wrote says nothing of this one.
        client.take_produced();
        client.take_refused();
        match client.begin() {
            Ok(()) => {
                self.state = State::Open(client, Deadline::after(self.options.transaction_timeout));
                Ok(())
            }
            Err(error) => {
                client.bury();
                Err(LogError::Retry(Failure::new("begin transaction", error.to_string())))
            }
        }
    }

    fn take_over(&mut self, topic: TopicIndex, partition: u32, end_offset: u64) {
        self.ends.take_over(topic, partition, end_offset);
    }

    fn produce(&mut self, record: &OutputRecord<'_>) -> Result<(), LogError> {
        let produced = self.enqueue(record);
        // A mistake of the program changes nothing; whatever else is refused, the transaction may not go without.
        if let Err(LogError::AbortAndRewind(failure) | LogError::Fenced(failure)) = &produced {
            self.refused = Some(failure.clone());
        }
        produced
    }

    fn commit(&mut self, token: &GroupToken, offsets: &[InputOffset]) -> Result<Committed, LogError> {
        self.client()?;
        if offsets.is_empty() {
            let reason = "a transaction without offsets is not fenced";
            return Err(LogError::Fatal(Failure::new("commit transaction", reason)));
        }
        let list = offset_list(offsets)?;
        self.decide(Some((token, list)))
    }

    fn commit_without_offsets(&mut self) -> Result<Committed, LogError> {
        self.client()?;
        self.decide(None)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        if !matches!(self.state, State::Open(..)) {
            return Ok(());
        }
        let aborted = self.insist("abort transaction", &|client| client.abort(CALL_TIMEOUT));
        match (aborted, std::mem::replace(&mut self.state, State::Doubtful)) {
            (Ok(()), State::Open(client, _)) => {
                client.take_produced();
                self.state = State::Ready(client);
                Ok(())
            }
            (Err(LogError::Fenced(failure)), open) => {
                open.bury();
                Err(LogError::Fenced(failure))
            }
            (aborted, open) => {
                // No commit was ever sent for this transaction, so it is not in doubt: the next producer's initialisation aborts it, and so
                // does the coordinator in the end. librdkafka gets here, for instance, when it purges records while their partitions are
                // still being added to the transaction.
                if let Err(error) = aborted {
                    debug!(%error, "replacing the producer instead of aborting");
                }
                open.bury();
                Ok(())
            }
        }
    }

    fn reopen(&mut self) -> Result<(), LogError> {
        let client = match std::mem::replace(&mut self.state, State::Doubtful) {
            State::Opening(client) => client,
            other => {
                other.bury();
                TransactionalClient::new(&self.settings, Arc::clone(&self.brokers), &self.options)
                    .map_err(|reason| LogError::Fatal(Failure::new("open producer", reason)))?
            }
        };
        self.brokers.look();
        match client.init(INIT_TIMEOUT) {
            Ok(()) => {
                self.state = State::Ready(client);
                Ok(())
            }
            Err(KafkaError::Transaction(error)) if error.is_retriable() && !error.is_fatal() => {
                // The call goes on in the background; the next one picks it up.
                self.state = State::Opening(client);
                Err(LogError::Retry(Failure::new("initialise transactions", error.string())))
            }
            Err(error) => {
                client.bury();
                Err(query_error("initialise transactions", &error))
            }
        }
    }
}

impl State {
    fn bury(self) {
        match self {
            Self::Ready(client) | Self::Open(client, _) | Self::Opening(client) => client.bury(),
            Self::Doubtful => {}
        }
    }
}

impl Drop for KafkaProducer {
    fn drop(&mut self) {
        std::mem::replace(&mut self.state, State::Doubtful).bury();
    }
}

fn offset_list(offsets: &[InputOffset]) -> Result<TopicPartitionList, LogError> {
    let refused = |reason: String| LogError::Fatal(Failure::new("name an offset", reason));
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for offset in offsets {
        let number = i64::try_from(offset.next_offset)
            .map_err(|_| refused(format!("there is no offset {} in {}", offset.next_offset, offset.partition)))?;
        let partition = i32::try_from(offset.partition.partition)
            .map_err(|_| refused(format!("there is no partition {}", offset.partition)))?;
        let mut element = list.add_partition(&offset.partition.topic, partition);
        element.set_offset(Offset::Offset(number)).map_err(|error| refused(error.to_string()))?;
        if !offset.metadata.is_empty() {
            element.set_metadata(&offset.metadata);
        }
    }
    Ok(list)
}
