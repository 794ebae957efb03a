//! The suite against the in-memory model, and what only the model can be made to do.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::cell::Cell;
use std::time::Duration;

use leadstream_log_suite::{Cluster, contract_suite, scripts};
use leadstream_runtime::log::model::ModelLog;
use proptest::prelude::*;

mod model {
    mod accidents;
    mod faults;
    mod groups;
    mod worker;
}

/// A model cluster of one test.
struct Model {
    log: ModelLog,
    names: Cell<u32>,
}

fn model() -> Model {
    Model { log: ModelLog::default(), names: Cell::new(0) }
}

impl Cluster for Model {
    type Log = ModelLog;

    fn log(&self) -> &ModelLog {
        &self.log
    }

    fn second_client(&self) -> ModelLog {
        self.log.clone()
    }

    fn name(&self, base: &str) -> String {
        self.names.set(self.names.get() + 1);
        format!("{base}-{}", self.names.get())
    }

    fn make_anew(&self, topic: &str) {
        assert!(self.log.recreate_topic(topic));
    }

    // The model answers at once; a few rounds are what its groups need.
    fn rounds(&self) -> usize {
        20
    }

    fn wait(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self) {}

    fn outlast_session(&self) {
        self.outlast(Duration::from_secs(10));
    }

    fn outlast(&self, time: Duration) {
        self.log.advance(time);
    }
}

contract_suite!(model);

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_scripts_show_what_was_committed_and_nothing_else(steps in scripts::scripts(40)) {
        scripts::run(&model(), &steps);
    }
}
