//! `leadstream plan check`: everything that is wrong with plan files, with the lines it is about.

use std::path::PathBuf;

use leadstream_config::Config;

use super::{files_of, style};
use crate::failure::Failure;
use crate::{plans, terminal};

/// Runs it.
pub(super) fn run(config: &Config, files: &[PathBuf], deny_warnings: bool) -> Result<(), Failure> {
    let (sources, unreadable) = plans::read_all(&files_of(config, files)?);
    let report = leadstream_plan::check(sources, &plans::options(config));
    if unreadable.is_none() || !report.sources().is_empty() {
        terminal::print(&report.render(style()))?;
    }
    // A file that is not there hides nothing about the others.
    if let Some(failure) = unreadable {
        return Err(failure);
    }
    let refused = report.has_errors() || (deny_warnings && !report.diagnostics.is_empty());
    if refused { Err(Failure::InputTold) } else { Ok(()) }
}
