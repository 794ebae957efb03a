//! What was expected beside what came.

use leadstream_core::DerivedEvent;
use leadstream_core::contact::Level;

use super::ExpectedDerived;

/// An expectation that was not met, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What was looked at.
    pub(super) what: String,
    /// What the test says.
    pub(super) expected: String,
    /// What came.
    pub(super) actual: String,
}

/// One line of expected and actual side by side: places in the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    /// As expected.
    Both(usize),
    /// Expected, and did not come.
    Missing(usize),
    /// Came, and was not expected.
    Unexpected(usize),
}

/// Pairs what is expected with what came, so many of each, in their order and as many as possible.
pub(super) fn pair(expected: usize, actual: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<Pairing> {
    let width = actual + 1;
    // longest[e * width + a]: how many can be paired of what follows place e and place a.
    let mut longest = vec![0u32; (expected + 1) * width];
    for e in (0..expected).rev() {
        for a in (0..actual).rev() {
            longest[e * width + a] = if fits(e, a) {
                longest[(e + 1) * width + a + 1] + 1
            } else {
                longest[(e + 1) * width + a].max(longest[e * width + a + 1])
            };
        }
    }
    let (mut e, mut a) = (0, 0);
    let mut pairs = Vec::new();
    while e < expected || a < actual {
        if e < expected && a < actual && fits(e, a) {
            pairs.push(Pairing::Both(a));
            (e, a) = (e + 1, a + 1);
        } else if a == actual || (e < expected && longest[(e + 1) * width + a] >= longest[e * width + a + 1]) {
            pairs.push(Pairing::Missing(e));
            e += 1;
        } else {
            pairs.push(Pairing::Unexpected(a));
            a += 1;
        }
    }
    pairs
}

/// Pairs expected events with actual ones; `None` where all are as expected.
pub(super) fn pair_events(expected: &[ExpectedDerived], actual: &[DerivedEvent]) -> Option<Vec<Pairing>> {
    unequal(pair(expected.len(), actual.len(), |e, a| fits(&expected[e], &actual[a])))
}

/// Pairs, where some are not as expected.
pub(super) fn unequal(pairs: Vec<Pairing>) -> Option<Vec<Pairing>> {
    Some(pairs).filter(|pairs| pairs.iter().any(|pairing| !matches!(pairing, Pairing::Both(..))))
}

/// Whether an event is as expected.
fn fits(expected: &ExpectedDerived, actual: &DerivedEvent) -> bool {
    let level = match &actual.new {
        Level::Stage(name) | Level::Named(name) => Some(*name),
        Level::None | Level::On | Level::Count(_) | Level::Id(_) => None,
    };
    expected.kind == actual.kind
        && expected.at.is_none_or(|at| at == actual.time)
        && expected.level.is_none_or(|expected| Some(expected) == level)
        && expected.subject.as_ref().is_none_or(|subject| *actual.subject == **subject)
}
