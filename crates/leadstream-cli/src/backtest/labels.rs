//! What became of leads, as people know it: won or lost, and when.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use leadstream_core::Timestamp;
use serde::Deserialize;

use crate::arguments::instant;
use crate::failure::Failure;
use crate::files;

/// Mistakes that are told before the rest is counted.
const TOLD: usize = 20;

/// What became of one lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// Whether it was won.
    pub(super) won: bool,
    /// When; `None` where nobody knows.
    pub(super) at: Option<Timestamp>,
}

/// What became of leads, by contact.
#[derive(Debug, Default)]
pub(crate) struct Labels(BTreeMap<Arc<str>, Label>);

/// A line as it is written.
#[derive(Deserialize)]
struct Line {
    contact: String,
    outcome: String,
    #[serde(default)]
    at: Option<String>,
}

impl Labels {
    /// Reads a CSV file with the columns contact, outcome and optionally at; others mean nothing.
    ///
    /// # Errors
    /// A file that cannot be read, and all lines that are wrong.
    pub(crate) fn read(path: &Path) -> Result<Labels, Failure> {
        let bytes = files::open(path, &Arc::new(AtomicU64::new(0)))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let headers =
            reader.headers().map_err(|error| Failure::of(format!("cannot read {}", path.display()), error))?;
        let missing: Vec<&str> =
            ["contact", "outcome"].into_iter().filter(|name| !headers.iter().any(|header| header == *name)).collect();
        if !missing.is_empty() {
            return Err(Failure::input(format!(
                "{}:1: there is no column {}: the first line names the columns contact, outcome and, where it is known, at",
                path.display(),
                missing.join(" and no column ")
            )));
        }
        let (mut labels, mut mistakes) = (BTreeMap::new(), Vec::new());
        let headers = headers.clone();
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            let read = match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => record.deserialize::<Line>(Some(&headers)).map_err(|error| error.to_string()),
                Err(error) if error.is_io_error() => {
                    return Err(Failure::of(format!("cannot read {}", path.display()), error));
                }
                Err(error) => Err(error.to_string()),
            };
            if let Err(mistake) = read.and_then(|read| add(&mut labels, read)) {
                let line = record.position().map_or(line, csv::Position::line);
                mistakes.push(format!("{}:{line}: {mistake}", path.display()));
            }
        }
        if mistakes.is_empty() {
            return Ok(Labels(labels));
        }
        if mistakes.len() > TOLD {
            let more = mistakes.len() - TOLD;
            mistakes.truncate(TOLD);
            mistakes.push(format!("and {more} more"));
        }
        Err(Failure::CorrectInput(mistakes.join("\n")))
    }

    /// What became of a contact.
    pub(super) fn of(&self, contact: &str) -> Option<&Label> {
        self.0.get(contact)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn add(labels: &mut BTreeMap<Arc<str>, Label>, line: Line) -> Result<(), String> {
    if line.contact.is_empty() {
        return Err("there is no contact".to_owned());
    }
    let won = match line.outcome.as_str() {
        "won" => true,
        "lost" => false,
        other => return Err(format!("the outcome is {other:?}: won or lost")),
    };
    let at = match line.at.as_deref() {
        None | Some("") => None,
        Some(text) => Some(instant(text).map_err(|reason| format!("at is {text:?}: {reason}"))?),
    };
    let contact: Arc<str> = line.contact.into();
    match labels.insert(Arc::clone(&contact), Label { won, at }) {
        None => Ok(()),
        Some(_) => Err(format!("{contact} has an outcome already: one line for each contact")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        Labels::read(&path).map_err(|failure| failure.to_string().replace(&path.display().to_string(), "F"))
    }

    #[test]
    fn outcomes_are_read_with_and_without_their_instants() {
        let labels = read("outcome,contact,at\nwon,c1,2026-01-31T00:00:00Z\nlost, c2 ,\n").unwrap();
        assert_eq!(labels.of("c1"), Some(&Label { won: true, at: Some(Timestamp::from_millis(1_769_817_600_000)) }));
        assert_eq!(labels.of("c2"), Some(&Label { won: false, at: None }));
        assert_eq!((labels.of("c3"), labels.len()), (None, 2));
        assert_eq!(read("contact,outcome,owner\nc1,won,anna\n").unwrap().len(), 1);
    }

    #[test]
    fn every_line_that_is_wrong_is_told_with_its_place() {
        let told = read("contact,outcome,at\nc1,win,\nc2,lost,yesterday\n,won,\nc3,won,\nc3,lost,\n").unwrap_err();
        assert_eq!(
            told,
            "F:2: the outcome is \"win\": won or lost\n\
             F:3: at is \"yesterday\": an instant has a date, a time and an offset, as in 2026-01-31T00:00:00Z\n\
             F:4: there is no contact\n\
             F:6: c3 has an outcome already: one line for each contact"
        );
        let told = read("id,outcome\nc1,won\n").unwrap_err();
        assert!(told.contains("F:1: there is no column contact: the first line names the columns"), "{told}");
        let told = read("contact,outcome\nc1\n").unwrap_err();
        assert!(told.starts_with("F:2: "), "{told}");
    }
}
