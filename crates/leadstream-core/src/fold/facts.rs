//! count() and ever() over a contact's history (S12): departed events by the statistics of the base, rows by remembered matches.
//!
//! Rows are looked at once per fact: what matched is remembered beside the contact, extended when rows are appended, and forgotten when rows in
//! the past change. It follows from the rows and is never stored.

use std::cell::RefCell;
use std::sync::Arc;

use crate::contact::{FactStatistics, Judged, Rows, State};
use crate::event::{Event, Value, Verdict};
use crate::expr::{FactRef, LevelRef, Scope, ScoreRef};
use crate::fold::reached::{Bound, Reached};
use crate::id::Name;
use crate::plan::{CountedVerdicts, Fact, Plan};
use crate::time::{Span, Timestamp};

/// Remembered matches of facts among a contact's rows.
#[derive(Clone, Debug, Default)]
pub struct FactCaches {
    matches: RefCell<Vec<FactMatches>>,
}

#[derive(Clone, Debug)]
struct FactMatches {
    fact: Name,
    counted: CountedVerdicts,
    /// How many rows were looked at.
    seen: usize,
    /// How many rows had been lost then.
    lost: u64,
    /// The instants of those that match, in order.
    times: Vec<Timestamp>,
}

impl FactMatches {
    /// Forgets matches among rows that have left since.
    fn follow(&mut self, rows: &Rows) {
        let (lost, lost_time) = rows.lost();
        if self.lost == lost {
            return;
        }
        self.seen = self.seen.saturating_sub(usize::try_from(lost.saturating_sub(self.lost)).unwrap_or(usize::MAX));
        self.lost = lost;
        let left = self.times.partition_point(|time| Some(*time) <= lost_time);
        if rows.oldest().is_some_and(|next| Some(next) <= lost_time) {
            // Of rows of one instant some have left and some not: which of them matched is not known any more.
            (self.seen, self.times) = (0, Vec::new());
        } else {
            self.times.drain(..left);
        }
    }
}

impl FactCaches {
    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.matches.borrow_mut().clear();
    }

    /// Forgets matches among the rows from a place on: the others have not changed.
    pub(crate) fn forget_after(&self, rows: &Rows, place: usize) {
        let mut caches = self.matches.borrow_mut();
        let Some(first) = rows.as_slice().get(place).map(|row| row.time) else {
            // Rows that are not there any more were looked at.
            caches.retain(|matches| matches.seen <= place);
            return;
        };
        // Which matches of one instant lie before the place is not known: all of them are looked at again.
        let seen = rows.as_slice()[..place].partition_point(|row| row.time < first);
        for matches in caches.iter_mut() {
            matches.follow(rows);
            if matches.seen > seen {
                matches.seen = seen;
                matches.times.truncate(matches.times.partition_point(|time| *time < first));
            }
        }
    }

    pub(crate) fn warm(&self) -> u64 {
        let last = |matches: &FactMatches| matches.times.last().map_or(0, |time| time.millis() as u64);
        self.matches.borrow().iter().fold(0, |sum, matches| sum ^ last(matches))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let matches = self.matches.borrow();
        matches.capacity() * size_of::<FactMatches>() + matches.iter().map(|m| m.times.capacity() * 8).sum::<usize>()
    }
}

/// The history that conditions may count: statistics of what departed, and the rows up to the present step.
#[derive(Clone, Copy)]
pub(crate) struct History<'a> {
    pub(crate) departed: &'a [FactStatistics],
    pub(crate) rows: &'a Rows,
    /// Rows from the first up to here are visible; this event's own row is the last of them.
    pub(crate) visible: usize,
    pub(crate) caches: &'a FactCaches,
    pub(crate) judged: &'a Judged,
}

