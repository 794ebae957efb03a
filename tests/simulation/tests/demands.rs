//! What the commit protocol demands, one by one: each test breaks something and sees that nothing is lost. What stops a worker is in `stops.rs`.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::mpsc::channel;
use std::time::Duration;

use leadstream_core::{Contact, Timestamp};
use leadstream_runtime::log::model::{Call, Fate, Fault, Scripted};
use leadstream_runtime::log::{
    Destination, Log, OutputRecord, Producer, ProducerOptions, TopicIndex, TopicPartition, partition_for_key,
};
use leadstream_runtime::{Lifecycle, Query, QueryAnswer, QueryRefusal, Readiness};
use leadstream_simulation::{Plans, Settings, World, event_line, expected, plans};

fn world_with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    change(&mut settings);
    let mut world = World::new(1, settings, 2);
    world.start(0, true).unwrap();
    world
}

fn world() -> World {
    world_with(|_| {})
}

fn restart(world: &mut World, keeps_store: bool) {
    world.kill(0);
    world.start(0, keeps_store).unwrap();
}

fn check_told(world: &World) {
    let expected = expected(&plans(Plans::Timeless), world.produced(), Timestamp::MIN);
    assert!(!expected.told.is_empty());
    assert_eq!(world.told().derived, expected.told);
}

fn ask(world: &mut World, contact: &str) -> Result<QueryAnswer, QueryRefusal> {
    let (reply, answer) = channel();
    assert!(world.handle(0).unwrap().ask(Query { contact: contact.to_owned(), reply }));
    world.step(0).unwrap();
    answer.try_recv().unwrap()
}

fn commits(world: &World, result: &str) -> u64 {
    world.metrics.commits.with_label_values(&[result]).get()
}

#[test]
fn contacts_give_up_memory_when_they_are_told_to_and_take_it_again() {
    let mut world = world_with(|settings| settings.contacts_bytes = 10_000_000);
    let visit = |world: &mut World, round: u64| {
        for number in 0..100 {
            let contact = format!("c{number}");
            let line = event_line(&contact, &format!("e{round}-{number}"), "bought", world.log.now_ms());
            world.produce(&contact, &line);
        }
        world.settle(0).unwrap();
        // What is idle is written back, and the figures follow.
        for _ in 0..200 {
            world.pass(20);
            world.step(0).unwrap();
        }
        let cached = |task: &str| world.metrics.cached_contacts.with_label_values(&[task]).get();
        cached("0") + cached("1")
    };
    assert_eq!(visit(&mut world, 0), 100);
    // A thousandth of it has room for a few.
    world.handle(0).unwrap().share_contacts(1);
    let left = visit(&mut world, 1);
    assert!((1..50).contains(&left), "{left} contacts are in memory");
    world.handle(0).unwrap().share_contacts(1_000);
    assert_eq!(visit(&mut world, 2), 100);
    check_told(&world);
}

#[test]
fn a_step_that_takes_too_long_ends_although_there_is_more_to_fold() {
    // Each look at the clock takes as long as most of an epoch, and one is taken behind every 256 records.
    let mut world = world_with(|settings| (settings.read_records, settings.tick_ms) = (10_000, 40));
    world.settle(0).unwrap();
    let before = commits(&world, "committed");
    world.produce_events(0, 6_000);
    world.settle(0).unwrap();
    let made = commits(&world, "committed") - before;
    assert!(made >= 4, "6,000 records were folded in {made} commits");
    check_told(&world);
}

