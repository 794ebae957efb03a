//! The kinds of problems a plan can have.
//!
//! A code is part of the product's interface: people search for it and tools filter by it, so a name never changes its meaning and is never
//! used again. `docs/errors/plan.md` is written from this list, and a test keeps the two equal.

use crate::diagnostic::Severity;

/// The kind of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The file is not YAML, or uses something of YAML that plans do not: several documents, tags, keys that are collections.
    InvalidYaml,
    /// A key stands twice in one mapping. YAML readers differ in which one they keep, so neither is.
    DuplicateKey,
    /// A limit is exceeded: 8 MiB and a million values a file, 64 plans, 20000 rules, 32 stages, 32 parts, 8 bands, 64 actions, 1000 tests, 500 reported problems a file.
    TooLarge,
    /// A key that plans do not have. Nothing in a plan is ignored, so a misspelt key is an error.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A key that has no meaning beside the others, such as `every` in a rule that events fire.
    MisplacedKey,
    /// A value of another kind than the key takes: a text for a list, a list for a number.
    WrongKind,
    /// A word that is not among the ones a key takes.
    BadChoice,
    /// An id, tag, stage or test name with characters that names cannot have, or too long.
    BadName,
    /// Two rules or actions of a plan with one id, two stages, facts or tests with one name. Bookings are kept by rule id, so it must be unique.
    DuplicateId,
    /// A plan without rules and without fit rules would never score anybody.
    EmptyPlan,
    /// A span of time that is not a whole number with s, m, h, d or w, or lies outside 1 second to 10 years.
    BadDuration,
    /// A window, rolling cap or `once_per` that is longer than the history kept (`horizon`, 400 days unless configured).
    BeyondHorizon,
    /// A number that is not a plain decimal, has more than three decimals, or is outside what the key takes.
    BadNumber,
    /// A time zone that is not in the IANA database. Offsets such as +02:00 are not zones: they know no summer time.
    UnknownTimeZone,
    /// A date that is not written as 2026-05-01, or a `valid` that ends before it begins.
    BadDate,
    /// An event type that is close to a known one and so must be a misspelling, or that is not spelled in snake_case.
    UnknownEventType,
    /// An event type that is neither a preset nor declared under `event_types` in the configuration. The set is open, so the rule works if such events come.
    UndeclaredEventType,
    /// An event type that did not come once in the events given to `plan check --events`. What asks for it would never have happened.
    UnseenEventType,
    /// A rule says none of `on`, `idle`, `after` and `all`, or more than one of them.
    RuleTrigger,
    /// A rule that gives no points and sets or removes no tag.
    RuleWithoutEffect,
    /// A cap that its rule can never reach, or a floor or ceiling that no score of the plan can.
    CapWithoutEffect,
    /// A rule whose condition no event or contact fulfils, or another condition that contradicts itself.
    NeverTrue,
    /// Two rules of which one fires for every event that fires the other, so that both give points.
    OverlappingRules,
    /// A rule that sets a tag twice, or sets and removes it.
    ContradictoryTags,
    /// A floor above the ceiling.
    BadLimits,
    /// A decay that is none: in two ways at once, a half-life under a minute, or steps that do not fall from step to step.
    BadDecay,
    /// A threshold that would be released above where it is reached.
    ReleaseAboveAt,
    /// A threshold, band, grade, action or stage above everything that the plan can give.
    UnreachableThreshold,
    /// A threshold whose `release` is not above the plan's floor: the score can never fall below it.
    NeverReleased,
    /// A threshold at or below 0, which everybody reaches with the first event.
    AlwaysReached,
    /// Bands that are none: no band at all, two that begin at one score, a negative margin.
    BadBands,
    /// Cuts of a grade that do not fall from the best on, or none at all.
    BadGrade,
    /// A `route` in a plan without `qualify`: a lead is routed when it qualifies.
    RouteWithoutQualify,
    /// A stage that nothing leads to.
    StageNeverEntered,
    /// A stage that asks for less than the stage before it, so that both are entered at once.
    StageOrder,
    /// A condition that is not CEL.
    InvalidCondition,
    /// Something of CEL that plans do not have: maps, bytes, lists other than after `in`, macros.
    UnsupportedCondition,
    /// A name in a condition that stands for nothing.
    UnknownName,
    /// A function that conditions do not have.
    UnknownFunction,
    /// A function that is called with the wrong number or kind of arguments.
    BadArgument,
    /// Parts of a condition whose types do not go together, or a result of the wrong type: a condition must be true or false, points a number.
    TypeMismatch,
    /// A condition reads something that is not there where it stands: `members` and fit rules have no event.
    NotReadableHere,
    /// A condition asks for the time. Time is an input of the fold, so that every replay gives the same scores.
    NoClock,
    /// A comparison with null. Empty fields are dropped, so a field is present or absent, never null.
    NullComparison,
    /// A field that is one slip away from a well-known one. Fields are an open set, so it is taken as it stands.
    MisspeltField,
    /// A score that does not exist.
    UnknownScore,
    /// A level or stage that does not exist.
    UnknownLevel,
    /// A rule that the plan does not have, in what a test expects of the ledger.
    UnknownRule,
    /// Two files with one plan id.
    DuplicatePlan,
    /// A score or level of a plan that is not among the plans given.
    UnknownPlan,
    /// A time in a test that is neither a span since the test's beginning nor an instant, or the end of a test before one of its events.
    BadInstant,
    /// A test that expects nothing can never fail.
    TestWithoutExpectation,
}

