//! Timers and clocks, one demand after the other: what fires when, on idle partitions, behind a re-keying stage, after restarts and undone epochs.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use leadstream_core::Timestamp;
use leadstream_runtime::ClockMode;
use leadstream_runtime::log::model::{Call, Fault, Scripted};
use leadstream_runtime::log::{Log, TopicPartition, partition_for_key};
use leadstream_simulation::{Plans, Settings, World, event_line, plans, store_of};
use leadstream_wire::stored::redo::RedoRecord;

fn restart(world: &mut World, keeps_store: bool) {
    world.kill(0);
    world.start(0, keeps_store).unwrap();
}

fn commits(world: &World, result: &str) -> u64 {
    world.metrics.commits.with_label_values(&[result]).get()
}

#[test]
fn a_contact_is_told_with_the_clock_as_of_which_it_is() {
    let mut world = World::new(1, Settings { clock: World::wall_clock(), ..Settings::new(plans(Plans::Timed)) }, 1);
    world.start(0, true).unwrap();
    let line = event_line("anna", "e1", "viewed", world.log.now_ms());
    world.produce("anna", &line);
    world.settle(0).unwrap();
    let before = world.insist("anna");
    let next_due = before.contact.unwrap().next_due.unwrap();
    // Away after 40 seconds (S14): the timer fires in an epoch that stays open, since its commit is refused.
    world.log.script(Scripted::next(Call::Begin, Fault::Unavailable).times(1_000));
    world.pass(60_000);
    world.step(0).unwrap();
    let answer = world.insist("anna");
    let contact = answer.contact.unwrap();
    assert_eq!(contact.state.plans[0].engagement.fixed.thousandths(), 10_000);
    assert!(answer.clock < next_due, "{} is not before {next_due}", answer.clock);
    world.log.clear_faults();
    world.settle(0).unwrap();
    let answer = world.insist("anna");
    assert_eq!(answer.contact.unwrap().state.plans[0].engagement.fixed.thousandths(), 5_000);
    assert!(answer.clock >= next_due);
}

#[test]
fn timers_fire_on_an_idle_partition_and_after_a_restart_without_input() {
    for restarts in [false, true] {
        let mut world = World::new(1, Settings { clock: World::wall_clock(), ..Settings::new(plans(Plans::Timed)) }, 1);
        world.start(0, true).unwrap();
        let line = event_line("anna", "e1", "viewed", world.log.now_ms());
        world.produce("anna", &line);
        world.settle(0).unwrap();
        if restarts {
            // Written back by now, so that only the store's index knows of the timer.
            for _ in 0..100 {
                world.pass(50);
                world.step(0).unwrap();
            }
            restart(&mut world, true);
        }
        let engagement =
            |world: &mut World| world.insist("anna").contact.unwrap().state.plans[0].engagement.fixed.thousandths();
        for _ in 0..1_000 {
            world.pass(50);
            world.step(0).unwrap();
        }
        // Viewed 10, away -5 after 40 seconds (S14).
        assert_eq!(engagement(&mut world), 5_000, "restarts: {restarts}");
        world.check_offsets();
    }
}

#[test]
fn behind_a_re_keying_stage_the_clock_waits_for_every_source_partition() {
    let settings = Settings { rekeyed: true, clock: World::wall_clock(), ..Settings::new(plans(Plans::Timed)) };
    let mut world = World::new(1, settings, 1);
    world.start(0, true).unwrap();
    let line = event_line("anna", "e1", "viewed", world.log.now_ms());
    world.produce("anna", &line);
    world.settle(0).unwrap();
    let before = world.insist("anna");
    for _ in 0..100 {
        world.pass(50);
        world.step(0).unwrap();
    }
    let after = world.insist("anna");
    assert!(after.clock > before.clock, "idle sources that were read to their ends let the clock move");
    // Anna's next events lie in the source while nobody re-keys: the clock may not run ahead of them for ever, and their order is kept.
    world.kill(0);
    let start_ms = world.log.now_ms();
    for number in 2..5 {
        let line = event_line("anna", &format!("e{number}"), "viewed", start_ms + number * 10_000);
        world.produce("anna", &line);
    }
    world.pass(100_000);
    world.start(0, true).unwrap();
    world.settle(0).unwrap();
    let contact = world.insist("anna").contact.unwrap();
    assert_eq!(contact.rows.len(), 4);
    assert_eq!(contact.state.plans[0].engagement.fixed.thousandths() % 5_000, 0);
}

