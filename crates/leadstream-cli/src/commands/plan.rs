//! `leadstream plan check`: everything that is wrong with plan files, with the lines it is about.

use leadstream_plan::Style;

use crate::arguments::{ConfigurationArguments, PlanCommand};
use crate::failure::Failure;
use crate::settings::configuration;
use crate::{plans, terminal};

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &PlanCommand) -> Result<(), Failure> {
    let PlanCommand::Check { files, deny_warnings } = command;
    let loaded = configuration(given)?;
    let files =
        if files.is_empty() { plans::configured_files(&loaded.config)? } else { plans::expand(files.iter().cloned())? };
    let report = plans::check(&files, &plans::options(&loaded.config))?;
    let style = if terminal::output_is_coloured() { Style::Coloured } else { Style::Plain };
    terminal::print(&report.render(style))?;
    let refused = report.has_errors() || (*deny_warnings && !report.diagnostics.is_empty());
    if refused { Err(Failure::InputTold) } else { Ok(()) }
}
