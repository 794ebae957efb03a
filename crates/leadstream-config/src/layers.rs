//! Lays the environment and the flags over the file's tree.
//!
//! `LEADSTREAM_ENGINE__COMMIT_INTERVAL=200ms` and `--set engine.commit_interval=200ms` name the same key; list items are numbered
//! from 0 (`LEADSTREAM_SOURCES__0__TOPIC`, `sources.0.topic`). A value that begins with `[` or `{` is read as YAML, any other is
//! taken as it is, so that an expression or a password needs no quoting; an empty one puts the default back. Under the librdkafka
//! settings a name is one key: `LEADSTREAM_KAFKA__COMMON__SASL_PASSWORD` is `kafka.common."sasl.password"`.

use std::collections::BTreeMap;

use crate::problem::{Origin, Problem};
use crate::read::{closest, known_paths};
use crate::tree::{Entry, Node, Value, parse};

/// What the names of our environment variables begin with.
const PREFIX: &str = "LEADSTREAM_";
/// Variables that are no keys: the path of the configuration file.
const NOT_KEYS: [&str; 1] = ["LEADSTREAM_CONFIG"];
/// Sections whose keys may contain dots.
const SETTINGS: [&str; 3] = ["common", "consumer", "producer"];
/// Mappings whose keys may be numbers.
const NUMBERED_MAPPINGS: [&str; 1] = ["schemas"];

/// Applies the environment variables that are ours.
pub(crate) fn apply_environment(root: &mut Node, environment: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    let known = known_paths();
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !NOT_KEYS.contains(&name.as_str())) else { continue };
        let origin = Origin::Environment(name.clone());
        let key = rest.to_lowercase();
        if !key.contains("__") && !known.contains(&key) {
            // Kubernetes sets LEADSTREAM_PORT and the like for a service of this name, so only a likely slip is mentioned.
            let spelled: Vec<String> = known.iter().map(|path| path.replace('.', "__")).collect();
            let flat = |path: &&str| path.replace("__", "_") == key;
            let close = spelled.iter().map(String::as_str).find(flat);
            if let Some(close) = close.or_else(|| closest(&key, spelled.iter().map(String::as_str))) {
                let hint = format!("did you mean {PREFIX}{}?", close.to_uppercase());
                problems.push(Problem::warning(&origin, "", "ignored: not a key of the configuration").hint(hint));
            }
            continue;
        }
        let mut segments: Vec<String> = key.split("__").map(str::to_owned).collect();
        if is_setting(&segments) {
            let setting = segments.split_off(2).join(".").replace('_', ".");
            segments.push(setting);
        }
        apply(root, &segments, value, &origin, problems);
    }
}

/// Applies flags `key=value`, later ones over earlier ones.
pub(crate) fn apply_flags(root: &mut Node, flags: &[String], problems: &mut Vec<Problem>) {
    for flag in flags {
        let Some((key, value)) = flag.split_once('=') else {
            // The text is not repeated beyond its first word: it might be a secret in the wrong place.
            let word = flag.split_whitespace().next().unwrap_or_default();
            problems.push(Problem::error(&Origin::Flag(word.to_owned()), "", "not of the form key=value"));
            continue;
        };
        let key = key.trim();
        let mut segments: Vec<String> = key.replace('[', ".").replace(']', "").split('.').map(str::to_owned).collect();
        if is_setting(&segments) {
            let setting = segments.split_off(2).join(".");
            segments.push(setting);
        }
        apply(root, &segments, value, &Origin::Flag(key.to_owned()), problems);
    }
}

fn is_setting(segments: &[String]) -> bool {
    segments.len() > 2 && segments[0] == "kafka" && SETTINGS.contains(&segments[1].as_str())
}

fn apply(root: &mut Node, segments: &[String], value: &str, origin: &Origin, problems: &mut Vec<Problem>) {
    let structured = value.starts_with(['[', '{']) && !is_setting(segments);
    let node = if structured {
        let before = problems.len();
        let mut node = parse(value, "", problems);
        problems[before..].iter_mut().for_each(|problem| problem.origin = origin.clone());
        relocate(&mut node, origin);
        node
    } else if value.is_empty() {
        Node { value: Value::Null, origin: origin.clone() }
    } else {
        Node { value: Value::Scalar(value.to_owned()), origin: origin.clone() }
    };
    if let Err(message) = set(root, segments, "", node, origin) {
        problems.push(Problem::error(origin, segments.join("."), message));
    }
}

/// Gives a whole subtree one origin.
fn relocate(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| relocate(item, origin)),
        Value::Mapping(entries) => {
            for entry in entries {
                entry.origin = origin.clone();
                relocate(&mut entry.node, origin);
            }
        }
        Value::Null | Value::Scalar(_) => {}
    }
}

/// Puts a value at a path, making the mappings and lists on the way.
fn set(node: &mut Node, segments: &[String], parent: &str, value: Node, origin: &Origin) -> Result<(), String> {
    let Some((segment, rest)) = segments.split_first() else {
        *node = value;
        return Ok(());
    };
    if segment.is_empty() {
        return Err("an empty word in the key".to_owned());
    }
    let index = segment.parse::<usize>().ok().filter(|_| !NUMBERED_MAPPINGS.contains(&parent));
    if !matches!(node.value, Value::Mapping(_) | Value::Sequence(_)) {
        let value = if index.is_some() { Value::Sequence(Vec::new()) } else { Value::Mapping(Vec::new()) };
        *node = Node { value, origin: origin.clone() };
    }
    let absent = || Node { value: Value::Null, origin: origin.clone() };
    let child = match (&mut node.value, index) {
        (Value::Sequence(items), Some(index)) => {
            if index == items.len() {
                items.push(absent());
            }
            let count = items.len();
            items.get_mut(index).ok_or_else(|| format!("there are only {count} items, numbered from 0"))?
        }
        (Value::Mapping(entries), _) => {
            let found = entries.iter().position(|entry| entry.key == *segment);
            let position = found.unwrap_or_else(|| {
                entries.push(Entry { key: segment.clone(), origin: origin.clone(), node: absent() });
                entries.len() - 1
            });
            &mut entries[position].node
        }
        _ => return Err(format!("{segment:?} where there should be the number of an item, from 0")),
    };
    set(child, rest, segment, value, origin)
}
