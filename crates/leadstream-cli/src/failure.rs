//! Why a command could not do its work, and the exit code that says so to scripts.

use std::path::Path;
use std::process::ExitCode;

use thiserror::Error;

/// A failure, named by who has to act.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command line, the configuration or a plan is wrong: correct it. The text is complete, with every mistake.
    #[error("{0}")]
    CorrectInput(String),
    /// It could not be done: the text says why, and where possible what to do.
    #[error("{0}")]
    NotDone(String),
    /// Everything was said already, such as a list of differences.
    #[error("")]
    Told,
    /// The input is wrong, and everything was said about it already.
    #[error("")]
    InputTold,
    /// Ctrl-C or SIGTERM came before the end.
    #[error("stopped before the end: {0}")]
    Interrupted(String),
}

impl Failure {
    /// What scripts see.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::NotDone(_) | Failure::Told => 1,
            Failure::CorrectInput(_) | Failure::InputTold => 2,
            // As a shell reports a program that SIGINT ended.
            Failure::Interrupted(_) => 130,
        })
    }

    /// Something about the input that can be said in one sentence.
    pub(crate) fn input(text: impl Into<String>) -> Failure {
        Failure::CorrectInput(text.into())
    }

    /// Something that failed, in one sentence.
    pub(crate) fn of(doing: impl std::fmt::Display, error: impl std::fmt::Display) -> Failure {
        Failure::NotDone(format!("{doing}: {error}"))
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::NotDone(format!("cannot {doing} {}: {error}", path.display()))
    }
}
