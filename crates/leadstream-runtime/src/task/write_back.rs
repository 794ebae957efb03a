//! Which dirty contacts are written back when, and how far the redo log is covered by the changelog.
//!
//! Longest dirty first. `low` is the last epoch of which every change, and every earlier one, is in the changelog.

use std::collections::VecDeque;

use super::cache::Slot;
use crate::options::WriteBackLimits;

/// A contact that waits to be written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    slot: Slot,
    epoch: u64,
    since_ms: i64,
}

/// An epoch whose redo may still be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UncoveredEpoch {
    pub(crate) epoch: u64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// The offset of its last record in the redo partition, where the log said it.
    pub(crate) last_offset: Option<u64>,
}

/// The write-back of a task.
#[derive(Debug, Default)]
pub(crate) struct WriteBack {
    waiting: VecDeque<Waiting>,
    epochs: VecDeque<UncoveredEpoch>,
    events: u64,
    bytes: u64,
    /// Redo records before this offset are not needed any more.
    trim_before: u64,
    covered: u64,
}

impl WriteBack {
    /// A contact became dirty in an epoch. Epochs ascend.
    pub(crate) fn dirtied(&mut self, slot: Slot, epoch: u64, now_ms: i64) {
        self.waiting.push_back(Waiting { slot, epoch, since_ms: now_ms });
    }

