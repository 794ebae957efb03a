//! Checks that need more than one value, or a range. All of them run, whatever the others find.
//!
//! No check touches a file or the network; what a broker says is checked where the broker is.

mod engine;
mod sources;

use std::collections::BTreeMap;

use crate::loading::Origins;
use crate::model::Config;
use crate::model::service::OutputFormat;
use crate::problem::Problem;

/// What a check looks at and writes to.
pub(crate) struct Check<'a> {
    config: &'a Config,
    origins: &'a Origins,
    /// Paths of items that could not be read.
    lost: &'a [String],
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    /// The items of a list with the paths at which they stand.
    fn items<'i, T>(&self, path: &str, items: &'i [T]) -> Vec<(String, &'i T)> {
        items_of(path, items, self.lost)
    }

    /// Whether somebody set a value there, even one that could not be read: then nothing is missing.
    fn is_set(&self, path: &str) -> bool {
        self.origins.get(path).is_some()
    }

    fn error(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::error(&self.origins.nearest(path), path, message));
    }

    fn error_with_hint(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        self.problems.push(Problem::error(&self.origins.nearest(path), path, message).hint(hint));
    }

    fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::warning(&self.origins.nearest(path), path, message));
    }

    /// Reports a value outside its bounds, each shown in its own unit.
    fn range<T: PartialOrd + std::fmt::Display>(&mut self, path: &str, value: T, least: T, most: T) {
        if value < least || value > most {
            self.error(path, format!("{value} is not allowed; allowed is {least} to {most}"));
        }
    }
}

/// The items of a list with the paths at which they stand, of which those that were lost are missing.
pub(crate) fn items_of<'i, T>(path: &str, items: &'i [T], lost: &[String]) -> Vec<(String, &'i T)> {
    let paths = (0..items.len() + lost.len()).map(|index| format!("{path}[{index}]"));
    paths.filter(|path| !lost.contains(path)).zip(items).collect()
}

/// Runs every check.
pub(crate) fn check(config: &Config, origins: &Origins, lost: &[String], problems: &mut Vec<Problem>) {
    let mut check = Check { config, origins, lost, problems };
    check.application();
    check.sources();
    check.own_topics();
    check.plans();
    check.output();
    check.kafka();
    check.engine();
    check.history();
    check.memory();
    check.http();
}

impl Check<'_> {
    /// The id leaves room for the longest suffix of a topic or a worker's transactional id.
    fn application(&mut self) {
        let length = self.config.application.id.as_str().len();
        if length > 200 {
            self.error("application.id", format!("{length} characters are too many; allowed are 200"));
        }
    }

    /// No two of our topics may share a name, and no source may be one of those we write.
    fn own_topics(&mut self) {
        let names = self.config.topic_names();
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (key, name) in names.all() {
            if let Some(first) = seen.insert(name.as_str(), key) {
                self.error(&format!("topics.{key}"), format!("{name} is also the name of topics.{first}"));
            }
        }
        for (path, source) in self.items("sources", &self.config.sources) {
            if let Some(key) = seen.get(source.topic.as_str()) {
                let message = format!("{} is Leadstream's own topic topics.{key}", source.topic);
                self.error(&format!("{path}.topic"), message);
            }
        }
        self.range("topics.partitions", self.config.topics.partitions, 1, 10_000);
        self.range("topics.replication_factor", self.config.topics.replication_factor, 1, 32_767);
    }

    fn plans(&mut self) {
        if self.config.plans.is_empty() {
            self.warning("plans", "no plan files: nothing will be scored");
        }
        for (path, name) in self.items("event_types", &self.config.event_types) {
            let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !snake || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
                let message = format!("{name:?} is not an event type; types are snake_case, as in order_completed");
                self.error(&path, message);
            }
        }
    }

    fn output(&mut self) {
        let output = &self.config.output;
        let ids = [
            ("derived_event_schema_id", output.derived_event_schema_id),
            ("scorecard_schema_id", output.scorecard_schema_id),
        ];
        for (key, _) in ids.into_iter().filter(|(_, id)| id.is_some() && output.format == OutputFormat::Json) {
            self.error(&format!("output.{key}"), "a schema id has no place in JSON; set output.format to avro");
        }
    }

    fn http(&mut self) {
        let listen = self.config.http.listen;
        if !listen.ip().is_loopback() {
            let message = format!("{listen} can be reached from other machines, and there is no authentication");
            self.warning("http.listen", message);
        }
        if let Some(advertise) = &self.config.http.advertise
            && !is_address(advertise)
        {
            let message = format!("{advertise:?} is not host:port, as in leadstream-0.scoring:8090");
            self.error("http.advertise", message);
        }
    }
}

/// A name or an address, and a port that can be asked at.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let legal = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')),
    };
    legal && (1..=253).contains(&host.len()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}
