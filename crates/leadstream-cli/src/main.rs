//! The `leadstream` binary: reads the command line, runs one command, says what went wrong, and ends with a code that scripts can use.
//!
//! Owns the border to people and to the operating system: arguments, files, the terminal, signals and exit codes. What a command does beyond
//! that belongs to the crates below. Nothing else of the workspace writes to a terminal.
//!
//! Exit codes: 0 done; 1 it could not be done; 2 the command line, the configuration or a plan is wrong; 130 stopped by Ctrl-C before the end.

mod agreement;
mod arguments;
mod backtest;
mod codec;
mod commands;
mod connection;
mod engine;
mod event_files;
mod examination;
mod failure;
mod files;
mod generate;
mod interrupt;
mod logging;
mod plans;
mod publication;
mod replay;
mod service;
mod settings;
mod sources;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// Contacts grow and go by the million: an allocator that takes and gives small blocks cheaply is worth a fifth of the fold.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::complain(&failure);
            failure.exit_code()
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<(), Failure> {
    let given = &arguments.configuration;
    match &arguments.command {
        Command::Run => commands::run::run(given),
        Command::Topics { command } => commands::topics::run(given, command),
        Command::Contact { command } => commands::contact::run(given, command),
        Command::Contacts(options) => commands::contacts::run(given, options),
        Command::Reset(options) => commands::reset::run(given, options),
        Command::Demo(options) => commands::demo::run(given, options),
        Command::Config { command } => commands::config::run(given, command),
        Command::Plan { command } => commands::plan::run(given, command),
        Command::Generate(options) => commands::generate::run(given, options),
        Command::Replay(options) => commands::replay::run(given, options),
    }
}
