//! Whose event it is: the id of the contact, by the source's rule, with the source's prefix.
//!
//! The prefix keeps two sources apart whose ids are not the same people.

use std::borrow::Cow;

use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::expression::{Expression, Inputs, Outcome};
use crate::limits::CONTACT_MAX_BYTES;

/// What programs write as an id where they know nobody, in lower case; so are texts of zeros and dashes alone. People are never one by them.
const NOBODY: [&str; 24] = [
    "",
    "-1",
    "[object object]",
    "anonymous",
    "email",
    "false",
    "guest",
    "id",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "not_authenticated",
    "null",
    "test",
    "true",
    "undefined",
    "unknown",
    "user",
    "user_id",
    "userid",
    "visitor",
    "(null)",
];

/// Whether an id names nobody.
pub(crate) fn is_nobody(id: &str) -> bool {
    let id = id.trim();
    id.bytes().all(|byte| matches!(byte, b'0' | b'-')) || NOBODY.iter().any(|nobody| nobody.eq_ignore_ascii_case(id))
}

/// The rule of one source.
pub(crate) struct ContactIds {
    expression: Option<Expression>,
    prefix: String,
}

impl ContactIds {
    pub(crate) fn new(expression: Option<Expression>, prefix: String) -> ContactIds {
        ContactIds { expression, prefix }
    }

    /// Whether the source has an expression of its own.
    pub(crate) fn has_expression(&self) -> bool {
        self.expression.is_some()
    }

    /// The id by the source's expression.
    pub(crate) fn of_inputs(&self, inputs: &Inputs<'_>) -> Result<String, DeadLetter> {
        let missing = || DeadLetter::new(DeadLetterCode::ContactMissing, "the source's `contact` gives no id");
        let expression = self.expression.as_ref().ok_or_else(missing)?;
        match expression.evaluate(inputs) {
            Outcome::Value(value) => {
                let id = value.identifier().ok_or_else(missing)?;
                self.checked(Cow::Owned(id.into_owned())).map(Cow::into_owned)
            }
            Outcome::Missing => Err(missing()),
            Outcome::Failed(reason) => {
                Err(DeadLetter::new(DeadLetterCode::MappingFailed, format!("`contact` failed: {reason}")))
            }
        }
    }

    /// An id with the prefix, if it is not too long.
    pub(crate) fn checked<'a>(&self, id: Cow<'a, str>) -> Result<Cow<'a, str>, DeadLetter> {
        let id = if self.prefix.is_empty() { id } else { Cow::Owned(format!("{}{id}", self.prefix)) };
        if id.len() > CONTACT_MAX_BYTES {
            let reason = format!("the id of the contact has {} bytes; at most {CONTACT_MAX_BYTES} are taken", id.len());
            return Err(DeadLetter::new(DeadLetterCode::ContactTooLong, reason));
        }
        Ok(id)
    }
}
