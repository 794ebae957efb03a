//! Commands that need a broker or a service, where there is none.

use std::process::{Command, Stdio};

use crate::place::{Place, interrupted};

#[test]
fn what_needs_a_service_or_somebody_to_ask_says_so() {
    let place = Place::new();
    let nobody = place.run(&["contact", "show", "c1", "--url", "http://127.0.0.1:1"]).code(1);
    assert!(nobody.err().contains("nobody answers at http://127.0.0.1:1"), "{}", nobody.err());
    let unasked = place.run(&["reset"]).code(2);
    assert!(unasked.err().contains("--yes"), "{}", unasked.err());
    assert!(unasked.err().contains("topic leadstream.redo is deleted"), "{}", unasked.err());
    place.write("leadstream.yaml", "sources: []\n");
    let nothing = place.run(&["run"]).code(2);
    assert!(nothing.err().contains("no sources"), "{}", nothing.err());
}

#[test]
fn a_service_whose_broker_is_away_waits_says_so_once_and_stops_within_five_seconds() {
    let place = Place::new();
    let arguments = ["run", "--set", "kafka.bootstrap=127.0.0.1:1", "--set", "storage.directory=state"];
    let (ended, took) = interrupted(&place, &arguments, "-TERM");
    let ended = ended.code(0);
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    assert!(ended.err().matches("the cluster does not answer").count() <= 1, "{}", ended.err());
    assert!(ended.err().lines().all(|line| line.starts_with('{')), "no JSON beside a terminal: {}", ended.err());
}

#[test]
fn a_command_that_waits_for_a_broker_says_so_soon_and_in_the_end_what_to_look_at() {
    let place = Place::new();
    let began = std::time::Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(["topics", "create", "--set", "kafka.bootstrap=127.0.0.1:1"])
        .current_dir(place.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "waiting for Kafka at 127.0.0.1:1 ...");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest[0].starts_with("error: Kafka at 127.0.0.1:1 did not answer for "), "{rest:?}");
    assert_eq!(rest[1], "  the last attempt: Connect to 127.0.0.1:1 failed: Connection refused");
    assert!(rest[2].contains("is a broker running there?") && rest[2].contains("kafka.bootstrap"), "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn source_topics_that_cannot_be_are_refused_before_anything_is_asked() {
    let place = Place::new();
    let dead = ["--set", "kafka.bootstrap=127.0.0.1:1"];
    let create = |rest: &[&str]| place.run(&[&["topics", "create"], rest, &dead].concat()).code(2).err();
    let keyed = create(&["--sources", "--source-partitions", "8", "--set", "sources[0].keyed=true"]);
    assert!(keyed.contains("web is keyed, so it needs 4 partitions"), "{keyed}");
    for refused in [
        &["--source-partitions", "8"][..],
        &["--sources", "--source-retention", "0d"],
        &["--sources", "--source-partitions", "0"],
    ] {
        create(refused);
    }
}

#[test]
fn the_wait_for_a_broker_ends_with_ctrl_c() {
    let place = Place::new();
    let arguments = ["generate", "--to", "kafka", "--set", "kafka.bootstrap=127.0.0.1:1"];
    let (ended, took) = interrupted(&place, &arguments, "-INT");
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
    assert!(!ended.0.status.success());
}
