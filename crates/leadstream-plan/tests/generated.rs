//! Files written from the code: the JSON Schema of plans and the page of codes. `LEADSTREAM_WRITE_GENERATED=1 cargo test -p leadstream-plan`
//! writes them anew. And the guide, which is written by hand and must not fall behind.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use leadstream_core::HistoryLimits;
use leadstream_plan::{Code, Options, Severity, Style, compile, plan_schema};

mod common;

use common::{check, example_of};

#[test]
fn the_schema_in_the_repository_is_fresh() {
    check("schemas/leadstream-plan.schema.json", &plan_schema());
}

#[test]
fn the_page_of_codes_is_fresh() {
    let mut page = String::from(
        "# What `leadstream plan check` can say\n\n\
         Every problem has a code in brackets that never changes its meaning: `error[unknown-key]`. An error keeps the plan from being loaded; a\n\
         warning says that the plan probably does not do what its author meant. All problems of all files are shown at once.\n\n\
         This page is written from the code, its examples from the broken plans of the tests.\n",
    );
    for code in Code::all() {
        let severity = if code.severity() == Severity::Error { "error" } else { "warning" };
        page.push_str(&format!("\n## {}\n\n*{severity}.* {}\n", code.name(), code.explanation()));
        let example = example_of(code).unwrap_or_else(|| panic!("no broken plan shows {}", code.name()));
        page.push_str(&format!("\n```text\n{example}\n```\n"));
    }
    check("docs/errors/plan.md", &page);
}

const GUIDE: &str = include_str!("../../../docs/plans.md");

#[test]
fn the_first_plan_of_the_guide_is_right() {
    let (_, rest) = GUIDE.split_once("```yaml\n").unwrap();
    let (plan, _) = rest.split_once("```").unwrap();
    let compilation = compile("guide.yaml", plan, &Options::default());
    assert_eq!(compilation.diagnostics, []);
    assert_eq!(compilation.plan.unwrap().rules.len(), 4);
}

#[test]
fn the_test_of_the_guide_passes_and_fails_as_it_is_shown() {
    let mut snippets = GUIDE.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let (plan, tests) = (snippets.next().unwrap(), snippets.next().unwrap());
    let trial = |text: &str| {
        let compilation = compile("spring-offer.yaml", text, &Options::default());
        assert_eq!(compilation.diagnostics, []);
        let example = &compilation.tests[0];
        let trial = example.run(&compilation.plan.unwrap(), HistoryLimits::default());
        (trial.passed(), trial.render(example, "spring-offer.yaml", Style::Plain))
    };
    let right = format!("{plan}{tests}");
    assert!(trial(&right).0);
    let (passed, shown) = trial(&right.replace("score: 49", "score: 64"));
    assert!(!passed && GUIDE.contains(&format!("```text\n{}\n```", shown.trim_end())), "{shown}");
    let ledger =
        "ledger: [visit, pricing, visit, pricing, visit, pricing, visit, { rule: pricing, points: 15, at: 3d }]";
    let (passed, shown) = trial(&right.replace("score: 49", ledger));
    let shown = shown.split_once("\n\n").unwrap().1;
    assert!(
        !passed
            && GUIDE.contains(&format!("`{ledger}`"))
            && GUIDE.contains(&format!("```text\n{}\n```", shown.trim_end())),
        "{shown}"
    );
}

#[test]
fn every_plan_of_the_guide_does_what_its_tests_say() {
    let snippets = GUIDE.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let plans: Vec<&str> = snippets.filter(|snippet| snippet.contains("plan: ")).collect();
    assert!(plans.len() >= 3);
    for text in plans {
        let compilation = compile("guide.yaml", text, &Options::default());
        assert_eq!(compilation.diagnostics, [], "{text}");
        let plan = compilation.plan.unwrap();
        for example in &compilation.tests {
            let trial = example.run(&plan, HistoryLimits::default());
            assert!(trial.passed(), "{}", trial.render(example, "guide.yaml", Style::Plain));
        }
    }
}

#[test]
fn the_guide_names_every_key() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        for definition in schema["definitions"].as_object().into_iter().flat_map(|all| all.values()) {
            keys(definition, found);
        }
    }
    let mut found = Vec::new();
    keys(&serde_json::from_str(&plan_schema()).unwrap(), &mut found);
    assert!(found.len() > 40, "{found:?}");
    let unnamed: Vec<String> = found
        .into_iter()
        .filter(|key| !GUIDE.contains(&format!("`{key}`")) && !GUIDE.contains(&format!("{key}: ")))
        .collect();
    assert_eq!(unnamed, [""; 0]);
}
