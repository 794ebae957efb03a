//! Which ids are one contact: the fold of merge and split records in their order (S48).
//!
//! Never looks at contacts. The result depends on the set of records only, not on the order in which they came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::Uid;
use crate::time::Timestamp;

/// How many ids one contact has at most (S58).
pub const IDS_MAX: usize = 50;

/// A record that links two ids, or undoes a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// Its identity.
    pub uid: Uid,
    /// When it was made.
    pub time: Timestamp,
    /// What it says.
    pub link: Link,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The first id's contact becomes part of the second's.
    Merge(Arc<str>, Arc<str>),
    /// The first id was seen together with the second and becomes part of its contact, unless it is one with another id already: what is seen may be
    /// a shared device, so it never makes two people one. Of several that name the same two ids only the first counts.
    Follow(Arc<str>, Arc<str>),
    /// The link that this record made is undone; of one that was only seen, for good.
    Split(Uid),
}

impl LinkRecord {
    /// The ids that it names.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        match &self.link {
            Link::Merge(one, other) | Link::Follow(one, other) => [Some(one), Some(other)],
            Link::Split(_) => [None, None],
        }
        .into_iter()
        .flatten()
    }

    /// What it counts against the bytes that a keeper keeps (S58): 32, and its ids.
    pub fn size_bytes(&self) -> usize {
        const RECORD_BYTES: usize = 32;
        RECORD_BYTES + self.ids().map(|id| id.len()).sum::<usize>()
    }

    /// Whether it says nothing since another one says the same before it.
    pub fn is_said_by(&self, earlier: &LinkRecord) -> bool {
        matches!(self.link, Link::Follow(..))
            && self.link == earlier.link
            && (earlier.time, earlier.uid) < (self.time, self.uid)
    }

    /// Whether it stays where another copy of it is known (S3).
    pub fn precedes(&self, other: &LinkRecord) -> bool {
        (self.time, &self.link) < (other.time, &other.link)
    }
}

/// The ids that belong together, by their root, of those that records name; an id that belongs to nobody else is a set of its own.
pub type Sets = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// The sets that records make, in whatever order these are given.
pub fn sets<'a>(records: impl Iterator<Item = &'a LinkRecord>) -> Sets {
    let mut records: Vec<&LinkRecord> = records.collect();
    records.sort_by_key(|record| (record.time, record.uid));
    let mut parents: BTreeMap<&Arc<str>, &Arc<str>> = BTreeMap::new();
    // The child that each record has linked.
    let mut linked: BTreeMap<Uid, &Arc<str>> = BTreeMap::new();
    // What was seen, by the first record of it.
    let mut seen: BTreeMap<&Link, Uid> = BTreeMap::new();
    let of_seen: BTreeMap<Uid, &Link> = records
        .iter()
        .filter(|record| matches!(record.link, Link::Follow(..)))
        .map(|record| (record.uid, &record.link))
        .collect();
    for record in &records {
        match &record.link {
            Link::Merge(one, other) => {
                let (child, parent) = (root(&parents, one), root(&parents, other));
                if child != parent {
                    parents.insert(child, parent);
                    linked.insert(record.uid, child);
                }
            }
            Link::Follow(one, other) => {
                let is_first = *seen.entry(&record.link).or_insert(record.uid) == record.uid;
                let parent = root(&parents, other);
                let is_alone = !parents.contains_key(one) && parents.values().all(|parent| *parent != one);
                if is_first && is_alone && one != parent {
                    parents.insert(one, parent);
                    linked.insert(record.uid, one);
                }
            }
            Link::Split(named) => {
                let first = of_seen.get(named).and_then(|link| seen.get(link)).unwrap_or(named);
                if let Some(child) = linked.remove(first) {
                    parents.remove(child);
                }
            }
        }
    }
    let mut sets = Sets::new();
    for id in records.iter().flat_map(|record| record.ids()) {
        sets.entry(Arc::clone(root(&parents, id))).or_default().insert(Arc::clone(id));
    }
    sets
}

fn root<'a>(parents: &BTreeMap<&'a Arc<str>, &'a Arc<str>>, id: &'a Arc<str>) -> &'a Arc<str> {
    let mut id = id;
    while let Some(parent) = parents.get(id) {
        id = parent;
    }
    id
}

