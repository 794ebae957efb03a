//! `count()` and `ever()`: the facts that the conditions of a plan look back at (S12).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use leadstream_core::event::Term;
use leadstream_core::expr::{Expr, FactRef};
use leadstream_core::id::Name;
use leadstream_core::plan::Fact;
use leadstream_core::time::Span as Duration;

use super::ast::{Call, Node};
use super::check::{Checker, Typed};
use super::types::Type;
use crate::code::Code;
use crate::duration::{self, DurationProblem};
use crate::yaml::Span;

/// The facts of a plan: first the declared ones, then those that conditions name inline, each once.
#[derive(Default)]
pub(crate) struct Facts {
    facts: Vec<Fact>,
    places: HashMap<Name, usize>,
    /// Declared facts by name; nothing where the declaration is wrong.
    named: BTreeMap<String, Option<FactRef>>,
}

impl Facts {
    /// Declares a fact; `None` where its declaration is wrong, so that its uses are not reported again.
    pub(crate) fn declare(&mut self, name: &str, fact: Option<Fact>) {
        let place = fact.and_then(|fact| self.intern(fact));
        self.named.insert(name.to_owned(), place);
    }

    /// The names of declared facts.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// All facts of the plan.
    pub(crate) fn into_facts(self) -> Vec<Fact> {
        self.facts
    }

    /// The place of a fact, added if it is new; `None` when there are too many.
    fn intern(&mut self, fact: Fact) -> Option<FactRef> {
        let place = *self.places.entry(fact.key).or_insert(self.facts.len());
        if place == self.facts.len() {
            self.facts.push(fact);
        }
        u16::try_from(place).ok().map(FactRef)
    }

    /// Notes that a fact is counted over a window.
    fn widen(&mut self, fact: FactRef, window: Duration) {
        if let Some(fact) = self.facts.get_mut(usize::from(fact.0)) {
            fact.window = fact.window.max(window);
        }
    }
}

impl Checker<'_, '_, '_> {
    /// `count(fact, [prefix,] window)` and `ever(fact [, prefix])`.
    pub(super) fn history(&mut self, call: &Call, span: &Span) -> Option<Typed> {
        let name = call.function.name.as_str();
        if !self.place.reads_history() {
            let place = self.place.describe();
            self.report(Code::NotReadableHere, span, format!("{place} cannot look back with `{name}`"))
                .help("test fields of `contact`; to let events decide who takes part, let a rule set a tag and ask for it: `\"cars\" in contact.tags`");
            return None;
        }
        if name == "ever" {
            let (fact, prefix) = match call.arguments.as_slice() {
                [fact] => (fact, None),
                [fact, prefix] => (fact, Some(prefix)),
                _ => {
                    self.report(
                        Code::BadArgument,
                        span,
                        "`ever` takes an event type, and a prefix of its URL if wanted",
                    )
                    .help("write `ever(\"page_viewed\")` or `ever(\"page_viewed\", \"/jackets/\")`");
                    return None;
                }
            };
            let fact = self.fact(fact, prefix)?;
            return Some((Expr::Ever(fact), Type::Bool));
        }
        let (fact, prefix, window) = match call.arguments.as_slice() {
            [fact, window] => (fact, None, window),
            [fact, prefix, window] => (fact, Some(prefix), window),
            _ => {
                self.report(Code::BadArgument, span, "`count` takes an event type, a prefix of its URL if wanted, and a span of time").help(
                    "write `count(\"page_viewed\", \"7d\")` or `count(\"page_viewed\", \"/jackets/\", \"7d\")`; without a span use `ever`",
                );
                return None;
            }
        };
        let (fact, window) = (self.fact(fact, prefix), self.window(window));
        let (fact, window) = (fact?, window?);
        self.environment.facts.widen(fact, window);
        Some((Expr::Count(fact, window), Type::Number))
    }

    fn window(&mut self, node: &Node) -> Option<Duration> {
        let text = self.literal_text(node, "the span of time")?;
        let window = match duration::parse(text) {
            Ok(window) => window,
            Err(DurationProblem { code, message, help }) => {
                self.report(code, &node.span, message).help(help);
                return None;
            }
        };
        let horizon = self.environment.horizon;
        if window > horizon {
            self.report(
                Code::BeyondHorizon,
                &node.span,
                format!("{window} is longer than the history that is kept, {horizon}"),
            )
            .help("count over a shorter span, or raise `horizon` in the configuration");
            return None;
        }
        Some(window)
    }

    fn fact(&mut self, node: &Node, prefix: Option<&Node>) -> Option<FactRef> {
        let name = self.literal_text(node, "the event type")?;
        let prefix_text = match prefix {
            Some(prefix) => Some(self.literal_text(prefix, "the prefix")?),
            None => None,
        };
        if let Some(declared) = self.environment.facts.named.get(name).copied() {
            if let Some(prefix) = prefix {
                self.report(
                    Code::BadArgument,
                    &prefix.span,
                    format!("`{name}` is a declared fact, which takes no prefix"),
                )
                .help("test the path in the fact's own `when`");
                return None;
            }
            return declared;
        }
        if let (Some(prefix), Some("")) = (prefix, prefix_text) {
            self.report(Code::BadArgument, &prefix.span, "an empty prefix fits everything").help("leave it out");
            return None;
        }
        let file_span = self.in_file(&node.span);
        let facts: Vec<String> = self.environment.facts.names().map(str::to_owned).collect();
        self.environment.catalogue.check(name, &facts, file_span.clone(), self.sink).then_some(())?;
        self.environment.catalogue.check_seen(name, file_span, self.sink);
        let fact = self.environment.facts.intern(inline(name, prefix_text));
        if fact.is_none() {
            self.report(Code::TooLarge, &node.span, "a plan looks back at no more than 65536 different facts")
                .help("make several plans of it");
        }
        fact
    }
}

/// The fact of an event type and a prefix.
fn inline(event_type: &str, prefix: Option<&str>) -> Fact {
    let text = match prefix {
        Some(prefix) => format!("{event_type}, {prefix}"),
        None => event_type.to_owned(),
    };
    Fact {
        key: Name::of(&text),
        text: Arc::from(text),
        types: vec![Term::new(event_type)],
        prefix: prefix.map(Arc::from),
        window: Duration::ZERO,
        when: None,
    }
}
