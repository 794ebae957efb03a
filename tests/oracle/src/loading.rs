//! Loading: from the YAML spelling of a plan to the plan that is folded.
//!
//! Refuses what it cannot read with the first error found; the diagnostics of the product are not its business.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::calendar::{Period, local_midnight, parse_duration};
use crate::condition::{Expression, ExpressionError};
use crate::decay::{Decay, KEEP_ALL};
use crate::event::{Verdict, hash, hex};
use crate::loading_levels::{actions, bands, feedback, grade, route};
use crate::number::{Decimal, Thousandths};
use crate::plan::{
    Cap, Fact, FitRule, Once, Part, Per, Pipeline, Plan, Points, Policies, Policy, Qualify, Rule, Stage, Trigger,
};
use crate::spelling::{
    CapEntry, DecayEntry, DecayWord, FactEntry, FitEntry, OneOrMany, PartEntry, PipelineEntry, PlanFile, PointsEntry,
    PolicyEntry, PolicyWord, QualifyEntry, RearmEntry, RuleEntry, StageEntry, TagEntry, Verdicts,
};

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not YAML of the spelling.
    #[error("not a plan: {0}")]
    Spelling(String),
    /// An expression cannot be read.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// A value outside what the semantics allow.
    #[error("bad {what}: {value}")]
    Value {
        /// What the value is.
        what: &'static str,
        /// The value.
        value: String,
    },
}

pub(crate) fn bad<T>(what: &'static str, value: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::Value { what, value: value.into() })
}

impl Plan {
    /// Reads a plan from its YAML text.
    pub fn parse(text: &str) -> Result<Plan, PlanError> {
        // YAML 1.2 core: `y`, `yes` and `on` are strings (S60).
        let options = serde_saphyr::options! { strict_booleans: true };
        let file: PlanFile = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| PlanError::Spelling(error.to_string()))?;
        let zone_name = file.time_zone.as_deref().unwrap_or("UTC");
        let Ok(zone) = TimeZone::get(zone_name) else { return bad("time zone", zone_name) };
        let plan_decay = file.decay.map(decay).transpose()?.unwrap_or_default();
        let rules =
            file.rules.into_iter().map(|entry| rule(entry, &zone, &plan_decay)).collect::<Result<Vec<_>, _>>()?;
        let fit = file.fit.into_iter().map(fit_rule).collect::<Result<Vec<_>, _>>()?;
        distinct("rule id", rules.iter().map(|rule| &rule.id).chain(fit.iter().map(|rule| &rule.id)))?;
        let floor = file.limits.floor.map(thousandths).transpose()?;
        let ceiling = file.limits.ceiling.map(thousandths).transpose()?;
        if floor.zip(ceiling).is_some_and(|(floor, ceiling)| floor > ceiling) {
            return bad("limits", "floor above ceiling");
        }
        let pipeline = file.pipeline.map(pipeline).transpose()?;
        Ok(Plan {
            bands: file.bands.map(bands).transpose()?,
            grade: file.grade.map(grade).transpose()?,
            route: file.route.map(route).transpose()?,
            actions: actions(file.actions)?,
            feedback: feedback(file.feedback, pipeline.as_ref())?,
            decay: plan_decay,
            id: file.plan,
            version: hex(&hash(&[text.replace("\r\n", "\n").as_bytes()])),
            global: file.global,
            members: expression(file.members)?,
            facts: file
                .facts
                .into_iter()
                .map(|(name, entry)| Ok((name, fact(entry)?)))
                .collect::<Result<_, PlanError>>()?,
            policies: policies(file.verdicts)?,
            rules,
            fit,
            floor,
            ceiling,
            qualify: file.qualify.map(qualify).transpose()?,
            pipeline,
            zone,
        })
    }
}

pub(crate) fn distinct<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), PlanError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return bad(what, name);
        }
    }
    Ok(())
}

pub(crate) fn expression(source: Option<String>) -> Result<Option<Expression>, PlanError> {
    Ok(source.map(|source| Expression::parse(&source)).transpose()?)
}

fn duration(what: &'static str, text: &str) -> Result<i64, PlanError> {
    parse_duration(text).map_or_else(|| bad(what, text), Ok)
}

pub(crate) fn thousandths(literal: Decimal) -> Result<Thousandths, PlanError> {
    literal.thousandths().map_or_else(|| bad("points", format!("{literal:?}")), Ok)
}

fn points(entry: Option<PointsEntry>) -> Result<Points, PlanError> {
    Ok(match entry {
        None => Points::Literal(0),
        Some(PointsEntry::Literal(literal)) => Points::Literal(thousandths(literal)?),
        Some(PointsEntry::Expression(source)) => Points::Expression(Expression::parse(&source)?),
    })
}

