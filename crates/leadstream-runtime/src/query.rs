//! Questions about contacts, answered by the worker that owns them, from committed epochs only.

use std::sync::mpsc::Sender;

use leadstream_core::{Contact, Timeline, Timestamp};

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
