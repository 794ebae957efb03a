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
    /// The least that engagement and fit can be together.
    least: Option<Points>,
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
            least: rules
                .iter()
                .map(least_of_rule)
                .chain(fit.iter().map(|rule| least_of(&rule.points)))
                .sum::<Option<Points>>(),
        }
    }

    /// The most that engagement and fit can be together, whatever the ceiling.
    pub(super) fn most_of_rules(&self) -> Option<Points> {
        Some(self.engagement? + self.fit?)
    }

    /// The least that engagement and fit can be together, whatever the floor.
    pub(super) fn least_of_rules(&self) -> Option<Points> {
        self.least
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

/// The least that all firings of a rule can give together: a cap holds in both directions.
fn least_of_rule(rule: &Rule) -> Option<Points> {
    let turned = Rule { points: turned(&rule.points), ..rule.clone() };
    Some(Points::ZERO - most_of_rule(&turned)?)
}

/// The least that one firing can give.
fn least_of(points: &PointsOf) -> Option<Points> {
    Some(Points::ZERO - most_of(&turned(points))?)
}

/// Points with the other sign; a calculation stays what it is, since nothing is known of it.
fn turned(points: &PointsOf) -> PointsOf {
    match points {
        PointsOf::Fixed(points) => PointsOf::Fixed(Points::ZERO - *points),
        PointsOf::Computed(expr) => PointsOf::Computed(expr.clone()),
    }
}

/// The most that one firing can give.
fn most_of(points: &PointsOf) -> Option<Points> {
    match points {
        PointsOf::Fixed(points) => Some((*points).max(Points::ZERO)),
        PointsOf::Computed(_) => None,
    }
}
