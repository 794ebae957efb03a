//! What a scenario expects, held against what came.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::document::{Row, Scenario};
use crate::instant;
use crate::rows::Input;
use crate::standing::{NOTHING, Standing, shown};

/// What stands before an instant that is chosen by the engine.
const ABOUT: &str = "about ";

/// What one way of running gave.
#[derive(Debug, Default)]
pub struct Observed {
    /// How it was run, for messages.
    pub way: &'static str,
    /// By instant and contact; nobody is in here who is not known.
    pub standings: BTreeMap<(i64, String), Standing>,
    /// Derived events, those of a contact in their order; `None` where they are not to be looked at.
    pub told: Option<Vec<Value>>,
    /// What became of the records; `None` where this way does not say.
    pub outcomes: Option<BTreeMap<String, u64>>,
    /// Everything known of each contact in the end; `None` where this way does not say.
    pub contacts: Option<BTreeMap<String, Value>>,
    /// Contacts of each list asked for; `None` where this way does not say.
    pub lists: Option<BTreeMap<String, Vec<String>>>,
}

/// The instants at which scores are expected.
///
/// # Errors
/// A cell that is no instant.
pub fn instants(scenario: &Scenario) -> Result<BTreeSet<i64>, String> {
    let read = |row: &Row| {
        let at = instant::read(row.cell("at"));
        at.map_err(|what| format!("tests/scenarios/{}:{}: {what}", scenario.file, row.line))
    };
    scenario.scores.iter().map(read).collect()
}

/// The instant up to which the clock goes: the last one that anything is said about.
///
/// # Errors
/// A cell that is no instant.
pub fn end(scenario: &Scenario, inputs: &[Input]) -> Result<i64, String> {
    let told = scenario.told.iter().flatten().map(|row| {
        let at = instant::read(row.cell("told").trim_start_matches(ABOUT));
        at.map_err(|what| format!("tests/scenarios/{}:{}: {what}", scenario.file, row.line))
    });
    let told = told.collect::<Result<Vec<i64>, String>>()?;
    let all = instants(scenario)?.into_iter().chain(told).chain(inputs.iter().map(|input| input.time_ms));
    all.max().ok_or_else(|| format!("{}: nothing happens", scenario.place()))
}

/// Everything that differs, a line or more for each.
///
/// # Errors
/// A cell that cannot be read.
pub fn differences(scenario: &Scenario, observed: &Observed) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    scores(scenario, observed, &mut found)?;
    told(scenario, observed, &mut found)?;
    for row in &scenario.outcomes {
        let Some(outcomes) = &observed.outcomes else { break };
        let got = outcomes.get(row.cell("outcome")).copied().unwrap_or(0).to_string();
        compare(scenario, observed, row, "how many", row.cell("how many"), &got, &mut found);
    }
    for row in &scenario.lists {
        let Some(lists) = &observed.lists else { break };
        let got = lists.get(row.cell("list")).map_or_else(|| "no answer".to_owned(), |ids| ids.join(", "));
        let got = if got.is_empty() { NOTHING.to_owned() } else { got };
        compare(scenario, observed, row, "contacts", row.cell("contacts"), &got, &mut found);
    }
    for row in &scenario.known {
        let Some(contacts) = &observed.contacts else { break };
        known(scenario, observed, contacts, row, &mut found)?;
    }
    booked(scenario, observed, &mut found)?;
    Ok(found)
}

fn compare(
    scenario: &Scenario,
    observed: &Observed,
    row: &Row,
    column: &str,
    expected: &str,
    got: &str,
    found: &mut Vec<String>,
) {
    if expected != got {
        found.push(format!(
            "tests/scenarios/{}:{}: {} {} ({})\n    row       {row}\n    {column:<9} expected {expected}, got {got}",
            scenario.file, row.line, scenario.code, scenario.title, observed.way
        ));
    }
}

