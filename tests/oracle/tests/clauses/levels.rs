//! S30 to S33, S57: qualification.

use crate::common::{attribute, crm_tag, day, event, expected, feed, oracle, short, worth, worth_oracle};

#[test]
fn s30_crossing_is_an_edge_and_staying_above_is_none() {
    let mut oracle = worth_oracle("qualify: { at: 150 }");
    assert!(feed(&mut oracle, worth("1", 0.0, 149.0)).derived.is_empty());
    let effect = feed(&mut oracle, worth("2", 1.0, 2.0));
    assert_eq!(short(&effect), expected("lead.qualified", 1.0, 1.0, 1));
    assert_eq!((effect.derived[0].score, effect.derived[0].threshold), (Some(151_000), Some(150_000)));
    assert!(feed(&mut oracle, worth("3", 2.0, 9.0)).derived.is_empty());
}

#[test]
fn s30_a_threshold_names_its_score() {
    for (name, rule, qualified) in [
        ("engagement", "points: 10", true),
        ("plan", "points: 10", true),
        ("global", "points: 10", true),
        ("stage", "points: 10", true),
        ("tag:t", "points: 10, tag: t", true),
        ("tag:u", "points: 10, tag: t", false),
        ("fit", "points: 10", false),
    ] {
        let body = format!(
            "global: true\nrules: [{{ id: a, on: x, {rule} }}]\npipeline: {{ stages: [{{ name: one }}] }}\nqualify: {{ at: 10, score: '{name}' }}"
        );
        let mut oracle = oracle(&body);
        feed(&mut oracle, event("1", 0.0, "x"));
        assert_eq!(oracle.scorecard().plans["p"].qualified, qualified, "{name}");
    }
    let mut oracle = oracle("fit: [{ id: f, when: contact.vip, points: 10 }]\nqualify: { at: 10, score: fit }");
    feed(&mut oracle, attribute("1", 0.0, "vip", true));
    assert!(oracle.scorecard().plans["p"].qualified);
}

