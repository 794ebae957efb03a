//! One rule meets one event or one due: whether it fires, what it books and which tags it writes (S8 to S11, S18, S19, S22, S25, S56).
//!
//! Invariants: conditions read the state before the step; caps and limits read the bookings of this step too (trap 3).

use std::collections::BTreeSet;

use crate::calendar::same_period;
use crate::condition::Value;
use crate::decay::Decay;
use crate::event::{Kind, Row, Scalar};
use crate::limits::Limits;
use crate::number::{GROUP_THOUSANDTHS_MAX, Thousandths, thousandths_of_result};
use crate::plan::{Cap, Once, Per, Plan, Points, Policy, Rule};
use crate::scope::Scope;
use crate::scores::{PlanSet, ScoreName, score};
use crate::state::{Booking, Cut, State, TagBooking, TagSource, TagState};

/// A tag written in a step. The last write wins (S7).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagWrite {
    pub(crate) tag: String,
    /// Points that join the tag's score; none: remove the tag.
    pub(crate) add: Option<Thousandths>,
    /// How those points decay.
    pub(crate) decay: Decay,
    /// Whether points were given, be they none.
    pub(crate) with_points: bool,
    pub(crate) source: TagSource,
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

/// Fires the rule if it fires; then `state` has its booking. Returns the tags it writes, or none where it did not fire.
///
/// `scope.pre` is the state before the step. The order of the tests is that of S18: verdict, when, once, points, weight, cap, limits.
pub(crate) fn fire(
    state: &mut State,
    rule: &Rule,
    scope: &Scope,
    step: usize,
    limits: &Limits,
) -> Option<Vec<TagWrite>> {
    let plan = scope.plan;
    let valid = rule.valid_from.is_none_or(|from| scope.instant >= from)
        && rule.valid_until.is_none_or(|until| scope.instant < until);
    if !scope.pre.is_member(&plan.id) || !valid {
        return None;
    }
    let policy = policy(plan, rule, scope.event);
    if policy == Policy::Ignore || !rule.when.as_ref().is_none_or(|when| when.holds(scope)) {
        return None;
    }
    let once_key = once_allows(state, rule, scope, limits)?;
    let raw = points_value(&rule.points, scope)?;
    let mut cuts = BTreeSet::new();
    let weighted = weigh(policy, raw, &mut cuts)?;
    let capped = rule.cap.as_ref().map_or(weighted, |cap| apply_cap(state, plan, rule, cap, weighted, scope.instant));
    if capped != weighted {
        cuts.insert(Cut::Cap);
    }
    let applied = apply_limits(state, scope.plans, plan, capped);
    if applied != capped {
        cuts.insert(Cut::Limit);
    }
    if rule.once != Once::Unlimited {
        state.plan_mut(&plan.id).once.insert((rule.id.clone(), once_key), scope.instant);
        forget_oldest_keys(state, limits.once_keys);
    }
    let source = TagSource {
        plan: Some(plan.id.clone()),
        version: Some(plan.version.clone()),
        rule: Some(rule.id.clone()),
        uid: scope.event.map(|row| row.uid),
        time: scope.instant,
    };
    state.bookings.push(Booking {
        step,
        plan: plan.id.clone(),
        version: plan.version.clone(),
        rule: rule.id.clone(),
        uid: source.uid,
        time: scope.instant,
        raw,
        applied,
        decay: rule.decay.clone(),
        cuts,
        stay: state.plan(&plan.id).stay.map(|stay| stay.stay),
    });
    let mut writes = Vec::new();
    for (tag, own_points) in &rule.tags {
        let joining = match own_points {
            Some(own) => weigh(policy, *own, &mut BTreeSet::new())?,
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

/// The rule's policy for the event, else the plan's (S56). A timer has no verdict.
fn policy(plan: &Plan, rule: &Rule, event: Option<&Row>) -> Policy {
    let Some(row) = event else { return Policy::Count };
    rule.policies.0.get(&row.verdict).copied().unwrap_or_else(|| plan.policies.of_plan(row.verdict))
}

fn weigh(policy: Policy, points: Thousandths, cuts: &mut BTreeSet<Cut>) -> Option<Thousandths> {
    let Policy::Weight(weight) = policy else { return Some(points) };
    let weighted = weight.weigh(points)?;
    if weighted != points {
        cuts.insert(Cut::Weight);
    }
    Some(weighted)
}

/// Some(key) where `once_per` allows a firing; the key is none but for a keyed rule (S11).
fn once_allows(state: &State, rule: &Rule, scope: &Scope, limits: &Limits) -> Option<Option<String>> {
    let memory = state.plan(&scope.plan.id).once;
    let last = |key: &Option<String>| memory.get(&(rule.id.clone(), key.clone())).copied();
    match &rule.once {
        Once::Unlimited => Some(None),
        Once::Ever => last(&None).is_none().then_some(None),
        Once::Per(period_ms) => last(&None).is_none_or(|last| scope.instant >= last + period_ms).then_some(None),
        Once::PerKey(expression) => {
            let key = Some(match expression.value(scope) {
                Ok(Value::Text(text)) if !text.is_empty() => format!("text {text}"),
                // Adding zero makes one key of 0 and -0, which are equal.
                Ok(Value::Number(number)) => format!("number {}", number + 0.0),
                Ok(Value::Bool(value)) => format!("bool {value}"),
                _ => return None,
            });
            last(&key).is_none_or(|last| scope.instant >= last + limits.horizon_ms).then_some(key)
        }
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

/// The tags that an event of the CRM writes.
pub(crate) fn crm_writes(row: &Row) -> Vec<TagWrite> {
    if row.kind != Kind::Tags {
        return Vec::new();
    }
    let source = TagSource { plan: None, version: None, rule: None, uid: Some(row.uid), time: row.time };
    let write = |(tag, value): (&String, &Scalar)| {
        let add = match value {
            Scalar::Bool(true) => Some(0),
            Scalar::Number(points) => Some(thousandths_of_result(*points)?),
            Scalar::Bool(false) => None,
            Scalar::Null | Scalar::Text(_) => return None,
        };
        let with_points = matches!(value, Scalar::Number(_));
        Some(TagWrite { tag: tag.clone(), add, decay: Decay::None, with_points, source: source.clone() })
    };
    row.properties.iter().filter_map(write).collect()
}

/// Writes the tags in order (S7, S25): points join, a removal ends the tag's score.
pub(crate) fn write_tags(state: &mut State, writes: Vec<TagWrite>, limits: &Limits) {
    let before = state.tags.clone();
    let touched: BTreeSet<String> = writes.iter().map(|write| write.tag.clone()).collect();
    for write in writes {
        let present = state.has_tag(&write.tag);
        let Some(points) = write.add else {
            if let Some(tag) = state.tags.get_mut(&write.tag).filter(|tag| tag.present) {
                (tag.present, tag.since) = (false, write.source.time);
            }
            continue;
        };
        if !present {
            if state.tags.values().filter(|tag| tag.present).count() >= limits.tags {
                continue;
            }
            let life = state.new_life();
            state.tags.insert(write.tag.clone(), TagState { present: true, since: write.source.time, life });
        }
        let life = state.tags.get(&write.tag).map_or(0, |tag| tag.life);
        let sum = score(state, &PlanSet::new(), &ScoreName::Tag(write.tag.clone()));
        let value = (sum + points).clamp(-GROUP_THOUSANDTHS_MAX, GROUP_THOUSANDTHS_MAX) - sum;
        state.tag_bookings.push(TagBooking {
            tag: write.tag,
            life,
            value,
            decay: write.decay,
            with_points: write.with_points,
            source: write.source,
        });
    }
    // A level is what it is after a step (S30): what was as it is now before the step has been so since then.
    for tag in touched {
        let Some(now) = state.tags.get_mut(&tag) else { continue };
        match before.get(&tag) {
            Some(known) if known.present == now.present => now.since = known.since,
            None if !now.present => {
                state.tags.remove(&tag);
            }
            _ => {}
        }
    }
}

/// Whether a rule of the plan booked points other than zero in this step (S37).
pub(crate) fn earned(state: &State, plan: &str, step: usize) -> bool {
    state.bookings.iter().any(|booking| booking.plan == plan && booking.step == step && booking.applied != 0)
}
