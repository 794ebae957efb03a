//! The configuration in force as YAML, each value that somebody set with the place it came from.
//!
//! Derived values are spelled out (topic names, memory parts), secrets are hidden. What is printed can be used as a file, except
//! for the secrets.

use std::fmt::Write;

use crate::loading::{Loaded, Origins};
use crate::model::Config;
use crate::read::join;
use crate::show::{Show, Shown};
use crate::units::ByteSize;

impl Loaded {
    /// The configuration in force as YAML. A comment names the origin of every value that is not a default.
    pub fn render_effective(&self) -> String {
        let mut writer = Writer { origins: &self.origins, text: String::new() };
        writer.node(&effective(&self.config).show(), "", 0);
        writer.text
    }
}

/// The configuration with everything derived written out.
fn effective(config: &Config) -> Config {
    let (names, parts) = (config.topic_names(), config.memory.parts());
    let mut config = config.clone();
    config.topics.contacts = Some(names.contacts);
    config.topics.interactions = Some(names.interactions);
    config.topics.identities = Some(names.identities);
    config.topics.contacts_changelog = Some(names.contacts_changelog);
    config.topics.redo = Some(names.redo);
    config.topics.plans = Some(names.plans);
    config.topics.qualifications = Some(names.qualifications);
    config.topics.stages = Some(names.stages);
    config.topics.scores = Some(names.scores);
    config.topics.activity = Some(names.activity);
    config.topics.dead_letters = Some(names.dead_letters);
    config.memory.contacts = Some(ByteSize::from_bytes(parts.contacts_bytes));
    config.memory.block_cache = Some(ByteSize::from_bytes(parts.block_cache_bytes));
    config.memory.write_buffers = Some(ByteSize::from_bytes(parts.write_buffers_bytes));
    config.memory.fetch = Some(ByteSize::from_bytes(parts.fetch_bytes));
    config.memory.produce = Some(ByteSize::from_bytes(parts.produce_bytes));
    config.memory.program = Some(ByteSize::from_bytes(parts.program_bytes));
    config
}

struct Writer<'a> {
    origins: &'a Origins,
    text: String,
}

impl Writer<'_> {
    /// Writes a map's entries or a list's items at an indentation; the cursor stands at the start of a line.
    fn node(&mut self, shown: &Shown, path: &str, indent: usize) {
        match shown {
            Shown::Map(entries) => {
                for (key, value) in entries.iter().filter(|(_, value)| *value != Shown::Null) {
                    self.pad(indent);
                    self.entry(key, value, &join(path, key), indent);
                }
            }
            Shown::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.item(item, &format!("{path}[{index}]"), indent);
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, key: &str, value: &Shown, path: &str, indent: usize) {
        self.push(&quoted_if_needed(key));
        match value {
            Shown::Map(entries) if entries.is_empty() => self.leaf(" {}", path),
            Shown::List(items) if items.is_empty() => self.leaf(" []", path),
            Shown::Map(_) | Shown::List(_) => {
                self.push(":\n");
                self.node(value, path, indent + 2);
            }
            _ => self.leaf(&format!(" {}", plain(value)), path),
        }
    }

    fn item(&mut self, item: &Shown, path: &str, indent: usize) {
        self.pad(indent);
        self.push("- ");
        let Shown::Map(entries) = item else {
            let text = plain(item);
            self.value(&text, path);
            return;
        };
        for (position, (key, value)) in entries.iter().filter(|(_, value)| *value != Shown::Null).enumerate() {
            if position > 0 {
                self.pad(indent + 2);
            }
            self.entry(key, value, &join(path, key), indent + 2);
        }
    }

    fn leaf(&mut self, text: &str, path: &str) {
        self.push(":");
        self.value(text, path);
    }

    fn value(&mut self, text: &str, path: &str) {
        self.push(text);
        if let Some(origin) = self.origins.get(path) {
            // Writing to a string cannot fail.
            let _ = write!(self.text, "  # {origin}");
        }
        self.push("\n");
    }

    fn pad(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

fn plain(value: &Shown) -> String {
    match value {
        Shown::Flag(flag) => flag.to_string(),
        Shown::Number(number) => number.to_string(),
        Shown::Text(text) => quoted_if_needed(text),
        _ => "null".to_owned(),
    }
}

/// Text that YAML would read as itself stays as it is; any other becomes a double-quoted string, whose escapes JSON shares.
fn quoted_if_needed(text: &str) -> String {
    let safe_start = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'(' | b'_'));
    let safe = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-()*+$=".contains(&byte))
        || (text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:[]".contains(&byte))
            && !text.ends_with(':')
            && !text.contains("::"));
    let word = matches!(text, "null" | "true" | "false" | "Null" | "NULL" | "True" | "False" | "TRUE" | "FALSE");
    if safe_start && safe && !word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
