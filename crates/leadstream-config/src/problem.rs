//! What is wrong with a configuration, where it says so, and how that is put into words.
//!
//! Invariant: a problem never holds the text of a secret; whoever builds one passes the value through the secret check first.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// The place a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it: the built-in default.
    Default,
    /// A place in the configuration file; `line` and `column` count characters from 1.
    File {
        /// Name of the file as the user gave it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The bytes of the file's text that it covers.
        span: Range<usize>,
    },
    /// An environment variable, by name.
    Environment(String),
    /// A flag `--set key=value`, by its key.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { file, line, column, .. } => write!(formatter, "{file}:{line}:{column}"),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Flag(key) => write!(formatter, "flag --set {key}"),
        }
    }
}

/// Whether a problem stops the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and probably is not what was meant.
    Warning,
}

/// One thing that is wrong, in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the start.
    pub severity: Severity,
    /// Where the value, or the key, came from.
    pub origin: Origin,
    /// Path of the key, as in `engine.commit_interval` or `sources[0].topic`; empty for the whole file.
    pub path: String,
    /// What is wrong, with the value.
    pub message: String,
    /// What to write instead, where that can be said.
    pub hint: Option<String>,
}

impl Problem {
    /// An error at `path`.
    pub fn error(origin: &Origin, path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        Self { severity: Severity::Error, origin: origin.clone(), path, message, hint: None }
    }

    /// A warning at `path`.
    pub fn warning(origin: &Origin, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(origin, path, message) }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, "{}: {severity}: ", self.origin)?;
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Every problem of a configuration that cannot be used, in the order of the file, then environment, then flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// One line: how many errors there are.
    pub fn summary(&self) -> String {
        let errors = self.0.iter().filter(|problem| problem.severity == Severity::Error).count();
        let plural = if errors == 1 { "error" } else { "errors" };
        format!("{errors} {plural} in the configuration")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(formatter, "{problem}")?;
        }
        formatter.write_str(&self.summary())
    }
}

/// Why a configuration could not be loaded, named by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read: create it, name another one, or give the process access.
    #[error("cannot read the configuration file {path}: {source}", path = path.display())]
    ProvideFile {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file, the environment or the flags say something that cannot be used: correct it.
    #[error("{0}")]
    CorrectConfiguration(Problems),
}
