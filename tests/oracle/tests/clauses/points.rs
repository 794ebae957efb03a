//! S8 to S12, S18, S19, S22, S56: what one event is worth.

use crate::common::{attribute, crm_tag, day, event, feed, oracle, plan, score, worth, worth_oracle};
use leadstream_oracle::{Cut, LineKind, Oracle, OracleEvent, Outcome, Plan, Verdict};

fn iso(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn s8_points_by_value_are_divided_as_numbers_and_not_as_integers() {
    let mut oracle = oracle("rules: [{ id: v, on: order_completed, points: 'event.value / 100' }]");
    feed(&mut oracle, event("1", 0.0, "order_completed").with("value", 250.0));
    assert_eq!(score(&oracle), 2.5);
    feed(&mut oracle, event("2", 1.0, "order_completed").with("value", 0.05));
    assert_eq!(oracle.ledger()[1].raw, 1); // 0.0005 in binary64 is 0.00050000000000000001: half a thousandth and a little
    assert_eq!(score(&oracle), 2.501);
}

#[test]
fn s8_trap_9_a_result_is_rounded_from_its_exact_value_and_a_literal_is_exact() {
    let mut oracle = oracle(
        "rules: [{ id: a, on: worth, points: 'event.value' }, { id: b, on: lit, points: 1.0005 }, { id: c, on: neg, points: -1.0005 }]",
    );
    feed(&mut oracle, worth("1", 0.0, 1.0005));
    feed(&mut oracle, event("2", 0.0, "lit"));
    feed(&mut oracle, event("3", 0.0, "neg"));
    let mut raw: Vec<_> = oracle.ledger().into_iter().map(|record| (record.rule, record.raw)).collect();
    raw.sort();
    let raw: Vec<_> = raw.iter().map(|(rule, raw)| (rule.as_str(), *raw)).collect();
    assert_eq!(raw, [("a", 1000), ("b", 1001), ("c", -1000)]);
}

#[test]
fn s9_an_error_or_too_large_a_result_does_not_fire() {
    let mut oracle = oracle(
        "rules: [{ id: a, on: e, points: 'event.value / 0' }, { id: b, on: e, points: event.missing }, { id: c, on: e, points: '1000000.5' }, \
         { id: d, on: e, points: '\"ten\"' }, { id: f, on: e, when: 'event.missing > 1', points: 1 }, \
         { id: g, on: e, when: 'event.missing > 1 || event.value == 3', points: 7, once_per: event.value }]",
    );
    let effect = feed(&mut oracle, event("1", 0.0, "e").with("value", 3.0));
    assert_eq!(effect.outcome, Some(Outcome::Applied));
    assert_eq!(oracle.ledger().iter().map(|record| record.rule.as_str()).collect::<Vec<_>>(), ["g"]);
    let effect = feed(&mut oracle, event("2", 0.0, "e").with("value", 4.0));
    assert_eq!(effect.outcome, Some(Outcome::Unmatched));
}

#[test]
fn s10_a_rule_listens_to_each_of_its_types_and_fires_every_time() {
    let mut oracle = oracle("rules: [{ id: a, on: [x, y], points: 5 }]");
    for (id, event_type) in [("1", "x"), ("2", "y"), ("3", "z"), ("4", "x")] {
        feed(&mut oracle, event(id, 0.0, event_type));
    }
    assert_eq!(score(&oracle), 15.0);
}

#[test]
fn s10_a_rule_is_valid_from_one_local_midnight_until_before_another() {
    let mut oracle =
        oracle("time_zone: Europe/Warsaw\nrules: [{ id: a, on: x, points: 1, valid: [2026-01-31, 2026-02-01] }]");
    let instants =
        ["2026-01-30T22:59:59.999Z", "2026-01-30T23:00:00Z", "2026-01-31T22:59:59.999Z", "2026-01-31T23:00:00Z"];
    for instant in instants {
        feed(&mut oracle, OracleEvent::new(instant, iso(instant), "x"));
    }
    let fired: Vec<i64> = oracle.ledger().iter().map(|record| record.time).collect();
    assert_eq!(fired, [iso(instants[1]), iso(instants[2])]);
}

#[test]
fn s10_membership_is_that_before_the_step_and_a_contact_begins_blank() {
    let mut tagged = oracle(
        "members: '\"vip\" in contact.tags'\nrules: [{ id: a, on: x, points: 1 }, { id: t, on: join, tag: vip }]",
    );
    feed(&mut tagged, event("1", 0.0, "x")); // blank: no tags
    feed(&mut tagged, event("2", 1.0, "join")); // no member, so the rule that would tag does not fire
    feed(&mut tagged, crm_tag("3", 2.0, "vip", true));
    feed(&mut tagged, event("4", 3.0, "x"));
    assert_eq!(score(&tagged), 1.0);
    // A blank contact is a member where nothing is demanded of it.
    let mut open = oracle("members: '!has(contact.out)'\nrules: [{ id: a, on: [x, attributes], points: 1 }]");
    feed(&mut open, attribute("1", 0.0, "out", true)); // a member before the step
    feed(&mut open, event("2", 1.0, "x")); // not any more
    assert_eq!(score(&open), 1.0);
}

#[test]
fn s7_conditions_see_attributes_of_this_event_and_everything_else_from_before_it() {
    let mut oracle = oracle(
        "rules: [{ id: a, on: attributes, when: 'contact.city == \"Brno\"', points: 1 }, \
         { id: t, on: x, tag: hot, points: 10 }, \
         { id: s, on: x, when: '\"hot\" in contact.tags || score(\"plan:p\") > 0 || score(\"tag:hot\") > 0', points: 100 }]",
    );
    feed(&mut oracle, attribute("1", 0.0, "city", "Brno"));
    assert_eq!(score(&oracle), 1.0);
    let mut later = crate::common::oracle(
        "rules: [{ id: t, on: x, tag: hot, points: 10 }, { id: s, on: x, when: '\"hot\" in contact.tags && score(\"tag:hot\") == 10.0', points: 100 }]",
    );
    feed(&mut later, event("1", 0.0, "x"));
    assert_eq!(score(&later), 10.0);
    feed(&mut later, event("2", 0.5, "x"));
    assert_eq!(score(&later), 120.0);
}

#[test]
fn s11_once_per_seven_days_fires_again_at_seven_days_sharp() {
    let mut sparse = oracle("rules: [{ id: a, on: x, points: 1, once_per: 7d }]");
    for (id, days) in [("0", 0.0), ("6", 6.0), ("8", 8.0)] {
        feed(&mut sparse, event(id, days, "x"));
    }
    assert_eq!(sparse.ledger().iter().map(|record| record.time).collect::<Vec<_>>(), [day(0.0), day(8.0)]);
    let mut sharp = oracle("rules: [{ id: a, on: x, points: 1, once_per: 7d }]");
    feed(&mut sharp, event("0", 0.0, "x"));
    feed(&mut sharp, OracleEvent::new("1", day(7.0) - 1, "x"));
    feed(&mut sharp, event("2", 7.0, "x"));
    assert_eq!(score(&sharp), 2.0);
}

#[test]
fn s11_once_per_key_needs_a_key_and_lasts_for_the_horizon() {
    let mut oracle = oracle("rules: [{ id: a, on: x, points: 1, once_per: event.mail }]");
    feed(&mut oracle, event("1", 0.0, "x").with("mail", "m1"));
    feed(&mut oracle, event("2", 1.0, "x").with("mail", "m1"));
    feed(&mut oracle, event("3", 2.0, "x").with("mail", "m2"));
    feed(&mut oracle, event("4", 3.0, "x"));
    assert_eq!(score(&oracle), 2.0);
    feed(&mut oracle, event("5", 400.0 - 0.5, "x").with("mail", "m1"));
    assert_eq!(score(&oracle), 2.0);
    feed(&mut oracle, event("6", 400.0, "x").with("mail", "m1"));
    assert_eq!(score(&oracle), 3.0);
}

#[test]
fn s11_ever_is_once_for_good_and_a_firing_capped_to_nothing_still_counts_and_tags() {
    let mut oracle = oracle(
        "limits: { ceiling: 0 }\nrules: [{ id: a, on: x, points: 1, once_per: ever, tags: [seen] }, { id: b, on: y, points: -1 }]",
    );
    feed(&mut oracle, event("1", 0.0, "x"));
    assert_eq!(oracle.ledger()[0].cuts.iter().collect::<Vec<_>>(), [&Cut::Limit]);
    assert!(oracle.scorecard().tags.contains_key("seen"));
    feed(&mut oracle, event("2", 1.0, "y"));
    feed(&mut oracle, event("3", 2.0, "x"));
    assert_eq!(score(&oracle), -1.0);
}

#[test]
fn s12_counts_look_back_over_an_open_closed_window_and_include_this_event() {
    let mut oracle = oracle("rules: [{ id: a, on: x, when: 'count(\"x\", \"7d\") >= 3', points: 1 }]");
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, event("2", 1.0, "x"));
    feed(&mut oracle, event("3", 7.0, "x")); // (0, 7]: the one at 0 is out
    assert_eq!(score(&oracle), 0.0);
    feed(&mut oracle, OracleEvent::new("4", day(8.0) - 1, "x")); // 1, 7 and this one
    assert_eq!(score(&oracle), 1.0);
}

