//! S15: rules of several parts.

use leadstream_oracle::{Oracle, Outcome, Plan, Verdict};

use crate::common::{attribute, day, event, feed, oracle, plan};

/// The instants in days at which something was booked.
fn fired(oracle: &Oracle) -> Vec<f64> {
    oracle.ledger().iter().map(|record| record.time as f64 / day(1.0) as f64).collect()
}

fn after(body: &str, events: &[(f64, &str)]) -> Oracle {
    let mut oracle = oracle(body);
    for (number, (days, event_type)) in events.iter().enumerate() {
        feed(&mut oracle, event(&number.to_string(), *days, event_type));
    }
    oracle
}

#[test]
fn s15_any_order_fires_when_each_part_has_an_unused_event_and_uses_up_the_latest_of_each() {
    let rule = "rules: [{ id: c, all: [a, b], within: 3d, points: 1 }]";
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (1.0, "b")])), [1.0]);
    assert_eq!(fired(&after(rule, &[(0.0, "b"), (1.0, "a")])), [1.0]);
    // Two of a: b at d2 uses that of d1, b at d2.5 that of d0.
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (1.0, "a"), (2.0, "b"), (2.5, "b")])), [2.0, 2.5]);
    // The one of d0 is outside by then.
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (1.0, "a"), (2.0, "b"), (3.0, "b")])), [2.0]);
}

#[test]
fn s15_the_window_is_open_at_its_far_end() {
    let rule = "rules: [{ id: c, all: [a, b], within: 3d, points: 1 }]";
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (3.0, "b")])), Vec::<f64>::new());
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (2.999, "b")])).len(), 1);
}

#[test]
fn s15_one_event_may_fill_several_parts() {
    let rule = "rules: [{ id: c, all: [{ on: a, when: 'has(event.x)' }, { on: a, when: 'has(event.y)' }], within: 3d, points: 1 }]";
    let mut oracle = oracle(rule);
    feed(&mut oracle, event("1", 0.0, "a").with("x", 1.0));
    feed(&mut oracle, event("2", 1.0, "a").with("x", 1.0).with("y", 1.0));
    // It used up itself twice, as the latest of both; the x of d0 waits for another y.
    feed(&mut oracle, event("3", 2.0, "a").with("y", 1.0));
    assert_eq!(fired(&oracle), [1.0, 2.0]);
}

#[test]
fn s15_a_firing_that_once_or_when_blocks_uses_up_nothing_and_only_a_part_completes() {
    let rule = "rules: [{ id: c, all: [a, b], within: 9d, points: 1, when: 'contact.ok' }]";
    let mut blocked = after(rule, &[(0.0, "a"), (1.0, "b")]);
    // The attribute makes `when` true, but is no part.
    feed(&mut blocked, attribute("9", 2.0, "ok", true));
    assert_eq!(fired(&blocked), Vec::<f64>::new());
    let effect = feed(&mut blocked, event("10", 3.0, "b"));
    assert_eq!((effect.outcome, fired(&blocked)), (Some(Outcome::Applied), vec![3.0]));
    // The b of d1 is still unused.
    feed(&mut blocked, event("11", 4.0, "a"));
    assert_eq!(fired(&blocked), [3.0, 4.0]);
    let once = after(
        "rules: [{ id: c, all: [a, b], within: 9d, points: 1, once_per: 2d }]",
        &[(0.0, "a"), (0.5, "b"), (1.0, "a"), (1.5, "b"), (2.6, "a")],
    );
    assert_eq!(fired(&once), [0.5, 2.6]);
}

#[test]
fn s15_in_order_needs_the_order_and_clears_when_it_fires() {
    let rule = "rules: [{ id: c, all: [a, b, c], within: 5d, in_order: true, points: 1 }]";
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (1.0, "b"), (2.0, "c"), (3.0, "c")])), [2.0]);
    assert_eq!(fired(&after(rule, &[(0.0, "b"), (1.0, "a"), (2.0, "c")])), Vec::<f64>::new());
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (1.0, "c"), (2.0, "b"), (3.0, "c")])), [3.0]);
}

