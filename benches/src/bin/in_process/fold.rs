//! The fold alone: decoded events, all contacts in memory, the plan of twenty rules.

use std::error::Error;
use std::time::Duration;

use leadstream_benches::plans;
use leadstream_core::{Fold, HistoryLimits, Timeline};

use crate::world::{World, for_each_block};
use crate::{Size, print_cost};

pub(crate) fn measure(size: Size) -> Result<(), Box<dyn Error>> {
    let cost = run(size, plans::twenty_rules(), None)?;
    print_cost("fold alone, 20 rules", cost.events, cost.time);
    println!("    derived events: {:.1} % of the events", 100.0 * cost.derived as f64 / size.events as f64);
    // Few contacts stay in the processor's caches: what is left is the work itself, without waiting for memory.
    let near = Size { events: size.events / 20, contacts: size.contacts / 20 };
    let cost = run(near, plans::twenty_rules(), None)?;
    print_cost("fold alone, 20 rules, a twentieth of both", cost.events, cost.time);
    let cost = run(near, plans::twenty_rules_in_time(), None)?;
    print_cost("  the same with decay, bands and absence", cost.events, cost.time);
    Ok(())
}

/// What a run cost behind its warm-up.
pub(crate) struct Cost {
    pub(crate) events: u64,
    pub(crate) time: Duration,
    pub(crate) derived: u64,
}

pub(crate) fn run(size: Size, plan: &str, limits: Option<HistoryLimits>) -> Result<Cost, Box<dyn Error>> {
    let mut fold = Fold::new(Timeline::new(plans::compile(plan)?), limits.unwrap_or_default());
    let mut world = World::new(size.contacts);
    let mut cost = Cost { events: 0, time: Duration::ZERO, derived: 0 };
    let mut seen = 0;
    for_each_block(size, |events, numbers| {
        let time = world.fold(&mut fold, events, numbers);
        seen += events.len() as u64;
        if seen > size.events / 4 {
            cost.events += events.len() as u64;
            cost.time += time;
        }
    })?;
    cost.derived = world.derived;
    Ok(cost)
}
