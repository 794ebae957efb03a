//! A real Apache Kafka broker for a test, with its own ports and data.
//!
//! Owns: the broker's life and its folder. Never: how a broker is configured and started, which is `scripts/kafka`'s, so that the
//! tests run the very broker that the demo runs.
//!
//! Invariants: ports and data stay the same over [`Broker::kill`] and [`Broker::restart`]; nothing is left behind by the process.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::SupportError;
use crate::watchdog::Watchdog;

/// Ends the broker of the data folder `$1` with the script `$2`, and removes the folder.
const END_BROKER: &str = r#""$2" kill --data "$1"; rm -rf "$1""#;

/// Starting is tried this often, because another program may take a port between the choice and its use.
const START_ATTEMPTS: u32 = 3;

/// A scenario that kills its broker is begun this often at most.
const KILL_ATTEMPTS: u32 = 3;

/// What a test wants of its broker beyond the defaults of `scripts/kafka`.
#[derive(Debug, Clone, Default)]
pub struct BrokerOptions {
    /// Broker properties, as in Kafka's `server.properties`.
    pub properties: Vec<(String, String)>,
}

/// A running broker. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Broker {
    data: PathBuf,
    port: u16,
    controller_port: u16,
    options: BrokerOptions,
    // Ends the broker when dropped.
    _watchdog: Watchdog,
}

