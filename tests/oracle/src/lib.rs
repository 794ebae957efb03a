//! The oracle of the scoring semantics: short, slow and obviously right.
//!
//! Owns a second implementation of the clauses S1 to S60 that decide scores, ledgers and derived events, written from the semantics and
//! never from the fold. It folds a contact's whole history from the beginning for each command and adds up every score from its
//! bookings each time it is read; no increments, no caches. What the semantics leave open is decided in `DECISIONS.md` beside it.
//!
//! Covered: S1 to S48 and S50 to S60 as far as scores, ledgers and derived events need them; the bounds of S58 that generators never reach are
//! not modelled. Several contacts with merging, splitting and erasing are [`Contacts`], which refuses the bases of S49.
//!
//! A fold is compared with it command by command: both take the commands of a [`case::Case`], and then [`Effect`] (outcome, derived events),
//! [`Scorecard`], [`LedgerRecord`]s, the lines of [`Reading::explain`] and the announced levels must be equal. A case prints as the JSON it is
//! kept in.
//!
//! ```
//! use leadstream_oracle::{Oracle, OracleEvent};
//!
//! let plan = "plan: cars\nrules: [{ id: visit, on: page_viewed, points: 60 }]\nqualify: { at: 100 }\n";
//! let mut oracle = Oracle::new("c1", &[plan])?;
//! assert!(oracle.event(&OracleEvent::new("1", 0, "page_viewed")).derived.is_empty());
//! let effect = oracle.event(&OracleEvent::new("2", 1_000, "page_viewed"));
//! assert_eq!(effect.derived[0].id, leadstream_oracle::derived_id("c1", "cars", "qualify", 1));
//! assert_eq!(oracle.scorecard().plans["cars"].score, 120_000);
//! # Ok::<(), leadstream_oracle::PlanError>(())
//! ```
//!
//! Invariants: no clock, no randomness, no floating point in state; the result of a fold depends on the set of events, the plans and the
//! instant only.

pub mod calendar;
pub mod case;
pub mod condition;
pub mod generate;
pub mod number;

mod bands;
mod check;
mod compound;
mod contacts;
mod crm;
mod decay;
mod derived;
mod edge;
mod effect;
mod event;
mod firing;
mod fold;
mod half_life;
mod holds;
mod identity;
mod levels;
mod limits;
mod links;
mod loading;
mod loading_levels;
mod oracle;
mod plan;
mod reconcile;
mod scope;
mod scorecard;
mod scores;
mod spelling;
mod stages;
mod state;
mod tagging;
mod timeline;
mod timers;
mod versions;
mod windows;

pub use contacts::Contacts;
pub use decay::{Decay, KEEP_ALL};
pub use derived::{DerivedEvent, derived_id};
pub use edge::{DerivedType, Level};
pub use effect::{Announce, Effect, ForwardError, Outcome};
pub use event::{Kind, OracleEvent, Row, Scalar, Uid, Verdict, canonical, hash, hex, length_prefixed};
pub use identity::{ContactCommand, ContactsEffect, IdentityError};
pub use limits::{DAY_MS, Limits};
pub use links::{Link, LinkRecord};
pub use loading::PlanError;
pub use oracle::Oracle;
pub use plan::Plan;
pub use scorecard::{LedgerRecord, LevelCard, PlanCard, Reading, Scorecard, TagCard};
pub use scores::{Contribution, LineKind};
pub use state::{Cause, Cut, TimerKind};
