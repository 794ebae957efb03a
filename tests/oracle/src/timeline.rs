//! Which plans are in force from when: forward changes, and recomputes with the base left as it is (S45, S46).
//!
//! Never folds. Invariant: versions ascend by the place from which they are in force.

use std::collections::BTreeMap;

use crate::event::Uid;
use crate::plan::Plan;
use crate::scores::PlanSet;

/// How a version comes into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It was from the beginning of time.
    Always,
    /// By a step at its instant.
    Step,
    /// In silence, behind the newest event of the base at a recompute: what comes after is folded under it.
    Behind(Uid),
    /// It was already: the step at the instant of a recompute.
    Recompute,
}

/// A set of plans and when it comes into force.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) from: i64,
    pub(crate) entry: Entry,
    pub(crate) plans: PlanSet,
    /// Dues of idle rules before this instant are skipped (S14).
    pub(crate) idle_from: i64,
}

/// All versions.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    pub(crate) versions: Vec<Version>,
    /// Every plan that ever was to be in force, as it last was.
    known: BTreeMap<String, Plan>,
}

impl Timeline {
    pub(crate) fn new(plans: PlanSet) -> Timeline {
        let known = plans.clone();
        let always = Version { from: i64::MIN, entry: Entry::Always, plans, idle_from: i64::MIN };
        Timeline { versions: vec![always], known }
    }

    pub(crate) fn last(&self) -> &Version {
        &self.versions[self.versions.len() - 1]
    }

    /// A forward change after all others.
    pub(crate) fn forward(&mut self, from: i64, plans: PlanSet) {
        self.known.extend(plans.clone());
        self.versions.push(Version { from, entry: Entry::Step, plans, idle_from: from });
    }

    /// The version in force when a contact's first event comes: the last one whose step was due by then.
    pub(crate) fn at_first_event(&self, instant: i64) -> usize {
        let is_due = |version: &Version| version.from <= instant && !matches!(version.entry, Entry::Behind(_));
        self.versions.iter().rposition(is_due).unwrap_or(0)
    }

    /// S46: everything behind the base is folded under these plans, which take a step at the instant; a pending change stays.
    pub(crate) fn recompute(&mut self, from: i64, plans: &PlanSet, boundary: Option<(i64, Uid)>) {
        self.known.extend(plans.clone());
        let pending = self.versions.iter().filter(|version| version.from > from).cloned();
        let mut versions: Vec<Version> = match boundary {
            None => Vec::new(),
            Some((until, uid)) => {
                let of_base = self.versions.iter().filter(|version| version.from <= until).cloned();
                // Timers go before the events of their instant: those due at the boundary's are of the base.
                let idle_from = until + 1;
                let behind = Version { from: until, entry: Entry::Behind(uid), plans: plans.clone(), idle_from };
                of_base.chain([behind]).collect()
            }
        };
        if versions.is_empty() {
            versions = Timeline::new(plans.clone()).versions;
        }
        let idle_from = versions.last().map_or(i64::MIN, |version| version.idle_from);
        versions.push(Version { from, entry: Entry::Recompute, plans: plans.clone(), idle_from });
        versions.extend(pending);
        self.versions = versions;
    }

    /// The plans that are not in force under a version, each as it last was.
    pub(crate) fn past(&self, version: usize) -> PlanSet {
        let now = &self.versions[version].plans;
        self.known
            .iter()
            .filter(|(id, _)| !now.contains_key(*id))
            .map(|(id, plan)| (id.clone(), plan.clone()))
            .collect()
    }
}
