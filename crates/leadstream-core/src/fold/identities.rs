//! Contacts that become one, and contacts that are parted (S48 to S51): what is given, what is taken, and what is told of it.
//!
//! A contact of several ids is folded from the union of what was delivered to them, as if it had always been one. Who gives what to whom is decided
//! elsewhere ([`crate::identity::keeper`]); here a contact does it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::contact::{Base, Contact, Level, Rows};
use crate::derived::{DerivedCause, DerivedEvent, DerivedKind, Mark, Reason};
use crate::event::Event;
use crate::fold::Fold;
use crate::fold::refold::never_back;
use crate::fold::sight::replaces;
use crate::fold::unite::{numbers_only, unite_announced};
use crate::id::Hasher;
use crate::identity::{Change, Identity, Link, LinkRecord};
use crate::time::Timestamp;

/// A part of a contact on its way to another id.
#[derive(Clone, Debug)]
pub struct Part {
    /// The record that led to it.
    pub record: LinkRecord,
    /// How often that record has changed who belongs to whom.
    pub times: u64,
    /// Who is to know that it has arrived.
    pub keeper: Arc<str>,
    /// The id that gives it.
    pub from: Arc<str>,
    /// What is given: its rows, those of which ids, its base, what was told of it. Of a contact that was parted the numbers alone were told.
    pub contact: Contact,
    /// Whether the contact was parted: the id that gives it keeps the rest.
    pub parted: bool,
}

impl Fold {
    /// Takes a change of who belongs to whom over: gives away what is to be given, tells of it, and corrects what was told of what stays.
    pub fn change_identity(
        &mut self,
        contact: &mut Contact,
        change: &Change,
        clock: Timestamp,
        out: &mut Vec<DerivedEvent>,
    ) -> Vec<(Arc<str>, Part)> {
        let mut parts = Vec::new();
        let own = Arc::clone(&contact.id);
        // What goes with the id itself is all that is left when the others are gone.
        let with_own = |(_, ids): &&(Arc<str>, Vec<Arc<str>>)| ids.contains(&own);
        for (to, ids) in change.gives.iter().filter(|gives| !with_own(gives)) {
            parts.push((Arc::clone(to), self.part_off(contact, change, to, ids, out)));
        }
        let was_parted = !parts.is_empty();
        if let Some((to, _)) = change.gives.iter().find(with_own) {
            parts.push((Arc::clone(to), self.give_all(contact, change, to, out)));
        }
        contact.identity_mut().change(&own, change);
        contact.forget_blank_identity();
        if was_parted && change.root == own {
            self.fold_changed(contact, &change.record, Mark::Split, clock, out);
        }
        parts
    }

    /// Gives the rows that were delivered to some of its ids away.
    fn part_off(
        &self,
        contact: &mut Contact,
        change: &Change,
        to: &Arc<str>,
        ids: &[Arc<str>],
        out: &mut Vec<DerivedEvent>,
    ) -> Part {
        let blank = Arc::default();
        let identity: &Identity = contact.identity.as_ref().unwrap_or(&blank);
        let others: Vec<Arc<str>> = ids.iter().filter(|id| *id != to).cloned().collect();
        let mut given = Contact::new(to);
        let mut taken = Identity { ids: std::iter::once(to).chain(&others).cloned().collect(), ..Identity::default() };
        let mut kept = (Rows::default(), identity.clone());
        let mut row = Event::default();
        for at in 0..contact.rows.len() {
            contact.rows.load(at, &contact.id, &mut row);
            let places = identity.origins.of(row.uid);
            let goes = taken.ids.iter().enumerate().fold(0, |mask, (new, id)| {
                let old = identity.place(id).map_or(0, |old| places >> old & 1);
                mask | old << new
            });
            let gone = taken.ids.iter().filter_map(|id| identity.place(id)).fold(0, |mask, old| mask | 1u64 << old);
            if goes != 0 {
                given.rows.insert(&row);
                taken.origins.set(row.uid, goes);
            }
            if places & !gone != 0 {
                kept.0.insert(&row);
                kept.1.origins.set(row.uid, places & !gone);
            } else {
                kept.1.origins.set(row.uid, 1);
            }
        }
        given.base = contact
            .base
            .as_ref()
            .map(|base| Arc::new(Base { boundary: base.boundary, state: Default::default(), verdicts: Vec::new() }));
        given.announced = numbers_only(&contact.announced);
        given.state.tau = contact.state.tau;
        let taken_ids = taken.ids.clone();
        given.identity = Some(Arc::new(taken));
        given.judge_anew();
        let rest: Vec<Arc<str>> = kept.1.ids.iter().filter(|id| !taken_ids.contains(id)).cloned().collect();
        kept.1.renumber(&rest);
        contact.rows = kept.0;
        contact.identity = Some(Arc::new(kept.1));
        contact.judge_anew();
        contact.rewrites += 1;
        contact.checkpoints.clear();
        contact.facts.clear();
        let levels = (&contact.id.clone(), to);
        out.push(self.tell_identity(contact, DerivedKind::ContactSplit, &change.record, change.times, levels));
        self.part(change, contact, given, true)
    }

