//! kill -9 at random instants: whatever it hits, readers see what one run without failures would have told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use leadstream_system::{Application, Chance, PARTITIONS, assert_same, restored};
use leadstream_test_support::topics::OpenRecords;
use leadstream_test_support::{Broker, NewRecord, Process};

const LIMIT: Duration = Duration::from_secs(60);
const KILLS: usize = 20;
/// Records that are written at once while the killing goes on.
const PORTION: usize = 100;

/// Writes records in small portions with pauses, and once told to hurry the rest at once.
fn write_slowly(application: &Application, records: &[NewRecord], pause: Duration, hurry: &AtomicBool) {
    let mut rest = records;
    while !rest.is_empty() && !hurry.load(Ordering::Relaxed) {
        let (portion, behind) = rest.split_at(PORTION.min(rest.len()));
        application.write(portion);
        rest = behind;
        std::thread::sleep(pause);
    }
    println!("{} of {} records were written in a hurry", rest.len(), records.len());
    application.write(rest);
}

#[test]
fn twenty_kills_at_random_instants_change_nothing_that_is_told_l2() {
    let (application, input, expected) = Application::for_orders(Broker::shared(), "killed-often", false);
    let mut chance = Chance::new();
    let enough = AtomicBool::new(false);
    let mut at_work = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| write_slowly(&application, &input.records, Duration::from_millis(100), &enough));
        for number in 0..KILLS {
            let mut process = application.begin(&["run", "--set", "engine.commit_interval=20ms"]);
            if number % 4 == 3 {
                // In its start, its restore, or not far behind.
                chance.pause(1_200);
            } else {
                application.await_restored(&mut process);
                chance.pause(250);
            }
            at_work += usize::from(restored(&process.output()) > 0);
            process.kill().unwrap();
            if number % 2 == 1 {
                let _ = std::fs::remove_dir_all(application.path("state"));
            }
        }
        enough.store(true, Ordering::Relaxed);
    });
    println!("{at_work} kills hit a process that scored, {} records were aborted", application.uncommitted());
    let process = application.start();
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    assert_same(&application.derived_now(), &expected);
}

#[test]
fn a_transaction_that_was_cut_off_shows_nothing_l2() {
    let (application, input, expected) = Application::for_orders(Broker::shared(), "cut-off", true);
    let mut chance = Chance::new();
    application.write(&input.records);
    // Every changed contact is written in its own commit, and every record in its own request: transactions are long.
    let slow = ["run", "--set", "engine.write_back.age=0s", "--set", "kafka.producer={batch.num.messages: 1}"];
    let mut process = application.begin(&slow);
    application.await_restored(&mut process);
    let bootstrap = Broker::shared().bootstrap();
    let open = OpenRecords::of(&bootstrap, &application.topic("contacts-changelog"), PARTITIONS).unwrap();
    let began = Instant::now();
    loop {
        chance.pause(60);
        process.suspend().unwrap();
        // What it had sent before may still be on its way through the broker.
        std::thread::sleep(Duration::from_millis(20));
        let count = open.count().unwrap();
        if count > 0 {
            println!("killed with {count} records in the open");
            break;
        }
        process.resume().unwrap();
        assert!(began.elapsed() < LIMIT, "no transaction was met");
        assert!(!process.has_ended().unwrap(), "{}", process.output());
    }
    let before = application.derived_now();
    process.kill().unwrap();
    let process = application.start();
    application.write(&input.end);
    let read = application.derived(expected.len(), LIMIT);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    application.settled("contacts-changelog");
    assert!(application.uncommitted() > 0, "what was cut off is gone without a trace, so nothing was proven");
    assert_same(&application.derived_now(), &expected);
    assert!(before.len() < read.len() && before.iter().all(|event| expected.contains(event)));
}

/// One instance of two.
fn instance(application: &Application, name: &str) -> Process {
    application.instance(name, &[("kafka.consumer", "{session.timeout.ms: 6000}")])
}

#[test]
fn two_instances_of_which_one_is_killed_and_comes_back_tell_what_one_would_l2() {
    let (application, input, expected) = Application::for_orders(Broker::shared(), "two-instances", false);
    let mut chance = Chance::new();
    let hurry = AtomicBool::new(false);
    let (mut one, two) = std::thread::scope(|scope| {
        scope.spawn(|| write_slowly(&application, &input.records, Duration::from_millis(60), &hurry));
        let mut one = instance(&application, "one");
        let mut two = instance(&application, "two");
        application.await_tasks(&mut one, 1);
        application.await_tasks(&mut two, 1);
        chance.pause(1_000);
        two.kill().unwrap();
        // Once back before anybody missed it, once after the other has taken its tasks over.
        let mut two = instance(&application, "two");
        application.await_tasks(&mut two, 1);
        chance.pause(500);
        two.kill().unwrap();
        application.await_tasks(&mut one, PARTITIONS as u64);
        chance.pause(500);
        let mut two = instance(&application, "two");
        application.await_tasks(&mut two, 1);
        hurry.store(true, Ordering::Relaxed);
        (one, two)
    });
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert!(!one.has_ended().unwrap(), "{}", one.output());
    // The group has assigned anew a few times under commits on their way, which is no trouble.
    let said = one.output();
    let troubles = said.lines().filter(|line| line.contains("\"WARN\"") && line.contains("membership is outdated"));
    assert_eq!(troubles.count(), 0, "{said}");
    assert!(one.terminate(Duration::from_secs(5)).unwrap().success());
    assert!(two.terminate(Duration::from_secs(5)).unwrap().success());
    assert_same(&application.derived_now(), &expected);
}
