//! What the fold knows of a contact after a step: attributes, tags, memberships, levels and the whole list of bookings.
//!
//! Never keeps a sum: every score is added up from the bookings when it is read, see [`crate::scores`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::decay::Decay;
use crate::event::{Scalar, Uid, Verdict};
use crate::firing::Award;
use crate::number::Thousandths;

/// What a step was caused by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An event, by its uid in hexadecimal and its time.
    Event {
        /// The uid.
        uid: String,
        /// The event's time, milliseconds UTC.
        time: i64,
    },
    /// A timer.
    Timer {
        /// When it was due, milliseconds UTC.
        due: i64,
        /// Its kind.
        kind: TimerKind,
        /// The plan of an absence or idle timer.
        plan: Option<String>,
        /// The rule of an absence or idle timer.
        rule: Option<String>,
    },
}

impl Cause {
    /// The instant of the cause.
    pub fn instant(&self) -> i64 {
        match self {
            Cause::Event { time, .. } => *time,
            Cause::Timer { due, .. } => *due,
        }
    }
}

/// The kinds of timers, in the order in which they go at one instant (S5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// A forward change of plans.
    PlanChange,
    /// The end of a window of an absence rule.
    Absence,
    /// An idle rule.
    Idle,
    /// The check timer.
    Check,
}

/// Why less (or other points) than the rule says were booked (S18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The rule's cap.
    Cap,
    /// The plan's limits.
    Limit,
    /// The weight of the event's verdict.
    Weight,
}

/// One firing of a rule: a record of the ledger (S18).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Booking {
    pub(crate) step: usize,
    pub(crate) plan: String,
    pub(crate) version: String,
    pub(crate) rule: String,
    pub(crate) uid: Option<Uid>,
    /// The event at whose step it was booked; none for a timer's, which goes before the events of its instant.
    pub(crate) by: Option<Uid>,
    pub(crate) time: i64,
    pub(crate) raw: Thousandths,
    pub(crate) applied: Thousandths,
    /// How they decay, fixed when they are booked (S20).
    pub(crate) decay: Decay,
    pub(crate) cuts: BTreeSet<Cut>,
    /// Whether feedback or a plan's end made it worth nothing (S38, S47). Caps count it all the same.
    pub(crate) ended: bool,
    /// The stay in a stage that the points were booked in (S26).
    pub(crate) stay: Option<u64>,
}

/// Points that joined a tag's score (S25).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagBooking {
    pub(crate) tag: String,
    /// Which life of the tag they belong to: a removal ends it.
    pub(crate) life: u64,
    pub(crate) value: Thousandths,
    pub(crate) decay: Decay,
    /// Whether points were given, be they none: a CRM may set a tag without any.
    pub(crate) with_points: bool,
    pub(crate) source: TagSource,
}

/// Who wrote a tag: a rule of a plan, or the CRM where both are none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagSource {
    pub(crate) plan: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) uid: Option<Uid>,
    /// As in [`Booking`].
    pub(crate) by: Option<Uid>,
    pub(crate) time: i64,
}

/// A tag that is or was set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagState {
    pub(crate) present: bool,
    pub(crate) since: i64,
    pub(crate) life: u64,
}

/// The stage a member is in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stay {
    pub(crate) stage: String,
    pub(crate) entered: i64,
    /// Distinguishes this stay from any other: its bookings make the stage score.
    pub(crate) stay: u64,
    /// Whether the score reached `leave_below` during this stay (S36).
    pub(crate) armed: bool,
    /// After a leave: whether a later step has yet to book points before the next advance (S37).
    pub(crate) must_earn: bool,
    /// Whether feedback entered it and no event came since (S36).
    pub(crate) by_feedback: bool,
}

/// What is counted of an action (S34).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ActionState {
    pub(crate) count: u64,
    /// Whether it has to be re-armed before it counts again.
    pub(crate) spent: bool,
    /// The instant of the last rise.
    pub(crate) since: Option<i64>,
}

/// A window of an absence rule (S13).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) award: Award,
    /// The verdict of the event that opened it.
    pub(crate) verdict: Verdict,
    pub(crate) due: i64,
}

/// What a rule awarded for an event of doubtful verdict, until a human event with the key comes (S56).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) award: Award,
    /// The property and its value that the human event must have.
    pub(crate) property: String,
    pub(crate) key: String,
    /// The first instant at which it is too late.
    pub(crate) until: i64,
}

/// For each part of a compound rule the instants it keeps: of unused events, or of the start of a chain (S15).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parts(pub(crate) Vec<Vec<i64>>);