#[test]
fn s15_in_order_keeps_the_latest_start_of_a_chain() {
    let rule = "rules: [{ id: c, all: [a, b], within: 3d, in_order: true, points: 1 }]";
    // The chain from d0 would be too old at d4; that from d2 is not.
    assert_eq!(fired(&after(rule, &[(0.0, "a"), (2.0, "a"), (4.0, "b")])), [4.0]);
    // A later a starts a chain that b has not joined: the chain through b keeps its own start.
    let three = "rules: [{ id: c, all: [a, b, c], within: 3d, in_order: true, points: 1 }]";
    assert_eq!(fired(&after(three, &[(0.0, "a"), (0.5, "b"), (2.0, "a"), (4.0, "c")])), Vec::<f64>::new());
    assert_eq!(fired(&after(three, &[(0.0, "a"), (0.5, "b"), (2.0, "a"), (2.5, "c")])), [2.5]);
}

#[test]
fn s15_in_order_parts_are_tried_last_to_first_so_that_one_event_is_one_link() {
    let rule = "rules: [{ id: c, all: [a, a, a], within: 9d, in_order: true, points: 1 }]";
    assert_eq!(
        fired(&after(rule, &[(0.0, "a"), (1.0, "a"), (2.0, "a"), (3.0, "a"), (4.0, "a"), (5.0, "a")])),
        [2.0, 5.0]
    );
}

#[test]
fn s15_matching_separates_by_a_property_and_an_event_without_it_is_no_part() {
    let mut oracle = oracle("rules: [{ id: c, all: [a, b], within: 3d, matching: k, points: 1 }]");
    for (id, days, event_type, key) in
        [("1", 0.0, "a", "x"), ("2", 0.5, "b", "y"), ("3", 1.0, "b", ""), ("4", 1.5, "b", "x"), ("5", 2.0, "a", "y")]
    {
        feed(&mut oracle, event(id, days, event_type).with("k", key));
    }
    assert_eq!(fired(&oracle), [1.5, 2.0]);
}

#[test]
fn s15_s23_a_part_counts_only_of_a_member_and_leaving_drops_parts() {
    let mut oracle = oracle("members: contact.inside\nrules: [{ id: c, all: [a, b], within: 30d, points: 1 }]");
    feed(&mut oracle, event("1", 0.0, "a"));
    feed(&mut oracle, attribute("2", 1.0, "inside", true));
    feed(&mut oracle, event("3", 2.0, "b"));
    feed(&mut oracle, attribute("4", 3.0, "inside", false));
    feed(&mut oracle, attribute("5", 4.0, "inside", true));
    feed(&mut oracle, event("6", 5.0, "a"));
    assert_eq!(fired(&oracle), Vec::<f64>::new());
    feed(&mut oracle, event("7", 6.0, "b"));
    assert_eq!(fired(&oracle), [6.0]);
}

#[test]
fn s15_s56_an_ignored_event_is_no_part_and_the_weight_is_that_of_the_completing_event() {
    let mut oracle =
        oracle("rules: [{ id: c, all: [a, b], within: 30d, points: 4, verdicts: { suspect: { weight: 0.5 } } }]");
    feed(&mut oracle, event("1", 0.0, "a").by(Verdict::Machine));
    feed(&mut oracle, event("2", 1.0, "b"));
    assert_eq!(fired(&oracle), Vec::<f64>::new());
    feed(&mut oracle, event("3", 2.0, "a").by(Verdict::Suspect));
    assert_eq!(oracle.ledger()[0].applied, 2_000);
}

#[test]
fn s15_s45_parts_are_kept_while_the_rule_asks_for_the_same() {
    let text = |all: &str| plan("p", &format!("rules: [{{ id: c, all: {all}, within: 9d, points: 1 }}]"));
    for (new, expected) in [("[a, b]", vec![3.0]), ("[b, a]", vec![])] {
        let mut oracle = Oracle::new("c1", &[&text("[a, b]")]).unwrap();
        feed(&mut oracle, event("1", 0.0, "a"));
        oracle.forward(day(2.0), &[&format!("{}# changed\n", text(new))]).unwrap();
        feed(&mut oracle, event("2", 3.0, "b"));
        assert_eq!(fired(&oracle), expected);
    }
}

#[test]
fn s15_a_late_part_folds_anew() {
    let mut oracle = after("rules: [{ id: c, all: [a, b], within: 9d, in_order: true, points: 1 }]", &[(1.0, "b")]);
    feed(&mut oracle, event("late", 0.0, "a"));
    assert_eq!(fired(&oracle), [1.0]);
}

#[test]
fn s58_compound_rules_that_plans_may_not_say_are_refused() {
    for rule in
        ["all: [a, b]", "all: [], within: 1d", "all: [a], within: 1d, on: x", "all: [{ when: 'true' }], within: 1d"]
    {
        assert!(Plan::parse(&plan("p", &format!("rules: [{{ id: a, {rule} }}]"))).is_err(), "{rule}");
    }
}
