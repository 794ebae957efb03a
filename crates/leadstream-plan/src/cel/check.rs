//! Checks the types and names of a parsed condition and lowers it to the core's expression, in one walk.
//!
//! Every mistake is reported, not only the first: a part that is wrong lowers to nothing, and its neighbours are still looked at.
//! What a condition may read depends on where it stands ([`Place`], S59).

use std::sync::Arc;

use leadstream_core::expr::{Arithmetic, Comparison, Expr, Literal};
use leadstream_core::id::Name;

use super::ast::{Field, Kind, Node, Operator};
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
        self.report(Code::TypeMismatch, &node.span, format!("{by} needs {wanted}")).label(format!("this is {found}"));
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
                .label(format!("the left side is {found}"));
            return None;
        }
        Some((Expr::InList(Box::new(item), Arc::from(literals)), Type::Bool))
    }

    fn same_or_report(&mut self, found: Type, wanted: Type, span: &Span, why: &str) -> Option<Type> {
        if found.may_be(wanted) {
            return Some(Type::Bool);
        }
        self.report(Code::TypeMismatch, span, format!("{why}, and the left side is {found}"));
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

    fn binary(&mut self, operator: Operator, operands: &[Node; 2], span: &Span) -> Option<Typed> {
        let (left, right) = (self.lower(&operands[0]), self.lower(&operands[1]));
        let ((left, left_type), (right, right_type)) = (left?, right?);
        let types = [left_type, right_type];
        if let Some((position, _)) = (0..).zip(types).find(|(_, found)| *found == Type::Tags) {
            let operand: &Node = &operands[position];
            self.report(Code::TypeMismatch, &operand.span, "tags cannot be compared or calculated with")
                .help("write `\"vip\" in contact.tags` or `size(contact.tags) > 3`");
            return None;
        }
        if let Some(comparison) = comparison(operator) {
            self.check_comparison(comparison, types, span, operands)?;
            return Some((Expr::Compare(comparison, Box::new([left, right])), Type::Bool));
        }
        let arithmetic = arithmetic(operator)?;
        let found = self.check_arithmetic(arithmetic, types, operands)?;
        Some((Expr::Arithmetic(arithmetic, Box::new([left, right])), found))
    }

    fn check_comparison(
        &mut self,
        comparison: Comparison,
        types: [Type; 2],
        span: &Span,
        operands: &[Node; 2],
    ) -> Option<()> {
        let [left, right] = types;
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if is_equality && (left == Type::Null || right == Type::Null) {
            let other = if left == Type::Null { &operands[1] } else { &operands[0] };
            let text = self.scalar.1.get(other.span.clone()).unwrap_or("event.x").to_owned();
            self.report(Code::NullComparison, span, "a field is never null: an empty or missing field is absent")
                .help(format!("write `has({text})` for \"is there\", `!has({text})` for \"is not there\""));
            return Some(());
        }
        if !left.may_be(right) {
            let outcome = match comparison {
                Comparison::Equal => "they are never equal",
                Comparison::NotEqual => "they always differ",
                _ => "there is no order between them",
            };
            self.report(Code::TypeMismatch, span, format!("{left} is compared with {right}: {outcome}"))
                .maybe_help(conversion(types));
            return None;
        }
        if !is_equality && (left == Type::Null || right == Type::Null) {
            self.report(Code::TypeMismatch, span, "null has no order");
            return None;
        }
        Some(())
    }

    fn check_arithmetic(&mut self, arithmetic: Arithmetic, types: [Type; 2], operands: &[Node; 2]) -> Option<Type> {
        let [left, right] = types;
        if arithmetic == Arithmetic::Add && [left, right].contains(&Type::Text) && left.may_be(right) {
            return Some(Type::Text);
        }
        for (operand, found) in operands.iter().zip(types) {
            if !found.may_be(Type::Number) {
                let operator = match arithmetic {
                    Arithmetic::Add => "+",
                    Arithmetic::Subtract => "-",
                    Arithmetic::Multiply => "*",
                    Arithmetic::Divide => "/",
                    Arithmetic::Remainder => "%",
                };
                let needs = if operator == "+" { "two numbers or two texts" } else { "numbers" };
                self.report(Code::TypeMismatch, &operand.span, format!("`{operator}` needs {needs}"))
                    .label(format!("this is {found}"))
                    .maybe_help(conversion(types));
                return None;
            }
        }
        let is_open = arithmetic == Arithmetic::Add && left == Type::Any && right == Type::Any;
        Some(if is_open { Type::Any } else { Type::Number })
    }

    /// `event.x`, `contact.x.y`, `contact["x y"]`.
    fn field(&mut self, node: &Node) -> Option<Typed> {
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
                self.report(Code::UnsupportedCondition, &node.span, "only `event` and `contact` have fields");
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
                    self.report(Code::UnknownName, &field.span, format!("`contact.{}` has no fields", outer.name));
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

/// The two things that have fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// The event of the step.
    Event,
    /// The contact.
    Contact,
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

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Number(_) => Type::Number,
        Literal::Text(_) => Type::Text,
    }
}

/// How to bring a number and a text together.
fn conversion(types: [Type; 2]) -> Option<String> {
    let mixed = types.contains(&Type::Number) && types.contains(&Type::Text);
    mixed.then(|| {
        "numbers are written without quotes; double(x) makes a number of a text, string(x) a text of a number"
            .to_owned()
    })
}

fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Equal => Comparison::Equal,
        Operator::NotEqual => Comparison::NotEqual,
        Operator::Less => Comparison::Less,
        Operator::LessOrEqual => Comparison::LessOrEqual,
        Operator::Greater => Comparison::Greater,
        Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(operator: Operator) -> Option<Arithmetic> {
    Some(match operator {
        Operator::Add => Arithmetic::Add,
        Operator::Subtract => Arithmetic::Subtract,
        Operator::Multiply => Arithmetic::Multiply,
        Operator::Divide => Arithmetic::Divide,
        Operator::Remainder => Arithmetic::Remainder,
        _ => return None,
    })
}
