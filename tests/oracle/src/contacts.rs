//! Several contacts that merge, split and are erased (S2, S48 to S52), each folded by an [`Oracle`] of its own.
//!
//! Owns who is one with whom and what was delivered to which id. A merged contact is folded from the union of what was delivered to its
//! ids, as if it had always been one; a split one from what was delivered to its own. Contacts with a base are refused: what S49 says of
//! bases is an approximation that no fold of events can tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::derived::{Announcements, DerivedEvent};
use crate::edge::DerivedType;
use crate::effect::{ForwardError, Outcome};
use crate::event::{OracleEvent, Row, Uid};
use crate::identity::{ContactCommand, ContactsEffect, IdentityError, cause, identity_edge};
use crate::limits::Limits;
use crate::links::{LinkRecord, sets};
use crate::loading::PlanError;
use crate::number::Thousandths;
use crate::oracle::Oracle;
use crate::state::Cause;

/// How many ids one contact has at most (S58).
const IDS_MAX: usize = 50;

/// An id that was erased.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Erased {
    /// Nothing counts.
    Blocked {
        /// No number of its derived events was greater.
        numbers: u64,
    },
    /// Only what happened from this instant on counts.
    Reinstated(i64),
}

/// All contacts of one task.
#[derive(Clone, Debug)]
pub struct Contacts {
    /// What a contact is before its first event.
    blank: Oracle,
    of: BTreeMap<String, Oracle>,
    /// What was accepted, or is a copy of that, by the id it was delivered to.
    delivered: Vec<(String, Row)>,
    links: BTreeMap<Uid, LinkRecord>,
    erased: BTreeMap<String, Erased>,
    /// When the last was told under an id that belongs to another contact.
    last_told: BTreeMap<String, i64>,
}

impl Contacts {
    /// No contacts yet, with the plans in force from the beginning.
    pub fn new(plans: &[&str], limits: Limits) -> Result<Contacts, PlanError> {
        let blank = Oracle::with_limits("", plans, limits)?;
        let (of, delivered, links, erased) = (BTreeMap::new(), Vec::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Contacts { blank, of, delivered, links, erased, last_told: BTreeMap::new() })
    }

    /// The contact that an id belongs to.
    pub fn root(&self, id: &str) -> String {
        let sets = sets(&self.links);
        let root = sets.into_iter().find(|(_, ids)| ids.contains(id)).map(|(root, _)| root);
        root.unwrap_or_else(|| id.to_owned())
    }

    /// The contact of an id; a blank one where nothing came yet.
    pub fn contact(&self, id: &str) -> Oracle {
        let root = self.root(id);
        self.of.get(&root).cloned().unwrap_or_else(|| self.blank_of(&root))
    }

    /// Carries out a command.
    pub fn command_of(&mut self, command: &ContactCommand) -> Result<ContactsEffect, IdentityError> {
        Ok(match command {
            ContactCommand::Event { to, event } => {
                self.event(&to.iter().map(String::as_str).collect::<Vec<_>>(), event)
            }
            ContactCommand::Link(record) => self.link(record)?,
            ContactCommand::Erase { id, request: (source, request), time } => {
                self.erase(id, Uid::of(source, request), *time)
            }
            ContactCommand::Reinstate { id, from } => self.reinstate(id, *from),
            ContactCommand::Clock(instant) => self.clock(*instant),
        })
    }

    /// An event arrives for one or several ids (S2). A contact that has two of them gets it once.
    pub fn event(&mut self, to: &[&str], event: &OracleEvent) -> ContactsEffect {
        let mut effect = ContactsEffect::default();
        let row = Row::keep(event, &self.blank.limits);
        for id in to {
            let ignored = match self.erased.get(*id) {
                Some(Erased::Blocked { .. }) => true,
                Some(Erased::Reinstated(from)) => row.time < *from,
                None => false,
            };
            if ignored {
                effect.outcomes.push(((*id).to_owned(), Outcome::Erased));
                continue;
            }
            let told = self.contact_mut(id).event(event);
            if told.outcome != Some(Outcome::TooLate) {
                self.delivered.push(((*id).to_owned(), row.clone()));
                self.unite_copies(&self.root(id));
            }
            effect.outcomes.extend(told.outcome.map(|outcome| ((*id).to_owned(), outcome)));
            effect.derived.extend(told.derived);
        }
        effect
    }

