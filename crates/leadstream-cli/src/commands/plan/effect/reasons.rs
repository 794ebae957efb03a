//! Why a rule does nothing with an event, in words, with the values that its condition met.

use leadstream_core::explain::Explanation;
use leadstream_core::{Event, FailedPart, Finding, Found, Met, Name, Value, Verdict};

/// Whether a rule does something with the event.
pub(super) fn is_of_use(verdict: &Found) -> bool {
    matches!(verdict, Found::Fires(_) | Found::Holds(_) | Found::Opens(_) | Found::Closes(_) | Found::Gathers(_))
}

/// How far a rule is from doing something.
pub(super) fn lacks(verdict: &Found) -> usize {
    match verdict {
        Found::Condition(failed) => failed.len(),
        _ => 0,
    }
}

/// Why not. `parts` are what `&&` joins in the rule's condition, as it is written.
pub(super) fn why_not(event: &Event, before: &Explanation, finding: &Finding, parts: &[String]) -> String {
    match &finding.verdict {
        Found::Condition(failed) => {
            let said = failed.iter().map(|FailedPart { place, error, met }| {
                let text = parts.get(*place).map_or("its condition", String::as_str);
                let mut values = values(event, before, text);
                values.extend(met.iter().map(|met| match met {
                    Met::Count(count) => format!("the count is {count}"),
                    Met::Score(score) => format!("the score is {score}"),
                    Met::Tags(count) => format!("the number of tags is {count}"),
                }));
                let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
                match error {
                    None => format!("not {text}{values}"),
                    Some(error) => format!("no value for {text}: {error}{values}"),
                }
            });
            said.collect::<Vec<_>>().join("; ")
        }
        Found::Ignores(Verdict::Human) => "the plan ignores events of people here".to_owned(),
        Found::Ignores(Verdict::Suspect) => "the plan ignores suspect events here".to_owned(),
        Found::Ignores(Verdict::Machine) => "the plan ignores events of machines here".to_owned(),
        Found::NotMember => "the contact takes no part in the plan".to_owned(),
        Found::NotValid => "outside its `valid` days".to_owned(),
        Found::Rests(Some(until)) => format!("fired before, and rests until {until}"),
        Found::Rests(None) => "fired before, and fires once for good".to_owned(),
        Found::Confirms => "confirms an event that was held, and fires no more by itself: see `once_per`".to_owned(),
        Found::NoKey => "the event has no value for `once_per`".to_owned(),
        Found::NoMatching(property) => {
            format!("the event has no `{property}`, by which the rule knows what belongs together")
        }
        Found::NoPart => "the event meets the condition of none of its parts".to_owned(),
        Found::NoValue(error) => format!("its points have no value: {error}"),
        Found::Fires(_)
        | Found::Holds(_)
        | Found::Opens(_)
        | Found::Closes(_)
        | Found::Gathers(_)
        | Found::TooEarly(_) => String::new(),
    }
}

/// The fields that a condition reads, with what they are.
fn values(event: &Event, before: &Explanation, text: &str) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for (owner, of_event) in [("event.", true), ("contact.", false)] {
        for (at, _) in text.match_indices(owner) {
            let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
            if text[..at].chars().next_back().is_some_and(is_word) {
                continue;
            }
            let field: String = text[at + owner.len()..].chars().take_while(|letter| is_word(*letter)).collect();
            if matches!((of_event, field.as_str()), (true, "type") | (false, "tags" | "id")) {
                continue;
            }
            let value = if of_event {
                event.properties.get(Name::of(&field)).map(shown)
            } else {
                let known = before.attributes.iter().find(|line| *line.name == *field);
                known.map(|line| shown(line.value.as_value()))
            };
            let value = value.map_or_else(|| "is not there".to_owned(), |value| format!("is {value}"));
            let sentence = format!("{owner}{field} {value}");
            if !said.contains(&sentence) {
                said.push(sentence);
            }
        }
    }
    said
}

/// A value as a condition would write it.
pub(super) fn shown(value: Value<'_>) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Text(text) => format!("{text:?}"),
    }
}
