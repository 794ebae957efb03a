//! One rule: what makes it look, when it fires, and what a firing does.

use jiff::tz::TimeZone;
use leadstream_core::Word;
use leadstream_core::id::Name;
use leadstream_core::plan::{OncePer, PointsOf, Rule, Trigger};
use leadstream_core::points::Points;
use leadstream_core::time::Timestamp;

use super::Compiler;
use super::keys::{self, entry, value};
use super::names::Names;
use super::plan::Head;
use super::values::present;
use crate::cel::Place;
use crate::code::Code;
use crate::duration;
use crate::yaml::{Content, Entry, Node};

/// How often an idle rule may fire in one silence (S14): each firing is a line of the ledger, so it bounds a silent contact.
const TIMES_MAX: u32 = 1_000;

/// How often an idle rule with `every` fires in one silence unless it says so (S14).
const TIMES_DEFAULT: u32 = 12;

/// The keys that say what makes a rule fire, and what each of them says.
const TRIGGERS: [(&str, &str); 4] = [
    ("on", "fires by events"),
    ("idle", "fires by silence"),
    ("after", "fires by what does not follow"),
    ("all", "fires by several events"),
];

/// Keys that mean something only for a rule that silence fires.
const IDLE_KEYS: [&str; 2] = ["every", "times"];

/// Keys that mean something only for a rule that events fire.
const EVENT_KEYS: [&str; 2] = ["once_per", "verdicts"];

