//! Scores and the contributions they are made of, added up from the bookings each time (S21 to S26, S53).
//!
//! Invariant: the contributions of a score add up to the score exactly; a clamp of the plan score is a line of its own.

use std::collections::BTreeMap;

use num_rational::BigRational;
use serde::Serialize;

use crate::decay::{Decay, apportion};
use crate::event::Uid;
use crate::number::Thousandths;
use crate::plan::Plan;
use crate::state::{Booking, State, TagBooking};

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

/// Whether a booking at an instant, by a timer or by the event with the uid, is of a step up to the boundary.
pub(crate) fn in_base(boundary: Boundary, time: i64, by: Option<Uid>) -> bool {
    // A timer at the instant of the newest departed row went before it, whatever event it was caused by.
    boundary.is_some_and(|(until, last)| (time, by) <= (until, Some(last)))
}

/// One booking as a part of a score, with what it is shown as.
struct Part {
    decay: Decay,
    applied: Thousandths,
    booked: i64,
    line: Contribution,
}

/// The value of a score at the instant of the state: groups are rounded once and added (S21).
pub(crate) fn score(state: &State, plans: &PlanSet, name: &ScoreName) -> Thousandths {
    bounds(state, plans, name, (state.now, state.now)).0
}

/// The least and the greatest that a score can be from one instant to another between which no part of it turns.
///
/// Each group moves one way only in between, so that its values at both ends bound it.
pub(crate) fn bounds(
    state: &State,
    plans: &PlanSet,
    name: &ScoreName,
    (from, to): (i64, i64),
) -> (Thousandths, Thousandths) {
    let ends = |points: Vec<Points>| of_groups(&points, (from, to));
    let engagement = |plan: &str| ends(engagement_bookings(state, plan, None).map(points_of).collect());
    let fit = |plan: &str| state.plan(plan).fit.values().sum::<Thousandths>();
    let plan_score = |plan: &Plan| {
        let ((low, high), fit) = (engagement(&plan.id), fit(&plan.id));
        (clamp(plan, low + fit), clamp(plan, high + fit))
    };
    match name {
        ScoreName::Engagement(plan) => engagement(plan),
        ScoreName::Stage(plan) => ends(stage_bookings(state, plan).map(points_of).collect()),
        ScoreName::Fit(plan) => (fit(plan), fit(plan)),
        ScoreName::Plan(plan) => plans.get(plan).map_or((0, 0), plan_score),
        ScoreName::Global => {
            let global = plans.values().filter(|plan| plan.global).map(plan_score);
            global.fold((0, 0), |sum, (low, high)| (sum.0 + low, sum.1 + high))
        }
        ScoreName::Tag(tag) => {
            let point = |b: &'_ TagBooking| (b.value, b.source.time);
            let of_tag = tag_bookings(state, tag);
            ends(of_tag.map(|b| ((b.source.plan.as_deref(), &b.decay), point(b))).collect())
        }
    }
}

/// A group: what a plan books into one dimension with one decay (S21).
type Group<'a> = (Option<&'a str>, &'a Decay);

/// Points and the instant of their booking, in a group.
type Points<'a> = (Group<'a>, (Thousandths, i64));

fn points_of(booking: &Booking) -> Points<'_> {
    ((Some(&booking.plan), &booking.decay), (booking.applied, booking.time))
}

fn of_groups(points: &[Points], (from, to): (i64, i64)) -> (Thousandths, Thousandths) {
    let mut groups: BTreeMap<Group, Vec<(Thousandths, i64)>> = BTreeMap::new();
    for (group, booking) in points {
        groups.entry(*group).or_default().push(*booking);
    }
    let mut sum = (0, 0);
    for ((_, decay), bookings) in groups {
        let ends = [decay.value(&bookings, from), decay.value(&bookings, to)];
        sum = (sum.0 + ends[0].min(ends[1]), sum.1 + ends[0].max(ends[1]));
    }
    sum
}

fn groups(parts: &[Part]) -> BTreeMap<Group<'_>, Vec<&Part>> {
    let mut groups: BTreeMap<_, Vec<&Part>> = BTreeMap::new();
    for part in parts {
        groups.entry((part.line.plan.as_deref(), &part.decay)).or_default().push(part);
    }
    groups
}

/// Every line of a score. They add up to it.
pub(crate) fn lines(state: &State, plans: &PlanSet, name: &ScoreName, boundary: Boundary) -> Vec<Contribution> {
    match name {
        ScoreName::Engagement(plan) => {
            shown(state, &engagement_parts(engagement_bookings(state, plan, None), boundary))
        }
        ScoreName::Stage(plan) => shown(state, &engagement_parts(stage_bookings(state, plan), boundary)),
        ScoreName::Fit(plan) => fit_lines(state, plan),
        ScoreName::Plan(plan) => plans.get(plan).map_or_else(Vec::new, |plan| plan_lines(state, plan, boundary)),
        ScoreName::Global => {
            let all = plans.values().filter(|plan| plan.global).flat_map(|plan| plan_lines(state, plan, boundary));
            one_base(all.collect())
        }
        ScoreName::Tag(tag) => {
            let mut lines = one_base(shown(state, &tag_parts(state, tag, boundary)));
            // A tag's base is no plan's: what the plans booked into it is one line.
            lines.iter_mut().filter(|line| line.kind == LineKind::Base).for_each(|line| line.plan = None);
            lines
        }
    }
}

