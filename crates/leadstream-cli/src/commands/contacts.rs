//! `leadstream contacts`: the contacts of the running service that fit a question, by a score, shown or exported.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use leadstream_http::list::ListView;
use leadstream_http::segment;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::arguments::{ConfigurationArguments, ContactsArguments};
use crate::failure::Failure;
use crate::files::{Output, is_csv, is_standard};
use crate::interrupt::Interrupt;
use crate::replay::SCORECARD_COLUMNS;
use crate::{service, terminal};

/// How long the service may take to read all contacts.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Contacts of one answer while all are exported: each answer reads all contacts of the service.
const PAGE: usize = 50_000;
/// Columns of [`SCORECARD_COLUMNS`] that are the contact's, tags among them; the rest are of one plan.
const OF_CONTACT: usize = 5;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, arguments: &ContactsArguments) -> Result<(), Failure> {
    let base = service::base(given, arguments.url.as_deref())?;
    match &arguments.output {
        Some(output) => export(&base, arguments, output),
        None => show(&base, arguments),
    }
}

fn show(base: &str, arguments: &ContactsArguments) -> Result<(), Failure> {
    let address = address(base, arguments, arguments.limit, None);
    let body = service::ask(base, &address, TIMEOUT)?;
    if arguments.json {
        return terminal::print(&format!("{body}\n"));
    }
    let view = read(&address, &body)?;
    terminal::print(&render(&view, arguments)?)
}

/// Writes all that fit, page by page.
fn export(base: &str, arguments: &ContactsArguments, path: &Path) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    let mut output = Output::create(path)?;
    let as_csv = is_csv(path);
    if as_csv {
        output.write_csv(SCORECARD_COLUMNS)?;
    }
    let bar = terminal::progress(None, "contacts", false);
    let (mut after, mut written) = (None, 0);
    loop {
        if interrupt.is_raised() {
            return Err(Failure::Interrupted("nothing was written".to_owned()));
        }
        let address = address(base, arguments, PAGE, after.as_deref());
        let view = read(&address, &service::ask(base, &address, TIMEOUT)?)?;
        bar.set_length(view.matched);
        for card in &view.contacts {
            if as_csv { write_csv(card, &mut output)? } else { write_line(card, &mut output)? }
        }
        written += view.contacts.len() as u64;
        bar.set_position(written);
        after = view.next;
        if after.is_none() {
            if !view.elsewhere.is_empty() {
                terminal::note(elsewhere(&view.elsewhere));
            }
            break;
        }
    }
    bar.finish_and_clear();
    output.finish()?;
    if !is_standard(path) {
        terminal::note(format!("{} contacts written to {}", terminal::grouped(written), path.display()));
    }
    Ok(())
}

fn write_line(card: &RawValue, output: &mut Output) -> Result<(), Failure> {
    output.write(card.get().as_bytes())?;
    output.write(b"\n")
}

