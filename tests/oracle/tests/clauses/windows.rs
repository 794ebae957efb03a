//! S12 frequency, S13 absence, and windows under a change of plans (S45).

use leadstream_oracle::{Cause, Oracle, Outcome, TimerKind, Uid, Verdict};

use crate::common::{attribute, day, event, feed, oracle, plan, score};

const IGNORED: &str = "rules: [{ id: ignored, after: email_delivered, unless: email_clicked, matching: email_id, within: 3d, points: -5 }]";

fn mail(id: &str, days: f64, event_type: &str, email: &str) -> leadstream_oracle::OracleEvent {
    event(id, days, event_type).with("email_id", email)
}

#[test]
fn s12_frequency_is_a_count_with_a_once() {
    let mut oracle = oracle(
        "rules: [{ id: keen, on: page_viewed, when: 'count(\"page_viewed\", \"7d\") >= 5', points: 15, once_per: 7d }]",
    );
    for visit in 0..14 {
        feed(&mut oracle, event(&format!("v{visit}"), f64::from(visit), "page_viewed"));
    }
    // The fifth visit is that of d4; seven days later there were enough again.
    assert_eq!(oracle.ledger().iter().map(|record| record.time).collect::<Vec<_>>(), [day(4.0), day(11.0)]);
}

#[test]
fn s13_a_mail_delivered_at_d0_and_not_clicked_within_3d_fires_at_d3_caused_by_the_delivery() {
    let mut oracle = oracle(&format!("{IGNORED}\nqualify: {{ at: -4, release: -4 }}"));
    feed(&mut oracle, mail("1", 0.0, "email_delivered", "m1"));
    assert!(oracle.clock(day(3.0) - 1).derived.is_empty());
    let effect = oracle.clock(day(3.0));
    let record = &oracle.ledger()[0];
    assert_eq!((record.time, record.applied, &record.uid), (day(3.0), -5_000, &Some(Uid::of("web", "1").hex())));
    let cause =
        Cause::Timer { due: day(3.0), kind: TimerKind::Absence, plan: Some("p".into()), rule: Some("ignored".into()) };
    assert_eq!(effect.derived[0].cause, cause);
}

#[test]
fn s13_trap_1_a_click_at_d3_sharp_misses_and_one_a_millisecond_before_does_not() {
    for (instant, fires) in [(day(3.0), true), (day(3.0) - 1, false)] {
        let mut oracle = oracle(IGNORED);
        feed(&mut oracle, mail("1", 0.0, "email_delivered", "m1"));
        let click = leadstream_oracle::OracleEvent { time: instant, ..mail("2", 0.0, "email_clicked", "m1") };
        assert_eq!(feed(&mut oracle, click).outcome, Some(if fires { Outcome::Unmatched } else { Outcome::Applied }));
        oracle.clock(day(9.0));
        assert_eq!(oracle.ledger().len(), usize::from(fires));
    }
}

#[test]
fn s13_only_the_same_key_cancels_and_an_event_without_it_opens_nothing() {
    let mut oracle = oracle(IGNORED);
    feed(&mut oracle, mail("1", 0.0, "email_delivered", "m1"));
    feed(&mut oracle, mail("2", 0.0, "email_delivered", "m2"));
    feed(&mut oracle, event("3", 0.0, "email_delivered"));
    feed(&mut oracle, mail("4", 1.0, "email_clicked", "m2"));
    feed(&mut oracle, event("5", 1.0, "email_clicked"));
    oracle.clock(day(9.0));
    assert_eq!(
        oracle.ledger().iter().map(|record| record.uid.clone()).collect::<Vec<_>>(),
        [Some(Uid::of("web", "1").hex())]
    );
}

