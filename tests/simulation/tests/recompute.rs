//! The past counts anew in the running service (S46): every contact is folded once under the new plans, whatever goes wrong meanwhile, and what that changes
//! is told once, or in silence.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use leadstream_core::contact::{Level, SubjectId};
use leadstream_core::{Contact, HistoryLimits, Timestamp};
use leadstream_runtime::PlansInForce;
use leadstream_runtime::log::model::FaultRates;
use leadstream_simulation::{Plans, Settings, World, check_told_once, event_line, expected_under, later_set, plans};
use leadstream_wire::stored::plans::Coming;

const CONTACTS: usize = 10;
const ANNOUNCED: Coming = Coming::Recompute { silent: false };
const SILENT: Coming = Coming::Recompute { silent: true };

/// Contacts that got two views each: 20 points under the first plans, 22 under the second, which qualify from 15 on.
fn world(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    change(&mut settings);
    let mut world = World::new(1, settings, 2);
    world.start(0, true).unwrap();
    for number in 0..2 * CONTACTS {
        let contact = format!("c{}", number % CONTACTS);
        let time_ms = world.log.now_ms() - 100 + number as i64;
        world.produce(&contact, &event_line(&contact, &format!("e{number}"), "viewed", time_ms));
    }
    world.settle(0).unwrap();
    assert!(world.told().derived.is_empty(), "nobody is qualified under the first plans");
    world
}

fn change(world: &mut World, set: u64, coming: Coming) {
    world.settings_mut().plans.book.add(later_set(Plans::Timeless, set).coming(coming));
}

fn go_on(world: &mut World, rounds: usize) {
    for _ in 0..rounds {
        world.pass(20);
        world.step(0).unwrap();
    }
}

fn contact(world: &mut World, id: &str) -> Contact {
    *world.ask(id).unwrap().contact.unwrap()
}

fn engagement(contact: &Contact) -> f64 {
    contact.state.plans[0].engagement.fixed.as_number()
}

/// Everybody's past counts anew: two views of 11 points, told of once, as a correction at the instant of the recompute.
fn check_recomputed_once(world: &mut World) {
    let told = world.told().derived;
    assert_eq!(told.len(), CONTACTS, "{told:#?}");
    for (id, lines) in told {
        let at = world.ask(&id).unwrap().timeline.recomputed().unwrap().millis();
        let expected = format!("{id} seq=1 lead.qualified n=1 time={at}");
        assert!(lines.len() == 1 && lines[0].starts_with(&expected), "{expected}: {lines:#?}");
        assert!(lines[0].contains("marks=[Recompute]"), "{lines:?}");
        assert_eq!(engagement(&contact(world, &id)), 22.0);
    }
}

#[test]
fn contacts_without_another_event_are_folded_anew_while_running_and_after_a_start_s46() {
    for (killed, keeps_store) in [(false, true), (true, true), (true, false)] {
        let mut world = world(|_| {});
        if killed {
            world.kill(0);
        }
        change(&mut world, 2, ANNOUNCED);
        if killed {
            world.start(0, keeps_store).unwrap();
        }
        go_on(&mut world, 200);
        check_recomputed_once(&mut world);
        assert!(world.handle(0).unwrap().status().tasks.iter().all(|task| !task.plan_change_pending));
        // From a restored task nothing is told again, and late events score as the past does now.
        world.kill(0);
        world.start(0, keeps_store).unwrap();
        go_on(&mut world, 50);
        check_recomputed_once(&mut world);
        let late_ms = world.log.now_ms() - 6_000;
        world.produce("c1", &event_line("c1", "late", "viewed", late_ms));
        world.settle(0).unwrap();
        assert_eq!(engagement(&contact(&mut world, "c1")), 33.0);
    }
}

#[test]
fn in_silence_nobody_is_told_and_what_comes_later_is_told_from_where_everybody_stands_then() {
    let mut world = world(|_| {});
    change(&mut world, 2, SILENT);
    go_on(&mut world, 200);
    assert!(world.told().derived.is_empty(), "{:#?}", world.told().derived);
    let known = contact(&mut world, "c1");
    let told_level = known.announced.subject(&SubjectId::Qualify("p".into())).unwrap();
    assert_eq!((engagement(&known), &told_level.level, told_level.n), (22.0, &Level::On, 0));
    // A step back is told: as the first that anybody hears.
    change(&mut world, 3, Coming::Forward);
    go_on(&mut world, 100);
    for (contact, lines) in world.told().derived {
        assert!(lines.len() == 1 && lines[0].contains("lead.disqualified n=1"), "{contact}: {lines:#?}");
    }
}

