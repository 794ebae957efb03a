//! The JSON Schema of the plan file, generated from types, for editors that complete and check while one writes.
//!
//! These types only describe; the compiler reads the tree itself, since it must say where each mistake stands. A test holds the keys of both
//! against each other. What is not supported by this version is not in the schema.

mod rules;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json};

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

/// The threshold at which a lead qualifies.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Qualify {
    /// `plan` (default), `engagement`, `fit`, `global`, `stage` or `tag:NAME`.
    #[schemars(default)]
    score: Option<String>,
    /// A lead qualifies at or above this score.
    at: Points,
    /// It stays qualified until the score falls below this. Default: `at`.
    #[schemars(default)]
    release: Option<Points>,
    /// Whether a lead can qualify again after it was released. Default: on_release.
    #[schemars(default)]
    rearm: Option<Rearm>,
    /// Not again before this has passed since it last qualified. Default: none.
    #[schemars(default)]
    cooldown: Option<Duration>,
    /// A further condition on attributes, tags, history and levels.
    #[schemars(default)]
    when: Option<Condition>,
}

/// Whether a lead can qualify again after it was released.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Rearm {
    /// After it was released.
    OnRelease,
    /// Never again.
    Never,
}

/// The stages a contact goes through.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Pipeline {
    /// The score that `enter` reads. Default: stage, which counts anew in each stage.
    #[schemars(default)]
    by: Option<By>,
    /// The stages, lowest first.
    #[schemars(length(min = 1, max = 32))]
    stages: Vec<Stage>,
}

/// The score that stages are entered by.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum By {
    /// What was earned in the present stage.
    Stage,
    /// All points of rules.
    Engagement,
    /// The score of the plan: engagement and fit.
    Plan,
}

/// One stage.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Stage {
    /// The name, unique in the plan.
    name: Id,
    /// Entered from the stage before at or above this score.
    #[schemars(default)]
    enter: Option<Points>,
    /// Entered from the stage before when this is true.
    #[schemars(default)]
    enter_when: Option<Condition>,
    /// Left for the stage before when the score earned in it falls below this, once it was reached.
    #[schemars(default)]
    leave_below: Option<Points>,
    /// Left for the stage before when this is true.
    #[schemars(default)]
    leave_when: Option<Condition>,
    /// Left for the stage before after so long without activity.
    #[schemars(default)]
    leave_idle: Option<Duration>,
    /// Not left by scores, conditions or silence.
    #[serde(rename = "final")]
    #[schemars(default)]
    is_final: Option<bool>,
}

/// A letter by fit and a digit by engagement.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Grade {
    /// From how much fit on each letter holds; below all of them it is D.
    fit: FitLetters,
    /// From how much engagement on each digit holds; below all of them it is 4.
    engagement: EngagementDigits,
}

/// Letters by fit, the best asking for most.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct FitLetters {
    /// The best.
    #[serde(rename = "A")]
    #[schemars(default)]
    a: Option<Points>,
    /// The second.
    #[serde(rename = "B")]
    #[schemars(default)]
    b: Option<Points>,
    /// The third.
    #[serde(rename = "C")]
    #[schemars(default)]
    c: Option<Points>,
}

/// Digits by engagement, the best asking for most.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct EngagementDigits {
    /// The best.
    #[serde(rename = "1")]
    #[schemars(default)]
    first: Option<Points>,
    /// The second.
    #[serde(rename = "2")]
    #[schemars(default)]
    second: Option<Points>,
    /// The third.
    #[serde(rename = "3")]
    #[schemars(default)]
    third: Option<Points>,
}

/// Who gets a qualified lead.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Route {
    /// The candidates.
    #[schemars(length(min = 1, max = 1_000))]
    to: Vec<String>,
    /// Says who, where it is one of the candidates: a text in CEL, such as `contact.owner`.
    #[schemars(default)]
    by: Option<Condition>,
    /// Who gets what `by` gives to nobody. Default: rendezvous.
    #[serde(rename = "else")]
    #[schemars(default)]
    otherwise: Option<RouteElse>,
}

/// Who gets what `by` gives to nobody.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum RouteElse {
    /// Leads are shared out evenly, each contact always to the same candidate.
    Rendezvous,
}

