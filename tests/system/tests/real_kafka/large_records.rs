//! Records larger than a dead letter may be, and topics that take less than is written to them.

use std::time::Duration;

use leadstream_system::{Application, Input, Setup};
use leadstream_test_support::{Broker, NewRecord, NewTopic, topics};

const LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(5);

fn write_setting(application: &Application, from: &str, to: &str) {
    let path = application.path("leadstream.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn records_of_a_megabyte_die_cut_and_those_behind_them_are_scored_l5() {
    let raised = [None, Some("producer: { message.max.bytes: 10000000 }")];
    for (number, producer) in raised.into_iter().enumerate() {
        let mut input = Input::orders(true);
        input.setup = input.setup.partitioned(4);
        let application = Application::of(Broker::shared(), &format!("megabyte-{number}"), &input.setup);
        let bootstrap = Broker::shared().bootstrap();
        if let Some(producer) = producer {
            write_setting(&application, &format!("'{bootstrap}' }}"), &format!("'{bootstrap}', {producer} }}"));
        }
        let expected = application.expected(&input);
        let process = application.start();
        let sizes = [1_000_000, 1_048_576, 999_900];
        for size in sizes {
            application.write(&[NewRecord {
                headers: vec![("trace".to_owned(), vec![b'h'; 100])],
                ..NewRecord::keyed("somebody", vec![b'x'; size])
            }]);
        }
        application.write(&input.records);
        application.write(&input.end);
        let derived = application.derived(expected.len(), LIMIT);
        assert_eq!(derived.len(), expected.len());
        let dead = application.dead_letters(sizes.len());
        assert_eq!(dead.len(), sizes.len());
        for (letter, size) in dead.iter().zip(sizes) {
            let value = letter.value.as_deref().unwrap();
            assert!((800_000..900_000).contains(&value.len()) && value.iter().all(|byte| *byte == b'x'));
            assert_eq!(letter.header("x-leadstream-code"), Some("too_large"));
            assert_eq!(letter.header("x-leadstream-truncated"), Some(size.to_string().as_str()));
            assert_eq!(letter.header("x-leadstream-blake3").map(str::len), Some(64));
            assert_eq!(letter.header("trace").map(str::len), Some(100));
            assert_eq!(letter.header("x-leadstream-topic"), Some(application.source().as_str()));
        }
        assert_eq!(process.terminate(STOP_LIMIT).unwrap().code(), Some(0));
    }
}

#[test]
fn topics_that_take_less_than_is_written_to_them_are_told_before_anything_is_scored() {
    let application = Application::of(Broker::shared(), "narrow", &Setup::segment(true));
    let bootstrap = Broker::shared().bootstrap();
    let names = ["dead-letters", "redo", "scores", "stages"].map(|name| application.topic(name));
    topics::delete_topics(&bootstrap, &names.each_ref().map(String::as_str)).unwrap();
    for name in &names {
        let policy = if name.ends_with("scores") { "compact" } else { "delete" };
        let settings = [("max.message.bytes", "100000"), ("retention.ms", "-1"), ("cleanup.policy", policy)];
        topics::create_topics(&bootstrap, &[NewTopic { name, partitions: 4, settings: &settings }]).unwrap();
    }
    for command in [&["topics", "check"][..], &["run"]] {
        let output = application.run(command);
        assert!(!output.status.success());
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for name in &names {
            let expected = format!("{name}: has max.message.bytes=100000, needs at least 1000000 for batches");
            assert!(said.contains(&expected), "{name}: {said}");
        }
        assert!(said.contains("needs at least 999730 for history.bytes 448KiB"), "{said}");
    }
}
