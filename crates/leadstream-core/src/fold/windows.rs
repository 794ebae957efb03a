//! What is decided now and booked later, or never: windows of absence rules (S13) and events that are held (S56).
//!
//! Invariants: a window is closed before one is opened in a step. Conditions, points and keys are those of the deciding event's instant; once, cap,
//! limits and membership are those of the booking. A contact that waits for nothing pays one comparison for an event.

use std::sync::Arc;

use crate::contact::{Award, Cause, Key, Pending, RuleState};
use crate::event::{Event, EventKind, Verdict};
use crate::fold::reached::Bound;
use crate::fold::step::{Stepper, Timer, valid};
use crate::id::Name;
use crate::plan::{Absence, Candidate, Cap, Plan, Rule, VerdictPolicy};
use crate::time::{Span, Timestamp};
use crate::word::Word;

/// Something that waited and is booked in this step, if once allows.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The plan's place in the set in force.
    pub(crate) plan: usize,
    pub(crate) pending: Pending,
    pub(crate) cause: Cause,
    pub(crate) weight: Option<f64>,
    pub(crate) cap: Option<Cap>,
    /// The end of the calendar period of the cap.
    pub(crate) period_end: Timestamp,
}

/// The value that an event has in a property: no key where no property is asked for; `None` where the event lacks it.
pub(crate) fn key_of(event: &Event, property: Option<Word>) -> Option<Key> {
    match property {
        None => Some(Key::NONE),
        Some(property) => Key::of(event.properties.get(property.name())?),
    }
}

