//! What goes wrong in the model, and when: as scripted by a test, or drawn from a seed that a test gives.
//!
//! Owns the choice; the handles carry it out. It has no randomness of its own: equal seeds and equal calls give equal faults.

use std::collections::VecDeque;

/// A call that can meet a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// [`Membership::poll`](crate::log::Membership::poll), by instance id.
    Poll,
    /// [`Reader::read`](crate::log::Reader::read), by the reader's name.
    Read,
    /// [`Log::open_producer`](crate::log::Log::open_producer) and [`Producer::reopen`](crate::log::Producer::reopen), by transactional id.
    Open,
    /// [`Producer::begin`](crate::log::Producer::begin), by transactional id.
    Begin,
    /// [`Producer::produce`](crate::log::Producer::produce), by transactional id.
    Produce,
    /// [`Producer::commit`](crate::log::Producer::commit), by transactional id.
    Commit,
    /// [`Producer::commit_without_offsets`](crate::log::Producer::commit_without_offsets), by transactional id.
    CommitWithoutOffsets,
    /// [`Producer::abort`](crate::log::Producer::abort) of an open transaction, by transactional id.
    Abort,
    /// [`Log::committed`](crate::log::Log::committed), by group.
    Committed,
    /// The other questions and orders to the cluster, by nobody: bounds, offsets_for_times, delete_before, describe, create.
    Admin,
}

/// What became of a request whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// It was carried out.
    Applied,
    /// It never arrived.
    Lost,
    /// It is still under way: [`ModelLog::deliver_delayed`](super::ModelLog::deliver_delayed) lets it arrive, unless the producer was reopened before.
    Delayed,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// At any call: the cluster is not reached. `Retry` where the call has it; nothing at polls and reads; records wait in the producer;
    /// commit and abort never arrive and have an unknown outcome.
    Unavailable,
    /// At produce and commits: `AbortAndRewind`.
    Refused,
    /// At commit: `AbortAndAwaitAssignment`, and the group rebalances.
    Outdated,
    /// At commit and poll: the session has expired just before, and the member has lost its tasks.
    Expelled,
    /// At commits and abort: `UnknownOutcome`.
    Unknown(Fate),
    /// At commits: `Ok`, but the markers are late: nothing is visible and the offsets are unstable until the producer is used again, time
    /// passes, or [`ModelLog::write_markers`](super::ModelLog::write_markers).
    LateMarkers,
    /// At poll: a rebalance starts just before.
    Rebalance,
}

impl Fault {
    /// True where the fault can happen at the call.
    pub fn fits(self, call: Call) -> bool {
        use Call::{Abort, Commit, CommitWithoutOffsets, Poll, Produce};
        match self {
            Self::Unavailable => true,
            Self::Refused => matches!(call, Produce | Commit | CommitWithoutOffsets),
            Self::Outdated => call == Commit,
            Self::Expelled => matches!(call, Commit | Poll),
            Self::Unknown(_) => matches!(call, Commit | CommitWithoutOffsets | Abort),
            Self::LateMarkers => matches!(call, Commit | CommitWithoutOffsets),
            Self::Rebalance => call == Poll,
        }
    }
}

/// A fault at a chosen moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripted {
    /// What happens.
    pub fault: Fault,
    /// At which call.
    pub call: Call,
    /// Whose call (see [`Call`]); `None`: anybody's.
    pub who: Option<String>,
    /// How many such calls pass before.
    pub after: u32,
    /// How many such calls in a row meet it.
    pub times: u32,
}

impl Scripted {
    /// The fault at the next such call of anybody.
    pub fn next(call: Call, fault: Fault) -> Self {
        Self { fault, call, who: None, after: 0, times: 1 }
    }

    /// The same for the calls of `who` only.
    #[must_use]
    pub fn of(mut self, who: impl Into<String>) -> Self {
        self.who = Some(who.into());
        self
    }

    /// The same after `calls` such calls have passed.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.after = calls;
        self
    }

    /// The same for `calls` such calls in a row.
    #[must_use]
    pub fn times(mut self, calls: u32) -> Self {
        self.times = calls;
        self
    }
}

/// How often faults are drawn, each in calls per 10,000 calls that it fits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// [`Fault::Unavailable`].
    pub unavailable: u16,
    /// [`Fault::Refused`].
    pub refused: u16,
    /// [`Fault::Outdated`].
    pub outdated: u16,
    /// [`Fault::Expelled`].
    pub expelled: u16,
    /// [`Fault::Unknown`], its fate drawn as well.
    pub unknown: u16,
    /// [`Fault::LateMarkers`].
    pub late_markers: u16,
    /// [`Fault::Rebalance`].
    pub rebalance: u16,
}