fn fact(entry: FactEntry) -> Result<Fact, PlanError> {
    Ok(Fact { on: entry.on.into_vec(), when: expression(entry.when)? })
}

fn policies(entry: Verdicts) -> Result<Policies, PlanError> {
    let stated = [(Verdict::Human, entry.human), (Verdict::Suspect, entry.suspect), (Verdict::Machine, entry.machine)];
    let policy = |entry| -> Result<Policy, PlanError> {
        Ok(match entry {
            PolicyEntry::Word(PolicyWord::Ignore) => Policy::Ignore,
            PolicyEntry::Word(PolicyWord::Count) => Policy::Count,
            PolicyEntry::Weight(entry) => Policy::Weight(entry.weight),
            PolicyEntry::Hold(entry) => Policy::Hold { span_ms: duration("hold", &entry.hold)?, key: entry.key },
        })
    };
    let stated = stated.into_iter().filter_map(|(verdict, entry)| Some((verdict, entry?)));
    let policies: Result<_, PlanError> = stated.map(|(verdict, entry)| Ok((verdict, policy(entry)?))).collect();
    Ok(Policies(policies?))
}

fn rule(mut entry: RuleEntry, zone: &TimeZone, plan_decay: &Decay) -> Result<Rule, PlanError> {
    let trigger = trigger(&mut entry)?;
    let once = match entry.once_per.as_deref() {
        None => Once::Unlimited,
        Some("ever") => Once::Ever,
        Some(text) => match parse_duration(text) {
            Some(period_ms) => Once::Per(period_ms),
            None => Once::PerKey(Expression::parse(text)?),
        },
    };
    let midnight = |date: Option<String>| -> Result<Option<i64>, PlanError> {
        let Some(date) = date else { return Ok(None) };
        local_midnight(&date, zone).map_or_else(|| bad("date", date), |instant| Ok(Some(instant)))
    };
    let (from, until) = entry.valid.unwrap_or_default();
    let mut tags: Vec<_> = entry.tag.into_iter().map(|tag| (tag, None)).collect();
    for tag in entry.tags {
        tags.push(match tag {
            TagEntry::Name(tag) => (tag, None),
            TagEntry::WithPoints(entry) => (entry.tag, entry.points.map(thousandths).transpose()?),
        });
    }
    Ok(Rule {
        id: entry.id,
        trigger,
        when: expression(entry.when)?,
        points: points(entry.points)?,
        decay: entry.decay.map(decay).transpose()?.unwrap_or_else(|| plan_decay.clone()),
        cap: entry.cap.map(cap).transpose()?,
        once,
        valid_from: midnight(from)?,
        valid_until: midnight(until)?,
        tags,
        untag: entry.untag.map_or_else(Vec::new, OneOrMany::into_vec),
        policies: policies(entry.verdicts)?,
    })
}

/// What a rule waits for: exactly one of `on`, `idle`, `after`, `all`, with the keys that belong to it and no others.
fn trigger(entry: &mut RuleEntry) -> Result<Trigger, PlanError> {
    let within = entry.within.as_deref().map(|text| duration("within", text)).transpose()?;
    let of_windows = within.is_some() || entry.matching.is_some();
    let of_idle = entry.every.is_some() || entry.times.is_some();
    let kinds = (entry.on.take(), entry.idle.take(), entry.after.take(), entry.all.take());
    Ok(match (kinds, entry.unless.take(), within, entry.in_order) {
        ((Some(on), None, None, None), None, None, None) if !of_windows && !of_idle => Trigger::On(on.into_vec()),
        ((None, Some(idle), None, None), None, None, None) if !of_windows => {
            let idle_ms = duration("idle", &idle)?;
            match &entry.every {
                Some(every) => {
                    let every_ms = duration("every", every)?;
                    Trigger::Idle { idle_ms, every_ms, times: entry.times.unwrap_or(12) }
                }
                None => Trigger::Idle { idle_ms, every_ms: 0, times: 1 },
            }
        }
        ((None, None, Some(after), None), Some(unless), Some(within_ms), None) if !of_idle => Trigger::Absence {
            after: after.into_vec(),
            unless: unless.into_vec(),
            matching: entry.matching.take(),
            within_ms,
        },
        ((None, None, None, Some(all)), None, Some(within_ms), in_order) if !of_idle && !all.is_empty() => {
            Trigger::All {
                parts: all.into_iter().map(part).collect::<Result<_, _>>()?,
                within_ms,
                matching: entry.matching.take(),
                in_order: in_order.unwrap_or(false),
            }
        }
        _ => return bad("rule, which needs one of on, idle, after with unless, all, and their keys", entry.id.clone()),
    })
}

