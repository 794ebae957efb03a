//! The figures of a running process, as Prometheus would read them.

use std::collections::BTreeMap;

/// What `/metrics` showed at one moment.
#[derive(Debug)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Reads them once.
    ///
    /// # Panics
    /// Where nothing answers there.
    pub fn read(address: &str) -> Figures {
        let answer = ureq::get(format!("http://{address}/metrics")).call();
        let text = answer.expect("the figures are served").body_mut().read_to_string().expect("they are text");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.rsplit_once(' '));
        Figures(pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Whether a figure is there at all, whatever its labels.
    pub fn has(&self, name: &str) -> bool {
        self.0.keys().any(|key| key.split('{').next() == Some(name))
    }

    /// The sum over a figure's labels; 0 where it was never counted.
    pub fn sum(&self, name: &str) -> u64 {
        let of_name = |key: &&String| key.split('{').next() == Some(name);
        self.0.iter().filter(|(key, _)| of_name(key)).map(|(_, value)| *value as u64).sum()
    }

    /// Whether so many records were read and taken care of, and none that is known of waits. One that was only sent to the task of its contact is not
    /// taken care of: it is delivered once more there, and the lag of that task tells of it later.
    pub fn are_of_all(&self, records: usize) -> bool {
        let on_their_way = self.deliveries("rekeyed") + self.deliveries("sent_on");
        let deliveries = self.sum("leadstream_deliveries_total") - on_their_way;
        deliveries >= records as u64 && self.sum("leadstream_lag_records") == 0
    }

    /// Deliveries with an outcome.
    pub fn deliveries(&self, outcome: &str) -> u64 {
        let name = format!("leadstream_deliveries_total{{outcome=\"{outcome}\"}}");
        self.0.get(&name).map_or(0, |value| *value as u64)
    }
}
