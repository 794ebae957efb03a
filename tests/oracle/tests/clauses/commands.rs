//! S17 adjustments and S38 feedback: what people at the CRM do to a score.

use leadstream_oracle::{Decay, Effect, Kind, Oracle, OracleEvent, Outcome};

use crate::common::{attribute, day, event, feed, moves, oracle, plan, score, worth, worth_oracle};

fn adjust(id: &str, days: f64, what: &str, points: f64) -> OracleEvent {
    event(id, days, "adjust").of_kind(Kind::Adjust).with("plan", "p").with(what, points)
}

fn feedback(id: &str, days: f64, outcome: &str) -> OracleEvent {
    event(id, days, "feedback").of_kind(Kind::Feedback).with("outcome", outcome)
}

fn reasons(effect: &Effect) -> Vec<(String, Option<String>)> {
    effect.derived.iter().map(|derived| (derived.subject.clone(), derived.reason.clone())).collect()
}

#[test]
fn s17_add_books_under_the_limits_and_set_books_the_difference() {
    let mut oracle = worth_oracle("limits: { floor: 0, ceiling: 100 }\nqualify: { at: 90 }");
    feed(&mut oracle, worth("1", 0.0, 30.0));
    let effect = feed(&mut oracle, adjust("2", 1.0, "add", 65.0).with("author", "ola").with("reason", "met at a fair"));
    assert_eq!((effect.outcome, effect.derived[0].subject.as_str()), (Some(Outcome::Applied), "qualify"));
    feed(&mut oracle, adjust("3", 2.0, "add", 65.0));
    assert_eq!(score(&oracle), 100.0);
    feed(&mut oracle, adjust("4", 3.0, "set", 12.5));
    assert_eq!(score(&oracle), 12.5);
    feed(&mut oracle, adjust("5", 4.0, "set", -5.0));
    let booked: Vec<_> = oracle.ledger().iter().skip(1).map(|record| (record.raw, record.applied)).collect();
    assert_eq!(booked, [(65_000, 65_000), (65_000, 5_000), (-87_500, -87_500), (-17_500, -12_500)]);
}

