//! What plans say of levels: the threshold, stages, grades, routes, actions and feedback.
//!
//! These types only describe.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{ActionValue, Condition, Duration, Id, Points};

/// The threshold at which a lead qualifies.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Qualify {
    /// `plan` (default), `engagement`, `fit`, `global`, `stage` or `tag:NAME`.
    #[schemars(default)]
    score: Option<String>,
    /// A lead qualifies at or above this score.
    at: Points,
    /// It stays qualified until the score falls below this. Default: `at`.
    #[schemars(default)]
    release: Option<Points>,
    /// Whether a lead can qualify again after it was released. Default: on_release.
    #[schemars(default)]
    rearm: Option<Rearm>,
    /// Not again before this has passed since it last qualified. Default: none.
    #[schemars(default)]
    cooldown: Option<Duration>,
    /// A further condition on attributes, tags, history and levels.
    #[schemars(default)]
    when: Option<Condition>,
}

/// Whether a lead can qualify again after it was released.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Rearm {
    /// After it was released.
    OnRelease,
    /// Never again.
    Never,
}

/// The stages a contact goes through.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Pipeline {
    /// The score that `enter` reads. Default: stage, which counts anew in each stage.
    #[schemars(default)]
    by: Option<By>,
    /// The stages, lowest first.
    #[schemars(length(min = 1, max = 32))]
    stages: Vec<Stage>,
}

/// The score that stages are entered by.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum By {
    /// What was earned in the present stage.
    Stage,
    /// All points of rules.
    Engagement,
    /// The score of the plan: engagement and fit.
    Plan,
}

/// One stage.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Stage {
    /// The name, unique in the plan.
    name: Id,
    /// Entered from the stage before at or above this score.
    #[schemars(default)]
    enter: Option<Points>,
    /// Entered from the stage before when this is true.
    #[schemars(default)]
    enter_when: Option<Condition>,
    /// Left for the stage before when the score earned in it falls below this, once it was reached.
    #[schemars(default)]
    leave_below: Option<Points>,
    /// Left for the stage before when this is true.
    #[schemars(default)]
    leave_when: Option<Condition>,
    /// Left for the stage before after so long without activity.
    #[schemars(default)]
    leave_idle: Option<Duration>,
    /// Not left by scores, conditions or silence.
    #[serde(rename = "final")]
    #[schemars(default)]
    is_final: Option<bool>,
}

/// A letter by fit and a digit by engagement.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Grade {
    /// From how much fit on each letter holds; below all of them it is D.
    fit: FitLetters,
    /// From how much engagement on each digit holds; below all of them it is 4.
    engagement: EngagementDigits,
}

/// Letters by fit, the best asking for most.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct FitLetters {
    /// The best.
    #[serde(rename = "A")]
    #[schemars(default)]
    a: Option<Points>,
    /// The second.
    #[serde(rename = "B")]
    #[schemars(default)]
    b: Option<Points>,
    /// The third.
    #[serde(rename = "C")]
    #[schemars(default)]
    c: Option<Points>,
}

/// Digits by engagement, the best asking for most.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct EngagementDigits {
    /// The best.
    #[serde(rename = "1")]
    #[schemars(default)]
    first: Option<Points>,
    /// The second.
    #[serde(rename = "2")]
    #[schemars(default)]
    second: Option<Points>,
    /// The third.
    #[serde(rename = "3")]
    #[schemars(default)]
    third: Option<Points>,
}

/// Who gets a qualified lead.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Route {
    /// The candidates.
    #[schemars(length(min = 1, max = 1_000))]
    to: Vec<String>,
    /// Says who, where it is one of the candidates: a text in CEL, such as `contact.owner`.
    #[schemars(default)]
    by: Option<Condition>,
    /// Who gets what `by` gives to nobody. Default: rendezvous.
    #[serde(rename = "else")]
    #[schemars(default)]
    otherwise: Option<RouteElse>,
}

/// Who gets what `by` gives to nobody.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum RouteElse {
    /// Leads are shared out evenly, each contact always to the same candidate.
    Rendezvous,
}

/// What is asked for when a score rises so far.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Action {
    /// The id of the action, unique in the plan.
    id: Id,
    /// Asked for when the score rises to this.
    at: Points,
    /// With `rearm: on_release`: asked for again only after the score fell below this. Default: `at`.
    #[schemars(default)]
    release: Option<Points>,
    /// Whether it is ever asked for again. Default: never.
    #[schemars(default)]
    rearm: Option<Rearm>,
    /// `plan` (default), `engagement`, `fit`, `global`, `stage` or `tag:NAME`.
    #[schemars(default)]
    score: Option<String>,
    /// What to do, in a word that the receiver knows.
    #[schemars(default)]
    emit: Option<String>,
    /// With what.
    #[schemars(default)]
    data: Option<BTreeMap<String, ActionValue>>,
}

/// What follows from the feedback of sales.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Feedback {
    /// Whether engagement ends with it. Default: reset.
    #[schemars(default)]
    recycle: Option<Recycle>,
    /// The stage that each outcome leads to.
    #[schemars(default)]
    outcomes: Option<Outcomes>,
}

/// What becomes of engagement after feedback.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Recycle {
    /// It ends: interest is earned anew.
    Reset,
    /// It stays.
    Keep,
}

/// The stage that each outcome leads to.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Outcomes {
    /// The lead bought.
    #[schemars(default)]
    won: Option<String>,
    /// The lead did not buy.
    #[schemars(default)]
    lost: Option<String>,
    /// It was no lead.
    #[schemars(default)]
    rejected: Option<String>,
}
