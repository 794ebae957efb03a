//! Checks the types and names of a parsed condition and lowers it to the core's expression, in one walk.
//!
//! Every mistake is reported, not only the first: a part that is wrong lowers to nothing, and its neighbours are still looked at.
//! What a condition may read depends on where it stands ([`Place`], S59).

use std::sync::Arc;

use leadstream_core::expr::{Expr, Literal};

use super::ast::{Kind, Node, Operator};
use super::types::Type;
use crate::code::Code;
use crate::compile::Environment;
use crate::sink::{Described, Sink};
use crate::suggest;
use crate::yaml::{Span, locate};

/// Where a condition stands, which decides what it may read (S59).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A rule that events fire: everything.
    Rule,
    /// A rule that silence fires: everything but an event.
    IdleRule,
    /// `members`: the contact alone.
    Members,
    /// A fit rule: the contact, its history and levels.
    Fit,
    /// A condition of a threshold or a stage: the contact, its history and levels.
    Level,
    /// The condition of a fact: the event alone.
    Fact,
    /// Whose lead it is: as a condition of a level.
    Route,
}

impl Place {
    pub(crate) fn reads_event(self) -> bool {
        matches!(self, Place::Rule | Place::Fact)
    }
    pub(crate) fn reads_contact(self) -> bool {
        self != Place::Fact
    }
    pub(crate) fn reads_history(self) -> bool {
        !matches!(self, Place::Members | Place::Fact)
    }
    pub(crate) fn reads_scores(self) -> bool {
        matches!(self, Place::Rule | Place::IdleRule)
    }

    /// What to call the place in a message.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Place::Rule => "a rule",
            Place::IdleRule => "an idle rule",
            Place::Members => "`members`",
            Place::Fit => "a fit rule",
            Place::Level => "the condition of a threshold or stage",
            Place::Fact => "a fact",
            Place::Route => "`by` of a route",
        }
    }
}

/// A part that was lowered, with its type.
pub(crate) type Typed = (Expr, Type);

/// Checks and lowers one condition.
pub(crate) struct Checker<'a, 'sink, 'text> {
    /// The plan around it.
    pub(crate) environment: &'a mut Environment,
    /// Takes the mistakes.
    pub(crate) sink: &'sink mut Sink<'text>,
    /// The scalar that holds the condition: its bytes in the file, and its text.
    pub(crate) scalar: (&'a Span, &'a str),
    /// Where it stands.
    pub(crate) place: Place,
}

