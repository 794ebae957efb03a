//! What is decided now and booked later, or never: absence (S13), compound rules (S15), held events (S56). Each case is confirmed by the oracle.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_core::contact::{Contact, GATHERED_MAX, PART_INSTANTS_MAX, WINDOWS_MAX};
use leadstream_core::explain::{Awaited, LedgerLine, LedgerOf};
use leadstream_core::{Bound, Points, Timestamp};
use leadstream_fold_tests::{Subject, day, event, image_of, ledger_of, scorecard_of};
use leadstream_oracle::case::{Case, Command};
use leadstream_oracle::{DAY_MS, Limits, Verdict};
use leadstream_wire::stored::contact::{put_change, read_image};
use leadstream_wire::stored::redo::RedoPacker;

/// An event of the type, on a day, for a mail.
fn mail(id: &str, days: f64, event_type: &str, mail: &str) -> Command {
    Command::Event(event(id, days, event_type).with("email_id", mail))
}

fn plain(id: &str, days: f64, event_type: &str) -> Command {
    Command::Event(event(id, days, event_type))
}

fn clock(days: f64) -> Command {
    Command::Clock(day(days))
}

fn plan(lines: &[&str]) -> Vec<Vec<String>> {
    vec![std::iter::once("plan: p").chain(lines.iter().copied()).map(str::to_owned).collect()]
}

fn forward(days: f64, lines: &[&str]) -> Command {
    Command::Forward { from: day(days), plans: plan(lines) }
}

fn case(lines: &[&str], commands: Vec<Command>) -> Case {
    Case { about: String::new(), contact: "c1".to_owned(), limits: Limits::default(), plans: plan(lines), commands }
}

/// Runs a case beside the oracle.
fn run(case: &Case) -> Subject {
    let (mut subject, mut oracle) = (Subject::new(case), case.oracle().unwrap());
    for command in &case.commands {
        subject.command(command);
        oracle.command_of(command).unwrap();
        assert_eq!(
            scorecard_of(&subject.fold, &subject.contact, subject.clock),
            oracle.scorecard(),
            "after {command:?}"
        );
    }
    subject
}

/// The bookings of the plan as (day, applied points).
fn bookings(subject: &Subject) -> Vec<(f64, f64)> {
    let booked = ledger_of(&subject.contact).into_iter();
    booked.map(|booked| (booked.0 as f64 / DAY_MS as f64, booked.6 as f64 / 1000.0)).collect()
}

fn booked(lines: &[&str], commands: Vec<Command>) -> Vec<(f64, f64)> {
    bookings(&run(&case(lines, commands)))
}

const IGNORED: &str = "rules: [{ id: ignored, after: email_delivered, unless: email_clicked, matching: email_id, within: 3d, points: -5 }]";

#[test]
fn a_mail_that_nobody_clicks_is_booked_when_its_window_ends_s13() {
    let commands = |click: f64| {
        let (m1, m2) = (mail("1", 0.0, "email_delivered", "m1"), mail("2", 1.0, "email_delivered", "m2"));
        vec![m1, m2, mail("3", 2.0, "email_clicked", "m2"), mail("4", click, "email_clicked", "m1"), clock(9.0)]
    };
    assert_eq!(booked(&[IGNORED], commands(3.0)), [(3.0, -5.0)], "a click at the due instant misses (S5)");
    let just_before = 3.0 - 1.0 / DAY_MS as f64;
    assert_eq!(booked(&[IGNORED], commands(just_before)), []);
}

#[test]
fn the_event_that_opened_a_window_is_the_cause_of_what_it_books_s13_s18() {
    let subject = run(&case(&[IGNORED], vec![mail("1", 0.0, "email_delivered", "m1"), clock(9.0)]));
    let explained = subject.fold.explain(&subject.contact, subject.clock);
    let ledger = explained.ledgers.iter().find(|ledger| matches!(ledger.of, LedgerOf::Plan(_))).unwrap();
    let [LedgerLine::Booked(line)] = &ledger.lines[..] else { panic!("one booking: {ledger:#?}") };
    assert_eq!((line.time.millis(), line.event_type.as_deref()), (day(3.0), Some("email_delivered")));
    assert_eq!(explained.history[0].booked.len(), 1);
}

