//! The tests that an author writes into a plan: what happens to one contact, and what is to come of it.
//!
//! Owns what a test says ([`Example`]), running it through the fold with its plan alone in force ([`Example::run`]), and showing what came of it
//! ([`Trial::render`]). A test sees nothing but its plan and its own events, so it gives the same result on every machine and at every time.

mod difference;
mod ledger;
mod run;
mod show;

use std::sync::Arc;

use leadstream_core::derived::DerivedKind;
use leadstream_core::{Event, Points, Timestamp, Word};

pub use run::Trial;

/// One test of a plan.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its name, unique in the plan.
    pub name: String,
    /// The line of the file where it begins, from 1.
    pub line: usize,
    /// What happens, in the order in which it arrives.
    pub given: Vec<Event>,
    /// How far the clock goes in the end; `None`: nothing happens and no clock was named.
    pub until: Option<Timestamp>,
    /// Where spans since the beginning count from, if the test names any time by them: then times are shown so too.
    pub origin: Option<Timestamp>,
    /// What is to come of it.
    pub expect: Expectation,
}

/// What a test expects; what is `None` is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// The contact's global score.
    pub global: Option<Points>,
    /// The plan's score.
    pub score: Option<Points>,
    /// What the contact earned by what it did.
    pub engagement: Option<Points>,
    /// What the contact's attributes count.
    pub fit: Option<Points>,
    /// Whether the contact takes part in the plan.
    pub member: Option<bool>,
    /// Whether the contact is qualified.
    pub qualified: Option<bool>,
    /// The stage; `Some(None)`: in no stage.
    pub stage: Option<Option<Word>>,
    /// The score earned in the stage.
    pub stage_score: Option<Points>,
    /// The temperature band.
    pub band: Option<Word>,
    /// The grade; `Some(None)`: none.
    pub grade: Option<Option<Word>>,
    /// Whose lead it is; `Some(None)`: nobody's.
    pub owner: Option<Option<Word>>,
    /// How often actions were counted; others are not looked at.
    pub actions: Vec<(Word, u32)>,
    /// Tags by name; others are not looked at.
    pub tags: Vec<(Arc<str>, TagExpectation)>,
    /// All derived events, in order.
    pub derived: Option<Vec<ExpectedDerived>>,
    /// Everything that the score is made of, in the order of the ledger.
    pub ledger: Option<Vec<ExpectedLine>>,
}

/// What is expected of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagExpectation {
    /// Whether the contact carries it.
    Carried(bool),
    /// The contact carries it, with this score.
    Score(Points),
}

/// A derived event as a test expects it; what is `None` is not looked at.
#[derive(Clone, Debug)]
pub struct ExpectedDerived {
    /// What happened.
    pub kind: DerivedKind,
    /// When.
    pub at: Option<Timestamp>,
    /// The stage, band or grade that was entered, or the owner.
    pub level: Option<Word>,
    /// The tag or action that it is about, as `tag:x` or `action:x`.
    pub subject: Option<Arc<str>>,
}

/// A line of the ledger as a test expects it; what is `None` is not looked at.
#[derive(Clone, Debug)]
pub struct ExpectedLine {
    /// The rule or fit rule; `#adjust` for points by hand.
    pub rule: Word,
    /// What it is worth in the end.
    pub points: Option<Points>,
    /// When it was booked; a fit rule is not.
    pub at: Option<Timestamp>,
}
