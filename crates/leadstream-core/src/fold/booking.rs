//! Booking one firing: weight, cap, limits, then the dimensions (S18, S19, S22, S25, S26).

use std::sync::Arc;

use crate::contact::{
    Award, AwardTag, Cause, Contribution, Dimension, LimitReason, LimitReasons, Once, OnceKey, RollingBooking,
    RuleIndex, RuleName, RuleState, RuleTable, State, TagState,
};
use crate::decay::{Decay, Sum};
use crate::fold::reached::{Bound, Reached};
use crate::fold::step::{Firing, TagOperation};
use crate::fold::windows::Due;
use crate::id::{Name, PlanVersion};
use crate::plan::{Cap, CapPeriod, Plan, PlanSet};
use crate::points::{Points, SUM_MAX};
use crate::time::Timestamp;
use crate::word::Word;

/// The most once keys a contact keeps; beyond them the oldest ends (S58).
pub(crate) const ONCE_KEYS_MAX: usize = 2000;
/// The most tags a contact carries; further ones are not set (S58).
pub(crate) const TAGS_MAX: usize = 200;
/// A tag that is longer, in bytes, is not set (S58).
const TAG_BYTES_MAX: usize = 128;
/// The most bookings inside rolling caps that a contact keeps; beyond them the oldest ends (S58).
const ROLLING_MAX: usize = 2000;

/// What a booking changes.
pub(crate) struct Books<'a> {
    pub(crate) plans: &'a PlanSet,
    pub(crate) state: &'a mut State,
    pub(crate) rules: &'a mut RuleTable,
    /// Where contributions go; `None` while a base is folded, which keeps sums only.
    pub(crate) ledger: Option<&'a mut crate::contact::Ledger>,
    pub(crate) tags: &'a mut Vec<TagOperation>,
    /// Tags that were set or removed, with since when the contact had carried them before the step.
    pub(crate) touched_tags: &'a mut Vec<(Arc<str>, Option<Timestamp>)>,
    /// Bounds that were reached.
    pub(crate) reached: &'a mut Reached,
}

/// What a firing books and does, as a version of its rule says.
#[derive(Clone, Copy)]
struct Effect<'a> {
    rule: &'a Arc<RuleName>,
    cap: Option<Cap>,
    once: Once,
    tags: &'a [AwardTag],
    untag: &'a [Arc<str>],
}

/// What a rule said, and what a booking of it goes by.
#[derive(Clone, Copy)]
struct Said {
    raw: Points,
    weight: Option<f64>,
    once_key: Option<u64>,
    /// The end of the calendar period of the cap.
    period_end: Timestamp,
}

