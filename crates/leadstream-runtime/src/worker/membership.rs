//! Tasks come and go: assignment, revocation, loss, stop.

use std::time::Duration;

use super::internal_topics::CHANGELOG;
use super::{Phase, StepOutcome, WAIT_FOR_TASKS, Worker};
use crate::error::WorkerError;
use crate::log::{Log, LogError, Membership, MembershipEvent, Producer, Reader, ReaderPartition};
use crate::restore::input_partitions;
use crate::status::{Readiness, WorkerStatus};
use crate::task::{Lifecycle, Task};

/// How long a stop may try to find out the outcome of a commit.
const STOP_MS: i64 = 3_000;

impl<L: Log> Worker<L> {
    /// Asks the membership for changes and takes them over. Returns whether there were any.
    pub(super) fn serve_membership(&mut self, backing_off: bool) -> Result<bool, WorkerError> {
        let wait = if self.has_no_tasks() || backing_off { WAIT_FOR_TASKS } else { Duration::ZERO };
        let event =
            self.membership.poll(wait).map_err(|error| WorkerError::of_log(&self.options.instance_id, &error))?;
        let Some(event) = event else { return Ok(false) };
        tracing::info!(worker = self.options.name, ?event, "membership");
        match event {
            MembershipEvent::Assigned { tasks } => {
                let unknown = tasks
                    .into_iter()
                    .filter(|task| !self.tasks.contains_key(task) && !self.restores.contains_key(task));
                self.waiting.extend(unknown);
                self.spoken();
            }
            MembershipEvent::Revoked { tasks, lost: false } => {
                self.spoken();
                self.revoked = Some(tasks);
            }
            MembershipEvent::Revoked { tasks, lost: true } => {
                // Somebody else may own them already: nothing of them is written any more.
                self.revoked = None;
                for task in &tasks {
                    self.refusals.forget(*task);
                    self.drop_task(*task)?;
                }
                self.release(&tasks)?;
                self.spoken();
            }
        }
        Ok(true)
    }

    /// The membership has said which tasks are owned.
    fn spoken(&mut self) {
        match &mut self.phase {
            Phase::AwaitingAssignment => self.phase = Phase::Active,
            // What would be waited for once the outcome is known has come already.
            Phase::Settling(settling) => settling.assignment_came(),
            Phase::Active => {}
        }
    }

    fn release(&mut self, tasks: &[u32]) -> Result<(), WorkerError> {
        self.membership.release(tasks).map_err(|error| WorkerError::of_log(&self.options.instance_id, &error))
    }

    /// Commits, closes and releases the tasks that are being taken away. Waits while the outcome of a commit is unknown.
    pub(super) fn release_revoked(&mut self, now_ms: i64) -> Result<(), WorkerError> {
        if matches!(self.phase, Phase::Settling(_)) {
            return Ok(());
        }
        let Some(tasks) = self.revoked.take() else { return Ok(()) };
        if matches!(self.phase, Phase::Active) && tasks.iter().any(|task| self.tasks.contains_key(task)) {
            self.commit(now_ms, true)?;
            if matches!(self.phase, Phase::Settling(_)) {
                self.revoked = Some(tasks);
                return Ok(());
            }
        }
        for task in &tasks {
            self.close_task(*task)?;
        }
        self.release(&tasks)
    }

    /// Closes a task in order. What of it was not committed is forgotten.
    fn close_task(&mut self, number: u32) -> Result<(), WorkerError> {
        self.refusals.forget(number);
        if let Some(task) = self.tasks.get_mut(&number)
            && task.is_running()
        {
            task.become_state(Lifecycle::Suspended);
        }
        if let Some(task) = self.take_task(number)? {
            let wall = self.clock.wall();
            task.close(wall)?;
        }
        Ok(())
    }

    /// Forgets a task as it stands; its store keeps what was committed.
    pub(super) fn drop_task(&mut self, number: u32) -> Result<(), WorkerError> {
        if let Phase::Settling(settling) = &mut self.phase {
            settling.forget(number);
        }
        self.take_task(number).map(drop)
    }

    fn take_task(&mut self, number: u32) -> Result<Option<Task>, WorkerError> {
        self.waiting.remove(&number);
        self.metrics.forget_task(number);
        if let Some(restore) = self.restores.remove(&number)
            && let Some(reader) = &mut self.restore_reader
        {
            let stopped = reader.stop(&restore.partitions());
            stopped.map_err(|error| WorkerError::of_log(&self.options.name, &error))?;
        }
        let Some(task) = self.tasks.remove(&number) else { return Ok(None) };
        let partitions: Vec<ReaderPartition> = input_partitions(&self.options, number)
            .into_iter()
            .map(|(input, partition)| ReaderPartition {
                topic: Self::topic_index(input),
                partition: partition.partition,
            })
            .collect();
        for partition in &partitions {
            self.routes.remove(&(partition.topic.0, partition.partition));
        }
        self.reader.stop(&partitions).map_err(|error| WorkerError::of_log(&self.options.name, &error))?;
        Ok(Some(task))
    }

