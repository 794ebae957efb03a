//! The pure heart of Leadstream: events, contact state, the fold, the ledger, timers and derived events.
//!
//! Nothing here does I/O, reads a clock, draws a random number or runs asynchronously; the state of a contact is a function of its set of
//! events, the plans in force and the instants it is told (L1, L7).

#![deny(clippy::iter_over_hash_type, reason = "its order is another one in each process, and results must not be")]

pub mod canonical;
pub mod contact;
pub mod decay;
pub mod derived;
mod erasure;
pub mod event;
pub mod explain;
pub mod expr;
pub mod fold;
pub mod id;
pub mod identity;
pub mod plan;
pub mod points;
mod published;
mod scores;
pub mod time;
mod timeline;
mod valued;
mod word;

pub use contact::Contact;
pub use derived::DerivedEvent;
pub use erasure::{ErasureKey, erased, numbers_behind, reinstated_from};
pub use event::{Event, EventKind, Properties, Term, Value, Verdict};
pub use fold::{
    BOOKING_BYTES, Bound, FailedPart, Fault, Finding, Fold, Found, HistoryLimits, Met, Outcome, Part, Past, Reached,
    STATE_BYTES_MAX, Sight,
};
pub use id::{Hash, Hasher, Name, PlanVersion, Uid};
pub use points::Points;
pub use published::{PUBLISHED_NAMES, published_type};
pub use time::{Span, Timestamp};
pub use timeline::{InForce, Recompute, Timeline, View};
pub use word::{WORDS_MAX, Word};
