//! `leadstream plan check|explain|diff|test`.

use crate::place::{PLAN, Place, journey, page};

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

/// A plan in which an event meets every way in which a rule may do nothing.
const SHY: &str = "plan: shy
members: '!has(contact.fleet)'
verdicts: { machine: ignore, suspect: { hold: 2h, key: email_id } }
rules:
  - { id: visit, on: page_viewed, points: 10, cap: { points: 15, per: day } }
  - { id: first, on: page_viewed, points: 5, once_per: ever }
  - { id: weekly, on: page_viewed, when: 'contact.age > 30', points: 5, once_per: 7d }
  - { id: offer, on: page_viewed, when: 'event.path == \"/offer\" && event.size > 3 && contact.age > 30', points: 7 }
  - { id: often, on: page_viewed, when: 'count(\"page_viewed\", \"7d\") >= 5 && score(\"global\") + 1 > 7', points: 7 }
  - { id: over, on: page_viewed, valid: [null, 2025-01-01], points: 5 }
  - { id: by-value, on: page_viewed, points: 'event.price * 2' }
  - { id: by-letter, on: page_viewed, once_per: event.email_id, points: 3 }
  - { id: opened, on: email_opened, points: 3 }
  - { id: unread, after: page_viewed, unless: signed_up, within: 1d, points: -1 }
  - { id: both, all: [page_viewed, signed_up], within: 1d, points: 20 }
  - { id: away, idle: 30d, points: -10 }
";

#[test]
fn what_an_event_would_do_is_said_rule_by_rule_with_what_keeps_rules_from_firing() {
    let place = Place::new();
    place.write("shy.yaml", SHY);
    let visit = |id: &str, day: u32| page("c1", id, &format!("2026-01-{day:02}T00:00:00Z"), "/offer");
    let age = "{\"type\":\"identify\",\"messageId\":\"i\",\"userId\":\"c1\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"traits\":{\"age\":41}}\n";
    place.write("history.jsonl", [age.to_owned(), visit("1", 1), visit("2", 3)].concat());
    let event = page("c1", "3", "2026-01-03T00:00:01Z", "/offer");
    let said =
        place.run(&["plan", "explain", "shy.yaml", "--event", event.trim(), "--history", "history.jsonl"]).code(0);
    for line in [
        "page_viewed at 2026-01-03T00:00:01.000Z, of c1\n",
        "  path: \"/offer\"\n",
        "+ visit      +5 points: the rule says +10, less by its cap\n",
        "each page_viewed: +10 points, at most 15 points a calendar day\n",
        "- first      fired before, and fires once for good\n",
        "- weekly     fired before, and rests until 2026-01-08T00:00:00.000Z\n",
        "- offer      no value for event.size > 3: a field that the expression reads is absent (event.size is not there)\n",
        "- often      not count(\"page_viewed\", \"7d\") >= 5 (the count is 3); not score(\"global\") + 1 > 7 (the score is 0)\n",
        "- over       outside its `valid` days\n",
        "- by-value   its points have no value: a field that the expression reads is absent\n",
        "- by-letter  the event has no value for `once_per`\n",
        "+ unread     books at 2026-01-04T00:00:01.000Z, unless signed_up comes before\n",
        "each page_viewed that no signed_up follows within 1 day: -1 point\n",
        "+ both       takes it as a part, and waits for signed_up\n",
        "2 rules wait for something else\n",
        "score 29 to 34 (engagement 34, fit 0)\n",
    ] {
        assert!(said.out().contains(line), "{line}\n{}", said.out());
    }
    // Somebody new, whose age nobody knows; an earlier instant; what was there already; who takes no part.
    let unknown = place.run(&["plan", "explain", "shy.yaml", "--event", event.trim()]).code(0);
    assert!(unknown.out().contains("of c1, somebody new\n"), "{}", unknown.out());
    assert!(unknown.out().contains("+ first      +5 points\n"), "{}", unknown.out());
    assert!(
        unknown.out().contains("- weekly     no value for contact.age > 30: a field that the expression reads is absent (contact.age is not there)\n"),
        "{}",
        unknown.out()
    );
    let explain = |event: &str| {
        place.run(&["plan", "explain", "shy.yaml", "--event", event.trim(), "--history", "history.jsonl"]).code(0)
    };
    let late = explain(&page("c1", "4", "2026-01-02T00:00:00Z", "/"));
    assert!(
        late.out().contains("- offer      not event.path == \"/offer\" (event.path is \"/\"); no value for"),
        "{}",
        late.out()
    );
    assert!(late.out().contains("+ visit      +10 points\n"), "{}", late.out());
    let twice = explain(&visit("1", 1));
    assert!(twice.out().ends_with("does nothing: the contact has it already\n"), "{}", twice.out());
    let signed_up = "{\"type\":\"track\",\"event\":\"Signed Up\",\"messageId\":\"7\",\"userId\":\"c1\",\"timestamp\":\"2026-01-01T12:00:00Z\"}";
    let undoing = explain(signed_up);
    for line in [
        "+ both    +20 points\n",
        "+ unread  what it waited for has come: it does not book at 2026-01-02T00:00:00.000Z\n",
        "  also unread, for page_viewed at 2026-01-02T00:00:00.000Z: -1 point no more\n",
        "score 29 to 50 ",
    ] {
        assert!(undoing.out().contains(line), "{line}\n{}", undoing.out());
    }
    let other = explain(&page("c2", "5", "2026-01-04T00:00:00Z", "/"));
    assert!(other.err().contains("c2 is nobody in the history: shown as somebody new"), "{}", other.err());
    let fleet = age.replace("\"age\":41", "\"fleet\":true") + &visit("6", 9);
    place.write("fleet.jsonl", fleet);
    let fleet = place.run(&["plan", "explain", "shy.yaml", "--event", "fleet.jsonl"]).code(0);
    assert!(fleet.out().contains("what is known of the contact at "), "{}", fleet.out());
    assert!(fleet.out().contains("- visit      the contact takes no part in the plan\n"), "{}", fleet.out());
}

