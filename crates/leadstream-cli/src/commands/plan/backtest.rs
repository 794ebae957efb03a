//! `leadstream plan backtest`: whom a change of plans would have qualified, on events of the past.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use leadstream_config::Config;
use leadstream_core::plan::PlanSet;
use leadstream_plan::{Source, Style, check, compile};

use crate::arguments::{BacktestArguments, ConfigurationArguments};
use crate::backtest::{self, Labels, Report};
use crate::event_files::{refuse_unread, threads};
use crate::failure::Failure;
use crate::files::{Output, is_csv, is_standard, keep_apart};
use crate::interrupt::Interrupt;
use crate::replay::Options;
use crate::{event_files, plans, terminal};

/// Runs it.
#[expect(clippy::disallowed_methods, reason = "a person wants to know how long it took")]
pub(super) fn run(
    given: &ConfigurationArguments,
    config: &Config,
    arguments: &BacktestArguments,
) -> Result<(), Failure> {
    let began = Instant::now();
    let interrupt = Interrupt::listen()?;
    if arguments.events.files.iter().chain(&arguments.events.contacts).any(|path| is_standard(path)) {
        return Err(Failure::input("the events are read twice, so they must lie in files, not in standard input"));
    }
    let old_files = if arguments.old.is_empty() {
        plans::configured_files(config)?
    } else {
        plans::expand(arguments.old.iter().cloned())?
    };
    let new_files = plans::expand(arguments.new.iter().cloned())?;
    let events = &arguments.events;
    let read = events.files.iter().chain(&events.contacts).chain(&old_files).chain(&new_files).chain(&arguments.labels);
    let read: Vec<&Path> = read.map(PathBuf::as_path).chain(given.config.as_deref()).collect();
    let changes: Vec<&Path> = arguments.changes.iter().map(PathBuf::as_path).collect();
    keep_apart(&changes, &read)?;
    let mut output = arguments.changes.as_deref().map(Output::create).transpose()?;
    let labels = arguments.labels.as_deref().map(Labels::read).transpose()?;
    let (old, new) = plan_sets(config, &old_files, &new_files)?;
    let options = Options {
        events: event_files::events(given, events, config)?,
        plans: Arc::clone(&old),
        history: plans::history(config),
        until: events.until,
        threads: threads(events),
        keep_dead_letters: false,
        title: "",
    };
    let (old, new) = backtest::run((old, new), &options, labels.as_ref(), &interrupt)?;
    refuse_unread(&new.tally)?;
    let comparisons = backtest::compare(&old, &new, labels.as_ref());
    if let Some(output) = &mut output {
        backtest::write_changes(&comparisons, arguments.changes.as_deref().is_some_and(is_csv), output)?;
    }
    output.map(Output::finish).transpose()?;
    let report =
        Report { new: &new, comparisons: &comparisons, labels: labels.as_ref(), elapsed: began.elapsed() }.render();
    // Results on standard output are for programs; the report must not stand among them.
    if arguments.changes.as_deref().is_some_and(is_standard) {
        terminal::note(report.trim_end());
        return Ok(());
    }
    terminal::print(&report)
}

/// Whom plans would have qualified that were not in force, on what the service has read: the report.
#[expect(clippy::disallowed_methods, reason = "a person wants to know how long it took")]
pub(super) fn forecast(
    given: &ConfigurationArguments,
    config: &Config,
    (old, new): (Arc<PlanSet>, Arc<PlanSet>),
) -> Result<String, Failure> {
    let began = Instant::now();
    let interrupt = Interrupt::listen()?;
    let options = Options {
        events: event_files::topics(given)?,
        plans: Arc::clone(&old),
        history: plans::history(config),
        until: None,
        threads: event_files::all_cores(),
        keep_dead_letters: false,
        title: "",
    };
    let (old, new) = backtest::run((old, new), &options, None, &interrupt)?;
    let comparisons = backtest::compare(&old, &new, None);
    Ok(Report { new: &new, comparisons: &comparisons, labels: None, elapsed: began.elapsed() }.render())
}

/// The plans as they are, and with the new ones in the places of those with their ids.
fn plan_sets(config: &Config, old: &[PathBuf], new: &[PathBuf]) -> Result<(Arc<PlanSet>, Arc<PlanSet>), Failure> {
    let options = plans::options(config);
    let set = |sources: Vec<Source>| {
        let report = check(sources, &options);
        if report.has_errors() {
            return Err(Failure::CorrectInput(report.render(Style::Plain)));
        }
        Ok(report)
    };
    let (old_sources, unreadable) = plans::read_all(old);
    let (new_sources, also_unreadable) = plans::read_all(new);
    if let Some(failure) = unreadable.or(also_unreadable) {
        return Err(failure);
    }
    let old = set(old_sources)?;
    let replaced: BTreeSet<String> = new_sources
        .iter()
        .filter_map(|source| Some(compile(&source.name, &source.text, &options).id?.0.to_string()))
        .collect();
    // Without errors each file has its plan, in the same order.
    let kept = old.sources().iter().zip(&old.plans).filter(|(_, plan)| !replaced.contains(plan.id.as_str()));
    let sources = kept.map(|(source, _)| source.clone()).chain(new_sources).collect();
    let new = set(sources)?;
    Ok((Arc::new(PlanSet::new(old.plans)), Arc::new(PlanSet::new(new.plans))))
}
