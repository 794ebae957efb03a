//! What a person reads after a replay: what became of the records, who qualified when, which rules gave points and which never did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use leadstream_core::contact::COLD;
use leadstream_core::derived::DerivedKind;
use leadstream_core::plan::{Plan, PlanSet};
use leadstream_core::{DerivedEvent, Points, Timestamp, Word};

use super::writing::derived_in_order;
use super::{Folder, Outcome, Tally};
use crate::terminal::grouped;

/// Qualifications that are listed.
const LISTED: usize = 20;

/// Everything that the summary is made of.
pub(crate) struct Summary<'a> {
    /// What came of it.
    pub(crate) outcome: &'a Outcome,
    /// The plans.
    pub(crate) plans: &'a PlanSet,
    /// The final instant that was asked for.
    pub(crate) asked: Option<Timestamp>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl Summary<'_> {
    /// The text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = self.records(&mut text);
        for plan in self.plans.plans() {
            let _ = self.plan(plan, &mut text);
        }
        let _ = self.qualified(&mut text);
        text
    }

    fn records(&self, text: &mut String) -> std::fmt::Result {
        let tally = &self.outcome.tally;
        let seconds = self.elapsed.as_secs_f64().max(0.001);
        let rate = (tally.records as f64 / seconds) as u64;
        write!(text, "{} records in {seconds:.1} s ({} a second), ", grouped(tally.records), grouped(rate))?;
        write!(text, "{} contacts", grouped(tally.contacts))?;
        match self.outcome.until {
            Some(until) => writeln!(text, ", scored up to {until}")?,
            None => writeln!(text)?,
        }
        if let Some(asked) = self.asked.filter(|asked| tally.newest.is_some_and(|newest| newest > *asked)) {
            writeln!(
                text,
                "  --until {asked} lies before the newest event; no event is left out, so it means nothing here"
            )?;
        }
        let outcomes = [
            ("applied", leadstream_core::Outcome::Applied),
            ("unmatched", leadstream_core::Outcome::Unmatched),
            ("duplicate", leadstream_core::Outcome::Duplicate),
            ("suppressed", leadstream_core::Outcome::Suppressed),
            ("too late", leadstream_core::Outcome::TooLate),
        ];
        for (name, outcome) in outcomes {
            line(text, "events", name, tally.outcomes.get(&outcome).copied().unwrap_or(0), "")?;
        }
        if tally.erased > 0 {
            line(text, "events", "erased", tally.erased, "")?;
        }
        match tally.united {
            Some(ids) if ids > 0 => line(text, "ids", "part of another contact", ids, "")?,
            None if tally.links > 0 => {
                let note = "  standard input is read once: give a file, and ids of one person are one contact";
                line(text, "links", "not followed", tally.links, note)?;
            }
            _ => {}
        }
        for (code, count) in &tally.refused {
            line(text, "links", &format!("refused ({code})"), *count, "")?;
        }
        for (reason, count) in &tally.skipped {
            line(text, "records", &format!("skipped ({reason})"), *count, "")?;
        }
        for (code, count) in &tally.dead {
            let examples: Vec<String> = tally.examples(*code).collect();
            let reason = tally.dead_records.iter().find(|record| record.letter.code == *code);
            let reason = reason.map_or("", |record| record.letter.reason.as_str());
            line(text, "records", &format!("dead ({code})"), *count, &format!("  {}: {reason}", examples.join(", ")))?;
        }
        let dropped = tally.dropped;
        for (what, count) in [
            ("too much", dropped.oversize),
            ("no scalar", dropped.shapes),
            ("name", dropped.names),
            ("number", dropped.numbers),
            ("expression", dropped.expressions),
        ] {
            if count > 0 {
                line(text, "fields", &format!("left out ({what})"), count, "")?;
            }
        }
        Ok(())
    }

    fn plan(&self, plan: &Plan, text: &mut String) -> std::fmt::Result {
        let of_plan = |event: &&DerivedEvent| event.plan.as_deref() == Some(&*plan.id);
        let mut kinds: BTreeMap<&str, (u64, BTreeSet<&str>)> = BTreeMap::new();
        for event in self.outcome.folders.iter().flat_map(|folder| &folder.derived).filter(of_plan) {
            let (count, contacts) = kinds.entry(event.kind.as_str()).or_default();
            *count += 1;
            contacts.insert(&event.contact);
        }
        writeln!(text, "\nplan {}", plan.id)?;
        for (kind, (count, contacts)) in kinds {
            writeln!(text, "  {kind:<20} {:>12} for {} contacts", grouped(count), grouped(contacts.len() as u64))?;
        }
        for (stage, count) in stages(&self.outcome.folders, plan) {
            writeln!(text, "  in stage {stage:<28} {:>12} contacts", grouped(count))?;
        }
        for (band, count) in bands(&self.outcome.folders, plan) {
            writeln!(text, "  in band {band:<29} {:>12} contacts", grouped(count))?;
        }
        for (owner, count) in owners(&self.outcome.folders, plan) {
            writeln!(text, "  owned by {owner:<28} {:>12} contacts", grouped(count))?;
        }
        rules(&self.outcome.tally, plan, text)
    }

    fn qualified(&self, text: &mut String) -> std::fmt::Result {
        let mut qualified: Vec<&DerivedEvent> =
            derived_in_order(&self.outcome.folders).filter(|event| event.kind == DerivedKind::LeadQualified).collect();
        if qualified.is_empty() {
            return writeln!(text, "\nnobody qualified");
        }
        qualified.sort_by_key(|event| event.time);
        writeln!(
            text,
            "\nqualified ({} of {}, by time)",
            LISTED.min(qualified.len()),
            grouped(qualified.len() as u64)
        )?;
        for event in qualified.iter().take(LISTED) {
            let plan = event.plan.as_deref().unwrap_or_default();
            let score = event.score.unwrap_or(Points::ZERO);
            writeln!(text, "  {}  {:<20} {plan:<24} {score}", event.time, event.contact)?;
        }
        Ok(())
    }
}

