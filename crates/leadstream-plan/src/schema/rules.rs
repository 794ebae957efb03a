//! The part of the schema that rules have: what makes them fire, what they give, and what becomes of verdicts.

use schemars::JsonSchema;

use super::{Condition, Duration, Id, OneOrMany, Points, PointsOf, Valid};

/// A rule that an event (`on`), a silence (`idle`), an event that another does not follow (`after`, `unless`) or several events (`all`) fire.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Rule {
    /// The id of the rule, unique in the plan.
    id: Id,
    /// The event type, or types, that the rule looks at.
    #[schemars(default)]
    on: Option<OneOrMany>,
    /// Fires after so long without activity.
    #[schemars(default)]
    idle: Option<Duration>,
    /// The event type, or types, that another event is expected to follow: fires where none of `unless` comes `within` the time.
    #[schemars(default)]
    after: Option<OneOrMany>,
    /// Only with `after`: the event type, or types, of which none may follow for the rule to fire.
    #[schemars(default)]
    unless: Option<OneOrMany>,
    /// Parts that must all come `within` the time: event types, or types with a condition.
    #[schemars(default, length(min = 2, max = 32))]
    all: Option<Vec<Part>>,
    /// Only with `after` or `all`: in which time.
    #[schemars(default)]
    within: Option<Duration>,
    /// Only with `after` or `all`: the property that all events must share, such as `email_id`.
    #[schemars(default)]
    matching: Option<String>,
    /// Only with `all`: the parts must come in the order in which they are listed. Default: false.
    #[schemars(default)]
    in_order: Option<bool>,
    /// Fires only where this is true.
    #[schemars(default)]
    when: Option<Condition>,
    /// What a firing is worth: a decimal, or a calculation in quotes. Default: 0.
    #[schemars(default)]
    points: Option<PointsOf>,
    /// The most that the rule gives or takes over a period.
    #[schemars(default)]
    cap: Option<Cap>,
    /// How often the rule may fire: `7d` rests so long after each firing, a field fires once for each value, `ever` fires once for good.
    #[schemars(default)]
    once_per: Option<String>,
    /// A tag that a firing sets; the rule's points count in the score of the tag too.
    #[schemars(default)]
    tag: Option<TagEffect>,
    /// Tags that a firing sets.
    #[schemars(default)]
    tags: Option<Vec<TagEffect>>,
    /// Tags that a firing removes.
    #[schemars(default)]
    untag: Option<OneOrMany>,
    /// The first day on which the rule counts and the first on which it no longer does; null leaves an end open.
    #[schemars(default)]
    valid: Option<Valid>,
    /// Only with `idle`: fires again after each further span.
    #[schemars(default)]
    every: Option<Duration>,
    /// Only with `every`: at most so many times in one silence. Default: 12.
    #[schemars(default, range(min = 1, max = 1_000))]
    times: Option<u32>,
    /// The rule's own policies for events that a machine caused.
    #[schemars(default)]
    verdicts: Option<Verdicts>,
    /// How the rule's points lose their worth with age. Default: as the plan says.
    #[schemars(default)]
    decay: Option<Decay>,
}

/// A part of a rule with `all`.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Part {
    /// An event type.
    Type(String),
    /// An event with a condition.
    Condition(PartCondition),
}

/// An event type, or types, with a condition.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct PartCondition {
    /// The event type, or types.
    on: OneOrMany,
    /// A part only where this is true.
    #[schemars(default)]
    when: Option<Condition>,
}

/// How points lose their worth with age.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Decay {
    /// `none`.
    Word(NoDecay),
    /// One of the ways.
    Way(DecayWay),
}

/// No decay.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum NoDecay {
    /// Points keep their worth.
    None,
}

/// A way in which points lose their worth.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct DecayWay {
    /// Half of the worth goes in each such span, a minute or more.
    #[schemars(default)]
    half_life: Option<Duration>,
    /// The worth goes evenly, to nothing after the span.
    #[schemars(default)]
    linear: Option<Duration>,
    /// All of the worth goes at once, after the span.
    #[schemars(default)]
    expire: Option<Duration>,
    /// Ages, rising, with the percent that is kept from then on, falling.
    #[schemars(default, length(min = 1))]
    step: Option<Vec<(Duration, f64)>>,
}

/// The most that a rule gives or takes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Cap {
    /// How many points, above 0.
    points: Points,
    /// `day`, `week` and `month` follow the calendar, `7d` is rolling, `ever` never ends. Absent: each firing by itself.
    #[schemars(default)]
    per: Option<String>,
}

/// What becomes of events, by who caused them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct Verdicts {
    /// Surely a machine. Default: ignore.
    #[schemars(default)]
    machine: Option<Policy>,
    /// Perhaps a machine. Default: count.
    #[schemars(default)]
    suspect: Option<Policy>,
    /// A person. Default: count.
    #[schemars(default)]
    human: Option<Policy>,
}

/// A policy for events.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum Policy {
    /// `ignore` or `count`.
    Word(PolicyWord),
    /// As any event, its points multiplied, or held.
    Mapping(PolicyMapping),
}

/// A policy without a number.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum PolicyWord {
    /// As if the event had not come.
    Ignore,
    /// As any event.
    Count,
}

/// A policy with a value: `weight`, or `hold` with `key`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{ "required": ["weight"] }, { "required": ["hold", "key"] }]))]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct PolicyMapping {
    /// A factor for the points, from 0 to 1.
    #[schemars(default, range(min = 0, max = 1))]
    weight: Option<f64>,
    /// The points are booked when a human event with the same `key` comes within this time, and not at all otherwise.
    #[schemars(default)]
    hold: Option<Duration>,
    /// Only with `hold`: the property that both events must share, such as `email_id`.
    #[schemars(default)]
    key: Option<String>,
}

/// A tag, or a tag with points of its own.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "the variants describe a file; nothing makes them")]
pub(crate) enum TagEffect {
    /// The tag; the rule's points count in its score.
    Name(String),
    /// The tag with points of its own.
    Own(OwnTag),
}

/// A tag with points of its own, outside caps and limits.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields describe a file; nothing reads them")]
pub(crate) struct OwnTag {
    /// The tag.
    tag: String,
    /// What counts in its score. Absent: the rule's points.
    #[schemars(default)]
    points: Option<Points>,
}
