//! Runs the oracle's cases through the real fold and puts its answers into the oracle's words, so that both can be compared.
//!
//! Owns the translation, and what worked examples begin with; nothing else: what is right is decided by the oracle, which was written from the semantics.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadstream_core::contact::{Contact, Dimension, LimitReason, Savepoint};
use leadstream_core::derived::{DerivedCause, DerivedKind, TimerKind};
use leadstream_core::plan::{Fact, Plan, PlanSet};
use leadstream_core::{
    DerivedEvent, Event, EventKind, Fold, HistoryLimits, Outcome, Past, Span, Timeline, Timestamp, Uid, Value, Verdict,
};
use leadstream_oracle::case::{Case, Command, plan_text};
use leadstream_oracle::{Announce, Cut, DAY_MS, Kind, OracleEvent, Row, Scalar};
use leadstream_wire::stored::contact::ImageWriter;

/// The real fold over one contact, driven by the commands of a case.
pub struct Subject {
    /// The fold.
    pub fold: Fold,
    /// The contact.
    pub contact: Contact,
    limits: leadstream_oracle::Limits,
    /// The task clock: the greatest clock command so far.
    pub clock: Timestamp,
    /// Told of all that is folded anew, as in an epoch.
    pub savepoint: Savepoint,
}

/// The plans of a case, compiled; `None` where the compiler refuses one, as it does a plan that makes no sense.
pub fn compiled(texts: &[Vec<String>]) -> Option<Arc<PlanSet>> {
    let compile = |lines: &Vec<String>| {
        leadstream_plan::compile("case.yaml", &plan_text(lines), &leadstream_plan::Options::default()).plan
    };
    Some(Arc::new(PlanSet::new(texts.iter().map(compile).collect::<Option<_>>()?)))
}

/// Whether every plan of a case compiles.
pub fn compiles(case: &Case) -> bool {
    let changes = case.commands.iter().filter_map(|command| match command {
        Command::Forward { plans, .. } | Command::Recompute { plans, .. } => Some(plans),
        Command::Event(_) | Command::Clock(_) => None,
    });
    std::iter::once(&case.plans).chain(changes).all(|plans| compiled(plans).is_some())
}

/// Whether plans count a fact that those before do not, or further back than they do.
pub fn looks_further_back(before: &[Arc<Plan>], texts: &[Vec<String>]) -> bool {
    let after = plan_set(texts);
    let known = |fact: &Fact| {
        before.iter().flat_map(|plan| &plan.facts).any(|it| it.key == fact.key && it.window >= fact.window)
    };
    after.plans().iter().flat_map(|plan| &plan.facts).any(|fact| !known(fact))
}

fn plan_set(texts: &[Vec<String>]) -> Arc<PlanSet> {
    compiled(texts).expect("the caller has seen that the plans compile")
}

impl Subject {
    /// The fold of a case before its first command.
    pub fn new(case: &Case) -> Subject {
        let limits = HistoryLimits {
            horizon: Span::from_millis(case.limits.horizon_ms),
            rows: case.limits.rows,
            bytes: case.limits.bytes,
        };
        Subject {
            // Few rows are enough for late events to be folded from the middle of a history.
            fold: Fold::new(Timeline::new(plan_set(&case.plans)), limits).with_checkpoints_from(4),
            contact: Contact::new(&case.contact),
            limits: case.limits.clone(),
            clock: Timestamp::MIN,
            savepoint: Savepoint::default(),
        }
    }

