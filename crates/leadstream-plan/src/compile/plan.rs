//! The plan as a whole: its head, and its parts in an order in which each finds what it refers to.

use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use leadstream_core::Word;
use leadstream_core::decay::Decay;
use leadstream_core::id::{Name, PlanVersion};
use leadstream_core::plan::{
    Action, Bands, FeedbackPolicy, FitRule, Grade, Limits, Plan, PointsOf, Route, Rule, VerdictPolicies,
};

use super::keys::{self, value};
use super::names::Names;
use super::values::present;
use super::{Compiler, Has, Outcome, RULES_MAX, reach};
use crate::cel::{Facts, Place};
use crate::code::Code;
use crate::suggest;
use crate::yaml::{Content, Entry, Node, Span};

/// What a plan says for all of its rules.
pub(super) struct Head {
    pub(super) time_zone: TimeZone,
    pub(super) verdicts: VerdictPolicies,
    pub(super) decay: Decay,
}

impl Compiler<'_> {
    /// Compiles the plan that a file's tree holds.
    pub(super) fn plan(&mut self, root: &Node) -> Outcome {
        let Some(entries) = self.entries(root, &keys::PLAN) else { return Outcome::default() };
        let id = self.plan_id(root, entries);
        self.environment.has = has(entries);
        if let Some((id, _)) = &id {
            self.environment.plan_id = id.clone();
        }
        let time_zone = value(entries, "time_zone").map_or(Some(TimeZone::UTC), |node| self.time_zone(node));
        let verdicts = VerdictPolicies::default();
        let verdicts = value(entries, "verdicts").map_or(Some(verdicts), |node| self.verdicts(node, verdicts));
        let decay = value(entries, "decay").map_or(Some(Decay::None), |node| self.decay(node));
        if let Some(node) = value(entries, "facts") {
            self.facts(node);
        }
        let members = value(entries, "members").map(|node| self.condition(node, Place::Members));
        let global = value(entries, "global").map_or(Some(false), |node| self.truth(node));
        let limits = value(entries, "limits").map_or(Some(Limits::default()), |node| self.limits(node));
        let mut names = Names::default();
        // A time zone that is wrong is reported once; the rules are checked all the same.
        let head = Head {
            time_zone: time_zone.clone().unwrap_or(TimeZone::UTC),
            verdicts: verdicts.unwrap_or_default(),
            decay: decay.clone().unwrap_or_default(),
        };
        let rules = value(entries, "rules").map_or(Some(Vec::new()), |node| self.rules(node, &head, &mut names));
        let fit = value(entries, "fit").map_or(Some(Vec::new()), |node| self.fit(node, &mut names));
        let (Some(rules), Some(fit), Some(limits)) = (rules, fit, limits) else {
            // What the plan can reach is not known: the threshold and the stages are still checked for everything else.
            self.levels(entries, &reach::Reach::unknown());
            self.examples(entries, &head.time_zone, &Levels::default());
            return Outcome { id, ..Outcome::default() };
        };
        self.check_size(root, entries, rules.len() + fit.len());
        let reach = reach::Reach::of(&rules, &fit, limits);
        let mut levels = self.levels(entries, &reach);
        levels.rules = rules.iter().map(|rule| rule.id).collect();
        levels.fit = fit.iter().map(|rule| rule.id).collect();
        let tests = self.examples(entries, &head.time_zone, &levels);
        let facts = std::mem::take(&mut self.environment.facts);
        let plan = || {
            let (id, _) = id.clone()?;
            Some(Plan {
                key: Name::of(&id),
                id: Word::of(&id),
                version: PlanVersion::of(self.sink.text()),
                members: present(members)?,
                global: global?,
                time_zone: time_zone?,
                rules,
                fit,
                limits,
                qualify: present(levels.qualify)?,
                pipeline: present(levels.pipeline)?,
                facts: Facts::into_facts(facts),
                verdicts: verdicts?,
                decay: decay?,
                bands: present(levels.bands)?,
                grade: present(levels.grade)?,
                route: present(levels.route)?,
                actions: present(levels.actions)?.unwrap_or_default(),
                feedback: present(levels.feedback)?.unwrap_or_default(),
            })
        };
        let plan = plan();
        if let Some(plan) = plan.as_ref().filter(|_| !self.sink.has_errors()) {
            self.lint(entries, plan, &reach);
        }
        Outcome { plan, id, tests }
    }

    fn plan_id(&mut self, root: &Node, entries: &[Entry]) -> Option<(Arc<str>, Span)> {
        let Some(node) = value(entries, "plan") else {
            self.missing(
                root,
                "the plan",
                "plan",
                "name it: `plan: my-plan`; scores and levels are kept under this name",
            );
            return None;
        };
        Some((self.id(node, "the id of a plan")?, node.span.clone()))
    }

    fn levels(&mut self, entries: &[Entry], reach: &reach::Reach) -> Levels {
        let qualify = value(entries, "qualify").map(|node| self.qualify(node, reach));
        let led_to = led_to(entries);
        let pipeline = value(entries, "pipeline").map(|node| self.pipeline(node, reach, &led_to));
        let mut levels = Levels { qualify, pipeline, ..Levels::default() };
        let stages = levels.stages();
        levels.bands = value(entries, "bands").map(|node| self.bands(node, reach));
        levels.grade = value(entries, "grade").map(|node| self.grade(node, reach));
        levels.route = value(entries, "route").map(|node| self.route(node));
        levels.actions = value(entries, "actions").map(|node| self.actions(node, reach));
        levels.feedback = value(entries, "feedback").map(|node| self.feedback(node, stages.as_deref()));
        levels
    }

    fn check_size(&mut self, root: &Node, entries: &[Entry], rules: usize) {
        if rules > RULES_MAX {
            let span = keys::entry(entries, "rules").map_or(0..0, |entry| entry.key_span.clone());
            self.sink
                .report(Code::TooLarge, span, format!("the plan has {rules} rules, more than {RULES_MAX}"))
                .help("make several plans of it");
        }
        if rules == 0 {
            let span = value(entries, "plan").map_or_else(|| self.first_line(root), |node| node.span.clone());
            self.sink
                .report(Code::EmptyPlan, span, "the plan has no rules and scores nobody")
                .help("add a rule: `rules: [ { id: visit, on: page_viewed, points: 1 } ]`");
        }
    }

    fn rules(&mut self, node: &Node, head: &Head, names: &mut Names) -> Option<Vec<Rule>> {
        let items = self.list(
            node,
            "a list of rules",
            "begin each rule with `-`, as in `- { id: visit, on: page_viewed, points: 10 }`",
        )?;
        let rules: Vec<Option<Rule>> = items.iter().map(|item| self.rule(item, head, names)).collect();
        rules.into_iter().collect()
    }

    fn fit(&mut self, node: &Node, names: &mut Names) -> Option<Vec<FitRule>> {
        let items = self.list(
            node,
            "a list of fit rules",
            "begin each one with `-`, as in `- { id: age, when: 'contact.age >= 30', points: 10 }`",
        )?;
        let rules: Vec<Option<FitRule>> = items.iter().map(|item| self.fit_rule(item, names)).collect();
        rules.into_iter().collect()
    }

    fn fit_rule(&mut self, node: &Node, names: &mut Names) -> Option<FitRule> {
        let entries = self.entries(node, &keys::FIT)?;
        let id = self.rule_id(node, entries, names);
        let when = match value(entries, "when") {
            Some(condition) => self.condition(condition, Place::Fit),
            None => {
                self.missing(node, "the fit rule", "when", "say when it counts: `when: 'contact.age >= 30'`");
                None
            }
        };
        let points = match value(entries, "points") {
            Some(points) => self.points_of(points, Place::Fit),
            None => {
                self.missing(node, "the fit rule", "points", "say what it counts: `points: 10`");
                None
            }
        };
        if matches!(points, Some(PointsOf::Fixed(fixed)) if fixed.thousandths() == 0) {
            let line = self.first_line(node);
            self.sink
                .report(Code::RuleWithoutEffect, line, "this fit rule gives no points")
                .help("give it points, below 0 for what speaks against somebody, or take it out");
        }
        Some(FitRule { id: Word::of(&id?), when: when?, points: points? })
    }

    /// The id of a rule or fit rule: unique among both.
    pub(super) fn rule_id(&mut self, node: &Node, entries: &[Entry], names: &mut Names) -> Option<Arc<str>> {
        let Some(id_node) = value(entries, "id") else {
            self.missing(
                node,
                "the rule",
                "id",
                "name it: `id: visit`; its bookings are kept and explained under this name",
            );
            return None;
        };
        let id = self.id(id_node, "the id of a rule")?;
        self.unique(names, &id, &id_node.span, "rules");
        Some(id)
    }

    fn limits(&mut self, node: &Node) -> Option<Limits> {
        let entries = self.entries(node, &keys::LIMITS)?;
        let floor = value(entries, "floor").map(|floor| self.points(floor, "a floor"));
        let ceiling = value(entries, "ceiling").map(|ceiling| self.points(ceiling, "a ceiling"));
        let limits = Limits { floor: present(floor)?, ceiling: present(ceiling)? };
        if let (Some(floor), Some(ceiling), Some(ceiling_node)) =
            (limits.floor, limits.ceiling, value(entries, "ceiling"))
            && floor > ceiling
        {
            let floor_span = value(entries, "floor").map_or(0..0, |node| node.span.clone());
            self.sink
                .report(
                    Code::BadLimits,
                    ceiling_node.span.clone(),
                    format!("the ceiling {ceiling} is below the floor {floor}"),
                )
                .label("ceiling")
                .related(floor_span, "floor")
                .help("swap the two: no score could be in between");
            return None;
        }
        Some(limits)
    }

    fn time_zone(&mut self, node: &Node) -> Option<TimeZone> {
        let name = &self.scalar(node, "the name of a time zone")?.text;
        let database = TimeZoneDatabase::bundled();
        if let Ok(zone) = database.get(name) {
            return Some(zone);
        }
        let city = |zone: &str| zone.rsplit('/').next().unwrap_or_default().to_owned();
        let zones: Vec<String> = database.available().map(|zone| zone.to_string()).collect();
        let by_city = zones.iter().find(|zone| city(zone).eq_ignore_ascii_case(&city(name)));
        let close = by_city.map(String::as_str).or_else(|| suggest::closest(name, zones.iter().map(String::as_str)));
        self.sink.report(Code::UnknownTimeZone, node.span.clone(), format!("there is no time zone `{name}`")).help(match close {
            Some(close) => format!("did you mean `{close}`?"),
            None => "write the name of an IANA time zone, such as `Europe/Warsaw`; an offset is not one, since it knows no summer time".to_owned(),
        });
        None
    }
}

