//! Plans in force as commands see and change them: through the topic of plans, which every instance follows.
//!
//! Nothing comes into force here that does not compile together with all that stays in force. What a set was registered with, the horizon and the
//! declared event types, goes on: the configuration of whoever types the command may be another.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadstream_config::Config;
use leadstream_core::plan::PlanSet;
use leadstream_kafka::KafkaLog;
use leadstream_plan::{Options, Source, Style, check, compare, describe};
use leadstream_runtime::log::LogError;
use leadstream_runtime::{PlansError, PlansTopic, Registrant};
use leadstream_wire::stored::plans::{Coming, PlanFile};

use crate::commands::topics::{existing, patiently};
use crate::connection::connect;
use crate::failure::Failure;
use crate::{plans, terminal};

/// Plan files by the ids of their plans.
pub(crate) type PlanFiles = BTreeMap<String, PlanFile>;

/// The topic of plans, read to its end.
pub(crate) struct Publication {
    log: Arc<KafkaLog>,
    /// What it holds.
    pub(crate) topic: PlansTopic<KafkaLog>,
    options: Options,
    instance: String,
}

impl Publication {
    /// Reads the topic.
    ///
    /// # Errors
    /// A cluster that does not answer, a topic that is not there or damaged.
    pub(crate) fn open(config: &Config) -> Result<Publication, Failure> {
        let log = Arc::new(connect(config)?);
        let name = config.topic_names().plans.to_string();
        // Found out first, so that a cluster that is away is told as such.
        existing(&log, &name)?;
        let registrar = format!("{}-plans", config.application.id);
        let mut topic = patiently(&log, || log_error(PlansTopic::open(Arc::clone(&log), &name, &registrar)))?;
        patiently(&log, || log_error(topic.read_to_end()))?;
        let options = match topic.newest() {
            Some(set) => Options { horizon: set.horizon, event_types: set.event_types.clone(), seen_event_types: None },
            None => plans::options(config),
        };
        Ok(Publication { log, topic, options, instance: config.application.instance.to_string() })
    }

    /// The number of the set in force, 0 where there is none.
    pub(crate) fn ordinal(&self) -> u64 {
        self.topic.newest().map_or(0, |set| set.ordinal)
    }

    /// The plans in force.
    ///
    /// # Errors
    /// A version that the topic lost.
    pub(crate) fn in_force(&self) -> Result<PlanFiles, Failure> {
        let Some(set) = self.topic.newest() else { return Ok(PlanFiles::new()) };
        let files = self.topic.files_of(set).map_err(|error| Failure::NotDone(error.to_string()))?;
        Ok(by_plan(files))
    }

    /// Plan files as the topic keeps them, by the ids that are written in them.
    ///
    /// # Errors
    /// What is wrong with a text by itself, and two of one plan.
    pub(crate) fn read(&self, sources: Vec<Source>) -> Result<PlanFiles, Failure> {
        let mut files = PlanFiles::new();
        for Source { name, text } in sources {
            let compiled = leadstream_plan::compile(&name, &text, &self.options);
            let Some((id, _)) = compiled.id else {
                return Err(Failure::CorrectInput(
                    check(vec![Source { name, text }], &self.options).render(Style::Plain),
                ));
            };
            let id = id.to_string();
            let file = PlanFile { id: id.clone(), file: name, text };
            if let Some(other) = files.insert(id.clone(), file) {
                return Err(Failure::input(format!("{} and another file are both the plan {id}", other.file)));
            }
        }
        Ok(files)
    }

