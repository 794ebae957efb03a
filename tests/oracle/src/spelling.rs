//! The YAML spelling of a plan, as serde types (docs/plans.md), limited to the clauses the oracle covers.
//!
//! Owns key names only. Never interprets: [`crate::loading`] turns these into a plan. An unknown key is an error.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::number::Decimal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanFile {
    pub(crate) plan: String,
    pub(crate) members: Option<String>,
    #[serde(default)]
    pub(crate) global: bool,
    pub(crate) time_zone: Option<String>,
    #[serde(default)]
    pub(crate) facts: BTreeMap<String, FactEntry>,
    #[serde(default)]
    pub(crate) verdicts: Verdicts,
    #[serde(default)]
    pub(crate) rules: Vec<RuleEntry>,
    #[serde(default)]
    pub(crate) fit: Vec<FitEntry>,
    pub(crate) decay: Option<DecayEntry>,
    #[serde(default)]
    pub(crate) limits: LimitsEntry,
    pub(crate) qualify: Option<QualifyEntry>,
    pub(crate) pipeline: Option<PipelineEntry>,
    pub(crate) bands: Option<BTreeMap<String, Decimal>>,
    pub(crate) grade: Option<GradeEntry>,
    pub(crate) route: Option<RouteEntry>,
    #[serde(default)]
    pub(crate) actions: Vec<ActionEntry>,
    #[serde(default)]
    pub(crate) feedback: FeedbackEntry,
    /// The author's own examples are accepted, and not the oracle's business.
    #[serde(default, rename = "tests")]
    pub(crate) _tests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactEntry {
    pub(crate) on: OneOrMany,
    pub(crate) when: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdicts {
    pub(crate) machine: Option<PolicyEntry>,
    pub(crate) suspect: Option<PolicyEntry>,
    pub(crate) human: Option<PolicyEntry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum PolicyEntry {
    Word(PolicyWord),
    Weight(WeightEntry),
    Hold(HoldEntry),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicyWord {
    Ignore,
    Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightEntry {
    pub(crate) weight: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldEntry {
    pub(crate) hold: String,
    pub(crate) key: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum PointsEntry {
    Literal(Decimal),
    Expression(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleEntry {
    pub(crate) id: String,
    pub(crate) on: Option<OneOrMany>,
    pub(crate) after: Option<OneOrMany>,
    pub(crate) unless: Option<OneOrMany>,
    pub(crate) all: Option<Vec<PartEntry>>,
    pub(crate) within: Option<String>,
    pub(crate) matching: Option<String>,
    pub(crate) in_order: Option<bool>,
    pub(crate) idle: Option<String>,
    pub(crate) every: Option<String>,
    pub(crate) times: Option<u32>,
    pub(crate) when: Option<String>,
    pub(crate) points: Option<PointsEntry>,
    pub(crate) decay: Option<DecayEntry>,
    pub(crate) cap: Option<CapEntry>,
    pub(crate) once_per: Option<String>,
    pub(crate) valid: Option<(Option<String>, Option<String>)>,
    pub(crate) tag: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<TagEntry>,
    pub(crate) untag: Option<OneOrMany>,
    #[serde(default)]
    pub(crate) verdicts: Verdicts,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum PartEntry {
    Type(String),
    Condition(FactEntry),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum DecayEntry {
    Word(DecayWord),
    Course(CourseEntry),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecayWord {
    None,
}

/// Exactly one of the keys is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CourseEntry {
    pub(crate) half_life: Option<String>,
    pub(crate) linear: Option<String>,
    pub(crate) expire: Option<String>,
    pub(crate) step: Option<Vec<(String, Decimal)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapEntry {
    pub(crate) points: Decimal,
    pub(crate) per: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum TagEntry {
    Name(String),
    WithPoints(TagPoints),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagPoints {
    pub(crate) tag: String,
    pub(crate) points: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FitEntry {
    pub(crate) id: String,
    pub(crate) when: String,
    pub(crate) points: Option<PointsEntry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsEntry {
    pub(crate) floor: Option<Decimal>,
    pub(crate) ceiling: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QualifyEntry {
    pub(crate) score: Option<String>,
    pub(crate) at: Decimal,
    pub(crate) release: Option<Decimal>,
    #[serde(default)]
    pub(crate) rearm: RearmEntry,
    pub(crate) cooldown: Option<String>,
    pub(crate) when: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RearmEntry {
    #[default]
    OnRelease,
    Never,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PipelineEntry {
    #[serde(default)]
    pub(crate) by: StageScore,
    pub(crate) stages: Vec<StageEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GradeEntry {
    pub(crate) fit: BTreeMap<String, Decimal>,
    pub(crate) engagement: BTreeMap<String, Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteEntry {
    pub(crate) to: Vec<String>,
    pub(crate) by: Option<String>,
    #[serde(rename = "else")]
    pub(crate) otherwise: Option<ElseEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ElseEntry {
    Rendezvous,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionEntry {
    pub(crate) id: String,
    pub(crate) at: Decimal,
    pub(crate) release: Option<Decimal>,
    pub(crate) rearm: Option<RearmEntry>,
    pub(crate) score: Option<String>,
    /// What is asked for is the receiver's business.
    #[serde(rename = "emit")]
    pub(crate) _emit: Option<String>,
    #[serde(default, rename = "data")]
    pub(crate) _data: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackEntry {
    #[serde(default)]
    pub(crate) recycle: RecycleEntry,
    #[serde(default)]
    pub(crate) outcomes: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecycleEntry {
    #[default]
    Reset,
    Keep,
}

/// The score that stages are entered and left by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StageScore {
    /// The points booked in the present stage.
    #[default]
    Stage,
    /// The plan's engagement.
    Engagement,
    /// The plan's score.
    Plan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageEntry {
    pub(crate) name: String,
    pub(crate) enter: Option<Decimal>,
    pub(crate) enter_when: Option<String>,
    pub(crate) leave_below: Option<Decimal>,
    pub(crate) leave_when: Option<String>,
    pub(crate) leave_idle: Option<String>,
    #[serde(default, rename = "final")]
    pub(crate) is_final: bool,
}
