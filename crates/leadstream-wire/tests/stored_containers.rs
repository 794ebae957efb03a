//! The containers of stored forms: they come back, golden files of version 1 stay readable, and no bytes make the reader panic.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use leadstream_core::{PlanVersion, Span, Timestamp};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::changelog::{
    ChangelogContent, ChangelogRecord, erased_key, read_erased_key, write_deleted, write_erased, write_image_head,
};
use leadstream_wire::stored::plans::{Coming, PlanFile, PlanRef, PlanSetRecord, PlansRecord};
use leadstream_wire::stored::redo::{
    PlanSetSince, RedoContent, RedoEntry, RedoHead, RedoKey, RedoOffset, RedoPacker, RedoRecord,
};
use proptest::prelude::*;

const CHANGELOG_IMAGE: &[u8] = include_bytes!("golden/v1/changelog-image.bin");
const CHANGELOG_ERASED: &[u8] = include_bytes!("golden/v1/changelog-erased.bin");
const CHANGELOG_REINSTATED: &[u8] = include_bytes!("golden/v1/changelog-reinstated.bin");
const CHANGELOG_DELETED: &[u8] = include_bytes!("golden/v1/changelog-deleted.bin");
const REDO: &[u8] = include_bytes!("golden/v1/redo.bin");
const PLAN_FILE: &[u8] = include_bytes!("golden/v1/plans-file.bin");
const PLAN_SET: &[u8] = include_bytes!("golden/v1/plans-set.bin");

fn head() -> RedoHead<'static> {
    RedoHead {
        epoch: 300,
        writer: 0x0102_0304_0506_0708,
        low: 297,
        clock: Timestamp::from_millis(1_700_000_000_000),
        plans: [7; 16],
        plan_sets: vec![
            PlanSetSince { ordinal: 1, since: Timestamp::MIN },
            PlanSetSince { ordinal: 300, since: Timestamp::from_millis(1_699_999_999_999) },
        ],
        offsets: vec![
            RedoOffset { topic: "leadstream.contacts", partition: 3, next_offset: 5 },
            RedoOffset { topic: "żółty", partition: 300, next_offset: 1 << 40 },
        ],
    }
}

fn packed(part_bytes: usize) -> Vec<Vec<u8>> {
    let mut packer = RedoPacker::new(part_bytes);
    packer.push_image("anna", |_, bytes| bytes.extend_from_slice(b"image of anna"));
    packer.push_change("jan", |_, bytes| bytes.extend_from_slice(b"change of jan"));
    packer.push_deleted("maria", [9; 16]);
    let mut records = Vec::new();
    packer
        .records(&head(), |record| {
            records.push(record.to_vec());
            Ok::<(), ()>(())
        })
        .unwrap();
    records
}

fn entries() -> Vec<RedoEntry<'static>> {
    vec![
        RedoEntry { contact: "anna", content: RedoContent::Image(b"image of anna") },
        RedoEntry { contact: "jan", content: RedoContent::Change(b"change of jan") },
        RedoEntry { contact: "maria", content: RedoContent::Deleted { hash: [9; 16] } },
    ]
}

fn image_record(epoch: u64, due: Option<Timestamp>, image: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_image_head(epoch, [1, 2, 3, 4], due, &mut bytes);
    bytes.extend_from_slice(image);
    bytes
}

#[test]
fn golden_records_of_version_1_are_read_and_written_to_the_byte() {
    let due = Some(Timestamp::from_millis(-1));
    assert_eq!(image_record(1_000, due, b"image"), CHANGELOG_IMAGE);
    let image = ChangelogContent::Image { plans: [1, 2, 3, 4], due, image: b"image" };
    assert_eq!(ChangelogRecord::read(CHANGELOG_IMAGE), Ok(ChangelogRecord { epoch: 1_000, content: image }));

    for (bytes, from) in [(CHANGELOG_ERASED, None), (CHANGELOG_REINSTATED, Some(Timestamp::from_millis(-2)))] {
        let mut erased = Vec::new();
        write_erased(7, [4; 16], 300, from, &mut erased);
        assert_eq!(erased, bytes);
        let content = ChangelogContent::Erased { hash: [4; 16], numbers: 300, from };
        assert_eq!(ChangelogRecord::read(bytes), Ok(ChangelogRecord { epoch: 7, content }));
    }
    let mut deleted = Vec::new();
    write_deleted(5, [3; 16], &mut deleted);
    assert_eq!(deleted, CHANGELOG_DELETED);
    let content = ChangelogContent::Deleted { hash: [3; 16] };
    assert_eq!(ChangelogRecord::read(CHANGELOG_DELETED), Ok(ChangelogRecord { epoch: 5, content }));

    assert_eq!(packed(1 << 19), [REDO]);
    let redo = RedoRecord::read(REDO).unwrap();
    assert_eq!((redo.part, redo.parts), (1, 1));
    assert_eq!((redo.head, redo.entries), (head(), entries()));
}

