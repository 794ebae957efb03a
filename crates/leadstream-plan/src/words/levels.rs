//! Sentences of limits, the threshold and the stages.

use super::phrase::{amount, as_written, span};
use super::{Line, items, mapping};
use crate::compile::value;
use crate::yaml::Entry;

/// Floor and ceiling.
pub(super) fn limits(entries: &[Entry]) -> Vec<Line> {
    let Some(limits) = value(entries, "limits").and_then(mapping) else { return Vec::new() };
    let say = |entry: &Entry| {
        let points = amount(&entry.value);
        let text = match entry.key.as_str() {
            "floor" => format!("engagement and score are never below {points}"),
            "ceiling" => format!("engagement and score are never above {points}"),
            _ => as_written(&entry.value),
        };
        Line::new(&entry.key, text)
    };
    limits.iter().map(say).collect()
}

/// The threshold.
pub(super) fn qualify(entries: &[Entry]) -> Vec<Line> {
    let Some(qualify) = value(entries, "qualify").and_then(mapping) else { return Vec::new() };
    let score = value(qualify, "score").map_or_else(|| "plan".to_owned(), as_written);
    let at = value(qualify, "at").map(amount).unwrap_or_default();
    let mut lines = vec![Line::new("at", format!("from {at} on, by the score `{score}`"))];
    let release = value(qualify, "release").map_or(at, amount);
    lines.push(Line::new("release", format!("no longer below {release}")));
    let told = ["score", "at", "release"];
    for entry in qualify.iter().filter(|entry| !told.contains(&entry.key.as_str())) {
        let text = as_written(&entry.value);
        let said = match (entry.key.as_str(), text.as_str()) {
            ("cooldown", text) => {
                format!("not again within {} of the last time; then if the score still says so", span(text))
            }
            ("rearm", "never") => "once in a contact's life".to_owned(),
            ("rearm", _) => "again after it was released".to_owned(),
            ("when", text) => format!("only while {text}"),
            _ => as_written(&entry.value),
        };
        lines.push(Line::new(&entry.key, said));
    }
    lines
}

/// The stages, in their order.
pub(super) fn stages(entries: &[Entry]) -> Vec<Line> {
    let Some(pipeline) = value(entries, "pipeline").and_then(mapping) else { return Vec::new() };
    let by = value(pipeline, "by").map_or_else(|| "stage".to_owned(), as_written);
    let by = match by.as_str() {
        "stage" => "earned in the stage before".to_owned(),
        other => format!("of the {other} score"),
    };
    let stages = items(pipeline, "stages").filter_map(mapping).enumerate();
    stages.map(|(place, stage)| stage_line(stage, place, &by)).collect()
}

fn stage_line(stage: &[Entry], place: usize, by: &str) -> Line {
    let name = value(stage, "name").map(as_written).unwrap_or_default();
    let mut clauses = Vec::new();
    if place == 0 {
        clauses.push("where everybody begins".to_owned());
    } else if !stage.iter().any(|entry| matches!(entry.key.as_str(), "enter" | "enter_when")) {
        clauses.push("entered by feedback only".to_owned());
    }
    for entry in stage.iter().filter(|entry| entry.key != "name") {
        let text = as_written(&entry.value);
        clauses.push(match entry.key.as_str() {
            "enter" => format!("entered from {} on {by}", amount(&entry.value)),
            "enter_when" => format!("entered only if {text}"),
            "leave_below" => format!("left below {} once there were so many", amount(&entry.value)),
            "leave_when" => format!("left if {text}"),
            "leave_idle" => format!("left after {} without activity", span(&text)),
            "final" if text.eq_ignore_ascii_case("true") => "left by feedback only".to_owned(),
            "final" => continue,
            key => format!("{key}: {}", as_written(&entry.value)),
        });
    }
    Line::new(&name, clauses.join(", "))
}