fn scores(scenario: &Scenario, observed: &Observed, found: &mut Vec<String>) -> Result<(), String> {
    for row in &scenario.scores {
        let who = row.cell("who");
        let at = instant::read(row.cell("at"))?;
        let Some(standing) = observed.standings.get(&(at, who.to_owned())) else {
            compare(scenario, observed, row, "who", who, "a contact that is not known at that instant", found);
            continue;
        };
        for (column, expected) in row.others(&["at", "who", "plan"]) {
            let got = match column {
                "global" => standing.global.clone(),
                "tags" if standing.tags.is_empty() => NOTHING.to_owned(),
                "tags" => standing.tags.keys().cloned().collect::<Vec<_>>().join(" "),
                _ => match column.strip_prefix("tag:") {
                    Some(tag) => standing.tags.get(tag).cloned().unwrap_or_else(|| NOTHING.to_owned()),
                    None => of_plan(standing, row.cell("plan"), column),
                },
            };
            compare(scenario, observed, row, column, expected, &got, found);
        }
    }
    Ok(())
}

/// A value of the plan that a row names, or of the only one.
fn of_plan(standing: &Standing, plan: &str, column: &str) -> String {
    let only = (standing.plans.len() == 1 && plan.is_empty()).then(|| standing.plans.values().next()).flatten();
    match standing.plans.get(plan).or(only) {
        Some(values) => values.get(column).cloned().unwrap_or_default(),
        None => format!("no plan {plan:?} among {:?}", standing.plans.keys()),
    }
}

fn told(scenario: &Scenario, observed: &Observed, found: &mut Vec<String>) -> Result<(), String> {
    let (Some(expected), Some(told)) = (&scenario.told, &observed.told) else { return Ok(()) };
    let contact = |event: &Value| shown(&event["contact"]);
    let mut contacts: BTreeSet<String> = expected.iter().map(|row| row.cell("who").to_owned()).collect();
    contacts.extend(told.iter().map(contact));
    for who in contacts {
        let rows: Vec<&Row> = expected.iter().filter(|row| row.cell("who") == who).collect();
        let events: Vec<&Value> = told.iter().filter(|event| contact(event) == who).collect();
        let ids: Vec<String> = events.iter().map(|event| shown(&event["id"])).collect();
        for event in &events {
            let lines = event["contributions"].as_array().into_iter().flatten();
            let unreadable = lines.filter(|line| instant::read(&shown(&line["time"])).is_err());
            found.extend(unreadable.map(|line| format!("{} ({}): no time: {line}", scenario.place(), observed.way)));
        }
        for (row, event) in rows.iter().zip(&events) {
            if !is_about(row.cell("told"), &event["time"])? {
                let time = instant::written(instant::read(row.cell("told").trim_start_matches(ABOUT))?);
                compare(scenario, observed, row, "told", &time, &shown(&event["time"]), found);
            }
            for (column, expected) in row.others(&["told", "who"]) {
                let (expected, got) = match column {
                    "since" => (instant::written(instant::read(expected)?), shown(&event["since"])),
                    "corrects" => (expected.to_owned(), place_of(&event["corrects"], &ids)),
                    _ => (expected.to_owned(), told_cell(event, column)),
                };
                compare(scenario, observed, row, column, &expected, &got, found);
            }
        }
        if rows.len() != events.len() {
            let mut what = format!(
                "{} ({}): {who} is told {} derived events and not {}:",
                scenario.place(),
                observed.way,
                events.len(),
                rows.len()
            );
            for event in events {
                let _ = write!(what, "\n    {}", line(event));
            }
            found.push(what);
        }
    }
    Ok(())
}

/// Whether an instant that a scenario gives with `about` in front, since the engine chooses it, was met within five minutes.
fn is_about(expected: &str, got: &Value) -> Result<bool, String> {
    let Some(expected) = expected.strip_prefix(ABOUT) else { return Ok(false) };
    let difference_ms = instant::read(&shown(got))? - instant::read(expected)?;
    Ok(difference_ms.abs() < 300_000)
}

/// `#2` for the second derived event of the contact.
fn place_of(id: &Value, ids: &[String]) -> String {
    match ids.iter().position(|known| *known == shown(id)) {
        Some(place) => format!("#{}", place + 1),
        None => shown(id),
    }
}

