//! `leadstream plan publish|activate|rollback|history`: plans in force, through the topic that every instance follows.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use leadstream_config::Config;
use leadstream_core::Timestamp;
use leadstream_runtime::Registration;
use leadstream_wire::stored::plans::{Coming, PlanFile, PlanSetRecord};

use super::backtest::forecast;
use crate::arguments::{ActivateArguments, Asking, ConfigurationArguments, Counting};
use crate::failure::Failure;
use crate::publication::{PlanFiles, Publication, by_plan};
use crate::{plans, terminal};

const RECOMPUTES: &str = "the past counts anew: what contacts did inside the horizon scores under these plans, as if they had always been in force\n";

/// Digits of a version that are shown, and at least asked for.
const SHORT: usize = 12;
const PREFIX_MIN: usize = 4;

/// Keeps versions without putting them in force.
pub(super) fn publish(config: &Config, files: &[PathBuf]) -> Result<(), Failure> {
    let files = plans::expand(files.iter().cloned())?;
    let mut publication = Publication::open(config)?;
    let new = publication.read(read_all(&files)?)?;
    let mut together = publication.in_force()?;
    together.extend(new.clone());
    publication.check(&together)?;
    publication.publish(&new)?;
    for (id, file) in &new {
        let short = short(file);
        terminal::print(&format!(
            "published {id}@{short}; `leadstream plan activate {id}@{short}` puts it in force\n"
        ))?;
    }
    Ok(())
}

/// Puts plans in force.
pub(super) fn activate(
    given: &ConfigurationArguments,
    config: &Config,
    arguments: &ActivateArguments,
) -> Result<(), Failure> {
    let mut publication = Publication::open(config)?;
    let mut next = publication.in_force()?;
    let (named, files): (Vec<&String>, Vec<&String>) =
        arguments.plans.iter().partition(|plan| plan.contains('@') && !Path::new(plan).exists());
    let paths = plans::expand(files.into_iter().map(PathBuf::from))?;
    let mut new = publication.read(read_all(&paths)?)?;
    for name in named {
        let file = published(&publication, name)?;
        if new.insert(file.id.clone(), file).is_some() {
            return Err(Failure::input(format!("{name} and another of these are the same plan")));
        }
    }
    for id in &arguments.retire {
        if new.contains_key(id) {
            return Err(Failure::input(format!("the plan {id} cannot come into force and be retired at once")));
        }
        if next.remove(id).is_none() {
            let known: Vec<&str> = next.keys().map(String::as_str).collect();
            return Err(Failure::input(format!("the plan {id} is not in force; these are: {}", known.join(", "))));
        }
    }
    next.extend(new);
    change(given, config, &mut publication, &next, (arguments.counting, arguments.asking))
}

/// Puts plans of before in force again.
pub(super) fn rollback(
    given: &ConfigurationArguments,
    config: &Config,
    to: Option<u64>,
    how: (Counting, Asking),
) -> Result<(), Failure> {
    let mut publication = Publication::open(config)?;
    let ordinal = publication.ordinal();
    let wanted = to.unwrap_or(ordinal.saturating_sub(1));
    let found = publication.topic.sets().find(|(set, _)| set.ordinal == wanted).map(|(set, _)| set.clone());
    let Some(set) = found.filter(|set| set.ordinal != ordinal) else {
        return Err(Failure::input(match (ordinal, to) {
            (0, _) => "no plans were ever in force".to_owned(),
            (_, None) => format!("plan set {ordinal} is the first one: there is none before it"),
            (_, Some(to)) if to == ordinal => format!("plan set {to} is the one in force"),
            (_, Some(to)) => format!("there is no plan set {to}: `leadstream plan history` shows which there are"),
        }));
    };
    let files = publication.topic.files_of(&set).map_err(|error| Failure::NotDone(error.to_string()))?;
    let files = by_plan(files);
    change(given, config, &mut publication, &files, how)
}

