//! The table of scores: what a reader who compacts the topic by its key has in hand, against the final scorecards of a replay.
//!
//! An instance writes a contact's scorecard when it writes the contact back, a replay all of them at the end: so the instant for which a scorecard holds
//! differs, and everything else has to be the same, as long as no score changes with time alone.

use std::collections::BTreeMap;

use leadstream_test_support::ForeignRecord;
use serde_json::Value;

use crate::Application;

/// The topic of the table.
const TOPIC: &str = "scores";
/// Where a replay writes the final scorecards.
pub(crate) const REPLAYED: &str = "cards.jsonl";

impl Application {
    /// Asserts that the table of scores on Kafka is what the last replay has scored: the same contacts, each with the same scores, levels and tags.
    ///
    /// # Panics
    /// Where it is not, with the first contact that differs; where the topic cannot be read, or nothing was replayed.
    pub fn assert_scores_are_replayed(&self) {
        let replayed = std::fs::read_to_string(self.path(REPLAYED)).expect("something was replayed");
        let cards = replayed.lines().map(|line| serde_json::from_str(line).expect("a scorecard is JSON"));
        let expected: BTreeMap<String, Value> = cards.map(without_time).collect();
        assert!(expected.len() > 20, "too little to compare: {} scorecards", expected.len());
        let table = compacted(&self.settled(TOPIC));
        for contact in expected.keys().chain(table.keys()) {
            let (is, should_be) = (table.get(contact), expected.get(contact));
            assert!(
                is == should_be,
                "{} scorecards instead of {}; that of {contact} is {is:#?} instead of {should_be:#?}",
                table.len(),
                expected.len()
            );
        }
    }
}

/// The last record of each key, as compaction would leave it; a null value takes the row away.
fn compacted(records: &[ForeignRecord]) -> BTreeMap<String, Value> {
    let mut table = BTreeMap::new();
    // Records come by partition and offset, and all of a key are in one partition.
    for record in records {
        let key = String::from_utf8(record.key.clone().expect("a row has a key")).expect("a contact's id is text");
        match &record.value {
            None => table.remove(&key),
            Some(value) => {
                let (contact, card) = without_time(serde_json::from_slice(value).expect("a scorecard is JSON"));
                assert_eq!(contact, key);
                table.insert(key, card)
            }
        };
    }
    table
}

fn without_time(mut card: Value) -> (String, Value) {
    let time = card.as_object_mut().expect("a scorecard is an object").remove("time");
    assert!(time.is_some_and(|time| time.is_string()), "{card}");
    (card["contact"].as_str().expect("a scorecard is of a contact").to_owned(), card)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, contact: &str, value: Option<&str>) -> ForeignRecord {
        let value = value.map(|value| value.as_bytes().to_vec());
        let key = Some(contact.as_bytes().to_vec());
        ForeignRecord { partition: 0, offset, timestamp_ms: 0, headers: Vec::new(), key, value }
    }

    #[test]
    fn of_each_contact_the_last_row_counts_and_a_null_is_none() {
        let card = |seq| format!("{{\"contact\":\"c1\",\"time\":\"2026-01-01T00:00:00Z\",\"seq\":{seq}}}");
        let records = [record(0, "c1", Some(&card(1))), record(1, "c2", None), record(2, "c1", Some(&card(2)))];
        let table = compacted(&records);
        assert_eq!(
            table.into_iter().collect::<Vec<_>>(),
            [("c1".to_owned(), serde_json::json!({"contact": "c1", "seq": 2}))]
        );
        assert!(compacted(&[record(0, "c1", Some(&card(1))), record(1, "c1", None)]).is_empty());
    }
}
