//! A change of plans in the running service (S45): every contact takes its step at the change exactly once, whatever goes wrong meanwhile, and what lies
//! before the change stays under the old plans.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::sync::Arc;

use leadstream_core::plan::{Plan, PlanSet};
use leadstream_core::{Fold, Name, Points, Timeline, Timestamp};
use leadstream_runtime::log::model::{Call, Fate, Fault, FaultRates, Scripted};
use leadstream_runtime::{NumberedPlans, PlansInForce, WorkerError};
use leadstream_simulation::{Plans, Settings, World, check_told_once, event_line, expected_under, later_set, plans};

/// Contacts that got two views each: 20 points, under the first threshold and over the second.
const CONTACTS: usize = 10;

fn world_with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    change(&mut settings);
    let mut world = World::new(1, settings, 2);
    world.start(0, true).unwrap();
    views(&mut world, CONTACTS);
    world.settle(0).unwrap();
    assert!(world.told().derived.is_empty(), "nobody is qualified under the first plans");
    world
}

fn world() -> World {
    world_with(|_| {})
}

fn views(world: &mut World, contacts: usize) {
    for number in 0..2 * contacts {
        let contact = format!("c{}", number % contacts);
        let time_ms = world.log.now_ms() - 100 + number as i64;
        world.produce(&contact, &event_line(&contact, &format!("e{number}"), "viewed", time_ms));
    }
}

fn change(world: &mut World, set: u64) {
    world.settings_mut().plans.book.add(later_set(Plans::Timeless, set));
}

fn go_on(world: &mut World, rounds: usize) {
    for _ in 0..rounds {
        world.pass(20);
        world.step(0).unwrap();
    }
}

fn timeline_of(world: &mut World, contact: &str) -> Timeline {
    world.ask(contact).unwrap().timeline
}

/// Every contact was qualified by the change, once, with the mark that says so, at the instant of its task's change.
fn check_qualified_once(world: &mut World, contacts: usize) {
    let told = world.told().derived;
    assert_eq!(told.len(), contacts, "{told:#?}");
    for (contact, lines) in told {
        let since = timeline_of(world, &contact).latest().since.millis();
        let expected = format!("{contact} seq=1 lead.qualified n=1 time={since} since={since} None -> On");
        assert!(lines.len() == 1 && lines[0].starts_with(&expected), "{expected}: {lines:#?}");
        assert!(lines[0].contains("marks=[Plan]"), "{lines:?}");
    }
}

fn pending(world: &World) -> bool {
    world.handle(0).unwrap().status().tasks.iter().any(|task| task.plan_change_pending)
}

#[test]
fn contacts_without_another_event_take_their_step_when_the_plans_change_while_running_s45() {
    for (clock, rekeyed) in [(false, false), (true, false), (true, true)] {
        let mut world = world_with(|settings| {
            settings.rekeyed = rekeyed;
            if clock {
                settings.clock = World::wall_clock();
            }
        });
        change(&mut world, 2);
        go_on(&mut world, 200);
        check_qualified_once(&mut world, CONTACTS);
        assert!(!pending(&world));
        let sets: Vec<u64> = world.handle(0).unwrap().status().tasks.iter().map(|task| task.plan_set).collect();
        assert_eq!(sets, [2, 2]);
    }
}

#[test]
fn they_take_it_when_the_plans_changed_while_nobody_ran_and_of_several_changes_only_the_newest() {
    for (keeps_store, newest) in [(true, 2), (false, 2), (true, 4)] {
        let mut world = world();
        world.kill(0);
        (2..=newest).for_each(|set| change(&mut world, set));
        world.start(0, keeps_store).unwrap();
        go_on(&mut world, 200);
        check_qualified_once(&mut world, CONTACTS);
        let timeline = timeline_of(&mut world, "c1");
        let first = timeline.view(None).next_change(Timestamp::MIN).unwrap();
        assert_eq!((first, timeline.view(None).next_change(first)), (timeline.latest().since, None));
    }
}

