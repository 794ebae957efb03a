//! Whether the brokers can be reached: one log line when they go, one when they are back.
//!
//! Every client reports its trouble here; a probe confirms it before anything is said, since a client may lose all its connections for reasons
//! that mean nothing (idle connections are closed). Clients reconnect by themselves; nothing here does more than look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::{debug, error, info, warn};

use crate::clock::Deadline;

const PROBE_EVERY: Duration = Duration::from_secs(1);
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

type Probe = Box<dyn Fn(Duration) -> Result<(), String> + Send + Sync>;

/// What all clients of a process know about the brokers.
#[derive(Default)]
pub(crate) struct Brokers {
    suspected: AtomicBool,
    announced: AtomicBool,
    /// How often there was trouble that is more than one broken connection.
    troubles: AtomicU64,
    reason: Mutex<String>,
    last_probe: Mutex<Option<Deadline>>,
    probe: OnceLock<Probe>,
}

impl Brokers {
    /// Says how to find out whether a broker answers. The first call counts.
    pub(crate) fn set_probe(&self, probe: Probe) {
        // A second probe would be the same one: the result says nothing that matters.
        let _ = self.probe.set(probe);
    }

    /// A client has no connection left, or is not let in.
    pub(crate) fn suspect(&self, reason: &str) {
        if let Ok(mut last) = self.reason.lock() {
            reason.clone_into(&mut last);
        }
        self.suspected.store(true, Ordering::Relaxed);
    }

    /// Why a connection was lost or refused last; nothing where none was.
    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.lock().ok().map(|reason| reason.clone()).filter(|reason| !reason.is_empty())
    }

    /// A number that grows whenever all brokers were out of reach, for a client or for the probe.
    pub(crate) fn troubles(&self) -> u64 {
        self.troubles.load(Ordering::Relaxed)
    }

    /// Looks if there is doubt; called by every handle in each round of its loop. Takes nothing while all is well, and at most half a second
    /// once a second while the brokers are away.
    pub(crate) fn look(&self) {
        if !self.suspected.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut last) = self.last_probe.try_lock() else { return };
        if last.is_some_and(|deadline| !deadline.passed()) {
            return;
        }
        let Some(probe) = self.probe.get() else { return };
        match probe(PROBE_TIMEOUT) {
            Ok(()) => {
                self.suspected.store(false, Ordering::Relaxed);
                if self.announced.swap(false, Ordering::Relaxed) {
                    info!("the kafka brokers are back");
                }
            }
            Err(answer) => {
                self.troubles.fetch_add(1, Ordering::Relaxed);
                if !self.announced.swap(true, Ordering::Relaxed) {
                    let reason = self.reason.lock().map(|reason| reason.clone()).unwrap_or_default();
                    warn!(answer, reason, "the kafka brokers cannot be reached, waiting for them");
                }
            }
        }
        *last = Some(Deadline::after(PROBE_EVERY));
    }

    /// True between the line that says the brokers are gone and the one that says they are back.
    pub(crate) fn away(&self) -> bool {
        self.announced.load(Ordering::Relaxed)
    }
}

/// What a client tells us about itself: the context of every client that has no other.
#[derive(Clone)]
pub(crate) struct ClientEvents {
    brokers: Arc<Brokers>,
    coordinator_lost: Arc<AtomicBool>,
}

impl ClientEvents {
    pub(crate) fn new(brokers: Arc<Brokers>) -> Self {
        Self { brokers, coordinator_lost: Arc::default() }
    }

    /// Whether the connection to the transaction coordinator broke since the client was made.
    pub(crate) fn coordinator_lost(&self) -> bool {
        self.coordinator_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn on_error(&self, code: RDKafkaErrorCode, reason: &str) {
        debug!(?code, reason, "kafka client");
        if matches!(
            code,
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::SSL
        ) {
            self.brokers.suspect(reason);
        }
        if code == RDKafkaErrorCode::AllBrokersDown {
            self.brokers.troubles.fetch_add(1, Ordering::Relaxed);
        }
        self.watch_coordinator(reason);
    }

    /// librdkafka names its connection to the coordinator "TxnCoordinator" in what it says about connections.
    fn watch_coordinator(&self, text: &str) {
        if text.contains("TxnCoordinator") && !text.contains("idle") {
            self.coordinator_lost.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn on_log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        match (level, facility) {
            // Why a transaction failed is what the call says that meets it, and whoever made the call tells it where it matters.
            (_, "TXNERR") => debug!(target: "librdkafka", facility, "{text}"),
            // A broker that finds no leader says so in each of its answers, until there is one.
            (_, "METADATAUPDATE") => debug!(target: "librdkafka", facility, "{text}"),
            // Lost connections and timed out requests: `Brokers` says it once for all.
            (_, "FAIL" | "ERROR" | "REQTMOUT" | "GETPID" | "ADDOFFSETS" | "TXNCOORD") => {
                debug!(target: "librdkafka", facility, "{text}");
                if facility == "FAIL" {
                    self.brokers.suspect(text);
                    self.watch_coordinator(text);
                }
            }
            (RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical, _) => {
                error!(target: "librdkafka", facility, "{text}");
            }
            (RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning, _) => warn!(target: "librdkafka", facility, "{text}"),
            (RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug, _) => {
                debug!(target: "librdkafka", facility, "{text}");
            }
        }
    }
}

impl ClientContext for ClientEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.on_log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.on_error(code, reason);
        }
    }
}

impl ConsumerContext for ClientEvents {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn brokers_that(answer: Arc<AtomicBool>, asked: Arc<AtomicUsize>) -> Brokers {
        let brokers = Brokers::default();
        brokers.set_probe(Box::new(move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            if answer.load(Ordering::Relaxed) { Ok(()) } else { Err("no answer".to_owned()) }
        }));
        brokers
    }

    #[test]
    fn nobody_is_asked_while_nothing_is_suspected() {
        let asked = Arc::new(AtomicUsize::new(0));
        let brokers = brokers_that(Arc::new(AtomicBool::new(false)), Arc::clone(&asked));
        brokers.look();
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert!(!brokers.away());
    }

    #[test]
    fn a_suspicion_is_confirmed_before_it_is_announced_and_not_asked_about_in_a_spin() {
        let (answer, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let brokers = brokers_that(Arc::clone(&answer), Arc::clone(&asked));
        brokers.suspect("all brokers are down");
        brokers.look();
        assert!(!brokers.away(), "a broker answered");

        answer.store(false, Ordering::Relaxed);
        brokers.suspect("all brokers are down");
        for _ in 0..100 {
            brokers.look();
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1, "asked again within a second");
    }

    #[test]
    fn brokers_that_do_not_answer_are_away_until_one_does() {
        let answer = Arc::new(AtomicBool::new(false));
        let brokers = brokers_that(Arc::clone(&answer), Arc::default());
        brokers.suspect("all brokers are down");
        brokers.look();
        assert!(brokers.away());
        answer.store(true, Ordering::Relaxed);
        *brokers.last_probe.lock().unwrap() = None;
        brokers.look();
        assert!(!brokers.away());
    }
}
