//! `leadstream config check|show`: what is wrong with the configuration, and what is in force.

use leadstream_config::Severity;
use leadstream_plan::{Severity as PlanSeverity, Style};

use crate::arguments::{ConfigCommand, ConfigurationArguments};
use crate::examination;
use crate::failure::Failure;
use crate::settings::{configuration, examined, place_name};
use crate::terminal;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show => {
            let loaded = configuration(given)?;
            loaded.warnings.iter().for_each(terminal::note);
            terminal::print(&loaded.render_effective())
        }
        ConfigCommand::Check => check(given),
    }
}

/// Checks the configuration with everything it names: expressions, settings of clients, files of schemas, plans. All that is wrong is told at once.
fn check(given: &ConfigurationArguments) -> Result<(), Failure> {
    let (mut examined, place) = examined(given)?;
    examination::of_expressions(&mut examined);
    examination::of_settings(&mut examined);
    examination::of_formats(&mut examined);
    let plans = examination::of_plans(&mut examined);
    let coloured = terminal::notes_are_coloured();
    let style = if coloured { Style::Coloured } else { Style::Plain };
    let told = examined.render(coloured) + &plans.render_problems(style);
    if !told.is_empty() {
        terminal::note(told.trim_end());
    }
    let place = place_name(place.as_deref());
    let of = |severity| examined.problems.iter().filter(|problem| problem.severity == severity).count();
    let errors = of(Severity::Error) + plans.count(PlanSeverity::Error);
    if errors > 0 {
        let errors = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        terminal::note(format!("\n{place}: {errors} in the configuration and what it names"));
        return Err(Failure::InputTold);
    }
    let sources = examination::sources_in_words(&examined.config);
    terminal::print(&format!("{place}: no errors, {sources}\n{}\n", plans.summary()))
}
