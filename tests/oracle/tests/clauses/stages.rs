//! S26, S36, S37: the pipeline.

use crate::common::{attribute, day, event, feed, moves, oracle, plan, worth, worth_oracle};

fn pair(old: &str, new: &str) -> (String, String) {
    (old.to_owned(), new.to_owned())
}

const MARKETING: &str =
    "pipeline: { stages: [{ name: lead }, { name: mql, enter: 50, leave_below: 30 }, { name: sql, enter: 80 }] }";

#[test]
fn s26_s36_trap_6_the_points_that_advance_stay_in_the_old_stage() {
    let mut oracle = worth_oracle(MARKETING);
    let effect = feed(&mut oracle, worth("1", 0.0, 60.0));
    assert_eq!(moves(&effect), [pair("lead", "mql")]);
    assert_eq!((effect.derived[0].score, effect.derived[0].threshold), (Some(60_000), Some(50_000)));
    assert_eq!(oracle.scorecard().plans["p"].stage_score, 0);
}

#[test]
fn s36_leave_below_is_armed_once_the_score_reached_it_in_the_stage() {
    let mut oracle = worth_oracle(MARKETING);
    feed(&mut oracle, worth("1", 0.0, 60.0));
    assert!(feed(&mut oracle, worth("2", 1.0, -5.0)).derived.is_empty()); // never reached 30
    feed(&mut oracle, worth("3", 2.0, 40.0)); // 35: armed
    let effect = feed(&mut oracle, worth("4", 3.0, -5.001));
    assert_eq!(moves(&effect), [pair("mql", "lead")]);
    let left = &effect.derived[0];
    assert_eq!((left.score, left.threshold, left.reason.as_deref()), (Some(29_999), Some(30_000), Some("leave_below")));
    assert_eq!(oracle.scorecard().plans["p"].stage_score, 0);
}

#[test]
fn s37_by_stage_one_step_advances_by_one_stage() {
    let mut oracle = worth_oracle(MARKETING);
    let effect = feed(&mut oracle, worth("1", 0.0, 500.0));
    assert_eq!(moves(&effect), [pair("lead", "mql")]);
    assert_eq!(moves(&feed(&mut oracle, worth("2", 1.0, 80.0))), [pair("mql", "sql")]);
}

#[test]
fn s37_by_engagement_one_step_may_advance_by_several_an_event_per_stage() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10, leave_below: 5 }, { name: c, enter: 20, leave_below: 15 }] }",
    );
    let effect = feed(&mut oracle, worth("1", 0.0, 25.0));
    assert_eq!(moves(&effect), [pair("a", "b"), pair("b", "c")]);
    assert_eq!(effect.derived.iter().map(|derived| derived.n).collect::<Vec<_>>(), [1, 2]);
    // Engagement stays, so b is armed on entry and left in the same step.
    let effect = feed(&mut oracle, worth("2", 1.0, -22.0));
    assert_eq!(moves(&effect), [pair("c", "b")]);
    let effect = feed(&mut oracle, event("3", 2.0, "nothing"));
    assert!(effect.derived.is_empty());
}

#[test]
fn s36_going_back_repeats_while_the_lower_stage_holds_its_leave_test() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10, leave_when: contact.out }, { name: c, enter: 20, leave_when: contact.out }] }",
    );
    feed(&mut oracle, worth("1", 0.0, 25.0));
    let effect = feed(&mut oracle, attribute("2", 1.0, "out", true));
    assert_eq!(moves(&effect), [pair("c", "b"), pair("b", "a")]);
    assert_eq!(effect.derived[0].reason.as_deref(), Some("leave_when"));
    // Not into a stage whose leave_when holds, and after a leave only once points were booked.
    assert!(feed(&mut oracle, worth("3", 2.0, 1.0)).derived.is_empty());
    assert_eq!(moves(&feed(&mut oracle, attribute("4", 3.0, "out", false))), [pair("a", "b"), pair("b", "c")]);
}

#[test]
fn s37_after_a_leave_a_later_step_must_book_points_first() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10, leave_when: contact.out }] }",
    );
    feed(&mut oracle, worth("1", 0.0, 25.0));
    feed(&mut oracle, attribute("2", 1.0, "out", true));
    assert!(feed(&mut oracle, attribute("3", 2.0, "out", false)).derived.is_empty());
    assert!(feed(&mut oracle, worth("4", 3.0, 0.0)).derived.is_empty()); // books nothing
    assert_eq!(moves(&feed(&mut oracle, worth("5", 4.0, -1.0))), [pair("a", "b")]);
}

