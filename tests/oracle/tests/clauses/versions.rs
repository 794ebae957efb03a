//! S46 recompute, S47 retiring and versions.

use leadstream_oracle::{Announce, Effect, Level, Limits, Oracle, Plan};

use crate::common::{attribute, day, event, feed, plan, score, worth};

fn text(id: &str, rest: &str) -> String {
    plan(id, &format!("rules: [{{ id: w, on: worth, points: event.value }}]\n{rest}"))
}

/// Subject, time in days, reason and marks of each derived event.
fn told(effect: &Effect) -> Vec<(&str, f64, Option<&str>, Vec<&str>)> {
    let days = |time: i64| time as f64 / day(1.0) as f64;
    let told = effect.derived.iter();
    told.map(|d| (d.subject.as_str(), days(d.time), d.reason.as_deref(), d.marks.iter().map(String::as_str).collect()))
        .collect()
}

#[test]
fn s46_every_row_is_folded_under_the_new_version_and_what_differs_is_corrected_once() {
    let mut oracle = Oracle::new("c1", &[&text("p", "qualify: { at: 100 }")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0));
    feed(&mut oracle, event("2", 1.0, "look"));
    oracle.clock(day(2.0));
    let new =
        plan("p", "rules: [{ id: w, on: worth, points: 70 }, { id: l, on: look, points: 40 }]\nqualify: { at: 100 }");
    let effect = oracle.recompute(day(3.0), &[&new], Announce::Events).unwrap();
    assert_eq!(told(&effect), [("qualify", 3.0, None, vec!["recompute"])]);
    assert_eq!((effect.derived[0].since, effect.derived[0].score), (day(1.0), Some(110_000)));
    let version = Plan::parse(&new).unwrap().version;
    assert!(oracle.ledger().iter().all(|record| record.version == version));
    // Late rows too.
    feed(&mut oracle, event("3", 0.5, "look"));
    assert_eq!(score(&oracle), 150.0);
}

#[test]
fn s46_the_points_of_a_removed_rule_go() {
    let mut oracle = Oracle::new("c1", &[&text("p", "qualify: { at: 50 }")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0));
    let effect = oracle.recompute(day(3.0), &[&plan("p", "rules: []\nqualify: { at: 50 }")], Announce::Events).unwrap();
    // Never held in the fold: since the cause.
    let off = &effect.derived[0];
    assert_eq!((off.subject.as_str(), off.new.clone(), off.since), ("qualify", Level::Is(false), day(3.0)));
    assert!(oracle.ledger().is_empty());
}

#[test]
fn s46_silence_moves_what_is_announced_without_events() {
    let mut oracle = Oracle::new("c1", &[&text("p", "qualify: { at: 100 }\nactions: [{ id: x, at: 100 }]")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0));
    let new = text("p", "qualify: { at: 50 }\nactions: [{ id: x, at: 50 }]");
    assert!(oracle.recompute(day(3.0), &[&new], Announce::Silent).unwrap().derived.is_empty());
    let levels = oracle.announced_levels();
    assert_eq!(levels[&("p".to_owned(), "qualify".to_owned())], Level::Is(true));
    assert_eq!(levels[&("p".to_owned(), "action:x".to_owned())], Level::Count(1));
    let off = feed(&mut oracle, worth("2", 4.0, -20.0));
    assert_eq!((off.derived.len(), off.derived[0].n, off.derived[0].seq), (1, 1, 1));
}

#[test]
fn s46_the_base_stays_as_it_is() {
    let limits = Limits { rows: 1, ..Limits::default() };
    let mut oracle = Oracle::with_limits("c1", &[&text("p", "")], limits).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0)); // departs
    feed(&mut oracle, worth("2", 1.0, 7.0));
    let new = plan("p", "rules: [{ id: w, on: worth, points: 'event.value * 2' }]");
    oracle.recompute(day(3.0), &[&new], Announce::Events).unwrap();
    assert_eq!(score(&oracle), 60.0 + 14.0);
    feed(&mut oracle, worth("3", 4.0, 1.0));
    assert_eq!(score(&oracle), 60.0 + 14.0 + 2.0);
}

#[test]
fn s46_the_step_at_its_instant_reads_levels_anew_and_a_pending_change_stays() {
    let mut oracle = Oracle::new("c1", &[&text("p", "qualify: { at: 50 }")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 30.0));
    oracle.forward(day(9.0), &[&text("p", "qualify: { at: 25 }")]).unwrap();
    // The window of the fact has passed by the instant of the recompute.
    let new = text("p", "qualify: { at: 10, when: 'count(\"worth\", \"2d\") == 0' }");
    let effect = oracle.recompute(day(3.0), &[&new], Announce::Events).unwrap();
    assert_eq!((effect.derived[0].subject.as_str(), effect.derived[0].since), ("qualify", day(3.0)));
    oracle.clock(day(10.0));
    assert!(oracle.scorecard().plans["p"].qualified);
    let effect = feed(&mut oracle, worth("2", 11.0, -6.0));
    assert_eq!((told(&effect)[0].2, effect.derived[0].threshold), (Some("release"), Some(25_000)));
}

