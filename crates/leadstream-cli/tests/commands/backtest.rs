//! `leadstream plan backtest`: plans in force against new ones on events of the past.

use crate::place::{PLAN, Place, page};

/// Three contacts: c1 qualifies either way and c2 only where 45 points are enough, c3 never.
fn events() -> String {
    let form = |contact: &str, time: &str| {
        format!(
            "{{\"type\":\"track\",\"event\":\"Form Submitted\",\"messageId\":\"f{contact}\",\"userId\":\"{contact}\",\"timestamp\":\"{time}\"}}\n"
        )
    };
    [
        page("c1", "1", "2026-01-01T00:00:00Z", "/pricing"),
        page("c2", "2", "2026-01-02T00:00:00Z", "/pricing"),
        form("c1", "2026-01-03T00:00:00Z"),
        page("c2", "3", "2026-01-05T00:00:00Z", "/pricing/fleet"),
        page("c2", "4", "2026-01-06T00:00:00Z", "/pricing/all"),
        page("c3", "5", "2026-01-07T00:00:00Z", "/pricing"),
        page("c1", "6", "2026-01-12T00:00:00Z", "/"),
    ]
    .concat()
}

fn place() -> Place {
    let place = Place::new();
    place.write("events.jsonl", events());
    place.write("new.yaml", PLAN.replace("at: 50, release: 30", "at: 40, release: 30"));
    place
}

#[test]
fn a_backtest_says_who_would_qualify_and_when() {
    let place = place();
    let told =
        place.run(&["plan", "backtest", "--new", "new.yaml", "events.jsonl", "--changes", "changes.jsonl"]).code(0);
    let out = told.out();
    let squeezed: Vec<String> = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "contacts that qualified 1 2 +1",
        "with one of the two only 0 1 +1",
        "qualified at the end 1 2 +1",
        "in stage hot at the end 2 2 =",
        "something is different for 1 contacts",
        "of 1 that qualify both ways: 1 at the same instant",
        "2025-12-29 1 1 =",
        "2026-01-05 0 1 +1",
        "2026-01-06T00:00:00.000Z c2 45",
    ] {
        assert!(squeezed.iter().any(|told| told == line), "{line}: {out}");
    }
    let changes: Vec<serde_json::Value> =
        place.read("changes.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let side = |qualified: bool, at: &[&str]| serde_json::json!({ "qualified_at": at, "qualified": qualified, "score": 45, "stage": "hot" });
    let expected = serde_json::json!({ "contact": "c2", "plan": "cars", "old": side(false, &[]), "new": side(true, &["2026-01-06T00:00:00.000Z"]) });
    assert_eq!(changes, [expected]);
}

#[test]
fn who_was_erased_hides_nobody_who_qualified() {
    let place = place();
    place.write("events.jsonl", page("a0", "0", "2026-01-01T00:00:00Z", "/pricing") + &events());
    place.write("contacts.jsonl", "{\"command\":\"erase\",\"contact\":\"a0\",\"time\":\"2026-01-02T00:00:00Z\"}\n");
    let arguments = ["plan", "backtest", "--new", "new.yaml", "events.jsonl", "--contacts", "contacts.jsonl"];
    let told = place.run(&[&arguments[..], &["--threads", "1"]].concat()).code(0);
    let out = told.out();
    let qualified = out.lines().find(|line| line.contains("contacts that qualified")).unwrap_or_default();
    assert_eq!(
        qualified.split_whitespace().collect::<Vec<_>>(),
        ["contacts", "that", "qualified", "1", "2", "+1"],
        "{out}"
    );
}

#[test]
fn a_backtest_holds_plans_against_what_became_of_leads() {
    let place = place();
    // c2 is judged as it was before its third page, and a lead without events is none of either.
    place.write("labels.csv", "contact,outcome,at\nc1,won,\nc2,won,2026-01-06T00:00:00Z\nc3,lost,\nc9,lost,\n");
    let told = place
        .run(&[
            "plan",
            "backtest",
            "--new",
            "new.yaml",
            "events.jsonl",
            "--labels",
            "labels.csv",
            "--changes",
            "changes.csv",
        ])
        .code(0);
    let out = told.out();
    let squeezed: Vec<String> = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "3 of 4 outcomes are of contacts with events",
        "leads judged 3 3",
        "had qualified before the outcome 1 1",
        "precision 100.0 % 100.0 %",
        "lift 1.50 x 1.50 x",
        "share of those won 50.0 % 50.0 %",
        "30 - 30 1 1 100.0 % 1.50 x",
        "15 - 15 1 0 0.0 % 0.00 x",
    ] {
        assert!(squeezed.iter().any(|told| told == line), "{line}: {out}");
    }
    let changes = place.read("changes.csv");
    assert_eq!(
        changes.lines().nth(1),
        Some("c2,cars,,2026-01-06T00:00:00.000Z,0,1,false,true,45,45,hot,hot,won"),
        "{changes}"
    );
}

#[test]
fn a_plan_that_is_new_is_held_against_none_and_one_that_is_the_same_changes_nothing() {
    let place = place();
    place.write("second.yaml", PLAN.replace("plan: cars", "plan: boats"));
    let told = place.run(&["plan", "backtest", "--new", "second.yaml", "events.jsonl"]).code(0);
    assert!(told.out().contains("plan boats: new, version"), "{}", told.out());
    assert!(!told.out().contains("plan cars"), "{}", told.out());
    let told = place.run(&["plan", "backtest", "--new", "plans/cars.yaml", "events.jsonl"]).code(0);
    assert!(told.out().contains("no plan differs, and nothing is different for any contact"), "{}", told.out());
    let told =
        place.run(&["plan", "backtest", "--old", "new.yaml", "--new", "plans/cars.yaml", "events.jsonl"]).code(0);
    assert!(told.out().contains("do not qualify any more (1 of 1"), "{}", told.out());
}

#[test]
fn what_cannot_be_backtested_is_refused_before_the_work() {
    let place = place();
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let told = place.run(&[&["plan", "backtest"], arguments].concat()).code(code);
        assert!(told.err().contains(words), "{arguments:?}: {}", told.err());
    };
    refused(&["--new", "new.yaml", "-"], 2, "the events are read twice, so they must lie in files");
    refused(&["--new", "new.yaml", "events.jsonl", "--changes", "new.yaml"], 2, "new.yaml is read");
    refused(&["--new", "nothing.yaml", "events.jsonl"], 1, "cannot read nothing.yaml");
    refused(&["events.jsonl"], 2, "--new <FILE>");
    place.write("labels.csv", "contact,outcome\nc1,perhaps\n");
    refused(
        &["--new", "new.yaml", "events.jsonl", "--labels", "labels.csv"],
        2,
        "labels.csv:2: the outcome is \"perhaps\"",
    );
    place.write("bad.yaml", PLAN.replace("form_submitted", "form_submited"));
    refused(&["--new", "bad.yaml", "events.jsonl"], 2, "did you mean `form_submitted`");
    place.write("text.txt", "nothing\n");
    refused(&["--new", "new.yaml", "text.txt"], 1, "no record could be read; the first is text.txt:1");
}
