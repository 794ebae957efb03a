//! The normalised event, as decoders hand it to the fold (S2), and its properties.
//!
//! One `Event` is meant to be filled again and again by a decoder: clearing keeps its buffers, so that a scored event costs no allocation.

use std::fmt;
use std::ops::Range;

use crate::id::{Name, Uid};
use crate::time::Timestamp;

/// What an event does to a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// Something the contact did, or that was done to it: scored by event rules.
    #[default]
    Interaction,
    /// The properties are new values of the contact's attributes; null and "" unset (S2, S16).
    Attributes,
    /// Each property is a tag of the contact: true adds it, false removes it (S25).
    Tags,
    /// The properties are all attributes of the contact: every attribute that is not named is unset (S16).
    Snapshot,
    /// The text property `with` names another id that becomes part of this contact; where `seen` is true it was only seen with it (S48). No fold ever
    /// takes it where identities merge.
    Link,
    /// Points given or set by hand in the plan that the text property `plan` names: the number `add` or `set`; `decay: none` keeps their worth (S17).
    Adjust,
    /// What sales says of the lead: the text property `outcome`, and `plan` where it concerns one plan only (S38).
    Feedback,
    /// Who is to be taken to have caused an earlier or later event: the text properties `source` and `id` name it, `verdict` says who (S56).
    Verdict,
    /// Everything of the person goes, and does not come back (S52). Acts where it lies in the log; no fold ever takes it.
    Erase,
    /// An erased id counts again, for what happens from the instant on that the number `from` says, in milliseconds (S52). No fold ever takes it.
    Reinstate,
    /// The contact becomes part of the contact of the id that the text property `into` names (S48). No fold ever takes it.
    Merge,
    /// What the record did that the text properties `source` and `id` name, or `link` by its identity, is undone (S48). No fold ever takes it.
    Split,
}

impl EventKind {
    /// A number that tells the kinds apart in rows and stored forms. Never changed or reused.
    pub fn code(self) -> u8 {
        match self {
            EventKind::Interaction => 0,
            EventKind::Attributes => 1,
            EventKind::Tags => 2,
            EventKind::Snapshot => 3,
            EventKind::Link => 4,
            EventKind::Adjust => 8,
            EventKind::Feedback => 9,
            EventKind::Verdict => 5,
            EventKind::Erase => 10,
            EventKind::Reinstate => 11,
            EventKind::Merge => 12,
            EventKind::Split => 13,
        }
    }

    /// The kind of a number, of those that are kept in rows.
    pub fn of_code(code: u8) -> Option<EventKind> {
        let kinds = [
            EventKind::Interaction,
            EventKind::Attributes,
            EventKind::Tags,
            EventKind::Snapshot,
            EventKind::Link,
            EventKind::Adjust,
            EventKind::Feedback,
            EventKind::Verdict,
        ];
        kinds.into_iter().find(|kind| kind.code() == code)
    }
}

/// Who is taken to have caused an event (S56). Ordered as S3 compares them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A person.
    #[default]
    Human,
    /// Perhaps a machine.
    Suspect,
    /// A machine: a bot, a prefetching proxy, a link scanner.
    Machine,
}

impl Verdict {
    /// A number that tells the verdicts apart in rows and stored forms. Never changed or reused.
    pub fn code(self) -> u8 {
        match self {
            Verdict::Human => 0,
            Verdict::Suspect => 1,
            Verdict::Machine => 2,
        }
    }

    /// The verdict that a word stands for.
    pub fn of_word(word: &str) -> Option<Verdict> {
        Some(match word {
            "human" => Verdict::Human,
            "suspect" => Verdict::Suspect,
            "machine" => Verdict::Machine,
            _ => return None,
        })
    }

    /// The verdict of a number.
    pub fn of_code(code: u8) -> Option<Verdict> {
        [Verdict::Human, Verdict::Suspect, Verdict::Machine].get(usize::from(code)).copied()
    }
}

/// A scalar value of a property or attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: only in attribute updates, where it unsets.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number; all numbers are binary64 (S8).
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// A text with its [`Name`], in a buffer that is filled again.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Term {
    name: Name,
    text: String,
}

impl Term {
    /// A term of a text.
    pub fn new(text: &str) -> Term {
        Term { name: Name::of(text), text: text.to_owned() }
    }

    /// Takes another text.
    pub fn set(&mut self, text: &str) {
        self.text.clear();
        self.text.push_str(text);
        self.name = Name::of(text);
    }

