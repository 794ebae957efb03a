//! What is wrong with a plan, and how it is shown to the person who wrote it.
//!
//! A diagnostic is complete without the file's text; [`Diagnostic::render`] takes the text to show and underline the lines. Rendering writes
//! nothing itself and knows no terminal: the caller says whether colours are wanted.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::code::Code;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The plan is not loaded.
    Error,
    /// The plan is loaded, and probably does not do what its author meant.
    Warning,
}

/// One problem of a plan file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem; stable across versions.
    pub code: Code,
    /// The file, as it was named when it was given.
    pub file: Arc<str>,
    /// The line where it begins, from 1.
    pub line: usize,
    /// The column where it begins, from 1, in characters.
    pub column: usize,
    /// The bytes of the file's text that are wrong; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong: lower case, no final period.
    pub message: String,
    /// What to write beside the underlined text; may be empty.
    pub label: String,
    /// Other places that have to do with it: bytes, and what to write beside them.
    pub related: Vec<(Range<usize>, String)>,
    /// What to do about it, one sentence each.
    pub help: Vec<String>,
}

/// How a diagnostic is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text only, for files and pipes.
    Plain,
    /// With the colours of a terminal.
    Coloured,
}

impl Diagnostic {
    /// The diagnostic with the lines it is about, the wrong text underlined. `text` is the text that was compiled.
    pub fn render(&self, text: &str, style: Style) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let window = self.window(text);
        let clip = |span: &Range<usize>| {
            let at = |offset: usize| offset.clamp(window.start, window.end) - window.start;
            at(span.start)..at(span.end)
        };
        let label = Some(self.label.as_str()).filter(|label| !label.is_empty());
        let mut snippet = Snippet::source(&text[window.clone()])
            .path(self.file.as_ref())
            .line_start(text[..window.start].matches('\n').count() + 1)
            .annotation(AnnotationKind::Primary.span(clip(&self.span)).label(label));
        for (span, label) in &self.related {
            snippet = snippet.annotation(AnnotationKind::Context.span(clip(span)).label(label.as_str()));
        }
        let mut group =
            Group::with_title(level.primary_title(self.message.as_str()).id(self.code.name())).element(snippet);
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        renderer.render(&[group])
    }

    /// The bytes of the lines that are shown, so that a long file is not laid out for each of its problems.
    fn window(&self, text: &str) -> Range<usize> {
        let spans = || self.related.iter().map(|(span, _)| span).chain([&self.span]);
        let first = spans().map(|span| span.start).min().unwrap_or(0).min(text.len());
        let last = spans().map(|span| span.end).max().unwrap_or(0).clamp(first, text.len());
        let start = text.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |feed| feed + 1);
        let end = text.get(last..).and_then(|after| after.find('\n')).map_or(text.len(), |feed| last + feed);
        start..end
    }

    /// The diagnostic in one line, for editors and logs: `file:line:column: error[code]: message`.
    pub fn short(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        format!("{}:{}:{}: {severity}[{}]: {}", self.file, self.line, self.column, self.code.name(), self.message)
    }
}
