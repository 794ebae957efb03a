//! The reference of plans in `docs/reference`, written from the types of the plan file and the table of functions.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use leadstream_core::HistoryLimits;
use leadstream_plan::{Options, Style, compile, functions, plan_schema};
use serde_json::Value;

/// The mappings of a plan file, in the order of the page: the name in the schema, a title, and the clause that its keys rest on.
const SECTIONS: &[(&str, &str, &str)] = &[
    ("", "The plan", "S23"),
    ("Rule", "A rule", "S10"),
    ("PartCondition", "A part of a rule with `all`", "S15"),
    ("Cap", "A cap", "S19"),
    ("OwnTag", "A tag with points of its own", "S25"),
    ("DecayWay", "Decay", "S20"),
    ("Verdicts", "Verdicts", "S56"),
    ("PolicyMapping", "A policy with a value", "S56"),
    ("FitRule", "A fit rule", "S16"),
    ("Fact", "A fact", "S12"),
    ("Limits", "Limits", "S22"),
    ("Qualify", "Qualification", "S31"),
    ("Pipeline", "The pipeline", "S37"),
    ("Stage", "A stage", "S37"),
    ("Bands", "Bands", "S27"),
    ("Grade", "The grade", "S28"),
    ("FitLetters", "Letters by fit", "S28"),
    ("EngagementDigits", "Digits by engagement", "S28"),
    ("Route", "Routing", "S35"),
    ("Action", "An action", "S34"),
    ("Feedback", "Feedback", "S38"),
    ("Outcomes", "Stages by outcome", "S38"),
    ("Test", "A test", "S1"),
    ("Given", "What happens in a test", "S2"),
    ("GivenAdjust", "Points by hand in a test", "S17"),
    ("GivenFeedback", "Feedback in a test", "S38"),
    ("Expect", "What a test expects", "S30"),
    ("DerivedEvent", "A derived event that a test expects", "S53"),
    ("LedgerLine", "A line of the ledger that a test expects", "S18"),
];

/// Keys that rest on another clause than their neighbours.
const OTHER_CLAUSES: &[(&str, &str)] = &[
    (".plan", "S47"),
    (".global", "S24"),
    (".time_zone", "S19"),
    (".rules", "S10"),
    (".fit", "S16"),
    (".limits", "S22"),
    (".qualify", "S31"),
    (".pipeline", "S37"),
    (".facts", "S12"),
    (".verdicts", "S56"),
    (".decay", "S20"),
    (".bands", "S27"),
    (".grade", "S28"),
    (".route", "S35"),
    (".actions", "S34"),
    (".feedback", "S38"),
    (".tests", "S1"),
    ("Expect.ledger", "S18"),
    ("Rule.id", "S45"),
    ("Rule.idle", "S14"),
    ("Rule.every", "S14"),
    ("Rule.times", "S14"),
    ("Rule.after", "S13"),
    ("Rule.unless", "S13"),
    ("Rule.within", "S13"),
    ("Rule.matching", "S13"),
    ("Rule.all", "S15"),
    ("Rule.in_order", "S15"),
    ("Rule.points", "S8"),
    ("Rule.cap", "S19"),
    ("Rule.once_per", "S11"),
    ("Rule.tag", "S25"),
    ("Rule.tags", "S25"),
    ("Rule.untag", "S25"),
    ("Rule.verdicts", "S56"),
    ("Rule.decay", "S20"),
    ("Qualify.score", "S30"),
    ("Qualify.cooldown", "S32"),
    ("Stage.leave_below", "S36"),
    ("Stage.leave_when", "S36"),
    ("Stage.leave_idle", "S36"),
    ("Stage.final", "S36"),
    ("Given.verdict", "S56"),
];

/// What is written instead of a mapping of its own.
fn simple(definition: &str) -> Option<&'static str> {
    Some(match definition {
        "Condition" => "condition",
        "Points" => "points",
        "PointsOf" => "points or calculation",
        "Duration" => "span",
        "Id" => "id",
        "Instant" => "instant",
        "Valid" => "two days",
        "StageName" | "LevelName" => "text or null",
        "ActionValue" => "text, number or truth value",
        "ExpectedTags" => "list or mapping of tags",
        "DerivedType" => "type of derived event",
        _ => return None,
    })
}