#[test]
fn events_of_doubtful_origin_and_parts_out_of_turn_are_explained_one_after_the_other() {
    let place = Place::new();
    let row = "  - { id: row, all: [signed_up, trial_started, page_viewed], in_order: true, within: 1d, points: 20 }\n";
    place.write("shy.yaml", format!("{SHY}{row}"));
    let event = |id: &str, verdict: &str, properties: &str| {
        format!(
            "{{\"id\":\"{id}\",\"contact\":\"c1\",\"type\":\"page_viewed\",\"time\":\"2026-01-03T00:00:0{id}Z\",\"verdict\":\"{verdict}\",\"properties\":{properties}}}\n"
        )
    };
    let mail = "{\"email_id\":\"m\"}";
    let events = [
        event("1", "machine", mail),
        event("2", "suspect", "{}"),
        event("3", "suspect", mail),
        event("4", "human", mail),
    ];
    place.write("events.jsonl", events.concat());
    let explain = ["plan", "explain", "shy.yaml", "--format", "leadstream-json", "--event", "events.jsonl"];
    let said = place.run(&explain).code(0);
    let out = said.out();
    let pages: Vec<&str> = out.split(", of c1").skip(1).collect();
    assert_eq!(pages.len(), 4);
    for (page, line) in [
        (0, "counts nowhere: every plan ignores events of this origin\n"),
        (0, "- visit      the plan ignores events of machines here\n"),
        (1, "- visit      the event has no `email_id`, by which the rule knows what belongs together\n"),
        (2, "+ visit      waits until 2026-01-03T02:00:03.000Z for an event of a human that confirms this one\n"),
        (2, "- row        comes too early: first must come signed_up and then trial_started\n"),
        (3, "+ visit      +5 points: the rule says +10, less by its cap\n"),
        (3, "- by-letter  confirms an event that was held, and fires no more by itself: see `once_per`\n"),
        (3, "  also first, for page_viewed at 2026-01-03T00:00:04.000Z: +5 points\n"),
    ] {
        assert!(pages[page].contains(line), "{line}\n{}", pages[page]);
    }
}

#[test]
fn a_contact_is_explained_from_a_file_of_its_events() {
    let place = Place::new();
    place.write("events.jsonl", journey());
    let both = place.run(&["plan", "explain", "--history", "events.jsonl"]).code(2);
    assert!(both.err().contains("the history is of 2 contacts: name one, as in --contact c1"), "{}", both.err());
    let shown = place.run(&["plan", "explain", "--history", "events.jsonl", "--contact", "c1"]).code(0);
    assert!(shown.out().contains("plan cars: 55 points (engagement 55, fit 0)\n  qualified since"), "{}", shown.out());
    assert!(shown.out().contains("history (the last 2 of 2 events)"), "{}", shown.out());
    let nobody = place.run(&["plan", "explain", "--history", "events.jsonl", "--contact", "c9"]).code(1);
    assert!(nobody.err().contains("c9 is nobody in the history"), "{}", nobody.err());
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    let place = Place::new();
    for (event, code, reason) in [
        ("{\"type\":", 2, "--event is not JSON"),
        ("{\"typ\":\"page\"}", 2, "--event is no event: the message has no `type`"),
        ("nothing.json", 1, "cannot read nothing.json"),
    ] {
        let refused = place.run(&["plan", "explain", "--event", event]).code(code);
        assert!(refused.err().contains(reason), "{}", refused.err());
    }
    place.write("empty.json", "");
    let empty = place.run(&["plan", "explain", "--event", "empty.json"]).code(2);
    assert!(empty.err().contains("empty.json tells nothing of a contact"), "{}", empty.err());
    let avro = place.run(&["plan", "explain", "--event", "{}", "--format", "leadstream-avro"]).code(2);
    assert!(avro.err().contains("--event is read as JSON"), "{}", avro.err());
}
