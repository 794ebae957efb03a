//! Actions: what is asked for when a score rises to where it acts (S34).

use std::sync::Arc;

use leadstream_core::Word;
use leadstream_core::expr::{Literal, ScoreRef};
use leadstream_core::plan::{Action, Request};
use leadstream_core::points::Points;

use super::Compiler;
use super::keys::{self, value};
use super::names::Names;
use super::reach::Reach;
use super::values::present;
use crate::code::Code;
use crate::yaml::{Content, Node, Scalar};

/// The most actions of a plan (S58).
pub(crate) const ACTIONS_MAX: usize = 64;
/// How much an action may hand over, in bytes of names and texts.
const DATA_MAX_BYTES: usize = 1 << 10;

impl Compiler<'_> {
    /// Compiles the actions; they are kept by id.
    pub(super) fn actions(&mut self, node: &Node, reach: &Reach) -> Option<Vec<Action>> {
        let items = self.list(
            node,
            "a list of actions",
            "begin each one with `-`, as in `- { id: discount, at: 60, emit: send_offer }`",
        )?;
        if items.len() > ACTIONS_MAX {
            let line = self.first_line(node);
            self.sink
                .report(
                    Code::TooLarge,
                    line,
                    format!("a plan has at most {ACTIONS_MAX} actions, and this one {}", items.len()),
                )
                .help("move some of them into a further plan");
            return None;
        }
        let mut names = Names::default();
        let actions: Vec<Option<Action>> = items.iter().map(|item| self.action(item, reach, &mut names)).collect();
        let mut actions: Vec<Action> = actions.into_iter().collect::<Option<_>>()?;
        actions.sort_by_key(|action| action.id);
        Some(actions)
    }

    fn action(&mut self, node: &Node, reach: &Reach, names: &mut Names) -> Option<Action> {
        let entries = self.entries(node, &keys::ACTION)?;
        let id = match value(entries, "id") {
            Some(id_node) => {
                let id = self.id(id_node, "the id of an action");
                if let Some(id) = &id {
                    self.unique(names, id, &id_node.span, "actions");
                }
                id
            }
            None => {
                self.missing(node, "the action", "id", "name it: `id: discount`; what was requested is kept by it");
                None
            }
        };
        let score = value(entries, "score").map_or(Some(ScoreRef::Plan(None)), |score| self.threshold_score(score));
        let rearm = value(entries, "rearm")
            .map_or(Some("never"), |rearm| self.choice(rearm, "a way to act again", &["never", "on_release"]));
        let emit = value(entries, "emit").map(|emit| self.emit(emit));
        let data = value(entries, "data").map_or(Some(Vec::new()), |data| self.data(data));
        let threshold = match value(entries, "at") {
            Some(at) => self.threshold(at, value(entries, "release"), score.as_ref(), reach),
            None => {
                self.missing(node, "the action", "at", "say from how many points on: `at: 60`");
                None
            }
        };
        let (score, (at, release)) = (score?, threshold?);
        if let (Some(release), true) = (value(entries, "release"), rearm? == "never") {
            self.sink
                .report(Code::MisplacedKey, release.span.clone(), "`release` has no meaning here")
                .label("it is never counted again")
                .help("add `rearm: on_release`, or take it out");
        }
        Some(Action {
            id: Word::of(&id?),
            score,
            at,
            release,
            rearms: rearm? == "on_release",
            request: Arc::new(Request { emit: present(emit)?, data: data? }),
        })
    }

    /// Where a threshold is reached, and below what it is released.
    fn threshold(
        &mut self,
        at_node: &Node,
        release_node: Option<&Node>,
        score: Option<&ScoreRef>,
        reach: &Reach,
    ) -> Option<(Points, Points)> {
        let release = release_node.map(|release| self.points(release, "a release"));
        let at = self.points(at_node, "a threshold")?;
        let release = present(release)?.unwrap_or(at);
        if let Some(release_node) = release_node.filter(|_| release > at) {
            let help = "an action counts again after its score fell below `release`: write a number at most as large";
            self.released_too_high(release, release_node.span.clone(), at, at_node, help);
            return None;
        }
        if let Some(score) = score {
            self.check_reach(score, at, at_node, reach);
        }
        self.check_always(at, at_node);
        Some((at, release))
    }

    fn emit(&mut self, node: &Node) -> Option<Arc<str>> {
        let text = &self.scalar(node, "a word for what to do")?.text;
        if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) {
            self.sink
                .report(Code::BadName, node.span.clone(), "this cannot be what an action emits")
                .help("write a word that the receiver knows, such as `send_offer`, at most 100 bytes");
            return None;
        }
        Some(Arc::from(text.as_str()))
    }

    /// Scalars by name, for the receiver.
    fn data(&mut self, node: &Node) -> Option<Vec<(Arc<str>, Literal)>> {
        let entries = self.open_mapping(node, "values by name", "write `data: { offer: spring, percent: 10 }`")?;
        let mut is_sound = true;
        let mut bytes = 0;
        let mut data = Vec::with_capacity(entries.len());
        for entry in entries {
            let Content::Scalar(scalar) = &entry.value.content else {
                self.wrong_kind(&entry.value, "a text, a number or a truth value", "data of an action is flat: give each value a name of its own, as in `data: { to: anna, percent: 10 }`");
                is_sound = false;
                continue;
            };
            bytes += entry.key.len() + scalar.text.len();
            data.push((Arc::from(entry.key.as_str()), literal(scalar)));
        }
        if bytes > DATA_MAX_BYTES {
            let line = self.first_line(node);
            self.sink
                .report(Code::TooLarge, line, format!("the data has {bytes} bytes, more than {DATA_MAX_BYTES}"))
                .help("hand over a name that the receiver looks up");
            return None;
        }
        data.sort_by(|(one, _), (other, _): &(Arc<str>, Literal)| one.cmp(other));
        is_sound.then_some(data)
    }
}

/// A value as YAML 1.2 means it.
fn literal(scalar: &Scalar) -> Literal {
    match super::given::value_of(scalar) {
        leadstream_core::Value::Null => Literal::Null,
        leadstream_core::Value::Bool(value) => Literal::Bool(value),
        leadstream_core::Value::Number(value) => Literal::Number(value),
        leadstream_core::Value::Text(value) => Literal::Text(Arc::from(value)),
    }
}