#[test]
fn tasks_with_much_to_fold_get_on_evenly() {
    let mut world = world_with(|settings| (settings.read_records, settings.tick_ms) = (20_000, 10));
    world.settle(0).unwrap();
    let tasks = [0, 1].map(|task| TopicPartition::new("events", task));
    let begun = world.log.committed("scoring", &tasks).unwrap();
    let begun: Vec<u64> = begun.iter().map(|offset| offset.as_ref().map_or(0, |offset| offset.next_offset)).collect();
    world.produce_events(0, 12_000);
    let mut seen = 0;
    for _ in 0..200 {
        world.step(0).unwrap();
        let offsets = world.log.committed("scoring", &tasks).unwrap();
        let done: Vec<u64> = offsets
            .iter()
            .zip(&begun)
            .map(|(offset, begun)| offset.as_ref().map_or(0, |o| o.next_offset) - begun)
            .collect();
        if done.iter().all(|done| *done < 5_000) {
            assert!(done[0].abs_diff(done[1]) <= 256, "one task folded {} records, the other {}", done[0], done[1]);
            seen += usize::from(done[0] > 0);
        }
    }
    assert!(seen > 2, "everything was folded in one commit");
    check_told(&world);
}

#[test]
fn slow_commits_leave_as_much_time_to_fold_as_they_take() {
    // A batch of 256 records takes twenty milliseconds; an epoch of the usual length has room for a few.
    let mut world = world_with(|settings| (settings.read_records, settings.tick_ms) = (20_000, 10));
    world.settle(0).unwrap();
    let before = commits(&world, "committed");
    world.crash_plan(0).commits_take(400);
    world.produce_events(0, 12_000);
    world.settle(0).unwrap();
    let made = commits(&world, "committed") - before;
    assert!((2..6).contains(&made), "12,000 records, whose folding takes a second, were folded in {made} commits");
    check_told(&world);
}

#[test]
fn a_restart_goes_on_with_the_store_kept_and_with_the_store_deleted() {
    for keeps_store in [true, false] {
        let mut world = world();
        for round in 0..4 {
            world.produce_events(round * 20, 20);
            world.settle(0).unwrap();
            restart(&mut world, keeps_store);
        }
        world.settle(0).unwrap();
        check_told(&world);
        world.check_offsets();
    }
}

#[test]
fn a_commit_of_unknown_outcome_is_settled_without_a_restore() {
    for fate in [Fate::Applied, Fate::Lost, Fate::Delayed] {
        let mut world = world();
        world.produce_events(0, 20);
        world.settle(0).unwrap();
        let restored = world.metrics.restored_records.get();
        world.log.script(Scripted::next(Call::Commit, Fault::Unknown(fate)));
        world.produce_events(20, 20);
        world.settle(0).unwrap();
        assert_eq!((world.log.scripted_left(), commits(&world, "unknown")), (0, 1));
        assert_eq!(world.metrics.restored_records.get(), restored, "{fate:?}");
        check_told(&world);
        world.check_offsets();
    }
}

#[test]
fn an_aborted_epoch_is_undone_in_memory_and_folded_again() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    let restored = world.metrics.restored_records.get();
    world.log.script(Scripted::next(Call::Commit, Fault::Refused).times(3));
    world.produce_events(20, 20);
    world.settle(0).unwrap();
    assert_eq!(commits(&world, "aborted"), 3);
    assert_eq!(world.metrics.restored_records.get(), restored);
    check_told(&world);
}

#[test]
fn an_epoch_that_was_undone_and_not_folded_again_leaves_its_input_uncommitted() {
    let mut world = world_with(|settings| settings.write_back_ms = 2_000);
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    // The epoch is undone, nothing can be read, and contacts of earlier epochs are written back meanwhile.
    world.log.script(Scripted::next(Call::Commit, Fault::Refused));
    world.produce_events(20, 20);
    let written = world.metrics.written_back.get();
    while commits(&world, "aborted") == 0 {
        world.pass(20);
        world.step(0).unwrap();
    }
    world.log.script(Scripted::next(Call::Read, Fault::Unavailable).times(300));
    for _ in 0..200 {
        world.pass(20);
        world.step(0).unwrap();
    }
    assert!(world.metrics.written_back.get() > written);
    world.log.clear_faults();
    restart(&mut world, true);
    world.settle(0).unwrap();
    check_told(&world);
}

