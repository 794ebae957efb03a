//! Why a test could not get what it asked for. Every variant carries what the other program said, because a test that fails on a
//! machine one cannot reach is understood from its output alone.

use std::io;
use std::time::Duration;

/// A failure of the surroundings of a test, not of what is tested.
#[derive(Debug, thiserror::Error)]
pub enum SupportError {
    /// A command could not be started, or a file not be read.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A command ran and failed.
    #[error("{command} failed: {output}")]
    Command {
        /// The command, as a person would name it.
        command: String,
        /// What it printed.
        output: String,
    },
    /// A command printed what is not understood.
    #[error("{command} printed something unexpected: {source}")]
    Output {
        /// The command, as a person would name it.
        command: String,
        /// Where its output stops making sense.
        source: serde_json::Error,
    },
    /// Kafka refused, or did not answer in time.
    #[error("{action}: {source}")]
    Kafka {
        /// What was tried.
        action: String,
        /// What the client said.
        source: rdkafka::error::KafkaError,
    },
    /// Something expected did not come in time.
    #[error("{what} did not come within {} ms; so far: {seen}", limit.as_millis())]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What there was at the end.
        seen: String,
    },
}

impl SupportError {
    /// For `map_err`: an operating system error with what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// For `map_err`: an error of the Kafka client with what was being done.
    pub(crate) fn kafka(action: impl Into<String>) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        let action = action.into();
        move |source| Self::Kafka { action, source }
    }
}
