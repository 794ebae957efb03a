//! Verdicts passed on events after they came (S56). Each case is confirmed by the oracle.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_core::contact::DEPARTED_VERDICTS_MAX;
use leadstream_core::{Bound, Event, EventKind, Outcome, Past, Timestamp, Uid, Value};
use leadstream_fold_tests::{Subject, day, derived_of, event, image_of, ledger_of, outcome_of, scorecard_of};
use leadstream_oracle::case::{Case, Command};
use leadstream_oracle::{Kind, Limits, OracleEvent, Verdict};
use leadstream_wire::stored::contact::{apply_change, put_change, read_image};
use leadstream_wire::stored::redo::{RedoContent, RedoHead, RedoPacker, RedoRecord};

fn verdict(id: &str, days: f64, of: &str, word: &str) -> OracleEvent {
    let judging = event(id, days, "verdict").with("source", "web").with("id", of).with("verdict", word);
    OracleEvent { kind: Kind::Verdict, ..judging }
}

fn case(lines: &[&str], limits: Limits, events: Vec<OracleEvent>) -> Case {
    let plans = vec![std::iter::once("plan: p").chain(lines.iter().copied()).map(str::to_owned).collect()];
    let commands = events.into_iter().map(Command::Event).collect();
    Case { about: String::new(), contact: "c1".to_owned(), limits, plans, commands }
}

/// Runs a case beside the oracle. Returns the subject and how many derived events each command told.
fn run(case: &Case) -> (Subject, Vec<usize>) {
    let (mut subject, mut oracle) = (Subject::new(case), case.oracle().unwrap());
    let mut told = Vec::new();
    for command in &case.commands {
        let (outcome, derived) = subject.command(command);
        let expected = oracle.command_of(command).unwrap();
        assert_eq!(outcome.map(outcome_of), expected.outcome, "{command:?}");
        assert_eq!(
            derived.iter().map(|event| derived_of(event).marks).collect::<Vec<_>>(),
            expected.derived.iter().map(|event| event.marks.clone()).collect::<Vec<_>>(),
            "{command:?}"
        );
        told.push(derived.len());
        assert_eq!(
            scorecard_of(&subject.fold, &subject.contact, subject.clock),
            oracle.scorecard(),
            "after {command:?}"
        );
    }
    (subject, told)
}

fn score(subject: &Subject) -> i64 {
    ledger_of(&subject.contact).iter().map(|booked| booked.6).sum::<i64>() / 1000
}

const OPENED: [&str; 2] = ["rules: [{ id: o, on: email_opened, points: 60 }]", "qualify: { at: 100 }"];

#[test]
fn a_verdict_judges_its_event_anew_and_the_last_one_counts_s40_s56() {
    let events = vec![
        event("1", 0.0, "email_opened"),
        event("2", 1.0, "email_opened"),
        verdict("3", 2.0, "1", "machine"),
        verdict("4", 1.5, "1", "human"),
        verdict("5", 3.0, "1", "human"),
        verdict("6", 4.0, "1", "unsure"),
    ];
    let (subject, told) = run(&case(&OPENED, Limits::default(), events));
    assert_eq!((score(&subject), told), (120, vec![0, 1, 1, 0, 1, 0]));
    let before_the_last = Timestamp::from_millis(day(2.5));
    let mut fold = subject.fold;
    let past = fold.at(&subject.contact, before_the_last).unwrap();
    assert_eq!(past.ledger.len(), 1, "at a past instant count the verdicts up to it");
}

#[test]
fn a_verdict_may_come_before_its_event_and_what_it_ignores_is_suppressed_s56() {
    let (subject, _) = run(&case(
        &OPENED,
        Limits::default(),
        vec![verdict("1", 0.0, "2", "machine"), event("2", 1.0, "email_opened"), event("3", 2.0, "page_viewed")],
    ));
    assert_eq!(score(&subject), 0);
    let shown = subject.fold.explain(&subject.contact, subject.clock).history;
    assert_eq!(shown[1].verdict, leadstream_core::Verdict::Machine);
}

#[test]
fn timers_due_by_a_verdicts_time_are_told_under_the_verdict_of_before_s40() {
    let lines =
        ["rules: [{ id: a, after: mail, unless: click, within: 3d, points: 60, tag: t }]", "qualify: { at: 50 }"];
    let (_, told) =
        run(&case(&lines, Limits::default(), vec![event("1", 0.0, "mail"), verdict("2", 4.0, "1", "machine")]));
    assert_eq!(told, [0, 4], "tag and threshold at the end of the window, and both taken back");
}

#[test]
fn facts_windows_and_activity_follow_the_verdict_s12_s13_s14_s56() {
    let lines = [
        "rules:",
        "  - { id: fact, on: look, when: 'count(\"email_opened\", \"9d\") > 0', points: 1 }",
        "  - { id: wait, after: email_opened, unless: click, within: 2d, points: 10 }",
        "  - { id: away, idle: 5d, points: 100 }",
    ];
    let events = |word: &str| {
        vec![
            event("0", 0.0, "look"),
            event("1", 1.0, "email_opened"),
            event("2", 2.0, "look"),
            verdict("3", 3.5, "1", word),
            event("4", 6.5, "email_sent"),
        ]
    };
    let scores = ["human", "machine"].map(|word| score(&run(&case(&lines, Limits::default(), events(word))).0));
    assert_eq!(
        scores,
        [11, 0],
        "a machine's opening is no fact and opens nothing; the look of d2 is activity either way"
    );
}

