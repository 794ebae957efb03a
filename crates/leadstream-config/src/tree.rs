//! A YAML text as a tree whose every key and value knows where it stands.
//!
//! Parses with a YAML 1.2 parser and keeps scalars as text: what a scalar means is decided by the type that reads it, so `on`,
//! `1e3` or `0x10` are never taken for something the author did not write. Refuses what a configuration has no use for and a
//! reader would stumble over: a key given twice, anchors and aliases, several documents, tags.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::problem::{Origin, Problem};

/// Deeper than any real configuration; a bound so that hostile nesting cannot exhaust the stack.
const DEPTH_LIMIT: usize = 32;

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// What stands at a node.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text as written, after YAML's own unescaping.
    Scalar(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys in the order written.
    Mapping(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) node: Node,
}

impl Node {
    /// A mapping without keys, as an absent section is read.
    pub(crate) fn empty() -> Self {
        Self { value: Value::Mapping(Vec::new()), origin: Origin::Default }
    }

    /// The value at `key`, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// What a person would call it in a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Parses one YAML document; an empty one is an empty mapping.
///
/// A syntax error is the only problem reported, since what follows it cannot be trusted; repeated keys and refused features are
/// all reported and the rest of the tree is kept.
pub(crate) fn parse(text: &str, file: &str, problems: &mut Vec<Problem>) -> Node {
    let offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let mut builder = Builder { file, text, offsets, problems, stack: Vec::new(), root: None, documents: 0 };
    for item in Parser::new_from_str(text) {
        match item {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                // The parser repeats its error for ever, so this ends the loop.
                let marker = *error.marker();
                let origin = builder.origin(marker.line(), marker.col(), marker.index()..marker.index() + 1);
                builder.problems.push(Problem::error(&origin, "", format!("not YAML: {}", error.info())));
                return Node::empty();
            }
        }
    }
    match builder.root {
        Some(Node { value: Value::Null, .. }) | None => Node::empty(),
        Some(root) => root,
    }
}

/// A mapping in block style begins with its first key and has no text of its own: that key stands for it.
fn shown_at(origin: Origin, entries: &[Entry]) -> Origin {
    match (&origin, entries.first().map(|entry| &entry.origin)) {
        (Origin::File { span, .. }, Some(key @ Origin::File { span: of_key, .. })) if span.start == of_key.start => {
            key.clone()
        }
        _ => origin,
    }
}

/// A list or mapping whose end has not been seen.
enum Open {
    Sequence(Origin, Vec<Node>),
    Mapping(Origin, Vec<Entry>, Option<(String, Origin)>),
}

struct Builder<'a> {
    file: &'a str,
    text: &'a str,
    /// Byte offset of each character: the parser counts characters.
    offsets: Vec<usize>,
    problems: &'a mut Vec<Problem>,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    fn origin(&self, line: usize, column: usize, characters: Range<usize>) -> Origin {
        let byte = |character: usize| self.offsets.get(character).copied().unwrap_or(self.text.len());
        let start = byte(characters.start);
        // A block of text ends where the next key begins; what is blank in between belongs to nobody.
        let length = self.text.get(start..byte(characters.end)).map_or(0, |covered| covered.trim_end().len());
        Origin::File { file: self.file.to_owned(), line, column: column + 1, span: start..start + length }
    }

    fn refuse(&mut self, origin: &Origin, message: &str) {
        self.problems.push(Problem::error(origin, "", message));
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        let origin = self.origin(span.start.line(), span.start.col(), span.start.index()..span.end.index());
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if anchor != 0 {
            self.refuse(&origin, "anchors (&name) are not supported here; write the value out");
        }
        if tagged {
            self.refuse(&origin, "tags (!name) are not supported here; write the plain value");
        }
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.refuse(&origin, "a second document begins here; a configuration is one document");
                }
            }
            Event::Alias(_) => {
                self.refuse(&origin, "aliases (*name) are not supported here; write the value out");
                self.value(Node { value: Value::Null, origin });
            }
            Event::Scalar(text, style, ..) => self.scalar(text.into_owned(), style, origin),
            Event::SequenceStart(..) => self.open(Open::Sequence(origin, Vec::new())),
            Event::MappingStart(..) => self.open(Open::Mapping(origin, Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn open(&mut self, open: Open) {
        if self.stack.len() == DEPTH_LIMIT
            && let Open::Sequence(origin, _) | Open::Mapping(origin, ..) = &open
        {
            let origin = origin.clone();
            self.refuse(&origin, "nested more than 32 levels deep");
        }
        self.stack.push(open);
    }

    fn close(&mut self) {
        match self.stack.pop() {
            Some(Open::Sequence(origin, items)) => self.value(Node { value: Value::Sequence(items), origin }),
            Some(Open::Mapping(origin, entries, _)) => {
                let origin = shown_at(origin, &entries);
                self.value(Node { value: Value::Mapping(entries), origin });
            }
            None => {}
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, origin: Origin) {
        if let Some(Open::Mapping(_, _, key @ None)) = self.stack.last_mut() {
            *key = Some((text, origin));
            return;
        }
        let null = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        self.value(Node { value: if null { Value::Null } else { Value::Scalar(text) }, origin });
    }

    fn value(&mut self, node: Node) {
        // Beyond the limit the value is dropped: it was reported, and a tree that deep must not be walked.
        if self.stack.len() > DEPTH_LIMIT {
            return;
        }
        match self.stack.last_mut() {
            Some(Open::Sequence(_, items)) => items.push(node),
            Some(Open::Mapping(_, entries, key)) => match key.take() {
                None => self.refuse(&node.origin, "a key must be a single value"),
                Some((key, origin)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let message = format!("{key} is given twice; the first is at {}", first.origin);
                        self.problems.push(Problem::error(&origin, "", message));
                    }
                    // One that is given twice is kept too: whoever shows the file must know that its value may be a secret.
                    entries.push(Entry { key, origin, node });
                }
            },
            None => {
                self.root.get_or_insert(node);
            }
        }
    }
}