#[test]
fn s12_ever_sees_facts_before_membership_and_prefixes_of_path_or_url() {
    let mut oracle = oracle(
        "members: contact.joined\nfacts: { big: { on: order, when: 'event.value > 100' } }\n\
         rules: [{ id: a, on: x, when: 'ever(\"page_viewed\", \"/jackets/\")', points: 1 }, \
         { id: b, on: x, when: 'ever(\"page_viewed\", \"https://shop\")', points: 10 }, \
         { id: c, on: x, when: 'ever(\"big\") && count(\"big\", \"30d\") == 1', points: 100 }, \
         { id: d, on: x, when: 'ever(\"page_viewed\", \"/shoes/\")', points: 1000 }]",
    );
    let page =
        event("1", 0.0, "page_viewed").with("path", "/jackets/red").with("url", "https://shop.example/jackets/red");
    feed(&mut oracle, page);
    feed(&mut oracle, event("2", 0.0, "order").with("value", 101.0));
    feed(&mut oracle, event("3", 0.0, "order").with("value", 100.0));
    feed(&mut oracle, attribute("4", 1.0, "joined", true));
    feed(&mut oracle, event("5", 2.0, "x"));
    assert_eq!(score(&oracle), 111.0);
}

#[test]
fn s18_a_record_says_what_was_booked_by_what_and_why_it_was_less() {
    let mut oracle = oracle(
        "limits: { ceiling: 9 }\nverdicts: { suspect: { weight: 0.5 } }\nrules: [{ id: a, on: x, points: 31, cap: { points: 10 } }]",
    );
    feed(&mut oracle, event("1", 0.0, "x").by(Verdict::Suspect));
    let record = &oracle.ledger()[0];
    assert_eq!((record.raw, record.applied), (31_000, 9_000));
    assert_eq!(record.cuts.iter().collect::<Vec<_>>(), [&Cut::Cap, &Cut::Limit, &Cut::Weight]);
    assert_eq!(record.version, Plan::parse(&plan("p", "limits: { ceiling: 9 }\nverdicts: { suspect: { weight: 0.5 } }\nrules: [{ id: a, on: x, points: 31, cap: { points: 10 } }]")).unwrap().version);
    assert_eq!(record.uid, Some(leadstream_oracle::Uid::of("web", "1").hex()));
}

