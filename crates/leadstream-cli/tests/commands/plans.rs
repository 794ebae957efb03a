//! `leadstream plan check|explain|diff|test`.

use crate::place::{PLAN, Place};

#[test]
fn plans_are_checked_with_the_lines_that_are_wrong() {
    let place = Place::new();
    place.run(&["plan", "check"]).code(0);
    place
        .write("plans/cars.yaml", PLAN.replace("form_submitted", "form_submited").replace("points: 5", "points: five"));
    let refused = place.run(&["plan", "check", "plans/cars.yaml"]).code(2);
    assert!(refused.out().contains("did you mean `form_submitted`"), "{}", refused.out());
    assert!(refused.out().contains("plans/cars.yaml:5"), "{}", refused.out());
    let absent = place.run(&["plan", "check", "nothing.yaml"]).code(1);
    assert!(absent.err().contains("cannot read nothing.yaml"), "{}", absent.err());
    let both = place.run(&["plan", "check", "nothing.yaml", "plans/cars.yaml", "nowhere.yaml"]).code(1);
    assert!(both.out().contains("did you mean `form_submitted`"), "{}", both.out());
    assert!(
        both.err().contains("cannot read nothing.yaml") && both.err().contains("cannot read nowhere.yaml"),
        "{}",
        both.err()
    );
    let piped =
        place.run_with(&["plan", "check", "-"], PLAN.replace("form_submitted", "form_submited").as_bytes()).code(2);
    assert!(piped.out().contains("--> standard input:4:21"), "{}", piped.out());
    place.run_with(&["plan", "check", "-"], PLAN.as_bytes()).code(0);
    let unmatched = place.run(&["plan", "check", "nothing/*.yaml"]).code(2);
    assert!(unmatched.err().contains("no plan file matches nothing/*.yaml"), "{}", unmatched.err());
    place.write("plans/cars.yaml", b"plan: \xff\n");
    let bytes = place.run(&["plan", "check"]).code(2);
    assert!(bytes.err().contains("byte 6 is not UTF-8"), "{}", bytes.err());
}

#[test]
fn what_plans_wait_for_is_held_against_events_that_came() {
    let place = Place::new();
    let event = |name: &str, id: u32| {
        format!(
            r#"{{"type":"track","event":"{name}","userId":"u","messageId":"m{id}","timestamp":"2026-05-01T10:00:00Z"}}"#
        )
    };
    let events = [event("Form Submitted", 1), event("Form Submitted", 2), event("Page Viewed", 3), "{".to_owned()];
    place.write("events.jsonl", events.join("\n"));
    let told = place.run(&["plan", "check", "--events", "events.jsonl"]).code(0);
    assert!(told.err().contains("these events came: 2 x form_submitted, 1 x page_viewed"), "{}", told.err());
    assert!(
        told.out().contains("warning[unseen-event-type]: no event of the type `webinar_attended` came"),
        "{}",
        told.out()
    );
    assert!(!told.out().contains("`form_submitted`"), "{}", told.out());
    place.run(&["plan", "check", "--events", "events.jsonl", "--deny-warnings"]).code(2);
    place.write("dead.jsonl", "{\n");
    let dead = place.run(&["plan", "check", "--events", "dead.jsonl"]).code(1);
    assert!(dead.err().contains("no record could be read"), "{}", dead.err());
    let absent = place.run(&["plan", "check", "--events", "nothing.jsonl"]).code(1);
    assert!(absent.err().contains("nothing.jsonl"), "{}", absent.err());
}

#[test]
fn tests_in_plans_are_run_and_a_failure_ends_with_code_1() {
    let place = Place::new();
    let nothing = place.run(&["plan", "test"]).code(1);
    assert!(nothing.err().contains("no plan has a `tests` section"), "{}", nothing.err());
    let good = "tests:\n  - { name: a form, given: [ { form_submitted: {} } ], expect: { score: 40, stage: hot } }\n";
    place.write("plans/cars.yaml", format!("{PLAN}{good}"));
    let passed = place.run(&["plan", "test"]).code(0);
    assert_eq!(passed.out(), "plans/cars.yaml  plan cars\n  ok    a form\n\n1 test: 1 passed, 0 failed\n");
    let bad = "  - { name: two forms, given: [ { form_submitted: {} }, { form_submitted: {}, at: 1d } ], expect: { score: 80 } }\n";
    place.write("plans/cars.yaml", format!("{PLAN}{good}{bad}"));
    let failed = place.run(&["plan", "test", "plans/cars.yaml"]).code(1);
    assert!(failed.out().contains("  FAIL  two forms  (plans/cars.yaml:12)"), "{}", failed.out());
    assert!(failed.out().contains("score  80        40"), "{}", failed.out());
    assert!(failed.out().ends_with("2 tests: 1 passed, 1 failed\n") && failed.err().is_empty(), "{}", failed.err());
    place.write("plans/cars.yaml", format!("{PLAN}{good}  - {{ given: [] }}\n"));
    let refused = place.run(&["plan", "test"]).code(2);
    assert!(refused.out().contains("error[missing-key]: the test has no `expect`"), "{}", refused.out());
}

#[test]
fn plans_are_explained_and_compared_in_words() {
    let place = Place::new();
    let explained = place.run(&["plan", "explain"]).code(0);
    assert!(explained.out().starts_with("plan cars, version ") && explained.err().is_empty(), "{}", explained.out());
    assert!(explained.out().contains("each form_submitted: +40 points"), "{}", explained.out());
    place.write("new.yaml", PLAN.replace("points: 40", "points: 41"));
    let difference = place.run(&["plan", "diff", "plans/cars.yaml", "new.yaml"]).code(0);
    assert!(difference.out().contains("is   each form_submitted: +41 points"), "{}", difference.out());
    let piped = place.run_with(&["plan", "diff", "-", "new.yaml"], PLAN.as_bytes()).code(0);
    assert_eq!(piped.out(), difference.out());

    place.write("bad.yaml", PLAN.replace("form_submitted", "form_submited"));
    for arguments in [&["plan", "explain", "bad.yaml"][..], &["plan", "diff", "plans/cars.yaml", "bad.yaml"]] {
        let refused = place.run(arguments).code(2);
        assert!(refused.out().contains("did you mean `form_submitted`"), "{}", refused.out());
    }
    let absent = place.run(&["plan", "diff", "nothing.yaml", "new.yaml"]).code(1);
    assert!(absent.err().contains("cannot read nothing.yaml"), "{}", absent.err());
}

#[test]
fn a_plan_can_be_checked_where_there_is_no_configuration_without_a_word_about_it() {
    let place = Place::new();
    std::fs::remove_file(place.path("leadstream.yaml")).unwrap();
    let checked = place.run(&["plan", "check", "plans/cars.yaml"]).code(0);
    assert_eq!(checked.err(), "");
    place.write("e.jsonl", "");
    let replayed = place.run(&["replay", "e.jsonl", "--plan", "plans/cars.yaml"]).code(0);
    assert_eq!(replayed.err(), "");
    // What was said to this command by a flag or a variable is another matter.
    let said = place.run(&["plan", "check", "plans/cars.yaml", "--set", "http.listen=0.0.0.0:80"]).code(0);
    assert!(said.err().contains("can be reached from other machines"), "{}", said.err());
    let checked = place.run(&["config", "check"]).code(0);
    assert!(checked.err().contains("no sources"), "{}", checked.err());
}
