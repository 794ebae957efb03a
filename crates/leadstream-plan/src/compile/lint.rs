//! What a sound plan says that its author probably did not mean: rules that fire together, rules that never fire, caps and limits that nothing meets.
//!
//! Runs over plans without errors, with the tree beside them for the places. Warns only of what it can prove from the plan alone, so that a
//! warning is worth reading; each warning names both places where two things do not go together.

use leadstream_core::event::Term;
use leadstream_core::expr::{Expr, Literal};
use leadstream_core::plan::{Cap, CapPeriod, OncePer, Plan, PointsOf, Rule, Trigger, VerdictPolicy};
use leadstream_core::points::Points;
use leadstream_core::time::Span as Duration;

use super::Compiler;
use super::contradiction::{implies, never_all_true};
use super::keys::value;
use super::reach::Reach;
use crate::code::Code;
use crate::yaml::{Content, Entry, Node};

/// How many rules before a rule are held against it: rules that belong together stand together, and long plans shall be checked in no time.
const NEIGHBOURS: usize = 64;

/// The most pairs of a plan that are warned of.
const PAIRS_MAX: usize = 100;

/// An hour: days of calendars are up to so much longer than others where clocks are changed.
const HOUR_MS: i64 = 3_600_000;

/// A rule with its place in the file.
type Placed<'p> = (&'p Rule, &'p [Entry]);

impl Compiler<'_> {
    /// Warns of what a plan without errors says in vain.
    pub(super) fn lint(&mut self, entries: &[Entry], plan: &Plan, reach: &Reach) {
        let rules: Vec<Placed<'_>> = match value(entries, "rules").map(|node| &node.content) {
            Some(Content::Sequence(items)) => plan.rules.iter().zip(items.iter().filter_map(mapping)).collect(),
            _ => Vec::new(),
        };
        for (rule, entries) in &rules {
            self.lint_types(rule, entries);
            self.lint_verdicts(rule, entries);
            self.lint_cap(rule, entries);
        }
        self.lint_pairs(&rules);
        self.lint_limits(entries, reach);
    }

    /// A condition on `event.type` that none of the types of `on` fulfils.
    fn lint_types(&mut self, rule: &Rule, entries: &[Entry]) {
        let (Some(when), Trigger::Event(types)) = (&rule.when, &rule.trigger) else { return };
        let types: Vec<Literal> = types.iter().map(|term| Literal::Text(term.as_str().into())).collect();
        let is_one = Expr::InList(Box::new(Expr::EventType), types.into());
        // Where the condition contradicts itself that was said.
        if never_all_true(&[when, &is_one]) && !never_all_true(&[when]) {
            let (when, on) = (span_of(entries, "when"), span_of(entries, "on"));
            self.sink
                .report(
                    Code::NeverTrue,
                    when,
                    format!("the rule `{}` never fires: this is never true for its events", rule.id),
                )
                .related(on, "its events")
                .help("ask for a type that stands in `on`, or take the question out");
        }
    }

    fn lint_verdicts(&mut self, rule: &Rule, entries: &[Entry]) {
        let Some(verdicts) = rule.verdicts else { return };
        let ignored =
            [verdicts.machine, verdicts.suspect, verdicts.human].map(|policy| policy == VerdictPolicy::Ignore);
        if ignored == [true; 3] {
            let message =
                format!("the rule `{}` never fires: it ignores the events of machines and of people", rule.id);
            self.sink
                .report(Code::NeverTrue, span_of(entries, "verdicts"), message)
                .help("let one of `human`, `suspect` and `machine` count, or take the rule out");
        }
    }

    /// A cap over a period in which the rule cannot fire often enough to meet it.
    fn lint_cap(&mut self, rule: &Rule, entries: &[Entry]) {
        let (Some(cap), PointsOf::Fixed(fixed)) = (rule.cap, &rule.points) else { return };
        // A cap of each award by itself was looked at where it was read.
        let Some(times) = most_firings(rule, cap).filter(|_| cap.period != CapPeriod::Award) else { return };
        let total = fixed.thousandths().abs().saturating_mul(times);
        if total > cap.points.thousandths() {
            return;
        }
        let points = value(entries, "cap").and_then(mapping).map_or(0..0, |cap| span_of(cap, "points"));
        let (often, total) =
            (if times == 1 { "once".to_owned() } else { format!("{times} times") }, Points::from_thousandths(total));
        let message = format!(
            "the rule `{}` never meets this cap: it fires at most {often} in its period, for {total} points",
            rule.id
        );
        let rests = if rule.once_per.is_some() { span_of(entries, "once_per") } else { span_of(entries, "idle") };
        self.sink
            .report(Code::CapWithoutEffect, points, message)
            .related(rests, "how often it fires")
            .help(format!("take the cap out, or set it below {total}"));
    }

    /// Two rules of which one fires wherever the other does.
    fn lint_pairs(&mut self, rules: &[Placed<'_>]) {
        let mut told = 0;
        for (place, later) in rules.iter().enumerate() {
            let before = &rules[place.saturating_sub(NEIGHBOURS)..place];
            let Some((narrow, wide)) = before.iter().find_map(|earlier| overlap(earlier, later)) else { continue };
            self.tell_pair(narrow, wide);
            told += 1;
            if told == PAIRS_MAX {
                return;
            }
        }
    }

    fn tell_pair(&mut self, (narrow, narrow_entries): Placed<'_>, (wide, wide_entries): Placed<'_>) {
        let points = |rule: &Rule| if let PointsOf::Fixed(points) = rule.points { points } else { Points::ZERO };
        let (one, other) = (points(narrow), points(wide));
        let is_same = covers(narrow, wide);
        let message = if is_same {
            format!("the rules `{}` and `{}` fire for the same events, {one} and {other} points", wide.id, narrow.id)
        } else {
            format!("whatever fires the rule `{}` fires `{}` too, {one} and {other} points", narrow.id, wide.id)
        };
        let help = if is_same {
            "keep one of the two, or say by `when` what sets them apart"
        } else {
            "if only one of them is meant, take what the one asks for out of the other by `&& !(..)`; if both are, nothing is wrong"
        };
        let place = |entries: &[Entry]| {
            if value(entries, "when").is_some() { span_of(entries, "when") } else { span_of(entries, "on") }
        };
        self.sink
            .report(Code::OverlappingRules, place(narrow_entries), message)
            .label(if is_same { "the same here" } else { "fires for some" })
            .related(place(wide_entries), if is_same { "here" } else { "fires for all of these" })
            .help(help);
    }

    /// A floor or ceiling beyond what all rules together can give or take.
    fn lint_limits(&mut self, entries: &[Entry], reach: &Reach) {
        let Some(limits) = value(entries, "limits").and_then(mapping) else { return };
        let (most, least) = (reach.most_of_rules(), reach.least_of_rules());
        if let (Some(ceiling), Some(most)) = (reach.ceiling, most)
            && most < ceiling
        {
            self.sink
                .report(
                    Code::CapWithoutEffect,
                    span_of(limits, "ceiling"),
                    format!("the ceiling {ceiling} is never met: all rules together give at most {most}"),
                )
                .help("lower it, or take it out; only points that are given by hand go beyond the rules");
        }
        if let (Some(floor), Some(least)) = (reach.floor, least)
            && least > floor
        {
            self.sink
                .report(
                    Code::CapWithoutEffect,
                    span_of(limits, "floor"),
                    format!("the floor {floor} is never met: all rules together take no score below {least}"),
                )
                .help("raise it, or take it out; only points that are taken by hand go beyond the rules");
        }
    }
}

