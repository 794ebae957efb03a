//! What has a scenario: every requirement, every worked example of `docs/semantics.md`, every pitfall.

use std::collections::BTreeSet;

use leadstream_scenarios::{folder, scenarios};

/// The requirements of `docs/semantics.md`, and the pitfalls that `tests/scenarios/08-pitfalls.md` goes through.
const REQUIREMENTS: u32 = 61;
const PITFALLS: u32 = 20;

/// Clauses with worked examples.
const WORKED: &[&str] = &[
    "S3", "S5", "S6", "S7", "S8", "S9", "S11", "S12", "S13", "S14", "S15", "S17", "S18", "S19", "S20", "S21", "S22",
    "S23", "S24", "S27", "S30", "S31", "S32", "S33", "S34", "S35", "S36", "S37", "S38", "S39", "S40", "S41", "S42",
    "S44", "S45", "S46", "S47", "S52", "S54", "S56",
];

/// Clauses whose tables define and work nothing out.
const DEFINITIONS: &[&str] = &["S53", "S58", "S59"];

fn codes() -> BTreeSet<String> {
    let all = scenarios().unwrap_or_else(|problem| panic!("{problem}"));
    all.into_iter().map(|scenario| scenario.code).collect()
}

#[test]
fn every_requirement_worked_example_and_pitfall_has_a_scenario() {
    let found = codes();
    let wanted = (1..=REQUIREMENTS).map(|number| format!("R{number}"));
    let wanted = wanted.chain((1..=PITFALLS).map(|number| format!("P{number}")));
    let wanted = wanted.chain(WORKED.iter().map(|code| (*code).to_owned()));
    let missing: Vec<String> = wanted.filter(|code| !found.contains(code)).collect();
    assert!(missing.is_empty(), "no scenario has a heading that begins with {}", missing.join(", "));
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
