//! How points lose their worth with age (S20).

use leadstream_core::decay::{Decay, Step};
use leadstream_core::points::Points;
use leadstream_core::time::Span;

use super::Compiler;
use super::keys::{self, listed};
use crate::code::Code;
use crate::yaml::{Content, Node};

/// The shortest half-life (S58).
const HALF_LIFE_MIN: Span = Span::from_millis(60_000);

/// How to write one.
const HELP: &str =
    "write `none`, `{ half_life: 30d }`, `{ linear: 30d }`, `{ expire: 30d }` or `{ step: [[7d, 50], [30d, 0]] }`";

impl Compiler<'_> {
    /// The decay of a plan or of a rule.
    pub(super) fn decay(&mut self, node: &Node) -> Option<Decay> {
        if let Content::Scalar(scalar) = &node.content {
            if scalar.text == "none" {
                return Some(Decay::None);
            }
            self.sink.report(Code::BadDecay, node.span.clone(), format!("`{}` is no decay", scalar.text)).help(HELP);
            return None;
        }
        let entries = self.entries(node, &keys::DECAY)?;
        let known: Vec<_> = entries.iter().filter(|entry| keys::DECAY.keys.contains(&entry.key.as_str())).collect();
        let [entry] = known.as_slice() else {
            if known.len() > 1 {
                let both: Vec<&str> = known.iter().map(|entry| entry.key.as_str()).collect();
                self.sink
                    .report(
                        Code::BadDecay,
                        known[1].key_span.clone(),
                        format!("points decay in one way, not by {}", listed(&both)),
                    )
                    .related(known[0].key_span.clone(), "this is one")
                    .help("give the rules that differ a `decay` of their own");
            } else if entries.is_empty() {
                self.sink.report(Code::BadDecay, node.span.clone(), "this decay says nothing").help(HELP);
            }
            return None;
        };
        match entry.key.as_str() {
            "half_life" => self.half_life(&entry.value),
            "linear" => self.duration(&entry.value).map(Decay::Linear),
            "expire" => self.duration(&entry.value).map(Decay::expire),
            _ => self.steps(&entry.value),
        }
    }

    fn half_life(&mut self, node: &Node) -> Option<Decay> {
        let half_life = self.duration(node)?;
        if half_life < HALF_LIFE_MIN {
            self.sink
                .report(Code::BadDecay, node.span.clone(), format!("a half-life of {half_life} is too short"))
                .help("write a minute or more; points that are worth nothing right away need no rule");
            return None;
        }
        Some(Decay::HalfLife(half_life))
    }

    fn steps(&mut self, node: &Node) -> Option<Decay> {
        let items = self.list(
            node,
            "a list of steps",
            "each is an age and the percent that is kept from then on: `[[7d, 50], [30d, 0]]`",
        )?;
        let mut steps: Vec<Step> = Vec::new();
        let mut sound = !items.is_empty();
        if items.is_empty() {
            self.sink.report(Code::BadDecay, node.span.clone(), "a decay in steps has at least one step").help(HELP);
        }
        for item in items {
            let Some(step) = self.step(item) else {
                sound = false;
                continue;
            };
            let problem = steps.last().and_then(|before| {
                if step.age <= before.age {
                    Some(format!("this step is not later than the one before, {}", before.age))
                } else if step.keep > before.keep {
                    Some(format!(
                        "this step keeps {} percent, more than the {} before: points never come back",
                        percent_of(step.keep),
                        percent_of(before.keep)
                    ))
                } else {
                    None
                }
            });
            if let Some(problem) = problem {
                self.sink.report(Code::BadDecay, item.span.clone(), problem).help("let ages rise and percents fall");
                sound = false;
            }
            steps.push(step);
        }
        sound.then(|| Decay::Steps(steps.into()))
    }

    /// One step: `[7d, 50]`.
    fn step(&mut self, node: &Node) -> Option<Step> {
        let Content::Sequence(parts) = &node.content else {
            self.sink
                .report(Code::BadDecay, node.span.clone(), "a step is an age and a percent")
                .help("write it as `[7d, 50]`");
            return None;
        };
        let [age, percent] = parts.as_slice() else {
            self.sink
                .report(Code::BadDecay, node.span.clone(), "a step is an age and a percent, and nothing else")
                .help("write it as `[7d, 50]`");
            return None;
        };
        let (age, keep) = (self.duration(age), self.percent(percent));
        Some(Step { age: age?, keep: keep? })
    }

    /// A percent with three decimals at most, in thousandths.
    fn percent(&mut self, node: &Node) -> Option<u32> {
        let percent = self.points(node, "a percent")?.thousandths();
        let percent = u32::try_from(percent).ok().filter(|percent| *percent <= Step::ALL);
        if percent.is_none() {
            self.sink
                .report(
                    Code::BadNumber,
                    node.span.clone(),
                    format!("`{}` is no percent that points can keep", self.shown(node)),
                )
                .help("write a number from 0 to 100: what is left of the points from that age on");
        }
        percent
    }
}

fn percent_of(keep: u32) -> Points {
    Points::from_thousandths(i64::from(keep))
}
