//! Who owns which task, and when.

use leadstream_runtime::log::{Log, LogError, Membership, MembershipEvent, MembershipOptions, Producer};

use crate::fixture::{Cluster, Worker, class, eventually, input, patiently, producer, topic};

/// Polls the workers in turn until the condition holds. A task owned twice fails the test.
fn until<C: Cluster>(
    cluster: &C,
    what: &str,
    workers: &mut [&mut Worker<C>],
    condition: impl Fn(&[&mut Worker<C>]) -> bool,
) {
    eventually(cluster, what, || {
        for worker in workers.iter_mut() {
            worker.serve(cluster);
        }
        let mut owned: Vec<u32> = workers.iter().flat_map(|worker| worker.owned.iter().copied()).collect();
        owned.sort_unstable();
        assert!(owned.windows(2).all(|pair| pair[0] < pair[1]), "a task is owned twice: {owned:?}");
        condition(workers).then_some(())
    });
}

/// Two workers of a group of four tasks that have settled on two each.
fn shared<C: Cluster>(cluster: &C, base: &str) -> (String, String, Worker<C>, Worker<C>) {
    let (tasks, group) = (topic(cluster, base, 4), cluster.name(base));
    let mut first = Worker::<C>::join(cluster.log(), &group, &tasks, "first");
    let mut second = Worker::<C>::join(&cluster.second_client(), &group, &tasks, "second");
    until(cluster, "sharing", &mut [&mut first, &mut second], |workers| {
        workers.iter().all(|worker| worker.owned.len() == 2)
    });
    (tasks, group, first, second)
}

