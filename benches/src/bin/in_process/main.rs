//! What Leadstream's parts cost without Kafka: decoding, the fold, many rules, late events, and how large a contact is.
//!
//! `in-process [--events N] [--contacts N] [decode] [fold] [rules] [late] [bytes]` measures what is named, or everything. All times are CPU
//! time of the measuring thread, after a warm-up of a quarter of the events.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that measures and prints")]

mod bytes;
mod decode;
mod fold;
mod late;
mod rules;
mod world;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use leadstream_benches::messages::CONTACTS;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
struct Size {
    events: u64,
    contacts: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("in-process: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut size = Size { events: 2_000_000, contacts: CONTACTS };
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).ok_or("a number is missing");
        match argument.as_str() {
            "--events" => size.events = number()?,
            "--contacts" => size.contacts = number()?,
            "decode" | "fold" | "rules" | "late" | "bytes" => names.push(argument),
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|known| known == name);
    println!("{} events, {} contacts", size.events, size.contacts);
    if wanted("decode") {
        decode::measure(size)?;
    }
    if wanted("fold") {
        fold::measure(size)?;
    }
    if wanted("bytes") {
        bytes::measure(size)?;
    }
    if wanted("late") {
        late::measure()?;
    }
    if wanted("rules") {
        rules::measure(size)?;
    }
    Ok(())
}

/// Prints what an event costs.
fn print_cost(what: &str, events: u64, time: Duration) {
    let each_ns = time.as_nanos() as f64 / events as f64;
    println!("{what:<52} {each_ns:>8.0} ns   {:>10.0} per CPU-second", 1e9 / each_ns);
}

/// The middle one of several measurements.
fn median<T: Ord + Copy>(mut measured: Vec<T>) -> T {
    measured.sort();
    measured[measured.len() / 2]
}
