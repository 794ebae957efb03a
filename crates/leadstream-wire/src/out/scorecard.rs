//! Scorecards: the latest scores and levels of a contact, a table that other systems join (S55).

use std::collections::BTreeMap;
use std::sync::Arc;

use leadstream_core::{PlanVersion, Points, Timestamp, Word, explain};
use serde::Serialize;

use super::data::{InstantData, PointsData, Style};
use super::{DataError, DataFormat, DataWriter, OutRecord};

/// A contact's scores and levels at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The contact.
    pub contact: Arc<str>,
    /// The instant that the scores hold for.
    pub time: Timestamp,
    /// The derived events of the contact so far.
    pub seq: u64,
    /// The global score (S24).
    pub global: Points,
    /// The plans in force, by name.
    pub plans: Vec<PlanScore>,
    /// The contact's tags, by name.
    pub tags: Vec<TagScore>,
}

impl Scorecard {
    /// What the table says of a contact whose scores hold for an instant.
    pub fn of(card: &explain::Scorecard, time: Timestamp) -> Scorecard {
        let mut tags: Vec<TagScore> = card
            .tags
            .iter()
            .map(|tag| TagScore { tag: tag.tag.clone(), score: tag.points, since: Some(tag.since) })
            .collect();
        tags.sort_by(|one, other| one.tag.cmp(&other.tag));
        Scorecard {
            contact: card.contact.clone(),
            time,
            seq: card.seq,
            global: card.global,
            // The plans of a set are in the order of their names.
            plans: card.plans.iter().map(PlanScore::of).collect(),
            tags,
        }
    }
}

/// What a contact is in one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanScore {
    /// The plan.
    pub plan: Word,
    /// Its version in force.
    pub version: PlanVersion,
    /// Whether the contact takes part.
    pub is_member: bool,
    /// The plan's score, clamped (S23).
    pub score: Points,
    /// Its engagement part.
    pub engagement: Points,
    /// Its fit part.
    pub fit: Points,
    /// Whether the contact is announced as qualified.
    pub is_qualified: bool,
    /// When that began; none if it never changed.
    pub qualified_since: Option<Timestamp>,
    /// The stage of the pipeline, where the plan has one.
    pub stage: Option<Word>,
    /// The points earned in that stage (S26).
    pub stage_score: Option<Points>,
    /// When the stage was entered.
    pub stage_since: Option<Timestamp>,
    /// The temperature band, where the plan has bands.
    pub band: Option<Word>,
    /// Since when; none if it never changed.
    pub band_since: Option<Timestamp>,
    /// The grade, for members of a plan with grades.
    pub grade: Option<Word>,
    /// Since when.
    pub grade_since: Option<Timestamp>,
    /// Whose lead it is, while it is qualified in a plan that routes.
    pub owner: Option<Word>,
    /// Since when.
    pub owner_since: Option<Timestamp>,
    /// How often each action was counted, by its id.
    pub actions: Vec<(Word, u64)>,
}

impl PlanScore {
    fn of(card: &explain::PlanCard) -> PlanScore {
        PlanScore {
            plan: card.plan,
            version: card.version,
            is_member: card.member,
            score: card.score,
            engagement: card.engagement,
            fit: card.fit,
            is_qualified: card.qualified.unwrap_or(false),
            qualified_since: card.qualified_since,
            stage: card.stage.as_ref().map(|stage| stage.stage),
            stage_score: card.stage.as_ref().map(|stage| stage.points),
            stage_since: card.stage.as_ref().map(|stage| stage.since),
            band: card.band.map(|level| level.name),
            band_since: card.band.and_then(|level| level.since),
            grade: card.grade.map(|level| level.name),
            grade_since: card.grade.and_then(|level| level.since),
            owner: card.owner.map(|level| level.name),
            owner_since: card.owner.and_then(|level| level.since),
            actions: card.actions.iter().map(|action| (action.action, action.count)).collect(),
        }
    }
}