#[test]
fn timers_fired_by_the_clock_by_events_and_by_a_replay_leave_the_same_behind_l7_s13() {
    let given = [mail("1", 0.0, "email_delivered", "m1"), mail("2", 0.5, "email_delivered", "m2")];
    let late = [plain("3", 8.0, "page_viewed")];
    let by_clock = [given.to_vec(), vec![clock(3.0), clock(3.5)], late.to_vec(), vec![clock(9.0)]].concat();
    let by_event = [given.to_vec(), late.to_vec(), vec![clock(9.0)]].concat();
    let by_replay = [late.to_vec(), vec![given[1].clone(), given[0].clone()], vec![clock(9.0)]].concat();
    let contacts = [by_clock, by_event, by_replay].map(|commands| run(&case(&[IGNORED], commands)));
    for contact in &contacts {
        assert_eq!(bookings(contact), [(3.0, -5.0), (3.5, -5.0)]);
        assert_eq!(contact.contact.state, contacts[0].contact.state);
    }
}

#[test]
fn another_event_restarts_a_window_and_one_that_fails_leaves_it_s13() {
    let rule = "rules: [{ id: cart, after: x, unless: y, within: 2d, when: 'event.value > 0', points: event.value }]";
    let x = |id: &str, days: f64, value: f64| Command::Event(event(id, days, "x").with("value", value));
    assert_eq!(booked(&[rule], vec![x("1", 0.0, 1.0), x("2", 1.0, 2.0), x("3", 1.5, 0.0), clock(9.0)]), [(3.0, 2.0)]);
    // Nothing that is waited for: an event without the key opens and closes nothing.
    let commands = vec![
        plain("1", 0.0, "email_delivered"),
        mail("2", 1.0, "email_delivered", "m"),
        plain("3", 2.0, "email_clicked"),
        clock(9.0),
    ];
    assert_eq!(booked(&[IGNORED], commands), [(4.0, -5.0)]);
    // One event both closes and opens.
    let lull = "rules: [{ id: lull, after: x, unless: x, within: 2d, points: 1 }]";
    let commands = vec![plain("1", 0.0, "x"), plain("2", 1.0, "x"), plain("3", 2.5, "x"), clock(9.0)];
    assert_eq!(booked(&[lull], commands), [(4.5, 1.0)]);
}

#[test]
fn once_cap_and_membership_are_those_of_the_due_instant_s13_s23() {
    let rule = "rules: [{ id: a, after: x, unless: y, matching: email_id, within: 2d, points: 4, once_per: 1d, cap: { points: 6, per: ever } }]";
    let commands = vec![
        mail("1", 0.0, "x", "a"),
        mail("2", 0.5, "x", "b"),
        mail("3", 1.0, "x", "c"),
        mail("4", 2.5, "x", "d"),
        clock(9.0),
    ];
    assert_eq!(booked(&[rule], commands), [(2.0, 4.0), (3.0, 2.0), (4.5, 0.0)]);
    let members = ["members: contact.inside", "rules: [{ id: a, after: x, unless: y, within: 2d, points: 4 }]"];
    let inside = |id: &str, days: f64, is_in: bool| {
        let mut event = event(id, days, "attributes").with("inside", is_in);
        event.kind = leadstream_oracle::Kind::Attributes;
        Command::Event(event)
    };
    let commands = vec![
        plain("1", 0.0, "x"),
        inside("2", 1.0, true),
        plain("3", 2.0, "x"),
        inside("4", 3.0, false),
        inside("5", 3.5, true),
        plain("6", 5.0, "x"),
        clock(9.0),
    ];
    assert_eq!(booked(&members, commands), [(7.0, 4.0)], "leaving drops windows, and joining brings none back");
}

#[test]
fn a_late_click_takes_back_what_its_absence_booked_s13_s40() {
    let lines = [IGNORED, "qualify: { at: 0, release: 0 }"];
    let commands =
        vec![mail("1", 0.0, "email_delivered", "m1"), clock(4.0), mail("2", 2.0, "email_clicked", "m1"), clock(9.0)];
    let subject = run(&case(&lines, commands));
    assert_eq!((bookings(&subject), subject.contact.state.waiting.is_empty()), (vec![], true));
}

