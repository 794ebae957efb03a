//! What was erased is in no file of a store (L6).

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::Path;

use leadstream_core::Timestamp;
use leadstream_store::{Batch, Identity, OpenOptions, Progress, StoreBudget, StoreMemory, TaskStore};

fn open(folder: &Path) -> TaskStore {
    TaskStore::open(&OpenOptions {
        folder: folder.join("store"),
        identity: Identity { task: 0, partitions: 1, changelog: "changelog".to_owned(), changelog_id: None },
        memory: StoreMemory::new(StoreBudget::of(8 << 20)),
        now_ms: 0,
        oldest_ms: i64::MAX,
    })
    .unwrap()
}

fn progress(position: u64) -> Progress {
    Progress { changelog_position: position, ..Progress::default() }
}

/// The files that hold the bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join("store")).unwrap() {
        let entry = entry.unwrap();
        let content = match std::fs::read(entry.path()) {
            // RocksDB deletes what flushes replaced at any time.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            content => content.unwrap(),
        };
        if content.windows(bytes.len()).any(|window| window == bytes) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

/// Contacts of which the first and the last one of each file are erased too.
fn fill(store: &mut TaskStore) {
    for round in 0..3 {
        let mut batch = Batch::new();
        for number in 0..50 {
            let contact = format!("contact-{number:02}");
            batch.put(&contact, format!("value of {contact} in {round}").as_bytes());
            batch.add_due(Timestamp::from_millis(round * 100 + number), &contact);
        }
        store.write(&batch, progress(round as u64 + 1)).unwrap();
    }
}

fn erase(store: &mut TaskStore, contacts: &[&str]) {
    let mut batch = Batch::new();
    contacts.iter().for_each(|contact| batch.erase(contact));
    let named: BTreeSet<String> = contacts.iter().map(|contact| (*contact).to_owned()).collect();
    store.remove_due_of(&named, &mut batch).unwrap();
    batch.put_nameless(&[0xff, 7], b"blocked");
    store.write(&batch, progress(9)).unwrap();
}

fn purge(store: &mut TaskStore) {
    while !store.purge().unwrap() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn an_erased_contact_is_in_no_file_once_the_store_is_purged() {
    for closes_before in [false, true] {
        for closes_between in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let mut store = open(folder.path());
            fill(&mut store);
            if closes_before {
                store.close().unwrap();
                store = open(folder.path());
            }
            erase(&mut store, &["contact-00", "contact-20", "contact-49"]);
            assert!(store.is_unpurged());
            if closes_between {
                store.close().unwrap();
                store = open(folder.path());
                assert!(store.is_unpurged(), "a store that was closed forgot that it has to be purged");
            }
            assert!(!files_with(folder.path(), b"contact-20").is_empty());
            purge(&mut store);
            assert!(!store.is_unpurged());
            for erased in ["contact-00", "contact-20", "contact-49"] {
                assert_eq!(files_with(folder.path(), erased.as_bytes()), Vec::<String>::new(), "{erased}");
            }
            assert!(!files_with(folder.path(), b"contact-21").is_empty());
            store.close().unwrap();
            assert!(!open(folder.path()).is_unpurged());
        }
    }
}

#[test]
fn others_and_what_names_nobody_stay_and_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    fill(&mut store);
    erase(&mut store, &["contact-20"]);
    purge(&mut store);
    let mut contacts = Vec::new();
    let ended = store.for_each_behind(None, |contact, _| {
        contacts.push(contact.to_owned());
        true
    });
    assert!(ended.unwrap());
    assert_eq!((contacts.len(), contacts.contains(&"contact-20".to_owned())), (49, false));
    let due = store.due(None, Timestamp::MAX, 1_000).unwrap();
    assert_eq!(due.len(), 147);
    let mut nameless = Vec::new();
    store.for_each_nameless(|key, value| nameless.push((key.to_vec(), value.to_vec()))).unwrap();
    assert_eq!(nameless, [(vec![0xff, 7], b"blocked".to_vec())]);
    let scan = store.scan();
    let mut scanned = 0;
    assert_eq!(scan.step(1_000, |_, _| scanned += 1).unwrap(), leadstream_store::ScanStep::Done);
    assert_eq!(scanned, 49);
}

#[test]
fn what_is_erased_during_a_purge_is_for_the_next_one_also_where_the_store_is_closed_in_between() {
    for closes in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        fill(&mut store);
        erase(&mut store, &["contact-20"]);
        assert!(!store.purge().unwrap(), "it has begun");
        erase(&mut store, &["contact-30"]);
        if closes {
            store.close().unwrap();
            store = open(folder.path());
        } else {
            purge(&mut store);
        }
        assert!(store.is_unpurged());
        purge(&mut store);
        assert!(!store.is_unpurged());
        for erased in ["contact-20", "contact-30"] {
            assert_eq!(
                files_with(folder.path(), erased.as_bytes()),
                Vec::<String>::new(),
                "{erased}, closed: {closes}"
            );
        }
        store.close().unwrap();
        assert!(!open(folder.path()).is_unpurged());
    }
}
