//! S56: held events, and verdicts that are passed later (S40).

use leadstream_oracle::{Kind, Limits, Oracle, OracleEvent, Outcome, Plan, Uid, Verdict};

use crate::common::{attribute, day, event, feed, oracle, plan, score, worth};

const HELD: &str =
    "verdicts: { suspect: { hold: 2h, key: email_id } }\nrules: [{ id: o, on: email_opened, points: 10 }]";
const HOUR: f64 = 1.0 / 24.0;

fn mail(id: &str, days: f64, event_type: &str) -> OracleEvent {
    event(id, days, event_type).with("email_id", "m1")
}

fn verdict(id: &str, days: f64, target: &str, verdict: &str) -> OracleEvent {
    event(id, days, "verdict").of_kind(Kind::Verdict).with("source", "web").with("id", target).with("verdict", verdict)
}

#[test]
fn s56_a_held_event_is_booked_when_a_human_event_with_the_key_comes_within_the_span() {
    for (instant, expected) in [(day(2.0 * HOUR) - 1, 10.0), (day(2.0 * HOUR), 0.0)] {
        let mut oracle = oracle(HELD);
        let effect = feed(&mut oracle, mail("1", 0.0, "email_opened").by(Verdict::Suspect));
        assert_eq!((effect.outcome, score(&oracle)), (Some(Outcome::Applied), 0.0));
        feed(&mut oracle, OracleEvent { time: instant, ..mail("2", 0.0, "email_clicked") });
        assert_eq!(score(&oracle), expected);
        if let Some(record) = oracle.ledger().first() {
            assert_eq!((record.time, &record.uid), (instant, &Some(Uid::of("web", "1").hex())));
        }
    }
}

#[test]
fn s56_another_key_another_suspect_and_an_event_without_key_confirm_nothing() {
    let mut oracle = oracle(HELD);
    feed(&mut oracle, mail("1", 0.0, "email_opened").by(Verdict::Suspect));
    feed(&mut oracle, event("2", HOUR, "email_clicked").with("email_id", "m2"));
    feed(&mut oracle, mail("3", HOUR, "email_clicked").by(Verdict::Suspect));
    feed(&mut oracle, event("4", HOUR, "email_clicked"));
    assert_eq!(score(&oracle), 0.0);
    // And what has no key itself can never be confirmed.
    let effect = feed(&mut oracle, event("5", HOUR, "email_opened").by(Verdict::Suspect));
    assert_eq!(effect.outcome, Some(Outcome::Unmatched));
}

#[test]
fn s56_when_and_points_are_of_the_held_instant_and_once_cap_and_membership_of_the_release() {
    let mut oracle = oracle(
        "members: contact.inside\nrules: [{ id: o, on: email_opened, points: contact.age, when: 'contact.age > 30', once_per: 1h, \
         cap: { points: 50, per: ever }, verdicts: { suspect: { hold: 5d, key: email_id } } }]",
    );
    feed(&mut oracle, attribute("1", 0.0, "age", 40.0));
    feed(&mut oracle, mail("2", 1.0, "email_opened").by(Verdict::Suspect)); // not yet a member
    feed(&mut oracle, attribute("3", 1.1, "inside", true));
    feed(&mut oracle, mail("4", 1.2, "email_opened").by(Verdict::Suspect));
    feed(&mut oracle, attribute("5", 1.3, "age", 20.0));
    feed(&mut oracle, mail("6", 1.4, "email_opened").by(Verdict::Suspect)); // `when` fails
    feed(&mut oracle, mail("7", 2.0, "email_clicked"));
    // Both are released at d2; once an hour leaves the first.
    let booked: Vec<_> = oracle.ledger().into_iter().map(|record| (record.uid, record.applied)).collect();
    assert_eq!(booked, [(Some(Uid::of("web", "2").hex()), 40_000)]);
}

#[test]
fn s56_a_release_books_before_the_rules_of_its_event_and_decays_from_there() {
    let mut oracle = oracle(
        "decay: { linear: 10d }\nlimits: { ceiling: 12 }\nverdicts: { suspect: { hold: 5d, key: email_id } }\n\
         rules: [{ id: o, on: email_opened, points: 10, tag: opened }, { id: c, on: email_clicked, points: 10 }]",
    );
    feed(&mut oracle, mail("1", 0.0, "email_opened").by(Verdict::Suspect));
    let effect = feed(&mut oracle, mail("2", 1.0, "email_clicked"));
    assert_eq!(effect.derived[0].subject, "tag:opened");
    let booked: Vec<_> = oracle.ledger().into_iter().map(|record| (record.rule, record.applied)).collect();
    assert_eq!(booked, [("o".to_owned(), 10_000), ("c".to_owned(), 2_000)]);
    oracle.clock(day(6.0));
    assert_eq!(score(&oracle), 6.0);
}

#[test]
fn s56_facts_and_activity_see_a_held_event_at_once() {
    let mut oracle = oracle(
        "verdicts: { suspect: { hold: 2h, key: email_id } }\nrules: [{ id: e, on: look, points: 1, when: 'ever(\"email_opened\")' }]",
    );
    feed(&mut oracle, mail("1", 0.0, "email_opened").by(Verdict::Suspect));
    feed(&mut oracle, event("2", 1.0, "look"));
    assert_eq!(score(&oracle), 1.0);
}

