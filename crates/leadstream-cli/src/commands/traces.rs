//! `leadstream contact erase ID --verify`: where the bytes of an id are left, in all topics of the application and its sources, and in the local state.
//!
//! It changes nothing. Records are looked at as they come out of Kafka, those of transactions that were aborted too, and those of sources and of the topic
//! of contacts also by what the service would make of them. A short id may stand by chance in what a file has of random bytes.

mod records;

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use leadstream_config::Config;
use leadstream_kafka::KafkaLog;
use leadstream_runtime::log::{
    Isolation, Log, ReadStart, Reader, ReaderOptions, ReaderPartition, RecordProblem, TopicIndex, TopicPartition,
};

use self::records::Wanted;
use super::topics::patiently;
use crate::arguments::ConfigurationArguments;
use crate::connection::{connect, own_topics};
use crate::engine::told::state_folder;
use crate::failure::Failure;
use crate::settings::configuration;
use crate::terminal;

/// Records taken from a reader at once.
const RECORDS: usize = 2_000;
/// Bytes that the reader fetches ahead.
const BUFFER_BYTES: usize = 8 << 20;
/// Bytes of a file that are looked at once.
const PIECE_BYTES: usize = 1 << 20;
/// How long a read waits.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Shorter ids stand by chance in files of random names and checksums.
const CHANCE_BYTES: usize = 6;
/// How long nothing at all may come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found in one partition.
struct Found {
    records: u64,
    first_offset: u64,
    last_offset: u64,
}

/// What came of a look into one partition.
enum Looked {
    /// It was seen to its end.
    Through(Option<Found>),
    /// Its beginning was deleted meanwhile: look again.
    Trimmed,
}

/// Runs it.
pub(super) fn run(given: &ConfigurationArguments, id: &str) -> Result<(), Failure> {
    if id.is_empty() {
        return Err(Failure::input("an id has at least one character"));
    }
    let config = configuration(given)?.config;
    let log = connect(&config)?;
    let mut places = Vec::new();
    let topics = topics(&config);
    for topic in &topics {
        look_into_topic(&log, topic, Wanted::new(&config, topic, id)?, &mut places)?;
    }
    let folder = state_folder(&config);
    let mut files = 0;
    let in_topics = places.len();
    look_into_folder(&folder, id.as_bytes(), &mut files, &mut places)?;
    if places.len() > in_topics && id.len() < CHANCE_BYTES {
        terminal::note(
            "an id this short can stand in a file by chance, as in the random name that RocksDB gives a store",
        );
    }
    terminal::note(format!("looked into {} topics, and into {files} files in {}", topics.len(), folder.display()));
    if places.is_empty() {
        return terminal::print("the id is nowhere\n");
    }
    terminal::print(&(places.join("\n") + "\n"))?;
    Err(Failure::NotDone(format!("the id is left in {} places", places.len())))
}

/// All of the application's topics, and its sources.
fn topics(config: &Config) -> Vec<String> {
    let mut topics: Vec<String> = own_topics(config).into_iter().map(|topic| topic.name).collect();
    for source in config.sources.iter().map(|source| source.topic.to_string()) {
        if !topics.contains(&source) {
            topics.push(source);
        }
    }
    topics
}

