//! The binary as people and scripts meet it, without a broker: what it prints, what it writes, and the codes it ends with.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and measures how long it waits")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PLAN: &str = "plan: cars
rules:
  - { id: pricing, on: page_viewed, when: 'event.path.startsWith(\"/pricing\")', points: 15, cap: { points: 45, per: 7d } }
  - { id: form, on: form_submitted, points: 40, once_per: 30d }
  - { id: never, on: webinar_attended, points: 5 }
  - { id: away, idle: 30d, points: -10 }
limits: { floor: 0 }
qualify: { at: 50, release: 30 }
pipeline: { by: engagement, stages: [ { name: lead }, { name: hot, enter: 40 } ] }
";

/// A folder with a configuration and a plan.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let place = Place { folder };
        place.write("leadstream.yaml", "sources: [ { topic: web, format: segment } ]\n");
        std::fs::create_dir(place.path("plans")).unwrap();
        place.write("plans/cars.yaml", PLAN);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leadstream"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("LEADSTREAM_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses its arguments ends before it reads.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ended(child.wait_with_output().unwrap())
    }
}

struct Ended(Output);

impl Ended {
    fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    #[track_caller]
    fn code(self, expected: i32) -> Ended {
        assert_eq!(self.0.status.code(), Some(expected), "out: {}\nerr: {}", self.out(), self.err());
        self
    }
}

fn page(contact: &str, id: &str, time: &str, path: &str) -> String {
    format!(
        "{{\"type\":\"page\",\"messageId\":\"{id}\",\"userId\":\"{contact}\",\"timestamp\":\"{time}\",\"properties\":{{\"path\":\"{path}\"}}}}\n"
    )
}

/// Two contacts: one that qualifies and one that does not.
fn journey() -> String {
    let form = "{\"type\":\"track\",\"event\":\"Form Submitted\",\"messageId\":\"f\",\"userId\":\"c1\",\"timestamp\":\"2026-01-03T00:00:00Z\"}\n";
    [
        page("c1", "1", "2026-01-01T00:00:00Z", "/pricing"),
        page("c2", "2", "2026-01-02T00:00:00Z", "/pricing"),
        form.to_owned(),
        page("c1", "1", "2026-01-01T00:00:00Z", "/pricing"),
    ]
    .concat()
}

#[test]
fn a_sound_configuration_is_checked_with_its_plans_and_shown() {
    let place = Place::new();
    let checked = place.run(&["config", "check"]).code(0);
    assert!(checked.out().contains("leadstream.yaml: no errors, 1 source"), "{}", checked.out());
    assert!(checked.out().contains("1 plan, 4 rules"), "{}", checked.out());
    let shown = place.run(&["config", "show", "--set", "engine.commit_interval=50ms"]).code(0);
    assert!(shown.out().contains("commit_interval: 50ms"), "{}", shown.out());
}

#[test]
fn every_mistake_of_a_configuration_is_said_at_once() {
    let place = Place::new();
    place.write("leadstream.yaml", "sources: [ { topic: web, format: sgment } ]\nengine: { commit_intervall: 1s }\n");
    let refused = place.run(&["config", "check"]).code(2);
    assert!(refused.err().contains("sgment") && refused.err().contains("commit_intervall"), "{}", refused.err());
    let missing = place.run(&["--config", "nowhere.yaml", "config", "show"]).code(2);
    assert!(missing.err().contains("nowhere.yaml"), "{}", missing.err());
}

