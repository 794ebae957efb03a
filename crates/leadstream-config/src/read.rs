//! Reads typed values out of the merged tree and keeps going after a mistake, so that one run names every mistake.
//!
//! Invariant: `None` is returned, and an item left out of a list, only after a problem has been recorded; so a tree that reads without problems
//! is complete.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use crate::model::Config;
use crate::problem::{Origin, Problem};
use crate::show::{Show, Shown};
use crate::tree::{Entry, Node, Value};

/// What reading needs beside the node: where problems go, and what relative paths and secrets are resolved against.
pub(crate) struct Reading<'a> {
    /// Everything found wrong so far.
    pub(crate) problems: &'a mut Vec<Problem>,
    /// Folder of the configuration file: what the file's relative paths start from.
    pub(crate) file_directory: &'a Path,
    /// The process environment, for `{env: NAME}` and `~/`.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// Paths of items that could not be read and are missing in their lists.
    pub(crate) lost: Vec<String>,
}

impl Reading<'_> {
    /// Records an error.
    pub(crate) fn error(&mut self, origin: &Origin, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::error(origin, path, message));
    }
}

/// A type that can be read from a node.
pub(crate) trait Read: Sized {
    /// Reads the value at `path`, or records what is wrong with it.
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self>;

    /// What may stand for a required value that could not be read, so that the rest of its section is checked as well; a problem has been
    /// recorded, so nobody uses it. None where the checks would tell mistakes that are none.
    fn stand_in(_path: &str) -> Option<Self> {
        None
    }
}

/// The text of a scalar, or a problem that says what is allowed there.
pub(crate) fn scalar<'n>(node: &'n Node, path: &str, allowed: &str, reading: &mut Reading<'_>) -> Option<&'n str> {
    if let Value::Scalar(text) = &node.value {
        return Some(text);
    }
    reading.error(&node.origin, path, format!("{} where there should be {allowed}", node.kind()));
    None
}

/// Reads a scalar through a parser that knows the allowed forms.
pub(crate) fn parsed<T>(
    node: &Node,
    path: &str,
    allowed: &str,
    reading: &mut Reading<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let text = scalar(node, path, allowed, reading)?;
    let value = parse(text);
    if value.is_none() {
        reading.error(&node.origin, path, format!("{text:?} is not allowed; allowed is {allowed}"));
    }
    value
}

impl Read for bool {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, "true or false", reading, |text| text.parse().ok())
    }
}

impl Read for u64 {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, "a whole number from 0", reading, |text| text.replace('_', "").parse().ok())
    }
}

impl Read for u32 {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, "a whole number from 0 to 4294967295", reading, |text| text.replace('_', "").parse().ok())
    }
}

impl Read for String {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        parsed(node, path, "a text that is not empty", reading, |text| {
            (!text.trim().is_empty()).then(|| text.to_owned())
        })
    }
}

impl Read for SocketAddr {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let allowed = "an IP address and a port, as in 127.0.0.1:8090 or [::1]:8090";
        parsed(node, path, allowed, reading, |text| text.parse().ok())
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        if matches!(node.value, Value::Null) { Some(None) } else { T::read(node, path, reading).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.value {
            Value::Sequence(items) => {
                // What can be read is kept, so that the checks behind find the mistakes of all other items too.
                let mut read = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    match T::read(item, &path, reading) {
                        Some(item) => read.push(item),
                        None => reading.lost.push(path),
                    }
                }
                Some(read)
            }
            Value::Null => Some(Vec::new()),
            _ => {
                reading.error(&node.origin, path, format!("{} where there should be a list", node.kind()));
                None
            }
        }
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let entries = mapping(node, path, reading)?;
        let read = entries.iter().filter_map(|entry| {
            T::read(&entry.node, &join(path, &entry.key), reading).map(|value| (entry.key.clone(), value))
        });
        Some(read.collect())
    }
}

/// The entries of a mapping; an empty value counts as a mapping without keys.
pub(crate) fn mapping<'n>(node: &'n Node, path: &str, reading: &mut Reading<'_>) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        Value::Null => Some(&[]),
        _ => {
            reading.error(&node.origin, path, format!("{} where there should be a mapping of keys", node.kind()));
            None
        }
    }
}

/// `parent.key`, or the key alone at the top.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The key of a field, whose name in Rust may need an `r#`.
pub(crate) fn key_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// The known word a misspelt one was probably meant to be, if one is close enough.
pub(crate) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The path of the only key of this name, for a key that was put into the wrong section.
fn section_of(key: &str) -> Option<String> {
    let mut places = known_paths().into_iter().filter(|path| path.rsplit('.').next() == Some(key));
    let place = places.next();
    if places.next().is_some() { None } else { place }
}

/// Every path the configuration has, sections included, without those inside lists.
pub(crate) fn known_paths() -> Vec<String> {
    let mut paths = Vec::new();
    collect_paths(&Config::default().show(), "", &mut paths);
    paths
}

fn collect_paths(shown: &Shown, path: &str, paths: &mut Vec<String>) {
    if let Shown::Map(entries) = shown {
        for (key, value) in entries {
            let path = join(path, key);
            collect_paths(value, &path, paths);
            paths.push(path);
        }
    }
}

/// An open section: a mapping whose keys are known.
pub(crate) struct Section<'n> {
    node: Option<&'n Node>,
    path: &'n str,
}

impl<'n> Section<'n> {
    /// Opens a section and reports its unknown keys.
    pub(crate) fn open(node: &'n Node, path: &'n str, known: &[&'static str], reading: &mut Reading<'_>) -> Self {
        let Some(entries) = mapping(node, path, reading) else { return Self { node: None, path } };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let problem = Problem::error(&entry.origin, join(path, &entry.key), "unknown key");
            let hint = match (section_of(&entry.key), closest(&entry.key, known.iter().copied())) {
                (Some(place), _) => format!("did you mean {place}?"),
                (None, Some(close)) => format!("did you mean {}?", join(path, close)),
                (None, None) => format!("known here: {}", known.join(", ")),
            };
            reading.problems.push(problem.hint(hint));
        }
        Self { node: Some(node), path }
    }

    /// The value of a key that has a default. A mistake counts as the default here; it has been recorded.
    pub(crate) fn optional<T: Read>(&self, key: &str, default: T, reading: &mut Reading<'_>) -> T {
        let path = join(self.path, key);
        match self.node.and_then(|node| node.get(key)) {
            // `key:` with nothing behind it: the author left the default in place.
            Some(node) if matches!(node.value, Value::Null) => default,
            Some(node) => T::read(node, &path, reading).unwrap_or(default),
            None => default,
        }
    }

    /// The value of a key that must be there.
    pub(crate) fn required<T: Read>(&self, key: &str, reading: &mut Reading<'_>) -> Option<T> {
        let node = self.node?;
        let path = join(self.path, key);
        if let Some(value) = node.get(key).filter(|value| !matches!(value.value, Value::Null)) {
            return T::read(value, &path, reading).or_else(|| T::stand_in(&path));
        }
        reading.error(&node.origin, &path, "missing, and there is no default");
        T::stand_in(&path)
    }
}
