//! What the generators reach: a mixture that never meets a construct proves nothing about it.

#![allow(clippy::unwrap_used, reason = "what a test calls fails as the test does")]

use std::collections::BTreeMap;

use leadstream_oracle::generate::{Profile, case};
use leadstream_oracle::{Cause, DerivedType};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// How often so many cases of a profile reach what.
fn reached(profile: &Profile, cases: usize) -> BTreeMap<String, usize> {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let strategy = case(profile);
    for _ in 0..cases {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let (oracle, effects) = case.run().unwrap();
        let mut reach = |what: String| *reached.entry(what).or_default() += 1;
        for effect in effects {
            effect.outcome.into_iter().for_each(|outcome| reach(format!("{outcome:?}")));
            for derived in effect.derived {
                reach(format!("{:?}", derived.derived_type));
                derived.marks.iter().for_each(|mark| reach(format!("mark {mark}")));
                derived.reason.iter().for_each(|reason| reach(format!("reason {reason}")));
                derived.corrects.iter().for_each(|_| reach("corrects".to_owned()));
                if let Cause::Timer { kind, .. } = derived.cause {
                    reach(format!("timer {kind:?}"));
                    reach(format!("{:?} by {kind:?}", derived.derived_type));
                    derived.reason.iter().for_each(|reason| reach(format!("reason {reason} by {kind:?}")));
                }
                if derived.derived_type == DerivedType::StageAdvanced && !derived.via.is_empty() {
                    reach("via".to_owned());
                }
            }
        }
        for record in oracle.ledger() {
            record.cuts.iter().for_each(|cut| reach(format!("{cut:?}")));
            let course = format!("{:?}", record.decay);
            reach(format!("decay {}", course.split('(').next().unwrap_or_default()));
        }
        let lines = oracle.read().explain("global").unwrap();
        lines.iter().for_each(|line| reach(format!("line {:?}", line.kind)));
    }
    reached
}

fn assert_reached(reached: &BTreeMap<String, usize>, expected: &[&str]) {
    let missing: Vec<_> = expected.iter().filter(|what| !reached.contains_key(**what)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}, reached: {reached:#?}");
}

#[test]
fn the_profile_decay_reaches_every_course_and_levels_that_move_with_no_event() {
    let expected = [
        "decay None",
        "decay Linear",
        "decay Step",
        "decay HalfLife",
        "LeadQualified by Check",
        "reason release by Check",
        "StageAdvanced by Check",
        "reason leave_below by Check",
        "line Base",
        "line Limit",
    ];
    assert_reached(&reached(&Profile::decay(), 150), &expected);
}

#[test]
fn generated_cases_reach_every_outcome_type_cut_mark_reason_and_timer() {
    let reached = reached(&Profile::full(), 250);
    let expected = [
        "Applied",
        "Duplicate",
        "Unmatched",
        "Suppressed",
        "TooLate",
        "TagAdded",
        "TagRemoved",
        "StageAdvanced",
        "StageRegressed",
        "LeadQualified",
        "LeadDisqualified",
        "mark clamped",
        "mark late",
        "mark plan",
        "reason release",
        "reason when",
        "reason members",
        "reason leave_below",
        "reason leave_when",
        "reason leave_idle",
        "corrects",
        "via",
        "timer PlanChange",
        "timer Idle",
        "timer Check",
        "Cap",
        "Limit",
        "Weight",
        "line Fit",
        "line Base",
        "line Booking",
        "line Limit",
    ];
    assert_reached(&reached, &expected);
}
