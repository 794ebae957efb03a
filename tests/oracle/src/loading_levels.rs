//! Loading of what follows scores: bands, grades, routes, actions, feedback.
//!
//! Refuses, as [`crate::loading`] does, with the first error found.

use std::collections::BTreeMap;

use crate::bands::COLD;
use crate::crm::OUTCOMES;
use crate::loading::{PlanError, bad, distinct, expression, thousandths};
use crate::number::{Decimal, Thousandths};
use crate::plan::{Action, Bands, FeedbackPolicy, Grade, Pipeline, Route};
use crate::spelling::{ActionEntry, FeedbackEntry, GradeEntry, RearmEntry, RecycleEntry, RouteEntry};

/// The most bands that a plan may have (S58).
const BANDS_MAX: usize = 8;

pub(crate) fn bands(entry: BTreeMap<String, Decimal>) -> Result<Bands, PlanError> {
    let mut margin = 0;
    let mut cuts = Vec::new();
    for (name, literal) in entry {
        let points = thousandths(literal)?;
        match name.as_str() {
            "margin" if points >= 0 => margin = points,
            "margin" | COLD => return bad("band", name),
            _ => cuts.push((name, points)),
        }
    }
    cuts.sort_by_key(|(_, cut)| *cut);
    if cuts.is_empty() || cuts.len() > BANDS_MAX || cuts.windows(2).any(|pair| pair[0].1 == pair[1].1) {
        return bad("bands, which are one to eight with a cut each of its own", format!("{cuts:?}"));
    }
    Ok(Bands { cuts, margin })
}

pub(crate) fn grade(entry: GradeEntry) -> Result<Grade, PlanError> {
    Ok(Grade {
        fit: grade_cuts(entry.fit, &["A", "B", "C"])?,
        engagement: grade_cuts(entry.engagement, &["1", "2", "3"])?,
    })
}

/// The cuts of names that are known, the best name first, falling.
fn grade_cuts(entry: BTreeMap<String, Decimal>, names: &[&str]) -> Result<Vec<(String, Thousandths)>, PlanError> {
    let cuts: Vec<_> =
        entry.into_iter().map(|(name, literal)| Ok((name, thousandths(literal)?))).collect::<Result<_, PlanError>>()?;
    let unknown = cuts.iter().find(|(name, _)| !names.contains(&name.as_str()));
    if let Some((name, _)) = unknown {
        return bad("grade", name);
    }
    if cuts.windows(2).any(|pair| pair[0].1 <= pair[1].1) {
        bad("grade, whose cuts fall", format!("{cuts:?}"))
    } else {
        Ok(cuts)
    }
}

pub(crate) fn route(entry: RouteEntry) -> Result<Route, PlanError> {
    distinct("candidate", entry.to.iter())?;
    if entry.to.is_empty() {
        return bad("route", "nobody to route to");
    }
    // `else: rendezvous` is what happens without the key too.
    let _ = entry.otherwise;
    Ok(Route { to: entry.to, by: expression(entry.by)? })
}

pub(crate) fn actions(entries: Vec<ActionEntry>) -> Result<Vec<Action>, PlanError> {
    let mut actions = entries.into_iter().map(action).collect::<Result<Vec<_>, _>>()?;
    distinct("action", actions.iter().map(|action| &action.id))?;
    actions.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(actions)
}

fn action(entry: ActionEntry) -> Result<Action, PlanError> {
    let at = thousandths(entry.at)?;
    let release = entry.release.map(thousandths).transpose()?.unwrap_or(at);
    if release > at {
        return bad("release, which is above at", release.to_string());
    }
    let score = entry.score.unwrap_or_else(|| "plan".to_owned());
    Ok(Action { id: entry.id, score, at, release, rearm: entry.rearm == Some(RearmEntry::OnRelease) })
}

pub(crate) fn feedback(entry: FeedbackEntry, pipeline: Option<&Pipeline>) -> Result<FeedbackPolicy, PlanError> {
    for (outcome, stage) in &entry.outcomes {
        if !OUTCOMES.contains(&outcome.as_str()) {
            return bad("outcome", outcome);
        }
        if pipeline.is_none_or(|pipeline| pipeline.index(stage).is_none()) {
            return bad("stage of an outcome", stage);
        }
    }
    Ok(FeedbackPolicy { keep: entry.recycle == RecycleEntry::Keep, outcomes: entry.outcomes })
}
