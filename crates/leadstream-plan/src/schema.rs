//! The JSON Schema of the plan file, generated from types, for editors that complete and check while one writes.
//!
//! These types only describe; the compiler reads the tree itself, since it must say where each mistake stands. A test holds the keys of both
//! against each other.

mod examples;
mod levels;
mod rules;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json};

use examples::{GivenAdjust, GivenFeedback, Test};
use levels::{Action, Feedback, Grade, Pipeline, Qualify, Route};
use rules::{Decay, Rule, Verdicts};

/// The JSON Schema of a plan file, as text with a line feed at its end.
pub fn plan_schema() -> String {
    let mut schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<PlanFile>();
    refuse_null(schema.ensure_object());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// A key that may be left out still needs a value where it stands: takes null, and the default null, from the properties of every mapping.
fn refuse_null(schema: &mut Map<String, Json>) {
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut().filter_map(Json::as_object_mut) {
            property.remove("default");
            if let Some(Json::Array(types)) = property.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    property.insert("type".to_owned(), only);
                }
            }
            if let Some(Json::Array(mut choices)) = property.remove("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                property.insert("allOf".to_owned(), Json::Array(choices));
            }
        }
    }
    if let Some(Json::Object(definitions)) = schema.get_mut("definitions") {
        definitions.values_mut().filter_map(Json::as_object_mut).for_each(refuse_null);
    }
}

/// A scoring plan: which events and traits of a contact give or take points, and what follows from the score.
#[derive(JsonSchema)]
#[schemars(title = "Leadstream scoring plan", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct PlanFile {
    /// The id of the plan, unique among the plans in force.
    plan: Id,
    /// Who takes part: a condition on the contact. Absent: everyone.
    #[schemars(default)]
    members: Option<Condition>,
    /// Whether the plan's score counts in the contact's global score. Default: false.
    #[schemars(default)]
    global: Option<bool>,
    /// The IANA time zone whose days, weeks and months caps and `valid` follow. Default: UTC.
    #[schemars(default)]
    time_zone: Option<String>,
    /// Rules that events or silence fire.
    #[schemars(default)]
    rules: Option<Vec<Rule>>,
    /// Rules on the contact's present attributes: they count while they are true.
    #[schemars(default)]
    fit: Option<Vec<FitRule>>,
    /// Bounds of the plan's score.
    #[schemars(default)]
    limits: Option<Limits>,
    /// The threshold at which a lead qualifies.
    #[schemars(default)]
    qualify: Option<Qualify>,
    /// The stages a contact goes through.
    #[schemars(default)]
    pipeline: Option<Pipeline>,
    /// Sets of events that conditions count by name.
    #[schemars(default)]
    facts: Option<BTreeMap<String, Fact>>,
    /// What becomes of events that a machine caused.
    #[schemars(default)]
    verdicts: Option<Verdicts>,
    /// How points of rules lose their worth with age. Default: none.
    #[schemars(default)]
    decay: Option<Decay>,
    /// Temperature bands by the plan's score, each with the score from which on it holds. Whoever reaches none is cold.
    #[schemars(default)]
    bands: Option<Bands>,
    /// A letter by fit and a digit by engagement.
    #[schemars(default)]
    grade: Option<Grade>,
    /// Who gets a qualified lead.
    #[schemars(default)]
    route: Option<Route>,
    /// What is asked for when a score rises so far.
    #[schemars(default, length(max = 64))]
    actions: Option<Vec<Action>>,
    /// What follows from the feedback of sales.
    #[schemars(default)]
    feedback: Option<Feedback>,
    /// The author's own tests, run by `leadstream plan test`.
    #[schemars(default)]
    tests: Option<Vec<Test>>,
}

/// A rule on the contact's present attributes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct FitRule {
    /// The id of the rule, unique in the plan.
    id: Id,
    /// Counts while this is true.
    when: Condition,
    /// What it counts.
    points: PointsOf,
}

/// Bounds of the plan's score.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Limits {
    /// The score never falls below.
    #[schemars(default)]
    floor: Option<Points>,
    /// The score never rises above.
    #[schemars(default)]
    ceiling: Option<Points>,
}

