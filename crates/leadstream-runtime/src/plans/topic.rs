//! The topic of plans: read to its end, and written by whoever puts a set in force.
//!
//! Owns the order of sets: a set is registered in a transaction of the application's one registrar, whose opening fences any other, and only where
//! the newest set is still the one that was looked at. So of two that register at once one wins, and the other looks again. It never judges
//! whether a change is wanted, and never compiles.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadstream_core::Span;
use leadstream_core::plan::PlanSet;
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::plans::{Coming, PlanFile, PlanRef, PlanSetRecord, PlansRecord};
use thiserror::Error;

use super::book::{NumberedPlans, PlanBook};
use crate::log::{
    Destination, Failure, Header, Isolation, Log, LogError, OutputRecord, Producer, ProducerOptions, ReadStart, Reader,
    ReaderOptions, ReaderPartition, Record, TopicIndex, TopicPartition,
};

/// The one partition of the topic.
const PARTITION: ReaderPartition = ReaderPartition { topic: TopicIndex(0), partition: 0 };
const READ_RECORDS: usize = 1_000;
const BUFFER_BYTES: usize = 4 << 20;
/// How long one look for more waits, and how often a reader looks that does not come to the end: longer than a transaction may last.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
const READ_ROUNDS: usize = 400;
/// The header that says which instance registered a set.
const INSTANCE_HEADER: &str = "instance";
/// The header of a set that a person put in force by a command, with the word for that.
const BY_HEADER: &str = "by";
const BY_COMMAND: &[u8] = b"command";
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a plan file in the topic: what brokers take by default, less room for names and framing.
const PLAN_FILE_BYTES_MAX: usize = 1_000_000 - 10_000;

/// Why the topic of plans cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlansError {
    /// The log fails; [`LogError::Retry`] passes by itself.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record cannot be read.
    #[error("{topic} offset {offset}: {error}")]
    Stored {
        /// The topic.
        topic: String,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        error: StoredError,
    },
    /// A set names a version that the topic does not hold.
    #[error(
        "{topic}: plan set {ordinal} names version {version} of plan {plan}, which is not there: restore the topic, or reset the application"
    )]
    VersionLost {
        /// The topic.
        topic: String,
        /// The set.
        ordinal: u64,
        /// The plan.
        plan: String,
        /// Its version.
        version: String,
    },
    /// A plan file is too large for a record.
    #[error("{file} has {bytes} bytes, a plan file in force may have {PLAN_FILE_BYTES_MAX}: split the plan")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
    },
}

/// Where a set came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The name of the instance that registered it, where it is known.
    pub instance: Option<String>,
    /// When, in milliseconds since 1970 by the clock of that instance, where it is known.
    pub registered_ms: Option<i64>,
    /// A person put it in force by a command, and no start with files may overrule that.
    pub by_command: bool,
}

impl Registration {
    fn of(record: &Record<'_>) -> Registration {
        let header = |name: &str| {
            let headers = (0..).map_while(|index| record.headers.header(index));
            headers.filter(|header| header.name == name).find_map(|header| header.value)
        };
        Registration {
            instance: header(INSTANCE_HEADER).map(|name| String::from_utf8_lossy(name).into_owned()),
            registered_ms: record.timestamp.map(|timestamp| timestamp.ms),
            by_command: header(BY_HEADER) == Some(BY_COMMAND),
        }
    }
}

/// Who writes into the topic.
#[derive(Clone, Copy, Debug)]
pub struct Registrant<'a> {
    /// The name of the instance.
    pub instance: &'a str,
    /// Whether a person does so by a command, and not a start with files.
    pub by_command: bool,
}

impl Registrant<'_> {
    fn headers(&self) -> Vec<Header<'_>> {
        let instance = Header { name: INSTANCE_HEADER, value: Some(self.instance.as_bytes()) };
        let by = Header { name: BY_HEADER, value: Some(BY_COMMAND) };
        if self.by_command { vec![instance, by] } else { vec![instance] }
    }
}

/// Makes plan sets of texts.
pub trait PlanCompiler {
    /// Compiles the files of a set under what it was registered with. The error says why not, for a person.
    ///
    /// # Errors
    /// What is wrong with the texts.
    fn compile(&self, set: &PlanSetRecord, files: &[&PlanFile]) -> Result<PlanSet, String>;
}

/// A set that was in force once and cannot be compiled any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadablePlans {
    /// The set.
    pub ordinal: u64,
    /// The set that stands for it; none where it is the newest.
    pub stands: Option<u64>,
    /// Why.
    pub reason: String,
}

/// The topic of plans, as far as it was read.
pub struct PlansTopic<L: Log> {
    log: Arc<L>,
    topic: String,
    transactional_id: String,
    reader: L::Reader,
    files: BTreeMap<String, PlanFile>,
    sets: BTreeMap<u64, (PlanSetRecord, Registration)>,
}

