//! Which timer of a contact is due next (S5, S14, S33): computed from the state and the plans in force, never stored.

use crate::contact::{Pending, PlanState, RuleTable, State};
use crate::derived::TimerKind;
use crate::expr::ScoreRef;
use crate::fold::crossing::Watched;
use crate::fold::step::Timer;
use crate::plan::{Pipeline, Plan, PlanSet, Rearm, Rule, Trigger};
use crate::points::Points;
use crate::time::{Span, Timestamp};
use crate::timeline::{InForce, View};

/// The next timer of a contact, in the order of S5. A contact without a first step has none.
pub(crate) fn next_timer(view: &View, state: &State, rules: &RuleTable) -> Option<Timer> {
    let tau = state.tau?;
    let in_force = view.at(state.plans_since.unwrap_or(tau));
    let decays = state.decays();
    let own = in_force.plans.plans().iter().enumerate().filter_map(|(at, plan)| {
        let held = state.plan(plan.key)?;
        next_of_plan(in_force, plan, at, held, (state, decays), rules)
    });
    let window = first_window(state, &in_force.plans);
    let window =
        window.map(|(plan, window)| Timer { due: window.until, kind: TimerKind::Absence, plan, rank: 0, rule: 0 });
    let change = view.next_change(in_force.since).map(Timer::of_change);
    own.chain(window).chain(change).min()
}

/// The window that is due next, with the place of its plan. Windows lie in the order in which they are due.
pub(crate) fn first_window<'s>(state: &'s State, plans: &PlanSet) -> Option<(usize, &'s Pending)> {
    let windows = state.waiting.windows().iter();
    let in_force = |window: &'s Pending| Some((usize::from(plans.position(&window.award.rule.plan)?), window));
    windows.filter_map(in_force).next()
}

fn next_of_plan(
    in_force: &InForce,
    plan: &Plan,
    at: usize,
    held: &PlanState,
    (state, decays): (&State, bool),
    rules: &RuleTable,
) -> Option<Timer> {
    if !held.member {
        let after = state.tau? + Span::from_millis(1);
        let flags = decays.then(|| Decaying { plans: &in_force.plans, plan, held, state }.next_of_standing(after));
        return flags.flatten().map(|due| Timer { due, kind: TimerKind::Check, plan: at, rank: 0, rule: 0 });
    }
    let idle = in_force.plans.idle_rules(at as u16).iter().enumerate().filter_map(|(rank, rule_at)| {
        let rule_at = *rule_at as usize;
        let due = next_idle(in_force, &plan.rules[rule_at], held, state, rules)?;
        Some(Timer { due, kind: TimerKind::Idle, plan: at, rank, rule: rule_at })
    });
    let check = if decays {
        Decaying { plans: &in_force.plans, plan, held, state }.next_check()
    } else {
        next_check(plan, held, state)
    };
    let check = check.map(|due| Timer { due, kind: TimerKind::Check, plan: at, rank: 0, rule: 0 });
    idle.chain(check).min()
}

/// The next due instant of an idle rule: s + idle + j every, the least that has not passed (S14).
fn next_idle(in_force: &InForce, rule: &Rule, held: &PlanState, state: &State, rules: &RuleTable) -> Option<Timestamp> {
    let Trigger::Idle { idle, every, times } = &rule.trigger else { return None };
    let first_event = state.first_event?;
    let start = state.last_activity(held).unwrap_or(first_event).max(held.member_since).max(first_event);
    let first_due = start + *idle;
    let passed = rules
        .state_index(rule.key)
        .and_then(|index| state.rules.iter().find(|known| known.rule == index)?.idle_passed)
        .unwrap_or(Timestamp::MIN);
    // Dues before the plan set came into force are skipped, but count in `times`.
    let not_before = in_force.idle_from.max(passed + Span::from_millis(1));
    let Some(every) = every else {
        return (first_due >= not_before).then_some(first_due);
    };
    if first_due >= not_before {
        return Some(first_due);
    }
    let behind = (not_before - first_due).millis();
    let skipped = behind / every.millis() + i64::from(behind % every.millis() != 0);
    (skipped < i64::from(*times)).then(|| first_due + Span::from_millis(skipped.saturating_mul(every.millis())))
}

