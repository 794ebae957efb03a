//! From events on Kafka to derived events on Kafka, by the binary alone.

#![allow(
    clippy::disallowed_methods,
    reason = "waiting with a limit needs a clock, and nothing here is part of the product"
)]

use std::time::Duration;

use leadstream_system::Application;
use leadstream_test_support::{Broker, foreign};

const LIMIT: Duration = Duration::from_secs(60);

/// Journeys in order, and at their end an event of so many people at one instant that every partition has seen it: then the clocks of all
/// tasks stand where the replay's stands.
fn journeys(application: &Application, events: u32) -> String {
    let events = events.to_string();
    application.done(&["generate", "--events", &events, "--contacts", "400", "--late", "0", "--to", "made.jsonl"]);
    std::fs::read_to_string(application.path("made.jsonl")).expect("the events can be read") + &the_end()
}

fn the_end() -> String {
    let last = |person| {
        format!(
            "{{\"type\":\"page\",\"messageId\":\"end-{person}\",\"userId\":\"end-{person}\",\"timestamp\":\"2026-04-02T00:00:00Z\"}}\n"
        )
    };
    (0..64).map(last).collect()
}

#[test]
fn what_run_derives_is_what_replay_derives_no_more_no_fewer_l2() {
    for (id, keyed) in [("same-keyed", true), ("same-rekeyed", false)] {
        let application = Application::new(Broker::shared(), id, keyed);
        let lines = journeys(&application, 10_000);
        let expected = application.replayed(&lines);
        assert!(expected.len() > 200, "too little happens: {}", expected.len());
        let process = application.start();
        application.produce(&lines);
        let derived = application.derived(expected.len(), LIMIT);
        let ended = process.terminate(Duration::from_secs(5)).unwrap();
        assert!(ended.success(), "{id}: {ended}");
        let unexpected = derived.iter().find(|event| !expected.contains(event));
        assert!(unexpected.is_none(), "{id}: {unexpected:#?}");
        assert_eq!(derived.len(), expected.len(), "{id}");
        for (is, should_be) in derived.iter().zip(&expected) {
            assert_eq!(is, should_be, "{id}");
        }
    }
}

