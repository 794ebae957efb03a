//! A broker that goes and comes back: what is in doubt is settled, nothing is lost, nothing is twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use leadstream_kafka::{KafkaMembership, KafkaProducer};
use leadstream_runtime::log::{
    Log, LogError, Membership, MembershipEvent, Producer, ProducerOptions, Reader, TopicPartition,
};
use leadstream_test_support::{Broker, BrokerOptions};

use crate::help::*;

/// What a worker does about an error of its transaction; returns once the producer can begin again. True: the epoch's fate must be looked up.
fn settle(producer: &mut KafkaProducer, error: &LogError) -> bool {
    match error {
        LogError::AbortAndRewind(_) | LogError::AbortAndAwaitAssignment(_) => {
            if producer.abort().is_err() {
                retried(|| producer.reopen());
            }
            false
        }
        LogError::UnknownOutcome(_) => {
            retried(|| producer.reopen());
            true
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_broker_killed_at_random_moments_neither_loses_nor_doubles_an_epoch() {
    Broker::killed_in(killed_at_random_moments);
}

fn killed_at_random_moments(broker: &Broker) {
    const EPOCHS: usize = 400;
    let world = World::on(broker);
    let redo = world.topic("redo", 1);
    let mut producer = world.producer("a", &[&redo]);
    let done = AtomicBool::new(false);
    let mut doubts = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            for wait_ms in [1100, 1730, 900] {
                thread::sleep(Duration::from_millis(wait_ms));
                if done.load(Ordering::Relaxed) {
                    return;
                }
                broker.kill().unwrap();
                thread::sleep(Duration::from_millis(wait_ms / 2));
                broker.restart().unwrap();
            }
        });
        let mut epoch = 0;
        while epoch < EPOCHS {
            thread::sleep(Duration::from_millis(10));
            retried(|| producer.begin());
            let value = epoch.to_string();
            let written =
                producer.produce(&record(0, &value)).and_then(|()| producer.commit_without_offsets().map(|_| ()));
            match written {
                Ok(()) => epoch += 1,
                Err(error) => {
                    eprintln!("epoch {epoch}: {error}");
                    if settle(&mut producer, &error) {
                        doubts += 1;
                        // The end of the redo tells whether the epoch is there.
                        if world.committed_values(&redo, 0).last() == Some(&value) {
                            epoch += 1;
                        }
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    eprintln!("{doubts} outcomes were in doubt");
    let expected: Vec<String> = (0..EPOCHS).map(|epoch| epoch.to_string()).collect();
    assert_eq!(world.committed_values(&redo, 0), expected);
}

fn serve(member: &mut KafkaMembership) {
    if let Some(MembershipEvent::Revoked { tasks, .. }) = member.poll(Duration::from_millis(50)).unwrap() {
        member.release(&tasks).unwrap();
    }
}

/// librdkafka forgets its member id when the session is over, and then sends heartbeats that look like those of a twin.
#[test]
fn a_worker_that_was_busy_through_a_long_outage_loses_its_tasks_and_gets_them_back() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let world = World::on(&broker);
    let topic = world.topic("contacts", 2);
    let mut member = world.member(&topic, "a");
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0, 1] });
    broker.kill().unwrap();
    // The worker asks the log something, which gives up after ten seconds, longer than the session, and does not get round to its membership.
    assert!(matches!(world.log.bounds(&[TopicPartition::new(&topic, 0)]), Err(LogError::Retry(_))));
    broker.restart().unwrap();
    retried(|| world.log.bounds(&[TopicPartition::new(&topic, 0)]));
    thread::sleep(Duration::from_secs(3));
    assert_eq!(event(&mut member), MembershipEvent::Revoked { tasks: vec![0, 1], lost: true });
    assert!(member.token().is_none());
    member.release(&[0, 1]).unwrap();
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0, 1] });
    assert!(member.token().is_some());
}

/// The same without any broken connection: nothing but the session's end tells that the fence is none.
#[test]
fn a_broker_that_stood_still_for_longer_than_a_session_is_not_taken_for_a_twin() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let world = World::on(&broker);
    let topic = world.topic("contacts", 2);
    let mut member = world.member(&topic, "a");
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0, 1] });
    broker.suspend().unwrap();
    thread::sleep(Duration::from_secs(8));
    broker.resume().unwrap();
    thread::sleep(Duration::from_secs(3));
    assert!(!world.log.brokers_away());
    assert_eq!(event(&mut member), MembershipEvent::Revoked { tasks: vec![0, 1], lost: true });
    member.release(&[0, 1]).unwrap();
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0, 1] });
    assert!(member.token().is_some());
}

#[test]
fn handles_wait_for_a_broker_that_is_away_and_go_on_when_it_is_back() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let world = World::on(&broker);
    let topic = world.topic("contacts", 1);
    let mut member = world.member(&topic, "a");
    assert_eq!(event(&mut member), MembershipEvent::Assigned { tasks: vec![0] });
    let mut reader = world.reader(&topic, 1);
    let mut producer = world.producer("a", &[&topic]);
    commit_values(&mut producer, 0, &["before"]);
    let mut seen = read_to(&mut reader, 0, world.end(&topic, 0));

    broker.kill().unwrap();
    until("the outage to be noticed", || {
        serve(&mut member);
        seen.extend(read_some(&mut reader).into_iter().map(|(_, offset, value)| (offset, value)));
        world.log.brokers_away().then_some(())
    });
    assert!(matches!(world.log.describe(&[&topic]), Err(LogError::Retry(_))));
    broker.restart().unwrap();
    until("the return to be noticed", || {
        serve(&mut member);
        (!world.log.brokers_away()).then_some(())
    });

    retried(|| producer.begin());
    producer.produce(&record(0, "after")).unwrap();
    let committed = until("a commit with a valid token", || {
        serve(&mut member);
        let token = member.token()?;
        let result = producer.commit(&token, &[offset(&topic, 0, 1)]);
        if let Err(error) = &result {
            eprintln!("{error}");
            settle(&mut producer, error);
            retried(|| producer.begin());
            producer.produce(&record(0, "after")).unwrap();
        }
        result.ok()
    });
    assert_eq!(committed.produced.len(), 1);
    seen.extend(read_to(&mut reader, 0, world.end(&topic, 0)));
    let values: Vec<&str> = seen.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["before", "after"]);
}

#[test]
fn a_transaction_that_the_coordinator_timed_out_is_in_doubt_and_not_taken_by_another_process() {
    let properties = vec![("transaction.abort.timed.out.transaction.cleanup.interval.ms".to_owned(), "200".to_owned())];
    let broker = Broker::start(BrokerOptions { properties }).unwrap();
    let world = World::on(&broker);
    let topic = world.topic("out", 1);
    let options =
        ProducerOptions { transaction_timeout: Duration::from_secs(2), ..world.producer_options("a", &[&topic]) };
    let mut producer = retried(|| world.log.open_producer(&options));
    producer.begin().unwrap();
    producer.produce(&record(0, "too late")).unwrap();
    // The abort's marker shows that the coordinator has lost its patience.
    until("the coordinator to abort", || (world.end(&topic, 0) >= 2).then_some(()));
    let error = producer.commit_without_offsets().unwrap_err();
    assert!(matches!(error, LogError::UnknownOutcome(_)), "{error}");
    retried(|| producer.reopen());
    commit_values(&mut producer, 0, &["in time"]);
    assert_eq!(world.committed_values(&topic, 0), ["in time"]);
    drop(producer);
    let mut reader = world.reader(&topic, 1);
    reader.stop(&[place(0)]).unwrap();
}