#[test]
fn s17_set_is_booked_anew_on_a_re_fold_and_reads_what_is_left() {
    let mut oracle = worth_oracle("decay: { linear: 10d }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    feed(&mut oracle, adjust("2", 5.0, "set", 80.0).with("decay", "none"));
    assert_eq!(oracle.ledger()[1].applied, 30_000);
    assert_eq!(oracle.ledger()[1].decay, Decay::None);
    // A late event before it changes what has to be added.
    feed(&mut oracle, worth("3", 0.0, 20.0));
    assert_eq!(oracle.ledger().iter().find(|record| record.time == day(5.0)).unwrap().applied, 20_000);
    oracle.clock(day(10.0));
    assert_eq!(score(&oracle), 20.0);
    // Without a word an adjustment decays as the plan does.
    feed(&mut oracle, adjust("4", 11.0, "add", 10.0));
    assert_eq!(oracle.ledger().last().unwrap().decay, Decay::Linear(day(10.0)));
}

#[test]
fn s17_an_adjustment_needs_a_plan_a_member_and_points_and_counts_in_the_stage() {
    let mut oracle =
        oracle("members: contact.inside\nrules: []\npipeline: { stages: [{ name: a }, { name: b, enter: 10 }] }");
    feed(&mut oracle, adjust("1", 0.0, "add", 5.0));
    feed(&mut oracle, attribute("2", 1.0, "inside", true));
    feed(&mut oracle, event("3", 2.0, "adjust").of_kind(Kind::Adjust).with("add", 5.0));
    feed(&mut oracle, adjust("4", 2.0, "add", 2e6));
    feed(&mut oracle, adjust("5", 2.0, "add", 5.0).with("plan", "q"));
    assert!(oracle.ledger().is_empty());
    assert_eq!(moves(&feed(&mut oracle, adjust("6", 3.0, "add", 10.0))), [("a".to_owned(), "b".to_owned())]);
}

#[test]
fn s14_s17_adjustments_and_feedback_are_no_activity() {
    let mut oracle = worth_oracle("pipeline: { stages: [{ name: a }, { name: b, enter: 10, leave_idle: 5d }] }");
    feed(&mut oracle, worth("1", 0.0, 10.0));
    feed(&mut oracle, adjust("2", 3.0, "add", 1.0));
    feed(&mut oracle, feedback("3", 4.0, "lost"));
    assert_eq!(oracle.clock(day(5.0)).derived[0].time, day(5.0));
}

const SALES: &str = "qualify: { at: 100, release: 80, cooldown: 7d }\n\
    pipeline: { stages: [{ name: lead }, { name: mql, enter: 50, leave_below: 30 }, { name: customer, final: true }] }";

fn sales(feedback: &str) -> Oracle {
    worth_oracle(&format!("{SALES}\nfeedback: {feedback}"))
}

#[test]
fn s38_feedback_disqualifies_moves_the_stage_and_ends_engagement() {
    let mut oracle = sales("{ outcomes: { won: customer, lost: lead } }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    feed(&mut oracle, worth("2", 1.0, 20.0));
    let effect = feed(&mut oracle, feedback("3", 2.0, "won"));
    let why = Some("feedback".to_owned());
    assert_eq!(reasons(&effect), [("stage".to_owned(), why.clone()), ("qualify".to_owned(), why)]);
    assert_eq!(moves(&effect), [("mql".to_owned(), "customer".to_owned())]);
    let card = &oracle.scorecard().plans["p"];
    assert_eq!((card.score, card.engagement, card.stage_score, card.qualified), (0, 0, 0, false));
    assert!(oracle.ledger().iter().all(|record| record.ended));
    // A final stage yields to feedback only.
    assert!(feed(&mut oracle, worth("4", 3.0, 60.0)).derived.is_empty());
    assert_eq!(moves(&feed(&mut oracle, feedback("5", 4.0, "lost"))), [("customer".to_owned(), "lead".to_owned())]);
}

#[test]
fn s38_recycle_keep_keeps_engagement_and_interest_has_to_be_shown_anew() {
    let mut oracle = sales("{ recycle: keep }");
    feed(&mut oracle, worth("1", 0.0, 120.0));
    assert_eq!(feed(&mut oracle, feedback("2", 1.0, "rejected")).derived.len(), 1);
    assert_eq!((score(&oracle), oracle.read().levels()["p"].after_feedback), (120.0, true));
    // Neither time nor an event without points brings the lead back.
    assert!(oracle.clock(day(9.0)).derived.is_empty());
    assert!(feed(&mut oracle, event("3", 9.5, "nothing")).derived.is_empty());
    let effect = feed(&mut oracle, worth("4", 10.0, 1.0));
    assert!(effect.derived.iter().any(|derived| derived.subject == "qualify"));
}

#[test]
fn s38_a_score_below_release_lifts_the_bar_too() {
    let mut oracle = sales("{ recycle: keep }");
    feed(&mut oracle, worth("1", 0.0, 120.0));
    feed(&mut oracle, feedback("2", 1.0, "rejected"));
    feed(&mut oracle, worth("3", 2.0, -41.0));
    assert!(!oracle.read().levels()["p"].after_feedback);
}

#[test]
fn s33_s38_decay_below_release_lifts_the_bar_with_no_event() {
    let mut oracle = oracle(
        "rules: [{ id: w, on: worth, points: event.value }, { id: m, on: x, points: 50, decay: { expire: 5d } }, \
         { id: l, on: y, points: -50, decay: { expire: 6d } }]\nqualify: { at: 100, release: 80 }\nfeedback: { recycle: keep }",
    );
    feed(&mut oracle, worth("1", 0.0, 100.0));
    feed(&mut oracle, event("2", 0.5, "x"));
    feed(&mut oracle, event("3", 0.6, "y")); // 100 until d5.5, 50 until d6.6, 100 again
    feed(&mut oracle, feedback("4", 1.0, "lost"));
    let effect = oracle.clock(day(9.0));
    assert_eq!(effect.derived.iter().map(|derived| derived.time).collect::<Vec<_>>(), [day(6.6)]);
}

#[test]
fn s38_the_cooldown_restarts_at_feedback() {
    let mut oracle = sales("{ recycle: reset }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    feed(&mut oracle, feedback("2", 6.0, "lost"));
    let effect = feed(&mut oracle, worth("3", 8.0, 150.0));
    assert!(effect.derived.iter().all(|derived| derived.subject == "stage"));
    assert_eq!(oracle.clock(day(20.0)).derived[0].time, day(13.0));
}

#[test]
fn s36_s38_a_stage_entered_by_feedback_is_left_only_from_the_next_event_on() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 500, leave_when: contact.out }] }\n\
         feedback: { recycle: keep, outcomes: { won: b } }\nqualify: { at: 10, cooldown: 5d }",
    );
    feed(&mut oracle, attribute("1", 0.0, "out", true));
    feed(&mut oracle, worth("2", 1.0, 5.0));
    assert_eq!(moves(&feed(&mut oracle, feedback("3", 2.0, "won"))), [("a".to_owned(), "b".to_owned())]);
    assert!(oracle.clock(day(9.0)).derived.is_empty());
    assert_eq!(moves(&feed(&mut oracle, event("4", 10.0, "nothing"))), [("b".to_owned(), "a".to_owned())]);
}

