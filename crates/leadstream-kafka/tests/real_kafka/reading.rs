//! Positions: to the true end, over pauses and jumps, and out of range.

use std::time::Duration;

use leadstream_runtime::log::{Isolation, Log, LogError, Progress, Reader, RecordProblem, TopicPartition};

use crate::help::*;

#[test]
fn a_reader_reaches_the_end_behind_markers_and_aborted_records() {
    let world = World::shared();
    let topic = world.topic("log", 1);
    let mut producer = world.producer("p", &[&topic]);
    commit_values(&mut producer, 0, &["a", "b"]);
    // The marker comes a moment after the answer, and would be taken for the record that is waited for next.
    until("the marker of the commit", || (world.end(&topic, 0) == 3).then_some(()));
    producer_aborts_at_the_broker(&world, &topic);
    // Two records, a marker, an aborted record and its marker.
    let end = until("the marker of the abort", || Some(world.end(&topic, 0)).filter(|end| *end == 5));
    let mut reader = world.reader(&topic, 1);
    assert_eq!(read_to(&mut reader, 0, end), [(0, "a".to_owned()), (1, "b".to_owned())]);
    let progress = reader.progress(place(0)).unwrap();
    assert_eq!(progress, Progress { position: end, end_offset: Some(end), caught_up: true });
    assert_eq!(progress.lag(), Some(0));
}

fn producer_aborts_at_the_broker(world: &World, topic: &str) {
    use leadstream_runtime::log::Producer;
    let before = world.end(topic, 0);
    let mut producer = world.producer("aborting", &[topic]);
    producer.begin().unwrap();
    producer.produce(&record(0, "aborted")).unwrap();
    until("the record to reach the broker", || (world.end(topic, 0) > before).then_some(()));
    producer.abort().unwrap();
}

#[test]
fn an_empty_partition_is_caught_up_at_once() {
    let world = World::shared();
    let topic = world.topic("log", 1);
    let mut reader = world.reader(&topic, 1);
    until("the end", || {
        assert_eq!(read_some(&mut reader), []);
        reader.progress(place(0)).filter(|progress| progress.caught_up)
    });
    assert_eq!(reader.progress(place(0)).unwrap().position, 0);
    assert_eq!(reader.progress(place(7)), None);
}

/// librdkafka counts the end-of-partition event as a record in its batch call, and a pause would start again one too far (issue 4844).
#[test]
fn a_partition_paused_at_its_end_loses_no_record() {
    let world = World::shared();
    let topic = world.topic("log", 1);
    let mut producer = world.producer("p", &[&topic]);
    let mut reader = world.reader(&topic, 1);
    let mut seen = Vec::new();
    for round in 0..5 {
        commit_values(&mut producer, 0, &[&format!("before {round}")]);
        // A record and its marker for each transaction; the marker comes a moment after the answer.
        seen.extend(read_to(&mut reader, 0, 4 * round + 2));
        assert!(reader.progress(place(0)).unwrap().caught_up);
        reader.pause(&[place(0)]).unwrap();
        commit_values(&mut producer, 0, &[&format!("during {round}")]);
        for _ in 0..3 {
            assert_eq!(read_some(&mut reader), []);
        }
        reader.resume(&[place(0)]).unwrap();
        seen.extend(read_to(&mut reader, 0, 4 * round + 4));
    }
    let values: Vec<&str> = seen.iter().map(|(_, value)| value.as_str()).collect();
    let expected: Vec<String> =
        (0..5).flat_map(|round| [format!("before {round}"), format!("during {round}")]).collect();
    assert_eq!(values, expected);
}

#[test]
fn pausing_in_the_middle_of_a_batch_repeats_and_skips_nothing() {
    let world = World::shared();
    let topic = world.topic("log", 2);
    let mut producer = world.producer("p", &[&topic]);
    let numbers: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    let values: Vec<&str> = numbers.iter().map(String::as_str).collect();
    commit_values(&mut producer, 0, &values);
    commit_values(&mut producer, 1, &values);
    let mut reader = world.reader(&topic, 2);
    let mut seen = [Vec::new(), Vec::new()];
    let mut paused = 0;
    until("all records", || {
        let mut round = Vec::new();
        reader
            .read(37, Duration::from_millis(20), &mut |record| {
                round.push((record.partition, String::from_utf8_lossy(record.value.unwrap()).into_owned()));
            })
            .unwrap();
        for (partition, value) in round {
            seen[partition as usize].push(value);
        }
        // Now one partition, now the other is held back.
        reader.resume(&[place(paused % 2)]).unwrap();
        paused += 1;
        if paused < 60 {
            reader.pause(&[place(paused % 2)]).unwrap();
        }
        (seen[0].len() >= 5000 && seen[1].len() >= 5000).then_some(())
    });
    assert_eq!(seen[0], numbers);
    assert_eq!(seen[1], numbers);
}

