//! Sentences of bands, grades, routes, actions and feedback.

use super::phrase::{amount, as_written, either};
use super::{Line, items, mapping};
use crate::compile::value;
use crate::yaml::Entry;

/// The bands, as they stand in the file.
pub(super) fn bands(entries: &[Entry]) -> Vec<Line> {
    let Some(bands) = value(entries, "bands").and_then(mapping) else { return Vec::new() };
    let say = |entry: &Entry| {
        let points = amount(&entry.value);
        let text = if entry.key == "margin" {
            format!("a band is kept until the score is {points} below where it begins")
        } else {
            format!("from {points} on")
        };
        Line::new(&entry.key, text)
    };
    bands.iter().map(say).collect()
}

/// The grade: its letters and its digits.
pub(super) fn grade(entries: &[Entry]) -> Vec<Line> {
    let Some(grade) = value(entries, "grade").and_then(mapping) else { return Vec::new() };
    let cuts = |key: &str, last: &str| {
        let cuts = value(grade, key).and_then(mapping).unwrap_or_default();
        let mut said: Vec<String> =
            cuts.iter().map(|cut| format!("{} from {} on", cut.key, amount(&cut.value))).collect();
        said.push(format!("else {last}"));
        Line::new(key, said.join(", "))
    };
    vec![cuts("fit", "D"), cuts("engagement", "4")]
}

/// Whose lead it is.
pub(super) fn route(entries: &[Entry]) -> Vec<Line> {
    let Some(route) = value(entries, "route").and_then(mapping) else { return Vec::new() };
    let candidates = value(route, "to").map(either).unwrap_or_default();
    let mut lines = vec![Line::new("to", format!("each time it qualifies, {candidates}"))];
    if let Some(by) = value(route, "by") {
        lines.push(Line::new("by", format!("whom {} names, if it is one of them", as_written(by))));
    }
    lines.push(Line::new("else", "shared out evenly, a contact always to the same one"));
    lines
}

/// The actions, in the order of the file.
pub(super) fn actions(entries: &[Entry]) -> Vec<Line> {
    items(entries, "actions").filter_map(mapping).map(action).collect()
}

fn action(entries: &[Entry]) -> Line {
    let id = value(entries, "id").map(as_written).unwrap_or_default();
    let score = value(entries, "score").map_or_else(|| "plan".to_owned(), as_written);
    let at = value(entries, "at").map(amount).unwrap_or_default();
    let asked = value(entries, "emit").map_or_else(|| "requested".to_owned(), as_written);
    let mut clauses = vec![format!("{asked} when the score `{score}` rises to {at}")];
    let again = value(entries, "rearm").is_some_and(|rearm| as_written(rearm) == "on_release");
    clauses.push(if again {
        format!("again after it was below {}", value(entries, "release").map_or(at, amount))
    } else {
        "once in a contact's life".to_owned()
    });
    clauses.extend(value(entries, "data").map(|data| format!("with {}", as_written(data))));
    Line::new(&id, clauses.join(", "))
}

/// What follows from feedback.
pub(super) fn feedback(entries: &[Entry]) -> Vec<Line> {
    let Some(feedback) = value(entries, "feedback").and_then(mapping) else { return Vec::new() };
    let keeps = value(feedback, "recycle").is_some_and(|recycle| as_written(recycle) == "keep");
    let recycle = if keeps { "engagement goes on" } else { "engagement ends: interest is earned anew" };
    let outcomes = value(feedback, "outcomes").and_then(mapping).unwrap_or_default();
    let leads = outcomes
        .iter()
        .map(|outcome| Line::new(&outcome.key, format!("leads to the stage {}", as_written(&outcome.value))));
    std::iter::once(Line::new("recycle", recycle)).chain(leads).collect()
}
