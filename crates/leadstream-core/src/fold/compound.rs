//! Compound rules: several events within a span, in any order or in theirs (S15).
//!
//! Invariants: only an event that is a part completes a rule; a firing that `when` or `once_per` blocks uses up nothing; what lies further back than
//! the span is forgotten whenever the rule takes a part.

use crate::contact::{GATHERED_MAX, Gathered, Key, PART_INSTANTS_MAX, Waits};
use crate::event::Event;
use crate::fold::reached::Bound;
use crate::fold::step::Stepper;
use crate::fold::windows::key_of;
use crate::plan::{Compound, Plan, Rule};
use crate::time::Timestamp;

impl Stepper<'_> {
    /// Takes an event as a part of a compound rule. Returns its key where all parts are there with it. The contact must be a member.
    pub(crate) fn gather(&mut self, plan: &Plan, rule: &Rule, compound: &Compound, event: &Event) -> Option<Key> {
        let key = key_of(event, compound.matching)?;
        let met = self.parts_met(plan, rule, compound, event);
        if met.is_empty() {
            return None;
        }
        self.buffers.met += 1;
        let (now, after) = (event.time, event.time - compound.within);
        let (is_complete, forgotten) = self.state.waiting.change(|waits| {
            forget_before(waits, plan, rule, after);
            let at = waits.find_gathered(plan.id, rule.id, &key).unwrap_or_else(|at| {
                let instants = vec![Vec::new(); compound.parts.len()];
                let (plan, rule) = (plan.id, rule.id);
                waits.gathered.insert(at, Gathered { plan, rule, shape: compound.shape, key: key.clone(), instants });
                at
            });
            let instants = &mut waits.gathered[at].instants;
            let is_complete = if compound.in_order { chain(instants, &met, now) } else { collect(instants, &met, now) };
            if instants.iter().all(Vec::is_empty) {
                // A part that follows none of those before it.
                waits.gathered.remove(at);
            }
            (is_complete, bound(waits))
        });
        self.buffers.reached.add(Bound::Gathered, forgotten);
        is_complete.then_some(key)
    }

    /// The places of the parts that an event is.
    pub(super) fn parts_met(&self, plan: &Plan, rule: &Rule, compound: &Compound, event: &Event) -> Vec<usize> {
        let event_type = event.event_type.name();
        let scope = self.scope(plan, Some(event), event.time);
        let is_met = |at: &usize| {
            let part = &compound.parts[*at];
            part.types.iter().any(|known| known.name() == event_type)
                && self.passes(plan, rule, part.when.as_ref(), &scope)
        };
        (0..compound.parts.len()).filter(is_met).collect()
    }

    /// A firing uses up the latest of each part; where they come in order, all.
    pub(crate) fn use_up(&mut self, plan: &Plan, rule: &Rule, compound: &Compound, key: &Key) {
        self.state.waiting.change(|waits| {
            let Ok(at) = waits.find_gathered(plan.id, rule.id, key) else { return };
            let instants = &mut waits.gathered[at].instants;
            if !compound.in_order {
                instants.iter_mut().for_each(|part| part.truncate(part.len().saturating_sub(1)));
            }
            if compound.in_order || instants.iter().all(Vec::is_empty) {
                waits.gathered.remove(at);
            }
        });
    }
}

/// Forgets what no event can complete any more.
fn forget_before(waits: &mut Waits, plan: &Plan, rule: &Rule, after: Timestamp) {
    waits.gathered.retain_mut(|gathered| {
        if (gathered.plan, gathered.rule) != (plan.id, rule.id) {
            return true;
        }
        gathered.instants.iter_mut().for_each(|part| part.retain(|instant| *instant > after));
        gathered.instants.iter().any(|part| !part.is_empty())
    });
}

/// In any order: each part keeps its unused events. Returns whether each has one.
fn collect(instants: &mut [Vec<Timestamp>], met: &[usize], now: Timestamp) -> bool {
    met.iter().for_each(|part| instants[*part].push(now));
    instants.iter().all(|part| !part.is_empty())
}

/// In order: each part keeps the latest start of a chain that reached it; the parts are tried last to first, so that an event is one link of a
/// chain and not two. Returns whether the event completes one.
fn chain(instants: &mut [Vec<Timestamp>], met: &[usize], now: Timestamp) -> bool {
    let last = instants.len() - 1;
    let mut is_complete = false;
    for part in met.iter().rev().copied() {
        let start = match part.checked_sub(1) {
            None => Some(now),
            Some(before) => instants[before].first().copied(),
        };
        if let Some(start) = start {
            instants[part] = vec![start];
        }
        is_complete |= part == last && !instants[part].is_empty();
    }
    is_complete
}

/// Lets go of what is beyond the bounds (S58, L8), the oldest first. Returns how often.
fn bound(waits: &mut Waits) -> usize {
    let mut forgotten = 0;
    while waits.gathered.len() > GATHERED_MAX {
        let newest = |gathered: &Gathered| gathered.instants.iter().flatten().max().copied();
        let met_longest_ago = (0..waits.gathered.len()).min_by_key(|at| newest(&waits.gathered[*at]));
        met_longest_ago.map(|at| waits.gathered.remove(at));
        forgotten += 1;
    }
    let count =
        |waits: &Waits| waits.gathered.iter().flat_map(|gathered| &gathered.instants).map(Vec::len).sum::<usize>();
    for _ in PART_INSTANTS_MAX..count(waits) {
        let parts = waits.gathered.iter_mut().flat_map(|gathered| &mut gathered.instants);
        let oldest = parts.filter(|part| !part.is_empty()).min_by_key(|part| part[0]);
        oldest.map(|part| part.remove(0));
        forgotten += 1;
    }
    waits.gathered.retain(|gathered| gathered.instants.iter().any(|part| !part.is_empty()));
    forgotten
}
