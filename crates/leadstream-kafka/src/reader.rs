//! The assign-only reader.
//!
//! Keeps its own positions and never asks librdkafka for one: its batch call counts an end-of-partition event as a record (librdkafka before 2.13.2,
//! issue 4844), so its position can be one too far, and pausing would start again from there. So the next offset is the last delivered + 1, a paused
//! partition is given back and taken again at our position, and end-of-partition events, which carry the true end, are welcome: with markers,
//! aborted records and compaction nothing else tells that a partition has been read to its end.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use leadstream_runtime::log::{
    Failure, Isolation, LogError, Progress, ReadStart, ReadSummary, Reader, ReaderOptions, ReaderPartition,
    ReaderProblem, Record, RecordProblem, TopicIndex,
};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use tracing::debug;

use crate::brokers::{Brokers, ClientEvents};
use crate::clock::timeout_ms;
use crate::ffi::{Message, NativeConsumer, topic_name};
use crate::settings::{KafkaSettings, Role};

/// A [`Reader`] on Kafka.
pub struct KafkaReader {
    consumer: NativeConsumer,
    topics: Topics,
    /// Problems found while starting, told by the next read.
    missing: Vec<ReaderProblem>,
    brokers: Arc<Brokers>,
}

/// librdkafka's own limits of what one fetch may bring: not less than a record may be large, not more than its default.
const MIN_FETCH_BYTES: usize = 1 << 20;
const MAX_FETCH_BYTES: usize = 50 << 20;
/// How long a start may wait to hear whether a topic exists.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

impl KafkaReader {
    pub(crate) fn open(
        settings: &KafkaSettings,
        brokers: Arc<Brokers>,
        options: &ReaderOptions,
    ) -> Result<Self, LogError> {
        let refused = |reason: String| LogError::Fatal(Failure::new("open reader", reason));
        let mut config = settings.client(Role::Reader, &options.name);
        let isolation = match options.isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        // librdkafka wants a group for a consumer queue. Nothing is ever committed to it or asked of it: the reader only assigns.
        config
            .set("group.id", format!("{}-{}", settings.client_id, options.name))
            .set("isolation.level", isolation)
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", options.buffer_bytes.div_ceil(1024).max(1).to_string());
        // One answer may not be larger than what may be waiting.
        if config.get("fetch.max.bytes").is_none() {
            config.set("fetch.max.bytes", options.buffer_bytes.clamp(MIN_FETCH_BYTES, MAX_FETCH_BYTES).to_string());
        }
        let consumer = NativeConsumer::new(&config, ClientEvents::new(Arc::clone(&brokers))).map_err(refused)?;
        let topics = Topics::new(&options.topics).map_err(refused)?;
        Ok(Self { consumer, topics, missing: Vec::new(), brokers })
    }

