//! `leadstream plan test`: the tests that stand in plan files, a line for each, and for one that fails everything that is needed to see why.
//!
//! Standard output has the results alone. Files with mistakes are told as `plan check` tells them, and none of their tests runs.

use std::path::PathBuf;

use leadstream_config::Config;

use super::{files_of, style};
use crate::failure::Failure;
use crate::{plans, terminal};

/// Runs it.
pub(super) fn run(config: &Config, files: &[PathBuf]) -> Result<(), Failure> {
    let report = plans::check(&files_of(config, files)?, &plans::options(config))?;
    let style = style();
    if report.has_errors() {
        terminal::print(&report.render(style))?;
        return Err(Failure::InputTold);
    }
    let history = plans::history(config);
    let (mut passed, mut failed) = (0, 0);
    // Without errors each file has its plan, in the same order.
    for ((source, plan), tests) in report.sources().iter().zip(&report.plans).zip(&report.tests) {
        terminal::print(&format!("{}  plan {}\n", source.name, plan.id))?;
        if tests.is_empty() {
            terminal::print("  no tests\n")?;
        }
        for example in tests {
            let trial = example.run(plan, history);
            *(if trial.passed() { &mut passed } else { &mut failed }) += 1;
            terminal::print(&trial.render(example, &source.name, style))?;
        }
    }
    let count: u64 = passed + failed;
    if count == 0 {
        return Err(Failure::NotDone("nothing was tested: no plan has a `tests` section".to_owned()));
    }
    let tests = if count == 1 { "test" } else { "tests" };
    terminal::print(&format!("\n{count} {tests}: {passed} passed, {failed} failed\n"))?;
    if failed > 0 { Err(Failure::Told) } else { Ok(()) }
}
