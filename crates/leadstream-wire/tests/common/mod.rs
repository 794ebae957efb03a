//! What the tests of this crate share: finding the published data, and short ways to decode.
#![allow(dead_code, reason = "every test program uses its own part")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on stops, and says what it skips")]

use std::io::Read;
use std::path::PathBuf;

use leadstream_wire::{DeadLetter, Decoded, Decoder, EventBatch, InputRecord, SourceFormat};

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The lines of a published data set; nothing, with a printed reason, where it is not at hand.
pub(crate) fn shared_lines(name: &str) -> Option<Vec<String>> {
    let path: PathBuf = package().join("../../../shared/data").join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            println!("skipped: {} cannot be read: {error}", path.display());
            return None;
        }
    };
    let mut text = String::new();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    Some(text.lines().map(str::to_owned).collect())
}

/// A record of a topic with a broker's timestamp.
pub(crate) fn record(value: &[u8]) -> InputRecord<'_> {
    InputRecord { topic: "events", timestamp_ms: Some(1_760_000_000_000), value: Some(value), ..InputRecord::default() }
}

/// Decodes one record by itself.
pub(crate) fn decode_one(format: &SourceFormat, record: &InputRecord<'_>) -> (EventBatch, Result<Decoded, DeadLetter>) {
    let mut decoder = Decoder::compile(format).unwrap();
    let mut batch = EventBatch::new();
    let decoded = decoder.decode(record, &mut batch);
    (batch, decoded)
}

/// The properties of an event as text, ordered by name.
pub(crate) fn properties(event: &leadstream_core::Event) -> String {
    let mut members: Vec<_> = event.properties.iter().map(|(_, name, value)| format!("{name}={value:?}")).collect();
    members.sort();
    members.join(" ")
}

/// Compares bytes with a golden file of version 1; `LEADSTREAM_WRITE_GOLDEN=1` writes files that do not exist yet, and never changes one.
pub(crate) fn assert_golden(name: &str, bytes: &[u8]) {
    let path = package().join("tests/golden/v1").join(name);
    if std::env::var_os("LEADSTREAM_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, bytes).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    assert!(
        golden == bytes,
        "{name} changed:\n  was {}\n  is  {}",
        String::from_utf8_lossy(&golden),
        String::from_utf8_lossy(bytes)
    );
}
