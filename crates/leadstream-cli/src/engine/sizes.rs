//! How large records become, against what topics and the producer take.
//!
//! Owns the comparison. A record that its topic refuses would fail the same epoch for ever, so it is told before anything is scored.

use leadstream_config::Config;
use leadstream_core::STATE_BYTES_MAX;
use leadstream_runtime::log::TopicDescription;

use super::told::REDO_PART_BYTES;
use crate::{connection, plans};

/// The largest record, whatever the producer and the topic take: what bounds a contact was chosen for librdkafka's own limit of 1,000,000 bytes.
const RECORD_BYTES: usize = 900_000;
/// A dead letter of this size holds every record whole that could have been taken (64 KiB, S58), with its key and headers.
const LETTER_BYTES: usize = 128 << 10;
/// A scorecard with as many plans and tags as there may be (S58), in JSON.
const SCORECARD_BYTES: usize = 256 << 10;

/// The largest record that a topic takes of this producer, less room for keys and framing.
pub(super) fn record_bytes(config: &Config, topic: &TopicDescription) -> usize {
    let producer = connection::settings(config).producer_limits().record_bytes;
    RECORD_BYTES.min(producer.min(topic.max_message_bytes as usize) / 10 * 9)
}

/// Every way in which a topic of Leadstream's own does not take what may be written to it.
pub(crate) fn size_differences(config: &Config, topic: &TopicDescription) -> Vec<String> {
    let names = config.topic_names();
    let producer = connection::settings(config).producer_limits();
    let has = topic.max_message_bytes as usize;
    let is = |name: &leadstream_config::TopicName| name.as_str() == topic.name;
    let mut differences = Vec::new();
    // Only others write commands.
    if producer.batch_bytes > has && !is(&names.contacts) {
        differences.push(format!(
            "has max.message.bytes={has}, needs at least {} for batches of that size: raise it, or lower kafka.producer's batch.size",
            producer.batch_bytes
        ));
    }
    let mut needs = |bytes: usize, what: String| {
        let limit = |bytes: usize| (bytes / 9 + 1) * 10;
        if record_bytes(config, topic) >= bytes {
        } else if has < limit(bytes) {
            differences.push(format!(
                "has max.message.bytes={has}, needs at least {} for {what}: raise the one or lower the other",
                limit(bytes)
            ));
        } else {
            differences.push(format!(
                "gets records of up to {} bytes for {what}: raise kafka.producer's message.max.bytes ({}) or lower the other",
                limit(bytes),
                producer.record_bytes
            ));
        }
    };
    let history = format!("history.bytes {}", config.history.bytes);
    let contact = plans::history(config).bytes + STATE_BYTES_MAX;
    // A contact that becomes part of another one goes whole through the topic of identities.
    if is(&names.contacts_changelog) || is(&names.identities) {
        needs(contact, history);
    } else if is(&names.redo) {
        needs(contact.max(REDO_PART_BYTES), history);
    } else if is(&names.dead_letters) {
        needs(LETTER_BYTES, "records of 64 KiB with their headers".to_owned());
    } else if is(&names.scores) {
        needs(SCORECARD_BYTES, "scorecards with as many plans and tags as there may be".to_owned());
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    use leadstream_config::{Layers, YamlFile, load};

    fn described(name: &str, max_message_bytes: u32) -> TopicDescription {
        TopicDescription {
            id: None,
            name: format!("leadstream.{name}"),
            partitions: 1,
            replication: 1,
            cleanup_policy: None,
            retention_ms: None,
            max_message_bytes,
            settings: Default::default(),
        }
    }

    fn config(producer: &[(&str, &str)], history_kib: u64) -> Config {
        let lines: String = producer.iter().map(|(name, value)| format!("    {name}: '{value}'\n")).collect();
        let text = format!("history: {{ bytes: {history_kib}KiB }}\nkafka:\n  producer:\n{lines}");
        let file = YamlFile { name: "test".to_owned(), directory: std::path::PathBuf::new(), text };
        load(&Layers { file: Some(file), ..Layers::default() }).unwrap().config
    }

    #[test]
    fn the_defaults_of_kafka_take_everything() {
        for name in
            ["contacts-changelog", "redo", "identities", "scores", "dead-letters", "stages", "interactions", "contacts"]
        {
            assert_eq!(size_differences(&Config::default(), &described(name, 1_048_588)), [""; 0], "{name}");
        }
    }

    #[test]
    fn every_topic_written_to_must_take_a_batch_of_the_producer() {
        let needs = "has max.message.bytes=900000, needs at least 1000000 for batches of that size: raise it, or lower kafka.producer's batch.size";
        for name in ["redo", "scores", "dead-letters", "stages", "interactions", "identities", "plans"] {
            let differences = size_differences(&config(&[], 16), &described(name, 900_000));
            assert_eq!(differences, [needs], "{name}");
            let small = config(&[("batch.size", "500000")], 16);
            assert_eq!(size_differences(&small, &described(name, 900_000)), [""; 0], "{name}");
        }
        assert_eq!(size_differences(&config(&[], 16), &described("contacts", 1_000)), [""; 0], "others write it");
    }

    #[test]
    fn what_a_whole_contact_is_written_to_must_take_the_largest() {
        let batches = [("batch.size", "100000")];
        for name in ["contacts-changelog", "redo", "identities"] {
            let is = |history, bytes| size_differences(&config(&batches, history), &described(name, bytes));
            let needs = "has max.message.bytes=500000, needs at least 999730 for history.bytes 448KiB: raise the one or lower the other";
            assert_eq!(is(448, 500_000), [needs], "{name}");
            assert_eq!(is(448, 999_730), [""; 0]);
            assert_eq!(is(16, 500_000).len(), 1);
            assert_eq!(is(16, 600_000), [""; 0]);
        }
    }

    #[test]
    fn letters_and_scorecards_must_fit_and_so_must_everything_through_the_producer() {
        let batches = config(&[("batch.size", "100000")], 448);
        let needs = |name, bytes| size_differences(&batches, &described(name, bytes));
        assert_eq!((needs("dead-letters", 145_000).len(), needs("dead-letters", 146_000).len()), (1, 0));
        assert_eq!((needs("scores", 290_000).len(), needs("scores", 292_000).len()), (1, 0));
        let narrow = config(&[("message.max.bytes", "500000")], 448);
        assert_eq!(
            size_differences(&narrow, &described("redo", 1_048_588)),
            [
                "gets records of up to 999730 bytes for history.bytes 448KiB: raise kafka.producer's message.max.bytes (500000) or lower the other"
            ]
        );
    }

    #[test]
    fn a_letter_is_no_larger_than_topic_and_producer_take() {
        let bytes = |config: &Config, has| record_bytes(config, &described("dead-letters", has));
        assert_eq!(bytes(&Config::default(), 1_048_588), 900_000);
        assert_eq!(bytes(&config(&[("message.max.bytes", "10000000")], 448), 8_000_000), 900_000);
        assert_eq!(bytes(&config(&[("message.max.bytes", "10000000")], 448), 200_000), 180_000);
        assert_eq!(bytes(&config(&[("message.max.bytes", "500000")], 448), 1_048_588), 450_000);
    }
}