#[test]
fn an_outdated_token_commits_nothing_and_the_worker_waits_for_its_assignment() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.log.script(Scripted::next(Call::Commit, Fault::Outdated));
    world.produce_events(20, 20);
    world.settle(0).unwrap();
    assert_eq!(commits(&world, "aborted"), 1);
    check_told(&world);
}

#[test]
fn an_assignment_that_comes_while_an_outcome_is_found_out_is_heard() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    // The token is outdated, what became of the abort is unknown, and the group speaks before that is found out; it does not speak again.
    world.log.script(Scripted::next(Call::Commit, Fault::Outdated));
    world.log.script(Scripted::next(Call::Abort, Fault::Unknown(Fate::Applied)));
    world.log.script(Scripted::next(Call::Open, Fault::Unavailable).times(5));
    world.produce_events(20, 20);
    world.settle(0).unwrap();
    assert_eq!((world.log.scripted_left(), commits(&world, "aborted")), (0, 1));
    check_told(&world);
}

#[test]
fn a_process_killed_at_any_moment_of_its_commits_loses_nothing_and_repeats_nothing() {
    let mut moment = 0;
    loop {
        // Written back at once, so that state records and scorecards are among what each transaction holds.
        let mut world = world_with(|settings| settings.write_back_ms = 0);
        world.produce_events(0, 4);
        world.crash_plan(0).after(moment);
        let mut rounds = 0;
        while world.is_alive(0) && !(rounds % 10 == 9 && world.is_done()) {
            world.pass(20);
            world.step(0).unwrap();
            rounds += 1;
        }
        let died = !world.is_alive(0);
        // Every other one loses its disk as well.
        restart(&mut world, moment % 2 == 0);
        world.produce_events(4, 4);
        world.settle(0).unwrap();
        check_told(&world);
        world.check_offsets();
        if !died {
            break;
        }
        moment += 1;
    }
    assert!(moment > 20, "only {moment} moments");
}

#[test]
fn tasks_move_whole_between_instances() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.start(1, true).unwrap();
    for _ in 0..200 {
        world.pass(20);
        world.step(0).unwrap();
        world.step(1).unwrap();
    }
    let running = |world: &World, number: usize| {
        let tasks = world.handle(number).unwrap().status().tasks;
        tasks.iter().filter(|task| task.lifecycle == Lifecycle::Running).map(|task| task.task).collect::<Vec<_>>()
    };
    assert_eq!((running(&world, 0).len(), running(&world, 1).len()), (1, 1));
    assert_ne!(running(&world, 0), running(&world, 1));
    world.produce_events(20, 20);
    for _ in 0..200 {
        world.pass(20);
        world.step(0).unwrap();
        world.step(1).unwrap();
    }
    assert!(world.is_done());
    check_told(&world);
}

#[test]
fn an_epoch_without_input_writes_nothing() {
    let mut world = world();
    world.produce_events(0, 10);
    world.settle(0).unwrap();
    for _ in 0..400 {
        world.pass(20);
        world.step(0).unwrap();
    }
    let ends = || {
        let names = ["redo", "changelog", "derived"].map(|topic| TopicPartition::new(topic, 0));
        world.log.bounds(&names).unwrap().iter().map(|bounds| bounds.end_offset).collect::<Vec<_>>()
    };
    let before = ends();
    for _ in 0..100 {
        world.pass(50);
        world.step(0).unwrap();
    }
    let names = ["redo", "changelog", "derived"].map(|topic| TopicPartition::new(topic, 0));
    let after: Vec<u64> = world.log.bounds(&names).unwrap().iter().map(|bounds| bounds.end_offset).collect();
    assert_eq!(before, after);
}

