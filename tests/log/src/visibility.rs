//! What readers see of transactions (invariant 1 of the contract).

use leadstream_runtime::log::{
    Destination, Header, Isolation, OutputRecord, ProducedOffset, Producer, TopicIndex, partition_for_key,
};

use crate::fixture::{
    Cluster, Seen, commit_values, eventually, expect_values, patiently, producer, record, snapshot, topic, values,
};

/// Invisible before the commit, all of it visible after, over partitions and topics.
pub fn a_transaction_is_invisible_until_it_commits_and_then_whole(cluster: &impl Cluster) {
    let (first, second) = (topic(cluster, "whole-a", 2), topic(cluster, "whole-b", 1));
    let mut producer = producer(cluster, cluster.log(), &cluster.name("whole"), &[&first, &second]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "a0")).unwrap();
    producer.produce(&record(1, "a1")).unwrap();
    producer.produce(&OutputRecord { topic: TopicIndex(1), ..record(0, "b0") }).unwrap();
    // The records are in the partitions: who reads uncommitted sees them.
    eventually(cluster, "the records to arrive", || {
        let arrived = snapshot(cluster, &first, Isolation::ReadUncommitted).len();
        (arrived + snapshot(cluster, &second, Isolation::ReadUncommitted).len() == 3).then_some(())
    });
    assert_eq!(snapshot(cluster, &first, Isolation::ReadCommitted), []);
    assert_eq!(snapshot(cluster, &second, Isolation::ReadCommitted), []);
    producer.commit_without_offsets().unwrap();
    expect_values(cluster, &first, &["a0", "a1"]);
    expect_values(cluster, &second, &["b0"]);
}

/// Aborted records stay invisible, even behind a later commit.
pub fn aborted_records_are_never_visible(cluster: &impl Cluster) {
    let name = topic(cluster, "aborted", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("aborted"), &[&name]);
    commit_values(cluster, &mut producer, &["before"]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "aborted")).unwrap();
    eventually(cluster, "the record to arrive", || {
        (snapshot(cluster, &name, Isolation::ReadUncommitted).len() == 2).then_some(())
    });
    producer.abort().unwrap();
    commit_values(cluster, &mut producer, &["after"]);
    expect_values(cluster, &name, &["before", "after"]);
}

/// The last stable offset: what committed behind an open transaction waits for it.
pub fn an_open_transaction_holds_up_what_committed_behind_it(cluster: &impl Cluster) {
    let name = topic(cluster, "stable", 1);
    let mut slow = producer(cluster, cluster.log(), &cluster.name("slow"), &[&name]);
    let mut quick = producer(cluster, cluster.log(), &cluster.name("quick"), &[&name]);
    patiently(cluster, || slow.begin()).unwrap();
    slow.produce(&record(0, "slow")).unwrap();
    eventually(cluster, "the record to arrive", || {
        (snapshot(cluster, &name, Isolation::ReadUncommitted).len() == 1).then_some(())
    });
    commit_values(cluster, &mut quick, &["quick"]);
    assert_eq!(values(&snapshot(cluster, &name, Isolation::ReadUncommitted)), ["slow", "quick"]);
    assert_eq!(snapshot(cluster, &name, Isolation::ReadCommitted), []);
    slow.commit_without_offsets().unwrap();
    expect_values(cluster, &name, &["slow", "quick"]);
}

/// `Committed` names every partition written, sorted, with the offsets of the first and the last record there.
pub fn a_commit_names_the_last_offset_of_each_partition_written(cluster: &impl Cluster) {
    let (first, second) = (topic(cluster, "named-a", 3), topic(cluster, "named-b", 1));
    let mut producer = producer(cluster, cluster.log(), &cluster.name("named"), &[&first, &second]);
    commit_values(cluster, &mut producer, &["earlier"]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&OutputRecord { topic: TopicIndex(1), ..record(0, "b") }).unwrap();
    for (partition, value) in [(2, "c"), (0, "a1"), (0, "a2")] {
        producer.produce(&record(partition, value)).unwrap();
    }
    let committed = producer.commit_without_offsets().unwrap();
    let at = |topic, partition, first_offset, last_offset| ProducedOffset {
        topic: TopicIndex(topic),
        partition,
        first_offset,
        last_offset,
    };
    // Offset 1 of partition 0 is the marker of the earlier transaction.
    assert_eq!(committed.produced, [at(0, 0, 2, 3), at(0, 2, 0, 0), at(1, 0, 0, 0)]);
    let seen = expect_values(cluster, &first, &["earlier", "a1", "a2", "c"]);
    let last: Vec<(u32, u64)> = seen.iter().map(|record| (record.partition, record.offset)).collect();
    assert!(last.contains(&(0, 3)) && last.contains(&(2, 0)), "{last:?}");
}

