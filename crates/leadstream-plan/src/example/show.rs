//! Showing what came of a test: one line where it passed, and where it failed everything that is needed to see why.

use std::fmt::Write;

use leadstream_core::contact::{Level, LimitReason, LimitReasons};
use leadstream_core::explain::{BookedLine, LedgerLine, LedgerOf, LedgerView, MissingReason};
use leadstream_core::{DerivedEvent, EventKind, Outcome, Timestamp, Word};

use super::difference::Pairing;
use super::{Example, ExpectedDerived, Trial};
use crate::diagnostic::Style;
use crate::duration;

impl Trial {
    /// What came of the test. `file` is only shown. Ends with a line feed.
    pub fn render(&self, example: &Example, file: &str, style: Style) -> String {
        let mark = match (self.passed(), style) {
            (true, Style::Plain) => "  ok    ",
            (true, Style::Coloured) => "  \u{1b}[32mok\u{1b}[0m    ",
            (false, Style::Plain) => "  FAIL  ",
            (false, Style::Coloured) => "  \u{1b}[1;31mFAIL\u{1b}[0m  ",
        };
        if self.passed() {
            return format!("{mark}{}\n", example.name);
        }
        let mut text = format!("{mark}{}  ({file}:{})\n", example.name, example.line);
        // Writing to a text cannot fail.
        let _ = self.scores(&mut text);
        let _ = self.events(example, &mut text);
        let _ = self.ledgers(example, &mut text);
        text
    }

    fn scores(&self, text: &mut String) -> std::fmt::Result {
        if self.differences.is_empty() {
            return Ok(());
        }
        let width = |read: fn(&super::difference::Difference) -> &str, least: usize| {
            self.differences.iter().map(|it| read(it).chars().count()).max().unwrap_or(0).max(least)
        };
        let (what, expected) = (width(|it| &it.what, 4), width(|it| &it.expected, 8));
        writeln!(text, "\n        {:what$}  {:expected$}  actual", "", "expected")?;
        for it in &self.differences {
            writeln!(text, "        {:what$}  {:expected$}  {}", it.what, it.expected, it.actual)?;
        }
        let differs = |what: &str| self.differences.iter().any(|it| it.what == what);
        if differs("global") && !self.is_global {
            writeln!(text, "\n        the plan does not count in the global score: it has no `global: true`")?;
        }
        let missing = self.explanation.missing.first().filter(|_| differs("qualified"));
        if let Some(missing) = missing {
            writeln!(text, "\n        not qualified, since {}", listed(missing.reasons.iter().map(reason)))?;
        }
        Ok(())
    }

    fn events(&self, example: &Example, text: &mut String) -> std::fmt::Result {
        let (Some(pairs), Some(expected)) = (&self.events, &example.expect.derived) else { return Ok(()) };
        writeln!(text, "\n        derived events, - expected and + actual")?;
        for pairing in pairs {
            let line = match pairing {
                Pairing::Both(at) => format!("  {}", actual_event(example, &self.derived[*at])),
                Pairing::Missing(at) => format!("- {}", expected_event(example, &expected[*at])),
                Pairing::Unexpected(at) => format!("+ {}", actual_event(example, &self.derived[*at])),
            };
            writeln!(text, "        {}", line.trim_end())?;
        }
        Ok(())
    }

    /// The ledgers of the plan's score, and of each tag whose score is not as expected.
    fn ledgers(&self, example: &Example, text: &mut String) -> std::fmt::Result {
        for ledger in &self.explanation.ledgers {
            let of = match &ledger.of {
                LedgerOf::Plan(_) => "the score".to_owned(),
                LedgerOf::Tag(tag) if self.differences.iter().any(|it| it.what == format!("tag {tag}")) => {
                    format!("the tag {tag}")
                }
                LedgerOf::Stage(_) if self.differences.iter().any(|it| it.what == "stage_score") => {
                    "the score of the stage".to_owned()
                }
                LedgerOf::Global | LedgerOf::Stage(_) | LedgerOf::Tag(_) => continue,
            };
            writeln!(text, "\n        the ledger of {of}")?;
            ledger_lines(example, ledger, text)?;
        }
        if self.explanation.ledgers.iter().all(|ledger| ledger.of == LedgerOf::Global) {
            writeln!(text, "\n        nothing is known of the contact: none of its events counted")?;
        }
        for (event, outcome) in &self.unheard {
            let why = match outcome {
                Outcome::TooLate => "was too late: it is older than the history that is kept",
                Outcome::Suppressed => "did not count: the plan ignores events with its verdict",
                _ => "did not count: it is there already",
            };
            let name = if event.kind == EventKind::Interaction { event.event_type.as_str() } else { "contact" };
            writeln!(text, "        {name} at {} {why}", example.shown(event.time))?;
        }
        writeln!(text)
    }
}

