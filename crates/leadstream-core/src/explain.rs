//! Showing a contact: its scorecard, and the ledgers that add up to each of its scores (L4, S18, S21).
//!
//! Everything here is read from a contact as it stands after its steps; to see the past, ask [`Fold::at`] first.

mod waiting;

use std::sync::Arc;

use crate::contact::{
    AttributeValue, COLD, Contact, Contribution, Dimension, LimitReasons, NamedLevel, PlanState, Row, TagState,
};
use crate::decay::Sum;
use crate::event::{Event, Value, Verdict};
use crate::expr::ScoreRef;
use crate::fold::{ADJUST_RULE, Fold};
use crate::id::{Name, PlanVersion, Uid};
use crate::plan::{Plan, PlanSet, Qualify, Rearm};
use crate::points::Points;
use crate::scores::Scores;
use crate::time::Timestamp;
use crate::valued::{Valued, valued};
use crate::word::Word;

pub use waiting::{Awaited, WaitingLine};

/// The scores and levels of one contact at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The contact.
    pub contact: Arc<str>,
    /// After all steps up to this instant, and what decays at it; where nothing does, the last step. `None` for a contact without events.
    pub at: Option<Timestamp>,
    /// How many derived events there were (S55): the scorecard with the greatest wins.
    pub seq: u64,
    /// The global score (S24).
    pub global: Points,
    /// By plan id.
    pub plans: Vec<PlanCard>,
    /// By tag.
    pub tags: Vec<TagCard>,
}

/// What one plan says of a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanCard {
    /// The plan.
    pub plan: Word,
    /// Its version in force.
    pub version: PlanVersion,
    /// Whether the contact takes part.
    pub member: bool,
    /// Engagement and fit inside the limits (S23).
    pub score: Points,
    /// Points earned by behaviour.
    pub engagement: Points,
    /// Points of present attributes.
    pub fit: Points,
    /// Whether it is qualified; `None` where the plan has no threshold.
    pub qualified: Option<bool>,
    /// Since when it is so; `None` where it never changed.
    pub qualified_since: Option<Timestamp>,
    /// The stage.
    pub stage: Option<StageCard>,
    /// The band; `None` where the plan has none.
    pub band: Option<LevelCard>,
    /// The grade; `None` where the plan has none, or the contact takes no part.
    pub grade: Option<LevelCard>,
    /// Whose lead it is; `None` where it is nobody's.
    pub owner: Option<LevelCard>,
    /// Actions of the plan that were ever counted, by id.
    pub actions: Vec<ActionCard>,
}

/// A band, a grade or an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelCard {
    /// Its name.
    pub name: Word,
    /// Since when; `None` for the band of a contact that never had another.
    pub since: Option<Timestamp>,
}

/// How often an action was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionCard {
    /// The action.
    pub action: Word,
    /// How often.
    pub count: u64,
    /// When it last was.
    pub since: Timestamp,
}

/// The present stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageCard {
    /// Its name.
    pub stage: Word,
    /// Since when.
    pub since: Timestamp,
    /// The stage score (S26).
    pub points: Points,
}

/// A tag and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct TagCard {
    /// The tag.
    pub tag: Arc<str>,
    /// Since when it is carried.
    pub since: Timestamp,
    /// Its score (S25).
    pub points: Points,
}

/// A scorecard with everything that explains it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The scores and levels.
    pub scorecard: Scorecard,
    /// Present attributes with where they come from (S16).
    pub attributes: Vec<AttributeLine>,
    /// A ledger for each score: of every plan, of every stage, of every tag, and the global one.
    pub ledgers: Vec<LedgerView>,
    /// The events inside the horizon, oldest first.
    pub history: Vec<HistoryLine>,
    /// For each plan with a threshold that is off: what is missing.
    pub missing: Vec<Missing>,
    /// What is decided and waits for an instant or an event.
    pub waiting: Vec<WaitingLine>,
}

