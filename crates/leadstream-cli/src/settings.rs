//! Finding and loading the configuration: the file that was named, else the one at hand, under the environment and the flags.

use std::path::{Path, PathBuf};

use leadstream_config::{Layers, LoadError, Loaded, load, load_file};

use crate::arguments::ConfigurationArguments;
use crate::failure::Failure;
use crate::terminal;

/// Where a configuration is looked for when none is named, in this order.
const PLACES: [&str; 3] = ["leadstream.yaml", "config/leadstream.yaml", "/etc/leadstream/leadstream.yaml"];

/// Loads the configuration and tells its warnings. Without any file the defaults hold, under the environment and the flags.
pub(crate) fn configuration(given: &ConfigurationArguments) -> Result<Loaded, Failure> {
    let (loaded, _) = configuration_with_place(given)?;
    for warning in &loaded.warnings {
        terminal::note(warning);
    }
    Ok(loaded)
}

/// The same without a word about warnings, and with the file that was read.
pub(crate) fn configuration_with_place(given: &ConfigurationArguments) -> Result<(Loaded, Option<PathBuf>), Failure> {
    let file = given.config.clone().or_else(|| PLACES.iter().map(PathBuf::from).find(|place| place.is_file()));
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let loaded = match &file {
        Some(path) => load_file(path, environment, &given.set),
        None => load(&Layers { file: None, environment: environment.collect(), flags: given.set.clone() }),
    };
    loaded.map(|loaded| (loaded, file)).map_err(|error| refusal(&error))
}

fn refusal(error: &LoadError) -> Failure {
    match error {
        LoadError::ProvideFile { .. } => Failure::input(error.to_string()),
        LoadError::CorrectConfiguration(problems) => Failure::input(problems.to_string()),
    }
}

/// How messages name the place of the configuration.
pub(crate) fn place_name(place: Option<&Path>) -> String {
    place.map_or_else(|| "the defaults".to_owned(), |path| path.display().to_string())
}
