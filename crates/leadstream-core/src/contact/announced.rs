//! What was told to the world: the level last announced of each subject, and the numbers that no fold rebuilds (S41, S54, S55).

use std::borrow::Cow;
use std::sync::Arc;

use crate::contact::COLD;
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
    /// Each subject ever announced or silently entered, but for forgotten tags.
    pub subjects: Vec<SubjectState>,
    /// The greatest number of a forgotten tag's announcements: a tag that is not known goes on behind it, so that no id comes twice (S54).
    pub forgotten_n: u64,
    /// Numbers begin behind this: 0, or what a reinstated id has (S52). Never stored with the contact, since the record that blocks the id says it
    /// also where there is no contact.
    pub numbers_from: u64,
}

/// The most tags of which is known what was announced (S58): those that a contact carries, and as many others.
pub const ANNOUNCED_TAGS_MAX: usize = 400;

/// What is announced about (S30).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectId {
    /// Whether the contact carries a tag.
    Tag(Arc<str>),
    /// The stage in a plan.
    Stage(Word),
    /// Whether it is qualified in a plan.
    Qualify(Word),
    /// The temperature band in a plan.
    Band(Word),
    /// The grade in a plan.
    Grade(Word),
    /// Whose lead it is in a plan.
    Route(Word),
    /// How often an action of a plan was requested: plan and action.
    Action(Word, Word),
}

impl SubjectId {
    /// The plan, empty for what belongs to no plan (S54).
    pub fn plan(&self) -> &str {
        self.plan_word().map_or("", Word::as_str)
    }

    /// The plan, if it belongs to one.
    pub fn plan_word(&self) -> Option<Word> {
        match self {
            SubjectId::Tag(_) => None,
            SubjectId::Stage(plan)
            | SubjectId::Qualify(plan)
            | SubjectId::Band(plan)
            | SubjectId::Grade(plan)
            | SubjectId::Route(plan)
            | SubjectId::Action(plan, _) => Some(*plan),
        }
    }

    /// The level of a subject of which nothing was ever announced.
    pub fn blank_level(&self) -> Level {
        match self {
            SubjectId::Band(_) => Level::cold(),
            SubjectId::Action(..) => Level::Count(0),
            _ => Level::None,
        }
    }

    /// Whether it is a tag.
    pub fn is_tag(&self) -> bool {
        matches!(self, SubjectId::Tag(_))
    }

    /// The subject's name as ids and consumers spell it: `tag:x`, `stage`, `qualify`, `band`, `grade`, `route`, `action:x`.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            SubjectId::Tag(tag) => Cow::Owned(format!("tag:{tag}")),
            SubjectId::Stage(_) => Cow::Borrowed("stage"),
            SubjectId::Qualify(_) => Cow::Borrowed("qualify"),
            SubjectId::Band(_) => Cow::Borrowed("band"),
            SubjectId::Grade(_) => Cow::Borrowed("grade"),
            SubjectId::Route(_) => Cow::Borrowed("route"),
            SubjectId::Action(_, action) => Cow::Owned(format!("action:{action}")),
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
    /// The number of the last derived event (S54): how many there were, but for a tag that had been forgotten.
    pub n: u64,
    /// The id of the last of them that is known; zeros where none is.
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
    /// A band, a grade or an owner.
    Named(Word),
    /// How often an action was requested.
    Count(u64),
    /// An id: who became part of whom. Told of, and never a level that is kept.
    Id(Arc<str>),
}

impl Level {
    /// The band of everybody who has no other.
    pub fn cold() -> Level {
        Level::Named(Word::of(COLD))
    }

    /// A band, a grade or an owner, or none.
    pub fn named(name: Option<Word>) -> Level {
        name.map_or(Level::None, Level::Named)
    }

    /// A band.
    pub fn band(name: Option<Word>) -> Level {
        name.map_or_else(Level::cold, Level::Named)
    }
}

impl Announced {
    /// Lets numbers begin behind one, as those of an id that was reinstated do (S52).
    pub fn begin_behind(&mut self, number: u64) {
        self.numbers_from = number;
        self.seq = self.seq.max(number);
    }

    /// What was announced of a subject.
    pub fn subject(&self, subject: &SubjectId) -> Option<&SubjectState> {
        self.subjects.iter().find(|state| state.subject == *subject)
    }

    /// What was announced of a subject, to change; added if it is new.
    ///
    /// Tags are an open set: beyond [`ANNOUNCED_TAGS_MAX`] the one that is not carried and was announced the longest ago is forgotten.
    pub fn subject_mut(&mut self, subject: &SubjectId) -> &mut SubjectState {
        let at = match self.subjects.iter().position(|state| state.subject == *subject) {
            Some(at) => at,
            None => {
                let n = if subject.is_tag() { self.forgotten_n } else { 0 };
                let n = n.max(self.numbers_from);
                let blank = SubjectState { subject: subject.clone(), level: Level::None, n, last_id: Hash::default() };
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
        let Announced { seq, time, subjects, forgotten_n, numbers_from } = other;
        (self.seq, self.time, self.forgotten_n, self.numbers_from) = (*seq, *time, *forgotten_n, *numbers_from);
        self.subjects.clone_from(subjects);
    }

    /// Counts one more announcement of a subject, at this level. Returns its number (S54).
    pub(crate) fn count(&mut self, subject: &SubjectId, level: Level) -> u64 {
        let state = self.subject_mut(subject);
        state.n += 1;
        state.level = level;
        let n = state.n;
        if subject.is_tag() {
            // Tags stand in the order of their last announcement, so that the first of them can be forgotten.
            let at = self.subjects.iter().position(|state| state.subject == *subject);
            if let Some(at) = at.filter(|at| at + 1 < self.subjects.len()) {
                self.subjects[at..].rotate_left(1);
            }
        }
        n
    }

    /// Forgets tags beyond the bound. Returns how many.
    pub(crate) fn forget_tags(&mut self) -> usize {
        if self.subjects.len() <= ANNOUNCED_TAGS_MAX {
            return 0;
        }
        let tags = self.subjects.iter().filter(|state| state.subject.is_tag()).count();
        let mut surplus = tags.saturating_sub(ANNOUNCED_TAGS_MAX);
        let before = self.subjects.len();
        let forgotten_n = &mut self.forgotten_n;
        self.subjects.retain(|state| {
            let goes = surplus > 0 && state.subject.is_tag() && state.level == Level::None;
            if goes {
                surplus -= 1;
                *forgotten_n = (*forgotten_n).max(state.n);
            }
            !goes
        });
        before - self.subjects.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.subjects.capacity() * size_of::<SubjectState>()
    }
}
