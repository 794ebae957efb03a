//! The keys that plans have, in one place: the compiler refuses all others, and the JSON Schema is held against the same lists.

use super::Compiler;
use crate::code::Code;
use crate::suggest;
use crate::yaml::{Content, Entry, Node};

/// The keys of one kind of mapping.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// What has these keys.
    pub(crate) of: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [&'static str],
}

/// A plan.
pub(crate) const PLAN: KeySet = KeySet {
    of: "a plan",
    keys: &[
        "plan",
        "members",
        "global",
        "time_zone",
        "rules",
        "fit",
        "limits",
        "qualify",
        "pipeline",
        "facts",
        "verdicts",
        "decay",
        "tests",
        "bands",
        "grade",
        "route",
        "actions",
        "feedback",
    ],
};
/// A rule.
pub(crate) const RULE: KeySet = KeySet {
    of: "a rule",
    keys: &[
        "id", "on", "idle", "after", "unless", "all", "within", "matching", "in_order", "when", "points", "cap",
        "once_per", "tag", "tags", "untag", "valid", "every", "times", "verdicts", "decay",
    ],
};
/// A part of a compound rule.
pub(crate) const PART: KeySet = KeySet { of: "a part", keys: &["on", "when"] };
/// A cap.
pub(crate) const CAP: KeySet = KeySet { of: "a cap", keys: &["points", "per"] };
/// A tag with points of its own.
pub(crate) const TAG: KeySet = KeySet { of: "a tag", keys: &["tag", "points"] };
/// A decay.
pub(crate) const DECAY: KeySet = KeySet { of: "a decay", keys: &["half_life", "linear", "expire", "step"] };
/// A fit rule.
pub(crate) const FIT: KeySet = KeySet { of: "a fit rule", keys: &["id", "when", "points"] };
/// Limits.
pub(crate) const LIMITS: KeySet = KeySet { of: "`limits`", keys: &["floor", "ceiling"] };
/// The threshold.
pub(crate) const QUALIFY: KeySet =
    KeySet { of: "`qualify`", keys: &["score", "at", "release", "rearm", "cooldown", "when"] };
/// The pipeline.
pub(crate) const PIPELINE: KeySet = KeySet { of: "`pipeline`", keys: &["by", "stages"] };
/// A stage.
pub(crate) const STAGE: KeySet = KeySet {
    of: "a stage",
    keys: &["name", "enter", "enter_when", "leave_below", "leave_when", "leave_idle", "final"],
};
/// The grade.
pub(crate) const GRADE: KeySet = KeySet { of: "`grade`", keys: &["fit", "engagement"] };
/// Its letters but for D, the best first.
pub(crate) const LETTERS: KeySet = KeySet { of: "the `fit` of a grade", keys: &["A", "B", "C"] };
/// Its digits but for 4, the best first.
pub(crate) const DIGITS: KeySet = KeySet { of: "the `engagement` of a grade", keys: &["1", "2", "3"] };
/// The route.
pub(crate) const ROUTE: KeySet = KeySet { of: "`route`", keys: &["to", "by", "else"] };
/// An action.
pub(crate) const ACTION: KeySet =
    KeySet { of: "an action", keys: &["id", "at", "release", "rearm", "score", "emit", "data"] };
