//! The set of plans in force: the plans in the order the fold meets them, and the index that finds the rules an event could fire.
//!
//! Owns the order of plans (by id, S7) and the numbers plans and rules are called by in a [`Candidate`]; these numbers belong to one set and
//! are never stored. A set never changes: another set of plans is another value.

use std::sync::Arc;

use crate::contact::{Dimension, RuleName};
use crate::event::Event;
use crate::plan::index::Index;
use crate::plan::{Plan, Rule, Trigger};

/// A rule that an event may fire: a plan's place in its set and a rule's place in its plan. Ordered as rules are met: plan, then file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The place in [`PlanSet::plans`].
    pub plan: u16,
    /// The place in [`Plan::rules`].
    pub rule: u32,
}

/// Plans in force together.
#[derive(Clone, Debug, Default)]
pub struct PlanSet {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    plans: Vec<Arc<Plan>>,
    idle_rules: Vec<Vec<u32>>,
    names: Vec<Vec<RuleNames>>,
    index: Index,
}

/// What the contributions of one rule are booked as.
#[derive(Debug)]
pub(crate) struct RuleNames {
    /// In the plan's own dimension.
    pub(crate) plan: Arc<RuleName>,
    /// In the dimensions of its tags, in their order.
    pub(crate) tags: Vec<Arc<RuleName>>,
}

impl PlanSet {
    /// A set of plans with distinct ids; loading refuses two plans with one id and more than 64 plans (S58).
    pub fn new(plans: Vec<Plan>) -> PlanSet {
        let mut plans: Vec<Arc<Plan>> = plans.into_iter().map(Arc::new).collect();
        plans.sort_by_key(|one| one.id);
        debug_assert!(plans.windows(2).all(|pair| pair[0].id != pair[1].id), "plan ids are distinct");
        let idle_rules = plans.iter().map(|plan| idle_rules(plan)).collect();
        let index = Index::new(&plans);
        let names = plans.iter().map(|plan| plan.rules.iter().map(|rule| names_of(plan, rule)).collect()).collect();
        PlanSet { shared: Arc::new(Shared { plans, idle_rules, names, index }) }
    }

    /// The plans, by id.
    pub fn plans(&self) -> &[Arc<Plan>] {
        &self.shared.plans
    }

    /// The place of a plan in [`PlanSet::plans`].
    pub fn position(&self, id: &str) -> Option<u16> {
        let found = self.shared.plans.binary_search_by(|plan| plan.id.as_ref().cmp(id));
        found.ok().and_then(|position| u16::try_from(position).ok())
    }

    /// The places of the idle rules of a plan (S14), in file order.
    pub fn idle_rules(&self, plan: u16) -> &[u32] {
        self.shared.idle_rules.get(usize::from(plan)).map_or(&[], Vec::as_slice)
    }

    /// What the contributions of a rule are booked as, by the places of plan and rule.
    #[inline]
    pub(crate) fn names(&self, plan: usize, rule: usize) -> &RuleNames {
        &self.shared.names[plan][rule]
    }

    /// Replaces the contents of `candidates` by the event rules that this event may fire, each once, in (plan, file) order.
    ///
    /// Holds every rule whose type matches and whose condition is true. A rule that is left out would not have fired: its type differs, or its
    /// condition is false or an error, and an error is no firing (S9). So errors are counted for the rules that were looked at only.
    pub fn candidates(&self, event: &Event, candidates: &mut Vec<Candidate>) {
        self.shared.index.find(event, candidates);
    }
}

fn idle_rules(plan: &Plan) -> Vec<u32> {
    let numbered = (0u32..).zip(&plan.rules);
    numbered.filter(|(_, rule)| matches!(rule.trigger, Trigger::Idle { .. })).map(|(place, _)| place).collect()
}

fn names_of(plan: &Plan, rule: &Rule) -> RuleNames {
    let name = |dimension| {
        Arc::new(RuleName {
            key: rule.key,
            plan: plan.id,
            rule: rule.id,
            version: plan.version,
            dimension,
            decay: rule.decay.clone(),
        })
    };
    let tags = rule.tags.iter().map(|effect| name(Dimension::Tag(effect.tag.clone()))).collect();
    RuleNames { plan: name(Dimension::Plan), tags }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
