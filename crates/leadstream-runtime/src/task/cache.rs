//! The decoded contacts of a task: those touched in the open epoch, the dirty ones, and as many clean ones as the budget allows.
//!
//! Contacts live in numbered slots. Touched and dirty ones stay; of the clean ones the clock hand throws out those not used since its last
//! round (CLOCK: Corbató, "A paging experiment with the Multics system", 1969). It never reads or writes the store.

use hashbrown::{DefaultHashBuilder, HashTable};
use leadstream_core::{Contact, Timestamp};
use std::hash::BuildHasher;

use super::undo::Undo;

/// The number of a contact in memory. Valid until the contact is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// A contact in memory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) contact: Contact,
    /// What takes it back to before the open epoch; `None` where the epoch has not touched it.
    pub(crate) undo: Option<Undo>,
    /// The first epoch whose change of it is not in the changelog; `None` where it is clean.
    pub(crate) dirty_since: Option<u64>,
    /// The last committed epoch that changed it.
    pub(crate) changed_in: u64,
    /// Under which instant the store's index has it.
    pub(crate) stored_due: Option<Timestamp>,
    /// Under which instant the index in memory has it.
    pub(crate) indexed_due: Option<Timestamp>,
    /// Whether the store has a record of it.
    pub(crate) stored: bool,
    /// What the budget is charged for it.
    bytes: usize,
    used: bool,
    /// Erased by the open epoch, and out of reach: only an undo needs it.
    aside: bool,
}

impl Entry {
    pub(crate) fn new(contact: Contact, stored: bool, stored_due: Option<Timestamp>, changed_in: u64) -> Entry {
        Entry {
            contact,
            undo: None,
            dirty_since: None,
            changed_in,
            stored_due,
            indexed_due: None,
            stored,
            bytes: 0,
            used: true,
            aside: false,
        }
    }

    /// What the contact held in memory when the budget was last charged for it: more than its image then.
    pub(crate) fn charged_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the open epoch has erased it.
    pub(crate) fn is_aside(&self) -> bool {
        self.aside
    }

    fn is_pinned(&self) -> bool {
        self.undo.is_some() || self.dirty_since.is_some()
    }
}

/// Numbered places in chunks that never move: a vector of all of them would, while it grows, be there twice.
#[derive(Debug, Default)]
struct Slots {
    chunks: Vec<Vec<Option<Entry>>>,
    len: usize,
}

const CHUNK: usize = 512;

impl Slots {
    fn get(&self, at: usize) -> Option<&Entry> {
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)?.as_ref()
    }

    fn place(&mut self, at: usize) -> Option<&mut Option<Entry>> {
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    fn push(&mut self, entry: Entry) -> usize {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(Some(entry));
        }
        self.len += 1;
        self.len - 1
    }
}

/// What an entry takes beside what its contact counts: its own fields, and its place in the table.
const ENTRY_BYTES: usize = size_of::<Option<Entry>>() - size_of::<Contact>() + 16;

/// What a contact is charged for. An allocator rounds sizes up, and keeps pages of which some pieces are free: an eighth, as measured.
fn charge(contact: &Contact) -> usize {
    let bytes = contact.memory_bytes();
    ENTRY_BYTES + bytes + bytes / 8
}

/// The decoded contacts of a task.
#[derive(Debug, Default)]
pub(crate) struct ContactCache {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    entries: Slots,
    free: Vec<u32>,
    bytes: usize,
    hand: usize,
}

impl ContactCache {
    /// The slot of a contact that is in memory.
    pub(crate) fn find(&self, contact: &str) -> Option<Slot> {
        let hash = self.hasher.hash_one(contact);
        self.table.find(hash, |slot| self.is_at(*slot, contact)).map(|slot| Slot(*slot))
    }

    fn is_at(&self, slot: u32, contact: &str) -> bool {
        self.entries.get(slot as usize).is_some_and(|entry| &*entry.contact.id == contact)
    }

    /// Adds a contact that is not in memory.
    pub(crate) fn insert(&mut self, mut entry: Entry) -> Slot {
        entry.bytes = charge(&entry.contact);
        self.bytes += entry.bytes;
        let hash = self.hasher.hash_one(&*entry.contact.id);
        let free = self.free.pop().and_then(|slot| Some((slot, self.entries.place(slot as usize)?)));
        let slot = match free {
            Some((slot, place)) => {
                *place = Some(entry);
                slot
            }
            None => self.entries.push(entry) as u32,
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.table.insert_unique(hash, slot, |slot| {
            let id = entries.get(*slot as usize).map_or("", |entry| &*entry.contact.id);
            hasher.hash_one(id)
        });
        Slot(slot)
    }

    /// Forgets a contact.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let entry = self.entries.place(slot.0 as usize)?.take()?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        let hash = self.hasher.hash_one(&*entry.contact.id);
        if let Ok(found) = self.table.find_entry(hash, |number| *number == slot.0) {
            found.remove();
        }
        self.free.push(slot.0);
        Some(entry)
    }

