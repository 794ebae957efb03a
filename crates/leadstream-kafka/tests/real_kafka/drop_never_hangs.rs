//! Whatever state a handle is in, dropping it ends in a bounded time.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use leadstream_runtime::log::{Membership, MembershipEvent, Producer};
use leadstream_test_support::{Broker, BrokerOptions};

use crate::help::*;

/// A stop must end within five seconds, and this is a part of it.
const SOON: Duration = Duration::from_secs(4);

fn drops_soon<T: Send + 'static>(what: &str, handle: T) {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        drop(handle);
        done.send(()).unwrap();
    });
    assert!(waiting.recv_timeout(SOON).is_ok(), "{what}: dropping did not end within {} s", SOON.as_secs());
}

#[test]
fn a_member_whose_assignment_nobody_has_taken_can_be_dropped() {
    let world = World::shared();
    let topic = world.topic("contacts", 2);
    for wait_ms in [0, 5, 100, 200, 400, 800, 1600] {
        // Every instance joins anew, so some of them meet a rebalance under way.
        let member = world.member(&topic, &format!("instance-{wait_ms}"));
        thread::sleep(Duration::from_millis(wait_ms));
        drops_soon(&format!("a member that was never polled, after {wait_ms} ms"), member);
    }
}

#[test]
fn a_member_that_owes_a_release_can_be_dropped() {
    let world = World::shared();
    let topic = world.topic("contacts", 2);
    let mut first = world.member(&topic, "a");
    assert_eq!(event(&mut first), MembershipEvent::Assigned { tasks: vec![0, 1] });
    let mut second = world.member(&topic, "b");
    until("a revocation", || {
        let _ = second.poll(Duration::from_millis(20)).unwrap();
        let revoked = first.poll(Duration::from_millis(20)).unwrap();
        matches!(revoked, Some(MembershipEvent::Revoked { .. })).then_some(())
    });
    drops_soon("a member that owes a release", first);
    drops_soon("its partner", second);
}

#[test]
fn a_member_that_has_just_released_can_be_dropped() {
    for wait_ms in [0, 5, 20, 100] {
        // Each time another group: in this one the members that are gone would be waited for until their sessions end.
        let world = World::shared();
        let topic = world.topic("contacts", 2);
        let mut first = world.member(&topic, "first");
        until("an assignment", || first.poll(Duration::from_millis(20)).unwrap());
        let mut second = world.member(&topic, "second");
        until("a revocation", || {
            let _ = second.poll(Duration::from_millis(20)).unwrap();
            let Some(MembershipEvent::Revoked { tasks, .. }) = first.poll(Duration::from_millis(20)).unwrap() else {
                return None;
            };
            first.release(&tasks).unwrap();
            Some(())
        });
        thread::sleep(Duration::from_millis(wait_ms));
        drops_soon(&format!("a member, {wait_ms} ms after its release"), first);
        drops_soon("its partner", second);
    }
}

#[test]
fn handles_can_be_dropped_while_the_broker_is_away() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let world = World::on(&broker);
    let topic = world.topic("contacts", 2);
    let mut member = world.member(&topic, "a");
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0, 1] });
    let mut reader = world.reader(&topic, 2);
    let mut producer = world.producer("a", &[&topic]);
    commit_values(&mut producer, 0, &["x"]);
    read_to(&mut reader, 0, 1);
    producer.begin().unwrap();
    producer.produce(&record(0, "open")).unwrap();
    broker.kill().unwrap();
    drops_soon("the producer", producer);
    drops_soon("the reader", reader);
    drops_soon("the member", member);
    drops_soon("the log", world);
}
