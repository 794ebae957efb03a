//! `leadstream replay` of Avro container files, whole and damaged.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_avro_fast::object_container_file_encoding::{Compression, CompressionLevel, WriterBuilder};
use serde_avro_fast::ser::SerializerConfig;
use tempfile::TempDir;

const SCHEMA: &str = r#"{"type":"record","name":"Row","fields":[{"name":"who","type":"string"},{"name":"page","type":"string"},{"name":"at","type":"long"}]}"#;
const PLAN: &str = "plan: cars\nrules:\n  - { id: pricing, on: page_viewed, points: 15 }\n";
/// Its own schema file is not that of the rows: a container's is believed.
const CONFIGURATION: &str = "sources:
  - topic: rows
    format: avro
    contact: record.who
    avro: { schema: other.avsc }
    mapping: { type: \"'page_viewed'\", time: record.at, time_format: unix_ms, properties: { path: record.page } }
  - topic: framed
    format: avro
    contact: record.who
    avro: { framing: confluent, schemas: { 7: other.avsc } }
    mapping: { type: \"'page_viewed'\", time: record.at, time_format: unix_ms, properties: { path: record.page } }
";

#[derive(serde::Serialize)]
struct Row {
    who: String,
    page: String,
    at: i64,
}

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(TempDir::new().unwrap());
        place.write("leadstream.yaml", CONFIGURATION);
        place.write("other.avsc", r#"{"type":"string"}"#);
        std::fs::create_dir(place.path("plans")).unwrap();
        place.write("plans/cars.yaml", PLAN);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Replays a file; gives the code it ends with and all that it says.
    fn replay(&self, bytes: &[u8], more: &[&str]) -> (Option<i32>, String) {
        self.write("rows.avro", bytes);
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadstream"));
        command.args(["replay", "rows.avro"]).args(more).current_dir(self.0.path()).env_remove("LEADSTREAM_CONFIG");
        let Output { status, stdout, stderr } = command.output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }
}

/// A container of 5,000 rows of 7 people in blocks of 1,000, and where each block begins and ends.
fn container(compression: Compression) -> (Vec<u8>, Vec<usize>) {
    let schema: serde_avro_fast::Schema = SCHEMA.parse().unwrap();
    let mut config = SerializerConfig::new(&schema);
    let mut writer =
        WriterBuilder::new(&mut config).compression(compression).approx_block_size(u32::MAX).build(Vec::new()).unwrap();
    let mut ends = vec![writer.inner().len()];
    for number in 0..5_000 {
        let (who, page) = (format!("c{}", number % 7), "/pricing".to_owned());
        writer.serialize(Row { who, page, at: 1_767_225_600_000 + number }).unwrap();
        if number % 1_000 == 999 {
            writer.finish_block().unwrap();
            ends.push(writer.inner().len());
        }
    }
    (writer.into_inner().unwrap(), ends)
}

fn compressions() -> Vec<Compression> {
    let level = CompressionLevel::default();
    vec![Compression::Null, Compression::Deflate { level }, Compression::Snappy, Compression::Zstandard { level }]
}

#[test]
fn containers_are_read_with_their_own_schema_however_they_are_packed() {
    let place = Place::new();
    for compression in compressions() {
        let (file, _) = container(compression);
        for more in [&["--source", "rows"][..], &["--source", "framed"]] {
            let (code, said) = place.replay(&file, more);
            assert_eq!(code, Some(0), "{compression:?}: {said}");
            assert!(said.contains("5,000 records") && said.contains("7 contacts"), "{compression:?}: {said}");
            assert!(!said.contains("dead ("), "{compression:?}: {said}");
        }
    }
}

#[test]
fn a_damaged_block_is_told_with_its_place_and_nothing_else_is_lost_l5() {
    let place = Place::new();
    for compression in compressions() {
        let (mut file, ends) = container(compression);
        // In the middle of the third block.
        let damaged = (ends[2] + ends[3]) / 2;
        file[damaged..damaged + 8].iter_mut().for_each(|byte| *byte ^= 0xff);
        let (code, said) = place.replay(&file, &["--dead-letters", "dead.jsonl"]);
        assert_eq!(code, Some(0), "{compression:?}: {said}");
        assert!(said.contains("5,000 records") && said.contains("dead (malformed)"), "{compression:?}: {said}");
        let letters = std::fs::read_to_string(place.path("dead.jsonl")).unwrap();
        let letters: Vec<serde_json::Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let letter = letters.last().unwrap();
        let span = format!("the block from byte {} to {} is damaged: ", ends[2], ends[3]);
        assert!(letter["reason"].as_str().unwrap().starts_with(&span), "{compression:?}: {letter}");
        let line = letter["line"].as_u64().unwrap();
        // What lies before the damage is read where the codec lets it be: only snappy's checksum always tells of it.
        let expected = if compression == Compression::Snappy { 2_001..2_002 } else { 2_001..3_001 };
        assert!(expected.contains(&line), "{compression:?}: {line}");
    }
}

#[test]
fn what_was_cut_off_keeps_its_whole_blocks_and_a_header_must_be_whole() {
    let place = Place::new();
    let (file, ends) = container(Compression::Null);
    let (code, said) = place.replay(&file[..file.len() - 1], &[]);
    assert_eq!(code, Some(0), "{said}");
    let span = format!("the block from byte {} to {} is damaged: the file ends inside it", ends[4], file.len() - 1);
    assert!(said.contains("4,001 records") && said.contains(&span), "{said}");
    for cut in [40, 3] {
        let (code, said) = place.replay(&file[..cut], &[]);
        assert!(code == Some(1) && said.contains("cut off"), "{cut}: {said}");
    }
}

#[test]
fn what_has_no_ends_in_a_file_is_refused_with_the_reason() {
    let place = Place::new();
    let bare = b"\x04c1\x10/pricing\x00";
    let framed = [&[0, 0, 0, 0, 7][..], bare].concat();
    for (bytes, source) in [(&bare[..], "rows"), (&framed, "framed"), (b"{}\n{}\n", "rows")] {
        let (code, said) = place.replay(bytes, &["--source", source]);
        assert_eq!(code, Some(1), "{said}");
        let reason =
            "it is no avro container file: it does not begin with Obj. Bare and framed records have no ends in a file";
        assert!(said.contains(reason), "{said}");
    }
    let (file, _) = container(Compression::Null);
    let at = file.windows(4).position(|window| window == b"null").unwrap();
    let packed_otherwise = [&file[..at - 1], b"\x0abzip2", &file[at + 4..]].concat();
    let (code, said) = place.replay(&packed_otherwise, &[]);
    assert!(code == Some(1) && said.contains("it is packed with bzip2: pack it with"), "{said}");
}
