//! Every scenario, three ways, with equal results where equality is promised: scores and levels always (L1), derived events where the order of
//! arrival is the same.

#![allow(clippy::print_stdout, reason = "a person wants to know how much was run")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use leadstream_scenarios::expected::{Observed, differences};
use leadstream_scenarios::rows::makes_one;
use leadstream_scenarios::{Scenario, engine, replay, scenarios};
use serde_json::Value;

/// Only the scenario with this code is run where it is set.
const ONLY: &str = "LEADSTREAM_SCENARIO";

/// Runs scenarios side by side and tells all that differs. Gives how many there were.
fn run_all(
    takes_part: impl Fn(&Scenario) -> bool,
    run: impl Fn(&Scenario) -> Result<Observed, String> + Sync,
) -> usize {
    let mut all = scenarios().unwrap_or_else(|problem| panic!("{problem}"));
    let only = std::env::var(ONLY).ok();
    all.retain(|scenario| takes_part(scenario) && only.as_ref().is_none_or(|only| *only == scenario.code));
    assert!(!all.is_empty(), "there is no scenario to run");
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(scenario) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let problems = match run(scenario) {
                        Ok(observed) => differences(scenario, &observed).unwrap_or_else(|problem| vec![problem]),
                        Err(problem) => vec![problem],
                    };
                    found.lock().expect("nobody panics with it").extend(problems);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("nobody panics with it");
    found.sort();
    assert!(found.is_empty(), "\n{}\n\n{} things differ", found.join("\n"), found.len());
    all.len()
}

/// Whether two ways told the same of every contact, to the last field but the mark of an offline run.
fn same_told(by_engine: &[Value], by_replay: &[Value]) -> Result<(), String> {
    let by_contact = |told: &[Value]| {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut event in told.iter().cloned() {
            if let Some(marks) = event["marks"].as_array_mut() {
                marks.retain(|mark| mark != "replay");
            }
            found.entry(event["contact"].to_string()).or_default().push(event);
        }
        found
    };
    let (engine, replay) = (by_contact(by_engine), by_contact(by_replay));
    for contact in engine.keys().chain(replay.keys()) {
        let (one, other) = (engine.get(contact), replay.get(contact));
        if one != other {
            return Err(format!("{contact} was told by the engine\n    {one:?}\nand by a replay\n    {other:?}"));
        }
    }
    Ok(())
}

/// The same for a scenario in every run.
fn seed(scenario: &Scenario) -> u64 {
    scenario.place().bytes().fold(7, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

#[test]
fn scenarios_come_out_as_expected_through_the_binary() {
    let count = run_all(|scenario| scenario.engine_only.is_none(), replay::in_order);
    println!("{count} scenarios");
}

#[test]
fn they_come_out_the_same_shuffled_and_with_repeats_l1() {
    let in_any_order = |scenario: &Scenario| scenario.engine_only.is_none() && scenario.not_shuffled.is_none();
    let count = run_all(in_any_order, |scenario| replay::shuffled(scenario, seed(scenario)));
    println!("{count} scenarios");
}

#[test]
fn they_come_out_the_same_in_workers_that_are_killed_again_and_again_l2() {
    let crashes = AtomicU64::new(0);
    let count = run_all(
        |_| true,
        |scenario| {
            let live = engine::run(scenario, seed(scenario))?;
            crashes.fetch_add(live.crashes, Ordering::Relaxed);
            if scenario.engine_only.is_none() && !makes_one(scenario) {
                let replayed = replay::in_order(scenario)?;
                same_told(&live.told, &replayed.told.unwrap_or_default())
                    .map_err(|what| format!("{}: {what}", scenario.place()))?;
            }
            live.observe(scenario)
        },
    );
    let crashes = crashes.into_inner();
    println!("{count} scenarios, {crashes} crashes");
    assert!(
        crashes >= count as u64 || std::env::var_os(ONLY).is_some(),
        "{crashes} crashes are too few to prove anything"
    );
}
