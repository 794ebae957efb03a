//! Erased means gone (L6, S52): whatever breaks meanwhile, and in what is left behind.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_core::Timestamp;
use leadstream_oracle::{Contacts, ContactsEffect, Limits, OracleEvent, Uid};
use leadstream_runtime::WorkerError;
use leadstream_runtime::log::Log;
use leadstream_runtime::log::TopicPartition;
use leadstream_runtime::log::model::{Call, Fault, Scripted};
use leadstream_simulation::{
    Plans, Settings, World, await_purged, check_contacts, event_line, expected, files_with, go_quiet, plans,
};

/// A name that is part of nothing else.
const ERIKA: &str = "erika.mustermann@example.org";

fn world_with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    change(&mut settings);
    let mut world = World::new(1, settings, 1);
    world.start(0, true).unwrap();
    world
}

fn produce(world: &mut World, contact: &str, id: &str, what: &str, time_ms: i64) {
    world.produce(contact, &event_line(contact, id, what, time_ms));
}

fn check_told(world: &World) {
    let expected = expected(&plans(Plans::Timeless), world.produced(), Timestamp::MIN);
    assert_eq!(world.told().derived, expected.told);
}

fn outcomes(world: &World, outcome: &str) -> u64 {
    world.metrics.deliveries.with_label_values(&[outcome]).get()
}

/// Where the bytes are found that readers of a topic can still see.
fn seen_in(world: &World, topic: &str, bytes: &str) -> Vec<String> {
    let mut found = Vec::new();
    for task in 0..2 {
        let partition = TopicPartition::new(topic, task);
        let start = world.log.bounds(std::slice::from_ref(&partition)).unwrap()[0].start_offset;
        for (key, value) in world.read_from(&partition, start) {
            if [key, value].iter().any(|part| part.windows(bytes.len()).any(|window| window == bytes.as_bytes())) {
                found.push(format!("{topic}-{task}"));
            }
        }
    }
    found
}

/// Erika buys and is erased, with others before and behind her.
fn live_until_erased(world: &mut World, written_back: bool) {
    world.produce_events(0, 10);
    produce(world, ERIKA, "b1", "bought", world.log.now_ms());
    produce(world, ERIKA, "b2", "bought", world.log.now_ms());
    world.settle(0).unwrap();
    if written_back {
        go_quiet(world);
    }
    world.produce_events(10, 10);
    produce(world, ERIKA, "v1", "viewed", world.log.now_ms());
    produce(world, ERIKA, "x1", "erase", world.log.now_ms());
    produce(world, ERIKA, "v2", "viewed", world.log.now_ms());
}

#[test]
fn whatever_dies_around_an_erasure_it_is_told_once_and_nobody_comes_back_l6() {
    for written_back in [false, true] {
        for again in [false, true] {
            for moment in 0..40 {
                let mut world = world_with(|settings| settings.write_back_ms = if again { 0 } else { 400 });
                live_until_erased(&mut world, written_back);
                if again {
                    // In the same epoch, so that the id is gone and new at once.
                    let now_ms = world.log.now_ms();
                    produce(&mut world, ERIKA, "r1", &format!("reinstate:{now_ms}"), now_ms);
                    produce(&mut world, ERIKA, "b3", "bought", now_ms + 5);
                    produce(&mut world, ERIKA, "b1", "bought", now_ms - 5_000);
                }
                world.crash_plan(0).after(moment);
                for _ in 0..100 {
                    world.pass(20);
                    world.step(0).unwrap();
                }
                world.start(0, moment % 2 == 0).unwrap();
                world.settle(0).unwrap();
                check_told(&world);
                check_contacts(&mut world, &plans(Plans::Timeless));
                world.kill(0);
                world.start(0, moment % 3 == 0).unwrap();
                world.settle(0).unwrap();
                check_contacts(&mut world, &plans(Plans::Timeless));
                world.check_offsets();
            }
        }
    }
}

