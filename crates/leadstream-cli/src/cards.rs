//! Scorecards between the fold and what consumers read.

use leadstream_core::Timestamp;
use leadstream_core::explain::{PlanCard, Scorecard};
use leadstream_wire::out::{self, PlanScore, TagScore};

/// The row of the table of scores for a contact's scorecard, which holds for the instant `time`.
pub(crate) fn row(card: &Scorecard, time: Timestamp) -> out::Scorecard {
    let mut tags: Vec<TagScore> = card
        .tags
        .iter()
        .map(|tag| TagScore { tag: tag.tag.clone(), score: tag.points, since: Some(tag.since) })
        .collect();
    tags.sort_by(|one, other| one.tag.cmp(&other.tag));
    out::Scorecard {
        contact: card.contact.clone(),
        time,
        seq: card.seq,
        global: card.global,
        // The plans of a set are in the order of their names.
        plans: card.plans.iter().map(plan_score).collect(),
        tags,
    }
}

fn plan_score(card: &PlanCard) -> PlanScore {
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
