//! Reading what a service reads: its input topics as far as they reach now, on one thread.
//!
//! One partition number after the other, since all of a contact lies under one number in every topic; inside a number by Kafka timestamp, as a task
//! takes its inputs. The ends are asked for once, so that reading twice reads the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use leadstream_kafka::KafkaLog;
use leadstream_runtime::log::{
    Isolation, Log, PartitionBounds, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex, TopicPartition,
};
use leadstream_wire::SourceFormat;

use super::blocks::{BLOCK_BYTES, BlockWriter, Content, Head, InputFile, Layout, Slot};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::sources;

/// Records taken from a reader at once.
const RECORDS: usize = 2_000;
/// Bytes that a reader fetches ahead.
const BUFFER_BYTES: usize = 8 << 20;
/// Between two looks for an interrupt.
const TIMEOUT: Duration = Duration::from_millis(200);
/// How long nothing at all may come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The topics that a service's tasks take events from.
pub(crate) struct Topics {
    log: KafkaLog,
    inputs: Vec<TopicInput>,
    /// How many partitions each of them has.
    partitions: u32,
}

/// One topic.
struct TopicInput {
    topic: String,
    content: Content,
    /// By partition.
    bounds: Vec<PartitionBounds>,
}

impl Topics {
    /// Topics with the given formats, `None` for the re-keyed one. Asks where they begin and end.
    ///
    /// # Errors
    /// A description that does not compile; what `ask` fails with.
    pub(crate) fn new(
        log: KafkaLog,
        topics: Vec<(String, Option<SourceFormat>)>,
        partitions: u32,
        ask: impl Fn(&KafkaLog, &[TopicPartition]) -> Result<Vec<PartitionBounds>, Failure>,
    ) -> Result<Topics, Failure> {
        let mut inputs = Vec::new();
        for (topic, format) in topics {
            let content = match format {
                Some(format) => {
                    sources::decoder(&topic, &format)?;
                    Content::Source(Box::new(format))
                }
                None => Content::Envelopes,
            };
            let asked: Vec<TopicPartition> =
                (0..partitions).map(|partition| TopicPartition::new(topic.clone(), partition)).collect();
            inputs.push(TopicInput { bounds: ask(&log, &asked)?, topic, content });
        }
        Ok(Topics { log, inputs, partitions })
    }

    /// How many offsets there are to read.
    pub(super) fn total(&self) -> u64 {
        let count = |bounds: &PartitionBounds| bounds.end_offset - bounds.start_offset;
        self.inputs.iter().flat_map(|input| &input.bounds).map(count).sum()
    }

    /// Reads everything, one partition number after the other.
    pub(super) fn read(
        &self,
        free: &Receiver<Slot>,
        out: &Sender<Slot>,
        read_offsets: &AtomicU64,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let mut writer = BlockWriter::new(free, out, interrupt);
        let mut readers = self.inputs.iter().map(|input| self.open(input)).collect::<Result<Vec<_>, Failure>>()?;
        for partition in 0..self.partitions {
            let mut queues = Vec::new();
            for (number, (input, reader)) in self.inputs.iter().zip(&mut readers).enumerate() {
                let bounds = input.bounds[partition as usize];
                if bounds.start_offset < bounds.end_offset {
                    queues.push(Queue::start(reader, self.file(number, partition), partition, bounds)?);
                }
            }
            merge(&mut queues, &mut writer, read_offsets)?;
        }
        Ok(())
    }

    fn open(&self, input: &TopicInput) -> Result<<KafkaLog as Log>::Reader, Failure> {
        let options = ReaderOptions {
            topics: vec![input.topic.clone()],
            isolation: Isolation::ReadCommitted,
            buffer_bytes: BUFFER_BYTES,
            name: "replay".to_owned(),
        };
        self.log.open_reader(&options).map_err(|error| Failure::of(format!("cannot read {}", input.topic), error))
    }

    fn file(&self, number: usize, partition: u32) -> Arc<InputFile> {
        let input = &self.inputs[number];
        Arc::new(InputFile {
            place: number * self.partitions as usize + partition as usize,
            name: format!("{}[{partition}]", input.topic),
            topic: input.topic.clone(),
            decoder: number,
            content: input.content.clone(),
            layout: Layout::Records,
        })
    }
}

/// A record that waits for its turn.
struct Waiting {
    offset: u64,
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

/// One partition being read.
struct Queue<'a, R: Reader> {
    file: Arc<InputFile>,
    partition: ReaderPartition,
    reader: &'a mut R,
    waiting: VecDeque<Waiting>,
    /// The next offset, for progress.
    position: u64,
    end: u64,
    is_at_end: bool,
}

