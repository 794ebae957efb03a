//! The results as files: derived events and scorecards as consumers would read them, and what could not be read.

use leadstream_core::{Contact, DerivedEvent, Timestamp};
use leadstream_wire::out::{DataFormat, DerivedWriter, OutRecord, Scorecard, ScorecardWriter};
use serde::Serialize;

use super::folding::Folder;
use super::tally::DeadRecord;
use super::{Outcome, merged};
use crate::failure::Failure;
use crate::files::Output;

/// Writes derived events, one JSON object a line, in the order of contact and seq.
pub(crate) fn write_derived(outcome: &Outcome, source: &str, output: &mut Output) -> Result<(), Failure> {
    let writer = DerivedWriter::new(source, DataFormat::Json)
        .map_err(|error| Failure::of("cannot write derived events", error))?;
    let mut record = OutRecord::default();
    for event in derived_in_order(&outcome.folders) {
        writer.write(event, &mut record).map_err(|error| Failure::of("cannot write a derived event", error))?;
        output.write(&record.value)?;
        output.write(b"\n")?;
    }
    Ok(())
}

/// All derived events in the order of contact and seq.
pub(crate) fn derived_in_order(folders: &[Folder]) -> impl Iterator<Item = &DerivedEvent> {
    let sequences: Vec<&[DerivedEvent]> = folders.iter().map(|folder| folder.derived.as_slice()).collect();
    merged(sequences, |one, other| (&one.contact, one.seq) < (&other.contact, other.seq)).map(|(_, event)| event)
}

/// Writes the final scorecards in the order of their contacts: JSON lines, or CSV.
pub(crate) fn write_scorecards(outcome: &Outcome, as_csv: bool, output: &mut Output) -> Result<(), Failure> {
    let sequences: Vec<&[Box<Contact>]> = outcome.folders.iter().map(|folder| folder.contacts.as_slice()).collect();
    let contacts = merged(sequences, |one, other| one.id < other.id);
    let rows = contacts.map(|(share, contact)| {
        let card = outcome.folders[share].fold.scorecard(contact, outcome.until.unwrap_or(Timestamp::MIN));
        let time = outcome.until.max(card.at).unwrap_or(Timestamp::MIN);
        Scorecard::of(&card, time)
    });
    if as_csv { write_csv(rows, output) } else { write_json(rows, output) }
}

fn write_json(rows: impl Iterator<Item = Scorecard>, output: &mut Output) -> Result<(), Failure> {
    let failed = |error| Failure::of("cannot write a scorecard", error);
    let writer = ScorecardWriter::new(DataFormat::Json).map_err(failed)?;
    let mut record = OutRecord::default();
    for row in rows {
        writer.write(&row, &mut record).map_err(failed)?;
        output.write(&record.value)?;
        output.write(b"\n")?;
    }
    Ok(())
}

/// The columns of scorecards in CSV: of the contact, then of one plan.
pub(crate) const SCORECARD_COLUMNS: [&str; 18] = [
    "contact",
    "time",
    "seq",
    "global",
    "tags",
    "plan",
    "version",
    "member",
    "score",
    "engagement",
    "fit",
    "qualified",
    "qualified_since",
    "stage",
    "stage_score",
    "band",
    "grade",
    "owner",
];

/// One line for each contact and plan; a contact without any plan has one line with the plan's columns empty.
fn write_csv(rows: impl Iterator<Item = Scorecard>, output: &mut Output) -> Result<(), Failure> {
    output.write_csv(SCORECARD_COLUMNS)?;
    for row in rows {
        let tags: Vec<&str> = row.tags.iter().map(|tag| &*tag.tag).collect();
        let contact = [
            row.contact.to_string(),
            row.time.to_string(),
            row.seq.to_string(),
            row.global.to_string(),
            tags.join(";"),
        ];
        if row.plans.is_empty() {
            let empty = std::iter::repeat_n(String::new(), SCORECARD_COLUMNS.len() - contact.len());
            output.write_csv(contact.iter().cloned().chain(empty))?;
        }
        for plan in &row.plans {
            let fields = [
                plan.plan.to_string(),
                plan.version.to_string(),
                plan.is_member.to_string(),
                plan.score.to_string(),
                plan.engagement.to_string(),
                plan.fit.to_string(),
                plan.is_qualified.to_string(),
                plan.qualified_since.map_or_else(String::new, |since| since.to_string()),
                plan.stage.as_ref().map_or_else(String::new, ToString::to_string),
                plan.stage_score.map_or_else(String::new, |points| points.to_string()),
                plan.band.map_or_else(String::new, |band| band.to_string()),
                plan.grade.map_or_else(String::new, |grade| grade.to_string()),
                plan.owner.map_or_else(String::new, |owner| owner.to_string()),
            ];
            output.write_csv(contact.iter().chain(&fields))?;
        }
    }
    Ok(())
}

/// A dead letter as a line of a file.
#[derive(Serialize)]
struct DeadLine<'a> {
    file: &'a str,
    line: u64,
    code: &'static str,
    reason: &'a str,
    value: std::borrow::Cow<'a, str>,
}

/// Writes the records that could not be read, one JSON object a line, in the order of the files. Bytes that are no text are shown by
/// replacement characters.
pub(crate) fn write_dead_letters(records: &[DeadRecord], output: &mut Output) -> Result<(), Failure> {
    for record in records {
        let line = DeadLine {
            file: &record.file,
            line: record.line,
            code: record.letter.code.as_str(),
            reason: &record.letter.reason,
            value: String::from_utf8_lossy(&record.value),
        };
        let line = serde_json::to_vec(&line).map_err(|error| Failure::of("cannot write a dead letter", error))?;
        output.write(&line)?;
        output.write(b"\n")?;
    }
    Ok(())
}