/// A present attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeLine {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: AttributeValue,
    /// When it was set.
    pub time: Timestamp,
    /// The source that set it.
    pub source: Arc<str>,
}

/// Which score a ledger adds up to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerOf {
    /// The global score: the scores of the plans that count in it.
    Global,
    /// A plan's score.
    Plan(Word),
    /// The score of the present stage of a plan.
    Stage(Word),
    /// The score of a tag.
    Tag(Arc<str>),
}

/// The lines that add up to a score, exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerView {
    /// Which score.
    pub of: LedgerOf,
    /// Its value: the sum of the lines.
    pub score: Points,
    /// The lines.
    pub lines: Vec<LedgerLine>,
}

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum LedgerLine {
    /// A fit rule that is true now.
    Fit {
        /// The plan.
        plan: Word,
        /// The rule.
        rule: Word,
        /// What it is worth.
        value: Points,
    },
    /// A booking.
    Booked(BookedLine),
    /// What was booked before the horizon.
    Base {
        /// What is left of it.
        value: Points,
    },
    /// What the plan's floor or ceiling adds or takes on reading (S22).
    Limit {
        /// The plan.
        plan: Word,
        /// The difference.
        value: Points,
    },
    /// A plan's score, in the global ledger.
    PlanScore {
        /// The plan.
        plan: Word,
        /// Its clamped score.
        value: Points,
    },
}

impl LedgerLine {
    /// What the line adds to the score.
    pub fn value(&self) -> Points {
        match self {
            LedgerLine::Fit { value, .. }
            | LedgerLine::Base { value }
            | LedgerLine::Limit { value, .. }
            | LedgerLine::PlanScore { value, .. } => *value,
            LedgerLine::Booked(line) => line.value,
        }
    }
}

/// A booking with its cause in words.
#[derive(Clone, Debug, PartialEq)]
pub struct BookedLine {
    /// The plan.
    pub plan: Word,
    /// The rule.
    pub rule: Word,
    /// The plan's version that booked.
    pub version: PlanVersion,
    /// When.
    pub time: Timestamp,
    /// The event that caused it; `None` for a timer.
    pub uid: Option<Uid>,
    /// Its type; `None` for a timer.
    pub event_type: Option<Arc<str>>,
    /// What the rule said.
    pub raw: Points,
    /// What was booked.
    pub applied: Points,
    /// What it is worth now.
    pub value: Points,
    /// Why less was booked than the rule said.
    pub reasons: LimitReasons,
    /// Who adjusted, where it was done by hand and that was said (S17).
    pub author: Option<Arc<str>>,
    /// And why.
    pub note: Option<Arc<str>>,
}

/// An event of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryLine {
    /// When it happened.
    pub time: Timestamp,
    /// Its identity.
    pub uid: Uid,
    /// Its type.
    pub event_type: Arc<str>,
    /// Its source.
    pub source: Arc<str>,
    /// Who caused it: by the last verdict passed on it, else as it came.
    pub verdict: Verdict,
    /// Rules that booked for it, as (plan, rule, applied).
    pub booked: Vec<(Word, Word, Points)>,
}

/// What is missing to qualify in one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// The plan.
    pub plan: Word,
    /// Everything that is missing; at least one.
    pub reasons: Vec<MissingReason>,
}

/// One thing that is missing to qualify.
#[derive(Clone, Debug, PartialEq)]
pub enum MissingReason {
    /// The contact does not take part in the plan.
    NotMember,
    /// So many points.
    Points(Points),
    /// The plan's condition does not hold.
    Condition,
    /// The cooldown lasts until then.
    CooldownUntil(Timestamp),
    /// It was qualified once, and the plan does so only once.
    OnlyOnce,
    /// Since the last feedback the score was not below the release, and no points were booked (S38).
    Feedback,
}

