//! Ids, stage names, tags and event types.

use std::collections::HashMap;
use std::sync::Arc;

use leadstream_core::event::Term;

use super::Compiler;
use crate::code::Code;
use crate::yaml::{Node, Span};

/// The longest id, tag or stage name, in bytes.
const NAME_MAX_BYTES: usize = 100;

/// Names that must be unique, and where each was first given.
#[derive(Default)]
pub(super) struct Names(HashMap<Arc<str>, Span>);

impl Compiler<'_> {
    /// An id of letters, digits, `-`, `_` and `.`.
    pub(super) fn id(&mut self, node: &Node, what: &str) -> Option<Arc<str>> {
        let text = &self.scalar(node, what)?.text;
        let is_plain = |next: char| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.');
        if text.chars().all(is_plain)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.len() <= NAME_MAX_BYTES
        {
            return Some(Arc::from(text.as_str()));
        }
        let plain: String = text.to_lowercase().chars().map(|next| if is_plain(next) { next } else { '-' }).collect();
        let plain = plain.trim_matches('-');
        let report = self.sink.report(Code::BadName, node.span.clone(), format!("`{text}` cannot be {what}"));
        let report = report.help(format!(
            "use letters without accents, digits, `-`, `_` and `.`, at most {NAME_MAX_BYTES} characters"
        ));
        if plain.starts_with(|first: char| first.is_ascii_alphanumeric()) && plain.len() <= NAME_MAX_BYTES {
            report.help(format!("for example `{plain}`"));
        }
        None
    }

    /// Reports a name that was given before.
    pub(super) fn unique(&mut self, names: &mut Names, name: &Arc<str>, span: &Span, what: &str) {
        if let Some(first) = names.0.get(name) {
            let first = first.clone();
            let help = match what {
                "candidates" => "name each once: leads are shared out evenly",
                "actions" => "give each a name of its own; what was requested is kept by it",
                "tests" => "give each a name of its own, so that a failure says which one it is",
                _ => "give each a name of its own; what was booked is kept by it",
            };
            self.sink
                .report(Code::DuplicateId, span.clone(), format!("two {what} are called `{name}`"))
                .label("second one")
                .related(first, "first one")
                .help(help);
            return;
        }
        names.0.insert(name.clone(), span.clone());
    }

    /// A tag: any words, as CRMs have them.
    pub(super) fn tag(&mut self, node: &Node) -> Option<Arc<str>> {
        let text = &self.scalar(node, "a tag")?.text;
        let has_control = text.chars().any(char::is_control);
        if text.is_empty() || text.trim() != text || has_control || text.len() > NAME_MAX_BYTES {
            self.sink
                .report(Code::BadName, node.span.clone(), "this cannot be a tag")
                .help(format!("a tag has 1 to {NAME_MAX_BYTES} bytes, no spaces around it and no line breaks in it"));
            return None;
        }
        Some(Arc::from(text.as_str()))
    }

    /// One or several event types.
    pub(super) fn event_types(&mut self, node: &Node) -> Option<Vec<Term>> {
        let items = self.one_or_many(node);
        if items.is_empty() {
            self.wrong_kind(
                node,
                "an event type, or a list of them,",
                "write `on: page_viewed` or `on: [email_opened, email_clicked]`",
            );
            return None;
        }
        let types: Vec<Option<Term>> = items.iter().map(|item| self.event_type(item)).collect();
        types.into_iter().collect()
    }

    fn event_type(&mut self, node: &Node) -> Option<Term> {
        let text = &self.scalar(node, "an event type")?.text;
        let is_usable = self.environment.catalogue.check(text, &[], node.span.clone(), &mut self.sink);
        if is_usable {
            self.environment.catalogue.check_seen(text, node.span.clone(), &mut self.sink);
        }
        is_usable.then(|| Term::new(text))
    }
}
