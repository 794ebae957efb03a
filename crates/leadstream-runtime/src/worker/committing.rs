//! Commits: one transaction for the open epochs of all tasks of the worker.

use leadstream_core::Bound;

use super::{Phase, Worker};
use crate::error::WorkerError;
use crate::log::{Committed, InputOffset, Log, LogError, Membership, Producer, TopicIndex, TopicPartition};
use crate::options::InputKind;
use crate::task::epoch::EpochCounts;
use crate::task::inputs::InputQueue;
use crate::worker::internal_topics::{CHANGELOG, REDO};

/// A commit that took longer than this says nothing of the next one: something was in its way.
const SLOW_COMMIT_MS: i64 = 1_000;

impl<L: Log> Worker<L> {
    /// Commits where an epoch has lasted long enough or become large enough, or contacts are due to be written back.
    pub(super) fn commit_if_due(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        let limits = self.options.epoch;
        let full = self.tasks.values().any(|task| task.open.is_full(&limits));
        if !full && self.clock.monotonic_ms() < self.commit_at_ms {
            return Ok(false);
        }
        self.commit(now_ms, false)
    }

    /// Commits what there is; with `pressed` as many contacts are written back as one commit may. Returns whether there was anything.
    pub(super) fn commit(&mut self, now_ms: i64, pressed: bool) -> Result<bool, WorkerError> {
        let numbers = self.tasks_to_commit(now_ms, pressed);
        if numbers.is_empty() {
            self.commit_at_ms = now_ms + self.options.epoch.interval_ms;
            return Ok(false);
        }
        // Without a token the group has taken the tasks away and will say so.
        let Some(token) = self.membership.token() else { return Ok(false) };
        let Some(producer) = &mut self.producer else { return Ok(false) };
        if let Err(error) = producer.begin() {
            self.wait_or_stop(error, now_ms)?;
            return Ok(false);
        }
        let started_ms = self.clock.monotonic_ms();
        self.prepare(&numbers, now_ms, pressed)?;
        let outcome = self.transact(&numbers, &token);
        let took_ms = self.clock.monotonic_ms() - started_ms;
        self.metrics.commit_seconds.observe(took_ms as f64 / 1_000.0);
        // Where commits are slow, at least half of the time is left to fold in: epochs become longer, and commits fewer.
        let interval_ms = self.options.epoch.interval_ms.max(2 * took_ms.min(SLOW_COMMIT_MS));
        self.commit_at_ms = started_ms + interval_ms;
        match outcome {
            Ok(committed) => {
                self.reached();
                self.publish(&numbers, Some(&committed), now_ms)?;
            }
            Err(error) => self.recover(error, numbers)?,
        }
        Ok(true)
    }

    fn tasks_to_commit(&self, now_ms: i64, pressed: bool) -> Vec<u32> {
        let limits = &self.options.write_back;
        let running = self.tasks.values().filter(|task| task.is_running());
        running
            .filter(|task| {
                !task.open.is_empty() || task.write_back_due(limits, now_ms, pressed || self.is_over_budget(task)) > 0
            })
            .map(|task| task.id)
            .collect()
    }

    /// Whether a task holds more contacts than it may: only writing back lets it throw some out.
    pub(super) fn is_over_budget(&self, task: &crate::task::Task) -> bool {
        task.is_pressed(self.contacts_budget())
    }

    fn prepare(&mut self, numbers: &[u32], now_ms: i64, pressed: bool) -> Result<(), WorkerError> {
        let budget = self.contacts_budget();
        let (tasks, mut tools) = self.tasks_and_tools(now_ms);
        for number in numbers {
            if let Some(task) = tasks.get_mut(number) {
                let pressed = pressed || task.is_pressed(budget);
                tools.fold.use_timeline(task.plans.timeline());
                task.prepare(&mut tools, pressed)?;
            }
        }
        Ok(())
    }

    fn transact(&mut self, numbers: &[u32], token: &L::Token) -> Result<Committed, LogError> {
        let Worker { tasks, producer, options, .. } = self;
        let Some(producer) = producer else { return Ok(Committed::default()) };
        let mut offsets: Vec<InputOffset> = Vec::new();
        for number in numbers {
            let Some(task) = tasks.get_mut(number) else { continue };
            task.produce(producer, options)?;
            offsets.extend(task.offsets(options));
        }
        producer.commit(token, &offsets)
    }

