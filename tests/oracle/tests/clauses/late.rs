//! S3, S40, S41, S43, S44: copies and late events.

use leadstream_oracle::{Cause, Level, Oracle, Outcome, Uid, Verdict};

use crate::common::{attribute, crm_tag, day, event, expected, feed, oracle, score, short, worth, worth_oracle};

#[test]
fn s3_a_copy_counts_once_and_the_least_content_stays_whichever_came_first() {
    let (earlier, later) = (worth("1", 0.0, 5.0), worth("1", 1.0, 3.0));
    let mut one = worth_oracle("");
    feed(&mut one, earlier.clone());
    assert_eq!(one.event(&later).outcome, Some(Outcome::Duplicate));
    assert_eq!(one.event(&earlier).outcome, Some(Outcome::Duplicate));
    let mut other = worth_oracle("");
    feed(&mut other, later);
    // Trap 8: it wins, the contact is folded anew; as a delivery it is one more of the same event.
    assert_eq!(other.event(&earlier).outcome, Some(Outcome::Duplicate));
    assert_eq!((score(&one), score(&other)), (5.0, 5.0));
    assert_eq!(one.ledger(), other.ledger());
}

#[test]
fn s3_copies_of_one_time_compare_by_type_verdict_and_properties() {
    for (less, more) in [
        (event("1", 0.0, "a"), event("1", 0.0, "b")),
        (event("1", 0.0, "a"), event("1", 0.0, "a").by(Verdict::Suspect)),
        (event("1", 0.0, "a").with("v", 10.0), event("1", 0.0, "a").with("v", 9.0)),
        (event("1", 0.0, "a").with("v", 1.0), event("1", 0.0, "a")), // {"v":1} < {} as bytes
    ] {
        let build = || {
            oracle(
                "verdicts: { suspect: { weight: 0.5 } }\nrules: [{ id: a, on: a, points: 1 }, { id: b, on: b, points: 2 }, \
                 { id: v, on: a, points: event.v }]",
            )
        };
        let (mut alone, mut replaced, mut kept) = (build(), build(), build());
        feed(&mut alone, less.clone());
        feed(&mut replaced, more.clone());
        assert_ne!(score(&replaced), score(&alone));
        assert_eq!(replaced.event(&less).outcome, Some(Outcome::Duplicate));
        feed(&mut kept, less.clone());
        assert_eq!(kept.event(&more).outcome, Some(Outcome::Duplicate));
        // An empty property is no property.
        assert_eq!(kept.event(&less.with("w", "")).outcome, Some(Outcome::Duplicate));
        assert_eq!((score(&replaced), score(&kept)), (score(&alone), score(&alone)));
    }
}

#[test]
fn s3_events_of_one_instant_go_by_uid() {
    let (low, high) = if Uid::of("web", "1") < Uid::of("web", "2") { ("1", "2") } else { ("2", "1") };
    for order in [[low, high], [high, low]] {
        let mut oracle = worth_oracle("limits: { floor: 0 }");
        for id in order {
            feed(&mut oracle, worth(id, 0.0, if id == low { -10.0 } else { 10.0 }));
        }
        assert_eq!(score(&oracle), 10.0);
    }
}

#[test]
fn s44_a_a_late_event_that_moves_the_instant_only_announces_nothing() {
    let mut oracle = worth_oracle("qualify: { at: 100 }");
    feed(&mut oracle, worth("1", 1.0, 60.0));
    assert_eq!(short(&feed(&mut oracle, worth("2", 5.0, 60.0))), expected("lead.qualified", 5.0, 5.0, 1));
    assert!(feed(&mut oracle, worth("3", 3.0, 50.0)).derived.is_empty());
    assert_eq!(oracle.scorecard().plans["p"].qualified_since, Some(day(3.0)));
}

