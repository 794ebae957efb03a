//! The stages of a plan: what leads into each and what leads back (S36, S37).

use std::sync::Arc;

use leadstream_core::Word;
use leadstream_core::expr::ScoreRef;
use leadstream_core::plan::{Pipeline, Stage};

use super::keys::{self, entry, value};
use super::names::Names;
use super::reach::Reach;
use super::values::present;
use super::{Compiler, STAGES_MAX};
use crate::cel::Place;
use crate::code::Code;
use crate::yaml::{Entry, Node};

/// What compiles to.
pub(super) type Compiled = Pipeline;

/// A stage with its place in the file.
type Placed<'n> = (Stage, &'n Node, &'n [Entry]);

impl Compiler<'_> {
    /// Compiles the stages.
    /// `led_to` are the stages that feedback leads to (S38): they need no other way.
    pub(super) fn pipeline(&mut self, node: &Node, reach: &Reach, led_to: &[Arc<str>]) -> Option<Pipeline> {
        let entries = self.entries(node, &keys::PIPELINE)?;
        let by = value(entries, "by").map_or(Some("stage"), |by| {
            self.choice(by, "a score that stages are entered by", &["stage", "engagement", "plan"])
        });
        let Some(list) = value(entries, "stages") else {
            self.missing(
                node,
                "the pipeline",
                "stages",
                "list its stages, lowest first: `stages: [ { name: lead }, { name: customer, enter: 50 } ]`",
            );
            return None;
        };
        let items = self.list(list, "a list of stages", "begin each stage with `-`, as in `- { name: lead }`")?;
        if items.is_empty() {
            self.wrong_kind(
                list,
                "at least one stage",
                "write `stages: [ { name: lead }, { name: customer, enter: 50 } ]`, or take the pipeline out",
            );
            return None;
        }
        if items.len() > STAGES_MAX {
            let line = self.first_line(list);
            self.sink
                .report(
                    Code::TooLarge,
                    line,
                    format!("a pipeline has at most {STAGES_MAX} stages, and this one {}", items.len()),
                )
                .help("take some out; what only shows how far somebody is can be a band");
            return None;
        }
        let mut names = Names::default();
        let stages: Vec<Option<Placed<'_>>> = items.iter().map(|item| self.stage(item, &mut names)).collect();
        let stages: Vec<Placed<'_>> = stages.into_iter().collect::<Option<_>>()?;
        let by = match by? {
            "engagement" => ScoreRef::Engagement,
            "plan" => ScoreRef::Plan(None),
            _ => ScoreRef::Stage(None),
        };
        self.check_first(&stages);
        self.check_ways(&stages, &by, reach, led_to);
        Some(Pipeline { by, stages: stages.into_iter().map(|(stage, ..)| stage).collect() })
    }

    fn stage<'n>(&mut self, node: &'n Node, names: &mut Names) -> Option<Placed<'n>> {
        let entries = self.entries(node, &keys::STAGE)?;
        let name = match value(entries, "name") {
            Some(name_node) => {
                let name = self.id(name_node, "the name of a stage");
                if let Some(name) = &name {
                    self.unique(names, name, &name_node.span, "stages");
                }
                name
            }
            None => {
                self.missing(node, "the stage", "name", "name it: `name: lead`");
                None
            }
        };
        let enter = value(entries, "enter").map(|enter| self.points(enter, "a threshold"));
        let leave_below = value(entries, "leave_below").map(|leave| self.points(leave, "a threshold"));
        let enter_when = value(entries, "enter_when").map(|when| self.condition(when, Place::Level));
        let leave_when = value(entries, "leave_when").map(|when| self.condition(when, Place::Level));
        let leave_idle = value(entries, "leave_idle").map(|idle| self.duration(idle));
        let is_final = value(entries, "final").map_or(Some(false), |is_final| self.truth(is_final));
        let stage = Stage {
            name: Word::of(&name?),
            enter: present(enter)?,
            enter_when: present(enter_when)?,
            leave_below: present(leave_below)?,
            leave_when: present(leave_when)?,
            leave_idle: present(leave_idle)?,
            is_final: is_final?,
        };
        Some((stage, node, entries))
    }

    /// The first stage is entered at once and has nothing below it.
    fn check_first(&mut self, stages: &[Placed<'_>]) {
        let Some((_, _, entries)) = stages.first() else { return };
        for key in ["enter", "enter_when", "leave_below", "leave_when", "leave_idle"] {
            if let Some(found) = entry(entries, key) {
                let why = if key.starts_with("enter") {
                    "every member enters the first stage at once"
                } else {
                    "there is no stage below the first to go back to"
                };
                self.sink
                    .report(
                        Code::MisplacedKey,
                        found.key_span.clone(),
                        format!("`{key}` has no meaning in the first stage"),
                    )
                    .help(why);
            }
        }
    }

    /// Every further stage needs a way in, and a way that can be gone.
    fn check_ways(&mut self, stages: &[Placed<'_>], by: &ScoreRef, reach: &Reach, led_to: &[Arc<str>]) {
        for pair in stages.windows(2) {
            let [(before, ..), (stage, node, entries)] = pair else { continue };
            let is_led_to = led_to.iter().any(|name| *name.as_ref() == *stage.name);
            if is_led_to {
                // Feedback leads into it, whatever else does.
            } else if before.is_final {
                let line = self.first_line(node);
                self.sink
                    .report(Code::StageNeverEntered, line, format!("the stage `{}` can never be entered", stage.name))
                    .help(format!("the stage `{}` before it is final, so nothing leads on from it", before.name));
            } else if stage.enter.is_none() && stage.enter_when.is_none() {
                let line = self.first_line(node);
                self.sink
                    .report(Code::StageNeverEntered, line, format!("the stage `{}` can never be entered", stage.name))
                    .help("say from how many points on it is entered, `enter: 50`, or on which condition, `enter_when: 'contact.customer'`, or let feedback lead to it, `feedback: { outcomes: { won: .. } }`");
            }
            if let (Some(enter), Some(enter_node)) = (stage.enter, value(entries, "enter")) {
                if stage.enter_when.is_none() {
                    self.check_reach(by, enter, enter_node, reach);
                }
                if let Some(lower) = before.enter.filter(|lower| *by != ScoreRef::Stage(None) && enter <= *lower) {
                    self.sink
                        .report(
                            Code::StageOrder,
                            enter_node.span.clone(),
                            format!("whoever enters `{}` at {lower} enters `{}` at once", before.name, stage.name),
                        )
                        .help("stages are listed from the lowest to the highest");
                }
            }
            for key in ["leave_below", "leave_when", "leave_idle"] {
                if let Some(found) = entry(entries, key).filter(|_| stage.is_final) {
                    self.sink
                        .report(
                            Code::MisplacedKey,
                            found.key_span.clone(),
                            format!("`{key}` has no meaning in a final stage"),
                        )
                        .help("a final stage is not left by scores, conditions or silence");
                }
            }
        }
    }
}
