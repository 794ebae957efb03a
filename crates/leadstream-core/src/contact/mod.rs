//! Everything that is known of one contact, in one value: history inside the horizon, the state folded from it, the ledger of what was
//! booked, and what was announced.
//!
//! `base` is the complete fold state of what left the horizon (S6); `state` is `base` folded over `rows` up to the last step. Between commands
//! `state` is always that fold, `ledger` holds exactly the bookings made by it after the base, and `announced` equals the levels of `state`.
//! Only the fold changes a contact; the stored form of it belongs to another crate.

mod announced;
mod judged;
mod ledger;
mod rows;
mod standing;
mod state;
mod trail;
mod waiting;

use std::sync::Arc;

pub use announced::{ANNOUNCED_TAGS_MAX, Announced, Level, SubjectId, SubjectState};
pub use judged::{DEPARTED_VERDICTS_MAX, Judged};
pub(crate) use judged::{depart as depart_verdict, judgement, judgement_of_row};
pub use ledger::{Cause, Contribution, Dimension, Ledger, LimitReason, LimitReasons, RuleIndex, RuleName, RuleTable};
use rows::{RowsCut, RowsMark};
use trail::{Cut, TrailMark};

pub use rows::{RawProperties, Row, RowParts, RowProperties, RowText, Rows, split_value};
pub use standing::{ActionState, COLD, FeedbackState, NamedLevel, Standing};
pub use state::{
    Attribute, AttributeValue, FactStatistics, FitPoints, OnceKey, PlanState, QualifyState, RollingBooking, RuleState,
    SharedList, StageState, State, TagState,
};

pub use waiting::{
    Award, AwardTag, GATHERED_MAX, Gathered, Key, Once, PART_INSTANTS_MAX, Pending, WINDOWS_MAX, Waiting, Waits,
};

use crate::event::Verdict;
use crate::fold::{Checkpoints, FactCaches};
use crate::id::Uid;
use crate::identity::Identity;
use crate::time::Timestamp;

/// One contact.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// The contact's id: the key of its records.
    pub id: Arc<str>,
    /// Accepted events inside the horizon, in S3 order.
    pub rows: Rows,
    /// What left the horizon, folded for good; `None` while nothing has.
    pub base: Option<Arc<Base>>,
    /// The fold of `base` and `rows` up to the last step.
    pub state: State,
    /// Rules that booked, by index.
    pub rules: RuleTable,
    /// What was booked after the base.
    pub ledger: Ledger,
    /// What was told to the world.
    pub announced: Announced,
    /// The instant of the last recompute that it went through, or that was decided when it was new (S46).
    pub recomputed: Option<Timestamp>,
    /// When the next timer is due; `None`: never. Follows from `state` and the plans in force.
    pub next_due: Option<Timestamp>,
    /// Rises whenever something happened to rows, rules or ledger that no savepoint survives.
    pub rewrites: u32,
    /// Rises whenever rows and ledger were folded anew from a place on, which a savepoint survives that was told before.
    pub cuts: u32,
    /// Remembered answers of count() and ever(); never stored.
    pub facts: FactCaches,
    /// Remembered states to fold late events from; never stored.
    pub checkpoints: Checkpoints,
    /// Verdicts passed on events; never stored, since they follow from rows and base.
    pub judged: Judged,
    /// Who is one with whom; `None` where nobody ever asked.
    pub identity: Option<Arc<Identity>>,
}

/// The fold state of the rows that left, and where they end.
#[derive(Clone, Debug)]
pub struct Base {
    /// The order of the newest departed row (S6): what is ordered at or before it is too late.
    pub boundary: (Timestamp, Uid),
    /// The complete state after it.
    pub state: State,
    /// Verdicts of rows that have left, oldest first: their events may still be rows, or come (S56).
    pub verdicts: Vec<(Uid, Verdict)>,
}

impl Base {
    fn memory_bytes(&self) -> usize {
        size_of::<Base>() + self.state.memory_bytes() + self.verdicts.capacity() * size_of::<(Uid, Verdict)>()
    }
}

/// So many rows that have left stay in memory at most where no savepoint is ever taken, as in a replay.
const GONE_MAX: usize = 1024;