#[test]
fn s31_release_holds_a_level_between_the_two_thresholds() {
    let mut oracle = worth_oracle("qualify: { at: 100, release: 80 }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    assert!(feed(&mut oracle, worth("2", 1.0, -20.0)).derived.is_empty());
    let effect = feed(&mut oracle, worth("3", 2.0, -0.001));
    assert_eq!(short(&effect), expected("lead.disqualified", 2.0, 2.0, 2));
    let off = &effect.derived[0];
    assert_eq!((off.score, off.threshold, off.reason.as_deref()), (Some(79_999), Some(80_000), Some("release")));
    assert!(feed(&mut oracle, worth("4", 3.0, 20.0)).derived.is_empty());
    assert_eq!(short(&feed(&mut oracle, worth("5", 4.0, 0.001))), expected("lead.qualified", 4.0, 4.0, 3));
}

#[test]
fn s31_s57_consent_given_above_the_threshold_qualifies_then_and_its_withdrawal_ends_it() {
    let mut oracle = worth_oracle("qualify: { at: 100, when: contact.consent }");
    assert!(feed(&mut oracle, worth("1", 0.0, 100.0)).derived.is_empty());
    let effect = feed(&mut oracle, attribute("2", 1.0, "consent", true));
    assert_eq!(short(&effect), expected("lead.qualified", 1.0, 1.0, 1));
    let effect = feed(&mut oracle, attribute("3", 2.0, "consent", ""));
    assert_eq!(effect.derived[0].reason.as_deref(), Some("when"));
}

#[test]
fn s31_rearm_never_qualifies_once() {
    let mut oracle = worth_oracle("qualify: { at: 100, rearm: never }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    assert_eq!(feed(&mut oracle, worth("2", 1.0, -50.0)).derived.len(), 1);
    assert!(feed(&mut oracle, worth("3", 2.0, 80.0)).derived.is_empty());
}

#[test]
fn s32_cooldown_delays_and_never_swallows() {
    let plan = "qualify: { at: 100, release: 80, cooldown: 7d }";
    let mut lead = worth_oracle(plan);
    assert_eq!(short(&feed(&mut lead, worth("1", 0.0, 100.0))), expected("lead.qualified", 0.0, 0.0, 1));
    assert_eq!(short(&feed(&mut lead, worth("2", 2.0, -21.0))), expected("lead.disqualified", 2.0, 2.0, 2));
    assert!(feed(&mut lead, worth("3", 3.0, 39.0)).derived.is_empty());
    assert!(lead.clock(day(7.0) - 1).derived.is_empty());
    // The clock fires it on an idle partition, an event would do so in a replay.
    let mut replayed = lead.clone();
    assert_eq!(short(&lead.clock(day(9.0))), expected("lead.qualified", 7.0, 7.0, 3));
    let effect = feed(&mut replayed, event("4", 9.0, "nothing"));
    assert_eq!(short(&effect), expected("lead.qualified", 7.0, 7.0, 3));
    // Not if the score fell meanwhile.
    let mut fallen = worth_oracle(plan);
    for (id, days, points) in [("1", 0.0, 100.0), ("2", 2.0, -21.0), ("3", 3.0, 39.0), ("4", 5.0, -30.0)] {
        feed(&mut fallen, worth(id, days, points));
    }
    assert!(fallen.clock(day(30.0)).derived.is_empty());
}

#[test]
fn s5_a_timer_goes_before_an_event_of_its_instant() {
    let mut oracle = worth_oracle("qualify: { at: 100, cooldown: 7d }");
    for (id, days, points) in [("1", 0.0, 100.0), ("2", 2.0, -1.0), ("3", 3.0, 1.0)] {
        feed(&mut oracle, worth(id, days, points));
    }
    let effect = feed(&mut oracle, worth("4", 7.0, -50.0));
    let names: Vec<_> = short(&effect).into_iter().map(|derived| (derived.0, derived.1)).collect();
    assert_eq!(names, [("lead.qualified".to_owned(), 7.0), ("lead.disqualified".to_owned(), 7.0)]);
}

#[test]
fn s30_a_condition_keeps_its_value_between_steps() {
    // The window of the count empties at day 7, but nothing steps there.
    let mut oracle = worth_oracle("qualify: { at: 1, when: 'count(\"worth\", \"7d\") > 0' }");
    feed(&mut oracle, worth("1", 0.0, 5.0));
    assert!(oracle.clock(day(20.0)).derived.is_empty());
    let effect = feed(&mut oracle, event("2", 30.0, "nothing"));
    assert_eq!(short(&effect), expected("lead.disqualified", 30.0, 30.0, 2));
}

#[test]
fn s30_level_conditions_see_the_levels_before_the_step() {
    let first = crate::common::plan("a", "rules: [{ id: w, on: x, points: 10 }]\nqualify: { at: 10 }");
    let second = crate::common::plan("b", "qualify: { at: 0, when: 'level(\"a\", \"qualify\")' }");
    let mut oracle = leadstream_oracle::Oracle::new("c1", &[&first, &second]).unwrap();
    let effect = feed(&mut oracle, event("1", 0.0, "x"));
    assert_eq!(effect.derived.len(), 1);
    assert!(oracle.clock(day(5.0)).derived.is_empty()); // no timer for a level that another condition reads
    let effect = feed(&mut oracle, event("2", 6.0, "y"));
    assert_eq!(effect.derived[0].plan.as_deref(), Some("b"));
}

#[test]
fn s23_leaving_the_members_ends_every_level_and_fit_but_not_engagement_and_tags() {
    let mut oracle = oracle(
        "members: '\"in\" in contact.tags'\nglobal: true\nrules: [{ id: a, on: x, points: 60, tag: warm }]\n\
         fit: [{ id: f, when: 'true', points: 40 }]\nqualify: { at: 100 }\npipeline: { stages: [{ name: one }, { name: two, enter: 60, leave_below: 10 }] }",
    );
    feed(&mut oracle, crm_tag("1", 0.0, "in", true));
    let effect = feed(&mut oracle, event("2", 1.0, "x"));
    let names: Vec<_> = short(&effect).into_iter().map(|derived| derived.0).collect();
    assert_eq!(names, ["tag.added", "stage.advanced", "lead.qualified"]);
    let effect = feed(&mut oracle, crm_tag("3", 2.0, "in", false));
    let reasons: Vec<_> =
        effect.derived.iter().map(|derived| (derived.subject.as_str(), derived.reason.as_deref())).collect();
    assert_eq!(reasons, [("tag:in", None), ("stage", Some("members")), ("qualify", Some("members"))]);
    assert_eq!(effect.derived[1].new, leadstream_oracle::Level::None);
    let card = oracle.scorecard();
    let plan = &card.plans["p"];
    assert_eq!((plan.engagement, plan.fit, card.global, plan.stage.as_deref()), (60_000, 0, 60_000, None));
    assert!(card.tags.contains_key("warm"));
    // Nothing is booked outside, and joining never backfills.
    feed(&mut oracle, event("4", 3.0, "x"));
    let effect = feed(&mut oracle, crm_tag("5", 4.0, "in", true));
    assert_eq!(oracle.scorecard().plans["p"].score, 100_000);
    let names: Vec<_> = short(&effect).into_iter().map(|derived| derived.0).collect();
    assert_eq!(names, ["tag.added", "lead.qualified"]);
    assert_eq!(oracle.scorecard().plans["p"].stage.as_deref(), Some("one"));
}