#[test]
fn idle_sources_that_are_re_keyed_write_few_watermarks_and_the_clock_behind_goes_on_l7() {
    let settings = Settings { rekeyed: true, clock: World::wall_clock(), ..Settings::new(plans(Plans::Timed)) };
    let mut world = World::new(1, settings, 1);
    world.start(0, true).unwrap();
    world.produce("anna", &event_line("anna", "e1", "viewed", world.log.now_ms()));
    world.settle(0).unwrap();
    let pass = |world: &mut World, milliseconds: i64| {
        for _ in 0..milliseconds / 50 {
            world.pass(50);
            world.step(0).unwrap();
        }
    };
    pass(&mut world, 5_000);
    let (written, records) = (world.metrics.watermarks.get(), world.metrics.records.get());
    pass(&mut world, 60_000);
    // Two tasks, each into two partitions, every 800 ms at most and not every 200.
    let more = world.metrics.watermarks.get() - written;
    assert!((200..=300).contains(&more), "{more} watermarks in a minute");
    assert_eq!(world.metrics.records.get(), records, "they are no input");
    let behind = |world: &mut World| world.log.now_ms() - world.insist("anna").clock.millis();
    let slack = match World::wall_clock() {
        ClockMode::Wall { slack } => slack.millis(),
        ClockMode::Events => 0,
    };
    assert!(behind(&mut world) <= slack + 1_500, "the clock stands {} ms behind", behind(&mut world));
    // What comes is told of at once.
    let written = world.metrics.watermarks.get();
    for number in 2..12 {
        world.produce("anna", &event_line("anna", &format!("e{number}"), "viewed", world.log.now_ms()));
        pass(&mut world, 200);
    }
    let more = world.metrics.watermarks.get() - written;
    assert!(more >= 20, "{more} watermarks in two seconds in which something came");
}

#[test]
fn a_clock_that_only_events_move_goes_on_after_a_restart() {
    for (restarts, expires) in [(false, false), (true, false), (true, true)] {
        let mut world = World::new(1, Settings { rekeyed: true, ..Settings::new(plans(Plans::Timed)) }, 1);
        world.start(0, true).unwrap();
        let start_ms = world.log.now_ms();
        // A contact in each of the three partitions of the source, all of one task; the last partition has said nothing yet.
        let contacts = world.contacts_of(0);
        let produce = |world: &mut World, number: usize, id: &str, late_ms: i64| {
            let line = event_line(&contacts[number], id, "viewed", start_ms + late_ms);
            world.produce(&contacts[number], &line);
        };
        produce(&mut world, 0, "e1", 0);
        produce(&mut world, 1, "e2", 0);
        produce(&mut world, 2, "e3", 0);
        world.settle(0).unwrap();
        produce(&mut world, 1, "e4", 100_000);
        produce(&mut world, 2, "e5", 100_000);
        world.settle(0).unwrap();
        let away = |world: &mut World| {
            let contact = world.insist(&contacts[0]).contact.unwrap();
            contact.ledger.len() - contact.rows.len()
        };
        assert_eq!(away(&mut world), 0);
        if expires {
            // Then the clock goes on from the last commit, and needs a record of each partition to pass it.
            world.kill(0);
            assert!(world.log.expire_offsets("scoring"));
            world.start(0, true).unwrap();
        } else if restarts {
            restart(&mut world, true);
            world.settle(0).unwrap();
        }
        let clock = world.insist(&contacts[0]).clock;
        assert_eq!(clock, Timestamp::from_millis(start_ms));
        // The first partition catches up; of the two others nothing new is read. Away since 40 and 80 seconds (S14).
        produce(&mut world, 0, "other", 100_000);
        if expires {
            produce(&mut world, 1, "e6", 100_000);
            produce(&mut world, 2, "e7", 100_000);
        }
        world.settle(0).unwrap();
        for _ in 0..40 {
            world.pass(50);
            world.step(0).unwrap();
        }
        assert_eq!(away(&mut world), 2, "restarts: {restarts}, offsets expire: {expires}");
        assert_eq!(world.insist(&contacts[0]).clock, Timestamp::from_millis(start_ms + 100_000));
    }
}

