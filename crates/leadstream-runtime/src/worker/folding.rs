//! Folding: what was decoded becomes scores, the clocks move, timers fire.

use std::collections::{BTreeMap, VecDeque};

use prometheus::Histogram;

use super::Worker;
use crate::clock::Clock;
use crate::error::WorkerError;
use crate::log::Log;
use crate::task::{Task, Tools};

impl<L: Log> Worker<L> {
    /// Folds what was read, moves the clocks, fires timers.
    pub(super) fn fold(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        let wall = self.clock.wall();
        let budget = self.contacts_budget();
        self.take_up_plans(now_ms);
        let mut worked = self.fold_in_turn(now_ms)? > 0;
        let firing = self.metrics.batch_seconds.with_label_values(&["timers"]);
        let (tasks, mut tools) = self.tasks_and_tools(now_ms);
        for task in tasks.values_mut().filter(|task| task.folds()) {
            tools.fold.use_timeline(task.plans.timeline());
            task.tick(tools.options, wall);
            let clock = tools.clock;
            worked |= timed(clock, &firing, || task.fire_timers(&mut tools))? > 0;
            let pressed = task.is_pressed(budget);
            worked |= task.sweep(&mut tools, pressed)?;
            worked |= task.purge(now_ms)?;
            task.write_watermarks(&mut tools, wall);
            let timers = &mut task.timers;
            task.contacts.shrink_to(budget, |slot, entry| timers.evicted(slot, entry));
        }
        Ok(worked)
    }

    /// Has tasks take up plans that are newer than theirs.
    fn take_up_plans(&mut self, now_ms: i64) {
        let wall = self.clock.wall();
        let Some(newest) = self.plans.newest() else { return };
        let book = self.plans.clone();
        let (tasks, tools) = self.tasks_and_tools(now_ms);
        for task in tasks.values_mut().filter(|task| task.is_running()) {
            if newest.ordinal() > task.plans.ordinal()
                && let Some(next) = book.next_after(task.plans.ordinal())
            {
                task.take_up(next, tools.options, wall);
            }
        }
    }

    /// Folds what was decoded: a batch of each task in turn, so that no task waits until another has nothing left. Ends where the step is late; the
    /// next one begins with the task behind. Returns how many records were folded.
    fn fold_in_turn(&mut self, now_ms: i64) -> Result<usize, WorkerError> {
        let folding = self.metrics.batch_seconds.with_label_values(&["fold"]);
        let last = self.folded_last;
        let mut turns: VecDeque<u32> = self.tasks.values().filter(|task| task.folds()).map(|task| task.id).collect();
        let behind = turns.partition_point(|number| *number <= last);
        turns.rotate_left(behind);
        let (tasks, mut tools) = self.tasks_and_tools(now_ms);
        let (clock, limits) = (tools.clock, tools.options.epoch);
        let (mut folded, mut served) = (0, last);
        while let Some(number) = turns.pop_front() {
            let Some(task) = tasks.get_mut(&number) else { continue };
            tools.fold.use_timeline(task.plans.timeline());
            let room = limits.events.saturating_sub(task.open.counts.records as usize);
            let batch = timed(clock, &folding, || task.fold_batch(&mut tools, room))?;
            if batch > 0 {
                (folded, served) = (folded + batch, number);
                turns.push_back(number);
                if tools.is_late() {
                    break;
                }
            }
        }
        // A task that waits for one of its partitions gets on by reading only.
        let waits = tasks.values().any(|task| task.waits_for_input());
        self.is_behind = !turns.is_empty() && !waits;
        self.folded_last = served;
        Ok(folded)
    }

    /// The tasks, and what they work with at this instant.
    pub(super) fn tasks_and_tools(&mut self, now_ms: i64) -> (&mut BTreeMap<u32, Task>, Tools<'_>) {
        let Worker {
            tasks,
            fold,
            encoder,
            options,
            derived,
            value,
            savepoints,
            rekeyed_topic,
            identities_topic,
            clock,
            ..
        } = self;
        let (encoder, rekeyed_topic, clock) = (encoder.as_mut(), *rekeyed_topic, &**clock);
        let identities_topic = *identities_topic;
        (
            tasks,
            Tools {
                fold,
                encoder,
                options,
                derived,
                value,
                savepoints,
                rekeyed_topic,
                identities_topic,
                now_ms,
                clock,
            },
        )
    }

    /// Bytes of decoded contacts that each task may hold.
    pub(super) fn contacts_budget(&self) -> usize {
        self.shared.contacts_share(self.options.contacts_bytes) / self.tasks.len().max(1)
    }
}

/// Does something to a batch, and notes how long that took where there was anything to do.
fn timed(
    clock: &dyn Clock,
    figure: &Histogram,
    work: impl FnOnce() -> Result<usize, WorkerError>,
) -> Result<usize, WorkerError> {
    let began = clock.monotonic_seconds();
    let done = work()?;
    if done > 0 {
        figure.observe(clock.monotonic_seconds() - began);
    }
    Ok(done)
}
