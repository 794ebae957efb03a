//! What must hold of any record in any format: no panic, sound events, an untouched batch where the record is refused, the same again.

use leadstream_core::canonical::canonical_bytes;
use leadstream_core::{EventKind, Value};
use leadstream_wire::limits::{CONTACT_MAX_BYTES, KEPT_PROPERTIES_MAX_BYTES, NAME_MAX_BYTES};
use leadstream_wire::{Decoded, Decoder, EventBatch, InputRecord};

pub fn check(decoder: &mut Decoder, value: &[u8], timestamp_ms: Option<i64>) {
    let record =
        InputRecord { topic: "t", timestamp_ms, key: Some(b"k"), value: Some(value), ..InputRecord::default() };
    let mut batch = EventBatch::new();
    match decoder.decode(&record, &mut batch) {
        Ok(Decoded::Events(count)) => assert!(count > 0 && count == batch.len()),
        Ok(Decoded::Skipped(_)) => assert!(batch.is_empty()),
        Err(letter) => {
            assert!(batch.is_empty() && batch.dropped.total() == 0);
            assert!(!letter.reason.is_empty() && !letter.reason.contains('\n'));
        }
    }
    for event in batch.events() {
        assert!(!event.contact.is_empty() && event.contact.len() <= CONTACT_MAX_BYTES);
        assert!(event.time.is_plausible());
        let name_bytes = event.event_type.as_str().len();
        assert!(name_bytes > 0 && name_bytes <= NAME_MAX_BYTES);
        for (_, name, value) in event.properties.iter() {
            assert!(!name.is_empty() && name.len() <= NAME_MAX_BYTES);
            match value {
                Value::Number(number) => assert!(number.is_finite()),
                Value::Null | Value::Text("") => assert!(event.kind != EventKind::Interaction),
                _ => {}
            }
        }
        if event.kind == EventKind::Interaction {
            assert!(canonical_bytes(&event.properties).len() <= KEPT_PROPERTIES_MAX_BYTES);
        }
    }
    let mut again = EventBatch::new();
    let _ = decoder.decode(&record, &mut again);
    assert_eq!(format!("{:?}", batch.events()), format!("{:?}", again.events()));
}
