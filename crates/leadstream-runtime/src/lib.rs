//! Tasks, commit protocol, timers, restore, and the log they stand on.
//!
//! A [`Worker`] is one thread's loop: it owns tasks, reads their inputs, folds events into contacts and commits what follows in transactions of the
//! [`log`]. It names no client library, knows no format of events and starts no thread: what reads and writes bytes is plugged in
//! ([`InputDecoder`], [`OutputEncoder`]), what tells the time as well ([`Clock`]), so that a simulation drives it step by step.

mod clock;
mod codec;
mod error;
pub mod log;
pub mod metrics;
mod options;
mod output;
mod plans;
mod query;
mod restore;
mod status;
mod task;
mod worker;

pub use clock::{Clock, ManualClock, SystemClock};
pub use codec::{DeadLetter, Decoded, EventBatch, InputDecoder, OutputEncoder, Watermark};
pub use error::WorkerError;
pub use options::{
    ClockMode, EpochLimits, InputKind, InputOptions, StartPosition, Topics, WorkerOptions, WriteBackLimits,
};
pub use output::{OutputBuffer, OutputTopic};
pub use plans::{
    NumberedPlans, PlanBook, PlanCompiler, PlansError, PlansInForce, PlansTopic, Registrant, Registration,
    UnreadablePlans,
};
pub use query::{AllAnswer, AllQuery, ContactVisitor, Query, QueryAnswer, QueryRefusal, TaskContacts};
pub use status::{Readiness, RestoreProgress, TaskStatus, WorkerStatus};
pub use task::Lifecycle;
pub use worker::{LostTopic, StepOutcome, Worker, WorkerHandle};
