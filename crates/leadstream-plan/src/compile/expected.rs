//! What a test expects: scores, levels, tags and derived events.

use std::sync::Arc;

use leadstream_core::contact::COLD;
use leadstream_core::derived::DerivedKind;
use leadstream_core::plan::Grade;
use leadstream_core::points::Points;
use leadstream_core::{Timestamp, Word};

use super::Compiler;
use super::examples::Times;
use super::keys::{self, entry, value};
use super::plan::Levels;
use super::values::present;
use crate::code::Code;
use crate::example::{Expectation, ExpectedDerived, TagExpectation};
use crate::suggest;
use crate::yaml::{Content, Entry, Node, Span};

/// Derived events as consumers read them.
const KINDS: [DerivedKind; DerivedKind::ALL.len()] = DerivedKind::ALL;

/// What an expected event may say beside its type and time, and of which kinds of events.
const PARTS: [(&str, &[DerivedKind]); 6] = [
    ("stage", &[DerivedKind::StageAdvanced, DerivedKind::StageRegressed]),
    ("tag", &[DerivedKind::TagAdded, DerivedKind::TagRemoved]),
    ("band", &[DerivedKind::BandChanged]),
    ("grade", &[DerivedKind::GradeChanged]),
    ("owner", &[DerivedKind::LeadRouted]),
    ("action", &[DerivedKind::ActionRequested]),
];

/// Tags by name, and what is expected of each.
type Tags = Vec<(Arc<str>, TagExpectation)>;