fn part(entry: PartEntry) -> Result<Part, PlanError> {
    Ok(match entry {
        PartEntry::Type(on) => Part { on: vec![on], when: None },
        PartEntry::Condition(entry) => Part { on: entry.on.into_vec(), when: expression(entry.when)? },
    })
}

fn decay(entry: DecayEntry) -> Result<Decay, PlanError> {
    let course = match entry {
        DecayEntry::Word(DecayWord::None) => return Ok(Decay::None),
        DecayEntry::Course(course) => course,
    };
    match (course.half_life, course.linear, course.expire, course.step) {
        (Some(text), None, None, None) => {
            let half_life_ms = duration("half_life", &text)?;
            if half_life_ms < 60_000 {
                bad("half_life, which is below a minute", text)
            } else {
                Ok(Decay::HalfLife(half_life_ms))
            }
        }
        (None, Some(text), None, None) => Ok(Decay::Linear(duration("linear", &text)?)),
        (None, None, Some(text), None) => Ok(Decay::Step(vec![(duration("expire", &text)?, 0)])),
        (None, None, None, Some(entries)) => steps(entries),
        _ => bad("decay", "not exactly one of half_life, linear, expire, step"),
    }
}

/// S58: ages rise, what is kept never rises and is a share.
fn steps(entries: Vec<(String, Decimal)>) -> Result<Decay, PlanError> {
    let mut steps: Vec<(i64, i64)> = Vec::new();
    for (text, percent) in entries {
        let age = duration("age", &text)?;
        // A hundredth of KEEP_ALL is ten million.
        let Some(keep) = percent.times_power_of_ten(7) else { return bad("kept share", format!("{percent:?}")) };
        let (last_age, last_keep) = steps.last().copied().unwrap_or((0, KEEP_ALL));
        if age <= last_age || keep > last_keep || keep < 0 {
            return bad("step, whose ages rise and whose shares lie between 0 and 100 and never rise", text);
        }
        steps.push((age, keep));
    }
    if steps.is_empty() { bad("step", "no steps") } else { Ok(Decay::Step(steps)) }
}

fn cap(entry: CapEntry) -> Result<Cap, PlanError> {
    let points = thousandths(entry.points)?;
    if points < 0 {
        return bad("cap", points.to_string());
    }
    let per = match entry.per.as_deref() {
        None => Per::Award,
        Some("day") => Per::Calendar(Period::Day),
        Some("week") => Per::Calendar(Period::Week),
        Some("month") => Per::Calendar(Period::Month),
        Some("ever") => Per::Ever,
        Some(text) => Per::Rolling(duration("cap", text)?),
    };
    Ok(Cap { points, per })
}

fn fit_rule(entry: FitEntry) -> Result<FitRule, PlanError> {
    Ok(FitRule { id: entry.id, when: Expression::parse(&entry.when)?, points: points(entry.points)? })
}

fn qualify(entry: QualifyEntry) -> Result<Qualify, PlanError> {
    let at = thousandths(entry.at)?;
    let release = entry.release.map(thousandths).transpose()?.unwrap_or(at);
    if release > at {
        return bad("release, which is above at", release.to_string());
    }
    Ok(Qualify {
        score: entry.score.unwrap_or_else(|| "plan".to_owned()),
        at,
        release,
        rearm_never: entry.rearm == RearmEntry::Never,
        cooldown_ms: entry.cooldown.map_or(Ok(0), |text| duration("cooldown", &text))?,
        when: expression(entry.when)?,
    })
}

fn pipeline(entry: PipelineEntry) -> Result<Pipeline, PlanError> {
    let stages = entry.stages.into_iter().map(stage).collect::<Result<Vec<_>, _>>()?;
    distinct("stage name", stages.iter().map(|stage| &stage.name))?;
    if stages.is_empty() { bad("pipeline", "no stages") } else { Ok(Pipeline { by: entry.by, stages }) }
}

fn stage(entry: StageEntry) -> Result<Stage, PlanError> {
    Ok(Stage {
        name: entry.name,
        enter: entry.enter.map(thousandths).transpose()?,
        enter_when: expression(entry.enter_when)?,
        leave_below: entry.leave_below.map(thousandths).transpose()?,
        leave_when: expression(entry.leave_when)?,
        leave_idle_ms: entry.leave_idle.map(|text| duration("leave_idle", &text)).transpose()?,
        is_final: entry.is_final,
    })
}
