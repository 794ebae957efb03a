//! Fields of the event and of the contact: their roots, their names, and where each can be read.

use leadstream_core::expr::Expr;
use leadstream_core::id::Name;

use super::ast::{Field, Kind, Node};
use super::check::{Checker, Place, Typed};
use super::types::Type;
use crate::code::Code;
use crate::suggest;
use crate::yaml::Span;

/// The two things that have fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// The event of the step.
    Event,
    /// The contact.
    Contact,
}

impl Checker<'_, '_, '_> {
    /// `event.x`, `contact.x.y`, `contact["x y"]`.
    pub(super) fn field(&mut self, node: &Node) -> Option<Typed> {
        let (root, path) = self.path(node)?;
        let name = path.name.as_str();
        match root {
            Root::Event if name == "type" => Some((Expr::EventType, Type::Text)),
            Root::Event => {
                self.warn_misspelt(&path, suggest::EVENT_FIELDS, "event");
                let known = match name {
                    "name" | "url" | "path" => Type::Text,
                    "value" => Type::Number,
                    _ => Type::Any,
                };
                Some((Expr::Event(Name::of(name)), known))
            }
            Root::Contact if name == "id" => Some((Expr::ContactId, Type::Text)),
            // Only ever read as the right side of `in` and by size(), both of which look at the type.
            Root::Contact if name == "tags" => Some((Expr::TagCount, Type::Tags)),
            Root::Contact => {
                self.warn_misspelt(&path, suggest::CONTACT_FIELDS, "contact");
                Some((Expr::Contact(Name::of(name)), Type::Any))
            }
        }
    }

    /// The root of a field and its name below it, parts joined by dots as attributes are flattened.
    pub(crate) fn path(&mut self, node: &Node) -> Option<(Root, Field)> {
        match &node.kind {
            Kind::Select(of, field) => self.below(of, field.clone()),
            Kind::Index(of, index) => match &index.kind {
                Kind::Text(name) => self.below(of, Field { name: name.clone(), span: index.span.clone() }),
                _ => {
                    self.report(
                        Code::UnsupportedCondition,
                        &index.span,
                        "only a text in quotes can stand in these brackets",
                    )
                    .help("lists inside an event are not kept; a field is named as event[\"field name\"]");
                    None
                }
            },
            _ => {
                self.report(Code::UnsupportedCondition, &node.span, "only `event` and `contact` have fields")
                    .help("write `event.path` or `contact.city`");
                None
            }
        }
    }

    fn below(&mut self, of: &Node, field: Field) -> Option<(Root, Field)> {
        match &of.kind {
            Kind::Name(root) => self.root(root, &of.span, &field).map(|root| (root, field)),
            _ => {
                let (root, outer) = self.path(of)?;
                if root == Root::Contact && matches!(outer.name.as_str(), "id" | "tags") {
                    self.report(Code::UnknownName, &field.span, format!("`contact.{}` has no fields", outer.name))
                        .help("write `contact.id == \"c1\"` or `\"vip\" in contact.tags`");
                    return None;
                }
                let span = outer.span.start..field.span.end;
                Some((root, Field { name: format!("{}.{}", outer.name, field.name), span }))
            }
        }
    }

    fn root(&mut self, root: &str, span: &Span, field: &Field) -> Option<Root> {
        match root {
            "event" if !self.place.reads_event() => {
                let (place, help) = (self.place.describe(), no_event_help(self.place));
                self.report(Code::NotReadableHere, span, format!("{place} cannot read the event"))
                    .label("no event here")
                    .help(help);
                None
            }
            "event" if field.name == "time" => {
                self.report(Code::NoClock, &(span.start..field.span.end), "a condition cannot read the time of an event")
                    .help("use `valid: [from, until]` for dates, and count(\"page_viewed\", \"7d\") or `once_per` for spans of time");
                None
            }
            "event" => Some(Root::Event),
            "contact" if !self.place.reads_contact() => {
                let place = self.place.describe();
                self.report(
                    Code::NotReadableHere,
                    span,
                    format!("{place} reads the event alone, so that its count never changes later"),
                )
                .help("test the contact in the `when` of the rule that counts the fact");
                None
            }
            "contact" => Some(Root::Contact),
            _ => {
                let close = suggest::closest(root, ["event", "contact"]);
                self.report(Code::UnknownName, span, format!("unknown name `{root}`")).help(match close {
                    Some(close) => format!("did you mean `{close}.{}`?", field.name),
                    None => "a condition reads fields of `event` and of `contact`".to_owned(),
                });
                None
            }
        }
    }

    fn warn_misspelt(&mut self, field: &Field, known: &[&'static str], root: &str) {
        if let Some(close) = suggest::misspelt(&field.name, known) {
            self.report(Code::MisspeltField, &field.span, format!("`{root}.{}` looks like a misspelling", field.name))
                .help(format!("did you mean `{root}.{close}`?"));
        }
    }
}

fn no_event_help(place: Place) -> &'static str {
    match place {
        Place::IdleRule => "an idle rule fires because nothing happened; test `contact`, or use count() and ever()",
        Place::Members => {
            "`members` says who takes part, by what the contact is: `\"cars\" in contact.tags`, `contact.country == \"PL\"`"
        }
        _ => "test fields of `contact`, or what happened before with count() and ever()",
    }
}
