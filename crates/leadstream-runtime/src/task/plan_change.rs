//! A plan change in a task (S45): taking the new set up, and the sweep after it, by which every contact takes its step at the change, also one that
//! never gets another event.
//!
//! A set is taken up in an epoch of its own that touches no contact: it comes into force for the contacts once that epoch is committed, so that an
//! epoch that fails leaves nothing behind but the wish. Touched and dirty contacts have the change in the index in memory like any timer. The others are found by a cursor over the store, a page in
//! each step: a record is marked with the plan sets under which its due instant was computed, so that what is done already is passed over
//! without decoding it. The cursor is not kept: after a restart the sweep begins anew and passes over what was done. The store remembers for which
//! plan sets it is swept.

use leadstream_core::{Fold, Span, Timestamp};
use leadstream_store::{Batch, Progress, StoreError};
use leadstream_wire::stored::changelog::{ChangelogContent, ChangelogRecord};

use super::{Task, Tools, stored_error};
use crate::error::WorkerError;
use crate::options::WorkerOptions;
use crate::plans::{NumberedPlans, TaskPlans};

/// Records of the store that one step looks at.
const LOOKED_AT: usize = 2_048;
/// Contacts that one step takes along.
const TAKEN: usize = 128;
/// Contacts that an open epoch may have touched for the sweep to go on: the rest is for the next one.
const TOUCHED_MAX: usize = 4_096;

/// How far the sweep is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// No contact of the store waits for a plan change.
    #[default]
    Done,
    /// The task's clock has not come to the change yet.
    Waiting,
    /// The contacts up to this one are done. A pass that begins before the clock has come to the change is for earlier changes only, and is
    /// followed by another one.
    Behind { last: Option<String>, is_early: bool },
    /// All are, and the store does not say so yet.
    AtEnd,
}

/// The sweep of a task, and where it was at the last commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct SweepState {
    now: Sweep,
    committed: Sweep,
}

impl SweepState {
    /// Begins anew; contacts may lack earlier changes too.
    pub(crate) fn begin(&mut self) {
        self.now = Sweep::Behind { last: None, is_early: true };
        self.committed = self.now.clone();
    }

    /// Another change follows.
    fn follow(&mut self) {
        if self.is_pending() {
            self.begin();
        } else {
            self.now = Sweep::Waiting;
            self.committed = Sweep::Waiting;
        }
    }

    /// Whether contacts may wait.
    pub(crate) fn is_pending(&self) -> bool {
        self.now != Sweep::Done
    }

    /// The open epoch was undone.
    pub(crate) fn undone(&mut self) {
        self.now = self.committed.clone();
    }

    /// The open epoch was committed.
    pub(crate) fn committed(&mut self) {
        self.committed = self.now.clone();
    }
}

impl Task {
    /// Takes up a newer set at the boundary of an epoch, to be in force from the instant behind everything that was folded and fired.
    pub(crate) fn take_up(&mut self, set: NumberedPlans, options: &WorkerOptions, wall: Timestamp) {
        if !self.open.is_empty() || set.ordinal() <= self.plans.ordinal() {
            return;
        }
        self.tick(options, wall);
        let seen = self.clock.seen(options.clock, wall);
        let from = self.clock.now().max(seen).max(self.plans.since()) + Span::from_millis(1);
        tracing::info!(task = self.id, set = set.ordinal(), %from, "a new set of plans comes into force");
        if self.epoch == 0 {
            // A task that has nothing yet has been under no other set.
            self.plans = TaskPlans::begin(set);
            return;
        }
        if self.clock.now() >= seen {
            // Nothing before it is awaited any more, so that the change does not wait for the next event either.
            self.clock.restore(from, Timestamp::MIN);
        }
        self.open.plans = Some(self.plans.changed(from, set));
    }

    /// Whether a sweep could go on at once.
    pub(crate) fn is_sweeping(&self) -> bool {
        self.is_running()
            && self.open.plans.is_none()
            && self.open.touched.len() < TOUCHED_MAX
            && match self.sweep.now {
                Sweep::Behind { .. } => true,
                Sweep::Waiting => self.has_come_to_the_change(),
                Sweep::Done | Sweep::AtEnd => false,
            }
    }

