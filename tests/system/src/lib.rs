//! An application under test: its folder, configuration, topics and process.
//!
//! Knows Leadstream by its command line only, so that whatever is proven is proven of the binary.

#![allow(
    clippy::disallowed_methods,
    reason = "waiting with a limit needs a clock, and nothing here is part of the product"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use leadstream_test_support::{
    Broker, ForeignRecord, NewRecord, NewTopic, Process, foreign, leadstream_binary, topics,
};
use serde_json::Value;
use tempfile::TempDir;

/// Partitions of every topic, and so the number of tasks.
pub const PARTITIONS: i32 = 4;

/// One application with topics of its own.
pub struct Application {
    /// Its id, the prefix of its topics.
    pub id: String,
    /// Where its configuration, state and files are.
    pub folder: TempDir,
    bootstrap: String,
}

impl Application {
    /// An application whose source is keyed by the contact or not. Its topics exist.
    ///
    /// # Panics
    /// Where anything of that fails.
    pub fn new(broker: &Broker, id: &str, keyed: bool) -> Application {
        let folder = TempDir::new().expect("a folder can be made");
        let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/plans/twenty-rules.yaml");
        let configuration = format!(
            "application: {{ id: {id} }}
kafka: {{ bootstrap: '{}' }}
sources: [ {{ topic: {id}-events, format: segment, keyed: {keyed} }} ]
topics: {{ partitions: {PARTITIONS} }}
plans: [ '{}' ]
clock: {{ idle: events }}
storage: {{ directory: state }}
http: {{ listen: '127.0.0.1:0' }}
log: {{ format: json }}
engine: {{ write_back: {{ age: 1s }} }}
",
            broker.bootstrap(),
            plan.display(),
        );
        std::fs::write(folder.path().join("leadstream.yaml"), configuration).expect("the configuration can be written");
        let application = Application { id: id.to_owned(), folder, bootstrap: broker.bootstrap() };
        let source = application.source();
        let settings = [("retention.ms", "-1")];
        let topic = NewTopic { name: &source, partitions: PARTITIONS, settings: &settings };
        topics::create_topics(&application.bootstrap, &[topic]).expect("the source can be created");
        application.done(&["topics", "create"]);
        application
    }

    /// The topic of its events.
    pub fn source(&self) -> String {
        format!("{}-events", self.id)
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(leadstream_binary());
        command.args(arguments).current_dir(self.folder.path()).env_remove("LEADSTREAM_CONFIG");
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary can be started")
    }

    /// Runs a command that must succeed, and gives what it printed.
    ///
    /// # Panics
    /// Where it fails.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "leadstream {arguments:?}: {out}{err}");
        out.into_owned()
    }

    /// Starts `leadstream run`.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(&self) -> Process {
        self.begin(&["run"])
    }

    /// Starts any command and leaves it running.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn begin(&self, arguments: &[&str]) -> Process {
        Process::spawn(&mut self.command(arguments), &self.path("log")).expect("the binary can be started")
    }

    /// Where the running process serves HTTP, as its log says.
    ///
    /// # Panics
    /// Where it does not say so within half a minute.
    pub fn address(&self, process: &mut Process) -> String {
        let began = Instant::now();
        loop {
            let log = process.output();
            let said = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(address) = said.filter_map(|line| Some(line.get("address")?.as_str()?.to_owned())).next_back() {
                return address;
            }
            let ended = process.has_ended().unwrap_or(true);
            assert!(!ended && began.elapsed() < Duration::from_secs(30), "no address in {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes lines of a file into the source, each keyed by its contact.
    ///
    /// # Panics
    /// Where the broker refuses.
    pub fn produce(&self, lines: &str) {
        let records: Vec<NewRecord> = lines.lines().map(record_of).collect();
        topics::produce(&self.bootstrap, &self.source(), &records).expect("the broker takes the events");
    }

    /// What a foreign consumer reads of all derived topics once there are so many, in the order of contact and seq.
    ///
    /// # Panics
    /// Where they do not come, or come out of order in a partition.
    pub fn derived(&self, count: usize, limit: Duration) -> Vec<Value> {
        self.await_derived(count, limit, assert_in_order)
    }

    /// The same of an application that began anew in between, so that its contacts count from one again.
    ///
    /// # Panics
    /// Where they do not come.
    pub fn derived_anew(&self, count: usize, limit: Duration) -> Vec<Value> {
        self.await_derived(count, limit, |_| {})
    }

    fn await_derived(&self, count: usize, limit: Duration, check: impl Fn(&[Value])) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let mut read = Vec::new();
            for topic in ["qualifications", "stages", "activity"] {
                let records = foreign::read_committed(&self.bootstrap, &format!("{}.{topic}", self.id));
                let values: Vec<Value> = records.expect("the topic can be read").iter().map(value_of).collect();
                check(&values);
                read.extend(values);
            }
            if read.len() >= count || began.elapsed() > limit {
                assert!(read.len() >= count, "{} of {count} derived events within {limit:?}", read.len());
                read.sort_by_key(order_of);
                return read;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The dead letters.
    ///
    /// # Panics
    /// Where the topic cannot be read.
    pub fn dead_letters(&self) -> Vec<ForeignRecord> {
        foreign::read_committed(&self.bootstrap, &format!("{}.dead-letters", self.id)).expect("the topic can be read")
    }

    /// What a replay of the same lines derives, without the mark that says so.
    ///
    /// # Panics
    /// Where the replay fails.
    pub fn replayed(&self, lines: &str) -> Vec<Value> {
        std::fs::write(self.path("events.jsonl"), lines).expect("a file can be written");
        self.done(&["replay", "events.jsonl", "--derived", "derived.jsonl"]);
        let derived = std::fs::read_to_string(self.path("derived.jsonl")).expect("the result can be read");
        let mut derived: Vec<Value> =
            derived.lines().map(|line| serde_json::from_str(line).expect("a derived event is JSON")).collect();
        for event in &mut derived {
            if let Some(marks) = event["marks"].as_array_mut() {
                marks.retain(|mark| mark != "replay");
            }
        }
        derived
    }
}

/// The time and the person of a line; a line that is no event is a record without a key.
fn record_of(line: &str) -> NewRecord {
    let Ok(message) = serde_json::from_str::<Value>(line) else {
        return NewRecord { value: Some(line.into()), ..NewRecord::default() };
    };
    let contact = message.get("userId").or(message.get("anonymousId")).and_then(Value::as_str).unwrap_or_default();
    NewRecord::keyed(contact, line)
}

fn value_of(record: &ForeignRecord) -> Value {
    serde_json::from_slice(record.value.as_deref().unwrap_or_default()).expect("a derived event is JSON")
}

fn order_of(event: &Value) -> (String, u64) {
    (event["contact"].as_str().unwrap_or_default().to_owned(), event["seq"].as_u64().unwrap_or_default())
}

/// In a topic the events of a contact come in the order of their seq.
fn assert_in_order(events: &[Value]) {
    let mut last: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for event in events {
        let (contact, seq) = order_of(event);
        let before = last.insert(contact.clone(), seq);
        assert!(before.is_none_or(|before| before < seq), "{contact}: {before:?} before {seq}");
    }
}
