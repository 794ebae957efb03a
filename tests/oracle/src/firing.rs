//! What a rule awards for an event or a due, and what of it is booked (S8 to S11, S18, S19, S22, S56).
//!
//! An award is what the rule says when its trigger is met; for most rules it is booked at once, for windows later. Invariants: conditions
//! and points read the state before the step; once, caps and limits read the bookings of this step too (trap 3).

use std::collections::BTreeSet;

use crate::calendar::same_period;
use crate::condition::Value;
use crate::decay::Decay;
use crate::event::{Row, Uid};
use crate::limits::Limits;
use crate::number::{GROUP_THOUSANDTHS_MAX, Thousandths, thousandths_of_result};
use crate::plan::{Cap, Once, Per, Plan, Points, Policy, Rule};
use crate::scope::Scope;
use crate::scores::{PlanSet, ScoreName, score};
use crate::state::{Booking, Cut, State, TagSource};
use crate::tagging::TagWrite;

/// What a rule says of the event or due that met it, before once, cap and limits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Award {
    /// The rule as it was then: a window keeps it (S45).
    pub(crate) rule: Rule,
    pub(crate) version: String,
    pub(crate) raw: Thousandths,
    /// The key of a keyed `once_per`.
    pub(crate) once_key: Option<String>,
    /// The event that caused it.
    pub(crate) uid: Option<Uid>,
}

/// Where and when an award is booked.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) plans: &'a PlanSet,
    pub(crate) plan: &'a Plan,
    pub(crate) instant: i64,
    pub(crate) step: usize,
    /// The event whose step it is; none for a timer's, which goes before the events of its instant.
    pub(crate) by: Option<Uid>,
    pub(crate) limits: &'a Limits,
}

/// The value of points, or none where they have none (S8, S9).
pub(crate) fn points_value(points: &Points, scope: &Scope) -> Option<Thousandths> {
    match points {
        Points::Literal(literal) => Some(*literal),
        Points::Expression(expression) => match expression.value(scope) {
            Ok(Value::Number(result)) => thousandths_of_result(result),
            _ => None,
        },
    }
}

/// What the rule awards for the event or due of the scope, if it does: `valid`, verdict, `when`, key and points allow it (S10, S18).
///
/// Membership is for the caller to test, at the instant that matters.
pub(crate) fn award(rule: &Rule, scope: &Scope) -> Option<Award> {
    let valid = rule.valid_from.is_none_or(|from| scope.instant >= from)
        && rule.valid_until.is_none_or(|until| scope.instant < until);
    let policy = scope.event.map_or(Policy::Count, |row| policy(scope.plan, rule, row));
    if !valid || policy == Policy::Ignore || !rule.when.as_ref().is_none_or(|when| when.holds(scope)) {
        return None;
    }
    Some(Award {
        once_key: once_key(rule, scope)?,
        raw: points_value(&rule.points, scope)?,
        rule: rule.clone(),
        version: scope.plan.version.clone(),
        uid: scope.event.map(|row| row.uid),
    })
}

/// Books an award, unless `once_per` forbids it. Returns the tags it writes.
pub(crate) fn book(state: &mut State, award: &Award, policy: Policy, place: Place) -> Option<Vec<TagWrite>> {
    let (plan, rule) = (place.plan, &award.rule);
    if !once_allows(state, award, place) {
        return None;
    }
    let mut cuts = BTreeSet::new();
    let weighted = weigh(&policy, award.raw, &mut cuts)?;
    // S45: a cap is that of the version in force, as long as that has the rule.
    let now = plan.rule(&rule.id).unwrap_or(rule);
    let capped = now.cap.as_ref().map_or(weighted, |cap| apply_cap(state, plan, rule, cap, weighted, place.instant));
    if capped != weighted {
        cuts.insert(Cut::Cap);
    }
    if rule.once != Once::Unlimited {
        state.plan_mut(&plan.id).once.insert((rule.id.clone(), award.once_key.clone()), place.instant);
        forget_oldest_keys(state, place.limits.once_keys);
    }
    let source = TagSource {
        plan: Some(plan.id.clone()),
        version: Some(award.version.clone()),
        rule: Some(rule.id.clone()),
        uid: award.uid,
        by: place.by,
        time: place.instant,
    };
    let applied = enter_points(state, &source, (award.raw, capped), &rule.decay, cuts, place);
    let mut writes = Vec::new();
    for (tag, own_points) in &rule.tags {
        let joining = match own_points {
            Some(own) => weigh(&policy, *own, &mut BTreeSet::new())?,
            None => applied,
        };
        writes.push(TagWrite {
            tag: tag.clone(),
            add: Some(joining),
            decay: rule.decay.clone(),
            with_points: true,
            source: source.clone(),
        });
    }
    writes.extend(rule.untag.iter().map(|tag| TagWrite {
        tag: tag.clone(),
        add: None,
        decay: Decay::None,
        with_points: false,
        source: source.clone(),
    }));
    Some(writes)
}

