//! YAML text to a tree of nodes with spans.
//!
//! Owns the YAML of plans: YAML 1.2 core (S60), one document, no tags, keys that are plain texts and appear once. The events come from
//! `saphyr-parser`; scalars stay texts until their reader knows what it wants (`on` and `yes` are just texts). The tree is bounded in depth and
//! in nodes, so that neither nesting nor aliases of aliases can exhaust memory or stack.

mod build;
mod position;

use std::ops::Range;

pub(crate) use build::parse;
pub use position::locate;

/// Bytes of the text that a node or a part of one covers.
pub(crate) type Span = Range<usize>;

/// One node of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The bytes it covers; for a block collection the bytes from its first to its last node.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A text, number, truth value or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file; a key that appears twice is reported and kept once.
    Mapping(Vec<Entry>),
}

/// One key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// The bytes of the key.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) value: Node,
}

/// A scalar as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The text after YAML's own quoting and folding.
    pub(crate) text: String,
    /// Whether it stands in quotes or as a block, and so is a text whatever it looks like.
    pub(crate) is_quoted: bool,
}

impl Scalar {
    /// Whether this is YAML's null.
    pub(crate) fn is_null(&self) -> bool {
        !self.is_quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The truth value, where this is one.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if !self.is_quoted => Some(true),
            "false" | "False" | "FALSE" if !self.is_quoted => Some(false),
            _ => None,
        }
    }
}

impl Node {
    /// What to call the node in a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping of keys to values",
            Content::Scalar(scalar) if scalar.is_null() => "nothing",
            Content::Scalar(scalar) if scalar.as_bool().is_some() => "a truth value",
            Content::Scalar(scalar) if !scalar.is_quoted && scalar.text.parse::<f64>().is_ok() => "a number",
            Content::Scalar(_) => "a text",
        }
    }
}
