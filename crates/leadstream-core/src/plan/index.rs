//! From an event to the rules that could fire on it, at a cost that follows those rules and not the rules that exist.
//!
//! For each event type the rules are filed under one guard each: what must hold of a single property for the rule's condition to be true,
//! `event.p == literal`, `event.p in [..]` or `event.p.startsWith(literal)`, found among the parts of `&&` (any one of them is necessary) and
//! `||` (all of them together are). Rules without a guard are filed under the type alone. Of several possible guards the one shared with the
//! fewest rules is taken, so that a condition common to all rules does not gather them under one key.
//!
//! Invariant: what is found is a superset of the rules of that type whose condition is true. Guards are compared by hash, so a collision
//! only adds a rule whose condition is then false.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::event::{Event, Term, Value};
use crate::expr::{Comparison, Expr, Literal, TextTest};
use crate::id::{Name, NameHasher};
use crate::plan::prefixes::{Prefixes, PrefixesBuilder};
use crate::plan::set::Candidate;
use crate::plan::{Absence, Plan, Rule, Trigger};

/// The index of one set of plans.
#[derive(Debug, Default)]
pub(crate) struct Index {
    types: NameMap<TypeIndex>,
}

/// Rules of one event type.
#[derive(Debug, Default)]
struct TypeIndex {
    /// Rules without a guard, in order.
    unguarded: Vec<Candidate>,
    /// Guarded rules by the property they look at. Searched from whichever side is shorter: this list, or the properties of the event.
    properties: Vec<(Name, PropertyIndex)>,
}

/// Rules of one event type whose guard looks at one property.
#[derive(Debug, Default)]
struct PropertyIndex {
    equal: NameMap<Vec<Candidate>>,
    prefixes: Prefixes,
}

/// What must hold of one property.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Guard {
    property: Name,
    test: GuardTest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum GuardTest {
    /// The property equals a value of this key.
    Equal(Name),
    /// The property is a text that begins so.
    Prefix(Arc<str>),
}

impl Index {
    /// Files the event rules of plans, numbered by their places.
    pub(crate) fn new(plans: &[Arc<Plan>]) -> Index {
        let filed: Vec<(Candidate, &Rule, Vec<Vec<Guard>>)> = (0u16..)
            .zip(plans)
            .flat_map(|(plan, compiled)| {
                (0u32..).zip(&compiled.rules).map(move |(rule, it)| (Candidate { plan, rule }, it))
            })
            .map(|(candidate, rule)| (candidate, rule, guards_of(rule)))
            .collect();
        let shares = count_shares(&filed);
        let mut builders: BTreeMap<Name, TypeBuilder> = BTreeMap::new();
        for (candidate, rule, choices) in &filed {
            for event_type in event_types(rule) {
                let share = |guard: &Guard| shares.get(&(event_type, guard)).copied().unwrap_or(0);
                let best = choices.iter().min_by_key(|guards| guards.iter().map(share).sum::<u64>());
                builders.entry(event_type).or_default().file(*candidate, best);
            }
        }
        Index { types: builders.into_iter().map(|(event_type, builder)| (event_type, builder.finish())).collect() }
    }

    /// Replaces `found` by the rules that the event may fire, each once, in order.
    pub(crate) fn find(&self, event: &Event, found: &mut Vec<Candidate>) {
        found.clear();
        let Some(rules) = self.types.get(&event.event_type.name()) else { return };
        found.extend_from_slice(&rules.unguarded);
        if rules.properties.len() <= event.properties.len() {
            for (name, index) in &rules.properties {
                if let Some(value) = event.properties.get(*name) {
                    index.find(value, found);
                }
            }
        } else {
            for (name, _, value) in event.properties.iter() {
                if let Ok(place) = rules.properties.binary_search_by_key(&name, |(name, _)| *name) {
                    rules.properties[place].1.find(value, found);
                }
            }
        }
        if found.len() > rules.unguarded.len() {
            found.sort_unstable();
            found.dedup();
        }
    }
}

impl PropertyIndex {
    fn find(&self, value: Value<'_>, found: &mut Vec<Candidate>) {
        if let Some(equal) = self.equal.get(&value_key(value)) {
            found.extend_from_slice(equal);
        }
        if let Value::Text(text) = value {
            self.prefixes.find(text, |candidates| found.extend_from_slice(candidates));
        }
    }
}

