//! The topic of plans: sets are numbered one after the other whoever registers, what was registered is found again, and a text that cannot be
//! compiled any more stops nothing that can go on.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadstream_core::Span;
use leadstream_core::plan::PlanSet;
use leadstream_runtime::log::model::{Call, Fate, Fault, ModelLog, Scripted};
use leadstream_runtime::log::{CleanupPolicy, Log, LogError, TopicPartition, TopicSpec};
use leadstream_runtime::{PlanBook, PlanCompiler, PlansError, PlansTopic, Registrant, Registration};
use leadstream_wire::stored::plans::{Coming, PlanFile, PlanSetRecord, PlansRecord};

fn log() -> ModelLog {
    let log = ModelLog::default();
    log.create(&[TopicSpec {
        name: "plans".to_owned(),
        partitions: 1,
        replication: None,
        cleanup_policy: CleanupPolicy::Compact,
        retention_ms: None,
        max_message_bytes: None,
        settings: BTreeMap::new(),
    }])
    .unwrap();
    log
}

fn open(log: &ModelLog) -> PlansTopic<ModelLog> {
    let mut topic = PlansTopic::open(Arc::new(log.clone()), "plans", "shop-plans").unwrap();
    topic.read_to_end().unwrap();
    topic
}

fn file(id: &str, text: &str) -> PlanFile {
    PlanFile { id: id.to_owned(), file: format!("{id}.yaml"), text: text.to_owned() }
}

fn register(topic: &mut PlansTopic<ModelLog>, files: &[PlanFile]) -> Result<(), PlansError> {
    topic.register(
        files,
        Coming::Forward,
        Span::days(400),
        &["test_driven".to_owned()],
        Registrant { instance: "first", by_command: false },
    )
}

fn newest(topic: &PlansTopic<ModelLog>) -> (u64, Vec<String>) {
    let set = topic.newest().unwrap();
    (set.ordinal, set.plans.iter().map(|plan| plan.id.clone()).collect())
}

/// Finds fault with texts that say so.
struct Picky;

impl PlanCompiler for Picky {
    fn compile(&self, set: &PlanSetRecord, files: &[&PlanFile]) -> Result<PlanSet, String> {
        assert_eq!((set.horizon, set.event_types.len()), (Span::days(400), 1));
        match files.iter().find(|file| file.text.contains("broken")) {
            Some(file) => Err(format!("{} is broken", file.file)),
            None => Ok(PlanSet::new(Vec::new())),
        }
    }
}

#[test]
fn what_was_registered_is_found_again_and_a_version_is_kept_once() {
    let log = log();
    let mut topic = open(&log);
    assert!(topic.newest().is_none());
    register(&mut topic, &[file("cars", "a"), file("bikes", "b")]).unwrap();
    register(&mut topic, &[file("cars", "a2"), file("bikes", "b")]).unwrap();
    register(&mut topic, &[file("cars", "a")]).unwrap();
    assert_eq!(newest(&topic), (3, vec!["cars".to_owned()]));
    let again = open(&log);
    assert_eq!(again.newest(), topic.newest());
    let registration =
        Registration { instance: Some("first".to_owned()), registered_ms: Some(log.now_ms()), by_command: false };
    assert_eq!((&again.registration(), topic.registration()), (&registration, registration.clone()));
    let ordinals: Vec<u64> = again.sets().map(|(set, _)| set.ordinal).collect();
    assert_eq!(ordinals, [1, 2, 3]);
    // Three versions, three sets; the rest are the ends of transactions.
    let end = log.bounds(&[TopicPartition::new("plans", 0)]).unwrap()[0].end_offset;
    assert_eq!(end, 3 + 3 + 3);
    log.compact("plans", true);
    let book = PlanBook::default();
    assert!(open(&log).fill(&book, &Picky).unwrap().is_empty());
    assert_eq!((book.oldest().unwrap().ordinal(), book.newest().unwrap().ordinal()), (1, 3));
    assert_eq!(book.set(1).unwrap().versions().len(), 2);
    assert_ne!(book.set(1).unwrap().id(), book.set(2).unwrap().id());
}

#[test]
fn a_published_version_is_kept_and_comes_into_force_only_with_a_set() {
    let log = log();
    let mut topic = open(&log);
    register(&mut topic, &[file("cars", "a")]).unwrap();
    let who = Registrant { instance: "desk", by_command: true };
    topic.publish(&[file("cars", "a2"), file("cars", "a")], who).unwrap();
    topic.publish(&[file("cars", "a2")], who).unwrap();
    let again = open(&log);
    assert_eq!((newest(&again).0, again.files().count()), (1, 2));
    // One version in its own transaction, and nothing at all where it is there already.
    assert_eq!(log.bounds(&[TopicPartition::new("plans", 0)]).unwrap()[0].end_offset, 3 + 2);
    assert!(!again.registration().by_command);
    topic
        .register(
            &[file("cars", "a2")],
            Coming::Recompute { silent: true },
            Span::days(400),
            &["test_driven".to_owned()],
            who,
        )
        .unwrap();
    let again = open(&log);
    assert_eq!(again.files_of(again.newest().unwrap()).unwrap(), [&file("cars", "a2")]);
    assert_eq!(again.newest().unwrap().coming, Coming::Recompute { silent: true });
    assert!(again.registration().by_command, "{:?}", again.registration());
    assert_eq!(again.registration().instance.as_deref(), Some("desk"));
}