    /// The task clock reaches an instant, for all contacts in the order of their ids.
    pub fn clock(&mut self, instant: i64) -> ContactsEffect {
        self.blank.clock(instant);
        let derived = self.of.values_mut().flat_map(|contact| contact.clock(instant).derived).collect();
        ContactsEffect { outcomes: Vec::new(), derived }
    }

    /// A forward change of plans, for all contacts in the order of their ids.
    pub fn forward(&mut self, from: i64, plans: &[&str]) -> Result<ContactsEffect, ForwardError> {
        self.blank.forward(from, plans)?;
        let mut effect = ContactsEffect::default();
        for contact in self.of.values_mut() {
            effect.derived.extend(contact.forward(from, plans)?.derived);
        }
        Ok(effect)
    }

    /// A merge or split record arrives (S48 to S51).
    pub fn link(&mut self, record: &LinkRecord) -> Result<ContactsEffect, IdentityError> {
        let uid = record.uid();
        let outcome = |outcome| ContactsEffect { outcomes: vec![(record.id.clone(), outcome)], derived: Vec::new() };
        if record.ids().into_iter().any(|id| self.is_erased(id, record.time)) {
            return Ok(outcome(Outcome::DeadLetter));
        }
        let known = self.links.get(&uid);
        if known.is_some_and(|known| record.content() >= known.content()) {
            return Ok(outcome(Outcome::Duplicate));
        }
        let replaced = known.is_some();
        let before = sets(&self.links);
        let mut links = self.links.clone();
        links.insert(uid, record.clone());
        let after = sets(&links);
        if after.values().any(|ids| ids.len() > IDS_MAX) {
            return Ok(outcome(Outcome::DeadLetter));
        }
        let gone = sets_not_in(&before, &after);
        let come = sets_not_in(&after, &before);
        let previous = std::mem::replace(&mut self.links, links);
        let derived = match self.rearrange(record, &gone, &come) {
            Ok(derived) => derived,
            Err(error) => {
                self.links = previous;
                return Err(error);
            }
        };
        let outcome = if replaced { Outcome::Duplicate } else { Outcome::Applied };
        Ok(ContactsEffect { outcomes: vec![(record.id.clone(), outcome)], derived })
    }

    /// Sets that are gone become those that come: two become one, or one becomes two. Single ids are in neither list.
    fn rearrange(&mut self, record: &LinkRecord, gone: &Sets, come: &Sets) -> Result<Vec<DerivedEvent>, IdentityError> {
        let ids: BTreeSet<&String> = gone.iter().chain(come).flat_map(|(_, ids)| ids).collect();
        let roots = |sets: &Sets| -> BTreeSet<String> {
            let single = |id: &&&String| !sets.iter().any(|(_, ids)| ids.contains(**id));
            let singles = ids.iter().filter(single).map(|id| (*id).clone());
            sets.iter().map(|(root, _)| root.clone()).chain(singles).collect()
        };
        let (old, new) = (roots(gone), roots(come));
        let only =
            |of: &BTreeSet<String>, not_in: &BTreeSet<String>| of.difference(not_in).cloned().collect::<Vec<_>>();
        match (old.len(), new.len(), only(&old, &new).as_slice(), only(&new, &old).as_slice()) {
            (0, 0, ..) => Ok(Vec::new()),
            (2, 1, [loser], []) => self.merge(record, loser, &new.into_iter().collect::<String>()),
            (1, 2, [], [other]) => self.split(record, &old.into_iter().collect::<String>(), other),
            _ => Err(IdentityError::Rearranged { uid: record.uid().hex() }),
        }
    }

