//! A plan in words: a sentence for each of its parts, for people who read no YAML, and what a change of it means.
//!
//! Owns the sentences ([`describe`]) and their comparison ([`compare`]). Made of the tree of a file that the compiler has accepted; a key that has no
//! sentence of its own is shown as it is written, so that nothing is ever left out. Conditions stay in the language they are written in.

mod change;
mod levels;
mod phrase;
mod rule;
mod standing;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use leadstream_core::PlanVersion;

use crate::cel;
use crate::compile::{Options, compile, value};
use crate::load::Source;
use crate::sink::Sink;
use crate::yaml::{self, Content, Entry, Node};
use phrase::{as_written, decay};

pub use change::{Difference, compare};

/// A plan in words.
#[derive(Clone, Debug)]
pub struct Words {
    /// The plan's id.
    pub plan: String,
    /// The version that the file's bytes make (S47).
    pub version: PlanVersion,
    parts: Vec<Part>,
    /// The parts that `&&` joins in the condition of each rule that has one, by its id.
    conditions: BTreeMap<String, Vec<String>>,
}

/// Sentences under one heading.
#[derive(Clone, Debug)]
struct Part {
    kind: Kind,
    lines: Vec<Line>,
}

/// What sentences are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Head,
    Rules,
    Fit,
    Limits,
    Qualify,
    Stages,
    Bands,
    Grade,
    Route,
    Actions,
    Feedback,
    Facts,
    Other,
}

impl Kind {
    fn heading(self) -> &'static str {
        match self {
            Kind::Head => "The plan",
            Kind::Rules => "Rules, for what a contact does",
            Kind::Fit => "Fit rules, for who a contact is: they count while they are true",
            Kind::Limits => "Limits",
            Kind::Qualify => "Qualified",
            Kind::Stages => "Stages",
            Kind::Bands => "Bands, by the plan's score; else cold",
            Kind::Grade => "Grade, a letter and a digit",
            Kind::Route => "Whose lead it is",
            Kind::Actions => "Actions",
            Kind::Feedback => "Feedback of sales, which ends a qualification",
            Kind::Facts => "Facts, which conditions count",
            Kind::Other => "Besides",
        }
    }
}

/// One sentence, under the name of what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    text: String,
}

impl Line {
    fn new(name: &str, text: impl Into<String>) -> Line {
        Line { name: name.to_owned(), text: text.into() }
    }
}

/// The plan of a file in words; `None` where the compiler finds an error in it.
pub fn describe(source: &Source, options: &Options) -> Option<Words> {
    let plan = compile(&source.name, &source.text, options).plan?;
    let mut ignored = Vec::new();
    let root = yaml::parse(&source.text, &mut Sink::new(&source.name, &source.text, &mut ignored))?;
    let Content::Mapping(entries) = &root.content else { return None };
    let part = |kind, lines: Vec<Line>| (!lines.is_empty()).then_some(Part { kind, lines });
    let each = |key: &str, say: fn(&[Entry]) -> Line| items(entries, key).filter_map(mapping).map(say).collect();
    let parts = [
        part(Kind::Head, head(entries)),
        part(Kind::Facts, facts(entries)),
        part(Kind::Rules, each("rules", rule::sentence)),
        part(Kind::Fit, each("fit", rule::fit_sentence)),
        part(Kind::Limits, levels::limits(entries)),
        part(Kind::Qualify, levels::qualify(entries)),
        part(Kind::Stages, levels::stages(entries)),
        part(Kind::Bands, standing::bands(entries)),
        part(Kind::Grade, standing::grade(entries)),
        part(Kind::Route, standing::route(entries)),
        part(Kind::Actions, standing::actions(entries)),
        part(Kind::Feedback, standing::feedback(entries)),
        part(Kind::Other, others(entries)),
    ];
    let (plan, version) = (plan.id.as_str().to_owned(), plan.version);
    let rules = items(entries, "rules").filter_map(mapping);
    let conditions = rules.filter_map(|rule| Some((as_written(value(rule, "id")?), condition_parts(rule)?))).collect();
    Some(Words { plan, version, parts: parts.into_iter().flatten().collect(), conditions })
}

