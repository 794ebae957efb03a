//! Ids that become one contact across tasks, and are parted (S48 to S52): whatever breaks meanwhile, and in what is left behind.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadstream_core::contact::{Level, SubjectId};
use leadstream_core::identity::links::{root_of, sets};
use leadstream_core::identity::{LINKS_MAX, Link, LinkRecord};
use leadstream_core::{Contact, HistoryLimits, Timestamp, Uid};
use leadstream_runtime::QueryAnswer;
use leadstream_runtime::log::model::{Call, Fault, Scripted};
use leadstream_runtime::log::{Log, TopicPartition, partition_for_key};
use leadstream_simulation::{
    Plans, Random, Settings, World, await_purged, event_line, expected_under, go_quiet, later_set, plans,
};

/// A name that is part of nothing else.
const ERIKA: &str = "erika.mustermann@example.org";

fn world_with(seed: u64, instances: usize, change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::new(plans(Plans::Timeless));
    settings.identities = true;
    // Without bases, what ids have together is exact (S49).
    settings.plans.history = HistoryLimits::default();
    change(&mut settings);
    let mut world = World::new(seed, settings, instances);
    (0..instances).for_each(|number| world.start(number, true).unwrap());
    world
}

fn produce(world: &mut World, contact: &str, id: &str, what: &str, time_ms: i64) {
    world.produce(contact, &event_line(contact, id, what, time_ms));
}

/// Now, with a record of it.
fn say(world: &mut World, contact: &str, id: &str, what: &str) {
    let now_ms = world.log.now_ms();
    produce(world, contact, id, what, now_ms);
}

/// Two ids of different tasks.
fn two_tasks() -> [String; 2] {
    [0, 1].map(|task| {
        let names = (0..100).map(|number| format!("v{number}"));
        names.into_iter().find(|name| partition_for_key(name.as_bytes(), 2) == task).unwrap()
    })
}

/// The contact that an id belongs to, and what is known of it.
fn contact_of(world: &mut World, id: &str) -> (Arc<str>, QueryAnswer) {
    let answer = world.insist(id);
    match answer.contact.as_ref().and_then(|contact| contact.root().cloned()) {
        Some(root) => (Arc::clone(&root), world.insist(&root)),
        None => (Arc::from(id), answer),
    }
}

/// Link records of all that was produced, and everything else under the ids that these make one.
fn united(world: &World) -> (Vec<LinkRecord>, Vec<String>) {
    let mut records = Vec::new();
    let values: Vec<String> = world.produced().collect();
    for value in &values {
        let [contact, id, what, time] = value.split('|').collect::<Vec<_>>()[..] else { continue };
        let link = match what.split_once(':') {
            Some(("merge", into)) if into != contact => Link::Merge(Arc::from(contact), Arc::from(into)),
            Some(("split", merge)) => Link::Split(Uid::of("simulation", merge)),
            _ => continue,
        };
        let time = Timestamp::from_millis(time.parse().unwrap());
        records.push(LinkRecord { uid: Uid::of("simulation", id), time, link });
    }
    let sets = sets(records.iter());
    let united = values.iter().filter_map(|value| {
        let (contact, rest) = value.split_once('|')?;
        let is_link = rest.contains("|merge:") || rest.contains("|split:");
        (!is_link).then(|| format!("{}|{rest}", root_of(&sets, &Arc::from(contact))))
    });
    let united = united.collect();
    (records, united)
}

