//! S5, S14, S33, S45: timers.

use leadstream_oracle::{Cause, TimerKind, Verdict};

use crate::common::{attribute, crm_tag, day, event, expected, feed, oracle, plan, score, short, worth, worth_oracle};

fn booked(oracle: &leadstream_oracle::Oracle) -> Vec<i64> {
    oracle.ledger().iter().map(|record| record.time).collect()
}

#[test]
fn s14_an_idle_rule_fires_after_idle_and_then_every_so_often() {
    let mut oracle = oracle("rules: [{ id: away, idle: 30d, every: 10d, times: 3, points: -10 }]");
    feed(&mut oracle, event("1", 0.0, "anything"));
    oracle.clock(day(30.0) - 1);
    assert!(booked(&oracle).is_empty());
    oracle.clock(day(30.0));
    assert_eq!(booked(&oracle), [day(30.0)]);
    oracle.clock(day(400.0));
    assert_eq!(booked(&oracle), [day(30.0), day(40.0), day(50.0)]);
}

#[test]
fn s14_without_every_it_fires_once_and_by_default_at_most_twelve_times() {
    let mut once = oracle("rules: [{ id: away, idle: 30d, points: -10 }]");
    feed(&mut once, event("1", 0.0, "x"));
    once.clock(day(365.0));
    assert_eq!(booked(&once), [day(30.0)]);
    let mut often = oracle("rules: [{ id: away, idle: 1d, every: 1d, points: -1 }]");
    feed(&mut often, event("1", 0.0, "x"));
    often.clock(day(100.0));
    assert_eq!(score(&often), -12.0);
}

#[test]
fn s14_trap_4_activity_is_any_event_that_is_neither_passive_nor_ignored() {
    let mut oracle = oracle("rules: [{ id: away, idle: 30d, points: -10 }]");
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, event("2", 10.0, "email_delivered"));
    feed(&mut oracle, event("3", 11.0, "x").by(Verdict::Machine));
    feed(&mut oracle, attribute("4", 12.0, "age", 3.0));
    feed(&mut oracle, crm_tag("5", 13.0, "t", true));
    oracle.clock(day(30.0));
    assert_eq!(booked(&oracle), [day(30.0)]);
    // A late event that no rule matches moves the due and takes the firing back.
    feed(&mut oracle, event("6", 20.0, "unmatched"));
    assert!(booked(&oracle).is_empty());
    oracle.clock(day(60.0));
    assert_eq!(booked(&oracle), [day(50.0)]);
}

#[test]
fn s14_idleness_counts_from_the_later_of_activity_membership_and_the_first_event() {
    let mut oracle =
        oracle("members: '\"in\" in contact.tags'\nrules: [{ id: away, idle: 30d, every: 30d, points: -10 }]");
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, crm_tag("2", 20.0, "in", true));
    oracle.clock(day(55.0));
    assert_eq!(booked(&oracle), [day(50.0)]);
    feed(&mut oracle, crm_tag("3", 70.0, "in", false));
    feed(&mut oracle, crm_tag("4", 90.0, "in", true));
    oracle.clock(day(125.0));
    assert_eq!(booked(&oracle), [day(50.0), day(120.0)]);
    // A first event that is passive is a first event all the same.
    let mut passive = crate::common::oracle("rules: [{ id: away, idle: 30d, points: -10 }]");
    feed(&mut passive, event("1", 5.0, "email_sent"));
    passive.clock(day(100.0));
    assert_eq!(booked(&passive), [day(35.0)]);
}

#[test]
fn s10_an_idle_rule_is_valid_by_its_due() {
    let instant = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let mut oracle = oracle("rules: [{ id: away, idle: 1d, every: 1d, points: -1, valid: [2026-01-03, 2026-01-05] }]");
    feed(&mut oracle, leadstream_oracle::OracleEvent::new("1", instant("2026-01-01T00:00:00Z"), "x"));
    oracle.clock(instant("2026-02-01T00:00:00Z"));
    assert_eq!(booked(&oracle), [instant("2026-01-03T00:00:00Z"), instant("2026-01-04T00:00:00Z")]);
}