/// Makes room for `more` items, and for half of what there is: most contacts have few events, and lists that double waste a quarter of them.
fn make_room<T>(items: &mut Vec<T>, more: usize) {
    const LEAST: usize = 4;
    if items.capacity() - items.len() < more {
        items.reserve_exact(more.max(items.len() / 2).max(LEAST));
    }
}

/// What takes a contact back to an earlier moment within one epoch. It holds the state, and how far rows and ledger reached; of them it holds what
/// [`Savepoint::reach_back`] was told of before it was folded anew.
#[derive(Clone, Debug, Default)]
pub struct Savepoint {
    base: Option<Arc<Base>>,
    state: State,
    announced: Announced,
    identity: Option<Arc<Identity>>,
    recomputed: Option<Timestamp>,
    next_due: Option<Timestamp>,
    rewrites: u32,
    cuts: u32,
    rows: RowsMark,
    cut_rows: RowsCut,
    rules: usize,
    ledger: (u64, TrailMark),
    cut_bookings: Cut<Contribution>,
}

/// What became of the parts of a contact that grow at their ends, since a savepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many there were then.
    pub before: usize,
    /// How many of those were not made anew since, from the first on.
    pub kept: usize,
    /// How many of the kept ones have left since, from the first on: they went into the base. What follows the others is new.
    pub left: usize,
}

impl Growth {
    /// The place of the first new one.
    pub fn new_from(self) -> usize {
        self.kept - self.left
    }

    /// Whether something that there was has been made anew.
    pub fn is_cut(self) -> bool {
        self.kept < self.before
    }
}

impl Savepoint {
    /// What had left the horizon then.
    pub fn base(&self) -> Option<&Arc<Base>> {
        self.base.as_ref()
    }

    /// The state then.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What had been announced then.
    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    /// The last recompute it had gone through then.
    pub fn recomputed(&self) -> Option<Timestamp> {
        self.recomputed
    }

    /// What had been known of its identity then.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// The rows since then.
    pub fn rows(&self, contact: &Contact) -> Growth {
        contact.rows.growth(&self.rows, &self.cut_rows)
    }

    /// The bookings since then.
    pub fn bookings(&self, contact: &Contact) -> Growth {
        contact.ledger.growth(self.ledger, &self.cut_bookings)
    }

    /// The entries of the table of rules since then.
    pub fn rules(&self) -> Growth {
        Growth { before: self.rules, kept: self.rules, left: 0 }
    }

    /// Lets go of what it shares with a contact, and of lists that are long, so that it can wait to be used again.
    pub fn release(&mut self) {
        (self.base, self.identity) = (None, None);
        self.state.release();
        self.cut_rows.release();
        self.cut_bookings.release();
    }

    /// Keeps what is about to be folded anew: the rows behind the first `rows` of the contact as it is now, and all that was booked since. The
    /// contact must be folded anew from there, once, before anything else happens to it: [`crate::Sight::past`] says from where.
    pub fn reach_back(&mut self, contact: &Contact, rows: usize) {
        contact.rows.keep_from(rows, &mut self.cut_rows);
        contact.ledger.keep_from(contact.checkpoints.booked_at(rows), &mut self.cut_bookings);
        self.cuts += 1;
    }

    /// Whether nothing in the contact's past was rewritten since that the savepoint does not know: then what was appended or folded anew, what left
    /// and the state tell all that changed.
    pub fn leads_to(&self, contact: &Contact) -> bool {
        (self.rewrites, self.cuts) == (contact.rewrites, contact.cuts)
    }
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

    /// Remembers the present moment in `savepoint`, whose buffers are used again: a copy of the state and the lengths of what only grows.
    pub fn save(&mut self, savepoint: &mut Savepoint) {
        self.tidy();
        savepoint.base.clone_from(&self.base);
        savepoint.identity.clone_from(&self.identity);
        savepoint.state.copy_from(&self.state);
        savepoint.announced.copy_from(&self.announced);
        (savepoint.recomputed, savepoint.next_due) = (self.recomputed, self.next_due);
        (savepoint.rewrites, savepoint.cuts) = (self.rewrites, self.cuts);
        (savepoint.rows, savepoint.rules, savepoint.ledger) = (self.rows.mark(), self.rules.len(), self.ledger.mark());
        savepoint.cut_rows.begin(&savepoint.rows);
        savepoint.cut_bookings.begin(savepoint.ledger.1.end());
    }

