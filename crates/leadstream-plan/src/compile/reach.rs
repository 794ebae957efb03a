//! How far the scores of a plan can go, as far as that is plain from the plan: enough to see that a threshold can never be reached.

use leadstream_core::expr::ScoreRef;
use leadstream_core::plan::{CapPeriod, FitRule, Limits, OncePer, PointsOf, Rule};
use leadstream_core::points::Points;

/// Bounds of a plan's scores; `None` is no bound that is plain to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// The floor of the plan.
    pub(super) floor: Option<Points>,
    /// The ceiling of the plan.
    pub(super) ceiling: Option<Points>,
    engagement: Option<Points>,
    stage: Option<Points>,
    fit: Option<Points>,
}

impl Reach {
    /// Nothing is known.
    pub(super) fn unknown() -> Reach {
        Reach::default()
    }

    /// What rules and limits allow.
    pub(super) fn of(rules: &[Rule], fit: &[FitRule], limits: Limits) -> Reach {
        Reach {
            floor: limits.floor,
            ceiling: limits.ceiling,
            engagement: rules.iter().map(most_of_rule).sum::<Option<Points>>(),
            // A capped calculation may take points in one stage and give them back in the next: only what has one sign is bounded there.
            stage: rules.iter().map(|rule| most_of(&rule.points).and(most_of_rule(rule))).sum::<Option<Points>>(),
            fit: fit.iter().map(|rule| most_of(&rule.points)).sum::<Option<Points>>(),
        }
    }

    /// The most that a score can be.
    pub(super) fn most(&self, score: &ScoreRef) -> Option<Points> {
        let floor = self.floor.unwrap_or(Points::ZERO);
        match score {
            ScoreRef::Plan(None) => Some((self.engagement? + self.fit?).max(floor)),
            ScoreRef::Engagement => Some(self.engagement?.max(floor)),
            ScoreRef::Stage(None) => self.stage,
            ScoreRef::Fit => self.fit,
            ScoreRef::Plan(Some(_)) | ScoreRef::Stage(Some(_)) | ScoreRef::Global | ScoreRef::Tag(_) => None,
        }
    }
}

/// The most that all firings of a rule can give together.
fn most_of_rule(rule: &Rule) -> Option<Points> {
    let capped = rule.cap.filter(|cap| cap.period == CapPeriod::Ever).map(|cap| cap.points);
    let once = most_of(&rule.points);
    let total = match (&rule.once_per, once) {
        (_, Some(Points::ZERO)) | (Some(OncePer::Ever), _) => once,
        _ => None,
    };
    match (total, capped) {
        (Some(total), Some(capped)) => Some(total.min(capped)),
        (total, capped) => total.or(capped),
    }
}

/// The most that one firing can give.
fn most_of(points: &PointsOf) -> Option<Points> {
    match points {
        PointsOf::Fixed(points) => Some((*points).max(Points::ZERO)),
        PointsOf::Computed(_) => None,
    }
}
