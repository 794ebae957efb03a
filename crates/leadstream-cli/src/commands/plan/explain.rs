//! `leadstream plan explain`: plans in words, or what they make of an event or of a contact's history.

use leadstream_config::Config;
use leadstream_plan::describe;

use super::{effect, files_of, style};
use crate::arguments::ExplainArguments;
use crate::failure::Failure;
use crate::{plans, terminal};

/// Runs it.
pub(super) fn run(config: &Config, arguments: &ExplainArguments) -> Result<(), Failure> {
    let options = plans::options(config);
    let report = plans::check(&files_of(config, &arguments.files)?, &options)?;
    if report.has_errors() {
        terminal::print(&report.render(style()))?;
        return Err(Failure::InputTold);
    }
    if arguments.event.is_some() || !arguments.history.is_empty() {
        return effect::run(config, &report, arguments);
    }
    let words = report.sources().iter().filter_map(|source| describe(source, &options));
    let pages: Vec<String> = words.map(|words| words.render()).collect();
    terminal::print(&pages.join("\n"))
}
