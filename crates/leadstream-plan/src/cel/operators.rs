//! Comparisons and calculations: which types go together.

use leadstream_core::expr::{Arithmetic, Comparison, Expr};

use super::ast::{Node, Operator};
use super::check::{Checker, Typed};
use super::types::Type;
use crate::code::Code;
use crate::yaml::Span;

impl Checker<'_, '_, '_> {
    pub(super) fn binary(&mut self, operator: Operator, operands: &[Node; 2], span: &Span) -> Option<Typed> {
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
                .help(conversion(types));
            return None;
        }
        if !is_equality && (left == Type::Null || right == Type::Null) {
            self.report(Code::TypeMismatch, span, "null has no order")
                .help("ask whether the field is there by `has(event.value)`");
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
                    .help(conversion(types));
                return None;
            }
        }
        let is_open = arithmetic == Arithmetic::Add && left == Type::Any && right == Type::Any;
        Some(if is_open { Type::Any } else { Type::Number })
    }
}

/// How to bring together what cannot be compared or calculated with.
fn conversion(types: [Type; 2]) -> &'static str {
    if types.contains(&Type::Bool) {
        "a truth value stands for itself: join it by `&&` or `||`, turn it round by `!`, and put the rest in brackets"
    } else if types.contains(&Type::Null) {
        "ask whether the field is there by `has(event.value)`"
    } else if types.contains(&Type::Tags) {
        "write `\"vip\" in contact.tags` or `size(contact.tags) > 3`"
    } else {
        "numbers are written without quotes; double(x) makes a number of a text, string(x) a text of a number"
    }
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
