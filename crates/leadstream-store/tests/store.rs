//! The store on a real disk: what is written comes back, and what is wrong is told by what to do about it.

#![allow(missing_docs, reason = "tests")]

use std::path::Path;

use leadstream_core::Timestamp;
use leadstream_store::{
    Batch, DueEntry, Identity, OpenOptions, Progress, Scan, ScanStep, StoreBudget, StoreError, StoreMemory, TaskStore,
    wipe,
};

const NOW_MS: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        folder: folder.to_owned(),
        identity: Identity { task: 3, partitions: 8, changelog: "changelog".to_owned(), changelog_id: Some(77) },
        memory: StoreMemory::new(StoreBudget::of(16 << 20)),
        now_ms: NOW_MS,
        oldest_ms: HOUR_MS,
    }
}

fn progress(changelog_position: u64) -> Progress {
    Progress { changelog_position, epoch: 5, written_at_ms: NOW_MS, plans: [1; 16] }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn due(millis: i64, contact: &str) -> DueEntry {
    DueEntry { due: at(millis), contact: contact.to_owned() }
}

#[test]
fn a_batch_is_there_with_its_position_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    assert_eq!(store.progress(), Progress::default());
    let mut batch = Batch::new();
    batch.put("anna", b"1");
    batch.put("jan", b"22");
    batch.add_due(at(10), "anna");
    store.write(&batch, progress(100)).unwrap();
    store.close().unwrap();

    let store = TaskStore::open(&options(folder.path())).unwrap();
    assert_eq!(store.progress(), progress(100));
    assert_eq!(&*store.get("anna").unwrap().unwrap(), b"1");
    assert!(store.get("nobody").unwrap().is_none());
    let found = store.multi_get(&["anna", "maria", "jan"], false).unwrap();
    assert_eq!(
        found.iter().map(|value| value.as_deref()).collect::<Vec<_>>(),
        [Some(&b"1"[..]), None, Some(&b"22"[..])]
    );
    assert_eq!(store.first_due().unwrap(), Some(at(10)));
}

#[test]
fn a_store_that_was_dropped_without_closing_has_every_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    for position in 1..=50 {
        let mut batch = Batch::new();
        batch.put("anna", &[position as u8]);
        store.write(&batch, progress(position)).unwrap();
    }
    drop(store);
    let store = TaskStore::open(&options(folder.path())).unwrap();
    assert_eq!(store.progress(), progress(50));
    assert_eq!(&*store.get("anna").unwrap().unwrap(), [50]);
}

#[test]
fn due_entries_come_in_order_and_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    let mut batch = Batch::new();
    for (millis, contact) in [(30, "c"), (-5, "z"), (10, "b"), (10, "a"), (99, "d")] {
        batch.add_due(at(millis), contact);
    }
    batch.remove_due(at(30), "c");
    store.write(&batch, progress(1)).unwrap();
    let page = store.due(None, at(50), 2).unwrap();
    assert_eq!(page, [due(-5, "z"), due(10, "a")]);
    assert_eq!(store.due(page.last(), at(50), 9).unwrap(), [due(10, "b")]);
    assert_eq!(store.due(None, at(-6), 9).unwrap(), []);
}

#[test]
fn contacts_are_visited_in_order_behind_any_one_until_the_visitor_has_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    let mut batch = Batch::new();
    for contact in ["c", "a", "b"] {
        batch.put(contact, contact.as_bytes());
    }
    batch.delete("nobody");
    store.write(&batch, progress(1)).unwrap();
    let visit = |after: Option<&str>, last: &str| {
        let mut seen = Vec::new();
        let ended = store.for_each_behind(after, |contact, value| {
            assert_eq!(contact.as_bytes(), value);
            seen.push(contact.to_owned());
            contact != last
        });
        (seen.concat(), ended.unwrap())
    };
    assert_eq!(visit(None, "b"), ("ab".to_owned(), false));
    assert_eq!(visit(None, ""), ("abc".to_owned(), true));
    assert_eq!(visit(Some("a"), ""), ("bc".to_owned(), true));
    assert_eq!(visit(Some("aa"), "b"), ("b".to_owned(), false));
    assert_eq!(visit(Some("c"), ""), (String::new(), true));
}

#[test]
fn opening_a_store_twice_says_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _first = TaskStore::open(&options(folder.path())).unwrap();
    let error = TaskStore::open(&options(folder.path())).err().unwrap();
    assert_eq!(error, StoreError::InUse { folder: folder.path().to_owned() });
    assert!(error.to_string().contains("is open already: in another worker of this process"), "{error}");
    assert_eq!(wipe(folder.path()), Err(error));
}

