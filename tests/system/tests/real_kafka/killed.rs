//! kill -9 at random instants: whatever it hits, readers see what one run without failures would have told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use leadstream_system::{Application, Chance, PARTITIONS, assert_same, restored};
use leadstream_test_support::topics::{self, OpenRecords};
use leadstream_test_support::{Broker, NewRecord, Process};

const LIMIT: Duration = Duration::from_secs(60);
const KILLS: usize = 20;
/// So often a process is looked at for an open transaction.
const TRIES: usize = 25;
/// Records that are written at once while the killing goes on.
const PORTION: usize = 100;

/// Writes records in small portions with pauses, and once told to hurry the rest at once.
fn write_slowly(application: &Application, records: &[NewRecord], pause: Duration, hurry: &AtomicBool) {
    let everything = AtomicUsize::new(records.len());
    write_up_to(application, records, PORTION, pause, &everything, hurry);
}

/// The same, never more than it is allowed to.
fn write_up_to(
    application: &Application,
    records: &[NewRecord],
    portion: usize,
    pause: Duration,
    allowed: &AtomicUsize,
    hurry: &AtomicBool,
) {
    let mut written = 0;
    while written < records.len() && !hurry.load(Ordering::Relaxed) {
        let to = (written + portion).min(records.len()).min(allowed.load(Ordering::Relaxed));
        if to > written {
            application.write(&records[written..to]);
            written = to;
        }
        std::thread::sleep(pause);
    }
    println!("{} of {} records were written in a hurry", records.len() - written, records.len());
    application.write(&records[written..]);
}

/// What a process had in hand when it was killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InHand {
    /// Offsets of its topics in transactions that were open.
    open: i64,
    /// Offsets of its input that were not committed.
    behind: i64,
    /// Tasks that it had restored.
    tasks: usize,
}

/// Looks at the work of processes that stand still.
struct Work<'a> {
    application: &'a Application,
    written: Vec<OpenRecords>,
}

impl Work<'_> {
    fn of(application: &Application) -> Work<'_> {
        let bootstrap = Broker::shared().bootstrap();
        let topics = ["redo", "contacts-changelog", "interactions", "qualifications", "stages"];
        let open = |name| OpenRecords::of(&bootstrap, &application.topic(name), PARTITIONS).unwrap();
        Work { application, written: topics.map(open).into() }
    }

    /// Stops a process where it stands and looks.
    fn suspend(&self, process: &Process) -> InHand {
        process.suspend().unwrap();
        // What it had sent before may still be on its way through the broker.
        std::thread::sleep(Duration::from_millis(20));
        let open = self.written.iter().map(|topic| topic.count().unwrap()).sum();
        let application = self.application;
        let behind = topics::uncommitted_input(&Broker::shared().bootstrap(), &application.id, &application.source());
        InHand { open, behind: behind.unwrap(), tasks: restored(&process.output()) }
    }

    /// Stops a process at random instants until it stands in the middle of a transaction, or has had enough tries.
    fn suspend_in_transaction(&self, process: &Process, chance: &mut Chance) -> InHand {
        for _ in 0..TRIES {
            chance.pause(40);
            let in_hand = self.suspend(process);
            if in_hand.open > 0 {
                return in_hand;
            }
            process.resume().unwrap();
        }
        self.suspend(process)
    }
}

#[test]
fn twenty_kills_at_random_instants_change_nothing_that_is_told_l2() {
    let (application, input, expected) = Application::for_orders(Broker::shared(), "killed-often", false);
    let (work, mut chance) = (Work::of(&application), Chance::new());
    let (enough, allowed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut killed = Vec::new();
    // Input comes all the time: one half of a process's share while it starts, the other while it is at work.
    let share = input.records.len() / KILLS;
    std::thread::scope(|scope| {
        scope.spawn(|| write_up_to(&application, &input.records, 30, Duration::from_millis(15), &allowed, &enough));
        for number in 0..KILLS {
            allowed.store(number * share + share / 2, Ordering::Relaxed);
            let mut process = application.begin(&["run", "--set", "engine.commit_interval=20ms"]);
            let in_hand = if number % 4 == 3 {
                // In its start, its restore, or not far behind.
                chance.pause(1_200);
                work.suspend(&process)
            } else {
                application.await_restored(&mut process);
                allowed.store((number + 1) * share, Ordering::Relaxed);
                if number % 2 == 0 {
                    work.suspend_in_transaction(&process, &mut chance)
                } else {
                    chance.pause(250);
                    work.suspend(&process)
                }
            };
            process.kill().unwrap();
            killed.push(in_hand);
            if number % 2 == 1 {
                let _ = std::fs::remove_dir_all(application.path("state"));
            }
        }
        enough.store(true, Ordering::Relaxed);
    });
    let hit = |what: fn(&InHand) -> bool| killed.iter().filter(|in_hand| what(in_hand)).count();
    let (open, working) =
        (hit(|in_hand| in_hand.open > 0), hit(|in_hand| in_hand.tasks > 0 && in_hand.open + in_hand.behind > 0));
    println!("{working} kills hit work in progress, {open} of them an open transaction: {killed:?}");
    assert!(working >= KILLS / 2 && open >= KILLS / 4, "too few kills hit anything: {killed:?}");
    let process = application.start();
    application.write(&input.end);
    application.derived(expected.len(), LIMIT);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    assert_same(&application.derived_now(), &expected);
    application.assert_scores_are_replayed();
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
    application.assert_scores_are_replayed();
}