/// What is asked for when a score rises so far.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Action {
    /// The id of the action, unique in the plan.
    id: Id,
    /// Asked for when the score rises to this.
    at: Points,
    /// With `rearm: on_release`: asked for again only after the score fell below this. Default: `at`.
    #[schemars(default)]
    release: Option<Points>,
    /// Whether it is ever asked for again. Default: never.
    #[schemars(default)]
    rearm: Option<Rearm>,
    /// `plan` (default), `engagement`, `fit`, `global`, `stage` or `tag:NAME`.
    #[schemars(default)]
    score: Option<String>,
    /// What to do, in a word that the receiver knows.
    #[schemars(default)]
    emit: Option<String>,
    /// With what.
    #[schemars(default)]
    data: Option<BTreeMap<String, ActionValue>>,
}

/// What follows from the feedback of sales.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Feedback {
    /// Whether engagement ends with it. Default: reset.
    #[schemars(default)]
    recycle: Option<Recycle>,
    /// The stage that each outcome leads to.
    #[schemars(default)]
    outcomes: Option<Outcomes>,
}

/// What becomes of engagement after feedback.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Recycle {
    /// It ends: interest is earned anew.
    Reset,
    /// It stays.
    Keep,
}

/// The stage that each outcome leads to.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Outcomes {
    /// The lead bought.
    #[schemars(default)]
    won: Option<String>,
    /// The lead did not buy.
    #[schemars(default)]
    lost: Option<String>,
    /// It was no lead.
    #[schemars(default)]
    rejected: Option<String>,
}

/// Feedback in a test.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct GivenFeedback {
    /// What sales says.
    outcome: OutcomeWord,
}

/// What sales says of a lead.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum OutcomeWord {
    /// It bought.
    Won,
    /// It did not buy.
    Lost,
    /// It was no lead.
    Rejected,
}

/// Points by hand in a test: either `add` or `set`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct GivenAdjust {
    /// So many points more.
    #[schemars(default)]
    add: Option<Points>,
    /// As many points as are missing to this engagement.
    #[schemars(default)]
    set: Option<Points>,
    /// `none`: they keep their worth. Default: as the plan says.
    #[schemars(default)]
    decay: Option<NoDecay>,
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

/// A test of the author: what happens to one contact, and what is to come of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Test {
    /// What it shows, in words; unique in the plan.
    #[schemars(default)]
    name: Option<String>,
    /// What happens, in the order in which it arrives.
    given: Vec<Given>,
    /// How far the clock goes in the end. Default: the time of the last event.
    #[schemars(default)]
    at: Option<Instant>,
    /// What is to come of it; what is not named is not looked at.
    expect: Expect,
}

/// What a test expects.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Expect {
    /// The contact's global score.
    #[schemars(default)]
    global: Option<Points>,
    /// The plan's score.
    #[schemars(default)]
    score: Option<Points>,
    /// What the contact earned by what it did.
    #[schemars(default)]
    engagement: Option<Points>,
    /// What the contact's attributes count.
    #[schemars(default)]
    fit: Option<Points>,
    /// Whether the contact takes part in the plan.
    #[schemars(default)]
    member: Option<bool>,
    /// Whether the contact is qualified.
    #[schemars(default)]
    qualified: Option<bool>,
    /// The stage; null: none.
    #[schemars(default)]
    stage: Option<StageName>,
    /// The score earned in the stage.
    #[schemars(default)]
    stage_score: Option<Points>,
    /// The temperature band.
    #[schemars(default)]
    band: Option<String>,
    /// The grade, such as B2; null: none.
    #[schemars(default)]
    grade: Option<LevelName>,
    /// Whose lead it is; null: nobody's.
    #[schemars(default)]
    owner: Option<LevelName>,
    /// How often actions were asked for.
    #[schemars(default)]
    actions: Option<BTreeMap<String, u32>>,
    /// Tags with their scores, or true where one is carried and false where not.
    #[schemars(default)]
    tags: Option<ExpectedTags>,
    /// All derived events, in order.
    #[schemars(default)]
    derived: Option<Vec<Derived>>,
}

/// A derived event that a test expects: its type, or more of it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Derived {
    /// The type alone.
    Type(DerivedType),
    /// What else is expected of it.
    Event(DerivedEvent),
}

/// A derived event and what is expected of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct DerivedEvent {
    /// What happened.
    #[serde(rename = "type")]
    kind: DerivedType,
    /// When.
    #[schemars(default)]
    at: Option<Instant>,
    /// The stage that was entered.
    #[schemars(default)]
    stage: Option<String>,
    /// The tag that was set or removed.
    #[schemars(default)]
    tag: Option<String>,
    /// The band that was entered.
    #[schemars(default)]
    band: Option<String>,
    /// The grade that was reached.
    #[schemars(default)]
    grade: Option<String>,
    /// Whose lead it became.
    #[schemars(default)]
    owner: Option<String>,
    /// The action that was asked for.
    #[schemars(default)]
    action: Option<String>,
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
