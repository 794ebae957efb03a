//! Writing and reading the parts of stored forms: instants, points, words and lists, on top of plain bytes.
//!
//! Instants are written as differences from a base that both sides know: most lie near each other.

use leadstream_core::{Points, Timestamp, Word};

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number, put_signed};
use super::words::{Dictionary, Vocabulary};

/// Where a form is written to.
pub(super) struct FormWriter<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) words: &'a mut Dictionary,
    pub(super) base: Timestamp,
}

impl FormWriter<'_> {
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn number(&mut self, number: u64) {
        put_number(self.bytes, number);
    }

    pub(super) fn text(&mut self, text: &str) {
        put_bytes(self.bytes, text.as_bytes());
    }

    pub(super) fn word(&mut self, word: Word) {
        self.words.put_word(word, self.bytes);
    }

    pub(super) fn instant(&mut self, instant: Timestamp) {
        put_signed(self.bytes, instant.millis().wrapping_sub(self.base.millis()));
    }

    pub(super) fn optional_instant(&mut self, instant: Option<Timestamp>) {
        self.byte(u8::from(instant.is_some()));
        if let Some(instant) = instant {
            self.instant(instant);
        }
    }

    pub(super) fn points(&mut self, points: Points) {
        put_signed(self.bytes, points.thousandths());
    }

    pub(super) fn list<T>(&mut self, items: &[T], put: impl Fn(&T, &mut Self)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| put(item, self));
    }
}

/// Where a form is read from.
pub(super) struct FormReader<'a> {
    pub(super) bytes: ByteReader<'a>,
    pub(super) words: &'a Vocabulary,
    pub(super) base: Timestamp,
}

impl<'a> FormReader<'a> {
    pub(super) fn new(bytes: ByteReader<'a>, words: &'a Vocabulary) -> FormReader<'a> {
        FormReader { bytes, words, base: Timestamp::default() }
    }

    /// A byte of flags, of which only those of `known` are known.
    pub(super) fn flags(&mut self, known: u8) -> Result<u8, StoredError> {
        let flags = self.bytes.byte()?;
        if flags & !known == 0 { Ok(flags) } else { Err(StoredError::Malformed("an unknown flag")) }
    }

    pub(super) fn word(&mut self) -> Result<Word, StoredError> {
        self.words.word(&mut self.bytes)
    }

    pub(super) fn instant(&mut self) -> Result<Timestamp, StoredError> {
        Ok(Timestamp::from_millis(self.base.millis().wrapping_add(self.bytes.signed()?)))
    }

    pub(super) fn optional_instant(&mut self) -> Result<Option<Timestamp>, StoredError> {
        match self.bytes.byte()? {
            0 => Ok(None),
            1 => self.instant().map(Some),
            _ => Err(StoredError::Malformed("an instant that neither is nor is not")),
        }
    }

    pub(super) fn points(&mut self) -> Result<Points, StoredError> {
        self.bytes.signed().map(Points::from_thousandths)
    }

    pub(super) fn list<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, StoredError>,
    ) -> Result<Vec<T>, StoredError> {
        let count = self.bytes.number()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }
}
