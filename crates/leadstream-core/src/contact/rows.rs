//! The rows of one contact: its accepted events inside the horizon, in S3 order, in two flat buffers.
//!
//! Fixed parts lie in one vector, packed properties in another, so that appending costs no allocation of its own and a stored form can copy the
//! packed bytes as they are. The packed form of properties is part of the stored form: its tags are never reused or changed.

use crate::contact::words::{WordId, Words};
use crate::event::{Event, EventKind, Properties, Value, Verdict};
use crate::id::{Name, Uid};
use crate::time::Timestamp;

/// The fixed part of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When it happened.
    pub time: Timestamp,
    /// The event's identity.
    pub uid: Uid,
    /// The event's type.
    pub event_type: WordId,
    /// The source it came from.
    pub source: WordId,
    /// What it does.
    pub kind: EventKind,
    /// Who caused it.
    pub verdict: Verdict,
    /// Its time was clamped at reception.
    pub clamped: bool,
    start: u32,
    length: u32,
}

impl Row {
    /// The row's place in the order of a contact's events (S3).
    pub fn order(&self) -> (Timestamp, Uid) {
        (self.time, self.uid)
    }
}

/// Rows in S3 order.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// The first bytes of each row's identity, close together: every event is looked for among all rows.
    prints: Vec<u64>,
    packed: Vec<u8>,
    /// The time of the first row, so that no event has to look at that row to know that it stays.
    oldest: Option<Timestamp>,
}

/// Tags of packed values. Never changed or reused: stored rows carry them.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    /// A whole number as a zigzag varint.
    pub(super) const WHOLE: u8 = 3;
    /// A binary64, little-endian.
    pub(super) const NUMBER: u8 = 4;
    /// A varint length and UTF-8 bytes.
    pub(super) const TEXT: u8 = 5;
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

    /// The place of the row of an event.
    pub fn find(&self, uid: Uid) -> Option<usize> {
        let wanted = print(uid);
        let mut start = 0;
        // A block at a time without leaving it early, so that the comparison is done several rows at once.
        for block in self.prints.chunks(32) {
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
    pub fn insert(&mut self, event: &Event, words: &mut Words) -> usize {
        if self.rows.is_empty() {
            self.rows.reserve(8);
            self.prints.reserve(8);
            self.packed.reserve(1024);
        }
        let start = self.packed.len() as u32;
        pack(&event.properties, words, &mut self.packed);
        let row = Row {
            time: event.time,
            uid: event.uid,
            event_type: words.insert(event.event_type.name(), event.event_type.as_str()),
            source: words.insert(event.source.name(), event.source.as_str()),
            kind: event.kind,
            verdict: event.verdict,
            clamped: event.clamped,
            start,
            length: self.packed.len() as u32 - start,
        };
        let order = row.order();
        let at = match self.rows.last() {
            Some(last) if last.order() > order => self.rows.partition_point(|other| other.order() < order),
            _ => self.rows.len(),
        };
        let late = at < self.rows.len();
        self.oldest = Some(self.oldest.map_or(event.time, |oldest| oldest.min(event.time)));
        self.rows.insert(at, row);
        self.prints.insert(at, print(event.uid));
        if late {
            self.repack();
        }
        at
    }

    /// Keeps so many of the oldest rows.
    pub(crate) fn keep_oldest(&mut self, count: usize) {
        self.rows.truncate(count);
        self.prints.truncate(count);
        self.repack();
    }

    /// Appends a row from its stored parts; rows must come in order.
    pub fn push_packed(&mut self, row: RowParts, packed: &[u8]) {
        let start = self.packed.len() as u32;
        self.packed.extend_from_slice(packed);
        self.oldest.get_or_insert(row.time);
        self.prints.push(print(row.uid));
        let RowParts { time, uid, event_type, source, kind, verdict, clamped } = row;
        self.rows.push(Row {
            time,
            uid,
            event_type,
            source,
            kind,
            verdict,
            clamped,
            start,
            length: packed.len() as u32,
        });
    }

    /// The packed properties of a row, as they are stored.
    pub fn packed(&self, row: &Row) -> &[u8] {
        &self.packed[row.start as usize..(row.start + row.length) as usize]
    }

    /// The properties of a row.
    pub fn properties<'a>(&'a self, row: &Row, words: &'a Words) -> RowProperties<'a> {
        RowProperties { bytes: self.packed(row), words }
    }

    /// Fills an event with a row of the contact.
    pub fn load(&self, at: usize, words: &Words, contact: &str, event: &mut Event) {
        let row = &self.rows[at];
        event.clear();
        event.contact.push_str(contact);
        event.uid = row.uid;
        event.time = row.time;
        event.kind = row.kind;
        event.event_type.set(words.text(row.event_type));
        event.source.set(words.text(row.source));
        event.verdict = row.verdict;
        event.clamped = row.clamped;
        for (_, name, value) in self.properties(row, words) {
            event.properties.set(name, value);
        }
    }

    /// Removes one row.
    pub fn remove(&mut self, at: usize) {
        self.rows.remove(at);
        self.prints.remove(at);
        self.repack();
    }

    /// Removes the oldest rows.
    pub fn remove_oldest(&mut self, count: usize) {
        self.rows.drain(..count);
        self.prints.drain(..count);
        self.repack();
    }

    /// Forgets the rows from a place on; the packed properties of rows lie in their order.
    pub fn truncate(&mut self, len: usize) {
        self.rows.truncate(len);
        self.prints.truncate(len);
        let end = self.rows.last().map_or(0, |row| row.start + row.length);
        self.packed.truncate(end as usize);
        if self.rows.is_empty() {
            self.oldest = None;
        }
    }

    /// Lays the packed properties in the order of the rows, without gaps.
    pub fn repack(&mut self) {
        self.oldest = self.rows.first().map(|row| row.time);
        let mut packed = Vec::with_capacity(self.rows.iter().map(|row| row.length as usize).sum());
        for row in &mut self.rows {
            let start = packed.len() as u32;
            packed.extend_from_slice(&self.packed[row.start as usize..(row.start + row.length) as usize]);
            row.start = start;
        }
        self.packed = packed;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.prints.capacity() * 8 + self.packed.capacity()
    }
}

fn print(uid: Uid) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&uid.0[..8]);
    u64::from_ne_bytes(first)
}

