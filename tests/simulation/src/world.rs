//! The world: a cluster in memory, instances with workers and state folders, and input that keeps coming.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use leadstream_core::{Span, Timestamp};
use leadstream_runtime::log::model::{ModelLog, ModelOptions};
use leadstream_runtime::log::{
    Isolation, Log, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex, TopicPartition, partition_for_key,
};
use leadstream_runtime::metrics::Metrics;
use leadstream_runtime::{
    Clock, ClockMode, Lifecycle, ManualClock, Query, QueryAnswer, QueryRefusal, Worker, WorkerError, WorkerHandle,
};
use leadstream_store::{StoreBudget, StoreMemory};
use leadstream_wire::stored::redo::RedoRecord;

use crate::codec::event_line;
use crate::crash::{CrashLog, CrashPlan};
use crate::random::Random;
use crate::setup::{RAW_PARTITIONS, Settings, TASKS, copy_folder, options, temporary_folder, topics};

/// An instance: a process that may be dead.
struct Instance {
    worker: Option<(Worker<CrashLog>, WorkerHandle)>,
    folder: PathBuf,
    crash: CrashPlan,
    /// The store as it was when the instance died some time ago.
    old_store: Option<PathBuf>,
}

/// The hands of the world, which go on by themselves whenever a worker looks, as if it had worked in between.
struct TickingClock {
    hands: ManualClock,
    tick_ms: i64,
}

impl Clock for TickingClock {
    fn wall(&self) -> Timestamp {
        self.hands.wall()
    }

    fn monotonic_ms(&self) -> i64 {
        let now_ms = self.hands.monotonic_ms();
        self.hands.advance(self.tick_ms);
        now_ms
    }

    fn monotonic_seconds(&self) -> f64 {
        self.hands.monotonic_seconds()
    }
}

/// What readers see in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The lines of each contact's derived events, in order.
    pub derived: BTreeMap<String, Vec<String>>,
    /// The dead letters' values, sorted.
    pub dead: Vec<String>,
}

/// The world.
pub struct World {
    /// The cluster.
    pub log: ModelLog,
    /// The wall clock of all instances.
    pub clock: ManualClock,
    /// The seed's numbers.
    pub random: Random,
    /// The figures of all instances together, over all their starts.
    pub metrics: Metrics,
    settings: Settings,
    instances: Vec<Instance>,
    /// Processes that live on while others have taken their identities.
    zombies: Vec<Worker<CrashLog>>,
    had_zombies: bool,
    store_memory: StoreMemory,
    /// Every value produced, by partition of the input.
    produced: Vec<Vec<String>>,
    ids: u64,
    starts: u64,
    folder: tempfile::TempDir,
}

impl World {
    /// A world with instances that are not started.
    ///
    /// # Panics
    /// Where the machine has no room for temporary files, or the model refuses the topics.
    pub fn new(seed: u64, settings: Settings, instances: usize) -> World {
        let log = ModelLog::new(ModelOptions { start_ms: settings.start_ms, ..ModelOptions::default() });
        log.create(&topics()).unwrap_or_else(|error| panic!("topics: {error}"));
        let folder = temporary_folder();
        let instances = (0..instances).map(|number| Instance {
            worker: None,
            folder: folder.path().join(format!("instance-{number}")),
            crash: CrashPlan::default(),
            old_store: None,
        });
        World {
            log,
            clock: ManualClock::at(Timestamp::from_millis(settings.start_ms)),
            random: Random::new(seed),
            metrics: Metrics::register(&prometheus::Registry::new()).unwrap_or_else(|error| panic!("metrics: {error}")),
            settings,
            instances: instances.collect(),
            zombies: Vec::new(),
            had_zombies: false,
            store_memory: StoreMemory::new(StoreBudget::of(8 << 20)),
            produced: vec![Vec::new(); RAW_PARTITIONS.max(TASKS) as usize],
            ids: 0,
            starts: 0,
            folder,
        }
    }