impl Stepper<'_> {
    /// An event closes the windows that it was waited for in, and confirms what is held for its key; what waited too long ends.
    pub(crate) fn meet_waiting(&mut self, event: &Event) {
        self.buffers.due.clear();
        self.buffers.met = 0;
        if !self.state.waiting.is_empty() {
            self.close_windows(event);
            self.release(event);
        }
    }

    fn close_windows(&mut self, event: &Event) {
        let closed: Vec<usize> = places(self.state.waiting.windows(), |window| self.closes(window, event));
        if !closed.is_empty() {
            self.buffers.met += closed.len();
            self.state.waiting.change(|waits| remove(&mut waits.windows, &closed));
        }
    }

    /// Whether an event is one that a window waits for in vain otherwise.
    pub(super) fn closes(&self, window: &Pending, event: &Event) -> bool {
        window.award.unless.iter().any(|known| known.name() == event.event_type.name())
            && key_of(event, property_of(window)).as_ref() == Some(&window.key)
            && !matches!(self.policy_now(window, event.verdict), VerdictPolicy::Ignore)
    }

    /// What a human event confirms is booked before the rules of its plan meet the event.
    fn release(&mut self, event: &Event) {
        if self.state.waiting.holds().is_empty() {
            return;
        }
        let confirms = event.verdict == Verdict::Human && event.kind == EventKind::Interaction;
        let is_over = |held: &Pending| event.time >= held.until;
        let is_met = |held: &Pending| confirms && key_of(event, property_of(held)).as_ref() == Some(&held.key);
        let ended = places(self.state.waiting.holds(), |held| is_over(held) || is_met(held));
        if ended.is_empty() {
            return;
        }
        let ended = self.state.waiting.change(|waits| remove(&mut waits.holds, &ended));
        for pending in ended.into_iter().filter(|held| !is_over(held)) {
            self.buffers.met += 1;
            let cause = Cause::Held(pending.cause);
            self.make_due(pending, cause, None, event.time);
        }
        // Plan by plan, each in the order of its events.
        self.buffers.due.sort_by_key(|due| due.plan);
    }

    /// Notes something that waited to be booked in this step, where the contact takes part in its plan.
    fn make_due(&mut self, pending: Pending, cause: Cause, weight: Option<f64>, now: Timestamp) {
        let award = &pending.award;
        let Some(plan) = self.plans.position(&award.rule.plan).map(usize::from) else { return };
        let compiled = &self.plans.plans()[plan];
        if !self.is_member(compiled) {
            return;
        }
        // A cap is that of the version in force, as long as that has the rule.
        let cap = self.plans.rule(award.rule.key).map_or(award.cap, |(_, rule)| rule.cap);
        let period_end = self.period_end(compiled, award.rule.key, cap, now);
        self.buffers.due.push(Due { plan, pending, cause, weight, cap, period_end });
    }

    /// The policy for a verdict of the version in force: of the rule, as long as that is there, else of the plan (S45).
    fn policy_now(&self, pending: &Pending, verdict: Verdict) -> VerdictPolicy {
        let own = self.plans.rule(pending.award.rule.key).and_then(|(_, rule)| rule.verdicts);
        let of_plan = || {
            let plan = self.plans.position(&pending.award.rule.plan).map(usize::from);
            plan.map(|plan| self.plans.plans()[plan].verdicts).unwrap_or_default()
        };
        own.unwrap_or_else(of_plan).of(verdict)
    }

    /// The first window that is due has come to its end.
    pub(crate) fn end_window(&mut self, timer: Timer) {
        self.buffers.due.clear();
        let is_it = |window: &Pending| {
            window.until == timer.due
                && self.plans.position(&window.award.rule.plan).map(usize::from) == Some(timer.plan)
        };
        let Some(at) = self.state.waiting.windows().iter().position(is_it) else { return };
        let window = self.state.waiting.change(|waits| waits.windows.remove(at));
        let weight = match self.policy_now(&window, window.verdict) {
            VerdictPolicy::Ignore => return,
            VerdictPolicy::Count | VerdictPolicy::Hold { .. } => None,
            VerdictPolicy::Weight(weight) => Some(weight),
        };
        let cause = Cause::Window(window.cause);
        self.make_due(window, cause, weight, timer.due);
    }

    /// An event opens a window of an absence rule, or opens it anew.
    pub(crate) fn open_window(&mut self, at: Candidate, plan: &Plan, rule: &Rule, absence: &Absence, event: &Event) {
        if !self.is_member(plan) {
            return;
        }
        let until = event.time + absence.within;
        let Some(window) = self.pending(at, plan, rule, event, absence.matching, until) else { return };
        let same = |other: &Pending| other.award.rule.key == rule.key && other.key == window.key;
        let known = self.state.waiting.windows().iter().position(same);
        if known.is_none() && !self.has_room() {
            return;
        }
        self.buffers.met += 1;
        self.state.waiting.change(|waits| {
            known.map(|at| waits.windows.remove(at));
            waits.insert_window(window);
        });
    }

    /// What a rule books for an event of doubtful verdict is held, until a human event with its key comes.
    pub(crate) fn hold(&mut self, at: Candidate, plan: &Plan, rule: &Rule, event: &Event, (span, key): (Span, Word)) {
        let Some(held) = self.pending(at, plan, rule, event, Some(key), event.time + span) else { return };
        if self.has_room() {
            self.buffers.met += 1;
            self.state.waiting.change(|waits| waits.holds.push(held));
        }
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.state.waiting.get().is_none_or(|waits| waits.has_room());
        self.buffers.reached.add(Bound::Windows, usize::from(!has_room));
        has_room
    }

    /// What a rule says of an event, to be booked later: its condition holds, the keys are there, and the points have a value.
    fn pending(
        &self,
        at: Candidate,
        plan: &Plan,
        rule: &Rule,
        event: &Event,
        property: Option<Word>,
        until: Timestamp,
    ) -> Option<Pending> {
        let award: &Arc<Award> = self.plans.names(usize::from(at.plan), at.rule as usize).award.as_ref()?;
        let key = key_of(event, property)?;
        let scope = self.scope(plan, Some(event), event.time);
        if !valid(rule, event.time) || !self.passes(plan, rule, rule.when.as_ref(), &scope) {
            return None;
        }
        Some(Pending {
            until,
            key,
            property: property.unwrap_or(Word::EMPTY),
            cause: event.uid,
            verdict: event.verdict,
            once_key: self.once_key_of(plan, rule, &scope)?,
            raw: self.points_of(plan, rule, &scope)?,
            award: Arc::clone(award),
        })
    }

    /// Ends what waits for plans and rules that are not in force any more (S45, S47).
    pub(crate) fn drop_waiting(&mut self) {
        if self.state.waiting.is_empty() {
            return;
        }
        let plans = self.plans;
        self.state.waiting.change(|waits| {
            let is_in_force = |pending: &Pending| plans.position(&pending.award.rule.plan).is_some();
            waits.windows.retain(is_in_force);
            waits.holds.retain(is_in_force);
            waits.gathered.retain(|gathered| {
                let rule = plans.rule(Name::of_pair(&gathered.plan, &gathered.rule));
                rule.is_some_and(|(_, rule)| rule.shape() == Some(gathered.shape))
            });
        });
    }

    /// Ends windows and parts of a plan that the contact leaves (S23). What is held waits on: membership is asked when it is confirmed.
    pub(crate) fn leave_waiting(&mut self, plan: Word) {
        if !self.state.waiting.is_empty() {
            self.state.waiting.change(|waits| {
                waits.windows.retain(|window| window.award.rule.plan != plan);
                waits.gathered.retain(|gathered| gathered.plan != plan);
            });
        }
    }

    /// The end of the period that a booking now counts in, where a cap has periods of the calendar (S19).
    pub(crate) fn period_end(&self, plan: &Plan, rule: Name, cap: Option<Cap>, now: Timestamp) -> Timestamp {
        let Some(period) = cap.map(|cap| cap.period).filter(|period| period.is_of_calendar()) else {
            return Timestamp::MAX;
        };
        let index = self.rules.state_index(rule);
        let held = index.and_then(|index| self.state.rules.iter().find(|state| state.rule == index));
        let same = |held: &&RuleState| held.period == period.code() && now < held.period_end;
        match held.filter(same) {
            Some(held) => held.period_end,
            None => self.buffers.periods.end(plan, period, now),
        }
    }
}

fn property_of(pending: &Pending) -> Option<Word> {
    Some(pending.property).filter(|property| *property != Word::EMPTY)
}

fn places(pending: &[Pending], is_wanted: impl Fn(&Pending) -> bool) -> Vec<usize> {
    let wanted = pending.iter().enumerate().filter(|(_, pending)| is_wanted(pending));
    wanted.map(|(at, _)| at).collect()
}

/// Takes the items at these places, which ascend, out of a list.
fn remove(list: &mut Vec<Pending>, places: &[usize]) -> Vec<Pending> {
    let mut removed: Vec<Pending> = places.iter().rev().map(|at| list.remove(*at)).collect();
    removed.reverse();
    removed
}
