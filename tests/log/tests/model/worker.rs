//! Workers that copy an input, exactly once, under faults drawn from a seed: the contract is enough to be exact, and the model keeps it.
//!
//! Each worker does what the contract says about each error and nothing more. Crashes, restarts, time and the order of steps come from the
//! same seed, so that a failure can be run again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadstream_log_suite::fixture::{snapshot, spec, values};
use leadstream_runtime::log::model::{FaultRates, ModelLog, ModelMembership, ModelProducer, ModelReader};
use leadstream_runtime::log::{
    Destination, InputOffset, Isolation, Log, LogError, Membership, MembershipEvent, MembershipOptions, OutputRecord,
    Producer, ProducerOptions, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex, TopicPartition,
};
use proptest::prelude::*;

use crate::{Model, model};

const TASKS: u32 = 3;
const RECORDS_EACH: u64 = 25;
const WORKERS: usize = 2;

const RATES: FaultRates = FaultRates {
    unavailable: 200,
    refused: 200,
    outdated: 300,
    expelled: 100,
    unknown: 600,
    late_markers: 600,
    rebalance: 200,
};

/// What a step ends with where it does not go on.
enum Stop {
    /// Another attempt at the next step.
    Later,
    /// The process ends and another one starts in its place.
    Restart,
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Retry(_) => Self::Later,
            LogError::Fenced(_) => Self::Restart,
            error => panic!("an error that the contract does not have here: {error:?}"),
        }
    }
}

/// A process that copies "input" to "output", task by task.
struct Copier {
    log: ModelLog,
    membership: ModelMembership,
    reader: ModelReader,
    producer: Option<ModelProducer>,
    options: ProducerOptions,
    /// Owned, and not read yet: the offset has to be asked for.
    starting: BTreeSet<u32>,
    /// Owned and read: the next offset of each.
    running: BTreeMap<u32, u64>,
    open: bool,
    must_reopen: bool,
    awaits_assignment: bool,
}

fn input_of(task: u32) -> TopicPartition {
    TopicPartition::new("input", task)
}

fn read_of(task: u32) -> ReaderPartition {
    ReaderPartition { topic: TopicIndex(0), partition: task }
}

impl Copier {
    fn start(log: &ModelLog, name: &str) -> Self {
        let membership =
            MembershipOptions { group: "copiers".to_owned(), topic: "tasks".to_owned(), instance_id: name.to_owned() };
        let reader = ReaderOptions {
            topics: vec!["input".to_owned()],
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 1024,
            name: name.to_owned(),
        };
        Self {
            log: log.clone(),
            membership: log.join(&membership).unwrap(),
            reader: log.open_reader(&reader).unwrap(),
            producer: None,
            options: ProducerOptions {
                transactional_id: name.to_owned(),
                topics: vec!["output".to_owned()],
                state_topics: 0,
                transaction_timeout: Duration::from_secs(5),
                queue_records: 100,
            },
            starting: BTreeSet::new(),
            running: BTreeMap::new(),
            open: false,
            must_reopen: false,
            awaits_assignment: false,
        }
    }

    fn step(&mut self, most: usize, commit: bool) -> Result<(), Stop> {
        let Some(mut producer) = self.producer.take() else {
            self.producer = Some(self.log.open_producer(&self.options)?);
            return Ok(());
        };
        let result = self.step_with(&mut producer, most, commit);
        self.producer = Some(producer);
        result
    }

    fn step_with(&mut self, producer: &mut ModelProducer, most: usize, commit: bool) -> Result<(), Stop> {
        if self.must_reopen {
            producer.reopen()?;
            self.must_reopen = false;
            self.rewind();
        }
        if let Some(event) = self.membership.poll(Duration::ZERO)? {
            self.awaits_assignment = false;
            self.follow(producer, event)?;
        }
        if self.awaits_assignment || self.must_reopen {
            return Ok(());
        }
        self.start_reading()?;
        self.copy(producer, most)?;
        if commit { self.commit(producer) } else { Ok(()) }
    }

    fn follow(&mut self, producer: &mut ModelProducer, event: MembershipEvent) -> Result<(), Stop> {
        match event {
            MembershipEvent::Assigned { tasks } => self.starting.extend(tasks),
            MembershipEvent::Revoked { tasks, lost } => {
                if lost {
                    self.abort(producer)?;
                } else {
                    self.commit(producer)?;
                }
                for task in &tasks {
                    self.starting.remove(task);
                    self.running.remove(task);
                    self.reader.stop(&[read_of(*task)])?;
                }
                // Whatever was still open of them was not committed above, and may not be committed for others.
                if self.open {
                    self.abort(producer)?;
                }
                self.membership.release(&tasks)?;
            }
        }
        Ok(())
    }

    fn start_reading(&mut self) -> Result<(), Stop> {
        if self.starting.is_empty() {
            return Ok(());
        }
        let partitions: Vec<TopicPartition> = self.starting.iter().copied().map(input_of).collect();
        let offsets = self.log.committed("copiers", &partitions)?;
        for (task, offset) in std::mem::take(&mut self.starting).into_iter().zip(offsets) {
            let offset = offset.map_or(0, |committed| committed.next_offset);
            self.reader.start(&[ReadStart { partition: read_of(task), offset }])?;
            self.running.insert(task, offset);
        }
        Ok(())
    }

