//! The fold state of a contact after its last step: a plain value, cheap to copy, that knows nothing of rows.
//!
//! Texts and rarely changed tables are shared, so that a copy taken at the first touch of an epoch costs a few small vectors. Instants at which
//! something is due are not kept here: they follow from the state and the plans (S14, S33).

use std::sync::Arc;

use crate::contact::{ActionState, RuleIndex, Standing, Waiting};
use crate::decay::Sum;
use crate::event::{Value, Verdict};
use crate::id::{Name, Uid};
use crate::plan::CountedVerdicts;
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// A list that seldom changes: copies share it, and an empty one holds no memory.
#[derive(Clone, Debug)]
pub struct SharedList<T>(Option<Arc<Vec<T>>>);

impl<T> SharedList<T> {
    /// A list of these.
    pub fn new(items: Vec<T>) -> SharedList<T> {
        SharedList((!items.is_empty()).then(|| Arc::new(items)))
    }

    /// The list, to change: a copy of its own where others share it.
    pub fn make_mut(&mut self) -> &mut Vec<T>
    where
        T: Clone,
    {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Whether both are one list in memory, or both are empty.
    pub fn is_same(&self, other: &SharedList<T>) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => self.is_empty() && other.is_empty(),
        }
    }
}

impl<T> Default for SharedList<T> {
    fn default() -> SharedList<T> {
        SharedList(None)
    }
}

impl<T> std::ops::Deref for SharedList<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0.as_ref().map_or(&[], |items| items)
    }
}

impl<T: PartialEq> PartialEq for SharedList<T> {
    fn eq(&self, other: &SharedList<T>) -> bool {
        self.is_same(other) || **self == **other
    }
}

/// The complete fold state of one contact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The latest instant stepped (S1); `None` before the first step.
    pub tau: Option<Timestamp>,
    /// The order of the last event stepped.
    pub last_event: Option<(Timestamp, Uid)>,
    /// The time of the first event of any type (S14).
    pub first_event: Option<Timestamp>,
    /// The last activity since `plans_since` by the verdict of its event (S14): human, suspect, machine. A plan reads those that its policy counts.
    pub activity: [Option<Timestamp>; 3],
    /// When the newest plan change that the contact has stepped came into force (S45).
    pub plans_since: Option<Timestamp>,
    /// Present attributes, by name.
    pub attributes: SharedList<Attribute>,
    /// Present tags, by text.
    pub tags: Vec<TagState>,
    /// One entry for each plan that was in force at a step, by plan id.
    pub plans: Vec<PlanState>,
    /// One entry for each rule that fired and whose next firing depends on it.
    pub rules: Vec<RuleState>,
    /// Keys of once-per rules (S11), oldest first.
    pub once: Vec<OnceKey>,
    /// Bookings inside rolling caps (S19), oldest first.
    pub rolling: Vec<RollingBooking>,
    /// What departed rows left for count() and ever() (S12): only in a base and what was folded from it.
    pub facts: SharedList<FactStatistics>,
    /// How many contributions were ever booked: the ordinal of the next one.
    pub booked: u64,
    /// What is decided and waits for an instant or an event (S13, S15, S56).
    pub waiting: Waiting,
}

/// A present attribute (S16).
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The hash of `text`.
    pub name: Name,
    /// The attribute's name.
    pub text: Arc<str>,
    /// Its value.
    pub value: AttributeValue,
    /// When the event that set it happened.
    pub time: Timestamp,
    /// The source of that event.
    pub source: Arc<str>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
}

impl AttributeValue {
    /// The value as conditions see it.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            AttributeValue::Bool(value) => Value::Bool(*value),
            AttributeValue::Number(value) => Value::Number(*value),
            AttributeValue::Text(value) => Value::Text(value),
        }
    }
}

/// A tag that the contact carries, with its score (S25).
#[derive(Clone, Debug, PartialEq)]
pub struct TagState {
    /// The tag.
    pub tag: Arc<str>,
    /// Since when it is carried.
    pub since: Timestamp,
    /// Its score.
    pub points: Sum,
    /// The ordinal of the first contribution that can count in it.
    pub first_contribution: u64,
}

