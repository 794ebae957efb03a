//! What a test expects: scores, levels, tags and derived events.

use std::sync::Arc;

use leadstream_core::derived::DerivedKind;
use leadstream_core::points::Points;
use leadstream_core::{Timestamp, Word};

use super::Compiler;
use super::examples::Times;
use super::keys::{self, entry, value};
use super::values::present;
use crate::code::Code;
use crate::example::{Expectation, ExpectedDerived, TagExpectation};
use crate::suggest;
use crate::yaml::{Content, Entry, Node};

/// Derived events as consumers read them.
const KINDS: [DerivedKind; 6] = [
    DerivedKind::LeadQualified,
    DerivedKind::LeadDisqualified,
    DerivedKind::StageAdvanced,
    DerivedKind::StageRegressed,
    DerivedKind::TagAdded,
    DerivedKind::TagRemoved,
];

/// Tags by name, and what is expected of each.
type Tags = Vec<(Arc<str>, TagExpectation)>;

impl Compiler<'_> {
    /// Compiles what a test expects.
    pub(super) fn expectation(&mut self, node: &Node, stages: &[Word], times: &mut Times) -> Option<Expectation> {
        let entries = self.entries(node, &keys::EXPECT)?;
        if entries.is_empty() {
            self.sink
                .report(Code::TestWithoutExpectation, node.span.clone(), "this test expects nothing and can never fail")
                .help("name at least one thing: `expect: { score: 10 }`");
            return None;
        }
        self.check_levels(entries);
        let [global, score, engagement, fit, stage_score] =
            ["global", "score", "engagement", "fit", "stage_score"].map(|key| self.expected_score(entries, key));
        let [member, qualified] = ["member", "qualified"].map(|key| value(entries, key).map(|truth| self.truth(truth)));
        let stage = value(entries, "stage").map(|stage| self.expected_stage(stage, stages));
        let tags = value(entries, "tags").map_or(Some(Vec::new()), |tags| self.expected_tags(tags));
        let derived = value(entries, "derived").map(|derived| self.expected_events(derived, stages, times));
        Some(Expectation {
            global: present(global)?,
            score: present(score)?,
            engagement: present(engagement)?,
            fit: present(fit)?,
            member: present(member)?,
            qualified: present(qualified)?,
            stage: present(stage)?,
            stage_score: present(stage_score)?,
            tags: tags?,
            derived: present(derived)?,
        })
    }

    fn expected_score(&mut self, entries: &[Entry], key: &str) -> Option<Option<Points>> {
        value(entries, key).map(|score| self.points(score, "a score"))
    }

    /// Reports expectations of levels that the plan does not have.
    fn check_levels(&mut self, entries: &[Entry]) {
        let missing = [
            ("qualified", "qualify", self.environment.has_qualify),
            ("stage", "pipeline", self.environment.has_pipeline),
            ("stage_score", "pipeline", self.environment.has_pipeline),
        ];
        for (key, part, is_there) in missing {
            if let Some(found) = entry(entries, key).filter(|_| !is_there) {
                let message = format!("the plan has no `{part}`, so there is no `{key}` to expect");
                self.sink.report(Code::UnknownLevel, found.key_span.clone(), message);
            }
        }
    }

    fn expected_stage(&mut self, node: &Node, stages: &[Word]) -> Option<Option<Word>> {
        if matches!(&node.content, Content::Scalar(scalar) if scalar.is_null()) {
            return Some(None);
        }
        self.known_stage(node, stages).map(Some)
    }

    fn known_stage(&mut self, node: &Node, stages: &[Word]) -> Option<Word> {
        let text = self.scalar(node, "the name of a stage")?.text.clone();
        // Without stages either the plan has none or they are wrong; both were said.
        if stages.is_empty() || stages.iter().any(|stage| **stage == *text) {
            return Some(Word::of(&text));
        }
        let names: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
        let help = match suggest::closest(&text, names.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("the stages are {}", keys::listed(&names)),
        };
        self.sink.report(Code::UnknownLevel, node.span.clone(), format!("there is no stage `{text}`")).help(help);
        None
    }

    fn expected_tags(&mut self, node: &Node) -> Option<Tags> {
        let Content::Mapping(entries) = &node.content else {
            let help = "write `tags: { sport: 10, vip: true, trial: false }`, or `tags: [sport, vip]`";
            let items = self.list(node, "tags with their scores", help)?;
            let tags: Vec<Option<_>> =
                items.iter().map(|item| Some((self.tag(item)?, TagExpectation::Carried(true)))).collect();
            return tags.into_iter().collect();
        };
        let mut tags = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_truth = matches!(&entry.value.content, Content::Scalar(scalar) if scalar.as_bool().is_some());
            let expected = if is_truth {
                self.truth(&entry.value).map(TagExpectation::Carried)
            } else {
                self.points(&entry.value, "the score of a tag").map(TagExpectation::Score)
            };
            tags.push(expected.map(|expected| (entry.key.as_str().into(), expected)));
        }
        tags.into_iter().collect()
    }

    fn expected_events(&mut self, node: &Node, stages: &[Word], times: &mut Times) -> Option<Vec<ExpectedDerived>> {
        let help = "write `derived: [lead.qualified]`, or `derived: [ { type: stage.advanced, stage: hot, at: 2d } ]`; `[]` is none";
        let items = self.list(node, "a list of derived events", help)?;
        if self.is_too_long(node, items, "a test", "expected events") {
            return None;
        }
        let events: Vec<Option<_>> = items.iter().map(|item| self.expected_event(item, stages, times)).collect();
        events.into_iter().collect()
    }

    fn expected_event(&mut self, node: &Node, stages: &[Word], times: &mut Times) -> Option<ExpectedDerived> {
        if let Content::Scalar(_) = &node.content {
            return Some(ExpectedDerived { kind: self.kind(node)?, at: None, stage: None, tag: None });
        }
        let entries = self.entries(node, &keys::DERIVED)?;
        let Some(kind_node) = value(entries, "type") else {
            self.missing(node, "the expected event", "type", "write `type: lead.qualified`");
            return None;
        };
        let kind = self.kind(kind_node);
        let at: Option<Option<Timestamp>> = value(entries, "at").map(|at| self.instant(at, times));
        let stage = value(entries, "stage").map(|stage| self.known_stage(stage, stages));
        let tag = value(entries, "tag").map(|tag| self.tag(tag));
        let kind = kind?;
        for (key, family) in [("stage", "stage."), ("tag", "tag.")] {
            if let Some(found) = entry(entries, key).filter(|_| !kind.as_str().starts_with(family)) {
                let message = format!("`{}` has no `{key}`", kind.as_str());
                self.sink
                    .report(Code::MisplacedKey, found.key_span.clone(), message)
                    .help(format!("only events whose type begins with `{family}` have one"));
            }
        }
        Some(ExpectedDerived { kind, at: present(at)?, stage: present(stage)?, tag: present(tag)? })
    }

    fn kind(&mut self, node: &Node) -> Option<DerivedKind> {
        let found = self.choice(node, "a derived event", &KINDS.map(DerivedKind::as_str))?;
        KINDS.into_iter().find(|kind| kind.as_str() == found)
    }
}