#[derive(Debug)]
struct Seeded {
    state: u64,
    rates: FaultRates,
}

impl Seeded {
    /// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn next(&mut self, call: Call) -> Option<Fault> {
        let fate = match self.draw() % 3 {
            0 => Fate::Applied,
            1 => Fate::Lost,
            _ => Fate::Delayed,
        };
        let rates = self.rates;
        let candidates = [
            (Fault::Unavailable, rates.unavailable),
            (Fault::Refused, rates.refused),
            (Fault::Outdated, rates.outdated),
            (Fault::Expelled, rates.expelled),
            (Fault::Unknown(fate), rates.unknown),
            (Fault::LateMarkers, rates.late_markers),
            (Fault::Rebalance, rates.rebalance),
        ];
        // Every candidate is drawn for, so that a changed rate of one does not shift the moments of the others.
        let draws = candidates.map(|(fault, rate)| (fault, self.draw() % 10_000 < u64::from(rate)));
        draws.into_iter().find(|(fault, drawn)| *drawn && fault.fits(call)).map(|(fault, _)| fault)
    }
}

/// The faults to come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    script: VecDeque<Scripted>,
    seeded: Option<Seeded>,
    unavailable_calls: u32,
}

impl Faults {
    pub(super) fn script(&mut self, scripted: Scripted) {
        self.script.push_back(scripted);
    }

    pub(super) fn seed(&mut self, seed: u64, rates: FaultRates) {
        self.seeded = Some(Seeded { state: seed, rates });
    }

    pub(super) fn unavailable_for(&mut self, calls: u32) {
        self.unavailable_calls = calls;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn scripted_left(&self) -> usize {
        self.script.len()
    }

    /// The fault that this call meets. The script goes first; every entry that the call matches counts it.
    pub(super) fn next(&mut self, call: Call, who: &str) -> Option<Fault> {
        let scripted = self.next_scripted(call, who);
        let unavailable = self.unavailable_calls > 0;
        self.unavailable_calls = self.unavailable_calls.saturating_sub(1);
        let drawn = self.seeded.as_mut().and_then(|seeded| seeded.next(call));
        scripted.or(unavailable.then_some(Fault::Unavailable)).or(drawn)
    }

    fn next_scripted(&mut self, call: Call, who: &str) -> Option<Fault> {
        let mut met = None;
        for entry in &mut self.script {
            if entry.call != call || entry.who.as_deref().is_some_and(|name| name != who) {
                continue;
            }
            if entry.after > 0 {
                entry.after -= 1;
            } else if met.is_none() {
                entry.times -= 1;
                met = Some(entry.fault);
            }
        }
        self.script.retain(|entry| entry.times > 0);
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripted_fault_comes_at_its_moment_for_its_caller_and_so_often() {
        let mut faults = Faults::default();
        faults.script(Scripted::next(Call::Commit, Fault::Refused).of("a").after(1).times(2));
        let mut met = |call, who| faults.next(call, who);
        assert_eq!(met(Call::Commit, "a"), None);
        assert_eq!(met(Call::Commit, "b"), None);
        assert_eq!(met(Call::Abort, "a"), None);
        assert_eq!(met(Call::Commit, "a"), Some(Fault::Refused));
        assert_eq!(met(Call::Commit, "a"), Some(Fault::Refused));
        assert_eq!(met(Call::Commit, "a"), None);
        assert_eq!(faults.scripted_left(), 0);
    }

    #[test]
    fn equal_seeds_draw_equal_faults_and_each_fits_its_call() {
        let rates = FaultRates {
            unavailable: 500,
            refused: 500,
            outdated: 500,
            expelled: 500,
            unknown: 2_000,
            late_markers: 500,
            rebalance: 500,
        };
        let draw = |seed| {
            let mut faults = Faults::default();
            faults.seed(seed, rates);
            (0..1_000)
                .map(|round| if round % 2 == 0 { Call::Commit } else { Call::Poll })
                .map(|call| (call, faults.next(call, "w")))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let drawn = draw(7);
        assert!(drawn.iter().all(|(call, fault)| fault.is_none_or(|fault| fault.fits(*call))));
        for fate in [Fate::Applied, Fate::Lost, Fate::Delayed] {
            assert!(drawn.contains(&(Call::Commit, Some(Fault::Unknown(fate)))), "{fate:?}");
        }
    }
}
