//! The types of a condition's parts, as far as they are known before an event comes.

use std::fmt;

/// A type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Known only when an event comes: properties and attributes are an open set.
    Any,
    /// Only `null`.
    Null,
    /// A truth value.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// The tags of the contact.
    Tags,
}

impl Type {
    /// Whether a value of this type may turn out to be one of `other`.
    pub(crate) fn may_be(self, other: Type) -> bool {
        self == other || self == Type::Any || other == Type::Any
    }

    /// How a condition comes to a value of this type.
    pub(crate) fn how_to_get(self) -> &'static str {
        match self {
            Type::Bool => {
                "compare it with something, `event.value > 100`, or ask whether it is there, `has(event.value)`"
            }
            Type::Number => "write a number without quotes, or make one of a text: `double(event.size)`",
            Type::Text => "write a text in quotes, or make one of a number: `string(event.value)`",
            Type::Tags => "write `contact.tags`",
            Type::Null | Type::Any => "write a field such as `event.path`, a number or a text in quotes",
        }
    }

    /// The type of what is one or the other.
    pub(crate) fn join(self, other: Type) -> Type {
        if self == other { self } else { Type::Any }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Any => "a value",
            Type::Null => "null",
            Type::Bool => "a truth value",
            Type::Number => "a number",
            Type::Text => "a text",
            Type::Tags => "the tags of the contact",
        })
    }
}
