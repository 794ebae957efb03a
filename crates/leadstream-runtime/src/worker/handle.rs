//! How other threads speak with a worker: stop, status, queries. They never touch what it owns.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use super::Worker;
use crate::clock::Clock;
use crate::log::{Log, partition_for_key};
use crate::query::{AllAnswer, AllQuery, ContactVisitor, Query, QueryAnswer, QueryRefusal, Question};
use crate::status::{TaskStatus, WorkerStatus};
use crate::task::Lifecycle;

/// All of a thing, in thousandths.
const WHOLE: u32 = 1_000;
/// Between two steps.
const NO_STEP: i64 = i64::MIN;

/// What worker and handles share.
#[derive(Debug)]
pub(super) struct Shared {
    stopping: AtomicBool,
    /// When the present step began, in monotonic milliseconds.
    step_since_ms: AtomicI64,
    status: Mutex<WorkerStatus>,
    lost: Mutex<Option<LostTopic>>,
    /// Which share of their memory contacts may take, in thousandths.
    contacts_share: AtomicU32,
}

/// What became of a topic under a running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LostTopic {
    /// It is not there any more.
    Missing(String),
    /// It is another one.
    Replaced(String),
}

impl Default for Shared {
    fn default() -> Shared {
        let step_since_ms = AtomicI64::new(NO_STEP);
        Shared {
            stopping: AtomicBool::default(),
            step_since_ms,
            status: Mutex::default(),
            lost: Mutex::default(),
            contacts_share: AtomicU32::new(WHOLE),
        }
    }
}

impl Shared {
    pub(super) fn begin_step(&self, now_ms: i64) {
        self.step_since_ms.store(now_ms, Ordering::Relaxed);
    }

    pub(super) fn end_step(&self) {
        self.step_since_ms.store(NO_STEP, Ordering::Relaxed);
    }