    fn source(&self) -> &'static str {
        if self.settings.rekeyed { "raw" } else { "events" }
    }

    /// Produces a value for a contact.
    ///
    /// # Panics
    /// Where the model has no such topic.
    pub fn produce(&mut self, contact: &str, value: &str) {
        let partition = if self.settings.rekeyed {
            // A contact's records stay in one partition, so that their order is defined; just not in that of its task.
            partition_for_key(format!("other {contact}").as_bytes(), RAW_PARTITIONS)
        } else {
            partition_for_key(contact.as_bytes(), TASKS)
        };
        self.produced[partition as usize].push(value.to_owned());
        let name = TopicPartition::new(self.source(), partition);
        let appended = self.log.append(&name, Some(contact.as_bytes()), Some(value.as_bytes()), &[], None);
        assert!(appended.is_some(), "{name} does not exist");
    }

    /// A contact of a task for each partition of the source that is re-keyed.
    ///
    /// # Panics
    /// Where there are none, which their names exclude.
    pub fn contacts_of(&self, task: u32) -> Vec<String> {
        let source = |contact: &str| partition_for_key(format!("other {contact}").as_bytes(), RAW_PARTITIONS);
        let first = |partition: u32| {
            (0..1_000)
                .map(|number| format!("p{number}"))
                .find(|contact| source(contact) == partition && partition_for_key(contact.as_bytes(), TASKS) == task)
                .unwrap_or_else(|| panic!("no contact in partition {partition}"))
        };
        (0..RAW_PARTITIONS).map(first).collect()
    }

    /// Produces so many purchases of five contacts, numbered from `from` on; a dozen qualify somebody.
    ///
    /// # Panics
    /// Where the model has no such topic.
    pub fn produce_events(&mut self, from: u64, count: u64) {
        for number in from..from + count {
            let contact = format!("c{}", number % 5);
            let line = event_line(&contact, &format!("e{number}"), "bought", self.log.now_ms());
            self.produce(&contact, &line);
        }
    }

    /// Produces a record drawn from the seed: mostly new events, some late, some duplicates, some unreadable, and some commands to
    /// erase and to reinstate.
    pub fn produce_something(&mut self) {
        let contact = format!("c{}", self.random.below(self.settings.contacts));
        let now_ms = self.log.now_ms();
        if self.random.chance(30) {
            return self.produce(&contact, "nonsense");
        }
        if self.random.chance(20) {
            return self.produce(&contact, "");
        }
        if self.random.chance(25) {
            self.ids += 1;
            let from_ms = now_ms - self.random.below(20_000) as i64;
            let command = if self.random.chance(500) { "erase".to_owned() } else { format!("reinstate:{from_ms}") };
            let line = event_line(&contact, &format!("e{}", self.ids), &command, now_ms);
            return self.produce(&contact, &line);
        }
        let repeats = self.ids > 0 && self.random.chance(100);
        if repeats {
            let partition = self.random.below(self.produced.len() as u64) as usize;
            let values = &self.produced[partition];
            if !values.is_empty() {
                let value = values[self.random.below(values.len() as u64) as usize].clone();
                let owner = value.split('|').next().unwrap_or_default().to_owned();
                if value.contains('|') {
                    return self.produce(&owner, &value);
                }
            }
        }
        self.ids += 1;
        let late_ms = if self.random.chance(150) { self.random.below(90_000) as i64 } else { 0 };
        let event_type = ["viewed", "viewed", "bought", "complained", "ignored"][self.random.below(5) as usize];
        let line = event_line(&contact, &format!("e{}", self.ids), event_type, now_ms - late_ms);
        self.produce(&contact, &line);
    }

    /// Changes the settings of the instances started from now on.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Steps an instance until everything produced is committed, time passing meanwhile.
    ///
    /// # Errors
    /// What the worker says.
    ///
    /// # Panics
    /// Where it takes for ever.
    pub fn settle(&mut self, number: usize) -> Result<(), WorkerError> {
        for round in 0..2_000 {
            self.pass(20);
            self.step(number)?;
            if round % 20 == 19 && self.is_done() {
                return Ok(());
            }
        }
        panic!("instance {number} does not settle: {:?}", self.handle(number).map(|handle| handle.status()));
    }

    /// Ends all trouble, starts whoever is dead, and goes on until everything produced was consumed and committed by both of two instances.
    ///
    /// # Panics
    /// Where it takes for ever.
    pub fn rest(&mut self) {
        self.log.clear_faults();
        self.log.deliver_delayed();
        self.log.write_markers();
        for number in 0..2 {
            self.crash_plan(number).never();
            if !self.is_alive(number) {
                self.start(number, true).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        for round in 0..3_000 {
            self.pass(20);
            for number in 0..2 {
                self.step(number).unwrap_or_else(|error| panic!("{error}"));
            }
            // Watermarks come all the time, so that the end is not always there to be seen.
            if round > 1_000 && round % 7 == 0 && self.is_done() {
                return;
            }
        }
        panic!("the world did not come to rest");
    }

    /// Lets time pass for everybody.
    pub fn pass(&self, milliseconds: u64) {
        self.clock.advance(milliseconds as i64);
        self.log.advance(Duration::from_millis(milliseconds));
    }

    /// How many instances there are.
    pub fn instances(&self) -> usize {
        self.instances.len()
    }

    /// Whether an instance is alive.
    pub fn is_alive(&self, number: usize) -> bool {
        self.instances[number].worker.is_some()
    }

    /// When an instance dies next.
    pub fn crash_plan(&self, number: usize) -> CrashPlan {
        self.instances[number].crash.clone()
    }

    /// The handle of an instance that is alive.
    pub fn handle(&self, number: usize) -> Option<WorkerHandle> {
        self.instances[number].worker.as_ref().map(|(_, handle)| handle.clone())
    }

    /// Kills an instance between two calls of the producer.
    pub fn kill(&mut self, number: usize) {
        self.instances[number].worker = None;
    }

    /// Starts an instance, with the store it left behind or without.
    ///
    /// # Errors
    /// What the worker says.
    ///
    /// # Panics
    /// Where its folder cannot be deleted.
    pub fn start(&mut self, number: usize, keeps_store: bool) -> Result<(), WorkerError> {
        let folder = self.instances[number].folder.clone();
        self.instances[number].worker = None;
        if !keeps_store && folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        self.starts += 1;
        self.instances[number].crash.never();
        let crash = self.instances[number].crash.clone();
        let log = Arc::new(CrashLog::new(self.log.clone(), self.clock.clone(), crash));
        let topic_id = |topic: &str| self.log.topic_id(topic);
        let (decoder, encoder) = self.settings.formats.make();
        let worker = Worker::new(
            log,
            options(&self.settings, self.store_memory.clone(), topic_id, number, self.starts, folder),
            self.settings.plans.clone(),
            decoder,
            encoder,
            Arc::new(TickingClock { hands: self.clock.clone(), tick_ms: self.settings.tick_ms }),
            self.metrics.clone(),
        )?;
        self.instances[number].worker = Some(worker);
        Ok(())
    }

    /// One step of an instance. One that was killed in it, or lost its identity to itself, is dead afterwards.
    ///
    /// # Errors
    /// What the worker says, where that is no death by plan.
    pub fn step(&mut self, number: usize) -> Result<(), WorkerError> {
        let Some((worker, _)) = &mut self.instances[number].worker else { return Ok(()) };
        match worker.step() {
            Ok(_) => Ok(()),
            Err(WorkerError::Log(reason)) if reason.contains("the process was killed") => {
                self.kill(number);
                Ok(())
            }
            // A zombie may take the identity back once, while it finds out the outcome of its last commit.
            Err(WorkerError::Fenced { .. }) if self.had_zombies => {
                self.kill(number);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Steps until the first worker gives up.
    ///
    /// # Panics
    /// Where it does not.
    pub fn failure(&mut self) -> WorkerError {
        for _ in 0..3_000 {
            self.pass(20);
            if let Err(error) = self.step(0) {
                return error;
            }
        }
        panic!("no failure: {:?}", self.handle(0).map(|handle| handle.status()));
    }

    /// Lets a process live on while its identity is taken by another one, which finds no store.
    ///
    /// # Errors
    /// What the new worker says.
    pub fn replace(&mut self, number: usize) -> Result<(), WorkerError> {
        let Some((zombie, _)) = self.instances[number].worker.take() else { return Ok(()) };
        self.zombies.push(zombie);
        self.had_zombies = true;
        self.instances[number].folder = self.folder.path().join(format!("instance-{number}-{}", self.starts));
        // A zombie shares nothing with its successor, not even when it dies.
        self.instances[number].crash = CrashPlan::default();
        self.instances[number].old_store = None;
        self.start(number, true)
    }

    /// One step of each process whose identity was taken. They end as soon as they hear of it.
    ///
    /// # Errors
    /// What a worker says, where that is not that its identity was taken.
    pub fn step_zombies(&mut self) -> Result<(), WorkerError> {
        for mut zombie in std::mem::take(&mut self.zombies) {
            match zombie.step() {
                Ok(_) => self.zombies.push(zombie),
                Err(WorkerError::Fenced { .. }) => {}
                Err(WorkerError::Log(reason)) if reason.contains("the process was killed") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many processes live on whose identity was taken.
    pub fn zombies(&self) -> usize {
        self.zombies.len()
    }

    /// Remembers the store of an instance that is dead, or gives it back in place of the present one where one is remembered: a disk that is
    /// some time behind.
    ///
    /// # Panics
    /// Where the files cannot be copied.
    pub fn swap_store(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        if instance.worker.is_some() || !instance.folder.exists() {
            return;
        }
        let Some(old) = instance.old_store.take() else {
            let old = self.folder.path().join(format!("old-{number}-{}", self.starts));
            copy_folder(&instance.folder, &old).unwrap_or_else(|error| panic!("{}: {error}", old.display()));
            instance.old_store = Some(old);
            return;
        };
        let swapped = std::fs::remove_dir_all(&instance.folder).and_then(|()| std::fs::rename(&old, &instance.folder));
        swapped.unwrap_or_else(|error| panic!("{}: {error}", old.display()));
    }

    /// The folder of an instance's stores.
    pub fn store_folder(&self, number: usize) -> &Path {
        &self.instances[number].folder
    }

    /// The memory of all stores.
    pub fn store_memory(&self) -> StoreMemory {
        self.store_memory.clone()
    }

    /// What the instance that owns a contact says of it, as soon as one does.
    ///
    /// # Panics
    /// Where none of them ever says anything, or an instance fails.
    pub fn insist(&mut self, contact: &str) -> QueryAnswer {
        for _ in 0..1_000 {
            if let Ok(answer) = self.ask(contact) {
                return answer;
            }
            self.pass(20);
        }
        panic!("{contact}: {:?}", self.ask(contact));
    }

    /// What the instance that owns a contact says of it.
    ///
    /// # Errors
    /// Why none of them says anything.
    ///
    /// # Panics
    /// Where an instance fails.
    pub fn ask(&mut self, contact: &str) -> Result<QueryAnswer, QueryRefusal> {
        let mut refusal = QueryRefusal::Unavailable { reason: "no instance is alive".to_owned() };
        for number in 0..self.instances.len() {
            let Some(handle) = self.handle(number) else { continue };
            let (reply, answer) = channel();
            let asked = handle.ask(Query { contact: contact.to_owned(), reply });
            self.step(number).unwrap_or_else(|error| panic!("{error}"));
            match answer.try_recv() {
                Ok(Ok(answer)) if asked => return Ok(answer),
                Ok(Err(refused)) => refusal = refused,
                _ => {}
            }
        }
        Err(refusal)
    }

    /// Whether every task runs somewhere.
    pub fn owns_everything(&self) -> bool {
        let handles = self.instances.iter().filter_map(|instance| instance.worker.as_ref());
        let mut running: Vec<u32> = handles
            .flat_map(|(_, handle)| handle.status().tasks)
            .filter(|task| task.lifecycle == Lifecycle::Running)
            .map(|task| task.task)
            .collect();
        running.sort_unstable();
        running == Vec::from_iter(0..TASKS)
    }

    /// The tasks that run in an instance, as of its last report.
    pub fn running(&self, number: usize) -> Vec<u32> {
        let tasks = self.handle(number).map(|handle| handle.status().tasks).unwrap_or_default();
        tasks.iter().filter(|task| task.lifecycle == Lifecycle::Running).map(|task| task.task).collect()
    }

    /// Whether everything produced was consumed and committed.
    pub fn is_done(&self) -> bool {
        let inputs: Vec<TopicPartition> = self.input_names();
        let (Ok(committed), Ok(bounds)) = (self.log.committed("scoring", &inputs), self.log.bounds(&inputs)) else {
            return false;
        };
        // Transaction markers at the end of a partition are never consumed.
        let markers_only = |name: &TopicPartition, from: u64| self.read_from(name, from).is_empty();
        inputs.iter().zip(committed).zip(bounds).all(|((name, committed), bounds)| {
            let next = committed.map_or(0, |committed| committed.next_offset);
            next >= bounds.end_offset
                || (["interactions", "identities"].contains(&name.topic.as_str()) && markers_only(name, next))
        })
    }

    fn input_names(&self) -> Vec<TopicPartition> {
        let (source, partitions) = if self.settings.rekeyed { ("raw", RAW_PARTITIONS) } else { ("events", TASKS) };
        let mut names: Vec<TopicPartition> =
            (0..partitions).map(|number| TopicPartition::new(source, number)).collect();
        if self.settings.rekeyed {
            names.extend((0..TASKS).map(|number| TopicPartition::new("interactions", number)));
        }
        if self.settings.identities {
            names.extend((0..TASKS).map(|number| TopicPartition::new("identities", number)));
        }
        names
    }

    /// Everything that was produced, partition after partition.
    pub fn produced(&self) -> impl Iterator<Item = String> {
        self.produced.iter().flatten().cloned()
    }

    /// What a reader of committed records sees.
    pub fn told(&self) -> Told {
        let mut told = Told::default();
        for partition in 0..TASKS {
            for (key, value) in self.read_from(&TopicPartition::new("derived", partition), 0) {
                told.derived.entry(text(&key)).or_default().push(text(&value));
            }
        }
        let dead = self.read_from(&TopicPartition::new("dead", 0), 0);
        told.dead = dead.into_iter().map(|(_, value)| text(&value)).collect();
        told.dead.sort();
        told
    }

    /// Keys and values that a reader of committed records sees from an offset on.
    ///
    /// # Panics
    /// Where the model refuses to read.
    pub fn read_from(&self, partition: &TopicPartition, offset: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let options = ReaderOptions {
            topics: vec![partition.topic.clone()],
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 1 << 20,
            name: "check".to_owned(),
        };
        let mut reader = self.log.open_reader(&options).unwrap_or_else(|error| panic!("{error}"));
        let start = ReaderPartition { topic: TopicIndex(0), partition: partition.partition };
        reader.start(&[ReadStart { partition: start, offset }]).unwrap_or_else(|error| panic!("{error}"));
        let mut found = Vec::new();
        for _ in 0..10_000 {
            let mut visit = |record: &leadstream_runtime::log::Record<'_>| {
                found.push((record.key.unwrap_or_default().to_vec(), record.value.unwrap_or_default().to_vec()));
            };
            let read = reader.read(1_000, Duration::ZERO, &mut visit).unwrap_or_else(|error| panic!("{error}"));
            if read.records == 0 && reader.progress(start).is_some_and(|progress| progress.caught_up) {
                break;
            }
        }
        found
    }

    /// Offsets of the group and of the redo log agree.
    ///
    /// # Panics
    /// Where they do not.
    pub fn check_offsets(&self) {
        for task in 0..TASKS {
            let redo = TopicPartition::new("redo", task);
            let start =
                self.log.bounds(std::slice::from_ref(&redo)).unwrap_or_else(|error| panic!("{error}"))[0].start_offset;
            let records = self.read_from(&redo, start);
            let Some((_, newest)) = records.last() else { continue };
            let newest = RedoRecord::read(newest).unwrap_or_else(|error| panic!("{error}"));
            for offset in &newest.head.offsets {
                let name = TopicPartition::new(offset.topic, offset.partition);
                let committed = self.log.committed("scoring", std::slice::from_ref(&name));
                let committed = committed.unwrap_or_else(|error| panic!("{error}"));
                let next = committed[0].as_ref().map(|committed| committed.next_offset);
                assert_eq!(next, Some(offset.next_offset), "{name}, epoch {}", newest.head.epoch);
            }
        }
    }

    /// A slack for clocks that follow the wall.
    pub fn wall_clock() -> ClockMode {
        ClockMode::Wall { slack: Span::from_millis(500) }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