#[test]
fn an_open_window_keeps_its_rule_and_takes_limits_policy_and_cap_of_the_version_in_force_s45() {
    let rule = |more: &str| format!("rules: [{{ id: a, after: x, unless: y, within: 4d, points: 8{more} }}]");
    let suspect = |more: &[&str]| {
        let commands = vec![Command::Event(event("1", 0.0, "x").by(Verdict::Suspect)), forward(2.0, more), clock(9.0)];
        booked(&[&rule("")], commands)
    };
    assert_eq!(suspect(&["rules: [{ id: a, after: x, unless: y, within: 1d, points: 1 }]"]), [(4.0, 8.0)]);
    assert_eq!(suspect(&["rules: [{ id: b, on: z, points: 1 }]"]), [(4.0, 8.0)], "the rule is gone");
    assert_eq!(
        suspect(&["rules: []", "verdicts: { suspect: ignore }", "fit: [{ id: f, when: 'contact.x', points: 1 }]"]),
        []
    );
    assert_eq!(suspect(&[&rule(", verdicts: { suspect: { weight: 0.5 } }")]), [(4.0, 4.0)]);
    assert_eq!(suspect(&[&rule(", cap: { points: 3 }")]), [(4.0, 3.0)]);
    assert_eq!(suspect(&[&rule(""), "limits: { ceiling: 5 }"]), [(4.0, 5.0)]);
    // Another plan: the one that opened it is retired (S47).
    let other = Command::Forward { from: day(2.0), plans: vec![vec!["plan: q".to_owned(), rule("")]] };
    assert_eq!(booked(&[&rule("")], vec![plain("1", 0.0, "x"), other, clock(9.0)]), []);
}

const BOTH: &str = "rules: [{ id: both, all: [a, b], within: 7d, points: 1 }]";

#[test]
fn parts_come_in_any_order_and_a_firing_uses_up_the_latest_of_each_s15() {
    let events = [(0.0, "a"), (1.0, "a"), (2.0, "b"), (3.0, "b"), (9.0, "b"), (16.0, "a")];
    let commands = events.iter().enumerate().map(|(at, (days, it))| plain(&at.to_string(), *days, it)).collect();
    assert_eq!(booked(&[BOTH], commands), [(2.0, 1.0), (3.0, 1.0)]);
    // One event may be several parts.
    let same = "rules: [{ id: twice, all: [a, { on: [a, b] }], within: 7d, points: 1 }]";
    assert_eq!(booked(&[same], vec![plain("1", 0.0, "a"), plain("2", 1.0, "b")]), [(0.0, 1.0)]);
}

#[test]
fn parts_in_order_are_one_chain_from_its_latest_start_s15() {
    let rule = "rules: [{ id: steps, all: [a, b, c], in_order: true, within: 7d, points: 1 }]";
    let fired = |events: &[(f64, &str)]| {
        let commands = events.iter().enumerate().map(|(at, (days, it))| plain(&at.to_string(), *days, it)).collect();
        booked(&[rule], commands)
    };
    assert_eq!(fired(&[(0.0, "b"), (1.0, "a"), (2.0, "c"), (3.0, "b"), (4.0, "c"), (5.0, "c")]), [(4.0, 1.0)]);
    assert_eq!(fired(&[(0.0, "a"), (5.0, "b"), (7.0, "c")]), [], "the start is not after d0");
    assert_eq!(fired(&[(0.0, "a"), (5.0, "a"), (6.0, "b"), (11.0, "c")]), [(11.0, 1.0)]);
}

#[test]
fn parts_share_a_property_and_have_conditions_of_their_own_s15() {
    let rule =
        "rules: [{ id: c, all: [a, { on: b, when: 'event.value > 10' }], matching: email_id, within: 7d, points: 1 }]";
    let b = |id: &str, days: f64, key: &str, value: f64| {
        Command::Event(event(id, days, "b").with("email_id", key).with("value", value))
    };
    let commands = vec![
        mail("1", 0.0, "a", "x"),
        b("2", 1.0, "y", 20.0),
        b("3", 2.0, "x", 5.0),
        plain("4", 3.0, "a"),
        b("5", 4.0, "x", 20.0),
        mail("6", 5.0, "a", "y"),
    ];
    assert_eq!(booked(&[rule], commands), [(4.0, 1.0), (5.0, 1.0)]);
}