/// The fixed part of a row, without its place in the buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowParts {
    /// When it happened.
    pub time: Timestamp,
    /// The event's identity.
    pub uid: Uid,
    /// The event's type.
    pub event_type: WordId,
    /// The source it came from.
    pub source: WordId,
    /// What it does.
    pub kind: EventKind,
    /// Who caused it.
    pub verdict: Verdict,
    /// Its time was clamped at reception.
    pub clamped: bool,
}

/// Reads packed properties one by one. Bytes that are not well formed end the reading.
#[derive(Clone, Debug)]
pub struct RowProperties<'a> {
    bytes: &'a [u8],
    words: &'a Words,
}

impl<'a> RowProperties<'a> {
    /// Packed properties and the words they refer to.
    pub fn new(bytes: &'a [u8], words: &'a Words) -> RowProperties<'a> {
        RowProperties { bytes, words }
    }

    /// The value of one property.
    pub fn get(self, name: Name) -> Option<Value<'a>> {
        self.into_iter().find(|(known, _, _)| *known == name).map(|(_, _, value)| value)
    }

    fn read_text(&mut self) -> Option<&'a str> {
        let length = read_varint(&mut self.bytes)? as usize;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }
}

impl<'a> Iterator for RowProperties<'a> {
    type Item = (Name, &'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let word = read_varint(&mut self.bytes)?;
        let (name, text) = match word.checked_sub(1) {
            None => {
                let text = self.read_text()?;
                (Name::of(text), text)
            }
            Some(word) => (self.words.name(word as WordId), self.words.text(word as WordId)),
        };
        let (tag, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let value = match *tag {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::WHOLE => {
                let zigzag = read_varint(&mut self.bytes)?;
                Value::Number(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)) as f64)
            }
            tag::NUMBER => {
                let (number, rest) = self.bytes.split_first_chunk::<8>()?;
                self.bytes = rest;
                Value::Number(f64::from_le_bytes(*number))
            }
            tag::TEXT => Value::Text(self.read_text()?),
            _ => return None,
        };
        Some((name, text, value))
    }
}

