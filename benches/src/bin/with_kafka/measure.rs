//! Any scorer, from outside: it is started, its committed offsets are watched, and its CPU time is read when a quarter and when all is committed.
//!
//! The same yardstick for every candidate: what counts is committed work, and all threads of the process, compilers and collectors included.

use std::error::Error;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leadstream_benches::cpu;
use leadstream_kafka::{KafkaLog, KafkaSettings};
use leadstream_runtime::log::Log;

use crate::partitions;

const POLL: Duration = Duration::from_millis(50);
/// A scorer that commits nothing for so long has failed.
const STALLED: Duration = Duration::from_secs(120);
/// How long it may take to end when asked.
const STOP: Duration = Duration::from_secs(30);

/// What to start and where to look.
pub(crate) struct Scorer<'a> {
    pub(crate) bootstrap: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) group: &'a str,
    pub(crate) name: &'a str,
    pub(crate) log_file: &'a str,
    pub(crate) command: &'a str,
    pub(crate) arguments: &'a [&'a str],
}

/// How far a scorer is.
pub(crate) struct Point {
    committed: u64,
    cpu: Duration,
    at: Instant,
}

/// Starts a scorer, watches it to the end of the topic, ends it, and prints what an event cost behind a quarter.
pub(crate) fn measure(scorer: &Scorer<'_>) -> Result<(), Box<dyn Error>> {
    let mut child = start(scorer)?;
    let watched = watch(scorer, &mut child);
    stop(&mut child)?;
    let (warm, end) = watched.map_err(|problem| format!("{}: {problem} (see {})", scorer.name, scorer.log_file))?;
    let events = end.committed - warm.committed;
    let (cpu, wall) = (end.cpu - warm.cpu, end.at - warm.at);
    println!(
        "{} events={events} cpu_ms={} per_cpu_second={:.0} per_second={:.0} whole_cpu_ms={}",
        scorer.name,
        cpu.as_millis(),
        events as f64 / cpu.as_secs_f64(),
        events as f64 / wall.as_secs_f64(),
        end.cpu.as_millis(),
    );
    Ok(())
}

/// Starts a scorer; what it says is added to its log file.
pub(crate) fn start(scorer: &Scorer<'_>) -> Result<Child, Box<dyn Error>> {
    let output = File::options().create(true).append(true).open(scorer.log_file)?;
    let mut command = Command::new(scorer.command);
    command.args(scorer.arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    Ok(command.spawn()?)
}

/// Waits until everything is committed. Returns where a quarter was, and the end.
pub(crate) fn watch(scorer: &Scorer<'_>, child: &mut Child) -> Result<(Point, Point), Box<dyn Error>> {
    let log = KafkaLog::connect(KafkaSettings::new(scorer.bootstrap))?;
    let places = partitions(scorer.topic);
    let total: u64 = log.bounds(&places)?.iter().map(|bounds| bounds.end_offset).sum();
    let (mut warm, mut last, mut moved) = (None, 0, Instant::now());
    loop {
        std::thread::sleep(POLL);
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended early, {status}, after {last} of {total} events").into());
        }
        // A transaction in the making lets the question wait: ask again.
        let Ok(offsets) = log.committed(scorer.group, &places) else { continue };
        let committed: u64 = offsets.iter().flatten().map(|offset| offset.next_offset).sum();
        let point = Point { committed, cpu: cpu::process_time(child.id())?, at: Instant::now() };
        if committed > last {
            (last, moved) = (committed, point.at);
        } else if point.at - moved > STALLED {
            return Err(format!("stands still after {committed} of {total} events").into());
        }
        if committed >= total {
            return Ok((warm.ok_or("too few events to measure")?, point));
        }
        if warm.is_none() && committed * 4 >= total {
            warm = Some(point);
        }
    }
}

/// Asks the scorer to end, and ends it where it does not.
pub(crate) fn stop(child: &mut Child) -> Result<(), Box<dyn Error>> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    Command::new("kill").arg(child.id().to_string()).status()?;
    let asked = Instant::now();
    while child.try_wait()?.is_none() {
        if asked.elapsed() > STOP {
            child.kill()?;
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