#[test]
fn s44_b_a_late_loss_corrects_the_last_announcement() {
    let mut oracle = worth_oracle("qualify: { at: 100 }");
    feed(&mut oracle, worth("1", 1.0, 60.0));
    feed(&mut oracle, worth("2", 4.0, 10.0));
    let first = feed(&mut oracle, worth("3", 5.0, 40.0)).derived.remove(0);
    let effect = feed(&mut oracle, worth("4", 4.0, -50.0));
    assert_eq!(short(&effect), expected("lead.disqualified", 5.0, 4.0, 2));
    let correction = &effect.derived[0];
    assert_eq!(correction.marks, ["late"]);
    assert_eq!(correction.corrects.as_ref(), Some(&first.id));
    assert_eq!((&correction.old, &correction.new), (&Level::Is(true), &Level::Is(false)));
    assert_eq!(correction.cause, Cause::Event { uid: Uid::of("web", "4").hex(), time: day(4.0) });
    assert_eq!(correction.score, Some(60_000));
}

#[test]
fn s41_past_pulses_are_not_told() {
    let mut oracle = worth_oracle("qualify: { at: 100, release: 100 }");
    feed(&mut oracle, worth("1", 1.0, 60.0));
    feed(&mut oracle, worth("2", 5.0, -20.0));
    // On at day 3, off at day 5 again: announced off, now off.
    assert!(feed(&mut oracle, worth("3", 3.0, 50.0)).derived.is_empty());
    assert_eq!(oracle.scorecard().plans["p"].qualified_since, Some(day(5.0)));
}

#[test]
fn s41_a_stage_is_corrected_directly_with_the_rest_in_via() {
    let mut oracle = worth_oracle(
        "pipeline: { stages: [{ name: a }, { name: b, enter: 10 }, { name: c, enter: 10 }, { name: d, enter: 10, leave_when: contact.out }] }",
    );
    feed(&mut oracle, worth("1", 1.0, 5.0));
    feed(&mut oracle, worth("2", 5.0, 5.0)); // a to b
    let effect = feed(&mut oracle, worth("3", 0.0, 10.0)); // now b at 0, 10 over two events at 5: c
    assert_eq!(short(&effect), expected("stage.advanced", 5.0, 5.0, 2));
    assert!(effect.derived[0].via.is_empty());
    let effect = feed(&mut oracle, worth("4", 0.5, 10.0)); // b at 0, c at 0.5, d at 5
    assert_eq!(effect.derived[0].new, Level::Named("d".into()));
    let mut two = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10 }, { name: c, enter: 20 }, { name: d, enter: 30 }] }",
    );
    feed(&mut two, worth("1", 5.0, 1.0));
    let effect = feed(&mut two, worth("2", 1.0, 30.0));
    assert_eq!(effect.derived.len(), 1);
    let correction = &effect.derived[0];
    assert_eq!((&correction.old, &correction.new), (&Level::Named("a".into()), &Level::Named("d".into())));
    assert_eq!(correction.via, ["b", "c"]);
    assert_eq!((correction.time, correction.since, correction.corrects.as_ref()), (day(5.0), day(1.0), None));
}

#[test]
fn s40_trap_10_a_late_command_folds_up_to_the_task_clock_and_moves_tau_there() {
    let mut oracle = oracle(
        "rules: [{ id: w, on: worth, points: event.value }, { id: away, idle: 10d, points: -50 }]\nqualify: { at: 100, release: 60 }",
    );
    feed(&mut oracle, worth("1", 5.0, 100.0));
    oracle.clock(day(20.0)); // idle at 15: 50, off
    assert!(!oracle.scorecard().plans["p"].qualified);
    // Late activity moves the due beyond the clock: on again, and tau stays where it was.
    let effect = feed(&mut oracle, event("2", 14.0, "x"));
    assert_eq!(short(&effect), [("lead.qualified".to_owned(), 15.0, 5.0, 3)]);
    // The next event at 14.5 is before tau, though no step of the present fold is after it.
    let effect = feed(&mut oracle, worth("3", 14.5, -50.0));
    assert_eq!(effect.derived[0].marks, ["late"]);
    assert_eq!(effect.derived[0].time, day(15.0));
}

