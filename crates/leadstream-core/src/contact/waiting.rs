//! What a contact waits for: ends of absence windows (S13), further parts of compound rules (S15), people who confirm what was held (S56).
//!
//! All of it lies behind one pointer that most contacts do not have, and copies share it. What is to be booked later is kept as the rule said when it
//! was decided (S45), so that no plan has to be known any more.

use std::sync::Arc;

use crate::contact::RuleName;
use crate::event::{Value, Verdict};
use crate::id::{Hasher, Name, Uid};
use crate::plan::{Cap, OncePer};
use crate::points::Points;
use crate::time::{Span, Timestamp};
use crate::word::Word;

/// How many windows and held events a contact has at most; beyond them none is added (S58).
pub const WINDOWS_MAX: usize = 256;
/// For how many keys compound rules keep parts at most; beyond them the one that was met the longest ago ends (S58).
pub const GATHERED_MAX: usize = 128;
/// How many instants of parts are kept in all; beyond them the oldest ends (S58).
pub const PART_INSTANTS_MAX: usize = 1000;

/// What a contact waits for; mostly nothing.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Option<Arc<Waits>>);

/// The lists of what a contact waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waits {
    /// Open windows, in the order in which they are due: instant, plan, rule, key (S5).
    pub windows: Vec<Pending>,
    /// What is held until somebody confirms it, in the order of its events.
    pub holds: Vec<Pending>,
    /// What compound rules have of their parts, by plan, rule and key.
    pub gathered: Vec<Gathered>,
}

/// Points that are decided and not booked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// A window: when it is due. What is held: the first instant at which it is too late to confirm it.
    pub until: Timestamp,
    /// The value that events must have in `property` to meet it.
    pub key: Key,
    /// The property of the key; the empty word where the rule has none.
    pub property: Word,
    /// The event that decided it.
    pub cause: Uid,
    /// The verdict of that event.
    pub verdict: Verdict,
    /// What the rule said.
    pub raw: Points,
    /// The key of a keyed `once_per`.
    pub once_key: Option<u64>,
    /// What the rule books and does.
    pub award: Arc<Award>,
}

/// What a firing of a rule does, as a version of it says. Shared by the plan and by the contacts that wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Award {
    /// What it books as in its plan.
    pub rule: Arc<RuleName>,
    /// Its cap.
    pub cap: Option<Cap>,
    /// How often it may fire.
    pub once: Once,
    /// Tags that it sets.
    pub tags: Vec<AwardTag>,
    /// Tags that it removes.
    pub untag: Vec<Arc<str>>,
    /// Event types that close a window of it; none for what is held.
    pub unless: Vec<Word>,
}

/// A tag that a firing sets.
#[derive(Clone, Debug, PartialEq)]
pub struct AwardTag {
    /// What it books as in the tag's score.
    pub rule: Arc<RuleName>,
    /// Points of the tag's own; `None`: the applied ones.
    pub points: Option<Points>,
}

/// How often a rule may fire, without the expression of a key: that is computed when points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// Each time.
    Not,
    /// Again once the span has passed since the last firing.
    Span(Span),
    /// Once for good.
    Ever,
    /// Once for each key.
    Key,
}

impl Once {
    /// What a rule's `once_per` says.
    pub fn of(once_per: Option<&OncePer>) -> Once {
        match once_per {
            None => Once::Not,
            Some(OncePer::Span(span)) => Once::Span(*span),
            Some(OncePer::Ever) => Once::Ever,
            Some(OncePer::Key(_)) => Once::Key,
        }
    }
}

/// What a compound rule has of its parts for one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Gathered {
    /// The plan.
    pub plan: Word,
    /// The rule.
    pub rule: Word,
    /// The shape of the rule that it belongs to: what a rule of another shape has gathered is nothing to it (S45).
    pub shape: Name,
    /// The key.
    pub key: Key,
    /// For each part the instants of its unused events; of a rule whose parts come in order, the latest start of a chain that reached it.
    pub instants: Vec<Vec<Timestamp>>,
}

/// The value that an event must have in common with another, in a form that is compared and ordered by its bytes; none where a rule has no property for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Option<Arc<[u8]>>);

impl Key {
    /// So many bytes of a text stand in its key; a longer one is named by its first bytes and a hash of all.
    const TEXT_BYTES_MAX: usize = 48;
    const HASH_BYTES: usize = 16;
    /// The longest key in bytes.
    pub const BYTES_MAX: usize = 1 + Key::TEXT_BYTES_MAX;

    /// The key of a rule that has no property for it.
    pub const NONE: Key = Key(None);

    /// The key that a value is; `None` for a value that is none.
    pub fn of(value: Value<'_>) -> Option<Key> {
        let mut bytes = Vec::new();
        match value {
            Value::Null | Value::Text("") => return None,
            Value::Bool(value) => bytes.extend([1, u8::from(value)]),
            // 0 and -0 are one number to every condition, so they are one key.
            Value::Number(value) => {
                bytes.push(2);
                bytes.extend((value + 0.0).to_bits().to_be_bytes());
            }
            Value::Text(text) if text.len() <= Key::TEXT_BYTES_MAX => {
                bytes.push(3);
                bytes.extend(text.as_bytes());
            }
            Value::Text(text) => {
                bytes.push(3);
                bytes.extend(&text.as_bytes()[..Key::TEXT_BYTES_MAX - Key::HASH_BYTES]);
                bytes.extend(Hasher::new().bytes(text.as_bytes()).finish());
            }
        }
        Some(Key(Some(Arc::from(bytes))))
    }

