//! Stored bytes of contacts stay readable: golden files of version 1, made once by the fold and never again.
//!
//! `LEADSTREAM_WRITE_GOLDEN=1` writes the files that do not exist yet. A later fold may give other contacts; these files are read all the same.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::sync::Arc;

use leadstream_core::contact::{Cause, Contact, Level, Savepoint, SubjectId};
use leadstream_core::plan::PlanSet;
use leadstream_core::{Event, EventKind, Fold, HistoryLimits, Past, Points, Timeline, Timestamp, Uid, Value, Verdict};
use leadstream_fold_tests::image_of;
use leadstream_wire::stored::contact::{apply_change, put_change, read_image};
use leadstream_wire::stored::redo::{RedoContent, RedoHead, RedoPacker, RedoRecord};

const HOUR_MS: i64 = 3_600_000;

/// As [`PLAN`], with every kind of decay.
const DECAYING: &str = r#"
plan: shoes
decay: { half_life: 30d }
rules:
  - { id: visit,  on: page_viewed, points: 10, decay: none }
  - { id: opened, on: email_opened, points: 5, tags: [{ tag: mail, points: 3 }] }
  - { id: bought, on: order_completed, points: 'event.value / 10', decay: { linear: 300d }, tag: buyer }
  - { id: often,  on: page_viewed, points: 1, decay: { step: [[10d, 50], [300d, 12.5]] } }
qualify: { at: 400, when: contact.consent }
pipeline: { by: engagement, stages: [ { name: lead }, { name: keen, enter: 50 } ] }
"#;

/// As [`PLAN`], with every level that follows scores, and feedback.
const STANDING: &str = r#"
plan: shoes
decay: { half_life: 30d }
rules:
  - { id: visit,  on: page_viewed, points: 10 }
  - { id: opened, on: email_opened, points: 5 }
  - { id: bought, on: order_completed, points: 'event.value / 10', decay: none }
fit:
  - { id: city, when: 'contact.city == "Łódź"', points: 7 }
qualify: { at: 30, release: 20 }
pipeline: { by: engagement, stages: [ { name: lead }, { name: keen, enter: 20, leave_below: 5 }, { name: customer, final: true } ] }
bands: { warm: 20, hot: 60, margin: 5 }
grade: { fit: { A: 7 }, engagement: { 1: 60, 2: 30 } }
route: { to: [anna, piotr, "Zoë Ł"] }
actions: [ { id: offer, at: 25, release: 20, rearm: on_release, emit: mail }, { id: call, at: 50 } ]
feedback: { recycle: keep, outcomes: { won: customer, rejected: keen } }
"#;

/// As [`PLAN`], with something of every kind that waits.
const WAITING: &str = r#"
plan: shoes
verdicts: { suspect: { hold: 100d, key: path } }
decay: { half_life: 30d }
rules:
  - { id: visit,   on: page_viewed, points: 10, tags: [seen, { tag: own, points: 2 }], untag: gone, once_per: 1h }
  - { id: unread,  after: email_opened, unless: email_clicked, matching: email_id, within: 300d, points: -5, cap: { points: 9, per: day }, once_per: event.email_id }
  - { id: lull,    after: page_viewed, unless: page_viewed, within: 20h, points: -1, decay: none, tag: slow, once_per: ever }
  - { id: rolling, after: order_completed, unless: order_refunded, within: 300d, points: 'event.value / 10', cap: { points: 50, per: 30d } }
  - { id: order,   on: order_completed, points: 4, tag: buyer, verdicts: { human: { hold: 300d, key: gift } } }
  - { id: both,    all: [email_opened, order_refunded], matching: email_id, within: 300d, points: 3 }
  - { id: steps,   all: [page_viewed, order_completed, order_refunded], in_order: true, within: 200d, points: 7 }
"#;

const PLAN: &str = r#"
plan: shoes
verdicts: { suspect: { weight: 0.5 } }
rules:
  - { id: visit,  on: page_viewed, points: 10, cap: { points: 35, per: day } }
  - { id: week,   on: page_viewed, points: 2, cap: { points: 5, per: 7d } }
  - { id: opened, on: email_opened, points: 5, once_per: event.email_id, tags: [{ tag: mail, points: 3 }] }
  - { id: once,   on: order_completed, points: 'event.value / 10', once_per: 30d, tag: buyer }
  - { id: often,  on: page_viewed, when: 'count("page_viewed", "/shoes/", "30d") >= 2', points: 1 }
  - { id: away,   idle: 10d, every: 10d, points: -1 }
fit:
  - { id: city, when: 'contact.city == "Łódź"', points: 7 }