    fn copy(&mut self, producer: &mut ModelProducer, most: usize) -> Result<(), Stop> {
        // A transaction is opened before anything is read: what was read and cannot be written would have to be read again.
        if !self.open {
            producer.begin()?;
            self.open = true;
        }
        let mut copied = Vec::new();
        let summary = self.reader.read(most, Duration::ZERO, &mut |record| {
            copied.push((record.partition, record.offset, record.value.map(<[u8]>::to_vec)));
        })?;
        assert_eq!(summary.problems, []);
        for (task, offset, value) in copied {
            let written = producer.produce(&OutputRecord {
                topic: TopicIndex(0),
                destination: Destination::Partition(task),
                key: None,
                value: value.as_deref(),
                headers: &[],
                timestamp_ms: None,
            });
            self.running.insert(task, offset + 1);
            if let Err(error) = written {
                return self.answer(producer, error);
            }
        }
        Ok(())
    }

    fn commit(&mut self, producer: &mut ModelProducer) -> Result<(), Stop> {
        let (true, false, Some(token)) = (self.open, self.running.is_empty(), self.membership.token()) else {
            return Ok(());
        };
        let offset = |(task, next_offset): (&u32, &u64)| InputOffset {
            partition: input_of(*task),
            next_offset: *next_offset,
            metadata: String::new(),
        };
        let offsets: Vec<InputOffset> = self.running.iter().map(offset).collect();
        match producer.commit(&token, &offsets) {
            Ok(_) => {
                self.open = false;
                Ok(())
            }
            Err(error) => self.answer(producer, error),
        }
    }

    /// What the contract says about each class.
    fn answer(&mut self, producer: &mut ModelProducer, error: LogError) -> Result<(), Stop> {
        match error {
            LogError::AbortAndRewind(_) => self.abort(producer),
            LogError::AbortAndAwaitAssignment(_) => {
                self.awaits_assignment = true;
                self.abort(producer)
            }
            LogError::UnknownOutcome(_) => {
                self.must_reopen = true;
                self.open = false;
                Ok(())
            }
            other => Err(other.into()),
        }
    }

    fn abort(&mut self, producer: &mut ModelProducer) -> Result<(), Stop> {
        if !self.must_reopen {
            match producer.abort() {
                Err(LogError::UnknownOutcome(_)) => self.must_reopen = true,
                aborted => aborted?,
            }
        }
        self.rewind();
        Ok(())
    }

    /// Undoes the epoch: all tasks start again from what is committed.
    fn rewind(&mut self) {
        self.open = false;
        for task in std::mem::take(&mut self.running).into_keys() {
            self.reader.stop(&[read_of(task)]).unwrap();
            self.starting.insert(task);
        }
    }
}

fn cluster_with_input() -> Model {
    let cluster = model();
    cluster.log.create(&["input", "output", "tasks"].map(|name| spec(name, TASKS))).unwrap();
    for task in 0..TASKS {
        for number in 0..RECORDS_EACH {
            let value = format!("{task}-{number:03}");
            cluster.log.append(&input_of(task), None, Some(value.as_bytes()), &[], None).unwrap();
        }
    }
    cluster
}

/// Runs a schedule under faults, then without faults until all is copied. Returns the input offsets committed after each step.
fn run(cluster: &Model, seed: u64, schedule: &[(u8, u8)]) -> Vec<u64> {
    let mut copiers: Vec<Option<Copier>> = (0..WORKERS).map(|_| None).collect();
    let mut trace = Vec::new();
    cluster.log.draw_faults(seed, RATES);
    let partitions: Vec<TopicPartition> = (0..TASKS).map(input_of).collect();
    let calm = (0..2_000_u32).map(|step| ((step % 16) as u8, 255));
    for (number, (choice, dice)) in schedule.iter().copied().chain(calm).enumerate() {
        if number == schedule.len() {
            cluster.log.clear_faults();
            cluster.log.advance(Duration::from_secs(30));
        }
        let name = format!("copier-{}", usize::from(choice) % WORKERS);
        let place = &mut copiers[usize::from(choice) % WORKERS];
        match dice {
            0..=3 => *place = None,
            4..=6 => cluster.log.advance(Duration::from_millis(700)),
            7 => cluster.log.advance(Duration::from_secs(6)),
            _ => {
                let copier = place.get_or_insert_with(|| Copier::start(&cluster.log, &name));
                if let Err(Stop::Restart) = copier.step(usize::from(choice) / 16 + 1, choice % 3 == 0) {
                    *place = None;
                }
            }
        }
        if number >= schedule.len() {
            let committed = cluster.log.committed("copiers", &partitions).unwrap_or_default();
            let copied = committed.iter().flatten().map(|offset| offset.next_offset).sum();
            trace.push(copied);
            if copied == RECORDS_EACH * u64::from(TASKS) {
                return trace;
            }
        }
    }
    panic!("the copiers stand still: {trace:?}");
}

fn expect_copied_once(cluster: &Model) {
    let output = values(&snapshot(cluster, "output", Isolation::ReadCommitted));
    let expected = (0..TASKS).flat_map(|task| (0..RECORDS_EACH).map(move |number| format!("{task}-{number:03}")));
    assert_eq!(output, expected.collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_input_is_copied_exactly_once_whatever_fails(
        seed: u64,
        schedule in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..250),
    ) {
        let cluster = cluster_with_input();
        run(&cluster, seed, &schedule);
        expect_copied_once(&cluster);
    }
}

#[test]
fn equal_seeds_and_schedules_give_equal_runs() {
    let schedule: Vec<(u8, u8)> = (0..200_u32).map(|step| ((step * 37) as u8, (step * 101) as u8)).collect();
    let traces = [(); 2].map(|()| {
        let cluster = cluster_with_input();
        let trace = run(&cluster, 11, &schedule);
        let output = snapshot(&cluster, "output", Isolation::ReadUncommitted);
        (trace, output)
    });
    assert_eq!(traces[0], traces[1]);
}