/// How many rules of an event type offer each guard.
fn count_shares<'a>(filed: &'a [(Candidate, &Rule, Vec<Vec<Guard>>)]) -> HashMap<(Name, &'a Guard), u64> {
    let mut shares = HashMap::new();
    for (_, rule, choices) in filed {
        for event_type in event_types(rule) {
            for guard in choices.iter().flatten() {
                *shares.entry((event_type, guard)).or_default() += 1;
            }
        }
    }
    shares
}

/// What must hold of an event for the rule to have to look at it. A compound rule takes parts also where its own condition is false.
fn guards_of(rule: &Rule) -> Vec<Vec<Guard>> {
    match &rule.trigger {
        Trigger::Compound(_) => Vec::new(),
        Trigger::Event(_) | Trigger::Absence(_) | Trigger::Idle { .. } => {
            rule.when.as_ref().map_or_else(Vec::new, guards)
        }
    }
}

/// The types a rule listens to, each once; none for a rule that silence fires. What closes a window is asked of the window.
fn event_types(rule: &Rule) -> Vec<Name> {
    let mut names: Vec<Name> = match &rule.trigger {
        Trigger::Event(types) | Trigger::Absence(Absence { after: types, .. }) => {
            types.iter().map(Term::name).collect()
        }
        Trigger::Compound(compound) => compound.parts.iter().flat_map(|part| &part.types).map(Term::name).collect(),
        Trigger::Idle { .. } => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    names
}

/// Collects what a [`TypeIndex`] is made of.
#[derive(Default)]
struct TypeBuilder {
    unguarded: Vec<Candidate>,
    properties: BTreeMap<Name, (NameMap<Vec<Candidate>>, PrefixesBuilder)>,
}

impl TypeBuilder {
    fn file(&mut self, candidate: Candidate, guards: Option<&Vec<Guard>>) {
        let Some(guards) = guards else {
            self.unguarded.push(candidate);
            return;
        };
        for guard in guards {
            let (equal, prefixes) = self.properties.entry(guard.property).or_default();
            match &guard.test {
                GuardTest::Equal(key) => equal.entry(*key).or_default().push(candidate),
                GuardTest::Prefix(prefix) => prefixes.add(prefix, candidate),
            }
        }
    }

    fn finish(self) -> TypeIndex {
        let finish = |(name, (equal, prefixes)): (Name, (_, PrefixesBuilder))| {
            (name, PropertyIndex { equal, prefixes: prefixes.finish() })
        };
        // In the order of names, as a binary search needs it.
        TypeIndex { unguarded: self.unguarded, properties: self.properties.into_iter().map(finish).collect() }
    }
}

/// The guards of a condition: each element is a list of guards of which at least one holds whenever the condition is true.
fn guards(condition: &Expr) -> Vec<Vec<Guard>> {
    match condition {
        Expr::And(parts) => parts.iter().flat_map(guards).collect(),
        Expr::Or(parts) => {
            // Every part must offer a guard, else a true part could hide from all of them.
            let firsts: Option<Vec<Vec<Guard>>> = parts.iter().map(|part| guards(part).into_iter().next()).collect();
            firsts.map(|lists| lists.concat()).into_iter().collect()
        }
        Expr::Compare(Comparison::Equal, operands) => match operands.as_ref() {
            [Expr::Event(property), Expr::Literal(literal)] | [Expr::Literal(literal), Expr::Event(property)] => {
                vec![vec![Guard::equal(*property, literal)]]
            }
            _ => Vec::new(),
        },
        Expr::InList(operand, list) => match operand.as_ref() {
            Expr::Event(property) => vec![list.iter().map(|literal| Guard::equal(*property, literal)).collect()],
            _ => Vec::new(),
        },
        Expr::Text(TextTest::StartsWith, operands) => match operands.as_ref() {
            [Expr::Event(property), Expr::Literal(Literal::Text(prefix))] => {
                vec![vec![Guard { property: *property, test: GuardTest::Prefix(prefix.clone()) }]]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

impl Guard {
    fn equal(property: Name, literal: &Literal) -> Guard {
        Guard { property, test: GuardTest::Equal(value_key(literal.value())) }
    }
}

/// The same for values that a condition finds equal; values of different types differ but for a collision.
fn value_key(value: Value<'_>) -> Name {
    match value {
        Value::Null => Name(0),
        Value::Bool(value) => Name(1 + u64::from(value)),
        // Both zeros are equal. Whole numbers have low bits that are all zero: multiplying brings their differences there.
        Value::Number(value) => Name((value + 0.0).to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)),
        Value::Text(value) => Name::of(value),
    }
}

/// A table by name: names are hashes already.
type NameMap<T> = HashMap<Name, T, BuildHasherDefault<NameHasher>>;
