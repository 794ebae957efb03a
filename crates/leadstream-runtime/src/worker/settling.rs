//! A commit whose outcome is unknown: the producer is opened anew, which settles the transaction, and the group's offsets, which committed with
//! it or not at all, tell which way. Nothing is folded meanwhile.

use super::{Phase, Worker};
use crate::error::WorkerError;
use crate::log::{Log, Producer, TopicPartition};
use crate::task::metadata::CommitMetadata;

/// What is being found out.
#[derive(Debug)]
pub(super) struct Settling {
    tasks: Vec<u32>,
    reopened: bool,
    /// The commit had failed before for an outdated token.
    awaits_assignment: bool,
}

impl Settling {
    /// The membership has spoken meanwhile.
    pub(super) fn assignment_came(&mut self) {
        self.awaits_assignment = false;
    }

    /// A task was lost; its outcome does not matter any more.
    pub(super) fn forget(&mut self, task: u32) {
        self.tasks.retain(|number| *number != task);
    }
}

/// What became of a task's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Committed,
    Aborted,
    /// Somebody else has committed since.
    Foreign,
}

impl<L: Log> Worker<L> {
    pub(super) fn begin_settling(&mut self, tasks: Vec<u32>, awaits_assignment: bool) {
        self.phase = Phase::Settling(Settling { tasks, reopened: false, awaits_assignment });
    }

    /// Goes on finding out. The phase changes when it is known.
    pub(super) fn settle(&mut self, now_ms: i64) -> Result<(), WorkerError> {
        let Phase::Settling(settling) = &mut self.phase else { return Ok(()) };
        if !settling.reopened {
            let Some(producer) = &mut self.producer else { return Ok(()) };
            if let Err(error) = producer.reopen() {
                return self.wait_or_stop(error, now_ms);
            }
            settling.reopened = true;
        }
        let numbers = settling.tasks.clone();
        let awaits_assignment = settling.awaits_assignment;
        let mut names = Vec::new();
        let mut known = Vec::new();
        for number in &numbers {
            let Some(task) = self.tasks.get(number) else { continue };
            let Some(queue) = task.inputs.first() else { continue };
            names.push(TopicPartition::new(&self.options.inputs[queue.input].topic, queue.partition));
            known.push(*number);
        }
        let committed = match self.log.committed(&self.options.group, &names) {
            Ok(committed) => committed,
            Err(error) => return self.wait_or_stop(error, now_ms),
        };
        self.reached();
        self.phase = if awaits_assignment { Phase::AwaitingAssignment } else { Phase::Active };
        for (number, committed) in known.iter().zip(committed) {
            let metadata = committed.map(|committed| committed.metadata).unwrap_or_default();
            let fate = self.fate(*number, &metadata);
            tracing::info!(task = *number, ?fate, "the outcome of a commit is known");
            match fate {
                Fate::Committed => self.publish(&[*number], None, now_ms)?,
                Fate::Aborted => self.undo(&[*number])?,
                Fate::Foreign => {
                    self.drop_task(*number)?;
                    self.waiting.insert(*number);
                }
            }
        }
        Ok(())
    }

    fn fate(&self, number: u32, metadata: &str) -> Fate {
        let epoch = self.tasks.get(&number).map_or(0, |task| task.epoch);
        Fate::of(epoch, self.options.writer, CommitMetadata::read(metadata))
    }
}

impl Fate {
    /// What became of the epoch after `epoch`, the last one known to be committed, by what stands beside the committed offsets.
    fn of(epoch: u64, writer: u64, found: Option<CommitMetadata>) -> Fate {
        match found {
            Some(found) if found.epoch == epoch + 1 && found.writer == writer => Fate::Committed,
            Some(found) if found.epoch > epoch => Fate::Foreign,
            _ => Fate::Aborted,
        }
    }
}

#[cfg(test)]
mod tests {
    use leadstream_core::Timestamp;

    use super::*;

    #[test]
    fn an_epoch_is_committed_only_by_its_writer_and_aborted_only_where_nobody_went_on() {
        let fate = |epoch, writer| Fate::of(7, 3, Some(CommitMetadata { epoch, writer, stream: Timestamp::MIN }));
        assert_eq!(fate(8, 3), Fate::Committed);
        assert_eq!(fate(7, 3), Fate::Aborted);
        // What an earlier owner committed last, when this one had not committed yet.
        assert_eq!(fate(7, 2), Fate::Aborted);
        assert_eq!(Fate::of(7, 3, None), Fate::Aborted);
        // Whoever took the task over has gone on from the same epoch, or is further.
        assert_eq!(fate(8, 4), Fate::Foreign);
        assert_eq!(fate(9, 4), Fate::Foreign);
        assert_eq!(fate(9, 3), Fate::Foreign);
    }
}