/// The kind of a value, with links to the mappings it can be.
fn kind(schema: &Value, root: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/definitions/");
        if let Some(simple) = simple(name) {
            return simple.to_owned();
        }
        if let Some((_, title, _)) = SECTIONS.iter().find(|(section, ..)| *section == name) {
            return format!("[{}](#{})", title.to_lowercase(), anchor(title));
        }
        return kind(&root["definitions"][name], root);
    }
    for choice in ["allOf", "anyOf", "oneOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let kinds: Vec<String> = choices.iter().map(|choice| kind(choice, root)).collect();
            return kinds.join(" or ");
        }
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{}`", word.as_str().unwrap())).collect::<Vec<_>>().join(" or ");
    }
    match schema["type"].as_str() {
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("array") if schema["items"].is_array() => {
            let items: Vec<String> = schema["items"].as_array().unwrap().iter().map(|item| kind(item, root)).collect();
            format!("pair of {}", items.join(" and "))
        }
        Some("array") => format!("list of {}", kind(&schema["items"], root)),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("mapping of names to {}", kind(&schema["additionalProperties"], root))
        }
        _ => "mapping".to_owned(),
    }
}

/// How a heading is linked to.
fn anchor(title: &str) -> String {
    let kept = |letter: char| letter.is_ascii_alphanumeric() || letter == ' ' || letter == '-' || letter == '_';
    title.to_lowercase().chars().filter(|letter| kept(*letter)).collect::<String>().replace(' ', "-")
}

/// What stands for a key that is left out, as its description says at its end.
fn described(property: &Value, is_required: bool) -> (String, String) {
    let said = property["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    if is_required {
        return (said, "required".to_owned());
    }
    match said.split_once(" Default: ") {
        Some((meaning, default)) => (meaning.to_owned(), default.trim_end_matches('.').to_owned()),
        None => (said, "–".to_owned()),
    }
}

fn clause(section: &str, key: &str, common: &'static str) -> &'static str {
    let name = format!("{section}.{key}");
    OTHER_CLAUSES.iter().find(|(known, _)| *known == name).map_or(common, |(_, clause)| clause)
}

#[test]
fn the_reference_of_keys_is_fresh() {
    let root: Value = serde_json::from_str(&plan_schema()).unwrap();
    let mut page = String::from(
        "# Every key of a plan\n\n\
         Written from the types of the plan file; the guide is [plans.md](../plans.md). Kinds: a *condition* is CEL ([functions.md](functions.md)), *points* a decimal with\n\
         at most three decimals, a *span* a whole number with s, m, h, d or w, an *id* letters, digits, `-`, `_` and `.`. The clauses are those of\n\
         [semantics.md](../semantics.md).\n",
    );
    for (name, title, common) in SECTIONS {
        let section = if name.is_empty() { &root } else { &root["definitions"][*name] };
        let properties = section["properties"].as_object().unwrap_or_else(|| panic!("the plan file has no {name}"));
        let description = section["description"].as_str().unwrap_or_default().replace('\n', " ");
        writeln!(
            page,
            "\n## {title}\n\n{description}\n\n| key | kind | default | meaning | clause |\n|---|---|---|---|---|"
        )
        .unwrap();
        let required: BTreeSet<&str> =
            section["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, property) in properties {
            let (meaning, default) = described(property, required.contains(key.as_str()));
            let clause = clause(name, key, common);
            let link = format!("[{clause}](../semantics.md#{})", clause.to_lowercase());
            writeln!(page, "| `{key}` | {} | {default} | {meaning} | {link} |", kind(property, &root)).unwrap();
        }
    }
    common::check("docs/reference/plan.md", &page);
}

#[test]
fn the_reference_has_every_mapping_and_names_only_keys_that_there_are() {
    let root: Value = serde_json::from_str(&plan_schema()).unwrap();
    let named: BTreeSet<&str> = SECTIONS.iter().map(|(name, ..)| *name).filter(|name| !name.is_empty()).collect();
    let mappings = root["definitions"].as_object().unwrap().iter();
    let there: BTreeSet<&str> =
        mappings.filter(|(_, schema)| schema["properties"].is_object()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, there);
    for (name, _) in OTHER_CLAUSES {
        let (section, key) = name.split_once('.').unwrap();
        let section = if section.is_empty() { &root } else { &root["definitions"][section] };
        assert!(section["properties"][key].is_object(), "{name}");
    }
}

#[test]
fn the_reference_of_functions_is_fresh() {
    let mut page = String::from(
        "# Every function of conditions\n\n\
         Conditions and calculations are written in CEL, the Common Expression Language; operators, fields and what can be read where are in [plans.md](../plans.md#conditions).\n\
         Written from the code. Each example is true for somebody with the tag `vip` who looks at the first page:\n\n\
         ```yaml\n",
    );
    writeln!(page, "page_viewed: {EVENT}\n```").unwrap();
    for function in functions() {
        let clause = function.clause;
        writeln!(
            page,
            "\n## {}\n\n```text\n{}\n```\n\n{} Where: {} ([{clause}](../semantics.md#{})).\n\n```cel\n{}\n```",
            function.name,
            function.signature,
            function.meaning,
            function.place,
            clause.to_lowercase(),
            function.example
        )
        .unwrap();
    }
    common::check("docs/reference/functions.md", &page);
}

/// What the examples of functions look at.
const EVENT: &str = "{ path: /shoes/run, name: Running Shoe, value: 250, size: \"42\" }";

#[test]
fn every_example_of_a_function_calls_it_and_is_true() {
    for function in functions() {
        assert!(function.example.contains(&format!("{}(", function.name)), "{}", function.name);
        assert!(function.signature.contains(&format!("{}(", function.name)), "{}", function.name);
        let plan = format!(
            "plan: p\nglobal: true\nbands: {{ hot: 100 }}\nqualify: {{ at: 100 }}\n\
             rules:\n  - {{ id: a, on: page_viewed, when: '{}', points: 1 }}\n\
             tests: [ {{ name: it is true, given: [ {{ contact: {{ tags: [vip] }} }}, {{ page_viewed: {EVENT} }} ], expect: {{ score: 1 }} }} ]\n",
            function.example
        );
        let compilation = compile("plan.yaml", &plan, &Options::default());
        assert_eq!(compilation.diagnostics, [], "{plan}");
        let example = &compilation.tests[0];
        let trial = example.run(&compilation.plan.unwrap(), HistoryLimits::default());
        assert!(trial.passed(), "{}: {}", function.example, trial.render(example, "plan.yaml", Style::Plain));
    }
}