/// Puts plans in force, once whoever asked has seen what changes.
fn change(
    given: &ConfigurationArguments,
    config: &Config,
    publication: &mut Publication,
    next: &PlanFiles,
    (counting, asking): (Counting, Asking),
) -> Result<(), Failure> {
    publication.check(next)?;
    let changes = publication.changes(next)?;
    if changes.is_empty() && !counting.recompute {
        let ordinal = publication.ordinal();
        return terminal::print(&format!("these plans are in force already (plan set {ordinal})\n"));
    }
    let past = if counting.recompute { vec![RECOMPUTES.to_owned()] } else { Vec::new() };
    terminal::print(&changes.into_iter().chain(past).collect::<Vec<_>>().join("\n"))?;
    if asking.dry_run {
        if counting.recompute {
            let (now, then) = (publication.compiled(&publication.in_force()?)?, publication.compiled(next)?);
            terminal::print(&format!("\n{}", forecast(given, config, (now, then))?))?;
        }
        return terminal::print("\nnothing was changed\n");
    }
    publication.activate(next, counting.coming(), asking.yes)
}

/// Shows what is in force, was, and could be.
pub(super) fn history(config: &Config) -> Result<(), Failure> {
    let publication = Publication::open(config)?;
    let mut text = String::new();
    let ordinal = publication.ordinal();
    for (set, registration) in publication.topic.sets().rev() {
        // Writing to a text cannot fail.
        let _ = told_set(&mut text, set, registration, set.ordinal == ordinal);
    }
    if ordinal == 0 {
        text.push_str("no plans were ever in force\n");
    }
    let used: BTreeSet<String> =
        publication.topic.sets().flat_map(|(set, _)| &set.plans).map(|plan| plan.version.to_string()).collect();
    let unused: PlanFiles = publication
        .topic
        .files()
        .filter(|file| !used.contains(&file.version().to_string()))
        .map(|file| (format!("{}@{}", file.id, short(file)), file.clone()))
        .collect();
    if !unused.is_empty() {
        text.push_str("published, never in force\n");
        for (name, file) in &unused {
            let _ = writeln!(text, "  {name}  {}", file.file);
        }
    }
    terminal::print(&text)
}

fn told_set(text: &mut String, set: &PlanSetRecord, registration: &Registration, is_newest: bool) -> std::fmt::Result {
    write!(text, "plan set {}", set.ordinal)?;
    if let Some(at) = registration.registered_ms {
        write!(text, ", since {}", Timestamp::from_millis(at))?;
    }
    if let Some(instance) = &registration.instance {
        let how = if registration.by_command { "by a command on" } else { "by the start of" };
        write!(text, ", {how} {instance}")?;
    }
    let past = match set.coming {
        Coming::Forward => "",
        Coming::Recompute { silent: true } => ", the past counting anew in silence",
        Coming::Recompute { silent: false } => ", the past counting anew",
    };
    writeln!(text, "{past}{}", if is_newest { ", in force" } else { "" })?;
    for plan in &set.plans {
        writeln!(text, "  {}@{}", plan.id, &plan.version.to_string()[..SHORT])?;
    }
    Ok(())
}

fn read_all(files: &[PathBuf]) -> Result<Vec<leadstream_plan::Source>, Failure> {
    let (sources, unreadable) = plans::read_all(files);
    unreadable.map_or(Ok(sources), Err)
}

fn short(file: &PlanFile) -> String {
    file.version().to_string()[..SHORT].to_owned()
}

/// The published version that PLAN@VERSION names.
fn published(publication: &Publication, name: &str) -> Result<PlanFile, Failure> {
    let (id, version) = name.split_once('@').unwrap_or((name, ""));
    let of_plan: Vec<&PlanFile> = publication.topic.files().filter(|file| file.id == id).collect();
    let mut found: Vec<&&PlanFile> =
        of_plan.iter().filter(|file| file.version().to_string().starts_with(version)).collect();
    if version.len() < PREFIX_MIN {
        return Err(Failure::input(format!("{name} names no version: give at least {PREFIX_MIN} of its digits")));
    }
    match (found.pop(), found.len()) {
        (Some(file), 0) => Ok((*file).clone()),
        (Some(_), _) => Err(Failure::input(format!("{name} names several versions: give more of its digits"))),
        (None, _) if of_plan.is_empty() => {
            Err(Failure::input(format!("no version of a plan {id} is published, and there is no file {name}")))
        }
        (None, _) => {
            let known: Vec<String> = of_plan.iter().map(|file| format!("{id}@{}", short(file))).collect();
            Err(Failure::input(format!("{name} is not published; there are {}", known.join(", "))))
        }
    }
}
