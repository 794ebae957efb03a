//! The foreign reader sees exactly what is committed, byte for byte.

use std::time::Duration;

use leadstream_test_support::foreign::{await_committed, read_committed, read_settled, read_uncommitted};
use leadstream_test_support::topics::{OpenRecords, config, create_topics, delete_topics, produce, send};
use leadstream_test_support::{Broker, NewRecord, NewTopic, SupportError};
use rdkafka::producer::{BaseProducer, Producer as _};

const LIMIT: Duration = Duration::from_secs(30);

fn topic(name: &str, partitions: i32) -> String {
    let bootstrap = Broker::shared().bootstrap();
    create_topics(&bootstrap, &[NewTopic { name, partitions, settings: &[] }]).unwrap();
    bootstrap
}

#[test]
fn every_byte_of_key_value_and_headers_arrives() {
    let bootstrap = topic("foreign-bytes", 1);
    let all_bytes: Vec<u8> = (0..=255).collect();
    let full = NewRecord {
        partition: Some(0),
        key: Some(all_bytes.clone()),
        value: Some(all_bytes.iter().rev().copied().collect()),
        headers: vec![("ce_id".to_owned(), b"e-1".to_vec()), ("raw".to_owned(), vec![0, 10, 34, 92, 255])],
        timestamp_ms: Some(1_700_000_000_123),
    };
    let tombstone = NewRecord { key: Some(b"c1".to_vec()), ..NewRecord::default() };
    let empty = NewRecord { value: Some(Vec::new()), ..NewRecord::default() };
    produce(&bootstrap, "foreign-bytes", &[full.clone(), tombstone, empty]).unwrap();

    let records = read_committed(&bootstrap, "foreign-bytes").unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].key, full.key);
    assert_eq!(records[0].value, full.value);
    assert_eq!((records[0].partition, records[0].offset, records[0].timestamp_ms), (0, 0, 1_700_000_000_123));
    assert_eq!(records[0].header("ce_id"), Some("e-1"));
    assert_eq!(records[0].headers[1], ("raw".to_owned(), Some(vec![0, 10, 34, 92, 255])));
    assert_eq!((records[1].key.as_deref(), records[1].value.as_deref()), (Some(&b"c1"[..]), None));
    assert_eq!((records[2].key.as_deref(), records[2].value.as_deref()), (None, Some(&b""[..])));
}

#[test]
fn records_come_sorted_by_partition_and_offset() {
    let bootstrap = topic("foreign-order", 3);
    let record = |number: i32| NewRecord {
        partition: Some(number % 3),
        ..NewRecord::keyed(format!("c{number}"), number.to_string())
    };
    produce(&bootstrap, "foreign-order", &(0..300).map(record).collect::<Vec<_>>()).unwrap();
    let records = read_committed(&bootstrap, "foreign-order").unwrap();
    let places: Vec<_> = records.iter().map(|record| (record.partition, record.offset)).collect();
    let expected: Vec<_> = (0..3).flat_map(|partition| (0..100).map(move |offset| (partition, offset))).collect();
    assert_eq!(places, expected);
}

#[test]
fn a_key_lies_in_the_partition_that_kafkas_own_clients_choose() {
    let bootstrap = topic("foreign-partitions", 8);
    // From the Java client: toPositive(murmur2(key)) % 8.
    let java = [("21", -973_932_308_i32), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)];
    let records: Vec<_> = java.iter().map(|(key, _)| NewRecord::keyed(*key, "x")).collect();
    produce(&bootstrap, "foreign-partitions", &records).unwrap();
    for record in read_committed(&bootstrap, "foreign-partitions").unwrap() {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        let (_, hash) = java.iter().find(|(candidate, _)| *candidate == key).unwrap();
        assert_eq!(record.partition, (hash & i32::MAX) % 8, "key {key}");
    }
}

