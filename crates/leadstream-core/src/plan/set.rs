//! The set of plans in force: the plans in the order the fold meets them, and the index that finds the rules an event could fire.
//!
//! Owns the order of plans (by id, S7) and the numbers plans and rules are called by in a [`Candidate`]; these numbers belong to one set and
//! are never stored. A set never changes: another set of plans is another value.

use std::collections::HashMap;
use std::sync::Arc;

use crate::contact::{Award, AwardTag, Dimension, Once, RuleName};
use crate::event::Event;
use crate::id::Name;
use crate::plan::index::Index;
use crate::plan::{Plan, Rule, TagEffect, Trigger, VerdictPolicies, VerdictPolicy};
use crate::word::Word;

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
    by_key: HashMap<Name, Candidate>,
    index: Index,
}

/// What the contributions of one rule are booked as.
#[derive(Debug)]
pub(crate) struct RuleNames {
    /// In the plan's own dimension.
    pub(crate) plan: Arc<RuleName>,
    /// In the dimensions of its tags, in their order.
    pub(crate) tags: Vec<AwardTag>,
    /// All that a firing does, where it may happen later than it is decided.
    pub(crate) award: Option<Arc<Award>>,
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
        let numbered = (0u16..).zip(&plans);
        let by_key = numbered.flat_map(|(plan, compiled)| {
            (0u32..).zip(&compiled.rules).map(move |(rule, it)| (it.key, Candidate { plan, rule }))
        });
        let by_key = by_key.collect();
        PlanSet { shared: Arc::new(Shared { plans, idle_rules, names, by_key, index }) }
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

    /// The places of the idle rules of a plan (S14), by the ids of the rules: so do they fire at one instant (S5).
    pub fn idle_rules(&self, plan: u16) -> &[u32] {
        self.shared.idle_rules.get(usize::from(plan)).map_or(&[], Vec::as_slice)
    }

    /// What the contributions of a rule are booked as, by the places of plan and rule.
    #[inline]
    pub(crate) fn names(&self, plan: usize, rule: usize) -> &RuleNames {
        &self.shared.names[plan][rule]
    }

    /// The plan and the rule of a key, if the rule is in the set.
    pub(crate) fn rule(&self, key: Name) -> Option<(&Plan, &Rule)> {
        let place = self.shared.by_key.get(&key)?;
        let plan = &self.shared.plans[usize::from(place.plan)];
        Some((plan, &plan.rules[place.rule as usize]))
    }

    /// Replaces the contents of `candidates` by the event rules that this event may fire, each once, in (plan, file) order.
    ///
    /// Holds every rule whose type matches and whose condition is true. A rule that is left out would not have fired: its type differs, or its
    /// condition is false or an error, and an error is no firing (S9). So errors are counted for the rules that were looked at only.
    pub fn candidates(&self, event: &Event, candidates: &mut Vec<Candidate>) {
        self.shared.index.find(event, candidates);
    }
}

/// Whether what a rule books may be booked later than it is decided (S13, S56).
fn may_wait(plan: &Plan, rule: &Rule) -> bool {
    let holds = |verdicts: VerdictPolicies| {
        [verdicts.human, verdicts.suspect, verdicts.machine].iter().any(|it| matches!(it, VerdictPolicy::Hold { .. }))
    };
    match &rule.trigger {
        Trigger::Absence(_) => true,
        Trigger::Event(_) => holds(rule.verdicts.unwrap_or(plan.verdicts)),
        Trigger::Idle { .. } | Trigger::Compound(_) => false,
    }
}

fn idle_rules(plan: &Plan) -> Vec<u32> {
    let numbered = (0u32..).zip(&plan.rules);
    let idle = numbered.filter(|(_, rule)| matches!(rule.trigger, Trigger::Idle { .. }));
    let mut places: Vec<u32> = idle.map(|(place, _)| place).collect();
    places.sort_by_key(|place| plan.rules[*place as usize].id);
    places
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
    let tag = |effect: &TagEffect| AwardTag { rule: name(Dimension::Tag(effect.tag.clone())), points: effect.points };
    let (booked_as, tags): (_, Vec<AwardTag>) = (name(Dimension::Plan), rule.tags.iter().map(tag).collect());
    let award = may_wait(plan, rule).then(|| {
        Arc::new(Award {
            rule: Arc::clone(&booked_as),
            cap: rule.cap,
            once: Once::of(rule.once_per.as_ref()),
            tags: tags.clone(),
            untag: rule.untag.clone(),
            unless: match &rule.trigger {
                Trigger::Absence(absence) => absence.unless.iter().map(|it| Word::of(it.as_str())).collect(),
                Trigger::Event(_) | Trigger::Idle { .. } | Trigger::Compound(_) => Vec::new(),
            },
        })
    });
    RuleNames { plan: booked_as, tags, award }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
