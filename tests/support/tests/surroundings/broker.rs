//! Brokers start, keep their data over kills, refuse what Kafka refuses, and end with the test.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leadstream_test_support::foreign::read_committed;
use leadstream_test_support::topics::{create_topics, produce};
use leadstream_test_support::{Broker, BrokerOptions, NewRecord, NewTopic, SupportError};

const ONE_PARTITION: NewTopic<'static> = NewTopic { name: "kept", partitions: 1, settings: &[] };

fn values(broker: &Broker) -> Vec<Vec<u8>> {
    let records = read_committed(&broker.bootstrap(), "kept").unwrap();
    records.into_iter().map(|record| record.value.unwrap()).collect()
}

#[test]
fn a_broker_keeps_its_address_and_its_records_over_kill_and_restart() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let address = broker.bootstrap();
    create_topics(&address, &[ONE_PARTITION]).unwrap();
    produce(&address, "kept", &[NewRecord::keyed("c1", "before the kill")]).unwrap();
    assert_eq!(values(&broker), [b"before the kill"]);

    broker.kill().unwrap();
    assert!(TcpStream::connect(&address).is_err(), "a killed broker must not answer");
    assert!(read_committed(&address, "kept").is_err(), "reading from a dead broker must not look like an empty topic");

    broker.restart().unwrap();
    assert_eq!(broker.bootstrap(), address);
    produce(&address, "kept", &[NewRecord::keyed("c1", "after it")]).unwrap();
    assert_eq!(values(&broker), [&b"before the kill"[..], b"after it"]);

    broker.stop().unwrap();
    broker.restart().unwrap();
    assert_eq!(values(&broker).len(), 2);
}

#[test]
fn a_dropped_broker_is_gone_with_its_data() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let (address, data) = (broker.bootstrap(), broker.data().to_owned());
    assert!(TcpStream::connect(&address).is_ok());
    drop(broker);
    assert!(TcpStream::connect(&address).is_err());
    assert!(!data.exists());
}

#[test]
fn a_broker_dies_with_a_test_process_that_is_killed() {
    let mut holder =
        Command::new(env!("CARGO_BIN_EXE_hold-broker")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (address, data) = line.trim().split_once(' ').unwrap();
    assert!(TcpStream::connect(address).is_ok());

    holder.kill().unwrap();
    holder.wait().unwrap();
    let start = Instant::now();
    while TcpStream::connect(address).is_ok() || Path::new(data).exists() {
        assert!(start.elapsed() < Duration::from_secs(10), "the broker at {address} outlived its test process");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn properties_of_a_test_reach_the_broker() {
    let options = BrokerOptions { properties: vec![("auto.create.topics.enable".to_owned(), "true".to_owned())] };
    let broker = Broker::start(options).unwrap();
    produce(&broker.bootstrap(), "kept", &[NewRecord::keyed("c1", "made by writing")]).unwrap();
    assert_eq!(values(&broker), [b"made by writing"]);
}

#[test]
fn a_broker_that_cannot_start_says_why() {
    let options = BrokerOptions { properties: vec![("log.dirs".to_owned(), "/proc/no-such-folder".to_owned())] };
    let error = Broker::start(options).unwrap_err();
    assert!(matches!(error, SupportError::Command { .. }));
    assert!(error.to_string().contains("/proc/no-such-folder"), "{error}");
}

#[test]
fn a_topic_that_exists_is_an_error_and_the_shared_broker_is_one() {
    let address = Broker::shared().bootstrap();
    assert_eq!(address, Broker::shared().bootstrap());
    let topic = NewTopic { name: "broker-twice", ..ONE_PARTITION };
    create_topics(&address, std::slice::from_ref(&topic)).unwrap();
    let error = create_topics(&address, &[topic]).unwrap_err();
    assert!(error.to_string().contains("broker-twice"), "{error}");
}