/// What one plan holds of a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanState {
    /// The plan's id.
    pub plan: Word,
    /// The name of `plan`.
    pub key: Name,
    /// Whether the contact takes part (S23).
    pub member: bool,
    /// Since when it takes part; only meaningful for members.
    pub member_since: Timestamp,
    /// The verdicts whose events the version in force counts as activity (S56).
    pub counted: CountedVerdicts,
    /// The last activity before `State::plans_since`, each judged by the version in force at its time (S45).
    pub active_before: Option<Timestamp>,
    /// Points earned by behaviour, inside the limits (S22).
    pub engagement: Sum,
    /// The ordinal of the first contribution that counts in the engagement: later than the first where the plan was retired in between.
    pub first_contribution: u64,
    /// Points of present attributes (S16): the sum of `fit_rules`.
    pub fit: Points,
    /// The fit rules that held when they were last looked at, in file order, with what each was worth.
    pub fit_rules: SharedList<FitPoints>,
    /// The threshold (S31).
    pub qualify: QualifyState,
    /// The stage, while the plan has a pipeline and the contact takes part (S36, S37).
    pub stage: Option<StageState>,
    /// Since when there is no stage, where there was one.
    pub stage_left: Option<Timestamp>,
    /// Further levels, and what feedback has left; `None` where there is nothing of the kind.
    pub standing: Option<Arc<Standing>>,
}

/// A fit rule that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct FitPoints {
    /// The rule's id.
    pub rule: Word,
    /// What it is worth.
    pub points: Points,
}

/// The threshold of one plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualifyState {
    /// Whether the contact is qualified.
    pub on: bool,
    /// Since when it is as it is; `None` before the first change.
    pub since: Option<Timestamp>,
    /// When it last came on.
    pub last_on: Option<Timestamp>,
    /// Everything but the cooldown says on (S32).
    pub held: bool,
    /// The condition held when it was last looked at (S30); only kept where points decay.
    pub allowed: bool,
}

/// The present stage of one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct StageState {
    /// The stage's name.
    pub stage: Word,
    /// When it was entered.
    pub entered: Timestamp,
    /// The stage score: applied points booked in it (S26).
    pub points: Sum,
    /// The ordinal of the first contribution that counts in it.
    pub first_contribution: u64,
    /// The stage score has reached `leave_below` in this stage (S36).
    pub armed: bool,
    /// It was entered by leaving a higher one, and no later step has booked points since: no advance yet (S37).
    pub resting: bool,
    /// The conditions of the next stage let the contact in when they were last looked at (S30); only kept where points decay.
    pub may_advance: bool,
    /// Feedback led into it, and no event came since: it is not left yet (S36, S38).
    pub by_feedback: bool,
}

/// What one rule remembers of its firings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleState {
    /// The rule.
    pub rule: RuleIndex,
    /// When it last fired while it was limited to once per span or once for good (S11).
    pub once_fired: Option<Timestamp>,
    /// The last due instant of an idle rule that has passed, whether it booked or not (S14).
    pub idle_passed: Option<Timestamp>,
    /// The code of the cap's period that `capped` counts in; 0: none.
    pub period: u8,
    /// The first instant after the calendar period that `capped` counts.
    pub period_end: Timestamp,
    /// Points applied in the present calendar period, or ever (S19).
    pub capped: Points,
}

impl RuleState {
    /// A rule that remembers nothing.
    pub fn blank(rule: RuleIndex) -> RuleState {
        let (period_end, capped) = (Timestamp::MIN, Points::ZERO);
        RuleState { rule, once_fired: None, idle_passed: None, period: 0, period_end, capped }
    }
}

/// A value of a once-per expression that has fired (S11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnceKey {
    /// The rule.
    pub rule: RuleIndex,
    /// The first 8 bytes of H of the value.
    pub key: u64,
    /// When it fired.
    pub fired: Timestamp,
}

/// One booking that a rolling cap still counts (S19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingBooking {
    /// The rule.
    pub rule: RuleIndex,
    /// When it was booked.
    pub time: Timestamp,
    /// What was applied.
    pub applied: Points,
}

/// Count, first and last of departed events that match a fact (S12).
#[derive(Clone, Debug, PartialEq)]
pub struct FactStatistics {
    /// The hash of `text`.
    pub key: Name,
    /// The fact in the plan's spelling, or an event type.
    pub text: Arc<str>,
    /// The verdict of the events counted, since plans differ in which they count.
    pub verdict: Verdict,
    /// How many events.
    pub count: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// The instants of those that a window of a plan in force could still count when the newest of them departed, oldest first.
    pub recent: Vec<Timestamp>,
}

/// What the texts of an attribute are taken to hold in memory: asked after each event, so they are not walked through.
const ATTRIBUTE_TEXT_BYTES: usize = 64;

impl State {
    /// The present value of an attribute.
    pub fn attribute(&self, name: Name) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// A tag, if the contact carries it.
    pub fn tag(&self, tag: &str) -> Option<&TagState> {
        self.tags.binary_search_by(|state| (*state.tag).cmp(tag)).ok().map(|at| &self.tags[at])
    }

