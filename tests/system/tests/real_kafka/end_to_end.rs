//! From events on Kafka to derived events on Kafka, by the binary alone.

use std::time::Duration;

use leadstream_system::{Application, assert_same};
use leadstream_test_support::{Broker, ForeignRecord, foreign, topics};

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
    let poison = poisoned.lines().count() - lines.lines().count();
    let dead = application.dead_letters(poison);
    assert_eq!(dead.len(), poison);
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
fn topics_that_are_not_as_they_must_be_are_named() {
    let application = Application::new(Broker::shared(), "topics", false);
    assert!(application.done(&["topics", "check"]).contains("all topics are as they must be"));
    let fewer = application.run(&["topics", "check", "--set", "topics.partitions=3"]);
    assert_eq!(fewer.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&fewer.stdout).contains("topics.redo: has 4 partitions, needs 3"));
}

#[test]
fn source_topics_are_created_where_they_are_asked_for_and_never_changed() {
    let application = Application::new(Broker::shared(), "sourced", false);
    let other = ["--set", "sources[0].topic=sourced-clicks"];
    let create = |rest: &[&str]| {
        let output = application.run(&[&["topics", "create"], rest, &other].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = create(&[]);
    let hint = "sourced-clicks: does not exist: it is a source; create it with `leadstream topics create --sources`, or correct its name\n";
    assert_eq!((code, said.ends_with(hint)), (Some(1), true), "{said}");
    let (code, said) = create(&["--sources", "--source-partitions", "2", "--source-retention", "30d"]);
    let expected =
        "creating sourced-clicks: 2 partitions, 1 copy, records are kept for 30d\nall topics are as they must be\n";
    assert_eq!((code, said.as_str()), (Some(0), expected));
    // What is there stays as it is, whatever is asked for.
    let (code, said) = create(&["--sources", "--source-partitions", "3"]);
    assert_eq!((code, said.as_str()), (Some(0), "all topics were there already\nall topics are as they must be\n"));
    let described = topics::shape(&Broker::shared().bootstrap(), "sourced-clicks").expect("the topic is there");
    assert_eq!(described, (2, Some("2592000000".to_owned())));
}

/// The topics that a reset deletes.
const INTERNAL: [&str; 5] = ["contacts-changelog", "redo", "interactions", "identities", "plans"];

/// What a reset says before it does anything.
fn announcement(application: &Application) -> String {
    let id = &application.id;
    let first = format!("this resets the application {id} on {}:", Broker::shared().bootstrap());
    let positions = format!("  positions of the consumer group {id} are deleted");
    let topics = INTERNAL.map(|name| format!("  topic {} is deleted with everything in it", application.topic(name)));
    let state = format!("  local state in state/{id} is deleted");
    let rest = "input and output topics stay; at the next start all sources are read again from where they are configured to start";
    [&[first, positions][..], &topics, &[state, rest.to_owned()]].concat().join("\n") + "\n"
}

/// Resets and gives what was said, without the lines of a broker that was slow to answer. A static member stays in the group until its session
/// ends, which the command waits for.
fn reset(application: &Application) -> String {
    let output = application.run(&["reset", "--yes"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    said.split_inclusive('\n').filter(|line| !line.starts_with("waiting for Kafka at ")).collect()
}

/// What a reset says that is refused while somebody is at work: nothing of what would go.
fn refused_reset(application: &Application, settings: &[&str]) -> String {
    let settings = settings.iter().flat_map(|setting| ["--set", *setting]);
    let refused = application.run(&["reset", "--yes"].into_iter().chain(settings).collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(!said.contains("this resets") && !said.contains("is deleted"), "{said}");
    said
}

#[test]
fn a_reset_says_what_goes_and_a_new_run_from_the_start_tells_the_same_again_l1() {
    let application = Application::new(Broker::shared(), "reset", false);
    let exists = |name| foreign::read_committed(&Broker::shared().bootstrap(), &application.topic(name)).is_ok();
    let lines = journeys(&application, 1_000);
    let expected = application.replayed(&lines);
    assert!(expected.len() > 20, "too little happens: {}", expected.len());
    application.produce(&lines);
    let process = application.start();
    application.derived(expected.len(), LIMIT);
    let here = refused_reset(&application, &[]);
    assert!(here.contains(&format!("is in use by process {}", process.id())), "{here}");
    let session = "kafka.consumer={session.timeout.ms: 2000}";
    let elsewhere = refused_reset(&application, &["storage.directory=another-machine", session]);
    assert!(elsewhere.contains("the group reset has members: reset-"), "{elsewhere}");
    assert!(elsewhere.contains("somebody is at work for reset: reset-"), "{elsewhere}");
    assert!(!application.path("another-machine").exists());
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    assert_same(&application.derived_now(), &expected);

    let asked = application.run(&["reset"]);
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && said.starts_with(&announcement(&application)), "{said}");
    assert!(said.contains("nobody can be asked here: give --yes"), "{said}");
    assert!(
        application.path("state/reset").exists() && INTERNAL.into_iter().all(exists),
        "it was not to do anything yet"
    );

    let said = reset(&application);
    let (waited, announced) = said.split_at(said.find("this resets").expect("it says what goes"));
    // Where all this took longer than a session there is nobody left to wait for.
    let has_waited = waited.starts_with("the group reset has members: ") && waited.contains("waiting up to");
    assert!(has_waited || waited.is_empty(), "{waited}");
    assert_eq!(announced, announcement(&application));
    assert!(!application.path("state/reset").exists());
    assert_eq!(INTERNAL.into_iter().find(|name| exists(name)), None, "a topic is left");
    assert!(exists("scores"));
    assert_same(&application.derived_now(), &expected);

    application.done(&["topics", "create"]);
    let process = application.start();
    application.derived_anew(2 * expected.len(), LIMIT);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    // In the order of contact and seq every event stands twice in a row, each time with all it says.
    let twice = application.derived_anew(2 * expected.len(), LIMIT);
    let pairs: Vec<_> = expected.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
    assert_same(&twice, &pairs);
}

#[test]
fn a_changelog_that_was_deleted_and_created_again_stops_a_start_until_a_reset_and_is_not_rebuilt_in_silence() {
    let application = Application::new(Broker::shared(), "changelog-lost", false);
    let lines = journeys(&application, 300);
    let expected = application.replayed(&lines);
    application.produce(&lines);
    let process = application.start();
    application.derived(expected.len(), LIMIT);
    // What an idle task writes back is in the changelog.
    std::thread::sleep(Duration::from_secs(3));
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());

    let changelog = application.topic("contacts-changelog");
    topics::delete_topics(&Broker::shared().bootstrap(), &[&changelog]).expect("a topic can be deleted");
    application.done(&["topics", "create"]);
    for keeps_store in [true, false] {
        if !keeps_store {
            std::fs::remove_dir_all(application.path("state")).expect("state can be deleted");
        }
        let refused = application.run(&["run"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("the topic {changelog} was deleted and created again")), "{said}");
        assert!(said.contains("reset the application (leadstream reset)"), "{said}");
    }

    reset(&application);
    application.done(&["topics", "create"]);
    let process = application.start();
    application.derived_anew(2 * expected.len(), LIMIT);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn a_changelog_that_is_deleted_and_created_again_under_a_running_process_stops_it_at_its_next_commit() {
    let application = Application::new(Broker::shared(), "changelog-taken", false);
    let lines = journeys(&application, 300);
    let expected = application.replayed(&lines);
    application.produce(&lines);
    let mut process = application.start();
    application.derived(expected.len(), LIMIT);
    let changelog = application.topic("contacts-changelog");
    let bootstrap = Broker::shared().bootstrap();
    // What is idle is written back, all of it.
    let written = |found: &[ForeignRecord]| (0..4).all(|task| found.iter().any(|record| record.partition == task));
    let began = std::time::Instant::now();
    while !written(&foreign::read_committed(&bootstrap, &changelog).unwrap()) {
        assert!(began.elapsed() < LIMIT, "nothing is written back: {}", process.output());
        std::thread::sleep(Duration::from_millis(200));
    }
    topics::delete_topics(&bootstrap, &[&changelog]).expect("a topic can be deleted");
    application.done(&["topics", "create"]);
    while !process.has_ended().unwrap() {
        assert!(began.elapsed() < 2 * LIMIT, "it goes on: {}", process.output());
        // A contact of each partition comes again and again.
        let again = the_end().replace("\"end-", &format!("\"end-{}-", began.elapsed().as_millis()));
        application.produce(&again);
        std::thread::sleep(Duration::from_millis(200));
    }
    let said = process.output();
    assert_eq!(process.wait(LIMIT).unwrap().code(), Some(1), "{said}");
    assert!(said.contains(&format!("the topic {changelog} was deleted and created again")), "{said}");
    assert!(said.contains("reset the application (leadstream reset)"), "{said}");
    assert_eq!(application.settled("contacts-changelog"), [], "contacts were written to another changelog");
}

#[test]
fn the_demo_tells_who_qualified_and_why_few_lines_a_second_and_stops_in_time() {
    let application = Application::new(Broker::shared(), "demo", false);
    let began = std::time::Instant::now();
    let mut process = application.begin(&["demo", "--rate", "100"]);
    let to_copy = |told: &str| told.lines().find_map(|line| Some(line.trim().strip_prefix("why? ")?.to_owned()));
    while to_copy(&process.output()).is_none() {
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
    let copied = to_copy(&told).unwrap();
    let shown = std::process::Command::new("sh").args(["-c", &copied]).output().unwrap();
    assert!(shown.status.success() && shown.stdout.starts_with(b"contact "), "{copied}: {shown:?}");
    let ended = process.terminate(Duration::from_secs(5)).unwrap();
    let said = std::fs::read_to_string(application.path("log-0")).unwrap();
    assert!(ended.success(), "{said}");
    // Workers join one after the other, and the group assigns anew in between: a person at a terminal need not know.
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
}

#[test]
fn generated_events_can_go_straight_to_kafka() {
    let application = Application::new(Broker::shared(), "straight", true);
    application.done(&["generate", "--to", "kafka", "--events", "2500", "--contacts", "100"]);
    application.done(&["generate", "--to", "made.jsonl", "--events", "2500", "--contacts", "100"]);
    let made = std::fs::read_to_string(application.path("made.jsonl")).unwrap();
    let mut expected: Vec<&[u8]> = made.lines().map(str::as_bytes).collect();
    let bootstrap = Broker::shared().bootstrap();
    let arrived = foreign::await_committed(&bootstrap, &application.source(), expected.len(), LIMIT).unwrap();
    let mut values: Vec<&[u8]> = arrived.iter().map(|record| record.value.as_deref().unwrap()).collect();
    expected.sort_unstable();
    values.sort_unstable();
    assert!(values == expected, "{} of {}", values.len(), expected.len());
    let missing =
        application.run(&["generate", "--to", "kafka", "--set", "sources=[{topic: nowhere, format: segment}]"]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("topic nowhere does not exist"), "{missing:?}");
}

/// What a reset leaves that was cut off behind its first step, as where a right was missing.
#[test]
fn a_reset_that_was_cut_off_leaves_nothing_that_starts_and_a_second_one_finishes_it() {
    let application = Application::new(Broker::shared(), "reset-cut", true);
    let lines = journeys(&application, 300);
    let expected = application.replayed(&lines);
    application.produce(&lines);
    let process = application.start();
    application.derived(expected.len(), LIMIT);
    std::thread::sleep(Duration::from_secs(3));
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    let topics = INTERNAL.map(|name| application.topic(name));
    topics::delete_topics(&Broker::shared().bootstrap(), &[&topics[0]]).expect("a topic can be deleted");
    let refused = |words: &str| {
        let output = application.run(&["run"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(words), "{said}");
    };
    refused(&format!("{}: does not exist", topics[0]));
    // The redo topic went as well, and somebody made both again.
    topics::delete_topics(&Broker::shared().bootstrap(), &[&topics[1]]).expect("a topic can be deleted");
    application.done(&["topics", "create"]);
    refused("epoch ");
    topics::delete_topics(&Broker::shared().bootstrap(), &[&topics[0], &topics[3]]).expect("topics can be deleted");
    let said = reset(&application);
    assert!(said.contains("positions of the consumer group reset-cut are deleted"), "{said}");
    application.done(&["topics", "create"]);
    let process = application.start();
    application.derived_anew(2 * expected.len(), LIMIT);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}
