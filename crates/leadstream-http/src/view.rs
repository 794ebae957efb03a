//! The answers as JSON: points as decimals, instants in RFC 3339, names as plans and events spell them. Read back by `leadstream contact show`.

mod waiting;

use leadstream_core::contact::AttributeValue;
use leadstream_core::event::Verdict;
use leadstream_core::explain::{Explanation, LedgerLine, LedgerOf, LevelCard, MissingReason, PlanCard};
use leadstream_core::{Contact, Points, Timestamp};
use leadstream_runtime::{Lifecycle, NumberedPlans, Readiness, WorkerStatus};
use serde::{Deserialize, Serialize};

pub use waiting::{AwaitedView, WaitingView};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason, for a person.
    pub error: String,
    /// The contact that the id is part of, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
}

/// Everything that explains a contact's scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactView {
    /// The contact.
    pub contact: String,
    /// The other ids of the contact; left out where it has one only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<IdView>,
    /// The instant that this holds for.
    pub at: String,
    /// The instant that was asked for, where it lies behind all that is known: then `at` is as far as anybody can tell (S5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The last committed epoch of its task.
    pub epoch: u64,
    /// The derived events so far.
    pub seq: u64,
    /// The global score.
    pub global: f64,
    /// By plan.
    pub plans: Vec<PlanView>,
    /// By tag.
    pub tags: Vec<TagView>,
    /// Present attributes.
    pub attributes: Vec<AttributeView>,
    /// For each score the lines that add up to it.
    pub ledgers: Vec<LedgerView>,
    /// The events inside the horizon, oldest first.
    pub history: Vec<HistoryView>,
    /// What is decided and waits for an instant or an event; left out where there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingView>,
}

/// An id that became part of the contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdView {
    /// The id.
    pub id: String,
    /// When the record was made that linked it.
    pub since: String,
    /// `seen` where the id was seen with the contact's own, `merged` where somebody said so.
    pub how: String,
    /// The record, as a command to split names it.
    pub link: String,
}

/// What a plan says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The plan.
    pub plan: String,
    /// Its version in force.
    pub version: String,
    /// Whether the contact takes part.
    pub member: bool,
    /// The score.
    pub score: f64,
    /// Points of behaviour.
    pub engagement: f64,
    /// Points of attributes.
    pub fit: f64,
    /// Whether it is qualified; none where the plan has no threshold.
    pub qualified: Option<bool>,
    /// Since when.
    pub qualified_since: Option<String>,
    /// The stage.
    pub stage: Option<StageView>,
    /// What is missing to qualify; empty where nothing is, or there is no threshold.
    pub missing: Vec<MissingView>,
    /// The temperature band, where the plan has bands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<LevelView>,
    /// The grade, for members of a plan with grades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<LevelView>,
    /// Whose lead it is, while it is qualified in a plan that routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<LevelView>,
    /// Actions that were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionView>,
}

/// A band, a grade or an owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelView {
    /// Its name.
    pub name: String,
    /// Since when; none for a band that never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// How often an action was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionView {
    /// Its id.
    pub action: String,
    /// How often.
    pub count: u64,
    /// When it last was.
    pub since: String,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageView {
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: String,
    /// Points earned in it.
    pub score: f64,
}

/// One thing that is missing to qualify.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MissingView {
    /// The contact does not take part.
    NotMember,
    /// So many points.
    Points {
        /// How many.
        points: f64,
    },
    /// The plan's condition does not hold.
    Condition,
    /// The cooldown lasts until then.
    Cooldown {
        /// Until when.
        until: String,
    },
    /// It was qualified once, and the plan does so only once.
    OnlyOnce,
    /// Since the last feedback the score was not below the release, and no points were booked.
    Feedback,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TagView {
    /// Its name.
    pub tag: String,
    /// Since when.
    pub since: String,
    /// Its score.
    pub score: f64,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: serde_json::Value,
    /// When it was set.
    pub time: String,
    /// By which source.
    pub source: String,
}

