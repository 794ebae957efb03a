//! Plans as YAML lines: every construct the oracle covers, numbers that meet thresholds exactly.
//!
//! Invariant: a changed version of a plan keeps the id, the kind and the limits of each rule it keeps, so that what a rule remembers
//! means the same under both.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::conditions;

/// A plan before its id is known.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(super) head: Vec<String>,
    pub(super) rules: Vec<Rule>,
    fit: Vec<String>,
    qualify: Option<String>,
    pub(super) pipeline: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) points: String,
    pub(super) rest: String,
}

/// A random plan.
pub(crate) fn plan() -> BoxedStrategy<Model> {
    let rules = proptest::collection::vec(prop_oneof![5 => event_rule(), 1 => idle_rule()], 1..6);
    let fit = proptest::collection::vec(fit_rule(), 0..3);
    (head(), rules, fit, often(qualify()), often(pipeline()))
        .prop_map(|(head, rules, fit, qualify, pipeline)| {
            // A threshold on the stage score needs stages.
            let qualify =
                qualify.map(|text| if pipeline.is_some() { text } else { text.replace("score: stage, ", "") });
            Model { head, rules, fit, qualify, pipeline }
        })
        .boxed()
}

fn often<T: Clone + std::fmt::Debug + 'static>(strategy: BoxedStrategy<T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.8, strategy)
}

pub(super) fn words(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(str::to_owned).boxed()
}