/// The root of an id.
pub fn root_of<'a>(sets: &'a Sets, id: &'a Arc<str>) -> &'a Arc<str> {
    sets.iter().find(|(_, ids)| ids.contains(id)).map_or(id, |(root, _)| root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(number: u8, one: &str, other: &str) -> LinkRecord {
        let link = Link::Merge(Arc::from(one), Arc::from(other));
        LinkRecord { uid: Uid([number; 16]), time: Timestamp::from_millis(i64::from(number)), link }
    }

    fn split(number: u8, of: u8) -> LinkRecord {
        LinkRecord { link: Link::Split(Uid([of; 16])), ..merge(number, "", "") }
    }

    fn shown(records: &[LinkRecord]) -> String {
        let sets = sets(records.iter());
        let shown = sets.iter().map(|(root, ids)| {
            let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
            format!("{root}:{}", ids.join("+"))
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn chains_and_circles_have_one_root_in_the_order_of_the_records_s48() {
        assert_eq!(shown(&[merge(1, "a", "b"), merge(2, "c", "a"), merge(3, "b", "c")]), "b:a+b+c");
        // In whatever order they come.
        assert_eq!(shown(&[merge(3, "b", "c"), merge(2, "c", "a"), merge(1, "a", "b")]), "b:a+b+c");
        // A late one changes who survives.
        assert_eq!(shown(&[merge(1, "a", "b"), merge(2, "c", "a"), merge(0, "b", "d")]), "d:a+b+c+d");
        assert_eq!(shown(&[merge(1, "a", "a")]), "a:a");
    }

    fn follow(number: u8, one: &str, other: &str) -> LinkRecord {
        let link = Link::Follow(Arc::from(one), Arc::from(other));
        LinkRecord { link, ..merge(number, "", "") }
    }

    #[test]
    fn an_id_that_was_seen_with_two_people_stays_with_the_first_s48() {
        let (ann, ben) = (follow(1, "device", "ann"), follow(2, "device", "ben"));
        assert_eq!(shown(&[ann.clone(), ben.clone()]), "ann:ann+device ben:ben");
        assert_eq!(shown(&[ben, ann]), "ann:ann+device ben:ben");
        // Nor do two people become one by an id that one of them is seen with later.
        assert_eq!(shown(&[merge(1, "ben", "device"), follow(2, "device", "ann")]), "ann:ann device:ben+device");
        assert_eq!(shown(&[follow(1, "ann", "ann")]), "ann:ann");
        // Whoever says so in words may.
        assert_eq!(shown(&[follow(1, "device", "ann"), merge(2, "device", "ben")]), "ben:ann+ben+device");
    }

    #[test]
    fn what_was_seen_and_parted_is_not_linked_by_being_seen_again_s48() {
        let again = [follow(1, "device", "ann"), follow(2, "device", "ann")];
        for of in [1, 2] {
            let mut records = again.to_vec();
            records.push(split(3, of));
            records.push(follow(4, "device", "ann"));
            assert_eq!(shown(&records), "ann:ann device:device", "the split names record {of}");
        }
        assert!(again[1].is_said_by(&again[0]) && !again[0].is_said_by(&again[1]));
        assert!(!again[1].is_said_by(&follow(1, "device", "ben")));
        assert!(!merge(2, "a", "b").is_said_by(&merge(1, "a", "b")));
    }

    #[test]
    fn a_split_undoes_the_link_that_its_record_made_and_no_other_s48() {
        assert_eq!(shown(&[merge(1, "a", "b"), split(2, 1)]), "a:a b:b");
        assert_eq!(shown(&[merge(2, "a", "b"), split(1, 2)]), "b:a+b"); // before its merge
        assert_eq!(shown(&[merge(1, "a", "b"), merge(2, "c", "a"), split(3, 1)]), "a:a b:b+c");
        assert_eq!(shown(&[merge(1, "a", "b"), merge(2, "a", "b"), split(3, 2)]), "b:a+b"); // the second linked nothing
        assert_eq!(shown(&[merge(1, "x", "a"), merge(2, "a", "b"), split(3, 2)]), "a:a+x b:b");
    }
}
