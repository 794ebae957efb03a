//! `leadstream run`: scores what arrives, until it is told to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadstream_config::Config;
use leadstream_http::{Listener, Server, ServerOptions};
use leadstream_runtime::metrics::Metrics;
use prometheus::{IntGauge, Registry};

use crate::agreement::{Follower, agree};
use crate::arguments::ConfigurationArguments;
use crate::commands::topics::await_topics;
use crate::connection::connect;
use crate::engine::told::claim_state;
use crate::engine::{Size, Workforce};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::settings::configuration_to_run;
use crate::{examination, plans, sources};
use leadstream_kafka::KafkaLog;
use leadstream_store::FolderClaim;

/// After so long a stop is given up: what was not committed is folded again at the next start.
const STOP_TIMEOUT: Duration = Duration::from_millis(4_500);
/// How often figures of the process are measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    let loaded = configuration_to_run(given)?;
    let config = loaded.config;
    let log = Arc::new(connect(&config)?);
    let Some(mut service) = Service::start(&log, &config, &interrupt)? else { return Ok(()) };
    let ended = service.watch(&interrupt);
    let stopped = service.stop();
    // Why it had to stop comes before how that went.
    ended.and(stopped)
}

/// Workers and HTTP of one process.
pub(crate) struct Service {
    workforce: Workforce,
    /// Brings newer plans; ends with the service.
    _follower: Follower,
    /// The HTTP server.
    pub(crate) server: Server,
    figures: ProcessFigures,
    /// Goes last, when nobody works with the stores any more.
    _folder: FolderClaim,
}

