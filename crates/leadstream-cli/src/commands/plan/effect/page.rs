//! What an event does to a contact, as a page: what becomes of the event, each rule that it concerns, and what becomes of scores and levels.

use std::fmt::Write as _;

use leadstream_core::contact::{Level, LimitReason};
use leadstream_core::explain::{BookedLine, Explanation, LedgerLine, LedgerOf};
use leadstream_core::plan::{Plan, Trigger};
use leadstream_core::{
    Contact, DerivedEvent, Event, EventKind, Finding, Fold, Found, Outcome, Points, Timestamp, Word,
};
use leadstream_http::view::ContactView;
use leadstream_plan::Words;

use super::reasons::{self, is_of_use, lacks, shown};
use crate::commands::contact;

/// Rules that do not fire and are shown, those first that lack least.
const NEAREST: usize = 10;
/// Other bookings that change, of an event that comes late.
const CHANGES: usize = 10;

/// What an event does to a contact.
pub(super) struct Effect {
    findings: Vec<Finding>,
    outcome: Outcome,
    before: Explanation,
    after: Explanation,
    derived: Vec<DerivedEvent>,
}

impl Effect {
    /// Applies the event. What silence brings until then is not its doing.
    pub(super) fn of(fold: &mut Fold, contact: &mut Contact, event: &Event) -> Effect {
        let findings = fold.inspect(contact, event);
        fold.advance(contact, event.time, &mut Vec::new());
        let before = fold.explain(contact, event.time);
        let mut derived = Vec::new();
        let outcome = fold.apply(contact, event, Timestamp::MIN, &mut derived);
        let after = fold.explain(contact, event.time);
        Effect { findings, outcome, before, after, derived }
    }

    /// The page.
    pub(super) fn render(&self, event: &Event, plans: &[Plan], words: &[Words]) -> String {
        let mut page = String::new();
        // Writing to a text cannot fail.
        let _ = self.head(event, &mut page);
        let plans = if self.counts() { plans } else { &[] };
        for plan in plans {
            let _ = self.plan(event, plan, words.iter().find(|words| *words.plan == *plan.id), &mut page);
        }
        page.lines().fold(String::with_capacity(page.len()), |shown, line| shown + line.trim_end() + "\n")
    }

    /// Whether rules have looked at it.
    fn counts(&self) -> bool {
        !matches!(self.outcome, Outcome::TooLate | Outcome::Duplicate)
    }

    fn head(&self, event: &Event, page: &mut String) -> std::fmt::Result {
        let what = match event.kind {
            EventKind::Interaction => event.event_type.as_str(),
            EventKind::Attributes | EventKind::Snapshot => "what is known of the contact",
            EventKind::Tags => "tags of the contact",
            _ => "a command",
        };
        let is_new = self.before.scorecard.at.is_none();
        let whose = if is_new { ", somebody new" } else { "" };
        writeln!(page, "{what} at {}, of {}{whose}", event.time, event.contact)?;
        let properties: Vec<String> =
            event.properties.iter().map(|(_, name, value)| format!("{name}: {}", shown(value))).collect();
        if !properties.is_empty() {
            writeln!(page, "  {}", properties.join(", "))?;
        }
        match self.outcome {
            Outcome::TooLate => writeln!(page, "  does nothing: it is older than the history that is kept"),
            Outcome::Duplicate => writeln!(page, "  does nothing: the contact has it already"),
            Outcome::Suppressed => writeln!(page, "  counts nowhere: every plan ignores events of this origin"),
            Outcome::Applied | Outcome::Unmatched => Ok(()),
        }
    }

