//! Accidents of operation: what was committed, kept or created is gone.

use std::time::Duration;

use leadstream_log_suite::Cluster;
use leadstream_log_suite::fixture::{
    Seen, Worker, at, class, commit_values, expect_values, from, input, producer, read_to_end, reader, record,
    snapshot, spec, topic, values,
};
use leadstream_runtime::log::{
    CleanupPolicy, Destination, Isolation, Log, Membership, OutputRecord, PartitionBounds, Producer, Reader,
    RecordProblem, TimestampKind, TopicPartition, TopicSpec,
};

use crate::{Model, model};

fn problem(reader: &mut impl Reader) -> Option<RecordProblem> {
    let summary = reader.read(10, Duration::ZERO, &mut |_| {}).unwrap();
    summary.problems.first().map(|problem| problem.problem)
}

fn bounds(cluster: &Model, topic: &str) -> PartitionBounds {
    cluster.log.bounds(&[TopicPartition::new(topic, 0)]).unwrap()[0]
}

#[test]
fn expired_offsets_are_absent_and_not_zero() {
    let cluster = model();
    let name = topic(&cluster, "expired", 1);
    let worker = Worker::<Model>::alone(&cluster, "group", &name);
    let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
    assert!(!cluster.log.expire_offsets("group"));
    producer.begin().unwrap();
    producer.commit(&worker.membership.token().unwrap(), &[input(&name, 9)]).unwrap();
    assert!(cluster.log.expire_offsets("group"));
    assert_eq!(cluster.log.committed("group", &[TopicPartition::new(&name, 0)]).unwrap(), [None]);
}

