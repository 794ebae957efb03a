//! Who is one with whom (S48): what a contact, or an id that belongs to another one, knows of its identity.
//!
//! Most contacts know nothing of the kind and hold no memory for it. Owns the ids of a contact of several and to which of them each row was delivered;
//! [`links`] owns what records say, [`keeper`] who carries them out, [`notices`] what is said for that. Never looks at scores.

pub mod keeper;
pub mod links;
pub mod notices;

use std::sync::Arc;

pub use keeper::{Keeper, Kept, LINKS_BYTES_MAX, LINKS_MAX, WAITING_BYTES_MAX, WAITING_MAX, may_keep};
pub use links::{IDS_MAX, Link, LinkRecord};
pub use notices::{Answer, Asked, Change, Notice, Refusal, Request, Said, turn_back};

use crate::contact::{Contact, Rows};
use crate::id::Uid;
use crate::time::Timestamp;

/// What an id knows of its identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The id whose contact this id belongs to; `None`: its own.
    pub root: Option<Arc<str>>,
    /// The ids of the contact that is here, its own first; empty where it is the only one, or the contact is elsewhere.
    pub ids: Vec<Arc<str>>,
    /// To which of the ids rows were delivered.
    pub origins: Origins,
    /// How the other ids came to the contact.
    pub joined: Vec<Joined>,
    /// The id that keeps the records, or knows who does; `None`: this one.
    pub kept_by: Option<Arc<str>>,
    /// The records that connect this id with others, where it keeps them.
    pub keeper: Option<Box<Keeper>>,
}

/// How an id came to a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The id.
    pub id: Arc<str>,
    /// The record that brought it.
    pub uid: Uid,
    /// When that was made.
    pub time: Timestamp,
    /// It was seen with the contact's own id, and nobody said more.
    pub seen: bool,
}

impl Identity {
    /// The place of an id among the contact's.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|known| **known == *id)
    }

    /// Whether it says nothing that an id of which nothing is known would not say.
    pub fn is_blank(&self) -> bool {
        self.root.is_none() && self.ids.len() < 2 && self.kept_by.is_none() && self.keeper.is_none()
    }

    /// About how many bytes of memory it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        let keeper = self.keeper.as_ref().map_or(0, |keeper| keeper.memory_bytes());
        let origins = self.origins.0.capacity() * size_of::<(Uid, u64)>();
        let joined = self.joined.capacity() * size_of::<Joined>();
        size_of::<Identity>() + self.ids.len() * ID_BYTES + joined + origins + keeper
    }
}

/// What an id is taken to hold in memory.
pub(crate) const ID_BYTES: usize = 48;

/// For rows that were not delivered to the contact's own id alone, the ids that they were delivered to: a bit for each place in [`Identity::ids`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origins(Vec<(Uid, u64)>);

/// Delivered to the contact's own id, and to no other.
const OWN: u64 = 1;

impl Origins {
    /// The ids that a row was delivered to.
    pub fn of(&self, uid: Uid) -> u64 {
        self.0.binary_search_by_key(&uid, |(known, _)| *known).map_or(OWN, |at| self.0[at].1)
    }

    /// Says to which ids a row was delivered.
    pub fn set(&mut self, uid: Uid, places: u64) {
        match (self.0.binary_search_by_key(&uid, |(known, _)| *known), places) {
            (Ok(at), OWN) => drop(self.0.remove(at)),
            (Ok(at), _) => self.0[at].1 = places,
            (Err(_), OWN) => {}
            (Err(at), _) => self.0.insert(at, (uid, places)),
        }
    }

    /// Forgets rows that are not there any more.
    pub fn keep_those_of(&mut self, rows: &Rows) {
        self.0.retain(|(uid, _)| rows.find(*uid).is_some());
    }

    /// How many rows were delivered to others than the contact's own id alone.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all rows were delivered to the contact's own id alone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Contact {
    /// The id whose contact this id belongs to, where that is another one.
    #[inline]
    pub fn root(&self) -> Option<&Arc<str>> {
        self.identity.as_ref()?.root.as_ref()
    }

    /// The ids of the contact where it has several, its own first.
    pub fn ids(&self) -> &[Arc<str>] {
        self.identity.as_ref().map_or(&[], |identity| &identity.ids)
    }

    /// Whether an id is one of the contact's.
    pub fn has_id(&self, id: &str) -> bool {
        *self.id == *id || self.ids().iter().any(|known| **known == *id)
    }

    /// What is known of its identity, to change.
    pub fn identity_mut(&mut self) -> &mut Identity {
        Arc::make_mut(self.identity.get_or_insert_default())
    }

    /// Forgets an identity that says nothing.
    pub fn forget_blank_identity(&mut self) {
        if self.identity.as_ref().is_some_and(|identity| identity.is_blank()) {
            self.identity = None;
        }
    }

    /// Remembers that an event was delivered to an id of the contact, which has it by now; `is_new` where it had it through no other id before.
    #[inline]
    pub fn delivered(&mut self, uid: Uid, id: &str, is_new: bool) {
        if self.ids().len() > 1 {
            self.note_delivery(uid, id, is_new);
        }
    }

    #[cold]
    fn note_delivery(&mut self, uid: Uid, id: &str, is_new: bool) {
        let Some(place) = self.identity.as_ref().and_then(|identity| identity.place(id)) else { return };
        if self.rows.find(uid).is_none() {
            return;
        }
        let known = self.identity.as_ref().map_or(OWN, |identity| identity.origins.of(uid));
        let places = if is_new { 1 << place } else { known | 1 << place };
        if places != known {
            self.identity_mut().origins.set(uid, places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_of_other_ids_take_room() {
        let mut origins = Origins::default();
        let uids = [3, 1, 2].map(|number| Uid([number; 16]));
        origins.set(uids[0], 0b10);
        origins.set(uids[1], OWN);
        origins.set(uids[2], 0b11);
        assert_eq!((origins.of(uids[0]), origins.of(uids[1]), origins.of(uids[2])), (0b10, OWN, 0b11));
        assert_eq!(origins.len(), 2);
        origins.set(uids[0], OWN);
        assert_eq!((origins.of(uids[0]), origins.len()), (OWN, 1));
        origins.keep_those_of(&Rows::default());
        assert!(origins.is_empty());
    }
}
