//! What a late event costs (S40): as much as it is late, and not as much as the contact is long.

#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;

use leadstream_core::contact::{Contact, Savepoint};
use leadstream_core::plan::PlanSet;
use leadstream_core::{Event, Fold, HistoryLimits, Past, Points, Timeline, Timestamp, Uid};
use leadstream_wire::stored::contact::{ImageWriter, put_change};
use leadstream_wire::stored::redo::RedoPacker;

const PLAN: &str = r#"
plan: shop
rules:
  - { id: view, on: page_viewed, points: 1, cap: { points: 30, per: 1d }, tags: [viewer] }
  - { id: keen, on: page_viewed, when: 'count("page_viewed", "7d") >= 5', points: 2, once_per: 1h }
qualify: { at: 100 }
"#;

fn new_fold() -> Fold {
    let compiled = leadstream_plan::compile("p.yaml", PLAN, &leadstream_plan::Options::default());
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    Fold::new(Timeline::new(Arc::new(PlanSet::new(vec![plan]))), HistoryLimits::default())
}

fn event(number: u32, time_ms: i64) -> Event {
    let mut event = Event { contact: "c1".into(), uid: Uid::of("s", &number.to_string()), ..Event::default() };
    event.time = Timestamp::from_millis(time_ms);
    event.event_type.set("page_viewed");
    event.source.set("s");
    event
}

fn image_of(contact: &Contact) -> Vec<u8> {
    let mut bytes = Vec::new();
    ImageWriter::default().write(contact, &mut bytes);
    bytes
}

const MINUTE_MS: i64 = 60_000;

/// A contact with a row a minute, the first of them late, so that states are kept in its middle.
fn long_contact(fold: &mut Fold, rows: u32) -> Contact {
    let mut contact = Contact::new("c1");
    for number in (1..rows).chain([0]) {
        fold.apply(&mut contact, &event(number, i64::from(number) * MINUTE_MS), Timestamp::MIN, &mut Vec::new());
    }
    contact
}

#[test]
fn an_event_that_is_a_little_late_folds_little_anew_and_its_change_is_small_s40() {
    let mut fold = new_fold();
    let mut contact = long_contact(&mut fold, 1_000);
    for rows_behind in [5, 30, 100, 400] {
        let late = event(2_000 + rows_behind, i64::from(1_000 - rows_behind) * MINUTE_MS - 1);
        let sight = fold.look(&contact, &late, Timestamp::MIN);
        let Past::From(kept) = sight.past() else { panic!("the event is late: {sight:?}") };
        let folded = contact.rows.len() - kept;
        assert!(folded <= 2 * (rows_behind as usize) + 32, "{folded} rows for an event {rows_behind} rows late");

        let (before, mut savepoint) = (image_of(&contact), Savepoint::default());
        contact.save(&mut savepoint);
        savepoint.reach_back(&contact, kept);
        fold.take(&mut contact, &late, sight, Timestamp::MIN, &mut Vec::new());
        let mut packer = RedoPacker::new(1 << 20);
        packer.push_change("c1", |words, bytes| put_change(&contact, &savepoint, words, bytes));
        let share = before.len() * (folded + 10) / contact.rows.len();
        assert!(packer.size_bytes() < share + 500, "{} bytes for {folded} rows", packer.size_bytes());
        let mut undone = contact.clone();
        assert!(undone.undo(savepoint));
        assert_eq!(image_of(&undone), before);
    }
}

#[test]
fn events_of_one_instant_cost_as_much_as_there_are_of_them_s3() {
    let (mut fold, mut contact) = (new_fold(), Contact::new("c1"));
    let (mut folded, mut late) = (0, 0);
    for number in 0..1_500 {
        // Twenty of an instant, ordered by their identities, which is no order that anybody sends them in.
        let event = event(number, i64::from(number / 20) * MINUTE_MS);
        let sight = fold.look(&contact, &event, Timestamp::MIN);
        if let Past::From(kept) = sight.past() {
            late += 1;
            folded += contact.rows.len() - kept;
        }
        fold.take(&mut contact, &event, sight, Timestamp::MIN, &mut Vec::new());
    }
    assert!(late > 500, "{late} of 1,500 events were late");
    assert!(folded / late < 64, "{} rows for each late event", folded / late);
    // The same events in their order give the same contact.
    let (mut fold, mut ordered) = (new_fold(), Contact::new("c1"));
    let mut events: Vec<Event> = (0..1_500).map(|number| event(number, i64::from(number / 20) * MINUTE_MS)).collect();
    events.sort_by_key(|event| (event.time, event.uid));
    for event in &events {
        fold.apply(&mut ordered, event, Timestamp::MIN, &mut Vec::new());
    }
    assert_eq!(ordered.state, contact.state);
    assert_eq!(ordered.ledger, contact.ledger);
}

