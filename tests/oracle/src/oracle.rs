//! Commands in the order of their arrival: what is accepted, what is late, what is announced (S1, S3, S6, S39 to S45, S54, S55).
//!
//! Owns what no fold can rebuild: the task clock, tau, the levels announced, their numbers and the contact's seq (trap 5). Folds from
//! the beginning for each command.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::verdict;
use crate::derived::{Announcements, DerivedEvent};
use crate::effect::{Announce, Effect, ForwardError, Outcome, Pace};
use crate::event::{Kind, OracleEvent, Row, Uid, Verdict};
use crate::fold::{Folded, Inputs, fold};
use crate::limits::Limits;
use crate::loading::PlanError;
use crate::plan::{Plan, Policy};
use crate::reconcile::reconcile;
use crate::scores::PlanSet;
use crate::state::Cause;
use crate::timeline::Timeline;

/// One contact's oracle.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub(crate) contact: String,
    pub(crate) limits: Limits,
    pub(crate) timeline: Timeline,
    /// Accepted events inside the horizon.
    pub(crate) rows: BTreeMap<Uid, Row>,
    /// Accepted events that left it: the base is their fold.
    pub(crate) departed: Vec<Row>,
    /// The task clock; none before the first clock command.
    pub(crate) clock: Option<i64>,
    /// The place of the latest instant stepped.
    pub(crate) tau: Option<(i64, Option<Uid>)>,
    pub(crate) steps_taken: usize,
    pub(crate) announced: Announcements,
}

impl Oracle {
    /// An oracle for one contact, with the plans in force from the beginning, default limits.
    pub fn new(contact: &str, plans: &[&str]) -> Result<Oracle, PlanError> {
        Oracle::with_limits(contact, plans, Limits::default())
    }

    /// An oracle for one contact with limits of one's own.
    pub fn with_limits(contact: &str, plans: &[&str], limits: Limits) -> Result<Oracle, PlanError> {
        Ok(Oracle {
            contact: contact.to_owned(),
            limits,
            timeline: Timeline::new(plan_set(plans)?),
            rows: BTreeMap::new(),
            departed: Vec::new(),
            clock: None,
            tau: None,
            steps_taken: 0,
            announced: Announcements::default(),
        })
    }

    /// An event arrives.
    pub fn event(&mut self, event: &OracleEvent) -> Effect {
        let row = Row::keep(event, &self.limits);
        let known = self.rows.get(&row.uid);
        if known.is_some_and(|known| row.content() >= known.content()) {
            return Effect { outcome: Some(Outcome::Duplicate), derived: Vec::new() };
        }
        if self.is_too_late(&row) {
            return Effect { outcome: Some(Outcome::TooLate), derived: Vec::new() };
        }
        // S40: a duplicate that replaces what was folded is late wherever it stands.
        let known = known.is_some();
        let late = known || self.tau.is_some_and(|tau| (row.time, Some(row.uid)) < tau);
        let cause = Cause::Event { uid: row.uid.hex(), time: row.time };
        let marks = if row.clamped { vec!["clamped"] } else { Vec::new() };
        // S40: a verdict is always late, and timers due by its time fire before it, under the verdict of before.
        let judges = verdict(&row).is_some();
        let mut derived = Vec::new();
        if judges {
            derived = self.command(Pace::Steps, &cause, &[], self.until().max(row.time)).1;
        }
        self.rows.insert(row.uid, row.clone());
        let (folded, told) = self.command(Pace::of(late || judges), &cause, &marks, self.until());
        derived.extend(told);
        // A replaced copy is counted as one more delivery of the same event.
        let outcome = if known { Outcome::Duplicate } else { self.outcome(&row, &folded) };
        self.depart(&folded);
        Effect { outcome: Some(outcome), derived }
    }

    /// The task clock reaches an instant. It never goes back.
    pub fn clock(&mut self, instant: i64) -> Effect {
        self.clock = Some(self.clock.map_or(instant, |clock| clock.max(instant)));
        let cause = Cause::Timer { due: instant, kind: crate::state::TimerKind::Check, plan: None, rule: None };
        let (_, derived) = self.command(Pace::Steps, &cause, &[], self.until());
        Effect { outcome: None, derived }
    }

