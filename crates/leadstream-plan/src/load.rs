//! Several plan files together: what only shows when all are known, and the report that `leadstream plan check` prints.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadstream_core::plan::Plan;

use crate::code::Code;
use crate::compile::{Compilation, Has, Need, Options, Reference, compile};
use crate::diagnostic::{Diagnostic, Severity, Style};
use crate::example::Example;
use crate::sink::Sink;

/// The most plans in force together (S58).
const PLANS_MAX: usize = 64;

/// One plan file: its name, as messages show it, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name.
    pub name: String,
    /// The file's text.
    pub text: String,
}

/// What became of the files given together.
#[derive(Debug)]
pub struct Report {
    /// The plans that have no error of their own, in the order of the files; to be put in force only where [`Report::has_errors`] is false.
    pub plans: Vec<Plan>,
    /// The tests that the plans' authors wrote into them, in the order of [`Report::plans`].
    pub tests: Vec<Vec<Example>>,
    /// All errors and warnings: by file as given, then by place.
    pub diagnostics: Vec<Diagnostic>,
    sources: Vec<Source>,
}

impl Report {
    /// Whether any file has an error.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// The files checked, in the order given.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// How many problems there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// All diagnostics with the lines they are about, and a last line that sums up.
    pub fn render(&self, style: Style) -> String {
        self.render_problems(style) + &self.summary() + "\n"
    }

    /// All diagnostics with the lines they are about, an empty line behind each.
    pub fn render_problems(&self, style: Style) -> String {
        let mut rendered = String::new();
        for diagnostic in &self.diagnostics {
            let source = self.sources.iter().find(|source| *source.name == *diagnostic.file);
            rendered.push_str(&diagnostic.render(source.map_or("", |source| source.text.as_str()), style));
            rendered.push_str("\n\n");
        }
        rendered
    }

    /// One line: how many plans, rules, errors and warnings.
    pub fn summary(&self) -> String {
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let rules = self.plans.iter().map(|plan| plan.rules.len() + plan.fit.len()).sum();
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let found = match (errors, warnings) {
            (0, 0) => "no problems".to_owned(),
            (0, _) => plural(warnings, "warning"),
            (_, 0) => plural(errors, "error"),
            _ => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        };
        let checked = plural(self.sources.len(), "file");
        if errors > 0 {
            return format!("{checked} checked: {found}");
        }
        format!("{checked} checked: {}, {}, {found}", plural(self.plans.len(), "plan"), plural(rules, "rule"))
    }
}

/// Compiles files that are to be in force together.
pub fn check(sources: Vec<Source>, options: &Options) -> Report {
    let mut compiled: Vec<Compilation> =
        sources.iter().map(|source| compile(&source.name, &source.text, options)).collect();
    let known = Known::of(&compiled);
    for (place, compilation) in compiled.iter_mut().enumerate() {
        let source = &sources[place];
        let mut found = std::mem::take(&mut compilation.diagnostics);
        let mut sink = Sink::new(&source.name, &source.text, &mut found);
        if let Some((id, span)) = &compilation.id
            && let Some(first) = known.first(id).filter(|first| *first != place)
        {
            sink.report(Code::DuplicatePlan, span.clone(), format!("the plan id `{id}` is taken"))
                .help(format!("`{}` has the same id: rename one of the two", sources[first].name));
        }
        if place == PLANS_MAX {
            sink.report(Code::TooLarge, 0..0, format!("there are {} plans, more than {PLANS_MAX}", sources.len()))
                .help("put plans together, or retire some");
        }
        for reference in &compilation.references {
            known.look_up(reference, &mut sink);
        }
        sink.finish();
        found.sort_by_key(|diagnostic| diagnostic.span.start);
        compilation.diagnostics = found;
    }
    let diagnostics =
        compiled.iter_mut().flat_map(|compilation| std::mem::take(&mut compilation.diagnostics)).collect();
    let sound = compiled.into_iter().filter_map(|compilation| Some((compilation.plan?, compilation.tests)));
    let (plans, tests) = sound.unzip();
    Report { plans, tests, diagnostics, sources }
}

/// The plans that are given together, by id.
struct Known(BTreeMap<Arc<str>, KnownPlan>);

struct KnownPlan {
    /// The first file with this id.
    place: usize,
    /// The levels that it has; nothing is known of a plan with errors.
    has: Option<Has>,
}

impl Known {
    /// What no plan does that a score of all plans together needs; nothing is said where a plan with errors could do it.
    fn nobody_gives(&self, need: &Need) -> Option<String> {
        let gives: fn(&Has, &Need) -> bool = match need {
            Need::GlobalPoints => |has, _| has.global,
            Need::TagPoints(_) => |has, need| matches!(need, Need::TagPoints(tag) if has.tags.contains(tag)),
            _ => return None,
        };
        if self.0.values().any(|plan| plan.has.as_ref().is_none_or(|has| gives(has, need))) {
            return None;
        }
        Some(match need {
            Need::TagPoints(tag) => format!("no rule of any plan sets the tag `{tag}`"),
            _ => "no plan has `global: true`".to_owned(),
        })
    }

    fn of(compiled: &[Compilation]) -> Known {
        let mut known = BTreeMap::new();
        for (place, compilation) in compiled.iter().enumerate() {
            if let Some((id, _)) = &compilation.id {
                let has = compilation.plan.as_ref().map(|plan| Has {
                    qualify: plan.qualify.is_some(),
                    pipeline: plan.pipeline.is_some(),
                    bands: plan.bands.is_some(),
                    grade: plan.grade.is_some(),
                    route: plan.route.is_some(),
                    actions: plan.actions.iter().map(|action| Arc::from(action.id.as_str())).collect(),
                    global: plan.global,
                    tags: plan.rules.iter().flat_map(|rule| &rule.tags).map(|effect| effect.tag.clone()).collect(),
                });
                known.entry(id.clone()).or_insert(KnownPlan { place, has });
            }
        }
        Known(known)
    }

    fn first(&self, id: &str) -> Option<usize> {
        self.0.get(id).map(|plan| plan.place)
    }

    fn look_up(&self, reference: &Reference, sink: &mut Sink<'_>) {
        if let Some(missing) = self.nobody_gives(&reference.need) {
            sink.report(
                Code::UnreachableThreshold,
                reference.span.clone(),
                format!("nothing gives this score points: {missing}"),
            )
            .help("give all plans that are in force together to one check");
            return;
        }
        let id = &reference.plan;
        let Some(plan) = self.0.get(id) else {
            let close = crate::suggest::closest(id, self.0.keys().map(AsRef::as_ref));
            sink.report(Code::UnknownPlan, reference.span.clone(), format!("there is no plan `{id}`")).help(
                match close {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => "give all plans that are in force together to one check".to_owned(),
                },
            );
            return;
        };
        let Some(missing) = plan.has.as_ref().and_then(|has| has.lacks(&reference.need)) else { return };
        sink.report(Code::UnknownLevel, reference.span.clone(), format!("the plan `{id}` has no {missing}"))
            .help(format!("add {missing} to `{id}`, or ask for another level"));
    }
}