impl<L: Log> PlansTopic<L> {
    /// Opens the topic; nothing is read yet. `transactional_id` is the registrar's, the same for all instances of the application.
    ///
    /// # Errors
    /// As the log says.
    pub fn open(log: Arc<L>, topic: &str, transactional_id: &str) -> Result<PlansTopic<L>, PlansError> {
        let mut reader = log.open_reader(&ReaderOptions {
            topics: vec![topic.to_owned()],
            isolation: Isolation::ReadCommitted,
            buffer_bytes: BUFFER_BYTES,
            name: "plans".to_owned(),
        })?;
        let start = log.bounds(&[TopicPartition::new(topic, 0)])?.first().map_or(0, |bounds| bounds.start_offset);
        reader.start(&[ReadStart { partition: PARTITION, offset: start }])?;
        let (topic, transactional_id) = (topic.to_owned(), transactional_id.to_owned());
        let (files, sets) = (BTreeMap::new(), BTreeMap::new());
        Ok(PlansTopic { log, topic, transactional_id, reader, files, sets })
    }

    /// Reads what is there, waiting for at most `timeout` for more. Returns how many records there were.
    ///
    /// # Errors
    /// [`PlansError`].
    pub fn read(&mut self, timeout: Duration) -> Result<usize, PlansError> {
        let (mut found, mut unreadable) = (Vec::new(), None);
        let summary = self.reader.read(READ_RECORDS, timeout, &mut |record| match PlansRecord::read(
            record.key.unwrap_or_default(),
            record.value.unwrap_or_default(),
        ) {
            Ok(read) => found.push((read, Registration::of(record))),
            Err(error) => unreadable = unreadable.or(Some((record.offset, error))),
        })?;
        if let Some(problem) = summary.problems.first() {
            return Err(LogError::Fatal(Failure::new("read plans", problem.reason.clone())).into());
        }
        if let Some((offset, error)) = unreadable {
            return Err(PlansError::Stored { topic: self.topic.clone(), offset, error });
        }
        for (record, registration) in found {
            match record {
                PlansRecord::Plan(file) => drop(self.files.insert(file.version().to_string(), file)),
                PlansRecord::Set(set) => drop(self.sets.insert(set.ordinal, (set, registration))),
            }
        }
        Ok(summary.records)
    }

    /// Reads everything that was committed when it was called.
    ///
    /// # Errors
    /// [`PlansError`]; [`LogError::Retry`] where the end does not come near.
    pub fn read_to_end(&mut self) -> Result<(), PlansError> {
        let bounds = self.log.bounds(&[TopicPartition::new(&self.topic, 0)])?;
        let end = bounds.first().map_or(0, |bounds| bounds.end_offset);
        for _ in 0..READ_ROUNDS {
            if self.reader.progress(PARTITION).is_some_and(|progress| progress.position >= end) {
                return Ok(());
            }
            self.read(READ_TIMEOUT)?;
        }
        let reason = format!("{} cannot be read up to its end, {end}", self.topic);
        Err(LogError::Retry(Failure::new("read plans", reason)).into())
    }

    /// The set in force, as far as read.
    pub fn newest(&self) -> Option<&PlanSetRecord> {
        self.sets.last_key_value().map(|(_, (set, _))| set)
    }

    /// Where the set in force came from; nothing is known where there is none.
    pub fn registration(&self) -> Registration {
        self.sets.last_key_value().map(|(_, (_, registration))| registration.clone()).unwrap_or_default()
    }

    /// Every set that ever was in force, as far as read, oldest first.
    pub fn sets(&self) -> impl DoubleEndedIterator<Item = (&PlanSetRecord, &Registration)> {
        self.sets.values().map(|(set, registration)| (set, registration))
    }

    /// Every version of a plan that the topic holds, as far as read, whether it was in force or not.
    pub fn files(&self) -> impl Iterator<Item = &PlanFile> {
        self.files.values()
    }

    /// The files of a set.
    ///
    /// # Errors
    /// [`PlansError::VersionLost`].
    pub fn files_of(&self, set: &PlanSetRecord) -> Result<Vec<&PlanFile>, PlansError> {
        set.plans.iter().map(|plan| self.file(set.ordinal, plan)).collect()
    }

    /// Writes versions of plans that are to be kept, and puts none of them in force.
    ///
    /// # Errors
    /// [`PlansError`].
    pub fn publish(&mut self, files: &[PlanFile], who: Registrant<'_>) -> Result<(), PlansError> {
        self.write(files, |_, _| None, who)
    }