/// What follows from feedback.
pub(crate) const FEEDBACK: KeySet = KeySet { of: "`feedback`", keys: &["recycle", "outcomes"] };
/// The outcomes of feedback.
pub(crate) const OUTCOMES: KeySet = KeySet { of: "`outcomes`", keys: &["won", "lost", "rejected"] };
/// A fact.
pub(crate) const FACT: KeySet = KeySet { of: "a fact", keys: &["on", "when"] };
/// Policies for verdicts.
pub(crate) const VERDICTS: KeySet = KeySet { of: "`verdicts`", keys: &["machine", "suspect", "human"] };
/// One policy.
pub(crate) const POLICY: KeySet = KeySet { of: "a policy", keys: &["weight", "hold", "key"] };
/// A test of the author.
pub(crate) const TEST: KeySet = KeySet { of: "a test", keys: &["name", "given", "at", "expect"] };
/// What a test expects.
pub(crate) const EXPECT: KeySet = KeySet {
    of: "`expect`",
    keys: &[
        "global",
        "score",
        "engagement",
        "fit",
        "member",
        "qualified",
        "stage",
        "stage_score",
        "band",
        "grade",
        "owner",
        "actions",
        "tags",
        "derived",
        "ledger",
    ],
};
/// Feedback in a test.
pub(crate) const GIVEN_FEEDBACK: KeySet = KeySet { of: "feedback", keys: &["outcome"] };
/// An adjustment in a test.
pub(crate) const GIVEN_ADJUST: KeySet = KeySet { of: "an adjustment", keys: &["add", "set", "decay"] };
/// A derived event that a test expects.
pub(crate) const DERIVED: KeySet =
    KeySet { of: "an expected event", keys: &["type", "at", "stage", "tag", "band", "grade", "owner", "action"] };

/// A line of the ledger that a test expects.
pub(crate) const LEDGER_LINE: KeySet = KeySet { of: "an expected line", keys: &["rule", "points", "at"] };

/// Every set of keys.
pub(crate) const SETS: [&KeySet; 27] = [
    &PLAN,
    &RULE,
    &PART,
    &CAP,
    &TAG,
    &DECAY,
    &FIT,
    &LIMITS,
    &QUALIFY,
    &PIPELINE,
    &STAGE,
    &FACT,
    &VERDICTS,
    &POLICY,
    &TEST,
    &EXPECT,
    &DERIVED,
    &LEDGER_LINE,
    &GRADE,
    &LETTERS,
    &DIGITS,
    &ROUTE,
    &ACTION,
    &FEEDBACK,
    &OUTCOMES,
    &GIVEN_FEEDBACK,
    &GIVEN_ADJUST,
];

impl Compiler<'_> {
    /// The entries of a mapping, after reporting the keys that it cannot have; `None` where the node is no mapping.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, set: &KeySet) -> Option<&'n [Entry]> {
        let Content::Mapping(entries) = &node.content else {
            let example = set.keys.first().copied().unwrap_or_default();
            self.sink
                .report(Code::WrongKind, node.span.clone(), format!("{} is a mapping of keys to values", set.of))
                .label(format!("this is {}", node.kind()))
                .help(format!("its keys are {}, written as `{example}: ..`", listed(set.keys)));
            return None;
        };
        for entry in entries {
            self.check_key(entry, set);
        }
        Some(entries)
    }

    fn check_key(&mut self, entry: &Entry, set: &KeySet) {
        let key = entry.key.as_str();
        if set.keys.contains(&key) {
            return;
        }
        let span = entry.key_span.clone();
        let close = suggest::closest(key, set.keys.iter().copied());
        let elsewhere = SETS.iter().find(|other| other.keys.contains(&key)).map(|other| other.of);
        let help = match (close, elsewhere) {
            (Some(close), _) => format!("did you mean `{close}`?"),
            (None, Some(of)) => format!("`{key}` is a key of {of}; mind the indentation"),
            (None, None) => format!("the keys of {} are {}", set.of, listed(set.keys)),
        };
        self.sink.report(Code::UnknownKey, span, format!("{} has no key `{key}`", set.of)).help(help);
    }

    /// Reports that a key is missing from a mapping.
    pub(super) fn missing(&mut self, node: &Node, of: &str, key: &str, help: &str) {
        let line = self.first_line(node);
        self.sink.report(Code::MissingKey, line, format!("{of} has no `{key}`")).help(help.to_owned());
    }

    /// The part of a node on its first line: enough to say which one is meant.
    pub(super) fn first_line(&self, node: &Node) -> crate::yaml::Span {
        let text = self.sink.text().get(node.span.clone()).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default().trim_end();
        node.span.start..node.span.start + line.len()
    }
}

/// The value of a key.
pub(crate) fn value<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Node> {
    entry(entries, key).map(|entry| &entry.value)
}

/// The entry of a key.
pub(super) fn entry<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// Words for a sentence: `a`, `b` and `c`.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