#[test]
fn a_store_of_something_else_is_to_be_rebuilt_and_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    let mut batch = Batch::new();
    batch.put("anna", b"1");
    store.write(&batch, progress(100)).unwrap();
    store.close().unwrap();
    for change in [
        |identity: &mut Identity| identity.task = 4,
        |identity: &mut Identity| identity.partitions = 9,
        |identity: &mut Identity| identity.changelog_id = Some(78),
    ] {
        let mut other = options(folder.path());
        change(&mut other.identity);
        assert!(matches!(TaskStore::open(&other), Err(StoreError::Rebuild { .. })));
    }
    wipe(folder.path()).unwrap();
    let store = TaskStore::open(&options(folder.path())).unwrap();
    assert_eq!(store.progress(), Progress::default());
    assert!(store.get("anna").unwrap().is_none());
}

#[test]
fn a_store_that_may_have_missed_deletions_is_to_be_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    store.write(&Batch::new(), progress(1)).unwrap();
    store.close().unwrap();
    let mut later = options(folder.path());
    later.now_ms = NOW_MS + HOUR_MS;
    TaskStore::open(&later).unwrap().close().unwrap();
    later.now_ms += 1;
    let error = TaskStore::open(&later).err().unwrap();
    assert!(error.to_string().contains("last written 3600001 ms ago"), "{error}");
}

#[test]
fn damaged_files_are_told_as_a_store_to_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    TaskStore::open(&options(folder.path())).unwrap().close().unwrap();
    let manifest = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("MANIFEST"))
        .unwrap();
    let length = std::fs::metadata(&manifest).unwrap().len();
    std::fs::write(&manifest, vec![0x5a; length as usize]).unwrap();
    assert!(matches!(TaskStore::open(&options(folder.path())), Err(StoreError::Rebuild { .. })));
    wipe(folder.path()).unwrap();
    TaskStore::open(&options(folder.path())).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = TaskStore::open(&options(&file.join("store"))).err().unwrap();
    assert!(matches!(error, StoreError::Broken { operation: "make its folder", .. }), "{error}");
}

#[test]
fn stores_share_one_budget() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = options(one.path());
    let second = OpenOptions { folder: two.path().to_owned(), ..first.clone() };
    let mut stores = [TaskStore::open(&first).unwrap(), TaskStore::open(&second).unwrap()];
    let before = first.memory.memtable_bytes();
    for store in &mut stores {
        let mut batch = Batch::new();
        for number in 0..2_000 {
            batch.put(&format!("contact-{number}"), &[7; 500]);
        }
        store.write(&batch, progress(1)).unwrap();
    }
    assert!(first.memory.memtable_bytes() - before >= 2_000_000);
    assert!(first.memory.used_bytes() <= first.memory.budget().total_bytes + (1 << 20));
}

fn seen(scan: &Scan, limit: usize) -> (Vec<(String, Vec<u8>)>, ScanStep) {
    let mut seen = Vec::new();
    let step = scan.step(limit, |contact, value| seen.push((contact.to_owned(), value.to_vec())));
    (seen, step.expect("the store can be read"))
}

#[test]
fn a_scan_sees_what_was_there_when_it_was_made_on_another_thread() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    let mut batch = Batch::new();
    batch.put("anna", b"1");
    batch.put("jan", b"2");
    batch.put("ola", b"3");
    store.write(&batch, progress(100)).unwrap();
    let scan = store.scan();
    batch.clear();
    batch.put("anna", b"changed");
    batch.delete("jan");
    batch.put("zoe", b"new");
    store.write(&batch, progress(101)).unwrap();
    let (first, rest) = std::thread::scope(|scope| scope.spawn(|| (seen(&scan, 2), seen(&scan, 2))).join().unwrap());
    assert_eq!(first, (vec![("anna".into(), b"1".into()), ("jan".into(), b"2".into())], ScanStep::More));
    assert_eq!(rest, (vec![("ola".into(), b"3".into())], ScanStep::Done));
    assert_eq!(seen(&store.scan(), 9).0.len(), 3);
}

#[test]
fn a_store_that_closes_takes_its_scans_back_and_can_be_opened_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = TaskStore::open(&options(folder.path())).unwrap();
    let mut batch = Batch::new();
    batch.put("anna", b"1");
    store.write(&batch, progress(100)).unwrap();
    let scans = [store.scan(), store.scan()];
    store.close().unwrap();
    let mut again = TaskStore::open(&options(folder.path())).unwrap();
    for scan in &scans {
        assert_eq!(seen(scan, 9), (Vec::new(), ScanStep::Ended));
    }
    // One that is only dropped lets go as well.
    let scan = again.scan();
    drop(again);
    assert_eq!(seen(&scan, 9).1, ScanStep::Ended);
    assert!(TaskStore::open(&options(folder.path())).is_ok());
}
