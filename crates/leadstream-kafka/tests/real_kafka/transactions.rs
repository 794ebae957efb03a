//! Transactions, their offsets, and who is fenced.

use leadstream_kafka::KafkaProducer;
use leadstream_runtime::log::{
    Destination, Header, Isolation, Log, LogError, Membership, MembershipEvent, OutputRecord, ProducedOffset, Producer,
    ProducerOptions, Reader, TopicIndex, TopicSpec, partition_for_key,
};

use crate::help::*;

#[test]
fn a_transaction_is_invisible_until_it_commits_and_then_whole() {
    let world = World::shared();
    let topic = world.topic("out", 2);
    let mut producer = world.producer("p", &[&topic]);
    let mut reader = world.reader(&topic, 2);
    producer.begin().unwrap();
    producer.produce(&record(0, "a")).unwrap();
    producer.produce(&record(1, "b")).unwrap();
    // Others commit behind it meanwhile, and even they wait.
    commit_values(&mut world.producer("q", &[&topic]), 0, &["behind"]);
    until("the open transaction to reach the broker", || (world.end(&topic, 0) >= 2).then_some(()));
    for _ in 0..10 {
        assert_eq!(read_some(&mut reader), []);
    }
    producer.commit_without_offsets().unwrap();
    assert_eq!(world.committed_values(&topic, 0).len(), 2);
    assert_eq!(world.committed_values(&topic, 1), ["b"]);
}

#[test]
fn an_aborted_transaction_shows_nothing_and_the_next_one_goes_through() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut producer = world.producer("p", &[&topic]);
    for round in 0..20 {
        abort_values(&mut producer, 0, &["never"; 50]);
        commit_values(&mut producer, 0, &[&format!("kept {round}")]);
    }
    let expected: Vec<String> = (0..20).map(|round| format!("kept {round}")).collect();
    assert_eq!(world.committed_values(&topic, 0), expected);
}

#[test]
fn a_record_that_reached_the_broker_and_was_aborted_is_seen_by_uncommitted_readers_only() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut producer = world.producer("p", &[&topic]);
    producer.begin().unwrap();
    producer.produce(&record(0, "aborted")).unwrap();
    until("the record to reach the broker", || (world.end(&topic, 0) >= 1).then_some(()));
    producer.abort().unwrap();
    assert_eq!(world.committed_values(&topic, 0), Vec::<String>::new());
    let mut uncommitted = world.reader_with(&topic, Isolation::ReadUncommitted);
    uncommitted.start(&[start(0, 0)]).unwrap();
    let end = world.end(&topic, 0);
    assert_eq!(read_to(&mut uncommitted, 0, end), [(0, "aborted".to_owned())]);
}

#[test]
fn a_commit_names_the_first_and_last_offset_of_every_partition_it_wrote() {
    let world = World::shared();
    let (first, second) = (world.topic("first", 2), world.topic("second", 1));
    let mut producer = world.producer("p", &[&first, &second]);
    commit_values(&mut producer, 1, &["x"]);
    producer.begin().unwrap();
    for value in ["a", "b", "c"] {
        producer.produce(&record(1, value)).unwrap();
    }
    producer.produce(&OutputRecord { topic: TopicIndex(1), ..record(0, "d") }).unwrap();
    let committed = producer.commit_without_offsets().unwrap();
    // Offset 0 holds x, and 1 the marker of its transaction.
    assert_eq!(
        committed.produced,
        [
            ProducedOffset { topic: TopicIndex(0), partition: 1, first_offset: 2, last_offset: 4 },
            ProducedOffset { topic: TopicIndex(1), partition: 0, first_offset: 0, last_offset: 0 },
        ]
    );
    abort_values(&mut producer, 0, &["aborted"]);
    producer.begin().unwrap();
    producer.produce(&record(1, "e")).unwrap();
    let committed = producer.commit_without_offsets().unwrap();
    assert_eq!(
        committed.produced,
        [ProducedOffset { topic: TopicIndex(0), partition: 1, first_offset: 6, last_offset: 6 }]
    );
}

/// A member that owns all tasks of a topic, and its producer.
fn worker(world: &World, topic: &str) -> (leadstream_kafka::KafkaMembership, KafkaProducer) {
    let mut member = world.member(topic, "a");
    assert!(matches!(event(&mut member), MembershipEvent::Assigned { .. }));
    (member, world.producer("a", &[topic]))
}

