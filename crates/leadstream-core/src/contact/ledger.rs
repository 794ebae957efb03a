//! The ledger: what each firing booked, in fold order (S18). Scores are sums of it, exactly (L4).

use std::sync::Arc;

use crate::contact::Growth;
use crate::contact::trail::{Cut, Trail, TrailMark};
use crate::decay::Decay;
use crate::id::{Name, PlanVersion, Uid};
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// One booking.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// When it was booked.
    pub time: Timestamp,
    /// What caused it.
    pub cause: Cause,
    /// The rule and the score it counts in, by their place in the contact's [`RuleTable`].
    pub rule: RuleIndex,
    /// What the rule said, before weight, cap and limits.
    pub raw: Points,
    /// What was booked.
    pub applied: Points,
    /// Why less was booked than the rule said.
    pub reasons: LimitReasons,
}

/// What caused a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A timer of the rule itself.
    Timer,
    /// An event.
    Event(Uid),
    /// An event whose window has ended: booked by a timer (S13).
    Window(Uid),
    /// An event that was held, and that a later one confirmed: booked at the step of that one (S56).
    Held(Uid),
}

impl Cause {
    /// The event that caused it; `None` for a timer that no event set.
    pub fn uid(self) -> Option<Uid> {
        match self {
            Cause::Timer => None,
            Cause::Event(uid) | Cause::Window(uid) | Cause::Held(uid) => Some(uid),
        }
    }
}

/// The score a booking counts in. A firing books once in its plan and once for each tag it scores (S25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The plan's engagement, and with it the stage score and, where the plan says so, the global score.
    Plan,
    /// The score of a tag.
    Tag(Arc<str>),
}

/// Why less was booked than a rule said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReason {
    /// The event's verdict has a weight (S56).
    Weight = 0,
    /// The rule's cap (S19).
    Cap = 1,
    /// The plan's floor or ceiling (S22).
    Limit = 2,
}

impl LimitReason {
    /// All reasons in the order in which they act (S18).
    pub const ALL: [LimitReason; 3] = [LimitReason::Weight, LimitReason::Cap, LimitReason::Limit];

    /// The reason as answers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            LimitReason::Weight => "weight",
            LimitReason::Cap => "cap",
            LimitReason::Limit => "limit",
        }
    }
}

/// Everything that changed what one firing booked: a bit for each [`LimitReason`], which are stored and never change their meaning.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitReasons(u8);

impl LimitReasons {
    /// Nothing did.
    pub const NONE: LimitReasons = LimitReasons(0);

    /// The reasons of stored bits; nothing where a bit stands for no reason.
    pub fn of_bits(bits: u8) -> Option<LimitReasons> {
        (bits >> LimitReason::ALL.len() == 0).then_some(LimitReasons(bits))
    }

    /// A bit for each reason.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Adds a reason where it has changed the points.
    #[must_use]
    pub fn with(self, reason: LimitReason, changed: bool) -> LimitReasons {
        LimitReasons(self.0 | u8::from(changed) << reason as u8)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons in the order in which they act.
    pub fn iter(self) -> impl Iterator<Item = LimitReason> {
        LimitReason::ALL.into_iter().filter(move |reason| self.0 & 1 << *reason as u8 != 0)
    }
}

impl std::fmt::Debug for LimitReasons {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// A place in the [`RuleTable`].
pub type RuleIndex = u32;

/// A rule that booked for a contact, in the version that did, and the score in which it did.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleName {
    /// `Name::of_pair(plan, rule)`.
    pub key: Name,
    /// The plan's id.
    pub plan: Word,
    /// The rule's id.
    pub rule: Word,
    /// The plan's version.
    pub version: PlanVersion,
    /// The score that its bookings count in.
    pub dimension: Dimension,
    /// How its bookings lose their worth (S20).
    pub decay: Decay,
}

/// Rules by index: a contribution names its rule by a small number, and stays readable when the plan is gone.
///
/// Rule state is kept by plan and rule id (S45), so it uses the first entry of them; contributions use the entry of their version and dimension.
/// Entries are shared with the plans and with other contacts: a contact pays eight bytes for each.
#[derive(Clone, Debug, Default)]
pub struct RuleTable {
    names: Vec<Arc<RuleName>>,
    /// How many were left when those that nothing names were last forgotten.
    kept: usize,
}

impl RuleTable {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The entry at an index.
    pub fn get(&self, index: RuleIndex) -> Option<&RuleName> {
        self.names.get(index as usize).map(|name| &**name)
    }

    /// All entries in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = &RuleName> {
        self.names.iter().map(|name| &**name)
    }

    /// The index under which the state of a rule is kept, if it has any.
    #[inline]
    pub fn state_index(&self, key: Name) -> Option<RuleIndex> {
        self.names.iter().position(|known| known.key == key).map(|at| at as RuleIndex)
    }

