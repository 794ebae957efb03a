//! S6, S16, S21, S24 to S26: the dimensions and their lines.

use leadstream_oracle::{LineKind, Oracle};

use crate::common::{attribute, crm_tag, day, event, feed, oracle, plan, score, worth, worth_oracle};

#[test]
fn s16_fit_follows_the_present_attributes_and_is_reversible() {
    let mut oracle = oracle("fit: [{ id: age, when: 'contact.age >= 30 && contact.age < 50', points: 10 }]");
    feed(&mut oracle, attribute("1", 0.0, "age", 30.0));
    assert_eq!(score(&oracle), 10.0);
    feed(&mut oracle, attribute("2", 1.0, "age", 50.0));
    assert_eq!(score(&oracle), 0.0);
    // An older write that arrives late loses against the last one in order.
    feed(&mut oracle, attribute("3", 0.5, "age", 40.0));
    assert_eq!(score(&oracle), 0.0);
}

#[test]
fn s16_events_see_the_attributes_of_their_time() {
    let mut oracle = oracle("rules: [{ id: a, on: x, when: 'contact.city == \"Brno\"', points: 1 }]");
    feed(&mut oracle, attribute("1", 0.0, "city", "Brno"));
    feed(&mut oracle, attribute("2", 2.0, "city", "Praha"));
    feed(&mut oracle, event("3", 3.0, "x"));
    assert_eq!(score(&oracle), 0.0);
    feed(&mut oracle, event("4", 1.0, "x"));
    assert_eq!(score(&oracle), 1.0);
}

#[test]
fn s23_s24_global_is_the_sum_of_clamped_scores_of_global_plans() {
    let body = "rules: [{ id: a, on: x, points: 70 }]";
    let plans = [
        plan("a", &format!("global: true\nlimits: {{ ceiling: 50 }}\n{body}")),
        plan("b", &format!("global: true\n{body}")),
        plan("c", body),
    ];
    let mut oracle = Oracle::new("c1", &plans.each_ref().map(String::as_str)).unwrap();
    feed(&mut oracle, event("1", 0.0, "x"));
    assert_eq!(oracle.scorecard().global, 120_000);
    let lines = oracle.read().explain("global").unwrap();
    assert_eq!(lines.iter().map(|line| line.value).collect::<Vec<_>>(), [50_000, 70_000]);
}

#[test]
fn s25_applied_points_or_the_entrys_own_join_the_tags_score_until_its_removal() {
    let mut oracle = oracle(
        "limits: { ceiling: 15 }\nrules: [{ id: a, on: x, points: 10, tag: t }, { id: b, on: y, points: 10, tags: [{ tag: t, points: 100 }, u] }, \
         { id: c, on: z, untag: [t] }, { id: d, on: w, untag: t, tag: t, points: 1 }]",
    );
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, event("2", 1.0, "y")); // applied 5 under the ceiling; the entry's own knows no limit
    let tags = oracle.scorecard().tags;
    assert_eq!((tags["t"].score, tags["u"].score), (110_000, 5_000));
    let effect = feed(&mut oracle, event("3", 2.0, "z"));
    assert_eq!(effect.derived.len(), 1);
    assert_eq!(score(&oracle), 15.0); // the plan's score stays
    feed(&mut oracle, event("4", 3.0, "x"));
    assert_eq!(oracle.scorecard().tags["t"].score, 0); // added again: from 0; the ceiling left nothing to join
}

#[test]
fn s25_tags_of_the_crm_may_carry_points_and_count_for_no_plan() {
    let mut oracle = oracle("global: true\nqualify: { score: 'tag:vip', at: 5 }");
    let effect = feed(&mut oracle, crm_tag("1", 0.0, "vip", 5.0));
    assert_eq!(
        effect.derived.iter().map(|derived| derived.subject.as_str()).collect::<Vec<_>>(),
        ["tag:vip", "qualify"]
    );
    assert_eq!((oracle.scorecard().tags["vip"].score, oracle.scorecard().global), (5_000, 0));
    let effect = feed(&mut oracle, crm_tag("2", 1.0, "vip", false));
    assert_eq!(
        effect.derived.iter().map(|derived| derived.subject.as_str()).collect::<Vec<_>>(),
        ["tag:vip", "qualify"]
    );
}

#[test]
fn s7_the_last_write_of_a_tag_in_a_step_wins_and_the_step_has_one_edge_at_most() {
    let mut oracle = oracle(
        "rules: [{ id: a, on: x, points: 10, tag: t }, { id: b, on: x, untag: t }, { id: c, on: y, untag: t }, { id: d, on: y, points: 3, tag: t }]",
    );
    assert!(feed(&mut oracle, event("1", 0.0, "x")).derived.is_empty());
    assert_eq!(feed(&mut oracle, event("2", 1.0, "y")).derived.len(), 1);
    assert!(feed(&mut oracle, event("3", 2.0, "y")).derived.is_empty());
    assert_eq!(oracle.scorecard().tags["t"].score, 3_000); // removed and added again in between
    assert_eq!(oracle.scorecard().tags["t"].since, day(1.0)); // a level is what it is after a step: carried all the time (S30)
}