/// The levels of a plan, and what feedback does to them.
#[derive(Default)]
pub(super) struct Levels {
    qualify: Level<super::qualify::Compiled>,
    pipeline: Level<super::pipeline::Compiled>,
    pub(super) bands: Level<Bands>,
    pub(super) grade: Level<Grade>,
    pub(super) route: Level<Route>,
    pub(super) actions: Level<Vec<Action>>,
    feedback: Level<FeedbackPolicy>,
    /// The rules that the plan's tests may name; none where rules are wrong.
    pub(super) rules: Vec<Word>,
    /// And its fit rules.
    pub(super) fit: Vec<Word>,
}

impl Levels {
    /// The names of the stages; `None` where they are wrong, none where there is no pipeline.
    pub(super) fn stages(&self) -> Option<Vec<Word>> {
        match &self.pipeline {
            None => Some(Vec::new()),
            Some(pipeline) => Some(pipeline.as_ref()?.stages.iter().map(|stage| stage.name).collect()),
        }
    }
}

/// The levels that a plan's keys name, right or wrong.
fn has(entries: &[Entry]) -> Has {
    let is_there = |key: &str| value(entries, key).is_some();
    let actions = match value(entries, "actions").map(|node| &node.content) {
        Some(Content::Sequence(actions)) => actions.as_slice(),
        _ => &[],
    };
    let id = |action: &Node| match &action.content {
        Content::Mapping(entries) => scalar_text(value(entries, "id")?),
        _ => None,
    };
    Has {
        qualify: is_there("qualify"),
        pipeline: is_there("pipeline"),
        bands: is_there("bands"),
        grade: is_there("grade"),
        route: is_there("route"),
        actions: actions.iter().filter_map(id).collect(),
        ..Has::default()
    }
}

/// The stages that feedback leads to, right or wrong.
fn led_to(entries: &[Entry]) -> Vec<Arc<str>> {
    let outcomes = value(entries, "feedback").and_then(|node| match &node.content {
        Content::Mapping(entries) => value(entries, "outcomes"),
        _ => None,
    });
    match outcomes.map(|node| &node.content) {
        Some(Content::Mapping(outcomes)) => outcomes.iter().filter_map(|entry| scalar_text(&entry.value)).collect(),
        _ => Vec::new(),
    }
}

fn scalar_text(node: &Node) -> Option<Arc<str>> {
    if let Content::Scalar(scalar) = &node.content { Some(Arc::from(scalar.text.as_str())) } else { None }
}

/// A level that may be absent, and if it is there may be wrong.
type Level<T> = Option<Option<T>>;