impl Books<'_> {
    /// Books one firing at an instant.
    pub(crate) fn book(&mut self, plan_at: usize, firing: &Firing, now: Timestamp, cause: Cause) {
        let plan = &self.plans.plans()[firing.plan];
        let (rule, names) = (&plan.rules[firing.rule], self.plans.names(firing.plan, firing.rule));
        let once = Once::of(rule.once_per.as_ref());
        let effect = Effect { rule: &names.plan, cap: rule.cap, once, tags: &names.tags, untag: &rule.untag };
        let Firing { raw, weight, once_key, period_end, .. } = *firing;
        self.enter(plan_at, plan, effect, Said { raw, weight, once_key, period_end }, (now, cause));
    }

    /// Books something that waited.
    pub(crate) fn book_due(&mut self, plan_at: usize, due: &Due, now: Timestamp) {
        let Award { rule, once, tags, untag, .. } = &*due.pending.award;
        let effect = Effect { rule, cap: due.cap, once: *once, tags, untag };
        let said = Said {
            raw: due.pending.raw,
            weight: due.weight,
            once_key: due.pending.once_key,
            period_end: due.period_end,
        };
        self.enter(plan_at, &self.plans.plans()[due.plan], effect, said, (now, due.cause));
    }

    fn enter(&mut self, plan_at: usize, plan: &Plan, effect: Effect<'_>, said: Said, (now, cause): (Timestamp, Cause)) {
        let booked_as = self.rules.insert(effect.rule);
        let state_index = self.rules.state_index(effect.rule.key).unwrap_or(booked_as);
        let weighted = said.weight.map_or(said.raw, |weight| said.raw.weighted(weight));
        let capped = self.cap(effect.cap, state_index, weighted, now);
        let engagement = self.state.plans[plan_at].engagement.at(now);
        let applied = limited(plan, engagement, capped);
        let reasons = LimitReasons::NONE
            .with(LimitReason::Weight, weighted != said.raw)
            .with(LimitReason::Cap, capped != weighted)
            .with(LimitReason::Limit, applied != capped);
        self.remember(effect, state_index, said, applied, now);
        self.add(plan_at, applied, &effect.rule.decay, now);
        self.record(Contribution { time: now, cause, rule: booked_as, raw: said.raw, applied, reasons });
        for tag in effect.tags {
            let Dimension::Tag(name) = &tag.rule.dimension else { continue };
            // An entry's own points are weighted like the rule's, but neither capped nor limited (S25, S56).
            let (raw, points, reasons) = match tag.points {
                None => (said.raw, applied, reasons),
                Some(own) => {
                    let weighted = said.weight.map_or(own, |weight| own.weighted(weight));
                    (own, weighted, LimitReasons::NONE.with(LimitReason::Weight, weighted != own))
                }
            };
            self.tags.push(TagOperation::Book {
                rule: Arc::clone(&tag.rule),
                tag: name.clone(),
                points,
                raw,
                reasons,
                cause,
            });
        }
        self.tags.extend(effect.untag.iter().map(|tag| TagOperation::Remove(tag.clone())));
    }

    /// What a cap leaves of `points`: `clip(c + p) - c`, never against the sign of p (S19).
    fn cap(&self, cap: Option<Cap>, state_index: RuleIndex, points: Points, now: Timestamp) -> Points {
        let Some(cap) = cap else { return points };
        let held = self.state.rules.iter().find(|state| state.rule == state_index);
        let already = match cap.period {
            CapPeriod::Award => Points::ZERO,
            CapPeriod::Ever | CapPeriod::Day | CapPeriod::Week | CapPeriod::Month => held
                .filter(|held| held.period == cap.period.code() && now < held.period_end)
                .map_or(Points::ZERO, |held| held.capped),
            CapPeriod::Rolling(span) => {
                let after = now - span;
                let inside = self.state.rolling.iter().filter(|b| b.rule == state_index && b.time > after);
                inside.map(|booking| booking.applied).sum()
            }
        };
        (already + points).clamp(already.min(-cap.points), already.max(cap.points)) - already
    }

    /// Keeps what later firings of the rule depend on.
    fn remember(&mut self, effect: Effect<'_>, state_index: RuleIndex, said: Said, applied: Points, now: Timestamp) {
        let period = effect.cap.map(|cap| cap.period);
        if matches!(effect.once, Once::Span(_) | Once::Ever) {
            rule_state(&mut self.state.rules, state_index).once_fired = Some(now);
        }
        if let Some(period @ (CapPeriod::Day | CapPeriod::Week | CapPeriod::Month | CapPeriod::Ever)) = period {
            let held = rule_state(&mut self.state.rules, state_index);
            if held.period != period.code() || now >= held.period_end {
                held.capped = Points::ZERO;
                held.period = period.code();
                held.period_end = said.period_end;
            }
            held.capped += applied;
        }
        if let Some(CapPeriod::Rolling(span)) = period {
            let rolling = &mut self.state.rolling;
            rolling.retain(|booking| booking.rule != state_index || booking.time > now - span);
            // What a cap has cut to nothing uses nothing of it up, however often that happens.
            if applied != Points::ZERO {
                if rolling.len() >= ROLLING_MAX {
                    rolling.remove(0);
                    self.reached.add(Bound::RollingBookings, 1);
                }
                rolling.push(RollingBooking { rule: state_index, time: now, applied });
            }
        }
        if let Some(key) = said.once_key {
            let once = &mut self.state.once;
            once.retain(|known| known.rule != state_index || known.key != key);
            if once.len() >= ONCE_KEYS_MAX {
                once.remove(0);
                self.reached.add(Bound::OnceKeys, 1);
            }
            once.push(OnceKey { rule: state_index, key, fired: now });
        }
    }

    pub(crate) fn add(&mut self, plan_at: usize, applied: Points, decay: &Decay, now: Timestamp) {
        let held = &mut self.state.plans[plan_at];
        let mut ended = held.engagement.add(applied, decay, Word::EMPTY, now);
        if let Some(stage) = &mut held.stage {
            ended |= stage.points.add(applied, decay, Word::EMPTY, now);
            stage.resting &= applied == Points::ZERO;
        }
        if applied != Points::ZERO {
            held.unbar();
        }
        self.reached.add(Bound::LiveParts, usize::from(ended));
    }

    pub(crate) fn record(&mut self, contribution: Contribution) {
        self.state.booked += 1;
        if let Some(ledger) = &mut self.ledger {
            ledger.push(contribution);
        }
    }

    /// Sets, scores and removes tags in the order of the rules that said so: the last write wins (S7, S25).
    pub(crate) fn tag(&mut self, operations: &[TagOperation], now: Timestamp, cause: Cause) {
        for operation in operations {
            match operation {
                TagOperation::Add(tag) => {
                    self.carry(tag, now);
                }
                TagOperation::Give { tag, points } => {
                    let Some(at) = self.carry(tag, now) else { continue };
                    let applied = self.add_to_tag(at, *points, (&Decay::None, Word::EMPTY), now);
                    let rule = self.rules.insert(&Arc::new(RuleName {
                        key: Name::of_pair("", ""),
                        plan: Word::EMPTY,
                        rule: Word::EMPTY,
                        version: PlanVersion::default(),
                        dimension: Dimension::Tag(tag.clone()),
                        decay: Decay::None,
                    }));
                    let reasons = LimitReasons::NONE.with(LimitReason::Limit, applied != *points);
                    self.record(Contribution { time: now, cause, rule, raw: *points, applied, reasons });
                }
                TagOperation::Book { rule, tag, points, raw, reasons, cause } => {
                    let Some(at) = self.carry(tag, now) else { continue };
                    let applied = self.add_to_tag(at, *points, (&rule.decay, rule.plan), now);
                    let rule = self.rules.insert(rule);
                    let (raw, cause) = (*raw, *cause);
                    let reasons = reasons.with(LimitReason::Limit, applied != *points);
                    self.record(Contribution { time: now, cause, rule, raw, applied, reasons });
                }
                TagOperation::Remove(tag) => {
                    if let Ok(at) = self.state.tags.binary_search_by(|known| known.tag.cmp(tag)) {
                        self.touch(tag, Some(self.state.tags[at].since));
                        self.state.tags.remove(at);
                    }
                }
            }
        }
    }

    /// Adds points to a tag's score, inside the bound of every sum. Returns what was added.
    fn add_to_tag(&mut self, at: usize, points: Points, booked: (&Decay, Word), now: Timestamp) -> Points {
        let held = &mut self.state.tags[at].points;
        let applied = within(held.at(now), points, -SUM_MAX, SUM_MAX);
        let ended = held.add(applied, booked.0, booked.1, now);
        self.reached.add(Bound::LiveParts, usize::from(ended));
        applied
    }

    /// The place of a tag of the contact, set if it was not; `None` where the contact already carries as many as it may.
    fn carry(&mut self, tag: &Arc<str>, now: Timestamp) -> Option<usize> {
        match self.state.tags.binary_search_by(|known| known.tag.cmp(tag)) {
            Ok(at) => Some(at),
            Err(_) if self.state.tags.len() >= TAGS_MAX || tag.len() > TAG_BYTES_MAX => {
                self.reached.add(Bound::Tags, 1);
                None
            }
            Err(at) => {
                // A level is what it is after a step (S30): a tag removed and set again in one step has been carried since before it.
                let since = self.touch(tag, None).unwrap_or(now);
                let first_contribution = self.state.booked;
                let held = TagState { tag: tag.clone(), since, points: Sum::default(), first_contribution };
                self.state.tags.insert(at, held);
                Some(at)
            }
        }
    }

    /// Notes a tag that the step sets or removes. Returns since when the contact had carried it before the step, if it had.
    fn touch(&mut self, tag: &Arc<str>, carried_since: Option<Timestamp>) -> Option<Timestamp> {
        if let Some((_, before)) = self.touched_tags.iter().find(|(known, _)| known == tag) {
            return *before;
        }
        self.touched_tags.push((tag.clone(), carried_since));
        carried_since
    }
}

/// What a rule remembers, added if it is new.
pub(crate) fn rule_state(rules: &mut Vec<RuleState>, rule: RuleIndex) -> &mut RuleState {
    let at = match rules.iter().position(|state| state.rule == rule) {
        Some(at) => at,
        None => {
            rules.push(RuleState::blank(rule));
            rules.len() - 1
        }
    };
    &mut rules[at]
}

/// What the plan's floor and ceiling leave of `points`, by the engagement so far (S22). The bound of every sum is the outermost of them.
pub(crate) fn limited(plan: &Plan, engagement: Points, points: Points) -> Points {
    let floor = plan.limits.floor.unwrap_or(-SUM_MAX);
    let ceiling = plan.limits.ceiling.unwrap_or(SUM_MAX);
    within(engagement, points, floor, ceiling)
}

/// What may be added to a sum that is not to leave `floor..=ceiling`, of what is offered.
fn within(sum: Points, points: Points, floor: Points, ceiling: Points) -> Points {
    if points > Points::ZERO {
        points.min((ceiling - sum).max(Points::ZERO))
    } else {
        -((-points).min((sum - floor).max(Points::ZERO)))
    }
}