#[test]
fn the_configuration_and_all_that_it_names_are_checked_in_one_go_with_places() {
    let place = Place::new();
    place.write("bad.avsc", "{\"type\": \"recrd\"}");
    place.write("plans/cars.yaml", PLAN.replace("form_submitted", "form_submited"));
    place.write(
        "leadstream.yaml",
        "engine: { commit_intervall: 1s }
sources:
  - topic: orders
    format: json
    contact: 'record.id +'
    mapping:
      type: order_completed
      time_format: '%H:%M'
      skip_when: >-
        record.status == 'test'
        && 'x'
      properties: { 'value': \"'ą' * 2\" }
  - { topic: b, format: sgment, contact: key, mapping: { verdict: \"'robot'\" }, avro: { schema: bad.avsc } }
  - { topic: c, format: avro, contact: key, mapping: { type: record.t }, avro: { schema: missing.avsc } }
plans: [ plans/*.yaml, missing.yaml ]
",
    );
    let refused = place.run(&["config", "check"]).code(2);
    for (message, line, underlined) in [
        ("engine.commit_intervall: unknown key", "leadstream.yaml:1:11", "^".repeat(16)),
        ("sources[0].contact: the expression ends too early", "leadstream.yaml:5:26", "^".to_owned()),
        ("sources[0].mapping.type: `order_completed` is not known here", "leadstream.yaml:7:13", "^".repeat(15)),
        (
            "sources[0].mapping.time_format: a time written as %H:%M cannot be read back",
            "leadstream.yaml:8:20",
            "^".repeat(7),
        ),
        (
            "sources[0].mapping.skip_when: this is a text where there must be true or false",
            "leadstream.yaml:11:12",
            "^^^".to_owned(),
        ),
        (
            "sources[0].mapping.properties.value: this is a text where there must be a number",
            "leadstream.yaml:12:31",
            "^^^".to_owned(),
        ),
        ("sources[1].format: \"sgment\" is not allowed", "leadstream.yaml:13:25", "^".repeat(6)),
        ("sources[1].mapping.verdict: \"robot\" is no verdict", "leadstream.yaml:13:68", "^".repeat(7)),
        ("sources[1].avro.schema: bad.avsc is not an avro schema", "leadstream.yaml:13:96", "^".repeat(8)),
        ("sources[2].avro.schema: cannot read the schema missing.avsc", "leadstream.yaml:14:90", "^".repeat(12)),
        ("plans[1]: cannot read missing.yaml", "leadstream.yaml:15:24", "^".repeat(12)),
        ("unknown event type `form_submited`", "plans/cars.yaml:4:21", "^".repeat(13)),
    ] {
        let told = refused.err();
        let at = told.find(message).unwrap_or_else(|| panic!("{message} is missing in\n{told}"));
        let block: Vec<&str> = told[at..].lines().take_while(|line| !line.is_empty()).collect();
        assert!(block[1].trim_start() == format!("--> {line}"), "{message}: {}", block[1]);
        let marks = block[4].trim_start_matches([' ', '|', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        assert!(marks == underlined, "{message}: {}", block.join("\n"));
    }
    assert!(refused.err().contains("12 errors in the configuration and what it names"), "{}", refused.err());
}

#[test]
fn settings_of_the_client_are_checked_without_a_broker_wherever_they_come_from() {
    let place = Place::new();
    place.write(
        "leadstream.yaml",
        "sources: [ { topic: web, format: segment } ]
kafka:
  common:
    Enable.Auto.Commit: true
    sasl.password: hunter2
  consumer: { fetch.min.bytes: many, linger.ms: 5 }
  producer:
    lingre.ms: 5
    acks: 1
",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(["config", "check", "--set", "kafka.common.security.protocol=tls"])
        .current_dir(place.folder.path())
        .env("LEADSTREAM_KAFKA__PRODUCER__COMPRESION_TYPE", "zstd")
        .output()
        .unwrap();
    let refused = Ended(output).code(2);
    for expected in [
        "kafka.common.Enable.Auto.Commit: is decided by Leadstream\n --> leadstream.yaml:4:5",
        "kafka.consumer.fetch.min.bytes: librdkafka does not take this value\n --> leadstream.yaml:6:32",
        "warning: kafka.consumer.linger.ms: has no effect here: it is a setting of producers\n --> leadstream.yaml:6:38",
        "kafka.producer.lingre.ms: librdkafka knows no such setting\n --> leadstream.yaml:8:5",
        "help: did you mean linger.ms?",
        "kafka.producer.acks: is decided by Leadstream\n --> leadstream.yaml:9:5",
        "kafka.producer.compresion.type: librdkafka knows no such setting\n--> environment LEADSTREAM_KAFKA__PRODUCER__COMPRESION_TYPE",
        "kafka.common.security.protocol: librdkafka does not take this value\n--> flag --set kafka.common.security.protocol",
    ] {
        assert!(refused.err().contains(expected), "{expected}\n{}", refused.err());
    }
    assert!(!refused.err().contains("hunter2"), "{}", refused.err());
    let connecting = place.run(&["topics", "check"]).code(2);
    assert!(connecting.err().contains("did you mean linger.ms?"), "{}", connecting.err());
}

#[test]
fn a_value_from_elsewhere_is_named_by_its_variable_or_flag() {
    let place = Place::new();
    let flag = place.run(&["config", "check", "--set", "sources[0].contact='a' * 2"]).code(2);
    assert!(flag.err().contains("--> flag --set sources[0].contact"), "{}", flag.err());
    let output = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(["config", "check"])
        .current_dir(place.folder.path())
        .env("LEADSTREAM_SOURCES__0__CONTACT", "rekord.id")
        .output()
        .unwrap();
    let variable = Ended(output).code(2);
    assert!(variable.err().contains("--> environment LEADSTREAM_SOURCES__0__CONTACT"), "{}", variable.err());
    assert!(variable.err().contains("did you mean record?"), "{}", variable.err());
}

#[test]
fn any_command_refuses_an_expression_that_cannot_work() {
    let place = Place::new();
    let source =
        "sources: [ { topic: o, format: json, contact: record.id, mapping: { type: \"'a'\", skip_when: \"'x'\" } } ]\n";
    place.write("leadstream.yaml", source);
    place.write("o.json", "{}\n");
    for command in [&["replay", "o.json"][..], &["run"], &["config", "show"]] {
        let refused = place.run(command).code(2);
        assert!(refused.err().contains("--> leadstream.yaml:1:94"), "{command:?}: {}", refused.err());
    }
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let place = Place::new();
    place.write("other.yaml", "application: { id: other }\n");
    let output = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(["config", "show"])
        .current_dir(place.folder.path())
        .env("LEADSTREAM_CONFIG", "other.yaml")
        .output()
        .unwrap();
    let ended = Ended(output).code(0);
    assert!(ended.out().contains("id: other"), "{}", ended.out());
}

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

/// Starts a command, lets it work for a moment, sends a signal, and gives its end and how long that took.
fn interrupted(place: &Place, arguments: &[&str], signal: &str) -> (Ended, std::time::Duration) {
    let child = Command::new(env!("CARGO_BIN_EXE_leadstream"))
        .args(arguments)
        .current_dir(place.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let began = std::time::Instant::now();
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    (Ended(output), began.elapsed())
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
fn commands_about_contacts_are_read_before_the_events() {
    let place = Place::new();
    place.write("plans/cars.yaml", PLAN.replace("plan: cars", "plan: cars\nmembers: '\"vip\" in contact.tags'"));
    place.write("events.jsonl", journey());
    let command = r#"{"command":"tags","contact":"c1","add":["vip"],"time":"2025-12-01T00:00:00Z"}"#;
    place.write("contacts.jsonl", format!("{command}\n{{\"command\":\"erase\",\"contact\":\"c2\"}}\n"));
    let arguments = ["replay", "events.jsonl", "--contacts", "contacts.jsonl", "--scorecards", "cards.jsonl"];
    let replayed = place.run(&arguments).code(0);
    let scores: Vec<serde_json::Value> = place
        .read("cards.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .collect();
    let score = |card: &serde_json::Value| card["plans"][0]["score"].as_f64();
    assert_eq!(scores.iter().map(score).collect::<Vec<_>>(), [Some(55.0), Some(0.0)]);
    assert!(replayed.out().contains("dead (command_unsupported)"), "{}", replayed.out());
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
