//! Folding a contact anew, silently, from a state before what has changed, and correcting what was told (S40, S41).

use std::sync::Arc;

use crate::contact::Contact;
use crate::derived::{DerivedCause, DerivedEvent, Mark};
use crate::event::Event;
use crate::fold::{Fold, Reached, event_cause, step};
use crate::id::Uid;
use crate::time::Timestamp;

impl Fold {
    /// A command ordered before a step already taken (S40): the contact is folded anew behind its first `from` rows, silently, and
    /// corrected. The event's row is in place.
    pub(super) fn apply_late(
        &mut self,
        contact: &mut Contact,
        event: &Event,
        from: usize,
        clock: Timestamp,
        out: &mut Vec<DerivedEvent>,
    ) -> usize {
        let before = contact.state.tau.unwrap_or(event.time);
        contact.cuts += 1;
        let fired = self.refold(contact, from, before.max(clock), Some(event.uid));
        never_back(contact, before);
        let mut marks = self.marks.clone();
        marks.push(Mark::Late);
        if event.clamped {
            marks.push(Mark::Clamped);
        }
        self.correct(contact, event_cause(event), event.time, marks, out);
        fired
    }

    /// Folds the whole contact anew, silently, and corrects what was told.
    pub(super) fn refold_and_correct(
        &mut self,
        contact: &mut Contact,
        clock: Timestamp,
        cause: DerivedCause,
        mark: Mark,
        out: &mut Vec<DerivedEvent>,
    ) {
        let before = contact.state.tau.unwrap_or(clock);
        contact.rewrites += 1;
        contact.checkpoints.clear();
        self.refold(contact, 0, before.max(clock), None);
        never_back(contact, before);
        let mut marks = self.marks.clone();
        marks.extend([Mark::Late, mark]);
        let changed = match &cause {
            DerivedCause::Event { time, .. } => *time,
            DerivedCause::Timer { due, .. } => *due,
        };
        self.correct(contact, cause, changed, marks, out);
    }

    /// Folds the rows anew, behind the first `from`, at which a checkpoint or the base is; then fires timers up to an instant. Nothing is announced.
    /// Returns how many rules fired for the event `watched`.
    pub(super) fn refold(
        &mut self,
        contact: &mut Contact,
        from: usize,
        until: Timestamp,
        watched: Option<Uid>,
    ) -> usize {
        self.resume(contact, from);
        let mut row = std::mem::take(&mut self.row);
        let mut watched_fired = 0;
        let (mut reached, mut told) = (self.buffers.reached, self.buffers.faults.len());
        for at in from..contact.rows.len() {
            contact.rows.load(at, &contact.id, &mut row);
            row.verdict = contact.judged.verdict(row.uid, row.verdict);
            self.fire_silently(contact, row.time);
            self.buffers.reached = Reached::default();
            self.buffers.faults.truncate(told);
            let in_force = Arc::clone(self.view(contact).at(row.time));
            let mut stepper = step::stepper(contact, &in_force, self.limits.horizon, at + 1, &mut self.buffers);
            let fired = stepper.event(&row);
            self.note_edges();
            if watched == Some(row.uid) {
                watched_fired = fired;
                reached.merge(&self.buffers.reached);
                told = self.buffers.faults.len();
            }
            self.keep_checkpoint(contact, at + 1);
        }
        contact.checkpoints.thin(contact.rows.len(), self.nearest_checkpoint());
        self.row = row;
        self.fire_silently(contact, until);
        self.buffers.reached = reached;
        self.buffers.faults.truncate(told);
        watched_fired
    }

    /// Takes the contact back to the state that has stepped its first `from` rows.
    fn resume(&mut self, contact: &mut Contact, from: usize) {
        contact.checkpoints.forget_after(from);
        contact.ledger.cut(contact.checkpoints.booked_at(from));
        contact.facts.forget_after(&contact.rows, from);
        self.noted.clear();
        match contact.checkpoints.at(from) {
            Some(checkpoint) => {
                contact.state.copy_from(&checkpoint.state);
                self.noted.extend_from_slice(&checkpoint.removed_tags);
            }
            None => contact.state = contact.base.as_ref().map(|base| base.state.clone()).unwrap_or_default(),
        }
    }

    /// Keeps the state of the silent fold where a later event that is about as late as this could be folded from it.
    fn keep_checkpoint(&self, contact: &mut Contact, stepped: usize) {
        let (rows, nearest) = (contact.rows.len(), self.nearest_checkpoint());
        let behind = rows - stepped;
        if rows >= self.checkpoints_from_rows && behind.is_multiple_of(nearest) && (behind / nearest).is_power_of_two()
        {
            contact.checkpoints.keep(stepped, &contact.state, &self.noted);
        }
    }

    /// How many rows lie behind the newest checkpoint when it is made.
    fn nearest_checkpoint(&self) -> usize {
        (self.checkpoints_from_rows / 8).max(1)
    }

    fn fire_silently(&mut self, contact: &mut Contact, until: Timestamp) {
        while let Some(timer) = self.next_due(contact, until) {
            let in_force = self.in_force_for(contact, timer, contact.state.plans_since);
            self.step_timer(contact, timer, &in_force);
            self.note_edges();
        }
    }

    /// Remembers the last change of each subject in a silent fold, for the correction after it.
    fn note_edges(&mut self) {
        for edge in self.buffers.edges.drain(..) {
            match self.noted.iter_mut().find(|known| known.subject == edge.subject) {
                Some(known) => *known = edge,
                None => self.noted.push(edge),
            }
        }
    }
}

/// Keeps the latest instant stepped where the new fold ended before it: it never goes back (S1).
pub(super) fn never_back(contact: &mut Contact, before: Timestamp) {
    contact.state.tau = contact.state.tau.max(Some(before));
}
