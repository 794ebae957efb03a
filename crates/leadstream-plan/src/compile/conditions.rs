//! Conditions and computed values: from a scalar of the file to a checked expression.

use leadstream_core::expr::{Expr, Literal};
use leadstream_core::plan::PointsOf;
use leadstream_core::points::Points;

use super::Compiler;
use super::contradiction::never_all_true;
use super::values::{decimal, looks_like_number};
use crate::cel::{self, Checker, Place, Type};
use crate::code::Code;
use crate::yaml::{Content, Node, locate};

/// The longest condition, in bytes.
const CONDITION_MAX_BYTES: usize = 8 << 10;

impl Compiler<'_> {
    /// A condition: true or false.
    pub(super) fn condition(&mut self, node: &Node, place: Place) -> Option<Expr> {
        let (expr, found) = self.expression(node, place, "a condition")?;
        if found.may_be(Type::Bool) {
            self.check_possible(node, &expr);
            return Some(expr);
        }
        self.sink
            .report(Code::TypeMismatch, node.span.clone(), "a condition must be true or false")
            .label(format!("this is {found}"))
            .help("compare it with something: `event.value > 100`, `has(event.phone)`");
        None
    }

    /// Warns of a condition that contradicts itself.
    fn check_possible(&mut self, node: &Node, expr: &Expr) {
        if never_all_true(&[expr]) {
            let help = if matches!(expr, Expr::Literal(_)) {
                "take out what shall rest"
            } else {
                "its parts exclude each other: for one of several values write `||` or `in [..]`, and guard a field by `has(..)`, not by `!has(..)`"
            };
            self.sink.report(Code::NeverTrue, node.span.clone(), "this condition is never true").help(help);
        }
    }

    /// A key of `once_per`: a text, number or truth value.
    pub(super) fn key(&mut self, node: &Node, place: Place) -> Option<Expr> {
        let (expr, found) = self.expression(node, place, "a field")?;
        if matches!(found, Type::Any | Type::Text | Type::Number | Type::Bool) {
            if matches!(expr, Expr::Literal(_)) {
                self.sink
                    .report(Code::TypeMismatch, node.span.clone(), "`once_per` with a fixed value would fire once only")
                    .help("write `once_per: ever` for that, `once_per: 7d` for a pause, `once_per: event.email_id` for once per e-mail");
                return None;
            }
            return Some(expr);
        }
        self.sink
            .report(Code::TypeMismatch, node.span.clone(), "`once_per` needs a value")
            .label(format!("this is {found}"))
            .help("write `once_per: event.email_id` for once per e-mail, `once_per: 7d` for a pause, `once_per: ever` for once for good");
        None
    }

    /// Fixed or computed points.
    pub(super) fn points_of(&mut self, node: &Node, place: Place) -> Option<PointsOf> {
        let scalar = self.scalar(node, "a number of points, or a calculation in quotes,")?;
        match decimal(&scalar.text) {
            Ok(points) => return Some(PointsOf::Fixed(points)),
            Err(problem) if looks_like_number(&scalar.text) => {
                self.bad_points(node, &scalar.text, "an amount of points", problem);
                return None;
            }
            Err(_) => {}
        }
        let (expr, found) = self.expression(node, place, "a calculation")?;
        if !found.may_be(Type::Number) {
            self.sink
                .report(Code::TypeMismatch, node.span.clone(), "points must be a number")
                .label(format!("this is {found}"))
                .help(match found {
                    Type::Bool => "write `when:` for a condition, or `condition ? 10 : 0`",
                    Type::Text => {
                        "calculate with a number, as in `event.value / 100`; double(x) makes a number of a text"
                    }
                    _ => "write a number, `10`, or calculate one: `event.value / 100`",
                });
            return None;
        }
        match expr {
            Expr::Literal(Literal::Number(number)) => match Points::from_number(number) {
                Some(points) => Some(PointsOf::Fixed(points)),
                None => {
                    self.sink
                        .report(
                            Code::BadNumber,
                            node.span.clone(),
                            format!("`{}` is more than a million points", scalar.text.trim()),
                        )
                        .help("an amount of points lies between -1000000 and 1000000");
                    None
                }
            },
            expr => Some(PointsOf::Computed(expr)),
        }
    }

    pub(super) fn expression(&mut self, node: &Node, place: Place, what: &str) -> Option<(Expr, Type)> {
        let wanted = format!("{what} in quotes");
        if !matches!(&node.content, Content::Scalar(scalar) if !scalar.is_null()) {
            self.wrong_kind(node, &wanted, "write it as one text in quotes: `when: 'event.path == \"/offer\"'`");
            return None;
        }
        let scalar = self.scalar(node, &wanted)?;
        let text = scalar.text.as_str();
        if text.len() > CONDITION_MAX_BYTES {
            self.sink
                .report(
                    Code::TooLarge,
                    node.span.clone(),
                    format!("{what} has at most {CONDITION_MAX_BYTES} bytes, and this one {}", text.len()),
                )
                .help("split it over several rules, or name what it asks for under `facts`");
            return None;
        }
        match cel::parse(text) {
            Ok(parsed) => {
                let mut checker = Checker {
                    environment: &mut self.environment,
                    sink: &mut self.sink,
                    scalar: (&node.span, text),
                    place,
                };
                checker.lower(&parsed)
            }
            Err(mistake) => {
                let span = locate(self.sink.text(), &node.span, text, &mistake.span);
                self.sink.report(Code::InvalidCondition, span, mistake.message).maybe_help(mistake.help);
                None
            }
        }
    }
}
