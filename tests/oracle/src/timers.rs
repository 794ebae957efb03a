//! Which timer is next: plan change, windows, idle rules, the check (S5, S13, S14, S33, S45).
//!
//! Computes every due of the contact from scratch and takes the least. Never fires one.

use crate::check::next_check;
use crate::plan::{Plan, Trigger};
use crate::state::{State, TimerKind};
use crate::timeline::{Entry, Timeline, Version};

/// A timer. The order of the fields is the order of timers (S5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) due: i64,
    pub(crate) kind: TimerKind,
    pub(crate) plan: String,
    pub(crate) rule: String,
    /// The key of a window.
    pub(crate) key: String,
}

impl Timer {
    /// The step at a change of plans.
    pub(crate) fn of_change(due: i64) -> Timer {
        unnamed(due, TimerKind::PlanChange)
    }
}

fn unnamed(due: i64, kind: TimerKind) -> Timer {
    Timer { due, kind, plan: String::new(), rule: String::new(), key: String::new() }
}

/// The timer that goes next, if it is due by this instant; none for a contact without events.
pub(crate) fn next_timer(state: &State, timeline: &Timeline, until: i64) -> Option<Timer> {
    let began = state.began?;
    let Version { idle_from, plans, .. } = &timeline.versions[state.plan_set];
    let mut timers = Vec::new();
    if let Some(next) = timeline.versions.get(state.plan_set + 1)
        && !matches!(next.entry, Entry::Behind(_))
    {
        timers.push(unnamed(next.from, TimerKind::PlanChange));
    }
    for plan in plans.values() {
        for ((rule, key), window) in state.plan(&plan.id).windows {
            timers.push(Timer { plan: plan.id.clone(), rule, key, ..unnamed(window.due, TimerKind::Absence) });
        }
        for rule in &plan.rules {
            if let Trigger::Idle { idle_ms, every_ms, times } = rule.trigger
                && let Some(due) = next_due(state, plan, &rule.id, began, *idle_from, (idle_ms, every_ms, times))
            {
                timers.push(Timer { plan: plan.id.clone(), rule: rule.id.clone(), ..unnamed(due, TimerKind::Idle) });
            }
        }
    }
    let next = timers.into_iter().min().filter(|timer| timer.due <= until);
    // The check is the last of its instant and there is only one: it need not be looked for beyond the others.
    let until = next.as_ref().map_or(until, |next| until.min(next.due));
    let check = next_check(state, plans, until);
    let check = check.map(|due| unnamed(due, TimerKind::Check));
    next.into_iter().chain(check).min()
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
