//! An application under test: its folder, configuration, topics and processes.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use leadstream_test_support::{
    Broker, ForeignRecord, NewRecord, NewTopic, Process, foreign, leadstream_binary, topics,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::figures::Figures;
use crate::input::{Input, Setup, segment_record};
use crate::scorecards::REPLAYED;

/// Partitions of Leadstream's topics, and so the number of tasks.
pub const PARTITIONS: i32 = 4;
/// Partitions of a source that is not keyed by the contact: any number will do, so it is another one.
const UNKEYED_PARTITIONS: i32 = 3;
/// The topics of derived events.
const DERIVED_TOPICS: [&str; 3] = ["qualifications", "stages", "activity"];
/// How long a process may take to say what is waited for.
const SAYING_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(50);

/// One application with topics of its own.
pub struct Application {
    /// Its id, the prefix of its topics.
    pub id: String,
    /// Where its configuration, state and files are.
    pub folder: TempDir,
    bootstrap: String,
}

impl Application {
    /// An application for events in the Segment shape, whose source is keyed by the contact or not. Its topics exist.
    ///
    /// # Panics
    /// Where anything of that fails.
    pub fn new(broker: &Broker, id: &str, keyed: bool) -> Application {
        Application::of(broker, id, &Setup::segment(keyed))
    }

    /// An application of any setup. Its topics exist.
    ///
    /// # Panics
    /// Where anything of that fails.
    pub fn of(broker: &Broker, id: &str, setup: &Setup) -> Application {
        let folder = TempDir::new().expect("a folder can be made");
        let configuration = format!(
            "application: {{ id: {id} }}
kafka: {{ bootstrap: '{}' }}
sources:
  - topic: {id}-events{}
event_types: [ {} ]
topics: {{ partitions: {PARTITIONS} }}
plans: [ '{}' ]
clock: {{ idle: events }}
storage: {{ directory: state }}
http: {{ listen: '127.0.0.1:0' }}
log: {{ format: json }}
engine: {{ workers: 2, write_back: {{ age: 1s }} }}
",
            broker.bootstrap(),
            setup.source,
            setup.event_types,
            setup.plan.display(),
        );
        std::fs::write(folder.path().join("leadstream.yaml"), configuration).expect("the configuration can be written");
        let application = Application { id: id.to_owned(), folder, bootstrap: broker.bootstrap() };
        let source = application.source();
        let settings = [("retention.ms", "-1")];
        let topic = NewTopic { name: &source, partitions: setup.partitions, settings: &settings };
        topics::create_topics(&application.bootstrap, &[topic]).expect("the source can be created");
        application.done(&["topics", "create"]);
        application
    }

    /// An application for orders, what it is fed with, and what a replay of that derives. A source that is not keyed by the contact has another
    /// number of partitions than there are tasks.
    ///
    /// # Panics
    /// Where anything of that fails.
    pub fn for_orders(broker: &Broker, id: &str, keyed: bool) -> (Application, Input, Vec<Value>) {
        let mut input = Input::orders(keyed);
        if !keyed {
            input.setup = input.setup.partitioned(UNKEYED_PARTITIONS);
        }
        let application = Application::of(broker, id, &input.setup);
        let expected = application.expected(&input);
        (application, input, expected)
    }

    /// The topic of its events.
    pub fn source(&self) -> String {
        format!("{}-events", self.id)
    }

    /// One of Leadstream's own topics.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.id)
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
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

