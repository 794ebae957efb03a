//! What a worker says about itself to health checks and people.

use crate::task::Lifecycle;

/// Whether a worker does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Readiness {
    /// It has not joined the group yet.
    #[default]
    Joining,
    /// It owns tasks that are being restored.
    Restoring,
    /// It scores; or owns nothing at the moment and would.
    Ready,
    /// The cluster does not answer; it waits.
    Waiting,
    /// What it does cannot be committed, again and again.
    Failing,
    /// It was told to stop.
    Stopping,
    /// It has stopped.
    Stopped,
}

/// How far a restore is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreProgress {
    /// Changelog and redo records read.
    pub records: u64,
    /// Offsets still to read, transaction markers included.
    pub remaining: u64,
    /// Milliseconds since it began.
    pub elapsed_ms: i64,
}

impl RestoreProgress {
    /// Records per second so far.
    pub fn rate_per_second(&self) -> u64 {
        self.records * 1_000 / u64::try_from(self.elapsed_ms).unwrap_or(0).max(1)
    }

    /// Milliseconds until it is done at the present rate; `None` before there is one.
    pub fn remaining_ms(&self) -> Option<u64> {
        let rate = self.rate_per_second();
        (rate > 0).then(|| self.remaining * 1_000 / rate)
    }
}

/// What is known of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    /// The task.
    pub task: u32,
    /// What it is doing.
    pub lifecycle: Lifecycle,
    /// Its last committed epoch.
    pub epoch: u64,
    /// Offsets of input still to read, as far as known.
    pub lag: u64,
    /// The number of the plan set that it is under; 0 before it is known.
    pub plan_set: u64,
    /// Contacts may still have to take that set up.
    pub plan_change_pending: bool,
    /// Present while it is restored.
    pub restore: Option<RestoreProgress>,
}

/// What is known of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Whether it does its work.
    pub readiness: Readiness,
    /// Why it waits or fails, where it does.
    pub waiting_for: Option<String>,
    /// For how long its present step has lasted, in milliseconds, where that is longer than a step may last: a call that does not come back.
    /// Everything else is as of the last report before it.
    pub stalled_ms: Option<i64>,
    /// Its tasks.
    pub tasks: Vec<TaskStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_tells_its_rate_and_the_time_that_is_left() {
        let progress = RestoreProgress { records: 5_000, remaining: 20_000, elapsed_ms: 500 };
        assert_eq!(progress.rate_per_second(), 10_000);
        assert_eq!(progress.remaining_ms(), Some(2_000));
        assert_eq!(RestoreProgress { remaining: 9, ..RestoreProgress::default() }.remaining_ms(), None);
    }
}