    /// A forward change: these plans are in force from an instant on (S45).
    pub fn forward(&mut self, from: i64, plans: &[&str]) -> Result<Effect, ForwardError> {
        let plans = plan_set(plans)?;
        if self.clock.is_some_and(|clock| from < clock) || from <= self.timeline.last().from {
            return Err(ForwardError::TooEarly { from });
        }
        self.timeline.forward(from, plans);
        // Events do not move the task clock, so the contact may have been stepped beyond the change.
        let late = self.tau.is_some_and(|(tau, _)| from <= tau);
        let cause = Cause::Timer { due: from, kind: crate::state::TimerKind::PlanChange, plan: None, rule: None };
        let (_, derived) = self.command(Pace::of(late), &cause, &["plan"], self.until());
        Ok(Effect { outcome: None, derived })
    }

    /// S46: everything inside the horizon is folded under these plans, and what differs from the levels announced is corrected.
    pub fn recompute(&mut self, from: i64, plans: &[&str], announce: Announce) -> Result<Effect, ForwardError> {
        let plans = plan_set(plans)?;
        if self.clock.is_some_and(|clock| from < clock) {
            return Err(ForwardError::TooEarly { from });
        }
        // Behind the base, wherever events ahead of the clock put that.
        let from = self.boundary().map_or(from, |(until, _)| from.max(until + 1));
        self.timeline.recompute(from, &plans, self.boundary());
        let cause = Cause::Timer { due: from, kind: crate::state::TimerKind::PlanChange, plan: None, rule: None };
        let pace = Pace::Anew { silently: announce == Announce::Silent, late: false };
        let (_, derived) = self.command(pace, &cause, &["recompute"], self.until().max(from));
        Ok(Effect { outcome: None, derived })
    }

    /// Folds, then emits the edges of the new steps or, after a late command, reconciles (S40, S41).
    fn command(&mut self, pace: Pace, cause: &Cause, marks: &[&str], until: i64) -> (Folded, Vec<DerivedEvent>) {
        let mut folded = self.fold(i64::MAX, until);
        let last = folded.steps.last().map(|step| step.position);
        self.tau = match (self.tau, last) {
            // The fold of a late command may end before tau, which never goes back.
            (Some((tau, _)), last) if last.is_none_or(|(time, _)| time < tau) => Some((tau, None)),
            (_, last) => last,
        };
        let plans = &self.timeline.versions[folded.state.plan_set].plans;
        let past = self.timeline.past(folded.state.plan_set);
        let mut derived = Vec::new();
        if let Pace::Anew { silently, .. } = pace {
            let mut marks: BTreeSet<String> = marks.iter().map(|mark| (*mark).to_owned()).collect();
            if pace == Pace::LATE {
                marks.insert("late".to_owned());
            }
            let tau = self.tau.map_or(i64::MIN, |(tau, _)| tau);
            // A correction is told as of tau, and so are the scores in it (S43).
            folded.state.now = tau;
            let edges = reconcile(&self.announced, &folded.state, (plans, &past), cause, tau, self.boundary());
            for mut edge in edges {
                edge.marks = marks.iter().cloned().collect();
                if silently {
                    self.announced.announce_silently(&edge);
                } else {
                    derived.extend(self.announced.announce(&self.contact, edge, true));
                }
            }
        } else {
            for edge in folded.steps[self.steps_taken..].iter().flat_map(|step| step.edges.iter().cloned()) {
                derived.extend(self.announced.announce(&self.contact, edge, false));
            }
        }
        self.steps_taken = folded.steps.len();
        self.announced.follow_in_silence(&folded.state);
        (folded, derived)
    }

    /// Folds anew after a merge or split and corrects what was announced (S50, S51).
    pub(crate) fn reconcile_for(&mut self, cause: &Cause, mark: &str) -> Vec<DerivedEvent> {
        let pace = Pace::Anew { silently: false, late: false };
        let (folded, derived) = self.command(pace, cause, &[mark], self.until());
        self.depart(&folded);
        derived
    }

    /// The plans in force at the task clock.
    pub(crate) fn plans_now(&self) -> &PlanSet {
        &self.timeline.versions[self.timeline.at_first_event(self.clock.unwrap_or(i64::MIN))].plans
    }

    /// A fold of the events up to an instant, with the timers due by another.
    pub(crate) fn fold(&self, events_until: i64, timers_until: i64) -> Folded {
        let judged = self.judged(events_until);
        let present = self.rows.values().map(|row| judged_row(&judged, row));
        let mut rows: Vec<Row> = self.departed.iter().cloned().chain(present).collect();
        rows.sort_by_key(Row::order);
        rows.retain(|row| row.time <= events_until);
        fold(&Inputs {
            contact: &self.contact,
            limits: &self.limits,
            timeline: &self.timeline,
            rows: &rows,
            until: timers_until,
            boundary: self.boundary(),
        })
    }