#[test]
fn an_idle_task_writes_everything_back_and_the_redo_is_trimmed_behind_it() {
    let mut world = world_with(|settings| settings.write_back_ms = 1_000_000);
    world.produce_events(0, 30);
    world.settle(0).unwrap();
    for _ in 0..400 {
        world.pass(20);
        world.step(0).unwrap();
    }
    for task in 0..2 {
        let bounds = world.log.bounds(&[TopicPartition::new("redo", task)]).unwrap()[0];
        assert!(bounds.start_offset > 0, "{bounds:?}");
        let rest = world.read_from(&TopicPartition::new("redo", task), bounds.start_offset);
        assert_eq!(rest.len(), 1, "the newest epoch stays");
        let state = world.read_from(&TopicPartition::new("changelog", task), 0);
        let scores = world.read_from(&TopicPartition::new("scores", task), 0);
        assert!(!state.is_empty() && state.len() == scores.len(), "a scorecard goes with each state record");
    }
    restart(&mut world, false);
    world.produce_events(30, 10);
    world.settle(0).unwrap();
    check_told(&world);
}

/// The owner before may trim what the changelog covers while the next one reads it.
#[test]
fn a_redo_topic_that_is_trimmed_while_it_is_read_is_read_on_behind_the_cut() {
    let redo = TopicPartition::new("redo", 0);
    let mut world = world_with(|settings| (settings.write_back_ms, settings.redo_part_bytes) = (0, 1 << 20));
    let bounds = |world: &World| world.log.bounds(std::slice::from_ref(&redo)).unwrap()[0];
    // Between two trims. Each epoch has a record and the marker of its transaction.
    for round in 0..200 {
        world.produce_events(5 * round, 5);
        world.pass(5);
        world.step(0).unwrap();
        if bounds(&world).end_offset - bounds(&world).start_offset >= 6 {
            break;
        }
    }
    world.kill(0);
    let (start, end) = (bounds(&world).start_offset, bounds(&world).end_offset);
    assert!(end - start >= 6, "{start} to {end}");
    world.start(0, false).unwrap();
    while !world.handle(0).unwrap().status().tasks.iter().any(|task| task.restore.is_some()) {
        world.pass(110);
        world.step(0).unwrap();
    }
    world.log.delete_before(&[(redo.clone(), end - 2)]).unwrap();
    world.produce_events(1_000, 20);
    world.settle(0).unwrap();
    check_told(&world);
}

#[test]
fn offsets_that_expired_are_taken_from_the_redo_log() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.kill(0);
    assert!(world.log.expire_offsets("scoring"));
    world.start(0, true).unwrap();
    world.produce_events(20, 20);
    world.settle(0).unwrap();
    check_told(&world);
}

#[test]
fn input_of_a_transaction_is_folded_when_it_is_committed_and_never_when_it_is_aborted() {
    let mut world = world();
    let options = ProducerOptions {
        transactional_id: "source".to_owned(),
        topics: vec!["events".to_owned()],
        state_topics: 0,
        transaction_timeout: Duration::from_secs(1_000_000),
        queue_records: 10,
    };
    let mut source = world.log.open_producer(&options).unwrap();
    let engagement = |world: &mut World| {
        let anna = ask(world, "anna").unwrap().contact;
        anna.map(|contact| contact.state.plans[0].engagement.fixed.thousandths())
    };
    for (id, commits) in [("aborted", false), ("committed", true)] {
        let line = event_line("anna", id, "viewed", world.log.now_ms());
        let record = OutputRecord {
            topic: TopicIndex(0),
            destination: Destination::Partition(partition_for_key(b"anna", 2)),
            key: Some(b"anna"),
            value: Some(line.as_bytes()),
            headers: &[],
            timestamp_ms: None,
        };
        source.begin().unwrap();
        source.produce(&record).unwrap();
        for _ in 0..100 {
            world.pass(20);
            world.step(0).unwrap();
        }
        assert_eq!(engagement(&mut world), None, "{id}, still open");
        if commits {
            source.commit_without_offsets().unwrap();
        } else {
            source.abort().unwrap();
        }
        for _ in 0..100 {
            world.pass(20);
            world.step(0).unwrap();
        }
        assert_eq!(engagement(&mut world), commits.then_some(10_000), "{id}");
    }
}