fn plan_file() -> PlansRecord {
    let text = "plan: cars\r\nrules: []\r\n# żółty\n".to_owned();
    PlansRecord::Plan(PlanFile { id: "cars".to_owned(), file: "plans/cars.yaml".to_owned(), text })
}

fn plan_set() -> PlansRecord {
    let plan = |id: &str, byte| PlanRef { id: id.to_owned(), version: PlanVersion([byte; 16]) };
    PlansRecord::Set(PlanSetRecord {
        ordinal: 300,
        horizon: Span::days(400),
        event_types: vec!["test_driven".to_owned()],
        plans: vec![plan("bikes", 1), plan("cars", 2)],
        coming: Coming::Forward,
    })
}

/// What a set has behind its plans where the past counts anew under it.
#[test]
fn a_recompute_is_a_byte_more_and_another_byte_there_is_refused() {
    let PlansRecord::Set(forward) = plan_set() else { panic!("it is a set") };
    for (silent, byte) in [(false, 1), (true, 2)] {
        let set = PlansRecord::Set(PlanSetRecord { coming: Coming::Recompute { silent }, ..forward.clone() });
        let bytes = [PLAN_SET, &[byte]].concat();
        assert_eq!(set.value(), bytes);
        assert_eq!(PlansRecord::read(set.key().as_bytes(), &bytes), Ok(set));
    }
    let key = plan_set().key();
    for wrong in [&[0][..], &[3], &[1, 1]] {
        assert!(PlansRecord::read(key.as_bytes(), &[PLAN_SET, wrong].concat()).is_err(), "{wrong:?}");
    }
}

#[test]
fn golden_records_of_plans_are_read_and_written_to_the_byte() {
    for (record, key, golden) in [
        (plan_file(), PlanVersion::of("plan: cars\nrules: []\n# żółty\n").to_string(), PLAN_FILE),
        (plan_set(), "set/00000000000000000300".to_owned(), PLAN_SET),
    ] {
        assert_eq!(record.key(), key);
        assert_eq!(record.value(), golden);
        assert_eq!(PlansRecord::read(key.as_bytes(), golden), Ok(record));
        for length in 0..golden.len() {
            assert!(PlansRecord::read(key.as_bytes(), &golden[..length]).is_err(), "{length}");
        }
        assert_eq!(
            PlansRecord::read(b"set/00000000000000000301", golden),
            Err(StoredError::Malformed("a record of plans under the key of another one"))
        );
    }
    assert_eq!(PlansRecord::read(b"", &[2, 1]), Err(StoredError::UnknownVersion(2)));
}

#[test]
fn an_epoch_is_split_into_parts_that_each_tell_where_it_stands() {
    let records = packed(20);
    assert_eq!(records.len(), 3);
    let mut all = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let redo = RedoRecord::read(record).unwrap();
        assert_eq!((redo.part, redo.parts, &redo.head), (index as u32 + 1, 3, &head()));
        all.extend(redo.entries);
    }
    assert_eq!(all, entries());
}

