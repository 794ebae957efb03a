//! How points lose their worth with age (S20), and sums of them that are exact at every instant (S21).
//!
//! Only whole numbers: a score is the same on every machine (L9). A sum without decay is one number.

mod group;
mod reach;
mod share;
mod sum;
mod tables;

use std::sync::Arc;

use crate::time::Span;

pub use group::{Group, Part, Worth};
pub use share::Exact;
pub use sum::Sum;

/// How the points of a booking lose their worth, fixed when they are booked (S20).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// Not at all.
    #[default]
    None,
    /// By half in each such span, continuously.
    HalfLife(Span),
    /// Evenly, to nothing after the span.
    Linear(Span),
    /// In steps: from each age on so many percent are kept; ages rise and percents fall.
    Steps(Arc<[Step]>),
}

/// One step of [`Decay::Steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From this age on.
    pub age: Span,
    /// What is kept of the points, in thousandths of a percent: 0 to [`Step::ALL`].
    pub keep: u32,
}

impl Step {
    /// All of the points, in thousandths of a percent.
    pub const ALL: u32 = 100_000;
}

impl Decay {
    /// Everything at once, after a span.
    pub fn expire(after: Span) -> Decay {
        Decay::Steps(Arc::new([Step { age: after, keep: 0 }]))
    }
}
