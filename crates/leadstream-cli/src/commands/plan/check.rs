//! `leadstream plan check`: everything that is wrong with plan files, with the lines it is about.

use std::path::PathBuf;

use leadstream_config::Config;

use super::{files_of, style};
use crate::failure::Failure;
use crate::{plans, terminal};

/// Runs it.
pub(super) fn run(config: &Config, files: &[PathBuf], deny_warnings: bool) -> Result<(), Failure> {
    let report = plans::check(&files_of(config, files)?, &plans::options(config))?;
    terminal::print(&report.render(style()))?;
    let refused = report.has_errors() || (deny_warnings && !report.diagnostics.is_empty());
    if refused { Err(Failure::InputTold) } else { Ok(()) }
}