#[test]
fn a_clock_behind_a_re_keying_stage_needs_no_new_record_after_a_restart() {
    let mut world = World::new(1, Settings { rekeyed: true, ..Settings::new(plans(Plans::Timed)) }, 1);
    world.start(0, true).unwrap();
    let start_ms = world.log.now_ms();
    let contacts = world.contacts_of(0);
    for (number, late_ms) in [(0, 0), (0, 100_000), (1, 100_000)] {
        let line = event_line(&contacts[number], &format!("e{number}-{late_ms}"), "viewed", start_ms + late_ms);
        world.produce(&contacts[number], &line);
    }
    world.settle(0).unwrap();
    assert_eq!(world.insist(&contacts[0]).clock, Timestamp::MIN, "the third partition has said nothing");
    restart(&mut world, true);
    // Only the third partition speaks now, and of a contact of another task.
    let stranger = &world.contacts_of(1)[2];
    world.produce(stranger, &event_line(stranger, "e3", "viewed", start_ms + 90_000));
    world.settle(0).unwrap();
    for _ in 0..40 {
        world.pass(50);
        world.step(0).unwrap();
    }
    assert_eq!(world.insist(&contacts[0]).clock, Timestamp::from_millis(start_ms + 90_000));
}

#[test]
fn a_watermark_never_passes_what_was_undone() {
    let mut world = World::new(1, Settings { rekeyed: true, ..Settings::new(plans(Plans::Timed)) }, 1);
    world.start(0, true).unwrap();
    let contacts = world.contacts_of(0);
    let start_ms = world.log.now_ms();
    for contact in &contacts {
        world.produce(contact, &event_line(contact, contact, "viewed", start_ms));
    }
    world.settle(0).unwrap();
    // An event that would move the watermark is folded, undone, and cannot be read again for some time.
    world.log.script(Scripted::next(Call::Commit, Fault::Refused));
    for contact in &contacts {
        world.produce(contact, &event_line(contact, &format!("{contact}-2"), "viewed", start_ms + 500_000));
    }
    while commits(&world, "aborted") == 0 {
        world.pass(20);
        world.step(0).unwrap();
    }
    world.log.script(Scripted::next(Call::Read, Fault::Unavailable).times(300));
    for _ in 0..50 {
        world.pass(20);
        world.step(0).unwrap();
    }
    let written = world.read_from(&TopicPartition::new("interactions", 0), 0);
    let ahead = (start_ms + 500_000).to_string();
    let told = written.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    let told: Vec<String> = told.filter(|value| value.starts_with('~')).collect();
    assert!(told.len() > 3 && told.iter().all(|watermark| !watermark.contains(&ahead)), "{told:#?}");
}

/// A world whose only contact was viewed once, and is away after 40 seconds (S14).
fn world_of_anna(write_back_ms: i64) -> World {
    let timed = Settings::new(plans(Plans::Timed));
    let mut world = World::new(1, Settings { clock: World::wall_clock(), write_back_ms, ..timed }, 1);
    world.start(0, true).unwrap();
    let line = event_line("anna", "e1", "viewed", world.log.now_ms());
    world.produce("anna", &line);
    world.settle(0).unwrap();
    world
}

fn engagement(world: &mut World, contact: &str) -> i64 {
    world.insist(contact).contact.unwrap().state.plans[0].engagement.fixed.thousandths()
}

