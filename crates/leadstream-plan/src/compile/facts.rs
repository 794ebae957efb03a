//! Declared facts: sets of events that conditions count by name (S12).

use std::sync::Arc;

use leadstream_core::id::Name;
use leadstream_core::plan::Fact;
use leadstream_core::time::Span as Duration;

use super::Compiler;
use super::keys::{self, value};
use super::values::present;
use crate::cel::Place;
use crate::code::Code;
use crate::yaml::{Content, Node};

impl Compiler<'_> {
    /// Declares the facts of a plan.
    pub(super) fn facts(&mut self, node: &Node) {
        let Content::Mapping(entries) = &node.content else {
            self.wrong_kind(
                node,
                "a mapping of names to facts",
                "write `facts: { big_order: { on: order_completed, when: 'event.value > 1000' } }`",
            );
            return;
        };
        for entry in entries {
            let name = entry.key.as_str();
            let is_plain = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | '-');
            if name.is_empty() || !name.chars().all(is_plain) {
                self.sink
                    .report(Code::BadName, entry.key_span.clone(), format!("`{name}` cannot be the name of a fact"))
                    .help("use letters without accents, digits, `_` and `-`");
            } else if self.environment.catalogue.contains(name) {
                self.sink
                    .report(Code::BadName, entry.key_span.clone(), format!("`{name}` is an event type already"))
                    .help("give the fact a name of its own, so that count(\"..\") means one thing");
            }
            let fact = self.fact(&entry.value);
            self.environment.facts.declare(name, fact);
        }
    }

    fn fact(&mut self, node: &Node) -> Option<Fact> {
        let entries = self.entries(node, &keys::FACT)?;
        let Some(on) = value(entries, "on") else {
            self.missing(node, "the fact", "on", "say which events it counts: `on: order_completed`");
            return None;
        };
        let types = self.event_types(on);
        let when = value(entries, "when").map(|when| self.condition(when, Place::Fact));
        let mut types = types?;
        types.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        types.dedup_by(|one, other| one.name() == other.name());
        let condition = match (&when, value(entries, "when").map(|node| &node.content)) {
            (Some(_), Some(Content::Scalar(scalar))) => format!(" when {}", scalar.text.trim()),
            _ => String::new(),
        };
        let names: Vec<&str> = types.iter().map(|event_type| event_type.as_str()).collect();
        // What it matches identifies a fact, not what it is called: two plans may call two facts alike.
        let text = format!("{}{condition}", names.join(" | "));
        let when = present(when)?;
        Some(Fact { key: Name::of(&text), text: Arc::from(text), types, prefix: None, window: Duration::ZERO, when })
    }
}