    /// S50: one contact from now on, with what was announced of both; the loser's key gets its last event.
    fn merge(&mut self, record: &LinkRecord, loser: &str, survivor: &str) -> Result<Vec<DerivedEvent>, IdentityError> {
        let mut lost = self.of.get(loser).cloned().unwrap_or_else(|| self.blank_of(loser));
        let kept = self.of.get(survivor).cloned().unwrap_or_else(|| self.blank_of(survivor));
        refuse_base(&lost)?;
        refuse_base(&kept)?;
        self.unite_copies(survivor);
        let plans = self.blank.plans_now().clone();
        let mut announced = Announcements::merged(&kept.announced, &lost.announced, &plans);
        let levels = (loser, survivor);
        let mut derived = Vec::from_iter(lost.announce_identity(DerivedType::ContactMerged, record, levels));
        if lost.tau.is_some() {
            announced.last_time = announced.last_time.max(lost.announced.last_time);
        }
        self.last_told.insert(loser.to_owned(), lost.announced.last_time);
        // Of ids that nothing came for yet, telling of the record is the first that is told: what is told later isn't earlier (L3).
        let tau = kept.tau.max(lost.tau).or(Some((record.time, None)));
        let mut merged = Oracle { announced, tau, rows: self.rows_of(survivor), ..self.blank_of(survivor) };
        derived.extend(merged.announce_identity(DerivedType::ContactMerged, record, levels));
        derived.extend(merged.reconcile_for(&cause(record), "merge"));
        self.of.remove(loser);
        self.of.insert(survivor.to_owned(), merged);
        Ok(derived)
    }

    /// S51: what was delivered to the other's ids goes to it, with the numbers of the survivor and nothing announced.
    fn split(&mut self, record: &LinkRecord, survivor: &str, other: &str) -> Result<Vec<DerivedEvent>, IdentityError> {
        let whole = self.of.get(survivor).cloned().unwrap_or_else(|| self.blank_of(survivor));
        refuse_base(&whole)?;
        let levels = (survivor, other);
        let mut derived = Vec::new();
        let tau = whole.tau.or(Some((record.time, None)));
        let mut numbers = whole.announced.numbers_only();
        numbers.last_time = numbers.last_time.max(self.last_told.get(other).copied().unwrap_or(i64::MIN));
        for (id, announced) in [(survivor, whole.announced), (other, numbers)] {
            let mut part = Oracle { announced, tau, rows: self.rows_of(id), ..self.blank_of(id) };
            derived.extend(part.announce_identity(DerivedType::ContactSplit, record, levels));
            derived.extend(part.reconcile_for(&cause(record), "split"));
            self.of.insert(id.to_owned(), part);
        }
        Ok(derived)
    }

    /// S52: everything of the contact is gone, on all its ids, at the request with this identity and time.
    pub fn erase(&mut self, id: &str, request: Uid, time: i64) -> ContactsEffect {
        if matches!(self.erased.get(id), Some(Erased::Blocked { .. })) {
            return ContactsEffect { outcomes: vec![(id.to_owned(), Outcome::Erased)], derived: Vec::new() };
        }
        let root = self.root(id);
        let ids = sets(&self.links).remove(&root).unwrap_or_else(|| BTreeSet::from([root.clone()]));
        let mut contact = self.of.remove(&root).unwrap_or_else(|| self.blank_of(&root));
        let told_at = contact.tau.map_or(time, |(tau, _)| tau.max(time));
        let cause = Cause::Event { uid: request.hex(), time };
        let edge = identity_edge(DerivedType::ContactErased, "erase".to_owned(), told_at, cause);
        let derived = contact.announced.announce(&root, edge, false).into_iter().collect();
        self.delivered.retain(|(to, _)| !ids.contains(to));
        self.links.retain(|_, record| !record.ids().into_iter().any(|named| ids.contains(named)));
        let numbers = contact.announced.seq;
        self.erased.extend(ids.into_iter().map(|id| (id, Erased::Blocked { numbers })));
        ContactsEffect { outcomes: vec![(id.to_owned(), Outcome::Applied)], derived }
    }