    /// What a plan holds of the contact.
    pub fn plan(&self, key: Name) -> Option<&PlanState> {
        self.plans.iter().find(|plan| plan.key == key)
    }

    /// The last activity that a plan has counted (S14), each by the version in force at its time (S45).
    pub fn last_activity(&self, held: &PlanState) -> Option<Timestamp> {
        let verdicts = [Verdict::Human, Verdict::Suspect, Verdict::Machine].into_iter();
        let since =
            verdicts.filter(|verdict| held.counted.contains(*verdict)).filter_map(|v| self.activity[v as usize]);
        since.chain(held.active_before).max()
    }

    /// Whether some points lose their worth.
    pub fn decays(&self) -> bool {
        self.sums().any(|sum| !sum.groups().is_empty())
    }

    /// Every running sum.
    pub fn sums(&self) -> impl Iterator<Item = &Sum> {
        let stages = self.plans.iter().filter_map(|plan| plan.stage.as_ref()).map(|stage| &stage.points);
        let tags = self.tags.iter().map(|tag| &tag.points);
        self.plans.iter().map(|plan| &plan.engagement).chain(stages).chain(tags)
    }

    /// Becomes a copy of another state in the memory that it has.
    pub(crate) fn copy_from(&mut self, other: &State) {
        // All by name: whoever adds a part is told here.
        let State {
            tau,
            last_event,
            first_event,
            activity,
            plans_since,
            attributes,
            tags,
            plans,
            rules,
            once,
            rolling,
            facts,
            booked,
            waiting,
        } = other;
        (self.tau, self.last_event, self.first_event) = (*tau, *last_event, *first_event);
        (self.activity, self.plans_since, self.booked) = (*activity, *plans_since, *booked);

        self.attributes.clone_from(attributes);
        self.tags.clone_from(tags);
        self.plans.clone_from(plans);
        self.rules.clone_from(rules);
        self.once.clone_from(once);
        self.rolling.clone_from(rolling);
        self.facts.clone_from(facts);
        self.waiting.clone_from(waiting);
    }

    /// Lets go of what is shared, and of lists that are longer than most.
    pub(super) fn release(&mut self) {
        const LONG: usize = 32;
        (self.attributes, self.facts) = (SharedList::default(), SharedList::default());
        self.waiting = Waiting::default();
        self.plans.iter_mut().for_each(|plan| plan.standing = None);
        if [self.tags.len(), self.rules.len(), self.once.len(), self.rolling.len()].iter().any(|len| *len > LONG) {
            *self = State::default();
        }
    }

    /// Every mention of an entry of the table of rules.
    pub(super) fn rules_mut(&mut self) -> impl Iterator<Item = &mut RuleIndex> {
        let (once, rolling) = (self.once.iter_mut(), self.rolling.iter_mut());
        let once = once.map(|once| &mut once.rule).chain(rolling.map(|booking| &mut booking.rule));
        self.rules.iter_mut().map(|state| &mut state.rule).chain(once)
    }

    pub(super) fn warm(&self) -> u64 {
        let plans =
            self.plans.iter().fold(0, |sum, plan| sum ^ plan.key.0 ^ plan.engagement.fixed.thousandths() as u64);
        let rules = self.rules.iter().fold(0, |sum, rule| sum ^ u64::from(rule.rule));
        let once = self.once.last().map_or(0, |once| once.key);
        plans ^ rules ^ once ^ self.rolling.last().map_or(0, |booking| u64::from(booking.rule))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.attributes.len() * (size_of::<Attribute>() + ATTRIBUTE_TEXT_BYTES)
            + self.tags.capacity() * size_of::<TagState>()
            + self.sums().map(Sum::memory_bytes).sum::<usize>()
            + self.plans.capacity() * size_of::<PlanState>()
            + self.plans.iter().filter_map(|plan| plan.standing.as_deref()).map(standing_bytes).sum::<usize>()
            + self.rules.capacity() * size_of::<RuleState>()
            + self.once.capacity() * size_of::<OnceKey>()
            + self.rolling.capacity() * size_of::<RollingBooking>()
            + self.facts.iter().map(FactStatistics::memory_bytes).sum::<usize>()
            + self.waiting.memory_bytes()
    }
}

fn standing_bytes(standing: &Standing) -> usize {
    size_of::<Standing>() + standing.actions.capacity() * size_of::<ActionState>()
}

impl FactStatistics {
    fn memory_bytes(&self) -> usize {
        size_of::<FactStatistics>() + self.text.len() + self.recent.capacity() * size_of::<Timestamp>()
    }
}