#[test]
fn s5_timers_of_an_instant_go_by_plan_and_rule_before_the_events_of_that_instant() {
    let body = "rules: [{ id: b, idle: 2d, points: 1 }, { id: a, idle: 2d, points: 1 }, { id: e, on: x, points: 1 }]";
    let (p, q) = (plan("q", body), plan("p", body));
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&p, &q]).unwrap();
    feed(&mut oracle, event("1", 0.0, "x"));
    feed(&mut oracle, event("2", 2.0, "x"));
    let order: Vec<_> =
        oracle.ledger().into_iter().skip(2).map(|record| format!("{}{}", record.plan, record.rule)).collect();
    assert_eq!(order, ["pa", "pb", "qa", "qb", "pe", "qe"]);
}

#[test]
fn s14_the_cause_of_an_idle_firing_is_its_timer() {
    let mut oracle = oracle("rules: [{ id: away, idle: 30d, points: -10, tag: gone }]");
    feed(&mut oracle, event("1", 0.0, "x"));
    let effect = oracle.clock(day(31.0));
    assert_eq!(short(&effect), expected("tag.added", 30.0, 30.0, 1));
    let cause =
        Cause::Timer { due: day(30.0), kind: TimerKind::Idle, plan: Some("p".into()), rule: Some("away".into()) };
    assert_eq!(effect.derived[0].cause, cause);
    assert_eq!(oracle.ledger()[0].uid, None);
}

#[test]
fn s40_timers_that_a_command_makes_due_up_to_the_task_clock_fire_in_it() {
    let mut oracle = oracle("rules: [{ id: away, idle: 30d, points: -10, tag: gone }]");
    oracle.clock(day(100.0)); // trap 10: nothing was due, tau has not moved
    let effect = feed(&mut oracle, event("1", 0.0, "x"));
    assert_eq!(short(&effect), expected("tag.added", 30.0, 30.0, 1));
    assert!(effect.derived[0].marks.is_empty()); // not late
}

#[test]
fn s33_everything_that_differs_without_a_step_at_one_instant_is_one_check() {
    let mut oracle = worth_oracle(
        "qualify: { score: engagement, at: 100, cooldown: 7d }\n\
         pipeline: { stages: [{ name: a }, { name: b, enter: 100, leave_idle: 4d }] }",
    );
    for (id, days, points) in [("1", 0.0, 100.0), ("2", 1.0, -1.0), ("3", 3.0, 1.0)] {
        feed(&mut oracle, worth(id, days, points));
    }
    let effect = oracle.clock(day(7.0));
    let subjects: Vec<_> = effect.derived.iter().map(|derived| (derived.subject.as_str(), derived.time)).collect();
    assert_eq!(subjects, [("stage", day(7.0)), ("qualify", day(7.0))]);
    let check = Cause::Timer { due: day(7.0), kind: TimerKind::Check, plan: None, rule: None };
    assert!(effect.derived.iter().all(|derived| derived.cause == check));
    // Nothing is left to check.
    assert!(oracle.clock(day(1000.0)).derived.is_empty());
}

#[test]
fn s45_a_forward_change_is_a_step_at_its_instant_and_leaves_earlier_events_alone() {
    let old = plan("p", "rules: [{ id: w, on: worth, points: event.value }]\nqualify: { at: 100 }");
    let new = plan("p", "rules: [{ id: w, on: worth, points: 'event.value * 2' }]\nqualify: { at: 50 }");
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&old]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0));
    assert!(oracle.forward(day(10.0), &[&new]).unwrap().derived.is_empty());
    let effect = oracle.clock(day(10.0));
    assert_eq!(short(&effect), expected("lead.qualified", 10.0, 10.0, 1));
    assert_eq!(effect.derived[0].marks, ["plan"]);
    assert!(matches!(effect.derived[0].cause, Cause::Timer { kind: TimerKind::PlanChange, .. }));
    feed(&mut oracle, worth("2", 9.0, 1.0)); // late, before the change: the old version
    feed(&mut oracle, worth("3", 10.0, 1.0)); // at the change: the new one
    assert_eq!(score(&oracle), 63.0);
    let versions: Vec<_> = oracle.ledger().into_iter().map(|record| record.version).collect();
    assert!(versions[0] == versions[1] && versions[1] != versions[2]);
    assert!(oracle.forward(day(9.0), &[&old]).is_err());
}

