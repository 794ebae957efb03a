//! `leadstream replay`: files in, results and a summary out.

use std::io::Write;

use crate::place::{PLAN, Place, journey, page};

#[test]
fn a_replay_tells_who_qualified_and_writes_what_consumers_would_read() {
    let place = Place::new();
    place.write("events.jsonl", journey());
    let arguments =
        ["replay", "events.jsonl", "--derived", "derived.jsonl", "--scorecards", "cards.jsonl", "--threads", "2"];
    let replayed = place.run(&arguments).code(0);
    assert!(replayed.out().contains("never fired: never, away"), "{}", replayed.out());
    assert!(replayed.out().contains("duplicate                               1"), "{}", replayed.out());
    let derived: Vec<serde_json::Value> =
        place.read("derived.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&str, &str, f64)> = derived
        .iter()
        .map(|event| {
            (event["contact"].as_str().unwrap(), event["type"].as_str().unwrap(), event["seq"].as_f64().unwrap())
        })
        .collect();
    assert_eq!(told, [("c1", "stage.advanced", 1.0), ("c1", "lead.qualified", 2.0)]);
    assert_eq!(derived[1]["marks"], serde_json::json!(["replay"]));
    assert_eq!(derived[1]["score"], 55);
    let cards: Vec<serde_json::Value> =
        place.read("cards.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cards.iter().map(|card| card["contact"].as_str().unwrap()).collect::<Vec<_>>(), ["c1", "c2"]);
    assert_eq!(cards[1]["plans"][0]["score"], 15);
}

#[test]
fn rules_that_had_no_value_are_told_with_how_often_and_why_s9() {
    let place = Place::new();
    let rules = "rules:\n  - { id: worth, on: page_viewed, points: '100 / event.value' }\n";
    place.write("plans/cars.yaml", PLAN.replacen("rules:\n", rules, 1));
    place.write("events.jsonl", journey());
    let visits = journey().matches("\"page\"").count();
    // The journey repeats one event, which happens once.
    for threads in ["1", "2"] {
        let summary = place.run(&["replay", "events.jsonl", "--threads", threads]).code(0).out();
        let told = format!("  worth                    {:>12} x no value (missing_field)\n", visits - 1);
        assert!(summary.contains(&told) && summary.matches("no value").count() == 1, "{told}{summary}");
    }
}

#[test]
fn bands_grades_owners_and_actions_are_in_all_results_s27_s28_s34_s35() {
    let place = Place::new();
    let more = "bands: { warm: 40, hot: 80 }\ngrade: { fit: { A: 1 }, engagement: { 1: 50 } }\nroute: { to: [anna] }\n\
                fit: [ { id: city, when: 'has(contact.city)', points: 1 } ]\n\
                actions: [ { id: call, at: 50, emit: phone, data: { list: hot } } ]\n";
    place.write("plans/cars.yaml", format!("{PLAN}{more}"));
    place.write("events.jsonl", journey());
    let replay = |cards: &str| {
        place.run(&["replay", "events.jsonl", "--derived", "derived.jsonl", "--scorecards", cards]).code(0)
    };
    let summary = replay("cards.csv").out();
    for line in
        ["in band hot ", "in band warm ", "in band cold ", "owned by anna ", "action.requested ", "band.changed "]
    {
        assert!(summary.contains(line), "{line}: {summary}");
    }
    let cards = place.read("cards.csv");
    assert!(cards.lines().next().unwrap().ends_with(",band,grade,owner"), "{cards}");
    assert!(cards.lines().any(|line| line.starts_with("c1,") && line.ends_with(",warm,D1,anna")), "{cards}");
    assert!(cards.lines().any(|line| line.starts_with("c2,") && line.ends_with(",cold,D4,")), "{cards}");
    replay("cards.jsonl");
    let card: serde_json::Value = serde_json::from_str(place.read("cards.jsonl").lines().next().unwrap()).unwrap();
    let plan = &card["plans"][0];
    assert_eq!((&plan["band"], &plan["owner"], &plan["actions"]["call"]), (&"warm".into(), &"anna".into(), &1.into()));
    let derived = place.read("derived.jsonl");
    let derived: Vec<serde_json::Value> = derived.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&str> =
        derived.iter().filter(|e| e["contact"] == "c1").map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "grade.changed",
            "band.changed",
            "grade.changed",
            "stage.advanced",
            "lead.qualified",
            "lead.routed",
            "action.requested"
        ]
    );
    let request = derived.iter().find(|event| event["type"] == "action.requested").unwrap();
    assert_eq!(request["request"], serde_json::json!({ "emit": "phone", "data": { "list": "hot" } }));
    assert!(
        derived.iter().filter(|event| event["type"] != "action.requested").all(|event| event.get("request").is_none())
    );
}