#[test]
fn starting_again_moves_the_reader_and_nothing_fetched_before_slips_through() {
    let world = World::shared();
    let topic = world.topic("log", 1);
    let mut producer = world.producer("p", &[&topic]);
    let numbers: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    commit_values(&mut producer, 0, &numbers.iter().map(String::as_str).collect::<Vec<_>>());
    let end = world.end(&topic, 0);
    let mut reader = world.reader(&topic, 1);
    for from in [1500, 3, 0, 1999, 700] {
        until("some records", || (!read_some(&mut reader).is_empty() || from == 700).then_some(()));
        reader.start(&[start(0, from)]).unwrap();
        assert_eq!(reader.progress(place(0)).unwrap().position, from);
    }
    let offsets: Vec<u64> = read_to(&mut reader, 0, end).iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (700..2000).collect::<Vec<_>>());
}

#[test]
fn a_stopped_partition_is_not_read_any_more() {
    let world = World::shared();
    let topic = world.topic("log", 2);
    let mut producer = world.producer("p", &[&topic]);
    let mut reader = world.reader(&topic, 2);
    reader.stop(&[place(0)]).unwrap();
    reader.stop(&[place(0)]).unwrap();
    commit_values(&mut producer, 0, &["unread"]);
    commit_values(&mut producer, 1, &["read"]);
    assert_eq!(read_to(&mut reader, 1, world.end(&topic, 1)), [(0, "read".to_owned())]);
    assert_eq!(reader.progress(place(0)), None);
    assert!(matches!(reader.pause(&[place(0)]), Err(LogError::Fatal(_))));
}

#[test]
fn a_position_that_was_deleted_is_a_problem_and_not_a_jump() {
    let world = World::shared();
    let topic = world.topic("log", 1);
    let mut producer = world.producer("p", &[&topic]);
    commit_values(&mut producer, 0, &["a", "b", "c", "d"]);
    world.log.delete_before(&[(TopicPartition::new(&topic, 0), 2)]).unwrap();
    let bounds = world.log.bounds(&[TopicPartition::new(&topic, 0)]).unwrap()[0];
    assert_eq!((bounds.start_offset, bounds.end_offset), (2, 5));

    let mut reader = world.reader(&topic, 1);
    let problem = until("the problem", || {
        let summary = reader.read(10, Duration::from_millis(50), &mut |_| panic!("jumped over a gap")).unwrap();
        summary.problems.into_iter().next()
    });
    assert_eq!((problem.partition, problem.position, problem.problem), (place(0), 0, RecordProblem::OutOfRange));
    // It stands still, and says it once.
    for _ in 0..5 {
        assert_eq!(read_some(&mut reader), []);
    }
    reader.start(&[start(0, bounds.start_offset)]).unwrap();
    assert_eq!(read_to(&mut reader, 0, 5), [(2, "c".to_owned()), (3, "d".to_owned())]);
}

#[test]
fn trimming_can_be_repeated_and_refuses_what_lies_behind_the_end() {
    let world = World::shared();
    let topic = world.topic("log", 1);
    commit_values(&mut world.producer("p", &[&topic]), 0, &["a", "b", "c"]);
    let partition = TopicPartition::new(&topic, 0);
    for before in [2, 2, 1] {
        world.log.delete_before(&[(partition.clone(), before)]).unwrap();
        assert_eq!(world.log.bounds(std::slice::from_ref(&partition)).unwrap()[0].start_offset, 2);
    }
    let error = world.log.delete_before(&[(partition, 1000)]).unwrap_err();
    assert!(matches!(error, LogError::Fatal(_)), "{error}");
}

#[test]
fn a_topic_that_does_not_exist_is_a_problem_of_its_partition() {
    let world = World::shared();
    let mut reader = world.reader_with(&world.name("nowhere"), Isolation::ReadCommitted);
    reader.start(&[start(0, 0)]).unwrap();
    let problem = until("the problem", || {
        reader.read(10, Duration::from_millis(50), &mut |_| {}).unwrap().problems.into_iter().next()
    });
    assert_eq!(problem.problem, RecordProblem::Missing);
    let error = world.log.bounds(&[TopicPartition::new(world.name("nowhere"), 0)]).unwrap_err();
    assert!(matches!(error, LogError::Fatal(_)), "{error}");
}
