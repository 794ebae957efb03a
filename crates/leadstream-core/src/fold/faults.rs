//! Conditions and computed points that had no value (S9): which rule, and why, since nothing else tells that it did not fire for that.
//!
//! Costs nothing where everything has a value. Never counts what is folded anew.

use std::cell::RefCell;

use crate::expr::EvalError;
use crate::word::Word;

/// So many are kept at most until somebody takes them; rules beyond that fail unseen.
const FAULTS_MAX: usize = 10_000;

/// A rule did not fire because an expression of it had no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The plan.
    pub plan: Word,
    /// The rule in it.
    pub rule: Word,
    /// What was wrong.
    pub error: EvalError,
}

/// The faults since somebody asked. Rules are judged over a state that nobody may change, so it can be written through a shared reference.
#[derive(Debug, Default)]
pub(crate) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    #[cold]
    pub(crate) fn add(&self, plan: Word, rule: Word, error: EvalError) {
        let mut faults = self.0.borrow_mut();
        if faults.len() < FAULTS_MAX {
            faults.push(Fault { plan, rule, error });
        }
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&mut self) -> usize {
        self.0.get_mut().len()
    }

    /// Forgets all but the first so many.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.get_mut().truncate(len);
    }

    /// Hands over all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Fault> {
        self.0.get_mut().drain(..)
    }
}
