//! A plan as the oracle folds it: parsed expressions, points in thousandths, durations in milliseconds.
//!
//! Owns the types only; [`crate::loading`] makes them from YAML.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::calendar::Period;
use crate::condition::Expression;
use crate::decay::Decay;
use crate::event::Verdict;
use crate::number::{Decimal, Thousandths};
pub(crate) use crate::spelling::StageScore;

/// One version of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The plan's id.
    pub id: String,
    /// H of the file with LF line ends, in hexadecimal (S47).
    pub version: String,
    pub(crate) zone: TimeZone,
    pub(crate) global: bool,
    pub(crate) members: Option<Expression>,
    pub(crate) facts: BTreeMap<String, Fact>,
    pub(crate) policies: Policies,
    /// The decay of rules without one of their own, and of adjustments.
    pub(crate) decay: Decay,
    pub(crate) rules: Vec<Rule>,
    pub(crate) fit: Vec<FitRule>,
    pub(crate) floor: Option<Thousandths>,
    pub(crate) ceiling: Option<Thousandths>,
    pub(crate) qualify: Option<Qualify>,
    pub(crate) pipeline: Option<Pipeline>,
    pub(crate) bands: Option<Bands>,
    pub(crate) grade: Option<Grade>,
    pub(crate) route: Option<Route>,
    /// By id.
    pub(crate) actions: Vec<Action>,
    pub(crate) feedback: FeedbackPolicy,
}

/// Bands with their cuts, ascending.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bands {
    pub(crate) cuts: Vec<(String, Thousandths)>,
    pub(crate) margin: Thousandths,
}

/// Letters by fit and digits by engagement, each with its cut, the best first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grade {
    pub(crate) fit: Vec<(String, Thousandths)>,
    pub(crate) engagement: Vec<(String, Thousandths)>,
}

/// Who may own a qualified lead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) to: Vec<String>,
    pub(crate) by: Option<Expression>,
}

/// An action at a score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Action {
    pub(crate) id: String,
    pub(crate) score: String,
    pub(crate) at: Thousandths,
    pub(crate) release: Thousandths,
    pub(crate) rearm: bool,
}

/// What feedback does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FeedbackPolicy {
    /// Whether engagement is kept.
    pub(crate) keep: bool,
    /// The stage that each outcome leads to.
    pub(crate) outcomes: BTreeMap<String, String>,
}

/// A named fact.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    pub(crate) on: Vec<String>,
    pub(crate) when: Option<Expression>,
}

/// What to do with an event of one verdict (S56).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Policy {
    Ignore,
    Count,
    Weight(Decimal),
    /// To be booked when a human event with the same value of the property comes within the span.
    Hold {
        span_ms: i64,
        key: String,
    },
}

/// The policies a plan or rule states; a rule's silence means the plan's, the plan's silence the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Policies(pub(crate) BTreeMap<Verdict, Policy>);

impl Policies {
    /// The plan's policy for a verdict.
    pub(crate) fn of_plan(&self, verdict: Verdict) -> Policy {
        let default = if verdict == Verdict::Machine { Policy::Ignore } else { Policy::Count };
        self.0.get(&verdict).cloned().unwrap_or(default)
    }
}

/// A rule that books points and sets tags.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) trigger: Trigger,
    pub(crate) when: Option<Expression>,
    pub(crate) points: Points,
    /// The rule's own decay, else the plan's.
    pub(crate) decay: Decay,
    pub(crate) cap: Option<Cap>,
    pub(crate) once: Once,
    pub(crate) valid_from: Option<i64>,
    pub(crate) valid_until: Option<i64>,
    pub(crate) tags: Vec<(String, Option<Thousandths>)>,
    pub(crate) untag: Vec<String>,
    pub(crate) policies: Policies,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trigger {
    /// An event of one of these types.
    On(Vec<String>),
    /// No activity for `idle_ms`, then again after each `every_ms`, at most `times`.
    Idle { idle_ms: i64, every_ms: i64, times: u32 },
    /// An event of the types `after` and none of the types `unless` within the span, with the same value of a property.
    Absence { after: Vec<String>, unless: Vec<String>, matching: Option<String>, within_ms: i64 },
    /// Each part within the span, in any order or in this one, with the same value of a property.
    All { parts: Vec<Part>, within_ms: i64, matching: Option<String>, in_order: bool },
}

/// A part of a compound rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) on: Vec<String>,
    pub(crate) when: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Points {
    Literal(Thousandths),
    Expression(Expression),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cap {
    /// P of clause S19, not negative.
    pub(crate) points: Thousandths,
    pub(crate) per: Per,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Per {
    Award,
    Calendar(Period),
    Rolling(i64),
    Ever,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Once {
    Unlimited,
    Per(i64),
    PerKey(Expression),
    Ever,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FitRule {
    pub(crate) id: String,
    pub(crate) when: Expression,
    pub(crate) points: Points,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Qualify {
    /// A score's name: plan, engagement, fit, global, stage or `tag:x`.
    pub(crate) score: String,
    pub(crate) at: Thousandths,
    pub(crate) release: Thousandths,
    pub(crate) rearm_never: bool,
    pub(crate) cooldown_ms: i64,
    pub(crate) when: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) by: StageScore,
    pub(crate) stages: Vec<Stage>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) enter: Option<Thousandths>,
    pub(crate) enter_when: Option<Expression>,
    pub(crate) leave_below: Option<Thousandths>,
    pub(crate) leave_when: Option<Expression>,
    pub(crate) leave_idle_ms: Option<i64>,
    pub(crate) is_final: bool,
}

impl Pipeline {
    /// The index of a stage by its name.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.name == name)
    }
}

impl Plan {
    /// The rule with this id.
    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}