#[test]
fn an_aborted_or_open_transaction_shows_nothing() {
    let bootstrap = topic("foreign-transactions", 1);
    let producer: BaseProducer = config(&bootstrap).set("transactional.id", "foreign-transactions").create().unwrap();
    producer.init_transactions(LIMIT).unwrap();
    let write = |value: &str| {
        producer.begin_transaction().unwrap();
        send(&producer, "foreign-transactions", &NewRecord::keyed("c1", value)).unwrap();
        producer.flush(LIMIT).unwrap();
    };
    let seen = || -> Vec<_> {
        let records = read_committed(&bootstrap, "foreign-transactions").unwrap();
        records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
    };
    write("aborted");
    producer.abort_transaction(LIMIT).unwrap();
    write("committed");
    producer.commit_transaction(LIMIT).unwrap();
    let records = await_committed(&bootstrap, "foreign-transactions", 1, LIMIT).unwrap();
    assert_eq!(records[0].value.as_deref(), Some(&b"committed"[..]));
    write("open");
    assert_eq!(seen(), ["committed"]);
    let open = OpenRecords::of(&bootstrap, "foreign-transactions", 1).unwrap();
    assert_eq!(open.count().unwrap(), 1);
    producer.commit_transaction(LIMIT).unwrap();
    await_committed(&bootstrap, "foreign-transactions", 2, LIMIT).unwrap();
    assert_eq!(seen(), ["committed", "open"]);
    assert_eq!(open.count().unwrap(), 0);
    let all = read_uncommitted(&bootstrap, "foreign-transactions").unwrap();
    assert_eq!(all.len(), 3, "what was aborted is there for whoever asks for it");
}

#[test]
fn a_missing_topic_is_an_error_and_an_empty_one_is_not() {
    let bootstrap = topic("foreign-empty", 2);
    assert_eq!(read_committed(&bootstrap, "foreign-empty").unwrap(), []);
    let error = read_committed(&bootstrap, "foreign-missing").unwrap_err();
    assert!(error.to_string().contains("foreign-missing"), "{error}");
    delete_topics(&bootstrap, &["foreign-empty"]).unwrap();
    assert!(read_committed(&bootstrap, "foreign-empty").is_err());
}

#[test]
fn topics_are_there_when_their_creation_returns_and_gone_when_their_deletion_does() {
    let bootstrap = Broker::shared().bootstrap();
    for round in 0..4 {
        let name = format!("foreign-at-once-{round}");
        create_topics(&bootstrap, &[NewTopic { name: &name, partitions: 50, settings: &[] }]).unwrap();
        assert_eq!(read_committed(&bootstrap, &name).unwrap(), []);
        delete_topics(&bootstrap, &[&name]).unwrap();
        assert!(read_committed(&bootstrap, &name).is_err());
    }
}

#[test]
fn what_a_commit_wrote_is_there_in_all_partitions_once_the_topic_is_settled() {
    const PARTITIONS: i32 = 50;
    let bootstrap = topic("foreign-settled", PARTITIONS);
    let producer: BaseProducer = config(&bootstrap).set("transactional.id", "foreign-settled").create().unwrap();
    producer.init_transactions(LIMIT).unwrap();
    for round in 1..=3 {
        producer.begin_transaction().unwrap();
        for partition in 0..PARTITIONS {
            let record = NewRecord { partition: Some(partition), ..NewRecord::keyed("c1", "x") };
            send(&producer, "foreign-settled", &record).unwrap();
        }
        producer.flush(LIMIT).unwrap();
        let error = read_settled(&bootstrap, "foreign-settled", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("50 records in the open"), "{error}");
        producer.commit_transaction(LIMIT).unwrap();
        let records = read_settled(&bootstrap, "foreign-settled", LIMIT).unwrap();
        assert_eq!(records.len(), round * 50);
    }
}

#[test]
fn waiting_for_records_that_do_not_come_ends_and_says_what_there_was() {
    let bootstrap = topic("foreign-waiting", 1);
    produce(&bootstrap, "foreign-waiting", &[NewRecord::keyed("c1", "only one")]).unwrap();
    let error = await_committed(&bootstrap, "foreign-waiting", 2, Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, SupportError::TooLate { .. }));
    assert_eq!(error.to_string(), "2 records in foreign-waiting did not come within 300 ms; so far: 1 records");
}
