//! One folder: a share of the contacts, and what their events make of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use hashbrown::HashTable;
use leadstream_core::contact::Dimension;
use leadstream_core::derived::Mark;
use leadstream_core::{
    Contact, DerivedEvent, Event, EventKind, Fold, Name, Outcome, Points, Timeline, Timestamp, Word, erased,
    numbers_behind, reinstated_from,
};

use super::Options;
use super::blocks::Slot;

/// What a rule booked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleTotal {
    /// Bookings inside the horizons of their contacts.
    pub(crate) bookings: u64,
    /// Their points.
    pub(crate) points: Points,
}

/// Folds the events of a share of the contacts.
pub(crate) struct Folder {
    share: usize,
    pub(crate) fold: Fold,
    table: HashTable<usize>,
    /// In the order of their ids once [`Folder::finish`] has run.
    #[expect(clippy::vec_box, reason = "contacts are large: growing and sorting move their addresses only")]
    pub(crate) contacts: Vec<Box<Contact>>,
    /// What a step derived, on its way to `found`.
    fresh: Vec<DerivedEvent>,
    /// Derived events as they came, with the place of their contact.
    found: Vec<(usize, DerivedEvent)>,
    /// In the order of contact and seq once [`Folder::finish`] has run.
    pub(crate) derived: Vec<DerivedEvent>,
    /// Commands of files, by the place of their contact, in the order of their times: each waits for the first event that is not before it, as a
    /// service would have read it between the events.
    commands: HashMap<usize, VecDeque<Event>>,
    /// Ids that were erased: the greatest number of their derived events, and since when they count again.
    erased_ids: HashMap<String, (u64, Option<Timestamp>)>,
    /// Events of ids that were erased.
    pub(crate) erased: u64,
    /// Records that link ids.
    pub(crate) links: u64,
    /// Events by what became of them.
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
    /// By plan and rule; rules that booked before the horizon only are there with nothing.
    pub(crate) rules: BTreeMap<(Word, Word), RuleTotal>,
    /// Rules that did not fire because an expression of theirs had no value, by plan, rule and why.
    pub(crate) faults: BTreeMap<(Word, Word, &'static str), u64>,
}

impl Folder {
    pub(super) fn new(options: &Options, share: usize) -> Folder {
        Folder {
            share,
            fold: Fold::new(Timeline::new(Arc::clone(&options.plans)), options.history).marked(Mark::Replay),
            table: HashTable::new(),
            contacts: Vec::new(),
            fresh: Vec::new(),
            found: Vec::new(),
            derived: Vec::new(),
            commands: HashMap::new(),
            erased_ids: HashMap::new(),
            erased: 0,
            links: 0,
            outcomes: BTreeMap::new(),
            rules: BTreeMap::new(),
            faults: BTreeMap::new(),
        }
    }

    /// Folds its part of every block in the order of the blocks, whatever the order in which they come.
    pub(super) fn run(mut self, slots: &Receiver<Arc<Slot>>, free: &Sender<Slot>) -> Folder {
        let mut early: BTreeMap<u64, Arc<Slot>> = BTreeMap::new();
        let mut next = 0;
        for slot in slots {
            early.insert(slot.number, slot);
            while let Some(slot) = early.remove(&next) {
                next += 1;
                let waits = slot.file.as_ref().is_some_and(|file| file.holds_commands());
                for (hash, place) in &slot.shares[self.share] {
                    let event = &slot.events.events()[*place];
                    // Who is one with whom was found before.
                    if matches!(event.kind, EventKind::Link | EventKind::Merge | EventKind::Split) {
                        *self.outcomes.entry(Outcome::Applied).or_default() += 1;
                        self.links += 1;
                        continue;
                    }
                    let contact = self.contact(*hash, event);
                    if waits {
                        self.hold(contact, event.clone());
                    } else {
                        self.apply_commands_until(contact, event.time);
                        self.apply(contact, event);
                    }
                }
                // The last folder to have folded it gives it back.
                if let Some(slot) = Arc::into_inner(slot) {
                    let _ = free.send(slot);
                }
            }
        }
        self
    }

    /// The place of the contact of an event, a new one where it has none.
    fn contact(&mut self, hash: u64, event: &Event) -> usize {
        let contacts = &mut self.contacts;
        if let Some(place) = self.table.find(hash, |place| *contacts[*place].id == *event.contact) {
            return *place;
        }
        contacts.push(Box::new(Contact::new(&event.contact)));
        let place = contacts.len() - 1;
        self.table.insert_unique(hash, place, |place| Name::of(&contacts[*place].id).0);
        place
    }