#[test]
fn the_final_instant_fires_what_is_due_until_then_s14() {
    let place = Place::new();
    place.write("events.jsonl", journey());
    let score = |until: &str| {
        place.run(&["replay", "events.jsonl", "--until", until, "--scorecards", "cards.csv"]).code(0);
        let cards = place.read("cards.csv");
        let line = cards.lines().find(|line| line.starts_with("c2,")).unwrap().to_owned();
        line.split(',').nth(8).unwrap().to_owned()
    };
    assert_eq!(score("2026-01-31T23:59:59Z"), "15");
    assert_eq!(score("2026-02-01T00:00:00Z"), "5");
}

#[test]
fn the_result_depends_neither_on_threads_nor_on_packing_nor_on_the_way_in() {
    let place = Place::new();
    place.run(&["generate", "--events", "20000", "--contacts", "300", "--to", "events.jsonl"]).code(0);
    let replayed = |arguments: &[&str], input: &[u8]| {
        let arguments = [&["replay", "--derived", "d", "--scorecards", "s"], arguments].concat();
        place.run_with(&arguments, input).code(0);
        (place.read("d"), place.read("s"))
    };
    let expected = replayed(&["events.jsonl", "--threads", "1"], b"");
    assert!(expected.0.lines().count() > 100, "too little happens");
    assert!(replayed(&["events.jsonl", "--threads", "5"], b"") == expected, "threads");
    let plain = std::fs::read(place.path("events.jsonl")).unwrap();
    assert!(replayed(&["-"], &plain) == expected, "standard input");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).unwrap();
    let packed = packed.finish().unwrap();
    place.write("events.jsonl.gz", &packed);
    assert!(replayed(&["events.jsonl.gz"], b"") == expected, "packed");
    place.write("cut.jsonl.gz", &packed[..packed.len() / 2]);
    let cut = place.run(&["replay", "cut.jsonl.gz", "--derived", "none"]).code(1);
    assert!(cut.err().contains("cannot read cut.jsonl.gz"), "{}", cut.err());
    assert!(!place.path("none").exists(), "a result of half the input was written");
}

