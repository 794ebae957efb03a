//! Runs test programs side by side: `run-tests FILE`, where FILE holds what `cargo build --tests --message-format json` printed.
//!
//! Most test programs wait for brokers and sessions rather than compute, and cargo runs them one after another. Owns which program runs
//! when, and what a person sees of it: a line for each that passed, everything that a failing one printed, and all failures again at the
//! end. Never builds anything, and never looks into a program: cargo and the test harness do that.
//!
//! Invariants: this succeeds only if every program was started and ended with success, and there was at least one; whatever ends this
//! with a signal that can be caught ends the programs too.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]
#![allow(
    clippy::disallowed_methods,
    reason = "it says how long a program took, and nothing here is part of the product"
)]

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The programs that take longest, longest first: they are started before the others. A name that is missing here costs time and nothing else.
const LONGEST_FIRST: [&str; 7] = [
    "tests/system real_kafka",
    "crates/leadstream-kafka real_kafka",
    "tests/log kafka",
    "tests/support surroundings",
    "tests/simulation plan_change",
    "tests/simulation seeds",
    "tests/scenarios scenarios",
];
/// Between two looks at the programs that run.
const PAUSE: Duration = Duration::from_millis(20);
/// So often a person is told what is still waited for.
const NEWS_EVERY: Duration = Duration::from_secs(60);

/// The parts that matter of the messages that cargo prints.
#[derive(serde::Deserialize)]
struct CargoMessage {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(serde::Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Profile {
    test: bool,
}

/// A test program.
struct Program {
    name: String,
    /// Its package, where cargo would run it.
    folder: PathBuf,
    executable: PathBuf,
}

/// A test program that runs.
struct Running {
    program: Program,
    child: Ended,
    output: File,
    began: Instant,
}

/// A child that does not outlive this. What it has started itself ends with it: see the watchdogs of this package.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Fails only for one that has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        Some(file) => run(Path::new(&file)),
        None => Err("usage: run-tests FILE, with what cargo build --tests --message-format json printed".to_owned()),
    };
    result.unwrap_or_else(|reason| {
        eprintln!("run-tests: error: {reason}");
        ExitCode::from(2)
    })
}

fn run(file: &Path) -> Result<ExitCode, String> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGHUP, SIGINT, SIGTERM] {
        let value = usize::try_from(number).unwrap_or_default();
        signal_hook::flag::register_usize(number, Arc::clone(&signal), value).map_err(|error| error.to_string())?;
    }
    let messages = std::fs::read_to_string(file).map_err(|error| format!("reading {}: {error}", file.display()))?;
    let programs = programs(&messages)?;
    if programs.is_empty() {
        return Err(format!("{} names no test program", file.display()));
    }
    let (count, began) = (programs.len(), Instant::now());
    match run_all(programs, &signal)? {
        None => Ok(ExitCode::from(u8::try_from(128 + signal.load(Ordering::Relaxed)).unwrap_or(u8::MAX))),
        Some(failed) if failed.is_empty() => {
            println!("{count} test programs passed in {} s", began.elapsed().as_secs());
            Ok(ExitCode::SUCCESS)
        }
        Some(failed) => {
            println!("{} of {count} test programs failed (what they said stands above):", failed.len());
            failed.iter().for_each(|name| println!("  {name}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The test programs that cargo named, in the order in which they are to be started.
fn programs(messages: &str) -> Result<Vec<Program>, String> {
    let here = std::env::current_dir().map_err(|error| format!("where is this: {error}"))?;
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: CargoMessage =
            serde_json::from_str(line).map_err(|error| format!("not a message of cargo: {error}: {line}"))?;
        let (Some(executable), Some(manifest), Some(target)) =
            (message.executable, message.manifest_path, message.target)
        else {
            continue;
        };
        if !message.profile.is_some_and(|profile| profile.test) {
            continue;
        }
        let folder = manifest.parent().unwrap_or(&here).to_owned();
        let of = if target.kind == ["test"] { "" } else { " (unit tests)" };
        let name = format!("{} {}{of}", folder.strip_prefix(&here).unwrap_or(&folder).display(), target.name);
        programs.push(Program { name, folder, executable });
    }
    let rank = |program: &Program| {
        LONGEST_FIRST.iter().position(|first| *first == program.name).unwrap_or(LONGEST_FIRST.len())
    };
    programs.sort_by_key(rank);
    Ok(programs)
}

/// Runs programs, so many at once as keep the machine busy. Gives the names of those that failed; `None` where a signal ended it.
fn run_all(programs: Vec<Program>, signal: &AtomicUsize) -> Result<Option<Vec<String>>, String> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let at_once = cores + 1;
    let mut waiting = programs.into_iter();
    let (mut running, mut failed): (Vec<Running>, Vec<String>) = (Vec::new(), Vec::new());
    let mut told = Instant::now();
    loop {
        while running.len() < at_once
            && let Some(program) = waiting.next()
        {
            running.push(start(program, cores)?);
        }
        if running.is_empty() {
            return Ok(Some(failed));
        }
        if signal.load(Ordering::Relaxed) != 0 {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
        for index in (0..running.len()).rev() {
            let Some(status) = running[index].child.0.try_wait().map_err(|error| error.to_string())? else { continue };
            let ended = running.swap_remove(index);
            let (name, seconds) = (&ended.program.name, ended.began.elapsed().as_secs_f64());
            if status.success() {
                println!("ok {seconds:6.1} s  {name}");
                // What a test could not prove here is told, though it did not fail.
                let said = printed(ended.output);
                said.lines().filter(|line| line.starts_with("SKIPPED ")).for_each(|line| println!("  {line}"));
            } else {
                println!("FAILED {seconds:.1} s  {name} ({status}):\n{}", printed(ended.output));
                failed.push(ended.program.name);
            }
        }
        if told.elapsed() > NEWS_EVERY {
            told = Instant::now();
            let names: Vec<&str> = running.iter().map(|running| &*running.program.name).collect();
            println!("still running: {}", names.join(", "));
        }
    }
}

fn start(program: Program, cores: usize) -> Result<Running, String> {
    let failed = |error: std::io::Error| format!("starting {}: {error}", program.executable.display());
    let output = tempfile::tempfile().map_err(failed)?;
    let mut command = Command::new(&program.executable);
    command.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder).stdin(Stdio::null());
    command.stdout(output.try_clone().map_err(failed)?).stderr(output.try_clone().map_err(failed)?);
    // While one test waits another computes. What a person has set is kept.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        command.env("RUST_TEST_THREADS", (2 * cores).to_string());
    }
    let child = Ended(command.spawn().map_err(failed)?);
    Ok(Running { program, child, output, began: Instant::now() })
}

/// What a program printed, on both streams.
fn printed(mut output: File) -> String {
    let mut bytes = Vec::new();
    match output.rewind().and_then(|()| output.read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("(what it printed cannot be read: {error})"),
    }
}