    fn plan(&self, event: &Event, plan: &Plan, words: Option<&Words>, page: &mut String) -> std::fmt::Result {
        writeln!(page, "\nplan {}", plan.id)?;
        let mine: Vec<&Finding> = self.findings.iter().filter(|finding| finding.plan == plan.id).collect();
        let width = mine.iter().map(|finding| finding.rule.chars().count()).max().unwrap_or(0);
        let (matching, mut others): (Vec<&Finding>, Vec<&Finding>) =
            mine.into_iter().partition(|it| is_of_use(&it.verdict));
        for finding in &matching {
            let said = self.does(event, plan, finding);
            writeln!(page, "  + {:width$}  {said}", finding.rule.as_str())?;
            if let Some(sentence) = words.and_then(|words| words.rule(&finding.rule)) {
                writeln!(page, "    {:width$}  {sentence}", "")?;
            }
        }
        others.sort_by_key(|finding| lacks(&finding.verdict));
        for finding in others.iter().take(NEAREST) {
            let said = match &finding.verdict {
                Found::TooEarly(missing) => {
                    format!("comes too early: first must come {}", missing_parts(plan, finding.rule, missing))
                }
                _ => {
                    let parts = words.map_or(&[][..], |words| words.condition_parts(&finding.rule));
                    reasons::why_not(event, &self.before, finding, parts)
                }
            };
            writeln!(page, "  - {:width$}  {said}", finding.rule.as_str())?;
        }
        if others.len() > NEAREST {
            writeln!(page, "  {} more rules for this type do not match", others.len() - NEAREST)?;
        }
        let rest = plan.rules.len() - matching.len() - others.len();
        if rest > 0 {
            let rules = if rest == 1 { "1 rule waits" } else { &format!("{rest} rules wait") };
            writeln!(page, "  {rules} for something else")?;
        }
        self.elsewhere(event, plan, page)?;
        self.standing(plan, page)
    }

    /// What a rule does, and what of its points was booked.
    fn does(&self, event: &Event, plan: &Plan, finding: &Finding) -> String {
        let raw = match &finding.verdict {
            Found::Fires(raw) => *raw,
            Found::Holds(until) => {
                return format!("waits until {until} for an event of a human that confirms this one");
            }
            Found::Opens(due) => return format!("books at {due}, unless {} comes before", awaited(plan, finding.rule)),
            Found::Closes(due) => return format!("what it waited for has come: it does not book at {due}"),
            Found::Gathers(missing) => {
                return format!("takes it as a part, and waits for {}", missing_parts(plan, finding.rule, missing));
            }
            _ => Points::ZERO,
        };
        let Some(line) = booked(&self.after, plan.id).find(|it| it.rule == finding.rule && it.uid == Some(event.uid))
        else {
            return "fires, and books no points".to_owned();
        };
        if line.reasons.is_empty() {
            return gained(line.applied);
        }
        let why = line.reasons.iter().map(|reason| match reason {
            LimitReason::Weight => "the weight of its verdict",
            LimitReason::Cap => "its cap",
            LimitReason::Limit => "the floor or ceiling of the plan",
        });
        let why: Vec<&str> = why.collect();
        format!("{}: the rule says {}, less by {}", gained(line.applied), signed(raw), why.join(" and "))
    }

    /// Bookings for other events and by timers that come, change or go: what was held, and what an event that comes late undoes.
    fn elsewhere(&self, event: &Event, plan: &Plan, page: &mut String) -> std::fmt::Result {
        let key = |line: &&BookedLine| (line.time, line.uid, line.rule);
        let others = |of| booked(of, plan.id).filter(|line| line.uid != Some(event.uid)).collect::<Vec<&BookedLine>>();
        let (before, after) = (others(&self.before), others(&self.after));
        let worth = |lines: &[&BookedLine], wanted: &BookedLine| {
            lines.iter().filter(|line| key(line) == key(&wanted)).map(|line| line.applied).fold(None, |sum, applied| {
                Some(Points::from_thousandths(sum.map_or(0, Points::thousandths) + applied.thousandths()))
            })
        };
        let mut changed: Vec<String> = Vec::new();
        for line in before.iter().chain(after.iter().filter(|line| worth(&before, line).is_none())) {
            let (was, is) = (worth(&before, line), worth(&after, line));
            if was == is {
                continue;
            }
            let what = match (was, is) {
                (None, Some(is)) => gained(is),
                (Some(was), None) => format!("{} no more", gained(was)),
                (was, is) => {
                    format!("{} in place of {}", gained(is.unwrap_or_default()), signed(was.unwrap_or_default()))
                }
            };
            let cause = line.event_type.as_deref().unwrap_or("silence");
            changed.push(format!("  also {}, for {cause} at {}: {what}", line.rule, line.time));
        }
        changed.dedup();
        for line in changed.iter().take(CHANGES) {
            writeln!(page, "{line}")?;
        }
        match changed.len().saturating_sub(CHANGES) {
            0 => Ok(()),
            more => writeln!(page, "  {more} more bookings change"),
        }
    }