#[test]
fn an_erased_contact_is_in_no_state_topic_and_in_no_file_l6() {
    for written_back in [false, true] {
        let mut world = world_with(|_| {});
        live_until_erased(&mut world, written_back);
        assert_eq!(files_with(world.store_folder(0), ERIKA).is_empty(), !written_back);
        world.settle(0).unwrap();
        go_quiet(&mut world);
        world.log.compact("changelog", true);
        world.log.compact("scores", true);
        for topic in ["changelog", "redo", "scores"] {
            assert_eq!(seen_in(&world, topic, ERIKA), Vec::<String>::new(), "written back before: {written_back}");
        }
        await_purged(&mut world, 0, ERIKA);
        assert!(!files_with(world.store_folder(0), "c1").is_empty());
        // What the world was told stays where it was told.
        assert!(!seen_in(&world, "derived", ERIKA).is_empty());
    }
}

#[test]
fn redo_of_an_erased_contact_goes_although_nothing_else_happens_l6() {
    let mut world = world_with(|settings| settings.write_back_ms = 2_000);
    produce(&mut world, ERIKA, "b1", "bought", 1_700_000_000_000);
    world.settle(0).unwrap();
    assert!(!seen_in(&world, "redo", ERIKA).is_empty(), "she was written back before she is erased");
    produce(&mut world, ERIKA, "x1", "erase", 1_700_000_000_001);
    world.settle(0).unwrap();
    go_quiet(&mut world);
    assert_eq!(seen_in(&world, "redo", ERIKA), Vec::<String>::new());
    assert_eq!(seen_in(&world, "changelog", ERIKA), Vec::<String>::new());
}

#[test]
fn the_null_records_are_there_where_something_was_and_only_there_l6() {
    for written_back in [false, true] {
        let mut world = world_with(|_| {});
        live_until_erased(&mut world, written_back);
        world.settle(0).unwrap();
        go_quiet(&mut world);
        let last = |topic: &str| {
            let records = (0..2).flat_map(|task| world.read_from(&TopicPartition::new(topic, task), 0));
            records.filter(|(key, _)| key == ERIKA.as_bytes()).map(|(_, value)| value).next_back()
        };
        assert_eq!(last("changelog"), written_back.then(Vec::new), "a record of its own for somebody who had none");
        assert_eq!(last("scores"), Some(Vec::new()));
    }
}

#[test]
fn an_epoch_that_fails_gives_the_contact_back_l6() {
    for written_back in [false, true] {
        let mut world = world_with(|settings| settings.write_back_ms = 2_000);
        live_until_erased(&mut world, written_back);
        let before = world.insist(ERIKA);
        world.log.script(Scripted::next(Call::Commit, Fault::Refused).times(5));
        while world.log.scripted_left() > 0 {
            world.pass(20);
            let answer = world.insist(ERIKA);
            assert!(!answer.erased, "erased before it was committed");
            assert_eq!(answer.contact.unwrap().rows.len(), before.contact.as_ref().unwrap().rows.len());
        }
        assert_eq!(world.metrics.commits.with_label_values(&["aborted"]).get(), 5);
        world.settle(0).unwrap();
        let answer = world.insist(ERIKA);
        assert!(answer.erased && answer.contact.is_none());
        check_told(&world);
        assert_eq!(outcomes(&world, "erased"), 1);
    }
}

#[test]
fn late_and_replayed_events_end_as_erased_and_are_counted_also_after_restarts_l5() {
    for keeps_store in [true, false] {
        let mut world = world_with(|_| {});
        live_until_erased(&mut world, true);
        world.settle(0).unwrap();
        let told = world.told();
        for round in 0..3 {
            world.kill(0);
            world.start(0, keeps_store).unwrap();
            for (id, what) in [("b1", "bought"), ("b2", "bought"), ("n", "bought"), ("x2", "erase")] {
                let now_ms = world.log.now_ms();
                produce(&mut world, ERIKA, id, what, now_ms);
            }
            world.settle(0).unwrap();
            assert_eq!(outcomes(&world, "erased"), 1 + 4 * (round + 1));
            assert!(world.insist(ERIKA).erased);
        }
        assert_eq!(world.told(), told);
    }
}

