//! A scenario through the shipped binary: `leadstream replay`, its events in order or shuffled with repeats.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use leadstream_simulation::Random;
use leadstream_test_support::leadstream_binary;
use serde_json::Value;

use crate::document::Scenario;
use crate::expected::{Observed, end, instants};
use crate::instant;
use crate::rows::{Input, SOURCE, inputs, makes_one};
use crate::standing::Standing;

/// The configuration of a scenario: its own keys, and a source of events where it names none.
pub fn configuration(scenario: &Scenario) -> String {
    let sources = if scenario.configuration.contains("sources:") {
        String::new()
    } else if scenario.records.is_empty() {
        format!("sources: [ {{ topic: {SOURCE}, format: leadstream-json }} ]\n")
    } else {
        format!("sources: [ {{ topic: {SOURCE}, format: segment }} ]\n")
    };
    sources + &scenario.configuration
}

/// Its events as they come.
///
/// # Errors
/// What cannot be understood or run.
pub fn in_order(scenario: &Scenario) -> Result<Observed, String> {
    let inputs = inputs(scenario)?;
    run(scenario, &inputs, "replay, in order", !makes_one(scenario))
}

/// Its events in another order, about half of them twice. What is told depends on the order, so it is not looked at.
///
/// # Errors
/// What cannot be understood or run.
pub fn shuffled(scenario: &Scenario, seed: u64) -> Result<Observed, String> {
    let mut random = Random::new(seed);
    let mut pile = Vec::new();
    for input in inputs(scenario)? {
        pile.push(input.clone());
        if random.chance(500) {
            pile.push(input);
        }
    }
    for place in (1..pile.len()).rev() {
        pile.swap(place, random.below(place as u64 + 1) as usize);
    }
    let mut observed = run(scenario, &pile, "replay, shuffled, with repeats", false)?;
    (observed.told, observed.outcomes) = (None, None);
    Ok(observed)
}

fn run(scenario: &Scenario, inputs: &[Input], way: &'static str, tells: bool) -> Result<Observed, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    write(folder.path(), "leadstream.yaml", &configuration(scenario))?;
    for (number, plan) in scenario.plans.iter().enumerate() {
        write(folder.path(), &format!("plan-{number}.yaml"), &plan.yaml)?;
    }
    let end = end(scenario, inputs)?;
    let mut observed = Observed { way, ..Observed::default() };
    let asked = instants(scenario)?;
    for at in asked.iter().copied().filter(|at| *at != end) {
        // The score at an instant is what the events up to it make (S1).
        let part: Vec<Input> = inputs.iter().filter(|input| input.time_ms <= at).cloned().collect();
        let (cards, _, _) = replay(scenario, folder.path(), &part, at)?;
        observed.standings.extend(cards.into_iter().map(|(who, card)| ((at, who), card)));
    }
    let (cards, told, summary) = replay(scenario, folder.path(), inputs, end)?;
    observed.standings.extend(cards.into_iter().map(|(who, card)| ((end, who), card)));
    observed.told = tells.then_some(told);
    observed.outcomes = Some(outcomes(&summary));
    Ok(observed)
}

type Replayed = (BTreeMap<String, Standing>, Vec<Value>, String);

fn replay(scenario: &Scenario, folder: &Path, inputs: &[Input], until: i64) -> Result<Replayed, String> {
    for (name, is_command) in [("events.jsonl", false), ("contacts.jsonl", true)] {
        let lines = inputs.iter().filter(|input| input.is_command == is_command);
        write(folder, name, &lines.map(|input| format!("{}\n", input.record)).collect::<String>())?;
    }
    let mut command = Command::new(leadstream_binary());
    command.current_dir(folder).env_remove("LEADSTREAM_CONFIG").args(["--config", "leadstream.yaml"]);
    command.args(["replay", "events.jsonl", "--contacts", "contacts.jsonl", "--threads", "1"]);
    command.args(["--derived", "derived.jsonl", "--scorecards", "cards.jsonl", "--until", &instant::written(until)]);
    for number in 0..scenario.plans.len() {
        command.args(["--plan", &format!("plan-{number}.yaml")]);
    }
    let output = command.output().map_err(|error| format!("leadstream cannot be started: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        return Err(format!(
            "{}: leadstream replay ended with {}:\n{}{}",
            scenario.place(),
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        ));
    }
    let lines = |name: &str| -> Result<Vec<Value>, String> {
        let text = std::fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        text.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{name}: {error}"))).collect()
    };
    let cards = lines("cards.jsonl")?;
    let cards = cards.iter().map(|card| (card["contact"].as_str().unwrap_or_default().to_owned(), Standing::of(card)));
    Ok((cards.collect(), lines("derived.jsonl")?, text(&output.stdout)))
}

/// What the summary says became of the events.
fn outcomes(summary: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let line = line.trim();
        let rest = line.strip_prefix("events ").or_else(|| line.strip_prefix("records "))?.trim();
        // What a dead letter says stands behind the number.
        let (name, rest) = rest.split_once("  ").unwrap_or((rest, ""));
        let count = rest.split_whitespace().next()?.replace(',', "").parse().ok()?;
        Some((name.to_owned(), count))
    };
    summary.lines().filter_map(line).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    std::fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
}
