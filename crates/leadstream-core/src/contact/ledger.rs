//! The ledger: what each firing booked, in fold order (S18). Scores are sums of it, exactly (L4).

use std::sync::Arc;

use crate::id::{Name, PlanVersion, Uid};
use crate::plan::{Plan, Rule};
use crate::points::Points;
use crate::time::Timestamp;

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
    pub reason: Option<LimitReason>,
}

/// What caused a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A timer of the rule itself.
    Timer,
    /// An event.
    Event(Uid),
}

/// The score a booking counts in. A firing books once in its plan and once for each tag it scores (S25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The plan's engagement, and with it the stage score and, where the plan says so, the global score.
    Plan,
    /// The score of a tag.
    Tag(Arc<str>),
}

/// Why less was booked than a rule said. The strongest reason in the order of application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReason {
    /// The event's verdict has a weight (S56).
    Weight,
    /// The rule's cap (S19).
    Cap,
    /// The plan's floor or ceiling (S22).
    Limit,
}

/// A place in the [`RuleTable`].
pub type RuleIndex = u32;

/// A rule that booked for a contact, in the version that did, and the score in which it did.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleName {
    /// `Name::of_pair(plan, rule)`.
    pub key: Name,
    /// The plan's id.
    pub plan: Arc<str>,
    /// The rule's id.
    pub rule: Arc<str>,
    /// The plan's version.
    pub version: PlanVersion,
    /// The score that its bookings count in.
    pub dimension: Dimension,
}

/// Rules by index: a contribution names its rule by a small number, and stays readable when the plan is gone.
///
/// Rule state is kept by plan and rule id (S45), so it uses the first entry of them; contributions use the entry of their version and dimension.
#[derive(Clone, Debug, Default)]
pub struct RuleTable {
    /// The keys of `names`, close together: they are searched for each booking.
    keys: Vec<Name>,
    names: Vec<RuleName>,
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
        self.names.get(index as usize)
    }

    /// All entries in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = &RuleName> {
        self.names.iter()
    }

    /// The index under which the state of a rule is kept, if it has any.
    #[inline]
    pub fn state_index(&self, key: Name) -> Option<RuleIndex> {
        self.keys.iter().position(|known| *known == key).map(|at| at as RuleIndex)
    }

    /// The index of a rule in a version and a dimension, added if it is new.
    pub fn insert(&mut self, rule: &RuleName) -> RuleIndex {
        let known = |at: &usize| self.keys[*at] == rule.key && self.names[*at] == *rule;
        match (0..self.keys.len()).find(known) {
            Some(at) => at as RuleIndex,
            None => {
                self.push(rule.clone());
                (self.names.len() - 1) as RuleIndex
            }
        }
    }

    /// The index of a rule of a plan in the plan's own dimension, added if it is new.
    #[inline]
    pub fn insert_in_plan(&mut self, plan: &Plan, rule: &Rule) -> RuleIndex {
        let known = (0..self.keys.len()).find(|at| {
            let name = &self.names[*at];
            self.keys[*at] == rule.key && name.dimension == Dimension::Plan && name.version == plan.version
        });
        match known {
            Some(at) => at as RuleIndex,
            None => {
                let (version, dimension) = (plan.version, Dimension::Plan);
                self.push(RuleName { key: rule.key, plan: plan.id.clone(), rule: rule.id.clone(), version, dimension });
                (self.names.len() - 1) as RuleIndex
            }
        }
    }

    /// Appends an entry, as when reading a stored table.
    pub fn push(&mut self, name: RuleName) {
        self.keys.push(name.key);
        self.names.push(name);
    }

    /// Forgets the entries from an index on.
    pub fn truncate(&mut self, len: usize) {
        self.keys.truncate(len);
        self.names.truncate(len);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<Name>() + self.names.capacity() * size_of::<RuleName>()
    }
}

/// Contributions in fold order, after those that went into the base.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// The ordinal of the first contribution kept: how many the base has booked.
    pub first: u64,
    contributions: Vec<Contribution>,
}

impl Ledger {
    /// An empty ledger whose next contribution has an ordinal.
    pub fn starting_at(first: u64) -> Ledger {
        Ledger { first, contributions: Vec::new() }
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

    /// Appends a contribution.
    pub fn push(&mut self, contribution: Contribution) {
        self.contributions.push(contribution);
    }

    /// Removes the oldest contributions: they went into the base.
    pub fn remove_oldest(&mut self, count: u64) {
        let count = count.min(self.contributions.len() as u64);
        self.contributions.drain(..count as usize);
        self.first += count;
    }

    /// Forgets the contributions from a place on.
    pub fn truncate(&mut self, len: usize) {
        self.contributions.truncate(len);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.contributions.capacity() * size_of::<Contribution>()
    }
}