impl History<'_> {
    /// How many matching events lie in `(until - window, until]`.
    pub(crate) fn count(&self, plan: &Plan, fact: &Fact, window: Span, until: Timestamp) -> u64 {
        let after = until - window;
        let counted = plan.verdicts.counted();
        let departed: usize = self
            .statistics(fact, counted)
            .map(|statistics| statistics.recent.iter().filter(|time| **time > after && **time <= until).count())
            .sum();
        let in_rows = self.with_matches(fact, counted, |times| {
            times.partition_point(|time| *time <= until) - times.partition_point(|time| *time <= after)
        });
        (departed + in_rows) as u64
    }

    /// Whether any event matched, however long ago.
    pub(crate) fn ever(&self, plan: &Plan, fact: &Fact) -> bool {
        let counted = plan.verdicts.counted();
        self.statistics(fact, counted).any(|statistics| statistics.count > 0)
            || self.with_matches(fact, counted, |times| !times.is_empty())
    }

    fn statistics<'s>(&'s self, fact: &Fact, counted: CountedVerdicts) -> impl Iterator<Item = &'s FactStatistics> {
        let key = fact.key;
        self.departed.iter().filter(move |statistics| statistics.key == key && counted.contains(statistics.verdict))
    }

    fn with_matches<R>(&self, fact: &Fact, counted: CountedVerdicts, read: impl FnOnce(&[Timestamp]) -> R) -> R {
        let mut caches = self.caches.matches.borrow_mut();
        let at = match caches.iter().position(|m| m.fact == fact.key && m.counted == counted) {
            Some(at) => at,
            None => {
                caches.push(FactMatches { fact: fact.key, counted, seen: 0, lost: 0, times: Vec::new() });
                caches.len() - 1
            }
        };
        let matches = &mut caches[at];
        matches.follow(self.rows);
        for at in matches.seen.min(self.visible)..self.visible {
            let row = &self.rows.as_slice()[at];
            if counted.contains(self.judged.verdict(row.uid, row.verdict())) && row_matches(fact, self.rows, at) {
                matches.times.push(row.time);
            }
        }
        matches.seen = matches.seen.max(self.visible);
        read(&matches.times)
    }
}

/// Whether a row is an event that a fact counts.
pub(crate) fn row_matches(fact: &Fact, rows: &Rows, at: usize) -> bool {
    let event_type = rows.event_type(at).name();
    if !fact.types.iter().any(|known| known.name() == event_type) {
        return false;
    }
    if let Some(prefix) = &fact.prefix {
        let field = if prefix.starts_with('/') { "path" } else { "url" };
        match rows.properties(at).get(Name::of(field)) {
            Some(Value::Text(text)) if text.starts_with(&**prefix) => {}
            _ => return false,
        }
    }
    match &fact.when {
        None => true,
        Some(when) => {
            let scope = RowScope { rows, at };
            when.eval_bool(&scope).unwrap_or(false)
        }
    }
}

/// What a fact's own condition sees: the event and nothing else (S12).
struct RowScope<'a> {
    rows: &'a Rows,
    at: usize,
}

impl Scope for RowScope<'_> {
    fn event(&self, property: Name) -> Option<Value<'_>> {
        self.rows.properties(self.at).get(property)
    }
    fn event_type(&self) -> Option<&str> {
        Some(self.rows.event_type(self.at).as_str())
    }
    fn attribute(&self, _attribute: Name) -> Option<Value<'_>> {
        None
    }
    fn contact_id(&self) -> &str {
        ""
    }
    fn has_tag(&self, _tag: &str) -> bool {
        false
    }
    fn tag_count(&self) -> usize {
        0
    }
    fn count(&self, _fact: FactRef, _window: Span) -> u64 {
        0
    }
    fn ever(&self, _fact: FactRef) -> bool {
        false
    }
    fn score(&self, _score: &ScoreRef) -> f64 {
        0.0
    }
    fn level(&self, _level: &LevelRef) -> Value<'_> {
        Value::Null
    }
}

/// How many instants of departed events a fact keeps, and how many all facts of a contact together; beyond them the oldest ends (S58).
const RECENT_MAX: usize = 2000;
const RECENT_TOTAL_MAX: usize = 4000;
/// How many event types, each by verdict, are remembered that no plan asks about; beyond them the one seen longest ago ends (S58).
const TYPES_MAX: usize = 256;
/// An event type that is longer, in bytes, and that no plan asks about is not remembered.
const TYPE_BYTES_MAX: usize = 64;

/// Adds a departing row to the statistics of the base: of its type, and of every fact that it matches of the plans in force at its time or
/// since, for a later condition may look back at it.
pub(crate) fn depart<'p>(
    base: &mut State,
    rows: &Rows,
    at: usize,
    judged: &Judged,
    plans: impl Iterator<Item = &'p Arc<Plan>> + Clone,
    reached: &mut Reached,
) {
    let is_asked = |key: Name| plans.clone().any(|plan| plan.facts.iter().any(|fact| fact.key == key));
    let (row, event_type) = (&rows.as_slice()[at], rows.event_type(at));
    let seen = (row.time, judged.verdict(row.uid, row.verdict()));
    let mut matched: Vec<(Name, &str, Span)> = vec![(event_type.name(), event_type.as_str(), Span::ZERO)];
    for fact in plans.clone().flat_map(|plan| &plan.facts) {
        if !row_matches(fact, rows, at) {
            continue;
        }
        // Two plans may count one fact in windows of different length: the instants are kept for the longest.
        match matched.iter_mut().find(|(key, _, _)| *key == fact.key) {
            Some((_, _, window)) => *window = (*window).max(fact.window),
            None => matched.push((fact.key, &fact.text, fact.window)),
        }
    }
    let facts = base.facts.make_mut();
    for (key, text, window) in matched {
        if text.len() <= TYPE_BYTES_MAX || is_asked(key) {
            add(facts, key, text, seen, window, reached);
        } else {
            reached.add(Bound::FactTypes, 1);
        }
    }
    bound(facts, is_asked, reached);
}

