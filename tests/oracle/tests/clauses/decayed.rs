//! What decay leads to beyond S20 and S21: room under limits, levels that move between events, late events, reads of the past.

use leadstream_oracle::{Cut, DAY_MS, Oracle};

use crate::common::{day, event, feed, moves, oracle, score, short, worth, worth_oracle};

/// The score of plan `p` when the task clock has reached an instant.
fn score_at(oracle: &mut Oracle, instant: i64) -> f64 {
    oracle.clock(instant);
    score(oracle)
}

#[test]
fn s19_a_cap_counts_what_was_applied_and_never_what_is_left_of_it() {
    let mut oracle =
        oracle("rules: [{ id: a, on: x, points: 10, cap: { points: 15, per: ever }, decay: { expire: 1d } }]");
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, event("2", 5.0, "x"));
    assert_eq!(score(&oracle), 5.0);
}

#[test]
fn s33_the_release_comes_before_an_event_that_arrives_after_it() {
    let mut oracle = worth_oracle("decay: { linear: 10d }\nqualify: { at: 100, release: 80 }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    let effect = feed(&mut oracle, worth("2", 5.0, 60.0));
    let names: Vec<_> = short(&effect).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["lead.disqualified", "lead.qualified"]);
    // At 172804320 the score is 79.9995 exactly, which rounds up to 80.
    assert_eq!(effect.derived[0].time, 172_804_321);
}

#[test]
fn s33_plus_and_minus_points_of_one_decay_cross_where_their_sum_does() {
    let mut oracle = worth_oracle("decay: { linear: 10d }\nqualify: { at: 5, release: -0.5 }");
    feed(&mut oracle, worth("1", 0.0, 20.0));
    feed(&mut oracle, worth("2", 1.0, -13.0)); // 18 - 13 = 5, which falls by 0.7 a day until it is -1.3 at day 10
    let off = oracle.clock(day(30.0));
    assert_eq!(off.derived.len(), 1);
    // Ten days times the exact sum in thousandths; rnd(x) <= -501 is x < -500.5.
    let sum = |at: i64| 20_000 * (10 * DAY_MS - at) - 13_000 * (11 * DAY_MS - at);
    let is_below = |at: i64| 2 * sum(at) < -1_001 * 10 * DAY_MS;
    let instant = off.derived[0].time;
    assert!(is_below(instant) && !is_below(instant - 1));
}

#[test]
fn s33_a_leave_test_is_armed_by_ended_minus_points_between_two_steps() {
    let mut oracle = oracle(
        "rules: [{ id: good, on: x, points: 15 }, { id: bad, on: y, points: -5, decay: { expire: 7d } }, { id: less, on: z, points: -4 }]\n\
         pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10, leave_below: 12 }] }",
    );
    feed(&mut oracle, event("1", 0.0, "y"));
    feed(&mut oracle, event("2", 1.0, "x")); // 10: in, not armed
    assert_eq!(oracle.scorecard().plans["p"].stage.as_deref(), Some("b"));
    // 15 at day 7 arms; 11 at day 8 leaves.
    let left = feed(&mut oracle, event("3", 8.0, "z"));
    assert_eq!(moves(&left), [("b".to_owned(), "a".to_owned())]);
}

#[test]
fn s37_the_next_stage_is_entered_when_minus_points_end() {
    let mut oracle = oracle(
        "rules: [{ id: good, on: x, points: 15 }, { id: bad, on: y, points: -10, decay: { linear: 10d } }]\n\
         pipeline: { by: plan, stages: [{ name: a }, { name: b, enter: 10 }] }",
    );
    feed(&mut oracle, event("1", 0.0, "y"));
    feed(&mut oracle, event("2", 1.0, "x"));
    let entered = oracle.clock(day(30.0));
    // 15 - 10 (10 - d)/10 = 10 at day 5; half a thousandth before it rounds to 10.000.
    assert_eq!(entered.derived.len(), 1);
    assert_eq!((entered.derived[0].time, entered.derived[0].score), (day(5.0) - 43_200, Some(10_000)));
}

#[test]
fn s5_a_score_is_read_at_any_instant_up_to_the_task_clock() {
    let mut oracle = worth_oracle("decay: { linear: 10d }");
    feed(&mut oracle, worth("1", 0.0, 10.0));
    oracle.clock(day(8.0));
    let score_then = |days: f64| oracle.read_at(day(days)).scorecard().plans["p"].score;
    assert_eq!([score_then(0.0), score_then(5.0), score_then(20.0)], [10_000, 5_000, 2_000]);
}

#[test]
fn s40_a_late_event_is_judged_with_the_scores_of_its_time() {
    let mut oracle = worth_oracle("decay: { linear: 10d }\nqualify: { at: 14 }");
    feed(&mut oracle, worth("1", 0.0, 10.0));
    feed(&mut oracle, event("2", 9.0, "anything"));
    // 8 + 6 at day 2 qualified for a moment; now both are past, so that nothing is told.
    let effect = feed(&mut oracle, worth("3", 2.0, 6.0));
    assert_eq!(effect.derived, []);
    assert_eq!(oracle.scorecard().plans["p"].qualified_since, Some(day(2.0) + 27_001));
}

#[test]
fn s22_a_ceiling_leaves_room_again_when_points_have_decayed() {
    let mut oracle = worth_oracle("limits: { ceiling: 100 }\ndecay: { half_life: 10d }");
    feed(&mut oracle, worth("1", 0.0, 120.0));
    feed(&mut oracle, worth("2", 10.0, 80.0));
    let applied: Vec<_> = oracle.ledger().iter().map(|record| (record.applied, record.cuts.clone())).collect();
    assert_eq!(applied, [(100_000, [Cut::Limit].into()), (50_000, [Cut::Limit].into())]);
    assert_eq!(score(&oracle), 100.0);
}

#[test]
fn s20_a_half_life_halves_from_any_instant_of_booking_and_for_either_sign() {
    for points in [100.0, -100.0] {
        // Eleven days and a bit: inside a frame, whose borders are multiples of the half-life since the epoch.
        let mut oracle = worth_oracle("decay: { half_life: 30d }");
        feed(&mut oracle, worth("1", 11.3, points));
        assert_eq!(score(&oracle), points);
        assert_eq!(score_at(&mut oracle, day(41.3)), points / 2.0);
        assert_eq!(score_at(&mut oracle, day(71.3)), points / 4.0);
    }
}