#[test]
fn s13_a_cart_is_abandoned_two_hours_after_the_last_add() {
    let mut oracle = oracle(
        "rules: [{ id: abandoned, after: product_added, unless: order_completed, within: 2h, points: 'event.value', tags: [abandoned-cart] }]",
    );
    let hour = 1.0 / 24.0;
    feed(&mut oracle, event("1", 0.0, "product_added").with("value", 1.0));
    feed(&mut oracle, event("2", hour, "product_added").with("value", 2.0));
    assert!(oracle.clock(day(2.5 * hour)).derived.is_empty());
    let effect = oracle.clock(day(9.0));
    assert_eq!((effect.derived[0].subject.as_str(), effect.derived[0].time), ("tag:abandoned-cart", day(3.0 * hour)));
    assert_eq!((score(&oracle), oracle.ledger().len()), (2.0, 1)); // the points of the add that opened it last
}

#[test]
fn s13_points_and_when_are_those_of_the_opening_and_membership_counts_at_both_ends() {
    let mut oracle = oracle(
        "members: 'contact.inside'\nrules: [{ id: a, after: x, unless: y, within: 2d, when: 'contact.age > 30', points: 'contact.age' }]",
    );
    feed(&mut oracle, event("1", 0.0, "x")); // not a member
    feed(&mut oracle, attribute("2", 1.0, "inside", true).with("age", 40.0));
    feed(&mut oracle, event("3", 2.0, "x"));
    feed(&mut oracle, attribute("4", 3.0, "age", 20.0));
    feed(&mut oracle, event("5", 3.5, "x")); // `when` fails: neither opens nor restarts
    oracle.clock(day(4.0));
    assert_eq!(
        oracle.ledger().iter().map(|record| (record.time, record.applied)).collect::<Vec<_>>(),
        [(day(4.0), 40_000)]
    );
    // S23: leaving drops the window, and joining again does not bring it back.
    feed(&mut oracle, attribute("6", 5.0, "age", 50.0));
    feed(&mut oracle, event("7", 5.0 + 0.1, "x"));
    feed(&mut oracle, attribute("8", 6.0, "inside", false));
    feed(&mut oracle, attribute("9", 6.5, "inside", true));
    oracle.clock(day(20.0));
    assert_eq!(oracle.ledger().len(), 1);
}

#[test]
fn s13_a_late_click_takes_the_firing_back_by_folding_anew() {
    let mut oracle = oracle(&format!("{IGNORED}\nqualify: {{ at: 0, release: 0 }}"));
    feed(&mut oracle, mail("1", 0.0, "email_delivered", "m1"));
    assert_eq!(oracle.clock(day(4.0)).derived[0].reason.as_deref(), Some("release"));
    let effect = feed(&mut oracle, mail("2", 2.0, "email_clicked", "m1"));
    assert_eq!((effect.derived[0].marks.as_slice(), oracle.ledger().len()), (&["late".to_owned()][..], 0));
}

#[test]
fn s7_windows_are_cancelled_before_one_is_opened_by_the_same_event() {
    let mut oracle = oracle("rules: [{ id: lull, after: x, unless: x, within: 2d, points: 1 }]");
    for (id, days) in [("1", 0.0), ("2", 1.0), ("3", 2.0)] {
        feed(&mut oracle, event(id, days, "x"));
    }
    oracle.clock(day(9.0));
    assert_eq!(oracle.ledger().iter().map(|record| record.time).collect::<Vec<_>>(), [day(4.0)]);
}

#[test]
fn s13_once_and_cap_count_at_the_due_and_valid_at_the_opening() {
    let mut oracle = oracle(
        "rules: [{ id: a, after: x, unless: y, matching: k, within: 2d, points: 4, once_per: 1d, cap: { points: 6, per: ever }, valid: [1970-01-02, 1970-01-06] }]",
    );
    for (id, days) in [("1", 0.5), ("2", 1.0), ("3", 1.5), ("4", 2.5), ("5", 4.5)] {
        feed(&mut oracle, event(id, days, "x").with("k", id));
    }
    oracle.clock(day(20.0));
    // Due d3, d3.5 (once), d4.5, d6.5; the one of d0.5 was opened before the rule was valid.
    let booked: Vec<_> = oracle.ledger().iter().map(|record| (record.time, record.applied)).collect();
    assert_eq!(booked, [(day(3.0), 4_000), (day(4.5), 2_000), (day(6.5), 0)]);
}