/// Applies the plan's limits to points and enters them in the ledger. Returns the points applied.
pub(crate) fn enter_points(
    state: &mut State,
    source: &TagSource,
    (raw, points): (Thousandths, Thousandths),
    decay: &Decay,
    mut cuts: BTreeSet<Cut>,
    place: Place,
) -> Thousandths {
    let applied = apply_limits(state, place.plans, place.plan, points);
    if applied != points {
        cuts.insert(Cut::Limit);
    }
    state.bookings.push(Booking {
        step: place.step,
        plan: place.plan.id.clone(),
        version: source.version.clone().unwrap_or_default(),
        rule: source.rule.clone().unwrap_or_default(),
        uid: source.uid,
        by: place.by,
        time: place.instant,
        raw,
        applied,
        decay: decay.clone(),
        cuts,
        ended: false,
        stay: state.plan(&place.plan.id).stay.map(|stay| stay.stay),
    });
    applied
}

/// The policy for the event of the rule in the version in force, else the plan's (S45, S56). A timer has no verdict.
pub(crate) fn policy(plan: &Plan, rule: &Rule, row: &Row) -> Policy {
    let stated = plan.rule(&rule.id).and_then(|rule| rule.policies.0.get(&row.verdict).cloned());
    stated.unwrap_or_else(|| plan.policies.of_plan(row.verdict))
}

fn weigh(policy: &Policy, points: Thousandths, cuts: &mut BTreeSet<Cut>) -> Option<Thousandths> {
    let Policy::Weight(weight) = policy else { return Some(points) };
    let weighted = weight.weigh(points)?;
    if weighted != points {
        cuts.insert(Cut::Weight);
    }
    Some(weighted)
}

/// The key under which the rule may fire once: none but for a keyed rule, whose event must have one (S11).
fn once_key(rule: &Rule, scope: &Scope) -> Option<Option<String>> {
    match &rule.once {
        Once::PerKey(expression) => expression.value(scope).ok().and_then(|value| key(&value)).map(Some),
        Once::Unlimited | Once::Ever | Once::Per(_) => Some(None),
    }
}

/// A value as a key; null, lists and the empty string are none.
pub(crate) fn key(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(format!("text {text}")),
        // Adding zero makes one key of 0 and -0, which are equal.
        Value::Number(number) => Some(format!("number {}", number + 0.0)),
        Value::Bool(value) => Some(format!("bool {value}")),
        _ => None,
    }
}

/// S11: whether the rule may fire again at the instant.
pub(crate) fn once_allows(state: &State, award: &Award, place: Place) -> bool {
    let memory = state.plan(&place.plan.id).once;
    let last = memory.get(&(award.rule.id.clone(), award.once_key.clone())).copied();
    let again_after = |span_ms: i64| last.is_none_or(|last| place.instant >= last + span_ms);
    match &award.rule.once {
        Once::Unlimited => true,
        Once::Ever => last.is_none(),
        Once::Per(period_ms) => again_after(*period_ms),
        Once::PerKey(_) => again_after(place.limits.horizon_ms),
    }
}

/// Keeps at most so many keys; the oldest ends (S58).
fn forget_oldest_keys(state: &mut State, keys_max: usize) {
    loop {
        let keyed = state.plans.iter().flat_map(|(plan, memory)| {
            memory.once.iter().filter(|((_, key), _)| key.is_some()).map(move |(key, time)| (*time, plan, key))
        });
        let keyed: Vec<_> = keyed.collect();
        if keyed.len() <= keys_max {
            return;
        }
        let Some((_, plan, key)) = keyed.into_iter().min() else { return };
        let (plan, key) = (plan.clone(), key.clone());
        state.plan_mut(&plan).once.remove(&key);
    }
}

/// S19: applied = clip(c + p, min(c, -P), max(c, P)) - c.
fn apply_cap(state: &State, plan: &Plan, rule: &Rule, cap: &Cap, points: Thousandths, instant: i64) -> Thousandths {
    let in_period = |booked: i64| match cap.per {
        Per::Award => false,
        Per::Calendar(period) => same_period(period, booked, instant, &plan.zone),
        Per::Rolling(span_ms) => booked > instant - span_ms,
        Per::Ever => true,
    };
    let before = state.plan(&plan.id).cap_since.get(&rule.id).copied().unwrap_or(0);
    let since = state.bookings.iter().skip(before);
    let of_rule = since.filter(|booking| booking.plan == plan.id && booking.rule == rule.id);
    let spent: Thousandths = of_rule.filter(|booking| in_period(booking.time)).map(|booking| booking.applied).sum();
    (spent + points).clamp(spent.min(-cap.points), spent.max(cap.points)) - spent
}

/// S22: limits act on engagement when points are booked.
fn apply_limits(state: &State, plans: &PlanSet, plan: &Plan, points: Thousandths) -> Thousandths {
    let engagement = score(state, plans, &ScoreName::Engagement(plan.id.clone()));
    let floor = plan.floor.unwrap_or(-GROUP_THOUSANDTHS_MAX);
    let ceiling = plan.ceiling.unwrap_or(GROUP_THOUSANDTHS_MAX);
    if points >= 0 { points.min((ceiling - engagement).max(0)) } else { -(-points).min((engagement - floor).max(0)) }
}

/// Whether a rule of the plan booked points other than zero in this step (S37).
pub(crate) fn earned(state: &State, plan: &str, step: usize) -> bool {
    state.bookings.iter().any(|booking| booking.plan == plan && booking.step == step && booking.applied != 0)
}