    fn native_list(&self, partitions: &[(ReaderPartition, Offset)]) -> Result<TopicPartitionList, LogError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (partition, offset) in partitions {
            let name = self.topics.name(partition.topic)?;
            list.add_partition_offset(name, native_partition(partition.partition)?, *offset)
                .map_err(|error| LogError::Fatal(Failure::new("name a partition", error.to_string())))?;
        }
        Ok(list)
    }

    /// Takes partitions from librdkafka's hands: nothing of them is fetched or delivered from now on.
    fn detach(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        let attached: Vec<_> = partitions
            .iter()
            .filter(|partition| self.topics.state(**partition).is_some_and(|state| state.attached))
            .map(|partition| (*partition, Offset::Invalid))
            .collect();
        if attached.is_empty() {
            return Ok(());
        }
        let list = self.native_list(&attached)?;
        self.consumer
            .unassign(&list)
            .map_err(|reason| LogError::Fatal(Failure::new("stop reading partitions", reason)))?;
        for (partition, _) in attached {
            if let Some(state) = self.topics.state_mut(partition) {
                state.attached = false;
            }
        }
        self.topics.forget_handles();
        Ok(())
    }

    /// Has librdkafka fetch partitions from our positions.
    fn attach(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        let mut detached = Vec::with_capacity(partitions.len());
        for partition in partitions {
            if let Some(state) = self.topics.state(*partition).filter(|state| !state.attached) {
                detached.push((*partition, Offset::Offset(native_offset(state.position)?)));
            }
        }
        if detached.is_empty() {
            return Ok(());
        }
        let list = self.native_list(&detached)?;
        self.topics.forget_handles();
        self.consumer
            .assign(&list)
            .map_err(|reason| LogError::Fatal(Failure::new("start reading partitions", reason)))?;
        for (partition, _) in detached {
            if let Some(state) = self.topics.state_mut(partition) {
                state.attached = true;
            }
        }
        Ok(())
    }

    fn known(&self, partitions: &[ReaderPartition], operation: &'static str) -> Result<(), LogError> {
        match partitions.iter().find(|partition| self.topics.state(**partition).is_none()) {
            None => Ok(()),
            Some(partition) => {
                let name = self.topics.name(partition.topic)?;
                Err(LogError::Fatal(Failure::new(
                    operation,
                    format!("{name}[{}] is not being read", partition.partition),
                )))
            }
        }
    }
}

impl KafkaReader {
    /// Finds out which partitions do not exist: librdkafka would wait for them without a word.
    fn find_missing(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        for partition in partitions {
            let index = usize::from(partition.topic.0);
            if self.topics.counts.get(index).is_none_or(|count| partition.partition < *count) {
                continue;
            }
            let name = self.topics.name(partition.topic)?;
            match self.consumer.partition_count(name, METADATA_TIMEOUT) {
                Some(count) => self.topics.counts[index] = count,
                // The cluster is away, or busy: whatever is wrong will show later.
                None => continue,
            }
            if partition.partition >= self.topics.counts[index]
                && let Some(state) = self.topics.state_mut(*partition)
            {
                state.stalled = true;
                self.missing.push(ReaderProblem {
                    partition: *partition,
                    position: state.position,
                    problem: RecordProblem::Missing,
                    reason: "there is no such partition".to_owned(),
                });
            }
        }
        Ok(())
    }
}

impl Reader for KafkaReader {
    fn start(&mut self, starts: &[ReadStart]) -> Result<(), LogError> {
        let partitions: Vec<_> = starts.iter().map(|start| start.partition).collect();
        self.detach(&partitions)?;
        for start in starts {
            self.topics.set(start)?;
        }
        self.missing.retain(|problem| !partitions.contains(&problem.partition));
        self.find_missing(&partitions)?;
        let running: Vec<_> = partitions
            .into_iter()
            .filter(|partition| self.topics.state(*partition).is_some_and(|state| !state.paused && !state.stalled))
            .collect();
        self.attach(&running)
    }

