//! Rows that leave a contact for its base: too old, too many, or too much (S6).
//!
//! Departing changes no score and tells nothing: the base takes the steps that the contact took. What leaves is judged by the contact's events alone,
//! after each of them.

use std::sync::Arc;

use crate::contact::{
    Base, Cause, Contact, Contribution, FactStatistics, SharedList, State, depart_verdict, judgement_of_row,
};
use crate::event::Event;
use crate::fold::step::Stepper;
use crate::fold::{Bound, FactCaches, Fold, facts, timers};
use crate::id::Uid;
use crate::time::Timestamp;
use crate::timeline::InForce;

/// What a booking counts in [`HistoryLimits::bytes`]: at least what its stored form takes.
pub const BOOKING_BYTES: usize = 40;

/// What a step over a base sees of history.
#[derive(Clone, Copy)]
struct BaseSight<'a> {
    /// The place of the departing row.
    at: usize,
    /// What departed before.
    departed: &'a SharedList<FactStatistics>,
    caches: &'a FactCaches,
}

impl Fold {
    /// Lets rows go into the base, oldest first, that are beyond the horizon, too many, or too much (S6).
    pub(super) fn depart(&mut self, contact: &mut Contact) {
        let Some(newest) = contact.rows.last().map(|row| row.time) else { return };
        let rows = contact.rows.as_slice();
        let is_old = contact.rows.oldest().is_some_and(|oldest| oldest < newest - self.limits.horizon);
        let old = if is_old { rows.partition_point(|row| row.time < newest - self.limits.horizon) } else { 0 };
        let many = rows.len().saturating_sub(self.limits.rows);
        let much = self.rows_too_much(contact, newest);
        self.buffers.reached.add(Bound::RowBytes, much.saturating_sub(old.max(many)));
        self.depart_oldest(contact, old.max(many).max(much));
        // Bookings whose step is not known for sure may still be there.
        loop {
            let more = self.rows_too_much(contact, newest);
            if more == 0 {
                return;
            }
            self.buffers.reached.add(Bound::RowBytes, more);
            self.depart_oldest(contact, more);
        }
    }

    /// How many of the oldest rows have to leave, with what was booked up to each, for the rest to be within the limit of bytes.
    ///
    /// What was booked after the newest row does not count: how far timers have fired behind it is the clock's affair, and what is too late is not.
    fn rows_too_much(&self, contact: &Contact, newest: Timestamp) -> usize {
        let booked = contact.ledger.as_slice();
        let mut bytes = contact.rows.total_bytes() + booked.len() * BOOKING_BYTES;
        if bytes <= self.limits.bytes {
            return 0;
        }
        bytes -= booked.iter().rev().take_while(|booking| booking.time > newest).count() * BOOKING_BYTES;
        let mut booked = booked.iter().peekable();
        let mut count = 0;
        for row in contact.rows.as_slice() {
            if bytes <= self.limits.bytes {
                break;
            }
            bytes -= contact.rows.size_bytes(count);
            while booked.next_if(|booking| is_booked_by(booking, row.order())).is_some() {
                bytes -= BOOKING_BYTES;
            }
            count += 1;
        }
        count
    }

    pub(super) fn depart_oldest(&mut self, contact: &mut Contact, count: usize) {
        if count == 0 {
            return;
        }
        // A copy of its own where a savepoint holds the base too: once in an epoch.
        let (mut base, mut verdicts) = match contact.base.take().map(Arc::unwrap_or_clone) {
            Some(Base { state, verdicts, .. }) => (state, verdicts),
            None => (State::default(), Vec::new()),
        };
        // The steps of the live fold, with the same rows in sight: what had departed before is in the statistics, what departs now is still a row.
        let before = base.facts.clone();
        let caches = FactCaches::default();
        let mut row = std::mem::take(&mut self.row);
        let (reached, told) = (self.buffers.reached, self.buffers.faults.len());
        for at in 0..count {
            contact.rows.load(at, &contact.id, &mut row);
            row.verdict = contact.judged.verdict(row.uid, row.verdict);
            self.step_base(contact, &mut base, &row, BaseSight { at, departed: &before, caches: &caches });
        }
        self.row = row;
        // These steps were taken, and counted, before.
        self.buffers.reached = reached;
        self.buffers.faults.truncate(told);
        for at in 0..count {
            let time = contact.rows.as_slice()[at].time;
            let plans = self.timeline.view(contact.recomputed).from(time).flat_map(|in_force| in_force.plans.plans());
            facts::depart(&mut base, &contact.rows, at, &contact.judged, plans, &mut self.buffers.reached);
            if let Some(judgement) = judgement_of_row(&contact.rows, at) {
                let forgotten = depart_verdict(&mut verdicts, judgement);
                self.buffers.reached.add(Bound::Verdicts, forgotten);
            }
        }
        let boundary = contact.rows.as_slice()[count - 1].order();
        let booked = base.booked - contact.ledger.first;
        contact.ledger.lose(usize::try_from(booked).unwrap_or(usize::MAX), base.booked);
        contact.rows.lose(count);
        contact.state.facts = base.facts.clone();
        contact.checkpoints.depart(count, boundary.0, &base.facts);
        contact.base = Some(Arc::new(Base { boundary, state: base, verdicts }));
        if !contact.judged.is_empty() {
            contact.judge_anew();
        }
    }

    /// Steps a departing row, and the timers before it, over the base: sums only, since its bookings leave the ledger.
    fn step_base(&mut self, contact: &mut Contact, base: &mut State, row: &Event, sight: BaseSight<'_>) {
        while let Some(timer) = timers::next_timer(self.view(contact), base, &contact.rules) {
            if timer.due > row.time {
                break;
            }
            let in_force = self.in_force_for(contact, timer, base.plans_since);
            self.base_stepper(contact, base, &in_force, sight, sight.at).timer(timer);
        }
        let in_force = Arc::clone(self.view(contact).at(row.time));
        self.base_stepper(contact, base, &in_force, sight, sight.at + 1).event(row);
    }

    fn base_stepper<'a>(
        &'a mut self,
        contact: &'a mut Contact,
        base: &'a mut State,
        in_force: &'a InForce,
        sight: BaseSight<'a>,
        visible: usize,
    ) -> Stepper<'a> {
        Stepper {
            contact: &contact.id,
            in_force,
            plans: &in_force.plans,
            horizon: self.limits.horizon,
            departed: sight.departed.clone(),
            judged: &contact.judged,
            state: base,
            rules: &mut contact.rules,
            ledger: None,
            rows: &contact.rows,
            caches: sight.caches,
            visible,
            buffers: &mut self.buffers,
        }
    }
}

/// Whether a booking was made by the step of a row, or before it; true also where that may be.
fn is_booked_by(booking: &Contribution, row: (Timestamp, Uid)) -> bool {
    match booking.cause {
        Cause::Timer | Cause::Window(_) => booking.time <= row.0,
        Cause::Event(uid) => (booking.time, uid) <= row,
        // By the step of some event of that instant: by the first of them at the earliest.
        Cause::Held(_) => booking.time <= row.0,
    }
}
