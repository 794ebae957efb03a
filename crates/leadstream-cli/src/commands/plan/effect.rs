//! `leadstream plan explain --event|--history`: what an event would do under plans, rule by rule, and what plans make of a contact's history.
//!
//! Folds in memory, with the plans that were named alone in force; nothing is connected and nothing is kept.

mod page;
mod reasons;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use leadstream_config::Config;
use leadstream_core::plan::PlanSet;
use leadstream_core::{Contact, Event, Fold, HistoryLimits, Timeline, Timestamp};
use leadstream_http::view::ContactView;
use leadstream_plan::{Report, Words, describe};
use leadstream_wire::{Encoding, EventBatch, InputRecord, Shape};

use self::page::Effect;
use crate::arguments::{EventFiles, ExplainArguments};
use crate::commands::contact;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::replay::{self, Events, Options};
use crate::{event_files, plans, sources, terminal};

/// Runs it. `report` is of plans without errors.
pub(super) fn run(config: &Config, report: &Report, arguments: &ExplainArguments) -> Result<(), Failure> {
    let history = plans::history(config);
    let set = Arc::new(PlanSet::new(report.plans.clone()));
    let mut known = contacts(config, arguments, &set, history)?;
    let Some(asked) = &arguments.event else { return show_contact(&mut known, arguments) };
    let options = plans::options(config);
    let words: Vec<Words> = report.sources().iter().filter_map(|source| describe(source, &options)).collect();
    let mut pages = Vec::new();
    for mut event in events(config, arguments, asked)? {
        if let Some(contact) = &arguments.contact {
            event.contact.clone_from(contact);
        }
        if !arguments.history.is_empty() && !known.contacts.contains_key(&event.contact) {
            terminal::note(format!("{} is nobody in the history: shown as somebody new", event.contact));
        }
        let contact = known.contacts.entry(event.contact.clone()).or_insert_with(|| Contact::new(&event.contact));
        pages.push(Effect::of(&mut known.fold, contact, &event).render(&event, &report.plans, &words));
    }
    terminal::print(&pages.join("\n"))
}

/// The contacts of a history, and the fold that made them.
struct Known {
    fold: Fold,
    contacts: BTreeMap<String, Contact>,
    until: Timestamp,
}

fn contacts(
    config: &Config,
    arguments: &ExplainArguments,
    set: &Arc<PlanSet>,
    history: HistoryLimits,
) -> Result<Known, Failure> {
    let mut known = Known {
        fold: Fold::new(Timeline::new(Arc::clone(set)), history),
        contacts: BTreeMap::new(),
        until: Timestamp::default(),
    };
    if arguments.history.is_empty() {
        return Ok(known);
    }
    let files = event_files_of(arguments, arguments.history.clone());
    let options = Options {
        events: Events::Files(event_files::inputs(&files, config)?),
        plans: Arc::clone(set),
        history,
        until: None,
        threads: event_files::threads(&files),
        keep_dead_letters: false,
        title: "history",
    };
    let outcome = replay::fold(&options, &Interrupt::listen()?)?;
    event_files::refuse_unread(&outcome.tally)?;
    known.until = outcome.until.unwrap_or_default();
    let contacts = outcome.folders.into_iter().flat_map(|folder| folder.contacts);
    known.contacts = contacts.map(|contact| (contact.id.to_string(), *contact)).collect();
    Ok(known)
}

fn event_files_of(arguments: &ExplainArguments, files: Vec<PathBuf>) -> EventFiles {
    EventFiles {
        files,
        topics: false,
        source: arguments.source.clone(),
        format: arguments.format,
        contacts: Vec::new(),
        until: None,
        threads: None,
    }
}

/// A contact as the plans see it at the end of its history.
fn show_contact(known: &mut Known, arguments: &ExplainArguments) -> Result<(), Failure> {
    let id = match (&arguments.contact, known.contacts.len()) {
        (Some(id), _) => id.clone(),
        (None, 1) => known.contacts.keys().next().cloned().unwrap_or_default(),
        (None, 0) => return Err(Failure::NotDone("the history has no events".to_owned())),
        (None, count) => {
            return Err(Failure::input(format!("the history is of {count} contacts: name one, as in --contact c1")));
        }
    };
    let Some(found) = known.contacts.get(&id) else {
        return Err(Failure::NotDone(format!("{id} is nobody in the history")));
    };
    let view = ContactView::of(&known.fold.explain(found, known.until), known.until, 0);
    terminal::print(&contact::render(&view))
}

/// The events that were asked about: JSON on the command line or in a file.
#[expect(clippy::disallowed_methods, reason = "an event without a time happens now, as in a service that receives it")]
fn events(config: &Config, arguments: &ExplainArguments, asked: &str) -> Result<Vec<Event>, Failure> {
    let is_inline = asked.trim_start().starts_with('{');
    let text = if is_inline { asked.to_owned() } else { plans::read(asked.as_ref())?.text };
    let place = if is_inline { "--event" } else { asked };
    let format = event_files::event_format(&event_files_of(arguments, Vec::new()), config)?;
    let json = |encoding: &Encoding| matches!(encoding, Encoding::Json);
    if !match &format.shape {
        Shape::Segment => true,
        Shape::Mapped(encoding, _) | Shape::Interactions(encoding) | Shape::Contacts(encoding) => json(encoding),
    } {
        return Err(Failure::input(format!(
            "--event is read as JSON, and the source {} has another format: name a source in JSON by --source, or --format segment",
            format.source
        )));
    }
    let mut decoder = sources::decoder(place, &format)?;
    let mut batch = EventBatch::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    for (offset, value) in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>().enumerate() {
        let value = value.map_err(|error| Failure::input(format!("{place} is not JSON: {error}")))?.to_string();
        let record = InputRecord {
            topic: place,
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            timestamp_ms: i64::try_from(now).ok(),
            value: Some(value.as_bytes()),
            ..InputRecord::default()
        };
        decoder
            .decode(&record, &mut batch)
            .map_err(|letter| Failure::input(format!("{place} is no event: {}", letter.reason)))?;
    }
    if batch.is_empty() {
        return Err(Failure::input(format!("{place} tells nothing of a contact")));
    }
    Ok(batch.events().to_vec())
}