fn pack(properties: &Properties, words: &mut Words, out: &mut Vec<u8>) {
    for (name, text, value) in properties.iter() {
        match words.insert_bounded(name, text) {
            Some(word) => write_varint(u64::from(word) + 1, out),
            None => {
                out.push(0);
                write_text(text, out);
            }
        }
        match value {
            Value::Null => out.push(tag::NULL),
            Value::Bool(false) => out.push(tag::FALSE),
            Value::Bool(true) => out.push(tag::TRUE),
            Value::Number(number) => pack_number(number, out),
            Value::Text(text) => {
                out.push(tag::TEXT);
                write_text(text, out);
            }
        }
    }
}

fn pack_number(number: f64, out: &mut Vec<u8>) {
    let whole = number as i64;
    // -0.0 is a binary64 of its own only in its sign, which no condition can see: it is kept as 0.
    if whole as f64 == number && whole.unsigned_abs() < 1 << 48 {
        out.push(tag::WHOLE);
        write_varint(((whole << 1) ^ (whole >> 63)) as u64, out);
    } else {
        out.push(tag::NUMBER);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, time: i64) -> Event {
        let mut event = Event { contact: "c1".into(), uid: Uid::of("s", id), ..Event::default() };
        event.time = Timestamp::from_millis(time);
        event.event_type.set("page_viewed");
        event.properties.set("path", Value::Text("/a"));
        event.properties.set("value", Value::Number(-12.5));
        event.properties.set("count", Value::Number(-3.0));
        event.properties.set("yes", Value::Bool(true));
        event
    }

    #[test]
    fn rows_stay_in_the_order_of_s3_and_keep_their_properties() {
        let (mut rows, mut words) = (Rows::default(), Words::default());
        for (id, time) in [("a", 5), ("b", 1), ("c", 9), ("d", 5)] {
            rows.insert(&event(id, time), &mut words);
        }
        let orders: Vec<_> = rows.as_slice().iter().map(Row::order).collect();
        assert!(orders.is_sorted());
        rows.remove_oldest(1);
        let mut loaded = Event::default();
        for at in 0..rows.len() {
            rows.load(at, &words, "c1", &mut loaded);
            assert_eq!(format!("{:?}", loaded.properties), format!("{:?}", event("x", 0).properties));
            assert_eq!(loaded.event_type.as_str(), "page_viewed");
        }
        let row = rows.as_slice()[0];
        assert_eq!(rows.properties(&row, &words).get(Name::of("count")), Some(Value::Number(-3.0)));
    }

    #[test]
    fn more_names_than_the_table_holds_are_kept_in_the_row() {
        let (mut rows, mut words) = (Rows::default(), Words::default());
        let mut many = event("a", 1);
        for n in 0..WORDS_TEST {
            many.properties.set(&format!("p{n}"), Value::Number(n as f64));
        }
        rows.insert(&many, &mut words);
        let row = rows.as_slice()[0];
        let last = WORDS_TEST - 1;
        assert_eq!(rows.properties(&row, &words).get(Name::of(&format!("p{last}"))), Some(Value::Number(last as f64)));
        assert_eq!(rows.properties(&row, &words).count(), WORDS_TEST + 4);
    }
    const WORDS_TEST: usize = super::super::words::WORDS_MAX + 10;

    #[test]
    fn truncated_bytes_end_the_reading_without_panic() {
        let (mut rows, mut words) = (Rows::default(), Words::default());
        rows.insert(&event("a", 1), &mut words);
        let packed = rows.packed(&rows.as_slice()[0]).to_vec();
        for end in 0..packed.len() {
            assert!(RowProperties::new(&packed[..end], &words).count() <= 4);
        }
    }
}
