//! What a person at a terminal sees beside results: complaints, notes and progress. All of it goes to standard error, so that standard output
//! holds results only.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "this is the border to the terminal")]

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;
use crate::logging;

/// Says what went wrong: to a person, or as the last line of a log that programs read.
pub(crate) fn complain(failure: &Failure) {
    let text = failure.to_string();
    if text.is_empty() {
        return;
    }
    if logging::is_json() {
        tracing::error!("{text}");
        return;
    }
    // Lists of mistakes say "error" on each of their lines already.
    if text.contains(": error: ") || text.starts_with("error") {
        eprintln!("{text}");
    } else {
        eprintln!("error: {text}");
    }
}

/// A line that is not a result.
pub(crate) fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Refuses where nobody sits at standard input. `doing` says what `--yes` is given for.
pub(crate) fn require_somebody(doing: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::input(format!("nobody can be asked here: give --yes to {doing} without being asked")))
}

/// Asks, and gives what was typed, without the end of its line.
pub(crate) fn ask(question: &str) -> Result<String, Failure> {
    note(question);
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed).map_err(|error| Failure::of("cannot read the answer", error))?;
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}

/// A result. A reader that went away, as `head` does, is no failure: the program ends quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::Told),
        result => result.map_err(|error| Failure::of("cannot write to standard output", error)),
    }
}

/// Whether standard output shows colours.
pub(crate) fn output_is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether standard error shows colours.
pub(crate) fn notes_are_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A bar for work whose size is known, or a counter for work that never ends; nothing where standard error is no terminal.
pub(crate) fn progress(total: Option<u64>, unit: &str, in_bytes: bool) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
    let template = match (total, in_bytes) {
        (Some(_), true) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left {msg}",
        (Some(_), false) => "{bar:30} {human_pos}/{human_len} {per_sec}, {eta} left {msg}",
        (None, true) => "{spinner} {bytes} {bytes_per_sec} {msg}",
        (None, false) => "{spinner} {human_pos} {per_sec} {msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.set_message(unit.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar for a wait that ends after so long at the latest; nothing where standard error is no terminal.
pub(crate) fn countdown(limit: Duration) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(limit.as_secs()), ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} s").unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

/// A number with its thousands apart, as in 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown: Vec<String> = [0, 999, 1_000, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}