    /// Remembers the present moment in a savepoint of its own.
    pub fn savepoint(&mut self) -> Savepoint {
        let mut savepoint = Savepoint::default();
        self.save(&mut savepoint);
        savepoint
    }

    /// Goes back to a savepoint. Returns false, and changes nothing, where rows in the past were changed since without its knowledge: then only a
    /// whole copy taken before ([`crate::Sight::past`] tells when) can take the contact back.
    #[must_use]
    pub fn undo(&mut self, savepoint: Savepoint) -> bool {
        if !savepoint.leads_to(self) {
            return false;
        }
        self.base = savepoint.base;
        self.identity = savepoint.identity;
        self.state = savepoint.state;
        self.announced = savepoint.announced;
        (self.recomputed, self.next_due) = (savepoint.recomputed, savepoint.next_due);
        self.rows.rewind(&savepoint.rows, savepoint.cut_rows);
        self.rules.truncate(savepoint.rules);
        self.ledger.rewind(savepoint.ledger, savepoint.cut_bookings);
        self.facts.clear();
        self.checkpoints.clear();
        self.judge_anew();
        true
    }

    /// Reads the verdicts passed on events anew, as after rows were read or changed at will.
    pub fn judge_anew(&mut self) {
        self.judged = Judged::of(self.base.as_deref(), &self.rows);
    }

    /// Gives back the memory of rows that have left, where it is worth moving the others. Savepoints taken before end.
    pub fn tidy(&mut self) {
        let gone = self.rows.gone();
        if gone > 8 && gone > self.rows.len() / 8 {
            self.forget_gone();
        }
    }

    /// Gives back the memory of rows that have left. Savepoints taken before end.
    pub(crate) fn forget_gone(&mut self) {
        self.rows.forget_gone();
        self.ledger.forget_gone();
        self.rewrites += 1;
    }

    /// Whether the next event gives back memory, or forgets rules, which no savepoint survives.
    pub(crate) fn must_tidy(&self) -> bool {
        self.rows.gone() >= GONE_MAX || self.rules.is_overgrown()
    }

    /// Forgets entries of the table of rules that nothing names any more, as those of versions whose bookings have all gone into the base.
    pub(crate) fn forget_unused_rules(&mut self) {
        let mut used = vec![false; self.rules.len()];
        let mut mark = |rule: RuleIndex| used[rule as usize] = true;
        self.ledger.rules_mut().for_each(|rule| mark(*rule));
        let base = self.base.as_mut().map(|base| &mut Arc::make_mut(base).state);
        for state in base.into_iter().chain([&mut self.state]) {
            state.rules_mut().for_each(|rule| mark(*rule));
        }
        self.rewrites += 1;
        self.checkpoints.clear();
        let places = self.rules.keep(&used);
        let place = |rule: &mut RuleIndex| *rule = places[*rule as usize];
        self.ledger.rules_mut().for_each(place);
        let base = self.base.as_mut().map(|base| &mut Arc::make_mut(base).state);
        for state in base.into_iter().chain([&mut self.state]) {
            state.rules_mut().for_each(place);
        }
    }

    /// Touches what the next event will need, and returns something made of it.
    ///
    /// A contact that was not used for a while lies outside the processor's caches, in a dozen places that a fold would wait for one after the other.
    /// Touching several contacts before the first of them is folded lets the processor wait for all of them at once.
    pub fn warm(&self) -> u64 {
        self.rows.warm() ^ self.state.warm() ^ self.ledger.warm() ^ self.rules.warm() ^ self.facts.warm()
    }

    /// About how many bytes of memory the contact holds.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Contact>()
            + self.rows.memory_bytes()
            + self.state.memory_bytes()
            + self.base.as_ref().map_or(0, |base| base.memory_bytes())
            + self.rules.memory_bytes()
            + self.ledger.memory_bytes()
            + self.announced.memory_bytes()
            + self.facts.memory_bytes()
            + self.checkpoints.memory_bytes()
            + self.judged.memory_bytes()
            + self.identity.as_ref().map_or(0, |identity| identity.memory_bytes())
    }
}
