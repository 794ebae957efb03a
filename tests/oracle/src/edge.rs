//! Levels, and the edges between them that a step sees (S30, S53). An edge has no number yet: folds don't number (trap 5).

use serde::Serialize;

use crate::number::Thousandths;
use crate::scores::Contribution;
use crate::state::Cause;

/// The level of a subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Level {
    /// No stage, grade or owner.
    None,
    /// How often an action was requested.
    Count(u64),
    /// Qualified or not; tag set or not.
    Is(bool),
    /// A stage, band, grade or owner.
    Named(String),
}

/// The types of derived events that the clauses in scope emit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum DerivedType {
    /// A tag was set.
    #[serde(rename = "tag.added")]
    TagAdded,
    /// A tag was removed.
    #[serde(rename = "tag.removed")]
    TagRemoved,
    /// A further stage was entered.
    #[serde(rename = "stage.advanced")]
    StageAdvanced,
    /// An earlier stage, or none, was gone back to.
    #[serde(rename = "stage.regressed")]
    StageRegressed,
    /// The contact is no longer qualified.
    #[serde(rename = "lead.disqualified")]
    LeadDisqualified,
    /// The contact is qualified.
    #[serde(rename = "lead.qualified")]
    LeadQualified,
    /// The contact has another owner.
    #[serde(rename = "lead.routed")]
    LeadRouted,
    /// The band is another one.
    #[serde(rename = "band.changed")]
    BandChanged,
    /// The grade is another one.
    #[serde(rename = "grade.changed")]
    GradeChanged,
    /// Two contacts are one.
    #[serde(rename = "contact.merged")]
    ContactMerged,
    /// One contact is two.
    #[serde(rename = "contact.split")]
    ContactSplit,
    /// Everything of the contact is gone.
    #[serde(rename = "contact.erased")]
    ContactErased,
    /// A score rose to an action's threshold.
    #[serde(rename = "action.requested")]
    ActionRequested,
}

/// A change of a level.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) derived_type: DerivedType,
    /// None for tags.
    pub(crate) plan: Option<String>,
    /// The version of the plan in force; none for tags.
    pub(crate) version: Option<String>,
    pub(crate) subject: String,
    pub(crate) time: i64,
    pub(crate) since: i64,
    pub(crate) old: Level,
    pub(crate) new: Level,
    pub(crate) score: Option<Thousandths>,
    pub(crate) threshold: Option<Thousandths>,
    pub(crate) cause: Cause,
    pub(crate) reason: Option<String>,
    pub(crate) marks: Vec<String>,
    pub(crate) via: Vec<String>,
    pub(crate) contributions: Vec<Contribution>,
}