#[test]
fn a_crash_at_any_call_of_the_commits_that_take_it_up_loses_no_step_and_repeats_none() {
    for keeps_store in [true, false] {
        for moment in 0..60 {
            let mut world = world_with(|settings| settings.write_back_ms = [0, 2_000][moment % 2]);
            change(&mut world, 2);
            world.crash_plan(0).after(moment as i64);
            go_on(&mut world, 40);
            world.kill(0);
            world.start(0, keeps_store).unwrap();
            go_on(&mut world, 200);
            check_qualified_once(&mut world, CONTACTS);
            world.check_offsets();
        }
    }
}

#[test]
fn an_epoch_that_takes_plans_up_and_fails_is_undone_and_tried_again() {
    let faults = [
        Fault::Refused,
        Fault::Outdated,
        Fault::Unknown(Fate::Applied),
        Fault::Unknown(Fate::Lost),
        Fault::Unknown(Fate::Delayed),
    ];
    for fault in faults {
        for times in [1, 3] {
            let mut world = world();
            let restored = world.metrics.restored_records.get();
            world.log.script(Scripted::next(Call::Commit, fault).times(times));
            change(&mut world, 2);
            go_on(&mut world, 200);
            assert_eq!(world.log.scripted_left(), 0);
            check_qualified_once(&mut world, CONTACTS);
            if fault == Fault::Refused {
                assert_eq!(world.metrics.restored_records.get(), restored, "undone in memory");
            }
        }
    }
}

#[test]
fn many_contacts_are_swept_in_portions_and_a_restart_in_the_middle_goes_on() {
    for keeps_store in [true, false] {
        let mut world = world_with(|settings| settings.contacts_bytes = 100_000_000);
        for number in 0..1_000 {
            let contact = format!("m{number}");
            let line = event_line(&contact, &format!("m{number}"), "viewed", world.log.now_ms());
            world.produce(&contact, &line);
            world.produce(&contact, &line.replace("|m", "|again-m"));
        }
        world.settle(0).unwrap();
        go_on(&mut world, 600);
        change(&mut world, 2);
        let mut seen = 0;
        for _ in 0..200 {
            go_on(&mut world, 1);
            seen = world.told().derived.len();
            if seen > 0 {
                break;
            }
        }
        assert!(seen > 0 && seen < 1_010 && pending(&world), "{seen} at once");
        world.kill(0);
        world.start(0, keeps_store).unwrap();
        go_on(&mut world, 400);
        assert!(!pending(&world));
        check_qualified_once(&mut world, 1_010);
        // What is swept is remembered: nothing is looked at again.
        world.kill(0);
        world.start(0, true).unwrap();
        go_on(&mut world, 3);
        assert!(!pending(&world));
    }
}

#[test]
fn a_late_event_before_the_change_is_scored_by_the_plans_of_its_time_and_a_later_one_by_the_new_s45() {
    for keeps_store in [None, Some(true), Some(false)] {
        let mut world = world();
        let before_ms = world.log.now_ms() - 1_000;
        change(&mut world, 2);
        go_on(&mut world, 100);
        if let Some(keeps_store) = keeps_store {
            world.kill(0);
            world.start(0, keeps_store).unwrap();
        }
        world.produce("c1", &event_line("c1", "late", "viewed", before_ms));
        world.produce("c1", &event_line("c1", "later", "viewed", world.log.now_ms()));
        world.settle(0).unwrap();
        let answer = world.ask("c1").unwrap();
        let contact = answer.contact.unwrap();
        assert_eq!(contact.state.plans[0].engagement.fixed.as_number(), 30.0 + 11.0);
        let told = &world.told().derived["c1"];
        assert_eq!(told.iter().filter(|line| line.contains("lead.")).count(), 1, "{told:#?}");
        let mut fold = Fold::new(answer.timeline.clone(), plans(Plans::Timeless).history);
        let since = answer.timeline.latest().since;
        let version = |fold: &mut Fold, at_ms: i64| {
            let past = fold.at(&contact, Timestamp::from_millis(at_ms)).unwrap();
            (fold.scorecard(&past, Timestamp::from_millis(at_ms)).plans[0].version, past.state.plans[0].qualify.on)
        };
        let (old, new) = (version(&mut fold, since.millis() - 1), version(&mut fold, since.millis()));
        assert_eq!((old.1, new.1), (false, true));
        assert!(old.0 != new.0, "a past instant is read under the plans of its time");
        assert_eq!(new.0, later_set(Plans::Timeless, 2).plans().plans()[0].version);
    }
}

