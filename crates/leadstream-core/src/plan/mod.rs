//! The compiled scoring plan: what `leadstream-plan` makes of a YAML file, ready for the fold.
//!
//! A plan holds no text to parse and nothing that can fail to load. Places for later kinds of rules are variants of [`Trigger`] and fields of
//! [`Plan`]; nothing here is stored, so adding them changes no stored byte.

mod index;
mod prefixes;
mod set;
mod standing;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::decay::Decay;
use crate::event::{Term, Verdict};
use crate::expr::{Expr, ScoreRef};
use crate::id::{Name, PlanVersion};
use crate::points::Points;
use crate::time::{Span, Timestamp};
use crate::word::Word;

pub use set::{Candidate, PlanSet};
pub(crate) use standing::reached;
pub use standing::{Action, BandCut, Bands, FeedbackOutcome, FeedbackPolicy, Grade, Request, Route};

/// One compiled plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plan's id, unique in a set.
    pub id: Word,
    /// `Name::of(id)`.
    pub key: Name,
    /// The version, made of the file's bytes (S47).
    pub version: PlanVersion,
    /// Who takes part; `None`: everyone (S10, S23).
    pub members: Option<Expr>,
    /// Whether the plan's score counts in the contact's global score (S24).
    pub global: bool,
    /// Where calendar periods begin and end (S19).
    pub time_zone: TimeZone,
    /// Rules in file order.
    pub rules: Vec<Rule>,
    /// Fit rules in file order (S16).
    pub fit: Vec<FitRule>,
    /// Floor and ceiling (S22).
    pub limits: Limits,
    /// The threshold of the plan, if any (S31).
    pub qualify: Option<Qualify>,
    /// The stages of the plan, if any (S36, S37).
    pub pipeline: Option<Pipeline>,
    /// Every fact that a condition of the plan counts, named or inline (S12).
    pub facts: Vec<Fact>,
    /// What becomes of machine and suspect events (S56).
    pub verdicts: VerdictPolicies,
    /// How points lose their worth that no rule books: adjustments (S17, S20).
    pub decay: Decay,
    /// Temperature bands, if any (S27).
    pub bands: Option<Bands>,
    /// Grades, if any (S28).
    pub grade: Option<Grade>,
    /// Who gets a qualified lead, if anybody (S35).
    pub route: Option<Route>,
    /// Actions by id (S34).
    pub actions: Vec<Action>,
    /// What follows from feedback (S38).
    pub feedback: FeedbackPolicy,
}

impl Plan {
    /// A plan for everyone that has these rules and nothing else, in UTC.
    pub fn new(id: &str, version: PlanVersion, rules: Vec<Rule>) -> Plan {
        Plan {
            id: Word::of(id),
            key: Name::of(id),
            version,
            members: None,
            global: false,
            time_zone: TimeZone::UTC,
            rules,
            fit: Vec::new(),
            limits: Limits::default(),
            qualify: None,
            pipeline: None,
            facts: Vec::new(),
            verdicts: VerdictPolicies::default(),
            decay: Decay::None,
            bands: None,
            grade: None,
            route: None,
            actions: Vec::new(),
            feedback: FeedbackPolicy::default(),
        }
    }

    /// Whether it has levels beside stages and the threshold.
    pub(crate) fn has_standing(&self) -> bool {
        self.bands.is_some() || self.grade.is_some() || self.route.is_some() || !self.actions.is_empty()
    }
}

impl Rule {
    /// A rule of a plan that fires each time for the same points, and nothing else.
    pub fn new(plan: &str, id: &str, trigger: Trigger, points: Points) -> Rule {
        Rule {
            id: Word::of(id),
            key: Name::of_pair(plan, id),
            trigger,
            when: None,
            points: PointsOf::Fixed(points),
            cap: None,
            once_per: None,
            tags: Vec::new(),
            untag: Vec::new(),
            valid_from: None,
            valid_until: None,
            verdicts: None,
            decay: Decay::None,
        }
    }
}

/// One rule of a plan.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The rule's id, unique in its plan.
    pub id: Word,
    /// `Name::of_pair(plan id, rule id)`: rule state is kept by it (S45).
    pub key: Name,
    /// What makes the rule look.
    pub trigger: Trigger,
    /// The condition.
    pub when: Option<Expr>,
    /// What a firing is worth.
    pub points: PointsOf,
    /// The cap (S19).
    pub cap: Option<Cap>,
    /// How often it may fire (S11).
    pub once_per: Option<OncePer>,
    /// Tags that a firing sets, with points of their own or the applied ones (S25).
    pub tags: Vec<TagEffect>,
    /// Tags that a firing removes.
    pub untag: Vec<Arc<str>>,
    /// Only events at or after this instant (S10).
    pub valid_from: Option<Timestamp>,
    /// Only events before this instant.
    pub valid_until: Option<Timestamp>,
    /// The rule's own policy for machine and suspect events; `None`: the plan's (S56).
    pub verdicts: Option<VerdictPolicies>,
    /// How what it books loses its worth: its own decay, or the plan's (S20).
    pub decay: Decay,
}