/// Each contact is what was delivered to its ids makes of it, and what was told of it are its levels.
fn check_united(world: &mut World, ids: &[String]) {
    let (records, values) = united(world);
    let sets = sets(records.iter());
    for id in ids.iter().map(|id| Arc::from(id.as_str())) {
        let root = root_of(&sets, &id);
        let (found, answer) = contact_of(world, &id);
        assert_eq!(found, *root, "the root of {id}");
        let values: Vec<String> =
            values.iter().filter(|value| value.split('|').next() == Some(&**root)).cloned().collect();
        // Under the plans of its task, whose change is a step of every contact (S45).
        let since = answer.timeline.latest().since;
        let whole = expected_under(answer.timeline, HistoryLimits::default(), values, since);
        let contact = answer.contact.filter(|contact| !contact.is_blank());
        let Some(expected) = whole.contacts.get(&**root) else {
            assert!(contact.is_none(), "{root} has something");
            continue;
        };
        let contact = contact.unwrap_or_else(|| panic!("{root} is not known"));
        let uids = |contact: &Contact| contact.rows.as_slice().iter().map(|row| row.order()).collect::<Vec<_>>();
        assert_eq!(uids(&contact), uids(expected), "the rows of {root}");
        let bookings = |contact: &Contact| {
            contact.ledger.as_slice().iter().map(|b| (b.time, b.cause, b.applied)).collect::<Vec<_>>()
        };
        assert_eq!(bookings(&contact), bookings(expected), "what was booked for {root}");
        assert_eq!(contact.state.plans, expected.state.plans, "{root}");
        assert_eq!(contact.state.tags, expected.state.tags, "{root}");
        for announced in &contact.announced.subjects {
            let plan = |id: &str| contact.state.plans.iter().find(|plan| *plan.plan == *id);
            let level = match &announced.subject {
                SubjectId::Tag(tag) => contact.state.tag(tag).map_or(Level::None, |_| Level::On),
                SubjectId::Stage(id) => {
                    plan(id).and_then(|plan| plan.stage.as_ref()).map_or(Level::None, |stage| Level::Stage(stage.stage))
                }
                SubjectId::Qualify(id) => plan(id).filter(|plan| plan.qualify.on).map_or(Level::None, |_| Level::On),
                other => panic!("{other:?} is in no plan"),
            };
            assert_eq!(announced.level, level, "{root} {:?}", announced.subject);
        }
    }
    check_told(world);
}