impl Fold {
    /// The scores and levels of a contact, at an instant to which all its steps are taken: the clock, or one asked about. What decays is worth what it is
    /// then; never earlier than the contact's last step.
    pub fn scorecard(&self, contact: &Contact, at: Timestamp) -> Scorecard {
        let plans = self.plans_of(contact);
        let now = reading_instant(contact, at);
        let scores = Scores { state: &contact.state, plans: &plans, now };
        let cards = plans.plans().iter().filter_map(|plan| Some(card(scores, plan, contact.state.plan(plan.key)?)));
        let tags = contact.state.tags.iter();
        Scorecard {
            contact: contact.id.clone(),
            at: if contact.state.decays() { contact.state.tau.map(|_| now) } else { contact.state.tau },
            seq: contact.announced.seq,
            global: scores.global(),
            plans: cards.collect(),
            tags: tags.map(|t| TagCard { tag: t.tag.clone(), since: t.since, points: t.points.at(now) }).collect(),
        }
    }

    /// A contact's scorecard with the ledgers that add up to it, its history, and what is missing to qualify at an instant: the one asked for, or how
    /// far the clock has come, which may be long after the contact's last step.
    pub fn explain(&self, contact: &Contact, at: Timestamp) -> Explanation {
        let plans = self.plans_of(contact);
        let scorecard = self.scorecard(contact, at);
        let now = reading_instant(contact, at);
        let mut ledgers = vec![global_ledger(&scorecard, &plans)];
        for plan in plans.plans() {
            if let Some(held) = contact.state.plan(plan.key) {
                ledgers.push(plan_ledger(contact, &plans, plan, held, now));
                ledgers.extend(stage_ledger(contact, plan, held, now));
            }
        }
        ledgers.extend(contact.state.tags.iter().map(|tag| tag_ledger(contact, tag, now)));
        Explanation {
            attributes: attributes(contact),
            ledgers,
            history: history(contact),
            missing: plans.plans().iter().filter_map(|plan| missing(contact, &plans, plan, now)).collect(),
            waiting: waiting::waiting(contact),
            scorecard,
        }
    }

    fn plans_of(&self, contact: &Contact) -> Arc<PlanSet> {
        let instant = contact.state.plans_since.or(contact.state.tau).unwrap_or(Timestamp::MIN);
        Arc::clone(&self.timeline().view(contact.recomputed).at(instant).plans)
    }
}

/// The instant at which a contact is read: as asked, but not before its last step.
fn reading_instant(contact: &Contact, at: Timestamp) -> Timestamp {
    contact.state.tau.map_or(at, |tau| tau.max(at))
}

fn card(scores: Scores<'_>, plan: &Plan, held: &PlanState) -> PlanCard {
    let stage = held.stage.as_ref();
    let standing = held.standing.as_deref();
    let named =
        |level: Option<NamedLevel>| level.and_then(|level| Some(LevelCard { name: level.name?, since: level.since }));
    let band = |level: Option<NamedLevel>| LevelCard {
        name: level.and_then(|level| level.name).unwrap_or_else(|| Word::of(COLD)),
        since: level.and_then(|level| level.since),
    };
    let actions = standing.iter().flat_map(|standing| &standing.actions).filter(|action| action.count > 0);
    PlanCard {
        plan: plan.id,
        version: plan.version,
        member: held.member,
        score: scores.plan(plan),
        engagement: held.engagement.at(scores.now),
        fit: held.fit,
        qualified: plan.qualify.as_ref().map(|_| held.qualify.on),
        qualified_since: held.qualify.since,
        stage: stage.map(|s| StageCard { stage: s.stage, since: s.entered, points: s.points.at(scores.now) }),
        band: plan.bands.as_ref().map(|_| band(standing.map(|standing| standing.band))),
        grade: named(standing.map(|standing| standing.grade)),
        owner: named(standing.map(|standing| standing.owner)),
        actions: actions.map(|a| ActionCard { action: a.action, count: a.count, since: a.since }).collect(),
    }
}

