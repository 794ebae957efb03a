//! Committed offsets and the tokens that fence them (invariants 2 and 3 of the contract).

use leadstream_runtime::log::{
    CommittedOffset, InputOffset, Isolation, Log, LogError, Membership, MembershipEvent, OutputRecord, Producer,
    TopicPartition,
};

use crate::fixture::{
    Cluster, Worker, class, commit_values, eventually, expect_values, input, narrow_topic, patiently, producer, record,
    snapshot, too_large_for_narrow, topic,
};

fn committed(cluster: &impl Cluster, group: &str, topic: &str) -> Option<CommittedOffset> {
    let partition = [TopicPartition::new(topic, 0)];
    patiently(cluster, || cluster.log().committed(group, &partition)).unwrap().remove(0)
}

/// Another client sees both or neither.
pub fn offsets_and_metadata_commit_with_the_records<C: Cluster>(cluster: &C) {
    let (source, output, tasks) =
        (topic(cluster, "with-in", 2), topic(cluster, "with-out", 1), topic(cluster, "with-tasks", 1));
    let group = cluster.name("with");
    let mut producer = producer(cluster, cluster.log(), &group, &[&output]);
    let worker = Worker::<C>::alone(cluster, &group, &tasks);
    let token = worker.membership.token().unwrap();
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "out")).unwrap();
    let metadata = "ü".repeat(2048);
    let offset = InputOffset { partition: TopicPartition::new(&source, 1), next_offset: 7, metadata: metadata.clone() };
    producer.commit(&token, &[input(&source, 42), offset]).unwrap();
    expect_values(cluster, &output, &["out"]);
    let partitions = [TopicPartition::new(&source, 1), TopicPartition::new(&source, 0)];
    let both = patiently(cluster, || cluster.second_client().committed(&group, &partitions)).unwrap();
    let expected = [
        Some(CommittedOffset { next_offset: 7, metadata }),
        Some(CommittedOffset { next_offset: 42, metadata: String::new() }),
    ];
    assert_eq!(both, expected);
    // Offsets may stand still and go back: they are what the worker says. A transaction may hold offsets only.
    patiently(cluster, || producer.begin()).unwrap();
    producer.commit(&token, &[input(&source, 0)]).unwrap();
    assert_eq!(committed(cluster, &group, &source).unwrap().next_offset, 0);
}

/// The commit that failed and was aborted left no offsets; the next one's count.
pub fn offsets_of_an_aborted_transaction_are_not_committed<C: Cluster>(cluster: &C) {
    let (source, tasks, group) =
        (narrow_topic(cluster, "undone-in"), topic(cluster, "undone-tasks", 1), cluster.name("undone"));
    let mut producer = producer(cluster, cluster.log(), &group, &[&source]);
    let worker = Worker::<C>::alone(cluster, &group, &tasks);
    let token = worker.membership.token().unwrap();
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&OutputRecord { value: Some(&too_large_for_narrow()), ..record(0, "refused") }).unwrap();
    assert_eq!(class(producer.commit(&token, &[input(&source, 5)])), "abort and rewind");
    producer.abort().unwrap();
    assert_eq!(committed(cluster, &group, &source), None);
    patiently(cluster, || producer.begin()).unwrap();
    producer.commit(&token, &[input(&source, 6)]).unwrap();
    assert_eq!(committed(cluster, &group, &source).unwrap().next_offset, 6);
}

/// "None" is `None`, never a number.
pub fn a_group_that_committed_nothing_has_no_offsets(cluster: &impl Cluster) {
    let name = topic(cluster, "nothing", 1);
    assert_eq!(committed(cluster, &cluster.name("nothing"), &name), None);
    assert_eq!(patiently(cluster, || cluster.log().committed(&cluster.name("none"), &[])).unwrap(), []);
}