/// The fragments that are there, separated by commas.
pub(super) fn joined(fragments: impl IntoIterator<Item = Option<String>>) -> String {
    fragments.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `key: 'condition'`.
pub(super) fn quoted(key: &str, condition: &str) -> String {
    format!("{key}: '{condition}'")
}

fn head() -> impl Strategy<Value = Vec<String>> {
    let members =
        proptest::option::weighted(0.3, conditions::of_members().prop_map(|condition| quoted("members", &condition)));
    let limits = words(&["limits: { floor: 0 }", "limits: { ceiling: 30 }", "limits: { floor: -10, ceiling: 60 }"]);
    let zone = words(&["time_zone: Europe/Warsaw", "time_zone: America/New_York"]);
    (members, any::<bool>(), of(zone), of(verdicts()), of(limits)).prop_map(
        |(members, global, zone, verdicts, limits)| {
            let global = global.then(|| "global: true".to_owned());
            [members, global, zone, verdicts, limits].into_iter().flatten().collect()
        },
    )
}

fn verdicts() -> BoxedStrategy<String> {
    words(&[
        "verdicts: { machine: count }",
        "verdicts: { suspect: ignore }",
        "verdicts: { suspect: { weight: 0.5 } }",
        "verdicts: { human: { weight: 0.1 }, machine: { weight: 1 } }",
    ])
}

pub(super) fn cap() -> BoxedStrategy<String> {
    words(&[
        "cap: { points: 10 }",
        "cap: { points: 15, per: day }",
        "cap: { points: 20, per: week }",
        "cap: { points: 20, per: month }",
        "cap: { points: 15, per: 1d }",
        "cap: { points: 15, per: 2d }",
        "cap: { points: 30.5, per: ever }",
    ])
}

pub(super) fn tags() -> BoxedStrategy<String> {
    words(&[
        "tag: vip",
        "tag: member",
        "tags: [vip, member]",
        "tags: [{ tag: vip, points: 2.5 }]",
        "untag: vip",
        "untag: [member]",
        "tags: [vip], untag: [member]",
    ])
}

pub(super) fn valid() -> BoxedStrategy<String> {
    words(&["valid: [2026-03-26, 2026-03-30]", "valid: [2026-03-29, 2026-12-31]"])
}

pub(super) fn literal_points() -> BoxedStrategy<String> {
    words(&["0", "5", "10", "20", "50", "-5", "-10", "-20", "-33.333", "33.333", "2.5"])
}

fn event_rule() -> BoxedStrategy<Rule> {
    let on = words(&[
        "page_viewed",
        "page_viewed",
        "order_completed",
        "email_opened",
        "[page_viewed, form_submitted]",
        "email_delivered",
        "[form_submitted, order_completed, email_opened]",
    ]);
    let points = prop_oneof![
        4 => literal_points(),
        1 => words(&["'event.value / 100'", "event.value", "'count(\"page_viewed\", \"7d\") * 1.5'", "'score(\"plan:SELF\") / 3'"]),
    ];
    let once =
        words(&["once_per: 1d", "once_per: 2d", "once_per: ever", "once_per: event.email_id", "once_per: event.path"]);
    let verdicts = words(&["verdicts: { machine: count }", "verdicts: { suspect: { weight: 0.25 } }"]);
    let when = conditions::of_rule().prop_map(|condition| quoted("when", &condition));
    let rare = |strategy| proptest::option::weighted(0.25, strategy);
    (
        on,
        proptest::option::weighted(0.4, when),
        points,
        rare(cap()),
        rare(once),
        rare(valid()),
        rare(tags()),
        rare(verdicts),
    )
        .prop_map(|(on, when, points, cap, once, valid, tags, verdicts)| Rule {
            points,
            rest: joined([Some(format!("on: {on}")), when, cap, once, valid, tags, verdicts]),
        })
        .boxed()
}

fn idle_rule() -> BoxedStrategy<Rule> {
    let idle = words(&["idle: 1d", "idle: 2d, every: 1d, times: 3", "idle: 3d, every: 2d", "idle: 12h"]);
    let rare = |strategy| proptest::option::weighted(0.25, strategy);
    (idle, literal_points(), rare(cap()), rare(valid()), rare(tags()))
        .prop_map(|(idle, points, cap, valid, tags)| Rule { points, rest: joined([Some(idle), cap, valid, tags]) })
        .boxed()
}

fn fit_rule() -> BoxedStrategy<String> {
    (conditions::of_level(), words(&["5", "10", "-5", "12.5"]))
        .prop_map(|(condition, points)| joined([Some(quoted("when", &condition)), Some(format!("points: {points}"))]))
        .boxed()
}

fn qualify() -> BoxedStrategy<String> {
    let score = words(&["score: engagement", "score: fit", "score: global", "score: stage", "score: 'tag:vip'"]);
    let thresholds = words(&[
        "at: 10",
        "at: 20, release: 10",
        "at: 50, release: 50",
        "at: 33.333, release: 5",
        "at: 2.5",
        "at: 5, release: 2.5",
    ]);
    let cooldown = words(&["cooldown: 1d", "cooldown: 2d", "cooldown: 7d"]);
    let when = conditions::of_level().prop_map(|condition| quoted("when", &condition));
    let never = proptest::option::weighted(0.15, Just("rearm: never".to_owned()));
    // `score` comes first and is followed by the thresholds, so that it can be taken out.
    (proptest::option::weighted(0.4, score), thresholds, of(cooldown), proptest::option::weighted(0.3, when), never)
        .prop_map(|(score, thresholds, cooldown, when, never)| joined([score, Some(thresholds), cooldown, when, never]))
        .boxed()
}

fn pipeline() -> BoxedStrategy<Vec<String>> {
    let by = words(&["by: stage", "by: engagement", "by: plan"]);
    // Only the last stage is final, and a final stage has no tests to leave it.
    let last = words(&["enter: 20, final: true", "enter_when: 'contact.consent', final: true"]);
    (by, proptest::collection::vec(stage(), 1..4), proptest::option::weighted(0.2, last))
        .prop_map(|(by, stages, last)| std::iter::once(by).chain(stages).chain(last).collect())
        .boxed()
}

fn stage() -> BoxedStrategy<String> {
    let enter = (words(&["2.5", "5", "10", "20", "33.333"]), conditions::of_level(), 0..6_u8).prop_map(
        |(points, condition, which)| match which {
            0 => quoted("enter_when", &condition),
            1 => format!("enter: {points}, {}", quoted("enter_when", &condition)),
            _ => format!("enter: {points}"),
        },
    );
    let below = words(&["leave_below: 0", "leave_below: 2.5", "leave_below: 5", "leave_below: 10"]);
    let leave_when = conditions::of_level().prop_map(|condition| quoted("leave_when", &condition));
    let leave_idle = words(&["leave_idle: 1d", "leave_idle: 2d", "leave_idle: 3d"]);
    let rare = |strategy| proptest::option::weighted(0.2, strategy);
    (enter, often(below), rare(leave_when.boxed()), rare(leave_idle))
        .prop_map(|(enter, below, leave_when, leave_idle)| joined([Some(enter), below, leave_when, leave_idle]))
        .boxed()
}

/// How a forward change alters every plan.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    drop_first: bool,
    points: Option<String>,
    add: Option<Rule>,
    limits: Option<String>,
    verdicts: Option<String>,
    zone: Option<String>,
    /// What becomes of the last rule's cap, where anything does: another one, or none.
    cap: Option<Option<String>>,
}

