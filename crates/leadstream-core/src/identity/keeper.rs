//! Who carries records out (S48): the keeper of the ids that merge records connect, and what it tells them.
//!
//! Of ids that merge records connect, whether a split has parted them since or not, the first by its bytes keeps the records. Where two keepers meet, the greater
//! hands all it has to the lesser: pointers to keepers only ever go down, so they lead round no circle. A keeper changes one thing at a time: the next waits until
//! what was given has arrived. It relies on messages that arrive in the order of causes, and each once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::contact::Contact;
use crate::identity::links::{IDS_MAX, Link, LinkRecord, Sets, sets};
use crate::identity::notices::{Answer, Asked, Change, Notice, Refusal, Request, Said};
use crate::identity::{ID_BYTES, Identity, Joined};

/// How many records a keeper keeps at most (S58).
pub const LINKS_MAX: usize = 200;

/// How many bytes these records count at most, so that what a keeper keeps fits into a message (S58): see [`LinkRecord::size_bytes`].
pub const LINKS_BYTES_MAX: usize = 24_000;

/// How many requests wait with a keeper at most: more records than it keeps cannot all be carried out (S58).
pub const WAITING_MAX: usize = 2 * LINKS_MAX;

/// How many bytes the ids of those requests have at most (S58).
pub const WAITING_BYTES_MAX: usize = 24_000;

/// Whether one keeper may keep all of these records (S58).
pub fn may_keep<'a>(records: impl Iterator<Item = &'a LinkRecord>) -> bool {
    let (count, bytes) = records.fold((0, 0), |(count, bytes), record| (count + 1, bytes + record.size_bytes()));
    count <= LINKS_MAX && bytes <= LINKS_BYTES_MAX
}

/// A record that a keeper keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The record.
    pub record: LinkRecord,
    /// How often it has changed who belongs to whom: copies of it may do so once more.
    pub times: u64,
}

/// What a keeper has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeper {
    /// The records, in the order in which they came.
    pub links: Vec<Kept>,
    /// The ids that handed over to it, or to whom it was handed: they know it as their keeper, whether or not a record connects them.
    pub followers: BTreeSet<Arc<str>>,
    /// What waits for its turn, with an id that must be connected with the keeper before.
    pub waiting: VecDeque<(Request, Arc<str>)>,
    /// The request that is being carried out, and how many parts have not arrived yet.
    pub under_way: Option<(Request, u64)>,
}

impl Keeper {
    /// Whether an id knows this one as its keeper, so that it cannot be erased without it.
    fn keeps(&self, id: &Arc<str>) -> bool {
        self.followers.contains(id) || self.knows(id)
    }

    /// Whether records connect an id with the keeper.
    fn knows(&self, id: &Arc<str>) -> bool {
        self.links.iter().any(|kept| kept.record.ids().any(|known| known == id))
    }

    fn sets(&self) -> Sets {
        sets(self.links.iter().map(|kept| &kept.record))
    }

    /// Whether all records of another keeper find room here, and one more that is asked for.
    fn has_room_for(&self, other: &Keeper, asked: Option<&LinkRecord>) -> bool {
        let is_new = |kept: &&Kept| !self.links.iter().any(|known| known.record.uid == kept.record.uid);
        let all = self.links.iter().chain(other.links.iter().filter(is_new)).map(|kept| &kept.record);
        may_keep(all.chain(asked))
    }

    fn has_room_to_wait(&self, request: &Request, other: &Arc<str>) -> bool {
        let bytes = |(request, other): (&Request, &Arc<str>)| {
            request.ids().iter().map(|id| id.len()).sum::<usize>() + request.via.len() + other.len()
        };
        let waiting: usize = self.waiting.iter().map(|(known, other)| bytes((known, other))).sum();
        self.waiting.len() < WAITING_MAX && waiting + bytes((request, other)) <= WAITING_BYTES_MAX
    }

    /// Takes over what another keeper had.
    fn take_over(&mut self, handed: Keeper, said: &mut Said) {
        for kept in handed.links {
            match self.links.iter_mut().find(|known| known.record.uid == kept.record.uid) {
                Some(known) if kept.record.precedes(&known.record) => *known = kept,
                Some(_) => {}
                None => self.links.push(kept),
            }
        }
        self.followers.extend(handed.followers);
        for (request, other) in handed.waiting {
            self.wait(request, other, said);
        }
        if self.under_way.is_none() {
            self.under_way = handed.under_way;
        }
    }

