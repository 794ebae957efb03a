//! Checks of the cluster, the engine, history and memory: ranges, and values that must fit each other.

use super::Check;
use crate::model::memory::{LEAST_BUDGET, LEAST_PART};
use crate::units::{ByteSize, TimeSpan};
use crate::values::Retention;

/// What a transaction may need beside the commit interval before the broker ends it: a flush and a slow coordinator.
const TRANSACTION_SLACK: TimeSpan = TimeSpan::from_seconds(5);
/// The broker's own default for `transaction.max.timeout.ms`.
const LONGEST_TRANSACTION: TimeSpan = TimeSpan::from_seconds(900);
/// The longest span a plan or a history may name: ten years of 365 days.
const LONGEST_SPAN: TimeSpan = TimeSpan::from_days(3650);

impl Check<'_> {
    pub(super) fn kafka(&mut self) {
        let (config, kafka) = (self.config, &self.config.kafka);
        let brokers: Vec<&str> = kafka.bootstrap.split(',').map(str::trim).collect();
        for broker in &brokers {
            let port =
                broker.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
            if port.is_none() {
                self.error("kafka.bootstrap", format!("{broker:?} is not host:port, as in kafka-1:9092"));
            }
        }
        let least = TimeSpan::from_ms(config.engine.commit_interval.as_ms() + TRANSACTION_SLACK.as_ms());
        if kafka.transaction_timeout < least {
            let (timeout, interval) = (kafka.transaction_timeout, config.engine.commit_interval);
            let message =
                format!("{timeout} is too short for engine.commit_interval {interval}; allowed is {least} or more");
            self.error("kafka.transaction_timeout", message);
        }
        if kafka.transaction_timeout > LONGEST_TRANSACTION {
            let message =
                format!("{} is above what brokers allow by default, {LONGEST_TRANSACTION}", kafka.transaction_timeout);
            self.warning("kafka.transaction_timeout", message);
        }
        let local = brokers.iter().all(|broker| {
            broker.starts_with("127.") || broker.starts_with("localhost:") || broker.starts_with("[::1]:")
        });
        if config.topics.replication_factor == 1 && !local {
            self.warning("topics.replication_factor", "1 copy on a real cluster: losing one broker loses state");
        }
        self.plain_secrets();
    }

    /// A secret written into the file is in every copy and backup of it.
    fn plain_secrets(&mut self) {
        let kafka = &self.config.kafka;
        for (section, settings) in
            [("common", &kafka.common), ("consumer", &kafka.consumer), ("producer", &kafka.producer)]
        {
            for (name, setting) in settings.iter().filter(|(_, setting)| setting.is_secret()) {
                let path = format!("kafka.{section}.{name}");
                let referred = ["file", "env"].iter().any(|key| self.origins.get(&format!("{path}.{key}")).is_some());
                let in_file = matches!(self.origins.nearest(&path), crate::problem::Origin::File { .. });
                if in_file && !referred && !setting.expose().is_empty() {
                    self.warning(&path, "a secret stands in the file; {file: PATH} or {env: NAME} keeps it out");
                }
            }
        }
    }

    pub(super) fn engine(&mut self) {
        let config = self.config;
        let engine = &config.engine;
        self.range("engine.commit_interval", engine.commit_interval, TimeSpan::from_ms(5), TimeSpan::from_seconds(10));
        self.range("engine.write_back.events", engine.write_back.events, 1000, 1_000_000_000);
        self.range(
            "engine.write_back.bytes",
            engine.write_back.bytes,
            ByteSize::from_mib(1),
            ByteSize::from_mib(65_536),
        );
        self.range("engine.write_back.age", engine.write_back.age, TimeSpan::from_ms(0), TimeSpan::from_seconds(600));
        let least = TimeSpan::from_ms(4 * config.kafka.transaction_timeout.as_ms());
        if engine.stalled_after < least {
            let (limit, timeout) = (engine.stalled_after, config.kafka.transaction_timeout);
            let message = format!(
                "{limit} is below {least}, four times kafka.transaction_timeout ({timeout}): a commit in doubt would count as a thread that hangs"
            );
            self.error("engine.stalled_after", message);
        }
        if engine.accept_lost_input {
            let message = "input that was deleted before it was scored will be skipped; set it back after the start it was meant for";
            self.warning("engine.accept_lost_input", message);
        }
        self.range("clock.allowance", config.clock.allowance, TimeSpan::from_ms(0), TimeSpan::from_days(1));
        self.range("clock.input_wait", config.clock.input_wait, TimeSpan::from_ms(0), TimeSpan::from_seconds(10));
    }

    pub(super) fn history(&mut self) {
        let config = self.config;
        let history = &config.history;
        self.range("history.horizon", history.horizon, TimeSpan::from_seconds(1), LONGEST_SPAN);
        self.range("history.max_ahead", history.max_ahead, TimeSpan::from_ms(0), TimeSpan::from_days(7));
        self.range("history.rows", history.rows, 1, 100_000);
        // With what a contact keeps beside its history, more would not fit into the largest message that the producer sends.
        self.range("history.bytes", history.bytes, ByteSize::from_bytes(16 << 10), ByteSize::from_bytes(448 << 10));
        if history.max_ahead >= history.horizon {
            let message = format!("{} is not below history.horizon {}", history.max_ahead, history.horizon);
            self.error("history.max_ahead", message);
        }
        if let Retention::For(span) = config.topics.contacts_retention {
            let message = format!("commands older than {span} will be gone: a rebuilt application would not know them");
            self.warning("topics.contacts_retention", message);
        }
        if let Retention::For(span) = config.topics.interactions_retention
            && span < TimeSpan::from_days(1)
        {
            self.error(
                "topics.interactions_retention",
                format!("{span} is too short; allowed is 1d or more, or unlimited"),
            );
        }
    }

    pub(super) fn memory(&mut self) {
        let memory = &self.config.memory;
        if memory.budget < LEAST_BUDGET {
            return self
                .error("memory.budget", format!("{} is too small; allowed is {LEAST_BUDGET} or more", memory.budget));
        }
        let given = memory.given();
        let named: Vec<String> =
            given.iter().filter_map(|(key, size, _)| size.map(|size| format!("{key} {size}"))).collect();
        let taken: u128 = given.iter().filter_map(|(_, size, _)| *size).map(|size| u128::from(size.as_bytes())).sum();
        let left = u128::from(memory.budget.as_bytes()).checked_sub(taken);
        let open = given.iter().filter(|(_, size, _)| size.is_none()).count();
        match left {
            None => {
                let message = format!("the parts ({}) are more than memory.budget {}", named.join(", "), memory.budget);
                self.error("memory", message);
            }
            // Ten least parts, since the smallest share of the rest is about a tenth.
            Some(left) if open > 0 && left < 10 * u128::from(LEAST_PART.as_bytes()) => {
                let message = format!(
                    "the parts ({}) leave too little of memory.budget {} to the others",
                    named.join(", "),
                    memory.budget
                );
                self.error("memory", message);
            }
            Some(left) if open == 0 && left > 0 => {
                self.warning("memory", format!("{left} bytes of memory.budget belong to no part and stay unused"));
            }
            Some(_) => {}
        }
        for (key, size, _) in given {
            if let Some(size) = size.filter(|size| *size < LEAST_PART) {
                self.error(&format!("memory.{key}"), format!("{size} is too small; allowed is {LEAST_PART} or more"));
            }
        }
    }
}