#[test]
fn of_two_that_register_at_once_one_wins_and_the_other_sees_it() {
    let log = log();
    let (mut one, mut other) = (open(&log), open(&log));
    register(&mut one, &[file("cars", "one")]).unwrap();
    // Has looked before the first one registered.
    register(&mut other, &[file("cars", "other")]).unwrap();
    assert_eq!(other.newest(), one.newest());
    assert_eq!(other.newest().unwrap().plans[0].version, file("cars", "one").version());
    // Looks again, and wants it all the same.
    register(&mut other, &[file("cars", "other")]).unwrap();
    one.read(Duration::ZERO).unwrap();
    assert_eq!(newest(&one).0, 2);
}

#[test]
fn whatever_becomes_of_the_transaction_a_set_is_registered_once_or_not_at_all() {
    for fate in [Fate::Applied, Fate::Lost, Fate::Delayed] {
        let log = log();
        let mut topic = open(&log);
        log.script(Scripted::next(Call::CommitWithoutOffsets, Fault::Unknown(fate)));
        register(&mut topic, &[file("cars", "a")]).unwrap();
        if topic.newest().is_none() {
            register(&mut topic, &[file("cars", "a")]).unwrap();
        }
        log.deliver_delayed();
        assert_eq!(newest(&open(&log)).0, 1, "{fate:?}");
    }
    let log = log();
    let mut topic = open(&log);
    log.script(Scripted::next(Call::CommitWithoutOffsets, Fault::Refused));
    register(&mut topic, &[file("cars", "a")]).unwrap();
    assert!(topic.newest().is_none() && open(&log).newest().is_none());
    log.script(Scripted::next(Call::Open, Fault::Unavailable));
    assert!(matches!(register(&mut topic, &[file("cars", "a")]), Err(PlansError::Log(LogError::Retry(_)))));
}

#[test]
fn a_set_that_cannot_be_compiled_any_more_is_stood_for_by_the_next_one_that_can_l10() {
    let log = log();
    let mut topic = open(&log);
    for text in ["broken 1", "broken 2", "good 3", "good 4"] {
        register(&mut topic, &[file("cars", text)]).unwrap();
    }
    let book = PlanBook::default();
    let unreadable = topic.fill(&book, &Picky).unwrap();
    let told: Vec<_> = unreadable.iter().map(|set| (set.ordinal, set.stands, &*set.reason)).collect();
    assert_eq!(told, [(2, Some(3), "cars.yaml is broken"), (1, Some(3), "cars.yaml is broken")]);
    let set = |ordinal| book.set(ordinal).unwrap();
    assert!(Arc::ptr_eq(set(1).plans(), set(3).plans()));
    assert_eq!(set(1).versions()[0].version, file("cars", "broken 1").version(), "it keeps its name");

    // Nothing stands for the newest.
    register(&mut topic, &[file("cars", "broken 5")]).unwrap();
    let unreadable = topic.fill(&book, &Picky).unwrap();
    assert_eq!((unreadable.len(), unreadable[0].stands, book.newest().unwrap().ordinal()), (1, None, 4));
}

#[test]
fn files_that_are_too_large_and_topics_that_lost_records_or_hold_others_are_told() {
    let log = log();
    let mut topic = open(&log);
    let error = register(&mut topic, &[file("cars", &"x".repeat(1_000_000))]).unwrap_err();
    assert!(error.to_string().starts_with("cars.yaml has 1000000 bytes, a plan file in force may have"), "{error}");
    let cars = file("cars", "a");
    let set = PlanSetRecord {
        ordinal: 1,
        horizon: Span::days(400),
        event_types: vec!["x".to_owned()],
        plans: vec![leadstream_wire::stored::plans::PlanRef { id: "cars".to_owned(), version: cars.version() }],
        coming: Coming::Forward,
    };
    let set = PlansRecord::Set(set);
    let place = TopicPartition::new("plans", 0);
    log.append(&place, Some(set.key().as_bytes()), Some(&set.value()), &[], None).unwrap();
    topic.read_to_end().unwrap();
    let error = topic.fill(&PlanBook::default(), &Picky).unwrap_err();
    assert!(error.to_string().contains("plan set 1 names version") && error.to_string().contains("restore the topic"));
    log.append(&place, Some(b"key"), Some(b"\x07what"), &[], None).unwrap();
    let error = topic.read_to_end().unwrap_err().to_string();
    assert_eq!(error, "plans offset 1: stored bytes have version 7, which a newer program wrote: run that one");
}
