//! What a test expects of the ledger: the rules that give the points, and how many and when where it says so.

use leadstream_core::Word;

use super::Compiler;
use super::examples::Times;
use super::keys::{self, entry, value};
use super::plan::Levels;
use super::values::present;
use crate::code::Code;
use crate::example::ExpectedLine;
use crate::suggest;
use crate::yaml::{Content, Node};

/// What the ledger calls points by hand (S17).
const ADJUST: &str = "#adjust";

/// As many rules are listed where a name is none of them.
const RULES_LISTED: usize = 12;

impl Compiler<'_> {
    /// Compiles the expected lines, in order.
    pub(super) fn expected_ledger(
        &mut self,
        node: &Node,
        levels: &Levels,
        times: &mut Times,
    ) -> Option<Vec<ExpectedLine>> {
        let help = "write `ledger: [visit, offer]`, or `ledger: [ { rule: visit, points: 10, at: 1d } ]`; `[]` is none";
        let items = self.list(node, "a list of what the score is made of", help)?;
        if self.is_too_long(node, items, "a test", "expected lines") {
            return None;
        }
        let lines: Vec<Option<_>> = items.iter().map(|item| self.expected_line(item, levels, times)).collect();
        lines.into_iter().collect()
    }

    fn expected_line(&mut self, node: &Node, levels: &Levels, times: &mut Times) -> Option<ExpectedLine> {
        if let Content::Scalar(_) = &node.content {
            return Some(ExpectedLine { rule: self.known_rule(node, levels)?, points: None, at: None });
        }
        let entries = self.entries(node, &keys::LEDGER_LINE)?;
        let Some(rule) = value(entries, "rule") else {
            self.missing(node, "the expected line", "rule", "name the rule that gives the points: `rule: visit`");
            return None;
        };
        let rule = self.known_rule(rule, levels);
        let points = value(entries, "points").map(|points| self.points(points, "the worth of a line"));
        let at = value(entries, "at").map(|at| self.instant(at, times));
        if let (Some(rule), Some(at)) =
            (rule, entry(entries, "at").filter(|_| rule.is_some_and(|rule| levels.fit.contains(&rule))))
        {
            self.sink
                .report(
                    Code::MisplacedKey,
                    at.key_span.clone(),
                    format!("`{rule}` is a fit rule and counts at no time of its own"),
                )
                .help("leave `at` out: a fit rule counts while its condition holds");
            return None;
        }
        Some(ExpectedLine { rule: rule?, points: present(points)?, at: present(at)? })
    }

    /// A rule, a fit rule, or `#adjust` for points by hand.
    fn known_rule(&mut self, node: &Node, levels: &Levels) -> Option<Word> {
        let text = self.scalar(node, "the id of a rule")?.text.clone();
        let rules: Vec<Word> = levels.rules.iter().chain(&levels.fit).copied().collect();
        if rules.is_empty() || text == ADJUST || rules.iter().any(|rule| **rule == *text) {
            return Some(Word::of(&text));
        }
        let names: Vec<&str> = rules.iter().map(|rule| rule.as_str()).collect();
        let help = match suggest::closest(&text, names.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None if names.len() <= RULES_LISTED => format!("the rules are {}", keys::listed(&names)),
            None => "name a rule or fit rule of this plan by its `id`".to_owned(),
        };
        let help = if text == "adjust" { format!("points by hand are `\"{ADJUST}\"`") } else { help };
        self.sink.report(Code::UnknownRule, node.span.clone(), format!("the plan has no rule `{text}`")).help(help);
        None
    }
}
