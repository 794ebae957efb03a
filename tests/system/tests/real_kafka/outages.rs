//! What surrounds the process fails or tells it to go: brokers that are away, a stop in order, a disk that is full.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use leadstream_system::{Application, Chance, Figures, Input, assert_same};
use leadstream_test_support::{Broker, BrokerOptions, Process, leadstream_binary, topics};

const LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Names the wish that a test which cannot prove anything here fails.
const PROVE_ALL: &str = "TEST_PROVE_ALL";

/// How often a process said something.
fn said(process: &Process, words: &str) -> usize {
    process.output().matches(words).count()
}

#[test]
fn a_broker_that_goes_away_is_waited_for_and_nothing_is_lost_l2() {
    Broker::killed_in(goes_away);
}

fn goes_away(broker: &Broker) {
    let (application, input, expected) = Application::for_orders(broker, "outage", false);
    let mut chance = Chance::new();
    let mut process = application.start();
    application.await_restored(&mut process);
    let mut parts = input.records.chunks(input.records.len().div_ceil(3));
    application.write(parts.next().unwrap());
    chance.pause(400);
    broker.kill().unwrap();
    application.await_log(&mut process, |log| log.contains("cannot be reached, waiting for them"));
    chance.pause(1_500);
    broker.restart().unwrap();
    application.write(parts.next().unwrap());
    application.await_log(&mut process, |log| log.contains("the kafka brokers are back"));
    chance.pause(1_500);
    broker.stop().unwrap();
    chance.pause(1_500);
    broker.restart().unwrap();
    application.write(parts.next().unwrap());
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    let (gone, back) = ("the kafka brokers cannot be reached", "the kafka brokers are back");
    application.await_log(&mut process, |log| log.matches(gone).count() == log.matches(back).count());
    // Once for each outage and not once for each try, of which there is one each second; a broker that has just started may be silent again.
    assert!((1..=4).contains(&said(&process, gone)), "{}", process.output());
    // Whatever the cause, no line comes again and again.
    let warnings = said(&process, "\"WARN\"");
    assert!(warnings <= 20, "{warnings} warnings: {}", process.output());
    assert!(!process.has_ended().unwrap(), "{}", process.output());
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    assert_same(&application.derived_now(), &expected);
}

/// As behind a network that is cut without a word: sessions and transactions time out, and no connection breaks.
#[test]
fn a_broker_that_stands_still_for_longer_than_a_session_costs_nothing_but_time_l2() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let (application, input, expected) = Application::for_orders(&broker, "still", false);
    let mut process = application.start();
    application.await_restored(&mut process);
    let (first, second) = input.records.split_at(input.records.len() / 2);
    application.write(first);
    Chance::new().pause(1_500);
    broker.suspend().unwrap();
    std::thread::sleep(Duration::from_secs(14));
    broker.resume().unwrap();
    topics::await_leaders(&broker.bootstrap(), &application.source(), LIMIT).unwrap();
    application.write(second);
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert!(!process.has_ended().unwrap(), "{}", process.output());
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    assert_same(&application.derived_now(), &expected);
}

/// As on a machine that is put to sleep, or moved to another one: the cluster has given the process up long before it goes on.
#[test]
fn a_process_that_stood_still_for_longer_than_a_session_and_a_transaction_goes_on_l2() {
    let (application, input, expected) = Application::for_orders(Broker::shared(), "asleep", false);
    let mut process = application.start();
    application.await_restored(&mut process);
    let (first, second) = input.records.split_at(input.records.len() / 2);
    application.write(first);
    Chance::new().pause(1_500);
    process.suspend().unwrap();
    std::thread::sleep(Duration::from_secs(20));
    process.resume().unwrap();
    application.write(second);
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert!(!process.has_ended().unwrap(), "{}", process.output());
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    assert_same(&application.derived_now(), &expected);
}

#[test]
fn a_broker_that_is_away_at_the_start_is_waited_for_and_whoever_asks_is_told_l2() {
    Broker::killed_in(away_at_the_start);
}

fn away_at_the_start(broker: &Broker) {
    let (application, input, expected) = Application::for_orders(broker, "away", false);
    application.write(&input.all());
    broker.stop().unwrap();
    let mut process = application.start();
    let address = application.listening(&mut process);
    let gone = "the kafka brokers cannot be reached, waiting for them";
    application.await_log(&mut process, |log| log.contains(gone));
    assert_eq!(application.ask(&address, "/health/live"), (200, "live\n".to_owned()));
    // What is wrong is known once a connection was refused.
    let is_told = || application.ask(&address, "/health/ready").1.contains("which does not answer");
    let began = std::time::Instant::now();
    while !is_told() {
        assert!(began.elapsed() < LIMIT, "{:?}", application.ask(&address, "/health/ready"));
        std::thread::sleep(Duration::from_millis(100));
    }
    let (status, told) = application.ask(&address, "/health/ready");
    let waits = format!("\"ready\":false,\"waiting_for\":\"Kafka at {}, which does not answer: ", broker.bootstrap());
    assert!(status == 503 && told.contains(&waits) && told.contains("onnect"), "{told}");
    assert!(Figures::read(&address).has("leadstream_memory_budget_bytes"));
    assert_eq!(application.ask(&address, "/v1/contacts/c1").0, 503);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(said(&process, gone), 1, "{}", process.output());
    broker.restart().unwrap();
    application.await_restored(&mut process);
    application.derived(expected.len(), LIMIT);
    assert_eq!(application.ask(&address, "/health/ready").0, 200);
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    assert_same(&application.derived_now(), &expected);
}

