//! What the groups of clauses add to a plan, and how a change of plans alters that.
//!
//! Invariant: with no group asked for, nothing is added and nothing altered.

use proptest::prelude::*;

use super::Groups;
use super::conditions;
use super::plans::{Model, Rule, cap, joined, literal_points, quoted, tags, valid, words};

/// What is added to a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    /// Lines of the plan's own keys.
    head: Vec<String>,
    /// For each rule by its number, keys that it gets.
    of_rules: Vec<Option<String>>,
    /// Rules after the others.
    rules: Vec<Rule>,
}

/// Random additions from the groups.
pub(super) fn extras(groups: Groups) -> BoxedStrategy<Extras> {
    let asked = |group: bool, strategy: BoxedStrategy<Extras>| {
        if group { strategy } else { Just(Extras::default()).boxed() }
    };
    let all = vec![
        asked(groups.decay, decays()),
        asked(groups.absence, more_rules(absence_rule())),
        asked(groups.compound, more_rules(compound_rule())),
        asked(groups.commands, feedback()),
        asked(groups.levels, levels()),
        asked(groups.verdicts, verdicts()),
    ];
    all.prop_map(|all| all.into_iter().fold(Extras::default(), Extras::and)).boxed()
}

impl Extras {
    fn and(mut self, other: Extras) -> Extras {
        self.head.extend(other.head);
        self.of_rules.extend(other.of_rules);
        self.rules.extend(other.rules);
        self
    }

    pub(super) fn added_to(&self, mut model: Model) -> Model {
        for line in &self.head {
            // A plan says each thing once.
            let key = line.split(':').next().unwrap_or_default();
            model.head.retain(|known| !known.starts_with(&format!("{key}:")));
            model.head.push(line.clone());
        }
        if model.pipeline.is_none() {
            // Outcomes lead to stages.
            model.head.iter_mut().for_each(|line| *line = line.replace(OUTCOMES, ""));
        }
        for (rule, keys) in model.rules.iter_mut().zip(&self.of_rules) {
            rule.rest.extend(keys.iter().map(|keys| format!(", {keys}")));
        }
        model.rules.extend(self.rules.iter().cloned());
        model
    }
}

fn decays() -> BoxedStrategy<Extras> {
    let own = proptest::collection::vec(proptest::option::weighted(0.3, rule_decay()), 0..6);
    (proptest::option::weighted(0.8, plan_decay()), own)
        .prop_map(|(of_plan, of_rules)| Extras { head: of_plan.into_iter().collect(), of_rules, ..Extras::default() })
        .boxed()
}

/// What feedback leads to where there are stages.
const OUTCOMES: &str = ", outcomes: { won: s1, lost: s0 }";

fn feedback() -> BoxedStrategy<Extras> {
    let recycle = proptest::option::weighted(0.7, words(&["keep", "reset"]));
    let line =
        recycle.prop_map(|recycle| recycle.map(|recycle| format!("feedback: {{ recycle: {recycle}{OUTCOMES} }}")));
    line.prop_map(|line| Extras { head: line.into_iter().collect(), ..Extras::default() }).boxed()
}

/// A plan whose suspects are held, where it says nothing else of verdicts, and a rule that holds by itself.
fn verdicts() -> BoxedStrategy<Extras> {
    let of_plan = words(&[
        "verdicts: { suspect: { hold: 1d, key: email_id } }",
        "verdicts: { suspect: { hold: 3d, key: path }, machine: { hold: 12h, key: email_id } }",
        "verdicts: { machine: { weight: 0.5 }, human: count }",
    ]);
    let rule = (literal_points(), rare(once()), rare(cap()), rare(tags())).prop_map(|(points, once, cap, tags)| Rule {
        points,
        rest: joined([
            Some("on: [page_viewed, email_opened]".to_owned()),
            Some("verdicts: { suspect: { hold: 2d, key: path }, machine: { hold: 7d, key: path } }".to_owned()),
            once,
            cap,
            tags,
        ]),
    });
    (of_plan, rule).prop_map(|(head, rule)| Extras { head: vec![head], rules: vec![rule], ..Extras::default() }).boxed()
}

fn bands() -> BoxedStrategy<String> {
    words(&[
        "bands: { warm: 10, hot: 30 }",
        "bands: { warm: 5, hot: 20, margin: 5 }",
        "bands: { a: 2.5, b: 10, c: 33.333, margin: 2.5 }",
    ])
}

fn actions() -> BoxedStrategy<String> {
    words(&[
        "actions: [{ id: x, at: 10 }]",
        "actions: [{ id: x, at: 20, release: 10, rearm: on_release }, { id: a, at: 5, rearm: on_release, score: engagement }]",
        "actions: [{ id: x, at: 5, rearm: on_release, emit: mail, data: { k: v } }]",
        "actions: [{ id: x, at: 2.5, rearm: on_release, score: 'tag:vip' }, { id: y, at: 15, score: global }]",
    ])
}

