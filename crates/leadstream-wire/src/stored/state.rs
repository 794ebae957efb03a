//! Stored forms of the fold state: in full, and as what changed since an earlier one.
//!
//! Two parts of it stand at the end of the contact's form, where it has them: sums that decay (`sums`), and what it waits for (`waiting`).

use std::sync::Arc;

use leadstream_core::contact::{
    Attribute, AttributeValue, FactStatistics, FitPoints, OnceKey, PlanState, QualifyState, RollingBooking, RuleState,
    SharedList, StageState, State, TagState,
};
use leadstream_core::decay::Sum;
use leadstream_core::plan::CountedVerdicts;
use leadstream_core::{Name, Timestamp, Uid, Verdict};

use super::StoredError;
use super::form::{FormReader, FormWriter};

/// Which parts of a state follow. The rest of them are as before, or empty in a state that is written in full.
mod part {
    pub(super) const ATTRIBUTES: u8 = 1;
    pub(super) const TAGS: u8 = 1 << 1;
    pub(super) const PLANS: u8 = 1 << 2;
    pub(super) const RULES: u8 = 1 << 3;
    pub(super) const ONCE: u8 = 1 << 4;
    pub(super) const ROLLING: u8 = 1 << 5;
    pub(super) const FACTS: u8 = 1 << 6;
    /// The last event stepped is not the last row.
    pub(super) const LAST_EVENT: u8 = 1 << 7;
    pub(super) const ALL: u8 = u8::MAX;
}

/// What stands beside a state in its contact and is mostly equal to parts of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside<'a> {
    /// The order of the contact's last row: mostly that of the last event.
    pub(super) last_row: Option<(Timestamp, Uid)>,
    /// The facts of the contact's base: mostly those of the state.
    pub(super) facts: Option<&'a SharedList<FactStatistics>>,
    /// What rules remember is written in full: they may remember less than before.
    pub(super) rules_anew: bool,
}

/// Appends a state: what of it differs from `before`, which is the blank state where it is written in full.
pub(super) fn put_state(state: &State, before: &State, beside: Beside<'_>, writer: &mut FormWriter<'_>) {
    let rules_before = if beside.rules_anew { &[][..] } else { &before.rules };
    let mut parts = 0;
    let mut mark = |bit, differs| parts |= if differs { bit } else { 0 };
    mark(part::ATTRIBUTES, state.attributes != before.attributes);
    mark(part::TAGS, state.tags != before.tags);
    mark(part::PLANS, state.plans != before.plans);
    mark(part::RULES, state.rules != rules_before);
    mark(part::ONCE, state.once != before.once);
    mark(part::ROLLING, state.rolling != before.rolling);
    mark(part::FACTS, state.facts != before.facts);
    mark(part::LAST_EVENT, state.last_event != beside.last_row);
    writer.byte(parts);
    writer.base = Timestamp::default();
    writer.optional_instant(state.tau);
    // Everything else lies near the last step.
    writer.base = state.tau.unwrap_or_default();
    if parts & part::LAST_EVENT != 0 {
        writer.byte(u8::from(state.last_event.is_some()));
        if let Some(order) = state.last_event {
            put_order(order, writer);
        }
    }
    writer.optional_instant(state.first_event);
    state.activity.iter().for_each(|instant| writer.optional_instant(*instant));
    writer.optional_instant(state.plans_since);
    writer.number(state.booked);
    if parts & part::ATTRIBUTES != 0 {
        writer.list(&state.attributes, put_attribute);
    }
    if parts & part::TAGS != 0 {
        writer.list(&state.tags, put_tag);
    }
    if parts & part::PLANS != 0 {
        writer.list(&state.plans, put_plan);
    }
    if parts & part::RULES != 0 {
        put_changed(&state.rules, rules_before, writer);
    }
    if parts & part::ONCE != 0 {
        put_grown(&state.once, &before.once, writer, put_once);
    }
    if parts & part::ROLLING != 0 {
        put_grown(&state.rolling, &before.rolling, writer, put_rolling);
    }
    if parts & part::FACTS != 0 {
        put_facts(&state.facts, &before.facts, beside.facts, writer);
    }
}

