//! `leadstream reset`: takes an application back to its beginning, as Kafka Streams' reset tool does for one of its applications.
//!
//! Positions, internal topics and local state go; input and output topics stay. It says so before, and asks.

use std::io::{BufRead, IsTerminal};

use crate::arguments::{ConfigurationArguments, ResetArguments};
use crate::commands::topics::refused;
use crate::connection::{connect, internal_topics};
use crate::failure::Failure;
use crate::settings::configuration;
use crate::terminal;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, arguments: &ResetArguments) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    let log = connect(&config)?;
    let group = config.application.id.to_string();
    let topics = internal_topics(&config);
    let state = config.storage.directory.as_path().join(&group);
    terminal::note(format!("this resets the application {group} on {}:", config.kafka.bootstrap));
    terminal::note(format!("  positions of the consumer group {group} are deleted"));
    topics.iter().for_each(|topic| terminal::note(format!("  topic {topic} is deleted with everything in it")));
    terminal::note(format!("  local state in {} is deleted", state.display()));
    terminal::note(
        "input and output topics stay; at the next start all sources are read again from where they are configured to start",
    );
    if !arguments.yes {
        confirm(&group)?;
    }
    // First what fails while anybody is at work: then nothing has been lost.
    log.delete_group(&group).map_err(refused)?;
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    log.delete_topics(&names).map_err(refused)?;
    match std::fs::remove_dir_all(&state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::file("delete", &state, &error));
        }
        _ => {}
    }
    terminal::print("reset; create the topics again with `leadstream topics create` before the next start\n")
}

fn confirm(application: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::input("nobody can be asked here: give --yes to reset without being asked"));
    }
    terminal::note(format!("type the name of the application, {application}, to go on:"));
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed).map_err(|error| Failure::of("cannot read the answer", error))?;
    if typed.trim() == application {
        Ok(())
    } else {
        Err(Failure::NotDone("that was not the name; nothing was changed".to_owned()))
    }
}