/// The lines that add up to a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerView {
    /// Which score: `global`, `plan:x`, `stage:x`, `tag:x`.
    pub of: String,
    /// Its value.
    pub score: f64,
    /// The lines.
    pub lines: Vec<LineView>,
}

/// One line of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LineView {
    /// `fit`, `booked`, `base` (before the horizon), `limit` (floor or ceiling), `plan`.
    pub kind: String,
    /// What it adds to the score.
    pub value: f64,
    /// The plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The version of the plan that booked it, which may not be in force any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The type of the event that caused it; none for a timer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The identity of that event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// What the rule said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<f64>,
    /// Everything that made it less, in the order in which it acted: `weight`, `cap`, `limit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reduced_by: Vec<String>,
    /// Who adjusted it by hand, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// And why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An event of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryView {
    /// When it happened.
    pub time: String,
    /// Its type.
    pub event: String,
    /// Its source.
    pub source: String,
    /// Its identity.
    pub uid: String,
    /// `human`, `suspect` or `machine`.
    pub verdict: String,
    /// What was booked for it.
    pub booked: Vec<BookedView>,
}

/// Points that an event brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookedView {
    /// The plan.
    pub plan: String,
    /// The rule.
    pub rule: String,
    /// The points.
    pub points: f64,
}

/// Whether the process does its work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthView {
    /// All workers score.
    pub ready: bool,
    /// What the process waits for before it can begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// The newest set of plans; its tasks take it up within moments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plans: Option<PlanSetView>,
    /// Each worker.
    pub workers: Vec<WorkerView>,
}

/// A set of plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSetView {
    /// Its number.
    pub set: u64,
    /// Its plans.
    pub versions: Vec<PlanVersionView>,
}

/// A plan in a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanVersionView {
    /// The plan.
    pub plan: String,
    /// Its version.
    pub version: String,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// `joining`, `restoring`, `ready`, `waiting`, `stopping`, `stopped`.
    pub state: String,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// For how long it has been in one step, where that is longer than a step may last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled_seconds: Option<i64>,
    /// Its tasks.
    pub tasks: Vec<TaskView>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    /// Its number.
    pub task: u32,
    /// `created`, `restoring`, `running`, `suspended`, `closed`.
    pub state: String,
    /// Its last committed epoch.
    pub epoch: u64,
    /// Offsets of input still to read.
    pub lag: u64,
    /// The number of the plan set that it is under; 0 before it is known.
    pub plan_set: u64,
    /// Contacts may still have to take that set up.
    pub plan_change_pending: bool,
    /// How far its restore is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreView>,
}

/// How far a restore is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreView {
    /// Records read.
    pub records: u64,
    /// Offsets still to read.
    pub remaining: u64,
    /// Records per second so far.
    pub records_per_second: u64,
    /// Seconds left at this rate.
    pub seconds_left: Option<u64>,
}

impl HealthView {
    /// Of all workers.
    pub fn of(ready: bool, plans: Option<&NumberedPlans>, status: &[WorkerStatus]) -> HealthView {
        let plans = plans.map(|set| PlanSetView {
            set: set.ordinal(),
            versions: set
                .versions()
                .iter()
                .map(|plan| PlanVersionView { plan: plan.id.clone(), version: plan.version.to_string() })
                .collect(),
        });
        HealthView { ready, waiting_for: None, plans, workers: status.iter().map(worker).collect() }
    }

    /// Of a process that has no workers yet.
    pub fn waiting(what: String) -> HealthView {
        HealthView { ready: false, waiting_for: Some(what), plans: None, workers: Vec::new() }
    }
}

