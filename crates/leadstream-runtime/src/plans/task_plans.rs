//! Which plan sets a task has been under since when: state of the task, committed with its epochs in the redo records and restored from them.

use leadstream_core::id::Hasher;
use leadstream_core::{Timeline, Timestamp};
use leadstream_wire::stored::changelog::{PlansTag, plans_tag};
use leadstream_wire::stored::redo::PlanSetSince;

use super::book::{NumberedPlans, PlanBook};

/// The most changes that a task remembers: each redo record lists them. Beyond it the oldest is forgotten, and what lies before is folded under
/// the oldest one kept.
pub(crate) const CHANGES_MAX: usize = 256;

/// The plan sets of a task over time. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct TaskPlans {
    sets: Vec<(Timestamp, NumberedPlans)>,
    timeline: Timeline,
    id: [u8; 16],
}

impl TaskPlans {
    /// A task that has been under one set from the beginning.
    pub(crate) fn begin(set: NumberedPlans) -> TaskPlans {
        let timeline = Timeline::new(set.plans().clone());
        TaskPlans::of(timeline, vec![(Timestamp::MIN, set)])
    }

    fn of(timeline: Timeline, sets: Vec<(Timestamp, NumberedPlans)>) -> TaskPlans {
        let named = sets.iter().fold(Hasher::new(), |hasher, (since, set)| {
            hasher.number(since.millis() as u64).number(set.ordinal()).bytes(&set.id())
        });
        TaskPlans { timeline, id: named.finish(), sets }
    }

    /// The plan sets that a redo record lists. The error is the number of one that the book does not hold.
    pub(crate) fn restore(changes: &[PlanSetSince], book: &PlanBook) -> Result<Option<TaskPlans>, u64> {
        let known = |change: &PlanSetSince| Ok((change.since, book.set(change.ordinal).ok_or(change.ordinal)?));
        let sets = changes.iter().map(known).collect::<Result<Vec<_>, u64>>()?;
        Ok(TaskPlans::over(sets))
    }

    fn over(sets: Vec<(Timestamp, NumberedPlans)>) -> Option<TaskPlans> {
        let mut timeline = Timeline::new(sets.first()?.1.plans().clone());
        // The instants ascend, so that every change is one.
        let _ = sets[1..].iter().all(|(since, set)| match set.recomputes() {
            None => timeline.change(*since, set.plans().clone()),
            Some(silent) => timeline.recompute(*since, set.plans().clone(), silent),
        });
        Some(TaskPlans::of(timeline, sets))
    }

    /// The same with another set from an instant on, which must be after [`TaskPlans::since`].
    pub(crate) fn changed(&self, from: Timestamp, set: NumberedPlans) -> TaskPlans {
        debug_assert!(from > self.since(), "changes come in order");
        let forgotten = (self.sets.len() + 1).saturating_sub(CHANGES_MAX);
        let sets = self.sets[forgotten..].iter().cloned().chain([(from, set)]).collect();
        TaskPlans::over(sets).unwrap_or_else(|| self.clone())
    }

    fn newest(&self) -> &(Timestamp, NumberedPlans) {
        &self.sets[self.sets.len() - 1]
    }

    /// The number of the set that the task is under.
    pub(crate) fn ordinal(&self) -> u64 {
        self.newest().1.ordinal()
    }

    /// Since when.
    pub(crate) fn since(&self) -> Timestamp {
        self.newest().0
    }

    /// As the fold takes it.
    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Names the sets and their instants.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    /// What records of contacts are marked with.
    pub(crate) fn tag(&self) -> PlansTag {
        plans_tag(self.id)
    }

    /// As a redo record lists it.
    pub(crate) fn changes(&self) -> Vec<PlanSetSince> {
        self.sets.iter().map(|(since, set)| PlanSetSince { ordinal: set.ordinal(), since: *since }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadstream_core::plan::PlanSet;
    use std::sync::Arc;

    fn set(ordinal: u64) -> NumberedPlans {
        NumberedPlans::of(ordinal, Arc::new(PlanSet::new(Vec::new())))
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn what_a_redo_record_lists_comes_back_with_its_name_and_an_unknown_set_is_told() {
        let book = PlanBook::default();
        (1..=3).for_each(|ordinal| book.add(set(ordinal)));
        let plans = TaskPlans::begin(set(1)).changed(at(5), set(3));
        assert_eq!((plans.ordinal(), plans.since(), plans.timeline().latest().since), (3, at(5), at(5)));
        let restored = TaskPlans::restore(&plans.changes(), &book).unwrap().unwrap();
        assert_eq!((restored.id(), restored.changes()), (plans.id(), plans.changes()));
        assert_ne!(TaskPlans::begin(set(1)).changed(at(6), set(3)).id(), plans.id());
        assert_eq!(TaskPlans::restore(&plans.changed(at(6), set(9)).changes(), &book).unwrap_err(), 9);
        assert!(TaskPlans::restore(&[], &book).unwrap().is_none());
    }

    #[test]
    fn beyond_the_limit_the_oldest_change_is_forgotten() {
        let mut plans = TaskPlans::begin(set(1));
        for ordinal in 2..=300 {
            plans = plans.changed(at(ordinal as i64), set(ordinal));
        }
        let changes = plans.changes();
        assert_eq!((changes.len(), changes[0].ordinal, plans.ordinal()), (CHANGES_MAX, 300 - 255, 300));
        assert_eq!(plans.timeline().view(None).at(at(0)).plans.plans().len(), 0);
    }
}