    /// Refuses plans that cannot be in force together.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn check(&self, files: &PlanFiles) -> Result<(), Failure> {
        self.compiled(files).map(drop)
    }

    /// What changes for contacts when these plans follow those in force, in words; nothing where they are the same.
    ///
    /// # Errors
    /// A version that the topic lost.
    pub(crate) fn changes(&self, next: &PlanFiles) -> Result<Vec<String>, Failure> {
        let now = self.in_force()?;
        let words = |file: &PlanFile| describe(&source(file), &self.options);
        let mut changes = Vec::new();
        for (id, file) in next {
            match now.get(id) {
                Some(old) if old.version() == file.version() => {}
                Some(old) => {
                    let compared = words(old).zip(words(file)).map(|(old, new)| compare(&old, &new).render());
                    changes.push(compared.unwrap_or_else(|| format!("plan {id} is changed\n")));
                }
                None => {
                    let described = words(file).map_or_else(String::new, |words| words.render());
                    changes.push(format!("plan {id} is added\n\n{described}"));
                }
            }
        }
        let retired = now.keys().filter(|id| !next.contains_key(*id));
        changes.extend(retired.map(|id| {
            format!("plan {id} is retired\n  who is qualified by it is told to be so no more, and its points end; what it fired once stays known\n")
        }));
        Ok(changes)
    }

    /// Keeps versions in the topic.
    ///
    /// # Errors
    /// As the cluster says.
    pub(crate) fn publish(&mut self, files: &PlanFiles) -> Result<(), Failure> {
        let files: Vec<PlanFile> = files.values().cloned().collect();
        let who = Registrant { instance: &self.instance, by_command: true };
        let topic = &mut self.topic;
        patiently(&self.log, || log_error(topic.publish(&files, who)))?;
        let lost = files.iter().find(|file| !topic.files().any(|known| known.version() == file.version()));
        lost.map_or(Ok(()), |_| Err(overtaken()))
    }

    /// Plans as the fold takes them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn compiled(&self, files: &PlanFiles) -> Result<Arc<PlanSet>, Failure> {
        let report = check(files.values().map(source).collect(), &self.options);
        if report.has_errors() {
            return Err(Failure::CorrectInput(report.render(Style::Plain)));
        }
        Ok(Arc::new(PlanSet::new(report.plans)))
    }

    /// Puts plans in force, after asking unless that is not wanted.
    ///
    /// # Errors
    /// A refusal, and as the cluster says.
    pub(crate) fn activate(&mut self, next: &PlanFiles, coming: Coming, unasked: bool) -> Result<(), Failure> {
        if !unasked {
            confirm()?;
        }
        let before = self.ordinal();
        let files: Vec<PlanFile> = next.values().cloned().collect();
        let who = Registrant { instance: &self.instance, by_command: true };
        let (topic, options) = (&mut self.topic, &self.options);
        patiently(&self.log, || log_error(topic.register(&files, coming, options.horizon, &options.event_types, who)))?;
        let is_ours = self.in_force()?.values().map(PlanFile::version).eq(next.values().map(PlanFile::version))
            && self.topic.newest().is_some_and(|set| set.coming == coming);
        if self.ordinal() != before + 1 || !is_ours {
            return Err(overtaken());
        }
        terminal::print(&format!(
            "\nin force from now on (plan set {}): running instances take it up with the next commit of each task, others when they start\n",
            self.ordinal()
        ))
    }
}

/// Files by the ids of their plans.
pub(crate) fn by_plan<'a>(files: impl IntoIterator<Item = &'a PlanFile>) -> PlanFiles {
    files.into_iter().map(|file| (file.id.clone(), file.clone())).collect()
}

fn source(file: &PlanFile) -> Source {
    Source { name: file.file.clone(), text: file.text.clone() }
}

fn overtaken() -> Failure {
    Failure::NotDone(
        "somebody else changed the plans at the same moment, so nothing was changed here: look again".to_owned(),
    )
}

/// What passes by itself is tried again; the rest is told in its own words.
fn log_error<T>(result: Result<T, PlansError>) -> Result<T, LogError> {
    result.map_err(|error| match error {
        PlansError::Log(error) => error,
        other => LogError::Fatal(leadstream_runtime::log::Failure::new("use the topic of plans", other.to_string())),
    })
}

fn confirm() -> Result<(), Failure> {
    terminal::require_somebody("change the plans")?;
    match terminal::ask("\ntype yes to put this in force:")?.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::NotDone("nothing was changed".to_owned())),
    }
}
