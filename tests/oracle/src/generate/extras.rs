//! What the groups of clauses add to a plan, and how a change of plans alters that.
//!
//! Invariant: with no group asked for, nothing is added and nothing altered.

use proptest::prelude::*;

use super::Groups;
use super::plans::{Model, words};

/// What is added to a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    /// Lines of the plan's own keys.
    head: Vec<String>,
    /// For each rule by its number, keys that it gets.
    of_rules: Vec<Option<String>>,
}

/// Random additions from the groups.
pub(super) fn extras(groups: Groups) -> BoxedStrategy<Extras> {
    if !groups.decay {
        return Just(Extras::default()).boxed();
    }
    let own = proptest::collection::vec(proptest::option::weighted(0.3, rule_decay()), 0..6);
    (proptest::option::weighted(0.8, plan_decay()), own)
        .prop_map(|(of_plan, of_rules)| Extras { head: of_plan.into_iter().collect(), of_rules })
        .boxed()
}

impl Extras {
    pub(super) fn added_to(&self, mut model: Model) -> Model {
        model.head.extend(self.head.iter().cloned());
        for (rule, keys) in model.rules.iter_mut().zip(&self.of_rules) {
            rule.rest.extend(keys.iter().map(|keys| format!(", {keys}")));
        }
        model
    }
}

/// Courses whose ends meet the instants of the histories, and some that never do.
const COURSES: [&str; 10] = [
    "{ half_life: 1d }",
    "{ half_life: 3d }",
    "{ half_life: 30d }",
    "{ linear: 2d }",
    "{ linear: 7d }",
    "{ linear: 3d }",
    "{ expire: 1d }",
    "{ expire: 3d }",
    "{ step: [[1d, 50], [3d, 12.5]] }",
    "{ step: [[2d, 75], [4d, 75], [6d, 0]] }",
];

fn course() -> BoxedStrategy<String> {
    proptest::sample::select(&COURSES[..]).prop_map(str::to_owned).boxed()
}

fn plan_decay() -> BoxedStrategy<String> {
    course().prop_map(|course| format!("decay: {course}")).boxed()
}

fn rule_decay() -> BoxedStrategy<String> {
    prop_oneof![3 => course(), 1 => words(&["none"])].prop_map(|course| format!("decay: {course}")).boxed()
}

/// How a change of plans alters what was added.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    decay: Option<String>,
}

/// Random changes within the groups.
pub(super) fn changes(groups: Groups) -> BoxedStrategy<Changes> {
    let decay = if groups.decay { proptest::option::of(plan_decay()).boxed() } else { Just(None).boxed() };
    decay.prop_map(|decay| Changes { decay }).boxed()
}

impl Changes {
    pub(super) fn applied_to(&self, mut model: Model) -> Model {
        if let Some(decay) = &self.decay {
            model.head.retain(|line| !line.starts_with("decay:"));
            model.head.push(decay.clone());
        }
        model
    }
}
