//! Finding and loading the configuration: the file that was named, else the one at hand, under the environment and the flags.

use std::path::{Path, PathBuf};

use leadstream_config::{Examined, Layers, Loaded, Origin, Problem, Problems, examine, read_layers};

use crate::arguments::ConfigurationArguments;
use crate::examination::{self, Whole};
use crate::failure::Failure;
use crate::{logging, terminal};

/// Where a configuration is looked for when none is named, in this order.
const PLACES: [&str; 3] = ["leadstream.yaml", "config/leadstream.yaml", "/etc/leadstream/leadstream.yaml"];

/// Loads the configuration for a command that connects to nothing. Without any file the defaults hold, under the environment and the flags.
/// Of the warnings it tells those about variables and flags, which were meant for this command; the others are about a service.
///
/// # Errors
/// Everything that is wrong with what it says, its expressions included, has been told.
pub(crate) fn configuration(given: &ConfigurationArguments) -> Result<Loaded, Failure> {
    loaded(given, false)
}

/// The same for a command that connects: what librdkafka has against its settings is wrong as well, and all warnings are told.
///
/// # Errors
/// As [`configuration`].
pub(crate) fn configuration_to_connect(given: &ConfigurationArguments) -> Result<Loaded, Failure> {
    loaded(given, true)
}

/// The configuration with everything that it names, right or wrong.
///
/// # Errors
/// The file that was named cannot be read.
pub(crate) fn examined_whole(given: &ConfigurationArguments) -> Result<Whole, Failure> {
    let (examined, place) = examined(given)?;
    Ok(Whole::of(examined, place_name(place.as_deref())))
}

/// The configuration for a service: everything that it names must be right. Begins to log, so that what is wrong is told in the form that was asked for.
///
/// # Errors
/// As [`configuration`]; all that is wrong is told at once, also of schemas and plans.
pub(crate) fn configuration_to_run(given: &ConfigurationArguments) -> Result<Loaded, Failure> {
    let (examined, place) = match examined(given) {
        Ok(found) => found,
        Err(unreadable) => {
            // Without the file, variables and flags still say how log lines look.
            logging::begin(&examine(&layers_without_file(given)).config.log)?;
            return Err(unreadable);
        }
    };
    logging::begin(&examined.config.log)?;
    let whole = Whole::of(examined, place_name(place.as_deref()));
    match whole.summary() {
        None if logging::is_json() => examination::log_problems(&whole.examined.problems),
        None => whole.examined.problems.iter().for_each(terminal::note),
        Some(summary) if logging::is_json() => {
            whole.log();
            return Err(Failure::CorrectInput(summary));
        }
        Some(_) => {
            terminal::note(whole.render(terminal::notes_are_coloured()).trim_end());
            whole.conclude()?;
        }
    }
    whole.examined.finish().map_err(|error| Failure::input(error.to_string()))
}

fn loaded(given: &ConfigurationArguments, connects: bool) -> Result<Loaded, Failure> {
    let (mut examined, _) = examined(given)?;
    examination::of_expressions(&mut examined);
    if connects {
        examination::of_settings(&mut examined);
    }
    if examined.has_errors() {
        return Err(refusal(&examined));
    }
    let concerns = |warning: &&Problem| connects || matches!(warning.origin, Origin::Environment(_) | Origin::Flag(_));
    for warning in examined.problems.iter().filter(concerns) {
        terminal::note(warning);
    }
    examined.finish().map_err(|error| Failure::input(error.to_string()))
}

/// Reads the configuration as far as it can be read; also says which file was read.
///
/// # Errors
/// The file that was named cannot be read.
fn examined(given: &ConfigurationArguments) -> Result<(Examined, Option<PathBuf>), Failure> {
    let file = given.config.clone().or_else(|| PLACES.iter().map(PathBuf::from).find(|place| place.is_file()));
    let layers = match &file {
        Some(path) => {
            read_layers(path, environment(), &given.set).map_err(|error| Failure::input(error.to_string()))?
        }
        None => layers_without_file(given),
    };
    Ok((examine(&layers), file))
}

fn layers_without_file(given: &ConfigurationArguments) -> Layers {
    Layers { file: None, environment: environment().collect(), flags: given.set.clone() }
}

/// The variables that are texts.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Everything that is wrong, with the lines it is about.
fn refusal(examined: &Examined) -> Failure {
    terminal::note(examined.render(terminal::notes_are_coloured()).trim_end());
    terminal::note(format!("\n{}", Problems(examined.problems.clone()).summary()));
    Failure::InputTold
}

/// How messages name the place of the configuration.
fn place_name(place: Option<&Path>) -> String {
    place.map_or_else(|| "the defaults".to_owned(), |path| path.display().to_string())
}
