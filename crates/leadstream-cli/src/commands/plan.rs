//! `leadstream plan ...`: what the author of a plan asks of it. Each command is a file of its own.

mod backtest;
mod check;
mod diff;
mod effect;
mod explain;
mod live;
mod test;

use std::path::PathBuf;

use leadstream_plan::Style;

use crate::arguments::{ConfigurationArguments, PlanCommand};
use crate::failure::Failure;
use crate::settings::{configuration, configuration_to_connect};
use crate::{plans, terminal};

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &PlanCommand) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    match command {
        PlanCommand::Check { files, deny_warnings, seen } => check::run(given, &config, files, *deny_warnings, seen),
        PlanCommand::Explain(arguments) => explain::run(&config, arguments),
        PlanCommand::Diff { old, new } => diff::run(&config, old, new),
        PlanCommand::Backtest(arguments) => backtest::run(given, &config, arguments),
        PlanCommand::Publish { files } => live::publish(&to_connect(given)?, files),
        PlanCommand::Activate(arguments) => live::activate(given, &to_connect(given)?, arguments),
        PlanCommand::Rollback { to, counting, asking } => {
            live::rollback(given, &to_connect(given)?, *to, (*counting, *asking))
        }
        PlanCommand::History => live::history(&to_connect(given)?),
        PlanCommand::Test { files } => test::run(&config, files),
    }
}

fn to_connect(given: &ConfigurationArguments) -> Result<leadstream_config::Config, Failure> {
    Ok(configuration_to_connect(given)?.config)
}

/// The files that were named, or those of the configuration.
fn files_of(config: &leadstream_config::Config, files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if files.is_empty() { plans::configured_files(config) } else { plans::expand(files.iter().cloned()) }
}

/// How results are shown where standard output goes.
fn style() -> Style {
    if terminal::output_is_coloured() { Style::Coloured } else { Style::Plain }
}