#[test]
fn records_that_cannot_be_read_are_counted_with_their_lines_and_the_rest_is_scored_l5() {
    let place = Place::new();
    let mut lines = journey();
    lines.push_str("{\"type\":\"page\",\"userId\":\n\n");
    lines.push_str(&page("c3", "9", "not a time", "/pricing"));
    lines.push_str(&page("c3", "10", "9999-01-01T00:00:00Z", "/pricing"));
    lines.push_str("{\"type\":\"page\",\"userId\":\"cut");
    place.write("events.jsonl", lines);
    let replayed = place.run(&["replay", "events.jsonl", "--dead-letters", "dead.jsonl"]).code(0);
    assert!(replayed.out().contains("8 records"), "{}", replayed.out());
    let dead: Vec<serde_json::Value> =
        place.read("dead.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(u64, &str)> =
        dead.iter().map(|letter| (letter["line"].as_u64().unwrap(), letter["code"].as_str().unwrap())).collect();
    assert_eq!(told, [(5, "malformed"), (7, "time_unreadable"), (8, "time_implausible"), (9, "malformed")]);
    assert!(
        replayed.out().contains("dead (malformed)                        2  events.jsonl:5, events.jsonl:9"),
        "{}",
        replayed.out()
    );
}

#[test]
fn csv_is_mapped_by_the_names_in_its_first_line_and_quotes_may_hold_line_breaks() {
    let place = Place::new();
    place.write(
        "leadstream.yaml",
        "sources:
  - topic: orders
    format: csv
    contact: record.customer
    time_zone: Europe/Warsaw
    mapping: { type: \"'form_submitted'\", id: record.no, time: record.placed, time_format: '%Y-%m-%d %H:%M' }
",
    );
    place.write(
        "orders.csv",
        "no,customer,note,placed\n1,c1,\"two\nlines\",2026-01-01 10:00\n2,c2,x,tomorrow\n3,c3,x\n",
    );
    let replayed = place.run(&["replay", "orders.csv", "--scorecards", "-"]).code(0);
    let card: serde_json::Value = serde_json::from_str(replayed.out().lines().next().unwrap()).unwrap();
    assert_eq!((&card["contact"], &card["plans"][0]["score"]), (&"c1".into(), &40.into()));
    assert_eq!(card["time"], "2026-01-01T09:00:00.000Z");
    assert!(replayed.err().contains("orders.csv:4"), "{}", replayed.err());
    assert!(replayed.err().contains("dead (wrong_columns)"), "{}", replayed.err());
}

#[test]
fn a_source_in_csv_without_columns_is_for_files_and_one_with_columns_takes_files_with_a_line_of_names_too() {
    let place = Place::new();
    let source = |columns: &str| {
        format!(
            "sources: [ {{ topic: orders, format: csv, {columns} contact: record.customer, time_zone: UTC, \
             mapping: {{ type: \"'form_submitted'\", id: record.no, time: record.placed }} }} ]\n"
        )
    };
    place.write("leadstream.yaml", source(""));
    let checked = place.run(&["config", "check"]).code(0);
    assert!(checked.err().contains("warning: sources[0]: no columns"), "{}", checked.err());
    let refused = place.run(&["run"]).code(2);
    assert!(refused.err().contains("error: the source orders has no columns"), "{}", refused.err());
    place.write("empty.csv", "");
    place.write("plain.csv", "1,c1,2026-01-01\n2,c2,2026-01-02\n");
    place.write("named.csv", "no,customer,placed\n1,c1,2026-01-01\n2,c2,2026-01-02\n");
    place.write("other-order.csv", "\u{feff}customer,no,placed\r\nc1,1,2026-01-01\r\nc2,2,2026-01-02\r\n");
    let cards = |file: &str| place.run(&["replay", file, "--scorecards", "-"]).code(0).out();
    assert_eq!(cards("empty.csv"), "");
    let named = cards("named.csv");
    assert_eq!(named.lines().count(), 2, "{named}");
    place.write("leadstream.yaml", source("csv: { columns: [no, customer, placed] },"));
    let checked = place.run(&["config", "check"]).code(0);
    assert_eq!(checked.err(), "");
    for file in ["plain.csv", "named.csv", "other-order.csv"] {
        assert_eq!(cards(file), named, "{file}");
    }
    // A first line with other names is a record like any other.
    place.write("foreign.csv", "no,customer,day\n1,c1,2026-01-01\n");
    let foreign = place.run(&["replay", "foreign.csv"]).code(0);
    assert!(foreign.out().contains("foreign.csv:1"), "{}", foreign.out());
}

#[test]
fn replay_refuses_unknown_sources_missing_files_and_results_without_a_place() {
    let place = Place::new();
    place.write("events.jsonl", journey());
    let source = place.run(&["replay", "events.jsonl", "--source", "wbe"]).code(2);
    assert!(source.err().contains("no source wbe; there are web"), "{}", source.err());
    let missing = place.run(&["replay", "event.jsonl"]).code(1);
    assert!(missing.err().contains("cannot read event.jsonl"), "{}", missing.err());
    let folder = place.run(&["replay", "plans"]).code(1);
    assert!(folder.err().contains("it is a folder"), "{}", folder.err());
    let unwritable = place.run(&["replay", "events.jsonl", "--derived", "no/where"]).code(1);
    assert!(unwritable.err().contains("cannot write no/where"), "{}", unwritable.err());
    let twice = place.run(&["replay", "events.jsonl", "--derived", "-", "--scorecards", "-"]).code(2);
    assert!(twice.err().contains("two results cannot go to -"), "{}", twice.err());
    let spelt = place.run(&["replay", "events.jsonl", "--derived", "one", "--scorecards", "./one"]).code(2);
    assert!(spelt.err().contains("two results cannot go to ./one"), "{}", spelt.err());
    for input in ["events.jsonl", "./events.jsonl", "plans/../events.jsonl"] {
        let own = place.run(&["replay", "events.jsonl", "--derived", input]).code(2);
        assert!(own.err().contains(&format!("{input} is read, results cannot go there")), "{}", own.err());
    }
    place.run(&["replay", "events.jsonl", "--until", "tomorrow"]).code(2);
    place.run(&["replay"]).code(2);
    let plan = place.run(&["replay", "events.jsonl", "--plan", "leadstream.yaml"]).code(2);
    assert!(plan.err().contains("error"), "{}", plan.err());
}

#[test]
fn an_empty_file_is_a_result_too() {
    let place = Place::new();
    place.write("empty.jsonl", "");
    let replayed = place.run(&["replay", "empty.jsonl", "--scorecards", "cards.csv"]).code(0);
    assert!(replayed.out().contains("0 records") && replayed.out().contains("nobody qualified"), "{}", replayed.out());
    assert_eq!(place.read("cards.csv").lines().count(), 1);
}

#[test]
fn commands_are_taken_at_their_times_between_the_events_as_a_service_would_have_read_them_s38() {
    let place = Place::new();
    place.write("events.jsonl", journey());
    let command =
        |time: &str| format!(r#"{{"command":"feedback","contact":"c1","outcome":"rejected","time":"{time}"}}"#);
    // In the file the later one stands first.
    place.write("contacts.jsonl", [command("2026-01-02T18:00:00Z"), command("2026-01-01T12:00:00Z")].join("\n"));
    let arguments = ["replay", "events.jsonl", "--contacts", "contacts.jsonl", "--derived", "derived.jsonl"];
    place.run(&arguments).code(0);
    let derived = place.read("derived.jsonl");
    let derived: Vec<serde_json::Value> = derived.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!derived.is_empty());
    for event in &derived {
        assert_eq!(event["marks"], serde_json::json!(["replay"]), "nothing came late: {event}");
    }
}

#[test]
fn a_command_from_before_the_events_counts_for_all_of_them() {
    let place = Place::new();
    place.write("plans/cars.yaml", PLAN.replace("plan: cars", "plan: cars\nmembers: '\"vip\" in contact.tags'"));
    place.write("events.jsonl", journey());
    let command = r#"{"command":"tags","contact":"c1","add":["vip"],"time":"2025-12-01T00:00:00Z"}"#;
    place.write("contacts.jsonl", format!("{command}\n{{\"command\":\"delete\",\"contact\":\"c2\"}}\n"));
    let arguments = ["replay", "events.jsonl", "--contacts", "contacts.jsonl", "--scorecards", "cards.jsonl"];
    let replayed = place.run(&arguments).code(0);
    let scores: Vec<serde_json::Value> = place
        .read("cards.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .collect();
    let score = |card: &serde_json::Value| card["plans"][0]["score"].as_f64();
    assert_eq!(scores.iter().map(score).collect::<Vec<_>>(), [Some(55.0), Some(0.0)]);
    assert!(replayed.out().contains("dead (command_unknown)"), "{}", replayed.out());
}

#[test]
fn erased_people_are_not_in_the_results_of_a_replay_until_they_are_reinstated_s52() {
    let place = Place::new();
    place.write("plans/cars.yaml", PLAN);
    place.write("events.jsonl", journey());
    let erase = r#"{"command":"erase","contact":"c1","time":"2025-12-01T00:00:00Z"}"#;
    let reinstate =
        r#"{"command":"reinstate","contact":"c1","from":"2025-12-01T00:00:00Z","time":"2025-12-02T00:00:00Z"}"#;
    for (commands, contacts) in [(erase.to_owned(), vec!["c2"]), (format!("{erase}\n{reinstate}"), vec!["c1", "c2"])] {
        place.write("contacts.jsonl", format!("{commands}\n"));
        let arguments = [
            "replay",
            "events.jsonl",
            "--contacts",
            "contacts.jsonl",
            "--scorecards",
            "cards.csv",
            "--derived",
            "told.jsonl",
        ];
        let replayed = place.run(&arguments).code(0);
        let cards = place.read("cards.csv");
        let known: Vec<&str> = cards.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(known, contacts, "{}", replayed.out());
        assert_eq!(place.read("told.jsonl").matches("contact.erased").count(), 1);
        assert_eq!(replayed.out().contains("  events   erased "), contacts.len() == 1, "{}", replayed.out());
    }
}

#[test]
fn a_replay_of_which_nothing_could_be_read_fails_and_says_so_behind_its_summary() {
    let place = Place::new();
    place.write("bad.jsonl", "nonsense\n{\"type\":\"page\"\n");
    let failed = place.run(&["replay", "bad.jsonl"]).code(1);
    assert!(failed.out().contains("dead (malformed)"), "{}", failed.out());
    assert!(
        failed.err().contains("no record could be read; the first is bad.jsonl:1: malformed: "),
        "{}",
        failed.err()
    );
    // One record that could be read makes the rest a matter of the summary.
    place.write("mixed.jsonl", "nonsense\n".to_owned() + &journey());
    place.run(&["replay", "mixed.jsonl"]).code(0);
    place.write("empty.jsonl", "");
    place.run(&["replay", "empty.jsonl"]).code(0);
}

#[test]
fn a_final_instant_before_the_newest_event_means_nothing_and_the_summary_says_so() {
    let place = Place::new();
    place.write("e.jsonl", journey());
    let plain = place.run(&["replay", "e.jsonl", "--scorecards", "-"]).code(0);
    let early = place.run(&["replay", "e.jsonl", "--scorecards", "-", "--until", "2025-01-01T00:00:00Z"]).code(0);
    assert_eq!(early.out(), plain.out());
    assert!(early.err().contains("scored up to 2026-01-03T00:00:00.000Z"), "{}", early.err());
    assert!(early.err().contains("--until 2025-01-01T00:00:00.000Z lies before the newest event"), "{}", early.err());
    assert!(!plain.err().contains("--until"), "{}", plain.err());
}
