//! Identities of producers, the order of their calls, and what they refuse.

use std::time::Duration;

use leadstream_runtime::log::{
    Isolation, Log, LogError, Membership, OutputRecord, Producer, ProducerOptions, TopicIndex, TopicPartition,
};

use crate::fixture::{
    Cluster, ProducerOf, Worker, class, commit_values, eventually, expect_values, narrow_topic, options, patiently,
    producer, producer_with_timeout, record, snapshot, too_large_for_narrow, topic,
};

/// Opens a transaction whose record has reached its partition.
fn leave_open<C: Cluster>(cluster: &C, producer: &mut ProducerOf<C>, topic: &str, value: &str) {
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, value)).unwrap();
    eventually(cluster, "the record to arrive", || {
        let seen = snapshot(cluster, topic, Isolation::ReadUncommitted);
        seen.iter().any(|record| record.value.as_deref() == Some(value.as_bytes())).then_some(())
    });
}

/// The successor is at work, the predecessor is told that it is none any more.
pub fn opening_an_id_again_fences_the_older_producer_and_aborts_what_it_left_open(cluster: &impl Cluster) {
    let (name, id) = (topic(cluster, "fence", 1), cluster.name("fence"));
    let mut older = producer(cluster, cluster.log(), &id, &[&name]);
    leave_open(cluster, &mut older, &name, "older");
    let mut newer = producer(cluster, &cluster.second_client(), &id, &[&name]);
    commit_values(cluster, &mut newer, &["newer"]);
    expect_values(cluster, &name, &["newer"]);
    assert_eq!(class(older.commit_without_offsets()), "fenced");
    expect_values(cluster, &name, &["newer"]);
}

/// It may not notice before it asks the cluster, but nothing of it ever shows, and its successor's transaction is not touched.
pub fn a_fenced_producer_can_do_nothing_with_its_open_transaction(cluster: &impl Cluster) {
    let (name, id) = (topic(cluster, "zombie", 1), cluster.name("zombie"));
    let mut older = producer(cluster, cluster.log(), &id, &[&name]);
    leave_open(cluster, &mut older, &name, "older");
    let mut newer = producer(cluster, &cluster.second_client(), &id, &[&name]);
    leave_open(cluster, &mut newer, &name, "newer");
    let again = older
        .abort()
        .and_then(|()| older.begin())
        .and_then(|()| older.produce(&record(0, "older again")))
        .and_then(|()| older.commit_without_offsets());
    assert_eq!(class(again), "fenced");
    newer.commit_without_offsets().unwrap();
    expect_values(cluster, &name, &["newer"]);
}

/// A crash leaves the transaction open; opening its id settles it.
pub fn a_crashed_producers_transaction_is_settled_by_its_successor(cluster: &impl Cluster) {
    let (name, id) = (topic(cluster, "crash", 1), cluster.name("crash"));
    let mut crashed = producer(cluster, cluster.log(), &id, &[&name]);
    leave_open(cluster, &mut crashed, &name, "left open");
    drop(crashed);
    let mut other = producer(cluster, cluster.log(), &cluster.name("other"), &[&name]);
    commit_values(cluster, &mut other, &["behind"]);
    let successor = producer(cluster, cluster.log(), &id, &[&name]);
    expect_values(cluster, &name, &["behind"]);
    drop(successor);
}

/// The cluster aborts it, its producer is told that its outcome is unknown (nobody took its place), and goes on after reopening.
pub fn a_transaction_that_outlives_its_timeout_is_aborted_and_nobody_is_accused(cluster: &impl Cluster) {
    let (name, timeout) = (topic(cluster, "outlived", 1), Duration::from_secs(2));
    let mut slow = producer_with_timeout(cluster, cluster.log(), &cluster.name("outlived"), &[&name], timeout);
    let mut other = producer(cluster, cluster.log(), &cluster.name("outliving"), &[&name]);
    leave_open(cluster, &mut slow, &name, "outlived");
    commit_values(cluster, &mut other, &["behind"]);
    assert_eq!(snapshot(cluster, &name, Isolation::ReadCommitted), []);
    cluster.outlast(timeout);
    expect_values(cluster, &name, &["behind"]);
    assert_eq!(class(slow.commit_without_offsets()), "unknown outcome");
    patiently(cluster, || slow.reopen()).unwrap();
    commit_values(cluster, &mut slow, &["after"]);
    expect_values(cluster, &name, &["behind", "after"]);
}

/// `reopen` aborts what is open, fences nobody else, and the producer goes on.
pub fn reopening_settles_the_own_transaction_and_goes_on(cluster: &impl Cluster) {
    let name = topic(cluster, "reopen", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("reopen"), &[&name]);
    leave_open(cluster, &mut producer, &name, "settled");
    patiently(cluster, || producer.reopen()).unwrap();
    assert_eq!(class(producer.commit_without_offsets()), "fatal");
    commit_values(cluster, &mut producer, &["after"]);
    patiently(cluster, || producer.reopen()).unwrap();
    patiently(cluster, || producer.reopen()).unwrap();
    commit_values(cluster, &mut producer, &["again"]);
    expect_values(cluster, &name, &["after", "again"]);
}

