//! What a task may be doing, and what it may do next.

/// The states of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// Owned, nothing done yet.
    Created,
    /// Reading changelog and redo.
    Restoring,
    /// Folding and committing.
    Running,
    /// Being taken away: nothing is folded any more, the last epoch is committed.
    Suspended,
    /// Its store is closed; it does nothing any more.
    Closed,
}

impl Lifecycle {
    /// Whether a task in this state may go on to `next`. A running task whose memory cannot be trusted after a failed commit is restored anew.
    pub fn may_become(self, next: Lifecycle) -> bool {
        use Lifecycle::{Closed, Created, Restoring, Running, Suspended};
        matches!(
            (self, next),
            (Created, Restoring | Closed)
                | (Restoring, Running | Closed)
                | (Running, Suspended | Restoring | Closed)
                | (Suspended, Closed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Lifecycle::{self, Closed, Created, Restoring, Running, Suspended};

    #[test]
    fn a_task_never_folds_before_it_is_restored_nor_after_it_was_suspended() {
        let all = [Created, Restoring, Running, Suspended, Closed];
        let into = |next: Lifecycle| all.into_iter().filter(|state| state.may_become(next)).collect::<Vec<_>>();
        assert_eq!(into(Running), [Restoring]);
        assert_eq!(into(Created), []);
        assert_eq!(into(Suspended), [Running]);
        assert_eq!(into(Restoring), [Created, Running]);
        assert_eq!(into(Closed), [Created, Restoring, Running, Suspended]);
    }
}
