//! Membership of a consumer group: which tasks this worker owns.
//!
//! A member subscribes to one quiet topic, whose partitions stand for the tasks and are never read through it: a cooperative assignor deals
//! partitions topic by topic and would tear the inputs of a task apart. Rebalance is recorded and handed to the worker's loop; nothing is
//! called back.

use std::fmt::Debug;
use std::time::Duration;

use super::LogError;

/// How to join a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipOptions {
    /// The consumer group.
    pub group: String,
    /// The quiet topic whose partitions are the tasks.
    pub topic: String,
    /// Static identity of this member in the group, the same after a restart. Two processes with one id fence each other.
    pub instance_id: String,
}

/// A change of the tasks owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembershipEvent {
    /// These tasks were added, possibly none. [`Membership::token`] is fresh: the group may have a new generation even where nothing was added.
    Assigned {
        /// Task numbers, ascending.
        tasks: Vec<u32>,
    },
    /// These tasks are taken away. They belong to nobody else before [`Membership::release`] names them.
    Revoked {
        /// Task numbers, ascending.
        tasks: Vec<u32>,
        /// False: commit the open epoch with a now fetched token, close the tasks, then release. True: the group has given them to others
        /// already: abort, drop them, release; [`Membership::token`] is `None` until the next assignment.
        lost: bool,
    },
}

/// A member of a consumer group, owned by one worker. Dropping it never hangs; a static member that is dropped keeps its tasks in the
/// group's eyes until the session times out, so that a quick restart gets them back without a rebalance.
pub trait Membership: Send {
    /// Proof of ownership for [`Producer::commit`](super::Producer::commit).
    type Token: Clone + Debug + Send + Sync + 'static;

    /// Serves the membership and returns the next change, waiting for at most `timeout`. A worker calls this in each round of its
    /// loop, however busy it is: a member that does not poll for minutes is expelled. While a `Revoked` event is unanswered no other event is
    /// delivered, except the same tasks again with `lost`.
    ///
    /// # Errors
    /// [`LogError::Fenced`] where another member took the instance id, [`LogError::Fatal`] for a missing topic or right. A cluster that cannot
    /// be reached is not an error here: the call returns `None`.
    fn poll(&mut self, timeout: Duration) -> Result<Option<MembershipEvent>, LogError>;

    /// Answers a `Revoked` event: these tasks are committed and closed, others may have them. All tasks of the event in one call.
    ///
    /// # Errors
    /// [`LogError::Fatal`] for tasks that are not being revoked.
    fn release(&mut self, tasks: &[u32]) -> Result<(), LogError>;

    /// Proof of ownership as of the last event that [`poll`](Self::poll) returned; `None` before the first assignment and after a loss. Take
    /// it for each commit; never keep it over an event.
    fn token(&self) -> Option<Self::Token>;
}
