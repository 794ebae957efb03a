//! Internal topics that were deleted, or created again: a person is told where contacts went with them, and nobody where none did.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::mpsc::channel;
use std::time::Duration;

use leadstream_core::Timestamp;
use leadstream_runtime::log::{
    InputOffset, Log, Membership, MembershipOptions, Producer, ProducerOptions, TopicPartition,
};
use leadstream_runtime::{LostTopic, Query, WorkerError};
use leadstream_simulation::{Plans, Settings, World, expected, plans};
use leadstream_wire::stored::redo::RedoRecord;

const TASKS: u32 = 2;

fn world() -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    settings.write_back_ms = 1_000_000;
    let mut world = World::new(1, settings, 1);
    world.start(0, true).unwrap();
    world
}

/// Lets the tasks write all their contacts back, as idle ones do.
fn write_back(world: &mut World) {
    for _ in 0..400 {
        world.pass(20);
        world.step(0).unwrap();
    }
    assert!((0..TASKS).all(|task| covered(world, task) > 0));
}

/// Up to which epoch the newest redo record leaves everything to the changelog.
fn covered(world: &World, task: u32) -> u64 {
    let partition = TopicPartition::new("redo", task);
    let start = world.log.bounds(std::slice::from_ref(&partition)).unwrap()[0].start_offset;
    let records = world.read_from(&partition, start);
    RedoRecord::read(&records.last().unwrap().1).unwrap().head.low
}

fn check_told(world: &World) {
    let expected = expected(&plans(Plans::Timeless), world.produced(), Timestamp::MIN);
    assert!(!expected.told.is_empty());
    assert_eq!(world.told().derived, expected.told);
}

fn is_known(world: &mut World, contact: &str) -> bool {
    let (reply, answer) = channel();
    assert!(world.handle(0).unwrap().ask(Query { contact: contact.to_owned(), reply }));
    world.step(0).unwrap();
    answer.try_recv().unwrap().unwrap().contact.is_some()
}

#[test]
fn a_redo_topic_that_was_deleted_is_an_error() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    assert!(world.log.recreate_topic("redo"));
    world.start(0, true).unwrap();
    let error = world.failure();
    assert!(matches!(error, WorkerError::RedoLost { found: 0, .. }), "{error}");
}

#[test]
fn topics_with_another_number_of_partitions_and_missing_ones_are_told() {
    let mut world = world();
    world.kill(0);
    assert!(world.log.delete_topic("redo"));
    world.start(0, true).unwrap();
    assert_eq!(world.failure(), WorkerError::TopicMissing { topic: "redo".to_owned() });
}

#[test]
fn a_changelog_that_was_deleted_is_an_error_at_every_start_with_a_store_and_without() {
    for keeps_store in [true, false] {
        let mut world = world();
        world.produce_events(0, 20);
        world.settle(0).unwrap();
        write_back(&mut world);
        let low = [0, 1].map(|task| covered(&world, task));
        world.kill(0);
        assert!(world.log.recreate_topic("changelog"));
        // The second start finds a store of the changelog that is there now.
        for keeps_store in [keeps_store, true] {
            world.start(0, keeps_store).unwrap();
            let error = world.failure();
            let WorkerError::ChangelogLost { task, topic, covered } = &error else { panic!("{error}") };
            assert_eq!((topic.as_str(), *covered), ("changelog", low[*task as usize]));
            assert!(error.to_string().contains("the topic changelog was deleted and created again"), "{error}");
            assert!(error.to_string().ends_with("reset the application (leadstream reset)"), "{error}");
            world.kill(0);
        }
    }
}

#[test]
fn a_changelog_that_was_deleted_is_an_error_also_where_somebody_has_written_to_the_new_one() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    write_back(&mut world);
    world.kill(0);
    assert!(world.log.recreate_topic("changelog"));
    for task in 0..TASKS {
        for number in 0..100 {
            let key = format!("c{number}");
            world.log.append(&TopicPartition::new("changelog", task), Some(key.as_bytes()), None, &[], None).unwrap();
        }
    }
    world.start(0, true).unwrap();
    let error = world.failure();
    assert!(matches!(error, WorkerError::ChangelogLost { .. }), "{error}");
}

#[test]
fn a_changelog_that_had_nothing_yet_may_be_deleted_since_the_redo_log_has_every_contact() {
    for keeps_store in [true, false] {
        let mut world = world();
        world.produce_events(0, 20);
        while !world.is_done() {
            world.pass(20);
            world.step(0).unwrap();
        }
        assert_eq!([0, 1].map(|task| covered(&world, task)), [0, 0]);
        world.kill(0);
        assert!(world.log.recreate_topic("changelog"));
        world.start(0, keeps_store).unwrap();
        world.produce_events(20, 20);
        world.settle(0).unwrap();
        check_told(&world);
        write_back(&mut world);
        // From now on the new one counts.
        world.kill(0);
        world.start(0, false).unwrap();
        world.settle(0).unwrap();
        assert!((0..5).all(|number| is_known(&mut world, &format!("c{number}"))));
    }
}