    /// Lets a request wait for its turn. An id that is seen again says nothing while the first time waits, and neither does who asks twice to be erased;
    /// an erasure always waits, any other request only where there is room.
    fn wait(&mut self, request: Request, other: Arc<str>, said: &mut Said) {
        let says_nothing = match request.record() {
            Some(record) => {
                let waiting = self.waiting.iter().filter_map(|(known, _)| known.record());
                self.links.iter().any(|kept| record.is_said_by(&kept.record))
                    || waiting.into_iter().any(|known| record.is_said_by(&known))
            }
            None => self.waiting.iter().any(|(known, _)| known.asked == Asked::Erase && known.via == request.via),
        };
        if says_nothing {
            said.answer(request, Answer::Duplicate);
        } else if request.asked != Asked::Erase && !self.has_room_to_wait(&request, &other) {
            said.answer(request, Answer::Refused(Refusal::TooManyLinks));
        } else {
            self.waiting.push_back((request, other));
        }
    }

    fn is_blank(&self) -> bool {
        self.links.is_empty() && self.followers.is_empty() && self.waiting.is_empty() && self.under_way.is_none()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let requests = self.waiting.len() * (size_of::<(Request, Arc<str>)>() + ID_BYTES);
        let links = self.links.len() * (size_of::<Kept>() + 2 * ID_BYTES);
        size_of::<Keeper>() + links + self.followers.len() * ID_BYTES + requests
    }
}

impl Contact {
    /// A request was delivered to this id.
    pub fn ask(&mut self, request: Request, said: &mut Said) {
        match &request.asked {
            Asked::Link(Link::Merge(one, other) | Link::Follow(one, other)) if one == other => {
                said.answer(request, Answer::Applied);
            }
            // Most of what is seen is seen again and again.
            Asked::Link(Link::Follow(one, _)) if self.has_seen(one, &request) => {
                said.answer(request, Answer::Duplicate);
            }
            Asked::Link(Link::Merge(one, other) | Link::Follow(one, other)) => {
                let other = if *one == self.id { other } else { one }.clone();
                said.say(&other, Notice::Ask(request));
            }
            Asked::Link(Link::Split(_)) | Asked::Erase => self.join(request, Arc::clone(&self.id), None, said),
        }
    }

    /// Whether an earlier record, or the same one, says that an id was seen with this one, and made it part of this contact.
    fn has_seen(&self, one: &Arc<str>, request: &Request) -> bool {
        let mut joined = self.identity.iter().flat_map(|identity| &identity.joined);
        joined.any(|known| known.seen && known.id == *one && (known.time, known.uid) <= (request.time, request.uid))
    }

    /// Another id asks, or what could not be carried out elsewhere comes back to the id that it was delivered to.
    pub fn asked(&mut self, request: Request, said: &mut Said) {
        let other = match &request.asked {
            Asked::Link(Link::Merge(one, other) | Link::Follow(one, other)) => {
                if *one == self.id { other } else { one }.clone()
            }
            Asked::Link(Link::Split(_)) | Asked::Erase => Arc::clone(&self.id),
        };
        self.join(request, other, None, said);
    }

    /// A request has reached the keeper of this id, or somebody who knows who that is.
    pub fn join(
        &mut self,
        request: Request,
        other: Arc<str>,
        handed: Option<(Arc<str>, Box<Keeper>)>,
        said: &mut Said,
    ) {
        if let Some(up) = self.identity.as_ref().and_then(|identity| identity.kept_by.clone()) {
            said.say(&up, Notice::Join { request, other, handed });
            return;
        }
        let id = Arc::clone(&self.id);
        let keeper = self.identity_mut().keeper.get_or_insert_default();
        if let Some((from, handed)) = handed {
            let record = request.record();
            if keeper.has_room_for(&handed, record.as_ref()) {
                if other != id {
                    // It came by way of an id that may be erased, and that is all that it knows.
                    said.say(&from, Notice::KeptBy(Some(id)));
                }
                keeper.take_over(*handed, said);
                keeper.followers.insert(from);
            } else {
                // Or one whom everybody is linked with by mistake would come to keep the records of all.
                said.say(&from, Notice::Keep(handed));
                if record.is_some() {
                    said.answer(request, Answer::Refused(Refusal::TooManyLinks));
                } else {
                    said.say(&request.via.clone(), Notice::Ask(request));
                }
                return self.carry_on(said);
            }
        }
        keeper.wait(request, other, said);
        self.carry_on(said);
    }