/// No token before, all tasks and a token after; the token commits.
pub fn the_first_member_gets_every_task<C: Cluster>(cluster: &C) {
    let (tasks, group) = (topic(cluster, "first", 3), cluster.name("first"));
    let mut worker = Worker::<C>::join(cluster.log(), &group, &tasks, "one");
    assert!(worker.membership.token().is_none());
    until(cluster, "all tasks", &mut [&mut worker], |workers| workers[0].owned == [0, 1, 2]);
    let mut producer = producer(cluster, cluster.log(), &group, &[&tasks]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.commit(&worker.membership.token().unwrap(), &[input(&tasks, 1)]).unwrap();
}

/// While the one who is asked for tasks has not released them, nobody else gets them.
pub fn two_members_share_and_a_task_moves_only_after_its_release<C: Cluster>(cluster: &C) {
    let (tasks, group) = (topic(cluster, "share", 4), cluster.name("share"));
    let mut first = Worker::<C>::alone(cluster, &group, &tasks);
    assert_eq!(first.owned, [0, 1, 2, 3]);
    first.obliging = false;
    let mut second = Worker::<C>::join(&cluster.second_client(), &group, &tasks, "second");
    until(cluster, "a revocation", &mut [&mut first, &mut second], |workers| {
        matches!(workers[0].events.last(), Some(MembershipEvent::Revoked { .. }))
    });
    let Some(MembershipEvent::Revoked { tasks: revoked, lost: false }) = first.events.last().cloned() else {
        panic!("{:?}", first.events);
    };
    assert_eq!(revoked.len(), 2, "{revoked:?}");
    assert!(revoked[0] < revoked[1]);
    // Unanswered: no other event for the first, no task for the second.
    let events = first.events.len();
    for _ in 0..5 {
        first.serve(cluster);
        second.serve(cluster);
        cluster.pause();
    }
    assert_eq!(first.events.len(), events, "{:?}", first.events);
    assert!(second.owned.is_empty());
    first.release(&revoked);
    until(cluster, "the tasks to move", &mut [&mut first, &mut second], |workers| workers[1].owned == revoked);
    assert_eq!(first.owned.len(), 2);
}

/// A restart within the session: the same tasks, and nobody else notices.
pub fn a_static_member_that_restarts_keeps_its_tasks<C: Cluster>(cluster: &C) {
    let (tasks, group, first, mut second) = shared(cluster, "restart");
    let (owned, others) = (first.owned.clone(), second.owned.clone());
    drop(first);
    let mut restarted = Worker::<C>::join(cluster.log(), &group, &tasks, "first");
    until(cluster, "the tasks to come back", &mut [&mut restarted, &mut second], |workers| workers[0].owned == owned);
    assert_eq!(second.owned, others);
    let mut producer = producer(cluster, cluster.log(), &group, &[&tasks]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.commit(&restarted.membership.token().unwrap(), &[input(&tasks, 1)]).unwrap();
}

/// After the session the tasks are others'.
pub fn a_member_that_does_not_come_back_loses_its_tasks_to_the_others<C: Cluster>(cluster: &C) {
    let (_, group, first, mut second) = shared(cluster, "gone");
    let token = first.membership.token().unwrap();
    drop(first);
    cluster.outlast_session();
    until(cluster, "the other to get all", &mut [&mut second], |workers| workers[0].owned == [0, 1, 2, 3]);
    let name = topic(cluster, "gone-in", 1);
    let mut producer = producer(cluster, cluster.log(), &group, &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    assert_eq!(class(producer.commit(&token, &[input(&name, 1)])), "abort and await assignment");
    producer.abort().unwrap();
}

/// Two processes under one name: the older one stops, and its token is worth nothing.
pub fn of_two_members_with_one_id_the_older_is_fenced<C: Cluster>(cluster: &C) {
    let (tasks, group) = (topic(cluster, "twice", 1), cluster.name("twice"));
    let mut older = Worker::<C>::alone(cluster, &group, &tasks);
    let token = older.membership.token().unwrap();
    let mut newer = Worker::<C>::join(&cluster.second_client(), &group, &tasks, "alone");
    eventually(cluster, "the newer's assignment", || {
        newer.serve(cluster);
        (newer.owned == [0]).then_some(())
    });
    let mut producer = producer(cluster, cluster.log(), &group, &[&tasks]);
    patiently(cluster, || producer.begin()).unwrap();
    // It may have been the older one that joined anew: only its membership tells.
    assert_eq!(class(producer.commit(&token, &[input(&tasks, 1)])), "abort and await assignment");
    producer.abort().unwrap();
    eventually(cluster, "the older to be fenced", || match older.membership.poll(cluster.wait()) {
        Err(LogError::Fenced(_)) => Some(()),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    });
}

/// Only what is being revoked can be released, and all of it.
pub fn releasing_what_is_not_revoked_is_fatal<C: Cluster>(cluster: &C) {
    let (tasks, group) = (topic(cluster, "release", 4), cluster.name("release"));
    let mut first = Worker::<C>::alone(cluster, &group, &tasks);
    assert_eq!(class(first.membership.release(&[0])), "fatal");
    first.obliging = false;
    let mut second = Worker::<C>::join(&cluster.second_client(), &group, &tasks, "second");
    until(cluster, "a revocation", &mut [&mut first, &mut second], |workers| workers[0].events.len() > 1);
    let Some(MembershipEvent::Revoked { tasks: revoked, .. }) = first.events.last().cloned() else {
        panic!("{:?}", first.events);
    };
    assert_eq!(class(first.membership.release(&revoked[..1])), "fatal");
    assert_eq!(class(first.membership.release(&[])), "fatal");
    first.release(&revoked);
    assert_eq!(class(first.membership.release(&revoked)), "fatal");
}

/// A group about a topic that does not exist says so instead of waiting for ever.
pub fn a_missing_topic_is_fatal(cluster: &impl Cluster) {
    let options = MembershipOptions {
        group: cluster.name("missing"),
        topic: cluster.name("missing-tasks"),
        instance_id: "one".to_owned(),
    };
    let mut membership = cluster.log().join(&options).unwrap();
    let error = eventually(cluster, "an error", || membership.poll(cluster.wait()).err());
    assert!(matches!(error, LogError::Fatal(_)), "{error:?}");
}
