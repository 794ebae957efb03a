//! Records that are too large for the letters they become, and epochs that nobody takes.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_core::Timestamp;
use leadstream_runtime::Readiness;
use leadstream_runtime::log::model::{Call, Fault, Scripted};
use leadstream_runtime::log::{TopicPartition, partition_for_key};
use leadstream_simulation::{Plans, Settings, World, expected, plans};

fn world_with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    change(&mut settings);
    let mut world = World::new(1, settings, 1);
    world.start(0, true).unwrap();
    world
}

fn check_told(world: &World) {
    let expected = expected(&plans(Plans::Timeless), world.produced(), Timestamp::MIN);
    assert!(!expected.told.is_empty());
    assert_eq!(world.told().derived, expected.told);
}

#[test]
fn a_record_larger_than_any_letter_dies_cut_and_what_is_behind_it_is_scored() {
    for bytes in [999_999, 1_000_000, 1_048_576] {
        let mut world = world_with(|_| {});
        world.produce_events(0, 10);
        let partition = TopicPartition::new("events", partition_for_key(b"c1", 2));
        let (value, header) = (vec![b'x'; bytes], vec![b'h'; bytes]);
        let headers = [leadstream_runtime::log::Header { name: "trace", value: Some(&header) }];
        world.log.append(&partition, Some(b"c1"), Some(&value), &[], None).unwrap();
        world.log.append(&partition, Some(b"c1"), Some(b"small"), &headers, None).unwrap();
        world.produce_events(10, 20);
        world.settle(0).unwrap();
        check_told(&world);
        let dead = world.told().dead;
        assert_eq!(dead.len(), 2);
        assert!(dead[0] == "small" && (800_000..900_000).contains(&dead[1].len()), "{}", dead[1].len());
        assert!(dead[1].bytes().all(|byte| byte == b'x'));
    }
}

#[test]
fn an_epoch_that_always_fails_is_seen_by_whoever_asks_until_it_goes_through() {
    let mut world = world_with(|_| {});
    world.produce_events(0, 10);
    world.settle(0).unwrap();
    world.log.script(Scripted::next(Call::Commit, Fault::Refused).times(12));
    world.produce_events(10, 20);
    let status = |world: &World| world.handle(0).unwrap().status();
    let (mut seen, mut steps) = (0, 0);
    while world.log.scripted_left() > 0 {
        world.pass(20);
        world.step(0).unwrap();
        steps += 1;
        if status(&world).readiness == Readiness::Failing {
            seen += 1;
            let why = status(&world).waiting_for.unwrap();
            assert!(why.contains("times in a row: commit transaction: a record was refused"), "{why}");
        }
    }
    let aborted = world.metrics.commits.with_label_values(&["aborted"]).get();
    assert_eq!(aborted, 12);
    // A second passes between two attempts once it is clear that it does not pass by itself.
    assert!(seen > 200 && steps > 7 * 40, "{seen} of {steps} steps");
    world.settle(0).unwrap();
    for _ in 0..10 {
        world.pass(20);
        world.step(0).unwrap();
    }
    assert_eq!((status(&world).readiness, status(&world).waiting_for), (Readiness::Ready, None));
    check_told(&world);
}

/// The second form: its topic takes less than the worker was told, as where somebody lowers the limit while it runs.
#[test]
fn a_letter_that_its_topic_refuses_is_named_and_goes_through_once_the_topic_takes_it() {
    let mut world = world_with(|settings| settings.letter_bytes = 990_000);
    world.kill(0);
    assert!(world.log.set_max_message_bytes("dead", 10_000));
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    let value = vec![b'x'; 20_000];
    let partition = TopicPartition::new("events", partition_for_key(b"c1", 2));
    world.log.append(&partition, Some(b"c1"), Some(&value), &[], None).unwrap();
    world.produce_events(0, 20);
    for _ in 0..200 {
        world.pass(20);
        world.step(0).unwrap();
    }
    assert_eq!(world.handle(0).unwrap().status().readiness, Readiness::Failing);
    assert!(world.told().dead.is_empty());
    assert!(world.log.set_max_message_bytes("dead", 1_048_588));
    world.settle(0).unwrap();
    check_told(&world);
    assert_eq!(world.told().dead[0].len(), 20_000);
}
