//! Commits that fail again and again: one that fails passes by itself, one that always does is for a person.
//!
//! Owns how often each task's epoch has failed since it last got on. Decides nothing about the epoch, which is folded again in any case.

use std::collections::BTreeMap;

/// So many failures in a row are no accident: whatever passes by itself, such as a rebalance or a leader that moves, has passed by then.
const REPEATED: u32 = 5;
/// Pause between two attempts from then on.
const PAUSE_MS: i64 = 1_000;
/// Between two times that it is said again: every so many failures.
const SAID_EVERY: u32 = 60;

/// How often epochs have failed.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    tasks: BTreeMap<u32, Refused>,
}

#[derive(Debug)]
struct Refused {
    times: u32,
    /// Whether the epoch took anything in; otherwise it only wrote contacts back.
    gets_on: bool,
    reason: String,
}

impl Refusals {
    /// The epoch of a task has failed. Returns how long to wait before the next attempt, where it does so again and again.
    pub(super) fn failed(&mut self, task: u32, gets_on: bool, reason: &str) -> Option<i64> {
        let refused = self.tasks.entry(task).or_insert_with(|| Refused { times: 0, gets_on, reason: String::new() });
        refused.times += 1;
        refused.gets_on |= gets_on;
        refused.reason.clear();
        refused.reason.push_str(reason);
        let times = refused.times;
        if times >= REPEATED && (times - REPEATED).is_multiple_of(SAID_EVERY) {
            tracing::error!(
                task,
                times,
                reason,
                "the same epoch fails again and again; nothing of the task is scored until the cause is gone"
            );
        }
        (times >= REPEATED).then_some(PAUSE_MS)
    }

    /// An epoch of a task was committed. One that only wrote contacts back says nothing of an input that nobody can take.
    pub(super) fn committed(&mut self, task: u32, gets_on: bool) {
        if self.tasks.get(&task).is_some_and(|refused| gets_on || !refused.gets_on) {
            self.forget(task);
        }
    }

    /// A task has got on, or is no longer here.
    pub(super) fn forget(&mut self, task: u32) {
        if self.tasks.remove(&task).is_some_and(|refused| refused.times >= REPEATED) {
            tracing::info!(task, "the epoch that failed was committed, or went to another owner");
        }
    }

    /// What keeps failing, for whoever looks.
    pub(super) fn repeated(&self) -> Option<String> {
        let (task, refused) = self.tasks.iter().find(|(_, refused)| refused.times >= REPEATED)?;
        Some(format!("the epoch of task {task} has failed {} times in a row: {}", refused.times, refused.reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_once_is_nobodys_business_and_what_always_fails_is_told_until_it_gets_on() {
        let mut refusals = Refusals::default();
        for _ in 1..REPEATED {
            assert_eq!(refusals.failed(3, true, "moved"), None);
        }
        assert_eq!(refusals.repeated(), None);
        assert_eq!(refusals.failed(3, true, "too large"), Some(PAUSE_MS));
        let told = refusals.repeated().unwrap();
        assert_eq!(told, "the epoch of task 3 has failed 5 times in a row: too large");
        // Another task that gets on says nothing about this one.
        refusals.committed(4, true);
        refusals.committed(3, false);
        assert!(refusals.repeated().is_some());
        refusals.committed(3, true);
        assert_eq!((refusals.repeated(), refusals.failed(3, false, "moved")), (None, None));
        refusals.committed(3, false);
        assert!(refusals.tasks.is_empty());
    }
}