fn line(text: &mut String, unit: &str, name: &str, count: u64, note: &str) -> std::fmt::Result {
    writeln!(text, "  {unit:<8} {name:<28} {:>12}{note}", grouped(count))
}

/// How many members are in each band, the highest first; none where the plan has no bands.
fn bands(folders: &[Folder], plan: &Plan) -> Vec<(&'static str, u64)> {
    let Some(bands) = &plan.bands else { return Vec::new() };
    let contacts = folders.iter().flat_map(|folder| &folder.contacts);
    let held = contacts.filter_map(|contact| contact.state.plan(plan.key)).filter(|held| held.member);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    held.for_each(|held| *counts.entry(held.band().map_or(COLD, Word::as_str)).or_default() += 1);
    let names = bands.cuts.iter().rev().map(|cut| cut.name.as_str()).chain([COLD]);
    names.map(|name| (name, counts.get(name).copied().unwrap_or(0))).collect()
}

/// How many leads each candidate of the plan's route has.
fn owners(folders: &[Folder], plan: &Plan) -> Vec<(&'static str, u64)> {
    let Some(route) = &plan.route else { return Vec::new() };
    let contacts = folders.iter().flat_map(|folder| &folder.contacts);
    let standings = contacts.filter_map(|contact| contact.state.plan(plan.key)?.standing.as_deref());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    standings
        .filter_map(|standing| standing.owner.name)
        .for_each(|owner| *counts.entry(owner.as_str()).or_default() += 1);
    route.to.iter().map(|name| (name.as_str(), counts.get(name.as_str()).copied().unwrap_or(0))).collect()
}

fn stages(folders: &[Folder], plan: &Plan) -> Vec<(String, u64)> {
    let Some(pipeline) = &plan.pipeline else { return Vec::new() };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for contact in folders.iter().flat_map(|folder| &folder.contacts) {
        if let Some(stage) = contact.state.plan(plan.key).and_then(|held| held.stage.as_ref()) {
            *counts.entry(&stage.stage).or_default() += 1;
        }
    }
    pipeline
        .stages
        .iter()
        .map(|stage| (stage.name.to_string(), counts.get(&*stage.name).copied().unwrap_or(0)))
        .collect()
}

fn rules(tally: &Tally, plan: &Plan, text: &mut String) -> std::fmt::Result {
    let mut never = Vec::new();
    writeln!(text, "  {:<24} {:>12} {:>16}", "rule", "fired", "points")?;
    for rule in &plan.rules {
        match tally.rules.get(&(plan.id, rule.id)) {
            Some(total) => {
                writeln!(text, "  {:<24} {:>12} {:>16}", rule.id, grouped(total.bookings), total.points.to_string())?;
            }
            None => never.push(&*rule.id),
        }
    }
    if !never.is_empty() {
        writeln!(text, "  never fired: {}", never.join(", "))?;
    }
    // In the order of the plan; what a rule lacks says more than that it did not fire.
    for rule in &plan.rules {
        let of_rule = tally.faults.iter().filter(|((of_plan, id, _), _)| (*of_plan, *id) == (plan.id, rule.id));
        for ((.., error), count) in of_rule {
            writeln!(text, "  {:<24} {:>12} x no value ({error})", rule.id, grouped(*count))?;
        }
    }
    Ok(())
}