#[test]
fn a_task_that_has_nothing_yet_begins_under_the_newest_plans() {
    let mut world = World::new(1, Settings::new(plans(Plans::Timeless)), 1);
    change(&mut world, 2);
    world.start(0, true).unwrap();
    views(&mut world, CONTACTS);
    world.settle(0).unwrap();
    assert_eq!(timeline_of(&mut world, "c1").view(None).next_change(Timestamp::MIN), None);
    let told = world.told().derived;
    assert!(told.len() == CONTACTS && told.values().all(|lines| lines[0].contains("marks=[]")), "{told:#?}");
}

#[test]
fn plans_taken_back_switch_off_who_they_had_qualified() {
    let mut world = world();
    change(&mut world, 2);
    go_on(&mut world, 100);
    change(&mut world, 3);
    go_on(&mut world, 100);
    for (contact, lines) in world.told().derived {
        assert!(lines.len() == 2 && lines[1].contains("lead.disqualified n=2"), "{contact}: {lines:#?}");
    }
}

#[test]
fn a_plan_that_is_gone_is_switched_off_and_what_it_booked_stays_explained_s47() {
    let mut world = world();
    change(&mut world, 2);
    go_on(&mut world, 100);
    let before_ms = world.ask("c1").unwrap().timeline.latest().since.millis() - 1;
    let mut other: Plan = (*later_set(Plans::Timeless, 2).plans().plans()[0]).clone();
    (other.id, other.key) = ("q".into(), Name::of("q"));
    for rule in &mut other.rules {
        rule.key = Name::of(&format!("q/{}", rule.id));
    }
    world.settings_mut().plans.book.add(NumberedPlans::of(3, Arc::new(PlanSet::new(vec![other]))));
    go_on(&mut world, 100);
    for (contact, lines) in world.told().derived {
        let off = lines.iter().filter(|line| line.contains("lead.disqualified n=2") && line.contains("marks=[Plan]"));
        assert_eq!(off.count(), 1, "{contact}: {lines:#?}");
    }
    world.produce("c1", &event_line("c1", "late", "viewed", before_ms));
    world.produce("c1", &event_line("c1", "later", "viewed", world.log.now_ms()));
    world.settle(0).unwrap();
    let answer = world.ask("c1").unwrap();
    let fold = Fold::new(answer.timeline.clone(), plans(Plans::Timeless).history);
    let explanation = fold.explain(&answer.contact.unwrap(), answer.clock);
    let booked: Vec<String> = explanation
        .history
        .iter()
        .flat_map(|line| line.booked.iter().map(|(plan, rule, points)| format!("{plan}/{rule} {}", points.as_number())))
        .collect();
    assert_eq!(booked, ["p/view 10", "p/view 10", "p/view 10", "q/view 11"]);
    let scored: Vec<_> =
        explanation.scorecard.plans.iter().map(|plan| (plan.plan.to_string(), plan.score.as_number())).collect();
    assert_eq!(scored, [("q".to_owned(), 11.0)]);
    for ledger in &explanation.ledgers {
        assert_eq!(ledger.lines.iter().map(|line| line.value()).sum::<Points>(), ledger.score, "{:?}", ledger.of);
    }
}

#[test]
fn a_restore_waits_for_a_set_that_is_not_known_yet_and_tells_one_that_is_lost_or_another() {
    let mut world = world();
    change(&mut world, 2);
    go_on(&mut world, 100);
    let full = world.settings_mut().plans.clone();
    let knows_one = || plans(Plans::Timeless);

    world.kill(0);
    world.settings_mut().plans = knows_one();
    world.start(0, true).unwrap();
    go_on(&mut world, 100);
    assert!(world.ask("c1").is_err(), "not known, not running");
    change(&mut world, 2);
    go_on(&mut world, 20);
    check_qualified_once(&mut world, CONTACTS);

    world.kill(0);
    world.settings_mut().plans = knows_one();
    world.start(0, true).unwrap();
    assert!(matches!(world.failure(), WorkerError::PlansLost { ordinal: 2, .. }));

    let other = knows_one();
    let odd = later_set(Plans::Timeless, 3);
    other.book.add(NumberedPlans::standing_for(2, odd.versions().to_vec(), odd.plans().clone()));
    world.settings_mut().plans = other;
    world.start(0, true).unwrap();
    let error = world.failure();
    assert!(matches!(error, WorkerError::PlansDiffer { ordinal: 2, .. }), "{error}");

    world.settings_mut().plans = full;
    world.start(0, true).unwrap();
    go_on(&mut world, 50);
    world.settings_mut().plans.book.fail("plan set 3 cannot be read: run a newer version".to_owned());
    assert_eq!(world.failure(), WorkerError::Plans("plan set 3 cannot be read: run a newer version".to_owned()));
}