#[test]
fn s19_a_cap_without_a_period_holds_for_each_award_in_either_direction() {
    let mut oracle = oracle("rules: [{ id: w, on: worth, points: event.value, cap: { points: 10 } }]");
    feed(&mut oracle, worth("1", 0.0, 25.0));
    feed(&mut oracle, worth("2", 0.0, 25.0));
    assert_eq!(score(&oracle), 20.0);
    feed(&mut oracle, worth("3", 1.0, -25.0));
    assert_eq!(score(&oracle), 10.0);
}

#[test]
fn s19_a_rolling_cap_forgets_after_exactly_24_hours() {
    let mut oracle = oracle("rules: [{ id: w, on: x, points: 20, cap: { points: 30, per: 1d } }]");
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, event("2", 0.5, "x"));
    assert_eq!(score(&oracle), 30.0);
    feed(&mut oracle, OracleEvent::new("3", day(1.0) - 1, "x"));
    assert_eq!(score(&oracle), 30.0);
    feed(&mut oracle, event("4", 1.0, "x")); // (0, 1]: the 10 at 0.5 count, the 20 at 0 do not
    assert_eq!(score(&oracle), 50.0);
}

#[test]
fn s19_a_cap_of_either_sign_may_undo_what_was_booked_but_never_turns_the_sign_of_an_award() {
    let mut oracle = oracle("rules: [{ id: w, on: worth, points: event.value, cap: { points: 10, per: ever } }]");
    for (id, points, sum) in
        [("1", 8.0, 8.0), ("2", 8.0, 10.0), ("3", -15.0, -5.0), ("4", -15.0, -10.0), ("5", 30.0, 10.0)]
    {
        feed(&mut oracle, worth(id, id.parse().unwrap(), points));
        assert_eq!(score(&oracle), sum);
    }
    // A plan change may leave more booked than the new cap allows: nothing is taken back.
    let capped = plan("p", "rules: [{ id: w, on: worth, points: event.value, cap: { points: 4, per: ever } }]");
    oracle.forward(day(9.0), &[&capped]).unwrap();
    feed(&mut oracle, worth("6", 10.0, 1.0));
    assert_eq!(score(&oracle), 10.0);
    feed(&mut oracle, worth("7", 11.0, -3.0));
    assert_eq!(score(&oracle), 7.0);
    // The same below zero: -15 in one award stops at -4, and a still lower cap gives nothing back.
    feed(&mut oracle, worth("8", 12.0, -15.0));
    assert_eq!(score(&oracle), -4.0);
    let tighter = plan("p", "rules: [{ id: w, on: worth, points: event.value, cap: { points: 1, per: ever } }]");
    oracle.forward(day(13.0), &[&tighter]).unwrap();
    feed(&mut oracle, worth("9", 14.0, -1.0));
    assert_eq!(score(&oracle), -4.0);
}