    /// Starts one of several instances, with a name and a state folder of its own, and settings that win over these.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn instance(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let own = [("application.instance", name), ("storage.directory", &format!("state-{name}"))];
        let mut command = self.command(&["run"]);
        for (key, value) in own.iter().chain(settings) {
            command.args(["--set", &format!("{key}={value}")]);
        }
        self.spawn(&mut command)
    }

    /// Starts any command and leaves it running. What it prints goes to a file of its own, with the number of the start.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn begin(&self, arguments: &[&str]) -> Process {
        self.spawn(&mut self.command(arguments))
    }

    /// Starts a command that was prepared, as [`Application::begin`] does.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn spawn(&self, command: &mut Command) -> Process {
        let log = (0..).map(|number| self.path(&format!("log-{number}"))).find(|path| !path.exists());
        Process::spawn(command, &log.expect("there is a number")).expect("the binary can be started")
    }

    /// Where the running process serves HTTP, once its workers are there to be asked about.
    ///
    /// # Panics
    /// Where they are not within a minute.
    pub fn address(&self, process: &mut Process) -> String {
        let address = self.listening(process);
        self.await_log(process, |_| self.ask(&address, "/health/ready").1.contains("\"workers\":[{"));
        address
    }

    /// Where the running process serves HTTP, as its log says, whether it scores or waits for something.
    ///
    /// # Panics
    /// Where it does not say so within a minute.
    pub fn listening(&self, process: &mut Process) -> String {
        self.await_log(process, |log| listening_at(log).is_some());
        listening_at(&process.output()).expect("it was there")
    }

    /// Waits until a running process has said something.
    ///
    /// # Panics
    /// Where it does not say so within a minute, or ends.
    pub fn await_log(&self, process: &mut Process, said: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !said(&process.output()) {
            let elapsed = began.elapsed();
            assert!(elapsed < SAYING_LIMIT, "not said within {elapsed:?}: {}", process.output());
            let ended = process.ending().expect("a child can be asked for");
            assert!(
                ended.is_none(),
                "it ended ({ended:?}) after {elapsed:?} without having said it: {}",
                process.output()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until a running process has restored every task.
    ///
    /// # Panics
    /// Where it does not within a minute, or ends.
    pub fn await_restored(&self, process: &mut Process) {
        self.await_log(process, |log| restored(log) >= PARTITIONS as usize);
    }

    /// Waits until both workers of a process have been given tasks and run all of them: the second one to join takes some from the first.
    ///
    /// # Panics
    /// Where that does not happen within a minute.
    pub fn await_shared(&self, process: &mut Process) {
        let has_been_given = |log: &str, worker: &str| {
            log.lines().any(|line| {
                line.contains(&format!("\"{worker}\"")) && line.contains("Assigned { tasks: [") && !line.contains("[]")
            })
        };
        self.await_log(process, |log| ["worker-0", "worker-1"].iter().all(|worker| has_been_given(log, worker)));
        self.await_tasks(process, PARTITIONS as u64);
    }

    /// Waits until a running process runs at least so many tasks.
    ///
    /// # Panics
    /// Where it does not within a minute, or ends.
    pub fn await_tasks(&self, process: &mut Process, tasks: u64) {
        let (address, began) = (self.address(process), Instant::now());
        while Figures::read(&address).sum("leadstream_tasks_running") < tasks {
            assert!(began.elapsed() < SAYING_LIMIT, "not {tasks} tasks: {}", process.output());
            std::thread::sleep(2 * PAUSE);
        }
    }

    /// What the running process answers to a question by HTTP: the status, and the text.
    ///
    /// # Panics
    /// Where nobody answers.
    pub fn ask(&self, address: &str, path: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("http://{address}{path}")).call().expect("it answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("the answer is text"))
    }

    /// Waits until the figures of a running process are as they should be.
    ///
    /// # Panics
    /// Where they are not within a minute.
    pub fn await_figures(&self, process: &Process, address: &str, are_so: impl Fn(&Figures) -> bool) {
        let began = Instant::now();
        while !are_so(&Figures::read(address)) {
            assert!(began.elapsed() < SAYING_LIMIT, "{:#?}\n{}", Figures::read(address), process.output());
            std::thread::sleep(2 * PAUSE);
        }
    }

    /// Writes lines of a file of events in the Segment shape into the source, each keyed by its contact.
    ///
    /// # Panics
    /// Where the broker refuses.
    pub fn produce(&self, lines: &str) {
        self.write(&lines.lines().map(segment_record).collect::<Vec<_>>());
    }

    /// Writes records into the source.
    ///
    /// # Panics
    /// Where the broker refuses.
    pub fn write(&self, records: &[NewRecord]) {
        topics::produce(&self.bootstrap, &self.source(), records).expect("the broker takes the events");
    }

    /// What a foreign consumer reads of all derived topics now, in the order of contact and seq.
    ///
    /// # Panics
    /// Where a topic cannot be read, or the events of a contact do not come in the order of their seq.
    pub fn derived_now(&self) -> Vec<Value> {
        self.read_derived(assert_in_order)
    }

    /// The same once there are so many.
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
            let read = self.read_derived(&check);
            if read.len() >= count {
                return read;
            }
            let late = began.elapsed() >= limit;
            assert!(!late, "{} of {count} derived events within {limit:?}; {}", read.len(), self.standstill());
            std::thread::sleep(4 * PAUSE);
        }
    }

    /// How topics and the process that was started last look from outside, for whoever reads why a test failed.
    fn standstill(&self) -> String {
        let internal = ["redo", "contacts-changelog", "interactions"].map(|name| self.topic(name));
        let derived = DERIVED_TOPICS.map(|name| self.topic(name));
        let topics = [self.source()].into_iter().chain(internal).chain(derived).map(|topic| {
            let count =
                |records: Result<Vec<_>, _>| records.map_or("?".to_owned(), |records| records.len().to_string());
            let all = count(foreign::read_uncommitted(&self.bootstrap, &topic));
            format!(
                "{topic}: {} of {all} records are committed",
                count(foreign::read_committed(&self.bootstrap, &topic))
            )
        });
        let logs = (0..).map(|number| self.path(&format!("log-{number}"))).take_while(|path| path.exists());
        let log = logs.last().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let said = listening_at(&log).map_or("no process".to_owned(), |address| {
            let said = |path: &str| {
                let answer = ureq::get(format!("http://{address}{path}")).call();
                answer
                    .and_then(|mut answer| answer.body_mut().read_to_string())
                    .unwrap_or_else(|error| error.to_string())
            };
            let (ready, figures) = (said("/health/ready"), said("/metrics"));
            let plain = |line: &&str| !line.starts_with('#') && !line.contains("_bucket") && !line.ends_with(" 0");
            [ready].into_iter().chain(figures.lines().filter(plain).map(str::to_owned)).collect::<Vec<_>>().join("\n")
        });
        format!("{}\n{said}", topics.collect::<Vec<_>>().join("\n"))
    }

    fn read_derived(&self, check: impl Fn(&[Value])) -> Vec<Value> {
        let mut read = Vec::new();
        for topic in DERIVED_TOPICS {
            let records = foreign::read_committed(&self.bootstrap, &self.topic(topic));
            let values: Vec<Value> = records.expect("the topic can be read").iter().map(value_of).collect();
            check(&values);
            read.extend(values);
        }
        read.sort_by_key(order_of);
        read
    }

    /// The dead letters, once there are so many.
    ///
    /// # Panics
    /// Where they do not come.
    pub fn dead_letters(&self, count: usize) -> Vec<ForeignRecord> {
        let topic = self.topic("dead-letters");
        foreign::await_committed(&self.bootstrap, &topic, count, SAYING_LIMIT).expect("the dead letters come")
    }

    /// The committed records of one of its topics, once no transaction is open in it: what was just committed is among them.
    ///
    /// # Panics
    /// Where the topic cannot be read, or transactions go on in it.
    pub fn settled(&self, topic: &str) -> Vec<ForeignRecord> {
        foreign::read_settled(&self.bootstrap, &self.topic(topic), SAYING_LIMIT).expect("the topic can be read")
    }

    /// How many records of its topics were written in transactions that did not commit, or have not yet.
    ///
    /// # Panics
    /// Where a topic cannot be read.
    pub fn uncommitted(&self) -> usize {
        let topics = DERIVED_TOPICS.iter().chain(&["redo", "contacts-changelog", "interactions"]);
        let difference = |topic: &&str| {
            // All records first: what commits in between is not to be taken for aborted, so it counts for less.
            let all = foreign::read_uncommitted(&self.bootstrap, &self.topic(topic)).expect("the topic can be read");
            let committed =
                foreign::read_committed(&self.bootstrap, &self.topic(topic)).expect("the topic can be read");
            all.len().saturating_sub(committed.len())
        };
        topics.map(difference).sum()
    }

    /// What a replay of the same input derives, without the mark that says so.
    ///
    /// # Panics
    /// Where the replay fails.
    pub fn expected(&self, input: &Input) -> Vec<Value> {
        self.replayed(&input.lines())
    }

    /// What a replay of the same lines derives, without the mark that says so.
    ///
    /// # Panics
    /// Where the replay fails.
    pub fn replayed(&self, lines: &str) -> Vec<Value> {
        std::fs::write(self.path("events"), lines).expect("a file can be written");
        self.replay("events")
    }

    /// What a replay of the topics that the service reads derives, without the mark that says so.
    ///
    /// # Panics
    /// Where the replay fails.
    pub fn replayed_topics(&self) -> Vec<Value> {
        self.replay("--topics")
    }

    fn replay(&self, events: &str) -> Vec<Value> {
        let summary = self.done(&["replay", events, "--derived", "derived.jsonl", "--scorecards", REPLAYED]);
        std::fs::write(self.path("summary"), summary).expect("a file can be written");
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

    /// The count that the last replay's summary names, as `duplicate` or `skipped (skip_when)`; 0 where it names none.
    ///
    /// # Panics
    /// Where nothing was replayed.
    pub fn replayed_count(&self, name: &str) -> u64 {
        let summary = std::fs::read_to_string(self.path("summary")).expect("something was replayed");
        let parts = |line: &str| Some(line.trim().split_once(' ')?.1.trim().to_owned());
        let rest = summary.lines().filter_map(parts).find_map(|line| Some(line.strip_prefix(name)?.to_owned()));
        let number = rest.and_then(|rest| Some(rest.split_whitespace().next()?.replace(',', "")));
        number.map_or(0, |number| number.parse().expect("a count"))
    }
}

impl Drop for Application {
    /// A test that fails is understood from what the processes said.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let logs = (0..).map(|number| self.path(&format!("log-{number}"))).take_while(|path| path.exists());
        for log in logs {
            println!("{}:\n{}", log.display(), std::fs::read_to_string(&log).unwrap_or_default());
        }
    }
}

/// Where a process serves HTTP, by its log.
fn listening_at(log: &str) -> Option<String> {
    let said = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    said.filter_map(|line| Some(line.get("address")?.as_str()?.to_owned())).next_back()
}

/// How many tasks a process has restored since it was started, as its log says.
pub fn restored(log: &str) -> usize {
    log.matches("\"restored\"").count()
}

/// The data of a derived event. What stands outside of it must say the same.
fn value_of(record: &ForeignRecord) -> Value {
    let value: Value =
        serde_json::from_slice(record.value.as_deref().unwrap_or_default()).expect("a derived event is JSON");
    assert_eq!(record.key.as_deref(), value["contact"].as_str().map(str::as_bytes), "{value}");
    assert_eq!(record.header("ce_id"), value["id"].as_str(), "{value}");
    value
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
