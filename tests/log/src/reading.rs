//! What a reader delivers, and where it stands (invariant 4 of the contract).

use leadstream_runtime::log::{Isolation, Log, Producer, ReadStart, Reader, RecordProblem, TopicIndex, TopicPartition};

use crate::fixture::{
    Cluster, ReaderOf, Seen, at, class, commit_values, eventually, expect_values, from, patiently, producer, read_once,
    read_to_end, reader, record, topic, values,
};

/// A topic with `a b` committed, one aborted record, and `c d e` committed in partition 0: offsets 0 1 (2) 3 (4) 5 6 7 (8), where the
/// aborted record arrived before it was aborted.
fn lettered(cluster: &impl Cluster, base: &str, partitions: u32) -> String {
    let name = topic(cluster, base, partitions);
    let mut producer = producer(cluster, cluster.log(), &cluster.name(base), &[&name]);
    commit_values(cluster, &mut producer, &["a", "b"]);
    patiently(cluster, || producer.begin()).unwrap();
    producer.produce(&record(0, "aborted")).unwrap();
    eventually(cluster, "the record to arrive", || {
        let end = patiently(cluster, || cluster.log().bounds(&[TopicPartition::new(&name, 0)])).unwrap()[0].end_offset;
        (end == 4).then_some(())
    });
    producer.abort().unwrap();
    commit_values(cluster, &mut producer, &["c", "d", "e"]);
    expect_values(cluster, &name, &["a", "b", "c", "d", "e"]);
    name
}

/// Reads until `count` records were visited.
fn read_some<C: Cluster>(cluster: &C, reader: &mut ReaderOf<C>, count: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    eventually(cluster, "records", || {
        seen.extend(read_once(cluster, reader, count - seen.len()));
        (seen.len() == count).then_some(())
    });
    seen
}

/// Ascending, no repeats, gaps for markers and aborted records; also from inside a gap.
pub fn a_reader_delivers_from_where_it_was_started_in_order_and_once(cluster: &impl Cluster) {
    let name = lettered(cluster, "letters", 1);
    for (start, expected) in [(0, &[0, 1, 5, 6, 7][..]), (1, &[1, 5, 6, 7]), (3, &[5, 6, 7]), (8, &[]), (9, &[])] {
        let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
        reader.start(&[from(0, start)]).unwrap();
        let seen = read_to_end(cluster, &mut reader, &[0]);
        let offsets: Vec<u64> = seen.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, expected, "from {start}");
        assert_eq!(read_once(cluster, &mut reader, 10), []);
    }
    let mut all = reader(cluster, &[&name], Isolation::ReadUncommitted);
    all.start(&[from(0, 2)]).unwrap();
    assert_eq!(values(&read_to_end(cluster, &mut all, &[0])), ["aborted", "c", "d", "e"]);
}

/// After a move nothing comes from before it, forwards or backwards.
pub fn a_reader_moves_where_it_is_told(cluster: &impl Cluster) {
    let name = lettered(cluster, "moves", 1);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    assert_eq!(values(&read_some(cluster, &mut reader, 1)), ["a"]);
    reader.start(&[from(0, 7)]).unwrap();
    assert_eq!(reader.progress(at(0)).unwrap().position, 7);
    assert_eq!(values(&read_to_end(cluster, &mut reader, &[0])), ["e"]);
    reader.start(&[from(0, 1)]).unwrap();
    assert_eq!(values(&read_to_end(cluster, &mut reader, &[0])), ["b", "c", "d", "e"]);
}

/// Nothing of it is visited, it has no progress, and stopping again is fine; others go on.
pub fn a_stopped_partition_is_forgotten(cluster: &impl Cluster) {
    let name = lettered(cluster, "stops", 2);
    let mut second = producer(cluster, cluster.log(), &cluster.name("stops-second"), &[&name]);
    patiently(cluster, || second.begin()).unwrap();
    second.produce(&record(1, "other")).unwrap();
    second.commit_without_offsets().unwrap();
    expect_values(cluster, &name, &["a", "b", "c", "d", "e", "other"]);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0), from(1, 0)]).unwrap();
    reader.stop(&[at(0)]).unwrap();
    reader.stop(&[at(0), at(9)]).unwrap();
    assert_eq!(reader.progress(at(0)), None);
    assert_eq!(values(&read_to_end(cluster, &mut reader, &[1])), ["other"]);
    reader.start(&[from(0, 6)]).unwrap();
    assert_eq!(values(&read_to_end(cluster, &mut reader, &[0])), ["d", "e"]);
}

/// Paused: nothing comes, the position stays; resumed: it goes on where it was.
pub fn a_paused_partition_keeps_its_position(cluster: &impl Cluster) {
    let name = lettered(cluster, "pauses", 1);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    assert_eq!(values(&read_some(cluster, &mut reader, 2)), ["a", "b"]);
    reader.pause(&[at(0)]).unwrap();
    reader.pause(&[at(0)]).unwrap();
    for _ in 0..5 {
        assert_eq!(read_once(cluster, &mut reader, 10), []);
    }
    let position = reader.progress(at(0)).unwrap().position;
    assert!((2..=5).contains(&position), "{position}");
    reader.resume(&[at(0)]).unwrap();
    reader.resume(&[at(0)]).unwrap();
    assert_eq!(values(&read_to_end(cluster, &mut reader, &[0])), ["c", "d", "e"]);
}

