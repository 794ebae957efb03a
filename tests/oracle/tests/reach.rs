//! What the generators reach: a mixture that never meets a construct proves nothing about it.

#![allow(clippy::unwrap_used, reason = "what a test calls fails as the test does")]

use std::collections::BTreeMap;

use leadstream_oracle::generate::{Profile, case};
use leadstream_oracle::{Cause, DerivedType};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[test]
fn generated_cases_reach_every_outcome_type_cut_mark_reason_and_timer() {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let strategy = case(&Profile::full());
    for _ in 0..250 {
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
                }
                if derived.derived_type == DerivedType::StageAdvanced && !derived.via.is_empty() {
                    reach("via".to_owned());
                }
            }
        }
        oracle.ledger().iter().flat_map(|record| &record.cuts).for_each(|cut| reach(format!("{cut:?}")));
        let lines = oracle.read().explain("global").unwrap();
        lines.iter().for_each(|line| reach(format!("line {:?}", line.kind)));
    }
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
    let missing: Vec<_> = expected.iter().filter(|what| !reached.contains_key(**what)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}, reached: {reached:#?}");
}