impl<'a, R: Reader> Queue<'a, R> {
    fn start(
        reader: &'a mut R,
        file: Arc<InputFile>,
        partition: u32,
        bounds: PartitionBounds,
    ) -> Result<Queue<'a, R>, Failure> {
        let partition = ReaderPartition { topic: TopicIndex(0), partition };
        reader
            .start(&[ReadStart { partition, offset: bounds.start_offset }])
            .map_err(|error| Failure::of(format!("cannot read {}", file.name), error))?;
        let (waiting, position, end) = (VecDeque::new(), bounds.start_offset, bounds.end_offset);
        Ok(Queue { file, partition, reader, waiting, position, end, is_at_end: false })
    }

    /// Waits until there is a record, or none will come.
    #[expect(clippy::disallowed_methods, reason = "patience ends")]
    fn fill(&mut self, writer: &BlockWriter<'_>) -> Result<(), Failure> {
        let began = Instant::now();
        while self.waiting.is_empty() && !self.is_at_end {
            writer.stop_if_asked()?;
            let (waiting, end) = (&mut self.waiting, self.end);
            let read = self.reader.read(RECORDS, TIMEOUT, &mut |record| {
                // What was written since the end was asked for belongs to no run.
                if record.offset < end {
                    waiting.push_back(Waiting {
                        offset: record.offset,
                        timestamp_ms: record.timestamp.map(|timestamp| timestamp.ms),
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                    });
                }
            });
            let read = read.map_err(|error| Failure::of(format!("cannot read {}", self.file.name), error))?;
            if let Some(problem) = read.problems.first() {
                return Err(Failure::of(format!("cannot read {}", self.file.name), &problem.reason));
            }
            let progress = self.reader.progress(self.partition);
            self.is_at_end = progress.is_some_and(|progress| progress.position >= self.end || progress.caught_up);
            if self.is_at_end {
                // What lies behind the end must not come among the records of another partition.
                self.reader.stop(&[self.partition]).map_err(|error| Failure::of("cannot stop reading", error))?;
            }
            if began.elapsed() > PATIENCE && self.waiting.is_empty() && !self.is_at_end {
                let seconds = PATIENCE.as_secs();
                return Err(Failure::NotDone(format!(
                    "cannot read {}: nothing came for {seconds} seconds",
                    self.file.name
                )));
            }
        }
        Ok(())
    }

    fn next_timestamp(&self) -> Option<i64> {
        self.waiting.front().map(|record| record.timestamp_ms.unwrap_or(i64::MIN))
    }
}

/// Brings the records of partitions in one order, the least Kafka timestamp first, and of equal ones that of the first topic.
fn merge<R: Reader>(
    queues: &mut [Queue<R>],
    writer: &mut BlockWriter<'_>,
    read_offsets: &AtomicU64,
) -> Result<(), Failure> {
    let mut open: Option<(usize, Slot)> = None;
    loop {
        for queue in queues.iter_mut() {
            queue.fill(writer)?;
        }
        let timestamps = queues.iter().enumerate().filter_map(|(place, queue)| Some((queue.next_timestamp()?, place)));
        let Some((_, place)) = timestamps.min() else { break };
        let (known, mut slot) = match open.take() {
            Some((known, slot)) if known == place && slot.bytes.len() < BLOCK_BYTES => (known, slot),
            full => {
                if let Some((known, slot)) = full {
                    writer.send(slot, &queues[known].file, 0);
                }
                (place, writer.slot()?)
            }
        };
        let queue = &mut queues[place];
        if let Some(record) = queue.waiting.pop_front() {
            read_offsets.fetch_add(record.offset + 1 - queue.position, Ordering::Relaxed);
            queue.position = record.offset + 1;
            push(&mut slot, queue.partition.partition, record);
        }
        open = Some((known, slot));
    }
    if let Some((known, slot)) = open {
        writer.send(slot, &queues[known].file, 0);
    }
    // Behind the last record there may be markers of transactions.
    for queue in queues {
        read_offsets.fetch_add(queue.end.saturating_sub(queue.position), Ordering::Relaxed);
    }
    Ok(())
}

fn push(slot: &mut Slot, partition: u32, record: Waiting) {
    let mut add = |part: Option<Vec<u8>>| {
        let part = part?;
        let start = slot.bytes.len();
        slot.bytes.extend_from_slice(&part);
        Some((start, slot.bytes.len()))
    };
    let (key, value) = (add(record.key), add(record.value));
    slot.heads.push(Head {
        partition: i32::try_from(partition).unwrap_or(i32::MAX),
        offset: i64::try_from(record.offset).unwrap_or(i64::MAX),
        timestamp_ms: record.timestamp_ms,
        key,
        value,
    });
}