    /// Commits what there is, closes all tasks and stops. A static member keeps its tasks in the group's eyes.
    pub(super) fn stop(&mut self, now_ms: i64) -> Result<StepOutcome, WorkerError> {
        let status = |readiness| WorkerStatus { readiness, ..WorkerStatus::default() };
        self.shared.set_status(status(Readiness::Stopping));
        // The token of an unanswered rebalance would be refused, so it is listened to once more.
        self.serve_membership(false)?;
        self.settle(now_ms)?;
        if matches!(self.phase, Phase::Active) {
            self.commit(now_ms, true)?;
        }
        let since = *self.stopping_since_ms.get_or_insert(now_ms);
        if matches!(self.phase, Phase::Settling(_)) && now_ms - since < STOP_MS {
            return Ok(StepOutcome::Worked);
        }
        let numbers: Vec<u32> = self.tasks.keys().chain(self.restores.keys()).copied().collect();
        for number in numbers {
            self.close_task(number)?;
        }
        self.answer_queries();
        self.shared.set_status(status(Readiness::Stopped));
        tracing::info!(worker = self.options.name, "stopped");
        Ok(StepOutcome::Stopped)
    }

    /// Takes the tasks' open epochs back and goes on reading from the last commit. Tasks that cannot be taken back are restored anew.
    pub(super) fn undo(&mut self, numbers: &[u32]) -> Result<(), WorkerError> {
        for number in numbers {
            let Some(task) = self.tasks.get_mut(number) else { continue };
            if task.undo() {
                self.start_reading(*number)?;
            } else {
                self.drop_task(*number)?;
                self.waiting.insert(*number);
            }
        }
        Ok(())
    }

    /// Counts that a commit failed, for each task that it was for. What fails again and again is tried less often.
    fn note_failure(&mut self, numbers: &[u32], error: &LogError) {
        let reason = error.failure().to_string();
        let now_ms = self.clock.monotonic_ms();
        for number in numbers {
            let Some(task) = self.tasks.get(number) else { continue };
            if let Some(pause_ms) = self.refusals.failed(*number, task.open.gets_on(), &reason) {
                self.retry_at_ms = now_ms + pause_ms;
            }
        }
    }

    /// A call of the producer failed: what that means for the open transaction.
    pub(super) fn recover(&mut self, error: LogError, numbers: Vec<u32>) -> Result<(), WorkerError> {
        // Whenever the group assigns anew somebody may be about to commit: that is how a late worker is kept out, and no trouble.
        if matches!(error, LogError::AbortAndAwaitAssignment(_)) {
            tracing::debug!(worker = self.options.name, %error, "the group assigned anew before a commit, which is made again");
        } else if self.refusals.repeated().is_some() {
            tracing::debug!(worker = self.options.name, %error, "a commit failed once more");
        } else {
            tracing::warn!(worker = self.options.name, %error, "a commit failed");
        }
        match error {
            LogError::AbortAndRewind(_) | LogError::AbortAndAwaitAssignment(_) => {
                let awaits = matches!(error, LogError::AbortAndAwaitAssignment(_));
                self.metrics.commits.with_label_values(&["aborted"]).inc();
                if !awaits {
                    self.note_failure(&numbers, &error);
                }
                self.abort(numbers, awaits)
            }
            LogError::Replaced { topic, partition, .. } => {
                // Nothing is written to it, and the other partitions' readers are not held up. What cannot be taken back times out.
                if let Some(producer) = &mut self.producer
                    && let Err(error) = producer.abort()
                {
                    tracing::debug!(%error, "the last transaction is left to its timeout");
                }
                let name =
                    if topic.0 == CHANGELOG { &self.options.topics.changelog } else { &self.options.topics.redo };
                Err(self.replaced(&name.clone(), Some(partition)))
            }
            LogError::UnknownOutcome(_) => {
                self.metrics.commits.with_label_values(&["unknown"]).inc();
                self.note_failure(&numbers, &error);
                self.begin_settling(numbers, false);
                Ok(())
            }
            error => Err(WorkerError::of_log(&self.options.transactional_id, &error)),
        }
    }

    /// What a start would say of a topic that is another one than when the worker began. `task` is the one that met it, where one did.
    pub(super) fn replaced(&self, topic: &str, task: Option<u32>) -> WorkerError {
        let tasks = || self.tasks.values().filter(|each| task.is_none_or(|task| task == each.id));
        let (names, topic) = (&self.options.topics, topic.to_owned());
        if topic == names.changelog
            && let Some(task) = tasks().find(|task| task.write_back.covered() > 0)
        {
            return WorkerError::ChangelogLost { task: task.id, topic, covered: task.write_back.covered() };
        }
        if topic == names.redo
            && let Some(task) = tasks().find(|task| task.epoch > 0)
        {
            return WorkerError::RedoLost { task: task.id, topic, committed: task.epoch, found: 0 };
        }
        WorkerError::TopicReplaced { topic }
    }
}