#[test]
fn a_changelog_whose_contacts_were_all_deleted_and_compacted_away_is_no_error() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    write_back(&mut world);
    world.kill(0);
    for task in 0..TASKS {
        let partition = TopicPartition::new("changelog", task);
        for (key, _) in world.read_from(&partition, 0) {
            world.log.append(&partition, Some(&key), None, &[], None).unwrap();
        }
    }
    assert!(world.log.compact("changelog", true));
    let left = |task| world.read_from(&TopicPartition::new("changelog", task), 0).len();
    assert_eq!([left(0), left(1)], [0, 0]);
    world.start(0, false).unwrap();
    world.settle(0).unwrap();
    assert!((0..5).all(|number| !is_known(&mut world, &format!("c{number}"))));
}

#[test]
fn a_store_that_is_too_old_and_one_of_before_a_reset_are_rebuilt_in_silence() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    write_back(&mut world);
    world.kill(0);
    world.pass(50_000_000);
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    assert_eq!(world.metrics.stores_rebuilt.get(), u64::from(TASKS));
    check_told(&world);

    // As `leadstream reset` does; the stores of this instance are elsewhere.
    world.kill(0);
    assert!(world.log.recreate_topic("changelog") && world.log.recreate_topic("redo"));
    assert!(world.log.expire_offsets("scoring"));
    let stores = tempfile::tempdir().unwrap();
    copy(world.store_folder(0), stores.path());
    world.start(0, false).unwrap();
    world.settle(0).unwrap();
    write_back(&mut world);
    world.kill(0);
    // The application is at work again when they come back.
    std::fs::remove_dir_all(world.store_folder(0)).unwrap();
    copy(stores.path(), world.store_folder(0));
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    assert_eq!(world.metrics.stores_rebuilt.get(), 2 * u64::from(TASKS));
    assert!((0..5).all(|number| is_known(&mut world, &format!("c{number}"))));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn a_changelog_that_is_deleted_under_a_running_worker_gets_no_commit_more() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    write_back(&mut world);
    let low = [0, 1].map(|task| covered(&world, task));
    let told = world.told();
    assert!(world.log.recreate_topic("changelog"));
    world.produce_events(20, 20);
    let error = world.failure();
    let WorkerError::ChangelogLost { task, topic, covered: from } = &error else { panic!("{error}") };
    assert_eq!(topic, "changelog");
    // Redo records of the new events may have gone before the first changelog record, and with them `low`.
    assert!(*from >= low[*task as usize], "{error}");
    world.kill(0);
    for keeps_store in [true, false] {
        world.start(0, keeps_store).unwrap();
        let error = world.failure();
        assert!(matches!(error, WorkerError::ChangelogLost { .. }), "{error}");
        world.kill(0);
    }
    let records: usize = (0..TASKS).map(|task| world.read_from(&TopicPartition::new("changelog", task), 0).len()).sum();
    assert_eq!(records, 0, "contacts were written back to another changelog");
    assert!(told.derived.iter().all(|(contact, lines)| world.told().derived[contact].starts_with(lines)));
}

#[test]
fn a_changelog_that_is_deleted_under_a_worker_that_has_only_read_it_gets_no_commit_more() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    write_back(&mut world);
    let ends = |world: &World| {
        let partitions: Vec<_> = (0..TASKS).map(|task| TopicPartition::new("changelog", task)).collect();
        world.log.bounds(&partitions).unwrap().iter().map(|bounds| bounds.end_offset).collect::<Vec<_>>()
    };
    world.kill(0);
    let before = ends(&world);
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    assert_eq!(ends(&world), before, "another worker wrote it");
    assert!(world.log.recreate_topic("changelog"));
    world.produce_events(20, 20);
    let error = world.failure();
    assert!(matches!(error, WorkerError::ChangelogLost { .. }), "{error}");
    let records: usize = (0..TASKS).map(|task| world.read_from(&TopicPartition::new("changelog", task), 0).len()).sum();
    assert_eq!(records, 0, "contacts were written back to another changelog");
}

