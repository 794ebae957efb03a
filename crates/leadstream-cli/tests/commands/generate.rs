//! `leadstream generate`: equal options give equal events, and somebody qualifies.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::place::{Place, interrupted};

#[test]
fn generated_events_depend_on_the_seed_alone_and_replay_without_a_dead_letter() {
    let place = Place::new();
    let made = |name: &str, seed: &str| {
        place.run(&["generate", "--events", "3000", "--contacts", "100", "--seed", seed, "--to", name]).code(0);
        place.read(name)
    };
    let first = made("a.jsonl", "1");
    assert_eq!(first.lines().count(), 3000);
    assert_eq!(first, made("b.jsonl", "1"));
    assert_ne!(first, made("c.jsonl", "2"));
    let replayed = place.run(&["replay", "a.jsonl"]).code(0);
    assert!(replayed.out().contains("3,000 records"), "{}", replayed.out());
    assert!(!replayed.out().contains("dead ("), "{}", replayed.out());
}

#[test]
fn each_shipped_plan_qualifies_somebody_among_the_generated_people() {
    let place = Place::new();
    let shipped = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../config/plans/*.yaml");
    let shipped = shipped.to_str().unwrap();
    for seed in ["1", "7"] {
        place.run(&["generate", "--events", "20000", "--seed", seed, "--to", "e.jsonl"]).code(0);
        let replayed = place.run(&["replay", "e.jsonl", "--plan", shipped, "--derived", "-"]).code(0);
        let mut qualified = std::collections::BTreeMap::<String, usize>::new();
        for line in replayed.out().lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            if event["type"] == "lead.qualified" {
                *qualified.entry(event["plan"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        let plans: Vec<&str> = qualified.keys().map(String::as_str).collect();
        assert_eq!(plans, ["loyalty-programme", "online-shop", "passenger-cars"], "seed {seed}: {}", replayed.err());
    }
}

#[test]
fn generate_refuses_what_cannot_be_and_leaves_no_half_file() {
    let place = Place::new();
    place.run(&["generate", "--contacts", "0"]).code(2);
    place.run(&["generate", "--skew", "nan"]).code(2);
    place.run(&["generate", "--start", "2026-01-01"]).code(2);
    let refused = place.run(&["generate", "--to", "no/such/folder/file"]).code(1);
    assert!(refused.err().contains("cannot write no/such/folder/file"), "{}", refused.err());
    let folder = place.run(&["generate", "--to", "plans"]).code(1);
    assert!(folder.err().contains("cannot write plans"), "{}", folder.err());
    assert_eq!(std::fs::read_dir(place.path("plans")).unwrap().count(), 1);
}

#[test]
fn a_reader_that_goes_away_ends_generate_quietly() {
    let place = Place::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(["generate", "--events", "0"])
        .current_dir(place.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_interrupted_generate_says_how_far_it_came_and_leaves_whole_lines() {
    let place = Place::new();
    let arguments = ["generate", "--events", "1000000000", "--rate", "1000", "--to", "made.jsonl"];
    let (ended, _) = interrupted(&place, &arguments, "-INT");
    let ended = ended.code(130);
    assert!(ended.err().contains("of 1,000,000,000 records were written"), "{}", ended.err());
    let made = place.read("made.jsonl");
    assert!(made.ends_with('\n') && made.lines().all(|line| line.ends_with('}')), "half a line");
    // Without a number to reach, being stopped is its proper end.
    let (endless, _) =
        interrupted(&place, &["generate", "--events", "0", "--rate", "100", "--to", "endless.jsonl"], "-TERM");
    endless.code(0);
}
