//! Tasks move one by one, and never before they are released.

use std::time::Duration;

use leadstream_runtime::log::{LogError, Membership, MembershipEvent};

use crate::help::*;

#[test]
fn a_task_reaches_its_new_owner_only_after_the_old_one_released_it() {
    let world = World::shared();
    let topic = world.topic("contacts", 4);
    let mut first = world.member(&topic, "a");
    assert!(first.token().is_none());
    assert_eq!(event(&mut first), MembershipEvent::Assigned { tasks: vec![0, 1, 2, 3] });
    assert!(first.token().is_some());

    let mut second = world.member(&topic, "b");
    let mut second_tasks: Vec<u32> = Vec::new();
    let taken = until("a revocation", || {
        if let Some(MembershipEvent::Assigned { tasks }) = second.poll(Duration::from_millis(20)).unwrap() {
            second_tasks.extend(tasks);
        }
        match first.poll(Duration::from_millis(20)).unwrap() {
            Some(MembershipEvent::Revoked { tasks, lost }) => {
                assert!(!lost);
                Some(tasks)
            }
            _ => None,
        }
    });
    assert_eq!(taken.len(), 2, "the tasks that stay are not touched");
    // The first is still committing: nobody gets what it has not released.
    for _ in 0..20 {
        assert_eq!(first.poll(Duration::from_millis(20)).unwrap(), None);
        if let Some(MembershipEvent::Assigned { tasks }) = second.poll(Duration::from_millis(20)).unwrap() {
            second_tasks.extend(tasks);
        }
    }
    assert_eq!(second_tasks, Vec::<u32>::new());

    first.release(&taken).unwrap();
    until("the tasks to arrive", || {
        let _ = first.poll(Duration::from_millis(20)).unwrap();
        if let Some(MembershipEvent::Assigned { tasks }) = second.poll(Duration::from_millis(20)).unwrap() {
            second_tasks.extend(tasks);
        }
        (second_tasks.len() == 2).then_some(())
    });
    second_tasks.sort_unstable();
    assert_eq!(second_tasks, taken);
}

#[test]
fn a_member_that_comes_back_within_the_session_gets_its_tasks_without_a_rebalance() {
    let world = World::shared();
    let topic = world.topic("contacts", 2);
    let mut first = world.member(&topic, "a");
    let mut owned = Vec::new();
    until_owned(&mut first, &mut owned, &[0, 1]);
    drop(first);
    let mut again = world.member(&topic, "a");
    assert_eq!(event(&mut again), MembershipEvent::Assigned { tasks: vec![0, 1] });
}

#[test]
fn tasks_that_a_killed_member_was_giving_back_find_an_owner_although_the_group_does_not_rebalance() {
    let world = World::shared();
    let topic = world.topic("contacts", 4);
    world.topic("other", 1);
    let mut first = world.member(&topic, "a");
    assert_eq!(event(&mut first), MembershipEvent::Assigned { tasks: vec![0, 1, 2, 3] });
    let mut second = world.member(&topic, "b");
    let mut of_second = Vec::new();
    until("a revocation", || {
        if let Some(MembershipEvent::Assigned { tasks }) = second.poll(Duration::from_millis(20)).unwrap() {
            of_second.extend(tasks);
        }
        matches!(first.poll(Duration::from_millis(20)).unwrap(), Some(MembershipEvent::Revoked { .. })).then_some(())
    });
    // It never answers, and does not leave in order: the group takes its successor for itself and gives it what it was left with.
    std::mem::forget(first);
    let mut again = world.member(&topic, "a");
    let mut of_again = Vec::new();
    until("all tasks to be owned", || {
        for (member, owned) in [(&mut second, &mut of_second), (&mut again, &mut of_again)] {
            match member.poll(Duration::from_millis(20)).unwrap() {
                Some(MembershipEvent::Assigned { tasks }) => owned.extend(tasks),
                Some(MembershipEvent::Revoked { tasks, .. }) => {
                    member.release(&tasks).unwrap();
                    owned.retain(|task| !tasks.contains(task));
                }
                None => {}
            }
        }
        (of_second.len() + of_again.len() == 4).then_some(())
    });
    let mut all = [of_second, of_again].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
}

#[test]
fn releasing_what_is_not_being_revoked_is_refused() {
    let world = World::shared();
    let topic = world.topic("contacts", 1);
    let mut member = world.member(&topic, "a");
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0] });
    let error = member.release(&[0]).unwrap_err();
    assert_eq!(error.to_string(), "release tasks: tasks [0] are not those being revoked");
}

#[test]
fn a_membership_topic_that_does_not_exist_is_an_error_with_its_name() {
    let world = World::shared();
    let topic = world.name("nowhere");
    let mut member = world.member(&topic, "a");
    let error = until("the error", || member.poll(Duration::from_millis(50)).err());
    assert!(matches!(error, LogError::Fatal(_)), "{error}");
    assert!(error.to_string().contains(&topic), "{error}");
}
