//! Everything that is known of one contact, in one value: history inside the horizon, the state folded from it, the ledger of what was
//! booked, and what was announced.
//!
//! `base` is the complete fold state of what left the horizon (S6); `state` is `base` folded over `rows` up to the last step. Between commands
//! `state` is always that fold, `ledger` holds exactly the bookings made by it after the base, and `announced` equals the levels of `state`.
//! Only the fold changes a contact; the stored form of it belongs to another crate.

mod announced;
mod ledger;
mod rows;
mod state;
mod words;

use std::sync::Arc;

pub use announced::{Announced, Level, SubjectId, SubjectState};
pub use ledger::{Cause, Contribution, Dimension, Ledger, LimitReason, RuleIndex, RuleName, RuleTable};
pub use rows::{Row, RowParts, RowProperties, Rows};
pub use state::{
    Attribute, AttributeValue, FactStatistics, FitPoints, OnceKey, PlanState, QualifyState, RollingBooking, RuleState,
    StageState, State, TagState,
};
pub use words::{WordId, Words};

use crate::fold::FactCaches;
use crate::id::Uid;
use crate::time::Timestamp;

/// One contact.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// The contact's id: the key of its records.
    pub id: Arc<str>,
    /// The words that rows use: types, sources, property names.
    pub words: Words,
    /// Accepted events inside the horizon, in S3 order.
    pub rows: Rows,
    /// What left the horizon, folded for good; `None` while nothing has.
    pub base: Option<Box<Base>>,
    /// The fold of `base` and `rows` up to the last step.
    pub state: State,
    /// Rules that booked, by index.
    pub rules: RuleTable,
    /// What was booked after the base.
    pub ledger: Ledger,
    /// What was told to the world.
    pub announced: Announced,
    /// When the next timer is due; `None`: never. Follows from `state` and the plans in force.
    pub next_due: Option<Timestamp>,
    /// Rises whenever something other than appending happened to rows, words, rules or ledger, or the base changed.
    pub rewrites: u32,
    /// Remembered answers of count() and ever(); never stored.
    pub facts: FactCaches,
}

/// The fold state of the rows that left, and where they end.
#[derive(Clone, Debug)]
pub struct Base {
    /// The order of the newest departed row (S6): what is ordered at or before it is too late.
    pub boundary: (Timestamp, Uid),
    /// The complete state after it.
    pub state: State,
}

/// What takes a contact back to an earlier moment within one epoch, while nothing was rewritten in between.
#[derive(Clone, Debug)]
pub struct Savepoint {
    state: State,
    announced: Announced,
    next_due: Option<Timestamp>,
    rewrites: u32,
    rows: usize,
    words: usize,
    rules: usize,
    ledger: usize,
}

impl Contact {
    /// A contact of which nothing is known.
    pub fn new(id: &str) -> Contact {
        Contact { id: Arc::from(id), ..Contact::default() }
    }

    /// Whether nothing is known of the contact.
    pub fn is_blank(&self) -> bool {
        self.rows.is_empty() && self.base.is_none()
    }

    /// The score that a contribution of the contact counts in.
    pub fn dimension_of(&self, contribution: &Contribution) -> Option<&Dimension> {
        self.rules.get(contribution.rule).map(|rule| &rule.dimension)
    }

    /// Remembers the present moment: a copy of the state and the lengths of what only grows.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            state: self.state.clone(),
            announced: self.announced.clone(),
            next_due: self.next_due,
            rewrites: self.rewrites,
            rows: self.rows.len(),
            words: self.words.len(),
            rules: self.rules.len(),
            ledger: self.ledger.len(),
        }
    }

    /// Goes back to a savepoint. Returns false, and changes nothing, where rows in the past were changed since: then only a whole copy
    /// taken before ([`crate::Fold::rewrites`] tells when) can take the contact back.
    #[must_use]
    pub fn undo(&mut self, savepoint: Savepoint) -> bool {
        if savepoint.rewrites != self.rewrites {
            return false;
        }
        self.state = savepoint.state;
        self.announced = savepoint.announced;
        self.next_due = savepoint.next_due;
        self.rows.truncate(savepoint.rows);
        self.words.truncate(savepoint.words);
        self.rules.truncate(savepoint.rules);
        self.ledger.truncate(savepoint.ledger);
        self.facts.clear();
        true
    }

    /// About how many bytes of memory the contact holds.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Contact>()
            + self.words.memory_bytes()
            + self.rows.memory_bytes()
            + self.state.memory_bytes()
            + self.base.as_ref().map_or(0, |base| size_of::<Base>() + base.state.memory_bytes())
            + self.rules.memory_bytes()
            + self.ledger.memory_bytes()
            + self.announced.memory_bytes()
            + self.facts.memory_bytes()
    }
}
