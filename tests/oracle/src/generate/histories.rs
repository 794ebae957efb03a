//! Histories: events at clustered instants, late ones, copies with equal and other content, and the clock.
//!
//! Invariant: every command has the instant at which it arrives; commands come in that order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use crate::case::Command;
use crate::event::{Kind, OracleEvent, Scalar, Verdict};
use crate::generate::{Groups, START_MS};
use crate::limits::DAY_MS;

/// A command and when it arrives.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    arrives: i64,
    command: Command,
}

impl Timed {
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}

/// Instants at days, half days and a millisecond beside them, and at the local midnights of Warsaw.
pub(crate) fn instant() -> impl Strategy<Value = i64> {
    const HOUR_MS: i64 = 3_600_000;
    let beside = select(&[0, 0, 0, 0, 0, 1, -1, DAY_MS / 2, DAY_MS / 2, 22 * HOUR_MS, 23 * HOUR_MS, 23 * HOUR_MS - 1]);
    (0..14_i64, beside).prop_map(|(day, beside)| START_MS + day * DAY_MS + beside)
}

/// Commands in the order of their arrival.
pub(crate) fn history(events_max: usize, disorder: bool, groups: Groups) -> BoxedStrategy<Vec<Timed>> {
    let delay = if disorder {
        prop_oneof![5 => Just(0), 1 => select(&[1, DAY_MS / 2, DAY_MS, 3 * DAY_MS, 30 * DAY_MS])].boxed()
    } else {
        Just(0).boxed()
    };
    let events = proptest::collection::vec((event(groups), delay.clone()), 1..=events_max);
    let copies_max = if disorder { 4 } else { 0 };
    let copies = proptest::collection::vec((any::<prop::sample::Index>(), change(), delay), 0..=copies_max);
    let clocks = proptest::collection::vec((instant(), select(&[0, DAY_MS, 40 * DAY_MS])), 0..4);
    (events, copies, clocks)
        .prop_map(|(events, copies, clocks)| {
            let mut sent = Vec::new();
            for (number, (mut event, delay)) in events.into_iter().enumerate() {
                event.id = format!("e{number}");
                sent.push((event, delay));
            }
            for (index, change, delay) in copies {
                let (original, _) = index.get(&sent);
                let copy = change.apply(original.clone());
                sent.push((copy, delay));
            }
            let events = sent
                .into_iter()
                .map(|(event, delay)| Timed { arrives: event.time + delay, command: Command::Event(event) });
            let clocks = clocks
                .into_iter()
                .map(|(instant, beyond)| Timed { arrives: instant, command: Command::Clock(instant + beyond) });
            let mut all: Vec<Timed> = events.chain(clocks).collect();
            all.sort_by_key(|timed| timed.arrives);
            all
        })
        .boxed()
}

/// How a copy differs from its original.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Earlier,
    Later,
    Value,
    Verdict,
}

impl Change {
    fn apply(self, mut event: OracleEvent) -> OracleEvent {
        match self {
            Change::Nothing => {}
            Change::Earlier => event.time -= DAY_MS,
            Change::Later => event.time += DAY_MS,
            // Tag changes and attribute updates keep their content: their spelling as properties is the oracle's own.
            Change::Value if event.kind == Kind::Interaction => {
                event.properties.insert("value".to_owned(), Scalar::Number(9.0));
            }
            Change::Value => {}
            Change::Verdict => event.verdict = Verdict::Suspect,
        }
        event
    }
}

fn change() -> impl Strategy<Value = Change> {
    select(&[Change::Nothing, Change::Earlier, Change::Later, Change::Value, Change::Verdict])
}

fn event(groups: Groups) -> BoxedStrategy<OracleEvent> {
    let usual = prop_oneof![8 => interaction(), 2 => attributes(), 1 => tags()].boxed();
    let (commands, verdicts) = (u32::from(groups.commands), u32::from(groups.verdicts));
    if commands + verdicts == 0 {
        return usual;
    }
    prop_oneof![6 => usual, 2 * commands => adjustment(), commands => feedback(), 2 * verdicts => verdict()].boxed()
}

/// An event whose properties are all texts but for one of points.
fn command(time: i64, kind: Kind, texts: &[(&str, Option<&str>)], points: Option<(&str, f64)>) -> OracleEvent {
    let event_type = match kind {
        Kind::Adjust => "adjust",
        Kind::Verdict => "verdict",
        _ => "feedback",
    };
    let mut event = blank(time, event_type, kind);
    for (name, text) in texts {
        event.properties.extend(text.map(|text| ((*name).to_owned(), Scalar::from(text))));
    }
    event.properties.extend(points.map(|(name, points)| (name.to_owned(), Scalar::Number(points))));
    event
}

