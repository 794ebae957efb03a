//! What a contact keeps is bounded (S6, S58, L8), and what follows for its record; retiring a plan (S47).

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use leadstream_core::contact::{ANNOUNCED_TAGS_MAX, Contact, GATHERED_MAX, Level, PART_INSTANTS_MAX, WINDOWS_MAX};
use leadstream_core::derived::{DerivedKind, Mark};
use leadstream_core::identity::{
    Asked, IDS_MAX, Identity, Joined, Keeper, Kept, LINKS_MAX, Link, LinkRecord, Origins, Request, WAITING_BYTES_MAX,
    WAITING_MAX, may_keep,
};
use leadstream_core::plan::PlanSet;
use leadstream_core::{
    BOOKING_BYTES, Bound, DerivedEvent, Event, EventKind, Fold, HistoryLimits, Outcome, Past, STATE_BYTES_MAX, Span,
    Timeline, Timestamp, Uid, Value,
};
use leadstream_fold_tests::image_of;
use leadstream_wire::stored::contact::put_change;
use leadstream_wire::stored::redo::RedoPacker;

const HOUR_MS: i64 = 3_600_000;

fn plans(texts: &[&str]) -> Arc<PlanSet> {
    let compile = |text: &&str| {
        let compiled = leadstream_plan::compile("p.yaml", text, &leadstream_plan::Options::default());
        compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
    };
    Arc::new(PlanSet::new(texts.iter().map(compile).collect()))
}

fn event(event_type: &str, number: i64) -> Event {
    let mut event = Event { contact: "c1".into(), uid: Uid::of("s", &number.to_string()), ..Event::default() };
    event.time = Timestamp::from_millis(number * HOUR_MS);
    event.event_type.set(event_type);
    event.source.set("s");
    event
}

struct Run {
    fold: Fold,
    contact: Contact,
    told: Vec<DerivedEvent>,
}

impl Run {
    fn new(texts: &[&str], limits: HistoryLimits) -> Run {
        Run { fold: Fold::new(Timeline::new(plans(texts)), limits), contact: Contact::new("c1"), told: Vec::new() }
    }

    fn apply(&mut self, event: &Event) -> Outcome {
        self.fold.apply(&mut self.contact, event, Timestamp::MIN, &mut self.told)
    }

    /// What the history counts against its limit.
    fn counted(&self) -> usize {
        self.contact.rows.total_bytes() + self.contact.ledger.len() * BOOKING_BYTES
    }

    fn boundary(&self) -> Option<Timestamp> {
        self.contact.base.as_ref().map(|base| base.boundary.0)
    }

    fn engagement(&self) -> i64 {
        self.contact.state.plans[0].engagement.fixed.thousandths()
    }
}

const GREEDY: &str = r#"
plan: greedy
rules:
  - { id: rolling, on: page_viewed, points: 0.001, cap: { points: 1000000, per: 400d }, tags: [seen] }
  - { id: each,    on: page_viewed, points: 1, once_per: event.key, tags: [{ tag: each, points: 2 }] }
  - { id: known,   on: page_viewed, when: 'count("page_viewed", "400d") >= 3', points: 1 }
  - { id: path,    on: page_viewed, when: 'count("page_viewed", "/a/", "400d") >= 3', points: 1 }
  - { id: typed,   on: page_viewed, when: 'ever("video_played")', points: 1 }
  - { id: waits,   after: page_viewed, unless: video_played, matching: long, within: 400d, points: 1, once_per: event.key }
  - { id: pairs,   all: [page_viewed, video_played], matching: long, within: 400d, points: 1 }
  - { id: parts,   all: [page_viewed, video_played], within: 400d, points: 1 }
"#;

/// An event with as many properties as an interaction keeps.
fn greedy_event(number: i64) -> Event {
    let odd_type = format!("{number:0>64}");
    let mut event = event(if number % 4 == 0 { &odd_type } else { "page_viewed" }, number);
    event.properties.set("key", Value::Text(&number.to_string()));
    event.properties.set("path", Value::Text("/a/b"));
    event.properties.set("long", Value::Text(&format!("{number:0>60}")));
    // Names that never come again, so that no word is shared between rows.
    for part in 0..6 {
        event.properties.set(&format!("{number:0>60}{part}"), Value::Text(&"v".repeat(80)));
    }
    event
}

