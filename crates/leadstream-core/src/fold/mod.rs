//! The fold: from a contact, an event or a clock, and the plans in force to the contact after it, and to what the world is told (L1).
//!
//! Owns the order of a contact's steps (S5), lateness (S6, S40), duplicates (S3), the horizon (S6) and corrections (S41). It never reads a clock, and
//! its result never depends on how events were batched or in which order they arrived.

mod actions;
mod adjust;
mod announce;
mod bands;
mod booking;
mod checkpoints;
mod compound;
mod crossing;
mod departure;
mod facts;
mod faults;
mod feedback;
mod identities;
mod inspect;
mod levels;
mod periods;
mod reached;
mod recompute;
mod reconcile;
mod refold;
mod route;
mod sight;
mod stages;
mod standing_checks;
mod step;
mod timers;
mod unite;
mod windows;

use std::borrow::Cow;
use std::sync::Arc;

use crate::contact::{Contact, RowText, judgement};
use crate::derived::{DerivedCause, DerivedEvent, Mark, TimerKind};
use crate::event::{Event, EventKind, Verdict};
use crate::expr::Expr;
use crate::fold::announce::Announcement;
use crate::fold::levels::Edge;
use crate::fold::sight::Stands;
use crate::fold::step::{StepBuffers, Timer};
use crate::plan::{Plan, PlanSet, VerdictPolicy};
use crate::scores::Scores;
use crate::time::{Span, Timestamp};
use crate::timeline::{InForce, Timeline, View};

pub(crate) use adjust::ADJUST_RULE;
pub use announce::CONTRIBUTIONS_SHOWN;
pub use checkpoints::Checkpoints;
pub use departure::BOOKING_BYTES;
pub use facts::FactCaches;
pub use faults::Fault;
pub use identities::Part;
pub use inspect::{FailedPart, Finding, Found, Met};
pub use reached::{Bound, Reached};
pub use sight::{Past, Sight};

/// How much history a contact keeps (S6, S58).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How far back rows reach, behind the contact's newest event.
    pub horizon: Span,
    /// How many rows there may be.
    pub rows: usize,
    /// How much rows and what they booked may count, in bytes, so that the record of a contact fits into a message: [`Rows::total_bytes`], and
    /// [`BOOKING_BYTES`] for each booking.
    pub bytes: usize,
}

/// What the record of a contact may need beside [`HistoryLimits::bytes`]: its attributes, tags, once keys, bookings inside rolling caps and statistics of
/// departed events, each filled to its bound, now and in the base, and what it knows of its identity (S58).
pub const STATE_BYTES_MAX: usize = 441_000;

impl Default for HistoryLimits {
    fn default() -> HistoryLimits {
        HistoryLimits { horizon: Span::days(400), rows: 2000, bytes: 448 * 1024 }
    }
}

/// What became of an event (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// A rule fired, or it set attributes or tags.
    Applied,
    /// It is part of the history, and no rule fired.
    Unmatched,
    /// The contact had it already.
    Duplicate,
    /// Every plan ignores events with its verdict (S56). It is part of the history all the same.
    Suppressed,
    /// It is older than what is kept (S6).
    TooLate,
}

/// Folds events into contacts. Holds the plans in force and reusable buffers, but nothing of any contact.
#[derive(Debug)]
pub struct Fold {
    timeline: Timeline,
    limits: HistoryLimits,
    /// Put on every derived event, such as [`Mark::Replay`].
    marks: Vec<Mark>,
    row: Event,
    buffers: StepBuffers,
    /// The last change of each subject in the present silent fold.
    noted: Vec<Edge>,
    /// Contacts with so many rows keep states to fold late events from.
    checkpoints_from_rows: usize,
}

impl Fold {
    /// A fold under a timeline of plan sets.
    pub fn new(timeline: Timeline, limits: HistoryLimits) -> Fold {
        Fold {
            timeline,
            limits,
            marks: Vec::new(),
            row: Event::default(),
            buffers: StepBuffers::default(),
            noted: Vec::new(),
            checkpoints_from_rows: checkpoints::ROWS_MIN,
        }
    }

    /// Keeps states to fold late events from in contacts with so many rows already: no result depends on it.
    #[must_use]
    pub fn with_checkpoints_from(mut self, rows: usize) -> Fold {
        self.checkpoints_from_rows = rows;
        self
    }

    /// Marks every derived event, as an offline run does.
    #[must_use]
    pub fn marked(mut self, mark: Mark) -> Fold {
        self.marks.push(mark);
        self
    }

