//! Who gets a qualified lead (S35), and what follows from feedback about it (S38).

use leadstream_core::Word;
use leadstream_core::expr::Expr;
use leadstream_core::plan::{FeedbackOutcome, FeedbackPolicy, Route};

use super::Compiler;
use super::keys::{self, listed, value};
use super::names::Names;
use super::values::present;
use crate::cel::{Place, Type};
use crate::code::Code;
use crate::suggest;
use crate::yaml::{Entry, Node};

/// The most candidates of a route.
const CANDIDATES_MAX: usize = 1_000;

impl Compiler<'_> {
    /// Compiles the route.
    pub(super) fn route(&mut self, node: &Node) -> Option<Route> {
        let entries = self.entries(node, &keys::ROUTE)?;
        let by = value(entries, "by").map(|by| self.route_by(by));
        let otherwise = value(entries, "else").map_or(Some("rendezvous"), |otherwise| {
            self.choice(otherwise, "a way to share leads out", &["rendezvous"])
        });
        let Some(to) = value(entries, "to") else {
            self.missing(node, "the route", "to", "list who gets leads: `to: [anna, piotr]`");
            return None;
        };
        let items = self.list(to, "a list of candidates", "write `to: [anna, piotr]`")?;
        if items.is_empty() {
            self.wrong_kind(to, "at least one candidate", "list who gets leads: `to: [anna, piotr]`");
            return None;
        }
        if items.len() > CANDIDATES_MAX {
            let line = self.first_line(to);
            self.sink
                .report(
                    Code::TooLarge,
                    line,
                    format!("a route has at most {CANDIDATES_MAX} candidates, and this one {}", items.len()),
                )
                .help("route to teams, and let each share its leads out");
            return None;
        }
        let mut names = Names::default();
        let candidates: Vec<Option<Word>> = items.iter().map(|item| self.candidate(item, &mut names)).collect();
        if !self.environment.has.qualify {
            let line = self.first_line(node);
            self.sink
                .report(Code::RouteWithoutQualify, line, "nobody is ever routed: the plan has no `qualify`")
                .help("a lead is routed when it qualifies: add `qualify: { at: 100 }`, or take the route out");
        }
        otherwise?;
        Some(Route { to: candidates.into_iter().collect::<Option<_>>()?, by: present(by)? })
    }

    /// A candidate: any words, as CRMs have them.
    fn candidate(&mut self, node: &Node, names: &mut Names) -> Option<Word> {
        let text = &self.scalar(node, "a candidate")?.text;
        if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) || text.len() > 100 {
            self.sink
                .report(Code::BadName, node.span.clone(), "this cannot be a candidate")
                .help("a candidate has 1 to 100 bytes, no spaces around it and no line breaks in it");
            return None;
        }
        self.unique(names, &text.as_str().into(), &node.span, "candidates");
        Some(Word::of(text))
    }

    fn route_by(&mut self, node: &Node) -> Option<Expr> {
        let (expr, found) = self.expression(node, Place::Route, "an expression")?;
        if found.may_be(Type::Text) {
            return Some(expr);
        }
        self.sink
            .report(Code::TypeMismatch, node.span.clone(), "`by` must be the name of a candidate")
            .label(format!("this is {found}"))
            .help("write an attribute that names one, `contact.owner`, or choose: `contact.country == \"PL\" ? \"anna\" : \"piotr\"`");
        None
    }

    /// Compiles what follows from feedback. `stages` are those of the pipeline; `None` where it is wrong.
    pub(super) fn feedback(&mut self, node: &Node, stages: Option<&[Word]>) -> Option<FeedbackPolicy> {
        let entries = self.entries(node, &keys::FEEDBACK)?;
        let recycle = value(entries, "recycle")
            .map_or(Some("reset"), |recycle| self.choice(recycle, "a way to recycle a lead", &["reset", "keep"]));
        let mut policy = FeedbackPolicy { keeps: recycle == Some("keep"), ..FeedbackPolicy::default() };
        let Some(outcomes) = value(entries, "outcomes") else { return recycle.map(|_| policy) };
        let outcomes = self.entries(outcomes, &keys::OUTCOMES)?;
        let mut is_sound = recycle.is_some();
        for entry in outcomes {
            let Some(outcome) = FeedbackOutcome::of(&entry.key) else {
                is_sound = false;
                continue;
            };
            match self.outcome_stage(entry, stages) {
                Some(stage) => policy.outcomes[outcome as usize] = stage,
                None => is_sound = false,
            }
        }
        is_sound.then_some(policy)
    }

    /// The stage of an outcome; none where the stages are not known, which was said.
    fn outcome_stage(&mut self, entry: &Entry, stages: Option<&[Word]>) -> Option<Option<Word>> {
        let text = self.scalar(&entry.value, "the name of a stage")?.text.clone();
        let Some(stages) = stages else { return Some(None) };
        if let Some(stage) = stages.iter().find(|stage| ***stage == *text) {
            return Some(Some(*stage));
        }
        let names: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
        let help = match suggest::closest(&text, names.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None if names.is_empty() => "the plan has no `pipeline`, so no outcome leads to a stage".to_owned(),
            None => format!("the stages are {}", listed(&names)),
        };
        self.sink
            .report(Code::UnknownLevel, entry.value.span.clone(), format!("there is no stage `{text}`"))
            .help(help);
        None
    }
}
