//! A configuration as far as it could be read: every value that somebody set with its place, and everything that is wrong.
//!
//! Whoever can check more than this crate does (expressions, schema files, plans, a client's settings) asks here where a key stands, and adds
//! its own problems, so that all are told at once. It holds what was written, secrets too, so it cannot be shown.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::checks::items_of;
use crate::loading::{Loaded, Origins};
use crate::model::Config;
use crate::problem::{LoadError, Origin, Problem, Problems, Severity};
use crate::read::join;
use crate::report::ShownText;
use crate::tree::{Node, Value};
use crate::values::resolve;

/// A configuration as far as it could be read.
pub struct Examined {
    /// The values; defaults, or nothing, in place of those that could not be read.
    pub config: Config,
    /// Everything that is wrong, in the order of the file, then environment, then flags.
    pub problems: Vec<Problem>,
    pub(crate) origins: Origins,
    pub(crate) written: Written,
    pub(crate) lost: Vec<String>,
    pub(crate) text: Option<ShownText>,
    pub(crate) directory: PathBuf,
    pub(crate) home: Option<String>,
    pub(crate) is_yaml: bool,
}

/// What was written where, by path.
#[derive(Default)]
pub(crate) struct Written {
    texts: BTreeMap<String, String>,
    keys: BTreeMap<String, Origin>,
    below: BTreeMap<String, Vec<String>>,
}

impl Written {
    /// Takes up everything below a node.
    pub(crate) fn collect(&mut self, node: &Node, path: &str) {
        let mut below = Vec::new();
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    let path = join(path, &entry.key);
                    self.keys.insert(path.clone(), entry.origin.clone());
                    self.collect(&entry.node, &path);
                    below.push(path);
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.collect(item, &path);
                    below.push(path);
                }
            }
            Value::Scalar(text) => {
                self.texts.insert(path.to_owned(), text.clone());
            }
            Value::Null => {}
        }
        self.below.insert(path.to_owned(), below);
    }
}

impl Examined {
    /// The text of the single value at a path, if somebody set one.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.written.texts.get(path).map(String::as_str)
    }

    /// The file that the value at a path names, resolved as its writer sees it.
    pub fn file(&self, path: &str) -> Option<PathBuf> {
        let text = self.text(path)?;
        Some(resolve(text, &self.origin(path), &self.directory, self.home.as_deref()))
    }

    /// The paths of the keys or items of a path, in the order written.
    pub fn below(&self, path: &str) -> &[String] {
        self.written.below.get(path).map_or(&[], Vec::as_slice)
    }

    /// The items of a list of [`Examined::config`] with the paths at which they stand, of which those that could not be read are missing.
    pub fn items<'i, T>(&self, path: &str, items: &'i [T]) -> Vec<(String, &'i T)> {
        items_of(path, items, &self.lost)
    }

    /// Where the value at a path, or the closest section around it, was set.
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.nearest(path)
    }

    /// Where the key of a path stands.
    pub fn key_origin(&self, path: &str) -> Origin {
        self.written.keys.get(path).cloned().unwrap_or_else(|| self.origin(path))
    }

    /// The file's text with every secret in it made illegible, byte for byte; empty without a file.
    pub fn shown_text(&self) -> &str {
        self.text.as_ref().map_or("", ShownText::as_str)
    }

    /// The origin of a part of a value, for a value that stands in the file: `span` are bytes of the file. Any other origin stays.
    pub fn part(&self, origin: &Origin, span: Range<usize>) -> Origin {
        let Origin::File { file, .. } = origin else { return origin.clone() };
        let before = self.shown_text().get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Origin::File { file: file.clone(), line, column, span }
    }

    /// Adds problems that somebody else found, each in its place.
    pub fn add(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
        self.problems.sort_by(|left, right| place(&left.origin).cmp(&place(&right.origin)));
    }

    /// Whether the file is YAML: otherwise all of it is missing in [`Examined::config`].
    pub fn is_yaml(&self) -> bool {
        self.is_yaml
    }

    /// Whether anything stops the start.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All problems with the lines they are about, the wrong text underlined, for people; `coloured` for a terminal.
    pub fn render(&self, coloured: bool) -> String {
        self.problems.iter().map(|problem| problem.render(self.text.as_ref(), coloured) + "\n\n").collect()
    }

    /// The configuration, if nothing stops the start.
    ///
    /// # Errors
    /// [`LoadError::CorrectConfiguration`] with every error and warning.
    pub fn finish(self) -> Result<Loaded, LoadError> {
        if self.has_errors() {
            return Err(LoadError::CorrectConfiguration(Problems(self.problems)));
        }
        Ok(Loaded { config: self.config, warnings: self.problems, origins: self.origins })
    }
}

/// Order of messages: as a reader meets the places.
pub(crate) fn place(origin: &Origin) -> (u8, usize, usize, &str) {
    match origin {
        Origin::File { line, column, .. } => (0, *line, *column, ""),
        Origin::Environment(name) => (1, 0, 0, name),
        Origin::Flag(key) => (2, 0, 0, key),
        Origin::Default => (3, 0, 0, ""),
    }
}