impl Broker {
    /// The broker that all tests of this process share, started by the first that asks. Tests keep apart by topic names.
    ///
    /// # Panics
    /// If it could not be started: no test that needs it can go on.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start(BrokerOptions::default()) {
            Ok(broker) => broker,
            Err(error) => panic!("the shared broker could not be started: {error}"),
        })
    }

    /// Starts a broker for one test, on free ports of 127.0.0.1 and with an empty folder. Returns when it answers.
    ///
    /// # Errors
    /// When `scripts/kafka` refuses, with what it said.
    pub fn start(options: BrokerOptions) -> Result<Self, SupportError> {
        let mut attempt = 1;
        loop {
            match Self::start_once(options.clone()) {
                Err(SupportError::Command { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    fn start_once(options: BrokerOptions) -> Result<Self, SupportError> {
        let data = tempfile::Builder::new()
            .prefix("leadstream-broker-")
            .tempdir()
            .map_err(SupportError::io("creating a folder for a broker"))?
            .keep();
        let watchdog = Watchdog::start(END_BROKER, &[&data, &kafka_script()])?;
        let [port, controller_port] = free_ports()?;
        let broker = Self { data, port, controller_port, options, _watchdog: watchdog };
        broker.run_script("start")?;
        Ok(broker)
    }

    /// Runs a scenario that kills its broker, and once more from the beginning where that broker has lost the marker of a transaction.
    ///
    /// Apache Kafka 4.1 and later can do that: a coordinator that completes a transaction while one of its partitions has no leader, as just after a
    /// restart, takes the partition for deleted and never writes its marker (`KRaftMetadataCache.getPartitionLeaderEndpoint` finds no broker -1 and
    /// says "no such partition" where it used to say "no such node"). What was committed there can be read by nobody then, whatever a client does.
    /// The broker says so in its log, so nothing else is forgiven.
    ///
    /// # Panics
    /// Where the scenario does, and no marker was lost; or each time.
    #[allow(clippy::print_stderr, reason = "the harness shows it with the test that fails all the same")]
    pub fn killed_in(scenario: impl Fn(&Self)) {
        for attempt in 1.. {
            let broker = match Self::start(BrokerOptions::default()) {
                Ok(broker) => broker,
                Err(error) => panic!("the broker could not be started: {error}"),
            };
            let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(&broker))) else { return };
            if attempt == KILL_ATTEMPTS || !broker.has_lost_a_marker() {
                resume_unwind(panic);
            }
            eprintln!("the broker has lost the marker of a transaction, once more from the beginning");
        }
    }

    /// Whether the broker has completed a transaction without telling one of its partitions. No topic must have been deleted.
    fn has_lost_a_marker(&self) -> bool {
        let log = std::fs::read_to_string(self.data.join("kafka.log")).unwrap_or_default();
        log.contains("these partitions are likely deleted already")
    }

    /// `HOST:PORT`, as clients want it in `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder with the broker's data and its log (`kafka.log`).
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Kills the broker with SIGKILL, as a power cut would, and returns when it is gone. Its data stay; [`Broker::restart`] brings it
    /// back.
    ///
    /// # Errors
    /// When `scripts/kafka` refuses.
    pub fn kill(&self) -> Result<(), SupportError> {
        self.run_script("kill")
    }

    /// Stops the broker in order. Clients see closed connections; its data stay.
    ///
    /// # Errors
    /// When `scripts/kafka` refuses.
    pub fn stop(&self) -> Result<(), SupportError> {
        self.run_script("stop")
    }

    /// Starts the broker again on the same ports and data, stopping it in order first if it runs. Returns when it answers.
    ///
    /// # Errors
    /// When `scripts/kafka` refuses, with what it said.
    pub fn restart(&self) -> Result<(), SupportError> {
        self.run_script("restart")
    }

    /// Stops the broker where it stands, as a machine that is overloaded may for a while, until [`Broker::resume`]. Connections stay open.
    ///
    /// # Errors
    /// When it does not run, or the operating system refuses.
    pub fn suspend(&self) -> Result<(), SupportError> {
        self.signal(Signal::STOP)
    }

    /// Lets a suspended broker go on.
    ///
    /// # Errors
    /// When it does not run, or the operating system refuses.
    pub fn resume(&self) -> Result<(), SupportError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), SupportError> {
        let failed = SupportError::io(format!("sending {signal:?} to the broker"));
        let pid = std::fs::read_to_string(self.data.join("kafka.pid"));
        let pid = pid.map(|pid| pid.trim().parse().ok().and_then(Pid::from_raw));
        let sent = pid.and_then(|pid| kill_process(pid.ok_or(ErrorKind::NotFound)?, signal).map_err(Into::into));
        sent.map_err(failed)
    }

    fn run_script(&self, action: &str) -> Result<(), SupportError> {
        let script = kafka_script();
        let mut command = Command::new(&script);
        command.arg(action).arg("--data").arg(&self.data);
        command.args(["--port", &self.port.to_string(), "--controller-port", &self.controller_port.to_string()]);
        for (key, value) in &self.options.properties {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        // Many brokers may run at once on a small machine, and tests hold little. They are short, too: without the optimising compiler
        // a broker is up with two thirds of the work.
        command.env("KAFKA_HEAP", "-Xms128m -Xmx512m -XX:TieredStopAtLevel=1");
        let output = command.output().map_err(SupportError::io(format!("running {}", script.display())))?;
        if output.status.success() {
            return Ok(());
        }
        Err(SupportError::Command {
            command: format!("scripts/kafka {action}"),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Two free ports below those that the operating system gives to outgoing connections. One of the latter would be unsafe: while a
/// killed broker is away, a client that tries its port again and again can be given that very port as its own, meets itself, and
/// the broker cannot come back.
fn free_ports() -> Result<[u16; 2], SupportError> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at once start at different places.
    let offset = (std::process::id().wrapping_mul(7919) % u32::from(COUNT)) as u16;
    let mut held = Vec::new();
    for _ in 0..COUNT {
        let port = FIRST + (offset + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
        if let [(first, _), (second, _)] = held[..] {
            return Ok([first, second]);
        }
    }
    Err(SupportError::Command {
        command: "looking for two free ports".to_owned(),
        output: format!("none between {FIRST} and {}", FIRST + COUNT),
    })
}

fn kafka_script() -> PathBuf {
    repository_root().join("scripts/kafka")
}

/// The root of the repository that the test runs in. Found when it runs, from the folder of its package: a path that is built in would be
/// that of the checkout that was built last, where several share what cargo builds.
///
/// # Panics
/// Outside of a repository: then there is no broker to start either.
pub fn repository_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let begin = package.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
    let root = begin.ancestors().find(|folder| folder.join("scripts/kafka").exists());
    root.unwrap_or_else(|| panic!("no folder above {} has scripts/kafka", begin.display())).to_owned()
}
