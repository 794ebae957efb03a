//! Ids that become one contact, across tasks (S48 to S52): messages between ids, and events of ids that belong to another contact.
//!
//! What an id has to say to another one is a record of the topic of identities, in the transaction of the epoch that led to it, in the partition of the
//! id that it is for; also where that is this task's own. Who says what is decided in the core; here it is sent, received, and undone with its epoch.

use std::sync::Arc;

use leadstream_core::identity::{Answer, Asked, Link, Notice, Refusal, Request, Said, turn_back};
use leadstream_core::{Event, EventKind, Part};
use leadstream_wire::stored::message::{Message, MessageWriter};

use super::cache::Slot;
use super::{Task, Tools};
use crate::error::WorkerError;
use crate::log::{Destination, partition_for_key};

impl Task {
    /// Carries out a command to merge or to split, or to erase an id that others may belong to, as far as that is this id's affair.
    pub(super) fn ask(&mut self, tools: &mut Tools<'_>, event: &Event) -> Result<(), WorkerError> {
        let Some(request) = Request::of(event) else {
            self.open.counts.unmatched += 1;
            return Ok(());
        };
        self.open.counts.sent_on += 1;
        self.open.counts.identity_request("asked");
        let refused = self.blocks.of(&event.contact).is_some_and(|block| block.refuses(event));
        let mut said = Said::default();
        if refused || tools.identities_topic.is_none() {
            self.open.counts.sent_on -= 1;
            if is_sighting(&request) {
                self.open.counts.erased += 1;
                self.open.counts.identity_request("erased");
                return Ok(());
            }
            said.answers.push((request, Answer::Erased));
            return self.say(tools, None, said);
        }
        let slot = self.load(tools.fold, &event.contact)?;
        self.touch(slot, tools.savepoints);
        if let Some(entry) = self.contacts.get_mut(slot) {
            entry.contact.ask(request, &mut said);
        }
        self.say(tools, Some(slot), said)
    }

    /// Sends an event on to the contact of the id that it was delivered to.
    pub(super) fn send_on(&mut self, tools: &mut Tools<'_>, to: &str, event: &Event) {
        self.open.counts.sent_on += 1;
        self.send(tools, to, &Message::Event(event.clone()));
    }

    fn send(&mut self, tools: &mut Tools<'_>, to: &str, message: &Message) {
        let Some(topic) = tools.identities_topic else { return };
        tools.value.clear();
        MessageWriter::default().write(message, tools.value);
        let partition = partition_for_key(to.as_bytes(), tools.options.tasks);
        let (key, value) = (Some(to.as_bytes()), Some(tools.value.as_slice()));
        self.open.outputs.push_to(topic, Destination::Partition(partition), key, value, &[], None);
    }

    /// Takes a message for an id.
    pub(super) fn receive(&mut self, tools: &mut Tools<'_>, to: &str, message: Message) -> Result<(), WorkerError> {
        let is_blocked = self.blocks.of(to).is_some_and(|block| block.from.is_none());
        match message {
            Message::Event(event) => {
                self.open.counts.identity_message("event");
                return self.receive_event(tools, to, &event);
            }
            Message::Part(part) => {
                self.open.counts.skipped += 1;
                self.receive_part(tools, to, part, is_blocked)?;
            }
            Message::Notice(notice) => {
                self.open.counts.identity_message("notice");
                let dead = self.open.counts.dead.iter().map(|(_, number)| number).sum::<u64>();
                self.receive_notice(tools, to, notice, is_blocked)?;
                // A record that is refused ends here, and its letter is counted.
                if self.open.counts.dead.iter().map(|(_, number)| number).sum::<u64>() == dead {
                    self.open.counts.skipped += 1;
                }
            }
        }
        self.tell(tools);
        Ok(())
    }

    fn receive_event(&mut self, tools: &mut Tools<'_>, to: &str, event: &Event) -> Result<(), WorkerError> {
        self.clock.saw_event(event.time);
        if self.blocks.of(to).is_some_and(|block| block.refuses(event)) {
            self.open.counts.erased += 1;
            return Ok(());
        }
        let slot = self.load(tools.fold, to)?;
        let Some(entry) = self.contacts.get(slot) else { return Ok(()) };
        match entry.contact.root().cloned() {
            None if entry.contact.has_id(&event.contact) => self.take(tools, slot, event)?,
            // Whoever the event was delivered to knows more by now.
            None => self.send_on(tools, &event.contact, event),
            Some(root) if *to == *event.contact => self.send_on(tools, &root, event),
            Some(_) => self.send_on(tools, &event.contact, event),
        }
        self.tell(tools);
        Ok(())
    }

