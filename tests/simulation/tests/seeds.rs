//! Many seeds: whatever goes wrong, readers see what one failure-free run would have told.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use leadstream_core::{Contact, Timestamp};
use leadstream_runtime::PlansInForce;
use leadstream_runtime::log::model::FaultRates;
use leadstream_simulation::{Plans, Random, Settings, World, expected, plans};

/// Seeds that run each time.
const SEEDS: u64 = 150;
/// Rounds in which things go wrong.
const ROUNDS: u64 = 120;
/// Rounds after which a world without faults must have come to rest.
const ROUNDS_TO_REST: u64 = 3_000;

fn settings(random: &mut Random, which: Plans) -> Settings {
    let mut settings = Settings::new(plans(which));
    settings.rekeyed = random.chance(300);
    settings.write_back_ms = [0, 300, 2_000][random.below(3) as usize];
    settings.contacts_bytes = [1, 40_000, 10_000_000][random.below(3) as usize];
    settings.redo_part_bytes = [1, 600, 500_000][random.below(3) as usize];
    if which == Plans::Timed && random.chance(500) {
        settings.clock = World::wall_clock();
    }
    settings
}

fn rates(random: &mut Random) -> FaultRates {
    let mut rate = |most: u64| if random.chance(500) { random.below(most) as u16 } else { 0 };
    FaultRates {
        unavailable: rate(300),
        refused: rate(50),
        outdated: rate(300),
        expelled: rate(100),
        unknown: rate(600),
        late_markers: rate(500),
        rebalance: rate(50),
    }
}

fn disturb(world: &mut World) {
    if world.random.chance(30) {
        world.log.rebalance("scoring");
    }
    if world.random.chance(50) {
        world.log.compact("changelog", world.random.clone().chance(500));
    }
    if world.random.chance(100) {
        world.log.deliver_delayed();
    }
    if world.random.chance(10) {
        let number = world.random.below(world.instances() as u64);
        world.log.expire_session("scoring", &format!("instance-{number}"));
    }
    if world.random.chance(20) {
        let jump_ms = world.random.below(7_200_000) as i64 - 3_600_000;
        world.clock.jump(Timestamp::from_millis(world.log.now_ms() + jump_ms));
    }
    for number in 0..world.instances() {
        if !world.is_alive(number) {
            if world.random.chance(200) {
                let keeps_store = world.random.chance(600);
                world.start(number, keeps_store).unwrap();
            }
        } else if world.random.chance(12) {
            world.kill(number);
        } else if world.random.chance(25) {
            let moments = world.random.below(60) as i64;
            world.crash_plan(number).after(moments);
        }
    }
}

fn live(world: &mut World) {
    for _ in 0..ROUNDS {
        for _ in 0..world.random.below(4) {
            world.produce_something();
        }
        let milliseconds = if world.random.chance(15) { 5_000 } else { 5 + world.random.below(60) };
        world.pass(milliseconds);
        disturb(world);
        for number in 0..world.instances() {
            for _ in 0..world.random.below(3) {
                world.step(number).unwrap();
            }
        }
    }
}

fn come_to_rest(world: &mut World) {
    world.log.clear_faults();
    world.log.deliver_delayed();
    world.log.write_markers();
    for number in 0..world.instances() {
        world.crash_plan(number).never();
        if !world.is_alive(number) {
            world.start(number, true).unwrap();
        }
    }
    for _ in 0..ROUNDS_TO_REST {
        world.pass(20);
        for number in 0..world.instances() {
            world.step(number).unwrap();
        }
        if world.random.chance(50) && world.is_done() {
            return;
        }
    }
    panic!("the world did not come to rest");
}

