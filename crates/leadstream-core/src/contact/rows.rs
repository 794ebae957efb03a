//! The rows of one contact: its accepted events inside the horizon, in S3 order, in flat buffers.
//!
//! Fixed parts lie in one vector, packed properties in another, in the same order and without gaps, so that appending costs no allocation of its own.
//! Types, sources and names of properties are words of the process; where one could not become a word, the packed part carries its text. Packed
//! values are part of the stored form: their tags are never reused or changed.

mod packed;

use crate::contact::Growth;
use crate::contact::trail::{Cut, Trail, TrailMark};
use crate::event::{Event, EventKind, Value, Verdict};
use crate::id::Uid;
use crate::time::Timestamp;
use crate::word::Word;

pub use packed::{RawProperties, RowProperties, RowText, split_value};

/// The fixed part of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When it happened.
    pub time: Timestamp,
    /// The event's identity.
    pub uid: Uid,
    event_type: Word,
    source: Word,
    /// Where the row's packed part begins; it ends where the next one begins.
    start: u32,
    /// Kind in the low bits, then the verdict, whether it was clamped, and whether the packed part begins with the texts of type and source.
    code: u8,
}

const KIND_BITS: u8 = 0x0f;
const VERDICT_SHIFT: u8 = 4;
const CLAMPED: u8 = 1 << 6;
const OWN_TEXTS: u8 = 1 << 7;

impl Row {
    /// The row's place in the order of a contact's events (S3).
    pub fn order(&self) -> (Timestamp, Uid) {
        (self.time, self.uid)
    }

    /// What the event does.
    pub fn kind(&self) -> EventKind {
        EventKind::of_code(self.code & KIND_BITS).unwrap_or_default()
    }

    /// Who caused it.
    pub fn verdict(&self) -> Verdict {
        Verdict::of_code(self.code >> VERDICT_SHIFT & 3).unwrap_or_default()
    }

    /// Whether its time was clamped at reception.
    pub fn is_clamped(&self) -> bool {
        self.code & CLAMPED != 0
    }
}

/// Rows in S3 order.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Trail<Row>,
    /// Some bytes of each row's identity, close together: every event is looked for among all rows.
    prints: Trail<u16>,
    /// The packed parts, those of rows that are lost but still in memory with them.
    packed: Vec<u8>,
    /// The time of the first row, so that no event has to look at that row to know that it stays.
    oldest: Option<Timestamp>,
    /// The sum of [`Rows::size_bytes`] of all rows.
    total_bytes: usize,
    /// How many rows were ever lost, and the time of the last of them.
    lost: u64,
    lost_time: Option<Timestamp>,
}

/// A moment of a contact's rows, to go back to. Only valid while nothing but their two ends has moved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowsMark {
    rows: TrailMark,
    prints: TrailMark,
    packed: usize,
    oldest: Option<Timestamp>,
    total_bytes: usize,
    lost: u64,
    lost_time: Option<Timestamp>,
}

/// What rows were at a mark behind a place from which they were ordered anew.
#[derive(Clone, Debug, Default)]
pub(super) struct RowsCut {
    rows: Cut<Row>,
    prints: Cut<u16>,
    packed: Cut<u8>,
}

impl RowsCut {
    pub(super) fn begin(&mut self, mark: &RowsMark) {
        self.rows.begin(mark.rows.end());
        self.prints.begin(mark.prints.end());
        self.packed.begin(mark.packed);
    }

    pub(super) fn release(&mut self) {
        self.rows.release();
        self.prints.release();
        self.packed.release();
    }
}

/// What a row counts beside its texts and values, in bytes (S6).
const ROW_BYTES: usize = 40;
/// What a property counts beside its name and value.
const PROPERTY_BYTES: usize = 8;
/// What a value counts that is no text.
const PLAIN_VALUE_BYTES: usize = 8;

