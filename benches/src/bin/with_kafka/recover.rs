//! How soon Leadstream scores again: after a kill with its store at hand, and with nothing but the log. And what memory it needs for it.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use leadstream_benches::cpu;

use crate::measure::{Scorer, start, watch};

const POLL: Duration = Duration::from_millis(10);
/// A start that takes longer has failed.
const TOO_LONG: Duration = Duration::from_secs(600);

/// What is needed beside the scorer.
pub(crate) struct Recovery<'a> {
    pub(crate) scorer: Scorer<'a>,
    /// The address that it answers at.
    pub(crate) http: &'a str,
    /// Where its stores are.
    pub(crate) data: &'a str,
    /// How many contacts the events belong to.
    pub(crate) contacts: u64,
}

/// Scores everything, kills the process and starts it again, once with its stores and once without.
pub(crate) fn measure(recovery: &Recovery<'_>) -> Result<(), Box<dyn Error>> {
    let mut child = start(&recovery.scorer)?;
    let scored = watch(&recovery.scorer, &mut child).map(|_| memory(&child));
    let ended = end(&mut child);
    println!("scored contacts={} peak_mib={}", recovery.contacts, scored??);
    ended?;
    again(recovery, "after-kill")?;
    std::fs::remove_dir_all(recovery.data)?;
    again(recovery, "empty-store")
}

/// Starts it, waits until it is ready, and kills it.
fn again(recovery: &Recovery<'_>, name: &str) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut child = start(&recovery.scorer)?;
    let ready = wait_until_ready(recovery.http, &mut child);
    let (took, cpu) = (began.elapsed(), cpu::process_time(child.id())?);
    let peak_mib = memory(&child);
    end(&mut child)?;
    ready.map_err(|problem| format!("{name}: {problem} (see {})", recovery.scorer.log_file))?;
    println!(
        "{name} contacts={} ready_ms={} cpu_ms={} contacts_per_cpu_second={:.0} peak_mib={}",
        recovery.contacts,
        took.as_millis(),
        cpu.as_millis(),
        recovery.contacts as f64 / cpu.as_secs_f64(),
        peak_mib?,
    );
    Ok(())
}

fn wait_until_ready(http: &str, child: &mut Child) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    while began.elapsed() < TOO_LONG {
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended early, {status}").into());
        }
        if is_ready(http).unwrap_or(false) {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
    Err("is not ready".into())
}

fn is_ready(http: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(http)?;
    write!(stream, "GET /health/ready HTTP/1.0\r\nHost: {http}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_ascii_whitespace().nth(1) == Some("200"))
}

/// The most memory that a process has had so far, in MiB.
fn memory(child: &Child) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    Ok(peak.ok_or("no VmHWM")?.parse::<u64>()? / 1024)
}

/// SIGKILL, as `kill -9`.
fn end(child: &mut Child) -> Result<(), Box<dyn Error>> {
    child.kill()?;
    child.wait()?;
    Ok(())
}
