//! Lists of contacts against questions about each: whatever is dirty, touched by an open epoch, on disk only or half restored, both say the same.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use leadstream_core::explain::Scorecard;
use leadstream_core::{Contact, Fold, HistoryLimits, Timestamp};
use leadstream_runtime::{AllQuery, ContactVisitor, Query, QueryRefusal};
use leadstream_simulation::{Plans, Random, Settings, World, plans};

/// Every contact that was seen, with its scorecard.
#[derive(Default)]
struct Seen(BTreeMap<String, Scorecard>);

impl ContactVisitor for Seen {
    fn visit(&mut self, fold: &Fold, contact: &Contact, clock: Timestamp) {
        let card = fold.scorecard(contact, contact.state.tau.max(Some(clock)).unwrap());
        let before = self.0.insert(contact.id.to_string(), card);
        assert!(before.is_none(), "{} is seen twice", contact.id);
    }
}

/// Asks for all contacts and for each of them within one step, and compares. Returns how many there were.
fn compare(world: &mut World, everybody: &BTreeSet<String>, history: HistoryLimits) -> usize {
    let handle = world.handle(0).unwrap();
    let (each, answers) = channel();
    for contact in everybody {
        assert!(handle.ask(Query { contact: contact.clone(), reply: each.clone() }));
    }
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let (reply, rest) = channel();
    assert!(handle.ask_all(AllQuery { visitor: Arc::clone(&seen) as Arc<Mutex<dyn ContactVisitor>>, reply }));
    world.step(0).unwrap();
    let mut clocks = BTreeMap::new();
    for task in rest.try_recv().unwrap() {
        let Ok(task) = task else { continue };
        let fold = Fold::new(task.timeline.clone(), history);
        // The service goes on meanwhile.
        world.step(0).unwrap();
        while !task.step(3, &fold, &mut *seen.lock().unwrap()).unwrap() {
            world.step(0).unwrap();
        }
        clocks.insert(task.task, task.clock);
    }
    let seen = std::mem::take(&mut seen.lock().unwrap().0);
    let mut known = 0;
    for contact in everybody {
        let answer = match answers.try_recv().unwrap() {
            Ok(answer) => answer,
            Err(QueryRefusal::Restoring { .. }) => {
                assert!(!seen.contains_key(contact));
                continue;
            }
            Err(refusal) => panic!("{refusal:?}"),
        };
        let expected = answer.contact.map(|contact| {
            let clock = clocks[&answer.task];
            Fold::new(answer.timeline, history).scorecard(&contact, contact.state.tau.max(Some(clock)).unwrap())
        });
        assert_eq!(seen.get(contact), expected.as_ref(), "{contact}");
        known += usize::from(expected.is_some());
    }
    assert_eq!(seen.len(), known);
    known
}

#[test]
fn a_list_has_every_contact_once_as_it_is_committed() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut settings = Settings::new(plans(if seed % 2 == 0 { Plans::Timeless } else { Plans::Timed }));
        // Some contacts are dirty, some are on disk only, and epochs stay open for a while.
        settings.write_back_ms = 400;
        let history = settings.plans.history;
        let everybody: BTreeSet<String> = (0..settings.contacts).map(|number| format!("c{number}")).collect();
        let mut world = World::new(seed, settings, 1);
        world.start(0, true).unwrap();
        let mut most = 0;
        for _ in 0..60 {
            for _ in 0..random.below(6) {
                world.produce_something();
            }
            for _ in 0..random.below(4) {
                world.pass(20);
                world.step(0).unwrap();
            }
            if random.below(15) == 0 {
                world.kill(0);
                world.start(0, random.below(2) == 0).unwrap();
            }
            most = most.max(compare(&mut world, &everybody, history));
        }
        assert!(most > 5, "seed {seed}: {most} contacts are too few");
    }
}

#[test]
fn a_list_ends_with_a_reason_when_its_task_is_closed() {
    let mut world = World::new(1, Settings::new(plans(Plans::Timeless)), 1);
    world.start(0, true).unwrap();
    world.produce_events(0, 50);
    world.settle(0).unwrap();
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let (reply, rest) = channel();
    let visitor = Arc::clone(&seen) as Arc<Mutex<dyn ContactVisitor>>;
    assert!(world.handle(0).unwrap().ask_all(AllQuery { visitor, reply }));
    world.step(0).unwrap();
    let tasks = rest.try_recv().unwrap();
    world.handle(0).unwrap().stop();
    for _ in 0..100 {
        world.pass(20);
        world.step(0).unwrap();
    }
    for task in tasks {
        let task = task.unwrap();
        let fold = Fold::new(task.timeline.clone(), HistoryLimits::default());
        let refusal = task.step(1, &fold, &mut *seen.lock().unwrap()).unwrap_err();
        let reason = format!("task {} has been given to another worker", task.task);
        assert_eq!(refusal, QueryRefusal::Unavailable { reason });
    }
}
