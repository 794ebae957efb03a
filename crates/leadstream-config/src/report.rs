//! A problem as a person at a terminal sees it: the line it is about, the wrong text underlined, and what to do.
//!
//! Invariant: what is shown of a file never holds a secret. Values of settings whose name makes them one are made illegible first, whether they
//! stand in the right place or not; a file that is no YAML has no names to go by, so nothing of one that has such a word is shown.

use annotate_snippets::{AnnotationKind, Group, Level, Origin as Place, Renderer, Snippet};

use crate::problem::{Origin, Problem, Severity};
use crate::settings::is_secret;
use crate::tree::{Node, Value};

/// A file's text that can be shown: secrets are illegible, every other byte is where it was.
pub(crate) struct ShownText(String);

impl ShownText {
    /// The text of a file with its tree; `is_yaml` says whether the tree is all of it.
    pub(crate) fn new(text: &str, tree: &Node, is_yaml: bool) -> ShownText {
        let mut bytes = text.as_bytes().to_vec();
        if is_yaml {
            conceal(tree, false, &mut bytes);
        } else {
            let names_secret =
                |line: &&str| line.split('#').next().unwrap_or_default().split(':').any(|word| is_secret(word.trim()));
            if text.lines().any(|line| names_secret(&line)) {
                bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
            }
        }
        // Whole characters are replaced by as many stars as they have bytes.
        ShownText(String::from_utf8(bytes).unwrap_or_default())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Overwrites every scalar of the file below a key that makes it a secret.
fn conceal(node: &Node, secret: bool, bytes: &mut [u8]) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                // What a secret refers to is no secret.
                let is_reference = secret && entries.len() == 1 && matches!(entry.key.as_str(), "file" | "env");
                // Where settings belong, whatever is no mapping of them may be a secret that lost its name.
                let is_misplaced = matches!(entry.key.as_str(), "common" | "consumer" | "producer")
                    && !matches!(entry.node.value, Value::Mapping(_));
                conceal(&entry.node, (secret && !is_reference) || is_misplaced || is_secret(&entry.key), bytes);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| conceal(item, secret, bytes)),
        Value::Scalar(_) | Value::Null if secret => {
            if let Origin::File { span, .. } = &node.origin
                && let Some(covered) = bytes.get_mut(span.clone())
            {
                covered.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
            }
        }
        Value::Scalar(_) | Value::Null => {}
    }
}

impl Problem {
    /// The problem with the lines it is about, where it stands in the file whose text is given.
    pub(crate) fn render(&self, text: Option<&ShownText>, coloured: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title =
            if self.path.is_empty() { self.message.clone() } else { format!("{}: {}", self.path, self.message) };
        let group = Group::with_title(level.primary_title(title));
        let mut group = match (&self.origin, text) {
            (Origin::File { file, span, .. }, Some(text)) => {
                let window = window(text.as_str(), span.start, span.end);
                let clip = |at: usize| at.clamp(window.start, window.end) - window.start;
                let shown = &text.as_str()[window.clone()];
                group.element(
                    Snippet::source(shown)
                        .path(file.as_str())
                        .line_start(text.as_str()[..window.start].matches('\n').count() + 1)
                        .annotation(AnnotationKind::Primary.span(clip(span.start)..clip(span.end))),
                )
            }
            (Origin::Default, _) => group,
            (origin, _) => group.element(Place::path(origin.to_string())),
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// The bytes of the lines from one place to another.
fn window(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let first = text.floor_char_boundary(start.min(text.len()));
    let last = text.ceil_char_boundary(end.clamp(first, text.len()));
    let start = text[..first].rfind('\n').map_or(0, |feed| feed + 1);
    let end = text[last..].find('\n').map_or(text.len(), |feed| last + feed);
    // A line of another system ends with one character more.
    let end = if text[last..end].ends_with('\r') { end - 1 } else { end };
    start..end
}
