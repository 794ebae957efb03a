//! Folding files, or topics as far as they reach, without a service: reading, decoding and folding as a pipeline of threads, then one sorted
//! result.
//!
//! One thread reads blocks of whole records; some decode them; as many fold, each the contacts of its share. Every folder takes blocks in the
//! order of the files, so the result depends neither on the number of threads nor on their luck. Blocks go round, which bounds what is read ahead;
//! contacts and derived events are all held in memory until the end.

mod avro;
mod blocks;
mod decoding;
mod folding;
mod links;
mod packing;
mod summary;
mod tally;
mod topics;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use indicatif::ProgressBar;
use leadstream_core::plan::PlanSet;
use leadstream_core::{HistoryLimits, Timestamp};
use leadstream_wire::{Shape, SourceFormat};

use self::blocks::Slot;
pub(crate) use self::folding::Folder;
use self::links::United;
pub(crate) use self::summary::Summary;
pub(crate) use self::tally::Tally;
pub(crate) use self::topics::Topics;
pub(crate) use self::writing::{SCORECARD_COLUMNS, write_dead_letters, write_derived, write_scorecards};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::{files, terminal};

/// Files to fold, and how their records look.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The file; `-` is standard input.
    pub(crate) path: PathBuf,
    /// Its records.
    pub(crate) format: Arc<SourceFormat>,
}

/// Where events come from.
#[derive(Clone)]
pub(crate) enum Events {
    /// Files, in this order.
    Files(Vec<Input>),
    /// The topics of a service.
    Topics(Arc<Topics>),
}

/// What to fold.
#[derive(Clone)]
pub(crate) struct Options {
    /// The events.
    pub(crate) events: Events,
    /// The plans in force.
    pub(crate) plans: Arc<PlanSet>,
    /// How much history a contact keeps.
    pub(crate) history: HistoryLimits,
    /// The final instant; `None`, or one before it: the time of the newest event.
    pub(crate) until: Option<Timestamp>,
    /// How many threads decode, and how many fold.
    pub(crate) threads: usize,
    /// Whether every dead letter is kept, or only some of each kind to show.
    pub(crate) keep_dead_letters: bool,
    /// What progress is shown under.
    pub(crate) title: &'static str,
}

/// What came of it.
pub(crate) struct Outcome {
    /// What became of the records.
    pub(crate) tally: Tally,
    /// The contacts by share, each share and its derived events in order.
    pub(crate) folders: Vec<Folder>,
    /// The final instant; `None` where there was no event.
    pub(crate) until: Option<Timestamp>,
}

/// Blocks that go round, for each thread.
const SLOTS_PER_THREAD: usize = 4;

/// Counts the events by their type, and folds nothing.
///
/// # Errors
/// As [`fold`].
pub(crate) fn count(events: &Events, threads: usize, interrupt: &Interrupt) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    survey(events, threads, "reading", interrupt, decoding::count)?.into_iter().for_each(|part| tally.add(part));
    tally.finish();
    Ok(tally)
}

/// Finds out which ids are one contact; `None` for standard input, which can be read only once.
fn unite(options: &Options, interrupt: &Interrupt) -> Result<Option<United>, Failure> {
    let is_read_once = |input: &Input| files::is_standard(&input.path);
    if matches!(&options.events, Events::Files(inputs) if inputs.iter().any(is_read_once)) {
        return Ok(None);
    }
    let may_link = |input: &Input| matches!(input.format.shape, Shape::Segment | Shape::Contacts(_));
    if matches!(&options.events, Events::Files(inputs) if !inputs.iter().any(may_link)) {
        return Ok(Some(United::default()));
    }
    let found =
        survey(&options.events, options.threads, "looking for ids of one person", interrupt, decoding::find_links)?;
    Ok(Some(United::of(found.into_iter().flatten().collect())))
}

/// Has several threads look at everything, each at some of the blocks.
fn survey<T: Send>(
    events: &Events,
    threads: usize,
    title: &'static str,
    interrupt: &Interrupt,
    look: impl Fn(&Receiver<Slot>, &Sender<Slot>) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let (position, bar) = progress(events, title);
    let (free_sender, free) = unbounded();
    for _ in 0..SLOTS_PER_THREAD * threads {
        // The receiver lives to the end of this function.
        let _ = free_sender.send(Slot::new(0));
    }
    let (block_sender, blocks) = bounded(threads);
    let found = thread::scope(|scope| {
        let (counted, look) = (&position, &look);
        let reader = scope.spawn(move || read(events, &free, &block_sender, counted, interrupt));
        let lookers: Vec<_> = (0..threads)
            .map(|_| {
                let (blocks, free) = (blocks.clone(), free_sender.clone());
                scope.spawn(move || look(&blocks, &free))
            })
            .collect();
        drop((blocks, free_sender));
        while !reader.is_finished() {
            bar.set_position(position.load(Ordering::Relaxed));
            thread::sleep(Duration::from_millis(50));
        }
        let read = joined(reader);
        let found: Result<Vec<T>, Failure> = lookers.into_iter().map(joined).collect();
        found.and_then(|found| read.map(|()| found))
    })?;
    bar.finish_and_clear();
    Ok(found)
}