    /// Gives everything away.
    fn give_all(&self, contact: &mut Contact, change: &Change, to: &Arc<str>, out: &mut Vec<DerivedEvent>) -> Part {
        let id = Arc::clone(&contact.id);
        let mut left = Contact { id: Arc::clone(&id), rewrites: contact.rewrites + 1, ..Contact::default() };
        let identity = contact.identity.take().map(Arc::unwrap_or_clone).unwrap_or_default();
        let ids = if identity.ids.is_empty() { vec![Arc::clone(&id)] } else { identity.ids.clone() };
        let with = Identity { ids, origins: identity.origins.clone(), ..Identity::default() };
        left.identity = Some(Arc::new(Identity { ids: Vec::new(), origins: Default::default(), ..identity }));
        let mut given = contact.clone();
        given.identity = Some(Arc::new(with));
        // The last that is told under the id; where it is told of again one day, that is not earlier. Who had nothing keeps nobody from telling.
        let last = self.tell_identity(contact, DerivedKind::ContactMerged, &change.record, change.times, (&id, to));
        given.announced.time = contact.state.tau.map(|_| last.time);
        out.push(last);
        // The id may be parted from the other one day, and then tells at once: no number comes twice (S54).
        left.announced = numbers_only(&contact.announced);
        *contact = left;
        self.part(change, contact, given, false)
    }

    fn part(&self, change: &Change, from: &Contact, contact: Contact, parted: bool) -> Part {
        let (record, keeper, from) = (change.record.clone(), Arc::clone(&change.keeper), Arc::clone(&from.id));
        Part { record, times: change.times, keeper, from, contact, parted }
    }

    /// Takes a part that another id gives, as if it had always been here, and corrects what was told.
    pub fn take_part(&mut self, contact: &mut Contact, mut part: Part, clock: Timestamp, out: &mut Vec<DerivedEvent>) {
        // When recomputes come is each task's own affair: a part is under those of the contact that takes it.
        self.begin(contact);
        part.contact.recomputed = contact.recomputed;
        if contact.base.is_some() || part.contact.base.is_some() {
            self.unite_bases(contact, &mut part.contact);
        }
        let tau = contact.state.tau.max(part.contact.state.tau).or(Some(part.record.time));
        self.unite_rows(contact, &part.contact);
        let in_force = Arc::clone(self.view(contact).at(clock));
        unite_announced(&mut contact.announced, &part.contact.announced, &in_force.plans);
        contact.state.tau = tau;
        contact.rewrites += 1;
        contact.checkpoints.clear();
        contact.facts.clear();
        contact.judge_anew();
        let (kind, mark, levels) = if part.parted {
            (DerivedKind::ContactSplit, Mark::Split, (&part.from, &contact.id.clone()))
        } else {
            (DerivedKind::ContactMerged, Mark::Merge, (&part.from, &contact.id.clone()))
        };
        out.push(self.tell_identity(contact, kind, &part.record, part.times, levels));
        self.fold_changed(contact, &part.record, mark, clock, out);
    }