    /// Carries out one command.
    ///
    /// # Panics
    /// When a change of plans is refused that the oracle takes, or when more of the contact is rewritten than was foretold.
    pub fn command(&mut self, command: &Command) -> (Option<Outcome>, Vec<DerivedEvent>) {
        let mut derived = Vec::new();
        let outcome = match command {
            Command::Event(event) => {
                let event = core_event(&self.contact.id, event, &self.limits);
                let led = self.savepoint.leads_to(&self.contact);
                let sight = self.fold.look(&self.contact, &event, self.clock);
                if let Past::From(rows) = sight.past() {
                    self.savepoint.reach_back(&self.contact, rows);
                }
                let outcome = self.fold.take(&mut self.contact, &event, sight, self.clock, &mut derived);
                assert!(
                    sight.past() == Past::Anything || self.savepoint.leads_to(&self.contact) == led,
                    "what is rewritten is foretold"
                );
                Some(outcome)
            }
            Command::Clock(instant) => {
                self.clock = self.clock.max(Timestamp::from_millis(*instant));
                self.fold.advance(&mut self.contact, self.clock, &mut derived);
                None
            }
            Command::Forward { from, plans } => {
                let from = Timestamp::from_millis(*from);
                assert!(self.fold.change_plans(from, plan_set(plans)), "the change at {from} was refused");
                self.fold.refresh(&mut self.contact);
                self.fold.advance(&mut self.contact, self.clock, &mut derived);
                None
            }
            Command::Recompute { from, plans, announce } => {
                let (at, silent) = (Timestamp::from_millis(*from), *announce == Announce::Silent);
                assert!(self.fold.recompute_plans(at, plan_set(plans), silent), "the recompute at {at} was refused");
                self.fold.refresh(&mut self.contact);
                // To the oracle it is a command, carried out at once; the fold does it when the clock comes to it.
                self.fold.advance(&mut self.contact, self.clock.max(at), &mut derived);
                None
            }
        };
        (outcome, derived)
    }
}

/// An event as the core takes it, normalised by the oracle's own reading of S2, S4 and S58.
///
/// # Panics
/// For a kind of events that the core does not have; the profiles that are compared make none.
pub fn core_event(contact: &str, event: &OracleEvent, limits: &leadstream_oracle::Limits) -> Event {
    let row = Row::keep(event, limits);
    let mut core = Event { contact: contact.to_owned(), uid: Uid(row.uid.0), ..Event::default() };
    core.time = Timestamp::from_millis(row.time);
    core.event_type.set(&row.event_type);
    core.source.set(&event.source);
    core.clamped = row.clamped;
    core.kind = match row.kind {
        Kind::Interaction => EventKind::Interaction,
        Kind::Attributes => EventKind::Attributes,
        Kind::Tags => EventKind::Tags,
        Kind::Adjust => EventKind::Adjust,
        Kind::Feedback => EventKind::Feedback,
        Kind::Verdict => EventKind::Verdict,
    };
    core.verdict = match row.verdict {
        leadstream_oracle::Verdict::Human => Verdict::Human,
        leadstream_oracle::Verdict::Suspect => Verdict::Suspect,
        leadstream_oracle::Verdict::Machine => Verdict::Machine,
    };
    for (name, value) in &row.properties {
        core.properties.set(
            name,
            match value {
                Scalar::Null => Value::Null,
                Scalar::Bool(value) => Value::Bool(*value),
                Scalar::Number(value) => Value::Number(*value),
                Scalar::Text(value) => Value::Text(value),
            },
        );
    }
    core
}

/// An outcome in the oracle's words.
pub fn outcome_of(outcome: Outcome) -> leadstream_oracle::Outcome {
    match outcome {
        Outcome::Applied => leadstream_oracle::Outcome::Applied,
        Outcome::Unmatched => leadstream_oracle::Outcome::Unmatched,
        Outcome::Duplicate => leadstream_oracle::Outcome::Duplicate,
        Outcome::Suppressed => leadstream_oracle::Outcome::Suppressed,
        Outcome::TooLate => leadstream_oracle::Outcome::TooLate,
    }
}

fn level(level: &leadstream_core::contact::Level, subject: &str) -> leadstream_oracle::Level {
    use leadstream_core::contact::Level;
    match level {
        Level::None if ["stage", "grade", "route"].contains(&subject) => leadstream_oracle::Level::None,
        Level::None => leadstream_oracle::Level::Is(false),
        Level::On => leadstream_oracle::Level::Is(true),
        Level::Stage(name) | Level::Named(name) => leadstream_oracle::Level::Named(name.to_string()),
        Level::Count(count) => leadstream_oracle::Level::Count(*count),
        Level::Id(id) => leadstream_oracle::Level::Named(id.to_string()),
    }
}

