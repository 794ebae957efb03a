//! Rows of events as the records that a pipeline or a CRM would write.

use serde_json::{Map, Value, json};

use crate::document::{Row, Scenario};
use crate::instant;

/// The name of the source of events in tables.
pub const SOURCE: &str = "web";

/// One record on its way.
#[derive(Clone, Debug)]
pub struct Input {
    /// When it happened, in milliseconds since 1970.
    pub time_ms: i64,
    /// Whose it is; empty where only the record knows.
    pub contact: String,
    /// The record.
    pub record: String,
    /// Whether it is a command for the topic of contacts.
    pub is_command: bool,
}

/// The name of the source of commands.
const COMMANDS_SOURCE: &str = "leadstream.contacts";

const COMMANDS: &[&str] = &[
    "attributes",
    "snapshot",
    "consent",
    "tags",
    "adjust",
    "feedback",
    "verdict",
    "erase",
    "reinstate",
    "merge",
    "split",
];

/// The records of a scenario, in the order of arrival.
///
/// # Errors
/// A row that is not understood, with its line.
pub fn inputs(scenario: &Scenario) -> Result<Vec<Input>, String> {
    let place = |line: usize, what: String| format!("tests/scenarios/{}:{line}: {what}", scenario.file);
    if !scenario.records.is_empty() {
        let time = |record: &String| -> Result<i64, String> {
            let value: Value = serde_json::from_str(record).map_err(|error| format!("{error}: {record}"))?;
            let time = value.get("receivedAt").or_else(|| value.get("timestamp")).and_then(Value::as_str);
            instant::read(time.ok_or_else(|| format!("no timestamp: {record}"))?)
        };
        let input = |record: &String| -> Result<Input, String> {
            let time_ms = time(record).map_err(|what| place(scenario.line, what))?;
            Ok(Input { time_ms, contact: String::new(), record: record.clone(), is_command: false })
        };
        return scenario.records.iter().map(input).collect();
    }
    let rows = scenario.events.iter().enumerate();
    rows.map(|(number, row)| input(number, row).map_err(|what| place(row.line, what))).collect()
}

fn input(number: usize, row: &Row) -> Result<Input, String> {
    let time_ms = instant::read(row.cell("when"))?;
    let (what, contact) = (row.cell("what"), row.cell("who").to_owned());
    let mut with = pairs(row.cell("with"))?;
    let is_command = COMMANDS.contains(&what);
    let id = with.remove("id").unwrap_or_else(|| json!(format!("{}{number}", if is_command { "k" } else { "e" })));
    let time = instant::written(time_ms);
    let mut record = json!({ "id": id, "contact": contact, "time": time });
    let object = record.as_object_mut().ok_or("no object")?;
    match what {
        "attributes" | "snapshot" => {
            object.insert("command".to_owned(), json!(what));
            object.insert("attributes".to_owned(), Value::Object(with));
        }
        "tags" => {
            object.insert("command".to_owned(), json!(what));
            for (name, value) in with {
                let tags: Vec<&str> = value.as_str().unwrap_or_default().split(' ').collect();
                object.insert(name, json!(tags));
            }
        }
        _ if is_command => {
            object.insert("command".to_owned(), json!(what));
            if what == "split" {
                object.insert("link_source".to_owned(), json!(COMMANDS_SOURCE));
            }
            if what == "verdict" {
                object.insert("event_source".to_owned(), json!(SOURCE));
            }
            if let Some(from) = with.get("from").and_then(Value::as_str) {
                let from = instant::written(instant::read(from)?);
                with.insert("from".to_owned(), json!(from));
            }
            object.extend(with);
        }
        _ => {
            object.insert("type".to_owned(), json!(what));
            if let Some(verdict) = with.remove("verdict") {
                object.insert("verdict".to_owned(), verdict);
            }
            if let Some(received) = with.remove("received") {
                let received = instant::read(received.as_str().unwrap_or_default())?;
                object.insert("received".to_owned(), json!(instant::written(received)));
            }
            object.insert("properties".to_owned(), Value::Object(with));
        }
    }
    Ok(Input { time_ms, contact, record: record.to_string(), is_command })
}

/// `email_id: m1, value: 1200`.
fn pairs(text: &str) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for pair in text.split(", ").filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once(':').ok_or_else(|| format!("{pair:?} is not `name: value`"))?;
        found.insert(name.trim().to_owned(), scalar(value.trim()));
    }
    Ok(found)
}

/// A number, a truth value, null, or a text, which quotes may stand around.
fn scalar(text: &str) -> Value {
    match text {
        "null" => Value::Null,
        "true" | "yes" => json!(true),
        "false" | "no" => json!(false),
        _ => match text.parse::<f64>() {
            Ok(number) => json!(number),
            Err(_) => json!(text.trim_matches('"')),
        },
    }
}

/// Whether ids become one contact in it. A replay folds them as one from the beginning, so that it tells other things on the way there.
pub fn makes_one(scenario: &Scenario) -> bool {
    scenario.events.iter().any(|row| row.cell("what") == "merge")
        || scenario.records.iter().any(|record| record.contains("\"alias\"") || record.contains("\"identify\""))
}
