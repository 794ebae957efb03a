//! Any text as a condition: it is answered, its mistakes stand where they are, and what compiles can be evaluated.

#![no_main]

use leadstream_core::event::{Properties, Value};
use leadstream_core::expr::{Evaluated, FactRef, LevelRef, Scope, ScoreRef};
use leadstream_core::id::Name;
use leadstream_core::time::Span;
use leadstream_plan::{Options, compile};
use libfuzzer_sys::fuzz_target;

struct EventOnly(Properties);

impl Scope for EventOnly {
    fn event(&self, property: Name) -> Option<Value<'_>> {
        self.0.get(property)
    }
    fn event_type(&self) -> Option<&str> {
        Some("page_viewed")
    }
    fn attribute(&self, attribute: Name) -> Option<Value<'_>> {
        self.0.get(attribute)
    }
    fn contact_id(&self) -> &str {
        "c1"
    }
    fn has_tag(&self, tag: &str) -> bool {
        tag == "vip"
    }
    fn tag_count(&self) -> usize {
        1
    }
    fn count(&self, _: FactRef, _: Span) -> u64 {
        3
    }
    fn ever(&self, _: FactRef) -> bool {
        true
    }
    fn score(&self, _: &ScoreRef) -> f64 {
        2.5
    }
    fn level(&self, _: &LevelRef) -> Value<'_> {
        Value::Null
    }
}

fuzz_target!(|condition: &str| {
    if condition.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}']) {
        return; // YAML has its own mind about these
    }
    // A block text takes any line as it stands; the first line may begin with spaces of its own.
    let lines: String = condition.split('\n').map(|line| format!("        {line}\n")).collect();
    let text = format!("plan: p\nrules:\n  - id: a\n    on: page_viewed\n    points: 1\n    when: |4\n{lines}");
    let compilation = compile("plan.yaml", &text, &Options::default());
    for diagnostic in &compilation.diagnostics {
        assert!(text.get(diagnostic.span.clone()).is_some());
    }
    let Some(plan) = compilation.plan else { return };
    let mut properties = Properties::new();
    properties.set("path", Value::Text("/shoes/Ród"));
    properties.set("value", Value::Number(-2.5));
    let scope = EventOnly(properties);
    for rule in &plan.rules {
        if let Some(Ok(Evaluated::Number(number))) = rule.when.as_ref().map(|when| when.eval(&scope)) {
            assert!(number.is_finite());
        }
    }
});