    /// Registers files as the next set, where the newest is still the one read last. Whether it succeeded shows in what is read afterwards, by this
    /// one and by everybody.
    ///
    /// # Errors
    /// [`PlansError`]; another one that registers at the same time is none.
    pub fn register(
        &mut self,
        files: &[PlanFile],
        coming: Coming,
        horizon: Span,
        event_types: &[String],
        who: Registrant<'_>,
    ) -> Result<(), PlansError> {
        let next = |ordinal, plans| {
            let event_types = event_types.to_vec();
            Some(PlansRecord::Set(PlanSetRecord { ordinal, horizon, event_types, plans, coming }))
        };
        self.write(files, next, who)
    }

    /// Writes the versions that the topic does not hold, and what follows from the number of the next set and its plans, in one transaction.
    fn write(
        &mut self,
        files: &[PlanFile],
        set: impl FnOnce(u64, Vec<PlanRef>) -> Option<PlansRecord>,
        who: Registrant<'_>,
    ) -> Result<(), PlansError> {
        if let Some(file) = files.iter().find(|file| file.text.len() > PLAN_FILE_BYTES_MAX) {
            return Err(PlansError::TooLarge { file: file.file.clone(), bytes: file.text.len() });
        }
        let looked_at = self.newest().map_or(0, |set| set.ordinal);
        let mut producer = self.log.open_producer(&ProducerOptions {
            transactional_id: self.transactional_id.clone(),
            topics: vec![self.topic.clone()],
            state_topics: 0,
            transaction_timeout: TRANSACTION_TIMEOUT,
            queue_records: 10_000,
        })?;
        // Whoever registered before is fenced now, and what they committed can be seen.
        self.read_to_end()?;
        if self.newest().map_or(0, |set| set.ordinal) != looked_at {
            return Ok(());
        }
        let mut plans: Vec<PlanRef> =
            files.iter().map(|file| PlanRef { id: file.id.clone(), version: file.version() }).collect();
        plans.sort();
        let unknown = files.iter().filter(|file| !self.files.contains_key(&file.version().to_string())).cloned();
        let records: Vec<PlansRecord> = unknown.map(PlansRecord::Plan).chain(set(looked_at + 1, plans)).collect();
        match write(&mut producer, &records, who) {
            Ok(()) => {}
            Err(LogError::AbortAndRewind(failure)) => {
                tracing::warn!(reason = %failure, "the plans were not registered, trying again");
                producer.abort()?;
            }
            // Which way it went shows once the transaction is settled.
            Err(LogError::UnknownOutcome(_)) => producer.reopen()?,
            // Somebody else registers.
            Err(LogError::Fenced(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.read_to_end()
    }

    /// Compiles the sets that the book does not hold. One that cannot be compiled any more is replaced by the next later one that can; where the
    /// newest cannot be compiled, the book is left as it is. Returns those that cannot.
    ///
    /// # Errors
    /// [`PlansError::VersionLost`].
    pub fn fill(&self, book: &PlanBook, compiler: &dyn PlanCompiler) -> Result<Vec<UnreadablePlans>, PlansError> {
        let known = book.newest().map_or(0, |set| set.ordinal());
        let mut later: Option<(u64, Arc<PlanSet>)> = None;
        let (mut unreadable, mut compiled) = (Vec::new(), Vec::new());
        for (ordinal, (set, _)) in self.sets.range(known + 1..).rev() {
            let files = self.files_of(set)?;
            match compiler.compile(set, &files) {
                Ok(plans) => later = Some((*ordinal, Arc::new(plans))),
                Err(reason) => {
                    let stands = later.as_ref().map(|(stands, _)| *stands);
                    unreadable.push(UnreadablePlans { ordinal: *ordinal, stands, reason });
                }
            }
            let Some((_, plans)) = &later else { return Ok(unreadable) };
            let numbered = NumberedPlans::standing_for(*ordinal, set.plans.clone(), Arc::clone(plans));
            compiled.push(numbered.coming(set.coming));
        }
        // Oldest first: a worker that looks meanwhile never sees a set without those before it.
        compiled.into_iter().rev().for_each(|set| book.add(set));
        Ok(unreadable)
    }

    fn file(&self, ordinal: u64, plan: &PlanRef) -> Result<&PlanFile, PlansError> {
        self.files.get(&plan.version.to_string()).ok_or_else(|| PlansError::VersionLost {
            topic: self.topic.clone(),
            ordinal,
            plan: plan.id.clone(),
            version: plan.version.to_string(),
        })
    }
}

fn write<P: Producer>(producer: &mut P, records: &[PlansRecord], who: Registrant<'_>) -> Result<(), LogError> {
    if records.is_empty() {
        return Ok(());
    }
    producer.begin()?;
    for record in records {
        producer.produce(&OutputRecord {
            topic: TopicIndex(0),
            destination: Destination::Partition(0),
            key: Some(record.key().as_bytes()),
            value: Some(&record.value()),
            headers: &who.headers(),
            timestamp_ms: None,
        })?;
    }
    producer.commit_without_offsets().map(drop)
}