#[test]
fn s46_timers_due_up_to_the_recompute_fire_in_it_as_if_the_version_had_always_been() {
    let mut oracle = Oracle::new("c1", &[&text("p", "")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 30.0));
    let new =
        plan("p", "rules: [{ id: i, idle: 1d, every: 1d, points: -1 }, { id: w, on: worth, points: event.value }]");
    oracle.recompute(day(3.0), &[&new], Announce::Events).unwrap();
    // Dues of d1 and d2; that of d3 goes after the plan change and is taken too.
    assert_eq!(score(&oracle), 27.0);
}

#[test]
fn s47_a_retired_plans_levels_go_off_and_its_engagement_ends() {
    let p = text(
        "p",
        "members: contact.inside\nglobal: true\nbands: { warm: 10 }\ngrade: { fit: { A: 1 }, engagement: { 1: 1 } }\nqualify: { at: 50 }\n\
         route: { to: [anna] }\npipeline: { stages: [{ name: a }, { name: b, enter: 10 }] }\nactions: [{ id: x, at: 5 }]",
    );
    let q = text("q", "global: true");
    let mut oracle = Oracle::new("c1", &[&p, &q]).unwrap();
    feed(&mut oracle, attribute("1", 0.0, "inside", true));
    feed(&mut oracle, worth("2", 1.0, 60.0));
    oracle.forward(day(2.0), &[&q]).unwrap();
    let effect = oracle.clock(day(2.0));
    let why = |subject| (subject, 2.0, Some("plan"), vec!["plan"]);
    assert_eq!(told(&effect), [why("band"), why("grade"), why("stage"), why("qualify")]);
    let version = Plan::parse(&p).unwrap().version;
    assert!(effect.derived.iter().all(|derived| derived.version.as_ref() == Some(&version)));
    assert_eq!(oracle.scorecard().global, 60_000); // that of q
    // Action counts and flags stay for when the plan comes back; its engagement does not.
    oracle.forward(day(3.0), &[&p, &q]).unwrap();
    oracle.clock(day(3.0));
    assert_eq!((score(&oracle), oracle.read().levels()["p"].actions["x"]), (0.0, (1, true)));
}

#[test]
fn s47_retiring_by_recompute_or_late_is_told_as_a_correction() {
    let (p, q) = (text("p", "qualify: { at: 50 }"), text("q", "qualify: { at: 50 }"));
    let mut oracle = Oracle::new("c1", &[&p, &q]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 60.0));
    let effect = oracle.recompute(day(2.0), &[&q], Announce::Events).unwrap();
    assert_eq!(told(&effect), [("qualify", 2.0, Some("plan"), vec!["recompute"])]);
    assert_eq!(effect.derived[0].plan.as_deref(), Some("p"));
    // A change that begins before the contact's last step.
    feed(&mut oracle, worth("2", 6.0, 1.0));
    let effect = oracle.forward(day(4.0), &[&text("r", "")]).unwrap();
    assert_eq!(told(&effect), [("qualify", 6.0, Some("plan"), vec!["late", "plan"])]);
}

#[test]
fn s47_windows_of_a_retired_plan_are_dropped() {
    let p = plan("p", "rules: [{ id: a, after: x, unless: y, within: 5d, points: 8 }]");
    let mut oracle = Oracle::new("c1", &[&p]).unwrap();
    feed(&mut oracle, event("1", 0.0, "x"));
    oracle.forward(day(1.0), &[]).unwrap();
    oracle.forward(day(2.0), &[&p]).unwrap();
    oracle.clock(day(20.0));
    assert!(oracle.ledger().is_empty());
}

#[test]
fn s47_the_version_is_the_hash_of_the_file_with_line_ends_of_lf() {
    let text = text("p", "");
    assert_eq!(Plan::parse(&text).unwrap().version, Plan::parse(&text.replace('\n', "\r\n")).unwrap().version);
    assert_ne!(Plan::parse(&text).unwrap().version, Plan::parse(&format!("{text}# why\n")).unwrap().version);
}

#[test]
fn s46_a_recompute_before_the_task_clock_is_refused() {
    let mut oracle = Oracle::new("c1", &[&text("p", "")]).unwrap();
    oracle.clock(day(2.0));
    assert!(oracle.recompute(day(2.0) - 1, &[&text("p", "")], Announce::Events).is_err());
    assert!(oracle.recompute(day(2.0), &["plan: p\nruels: []\n"], Announce::Events).is_err());
}