#[test]
fn a_contact_with_all_its_bounds_filled_fits_into_a_record_s58() {
    let mut run = Run::new(&[GREEDY], HistoryLimits::default());
    let mut attributes = event("contact_updated", 1);
    attributes.kind = EventKind::Attributes;
    (0..300).for_each(|n| attributes.properties.set(&format!("attribute-{n}"), Value::Text(&"a".repeat(n * 7 % 1024))));
    let mut tags = event("tagged", 2);
    tags.kind = EventKind::Tags;
    (0..250).for_each(|n| tags.properties.set(&format!("{n:0>128}"), Value::Number(1.0)));
    run.apply(&attributes);
    run.apply(&tags);
    let mut most = 0;
    for number in 3..4_500 {
        let greedy = greedy_event(number);
        let foretold = run.fold.look(&run.contact, &greedy, Timestamp::MIN).past() == Past::Anything;
        let before = run.contact.rewrites;
        run.apply(&greedy);
        assert!(foretold || run.contact.rewrites == before, "what rewrites the past is foretold");
        if number % 250 == 0 {
            most = most.max(image_of(&run.contact).len());
        }
        assert!(run.counted() <= HistoryLimits::default().bytes);
    }
    let record_bytes = HistoryLimits::default().bytes + STATE_BYTES_MAX;
    let (state, base) = (&run.contact.state, run.contact.base.as_ref().unwrap());
    // Every bound was reached, or the test would say nothing.
    assert_eq!((state.tags.len(), state.once.len(), state.rolling.len()), (200, 2000, 2000));
    let waiting = [&state.waiting, &base.state.waiting];
    for waiting in waiting {
        let instants: usize = waiting.gathered().iter().flat_map(|it| &it.instants).map(Vec::len).sum();
        assert_eq!(
            (waiting.windows().len(), waiting.gathered().len(), instants),
            (WINDOWS_MAX, GATHERED_MAX, PART_INSTANTS_MAX)
        );
    }
    assert!(state.attributes.len() < 256 && state.attributes.len() > 40, "{}", state.attributes.len());
    assert_eq!(base.state.facts.iter().filter(|fact| fact.text.starts_with('0')).count(), 256);
    assert_eq!(base.state.facts.iter().map(|fact| fact.recent.len()).sum::<usize>(), 4000);
    assert!(run.counted() > HistoryLimits::default().bytes * 9 / 10);
    let reached = run.fold.take_reached().unwrap();
    assert!(reached.of(Bound::RowBytes) > 1000);
    for bound in Bound::ALL {
        let is_elsewhere = matches!(bound, Bound::AnnouncedTags | Bound::LiveParts | Bound::Verdicts);
        assert_eq!(reached.of(bound) > 0, !is_elsewhere, "{bound:?}");
    }
    assert_eq!(run.fold.take_reached(), None);
    assert!(most > HistoryLimits::default().bytes * 7 / 10 && most < record_bytes, "{most} bytes");
    let without = image_of(&run.contact).len();
    for id_bytes in [40, 1024] {
        run.contact.identity = Some(Arc::new(greatest_identity(&run.contact, id_bytes)));
        let identity_bytes = image_of(&run.contact).len() - without;
        assert!(most + identity_bytes < record_bytes, "{most} bytes, and {identity_bytes} of the identity");
    }
}