#[test]
fn s56_click_implies_open_by_a_list_and_a_once() {
    let mut oracle =
        oracle("rules: [{ id: o, on: [email_opened, email_clicked], points: 10, once_per: event.email_id }]");
    feed(&mut oracle, mail("1", 0.0, "email_clicked"));
    feed(&mut oracle, mail("2", 1.0, "email_opened"));
    assert_eq!(score(&oracle), 10.0);
}

#[test]
fn s40_s56_a_verdict_judges_its_target_anew_as_a_late_event_and_the_last_one_wins() {
    let mut oracle = oracle("rules: [{ id: o, on: email_opened, points: 60 }]\nqualify: { at: 100 }");
    feed(&mut oracle, mail("1", 0.0, "email_opened"));
    feed(&mut oracle, mail("2", 1.0, "email_opened"));
    let effect = feed(&mut oracle, verdict("3", 2.0, "1", "machine"));
    assert_eq!(effect.outcome, Some(Outcome::Applied));
    let told = &effect.derived[0];
    // The verdict's own step is the last one.
    assert_eq!((told.time, told.since, told.marks.as_slice()), (day(2.0), day(2.0), &["late".to_owned()][..]));
    assert_eq!(score(&oracle), 60.0);
    // An earlier verdict that comes later loses, a later one wins.
    assert!(feed(&mut oracle, verdict("4", 1.5, "1", "human")).derived.is_empty());
    assert_eq!(feed(&mut oracle, verdict("5", 3.0, "1", "human")).derived.len(), 1);
    assert_eq!(score(&oracle), 120.0);
    // A word that is no verdict judges nothing.
    assert!(feed(&mut oracle, verdict("6", 4.0, "1", "unsure")).derived.is_empty());
}

#[test]
fn s56_a_verdict_may_come_before_its_target() {
    let mut oracle = oracle("rules: [{ id: o, on: email_opened, points: 60 }]");
    feed(&mut oracle, verdict("1", 0.0, "2", "machine"));
    assert_eq!(feed(&mut oracle, mail("2", 1.0, "email_opened")).outcome, Some(Outcome::Suppressed));
    assert_eq!(score(&oracle), 0.0);
}

#[test]
fn s40_timers_due_by_a_verdicts_time_fire_first_under_the_verdict_of_before() {
    let mut oracle =
        oracle("rules: [{ id: a, after: mail, unless: click, within: 3d, points: 60, tag: t }]\nqualify: { at: 50 }");
    feed(&mut oracle, event("1", 0.0, "mail"));
    let effect = feed(&mut oracle, verdict("2", 4.0, "1", "machine"));
    let told: Vec<_> = effect.derived.iter().map(|d| (d.subject.as_str(), d.time, d.marks.len())).collect();
    // Told at the window's end, and taken back at the verdict's step.
    let expected = [("tag:t", 3.0, 0), ("qualify", 3.0, 0), ("tag:t", 4.0, 1), ("qualify", 4.0, 1)];
    assert_eq!(told, expected.map(|(subject, days, marks)| (subject, day(days), marks)));
}

#[test]
fn s56_a_verdict_opens_what_an_ignored_event_would_have_opened() {
    let mut oracle = oracle("rules: [{ id: a, after: mail, unless: click, within: 3d, points: 5 }]");
    feed(&mut oracle, event("1", 0.0, "mail").by(Verdict::Machine));
    feed(&mut oracle, verdict("2", 1.0, "1", "human"));
    oracle.clock(day(9.0));
    assert_eq!(score(&oracle), 5.0);
}

#[test]
fn s6_s56_what_departed_is_judged_no_more() {
    let text = plan("p", "rules: [{ id: w, on: worth, points: event.value }]");
    let limits = Limits { rows: 1, ..Limits::default() };
    let mut oracle = Oracle::with_limits("c1", &[&text], limits).unwrap();
    feed(&mut oracle, worth("1", 0.0, 5.0));
    feed(&mut oracle, worth("2", 1.0, 3.0));
    feed(&mut oracle, verdict("3", 2.0, "1", "machine"));
    assert_eq!(score(&oracle), 8.0);
}

#[test]
fn s58_holds_count_among_windows_and_need_span_and_key() {
    let limits = Limits { windows: 1, ..Limits::default() };
    let mut oracle = Oracle::with_limits("c1", &[&plan("p", HELD)], limits).unwrap();
    feed(&mut oracle, mail("1", 0.0, "email_opened").by(Verdict::Suspect));
    feed(&mut oracle, mail("2", HOUR / 2.0, "email_opened").by(Verdict::Suspect));
    feed(&mut oracle, mail("3", HOUR, "email_clicked"));
    assert_eq!(score(&oracle), 10.0);
    for verdicts in
        ["{ suspect: { hold: 2h } }", "{ suspect: { hold: never, key: k } }", "{ suspect: hold }", "{ robot: ignore }"]
    {
        assert!(Plan::parse(&plan("p", &format!("verdicts: {verdicts}"))).is_err(), "{verdicts}");
    }
}
