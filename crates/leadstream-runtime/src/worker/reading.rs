//! Reading the inputs: records are decoded where they lie in the reader's buffers and wait, decoded, for their turn.

use std::time::Duration;

use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::message::Message;

use super::{WAIT, Worker};
use crate::codec::Decoded;
use crate::error::WorkerError;
use crate::log::{
    Log, ReadStart, Reader, ReaderPartition, ReaderProblem, Record, RecordProblem, TopicPartition, partition_for_key,
};
use crate::options::InputKind;
use crate::restore::accept_lost;

impl<L: Log> Worker<L> {
    /// Reads and decodes what is there. Returns whether there was anything.
    pub(super) fn read(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        if self.routes.is_empty() {
            return Ok(false);
        }
        let timeout = self.read_timeout(now_ms);
        // What waits for the fold is not to become more, but the reader wants to be asked.
        let limit = if self.is_behind { 0 } else { self.options.read_records };
        let Worker { reader, tasks, decoder, batch, routes, options, clock, .. } = self;
        let (mut misplaced, mut unreadable, mut began) = (None, None, None);
        let summary = reader.read(limit, timeout, &mut |record| {
            // Before the first record there was a wait.
            began.get_or_insert_with(|| clock.monotonic_seconds());
            let Some((number, index)) = routes.get(&(record.topic.0, record.partition)) else { return };
            let Some(task) = tasks.get_mut(number) else { return };
            let Some(queue) = task.inputs.get_mut(*index) else { return };
            let timestamp_ms = record.timestamp.map_or(0, |timestamp| timestamp.ms);
            if queue.kind == InputKind::Identities {
                match read_message(record) {
                    Ok((to, message)) => queue.push_message(record.offset, timestamp_ms, to, message),
                    Err(error) => {
                        let partition = TopicPartition::new(&options.inputs[queue.input].topic, record.partition);
                        let place = format!("offset {} of {partition}", record.offset);
                        unreadable.get_or_insert(WorkerError::Stored { place, error });
                    }
                }
                return;
            }
            batch.clear();
            let mut decoded = decoder.decode(queue.input, record, batch);
            if let Decoded::DeadLetter(letter) = &mut decoded {
                letter.record.fit(options.letter_bytes);
            }
            if decoded != Decoded::Events {
                batch.clear();
            }
            if queue.kind != InputKind::ToRekey && misplaced.is_none() {
                let contacts = batch.events().iter().map(|event| event.contact.as_str());
                misplaced = contacts
                    .map(|contact| (contact, partition_for_key(contact.as_bytes(), options.tasks)))
                    .find(|(_, expected)| *expected != record.partition)
                    .map(|(contact, expected)| WorkerError::NotKeyed {
                        partition: TopicPartition::new(&options.inputs[queue.input].topic, record.partition),
                        offset: record.offset,
                        contact: contact.to_owned(),
                        expected,
                    });
            }
            queue.push(record.offset, timestamp_ms, decoded, batch);
        });
        let summary = summary.map_err(|error| WorkerError::of_log(&self.options.name, &error))?;
        if let Some(began) = began {
            let decoding = self.metrics.batch_seconds.with_label_values(&["decode"]);
            decoding.observe(self.clock.monotonic_seconds() - began);
        }
        if let Some(error) = misplaced.or(unreadable) {
            return Err(error);
        }
        for problem in &summary.problems {
            self.handle_problem(problem, now_ms)?;
        }
        self.observe();
        Ok(summary.records > 0)
    }

    /// Waits where there is nothing to do, but never beyond the end of an open epoch.
    fn read_timeout(&self, now_ms: i64) -> Duration {
        let decoded = self.tasks.values().any(|task| task.inputs.iter().any(|queue| !queue.items.is_empty()));
        let sweeping = self.tasks.values().any(|task| task.is_sweeping() && !self.is_over_budget(task));
        if decoded || sweeping || !self.restores.is_empty() || !self.waiting.is_empty() {
            return Duration::ZERO;
        }
        let open = self.tasks.values().any(|task| !task.open.is_empty());
        let left = Duration::from_millis(u64::try_from(self.commit_at_ms - now_ms).unwrap_or(0));
        if open { WAIT.min(left) } else { WAIT }
    }