#[test]
fn what_blocks_a_firing_leaves_the_parts_and_another_shape_drops_them_s15_s45() {
    let blocked = "rules: [{ id: both, all: [a, b], within: 7d, points: 1, when: 'event.value > 1' }]";
    let b = |id: &str, days: f64, value: f64| Command::Event(event(id, days, "b").with("value", value));
    let commands = vec![plain("1", 0.0, "a"), b("2", 1.0, 1.0), b("3", 2.0, 2.0), b("4", 3.0, 2.0)];
    assert_eq!(booked(&[blocked], commands), [(2.0, 1.0)]);
    let once = "rules: [{ id: both, all: [a, b], within: 7d, points: 1, once_per: 2d }]";
    let events = [(0.0, "a"), (0.5, "a"), (1.0, "b"), (1.5, "b"), (3.0, "b")];
    let commands = events.iter().enumerate().map(|(at, (days, it))| plain(&at.to_string(), *days, it)).collect();
    assert_eq!(booked(&[once], commands), [(1.0, 1.0), (3.0, 1.0)], "the second stays for when once allows it");
    for (new, expected) in [
        ("all: [a, b], within: 7d, points: 2", vec![(3.0, 2.0)]),
        ("all: [b, a], within: 7d, points: 1", vec![]),
        ("all: [a, b], within: 8d, points: 1", vec![]),
        ("all: [a, b], within: 7d, in_order: true, points: 1", vec![]),
        ("all: [a, b], within: 7d, matching: email_id, points: 1", vec![]),
    ] {
        let change = forward(2.0, &[&format!("rules: [{{ id: both, {new} }}]")]);
        assert_eq!(booked(&[BOTH], vec![plain("1", 0.0, "a"), change, mail("2", 3.0, "b", "m")]), expected, "{new}");
    }
}

const HELD: [&str; 2] = [
    "verdicts: { suspect: { hold: 2d, key: email_id } }",
    "rules: [{ id: click, on: email_clicked, points: event.value, once_per: 5d }]",
];

fn click(id: &str, days: f64, value: f64, verdict: Verdict) -> Command {
    Command::Event(event(id, days, "email_clicked").with("email_id", "m").with("value", value).by(verdict))
}

#[test]
fn a_held_event_is_booked_when_a_person_confirms_it_in_time_s56() {
    let held = click("1", 0.0, 7.0, Verdict::Suspect);
    let subject = run(&case(&HELD, vec![held.clone(), mail("2", 1.0, "page_viewed", "m")]));
    assert_eq!(bookings(&subject), [(1.0, 7.0)], "points of its own time, booked at the release");
    let cause = subject.contact.ledger.as_slice()[0].cause.uid();
    assert_eq!(cause, Some(subject.contact.rows.as_slice()[0].uid));
    assert_eq!(booked(&HELD, vec![held.clone(), mail("2", 2.0, "page_viewed", "m")]), [], "two days later is too late");
    assert_eq!(booked(&HELD, vec![held.clone(), mail("2", 1.0, "page_viewed", "other")]), []);
    let machine = Command::Event(event("2", 1.0, "page_viewed").with("email_id", "m").by(Verdict::Machine));
    assert_eq!(booked(&HELD, vec![held, machine]), [], "a machine confirms nothing");
}

#[test]
fn what_is_released_goes_before_the_rules_of_the_step_and_uses_up_once_s56() {
    let commands = vec![click("1", 0.0, 7.0, Verdict::Suspect), click("2", 1.0, 20.0, Verdict::Human)];
    assert_eq!(booked(&HELD, commands), [(1.0, 7.0)]);
    // Several in their order; once lets the first of them through.
    let commands = vec![
        click("1", 0.0, 7.0, Verdict::Suspect),
        click("2", 0.5, 8.0, Verdict::Suspect),
        mail("3", 1.0, "page_viewed", "m"),
    ];
    assert_eq!(booked(&HELD, commands), [(1.0, 7.0)]);
}

#[test]
fn a_held_event_counts_as_a_fact_and_as_activity_at_once_s56() {
    let lines = [
        HELD[0],
        "rules: [{ id: away, idle: 5d, points: -1 }, { id: seen, on: page_viewed, when: 'ever(\"email_clicked\")', points: 1 }]",
    ];
    let commands = vec![
        plain("0", 0.0, "page_viewed"),
        click("1", 3.0, 7.0, Verdict::Suspect),
        plain("2", 4.0, "page_viewed"),
        clock(9.0),
    ];
    assert_eq!(booked(&lines, commands), [(4.0, 1.0), (9.0, -1.0)]);
}