    /// Keeps a command behind those that are not later.
    fn hold(&mut self, place: usize, command: Event) {
        let held = self.commands.entry(place).or_default();
        let behind = held.partition_point(|other| other.time <= command.time);
        held.insert(behind, command);
    }

    /// Applies the commands of a contact that an event of a time comes behind.
    fn apply_commands_until(&mut self, place: usize, time: Timestamp) {
        while let Some(held) = self.commands.get_mut(&place) {
            match held.pop_front_if(|command| command.time <= time) {
                Some(command) => self.apply(place, &command),
                None if held.is_empty() => drop(self.commands.remove(&place)),
                None => return,
            }
        }
    }

    fn apply(&mut self, place: usize, event: &Event) {
        if self.is_about_erased(place, event) {
            return;
        }
        // No clock before the end: timers fire by the contact's own events, so one contact's result depends on no other contact.
        let outcome = self.fold.apply(&mut self.contacts[place], event, Timestamp::MIN, &mut self.fresh);
        self.found.extend(self.fresh.drain(..).map(|derived| (place, derived)));
        *self.outcomes.entry(outcome).or_default() += 1;
        count_faults(&mut self.fold, &mut self.faults);
    }

    /// Carries out what concerns erased ids (S52). False where the event is to be folded.
    fn is_about_erased(&mut self, place: usize, event: &Event) -> bool {
        let block = self.erased_ids.get(&event.contact).copied();
        let outcome = match (event.kind, block) {
            (EventKind::Reinstate, Some((numbers, None))) => {
                let from = reinstated_from(event);
                self.contacts[place].announced.begin_behind(numbers_behind(from, numbers));
                self.erased_ids.insert(event.contact.clone(), (numbers, Some(from)));
                Outcome::Applied
            }
            (EventKind::Reinstate, _) => Outcome::Unmatched,
            (EventKind::Erase, None | Some((_, Some(_)))) => {
                let mut told = erased(&self.contacts[place], event);
                told.marks.push(Mark::Replay);
                self.erased_ids.insert(event.contact.clone(), (told.seq, None));
                *self.contacts[place] = Contact::new(&event.contact);
                self.found.push((place, told));
                Outcome::Applied
            }
            (_, Some((_, from))) if from.is_none_or(|from| event.time < from) => {
                self.erased += 1;
                return true;
            }
            _ => return false,
        };
        *self.outcomes.entry(outcome).or_default() += 1;
        true
    }

    /// Fires what is due until the final instant, brings everything in order and adds up.
    pub(super) fn finish(&mut self, until: Option<Timestamp>) {
        self.table = HashTable::new();
        for place in 0..self.contacts.len() {
            self.apply_commands_until(place, Timestamp::MAX);
        }
        for (place, contact) in self.contacts.iter_mut().enumerate() {
            if let Some(until) = until {
                self.fold.advance(contact, until, &mut self.fresh);
                self.found.extend(self.fresh.drain(..).map(|derived| (place, derived)));
                count_faults(&mut self.fold, &mut self.faults);
            }
        }
        self.add_up();
        self.order();
    }

    /// Adds up what every rule booked.
    fn add_up(&mut self) {
        for contact in &self.contacts {
            // A rule has an entry for each score that it books in.
            for rule in contact.rules.iter().filter(|rule| rule.dimension == Dimension::Plan) {
                self.rules.entry((rule.plan, rule.rule)).or_default();
            }
            for booked in contact.ledger.as_slice() {
                let Some(rule) = contact.rules.get(booked.rule).filter(|rule| rule.dimension == Dimension::Plan) else {
                    continue;
                };
                let total = self.rules.entry((rule.plan, rule.rule)).or_default();
                total.bookings += 1;
                total.points += booked.applied;
            }
        }
    }

    /// Orders contacts by id, and derived events by contact and seq. Names are compared once for each contact, not for each event.
    fn order(&mut self) {
        let contacts = &self.contacts;
        let mut places: Vec<usize> = (0..contacts.len()).collect();
        places.sort_unstable_by(|one, other| contacts[*one].id.cmp(&contacts[*other].id));
        let mut ranks = vec![0; places.len()];
        for (rank, place) in places.iter().enumerate() {
            ranks[*place] = rank;
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_cached_key(|(place, derived)| (ranks[*place], derived.seq));
        self.derived = found.into_iter().map(|(_, derived)| derived).collect();
        self.contacts.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let erased = &self.erased_ids;
        self.contacts.retain(|contact| !(contact.is_blank() && erased.contains_key(&*contact.id)));
    }
}

fn count_faults(fold: &mut Fold, faults: &mut BTreeMap<(Word, Word, &'static str), u64>) {
    for fault in fold.take_faults() {
        *faults.entry((fault.plan, fault.rule, fault.error.as_str())).or_default() += 1;
    }
}
