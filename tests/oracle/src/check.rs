//! The check timer: the least instant at which a level or an arm flag, read without a step, would be another (S33).
//!
//! Levels move where a score meets a threshold or a span ends. All such instants are found and tried one after the other; what the levels
//! would be is computed by the very code that moves them at a step. Never fires a timer.

use std::collections::BTreeSet;

use crate::levels::levels_at;
use crate::number::Thousandths;
use crate::plan::Plan;
use crate::scores::{PlanSet, ScoreName, bounds};
use crate::stages::stage_score_name;
use crate::state::{ActionState, State};

/// A score, and a threshold it may meet.
type Comparison = (ScoreName, Thousandths);

/// The instant of the next check after the last step, if it is due by this instant.
pub(crate) fn next_check(state: &State, plans: &PlanSet, until: i64) -> Option<i64> {
    let comparisons: Vec<Comparison> = plans.values().flat_map(|plan| comparisons(state, plan)).collect();
    let spans: Vec<i64> = plans.values().flat_map(|plan| ends_of_spans(state, plan)).collect();
    let turns = turns(state);
    let mut instant = state.tau;
    while instant < until {
        let span = spans.iter().copied().filter(|end| *end > instant && *end <= until).min();
        // Nothing beyond an instant already found matters.
        let flip = comparisons.iter().fold(span, |found, comparison| {
            let until = found.unwrap_or(until);
            first_flip(state, plans, comparison, &turns, (instant, until)).or(found)
        });
        instant = flip?;
        if signature(&levels_at(state, plans, instant)) != signature(state) {
            return Some(instant);
        }
    }
    None
}

/// Everything that a check looks at: levels and arm flags, plan by plan.
fn signature(state: &State) -> Vec<impl PartialEq> {
    let of_plan = |(id, memory): (&String, &crate::state::PlanState)| {
        let stay = memory.stay.as_ref().map(|stay| (stay.stage.clone(), stay.armed));
        let of_actions = |(id, action): (&String, &ActionState)| (id.clone(), action.count, action.spent);
        let actions: Vec<_> = memory.actions.iter().map(of_actions).collect();
        let qualified = (memory.qualified, memory.after_feedback);
        (id.clone(), qualified, stay, memory.band.clone(), memory.grade.clone(), actions)
    };
    state.plans.iter().map(of_plan).collect()
}

/// The thresholds that levels and flags of the plan depend on as they are now.
fn comparisons(state: &State, plan: &Plan) -> Vec<Comparison> {
    let mut all = Vec::new();
    if let Some(qualify) = &plan.qualify
        && let Some(name) = ScoreName::of_threshold(&qualify.score, &plan.id)
    {
        all.extend([qualify.at, qualify.release].map(|threshold| (name.clone(), threshold)));
    }
    if let Some(pipeline) = &plan.pipeline
        && let Some(stay) = state.plan(&plan.id).stay
        && let Some(index) = pipeline.index(&stay.stage)
    {
        let next = pipeline.stages.get(index + 1).and_then(|next| next.enter);
        let thresholds = [pipeline.stages[index].leave_below, next];
        all.extend(thresholds.into_iter().flatten().map(|threshold| (stage_score_name(plan), threshold)));
    }
    if let Some(bands) = &plan.bands {
        let cuts = bands.cuts.iter().flat_map(|(_, cut)| [*cut, cut - bands.margin]);
        all.extend(cuts.map(|cut| (ScoreName::Plan(plan.id.clone()), cut)));
    }
    if let Some(grade) = &plan.grade {
        all.extend(grade.engagement.iter().map(|(_, cut)| (ScoreName::Engagement(plan.id.clone()), *cut)));
    }
    for action in &plan.actions {
        let name = ScoreName::of_threshold(&action.score, &plan.id);
        all.extend(name.into_iter().flat_map(|name| [(name.clone(), action.at), (name, action.release)]));
    }
    all
}

/// The instants at which a cooldown or a span of idleness ends.
fn ends_of_spans(state: &State, plan: &Plan) -> Vec<i64> {
    let memory = state.plan(&plan.id);
    let cooldown = plan.qualify.as_ref().zip(memory.cooldown_from).map(|(qualify, from)| from + qualify.cooldown_ms);
    let stages = plan.pipeline.iter().flat_map(|pipeline| &pipeline.stages);
    let idle = memory.stay.as_ref().into_iter().flat_map(|stay| {
        let quiet_since = memory.last_activity.map_or(stay.entered, |activity| activity.max(stay.entered));
        stages.clone().filter_map(move |stage| Some(quiet_since + stage.leave_idle_ms?))
    });
    cooldown.into_iter().chain(idle).collect()
}

/// The instants at which a part of any score ceases to move one way.
fn turns(state: &State) -> BTreeSet<i64> {
    let of_plans = state.bookings.iter().map(|booking| (&booking.decay, booking.time));
    let of_tags = state.tag_bookings.iter().map(|booking| (&booking.decay, booking.source.time));
    let turns =
        of_plans.chain(of_tags).flat_map(|(decay, booked)| decay.turns().into_iter().map(move |age| booked + age));
    turns.collect()
}

/// The least instant in (from, until] at which the score is on another side of the threshold than at `from`.
fn first_flip(
    state: &State,
    plans: &PlanSet,
    comparison: &Comparison,
    turns: &BTreeSet<i64>,
    (from, until): (i64, i64),
) -> Option<i64> {
    let reached = |instant: i64| is_reached(state, plans, comparison, instant);
    let before = reached(from);
    if turns.is_empty() {
        return None; // nothing decays
    }
    let mut start = from;
    for turn in turns.range(from + 1..=until.max(from + 1)).copied().filter(|turn| *turn <= until).chain([until]) {
        // No part turns after `start` and before `turn`.
        if let Some(flip) = flip_between(state, plans, comparison, (start, turn - 1)) {
            return Some(flip);
        }
        if reached(turn) != before {
            return Some(turn);
        }
        start = turn;
    }
    None
}

fn is_reached(state: &State, plans: &PlanSet, (name, threshold): &Comparison, instant: i64) -> bool {
    bounds(state, plans, name, (instant, instant)).0 >= *threshold
}

/// The least instant in (from, to] on another side than `from`, where every group moves one way only in between.
///
/// Halves the span unless its bounds say that the threshold is not met within it.
fn flip_between(state: &State, plans: &PlanSet, comparison: &Comparison, (from, to): (i64, i64)) -> Option<i64> {
    let (name, threshold) = comparison;
    let (low, high) = bounds(state, plans, name, (from, to));
    if to <= from || low >= *threshold || high < *threshold {
        return None;
    }
    if to == from + 1 {
        let reached = |instant| is_reached(state, plans, comparison, instant);
        return (reached(from) != reached(to)).then_some(to);
    }
    let middle = from + (to - from) / 2;
    flip_between(state, plans, comparison, (from, middle))
        .or_else(|| flip_between(state, plans, comparison, (middle, to)))
}
