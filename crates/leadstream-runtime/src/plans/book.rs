//! The book of plan sets: those of the plans topic, compiled, shared by the workers of a process.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use leadstream_core::id::Hasher;
use leadstream_core::plan::PlanSet;
use leadstream_wire::stored::plans::{Coming, PlanRef};

/// A plan set with its number. A copy is cheap.
#[derive(Clone, Debug)]
pub struct NumberedPlans(Arc<Numbered>);

#[derive(Debug)]
struct Numbered {
    ordinal: u64,
    id: [u8; 16],
    versions: Vec<PlanRef>,
    plans: Arc<PlanSet>,
    coming: Coming,
}

impl NumberedPlans {
    /// A set whose plans are what it says.
    pub fn of(ordinal: u64, plans: Arc<PlanSet>) -> NumberedPlans {
        let versions =
            plans.plans().iter().map(|plan| PlanRef { id: plan.id.to_string(), version: plan.version }).collect();
        NumberedPlans::standing_for(ordinal, versions, plans)
    }

    /// A set of certain versions, for which `plans` stand: its own, or those of a later set where its own cannot be compiled any more.
    pub fn standing_for(ordinal: u64, versions: Vec<PlanRef>, plans: Arc<PlanSet>) -> NumberedPlans {
        let hasher = versions.iter().fold(Hasher::new(), |hasher, plan| hasher.text(&plan.id).bytes(&plan.version.0));
        NumberedPlans(Arc::new(Numbered { ordinal, id: hasher.finish(), versions, plans, coming: Coming::Forward }))
    }

    /// The same set, coming into force in another way.
    #[must_use]
    pub fn coming(&self, coming: Coming) -> NumberedPlans {
        let Numbered { ordinal, id, versions, plans, .. } = &*self.0;
        NumberedPlans(Arc::new(Numbered {
            ordinal: *ordinal,
            id: *id,
            versions: versions.clone(),
            plans: Arc::clone(plans),
            coming,
        }))
    }

    /// Whether the past counts anew under it, and if so, whether in silence.
    pub fn recomputes(&self) -> Option<bool> {
        match self.0.coming {
            Coming::Forward => None,
            Coming::Recompute { silent } => Some(silent),
        }
    }

    /// Its number, from 1.
    pub fn ordinal(&self) -> u64 {
        self.0.ordinal
    }

    /// Names its versions: sets of equal versions have equal ids.
    pub fn id(&self) -> [u8; 16] {
        self.0.id
    }

    /// Its plans and their versions, by id.
    pub fn versions(&self) -> &[PlanRef] {
        &self.0.versions
    }

    /// What the fold goes by.
    pub fn plans(&self) -> &Arc<PlanSet> {
        &self.0.plans
    }
}

/// The sets known, by number. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct PlanBook(Arc<RwLock<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    sets: BTreeMap<u64, NumberedPlans>,
    failure: Option<String>,
}

impl PlanBook {
    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        // Every change is made whole, so a panic of another holder leaves nothing half done.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a set. Once known, a number keeps its set.
    pub fn add(&self, set: NumberedPlans) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).sets.entry(set.ordinal()).or_insert(set);
    }

    /// The newest set is one that this program cannot follow: every worker stops with the reason.
    pub fn fail(&self, reason: String) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).failure.get_or_insert(reason);
    }

    /// Why the workers are to stop, if they are.
    pub fn failure(&self) -> Option<String> {
        self.read().failure.clone()
    }

    /// The set in force.
    pub fn newest(&self) -> Option<NumberedPlans> {
        self.read().sets.last_key_value().map(|(_, set)| set.clone())
    }

    /// The set to take up after one: the newest, unless one before it counts the past anew, which is not passed over.
    pub fn next_after(&self, ordinal: u64) -> Option<NumberedPlans> {
        let shelf = self.read();
        let mut later = shelf.sets.range(ordinal + 1..).map(|(_, set)| set);
        let newest = later.clone().next_back();
        later.find(|set| set.recomputes().is_some()).or(newest).cloned()
    }

    /// The oldest set.
    pub fn oldest(&self) -> Option<NumberedPlans> {
        self.read().sets.first_key_value().map(|(_, set)| set.clone())
    }

    /// A set by its number.
    pub fn set(&self, ordinal: u64) -> Option<NumberedPlans> {
        self.read().sets.get(&ordinal).cloned()
    }
}
