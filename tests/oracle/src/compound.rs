//! Compound rules: several parts within a span, in any order or in theirs (S15).
//!
//! Invariants: a firing that once or `when` blocks uses up nothing; only an event that is a part completes.

use crate::condition::Names;
use crate::event::Row;
use crate::firing::{Place, award, book, once_allows, policy};
use crate::plan::{Part, Policy, Rule, Trigger};
use crate::scope::Scope;
use crate::state::{Parts, State};
use crate::tagging::TagWrite;
use crate::windows::matching_key;

/// What an event was to a compound rule.
pub(crate) enum Met {
    /// No part.
    Nothing,
    /// A part that completed nothing.
    Part,
    /// The part that made the rule fire, and the tags that wrote.
    Fired(Vec<TagWrite>),
}

/// The event meets the rule. The contact must be a member just before.
pub(crate) fn meet(state: &mut State, rule: &Rule, scope: &Scope, row: &Row, place: Place) -> Met {
    let Trigger::All { parts, within_ms, matching, in_order } = &rule.trigger else { return Met::Nothing };
    let plan = &place.plan.id;
    let policy = policy(place.plan, rule, row);
    let Some(key) = matching_key(row, matching.as_ref()) else { return Met::Nothing };
    let is_part = |part: &Part| {
        part.on.contains(&row.event_type) && part.when.as_ref().is_none_or(|w| w.holds(scope as &dyn Names))
    };
    let met: Vec<usize> = (0..parts.len()).filter(|index| is_part(&parts[*index])).collect();
    if !scope.pre.is_member(plan) || policy == Policy::Ignore || met.is_empty() {
        return Met::Nothing;
    }
    let memory_key = (rule.id.clone(), key);
    let memory = state.plan_mut(plan).compounds.entry(memory_key.clone()).or_default();
    memory.0.resize(parts.len(), Vec::new());
    let after = row.time - within_ms;
    let complete =
        if *in_order { chained(memory, &met, row.time, after) } else { gathered(memory, &met, row.time, after) };
    let Some(award) = award(rule, scope).filter(|_| complete) else { return Met::Part };
    if !once_allows(state, &award, place) {
        return Met::Part;
    }
    let Some(writes) = book(state, &award, policy, place) else { return Met::Part };
    let compounds = &mut state.plan_mut(plan).compounds;
    if *in_order {
        compounds.remove(&memory_key);
    } else if let Some(memory) = compounds.get_mut(&memory_key) {
        // Each part uses up the latest event it has.
        for instants in &mut memory.0 {
            instants.pop();
        }
    }
    Met::Fired(writes)
}

/// Any order: each part keeps its unused events. Whether each has one after that instant.
fn gathered(memory: &mut Parts, met: &[usize], time: i64, after: i64) -> bool {
    met.iter().for_each(|part| memory.0[*part].push(time));
    memory.0.iter_mut().for_each(|instants| instants.retain(|instant| *instant > after));
    memory.0.iter().all(|instants| !instants.is_empty())
}

/// In order: each part keeps the latest start of a chain that reached it, the parts tried last to first. Whether the event completes a
/// chain that began after that instant.
fn chained(memory: &mut Parts, met: &[usize], time: i64, after: i64) -> bool {
    for part in met.iter().rev() {
        let start = if *part == 0 { Some(time) } else { memory.0[part - 1].first().copied() };
        if let Some(start) = start {
            memory.0[*part] = vec![start];
        }
    }
    let last = memory.0.len() - 1;
    met.contains(&last) && memory.0[last].first().is_some_and(|start| *start > after)
}
