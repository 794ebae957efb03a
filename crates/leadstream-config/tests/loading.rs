//! What people write, and what they are told: good and bad configurations through the public way in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadstream_config::{
    ByteSize, Format, Layers, LoadError, Loaded, Origin, Severity, Start, TimeSpan, Workers, YamlFile, load, load_file,
    schema_text,
};

fn layers(text: &str) -> Layers {
    let file = YamlFile { name: "c.yaml".into(), directory: PathBuf::from("/etc/leadstream"), text: text.into() };
    Layers { file: Some(file), environment: BTreeMap::from([("HOME".into(), "/home/anna".into())]), flags: Vec::new() }
}

fn good(layers: &Layers) -> Loaded {
    match load(layers) {
        Ok(loaded) => loaded,
        Err(error) => panic!("refused:\n{error}"),
    }
}

/// Every line of every problem.
fn told(layers: &Layers) -> String {
    match load(layers) {
        Ok(loaded) => loaded.warnings.iter().map(|warning| format!("{warning}\n")).collect(),
        Err(error @ LoadError::CorrectConfiguration(_)) => error.to_string(),
        Err(error) => panic!("{error}"),
    }
}

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

fn repository(path: &str) -> PathBuf {
    package().join("../..").join(path)
}

const SOURCE: &str = "sources: [{ topic: web, format: segment }]\n";

#[test]
fn the_shipped_file_loads_without_a_warning_and_says_the_defaults() {
    let shipped = load_file(&repository("config/leadstream.yaml"), Vec::new(), &[]).unwrap();
    assert_eq!(shipped.warnings, []);
    let mut config = shipped.config;
    assert_eq!(config.sources.len(), 1);
    assert_eq!(config.sources[0].topic.as_str(), "web-events");
    // What the file spells out beside its example source is exactly what its absence would mean.
    config.sources.clear();
    let file = YamlFile { name: "c.yaml".into(), directory: repository("config"), text: String::new() };
    let empty = load(&Layers { file: Some(file), ..Layers::default() }).unwrap();
    assert_eq!(config, empty.config);
}