impl Rule {
    /// The shape of a compound rule (S45).
    pub(crate) fn shape(&self) -> Option<Name> {
        match &self.trigger {
            Trigger::Compound(compound) => Some(compound.shape),
            Trigger::Event(_) | Trigger::Idle { .. } | Trigger::Absence(_) => None,
        }
    }
}

/// What makes a rule look at a contact.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// An event of one of these types (S10).
    Event(Vec<Term>),
    /// No activity for a while (S14).
    Idle {
        /// After how long without activity.
        idle: Span,
        /// Again after each further span; `None`: once.
        every: Option<Span>,
        /// At most so many times for one silence (S14: 12 when absent; 1 without `every`).
        times: u32,
    },
    /// An event that another one does not follow in time (S13).
    Absence(Absence),
    /// Several events within a span (S15).
    Compound(Compound),
}

/// What an absence rule waits for (S13).
#[derive(Clone, Debug)]
pub struct Absence {
    /// Events of these types open a window.
    pub after: Vec<Term>,
    /// Events of these types close it.
    pub unless: Vec<Term>,
    /// How long a window stays open.
    pub within: Span,
    /// The property that both must share; `None`: one window for the rule.
    pub matching: Option<Word>,
}

/// What a compound rule puts together (S15).
#[derive(Clone, Debug)]
pub struct Compound {
    /// At least one part.
    pub parts: Vec<Part>,
    /// How far the parts may lie from the event that completes them.
    pub within: Span,
    /// The property that all of them must share.
    pub matching: Option<Word>,
    /// Whether they must come in their order.
    pub in_order: bool,
    /// Identifies everything of the rule above: what was gathered by a rule of another shape is nothing to it (S45).
    pub shape: Name,
}

/// A part of a compound rule.
#[derive(Clone, Debug)]
pub struct Part {
    /// The event types.
    pub types: Vec<Term>,
    /// A condition on the event and on the contact just before it.
    pub when: Option<Expr>,
}

/// What a firing is worth before weight, cap and limits.
#[derive(Clone, Debug)]
pub enum PointsOf {
    /// Always the same.
    Fixed(Points),
    /// Computed from the event and the contact (S8, S9).
    Computed(Expr),
}

/// A cap (S19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The cap in points, positive.
    pub points: Points,
    /// Over which period.
    pub period: CapPeriod,
}

/// The period of a cap (S19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPeriod {
    /// No `per`: each award by itself.
    Award,
    /// A calendar day of the plan's time zone.
    Day,
    /// An ISO week of the plan's time zone.
    Week,
    /// A calendar month of the plan's time zone.
    Month,
    /// Rolling: (t - span, t].
    Rolling(Span),
    /// For ever.
    Ever,
}

impl CapPeriod {
    /// Whether it follows the calendar of the plan's time zone.
    pub(crate) fn is_of_calendar(self) -> bool {
        matches!(self, CapPeriod::Day | CapPeriod::Week | CapPeriod::Month)
    }

    /// A number that tells the kinds of periods apart in stored state. Never changed or reused.
    pub fn code(self) -> u8 {
        match self {
            CapPeriod::Award => 1,
            CapPeriod::Day => 2,
            CapPeriod::Week => 3,
            CapPeriod::Month => 4,
            CapPeriod::Rolling(_) => 5,
            CapPeriod::Ever => 6,
        }
    }
}

/// How often a rule may fire (S11).
#[derive(Clone, Debug)]
pub enum OncePer {
    /// Again once the span has passed since the last firing.
    Span(Span),
    /// Once for each value of the expression, again after the horizon.
    Key(Expr),
    /// Once for good.
    Ever,
}

/// A tag that a firing sets (S25).
#[derive(Clone, Debug)]
pub struct TagEffect {
    /// The tag.
    pub tag: Arc<str>,
    /// Points of the tag's own, outside caps and limits; `None`: the applied points.
    pub points: Option<Points>,
}

/// A rule on present attributes (S16).
#[derive(Clone, Debug)]
pub struct FitRule {
    /// The rule's id, unique in its plan.
    pub id: Word,
    /// Counts while this is true.
    pub when: Expr,
    /// What it counts.
    pub points: PointsOf,
}