/// Lets go of what is beyond the bounds (L8): types are an open set.
fn bound(facts: &mut Vec<FactStatistics>, is_asked: impl Fn(Name) -> bool, reached: &mut Reached) {
    while facts.iter().map(|fact| fact.recent.len()).sum::<usize>() > RECENT_TOTAL_MAX {
        let with_oldest = facts.iter_mut().filter(|fact| !fact.recent.is_empty()).min_by_key(|fact| fact.recent[0]);
        let Some(fact) = with_oldest else { break };
        fact.recent.remove(0);
        reached.add(Bound::FactInstants, 1);
    }
    if facts.len() <= TYPES_MAX {
        return;
    }
    let others = |facts: &[FactStatistics]| facts.iter().filter(|fact| !is_asked(fact.key)).count();
    for _ in TYPES_MAX..others(facts) {
        let others = facts.iter().enumerate().filter(|(_, fact)| !is_asked(fact.key));
        let Some((at, _)) = others.min_by_key(|(_, fact)| (fact.last, &fact.text, fact.verdict)) else { break };
        facts.remove(at);
        reached.add(Bound::FactTypes, 1);
    }
}

fn add(
    facts: &mut Vec<FactStatistics>,
    key: Name,
    text: &str,
    (time, verdict): (Timestamp, Verdict),
    window: Span,
    reached: &mut Reached,
) {
    let at = match facts.iter().position(|known| known.key == key && known.verdict == verdict) {
        Some(at) => at,
        None => {
            let text = Arc::from(text);
            facts.push(FactStatistics { key, text, verdict, count: 0, first: time, last: time, recent: Vec::new() });
            facts.len() - 1
        }
    };
    let known = &mut facts[at];
    known.count += 1;
    known.first = known.first.min(time);
    known.last = known.last.max(time);
    if window > Span::ZERO {
        known.recent.retain(|known| *known > time - window);
        if known.recent.len() >= RECENT_MAX {
            known.recent.remove(0);
            reached.add(Bound::FactInstants, 1);
        }
        known.recent.push(time);
    }
}

/// The scope of a step: the state just before it, and its event (S7, S59).
pub(crate) struct StepScope<'a> {
    pub(crate) contact: &'a str,
    pub(crate) view: crate::scores::Scores<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) event: Option<&'a Event>,
    pub(crate) history: History<'a>,
    pub(crate) now: Timestamp,
    pub(crate) levels: &'a super::levels::PreLevels,
}

impl Scope for StepScope<'_> {
    #[inline]
    fn event(&self, property: Name) -> Option<Value<'_>> {
        self.event?.properties.get(property)
    }
    fn event_type(&self) -> Option<&str> {
        self.event.map(|event| event.event_type.as_str())
    }
    fn attribute(&self, attribute: Name) -> Option<Value<'_>> {
        self.view.state.attribute(attribute).map(|attribute| attribute.value.as_value())
    }
    fn contact_id(&self) -> &str {
        self.contact
    }
    fn has_tag(&self, tag: &str) -> bool {
        self.view.state.tag(tag).is_some()
    }
    fn tag_count(&self) -> usize {
        self.view.state.tags.len()
    }
    fn count(&self, fact: FactRef, window: Span) -> u64 {
        self.plan.facts.get(usize::from(fact.0)).map_or(0, |fact| self.history.count(self.plan, fact, window, self.now))
    }
    fn ever(&self, fact: FactRef) -> bool {
        self.plan.facts.get(usize::from(fact.0)).is_some_and(|fact| self.history.ever(self.plan, fact))
    }
    fn score(&self, score: &ScoreRef) -> f64 {
        self.view.read(self.plan, score).as_number()
    }
    fn level(&self, level: &LevelRef) -> Value<'_> {
        self.levels.read(self.plan, level)
    }
}