/// A derived event in the oracle's words.
pub fn derived_of(event: &DerivedEvent) -> leadstream_oracle::DerivedEvent {
    use leadstream_oracle::DerivedType;
    leadstream_oracle::DerivedEvent {
        id: leadstream_oracle::hex(&event.id),
        derived_type: match event.kind {
            DerivedKind::TagAdded => DerivedType::TagAdded,
            DerivedKind::TagRemoved => DerivedType::TagRemoved,
            DerivedKind::StageAdvanced => DerivedType::StageAdvanced,
            DerivedKind::StageRegressed => DerivedType::StageRegressed,
            DerivedKind::LeadDisqualified => DerivedType::LeadDisqualified,
            DerivedKind::LeadQualified => DerivedType::LeadQualified,
            DerivedKind::LeadRouted => DerivedType::LeadRouted,
            DerivedKind::BandChanged => DerivedType::BandChanged,
            DerivedKind::GradeChanged => DerivedType::GradeChanged,
            DerivedKind::ActionRequested => DerivedType::ActionRequested,
            DerivedKind::ContactMerged => DerivedType::ContactMerged,
            DerivedKind::ContactSplit => DerivedType::ContactSplit,
            DerivedKind::ContactErased => DerivedType::ContactErased,
        },
        contact: event.contact.to_string(),
        plan: event.plan.as_ref().map(|plan| plan.to_string()),
        version: event.version.map(|version| version.to_string()),
        subject: event.subject.to_string(),
        n: event.n,
        seq: event.seq,
        time: event.time.millis(),
        since: event.since.millis(),
        old: level(&event.old, &event.subject),
        new: level(&event.new, &event.subject),
        score: event.score.map(|points| points.thousandths()),
        threshold: event.threshold.map(|points| points.thousandths()),
        cause: cause_of(&event.cause, event),
        reason: None,
        marks: event.marks.iter().map(|mark| mark.as_str().to_owned()).collect(),
        corrects: event.corrects.map(|id| leadstream_oracle::hex(&id)),
        via: event.via.iter().map(|stage| stage.to_string()).collect(),
        contributions: Vec::new(),
    }
}

fn cause_of(cause: &DerivedCause, event: &DerivedEvent) -> leadstream_oracle::Cause {
    match cause {
        DerivedCause::Event { uid, time, .. } => {
            leadstream_oracle::Cause::Event { uid: uid.to_string(), time: time.millis() }
        }
        DerivedCause::Timer { kind, rule, due } => leadstream_oracle::Cause::Timer {
            due: due.millis(),
            kind: match kind {
                TimerKind::PlanChange => leadstream_oracle::TimerKind::PlanChange,
                TimerKind::Absence => leadstream_oracle::TimerKind::Absence,
                TimerKind::Idle => leadstream_oracle::TimerKind::Idle,
                TimerKind::Check => leadstream_oracle::TimerKind::Check,
            },
            plan: rule.as_ref().and(event.plan.as_ref()).map(|plan| plan.to_string()),
            rule: rule.as_ref().map(|rule| rule.to_string()),
        },
    }
}

/// The contributions of a derived event as (rule, uid, value), in their order.
///
/// # Panics
/// Where one is of a time that nothing was booked at.
pub fn contributions_of(event: &DerivedEvent) -> Vec<(String, Option<String>, i64)> {
    let lines = event.contributions.iter();
    assert!(lines.clone().all(|line| line.time.is_plausible() && line.time <= event.time), "{event:?}");
    lines.map(|l| (l.rule.to_string(), l.uid.map(|uid| uid.to_string()), l.value.thousandths())).collect()
}