/// The texts of what `&&` joins in a rule's condition, in the order in which the compiled condition has them.
fn condition_parts(rule: &[Entry]) -> Option<Vec<String>> {
    let Content::Scalar(scalar) = &value(rule, "when")?.content else { return None };
    let parsed = cel::parse(&scalar.text).ok()?;
    let text = |part: &cel::Node| scalar.text.get(part.span.clone()).unwrap_or_default();
    let parts = if let cel::Kind::And(parts) = &parsed.kind { parts.as_slice() } else { std::slice::from_ref(&parsed) };
    Some(parts.iter().map(|part| text(part).split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

impl Words {
    /// The plan as a page of text.
    pub fn render(&self) -> String {
        let mut page = format!("plan {}, version {}\n", self.plan, self.version);
        for part in &self.parts {
            let width = part.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
            // What never fails: a text takes what is written to it.
            let _ = writeln!(page, "\n{}", part.kind.heading());
            for line in &part.lines {
                let gap = if width == 0 { "" } else { "  " };
                let _ = writeln!(page, "  {:width$}{gap}{}", line.name, line.text);
            }
        }
        page
    }

    /// What a rule does, in a sentence.
    pub fn rule(&self, id: &str) -> Option<&str> {
        self.lines(Kind::Rules).iter().find(|line| line.name == id).map(|line| line.text.as_str())
    }

    /// What `&&` joins in the condition of a rule, as it is written; nothing where the rule has no condition.
    pub fn condition_parts(&self, id: &str) -> &[String] {
        self.conditions.get(id).map_or(&[], Vec::as_slice)
    }

    fn lines(&self, kind: Kind) -> &[Line] {
        self.parts.iter().find(|part| part.kind == kind).map_or(&[], |part| &part.lines)
    }
}

/// The key of the author's tests.
const TESTS: &str = "tests";

/// Keys that have sentences of their own, or say nothing about scores.
const TOLD: [&str; 16] = [
    "plan",
    "members",
    "global",
    "time_zone",
    "rules",
    "fit",
    "limits",
    "qualify",
    "pipeline",
    "facts",
    "decay",
    "bands",
    "grade",
    "route",
    "actions",
    "feedback",
];

fn head(entries: &[Entry]) -> Vec<Line> {
    let members = value(entries, "members").map_or_else(
        || "every contact takes part".to_owned(),
        |members| format!("takes part while {}", as_written(members)),
    );
    let is_global = value(entries, "global").is_some_and(|global| as_written(global).eq_ignore_ascii_case("true"));
    let zone = value(entries, "time_zone").map_or_else(|| "UTC".to_owned(), as_written);
    let decay = value(entries, "decay")
        .map(|node| Line::new("decay", format!("points of rules, unless a rule says otherwise: {}", decay(node))));
    let lines = vec![
        Line::new("members", members),
        Line::new(
            "global",
            if is_global { "its score counts in the contact's global score" } else { "its score stands for itself" },
        ),
        Line::new("time zone", format!("days, weeks and months begin and end in {zone}")),
    ];
    lines.into_iter().chain(decay).collect()
}

fn facts(entries: &[Entry]) -> Vec<Line> {
    let Some(Content::Mapping(facts)) = value(entries, "facts").map(|node| &node.content) else { return Vec::new() };
    let say = |fact: &Entry| {
        let Content::Mapping(parts) = &fact.value.content else { return Line::new(&fact.key, as_written(&fact.value)) };
        Line::new(&fact.key, rule::events(parts))
    };
    facts.iter().map(say).collect()
}

fn others(entries: &[Entry]) -> Vec<Line> {
    let is_other = |entry: &&Entry| !TOLD.contains(&entry.key.as_str()) && entry.key != TESTS;
    let mut lines: Vec<Line> =
        entries.iter().filter(is_other).map(|entry| Line::new(&entry.key, as_written(&entry.value))).collect();
    if let Some(count) = value(entries, TESTS).and_then(|tests| match &tests.content {
        Content::Sequence(tests) => Some(tests.len()),
        _ => None,
    }) {
        lines.push(Line::new(TESTS, format!("{count}, run by `leadstream plan test`")));
    }
    lines
}

fn items<'n>(entries: &'n [Entry], key: &str) -> impl Iterator<Item = &'n Node> {
    let items = value(entries, key).map(|node| match &node.content {
        Content::Sequence(items) => items.as_slice(),
        _ => &[],
    });
    items.unwrap_or_default().iter()
}

fn mapping(node: &Node) -> Option<&[Entry]> {
    if let Content::Mapping(entries) = &node.content { Some(entries) } else { None }
}