    fn has_come_to_the_change(&self) -> bool {
        self.clock.now() >= self.plans.since()
    }

    /// Goes on with the sweep, a page further. Returns whether there was anything to do.
    pub(crate) fn sweep(&mut self, tools: &mut Tools<'_>, pressed: bool) -> Result<bool, WorkerError> {
        if !self.is_sweeping() || pressed {
            return Ok(false);
        }
        let (after, is_early) = match std::mem::take(&mut self.sweep.now) {
            Sweep::Behind { last: Some(last), is_early } => (Some(last), is_early),
            _ => (None, !self.has_come_to_the_change()),
        };
        let (page, last) = self.page_of_old_records(after.as_deref())?;
        let clock = self.clock.now();
        for (contact, value) in page {
            if self.is_erased_now(&contact) {
                continue;
            }
            let slot = match self.contacts.find(&contact) {
                Some(slot) => slot,
                None => {
                    let entry = self.entry(tools.fold, &contact, Some(&value))?;
                    self.contacts.insert(entry)
                }
            };
            let Some(entry) = self.contacts.get_mut(slot) else { continue };
            tools.fold.refresh(&mut entry.contact);
            if !is_early || entry.contact.next_due.is_some_and(|due| due <= clock) {
                self.fire(tools, slot);
            }
        }
        self.sweep.now = match last {
            Some(last) => Sweep::Behind { last: Some(last), is_early },
            None if is_early => Sweep::Waiting,
            None => Sweep::AtEnd,
        };
        if self.open.is_empty() {
            self.sweep.committed();
            self.end_sweep()?;
        }
        Ok(true)
    }

    /// The next records that were made under other plan sets, and the last contact looked at; none where the end was reached.
    #[expect(clippy::type_complexity, reason = "named by the function")]
    fn page_of_old_records(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<(String, Vec<u8>)>, Option<String>), WorkerError> {
        let tag = self.plans.tag();
        let (mut page, mut looked_at, mut last, mut unreadable) = (Vec::new(), 0, String::new(), None);
        let ended = self.store.for_each_behind(after, |contact, value| {
            match ChangelogRecord::read(value) {
                Ok(ChangelogRecord { content: ChangelogContent::Image { plans, .. }, .. }) if plans == tag => {}
                Ok(_) => page.push((contact.to_owned(), value.to_vec())),
                Err(error) => unreadable = Some((contact.to_owned(), error)),
            }
            looked_at += 1;
            last.clear();
            last.push_str(contact);
            unreadable.is_none() && looked_at < LOOKED_AT && page.len() < TAKEN
        })?;
        if let Some((contact, error)) = unreadable {
            return Err(stored_error(&self.store, &contact, error));
        }
        Ok((page, (!ended).then_some(last)))
    }

    /// Lets the store say that it is swept, once that is committed. What is still dirty is in the redo log.
    pub(crate) fn end_sweep(&mut self) -> Result<(), StoreError> {
        if self.sweep.committed != Sweep::AtEnd {
            return Ok(());
        }
        let progress = Progress { plans: self.plans.id(), ..self.store.progress() };
        self.store.write(&Batch::new(), progress)?;
        self.sweep = SweepState::default();
        tracing::info!(task = self.id, set = self.plans.ordinal(), "every contact has taken up the plans in force");
        Ok(())
    }

    /// The task is under other plan sets from now on: what is in memory is due anew, the rest is swept.
    pub(super) fn adopt(&mut self, fold: &mut Fold, plans: TaskPlans) {
        self.plans = plans;
        fold.use_timeline(self.plans.timeline());
        for slot in self.write_back.first(self.write_back.len()).collect::<Vec<_>>() {
            if let Some(entry) = self.contacts.get_mut(slot) {
                fold.refresh(&mut entry.contact);
                self.timers.follow(slot, entry);
            }
        }
        self.sweep.follow();
    }
}