    fn step_ms(&self, now_ms: i64) -> i64 {
        match self.step_since_ms.load(Ordering::Relaxed) {
            NO_STEP => 0,
            since_ms => now_ms - since_ms,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// How much of so many bytes contacts may take at present.
    pub(super) fn contacts_share(&self, bytes: usize) -> usize {
        let share = self.contacts_share.load(Ordering::Relaxed).min(WHOLE);
        // In this order, or a small number of bytes would come to nothing and a large one would not fit.
        bytes / WHOLE as usize * share as usize + bytes % WHOLE as usize * share as usize / WHOLE as usize
    }

    pub(super) fn lost_topic(&self) -> Option<LostTopic> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_status(&self, status: WorkerStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// The way to a worker from other threads.
#[derive(Clone)]
pub struct WorkerHandle {
    queries: Sender<Question>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    stalled_after_ms: i64,
}

impl WorkerHandle {
    pub(super) fn new(
        queries: Sender<Question>,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        stalled_after_ms: i64,
    ) -> WorkerHandle {
        WorkerHandle { queries, shared, clock, stalled_after_ms }
    }

    /// Tells the worker to commit, close its tasks and stop.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }

    /// Gives contacts another share of the memory that the options give them, in thousandths. What is over it is written back and thrown out.
    pub fn share_contacts(&self, thousandths: u32) {
        self.shared.contacts_share.store(thousandths, Ordering::Relaxed);
    }

    /// Tells the worker that a topic is gone on which it counts: it writes no more, and ends with what a start would say.
    pub fn lose_topic(&self, lost: LostTopic) {
        *self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(lost);
    }

    /// What the worker says about itself, as of its last step; and whether it is still in one that has lasted too long, which no worker can say of
    /// itself.
    pub fn status(&self) -> WorkerStatus {
        let mut status = self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let step_ms = self.shared.step_ms(self.clock.monotonic_ms());
        status.stalled_ms = (step_ms > self.stalled_after_ms).then_some(step_ms);
        status
    }

    /// Asks for a contact. False where the worker is gone.
    #[must_use]
    pub fn ask(&self, query: Query) -> bool {
        self.queries.send(Question::One(query)).is_ok()
    }

    /// Asks for all contacts. False where the worker is gone.
    #[must_use]
    pub fn ask_all(&self, query: AllQuery) -> bool {
        self.queries.send(Question::All(query)).is_ok()
    }
}

impl<L: Log> Worker<L> {
    /// Answers what was asked, from committed epochs.
    pub(super) fn answer_queries(&mut self) {
        while let Ok(question) = self.queries.try_recv() {
            // Who asked may have given up.
            match question {
                Question::One(query) => {
                    let number = partition_for_key(query.contact.as_bytes(), self.options.tasks);
                    if let Some(task) = self.tasks.get(&number) {
                        self.fold.use_timeline(task.plans.timeline());
                    }
                    let answer = self.answer(&query.contact);
                    let _ = query.reply.send(answer);
                }
                Question::All(AllQuery { visitor, reply }) => {
                    let mut visitor = visitor.lock().unwrap_or_else(PoisonError::into_inner);
                    let _ = reply.send(self.answer_all(&mut *visitor));
                }
            }
        }
    }

    fn answer_all(&mut self, visitor: &mut dyn ContactVisitor) -> AllAnswer {
        let restoring = self.waiting.iter().chain(self.restores.keys());
        let mut tasks: AllAnswer = restoring.map(|task| Err(QueryRefusal::Restoring { task: *task })).collect();
        for task in self.tasks.values_mut() {
            self.fold.use_timeline(task.plans.timeline());
            let rest = task.committed_contacts(&self.fold, visitor);
            tasks.push(rest.map_err(|reason| QueryRefusal::Unavailable { reason }));
        }
        tasks
    }

    fn answer(&self, contact: &str) -> Result<QueryAnswer, QueryRefusal> {
        let number = partition_for_key(contact.as_bytes(), self.options.tasks);
        let Some(task) = self.tasks.get(&number) else {
            let restoring = self.waiting.contains(&number) || self.restores.contains_key(&number);
            return Err(if restoring {
                QueryRefusal::Restoring { task: number }
            } else {
                QueryRefusal::NotOwned { task: number }
            });
        };
        let erased = task.is_blocked(contact);
        let (contact, clock) =
            task.committed_contact(&self.fold, contact).map_err(|reason| QueryRefusal::Unavailable { reason })?;
        Ok(QueryAnswer {
            contact: contact.map(Box::new),
            erased,
            task: number,
            epoch: task.epoch,
            clock,
            timeline: task.plans.timeline().clone(),
        })
    }

    /// Publishes status and gauges.
    pub(super) fn report(&mut self, now_ms: i64) {
        self.show_plans();
        let status = |task: u32, lifecycle, restore| TaskStatus {
            task,
            lifecycle,
            epoch: 0,
            lag: 0,
            plan_set: 0,
            plan_change_pending: false,
            restore,
        };
        let mut tasks: Vec<TaskStatus> =
            self.waiting.iter().map(|task| status(*task, Lifecycle::Created, None)).collect();
        for (number, restore) in &self.restores {
            let progress = restore.progress(now_ms);
            let label = number.to_string();
            let remaining = i64::try_from(progress.remaining).unwrap_or(i64::MAX);
            self.metrics.restore_remaining_records.with_label_values(&[&label]).set(remaining);
            tasks.push(status(*number, Lifecycle::Restoring, Some(progress)));
        }
        for task in self.tasks.values() {
            tasks.push(TaskStatus {
                task: task.id,
                lifecycle: task.lifecycle(),
                epoch: task.epoch,
                lag: task.lag(),
                plan_set: task.plans.ordinal(),
                plan_change_pending: task.sweep.is_pending(),
                restore: None,
            });
            self.report_task(task);
        }
        tasks.sort_by_key(|task| task.task);
        // The gauge is the process's: each worker adds what became of its own share.
        let running = i64::try_from(self.tasks.len()).unwrap_or(i64::MAX);
        self.metrics.running_tasks.add(running - std::mem::replace(&mut self.reported_tasks, running));
        self.shared.set_status(WorkerStatus {
            readiness: self.readiness(),
            waiting_for: self.waiting_for.clone().or_else(|| self.refusals.repeated()),
            stalled_ms: None,
            tasks,
        });
    }

    fn report_task(&self, task: &crate::task::Task) {
        let label = task.id.to_string();
        let (events, bytes) = task.write_back.uncovered();
        let set = |gauges: &prometheus::IntGaugeVec, value: u64| {
            gauges.with_label_values(&[&label]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.metrics.uncovered_events, events);
        set(&self.metrics.uncovered_bytes, bytes);
        set(&self.metrics.dirty_contacts, task.write_back.len() as u64);
        set(&self.metrics.cached_contacts, task.contacts.len() as u64);
        set(&self.metrics.cached_bytes, task.contacts.bytes() as u64);
        set(&self.metrics.lag_records, task.lag());
        set(&self.metrics.plan_set, task.plans.ordinal());
        set(&self.metrics.plan_change_pending, u64::from(task.sweep.is_pending()));
        set(&self.metrics.erased_ids, task.erased_ids() as u64);
        set(&self.metrics.purge_pending, u64::from(task.store.is_unpurged()));
    }

    /// Shows the versions of the newest set, and no others.
    fn show_plans(&mut self) {
        let Some(newest) = self.plans.newest().filter(|newest| newest.ordinal() != self.plans_shown) else { return };
        self.plans_shown = newest.ordinal();
        self.metrics.plans_info.reset();
        for plan in newest.versions() {
            self.metrics.plans_info.with_label_values(&[&plan.id, &plan.version.to_string()]).set(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use leadstream_core::Timestamp;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_step_that_does_not_end_makes_the_worker_count_as_stalled() {
        let clock = ManualClock::at(Timestamp::from_millis(0));
        let shared = Arc::new(Shared::default());
        let handle = WorkerHandle::new(channel().0, Arc::clone(&shared), Arc::new(clock.clone()), 1_000);
        clock.advance(5_000);
        assert_eq!(handle.status().stalled_ms, None, "no step has begun");
        shared.begin_step(clock.monotonic_ms());
        clock.advance(1_000);
        assert_eq!(handle.status().stalled_ms, None);
        clock.advance(1);
        assert_eq!(handle.status().stalled_ms, Some(1_001));
        shared.end_step();
        assert_eq!(handle.status().stalled_ms, None);
    }
}
