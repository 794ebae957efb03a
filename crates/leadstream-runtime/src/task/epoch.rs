//! The open epoch of a task: what it touched, will produce and will count. Thrown away as a whole where its commit fails.

use std::collections::BTreeMap;

use leadstream_core::{Fault, Outcome, Reached, Word};

use super::cache::Slot;
use crate::options::EpochLimits;
use crate::output::OutputBuffer;
use crate::plans::TaskPlans;

/// What became of the deliveries of an epoch (L5); they count once it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EpochCounts {
    /// Records consumed.
    pub(crate) records: u64,
    pub(crate) applied: u64,
    pub(crate) unmatched: u64,
    pub(crate) duplicate: u64,
    pub(crate) suppressed: u64,
    pub(crate) too_late: u64,
    /// Events of ids that were erased.
    pub(crate) erased: u64,
    /// Records that configuration leaves out.
    pub(crate) skipped: u64,
    /// Records of the runtime itself: how far sources are.
    pub(crate) watermarks: u64,
    /// Events written to the re-keyed topic.
    pub(crate) rekeyed: u64,
    /// Dead letters by code.
    pub(crate) dead: Vec<(&'static str, u64)>,
    /// Events and requests sent on to other ids.
    pub(crate) sent_on: u64,
    /// Requests to merge, to part, or to erase a contact of several ids: what became of them; `asked` when they came.
    pub(crate) identity_requests: Vec<(&'static str, u64)>,
    /// Messages between ids that were taken, by what they bring.
    pub(crate) identity_messages: Vec<(&'static str, u64)>,
    /// Derived events by kind.
    pub(crate) derived: Vec<(&'static str, u64)>,
    /// Contacts that the clock stepped.
    pub(crate) timers: u64,
    /// Contacts written back.
    pub(crate) written_back: u64,
    /// What contacts let go of because they may keep only so much.
    pub(crate) reached: Reached,
    /// Rules that did not fire because an expression of theirs had no value: plan, rule, and why.
    pub(crate) faults: BTreeMap<(Word, Word, &'static str), u64>,
}

impl EpochCounts {
    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Applied => &mut self.applied,
            Outcome::Unmatched => &mut self.unmatched,
            Outcome::Duplicate => &mut self.duplicate,
            Outcome::Suppressed => &mut self.suppressed,
            Outcome::TooLate => &mut self.too_late,
        };
        *counter += 1;
    }

    pub(crate) fn dead(&mut self, code: &'static str) {
        count(&mut self.dead, code);
    }

    pub(crate) fn derived(&mut self, kind: &'static str) {
        count(&mut self.derived, kind);
    }

    pub(crate) fn identity_request(&mut self, outcome: &'static str) {
        count(&mut self.identity_requests, outcome);
    }

    pub(crate) fn identity_message(&mut self, kind: &'static str) {
        count(&mut self.identity_messages, kind);
    }

    pub(crate) fn fault(&mut self, fault: &Fault) {
        *self.faults.entry((fault.plan, fault.rule, fault.error.as_str())).or_default() += 1;
    }

    /// Events that reached the fold.
    pub(crate) fn folded(&self) -> u64 {
        self.applied + self.unmatched + self.duplicate + self.suppressed + self.too_late
    }
}

fn count(counters: &mut Vec<(&'static str, u64)>, name: &'static str) {
    match counters.iter_mut().find(|(known, _)| *known == name) {
        Some((_, number)) => *number += 1,
        None => counters.push((name, 1)),
    }
}

/// The open epoch of a task.
#[derive(Debug, Default)]
pub(crate) struct OpenEpoch {
    /// Contacts touched, in order of their first touch.
    pub(crate) touched: Vec<Slot>,
    /// Contacts erased, out of reach in their slots.
    pub(crate) erased: Vec<Slot>,
    /// What it will produce beside state.
    pub(crate) outputs: OutputBuffer,
    pub(crate) counts: EpochCounts,
    /// Contacts touched by their timers first.
    pub(crate) fired: usize,
    /// Records were consumed.
    pub(crate) consumed: bool,
    /// The plan sets that the task is under once the epoch is committed, where it takes one up; then it does nothing else.
    pub(crate) plans: Option<TaskPlans>,
}

impl OpenEpoch {
    /// Whether there is anything to commit.
    pub(crate) fn is_empty(&self) -> bool {
        !self.consumed && self.touched.is_empty() && self.outputs.is_empty() && self.plans.is_none()
    }

    /// Whether it is as large as it may be, and has to be committed before it takes in more.
    pub(crate) fn is_full(&self, limits: &EpochLimits) -> bool {
        self.counts.records as usize >= limits.events
            || self.touched.len() >= limits.contacts
            || self.fired >= limits.timers_in_epoch
            || self.outputs.size_bytes() >= limits.output_bytes
    }

    /// Whether it takes anything in: input, the time, plans. Contacts that are written back beside it do not count.
    pub(crate) fn gets_on(&self) -> bool {
        self.consumed || !self.touched.is_empty() || self.plans.is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        self.erased.clear();
        self.outputs.clear();
        self.counts = EpochCounts::default();
        self.fired = 0;
        self.consumed = false;
        self.plans = None;
    }
}
