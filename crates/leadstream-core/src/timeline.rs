//! The plan sets in force over time: events before a change, even late ones, see the set of their time (S45); after a recompute they see the set of the
//! recompute (S46), as far as they have not left their contact for good.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::contact::Level;
use crate::expr::Expr;
use crate::id::Name;
use crate::plan::{CapPeriod, OncePer, Plan, PlanSet, PointsOf, Rule, Trigger};
use crate::time::Timestamp;
use crate::word::Word;

/// All that was decided of plan sets so far: what contacts see that were never recomputed, and what they see since each recompute. A copy is cheap.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Never empty. The recomputes ascend by their instants.
    views: Arc<[View]>,
}

/// Plan sets by the instant from which they are in force for a contact. Never empty: the first is in force from the beginning.
#[derive(Clone, Debug)]
pub struct View {
    changes: Vec<Arc<InForce>>,
    recompute: Option<Recompute>,
}

/// A recompute that was decided (S46).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recompute {
    /// When each contact is folded anew, and the step that it takes then.
    pub at: Timestamp,
    /// What it changes moves the levels announced, and nobody is told.
    pub silent: bool,
}

/// A plan set and since when it is in force, with what the fold wants to know of it in each step.
#[derive(Debug)]
pub struct InForce {
    /// From when on.
    pub since: Timestamp,
    /// The plans.
    pub plans: Arc<PlanSet>,
    /// What it begins with is the step of a recompute, and the same plans were in force before.
    pub(crate) recomputes: bool,
    /// Dues of idle rules before it are skipped (S14).
    pub(crate) idle_from: Timestamp,
    /// By plan: some fit rule may change without an attribute or a tag changing.
    pub(crate) fit_follows_history: Vec<bool>,
    /// Some condition reads a level.
    pub(crate) reads_levels: bool,
    /// Rules, by [`Rule::key`](crate::plan::Rule), whose cap has another period than in the set before: it begins with nothing in it (S19, S45).
    pub(crate) new_caps: Vec<Name>,
    /// Plans of earlier sets that are not in this one, with the first stage of their pipelines (S47).
    retired: Vec<(Word, Word)>,
}

impl InForce {
    fn new(since: Timestamp, plans: Arc<PlanSet>, before: Option<&InForce>) -> InForce {
        let fit_follows_history =
            plans.plans().iter().map(|plan| plan.fit.iter().any(|fit| follows_history(&fit.when))).collect();
        let reads_levels = plans.plans().iter().flat_map(|plan| expressions(plan)).any(|expression| {
            let mut found = false;
            expression.visit(&mut |part| found |= matches!(part, Expr::Level(_)));
            found
        });
        let pipelines = before
            .iter()
            .flat_map(|before| before.plans.plans())
            .filter_map(|plan| Some((plan.id, plan.pipeline.as_ref()?.stages.first()?.name)));
        let earlier = before.iter().flat_map(|before| before.retired.iter().copied());
        let is_gone = |id: Word| !plans.plans().iter().any(|plan| plan.id == id);
        let retired = pipelines.chain(earlier).filter(|(id, _)| is_gone(*id)).collect();
        let new_caps = before.map(|before| new_caps(&plans, &before.plans)).unwrap_or_default();
        let (recomputes, idle_from) = (false, since);
        InForce { since, plans, recomputes, idle_from, fit_follows_history, reads_levels, new_caps, retired }
    }

    /// In force from the beginning of time, although another set was before, which `retired` speaks of.
    fn always(self) -> InForce {
        InForce { since: Timestamp::MIN, idle_from: Timestamp::MIN, new_caps: Vec::new(), ..self }
    }

    /// The same plans, once more, from an instant on.
    fn recomputed_at(&self, at: Timestamp) -> InForce {
        let (plans, fit_follows_history, retired) =
            (Arc::clone(&self.plans), self.fit_follows_history.clone(), self.retired.clone());
        InForce { since: at, plans, recomputes: true, fit_follows_history, retired, new_caps: Vec::new(), ..*self }
    }