    /// Puts a contact out of reach, in its slot, as if it had been removed.
    pub(crate) fn detach(&mut self, slot: Slot) {
        let Some(entry) = self.entries.place(slot.0 as usize).and_then(Option::as_mut) else { return };
        entry.aside = true;
        let hash = self.hasher.hash_one(&*entry.contact.id);
        if let Ok(found) = self.table.find_entry(hash, |number| *number == slot.0) {
            found.remove();
        }
    }

    /// Puts a contact back into reach.
    pub(crate) fn attach(&mut self, slot: Slot) {
        let Some(entry) = self.entries.place(slot.0 as usize).and_then(Option::as_mut) else { return };
        entry.aside = false;
        let hash = self.hasher.hash_one(&*entry.contact.id);
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.table.insert_unique(hash, slot.0, |slot| {
            let id = entries.get(*slot as usize).map_or("", |entry| &*entry.contact.id);
            hasher.hash_one(id)
        });
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(slot.0 as usize)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        let entry = self.entries.place(slot.0 as usize)?.as_mut()?;
        entry.used = true;
        Some(entry)
    }

    /// Charges the budget for what a contact holds now.
    pub(crate) fn recharge(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.place(slot.0 as usize).and_then(Option::as_mut) {
            let now = charge(&entry.contact);
            self.bytes = self.bytes + now - entry.bytes;
            entry.bytes = now;
        }
    }

    /// Bytes of all contacts.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Throws clean contacts out until the rest fits, handing each to `evicted`. Stops after one round over all slots: what remains is
    /// touched or dirty, and only a commit makes it small.
    pub(crate) fn shrink_to(&mut self, budget_bytes: usize, mut evicted: impl FnMut(Slot, &Entry)) {
        // Two rounds: the first may only take the marks of use away.
        let mut steps = 2 * self.entries.len;
        while self.bytes > budget_bytes && steps > 0 {
            steps -= 1;
            self.hand = (self.hand + 1) % self.entries.len;
            let slot = Slot(self.hand as u32);
            let Some(entry) = self.entries.place(self.hand).and_then(Option::as_mut) else { continue };
            if entry.is_pinned() {
                continue;
            }
            if entry.used {
                entry.used = false;
                continue;
            }
            if let Some(entry) = self.remove(slot) {
                evicted(slot, &entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry::new(Contact::new(id), true, None, 1)
    }

    #[test]
    fn contacts_are_found_by_id_until_they_are_removed() {
        let mut cache = ContactCache::default();
        let slots: Vec<Slot> = (0..100).map(|number| cache.insert(entry(&format!("c{number}")))).collect();
        assert_eq!(cache.len(), 100);
        assert_eq!(cache.find("c7"), Some(slots[7]));
        assert_eq!(&*cache.remove(slots[7]).unwrap().contact.id, "c7");
        assert_eq!(cache.find("c7"), None);
        assert!(cache.remove(slots[7]).is_none());
        let again = cache.insert(entry("new"));
        assert_eq!(again, slots[7]);
        assert_eq!(cache.find("new"), Some(again));
        for number in (0..100).filter(|number| *number != 7) {
            assert_eq!(cache.find(&format!("c{number}")), Some(slots[number]));
        }
    }

    #[test]
    fn only_clean_contacts_are_thrown_out_and_the_unused_ones_first() {
        let mut cache = ContactCache::default();
        let slots: Vec<Slot> = (0..10).map(|number| cache.insert(entry(&format!("c{number}")))).collect();
        cache.get_mut(slots[0]).unwrap().dirty_since = Some(3);
        cache.get_mut(slots[1]).unwrap().undo = Some(Undo::New);
        let each = cache.bytes() / 10;
        let mut thrown = Vec::new();
        cache.shrink_to(each * 9, |slot, _| thrown.push(slot));
        assert_eq!(thrown.len(), 1);
        // One round has taken all marks of use; a contact used since then outlives the others.
        cache.get_mut(slots[5]).unwrap();
        cache.shrink_to(each * 3, |slot, _| thrown.push(slot));
        assert!(!thrown.contains(&slots[5]));
        cache.shrink_to(0, |_, _| {});
        assert_eq!(cache.len(), 2);
        assert!(cache.find("c0").is_some() && cache.find("c1").is_some());
    }
}
