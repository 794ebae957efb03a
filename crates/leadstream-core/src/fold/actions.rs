//! Actions (S34): each rise of a score to where an action acts is counted, and never uncounted (S42).

use crate::contact::{ActionState, Level, PlanState, SubjectId};
use crate::derived::Reason;
use crate::fold::bands::named_edge;
use crate::fold::step::Stepper;
use crate::plan::{Action, Plan};
use crate::scores::Scores;
use crate::time::Timestamp;

impl Stepper<'_> {
    /// Counts the actions of one plan. Their flags go on while the contact is no member (S23).
    pub(crate) fn settle_actions(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        for action in &plan.actions {
            let score = Scores { state: self.state, plans: self.plans, now }.read(plan, &action.score);
            let held = &mut self.state.plans[at];
            let known = counted(held, action);
            let is_spent = known.spent && !(action.rearms && score < action.release);
            let rises = held.member && !is_spent && score >= action.at;
            if is_spent != known.spent || rises {
                let known = held.standing_mut().action_mut(action.id, now);
                known.spent = is_spent || rises;
                if rises {
                    (known.count, known.since) = (known.count + 1, now);
                }
            }
            if rises {
                let levels = (Level::Count(known.count), Level::Count(known.count + 1));
                let read = (Some((action.score.clone(), score)), Some(action.at));
                let subject = SubjectId::Action(plan.id, action.id);
                self.buffers.edges.push(named_edge(subject, levels, read, Reason::Score, now));
            }
        }
    }
}

/// What is counted of an action; nothing where it never rose.
pub(crate) fn counted(held: &PlanState, action: &Action) -> ActionState {
    let known = held.standing.as_ref().and_then(|standing| standing.action(action.id)).copied();
    known.unwrap_or(ActionState { action: action.id, count: 0, spent: false, since: Timestamp::MIN })
}