/// A tag and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct TagScore {
    /// The tag.
    pub tag: Arc<str>,
    /// The points that rules gave it (S25).
    pub score: Points,
    /// When it was added.
    pub since: Option<Timestamp>,
}

/// Writes scorecards.
#[derive(Debug)]
pub struct ScorecardWriter(DataWriter);

impl ScorecardWriter {
    /// A writer.
    ///
    /// # Errors
    /// [`DataError`] if the crate's own schema cannot be compiled, which a test rules out.
    pub fn new(format: DataFormat) -> Result<ScorecardWriter, DataError> {
        DataWriter::new(format, include_str!("../../../../schemas/scorecard.avsc")).map(ScorecardWriter)
    }

    /// Writes a scorecard over a record, whose buffers are used again. It is a row of a table and no event: it has no CloudEvents headers.
    ///
    /// # Errors
    /// [`DataError`] if the scorecard does not fit the crate's own schema, which a test rules out.
    pub fn write(&self, card: &Scorecard, into: &mut OutRecord) -> Result<(), DataError> {
        into.key.clear();
        into.key.extend(card.contact.as_bytes());
        into.headers.clear();
        into.headers.push(("content-type", self.0.content_type().as_bytes().to_vec()));
        self.0.write(&CardData::of(card, self.0.style()), &mut into.value)
    }
}

/// Names and order are those of the schema.
#[derive(Serialize)]
struct CardData<'a> {
    contact: &'a str,
    time: InstantData,
    seq: i64,
    global: PointsData,
    plans: Vec<PlanData<'a>>,
    tags: Vec<TagData<'a>>,
}

#[derive(Serialize)]
struct PlanData<'a> {
    plan: &'a str,
    version: String,
    member: bool,
    score: PointsData,
    engagement: PointsData,
    fit: PointsData,
    qualified: bool,
    qualified_since: Option<InstantData>,
    stage: Option<&'a str>,
    stage_score: Option<PointsData>,
    stage_since: Option<InstantData>,
    // What a plan does not have is left out in JSON; in Avro it is null all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    band: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    band_since: Option<InstantData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grade: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grade_since: Option<InstantData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_since: Option<InstantData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<BTreeMap<&'a str, i64>>,
}

#[derive(Serialize)]
struct TagData<'a> {
    tag: &'a str,
    score: PointsData,
    since: Option<InstantData>,
}

impl<'a> CardData<'a> {
    fn of(card: &'a Scorecard, style: Style) -> CardData<'a> {
        let plan = |plan: &'a PlanScore| PlanData {
            plan: &plan.plan,
            version: plan.version.to_string(),
            member: plan.is_member,
            score: style.points(plan.score),
            engagement: style.points(plan.engagement),
            fit: style.points(plan.fit),
            qualified: plan.is_qualified,
            qualified_since: plan.qualified_since.map(|instant| style.instant(instant)),
            stage: plan.stage.as_deref(),
            stage_score: plan.stage_score.map(|points| style.points(points)),
            stage_since: plan.stage_since.map(|instant| style.instant(instant)),
            band: plan.band.as_deref(),
            band_since: plan.band_since.map(|instant| style.instant(instant)),
            grade: plan.grade.as_deref(),
            grade_since: plan.grade_since.map(|instant| style.instant(instant)),
            owner: plan.owner.as_deref(),
            owner_since: plan.owner_since.map(|instant| style.instant(instant)),
            actions: (!plan.actions.is_empty())
                .then(|| plan.actions.iter().map(|(action, count)| (&**action, *count as i64)).collect()),
        };
        let tag = |tag: &'a TagScore| TagData {
            tag: &tag.tag,
            score: style.points(tag.score),
            since: tag.since.map(|instant| style.instant(instant)),
        };
        CardData {
            contact: &card.contact,
            time: style.instant(card.time),
            seq: card.seq as i64,
            global: style.points(card.global),
            plans: card.plans.iter().map(plan).collect(),
            tags: card.tags.iter().map(tag).collect(),
        }
    }
}