    /// Scores and levels before and after.
    fn standing(&self, plan: &Plan, page: &mut String) -> std::fmt::Result {
        let now = Timestamp::default();
        let (before, after) = (ContactView::of(&self.before, now, 0), ContactView::of(&self.after, now, 0));
        let card = |view: &ContactView| view.plans.iter().find(|card| *card.plan == *plan.id).cloned();
        let (before, Some(after)) = (card(&before), card(&after)) else { return Ok(()) };
        let score = before.as_ref().map_or(0.0, |card| card.score);
        let moved = if score == after.score { "still".to_owned() } else { format!("{score} to") };
        writeln!(page, "  score {moved} {} (engagement {}, fit {})", after.score, after.engagement, after.fit)?;
        for derived in self.derived.iter().filter(|derived| derived.plan.is_none_or(|of| of == plan.id)) {
            writeln!(page, "  told: {}", told(derived))?;
        }
        if after.qualified == Some(false) {
            writeln!(page, "  not qualified: {}", contact::missing(&after.missing))?;
        }
        Ok(())
    }
}

/// The bookings that make up the score of a plan.
fn booked(explanation: &Explanation, plan: Word) -> impl Iterator<Item = &BookedLine> {
    let ledger = explanation.ledgers.iter().find(move |ledger| ledger.of == LedgerOf::Plan(plan));
    ledger.into_iter().flat_map(|ledger| &ledger.lines).filter_map(|line| match line {
        LedgerLine::Booked(line) => Some(line),
        _ => None,
    })
}

/// The types that an absence rule waits for in vain when it books.
fn awaited(plan: &Plan, rule: Word) -> String {
    match plan.rules.iter().find(|known| known.id == rule).map(|rule| &rule.trigger) {
        Some(Trigger::Absence(absence)) => either(absence.unless.iter().map(|known| known.as_str())),
        _ => String::new(),
    }
}

/// The parts of a compound rule that are not there, by their types.
fn missing_parts(plan: &Plan, rule: Word, missing: &[usize]) -> String {
    let Some(Trigger::Compound(compound)) = plan.rules.iter().find(|known| known.id == rule).map(|rule| &rule.trigger)
    else {
        return String::new();
    };
    let part = |at: &usize| either(compound.parts[*at].types.iter().map(|known| known.as_str()));
    let link = if compound.in_order { " and then " } else { " and " };
    missing.iter().map(part).collect::<Vec<_>>().join(link)
}

fn either<'a>(types: impl Iterator<Item = &'a str>) -> String {
    types.collect::<Vec<_>>().join(" or ")
}

/// A derived event in a few words.
fn told(derived: &DerivedEvent) -> String {
    let about = match &derived.new {
        Level::Stage(name) | Level::Named(name) => name.as_str(),
        _ => derived.subject.split_once(':').map_or("", |(_, name)| name),
    };
    format!("{} {about}", derived.kind.as_str()).trim_end().to_owned()
}

/// Points that were booked, in words.
fn gained(points: Points) -> String {
    match points.thousandths() {
        0 => "no points".to_owned(),
        1_000 | -1_000 => format!("{} point", signed(points)),
        _ => format!("{} points", signed(points)),
    }
}

fn signed(points: Points) -> String {
    if points < Points::ZERO { points.to_string() } else { format!("+{points}") }
}
