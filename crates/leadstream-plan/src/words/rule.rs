//! Sentences of rules and fit rules.

use super::Line;
use super::phrase::{amount, as_written, decay, either, is_span, points, span};
use crate::compile::value;
use crate::yaml::{Content, Entry, Node};

/// How often an idle rule with `every` fires in one silence unless it says so (S14).
const TIMES_DEFAULT: &str = "12";

/// Keys that the sentence of a rule tells.
const TOLD: [&str; 20] = [
    "id", "on", "idle", "after", "unless", "all", "within", "matching", "in_order", "when", "points", "cap",
    "once_per", "tag", "tags", "untag", "valid", "every", "times", "decay",
];

/// A rule: what makes it fire, what it gives, and how often.
pub(super) fn sentence(entries: &[Entry]) -> Line {
    let id = value(entries, "id").map(as_written).unwrap_or_default();
    let mut clauses = vec![format!("{}: {}", trigger(entries), gives(entries))];
    clauses.extend(value(entries, "cap").map(cap));
    clauses.extend(value(entries, "once_per").map(|once| once_per(&as_written(once))));
    clauses.extend(value(entries, "valid").map(valid));
    clauses.extend(value(entries, "decay").map(decay));
    let others = entries.iter().filter(|entry| !TOLD.contains(&entry.key.as_str()));
    clauses.extend(others.map(|entry| format!("{}: {}", entry.key, as_written(&entry.value))));
    Line::new(&id, clauses.join(", "))
}

/// A fit rule.
pub(super) fn fit_sentence(entries: &[Entry]) -> Line {
    let id = value(entries, "id").map(as_written).unwrap_or_default();
    let worth = value(entries, "points").map_or_else(|| "no points".to_owned(), points);
    let when = value(entries, "when").map(as_written).unwrap_or_default();
    Line::new(&id, format!("{worth} while {when}"))
}

/// Which events: their types and what must hold of them.
pub(super) fn events(entries: &[Entry]) -> String {
    let types = value(entries, "on").map(either).unwrap_or_default();
    match value(entries, "when") {
        Some(when) => format!("each {types} where {}", as_written(when)),
        None => format!("each {types}"),
    }
}

fn trigger(entries: &[Entry]) -> String {
    if let Some(after) = value(entries, "after") {
        return absence(entries, after);
    }
    if let Some(all) = value(entries, "all") {
        return compound(entries, all);
    }
    let Some(idle) = value(entries, "idle") else { return events(entries) };
    let mut said = format!("after {} without activity", span(&as_written(idle)));
    if let Some(every) = value(entries, "every") {
        let times = value(entries, "times").map_or_else(|| TIMES_DEFAULT.to_owned(), as_written);
        said += &format!(" and again every {}, {times} times in one silence at most", span(&as_written(every)));
    }
    if let Some(when) = value(entries, "when") {
        said += &format!(", if then {}", as_written(when));
    }
    said
}

fn absence(entries: &[Entry], after: &Node) -> String {
    let whose = value(entries, "when").map_or_else(String::new, |when| format!(" where {}", as_written(when)));
    let unless = value(entries, "unless").map(either).unwrap_or_default();
    format!("each {}{whose} that no {unless}{} follows within {}", either(after), shared(entries), within(entries))
}

fn compound(entries: &[Entry], all: &Node) -> String {
    let part = |part: &Node| match &part.content {
        Content::Mapping(entries) => {
            let types = value(entries, "on").map(either).unwrap_or_default();
            let when = value(entries, "when").map_or_else(String::new, |when| format!(" where {}", as_written(when)));
            format!("{types}{when}")
        }
        _ => as_written(part),
    };
    let parts = if let Content::Sequence(parts) = &all.content { parts.as_slice() } else { &[] };
    let is_ordered = value(entries, "in_order").is_some_and(|ordered| as_written(ordered).eq_ignore_ascii_case("true"));
    let link = if is_ordered { " and then " } else { " and " };
    let parts: Vec<String> = parts.iter().map(part).collect();
    let mut said = format!("when {}{} come within {}", parts.join(link), shared(entries), within(entries));
    if let Some(when) = value(entries, "when") {
        said += &format!(", if then {}", as_written(when));
    }
    said
}

/// What the events of a rule have in common.
fn shared(entries: &[Entry]) -> String {
    let property = value(entries, "matching").map(as_written);
    property.map_or_else(String::new, |property| format!(" with the same {property}"))
}

fn within(entries: &[Entry]) -> String {
    value(entries, "within").map(|within| span(&as_written(within))).unwrap_or_default()
}

fn gives(entries: &[Entry]) -> String {
    let points = value(entries, "points").map(points);
    let mut given: Vec<String> = points.into_iter().collect();
    given.extend(value(entries, "tag").map(|tag| format!("the tag {}", as_written(tag))));
    let listed = |key: &str| match value(entries, key).map(|node| &node.content) {
        Some(Content::Sequence(items)) => items.iter().collect(),
        Some(_) => value(entries, key).into_iter().collect(),
        None => Vec::new(),
    };
    given.extend(listed("tags").into_iter().map(tag));
    given.extend(listed("untag").into_iter().map(|tag| format!("the tag {} is taken away", as_written(tag))));
    if given.is_empty() { "no points".to_owned() } else { given.join(" and ") }
}

fn tag(node: &Node) -> String {
    let Content::Mapping(entries) = &node.content else { return format!("the tag {}", as_written(node)) };
    let tag = value(entries, "tag").map(as_written).unwrap_or_default();
    match value(entries, "points") {
        Some(own) => format!("the tag {tag} with {} of its own", amount(own)),
        None => format!("the tag {tag}"),
    }
}

fn cap(node: &Node) -> String {
    let Content::Mapping(entries) = &node.content else { return format!("cap: {}", as_written(node)) };
    let most = value(entries, "points").map(amount).unwrap_or_default();
    match value(entries, "per").map(as_written).as_deref() {
        None => format!("at most {most} each time"),
        Some("ever") => format!("at most {most} in all"),
        Some(period @ ("day" | "week" | "month")) => format!("at most {most} a calendar {period}"),
        Some(rolling) => format!("at most {most} in any {}", span(rolling)),
    }
}

fn once_per(text: &str) -> String {
    match text {
        "ever" => "once for good".to_owned(),
        text if is_span(text) => format!("once in {}", span(text)),
        key => format!("once for each {key}"),
    }
}

fn valid(node: &Node) -> String {
    match &node.content {
        Content::Sequence(ends) if ends.len() == 2 => {
            let end = |at: usize| {
                Some(as_written(&ends[at])).filter(|text| !text.is_empty() && text != "null" && text != "~")
            };
            match (end(0), end(1)) {
                (Some(from), Some(until)) => format!("from {from} until {until}"),
                (Some(from), None) => format!("from {from} on"),
                (None, Some(until)) => format!("until {until}"),
                (None, None) => "at any time".to_owned(),
            }
        }
        _ => format!("valid: {}", as_written(node)),
    }
}
