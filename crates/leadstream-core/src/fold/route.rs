//! Whose lead it is (S35): decided each time that it qualifies, kept until it no longer is, and lost in silence.

use crate::contact::{Level, NamedLevel, SubjectId};
use crate::derived::Reason;
use crate::event::Value;
use crate::fold::bands::named_edge;
use crate::fold::step::Stepper;
use crate::plan::{Plan, Route};
use crate::scores::Scores;
use crate::time::Timestamp;
use crate::word::Word;

impl Stepper<'_> {
    /// The owner in one plan, after its threshold was looked at: `qualifies` in this very step.
    pub(crate) fn settle_route(&mut self, plan: &Plan, at: usize, qualifies: bool, now: Timestamp) {
        let held = &self.state.plans[at];
        let (Some(route), true, Some(qualify)) = (&plan.route, held.qualify.on, &plan.qualify) else {
            if held.standing.as_ref().is_some_and(|standing| standing.owner.name.is_some()) {
                self.lose_owner(plan.id, at, now);
            }
            return;
        };
        if !qualifies {
            return;
        }
        let owner = self.owner(plan, route, now);
        let score = Scores { state: self.state, plans: self.plans, now }.read(plan, &qualify.score);
        let (levels, read) = ((Level::None, Level::named(owner)), Some((qualify.score.clone(), score)));
        let subject = SubjectId::Route(plan.id);
        self.buffers.edges.push(named_edge(subject, levels, (read, None), Reason::Score, now));
        self.state.plans[at].standing_mut().owner = NamedLevel { name: owner, since: Some(now) };
    }

    /// Nobody's lead any more: that is not told.
    pub(crate) fn lose_owner(&mut self, plan: Word, at: usize, now: Timestamp) {
        let standing = self.state.plans[at].standing_mut();
        let old = Level::named(standing.owner.name);
        standing.owner = NamedLevel { name: None, since: Some(now) };
        let mut edge = named_edge(SubjectId::Route(plan), (old, Level::None), (None, None), Reason::Plan, now);
        edge.silent = true;
        self.buffers.edges.push(edge);
    }

    /// Whom `by` names, if that is a candidate; else the one that the contact belongs to.
    fn owner(&self, plan: &Plan, route: &Route, now: Timestamp) -> Option<Word> {
        let scope = self.scope(plan, None, now);
        let named = route.by.as_ref().and_then(|by| by.eval(&scope).ok());
        let named = named.and_then(|named| match named.value() {
            Value::Text(named) => route.to.iter().copied().find(|candidate| candidate.as_str() == named),
            _ => None,
        });
        named.or_else(|| route.rendezvous(self.contact))
    }
}
