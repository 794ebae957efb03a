//! S20, S21, S22, S25, S26, S33 under decay: what points are worth with age, and the instants at which levels follow.

use leadstream_oracle::{Cause, Decay, LineKind, Oracle, Plan, TimerKind};

use crate::common::{crm_tag, day, event, expected, feed, moves, oracle, plan, score, short, worth, worth_oracle};

/// The score of plan `p` at an instant, in thousandths. The clock must have reached it.
fn score_at(oracle: &Oracle, instant: i64) -> i64 {
    oracle.read_at(instant).scorecard().plans["p"].score
}

#[test]
fn s20_half_life_30d_leaves_70_711_after_15d_50_after_30d_and_less_than_80_from_834481934_ms() {
    let mut oracle = worth_oracle("decay: { half_life: 30d }\nqualify: { at: 100, release: 80 }");
    assert_eq!(short(&feed(&mut oracle, worth("1", 0.0, 100.0))), expected("lead.qualified", 0.0, 0.0, 1));
    assert!(oracle.clock(834_481_933).derived.is_empty());
    let effect = oracle.clock(day(60.0));
    let off = &effect.derived[0];
    assert_eq!(
        (effect.derived.len(), off.time, off.score, off.threshold),
        (1, 834_481_934, Some(79_999), Some(80_000))
    );
    let cause = Cause::Timer { due: 834_481_934, kind: TimerKind::Check, plan: None, rule: None };
    assert_eq!((&off.cause, off.reason.as_deref()), (&cause, Some("release")));
    let at = [day(15.0), day(30.0), day(60.0), 834_481_933, 834_481_934].map(|instant| score_at(&oracle, instant));
    assert_eq!(at, [70_711, 50_000, 25_000, 80_000, 79_999]);
}

#[test]
fn s20_linear_step_expiry_and_none_by_age_from_booking_for_either_sign() {
    for (decay, expected) in [
        ("{ linear: 10d }", [100_000, 50_000, 10_000, 0]),
        ("{ step: [[5d, 50], [9d, 12.5]] }", [100_000, 50_000, 12_500, 12_500]),
        ("{ expire: 10d }", [100_000, 100_000, 100_000, 0]),
        ("none", [100_000; 4]),
    ] {
        for sign in [1.0, -1.0] {
            let mut oracle = worth_oracle(&format!("decay: {decay}"));
            feed(&mut oracle, worth("1", 2.0, 100.0 * sign));
            oracle.clock(day(20.0));
            let at = [2.0, 7.0, 11.0, 12.0].map(|days| score_at(&oracle, day(days)));
            assert_eq!(at, expected.map(|points: i64| points * sign as i64), "{decay}");
        }
    }
}