    /// Takes over what a keeper had that keeps no more.
    pub fn keep(&mut self, handed: Keeper, said: &mut Said) {
        let identity = self.identity_mut();
        identity.kept_by = None;
        identity.keeper.get_or_insert_default().take_over(handed, said);
        self.carry_on(said);
    }

    /// Somebody else keeps the records of this id from now on, or nobody does.
    pub fn be_kept_by(&mut self, keeper: Option<Arc<str>>, said: &mut Said) {
        let id = Arc::clone(&self.id);
        let identity = self.identity_mut();
        identity.kept_by = keeper.filter(|keeper| *keeper < id);
        self.carry_on(said);
        self.forget_blank_identity();
    }

    /// A part that was given has arrived where it belongs.
    pub fn part_arrived(&mut self, said: &mut Said) {
        let Some(keeper) = self.identity_mut().keeper.as_mut() else { return };
        let Some((request, missing)) = keeper.under_way.take() else { return };
        if missing > 1 {
            keeper.under_way = Some((request, missing - 1));
            return;
        }
        // An erasure was answered for when it was carried out.
        if request.asked != Asked::Erase {
            said.answer(request, Answer::Applied);
        }
        self.carry_on(said);
    }

    /// Carries out what waits, as far as nothing is under way.
    fn carry_on(&mut self, said: &mut Said) {
        let id = Arc::clone(&self.id);
        let identity = self.identity_mut();
        while let Some(keeper) = identity.keeper.as_mut().filter(|keeper| keeper.under_way.is_none()) {
            let Some((request, other)) = keeper.waiting.pop_front() else { break };
            // All ids that it names must be kept here: of any other it is not known whether it was erased.
            let ids = request.ids();
            let Some(other) = std::iter::once(&other).chain(&ids).find(|named| **named != id && !keeper.keeps(named))
            else {
                keeper.carry_out(&id, request, said);
                continue;
            };
            let other = Arc::clone(other);
            if other > id {
                said.say(&other, Notice::Join { request, other: Arc::clone(&id), handed: None });
            } else if let Some(handed) = identity.keeper.take() {
                identity.kept_by = Some(Arc::clone(&other));
                let handed = Some((Arc::clone(&id), handed));
                said.say(&other.clone(), Notice::Join { request, other, handed });
            }
        }
        if identity.keeper.as_ref().is_some_and(|keeper| keeper.is_blank()) {
            identity.keeper = None;
        }
        self.forget_blank_identity();
    }
}

impl Keeper {
    fn carry_out(&mut self, id: &Arc<str>, request: Request, said: &mut Said) {
        match &request.asked {
            Asked::Erase => self.erase(id, request, said),
            Asked::Link(link) => {
                let record = LinkRecord { uid: request.uid, time: request.time, link: link.clone() };
                let linked = self.link(id, record, said);
                // Of a record that is not kept nothing stays, nor who was to keep it.
                for named in request.ids().into_iter().filter(|named| named != id) {
                    let known = self.knows(&named);
                    if !known {
                        self.followers.remove(&named);
                    }
                    said.say(&named, Notice::KeptBy(known.then(|| Arc::clone(id))));
                }
                match linked {
                    Ok(0) => said.answer(request, Answer::Applied),
                    Ok(parts) => self.under_way = Some((request, parts)),
                    Err(answer) => said.answer(request, answer),
                }
            }
        }
    }

    /// Adds a record. Returns how many parts are given because of it.
    fn link(&mut self, id: &Arc<str>, record: LinkRecord, said: &mut Said) -> Result<u64, Answer> {
        let known = self.links.iter().position(|kept| kept.record.uid == record.uid);
        if known.is_some_and(|at| !record.precedes(&self.links[at].record)) {
            return Err(Answer::Duplicate);
        }
        if self.links.iter().any(|kept| record.is_said_by(&kept.record)) {
            return Err(Answer::Duplicate);
        }
        let before = self.sets();
        let mut links = self.links.clone();
        let at = match known {
            Some(at) => {
                links[at].record = record.clone();
                at
            }
            None => {
                links.push(Kept { record: record.clone(), times: 0 });
                links.len() - 1
            }
        };
        if !may_keep(links.iter().map(|kept| &kept.record)) {
            return Err(Answer::Refused(Refusal::TooManyLinks));
        }
        let after = sets(links.iter().map(|kept| &kept.record));
        if after.values().any(|ids| ids.len() > IDS_MAX) {
            return Err(Answer::Refused(Refusal::TooManyIds));
        }
        self.links = links;
        let changes = changes(&before, &after);
        if changes.is_empty() {
            return Ok(0);
        }
        self.links[at].times += 1;
        let times = self.links[at].times;
        let parts = changes.values().map(|(_, _, gives)| gives.len() as u64).sum();
        for (to, (root, ids, gives)) in changes {
            let change = Change { record: record.clone(), times, keeper: Arc::clone(id), root, ids, gives };
            said.say(&to, Notice::Change(Box::new(change)));
        }
        Ok(parts)
    }

