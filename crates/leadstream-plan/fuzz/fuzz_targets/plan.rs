//! Any text as a plan file: it is answered, the answer can be shown, and a plan that comes out can be put in force.

#![no_main]

use leadstream_core::plan::PlanSet;
use leadstream_core::{Event, Term};
use leadstream_plan::{Options, Severity, Style, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let compilation = compile("plan.yaml", text, &Options::default());
    let has_errors = compilation.diagnostics.iter().any(|it| it.severity == Severity::Error);
    assert_eq!(compilation.plan.is_none(), has_errors);
    for diagnostic in &compilation.diagnostics {
        assert!(text.get(diagnostic.span.clone()).is_some());
        assert!(diagnostic.render(text, Style::Plain).contains(diagnostic.code.name()));
    }
    if let Some(plan) = compilation.plan {
        let rules = plan.rules.len();
        let set = PlanSet::new(vec![plan]);
        let mut found = Vec::new();
        set.candidates(&Event { event_type: Term::new("page_viewed"), ..Event::default() }, &mut found);
        assert!(found.len() <= rules);
    }
});