    /// Takes another text whose name is known.
    pub(crate) fn set_named(&mut self, name: Name, text: &str) {
        self.text.clear();
        self.text.push_str(text);
        self.name = name;
    }

    /// The name, to compare.
    pub fn name(&self) -> Name {
        self.name
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// One event of one contact.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// The contact the event belongs to; never empty.
    pub contact: String,
    /// The identity of the event (S3).
    pub uid: Uid,
    /// When it happened (S4 already applied).
    pub time: Timestamp,
    /// What it does.
    pub kind: EventKind,
    /// Its type, an open set of snake_case words: `page_viewed`, `order_completed`.
    pub event_type: Term,
    /// The source it came from, part of its identity.
    pub source: Term,
    /// Who caused it.
    pub verdict: Verdict,
    /// Its time lay in the future and was clamped at reception (S4).
    pub clamped: bool,
    /// Its scalar properties.
    pub properties: Properties,
}

impl Event {
    /// Empties the event for the next record, keeping its buffers.
    pub fn clear(&mut self) {
        self.contact.clear();
        self.uid = Uid::default();
        self.time = Timestamp::default();
        self.kind = EventKind::default();
        self.event_type.set("");
        self.source.set("");
        self.verdict = Verdict::default();
        self.clamped = false;
        self.properties.clear();
    }
}

/// Scalar properties by name, in the order they were set; a name set twice keeps its last value.
#[derive(Clone, Default)]
pub struct Properties {
    entries: Vec<Entry>,
    text: String,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Name,
    name_text: Range<u32>,
    value: StoredValue,
}

#[derive(Clone, Debug)]
enum StoredValue {
    Null,
    Bool(bool),
    Number(f64),
    Text(Range<u32>),
}

impl Properties {
    /// No properties.
    pub fn new() -> Properties {
        Properties::default()
    }

    /// Forgets all properties, keeping the buffers.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.text.clear();
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How long all texts are together: names and values.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Sets a property; a value set before under the same name is replaced.
    pub fn set(&mut self, name: &str, value: Value<'_>) {
        let hash = Name::of(name);
        let value = self.store(value);
        match self.entries.iter_mut().find(|entry| entry.name == hash) {
            Some(entry) => entry.value = value,
            None => {
                let name_text = self.push_text(name);
                self.entries.push(Entry { name: hash, name_text, value });
            }
        }
    }

    /// Adds a property that is not set yet and whose name is known.
    pub(crate) fn push(&mut self, name: Name, text: &str, value: Value<'_>) {
        let name_text = self.push_text(text);
        let value = self.store(value);
        self.entries.push(Entry { name, name_text, value });
    }

    /// Removes a property, if it is there.
    pub fn remove(&mut self, name: Name) {
        self.entries.retain(|entry| entry.name != name);
    }

    /// The value of a property.
    #[inline]
    pub fn get(&self, name: Name) -> Option<Value<'_>> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(self.value(&entry.value))
    }

    /// All properties: name, its text, value.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &str, Value<'_>)> {
        self.entries.iter().map(|entry| (entry.name, self.slice(&entry.name_text), self.value(&entry.value)))
    }

    fn store(&mut self, value: Value<'_>) -> StoredValue {
        match value {
            Value::Null => StoredValue::Null,
            Value::Bool(value) => StoredValue::Bool(value),
            Value::Number(value) => StoredValue::Number(value),
            Value::Text(value) => StoredValue::Text(self.push_text(value)),
        }
    }

    fn push_text(&mut self, text: &str) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        start..self.text.len() as u32
    }

    fn slice(&self, range: &Range<u32>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }

    fn value(&self, stored: &StoredValue) -> Value<'_> {
        match stored {
            StoredValue::Null => Value::Null,
            StoredValue::Bool(value) => Value::Bool(*value),
            StoredValue::Number(value) => Value::Number(*value),
            StoredValue::Text(range) => Value::Text(self.slice(range)),
        }
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(_, name, value)| (name, value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_set_twice_keeps_its_last_value() {
        let mut properties = Properties::new();
        properties.set("path", Value::Text("/a"));
        properties.set("value", Value::Number(1.0));
        properties.set("path", Value::Text("/bb"));
        assert_eq!(properties.get(Name::of("path")), Some(Value::Text("/bb")));
        assert_eq!(properties.len(), 2);
        properties.remove(Name::of("path"));
        assert_eq!(properties.get(Name::of("path")), None);
    }
}
