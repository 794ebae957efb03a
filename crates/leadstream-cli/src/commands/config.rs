//! `leadstream config check|show`: what is wrong with the configuration, and what is in force.

use crate::arguments::{ConfigCommand, ConfigurationArguments};
use crate::failure::Failure;
use crate::plans;
use crate::settings::{configuration, configuration_with_place, place_name};
use crate::sources;
use crate::terminal;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show => terminal::print(&configuration(given)?.render_effective()),
        ConfigCommand::Check => check(given),
    }
}

/// Checks the configuration with everything it names: files of schemas, expressions of mappings, plans.
fn check(given: &ConfigurationArguments) -> Result<(), Failure> {
    let (loaded, place) = configuration_with_place(given)?;
    for warning in &loaded.warnings {
        terminal::note(warning);
    }
    sources::compile_all(&loaded.config)?;
    let files = plans::configured_files(&loaded.config)?;
    let report = plans::load(&files, &plans::options(&loaded.config))?;
    let count = loaded.config.sources.len();
    let sources = if count == 1 { "1 source".to_owned() } else { format!("{count} sources") };
    terminal::print(&format!("{}: no errors, {sources}\n{}\n", place_name(place.as_deref()), report.summary()))
}
