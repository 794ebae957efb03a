//! What a person at a terminal sees of a configuration that is wrong: the lines, what is underlined, and never a secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadstream_config::{Layers, Origin, YamlFile, examine};

const SOURCE: &str = "sources: [{ topic: web, format: segment }]\n";

fn layers(text: &str) -> Layers {
    let file = YamlFile { name: "c.yaml".into(), directory: PathBuf::from("/etc/leadstream"), text: text.into() };
    Layers { file: Some(file), environment: BTreeMap::from([("HOME".into(), "/home/anna".into())]), flags: Vec::new() }
}

/// Everything that is wrong, as a person at a terminal sees it.
fn drawn(text: &str) -> String {
    examine(&layers(text)).render(false)
}

#[test]
fn a_problem_shows_its_line_with_the_wrong_text_underlined() {
    let expected = "\
error: engine.commit_intervall: unknown key
 --> c.yaml:2:3
  |
2 |   commit_intervall: 50ms
  |   ^^^^^^^^^^^^^^^^
  |
  = help: did you mean engine.commit_interval?

error: engine.workers: \"viele ä\" is not allowed; allowed is auto or a whole number from 1 to 256
 --> c.yaml:3:12
  |
3 |   workers: 'viele ä'
  |            ^^^^^^^^^

";
    assert_eq!(drawn("engine:\n  commit_intervall: 50ms\n  workers: 'viele ä'\n"), format!("{expected}{}", NO_SOURCES));
    let mut layers = layers(SOURCE);
    layers.environment.insert("LEADSTREAM_HISTORY__ROWS".into(), "-1".into());
    let told = examine(&layers).render(false);
    assert!(told.contains("error: history.rows: \"-1\" is not allowed"), "{told}");
    assert!(told.contains("--> environment LEADSTREAM_HISTORY__ROWS"), "{told}");
}

const NO_SOURCES: &str = "warning: sources: no sources: no interaction events will be read\n\n";

#[test]
fn lines_of_other_systems_are_shown_as_any_other_and_a_text_that_is_no_yaml_is_all_that_is_told() {
    let other = drawn("engine:\r\n  workers: many\r\nsources: [ { topic: a, format: segment } ]\r\n");
    assert!(other.ends_with("2 |   workers: many\n  |            ^^^^\n\n"), "{other}");
    let broken = drawn("engine: [1\nb: 2: 3\n");
    assert_eq!(broken.matches("error: ").count() + broken.matches("warning: ").count(), 1, "{broken}");
    assert!(broken.starts_with("error: not YAML: "), "{broken}");
}

#[test]
fn lines_that_are_shown_hold_no_secret() {
    for text in [
        "kafka:\n  common: { sasl.password: hunter2, bogus: [1] }\n",
        "kafka:\n  common: hunter2\n",
        "kafka:\n  common: [hunter2]\n",
        "kafka: { password: hunter2 }\n",
        "kafka: { common: { sasl.password: [hunter2] } }\n",
        "kafka: { common: { sasl.password: a, sasl.password: hunter2 } }\n",
        "kafka: { common: { sasl.jaas.config: hunter2 } }\n",
        "kafka: { sasl.passwrd: 'hünter2', common: { ssl.key.pem: hunter2, sasl.mechanism: {} } }\n",
        "kafka: { common: { ssl.key.pem: \"a\n  hunter2\", b: {} } }\n",
        "kafka:\n  common: { sasl.password: hunter2 ]\n",
        "sasl.password: hunter2\na: [\n",
    ] {
        let told = drawn(text);
        assert!(told.contains("error"), "{text}\n{told}");
        assert!(!told.contains("unter2") && !told.contains("nter2"), "{text}\n{told}");
    }
    // What a secret refers to is none, and helps to find it.
    assert!(drawn("kafka: { common: { sasl.password: { file: /nowhere/x } } }\n").contains("{ file: /nowhere/x }"));
}

#[test]
fn places_of_keys_values_and_files_can_be_asked_for() {
    let mut layers =
        layers("sources:\n- topic: a\n  contact: record.id\nkafka: { common: { linger.ms: 5 } }\nplans: [x.yaml]\n");
    layers.flags.push("sources[0].mapping.type='a'".into());
    let examined = examine(&layers);
    assert_eq!(examined.text("sources[0].contact"), Some("record.id"));
    assert_eq!(examined.origin("sources[0].contact").to_string(), "c.yaml:3:12");
    assert_eq!(examined.key_origin("kafka.common.linger.ms").to_string(), "c.yaml:4:20");
    assert_eq!(examined.origin("sources[0].mapping.type").to_string(), "flag --set sources[0].mapping.type");
    assert_eq!(examined.below("sources"), ["sources[0]"]);
    assert_eq!(examined.file("plans[0]").unwrap(), Path::new("/etc/leadstream/x.yaml"));
    assert_eq!(examined.text("sources[0].nothing"), None);
    let whole = examined.origin("sources[0].contact");
    let Origin::File { span, .. } = &whole else { panic!("{whole:?}") };
    assert_eq!(&examined.shown_text()[span.clone()], "record.id");
    assert_eq!(examined.part(&whole, span.start + 7..span.end).to_string(), "c.yaml:3:19");
}

#[test]
fn a_value_that_is_there_and_wrong_is_not_said_to_be_missing_as_well() {
    let wrong = drawn(
        "sources: [ { topic: a, format: json, contact: ' ', time_zone: X, mapping: { type: '', time: record.t, time_format: '%Y-%m-%d' } } ]",
    );
    assert_eq!(wrong.matches("error: ").count(), 3, "{wrong}");
}