impl Compiler<'_> {
    /// Compiles one rule.
    pub(super) fn rule(&mut self, node: &Node, head: &Head, names: &mut Names) -> Option<Rule> {
        let entries = self.entries(node, &keys::RULE)?;
        let id = self.rule_id(node, entries, names);
        let trigger = self.trigger(node, entries);
        let place = if value(entries, "idle").is_some() { Place::IdleRule } else { Place::Rule };
        let when = value(entries, "when").map(|when| self.condition(when, place));
        let points = value(entries, "points")
            .map_or(Some(PointsOf::Fixed(Points::ZERO)), |points| self.points_of(points, place));
        let once_per = value(entries, "once_per").map(|once| self.once_per(once, place));
        let cap = value(entries, "cap").map(|cap| self.cap(cap, points.as_ref()));
        let valid = value(entries, "valid").map_or(Some((None, None)), |valid| self.valid(valid, &head.time_zone));
        let verdicts = value(entries, "verdicts").map(|verdicts| self.verdicts(verdicts, head.verdicts));
        let decay = value(entries, "decay").map_or(Some(head.decay.clone()), |decay| self.decay(decay));
        let (tags, untag) = self.tag_effects(entries);
        let points = points?;
        let (tags, untag) = (tags?, untag?);
        let gives_nothing = matches!(points, PointsOf::Fixed(fixed) if fixed == Points::ZERO);
        // Where a key was refused, what the rule does is not all known.
        let is_whole = entries.iter().all(|entry| keys::RULE.keys.contains(&entry.key.as_str()));
        if gives_nothing && tags.is_empty() && untag.is_empty() && is_whole {
            let line = self.first_line(node);
            self.sink
                .report(Code::RuleWithoutEffect, line, "this rule does nothing when it fires")
                .help("give it `points`, a `tag` or an `untag`");
        }
        let id = id?;
        let (valid_from, valid_until) = valid?;
        Some(Rule {
            key: Name::of_pair(&self.environment.plan_id, &id),
            id: Word::of(&id),
            trigger: trigger?,
            when: present(when)?,
            points,
            cap: present(cap)?,
            once_per: present(once_per)?,
            tags,
            untag,
            valid_from,
            valid_until,
            verdicts: present(verdicts)?,
            decay: decay?,
        })
    }

    /// What makes the rule look: exactly one of `on`, `idle`, `after` and `all`, with the keys that belong to it.
    fn trigger(&mut self, node: &Node, entries: &[Entry]) -> Option<Trigger> {
        let mut found = TRIGGERS.iter().filter_map(|(key, says)| Some((entry(entries, key)?, *says)));
        let Some((trigger, says)) = found.next() else {
            let line = self.first_line(node);
            self.sink
                .report(Code::RuleTrigger, line, "this rule does not say what makes it fire")
                .help("add `on: page_viewed` for an event, `idle: 30d` for a silence, `after` with `unless` for what does not follow, or `all` for several events");
            return None;
        };
        if let Some((other, says_other)) = found.next() {
            let (first, second) = (&trigger.key, &other.key);
            self.sink
                .report(
                    Code::RuleTrigger,
                    other.key_span.clone(),
                    format!("a rule has `{first}` or `{second}`, not both"),
                )
                .label(says_other)
                .related(trigger.key_span.clone(), says)
                .help("make two rules of it");
            return None;
        }
        self.misplaced_window_keys(entries);
        if trigger.key != "idle" {
            self.misplaced(entries, &IDLE_KEYS, "only rules with `idle` have it");
        }
        if trigger.key != "on" && trigger.key != "idle" {
            value(entries, "verdicts").into_iter().for_each(|verdicts| self.no_hold(verdicts));
        }
        match trigger.key.as_str() {
            "on" => Some(Trigger::Event(self.event_types(&trigger.value)?)),
            "after" => self.absence(node, entries, &trigger.value).map(Trigger::Absence),
            "all" => self.compound(node, entries, &trigger.value).map(Trigger::Compound),
            _ => self.idle(entries, &trigger.value),
        }
    }

    fn idle(&mut self, entries: &[Entry], idle: &Node) -> Option<Trigger> {
        self.misplaced(entries, &EVENT_KEYS, "only rules that events fire have it: silence has no event");
        let every = value(entries, "every").map(|every| self.duration(every));
        let times = value(entries, "times").map(|times| self.count(times, 1..=TIMES_MAX));
        if let (None, Some(times)) = (&every, entry(entries, "times")) {
            self.sink
                .report(Code::MisplacedKey, times.key_span.clone(), "`times` needs `every`")
                .help("without `every` an idle rule fires once in a silence");
        }
        let idle = self.duration(idle)?;
        let every = present(every)?;
        let times = present(times)?.unwrap_or(if every.is_some() { TIMES_DEFAULT } else { 1 });
        Some(Trigger::Idle { idle, every, times })
    }

    pub(super) fn misplaced(&mut self, entries: &[Entry], keys: &[&str], why: &str) {
        for found in keys.iter().filter_map(|key| entry(entries, key)) {
            self.sink
                .report(Code::MisplacedKey, found.key_span.clone(), format!("`{}` has no meaning here", found.key))
                .help(why);
        }
    }

    fn once_per(&mut self, node: &Node, place: Place) -> Option<OncePer> {
        let scalar = self.scalar(node, "a span of time, `ever` or a field such as `event.email_id`")?;
        match scalar.text.as_str() {
            "ever" => Some(OncePer::Ever),
            "day" | "week" | "month" => {
                self.sink
                    .report(
                        Code::BadChoice,
                        node.span.clone(),
                        format!("`once_per: {}` is not a calendar period", scalar.text),
                    )
                    .help("write a span, as in `once_per: 1d`: the rule rests so long after each firing");
                None
            }
            text if duration::looks_like_one(text) => self.duration_in_horizon(node).map(OncePer::Span),
            _ => self.key(node, place).map(OncePer::Key),
        }
    }

    /// `[from, until]`: local dates, either end open with `null`.
    fn valid(&mut self, node: &Node, zone: &TimeZone) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
        const EXAMPLE: &str = "write `valid: [2026-05-01, 2026-06-01]`: from the first day on, and before the second; `null` leaves an end open";
        let items = self.list(node, "a list of two dates", EXAMPLE)?;
        let [from_node, until_node] = items else {
            self.wrong_kind(node, "a list of two dates", EXAMPLE);
            return None;
        };
        let (from, until) = (self.date(from_node, zone), self.date(until_node, zone));
        let (from, until) = (from?, until?);
        if let (Some(first), Some(last)) = (from, until)
            && first >= last
        {
            self.sink
                .report(Code::BadDate, until_node.span.clone(), "the rule ends before it begins")
                .label("until")
                .related(from_node.span.clone(), "from")
                .help("write the earlier date first; the second is the first day on which the rule no longer counts");
            return None;
        }
        Some((from, until))
    }

    fn date(&mut self, node: &Node, zone: &TimeZone) -> Option<Option<Timestamp>> {
        if matches!(&node.content, Content::Scalar(scalar) if scalar.is_null()) {
            return Some(None);
        }
        let text = &self.scalar(node, "a date such as `2026-05-01`")?.text;
        let date = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
        let instant = date.and_then(|date| date.to_zoned(zone.clone()).ok());
        let instant = instant.map(|zoned| Timestamp::from_millis(zoned.timestamp().as_millisecond()));
        match instant.filter(|instant| instant.is_plausible()) {
            Some(instant) => Some(Some(instant)),
            None => {
                self.sink
                    .report(Code::BadDate, node.span.clone(), format!("`{text}` is not a date"))
                    .help("write year, month and day: `2026-05-01`; it begins at midnight in the plan's `time_zone`");
                None
            }
        }
    }
}
