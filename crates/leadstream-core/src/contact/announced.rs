//! What was told to the world: the level last announced of each subject, and the numbers that no fold rebuilds (S41, S54, S55).

use std::borrow::Cow;
use std::sync::Arc;

use crate::id::Hash;
use crate::time::Timestamp;
use crate::word::Word;

/// Everything announced of one contact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Announced {
    /// The number of derived events so far, over all topics (S55).
    pub seq: u64,
    /// The time of the last derived event: `time` never goes back (S43).
    pub time: Option<Timestamp>,
    /// Each subject ever announced or silently entered.
    pub subjects: Vec<SubjectState>,
}

/// What is announced about (S30).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectId {
    /// Whether the contact carries a tag.
    Tag(Arc<str>),
    /// The stage in a plan.
    Stage(Word),
    /// Whether it is qualified in a plan.
    Qualify(Word),
}

impl SubjectId {
    /// The plan, empty for what belongs to no plan (S54).
    pub fn plan(&self) -> &str {
        match self {
            SubjectId::Tag(_) => "",
            SubjectId::Stage(plan) | SubjectId::Qualify(plan) => plan,
        }
    }

    /// The subject's name as ids and consumers spell it: `tag:x`, `stage`, `qualify`.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            SubjectId::Tag(tag) => Cow::Owned(format!("tag:{tag}")),
            SubjectId::Stage(_) => Cow::Borrowed("stage"),
            SubjectId::Qualify(_) => Cow::Borrowed("qualify"),
        }
    }
}

/// What was announced of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectState {
    /// The subject.
    pub subject: SubjectId,
    /// The level announced.
    pub level: Level,
    /// How many derived events there were (S54).
    pub n: u64,
    /// The id of the last of them; zeros before the first.
    pub last_id: Hash,
}

/// The level of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// None: not a member, no stage.
    #[default]
    None,
    /// On.
    On,
    /// A stage.
    Stage(Word),
}

impl Announced {
    /// What was announced of a subject.
    pub fn subject(&self, subject: &SubjectId) -> Option<&SubjectState> {
        self.subjects.iter().find(|state| state.subject == *subject)
    }

    /// What was announced of a subject, to change; added if it is new.
    pub fn subject_mut(&mut self, subject: &SubjectId) -> &mut SubjectState {
        let at = match self.subjects.iter().position(|state| state.subject == *subject) {
            Some(at) => at,
            None => {
                let blank =
                    SubjectState { subject: subject.clone(), level: Level::None, n: 0, last_id: Hash::default() };
                if self.subjects.is_empty() {
                    self.subjects.reserve_exact(2);
                }
                self.subjects.push(blank);
                self.subjects.len() - 1
            }
        };
        &mut self.subjects[at]
    }

    /// Becomes a copy of another one in the memory that it has.
    pub(super) fn copy_from(&mut self, other: &Announced) {
        let Announced { seq, time, subjects } = other;
        (self.seq, self.time) = (*seq, *time);
        self.subjects.clone_from(subjects);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.subjects.capacity() * size_of::<SubjectState>()
    }
}