/// Records by key go where every Kafka client would put and look for them.
pub fn keys_choose_the_partitions_that_kafka_clients_choose(cluster: &impl Cluster) {
    const PARTITIONS: u32 = 4;
    let name = topic(cluster, "by-key", PARTITIONS);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("by-key"), &[&name]);
    patiently(cluster, || producer.begin()).unwrap();
    let keys: Vec<String> = (0..20).map(|number| format!("contact-{number}")).collect();
    for key in &keys {
        producer.produce(&OutputRecord { destination: Destination::ByKey, ..record(0, key) }).unwrap();
    }
    producer.commit_without_offsets().unwrap();
    let seen = eventually(cluster, "all records", || {
        Some(snapshot(cluster, &name, Isolation::ReadCommitted)).filter(|seen| seen.len() == keys.len())
    });
    for Seen { key, partition, .. } in seen {
        assert_eq!(partition, partition_for_key(&key.unwrap(), PARTITIONS));
    }
}

/// Null and empty are different things; headers keep their order and repeats; a timestamp is kept.
pub fn records_come_back_as_they_were_written(cluster: &impl Cluster) {
    let name = topic(cluster, "as-written", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("as-written"), &[&name]);
    let headers = [
        Header { name: "source", value: Some(b"crm") },
        Header { name: "source", value: None },
        Header { name: "empty", value: Some(b"") },
    ];
    let full = OutputRecord { headers: &headers, timestamp_ms: Some(1_577_836_800_000), ..record(0, "full") };
    let null = OutputRecord { key: None, value: None, timestamp_ms: Some(1), ..record(0, "") };
    let empty = OutputRecord { key: Some(b""), value: Some(b""), ..record(0, "") };
    patiently(cluster, || producer.begin()).unwrap();
    for record in [full, null, empty] {
        producer.produce(&record).unwrap();
    }
    producer.commit_without_offsets().unwrap();
    let seen = expect_values(cluster, &name, &["full", "", ""]);
    let keys: Vec<Option<&[u8]>> = seen.iter().map(|record| record.key.as_deref()).collect();
    assert_eq!(keys, [Some(&b"full"[..]), None, Some(&b""[..])]);
    let values: Vec<Option<&[u8]>> = seen.iter().map(|record| record.value.as_deref()).collect();
    assert_eq!(values, [Some(&b"full"[..]), None, Some(&b""[..])]);
    let expected: Vec<_> =
        headers.iter().map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec))).collect();
    assert_eq!(seen[0].headers, expected);
    assert_eq!(seen[1].headers, []);
    assert_eq!((seen[0].timestamp_ms, seen[1].timestamp_ms), (Some(1_577_836_800_000), Some(1)));
    // Without a timestamp the log's own time is taken, which is past the day this was written.
    assert!(seen[2].timestamp_ms > Some(1_600_000_000_000), "{:?}", seen[2].timestamp_ms);
}

/// Transactions without records end as others do.
pub fn empty_transactions_commit_and_abort(cluster: &impl Cluster) {
    let name = topic(cluster, "empty", 1);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("empty"), &[&name]);
    producer.abort().unwrap();
    patiently(cluster, || producer.begin()).unwrap();
    assert_eq!(producer.commit_without_offsets().unwrap().produced, []);
    patiently(cluster, || producer.begin()).unwrap();
    producer.abort().unwrap();
    producer.abort().unwrap();
    commit_values(cluster, &mut producer, &["something"]);
    expect_values(cluster, &name, &["something"]);
}