#[test]
fn a_truncated_partition_leaves_readers_outside_and_gives_offsets_again() {
    let cluster = model();
    let name = topic(&cluster, "truncated", 1);
    let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
    commit_values(&cluster, &mut producer, &["a", "b", "c"]);
    let mut reader = reader(&cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    assert_eq!(values(&read_to_end(&cluster, &mut reader, &[0])), ["a", "b", "c"]);
    assert!(cluster.log.truncate(&TopicPartition::new(&name, 0), 1));
    assert!(!cluster.log.truncate(&TopicPartition::new(&name, 1), 1));
    assert_eq!(problem(&mut reader), Some(RecordProblem::OutOfRange));
    assert_eq!(problem(&mut reader), None, "it is told once and stands still");
    commit_values(&cluster, &mut producer, &["x"]);
    reader.start(&[from(0, 1)]).unwrap();
    assert_eq!(values(&read_to_end(&cluster, &mut reader, &[0])), ["x"]);
    assert_eq!(reader.progress(at(0)).unwrap().position, 3);
}

#[test]
fn a_recreated_topic_is_empty_and_has_another_id() {
    let cluster = model();
    let name = topic(&cluster, "recreated", 1);
    let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
    commit_values(&cluster, &mut producer, &["a"]);
    let mut reader = reader(&cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    read_to_end(&cluster, &mut reader, &[0]);
    let id = |cluster: &Model| cluster.log.describe(&[&name]).unwrap()[0].as_ref().unwrap().id.unwrap();
    let before = id(&cluster);
    assert!(cluster.log.recreate_topic(&name));
    assert_ne!(id(&cluster), before);
    assert_eq!(bounds(&cluster, &name), PartitionBounds { start_offset: 0, end_offset: 0 });
    assert_eq!(problem(&mut reader), Some(RecordProblem::OutOfRange));
}

#[test]
fn a_deleted_topic_is_missing_everywhere() {
    let cluster = model();
    let name = topic(&cluster, "deleted", 1);
    let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
    let mut worker = Worker::<Model>::alone(&cluster, "group", &name);
    let mut reader = reader(&cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    producer.begin().unwrap();
    producer.produce(&record(0, "open")).unwrap();
    assert!(cluster.log.delete_topic(&name));
    assert!(
        !cluster.log.delete_topic(&name) && !cluster.log.recreate_topic(&name) && !cluster.log.compact(&name, true)
    );
    assert_eq!(class(producer.produce(&record(0, "more"))), "abort and rewind");
    producer.abort().unwrap();
    assert_eq!(problem(&mut reader), Some(RecordProblem::Missing));
    assert_eq!(class(worker.membership.poll(Duration::ZERO)), "fatal");
    assert_eq!(cluster.log.describe(&[&name]).unwrap(), [None]);
}

#[test]
fn compaction_keeps_the_last_committed_record_of_each_key_and_tombstones_while_they_are_wanted() {
    let cluster = model();
    let spec = TopicSpec { cleanup_policy: CleanupPolicy::Compact, ..spec("compacted", 1) };
    cluster.log.create(&[spec]).unwrap();
    let mut producer = producer(&cluster, cluster.log(), "id", &["compacted"]);
    let mut transaction = |records: &[(&'static str, Option<&'static [u8]>)], commit: bool| {
        producer.begin().unwrap();
        for (key, value) in records {
            producer.produce(&OutputRecord { key: Some(key.as_bytes()), value: *value, ..record(0, "") }).unwrap();
        }
        if commit {
            producer.commit_without_offsets().unwrap();
        } else {
            producer.abort().unwrap();
        }
    };
    transaction(&[("a", Some(b"a1")), ("b", Some(b"b1")), ("a", Some(b"a2"))], true);
    transaction(&[("b", Some(b"aborted"))], false);
    transaction(&[("c", Some(b"c1")), ("c", None)], true);
    let end = bounds(&cluster, "compacted").end_offset;
    assert!(cluster.log.compact("compacted", false));
    let kept = |cluster: &Model| -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let seen: Vec<Seen> = snapshot(cluster, "compacted", Isolation::ReadCommitted);
        seen.into_iter().map(|record| (record.key.unwrap(), record.value)).collect()
    };
    let (a, b) = ((b"a".to_vec(), Some(b"a2".to_vec())), (b"b".to_vec(), Some(b"b1".to_vec())));
    assert_eq!(kept(&cluster), [b.clone(), a.clone(), (b"c".to_vec(), None)]);
    assert!(cluster.log.compact("compacted", true));
    assert_eq!(kept(&cluster), [b, a]);
    assert_eq!(bounds(&cluster, "compacted"), PartitionBounds { start_offset: 0, end_offset: end });
    producer.begin().unwrap();
    assert_eq!(class(producer.produce(&OutputRecord { key: None, ..record(0, "keyless") })), "abort and rewind");
}

#[test]
fn foreign_records_are_visible_at_once_and_bear_the_topics_kind_of_time() {
    let cluster = model();
    let appended = TopicSpec {
        settings: [("message.timestamp.type".to_owned(), "LogAppendTime".to_owned())].into(),
        ..spec("appended", 1)
    };
    cluster.log.create(&[spec("created", 1), appended]).unwrap();
    for (name, kind, ms) in
        [("created", TimestampKind::CreateTime, 5), ("appended", TimestampKind::LogAppendTime, cluster.log.now_ms())]
    {
        let partition = TopicPartition::new(name, 0);
        assert_eq!(cluster.log.append(&partition, None, Some(b"x"), &[], Some(5)), Some(0));
        let mut reader = reader(&cluster, &[name], Isolation::ReadCommitted);
        reader.start(&[from(0, 0)]).unwrap();
        let mut times = Vec::new();
        reader.read(9, Duration::ZERO, &mut |record| times.push(record.timestamp.unwrap())).unwrap();
        assert_eq!(times.iter().map(|time| (time.kind, time.ms)).collect::<Vec<_>>(), [(kind, ms)]);
    }
    assert_eq!(cluster.log.append(&TopicPartition::new("created", 4), None, None, &[], None), None);
}

#[test]
fn a_crashed_producers_transaction_holds_readers_up_until_its_timeout() {
    let cluster = model();
    let name = topic(&cluster, "hanging", 1);
    let mut crashed = producer(&cluster, cluster.log(), "crashed", &[&name]);
    crashed.begin().unwrap();
    crashed.produce(&record(0, "left open")).unwrap();
    drop(crashed);
    let mut other = producer(&cluster, cluster.log(), "other", &[&name]);
    commit_values(&cluster, &mut other, &["behind"]);
    assert_eq!(snapshot(&cluster, &name, Isolation::ReadCommitted), []);
    cluster.log.advance(Duration::from_secs(30));
    expect_values(&cluster, &name, &["behind"]);
}

#[test]
fn records_without_a_key_are_spread_over_the_partitions() {
    let cluster = model();
    let name = topic(&cluster, "keyless", 2);
    let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
    producer.begin().unwrap();
    for _ in 0..4 {
        producer.produce(&OutputRecord { key: None, destination: Destination::ByKey, ..record(0, "x") }).unwrap();
    }
    assert_eq!(producer.commit_without_offsets().unwrap().produced.len(), 2);
}