/// The next instant at which a level changes without an event: the end of a cooldown, a stage left for silence (S33).
fn next_check(plan: &Plan, held: &PlanState, state: &State) -> Option<Timestamp> {
    let cooldown = plan.qualify.as_ref().filter(|_| held.qualify.held && !held.qualify.on);
    let cooldown = cooldown.and_then(|qualify| Some(held.cooldown_from()? + qualify.cooldown));
    let leave_idle = plan.pipeline.as_ref().and_then(|pipeline| next_leave_idle(pipeline, held, state));
    cooldown.into_iter().chain(leave_idle).min()
}

fn next_leave_idle(pipeline: &Pipeline, held: &PlanState, state: &State) -> Option<Timestamp> {
    let present = held.stage.as_ref().filter(|present| !present.by_feedback)?;
    let at = pipeline.stages.iter().position(|stage| stage.name == present.stage)?;
    let stage = &pipeline.stages[at];
    if at == 0 || stage.is_final {
        return None;
    }
    let quiet_since = present.entered.max(state.last_activity(held).unwrap_or(present.entered));
    Some(quiet_since + stage.leave_idle?)
}

/// A plan's levels where some points decay.
#[derive(Clone, Copy)]
pub(super) struct Decaying<'a> {
    pub(super) plans: &'a PlanSet,
    pub(super) plan: &'a Plan,
    pub(super) held: &'a PlanState,
    pub(super) state: &'a State,
}

impl Decaying<'_> {
    /// The next instant after the last step at which a level or the flag of a stage, read without a step, is another (S33).
    fn next_check(self) -> Option<Timestamp> {
        let tau = self.state.tau?;
        let after = tau + Span::from_millis(1);
        let stage = self.plan.pipeline.as_ref().and_then(|pipeline| self.next_of_stage(pipeline, after));
        let standing = self.next_of_standing(after);
        self.next_of_threshold(after).into_iter().chain(stage).chain(standing).min()
    }

    pub(super) fn first(self, score: &ScoreRef, from: Timestamp, threshold: Points, above: bool) -> Option<Timestamp> {
        Watched { state: self.state, plans: self.plans, plan: self.plan, score }.first(from, threshold, above)
    }

    fn next_of_threshold(self, after: Timestamp) -> Option<Timestamp> {
        let qualify = self.plan.qualify.as_ref()?;
        let held = &self.held.qualify;
        if held.on {
            return self.first(&qualify.score, after, qualify.release, false);
        }
        if !held.allowed || self.held.is_barred() || (qualify.rearm == Rearm::Never && held.last_on.is_some()) {
            return None;
        }
        let ready = self.held.cooldown_from().map_or(after, |from| after.max(from + qualify.cooldown));
        self.first(&qualify.score, ready, qualify.at, true)
    }

    fn next_of_stage(self, pipeline: &Pipeline, after: Timestamp) -> Option<Timestamp> {
        let present = self.held.stage.as_ref()?;
        let place = pipeline.stages.iter().position(|stage| stage.name == present.stage)?;
        let stage = &pipeline.stages[place];
        let next =
            pipeline.stages.get(place + 1).filter(|_| present.may_advance && !present.resting && !stage.is_final);
        let enter = next.and_then(|next| next.enter);
        let advance = enter.and_then(|enter| self.first(&pipeline.by, after, enter, true));
        // The first stage is never left, and a final one by feedback only; the flag is kept all the same.
        let is_left = place > 0 && !stage.is_final && !present.by_feedback;
        let below = stage.leave_below.filter(|_| !present.armed || is_left);
        let leave = below.and_then(|below| self.first(&pipeline.by, after, below, !present.armed));
        let idle = next_leave_idle(pipeline, self.held, self.state);
        advance.into_iter().chain(leave).chain(idle).min()
    }
}
