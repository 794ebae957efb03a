//! Words: texts that come up again and again, by number. Event types, sources and names of properties; ids of plans, rules and stages.
//!
//! A contact's rows and state hold numbers of four bytes, and no contact pays for a table of its own. The table belongs to the process and only
//! grows, so what comes from outside is bounded (L8): beyond [`WORDS_MAX`] a text from outside is not made a word, and rows carry it themselves. Names out
//! of plans and stored forms of ours are always taken in. Numbers differ from run to run: they are never stored, compared for order or shown.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::ops::Deref;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::id::{Name, NameHasher};

/// So many words may come from outside; about 4 MiB.
pub const WORDS_MAX: u32 = 65_536;

/// A text from outside that is longer, in bytes, is not made a word.
const WORD_BYTES_MAX: usize = 128;

/// Words lie in chunks that never move, so that reading one takes no lock. The first is small; each further one doubles what there is.
const FIRST_CHUNK: u32 = 1024;
const CHUNKS: usize = 22;

/// A text that the process knows by a number. Equal texts are equal words; words are ordered as their texts are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(u32);

struct Entry {
    name: Name,
    text: &'static str,
}

type Numbers = HashMap<Name, u32, BuildHasherDefault<NameHasher>>;

#[derive(Default)]
struct Table {
    numbers: Numbers,
    used: u32,
    from_outside: u32,
}

static TABLE: OnceLock<Mutex<Table>> = OnceLock::new();
static ENTRIES: [OnceLock<Box<[OnceLock<Entry>]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];

/// A power of two, about four times as many as a busy source has words.
const RECENT_WORDS: usize = 1024;

thread_local! {
    /// The word asked for last of those that share a place: asked for with every property of every event.
    static RECENT: [Cell<u32>; RECENT_WORDS] = const { [const { Cell::new(0) }; RECENT_WORDS] };
    /// What this thread has asked for before: found again without a lock.
    static KNOWN: RefCell<Numbers> = RefCell::default();
}

impl Word {
    /// The empty text.
    pub const EMPTY: Word = Word(0);

    /// The word of a text out of a plan or a stored form: there always is one.
    pub fn of(text: &str) -> Word {
        let name = Name::of(text);
        known(name, text).unwrap_or_else(|| Word(enter(name, text)))
    }

    /// The word of a text from outside, whose name is known; `None` where it is none and there is no room for it.
    #[inline]
    pub fn from_outside(name: Name, text: &str) -> Option<Word> {
        known(name, text).or_else(|| enter_from_outside(name, text))
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        self.entry().map_or("", |entry| entry.text)
    }

    /// The name of the text.
    #[inline]
    pub fn name(self) -> Name {
        self.entry().map_or_else(|| Name::of(""), |entry| entry.name)
    }

    /// Where the word stands in the table of this process: below the number of all words, for tables beside it.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The word of a [`Word::number`] of this process.
    #[inline]
    pub(crate) fn numbered(number: u32) -> Word {
        Word(number)
    }

    #[inline]
    fn entry(self) -> Option<&'static Entry> {
        if self.0 == 0 {
            return None;
        }
        let (chunk, at) = place(self.0);
        ENTRIES.get(chunk)?.get()?.get(at)?.get()
    }
}

/// The chunk of a number, and the place in it.
#[inline]
fn place(number: u32) -> (usize, usize) {
    let from_first = number / FIRST_CHUNK;
    match from_first.checked_ilog2() {
        None => (0, number as usize),
        Some(doubling) => (doubling as usize + 1, (number - (FIRST_CHUNK << doubling)) as usize),
    }
}

/// What this thread knows. Texts are compared: two of one name are different words.
#[inline]
fn known(name: Name, text: &str) -> Option<Word> {
    if text.is_empty() {
        return Some(Word::EMPTY);
    }
    RECENT.with(|recent| {
        let place = &recent[name.0 as usize % RECENT_WORDS];
        let is_it = |word: &Word| word.entry().is_some_and(|entry| entry.name == name && entry.text == text);
        Some(Word(place.get())).filter(is_it).or_else(|| {
            let word = KNOWN.with_borrow(|known| known.get(&name).copied()).map(Word).filter(is_it)?;
            place.set(word.0);
            Some(word)
        })
    })
}

fn enter(name: Name, text: &str) -> u32 {
    entered(name, text, |_| true).unwrap_or(0)
}

#[cold]
fn enter_from_outside(name: Name, text: &str) -> Option<Word> {
    let has_room = |table: &mut Table| {
        let room = text.len() <= WORD_BYTES_MAX && table.from_outside < WORDS_MAX;
        table.from_outside += u32::from(room);
        room
    };
    entered(name, text, has_room).map(Word)
}

/// The number of a text, entered if it is new and `admit` has room for it.
fn entered(name: Name, text: &str, admit: impl FnOnce(&mut Table) -> bool) -> Option<u32> {
    let mut table = TABLE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    // Texts whose names collide stand at the names after it.
    let mut place_of = name;
    while table.numbers.get(&place_of).is_some_and(|number| Word(*number).as_str() != text) {
        place_of = Name(place_of.0.wrapping_add(1));
    }
    let number = match table.numbers.get(&place_of).copied() {
        Some(number) => number,
        None if !admit(&mut table) => return None,
        None => {
            table.used += 1;
            let number = table.used;
            let (chunk, at) = place(number);
            let length = FIRST_CHUNK << chunk.saturating_sub(1);
            let entries = ENTRIES.get(chunk)?.get_or_init(|| (0..length).map(|_| OnceLock::new()).collect());
            let _ = entries[at].set(Entry { name, text: Box::leak(Box::from(text)) });
            table.numbers.insert(place_of, number);
            number
        }
    };
    KNOWN.with_borrow_mut(|known| known.insert(name, number));
    Some(number)
}

impl Deref for Word {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Word {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Default for Word {
    fn default() -> Word {
        Word::EMPTY
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Word {
        Word::of(text)
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Word) -> Ordering {
        if self.0 == other.0 { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Word) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_word_in_every_thread() {
        let here = Word::of("page_viewed");
        let there = std::thread::spawn(|| Word::of("page_viewed")).join().unwrap();
        assert_eq!((here, here.as_str(), here.name()), (there, "page_viewed", Name::of("page_viewed")));
        assert_ne!(here, Word::of("page_vieweb"));
        assert_eq!((Word::of(""), Word::default().as_str()), (Word::EMPTY, ""));
    }

    #[test]
    fn many_words_keep_their_texts_and_their_order() {
        let words: Vec<Word> = (0..5000).map(|n| Word::of(&format!("many-{n:05}"))).collect();
        assert!(words.is_sorted());
        for (n, word) in words.iter().enumerate() {
            assert_eq!(word.as_str(), format!("many-{n:05}"));
            assert_eq!(Word::numbered(word.number()), *word);
        }
        assert_eq!(Word::numbered(u32::MAX).as_str(), "");
    }

    #[test]
    fn a_long_text_from_outside_is_no_word_unless_a_plan_made_it_one() {
        let long = "x".repeat(WORD_BYTES_MAX + 1);
        assert_eq!(Word::from_outside(Name::of(&long), &long), None);
        let word = Word::of(&long);
        assert_eq!(Word::from_outside(Name::of(&long), &long), Some(word));
    }

    #[test]
    fn places_fill_each_chunk_and_go_on_in_the_next() {
        assert_eq!(place(1023), (0, 1023));
        assert_eq!(place(1024), (1, 0));
        assert_eq!(place(2047), (1, 1023));
        assert_eq!(place(2048), (2, 0));
        assert_eq!(place(4096), (3, 0));
    }
}