#[test]
fn offsets_and_metadata_commit_with_their_transaction_or_not_at_all() {
    let world = World::shared();
    let topic = world.topic("in", 2);
    let (member, mut producer) = worker(&world, &topic);
    assert_eq!(world.committed_offset(&topic, 0), None);

    producer.begin().unwrap();
    producer.commit(&member.token().unwrap(), &[offset(&topic, 0, 7)]).unwrap();
    assert_eq!(world.committed_offset(&topic, 0), Some((7, "m".to_owned())));
    assert_eq!(world.committed_offset(&topic, 1), None);

    producer.begin().unwrap();
    producer.produce(&record(0, "x")).unwrap();
    producer.abort().unwrap();
    assert_eq!(world.committed_offset(&topic, 0), Some((7, "m".to_owned())));
}

#[test]
fn a_commit_without_offsets_by_mistake_is_refused_because_nothing_would_fence_it() {
    let world = World::shared();
    let topic = world.topic("in", 1);
    let (member, mut producer) = worker(&world, &topic);
    producer.begin().unwrap();
    producer.produce(&record(0, "x")).unwrap();
    let error = producer.commit(&member.token().unwrap(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "commit transaction: a transaction without offsets is not fenced");
    producer.abort().unwrap();
}

#[test]
fn a_late_worker_with_the_token_of_an_old_generation_commits_nothing() {
    let world = World::shared();
    let topic = world.topic("in", 2);
    let (mut late, mut producer) = worker(&world, &topic);
    let old = late.token().unwrap();
    let mut other = world.member(&topic, "b");
    let (mut late_tasks, mut other_tasks) = (vec![0, 1], vec![]);
    until("the tasks to be shared", || {
        for (member, tasks) in [(&mut late, &mut late_tasks), (&mut other, &mut other_tasks)] {
            match member.poll(std::time::Duration::from_millis(20)).unwrap() {
                Some(MembershipEvent::Assigned { tasks: added }) => tasks.extend(added),
                Some(MembershipEvent::Revoked { tasks: taken, .. }) => {
                    tasks.retain(|task| !taken.contains(task));
                    member.release(&taken).unwrap();
                }
                None => {}
            }
        }
        (late_tasks.len() == 1 && other_tasks.len() == 1).then_some(())
    });

    producer.begin().unwrap();
    producer.produce(&record(0, "late")).unwrap();
    let error = producer.commit(&old, &[offset(&topic, 0, 1)]).unwrap_err();
    assert!(matches!(error, LogError::AbortAndAwaitAssignment(_)), "{error}");
    producer.abort().unwrap();
    assert_eq!(world.committed_values(&topic, 0), Vec::<String>::new());
    assert_eq!(world.committed_offset(&topic, 0), None);

    // With the token of the present generation the same producer goes on. Sharing takes several generations, the last ones with empty events.
    until("a commit of the present generation", || {
        for member in [&mut late, &mut other] {
            let event = member.poll(std::time::Duration::from_millis(20)).unwrap();
            assert!(event.is_none_or(|event| event == MembershipEvent::Assigned { tasks: vec![] }));
        }
        producer.begin().unwrap();
        match producer.commit(&late.token()?, &[offset(&topic, 0, 2)]) {
            Ok(_) => Some(()),
            Err(LogError::AbortAndAwaitAssignment(_)) => {
                producer.abort().unwrap();
                None
            }
            Err(error) => panic!("{error}"),
        }
    });
    assert_eq!(world.committed_offset(&topic, 0), Some((2, "m".to_owned())));
}

#[test]
fn a_second_process_with_the_same_instance_id_fences_the_first() {
    let world = World::shared();
    let topic = world.topic("in", 1);
    let (mut first, mut producer) = worker(&world, &topic);
    let old = first.token().unwrap();
    let mut second = world.member(&topic, "a");
    assert_eq!(event(&mut second), MembershipEvent::Assigned { tasks: vec![0] });

    producer.begin().unwrap();
    producer.produce(&record(0, "twin")).unwrap();
    // The first itself could have joined anew after its session had timed out: only its membership knows that it is another one.
    let error = producer.commit(&old, &[offset(&topic, 0, 1)]).unwrap_err();
    assert!(matches!(error, LogError::AbortAndAwaitAssignment(_)), "{error}");
    let error = until("the first to notice", || first.poll(std::time::Duration::from_millis(50)).err());
    assert!(matches!(error, LogError::Fenced(_)), "{error}");
    assert_eq!(world.committed_offset(&topic, 0), None);
}

#[test]
fn opening_a_producer_fences_the_one_before_and_settles_what_it_left_open() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut old = world.producer("p", &[&topic]);
    old.begin().unwrap();
    old.produce(&record(0, "left open")).unwrap();
    until("the record to reach the broker", || (world.end(&topic, 0) >= 1).then_some(()));

    let mut new = world.producer("p", &[&topic]);
    commit_values(&mut new, 0, &["new"]);
    assert_eq!(world.committed_values(&topic, 0), ["new"]);

    let error = old.commit_without_offsets().unwrap_err();
    assert!(matches!(error, LogError::Fenced(_)), "{error}");
    assert_eq!(world.committed_values(&topic, 0), ["new"]);
}