/// The scorecard in the oracle's words; attributes are compared apart.
pub fn scorecard_of(fold: &Fold, contact: &Contact, at: Timestamp) -> leadstream_oracle::Scorecard {
    let card = fold.scorecard(contact, at);
    let held = |plan: &str| contact.state.plans.iter().find(|held| *held.plan == *plan).cloned();
    let plan_card = |plan: &leadstream_core::explain::PlanCard| {
        let held = held(&plan.plan);
        let stage_left = held.as_ref().and_then(|held| held.stage_left);
        leadstream_oracle::PlanCard {
            score: plan.score.thousandths(),
            engagement: plan.engagement.thousandths(),
            fit: plan.fit.thousandths(),
            stage_score: plan.stage.as_ref().map_or(0, |stage| stage.points.thousandths()),
            member_since: held.filter(|held| held.member).map(|held| held.member_since.millis()),
            qualified: plan.qualified.unwrap_or(false),
            qualified_since: plan.qualified_since.map(Timestamp::millis),
            stage: plan.stage.as_ref().map(|stage| stage.stage.to_string()),
            stage_since: plan.stage.as_ref().map(|stage| stage.since).or(stage_left).map(Timestamp::millis),
        }
    };
    let attribute = |a: &leadstream_core::contact::Attribute| match a.value.as_value() {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(value),
        Value::Number(value) => Scalar::Number(value),
        Value::Text(value) => Scalar::Text(value.to_owned()),
    };
    leadstream_oracle::Scorecard {
        seq: card.seq,
        global: card.global.thousandths(),
        plans: card.plans.iter().map(|plan| (plan.plan.to_string(), plan_card(plan))).collect(),
        tags: card
            .tags
            .iter()
            .map(|tag| {
                let card = leadstream_oracle::TagCard { score: tag.points.thousandths(), since: tag.since.millis() };
                (tag.tag.to_string(), card)
            })
            .collect(),
        attributes: contact
            .state
            .attributes
            .iter()
            .map(|a| (a.text.to_string(), attribute(a)))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// The levels beside stage and threshold, in the oracle's words, by plan. Actions that never rose are left out.
pub fn levels_of(fold: &Fold, contact: &Contact, at: Timestamp) -> BTreeMap<String, leadstream_oracle::LevelCard> {
    let card = |card: &leadstream_core::explain::PlanCard| {
        let held = contact.state.plans.iter().find(|held| held.plan == card.plan);
        let standing = held.and_then(|held| held.standing.as_deref());
        let grade_since = standing.and_then(|standing| standing.grade.since);
        let actions = standing.iter().flat_map(|standing| &standing.actions);
        leadstream_oracle::LevelCard {
            band: held.and_then(|held| held.band()).map_or("cold".to_owned(), |band| band.to_string()),
            band_since: standing.and_then(|standing| standing.band.since).map(Timestamp::millis),
            grade: card.grade.map(|grade| grade.name.to_string()),
            grade_since: grade_since.map(Timestamp::millis),
            owner: card.owner.map(|owner| owner.name.to_string()),
            actions: actions.map(|a| (a.action.to_string(), (a.count, a.spent))).collect(),
            after_feedback: held.is_some_and(|held| held.is_barred()),
        }
    };
    fold.scorecard(contact, at).plans.iter().map(|plan| (plan.plan.to_string(), card(plan))).collect()
}

/// One booking, in a form that both sides have: time, cause, plan, rule, version, raw, applied, and everything that changed the points.
pub type Booking = (i64, Option<String>, String, String, String, i64, i64, Vec<Cut>);

/// The bookings of the ledger in plans, sorted.
pub fn ledger_of(contact: &Contact) -> Vec<Booking> {
    let in_plans = contact.ledger.as_slice().iter().filter(|c| contact.dimension_of(c) == Some(&Dimension::Plan));
    let mut bookings: Vec<Booking> = in_plans
        .map(|c| {
            let rule = contact.rules.get(c.rule).expect("a contribution names a rule of the table");
            let uid = c.cause.uid().map(|uid| uid.to_string());
            let mut cuts: Vec<Cut> = c.reasons.iter().map(cut_of).collect();
            cuts.sort();
            (
                c.time.millis(),
                uid,
                rule.plan.to_string(),
                rule.rule.to_string(),
                rule.version.to_string(),
                c.raw.thousandths(),
                c.applied.thousandths(),
                cuts,
            )
        })
        .collect();
    bookings.sort();
    bookings
}

fn cut_of(reason: LimitReason) -> Cut {
    match reason {
        LimitReason::Weight => Cut::Weight,
        LimitReason::Cap => Cut::Cap,
        LimitReason::Limit => Cut::Limit,
    }
}

/// So many days after the beginning of time, in milliseconds.
pub fn day(days: f64) -> i64 {
    (days * DAY_MS as f64) as i64
}

/// An event of a type, on a day.
pub fn event(id: &str, days: f64, event_type: &str) -> OracleEvent {
    OracleEvent::new(id, day(days), event_type)
}

/// The stored form of a contact.
pub fn image_of(contact: &Contact) -> Vec<u8> {
    let mut image = Vec::new();
    ImageWriter::default().write(contact, &mut image);
    image
}