/// Faults, crashes and plan changes by a seed; in the end each contact is the fold of its events under its task's plans over time.
fn run(seed: u64, which: Plans) {
    println!("seed {seed}");
    let mut settings = Settings::new(plans(which));
    settings.rekeyed = seed.is_multiple_of(4);
    settings.write_back_ms = [0, 300, 2_000][seed as usize % 3];
    settings.contacts_bytes = [1, 40_000][seed as usize % 2];
    let in_force: PlansInForce = settings.plans.clone();
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
        if world.random.chance(40) {
            set += 1;
            in_force.book.add(later_set(which, set));
        }
        if world.random.chance(30) {
            world.log.compact("changelog", true);
        }
        for number in 0..2 {
            if !world.is_alive(number) {
                if world.random.chance(300) {
                    let keeps_store = world.random.chance(600);
                    world.start(number, keeps_store).unwrap();
                }
            } else if world.random.chance(20) {
                world.kill(number);
            } else if world.random.chance(30) {
                let moments = world.random.below(60) as i64;
                world.crash_plan(number).after(moments);
            }
            for _ in 0..world.random.below(3) {
                world.step(number).unwrap();
            }
        }
    }
    world.rest();
    check_contacts(&mut world, &in_force, set);
}

fn check_contacts(world: &mut World, in_force: &PlansInForce, set: u64) {
    let produced: Vec<String> = world.produced().collect();
    check_told_once(&world.told().derived);
    let mut contacts: Vec<&str> =
        produced.iter().filter(|value| value.contains('|')).filter_map(|value| value.split('|').next()).collect();
    contacts.sort_unstable();
    contacts.dedup();
    for contact in contacts {
        let answer = world.ask(contact).unwrap();
        let newest = later_set(Plans::Timeless, set).plans().plans()[0].rules[0].points.clone();
        assert_eq!(format!("{:?}", answer.timeline.latest().plans.plans()[0].rules[0].points), format!("{newest:?}"));
        let own = produced.iter().filter(|value| value.starts_with(&format!("{contact}|"))).cloned();
        let expected = expected_under(answer.timeline.clone(), in_force.history, own, answer.clock);
        let Some(expected) = expected.contacts.get(contact) else {
            // Erased, or reinstated and not heard of since.
            assert!(answer.contact.is_none() && expected.erased.contains_key(contact), "{contact} came back");
            continue;
        };
        let known = answer.contact.unwrap();
        let summary = |contact: &leadstream_core::Contact| {
            let plan = &contact.state.plans[0];
            let stage = plan.stage.as_ref().map(|stage| stage.stage);
            let since = contact.state.plans_since;
            (contact.rows.len(), plan.engagement.fixed, plan.qualify.on, stage, contact.state.booked, since)
        };
        assert_eq!(summary(&known), summary(expected), "{contact} at {}", answer.clock);
        let announced = known.announced.subjects.iter().any(|subject| {
            matches!(subject.subject, leadstream_core::contact::SubjectId::Qualify(_))
                && subject.level == leadstream_core::contact::Level::On
        });
        assert_eq!(announced, known.state.plans[0].qualify.on, "{contact}: what was told is the level");
    }
}

#[test]
fn whatever_goes_wrong_around_changes_every_contact_is_the_fold_under_its_plans_over_time() {
    for seed in 1..=60 {
        run(seed, Plans::Timeless);
    }
}

#[test]
fn the_same_holds_with_timers() {
    for seed in 201..=240 {
        run(seed, Plans::Timed);
    }
}
