//! `leadstream replay`: folds files with no broker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use leadstream_config::{Config, Source};
use leadstream_core::plan::PlanSet;
use leadstream_wire::{Encoding, Shape, SourceFormat};

use crate::arguments::{ConfigurationArguments, ReplayArguments, ReplayFormat};
use crate::failure::Failure;
use crate::files::{Output, is_standard};
use crate::interrupt::Interrupt;
use crate::replay::{self, Input, Options, Summary, write_dead_letters, write_derived, write_scorecards};
use crate::settings::configuration;
use crate::{plans, sources, terminal};

/// The name of a source that no configuration names.
const UNNAMED_SOURCE: &str = "replay";

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
    let read = arguments.files.iter().chain(&arguments.contacts).chain(&plan_files).chain(&given.config);
    let mut outputs = Outputs::create(arguments, &read.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let report = plans::load(&plan_files, &plans::options(&config))?;
    for warning in &report.diagnostics {
        terminal::note(format!("{}:{}:{}: warning: {}", warning.file, warning.line, warning.column, warning.message));
    }
    let set = Arc::new(PlanSet::new(report.plans));
    let options = Options {
        inputs: inputs(arguments, &config)?,
        plans: Arc::clone(&set),
        history: plans::history(&config),
        until: arguments.until,
        threads: threads(arguments),
        keep_dead_letters: outputs.dead_letters.is_some(),
    };
    let outcome = replay::fold(&options, &interrupt)?;
    if let Some(output) = &mut outputs.derived {
        write_derived(&outcome, &format!("/leadstream/{}", config.application.id), output)?;
    }
    if let Some(output) = &mut outputs.scorecards {
        let as_csv =
            arguments.scorecards.as_deref().is_some_and(|path| path.extension().is_some_and(|ending| ending == "csv"));
        write_scorecards(&outcome, as_csv, output)?;
    }
    if let Some(output) = &mut outputs.dead_letters {
        write_dead_letters(&outcome.tally.dead_records, output)?;
    }
    outputs.finish()?;
    let summary = Summary { outcome: &outcome, plans: &set, asked: arguments.until, elapsed: began.elapsed() }.render();
    // Results on standard output are for programs; the summary must not stand among them.
    if arguments.uses_standard_output() {
        terminal::note(summary.trim_end());
    } else {
        terminal::print(&summary)?;
    }
    match outcome.tally.nothing_but_dead() {
        Some(first) => Err(Failure::NotDone(format!(
            "no record could be read; the first is {first}\nare the files in the format of the source? --source NAME or --format names another"
        ))),
        None => Ok(()),
    }
}

impl ReplayArguments {
    fn outputs(&self) -> [&Option<PathBuf>; 3] {
        [&self.derived, &self.scorecards, &self.dead_letters]
    }

    fn uses_standard_output(&self) -> bool {
        self.outputs().into_iter().flatten().any(|path| is_standard(path))
    }
}

fn threads(arguments: &ReplayArguments) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    arguments.threads.map_or_else(cores, usize::from).min(256)
}

/// Where a path leads, so that two spellings of one file are one: by its folder where the file is not there yet.
fn resolved(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// The files that are written, begun before the work so that nobody waits for a message about a folder.
#[derive(Default)]
struct Outputs {
    derived: Option<Output>,
    scorecards: Option<Output>,
    dead_letters: Option<Output>,
}

impl Outputs {
    /// Begins the files. None of them may be one that is `read`: it would be empty before it is.
    fn create(arguments: &ReplayArguments, read: &[&Path]) -> Result<Outputs, Failure> {
        let paths: Vec<&Path> = arguments.outputs().into_iter().flatten().map(PathBuf::as_path).collect();
        let read: Vec<PathBuf> = read.iter().filter(|path| !is_standard(path)).map(|path| resolved(path)).collect();
        let mut written: Vec<PathBuf> = Vec::new();
        for path in &paths {
            let place = resolved(path);
            if written.contains(&place) {
                return Err(Failure::input(format!("two results cannot go to {}", path.display())));
            }
            if read.contains(&place) {
                return Err(Failure::input(format!("{} is read, results cannot go there", path.display())));
            }
            written.push(place);
        }
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

fn inputs(arguments: &ReplayArguments, config: &Config) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    if !arguments.contacts.is_empty() {
        let format = Arc::new(sources::contacts_format(config)?);
        inputs.extend(arguments.contacts.iter().map(|path| Input { path: path.clone(), format: Arc::clone(&format) }));
    }
    let format = Arc::new(event_format(arguments, config)?);
    inputs.extend(arguments.files.iter().map(|path| Input { path: path.clone(), format: Arc::clone(&format) }));
    for input in &inputs {
        if !is_standard(&input.path) {
            // A misspelt name shall not be found after an hour.
            std::fs::metadata(&input.path).map_err(|error| Failure::file("read", &input.path, &error))?;
        }
    }
    Ok(inputs)
}

/// The format of the files of events: that of a configured source, or one named by itself.
fn event_format(arguments: &ReplayArguments, config: &Config) -> Result<SourceFormat, Failure> {
    if let Some(format) = arguments.format {
        let shape = match format {
            ReplayFormat::Segment => Shape::Segment,
            ReplayFormat::LeadstreamJson => Shape::Interactions(Encoding::Json),
            // The schema is the file's own.
            ReplayFormat::LeadstreamAvro => Shape::Interactions(Encoding::Avro(String::new())),
        };
        return Ok(SourceFormat::new(UNNAMED_SOURCE, shape));
    }
    let named = |source: &&Source| {
        arguments.source.as_deref().is_none_or(|name| name == source.name() || name == source.topic.as_str())
    };
    match (config.sources.iter().find(named), &arguments.source) {
        (Some(source), _) => sources::format_of(source, config),
        (None, None) => Ok(SourceFormat::new(UNNAMED_SOURCE, Shape::Segment)),
        (None, Some(name)) => {
            let known: Vec<&str> = config.sources.iter().map(Source::name).collect();
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
            Err(Failure::input(format!("the configuration has no source {name}; {known}")))
        }
    }
}
