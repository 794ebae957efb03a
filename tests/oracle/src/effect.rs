//! What commands lead to, how they go on, and why they are refused (L5, S40, S46).
//!
//! Owns the types only; [`crate::Oracle`] carries commands out.

use serde::{Deserialize, Serialize};

use crate::derived::DerivedEvent;
use crate::loading::PlanError;

/// What became of an event (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A rule fired, or the event changed attributes or tags.
    Applied,
    /// Known already. A copy with a lesser content replaces what was folded and is counted so all the same.
    Duplicate,
    /// Accepted, and no rule fired.
    Unmatched,
    /// Accepted, and ignored for its verdict by every plan in force.
    Suppressed,
    /// Before the rows that departed, or before the horizon.
    TooLate,
    /// For an id that was erased (S52).
    Erased,
    /// Refused: it names an id that was erased, or makes a contact of too many ids (S48).
    DeadLetter,
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// What became of the event; none for other commands.
    pub outcome: Option<Outcome>,
    /// The derived events, in order.
    pub derived: Vec<DerivedEvent>,
}

/// Why a change of plans is refused.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// A plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The change would begin before the task clock or not after the change before it.
    #[error("a change at {from} is not after what was decided")]
    TooEarly {
        /// The instant of the change.
        from: i64,
    },
}

/// Whether a recompute tells what it corrects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// By derived events.
    #[default]
    Events,
    /// Not at all: the levels announced move in silence.
    Silent,
}

/// How a command goes on from what was announced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It takes new steps, whose edges are emitted.
    Steps,
    /// It folds anew in silence and reconciles.
    Anew { silently: bool, late: bool },
}

impl Pace {
    pub(crate) const LATE: Pace = Pace::Anew { silently: false, late: true };

    pub(crate) fn of(late: bool) -> Pace {
        if late { Pace::LATE } else { Pace::Steps }
    }
}
