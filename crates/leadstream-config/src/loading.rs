//! Loads a configuration: file, then environment, then flags, then all checks, then one answer with everything that is wrong.
//!
//! Reads the configuration file and the files that secrets refer to, and nothing else; the environment is handed in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::checks::check;
use crate::examined::{Examined, Written};
use crate::layers::{apply_environment, apply_flags};
use crate::model::Config;
use crate::problem::{LoadError, Origin, Problem};
use crate::read::{Read, Reading, join};
use crate::report::ShownText;
use crate::tree::{Node, Value, parse};
use crate::values::{FilePath, resolve_path};

/// A configuration file that has been read. It may hold secrets in plain text, so it cannot be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct YamlFile {
    /// How messages name it.
    pub name: String,
    /// The folder its relative paths start from.
    pub directory: PathBuf,
    /// Its content.
    pub text: String,
}

/// Everything that has a say, weakest first. It may hold secrets in plain text, so it cannot be shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Layers {
    /// The file, if there is one.
    pub file: Option<YamlFile>,
    /// The process environment.
    pub environment: BTreeMap<String, String>,
    /// Flags `key=value`.
    pub flags: Vec<String>,
}

/// A configuration that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
    /// Where each value that somebody set came from.
    pub(crate) origins: Origins,
}

/// The origin of each path that somebody set.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where exactly this path was set, if it was.
    pub(crate) fn get(&self, path: &str) -> Option<&Origin> {
        self.0.get(path)
    }

    /// Where this path, or the closest section around it, was set.
    pub(crate) fn nearest(&self, path: &str) -> Origin {
        let mut path = path;
        loop {
            match (self.0.get(path), path.rfind(['.', '['])) {
                (Some(origin), _) => return origin.clone(),
                (None, Some(end)) => path = &path[..end],
                (None, None) => return Origin::Default,
            }
        }
    }

    fn collect(&mut self, node: &Node, path: &str) {
        if !path.is_empty() && !matches!(node.value, Value::Null) {
            self.0.insert(path.to_owned(), node.origin.clone());
        }
        match &node.value {
            Value::Mapping(entries) => {
                entries.iter().for_each(|entry| self.collect(&entry.node, &join(path, &entry.key)));
            }
            Value::Sequence(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.collect(item, &format!("{path}[{index}]")));
            }
            Value::Null | Value::Scalar(_) => {}
        }
    }
}

/// Loads a file with the environment and the flags over it.
///
/// # Errors
/// [`LoadError::ProvideFile`] where it cannot be read, [`LoadError::CorrectConfiguration`] with everything that is wrong.
pub fn load_file(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[String],
) -> Result<Loaded, LoadError> {
    load(&read_layers(path, environment, flags)?)
}

/// The layers with the file read.
///
/// # Errors
/// [`LoadError::ProvideFile`] where it cannot be read.
pub fn read_layers(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[String],
) -> Result<Layers, LoadError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| LoadError::ProvideFile { path: path.to_owned(), source })?;
    let directory = path.parent().map(Path::to_owned).unwrap_or_default();
    let file = YamlFile { name: path.display().to_string(), directory, text };
    Ok(Layers { file: Some(file), environment: environment.into_iter().collect(), flags: flags.to_vec() })
}

/// Loads a configuration from its layers.
///
/// # Errors
/// [`LoadError::CorrectConfiguration`] with every error and warning of every layer.
pub fn load(layers: &Layers) -> Result<Loaded, LoadError> {
    examine(layers).finish()
}

/// Reads a configuration from its layers as far as it can be read, with everything that is wrong.
pub fn examine(layers: &Layers) -> Examined {
    let mut problems = Vec::new();
    let (mut tree, directory) = match &layers.file {
        Some(file) => (parse(&file.text, &file.name, &mut problems), file.directory.as_path()),
        None => (Node::empty(), Path::new("")),
    };
    // Only a text that is no YAML has no tree at all although something was said about it.
    let is_yaml = problems.is_empty() || !matches!(tree.origin, Origin::Default);
    let text = layers.file.as_ref().map(|file| ShownText::new(&file.text, &tree, is_yaml));
    apply_environment(&mut tree, &layers.environment, &mut problems);
    apply_flags(&mut tree, &layers.flags, &mut problems);

    let mut reading = Reading {
        problems: &mut problems,
        file_directory: directory,
        environment: &layers.environment,
        lost: Vec::new(),
    };
    let mut config = Config::read(&tree, "", &mut reading).unwrap_or_default();
    let (mut origins, mut written) = (Origins::default(), Written::default());
    origins.collect(&tree, "");
    written.collect(&tree, "");
    resolve_default_paths(&mut config, &origins, &reading);
    let lost = reading.lost;
    // Of a text that could not be read, nothing is known that a check could say.
    if is_yaml {
        check(&config, &origins, &lost, &mut problems);
    }

    let (directory, home) = (directory.to_owned(), layers.environment.get("HOME").cloned());
    let mut examined =
        Examined { config, problems: Vec::new(), origins, written, lost, text, directory, home, is_yaml };
    examined.add(problems);
    examined
}

/// Default paths are written as a file would write them, so they resolve as the file's.
fn resolve_default_paths(config: &mut Config, origins: &Origins, reading: &Reading<'_>) {
    let file = Origin::File { file: String::new(), line: 0, column: 0, span: 0..0 };
    let resolve = |path: &FilePath| FilePath::new(resolve_path(&path.to_string(), &file, reading));
    if origins.get("plans").is_none() {
        config.plans = config.plans.iter().map(resolve).collect();
    }
    if origins.get("storage.directory").is_none() {
        config.storage.directory = resolve(&config.storage.directory);
    }
}
