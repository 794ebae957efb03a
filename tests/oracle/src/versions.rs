//! A version of the plans comes into force: what begins anew and what ends (S19, S45, S46, S47).
//!
//! Never moves a level at a step: that is for the step to do. Invariant: bookings keep what they were booked with.

use jiff::tz::TimeZone;

use crate::event::Row;
use crate::fold::Fold;
use crate::plan::{Per, Plan, Rule, Trigger};
use crate::scores::PlanSet;
use crate::timeline::Entry;
use crate::timers::Timer;

impl<'a> Fold<'a> {
    /// The plans before and after a change that has just come into force.
    fn versions(&self) -> (&'a PlanSet, &'a PlanSet) {
        let versions = &self.inputs.timeline.versions;
        (&versions[self.state.plan_set - 1].plans, &versions[self.state.plan_set].plans)
    }

    /// The next version comes into force: caps and parts that it changes begin anew, and what is gone with it ends (S45, S47).
    ///
    /// A plan that is gone loses its levels when the step settles.
    pub(crate) fn next_version(&mut self) {
        self.state.plan_set += 1;
        self.begin_caps();
        self.drop_other_parts();
        let (before, now) = self.versions();
        for id in before.keys().filter(|id| !now.contains_key(*id)) {
            self.state.end_engagement(id);
            let memory = self.state.plan_mut(id);
            memory.member_since = None;
            memory.fit.clear();
            memory.conditions.clear();
            memory.windows.clear();
            memory.holds.clear();
            memory.compounds.clear();
        }
    }

    /// S46: behind the newest event of the base a recomputed version comes into force, by a step that nobody is told of.
    pub(crate) fn pass_base(&mut self, row: &Row) {
        let versions = &self.inputs.timeline.versions;
        while versions.get(self.state.plan_set + 1).is_some_and(|next| next.entry == Entry::Behind(row.uid)) {
            self.step_timer(&Timer::of_change(row.time));
        }
    }

    /// S19, S45: a cap whose period is not the one that the rule had in the version before begins with nothing in it.
    fn begin_caps(&mut self) {
        let (before, now) = self.versions();
        let booked = self.state.bookings.len();
        for plan in now.values() {
            let old = before.get(&plan.id);
            for rule in &plan.rules {
                let old_rule = old.and_then(|old| old.rules.iter().find(|known| known.id == rule.id));
                let period = old.zip(old_rule).and_then(|(old, rule)| cap_period(old, rule));
                if cap_period(plan, rule) != period {
                    self.state.plan_mut(&plan.id).cap_since.insert(rule.id.clone(), booked);
                }
            }
        }
        // The cap of a rule that is gone holds for its windows alone, from here on.
        for old in before.values() {
            let is_gone = |rule: &&Rule| now.get(&old.id).is_none_or(|plan| plan.rule(&rule.id).is_none());
            for rule in old.rules.iter().filter(is_gone) {
                self.state.plan_mut(&old.id).cap_since.insert(rule.id.clone(), booked);
            }
        }
    }

    /// S45: what a compound rule keeps stays as long as the rule asks for the same parts in the same way.
    fn drop_other_parts(&mut self) {
        let (before, now) = self.versions();
        let shape = |plan: Option<&'a Plan>, rule: &str| match &plan?.rule(rule)?.trigger {
            Trigger::All { parts, within_ms, matching, in_order } => Some((parts, within_ms, matching, in_order)),
            _ => None,
        };
        for (id, memory) in &mut self.state.plans {
            let same = |rule: &str| shape(before.get(id), rule) == shape(now.get(id), rule);
            memory.compounds.retain(|(rule, _), _| same(rule));
        }
    }
}

/// The period of a rule's cap, with the zone where it is one of the calendar.
fn cap_period<'a>(plan: &'a Plan, rule: &Rule) -> Option<(Per, Option<&'a TimeZone>)> {
    let per = rule.cap.as_ref()?.per;
    Some((per, matches!(per, Per::Calendar(_)).then_some(&plan.zone)))
}
