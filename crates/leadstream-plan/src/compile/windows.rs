//! Rules over several events: absence, where one does not follow another in time (S13), and compounds, where all come (S15).

use std::sync::Arc;

use leadstream_core::Word;
use leadstream_core::event::Term;
use leadstream_core::id::Name;
use leadstream_core::plan::{Absence, Compound, Part};
use leadstream_core::time::Span as Duration;

use super::Compiler;
use super::keys::{self, entry, value};
use super::values::present;
use crate::cel::Place;
use crate::code::Code;
use crate::suggest;
use crate::yaml::{Content, Entry, Node};

/// The most parts of a compound rule.
pub(super) const PARTS_MAX: usize = 32;

const WITHIN: &str = "say in which time: `within: 3d`";

impl Compiler<'_> {
    /// `after: A, unless: B, within: w`.
    pub(super) fn absence(&mut self, node: &Node, entries: &[Entry], after: &Node) -> Option<Absence> {
        let after = self.event_types(after);
        let unless = match value(entries, "unless") {
            Some(unless) => self.event_types(unless),
            None => {
                let help = "say what would have to come for the rule not to fire: `unless: email_clicked`";
                self.missing(node, "the rule", "unless", help);
                None
            }
        };
        let within = self.within(node, entries);
        let matching = value(entries, "matching").map(|matching| self.property(matching, "matching"));
        Some(Absence { after: after?, unless: unless?, within: within?, matching: present(matching)? })
    }

    /// `all: [A, B], within: w`.
    pub(super) fn compound(&mut self, node: &Node, entries: &[Entry], all: &Node) -> Option<Compound> {
        let parts = self.parts(all);
        let within = self.within(node, entries);
        let matching = value(entries, "matching").map(|matching| self.property(matching, "matching"));
        let in_order = value(entries, "in_order").map_or(Some(false), |in_order| self.truth(in_order));
        let (parts, within, matching, in_order) = (parts?, within?, present(matching)?, in_order?);
        // What identifies the shape are the words of the file: they outlive every version of the program.
        let words: Vec<&str> = parts.iter().map(|(_, text)| &**text).collect();
        let matching_words = matching.as_deref().unwrap_or_default();
        let text = format!("{} within {within} matching {matching_words} in order {in_order}", words.join(" & "));
        let parts = parts.into_iter().map(|(part, _)| part).collect();
        Some(Compound { parts, within, matching, in_order, shape: Name::of(&text) })
    }

    /// Parts with their words.
    fn parts(&mut self, node: &Node) -> Option<Vec<(Part, Arc<str>)>> {
        const HELP: &str = "write `all: [email_opened, form_submitted]`, or `{ on: order_completed, when: 'event.value > 100' }` for a part";
        let items = self.list(node, "a list of parts", HELP)?;
        if !(2..=PARTS_MAX).contains(&items.len()) {
            let count = items.len();
            let (code, message) = if count > PARTS_MAX {
                (Code::TooLarge, format!("the rule has {count} parts, more than {PARTS_MAX}"))
            } else {
                (Code::WrongKind, "a rule with `all` puts at least two events together".to_owned())
            };
            let span = self.first_line(node);
            self.sink.report(code, span, message).help(if count == 1 {
                "for a single event write `on`, and count(\"page_viewed\", \"7d\") for several of one type"
            } else {
                HELP
            });
            return None;
        }
        let parts: Vec<Option<(Part, Arc<str>)>> = items.iter().map(|item| self.part(item)).collect();
        parts.into_iter().collect()
    }

    fn part(&mut self, node: &Node) -> Option<(Part, Arc<str>)> {
        if let Content::Sequence(_) = node.content {
            self.wrong_kind(
                node,
                "an event type, or one with a condition,",
                "for one of several types write `{ on: [email_opened, email_clicked] }`",
            );
            return None;
        }
        if let Content::Scalar(_) = node.content {
            let types = self.event_types(node)?;
            let text = words_of(&types, "");
            return Some((Part { types, when: None }, text));
        }
        let entries = self.entries(node, &keys::PART)?;
        let types = match value(entries, "on") {
            Some(on) => self.event_types(on),
            None => {
                self.missing(node, "the part", "on", "say which event it is: `{ on: order_completed, when: .. }`");
                None
            }
        };
        let when = value(entries, "when").map(|when| self.condition(when, Place::Rule));
        let condition = match value(entries, "when").map(|when| &when.content) {
            Some(Content::Scalar(scalar)) => scalar.text.trim(),
            _ => "",
        };
        let types = types?;
        let text = words_of(&types, condition);
        Some((Part { types, when: present(when)? }, text))
    }

    /// The span of a window: no longer than the history that is kept (S58).
    fn within(&mut self, node: &Node, entries: &[Entry]) -> Option<Duration> {
        match value(entries, "within") {
            Some(within) => self.span_in_horizon(within),
            None => {
                self.missing(node, "the rule", "within", WITHIN);
                None
            }
        }
    }

    /// A span of time that the history must reach back over, where `ever` is none.
    pub(super) fn span_in_horizon(&mut self, node: &Node) -> Option<Duration> {
        let span = self.duration(node)?;
        let horizon = self.environment.horizon;
        if span > horizon {
            self.sink
                .report(
                    Code::BeyondHorizon,
                    node.span.clone(),
                    format!("{span} is longer than the history that is kept, {horizon}"),
                )
                .help("write a shorter span, or raise `horizon` in the configuration");
            return None;
        }
        Some(span)
    }

    /// The name of a property that events must have in common.
    pub(super) fn property(&mut self, node: &Node, key: &str) -> Option<Word> {
        let text = self.scalar(node, "the name of a property")?.text.trim().to_owned();
        let span = node.span.clone();
        if let Some(bare) = text.strip_prefix("event.") {
            self.sink
                .report(Code::BadName, span, format!("`{key}` is the name of a property, without `event.`"))
                .help(format!("write `{key}: {bare}`"));
            return None;
        }
        if text.is_empty() || matches!(text.as_str(), "type" | "time") || text.starts_with("contact.") {
            self.sink
                .report(Code::BadName, span, format!("`{text}` is not a property of events"))
                .help(format!("name what both events carry: `{key}: email_id`"));
            return None;
        }
        if let Some(close) = suggest::misspelt(&text, suggest::EVENT_FIELDS) {
            self.sink
                .report(Code::MisspeltField, span, format!("`{text}` looks like a misspelling"))
                .help(format!("did you mean `{close}`?"));
        }
        Some(Word::of(&text))
    }

    /// Reports keys of rules over several events where none of them has a meaning.
    pub(super) fn misplaced_window_keys(&mut self, entries: &[Entry]) {
        const KEYS: [(&str, &str); 4] = [
            ("unless", "only rules with `after` have it"),
            ("within", "only rules with `after` or `all` have it; count(\"page_viewed\", \"7d\") counts in a span"),
            ("matching", "only rules with `after` or `all` have it"),
            ("in_order", "only rules with `all` have it"),
        ];
        let allowed: &[&str] = if entry(entries, "after").is_some() {
            &["unless", "within", "matching"]
        } else if entry(entries, "all").is_some() {
            &["within", "matching", "in_order"]
        } else {
            &[]
        };
        for (key, why) in KEYS.iter().filter(|(key, _)| !allowed.contains(key)) {
            self.misplaced(entries, &[key], why);
        }
    }
}

/// A part in words.
fn words_of(types: &[Term], condition: &str) -> Arc<str> {
    let names: Vec<&str> = types.iter().map(Term::as_str).collect();
    let condition = if condition.is_empty() { String::new() } else { format!(" when {condition}") };
    Arc::from(format!("{}{condition}", names.join(" | ")))
}
