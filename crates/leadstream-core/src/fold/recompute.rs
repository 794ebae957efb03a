//! Recomputing (S46): a contact is folded anew, all that it has under other plans, and what was told is corrected.
//!
//! What has left the horizon cannot be folded anew: its base stays what it is, and is under the other plans from its boundary on.

use crate::contact::Contact;
use crate::derived::{DerivedCause, DerivedEvent, Mark, TimerKind};
use crate::fold::refold::never_back;
use crate::fold::{Fold, step};
use crate::time::Timestamp;
use crate::timeline::Recompute;

impl Fold {
    /// Whoever has nothing yet is under what was decided last.
    pub(super) fn begin(&self, contact: &mut Contact) {
        if contact.state.tau.is_none() {
            contact.recomputed = self.timeline.recomputed();
        }
    }

    /// The next recompute that the contact has to go through. One that has nothing goes through none.
    pub(super) fn next_recompute(&self, contact: &Contact) -> Option<Recompute> {
        contact.state.tau.and_then(|_| self.timeline.next_recompute(contact.recomputed))
    }

    /// The same, where it is due by an instant, or lies before a step that was taken without it.
    pub(super) fn recompute_by(&self, contact: &Contact, instant: Timestamp) -> Option<Recompute> {
        self.next_recompute(contact).filter(|recompute| Some(recompute.at) <= contact.state.tau.max(Some(instant)))
    }

    /// Whether firing the contact's timers up to an instant rewrites its past: a change of plans lies before a step taken without it, or a recompute
    /// is due.
    pub fn rewrites(&self, contact: &Contact, until: Timestamp) -> bool {
        self.recompute_by(contact, until).is_some() || self.missed_plan_change(contact)
    }

    /// Folds the contact anew up to the recompute's instant, or the last one stepped if that is later, and corrects what was told.
    pub(super) fn recompute(&mut self, contact: &mut Contact, recompute: Recompute, out: &mut Vec<DerivedEvent>) {
        let before = contact.state.tau.unwrap_or(recompute.at);
        self.leave_base(contact, recompute.at);
        contact.recomputed = Some(recompute.at);
        contact.rewrites += 1;
        contact.checkpoints.clear();
        contact.facts.clear();
        let until = before.max(recompute.at);
        self.refold(contact, 0, until, None);
        never_back(contact, until);
        let cause = DerivedCause::Timer { kind: TimerKind::PlanChange, rule: None, due: recompute.at };
        if recompute.silent {
            self.correct_in_silence(contact, cause, recompute.at);
        } else {
            let mut marks = self.marks.clone();
            marks.push(Mark::Recompute);
            self.correct(contact, cause, recompute.at, marks, out);
        }
        self.refresh(contact);
    }

    /// Puts the other plans in force behind the base, by a step that nobody is told of.
    fn leave_base(&mut self, contact: &mut Contact, at: Timestamp) {
        let Some(mut base) = contact.base.take() else { return };
        let instant = base.state.plans_since.unwrap_or(base.boundary.0);
        let before = self.view(contact).at(instant).plans.clone();
        let in_force = self.timeline.view(Some(at)).at(Timestamp::MIN).clone();
        let boundary = base.boundary.0;
        let behind = std::sync::Arc::make_mut(&mut base);
        std::mem::swap(&mut contact.state, &mut behind.state);
        step::stepper(contact, &in_force, self.limits.horizon, 0, &mut self.buffers).follow(&before, boundary);
        std::mem::swap(&mut contact.state, &mut behind.state);
        contact.base = Some(base);
    }
}
