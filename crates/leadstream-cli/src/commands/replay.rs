//! `leadstream replay`: folds files with no broker, or what a service reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use leadstream_core::plan::PlanSet;

use crate::arguments::{ConfigurationArguments, ReplayArguments};
use crate::event_files::{refuse_unread, threads};
use crate::failure::Failure;
use crate::files::{Output, is_csv, is_standard, keep_apart};
use crate::interrupt::Interrupt;
use crate::replay::{self, Options, Summary, write_dead_letters, write_derived, write_scorecards};
use crate::settings::configuration;
use crate::{event_files, plans, terminal};

/// Runs it.
#[expect(clippy::disallowed_methods, reason = "a person wants to know how long it took")]
pub(crate) fn run(given: &ConfigurationArguments, arguments: &ReplayArguments) -> Result<(), Failure> {
    let began = Instant::now();
    let interrupt = Interrupt::listen()?;
    let config = configuration(given)?.config;
    let plan_files = if arguments.plans.is_empty() {
        plans::configured_files(&config)?
    } else {
        plans::expand(arguments.plans.iter().cloned())?
    };
    let events = &arguments.events;
    let read = events.files.iter().chain(&events.contacts).chain(&plan_files).chain(&given.config);
    let mut outputs = Outputs::create(arguments, &read.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let report = plans::load(&plan_files, &plans::options(&config))?;
    for warning in &report.diagnostics {
        terminal::note(format!("{}:{}:{}: warning: {}", warning.file, warning.line, warning.column, warning.message));
    }
    let set = Arc::new(PlanSet::new(report.plans));
    let options = Options {
        events: event_files::events(given, events, &config)?,
        plans: Arc::clone(&set),
        history: plans::history(&config),
        until: events.until,
        threads: threads(events),
        keep_dead_letters: outputs.dead_letters.is_some(),
        title: "",
    };
    let outcome = replay::fold(&options, &interrupt)?;
    if let Some(output) = &mut outputs.derived {
        write_derived(&outcome, &format!("/leadstream/{}", config.application.id), output)?;
    }
    if let Some(output) = &mut outputs.scorecards {
        write_scorecards(&outcome, arguments.scorecards.as_deref().is_some_and(is_csv), output)?;
    }
    if let Some(output) = &mut outputs.dead_letters {
        write_dead_letters(&outcome.tally.dead_records, output)?;
    }
    outputs.finish()?;
    let summary = Summary { outcome: &outcome, plans: &set, asked: events.until, elapsed: began.elapsed() }.render();
    // Results on standard output are for programs; the summary must not stand among them.
    if arguments.uses_standard_output() {
        terminal::note(summary.trim_end());
    } else {
        terminal::print(&summary)?;
    }
    refuse_unread(&outcome.tally)
}

impl ReplayArguments {
    fn outputs(&self) -> [&Option<PathBuf>; 3] {
        [&self.derived, &self.scorecards, &self.dead_letters]
    }

    fn uses_standard_output(&self) -> bool {
        self.outputs().into_iter().flatten().any(|path| is_standard(path))
    }
}

/// The files that are written, begun before the work so that nobody waits for a message about a folder.
#[derive(Default)]
struct Outputs {
    derived: Option<Output>,
    scorecards: Option<Output>,
    dead_letters: Option<Output>,
}

impl Outputs {
    /// Begins the files. None of them may be one that is `read`.
    fn create(arguments: &ReplayArguments, read: &[&Path]) -> Result<Outputs, Failure> {
        let paths: Vec<&Path> = arguments.outputs().into_iter().flatten().map(PathBuf::as_path).collect();
        keep_apart(&paths, read)?;
        let create = |path: &Option<PathBuf>| path.as_deref().map(Output::create).transpose();
        Ok(Outputs {
            derived: create(&arguments.derived)?,
            scorecards: create(&arguments.scorecards)?,
            dead_letters: create(&arguments.dead_letters)?,
        })
    }

    fn finish(self) -> Result<(), Failure> {
        for output in [self.derived, self.scorecards, self.dead_letters].into_iter().flatten() {
            output.finish()?;
        }
        Ok(())
    }
}