#[test]
fn s19_calendar_caps_follow_local_dates() {
    let mut oracle = oracle(
        "time_zone: Europe/Warsaw\nrules: [{ id: d, on: d, points: 8, cap: { points: 10, per: day } }, \
         { id: w, on: w, points: 800, cap: { points: 1000, per: week } }, { id: m, on: m, points: 80000, cap: { points: 100000, per: month } }]",
    );
    // 29 March 2026, a Sunday of 23 hours in Warsaw.
    for (id, instant, event_type) in [
        ("1", "2026-03-28T23:00:00Z", "d"),
        ("2", "2026-03-29T21:59:59Z", "d"),
        ("3", "2026-03-29T22:00:00Z", "d"),
        ("4", "2026-03-29T21:00:00Z", "w"),
        ("5", "2026-03-29T21:30:00Z", "w"),
        ("6", "2026-03-29T22:30:00Z", "w"),
        ("7", "2026-03-31T21:00:00Z", "m"),
        ("8", "2026-03-31T21:30:00Z", "m"),
        ("9", "2026-03-31T22:30:00Z", "m"),
    ] {
        feed(&mut oracle, OracleEvent::new(id, iso(instant), event_type));
    }
    assert_eq!(score(&oracle), 10.0 + 8.0 + 1000.0 + 800.0 + 100_000.0 + 80_000.0);
}