/// What is known of a row before its properties.
#[derive(Clone, Copy, Debug)]
pub struct RowParts<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// The event's identity.
    pub uid: Uid,
    /// The event's type.
    pub event_type: RowText<'a>,
    /// The source it came from.
    pub source: RowText<'a>,
    /// What it does.
    pub kind: EventKind,
    /// Who caused it.
    pub verdict: Verdict,
    /// Its time was clamped at reception.
    pub clamped: bool,
}

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The fixed parts, in order.
    pub fn as_slice(&self) -> &[Row] {
        &self.rows
    }

    /// The last row.
    pub fn last(&self) -> Option<&Row> {
        self.rows.last()
    }

    /// The time of the oldest row.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// What all rows count in bytes (S6): the sum of [`Rows::size_bytes`].
    pub fn total_bytes(&self) -> usize {
        self.total_bytes
    }

    /// What a row counts in bytes (S6): at least what its stored form takes, and the same in every process, whatever became a word there.
    pub fn size_bytes(&self, at: usize) -> usize {
        let (event_type, source, properties) = self.texts(at);
        RawProperties::new(properties)
            .fold(ROW_BYTES + event_type.as_str().len() + source.as_str().len(), |sum, (name, value)| {
                sum + property_bytes(name.as_str(), packed::text_len(value))
            })
    }

    /// What an event would count in bytes as a row.
    pub fn size_bytes_of(event: &Event) -> usize {
        event.properties.iter().fold(
            ROW_BYTES + event.event_type.as_str().len() + event.source.as_str().len(),
            |sum, (_, name, value)| {
                let text_bytes = if let Value::Text(text) = value { Some(text.len()) } else { None };
                sum + property_bytes(name, text_bytes)
            },
        )
    }

    /// The place of the row of an event.
    pub fn find(&self, uid: Uid) -> Option<usize> {
        let wanted = print(uid);
        let mut start = 0;
        // A block at a time without leaving it early, so that the comparison is done several rows at once.
        for block in self.prints.chunks(64) {
            if block.iter().fold(false, |found, print| found | (*print == wanted)) {
                let inside = (start..start + block.len()).find(|at| self.rows[*at].uid == uid);
                if inside.is_some() {
                    return inside;
                }
            }
            start += block.len();
        }
        None
    }

    /// Inserts an event at its place in the order and returns that place.
    pub fn insert(&mut self, event: &Event) -> usize {
        let parts = RowParts {
            time: event.time,
            uid: event.uid,
            event_type: RowText::from_outside(event.event_type.name(), event.event_type.as_str()),
            source: RowText::from_outside(event.source.name(), event.source.as_str()),
            kind: event.kind,
            verdict: event.verdict,
            clamped: event.clamped,
        };
        let end = self.packed.len();
        let row = self.begin(&parts);
        packed::put_properties(&event.properties, &mut self.packed);
        let order = row.order();
        let at = match self.rows.last() {
            Some(last) if last.order() > order => self.rows.partition_point(|other| other.order() < order),
            _ => self.rows.len(),
        };
        self.place(at, row, end);
        self.total_bytes += Rows::size_bytes_of(event);
        at
    }

    /// Appends a row out of a stored form, its properties with their packed values. Rows must come in order.
    pub fn push<'a>(&mut self, parts: &RowParts<'_>, properties: impl Iterator<Item = (RowText<'a>, &'a [u8])>) {
        let row = self.begin(parts);
        for (name, value) in properties {
            packed::put_name(name, &mut self.packed);
            self.packed.extend_from_slice(value);
        }
        self.oldest.get_or_insert(row.time);
        self.prints.push(print(row.uid));
        self.rows.push(row);
        self.total_bytes += self.size_bytes(self.rows.len() - 1);
    }

    /// Begins the packed part of a row behind all others.
    fn begin(&mut self, parts: &RowParts<'_>) -> Row {
        let start = self.packed.len() as u32;
        let mut code = parts.kind.code() | parts.verdict.code() << VERDICT_SHIFT;
        code |= if parts.clamped { CLAMPED } else { 0 };
        let (event_type, source) = match (parts.event_type, parts.source) {
            (RowText::Word(event_type), RowText::Word(source)) => (event_type, source),
            (event_type, source) => {
                code |= OWN_TEXTS;
                packed::put_text(event_type.as_str(), &mut self.packed);
                packed::put_text(source.as_str(), &mut self.packed);
                (Word::EMPTY, Word::EMPTY)
            }
        };
        Row { time: parts.time, uid: parts.uid, event_type, source, start, code }
    }

    /// Puts a row, whose packed part lies at the end, where it belongs.
    fn place(&mut self, at: usize, mut row: Row, packed_from: usize) {
        self.oldest = Some(self.oldest.map_or(row.time, |oldest| oldest.min(row.time)));
        if let Some(next) = self.rows.get(at) {
            row.start = next.start;
            let length = self.packed.len() - packed_from;
            self.packed[row.start as usize..].rotate_right(length);
            self.rows[at..].iter_mut().for_each(|later| later.start += length as u32);
        }
        self.rows.insert(at, row);
        self.prints.insert(at, print(row.uid));
    }

    /// The packed part of a row.
    fn part(&self, at: usize) -> &[u8] {
        let end = self.rows.get(at + 1).map_or(self.packed.len(), |next| next.start as usize);
        &self.packed[self.rows[at].start as usize..end]
    }

    /// The texts of type and source, and the packed properties behind them.
    fn texts(&self, at: usize) -> (RowText<'_>, RowText<'_>, &[u8]) {
        let (row, mut part) = (&self.rows[at], self.part(at));
        if row.code & OWN_TEXTS == 0 {
            return (RowText::Word(row.event_type), RowText::Word(row.source), part);
        }
        let event_type = packed::take_text(&mut part).unwrap_or("");
        let source = packed::take_text(&mut part).unwrap_or("");
        (RowText::Own(event_type), RowText::Own(source), part)
    }

    /// The event's type.
    #[inline]
    pub fn event_type(&self, at: usize) -> RowText<'_> {
        self.texts(at).0
    }

    /// The source of the event.
    pub fn source(&self, at: usize) -> RowText<'_> {
        self.texts(at).1
    }

    /// The properties of a row.
    #[inline]
    pub fn properties(&self, at: usize) -> RowProperties<'_> {
        RowProperties::new(self.texts(at).2)
    }

    /// The properties of a row with their packed values, as they are stored.
    pub fn raw_properties(&self, at: usize) -> RawProperties<'_> {
        RawProperties::new(self.texts(at).2)
    }

    /// Fills an event with a row of the contact.
    pub fn load(&self, at: usize, contact: &str, event: &mut Event) {
        let row = &self.rows[at];
        event.clear();
        event.contact.push_str(contact);
        event.uid = row.uid;
        event.time = row.time;
        event.kind = row.kind();
        let (event_type, source, properties) = self.texts(at);
        event.event_type.set_named(event_type.name(), event_type.as_str());
        event.source.set_named(source.name(), source.as_str());
        event.verdict = row.verdict();
        event.clamped = row.is_clamped();
        for (name, value) in RowProperties::new(properties) {
            event.properties.push(name.name(), name.as_str(), value);
        }
    }

    /// Removes one row.
    pub fn remove(&mut self, at: usize) {
        self.total_bytes -= self.size_bytes(at);
        let length = self.part(at).len();
        let start = self.rows[at].start as usize;
        self.packed.drain(start..start + length);
        self.rows[at + 1..].iter_mut().for_each(|later| later.start -= length as u32);
        self.rows.remove(at);
        self.prints.remove(at);
        self.oldest = self.rows.first().map(|row| row.time);
    }

    /// Loses the oldest rows.
    pub fn lose(&mut self, count: usize) {
        self.total_bytes -= (0..count).map(|at| self.size_bytes(at)).sum::<usize>();
        self.lost += count as u64;
        if let Some(last) = count.checked_sub(1) {
            self.lost_time = self.rows.get(last).map(|row| row.time);
        }
        self.rows.lose(count);
        self.prints.lose(count);
        self.oldest = self.rows.first().map(|row| row.time);
    }

    /// How many rows were ever lost here, and the time of the last of them.
    pub(crate) fn lost(&self) -> (u64, Option<Timestamp>) {
        (self.lost, self.lost_time)
    }

    /// How many lost rows are still in memory.
    pub(super) fn gone(&self) -> usize {
        self.rows.gone()
    }

    /// Gives the memory of lost rows to others. No mark taken before is valid any more.
    pub(super) fn forget_gone(&mut self) {
        let end = self.rows.first().map_or(self.packed.len(), |first| first.start as usize);
        self.packed.drain(..end);
        self.rows.forget_gone();
        self.prints.forget_gone();
        self.rows.iter_mut().for_each(|row| row.start -= end as u32);
    }

    pub(super) fn mark(&self) -> RowsMark {
        let Rows { oldest, total_bytes, lost, lost_time, .. } = *self;
        let (rows, prints, packed) = (self.rows.mark(), self.prints.mark(), self.packed.len());
        RowsMark { rows, prints, packed, oldest, total_bytes, lost, lost_time }
    }

    /// Keeps the rows from a place on, which are about to be ordered anew.
    pub(super) fn keep_from(&self, at: usize, cut: &mut RowsCut) {
        let start = self.rows.get(at).map_or(self.packed.len(), |row| row.start as usize);
        self.rows.keep_from(at, &mut cut.rows);
        self.prints.keep_from(at, &mut cut.prints);
        cut.packed.keep(&self.packed, start);
    }

    /// What became of the rows since a mark.
    pub(super) fn growth(&self, mark: &RowsMark, cut: &RowsCut) -> Growth {
        self.rows.growth(mark.rows, &cut.rows)
    }

    pub(super) fn rewind(&mut self, mark: &RowsMark, cut: RowsCut) {
        self.rows.rewind(mark.rows, cut.rows);
        self.prints.rewind(mark.prints, cut.prints);
        cut.packed.restore(&mut self.packed);
        (self.oldest, self.total_bytes) = (mark.oldest, mark.total_bytes);
        (self.lost, self.lost_time) = (mark.lost, mark.lost_time);
    }

    /// Forgets the rows from a place on.
    pub fn truncate(&mut self, len: usize) {
        self.total_bytes -= (len..self.rows.len()).map(|at| self.size_bytes(at)).sum::<usize>();
        if let Some(first) = self.rows.get(len) {
            self.packed.truncate(first.start as usize);
        }
        self.rows.truncate(len);
        self.prints.truncate(len);
        if self.rows.is_empty() {
            self.oldest = None;
        }
    }

    pub(super) fn warm(&self) -> u64 {
        let last = self.rows.last().map_or(0, |row| row.time.millis() as u64);
        let print = self.prints.first().map_or(0, |print| u64::from(*print));
        last ^ print ^ self.packed.last().map_or(0, |byte| u64::from(*byte))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes() + self.prints.memory_bytes() + self.packed.capacity()
    }
}

