//! `leadstream plan diff`: what a change of a plan changes.

use std::path::Path;

use leadstream_config::Config;
use leadstream_plan::{Words, check, compare, describe};

use super::style;
use crate::failure::Failure;
use crate::{plans, terminal};

/// Runs it.
pub(super) fn run(config: &Config, old: &Path, new: &Path) -> Result<(), Failure> {
    // Each by itself: both have the same id, and so could not be in force together.
    let (old, new) = (words(config, old)?, words(config, new)?);
    terminal::print(&compare(&old, &new).render())
}

fn words(config: &Config, path: &Path) -> Result<Words, Failure> {
    let (source, options) = (plans::read(path)?, plans::options(config));
    match describe(&source, &options) {
        Some(words) => Ok(words),
        None => {
            terminal::print(&check(vec![source], &options).render(style()))?;
            Err(Failure::InputTold)
        }
    }
}