/// A move does not resume.
pub fn a_paused_partition_stays_paused_when_it_is_moved(cluster: &impl Cluster) {
    let name = lettered(cluster, "held", 1);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    reader.pause(&[at(0)]).unwrap();
    reader.start(&[from(0, 6)]).unwrap();
    for _ in 0..5 {
        assert_eq!(read_once(cluster, &mut reader, 10), []);
    }
    reader.resume(&[at(0)]).unwrap();
    assert_eq!(values(&read_to_end(cluster, &mut reader, &[0])), ["d", "e"]);
}

/// Never more than asked for, and nothing is lost between reads.
pub fn a_read_visits_no_more_than_it_was_asked_for(cluster: &impl Cluster) {
    let name = lettered(cluster, "bounded", 1);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(0, 0)]).unwrap();
    let mut seen = Vec::new();
    eventually(cluster, "all records", || {
        let some = read_once(cluster, &mut reader, 2);
        assert!(some.len() <= 2, "{some:?}");
        seen.extend(some);
        (seen.len() >= 5).then_some(())
    });
    assert_eq!(values(&seen), ["a", "b", "c", "d", "e"]);
}

/// Caught up at the end, markers included, with no lag; not any more when something was visited since.
pub fn a_reader_knows_when_it_has_caught_up(cluster: &impl Cluster) {
    let name = topic(cluster, "caught", 2);
    let mut producer = producer(cluster, cluster.log(), &cluster.name("caught"), &[&name]);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    assert_eq!(reader.progress(at(0)), None);
    reader.start(&[from(0, 0), from(1, 0)]).unwrap();
    let fresh = reader.progress(at(0)).unwrap();
    assert_eq!((fresh.position, fresh.caught_up), (0, false));
    assert_eq!(read_to_end(cluster, &mut reader, &[0, 1]), []);
    assert_eq!(reader.progress(at(1)).unwrap().lag(), Some(0));
    for (committed, end) in [("one", 2), ("two", 4)] {
        commit_values(cluster, &mut producer, &[committed]);
        let seen = read_some(cluster, &mut reader, 1);
        assert_eq!(values(&seen), [committed]);
        eventually(cluster, "the end", || {
            read_once(cluster, &mut reader, 10);
            let progress = reader.progress(at(0)).unwrap();
            (progress.caught_up && progress.position == end).then_some(())
        });
        let progress = reader.progress(at(0)).unwrap();
        assert_eq!((progress.end_offset, progress.lag()), (Some(end), Some(0)));
    }
}

/// Deleted before, or not yet there: a problem, then silence, until it is started somewhere else.
pub fn a_position_outside_of_the_partition_stands_still_until_started_again(cluster: &impl Cluster) {
    let name = lettered(cluster, "outside", 1);
    patiently(cluster, || cluster.log().delete_before(&[(TopicPartition::new(&name, 0), 6)])).unwrap();
    for outside in [0, 5, 1_000] {
        let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
        reader.start(&[from(0, outside)]).unwrap();
        let problem = eventually(cluster, "a problem", || {
            let summary = reader.read(10, cluster.wait(), &mut |_| panic!("nothing may be visited")).unwrap();
            summary.problems.into_iter().next()
        });
        assert_eq!((problem.problem, problem.partition), (RecordProblem::OutOfRange, at(0)));
        assert_eq!(problem.position, outside);
        for _ in 0..5 {
            reader.read(10, cluster.wait(), &mut |_| panic!("nothing may be visited")).unwrap();
        }
        reader.start(&[from(0, 6)]).unwrap();
        assert_eq!(values(&read_to_end(cluster, &mut reader, &[0])), ["d", "e"]);
    }
}

/// The other partitions are read all the same.
pub fn a_partition_that_does_not_exist_is_a_problem_of_its_own(cluster: &impl Cluster) {
    let name = lettered(cluster, "exists", 1);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    reader.start(&[from(7, 0), from(0, 0)]).unwrap();
    let (mut seen, mut problems) = (Vec::new(), Vec::new());
    eventually(cluster, "records and a problem", || {
        let summary = reader.read(10, cluster.wait(), &mut |record| seen.push(Seen::of(record))).unwrap();
        problems.extend(summary.problems);
        (seen.len() == 5 && !problems.is_empty()).then_some(())
    });
    assert_eq!((problems[0].problem, problems[0].partition), (RecordProblem::Missing, at(7)));
}

/// Mistakes of the program are told.
pub fn what_a_reader_does_not_read_cannot_be_paused(cluster: &impl Cluster) {
    let name = topic(cluster, "unread", 1);
    let mut reader = reader(cluster, &[&name], Isolation::ReadCommitted);
    assert_eq!(class(reader.pause(&[at(0)])), "fatal");
    assert_eq!(class(reader.resume(&[at(0)])), "fatal");
    let mut elsewhere: ReadStart = from(0, 0);
    elsewhere.partition.topic = TopicIndex(1);
    assert_eq!(class(reader.start(&[elsewhere])), "fatal");
}
