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

/// One line of expected and actual derived events side by side: places in the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    /// As expected.
    Both(usize),
    /// Expected, and did not come.
    Missing(usize),
    /// Came, and was not expected.
    Unexpected(usize),
}

/// Pairs expected events with actual ones in their order, as many as possible.
pub(super) fn pair(expected: &[ExpectedDerived], actual: &[DerivedEvent]) -> Vec<Pairing> {
    let width = actual.len() + 1;
    // longest[e * width + a]: how many can be paired of what follows place e and place a.
    let mut longest = vec![0u32; (expected.len() + 1) * width];
    for e in (0..expected.len()).rev() {
        for a in (0..actual.len()).rev() {
            longest[e * width + a] = if fits(&expected[e], &actual[a]) {
                longest[(e + 1) * width + a + 1] + 1
            } else {
                longest[(e + 1) * width + a].max(longest[e * width + a + 1])
            };
        }
    }
    let (mut e, mut a) = (0, 0);
    let mut pairs = Vec::new();
    while e < expected.len() || a < actual.len() {
        if e < expected.len() && a < actual.len() && fits(&expected[e], &actual[a]) {
            pairs.push(Pairing::Both(a));
            (e, a) = (e + 1, a + 1);
        } else if a == actual.len()
            || (e < expected.len() && longest[(e + 1) * width + a] >= longest[e * width + a + 1])
        {
            pairs.push(Pairing::Missing(e));
            e += 1;
        } else {
            pairs.push(Pairing::Unexpected(a));
            a += 1;
        }
    }
    pairs
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