#[test]
fn a_cluster_that_is_away_is_waited_for() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.produce_events(20, 20);
    world.log.unavailable_for(60);
    let mut waited = false;
    for _ in 0..100 {
        world.pass(20);
        world.step(0).unwrap();
        waited |= world.handle(0).unwrap().status().readiness == Readiness::Waiting;
    }
    world.settle(0).unwrap();
    assert!(waited);
    assert_eq!(world.handle(0).unwrap().status().readiness, Readiness::Ready);
    check_told(&world);
}

#[test]
fn queries_are_answered_from_committed_epochs_only() {
    let mut world = world();
    world.settle(0).unwrap();
    let produce_one = |world: &mut World, id: &str| {
        let line = event_line("anna", id, "viewed", world.log.now_ms());
        world.produce("anna", &line);
    };
    produce_one(&mut world, "e1");
    world.settle(0).unwrap();
    let rows = |contact: &Contact| contact.rows.len();
    let answer = ask(&mut world, "anna").unwrap();
    assert_eq!(answer.contact.as_deref().map(rows), Some(1));
    // Folded, but no time passes, so the epoch stays open.
    produce_one(&mut world, "e2");
    world.step(0).unwrap();
    world.step(0).unwrap();
    assert_eq!(ask(&mut world, "anna").unwrap().contact.as_deref().map(rows), Some(1));
    assert!(!world.is_done());
    world.settle(0).unwrap();
    assert_eq!(ask(&mut world, "anna").unwrap().contact.as_deref().map(rows), Some(2));
    assert!(ask(&mut world, "nobody").unwrap().contact.is_none());
}

#[test]
fn a_worker_that_is_told_to_stop_commits_and_closes_within_few_steps() {
    let mut world = world();
    world.produce_events(0, 20);
    world.settle(0).unwrap();
    world.produce_events(20, 5);
    world.step(0).unwrap();
    let handle = world.handle(0).unwrap();
    handle.stop();
    world.step(0).unwrap();
    assert_eq!(handle.status().readiness, Readiness::Stopped);
    assert!(world.is_done());
    restart(&mut world, true);
    let restored = world.metrics.restored_records.get();
    world.produce_events(25, 20);
    world.settle(0).unwrap();
    assert!(world.metrics.restored_records.get() - restored < 20, "the store has most of it");
    check_told(&world);
}

#[test]
fn a_contact_with_too_many_bytes_loses_rows_to_its_base_and_stops_nothing_s6() {
    let mut world = world_with(|settings| settings.plans.history.bytes = 700);
    for number in 0..60 {
        let line = event_line("anna", &format!("e{number}"), "viewed", world.log.now_ms());
        world.produce("anna", &line);
        if number % 7 == 0 {
            world.settle(0).unwrap();
        }
    }
    world.settle(0).unwrap();
    assert!(world.metrics.limits_reached.with_label_values(&["row_bytes"]).get() > 40);
    restart(&mut world, false);
    world.settle(0).unwrap();
    let answer = ask(&mut world, "anna").unwrap().contact.unwrap();
    assert!(answer.base.is_some());
    assert_eq!(answer.state.plans[0].engagement.fixed.thousandths(), 600_000);
}

#[test]
fn deliveries_add_up_to_the_input() {
    let mut world = world();
    for _ in 0..300 {
        world.produce_something();
        world.pass(30);
        world.step(0).unwrap();
    }
    world.settle(0).unwrap();
    let outcome = |name: &str| world.metrics.deliveries.with_label_values(&[name]).get();
    let outcomes = ["applied", "unmatched", "duplicate", "suppressed", "too_late", "erased", "dead", "skipped"];
    let sum: u64 = outcomes.into_iter().map(outcome).sum();
    assert_eq!((sum, world.metrics.records.get()), (300, 300));
    for needed in ["applied", "unmatched", "duplicate", "dead", "skipped"] {
        assert!(outcome(needed) > 0, "{needed}");
    }
    check_told(&world);
}
