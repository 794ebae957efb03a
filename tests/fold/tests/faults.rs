//! Expressions that have no value (S9): the rule does not fire, and which one it was is told, each time once.

#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;

use leadstream_core::contact::Contact;
use leadstream_core::expr::EvalError;
use leadstream_core::plan::PlanSet;
use leadstream_core::{Event, Fold, HistoryLimits, Outcome, Timeline, Timestamp, Uid, Value};

const PLAN: &str = r#"
plan: shop
rules:
  - { id: large,    on: order_completed, when: 'event.value > 1000', points: 50 }
  - { id: by-value, on: order_completed, points: '100 / event.value' }
  - { id: vast,     on: order_completed, points: 'event.value * 10' }
  - { id: either,   on: order_completed, when: 'event.value > 5 || event.count > 5', points: 1 }
  - { id: once,     on: order_completed, points: 1, once_per: event.order_id }
  - { id: both,     all: [order_completed, { on: page_viewed, when: 'event.depth > 3' }], within: 1d, points: 3 }
  - { id: unpaid,   after: product_added, unless: order_completed, within: 1h, points: '-event.value' }
"#;

struct Run {
    fold: Fold,
    contact: Contact,
}

impl Run {
    fn new() -> Run {
        let compiled = leadstream_plan::compile("p.yaml", PLAN, &leadstream_plan::Options::default());
        let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        let limits = HistoryLimits { rows: 6, ..HistoryLimits::default() };
        Run { fold: Fold::new(Timeline::new(Arc::new(PlanSet::new(vec![plan]))), limits), contact: Contact::new("c1") }
    }

    /// Takes an event and gives what it failed at.
    fn faults(
        &mut self,
        number: i64,
        event_type: &str,
        properties: &[(&str, Value<'_>)],
    ) -> Vec<(&'static str, &'static str)> {
        let mut event = Event { contact: "c1".into(), uid: Uid::of("s", &number.to_string()), ..Event::default() };
        event.time = Timestamp::from_millis(number * 1_000);
        event.event_type.set(event_type);
        event.source.set("s");
        properties.iter().for_each(|(name, value)| event.properties.set(name, *value));
        let outcome = self.fold.apply(&mut self.contact, &event, Timestamp::MIN, &mut Vec::new());
        assert!(matches!(outcome, Outcome::Applied | Outcome::Unmatched), "{outcome:?}");
        self.taken()
    }

    fn taken(&mut self) -> Vec<(&'static str, &'static str)> {
        let faults = self.fold.take_faults().inspect(|fault| assert_eq!(fault.plan.as_str(), "shop"));
        faults.map(|fault| (fault.rule.as_str(), fault.error.as_str())).collect()
    }
}

#[test]
fn a_rule_that_has_no_value_is_told_with_why_and_others_are_not_s9() {
    let mut run = Run::new();
    // `||` absorbs the field that is missing where the other side holds, and a key that is missing is no mistake (S11).
    assert_eq!(run.faults(1, "order_completed", &[("value", Value::Number(10.0))]), []);
    assert_eq!(
        run.faults(2, "order_completed", &[]),
        [
            ("large", "missing_field"),
            ("by-value", "missing_field"),
            ("vast", "missing_field"),
            ("either", "missing_field")
        ]
    );
    assert_eq!(
        run.faults(3, "order_completed", &[("value", Value::Number(0.0)), ("count", Value::Number(6.0))]),
        [("by-value", "not_finite")]
    );
    assert_eq!(run.faults(4, "order_completed", &[("value", Value::Number(2e5))]), [("vast", "too_many_points")]);
    assert_eq!(
        run.faults(5, "order_completed", &[("value", Value::Text("10")), ("count", Value::Number(6.0))]),
        [("large", "wrong_type"), ("by-value", "wrong_type"), ("vast", "wrong_type")]
    );
    // Parts of a compound rule, and what opens a window.
    assert_eq!(run.faults(6, "page_viewed", &[]), [("both", "missing_field")]);
    assert_eq!(run.faults(7, "product_added", &[]), [("unpaid", "missing_field")]);
    assert_eq!(run.faults(8, "page_viewed", &[("depth", Value::Number(1.0))]), []);
    assert_eq!(EvalError::NotConvertible.as_str(), "not_convertible");
}

#[test]
fn what_is_folded_anew_is_not_told_again_and_what_comes_late_is_told_once_s9_s40() {
    let mut run = Run::new();
    assert_eq!(run.faults(10, "order_completed", &[]).len(), 4);
    assert_eq!(run.faults(20, "page_viewed", &[]).len(), 1);
    // Late: both of the events above are folded again.
    assert_eq!(run.faults(5, "page_viewed", &[("depth", Value::Number(9.0))]), []);
    assert_eq!(run.faults(6, "page_viewed", &[]), [("both", "missing_field")]);
    assert_eq!(run.faults(15, "page_viewed", &[("depth", Value::Number(1.0))]), []);
    // Old rows leave and are folded into the base.
    for number in 30..40 {
        assert_eq!(run.faults(number, "page_viewed", &[("depth", Value::Number(1.0))]), []);
    }
    assert!(run.contact.base.is_some());
    run.fold.at(&run.contact, Timestamp::from_millis(39_000)).expect("it is known what it was then");
    assert_eq!(run.taken(), []);
}
