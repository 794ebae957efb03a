//! The last part of every step: fit, membership, thresholds; and the edges that they leave (S16, S23, S30-S32).

use std::sync::Arc;

use crate::contact::{COLD, FitPoints, Level, PlanState, QualifyState, SharedList, Standing, State, SubjectId};
use crate::decay::Sum;
use crate::derived::Reason;
use crate::event::Value;
use crate::expr::{LevelRef, LevelSubject, ScoreRef};
use crate::fold::step::Stepper;
use crate::id::Name;
use crate::plan::{Plan, PointsOf, Qualify, Rearm};
use crate::points::Points;
use crate::scores::Scores;
use crate::time::Timestamp;
use crate::timeline::InForce;
use crate::word::Word;

/// A change of a subject's level in one step.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) subject: SubjectId,
    pub(crate) old: Level,
    pub(crate) new: Level,
    pub(crate) since: Timestamp,
    /// The score that was read, and which it was.
    pub(crate) score: Option<(ScoreRef, Points)>,
    /// The stage that this very edge leaves: where its score, which was read, begins in the ledger, and the score.
    pub(crate) left: Option<(u64, Sum)>,
    pub(crate) threshold: Option<Points>,
    pub(crate) reason: Reason,
    /// Entering the first stage is not told (S37).
    pub(crate) silent: bool,
}

/// The levels just before a step, for conditions that read them (S59). Taken only where some condition of the set does.
#[derive(Debug, Default)]
pub(crate) struct PreLevels {
    plans: Vec<PlanLevels>,
    tags: Vec<Arc<str>>,
}

/// The levels of one plan.
#[derive(Debug)]
struct PlanLevels {
    key: Name,
    qualified: bool,
    stage: Option<Word>,
    standing: Option<Arc<Standing>>,
}

impl PreLevels {
    /// The levels of a state, if some condition in force reads any.
    pub(crate) fn take(&mut self, in_force: &InForce, state: &State) {
        if in_force.reads_levels {
            *self = PreLevels::of(state);
        }
    }

    /// The levels of a state.
    pub(crate) fn of(state: &State) -> PreLevels {
        let levels = |held: &PlanState| PlanLevels {
            key: held.key,
            qualified: held.qualify.on,
            stage: held.stage.as_ref().map(|stage| stage.stage),
            standing: held.standing.clone(),
        };
        PreLevels {
            plans: state.plans.iter().map(levels).collect(),
            tags: state.tags.iter().map(|held| held.tag.clone()).collect(),
        }
    }

    pub(crate) fn read(&self, asking: &Plan, level: &LevelRef) -> Value<'_> {
        let key = level.plan.as_ref().map_or(asking.key, |plan| Name::of(plan));
        let held = self.plans.iter().find(|held| held.key == key);
        let standing = held.and_then(|held| held.standing.as_deref());
        let text = |word: Option<Word>| word.map_or(Value::Null, |word| Value::Text(word.as_str()));
        match &level.subject {
            LevelSubject::Qualify => Value::Bool(held.is_some_and(|held| held.qualified)),
            LevelSubject::Stage => text(held.and_then(|held| held.stage)),
            LevelSubject::Tag(tag) => Value::Bool(self.tags.iter().any(|known| known == tag)),
            LevelSubject::Band => {
                Value::Text(standing.and_then(|standing| standing.band.name).map_or(COLD, Word::as_str))
            }
            LevelSubject::Grade => text(standing.and_then(|standing| standing.grade.name)),
            LevelSubject::Route => text(standing.and_then(|standing| standing.owner.name)),
            LevelSubject::Action(id) => {
                let counted = standing.and_then(|standing| standing.actions.iter().find(|a| *a.action == **id));
                Value::Number(counted.map_or(0.0, |counted| counted.count as f64))
            }
        }
    }
}