    /// Erases a contact on all its ids, and forgets every record that names one of them.
    fn erase(&mut self, id: &Arc<str>, request: Request, said: &mut Said) {
        let before = self.sets();
        let alone = BTreeSet::from([Arc::clone(&request.via)]);
        let found = before.iter().find(|(_, ids)| ids.contains(&request.via));
        let (root, erased) = found.map_or((&request.via, &alone), |(root, ids)| (root, ids));
        for gone in erased {
            if gone == id {
                said.erases = Some((request.clone(), gone == root));
            } else {
                said.say(gone, Notice::Erase { request: request.clone(), tells: gone == root });
            }
        }
        self.links.retain(|kept| !kept.record.ids().any(|named| erased.contains(named)));
        // Others may have been connected by way of who is gone.
        let rest = before.iter().filter(|(other, _)| *other != root);
        let rest: Sets = rest.map(|(root, ids)| (Arc::clone(root), ids.clone())).collect();
        let changes = changes(&rest, &self.sets());
        let record = LinkRecord { uid: request.uid, time: request.time, link: Link::Split(request.uid) };
        let mut followers = std::mem::take(&mut self.followers);
        followers.extend(before.values().flatten().cloned());
        followers.retain(|known| !erased.contains(known) && known != id);
        if erased.contains(id) {
            self.hand_on(&followers, (record, changes), said);
        } else {
            let parts: u64 = changes.values().map(|(_, _, gives)| gives.len() as u64).sum();
            for (to, changed) in changes {
                said.say(&to, change_to(&record, id, changed));
            }
            self.under_way = (parts > 0).then(|| (request.clone(), parts));
            // Some may have known their keeper by way of an id that is erased now.
            for known in &followers {
                said.say(known, Notice::KeptBy(self.knows(known).then(|| Arc::clone(id))));
            }
            followers.retain(|known| self.knows(known));
            self.followers = followers;
        }
        said.answer(request, Answer::Applied);
    }

    /// Hands all it has to those of the remaining ids that come first among those that are still connected.
    fn hand_on(
        &mut self,
        followers: &BTreeSet<Arc<str>>,
        (record, changes): (LinkRecord, BTreeMap<Arc<str>, Changed>),
        said: &mut Said,
    ) {
        // Splits go with the merges that they name, and are of no use without.
        let mut groups: Vec<(BTreeSet<Arc<str>>, Keeper)> = Vec::new();
        let links = std::mem::take(&mut self.links);
        let (merges, splits): (Vec<Kept>, Vec<Kept>) =
            links.into_iter().partition(|kept| !matches!(kept.record.link, Link::Split(_)));
        for kept in merges {
            let mut ids: BTreeSet<Arc<str>> = kept.record.ids().cloned().collect();
            let mut keeper = Keeper { links: vec![kept], ..Keeper::default() };
            groups.retain_mut(|(known, group)| {
                let meets = !known.is_disjoint(&ids);
                if meets {
                    ids.append(known);
                    keeper.links.append(&mut group.links);
                }
                !meets
            });
            groups.push((ids, keeper));
        }
        for split in splits {
            let Link::Split(merge) = &split.record.link else { continue };
            let named =
                |group: &&mut (BTreeSet<Arc<str>>, Keeper)| group.1.links.iter().any(|kept| kept.record.uid == *merge);
            if let Some((_, group)) = groups.iter_mut().find(named) {
                group.links.push(split);
            }
        }
        for (to, changed) in changes {
            let group = groups.iter_mut().find(|(ids, _)| ids.contains(&to));
            let keeper = match group {
                Some((ids, keeper)) if !changed.2.is_empty() => {
                    let asked = Request {
                        uid: record.uid,
                        time: record.time,
                        clamped: false,
                        asked: Asked::Erase,
                        via: Arc::clone(&to),
                    };
                    let (_, parts) = keeper.under_way.get_or_insert((asked, 0));
                    *parts += changed.2.len() as u64;
                    ids.first().cloned()
                }
                Some((ids, _)) => ids.first().cloned(),
                None => None,
            };
            said.say(&to, change_to(&record, &keeper.unwrap_or_else(|| Arc::clone(&to)), changed));
        }
        for known in followers {
            let group = groups.iter().find(|(ids, _)| ids.contains(known));
            said.say(known, Notice::KeptBy(group.and_then(|(ids, _)| ids.first().cloned())));
        }
        for (ids, keeper) in groups {
            if let Some(first) = ids.first() {
                said.say(first, Notice::Keep(Box::new(keeper)));
            }
        }
        for (request, _) in std::mem::take(&mut self.waiting) {
            let via = Arc::clone(&request.via);
            said.say(&via, Notice::Ask(request));
        }
    }
}

