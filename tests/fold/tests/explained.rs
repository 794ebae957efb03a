//! What an answer says besides the scores: everything that changed a booking (S18), and what is missing at the instant of the answer (S31, S32).

#![allow(missing_docs, reason = "tests")]

use leadstream_core::contact::LimitReason;
use leadstream_core::explain::{Awaited, LedgerLine, LedgerOf, MissingReason};
use leadstream_core::{Found, Points, Timestamp};
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

#[test]
fn what_a_rule_is_said_to_make_of_an_event_is_what_it_does_s10_s11_s13_s15() {
    let lines = [
        "members: '!has(contact.fleet)'",
        "verdicts: { machine: ignore, suspect: { hold: 4d, key: value } }",
        "rules:",
        "  - { id: each, on: worth, points: 1 }",
        "  - { id: big, on: worth, when: 'event.value > 5', points: event.value }",
        "  - { id: rare, on: worth, points: 2, once_per: 3d }",
        "  - { id: keyed, on: worth, points: 3, once_per: event.value }",
        "  - { id: first, on: worth, when: 'event.value >= 2', points: 4, once_per: ever }",
        "  - { id: often, on: worth, when: 'count(\"worth\", \"2d\") >= 3', points: 5 }",
        "  - { id: june, on: worth, points: 6, valid: [1970-01-05, 1970-01-08] }",
        "  - { id: both, all: [worth, { on: more, when: 'event.value > 2' }], within: 2d, points: 7 }",
        "  - { id: row, all: [more, worth, worth], within: 4d, in_order: true, points: 8, once_per: 2d }",
        "  - { id: alone, after: worth, unless: more, within: 1d, points: 9, once_per: 3d }",
    ];
    let mut taken: Vec<OracleEvent> = Vec::new();
    let (mut fired, mut confirmed, mut rested, mut opened, mut closed, mut gathered, mut early) = (0, 0, 0, 0, 0, 0, 0);
    for at in 0..48i64 {
        let id = format!("e{at}");
        // Mostly in order, now and then late, also within an instant; the same values come again; some by machines.
        let is_late = at % 7 == 6;
        let time = at / 3 * DAY_MS + if is_late { -2 * DAY_MS } else { at / 2 * 1_000 };
        let event_type = if at % 4 == 3 { "more" } else { "worth" };
        let event = OracleEvent::new(&id, time, event_type).with("value", ((at * 5) % 9) as f64);
        let event = match at % 11 {
            10 => event.by(Verdict::Machine),
            3 | 6 => event.by(Verdict::Suspect),
            _ => event,
        };
        let mut before = subject(&lines, taken.clone());
        let asked = leadstream_fold_tests::core_event("c1", &event, &Limits::default());
        let findings = before.fold.inspect(&before.contact, &asked);
        taken.push(event);
        let after = subject(&lines, taken.clone());
        let explanation = after.fold.explain(&after.contact, Timestamp::MIN);
        let line = explanation.history.iter().find(|line| line.uid == asked.uid).unwrap();
        let booked: Vec<String> = line
            .booked
            .iter()
            .filter(|(_, rule, _)| **rule != *"alone")
            .map(|(_, rule, points)| format!("{rule} {points}"))
            .collect();
        let mut said = Vec::new();
        let mut windows: Vec<Timestamp> = Vec::new();
        for finding in &findings {
            match &finding.verdict {
                Found::Fires(points) => said.push(format!("{} {points}", finding.rule)),
                Found::Rests(_) => rested += 1,
                Found::Confirms => confirmed += 1,
                Found::Opens(due) => windows.push(*due),
                Found::Closes(_) => closed += 1,
                Found::Gathers(missing) => {
                    gathered += 1;
                    assert!(!missing.is_empty() && missing.len() < 3, "{id}: {missing:?}");
                }
                Found::TooEarly(missing) => {
                    early += 1;
                    assert!(missing.len() == 1 || missing.len() == 2, "{id}: {missing:?}");
                }
                _ => {}
            }
        }
        assert_eq!(said, booked, "{id}");
        let is_behind = before.contact.state.last_event.is_some_and(|last| last > (asked.time, asked.uid));
        if !is_behind {
            let open = explanation.waiting.iter().filter_map(|line| match &line.what {
                Awaited::Absence { due, .. } => Some(*due),
                _ => None,
            });
            let closes = findings.iter().any(|finding| matches!(finding.verdict, Found::Closes(_)));
            // A machine's event opens and closes nothing.
            if at % 11 != 10 {
                assert_eq!(open.collect::<Vec<_>>(), windows, "{id}");
                assert!(!closes || event_type == "more", "{id}");
            }
        }
        fired += said.len();
        opened += windows.len();
    }
    assert!(
        confirmed > 1 && fired > 80 && rested > 40 && opened > 20 && closed > 3 && gathered > 20 && early > 3,
        "{fired} {rested} {opened} {closed} {gathered} {early} {confirmed}"
    );
}
