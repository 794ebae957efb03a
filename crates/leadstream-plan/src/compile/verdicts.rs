//! What becomes of events that a machine caused, perhaps or surely (S56).

use leadstream_core::plan::{VerdictPolicies, VerdictPolicy};

use super::Compiler;
use super::keys::{self, entry, value};
use crate::code::Code;
use crate::suggest;
use crate::yaml::{Content, Entry, Node};

/// What may become of events with a verdict, as it is written.
const POLICIES: &str = "write `ignore`, `count`, `{ weight: 0.5 }` or `{ hold: 2h, key: email_id }`";

impl Compiler<'_> {
    /// Policies for verdicts; what is not said stays as in `around`.
    pub(super) fn verdicts(&mut self, node: &Node, around: VerdictPolicies) -> Option<VerdictPolicies> {
        let entries = self.entries(node, &keys::VERDICTS)?;
        let [machine, suspect, human] =
            [("machine", around.machine), ("suspect", around.suspect), ("human", around.human)]
                .map(|(key, otherwise)| value(entries, key).map_or(Some(otherwise), |node| self.policy(node)));
        Some(VerdictPolicies { machine: machine?, suspect: suspect?, human: human? })
    }

    fn policy(&mut self, node: &Node) -> Option<VerdictPolicy> {
        if let Content::Scalar(scalar) = &node.content {
            if let "hold" | "weight" = scalar.text.as_str() {
                let message = format!("`{}` needs to be told how", scalar.text);
                self.sink
                    .report(Code::BadChoice, node.span.clone(), message)
                    .help("write `{ weight: 0.5 }`, or `{ hold: 2h, key: email_id }`");
                return None;
            }
            return match scalar.text.as_str() {
                "ignore" => Some(VerdictPolicy::Ignore),
                "count" => Some(VerdictPolicy::Count),
                other => {
                    let help = match suggest::closest(other, ["ignore", "count"]) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => POLICIES.to_owned(),
                    };
                    let message = format!("`{other}` is not a policy");
                    self.sink.report(Code::BadChoice, node.span.clone(), message).help(help);
                    None
                }
            };
        }
        let entries = self.entries(node, &keys::POLICY)?;
        match (entry(entries, "weight"), entry(entries, "hold")) {
            (Some(weight), None) => {
                self.misplaced(entries, &["key"], "only a policy with `hold` has it");
                self.weight(&weight.value).map(VerdictPolicy::Weight)
            }
            (None, Some(hold)) => self.held(node, entries, &hold.value),
            (Some(weight), Some(hold)) => {
                self.sink
                    .report(Code::MisplacedKey, hold.key_span.clone(), "a policy has `weight` or `hold`, not both")
                    .related(weight.key_span.clone(), "books a part at once")
                    .help("what is held is booked in full once somebody confirms it");
                None
            }
            (None, None) => {
                self.missing(node, "the policy", "weight", POLICIES);
                None
            }
        }
    }

    /// `hold: 2h, key: email_id`.
    fn held(&mut self, node: &Node, entries: &[Entry], hold: &Node) -> Option<VerdictPolicy> {
        let span = self.span_in_horizon(hold);
        let key = match value(entries, "key") {
            Some(key) => self.property(key, "key"),
            None => {
                const HELP: &str =
                    "name what a human event must have in common with the one that is held: `key: email_id`";
                self.missing(node, "the policy", "key", HELP);
                None
            }
        };
        Some(VerdictPolicy::Hold { span: span?, key: key? })
    }

    /// Reports a `hold` among the policies of a rule that events do not fire one by one.
    pub(super) fn no_hold(&mut self, verdicts: &Node) {
        let Content::Mapping(entries) = &verdicts.content else { return };
        for policy in entries {
            let Content::Mapping(inner) = &policy.value.content else { continue };
            let why = "only rules with `on` can be held; others count the event when it comes";
            self.misplaced(inner, &["hold"], why);
        }
    }
}
