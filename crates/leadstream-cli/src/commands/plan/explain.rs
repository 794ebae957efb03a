//! `leadstream plan explain`: plans in words.

use std::path::PathBuf;

use leadstream_config::Config;
use leadstream_plan::describe;

use super::{files_of, style};
use crate::failure::Failure;
use crate::{plans, terminal};

/// Runs it.
pub(super) fn run(config: &Config, files: &[PathBuf]) -> Result<(), Failure> {
    let options = plans::options(config);
    let report = plans::check(&files_of(config, files)?, &options)?;
    if report.has_errors() {
        terminal::print(&report.render(style()))?;
        return Err(Failure::InputTold);
    }
    let words = report.sources().iter().filter_map(|source| describe(source, &options));
    let pages: Vec<String> = words.map(|words| words.render()).collect();
    terminal::print(&pages.join("\n"))
}