/// What a plan remembers of the contact. Survives changes of the plan's version (S45).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PlanState {
    pub(crate) member_since: Option<i64>,
    pub(crate) fit: BTreeMap<String, Thousandths>,
    pub(crate) last_activity: Option<i64>,
    pub(crate) stay: Option<Stay>,
    /// Since when there is no stage, where there was one before.
    pub(crate) stage_left: Option<i64>,
    pub(crate) qualified: bool,
    /// Since when `qualified` has its value; none where it never changed.
    pub(crate) qualified_since: Option<i64>,
    /// Whether it ever was.
    pub(crate) was_qualified: bool,
    /// From when the cooldown counts: the last time it was qualified, or feedback was given.
    pub(crate) cooldown_from: Option<i64>,
    /// After feedback: whether the score has yet to fall below `release`, or a later step to book points (S38).
    pub(crate) after_feedback: bool,
    /// The band; none is cold.
    pub(crate) band: Option<String>,
    pub(crate) band_since: Option<i64>,
    pub(crate) grade: Option<String>,
    pub(crate) grade_since: Option<i64>,
    pub(crate) owner: Option<String>,
    pub(crate) owner_since: Option<i64>,
    /// What `route.by` was at the last step, where it was a string.
    pub(crate) route_by: Option<String>,
    pub(crate) actions: BTreeMap<String, ActionState>,
    /// What each condition of a level was at the last step, by its name: it keeps that value between steps (S30).
    pub(crate) conditions: BTreeMap<String, bool>,
    /// Up to which instant the dues of each idle rule were served.
    pub(crate) idle_served: BTreeMap<String, i64>,
    /// The last firing of each once-per rule, by rule and key.
    pub(crate) once: BTreeMap<(String, Option<String>), i64>,
    /// Open windows, by rule and key.
    pub(crate) windows: BTreeMap<(String, String), Window>,
    /// Held awards, in the order of their events.
    pub(crate) holds: Vec<Held>,
    /// What compound rules keep, by rule and key.
    pub(crate) compounds: BTreeMap<(String, String), Parts>,
    /// How many bookings there were, of all plans, when the period of a rule's cap came into force; none where it always was.
    pub(crate) cap_since: BTreeMap<String, usize>,
}

/// Everything the fold knows after a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// The time of the contact's first event; none before it.
    pub(crate) began: Option<i64>,
    /// Which plan set of the timeline is in force.
    pub(crate) plan_set: usize,
    /// The instant of the last step.
    pub(crate) tau: i64,
    /// The instant at which scores are read: that of the step under way, or of a query.
    pub(crate) now: i64,
    /// How many events of the history were stepped.
    pub(crate) seen: usize,
    pub(crate) attributes: BTreeMap<String, Scalar>,
    pub(crate) tags: BTreeMap<String, TagState>,
    pub(crate) plans: BTreeMap<String, PlanState>,
    pub(crate) bookings: Vec<Booking>,
    pub(crate) tag_bookings: Vec<TagBooking>,
    /// The next unused number of a stay or of a tag's life.
    pub(crate) next_life: u64,
}

impl State {
    /// The plan's memory, blank where it has none yet.
    pub(crate) fn plan(&self, id: &str) -> PlanState {
        self.plans.get(id).cloned().unwrap_or_default()
    }

    /// The plan's memory, to be changed.
    pub(crate) fn plan_mut(&mut self, id: &str) -> &mut PlanState {
        self.plans.entry(id.to_owned()).or_default()
    }

    /// What a condition of the plan's levels was at the last step; one that was never evaluated is false.
    pub(crate) fn condition(&self, plan: &str, name: &str) -> bool {
        self.plans.get(plan).is_some_and(|memory| memory.conditions.get(name) == Some(&true))
    }

    /// What the plan booked is worth nothing from now on (S38, S47).
    pub(crate) fn end_engagement(&mut self, plan: &str) {
        self.bookings.iter_mut().filter(|booking| booking.plan == plan).for_each(|booking| booking.ended = true);
    }

    /// Whether the contact is a member of the plan.
    pub(crate) fn is_member(&self, id: &str) -> bool {
        self.plans.get(id).is_some_and(|plan| plan.member_since.is_some())
    }

    /// Whether the tag is set.
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.tags.get(tag).is_some_and(|tag| tag.present)
    }

    /// A number for a new stay or life.
    pub(crate) fn new_life(&mut self) -> u64 {
        self.next_life += 1;
        self.next_life
    }

    /// Enters a stage: its score starts at 0, nothing is armed (S26, S36).
    pub(crate) fn enter_stage(&mut self, plan: &str, stage: &str, at: i64, must_earn: bool) {
        let stay = self.new_life();
        let stay = Stay { stage: stage.to_owned(), entered: at, stay, armed: false, must_earn, by_feedback: false };
        self.plan_mut(plan).stay = Some(stay);
    }
}