fn worker(status: &WorkerStatus) -> WorkerView {
    let state = match status.readiness {
        Readiness::Joining => "joining",
        Readiness::Restoring => "restoring",
        Readiness::Ready => "ready",
        Readiness::Waiting => "waiting",
        Readiness::Failing => "failing",
        Readiness::Stopping => "stopping",
        Readiness::Stopped => "stopped",
    };
    let tasks = status.tasks.iter().map(|task| TaskView {
        task: task.task,
        state: match task.lifecycle {
            Lifecycle::Created => "created",
            Lifecycle::Restoring => "restoring",
            Lifecycle::Running => "running",
            Lifecycle::Suspended => "suspended",
            Lifecycle::Closed => "closed",
        }
        .to_owned(),
        epoch: task.epoch,
        lag: task.lag,
        plan_set: task.plan_set,
        plan_change_pending: task.plan_change_pending,
        restore: task.restore.map(|restore| RestoreView {
            records: restore.records,
            remaining: restore.remaining,
            records_per_second: restore.rate_per_second(),
            seconds_left: restore.remaining_ms().map(|milliseconds| milliseconds / 1000),
        }),
    });
    WorkerView {
        state: state.to_owned(),
        waiting_for: status.waiting_for.clone(),
        stalled_seconds: status.stalled_ms.map(|milliseconds| milliseconds / 1_000),
        tasks: tasks.collect(),
    }
}

impl ContactView {
    /// The same, with the instant that was asked for where nobody knows so much.
    pub(crate) fn asked_beyond(self, asked: Option<Timestamp>) -> ContactView {
        ContactView { asked: asked.map(|asked| asked.to_string()), ..self }
    }

    /// The same, with the other ids of the contact that is explained.
    pub(crate) fn of_ids(self, contact: &Contact) -> ContactView {
        let joined = contact.identity.iter().flat_map(|identity| &identity.joined);
        let ids = joined.map(|joined| IdView {
            id: joined.id.to_string(),
            since: joined.time.to_string(),
            how: if joined.seen { "seen" } else { "merged" }.to_owned(),
            link: joined.uid.to_string(),
        });
        ContactView { ids: ids.collect(), ..self }
    }

    /// Of an explanation, which holds for the instant `at`.
    pub fn of(explanation: &Explanation, at: Timestamp, epoch: u64) -> ContactView {
        let card = &explanation.scorecard;
        ContactView {
            contact: card.contact.to_string(),
            ids: Vec::new(),
            at: at.to_string(),
            asked: None,
            epoch,
            seq: card.seq,
            global: card.global.as_number(),
            plans: card.plans.iter().map(|plan| plan_view(plan, explanation)).collect(),
            tags: card
                .tags
                .iter()
                .map(|tag| TagView {
                    tag: tag.tag.to_string(),
                    since: tag.since.to_string(),
                    score: tag.points.as_number(),
                })
                .collect(),
            attributes: explanation
                .attributes
                .iter()
                .map(|line| AttributeView {
                    name: line.name.to_string(),
                    value: value_view(&line.value),
                    time: line.time.to_string(),
                    source: line.source.to_string(),
                })
                .collect(),
            ledgers: explanation
                .ledgers
                .iter()
                .map(|ledger| LedgerView {
                    of: ledger_name(&ledger.of),
                    score: ledger.score.as_number(),
                    lines: ledger.lines.iter().map(line_view).collect(),
                })
                .collect(),
            waiting: explanation.waiting.iter().map(WaitingView::of).collect(),
            history: explanation
                .history
                .iter()
                .map(|line| HistoryView {
                    time: line.time.to_string(),
                    event: line.event_type.to_string(),
                    source: line.source.to_string(),
                    uid: line.uid.to_string(),
                    verdict: match line.verdict {
                        Verdict::Human => "human",
                        Verdict::Suspect => "suspect",
                        Verdict::Machine => "machine",
                    }
                    .to_owned(),
                    booked: line.booked.iter().map(|(plan, rule, points)| booked(plan, rule, *points)).collect(),
                })
                .collect(),
        }
    }
}