#[test]
fn a_timer_that_fired_in_an_epoch_that_was_undone_fires_again() {
    // Written back, so that only the store's index has the timer.
    let mut world = world_of_anna(0);
    restart(&mut world, true);
    world.settle(0).unwrap();
    world.pass(60_000);
    world.log.script(Scripted::next(Call::Commit, Fault::Refused).times(2));
    for _ in 0..20 {
        world.pass(60);
        world.step(0).unwrap();
    }
    assert_eq!((world.log.scripted_left(), engagement(&mut world, "anna")), (0, 5_000), "from the store's index");

    // Dirty all the time, since somebody else keeps the task from being idle.
    let mut world = world_of_anna(1_000_000);
    let neighbour = (0..)
        .map(|number| format!("n{number}"))
        .find(|name| partition_for_key(name.as_bytes(), 2) == partition_for_key(b"anna", 2))
        .unwrap();
    for round in 0..90 {
        let line = event_line(&neighbour, &format!("n{round}"), "viewed", world.log.now_ms());
        world.produce(&neighbour, &line);
        world.pass(500);
        world.step(0).unwrap();
        if round == 70 {
            // The first ones half a second apart, the others a whole one.
            world.log.script(Scripted::next(Call::Commit, Fault::Refused).times(8));
        }
    }
    assert_eq!(world.metrics.written_back.get(), 0);
    assert_eq!((world.log.scripted_left(), engagement(&mut world, "anna")), (0, 5_000), "from the index in memory");
}

#[test]
fn an_epoch_that_was_undone_takes_the_clock_back_so_that_its_events_come_in_order_again() {
    let mut world = World::new(1, Settings::new(plans(Plans::Timed)), 1);
    world.start(0, true).unwrap();
    let now_ms = world.log.now_ms();
    let neighbour = (0..)
        .map(|number| format!("n{number}"))
        .find(|name| partition_for_key(name.as_bytes(), 2) == partition_for_key(b"anna", 2))
        .unwrap();
    let produce = |world: &mut World, contact: &str, id: &str, event_type: &str, seconds: i64| {
        world.produce(contact, &event_line(contact, id, event_type, now_ms + seconds * 1_000));
    };
    produce(&mut world, "anna", "e1", "bought", 0);
    produce(&mut world, "anna", "e2", "viewed", 1);
    produce(&mut world, "anna", "e3", "viewed", 2);
    world.settle(0).unwrap();
    let told = world.told().derived["anna"].clone();
    world.log.script(Scripted::next(Call::Commit, Fault::Refused));
    // Down to the release, and up before she is away. A clock at 63 seconds would fire that between the two, and what it told would be taken back.
    produce(&mut world, "anna", "e4", "complained", 3);
    produce(&mut world, "anna", "e5", "viewed", 23);
    produce(&mut world, &neighbour, "e1", "viewed", 62);
    world.settle(0).unwrap();
    assert_eq!((world.log.scripted_left(), commits(&world, "aborted")), (0, 1));
    assert_eq!(engagement(&mut world, "anna"), 40_000);
    let all = world.told().derived["anna"].clone();
    let (before, since) = all.split_at(told.len());
    assert_eq!(before, told);
    assert!(matches!(since, [left] if left.starts_with("anna seq=4 stage.regressed")), "{since:#?}");
}

#[test]
fn a_contact_that_is_written_back_again_and_again_has_one_entry_in_the_index() {
    let mut world = world_of_anna(0);
    restart(&mut world, true);
    for number in 2..6 {
        let line = event_line("anna", &format!("e{number}"), "viewed", world.log.now_ms());
        world.produce("anna", &line);
        world.settle(0).unwrap();
        world.pass(7_000);
        // The entry comes due early and is moved, which costs nothing but an epoch.
        for _ in 0..10 {
            world.pass(9_000);
            world.step(0).unwrap();
        }
    }
    let next_due = world.insist("anna").contact.unwrap().next_due;
    world.kill(0);
    let store = store_of(&world, 0, partition_for_key(b"anna", 2));
    let entries = store.due(None, Timestamp::MAX, 100).unwrap();
    assert!(next_due.is_some());
    assert_eq!(entries.iter().map(|entry| Some(entry.due)).collect::<Vec<_>>(), [next_due]);
}

