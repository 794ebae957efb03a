//! What an answer says besides the scores: everything that changed a booking (S18), and what is missing at the instant of the answer (S31, S32).

#![allow(missing_docs, reason = "tests")]

use leadstream_core::contact::LimitReason;
use leadstream_core::explain::{LedgerLine, LedgerOf, MissingReason};
use leadstream_core::{Points, Timestamp};
use leadstream_fold_tests::Subject;
use leadstream_oracle::case::{Case, Command};
use leadstream_oracle::{DAY_MS, Limits, OracleEvent, Verdict};

fn subject(lines: &[&str], events: Vec<OracleEvent>) -> Subject {
    let plan = std::iter::once("plan: p").chain(lines.iter().copied()).map(str::to_owned).collect();
    let case = Case {
        about: String::new(),
        contact: "c1".to_owned(),
        limits: Limits::default(),
        plans: vec![plan],
        commands: Vec::new(),
    };
    let mut subject = Subject::new(&case);
    for event in events {
        subject.command(&Command::Event(event));
    }
    subject
}

fn day(days: i64) -> Timestamp {
    Timestamp::from_millis(days * DAY_MS)
}

fn worth(id: &str, days: i64, points: f64) -> OracleEvent {
    OracleEvent::new(id, days * DAY_MS, "worth").with("value", points)
}

#[test]
fn a_booking_tells_everything_that_changed_it_s18() {
    let subject = subject(
        &[
            "verdicts: { suspect: { weight: 0.5 } }",
            "limits: { ceiling: 10 }",
            "rules: [{ id: w, on: worth, points: event.value, cap: { points: 15 } }]",
        ],
        vec![worth("1", 0, 40.0).by(Verdict::Suspect), worth("2", 1, -20.0), worth("3", 2, 1.0)],
    );
    let explanation = subject.fold.explain(&subject.contact, day(2));
    let ledger = explanation.ledgers.iter().find(|ledger| ledger.of == LedgerOf::Plan("p".into()));
    let reasons: Vec<Vec<LimitReason>> = ledger
        .iter()
        .flat_map(|ledger| &ledger.lines)
        .filter_map(|line| if let LedgerLine::Booked(line) = line { Some(line.reasons.iter().collect()) } else { None })
        .collect();
    assert_eq!(reasons, [LimitReason::ALL.to_vec(), vec![LimitReason::Cap], vec![]]);
}

#[test]
fn a_cooldown_is_missing_until_it_ends_however_long_ago_the_last_step_was_s32() {
    let subject = subject(
        &["rules: [{ id: w, on: worth, points: event.value }]", "qualify: { at: 20, cooldown: 7d }"],
        vec![worth("1", 0, 20.0), worth("2", 1, -5.0)],
    );
    let missing = |at: Timestamp| {
        let explanation = subject.fold.explain(&subject.contact, at);
        explanation.missing.into_iter().flat_map(|missing| missing.reasons).collect::<Vec<_>>()
    };
    let points = MissingReason::Points(Points::whole(5));
    assert_eq!(missing(day(1)), [points.clone(), MissingReason::CooldownUntil(day(7))]);
    assert_eq!(missing(Timestamp::from_millis(7 * DAY_MS - 1)), [points.clone(), MissingReason::CooldownUntil(day(7))]);
    assert_eq!(missing(day(7)), [points]);
}
