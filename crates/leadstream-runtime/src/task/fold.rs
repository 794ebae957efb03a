//! Folding: records and timers into the contacts of the open epoch.

use leadstream_core::{Event, EventKind, Outcome, Timestamp};
use leadstream_store::DueEntry;

use super::cache::Slot;
use super::inputs::Content;
use super::undo::{Savepoints, Undo};
use super::watermarks::sources;
use super::{Task, Tools};
use crate::codec::{DeadLetter, Watermark};
use crate::error::WorkerError;
use crate::log::{Destination, Header, partition_for_key};

/// Records that are folded in one go, their contacts read in one go before.
const BATCH: usize = 256;

impl Task {
    /// Whether the task folds now. An epoch that takes plans up does nothing else.
    pub(crate) fn folds(&self) -> bool {
        self.is_running() && self.open.plans.is_none()
    }

    /// Whether it could fold, and waits for a partition that has nothing yet.
    pub(crate) fn waits_for_input(&self) -> bool {
        self.folds() && self.order.is_waiting()
    }

    /// Folds a batch of what was decoded, in order, at most `limit` records, where the epoch has room: a few letters or late events may fill one that
    /// has room for many records. Returns how many.
    pub(crate) fn fold_batch(&mut self, tools: &mut Tools<'_>, limit: usize) -> Result<usize, WorkerError> {
        if limit == 0 || self.open.is_full(&tools.options.epoch) {
            return Ok(0);
        }
        let mut chosen = std::mem::take(&mut self.chosen);
        let wait_ms = tools.options.order_wait_ms;
        self.order.choose(&self.inputs, BATCH.min(limit), tools.now_ms, wait_ms, &mut chosen);
        if !chosen.is_empty() {
            self.prefetch_chosen(tools, &chosen)?;
            for queue in &chosen {
                self.take_item(tools, *queue)?;
            }
            self.open.consumed = true;
            self.folded_at_ms = tools.now_ms;
        }
        let folded = chosen.len();
        self.chosen = chosen;
        Ok(folded)
    }

    /// Brings the contacts of the next events near: out of the store into memory, out of memory into the processor's caches.
    fn prefetch_chosen(&mut self, tools: &Tools<'_>, chosen: &[usize]) -> Result<(), WorkerError> {
        let (mut missing, mut warmed) = (Vec::new(), 0);
        for (index, queue) in self.inputs.iter().enumerate().filter(|(_, queue)| !queue.is_rekeyed()) {
            let items = chosen.iter().filter(|chosen| **chosen == index).count();
            for contact in queue.contacts(items) {
                match self.contacts.find(contact).and_then(|slot| self.contacts.get(slot)) {
                    Some(entry) => warmed ^= entry.contact.warm(),
                    None => missing.push(contact.to_owned()),
                }
            }
        }
        // What was touched is of no use, but touching it must not be optimised away.
        std::hint::black_box(warmed);
        if missing.is_empty() { Ok(()) } else { self.prefetch(tools.fold, missing) }
    }