#[test]
fn s58_a_contact_has_only_so_many_tags() {
    let limits = leadstream_oracle::Limits { tags: 1, ..Default::default() };
    let mut oracle = Oracle::with_limits("c1", &[], limits).unwrap();
    feed(&mut oracle, crm_tag("1", 0.0, "a", true));
    feed(&mut oracle, crm_tag("2", 1.0, "b", true));
    assert_eq!(oracle.scorecard().tags.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn s58_only_so_many_once_keys_are_remembered_and_the_oldest_ends() {
    let limits = leadstream_oracle::Limits { once_keys: 2, ..Default::default() };
    let text = plan("p", "rules: [{ id: a, on: x, points: 1, once_per: event.key }]");
    let mut oracle = Oracle::with_limits("c1", &[&text], limits).unwrap();
    for (id, key) in [("1", "a"), ("2", "b"), ("3", "c"), ("4", "b"), ("5", "a")] {
        feed(&mut oracle, event(id, id.parse().unwrap(), "x").with("key", key));
    }
    assert_eq!(score(&oracle), 4.0); // a, b, c, and a again
}

#[test]
fn s6_rows_older_than_the_horizon_leave_into_one_line_and_scores_stay() {
    let mut oracle = worth_oracle("");
    feed(&mut oracle, worth("1", 0.0, 10.0));
    feed(&mut oracle, worth("2", 1.0, 20.0));
    feed(&mut oracle, worth("3", 401.0, 5.0)); // 1 day is not < 401 - 400
    let kinds = |oracle: &Oracle| {
        let lines = oracle.read().explain("plan:p").unwrap();
        lines.iter().map(|line| (line.kind, line.value)).collect::<Vec<_>>()
    };
    let booked = |value| (LineKind::Booking, value);
    assert_eq!(kinds(&oracle), [booked(20_000), booked(5_000), (LineKind::Base, 10_000)]);
    feed(&mut oracle, worth("4", 402.0, 1.0));
    assert_eq!(kinds(&oracle), [booked(5_000), booked(1_000), (LineKind::Base, 30_000)]);
    assert_eq!(score(&oracle), 36.0);
}

#[test]
fn s6_too_late_is_before_the_horizon_or_not_after_the_newest_departed_row() {
    use leadstream_oracle::Outcome::{Applied, TooLate};
    let mut oracle = worth_oracle("");
    feed(&mut oracle, worth("1", 500.0, 1.0));
    assert_eq!(oracle.event(&worth("2", 99.9, 1.0)).outcome, Some(TooLate));
    assert_eq!(oracle.event(&worth("3", 100.0, 1.0)).outcome, Some(Applied));
    let limits = leadstream_oracle::Limits { rows: 2, ..Default::default() };
    let text = plan("p", "rules: [{ id: w, on: worth, points: event.value }]");
    let mut few = Oracle::with_limits("c1", &[&text], limits).unwrap();
    for id in 1..=3 {
        feed(&mut few, worth(&id.to_string(), f64::from(id), 1.0));
    }
    assert_eq!(few.event(&worth("0", 0.5, 1.0)).outcome, Some(TooLate));
    assert_eq!(few.event(&worth("1", 1.0, 1.0)).outcome, Some(TooLate)); // the departed row itself
    assert_eq!(few.event(&worth("9", 1.5, 1.0)).outcome, Some(Applied));
    assert_eq!(score(&few), 4.0);
}

#[test]
fn s5_queries_answer_for_an_instant_that_the_task_clock_has_reached() {
    let mut oracle = worth_oracle("");
    feed(&mut oracle, worth("1", 1.0, 10.0));
    feed(&mut oracle, worth("2", 2.0, 20.0));
    feed(&mut oracle, worth("3", 3.0, 40.0));
    oracle.clock(day(2.5));
    let at = |days| oracle.read_at(day(days)).scorecard().plans["p"].score;
    assert_eq!((at(0.5), at(1.0), at(2.4), at(9.0)), (0, 10_000, 30_000, 30_000));
}

#[test]
fn s21_lines_add_up_to_every_score() {
    let mut oracle = oracle(
        "global: true\nlimits: { ceiling: 40 }\nfit: [{ id: f, when: 'true', points: 7 }]\nrules: [{ id: a, on: x, points: 15.5, tag: t }]\n\
         pipeline: { stages: [{ name: one }, { name: two, enter: 20 }] }",
    );
    for id in 1..=3 {
        feed(&mut oracle, event(&id.to_string(), f64::from(id), "x"));
    }
    let sum = |name: &str| oracle.read().explain(name).unwrap().iter().map(|line| line.value).sum::<i64>();
    let card = oracle.scorecard();
    let plan = &card.plans["p"];
    assert_eq!((sum("plan:p"), sum("global"), sum("engagement:p")), (40_000, 40_000, 40_000));
    assert_eq!((plan.score, card.global, plan.engagement), (40_000, 40_000, 40_000));
    assert_eq!((sum("fit:p"), plan.fit), (7_000, 7_000));
    assert_eq!((sum("stage:p"), plan.stage_score), (9_000, 9_000)); // 31 advanced, then 9 under the ceiling
    assert_eq!((sum("tag:t"), card.tags["t"].score), (40_000, 40_000));
    assert!(oracle.read().explain("nonsense").is_none());
}

#[test]
fn s25_s56_an_entrys_own_points_are_weighted_like_the_rules() {
    let mut oracle = oracle(
        "verdicts: { suspect: { weight: 0.5 } }\nrules: [{ id: a, on: x, points: 10, tags: [{ tag: t, points: 3 }, u] }]",
    );
    feed(&mut oracle, event("1", 0.0, "x").by(leadstream_oracle::Verdict::Suspect));
    let tags = oracle.scorecard().tags;
    assert_eq!((tags["t"].score, tags["u"].score), (1_500, 5_000));
}
