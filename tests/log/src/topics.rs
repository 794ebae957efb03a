//! Topics and the bounds of their partitions.

use std::collections::BTreeMap;

use leadstream_runtime::log::{
    CleanupPolicy, Isolation, Log, OutputRecord, PartitionBounds, Producer, TopicPartition, TopicSpec,
};

use crate::fixture::{
    Cluster, class, commit_values, eventually, patiently, producer, record, snapshot, spec, topic, values,
};

fn bounds(cluster: &impl Cluster, topic: &str) -> PartitionBounds {
    patiently(cluster, || cluster.log().bounds(&[TopicPartition::new(topic, 0)])).unwrap()[0]
}

/// The end is that of all records and not the last stable one, and markers count.
pub fn bounds_reach_past_an_open_transaction(cluster: &impl Cluster) {
    let name = topic(cluster, "bounds", 1);
    assert_eq!(bounds(cluster, &name), PartitionBounds { start_offset: 0, end_offset: 0 });
    let mut slow = producer(cluster, cluster.log(), &cluster.name("bounds-slow"), &[&name]);
    let mut quick = producer(cluster, cluster.log(), &cluster.name("bounds-quick"), &[&name]);
    patiently(cluster, || slow.begin()).unwrap();
    slow.produce(&record(0, "open")).unwrap();
    eventually(cluster, "the record to arrive", || (bounds(cluster, &name).end_offset == 1).then_some(()));
    commit_values(cluster, &mut quick, &["committed"]);
    eventually(cluster, "the marker", || (bounds(cluster, &name).end_offset == 3).then_some(()));
    slow.abort().unwrap();
    eventually(cluster, "the other marker", || (bounds(cluster, &name).end_offset == 4).then_some(()));
}

/// Timestamps in any order; from the end on there is nothing.
pub fn the_offset_for_a_time_misses_nothing_at_or_after_it(cluster: &impl Cluster) {
    let name = topic(cluster, "times", 2);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("times"), &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    for timestamp_ms in [1_000, 5_000, 2_000, 6_000] {
        producer.produce(&OutputRecord { timestamp_ms: Some(timestamp_ms), ..record(0, "timed") }).unwrap();
    }
    producer.commit_without_offsets().unwrap();
    eventually(cluster, "the marker", || (bounds(cluster, &name).end_offset == 5).then_some(()));
    let long_after = 32_503_680_000_000;
    for (instant_ms, expected) in
        [(i64::MIN, Some(0)), (-1, Some(0)), (1_000, Some(0)), (1_001, Some(1)), (5_001, Some(3)), (long_after, None)]
    {
        let asked = [(TopicPartition::new(&name, 0), instant_ms), (TopicPartition::new(&name, 1), instant_ms)];
        let answered = patiently(cluster, || cluster.log().offsets_for_times(&asked)).unwrap();
        assert_eq!(answered, [expected, None], "{instant_ms}");
    }
    assert_eq!(cluster.log().offsets_for_times(&[]).unwrap(), []);
}

/// Neither a topic nor a partition that does not exist has offsets for times.
pub fn offsets_for_times_of_a_missing_partition_are_fatal(cluster: &impl Cluster) {
    let name = topic(cluster, "timeless", 1);
    for missing in [TopicPartition::new(&name, 5), TopicPartition::new(cluster.name("no-topic"), 0)] {
        let asked = [(TopicPartition::new(&name, 0), 0), (missing, 0)];
        assert_eq!(class(patiently(cluster, || cluster.log().offsets_for_times(&asked))), "fatal");
    }
}

/// Each answer is in its place, however often its topic is named.
pub fn a_topic_named_twice_is_described_twice(cluster: &impl Cluster) {
    let (first, second) = (topic(cluster, "twice", 1), topic(cluster, "once", 3));
    let missing = cluster.name("not-there");
    let asked: [&str; 5] = [&second, &first, &missing, &second, &missing];
    let described = patiently(cluster, || cluster.log().describe(&asked)).unwrap();
    let partitions: Vec<Option<u32>> =
        described.iter().map(|topic| topic.as_ref().map(|topic| topic.partitions)).collect();
    assert_eq!(partitions, [Some(3), Some(1), None, Some(3), None]);
}

/// Neither a topic nor a partition that does not exist has bounds.
pub fn bounds_of_a_missing_partition_are_fatal(cluster: &impl Cluster) {
    let name = topic(cluster, "unbounded", 1);
    for missing in [TopicPartition::new(&name, 5), TopicPartition::new(cluster.name("no-topic"), 0)] {
        let partitions = [TopicPartition::new(&name, 0), missing];
        assert_eq!(class(patiently(cluster, || cluster.log().bounds(&partitions))), "fatal");
    }
}

