//! What happens to a world, drawn from its seed: input, time, and everything that can go wrong.

use leadstream_core::Timestamp;
use leadstream_runtime::log::model::FaultRates;

use crate::random::Random;
use crate::world::World;

/// Rounds after which a world without faults must have come to rest.
const ROUNDS_TO_REST: u64 = 3_000;

/// What happens in one run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Rounds in which things go wrong.
    pub rounds: u64,
    /// Most records produced in a round.
    pub records: u64,
    /// Faults of the cluster.
    pub rates: FaultRates,
    /// Processes die, stall and are replaced, and members are expelled.
    pub deaths: bool,
    /// The wall clock jumps.
    pub jumps: bool,
    /// Rounds for which each instance is not stepped, as a process that was stopped.
    paused: Vec<u64>,
}

impl Schedule {
    /// Draws what happens.
    pub fn draw(random: &mut Random, instances: usize) -> Schedule {
        let deaths = !random.chance(150);
        let mut rate = |most: u64| if random.chance(500) { random.below(most) as u16 } else { 0 };
        let rates = FaultRates {
            unavailable: rate(300),
            refused: rate(50),
            outdated: rate(300),
            expelled: if deaths { rate(100) } else { 0 },
            unknown: if deaths { rate(600) } else { 0 },
            late_markers: rate(500),
            rebalance: rate(50),
        };
        // An abort that does not arrive leaves an unknown outcome behind, and with it what cannot be counted.
        let rates = if deaths { rates } else { FaultRates { unavailable: 0, ..rates } };
        Schedule { rounds: 90, records: 4, rates, deaths, jumps: random.chance(500), paused: vec![0; instances] }
    }

    /// Lets it happen.
    ///
    /// # Panics
    /// Where a worker gives up.
    pub fn live(&mut self, world: &mut World, seed: u64) {
        world.log.draw_faults(seed, self.rates);
        for _ in 0..self.rounds {
            for _ in 0..world.random.below(self.records) {
                world.produce_something();
            }
            let milliseconds = if world.random.chance(15) { 5_000 } else { 5 + world.random.below(60) };
            world.pass(milliseconds);
            self.disturb(world);
            for number in 0..world.instances() {
                let steps = world.random.below(3);
                if self.paused[number] > 0 {
                    self.paused[number] -= 1;
                    continue;
                }
                for _ in 0..steps {
                    world.step(number).unwrap_or_else(|error| panic!("instance {number}: {error}"));
                }
            }
            world.step_zombies().unwrap_or_else(|error| panic!("zombie: {error}"));
        }
    }

    fn disturb(&mut self, world: &mut World) {
        if world.random.chance(30) {
            world.log.rebalance("scoring");
        }
        if world.random.chance(50) {
            world.log.compact("changelog", world.random.clone().chance(500));
        }
        if world.random.chance(100) {
            world.log.deliver_delayed();
        }
        if world.random.chance(20) && self.jumps {
            let jump_ms = world.random.below(7_200_000) as i64 - 3_600_000;
            world.clock.jump(Timestamp::from_millis(world.log.now_ms() + jump_ms));
        }
        if !self.deaths {
            return;
        }
        if world.random.chance(10) {
            let number = world.random.below(world.instances() as u64);
            world.log.expire_session("scoring", &format!("instance-{number}"));
        }
        for number in 0..world.instances() {
            self.disturb_instance(world, number);
        }
    }

    fn disturb_instance(&mut self, world: &mut World, number: usize) {
        if !world.is_alive(number) {
            if world.random.chance(250) {
                world.swap_store(number);
            }
            if world.random.chance(200) {
                let keeps_store = world.random.chance(700);
                world.start(number, keeps_store).unwrap_or_else(|error| panic!("instance {number}: {error}"));
            }
            return;
        }
        match world.random.below(1_000) {
            0..12 => world.kill(number),
            12..36 => {
                let moments = world.random.below(60) as i64;
                world.crash_plan(number).after(moments);
            }
            36..42 => {
                let moments = world.random.below(60) as i64;
                world.crash_plan(number).stall_after(moments);
            }
            42..46 => world.replace(number).unwrap_or_else(|error| panic!("instance {number}: {error}")),
            46..54 => self.paused[number] = 1 + world.random.below(30),
            _ => {}
        }
    }
}

/// Ends all faults and steps everybody until everything produced is committed.
///
/// # Panics
/// Where that takes for ever, or a worker gives up.
pub fn come_to_rest(world: &mut World) {
    world.log.clear_faults();
    world.log.deliver_delayed();
    world.log.write_markers();
    for number in 0..world.instances() {
        world.crash_plan(number).never();
    }
    for _ in 0..ROUNDS_TO_REST {
        world.pass(20);
        world.step_zombies().unwrap_or_else(|error| panic!("zombie: {error}"));
        for number in 0..world.instances() {
            if !world.is_alive(number) {
                world.start(number, true).unwrap_or_else(|error| panic!("instance {number}: {error}"));
            }
            world.step(number).unwrap_or_else(|error| panic!("instance {number}: {error}"));
        }
        if world.random.chance(50) && world.zombies() == 0 && world.is_done() && world.owns_everything() {
            return;
        }
    }
    let statuses: Vec<_> =
        (0..world.instances()).map(|number| world.handle(number).map(|handle| handle.status())).collect();
    panic!("the world did not come to rest: {statuses:#?}");
}

/// Lets so much time pass without input that every timer of the plans fires, and everything is written back.
///
/// # Panics
/// Where a worker gives up.
pub fn go_quiet(world: &mut World) {
    // Ahead of wherever the clock has jumped before.
    world.clock.jump(Timestamp::from_millis(world.log.now_ms() + 7_200_000));
    for round in 0..90 {
        world.pass(if round < 40 { 500 } else { 100 });
        for number in 0..world.instances() {
            world.step(number).unwrap_or_else(|error| panic!("instance {number}: {error}"));
            world.step(number).unwrap_or_else(|error| panic!("instance {number}: {error}"));
        }
    }
}