impl<'text> Checker<'_, '_, 'text> {
    /// Reports a mistake at bytes of the condition's text.
    pub(crate) fn report(&mut self, code: Code, span: &Span, message: impl Into<String>) -> Described<'_> {
        let span = self.in_file(span);
        self.sink.report(code, span, message)
    }

    /// Where bytes of the condition's text stand in the file.
    pub(crate) fn in_file(&self, span: &Span) -> Span {
        locate(self.sink.text(), self.scalar.0, self.scalar.1, span)
    }

    /// Lowers a part.
    pub(crate) fn lower(&mut self, node: &Node) -> Option<Typed> {
        let typed = match &node.kind {
            Kind::Null => (Expr::Literal(Literal::Null), Type::Null),
            Kind::Bool(value) => (Expr::Literal(Literal::Bool(*value)), Type::Bool),
            Kind::Number(value) => (Expr::Literal(Literal::Number(*value)), Type::Number),
            Kind::Text(value) => (Expr::Literal(Literal::Text(Arc::from(value.as_str()))), Type::Text),
            Kind::Bytes => {
                return self.unsupported(&node.span, "bytes", "write a text without the `b` before its quotes");
            }
            Kind::Map => return self.unsupported(&node.span, "maps", "plans read single fields, such as `event.path`"),
            Kind::List(_) => {
                return self.unsupported(
                    &node.span,
                    "lists other than after `in`",
                    "write `event.x in [\"a\", \"b\"]`",
                );
            }
            Kind::Name(name) => return self.bare_name(name, &node.span),
            Kind::Select(..) | Kind::Index(..) => return self.field(node),
            Kind::Call(call) => return self.call(call, &node.span),
            Kind::Not(operand) => (Expr::Not(Box::new(self.expect(operand, Type::Bool, "`!`")?)), Type::Bool),
            Kind::Negate(operand) => (Expr::Negate(Box::new(self.expect(operand, Type::Number, "`-`")?)), Type::Number),
            Kind::And(operands) => (Expr::And(self.truths(operands, "`&&`")?), Type::Bool),
            Kind::Or(operands) => (Expr::Or(self.truths(operands, "`||`")?), Type::Bool),
            Kind::Binary(Operator::In, operands) => return self.membership(&operands[0], &operands[1]),
            Kind::Binary(operator, operands) => return self.binary(*operator, operands, &node.span),
            Kind::If(parts) => return self.choice(parts),
        };
        Some(typed)
    }

    /// Lowers a part that must be of a type.
    pub(crate) fn expect(&mut self, node: &Node, wanted: Type, by: &str) -> Option<Expr> {
        let (expr, found) = self.lower(node)?;
        if found.may_be(wanted) {
            return Some(expr);
        }
        self.report(Code::TypeMismatch, &node.span, format!("{by} needs {wanted}"))
            .label(format!("this is {found}"))
            .help(wanted.how_to_get());
        None
    }

    fn truths(&mut self, operands: &[Node], by: &str) -> Option<Arc<[Expr]>> {
        let lowered: Vec<Option<Expr>> = operands.iter().map(|operand| self.expect(operand, Type::Bool, by)).collect();
        lowered.into_iter().collect()
    }

    fn unsupported(&mut self, span: &Span, what: &str, help: &str) -> Option<Typed> {
        self.report(Code::UnsupportedCondition, span, format!("conditions of plans do not have {what}")).help(help);
        None
    }

    fn bare_name(&mut self, name: &str, span: &Span) -> Option<Typed> {
        if matches!(name, "event" | "contact") {
            let example = if name == "event" { "event.path" } else { "contact.city" };
            self.report(Code::UnknownName, span, format!("`{name}` alone has no value"))
                .help(format!("name one of its fields, such as `{example}`"));
            return None;
        }
        let close = suggest::closest(name, ["event", "contact", "true", "false", "null"]);
        let help = match close {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("write `event.{name}` or `contact.{name}` for a field, \"{name}\" in quotes for a text"),
        };
        self.report(Code::UnknownName, span, format!("unknown name `{name}`")).help(help);
        None
    }

    fn choice(&mut self, parts: &[Node; 3]) -> Option<Typed> {
        let condition = self.expect(&parts[0], Type::Bool, "`?`");
        let (then, otherwise) = (self.lower(&parts[1]), self.lower(&parts[2]));
        let (condition, (then, then_type), (otherwise, otherwise_type)) = (condition?, then?, otherwise?);
        if let Some(position) = [then_type, otherwise_type].iter().position(|found| *found == Type::Tags) {
            return self.unsupported(
                &parts[position + 1].span,
                "a choice between tags",
                "write `\"vip\" in contact.tags` on each side",
            );
        }
        Some((Expr::If(Box::new([condition, then, otherwise])), then_type.join(otherwise_type)))
    }

    /// `a in b`.
    fn membership(&mut self, item: &Node, list: &Node) -> Option<Typed> {
        let Kind::List(items) = &list.kind else {
            let item = self.lower(item);
            return match self.lower(list)? {
                (_, Type::Tags) => {
                    let (item, found) = item?;
                    Some((
                        Expr::InTags(Box::new(item)),
                        self.same_or_report(found, Type::Text, &list.span, "tags are texts")?,
                    ))
                }
                (_, found) => {
                    self.report(Code::TypeMismatch, &list.span, "`in` needs a list on its right")
                        .label(format!("this is {found}"))
                        .help("write `event.x in [\"a\", \"b\"]` or `\"vip\" in contact.tags`; to look inside a text: event.x.contains(\"a\")");
                    None
                }
            };
        };
        let item = self.lower(item);
        let literals: Vec<Option<Literal>> = items.iter().map(|item| self.list_literal(item)).collect();
        let literals: Vec<Literal> = literals.into_iter().collect::<Option<_>>()?;
        let (item, found) = item?;
        if !literals.iter().any(|literal| found.may_be(literal_type(literal))) {
            self.report(Code::TypeMismatch, &list.span, "nothing in this list can ever be equal to the left side")
                .label(format!("the left side is {found}"))
                .help("list what it may be: texts in quotes, as in `event.x in [\"a\", \"b\"]`, numbers without");
            return None;
        }
        Some((Expr::InList(Box::new(item), Arc::from(literals)), Type::Bool))
    }

    fn same_or_report(&mut self, found: Type, wanted: Type, span: &Span, why: &str) -> Option<Type> {
        if found.may_be(wanted) {
            return Some(Type::Bool);
        }
        self.report(Code::TypeMismatch, span, format!("{why}, and the left side is {found}"))
            .help("write `event.x in [\"a\", \"b\"]` for one of several values, `\"vip\" in contact.tags` for a tag");
        None
    }

    fn list_literal(&mut self, node: &Node) -> Option<Literal> {
        match self.lower(node)? {
            (Expr::Literal(literal), _) => Some(literal),
            _ => {
                self.report(Code::UnsupportedCondition, &node.span, "a list holds fixed texts and numbers only")
                    .help("compare with `==` and `||` instead");
                None
            }
        }
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Number(_) => Type::Number,
        Literal::Text(_) => Type::Text,
    }
}