#[test]
fn s20_spans_are_half_open_points_are_whole_until_the_last_millisecond_of_a_step() {
    let mut oracle = worth_oracle("decay: { expire: 10d }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    oracle.clock(day(20.0));
    assert_eq!((score_at(&oracle, day(10.0) - 1), score_at(&oracle, day(10.0))), (100_000, 0));
}

#[test]
fn s20_a_rule_overrides_the_plan_and_a_booking_keeps_its_decay_through_a_change() {
    let text = |decay: &str| {
        plan(
            "p",
            &format!(
                "decay: {decay}\nrules: [{{ id: w, on: worth, points: event.value }}, {{ id: s, on: stays, points: 7, decay: none }}]"
            ),
        )
    };
    let mut oracle = Oracle::new("c1", &[&text("{ linear: 10d }")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 100.0));
    feed(&mut oracle, event("2", 0.0, "stays"));
    oracle.forward(day(5.0), &[&text("{ expire: 2d }")]).unwrap();
    feed(&mut oracle, worth("3", 6.0, 1.0));
    oracle.clock(day(9.0));
    assert_eq!(score_at(&oracle, day(6.0)), 40_000 + 7_000 + 1_000);
    assert_eq!(score_at(&oracle, day(9.0)), 10_000 + 7_000);
    let decays: Vec<_> = oracle.ledger().into_iter().map(|record| (record.rule, record.decay)).collect();
    assert!(decays.contains(&("w".to_owned(), Decay::Linear(day(10.0)))));
    assert!(decays.contains(&("w".to_owned(), Decay::Step(vec![(day(2.0), 0)]))));
    assert!(decays.contains(&("s".to_owned(), Decay::None)));
}

#[test]
fn s20_decays_that_plans_may_not_say_are_refused() {
    for decay in [
        "{ half_life: 59s }",
        "{ half_life: 30d, linear: 3d }",
        "{ }",
        "{ step: [] }",
        "{ step: [[5d, 50], [5d, 40]] }",
        "{ step: [[5d, 50], [6d, 51]] }",
        "{ step: [[5d, 101]] }",
        "{ step: [[5d, -1]] }",
        "{ linear: 11y }",
        "{ half-life: 30d }",
        "sometimes",
    ] {
        assert!(Plan::parse(&plan("p", &format!("decay: {decay}\nrules: []"))).is_err(), "{decay}");
    }
    // A share may stay the same, and expiry is a step to nothing.
    assert!(Plan::parse(&plan("p", "decay: { step: [[5d, 50], [6d, 50], [7d, 0]] }")).is_ok());
}

#[test]
fn s21_trap_2_a_group_is_summed_before_it_is_rounded_and_its_parts_are_shown_by_largest_fractions() {
    let mut oracle = worth_oracle("decay: { linear: 3d }");
    for (id, value) in [("1", 0.001), ("2", 0.001), ("3", 0.001), ("4", 0.002)] {
        feed(&mut oracle, worth(id, 0.0, value));
    }
    oracle.clock(day(2.0));
    // 5/3 thousandths: 2. Parts of 1/3 and one of 2/3: the latter gets the first, and the first by uid of the others the second.
    let lines = oracle.read().explain("plan:p").unwrap();
    assert_eq!(score_at(&oracle, day(2.0)), 2);
    let value = |id: &str| {
        let uid = leadstream_oracle::Uid::of("web", id).hex();
        lines.iter().find(|line| line.uid.as_ref() == Some(&uid)).unwrap().value
    };
    let mut thirds = ["1", "2", "3"].map(|id| (leadstream_oracle::Uid::of("web", id), value(id)));
    thirds.sort();
    assert_eq!((thirds.map(|(_, value)| value), value("4")), ([1, 0, 0], 1));
}

#[test]
fn s21_groups_of_different_decays_are_rounded_each_and_then_added() {
    let mut oracle = oracle(
        "rules: [{ id: a, on: x, points: 0.001, decay: { linear: 2d } }, { id: b, on: x, points: 0.001, decay: { linear: 4d } }]",
    );
    feed(&mut oracle, event("1", 0.0, "x"));
    oracle.clock(day(2.0) - 1);
    // At 1d: 1/2 and 3/4, both rounded up; together they would be 1.25.
    assert_eq!(score_at(&oracle, day(1.0)), 2);
}

#[test]
fn s21_the_base_is_one_part_of_each_group_and_one_line() {
    let text = plan("p", "decay: { half_life: 30d }\nrules: [{ id: w, on: worth, points: event.value }]");
    let limits = leadstream_oracle::Limits { rows: 1, ..leadstream_oracle::Limits::default() };
    let mut bounded = Oracle::with_limits("c1", &[&text], limits).unwrap();
    let mut whole = Oracle::new("c1", &[&text]).unwrap();
    for (id, days, value) in [("1", 0.0, 33.333), ("2", 3.0, -7.001), ("3", 5.0, 10.0)] {
        feed(&mut bounded, worth(id, days, value));
        feed(&mut whole, worth(id, days, value));
    }
    bounded.clock(day(17.0));
    whole.clock(day(17.0));
    assert_eq!(bounded.scorecard(), whole.scorecard());
    let lines = bounded.read().explain("engagement:p").unwrap();
    assert_eq!(lines.iter().filter(|line| line.kind == LineKind::Base).count(), 1);
    assert_eq!(lines.iter().map(|line| line.value).sum::<i64>(), bounded.scorecard().plans["p"].engagement);
}

#[test]
fn s22_limits_read_the_engagement_that_is_left_and_the_clamp_on_read_is_a_line() {
    let mut oracle = oracle(
        "limits: { floor: 0, ceiling: 100 }\nrules: [{ id: w, on: worth, points: event.value, decay: { expire: 2d } }, { id: l, on: loss, points: -30 }]",
    );
    feed(&mut oracle, worth("1", 0.0, 90.0));
    feed(&mut oracle, worth("2", 1.0, 90.0));
    assert_eq!(oracle.ledger()[1].applied, 10_000);
    feed(&mut oracle, worth("3", 2.0, 95.0)); // the first 90 are gone: 90 fit beside the 10
    assert_eq!(oracle.ledger()[2].applied, 90_000);
    feed(&mut oracle, event("4", 2.5, "loss"));
    oracle.clock(day(9.0));
    let reading = oracle.read_at(day(5.0));
    let card = &reading.scorecard().plans["p"];
    assert_eq!((card.engagement, card.score), (-30_000, 0));
    let lines = reading.explain("plan:p").unwrap();
    let limit = lines.iter().find(|line| line.kind == LineKind::Limit).unwrap();
    assert_eq!(limit.value, 30_000);
    // A returning lead starts from what is booked, not from the clamped score: the debt is real where points decayed unequally.
    assert_eq!(reading.explain("engagement:p").unwrap().iter().map(|line| line.value).sum::<i64>(), -30_000);
}

#[test]
fn s25_points_joining_a_tag_decay_as_the_rule_does_and_those_of_the_crm_never() {
    let mut oracle = oracle(
        "rules: [{ id: t, on: x, points: 10, tags: [vip, { tag: vip, points: 4 }], decay: { linear: 10d } }]\nqualify: { score: 'tag:vip', at: 12 }",
    );
    feed(&mut oracle, event("1", 0.0, "x"));
    let effect = oracle.clock(day(9.0));
    assert_eq!(effect.derived.len(), 1); // from 14 to 12 after 14.3 % of ten days
    assert_eq!(effect.derived[0].score, Some(11_999));
    feed(&mut oracle, crm_tag("2", 9.0, "vip", 20.0));
    oracle.clock(day(30.0));
    assert_eq!(oracle.scorecard().tags["vip"].score, 20_000);
}

#[test]
fn s26_s36_a_stage_score_decays_and_the_stage_is_left_when_it_falls_below() {
    let mut oracle = worth_oracle(
        "decay: { half_life: 30d }\npipeline: { stages: [{ name: lead }, { name: mql, enter: 50, leave_below: 30 }] }",
    );
    assert_eq!(moves(&feed(&mut oracle, worth("1", 0.0, 60.0))), [("lead".to_owned(), "mql".to_owned())]);
    feed(&mut oracle, worth("2", 1.0, 35.0)); // arms 30
    let effect = oracle.clock(day(60.0));
    assert_eq!(moves(&effect), [("mql".to_owned(), "lead".to_owned())]);
    let left = &effect.derived[0];
    assert_eq!((left.score, left.threshold, left.reason.as_deref()), (Some(29_999), Some(30_000), Some("leave_below")));
    // Back in the first stage at nothing, while the plan's score is untouched by stages.
    let card = &oracle.read_at(left.time).scorecard().plans["p"];
    assert!(card.stage_score == 0 && card.score > 70_000, "{card:?}");
}

#[test]
fn s33_ended_minus_points_raise_a_score_over_its_threshold_with_no_event() {
    let mut oracle = oracle(
        "rules: [{ id: w, on: worth, points: event.value }, { id: l, on: loss, points: -30, decay: { expire: 2d } }]\nqualify: { at: 100 }\n\
         pipeline: { by: plan, stages: [{ name: a }, { name: b, enter: 100 }] }",
    );
    feed(&mut oracle, event("1", 0.0, "loss"));
    assert!(feed(&mut oracle, worth("2", 1.0, 110.0)).derived.is_empty());
    assert!(oracle.clock(day(2.0) - 1).derived.is_empty());
    let effect = oracle.clock(day(2.0));
    let names: Vec<_> = effect.derived.iter().map(|derived| (derived.subject.as_str(), derived.time)).collect();
    assert_eq!(names, [("stage", day(2.0)), ("qualify", day(2.0))]);
}

#[test]
fn s33_mixed_parts_fall_and_rise_and_each_crossing_is_told_at_its_instant() {
    // +100 linear over 10 d and -60 linear over 5 d: 40 at first, 60 at d4, 50 at d5, 40 at d6.
    let mut oracle = oracle(
        "rules: [{ id: a, on: x, points: 100, decay: { linear: 10d } }, { id: b, on: x, points: -60, decay: { linear: 5d } }]\n\
         qualify: { at: 45, release: 44.9 }",
    );
    feed(&mut oracle, event("1", 0.0, "x"));
    let effect = oracle.clock(day(20.0));
    // 40 + 2 d >= 45 from d2.5; after d5 100 - 10 d < 44.9 from d5.51. Two groups are rounded each, so that their sum trembles by a
    // thousandth as one falls and the other rises: without a distance between at and release each tremor would be told.
    let told: Vec<_> = effect.derived.iter().map(|derived| derived.time as f64 / day(1.0) as f64).collect();
    assert_eq!(told.len(), 2);
    assert!((told[0] - 2.5).abs() < 1e-3 && (told[1] - 5.51).abs() < 1e-3, "{told:?}");
    assert!(
        score_at(&oracle, effect.derived[0].time) >= 45_000 && score_at(&oracle, effect.derived[0].time - 1) < 45_000
    );
    assert!(
        score_at(&oracle, effect.derived[1].time) < 44_900 && score_at(&oracle, effect.derived[1].time - 1) >= 44_900
    );
}

#[test]
fn s32_s33_a_cooldown_ends_in_a_qualification_only_if_the_score_is_still_there() {
    // 60 + 58 at d3; the 58 are 57.6 or 39.0 at d7.
    for (half_life, told) in [("400d", vec![day(7.0)]), ("7d", vec![])] {
        let mut oracle = oracle(&format!(
            "rules: [{{ id: w, on: worth, points: event.value }}, {{ id: d, on: more, points: 58, decay: {{ half_life: {half_life} }} }}]\n\
             qualify: {{ at: 100, release: 80, cooldown: 7d }}"
        ));
        feed(&mut oracle, worth("1", 0.0, 100.0)); // d0 on
        feed(&mut oracle, worth("2", 2.0, -40.0)); // d2 off
        assert!(feed(&mut oracle, event("3", 3.0, "more")).derived.is_empty()); // d3 118 held
        let effect = oracle.clock(day(10.0));
        assert_eq!(effect.derived.iter().map(|derived| derived.time).collect::<Vec<_>>(), told);
    }
}

#[test]
fn s59_a_rule_reads_scores_of_its_instant() {
    let mut oracle = oracle(
        "decay: { linear: 10d }\nrules: [{ id: w, on: worth, points: event.value }, { id: r, on: look, points: 'score(\"plan:p\")', decay: none }]",
    );
    feed(&mut oracle, worth("1", 0.0, 100.0));
    feed(&mut oracle, event("2", 3.0, "look"));
    assert_eq!(oracle.ledger()[1].applied, 70_000);
}

#[test]
fn s53_the_largest_contributions_are_those_of_the_values_now() {
    let mut oracle = oracle(
        "rules: [{ id: big, on: x, points: 100, decay: { linear: 10d } }, { id: small, on: y, points: 60 }]\nqualify: { at: 70 }",
    );
    assert_eq!(feed(&mut oracle, event("1", 0.0, "x")).derived.len(), 1);
    oracle.clock(day(5.0)); // off at 3d and a little
    let effect = feed(&mut oracle, event("2", 8.0, "y"));
    let lines: Vec<_> = effect.derived[0].contributions.iter().map(|line| (line.rule.as_str(), line.value)).collect();
    assert_eq!(lines, [("small", 60_000), ("big", 20_000)]);
}

#[test]
fn s41_a_correction_tells_the_score_as_of_tau() {
    let mut oracle = worth_oracle("decay: { linear: 10d }\nqualify: { at: 100 }");
    feed(&mut oracle, worth("1", 0.0, 90.0));
    feed(&mut oracle, worth("2", 4.0, 50.0)); // 54 + 50
    oracle.clock(day(4.0));
    let effect = feed(&mut oracle, worth("3", 2.0, -40.0)); // -32 at d4
    assert_eq!(short(&effect), expected("lead.disqualified", 4.0, 2.0, 2));
    assert_eq!(effect.derived[0].score, Some(54_000 + 50_000 - 32_000));
    assert_eq!(score(&oracle), 72.0);
}