    /// The plan sets in force.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Goes on under other plan sets over time, as for the contacts of another task.
    pub fn use_timeline(&mut self, timeline: &Timeline) {
        if !self.timeline.is(timeline) {
            self.timeline = timeline.clone();
        }
    }

    /// Puts another plan set in force from an instant on, at or after the task clock (S45). Returns false where the instant is not later than
    /// every earlier change.
    #[must_use]
    pub fn change_plans(&mut self, from: Timestamp, plans: Arc<PlanSet>) -> bool {
        self.timeline.change(from, plans)
    }

    /// Has each contact folded anew under another plan set at an instant, at or after the task clock and behind all that has left any contact for good
    /// (S46); `silent` moves the levels announced and tells
    /// nobody. Returns false where the instant is not later than every earlier recompute.
    #[must_use]
    pub fn recompute_plans(&mut self, at: Timestamp, plans: Arc<PlanSet>, silent: bool) -> bool {
        self.timeline.recompute(at, plans, silent)
    }

    /// The plan sets that the steps of a contact are taken under.
    pub(crate) fn view(&self, contact: &Contact) -> &View {
        self.timeline.view(contact.recomputed)
    }

    /// Takes one event of the contact. Timers due up to the event, and after it up to the task clock, fire in it (S40).
    pub fn apply(
        &mut self,
        contact: &mut Contact,
        event: &Event,
        clock: Timestamp,
        out: &mut Vec<DerivedEvent>,
    ) -> Outcome {
        let sight = self.look(contact, event, clock);
        self.take(contact, event, sight, clock, out)
    }

    /// Takes one event of the contact as [`Fold::apply`] does, after a look at it; the contact has not changed in between.
    pub fn take(
        &mut self,
        contact: &mut Contact,
        event: &Event,
        sight: Sight,
        clock: Timestamp,
        out: &mut Vec<DerivedEvent>,
    ) -> Outcome {
        let sight = match sight.past() {
            Past::Kept | Past::From(_) => sight,
            Past::Anything => {
                self.catch_up(contact, event.time.max(clock), clock, out);
                self.look(contact, event, clock)
            }
        };
        self.begin(contact);
        let fired = match sight.stands {
            Stands::Repeats => return Outcome::Duplicate,
            Stands::TooLate => return Outcome::TooLate,
            Stands::Replaces { at, .. } => {
                self.before_judging(contact, event, clock, out);
                let judged = contact.rows.as_slice()[at].kind() == EventKind::Verdict;
                contact.rows.remove(at);
                contact.rows.insert(event);
                if judged || event.kind == EventKind::Verdict {
                    contact.judge_anew();
                }
                self.apply_late(contact, event, sight.refold_from(), clock, out)
            }
            Stands::Late { .. } => {
                self.before_judging(contact, event, clock, out);
                contact.rows.insert(event);
                if event.kind == EventKind::Verdict {
                    contact.judge_anew();
                }
                self.apply_late(contact, event, sight.refold_from(), clock, out)
            }
            Stands::Follows => {
                self.fire_due(contact, event.time, out);
                contact.rows.insert(event);
                let verdict = contact.judged.verdict(event.uid, event.verdict);
                let fired = if verdict == event.verdict {
                    self.step_last(contact, event, out)
                } else {
                    self.step_last(contact, &Event { verdict, ..event.clone() }, out)
                };
                if clock > event.time {
                    self.refresh(contact);
                    self.fire_due(contact, clock, out);
                }
                fired
            }
        };
        let verdict = contact.judged.verdict(event.uid, event.verdict);
        self.depart(contact);
        self.refresh(contact);
        match sight.stands {
            Stands::Replaces { .. } => Outcome::Duplicate,
            _ => self.outcome(contact, event, verdict, fired),
        }
    }

    /// A verdict judges what has happened by its time: timers due by then go before it, under the verdict of before (S40).
    fn before_judging(&mut self, contact: &mut Contact, event: &Event, clock: Timestamp, out: &mut Vec<DerivedEvent>) {
        if judgement(event).is_some() {
            self.fire_due(contact, event.time.max(clock), out);
        }
    }

    /// What has to happen before the next event can be looked at: nothing of it depends on that event but which recomputes come before it.
    fn catch_up(&mut self, contact: &mut Contact, until: Timestamp, clock: Timestamp, out: &mut Vec<DerivedEvent>) {
        if contact.must_tidy() {
            contact.forget_gone();
            contact.forget_unused_rules();
        }
        while let Some(recompute) = self.recompute_by(contact, until) {
            self.advance(contact, recompute.at, out);
        }
        if self.missed_plan_change(contact) {
            self.advance(contact, clock, out);
        }
    }

