//! `leadstream config check|show`: what is wrong with the configuration, and what is in force.

use crate::arguments::{ConfigCommand, ConfigurationArguments};
use crate::failure::Failure;
use crate::settings::{configuration, examined_whole};
use crate::terminal;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show => {
            let loaded = configuration(given)?;
            loaded.warnings.iter().for_each(terminal::note);
            terminal::print(&loaded.render_effective())
        }
        ConfigCommand::Check => check(given),
    }
}

/// Checks the configuration with everything it names: expressions, settings of clients, files of schemas, plans. All that is wrong is told at once.
fn check(given: &ConfigurationArguments) -> Result<(), Failure> {
    let whole = examined_whole(given)?;
    let told = whole.render(terminal::notes_are_coloured());
    if !told.is_empty() {
        terminal::note(told.trim_end());
    }
    whole.conclude()?;
    let sources = match whole.examined.config.sources.len() {
        1 => "1 source".to_owned(),
        count => format!("{count} sources"),
    };
    terminal::print(&format!("{}: no errors, {sources}\n{}\n", whole.place, whole.plans.summary()))
}
