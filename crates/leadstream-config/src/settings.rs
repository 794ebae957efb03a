//! librdkafka settings passed through as they are, and the secrets among them.
//!
//! Settings the engine's guarantees hang on are refused rather than passed through. A setting is secret when its name says so or
//! when its value was given as `{file: PATH}` or `{env: NAME}`; a secret is never shown, only handed to the client.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::problem::Problem;
use crate::read::{Read, Reading, closest, join, mapping};
use crate::show::{Show, Shown};
use crate::tree::{Node, Value};
use crate::values::resolve_path;

/// What stands in place of a secret wherever one would be shown.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Words in a setting's name that make its value a secret.
///
/// `pass` and `pwd` for what was to be a password: a name misspelt must not show it.
const SECRET_WORDS: [&str; 8] =
    ["pass", "pwd", "secret", "jaas", "token", "credential", "ssl.key.pem", "private.key.pem"];

/// Settings that can carry a secret without such a word in their name.
const SECRET_KEYS: [&str; 1] = ["sasl.oauthbearer.config"];

/// Settings the engine decides, with what to use instead.
const OWNED: [(&str, &str); 27] = [
    ("bootstrap.servers", "set kafka.bootstrap"),
    ("metadata.broker.list", "set kafka.bootstrap"),
    ("client.id", "set kafka.client_id"),
    ("group.id", "it is application.id"),
    ("group.instance.id", "it is made of application.instance and the worker's number"),
    ("group.protocol", "the classic protocol is the one the hand-over of tasks is made for"),
    ("transactional.id", "it is made of application.id, application.instance and the worker's number"),
    ("transaction.timeout.ms", "set kafka.transaction_timeout"),
    ("isolation.level", "inputs are always read committed"),
    ("enable.auto.commit", "offsets are committed in the transaction"),
    ("auto.commit.enable", "offsets are committed in the transaction"),
    ("enable.auto.offset.store", "offsets are committed in the transaction"),
    ("auto.offset.reset", "set start of the source"),
    ("enable.partition.eof", "restore and timers hang on it"),
    ("enable.idempotence", "transactions need it on"),
    ("acks", "transactions need all"),
    ("request.required.acks", "transactions need all"),
    ("retries", "a record is tried until its transaction times out"),
    ("message.send.max.retries", "a record is tried until its transaction times out"),
    ("max.in.flight", "the order of records hangs on it"),
    ("max.in.flight.requests.per.connection", "the order of records hangs on it"),
    ("partition.assignment.strategy", "partitions are dealt out by whole tasks"),
    ("partitioner", "records are placed as Kafka's own clients place them"),
    ("message.timeout.ms", "it follows kafka.transaction_timeout"),
    ("delivery.timeout.ms", "it follows kafka.transaction_timeout"),
    ("queue.buffering.max.messages", "it follows from the limits of a commit"),
    ("queued.max.messages.kbytes", "set memory.fetch"),
];

/// Settings of Kafka's Java clients that librdkafka does not have, with what it has.
const JAVA_ONLY: [(&str, &str); 8] = [
    ("sasl.jaas.config", "librdkafka has sasl.username and sasl.password"),
    ("ssl.truststore.location", "librdkafka has ssl.ca.location, a PEM file"),
    ("ssl.truststore.password", "librdkafka has ssl.ca.location, a PEM file without password"),
    ("ssl.truststore.type", "librdkafka has ssl.ca.location, a PEM file"),
    ("key.serializer", "librdkafka has no serializers"),
    ("value.serializer", "librdkafka has no serializers"),
    ("key.deserializer", "librdkafka has no deserializers"),
    ("value.deserializer", "librdkafka has no deserializers"),
];

/// One value for librdkafka. Showing it in any way hides a secret; [`Setting::expose`] is the only way to the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    text: String,
    secret: bool,
}

impl Setting {
    /// The text to hand to the client.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether it must never be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.secret { HIDDEN } else { &self.text })
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { formatter.write_str(HIDDEN) } else { fmt::Debug::fmt(&self.text, formatter) }
    }
}

impl Show for Setting {
    fn show(&self) -> Shown {
        Shown::Text(self.to_string())
    }
}

/// librdkafka settings by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.0.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// The value of one setting.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }
}

/// Whether a setting of this name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_KEYS.contains(&name.as_str()) || SECRET_WORDS.iter().any(|word| name.contains(word))
}

impl Show for Settings {
    fn show(&self) -> Shown {
        self.0.show()
    }
}

impl Read for Settings {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let mut settings = BTreeMap::new();
        for entry in mapping(node, path, reading)? {
            let name = entry.key.as_str();
            let path = join(path, name);
            let refused = OWNED
                .iter()
                .find(|(owned, _)| *owned == name)
                .map(|(_, instead)| ("is decided by Leadstream", *instead))
                .or_else(|| {
                    let java = JAVA_ONLY.iter().find(|(java, _)| *java == name);
                    java.map(|(_, instead)| ("is a setting of Kafka's Java client", *instead))
                });
            if let Some((message, instead)) = refused {
                reading.problems.push(Problem::error(&entry.origin, path, message).hint(instead));
            } else if let Some(setting) = read_setting(name, &entry.node, &path, reading) {
                settings.insert(entry.key.clone(), setting);
            }
        }
        Some(Self(settings))
    }
}

/// A scalar, `{file: PATH}` or `{env: NAME}`.
fn read_setting(name: &str, node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Setting> {
    if let Value::Scalar(text) = &node.value {
        return Some(Setting { text: text.clone(), secret: is_secret(name) });
    }
    let reference = match &node.value {
        Value::Mapping(entries) if entries.len() == 1 => entries.first(),
        _ => None,
    };
    let Some((reference, Value::Scalar(target))) = reference.map(|entry| (entry, &entry.node.value)) else {
        let message = format!("{} where there should be a value, {{file: PATH}} or {{env: NAME}}", node.kind());
        reading.error(&node.origin, path, message);
        return None;
    };
    let text = match reference.key.as_str() {
        "file" => {
            let file = resolve_path(target, &reference.node.origin, reading);
            let read = std::fs::read_to_string(&file);
            // An editor's line break at the end of the file is no part of a password.
            read.map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
                .map_err(|error| format!("cannot read the file {}: {error}", file.display()))
        }
        "env" => match reading.environment.get(target) {
            Some(text) => Ok(text.clone()),
            None => Err(format!("the environment variable {target} is not set")),
        },
        other => Err(match closest(other, ["file", "env"]) {
            Some(close) => format!("unknown reference {other}; did you mean {close}?"),
            None => format!("unknown reference {other}; allowed is {{file: PATH}} or {{env: NAME}}"),
        }),
    };
    match text {
        Ok(text) => Some(Setting { text, secret: true }),
        Err(message) => {
            reading.error(&reference.origin, path, message);
            None
        }
    }
}

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let reference = |key: &str, description: &str| {
            json_schema!({
                "type": "object",
                "properties": { key: { "type": "string", "description": description } },
                "required": [key],
                "additionalProperties": false
            })
        };
        json_schema!({
            "description": "librdkafka settings by name.",
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    { "type": ["string", "number", "boolean"] },
                    reference("file", "File whose content is the value."),
                    reference("env", "Environment variable whose content is the value.")
                ]
            }
        })
    }
}
