//! The schema against the keys that the compiler takes.

use std::collections::BTreeSet;

use super::*;
use crate::compile::{KeySet, SETS};

/// The name of the schema's definition of a kind of mapping.
fn definition(set: &KeySet) -> &'static str {
    match set.of {
        "a rule" => "Rule",
        "a cap" => "Cap",
        "a tag" => "OwnTag",
        "a decay" => "DecayWay",
        "a fit rule" => "FitRule",
        "`limits`" => "Limits",
        "`qualify`" => "Qualify",
        "`pipeline`" => "Pipeline",
        "a stage" => "Stage",
        "a fact" => "Fact",
        "`verdicts`" => "Verdicts",
        "a policy" => "PolicyMapping",
        "a part" => "PartCondition",
        "a test" => "Test",
        "`expect`" => "Expect",
        "an expected event" => "DerivedEvent",
        "an expected line" => "LedgerLine",
        "feedback" => "GivenFeedback",
        "an adjustment" => "GivenAdjust",
        "`grade`" => "Grade",
        "the `fit` of a grade" => "FitLetters",
        "the `engagement` of a grade" => "EngagementDigits",
        "`route`" => "Route",
        "an action" => "Action",
        "`feedback`" => "Feedback",
        "`outcomes`" => "Outcomes",
        _ => "",
    }
}

#[test]
fn the_schema_has_the_keys_that_the_compiler_takes() {
    let schema: serde_json::Value = serde_json::from_str(&plan_schema()).unwrap();
    for set in SETS {
        let described = match definition(set) {
            "" => &schema,
            name => &schema["definitions"][name],
        };
        let properties = described["properties"].as_object().unwrap();
        let keys: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(keys, set.keys.iter().copied().collect(), "{}", set.of);
        assert_eq!(described["additionalProperties"], false, "{}", set.of);
    }
}
