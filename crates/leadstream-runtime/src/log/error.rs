//! The errors of a log, named by what the caller does about them.
//!
//! Owns the classes; an implementation maps each code of its client onto one of them, and onto [`LogError::UnknownOutcome`] or
//! [`LogError::Fatal`] where it does not know a code.

use thiserror::Error;

use super::TopicIndex;

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The operation in words, such as "commit transaction".
    pub operation: &'static str,
    /// The reason as the log gave it.
    pub reason: String,
}

impl Failure {
    /// A failure of `operation` for `reason`.
    pub fn new(operation: &'static str, reason: impl Into<String>) -> Self {
        Self { operation, reason: reason.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.operation, self.reason)
    }
}

/// An error of a log. Which call may return which class is said at the call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// Nothing happened: make the same call with the same arguments again, after serving the membership.
    #[error("{0} (can be repeated)")]
    Retry(Failure),
    /// The open transaction cannot be committed. Call [`abort`](super::Producer::abort), undo the epoch, go on from its start. The tasks
    /// stay.
    #[error("{0} (the transaction must be aborted)")]
    AbortAndRewind(Failure),
    /// The token is outdated: the group has moved on, has lost this member, or has let in another one under its instance id, which may be this one
    /// itself, joining anew. Call [`abort`](super::Producer::abort), undo the epoch, and begin no transaction before
    /// [`Membership::poll`](super::Membership::poll) has said which tasks are still owned.
    #[error("{0} (the membership is outdated)")]
    AbortAndAwaitAssignment(Failure),
    /// It is not known whether the transaction was committed. Call [`reopen`](super::Producer::reopen), which settles it, and look at the end of
    /// the task's redo partition: the epoch is there (publish it) or not (undo it). Never call abort, never use the producer before reopening.
    #[error("{0} (the outcome is unknown)")]
    UnknownOutcome(Failure),
    /// Another process has taken this worker's identity (instance id or transactional id). Drop all tasks without writing; a new attempt under
    /// the same identity would fence the other one in turn.
    #[error("{0} (another process uses the same identity)")]
    Fenced(Failure),
    /// A record came to lie before an earlier one of its partition, so that this is another log than the earlier one was written to: the topic was
    /// deleted and created again, or its end was cut off. Only for the topics that
    /// [`state_topics`](super::ProducerOptions::state_topics) says. Nothing of the transaction is committed: call
    /// [`abort`](super::Producer::abort), write no more, stop and tell a person.
    #[error("{failure}")]
    Replaced {
        /// Which of the producer's topics.
        topic: TopicIndex,
        /// The partition.
        partition: u32,
        /// What was seen.
        failure: Failure,
    },
    /// A repetition does not help: stop and tell a person.
    #[error("{0}")]
    Fatal(Failure),
}

impl LogError {
    /// What went wrong, whatever the class.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Retry(failure)
            | Self::AbortAndRewind(failure)
            | Self::AbortAndAwaitAssignment(failure)
            | Self::UnknownOutcome(failure)
            | Self::Fenced(failure)
            | Self::Replaced { failure, .. }
            | Self::Fatal(failure) => failure,
        }
    }
}