/// Everything that a contact may know of its identity, with ids of so many bytes.
fn greatest_identity(contact: &Contact, id_bytes: usize) -> Identity {
    let id = |number: usize| -> Arc<str> { Arc::from(format!("{number:0>id_bytes$}")) };
    let (uid, time) = (Uid::of("s", "link"), Timestamp::from_millis(i64::from(u32::MAX)));
    let link = |number: usize| Link::Merge(id(number), id(number + 1));
    let mut keeper = Keeper::default();
    let records = (0..).map(|number| LinkRecord { uid, time, link: link(number) });
    keeper.links = records.map(|record| Kept { record, times: 200 }).take(LINKS_MAX).collect();
    while !may_keep(keeper.links.iter().map(|kept| &kept.record)) {
        keeper.links.pop();
    }
    let (links, bytes) = (keeper.links.len(), WAITING_BYTES_MAX / (4 * id_bytes));
    let ask = |number| Request { uid, time, clamped: false, asked: Asked::Link(link(number)), via: id(number) };
    keeper.waiting = (0..bytes.min(WAITING_MAX)).map(|number| (ask(number), id(number))).collect();
    keeper.under_way = Some((ask(0), 50));
    keeper.followers = (0..=links).map(id).collect();
    let ids: Vec<Arc<str>> = (0..=links).map(id).take(IDS_MAX).collect();
    let joined = ids.iter().map(|id| Joined { id: Arc::clone(id), uid, time, seen: true }).collect();
    let mut origins = Origins::default();
    for (number, row) in (1u64..).zip(contact.rows.as_slice()) {
        origins.set(row.uid, number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - IDS_MAX));
    }
    assert!(origins.len() > 300, "{} rows", origins.len());
    let keeper = Some(Box::new(keeper));
    Identity { root: None, ids, origins, joined, kept_by: Some(id(0)), keeper }
}

const STEADY: &str = r#"
plan: steady
rules:
  - { id: view, on: page_viewed, points: 1 }
  - { id: away, idle: 5h, every: 5h, times: 12, points: -1 }
"#;

fn steady_event(number: i64) -> Event {
    let mut event = event("page_viewed", number * 10);
    event.properties.set("path", Value::Text(&"p".repeat(40)));
    event
}

fn steady() -> Run {
    Run::new(&[STEADY], HistoryLimits { bytes: 1_500, ..HistoryLimits::default() })
}

#[test]
fn rows_leave_by_bytes_one_by_one_whatever_the_order_of_arrival_and_the_clock_s6() {
    let mut in_order = steady();
    (1..=40).for_each(|number| {
        in_order.apply(&steady_event(number));
    });
    assert!(in_order.contact.base.is_some() && in_order.contact.rows.len() > 4);
    let step_bytes = steady_event(1).properties.iter().count() + 40 + 11 + 1 + 8 + 4 + 40 + BOOKING_BYTES * 2;
    assert!(in_order.counted() + step_bytes > 1_500, "no row left too early");
    let mut shuffled = steady();
    for block in 0..10 {
        for number in [3, 1, 4, 2] {
            assert_ne!(shuffled.apply(&steady_event(block * 4 + number)), Outcome::TooLate);
        }
        // What timers book behind the newest event makes nothing leave.
        let clock = Timestamp::from_millis((block * 4 + 4) * 10 * HOUR_MS + 6 * HOUR_MS);
        shuffled.fold.advance(&mut shuffled.contact, clock, &mut shuffled.told);
    }
    assert_eq!(shuffled.boundary(), in_order.boundary());
    let clock = Timestamp::from_millis(406 * HOUR_MS);
    in_order.fold.advance(&mut in_order.contact, clock, &mut in_order.told);
    assert_eq!(
        (shuffled.engagement(), shuffled.contact.rows.len()),
        (in_order.engagement(), in_order.contact.rows.len())
    );
    let before_boundary = steady_event(1);
    assert_eq!(shuffled.apply(&before_boundary), Outcome::TooLate);
}

#[test]
fn an_event_larger_than_the_limit_counts_and_leaves_at_once_s6() {
    let limits = HistoryLimits { bytes: 1_500, ..HistoryLimits::default() };
    let mut run = Run::new(&["plan: p\nrules: [ { id: view, on: page_viewed, points: 1 } ]\n"], limits);
    let mut large = steady_event(2);
    large.properties.set("note", Value::Text(&"n".repeat(3_000)));
    run.apply(&steady_event(1));
    assert_eq!(run.apply(&large), Outcome::Applied);
    assert!(run.contact.rows.is_empty());
    assert_eq!((run.boundary(), run.contact.ledger.len()), (Some(large.time), 0));
    assert_eq!(run.apply(&steady_event(3)), Outcome::Applied);
    assert_eq!((run.contact.rows.len(), run.engagement()), (1, 3_000));
}

