//! The ledger of a test: held against what was expected of it, and shown.
//!
//! A line stands for each fit rule that holds, in the order of the file, and then for each booking by its time, also one whose cap left nothing of it.
//! What else a ledger has (the floor or ceiling on reading, what left the history) is shown and cannot be expected: it is no rule's doing.

use std::fmt::Write;

use leadstream_core::contact::{LimitReason, LimitReasons};
use leadstream_core::explain::{BookedLine, Explanation, LedgerLine, LedgerOf, LedgerView};
use leadstream_core::{Points, Timestamp, Word};

use super::difference::{self, Pairing, unequal};
use super::show::listed;
use super::{Example, ExpectedLine};

/// Pairs the expected lines with those of the plan's ledger; `None` where all are as expected.
pub(super) fn pair(expected: &[ExpectedLine], explanation: &Explanation) -> Option<Vec<Pairing>> {
    let ledger = explanation.ledgers.iter().find(|ledger| matches!(ledger.of, LedgerOf::Plan(_)));
    let lines: Vec<&LedgerLine> = ledger.map(by_rules).into_iter().flatten().collect();
    let fits = |e: usize, a: usize| {
        let Some((rule, at)) = rule_of(lines[a]) else { return false };
        expected[e].rule == rule
            && expected[e].points.is_none_or(|points| points == lines[a].value())
            && expected[e].at.is_none_or(|expected| Some(expected) == at)
    };
    unequal(difference::pair(expected.len(), lines.len(), fits))
}

/// The lines that rules make.
fn by_rules(ledger: &LedgerView) -> impl Iterator<Item = &LedgerLine> {
    ledger.lines.iter().filter(|line| rule_of(line).is_some())
}

/// The rule of a line, and when it was booked.
fn rule_of(line: &LedgerLine) -> Option<(Word, Option<Timestamp>)> {
    match line {
        LedgerLine::Fit { rule, .. } => Some((*rule, None)),
        LedgerLine::Booked(line) => Some((line.rule, Some(line.time))),
        _ => None,
    }
}

/// How wide the columns of a ledger are.
struct Columns {
    time: usize,
    rule: usize,
}

impl Columns {
    fn of<'a>(example: &Example, lines: impl Iterator<Item = &'a LedgerLine>, expected: &[ExpectedLine]) -> Columns {
        let mut columns = Columns { time: 0, rule: 0 };
        let actual = lines.filter_map(rule_of);
        for (rule, at) in actual.chain(expected.iter().map(|line| (line.rule, line.at))) {
            columns.time = columns.time.max(at.map_or(0, |at| example.shown(at).len()));
            columns.rule = columns.rule.max(rule.len());
        }
        columns
    }
}

/// The lines and their sum.
pub(super) fn show(example: &Example, ledger: &LedgerView, text: &mut String) -> std::fmt::Result {
    let columns = Columns::of(example, ledger.lines.iter(), &[]);
    for line in &ledger.lines {
        writeln!(text, "        {}", shown(example, line, &columns))?;
    }
    writeln!(text, "        {:>10}  in all", ledger.score.to_string())
}

/// The lines beside those that were expected, and their sum; nothing came where there is no ledger. Lines that no rule makes stand behind the others.
pub(super) fn compare(
    example: &Example,
    expected: &[ExpectedLine],
    ledger: Option<&LedgerView>,
    pairs: &[Pairing],
    text: &mut String,
) -> std::fmt::Result {
    let all = || ledger.into_iter().flat_map(|ledger| &ledger.lines);
    let columns = Columns::of(example, all(), expected);
    let lines: Vec<&LedgerLine> = ledger.map(by_rules).into_iter().flatten().collect();
    writeln!(text, "\n        the ledger of the score, - expected and + actual")?;
    for pairing in pairs {
        let (mark, line) = match pairing {
            Pairing::Both(at) => (' ', shown(example, lines[*at], &columns)),
            Pairing::Unexpected(at) => ('+', shown(example, lines[*at], &columns)),
            Pairing::Missing(at) => ('-', wanted(example, &expected[*at], &columns)),
        };
        writeln!(text, "      {mark} {}", line.trim_end())?;
    }
    for line in all().filter(|line| rule_of(line).is_none()) {
        writeln!(text, "        {}", shown(example, line, &columns))?;
    }
    let score = ledger.map_or(Points::ZERO, |ledger| ledger.score);
    writeln!(text, "        {:>10}  in all", score.to_string())
}

/// An expected line, in the form of the others.
fn wanted(example: &Example, line: &ExpectedLine, columns: &Columns) -> String {
    let points = line.points.map_or_else(String::new, signed);
    let time = line.at.map_or_else(String::new, |at| example.shown(at));
    format!("{points:>10}  {time:width$}  {}", line.rule, width = columns.time)
}

fn shown(example: &Example, line: &LedgerLine, &Columns { time: time_width, rule: rule_width }: &Columns) -> String {
    let value = signed(line.value());
    match line {
        LedgerLine::Booked(BookedLine { rule, time, event_type, raw, reasons, .. }) => {
            let event = event_type.as_deref().unwrap_or("by silence");
            let (time, rule) = (example.shown(*time), rule.as_str());
            let why = if reasons.is_empty() {
                String::new()
            } else {
                format!(": the rule said {}, less by {}", signed(*raw), why_less(*reasons))
            };
            format!("{value:>10}  {time:time_width$}  {rule:rule_width$}  {event}{why}")
        }
        LedgerLine::Fit { rule, .. } => {
            format!("{value:>10}  {:time_width$}  {:rule_width$}  while it holds", "", rule.as_str())
        }
        LedgerLine::Base { .. } => format!("{value:>10}  before the history that is kept"),
        LedgerLine::Limit { .. } => format!("{value:>10}  by the floor or ceiling of the plan"),
        LedgerLine::PlanScore { plan, .. } => format!("{value:>10}  {plan}"),
    }
}

/// Points with their sign, as bookings are read.
fn signed(points: Points) -> String {
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
