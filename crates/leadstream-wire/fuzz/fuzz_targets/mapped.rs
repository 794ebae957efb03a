//! Mapped JSON, CSV and Avro; the first byte chooses.
#![no_main]

mod check;

use std::cell::RefCell;
use std::collections::BTreeMap;

use leadstream_wire::{CsvFormat, Decoder, Encoding, MappedKind, Mapping, Shape, SourceFormat, TimeFormat};

const SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [
    {"name": "who", "type": ["null", "string", "long"]}, {"name": "what", "type": "string"},
    {"name": "when", "type": ["null", "string", "double"]}, {"name": "data", "type": {"type": "map", "values":
        ["null", "boolean", "long", "float", "bytes", "string", {"type": "array", "items": "null"}, "R"]}}]}"#;

thread_local! {
    static DECODERS: RefCell<Vec<Decoder>> = RefCell::new({
        let csv = CsvFormat { columns: ["who", "what", "when", "data"].map(str::to_owned).to_vec(), delimiter: b';' };
        let mut formats = Vec::new();
        for encoding in [Encoding::Json, Encoding::Csv(csv), Encoding::Avro(SCHEMA.into())] {
            for kind in [MappedKind::Interaction, MappedKind::Attributes, MappedKind::Tags] {
                let mapping = Mapping {
                    kind,
                    event_type: Some("record.what".into()),
                    id: (kind == MappedKind::Tags).then(|| "record.who".into()),
                    time: Some("record.when".into()),
                    time_format: match kind {
                        MappedKind::Attributes => TimeFormat::Pattern("%Y-%m-%d %H:%M:%S".into()),
                        _ => TimeFormat::Automatic,
                    },
                    skip_when: Some("record.what == 'skip' || size(record.what) > 900".into()),
                    all_properties: Some(if kind == MappedKind::Attributes { "record" } else { "record.data" }.into()),
                    properties: match kind {
                        MappedKind::Tags => BTreeMap::new(),
                        _ => BTreeMap::from([("twice".to_owned(), "double(record.when) * 2 + record.data.x".to_owned())]),
                    },
                    ..Mapping::default()
                };
                let mut format = SourceFormat::new("s", Shape::Mapped(encoding.clone(), Box::new(mapping)));
                format.contact = Some("record.who".into());
                format.time_zone = Some("America/New_York".into());
                formats.push(Decoder::compile(&format).expect("a sound format"));
            }
        }
        formats
    });
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, value)) = data.split_first() else { return };
    DECODERS.with_borrow_mut(|decoders| {
        let at = usize::from(*first) % decoders.len();
        check::check(&mut decoders[at], value, Some(1_760_000_000_000));
    });
});
