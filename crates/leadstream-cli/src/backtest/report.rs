//! What a person reads after a backtest.

use std::fmt::{Result, Write};
use std::time::Duration;

use leadstream_core::{Span, Timestamp};

use super::Pass;
use super::comparison::{Both, Comparison, Pair};
use super::labels::Labels;
use super::outcomes::{Group, Outcomes};
use crate::terminal::grouped;

/// Contacts of each kind that are listed.
const LISTED: usize = 10;

/// Everything that the report is made of.
pub(crate) struct Report<'a> {
    /// The events under the plans as they are to be.
    pub(crate) new: &'a Pass,
    /// What differs.
    pub(crate) comparisons: &'a [Comparison<'a>],
    /// What became of leads.
    pub(crate) labels: Option<&'a Labels>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl Report<'_> {
    /// The text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> Result {
        let tally = &self.new.tally;
        let seconds = self.elapsed.as_secs_f64().max(0.001);
        let dead: u64 = tally.dead.values().sum();
        write!(text, "{} records, folded twice in {seconds:.1} s, ", grouped(tally.records))?;
        write!(text, "{} contacts", grouped(tally.contacts))?;
        match self.new.until {
            Some(until) => writeln!(text, ", scored up to {until}")?,
            None => writeln!(text)?,
        }
        if dead > 0 {
            writeln!(
                text,
                "  {} records could not be read: `leadstream replay` on the same files says why",
                grouped(dead)
            )?;
        }
        if let Some(labels) = self.labels {
            let seen = self.new.people.iter().filter(|person| labels.of(&person.contact).is_some()).count();
            writeln!(
                text,
                "  {} of {} outcomes are of contacts with events",
                grouped(seen as u64),
                grouped(labels.len() as u64)
            )?;
        }
        if self.comparisons.is_empty() {
            writeln!(text, "\nno plan differs, and nothing is different for any contact")?;
        }
        for comparison in self.comparisons {
            plan(comparison, text)?;
        }
        Ok(())
    }
}

fn plan(comparison: &Comparison<'_>, text: &mut String) -> Result {
    write!(text, "\nplan {}", comparison.plan.id)?;
    match comparison.old_version {
        Some(old) if old == comparison.plan.version => writeln!(text, ": unchanged, but it reads what others say")?,
        Some(old) => writeln!(text, ": version {old} against {}", comparison.plan.version)?,
        None => writeln!(text, ": new, version {}", comparison.plan.version)?,
    }
    let (before, after) = comparison.one_way();
    writeln!(text, "\n  {:<32} {:>12} {:>12} {:>10}", "", "old", "new", "change")?;
    if comparison.plan.qualify.is_some() || !before.is_empty() {
        line(text, "contacts that qualified", comparison.contacts(|standing| !standing.qualified.is_empty()))?;
        line(text, "  with one of the two only", (before.len() as u64, after.len() as u64))?;
        line(text, "qualifications", comparison.sum(|standing| standing.qualified.len() as u64))?;
        line(text, "qualified at the end", comparison.contacts(|standing| standing.is_qualified))?;
    }
    for (stage, both) in comparison.stages() {
        line(text, &format!("in stage {stage} at the end"), both)?;
    }
    let differing = comparison.pairs.iter().filter(|pair| pair.differs()).count();
    writeln!(text, "  something is different for {} contacts", grouped(differing as u64))?;
    moved(comparison, text)?;
    weeks(comparison, text)?;
    listed(text, "qualify newly", &after, |pair| pair.first().1, |pair| Some(pair.new.score))?;
    listed(text, "do not qualify any more", &before, |pair| pair.first().0, |pair| Some(pair.old?.score))?;
    match &comparison.outcomes {
        Some((old, new)) => outcomes(text, old, new),
        None => Ok(()),
    }
}

fn line(text: &mut String, name: &str, (old, new): Both) -> Result {
    let change = i128::from(new) - i128::from(old);
    let change = if change == 0 { "=".to_owned() } else { format!("{change:+}") };
    writeln!(text, "  {name:<32} {:>12} {:>12} {change:>10}", grouped(old), grouped(new))
}

