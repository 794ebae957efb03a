//! Random scripts of producers and readers, run step by step against a cluster and against a list of what must be visible.
//!
//! Run against the model and against Kafka they make a differential test: whatever both agree with, they agree about. Offsets are not compared,
//! because a client may keep the records of an aborted transaction back; what is visible, and in which order, is.

use leadstream_runtime::log::{Isolation, Producer, Reader};
use proptest::prelude::*;

use crate::fixture::{
    Cluster, ProducerOf, class, eventually, from, patiently, producer, read_to_end, reader, record, snapshot, topic,
};

/// Two producers, each with partitions of its own, so that Kafka has no choice of order inside a partition.
const PRODUCERS: usize = 2;
const PARTITIONS_EACH: u32 = 2;

/// One step of a script.
#[derive(Debug, Clone)]
pub enum Step {
    /// The producer writes a record to one of its partitions, opening a transaction where none is open.
    Produce {
        /// Which producer.
        producer: usize,
        /// Which of its partitions.
        partition: u32,
    },
    /// The producer commits, if a transaction is open.
    Commit(usize),
    /// The producer aborts.
    Abort(usize),
    /// The producer reopens, whatever is open.
    Reopen(usize),
    /// The producer crashes, and another one opens with its id.
    Crash(usize),
    /// Another producer opens with the id while the old one lives, and the old one tries to commit.
    Fence(usize),
    /// Everything that is visible is compared, and read again from the record at this share (in 256ths) of each partition.
    Compare(u8),
}

/// Scripts of up to `longest` steps that end with a comparison.
pub fn scripts(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let who = 0..PRODUCERS;
    let step = prop_oneof![
        8 => (who.clone(), 0..PARTITIONS_EACH).prop_map(|(producer, partition)| Step::Produce { producer, partition }),
        4 => who.clone().prop_map(Step::Commit),
        2 => who.clone().prop_map(Step::Abort),
        1 => who.clone().prop_map(Step::Reopen),
        1 => who.clone().prop_map(Step::Crash),
        1 => who.prop_map(Step::Fence),
        1 => any::<u8>().prop_map(Step::Compare),
    ];
    proptest::collection::vec(step, 1..longest).prop_map(|mut steps| {
        steps.push(Step::Compare(128));
        steps
    })
}

struct Actor<P> {
    id: String,
    producer: Option<P>,
    /// Partition and value of the records of the open transaction; `None` where none is open.
    open: Option<Vec<(u32, String)>>,
}

/// Runs a script and compares at its comparisons.
pub fn run<C: Cluster>(cluster: &C, steps: &[Step]) {
    let name = topic(cluster, "script", PARTITIONS_EACH * PRODUCERS as u32);
    let open = |id: &str| producer(cluster, cluster.log(), id, &[&name]);
    let mut actors: Vec<Actor<ProducerOf<C>>> = (0..PRODUCERS)
        .map(|_| cluster.name("script"))
        .map(|id| Actor { producer: Some(open(&id)), id, open: None })
        .collect();
    let mut visible: Vec<Vec<String>> = vec![Vec::new(); PRODUCERS * PARTITIONS_EACH as usize];
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Produce { producer, partition } => {
                let partition = partition + PARTITIONS_EACH * *producer as u32;
                produce(cluster, &mut actors[*producer], partition, &number.to_string());
            }
            Step::Commit(which) => {
                let actor = &mut actors[*which];
                if let Some(records) = actor.open.take() {
                    actor.producer.as_mut().unwrap().commit_without_offsets().unwrap();
                    for (partition, value) in records {
                        visible[partition as usize].push(value);
                    }
                }
            }
            Step::Abort(which) => {
                actors[*which].open = None;
                actors[*which].producer.as_mut().unwrap().abort().unwrap();
            }
            Step::Reopen(which) => {
                actors[*which].open = None;
                let producer = actors[*which].producer.as_mut().unwrap();
                patiently(cluster, || producer.reopen()).unwrap();
            }
            Step::Crash(which) => {
                let actor = &mut actors[*which];
                actor.open = None;
                drop(actor.producer.take());
                actor.producer = Some(open(&actor.id));
            }
            Step::Fence(which) => {
                let actor = &mut actors[*which];
                let mut older = actor.producer.replace(open(&actor.id)).unwrap();
                if actor.open.take().is_some() {
                    assert_eq!(class(older.commit_without_offsets()), "fenced");
                }
            }
            Step::Compare(share) => compare(cluster, &name, &actors, &visible, *share),
        }
    }
}

fn produce<C: Cluster>(cluster: &C, actor: &mut Actor<ProducerOf<C>>, partition: u32, value: &str) {
    let producer = actor.producer.as_mut().unwrap();
    if actor.open.is_none() {
        patiently(cluster, || producer.begin()).unwrap();
    }
    producer.produce(&record(partition, value)).unwrap();
    actor.open.get_or_insert_default().push((partition, value.to_owned()));
}

/// Waits until exactly the expected records are visible, and reads the tails of the partitions again.
fn compare<C: Cluster>(cluster: &C, topic: &str, actors: &[Actor<ProducerOf<C>>], visible: &[Vec<String>], share: u8) {
    let seen = eventually(cluster, "the expected records", || {
        let mut seen: Vec<Vec<(u64, String)>> = vec![Vec::new(); visible.len()];
        for record in snapshot(cluster, topic, Isolation::ReadCommitted) {
            let value = String::from_utf8(record.value.unwrap()).unwrap();
            seen[record.partition as usize].push((record.offset, value));
        }
        let values = seen.iter().map(|records| records.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>());
        let open: Vec<_> = actors.iter().map(|actor| &actor.open).collect();
        let too_many = values.clone().zip(visible).any(|(seen, visible)| seen.len() > visible.len());
        assert!(!too_many, "{:?} instead of {visible:?}, open: {open:?}", values.collect::<Vec<_>>());
        values.eq(visible.iter().cloned()).then_some(seen)
    });
    for (partition, records) in (0..).zip(&seen) {
        assert!(records.windows(2).all(|pair| pair[0].0 < pair[1].0), "{records:?}");
        let skipped = records.len() * usize::from(share) / 256;
        let Some((offset, _)) = records.get(skipped) else { continue };
        let mut reader = reader(cluster, &[topic], Isolation::ReadCommitted);
        reader.start(&[from(partition, *offset)]).unwrap();
        let tail = read_to_end(cluster, &mut reader, &[partition]);
        let tail: Vec<u64> = tail.iter().map(|record| record.offset).collect();
        let expected: Vec<u64> = records[skipped..].iter().map(|(offset, _)| *offset).collect();
        assert_eq!(tail, expected, "partition {partition} from {offset}");
    }
}