/// Repeating is harmless, and an earlier cut deletes nothing.
pub fn deleting_moves_the_start_and_never_back(cluster: &impl Cluster) {
    let name = topic(cluster, "cut", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("cut"), &[&name]);
    commit_values(cluster, &mut producer, &["a", "b", "c", "d"]);
    eventually(cluster, "the marker", || (bounds(cluster, &name).end_offset == 5).then_some(()));
    for (cut, start) in [(0, 0), (2, 2), (2, 2), (1, 2), (3, 3)] {
        patiently(cluster, || cluster.log().delete_before(&[(TopicPartition::new(&name, 0), cut)])).unwrap();
        assert_eq!(bounds(cluster, &name), PartitionBounds { start_offset: start, end_offset: 5 }, "cut at {cut}");
    }
    assert_eq!(values(&snapshot(cluster, &name, Isolation::ReadCommitted)), ["d"]);
    patiently(cluster, || cluster.log().delete_before(&[(TopicPartition::new(&name, 0), 5)])).unwrap();
    assert_eq!(bounds(cluster, &name), PartitionBounds { start_offset: 5, end_offset: 5 });
    commit_values(cluster, &mut producer, &["e"]);
    crate::fixture::expect_values(cluster, &name, &["e"]);
}

/// What is not there yet cannot be deleted, nor what does not exist.
pub fn deleting_past_the_end_is_fatal(cluster: &impl Cluster) {
    let name = topic(cluster, "past", 1);
    let cut = |partition, offset| {
        class(patiently(cluster, || cluster.log().delete_before(&[(TopicPartition::new(&name, partition), offset)])))
    };
    assert_eq!(cut(0, 1), "fatal");
    assert_eq!(cut(3, 0), "fatal");
    assert_eq!(cut(0, 0), "ok");
}

/// A topic serves as soon as it was created, and its settings can be read back.
pub fn a_created_topic_is_as_it_was_asked_for(cluster: &impl Cluster) {
    let (kept, compacted, missing) = (cluster.name("kept"), cluster.name("compacted"), cluster.name("not-there"));
    let specs = [
        TopicSpec { max_message_bytes: Some(2_000_000), ..spec(&kept, 3) },
        TopicSpec {
            cleanup_policy: CleanupPolicy::Compact,
            settings: BTreeMap::from([("delete.retention.ms".to_owned(), "604800000".to_owned())]),
            ..spec(&compacted, 1)
        },
    ];
    patiently(cluster, || cluster.log().create(&specs)).unwrap();
    let described = patiently(cluster, || cluster.log().describe(&[&missing, &compacted, &kept])).unwrap();
    assert!(described[0].is_none());
    for (spec, index) in specs.iter().zip([2, 1]) {
        let is = described[index].as_ref().unwrap();
        assert_eq!(spec.differences(is), Vec::<String>::new());
        assert_eq!((is.name.as_str(), is.partitions, is.replication), (spec.name.as_str(), spec.partitions, 1));
    }
    let is = described[2].as_ref().unwrap();
    assert_eq!((is.cleanup_policy, is.retention_ms), (Some(CleanupPolicy::Delete), None));
    assert_eq!(is.max_message_bytes, 2_000_000);
    let mut producer = producer(cluster, cluster.log(), &kept, &[&kept]);
    commit_values(cluster, &mut producer, &["served"]);
}

/// Existing topics keep partitions, settings and records.
pub fn creating_again_leaves_a_topic_as_it_is(cluster: &impl Cluster) {
    let (name, other) = (topic(cluster, "again", 2), cluster.name("again-other"));
    let before = patiently(cluster, || cluster.log().describe(&[&name])).unwrap();
    let changed = TopicSpec { cleanup_policy: CleanupPolicy::Compact, ..spec(&name, 5) };
    patiently(cluster, || cluster.log().create(&[changed.clone(), spec(&other, 1)])).unwrap();
    let after = patiently(cluster, || cluster.log().describe(&[&name, &other])).unwrap();
    assert_eq!(after[0], before[0]);
    assert!(after[1].is_some());
    let differences = changed.differences(after[0].as_ref().unwrap());
    assert_eq!(differences, ["has 2 partitions, needs 5", "has cleanup.policy=delete, needs compact"]);
}

/// A name that is none, no partitions: refused.
pub fn a_topic_that_cannot_be_is_fatal(cluster: &impl Cluster) {
    let name = cluster.name("refused");
    for refused in [spec("no topic has spaces", 1), spec(&name, 0)] {
        let answer = patiently(cluster, || cluster.log().create(std::slice::from_ref(&refused)));
        assert_eq!(class(answer), "fatal", "{}", refused.name);
    }
    assert_eq!(patiently(cluster, || cluster.log().describe(&[&name])).unwrap(), [None]);
}