fn levels() -> BoxedStrategy<Extras> {
    let grade = words(&[
        "grade: { fit: { A: 10, B: 5, C: 0 }, engagement: { 1: 40, 2: 20, 3: 5 } }",
        "grade: { fit: { A: 5 }, engagement: { 1: 10, 3: 2.5 } }",
    ]);
    let route = words(&[
        "route: { to: [anna, piotr, ola], else: rendezvous }",
        "route: { to: [Brno, anna], by: contact.city, else: rendezvous }",
    ]);
    let reads = Rule {
        points: "3".to_owned(),
        rest: "on: [email_opened, form_submitted], when: 'level(\"\", \"band\") != \"cold\"'".to_owned(),
    };
    let maybe = |strategy| proptest::option::weighted(0.7, strategy);
    (maybe(bands()), maybe(grade), maybe(route), maybe(actions()))
        .prop_map(move |(bands, grade, route, actions)| Extras {
            rules: if bands.is_some() { vec![reads.clone()] } else { Vec::new() },
            head: [bands, grade, route, actions].into_iter().flatten().collect(),
            ..Extras::default()
        })
        .boxed()
}

fn more_rules(rule: BoxedStrategy<Rule>) -> BoxedStrategy<Extras> {
    proptest::collection::vec(rule, 1..3).prop_map(|rules| Extras { rules, ..Extras::default() }).boxed()
}

fn rare(strategy: BoxedStrategy<String>) -> impl Strategy<Value = Option<String>> {
    proptest::option::weighted(0.2, strategy)
}

fn once() -> BoxedStrategy<String> {
    words(&["once_per: 2d", "once_per: ever", "once_per: event.email_id"])
}

fn when() -> BoxedStrategy<String> {
    conditions::of_rule().prop_map(|condition| quoted("when", &condition)).boxed()
}

fn own_verdicts() -> BoxedStrategy<String> {
    words(&["verdicts: { machine: count }", "verdicts: { suspect: { weight: 0.25 } }", "verdicts: { suspect: ignore }"])
}

/// The points of a rule that an event awards.
fn points() -> BoxedStrategy<String> {
    prop_oneof![5 => literal_points(), 1 => words(&["'event.value / 100'"])].boxed()
}

fn absence_rule() -> BoxedStrategy<Rule> {
    let trigger = words(&[
        "after: email_delivered, unless: email_opened, within: 1d",
        "after: email_delivered, unless: email_opened, within: 2d, matching: email_id",
        "after: page_viewed, unless: [order_completed, form_submitted], within: 12h",
        "after: [page_viewed, email_opened], unless: page_viewed, within: 2d, matching: path",
        "after: order_completed, unless: order_completed, within: 3d",
    ]);
    (trigger, points(), rare(when()), rare(cap()), rare(once()), rare(valid()), rare(tags()), rare(own_verdicts()))
        .prop_map(|(trigger, points, when, cap, once, valid, tags, verdicts)| Rule {
            points,
            rest: joined([Some(trigger), when, cap, once, valid, tags, verdicts]),
        })
        .boxed()
}

fn compound_rule() -> BoxedStrategy<Rule> {
    let parts = words(&[
        "all: [page_viewed, form_submitted]",
        "all: [page_viewed, page_viewed]",
        "all: [email_opened, page_viewed, order_completed]",
        "all: [page_viewed, { on: [order_completed, email_opened], when: 'event.value > 10' }]",
        "all: [{ on: page_viewed, when: 'has(event.path)' }, email_opened]",
    ]);
    let within = words(&["within: 1d", "within: 2d", "within: 7d"]);
    let order = proptest::option::weighted(0.4, Just("in_order: true".to_owned()));
    let matching = rare(words(&["matching: email_id", "matching: path"]));
    (parts, within, order, matching, points(), rare(when()), rare(once()), rare(tags()), rare(own_verdicts()))
        .prop_map(|(parts, within, order, matching, points, when, once, tags, verdicts)| Rule {
            points,
            rest: joined([Some(parts), Some(within), order, matching, when, once, tags, verdicts]),
        })
        .boxed()
}

/// Courses whose ends meet the instants of the histories, and some that never do.
const COURSES: [&str; 10] = [
    "{ half_life: 1d }",
    "{ half_life: 3d }",
    "{ half_life: 30d }",
    "{ linear: 2d }",
    "{ linear: 7d }",
    "{ linear: 3d }",
    "{ expire: 1d }",
    "{ expire: 3d }",
    "{ step: [[1d, 50], [3d, 12.5]] }",
    "{ step: [[2d, 75], [4d, 75], [6d, 0]] }",
];

fn course() -> BoxedStrategy<String> {
    proptest::sample::select(&COURSES[..]).prop_map(str::to_owned).boxed()
}

fn plan_decay() -> BoxedStrategy<String> {
    course().prop_map(|course| format!("decay: {course}")).boxed()
}

fn rule_decay() -> BoxedStrategy<String> {
    prop_oneof![3 => course(), 1 => words(&["none"])].prop_map(|course| format!("decay: {course}")).boxed()
}

/// How a change of plans alters what was added.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    decay: Option<String>,
    bands: Option<String>,
    actions: Option<String>,
}

/// Random changes within the groups.
pub(super) fn changes(groups: Groups) -> BoxedStrategy<Changes> {
    let decay = if groups.decay { proptest::option::of(plan_decay()).boxed() } else { Just(None).boxed() };
    let levels = |strategy| {
        if groups.levels { proptest::option::of(strategy).boxed() } else { Just(None).boxed() }
    };
    (decay, levels(bands()), levels(actions()))
        .prop_map(|(decay, bands, actions)| Changes { decay, bands, actions })
        .boxed()
}

impl Changes {
    pub(super) fn applied_to(&self, mut model: Model) -> Model {
        for (key, line) in [("decay:", &self.decay), ("bands:", &self.bands), ("actions:", &self.actions)] {
            if let Some(line) = line {
                model.head.retain(|known| !known.starts_with(key));
                model.head.push(line.clone());
            }
        }
        model
    }
}
