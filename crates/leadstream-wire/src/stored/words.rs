//! The words of one stored form: each text once, in front, and small numbers in its place everywhere else.
//!
//! A dictionary belongs to one image or one redo record, so that each is readable by itself and what a contact's record held is gone with it.

use std::sync::Arc;

use leadstream_core::contact::RowText;
use leadstream_core::{Name, Word};

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number};

/// Numbers the words of a form while it is written. Cleared and filled again for the next.
#[derive(Debug, Default)]
pub struct Dictionary {
    words: Vec<Word>,
    /// By the word's number in the process: its number here and one; 0 where it is not here.
    numbers: Vec<u32>,
}

impl Dictionary {
    /// Forgets all words.
    pub fn clear(&mut self) {
        for word in self.words.drain(..) {
            self.numbers[word.number() as usize] = 0;
        }
    }

    /// The number of a word, from 1.
    fn number(&mut self, word: Word) -> u32 {
        let at = word.number() as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, 0);
        }
        if self.numbers[at] == 0 {
            self.words.push(word);
            self.numbers[at] = self.words.len() as u32;
        }
        self.numbers[at]
    }

    /// Appends the number of a word.
    pub(super) fn put_word(&mut self, word: Word, bytes: &mut Vec<u8>) {
        put_number(bytes, u64::from(self.number(word)));
    }

    /// Appends the number of a word, or 0 and the text where it is none.
    pub(super) fn put_text(&mut self, text: RowText<'_>, bytes: &mut Vec<u8>) {
        match text {
            RowText::Word(word) => self.put_word(word, bytes),
            RowText::Own(text) => {
                bytes.push(0);
                put_bytes(bytes, text.as_bytes());
            }
        }
    }

    /// Appends all words in the order of their numbers.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        put_number(bytes, self.words.len() as u64);
        for word in &self.words {
            put_bytes(bytes, word.as_bytes());
        }
    }
}

/// The words of a form that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary(Vec<Known>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Word(Word),
    /// There was no room for it among the words of the process.
    Text(Arc<str>),
}

impl Vocabulary {
    /// Reads what [`Dictionary::write`] wrote.
    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Vocabulary, StoredError> {
        let count = reader.number()?;
        let mut words = Vec::new();
        for _ in 0..count {
            let text = reader.text()?;
            words.push(match Word::from_outside(Name::of(text), text) {
                Some(word) => Known::Word(word),
                None => Known::Text(Arc::from(text)),
            });
        }
        Ok(Vocabulary(words))
    }

    /// Reads a text of a row.
    pub(super) fn text<'a>(&'a self, reader: &mut ByteReader<'a>) -> Result<RowText<'a>, StoredError> {
        match reader.number()? {
            0 => reader.text().map(RowText::Own),
            number => Ok(match self.known(number)? {
                Known::Word(word) => RowText::Word(*word),
                Known::Text(text) => RowText::Own(text),
            }),
        }
    }

    /// Reads a word: a name out of a plan.
    pub(super) fn word(&self, reader: &mut ByteReader<'_>) -> Result<Word, StoredError> {
        Ok(match self.known(reader.number()?)? {
            Known::Word(word) => *word,
            Known::Text(text) => Word::of(text),
        })
    }

    fn known(&self, number: u64) -> Result<&Known, StoredError> {
        let at = number.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.0.get(at)).ok_or(StoredError::Malformed("a word that is not there"))
    }
}