#[test]
fn s22_a_floor_forgives_debt_in_fold_order_whatever_the_order_of_arrival() {
    for order in [[0, 1], [1, 0]] {
        let events = [worth("1", 1.0, -10.0), worth("2", 2.0, 20.0)];
        let mut oracle = worth_oracle("limits: { floor: 0 }");
        for index in order {
            feed(&mut oracle, events[index].clone());
        }
        assert_eq!(score(&oracle), 20.0);
        let events = [worth("1", 1.0, 20.0), worth("2", 2.0, -10.0)];
        let mut oracle = worth_oracle("limits: { floor: 0 }");
        for index in order {
            feed(&mut oracle, events[index].clone());
        }
        assert_eq!(score(&oracle), 10.0);
    }
}

#[test]
fn s22_the_plan_score_is_clamped_again_on_read_by_a_line_of_its_own() {
    let mut oracle = worth_oracle("limits: { ceiling: 100 }\nfit: [{ id: f, when: contact.vip, points: 30 }]");
    feed(&mut oracle, worth("1", 0.0, 90.0));
    feed(&mut oracle, attribute("2", 1.0, "vip", true));
    assert_eq!(score(&oracle), 100.0);
    let lines = oracle.read().explain("plan:p").unwrap();
    let limit = lines.iter().find(|line| line.kind == LineKind::Limit).unwrap();
    assert_eq!(limit.value, -20_000);
    assert_eq!(lines.iter().map(|line| line.value).sum::<i64>(), 100_000);
    assert_eq!(oracle.scorecard().plans["p"].engagement, 90_000);
}

#[test]
fn s56_machines_are_ignored_by_default_and_are_no_fact_while_suspects_count() {
    let mut oracle =
        oracle("rules: [{ id: a, on: x, points: 1 }, { id: n, on: y, when: 'count(\"x\", \"7d\") == 1', points: 10 }]");
    let effect = feed(&mut oracle, event("1", 0.0, "x").by(Verdict::Machine));
    assert_eq!(effect.outcome, Some(Outcome::Suppressed));
    feed(&mut oracle, event("2", 1.0, "x").by(Verdict::Suspect));
    feed(&mut oracle, event("3", 2.0, "y"));
    assert_eq!(score(&oracle), 11.0);
}

#[test]
fn s56_points_go_by_the_rules_policy_and_facts_by_the_plans() {
    let mut oracle = oracle(
        "verdicts: { suspect: ignore }\nrules: [{ id: a, on: x, points: 3, verdicts: { machine: { weight: 0.5 }, suspect: count } }, \
         { id: n, on: y, when: 'ever(\"x\")', points: 100 }]",
    );
    feed(&mut oracle, event("1", 0.0, "x").by(Verdict::Machine)); // rnd(3000 * 0.5)
    feed(&mut oracle, event("2", 1.0, "x").by(Verdict::Suspect));
    feed(&mut oracle, event("3", 2.0, "y"));
    assert_eq!(score(&oracle), 4.5);
}

#[test]
fn s58_what_a_plan_may_not_say_is_refused() {
    for body in [
        "qualify: { at: 80, release: 100 }",
        "rules: [{ id: a, on: x, once_per: 'now()' }]",
        "rules: [{ id: a, on: x, points: 1 }, { id: a, on: y, points: 1 }]",
        "rules: [{ id: a, points: 1 }]",
        "rules: [{ id: a, idle: 0s }]",
        "rules: [{ id: a, on: x, pionts: 1 }]",
        "rules: [{ id: a, on: x, cap: { points: -1 } }]",
        "time_zone: Europe/Atlantis",
        "limits: { floor: 1, ceiling: 0 }",
        "pipeline: { stages: [] }",
        "route: { to: [] }",
    ] {
        assert!(Plan::parse(&plan("p", body)).is_err(), "{body}");
    }
    assert!(Oracle::new("c1", &[&plan("p", ""), &plan("p", "global: true")]).is_err());
}

#[test]
fn s60_on_is_a_key_of_yaml_and_defaults_are_those_of_the_clause() {
    let mut oracle = oracle("rules:\n  - id: a\n    on: yes\n    points: 1");
    feed(&mut oracle, event("1", 0.0, "yes"));
    let card = oracle.scorecard();
    assert_eq!((card.plans["p"].score, card.global), (1_000, 0));
}