/// A random change.
pub(crate) fn change() -> BoxedStrategy<Change> {
    let limits = words(&["limits: { floor: 0, ceiling: 40 }", "limits: { ceiling: 100 }"]);
    let added = prop_oneof![event_rule(), idle_rule()];
    let cap = proptest::option::weighted(0.3, proptest::option::weighted(0.8, cap()));
    let zone = proptest::option::weighted(0.2, words(&["time_zone: Europe/Warsaw", "time_zone: Asia/Tokyo"]));
    (any::<bool>(), of(literal_points()), of(added), of(limits), of(verdicts()), zone, cap)
        .prop_map(|(drop_first, points, add, limits, verdicts, zone, cap)| Change {
            drop_first,
            points,
            add,
            limits,
            verdicts,
            zone,
            cap,
        })
        .boxed()
}

impl Change {
    /// The next version of a plan.
    pub(crate) fn apply(&self, model: &Model) -> Model {
        let mut model = model.clone();
        if let Some(points) = &self.points
            && let Some(last) = model.rules.last_mut()
        {
            last.points.clone_from(points);
        }
        if let Some(cap) = &self.cap
            && let Some(last) = model.rules.last_mut()
        {
            last.rest = without_cap(&last.rest);
            last.rest.extend(cap.iter().map(|cap| format!(", {cap}")));
        }
        if self.drop_first {
            model.rules[0] = Rule { points: "0".to_owned(), rest: String::new() };
        }
        model.rules.extend(self.add.clone());
        for (key, line) in [("limits:", &self.limits), ("verdicts:", &self.verdicts), ("time_zone:", &self.zone)] {
            if let Some(line) = line {
                model.head.retain(|known| !known.starts_with(key));
                model.head.push(line.clone());
            }
        }
        model
    }
}

/// A rule's keys but for its cap, which is never the first of them.
fn without_cap(rest: &str) -> String {
    let Some(from) = rest.find(", cap: {") else { return rest.to_owned() };
    let to = rest[from..].find('}').map_or(rest.len(), |end| from + end + 1);
    format!("{}{}", &rest[..from], &rest[to..])
}

const IDS: [&str; 3] = ["a", "b", "c"];

/// The YAML lines of each plan.
pub(crate) fn render(models: &[Model]) -> Vec<Vec<String>> {
    let other = if models[0].qualify.is_some() { "level(\"a\", \"qualify\")" } else { "false" };
    let lines_of = |(id, model): (&str, &Model)| {
        let qualified = if model.qualify.is_some() { "level(\"\", \"qualify\")" } else { "false" };
        let stage = if model.pipeline.is_some() { "level(\"\", \"stage\") == \"s1\"" } else { "false" };
        let resolve = |line: String| {
            line.replace("QUALIFIED", qualified).replace("STAGE", stage).replace("OTHER", other).replace("SELF", id)
        };
        lines(id, model).into_iter().map(resolve).collect()
    };
    IDS.into_iter().zip(models).map(lines_of).collect()
}

fn lines(id: &str, model: &Model) -> Vec<String> {
    let mut lines = vec![format!("plan: {id}")];
    lines.extend(model.head.iter().cloned());
    // A dropped rule leaves a gap in the numbers: the others keep their ids.
    let rules: Vec<_> = model.rules.iter().enumerate().filter(|(_, rule)| !rule.rest.is_empty()).collect();
    lines.push(if rules.is_empty() { "rules: []".to_owned() } else { "rules:".to_owned() });
    for (number, rule) in rules {
        lines.push(format!("  - {{ id: r{number}, {}, points: {} }}", rule.rest, rule.points));
    }
    if !model.fit.is_empty() {
        lines.push("fit:".to_owned());
        lines.extend(model.fit.iter().enumerate().map(|(number, fit)| format!("  - {{ id: f{number}, {fit} }}")));
    }
    lines.extend(model.qualify.iter().map(|qualify| format!("qualify: {{ {qualify} }}")));
    if let Some(pipeline) = &model.pipeline {
        lines.push("pipeline:".to_owned());
        lines.push(format!("  {}", pipeline[0]));
        lines.push("  stages:".to_owned());
        lines.push("    - { name: s0 }".to_owned());
        let stages = pipeline[1..].iter().enumerate();
        lines.extend(stages.map(|(number, stage)| format!("    - {{ name: s{}, {stage} }}", number + 1)));
    }
    lines.splice(1..1, facts_used(&lines));
    lines
}

/// The declarations of the named facts that the plan's conditions read.
fn facts_used(lines: &[String]) -> Vec<String> {
    let declared = [
        ("\"big\"", "  big: { on: order_completed, when: 'event.value > 100' }"),
        ("\"seen\"", "  seen: { on: [page_viewed, email_opened] }"),
    ];
    let used = declared.iter().filter(|(name, _)| lines.iter().any(|line| line.contains(name)));
    let mut facts: Vec<String> = used.map(|(_, line)| (*line).to_owned()).collect();
    if !facts.is_empty() {
        facts.insert(0, "facts:".to_owned());
    }
    facts
}