/// One line for each plan; a contact without any plan has one line with the plan's columns empty.
fn write_csv(card: &RawValue, output: &mut Output) -> Result<(), Failure> {
    let card: Value =
        serde_json::from_str(card.get()).map_err(|error| Failure::of("a scorecard cannot be read", error))?;
    let none = [Value::Null];
    let plans = card["plans"].as_array().filter(|plans| !plans.is_empty()).map_or(&none[..], Vec::as_slice);
    for plan in plans {
        let fields = SCORECARD_COLUMNS.iter().enumerate().map(|(place, column)| match *column {
            "tags" => {
                let tags = card["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["tag"].as_str());
                tags.collect::<Vec<_>>().join(";")
            }
            column => text(if place < OF_CONTACT { &card[column] } else { &plan[column] }),
        });
        output.write_csv(fields)?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn read(address: &str, body: &str) -> Result<ListView, Failure> {
    serde_json::from_str(body)
        .map_err(|error| Failure::of(format!("{address} gave an answer that is none of ours"), error))
}

/// The question as the service reads it.
fn address(base: &str, arguments: &ContactsArguments, limit: usize, after: Option<&str>) -> String {
    let mut address = format!("{base}/v1/contacts?limit={limit}");
    let limit_of = |points: &Option<f64>| points.map(|points| points.to_string());
    let truth = |truth: Option<bool>| truth.map(|truth| truth.to_string());
    let one = [
        ("sort", Some(arguments.sort.clone())),
        ("min", limit_of(&arguments.min)),
        ("max", limit_of(&arguments.max)),
        ("plan", arguments.plan.clone()),
        ("member", truth(arguments.member)),
        ("qualified", truth(arguments.qualified)),
        ("stage", arguments.stage.clone()),
        ("band", arguments.band.clone()),
        ("grade", arguments.grade.clone()),
        ("owner", arguments.owner.clone()),
        ("after", after.or(arguments.after.as_deref()).map(ToOwned::to_owned)),
    ];
    let many = [("tag", &arguments.tags), ("attribute", &arguments.attributes), ("did", &arguments.did)];
    let many = many.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.clone())));
    for (name, value) in one.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(many) {
        // Writing to a text cannot fail.
        let _ = write!(address, "&{name}={}", segment(&value));
    }
    address
}

/// The page as a table: the score that it is sorted by, and what the plan says.
fn render(view: &ListView, arguments: &ContactsArguments) -> Result<String, Failure> {
    let mut out = String::new();
    let of_sort = arguments.sort.split_once(':');
    let shown_plan = arguments.plan.as_deref().or(of_sort.filter(|(kind, _)| *kind != "tag").map(|(_, plan)| plan));
    let mut rows =
        vec![["contact", &arguments.sort, "qualified", "stage", "band", "grade", "owner", "tags"].map(str::to_owned)];
    for card in &view.contacts {
        let card: Value =
            serde_json::from_str(card.get()).map_err(|error| Failure::of("a scorecard cannot be read", error))?;
        let plan_of = |id: Option<&str>| card["plans"].as_array()?.iter().find(|plan| plan["plan"].as_str() == id);
        let score = match of_sort {
            None => &card["global"],
            Some(("tag", tag)) => {
                let tags = card["tags"].as_array().into_iter().flatten();
                tags.into_iter().find(|known| known["tag"] == tag).map_or(&Value::Null, |known| &known["score"])
            }
            Some((kind, id)) => {
                let column = match kind {
                    "plan" => "score",
                    "stage" => "stage_score",
                    other => other,
                };
                plan_of(Some(id)).map_or(&Value::Null, |plan| &plan[column])
            }
        };
        let plan = plan_of(shown_plan).unwrap_or(&Value::Null);
        let tags = card["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["tag"].as_str());
        let qualified = if plan["qualified"] == true { text(&plan["qualified_since"]) } else { String::new() };
        rows.push([
            text(&card["contact"]),
            text(score),
            qualified,
            text(&plan["stage"]),
            text(&plan["band"]),
            text(&plan["grade"]),
            text(&plan["owner"]),
            tags.collect::<Vec<_>>().join(" "),
        ]);
    }
    // Columns without anything in them are left out.
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let is_empty = rows.iter().skip(1).all(|row| row[column].is_empty());
        if is_empty { 0 } else { rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) }
    });
    for row in rows.iter().filter(|_| !view.contacts.is_empty()) {
        let shown = row.iter().zip(widths).filter(|(_, width)| *width > 0);
        let line: Vec<String> = shown.map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    }
    let _ = writeln!(out, "{} of {} that fit", view.contacts.len(), terminal::grouped(view.matched));
    if let Some(next) = &view.next {
        let _ = writeln!(out, "more: --after '{next}'");
    }
    if !view.elsewhere.is_empty() {
        let _ = writeln!(out, "{}", elsewhere(&view.elsewhere));
    }
    Ok(out)
}

fn elsewhere(tasks: &[u32]) -> String {
    let tasks: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    format!(
        "not among them: contacts of the tasks {}, which this instance does not have; ask the others too",
        tasks.join(", ")
    )
}
