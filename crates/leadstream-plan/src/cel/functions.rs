//! The functions and text tests that a condition may call.

use std::sync::Arc;

use leadstream_core::expr::{Expr, LevelRef, LevelSubject, Literal, Pattern, ScoreRef, TextTest};
use leadstream_core::id::Name;

use super::ast::{Call, Kind, Node};
use super::check::{Checker, Typed};
use super::fields::Root;
use super::types::Type;
use crate::code::Code;
use crate::compile::{Need, Reference};
use crate::suggest;
use crate::yaml::Span;

/// Every function, for suggestions.
pub(super) const FUNCTIONS: [&str; 14] = [
    "has",
    "size",
    "int",
    "double",
    "string",
    "count",
    "ever",
    "score",
    "level",
    "matches",
    "startsWith",
    "endsWith",
    "contains",
    "lowerAscii",
];

/// What CEL offers to read or make instants.
const CLOCKS: [&str; 13] = [
    "now",
    "timestamp",
    "duration",
    "today",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
];

/// CEL's macros over lists.
const MACROS: [&str; 6] = ["all", "exists", "exists_one", "filter", "map", "existsOne"];

impl Checker<'_, '_, '_> {
    /// Lowers a call.
    pub(super) fn call(&mut self, call: &Call, span: &Span) -> Option<Typed> {
        let name = call.function.name.as_str();
        match (name, &call.receiver) {
            ("has", None) => self.has(call, span),
            ("size", _) => {
                let operand = self.only_operand(call, span)?;
                self.size(operand)
            }
            ("int" | "double" | "string", None) => {
                let operand = self.only_operand(call, span)?;
                self.convert(name, operand)
            }
            ("lowerAscii", Some(_)) => {
                let operand = self.only_operand(call, span)?;
                let operand = self.expect(operand, Type::Text, "`lowerAscii`")?;
                Some((Expr::Lower(Box::new(operand)), Type::Text))
            }
            ("startsWith", Some(receiver)) => self.text_test(TextTest::StartsWith, receiver, call, span),
            ("endsWith", Some(receiver)) => self.text_test(TextTest::EndsWith, receiver, call, span),
            ("contains", Some(receiver)) => self.text_test(TextTest::Contains, receiver, call, span),
            ("matches", _) => self.matches(call, span),
            ("count" | "ever", None) => self.history(call, span),
            ("score", None) => self.score(call, span),
            ("level", None) => self.level(call, span),
            _ => self.unknown_function(call),
        }
    }

    fn unknown_function(&mut self, call: &Call) -> Option<Typed> {
        let name = call.function.name.as_str();
        let span = &call.function.span;
        if CLOCKS.contains(&name) {
            self.report(Code::NoClock, span, format!("a condition has no clock: `{name}` is not available"))
                .help("use `valid: [from, until]` for dates, and count(\"page_viewed\", \"7d\") or `once_per` for spans of time");
            return None;
        }
        if MACROS.contains(&name) && call.receiver.is_some() {
            self.report(
                Code::UnsupportedCondition,
                span,
                format!("`{name}` is not supported: events and contacts hold no lists to search"),
            )
            .help("write `\"vip\" in contact.tags` for tags, `event.x in [\"a\", \"b\"]` for alternatives");
            return None;
        }
        let is_method = matches!(name, "startsWith" | "endsWith" | "contains" | "lowerAscii");
        let help = if is_method {
            format!("write it after a text and a dot: event.path.{name}(..)")
        } else if FUNCTIONS.contains(&name) {
            format!("write it without anything before it: {name}(..)")
        } else {
            match suggest::closest(name, FUNCTIONS) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("the functions are {}", FUNCTIONS.join(", ")),
            }
        };
        let known = is_method || FUNCTIONS.contains(&name);
        let message =
            if known { format!("`{name}` is called the wrong way") } else { format!("unknown function `{name}`") };
        self.report(Code::UnknownFunction, span, message).help(help);
        None
    }

    /// The one thing a function works on: its receiver or its argument.
    fn only_operand<'n>(&mut self, call: &'n Call, span: &Span) -> Option<&'n Node> {
        match (&call.receiver, call.arguments.as_slice()) {
            (Some(receiver), []) => Some(receiver),
            (None, [argument]) => Some(argument),
            _ => {
                self.report(Code::BadArgument, span, format!("`{}` works on exactly one value", call.function.name))
                    .help(format!("write `{}(event.value)`", call.function.name));
                None
            }
        }
    }

    fn has(&mut self, call: &Call, span: &Span) -> Option<Typed> {
        let [argument] = call.arguments.as_slice() else {
            self.report(Code::BadArgument, span, "`has` takes exactly one field").help("write `has(event.phone)`");
            return None;
        };
        if !matches!(argument.kind, Kind::Select(..) | Kind::Index(..)) {
            self.report(Code::BadArgument, &argument.span, "`has` asks for a field of `event` or `contact`")
                .help("write `has(event.phone)`; for a tag: `\"vip\" in contact.tags`");
            return None;
        }
        let (root, field) = self.path(argument)?;
        let expr = match (root, field.name.as_str()) {
            (Root::Event, "type") | (Root::Contact, "id" | "tags") => Expr::Literal(Literal::Bool(true)),
            (Root::Event, name) => Expr::HasEvent(Name::of(name)),
            (Root::Contact, name) => Expr::HasContact(Name::of(name)),
        };
        Some((expr, Type::Bool))
    }

    fn size(&mut self, operand: &Node) -> Option<Typed> {
        let (expr, found) = self.lower(operand)?;
        match found {
            Type::Tags => Some((Expr::TagCount, Type::Number)),
            Type::Text | Type::Any => Some((Expr::Size(Box::new(expr)), Type::Number)),
            _ => {
                self.report(Code::TypeMismatch, &operand.span, "`size` measures a text or the tags of a contact")
                    .label(format!("this is {found}"))
                    .help("write `size(event.name) > 10` or `size(contact.tags) > 3`");
                None
            }
        }
    }

    fn convert(&mut self, name: &str, operand: &Node) -> Option<Typed> {
        let (expr, found) = self.lower(operand)?;
        let is_text = name == "string";
        let is_fit = matches!(found, Type::Any | Type::Number | Type::Text) || (is_text && found == Type::Bool);
        if !is_fit {
            self.report(Code::TypeMismatch, &operand.span, format!("`{name}` cannot convert {found}")).help(
                if is_text {
                    "give it a number, a text or a truth value: `string(event.value)`".to_owned()
                } else {
                    format!("give it a number, or a text that holds one: `{name}(event.size)`")
                },
            );
            return None;
        }
        let operand = Box::new(expr);
        Some(match name {
            "int" => (Expr::ToWhole(operand), Type::Number),
            "double" => (Expr::ToNumber(operand), Type::Number),
            _ => (Expr::ToText(operand), Type::Text),
        })
    }

    fn text_test(&mut self, test: TextTest, receiver: &Node, call: &Call, span: &Span) -> Option<Typed> {
        let name = &call.function.name;
        let [argument] = call.arguments.as_slice() else {
            self.report(Code::BadArgument, span, format!("`{name}` takes exactly one text"))
                .help(format!("write `event.path.{name}(\"/offers/\")`"));
            return None;
        };
        let by = format!("`{name}`");
        let (receiver, argument) = (self.expect(receiver, Type::Text, &by), self.expect(argument, Type::Text, &by));
        Some((Expr::Text(test, Box::new([receiver?, argument?])), Type::Bool))
    }

    fn matches(&mut self, call: &Call, span: &Span) -> Option<Typed> {
        let (text, pattern) = match (&call.receiver, call.arguments.as_slice()) {
            (Some(receiver), [pattern]) => (receiver.as_ref(), pattern),
            (None, [text, pattern]) => (text, pattern),
            _ => {
                self.report(Code::BadArgument, span, "`matches` takes exactly one pattern")
                    .help("write `event.path.matches(\"^/a/[0-9]+$\")`");
                return None;
            }
        };
        let text = self.expect(text, Type::Text, "`matches`");
        let Kind::Text(written) = &pattern.kind else {
            self.report(
                Code::BadArgument,
                &pattern.span,
                "the pattern of `matches` must be a text in quotes, so that it can be checked now",
            )
            .help("write `event.path.matches(\"^/a/[0-9]+$\")`");
            return None;
        };
        match regex_lite::Regex::new(written) {
            Ok(compiled) => Some((Expr::Matches(Box::new(text?), Pattern(Arc::new(compiled))), Type::Bool)),
            Err(error) => {
                self.report(Code::BadArgument, &pattern.span, "this is not a valid regular expression")
                    .label(error.to_string())
                    .help("write a `\\\\` before a sign that is meant as it stands; for a plain part of a text: event.path.contains(\"/a(b)/\")");
                None
            }
        }
    }

    /// The text of an argument that must be written out.
    pub(super) fn literal_text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Text(text) => Some(text),
            _ => {
                self.report(Code::BadArgument, &node.span, format!("{what} must be a text in quotes"))
                    .help("it is known when the plan is loaded, and so cannot come from the event or the contact");
                None
            }
        }
    }

    fn score(&mut self, call: &Call, span: &Span) -> Option<Typed> {
        if !self.place.reads_scores() {
            let place = self.place.describe();
            self.report(Code::NotReadableHere, span, format!("{place} cannot read a score"))
                .help("scores change by themselves; use the threshold's own `score` and `at`, or a level: level(\"\", \"qualify\")");
            return None;
        }
        let [argument] = call.arguments.as_slice() else {
            self.report(Code::BadArgument, span, "`score` takes the name of one score").help(SCORES_HELP);
            return None;
        };
        let name = self.literal_text(argument, "the name of a score")?;
        let score = match name.split_once(':') {
            None if name == "global" => ScoreRef::Global,
            Some(("tag", tag)) if !tag.is_empty() => ScoreRef::Tag(Arc::from(tag)),
            Some(("plan", plan)) => ScoreRef::Plan(self.other_plan(plan, Need::Plan, &argument.span)),
            Some(("stage", plan)) => {
                let other = self.other_plan(plan, Need::Pipeline, &argument.span);
                if other.is_none() && !self.environment.has.pipeline {
                    self.report(
                        Code::UnknownScore,
                        &argument.span,
                        "this plan has no stages, so there is no stage score",
                    )
                    .help("give the plan a `pipeline`, or read another score: \"global\", \"plan:ID\" or \"tag:NAME\"");
                    return None;
                }
                ScoreRef::Stage(other)
            }
            _ => {
                let close = suggest::closest(name, ["global", "plan:", "tag:", "stage:"]);
                self.report(Code::UnknownScore, &argument.span, format!("there is no score `{name}`"))
                    .maybe_help(close.map(|close| format!("did you mean `{close}`?")))
                    .help(SCORES_HELP);
                return None;
            }
        };
        Some((Expr::Score(score), Type::Number))
    }

    fn level(&mut self, call: &Call, span: &Span) -> Option<Typed> {
        if !self.place.reads_history() {
            let place = self.place.describe();
            self.report(Code::NotReadableHere, span, format!("{place} cannot read a level"))
                .help("test fields of `contact`: `\"cars\" in contact.tags`, `contact.country == \"PL\"`");
            return None;
        }
        let [plan, subject] = call.arguments.as_slice() else {
            self.report(Code::BadArgument, span, "`level` takes a plan and a subject").help(LEVELS_HELP);
            return None;
        };
        let (plan_name, subject_name) =
            (self.literal_text(plan, "the plan"), self.literal_text(subject, "the subject"));
        let (plan_name, subject_name) = (plan_name?, subject_name?);
        let (need, subject_ref, found) = match subject_name.split_once(':') {
            None if subject_name == "qualify" => (Need::Qualify, LevelSubject::Qualify, Type::Bool),
            None if subject_name == "stage" => (Need::Pipeline, LevelSubject::Stage, Type::Any),
            Some(("tag", tag)) if !tag.is_empty() => (Need::Plan, LevelSubject::Tag(Arc::from(tag)), Type::Bool),
            None if subject_name == "band" => (Need::Bands, LevelSubject::Band, Type::Text),
            None if subject_name == "grade" => (Need::Grade, LevelSubject::Grade, Type::Any),
            None if subject_name == "route" => (Need::Route, LevelSubject::Route, Type::Any),
            Some(("action", id)) if !id.is_empty() => {
                (Need::Action(Arc::from(id)), LevelSubject::Action(Arc::from(id)), Type::Number)
            }
            _ => {
                self.report(Code::UnknownLevel, &subject.span, format!("there is no level `{subject_name}`"))
                    .help(LEVELS_HELP);
                return None;
            }
        };
        let lacks = self.environment.has.lacks(&need);
        let other = self.other_plan(plan_name, need, &plan.span);
        if let (None, Some(lacks)) = (&other, lacks) {
            self.report(
                Code::UnknownLevel,
                &subject.span,
                format!("this plan has no {lacks}, so there is no level `{subject_name}`"),
            )
            .help(format!(
                "add {lacks} to the plan, or name the plan that has it: level(\"PLAN\", \"{subject_name}\")"
            ));
            return None;
        }
        Some((Expr::Level(LevelRef { plan: other, subject: subject_ref }), found))
    }

    /// Another plan, noted to be looked up once all plans are known; `None` for the plan that asks.
    fn other_plan(&mut self, plan: &str, need: Need, span: &Span) -> Option<Arc<str>> {
        if plan.is_empty() || plan == &*self.environment.plan_id {
            return None;
        }
        let plan: Arc<str> = Arc::from(plan);
        let span = self.in_file(span);
        self.environment.references.push(Reference { plan: plan.clone(), need, span });
        Some(plan)
    }
}

const SCORES_HELP: &str =
    "the scores are \"global\", \"plan:ID\", \"tag:NAME\" and \"stage:ID\", where ID is the id of a plan";
const LEVELS_HELP: &str = "write level(\"PLAN\", \"qualify\"); the other levels are stage, band, grade, route, tag:NAME and action:ID; \"\" is this plan";
