//! Reads topics with `kcat`, a Kafka client that is not ours: what it sees is what a customer's consumer would see.
//!
//! `read_committed` unless a test asks for what nobody should see. Never guesses: a topic that does not exist is an error, not an empty list.

use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::error::SupportError;
use crate::topics::await_settled;

/// A read that takes longer has met a broker that went away; kcat alone would wait for it without end.
const READ_SECONDS_MAX: &str = "60";

/// A record as the foreign client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRecord {
    /// The partition it lies in.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Kafka's timestamp, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Headers in order; names may repeat.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The key, if it has one.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl ForeignRecord {
    /// The value of the first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(candidate, _)| candidate == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// One line of `kcat -J`. Keys and values are bytes: kcat escapes control characters only and passes all others as they are.
#[derive(Deserialize)]
struct Line {
    partition: i32,
    offset: i64,
    ts: i64,
    #[serde(default)]
    headers: Vec<Option<ByteBuf>>,
    key: Option<ByteBuf>,
    payload: Option<ByteBuf>,
}

/// All committed records of a topic from its beginning to its end now, by partition and offset. Records of a transaction that is
/// still open, and all that follow it in its partition, are not there yet; nor are, for a moment, those of a transaction whose commit
/// was answered already. Whoever looks for what was just committed uses [`await_committed`] or [`read_settled`].
///
/// # Errors
/// When the topic does not exist, the broker does not answer, or kcat is missing.
pub fn read_committed(bootstrap: &str, topic: &str) -> Result<Vec<ForeignRecord>, SupportError> {
    read(bootstrap, topic, "read_committed")
}

/// All records of a topic now, those of transactions that are open or were aborted with them: what a customer's consumer must not see,
/// to prove that it was there.
///
/// # Errors
/// As [`read_committed`].
pub fn read_uncommitted(bootstrap: &str, topic: &str) -> Result<Vec<ForeignRecord>, SupportError> {
    read(bootstrap, topic, "read_uncommitted")
}

/// All committed records of a topic as soon as no transaction is open in it: for a test that counts what there is without
/// knowing how much it must be.
///
/// # Errors
/// As [`read_committed`], or when a transaction stays open for longer than `limit`.
pub fn read_settled(bootstrap: &str, topic: &str, limit: Duration) -> Result<Vec<ForeignRecord>, SupportError> {
    await_settled(bootstrap, topic, limit)?;
    read_committed(bootstrap, topic)
}

fn read(bootstrap: &str, topic: &str, isolation: &str) -> Result<Vec<ForeignRecord>, SupportError> {
    let output = Command::new("timeout")
        .args([READ_SECONDS_MAX, "kcat", "-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-J"])
        .args(["-X", &format!("isolation.level={isolation}"), "-X", "allow.auto.create.topics=false"])
        .output()
        .map_err(SupportError::io("running kcat (scripts/setup installs it)"))?;
    if !output.status.success() {
        return Err(SupportError::Command {
            command: format!("kcat -C -t {topic}"),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let mut records = lines.map(parse_line).collect::<Result<Vec<_>, _>>()?;
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}

/// Reads a topic again and again until it holds at least `count` committed records, and returns all of them. There may be more
/// than asked for: a test that wants "no more" says so with its own assertion.
///
/// # Errors
/// As [`read_committed`], or when the records do not come within `limit`.
pub fn await_committed(
    bootstrap: &str,
    topic: &str,
    count: usize,
    limit: Duration,
) -> Result<Vec<ForeignRecord>, SupportError> {
    let start = Instant::now();
    loop {
        let records = read_committed(bootstrap, topic)?;
        if records.len() >= count {
            return Ok(records);
        }
        if start.elapsed() > limit {
            return Err(SupportError::TooLate {
                what: format!("{count} records in {topic}"),
                limit,
                seen: format!("{} records", records.len()),
            });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn parse_line(line: &[u8]) -> Result<ForeignRecord, SupportError> {
    let line: Line =
        serde_json::from_slice(line).map_err(|source| SupportError::Output { command: "kcat".to_owned(), source })?;
    let headers = line.headers.chunks(2).map(|pair| match pair {
        [Some(name), value] => (String::from_utf8_lossy(name).into_owned(), value.clone().map(ByteBuf::into_vec)),
        [None, value] | [.., value] => (String::new(), value.clone().map(ByteBuf::into_vec)),
        [] => (String::new(), None),
    });
    Ok(ForeignRecord {
        partition: line.partition,
        offset: line.offset,
        timestamp_ms: line.ts,
        headers: headers.collect(),
        key: line.key.map(ByteBuf::into_vec),
        value: line.payload.map(ByteBuf::into_vec),
    })
}
