//! Log lines: for people on a terminal, one JSON object a line otherwise. Always on standard error.

use std::io::IsTerminal;

use leadstream_config::{Log, LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

/// Begins to log, once in a process. `RUST_LOG` overrides the configured level, for finding faults.
pub(crate) fn begin(log: &Log) -> Result<(), Failure> {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let on_terminal = std::io::stderr().is_terminal();
    let human = match log.format {
        LogFormat::Auto => on_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let begun = if human {
        lines.compact().with_ansi(on_terminal && std::env::var_os("NO_COLOR").is_none()).try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
    begun.map_err(|error| Failure::of("cannot begin to log", error))
}
