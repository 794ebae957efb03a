//! Builds the tree from the parser's events, and reports what plans do not allow of YAML.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{Content, Entry, Node, Scalar, Span};
use crate::code::Code;
use crate::sink::Sink;

/// How deep collections may nest; the deepest spelling of a plan needs eight.
const DEPTH_MAX: usize = 32;

/// How many nodes a file may expand to, aliases counted with all they stand for.
const NODES_MAX: usize = 1_000_000;

/// The tree of a text, or nothing where it is no YAML that could be read on; problems go to `sink`.
pub(crate) fn parse(text: &str, sink: &mut Sink<'_>) -> Option<Node> {
    let mut builder = Builder::new(text);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let outcome = match event {
            Ok((event, span)) => {
                let span = builder.bytes(span.start.index())..builder.bytes(span.end.index());
                builder.take(event, span, sink)
            }
            Err(error) => {
                let at = builder.bytes(error.marker().index());
                sink.report(Code::InvalidYaml, at..at, "this is not valid YAML")
                    .label(error.info().to_owned())
                    .help(advice(error.info()));
                Err(Stop)
            }
        };
        if outcome.is_err() {
            return None;
        }
    }
    builder.root
}

/// What to do about the mistakes that people make, told by the words of the parser.
fn advice(info: &str) -> &'static str {
    let quotes = "a condition that contains quotes or `: ` needs single quotes around the whole of it: when: '\"vip\" in contact.tags'";
    let hints = [
        ("tabs", "indent with spaces, not with tabs"),
        ("mapping values are not allowed", quotes),
        ("trailing content", quotes),
        ("flow mapping", "a `,` or `}` is missing before this, or a value needs quotes"),
        ("flow sequence", "a `,` or `]` is missing before this, or a value needs quotes"),
    ];
    let otherwise = "look at the line before this too: keys that belong together begin in one column, and each `[`, `{` and quote is closed; a value that begins with another sign than a letter or digit needs quotes";
    hints.into_iter().find(|(words, _)| info.contains(words)).map_or(otherwise, |(_, hint)| hint)
}

/// Reading cannot go on; why has been reported.
struct Stop;

/// A collection that is still open.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value; no text where it is a collection.
    key: Option<(Option<String>, Span)>,
    /// Where each key was first given.
    keys: HashMap<String, Span>,
    is_flow: bool,
}

