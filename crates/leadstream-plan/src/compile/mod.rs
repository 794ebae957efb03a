//! One plan file to a compiled plan, or to everything that is wrong with it.
//!
//! The file is read once into a tree with spans; then each part is checked and compiled by the module named after it. A part that is wrong
//! compiles to nothing and its neighbours go on, so that one run shows all mistakes. There is a plan only if there is no error.

mod actions;
mod bands;
mod conditions;
mod contradiction;
mod decay;
mod effects;
mod examples;
mod expected;
mod expected_ledger;
mod facts;
mod given;
mod keys;
mod lint;
mod names;
mod pipeline;
mod plan;
mod qualify;
mod reach;
mod route;
mod rule;
mod values;
mod verdicts;
mod windows;

use std::sync::Arc;

use leadstream_core::plan::Plan;
use leadstream_core::time::Span as Duration;

use crate::catalogue::Catalogue;
use crate::cel::Facts;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::example::Example;
use crate::sink::Sink;
use crate::yaml::{self, Span};

pub(crate) use given::CONTACT as EXAMPLE_CONTACT;
pub(crate) use keys::value;
#[cfg(test)]
pub(crate) use keys::{KeySet, SETS};

/// The largest plan file, in bytes.
pub(crate) const FILE_MAX_BYTES: usize = 8 << 20;

/// The most rules and fit rules of a plan (S58).
pub(crate) const RULES_MAX: usize = 20_000;

/// The most stages of a pipeline (S58).
pub(crate) const STAGES_MAX: usize = 32;

/// What the compiler must know of the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a contact's history is kept (S6): no window, cap or `once_per` may be longer.
    pub horizon: Duration,
    /// Event types beside the presets, as sources declare them.
    pub event_types: Vec<String>,
    /// The event types that came in events of the past, where there were any to look at: others are warned of.
    pub seen_event_types: Option<Vec<String>>,
}

impl Default for Options {
    /// The default horizon of 400 days, and the presets alone.
    fn default() -> Options {
        Options { horizon: Duration::days(400), event_types: Vec::new(), seen_event_types: None }
    }
}

/// What became of one file.
#[derive(Debug)]
pub struct Compilation {
    /// The plan; `None` where there is an error.
    pub plan: Option<Plan>,
    /// All errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Other plans that conditions name: [`crate::check`] looks them up among the plans given together.
    pub references: Vec<Reference>,
    /// The id and where it stands, also where the plan has errors.
    pub id: Option<(Arc<str>, Span)>,
    /// The author's own tests, in the order of the file; none where there is no plan.
    pub tests: Vec<Example>,
}

/// A condition's mention of another plan.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The other plan's id.
    pub plan: Arc<str>,
    /// What it must have.
    pub need: Need,
    /// Where it is mentioned: bytes of the file.
    pub span: Span,
}

/// What another plan must have for a mention of it to mean something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must exist.
    Plan,
    /// It must have `qualify`.
    Qualify,
    /// It must have `pipeline`.
    Pipeline,
    /// It must have `bands`.
    Bands,
    /// It must have `grade`.
    Grade,
    /// It must have `route`.
    Route,
    /// It must have the action with this id.
    Action(Arc<str>),
    /// Some plan must count in the global score.
    GlobalPoints,
    /// Some plan must have a rule that sets this tag.
    TagPoints(Arc<str>),
}

/// The levels that a plan has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Has {
    pub(crate) qualify: bool,
    pub(crate) pipeline: bool,
    pub(crate) bands: bool,
    pub(crate) grade: bool,
    pub(crate) route: bool,
    pub(crate) actions: Vec<Arc<str>>,
    /// Whether it counts in the global score.
    pub(crate) global: bool,
    /// The tags that its rules set.
    pub(crate) tags: Vec<Arc<str>>,
}

impl Has {
    /// What is needed and not there, as plans spell it.
    pub(crate) fn lacks(&self, need: &Need) -> Option<String> {
        let (is_there, key) = match need {
            // The first is looked up before, the others in all plans together.
            Need::Plan | Need::GlobalPoints | Need::TagPoints(_) => return None,
            Need::Qualify => (self.qualify, "`qualify`"),
            Need::Pipeline => (self.pipeline, "`pipeline`"),
            Need::Bands => (self.bands, "`bands`"),
            Need::Grade => (self.grade, "`grade`"),
            Need::Route => (self.route, "`route`"),
            Need::Action(id) => return (!self.actions.contains(id)).then(|| format!("action `{id}`")),
        };
        (!is_there).then(|| key.to_owned())
    }
}

/// What conditions may refer to, and what they leave behind.
pub(crate) struct Environment {
    pub(crate) plan_id: Arc<str>,
    pub(crate) has: Has,
    pub(crate) horizon: Duration,
    pub(crate) catalogue: Catalogue,
    pub(crate) facts: Facts,
    pub(crate) references: Vec<Reference>,
}

/// The compiler at work on one file.
pub(crate) struct Compiler<'text> {
    pub(crate) sink: Sink<'text>,
    pub(crate) environment: Environment,
}

/// Compiles one plan file. `file_name` is only shown.
pub fn compile(file_name: &str, text: &str, options: &Options) -> Compilation {
    let mut diagnostics = Vec::new();
    let sink = Sink::new(file_name, text, &mut diagnostics);
    let environment = Environment {
        plan_id: Arc::from(""),
        has: Has::default(),
        horizon: options.horizon,
        catalogue: Catalogue::new(&options.event_types, options.seen_event_types.as_deref()),
        facts: Facts::default(),
        references: Vec::new(),
    };
    let mut compiler = Compiler { sink, environment };
    let outcome = compiler.file(text);
    let has_errors = compiler.sink.has_errors();
    let references = std::mem::take(&mut compiler.environment.references);
    compiler.sink.finish();
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    let Outcome { plan, id, tests } = outcome.unwrap_or_default();
    let tests = if has_errors { Vec::new() } else { tests };
    Compilation { plan: plan.filter(|_| !has_errors), diagnostics, references, id, tests }
}

/// What became of a file's tree.
#[derive(Default)]
struct Outcome {
    plan: Option<Plan>,
    id: Option<(Arc<str>, Span)>,
    tests: Vec<Example>,
}

impl Compiler<'_> {
    fn file(&mut self, text: &str) -> Option<Outcome> {
        if text.len() > FILE_MAX_BYTES {
            self.sink
                .report(Code::TooLarge, 0..0, format!("the file has {} bytes, more than {FILE_MAX_BYTES}", text.len()))
                .help("split the plan: any number of plans score one contact side by side");
            return None;
        }
        let root = yaml::parse(text, &mut self.sink);
        match root {
            Some(root) => Some(self.plan(&root)),
            None => {
                if !self.sink.has_errors() {
                    self.sink
                        .report(Code::EmptyPlan, 0..0, "the file is empty")
                        .help("begin with `plan: my-plan` and `rules:`");
                }
                None
            }
        }
    }
}
