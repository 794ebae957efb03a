//! The suite against Apache Kafka.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leadstream_kafka::{KafkaLog, KafkaSettings};
use leadstream_log_suite::fixture::{patiently, spec};
use leadstream_log_suite::{Cluster, contract_suite, scripts};
use leadstream_runtime::log::Log as _;
use leadstream_test_support::{Broker, BrokerOptions};
use proptest::prelude::*;

/// The shortest session that the broker is told to allow: a member that is gone is waited for this long.
const SESSION: Duration = Duration::from_secs(6);

/// A client of the broker that all tests share.
struct Kafka {
    log: KafkaLog,
}

/// The broker of all tests here, which looks often for transactions that last too long.
fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let looks = ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500");
        let properties = vec![(looks.0.to_owned(), looks.1.to_owned())];
        Broker::start(BrokerOptions { properties }).unwrap()
    })
}

fn connect() -> KafkaLog {
    let mut settings = KafkaSettings::new(broker().bootstrap());
    settings.consumer.insert("session.timeout.ms".to_owned(), SESSION.as_millis().to_string());
    settings.consumer.insert("heartbeat.interval.ms".to_owned(), "500".to_owned());
    KafkaLog::connect(settings).unwrap()
}

fn kafka() -> Kafka {
    Kafka { log: connect() }
}

impl Cluster for Kafka {
    type Log = KafkaLog;

    fn log(&self) -> &KafkaLog {
        &self.log
    }

    fn second_client(&self) -> KafkaLog {
        connect()
    }

    fn name(&self, base: &str) -> String {
        static NAMES: AtomicU32 = AtomicU32::new(0);
        format!("{base}-{}", NAMES.fetch_add(1, Ordering::Relaxed))
    }

    fn make_anew(&self, topic: &str) {
        self.log.delete_topics(&[topic]).unwrap();
        patiently(self, || self.log.create(&[spec(topic, 1)])).unwrap();
    }

    fn rounds(&self) -> usize {
        400
    }

    fn wait(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn pause(&self) {
        std::thread::sleep(Duration::from_millis(25));
    }

    fn outlast_session(&self) {
        self.outlast(SESSION);
    }

    fn outlast(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

contract_suite!(kafka);

proptest! {
    // Each case costs Kafka some seconds; the model runs the same scripts by the hundred.
    #![proptest_config(ProptestConfig { cases: 5, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_scripts_show_what_was_committed_and_nothing_else(steps in scripts::scripts(25)) {
        scripts::run(&kafka(), &steps);
    }
}