#[test]
fn s40_a_tags_event_and_an_attribute_update_may_be_late_too() {
    let mut oracle = oracle("fit: [{ id: f, when: contact.vip, points: 100 }]\nqualify: { at: 100 }");
    feed(&mut oracle, attribute("1", 1.0, "vip", true));
    feed(&mut oracle, crm_tag("2", 5.0, "t", false));
    let effect = feed(&mut oracle, crm_tag("3", 2.0, "t", true)); // removed at 5: nothing to tell
    assert!(effect.derived.is_empty());
    let effect = feed(&mut oracle, attribute("4", 3.0, "vip", false));
    assert_eq!(short(&effect), expected("lead.disqualified", 5.0, 3.0, 2));
    let effect = feed(&mut oracle, crm_tag("5", 4.0, "u", true));
    assert_eq!(short(&effect), expected("tag.added", 5.0, 4.0, 1));
}

#[test]
fn s43_a_clamped_event_marks_what_it_causes() {
    let mut oracle = worth_oracle("qualify: { at: 10 }");
    let mut ahead = worth("1", 10.0, 10.0);
    ahead.received = Some(day(2.0));
    let effect = feed(&mut oracle, ahead);
    assert_eq!(short(&effect), expected("lead.qualified", 2.0, 2.0, 1));
    assert_eq!(effect.derived[0].marks, ["clamped"]);
    let mut late = worth("2", 9.0, -5.0);
    late.received = Some(day(1.0));
    let effect = feed(&mut oracle, worth("3", 3.0, 0.0));
    assert!(effect.derived.is_empty());
    let effect = feed(&mut oracle, late);
    assert_eq!(effect.derived[0].marks, ["clamped", "late"]);
}

#[test]
fn l1_the_order_of_arrival_changes_neither_scores_nor_ledger_nor_levels() {
    let events = [
        worth("1", 1.0, 60.0),
        event("2", 2.0, "x"),
        attribute("3", 2.0, "vip", true),
        worth("4", 2.0, 45.0),
        crm_tag("5", 3.0, "t", 4.0),
        worth("6", 30.0, -30.0),
    ];
    let build = || {
        oracle(
            "limits: { floor: 0, ceiling: 100 }\nfit: [{ id: f, when: contact.vip, points: 5 }]\nqualify: { at: 100, release: 70, cooldown: 3d }\n\
             rules: [{ id: w, on: worth, points: event.value, tag: t }, { id: away, idle: 7d, every: 7d, points: -1 }]",
        )
    };
    let run = |order: &mut dyn Iterator<Item = usize>| -> Oracle {
        let mut oracle = build();
        for index in order {
            feed(&mut oracle, events[index].clone());
        }
        oracle.clock(day(40.0));
        oracle
    };
    let straight = run(&mut (0..6));
    for mut order in [vec![5, 4, 3, 2, 1, 0], vec![3, 0, 5, 1, 4, 2], vec![1, 5, 0, 2, 3, 4]] {
        let shuffled = run(&mut order.drain(..));
        assert_eq!(shuffled.ledger(), straight.ledger());
        let (mut one, other) = (shuffled.scorecard(), straight.scorecard());
        one.seq = other.seq;
        assert_eq!(one, other);
    }
}

#[test]
fn s40_a_replaced_copy_is_late_even_where_it_was_the_last_step() {
    let mut oracle = worth_oracle("qualify: { at: 10 }");
    feed(&mut oracle, worth("1", 1.0, 9.0));
    // The bytes of 10 are less than those of 9.
    let effect = oracle.event(&worth("1", 1.0, 10.0));
    assert_eq!(short(&effect), expected("lead.qualified", 1.0, 1.0, 1));
    assert_eq!(effect.derived[0].marks, ["late"]);
}

#[test]
fn s41_a_stage_corrected_backwards_lists_what_it_passed_in_that_order() {
    let mut oracle = worth_oracle(
        "pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 10 }, { name: c, enter: 20 }, { name: d, enter: 30, leave_below: 25 }] }",
    );
    feed(&mut oracle, worth("1", 5.0, 30.0));
    let effect = feed(&mut oracle, worth("2", 1.0, -30.0));
    assert_eq!(short(&effect), expected("stage.regressed", 5.0, 1.0, 4));
    let correction = &effect.derived[0];
    assert_eq!((&correction.old, &correction.new), (&Level::Named("d".into()), &Level::Named("a".into())));
    assert_eq!(
        (correction.via.as_slice(), correction.threshold),
        (&["c".to_owned(), "b".to_owned()][..], Some(25_000))
    );
}