    /// S56: the last verdict on each event, by verdicts up to an instant.
    fn judged(&self, events_until: i64) -> BTreeMap<Uid, Verdict> {
        let mut verdicts: Vec<&Row> = self.departed.iter().chain(self.rows.values()).collect();
        verdicts.retain(|row| row.time <= events_until);
        verdicts.sort_by_key(|row| row.order());
        verdicts.into_iter().filter_map(verdict).collect()
    }

    /// S40: max(tau, task clock).
    pub(crate) fn until(&self) -> i64 {
        let tau = self.tau.map_or(i64::MIN, |(tau, _)| tau);
        self.clock.map_or(tau, |clock| clock.max(tau))
    }

    /// The order of the newest row that departed.
    pub(crate) fn boundary(&self) -> Option<(i64, Uid)> {
        self.departed.iter().map(Row::order).max()
    }

    fn newest(&self) -> Option<i64> {
        self.departed.iter().chain(self.rows.values()).map(|row| row.time).max()
    }

    /// S6: by the contact's data alone, no clock.
    fn is_too_late(&self, row: &Row) -> bool {
        self.boundary().is_some_and(|newest_departed| row.order() <= newest_departed)
            || self.newest().is_some_and(|newest| row.time < newest - self.limits.horizon_ms)
    }

    /// S6: rows leave, oldest first, when they are older than the horizon, too many or too much.
    fn depart(&mut self, folded: &Folded) {
        let Some(newest) = self.newest() else { return };
        while let Some(oldest) = self.rows.values().min_by_key(|row| row.order()).cloned() {
            if oldest.time >= newest - self.limits.horizon_ms
                && self.rows.len() <= self.limits.rows
                && self.bytes(folded) <= self.limits.bytes
            {
                return;
            }
            self.rows.remove(&oldest.uid);
            // The base is a fold: no later verdict changes what departed.
            self.departed.push(judged_row(&self.judged(i64::MAX), &oldest));
        }
    }

    /// S6: what the rows count, and each booking that is not of a step up to the newest departed row, nor behind the newest row.
    fn bytes(&self, folded: &Folded) -> usize {
        let rows: usize = self.rows.values().map(Row::bytes).sum();
        let newest = self.newest().unwrap_or(i64::MIN);
        let counts = |time: i64, by: Option<Uid>| !crate::scores::in_base(self.boundary(), time, by) && time <= newest;
        let state = &folded.state;
        let bookings = state.bookings.iter().filter(|booking| counts(booking.time, booking.by)).count();
        let tags = state.tag_bookings.iter().filter(|tag| {
            let source = &tag.source;
            tag.with_points && counts(source.time, source.by)
        });
        rows + 40 * (bookings + tags.count())
    }

    fn outcome(&self, row: &Row, folded: &Folded) -> Outcome {
        let row = &judged_row(&self.judged(i64::MAX), row);
        let position = (row.time, Some(row.uid));
        let fired = folded.steps.iter().any(|step| step.position == position && step.matched);
        let plans =
            self.timeline.versions.iter().rev().find(|version| version.from <= row.time).map(|version| &version.plans);
        let ignored = |plan: &Plan| plan.policies.of_plan(row.verdict) == Policy::Ignore;
        let suppressed = row.verdict != Verdict::Human
            && plans.is_some_and(|plans| !plans.is_empty() && plans.values().all(ignored));
        match (fired || row.kind != Kind::Interaction, suppressed) {
            (true, _) => Outcome::Applied,
            (false, true) => Outcome::Suppressed,
            (false, false) => Outcome::Unmatched,
        }
    }
}

/// The row with the verdict that was passed on it, if one was.
fn judged_row(judged: &BTreeMap<Uid, Verdict>, row: &Row) -> Row {
    Row { verdict: judged.get(&row.uid).copied().unwrap_or(row.verdict), ..row.clone() }
}

fn plan_set(plans: &[&str]) -> Result<PlanSet, PlanError> {
    let mut set = PlanSet::new();
    for text in plans {
        let plan = Plan::parse(text)?;
        if let Some(twice) = set.insert(plan.id.clone(), plan) {
            return Err(PlanError::Value { what: "plan, which is there twice", value: twice.id });
        }
    }
    Ok(set)
}