/// S21: in each group the parts are floored, and the largest fractions get the thousandths missing to its value; the base is one part.
fn shown(state: &State, parts: &[Part]) -> Vec<Contribution> {
    let mut lines = Vec::new();
    for ((_, decay), group) in groups(parts) {
        let bookings: Vec<_> = group.iter().map(|part| (part.applied, part.booked)).collect();
        let mut merged: Vec<(Contribution, BigRational)> = Vec::new();
        for part in &group {
            let worth = decay.part(part.applied, part.booked, state.now);
            match merged.iter_mut().find(|(line, _)| line.kind == LineKind::Base && part.line.kind == LineKind::Base) {
                Some((_, base)) => *base += worth,
                None => merged.push((part.line.clone(), worth)),
            }
        }
        merged.sort_by_key(|(line, _)| tie(line));
        let worths: Vec<BigRational> = merged.iter().map(|(_, worth)| worth.clone()).collect();
        let values = apportion(decay.value(&bookings, state.now), &worths);
        lines.extend(merged.into_iter().zip(values).map(|((line, _), value)| Contribution { value, ..line }));
    }
    one_base(lines)
}

/// The order in which ties are resolved: what has no uid first, then time, uid, rule (S21, S53).
fn tie(line: &Contribution) -> (LineKind, Option<i64>, Option<String>, String, Option<String>) {
    (line.kind, line.time, line.uid.clone(), line.rule.clone(), line.plan.clone())
}

/// S22: the plan score is clamped when it is read.
fn clamp(plan: &Plan, sum: Thousandths) -> Thousandths {
    sum.max(plan.floor.unwrap_or(sum)).min(plan.ceiling.unwrap_or(Thousandths::MAX))
}

/// S23: plan = clamp(engagement + fit); S22: what the clamp takes or gives is a line.
fn plan_lines(state: &State, plan: &Plan, boundary: Boundary) -> Vec<Contribution> {
    let mut lines = fit_lines(state, &plan.id);
    lines.extend(shown(state, &engagement_parts(engagement_bookings(state, &plan.id, None), boundary)));
    let sum: Thousandths = lines.iter().map(|line| line.value).sum();
    if clamp(plan, sum) != sum {
        lines.push(unnamed(LineKind::Limit, Some(&plan.id), clamp(plan, sum) - sum));
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

/// The bookings of a plan, or those of one stay in a stage.
fn engagement_bookings<'s>(state: &'s State, plan: &str, stay: Option<u64>) -> impl Iterator<Item = &'s Booking> {
    let wanted =
        move |booking: &&Booking| booking.plan == plan && !booking.ended && (stay.is_none() || booking.stay == stay);
    state.bookings.iter().filter(wanted)
}

/// S26: what was booked in the present stage; nothing where there is none.
fn stage_bookings<'s>(state: &'s State, plan: &str) -> impl Iterator<Item = &'s Booking> {
    let stay = state.plan(plan).stay.map(|stay| stay.stay);
    engagement_bookings(state, plan, stay).filter(move |_| stay.is_some())
}

/// What belongs to the present life of a tag; nothing where it is not set.
fn tag_bookings<'s>(state: &'s State, tag: &str) -> impl Iterator<Item = &'s TagBooking> {
    let life = state.tags.get(tag).filter(|tag| tag.present).map(|tag| tag.life);
    state.tag_bookings.iter().filter(move |booking| booking.tag == tag && Some(booking.life) == life)
}

fn engagement_parts<'s>(bookings: impl Iterator<Item = &'s Booking>, boundary: Boundary) -> Vec<Part> {
    let line = |booking: &Booking| {
        if in_base(boundary, booking.time, booking.by) {
            return unnamed(LineKind::Base, Some(&booking.plan), 0);
        }
        Contribution {
            kind: LineKind::Booking,
            time: Some(booking.time),
            uid: booking.uid.map(|uid| uid.hex()),
            rule: booking.rule.clone(),
            plan: Some(booking.plan.clone()),
            value: 0,
        }
    };
    let part = |booking: &Booking| Part {
        decay: booking.decay.clone(),
        applied: booking.applied,
        booked: booking.time,
        line: line(booking),
    };
    bookings.map(part).collect()
}

fn tag_parts(state: &State, tag: &str, boundary: Boundary) -> Vec<Part> {
    let line = |booking: &TagBooking| {
        let source = &booking.source;
        if in_base(boundary, source.time, source.by) {
            return unnamed(LineKind::Base, source.plan.as_deref(), 0);
        }
        Contribution {
            kind: LineKind::Booking,
            time: Some(source.time),
            uid: source.uid.map(|uid| uid.hex()),
            rule: source.rule.clone().unwrap_or_default(),
            plan: source.plan.clone(),
            value: 0,
        }
    };
    let part = |booking: &TagBooking| Part {
        decay: booking.decay.clone(),
        applied: booking.value,
        booked: booking.source.time,
        line: line(booking),
    };
    tag_bookings(state, tag).map(part).collect()
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
    lines.sort_by(|one, other| other.value.abs().cmp(&one.value.abs()).then_with(|| tie(one).cmp(&tie(other))));
    lines.truncate(5);
    lines
}