impl Service {
    /// Checks everything that can be checked and starts. `None` where it was interrupted while it waited for the cluster.
    pub(crate) fn start(
        log: &Arc<KafkaLog>,
        config: &Config,
        interrupt: &Interrupt,
    ) -> Result<Option<Service>, Failure> {
        if config.sources.is_empty() {
            return Err(Failure::input("the configuration has no sources: name at least one topic to score"));
        }
        sources::check_for_topics(config)?;
        let files = plans::configured_files(config)?;
        let report = plans::load(&files, &plans::options(config))?;
        examination::log_diagnostics(&report.diagnostics);
        tracing::info!("{}", report.summary());
        let parts = config.memory.parts();
        tracing::info!(
            budget = %config.memory.budget,
            contacts_bytes = parts.contacts_bytes,
            block_cache_bytes = parts.block_cache_bytes,
            write_buffers_bytes = parts.write_buffers_bytes,
            fetch_bytes = parts.fetch_bytes,
            produce_bytes = parts.produce_bytes,
            "memory"
        );
        // Before anything by which the cluster would take this process for the one that has the folder, and cut that one off.
        let folder = claim_state(config)?;
        // An address that cannot be had is found out before the workers take their places in the group; and whoever asks while the cluster is away is
        // told so.
        let listener = Listener::bind(config.http.listen).map_err(|error| {
            Failure::NotDone(format!("{error}: choose another address with --set http.listen=127.0.0.1:PORT"))
        })?;
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).map_err(|error| Failure::of("cannot register metrics", error))?;
        let mut figures = ProcessFigures::register(&registry, config)?;
        figures.measure(0);
        let options = ServerOptions {
            listener,
            application: config.application.id.to_string(),
            waits_for: format!("Kafka at {}", log.bootstrap()),
            registry,
        };
        let server = Server::start(options).map_err(|error| Failure::NotDone(error.to_string()))?;
        tracing::info!(address = %server.address(), "health, metrics and contacts are served here");
        let Some(topics) = await_topics(log, config, interrupt, &server)? else { return Ok(None) };
        server.wait_for("agreement on the plans in force".to_owned());
        let Some(agreed) = agree(log, config, &report, interrupt)? else { return Ok(None) };
        let workforce = Workforce::start(log, config, agreed.plans.clone(), &topics, metrics)?;
        let follower = agreed.follow(workforce.unreadable_plan_sets())?;
        server.serve(Arc::new(workforce.directory()), workforce.plans.clone());
        Ok(Some(Service { workforce, _follower: follower, server, figures, _folder: folder }))
    }

    /// Waits for the end: an interrupt, or a worker that cannot go on.
    pub(crate) fn watch(&mut self, interrupt: &Interrupt) -> Result<(), Failure> {
        while !interrupt.is_raised() {
            std::thread::sleep(Duration::from_millis(100));
            self.look()?;
        }
        tracing::info!("stopping");
        Ok(())
    }

    /// Looks once after the workers, and measures.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        if let Some(size) = self.figures.measure(self.workforce.store_bytes()) {
            self.workforce.hold_budget(size);
        }
        self.workforce.look_for_stalls();
        self.workforce.failed().map_or(Ok(()), Err)
    }

    /// What answers questions.
    pub(crate) fn directory(&self) -> crate::engine::Directory {
        self.workforce.directory()
    }

    /// Events that were delivered to their contacts.
    pub(crate) fn scored_events(&self) -> u64 {
        self.workforce.scored_events()
    }

    /// Stops in order, and gives up after some seconds: nothing committed is lost then either.
    #[expect(clippy::disallowed_methods, reason = "a stop has a limit")]
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        let began = Instant::now();
        self.workforce.stop();
        self.server.stop();
        while !self.workforce.has_stopped() {
            if began.elapsed() > STOP_TIMEOUT {
                return Err(Failure::NotDone(
                    "the last commit did not end in time: its events are scored again at the next start, and nothing is announced twice".to_owned(),
                ));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.workforce.conclude()?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Memory of the process against its budget.
struct ProcessFigures {
    resident: IntGauge,
    stores: IntGauge,
    budget_bytes: u64,
    measured: Option<Instant>,
}

impl ProcessFigures {
    fn register(registry: &Registry, config: &Config) -> Result<ProcessFigures, Failure> {
        let gauge = |name: &str, help: &str| -> Result<IntGauge, Failure> {
            let gauge = IntGauge::new(name, help).map_err(|error| Failure::of("cannot register metrics", error))?;
            registry
                .register(Box::new(gauge.clone()))
                .map_err(|error| Failure::of("cannot register metrics", error))?;
            Ok(gauge)
        };
        let budget = gauge("leadstream_memory_budget_bytes", "The memory budget of the process")?;
        let budget_bytes = config.memory.budget.as_bytes();
        budget.set(i64::try_from(budget_bytes).unwrap_or(i64::MAX));
        Ok(ProcessFigures {
            resident: gauge("leadstream_memory_resident_bytes", "Memory of the process that is resident")?,
            stores: gauge("leadstream_memory_stores_bytes", "Memory that the stores use")?,
            budget_bytes,
            measured: None,
        })
    }

    /// Measures now and then; gives the size of the process where it did and the system tells.
    #[expect(clippy::disallowed_methods, reason = "figures are measured now and then")]
    fn measure(&mut self, store_bytes: usize) -> Option<Size> {
        let now = Instant::now();
        if self.measured.is_some_and(|measured| now - measured < MEASURE_INTERVAL) {
            return None;
        }
        self.measured = Some(now);
        self.stores.set(i64::try_from(store_bytes).unwrap_or(i64::MAX));
        let resident_bytes = resident_bytes()?;
        self.resident.set(i64::try_from(resident_bytes).unwrap_or(i64::MAX));
        Some(Size { resident_bytes, budget_bytes: self.budget_bytes })
    }
}

/// As Linux tells it; other systems show no figure.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use leadstream_core::Bound;
    use leadstream_core::expr::EvalError;

    use super::*;

    /// A row of the reference.
    fn row(figure: &leadstream_runtime::metrics::FigureDescription) -> String {
        let labels: Vec<String> = figure.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", figure.name, figure.kind, labels.join(", "), figure.help)
    }

    #[test]
    fn the_reference_of_metrics_has_every_figure_with_its_type_labels_and_meaning() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let mut expected: Vec<String> = metrics.described().iter().map(row).collect();
        // Those of the process have no labels, and so are always served.
        let process = Registry::new();
        ProcessFigures::register(&process, &Config::default()).unwrap();
        expected.extend(process.gather().iter().map(|family| {
            format!("| `{}` | {:?} |  | {} |", family.name(), family.get_field_type(), family.help())
                .replace("GAUGE", "gauge")
        }));
        let page = include_str!("../../../../docs/metrics.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `leadstream_")).collect();
        assert_eq!(rows, expected, "docs/metrics.md is to say\n{}", expected.join("\n"));
        let errors = [
            EvalError::MissingField,
            EvalError::WrongType,
            EvalError::NotFinite,
            EvalError::NotConvertible,
            EvalError::TooManyPoints,
        ];
        let values = Bound::ALL.map(Bound::as_str).into_iter().chain(errors.map(EvalError::as_str));
        for value in values {
            assert!(page.contains(&format!("`{value}`")), "docs/metrics.md does not explain {value}");
        }
    }
}
