//! Which of many prefixes does a text begin with? A radix tree: the cost follows the length of the text that matches, not the number of
//! prefixes.
//!
//! Bytes are compared, which for UTF-8 is the same as comparing code points. The tree is built once and never changes; nodes lie in one
//! vector and are walked without recursion, so that no depth of nested prefixes can exhaust the stack.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::plan::set::Candidate;

/// Rules by prefix.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    /// The root first; empty when there is no prefix.
    nodes: Vec<Node>,
    /// The bytes of all labels.
    bytes: Vec<u8>,
    /// First byte and node of the children of all nodes, by byte within a node.
    children: Vec<(u8, u32)>,
    /// The rules of all nodes.
    candidates: Vec<Candidate>,
}

/// One node: reached by the labels on the way to it.
#[derive(Debug)]
struct Node {
    label: Range<u32>,
    children: Range<u32>,
    candidates: Range<u32>,
}

/// Collects rules by prefix.
#[derive(Default)]
pub(crate) struct PrefixesBuilder(BTreeMap<Arc<str>, Vec<Candidate>>);

impl PrefixesBuilder {
    /// Adds a rule under a prefix.
    pub(crate) fn add(&mut self, prefix: &Arc<str>, candidate: Candidate) {
        self.0.entry(prefix.clone()).or_default().push(candidate);
    }

    /// The tree of what was added.
    pub(crate) fn finish(self) -> Prefixes {
        let sorted: Vec<(Arc<str>, Vec<Candidate>)> = self.0.into_iter().collect();
        let mut tree = Prefixes::default();
        if sorted.is_empty() {
            return tree;
        }
        tree.nodes.push(Node::placeholder());
        let mut waiting = vec![Branch { node: 0, depth: 0, entries: 0..sorted.len() }];
        while let Some(branch) = waiting.pop() {
            tree.grow(&sorted, branch, &mut waiting);
        }
        tree
    }
}

/// A node to be filled: the entries that share their first `depth` bytes.
struct Branch {
    node: usize,
    depth: usize,
    entries: Range<usize>,
}

impl Node {
    fn placeholder() -> Node {
        Node { label: 0..0, children: 0..0, candidates: 0..0 }
    }
}

impl Prefixes {
    /// Calls `each` with the rules of every prefix that `text` begins with.
    pub(crate) fn find(&self, text: &str, mut each: impl FnMut(&[Candidate])) {
        let mut rest = text.as_bytes();
        let mut next = self.nodes.first();
        while let Some(node) = next {
            let Some(after) = rest.strip_prefix(&self.bytes[range(&node.label)]) else { return };
            if !node.candidates.is_empty() {
                each(&self.candidates[range(&node.candidates)]);
            }
            let Some(first) = after.first() else { return };
            let children = &self.children[range(&node.children)];
            let Ok(place) = children.binary_search_by_key(first, |(byte, _)| *byte) else { return };
            next = self.nodes.get(children[place].1 as usize);
            rest = after;
        }
    }

    /// Fills one node from its entries, which are sorted, and lays its children out for later.
    fn grow(&mut self, sorted: &[(Arc<str>, Vec<Candidate>)], branch: Branch, waiting: &mut Vec<Branch>) {
        let Branch { node, depth, mut entries } = branch;
        // Sorted: what the first and the last share, all share.
        let (first, last) = (sorted[entries.start].0.as_bytes(), sorted[entries.end - 1].0.as_bytes());
        let shared = first.iter().zip(last).take_while(|(one, other)| one == other).count();
        let label = append(&mut self.bytes, &first[depth..shared]);
        let mut own = 0..0;
        if first.len() == shared {
            own = append(&mut self.candidates, &sorted[entries.start].1);
            entries.start += 1;
        }
        let children_start = self.children.len() as u32;
        while !entries.is_empty() {
            let byte = sorted[entries.start].0.as_bytes()[shared];
            let same = sorted[entries.clone()].partition_point(|(prefix, _)| prefix.as_bytes()[shared] <= byte);
            let child = self.nodes.len();
            self.nodes.push(Node::placeholder());
            self.children.push((byte, child as u32));
            waiting.push(Branch { node: child, depth: shared, entries: entries.start..entries.start + same });
            entries.start += same;
        }
        self.nodes[node] = Node { label, children: children_start..self.children.len() as u32, candidates: own };
    }
}

/// Appends items and tells where they lie.
fn append<T: Clone>(all: &mut Vec<T>, items: &[T]) -> Range<u32> {
    let start = all.len() as u32;
    all.extend_from_slice(items);
    start..all.len() as u32
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(prefixes: &[&str], text: &str) -> Vec<String> {
        let mut builder = PrefixesBuilder::default();
        for (rule, prefix) in (0u32..).zip(prefixes) {
            builder.add(&Arc::from(*prefix), Candidate { plan: 0, rule });
        }
        let mut all = Vec::new();
        builder
            .finish()
            .find(text, |candidates| all.extend(candidates.iter().map(|it| prefixes[it.rule as usize].to_owned())));
        all
    }

    #[test]
    fn every_prefix_of_a_text_is_found_and_nothing_else() {
        let prefixes = ["/shoes/", "/shoes/red", "/shirts", "/", "", "/shoes/", "/é", "/è"];
        assert_eq!(found(&prefixes, "/shoes/red/1"), ["", "/", "/shoes/", "/shoes/", "/shoes/red"]);
        assert_eq!(found(&prefixes, "/shoe"), ["", "/"]);
        assert_eq!(found(&prefixes, "/élan"), ["", "/", "/é"]);
        assert_eq!(found(&prefixes, ""), [""]);
        assert_eq!(found(&[], "/"), Vec::<String>::new());
    }

    #[test]
    fn deeply_nested_prefixes_neither_overflow_the_stack_nor_hide_each_other() {
        let long = "x".repeat(20_000);
        let prefixes: Vec<&str> = (0..20_000).step_by(10).map(|length| &long[..length]).collect();
        assert_eq!(found(&prefixes, &long).len(), prefixes.len());
        assert_eq!(found(&prefixes, &long[..100]).len(), 11);
    }
}