#[test]
fn reopening_after_an_open_transaction_aborts_it() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut producer = world.producer("p", &[&topic]);
    producer.begin().unwrap();
    producer.produce(&record(0, "doubtful")).unwrap();
    until("the record to reach the broker", || (world.end(&topic, 0) >= 1).then_some(()));
    retried(|| producer.reopen());
    commit_values(&mut producer, 0, &["after"]);
    assert_eq!(world.committed_values(&topic, 0), ["after"]);
}

#[test]
fn keys_go_to_the_partition_that_every_kafka_client_computes() {
    let world = World::shared();
    let topic = world.topic("out", 5);
    let mut producer = world.producer("p", &[&topic]);
    producer.begin().unwrap();
    let keys: Vec<String> = (0..200).map(|number| format!("contact-{number}")).collect();
    for key in &keys {
        let by_key = OutputRecord { destination: Destination::ByKey, key: Some(key.as_bytes()), ..record(0, key) };
        producer.produce(&by_key).unwrap();
    }
    producer.commit_without_offsets().unwrap();
    for partition in 0..5 {
        let expected: Vec<&String> =
            keys.iter().filter(|key| partition_for_key(key.as_bytes(), 5) == partition).collect();
        assert!(!expected.is_empty());
        assert_eq!(world.committed_values(&topic, partition).iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn nulls_empties_headers_and_timestamps_arrive_as_they_were_sent() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut producer = world.producer("p", &[&topic]);
    producer.begin().unwrap();
    let headers = [
        Header { name: "ce_id", value: Some(b"1") },
        Header { name: "empty", value: Some(b"") },
        Header { name: "null", value: None },
        Header { name: "ce_id", value: Some(b"again") },
    ];
    let full = OutputRecord { key: Some(b"key"), headers: &headers, timestamp_ms: Some(1_234_567), ..record(0, "v") };
    let tombstone = OutputRecord { key: Some(b""), value: None, ..full };
    let empty = OutputRecord { key: None, value: Some(b""), headers: &[], ..full };
    for record in [full, tombstone, empty] {
        producer.produce(&record).unwrap();
    }
    producer.commit_without_offsets().unwrap();

    type Seen = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, Option<i64>);
    let mut seen: Vec<Seen> = Vec::new();
    let mut reader = world.reader(&topic, 1);
    until("three records", || {
        let mut visit = |record: &leadstream_runtime::log::Record<'_>| {
            let headers = (0..).map_while(|index| record.headers.header(index));
            let headers = headers.map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec))).collect();
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            seen.push((key, value, headers, record.timestamp.map(|timestamp| timestamp.ms)));
        };
        reader.read(10, std::time::Duration::from_millis(50), &mut visit).unwrap();
        (seen.len() == 3).then_some(())
    });
    let sent: Vec<(String, Option<Vec<u8>>)> =
        headers.iter().map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec))).collect();
    let at = Some(1_234_567);
    assert_eq!(seen[0], (Some(b"key".to_vec()), Some(b"v".to_vec()), sent.clone(), at));
    assert_eq!(seen[1], (Some(vec![]), None, sent, at));
    assert_eq!(seen[2], (None, Some(vec![]), vec![], at));
}

