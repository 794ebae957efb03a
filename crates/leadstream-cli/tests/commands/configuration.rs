//! `leadstream config check|show`: what is wrong is told at once, with its place.

use std::process::Command;

use crate::place::{Ended, PLAN, Place};

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

/// The lines of standard error, each of which must be an object of JSON.
#[track_caller]
fn json_lines(ended: &Ended) -> Vec<serde_json::Value> {
    let told = ended.err();
    told.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}\n{told}"))).collect()
}

#[test]
fn what_keeps_a_service_from_starting_is_json_where_its_log_is() {
    let place = Place::new();
    place.write("plans/cars.yaml", PLAN.replace("form_submitted", "form_submited"));
    place.write(
        "leadstream.yaml",
        "sources: [ { topic: web, format: sgment } ]\nengine: { commit_intervall: 1s }\nplans: [ plans/*.yaml ]\n",
    );
    // Standard error is no terminal here.
    let lines = json_lines(&place.run(&["run"]).code(2));
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string()));
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(lines[0]["place"], "leadstream.yaml:1:34");
    assert_eq!(lines[0]["key"], "sources[0].format");
    assert_eq!(lines[1]["help"], "did you mean engine.commit_interval?");
    assert_eq!((&lines[2]["place"], &lines[2]["code"]), (&"plans/cars.yaml:4:21".into(), &"unknown-event-type".into()));
    assert!(lines[2]["help"].as_str().unwrap().starts_with("did you mean `form_submitted`?"), "{}", lines[2]);
    assert_eq!(lines[3]["message"], "leadstream.yaml: 3 errors in the configuration and what it names");
    // By the file itself, which is wrong elsewhere; by a flag; and where there is no file.
    place.write("human.yaml", "log: { format: human }\nengine: { commit_intervall: 1s }\n");
    let human = place.run(&["run", "--config", "human.yaml"]).code(2);
    assert!(human.err().starts_with("error: engine.commit_intervall: unknown key\n"), "{}", human.err());
    let json = place.run(&["run", "--config", "human.yaml", "--set", "log.format=json"]).code(2);
    assert_eq!(json_lines(&json)[0]["place"], "human.yaml:2:11");
    let human = place.run(&["run", "--set", "log.format=human"]).code(2);
    assert!(human.err().contains("  |") && human.err().contains("^^^^^^"), "{}", human.err());
    let missing = place.run(&["run", "--config", "nowhere.yaml"]).code(2);
    assert!(json_lines(&missing)[0]["message"].as_str().unwrap().contains("nowhere.yaml"));
    let human = place.run(&["run", "--config", "nowhere.yaml", "--set", "log.format=human"]).code(2);
    assert!(human.err().starts_with("error: cannot read the configuration file nowhere.yaml"), "{}", human.err());
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
    // A service refuses to start with the same words.
    assert_eq!(place.run(&["run", "--set", "log.format=human"]).code(2).err(), refused.err());
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
    for command in [&["replay", "o.json"][..], &["run", "--set", "log.format=human"], &["config", "show"]] {
        let refused = place.run(command).code(2);
        assert!(refused.err().contains("--> leadstream.yaml:1:94"), "{command:?}: {}", refused.err());
    }
}

#[test]
fn a_command_is_not_written_in_a_format_that_nobody_could_read_there() {
    let place = Place::new();
    place.write("leadstream.yaml", "contacts: { format: leadstream-avro }\n");
    let (reinstate, merge) = (["reinstate", "c1", "--from", "2026-01-01T00:00:00Z"], ["merge", "c1", "c2"]);
    for command in [&["erase", "c1"][..], &reinstate, &merge] {
        let refused = place.run(&[&["contact"], command, &["--yes"]].concat()).code(2);
        for words in ["contacts.format is leadstream-avro", "leadstream.contacts with a producer of yours"] {
            assert!(refused.err().contains(words), "{command:?}: {}", refused.err());
        }
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
