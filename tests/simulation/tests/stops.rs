//! What only a person can mend stops a worker, and its error names the thing, the place and what to do.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use leadstream_runtime::WorkerError;
use leadstream_runtime::log::{
    Destination, InputOffset, Log, Membership, MembershipOptions, OutputRecord, Producer, ProducerOptions, TopicIndex,
    TopicPartition, partition_for_key,
};
use leadstream_simulation::{Plans, Settings, World, event_line, plans};

fn world_with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    change(&mut settings);
    let mut world = World::new(1, settings, 1);
    world.start(0, true).unwrap();
    world
}

fn world() -> World {
    world_with(|_| {})
}

fn events(partition: u32) -> TopicPartition {
    TopicPartition::new("events", partition)
}

#[test]
fn two_processes_with_one_identity_are_told() {
    let mut world = world();
    world.settle(0).unwrap();
    let options = MembershipOptions {
        group: "scoring".to_owned(),
        topic: "contacts".to_owned(),
        instance_id: "instance-0".to_owned(),
    };
    let mut twin = world.log.join(&options).unwrap();
    twin.poll(Duration::ZERO).unwrap();
    let error = world.failure();
    assert!(matches!(&error, WorkerError::Fenced { identity, .. } if identity == "instance-0"), "{error}");
    assert!(error.to_string().contains("give each instance a name of its own"));
}

#[test]
fn offsets_that_somebody_changed_are_an_error_with_both_values() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    let options = MembershipOptions {
        group: "scoring".to_owned(),
        topic: "contacts".to_owned(),
        instance_id: "instance-0".to_owned(),
    };
    let mut tool = world.log.join(&options).unwrap();
    while tool.token().is_none() {
        tool.poll(Duration::ZERO).unwrap();
    }
    let mut producer = world
        .log
        .open_producer(&ProducerOptions {
            transactional_id: "tool".to_owned(),
            topics: vec!["dead".to_owned()],
            state_topics: 0,
            transaction_timeout: Duration::from_secs(10),
            queue_records: 10,
        })
        .unwrap();
    producer.begin().unwrap();
    let offset = InputOffset { partition: events(0), next_offset: 1, metadata: String::new() };
    producer.commit(&tool.token().unwrap(), &[offset]).unwrap();
    drop(tool);
    world.start(0, true).unwrap();
    let error = world.failure();
    assert!(matches!(&error, WorkerError::OffsetsDisagree { committed: 1, task: 0, .. }), "{error}");
    assert!(error.to_string().contains("events[0] was committed up to offset 1 by the group, but up to"), "{error}");
}

#[test]
fn input_that_was_deleted_is_an_error_with_the_number_of_records_and_can_be_accepted() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    let committed = world.log.committed("scoring", &[events(0)]).unwrap()[0].clone().unwrap().next_offset;
    world.produce_events(20, 40);
    world.log.delete_before(&[(events(0), committed + 3)]).unwrap();
    world.start(0, true).unwrap();
    let error = world.failure();
    let lost = WorkerError::InputLost { partition: events(0), wanted: committed, start: committed + 3, records: 3 };
    assert_eq!(error, lost);
    assert!(error.to_string().contains("events[0]: 3 records were deleted before they were read"));
    world.settings_mut().accept_lost_input = true;
    world.kill(0);
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    assert_eq!(world.metrics.lost_records.get(), 3);
}

#[test]
fn an_input_that_ends_before_what_was_read_is_an_error() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    assert!(world.log.truncate(&events(0), 1));
    world.start(0, true).unwrap();
    let error = world.failure();
    assert!(matches!(error, WorkerError::InputTruncated { end: 1, .. }), "{error}");
}

#[test]
fn a_source_that_was_made_anew_with_more_records_is_told_by_its_id_and_can_be_accepted_l5() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    let wanted = world.log.committed("scoring", &[events(0)]).unwrap()[0].clone().unwrap().next_offset;
    assert!(world.log.recreate_topic("events"));
    world.produce_events(20, 80);
    let bounds = world.log.bounds(&[events(0)]).unwrap()[0];
    assert!(bounds.start_offset == 0 && bounds.end_offset > wanted, "by its offsets it could be the one that was read");
    world.start(0, true).unwrap();
    let error = world.failure();
    assert_eq!(error, WorkerError::InputReplaced { partition: events(0), wanted });
    assert!(error.to_string().contains("events[0]: the topic was deleted and created again"), "{error}");
    world.settings_mut().accept_lost_input = true;
    world.kill(0);
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    // From now on it is this one that was read.
    world.settings_mut().accept_lost_input = false;
    world.kill(0);
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    let end = world.log.committed("scoring", &[events(0)]).unwrap()[0].clone().unwrap().next_offset;
    assert_eq!(end, bounds.end_offset, "all of the new one was read");
    assert_eq!(world.metrics.records.get(), 20 + 80, "each record of both counts once");
}

#[test]
fn a_source_that_is_not_keyed_by_the_contact_is_told_to_be_re_keyed() {
    let mut world = world();
    let expected = partition_for_key(b"anna", 2);
    let wrong = 1 - expected;
    let line = event_line("anna", "e", "bought", world.log.now_ms());
    world.log.append(&events(wrong), Some(b"anna"), Some(line.as_bytes()), &[], None).unwrap();
    let error = world.failure();
    assert_eq!(
        error,
        WorkerError::NotKeyed { partition: events(wrong), offset: 0, contact: "anna".to_owned(), expected }
    );
    assert!(error.to_string().ends_with("re-key this source (keyed: false)"));
}

#[test]
fn a_transaction_that_hangs_in_the_redo_log_is_named_with_topic_partition_and_offset() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    let mut hanging = world
        .log
        .open_producer(&ProducerOptions {
            transactional_id: "hanging".to_owned(),
            topics: vec!["redo".to_owned()],
            state_topics: 0,
            transaction_timeout: Duration::from_secs(1_000_000),
            queue_records: 10,
        })
        .unwrap();
    hanging.begin().unwrap();
    let record = OutputRecord {
        topic: TopicIndex(0),
        destination: Destination::Partition(0),
        key: None,
        value: Some(b"?"),
        headers: &[],
        timestamp_ms: None,
    };
    hanging.produce(&record).unwrap();
    world.start(0, true).unwrap();
    let error = world.failure();
    let is_named = matches!(&error, WorkerError::HangingTransaction { partition, position, end }
        if *partition == TopicPartition::new("redo", 0) && position < end);
    assert!(is_named, "{error}");
}

#[test]
fn a_contact_larger_than_a_record_all_the_same_is_named() {
    let mut world = world_with(|settings| settings.record_bytes = 700);
    for number in 0..30 {
        let line = event_line("anna", &format!("e{number}"), "viewed", world.log.now_ms());
        world.produce("anna", &line);
    }
    match world.failure() {
        WorkerError::ContactTooLarge { contact, bytes, limit: 700 } => assert!(contact == "anna" && bytes > 700),
        other => panic!("{other}"),
    }
}
