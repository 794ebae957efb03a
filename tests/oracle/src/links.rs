//! Which ids are one contact: the fold of merge and split records in their order (S48).
//!
//! Never looks at events. Invariant: the result depends on the set of records only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::Uid;

/// A record that links ids, or undoes a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRecord {
    /// Where the record comes from; with `id` its identity.
    pub source: String,
    /// The record's id in its source.
    pub id: String,
    /// When it was made, milliseconds UTC.
    pub time: i64,
    /// What it does.
    pub link: Link,
}

/// What a record does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The first id's contact becomes part of the second's.
    Merge(String, String),
    /// The first id was seen with the second: it becomes part of its contact, if it is one with nobody yet. Of several such records of the same two ids
    /// the first counts.
    Follow(String, String),
    /// The link of the record with this source and id is undone; of what was seen, all that say the same are.
    Split(String, String),
}

impl LinkRecord {
    /// The record's identity.
    pub fn uid(&self) -> Uid {
        Uid::of(&self.source, &self.id)
    }

    /// The ids it names.
    pub(crate) fn ids(&self) -> Vec<&String> {
        match &self.link {
            Link::Merge(one, other) | Link::Follow(one, other) => vec![one, other],
            Link::Split(..) => Vec::new(),
        }
    }

    /// Of two copies of a record the one with the least content stays (S3).
    pub(crate) fn content(&self) -> (i64, &Link) {
        (self.time, &self.link)
    }
}

/// The sets of several ids, each by its root.
pub(crate) fn sets(records: &BTreeMap<Uid, LinkRecord>) -> BTreeMap<String, BTreeSet<String>> {
    let mut ordered: Vec<(&Uid, &LinkRecord)> = records.iter().collect();
    ordered.sort_by_key(|(uid, record)| (record.time, **uid));
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    // The child that each merge record linked.
    let mut linked: BTreeMap<Uid, String> = BTreeMap::new();
    for (uid, record) in ordered {
        match &record.link {
            Link::Merge(one, other) => {
                let (child, parent) = (root(&parents, one), root(&parents, other));
                if child != parent {
                    parents.insert(child.clone(), parent);
                    linked.insert(*uid, child);
                }
            }
            Link::Follow(one, other) => {
                let same = |known: &&LinkRecord| known.link == record.link;
                let is_first =
                    records.values().filter(same).all(|known| (record.time, *uid) <= (known.time, known.uid()));
                let has_company = parents.iter().any(|(child, parent)| child == one || parent == one);
                let parent = root(&parents, other);
                if is_first && !has_company && *one != parent {
                    parents.insert(one.clone(), parent);
                    linked.insert(*uid, one.clone());
                }
            }
            Link::Split(source, id) => {
                let named = records.get(&Uid::of(source, id)).filter(|named| matches!(named.link, Link::Follow(..)));
                let same = records.iter().filter(|(_, known)| named.is_some_and(|named| named.link == known.link));
                for (uid, _) in same {
                    if let Some(child) = linked.remove(uid) {
                        parents.remove(&child);
                    }
                }
                if let Some(child) = linked.remove(&Uid::of(source, id)) {
                    parents.remove(&child);
                }
            }
        }
    }
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for id in records.values().flat_map(LinkRecord::ids) {
        sets.entry(root(&parents, id)).or_default().insert(id.clone());
    }
    sets.retain(|_, set| set.len() > 1);
    sets
}

fn root(parents: &BTreeMap<String, String>, id: &str) -> String {
    let mut id = id;
    while let Some(parent) = parents.get(id) {
        id = parent;
    }
    id.to_owned()
}
