//! Questions about contacts, answered by the worker that owns them, from committed epochs only.

use std::collections::HashSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use leadstream_core::{Contact, Fold, Timeline, Timestamp};
use leadstream_store::{Scan, ScanStep};

use crate::task::decode_entry;

/// A question. The answer comes within a step of the worker's loop.
#[derive(Debug)]
pub struct Query {
    /// Whose state is asked for.
    pub contact: String,
    /// Where the answer goes; a receiver that is gone is no error.
    pub reply: Sender<Result<QueryAnswer, QueryRefusal>>,
}

/// The committed state of a contact.
#[derive(Clone, Debug)]
pub struct QueryAnswer {
    /// The contact; `None` where nothing is known of it.
    pub contact: Option<Box<Contact>>,
    /// Its id was erased, and nothing of it is taken (S52).
    pub erased: bool,
    /// The task that owns it.
    pub task: u32,
    /// The task's last committed epoch.
    pub epoch: u64,
    /// The instant as of which the answer holds: the task's clock, or its clock at that epoch where the contact has been changed since.
    pub clock: Timestamp,
    /// The plan sets that the task has been under.
    pub timeline: Timeline,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryRefusal {
    /// Another worker owns the contact's task.
    NotOwned {
        /// The task.
        task: u32,
    },
    /// The task is being restored: ask again soon.
    Restoring {
        /// The task.
        task: u32,
    },
    /// The contact cannot be read at the moment: ask again soon.
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Looks at contacts, one after the other in no order, each once.
pub trait ContactVisitor: Send {
    /// Looks at a contact as of a task's last committed epoch, when its clock said `clock`. The fold has the task's plans.
    fn visit(&mut self, fold: &Fold, contact: &Contact, clock: Timestamp);
}

/// A question about all contacts of a worker's tasks. The worker lets the visitor look at those that are in memory only, within a step of its loop;
/// the rest is left to whoever asked, as a scan of each store.
pub struct AllQuery {
    /// Who looks.
    pub visitor: Arc<Mutex<dyn ContactVisitor>>,
    /// Where the answer goes; a receiver that is gone is no error.
    pub reply: Sender<AllAnswer>,
}

/// What is left to be looked at: a task each, or why there is nothing of it.
pub type AllAnswer = Vec<Result<TaskContacts, QueryRefusal>>;

/// The contacts of a task as of its last committed epoch, but for those that the visitor has seen.
pub struct TaskContacts {
    /// The task.
    pub task: u32,
    /// Its last committed epoch.
    pub epoch: u64,
    /// Its clock at that epoch.
    pub clock: Timestamp,
    /// The plan sets that the task has been under.
    pub timeline: Timeline,
    /// Contacts that differ from what the store has of them.
    pub(crate) seen: HashSet<Arc<str>>,
    pub(crate) scan: Scan,
}

impl TaskContacts {
    /// Has the visitor look at so many more contacts. True once it has seen all. `fold` must have the task's timeline.
    ///
    /// # Errors
    /// [`QueryRefusal::Unavailable`] where the store cannot be read, or has been closed because the task has moved.
    pub fn step(&self, limit: usize, fold: &Fold, visitor: &mut dyn ContactVisitor) -> Result<bool, QueryRefusal> {
        let mut unreadable = None;
        let step = self.scan.step(limit, |id, value| {
            if self.seen.contains(id) {
                return;
            }
            match decode_entry(fold, id, value) {
                Ok(entry) if entry.contact.is_blank() => {}
                Ok(entry) => visitor.visit(fold, &entry.contact, self.clock),
                Err(error) => unreadable = unreadable.take().or(Some(error)),
            }
        });
        let unavailable = |reason: String| Err(QueryRefusal::Unavailable { reason });
        match (step, unreadable) {
            (Err(error), _) => unavailable(error.to_string()),
            (_, Some(error)) => unavailable(format!("a contact of task {} cannot be read: {error}", self.task)),
            (Ok(ScanStep::Ended), _) => unavailable(format!("task {} has been given to another worker", self.task)),
            (Ok(step), None) => Ok(step == ScanStep::Done),
        }
    }
}

/// What other threads ask a worker.
pub(crate) enum Question {
    One(Query),
    All(AllQuery),
}
