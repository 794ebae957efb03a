//! Restores, a portion in each step, so that the worker's other tasks go on meanwhile.

use std::time::Duration;

use super::Worker;
use crate::error::WorkerError;
use crate::log::{
    Isolation, Log, LogError, Producer, ReadStart, Reader, ReaderOptions, ReaderProblem, RecordProblem, TopicPartition,
};
use crate::restore::{BeginError, CHANGELOG, REDO, Restore};

impl<L: Log> Worker<L> {
    /// Begins, continues and ends restores. Returns whether there was anything to do.
    pub(super) fn restore(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        let begun = self.begin_restores(now_ms)?;
        if self.restores.is_empty() {
            // A reader costs threads and memory, so it goes with the last restore.
            self.restore_reader = None;
            return Ok(begun);
        }
        let Worker { restore_reader, restores, options, .. } = self;
        let Some(reader) = restore_reader else { return Ok(begun) };
        let summary = reader.read(options.read_records, Duration::ZERO, &mut |record| {
            if let Some(restore) = restores.get_mut(&record.partition) {
                restore.visit(record);
            }
        });
        let summary = summary.map_err(|error| WorkerError::of_log(&self.options.name, &error))?;
        for problem in &summary.problems {
            self.handle_restore_problem(problem, now_ms)?;
        }
        self.metrics.restored_records.inc_by(summary.records as u64);
        self.end_restores(now_ms)?;
        Ok(true)
    }

    /// The redo topic may be trimmed while it is read: by the task's earlier owner, who has not heard yet that it is no longer his. He only trims what the
    /// changelog covers, so reading goes on behind it; a record that is missed all the same shows as a gap.
    fn handle_restore_problem(&mut self, problem: &ReaderProblem, now_ms: i64) -> Result<(), WorkerError> {
        let (number, position) = (problem.partition.partition, problem.position);
        let is_redo = problem.partition.topic == REDO;
        let topics = &self.options.topics;
        let partition = TopicPartition::new(if is_redo { &topics.redo } else { &topics.changelog }, number);
        let unreadable = || WorkerError::Log(format!("read {partition} at offset {position}: {}", problem.reason));
        if !is_redo || problem.problem != RecordProblem::OutOfRange {
            return Err(unreadable());
        }
        let offset = match self.log.bounds(std::slice::from_ref(&partition)) {
            Ok(bounds) => match bounds.first() {
                Some(bounds) if bounds.start_offset > position => bounds.start_offset,
                _ => return Err(unreadable()),
            },
            Err(error) => {
                self.wait_or_stop(error, now_ms)?;
                // Started where it was, the reader meets the same problem again.
                position
            }
        };
        let Some(reader) = &mut self.restore_reader else { return Ok(()) };
        let start = ReadStart { partition: problem.partition, offset };
        reader.start(&[start]).map_err(|error| WorkerError::of_log(&self.options.name, &error))
    }

    fn begin_restores(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        let mut begun = false;
        while let Some(number) = self.waiting.first().copied() {
            let mut rebuilt = false;
            let wall = self.clock.wall();
            let Some(plans) = self.plans.oldest() else { break };
            let restore = Restore::begin(&*self.log, &self.options, number, plans, wall, now_ms, &mut rebuilt);
            self.metrics.stores_rebuilt.inc_by(u64::from(rebuilt));
            let restore = match restore {
                Ok(restore) => restore,
                Err(BeginError::Later(error)) => {
                    self.wait_or_stop(error, now_ms)?;
                    break;
                }
                // The folder belongs to this process, so another of its workers has the store, and lets it go once it hears that the task is
                // no longer its own.
                Err(BeginError::InUse(error)) => {
                    self.wait_for(&error.to_string(), "another worker still has a task's store, waiting", now_ms);
                    break;
                }
                Err(BeginError::Stop(error)) => return Err(error),
            };
            self.reached();
            self.waiting.remove(&number);
            begun = true;
            if self.restore_reader.is_none() {
                self.restore_reader = Some(self.open_restore_reader()?);
            }
            if let Some(reader) = &mut self.restore_reader {
                reader.start(&restore.starts()).map_err(|error| WorkerError::of_log(&self.options.name, &error))?;
            }
            self.restores.insert(number, restore);
        }
        Ok(begun)
    }