    /// Fires the contact's timers due at or before the task clock. Returns whether anything stepped.
    pub fn advance(&mut self, contact: &mut Contact, clock: Timestamp, out: &mut Vec<DerivedEvent>) -> bool {
        let mut stepped = false;
        if self.missed_plan_change(contact) {
            let cause = plan_change_cause(self.view(contact), contact);
            self.refold_and_correct(contact, clock, cause, Mark::Plan, out);
            stepped = true;
        }
        stepped |= self.fire_due(contact, clock, out);
        if stepped {
            self.refresh(contact);
        }
        stepped
    }

    /// Computes when the contact's next timer is due, as after loading it.
    pub fn refresh(&self, contact: &mut Contact) {
        contact.next_due = self.next_timer(contact).map(|timer| timer.due);
    }

    /// Which bounds of what a contact keeps were reached since the last time, if any (S58). Folding anew counts nothing twice.
    #[inline]
    pub fn take_reached(&mut self) -> Option<Reached> {
        (!self.buffers.reached.is_empty()).then(|| std::mem::take(&mut self.buffers.reached))
    }

    /// The rules that did not fire since the last time because an expression of theirs had no value (S9), in the order in which they were judged. What is
    /// folded anew is not told twice.
    #[inline]
    pub fn take_faults(&mut self) -> impl Iterator<Item = Fault> {
        self.buffers.faults.drain()
    }

    fn forget_tags(&mut self, contact: &mut Contact) {
        let forgotten = contact.announced.forget_tags();
        self.buffers.reached.add(Bound::AnnouncedTags, forgotten);
    }

    /// The contact as it was after all steps up to an instant, folded anew from the base (L1). `None` where the instant lies before the base.
    pub fn at(&mut self, contact: &Contact, instant: Timestamp) -> Option<Contact> {
        if contact.base.as_ref().is_some_and(|base| instant < base.boundary.0) {
            return None;
        }
        let mut past = contact.clone();
        let visible = past.rows.as_slice().partition_point(|row| row.time <= instant);
        past.rows.truncate(visible);
        past.judge_anew();
        self.refold(&mut past, 0, instant, None);
        self.refresh(&mut past);
        Some(past)
    }

    /// Whether a plan change lies before a step that was taken without it.
    fn missed_plan_change(&self, contact: &Contact) -> bool {
        match (contact.state.tau, contact.state.plans_since) {
            (Some(tau), Some(since)) => self.view(contact).next_change(since).is_some_and(|change| change <= tau),
            _ => false,
        }
    }

    /// Fires timers due at or before `until`, announcing what they change.
    fn fire_due(&mut self, contact: &mut Contact, until: Timestamp, out: &mut Vec<DerivedEvent>) -> bool {
        // The instant remembered beside the contact spares most events the search; it knows nothing of plan changes made since.
        let change = contact.state.plans_since.and_then(|since| self.view(contact).next_change(since));
        let recompute = self.next_recompute(contact).map(|recompute| recompute.at);
        if contact.next_due.into_iter().chain(change).chain(recompute).all(|due| due > until) {
            return false;
        }
        let mut stepped = false;
        while let Some(timer) = self.next_due(contact, until) {
            stepped = true;
            if let Some(recompute) = self.recompute_by(contact, timer.due) {
                self.recompute(contact, recompute, out);
                continue;
            }
            let in_force = self.in_force_for(contact, timer, contact.state.plans_since);
            let cause = timer_cause(timer, contact, &in_force);
            self.step_timer(contact, timer, &in_force);
            if !self.buffers.edges.is_empty() {
                let of_change = if in_force.recomputes { Mark::Recompute } else { Mark::Plan };
                let mark = (timer.kind == TimerKind::PlanChange).then_some(of_change);
                self.announce_edges(contact, &in_force, cause, timer.due, mark, out);
            }
        }
        stepped
    }

    fn next_due(&self, contact: &Contact, until: Timestamp) -> Option<Timer> {
        self.next_timer(contact).filter(|timer| timer.due <= until)
    }

    /// The contact's next timer; a recompute that it has not gone through is one too.
    fn next_timer(&self, contact: &Contact) -> Option<Timer> {
        let own = timers::next_timer(self.view(contact), &contact.state, &contact.rules);
        let recompute = self.next_recompute(contact).map(|recompute| Timer::of_change(recompute.at));
        own.into_iter().chain(recompute).min()
    }

    /// The plan set that a timer is stepped under: a plan change under the new one, any other under the one stepped last.
    fn in_force_for(&self, contact: &Contact, timer: Timer, stepped: Option<Timestamp>) -> Arc<InForce> {
        let instant = match timer.kind {
            TimerKind::PlanChange => timer.due,
            TimerKind::Absence | TimerKind::Idle | TimerKind::Check => stepped.unwrap_or(timer.due),
        };
        Arc::clone(self.view(contact).at(instant))
    }