/// What a column of a derived event says. The mark of an offline run is left out: the engine does not make it.
fn told_cell(event: &Value, column: &str) -> String {
    match column {
        "event" => shown(&event["type"]),
        "cause" => match shown(&event["cause"]["type"]) {
            none if none == NOTHING => shown(&event["cause"]["kind"]),
            cause => cause,
        },
        "rule" => shown(&event["cause"]["rule"]),
        "emit" => shown(&event["request"]["emit"]),
        "data" => shown(&event["request"]["data"]),
        "marks" => {
            let marks = event["marks"].as_array().cloned().unwrap_or_default();
            shown(&Value::Array(marks.into_iter().filter(|mark| mark != "replay").collect()))
        }
        "contributions" => {
            let lines = event["contributions"].as_array().cloned().unwrap_or_default();
            let line = |line: &Value| format!("{} {}", shown(&line["rule"]), shown(&line["value"]));
            let lines: Vec<String> = lines.iter().map(line).collect();
            if lines.is_empty() { NOTHING.to_owned() } else { lines.join(", ") }
        }
        _ => shown(&event[column]),
    }
}

fn line(event: &Value) -> String {
    let text = |column: &str| told_cell(event, column);
    format!(
        "{} {} plan {} {}: {} -> {}, score {}, since {}, marks {}, reason {}",
        shown(&event["time"]),
        text("event"),
        text("plan"),
        text("subject"),
        text("old"),
        text("new"),
        text("score"),
        text("since"),
        text("marks"),
        text("reason"),
    )
}

fn known(
    scenario: &Scenario,
    observed: &Observed,
    contacts: &BTreeMap<String, Value>,
    row: &Row,
    found: &mut Vec<String>,
) -> Result<(), String> {
    let attributes = contacts.get(row.cell("who")).and_then(|view| view["attributes"].as_array()).cloned();
    let attributes = attributes.unwrap_or_default();
    let attribute = attributes.iter().find(|attribute| attribute["name"] == row.cell("known"));
    let value = |member: &str| attribute.map_or_else(|| NOTHING.to_owned(), |attribute| shown(&attribute[member]));
    for (column, expected) in row.others(&["known", "who"]) {
        let (expected, got) = match column {
            "value" => (expected.to_owned(), value("value")),
            "from" => (expected.to_owned(), value("source")),
            _ => (instant::written(instant::read(expected)?), value("time")),
        };
        compare(scenario, observed, row, column, &expected, &got, found);
    }
    Ok(())
}

/// Lines of the ledgers, which also add up to their scores (L4).
fn booked(scenario: &Scenario, observed: &Observed, found: &mut Vec<String>) -> Result<(), String> {
    let Some(contacts) = &observed.contacts else { return Ok(()) };
    for (who, view) in contacts {
        for ledger in view["ledgers"].as_array().into_iter().flatten() {
            let thousandths = |value: &Value| (value.as_f64().unwrap_or(f64::NAN) * 1000.0).round();
            let lines: f64 =
                ledger["lines"].as_array().into_iter().flatten().map(|line| thousandths(&line["value"])).sum();
            if lines != thousandths(&ledger["score"]) {
                found.push(format!(
                    "{} ({}): the ledger of {who} does not add up: {ledger}",
                    scenario.place(),
                    observed.way
                ));
            }
        }
        let rows: Vec<&Row> = scenario.booked.iter().filter(|row| row.cell("who") == who).collect();
        let Some(first) = rows.first() else { continue };
        let plan = match first.cell("plan") {
            "" => shown(&view["plans"][0]["plan"]),
            plan => plan.to_owned(),
        };
        let of = format!("plan:{plan}");
        let ledgers = view["ledgers"].as_array().cloned().unwrap_or_default();
        let ledger = ledgers.iter().find(|ledger| ledger["of"] == of.as_str()).cloned().unwrap_or_default();
        let lines = ledger["lines"].as_array().cloned().unwrap_or_default();
        let lines: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "booked").collect();
        for (row, line) in rows.iter().zip(&lines) {
            let time = instant::written(instant::read(row.cell("booked"))?);
            compare(scenario, observed, row, "booked", &time, &shown(&line["time"]), found);
            for (column, expected) in row.others(&["booked", "who", "plan"]) {
                let got = match column {
                    "points" => shown(&line["value"]),
                    "less by" => shown(&line["reduced_by"]),
                    "by" => shown(&line["author"]),
                    "why" => shown(&line["reason"]),
                    _ => shown(&line[column]),
                };
                compare(scenario, observed, row, column, expected, &got, found);
            }
        }
        if rows.len() != lines.len() {
            found.push(format!(
                "{} ({}): the ledger of {who} has {} bookings and not {}: {ledger}",
                scenario.place(),
                observed.way,
                lines.len(),
                rows.len()
            ));
        }
    }
    Ok(())
}