    /// S52: what happens to the id from an instant on counts again, with numbers never used before.
    pub fn reinstate(&mut self, id: &str, from: i64) -> ContactsEffect {
        let Some(Erased::Blocked { numbers }) = self.erased.get(id).copied() else {
            return ContactsEffect { outcomes: vec![(id.to_owned(), Outcome::Unmatched)], derived: Vec::new() };
        };
        self.erased.insert(id.to_owned(), Erased::Reinstated(from));
        let announced = Announcements::after(u64::try_from(from).unwrap_or(0).max(numbers));
        self.of.insert(id.to_owned(), Oracle { announced, ..self.blank_of(id) });
        ContactsEffect { outcomes: vec![(id.to_owned(), Outcome::Applied)], derived: Vec::new() }
    }

    /// S29: every contact by a score such as `plan:ID` or `global` at an instant, the greatest first, then by the bytes of the id.
    ///
    /// None for a name that is no score's.
    pub fn list(&self, score: &str, instant: i64) -> Option<Vec<(String, Thousandths)>> {
        let value = |(id, contact): (&String, &Oracle)| {
            let lines = contact.read_at(instant).explain(score)?;
            Some((id.clone(), lines.iter().map(|line| line.value).sum()))
        };
        let mut list: Vec<(String, Thousandths)> = self.of.iter().map(value).collect::<Option<_>>()?;
        list.sort_by(|(id, score), (other_id, other)| other.cmp(score).then_with(|| id.cmp(other_id)));
        Some(list)
    }

    fn is_erased(&self, id: &str, time: i64) -> bool {
        match self.erased.get(id) {
            Some(Erased::Blocked { .. }) => true,
            Some(Erased::Reinstated(from)) => time < *from,
            None => false,
        }
    }

    fn blank_of(&self, id: &str) -> Oracle {
        Oracle { contact: id.to_owned(), ..self.blank.clone() }
    }

    fn contact_mut(&mut self, id: &str) -> &mut Oracle {
        let root = self.root(id);
        let blank = self.blank_of(&root);
        self.of.entry(root).or_insert(blank)
    }

    /// S3: of copies that met in one contact only the least is known from then on, to whichever ids they were delivered.
    fn unite_copies(&mut self, root: &str) {
        let Some(ids) = sets(&self.links).remove(root) else { return };
        let least = self.rows_of(root);
        for (_, row) in self.delivered.iter_mut().filter(|(to, _)| ids.contains(to)) {
            if let Some(kept) = least.get(&row.uid) {
                row.clone_from(kept);
            }
        }
    }

    /// Everything delivered to the ids of a contact; of copies the least content stays (S3).
    fn rows_of(&self, root: &str) -> BTreeMap<Uid, Row> {
        let ids = sets(&self.links).remove(root).unwrap_or_else(|| BTreeSet::from([root.to_owned()]));
        let mut rows: BTreeMap<Uid, Row> = BTreeMap::new();
        for (_, row) in self.delivered.iter().filter(|(to, _)| ids.contains(to)) {
            let lesser = rows.get(&row.uid).is_none_or(|known| row.content() < known.content());
            if lesser {
                rows.insert(row.uid, row.clone());
            }
        }
        rows
    }
}

/// Sets of ids with their roots.
type Sets = Vec<(String, BTreeSet<String>)>;

fn sets_not_in(sets: &BTreeMap<String, BTreeSet<String>>, others: &BTreeMap<String, BTreeSet<String>>) -> Sets {
    let differs = |(root, ids): &(&String, &BTreeSet<String>)| others.get(*root) != Some(*ids);
    sets.iter().filter(differs).map(|(root, ids)| (root.clone(), ids.clone())).collect()
}

fn refuse_base(contact: &Oracle) -> Result<(), IdentityError> {
    match contact.boundary() {
        None => Ok(()),
        Some(_) => Err(IdentityError::Base { contact: contact.contact.clone() }),
    }
}
