//! Which timer is next: plan change, idle rules, the check (S5, S14, S33, S45).
//!
//! Computes every due of the contact from scratch and takes the least. Never fires one.

use crate::plan::{Plan, Trigger};
use crate::scores::{PlanSet, ScoreName, score};
use crate::state::{State, TimerKind};

/// A timer. The order of the fields is the order of timers (S5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) due: i64,
    pub(crate) kind: TimerKind,
    pub(crate) plan: String,
    pub(crate) rule: String,
}

/// The timer that goes next; none for a contact without events.
pub(crate) fn next_timer(state: &State, timeline: &[(i64, PlanSet)]) -> Option<Timer> {
    let began = state.began?;
    let (in_force_from, plans) = &timeline[state.plan_set];
    let mut timers = Vec::new();
    if let Some((from, _)) = timeline.get(state.plan_set + 1) {
        timers.push(Timer { due: *from, kind: TimerKind::PlanChange, plan: String::new(), rule: String::new() });
    }
    for plan in plans.values() {
        for rule in &plan.rules {
            if let Trigger::Idle { idle_ms, every_ms, times } = rule.trigger
                && let Some(due) = next_due(state, plan, &rule.id, began, *in_force_from, (idle_ms, every_ms, times))
            {
                timers.push(Timer { due, kind: TimerKind::Idle, plan: plan.id.clone(), rule: rule.id.clone() });
            }
        }
        for due in check_instants(state, plans, plan).into_iter().filter(|due| *due > state.tau) {
            timers.push(Timer { due, kind: TimerKind::Check, plan: String::new(), rule: String::new() });
        }
    }
    timers.into_iter().min()
}

/// S14: the least due of the rule that is not served yet and not before the plan set in force.
fn next_due(
    state: &State,
    plan: &Plan,
    rule: &str,
    began: i64,
    in_force_from: i64,
    (idle_ms, every_ms, times): (i64, i64, u32),
) -> Option<i64> {
    let memory = state.plan(&plan.id);
    let start = memory.member_since?.max(began).max(memory.last_activity.unwrap_or(began));
    let served = memory.idle_served.get(rule).copied();
    let dues = (0..i64::from(times)).map(|number| start + idle_ms + number * every_ms);
    dues.filter(|due| served.is_none_or(|served| *due > served)).find(|due| *due >= in_force_from)
}

/// S33: the instants at which a level read without a step would differ: an end of a cooldown, an end of `leave_idle`.
///
/// Scores do not change between steps in the clauses covered, and conditions keep their value.
fn check_instants(state: &State, plans: &PlanSet, plan: &Plan) -> Vec<i64> {
    let memory = state.plan(&plan.id);
    let mut instants = Vec::new();
    if memory.member_since.is_none() {
        return instants;
    }
    if let Some(qualify) = &plan.qualify
        && let Some(last_on) = memory.last_on
        && let Some(read) = ScoreName::of_threshold(&qualify.score, &plan.id)
    {
        let waiting = !memory.qualified && memory.qualify_when && !qualify.rearm_never;
        if waiting && score(state, plans, &read) >= qualify.at {
            instants.push(last_on + qualify.cooldown_ms);
        }
    }
    if let Some(pipeline) = &plan.pipeline
        && let Some(stay) = &memory.stay
        && let Some(index) = pipeline.index(&stay.stage).filter(|index| *index > 0)
        && let Some(idle_ms) = pipeline.stages[index].leave_idle_ms.filter(|_| !pipeline.stages[index].is_final)
    {
        instants.push(memory.last_activity.map_or(stay.entered, |activity| activity.max(stay.entered)) + idle_ms);
    }
    instants
}