#[test]
fn s5_windows_of_an_instant_go_by_plan_rule_and_key_before_idle_and_events() {
    let mut oracle = oracle(
        "limits: { ceiling: 10 }\nrules: [{ id: b, after: x, unless: y, matching: k, within: 1d, points: 6 }, { id: a, idle: 1d, points: 6 }]",
    );
    feed(&mut oracle, event("2", 0.0, "x").with("k", "second"));
    feed(&mut oracle, event("1", 0.0, "x").with("k", "first"));
    oracle.clock(day(9.0));
    let booked: Vec<_> = oracle.ledger().into_iter().map(|record| (record.rule, record.uid, record.applied)).collect();
    let uid = |id: &str| Some(Uid::of("web", id).hex());
    assert_eq!(booked, [("b".into(), uid("1"), 6_000), ("b".into(), uid("2"), 4_000), ("a".into(), None, 0)]);
}

#[test]
fn s45_an_open_window_keeps_rule_points_and_version_and_takes_the_new_limits_and_policy() {
    let text = |rest: &str| plan("p", rest);
    let old = text(
        "rules: [{ id: a, after: x, unless: y, within: 5d, points: 8, decay: { linear: 10d }, verdicts: { suspect: count } }]",
    );
    for (new, expected) in [
        (text("limits: { ceiling: 3 }\nrules: []"), Some(3_000)),
        (text("verdicts: { suspect: ignore }\nrules: []"), None),
        (text("rules: [{ id: a, on: z, points: 1, verdicts: { suspect: { weight: 0.5 } } }]"), Some(4_000)),
    ] {
        let mut oracle = Oracle::new("c1", &[&old]).unwrap();
        feed(&mut oracle, event("1", 0.0, "x").by(Verdict::Suspect));
        oracle.forward(day(2.0), &[&new]).unwrap();
        oracle.clock(day(10.0));
        let ledger = oracle.ledger();
        assert_eq!(ledger.first().map(|record| record.applied), expected);
        for record in ledger {
            assert_eq!(record.version, leadstream_oracle::Plan::parse(&old).unwrap().version);
            assert_eq!(record.decay, leadstream_oracle::Decay::Linear(day(10.0)));
        }
    }
}

#[test]
fn s56_an_ignored_event_opens_no_window_and_closes_none() {
    let mut oracle = oracle(IGNORED);
    feed(&mut oracle, mail("1", 0.0, "email_delivered", "m1").by(Verdict::Machine));
    feed(&mut oracle, mail("2", 1.0, "email_delivered", "m2"));
    feed(&mut oracle, mail("3", 2.0, "email_clicked", "m2").by(Verdict::Machine));
    oracle.clock(day(9.0));
    assert_eq!(oracle.ledger().iter().map(|record| record.time).collect::<Vec<_>>(), [day(4.0)]);
}

#[test]
fn s58_no_window_beyond_the_bound_is_opened() {
    let limits = leadstream_oracle::Limits { windows: 2, ..leadstream_oracle::Limits::default() };
    let mut oracle = Oracle::with_limits("c1", &[&plan("p", IGNORED)], limits).unwrap();
    for (id, mail_id) in [("1", "m1"), ("2", "m2"), ("3", "m3")] {
        feed(&mut oracle, mail(id, 0.1 * id.parse::<f64>().unwrap(), "email_delivered", mail_id));
    }
    oracle.clock(day(9.0));
    assert_eq!(oracle.ledger().len(), 2);
}

#[test]
fn s58_absence_rules_that_plans_may_not_say_are_refused() {
    for rule in [
        "after: x, within: 1d",
        "after: x, unless: y",
        "after: x, unless: y, within: 1d, idle: 1d",
        "unless: y, within: 1d",
        "on: x, within: 1d",
        "on: x, matching: k",
        "after: x, unless: y, within: 1d, in_order: true",
    ] {
        assert!(
            leadstream_oracle::Plan::parse(&plan("p", &format!("rules: [{{ id: a, {rule} }}]"))).is_err(),
            "{rule}"
        );
    }
}