fn global_ledger(scorecard: &Scorecard, plans: &PlanSet) -> LedgerView {
    let counts = |id: &str| plans.plans().iter().any(|plan| plan.global && *plan.id == *id);
    let cards = scorecard.plans.iter().filter(|card| counts(&card.plan));
    let lines = cards.map(|card| LedgerLine::PlanScore { plan: card.plan, value: card.score }).collect();
    LedgerView { of: LedgerOf::Global, score: scorecard.global, lines }
}

fn plan_ledger(contact: &Contact, plans: &PlanSet, plan: &Plan, held: &PlanState, now: Timestamp) -> LedgerView {
    let mut lines = Vec::new();
    let fit = held.fit_rules.iter();
    lines.extend(fit.map(|f| LedgerLine::Fit { plan: plan.id, rule: f.rule, value: f.points }));
    let booked = booked_in_plan(contact, plan, held.first_contribution);
    with_base(&mut lines, contact, &held.engagement, booked, now);
    let score = Scores { state: &contact.state, plans, now }.plan(plan);
    let limit = score - (held.engagement.at(now) + held.fit);
    if limit != Points::ZERO {
        lines.push(LedgerLine::Limit { plan: plan.id, value: limit });
    }
    LedgerView { of: LedgerOf::Plan(plan.id), score, lines }
}

fn stage_ledger(contact: &Contact, plan: &Plan, held: &PlanState, now: Timestamp) -> Option<LedgerView> {
    let stage = held.stage.as_ref()?;
    let mut lines = Vec::new();
    with_base(&mut lines, contact, &stage.points, booked_in_plan(contact, plan, stage.first_contribution), now);
    Some(LedgerView { of: LedgerOf::Stage(plan.id), score: stage.points.at(now), lines })
}

fn tag_ledger(contact: &Contact, held: &TagState, now: Timestamp) -> LedgerView {
    let in_tag =
        |c: &&Contribution| matches!(contact.dimension_of(c), Some(Dimension::Tag(known)) if *known == held.tag);
    let booked = contact.ledger.since(held.first_contribution).iter().filter(in_tag).collect();
    let mut lines = Vec::new();
    with_base(&mut lines, contact, &held.points, booked, now);
    LedgerView { of: LedgerOf::Tag(held.tag.clone()), score: held.points.at(now), lines }
}

fn booked_in_plan<'c>(contact: &'c Contact, plan: &Plan, first: u64) -> Vec<&'c Contribution> {
    let in_plan = |c: &&Contribution| {
        contact.rules.get(c.rule).is_some_and(|rule| rule.dimension == Dimension::Plan && rule.plan == plan.id)
    };
    contact.ledger.since(first).iter().filter(in_plan).collect()
}

fn booked_line(contact: &Contact, valued: &Valued<'_>) -> Option<BookedLine> {
    let contribution = valued.booked;
    let rule = contact.rules.get(contribution.rule)?;
    let uid = contribution.cause.uid();
    let row = uid.and_then(|uid| contact.rows.find(uid));
    let by_hand = row.filter(|_| *rule.rule == *ADJUST_RULE);
    let said = |property| by_hand.and_then(|at| text_of(contact, at, property));
    Some(BookedLine {
        plan: rule.plan,
        rule: rule.rule,
        version: rule.version,
        time: contribution.time,
        uid,
        event_type: row.map(|at| Arc::from(contact.rows.event_type(at).as_str())),
        raw: contribution.raw,
        applied: contribution.applied,
        value: valued.value,
        reasons: contribution.reasons,
        author: said("author"),
        note: said("reason"),
    })
}

/// A text among the properties of a row.
fn text_of(contact: &Contact, at: usize, property: &str) -> Option<Arc<str>> {
    let mut event = Event::default();
    contact.rows.load(at, &contact.id, &mut event);
    match event.properties.get(Name::of(property)) {
        Some(Value::Text(text)) => Some(Arc::from(text)),
        _ => None,
    }
}