    fn take_item(&mut self, tools: &mut Tools<'_>, index: usize) -> Result<(), WorkerError> {
        let queue = &mut self.inputs[index];
        let Some(item) = queue.items.pop_front() else { return Ok(()) };
        let is_rekeyed = queue.is_rekeyed();
        queue.next_offset = item.offset + 1;
        self.open.counts.records += 1;
        match item.content {
            Content::Skipped => self.open.counts.skipped += 1,
            Content::Watermarks(watermarks) => {
                self.open.counts.watermarks += 1;
                for watermark in &watermarks {
                    self.clock.saw_watermark(watermark);
                }
            }
            Content::DeadLetter(letter) => self.bury(&letter),
            Content::Message(message) => {
                let (to, message) = *message;
                self.receive(tools, &to, message)?;
            }
            Content::Events(count) => {
                for _ in 0..count {
                    let Some(event) = self.inputs[index].pop_event() else { break };
                    if is_rekeyed {
                        self.rekey(tools, index, &event, item.timestamp_ms);
                    } else {
                        self.apply(tools, &event)?;
                    }
                    self.inputs[index].recycle(event);
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, tools: &mut Tools<'_>, event: &Event) -> Result<(), WorkerError> {
        match event.kind {
            EventKind::Erase => self.erase(tools, event)?,
            EventKind::Reinstate => self.reinstate(event),
            EventKind::Merge | EventKind::Split => self.ask(tools, event)?,
            EventKind::Link if tools.identities_topic.is_some() => self.ask(tools, event)?,
            _ if self.refuse_erased(event) => {}
            _ => {
                let slot = self.load(tools.fold, &event.contact)?;
                match self.contacts.get(slot).and_then(|entry| entry.contact.root().cloned()) {
                    None => self.take(tools, slot, event)?,
                    Some(root) => self.send_on(tools, &root, event),
                }
            }
        }
        self.clock.saw_event(event.time);
        self.tell(tools);
        Ok(())
    }

    /// Folds an event into the contact of the id that it was delivered to.
    pub(super) fn take(&mut self, tools: &mut Tools<'_>, slot: Slot, event: &Event) -> Result<(), WorkerError> {
        self.touch(slot, tools.savepoints);
        let Some(entry) = self.contacts.get_mut(slot) else { return Ok(()) };
        let sight = tools.fold.look(&entry.contact, event, self.clock.now());
        if let Some(undo) = &mut entry.undo {
            undo.prepare(&entry.contact, sight.past());
        }
        let outcome = tools.fold.take(&mut entry.contact, event, sight, self.clock.now(), tools.derived);
        entry.contact.delivered(event.uid, &event.contact, outcome != Outcome::Duplicate);
        self.timers.follow(slot, entry);
        self.open.counts.outcome(outcome);
        self.count_folded(tools);
        Ok(())
    }

    pub(super) fn count_folded(&mut self, tools: &mut Tools<'_>) {
        tools.fold.take_faults().for_each(|fault| self.open.counts.fault(&fault));
        if let Some(reached) = tools.fold.take_reached() {
            self.open.counts.reached.merge(&reached);
        }
    }

    /// Marks a contact as touched by the open epoch and keeps what undoes it.
    pub(super) fn touch(&mut self, slot: Slot, savepoints: &mut Savepoints) {
        let Some(entry) = self.contacts.get_mut(slot) else { return };
        if entry.undo.is_none() {
            let is_new = !entry.stored && entry.dirty_since.is_none();
            entry.undo = Some(Undo::before(&mut entry.contact, is_new, savepoints));
            self.open.touched.push(slot);
        }
    }

    pub(super) fn tell(&mut self, tools: &mut Tools<'_>) {
        for event in tools.derived.drain(..) {
            self.open.counts.derived(event.kind.as_str());
            tools.encoder.derived(&event, &mut self.open.outputs);
        }
    }

    fn bury(&mut self, letter: &DeadLetter) {
        self.open.counts.dead(letter.code);
        let headers: Vec<Header<'_>> =
            letter.record.headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let (key, value) = (letter.record.key.as_deref(), letter.record.value.as_deref());
        self.open.outputs.push_to(letter.topic, Destination::ByKey, key, value, &headers, None);
    }

    /// Hands an event on to the task of its contact.
    fn rekey(&mut self, tools: &mut Tools<'_>, index: usize, event: &Event, timestamp_ms: i64) {
        let queue = &mut self.inputs[index];
        queue.stream = queue.stream.max(event.time);
        self.open.counts.rekeyed += 1;
        tools.value.clear();
        tools.encoder.rekeyed(event, tools.value);
        let partition = partition_for_key(event.contact.as_bytes(), tools.options.tasks);
        let (key, value) = (Some(event.contact.as_bytes()), Some(tools.value.as_slice()));
        // The time the source recorded stays: a reader orders by it.
        let time = Some(timestamp_ms);
        self.open.outputs.push_to(tools.rekeyed_topic, Destination::Partition(partition), key, value, &[], time);
    }

    /// Writes how far the sources of this task are into every partition of the re-keyed topic, where it is time to.
    pub(crate) fn write_watermarks(&mut self, tools: &mut Tools<'_>, wall: Timestamp) {
        let options = tools.options;
        let is_due = || self.pace.is_due(sources(&self.inputs), tools.now_ms, options.watermark_interval_ms);
        if options.topics.rekeyed.is_none() || !is_due() {
            return;
        }
        let mut watermarks = Vec::new();
        for queue in self.inputs.iter().filter(|queue| queue.is_rekeyed()) {
            let mut clock = super::clock::TaskClock::new([]);
            clock.saw_event(queue.stream);
            clock.tick(tools.options.clock, wall, queue.caught_up && queue.items.is_empty());
            if clock.now() > Timestamp::MIN {
                let topic = tools.options.inputs[queue.input].topic.clone();
                watermarks.push(Watermark { topic, partition: queue.partition, time: clock.now() });
            }
        }
        if watermarks.is_empty() {
            return;
        }
        let pauses = (options.watermark_interval_ms, options.watermark_idle_interval_ms);
        self.pace.wrote(sources(&self.inputs), tools.now_ms, pauses);
        tools.value.clear();
        tools.encoder.watermarks(&watermarks, tools.value);
        for partition in 0..tools.options.tasks {
            let value = Some(tools.value.as_slice());
            let time = Some(wall.millis());
            self.open.outputs.push_to(tools.rekeyed_topic, Destination::Partition(partition), None, value, &[], time);
        }
    }

    /// Fires the timers that the clock has passed: of as many contacts as a step may, and as the open epoch has room for. However full of input the
    /// epoch is, some are fired.
    pub(crate) fn fire_timers(&mut self, tools: &mut Tools<'_>) -> Result<usize, WorkerError> {
        let limits = tools.options.epoch;
        let limit = limits.timers.min(limits.timers_in_epoch.saturating_sub(self.open.fired));
        let mut fired = 0;
        while fired < limit {
            if fired > 0 && self.open.is_full(&limits) {
                return Ok(fired);
            }
            let Some(slot) = self.timers.pop_memory(self.clock.now()) else { break };
            if let Some(entry) = self.contacts.get_mut(slot) {
                entry.indexed_due = None;
            }
            let touched = self.open.touched.len();
            self.fire(tools, slot);
            fired += 1;
            self.open.fired += self.open.touched.len() - touched;
        }
        while fired < limit && !(fired > 0 && self.open.is_full(&limits)) {
            let page = self.timers.page(&self.store, self.clock.now(), limit - fired)?;
            if page.is_empty() {
                break;
            }
            fired += page.len();
            let touched = self.open.touched.len();
            for entry in page {
                self.fire_stored(tools, entry)?;
            }
            self.open.fired += self.open.touched.len() - touched;
        }
        Ok(fired)
    }

    /// An entry of the store's index has come due.
    fn fire_stored(&mut self, tools: &mut Tools<'_>, due: DueEntry) -> Result<(), WorkerError> {
        let slot = self.load(tools.fold, &due.contact)?;
        let clock = self.clock.now();
        let Some(entry) = self.contacts.get(slot) else { return Ok(()) };
        if !entry.stored && entry.dirty_since.is_none() && entry.undo.is_none() {
            // The contact is gone, only its entry is still there.
            self.timers.mislead(due);
            return Ok(());
        }
        let next_due = entry.contact.next_due;
        let is_own_entry = entry.stored_due == Some(due.due);
        let has_later_entry =
            entry.stored_due.is_some_and(|stored| stored > clock && next_due.is_none_or(|next| stored <= next));
        let follows_memory = entry.dirty_since.is_some() || entry.undo.is_some();
        if !is_own_entry {
            self.timers.mislead(due);
        }
        if !follows_memory && (is_own_entry || !has_later_entry) {
            // Due, or its entry has to move, which the write-back does.
            self.fire(tools, slot);
        }
        Ok(())
    }

    /// Fires what is due of a contact; one that is not due is written back with its entry where it belongs.
    pub(super) fn fire(&mut self, tools: &mut Tools<'_>, slot: Slot) {
        let Some(entry) = self.contacts.get(slot) else { return };
        let clock = self.clock.now();
        let is_dirty = entry.dirty_since.is_some() || entry.undo.is_some();
        if is_dirty && entry.contact.next_due.is_none_or(|due| due > clock) {
            // Only its entry was early.
            if let Some(entry) = self.contacts.get_mut(slot) {
                self.timers.follow(slot, entry);
            }
            return;
        }
        self.touch(slot, tools.savepoints);
        let Some(entry) = self.contacts.get_mut(slot) else { return };
        if tools.fold.rewrites(&entry.contact, clock)
            && let Some(undo) = &mut entry.undo
        {
            undo.make_whole(&entry.contact);
        }
        if tools.fold.advance(&mut entry.contact, clock, tools.derived) {
            self.open.counts.timers += 1;
        }
        self.timers.follow(slot, entry);
        self.count_folded(tools);
        self.tell(tools);
    }
}
