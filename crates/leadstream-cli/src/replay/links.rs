//! Which ids are one contact, found before anything is folded (S48): a replay folds what was delivered to either as if they had always been one.
//!
//! Records are judged in the order of the input, with the limits that a service has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use leadstream_core::identity::links::sets;
use leadstream_core::identity::{IDS_MAX, Link, LinkRecord, Request, may_keep};
use leadstream_wire::DeadLetterCode;
use memchr::memmem::Finder;

/// What every record that links ids has in it, whatever its format: the kind of its message, or the word of its command.
const WORDS: [&str; 4] = ["identify", "alias", "merge", "split"];

/// Tells records that may link ids from all others, without decoding them.
pub(super) struct Sieve([Finder<'static>; 4]);

impl Sieve {
    pub(super) fn new() -> Sieve {
        Sieve(WORDS.map(Finder::new))
    }

    pub(super) fn lets_through(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|word| word.find(bytes).is_some())
    }
}

/// A record that links ids, at its place in the input: the block and the event in it.
pub(super) type Found = (u64, usize, Request);

/// Ids that are part of other contacts.
#[derive(Debug, Default)]
pub(crate) struct United {
    roots: HashMap<String, Arc<str>>,
    /// Records that were refused, by why.
    pub(super) refused: BTreeMap<DeadLetterCode, u64>,
}

impl United {
    /// What records make of ids.
    pub(super) fn of(mut found: Vec<Found>) -> United {
        found.sort_unstable_by_key(|(block, place, _)| (*block, *place));
        let mut groups = Groups::default();
        let mut united = United::default();
        for (.., request) in found {
            if let Err(code) = groups.add(&request) {
                *united.refused.entry(code).or_default() += 1;
            }
        }
        for records in groups.all.into_iter().map(|group| group.records).filter(|records| !records.is_empty()) {
            for (root, ids) in sets(records.iter()) {
                let parts = ids.into_iter().filter(|id| *id != root);
                united.roots.extend(parts.map(|id| (id.to_string(), Arc::clone(&root))));
            }
        }
        united
    }

    /// The contact that an id is part of, where that is another one.
    #[inline]
    pub(super) fn root(&self, id: &str) -> Option<&Arc<str>> {
        if self.roots.is_empty() { None } else { self.roots.get(id) }
    }

    /// How many ids are part of other contacts.
    pub(super) fn len(&self) -> u64 {
        self.roots.len() as u64
    }
}

/// Ids that records connect, as keepers keep them: a forest of disjoint sets, each with its records at its root.
#[derive(Default)]
struct Groups {
    of: HashMap<Arc<str>, usize>,
    all: Vec<Group>,
}

struct Group {
    parent: usize,
    records: Vec<LinkRecord>,
}

impl Groups {
    /// Adds a record, unless it says nothing new.
    fn add(&mut self, request: &Request) -> Result<(), DeadLetterCode> {
        let Some(record) = request.record() else { return Ok(()) };
        if matches!(&record.link, Link::Merge(one, other) | Link::Follow(one, other) if one == other) {
            return Ok(());
        }
        let ids = request.ids();
        let groups: BTreeSet<usize> = ids.iter().filter_map(|id| self.find(id)).collect();
        let known = || groups.iter().flat_map(|at| &self.all[*at].records);
        let says_nothing =
            |known: &LinkRecord| record.is_said_by(known) || (known.uid == record.uid && !record.precedes(known));
        if known().any(says_nothing) {
            return Ok(());
        }
        let mut records: Vec<LinkRecord> = known().filter(|known| known.uid != record.uid).cloned().collect();
        records.push(record);
        if !may_keep(records.iter()) {
            return Err(DeadLetterCode::TooManyLinks);
        }
        if sets(records.iter()).values().any(|ids| ids.len() > IDS_MAX) {
            return Err(DeadLetterCode::TooManyIds);
        }
        let at = groups.first().copied().unwrap_or(self.all.len());
        if at == self.all.len() {
            self.all.push(Group { parent: at, records: Vec::new() });
        }
        for group in groups {
            self.all[group] = Group { parent: at, records: Vec::new() };
        }
        self.all[at].records = records;
        self.of.extend(ids.into_iter().map(|id| (id, at)));
        Ok(())
    }

    fn find(&mut self, id: &str) -> Option<usize> {
        let mut at = *self.of.get(id)?;
        while self.all[at].parent != at {
            let parent = self.all[at].parent;
            self.all[at].parent = self.all[parent].parent;
            at = self.all[at].parent;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use leadstream_core::identity::Asked;
    use leadstream_core::{Timestamp, Uid};

    use super::*;

    fn request(number: u64, link: Link) -> Found {
        let (uid, via) = (Uid::of("crm", &number.to_string()), Arc::from("via"));
        let time = Timestamp::from_millis(i64::try_from(number).unwrap());
        (number, 0, Request { uid, time, clamped: false, asked: Asked::Link(link), via })
    }

    fn merge(number: u64, one: &str, into: &str) -> Found {
        request(number, Link::Merge(Arc::from(one), Arc::from(into)))
    }

    #[test]
    fn ids_are_part_of_the_contact_that_the_records_say_in_whatever_order_they_are_found_s48() {
        let found = vec![merge(3, "c", "a"), merge(1, "a", "b"), merge(2, "x", "y"), merge(4, "same", "same")];
        let united = United::of(found);
        let root = |id: &str| united.root(id).map(|root| root.to_string());
        let of = |id: &str| Some(id.to_owned());
        assert_eq!(
            ["a", "b", "c", "x", "y", "z", "same"].map(root),
            [of("b"), None, of("b"), of("y"), None, None, None]
        );
        assert_eq!((united.len(), united.refused.len()), (3, 0));
    }

    #[test]
    fn more_ids_or_records_than_a_service_takes_are_refused_s58() {
        let many = (0..60).map(|number| merge(number, &format!("id{number}"), "one")).collect();
        let united = United::of(many);
        assert_eq!(united.len(), IDS_MAX as u64 - 1);
        assert_eq!(united.refused, BTreeMap::from([(DeadLetterCode::TooManyIds, 11)]));
        let again = (0..210).map(|number| merge(number, "a", "b")).collect();
        assert_eq!(United::of(again).refused, BTreeMap::from([(DeadLetterCode::TooManyLinks, 10)]));
        // What is seen again and again is one record.
        let seen = (0..210).map(|number| request(number, Link::Follow(Arc::from("a"), Arc::from("b")))).collect();
        assert_eq!(United::of(seen).refused.len(), 0);
    }

    #[test]
    fn only_records_with_the_words_of_links_are_looked_at() {
        let sieve = Sieve::new();
        assert!(sieve.lets_through(br#"{"type":"identify"}"#) && sieve.lets_through(br#"{"command":"split"}"#));
        assert!(!sieve.lets_through(br#"{"type":"page","name":"merchandise"}"#));
    }
}