/// Nothing is told twice; numbers rise and time never goes back on each key.
fn check_told(world: &World) {
    let mut told_ids = BTreeSet::new();
    for (contact, lines) in world.told().derived {
        let number = |line: &str, name: &str| {
            line.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().parse::<i64>().unwrap()
        };
        let order: Vec<(i64, i64)> = lines.iter().map(|line| (number(line, "seq="), number(line, "time="))).collect();
        assert!(order.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{contact}: {lines:#?}");
        for line in &lines {
            assert!(told_ids.insert(line.rsplit("id=").next().unwrap().to_owned()), "told twice: {line}");
        }
    }
}

/// The kinds told on a key.
fn kinds(world: &World, contact: &str) -> Vec<String> {
    let told = world.told().derived;
    let lines = told.get(contact).map_or(&[][..], Vec::as_slice);
    lines.iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect()
}

#[test]
fn what_an_anonymous_visitor_earned_follows_to_another_task_s48_s50() {
    let [visitor, ann] = two_tasks();
    let mut world = world_with(1, 1, |_| {});
    say(&mut world, &visitor, "1", "bought");
    say(&mut world, &ann, "2", "viewed");
    world.settle(0).unwrap();
    say(&mut world, &visitor, "m", &format!("merge:{ann}"));
    world.settle(0).unwrap();
    assert_eq!(kinds(&world, &visitor), ["tag.added", "contact.merged"]);
    assert_eq!(kinds(&world, &ann), ["contact.merged", "stage.advanced"]);
    // What comes later for either id reaches the one contact; 35 + 10 + 10 qualify.
    say(&mut world, &visitor, "3", "viewed");
    world.settle(0).unwrap();
    assert_eq!(kinds(&world, &ann)[2..], ["lead.qualified"]);
    check_united(&mut world, &[visitor.clone(), ann.clone()]);
    // And is parted again.
    say(&mut world, &visitor, "s", "split:m");
    say(&mut world, &visitor, "4", "viewed");
    world.settle(0).unwrap();
    check_united(&mut world, &[visitor.clone(), ann.clone()]);
    assert_eq!(kinds(&world, &ann)[3..], ["contact.split", "tag.removed", "stage.regressed", "lead.disqualified"]);
    assert!(kinds(&world, &visitor).contains(&"lead.qualified".to_owned()));
    assert!(world.told().dead.is_empty());
}

/// Chains, a circle, a merge before any event, a split that comes before its merge, events in between.
fn much_happens(world: &mut World) {
    let ids: Vec<String> = (0..5).map(|number| format!("c{number}")).collect();
    world.produce_events(0, 10);
    let t_ms = world.log.now_ms();
    for (contact, id, what, after_ms) in [
        ("c0", "m1", "merge:c1", 5),
        ("c2", "x1", "bought", 6),
        ("c1", "m2", "merge:c2", 7),
        ("c0", "x2", "viewed", 8),
        ("c2", "m3", "merge:c0", 9),
        ("c7", "m4", "merge:c3", 10),
        ("c4", "s5", "split:m5", 30),
        ("c4", "m5", "merge:c3", 12),
        ("c7", "x3", "bought", 13),
        ("c0", "s1", "split:m1", 14),
        ("c0", "x4", "complained", 15),
        ("c1", "x5", "viewed", 16),
    ] {
        produce(world, contact, id, what, t_ms + after_ms);
        world.produce_events(10 + after_ms as u64 * 10, 3);
    }
    assert_eq!(ids.len(), 5);
}

fn everybody() -> Vec<String> {
    (0..8).map(|number| format!("c{number}")).collect()
}

#[test]
fn whatever_dies_meanwhile_each_contact_is_the_union_of_its_ids_l1_l2() {
    for (write_back_ms, rekeyed) in [(0, false), (300, false), (300, true)] {
        for moment in 0..60 {
            let mut world = world_with(moment, 1, |settings| {
                (settings.write_back_ms, settings.rekeyed) = (write_back_ms, rekeyed);
            });
            much_happens(&mut world);
            world.crash_plan(0).after(moment as i64 * 2);
            for _ in 0..100 {
                world.pass(20);
                world.step(0).unwrap();
            }
            world.start(0, moment % 2 == 0).unwrap();
            world.settle(0).unwrap();
            check_united(&mut world, &everybody());
            let told = world.told();
            assert!(told.dead.is_empty(), "{:?}", told.dead);
            world.kill(0);
            world.start(0, moment % 3 == 0).unwrap();
            world.settle(0).unwrap();
            check_united(&mut world, &everybody());
            assert_eq!(world.told(), told);
            world.check_offsets();
        }
    }
}

#[test]
fn an_epoch_that_fails_takes_merges_back_l2() {
    for times in [1, 2, 3] {
        let mut world = world_with(times, 1, |_| {});
        world.produce_events(0, 10);
        world.settle(0).unwrap();
        much_happens(&mut world);
        for _ in 0..6 {
            world.log.script(Scripted::next(Call::Commit, Fault::Refused).times(times as u32));
            for _ in 0..times * 20 {
                world.pass(20);
                world.step(0).unwrap();
            }
        }
        world.settle(0).unwrap();
        assert!(world.metrics.commits.with_label_values(&["aborted"]).get() >= times);
        check_united(&mut world, &everybody());
    }
}

#[test]
fn whoever_owns_the_tasks_records_make_the_same_contacts_from_seeds_l1() {
    for seed in 0..40 {
        let mut world = world_with(seed, 2, |settings| settings.write_back_ms = 300);
        let mut random = Random::new(seed);
        let mut merges = Vec::new();
        for number in 0..60u64 {
            let (one, other) = (random.below(8), random.below(8));
            let time_ms = world.log.now_ms() - random.below(2_000) as i64;
            let contact = format!("c{one}");
            match random.below(10) {
                0 | 1 => {
                    merges.push((contact.clone(), format!("r{number}")));
                    produce(&mut world, &contact, &format!("r{number}"), &format!("merge:c{other}"), time_ms);
                }
                2 if !merges.is_empty() => {
                    let (via, merge) = merges[random.below(merges.len() as u64) as usize].clone();
                    produce(&mut world, &via, &format!("r{number}"), &format!("split:{merge}"), time_ms);
                }
                3 => {
                    let instance = random.below(2) as usize;
                    if world.is_alive(instance) {
                        world.crash_plan(instance).after(random.below(30) as i64);
                    } else {
                        world.start(instance, random.chance(500)).unwrap();
                    }
                }
                _ => {
                    let what = ["viewed", "bought", "complained"][random.below(3) as usize];
                    produce(&mut world, &contact, &format!("r{number}"), what, time_ms);
                }
            }
            for _ in 0..random.below(12) {
                world.pass(20);
                (0..2).for_each(|instance| world.step(instance).unwrap());
            }
        }
        (0..2).for_each(|instance| world.crash_plan(instance).never());
        for instance in 0..2 {
            if !world.is_alive(instance) {
                world.start(instance, true).unwrap();
            }
        }
        for round in 0.. {
            assert!(round < 3_000, "seed {seed} does not settle");
            world.pass(20);
            (0..2).for_each(|instance| world.step(instance).unwrap());
            if round % 20 == 19 && world.is_done() && world.owns_everything() {
                break;
            }
        }
        check_united(&mut world, &everybody());
    }
}

#[test]
fn ids_become_one_while_plans_change_whatever_dies_meanwhile_s45_s48() {
    let (mut changed_under_way, mut crashes) = (0, 0);
    for moment in 0..60 {
        let mut world = world_with(moment, 2, |settings| settings.write_back_ms = [0, 300][moment as usize % 2]);
        much_happens(&mut world);
        let go_on = |world: &mut World, rounds: u64| {
            for _ in 0..rounds {
                world.pass(20);
                (0..2).for_each(|instance| world.step(instance).unwrap());
            }
        };
        // Contacts go from tasks that are under the new plans to some that are not yet, and the other way round.
        go_on(&mut world, moment);
        let requests =
            |world: &World, outcome: &str| world.metrics.identity_requests.with_label_values(&[outcome]).get();
        let under_way = requests(&world, "asked") > requests(&world, "applied") + requests(&world, "duplicate");
        changed_under_way += u64::from(under_way);
        world.settings_mut().plans.book.add(later_set(Plans::Timeless, 2));
        let instance = moment as usize % 3;
        if instance < 2 {
            world.crash_plan(instance).after(moment as i64 / 2);
            go_on(&mut world, 40);
            crashes += u64::from(!world.is_alive(instance));
            world.crash_plan(instance).never();
            if !world.is_alive(instance) {
                world.start(instance, moment % 2 == 0).unwrap();
            }
        }
        go_on(&mut world, 400);
        let tasks = (0..2).flat_map(|instance| world.handle(instance).unwrap().status().tasks);
        let (sets, pending): (Vec<u64>, Vec<bool>) =
            tasks.map(|task| (task.plan_set, task.plan_change_pending)).unzip();
        assert_eq!((sets, pending), (vec![2, 2], vec![false, false]), "at {moment}");
        check_united(&mut world, &everybody());
    }
    assert!(changed_under_way > 10 && crashes > 10, "{changed_under_way} changes in the middle, {crashes} crashes");
}

#[test]
fn what_becomes_of_requests_and_messages_between_ids_is_counted_l5() {
    let [visitor, ann] = two_tasks();
    let mut world = world_with(1, 1, |_| {});
    let count = |world: &World, outcome: &str| world.metrics.identity_requests.with_label_values(&[outcome]).get();
    let messages = |world: &World, kind: &str| world.metrics.identity_messages.with_label_values(&[kind]).get();
    say(&mut world, &visitor, "1", "bought");
    world.settle(0).unwrap();
    let kinds = ["event", "notice", "merge", "split"];
    assert_eq!(kinds.map(|kind| messages(&world, kind)), [0; 4], "nobody is charged who merges nobody");
    say(&mut world, &visitor, "m", &format!("merge:{ann}"));
    world.settle(0).unwrap();
    say(&mut world, &visitor, "m", &format!("merge:{ann}"));
    say(&mut world, &visitor, "2", "viewed");
    world.settle(0).unwrap();
    say(&mut world, &visitor, "s", "split:m");
    say(&mut world, "c1", "x", "erase");
    world.settle(0).unwrap();
    say(&mut world, "c1", "m2", &format!("merge:{ann}"));
    world.settle(0).unwrap();
    let outcomes = ["asked", "applied", "duplicate", "erased", "refused"];
    assert_eq!(outcomes.map(|outcome| count(&world, outcome)), [4, 2, 1, 1, 0]);
    assert_eq!(["event", "merge", "split"].map(|kind| messages(&world, kind)), [1, 1, 1]);
    assert!(messages(&world, "notice") > 5);
}

#[test]
fn a_record_that_finds_two_hundred_others_is_a_dead_letter_and_changes_nothing_s58() {
    let mut world = world_with(1, 1, |_| {});
    let t_ms = world.log.now_ms();
    say(&mut world, "v0", "e", "viewed");
    for number in 0..LINKS_MAX as i64 + 1 {
        produce(&mut world, "v0", &format!("m{number:03}"), "merge:ann", t_ms + number);
        if number % 50 == 0 {
            world.settle(0).unwrap();
        }
    }
    world.settle(0).unwrap();
    let dead = world.told().dead;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0].starts_with("too_many_links "), "{dead:?}");
    assert_eq!(contact_of(&mut world, "v0").0, Arc::from("ann"));
    // An erasure is never refused.
    say(&mut world, "v0", "x", "erase");
    world.settle(0).unwrap();
    assert!(world.insist("ann").erased && world.insist("v0").erased);
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

#[test]
fn erasing_one_id_erases_all_of_its_contact_s52_l6() {
    for moment in (0..60).step_by(3) {
        let [visitor, _] = two_tasks();
        let anonymous = format!("{visitor}-of-{ERIKA}");
        let mut world = world_with(moment, 1, |_| {});
        world.produce_events(0, 10);
        say(&mut world, ERIKA, "1", "bought");
        say(&mut world, &anonymous, "2", "bought");
        say(&mut world, &anonymous, "m", &format!("merge:{ERIKA}"));
        say(&mut world, &anonymous, "3", "bought");
        world.settle(0).unwrap();
        say(&mut world, &anonymous, "x", "erase");
        world.crash_plan(0).after(moment as i64);
        for _ in 0..60 {
            world.pass(20);
            world.step(0).unwrap();
        }
        world.start(0, moment % 2 == 0).unwrap();
        world.settle(0).unwrap();
        say(&mut world, &anonymous, "4", "bought");
        say(&mut world, ERIKA, "5", "bought");
        say(&mut world, "c1", "m2", &format!("merge:{ERIKA}"));
        world.settle(0).unwrap();
        for id in [ERIKA, &anonymous] {
            let answer = world.insist(id);
            assert!(answer.erased && answer.contact.is_none(), "{id}");
        }
        assert_eq!(kinds(&world, ERIKA).iter().filter(|kind| *kind == "contact.erased").count(), 1);
        assert!(!kinds(&world, &anonymous).contains(&"contact.erased".to_owned()));
        // Nobody becomes one with somebody who was erased.
        assert_eq!(world.told().dead, [format!("id_erased {}", Uid::of("simulation", "m2"))]);
        assert!(world.insist("c1").contact.unwrap().root().is_none());
        go_quiet(&mut world);
        for topic in ["changelog", "scores"] {
            world.log.compact(topic, true);
        }
        for topic in ["changelog", "redo", "scores", "identities"] {
            assert_eq!(seen_in(&world, topic, ERIKA), Vec::<String>::new(), "{topic} at {moment}");
        }
        await_purged(&mut world, 0, ERIKA);
        check_told(&world);
    }
}

#[test]
fn a_contact_of_more_than_fifty_ids_is_a_dead_letter_and_nothing_is_lost_s48_s58() {
    let mut world = world_with(1, 1, |_| {});
    for number in 0..52 {
        let id = format!("v{number}");
        say(&mut world, &id, &format!("e{number}"), "viewed");
        let into = if number == 0 { "v0" } else { "ann" };
        let now_ms = world.log.now_ms() + number;
        produce(&mut world, &id, &format!("m{number:02}"), &format!("merge:{into}"), now_ms);
    }
    world.settle(0).unwrap();
    let answer = world.insist("ann");
    assert_eq!(answer.contact.as_ref().unwrap().ids().len(), 50);
    assert_eq!(answer.contact.unwrap().rows.len(), 49);
    // Two found no room, whichever came last; what was delivered to them is still theirs.
    let dead = world.told().dead;
    assert_eq!(dead.iter().filter(|letter| letter.starts_with("too_many_ids ")).count(), 2, "{dead:?}");
    let alone = (1..52).filter(|number| {
        let answer = world.insist(&format!("v{number}"));
        answer.contact.is_some_and(|contact| contact.root().is_none() && contact.rows.len() == 1)
    });
    assert_eq!(alone.count(), 2);
    assert_eq!(world.metrics.dead_letters.with_label_values(&["too_many_ids"]).get(), 2);
}

#[test]
fn an_absorbed_id_has_no_scores_and_is_in_no_list_s50() {
    let [visitor, ann] = two_tasks();
    let mut world = world_with(1, 1, |settings| settings.write_back_ms = 0);
    say(&mut world, &visitor, "1", "bought");
    world.settle(0).unwrap();
    say(&mut world, &visitor, "m", &format!("merge:{ann}"));
    world.settle(0).unwrap();
    go_quiet(&mut world);
    world.log.compact("scores", true);
    let mut scores: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for task in 0..2 {
        let partition = TopicPartition::new("scores", task);
        let start = world.log.bounds(std::slice::from_ref(&partition)).unwrap()[0].start_offset;
        scores.extend(world.read_from(&partition, start));
    }
    scores.retain(|_, value| !value.is_empty());
    assert_eq!(scores.into_keys().collect::<Vec<_>>(), [ann.into_bytes()]);
}