    /// The transaction was committed: stores, contacts, counters follow. `committed` is absent where the outcome was found out later.
    pub(super) fn publish(
        &mut self,
        numbers: &[u32],
        committed: Option<&Committed>,
        now_ms: i64,
    ) -> Result<(), WorkerError> {
        self.metrics.commits.with_label_values(&["committed"]).inc();
        let wall = self.clock.wall();
        let last = |topic: u16, partition: u32| {
            let produced = committed.into_iter().flat_map(|committed| &committed.produced);
            produced
                .filter(|offset| offset.topic == TopicIndex(topic) && offset.partition == partition)
                .map(|offset| offset.last_offset)
                .next_back()
        };
        let (tasks, mut tools) = self.tasks_and_tools(now_ms);
        let (mut counts, mut got_on) = (Vec::with_capacity(numbers.len()), Vec::new());
        for number in numbers {
            let Some(task) = tasks.get_mut(number) else { continue };
            got_on.push((*number, task.open.gets_on()));
            let changelog_position = last(CHANGELOG, *number).map(|offset| offset + 1);
            counts.push(task.published(&mut tools, changelog_position, last(REDO, *number), wall)?);
        }
        got_on.into_iter().for_each(|(number, gets_on)| self.refusals.committed(number, gets_on));
        counts.iter().for_each(|counts| self.count(counts));
        Ok(())
    }

    fn count(&self, counts: &EpochCounts) {
        let metrics = &self.metrics;
        metrics.records.inc_by(counts.records - counts.watermarks);
        metrics.watermarks.inc_by(counts.watermarks);
        for (outcome, number) in [
            ("applied", counts.applied),
            ("unmatched", counts.unmatched),
            ("duplicate", counts.duplicate),
            ("suppressed", counts.suppressed),
            ("too_late", counts.too_late),
            ("erased", counts.erased),
            ("skipped", counts.skipped),
            ("rekeyed", counts.rekeyed),
            ("sent_on", counts.sent_on),
        ] {
            metrics.deliveries.with_label_values(&[outcome]).inc_by(number);
        }
        for (code, number) in &counts.dead {
            metrics.deliveries.with_label_values(&["dead"]).inc_by(*number);
            metrics.dead_letters.with_label_values(&[code]).inc_by(*number);
        }
        for (kind, number) in &counts.derived {
            metrics.derived.with_label_values(&[kind]).inc_by(*number);
        }
        for (outcome, number) in &counts.identity_requests {
            metrics.identity_requests.with_label_values(&[outcome]).inc_by(*number);
        }
        for (kind, number) in &counts.identity_messages {
            metrics.identity_messages.with_label_values(&[kind]).inc_by(*number);
        }
        for ((plan, rule, error), number) in &counts.faults {
            metrics.count_faults(*plan, *rule, error, *number);
        }
        metrics.timers.inc_by(counts.timers);
        metrics.written_back.inc_by(counts.written_back);
        for bound in Bound::ALL.into_iter().filter(|bound| counts.reached.of(*bound) > 0) {
            metrics.limits_reached.with_label_values(&[bound.as_str()]).inc_by(counts.reached.of(bound));
        }
    }

    /// Aborts the open transaction and takes the epochs back.
    pub(super) fn abort(&mut self, numbers: Vec<u32>, awaits_assignment: bool) -> Result<(), WorkerError> {
        let Some(producer) = &mut self.producer else { return Ok(()) };
        match producer.abort() {
            Ok(()) => {
                if awaits_assignment {
                    self.phase = Phase::AwaitingAssignment;
                }
                self.undo(&numbers)
            }
            Err(LogError::UnknownOutcome(_)) => {
                self.begin_settling(numbers, awaits_assignment);
                Ok(())
            }
            Err(error) => Err(WorkerError::of_log(&self.options.transactional_id, &error)),
        }
    }

    /// Deletes redo records that nobody needs any more.
    pub(super) fn trim(&mut self, now_ms: i64) {
        if now_ms - self.trimmed_at_ms < self.options.trim_interval_ms {
            return;
        }
        self.trimmed_at_ms = now_ms;
        let cuts: Vec<(TopicPartition, u64)> = self
            .tasks
            .values()
            .filter(|task| task.write_back.trim_before() > task.trimmed_before)
            .map(|task| (TopicPartition::new(&self.options.topics.redo, task.id), task.write_back.trim_before()))
            .collect();
        self.trim_messages();
        if cuts.is_empty() {
            return;
        }
        match self.log.delete_before(&cuts) {
            Ok(()) => {
                for (partition, offset) in cuts {
                    if let Some(task) = self.tasks.get_mut(&partition.partition) {
                        task.trimmed_before = offset;
                    }
                }
            }
            // Nothing depends on it; the next time cuts more.
            Err(error) => tracing::debug!(%error, "the redo topic was not trimmed"),
        }
    }

    /// Deletes messages between ids that have been read: parts of contacts lie in them, which are to go with their contacts (L6).
    fn trim_messages(&mut self) {
        let options = &self.options;
        let mut cuts = Vec::new();
        for task in self.tasks.values_mut() {
            let is_message = |queue: &&InputQueue| queue.kind == InputKind::Identities;
            let Some(read) = task.inputs.iter().find(is_message).map(|queue| queue.committed) else { continue };
            if read > task.messages_trimmed_before {
                let topic = options.topics.identities.as_deref().unwrap_or_default();
                cuts.push((TopicPartition::new(topic, task.id), read));
                task.messages_trimmed_before = read;
            }
        }
        if !cuts.is_empty()
            && let Err(error) = self.log.delete_before(&cuts)
        {
            tracing::debug!(%error, "the topic of identities was not trimmed");
        }
    }
}