/// A set of events that conditions count by name.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Fact {
    /// The event type, or types.
    on: OneOrMany,
    /// A condition on the event alone.
    #[schemars(default)]
    when: Option<Condition>,
}

/// One word or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Defines a type that is described by hand.
macro_rules! described {
    ($(#[doc = $doc:literal])* $name:ident, $schema:tt) => {
        $(#[doc = $doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

described!(
    /// An id.
    Id, { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", "description": "Letters without accents, digits, `-`, `_` and `.`." }
);
described!(
    /// A condition.
    Condition, { "type": ["string", "boolean"], "description": "A condition in CEL, such as `event.value > 100`." }
);
described!(
    /// Points written down.
    Points, {
        "type": "number", "minimum": -1_000_000, "maximum": 1_000_000,
        "description": "Points: a decimal with at most three decimals."
    }
);
described!(
    /// Points written down or computed.
    PointsOf, {
        "type": ["number", "string"], "minimum": -1_000_000, "maximum": 1_000_000,
        "description": "Points: a decimal with at most three decimals, or a calculation in CEL in quotes, such as `event.value / 100`."
    }
);
described!(
    /// A span of time.
    Duration, { "type": "string", "pattern": "^[0-9]+[smhdw]$", "description": "A span of time: a whole number and s, m, h, d or w, such as `7d`." }
);
described!(
    /// Two dates.
    Valid, {
        "type": "array", "minItems": 2, "maxItems": 2,
        "items": { "type": ["string", "null"], "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
        "description": "The first day on which the rule counts and the first on which it no longer does; null leaves an end open."
    }
);

described!(
    /// A time of a test.
    Instant, {
        "type": "string",
        "description": "A time of a test: a span since its beginning such as `0d` or `1d2h`, or an instant such as `2024-01-02T10:00:00Z`."
    }
);
described!(
    /// A stage, or none.
    StageName, { "type": ["string", "null"], "description": "The name of a stage; null: none." }
);
described!(
    /// A level, or none.
    LevelName, { "type": ["string", "null"], "description": "A name; null: none." }
);
described!(
    /// A value for the receiver of an action.
    ActionValue, { "type": ["string", "number", "boolean", "null"], "description": "A text, a number or a truth value." }
);
described!(
    /// Temperature bands.
    Bands, {
        "type": "object", "minProperties": 1,
        "properties": { "margin": { "type": "number", "minimum": 0, "description": "A band is kept until the score falls so far below where it was entered. Default: 0." } },
        "additionalProperties": { "type": "number", "minimum": -1_000_000, "maximum": 1_000_000, "description": "The score from which on the band holds." },
        "description": "One to eight bands, each with the score from which on it holds."
    }
);
described!(
    /// Tags that a test expects.
    ExpectedTags, {
        "anyOf": [
            { "type": "array", "items": { "type": "string" } },
            { "type": "object", "additionalProperties": { "type": ["number", "boolean"] } }
        ],
        "description": "Tags that are carried; or each with its score, or with true where it is carried and false where not."
    }
);
described!(
    /// A kind of derived event.
    DerivedType, {
        "type": "string",
        "enum": [
            "lead.qualified", "lead.disqualified", "lead.routed", "action.requested", "stage.advanced", "stage.regressed",
            "band.changed", "grade.changed", "tag.added", "tag.removed"
        ],
        "description": "A kind of derived event."
    }
);
/// Something that happens in a test.
pub(crate) struct Given;

impl JsonSchema for Given {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Given".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let instant = generator.subschema_for::<Instant>();
        let feedback = generator.subschema_for::<GivenFeedback>();
        let adjust = generator.subschema_for::<GivenAdjust>();
        json_schema!({
            "type": "object",
            "properties": {
                "at": instant,
                "verdict": { "enum": ["human", "suspect", "machine"], "description": "Who caused the event. Default: human." },
                "contact": {
                    "type": ["object", "null"],
                    "description": "Attributes that become known of the contact; null unsets one. `tags` are tags that the CRM gives, or takes with false."
                },
                "feedback": feedback,
                "adjust": adjust
            },
            "additionalProperties": { "type": ["object", "null"] },
            "description": "One thing that happens: an event, as its type with its properties; what becomes known of the `contact`; `feedback` of sales; or points by hand, `adjust`. Without `at` at the time of the entry before, the first at 0d."
        })
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