/// Which ids go to which root.
type Gives = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// The root of an id from now on, its ids where it is the root, and what it gives.
type Changed = (Arc<str>, Vec<Arc<str>>, Vec<(Arc<str>, Vec<Arc<str>>)>);

fn change_to(record: &LinkRecord, keeper: &Arc<str>, (root, ids, gives): Changed) -> Notice {
    let (record, keeper) = (record.clone(), Arc::clone(keeper));
    Notice::Change(Box::new(Change { record, times: 1, keeper, root, ids, gives }))
}

/// What changes for each id between two foldings of the records.
fn changes(before: &Sets, after: &Sets) -> BTreeMap<Arc<str>, Changed> {
    let root_in = |sets: &Sets, id: &Arc<str>| super::links::root_of(sets, id).clone();
    let ids: BTreeSet<&Arc<str>> = before.values().chain(after.values()).flatten().collect();
    let mut gives: BTreeMap<Arc<str>, Gives> = BTreeMap::new();
    let mut concerned: BTreeSet<Arc<str>> = BTreeSet::new();
    for id in &ids {
        let (old, new) = (root_in(before, id), root_in(after, id));
        if old != new {
            concerned.extend([Arc::clone(id), Arc::clone(&old), Arc::clone(&new)]);
            gives.entry(old).or_default().entry(new).or_default().push(Arc::clone(id));
        }
    }
    let change = |id: Arc<str>| {
        let root = root_in(after, &id);
        let ids = match after.get(&id) {
            Some(set) => std::iter::once(&id).chain(set.iter().filter(|other| **other != id)).cloned().collect(),
            None => Vec::new(),
        };
        let gives = gives.remove(&id).map(|gives| gives.into_iter().collect()).unwrap_or_default();
        (id, (root, ids, gives))
    };
    concerned.into_iter().map(change).collect()
}

impl Identity {
    /// Takes a change over.
    pub fn change(&mut self, own: &Arc<str>, change: &Change) {
        self.root = (change.root != *own).then(|| Arc::clone(&change.root));
        self.kept_by = (change.keeper < *own).then(|| Arc::clone(&change.keeper));
        self.renumber(&change.ids);
        self.joined.retain(|known| change.ids.contains(&known.id));
        let record = &change.record;
        let is_seen = |id: &Arc<str>| matches!(&record.link, Link::Follow(one, other) if one == id && other == own);
        for id in change.ids.iter().filter(|id| *id != own) {
            if !self.joined.iter().any(|known| known.id == *id) {
                let (uid, time) = (record.uid, record.time);
                self.joined.push(Joined { id: Arc::clone(id), uid, time, seen: is_seen(id) });
            }
        }
    }

    /// Takes other ids, of which the rows that are here keep theirs.
    pub(crate) fn renumber(&mut self, ids: &[Arc<str>]) {
        if self.ids == ids {
            return;
        }
        let places: Vec<Option<usize>> = self.ids.iter().map(|id| ids.iter().position(|known| known == id)).collect();
        let of = |mask: u64| {
            let known = places.iter().enumerate().filter(|(old, _)| mask >> old & 1 == 1);
            known.filter_map(|(_, new)| *new).fold(0, |mask, new| mask | 1 << new)
        };
        let origins = std::mem::take(&mut self.origins);
        for (uid, mask) in origins.0 {
            self.origins.set(uid, of(mask));
        }
        self.ids = ids.to_vec();
        if self.ids.len() < 2 {
            self.ids.clear();
            self.origins = Default::default();
        }
    }
}
