//! Whether a record is about an id: by its bytes and, in a source or the topic of contacts, by what the service would make of it.
//!
//! Bytes alone miss ids that are no texts there, as the numbers of Avro are, or that a mapping puts together. What cannot be decoded is looked at by its
//! bytes, and counted.

use leadstream_config::Config;
use leadstream_core::{Event, Value};
use leadstream_runtime::log::Record;
use leadstream_wire::{Decoder, EventBatch};

use crate::codec::input_record;
use crate::failure::Failure;
use crate::sources;

/// What is looked for, in one topic.
pub(super) struct Wanted<'a> {
    id: &'a str,
    topic: &'a str,
    decoders: Vec<Decoder>,
    events: EventBatch,
    /// Records that no description of the topic fits.
    pub(super) unreadable: u64,
}

impl<'a> Wanted<'a> {
    /// Looks for an id in a topic; where it is one of sources or of commands about contacts, by their descriptions.
    ///
    /// # Errors
    /// A description that cannot be read, such as an Avro schema: then nobody could say that the id is nowhere.
    pub(super) fn new(config: &Config, topic: &'a str, id: &'a str) -> Result<Wanted<'a>, Failure> {
        let needed = |failure: Failure| {
            Failure::NotDone(format!(
                "{failure}: {topic} cannot be searched without it, so put it where the service has it"
            ))
        };
        let mut formats = Vec::new();
        for source in config.sources.iter().filter(|source| source.topic.to_string() == topic) {
            formats.push((source.name(), sources::format_of(source, config).map_err(needed)?));
        }
        if config.topic_names().contacts.to_string() == topic {
            formats.push(("contacts", sources::contacts_format(config).map_err(needed)?));
        }
        let decoders: Result<_, Failure> =
            formats.iter().map(|(name, format)| sources::decoder(name, format)).collect();
        Ok(Wanted { id, topic, decoders: decoders?, events: EventBatch::new(), unreadable: 0 })
    }

    /// Whether a record is about the id.
    pub(super) fn is_in(&mut self, record: &Record<'_>) -> bool {
        if has_bytes(record, self.id.as_bytes()) {
            return true;
        }
        if self.decoders.is_empty() || record.value.is_none() {
            return false;
        }
        let input = input_record(self.topic, record);
        let mut is_readable = false;
        for decoder in &mut self.decoders {
            self.events.clear();
            is_readable |= decoder.decode(&input, &mut self.events).is_ok();
            if self.events.events().iter().any(|event| is_about(event, self.id)) {
                return true;
            }
        }
        self.unreadable += u64::from(!is_readable);
        false
    }
}

/// Whether an event is one of the id, or names it, as what links ids does.
fn is_about(event: &Event, id: &str) -> bool {
    event.contact == id || event.properties.iter().any(|(_, _, value)| matches!(value, Value::Text(text) if text == id))
}

/// Whether the id stands anywhere in a record.
fn has_bytes(record: &Record<'_>, id: &[u8]) -> bool {
    let mut parts = vec![record.key, record.value];
    let mut place = 0;
    while let Some(header) = record.headers.header(place) {
        parts.push(header.value);
        place += 1;
    }
    parts.into_iter().flatten().any(|part| super::contains(part, id))
}

#[cfg(test)]
mod tests {
    use leadstream_config::{Layers, YamlFile, examine};
    use leadstream_runtime::log::{Timestamp, TimestampKind, TopicIndex};

    use super::*;

    const SCHEMA: &str = r#"{"type": "record", "name": "order", "fields": [{"name": "customer", "type": "long"}]}"#;

    /// A configuration in a folder with the schema of a source in Avro.
    fn config(folder: &std::path::Path) -> Config {
        let text = "sources:
  - topic: orders
    format: avro
    avro: { schema: orders.avsc }
    contact: '\"crm-\" + string(record.customer)'
    mapping: { type: \"'order_completed'\" }
  - { topic: web, format: segment }
";
        let file = YamlFile { name: "test.yaml".to_owned(), directory: folder.to_owned(), text: text.to_owned() };
        let examined = examine(&Layers { file: Some(file), environment: [].into(), flags: Vec::new() });
        assert!(!examined.has_errors(), "{:?}", examined.problems);
        examined.config
    }

    fn is_found(wanted: &mut Wanted<'_>, value: &[u8]) -> bool {
        let headers: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        let record = Record {
            topic: TopicIndex(0),
            partition: 0,
            offset: 0,
            timestamp: Some(Timestamp { ms: 1_700_000_000_000, kind: TimestampKind::CreateTime }),
            key: None,
            value: Some(value),
            headers: &headers
                .to_vec()
                .iter()
                .map(|_| (String::new(), None))
                .collect::<Vec<(String, Option<Vec<u8>>)>>(),
        };
        wanted.is_in(&record)
    }

    #[test]
    fn an_id_is_found_where_avro_holds_a_number_and_a_mapping_makes_the_id_of_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("orders.avsc"), SCHEMA).unwrap();
        let config = config(folder.path());
        // 4711 and 4712 as a long of Avro.
        let (his, of_another, broken) = (&[0xce, 0x49][..], &[0xd0, 0x49][..], &[0xff][..]);
        let mut wanted = Wanted::new(&config, "orders", "crm-4711").unwrap();
        assert!(is_found(&mut wanted, his));
        assert!(!is_found(&mut wanted, of_another));
        assert_eq!(wanted.unreadable, 0);
        assert!(!is_found(&mut wanted, broken));
        assert!(is_found(&mut wanted, b"\xffcrm-4711"));
        assert_eq!(wanted.unreadable, 1);
        // Where nothing is known of the records, bytes are all there is.
        let mut elsewhere = Wanted::new(&config, "scores", "crm-4711").unwrap();
        assert!(!is_found(&mut elsewhere, his) && is_found(&mut elsewhere, b"{\"contact\":\"crm-4711\"}"));
        assert_eq!(elsewhere.unreadable, 0);
    }

    #[test]
    fn an_id_is_found_where_json_escapes_its_letters_and_where_ids_are_linked() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let mut wanted = Wanted::new(&config, "web", "zoë").unwrap();
        assert!(is_found(&mut wanted, br#"{"type":"track","event":"Signed Up","messageId":"1","userId":"zo\u00eb"}"#));
        let link = br#"{"type":"alias","messageId":"2","userId":"c2","previousId":"zo\u00eb","timestamp":"2026-01-01T00:00:00Z"}"#;
        assert!(is_found(&mut wanted, link));
        assert!(!is_found(&mut wanted, br#"{"type":"track","event":"Signed Up","messageId":"3","userId":"zoe"}"#));
    }

    #[test]
    fn a_schema_that_cannot_be_read_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let refused = Wanted::new(&config, "orders", "crm-4711").err().unwrap().to_string();
        assert!(refused.starts_with("cannot read the schema ") && refused.contains("orders.avsc"), "{refused}");
        assert!(
            refused.ends_with("orders cannot be searched without it, so put it where the service has it"),
            "{refused}"
        );
    }
}