    /// The value in words; of a long text its beginning.
    pub fn shown(&self) -> String {
        match self.as_bytes() {
            [] => String::new(),
            [1, truth] => (*truth != 0).to_string(),
            [2, bits @ ..] => {
                let mut number = [0; 8];
                number.iter_mut().zip(bits).for_each(|(byte, bit)| *byte = *bit);
                f64::from_bits(u64::from_be_bytes(number)).to_string()
            }
            [_, text @ ..] => match std::str::from_utf8(text) {
                Ok(text) => text.to_owned(),
                // The bytes of the hash are no text, save by chance.
                Err(_) => {
                    let start = &text[..text.len().min(Key::TEXT_BYTES_MAX - Key::HASH_BYTES)];
                    format!("{}…", String::from_utf8_lossy(start).trim_end_matches('\u{fffd}'))
                }
            },
        }
    }

    /// The bytes; empty for no key.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The key of stored bytes.
    pub fn of_bytes(bytes: &[u8]) -> Key {
        Key((!bytes.is_empty()).then(|| Arc::from(bytes)))
    }
}

impl Pending {
    /// The place among windows: no two are at one.
    pub(crate) fn order(&self) -> (Timestamp, Word, Word, &Key) {
        (self.until, self.award.rule.plan, self.award.rule.rule, &self.key)
    }
}

impl Gathered {
    /// Its place among others.
    pub fn order(&self) -> (Word, Word, &Key) {
        (self.plan, self.rule, &self.key)
    }
}

impl Waiting {
    /// What waits in these lists.
    pub fn new(waits: Waits) -> Waiting {
        Waiting((!waits.is_empty()).then(|| Arc::new(waits)))
    }

    /// Whether the contact waits for nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The lists; `None` where all are empty.
    #[inline]
    pub fn get(&self) -> Option<&Waits> {
        self.0.as_deref()
    }

    /// Open windows in the order in which they are due.
    pub fn windows(&self) -> &[Pending] {
        self.0.as_ref().map_or(&[], |waits| &waits.windows)
    }

    /// What is held.
    pub fn holds(&self) -> &[Pending] {
        self.0.as_ref().map_or(&[], |waits| &waits.holds)
    }

    /// What compound rules have of their parts.
    pub fn gathered(&self) -> &[Gathered] {
        self.0.as_ref().map_or(&[], |waits| &waits.gathered)
    }

    /// Whether both are one value in memory, or both are empty.
    pub fn is_same(&self, other: &Waiting) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Changes the lists, in a copy of their own where others share them.
    pub(crate) fn change<R>(&mut self, change: impl FnOnce(&mut Waits) -> R) -> R {
        let waits = Arc::make_mut(self.0.get_or_insert_default());
        let result = change(waits);
        if waits.is_empty() {
            self.0 = None;
        }
        result
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let Some(waits) = self.get() else { return 0 };
        let instants = |gathered: &Gathered| {
            size_of::<Gathered>()
                + gathered.key.as_bytes().len()
                + gathered.instants.iter().map(|part| 24 + part.capacity() * size_of::<Timestamp>()).sum::<usize>()
        };
        let pending = |pending: &Pending| size_of::<Pending>() + pending.key.as_bytes().len();
        size_of::<Waits>()
            + waits.windows.iter().chain(&waits.holds).map(pending).sum::<usize>()
            + waits.gathered.iter().map(instants).sum::<usize>()
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.is_same(other) || self.0 == other.0
    }
}

impl Waits {
    /// Whether all lists are empty.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.holds.is_empty() && self.gathered.is_empty()
    }

    /// Whether one more window or held event finds room.
    pub(crate) fn has_room(&self) -> bool {
        self.windows.len() + self.holds.len() < WINDOWS_MAX
    }

    /// Whether windows and parts stand in their orders, each at a place of its own.
    pub fn is_in_order(&self) -> bool {
        self.windows.is_sorted_by(|one, next| one.order() < next.order())
            && self.gathered.is_sorted_by(|one, next| one.order() < next.order())
    }

    /// Adds a window at its place.
    pub fn insert_window(&mut self, window: Pending) {
        let at = self.windows.partition_point(|other| other.order() < window.order());
        self.windows.insert(at, window);
    }

    /// The place of what a rule has gathered for a key, or where it would be.
    pub(crate) fn find_gathered(&self, plan: Word, rule: Word, key: &Key) -> Result<usize, usize> {
        self.gathered.binary_search_by(|known| known.order().cmp(&(plan, rule, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_type_and_long_ones_by_all_of_their_text() {
        let long = "x".repeat(500);
        let longer = format!("{long}y");
        let values = [
            Value::Bool(true),
            Value::Bool(false),
            Value::Number(1.0),
            Value::Number(-1.0),
            Value::Text("1"),
            Value::Text("true"),
            Value::Text(&long),
            Value::Text(&longer),
        ];
        for (at, one) in values.iter().enumerate() {
            for (other_at, other) in values.iter().enumerate() {
                assert_eq!(Key::of(*one) == Key::of(*other), at == other_at, "{one:?} and {other:?}");
            }
            assert!(Key::of(*one).unwrap().as_bytes().len() <= Key::BYTES_MAX);
        }
        assert_eq!(Key::of(Value::Number(0.0)), Key::of(Value::Number(-0.0)));
        assert_eq!((Key::of(Value::Null), Key::of(Value::Text(""))), (None, None));
        let shown = [Value::Bool(true), Value::Number(-1.5), Value::Text("Łódź"), Value::Text(&long)]
            .map(|value| Key::of(value).unwrap().shown());
        assert_eq!(shown[..3], ["true", "-1.5", "Łódź"]);
        assert_eq!(shown[3], format!("{}…", "x".repeat(32)));
        assert!(Key::of(Value::Text("a")) < Key::of(Value::Text("ab")), "texts go by their bytes");
    }
}
