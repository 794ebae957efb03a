//! Where the compiler puts what it finds: diagnostics of one file, with their places worked out.

use std::sync::Arc;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::yaml::Span;

/// How many problems of one file are kept; a file with more is broken in a way that a longer list would not explain better.
pub(crate) const DIAGNOSTICS_MAX: usize = 500;

/// Takes the problems of one file.
pub(crate) struct Sink<'a> {
    file: Arc<str>,
    text: &'a str,
    found: &'a mut Vec<Diagnostic>,
    /// The first that goes over [`DIAGNOSTICS_MAX`].
    overflow: Option<Diagnostic>,
    /// The latest after that, only to be described.
    unkept: Option<Diagnostic>,
    has_errors: bool,
}

/// A problem that was reported and can be described further.
pub(crate) struct Described<'a>(&'a mut Diagnostic);

impl<'a> Sink<'a> {
    /// A sink for the problems of one file.
    pub(crate) fn new(file: &str, text: &'a str, found: &'a mut Vec<Diagnostic>) -> Sink<'a> {
        Sink { file: Arc::from(file), text, found, overflow: None, unkept: None, has_errors: false }
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Whether an error was reported.
    pub(crate) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Says so where not all problems were kept.
    pub(crate) fn finish(self) {
        if let (Some(overflow), Some(last)) = (self.overflow, self.found.last_mut()) {
            let is_error = self.has_errors || last.severity == Severity::Error;
            let message = format!("more than {DIAGNOSTICS_MAX} problems: the rest is not shown");
            *last = Diagnostic {
                // Many warnings are no error: the plan loads.
                severity: if is_error { Severity::Error } else { Severity::Warning },
                code: Code::TooLarge,
                message,
                label: String::new(),
                related: Vec::new(),
                help: Vec::new(),
                ..overflow
            };
        }
    }

    /// Reports a problem with the severity of its code.
    pub(crate) fn report(&mut self, code: Code, span: Span, message: impl Into<String>) -> Described<'_> {
        let severity = code.severity();
        self.has_errors |= severity == Severity::Error;
        // What is not kept needs no place, and finding one reads the file.
        let is_kept = self.found.len() < DIAGNOSTICS_MAX || self.overflow.is_none();
        let (line, column) = if is_kept { place(self.text, span.start) } else { (1, 1) };
        let diagnostic = Diagnostic {
            severity,
            code,
            file: self.file.clone(),
            line,
            column,
            span,
            message: message.into(),
            label: String::new(),
            related: Vec::new(),
            help: Vec::new(),
        };
        if self.found.len() < DIAGNOSTICS_MAX {
            self.found.push(diagnostic);
            let last = self.found.len() - 1;
            return Described(&mut self.found[last]);
        }
        match &mut self.overflow {
            Some(_) => Described(self.unkept.insert(diagnostic)),
            none => Described(none.insert(diagnostic)),
        }
    }
}

impl Described<'_> {
    /// What to write beside the underlined text.
    pub(crate) fn label(self, label: impl Into<String>) -> Self {
        self.0.label = label.into();
        self
    }

    /// Another place that has to do with it.
    pub(crate) fn related(self, span: Span, label: impl Into<String>) -> Self {
        self.0.related.push((span, label.into()));
        self
    }

    /// What to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// What to do about it, if something is known.
    pub(crate) fn maybe_help(self, help: Option<String>) -> Self {
        self.0.help.extend(help);
        self
    }
}

/// Line and column, both from 1, the column in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}
