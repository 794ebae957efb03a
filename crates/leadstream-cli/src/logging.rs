//! Log lines: for people on a terminal, one JSON object a line otherwise. Always on standard error.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use leadstream_config::{Log, LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

/// The binding complains when a consumer that has failed cannot be closed in order. Whoever used the consumer was told why it failed, and said so.
const CLOSING: &str = "rdkafka::consumer::base_consumer=off";

/// What is shown at a configured level.
fn configured(level: LevelFilter) -> EnvFilter {
    EnvFilter::builder().parse_lossy(format!("{level},{CLOSING}"))
}

/// Whether log lines are JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Whether there is a log by now, and its lines are JSON.
pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Begins to log, once in a process. `RUST_LOG` overrides the configured level, for finding faults.
pub(crate) fn begin(log: &Log) -> Result<(), Failure> {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(asked) if !asked.is_empty() => EnvFilter::builder().with_default_directive(level.into()).parse_lossy(asked),
        _ => configured(level),
    };
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
        IS_JSON.store(true, Ordering::Relaxed);
        lines.json().flatten_event(true).try_init()
    };
    begun.map_err(|error| Failure::of("cannot begin to log", error))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_counts_for_all_but_the_bindings_complaints_about_closing() {
        let (lines, filter) = (Lines::default(), configured(LevelFilter::WARN));
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "rdkafka::consumer::base_consumer", "Failed to close consumer queue on drop");
            tracing::error!(target: "rdkafka::client", "something else of the binding");
            tracing::warn!("ours");
            tracing::info!("not so important");
        });
        let shown = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.contains("something else of the binding") && shown.contains("ours"), "{shown}");
    }
}
