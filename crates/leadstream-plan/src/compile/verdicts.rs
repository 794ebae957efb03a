//! What becomes of events that a machine caused, perhaps or surely (S56).

use leadstream_core::plan::{VerdictPolicies, VerdictPolicy};

use super::Compiler;
use super::keys::{self, value};
use crate::yaml::{Content, Node};

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
        if let Content::Scalar(_) = &node.content {
            return Some(match self.choice(node, "a policy", &["ignore", "count"])? {
                "ignore" => VerdictPolicy::Ignore,
                _ => VerdictPolicy::Count,
            });
        }
        let entries = self.entries(node, &keys::POLICY)?;
        match value(entries, "weight") {
            Some(weight) => self.weight(weight).map(VerdictPolicy::Weight),
            None => {
                if entries.iter().all(|entry| !keys::POLICY.later.contains(&entry.key.as_str())) {
                    self.missing(node, "the policy", "weight", "write `ignore`, `count` or `{ weight: 0.5 }`");
                }
                None
            }
        }
    }
}