#[test]
fn a_contact_whose_events_come_in_order_keeps_no_states() {
    let (mut fold, mut contact) = (new_fold(), Contact::new("c1"));
    for number in 0..500 {
        fold.apply(&mut contact, &event(number, i64::from(number) * MINUTE_MS), Timestamp::MIN, &mut Vec::new());
    }
    let sight = fold.look(&contact, &event(1_000, 490 * MINUTE_MS + 1), Timestamp::MIN);
    assert_eq!(sight.past(), Past::From(0));
}

const TAGS: &str = r#"
plan: tags
rules:
  - { id: set,   on: added_tag, tags: [t] }
  - { id: unset, on: removed_tag, untag: [t] }
  - { id: again, on: page_viewed, when: '!ever("video_played")', tags: [t] }
"#;

#[test]
fn since_when_a_tag_is_gone_is_known_wherever_the_fold_begins_s43() {
    let compiled = leadstream_plan::compile("p.yaml", TAGS, &leadstream_plan::Options::default());
    let plans = Arc::new(PlanSet::new(vec![compiled.plan.expect("the plan compiles")]));
    let history = |fold: Fold| {
        let (mut fold, mut contact, mut told) = (fold, Contact::new("c1"), Vec::new());
        let types = ["added_tag", "removed_tag"].into_iter().chain(std::iter::repeat_n("email_opened", 20));
        let in_order = types.chain(["page_viewed"]).zip(0..);
        // One of them comes late, so that states are kept, and at last one that takes the tag back.
        let late =
            [("email_opened", 15), ("video_played", 20)].map(|(event_type, minute)| (event_type, minute, 30_000));
        let in_order = in_order.map(|(event_type, minute)| (event_type, minute, 0));
        for (number, (event_type, minute, after_ms)) in in_order.chain(late).enumerate() {
            let mut event = event(number as u32, minute * MINUTE_MS + after_ms);
            event.event_type.set(event_type);
            let sight = fold.look(&contact, &event, Timestamp::MIN);
            told.clear();
            fold.take(&mut contact, &event, sight, Timestamp::MIN, &mut told);
            if number == 24 {
                return (sight.past(), told);
            }
        }
        unreachable!("there are 25 events")
    };
    let new_fold =
        |rows| Fold::new(Timeline::new(Arc::clone(&plans)), HistoryLimits::default()).with_checkpoints_from(rows);
    let (from_base, told) = history(new_fold(1_000));
    let (from_the_middle, told_from_the_middle) = history(new_fold(4));
    assert_eq!(from_base, Past::From(0));
    assert!(matches!(from_the_middle, Past::From(rows) if rows > 2), "{from_the_middle:?}");
    assert_eq!(told.first().map(|removed| removed.since), Some(Timestamp::from_millis(MINUTE_MS)));
    assert_eq!(told, told_from_the_middle);
}

const FACTS: &str = r#"
plan: facts
rules:
  - { id: away, idle: 1d, every: 1d, when: '!ever("order_completed")', points: -1 }
  - { id: view, on: page_viewed, points: 1 }
  - { id: buy,  on: order_completed, when: 'ever("order_completed")', points: 5 }
"#;

#[test]
fn the_past_knows_nothing_of_events_after_it_whatever_is_remembered_beside_the_contact_l4() {
    let compiled = leadstream_plan::compile("p.yaml", FACTS, &leadstream_plan::Options::default());
    let plans = Arc::new(PlanSet::new(vec![compiled.plan.expect("the plan compiles")]));
    let mut fold = Fold::new(Timeline::new(plans), HistoryLimits { rows: 1, ..HistoryLimits::default() });
    let mut contact = Contact::new("c1");
    let day = |days: i64| days * 24 * 60 * MINUTE_MS;
    for (number, (event_type, time)) in
        [("page_viewed", 0), ("order_completed", day(10)), ("order_completed", day(10) + 1)].into_iter().enumerate()
    {
        let mut event = event(number as u32, time);
        event.event_type.set(event_type);
        fold.apply(&mut contact, &event, Timestamp::MIN, &mut Vec::new());
        if number == 1 {
            // Between the base and the only row that is left, three days went by without an order.
            let past = fold.at(&contact, Timestamp::from_millis(day(3))).expect("it is kept");
            assert_eq!(past.ledger.len(), 3, "{:?}", past.ledger);
            assert_eq!(past.state.plans[0].engagement.fixed, Points::whole(1 - 3));
        }
    }
}
