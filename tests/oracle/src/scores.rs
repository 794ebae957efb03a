//! Scores and the contributions they are made of, added up from the bookings each time (S21 to S26, S53).
//!
//! Invariant: the contributions of a score add up to the score exactly; a clamp of the plan score is a line of its own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Uid;
use crate::number::Thousandths;
use crate::plan::Plan;
use crate::state::{Booking, State};

/// Plans in force together, by id.
pub(crate) type PlanSet = BTreeMap<String, Plan>;

/// What a line of an explanation comes from. The order is that in which ties are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A fit rule that holds.
    Fit,
    /// Everything that left the horizon, as one line.
    Base,
    /// A firing of a rule, or points that came with a tag of the CRM.
    Booking,
    /// What the plan's limits cut when the score is read.
    Limit,
}

/// One part of a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// What the part comes from.
    pub kind: LineKind,
    /// When it was booked, milliseconds UTC; none for fit, base and limit.
    pub time: Option<i64>,
    /// The uid of the causing event in hexadecimal; none where there is none.
    pub uid: Option<String>,
    /// The rule; empty for base, limit and tags of the CRM.
    pub rule: String,
    /// The plan; none for tags of the CRM and where the base spans plans.
    pub plan: Option<String>,
    /// What it is worth now.
    pub value: Thousandths,
}

/// A score that a threshold, a condition or a query can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScoreName {
    Plan(String),
    Engagement(String),
    Fit(String),
    Stage(String),
    Tag(String),
    Global,
}

impl ScoreName {
    /// The score a threshold of the plan names (S30).
    pub(crate) fn of_threshold(name: &str, plan: &str) -> Option<ScoreName> {
        Some(match name {
            "plan" => ScoreName::Plan(plan.to_owned()),
            "engagement" => ScoreName::Engagement(plan.to_owned()),
            "fit" => ScoreName::Fit(plan.to_owned()),
            "stage" => ScoreName::Stage(plan.to_owned()),
            "global" => ScoreName::Global,
            other => ScoreName::Tag(other.strip_prefix("tag:")?.to_owned()),
        })
    }

    /// The score a name such as `plan:cars`, `tag:x`, `global` or `stage:cars` means (S59).
    pub(crate) fn qualified(name: &str) -> Option<ScoreName> {
        match name.split_once(':') {
            None => (name == "global").then_some(ScoreName::Global),
            Some((dimension, rest)) => match dimension {
                "tag" => Some(ScoreName::Tag(rest.to_owned())),
                "plan" | "engagement" | "fit" | "stage" => ScoreName::of_threshold(dimension, rest),
                _ => None,
            },
        }
    }
}

/// Where the base ends: the order of the newest row that departed (S6).
pub(crate) type Boundary = Option<(i64, Uid)>;

fn in_base(boundary: Boundary, time: i64, uid: Option<Uid>) -> bool {
    // A timer at the instant of the newest departed row went before it.
    boundary.is_some_and(|(until, last)| (time, uid) <= (until, Some(last)))
}

/// The value of a score.
pub(crate) fn score(state: &State, plans: &PlanSet, name: &ScoreName) -> Thousandths {
    lines(state, plans, name, None).iter().map(|line| line.value).sum()
}

/// Every line of a score. They add up to it.
pub(crate) fn lines(state: &State, plans: &PlanSet, name: &ScoreName, boundary: Boundary) -> Vec<Contribution> {
    match name {
        ScoreName::Engagement(plan) => engagement_lines(state, plan, boundary, |_| true),
        ScoreName::Stage(plan) => match state.plan(plan).stay {
            Some(stay) => engagement_lines(state, plan, boundary, |booking| booking.stay == Some(stay.stay)),
            None => Vec::new(),
        },
        ScoreName::Fit(plan) => fit_lines(state, plan),
        ScoreName::Plan(plan) => plans.get(plan).map_or_else(Vec::new, |plan| plan_lines(state, plan, boundary)),
        ScoreName::Global => {
            let all = plans.values().filter(|plan| plan.global).flat_map(|plan| plan_lines(state, plan, boundary));
            one_base(all.collect())
        }
        ScoreName::Tag(tag) => tag_lines(state, tag, boundary),
    }
}

