//! A folder with a configuration and a plan, in which the binary is run.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) const PLAN: &str = "plan: cars
rules:
  - { id: pricing, on: page_viewed, when: 'event.path.startsWith(\"/pricing\")', points: 15, cap: { points: 45, per: 7d } }
  - { id: form, on: form_submitted, points: 40, once_per: 30d }
  - { id: never, on: webinar_attended, points: 5 }
  - { id: away, idle: 30d, points: -10 }
limits: { floor: 0 }
qualify: { at: 50, release: 30 }
pipeline: { by: engagement, stages: [ { name: lead }, { name: hot, enter: 40 } ] }
";

/// A folder with a configuration and a plan.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let place = Place { folder };
        place.write("leadstream.yaml", "sources: [ { topic: web, format: segment } ]\n");
        std::fs::create_dir(place.path("plans")).unwrap();
        place.write("plans/cars.yaml", PLAN);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leadstream"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("LEADSTREAM_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses its arguments ends before it reads.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ended(child.wait_with_output().unwrap())
    }
}

pub(crate) struct Ended(pub(crate) Output);

impl Ended {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Ended {
        assert_eq!(self.0.status.code(), Some(expected), "out: {}\nerr: {}", self.out(), self.err());
        self
    }
}

pub(crate) fn page(contact: &str, id: &str, time: &str, path: &str) -> String {
    format!(
        "{{\"type\":\"page\",\"messageId\":\"{id}\",\"userId\":\"{contact}\",\"timestamp\":\"{time}\",\"properties\":{{\"path\":\"{path}\"}}}}\n"
    )
}

/// Two contacts: one that qualifies and one that does not.
pub(crate) fn journey() -> String {
    let form = "{\"type\":\"track\",\"event\":\"Form Submitted\",\"messageId\":\"f\",\"userId\":\"c1\",\"timestamp\":\"2026-01-03T00:00:00Z\"}\n";
    [
        page("c1", "1", "2026-01-01T00:00:00Z", "/pricing"),
        page("c2", "2", "2026-01-02T00:00:00Z", "/pricing"),
        form.to_owned(),
        page("c1", "1", "2026-01-01T00:00:00Z", "/pricing"),
    ]
    .concat()
}

/// Starts a command, lets it work for a moment, sends a signal, and gives its end and how long that took.
pub(crate) fn interrupted(place: &Place, arguments: &[&str], signal: &str) -> (Ended, std::time::Duration) {
    let child = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(arguments)
        .current_dir(place.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let began = std::time::Instant::now();
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    (Ended(output), began.elapsed())
}
