//! The words of one contact's rows: each text once, rows refer to it by number.
//!
//! The table belongs to the contact, not to the process, so that a record is readable by itself, memory is bounded by the rows there are, and
//! erasing the contact erases its words. All texts lie in one buffer: a contact has dozens of them, and an allocation each would cost
//! more than its first events.

use crate::id::Name;

/// The number of a word: its place in the table.
pub type WordId = u32;

/// Beyond so many words a row carries further property names itself, so that a contact with hostile names stays cheap to search.
pub(super) const WORDS_MAX: usize = 4096;

/// A growing table of texts.
#[derive(Clone, Debug, Default)]
pub struct Words {
    names: Vec<Name>,
    /// Where each text ends in `texts`.
    ends: Vec<u32>,
    texts: String,
}

impl Words {
    /// How many words there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The number of a word, added if it is new.
    pub fn insert(&mut self, name: Name, text: &str) -> WordId {
        if let Some(known) = self.find(name) {
            return known;
        }
        if self.names.is_empty() {
            // What the first event of a contact usually brings, so that the buffers do not grow step by step.
            self.names.reserve(24);
            self.ends.reserve(24);
            self.texts.reserve(256);
        }
        self.names.push(name);
        self.texts.push_str(text);
        self.ends.push(self.texts.len() as u32);
        (self.names.len() - 1) as WordId
    }

    /// The number of a word, added if it is new and there is room.
    pub fn insert_bounded(&mut self, name: Name, text: &str) -> Option<WordId> {
        match self.find(name) {
            None if self.len() >= WORDS_MAX => None,
            Some(known) => Some(known),
            None => Some(self.insert(name, text)),
        }
    }

    /// The number of a known word.
    #[inline]
    pub fn find(&self, name: Name) -> Option<WordId> {
        self.names.iter().position(|known| *known == name).map(|at| at as WordId)
    }

    /// The text of a word; empty for a number that is not there.
    pub fn text(&self, word: WordId) -> &str {
        let at = word as usize;
        let Some(end) = self.ends.get(at) else { return "" };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start as usize..*end as usize]
    }

    /// The name of a word.
    #[inline]
    pub fn name(&self, word: WordId) -> Name {
        self.names.get(word as usize).copied().unwrap_or_default()
    }

    /// All words in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.text(at as WordId))
    }

    /// Forgets the words from a number on.
    pub fn truncate(&mut self, len: usize) {
        self.names.truncate(len);
        self.ends.truncate(len);
        self.texts.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.names.capacity() * 8 + self.ends.capacity() * 4 + self.texts.capacity()
    }
}