/// Bounds of a plan's engagement and score (S22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Never below.
    pub floor: Option<Points>,
    /// Never above.
    pub ceiling: Option<Points>,
}

/// The threshold of a plan (S31).
#[derive(Clone, Debug)]
pub struct Qualify {
    /// The score that is read.
    pub score: ScoreRef,
    /// On at or above.
    pub at: Points,
    /// Off below; at most `at`.
    pub release: Points,
    /// Whether it can come on again.
    pub rearm: Rearm,
    /// Not on again before this has passed since it last came on (S32).
    pub cooldown: Span,
    /// A further condition on attributes, tags, fit and levels.
    pub when: Option<Expr>,
}

/// Whether a threshold that went off can come on again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rearm {
    /// After it was released.
    OnRelease,
    /// Never.
    Never,
}

/// The stages of a plan, lowest first.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The score that `enter` reads: stage (default), engagement or plan.
    pub by: ScoreRef,
    /// At least one stage.
    pub stages: Vec<Stage>,
}

/// One stage (S36, S37).
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name, unique in the plan.
    pub name: Word,
    /// Entered from the stage before at or above this score.
    pub enter: Option<Points>,
    /// Entered from the stage before when this holds.
    pub enter_when: Option<Expr>,
    /// Left for the stage before below this stage score, once reached in this stage.
    pub leave_below: Option<Points>,
    /// Left for the stage before when this holds.
    pub leave_when: Option<Expr>,
    /// Left for the stage before after so long without activity.
    pub leave_idle: Option<Span>,
    /// Left by feedback only.
    pub is_final: bool,
}

/// A set of events that conditions count (S12).
#[derive(Clone, Debug)]
pub struct Fact {
    /// Identifies the fact by what it matches, across plans and versions: kept statistics are found by it.
    pub key: Name,
    /// The text that `key` is made of, in the plan's spelling; stored with the statistics.
    pub text: Arc<str>,
    /// The event types that count.
    pub types: Vec<Term>,
    /// A prefix of `path` where it begins with `/`, else of `url`.
    pub prefix: Option<Arc<str>>,
    /// The longest window in which a condition of the plan counts it; zero where only ever() reads it. What leaves the horizon keeps
    /// its instants for so long.
    pub window: Span,
    /// A condition on the event only.
    pub when: Option<Expr>,
}

/// What becomes of events that a machine caused (S56).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VerdictPolicies {
    /// Policy for machine events; ignored by default.
    pub machine: VerdictPolicy,
    /// Policy for suspect events; counted by default.
    pub suspect: VerdictPolicy,
    /// Policy for human events; counted by default.
    pub human: VerdictPolicy,
}

/// One policy of [`VerdictPolicies`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VerdictPolicy {
    /// No booking, no fact, no activity.
    Ignore,
    /// As any event.
    Count,
    /// As any event, its points multiplied by a weight in 0..=1.
    Weight(f64),
    /// A fact and activity; what an `on` rule books for it waits until a human event with the same value of a property comes, and ends after a span.
    Hold {
        /// How long it waits.
        span: Span,
        /// The property.
        key: Word,
    },
}

impl Default for VerdictPolicies {
    fn default() -> VerdictPolicies {
        VerdictPolicies { machine: VerdictPolicy::Ignore, suspect: VerdictPolicy::Count, human: VerdictPolicy::Count }
    }
}

impl VerdictPolicies {
    /// The policy for a verdict.
    pub fn of(&self, verdict: Verdict) -> VerdictPolicy {
        match verdict {
            Verdict::Human => self.human,
            Verdict::Suspect => self.suspect,
            Verdict::Machine => self.machine,
        }
    }

    /// The verdicts whose events count as facts and activity.
    pub fn counted(&self) -> CountedVerdicts {
        let mut bits = 0;
        for verdict in [Verdict::Human, Verdict::Suspect, Verdict::Machine] {
            if self.of(verdict) != VerdictPolicy::Ignore {
                bits |= 1 << verdict as u8;
            }
        }
        CountedVerdicts(bits)
    }
}

/// The verdicts whose events a plan counts as facts and activity (S56): a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountedVerdicts(u8);

impl CountedVerdicts {
    /// All bits that there are.
    pub const ALL_BITS: u8 = 0b111;

    /// The verdicts that these bits stand for; others are none.
    pub fn of_bits(bits: u8) -> CountedVerdicts {
        CountedVerdicts(bits & CountedVerdicts::ALL_BITS)
    }

    /// A bit for each verdict.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether events with a verdict count.
    pub fn contains(self, verdict: Verdict) -> bool {
        self.0 & (1 << verdict as u8) != 0
    }
}