#[test]
fn a_packer_starts_anew_after_clearing_and_an_empty_epoch_has_one_record() {
    let mut packer = RedoPacker::new(10);
    packer.push_image("anna", |_, bytes| bytes.extend_from_slice(&[1; 50]));
    packer.push_image("jan", |_, bytes| bytes.extend_from_slice(&[2; 50]));
    assert_eq!(packer.size_bytes(), 2 * (1 + 1 + 1 + 50) + 4 + 3);
    packer.clear();
    let mut records = Vec::new();
    packer
        .records(&head(), |record| {
            records.push(record.to_vec());
            Ok::<(), ()>(())
        })
        .unwrap();
    assert_eq!(records.len(), 1);
    let redo = RedoRecord::read(&records[0]).unwrap();
    assert_eq!((redo.part, redo.parts, redo.entries.len()), (1, 1, 0));
}

#[test]
fn the_key_of_a_redo_record_names_the_topics_it_counts_on_and_other_keys_are_told() {
    let written = |key: &RedoKey| {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        bytes
    };
    // As programs wrote it that knew of the changelog only.
    let alone = RedoKey { changelog: 1 << 120 | 2, inputs: Vec::new() };
    assert_eq!(written(&alone), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    let whole = RedoKey { changelog: alone.changelog, inputs: vec![Some(3), None, Some(u128::MAX)] };
    let bytes = written(&whole);
    assert_eq!(
        (bytes.len(), &bytes[15..=32], &bytes[32..48]),
        (64, &[&[2][..], &[0; 15], &[3, 0]].concat()[..], &[0; 16][..])
    );
    for key in [alone, whole] {
        assert_eq!(RedoKey::read(&written(&key)), Ok(key));
    }
    for key in [&b""[..], &[0; 15], &[0; 17], &[0; 47]] {
        assert_eq!(
            RedoKey::read(key),
            Err(StoredError::Malformed("a key of a redo record that is not made of ids of 16 bytes")),
            "{key:?}"
        );
    }
}

#[test]
fn a_newer_version_is_told_as_one() {
    assert_eq!(ChangelogRecord::read(&[2, 1, 0]), Err(StoredError::UnknownVersion(2)));
    assert_eq!(RedoRecord::read(&[3, 1, 0]), Err(StoredError::UnknownVersion(3)));
}

#[test]
fn records_cut_short_are_told_wherever_they_are_cut() {
    for length in 0..REDO.len() {
        assert!(RedoRecord::read(&REDO[..length]).is_err(), "{length}");
    }
    for length in 0..CHANGELOG_DELETED.len() {
        assert!(ChangelogRecord::read(&CHANGELOG_DELETED[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ChangelogRecord::read(&bytes);
        let _ = RedoRecord::read(&bytes);
        let _ = PlansRecord::read(b"set/00000000000000000300", &bytes);
    }

    #[test]
    fn no_damage_makes_a_reader_of_plans_panic(at in 0..PLAN_SET.len(), byte in any::<u8>()) {
        let mut damaged = PLAN_SET.to_vec();
        damaged[at] = byte;
        let _ = PlansRecord::read(b"set/00000000000000000300", &damaged);
    }

    #[test]
    fn no_damage_makes_a_reader_panic(at in 0..REDO.len(), byte in any::<u8>()) {
        let mut damaged = REDO.to_vec();
        damaged[at] = byte;
        let _ = RedoRecord::read(&damaged);
    }

    #[test]
    fn images_come_back(epoch in any::<u64>(), due in any::<Option<i64>>(), image in prop::collection::vec(any::<u8>(), 0..50)) {
        let due = due.map(Timestamp::from_millis);
        let bytes = image_record(epoch, due, &image);
        let content = ChangelogContent::Image { plans: [1, 2, 3, 4], due, image: &image };
        prop_assert_eq!(ChangelogRecord::read(&bytes), Ok(ChangelogRecord { epoch, content }));
    }
}

#[test]
fn the_key_of_an_erased_contact_is_no_id_and_is_read_back() {
    let key = erased_key([1, 2, 3, 4], [5; 16]);
    assert!(std::str::from_utf8(&key).is_err());
    assert_eq!(read_erased_key(&key), Ok(Some(([1, 2, 3, 4], [5; 16]))));
    assert_eq!(read_erased_key("ż".as_bytes()), Ok(None));
    assert_eq!(read_erased_key(b""), Ok(None));
    assert!(read_erased_key(&key[..20]).is_err());
    assert!(read_erased_key(&[&key[..], &[0]].concat()).is_err());
}