/// A refused commit whose transaction is still open may hold offsets back, but never shows one.
pub fn an_offset_inside_an_open_transaction_is_not_reported<C: Cluster>(cluster: &C) {
    let (source, tasks, group) =
        (narrow_topic(cluster, "open-in"), topic(cluster, "open-tasks", 1), cluster.name("open"));
    let mut producer = producer(cluster, cluster.log(), &group, &[&source]);
    let worker = Worker::<C>::alone(cluster, &group, &tasks);
    let token = worker.membership.token().unwrap();
    patiently(cluster, || producer.begin()).unwrap();
    producer.commit(&token, &[input(&source, 1)]).unwrap();
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&OutputRecord { value: Some(&too_large_for_narrow()), ..record(0, "refused") }).unwrap();
    assert_eq!(class(producer.commit(&token, &[input(&source, 2)])), "abort and rewind");
    let partition = [TopicPartition::new(&source, 0)];
    match cluster.second_client().committed(&group, &partition) {
        Ok(offsets) => assert_eq!(offsets[0].as_ref().map(|offset| offset.next_offset), Some(1)),
        Err(error) => assert!(matches!(error, LogError::Retry(_)), "{error}"),
    }
    producer.abort().unwrap();
    assert_eq!(committed(cluster, &group, &source).unwrap().next_offset, 1);
}

/// A token without offsets would not be checked.
pub fn a_commit_without_offsets_is_refused_where_a_token_is_shown<C: Cluster>(cluster: &C) {
    let (name, tasks, group) = (topic(cluster, "bare", 1), topic(cluster, "bare-tasks", 1), cluster.name("bare"));
    let mut producer = producer(cluster, cluster.log(), &group, &[&name]);
    let worker = Worker::<C>::alone(cluster, &group, &tasks);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "unfenced")).unwrap();
    assert_eq!(class(producer.commit(&worker.membership.token().unwrap(), &[])), "fatal");
    producer.abort().unwrap();
    commit_values(cluster, &mut producer, &["after"]);
    expect_values(cluster, &name, &["after"]);
}

/// The group has moved on while a worker was busy: its commit fails and shows nothing, with the fresh token it succeeds.
pub fn a_late_worker_gets_an_error_and_shows_nothing<C: Cluster>(cluster: &C) {
    let (source, output, tasks) =
        (topic(cluster, "late-in", 1), topic(cluster, "late-out", 1), topic(cluster, "late-tasks", 2));
    let group = cluster.name("late");
    let mut producer = producer(cluster, cluster.log(), &group, &[&output]);
    let mut late = Worker::<C>::alone(cluster, &group, &tasks);
    let outdated = late.membership.token().unwrap();
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "late")).unwrap();
    // The other one's first event means that the generation has moved.
    let mut other = Worker::<C>::join(&cluster.second_client(), &group, &tasks, "other");
    eventually(cluster, "the other's first event", || {
        other.serve(cluster);
        other.membership.token()
    });
    assert_eq!(class(producer.commit(&outdated, &[input(&source, 1)])), "abort and await assignment");
    producer.abort().unwrap();
    assert_eq!(committed(cluster, &group, &source), None);
    // The revocation brings a fresh token, with which the tasks are committed before they are released.
    late.obliging = false;
    eventually(cluster, "the revocation", || {
        late.serve(cluster);
        late.events.iter().any(|event| matches!(event, MembershipEvent::Revoked { lost: false, .. })).then_some(())
    });
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "in time")).unwrap();
    producer.commit(&late.membership.token().unwrap(), &[input(&source, 1)]).unwrap();
    expect_values(cluster, &output, &["in time"]);
    assert_eq!(committed(cluster, &group, &source).unwrap().next_offset, 1);
}

/// Refused at once or by the cluster: neither offset nor record shows.
pub fn metadata_beyond_the_limit_never_commits<C: Cluster>(cluster: &C) {
    let (name, tasks, group) = (topic(cluster, "long", 1), topic(cluster, "long-tasks", 1), cluster.name("long"));
    let mut producer = producer(cluster, cluster.log(), &group, &[&name]);
    let worker = Worker::<C>::alone(cluster, &group, &tasks);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "hidden")).unwrap();
    let offset = InputOffset { metadata: "m".repeat(4097), ..input(&name, 3) };
    let refused = producer.commit(&worker.membership.token().unwrap(), &[offset]);
    assert!(matches!(class(refused), "fatal" | "abort and rewind"));
    patiently(cluster, || producer.reopen()).unwrap();
    assert_eq!(committed(cluster, &group, &name), None);
    assert_eq!(snapshot(cluster, &name, Isolation::ReadCommitted), []);
}