#[test]
fn s37_s38_after_feedback_a_stage_is_advanced_from_only_once_a_later_step_booked_points() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10 }] }\nfeedback: { recycle: keep, outcomes: { lost: a } }",
    );
    feed(&mut oracle, worth("1", 0.0, 20.0));
    assert_eq!(moves(&feed(&mut oracle, feedback("2", 1.0, "lost"))), [("b".to_owned(), "a".to_owned())]);
    assert!(feed(&mut oracle, event("3", 2.0, "nothing")).derived.is_empty());
    assert_eq!(moves(&feed(&mut oracle, worth("4", 3.0, 1.0))), [("a".to_owned(), "b".to_owned())]);
}

#[test]
fn s37_a_stage_with_neither_enter_nor_enter_when_is_entered_by_feedback_only() {
    let mut oracle = sales("{ recycle: keep, outcomes: { won: customer } }");
    feed(&mut oracle, worth("1", 0.0, 60.0));
    feed(&mut oracle, worth("2", 1.0, 900.0));
    assert_eq!(oracle.scorecard().plans["p"].stage.as_deref(), Some("mql"));
    feed(&mut oracle, feedback("3", 2.0, "won"));
    assert_eq!(oracle.scorecard().plans["p"].stage.as_deref(), Some("customer"));
}

#[test]
fn s38_all_plans_unless_it_names_one_and_once_keys_and_caps_stay() {
    let text = |id: &str| {
        plan(
            id,
            "rules: [{ id: w, on: worth, points: 40, cap: { points: 60, per: ever } }, { id: o, on: worth, points: 1, once_per: ever }]",
        )
    };
    let mut oracle = Oracle::new("c1", &[&text("p"), &text("q")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 0.0));
    feed(&mut oracle, feedback("2", 1.0, "lost").with("plan", "q"));
    let scores = |oracle: &Oracle| ["p", "q"].map(|plan| oracle.scorecard().plans[plan].score);
    assert_eq!(scores(&oracle), [41_000, 0]);
    feed(&mut oracle, worth("3", 2.0, 0.0));
    assert_eq!(scores(&oracle), [61_000, 20_000]);
    feed(&mut oracle, feedback("4", 3.0, "lost"));
    assert_eq!(scores(&oracle), [0, 0]);
    // A word that is no outcome is nothing.
    feed(&mut oracle, worth("5", 4.0, 0.0));
    feed(&mut oracle, feedback("6", 5.0, "undecided"));
    assert_eq!(scores(&oracle), [0, 0]);
}

#[test]
fn s38_late_feedback_folds_anew_and_is_corrected_once() {
    let mut oracle = worth_oracle("qualify: { at: 100 }");
    feed(&mut oracle, worth("1", 0.0, 60.0));
    feed(&mut oracle, worth("2", 5.0, 60.0));
    let effect = feed(&mut oracle, feedback("3", 1.0, "lost"));
    assert_eq!((effect.derived.len(), effect.derived[0].marks.as_slice()), (1, &["late".to_owned()][..]));
    assert_eq!(score(&oracle), 60.0);
}
