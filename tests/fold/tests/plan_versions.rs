//! What a new version of a plan takes over from the one before it (S45): activity judged by its own time, and what caps have counted.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use leadstream_fold_tests::{Subject, ledger_of, scorecard_of};
use leadstream_oracle::case::{Case, Command};
use leadstream_oracle::{DAY_MS, Limits, OracleEvent, Verdict};

fn day(days: f64) -> i64 {
    (days * DAY_MS as f64) as i64
}

/// An event `x` on a day.
fn event(id: &str, days: f64) -> OracleEvent {
    OracleEvent::new(id, day(days), "x")
}

fn plan(lines: &[&str]) -> Vec<Vec<String>> {
    vec![std::iter::once("plan: p").chain(lines.iter().copied()).map(str::to_owned).collect()]
}

/// The bookings of the plan as (day, rule, applied points), which the oracle confirms.
fn booked(plans: Vec<Vec<String>>, limits: Limits, commands: Vec<Command>) -> Vec<(f64, String, f64)> {
    let case = Case { about: String::new(), contact: "c1".to_owned(), limits, plans, commands };
    let (mut subject, mut oracle) = (Subject::new(&case), case.oracle().unwrap());
    for command in &case.commands {
        subject.command(command);
        oracle.command_of(command).unwrap();
        assert_eq!(
            scorecard_of(&subject.fold, &subject.contact, subject.clock),
            oracle.scorecard(),
            "after {command:?}"
        );
    }
    let in_points = |thousandths: i64| thousandths as f64 / 1000.0;
    let bookings = ledger_of(&subject.contact).into_iter();
    bookings.map(|b| (b.0 as f64 / DAY_MS as f64, b.3, in_points(b.6))).collect()
}

fn forward(days: f64, lines: &[&str]) -> Command {
    Command::Forward { from: day(days), plans: plan(lines) }
}

#[test]
fn activity_is_judged_by_the_version_in_force_at_it_s14_s45_s56() {
    let ignores = ["verdicts: { machine: ignore }", "rules: [{ id: away, idle: 10d, points: -1 }]"];
    let counts = ["verdicts: { machine: count }", "rules: [{ id: away, idle: 10d, points: -1 }]"];
    for (before, after, fired) in [(ignores, counts, 10.0), (counts, ignores, 15.0)] {
        let commands = vec![
            Command::Event(event("1", 0.0)),
            Command::Event(event("2", 5.0).by(Verdict::Machine)),
            forward(6.0, &after),
            Command::Clock(day(20.0)),
        ];
        let seen = booked(plan(&before), Limits::default(), commands);
        assert_eq!(seen, [(fired, "away".to_owned(), -1.0)], "{before:?}");
    }
}

#[test]
fn a_stage_is_left_for_silence_by_activity_of_its_time_s36_s45() {
    let version = |policy: &'static str| {
        [
            policy,
            "rules: [{ id: x, on: x, points: 10, verdicts: { machine: ignore } }]",
            "pipeline: { stages: [{ name: lead }, { name: keen, enter: 10, leave_idle: 10d }] }",
        ]
    };
    let (ignores, counts) = (version("verdicts: { machine: ignore }"), version("verdicts: { machine: count }"));
    for (before, after, left) in [(ignores, counts, 10.0), (counts, ignores, 15.0)] {
        let case = Case {
            about: String::new(),
            contact: "c1".to_owned(),
            limits: Limits::default(),
            plans: plan(&before),
            commands: vec![
                Command::Event(event("1", 0.0)),
                Command::Event(event("2", 5.0).by(Verdict::Machine)),
                forward(6.0, &after),
            ],
        };
        let mut subject = Subject::new(&case);
        case.commands.iter().for_each(|command| {
            subject.command(command);
        });
        let (_, told) = subject.command(&Command::Clock(day(30.0)));
        assert_eq!(told.iter().map(|event| event.time.millis()).collect::<Vec<_>>(), [day(left)], "{before:?}");
    }
}

#[test]
fn a_cap_of_another_period_begins_anew_and_one_of_other_points_goes_on_s19_s45() {
    let capped = |cap: &str, zone: &str| {
        vec![format!("time_zone: {zone}"), format!("rules: [{{ id: r, on: x, points: 10{cap} }}]")]
    };
    let of = |lines: &[String]| lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let day_cap = ", cap: { points: 15, per: day }";
    // What was booked on the first day before the change, and what after it.
    let cases = [
        (
            capped(", cap: { points: 15, per: 2d }", "UTC"),
            capped(", cap: { points: 15, per: 3d }", "UTC"),
            [10.0, 5.0, 10.0, 5.0],
        ),
        (
            capped(", cap: { points: 15, per: 2d }", "UTC"),
            capped(", cap: { points: 30, per: 2d }", "UTC"),
            [10.0, 5.0, 10.0, 5.0],
        ),
        (
            capped(", cap: { points: 15, per: 2d }", "UTC"),
            capped(", cap: { points: 20, per: 2d }", "UTC"),
            [10.0, 5.0, 5.0, 0.0],
        ),
        (capped(day_cap, "UTC"), capped(day_cap, "UTC"), [10.0, 5.0, 0.0, 0.0]),
        (capped(day_cap, "UTC"), capped(day_cap, "Europe/Warsaw"), [10.0, 5.0, 10.0, 5.0]),
        (capped(day_cap, "UTC"), capped(", cap: { points: 15, per: ever }", "UTC"), [10.0, 5.0, 10.0, 5.0]),
        (capped("", "UTC"), capped(day_cap, "UTC"), [10.0, 10.0, 10.0, 5.0]),
        (
            capped(", cap: { points: 15, per: ever }", "UTC"),
            capped(", cap: { points: 15, per: ever }", "Asia/Tokyo"),
            [10.0, 5.0, 0.0, 0.0],
        ),
    ];
    for (before, after, expected) in cases {
        let (before_lines, after_lines): (Vec<&str>, Vec<&str>) =
            (before.iter().map(String::as_str).collect(), after.iter().map(String::as_str).collect());
        let commands = vec![
            Command::Event(event("1", 0.1)),
            Command::Event(event("2", 0.2)),
            forward(0.3, &after_lines),
            Command::Event(event("3", 0.4)),
            Command::Event(event("4", 0.5)),
        ];
        let seen = booked(plan(&before_lines), Limits::default(), commands.clone());
        let applied: Vec<f64> = seen.iter().map(|(_, _, points)| *points).collect();
        assert_eq!(applied, expected, "{}\n{}", of(&before), of(&after));
        // The same with rows that leave for the base before the change comes.
        let limits = Limits { rows: 1, ..Limits::default() };
        let seen = booked(plan(&before_lines), limits, commands);
        assert_eq!(seen.last().map(|(_, _, points)| *points), Some(expected[3]), "{}\n{}", of(&before), of(&after));
    }
}
