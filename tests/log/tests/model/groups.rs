//! Rebalances at chosen moments, and members that are gone, late or doubled.

use std::time::Duration;

use leadstream_log_suite::Cluster;
use leadstream_log_suite::fixture::{Worker, class, input, producer, topic};
use leadstream_runtime::log::model::{Call, Fault, Scripted};
use leadstream_runtime::log::{Membership, MembershipEvent, Producer};

use crate::{Model, model};

fn scene(tasks: u32) -> (Model, String) {
    let cluster = model();
    let name = topic(&cluster, "tasks", tasks);
    (cluster, name)
}

fn join(cluster: &Model, topic: &str, instance_id: &str) -> Worker<Model> {
    Worker::join(cluster.log(), "group", topic, instance_id)
}

fn revoked(tasks: &[u32], lost: bool) -> MembershipEvent {
    MembershipEvent::Revoked { tasks: tasks.to_vec(), lost }
}

fn assigned(tasks: &[u32]) -> MembershipEvent {
    MembershipEvent::Assigned { tasks: tasks.to_vec() }
}

fn serve_all(cluster: &Model, workers: &mut [&mut Worker<Model>]) {
    for _ in 0..6 {
        for worker in workers.iter_mut() {
            worker.serve(cluster);
        }
    }
}

#[test]
fn a_member_whose_session_expired_loses_its_tasks_and_joins_again() {
    let (cluster, name) = scene(2);
    let mut worker = Worker::<Model>::alone(&cluster, "group", &name);
    assert!(cluster.log.expire_session("group", "alone"));
    assert!(!cluster.log.expire_session("group", "alone"));
    worker.obliging = false;
    worker.serve(&cluster);
    assert_eq!(worker.events.last(), Some(&revoked(&[0, 1], true)));
    assert!(worker.membership.token().is_none());
    worker.serve(&cluster);
    assert_eq!(worker.events.len(), 2, "nothing comes before the loss was answered");
    worker.release(&[0, 1]);
    worker.serve(&cluster);
    assert_eq!(worker.events.last(), Some(&assigned(&[0, 1])));
    assert!(worker.membership.token().is_some());
}

#[test]
fn a_revocation_that_takes_too_long_comes_again_as_a_loss_and_then_the_rest_is_lost() {
    let (cluster, name) = scene(4);
    let mut slow = Worker::<Model>::alone(&cluster, "group", &name);
    slow.obliging = false;
    let mut other = join(&cluster, &name, "other");
    other.serve(&cluster);
    slow.serve(&cluster);
    assert_eq!(slow.events.last(), Some(&revoked(&[2, 3], false)));
    assert!(cluster.log.expire_session("group", "alone"));
    serve_all(&cluster, &mut [&mut other]);
    assert_eq!(other.owned, [0, 1, 2, 3], "what the slow one held is dealt to others");
    slow.serve(&cluster);
    assert_eq!(slow.events.last(), Some(&revoked(&[2, 3], true)));
    slow.release(&[2, 3]);
    slow.serve(&cluster);
    assert_eq!(slow.events.last(), Some(&revoked(&[0, 1], true)));
    slow.release(&[0, 1]);
    slow.obliging = true;
    serve_all(&cluster, &mut [&mut slow, &mut other]);
    assert_eq!((slow.owned.len(), other.owned.len()), (2, 2));
}

#[test]
fn an_answer_that_crosses_the_expulsion_is_taken_and_the_rest_is_lost() {
    let (cluster, name) = scene(2);
    let mut slow = Worker::<Model>::alone(&cluster, "group", &name);
    slow.obliging = false;
    let mut other = join(&cluster, &name, "other");
    other.serve(&cluster);
    slow.serve(&cluster);
    assert_eq!(slow.events.last(), Some(&revoked(&[1], false)));
    assert!(cluster.log.expire_session("group", "alone"));
    slow.release(&[1]);
    slow.serve(&cluster);
    assert_eq!(slow.events.last(), Some(&revoked(&[0], true)));
}

#[test]
fn a_member_that_does_not_poll_is_expelled_and_one_that_polls_is_not() {
    let (cluster, name) = scene(2);
    let mut busy = Worker::<Model>::alone(&cluster, "group", &name);
    let mut other = join(&cluster, &name, "other");
    serve_all(&cluster, &mut [&mut busy, &mut other]);
    assert_eq!(busy.owned.len(), 1);
    for _ in 0..3 {
        cluster.log.advance(Duration::from_secs(100));
        other.serve(&cluster);
    }
    serve_all(&cluster, &mut [&mut other]);
    assert_eq!(other.owned, [0, 1]);
    busy.serve(&cluster);
    assert!(matches!(busy.events.last(), Some(MembershipEvent::Revoked { lost: true, .. })));
}

