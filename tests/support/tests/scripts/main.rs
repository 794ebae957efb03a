//! What the scripts say when a machine lacks something, and that an interrupted first run is repaired by the next.
//!
//! Each test makes a machine out of a folder: the only commands there are those that the test puts into it, so nothing of the real
//! machine is installed, fetched or changed.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use leadstream_test_support::repository_root;

/// What every Debian has.
const BASE: [&str; 21] = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "dirname",
    "env",
    "flock",
    "grep",
    "head",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "setsid",
    "sha256sum",
    "sleep",
    "sort",
    "tail",
    "touch",
    "tr",
];
/// What `scripts/setup` wants installed besides Java.
const TOOLS: [&str; 9] =
    ["g++", "make", "cmake", "pkg-config", "unzip", "patchelf", "kcat", "prometheus", "shellcheck"];

/// A machine with a file system of its own as far as the scripts look.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// A machine with cargo, everything that setup installs, and a disk with room; root, as in a container.
    fn complete() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.bin()).unwrap();
        for name in BASE {
            let places = ["/bin", "/usr/bin"].map(|place| Path::new(place).join(name));
            let place = places.iter().find(|place| place.exists()).unwrap();
            symlink(place, machine.bin().join(name)).unwrap();
        }
        machine.command("cargo", "exit 0");
        machine.command("id", "echo 0");
        machine.command("uname", "echo x86_64");
        machine.command("df", "echo header; echo 'disk 1 1 999999 1% /'");
        machine.command("java", "echo 'openjdk version \"17.0.15\"' >&2");
        machine.command("dpkg-query", "echo installed");
        machine.command("apt-get", "echo apt-get \"$@\" >>\"$HOME/calls\"");
        machine.command("mvn", MAVEN);
        TOOLS.iter().for_each(|name| machine.command(name, "exit 0"));
        machine
    }

    fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    fn kafka_jars(&self) -> PathBuf {
        self.folder.path().join("cache/leadstream/kafka/4.3.0")
    }

    fn command(&self, name: &str, script: &str) {
        let path = self.bin().join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(self, name: &str) -> Self {
        fs::remove_file(self.bin().join(name)).unwrap();
        self
    }

    /// A script with its arguments, not started.
    fn command_of(&self, script: &str, arguments: &[&str]) -> Command {
        let script = repository_root().join("scripts").join(script);
        let mut command = Command::new(script);
        command.args(arguments).env_clear().env("PATH", self.bin()).env("HOME", self.folder.path());
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command
    }

    /// Runs a script; gives its exit code and what it said.
    fn run(&self, script: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command_of(script, arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Runs a script that must fail, and gives what it said.
    fn fails(&self, script: &str, arguments: &[&str]) -> String {
        let (code, said) = self.run(script, arguments);
        assert_eq!(code, Some(1), "{said}");
        said
    }
}

/// A Maven that brings Kafka's jar. While the file `$HOME/offline` exists it fails after half of its work.
const MAVEN: &str = r#"
for argument; do case $argument in -DoutputDirectory=*) folder=${argument#*=} ;; esac; done
[ ! -e "$HOME/offline" ] || { touch "$folder/half.jar"; echo "Unknown host"; exit 1; }
touch "$folder/kafka_2.13-4.3.0.jar" "$folder/rocksdbjni-11.8.1.jar"
"#;

#[test]
fn setup_without_rust_says_where_to_get_it() {
    let said = Machine::complete().without("cargo").fails("setup", &[]);
    assert_eq!(said, "setup: error: cargo is missing: install Rust from https://rustup.rs and try again\n");
}

#[test]
fn setup_without_root_and_sudo_names_the_packages_to_ask_for() {
    let machine = Machine::complete().without("kcat").without("java");
    machine.command("id", "echo 1000");
    let said = machine.fails("setup", &[]);
    assert!(said.contains("neither root nor a user with sudo"), "{said}");
    assert!(said.contains("apt-get install default-jre-headless kcat\n"), "{said}");
    assert!(!machine.folder.path().join("calls").exists());
}

#[test]
fn setup_uses_sudo_where_it_is_not_root_and_installs_only_what_is_missing() {
    let machine = Machine::complete().without("kcat");
    machine.command("id", "echo 1000");
    machine.command("sudo", "echo sudo >>\"$HOME/calls\"; exec \"$@\"");
    let install = "[ \"$1\" = update ] || { echo apt-get \"$@\" >>\"$HOME/calls\"; ln=$(dirname \"$0\")/kcat; echo >\"$ln\"; chmod +x \"$ln\"; }";
    machine.command("apt-get", install);
    let (_, said) = machine.run("setup", &[]);
    assert!(said.starts_with("setup: installing Debian packages: kcat\n"), "{said}");
    let calls = fs::read_to_string(machine.folder.path().join("calls")).unwrap();
    assert_eq!(calls, "sudo\nsudo\napt-get install -y -qq --no-install-recommends kcat\n");

    let (_, said) = machine.run("setup", &[]);
    assert!(!said.contains("installing"), "{said}");
    assert_eq!(
        fs::read_to_string(machine.folder.path().join("calls")).unwrap(),
        calls,
        "a second run must install nothing"
    );
}

/// A machine on which everything that comes from Maven lies in the cache.
fn with_everything_fetched() -> Machine {
    let machine = Machine::complete();
    let rocksdb = machine.folder.path().join("cache/leadstream/rocksdb/11.8.1");
    fs::create_dir_all(&rocksdb).unwrap();
    fs::write(rocksdb.join("librocksdb.so"), "").unwrap();
    fs::create_dir_all(machine.kafka_jars()).unwrap();
    machine
}

#[test]
fn each_purpose_installs_and_fetches_what_it_needs_and_nothing_else() {
    let demo = with_everything_fetched().without("prometheus").without("shellcheck").without("mvn").without("unzip");
    assert_eq!(demo.run("setup", &["demo"]), (Some(0), String::new()));
    let said = demo.fails("setup", &["test"]);
    assert!(said.starts_with("setup: installing Debian packages: prometheus shellcheck\n"), "{said}");

    // On a Kafka that is there already.
    let build = with_everything_fetched().without("java").without("kcat").without("prometheus").without("patchelf");
    fs::remove_dir_all(build.kafka_jars()).unwrap();
    assert_eq!(build.run("setup", &["build"]), (Some(0), String::new()));
    assert!(!build.kafka_jars().exists());
    let said = build.fails("setup", &["demo"]);
    assert!(said.starts_with("setup: installing Debian packages: default-jre-headless kcat patchelf\n"), "{said}");
    let (code, said) = build.run("setup", &["everything"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("setup: error: unknown purpose everything\nusage: scripts/setup"), "{said}");
}

#[test]
fn prometheus_is_never_left_as_a_service_that_runs() {
    let machine = with_everything_fetched().without("prometheus");
    machine.command("systemctl", "echo systemctl \"$@\" >>\"$HOME/calls\"");
    let install =
        "echo apt-get \"$1\" >>\"$HOME/calls\"; new=$(dirname \"$0\")/prometheus; echo >\"$new\"; chmod +x \"$new\"";
    machine.command("apt-get", install);
    let (code, said) = machine.run("setup", &[]);
    assert_eq!(code, Some(0), "{said}");
    let calls = fs::read_to_string(machine.folder.path().join("calls")).unwrap();
    assert_eq!(
        calls,
        "systemctl mask prometheus.service\napt-get update\napt-get install\nsystemctl unmask prometheus.service\nsystemctl disable prometheus.service\n"
    );
    // Without systemd Debian enables it all the same, for one that may come.
    let machine = with_everything_fetched().without("prometheus");
    machine.command("deb-systemd-helper", "echo \"$DPKG_MAINTSCRIPT_PACKAGE $*\" >>\"$HOME/calls\"");
    machine.command("apt-get", install);
    assert_eq!(machine.run("setup", &[]).0, Some(0));
    let calls = fs::read_to_string(machine.folder.path().join("calls")).unwrap();
    assert_eq!(calls, "apt-get update\napt-get install\nprometheus disable prometheus.service\n");
    // One that was there before is somebody's, and stays as it is.
    let machine = with_everything_fetched().without("shellcheck");
    machine.command("systemctl", "echo systemctl \"$@\" >>\"$HOME/calls\"");
    machine.fails("setup", &[]);
    let calls = fs::read_to_string(machine.folder.path().join("calls")).unwrap();
    assert!(calls.starts_with("apt-get update") && !calls.contains("systemctl"), "{calls}");
}

#[test]
fn a_java_home_that_is_too_old_is_passed_over_and_named() {
    let machine = with_everything_fetched();
    let home = machine.folder.path().join("old");
    fs::create_dir_all(home.join("bin")).unwrap();
    let start = |machine: &Machine| {
        let output = machine.command_of("kafka", &["start", "--port", "1"]).env("JAVA_HOME", &home).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let java = home.join("bin/java");
    let said = start(&machine);
    let expected = format!(
        "kafka: JAVA_HOME ({}) holds no bin/java: using {}\n",
        home.display(),
        machine.bin().join("java").display()
    );
    assert!(said.starts_with(&expected), "{said}");
    fs::write(&java, "#!/bin/bash\necho 'openjdk version \"1.8.0_392\"' >&2\n").unwrap();
    fs::set_permissions(&java, fs::Permissions::from_mode(0o755)).unwrap();
    let reason = format!("JAVA_HOME ({}) is Java 8, and Apache Kafka needs 17 or later", home.display());
    let said = start(&machine);
    assert!(said.starts_with(&format!("kafka: {reason}: using ")), "{said}");
    let said = start(&machine.without("java"));
    assert!(
        said.contains(&format!("no Java 17 or later: install default-jre-headless, or set JAVA_HOME ({reason})")),
        "{said}"
    );
}

#[test]
fn a_full_disk_is_told_of_the_folder_that_lies_on_it() {
    let machine = with_everything_fetched();
    let data = machine.folder.path().join("small/data");
    machine.command(
        "df",
        "echo header; case $2 in */small/*) echo 'disk 1 1 10 99% /' ;; *) echo 'disk 1 1 999999 1% /' ;; esac",
    );
    let data = data.to_str().unwrap();
    let said = machine.fails("demo", &["--data-dir", data]);
    let expected = format!(
        "demo: error: no disk space: the demo needs 1024 MiB below {data} and 10 MiB are free; free some, or choose another folder with --data-dir\n"
    );
    assert_eq!(said, expected);
    let said = machine.fails("kafka", &["start", "--data", data, "--port", "1"]);
    assert!(said.contains(&format!("the broker needs 512 MiB below {data}")), "{said}");
}

#[test]
fn setup_says_what_apt_said_when_packages_cannot_be_had() {
    let machine = Machine::complete().without("kcat");
    machine.command("apt-get", "echo 'Could not resolve deb.debian.org'; exit 100");
    let said = machine.fails("setup", &[]);
    assert!(said.contains("Could not resolve deb.debian.org\n"), "{said}");
    assert!(said.contains("the packages could not be installed (network?"), "{said}");
}

#[test]
fn setup_says_that_a_java_is_too_old_where_debian_has_no_newer() {
    let machine = Machine::complete();
    machine.command("java", "echo 'openjdk version \"11.0.2\"' >&2");
    let said = machine.fails("setup", &[]);
    assert!(
        said.contains("still missing after installing: default-jre-headless; Apache Kafka needs Java 17 or later"),
        "{said}"
    );
}

#[test]
fn setup_on_a_full_disk_says_how_much_is_needed_before_it_begins() {
    let machine = Machine::complete();
    machine.command("df", "echo header; echo 'disk 1 1 10 99% /'");
    let said = machine.fails("setup", &[]);
    assert!(said.contains("no disk space: the first build needs 8192 MiB below"), "{said}");
    assert!(said.contains("and 10 MiB are free"), "{said}");
}

#[test]
fn a_fetch_that_was_cut_short_leaves_nothing_that_looks_whole_and_the_next_run_repairs_it() {
    let machine = Machine::complete();
    let offline = machine.folder.path().join("offline");
    fs::write(&offline, "").unwrap();
    let said = machine.fails("setup", &[]);
    assert!(said.contains("Unknown host\n"), "{said}");
    assert!(said.contains("Apache Kafka could not be fetched from Maven (network?"), "{said}");
    assert!(!machine.kafka_jars().exists());

    fs::remove_file(offline).unwrap();
    let said = machine.fails("setup", &[]);
    let jars: Vec<_> = fs::read_dir(machine.kafka_jars()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(jars.iter().any(|name| name == "kafka_2.13-4.3.0.jar"), "{jars:?}");
    assert!(!jars.iter().any(|name| name == "half.jar"), "{jars:?}");
    // This machine's unzip unpacks nothing, so the library is not the expected one.
    assert!(said.contains("librocksdbjni-linux64.so is not the file that was expected; nothing was kept"), "{said}");
    assert!(!machine.folder.path().join("cache/leadstream/rocksdb/11.8.1/librocksdb.so").exists());
}

/// A machine on which `scripts/test` finds everything in place, with one test program for each of these shell scripts.
fn with_test_programs(scripts: &[&str]) -> Machine {
    let machine = Machine::complete();
    let cache = machine.folder.path().join("cache/leadstream");
    fs::create_dir_all(machine.kafka_jars()).unwrap();
    fs::create_dir_all(cache.join("rocksdb/11.8.1")).unwrap();
    fs::write(cache.join("rocksdb/11.8.1/librocksdb.so"), "").unwrap();
    fs::create_dir_all(cache.join("target/debug")).unwrap();
    symlink(env!("CARGO_BIN_EXE_run-tests"), cache.join("target/debug/run-tests")).unwrap();
    // What cargo says of a build: the programs, and other things that are none.
    let mut said = String::from("{\"reason\":\"build-script-executed\",\"package_id\":\"x\"}\n");
    for (number, script) in scripts.iter().enumerate() {
        let name = format!("program-{number}");
        machine.command(&name, script);
        for (test, executable) in [(false, machine.bin().join("no-such-program")), (true, machine.bin().join(&name))] {
            let manifest = machine.folder.path().join("Cargo.toml");
            let message = serde_json::json!({
                "reason": "compiler-artifact", "manifest_path": manifest, "executable": executable,
                "target": { "name": name, "kind": ["test"] }, "profile": { "test": test },
            });
            said += &format!("{message}\n");
        }
    }
    fs::write(machine.folder.path().join("said"), said).unwrap();
    machine.command("cargo", "[ \"$1\" != build ] || cat \"$HOME/said\"; echo cargo \"$@\" >>\"$HOME/cargo-calls\"");
    machine
}

#[test]
fn a_test_program_that_fails_is_told_with_all_it_said_and_fails_the_whole() {
    let failing = "echo it is wrong here; echo and there >&2; exit 101";
    let crashing = "echo going; kill -SEGV $$";
    let machine = with_test_programs(&["exit 0", failing, "echo nobody asks; exit 0", crashing]);
    let output = machine.command_of("test", &[]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("program-1 (exit status: 101):\nit is wrong here\nand there\n"), "{told}");
    assert!(told.contains("program-3 (signal: 11 (SIGSEGV)") && told.contains("going\n"), "{told}");
    let (_, summary) = told.split_once("2 of 4 test programs failed").unwrap();
    assert!(summary.contains("program-1\n") && summary.contains("program-3\n"), "{told}");
    assert!(told.contains("program-0\n") && !told.contains("nobody asks"), "{told}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains("all is well"));

    let machine = with_test_programs(&["exit 0", "echo quiet; echo SKIPPED disk: no right to mount >&2; exit 0"]);
    let output = machine.command_of("test", &[]).output().unwrap();
    let (told, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(told.contains("  SKIPPED disk: no right to mount\n") && !told.contains("quiet"), "{told}");
    assert!(said.contains("all is well"), "{said}");
}

#[test]
fn tests_that_could_not_be_started_or_found_are_no_success() {
    let machine = with_test_programs(&["exit 0", "exit 0"]);
    fs::remove_file(machine.bin().join("program-1")).unwrap();
    let (code, said) = machine.run("test", &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("run-tests: error: starting ") && said.contains("program-1: No such file"), "{said}");
    let (code, said) = with_test_programs(&[]).run("test", &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("names no test program"), "{said}");
    for failing in ["build", "test", "clippy", "fmt"] {
        let machine = with_test_programs(&["exit 0"]);
        machine.command("cargo", &format!("[ \"$1\" != build ] || cat \"$HOME/said\"; [ \"$1\" != {failing} ]"));
        let (code, said) = machine.run("test", &[]);
        assert!(code == Some(1) && !said.contains("all is well"), "{failing}: {code:?} {said}");
    }
}

#[test]
fn whatever_stops_the_tests_stops_the_programs() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let machine = with_test_programs(&[&format!("echo $$ >'{}'; exec sleep 1000", pid_file.display())]);
    let mut running =
        Command::new(env!("CARGO_BIN_EXE_run-tests")).arg(machine.folder.path().join("said")).spawn().unwrap();
    let pid = loop {
        match fs::read_to_string(&pid_file).unwrap_or_default().trim().parse::<u32>() {
            Ok(pid) => break pid,
            Err(_) => assert!(running.try_wait().unwrap().is_none(), "it ended before its program began"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    let id = rustix::process::Pid::from_raw(running.id().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(128 + 15));
    assert!(!Path::new("/proc").join(pid.to_string()).exists(), "the program goes on");
}

#[test]
fn a_part_of_the_tests_is_left_to_cargo() {
    let machine = with_test_programs(&["exit 1"]);
    let (code, said) = machine.run("test", &["-p", "leadstream-core"]);
    assert_eq!(code, Some(0), "{said}");
    let calls = fs::read_to_string(machine.folder.path().join("cargo-calls")).unwrap();
    assert!(calls.ends_with("cargo test --locked --no-fail-fast -p leadstream-core\n"), "{calls}");
}

#[test]
fn a_broker_without_java_or_with_a_taken_port_says_so() {
    let machine = Machine::complete();
    fs::create_dir_all(machine.kafka_jars()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let said = machine.fails("kafka", &["start", "--port", &port]);
    assert!(said.contains(&format!("port {port} of 127.0.0.1 is in use by another program")), "{said}");

    let said = machine.without("java").fails("kafka", &["start", "--port", &port]);
    assert!(said.contains("no Java 17 or later: install default-jre-headless, or set JAVA_HOME"), "{said}");
}

#[test]
fn a_demo_that_cannot_run_says_so_before_anything_is_installed_or_built() {
    let machine = Machine::complete();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let said = machine.fails("demo", &["--port", &address.port().to_string()]);
    let expected = format!(
        "demo: error: port {} of 127.0.0.1 is in use: choose another with --port, or use the Kafka that runs there with --bootstrap {address}\n",
        address.port()
    );
    assert_eq!(said, expected);
    let said = machine.fails("demo", &["--bootstrap", "127.0.0.1:1"]);
    assert_eq!(said, "demo: error: nothing answers at 127.0.0.1:1: is Kafka running there?\n");
    let said = machine.fails("demo", &["--bootstrap", "localhost"]);
    assert_eq!(said, "demo: error: --bootstrap wants HOST:PORT, not 'localhost'\n");
    for port in ["abc", "0", "99999"] {
        let said = machine.fails("demo", &["--port", port]);
        assert_eq!(said, format!("demo: error: --port wants a number from 1 to 65534, not '{port}'\n"));
    }
    let (code, said) = machine.run("demo", &["--speed", "9"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("demo: error: unknown option --speed\nusage: scripts/demo"), "{said}");
}