#[test]
fn s45_points_of_a_removed_rule_stay_and_state_is_kept_by_rule_id() {
    let old = plan("p", "rules: [{ id: a, on: x, points: 1 }, { id: b, on: x, points: 10, once_per: ever }]");
    let new = plan("p", "rules: [{ id: b, on: x, points: 100, once_per: ever }]");
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&old]).unwrap();
    feed(&mut oracle, event("1", 0.0, "x"));
    oracle.forward(day(1.0), &[&new]).unwrap();
    feed(&mut oracle, event("2", 2.0, "x"));
    assert_eq!(score(&oracle), 11.0);
}

#[test]
fn s14_s45_dues_before_a_forward_change_are_skipped_but_count() {
    let old = plan("p", "rules: [{ id: w, on: worth, points: 1 }]");
    let new = plan(
        "p",
        "rules: [{ id: w, on: worth, points: 1 }, { id: away, idle: 10d, every: 10d, times: 3, points: -1 }]",
    );
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&old]).unwrap();
    feed(&mut oracle, event("1", 0.0, "x"));
    oracle.forward(day(20.0), &[&new]).unwrap();
    oracle.clock(day(100.0));
    assert_eq!(booked(&oracle), [day(20.0), day(30.0)]); // day 10 was skipped
}

#[test]
fn s14_s45_activity_is_what_the_version_in_force_at_it_does_not_ignore() {
    let version = |policy: &str| {
        plan("p", &format!("verdicts: {{ machine: {policy} }}\nrules: [{{ id: away, idle: 10d, points: -1 }}]"))
    };
    for (before, after, fired) in [("ignore", "count", 10.0), ("count", "ignore", 15.0)] {
        let mut oracle = leadstream_oracle::Oracle::new("c1", &[&version(before)]).unwrap();
        feed(&mut oracle, event("1", 0.0, "x"));
        feed(&mut oracle, event("2", 5.0, "x").by(Verdict::Machine));
        oracle.forward(day(6.0), &[&version(after)]).unwrap();
        oracle.clock(day(20.0));
        assert_eq!(booked(&oracle), [day(fired)]);
    }
}

#[test]
fn s45_a_change_before_what_was_stepped_folds_anew() {
    let old = plan("p", "rules: [{ id: w, on: worth, points: event.value }]\nqualify: { at: 100 }");
    let new = plan("p", "rules: [{ id: w, on: worth, points: 'event.value * 2' }]\nqualify: { at: 100 }");
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&old]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 40.0));
    feed(&mut oracle, worth("2", 5.0, 40.0));
    let effect = oracle.forward(day(5.0), &[&new]).unwrap();
    assert_eq!(short(&effect), expected("lead.qualified", 5.0, 5.0, 1));
    assert_eq!(effect.derived[0].marks, ["late", "plan"]);
}

#[test]
fn s1_the_clock_fires_what_events_would_fire() {
    let mut by_clock = worth_oracle("qualify: { at: 100, cooldown: 7d }");
    let mut by_event = by_clock.clone();
    for oracle in [&mut by_clock, &mut by_event] {
        for (id, days, points) in [("1", 0.0, 100.0), ("2", 1.0, -1.0), ("3", 2.0, 1.0)] {
            feed(oracle, worth(id, days, points));
        }
    }
    let first = by_clock.clock(day(8.0)).derived;
    assert!(feed(&mut by_clock, event("4", 9.0, "x")).derived.is_empty());
    assert_eq!(first, feed(&mut by_event, event("4", 9.0, "x")).derived);
    assert_eq!(by_clock.scorecard(), by_event.scorecard());
}
