//! Plan sets in force: where they are kept, who learns of them, and which one each task is under since when (S45).
//!
//! The topic of plans is the source of truth ([`PlansTopic`]). What was read of it stands compiled in a [`PlanBook`], which the workers of a process
//! share. A task takes up the newest set in an epoch of its own and remembers since when it is under which set ([`TaskPlans`]). Nothing here
//! reads plan files: what compiles texts is plugged in ([`PlanCompiler`]).

mod book;
mod task_plans;
mod topic;

use std::sync::Arc;

use leadstream_core::plan::PlanSet;
use leadstream_core::{HistoryLimits, Timeline};

pub use self::book::{NumberedPlans, PlanBook};
pub(crate) use self::task_plans::TaskPlans;
pub use self::topic::{PlanCompiler, PlansError, PlansTopic, Registrant, Registration, UnreadablePlans};

/// The plan sets that a worker goes by.
#[derive(Clone, Debug)]
pub struct PlansInForce {
    /// The sets; the newest is in force.
    pub book: PlanBook,
    /// How much history a contact keeps.
    pub history: HistoryLimits,
}

impl PlansInForce {
    /// One set, number 1.
    pub fn only(plans: Arc<PlanSet>, history: HistoryLimits) -> PlansInForce {
        let book = PlanBook::default();
        book.add(NumberedPlans::of(1, plans));
        PlansInForce { book, history }
    }

    /// The oldest set, in force from the beginning: what a task is under that has seen no change. `None` where the book is empty.
    pub fn from_the_beginning(&self) -> Option<Timeline> {
        Some(Timeline::new(Arc::clone(self.book.oldest()?.plans())))
    }
}
