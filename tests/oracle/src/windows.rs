//! Absence: windows that an event opens, another closes, and time lets fire (S13, S45).
//!
//! Owns when windows open and close. Invariants: a window is closed before one is opened in a step; it keeps the rule, points, decay and
//! version with which it was opened.

use crate::event::Row;
use crate::firing::{Place, award, book, key, policy};
use crate::plan::{Plan, Policy, Rule, Trigger};
use crate::scope::{Scope, event_field};
use crate::state::{State, Window};
use crate::tagging::TagWrite;

/// The key of an event under `matching`: one empty key without it; none where the event lacks the property.
pub(crate) fn matching_key(row: &Row, matching: Option<&String>) -> Option<String> {
    match matching {
        None => Some(String::new()),
        Some(property) => key(&event_field(row, property)?),
    }
}

/// The event closes the windows it was waited for in. Whether there was one.
pub(crate) fn close_windows(state: &mut State, plan: &Plan, row: &Row) -> bool {
    let windows = &mut state.plan_mut(&plan.id).windows;
    let before = windows.len();
    windows.retain(|(_, key), window| {
        let Trigger::Absence { unless, matching, .. } = &window.award.rule.trigger else { return true };
        let meets = unless.contains(&row.event_type)
            && policy(plan, &window.award.rule, row) != Policy::Ignore
            && matching_key(row, matching.as_ref()).as_ref() == Some(key);
        !meets
    });
    windows.len() < before
}

/// The event opens, or opens anew, the rule's window. Whether it did. The contact must be a member.
pub(crate) fn open_window(state: &mut State, rule: &Rule, scope: &Scope, row: &Row, windows_max: usize) -> bool {
    let Trigger::Absence { after, matching, within_ms, .. } = &rule.trigger else { return false };
    let plan = &scope.plan.id;
    if !after.contains(&row.event_type) || !scope.pre.is_member(plan) {
        return false;
    }
    let (Some(key), Some(award)) = (matching_key(row, matching.as_ref()), award(rule, scope)) else { return false };
    let place = (rule.id.clone(), key);
    let open: usize = state.plans.values().map(|memory| memory.windows.len() + memory.holds.len()).sum();
    let windows = &mut state.plan_mut(plan).windows;
    if open >= windows_max && !windows.contains_key(&place) {
        return false;
    }
    windows.insert(place, Window { award, verdict: row.verdict, due: row.time + within_ms });
    true
}

/// The window's due has come: it is booked if the contact is still a member and the policy in force now lets it (S45).
pub(crate) fn fire_window(state: &mut State, window: &Window, is_member: bool, place: Place) -> Option<Vec<TagWrite>> {
    let now = place.plan.rule(&window.award.rule.id);
    let stated = now.and_then(|rule| rule.policies.0.get(&window.verdict).cloned());
    let policy = stated.unwrap_or_else(|| place.plan.policies.of_plan(window.verdict));
    if !is_member || policy == Policy::Ignore {
        return None;
    }
    book(state, &window.award, policy, place)
}