fn ledger_lines(example: &Example, ledger: &LedgerView, text: &mut String) -> std::fmt::Result {
    let times = ledger.lines.iter().map(|line| match line {
        LedgerLine::Booked(line) => example.shown(line.time).len(),
        _ => 0,
    });
    let width = times.max().unwrap_or(0);
    let rules = ledger.lines.iter().map(|line| match line {
        LedgerLine::Booked(BookedLine { rule, .. }) | LedgerLine::Fit { rule, .. } => rule.len(),
        _ => 0,
    });
    let rule_width = rules.max().unwrap_or(0);
    for line in &ledger.lines {
        let value = signed(line.value());
        match line {
            LedgerLine::Booked(line) => {
                let event = line.event_type.as_deref().unwrap_or("by silence");
                let (time, rule) = (example.shown(line.time), line.rule.as_str());
                write!(text, "        {value:>10}  {time:width$}  {rule:rule_width$}  {event}")?;
                if line.reasons.is_empty() {
                    writeln!(text)?;
                } else {
                    writeln!(text, ": the rule said {}, less by {}", signed(line.raw), why_less(line.reasons))?;
                }
            }
            LedgerLine::Fit { rule, .. } => {
                writeln!(text, "        {value:>10}  {:width$}  {:rule_width$}  while it holds", "", rule.as_str())?;
            }
            LedgerLine::Base { .. } => writeln!(text, "        {value:>10}  before the history that is kept")?,
            LedgerLine::Limit { .. } => writeln!(text, "        {value:>10}  by the floor or ceiling of the plan")?,
            LedgerLine::PlanScore { plan, .. } => writeln!(text, "        {value:>10}  {plan}")?,
        }
    }
    writeln!(text, "        {:>10}  in all", ledger.score.to_string())
}

/// Points with their sign, as bookings are read.
fn signed(points: leadstream_core::Points) -> String {
    if points.thousandths() < 0 { points.to_string() } else { format!("+{points}") }
}

fn why_less(reasons: LimitReasons) -> String {
    let words = reasons.iter().map(|reason| match reason {
        LimitReason::Weight => "the weight of its verdict".to_owned(),
        LimitReason::Cap => "its cap".to_owned(),
        LimitReason::Limit => "the floor or ceiling of the plan".to_owned(),
    });
    listed(words)
}

fn reason(reason: &MissingReason) -> String {
    match reason {
        MissingReason::NotMember => "the contact takes no part in the plan".to_owned(),
        MissingReason::Points(points) => format!("{points} points are missing"),
        MissingReason::Condition => "the condition of `qualify` does not hold".to_owned(),
        MissingReason::CooldownUntil(_) => "the cooldown lasts".to_owned(),
        MissingReason::OnlyOnce => "it was once, and the plan qualifies only once".to_owned(),
        MissingReason::Feedback => {
            "since the feedback the score was not below the release, and no points were earned".to_owned()
        }
    }
}

fn listed(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" and ")
}

fn actual_event(example: &Example, event: &DerivedEvent) -> String {
    let subject = match &event.new {
        Level::Stage(name) | Level::Named(name) => name.as_str(),
        _ => about(&event.subject),
    };
    let marks: Vec<&str> = event.marks.iter().map(|mark| mark.as_str()).collect();
    let time = example.shown(event.time);
    format!("{:17}  {subject:12}  at {time:6}  {}", event.kind.as_str(), marks.join(", "))
}

/// The tag or action that a subject names.
fn about(subject: &str) -> &str {
    subject.split_once(':').map_or("", |(_, name)| name)
}

fn expected_event(example: &Example, event: &ExpectedDerived) -> String {
    let subject = event.level.map(Word::as_str).or_else(|| event.subject.as_deref().map(about));
    let at = event.at.map_or_else(String::new, |at| format!("at {}", example.shown(at)));
    format!("{:17}  {:12}  {at}", event.kind.as_str(), subject.unwrap_or_default())
}

impl Example {
    /// A time as the test spells times.
    fn shown(&self, time: Timestamp) -> String {
        let since = self.origin.and_then(|origin| duration::show_offset(time - origin));
        since.unwrap_or_else(|| time.to_string())
    }
}