fn run(seed: u64, which: Plans) -> Reach {
    let mut random = Random::new(seed ^ 0x5eed);
    let settings = settings(&mut random, which);
    let in_force = settings.plans.clone();
    let mut world = World::new(seed, settings, 2);
    world.start(0, true).unwrap();
    world.start(1, true).unwrap();
    world.log.draw_faults(seed, rates(&mut random));
    live(&mut world);
    come_to_rest(&mut world);
    world.check_offsets();
    let expected = expected(&in_force, world.produced(), Timestamp::MIN);
    let told = world.told();
    let mut dead = expected.dead;
    dead.sort();
    assert_eq!(told.dead, dead, "dead letters");
    match which {
        Plans::Timeless => {
            assert_eq!(told.derived, expected.told);
            check_contacts(&mut world, &in_force);
        }
        Plans::Timed => {
            check_told_once(&told.derived);
            // Whatever was due when all input was read fires in its time.
            for _ in 0..120 {
                world.pass(2_000);
                for number in 0..world.instances() {
                    world.step(number).unwrap();
                    world.step(number).unwrap();
                }
            }
            check_told_once(&world.told().derived);
        }
    }
    Reach {
        aborted: world.metrics.commits.with_label_values(&["aborted"]).get(),
        unknown: world.metrics.commits.with_label_values(&["unknown"]).get(),
        restored: world.metrics.restored_records.get(),
        written_back: world.metrics.written_back.get(),
        timers: world.metrics.timers.get(),
        told: told.derived.values().map(|lines| lines.len() as u64).sum(),
        duplicates: world.metrics.deliveries.with_label_values(&["duplicate"]).get(),
        rekeyed: world.metrics.deliveries.with_label_values(&["rekeyed"]).get(),
    }
}

/// What happened in the runs: a simulation in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    aborted: u64,
    unknown: u64,
    restored: u64,
    written_back: u64,
    timers: u64,
    told: u64,
    duplicates: u64,
    rekeyed: u64,
}

impl Reach {
    fn add(&mut self, other: Reach) {
        self.aborted += other.aborted;
        self.unknown += other.unknown;
        self.restored += other.restored;
        self.written_back += other.written_back;
        self.timers += other.timers;
        self.told += other.told;
        self.duplicates += other.duplicates;
        self.rekeyed += other.rekeyed;
    }

    fn check(&self, which: Plans) {
        let reached =
            [self.aborted, self.unknown, self.restored, self.written_back, self.told, self.duplicates, self.rekeyed];
        assert!(reached.iter().all(|count| *count > 10), "{self:?}");
        assert_eq!(self.timers > 10, which == Plans::Timed, "{self:?}");
    }
}

/// Every contact is what its events make of it (L1).
fn check_contacts(world: &mut World, in_force: &PlansInForce) {
    let contacts: Vec<String> = expected(in_force, world.produced(), Timestamp::MIN).contacts.into_keys().collect();
    for contact in contacts {
        let answer = world.ask(&contact).unwrap();
        let known = answer.contact.unwrap();
        let expected = &expected(in_force, world.produced(), answer.clock).contacts[&contact];
        let summary = |contact: &Contact| {
            let plan = &contact.state.plans[0];
            let stage = plan.stage.as_ref().map(|stage| stage.stage.clone());
            (contact.rows.len(), plan.engagement, plan.qualify.on, stage, contact.state.booked)
        };
        assert_eq!(summary(&known), summary(expected), "{contact} at {}", answer.clock);
    }
}

/// With timers, what is told depends on when the clock ticked; but never is anything told twice or out of order (S54, S55).
fn check_told_once(derived: &std::collections::BTreeMap<String, Vec<String>>) {
    let mut ids = std::collections::BTreeSet::new();
    for (contact, lines) in derived {
        for (index, line) in lines.iter().enumerate() {
            assert!(line.starts_with(&format!("{contact} seq={} ", index + 1)), "{contact}: {lines:#?}");
            let id = line.rsplit("id=").next().unwrap();
            assert!(ids.insert(id.to_owned()), "told twice: {line}");
        }
    }
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("LEADSTREAM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("LEADSTREAM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

fn run_all(which: Plans) {
    let mut failed = Vec::new();
    let mut reach = Reach::default();
    let seeds = seeds();
    for seed in &seeds {
        match catch_unwind(AssertUnwindSafe(|| run(*seed, which))) {
            Ok(reached) => reach.add(reached),
            Err(_) => {
                println!("seed {seed} failed; LEADSTREAM_SEED={seed} runs it alone");
                failed.push(*seed);
            }
        }
    }
    assert!(failed.is_empty(), "failing seeds: {failed:?}");
    if seeds.len() >= 50 {
        reach.check(which);
    }
}

#[test]
fn whatever_goes_wrong_readers_see_what_one_failure_free_run_would_have_told() {
    run_all(Plans::Timeless);
}

#[test]
fn with_timers_nothing_is_told_twice_or_out_of_order_whatever_goes_wrong() {
    run_all(Plans::Timed);
}
