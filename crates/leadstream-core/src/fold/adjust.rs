//! Adjustments by hand (S17): points booked for members under the plan's limits and no cap, before the rules of their step.

use std::sync::{Arc, LazyLock};

use crate::contact::{Cause, Contribution, Dimension, LimitReason, LimitReasons, RuleName};
use crate::decay::Decay;
use crate::event::{Event, EventKind, Value};
use crate::fold::booking::{Books, limited};
use crate::fold::step::{StepBuffers, Stepper};
use crate::id::Name;
use crate::plan::Plan;
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// The rule that adjustments are booked under: no rule of a plan can be called so.
pub(crate) const ADJUST_RULE: &str = "#adjust";

static PLAN: LazyLock<Name> = LazyLock::new(|| Name::of("plan"));
static ADD: LazyLock<Name> = LazyLock::new(|| Name::of("add"));
static SET: LazyLock<Name> = LazyLock::new(|| Name::of("set"));
static DECAY: LazyLock<Name> = LazyLock::new(|| Name::of("decay"));

/// What is adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// So many points more.
    Add(Points),
    /// As many as are missing to this engagement.
    Set(Points),
}

fn change_of(event: &Event) -> Option<Change> {
    let points = |name: Name| match event.properties.get(name) {
        Some(Value::Number(number)) => Points::from_number(number),
        _ => None,
    };
    points(*SET).map(Change::Set).or_else(|| points(*ADD).map(Change::Add))
}

impl Stepper<'_> {
    /// Books the adjustment that the event is, if it is one for a plan that the contact takes part in.
    pub(crate) fn adjust(&mut self, event: &Event) {
        if event.kind != EventKind::Adjust {
            return;
        }
        let (Some(change), Some(Value::Text(named))) = (change_of(event), event.properties.get(*PLAN)) else { return };
        let plans = self.plans;
        let Some(plan) = plans.plans().iter().find(|plan| *plan.id == *named && self.is_member(plan)) else { return };
        let Some(at) = self.plan_at(plan) else { return };
        let decays = !matches!(event.properties.get(*DECAY), Some(Value::Text("none")));
        let StepBuffers { tags, touched_tags, reached, .. } = &mut *self.buffers;
        let (state, rules, ledger) = (&mut *self.state, &mut *self.rules, self.ledger.as_deref_mut());
        let mut books = Books { plans, state, rules, ledger, tags, touched_tags, reached };
        books.adjust(plan, at, change, decays, (event.time, Cause::Event(event.uid)));
    }
}

impl Books<'_> {
    fn adjust(&mut self, plan: &Plan, at: usize, change: Change, decays: bool, (now, cause): (Timestamp, Cause)) {
        let engagement = self.state.plans[at].engagement.at(now);
        let raw = match change {
            Change::Add(points) => points,
            Change::Set(points) => points - engagement,
        };
        let applied = limited(plan, engagement, raw);
        let decay = if decays { plan.decay.clone() } else { Decay::None };
        self.add(at, applied, &decay, now);
        let rule = self.rules.insert(&Arc::new(RuleName {
            key: Name::of_pair(&plan.id, ADJUST_RULE),
            plan: plan.id,
            rule: Word::of(ADJUST_RULE),
            version: plan.version,
            dimension: Dimension::Plan,
            decay,
        }));
        let reasons = LimitReasons::NONE.with(LimitReason::Limit, applied != raw);
        self.record(Contribution { time: now, cause, rule, raw, applied, reasons });
    }
}