fn booked(plan: &str, rule: &str, points: Points) -> BookedView {
    BookedView { plan: plan.to_owned(), rule: rule.to_owned(), points: points.as_number() }
}

fn plan_view(card: &PlanCard, explanation: &Explanation) -> PlanView {
    let missing =
        explanation.missing.iter().filter(|missing| missing.plan == card.plan).flat_map(|missing| &missing.reasons);
    PlanView {
        plan: card.plan.to_string(),
        version: card.version.to_string(),
        member: card.member,
        score: card.score.as_number(),
        engagement: card.engagement.as_number(),
        fit: card.fit.as_number(),
        qualified: card.qualified,
        qualified_since: card.qualified_since.map(|since| since.to_string()),
        stage: card.stage.as_ref().map(|stage| StageView {
            name: stage.stage.to_string(),
            since: stage.since.to_string(),
            score: stage.points.as_number(),
        }),
        missing: missing
            .map(|reason| match reason {
                MissingReason::NotMember => MissingView::NotMember,
                MissingReason::Points(points) => MissingView::Points { points: points.as_number() },
                MissingReason::Condition => MissingView::Condition,
                MissingReason::CooldownUntil(until) => MissingView::Cooldown { until: until.to_string() },
                MissingReason::OnlyOnce => MissingView::OnlyOnce,
                MissingReason::Feedback => MissingView::Feedback,
            })
            .collect(),
        band: card.band.map(level_view),
        grade: card.grade.map(level_view),
        owner: card.owner.map(level_view),
        actions: card
            .actions
            .iter()
            .map(|action| ActionView {
                action: action.action.to_string(),
                count: action.count,
                since: action.since.to_string(),
            })
            .collect(),
    }
}

fn level_view(level: LevelCard) -> LevelView {
    LevelView { name: level.name.to_string(), since: level.since.map(|since| since.to_string()) }
}

fn value_view(value: &AttributeValue) -> serde_json::Value {
    match value.as_value() {
        leadstream_core::Value::Null => serde_json::Value::Null,
        leadstream_core::Value::Bool(value) => value.into(),
        leadstream_core::Value::Number(value) => value.into(),
        leadstream_core::Value::Text(value) => value.into(),
    }
}

fn ledger_name(of: &LedgerOf) -> String {
    match of {
        LedgerOf::Global => "global".to_owned(),
        LedgerOf::Plan(plan) => format!("plan:{plan}"),
        LedgerOf::Stage(plan) => format!("stage:{plan}"),
        LedgerOf::Tag(tag) => format!("tag:{tag}"),
    }
}

fn line_view(line: &LedgerLine) -> LineView {
    let simple =
        |kind: &str| LineView { kind: kind.to_owned(), value: line.value().as_number(), ..LineView::default() };
    match line {
        LedgerLine::Fit { plan, rule, .. } => {
            LineView { plan: Some(plan.to_string()), rule: Some(rule.to_string()), ..simple("fit") }
        }
        LedgerLine::Booked(line) => LineView {
            plan: Some(line.plan.to_string()),
            rule: Some(line.rule.to_string()),
            version: Some(line.version.to_string()),
            time: Some(line.time.to_string()),
            event: line.event_type.as_ref().map(ToString::to_string),
            uid: line.uid.map(|uid| uid.to_string()),
            raw: Some(line.raw.as_number()),
            reduced_by: line.reasons.iter().map(|reason| reason.as_str().to_owned()).collect(),
            author: line.author.as_ref().map(ToString::to_string),
            reason: line.note.as_ref().map(ToString::to_string),
            ..simple("booked")
        },
        LedgerLine::Base { .. } => simple("base"),
        LedgerLine::Limit { plan, .. } => LineView { plan: Some(plan.to_string()), ..simple("limit") },
        LedgerLine::PlanScore { plan, .. } => LineView { plan: Some(plan.to_string()), ..simple("plan") },
    }
}