#[test]
fn ids_that_were_hashed_under_another_key_stop_the_start_with_and_without_a_store() {
    for keeps_store in [true, false] {
        let mut world = world_with(|_| {});
        live_until_erased(&mut world, true);
        world.settle(0).unwrap();
        world.kill(0);
        world.settings_mut().erasure_secret = "another";
        world.start(0, keeps_store).unwrap();
        assert!(matches!(world.failure(), WorkerError::ErasureKeyDiffers { .. }));
        world.settings_mut().erasure_secret = "simulation";
        world.start(0, keeps_store).unwrap();
        world.settle(0).unwrap();
        assert!(world.insist(ERIKA).erased);
    }
}

/// The plan of the simulation, as the oracle reads it.
const PLAN: &str = "plan: p\nglobal: true\nrules:\n  - { id: view, on: viewed, points: 10 }\n  - { id: buy, on: bought, points: 35, tags: [customer] }\n  \
                    - { id: complain, on: complained, points: -25 }\nlimits: { floor: 0 }\nqualify: { score: plan, at: 50, release: 30 }\n\
                    pipeline:\n  by: stage\n  stages:\n    - { name: lead }\n    - { name: warm, enter: 40, leave_below: 5 }\n";

/// What the oracle tells, as far as lines of the simulation say it too.
fn oracle_tells(effect: &ContactsEffect, lines: &mut Vec<String>) {
    for told in &effect.derived {
        let plan = told.plan.clone().unwrap_or_default();
        lines.push(format!(
            "seq={} n={} time={} subject={plan}/{} id={}",
            told.seq, told.n, told.time, told.subject, told.id
        ));
    }
}

fn short(line: &str) -> String {
    let words = line
        .split(' ')
        .filter(|word| ["seq=", "n=", "time=", "subject=", "id="].iter().any(|name| word.starts_with(name)));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_told_of_erased_and_reinstated_people_is_what_the_oracle_tells_s52() {
    let mut world = world_with(|_| {});
    let mut contacts = Contacts::new(&[PLAN], Limits::default()).unwrap();
    let t0_ms = world.log.now_ms();
    let mut lines = Vec::new();
    // What happens, and after how many milliseconds; r is the instant from which on the id counts.
    let steps = [
        ("e1", "bought", 0),
        ("e2", "bought", 10),
        ("e3", "complained", 20),
        ("x1", "erase", 15),
        ("e1", "bought", 0),
        ("e4", "viewed", 40),
        ("x2", "erase", 45),
        ("r1", "reinstate:30", 50),
        ("r2", "reinstate:10", 51),
        ("e5", "bought", 29),
        ("e6", "bought", 30),
        ("e7", "viewed", 60),
        ("e8", "viewed", 55),
        ("x3", "erase", 70),
        ("r3", "reinstate:20", 75),
        ("e9", "bought", 80),
        ("e10", "bought", 81),
        ("x4", "erase", 82),
    ];
    for (id, what, after_ms) in steps {
        let time_ms = t0_ms + after_ms;
        let effect = match what.split_once(':') {
            None if what == "erase" => contacts.erase(ERIKA, Uid::of("simulation", id), time_ms),
            Some((_, from)) => contacts.reinstate(ERIKA, t0_ms + from.parse::<i64>().unwrap()),
            None => {
                let event = OracleEvent::new(id, time_ms, what);
                contacts.event(&[ERIKA], &OracleEvent { source: "simulation".to_owned(), ..event })
            }
        };
        oracle_tells(&effect, &mut lines);
        let what = match what.split_once(':') {
            Some((word, from)) => format!("{word}:{}", t0_ms + from.parse::<i64>().unwrap()),
            None => what.to_owned(),
        };
        produce(&mut world, ERIKA, id, &what, time_ms);
    }
    world.settle(0).unwrap();
    let told: Vec<String> = world.told().derived[ERIKA].iter().map(|line| short(line)).collect();
    assert_eq!(told, lines);
    assert_eq!(lines.len(), 12, "{lines:#?}");
    assert_eq!(outcomes(&world, "erased"), 4);
}
