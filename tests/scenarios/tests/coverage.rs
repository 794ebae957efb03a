//! What has a scenario: every requirement, every worked example of `docs/semantics.md`, every pitfall; or a reason, as long as that is true.

use std::collections::BTreeSet;
use std::process::Command;

use leadstream_scenarios::{folder, scenarios};
use leadstream_test_support::leadstream_binary;

/// The requirements of `docs/semantics.md`, and the pitfalls that `tests/scenarios/08-pitfalls.md` goes through.
const REQUIREMENTS: u32 = 61;
const PITFALLS: u32 = 20;

/// Clauses with worked examples.
const WORKED: &[&str] = &[
    "S3", "S5", "S6", "S7", "S8", "S9", "S11", "S12", "S13", "S14", "S15", "S17", "S18", "S19", "S20", "S21", "S22",
    "S23", "S24", "S27", "S30", "S31", "S32", "S33", "S34", "S35", "S36", "S37", "S38", "S39", "S40", "S41", "S42",
    "S44", "S45", "S47", "S52", "S54", "S56",
];

/// Clauses whose tables define and work nothing out.
const DEFINITIONS: &[&str] = &["S53", "S58", "S59"];

/// How it is seen that the product still cannot do something.
enum Probe {
    /// The help of a command does not mention a word.
    NoWordInHelp(&'static [&'static str], &'static str),
}

/// What the product cannot do yet: the codes, why, and how it is seen.
const NOT_YET: &[(&[&str], &str, Probe)] = &[(
    &["S46"],
    "a plan changes forward only: histories are not folded again under a new version",
    Probe::NoWordInHelp(&["plan", "activate"], "recompute"),
)];

fn codes() -> BTreeSet<String> {
    let all = scenarios().unwrap_or_else(|problem| panic!("{problem}"));
    all.into_iter().map(|scenario| scenario.code).collect()
}

#[test]
fn every_requirement_worked_example_and_pitfall_has_a_scenario_or_is_told_to_be_missing() {
    let found = codes();
    let not_yet: BTreeSet<&str> = NOT_YET.iter().flat_map(|(codes, ..)| codes.iter().copied()).collect();
    let wanted = (1..=REQUIREMENTS).map(|number| format!("R{number}"));
    let wanted = wanted.chain((1..=PITFALLS).map(|number| format!("P{number}")));
    let wanted = wanted.chain(WORKED.iter().map(|code| (*code).to_owned()));
    let missing: Vec<String> =
        wanted.filter(|code| !found.contains(code) && !not_yet.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "no scenario has a heading that begins with {}", missing.join(", "));
}

#[test]
fn what_is_told_to_be_missing_is_missing() {
    let found = codes();
    for (codes, reason, probe) in NOT_YET {
        let stale: Vec<&&str> = codes.iter().filter(|code| found.contains(**code)).collect();
        assert!(stale.is_empty(), "{stale:?} have scenarios: take them out of NOT_YET ({reason})");
        assert!(still_missing(probe), "the product can do this now: write scenarios for {codes:?} ({reason})");
    }
}

fn still_missing(probe: &Probe) -> bool {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let mut command = Command::new(leadstream_binary());
    command.current_dir(place.path()).env_remove("LEADSTREAM_CONFIG");
    match probe {
        Probe::NoWordInHelp(words, word) => {
            let output = command.args(*words).arg("--help").output().expect("leadstream starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            !String::from_utf8_lossy(&output.stdout).contains(word)
        }
    }
}

/// A table that is added to the semantics is an example, and wants a scenario, or it is a definition.
#[test]
fn every_clause_with_a_table_is_known_to_work_something_out_or_to_define() {
    let semantics = std::fs::read_to_string(folder().join("../../docs/semantics.md")).expect("the page is there");
    let mut clause = String::new();
    let mut undecided = BTreeSet::new();
    for line in semantics.lines() {
        if line.starts_with("## ") {
            clause.clear();
        } else if let Some(heading) = line.strip_prefix("### ") {
            clause = heading.split_once(". ").map_or("", |(code, _)| code).to_owned();
        } else if line.starts_with("|---") && !clause.is_empty() {
            let decided = WORKED.contains(&clause.as_str()) || DEFINITIONS.contains(&clause.as_str());
            if !decided {
                undecided.insert(clause.clone());
            }
        }
    }
    assert!(undecided.is_empty(), "put {undecided:?} among WORKED or DEFINITIONS");
}

#[test]
fn each_requirement_and_pitfall_has_a_heading_of_its_own() {
    let mut seen = BTreeSet::new();
    for scenario in scenarios().unwrap_or_else(|problem| panic!("{problem}")) {
        let is_clause = scenario.code.starts_with('S');
        assert!(seen.insert(scenario.code.clone()) || is_clause, "{} has two headings", scenario.place());
    }
}
