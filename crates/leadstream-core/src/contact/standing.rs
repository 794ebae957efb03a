//! What a plan says of a contact beside its stage and its threshold: band, grade, owner, actions, and what feedback has left (S27, S28, S34, S35, S38).
//!
//! A plan that has none of these holds none of this. It changes seldom, so copies of a state share it.

use std::sync::Arc;

use crate::contact::PlanState;
use crate::time::Timestamp;
use crate::word::Word;

/// The band of everybody who has no other (S27).
pub const COLD: &str = "cold";

/// Levels that follow scores, and what feedback has left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The band; none is [`COLD`].
    pub band: NamedLevel,
    /// The grade, for members of a plan with grades.
    pub grade: NamedLevel,
    /// Whose lead it is, while it is qualified in a plan that routes.
    pub owner: NamedLevel,
    /// Actions that were ever counted, by id.
    pub actions: Vec<ActionState>,
    /// The last feedback (S38).
    pub feedback: Option<FeedbackState>,
}

/// A level that has a name, or is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamedLevel {
    /// The name.
    pub name: Option<Word>,
    /// Since when it is so; `None` before the first change.
    pub since: Option<Timestamp>,
}

/// What is counted of an action (S34).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionState {
    /// The action's id.
    pub action: Word,
    /// How often its score has risen to where it acts.
    pub count: u64,
    /// Its score has to fall below `release` before a rise counts again, or none ever does.
    pub spent: bool,
    /// The last rise.
    pub since: Timestamp,
}

/// What the last feedback has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackState {
    /// When it was given: the cooldown counts from it.
    pub at: Timestamp,
    /// Not qualified again before the score was below `release`, or a later step has booked points.
    pub barred: bool,
}

impl Standing {
    /// What is counted of an action, if anything was.
    pub fn action(&self, action: Word) -> Option<&ActionState> {
        self.actions.iter().find(|known| known.action == action)
    }

    /// What is counted of an action, to change; added if it is new.
    pub(crate) fn action_mut(&mut self, action: Word, now: Timestamp) -> &mut ActionState {
        let at = match self.actions.binary_search_by(|known| known.action.cmp(&action)) {
            Ok(at) => at,
            Err(at) => {
                self.actions.insert(at, ActionState { action, count: 0, spent: false, since: now });
                at
            }
        };
        &mut self.actions[at]
    }
}

impl PlanState {
    /// Its standing, to change: a copy of its own where others share it.
    pub(crate) fn standing_mut(&mut self) -> &mut Standing {
        Arc::make_mut(self.standing.get_or_insert_default())
    }

    /// The band; `None` is [`COLD`].
    pub fn band(&self) -> Option<Word> {
        self.standing.as_ref()?.band.name
    }

    /// Whether feedback keeps it from being qualified (S38).
    pub fn is_barred(&self) -> bool {
        self.standing.as_ref().and_then(|standing| standing.feedback).is_some_and(|feedback| feedback.barred)
    }

    /// From when on its cooldown counts: when it was last qualified, or feedback was given (S32, S38).
    pub fn cooldown_from(&self) -> Option<Timestamp> {
        let feedback = self.standing.as_ref().and_then(|standing| standing.feedback).map(|feedback| feedback.at);
        self.qualify.last_on.max(feedback)
    }

    /// Takes the bar away that feedback has left.
    pub(crate) fn unbar(&mut self) {
        if self.is_barred()
            && let Some(feedback) = &mut self.standing_mut().feedback
        {
            feedback.barred = false;
        }
    }
}
