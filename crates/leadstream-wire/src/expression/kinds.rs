//! The kinds of values that expressions deal in, and the functions that the interpreter has.

use std::ops::{BitAnd, BitOr};

use cel::common::ast::LiteralValue;

/// A set of kinds: what a value may turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const BOOL: Kinds = Kinds(1);
    pub(super) const TEXT: Kinds = Kinds(2);
    pub(super) const NUMBER: Kinds = Kinds(4);
    pub(super) const LIST: Kinds = Kinds(8);
    pub(super) const MAP: Kinds = Kinds(16);
    pub(super) const BYTES: Kinds = Kinds(32);
    /// The name of a kind, as type() gives it.
    pub(super) const KIND: Kinds = Kinds(64);
    pub(super) const NULL: Kinds = Kinds(128);
    pub(super) const ANY: Kinds = Kinds(255);

    const WORDS: [(Kinds, &'static str); 8] = [
        (Kinds::BOOL, "a truth value"),
        (Kinds::TEXT, "a text"),
        (Kinds::NUMBER, "a number"),
        (Kinds::LIST, "a list"),
        (Kinds::MAP, "an object"),
        (Kinds::BYTES, "bytes"),
        (Kinds::KIND, "a type"),
        (Kinds::NULL, "nothing"),
    ];

    pub(super) fn of_literal(literal: &LiteralValue) -> Kinds {
        match literal {
            LiteralValue::Boolean(_) => Kinds::BOOL,
            LiteralValue::String(_) => Kinds::TEXT,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kinds::NUMBER,
            LiteralValue::Bytes(_) => Kinds::BYTES,
            LiteralValue::Null => Kinds::NULL,
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a value of these kinds can be one of those.
    pub(super) fn meets(self, wanted: Kinds) -> bool {
        !(self & wanted).is_empty()
    }

    /// How a person calls them; nothing is left out where there is something else.
    pub(super) fn describe(self) -> String {
        let named = |null: bool| {
            let is_named = move |kind: Kinds| self.meets(kind) && (null || kind != Kinds::NULL);
            Kinds::WORDS.iter().filter(move |(kind, _)| is_named(*kind)).map(|(_, words)| *words)
        };
        let words: Vec<&str> = named(self == Kinds::NULL).collect();
        words.join(" or ")
    }
}

impl BitOr for Kinds {
    type Output = Kinds;
    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

impl BitAnd for Kinds {
    type Output = Kinds;
    fn bitand(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }
}

/// A way to write a call.
pub(super) struct Form {
    /// Whether it stands behind a dot, and how many arguments it takes.
    pub(super) shape: (bool, usize),
    /// An example.
    pub(super) spelling: &'static str,
}

/// A function of the interpreter: all of its operands are of the same kinds.
pub(super) struct Function {
    pub(super) forms: &'static [Form],
    pub(super) operand: Kinds,
    pub(super) words: &'static str,
    pub(super) result: Kinds,
}

macro_rules! functions {
    ($( $name:literal: $( $dot:literal $count:literal $spelling:literal ),+ ; $operand:expr, $words:literal => $result:expr; )*) => {
        const FUNCTIONS: &[(&str, Function)] = &[$( ($name, Function {
            forms: &[$( Form { shape: ($dot, $count), spelling: $spelling } ),+],
            operand: $operand, words: $words, result: $result,
        }) ),*];
    };
}

functions! {
    "size": false 1 "size(record.items)", true 0 "record.items.size()";
        Kinds(Kinds::TEXT.0 | Kinds::LIST.0 | Kinds::MAP.0 | Kinds::BYTES.0), "a text, a list or an object" => Kinds::NUMBER;
    "string": false 1 "string(record.id)";
        Kinds(Kinds::TEXT.0 | Kinds::NUMBER.0 | Kinds::BOOL.0 | Kinds::BYTES.0), "a text, a number or a truth value" => Kinds::TEXT;
    "double": false 1 "double(record.total)"; Kinds(Kinds::TEXT.0 | Kinds::NUMBER.0), "a number or a text" => Kinds::NUMBER;
    "int": false 1 "int(record.total)"; Kinds(Kinds::TEXT.0 | Kinds::NUMBER.0), "a number or a text" => Kinds::NUMBER;
    "uint": false 1 "uint(record.total)"; Kinds(Kinds::TEXT.0 | Kinds::NUMBER.0), "a number or a text" => Kinds::NUMBER;
    "bool": false 1 "bool(record.active)"; Kinds(Kinds::TEXT.0 | Kinds::BOOL.0), "a truth value or a text" => Kinds::BOOL;
    "bytes": false 1 "bytes(record.name)"; Kinds(Kinds::TEXT.0 | Kinds::BYTES.0), "a text" => Kinds::BYTES;
    "dyn": false 1 "dyn(record.id)"; Kinds::ANY, "anything" => Kinds::ANY;
    "type": false 1 "type(record.id)"; Kinds::ANY, "anything" => Kinds::KIND;
    "contains": true 1 "record.url.contains('/cars')"; Kinds::TEXT, "a text" => Kinds::BOOL;
    "startsWith": true 1 "record.url.startsWith('/cars')"; Kinds::TEXT, "a text" => Kinds::BOOL;
    "endsWith": true 1 "record.url.endsWith('.pdf')"; Kinds::TEXT, "a text" => Kinds::BOOL;
    "matches": true 1 "record.code.matches('^C[0-9]+$')", false 2 "matches(record.code, '^C[0-9]+$')"; Kinds::TEXT, "a text" => Kinds::BOOL;
}

/// The function of a name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| function)
}

/// Macros, which the parser has written out before anybody sees their names.
const MACROS: [&str; 7] = ["has", "all", "exists", "exists_one", "existsOne", "map", "filter"];

/// The function that a misspelt name was probably meant to be, whatever its capitals and underscores.
pub(super) fn closest_function(name: &str) -> Option<&'static str> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let wanted = plain(name);
    let known = || FUNCTIONS.iter().map(|(name, _)| *name).chain(MACROS);
    let same = known().find(|known| plain(known) == wanted);
    // The length of a text or a list has another name in every language.
    let other_word = match wanted.as_str() {
        "len" | "length" | "count" => Some("size"),
        "str" | "tostring" => Some("string"),
        "number" | "float" | "tonumber" => Some("double"),
        "exist" => Some("has"),
        _ => None,
    };
    same.or(other_word).or_else(|| known().find(|known| super::is_near(&wanted, &plain(known))))
}

/// Every way to write every function.
#[cfg(test)]
pub(super) fn spellings() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().flat_map(|(_, function)| function.forms.iter().map(|form| form.spelling))
}