/// Reads a state over the one it was written against.
pub(super) fn read_state(
    state: &mut State,
    beside: Beside<'_>,
    reader: &mut FormReader<'_>,
) -> Result<(), StoredError> {
    let parts = reader.flags(part::ALL)?;
    reader.base = Timestamp::default();
    state.tau = reader.optional_instant()?;
    reader.base = state.tau.unwrap_or_default();
    state.last_event = match parts & part::LAST_EVENT {
        0 => beside.last_row,
        _ => match reader.flags(1)? {
            0 => None,
            _ => Some(read_order(reader)?),
        },
    };
    state.first_event = reader.optional_instant()?;
    state.activity = [reader.optional_instant()?, reader.optional_instant()?, reader.optional_instant()?];
    state.plans_since = reader.optional_instant()?;
    state.booked = reader.bytes.number()?;
    if parts & part::ATTRIBUTES != 0 {
        state.attributes = SharedList::new(reader.list(read_attribute)?);
    }
    if parts & part::TAGS != 0 {
        state.tags = reader.list(read_tag)?;
    }
    if parts & part::PLANS != 0 {
        state.plans = reader.list(read_plan)?;
    }
    if parts & part::RULES != 0 {
        read_changed(&mut state.rules, reader)?;
    }
    if parts & part::ONCE != 0 {
        read_grown(&mut state.once, reader, read_once)?;
    }
    if parts & part::ROLLING != 0 {
        read_grown(&mut state.rolling, reader, read_rolling)?;
    }
    if parts & part::FACTS != 0 {
        read_facts(&mut state.facts, beside.facts, reader)?;
    }
    Ok(())
}