#[test]
fn an_explanation_says_what_is_waited_for_s13_s15_s56() {
    let lines = [
        "verdicts: { suspect: { hold: 2d, key: email_id } }",
        "rules:",
        "  - { id: ignored, after: email_delivered, unless: [email_clicked, email_opened], matching: email_id, within: 3d, points: -5 }",
        "  - { id: click, on: email_clicked, points: 7 }",
        "  - { id: both, all: [email_delivered, form_submitted], within: 7d, points: 1 }",
    ];
    let held = event("2", 1.0, "email_clicked").with("email_id", "m2").by(Verdict::Suspect);
    let subject = run(&case(&lines, vec![mail("1", 0.0, "email_delivered", "m1"), Command::Event(held)]));
    let explained = subject.fold.explain(&subject.contact, subject.clock).waiting;
    let uid = |at: usize| subject.contact.rows.as_slice()[at].uid;
    let instant = |days| Timestamp::from_millis(day(days));
    let [window, held, parts] = &explained[..] else { panic!("three things: {explained:#?}") };
    let Awaited::Absence { due, unless, points, cause } = &window.what else { panic!("a window: {window:#?}") };
    assert_eq!((&*window.rule, *due, *points, *cause), ("ignored", instant(3.0), Points::whole(-5), uid(0)));
    assert_eq!(unless.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["email_clicked", "email_opened"]);
    let key = window.key.as_ref().map(|(property, key)| (property.as_str(), key.as_str()));
    assert_eq!(key, Some(("email_id", "m1")));
    assert_eq!(held.what, Awaited::Confirmation { until: instant(3.0), points: Points::whole(7), cause: uid(1) });
    assert_eq!((&parts.what, &parts.key), (&Awaited::Parts(vec![1, 0]), &None));
}

#[test]
fn what_a_policy_ignores_opens_and_closes_nothing_and_is_no_part_s13_s15_s56() {
    let machine = |id: &str, days: f64, event_type: &str| {
        Command::Event(event(id, days, event_type).with("email_id", "m").by(Verdict::Machine))
    };
    let closes = vec![mail("1", 0.0, "email_delivered", "m"), machine("2", 1.0, "email_clicked"), clock(9.0)];
    assert_eq!(booked(&[IGNORED], closes.clone()), [(3.0, -5.0)]);
    assert_eq!(booked(&["verdicts: { machine: count }", IGNORED], closes), []);
    assert_eq!(booked(&[IGNORED], vec![machine("1", 0.0, "email_delivered"), clock(9.0)]), []);
    assert_eq!(booked(&[BOTH], vec![machine("1", 0.0, "a"), plain("2", 1.0, "b")]), []);
}

#[test]
fn timers_of_one_instant_go_by_the_ids_of_their_rules_whatever_their_places_s5() {
    // Each takes what the other leaves of the floor.
    for lines in [
        ["rules: [{ id: b, idle: 1d, points: -7 }, { id: a, idle: 1d, points: -5 }]", "limits: { floor: -10 }"],
        ["rules: [{ id: a, idle: 1d, points: -5 }, { id: b, idle: 1d, points: -7 }]", "limits: { floor: -10 }"],
    ] {
        let subject = run(&case(&lines, vec![plain("1", 0.0, "x"), clock(9.0)]));
        let booked = subject.contact.ledger.as_slice().iter().map(|booked| booked.applied);
        assert_eq!(booked.collect::<Vec<_>>(), [Points::whole(-5), Points::whole(-5)]);
    }
    let windows = [
        "rules:",
        "  - { id: b, after: x, unless: y, within: 1d, points: -7 }",
        "  - { id: a, after: x, unless: y, within: 1d, points: -5 }",
        "limits: { floor: -10 }",
    ];
    let subject = run(&case(&windows, vec![plain("1", 0.0, "x"), clock(9.0)]));
    let booked = subject.contact.ledger.as_slice().iter().map(|booked| booked.applied);
    assert_eq!(booked.collect::<Vec<_>>(), [Points::whole(-5), Points::whole(-5)]);
}

