//! The plans that figures are measured with.

use std::fmt::Write;
use std::sync::Arc;

use leadstream_core::plan::PlanSet;
use leadstream_plan::{Options, Source, Style, check};

/// A plan that did not compile.
#[derive(Debug, thiserror::Error)]
#[error("the plan does not compile:\n{0}")]
pub struct PlanProblem(String);

/// The plan of twenty rules, as text.
pub fn twenty_rules() -> &'static str {
    include_str!("../plans/twenty-rules.yaml")
}

/// The same with decay, bands and absence, as text.
pub fn twenty_rules_in_time() -> &'static str {
    include_str!("../plans/twenty-rules-in-time.yaml")
}

/// A plan of ten rules that events match, and so many that none matches, of the kinds of which large plans have many: a URL, a campaign, a
/// product, a type of event that never comes.
pub fn with_unmatched(unmatched: usize) -> String {
    let mut text = String::from(
        "plan: scaling\nrules:\n\
         \x20 - { id: m0, on: page_viewed, points: 1 }\n\
         \x20 - { id: m1, on: page_viewed, when: 'event.path.startsWith(\"/pricing\")', points: 15 }\n\
         \x20 - { id: m2, on: page_viewed, when: 'event.path.startsWith(\"/offers/\")', points: 5 }\n\
         \x20 - { id: m3, on: page_viewed, when: 'event.path.startsWith(\"/shoes/\")', points: 2 }\n\
         \x20 - { id: m4, on: email_opened, points: 2 }\n\
         \x20 - { id: m5, on: email_clicked, points: 8 }\n\
         \x20 - { id: m6, on: file_downloaded, points: 30 }\n\
         \x20 - { id: m7, on: product_added, points: 5 }\n\
         \x20 - { id: m8, on: order_completed, points: 25 }\n\
         \x20 - { id: m9, on: form_submitted, points: 20 }\n",
    );
    for number in 0..unmatched {
        let rule = match number % 4 {
            0 => format!("on: page_viewed, when: 'event.path.startsWith(\"/catalogue/{number}/\")'"),
            1 => format!("on: email_clicked, when: 'event.campaign_name == \"spring-{number}\"'"),
            2 => format!("on: product_added, when: 'event.product_id == \"sku-{number}\"'"),
            _ => format!("on: webinar_attended, when: 'event.webinar_id == \"w{number}\"'"),
        };
        let _ = writeln!(text, "  - {{ id: u{number}, {rule}, points: 1 }}");
    }
    text
}

/// Compiles one plan.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile(text: &str) -> Result<Arc<PlanSet>, PlanProblem> {
    let report = check(vec![Source { name: "plan.yaml".to_owned(), text: text.to_owned() }], &Options::default());
    if report.has_errors() {
        return Err(PlanProblem(report.render(Style::Plain)));
    }
    Ok(Arc::new(PlanSet::new(report.plans)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_compile_and_have_their_rules() {
        let twenty = compile(twenty_rules()).expect("a sound plan");
        assert_eq!(twenty.plans()[0].rules.len() + twenty.plans()[0].fit.len(), 20);
        let in_time = compile(twenty_rules_in_time()).expect("a sound plan");
        assert_eq!(in_time.plans()[0].rules.len() + in_time.plans()[0].fit.len(), 22);
        let many = compile(&with_unmatched(40)).expect("a sound plan");
        assert_eq!(many.plans()[0].rules.len(), 50);
    }
}