/// The changelog and redo records that a start read, and the process.
fn restart(application: &Application) -> (u64, Process) {
    let mut process = application.start();
    application.await_restored(&mut process);
    let figures = Figures::read(&application.address(&mut process));
    (figures.sum("leadstream_restored_records_total"), process)
}

#[test]
fn a_stop_in_order_takes_less_than_five_seconds_and_leaves_only_a_tail_to_restore_l2() {
    let (application, input, expected) = Application::for_orders(Broker::shared(), "stopped", false);
    let mut chance = Chance::new();
    let parts = input.records.chunks(input.records.len().div_ceil(4));
    for part in parts {
        let (_, process) = restart(&application);
        application.write(part);
        chance.pause(600);
        let ended = process.terminate(STOP_LIMIT).unwrap();
        assert_eq!(ended.code(), Some(0));
    }
    let (_, process) = restart(&application);
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    assert_same(&application.derived_now(), &expected);
    let count = |topic| application.settled(topic).len() as u64;
    // Each is counted before the start that is held against it: that start's stop writes more of the one and trims the other.
    let redo = count("redo");
    let (tail, process) = restart(&application);
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    std::fs::remove_dir_all(application.path("state")).unwrap();
    let changelog = count("contacts-changelog");
    let (whole, process) = restart(&application);
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    println!(
        "{tail} records restored after a stop in order, {redo} were in redo; {whole} without local state, {changelog} in the changelog"
    );
    // What is left of the redo topic is always read; of the changelog only what the store does not have.
    assert!(tail <= redo, "{tail} records restored, {redo} in redo");
    assert!(changelog > 0 && whole >= changelog, "{whole} records restored, {changelog} in the changelog");
    assert_same(&application.derived_now(), &expected);
}

/// How a process is given mounts of its own. In a chroot the first is refused; there the second may show what is mounted to everybody.
const WAYS_TO_MOUNT: [&[&str]; 2] = [&["--mount"], &["--mount", "--propagation", "unchanged"]];

/// A shell that has a small file system of its own as `state`, and then is the process. `None` where the machine does not let us.
fn on_a_small_disk(application: &Application) -> Option<Command> {
    let state = application.path("state");
    let shell = |way: &[&str], script: &str, more: &[&Path]| {
        let mut command = Command::new("unshare");
        command.args(way).args(["sh", "-c"]);
        command.arg(format!("mount -t tmpfs -o size=1m leadstream-test \"$1\" && {script}"));
        command.arg("sh").arg(&state).args(more).current_dir(application.folder.path());
        command
    };
    std::fs::create_dir_all(&state).expect("a folder can be made");
    let mut reason = String::new();
    for way in WAYS_TO_MOUNT {
        let tried = shell(way, "true", &[]).output().expect("unshare can be started");
        take_away(&state);
        if tried.status.success() {
            return Some(shell(way, "exec \"$2\" run", &[leadstream_binary()]));
        }
        reason += &String::from_utf8_lossy(&tried.stderr).replace('\n', "; ");
    }
    // Where everything is to be proven, nothing is left out because of how the machine was set up.
    let must = std::env::var_os(PROVE_ALL).is_some() || may_mount();
    assert!(!must, "a small disk cannot be mounted, though this may mount or {PROVE_ALL} is set: {reason}");
    say_skipped("a_full_disk_is_named_and_nothing_is_lost", &format!("a small disk cannot be mounted: {reason}"));
    None
}

/// Takes a mount away that is seen here as well.
fn take_away(folder: &Path) {
    // Mostly there is none, which is what it says then.
    let _ = Command::new("umount").arg(folder).output();
}

/// Whether this process has the right to mount (CAP_SYS_ADMIN), as root has outside of containers.
fn may_mount() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    rights.is_some_and(|rights| rights & (1 << CAP_SYS_ADMIN) != 0)
}

/// Says that a test proves nothing here. The harness would keep what is printed to itself, as the test does not fail.
fn say_skipped(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why} (set {PROVE_ALL} to have that fail)\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let input = Input::orders(true);
    let application = Application::of(Broker::shared(), "full-disk", &input.setup);
    let Some(mut command) = on_a_small_disk(&application) else { return };
    let expected = application.expected(&input);
    let mut process = application.spawn(&mut command);
    application.await_restored(&mut process);
    // Something else takes all the room. The process sees the small disk where we see its folder, so it is reached through the process.
    let state = application.path("state");
    let seen = Path::new("/proc").join(process.id().to_string()).join("root").join(state.strip_prefix("/").unwrap());
    let mut filler = std::fs::File::create(seen.join("filler")).unwrap();
    while filler.write_all(&[7; 4096]).is_ok() {}
    application.write(&input.records);
    let ended = process.wait(LIMIT).unwrap();
    let said = std::fs::read_to_string(application.path("log-0")).unwrap();
    println!("{ended}: {said}");
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("no disk space left for store") && said.contains("free some and start again"), "{said}");
    // The reason is for whatever reads the log, to which every line is an object.
    let mut lines =
        said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of the log is JSON"));
    let last = lines.next_back().expect("something was said");
    assert_eq!(last["level"], "ERROR", "{last}");
    assert!(last["message"].as_str().is_some_and(|message| message.contains("no disk space left")), "{last}");
    take_away(&state);
    // On a disk with room.
    let process = application.start();
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    assert_same(&application.derived_now(), &expected);
}