impl Compiler<'_> {
    /// Compiles what a test expects.
    pub(super) fn expectation(&mut self, node: &Node, levels: &Levels, times: &mut Times) -> Option<Expectation> {
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
        let stage = value(entries, "stage").map(|stage| self.expected_name(stage, Self::known_stage, levels));
        let band = value(entries, "band").map(|band| self.known_band(band, levels));
        let grade = value(entries, "grade").map(|grade| self.expected_name(grade, Self::known_grade, levels));
        let owner = value(entries, "owner").map(|owner| self.expected_name(owner, Self::known_owner, levels));
        let actions = value(entries, "actions").map_or(Some(Vec::new()), |actions| self.counts(actions, levels));
        let tags = value(entries, "tags").map_or(Some(Vec::new()), |tags| self.expected_tags(tags));
        let derived = value(entries, "derived").map(|derived| self.expected_events(derived, levels, times));
        let ledger = value(entries, "ledger").map(|ledger| self.expected_ledger(ledger, levels, times));
        Some(Expectation {
            global: present(global)?,
            score: present(score)?,
            engagement: present(engagement)?,
            fit: present(fit)?,
            member: present(member)?,
            qualified: present(qualified)?,
            stage: present(stage)?,
            stage_score: present(stage_score)?,
            band: present(band)?,
            grade: present(grade)?,
            owner: present(owner)?,
            actions: actions?,
            tags: tags?,
            derived: present(derived)?,
            ledger: present(ledger)?,
        })
    }

    fn expected_score(&mut self, entries: &[Entry], key: &str) -> Option<Option<Points>> {
        value(entries, key).map(|score| self.points(score, "a score"))
    }

    /// Reports expectations of levels that the plan does not have.
    fn check_levels(&mut self, entries: &[Entry]) {
        let has = &self.environment.has;
        let missing = [
            ("qualified", "qualify", has.qualify),
            ("stage", "pipeline", has.pipeline),
            ("stage_score", "pipeline", has.pipeline),
            ("band", "bands", has.bands),
            ("grade", "grade", has.grade),
            ("owner", "route", has.route),
            ("actions", "actions", !has.actions.is_empty()),
        ];
        for (key, part, is_there) in missing {
            if let Some(found) = entry(entries, key).filter(|_| !is_there) {
                let message = format!("the plan has no `{part}`, so there is no `{key}` to expect");
                self.sink
                    .report(Code::UnknownLevel, found.key_span.clone(), message)
                    .help(format!("add `{part}` to the plan, or take `{key}` out of the test"));
            }
        }
    }

    /// The name of a level, or null for none.
    fn expected_name(
        &mut self,
        node: &Node,
        known: fn(&mut Self, &Node, &Levels) -> Option<Word>,
        levels: &Levels,
    ) -> Option<Option<Word>> {
        if matches!(&node.content, Content::Scalar(scalar) if scalar.is_null()) {
            return Some(None);
        }
        known(self, node, levels).map(Some)
    }

    fn known_stage(&mut self, node: &Node, levels: &Levels) -> Option<Word> {
        self.one_of(node, ("the name of a stage", "stage"), &levels.stages().unwrap_or_default())
    }

    fn known_band(&mut self, node: &Node, levels: &Levels) -> Option<Word> {
        let bands = levels.bands.iter().flatten().flat_map(|bands| &bands.cuts);
        let mut bands: Vec<Word> = bands.map(|cut| cut.name).collect();
        if !bands.is_empty() {
            bands.push(Word::of(COLD));
        }
        self.one_of(node, ("the name of a band", "band"), &bands)
    }

    fn known_grade(&mut self, node: &Node, levels: &Levels) -> Option<Word> {
        let grades = levels.grade.iter().flatten().flat_map(Grade::all);
        self.one_of(node, ("a grade", "grade"), &grades.collect::<Vec<_>>())
    }

    fn known_owner(&mut self, node: &Node, levels: &Levels) -> Option<Word> {
        let candidates = levels.route.iter().flatten().flat_map(|route| &route.to);
        self.one_of(node, ("a candidate of the route", "candidate"), &candidates.copied().collect::<Vec<_>>())
    }

    fn known_action(&mut self, node: &Node, levels: &Levels) -> Option<Word> {
        self.one_of(node, ("the id of an action", "action"), &actions_of(levels))
    }

    /// One of the names that the plan has. Without any either the plan has no such level or it is wrong; both were said.
    fn one_of(&mut self, node: &Node, (what, kind): (&str, &str), names: &[Word]) -> Option<Word> {
        let text = self.scalar(node, what)?.text.clone();
        if names.is_empty() || names.iter().any(|name| **name == *text) {
            return Some(Word::of(&text));
        }
        self.unknown(node.span.clone(), &text, kind, names);
        None
    }

    fn unknown(&mut self, span: Span, text: &str, kind: &str, names: &[Word]) {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let help = match suggest::closest(text, names.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None if names.len() == 1 => format!("the only {kind} is {}", keys::listed(&names)),
            None => format!("the {kind}s are {}", keys::listed(&names)),
        };
        self.sink.report(Code::UnknownLevel, span, format!("there is no {kind} `{text}`")).help(help);
    }

    /// How often each action was counted.
    fn counts(&mut self, node: &Node, levels: &Levels) -> Option<Vec<(Word, u32)>> {
        let entries =
            self.open_mapping(node, "actions with how often each was requested", "write `actions: { discount: 1 }`")?;
        let names = actions_of(levels);
        let mut counts = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_known = names.is_empty() || names.iter().any(|name| **name == *entry.key);
            if !is_known {
                self.unknown(entry.key_span.clone(), &entry.key, "action", &names);
            }
            let count = self.count(&entry.value, 0..=1_000_000);
            counts.push(count.filter(|_| is_known).map(|count| (Word::of(&entry.key), count)));
        }
        counts.into_iter().collect()
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

    fn expected_events(&mut self, node: &Node, levels: &Levels, times: &mut Times) -> Option<Vec<ExpectedDerived>> {
        let help = "write `derived: [lead.qualified]`, or `derived: [ { type: stage.advanced, stage: hot, at: 2d } ]`; `[]` is none";
        let items = self.list(node, "a list of derived events", help)?;
        if self.is_too_long(node, items, "a test", "expected events") {
            return None;
        }
        let events: Vec<Option<_>> = items.iter().map(|item| self.expected_event(item, levels, times)).collect();
        events.into_iter().collect()
    }

    fn expected_event(&mut self, node: &Node, levels: &Levels, times: &mut Times) -> Option<ExpectedDerived> {
        if let Content::Scalar(_) = &node.content {
            return Some(ExpectedDerived { kind: self.kind(node)?, at: None, level: None, subject: None });
        }
        let entries = self.entries(node, &keys::DERIVED)?;
        let Some(kind_node) = value(entries, "type") else {
            self.missing(node, "the expected event", "type", "write `type: lead.qualified`");
            return None;
        };
        let kind = self.kind(kind_node);
        let at: Option<Option<Timestamp>> = value(entries, "at").map(|at| self.instant(at, times));
        let mut level: Option<Option<Word>> = None;
        let mut subject: Option<Option<Arc<str>>> = None;
        for (key, ..) in PARTS {
            let Some(part) = value(entries, key) else { continue };
            match key {
                "stage" => level = Some(self.known_stage(part, levels)),
                "band" => level = Some(self.known_band(part, levels)),
                "grade" => level = Some(self.known_grade(part, levels)),
                "owner" => level = Some(self.known_owner(part, levels)),
                "action" => subject = Some(self.known_action(part, levels).map(|id| Arc::from(format!("action:{id}")))),
                _ => subject = Some(self.tag(part).map(|tag| Arc::from(format!("tag:{tag}")))),
            }
        }
        let kind = kind?;
        for (key, kinds) in PARTS {
            if let Some(found) = entry(entries, key).filter(|_| !kinds.contains(&kind)) {
                let message = format!("`{}` has no `{key}`", kind.as_str());
                let of: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                self.sink
                    .report(Code::MisplacedKey, found.key_span.clone(), message)
                    .help(format!("`{key}` belongs to {}", keys::listed(&of)));
            }
        }
        Some(ExpectedDerived { kind, at: present(at)?, level: present(level)?, subject: present(subject)? })
    }

    fn kind(&mut self, node: &Node) -> Option<DerivedKind> {
        let found = self.choice(node, "a derived event", &KINDS.map(DerivedKind::as_str))?;
        KINDS.into_iter().find(|kind| kind.as_str() == found)
    }
}

fn actions_of(levels: &Levels) -> Vec<Word> {
    levels.actions.iter().flatten().flatten().map(|action| action.id).collect()
}
