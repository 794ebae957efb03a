//! Showing what came of a test: one line where it passed, and where it failed everything that is needed to see why.

use std::fmt::Write;

use leadstream_core::contact::Level;
use leadstream_core::explain::{LedgerOf, MissingReason};
use leadstream_core::{DerivedEvent, EventKind, Outcome, Timestamp, Word};

use super::difference::Pairing;
use super::{Example, ExpectedDerived, Trial, ledger};
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
        if let (Some(pairs), Some(expected)) = (&self.ledger, &example.expect.ledger) {
            let ledger = self.explanation.ledgers.iter().find(|ledger| matches!(ledger.of, LedgerOf::Plan(_)));
            ledger::compare(example, expected, ledger, pairs, text)?;
        }
        for ledger in &self.explanation.ledgers {
            let of = match &ledger.of {
                LedgerOf::Plan(_) if self.ledger.is_some() => continue,
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
            ledger::show(example, ledger, text)?;
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

pub(super) fn listed(words: impl Iterator<Item = String>) -> String {
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
    pub(super) fn shown(&self, time: Timestamp) -> String {
        let since = self.origin.and_then(|origin| duration::show_offset(time - origin));
        since.unwrap_or_else(|| time.to_string())
    }
}