#[test]
fn poison_records_in_the_middle_are_dead_lettered_and_the_rest_is_unharmed_l5() {
    let application = Application::new(Broker::shared(), "poison", true);
    let lines = journeys(&application, 3_000);
    let mut poisoned = String::new();
    for (number, line) in lines.lines().enumerate() {
        poisoned.push_str(line);
        poisoned.push('\n');
        if number % 300 == 150 {
            poisoned.push_str("{\"type\":\"page\",\"userId\":\n");
        }
    }
    let expected = application.replayed(&lines);
    assert_eq!(application.replayed(&poisoned), expected);
    let process = application.start();
    application.produce(&poisoned);
    let derived = application.derived(expected.len(), LIMIT);
    assert_eq!(derived, expected);
    let dead = application.dead_letters();
    assert_eq!(dead.len(), poisoned.lines().count() - lines.lines().count());
    for letter in &dead {
        assert_eq!(letter.value.as_deref(), Some(&b"{\"type\":\"page\",\"userId\":"[..]));
        assert_eq!(letter.header("x-leadstream-code"), Some("malformed"));
        assert_eq!(letter.header("x-leadstream-topic"), Some("poison-events"));
    }
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn a_process_that_was_killed_goes_on_and_announces_nothing_twice_l2() {
    let application = Application::new(Broker::shared(), "killed", false);
    let lines = journeys(&application, 6_000);
    let expected = application.replayed(&lines);
    application.produce(lines.strip_suffix(&the_end()).unwrap());
    for delete_state in [false, true, false] {
        let mut process = application.start();
        application.address(&mut process);
        std::thread::sleep(Duration::from_millis(700));
        process.kill().unwrap();
        if delete_state {
            let _ = std::fs::remove_dir_all(application.path("state"));
        }
    }
    let process = application.start();
    // What moves the clocks to their end comes last, as the next events would.
    application.produce(&the_end());
    let derived = application.derived(expected.len(), LIMIT);
    assert_eq!(derived, expected);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn a_contact_can_be_asked_for_and_its_lines_add_up_l4() {
    let application = Application::new(Broker::shared(), "asked", true);
    let lines = journeys(&application, 2_000);
    let expected = application.replayed(&lines);
    let mut process = application.start();
    application.produce(&lines);
    application.derived(expected.len(), LIMIT);
    let url = format!("http://{}", application.address(&mut process));
    let contact = expected.iter().find(|event| event["type"] == "lead.qualified").unwrap()["contact"].as_str().unwrap();
    let shown: serde_json::Value =
        serde_json::from_str(&application.done(&["contact", "show", contact, "--json", "--url", &url])).unwrap();
    assert_eq!(shown["contact"], contact);
    for ledger in shown["ledgers"].as_array().unwrap() {
        let lines = ledger["lines"].as_array().unwrap().iter();
        let sum: f64 = lines.map(|line| line["value"].as_f64().unwrap()).sum();
        assert!((sum - ledger["score"].as_f64().unwrap()).abs() < 1e-6, "{ledger}");
    }
    let text = application.done(&["contact", "show", contact, "--url", &url]);
    assert!(text.contains("plan benchmark") && text.contains("in all"), "{text}");
    let before =
        application.done(&["contact", "show", contact, "--at", "2026-01-01T00:00:00Z", "--json", "--url", &url]);
    assert!(before.contains("\"history\":[]"), "{before}");
    let unknown = application.run(&["contact", "show", "nobody at all", "--url", &url]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nothing is known of a contact nobody at all"));
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn topics_are_checked_and_a_reset_refuses_while_somebody_works() {
    let broker = Broker::shared();
    let application = Application::new(broker, "reset", false);
    assert!(application.done(&["topics", "check"]).contains("all topics are as they must be"));
    let fewer = application.run(&["topics", "check", "--set", "topics.partitions=3"]);
    assert_eq!(fewer.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&fewer.stdout).contains("reset.redo: has 4 partitions, needs 3"));
    let lines = journeys(&application, 1_000);
    let expected = application.replayed(&lines);
    application.produce(&lines);
    let process = application.start();
    let first = application.derived(expected.len(), LIMIT);
    let refused = application.run(&["reset", "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has members"), "{refused:?}");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    // A static member stays in the group until its session ends.
    let began = std::time::Instant::now();
    while !application.run(&["reset", "--yes"]).status.success() {
        assert!(began.elapsed() < LIMIT, "the group never becomes empty");
        std::thread::sleep(Duration::from_millis(500));
    }
    application.done(&["topics", "create"]);
    let process = application.start();
    let twice = application.derived_anew(2 * expected.len(), LIMIT);
    let again: Vec<_> = twice.iter().map(|event| event["id"].clone()).collect();
    assert!(first.iter().all(|event| again.iter().filter(|id| **id == event["id"]).count() == 2), "ids changed");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    assert!(foreign::read_committed(&broker.bootstrap(), "reset.scores").is_ok());
}

#[test]
fn the_demo_tells_who_qualified_and_why_few_lines_a_second_and_stops_in_time() {
    let application = Application::new(Broker::shared(), "demo", false);
    let began = std::time::Instant::now();
    let mut process = application.begin(&["demo", "--rate", "100"]);
    while !process.output().contains("why? leadstream contact show") {
        let ended = process.has_ended().unwrap();
        assert!(!ended && began.elapsed() < LIMIT, "nobody qualified: {}", process.output());
        std::thread::sleep(Duration::from_millis(100));
    }
    let (told, seconds) = (process.output(), began.elapsed().as_secs() + 1);
    let story: Vec<&str> =
        told.lines().filter(|line| line.contains(" for ") || line.contains(" in benchmark")).collect();
    assert!(story.len() as u64 <= 5 * seconds, "{} lines in {seconds} s: {told}", story.len());
    assert!(
        story.iter().any(|line| line.contains("qualified for benchmark: 1") && line.contains("points, over 100: ")),
        "{told}"
    );
    assert!(told.contains("/metrics") && told.contains("stop with Ctrl-C"), "{told}");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn generated_events_can_go_straight_to_kafka() {
    let application = Application::new(Broker::shared(), "straight", true);
    application.done(&["generate", "--to", "kafka", "--events", "2500", "--contacts", "100"]);
    application.done(&["generate", "--to", "made.jsonl", "--events", "2500", "--contacts", "100"]);
    let made = std::fs::read_to_string(application.path("made.jsonl")).unwrap();
    let mut expected: Vec<&[u8]> = made.lines().map(str::as_bytes).collect();
    let arrived = foreign::read_committed(&Broker::shared().bootstrap(), &application.source()).unwrap();
    let mut values: Vec<&[u8]> = arrived.iter().map(|record| record.value.as_deref().unwrap()).collect();
    expected.sort_unstable();
    values.sort_unstable();
    assert!(values == expected, "{} of {}", values.len(), expected.len());
    let missing =
        application.run(&["generate", "--to", "kafka", "--set", "sources=[{topic: nowhere, format: segment}]"]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("topic nowhere does not exist"), "{missing:?}");
}