#[test]
fn a_redo_topic_that_is_deleted_under_a_running_worker_gets_no_commit_more() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    let told = world.told();
    assert!(world.log.recreate_topic("redo"));
    world.produce_events(20, 20);
    for keeps_process in [true, false] {
        let error = world.failure();
        assert!(matches!(error, WorkerError::RedoLost { found: 0, .. }), "{error}");
        if keeps_process {
            world.kill(0);
            world.start(0, true).unwrap();
        }
    }
    assert_eq!(world.told().derived, told.derived, "something was told that no redo record has");
}

#[test]
fn an_idle_worker_that_is_told_of_a_lost_topic_ends_with_what_a_start_would_say() {
    let ends = |lost: LostTopic| {
        let mut world = world();
        world.produce_events(0, 20);
        world.settle(0).unwrap();
        write_back(&mut world);
        world.handle(0).unwrap().lose_topic(lost);
        world.step(0).unwrap_err()
    };
    let of = |topic: &str| topic.to_owned();
    let error = ends(LostTopic::Replaced(of("changelog")));
    assert!(matches!(error, WorkerError::ChangelogLost { covered: 1.., .. }), "{error}");
    let error = ends(LostTopic::Replaced(of("redo")));
    assert!(matches!(error, WorkerError::RedoLost { committed: 1.., found: 0, .. }), "{error}");
    assert_eq!(ends(LostTopic::Missing(of("redo"))), WorkerError::TopicMissing { topic: of("redo") });
    assert_eq!(ends(LostTopic::Replaced(of("plans"))), WorkerError::TopicReplaced { topic: of("plans") });
}

/// With nothing beside the group's offsets that says how far the task was, the changelog says it.
#[test]
fn a_redo_topic_that_was_deleted_is_an_error_also_where_the_groups_offsets_say_nothing() {
    for (keeps_store, offsets_by_hand) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut world = world();
        world.produce_events(0, 20);
        world.settle(0).unwrap();
        write_back(&mut world);
        world.kill(0);
        assert!(world.log.recreate_topic("redo") && world.log.expire_offsets("scoring"));
        if offsets_by_hand {
            commit_by_hand(&world);
        }
        // The second start finds a store that has read the changelog, which says nothing new.
        for keeps_store in [keeps_store, true] {
            world.start(0, keeps_store).unwrap();
            let error = world.failure();
            assert!(matches!(error, WorkerError::RedoLost { committed: 1.., found: 0, .. }), "{error}");
            assert!(error.to_string().ends_with("reset the application (leadstream reset)"), "{error}");
            world.kill(0);
        }
        assert!(world.log.recreate_topic("changelog"));
        assert_eq!(world.log.expire_offsets("scoring"), offsets_by_hand);
        world.start(0, true).unwrap();
        world.settle(0).unwrap();
        assert!((0..5).all(|number| is_known(&mut world, &format!("c{number}"))));
    }
}

/// Offsets as a tool commits them, with nothing beside them.
fn commit_by_hand(world: &World) {
    let options = MembershipOptions {
        group: "scoring".to_owned(),
        topic: "contacts".to_owned(),
        instance_id: "instance-0".to_owned(),
    };
    let mut tool = world.log.join(&options).unwrap();
    while tool.token().is_none() {
        tool.poll(Duration::ZERO).unwrap();
    }
    let options = ProducerOptions {
        transactional_id: "tool".to_owned(),
        topics: vec!["dead".to_owned()],
        state_topics: 0,
        transaction_timeout: Duration::from_secs(10),
        queue_records: 10,
    };
    let mut producer = world.log.open_producer(&options).unwrap();
    producer.begin().unwrap();
    let offset =
        |task| InputOffset { partition: TopicPartition::new("events", task), next_offset: 1, metadata: String::new() };
    producer.commit(&tool.token().unwrap(), &[offset(0), offset(1)]).unwrap();
}

/// In the order in which `leadstream reset` deletes: wherever it is interrupted, no start goes on with what is left.
#[test]
fn a_reset_that_was_interrupted_is_found_out_and_a_second_one_finishes_it() {
    let order = ["changelog", "redo"];
    for done in 1..=order.len() {
        let mut world = world();
        world.produce_events(0, 20);
        world.settle(0).unwrap();
        write_back(&mut world);
        world.kill(0);
        assert!(order[..done].iter().all(|topic| world.log.recreate_topic(topic)));
        world.start(0, true).unwrap();
        let error = world.failure();
        let is_found =
            matches!(error, WorkerError::ChangelogLost { .. } | WorkerError::RedoLost { committed: 1.., .. });
        assert!(is_found, "{done}: {error}");
        world.kill(0);
        assert!(order.iter().all(|topic| world.log.recreate_topic(topic)) && world.log.expire_offsets("scoring"));
        world.start(0, true).unwrap();
        world.settle(0).unwrap();
        assert!((0..5).all(|number| is_known(&mut world, &format!("c{number}"))));
    }
}