#[test]
fn s37_enter_when_alone_enters_and_with_enter_both_must_hold() {
    let mut oracle = worth_oracle(
        "pipeline: { stages: [{ name: a }, { name: b, enter_when: contact.b }, { name: c, enter: 10, enter_when: contact.c }, { name: d }] }",
    );
    feed(&mut oracle, worth("1", 0.0, 25.0));
    assert_eq!(moves(&feed(&mut oracle, attribute("2", 1.0, "b", true))), [pair("a", "b")]);
    assert!(feed(&mut oracle, worth("3", 2.0, 15.0)).derived.is_empty());
    assert_eq!(moves(&feed(&mut oracle, attribute("4", 3.0, "c", true))), [pair("b", "c")]);
    // d has neither: by feedback only.
    assert!(feed(&mut oracle, worth("5", 4.0, 1000.0)).derived.is_empty());
}

#[test]
fn s36_leave_idle_counts_from_the_later_of_entry_and_activity_and_needs_no_event() {
    let mut oracle = worth_oracle("pipeline: { stages: [{ name: a }, { name: b, enter: 10, leave_idle: 5d }] }");
    feed(&mut oracle, worth("1", 0.0, 10.0));
    feed(&mut oracle, event("2", 2.0, "seen"));
    feed(&mut oracle, event("3", 3.0, "email_delivered")); // passive: no activity
    assert!(oracle.clock(day(7.0) - 1).derived.is_empty());
    let effect = oracle.clock(day(7.0));
    assert_eq!(moves(&effect), [pair("b", "a")]);
    assert_eq!((effect.derived[0].time, effect.derived[0].reason.as_deref()), (day(7.0), Some("leave_idle")));
}

#[test]
fn s36_a_final_stage_is_left_by_neither_a_leave_nor_an_advance() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10, final: true, leave_idle: 5d, leave_when: contact.out }, { name: c, enter: 20 }] }",
    );
    assert_eq!(moves(&feed(&mut oracle, worth("1", 0.0, 100.0))), [pair("a", "b")]);
    assert!(feed(&mut oracle, attribute("2", 1.0, "out", true)).derived.is_empty());
    assert!(oracle.clock(day(50.0)).derived.is_empty());
}

#[test]
fn s31_the_stage_moves_before_a_threshold_on_the_stage_score_reads_it() {
    let mut oracle = worth_oracle(&format!("{MARKETING}\nqualify: {{ score: stage, at: 40 }}"));
    let effect = feed(&mut oracle, worth("1", 0.0, 60.0));
    assert_eq!(effect.derived.len(), 1); // the stage only: its new score is 0
    let effect = feed(&mut oracle, worth("2", 1.0, 45.0));
    assert_eq!(effect.derived[0].subject, "qualify");
    let effect = feed(&mut oracle, worth("3", 2.0, 45.0)); // sql at 0
    assert_eq!(effect.derived.iter().map(|derived| derived.subject.as_str()).collect::<Vec<_>>(), ["stage", "qualify"]);
}

#[test]
fn s26_a_member_is_in_the_first_stage_just_before_its_first_step() {
    let mut oracle = worth_oracle("pipeline: { stages: [{ name: a }, { name: b, enter: 1000 }] }");
    let effect = feed(&mut oracle, worth("1", 3.0, 10.0));
    assert!(effect.derived.is_empty()); // silently
    let card = &oracle.scorecard().plans["p"];
    assert_eq!((card.stage.as_deref(), card.stage_since, card.stage_score), (Some("a"), Some(day(3.0)), 10_000));
}

#[test]
fn s59_conditions_read_the_stage_before_the_step_as_text_or_null() {
    let other = plan(
        "q",
        "members: contact.q\nrules: [{ id: n, on: worth, when: 'level(\"\", \"stage\") == null', points: 1 }]\npipeline: { stages: [{ name: one }] }",
    );
    let first = plan(
        "p",
        &format!(
            "rules: [{{ id: w, on: worth, points: event.value }}, {{ id: m, on: look, when: 'level(\"\", \"stage\") == \"mql\" && level(\"q\", \"stage\") == null', points: 7 }}]\n{MARKETING}"
        ),
    );
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&first, &other]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0));
    feed(&mut oracle, event("2", 1.0, "look"));
    assert_eq!(oracle.scorecard().plans["p"].score, 67_000);
}

#[test]
fn s31_stage_and_qualification_of_one_step_come_in_their_order() {
    let mut oracle = oracle(&format!(
        "rules: [{{ id: w, on: worth, points: event.value, tag: z }}]\n{MARKETING}\nqualify: {{ at: 50 }}"
    ));
    let effect = feed(&mut oracle, worth("1", 0.0, 50.0));
    let subjects: Vec<_> = effect.derived.iter().map(|derived| derived.subject.as_str()).collect();
    assert_eq!(subjects, ["tag:z", "stage", "qualify"]);
    assert_eq!(effect.derived.iter().map(|derived| derived.seq).collect::<Vec<_>>(), [1, 2, 3]);
}