    /// Takes over what the reader knows of each partition.
    fn observe(&mut self) {
        for task in self.tasks.values_mut() {
            for queue in &mut task.inputs {
                let partition = ReaderPartition { topic: Self::topic_index(queue.input), partition: queue.partition };
                queue.observe(self.reader.progress(partition));
            }
        }
    }

    /// Holds partitions back that the fold cannot take from, while others are read on. Asked behind the fold, which takes most of what was just read: a
    /// partition that is held back loses what was fetched ahead, and fetches it once more.
    pub(super) fn hold_back(&mut self) -> Result<(), WorkerError> {
        let limit = self.options.decoded_records;
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for task in self.tasks.values_mut() {
            for queue in &mut task.inputs {
                let partition = ReaderPartition { topic: Self::topic_index(queue.input), partition: queue.partition };
                if !queue.paused && queue.items.len() >= limit {
                    queue.paused = true;
                    pause.push(partition);
                } else if queue.paused && queue.items.len() <= limit / 2 {
                    queue.paused = false;
                    resume.push(partition);
                }
            }
        }
        let held = if pause.is_empty() { Ok(()) } else { self.reader.pause(&pause) };
        let freed = if resume.is_empty() { Ok(()) } else { self.reader.resume(&resume) };
        held.and(freed).map_err(|error| WorkerError::of_log(&self.options.name, &error))
    }

    /// Starts reading a task's inputs from its last commit.
    pub(super) fn start_reading(&mut self, number: u32) -> Result<(), WorkerError> {
        let Some(task) = self.tasks.get_mut(&number) else { return Ok(()) };
        let mut starts = Vec::new();
        let mut paused = Vec::new();
        for (index, queue) in task.inputs.iter_mut().enumerate() {
            let topic = Self::topic_index(queue.input);
            let partition = ReaderPartition { topic, partition: queue.partition };
            self.routes.insert((topic.0, queue.partition), (number, index));
            starts.push(ReadStart { partition, offset: queue.committed });
            if std::mem::take(&mut queue.paused) {
                paused.push(partition);
            }
        }
        let started = self.reader.start(&starts);
        let resumed = if paused.is_empty() { Ok(()) } else { self.reader.resume(&paused) };
        started.and(resumed).map_err(|error| WorkerError::of_log(&self.options.name, &error))
    }

    fn handle_problem(&mut self, problem: &ReaderProblem, now_ms: i64) -> Result<(), WorkerError> {
        let input = &self.options.inputs[usize::from(problem.partition.topic.0)];
        let partition = TopicPartition::new(&input.topic, problem.partition.partition);
        if problem.problem != RecordProblem::OutOfRange {
            return Err(WorkerError::Log(format!(
                "read {partition} at offset {}: {}",
                problem.position, problem.reason
            )));
        }
        let bounds = match self.log.bounds(std::slice::from_ref(&partition)) {
            Ok(bounds) => bounds.first().copied(),
            Err(error) => {
                self.wait_or_stop(error, now_ms)?;
                None
            }
        };
        // Where the cluster cannot tell, the reader is started where it was and meets the same problem again.
        let mut offset = problem.position;
        if let Some(bounds) = bounds {
            if problem.position > bounds.end_offset {
                return Err(WorkerError::InputTruncated {
                    partition,
                    wanted: problem.position,
                    end: bounds.end_offset,
                });
            }
            if problem.position < bounds.start_offset {
                accept_lost(&self.options, &self.metrics, partition, problem.position, bounds.start_offset)?;
                offset = bounds.start_offset;
            }
        }
        let start = ReadStart { partition: problem.partition, offset };
        self.reader.start(&[start]).map_err(|error| WorkerError::of_log(&self.options.name, &error))
    }
}

/// A message between ids, and whom it is for. Nobody but workers writes them.
fn read_message(record: &Record<'_>) -> Result<(String, Message), StoredError> {
    let to = std::str::from_utf8(record.key.unwrap_or_default());
    let to = to.map_err(|_| StoredError::Malformed("a message for an id that is no text"))?;
    Ok((to.to_owned(), Message::read(record.value.unwrap_or_default())?))
}