    /// How many contacts wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The contacts that wait.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.waiting.iter().map(|waiting| waiting.slot)
    }

    /// Events and bytes of redo that are not covered.
    pub(crate) fn uncovered(&self) -> (u64, u64) {
        (self.events, self.bytes)
    }

    /// Every change up to this epoch is in the changelog alone.
    pub(crate) fn covered(&self) -> u64 {
        self.covered
    }

    /// How many of the longest dirty contacts are due; `all` where there is nothing better to do, or memory is short.
    pub(crate) fn due(&self, limits: &WriteBackLimits, now_ms: i64, all: bool) -> usize {
        let covered_to = self.must_cover(limits);
        self.waiting
            .iter()
            .take(limits.contacts_per_commit)
            .take_while(|waiting| all || now_ms - waiting.since_ms >= limits.interval_ms || waiting.epoch <= covered_to)
            .count()
    }

    /// The epoch up to which redo has to be covered for the rest to be within the limits.
    fn must_cover(&self, limits: &WriteBackLimits) -> u64 {
        let (mut events, mut bytes, mut to) = (self.events, self.bytes, 0);
        for epoch in &self.epochs {
            if events <= limits.events && bytes <= limits.bytes {
                break;
            }
            events -= epoch.events;
            bytes -= epoch.bytes;
            to = epoch.epoch;
        }
        to
    }

    /// The slots of the first `count` waiting contacts.
    pub(crate) fn first(&self, count: usize) -> impl Iterator<Item = Slot> {
        self.waiting.iter().take(count).map(|waiting| waiting.slot)
    }

    /// `low` after an epoch that writes back the first `count` contacts, where `leaves_dirty` says whether it makes others dirty. Contacts that it erases
    /// need no redo any more.
    pub(crate) fn low_after(
        &self,
        count: usize,
        epoch: u64,
        leaves_dirty: bool,
        is_erased: impl Fn(Slot) -> bool,
    ) -> u64 {
        match self.waiting.iter().skip(count).find(|waiting| !is_erased(waiting.slot)) {
            Some(waiting) => waiting.epoch - 1,
            None if leaves_dirty => epoch - 1,
            None => epoch,
        }
    }

    /// A contact was erased: it waits no more.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.waiting.retain(|waiting| waiting.slot != slot);
    }

    /// An epoch was committed that wrote the first `count` contacts.
    pub(crate) fn committed(&mut self, count: usize, low: u64, epoch: UncoveredEpoch) {
        self.waiting.drain(..count);
        self.add_epoch(epoch);
        self.cover(low);
    }

    /// Adds an epoch, as when it was read at a restore.
    pub(crate) fn add_epoch(&mut self, epoch: UncoveredEpoch) {
        self.events += epoch.events;
        self.bytes += epoch.bytes;
        self.epochs.push_back(epoch);
    }

    /// Everything up to `low` is in the changelog. The newest epoch's record stays all the same: it tells where the task stands.
    pub(crate) fn cover(&mut self, low: u64) {
        self.covered = low;
        while self.epochs.len() > 1 && self.epochs[0].epoch <= low {
            let Some(covered) = self.epochs.pop_front() else { break };
            self.events -= covered.events;
            self.bytes -= covered.bytes;
            self.trim_before = self.trim_before.max(covered.last_offset.map_or(0, |last| last + 1));
        }
        // Covered as well, though its record stays: it counts no more.
        if let [last] = self.epochs.make_contiguous()
            && last.epoch <= low
        {
            self.events -= last.events;
            self.bytes -= last.bytes;
            (last.events, last.bytes) = (0, 0);
        }
    }

    /// Redo records before this offset are not needed any more.
    pub(crate) fn trim_before(&self) -> u64 {
        self.trim_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WriteBackLimits =
        WriteBackLimits { interval_ms: 1_000, events: 100, bytes: 1_000, contacts_per_commit: 10 };

    fn epoch(epoch: u64, events: u64) -> UncoveredEpoch {
        UncoveredEpoch { epoch, events, bytes: events, last_offset: Some(epoch * 10) }
    }

    /// Three epochs that made one contact dirty each, at 0, 100 and 200 ms.
    fn three(events: u64) -> WriteBack {
        let mut back = WriteBack::default();
        for number in 1..=3 {
            let low = back.low_after(0, number, true, |_| false);
            back.committed(0, low, epoch(number, events));
            back.dirtied(Slot(number as u32), number, (number as i64 - 1) * 100);
        }
        back
    }

    #[test]
    fn the_longest_dirty_are_due_first_when_their_time_has_come() {
        let back = three(1);
        assert_eq!(back.due(&LIMITS, 999, false), 0);
        assert_eq!(back.due(&LIMITS, 1_100, false), 2);
        assert_eq!(back.first(2).collect::<Vec<_>>(), [Slot(1), Slot(2)]);
        assert_eq!(back.due(&LIMITS, 0, true), 3);
        assert_eq!(back.due(&WriteBackLimits { contacts_per_commit: 1, ..LIMITS }, 5_000, false), 1);
    }

    #[test]
    fn too_much_uncovered_redo_makes_the_oldest_due_early() {
        let back = three(60);
        assert_eq!(back.uncovered(), (180, 180));
        assert_eq!(back.due(&LIMITS, 0, false), 2);
        assert_eq!(back.due(&WriteBackLimits { bytes: 179, events: 1_000, ..LIMITS }, 0, false), 1);
    }

    #[test]
    fn low_is_behind_the_longest_dirty_contact_that_stays_dirty() {
        let back = three(1);
        assert_eq!(back.low_after(0, 4, true, |_| false), 0);
        assert_eq!(back.low_after(2, 4, true, |_| false), 2);
        assert_eq!(back.low_after(3, 4, true, |_| false), 3);
        assert_eq!(back.low_after(3, 4, false, |_| false), 4);
        // An erased contact holds nothing up.
        assert_eq!(back.low_after(0, 4, false, |slot| slot != Slot(2)), 1);
        assert_eq!(back.low_after(0, 4, false, |_| true), 4);
    }

    #[test]
    fn redo_is_trimmed_behind_low_and_the_newest_record_stays() {
        let mut back = three(5);
        assert_eq!(back.trim_before(), 0);
        back.committed(2, 2, epoch(4, 5));
        assert_eq!((back.trim_before(), back.uncovered()), (21, (10, 10)));
        back.committed(1, 5, epoch(5, 5));
        assert_eq!((back.trim_before(), back.uncovered(), back.len()), (41, (0, 0), 0));
    }
}