    fn unite_rows(&self, contact: &mut Contact, part: &Contact) {
        let ids = part.ids().to_vec();
        for id in &ids {
            if !contact.has_id(id) {
                let own = Arc::clone(&contact.id);
                let identity = contact.identity_mut();
                if identity.ids.is_empty() {
                    identity.ids.push(own);
                }
                identity.ids.push(Arc::clone(id));
            }
        }
        let places: Vec<usize> =
            ids.iter().map(|id| contact.identity.as_ref().and_then(|known| known.place(id)).unwrap_or(0)).collect();
        let mut row = Event::default();
        for at in 0..part.rows.len() {
            part.rows.load(at, &contact.id, &mut row);
            let of = part.identity.as_ref().map_or(1, |identity| identity.origins.of(row.uid));
            let to = places.iter().enumerate().fold(0, |mask, (old, new)| mask | (of >> old & 1) << new);
            let known = match contact.rows.find(row.uid) {
                Some(at) => {
                    if replaces(contact, at, &row) {
                        contact.rows.remove(at);
                        contact.rows.insert(&row);
                    }
                    contact.identity.as_ref().map_or(1, |identity| identity.origins.of(row.uid))
                }
                None => {
                    contact.rows.insert(&row);
                    0
                }
            };
            if contact.ids().len() > 1 {
                contact.identity_mut().origins.set(row.uid, known | to);
            }
        }
    }

    /// Folds a contact anew whose rows are others than before, silently, and corrects what was told.
    fn fold_changed(
        &mut self,
        contact: &mut Contact,
        record: &LinkRecord,
        mark: Mark,
        clock: Timestamp,
        out: &mut Vec<DerivedEvent>,
    ) {
        let before = contact.state.tau.unwrap_or(record.time);
        contact.rewrites += 1;
        contact.checkpoints.clear();
        self.refold(contact, 0, before.max(clock), None);
        never_back(contact, before);
        let mut marks = self.marks.clone();
        marks.push(mark);
        self.correct(contact, cause(record), record.time, marks, out);
        self.depart(contact);
        if let Some(identity) = contact.identity.as_ref().filter(|identity| !identity.origins.is_empty()) {
            let mut origins = identity.origins.clone();
            origins.keep_those_of(&contact.rows);
            contact.identity_mut().origins = origins;
        }
        self.refresh(contact);
    }

    /// What is told of a change on the contact's own key (S50, S51, S53).
    fn tell_identity(
        &self,
        contact: &mut Contact,
        kind: DerivedKind,
        record: &LinkRecord,
        times: u64,
        (from, to): (&Arc<str>, &Arc<str>),
    ) -> DerivedEvent {
        let (word, mark) =
            if kind == DerivedKind::ContactSplit { ("split", Mark::Split) } else { ("merge", Mark::Merge) };
        let subject = format!("{word}:{}", record.uid);
        let announced = &mut contact.announced;
        let n = announced.numbers_from + times;
        announced.seq += 1;
        let time = contact.state.tau.max(announced.time).unwrap_or(record.time);
        announced.time = Some(time);
        let mut marks = self.marks.clone();
        marks.push(mark);
        marks.sort();
        DerivedEvent {
            id: Hasher::new().text("leadstream/1").text(&contact.id).text("").text(&subject).number(n).finish(),
            kind,
            contact: Arc::clone(&contact.id),
            plan: None,
            version: None,
            subject: Cow::Owned(subject),
            n,
            seq: announced.seq,
            time,
            since: record.time,
            old: Level::Id(Arc::clone(from)),
            new: Level::Id(Arc::clone(to)),
            score: None,
            threshold: None,
            cause: cause(record),
            reason: Reason::Request,
            marks,
            corrects: None,
            via: Vec::new(),
            contributions: Vec::new(),
            request: None,
        }
    }
}

fn cause(record: &LinkRecord) -> DerivedCause {
    let word = if matches!(record.link, Link::Split(_)) { "split" } else { "merge" };
    DerivedCause::Event { uid: record.uid, event_type: Cow::Borrowed(word), time: record.time }
}
