//! Where an application begins to read a source, and when a worker begins with a task.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_core::Timestamp;
use leadstream_runtime::{Readiness, StartPosition};
use leadstream_simulation::{Plans, Settings, World, expected, plans, store_of};

#[test]
fn a_source_begins_at_an_instant_once_and_goes_on_from_its_position_later() {
    for rekeyed in [false, true] {
        let mut settings = Settings::new(plans(Plans::Timeless));
        settings.rekeyed = rekeyed;
        let mut world = World::new(1, settings, 1);
        world.produce_events(0, 40);
        let before: Vec<String> = world.produced().collect();
        world.pass(1_000);
        world.settings_mut().start = StartPosition::At { instant_ms: world.log.now_ms() };
        world.produce_events(40, 20);
        world.start(0, true).unwrap();
        world.settle(0).unwrap();
        // Positions are known now, also where the group has forgotten its offsets.
        world.settings_mut().start = StartPosition::At { instant_ms: i64::MIN };
        for keeps_store in [true, false] {
            world.kill(0);
            assert!(world.log.expire_offsets("scoring"));
            world.start(0, keeps_store).unwrap();
            world.produce_events(if keeps_store { 60 } else { 80 }, 20);
            world.settle(0).unwrap();
        }
        let after = world.produced().filter(|value| !before.contains(value));
        let expected = expected(&plans(Plans::Timeless), after, Timestamp::MIN);
        assert!(!expected.told.is_empty());
        assert_eq!(world.told().derived, expected.told, "re-keyed: {rekeyed}");
    }
}

#[test]
fn a_source_without_records_at_its_instant_begins_with_the_next_one() {
    let mut settings = Settings::new(plans(Plans::Timeless));
    settings.start = StartPosition::At { instant_ms: i64::MAX };
    let mut world = World::new(1, settings, 1);
    world.produce_events(0, 20);
    let before: Vec<String> = world.produced().collect();
    world.start(0, true).unwrap();
    while world.handle(0).unwrap().status().readiness != Readiness::Ready {
        world.pass(20);
        world.step(0).unwrap();
    }
    world.produce_events(20, 20);
    world.settle(0).unwrap();
    let after = world.produced().filter(|value| !before.contains(value));
    assert_eq!(world.told().derived, expected(&plans(Plans::Timeless), after, Timestamp::MIN).told);
}

#[test]
fn a_store_that_another_worker_of_the_process_has_not_let_go_of_yet_is_waited_for() {
    let mut world = World::new(1, Settings::new(plans(Plans::Timeless)), 1);
    world.start(0, true).unwrap();
    world.produce_events(0, 40);
    world.settle(0).unwrap();
    world.kill(0);
    // Its session was over, so the task is another's by now; it has not heard of that.
    let held = store_of(&world, 0, 1);
    world.start(0, true).unwrap();
    world.produce_events(40, 40);
    for _ in 0..500 {
        world.pass(20);
        world.step(0).unwrap();
    }
    let status = world.handle(0).unwrap().status();
    assert_eq!(status.readiness, Readiness::Waiting);
    assert!(status.waiting_for.unwrap().contains("another worker of this process"));
    drop(held);
    world.settle(0).unwrap();
    let expected = expected(&plans(Plans::Timeless), world.produced(), Timestamp::MIN);
    assert_eq!(world.told().derived, expected.told);
}