/// What was read so far, in bytes of files or offsets of topics, and a bar that shows it.
fn progress(events: &Events, title: &'static str) -> (Arc<AtomicU64>, ProgressBar) {
    let bar = match events {
        Events::Files(inputs) => {
            terminal::progress(files::total_bytes(inputs.iter().map(|input| &input.path)), title, true)
        }
        Events::Topics(topics) => terminal::progress(Some(topics.total()), title, false),
    };
    (Arc::new(AtomicU64::new(0)), bar)
}

fn read(
    events: &Events,
    free: &Receiver<Slot>,
    blocks: &Sender<Slot>,
    position: &Arc<AtomicU64>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    match events {
        Events::Files(inputs) => blocks::read(inputs, free, blocks, position, interrupt),
        Events::Topics(topics) => topics.read(free, blocks, position, interrupt),
    }
}

/// Folds files.
///
/// # Errors
/// A file that cannot be read to its end, a description that does not compile, or an interrupt.
pub(crate) fn fold(options: &Options, interrupt: &Interrupt) -> Result<Outcome, Failure> {
    let united = unite(options, interrupt)?;
    let nobody = United::default();
    let roots = united.as_ref().unwrap_or(&nobody);
    let (position, bar) = progress(&options.events, options.title);
    let (free_sender, free) = unbounded();
    for _ in 0..(SLOTS_PER_THREAD * (options.threads + 1)) {
        // The receiver lives to the end of this function.
        let _ = free_sender.send(Slot::new(options.threads));
    }
    let (block_sender, blocks) = bounded(options.threads);
    let shares: Vec<_> = (0..options.threads).map(|_| unbounded()).collect();
    let (mut tally, folders) = thread::scope(|scope| {
        let counted = &position;
        // The reader owns the sender: when it ends, decoders end, and after them folders.
        let reader = scope.spawn(move || read(&options.events, &free, &block_sender, counted, interrupt));
        let decoders: Vec<_> = (0..options.threads)
            .map(|_| {
                let (blocks, shares) =
                    (blocks.clone(), shares.iter().map(|(sender, _)| sender.clone()).collect::<Vec<_>>());
                scope.spawn(move || decoding::decode(&blocks, &shares, roots, options.keep_dead_letters))
            })
            .collect();
        let folders: Vec<_> = shares
            .iter()
            .enumerate()
            .map(|(share, (_, slots))| {
                let (slots, free): (_, Sender<Slot>) = (slots.clone(), free_sender.clone());
                scope.spawn(move || Folder::new(options, share).run(&slots, &free))
            })
            .collect();
        drop(blocks);
        while !reader.is_finished() {
            bar.set_position(position.load(Ordering::Relaxed));
            thread::sleep(Duration::from_millis(50));
        }
        let read = joined(reader);
        let mut tally = Tally::default();
        let mut failed = read.err();
        for decoder in decoders {
            match joined(decoder) {
                Ok(part) => tally.add(part),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        drop(shares);
        let folders: Vec<Folder> = folders.into_iter().map(joined).collect();
        match failed {
            Some(failure) => Err(failure),
            None => Ok((tally, folders)),
        }
    })?;
    bar.finish_and_clear();
    tally.united = united.as_ref().map(United::len);
    tally.refused = united.map(|united| united.refused).unwrap_or_default();
    finish(options, tally, folders)
}

/// Moves every contact to the final instant and brings the result in order.
fn finish(options: &Options, mut tally: Tally, folders: Vec<Folder>) -> Result<Outcome, Failure> {
    // Every event counts, so there is no state before the newest of them.
    let until = options.until.max(tally.newest);
    let folders: Vec<Folder> = thread::scope(|scope| {
        let finishing: Vec<_> = folders
            .into_iter()
            .map(|mut folder| {
                scope.spawn(move || {
                    folder.finish(until);
                    folder
                })
            })
            .collect();
        finishing.into_iter().map(joined).collect()
    });
    for folder in &folders {
        tally.count(folder);
    }
    tally.finish();
    Ok(Outcome { tally, folders, until })
}

/// What a thread gave. A panic goes on: it is a mistake of the program, and its text has been shown.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// One after the other, the least of several sorted sequences, as the place of the sequence whose head is next.
pub(super) fn merged<'a, T>(
    sequences: Vec<&'a [T]>,
    mut is_before: impl FnMut(&T, &T) -> bool + 'a,
) -> impl Iterator<Item = (usize, &'a T)> {
    let mut rest = sequences;
    std::iter::from_fn(move || {
        let mut least: Option<usize> = None;
        for (place, items) in rest.iter().enumerate() {
            let Some(item) = items.first() else { continue };
            if least.is_none_or(|least| is_before(item, &rest[least][0])) {
                least = Some(place);
            }
        }
        let place = least?;
        let (first, others) = rest[place].split_first()?;
        rest[place] = others;
        Some((place, first))
    })
}