    /// Whether a stage is the first one of a plan that is not in force any more: leaving it is not told (S23, S37).
    pub(crate) fn was_first(&self, plan: &str, stage: &Level) -> bool {
        let known = self.retired.iter().find(|(id, _)| **id == *plan);
        matches!((known, stage), (Some((_, first)), Level::Stage(stage)) if first == stage)
    }
}

impl Timeline {
    /// One set, in force from the beginning.
    pub fn new(plans: Arc<PlanSet>) -> Timeline {
        let always = Arc::new(InForce::new(Timestamp::MIN, plans, None));
        Timeline { views: Arc::new([View { changes: vec![always], recompute: None }]) }
    }

    /// Puts another set in force from an instant on. Returns false, and changes nothing, unless the instant is after every earlier change.
    #[must_use]
    pub fn change(&mut self, from: Timestamp, plans: Arc<PlanSet>) -> bool {
        let later = self.latest().since < from;
        if later {
            let mut views = self.views.to_vec();
            if let Some(View { changes, .. }) = views.last_mut() {
                let before = changes.last().map(|before| &**before);
                changes.push(Arc::new(InForce::new(from, plans, before)));
            }
            self.views = views.into();
        }
        later
    }

    /// Has each contact folded anew at an instant, all that it has under another set (S46). Changes decided for later stay. Returns false, and changes
    /// nothing, unless the instant is after every earlier recompute.
    #[must_use]
    pub fn recompute(&mut self, at: Timestamp, plans: Arc<PlanSet>, silent: bool) -> bool {
        let later = self.recomputed().is_none_or(|last| last < at);
        if later {
            let last = &self.views[self.views.len() - 1];
            let always = InForce::new(Timestamp::MIN, plans, Some(last.at(at))).always();
            let step = always.recomputed_at(at);
            let mut changes = vec![Arc::new(always), Arc::new(step)];
            for pending in last.changes.iter().filter(|change| change.since > at) {
                let before = changes.last().map(|before| &**before);
                changes.push(Arc::new(InForce::new(pending.since, Arc::clone(&pending.plans), before)));
            }
            let view = View { changes, recompute: Some(Recompute { at, silent }) };
            self.views = self.views.iter().cloned().chain([view]).collect();
        }
        later
    }

    /// Whether two are the same one, not only alike.
    pub(crate) fn is(&self, other: &Timeline) -> bool {
        Arc::ptr_eq(&self.views, &other.views)
    }

    /// What a contact sees that went through a recompute at an instant last, or through none.
    #[inline]
    pub fn view(&self, recomputed: Option<Timestamp>) -> &View {
        if self.views.len() == 1 {
            return &self.views[0];
        }
        let later = self.views[1..].iter().take_while(|view| view.recomputed() <= recomputed).count();
        &self.views[later]
    }

    /// The first recompute that such a contact has not gone through.
    #[inline]
    pub fn next_recompute(&self, recomputed: Option<Timestamp>) -> Option<Recompute> {
        self.views[1..].iter().filter_map(|view| view.recompute).find(|recompute| Some(recompute.at) > recomputed)
    }

    /// The instant of the newest recompute: whoever is new sees what is seen since then.
    pub fn recomputed(&self) -> Option<Timestamp> {
        self.views[self.views.len() - 1].recomputed()
    }

    /// The newest set.
    pub fn latest(&self) -> &Arc<InForce> {
        self.views[self.views.len() - 1].latest()
    }
}

impl View {
    fn recomputed(&self) -> Option<Timestamp> {
        self.recompute.map(|recompute| recompute.at)
    }

    /// What is in force at an instant.
    #[inline]
    pub fn at(&self, instant: Timestamp) -> &Arc<InForce> {
        let later = self.changes[1..].iter().take_while(|change| change.since <= instant).count();
        &self.changes[later]
    }

