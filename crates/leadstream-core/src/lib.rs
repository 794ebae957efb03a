//! The pure heart of Leadstream: events, contact state, the fold, the ledger, timers and derived events.
//!
//! Nothing here does I/O, reads a clock, draws a random number or runs asynchronously; the state of a contact is a function of its set of
//! events, the plans in force and the instants it is told (L1, L7).

pub mod event;
pub mod expr;
pub mod id;
pub mod plan;
pub mod points;
pub mod time;

pub use event::{Event, EventKind, Properties, Term, Value, Verdict};
pub use id::{Hash, Hasher, Name, PlanVersion, Uid};
pub use points::Points;
pub use time::{Span, Timestamp};
