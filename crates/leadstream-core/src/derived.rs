//! Derived events: what consumers are told, with everything that explains it (S53).

use std::borrow::Cow;
use std::sync::Arc;

use crate::contact::Level;
use crate::id::{Hash, PlanVersion, Uid};
use crate::plan::Request;
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// The kinds of derived events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DerivedKind {
    /// `tag.added`
    TagAdded,
    /// `tag.removed`
    TagRemoved,
    /// `stage.advanced`
    StageAdvanced,
    /// `stage.regressed`
    StageRegressed,
    /// `lead.disqualified`
    LeadDisqualified,
    /// `lead.qualified`
    LeadQualified,
    /// `band.changed`
    BandChanged,
    /// `grade.changed`
    GradeChanged,
    /// `lead.routed`
    LeadRouted,
    /// `action.requested`
    ActionRequested,
    /// `contact.merged`
    ContactMerged,
    /// `contact.split`
    ContactSplit,
    /// `contact.erased`
    ContactErased,
}

impl DerivedKind {
    /// All kinds of changes of levels: every kind but `contact.merged`, `contact.split` and `contact.erased`, which no plan can lead to.
    pub const ALL: [DerivedKind; 10] = [
        DerivedKind::LeadQualified,
        DerivedKind::LeadDisqualified,
        DerivedKind::LeadRouted,
        DerivedKind::ActionRequested,
        DerivedKind::StageAdvanced,
        DerivedKind::StageRegressed,
        DerivedKind::BandChanged,
        DerivedKind::GradeChanged,
        DerivedKind::TagAdded,
        DerivedKind::TagRemoved,
    ];

    /// The type as consumers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            DerivedKind::TagAdded => "tag.added",
            DerivedKind::TagRemoved => "tag.removed",
            DerivedKind::StageAdvanced => "stage.advanced",
            DerivedKind::StageRegressed => "stage.regressed",
            DerivedKind::LeadDisqualified => "lead.disqualified",
            DerivedKind::LeadQualified => "lead.qualified",
            DerivedKind::BandChanged => "band.changed",
            DerivedKind::GradeChanged => "grade.changed",
            DerivedKind::LeadRouted => "lead.routed",
            DerivedKind::ActionRequested => "action.requested",
            DerivedKind::ContactMerged => "contact.merged",
            DerivedKind::ContactSplit => "contact.split",
            DerivedKind::ContactErased => "contact.erased",
        }
    }
}

/// One derived event.
#[derive(Clone, Debug, PartialEq)]
pub struct DerivedEvent {
    /// Deterministic: H of contact, plan, subject and n (S54). Consumers drop repeats by it.
    pub id: Hash,
    /// What happened.
    pub kind: DerivedKind,
    /// To whom.
    pub contact: Arc<str>,
    /// In which plan; `None` for tags, merges, splits and erasures.
    pub plan: Option<Word>,
    /// The plan's version in force.
    pub version: Option<PlanVersion>,
    /// The subject: `qualify`, `stage`, `tag:x`, `band`, `grade`, `route`, `action:x`, `merge:ID`, `split:ID`, `erase`.
    pub subject: Cow<'static, str>,
    /// The announcements of the subject with this one.
    pub n: u64,
    /// The derived events of the contact with this one (S55).
    pub seq: u64,
    /// When: never goes back for a contact (S43).
    pub time: Timestamp,
    /// When the new level began in the fold.
    pub since: Timestamp,
    /// The level announced before.
    pub old: Level,
    /// The level announced now.
    pub new: Level,
    /// The score that was read, if one was.
    pub score: Option<Points>,
    /// The threshold it was compared with.
    pub threshold: Option<Points>,
    /// What caused it.
    pub cause: DerivedCause,
    /// Why, in a word or two: `score`, `member`, `when`, ...
    pub reason: Reason,
    /// Sorted.
    pub marks: Vec<Mark>,
    /// The subject's derived event that this one corrects.
    pub corrects: Option<Hash>,
    /// The stages passed through by a correction.
    pub via: Vec<Word>,
    /// The largest contributions to the score that was read, largest first.
    pub contributions: Vec<ContributionLine>,
    /// What an action asks for.
    pub request: Option<Arc<Request>>,
}

/// What caused a derived event.
#[derive(Clone, Debug, PartialEq)]
pub enum DerivedCause {
    /// An event of the contact.
    Event {
        /// Its identity.
        uid: Uid,
        /// Its type.
        event_type: Cow<'static, str>,
        /// When it happened.
        time: Timestamp,
    },
    /// A timer.
    Timer {
        /// Which.
        kind: TimerKind,
        /// The rule, where one rule's timer fired.
        rule: Option<Word>,
        /// When it was due.
        due: Timestamp,
    },
}

/// The kinds of timers, in the order in which they fire at one instant (S5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    /// Another plan set comes into force.
    PlanChange,
    /// Nothing came that would have closed a window (S13).
    Absence,
    /// A silence became long enough.
    Idle,
    /// A level changes without an event.
    Check,
}

impl TimerKind {
    /// The kind as consumers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            TimerKind::PlanChange => "plan-change",
            TimerKind::Absence => "absence",
            TimerKind::Idle => "idle",
            TimerKind::Check => "check",
        }
    }
}

/// Why a level changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A score crossed a threshold.
    Score,
    /// A condition began or ceased to hold.
    Condition,
    /// The contact no longer takes part in the plan.
    NotMember,
    /// A silence.
    Idle,
    /// A cooldown ended.
    Cooldown,
    /// A rule or a CRM record set or removed a tag.
    Tag,
    /// The plan no longer has what was announced.
    Plan,
    /// Feedback of sales.
    Feedback,
    /// Somebody asked for it.
    Request,
}

impl Reason {
    /// The reason as consumers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Score => "score",
            Reason::Condition => "condition",
            Reason::NotMember => "not-member",
            Reason::Idle => "idle",
            Reason::Cooldown => "cooldown",
            Reason::Tag => "tag",
            Reason::Plan => "plan",
            Reason::Feedback => "feedback",
            Reason::Request => "request",
        }
    }
}

/// What is special about a derived event (S43). Ordered as they are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Its cause's time was clamped at reception.
    Clamped,
    /// It corrects what was announced, after a late event.
    Late,
    /// It comes of ids that became one contact.
    Merge,
    /// It comes of a plan change.
    Plan,
    /// It comes of a plan change by which the past counts anew.
    Recompute,
    /// It was made by an offline run.
    Replay,
    /// It comes of a contact that was parted.
    Split,
}

impl Mark {
    /// The mark as consumers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Clamped => "clamped",
            Mark::Late => "late",
            Mark::Merge => "merge",
            Mark::Plan => "plan",
            Mark::Recompute => "recompute",
            Mark::Replay => "replay",
            Mark::Split => "split",
        }
    }
}

/// One contribution, as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ContributionLine {
    /// The plan of the rule.
    pub plan: Word,
    /// The rule.
    pub rule: Word,
    /// The event that caused it; `None` for fit rules and timers.
    pub uid: Option<Uid>,
    /// The type of that event, empty where there is none.
    pub event_type: Cow<'static, str>,
    /// When it was booked; the instant shown for a fit rule.
    pub time: Timestamp,
    /// What it is worth now.
    pub value: Points,
}