/// S23: plan = clamp(engagement + fit); S22: what the clamp takes or gives is a line.
fn plan_lines(state: &State, plan: &Plan, boundary: Boundary) -> Vec<Contribution> {
    let mut lines = fit_lines(state, &plan.id);
    lines.extend(engagement_lines(state, &plan.id, boundary, |_| true));
    let sum: Thousandths = lines.iter().map(|line| line.value).sum();
    let clamped = sum.max(plan.floor.unwrap_or(sum)).min(plan.ceiling.unwrap_or(Thousandths::MAX));
    if clamped != sum {
        lines.push(unnamed(LineKind::Limit, Some(&plan.id), clamped - sum));
    }
    lines
}

fn fit_lines(state: &State, plan: &str) -> Vec<Contribution> {
    let line = |(rule, value): (&String, &Thousandths)| Contribution {
        rule: rule.clone(),
        ..unnamed(LineKind::Fit, Some(plan), *value)
    };
    state.plan(plan).fit.iter().map(line).collect()
}

fn engagement_lines(
    state: &State,
    plan: &str,
    boundary: Boundary,
    wanted: impl Fn(&Booking) -> bool,
) -> Vec<Contribution> {
    let line = |booking: &Booking| {
        if in_base(boundary, booking.time, booking.uid) {
            return unnamed(LineKind::Base, Some(plan), booking.applied);
        }
        Contribution {
            kind: LineKind::Booking,
            time: Some(booking.time),
            uid: booking.uid.map(|uid| uid.hex()),
            rule: booking.rule.clone(),
            plan: Some(plan.to_owned()),
            value: booking.applied,
        }
    };
    one_base(state.bookings.iter().filter(|booking| booking.plan == plan && wanted(booking)).map(line).collect())
}

fn tag_lines(state: &State, tag: &str, boundary: Boundary) -> Vec<Contribution> {
    let Some(life) = state.tags.get(tag).filter(|tag| tag.present).map(|tag| tag.life) else { return Vec::new() };
    let of_tag = state.tag_bookings.iter().filter(|booking| booking.tag == tag && booking.life == life);
    let line = |booking: &crate::state::TagBooking| {
        let source = &booking.source;
        if in_base(boundary, source.time, source.uid) {
            return unnamed(LineKind::Base, None, booking.value);
        }
        Contribution {
            kind: LineKind::Booking,
            time: Some(source.time),
            uid: source.uid.map(|uid| uid.hex()),
            rule: source.rule.clone().unwrap_or_default(),
            plan: source.plan.clone(),
            value: booking.value,
        }
    };
    one_base(of_tag.map(line).collect())
}

fn unnamed(kind: LineKind, plan: Option<&str>, value: Thousandths) -> Contribution {
    Contribution { kind, time: None, uid: None, rule: String::new(), plan: plan.map(str::to_owned), value }
}

/// The base is one line (S21).
fn one_base(lines: Vec<Contribution>) -> Vec<Contribution> {
    let (base, mut rest): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.kind == LineKind::Base);
    if let Some(first) = base.first() {
        let one_plan = base.iter().all(|line| line.plan == first.plan);
        let plan = first.plan.as_deref().filter(|_| one_plan);
        rest.push(unnamed(LineKind::Base, plan, base.iter().map(|line| line.value).sum()));
    }
    rest
}

/// The five contributions largest by absolute value, none of them zero, nor the clamp's line (S53).
pub(crate) fn largest(state: &State, plans: &PlanSet, name: &ScoreName, boundary: Boundary) -> Vec<Contribution> {
    let mut lines = lines(state, plans, name, boundary);
    lines.retain(|line| line.value != 0 && line.kind != LineKind::Limit);
    lines.sort_by(|one, other| {
        let tie = |line: &Contribution| (line.kind, line.time, line.uid.clone(), line.rule.clone(), line.plan.clone());
        other.value.abs().cmp(&one.value.abs()).then_with(|| tie(one).cmp(&tie(other)))
    });
    lines.truncate(5);
    lines
}