#[test]
fn what_has_left_keeps_its_verdict_and_a_verdict_that_has_left_is_remembered_s6_s56() {
    let limits = Limits { rows: 1, ..Limits::default() };
    let worth = |id: &str, days: f64| event(id, days, "email_opened");
    let left = vec![worth("1", 0.0), worth("2", 1.0), verdict("3", 2.0, "1", "machine")];
    let (subject, _) = run(&case(&OPENED, limits.clone(), left));
    assert_eq!(subject.contact.state.plans[0].engagement.fixed.thousandths(), 120_000);
    // The verdict departs before its event comes, which then comes with its verdict, and so is stored.
    let early = vec![verdict("1", 0.0, "3", "machine"), worth("2", 1.0), worth("3", 2.0), worth("4", 3.0)];
    let (subject, _) = run(&case(&OPENED, limits, early));
    assert_eq!(subject.contact.state.plans[0].engagement.fixed.thousandths(), 120_000);
    let image = image_of(&subject.contact);
    let read = read_image("c1", &image).unwrap();
    assert_eq!(read.base.as_ref().unwrap().verdicts, subject.contact.base.as_ref().unwrap().verdicts);
    assert!(!read.judged.is_empty());
}

fn judging(number: usize, of: &str) -> Event {
    let mut judging = Event { contact: "c1".into(), uid: Uid::of("crm", &number.to_string()), ..Event::default() };
    judging.time = Timestamp::from_millis(number as i64 * 1000);
    judging.kind = EventKind::Verdict;
    judging.event_type.set("verdict");
    judging.source.set("crm");
    let named = [("source", "web"), ("id", of), ("verdict", "machine")];
    named.iter().for_each(|(name, value)| judging.properties.set(name, Value::Text(value)));
    judging
}

#[test]
fn verdicts_that_have_left_are_bounded_and_their_changes_small_s58() {
    let limits = Limits { rows: 4, ..Limits::default() };
    let mut subject = Subject::new(&case(&OPENED, limits, Vec::new()));
    let count = DEPARTED_VERDICTS_MAX + 50;
    for number in 0..count {
        let judging = judging(number, &number.to_string());
        let taken = subject.fold.apply(&mut subject.contact, &judging, Timestamp::MIN, &mut Vec::new());
        assert_eq!(taken, Outcome::Applied);
    }
    let base = subject.contact.base.as_ref().unwrap();
    assert_eq!(base.verdicts.len(), DEPARTED_VERDICTS_MAX);
    let forgotten = (count - 4 - DEPARTED_VERDICTS_MAX) as u64;
    assert_eq!(subject.fold.take_reached().unwrap().of(Bound::Verdicts), forgotten);

    let (before, mut savepoint) = (subject.contact.clone(), subject.contact.savepoint());
    let last = judging(count, "last");
    let sight = subject.fold.look(&subject.contact, &last, Timestamp::MIN);
    let Past::From(rows) = sight.past() else { panic!("a verdict is late: {sight:?}") };
    savepoint.reach_back(&subject.contact, rows);
    subject.fold.take(&mut subject.contact, &last, sight, Timestamp::MIN, &mut Vec::new());
    let mut packer = RedoPacker::new(1 << 20);
    packer.push_change("c1", |words, bytes| put_change(&subject.contact, &savepoint, words, bytes));
    assert!(packer.size_bytes() < 500, "{} bytes", packer.size_bytes());
    let (clock, plan_sets, offsets) = (Timestamp::MIN, Vec::new(), Vec::new());
    let head = RedoHead { epoch: 1, writer: 1, low: 0, clock, plans: [0; 16], plan_sets, offsets };
    let mut followed = before.clone();
    let follow = |bytes: &[u8]| {
        let record = RedoRecord::read(bytes).unwrap();
        let RedoContent::Change(body) = record.entries[0].content else { panic!("a change") };
        apply_change(&mut followed, body, &record.words)
    };
    packer.records(&head, follow).unwrap();
    assert_eq!(followed.base.as_ref().unwrap().verdicts, subject.contact.base.as_ref().unwrap().verdicts);
    assert!(subject.contact.undo(savepoint));
    assert_eq!(subject.contact.base.as_ref().unwrap().verdicts, before.base.as_ref().unwrap().verdicts);
    assert_eq!(
        subject.contact.judged.verdict(Uid::of("web", "last"), leadstream_core::Verdict::Human),
        leadstream_core::Verdict::Human
    );
}

#[test]
fn a_copy_is_compared_by_the_verdict_that_it_came_with_s3_s56() {
    let events = vec![
        event("1", 0.0, "email_opened").by(Verdict::Suspect),
        verdict("2", 1.0, "1", "machine"),
        event("1", 0.0, "email_opened").by(Verdict::Suspect),
        event("1", 0.0, "email_opened"),
    ];
    let (subject, _) = run(&case(&OPENED, Limits::default(), events));
    assert_eq!((score(&subject), subject.contact.rows.as_slice()[0].verdict()), (0, leadstream_core::Verdict::Human));
}