    fn stop(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        self.detach(partitions)?;
        self.missing.retain(|problem| !partitions.contains(&problem.partition));
        for partition in partitions {
            self.topics.remove(*partition);
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        self.known(partitions, "pause partitions")?;
        self.detach(partitions)?;
        for partition in partitions {
            if let Some(state) = self.topics.state_mut(*partition) {
                state.paused = true;
            }
        }
        Ok(())
    }

    fn resume(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        self.known(partitions, "resume partitions")?;
        let mut resumed = Vec::new();
        for partition in partitions {
            if let Some(state) = self.topics.state_mut(*partition).filter(|state| state.paused) {
                state.paused = false;
                if !state.stalled {
                    resumed.push(*partition);
                }
            }
        }
        self.attach(&resumed)
    }

    fn read(
        &mut self,
        max_records: usize,
        timeout: Duration,
        visit: &mut dyn FnMut(&Record<'_>),
    ) -> Result<ReadSummary, LogError> {
        self.brokers.look();
        self.consumer.serve();
        let mut summary = ReadSummary { records: 0, problems: std::mem::take(&mut self.missing) };
        if max_records == 0 || !summary.problems.is_empty() {
            return Ok(summary);
        }
        let topics = &mut self.topics;
        let mut on_message = |message: &Message<'_>| topics.deliver(message, &mut summary, visit);
        // The batch call waits until the batch is full: so take what is there, and only where that is nothing wait, for one message, then take
        // what came with it.
        let mut taken = self.consumer.consume(max_records, 0, &mut on_message);
        if taken == 0 && !timeout.is_zero() {
            taken = self.consumer.consume(1, timeout_ms(timeout), &mut on_message);
            if taken > 0 && max_records > 1 {
                self.consumer.consume(max_records - 1, 0, &mut on_message);
            }
        }
        if !summary.problems.is_empty() {
            let stalled: Vec<_> = summary.problems.iter().map(|problem| problem.partition).collect();
            self.detach(&stalled)?;
        }
        if taken == 0
            && let Some(reason) = self.consumer.fatal_error()
        {
            return Err(LogError::Fatal(Failure::new("read", reason)));
        }
        Ok(summary)
    }

    fn progress(&self, partition: ReaderPartition) -> Option<Progress> {
        let state = self.topics.state(partition)?;
        let name = self.topics.names.get(usize::from(partition.topic.0)).map(|(_, native)| native)?;
        let known_end = self.consumer.known_end(name, i32::try_from(partition.partition).ok()?);
        Some(Progress {
            position: state.position,
            end_offset: known_end.map(|end| end.max(state.position)),
            caught_up: state.caught_up,
        })
    }
}

/// A partition that is being read.
#[derive(Debug, Clone, Copy)]
struct State {
    position: u64,
    caught_up: bool,
    paused: bool,
    /// In librdkafka's hands.
    attached: bool,
    /// Stands still after a problem.
    stalled: bool,
}

/// The reader's topics and how far it is in their partitions.
struct Topics {
    names: Vec<(String, CString)>,
    states: Vec<Vec<Option<State>>>,
    /// How many partitions each topic was last known to have.
    counts: Vec<u32>,
    /// Which topic a native handle is; a handle may be reused once its topic is not read any more, so this is forgotten at each change.
    handles: Vec<(usize, TopicIndex)>,
}

impl Topics {
    fn new(names: &[String]) -> Result<Self, String> {
        let named: Option<Vec<_>> =
            names.iter().map(|name| topic_name(name).map(|native| (name.clone(), native))).collect();
        let names = named.ok_or("a topic name holds a zero byte")?;
        if u16::try_from(names.len()).is_err() {
            return Err(format!("{} topics are too many for one reader", names.len()));
        }
        Ok(Self { states: vec![Vec::new(); names.len()], counts: vec![0; names.len()], names, handles: Vec::new() })
    }

    fn name(&self, topic: TopicIndex) -> Result<&str, LogError> {
        self.names.get(usize::from(topic.0)).map(|(name, _)| name.as_str()).ok_or_else(|| {
            LogError::Fatal(Failure::new("name a topic", format!("the reader has no topic number {}", topic.0)))
        })
    }

    fn state(&self, partition: ReaderPartition) -> Option<&State> {
        self.states.get(usize::from(partition.topic.0))?.get(partition.partition as usize)?.as_ref()
    }

    fn state_mut(&mut self, partition: ReaderPartition) -> Option<&mut State> {
        self.states.get_mut(usize::from(partition.topic.0))?.get_mut(partition.partition as usize)?.as_mut()
    }

    /// Sets the position of a partition that is not attached; keeps whether it is paused.
    fn set(&mut self, start: &ReadStart) -> Result<(), LogError> {
        self.name(start.partition.topic)?;
        native_partition(start.partition.partition)?;
        native_offset(start.offset)?;
        let Some(partitions) = self.states.get_mut(usize::from(start.partition.topic.0)) else { return Ok(()) };
        let index = start.partition.partition as usize;
        if partitions.len() <= index {
            partitions.resize(index + 1, None);
        }
        let paused = partitions[index].is_some_and(|state| state.paused);
        partitions[index] =
            Some(State { position: start.offset, caught_up: false, paused, attached: false, stalled: false });
        Ok(())
    }

    fn remove(&mut self, partition: ReaderPartition) {
        let place = self
            .states
            .get_mut(usize::from(partition.topic.0))
            .and_then(|partitions| partitions.get_mut(partition.partition as usize));
        if let Some(place) = place {
            *place = None;
        }
    }

    fn forget_handles(&mut self) {
        self.handles.clear();
    }

    fn topic_of(&mut self, message: &Message<'_>) -> Option<TopicIndex> {
        let handle = message.topic_handle();
        if let Some((_, topic)) = self.handles.iter().find(|(known, _)| *known == handle) {
            return Some(*topic);
        }
        let name = message.topic_name();
        let index = self.names.iter().position(|(known, _)| known == name)?;
        let topic = TopicIndex(u16::try_from(index).ok()?);
        if handle != 0 {
            self.handles.push((handle, topic));
        }
        Some(topic)
    }

    fn deliver(&mut self, message: &Message<'_>, summary: &mut ReadSummary, visit: &mut dyn FnMut(&Record<'_>)) {
        let (Some(topic), Some(partition)) = (self.topic_of(message), message.partition()) else {
            if let Some((code, reason)) = message.error() {
                debug!(?code, reason, "kafka reader");
            }
            return;
        };
        let place = ReaderPartition { topic, partition };
        let Some(state) = self.state_mut(place).filter(|state| state.attached && !state.stalled) else { return };
        if let Some((code, reason)) = message.error() {
            summary.problems.extend(state.on_error(place, code, reason, message.offset()));
            return;
        }
        // Whatever lies before the position was delivered already.
        let Some(offset) = message.offset().filter(|offset| *offset >= state.position) else { return };
        state.position = offset + 1;
        state.caught_up = false;
        summary.records += 1;
        visit(&Record {
            topic,
            partition,
            offset,
            timestamp: message.timestamp(),
            key: message.key(),
            value: message.value(),
            headers: message,
        });
    }
}

impl State {
    /// What an error in the place of a record means: the end of the partition, a problem, or something that librdkafka heals by itself.
    fn on_error(
        &mut self,
        partition: ReaderPartition,
        code: RDKafkaErrorCode,
        reason: String,
        offset: Option<u64>,
    ) -> Option<ReaderProblem> {
        use RDKafkaErrorCode as Code;
        let problem = match code {
            Code::PartitionEOF => {
                // The offset of the event is the end that was reached, markers and aborted records included.
                if let Some(end) = offset.filter(|end| *end >= self.position) {
                    self.position = end;
                    self.caught_up = true;
                }
                return None;
            }
            Code::AutoOffsetReset | Code::OffsetOutOfRange => RecordProblem::OutOfRange,
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
                RecordProblem::Missing
            }
            Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                RecordProblem::NotAuthorized
            }
            Code::BadMessage
            | Code::BadCompression
            | Code::NotImplemented
            | Code::InvalidMessage
            | Code::MessageSizeTooLarge => RecordProblem::Unreadable,
            _ => {
                debug!(?code, reason, "kafka reader");
                return None;
            }
        };
        self.stalled = true;
        Some(ReaderProblem { partition, position: self.position, problem, reason })
    }
}

/// More partitions than any topic has; positions are kept in a table by partition number.
const MAX_PARTITIONS: i32 = 1 << 20;

fn native_partition(partition: u32) -> Result<i32, LogError> {
    i32::try_from(partition)
        .ok()
        .filter(|partition| *partition < MAX_PARTITIONS)
        .ok_or_else(|| LogError::Fatal(Failure::new("name a partition", format!("there is no partition {partition}"))))
}

fn native_offset(offset: u64) -> Result<i64, LogError> {
    i64::try_from(offset)
        .map_err(|_| LogError::Fatal(Failure::new("name an offset", format!("there is no offset {offset}"))))
}