    /// What is in force at an instant, and everything that comes into force after it.
    pub(crate) fn from(&self, instant: Timestamp) -> impl Iterator<Item = &Arc<InForce>> + Clone {
        let later = self.changes[1..].iter().take_while(|change| change.since <= instant).count();
        self.changes[later..].iter()
    }

    /// The first change after an instant.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.changes.iter().map(|change| change.since).find(|since| *since > after)
    }

    /// The newest set.
    pub fn latest(&self) -> &Arc<InForce> {
        &self.changes[self.changes.len() - 1]
    }
}

/// The rules of a set whose cap has another period than in the set before.
pub(crate) fn new_caps(now: &PlanSet, before: &PlanSet) -> Vec<Name> {
    let mut periods = HashMap::new();
    for plan in before.plans() {
        periods.extend(plan.rules.iter().filter_map(|rule| Some((rule.key, cap_period(plan, rule)?))));
    }
    let rules = now.plans().iter().flat_map(|plan| plan.rules.iter().map(move |rule| (plan, rule)));
    let is_new = |(plan, rule): &(&Arc<Plan>, &Rule)| cap_period(plan, rule).as_ref() != periods.get(&rule.key);
    // The windows of a rule that is gone stay, and with them its cap (S13): that begins anew too, since its period has no time zone of a plan any more.
    let is_gone = |key: &&Name| now.rule(**key).is_none();
    let gone: Vec<Name> = periods.keys().filter(is_gone).copied().collect();
    rules.filter(is_new).map(|(_, rule)| rule.key).chain(gone).collect()
}

/// The period of a rule's cap, with the zone where it is one of the calendar.
fn cap_period<'p>(plan: &'p Plan, rule: &Rule) -> Option<(CapPeriod, Option<&'p TimeZone>)> {
    let period = rule.cap?.period;
    let of_calendar = matches!(period, CapPeriod::Day | CapPeriod::Week | CapPeriod::Month);
    Some((period, of_calendar.then_some(&plan.time_zone)))
}

/// Whether a condition can change its value without an attribute or tag changing: then it is looked at in every step.
fn follows_history(expression: &Expr) -> bool {
    let mut found = false;
    expression.visit(&mut |part| found |= matches!(part, Expr::Count(..) | Expr::Ever(_) | Expr::Level(_)));
    found
}

/// The expression of computed points.
fn computed(points: &PointsOf) -> Option<&Expr> {
    match points {
        PointsOf::Computed(expression) => Some(expression),
        PointsOf::Fixed(_) => None,
    }
}

/// Every expression of a plan.
fn expressions(plan: &Plan) -> impl Iterator<Item = &Expr> {
    let rules = plan.rules.iter().flat_map(|rule| {
        let once = match &rule.once_per {
            Some(OncePer::Key(expression)) => Some(expression),
            _ => None,
        };
        let parts = match &rule.trigger {
            Trigger::Compound(compound) => compound.parts.as_slice(),
            Trigger::Event(_) | Trigger::Idle { .. } | Trigger::Absence(_) => &[],
        };
        let parts = parts.iter().filter_map(|part| part.when.as_ref());
        rule.when.iter().chain(computed(&rule.points)).chain(once).chain(parts)
    });
    let fit = plan.fit.iter().flat_map(|fit| std::iter::once(&fit.when).chain(computed(&fit.points)));
    let stages = plan.pipeline.iter().flat_map(|pipeline| &pipeline.stages);
    let stages = stages.flat_map(|stage| stage.enter_when.iter().chain(&stage.leave_when));
    let qualify = plan.qualify.iter().flat_map(|qualify| &qualify.when);
    let route = plan.route.iter().flat_map(|route| &route.by);
    plan.members.iter().chain(rules).chain(fit).chain(stages).chain(qualify).chain(route)
}
