//! What the names of an expression mean in each place that evaluates one (S7, S12, S59).
//!
//! Owns facts: a fact is counted from the events seen so far, each time. Never sees this step's bookings.

use crate::bands::COLD;
use crate::condition::{Names, NoValue, Value};
use crate::event::Row;
use crate::plan::{Fact, Plan, Policy};
use crate::scores::{PlanSet, ScoreName, score};
use crate::state::State;

/// Which names a place offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A rule: everything.
    Rule,
    /// Fit and level conditions: no event, no score.
    Level,
    /// Members: the contact only.
    Members,
    /// The `when` of a named fact: the event only.
    Fact,
}

/// The surroundings of an evaluation.
pub(crate) struct Scope<'a> {
    pub(crate) place: Place,
    pub(crate) contact: &'a str,
    pub(crate) plans: &'a PlanSet,
    pub(crate) plan: &'a Plan,
    /// Attributes are read here: the state of this step.
    pub(crate) now: &'a State,
    /// Tags are read here: before the step for rules, after it for fit, members and levels.
    pub(crate) tags: &'a State,
    /// Levels and scores are read here: the state before the step.
    pub(crate) pre: &'a State,
    pub(crate) event: Option<&'a Row>,
    /// The events seen so far, this one included.
    pub(crate) seen: &'a [Row],
    pub(crate) instant: i64,
}

/// A field of an event (S59): its time is never visible.
pub(crate) fn event_field(row: &Row, field: &str) -> Option<Value> {
    match field {
        "type" => Some(Value::Text(row.event_type.clone())),
        "time" => None,
        property => row.properties.get(property).map(Value::from),
    }
}

impl Scope<'_> {
    fn facts(&self, name: &str, prefix: Option<&str>) -> Result<Vec<i64>, NoValue> {
        if self.place == Place::Members || self.place == Place::Fact {
            return Err(NoValue);
        }
        let named = self.plan.facts.get(name);
        if named.is_some() && prefix.is_some() {
            return Err(NoValue);
        }
        let is_fact = |row: &&Row| match named {
            Some(fact) => self.is_named_fact(fact, row),
            None => row.event_type == name && prefix.is_none_or(|prefix| has_prefix(row, prefix)),
        };
        let counts = |row: &&Row| self.plan.policies.of_plan(row.verdict) != Policy::Ignore;
        Ok(self.seen.iter().filter(counts).filter(is_fact).map(|row| row.time).collect())
    }

    fn is_named_fact(&self, fact: &Fact, row: &Row) -> bool {
        let scope = Scope { place: Place::Fact, event: Some(row), ..*self };
        fact.on.contains(&row.event_type) && fact.when.as_ref().is_none_or(|when| when.holds(&scope))
    }
}

/// A prefix that begins with `/` is one of the path, any other one of the URL (S12).
fn has_prefix(row: &Row, prefix: &str) -> bool {
    let field = if prefix.starts_with('/') { "path" } else { "url" };
    matches!(event_field(row, field), Some(Value::Text(text)) if text.starts_with(prefix))
}

impl Names for Scope<'_> {
    fn contact(&self, field: &str) -> Option<Value> {
        if self.place == Place::Fact {
            return None;
        }
        match field {
            "id" => Some(Value::Text(self.contact.to_owned())),
            "tags" => {
                let present = self.tags.tags.iter().filter(|(_, tag)| tag.present);
                Some(Value::List(present.map(|(name, _)| Value::Text(name.clone())).collect()))
            }
            attribute => self.now.attributes.get(attribute).map(Value::from),
        }
    }

    fn event(&self, field: &str) -> Option<Value> {
        match self.place {
            Place::Rule | Place::Fact => event_field(self.event?, field),
            Place::Level | Place::Members => None,
        }
    }

    fn ever(&self, fact: &str, prefix: Option<&str>) -> Result<bool, NoValue> {
        Ok(!self.facts(fact, prefix)?.is_empty())
    }

    fn count(&self, fact: &str, prefix: Option<&str>, window_ms: i64) -> Result<u32, NoValue> {
        let inside = self.facts(fact, prefix)?.into_iter().filter(|time| *time > self.instant - window_ms).count();
        u32::try_from(inside).map_err(|_| NoValue)
    }

    fn level(&self, plan: &str, subject: &str) -> Result<Value, NoValue> {
        if self.place == Place::Members || self.place == Place::Fact {
            return Err(NoValue);
        }
        if let Some(tag) = subject.strip_prefix("tag:") {
            return Ok(Value::Bool(self.pre.has_tag(tag)));
        }
        let plan = if plan.is_empty() { self.plan } else { self.plans.get(plan).ok_or(NoValue)? };
        let state = self.pre.plan(&plan.id);
        match subject {
            "qualify" if plan.qualify.is_some() => Ok(Value::Bool(state.qualified)),
            "stage" if plan.pipeline.is_some() => Ok(state.stay.map_or(Value::Null, |stay| Value::Text(stay.stage))),
            "band" if plan.bands.is_some() => Ok(Value::Text(state.band.unwrap_or_else(|| COLD.to_owned()))),
            "grade" if plan.grade.is_some() => Ok(state.grade.map_or(Value::Null, Value::Text)),
            "route" if plan.route.is_some() => Ok(state.owner.map_or(Value::Null, Value::Text)),
            _ => {
                let action = subject.strip_prefix("action:").ok_or(NoValue)?;
                let known = plan.actions.iter().any(|known| known.id == action);
                let count = state.actions.get(action).map_or(0, |action| action.count);
                known.then_some(Value::Number(count as f64)).ok_or(NoValue)
            }
        }
    }

    fn score(&self, name: &str) -> Result<f64, NoValue> {
        if self.place != Place::Rule {
            return Err(NoValue);
        }
        let name = ScoreName::qualified(name).ok_or(NoValue)?;
        if let ScoreName::Plan(plan) | ScoreName::Stage(plan) = &name
            && !self.plans.contains_key(plan)
        {
            return Err(NoValue);
        }
        if matches!(name, ScoreName::Engagement(_) | ScoreName::Fit(_)) {
            return Err(NoValue);
        }
        Ok(score(self.pre, self.plans, &name) as f64 / 1000.0)
    }
}
