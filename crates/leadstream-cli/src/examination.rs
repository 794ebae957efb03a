//! What the configuration crate cannot check by itself: expressions, a client's settings, schema files, plans. Each problem gets the place of the key that is
//! wrong, and an expression's the place inside its text.
//!
//! It goes by what was written and not by what could be read of it, so that no mistake waits for another to be mended.

use leadstream_config::{Examined, Origin, Problem, Severity};
use leadstream_plan::{Diagnostic, Report, Severity as PlanSeverity, Source as PlanSource, Style, locate};
use leadstream_wire::{Decoder, FormatProblem, Purpose, check_expression, check_schema, check_time_pattern};

use crate::failure::Failure;
use crate::{connection, plans, sources, terminal};

/// What the expressions of a mapping are for, by key.
const MAPPED: [(&str, Purpose); 7] = [
    ("type", Purpose::Type),
    ("id", Purpose::Id),
    ("time", Purpose::Time),
    ("received", Purpose::Time),
    ("verdict", Purpose::Verdict),
    ("skip_when", Purpose::SkipWhen),
    ("all_properties", Purpose::AllProperties),
];

/// Adds what is wrong with the expressions and time patterns of all sources.
pub(crate) fn of_expressions(examined: &mut Examined) {
    let mut problems = Vec::new();
    for source in examined.below("sources") {
        let mut expressions = vec![(format!("{source}.contact"), Purpose::Contact)];
        expressions.extend(MAPPED.map(|(key, purpose)| (format!("{source}.mapping.{key}"), purpose)));
        let path = format!("{source}.mapping.time_format");
        if let Some(pattern) = examined.text(&path).filter(|text| text.contains('%')) {
            problems.extend(check_time_pattern(&path, pattern).map(|problem| placed(examined, &path, problem)));
        }
        let is_tags = examined.text(&format!("{source}.mapping.kind")) == Some("tags");
        let of_property = if is_tags { Purpose::Tag } else { Purpose::Property };
        let properties = examined.below(&format!("{source}.mapping.properties")).iter();
        expressions.extend(properties.map(|path| (path.clone(), of_property)));
        for (path, purpose) in expressions {
            let found = examined.text(&path).map(|text| check_expression(&path, text, purpose)).unwrap_or_default();
            problems.extend(found.into_iter().map(|problem| placed(examined, &path, problem)));
        }
    }
    examined.add(problems);
}

/// Adds what librdkafka, or the commit protocol, has against the settings of its clients. Nothing is connected.
pub(crate) fn of_settings(examined: &mut Examined) {
    let mut problems = Vec::new();
    for problem in connection::settings(&examined.config).problems() {
        let path = match &problem.setting {
            Some((section, name)) => format!("kafka.{}.{name}", section.as_str()),
            None => "kafka".to_owned(),
        };
        let origin = if problem.is_name { examined.key_origin(&path) } else { examined.origin(&path) };
        let placed = match problem.is_error {
            true => Problem::error(&origin, path, problem.message),
            false => Problem::warning(&origin, path, problem.message),
        };
        problems.push(match problem.hint {
            Some(hint) => placed.hint(hint),
            None => placed,
        });
    }
    examined.add(problems);
}

/// Adds what is wrong with the files of schemas, and with descriptions of sources as a whole.
pub(crate) fn of_formats(examined: &mut Examined) {
    let mut problems = Vec::new();
    for owner in examined.below("sources").iter().map(String::as_str).chain(["contacts"]) {
        let one = format!("{owner}.avro.schema");
        for path in examined.below(&format!("{owner}.avro.schemas")).iter().chain([&one]) {
            problems.extend(of_schema(examined, path));
        }
    }
    for (path, source) in examined.items("sources", &examined.config.sources) {
        problems.extend(of_format(examined, &path, source));
    }
    examined.add(problems);
}

fn of_schema(examined: &Examined, path: &str) -> Vec<Problem> {
    let Some(file) = examined.file(path) else { return Vec::new() };
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let found = check_schema(path, &text).into_iter();
            found
                .map(|problem| {
                    let message = format!("{} is {}", file.display(), problem.problem);
                    Problem::error(&examined.origin(path), path, message)
                })
                .collect()
        }
        Err(error) => {
            let message = format!("cannot read the schema {}: {error}", file.display());
            vec![Problem::error(&examined.origin(path), path, message)]
        }
    }
}

/// What only the description of a source as a whole shows; its expressions and files are looked at by themselves.
fn of_format(examined: &Examined, path: &str, source: &leadstream_config::Source) -> Vec<Problem> {
    let Ok(format) = sources::format_of(source, &examined.config) else { return Vec::new() };
    let Err(found) = Decoder::compile(&format) else { return Vec::new() };
    let of_key = |problem: FormatProblem| {
        let key = match problem.field.as_str() {
            // It has been warned of: files that name their columns can be replayed.
            "columns" if source.csv.as_ref().is_none_or(|csv| csv.columns.is_empty()) => return None,
            "columns" | "delimiter" => format!("csv.{}", problem.field),
            "source" => "name".to_owned(),
            _ => return None,
        };
        Some(placed(examined, &format!("{path}.{key}"), problem))
    };
    found.into_iter().filter_map(of_key).collect()
}

