//! What the tests of the clauses share: instants in days, short events, short readings of results.

use leadstream_oracle::{DAY_MS, DerivedEvent, Effect, Kind, Level, Oracle, OracleEvent, Outcome, Scalar};

/// The instant so many days after the epoch of the tests.
pub(crate) fn day(days: f64) -> i64 {
    (days * DAY_MS as f64) as i64
}

/// A type whose points are those of the rule with the same name.
pub(crate) fn event(id: &str, days: f64, event_type: &str) -> OracleEvent {
    OracleEvent::new(id, day(days), event_type)
}

/// An event worth so many points under a rule with the points `event.value`.
pub(crate) fn worth(id: &str, days: f64, points: f64) -> OracleEvent {
    event(id, days, "worth").with("value", points)
}

/// An attribute update.
pub(crate) fn attribute(id: &str, days: f64, name: &str, value: impl Into<Scalar>) -> OracleEvent {
    event(id, days, "attributes").of_kind(Kind::Attributes).with(name, value)
}

/// A change of a tag by the CRM: true adds, a number adds with points, false removes.
pub(crate) fn crm_tag(id: &str, days: f64, name: &str, value: impl Into<Scalar>) -> OracleEvent {
    event(id, days, "tags").of_kind(Kind::Tags).with(name, value)
}

/// An oracle with one plan `p`, whose body follows.
pub(crate) fn oracle(body: &str) -> Oracle {
    Oracle::new("c1", &[&plan("p", body)]).unwrap()
}

/// The text of a plan.
pub(crate) fn plan(id: &str, body: &str) -> String {
    format!("plan: {id}\n{body}\n")
}

/// Events whose points are `event.value`, and whatever follows.
pub(crate) fn worth_oracle(body: &str) -> Oracle {
    oracle(&format!("rules: [{{ id: w, on: worth, points: event.value }}]\n{body}"))
}

/// Derived events in short: type, time in days, since in days, n.
pub(crate) fn short(effect: &Effect) -> Vec<(String, f64, f64, u64)> {
    let one = |derived: &DerivedEvent| {
        let name = serde_json::to_value(derived.derived_type).unwrap().as_str().unwrap().to_owned();
        (name, derived.time as f64 / DAY_MS as f64, derived.since as f64 / DAY_MS as f64, derived.n)
    };
    effect.derived.iter().map(one).collect()
}

/// One short derived event to compare with.
pub(crate) fn expected(name: &str, time: f64, since: f64, n: u64) -> Vec<(String, f64, f64, u64)> {
    vec![(name.to_owned(), time, since, n)]
}

/// Old and new stage of each derived event about a stage.
pub(crate) fn moves(effect: &Effect) -> Vec<(String, String)> {
    let name = |level: &Level| match level {
        Level::Named(name) => name.clone(),
        other => format!("{other:?}"),
    };
    let stages = effect.derived.iter().filter(|derived| derived.subject == "stage");
    stages.map(|derived| (name(&derived.old), name(&derived.new))).collect()
}

/// The score of plan `p`, in points.
pub(crate) fn score(oracle: &Oracle) -> f64 {
    oracle.scorecard().plans["p"].score as f64 / 1000.0
}

/// Feeds the event and asserts that it is accepted.
pub(crate) fn feed(oracle: &mut Oracle, event: OracleEvent) -> Effect {
    let effect = oracle.event(&event);
    let accepted = [Outcome::Applied, Outcome::Unmatched, Outcome::Suppressed];
    assert!(effect.outcome.is_some_and(|outcome| accepted.contains(&outcome)), "{effect:?}");
    effect
}