    /// The index of a rule in a version and a dimension, added if it is new.
    #[inline]
    pub fn insert(&mut self, rule: &Arc<RuleName>) -> RuleIndex {
        let shared = self.names.iter().position(|known| Arc::ptr_eq(known, rule));
        // What was read from a stored form is another copy of the same.
        match shared.or_else(|| self.names.iter().position(|known| known.key == rule.key && **known == **rule)) {
            Some(at) => at as RuleIndex,
            None => {
                self.names.push(Arc::clone(rule));
                (self.names.len() - 1) as RuleIndex
            }
        }
    }

    /// Appends an entry, as when reading a stored table.
    pub fn push(&mut self, name: Arc<RuleName>) {
        self.names.push(name);
    }

    /// Keeps the entries marked so, in their order. Returns the new index of each.
    pub(super) fn keep(&mut self, kept: &[bool]) -> Vec<RuleIndex> {
        let mut at = 0;
        self.names.retain(|_| {
            at += 1;
            kept[at - 1]
        });
        self.kept = self.names.len();
        let mut next = 0;
        kept.iter()
            .map(|kept| {
                next += RuleIndex::from(*kept);
                next.saturating_sub(1)
            })
            .collect()
    }

    /// Whether so many entries were added that some may well be of versions long gone.
    pub(super) fn is_overgrown(&self) -> bool {
        self.names.len() >= 64 + 2 * self.kept
    }

    /// Forgets the entries from an index on.
    pub fn truncate(&mut self, len: usize) {
        self.names.truncate(len);
    }

    pub(super) fn warm(&self) -> u64 {
        self.names.last().map_or(0, |name| name.key.0)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.names.capacity() * size_of::<Arc<RuleName>>()
    }
}

/// Contributions in fold order, after those that went into the base.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// The ordinal of the first contribution kept: how many the base has booked.
    pub first: u64,
    contributions: Trail<Contribution>,
}

impl Ledger {
    /// An empty ledger whose next contribution has an ordinal.
    pub fn starting_at(first: u64) -> Ledger {
        Ledger { first, contributions: Trail::default() }
    }

    /// How many contributions are kept.
    pub fn len(&self) -> usize {
        self.contributions.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.contributions.is_empty()
    }

    /// All contributions in order.
    pub fn as_slice(&self) -> &[Contribution] {
        &self.contributions
    }

    /// The contributions from an ordinal on.
    pub fn since(&self, ordinal: u64) -> &[Contribution] {
        let skip = ordinal.saturating_sub(self.first).min(self.contributions.len() as u64);
        &self.contributions[skip as usize..]
    }

    /// The rules of all contributions.
    pub(super) fn rules_mut(&mut self) -> impl Iterator<Item = &mut RuleIndex> {
        self.contributions.iter_mut().map(|booked| &mut booked.rule)
    }

    /// Appends a contribution.
    pub fn push(&mut self, contribution: Contribution) {
        self.contributions.push(contribution);
    }

    /// Loses the oldest contributions: they went into the base, which has booked `booked` in all.
    pub fn lose(&mut self, count: usize, booked: u64) {
        self.contributions.lose(count);
        self.first = booked;
    }

    pub(super) fn mark(&self) -> (u64, TrailMark) {
        (self.first, self.contributions.mark())
    }

    /// Keeps the contributions behind the first `booked` that were ever booked, which are about to be booked anew; all where it is `None`.
    pub(super) fn keep_from(&self, booked: Option<u64>, cut: &mut Cut<Contribution>) {
        self.contributions.keep_from(self.place(booked), cut);
    }

    /// Forgets the contributions behind the first `booked` that were ever booked; all where it is `None`.
    pub(crate) fn cut(&mut self, booked: Option<u64>) {
        self.contributions.truncate(self.place(booked));
    }

    fn place(&self, booked: Option<u64>) -> usize {
        booked.map_or(0, |booked| self.len().min(booked.saturating_sub(self.first) as usize))
    }

    /// Forgets the contributions from a place on.
    pub fn truncate(&mut self, len: usize) {
        self.contributions.truncate(len);
    }

    /// What became of the contributions since a mark.
    pub(super) fn growth(&self, (_, mark): (u64, TrailMark), cut: &Cut<Contribution>) -> Growth {
        self.contributions.growth(mark, cut)
    }

    pub(super) fn rewind(&mut self, (first, mark): (u64, TrailMark), cut: Cut<Contribution>) {
        self.first = first;
        self.contributions.rewind(mark, cut);
    }

    pub(super) fn forget_gone(&mut self) {
        self.contributions.forget_gone();
    }

    pub(super) fn warm(&self) -> u64 {
        self.contributions.last().map_or(0, |last| last.time.millis() as u64)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.contributions.memory_bytes()
    }
}