/// Appends a list that mostly grew at its end, and lost some at its front: how many were dropped in front, how many stayed, and the rest.
pub(super) fn put_grown<T: PartialEq>(
    now: &[T],
    before: &[T],
    writer: &mut FormWriter<'_>,
    put: impl Fn(&T, &mut FormWriter<'_>),
) {
    let dropped =
        now.first().map_or(before.len(), |first| before.iter().position(|item| item == first).unwrap_or(before.len()));
    let stayed = before[dropped..].iter().zip(now).take_while(|(before, now)| before == now).count();
    writer.number(dropped as u64);
    writer.number(stayed as u64);
    writer.list(&now[stayed..], put);
}

pub(super) fn read_grown<'a, T>(
    items: &mut Vec<T>,
    reader: &mut FormReader<'a>,
    read: impl Fn(&mut FormReader<'a>) -> Result<T, StoredError>,
) -> Result<(), StoredError> {
    let (dropped, stayed) = (reader.bytes.number()?, reader.bytes.number()?);
    let held = items.len() as u64;
    if dropped.checked_add(stayed).is_none_or(|needed| needed > held) {
        return Err(StoredError::Malformed("a list that grew out of a shorter one"));
    }
    items.drain(..dropped as usize);
    items.truncate(stayed as usize);
    items.extend(reader.list(read)?);
    Ok(())
}

/// Appends the rules that remember something else than before, each with its place. None is ever forgotten while a contact only grows.
fn put_changed(now: &[RuleState], before: &[RuleState], writer: &mut FormWriter<'_>) {
    let changed = || now.iter().enumerate().filter(|(at, rule)| before.get(*at) != Some(*rule));
    writer.number(changed().count() as u64);
    for (at, rule) in changed() {
        writer.number(at as u64);
        put_rule(rule, writer);
    }
}

fn read_changed(rules: &mut Vec<RuleState>, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    for _ in 0..reader.bytes.number()? {
        let at = reader.bytes.number_u32()? as usize;
        let rule = read_rule(reader)?;
        if at > rules.len() {
            return Err(StoredError::Malformed("a rule's memory behind the end"));
        }
        if at == rules.len() { rules.push(rule) } else { rules[at] = rule }
    }
    Ok(())
}

fn put_rule(rule: &RuleState, writer: &mut FormWriter<'_>) {
    writer.number(u64::from(rule.rule));
    writer.optional_instant(rule.once_fired);
    writer.optional_instant(rule.idle_passed);
    writer.byte(rule.period);
    if rule.period != 0 {
        writer.instant(rule.period_end);
        writer.points(rule.capped);
    }
}

fn read_rule(reader: &mut FormReader<'_>) -> Result<RuleState, StoredError> {
    let rule = reader.bytes.number_u32()?;
    let mut state = RuleState::blank(rule);
    state.once_fired = reader.optional_instant()?;
    state.idle_passed = reader.optional_instant()?;
    state.period = reader.bytes.byte()?;
    if state.period != 0 {
        state.period_end = reader.instant()?;
        state.capped = reader.points()?;
    }
    Ok(state)
}

fn put_once(once: &OnceKey, writer: &mut FormWriter<'_>) {
    writer.number(u64::from(once.rule));
    writer.bytes.extend_from_slice(&once.key.to_be_bytes());
    writer.instant(once.fired);
}

fn read_once(reader: &mut FormReader<'_>) -> Result<OnceKey, StoredError> {
    let rule = reader.bytes.number_u32()?;
    Ok(OnceKey { rule, key: u64::from_be_bytes(reader.bytes.array()?), fired: reader.instant()? })
}

fn put_rolling(booking: &RollingBooking, writer: &mut FormWriter<'_>) {
    writer.number(u64::from(booking.rule));
    writer.instant(booking.time);
    writer.points(booking.applied);
}

fn read_rolling(reader: &mut FormReader<'_>) -> Result<RollingBooking, StoredError> {
    let rule = reader.bytes.number_u32()?;
    Ok(RollingBooking { rule, time: reader.instant()?, applied: reader.points()? })
}

fn put_attribute(attribute: &Attribute, writer: &mut FormWriter<'_>) {
    writer.text(&attribute.text);
    match &attribute.value {
        AttributeValue::Bool(value) => writer.byte(u8::from(*value)),
        AttributeValue::Number(value) => {
            writer.byte(2);
            writer.bytes.extend_from_slice(&value.to_le_bytes());
        }
        AttributeValue::Text(value) => {
            writer.byte(3);
            writer.text(value);
        }
    }
    writer.instant(attribute.time);
    writer.text(&attribute.source);
}

fn read_attribute(reader: &mut FormReader<'_>) -> Result<Attribute, StoredError> {
    let text = reader.bytes.text()?;
    let value = match reader.bytes.byte()? {
        0 => AttributeValue::Bool(false),
        1 => AttributeValue::Bool(true),
        2 => AttributeValue::Number(f64::from_le_bytes(reader.bytes.array()?)),
        3 => AttributeValue::Text(Arc::from(reader.bytes.text()?)),
        _ => return Err(StoredError::Malformed("an attribute of an unknown type")),
    };
    let (time, source) = (reader.instant()?, Arc::from(reader.bytes.text()?));
    Ok(Attribute { name: Name::of(text), text: Arc::from(text), value, time, source })
}

fn put_tag(tag: &TagState, writer: &mut FormWriter<'_>) {
    writer.text(&tag.tag);
    writer.instant(tag.since);
    writer.points(tag.points.fixed);
    writer.number(tag.first_contribution);
}

fn read_tag(reader: &mut FormReader<'_>) -> Result<TagState, StoredError> {
    Ok(TagState {
        tag: Arc::from(reader.bytes.text()?),
        since: reader.instant()?,
        points: Sum::new(reader.points()?, Vec::new()),
        first_contribution: reader.bytes.number()?,
    })
}

/// Flags of a plan, below the verdicts that it counts.
mod plan_flag {
    pub(super) const MEMBER: u8 = 1;
    pub(super) const QUALIFIED: u8 = 1 << 1;
    pub(super) const HELD: u8 = 1 << 2;
    pub(super) const STAGE: u8 = 1 << 3;
    pub(super) const COUNTED_SHIFT: u8 = 4;
    pub(super) const ACTIVE_BEFORE: u8 = 1 << 7;
    pub(super) const ALL: u8 = u8::MAX;
}

/// Flags of a stage.
mod stage_flag {
    pub(super) const ARMED: u8 = 1;
    pub(super) const RESTING: u8 = 1 << 1;
    /// Feedback led into it, and no event came since; where it is not set, as in stages written before there was feedback, nothing of the kind.
    pub(super) const BY_FEEDBACK: u8 = 1 << 7;
    pub(super) const ALL: u8 = ARMED | RESTING | BY_FEEDBACK;
}

fn put_plan(plan: &PlanState, writer: &mut FormWriter<'_>) {
    let flag = |bit, set| if set { bit } else { 0 };
    writer.word(plan.plan);
    writer.byte(
        flag(plan_flag::MEMBER, plan.member)
            | flag(plan_flag::QUALIFIED, plan.qualify.on)
            | flag(plan_flag::HELD, plan.qualify.held)
            | flag(plan_flag::STAGE, plan.stage.is_some())
            | plan.counted.bits() << plan_flag::COUNTED_SHIFT
            | flag(plan_flag::ACTIVE_BEFORE, plan.active_before.is_some()),
    );
    writer.instant(plan.member_since);
    if let Some(instant) = plan.active_before {
        writer.instant(instant);
    }
    writer.points(plan.engagement.fixed);
    writer.number(plan.first_contribution);
    writer.points(plan.fit);
    writer.list(&plan.fit_rules, |fit, writer| {
        writer.word(fit.rule);
        writer.points(fit.points);
    });
    writer.optional_instant(plan.qualify.since);
    writer.optional_instant(plan.qualify.last_on);
    if let Some(stage) = &plan.stage {
        writer.word(stage.stage);
        writer.instant(stage.entered);
        writer.points(stage.points.fixed);
        writer.number(stage.first_contribution);
        let flag = |bit, set| if set { bit } else { 0 };
        writer.byte(
            flag(stage_flag::ARMED, stage.armed)
                | flag(stage_flag::RESTING, stage.resting)
                | flag(stage_flag::BY_FEEDBACK, stage.by_feedback),
        );
    }
    writer.optional_instant(plan.stage_left);
}

fn read_plan(reader: &mut FormReader<'_>) -> Result<PlanState, StoredError> {
    let plan = reader.word()?;
    let flags = reader.flags(plan_flag::ALL)?;
    let has = |bit| flags & bit != 0;
    let member_since = reader.instant()?;
    let active_before = if has(plan_flag::ACTIVE_BEFORE) { Some(reader.instant()?) } else { None };
    let engagement = Sum::new(reader.points()?, Vec::new());
    let first_contribution = reader.bytes.number()?;
    let fit = reader.points()?;
    let fit_rules = reader.list(|reader| Ok(FitPoints { rule: reader.word()?, points: reader.points()? }))?;
    let (since, last_on) = (reader.optional_instant()?, reader.optional_instant()?);
    let qualify =
        QualifyState { on: has(plan_flag::QUALIFIED), since, last_on, held: has(plan_flag::HELD), allowed: false };
    let stage = if has(plan_flag::STAGE) { Some(read_stage(reader)?) } else { None };
    Ok(PlanState {
        plan,
        key: plan.name(),
        member: has(plan_flag::MEMBER),
        member_since,
        counted: CountedVerdicts::of_bits(flags >> plan_flag::COUNTED_SHIFT),
        active_before,
        engagement,
        first_contribution,
        fit,
        fit_rules: SharedList::new(fit_rules),
        qualify,
        stage,
        stage_left: reader.optional_instant()?,
        standing: None, // it stands at the end of the image or change
    })
}

fn read_stage(reader: &mut FormReader<'_>) -> Result<StageState, StoredError> {
    let (stage, entered) = (reader.word()?, reader.instant()?);
    let points = Sum::new(reader.points()?, Vec::new());
    let first_contribution = reader.bytes.number()?;
    let flags = reader.flags(stage_flag::ALL)?;
    let has = |bit| flags & bit != 0;
    Ok(StageState {
        stage,
        entered,
        points,
        first_contribution,
        armed: has(stage_flag::ARMED),
        resting: has(stage_flag::RESTING),
        may_advance: false,
        by_feedback: has(stage_flag::BY_FEEDBACK),
    })
}

/// How facts are written.
mod facts_form {
    /// Those that are not as before, each with its place.
    pub(super) const CHANGED: u8 = 0;
    /// All of them.
    pub(super) const FULL: u8 = 1;
    /// They are those of the base.
    pub(super) const OF_BASE: u8 = 2;
}

fn put_facts(
    now: &SharedList<FactStatistics>,
    before: &[FactStatistics],
    of_base: Option<&SharedList<FactStatistics>>,
    writer: &mut FormWriter<'_>,
) {
    if of_base.is_some_and(|of_base| of_base.is_same(now)) {
        return writer.byte(facts_form::OF_BASE);
    }
    let is_it = |(one, other): (&FactStatistics, &FactStatistics)| one.key == other.key && one.verdict == other.verdict;
    let in_place = now.len() >= before.len() && before.iter().zip(now.iter()).all(is_it);
    writer.byte(if in_place { facts_form::CHANGED } else { facts_form::FULL });
    let before = if in_place { before } else { &[] };
    let changed = || now.iter().enumerate().filter(|(at, fact)| before.get(*at) != Some(*fact));
    writer.number(changed().count() as u64);
    for (at, fact) in changed() {
        writer.number(at as u64);
        let known = before.get(at);
        if known.is_none() {
            writer.text(&fact.text);
            writer.byte(fact.verdict.code());
        }
        writer.number(fact.count);
        writer.instant(fact.first);
        writer.instant(fact.last);
        let recent = known.map_or(&[][..], |known| &known.recent);
        put_grown(&fact.recent, recent, writer, |instant, writer| writer.instant(*instant));
    }
}

fn read_facts(
    facts: &mut SharedList<FactStatistics>,
    of_base: Option<&SharedList<FactStatistics>>,
    reader: &mut FormReader<'_>,
) -> Result<(), StoredError> {
    match reader.bytes.byte()? {
        facts_form::CHANGED => {}
        facts_form::FULL => *facts = SharedList::default(),
        facts_form::OF_BASE => {
            let of_base = of_base.ok_or(StoredError::Malformed("facts of a base that is not there"))?;
            *facts = of_base.clone();
            return Ok(());
        }
        _ => return Err(StoredError::Malformed("facts of an unknown form")),
    }
    let changed = reader.bytes.number()?;
    if changed == 0 {
        return Ok(());
    }
    let facts = facts.make_mut();
    for _ in 0..changed {
        let at = reader.bytes.number_u32()? as usize;
        if at > facts.len() {
            return Err(StoredError::Malformed("a fact behind the end"));
        }
        if at == facts.len() {
            facts.push(read_new_fact(reader)?);
        }
        let fact = &mut facts[at];
        fact.count = reader.bytes.number()?;
        fact.first = reader.instant()?;
        fact.last = reader.instant()?;
        read_grown(&mut fact.recent, reader, FormReader::instant)?;
    }
    Ok(())
}

fn read_new_fact(reader: &mut FormReader<'_>) -> Result<FactStatistics, StoredError> {
    let text = reader.bytes.text()?;
    let verdict = Verdict::of_code(reader.bytes.byte()?).ok_or(StoredError::Malformed("an unknown verdict"))?;
    let (first, last, recent) = (Timestamp::default(), Timestamp::default(), Vec::new());
    Ok(FactStatistics { key: Name::of(text), text: Arc::from(text), verdict, count: 0, first, last, recent })
}

pub(super) fn put_order(order: (Timestamp, Uid), writer: &mut FormWriter<'_>) {
    writer.instant(order.0);
    writer.bytes.extend_from_slice(&order.1.0);
}

pub(super) fn read_order(reader: &mut FormReader<'_>) -> Result<(Timestamp, Uid), StoredError> {
    Ok((reader.instant()?, Uid(reader.bytes.array()?)))
}
