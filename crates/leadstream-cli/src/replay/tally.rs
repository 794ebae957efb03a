//! What became of the records: counts that add up to the input (L5), and the records that could not be read.

use std::collections::BTreeMap;

use leadstream_core::{Outcome, Timestamp, Word};
use leadstream_wire::{DeadLetter, DeadLetterCode, Dropped, InputRecord};

use super::avro::Damage;
use super::blocks::{InputFile, Layout};
use super::folding::{Folder, RuleTotal};

/// Dead letters of one code that are kept to be shown.
const SHOWN: usize = 3;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadRecord {
    /// The file's place among the inputs; it orders letters as the files are ordered.
    file_place: usize,
    /// The line, from 1; in a file without lines the record, from 1; in a topic the offset.
    pub(crate) line: u64,
    /// The file, or the topic with its partition.
    pub(crate) file: String,
    /// Why.
    pub(crate) letter: DeadLetter,
    /// The record.
    pub(crate) value: Vec<u8>,
}

/// Counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    keep_dead: bool,
    /// Records read.
    pub(crate) records: u64,
    /// Records that said nothing, by reason.
    pub(crate) skipped: BTreeMap<&'static str, u64>,
    /// Records that could not be read, by code.
    pub(crate) dead: BTreeMap<DeadLetterCode, u64>,
    /// All of them, or the first of each code; in the order of the files after [`Tally::finish`].
    pub(crate) dead_records: Vec<DeadRecord>,
    /// What was left out of records that were taken.
    pub(crate) dropped: Dropped,
    /// The time of the newest event.
    pub(crate) newest: Option<Timestamp>,
    /// Events by what became of them.
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
    /// Events of ids that were erased.
    pub(crate) erased: u64,
    /// Records that link ids.
    pub(crate) links: u64,
    /// Ids that are part of other contacts; `None` where that could not be found out.
    pub(crate) united: Option<u64>,
    /// Records that link ids and were refused, by why.
    pub(crate) refused: BTreeMap<DeadLetterCode, u64>,
    /// Contacts.
    pub(crate) contacts: u64,
    /// Interactions by their type; only where nothing else is made of them.
    pub(crate) types: BTreeMap<String, u64>,
    /// By plan and rule.
    pub(crate) rules: BTreeMap<(Word, Word), RuleTotal>,
    /// Rules that did not fire because an expression of theirs had no value, by plan, rule and why.
    pub(crate) faults: BTreeMap<(Word, Word, &'static str), u64>,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn keeping(keep_dead: bool) -> Tally {
        Tally { keep_dead, ..Tally::default() }
    }

    /// Counts a record that could not be read.
    #[cold]
    pub(super) fn refuse(&mut self, file: &InputFile, record: &InputRecord<'_>, letter: &DeadLetter) {
        let count = self.dead.entry(letter.code).or_default();
        *count += 1;
        if self.keep_dead || *count <= SHOWN as u64 {
            let offset = u64::try_from(record.offset).unwrap_or(0);
            let place = if file.layout == Layout::Records { offset } else { record.line.unwrap_or(offset + 1) };
            self.dead_records.push(DeadRecord {
                file_place: file.place,
                line: place,
                file: file.name.clone(),
                letter: letter.clone(),
                value: if self.keep_dead { record.value.unwrap_or_default().to_vec() } else { Vec::new() },
            });
        }
    }

    /// Counts records that lie in a damaged block; `first` is the number of the first of them, from 0.
    #[cold]
    pub(super) fn lose(&mut self, file: &InputFile, first: u64, damage: &Damage) {
        self.records += damage.records;
        *self.dead.entry(DeadLetterCode::Malformed).or_default() += damage.records;
        self.dead_records.push(DeadRecord {
            file_place: file.place,
            line: first + 1,
            file: file.name.clone(),
            letter: DeadLetter::new(DeadLetterCode::Malformed, damage.reason.clone()),
            value: Vec::new(),
        });
    }

    /// Adds the counts of another thread.
    pub(super) fn add(&mut self, other: Tally) {
        self.records += other.records;
        other.skipped.into_iter().for_each(|(reason, count)| *self.skipped.entry(reason).or_default() += count);
        other.dead.into_iter().for_each(|(code, count)| *self.dead.entry(code).or_default() += count);
        self.dead_records.extend(other.dead_records);
        self.dropped.add(other.dropped);
        other.types.into_iter().for_each(|(name, count)| *self.types.entry(name).or_default() += count);
        self.newest = self.newest.max(other.newest);
    }

    /// Adds what a folder counted.
    pub(super) fn count(&mut self, folder: &Folder) {
        folder.outcomes.iter().for_each(|(outcome, count)| *self.outcomes.entry(*outcome).or_default() += count);
        self.erased += folder.erased;
        self.links += folder.links;
        self.contacts += folder.contacts.len() as u64;
        for (rule, total) in &folder.rules {
            let sum = self.rules.entry(*rule).or_default();
            sum.bookings += total.bookings;
            sum.points += total.points;
        }
        folder.faults.iter().for_each(|(fault, count)| *self.faults.entry(*fault).or_default() += count);
    }

    /// Brings the dead letters in the order of the files.
    pub(super) fn finish(&mut self) {
        self.dead_records.sort_by_key(|record| (record.file_place, record.line));
    }

    /// Where the first record that could not be read is, and why, if none became an event and some should have.
    pub(crate) fn nothing_but_dead(&self) -> Option<String> {
        let events = self.outcomes.values().sum::<u64>() + self.erased;
        let first = self.dead_records.first().filter(|_| events == 0)?;
        Some(format!("{}:{}: {}: {}", first.file, first.line, first.letter.code, first.letter.reason))
    }

    /// The first dead letters of a code, as `file:line`.
    pub(crate) fn examples(&self, code: DeadLetterCode) -> impl Iterator<Item = String> {
        let of_code = self.dead_records.iter().filter(move |record| record.letter.code == code);
        of_code.take(SHOWN).map(|record| format!("{}:{}", record.file, record.line))
    }
}