#[test]
fn a_transaction_larger_than_the_queue_waits_for_room() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let options = ProducerOptions { queue_records: 50, ..world.producer_options("p", &[&topic]) };
    let mut producer = retried(|| world.log.open_producer(&options));
    producer.begin().unwrap();
    for number in 0..2000 {
        producer.produce(&record(0, &number.to_string())).unwrap();
    }
    producer.commit_without_offsets().unwrap();
    assert_eq!(world.committed_values(&topic, 0).len(), 2000);
}

#[test]
fn a_partition_that_does_not_exist_fails_its_transaction_and_not_the_next() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut producer = world.producer("p", &[&topic]);
    producer.begin().unwrap();
    producer.produce(&record(0, "with it")).unwrap();
    // Refused here or by the broker; whoever overlooks it cannot commit the rest without it.
    let _ = producer.produce(&record(9, "nowhere"));
    let error = producer.commit_without_offsets().unwrap_err();
    assert!(matches!(error, LogError::AbortAndRewind(_)), "{error}");
    producer.abort().unwrap();
    commit_values(&mut producer, 0, &["after"]);
    assert_eq!(world.committed_values(&topic, 0), ["after"]);
}

#[test]
fn calls_out_of_order_are_refused() {
    let world = World::shared();
    let topic = world.topic("out", 1);
    let mut producer = world.producer("p", &[&topic]);
    assert!(matches!(producer.produce(&record(0, "x")).unwrap_err(), LogError::Fatal(_)));
    assert!(matches!(producer.commit_without_offsets().unwrap_err(), LogError::Fatal(_)));
    producer.abort().unwrap();
    producer.begin().unwrap();
    assert!(matches!(producer.begin().unwrap_err(), LogError::Fatal(_)));
    commit_open(&mut producer);
}

fn commit_open(producer: &mut KafkaProducer) {
    producer.produce(&record(0, "x")).unwrap();
    producer.commit_without_offsets().unwrap();
}

#[test]
fn an_empty_transaction_commits_and_the_next_one_works() {
    let world = World::shared();
    let topic = world.topic("in", 1);
    let (member, mut producer) = worker(&world, &topic);
    for next_offset in 1..5 {
        producer.begin().unwrap();
        let committed = producer.commit(&member.token().unwrap(), &[offset(&topic, 0, next_offset)]).unwrap();
        assert_eq!(committed.produced, []);
    }
    producer.begin().unwrap();
    producer.abort().unwrap();
    producer.begin().unwrap();
    producer.commit_without_offsets().unwrap();
    assert_eq!(world.committed_offset(&topic, 0).unwrap().0, 4);
}

/// What nothing compresses, from a linear congruence.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// Why a topic must take a whole batch of the producer, however small its records are.
#[test]
fn records_that_their_topic_refuses_abort_the_transaction_which_names_the_topic() {
    let world = World::shared();
    let narrow = TopicSpec { max_message_bytes: Some(100_000), ..world.spec("narrow", 1) };
    retried(|| world.log.create(std::slice::from_ref(&narrow)));
    let wide = world.topic("wide", 1);
    let mut producer = world.producer("p", &[&wide, &narrow.name]);
    for (records, bytes) in [(1, 120_000), (300, 1_000)] {
        producer.begin().unwrap();
        producer.produce(&record(0, "never")).unwrap();
        let values = noise(records * bytes);
        let mut values = values.chunks(bytes).map(Some);
        let produced = values
            .try_for_each(|value| producer.produce(&OutputRecord { topic: TopicIndex(1), value, ..record(0, "") }));
        let error = produced.and_then(|()| producer.commit_without_offsets().map(drop)).unwrap_err();
        let LogError::AbortAndRewind(failure) = &error else { panic!("{error}") };
        let named = failure.reason.contains(&narrow.name) && failure.reason.contains("MessageSizeTooLarge");
        assert!(named, "{records} of {bytes} bytes: {failure}");
        producer.abort().unwrap();
        commit_values(&mut producer, 0, &["kept"]);
    }
    assert_eq!(world.committed_values(&wide, 0), ["kept", "kept"]);
    // More than the producer itself sends: no repetition helps.
    producer.begin().unwrap();
    let value = noise(1_000_000);
    let error = producer.produce(&OutputRecord { value: Some(&value), ..record(0, "") }).unwrap_err();
    let LogError::Fatal(failure) = &error else { panic!("{error}") };
    assert!(failure.reason.contains(&wide) && failure.reason.contains("1000000 bytes"), "{failure}");
}
