//! The author's own tests of a plan.
//!
//! These types only describe.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::rules::NoDecay;
use super::{DerivedType, ExpectedTags, Given, Instant, LevelName, Points, StageName};

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
    /// Everything that the score is made of, in order: fit rules that hold, then bookings.
    #[schemars(default)]
    ledger: Option<Vec<Line>>,
}

/// A line of the ledger that a test expects: its rule, or more of it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Line {
    /// The rule alone.
    Rule(String),
    /// What else is expected of it.
    Line(LedgerLine),
}

/// A line of the ledger and what is expected of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct LedgerLine {
    /// The rule or fit rule; `#adjust` for points by hand.
    rule: String,
    /// What it is worth in the end.
    #[schemars(default)]
    points: Option<Points>,
    /// When it was booked.
    #[schemars(default)]
    at: Option<Instant>,
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