    fn step_timer(&mut self, contact: &mut Contact, timer: Timer, in_force: &InForce) {
        let visible = contact
            .rows
            .as_slice()
            .partition_point(|row| row.time < timer.due || Some(row.order()) <= contact.state.last_event);
        step::stepper(contact, in_force, self.limits.horizon, visible, &mut self.buffers).timer(timer);
    }

    /// Steps the event whose row was just appended, announcing what it changes. Returns how many rules fired.
    fn step_last(&mut self, contact: &mut Contact, event: &Event, out: &mut Vec<DerivedEvent>) -> usize {
        let in_force = Arc::clone(self.view(contact).at(event.time));
        let visible = contact.rows.len();
        let fired = step::stepper(contact, &in_force, self.limits.horizon, visible, &mut self.buffers).event(event);
        if !self.buffers.edges.is_empty() {
            let mark = event.clamped.then_some(Mark::Clamped);
            self.announce_edges(contact, &in_force, event_cause(event), event.time, mark, out);
        }
        fired
    }

    fn announce_edges(
        &mut self,
        contact: &mut Contact,
        in_force: &InForce,
        cause: DerivedCause,
        time: Timestamp,
        mark: Option<Mark>,
        out: &mut Vec<DerivedEvent>,
    ) {
        let mut marks = self.marks.clone();
        marks.extend(mark);
        marks.sort();
        let announcement = Announcement { plans: &in_force.plans, cause, time, marks: &marks, corrects: false };
        let edges = std::mem::take(&mut self.buffers.edges);
        for edge in &edges {
            announcement.tell(contact, edge, Vec::new(), out);
        }
        self.buffers.edges = edges;
        self.forget_tags(contact);
    }

    fn outcome(&self, contact: &Contact, event: &Event, verdict: Verdict, fired: usize) -> Outcome {
        if event.kind != EventKind::Interaction || fired > 0 {
            return Outcome::Applied;
        }
        let plans = self.view(contact).at(event.time).plans.plans();
        let ignored = verdict != Verdict::Human
            && !plans.is_empty()
            && plans.iter().all(|plan| plan.verdicts.of(verdict) == VerdictPolicy::Ignore);
        if ignored { Outcome::Suppressed } else { Outcome::Unmatched }
    }
}

fn event_cause(event: &Event) -> DerivedCause {
    let event_type = spelling(RowText::from_outside(event.event_type.name(), event.event_type.as_str()));
    DerivedCause::Event { uid: event.uid, event_type, time: event.time }
}

/// A text of a row, kept: a word costs nothing.
pub(crate) fn spelling(text: RowText<'_>) -> Cow<'static, str> {
    match text {
        RowText::Word(word) => Cow::Borrowed(word.as_str()),
        RowText::Own(text) => Cow::Owned(text.to_owned()),
    }
}

/// The cause of what a timer is about to change.
fn timer_cause(timer: Timer, contact: &Contact, in_force: &InForce) -> DerivedCause {
    let rule = match timer.kind {
        TimerKind::Absence => {
            timers::first_window(&contact.state, &in_force.plans).map(|(_, window)| window.award.rule.rule)
        }
        TimerKind::Idle => Some(in_force.plans.plans()[timer.plan].rules[timer.rule].id),
        TimerKind::PlanChange | TimerKind::Check => None,
    };
    DerivedCause::Timer { kind: timer.kind, rule, due: timer.due }
}

fn plan_change_cause(view: &View, contact: &Contact) -> DerivedCause {
    let due = contact.state.plans_since.and_then(|since| view.next_change(since)).unwrap_or(Timestamp::MIN);
    DerivedCause::Timer { kind: TimerKind::PlanChange, rule: None, due }
}

/// Whether a condition of a plan holds for a contact as it stands, between steps.
pub(crate) fn holds_now(contact: &Contact, plans: &PlanSet, plan: &Plan, when: &Expr) -> bool {
    let levels = levels::PreLevels::of(&contact.state);
    let now = contact.state.tau.unwrap_or_default();
    let scope = facts::StepScope {
        contact: &contact.id,
        view: Scores { state: &contact.state, plans, now },
        plan,
        event: None,
        history: facts::History {
            departed: &contact.state.facts,
            rows: &contact.rows,
            visible: contact.rows.len(),
            caches: &contact.facts,
            judged: &contact.judged,
        },
        now,
        levels: &levels,
    };
    when.eval_bool(&scope).unwrap_or(false)
}