    fn receive_part(
        &mut self,
        tools: &mut Tools<'_>,
        to: &str,
        part: Box<Part>,
        is_blocked: bool,
    ) -> Result<(), WorkerError> {
        let keeper = Arc::clone(&part.keeper);
        if !is_blocked {
            let slot = self.load(tools.fold, to)?;
            if let Some(root) = self.contacts.get(slot).and_then(|entry| entry.contact.root().cloned()) {
                self.send(tools, &root, &Message::Part(part));
                return Ok(());
            }
            self.touch_all(tools, slot);
            self.open.counts.identity_message(if part.parted { "split" } else { "merge" });
            let clock = self.clock.now();
            if let Some(entry) = self.contacts.get_mut(slot) {
                tools.fold.take_part(&mut entry.contact, *part, clock, tools.derived);
                self.timers.follow(slot, entry);
            }
            self.count_folded(tools);
        }
        self.send(tools, &keeper, &Message::Notice(Notice::Arrived));
        Ok(())
    }

    fn receive_notice(
        &mut self,
        tools: &mut Tools<'_>,
        to: &str,
        notice: Notice,
        is_blocked: bool,
    ) -> Result<(), WorkerError> {
        let id = Arc::from(to);
        let mut said = Said::default();
        let refuses = |request: &Request| self.blocks.of(to).is_some_and(|block| block.refuses_at(request.time));
        if is_blocked || matches!(&notice, Notice::Ask(request) if refuses(request)) {
            turn_back(&id, notice, &mut said);
            return self.say(tools, None, said);
        }
        let slot = self.load(tools.fold, to)?;
        self.touch(slot, tools.savepoints);
        let clock = self.clock.now();
        let mut parts = Vec::new();
        if matches!(notice, Notice::Change(_)) {
            self.touch_all(tools, slot);
        }
        let Some(entry) = self.contacts.get_mut(slot) else { return Ok(()) };
        let contact = &mut entry.contact;
        match notice {
            Notice::Ask(request) => contact.asked(request, &mut said),
            Notice::Join { request, other, handed } => contact.join(request, other, handed, &mut said),
            Notice::Keep(keeper) => contact.keep(*keeper, &mut said),
            Notice::KeptBy(keeper) => contact.be_kept_by(keeper, &mut said),
            Notice::Arrived => contact.part_arrived(&mut said),
            Notice::Erase { request, tells } => {
                self.erase_slot(tools, slot, &command_of(&request, &id), tells);
                return Ok(());
            }
            Notice::Change(change) => {
                let had_rows = !contact.is_blank();
                parts = tools.fold.change_identity(contact, &change, clock, tools.derived);
                // What is gone with all it had has no scores any more.
                if had_rows && contact.root().is_some() {
                    tools.encoder.erased(&id, &mut self.open.outputs);
                }
                self.timers.forget(slot, entry);
                self.timers.follow(slot, entry);
            }
        }
        self.count_folded(tools);
        for (to, part) in parts {
            self.send(tools, &to, &Message::Part(Box::new(part)));
        }
        self.say(tools, Some(slot), said)
    }

    /// Touches a contact whose past is about to become another one.
    fn touch_all(&mut self, tools: &mut Tools<'_>, slot: Slot) {
        self.touch(slot, tools.savepoints);
        if let Some(entry) = self.contacts.get_mut(slot)
            && let Some(undo) = &mut entry.undo
        {
            undo.make_whole(&entry.contact);
        }
    }

    /// Sends what was said, and sees to what has found its end.
    fn say(&mut self, tools: &mut Tools<'_>, slot: Option<Slot>, said: Said) -> Result<(), WorkerError> {
        for (to, notice) in said.notices {
            self.send(tools, &to, &Message::Notice(notice));
        }
        for (request, answer) in said.answers {
            self.open.counts.identity_request(match answer {
                Answer::Applied => "applied",
                Answer::Duplicate => "duplicate",
                Answer::Erased => "erased",
                Answer::Refused(_) => "refused",
            });
            let code = match (&request.asked, answer) {
                (_, Answer::Applied | Answer::Duplicate) | (Asked::Erase, _) => continue,
                // The event beside it was told of already.
                (Asked::Link(Link::Follow(..)), Answer::Erased) => continue,
                (Asked::Link(_), Answer::Erased) => "id_erased",
                (Asked::Link(_), Answer::Refused(Refusal::TooManyIds)) => "too_many_ids",
                (Asked::Link(_), Answer::Refused(Refusal::TooManyLinks)) => "too_many_links",
            };
            self.open.counts.dead(code);
            tools.encoder.refused(&request, code, &mut self.open.outputs);
        }
        if let (Some(slot), Some((request, tells))) = (slot, said.erases) {
            let id = self.contacts.get(slot).map(|entry| Arc::clone(&entry.contact.id));
            if let Some(id) = id {
                self.erase_slot(tools, slot, &command_of(&request, &id), tells);
            }
        }
        Ok(())
    }
}

/// Whether an id was only seen: most of what is seen is seen again and again, and is worth no letter each time.
fn is_sighting(request: &Request) -> bool {
    matches!(request.asked, Asked::Link(Link::Follow(..)))
}

/// The command to erase an id, of a request to erase the contact that it belongs to.
fn command_of(request: &Request, id: &str) -> Event {
    let mut event = Event { contact: id.to_owned(), uid: request.uid, time: request.time, ..Event::default() };
    (event.kind, event.clamped) = (EventKind::Erase, request.clamped);
    event
}