/// What a property counts, given the bytes of its value where that is a text.
fn property_bytes(name: &str, text_bytes: Option<usize>) -> usize {
    PROPERTY_BYTES + name.len() + text_bytes.unwrap_or(PLAIN_VALUE_BYTES)
}

fn print(uid: Uid) -> u16 {
    u16::from_ne_bytes([uid.0[0], uid.0[1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Name;

    fn event(id: &str, time: i64) -> Event {
        let mut event = Event { contact: "c1".into(), uid: Uid::of("s", id), ..Event::default() };
        event.time = Timestamp::from_millis(time);
        event.event_type.set("page_viewed");
        event.source.set("web");
        event.properties.set("path", Value::Text("/a"));
        event.properties.set("value", Value::Number(-12.5));
        event.properties.set("count", Value::Number(-3.0));
        event.properties.set("yes", Value::Bool(true));
        event.properties.set("id", Value::Text(id));
        event
    }

    fn ids(rows: &Rows) -> Vec<String> {
        let id = |at: usize| match rows.properties(at).get(Name::of("id")) {
            Some(Value::Text(text)) => text.to_owned(),
            other => panic!("an id is a text, not {other:?}"),
        };
        (0..rows.len()).map(id).collect()
    }

    #[test]
    fn rows_stay_in_the_order_of_s3_and_keep_their_properties() {
        let mut rows = Rows::default();
        for (id, time) in [("a", 5), ("bbb", 1), ("cc", 9), ("d", 3)] {
            rows.insert(&event(id, time));
        }
        assert!(rows.as_slice().iter().map(Row::order).collect::<Vec<_>>().is_sorted());
        assert_eq!(ids(&rows), ["bbb", "d", "a", "cc"]);
        rows.remove(1);
        assert_eq!(ids(&rows), ["bbb", "a", "cc"]);
        rows.lose(1);
        assert_eq!(
            (ids(&rows), rows.oldest()),
            (vec!["a".to_owned(), "cc".to_owned()], Some(Timestamp::from_millis(5)))
        );
        let mut loaded = Event::default();
        rows.load(0, "c1", &mut loaded);
        assert_eq!(format!("{loaded:?}"), format!("{:?}", event("a", 5)));
        rows.truncate(1);
        assert_eq!(ids(&rows), ["a"]);
        rows.insert(&event("e", 6));
        assert_eq!(ids(&rows), ["a", "e"]);
        assert_eq!(rows.find(Uid::of("s", "e")), Some(1));
    }

    #[test]
    fn what_rows_count_follows_whatever_happens_to_them_and_is_the_same_for_words_and_other_texts_s6() {
        let counted = |rows: &Rows| (0..rows.len()).map(|at| rows.size_bytes(at)).sum::<usize>();
        let mut rows = Rows::default();
        let mut odd = event("odd", 4);
        odd.event_type.set(&"t".repeat(500));
        odd.properties.set(&"p".repeat(500), Value::Null);
        assert_eq!(
            Rows::size_bytes_of(&event("a", 5)),
            40 + 11 + 3 + (8 + 4 + 2) + (8 + 5 + 8) * 2 + (8 + 3 + 8) + (8 + 2 + 1)
        );
        assert_eq!(Rows::size_bytes_of(&odd), Rows::size_bytes_of(&event("odd", 4)) + 489 + 516);
        for event in [event("a", 5), event("bbb", 1), odd, event("cc", 9), event("d", 3)] {
            let before = rows.total_bytes();
            let at = rows.insert(&event);
            assert_eq!((rows.size_bytes(at), rows.total_bytes()), (Rows::size_bytes_of(&event), counted(&rows)));
            assert_eq!(rows.total_bytes() - before, Rows::size_bytes_of(&event));
        }
        let mut removals: [&dyn Fn(&mut Rows); 3] =
            [&|rows| rows.remove(2), &|rows| rows.lose(1), &|rows| rows.truncate(2)];
        for remove in &mut removals {
            remove(&mut rows);
            assert_eq!(rows.total_bytes(), counted(&rows));
        }
        rows.truncate(0);
        assert_eq!(rows.total_bytes(), 0);
    }

    #[test]
    fn a_type_that_is_no_word_is_kept_in_the_row() {
        let mut rows = Rows::default();
        let mut odd = event("a", 1);
        odd.event_type.set(&"t".repeat(500));
        odd.properties.set(&"p".repeat(500), Value::Null);
        rows.insert(&odd);
        rows.insert(&event("b", 2));
        let mut loaded = Event::default();
        rows.load(0, "c1", &mut loaded);
        assert_eq!(format!("{loaded:?}"), format!("{odd:?}"));
        assert_eq!((rows.source(0).as_str(), rows.event_type(1).as_str()), ("web", "page_viewed"));
    }
}