/// A verdict on one of the first events, which may be a verdict itself or come later.
fn verdict() -> BoxedStrategy<OracleEvent> {
    let target = select(&["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"]);
    let verdict = select(&["human", "suspect", "machine", "machine", "unsure"]);
    (instant(), target, verdict)
        .prop_map(|(time, target, verdict)| {
            let texts = [("source", Some("web")), ("id", Some(target)), ("verdict", Some(verdict))];
            command(time, Kind::Verdict, &texts, None)
        })
        .boxed()
}

fn adjustment() -> BoxedStrategy<OracleEvent> {
    let plan = select(&[Some("a"), Some("a"), Some("a"), Some("b"), Some("c"), None]);
    let points = select(&[("add", 10.0), ("add", 33.333), ("add", -20.0), ("set", 0.0), ("set", 25.0), ("set", -5.0)]);
    let decay = select(&[None, None, Some("none")]);
    (instant(), plan, points, decay)
        .prop_map(|(time, plan, points, decay)| {
            command(time, Kind::Adjust, &[("plan", plan), ("decay", decay), ("author", Some("ola"))], Some(points))
        })
        .boxed()
}

fn feedback() -> BoxedStrategy<OracleEvent> {
    let outcome = select(&["won", "lost", "rejected", "rejected", "unheard"]);
    (instant(), outcome, select(&[None, None, Some("a"), Some("b")]))
        .prop_map(|(time, outcome, plan)| {
            command(time, Kind::Feedback, &[("outcome", Some(outcome)), ("plan", plan)], None)
        })
        .boxed()
}

fn blank(time: i64, event_type: &str, kind: Kind) -> OracleEvent {
    OracleEvent { kind, ..OracleEvent::new("", time, event_type) }
}

fn interaction() -> BoxedStrategy<OracleEvent> {
    let types =
        select(&["page_viewed", "page_viewed", "form_submitted", "email_opened", "order_completed", "email_delivered"]);
    let verdict = prop_oneof![6 => Just(Verdict::Human), 1 => Just(Verdict::Suspect), 1 => Just(Verdict::Machine)];
    // Rarely the event claims to be from after its receipt.
    let received = prop_oneof![
        12 => Just(None),
        1 => Just(Some(-1_000)),
        1 => Just(Some(-300_000)),
        1 => Just(Some(-300_001)),
    ];
    (types, instant(), verdict, received, properties())
        .prop_map(|(event_type, time, verdict, received, properties)| OracleEvent {
            verdict,
            received: received.map(|offset| time + offset),
            properties,
            ..blank(time, event_type, Kind::Interaction)
        })
        .boxed()
}

fn properties() -> impl Strategy<Value = BTreeMap<String, Scalar>> {
    let maybe = |name: &'static str, values: BoxedStrategy<Scalar>| {
        proptest::option::of(values).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    let texts = |texts: &'static [&'static str]| select(texts).prop_map(Scalar::from).boxed();
    let numbers = select(&[100.0, 250.0, 1.0005, 0.0, -40.0, 49.5, 1e7]).prop_map(Scalar::Number).boxed();
    (
        maybe("path", texts(&["/shoes/red", "/jackets/blue", "/pricing", ""])),
        maybe("value", numbers),
        maybe("email_id", texts(&["m1", "m2", "m3"])),
        maybe("phone", texts(&["555", ""])),
    )
        .prop_map(|(path, value, email_id, phone)| [path, value, email_id, phone].into_iter().flatten().collect())
}

fn attributes() -> BoxedStrategy<OracleEvent> {
    let update = prop_oneof![
        select(&[29.0, 30.0, 49.0, 50.0]).prop_map(|age| ("age", Scalar::Number(age))),
        select(&["Brno", "Praha", "Wien", ""]).prop_map(|city| ("city", Scalar::from(city))),
        select(&[Scalar::Bool(true), Scalar::Bool(true), Scalar::Bool(false), Scalar::Null])
            .prop_map(|consent| ("consent", consent)),
    ];
    (instant(), proptest::collection::vec(update, 1..3))
        .prop_map(|(time, updates)| OracleEvent {
            properties: updates.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            ..blank(time, "attributes", Kind::Attributes)
        })
        .boxed()
}

fn tags() -> BoxedStrategy<OracleEvent> {
    let value = select(&[Scalar::Bool(true), Scalar::Bool(true), Scalar::Bool(false), Scalar::Number(5.0)]);
    (instant(), select(&["member", "vip"]), value)
        .prop_map(|(time, tag, value)| OracleEvent {
            properties: BTreeMap::from([(tag.to_owned(), value)]),
            ..blank(time, "tags", Kind::Tags)
        })
        .boxed()
}
