//! Words that several sentences share: points, spans of time, lists.

use crate::duration;
use crate::yaml::{Content, Node};

/// The text of a scalar; anything else in one line of YAML.
pub(super) fn as_written(node: &Node) -> String {
    match &node.content {
        Content::Scalar(scalar) => scalar.text.split_whitespace().collect::<Vec<_>>().join(" "),
        Content::Sequence(items) => format!("[{}]", items.iter().map(as_written).collect::<Vec<_>>().join(", ")),
        Content::Mapping(entries) => {
            let entry = |entry: &crate::yaml::Entry| format!("{}: {}", entry.key, as_written(&entry.value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What a firing is worth: a number with its sign, or what it is computed from.
pub(super) fn points(node: &Node) -> String {
    let text = as_written(node);
    match text.parse::<f64>() {
        Ok(number) => count(&if number > 0.0 { format!("+{text}") } else { text }, "point", number.abs() == 1.0),
        Err(_) => format!("as many points as {text}"),
    }
}

/// A number of points without a sign.
pub(super) fn amount(node: &Node) -> String {
    let text = as_written(node);
    let is_one = text.parse::<f64>().is_ok_and(|number| number.abs() == 1.0);
    count(&text, "point", is_one)
}

fn count(number: &str, word: &str, is_one: bool) -> String {
    format!("{number} {word}{}", if is_one { "" } else { "s" })
}

/// A span of time: `30d` is 30 days.
pub(super) fn span(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let word = match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        _ => return text.to_owned(),
    };
    count(number, word, number == "1")
}

/// Whether a text is a span of time and no expression.
pub(super) fn is_span(text: &str) -> bool {
    duration::looks_like_one(text)
}

/// One of several: `a`, `a or b`, `a, b or c`.
pub(super) fn either(node: &Node) -> String {
    let Content::Sequence(items) = &node.content else { return as_written(node) };
    let words: Vec<String> = items.iter().map(as_written).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// How points lose their worth.
pub(super) fn decay(node: &Node) -> String {
    let Content::Mapping(ways) = &node.content else { return "keeping their worth".to_owned() };
    let way = |way: &crate::yaml::Entry| match way.key.as_str() {
        "half_life" => format!("losing half of their worth in {}", span(&as_written(&way.value))),
        "linear" => format!("losing their worth evenly over {}", span(&as_written(&way.value))),
        "expire" => format!("worth nothing after {}", span(&as_written(&way.value))),
        "step" => steps(&way.value),
        other => format!("{other}: {}", as_written(&way.value)),
    };
    ways.iter().map(way).collect::<Vec<_>>().join(", ")
}

fn steps(node: &Node) -> String {
    let Content::Sequence(steps) = &node.content else { return as_written(node) };
    let step = |step: &Node| match &step.content {
        Content::Sequence(parts) if parts.len() == 2 => {
            format!("{} percent after {}", as_written(&parts[1]), span(&as_written(&parts[0])))
        }
        _ => as_written(step),
    };
    format!("worth {}", steps.iter().map(step).collect::<Vec<_>>().join(", "))
}