/// Out of order: fatal, and an open transaction stays as it was.
pub fn calls_out_of_order_are_fatal_and_change_nothing<C: Cluster>(cluster: &C) {
    let (name, tasks, group) = (topic(cluster, "order", 1), topic(cluster, "order-tasks", 1), cluster.name("order"));
    let mut producer = producer(cluster, cluster.log(), &group, &[&name]);
    let worker = Worker::<C>::alone(cluster, &group, &tasks);
    let token = worker.membership.token().unwrap();
    assert_eq!(class(producer.produce(&record(0, "before begin"))), "fatal");
    assert_eq!(class(producer.commit_without_offsets()), "fatal");
    assert_eq!(class(producer.commit(&token, &[crate::fixture::input(&name, 0)])), "fatal");
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "sound")).unwrap();
    assert_eq!(class(producer.begin()), "fatal");
    producer.commit_without_offsets().unwrap();
    assert_eq!(class(producer.commit_without_offsets()), "fatal");
    expect_values(cluster, &name, &["sound"]);
}

/// At the produce or at the commit, and the transaction with it cannot be committed any more.
pub fn a_record_for_no_partition_aborts_the_transaction(cluster: &impl Cluster) {
    let name = topic(cluster, "nowhere", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("nowhere"), &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "beside it")).unwrap();
    let refused = producer.produce(&record(7, "nowhere"));
    assert!(matches!(class(refused), "ok" | "abort and rewind"));
    assert_eq!(class(producer.commit_without_offsets()), "abort and rewind");
    producer.abort().unwrap();
    commit_values(cluster, &mut producer, &["after"]);
    expect_values(cluster, &name, &["after"]);
}

/// A topic index beyond the list is a mistake of the program.
pub fn a_record_for_no_topic_of_the_producer_is_fatal(cluster: &impl Cluster) {
    let name = topic(cluster, "index", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("index"), &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    assert_eq!(class(producer.produce(&OutputRecord { topic: TopicIndex(1), ..record(0, "x") })), "fatal");
    producer.abort().unwrap();
}

/// The cluster refuses it after the call that produced it, and nothing of the transaction shows.
pub fn a_record_beyond_the_topics_limit_never_shows(cluster: &impl Cluster) {
    let name = narrow_topic(cluster, "large");
    let mut producer = producer(cluster, cluster.log(), &cluster.name("large"), &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "beside it")).unwrap();
    producer.produce(&OutputRecord { value: Some(&too_large_for_narrow()), ..record(0, "large") }).unwrap();
    assert_eq!(class(producer.commit_without_offsets()), "abort and rewind");
    producer.abort().unwrap();
    commit_values(cluster, &mut producer, &["after"]);
    expect_values(cluster, &name, &["after"]);
}

/// What no client would send is a mistake of the program; the transaction goes on without it.
pub fn a_record_beyond_any_limit_is_fatal(cluster: &impl Cluster) {
    let name = topic(cluster, "huge", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("huge"), &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "beside it")).unwrap();
    let huge = vec![b'x'; 8 << 20];
    assert_eq!(class(producer.produce(&OutputRecord { value: Some(&huge), ..record(0, "huge") })), "fatal");
    producer.commit_without_offsets().unwrap();
    expect_values(cluster, &name, &["beside it"]);
}

/// Begins, writes and commits as often as it takes: a cluster may have to learn first that the topic is another one.
fn insist<C: Cluster>(cluster: &C, producer: &mut ProducerOf<C>, value: &str) -> Result<(), LogError> {
    for _ in 0..cluster.rounds() {
        let tried = patiently(cluster, || producer.begin())
            .and_then(|()| producer.produce(&record(0, value)))
            .and_then(|()| producer.commit_without_offsets());
        match tried {
            Ok(_) => return Ok(()),
            Err(LogError::AbortAndRewind(_)) => {
                producer.abort().or_else(|_| patiently(cluster, || producer.reopen()))?
            }
            Err(LogError::UnknownOutcome(_)) => patiently(cluster, || producer.reopen())?,
            Err(error) => return Err(error),
        }
        cluster.pause();
    }
    panic!("{value} is neither committed nor refused");
}

/// What was written to the first one is gone, and whoever counts on it must not go on as if it were there.
pub fn a_topic_of_state_that_was_made_anew_takes_no_commit_and_any_other_topic_does(cluster: &impl Cluster) {
    for (state_topics, is_taken_over) in [(1, false), (1, true), (0, false)] {
        let name = topic(cluster, "anew", 1);
        let options = ProducerOptions { state_topics, ..options(&cluster.name("anew"), &[&name]) };
        let mut producer = patiently(cluster, || cluster.log().open_producer(&options)).unwrap();
        for value in ["first", "second", "third"] {
            commit_values(cluster, &mut producer, &[value, value]);
        }
        if is_taken_over {
            producer = patiently(cluster, || cluster.log().open_producer(&options)).unwrap();
            let bounds = cluster.log().bounds(&[TopicPartition::new(&name, 0)]).unwrap();
            producer.take_over(TopicIndex(0), 0, bounds[0].end_offset);
        }
        expect_values(cluster, &name, &["first", "first", "second", "second", "third", "third"]);
        cluster.make_anew(&name);
        let went = insist(cluster, &mut producer, "anew");
        if state_topics == 0 {
            went.unwrap();
            expect_values(cluster, &name, &["anew"]);
            continue;
        }
        let LogError::Replaced { topic, partition, failure } = went.unwrap_err() else { panic!("not noticed") };
        assert_eq!((topic, partition), (TopicIndex(0), 0), "{failure}");
        assert!(failure.reason.contains(&name), "{failure}");
        producer.abort().unwrap();
        expect_values(cluster, &name, &[]);
    }
}