/// A problem of a value at its place in the configuration.
fn placed(examined: &Examined, path: &str, problem: FormatProblem) -> Problem {
    let whole = examined.origin(path);
    let origin = match (&whole, &problem.span, examined.text(path)) {
        (Origin::File { span, .. }, Some(part), Some(text)) => {
            examined.part(&whole, locate(examined.shown_text(), span, text, part))
        }
        _ => whole,
    };
    let placed = Problem::error(&origin, path, problem.problem);
    match problem.hint {
        Some(hint) => placed.hint(hint),
        None => placed,
    }
}

/// Adds what is wrong with the patterns and files of plans, and gives the report of those that can be read.
pub(crate) fn of_plans(examined: &mut Examined) -> Report {
    let (mut problems, mut files) = (Vec::new(), Vec::new());
    if !examined.is_yaml() {
        // Which plans and event types it names is not known, so whatever is said about others would be wrong.
        return leadstream_plan::check(Vec::new(), &plans::options(&examined.config));
    }
    for (path, pattern) in examined.items("plans", &examined.config.plans) {
        match plans::matching(pattern.as_path()) {
            Ok(found) => files.extend(found.into_iter().map(|file| (file, path.clone()))),
            Err(reason) => problems.push(Problem::error(&examined.origin(&path), path, reason)),
        }
    }
    files.sort();
    files.dedup_by(|left, right| left.0 == right.0);
    let mut read: Vec<PlanSource> = Vec::new();
    for (file, path) in files {
        match plans::read(&file) {
            Ok(source) => read.push(source),
            Err(failure) => problems.push(Problem::error(&examined.origin(&path), path, failure.to_string())),
        }
    }
    let options = plans::options(&examined.config);
    examined.add(problems);
    leadstream_plan::check(read, &options)
}

/// A configuration with everything that it names.
pub(crate) struct Whole {
    /// The configuration, and what is wrong with it and with its expressions, settings and schemas.
    pub(crate) examined: Examined,
    /// Its plans, and what is wrong with those.
    pub(crate) plans: Report,
    /// How messages name the file.
    pub(crate) place: String,
}

impl Whole {
    /// Examines everything that a configuration names.
    pub(crate) fn of(mut examined: Examined, place: String) -> Whole {
        of_expressions(&mut examined);
        of_settings(&mut examined);
        of_formats(&mut examined);
        let plans = of_plans(&mut examined);
        Whole { examined, plans, place }
    }

    /// Everything that is wrong, or probably not meant, with the lines it is about.
    pub(crate) fn render(&self, coloured: bool) -> String {
        let style = if coloured { Style::Coloured } else { Style::Plain };
        self.examined.render(coloured) + &self.plans.render_problems(style)
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// It cannot. How many errors there are has been told, and which they are is [`Whole::render`].
    pub(crate) fn conclude(&self) -> Result<(), Failure> {
        let Some(summary) = self.summary() else { return Ok(()) };
        terminal::note(format!("\n{summary}"));
        Err(Failure::InputTold)
    }

    /// How many errors there are; nothing where there are none.
    pub(crate) fn summary(&self) -> Option<String> {
        let of_configuration = self.examined.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let errors = match of_configuration.count() + self.plans.count(PlanSeverity::Error) {
            0 => return None,
            1 => "1 error".to_owned(),
            errors => format!("{errors} errors"),
        };
        Some(format!("{}: {errors} in the configuration and what it names", self.place))
    }

    /// Writes everything that is wrong, or probably not meant, to the log, a line for each.
    pub(crate) fn log(&self) {
        log_problems(&self.examined.problems);
        log_diagnostics(&self.plans.diagnostics);
    }
}

/// Writes problems of plans to the log, a line for each.
pub(crate) fn log_diagnostics(diagnostics: &[Diagnostic]) {
    for Diagnostic { severity, code, file, line, column, message, help, .. } in diagnostics {
        let (place, code) = (format!("{file}:{line}:{column}"), code.name());
        let help = (!help.is_empty()).then(|| help.join("; "));
        match severity {
            PlanSeverity::Error => tracing::error!(place, code, help, "{message}"),
            PlanSeverity::Warning => tracing::warn!(place, code, help, "{message}"),
        }
    }
}

/// Writes problems of a configuration to the log, a line for each.
pub(crate) fn log_problems(problems: &[Problem]) {
    for problem in problems {
        let Problem { severity, origin, path, message, hint } = problem;
        let key = (!path.is_empty()).then_some(path.as_str());
        match severity {
            Severity::Error => tracing::error!(place = %origin, key, help = hint.as_deref(), "{message}"),
            Severity::Warning => tracing::warn!(place = %origin, key, help = hint.as_deref(), "{message}"),
        }
    }
}