#[test]
fn types_that_no_plan_asks_about_are_remembered_by_when_they_were_seen_last_s58() {
    let limits = HistoryLimits { horizon: Span::from_millis(HOUR_MS), ..HistoryLimits::default() };
    let mut run = Run::new(
        &["plan: p\nrules: [ { id: a, on: page_viewed, when: 'ever(\"video_played\")', points: 1 } ]\n"],
        limits,
    );
    run.apply(&event("video_played", 1));
    run.apply(&event("early", 2));
    run.apply(&event(&"long".repeat(40), 3));
    for number in 0..300 {
        run.apply(&event(&format!("type-{number}"), number * 4 + 10));
        run.apply(&event("often", number * 4 + 12));
    }
    run.apply(&event("page_viewed", 9_000));
    let facts = &run.contact.base.as_ref().unwrap().state.facts;
    let has = |text: &str| facts.iter().any(|fact| &*fact.text == text);
    assert_eq!(facts.len(), 257);
    assert!(has("video_played") && has("often") && has("type-299") && !has("early") && !has(&"long".repeat(40)));
    assert_eq!(run.engagement(), 1_000);
}

#[test]
fn the_table_of_rules_forgets_versions_whose_bookings_have_left() {
    let version = |number: i64| {
        format!(
            "plan: p\n# {number}\nrules:\n  - {{ id: day, on: page_viewed, points: 1, cap: {{ points: 9, per: day }} }}\n  - {{ id: plain, on: page_viewed, points: 1 }}\n"
        )
    };
    let limits = HistoryLimits { rows: 4, ..HistoryLimits::default() };
    let mut run = Run::new(&[&version(0)], limits);
    for number in 1..160 {
        let time = Timestamp::from_millis(number * HOUR_MS - 1);
        assert!(run.fold.change_plans(time, plans(&[&version(number)])));
        run.apply(&event("page_viewed", number));
    }
    // 159 versions of two rules have booked. Nine entries are needed: those of the rows, and the one that the rule's state is kept under.
    assert_eq!(run.contact.rows.len(), 4);
    assert!((9..64 + 2 * 9).contains(&run.contact.rules.len()), "{}", run.contact.rules.len());
    assert_eq!(run.engagement(), (159 + capped_by_day(159)) * 1_000);
    let past = run.fold.at(&run.contact, run.contact.state.tau.unwrap()).unwrap();
    assert_eq!(past.ledger, run.contact.ledger);
}

#[test]
fn a_row_that_leaves_is_undone_and_logged_by_what_it_changes_s6() {
    let limits = HistoryLimits { rows: 200, ..HistoryLimits::default() };
    let mut run = Run::new(&[GREEDY], limits);
    for number in 1..700 {
        run.apply(&greedy_event(number));
    }
    for number in 700..1_000 {
        let savepoint = run.contact.savepoint();
        let (before, image) = (run.contact.clone(), image_of(&run.contact));
        let greedy = greedy_event(number);
        assert_eq!(run.fold.look(&run.contact, &greedy, Timestamp::MIN).past(), Past::Kept);
        run.apply(&greedy);
        let mut packer = RedoPacker::new(1 << 20);
        packer.push_change("c", |words, bytes| put_change(&run.contact, &savepoint, words, bytes));
        assert!(packer.size_bytes() * 20 < image.len(), "{} of {}", packer.size_bytes(), image.len());
        let mut undone = run.contact.clone();
        assert!(undone.undo(savepoint));
        assert!(undone.state == before.state && undone.ledger == before.ledger);
        assert_eq!(image_of(&undone), image);
    }
}

/// What a rule of one point an hour books under a cap of 9 a day.
fn capped_by_day(hours: i64) -> i64 {
    (0..=hours / 24).map(|day| (1..=hours).filter(|hour| hour / 24 == day).count().min(9) as i64).sum()
}

const STAGES: &str = "plan: staged\nrules: [ { id: view, on: page_viewed, points: 10 } ]\npipeline: { stages: [ { name: lead }, { name: keen, enter: 20 } ] }\n";
const OTHER: &str = "plan: other\nrules: [ { id: view, on: page_viewed, points: 10 } ]\n";