#[test]
fn windows_and_parts_are_bounded_and_what_is_let_go_of_is_counted_s58() {
    let lines = [
        "rules:",
        "  - { id: w, after: x, unless: y, matching: email_id, within: 30d, points: 1 }",
        "  - { id: g, all: [x, z], matching: email_id, within: 30d, points: 1 }",
        "  - { id: p, all: [x, z], within: 30d, points: 1 }",
    ];
    let mut subject = Subject::new(&case(&lines, Vec::new()));
    let count = PART_INSTANTS_MAX + 100;
    for number in 0..count {
        let at = number as f64 / 100.0;
        subject.command(&mail(&number.to_string(), at, "x", &format!("mail-{number}")));
    }
    let waiting = &subject.contact.state.waiting;
    let instants: usize = waiting.gathered().iter().flat_map(|it| &it.instants).map(Vec::len).sum();
    assert_eq!((waiting.windows().len(), waiting.gathered().len()), (WINDOWS_MAX, GATHERED_MAX));
    assert_eq!(instants, PART_INSTANTS_MAX);
    let reached = subject.fold.take_reached().unwrap();
    assert_eq!(reached.of(Bound::Windows), (count - WINDOWS_MAX) as u64);
    assert!(reached.of(Bound::Gathered) > (count - GATHERED_MAX) as u64);
    // An open window is restarted all the same; a free place is taken.
    subject.command(&mail("again", 21.5, "x", "mail-7"));
    assert_eq!(subject.fold.take_reached().map_or(0, |reached| reached.of(Bound::Windows)), 0);
    subject.command(&mail("closes", 21.6, "y", "mail-7"));
    subject.command(&mail("opens", 21.7, "x", "another"));
    assert_eq!(subject.contact.state.waiting.windows().len(), WINDOWS_MAX);
    assert_eq!(subject.contact.state.waiting.windows().last().unwrap().until.millis(), day(51.7));
}

#[test]
fn a_change_of_one_window_among_many_is_small_and_an_event_that_meets_none_copies_nothing() {
    let rules = [
        "rules:",
        "  - { id: w, after: x, unless: y, matching: email_id, within: 30d, points: 1, tags: [waits] }",
        "  - { id: v, on: z, points: 1 }",
    ];
    let mut subject = Subject::new(&case(&rules, Vec::new()));
    for number in 0..200 {
        subject.command(&mail(&number.to_string(), f64::from(number) / 100.0, "x", &format!("mail-{number}")));
    }
    let mut changes = Vec::new();
    for command in [mail("y", 3.0, "y", "mail-50"), mail("x", 3.1, "x", "mail-60"), plain("z", 3.2, "z")] {
        let (before, savepoint) = (subject.contact.clone(), subject.contact.savepoint());
        subject.command(&command);
        let mut packer = RedoPacker::new(1 << 20);
        packer.push_change("c", |words, bytes| put_change(&subject.contact, &savepoint, words, bytes));
        changes.push((packer.size_bytes(), subject.contact.state.waiting.is_same(&before.state.waiting)));
    }
    let image = image_of(&subject.contact);
    assert!(changes[0].0 < 150 && changes[1].0 < 200, "{changes:?} of {}", image.len());
    assert_eq!([changes[0].1, changes[1].1, changes[2].1], [false, false, true]);
    // What was read shares what it books, as what was folded does.
    let read = read_image("c1", &image).unwrap();
    let award = |contact: &Contact, at: usize| contact.state.waiting.windows()[at].award.clone();
    assert!(std::sync::Arc::ptr_eq(&award(&read, 0), &award(&read, 198)));
}

#[test]
fn the_cause_of_a_booking_is_known_where_its_row_has_left_s6_s13() {
    let limits = Limits { rows: 3, ..Limits::default() };
    let mut commands = vec![mail("1", 0.0, "email_delivered", "m1")];
    commands.extend((1..6).map(|at| plain(&format!("v{at}"), f64::from(at) / 2.0, "page_viewed")));
    commands.push(clock(4.0));
    let subject = run(&Case { limits, ..case(&[IGNORED], commands) });
    assert_eq!(bookings(&subject), [(3.0, -5.0)]);
    let booked = &subject.contact.ledger.as_slice()[0];
    assert!(booked.cause.uid().is_some_and(|uid| subject.contact.rows.find(uid).is_none()));
    let read = read_image("c1", &image_of(&subject.contact)).unwrap();
    assert_eq!(read.ledger, subject.contact.ledger);
    let past = Timestamp::from_millis(day(2.9));
    let mut fold = subject.fold;
    assert_eq!(fold.at(&subject.contact, past).unwrap().state.waiting.windows().len(), 1);
}