fn mapping(node: &Node) -> Option<&[Entry]> {
    if let Content::Mapping(entries) = &node.content { Some(entries) } else { None }
}

fn span_of(entries: &[Entry], key: &str) -> crate::yaml::Span {
    value(entries, key).map_or(0..0, |node| node.span.clone())
}

/// How often a rule can fire in the period of its cap; `None` where nothing bounds it.
fn most_firings(rule: &Rule, cap: Cap) -> Option<i64> {
    let rest = match (&rule.once_per, &rule.trigger) {
        (Some(OncePer::Ever), _) => return Some(1),
        (Some(OncePer::Span(rest)), _) => *rest,
        // A new silence begins with something that happens, and lasts as long as the first.
        (None, Trigger::Idle { idle, every, .. }) => every.map_or(*idle, |every| every.min(*idle)),
        _ => return None,
    };
    let period = match cap.period {
        CapPeriod::Day => Duration::from_millis(Duration::days(1).millis() + HOUR_MS),
        CapPeriod::Week => Duration::from_millis(Duration::days(7).millis() + HOUR_MS),
        CapPeriod::Month => Duration::from_millis(Duration::days(31).millis() + HOUR_MS),
        CapPeriod::Rolling(span) => span,
        CapPeriod::Award => return Some(1),
        CapPeriod::Ever => return None,
    };
    // So many firings lie in a period that is open at its beginning: the first at once, then one after each rest.
    (rest.millis() > 0).then(|| (period.millis() + rest.millis() - 1) / rest.millis())
}

/// Two rules that give points of one sign, the one that fires for fewer events first.
fn overlap<'p>(earlier: &Placed<'p>, later: &Placed<'p>) -> Option<(Placed<'p>, Placed<'p>)> {
    let (first, second) = (earlier.0, later.0);
    let (PointsOf::Fixed(one), PointsOf::Fixed(other)) = (&first.points, &second.points) else { return None };
    if one.thousandths().signum() * other.thousandths().signum() != 1 || !overlap_in_time(first, second) {
        return None;
    }
    match (covers(first, second), covers(second, first)) {
        // Each event by itself, and the first of them besides, is a common plan.
        (true, true) if same_rest(&first.once_per, &second.once_per) => Some((*later, *earlier)),
        (true, true) | (false, false) => None,
        // An extra for some of what every event of the type is worth is as common: only rules that both ask for something are told.
        (true, false) => first.when.is_some().then_some((*later, *earlier)),
        (false, true) => second.when.is_some().then_some((*earlier, *later)),
    }
}

/// Whether the first rule fires for every event that fires the second.
fn covers(wide: &Rule, narrow: &Rule) -> bool {
    let (Trigger::Event(all), Trigger::Event(some)) = (&wide.trigger, &narrow.trigger) else { return false };
    let has = |term: &Term| all.iter().any(|known| known.as_str() == term.as_str());
    some.iter().all(has)
        && match (&wide.when, &narrow.when) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => implies(narrow, wide) && !never_all_true(&[narrow]),
        }
}

fn overlap_in_time(first: &Rule, second: &Rule) -> bool {
    let begins_before_end = |one: &Rule, other: &Rule| match (one.valid_from, other.valid_until) {
        (Some(from), Some(until)) => from < until,
        _ => true,
    };
    begins_before_end(first, second) && begins_before_end(second, first)
}

fn same_rest(one: &Option<OncePer>, other: &Option<OncePer>) -> bool {
    match (one, other) {
        (None, None) | (Some(OncePer::Ever), Some(OncePer::Ever)) => true,
        (Some(OncePer::Span(one)), Some(OncePer::Span(other))) => one == other,
        (Some(OncePer::Key(one)), Some(OncePer::Key(other))) => one == other,
        _ => false,
    }
}
