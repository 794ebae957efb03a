//! The functions of conditions as people look them up: how each is written, what it gives, and an example that is true.
//!
//! Invariant: these are the functions that the checker knows, all of them; a test holds both lists together, and another one evaluates the examples.

/// A function that conditions may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is written, with the kinds of what it takes and gives.
    pub signature: &'static str,
    /// What it gives, in a sentence.
    pub meaning: &'static str,
    /// A condition that is true in the test that goes through these examples.
    pub example: &'static str,
    /// Where conditions may call it.
    pub place: &'static str,
    /// The clause of the semantics that says more.
    pub clause: &'static str,
}

/// Every function, in the order of the alphabet.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

const EVERYWHERE: &str = "everywhere";
const NO_MEMBERS: &str = "rules, fit rules, levels";

const FUNCTIONS: &[Function] = &[
    Function {
        name: "contains",
        signature: "text.contains(\"constant\") -> bool",
        meaning: "Whether the text has the constant in it.",
        example: "event.path.contains(\"shoes\")",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "count",
        signature: "count(type or fact [, prefix], span) -> number",
        meaning: "How many such events the contact has in the span that ends now, this one included; with a prefix, those whose path or URL begins with it.",
        example: "count(\"page_viewed\", \"/shoes/\", \"7d\") == 1",
        place: NO_MEMBERS,
        clause: "S12",
    },
    Function {
        name: "double",
        signature: "double(number or text) -> number",
        meaning: "The number that a text spells; one that spells none is an error.",
        example: "double(event.size) + 0.5 == 42.5",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "endsWith",
        signature: "text.endsWith(\"constant\") -> bool",
        meaning: "Whether the text ends with the constant.",
        example: "event.path.endsWith(\"/run\")",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "ever",
        signature: "ever(type or fact [, prefix]) -> bool",
        meaning: "Whether the contact has such an event at any time, this one included.",
        example: "ever(\"page_viewed\") && !ever(\"page_viewed\", \"/jackets/\")",
        place: NO_MEMBERS,
        clause: "S12",
    },
    Function {
        name: "has",
        signature: "has(field) -> bool",
        meaning: "Whether the event or the contact has the field; an empty one it does not have.",
        example: "has(event.size) && !has(contact.phone)",
        place: EVERYWHERE,
        clause: "S2",
    },
    Function {
        name: "int",
        signature: "int(number or text) -> number",
        meaning: "The number, cut to a whole one towards nought.",
        example: "int(event.value / 10) == 25",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "level",
        signature: "level(\"plan\", \"subject\") -> bool, number, text or null",
        meaning: "The level before this event: `qualify` and `tag:NAME` are true or false, `action:ID` is how often it was counted, `stage`, `band`, `grade` and `route` are names or null. `\"\"` is this plan.",
        example: "level(\"\", \"band\") == \"cold\" && !level(\"\", \"qualify\")",
        place: NO_MEMBERS,
        clause: "S59",
    },
    Function {
        name: "lowerAscii",
        signature: "text.lowerAscii() -> text",
        meaning: "The text with A to Z in small letters.",
        example: "event.name.lowerAscii() == \"running shoe\"",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "matches",
        signature: "text.matches(\"regular expression\") -> bool",
        meaning: "Whether the expression is found in the text; with `^` and `$` it must be all of it.",
        example: "event.path.matches(\"^/shoes/[a-z]+$\")",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "score",
        signature: "score(\"global\" | \"plan:ID\" | \"tag:NAME\" | \"stage:ID\") -> number",
        meaning: "The score before this event, faded up to now.",
        example: "score(\"global\") == 0",
        place: "rules",
        clause: "S59",
    },
    Function {
        name: "size",
        signature: "size(text or contact.tags) -> number",
        meaning: "How many characters a text has, or how many tags the contact carries.",
        example: "size(event.size) == 2 && size(contact.tags) == 1",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "startsWith",
        signature: "text.startsWith(\"constant\") -> bool",
        meaning: "Whether the text begins with the constant.",
        example: "event.path.startsWith(\"/shoes/\")",
        place: EVERYWHERE,
        clause: "S8",
    },
    Function {
        name: "string",
        signature: "string(number, bool or text) -> text",
        meaning: "The text that spells the value.",
        example: "string(event.value) == \"250\"",
        place: EVERYWHERE,
        clause: "S8",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_the_functions_that_conditions_have() {
        let mut known = super::super::functions::FUNCTIONS.to_vec();
        known.sort_unstable();
        assert_eq!(functions().iter().map(|function| function.name).collect::<Vec<_>>(), known);
    }
}
