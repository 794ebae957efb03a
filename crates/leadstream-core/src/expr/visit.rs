//! Walking over the parts of an expression.

use crate::expr::Expr;

impl Expr {
    /// Calls `look` for the expression and every part of it.
    pub fn visit<'a>(&'a self, look: &mut impl FnMut(&'a Expr)) {
        look(self);
        match self {
            Expr::InTags(part)
            | Expr::Not(part)
            | Expr::Negate(part)
            | Expr::InList(part, _)
            | Expr::Matches(part, _)
            | Expr::Size(part)
            | Expr::Lower(part)
            | Expr::ToNumber(part)
            | Expr::ToWhole(part)
            | Expr::ToText(part) => part.visit(look),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.visit(look)),
            Expr::If(parts) => parts.iter().for_each(|part| part.visit(look)),
            Expr::Compare(_, parts) | Expr::Arithmetic(_, parts) | Expr::Text(_, parts) => {
                parts.iter().for_each(|part| part.visit(look));
            }
            Expr::Literal(_)
            | Expr::List(_)
            | Expr::Event(_)
            | Expr::EventType
            | Expr::HasEvent(_)
            | Expr::Contact(_)
            | Expr::HasContact(_)
            | Expr::ContactId
            | Expr::TagCount
            | Expr::Count(..)
            | Expr::Ever(_)
            | Expr::Score(_)
            | Expr::Level(_) => {}
        }
    }
}