/// Adds bookings, and in front of them one line for what the base holds of the sum.
fn with_base(lines: &mut Vec<LedgerLine>, contact: &Contact, sum: &Sum, booked: Vec<&Contribution>, now: Timestamp) {
    let (valued, base) = valued(contact, sum, booked, now);
    if base != Points::ZERO {
        lines.push(LedgerLine::Base { value: base });
    }
    lines.extend(valued.iter().filter_map(|valued| booked_line(contact, valued)).map(LedgerLine::Booked));
}

fn attributes(contact: &Contact) -> Vec<AttributeLine> {
    let mut lines: Vec<AttributeLine> = contact
        .state
        .attributes
        .iter()
        .map(|a| AttributeLine { name: a.text.clone(), value: a.value.clone(), time: a.time, source: a.source.clone() })
        .collect();
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    lines
}

fn history(contact: &Contact) -> Vec<HistoryLine> {
    let line = |(at, row): (usize, &Row)| HistoryLine {
        time: row.time,
        uid: row.uid,
        event_type: Arc::from(contact.rows.event_type(at).as_str()),
        source: Arc::from(contact.rows.source(at).as_str()),
        verdict: contact.judged.verdict(row.uid, row.verdict()),
        booked: booked_for(contact, row.uid),
    };
    contact.rows.as_slice().iter().enumerate().map(line).collect()
}

fn booked_for(contact: &Contact, uid: Uid) -> Vec<(Word, Word, Points)> {
    let caused = |c: &&Contribution| c.cause.uid() == Some(uid) && contact.dimension_of(c) == Some(&Dimension::Plan);
    let booked = contact.ledger.as_slice().iter().filter(caused);
    booked.filter_map(|c| contact.rules.get(c.rule).map(|r| (r.plan, r.rule, c.applied))).collect()
}

fn missing(contact: &Contact, plans: &PlanSet, plan: &Plan, at: Timestamp) -> Option<Missing> {
    let qualify = plan.qualify.as_ref()?;
    let held = contact.state.plan(plan.key)?;
    if held.qualify.on {
        return None;
    }
    let mut reasons = Vec::new();
    if !held.member {
        reasons.push(MissingReason::NotMember);
    }
    let score = Scores { state: &contact.state, plans, now: at }.read(plan, &qualify.score);
    if score < qualify.at {
        reasons.push(MissingReason::Points(qualify.at - score));
    }
    match held.cooldown_from() {
        _ if qualify.rearm == Rearm::Never && held.qualify.last_on.is_some() => reasons.push(MissingReason::OnlyOnce),
        Some(from) if at < from + qualify.cooldown => {
            reasons.push(MissingReason::CooldownUntil(from + qualify.cooldown));
        }
        _ => {}
    }
    if held.is_barred() {
        reasons.push(MissingReason::Feedback);
    }
    if !condition_holds(contact, plans, plan, qualify) {
        reasons.push(MissingReason::Condition);
    }
    (!reasons.is_empty()).then_some(Missing { plan: plan.id, reasons })
}

fn condition_holds(contact: &Contact, plans: &PlanSet, plan: &Plan, qualify: &Qualify) -> bool {
    qualify.when.as_ref().is_none_or(|when| crate::fold::holds_now(contact, plans, plan, when))
}

/// The text of a score reference as plans spell it.
impl std::fmt::Display for ScoreRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ScoreRef::Plan(None) => f.write_str("plan"),
            ScoreRef::Plan(Some(id)) => write!(f, "plan:{id}"),
            ScoreRef::Engagement => f.write_str("engagement"),
            ScoreRef::Fit => f.write_str("fit"),
            ScoreRef::Global => f.write_str("global"),
            ScoreRef::Tag(tag) => write!(f, "tag:{tag}"),
            ScoreRef::Stage(None) => f.write_str("stage"),
            ScoreRef::Stage(Some(id)) => write!(f, "stage:{id}"),
        }
    }
}