/// Name, severity and explanation of every code, in the order of [`Code`].
const CODES: [(Code, &str, Severity, &str); 53] = [
    (
        Code::InvalidYaml,
        "invalid-yaml",
        Severity::Error,
        "The file is not YAML, or uses something of YAML that plans do not: several documents, tags, keys that are collections.",
    ),
    (
        Code::DuplicateKey,
        "duplicate-key",
        Severity::Error,
        "A key stands twice in one mapping. YAML readers differ in which one they keep, so neither is.",
    ),
    (
        Code::TooLarge,
        "too-large",
        Severity::Error,
        "A limit is exceeded: 8 MiB and a million values a file, 64 plans, 20000 rules, 32 stages, 32 parts, 8 bands, 64 actions, 1000 tests, 500 reported problems a file.",
    ),
    (
        Code::UnknownKey,
        "unknown-key",
        Severity::Error,
        "A key that plans do not have. Nothing in a plan is ignored, so a misspelt key is an error.",
    ),
    (Code::MissingKey, "missing-key", Severity::Error, "A key that must be there is not."),
    (
        Code::MisplacedKey,
        "misplaced-key",
        Severity::Error,
        "A key that has no meaning beside the others, such as `every` in a rule that events fire.",
    ),
    (
        Code::WrongKind,
        "wrong-kind",
        Severity::Error,
        "A value of another kind than the key takes: a text for a list, a list for a number.",
    ),
    (Code::BadChoice, "bad-choice", Severity::Error, "A word that is not among the ones a key takes."),
    (
        Code::BadName,
        "bad-name",
        Severity::Error,
        "An id, tag, stage or test name with characters that names cannot have, or too long.",
    ),
    (
        Code::DuplicateId,
        "duplicate-id",
        Severity::Error,
        "Two rules or actions of a plan with one id, two stages, facts or tests with one name. Bookings are kept by rule id, so it must be unique.",
    ),
    (
        Code::EmptyPlan,
        "empty-plan",
        Severity::Error,
        "A plan without rules and without fit rules would never score anybody.",
    ),
    (
        Code::BadDuration,
        "bad-duration",
        Severity::Error,
        "A span of time that is not a whole number with s, m, h, d or w, or lies outside 1 second to 10 years.",
    ),
    (
        Code::BeyondHorizon,
        "beyond-horizon",
        Severity::Error,
        "A window, rolling cap or `once_per` that is longer than the history kept (`horizon`, 400 days unless configured).",
    ),
    (
        Code::BadNumber,
        "bad-number",
        Severity::Error,
        "A number that is not a plain decimal, has more than three decimals, or is outside what the key takes.",
    ),
    (
        Code::UnknownTimeZone,
        "unknown-time-zone",
        Severity::Error,
        "A time zone that is not in the IANA database. Offsets such as +02:00 are not zones: they know no summer time.",
    ),
    (
        Code::BadDate,
        "bad-date",
        Severity::Error,
        "A date that is not written as 2026-05-01, or a `valid` that ends before it begins.",
    ),
    (
        Code::UnknownEventType,
        "unknown-event-type",
        Severity::Error,
        "An event type that is close to a known one and so must be a misspelling, or that is not spelled in snake_case.",
    ),
    (
        Code::UndeclaredEventType,
        "undeclared-event-type",
        Severity::Warning,
        "An event type that is neither a preset nor declared under `event_types` in the configuration. The set is open, so the rule works if such events come.",
    ),
    (
        Code::UnseenEventType,
        "unseen-event-type",
        Severity::Warning,
        "An event type that did not come once in the events given to `plan check --events`. What asks for it would never have happened.",
    ),
    (
        Code::RuleTrigger,
        "rule-trigger",
        Severity::Error,
        "A rule says none of `on`, `idle`, `after` and `all`, or more than one of them.",
    ),
    (
        Code::RuleWithoutEffect,
        "rule-without-effect",
        Severity::Warning,
        "A rule that gives no points and sets or removes no tag.",
    ),
    (
        Code::CapWithoutEffect,
        "cap-without-effect",
        Severity::Warning,
        "A cap that its rule can never reach, or a floor or ceiling that no score of the plan can.",
    ),
    (
        Code::NeverTrue,
        "never-true",
        Severity::Warning,
        "A condition that contradicts itself, or a rule that no event can fire.",
    ),
    (
        Code::OverlappingRules,
        "overlapping-rules",
        Severity::Warning,
        "Two rules of which one fires for every event that fires the other, so that such an event counts twice. Warned of where both rules give fixed points of one sign, and both ask for something or for the same.",
    ),
    (
        Code::ContradictoryTags,
        "contradictory-tags",
        Severity::Error,
        "A rule that sets a tag twice, or sets and removes it.",
    ),
    (Code::BadLimits, "bad-limits", Severity::Error, "A floor above the ceiling."),
    (
        Code::BadDecay,
        "bad-decay",
        Severity::Error,
        "A decay that is none: in two ways at once, a half-life under a minute, or steps that do not fall from step to step.",
    ),
    (
        Code::ReleaseAboveAt,
        "release-above-at",
        Severity::Error,
        "A threshold that would be released above where it is reached.",
    ),
    (
        Code::UnreachableThreshold,
        "unreachable-threshold",
        Severity::Warning,
        "A threshold, band, grade, action or stage above everything that the plan can give; only points that an earlier version booked can reach it.",
    ),
    (
        Code::NeverReleased,
        "never-released",
        Severity::Warning,
        "A threshold whose `release` is not above the plan's floor: the score can never fall below it.",
    ),
    (
        Code::AlwaysReached,
        "always-reached",
        Severity::Warning,
        "A threshold at or below 0, which everybody reaches with the first event.",
    ),
    (
        Code::BadBands,
        "bad-bands",
        Severity::Error,
        "Bands that are none: no band at all, two that begin at one score, a negative margin.",
    ),
    (
        Code::BadGrade,
        "bad-grade",
        Severity::Error,
        "Cuts of a grade that do not fall from the best on, or none at all.",
    ),
    (
        Code::RouteWithoutQualify,
        "route-without-qualify",
        Severity::Warning,
        "A `route` in a plan without `qualify`: a lead is routed when it qualifies.",
    ),
    (Code::StageNeverEntered, "stage-never-entered", Severity::Error, "A stage that nothing leads to."),
    (
        Code::StageOrder,
        "stage-order",
        Severity::Warning,
        "A stage that asks for less than the stage before it, so that both are entered at once.",
    ),
    (Code::InvalidCondition, "invalid-condition", Severity::Error, "A condition that is not CEL."),
    (
        Code::UnsupportedCondition,
        "unsupported-condition",
        Severity::Error,
        "Something of CEL that plans do not have: maps, bytes, lists other than after `in`, macros.",
    ),
    (Code::UnknownName, "unknown-name", Severity::Error, "A name in a condition that stands for nothing."),
    (Code::UnknownFunction, "unknown-function", Severity::Error, "A function that conditions do not have."),
    (
        Code::BadArgument,
        "bad-argument",
        Severity::Error,
        "A function that is called with the wrong number or kind of arguments.",
    ),
    (
        Code::TypeMismatch,
        "type-mismatch",
        Severity::Error,
        "Parts of a condition whose types do not go together, or a result of the wrong type: a condition must be true or false, points a number.",
    ),
    (
        Code::NotReadableHere,
        "not-readable-here",
        Severity::Error,
        "A condition reads something that is not there where it stands: `members` and fit rules have no event.",
    ),
    (
        Code::NoClock,
        "no-clock",
        Severity::Error,
        "A condition asks for the time. Time is an input of the fold, so that every replay gives the same scores.",
    ),
    (
        Code::NullComparison,
        "null-comparison",
        Severity::Warning,
        "A comparison with null. Empty fields are dropped, so a field is present or absent, never null.",
    ),
    (
        Code::MisspeltField,
        "misspelt-field",
        Severity::Warning,
        "A field that is one slip away from a well-known one. Fields are an open set, so it is taken as it stands.",
    ),
    (Code::UnknownScore, "unknown-score", Severity::Error, "A score that does not exist."),
    (Code::UnknownLevel, "unknown-level", Severity::Error, "A level or stage that does not exist."),
    (
        Code::UnknownRule,
        "unknown-rule",
        Severity::Error,
        "A rule that the plan does not have, in what a test expects of the ledger.",
    ),
    (Code::DuplicatePlan, "duplicate-plan", Severity::Error, "Two files with one plan id."),
    (
        Code::UnknownPlan,
        "unknown-plan",
        Severity::Error,
        "A score or level of a plan that is not among the plans given.",
    ),
    (
        Code::BadInstant,
        "bad-instant",
        Severity::Error,
        "A time in a test that is neither a span since the test's beginning nor an instant, or the end of a test before one of its events.",
    ),
    (
        Code::TestWithoutExpectation,
        "test-without-expectation",
        Severity::Error,
        "A test that expects nothing can never fail.",
    ),
];

impl Code {
    /// Every code.
    pub fn all() -> impl Iterator<Item = Code> {
        CODES.iter().map(|(code, ..)| *code)
    }

    /// The stable name, in lower case with hyphens.
    pub fn name(self) -> &'static str {
        CODES[self as usize].1
    }

    /// Whether the problem keeps a plan from loading.
    pub fn severity(self) -> Severity {
        CODES[self as usize].2
    }

    /// What the code means, in full sentences.
    pub fn explanation(self) -> &'static str {
        CODES[self as usize].3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_codes_and_names_are_distinct() {
        for (place, code) in Code::all().enumerate() {
            assert_eq!(place, code as usize, "{code:?}");
            assert_eq!(Code::all().filter(|other| other.name() == code.name()).count(), 1, "{code:?}");
        }
    }
}