limits: { floor: 0, ceiling: 150 }
qualify: { at: 60, release: 40, cooldown: 1d }
pipeline: { stages: [{ name: lead }, { name: keen, enter: 30, leave_below: 10 }, { name: sales, enter: 60 }] }
"#;

fn event(event_type: &str, number: i64, properties: &[(&str, Value<'_>)]) -> Event {
    let mut event = Event { contact: "c1".into(), uid: Uid::of("s", &number.to_string()), ..Event::default() };
    event.time = Timestamp::from_millis(1_700_000_000_000 + number * HOUR_MS);
    event.event_type.set(event_type);
    event.source.set("web");
    properties.iter().for_each(|(name, value)| event.properties.set(name, *value));
    event
}

/// A history that fills every part of a contact; the first rows have left for the base.
fn history() -> Vec<Event> {
    let mut attributes = event("contact_updated", 0, &[("city", Value::Text("Łódź")), ("age", Value::Number(41.5))]);
    attributes.properties.set("consent", Value::Bool(true));
    attributes.kind = EventKind::Attributes;
    let page =
        |number| event("page_viewed", number, &[("path", Value::Text("/shoes/a")), ("ms", Value::Number(-12.25))]);
    let mail = |number, id| event("email_opened", number, &[("email_id", Value::Text(id))]);
    let mut events = vec![attributes, page(1), page(2), mail(3, "m1"), page(4), mail(5, "m2"), mail(6, "m1"), page(40)];
    events.push(event("order_completed", 41, &[("value", Value::Number(320.0)), ("gift", Value::Bool(false))]));
    let mut suspect = page(42);
    suspect.verdict = Verdict::Suspect;
    suspect.clamped = true;
    events.extend([suspect, page(600), page(601)]);
    events
}

/// The same with verdicts on its events, of which some have left for the base before the end, and one leaves at the end.
fn judged_history() -> Vec<Event> {
    let judging = |number: i64, hours: i64, verdict| {
        let (source, id) = (("source", Value::Text("s")), number.to_string());
        let properties = [source, ("id", Value::Text(&id)), ("verdict", Value::Text(verdict))];
        let mut judging = event("verdict", hours, &properties);
        judging.uid = Uid::of("crm", &hours.to_string());
        judging.kind = EventKind::Verdict;
        judging
    };
    let mut events = history();
    events.extend([judging(600, 7, "machine"), judging(42, 43, "human"), judging(5, 2, "machine")]);
    events.sort_by_key(|event| (event.time, event.uid));
    events
}

/// As [`history`], with what people say by command, in the rows that left and in those that stay.
fn history_with_commands() -> Vec<Event> {
    let command = |kind, event_type, number, properties: &[(&str, Value<'_>)]| {
        let mut event = event(event_type, number, properties);
        event.kind = kind;
        event
    };
    let mut events = history();
    let plan = ("plan", Value::Text("shoes"));
    let set = [plan, ("set", Value::Number(33.5)), ("decay", Value::Text("none")), ("author", Value::Text("anna"))];
    events.insert(6, command(EventKind::Adjust, "adjust", 5, &set));
    events.insert(6, command(EventKind::Feedback, "feedback", 5, &[("outcome", Value::Text("rejected"))]));
    let at = events.len() - 2;
    events.insert(at, command(EventKind::Adjust, "adjust", 500, &[plan, ("add", Value::Number(2.0))]));
    events.insert(at + 1, command(EventKind::Feedback, "feedback", 501, &[("outcome", Value::Text("won")), plan]));
    events
}

/// The image before the last two events, the redo record of them, and the image after; then the redo record of a late event, and the image after that.
fn made_by_the_fold(plan: &str, events: &[Event]) -> [Vec<u8>; 5] {
    let compiled = leadstream_plan::compile("p.yaml", plan, &leadstream_plan::Options::default());
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    let limits = HistoryLimits { rows: 6, ..HistoryLimits::default() };
    let mut fold = Fold::new(Timeline::new(Arc::new(PlanSet::new(vec![plan]))), limits);
    let (mut contact, mut out) = (Contact::new("c1"), Vec::new());
    let (before, after) = events.split_at(events.len() - 2);
    for event in before {
        fold.apply(&mut contact, event, event.time, &mut out);
    }
    let image = image_of(&contact);
    let savepoint = contact.savepoint();
    for event in after {
        fold.apply(&mut contact, event, event.time, &mut out);
    }
    let redo = redo_of(&contact, &savepoint);
    let after = image_of(&contact);
    let mut savepoint = contact.savepoint();
    let late = event("email_opened", 450, &[("email_id", Value::Text("m3"))]);
    let sight = fold.look(&contact, &late, Timestamp::MIN);
    let Past::From(rows) = sight.past() else { panic!("the event is late: {sight:?}") };
    savepoint.reach_back(&contact, rows);
    fold.take(&mut contact, &late, sight, late.time, &mut out);
    [image, redo, after, redo_of(&contact, &savepoint), image_of(&contact)]
}

fn redo_of(contact: &Contact, savepoint: &Savepoint) -> Vec<u8> {
    let mut packer = RedoPacker::new(1 << 20);
    packer.push_change("c1", |words, bytes| put_change(contact, savepoint, words, bytes));
    let (clock, plan_sets, offsets) = (Timestamp::MIN, Vec::new(), Vec::new());
    let head = RedoHead { epoch: 2, writer: 7, low: 1, clock, plans: [1; 16], plan_sets, offsets };
    let mut redo = Vec::new();
    let keep = |record: &[u8]| {
        redo.extend_from_slice(record);
        Ok::<(), ()>(())
    };
    packer.records(&head, keep).unwrap();
    redo
}

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The golden files of a contact, by its name and the plan that made it.
fn golden(contact: &str, plan: &str) -> [Vec<u8>; 5] {
    let events = match contact {
        "judged" => judged_history(),
        "standing" => history_with_commands(),
        _ => history(),
    };
    let path = |name: &str| -> PathBuf { package().join("tests/golden/v1").join(name) };
    let names = ["before", "redo", "after", "late-redo", "late"];
    let paths = names.map(|name| path(&format!("{contact}-{name}.bin")));
    if std::env::var_os("LEADSTREAM_WRITE_GOLDEN").is_some() {
        for (path, bytes) in paths.iter().zip(made_by_the_fold(plan, &events)).filter(|(path, _)| !path.exists()) {
            std::fs::write(path, bytes).unwrap();
        }
    }
    paths.map(|path| std::fs::read(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display())))
}

#[test]
fn a_contact_of_version_1_is_read_and_written_to_the_byte() {
    let [before, _, after, _, late] = golden("contact", PLAN);
    [&before, &after, &late].into_iter().for_each(|bytes| is_read_and_written(bytes));
    let contact = read_image("c1", &after).unwrap();
    let (state, plan) = (&contact.state, &contact.state.plans[0]);
    assert_eq!((contact.rows.len(), contact.base.is_some(), &*plan.plan), (6, true, "shoes"));
    assert_eq!(contact.rows.event_type(5).as_str(), "page_viewed");
    let booked: Points = contact.ledger.as_slice().iter().map(|booked| booked.applied).sum();
    assert!(booked != Points::ZERO && state.booked > contact.ledger.len() as u64);
    assert_eq!((state.attributes.len(), plan.fit), (3, Points::from_thousandths(7_000)));
    assert_eq!(state.tags.iter().map(|tag| &*tag.tag).collect::<Vec<_>>(), ["buyer", "mail"]);
    let stage = plan.stage.as_ref().unwrap();
    let told = contact.announced.subject(&SubjectId::Stage(plan.plan)).unwrap();
    assert_eq!((told.level.clone(), told.n > 0), (Level::Stage(stage.stage), true));
    assert!(!state.once.is_empty() && !state.rolling.is_empty() && !state.rules.is_empty() && !state.facts.is_empty());
}

#[test]
fn changes_of_version_1_lead_from_one_contact_to_the_next() {
    let contacts =
        [("contact", PLAN), ("decaying", DECAYING), ("waiting", WAITING), ("judged", PLAN), ("standing", STANDING)];
    for (contact, plan) in contacts {
        let [before, redo, after, late_redo, late] = golden(contact, plan);
        leads_from(&before, &redo, &after);
        leads_from(&after, &late_redo, &late);
    }
    let [_, redo, after, ..] = golden("contact", PLAN);
    let record = RedoRecord::read(&redo).unwrap();
    let RedoContent::Change(body) = record.entries[0].content else { panic!("a change") };
    let mut other = read_image("c1", &after).unwrap();
    assert!(apply_change(&mut other, body, &record.words).is_err(), "a change fits only what it was made from");
}

#[test]
fn a_contact_whose_points_decay_is_read_and_written_to_the_byte_too_s20() {
    let [before, _, after, _, late] = golden("decaying", DECAYING);
    [&before, &after, &late].into_iter().for_each(|bytes| is_read_and_written(bytes));
    let contact = read_image("c1", &after).unwrap();
    let base = contact.base.as_ref().unwrap();
    for (state, groups) in [(&contact.state, 3), (&base.state, 2)] {
        assert_eq!(state.plans[0].engagement.groups().len(), groups, "half-lives, steps and, of the order, a line");
        assert!(state.tags.iter().any(|tag| !tag.points.groups().is_empty()));
    }
    assert!(contact.state.plans[0].qualify.allowed);
}

#[test]
fn a_contact_that_waits_is_read_and_written_to_the_byte_too_s13_s15_s56() {
    let [before, _, after, _, late] = golden("waiting", WAITING);
    [&before, &after, &late].into_iter().for_each(|bytes| is_read_and_written(bytes));
    let contact = read_image("c1", &after).unwrap();
    let base = &contact.base.as_ref().unwrap().state.waiting;
    for waiting in [&contact.state.waiting, base] {
        assert!(!waiting.windows().is_empty() && waiting.gathered().len() > 1);
    }
    let waiting = &contact.state.waiting;
    assert_eq!((waiting.holds().len(), &*waiting.holds()[0].property), (1, "gift"));
    assert!(waiting.gathered().iter().any(|gathered| gathered.instants[0].len() > 1));
    let causes = |is: fn(Cause) -> bool| contact.ledger.as_slice().iter().any(|booked| is(booked.cause));
    assert!(causes(|cause| matches!(cause, Cause::Window(_))) && causes(|cause| matches!(cause, Cause::Held(_))));
}

#[test]
fn a_contact_whose_events_were_judged_is_read_and_written_to_the_byte_too_s56() {
    let [before, _, after, _, late] = golden("judged", PLAN);
    [&before, &after, &late].into_iter().for_each(|bytes| is_read_and_written(bytes));
    let verdicts = |bytes| read_image("c1", bytes).unwrap().base.as_ref().unwrap().verdicts.len();
    assert_eq!((verdicts(&before), verdicts(&after)), (1, 2));
    let judged = read_image("c1", &after).unwrap().judged;
    assert_eq!(judged.verdict(Uid::of("s", "600"), Verdict::Human), Verdict::Machine);
    assert_eq!(judged.verdict(Uid::of("s", "42"), Verdict::Suspect), Verdict::Human);
}

#[test]
fn a_contact_with_levels_that_follow_scores_is_read_and_written_to_the_byte_too_s27_s28_s34_s35_s38() {
    let [before, _, after, _, late] = golden("standing", STANDING);
    [&before, &after, &late].into_iter().for_each(|bytes| is_read_and_written(bytes));
    let contact = read_image("c1", &before).unwrap();
    let base = contact.base.as_ref().unwrap().state.plans[0].standing.clone().unwrap();
    let plan = &contact.state.plans[0];
    let standing = plan.standing.clone().unwrap();
    assert!(base.owner.since.is_some() && base.actions.iter().any(|action| action.spent));
    assert_eq!((standing.actions.len(), standing.feedback.unwrap().barred), (2, true));
    assert!(standing.band.name.is_some() && standing.grade.name.is_some());
    let stage = plan.stage.as_ref().unwrap();
    assert_eq!((stage.stage.as_str(), stage.by_feedback), ("customer", true));
    let told = |subject| contact.announced.subject(&subject).unwrap().level.clone();
    assert_eq!(told(SubjectId::Band(plan.plan)), Level::named(standing.band.name));
    assert_eq!(told(SubjectId::Grade(plan.plan)), Level::named(standing.grade.name));
    assert_eq!(told(SubjectId::Route(plan.plan)), Level::None);
    assert!(matches!(told(SubjectId::Action(plan.plan, "offer".into())), Level::Count(count) if count > 0));
    let rules: Vec<&str> = contact.rules.iter().map(|rule| rule.rule.as_str()).collect();
    assert!(rules.iter().filter(|rule| **rule == "#adjust").count() == 2, "with decay and without: {rules:?}");
    assert!(contact.rows.as_slice().iter().any(|row| row.kind() == EventKind::Feedback));
}

/// An image is read, written to the byte, and refused where any part of it is missing.
fn is_read_and_written(bytes: &[u8]) {
    assert_eq!(image_of(&read_image("c1", bytes).unwrap()), bytes);
    for length in 0..bytes.len() {
        assert!(read_image("c1", &bytes[..length]).is_err(), "{length} of {}", bytes.len());
    }
}

fn leads_from(before: &[u8], redo: &[u8], after: &[u8]) {
    let record = RedoRecord::read(redo).unwrap();
    let [entry] = record.entries.as_slice() else { panic!("one entry") };
    let RedoContent::Change(body) = entry.content else { panic!("a change") };
    let mut contact = read_image("c1", before).unwrap();
    apply_change(&mut contact, body, &record.words).unwrap();
    assert_eq!(image_of(&contact), after);
    for length in 0..body.len() {
        let mut contact = read_image("c1", before).unwrap();
        assert!(apply_change(&mut contact, &body[..length], &record.words).is_err(), "{length} of {}", body.len());
    }
}