#[test]
fn a_world_in_which_nothing_happens_writes_nothing() {
    let mut world = world_of_anna(0);
    for _ in 0..100 {
        world.pass(2_500);
        world.step(0).unwrap();
    }
    let epoch = world.insist("anna").epoch;
    for _ in 0..100 {
        world.pass(2_500);
        world.step(0).unwrap();
    }
    assert_eq!(world.insist("anna").epoch, epoch);
    // Away three times and no more (S14).
    assert_eq!(world.metrics.timers.get(), 3);
}

#[test]
fn a_contact_that_is_written_back_often_leaves_no_entries_behind() {
    let mut world = world_of_anna(0);
    for number in 2..6 {
        let line = event_line("anna", &format!("e{number}"), "viewed", world.log.now_ms());
        world.produce("anna", &line);
        world.settle(0).unwrap();
    }
    let next_due = world.insist("anna").contact.unwrap().next_due.unwrap();
    world.kill(0);
    let entries = store_of(&world, 0, partition_for_key(b"anna", 2)).due(None, Timestamp::MAX, 100).unwrap();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].due <= next_due);
}

#[test]
fn a_timer_of_a_contact_restored_from_the_redo_log_fires_while_the_contact_waits_to_be_written_back() {
    let mut world = world_of_anna(1_000_000);
    restart(&mut world, true);
    let task = |name: &str| partition_for_key(name.as_bytes(), 2);
    let neighbour = (0..).map(|number| format!("n{number}")).find(|name| task(name) == task("anna")).unwrap();
    // Somebody else keeps the task from being idle.
    for round in 0..90 {
        let line = event_line(&neighbour, &format!("n{round}"), "viewed", world.log.now_ms());
        world.produce(&neighbour, &line);
        world.pass(500);
        world.step(0).unwrap();
    }
    assert_eq!((world.metrics.written_back.get(), engagement(&mut world, "anna")), (0, 5_000));
}

/// However long the epoch stays open and however many are due at once: from the index in memory, and from the store's.
#[test]
fn timers_of_many_contacts_that_are_due_at_once_come_in_epochs_of_a_bounded_size_l8() {
    for (write_back_ms, restarts) in [(1_000_000, false), (0, true)] {
        let timed = Settings::new(plans(Plans::Timed));
        let settings = Settings {
            clock: World::wall_clock(),
            write_back_ms,
            timers_in_epoch: 10,
            contacts_bytes: 1 << 20,
            ..timed
        };
        let mut world = World::new(1, settings, 1);
        world.start(0, true).unwrap();
        let contacts: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
        for contact in &contacts {
            let line = event_line(contact, contact, "viewed", world.log.now_ms());
            world.produce(contact, &line);
        }
        world.settle(0).unwrap();
        if restarts {
            restart(&mut world, true);
            world.settle(0).unwrap();
        }
        let end = |world: &World, task| world.log.bounds(&[TopicPartition::new("redo", task)]).unwrap()[0].end_offset;
        let before = [end(&world, 0), end(&world, 1)];
        // No time passes between the steps: nothing else ends an epoch.
        world.pass(60_000);
        for _ in 0..100 {
            world.step(0).unwrap();
        }
        // But the last one, which is not full.
        for _ in 0..5 {
            world.pass(20);
            world.step(0).unwrap();
        }
        let all: Vec<i64> = contacts.iter().map(|contact| engagement(&mut world, contact)).collect();
        assert_eq!(all, [5_000; 100], "restarted: {restarts}");
        for task in [0, 1] {
            let records = world.read_from(&TopicPartition::new("redo", task), before[task as usize]);
            let entries = records.iter().map(|(_, value)| {
                let record = RedoRecord::read(value).unwrap();
                (record.head.epoch, record.entries.len())
            });
            let mut sizes = BTreeMap::new();
            entries.for_each(|(epoch, entries)| *sizes.entry(epoch).or_insert(0) += entries);
            assert!(sizes.len() >= 4 && sizes.values().all(|size| *size <= 10), "{sizes:?}");
        }
    }
}