struct Builder<'a> {
    text: &'a str,
    /// Byte offset of each character: the parser counts characters.
    offsets: Vec<usize>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
    documents: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Builder<'a> {
        let offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        Builder { text, offsets, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None, documents: 0 }
    }

    fn bytes(&self, characters: usize) -> usize {
        self.offsets.get(characters).copied().unwrap_or(self.text.len())
    }

    fn take(&mut self, event: Event<'_>, span: Span, sink: &mut Sink<'_>) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let here = first_line(self.text, span);
                    sink.report(Code::InvalidYaml, here, "a plan file holds one plan")
                        .label("a second document begins here")
                        .help("put each plan in a file of its own");
                    return Err(Stop);
                }
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else { return Ok(()) };
                self.nodes += size;
                self.check_size(&span, sink)?;
                self.place(Node { span, ..node }, sink);
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span, sink);
                let is_quoted = style != ScalarStyle::Plain;
                let scalar = Scalar { text: value.into_owned(), is_quoted };
                let node = Node { span: trimmed(self.text, span), content: Content::Scalar(scalar) };
                self.nodes += 1;
                self.check_size(&node.span, sink)?;
                self.remember(anchor, &node, 1);
                self.place(node, sink);
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span, sink);
                self.begin(Content::Sequence(Vec::new()), anchor, span, sink)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span, sink);
                self.begin(Content::Mapping(Vec::new()), anchor, span, sink)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span, sink),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn refuse_tag(&self, is_tagged: bool, span: &Span, sink: &mut Sink<'_>) {
        if !is_tagged {
            return;
        }
        let span = trimmed(self.text, span.clone());
        let written = self.text.get(span.clone()).unwrap_or_default();
        if written.starts_with('!') && !written.starts_with("!!") {
            sink.report(Code::InvalidYaml, span, "YAML takes a `!` at the beginning of a value for itself")
                .label("not read as a condition")
                .help("put the condition in single quotes: '!has(event.phone)'");
        } else {
            sink.report(Code::InvalidYaml, span, "YAML tags such as `!!str` are not used in plans")
                .label("this value has a tag")
                .help("put a text that looks like a number in quotes instead");
        }
    }

    fn check_size(&self, span: &Span, sink: &mut Sink<'_>) -> Result<(), Stop> {
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        sink.report(Code::TooLarge, span.clone(), format!("the file expands to more than {NODES_MAX} values"))
            .label("the limit is reached here")
            .help("make several plans of it, and use fewer aliases (`*name`): each counts with all that it stands for");
        Err(Stop)
    }

    fn begin(&mut self, content: Content, anchor: usize, span: Span, sink: &mut Sink<'_>) -> Result<(), Stop> {
        if self.open.len() >= DEPTH_MAX {
            sink.report(Code::TooLarge, span, format!("values nest more than {DEPTH_MAX} deep"))
                .help("no part of a plan needs that: look for a bracket that is never closed");
            return Err(Stop);
        }
        self.nodes += 1;
        self.check_size(&span, sink)?;
        let is_flow = !span.is_empty() && matches!(self.text.as_bytes().get(span.start), Some(b'[' | b'{'));
        self.open.push(Open { node: Node { span, content }, anchor, key: None, keys: HashMap::new(), is_flow });
        Ok(())
    }

    fn end(&mut self, span: Span, sink: &mut Sink<'_>) {
        let Some(mut open) = self.open.pop() else { return };
        let last = match &open.node.content {
            Content::Sequence(items) => items.last().map(|item| item.span.end),
            Content::Mapping(entries) => entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end)),
            Content::Scalar(_) => None,
        };
        // A block collection ends where its last node does; the parser only knows where the next token begins.
        open.node.span.end = if open.is_flow { span.end } else { last.unwrap_or(open.node.span.end) };
        let size = size(&open.node);
        self.remember(open.anchor, &open.node, size);
        self.place(open.node, sink);
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, sink: &mut Sink<'_>) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.node.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(entries) => match open.key.take() {
                // A key that is no word was reported; its value goes with it.
                Some((Some(key), key_span)) => {
                    place_entry(entries, &mut open.keys, Entry { key, key_span, value: node }, sink);
                }
                Some((None, _)) => {}
                None => open.key = Some(key_of(node, sink)),
            },
            Content::Scalar(_) => {}
        }
    }
}

/// Adds an entry, unless its key is there already.
fn place_entry(entries: &mut Vec<Entry>, keys: &mut HashMap<String, Span>, entry: Entry, sink: &mut Sink<'_>) {
    match keys.entry(entry.key.clone()) {
        Slot::Vacant(slot) => {
            slot.insert(entry.key_span.clone());
            entries.push(entry);
        }
        Slot::Occupied(first) => {
            sink.report(Code::DuplicateKey, entry.key_span, format!("the key `{}` is given twice", entry.key))
                .label("second time")
                .related(first.get().clone(), "first time")
                .help("keep one of the two");
        }
    }
}

fn key_of(node: Node, sink: &mut Sink<'_>) -> (Option<String>, Span) {
    match node.content {
        Content::Scalar(scalar) => (Some(scalar.text), node.span),
        Content::Sequence(_) | Content::Mapping(_) => {
            sink.report(Code::InvalidYaml, node.span.clone(), "a key must be a word, not a collection")
                .label("used as a key")
                .help("a condition or text that contains `{`, `[` or `: ` needs quotes around it");
            (None, node.span)
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 1,
        Content::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Mapping(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>(),
    }
}

/// The span without the white space that the parser counts in at its end.
fn trimmed(text: &str, span: Span) -> Span {
    let covered = text.get(span.clone()).unwrap_or("");
    span.start..span.start + covered.trim_end().len()
}

/// The part of a span on its first line.
fn first_line(text: &str, span: Span) -> Span {
    let rest = text.get(span.start..).unwrap_or("");
    span.start..span.start + rest.find('\n').unwrap_or(rest.len()).max(1).min(rest.len())
}
