//! Whatever state a handle is in, dropping it ends in a bounded time.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use leadstream_runtime::log::{Membership, MembershipEvent, Producer};
use leadstream_test_support::{Broker, BrokerOptions};

use crate::help::*;

const SOON: Duration = Duration::from_secs(8);

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
    drops_soon("a member that was never polled", world.member(&topic, "a"));
    let member = world.member(&topic, "b");
    thread::sleep(Duration::from_secs(2));
    drops_soon("a member with an assignment under way", member);
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