    fn open_restore_reader(&self) -> Result<L::Reader, WorkerError> {
        self.log
            .open_reader(&ReaderOptions {
                topics: vec![self.options.topics.changelog.clone(), self.options.topics.redo.clone()],
                isolation: Isolation::ReadCommitted,
                buffer_bytes: self.options.reader_bytes,
                name: format!("{}-restore", self.options.name),
            })
            .map_err(|error| WorkerError::of_log(&self.options.name, &error))
    }

    fn end_restores(&mut self, now_ms: i64) -> Result<(), WorkerError> {
        let mut done = Vec::new();
        let mut stuck = None;
        // A transaction that is older than its timeout is ended by the cluster, with some time for doing so.
        let timeout_ms =
            i64::try_from(self.options.transaction_timeout.as_millis()).unwrap_or(i64::MAX).saturating_mul(2);
        for (number, restore) in &mut self.restores {
            let position = |topic: usize| {
                let progress =
                    self.restore_reader.as_ref().and_then(|reader| reader.progress(restore.partitions()[topic]));
                progress.map_or(0, |progress| progress.position)
            };
            let positions = (position(usize::from(CHANGELOG.0)), position(usize::from(REDO.0)));
            if restore.check(positions, now_ms)? {
                match restore.unknown_set(&self.plans) {
                    None => done.push(*number),
                    Some(ordinal) if restore.waits_too_long(now_ms) => {
                        return Err(WorkerError::PlansLost { task: *number, ordinal });
                    }
                    // Somebody took it up just now; the reader of plans will have it in a moment.
                    Some(_) => {}
                }
            } else if stuck.is_none() {
                stuck = restore.stuck(timeout_ms, now_ms).map(|error| (*number, error));
            }
        }
        if let Some((number, error)) = stuck {
            self.stuck(number, error, now_ms)?;
        }
        for number in done {
            self.end_restore(number, now_ms)?;
        }
        Ok(())
    }

    /// A restore stands still: an error only where the cluster answers.
    fn stuck(&mut self, number: u32, stuck: WorkerError, now_ms: i64) -> Result<(), WorkerError> {
        let Some(restore) = self.restores.get_mut(&number) else { return Ok(()) };
        match self.log.bounds(&restore.names()) {
            Ok(_) => Err(stuck),
            Err(error @ LogError::Retry(_)) => {
                restore.be_patient(now_ms);
                self.wait_or_stop(error, now_ms)
            }
            Err(error) => self.wait_or_stop(error, now_ms),
        }
    }

    fn end_restore(&mut self, number: u32, now_ms: i64) -> Result<(), WorkerError> {
        let Some(restore) = self.restores.remove(&number) else { return Ok(()) };
        if let Some(reader) = &mut self.restore_reader {
            reader.stop(&restore.partitions()).map_err(|error| WorkerError::of_log(&self.options.name, &error))?;
        }
        if let Some(producer) = &mut self.producer {
            for (partition, end_offset) in restore.partitions().into_iter().zip(restore.ends()) {
                producer.take_over(partition.topic, number, end_offset);
            }
        }
        let progress = restore.progress(now_ms);
        let task = restore.finish(&mut self.fold, &self.plans, &self.options, &self.metrics, now_ms)?;
        tracing::info!(
            task = number,
            records = progress.records,
            milliseconds = progress.elapsed_ms,
            epoch = task.epoch,
            "restored"
        );
        self.metrics.forget_task(number);
        self.tasks.insert(number, task);
        self.start_reading(number)
    }
}