#[test]
fn a_rebalance_happens_at_the_chosen_moment() {
    let (cluster, name) = scene(2);
    let mut first = Worker::<Model>::alone(&cluster, "group", &name);
    let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
    cluster.log.hold_rebalances("group", true);
    let mut second = join(&cluster, &name, "second");
    serve_all(&cluster, &mut [&mut first, &mut second]);
    assert_eq!((first.owned.len(), second.events.len()), (2, 0));
    producer.begin().unwrap();
    producer.commit(&first.membership.token().unwrap(), &[input(&name, 1)]).unwrap();
    cluster.log.hold_rebalances("group", false);
    producer.begin().unwrap();
    let late = producer.commit(&first.membership.token().unwrap(), &[input(&name, 2)]);
    assert_eq!(class(late), "abort and await assignment");
    serve_all(&cluster, &mut [&mut first, &mut second]);
    assert_eq!((first.owned.len(), second.owned.len()), (1, 1));
    // One that changes nothing still makes a generation.
    let events = first.events.len();
    cluster.log.rebalance("group");
    first.serve(&cluster);
    assert_eq!(first.events[events..], [assigned(&[])]);
    cluster.log.script(Scripted::next(Call::Poll, Fault::Rebalance).of("second"));
    serve_all(&cluster, &mut [&mut first, &mut second]);
    assert_eq!(cluster.log.scripted_left(), 0);
    assert_eq!(first.events.last(), Some(&assigned(&[])));
}

#[test]
fn a_member_that_is_gone_holds_a_rebalance_up_until_its_session_ends() {
    let (cluster, name) = scene(2);
    let first = Worker::<Model>::alone(&cluster, "group", &name);
    drop(first);
    let mut second = join(&cluster, &name, "second");
    serve_all(&cluster, &mut [&mut second]);
    assert_eq!(second.events, []);
    cluster.log.advance(Duration::from_millis(9_999));
    serve_all(&cluster, &mut [&mut second]);
    assert_eq!(second.events, []);
    cluster.log.advance(Duration::from_millis(1));
    serve_all(&cluster, &mut [&mut second]);
    assert_eq!(second.owned, [0, 1]);
}

#[test]
fn a_member_that_restarts_while_it_was_to_give_tasks_up_leaves_none_orphaned() {
    let (cluster, name) = scene(2);
    let mut first = Worker::<Model>::alone(&cluster, "group", &name);
    first.obliging = false;
    let mut second = join(&cluster, &name, "second");
    second.serve(&cluster);
    first.serve(&cluster);
    assert_eq!(first.events.last(), Some(&revoked(&[1], false)));
    drop(first);
    let mut restarted = join(&cluster, &name, "alone");
    serve_all(&cluster, &mut [&mut restarted, &mut second]);
    assert_eq!((restarted.owned.as_slice(), second.owned.as_slice()), (&[0][..], &[1][..]));
}

#[test]
fn an_expelled_member_whose_id_was_taken_meanwhile_is_fenced() {
    let (cluster, name) = scene(1);
    let mut older = Worker::<Model>::alone(&cluster, "group", &name);
    assert!(cluster.log.expire_session("group", "alone"));
    let mut newer = join(&cluster, &name, "alone");
    serve_all(&cluster, &mut [&mut newer]);
    assert_eq!(newer.owned, [0]);
    assert_eq!(class(older.membership.poll(Duration::ZERO)), "fenced");
    // The end of the fenced one does not disturb the other.
    drop(older);
    cluster.log.advance(Duration::from_secs(10));
    newer.serve(&cluster);
    assert_eq!((newer.owned.as_slice(), newer.events.len()), (&[0][..], 1));
}

#[test]
fn more_members_than_tasks_leave_some_idle_until_they_are_needed() {
    let (cluster, name) = scene(1);
    let mut first = join(&cluster, &name, "a");
    let mut second = join(&cluster, &name, "b");
    serve_all(&cluster, &mut [&mut first, &mut second]);
    assert_eq!((first.owned.len(), second.owned.len()), (1, 0));
    assert!(second.membership.token().is_some());
    drop(first);
    cluster.log.advance(Duration::from_secs(10));
    serve_all(&cluster, &mut [&mut second]);
    assert_eq!(second.owned, [0]);
}
