//! Plans by accident or by malice: whatever the text, the compiler answers, and its answer can be shown.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use leadstream_plan::{Code, Options, Severity, Style, compile};
use proptest::prelude::*;

const PLAN: &str = include_str!("../../../config/plans/car-dealer.yaml");

/// Compiles, and holds what must hold of every outcome.
fn holds(text: &str) -> Result<(), TestCaseError> {
    let compilation = compile("plan.yaml", text, &Options::default());
    let has_errors = compilation.diagnostics.iter().any(|it| it.severity == Severity::Error);
    prop_assert_eq!(compilation.plan.is_none(), has_errors, "a plan exactly where there is no error");
    for diagnostic in &compilation.diagnostics {
        prop_assert!(text.get(diagnostic.span.clone()).is_some(), "{} at {:?}", diagnostic.short(), diagnostic.span);
        prop_assert!(diagnostic.render(text, Style::Plain).contains(diagnostic.code.name()));
        prop_assert!(
            !diagnostic.help.is_empty() || diagnostic.message.starts_with("more than "),
            "{}",
            diagnostic.short()
        );
        prop_assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'), "{}", diagnostic.message);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_plan_with_a_piece_replaced_is_answered(at in 0usize..4000, length in 0usize..40, piece in "[a-z{}\\[\\]:,'\"&*!|> \n#.()=0-9ąé-]{0,12}") {
        let boundary = |mut at: usize| {
            at = at.min(PLAN.len());
            while !PLAN.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(at), boundary(at + length));
        holds(&format!("{}{piece}{}", &PLAN[..start], &PLAN[end..]))?;
    }

    #[test]
    fn a_plan_that_ends_early_is_answered(length in 0usize..6000) {
        let mut end = length.min(PLAN.len());
        while !PLAN.is_char_boundary(end) {
            end -= 1;
        }
        holds(&PLAN[..end])?;
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        holds(&text)?;
    }

    #[test]
    fn a_rule_with_any_scalar_under_any_key_is_answered(
        key in "on|when|points|cap|once_per|tag|tags|untag|valid|idle|every|times|verdicts|id|decay",
        value in "[a-z0-9.'\"()&|=<> ,{}\\[\\]~!-]{0,30}",
    ) {
        holds(&format!("plan: p\nrules:\n  - {{ id: a, {key}: {value} }}\n"))?;
        holds(&format!("plan: p\nrules:\n  - id: a\n    {key}: {value}\n"))?;
    }
}

#[test]
fn aliases_of_aliases_are_not_expanded_without_end_s58() {
    let mut text = String::from("plan: p\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", ")));
    }
    let compilation = compile("plan.yaml", &text, &Options::default());
    assert!(compilation.diagnostics.iter().any(|it| it.code == Code::TooLarge));
}

#[test]
fn an_alias_inside_its_own_anchor_is_answered() {
    holds("plan: p\nrules: &r [ *r ]\n").unwrap();
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_read_s58() {
    let compilation = compile("plan.yaml", &" ".repeat((8 << 20) + 1), &Options::default());
    assert_eq!(compilation.diagnostics.len(), 1);
    assert_eq!(compilation.diagnostics[0].code, Code::TooLarge);
}

#[test]
fn twenty_thousand_rules_are_compiled_and_one_more_is_refused_s58() {
    let rules = |count: usize| -> String {
        (0..count)
            .map(|number| {
                format!("  - {{ id: r{number}, on: page_viewed, when: 'event.path == \"/{number}\"', points: 1 }}\n")
            })
            .collect()
    };
    let most = compile("plan.yaml", &format!("plan: p\nrules:\n{}", rules(20_000)), &Options::default());
    assert_eq!(most.plan.unwrap().rules.len(), 20_000);
    let more = compile("plan.yaml", &format!("plan: p\nrules:\n{}", rules(20_001)), &Options::default());
    assert_eq!(more.diagnostics.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::TooLarge]);
}

#[test]
fn a_mistake_in_a_block_text_with_wide_characters_and_empty_lines_is_shown_where_it_stands() {
    let condition = ".\n\n\n\n\n>!''\\upo\u{f28a}[!<Q!%ppo\u{f28a}i(fi[(f>}\u{f28a}\n\n\n\n\n\u{f28d}e?";
    let lines: String = condition.split('\n').map(|line| format!("        {line}\n")).collect();
    let text = format!("plan: p\nrules:\n  - id: a\n    on: page_viewed\n    points: 1\n    when: |4\n{lines}");
    let compilation = compile("plan.yaml", &text, &Options::default());
    assert!(!compilation.diagnostics.is_empty());
    for diagnostic in &compilation.diagnostics {
        assert!(text.get(diagnostic.span.clone()).is_some(), "{:?} {}", diagnostic.span, diagnostic.message);
    }
}
