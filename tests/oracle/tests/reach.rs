//! What the generators reach: a mixture that never meets a construct proves nothing about it.

#![allow(clippy::unwrap_used, reason = "what a test calls fails as the test does")]

use std::collections::BTreeMap;

use leadstream_oracle::case::{Case, Command, plan_text};
use leadstream_oracle::generate::identities::dealt;
use leadstream_oracle::generate::{Groups, Profile, case};
use leadstream_oracle::{Cause, Contacts, DerivedType, Uid, Verdict};
use proptest::strategy::{Just, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// What the rule with that number waits for, in the first version of its plan.
fn rule_kind(case: &Case, plan: &str, rule: &str) -> Option<&'static str> {
    let lines = case.plans.iter().find(|lines| lines[0] == format!("plan: {plan}"))?;
    let line = lines.iter().find(|line| line.contains(&format!("id: {rule},")))?;
    ["in_order", "all:", "after:", "idle:", "on:"].into_iter().find(|key| line.contains(key))
}

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
                derived.marks.iter().for_each(|mark| reach(format!("{:?} {mark}", derived.derived_type)));
                derived.reason.iter().for_each(|reason| reach(format!("{:?} for {reason}", derived.derived_type)));
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
            let written = case.commands.iter().find_map(|command| match command {
                Command::Event(event) if Some(Uid::of(&event.source, &event.id).hex()) == record.uid => Some(event),
                _ => None,
            });
            if written.is_some_and(|event| event.time < record.time && event.verdict != Verdict::Human) {
                reach("held".to_owned());
            }
            if record.ended {
                reach("ended".to_owned());
            }
            if record.rule == "#adjust" {
                reach("adjusted".to_owned());
                record.cuts.iter().for_each(|cut| reach(format!("{cut:?} of an adjustment")));
            }
            record.cuts.iter().for_each(|cut| reach(format!("{cut:?}")));
            // A timer's booking with a uid is a window's.
            let events = |event: &leadstream_oracle::Uid| Some(event.hex()) == record.uid;
            let times = case.commands.iter().filter_map(|command| match command {
                Command::Event(event) => Some((Uid::of(&event.source, &event.id), event.time)),
                _ => None,
            });
            if record.uid.is_some() && !times.clone().any(|(uid, time)| events(&uid) && time == record.time) {
                record.cuts.iter().for_each(|cut| reach(format!("{cut:?} of a window")));
                reach("window".to_owned());
            }
            if let Some(kind) = rule_kind(&case, &record.plan, &record.rule) {
                reach(format!("rule {kind}"));
            }
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
fn the_profile_absence_reaches_windows_and_what_they_lead_to() {
    let expected = [
        "rule after:",
        "window",
        "Cap of a window",
        "timer Absence",
        "reason release by Absence",
        "TagAdded by Absence",
    ];
    assert_reached(&reached(&Profile::absence(), 150), &expected);
}

#[test]
fn the_profile_compound_reaches_rules_of_several_parts_in_any_order_and_in_theirs() {
    assert_reached(&reached(&Profile::compound(), 150), &["rule all:", "rule in_order", "Weight", "Cap"]);
}

#[test]
fn the_profile_commands_reaches_adjustments_and_what_feedback_does() {
    let expected = [
        "adjusted",
        "Limit of an adjustment",
        "ended",
        "LeadDisqualified for feedback",
        "StageAdvanced for feedback",
        "StageRegressed for feedback",
    ];
    assert_reached(&reached(&Profile::commands(), 250), &expected);
}

#[test]
fn the_profile_levels_reaches_each_level_by_event_and_by_correction() {
    let expected = [
        "BandChanged",
        "BandChanged late",
        "BandChanged for members",
        "GradeChanged",
        "GradeChanged late",
        "GradeChanged for members",
        "LeadRouted",
        "LeadRouted late",
        "ActionRequested",
        "ActionRequested late",
        "BandChanged by PlanChange",
        "ActionRequested by PlanChange",
    ];
    assert_reached(&reached(&Profile::levels(), 250), &expected);
    let decaying = Profile::of_groups(Groups { decay: true, levels: true, ..Groups::default() });
    assert_reached(
        &reached(&decaying, 250),
        &["BandChanged by Check", "GradeChanged by Check", "ActionRequested by Check"],
    );
}

#[test]
fn the_profile_verdicts_reaches_releases_and_corrections_by_verdicts() {
    let reached = reached(&Profile::verdicts(), 250);
    assert_reached(&reached, &["held", "corrects", "Suppressed", "Weight"]);
}

#[test]
fn the_profile_versions_reaches_recomputes_and_retired_plans() {
    let reached = reached(&Profile::versions(), 250);
    let expected = [
        "mark recompute",
        "mark plan",
        "LeadQualified recompute",
        "LeadDisqualified recompute",
        "StageRegressed recompute",
        "LeadDisqualified for plan",
        "StageRegressed for plan",
        "line Base",
    ];
    assert_reached(&reached, &expected);
}

#[test]
fn dealt_cases_reach_merges_that_correct_and_merges_that_do_not() {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let strategy = case(&Profile::everything().steady()).prop_flat_map(|case| (Just(case.clone()), dealt(&case)));
    for _ in 0..100 {
        let (case, commands) = strategy.new_tree(&mut runner).unwrap().current();
        let texts: Vec<String> = case.plans.iter().map(|lines| plan_text(lines)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut contacts = Contacts::new(&texts, case.limits).unwrap();
        for command in &commands {
            for derived in contacts.command_of(command).unwrap().derived {
                for mark in derived.marks {
                    *reached.entry(format!("{:?} {mark}", derived.derived_type)).or_default() += 1;
                }
            }
        }
    }
    let expected = [
        "ContactMerged",
        "LeadDisqualified",
        "LeadRouted",
        "StageRegressed",
        "BandChanged",
        "GradeChanged",
        "ActionRequested",
    ];
    assert_reached(&reached, &expected.map(|what| format!("{what} merge")).each_ref().map(String::as_str));
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