#[test]
fn a_recompute_is_not_passed_over_where_several_sets_came_while_nobody_ran() {
    let mut world = world(|_| {});
    world.kill(0);
    change(&mut world, 2, ANNOUNCED);
    change(&mut world, 3, Coming::Forward);
    world.start(0, true).unwrap();
    go_on(&mut world, 200);
    for (id, lines) in world.told().derived {
        assert!(lines[0].contains("lead.qualified n=1") && lines[0].contains("[Recompute]"), "{lines:#?}");
        assert!(
            lines.len() == 2 && lines[1].contains("lead.disqualified n=2") && lines[1].contains("[Plan]"),
            "{lines:#?}"
        );
        // What was booked anew stays booked so.
        assert_eq!(engagement(&contact(&mut world, &id)), 22.0);
    }
}

#[test]
fn a_crash_at_any_call_of_the_commits_around_it_loses_no_recompute_and_repeats_none() {
    for keeps_store in [true, false] {
        for moment in 0..60 {
            let mut world = world(|settings| settings.write_back_ms = [0, 2_000][moment % 2]);
            change(&mut world, 2, ANNOUNCED);
            world.crash_plan(0).after(moment as i64);
            go_on(&mut world, 40);
            world.kill(0);
            world.start(0, keeps_store).unwrap();
            go_on(&mut world, 200);
            check_recomputed_once(&mut world);
            world.check_offsets();
        }
    }
}

/// Faults, crashes, and plans of which most count the past anew; in the end each contact is the fold of all its events under them. Returns how many contacts
/// were compared.
fn run(seed: u64, which: Plans) -> usize {
    println!("seed {seed}");
    let mut in_force: PlansInForce = plans(which);
    // Long enough for nothing to leave: a base stays what it was folded under.
    in_force.history = HistoryLimits::default();
    let mut settings = Settings::new(in_force.clone());
    settings.rekeyed = seed.is_multiple_of(4);
    settings.write_back_ms = [0, 300, 2_000][seed as usize % 3];
    settings.contacts_bytes = [1, 40_000][seed as usize % 2];
    let mut world = World::new(seed, settings, 2);
    let rates = FaultRates {
        unavailable: 100,
        refused: 30,
        outdated: 100,
        expelled: 50,
        unknown: 300,
        late_markers: 200,
        rebalance: 20,
    };
    world.start(0, true).unwrap();
    world.log.draw_faults(seed, rates);
    let mut set = 1;
    for _ in 0..200 {
        for _ in 0..world.random.below(4) {
            world.produce_something();
        }
        world.pass(5 + world.random.clone().below(60));
        if world.random.chance(30) {
            set += 1;
            let coming = [Coming::Forward, ANNOUNCED, SILENT][world.random.below(3) as usize];
            in_force.book.add(later_set(which, set).coming(coming));
        }
        for number in 0..2 {
            if !world.is_alive(number) {
                if world.random.chance(300) {
                    let keeps_store = world.random.chance(600);
                    world.start(number, keeps_store).unwrap();
                }
            } else if world.random.chance(20) {
                world.kill(number);
            }
            for _ in 0..world.random.below(3) {
                world.step(number).unwrap();
            }
        }
    }
    world.rest();
    check_told_once(&world.told().derived);
    let produced: Vec<String> = world.produced().collect();
    let mut contacts: Vec<&str> = produced.iter().filter_map(|value| Some(value.split_once('|')?.0)).collect();
    contacts.sort_unstable();
    contacts.dedup();
    let mut compared = 0;
    for id in contacts {
        let answer = world.ask(id).unwrap();
        if answer.timeline.recomputed() > Some(answer.clock) {
            // The clock of its task has not come to the last one.
            continue;
        }
        compared += 1;
        let own = produced.iter().filter(|value| value.starts_with(&format!("{id}|"))).cloned();
        let expected = expected_under(answer.timeline.clone(), in_force.history, own, answer.clock);
        let (Some(expected), Some(known)) = (expected.contacts.get(id), answer.contact) else { continue };
        let summary = |contact: &Contact| {
            let plan = &contact.state.plans[0];
            let stage = plan.stage.as_ref().map(|stage| (stage.stage, stage.entered));
            let (tau, since): (Option<Timestamp>, _) = (contact.state.tau, contact.state.plans_since);
            (contact.rows.len(), plan.engagement.fixed, plan.qualify.on, stage, contact.state.booked, tau, since)
        };
        assert_eq!(summary(&known), summary(expected), "{id} at {}", answer.clock);
        assert_eq!(known.recomputed, answer.timeline.recomputed(), "{id}");
        let told_level = known.announced.subject(&SubjectId::Qualify("p".into())).map(|state| state.level.clone());
        assert_eq!(told_level == Some(Level::On), known.state.plans[0].qualify.on, "{id}: what was told is the level");
    }
    compared
}

#[test]
fn whatever_goes_wrong_around_recomputes_every_contact_is_the_fold_under_the_last_one() {
    let compared: usize = (1..=40).map(|seed| run(seed, Plans::Timeless)).sum();
    assert!(compared > 200, "{compared}");
}

#[test]
fn the_same_holds_with_timers() {
    let compared: usize = (201..=230).map(|seed| run(seed, Plans::Timed)).sum();
    assert!(compared > 150, "{compared}");
}