/// How far the first qualification moves.
fn moved(comparison: &Comparison<'_>, text: &mut String) -> Result {
    let moved = comparison.moved();
    let all = moved.same + (moved.earlier.len() + moved.later.len()) as u64;
    if all == 0 {
        return Ok(());
    }
    writeln!(text, "  of {} that qualify both ways: {} at the same instant", grouped(all), grouped(moved.same))?;
    for (word, spans) in [("earlier", &moved.earlier), ("later", &moved.later)] {
        if let Some(median) = spans.get(spans.len() / 2) {
            writeln!(text, "    {} {word}, by {} in the middle", grouped(spans.len() as u64), roughly(*median))?;
        }
    }
    Ok(())
}

fn weeks(comparison: &Comparison<'_>, text: &mut String) -> Result {
    let weeks = comparison.weeks();
    if weeks.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  qualifications in the week from")?;
    weeks.into_iter().try_for_each(|(monday, both)| line(text, &monday.to_string(), both))
}

fn listed<'a>(
    text: &mut String,
    title: &str,
    pairs: &[Pair<'a>],
    at: impl Fn(&Pair<'a>) -> Option<Timestamp>,
    score: impl Fn(&Pair<'a>) -> Option<leadstream_core::Points>,
) -> Result {
    if pairs.is_empty() {
        return Ok(());
    }
    let shown = LISTED.min(pairs.len());
    writeln!(text, "\n  {title} ({shown} of {}, by time; with the score at the end)", grouped(pairs.len() as u64))?;
    for pair in &pairs[..shown] {
        let at = at(pair).map_or_else(String::new, |at| at.to_string());
        let score = score(pair).unwrap_or_default();
        writeln!(text, "    {at:<26} {:<24} {score}", pair.contact)?;
    }
    Ok(())
}

fn outcomes(text: &mut String, old: &Outcomes, new: &Outcomes) -> Result {
    writeln!(text, "\n  against what became of leads {:>15} {:>12}", "old", "new")?;
    let both = |of: fn(&Outcomes) -> String| (of(old), of(new));
    let rows = [
        ("leads judged", both(|side| grouped(side.all.leads))),
        ("  of them won", both(|side| grouped(side.all.won))),
        ("had qualified before the outcome", both(|side| grouped(side.qualified.leads))),
        ("  of them won", both(|side| grouped(side.qualified.won))),
        ("  precision", both(|side| percent(side.qualified.precision()))),
        ("  lift", both(|side| times(side.qualified.lift(side.all)))),
        ("  share of those won", both(|side| percent(share(side.qualified.won, side.all.won)))),
        ("outcome too long ago to be judged", both(|side| grouped(side.not_kept))),
    ];
    for (name, (old, new)) in rows {
        writeln!(text, "  {name:<32} {old:>12} {new:>12}")?;
    }
    for (title, side) in [("old", old), ("new", new)] {
        if !side.groups.is_empty() {
            writeln!(
                text,
                "\n  by score, {title} {:>19} {:>8} {:>8} {:>10} {:>7}",
                "from - to", "leads", "won", "precision", "lift"
            )?;
        }
        for group in &side.groups {
            group_line(text, group, side)?;
        }
    }
    Ok(())
}

fn group_line(text: &mut String, group: &Group, side: &Outcomes) -> Result {
    let range = format!("{} - {}", group.lowest, group.highest);
    let (precision, lift) = (percent(group.count.precision()), times(group.count.lift(side.all)));
    let (leads, won) = (grouped(group.count.leads), grouped(group.count.won));
    writeln!(text, "  {range:>33} {leads:>8} {won:>8} {precision:>10} {lift:>7}")
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn times(lift: Option<f64>) -> String {
    lift.map_or_else(|| "-".to_owned(), |lift| format!("{lift:.2} x"))
}

/// A span in its largest unit, rounded down.
fn roughly(span: Span) -> String {
    let units = [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)];
    let fitting = units.into_iter().find(|(_, millis)| span.millis() >= *millis);
    match fitting {
        Some((unit, millis)) => {
            let count = span.millis() / millis;
            format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
        }
        None => format!("{} ms", span.millis()),
    }
}