#[test]
fn the_schema_in_the_repository_is_the_one_the_types_make() {
    let path = repository("schemas/leadstream-config.schema.json");
    if std::env::var_os("LEADSTREAM_WRITE_GENERATED").is_some() {
        std::fs::write(&path, schema_text()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == schema_text(), "stale schema; run this test with LEADSTREAM_WRITE_GENERATED=1");
}

#[test]
fn every_kind_of_value_is_read_as_written() {
    let loaded = good(&layers(
        "application: { id: scores, instance: node-7 }\n\
         kafka: { bootstrap: 'a:9092, b:9092', common: { socket.keepalive.enable: true } }\n\
         sources:\n\
         - { topic: web, format: segment, keyed: true, start: latest }\n\
         - topic: shop\n  format: csv\n  contact: 'record.a == \"x\" ? record.b : record.c'\n  contact_prefix: 'shop:'\n\
         \x20 time_zone: europe/warsaw\n  start: 2026-01-31T00:00:00+01:00\n  csv: { columns: [a, b, c], delimiter: ';' }\n\
         \x20 mapping: { type: \"'order_completed'\", time: record.t, time_format: '%d.%m.%Y', properties: { value: record.b } }\n\
         topics: { scores: crm.scores, replication_factor: 3 }\n\
         plans: [cars/*.yaml, /abs/one.yaml]\n\
         engine: { workers: 3, commit_interval: 20ms }\n\
         memory: { budget: 1GiB }\n",
    ));
    let config = &loaded.config;
    assert_eq!(loaded.warnings, []);
    assert_eq!(config.application.instance.as_str(), "node-7");
    assert_eq!(config.kafka.common.get("socket.keepalive.enable").unwrap().expose(), "true");
    assert!(config.sources[0].keyed);
    assert_eq!(config.sources[0].start, Start::Latest);
    let shop = &config.sources[1];
    assert_eq!(shop.format, Format::Csv);
    assert_eq!(shop.contact.as_deref(), Some("record.a == \"x\" ? record.b : record.c"));
    assert_eq!(shop.time_zone.as_ref().unwrap().as_str(), "Europe/Warsaw");
    assert_eq!(shop.start, Start::At { unix_ms: 1_769_814_000_000 });
    assert_eq!(shop.mapping.as_ref().unwrap().properties["value"], "record.b");
    let names = config.topic_names();
    assert_eq!((names.scores.as_str(), names.redo.as_str()), ("crm.scores", "scores.redo"));
    assert_eq!(config.plans[0].as_path(), Path::new("/etc/leadstream/cars/*.yaml"));
    assert_eq!(config.plans[1].as_path(), Path::new("/abs/one.yaml"));
    assert_eq!(config.engine.workers, Workers::Count(3));
    assert_eq!(config.engine.commit_interval, TimeSpan::from_ms(20));
    assert_eq!(config.storage.directory.as_path(), Path::new("/home/anna/.local/state/leadstream"));
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let mut layers =
        layers("sources: [{ topic: web, format: segment }]\nengine: { workers: 1, commit_interval: 30ms }\n");
    for (name, value) in [
        ("LEADSTREAM_ENGINE__COMMIT_INTERVAL", "40ms"),
        ("LEADSTREAM_ENGINE__WORKERS", "2"),
        ("LEADSTREAM_SOURCES__0__TOPIC", "clicks"),
        ("LEADSTREAM_KAFKA__COMMON__SASL_USERNAME", "anna"),
        ("LEADSTREAM_HTTP__LISTEN", ""),
        ("LEADSTREAM_CONFIG", "c.yaml"),
        ("LEADSTREAM_PORT_8090_TCP_ADDR", "10.0.0.1"),
        ("UNRELATED", "x"),
    ] {
        layers.environment.insert(name.into(), value.into());
    }
    layers.flags =
        ["engine.workers=3", "kafka.common.client.rack=a=b", "plans=[a.yaml, b.yaml]", "sources[0].keyed=true"]
            .map(str::to_owned)
            .to_vec();
    let loaded = good(&layers);
    let config = &loaded.config;
    assert_eq!(loaded.warnings, []);
    assert_eq!(config.engine.commit_interval, TimeSpan::from_ms(40));
    assert_eq!(config.engine.workers, Workers::Count(3));
    assert_eq!(config.sources[0].topic.as_str(), "clicks");
    assert!(config.sources[0].keyed);
    assert_eq!(config.kafka.common.get("sasl.username").unwrap().expose(), "anna");
    assert_eq!(config.kafka.common.get("client.rack").unwrap().expose(), "a=b");
    // A flag's path starts where the command was given, not where the file lies.
    assert_eq!(config.plans.iter().map(|plan| plan.to_string()).collect::<Vec<_>>(), ["a.yaml", "b.yaml"]);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8090");
}

#[test]
fn all_mistakes_of_all_layers_are_told_at_once_with_their_places() {
    let mut layers = layers(
        "application:\n  id: lead stream\nengine:\n  commit_intervall: 50ms\n  workers: many\nkafka:\n  transaction_timeout: 100\n\
         commit_interval: 1s\nsources:\n- topic: web\n  format: segmnet\n- format: json\n  keyd: true\nbogus: 1\n",
    );
    layers.environment.insert("LEADSTREAM_HISTORY__ROWS".into(), "-1".into());
    layers.environment.insert("LEADSTREAM_KAFAK__BOOTSTRAP".into(), "x:1".into());
    layers.flags = vec!["log.level=loud".into(), "nonsense".into(), "sources.7.topic=x".into()];
    let expected = "\
c.yaml:2:7: error: application.id: \"lead stream\" is not allowed; allowed is 1 to 249 letters, digits, '.', '_' and '-', and neither . nor ..
c.yaml:4:3: error: engine.commit_intervall: unknown key
  hint: did you mean engine.commit_interval?
c.yaml:5:12: error: engine.workers: \"many\" is not allowed; allowed is auto or a whole number from 1 to 256
c.yaml:7:24: error: kafka.transaction_timeout: \"100\" is not allowed; allowed is a whole number with ms, s, m, h or d, as in 100ms, 10s or 7d
c.yaml:8:1: error: commit_interval: unknown key
  hint: did you mean engine.commit_interval?
c.yaml:11:11: error: sources[0].format: \"segmnet\" is not allowed; allowed are segment, leadstream-json, leadstream-avro, json, csv, avro
  hint: did you mean segment?
c.yaml:12:3: error: sources[1].topic: missing, and there is no default
c.yaml:12:3: error: sources[1]: format json does not say whose a record is
  hint: add contact, as in contact: record.customer_id, or contact: key where the key is the contact
c.yaml:12:3: error: sources[1]: format json needs a mapping
  hint: add mapping with at least type
c.yaml:13:3: error: sources[1].keyd: unknown key
  hint: did you mean sources[1].keyed?
c.yaml:14:1: error: bogus: unknown key
  hint: known here: application, kafka, sources, contacts, topics, plans, event_types, output, engine, clock, history, memory, storage, privacy, http, log
environment LEADSTREAM_HISTORY__ROWS: error: history.rows: \"-1\" is not allowed; allowed is a whole number from 0 to 4294967295
environment LEADSTREAM_KAFAK__BOOTSTRAP: error: kafak: unknown key
  hint: did you mean kafka?
flag --set log.level: error: log.level: \"loud\" is not allowed; allowed are error, warn, info, debug, trace
flag --set nonsense: error: not of the form key=value
flag --set sources.7.topic: error: sources.7.topic: there are only 2 items, numbered from 0
";
    let told = told(&layers);
    let (told, count) = told.rsplit_once('\n').unwrap();
    assert_eq!(told, expected.trim_end());
    assert_eq!(count, "16 errors in the configuration");
}

#[test]
fn broken_yaml_and_what_we_do_not_take_of_it_are_told_with_their_places() {
    for (text, expected) in [
        ("a: [1\nb: 2: 3", "c.yaml:2:2: error: not YAML: "),
        (
            "http:\n  listen: 1.1.1.1:1\n  listen: 127.0.0.1:1\n",
            "c.yaml:3:3: error: listen is given twice; the first is at c.yaml:2:3",
        ),
        ("http: &h {}\n", "c.yaml:1:7: error: anchors (&name) are not supported here"),
        ("---\nlog: {}\n---\nlog: {}\n", "c.yaml:3:1: error: a second document begins here"),
        ("- a\n", "c.yaml:1:1: error: a list where there should be a mapping of keys"),
        ("engine: 5\n", "c.yaml:1:9: error: engine: a single value where there should be a mapping of keys"),
        ("plans: x.yaml\n", "c.yaml:1:8: error: plans: a single value where there should be a list"),
        (
            "http: { listen: localhost:80 }\n",
            "c.yaml:1:17: error: http.listen: \"localhost:80\" is not allowed; allowed is an IP address and a port",
        ),
        (
            "memory: { budget: 512MB }\n",
            "c.yaml:1:19: error: memory.budget: \"512MB\" is not allowed; allowed is a whole number with B, KiB",
        ),
        (
            "engine: { stalled_after: 10s }\n",
            "error: engine.stalled_after: 10s is below 1m, four times kafka.transaction_timeout (15s)",
        ),
        (
            "engine: { accept_lost_input: yes }\n",
            "error: engine.accept_lost_input: \"yes\" is not allowed; allowed is true or false",
        ),
    ] {
        let told = told(&layers(text));
        assert!(told.contains(expected), "{text}\n{told}");
    }
    for (depth, expected) in [(40, "nested more than 32 levels deep"), (5000, "recursion limit exceeded")] {
        let deep = "a: ".to_owned() + &"[".repeat(depth) + &"]".repeat(depth);
        let told = told(&layers(&deep));
        assert!(told.contains(expected), "{depth}: {told}");
    }
}

#[test]
fn values_that_do_not_fit_each_other_are_told_with_both() {
    for (text, expected) in [
        (
            "kafka: { transaction_timeout: 2s }",
            "c.yaml:1:31: error: kafka.transaction_timeout: 2s is too short for engine.commit_interval 100ms; allowed is 5100ms or more",
        ),
        ("engine: { commit_interval: 1ms }", "engine.commit_interval: 1ms is not allowed; allowed is 5ms to 10s"),
        (
            "sources: [{ topic: a, format: segment }, { topic: a, format: segment }]",
            "c.yaml:1:51: error: sources[1].topic: a is already the topic of sources[0]",
        ),
        (
            "sources: [{ topic: leadstream.redo, format: segment }]",
            "sources[0].topic: leadstream.redo is Leadstream's own topic topics.redo",
        ),
        ("topics: { redo: x, scores: x }", "error: topics.scores: x is also the name of topics.redo"),
        (
            "memory: { budget: 128MiB, contacts: 100MiB, fetch: 64MiB }",
            "c.yaml:1:9: error: memory: the parts (contacts 100MiB, fetch 64MiB) are more than memory.budget 128MiB",
        ),
        (
            "memory: { budget: 128MiB, contacts: 127MiB }",
            "memory: the parts (contacts 127MiB) leave too little of memory.budget 128MiB to the others",
        ),
        ("memory: { budget: 1MiB }", "memory.budget: 1MiB is too small; allowed is 64MiB or more"),
        ("contacts: { avro: { schemas: { 1: a } } }", "contacts.avro: format leadstream-json is not Avro"),
        ("history: { max_ahead: 2d, horizon: 1d }", "history.max_ahead: 2d is not below history.horizon 1d"),
        ("history: { bytes: 1MiB }", "history.bytes: 1MiB is not allowed; allowed is 16KiB to 448KiB"),
        ("history: { horizon: 9999d }", "history.horizon: 9999d is not allowed; allowed is 1s to 3650d"),
        (
            "output: { scorecard_schema_id: 7 }",
            "output.scorecard_schema_id: a schema id has no place in JSON; set output.format to avro",
        ),
        ("topics: { partitions: 0 }", "topics.partitions: 0 is not allowed; allowed is 1 to 10000"),
        ("kafka: { bootstrap: 'a:9092,b' }", "kafka.bootstrap: \"b\" is not host:port, as in kafka-1:9092"),
        (
            "event_types: [Order Completed]",
            "event_types[0]: \"Order Completed\" is not an event type; types are snake_case",
        ),
        (
            "kafka: { common: { group.id: x } }",
            "kafka.common.group.id: is decided by Leadstream\n  hint: it is application.id",
        ),
        (
            "kafka: { common: { ssl.truststore.location: x } }",
            "is a setting of Kafka's Java client\n  hint: librdkafka has ssl.ca.location, a PEM file",
        ),
    ] {
        let told = told(&layers(text));
        assert!(told.contains(expected) && told.contains("in the configuration"), "{text}\n{told}");
    }
}

#[test]
fn each_format_asks_for_the_details_it_needs_and_for_no_others() {
    for (source, expected) in [
        ("format: json", "sources[0]: format json needs a mapping\n  hint: add mapping with at least type"),
        ("format: json, mapping: { type: t }", "sources[0]: format json does not say whose a record is"),
        (
            "format: json, contact: c, mapping: { id: i }",
            "sources[0].mapping: interactions need an expression for their type",
        ),
        (
            "format: segment, mapping: { type: t }",
            "sources[0].mapping: format segment has its own shape and takes no mapping",
        ),
        (
            "format: csv, csv: { columns: [a] }, contact: c, mapping: { type: t, time: x, time_format: '%Y-%m-%d' }",
            "sources[0].mapping.time_format: %Y-%m-%d says no offset, so the source needs a time_zone",
        ),
        (
            "format: json, contact: c, mapping: { type: t, time: x, time_format: '%Y-%J' }",
            "time_format: \"%Y-%J\" is not allowed as a pattern: found unrecognized specifier directive `J`\n  hint: a pattern is written as strptime takes it",
        ),
        (
            "format: json, contact: c, mapping: { type: t, properties: { 'a b': x } }",
            "sources[0].mapping.properties.a b: a property is named by letters",
        ),
        (
            "format: csv, csv: { columns: [a], delimiter: '||' }, contact: c, mapping: { type: t }",
            "csv.delimiter: \"||\" is not one ASCII character",
        ),
        ("format: json, csv: {}, contact: c, mapping: { type: t }", "sources[0].csv: format json is not CSV"),
        (
            "format: avro, contact: c, mapping: { type: t }",
            "format avro needs the schema its records were written with",
        ),
        (
            "format: avro, contact: c, mapping: { type: t }, avro: { framing: confluent }",
            "sources[0].avro: confluent framing needs schemas",
        ),
        (
            "format: leadstream-avro, avro: { framing: confluent, schemas: { one: a.avsc } }",
            "\"one\" is not a schema id",
        ),
        ("format: leadstream-avro, avro: { schemas: { 1: a.avsc } }", "plain records carry no schema id"),
        (
            "format: segment, keyed: true, contact_prefix: 'a:'",
            "sources[0].keyed: with a prefix the contact id is no longer the key",
        ),
        (
            "format: segment, keyed: true, company: record.context.groupId",
            "sources[0].keyed: a company's events belong into another partition than those of its people",
        ),
        ("format: segment, company_prefix: 'c:'", "sources[0].company_prefix: no company is named"),
        ("format: segment, company: c, company_prefix: 'c '", "sources[0].company_prefix: white space"),
        (
            "format: segment, time_zone: Europe/Warsav",
            "\"Europe/Warsav\" is not a name of the IANA time zone database, as in Europe/Warsaw\n  hint: did you mean Europe/Warsaw?",
        ),
        (
            "format: segment, start: 2026-01-31",
            "start: \"2026-01-31\" is not allowed; allowed is earliest, latest or an instant with its offset",
        ),
    ] {
        let told = told(&layers(&format!("sources: [{{ topic: a, {source} }}]")));
        assert!(told.contains(expected) && told.contains("in the configuration"), "{source}\n{told}");
    }
    for source in [
        "format: avro, contact: c, mapping: { type: t }, avro: { schema: a.avsc }",
        "format: leadstream-avro, avro: { framing: confluent, schemas: { 1: a.avsc, 4294967295: b.avsc } }",
        "format: json, keyed: true, contact: key, mapping: { type: t, time: x, time_format: '%Y-%m-%dT%H:%M:%S%:z' }",
        "format: segment, company: record.context.groupId, company_prefix: firm/",
        "format: leadstream-json, name: shop, aliases: { Gekauft: order_completed }",
        "format: csv, csv: { columns: [a] }, contact: c, mapping: { kind: snapshot, all_properties: record }",
        "format: csv, csv: { columns: [a] }, contact: c, time_zone: UTC, mapping: { type: t, time: x, time_format: '%Y-%m-%d' }",
    ] {
        assert_eq!(good(&layers(&format!("sources: [{{ topic: a, {source} }}]"))).warnings, [], "{source}");
    }
}

#[test]
fn an_instance_is_reached_where_it_says_or_where_a_network_finds_it() {
    for (http, expected) in [
        ("", None),
        ("listen: 127.0.0.1:80", None),
        ("listen: 0.0.0.0:80", None),
        ("listen: 10.0.0.7:80", Some("10.0.0.7:80")),
        ("listen: 10.0.0.7:0", None),
        ("listen: 0.0.0.0:80, advertise: leadstream-0.scoring:80", Some("leadstream-0.scoring:80")),
        ("advertise: '[::1]:8090'", Some("[::1]:8090")),
    ] {
        let loaded = good(&layers(&format!("{SOURCE}http: {{ {http} }}\n")));
        assert_eq!(loaded.config.http.reachable_at().as_deref(), expected, "{http}");
    }
    for refused in ["leadstream-0", "http://leadstream-0:80", "leadstream-0:80/x", "':80'", "a b:80", "a:0", "'[x]:80'"]
    {
        let said = told(&layers(&format!("{SOURCE}http: {{ advertise: {refused} }}\n")));
        assert!(said.contains("http.advertise: ") && said.contains("is not host:port"), "{refused}: {said}");
    }
}

#[test]
fn what_is_allowed_and_probably_not_meant_is_a_warning() {
    for (text, expected) in [
        (
            "http: { listen: 0.0.0.0:80 }",
            "warning: http.listen: 0.0.0.0:80 can be reached from other machines, and there is no authentication",
        ),
        ("engine: { accept_lost_input: true }", "warning: engine.accept_lost_input: input that was deleted"),
        ("kafka: { bootstrap: 'kafka-1:9092' }", "warning: topics.replication_factor: 1 copy on a real cluster"),
        (
            "topics: { contacts_retention: 7d }",
            "warning: topics.contacts_retention: commands older than 7d will be gone",
        ),
        (
            "sources: [ { topic: b, format: csv, contact: record.c, mapping: { type: record.t } } ]\n",
            "warning: sources[0]: no columns: a file whose first line names them can be replayed, but a topic has no such line",
        ),
        ("plans: []", "warning: plans: no plan files: nothing will be scored"),
        (
            "kafka: { common: { sasl.password: hunter2 } }",
            "warning: kafka.common.sasl.password: a secret stands in the file",
        ),
    ] {
        let source = if text.starts_with("sources") { "" } else { SOURCE };
        let loaded = good(&layers(&format!("{source}{text}\n")));
        assert_eq!(loaded.warnings.len(), 1, "{text}: {:?}", loaded.warnings);
        assert_eq!(loaded.warnings[0].severity, Severity::Warning);
        assert!(loaded.warnings[0].to_string().contains(expected), "{}", loaded.warnings[0]);
    }
    assert!(told(&layers("")).contains("warning: sources: no sources"));
    let mut slip = layers(SOURCE);
    slip.environment.insert("LEADSTREAM_KAFKA_BOOTSTRAP".into(), "x:1".into());
    assert!(told(&slip).contains(
        "warning: ignored: not a key of the configuration\n  hint: did you mean LEADSTREAM_KAFKA__BOOTSTRAP?"
    ));
}

#[test]
fn secrets_are_handed_over_and_never_shown() {
    let folder = std::env::temp_dir().join(format!("leadstream-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("pass"), "s3cret-from-file\n").unwrap();
    let mut layers = layers(&format!(
        "{SOURCE}kafka:\n  common:\n    sasl.password: {{ file: pass }}\n    sasl.oauthbearer.scope: {{ env: WHO }}\n    ssl.key.password: s3cret-plain\n    sasl.username: anna\n"
    ));
    layers.file.as_mut().unwrap().directory = folder.clone();
    layers.environment.insert("WHO".into(), "s3cret-from-variable".into());
    layers
        .environment
        .insert("LEADSTREAM_KAFKA__PRODUCER__SASL_OAUTHBEARER_CONFIG".into(), "s3cret-in-environment".into());
    let loaded = good(&layers);
    std::fs::remove_dir_all(&folder).unwrap();
    let common = &loaded.config.kafka.common;
    assert_eq!(common.get("sasl.password").unwrap().expose(), "s3cret-from-file");
    assert_eq!(common.get("sasl.oauthbearer.scope").unwrap().expose(), "s3cret-from-variable");
    let shown = format!("{loaded:?}{:#?}{}{:?}", loaded.config, loaded.render_effective(), loaded.warnings);
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(loaded.render_effective().contains("sasl.password: (hidden)"));
    assert!(loaded.render_effective().contains("sasl.username: anna  # c.yaml:7:20"));
}

#[test]
fn a_secret_in_a_wrong_place_is_not_repeated_in_the_message() {
    let mut layers = layers(
        "kafka:\n  common: hunter2\n  password: hunter2\n  producer: { sasl.password: [hunter2], ssl.key.password: { file: /nowhere/x } }\n",
    );
    layers.flags = vec![
        "kafka.common.sasl.jaas.config=hunter2".into(),
        "sasl.password hunter2".into(),
        "kafka.common.sasl.passwrd=hunter2".into(),
    ];
    let told = told(&layers);
    assert!(!told.contains("hunter2"), "{told}");
    assert!(told.contains("kafka.producer.ssl.key.password: cannot read the file /nowhere/x: "), "{told}");
    assert!(told.contains("hint: librdkafka has sasl.username and sasl.password"), "{told}");
}

#[test]
fn what_is_shown_names_origins_and_loads_again_to_the_same_configuration() {
    let mut layers = layers(
        "sources:\n- topic: shop\n  format: json\n  contact: 'has(record.a) ? record.a : \"x: #y\"'\n  mapping: { type: \"'a'\", properties: { value: record.v } }\n",
    );
    layers.environment.insert("LEADSTREAM_ENGINE__WORKERS".into(), "2".into());
    layers.flags = vec!["memory.budget=1GiB".into()];
    let loaded = good(&layers);
    let shown = loaded.render_effective();
    for line in [
        "  - topic: shop  # c.yaml:2:10\n    format: json  # c.yaml:3:11\n",
        "  workers: 2  # environment LEADSTREAM_ENGINE__WORKERS\n",
        "  commit_interval: 100ms\n",
        "  budget: 1GiB  # flag --set memory.budget\n",
        "  redo: leadstream.redo\n",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let again = good(&layers_of(&shown));
    assert_eq!(again.config.sources, loaded.config.sources);
    assert_eq!(again.config.memory.parts(), loaded.config.memory.parts());
    assert_eq!(again.config.topic_names(), loaded.config.topic_names());
    assert_eq!((&again.config.engine, &again.config.plans), (&loaded.config.engine, &loaded.config.plans));
}

fn layers_of(text: &str) -> Layers {
    layers(text)
}

#[test]
fn memory_parts_use_the_budget_exactly() {
    for text in ["512MiB", "64MiB", "1000000007B", "3GiB"] {
        for part in ["", ", contacts: 20MiB", ", fetch: 4MiB, program: 20MiB", ", contacts: 20MiB, block_cache: 8MiB"] {
            let loaded = good(&layers(&format!("{SOURCE}memory: {{ budget: {text}{part} }}\n")));
            let parts = loaded.config.memory.parts();
            let sum = parts.contacts_bytes
                + parts.block_cache_bytes
                + parts.write_buffers_bytes
                + parts.fetch_bytes
                + parts.produce_bytes
                + parts.program_bytes;
            assert_eq!(sum, text.parse::<ByteSize>().unwrap().as_bytes(), "{text}{part}: {parts:?}");
        }
    }
}

#[test]
fn a_missing_file_is_told_with_its_path() {
    let error = load_file(Path::new("/nowhere/leadstream.yaml"), Vec::new(), &[]).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the configuration file /nowhere/leadstream.yaml: "), "{error}");
}

#[test]
fn origins_are_put_into_words() {
    let place = Origin::File { file: "a.yaml".into(), line: 3, column: 4, span: 30..33 };
    assert_eq!(place.to_string(), "a.yaml:3:4");
    assert_eq!(Origin::Environment("X".into()).to_string(), "environment X");
    assert_eq!(Origin::Flag("a.b".into()).to_string(), "flag --set a.b");
}

#[test]
fn one_broken_item_hides_no_mistake_of_the_others() {
    let told = told(&layers(
        "sources:\n- { topic: 'a b', format: json, mapping: { id: record.id } }\n- { topic: c, format: sgment }\n- { topic: d, format: csv, csv: { columns: [x], delimiter: ab } }\n",
    ));
    for expected in [
        "2:12: error: sources[0].topic: \"a b\" is not allowed",
        "error: sources[0]: format json does not say whose a record is",
        "error: sources[0].mapping: interactions need an expression for their type",
        "3:23: error: sources[1].format: \"sgment\" is not allowed",
        "error: sources[2].csv.delimiter: \"ab\" is not one ASCII character",
        "error: sources[2]: format csv needs a mapping",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}
