//! When a band, a grade, an action or a flag of feedback changes between steps, because points decay (S33).

use crate::expr::ScoreRef;
use crate::fold::actions::counted;
use crate::fold::timers::Decaying;
use crate::plan::reached;
use crate::time::Timestamp;

impl Decaying<'_> {
    /// The next instant, not before `after`, at which one of them, read without a step, is another. Flags go on while the contact is no member (S23).
    pub(super) fn next_of_standing(self, after: Timestamp) -> Option<Timestamp> {
        if !self.plan.has_standing() && self.held.standing.is_none() {
            return None;
        }
        let levels = self.held.member.then(|| [self.next_of_band(after), self.next_of_grade(after)]);
        let levels = levels.into_iter().flatten().flatten();
        levels.chain(self.next_of_actions(after)).chain(self.next_of_bar(after)).min()
    }

    fn next_of_band(self, after: Timestamp) -> Option<Timestamp> {
        let bands = self.plan.bands.as_ref()?;
        let present = bands.place(self.held.band());
        let score = ScoreRef::Plan(None);
        let next = bands.cuts.get(present.map_or(0, |place| place + 1));
        let rises = next.and_then(|cut| self.first(&score, after, cut.at, true));
        let falls = present.and_then(|place| self.first(&score, after, bands.cuts[place].at - bands.margin, false));
        rises.into_iter().chain(falls).min()
    }

    /// Only engagement decays: the letter stays.
    fn next_of_grade(self, after: Timestamp) -> Option<Timestamp> {
        let grade = self.plan.grade.as_ref()?;
        let tau = self.state.tau?;
        let present = reached(&grade.engagement, self.held.engagement.at(tau));
        let better = grade.engagement[..present].iter().rev().find_map(|cut| *cut);
        let rises = better.and_then(|cut| self.first(&ScoreRef::Engagement, after, cut, true));
        let kept = grade.engagement.get(present).copied().flatten();
        let falls = kept.and_then(|cut| self.first(&ScoreRef::Engagement, after, cut, false));
        rises.into_iter().chain(falls).min()
    }

    fn next_of_actions(self, after: Timestamp) -> Option<Timestamp> {
        let next = self.plan.actions.iter().filter_map(|action| {
            if counted(self.held, action).spent {
                return action.rearms.then(|| self.first(&action.score, after, action.release, false)).flatten();
            }
            self.held.member.then(|| self.first(&action.score, after, action.at, true)).flatten()
        });
        next.min()
    }

    fn next_of_bar(self, after: Timestamp) -> Option<Timestamp> {
        let qualify = self.plan.qualify.as_ref().filter(|_| self.held.is_barred())?;
        self.first(&qualify.score, after, qualify.release, false)
    }
}