fn look_into_topic(
    log: &KafkaLog,
    topic: &str,
    mut wanted: Wanted<'_>,
    places: &mut Vec<String>,
) -> Result<(), Failure> {
    let found = patiently(log, || log.describe(&[topic]))?;
    let Some(Some(described)) = found.into_iter().next() else {
        terminal::note(format!("there is no topic {topic}"));
        return Ok(());
    };
    let options = ReaderOptions {
        topics: vec![topic.to_owned()],
        isolation: Isolation::ReadUncommitted,
        buffer_bytes: BUFFER_BYTES,
        name: "traces".to_owned(),
    };
    let failed = |error| Failure::of(format!("cannot read {topic}"), error);
    let mut reader = log.open_reader(&options).map_err(failed)?;
    let asked: Vec<TopicPartition> =
        (0..described.partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
    let bounds = patiently(log, || log.bounds(&asked))?;
    let total = bounds.iter().map(|bounds| bounds.end_offset - bounds.start_offset).sum();
    let bar = terminal::progress(Some(total), topic, false);
    for (asked, bounds) in asked.iter().zip(bounds) {
        let partition = ReaderPartition { topic: TopicIndex(0), partition: asked.partition };
        let (mut start, end) = (bounds.start_offset, bounds.end_offset);
        while start < end {
            reader.start(&[ReadStart { partition, offset: start }]).map_err(failed)?;
            let looked = look_into_partition(&mut reader, partition, end, &mut wanted, &bar)
                .map_err(|reason| Failure::NotDone(format!("cannot read {asked}: {reason}")))?;
            reader.stop(&[partition]).map_err(failed)?;
            match looked {
                Looked::Through(None) => break,
                Looked::Through(Some(Found { records, first_offset, last_offset })) => {
                    places.push(format!("{asked}: {records} records, offsets {first_offset} to {last_offset}"));
                    break;
                }
                // A running service trims its redo: what is gone holds nothing.
                Looked::Trimmed => {
                    let bounds = patiently(log, || log.bounds(std::slice::from_ref(asked)))?;
                    start = bounds.first().map_or(end, |bounds| bounds.start_offset);
                }
            }
        }
    }
    bar.finish_and_clear();
    if wanted.unreadable > 0 {
        terminal::note(format!(
            "{topic}: {} records cannot be decoded as its source is described, and were searched for the letters of the id alone",
            wanted.unreadable
        ));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "patience ends")]
fn look_into_partition<R: Reader>(
    reader: &mut R,
    partition: ReaderPartition,
    end: u64,
    wanted: &mut Wanted<'_>,
    bar: &ProgressBar,
) -> Result<Looked, String> {
    let mut found: Option<Found> = None;
    let mut moved = Instant::now();
    loop {
        let read = reader.read(RECORDS, TIMEOUT, &mut |record| {
            bar.inc(1);
            if !wanted.is_in(record) {
                return;
            }
            let found = found.get_or_insert(Found { records: 0, first_offset: record.offset, last_offset: 0 });
            found.records += 1;
            found.last_offset = record.offset;
        });
        let read = read.map_err(|error| error.to_string())?;
        match read.problems.first() {
            None => {}
            Some(problem) if problem.problem == RecordProblem::OutOfRange => return Ok(Looked::Trimmed),
            Some(problem) => return Err(problem.reason.clone()),
        }
        if reader.progress(partition).is_some_and(|progress| progress.position >= end || progress.caught_up) {
            return Ok(Looked::Through(found));
        }
        if read.records > 0 {
            moved = Instant::now();
        }
        if moved.elapsed() > PATIENCE {
            return Err(format!("nothing came for {} seconds", PATIENCE.as_secs()));
        }
    }
}

fn contains(bytes: &[u8], id: &[u8]) -> bool {
    bytes.windows(id.len()).any(|window| window == id)
}

fn look_into_folder(folder: &Path, id: &[u8], files: &mut u64, places: &mut Vec<String>) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // A file that RocksDB has deleted meanwhile holds nothing, and neither does a machine without local state.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::file("read", folder, &error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| Failure::file("read", folder, &error))?.path();
        if path.is_dir() {
            look_into_folder(&path, id, files, places)?;
            continue;
        }
        *files += 1;
        match is_in_file(&path, id) {
            Ok(true) => places.push(path.display().to_string()),
            Ok(false) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file("read", &path, &error)),
        }
    }
    Ok(())
}

/// Whether the bytes are in a file, which may be larger than memory.
fn is_in_file(path: &Path, id: &[u8]) -> std::io::Result<bool> {
    use std::io::Read;
    let mut file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    loop {
        // What the last piece ended with may be the front of the id.
        let kept = bytes.len().min(id.len() - 1);
        bytes.drain(..bytes.len() - kept);
        if file.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut bytes)? == 0 {
            return Ok(false);
        }
        if contains(&bytes, id) {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_any_file_below_a_folder_also_where_pieces_meet() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("task-00000");
        std::fs::create_dir(&below).unwrap();
        let mut bytes = vec![b'.'; PIECE_BYTES + 100];
        bytes[PIECE_BYTES - 3..PIECE_BYTES + 2].copy_from_slice(b"erika");
        std::fs::write(below.join("000012.sst"), bytes).unwrap();
        std::fs::write(folder.path().join("other"), b"erik a").unwrap();
        let (mut files, mut places) = (0, Vec::new());
        look_into_folder(folder.path(), b"erika", &mut files, &mut places).unwrap();
        assert_eq!((files, places), (2, vec![below.join("000012.sst").display().to_string()]));
        let nowhere = folder.path().join("nowhere");
        look_into_folder(&nowhere, b"erika", &mut files, &mut Vec::new()).unwrap();
    }
}