/// What is told when a plan is retired after so many events: by a step, or late.
fn told_by_retiring(events: i64, late: bool) -> (Vec<DerivedEvent>, Contact) {
    let mut run = Run::new(&[STAGES, OTHER], HistoryLimits::default());
    (1..=events).for_each(|number| {
        run.apply(&event("page_viewed", number));
    });
    let mut last = event("session_started", events + 5);
    if late {
        run.apply(&last);
        last = event("session_started", events + 6);
    }
    run.told.clear();
    assert!(run.fold.change_plans(Timestamp::from_millis((events + 2) * HOUR_MS), plans(&[OTHER])));
    run.apply(&last);
    (run.told, run.contact)
}

#[test]
fn retiring_a_plan_leaves_its_first_stage_in_silence_and_any_other_with_an_event_s47() {
    for late in [false, true] {
        let (told, contact) = told_by_retiring(1, late);
        assert!(told.is_empty(), "late {late}: {told:#?}");
        assert!(contact.state.plans.iter().all(|plan| plan.stage.is_none()));
        assert!(contact.announced.subjects.iter().all(|subject| subject.level == Level::None));
        let (told, _) = told_by_retiring(3, late);
        let [left] = &told[..] else { panic!("late {late}: {told:#?}") };
        assert_eq!((left.kind, &left.new), (DerivedKind::StageRegressed, &Level::None));
        assert_eq!(left.marks, if late { vec![Mark::Late, Mark::Plan] } else { vec![Mark::Plan] });
    }
}

/// A CRM's word on a tag.
fn tag_event(number: i64, tag: &str, carried: bool) -> Event {
    let mut tags = event("tagged", number);
    tags.kind = EventKind::Tags;
    tags.properties.set(tag, Value::Bool(carried));
    tags
}

#[test]
fn announced_tags_are_bounded_and_no_id_comes_twice_s54_s58() {
    let mut run = Run::new(&[OTHER], HistoryLimits::default());
    let mut number = 0;
    let mut say = |run: &mut Run, tag: &str, carried: bool| {
        number += 1;
        run.apply(&tag_event(number, tag, carried));
        run.told.last().unwrap().clone()
    };
    // One tag that comes and goes often, then many that come once, while another one stays.
    say(&mut run, "stays", true);
    for _ in 0..5 {
        say(&mut run, "often", true);
        say(&mut run, "often", false);
    }
    for tag in 0..600 {
        say(&mut run, &format!("tag-{tag}"), true);
        say(&mut run, &format!("tag-{tag}"), false);
    }
    let tags = |run: &Run| run.contact.announced.subjects.iter().filter(|known| known.subject.is_tag()).count();
    assert_eq!((tags(&run), run.contact.announced.forgotten_n), (ANNOUNCED_TAGS_MAX, 10));
    assert_eq!(run.fold.take_reached().unwrap().of(Bound::AnnouncedTags), 602 - ANNOUNCED_TAGS_MAX as u64);
    assert_eq!(say(&mut run, "often", true).n, 11);
    assert_eq!(say(&mut run, "tag-0", true).n, 11, "behind every forgotten one");
    assert_eq!(say(&mut run, "tag-599", true).n, 13, "not forgotten: its third, which began behind the forgotten ones");
    assert_eq!(say(&mut run, "stays", false).n, 2, "carried tags are not forgotten");
    let mut ids: Vec<_> = run.told.iter().map(|event| event.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), run.told.len());
    let image = image_of(&run.contact);
    assert_eq!(leadstream_wire::stored::contact::read_image("c1", &image).unwrap().announced, run.contact.announced);
}

#[test]
fn folding_anew_counts_no_bound_twice_s58() {
    let mut run = Run::new(&[OTHER], HistoryLimits::default());
    let mut tags = event("tagged", 10);
    tags.kind = EventKind::Tags;
    (0..203).for_each(|n| tags.properties.set(&format!("tag-{n}"), Value::Bool(true)));
    run.apply(&tags);
    assert_eq!(run.fold.take_reached().unwrap().of(Bound::Tags), 3);
    run.apply(&event("page_viewed", 5));
    assert_eq!(run.fold.take_reached(), None);
    // A late event's own step is counted.
    let late = tag_event(11, "another", true);
    run.apply(&event("page_viewed", 20));
    run.apply(&late);
    assert_eq!(run.fold.take_reached().unwrap().of(Bound::Tags), 1);
}