impl Stepper<'_> {
    /// Adds what a newly met plan set needs: an entry for each of its plans, and the end of those that it no longer has (S47).
    ///
    /// Before its first event a contact is blank (S10): membership at entry is judged without attributes and tags then, and a member begins in the
    /// first stage just before the step (S26).
    pub(crate) fn enter_plans(&mut self, now: Timestamp, first_event: bool) {
        for plan in self.plans.plans() {
            if self.state.plan(plan.key).is_some() {
                continue;
            }
            if self.state.plans.is_empty() {
                self.state.plans.reserve_exact(self.plans.plans().len());
            }
            let at = self.state.plans.partition_point(|held| *held.plan < *plan.id);
            let blank = PlanState {
                plan: plan.id,
                key: plan.key,
                member: false,
                member_since: now,
                counted: plan.verdicts.counted(),
                active_before: None,
                engagement: Sum::default(),
                first_contribution: self.state.booked,
                fit: Points::ZERO,
                fit_rules: SharedList::default(),
                qualify: QualifyState::default(),
                stage: None,
                stage_left: None,
                standing: None,
            };
            self.state.plans.insert(at, blank);
            if first_event && self.says_member(plan, now) {
                self.state.plans[at].member = true;
                self.enter_first_stage(plan, at, now);
            }
        }
    }

    /// Fit, members and levels after everything else of the step (S7); leaves the edges in the order of S39.
    pub(crate) fn settle(&mut self, now: Timestamp, attributes_changed: bool) {
        self.state.tau = Some(now);
        let attributes_changed = attributes_changed || !self.buffers.touched_tags.is_empty();
        self.tag_edges(now);
        let plan_count = self.plans.plans().len();
        for index in 0..plan_count {
            self.settle_membership(index, now, attributes_changed);
        }
        self.retire_others(now);
        for index in 0..plan_count {
            self.settle_levels(index, now);
        }
        self.note_conditions(now);
        if self.buffers.edges.len() > 1 {
            // Tags by name, then by plan. Stable, so that the stages passed through stay in their order.
            self.buffers.edges.sort_by(|a, b| emission_rank(&a.subject).cmp(&emission_rank(&b.subject)));
        }
    }

    /// The levels of one plan, in the order in which they read each other.
    fn settle_levels(&mut self, index: usize, now: Timestamp) {
        let plans = self.plans;
        let plan = &plans.plans()[index];
        let standing = self.plan_at(plan).filter(|at| plan.has_standing() || self.state.plans[*at].standing.is_some());
        if let Some(at) = standing {
            self.settle_band(plan, at, now);
            self.settle_grade(plan, at, now);
        }
        self.settle_stage(index, now);
        let qualifies = self.settle_qualify(index, now);
        if let Some(at) = standing {
            self.settle_route(plan, at, qualifies, now);
            self.settle_actions(plan, at, now);
        }
    }

    /// Notes the conditions that a score which decays meets between steps: they stay as they are until the next one (S30, S33).
    fn note_conditions(&mut self, now: Timestamp) {
        for held in &mut self.state.plans {
            held.qualify.allowed = false;
            held.stage.iter_mut().for_each(|stage| stage.may_advance = false);
        }
        if !self.state.decays() {
            return;
        }
        let plans = self.plans;
        for plan in plans.plans() {
            let Some(at) = self.plan_at(plan).filter(|at| self.state.plans[*at].member) else { continue };
            if let Some(qualify) = &plan.qualify {
                self.state.plans[at].qualify.allowed = self.holds(plan, qualify, now);
            }
            self.note_next_stage(plan, at, now);
        }
    }

    fn tag_edges(&mut self, now: Timestamp) {
        self.buffers.touched_tags.sort();
        for (tag, carried_since) in std::mem::take(&mut self.buffers.touched_tags) {
            let after = self.state.tag(&tag).is_some();
            if carried_since.is_some() != after {
                let (old, new) = if after { (Level::None, Level::On) } else { (Level::On, Level::None) };
                let score =
                    Some((ScoreRef::Tag(tag.clone()), self.state.tag(&tag).map_or(Points::ZERO, |t| t.points.at(now))));
                let (subject, reason) = (SubjectId::Tag(tag), Reason::Tag);
                self.buffers.edges.push(Edge {
                    subject,
                    old,
                    new,
                    since: now,
                    score,
                    left: None,
                    threshold: None,
                    reason,
                    silent: false,
                });
            }
        }
    }

    /// Fit and membership of one plan (S16, S23).
    fn settle_membership(&mut self, index: usize, now: Timestamp, attributes_changed: bool) {
        let plans = self.plans;
        let plan = &plans.plans()[index];
        let Some(at) = self.plan_at(plan) else { return };
        let was_member = self.state.plans[at].member;
        let is_member = if attributes_changed { self.says_member(plan, now) } else { was_member };
        if is_member && !was_member {
            self.state.plans[at].member = true;
            self.state.plans[at].member_since = now;
            self.settle_fit(plan, at, now);
            self.enter_first_stage(plan, at, now);
        } else if !is_member && was_member {
            self.state.plans[at].member = false;
            no_fit(&mut self.state.plans[at]);
            self.leave_waiting(plan.id);
        } else if is_member && !plan.fit.is_empty() && (attributes_changed || self.in_force.fit_follows_history[index])
        {
            self.settle_fit(plan, at, now);
        }
    }

    /// Plans that are not in force any more: levels off, engagement ends (S47).
    fn retire_others(&mut self, now: Timestamp) {
        for at in 0..self.state.plans.len() {
            if !self.must_retire(&self.state.plans[at]) {
                continue;
            }
            let held = &mut self.state.plans[at];
            held.member = false;
            held.engagement = Sum::default();
            no_fit(held);
            held.first_contribution = self.state.booked;
            let plan = held.plan;
            if let Some(stage) = held.stage.take() {
                held.stage_left = Some(now);
                let (old, subject) = (Level::Stage(stage.stage), SubjectId::Stage(plan));
                let silent = self.in_force.was_first(&plan, &old);
                self.push_plan_edge(subject, old, Level::None, now);
                if let Some(edge) = self.buffers.edges.last_mut() {
                    edge.silent = silent;
                }
            }
            if self.state.plans[at].qualify.on {
                self.state.plans[at].qualify = switched(self.state.plans[at].qualify, false, now);
                self.push_plan_edge(SubjectId::Qualify(plan), Level::On, Level::None, now);
            }
            self.retire_standing(at, now);
        }
    }

    pub(crate) fn push_plan_edge(&mut self, subject: SubjectId, old: Level, new: Level, now: Timestamp) {
        let reason = Reason::Plan;
        self.buffers.edges.push(Edge {
            subject,
            old,
            new,
            since: now,
            score: None,
            left: None,
            threshold: None,
            reason,
            silent: false,
        });
    }

    /// The threshold of one plan (S31, S32, S38). Returns whether the contact qualifies by this step.
    fn settle_qualify(&mut self, index: usize, now: Timestamp) -> bool {
        let plans = self.plans;
        let plan = &plans.plans()[index];
        let Some(at) = self.plan_at(plan) else { return false };
        let held = self.state.plans[at].qualify;
        let Some(qualify) = &plan.qualify else {
            if held.on {
                self.state.plans[at].qualify = switched(held, false, now);
                self.push_plan_edge(SubjectId::Qualify(plan.id), Level::On, Level::None, now);
            }
            return false;
        };
        let score = Scores { state: self.state, plans, now }.read(plan, &qualify.score);
        let is_feedback = self.note_feedback(plan, at, now);
        if score < qualify.release {
            self.state.plans[at].unbar();
        }
        if held.on {
            let reason = if is_feedback {
                Some(Reason::Feedback)
            } else {
                self.reason_to_release(plan, at, qualify, score, now)
            };
            if let Some(reason) = reason {
                self.state.plans[at].qualify = switched(held, false, now);
                self.push_qualify_edge(plan, qualify, score, false, reason, now);
            }
            return false;
        }
        let wanted = score >= qualify.at
            && self.state.plans[at].member
            && !self.state.plans[at].is_barred()
            && (qualify.rearm == Rearm::OnRelease || held.last_on.is_none())
            && self.holds(plan, qualify, now);
        let ready = self.state.plans[at].cooldown_from().is_none_or(|from| now >= from + qualify.cooldown);
        let qualifies = wanted && ready;
        if qualifies {
            let reason = if held.held { Reason::Cooldown } else { Reason::Score };
            self.state.plans[at].qualify = switched(held, true, now);
            self.push_qualify_edge(plan, qualify, score, true, reason, now);
        } else {
            self.state.plans[at].qualify.held = wanted;
        }
        qualifies
    }

    fn reason_to_release(
        &self,
        plan: &Plan,
        at: usize,
        qualify: &Qualify,
        score: Points,
        now: Timestamp,
    ) -> Option<Reason> {
        if !self.state.plans[at].member {
            Some(Reason::NotMember)
        } else if score < qualify.release {
            Some(Reason::Score)
        } else if !self.holds(plan, qualify, now) {
            Some(Reason::Condition)
        } else {
            None
        }
    }

    fn push_qualify_edge(
        &mut self,
        plan: &Plan,
        qualify: &Qualify,
        score: Points,
        on: bool,
        reason: Reason,
        now: Timestamp,
    ) {
        let (old, new, threshold) =
            if on { (Level::None, Level::On, qualify.at) } else { (Level::On, Level::None, qualify.release) };
        self.buffers.edges.push(Edge {
            subject: SubjectId::Qualify(plan.id),
            old,
            new,
            since: now,
            score: Some((qualify.score.clone(), score)),
            left: None,
            threshold: Some(threshold),
            reason,
            silent: false,
        });
    }

    fn holds(&self, plan: &Plan, qualify: &Qualify, now: Timestamp) -> bool {
        qualify.when.as_ref().is_none_or(|when| when.eval_bool(&self.scope(plan, None, now)).unwrap_or(false))
    }

    pub(crate) fn says_member(&self, plan: &Plan, now: Timestamp) -> bool {
        plan.members.as_ref().is_none_or(|members| members.eval_bool(&self.scope(plan, None, now)).unwrap_or(false))
    }

    /// Looks at the fit rules anew: those that are true now count (S16).
    fn settle_fit(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        if plan.fit.is_empty() {
            return no_fit(&mut self.state.plans[at]);
        }
        let scope = self.scope(plan, None, now);
        let true_now = plan.fit.iter().filter(|rule| rule.when.eval_bool(&scope).unwrap_or(false));
        let worth = true_now.filter_map(|rule| match &rule.points {
            PointsOf::Fixed(points) => Some(FitPoints { rule: rule.id, points: *points }),
            PointsOf::Computed(expression) => {
                Some(FitPoints { rule: rule.id, points: expression.eval_points(&scope).ok()? })
            }
        });
        let rules: Vec<FitPoints> = worth.collect();
        let held = &mut self.state.plans[at];
        held.fit = rules.iter().map(|rule| rule.points).sum::<Points>().saturated();
        if *held.fit_rules != *rules {
            held.fit_rules = SharedList::new(rules);
        }
    }

    pub(crate) fn plan_at(&self, plan: &Plan) -> Option<usize> {
        self.state.plans.iter().position(|held| held.key == plan.key)
    }
}

/// The place of a subject in the order of emission (S39).
pub(crate) fn emission_rank(subject: &SubjectId) -> (u8, &str, u8, &str) {
    match subject {
        SubjectId::Tag(tag) => (0, tag, 0, ""),
        SubjectId::Band(plan) => (1, plan, 0, ""),
        SubjectId::Grade(plan) => (1, plan, 1, ""),
        SubjectId::Stage(plan) => (1, plan, 2, ""),
        SubjectId::Qualify(plan) => (1, plan, 3, ""),
        SubjectId::Route(plan) => (1, plan, 4, ""),
        SubjectId::Action(plan, action) => (1, plan, 5, action),
    }
}

fn no_fit(held: &mut PlanState) {
    held.fit = Points::ZERO;
    if !held.fit_rules.is_empty() {
        held.fit_rules = SharedList::default();
    }
}

/// A threshold that has just been switched.
fn switched(held: QualifyState, on: bool, now: Timestamp) -> QualifyState {
    let last_on = if on { Some(now) } else { held.last_on };
    QualifyState { on, since: Some(now), last_on, held: false, allowed: held.allowed }
}
