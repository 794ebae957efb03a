//! S2 companies, S48 to S52: merging, splitting, erasing.

use leadstream_oracle::{
    Contacts, ContactsEffect, DAY_MS, DerivedType, Kind, Level, Limits, Link, LinkRecord, OracleEvent, Outcome, Uid,
    derived_id,
};

use crate::common::{attribute, day, event, plan, worth};

const PLAN: &str = "rules: [{ id: w, on: worth, points: event.value }, { id: o, on: hello, points: 20, once_per: ever }]\n\
    qualify: { at: 100 }\nbands: { warm: 40, hot: 80 }\nactions: [{ id: x, at: 50 }]\n\
    pipeline: { by: engagement, stages: [{ name: a }, { name: b, enter: 30, leave_below: 10 }, { name: c, enter: 90, leave_below: 60 }] }";

fn contacts() -> Contacts {
    Contacts::new(&[&plan("p", PLAN)], Limits::default()).unwrap()
}

fn merge(id: &str, days: f64, one: &str, other: &str) -> LinkRecord {
    let link = Link::Merge(one.to_owned(), other.to_owned());
    LinkRecord { source: "crm".to_owned(), id: id.to_owned(), time: day(days), link }
}

fn split(id: &str, days: f64, merged: &str) -> LinkRecord {
    LinkRecord { link: Link::Split("crm".to_owned(), merged.to_owned()), ..merge(id, days, "", "") }
}

fn score(contacts: &Contacts, id: &str) -> f64 {
    contacts.contact(id).scorecard().plans["p"].score as f64 / 1000.0
}

/// Contact, subject and marks of each derived event.
fn told(effect: &ContactsEffect) -> Vec<(&str, &str, Vec<&str>)> {
    let told = effect.derived.iter();
    told.map(|d| (d.contact.as_str(), d.subject.as_str(), d.marks.iter().map(String::as_str).collect())).collect()
}

fn only(effect: &ContactsEffect) -> Outcome {
    assert_eq!(effect.outcomes.len(), 1);
    effect.outcomes[0].1
}

#[test]
fn s48_the_union_counts_once_plus_20_in_both_as_20() {
    let mut contacts = contacts();
    contacts.event(&["anonymous"], &event("1", 0.0, "hello"));
    contacts.event(&["ann"], &event("2", 1.0, "hello"));
    contacts.event(&["ann"], &worth("3", 2.0, 5.0));
    // The same event delivered to both is one.
    contacts.event(&["anonymous", "ann"], &worth("4", 2.0, 7.0));
    contacts.link(&merge("m", 3.0, "anonymous", "ann")).unwrap();
    assert_eq!((contacts.root("anonymous"), score(&contacts, "anonymous")), ("ann".to_owned(), 32.0));
    assert_eq!(contacts.contact("ann").ledger()[0].time, 0);
    // What comes for either id comes for the one contact.
    assert_eq!(only(&contacts.event(&["anonymous"], &event("5", 4.0, "hello"))), Outcome::Unmatched);
    contacts.event(&["anonymous"], &worth("6", 4.0, 1.0));
    assert_eq!(score(&contacts, "ann"), 33.0);
}

#[test]
fn s48_chains_and_cycles_of_merges_have_one_root_and_records_go_by_their_order() {
    let mut contacts = contacts();
    contacts.link(&merge("1", 1.0, "a", "b")).unwrap();
    contacts.link(&merge("2", 2.0, "c", "a")).unwrap();
    let again = contacts.link(&merge("3", 3.0, "b", "c")).unwrap();
    assert!(again.derived.is_empty()); // one already
    for id in ["a", "b", "c"] {
        assert_eq!(contacts.root(id), "b");
    }
    assert_eq!(only(&contacts.link(&merge("1", 1.0, "a", "b")).unwrap()), Outcome::Duplicate);
    // A late record that would put another root above all is more than a merge of two.
    assert!(contacts.link(&merge("0", 0.0, "b", "d")).is_ok());
    assert_eq!(contacts.root("a"), "d");
}

#[test]
fn s48_an_id_that_is_seen_with_two_people_stays_with_the_first_and_parted_it_stays_alone() {
    let seen = |id: &str, days: f64, other: &str| {
        let link = Link::Follow("device".to_owned(), other.to_owned());
        LinkRecord { link, ..merge(id, days, "", "") }
    };
    let mut contacts = contacts();
    contacts.event(&["device"], &worth("1", 0.0, 5.0));
    contacts.link(&seen("ann", 1.0, "ann")).unwrap();
    contacts.link(&seen("ben", 2.0, "ben")).unwrap();
    assert_eq!((contacts.root("device"), contacts.root("ben")), ("ann".to_owned(), "ben".to_owned()));
    assert_eq!((score(&contacts, "ann"), score(&contacts, "ben")), (5.0, 0.0));
    contacts.link(&seen("again", 3.0, "ann")).unwrap();
    contacts.link(&split("apart", 4.0, "again")).unwrap();
    contacts.link(&seen("and again", 5.0, "ann")).unwrap();
    assert_eq!(contacts.root("device"), "device");
    // Whoever says it in words may.
    contacts.link(&merge("said", 6.0, "device", "ann")).unwrap();
    assert_eq!(contacts.root("device"), "ann");
}

#[test]
fn s48_s58_a_contact_of_more_than_50_ids_is_a_dead_letter() {
    let mut contacts = contacts();
    for number in 1..50 {
        let record = merge(&number.to_string(), f64::from(number), &format!("id{number}"), "id0");
        assert_eq!(only(&contacts.link(&record).unwrap()), Outcome::Applied);
    }
    let refused = contacts.link(&merge("50", 50.0, "id50", "id0")).unwrap();
    assert_eq!((only(&refused), contacts.root("id50")), (Outcome::DeadLetter, "id50".to_owned()));
}

#[test]
fn s50_merging_is_told_on_both_keys_and_what_both_announced_is_announced() {
    let mut contacts = contacts();
    contacts.event(&["x"], &worth("1", 0.0, 60.0)); // warm, b, action x
    contacts.event(&["ann"], &worth("2", 1.0, 50.0)); // warm, b, action x
    let effect = contacts.link(&merge("m", 2.0, "x", "ann")).unwrap();
    let uid = Uid::of("crm", "m").hex();
    let subject = format!("merge:{uid}");
    let mark = || vec!["merge"];
    // 110 points: hot, c and qualified; both asked for the action, which cannot be unsent and is not sent again.
    let expected = [("x", subject.as_str()), ("ann", &subject), ("ann", "band"), ("ann", "stage"), ("ann", "qualify")];
    assert_eq!(told(&effect), expected.map(|(contact, subject)| (contact, subject, mark())));
    let merged = &effect.derived[1];
    assert_eq!(merged.derived_type, DerivedType::ContactMerged);
    assert_eq!((merged.old.clone(), merged.new.clone()), (Level::Named("x".into()), Level::Named("ann".into())));
    assert_eq!(merged.id, derived_id("ann", "", &subject, 1));
    // Three events each before: band, stage, action.
    assert_eq!(effect.derived.iter().map(|d| d.seq).collect::<Vec<_>>(), [4, 4, 5, 6, 7]);
    assert_eq!(effect.derived[2].n, 2);
    assert!(contacts.clock(day(9.0)).derived.is_empty());
}

#[test]
fn s50_on_if_either_is_and_corrected_where_the_union_is_not() {
    let mut contacts = contacts();
    contacts.event(&["x"], &worth("1", 0.0, 100.0));
    contacts.event(&["ann"], &worth("2", 1.0, -60.0));
    let effect = contacts.link(&merge("m", 2.0, "x", "ann")).unwrap();
    let off: Vec<_> = effect.derived[2..].iter().map(|d| (d.subject.as_str(), d.old.clone(), d.new.clone())).collect();
    let named = |name: &str| Level::Named(name.to_owned());
    let expected = [
        ("band", named("hot"), named("warm")),
        ("stage", named("c"), named("b")),
        ("qualify", Level::Is(true), Level::Is(false)),
    ];
    assert_eq!(off, expected);
    // The union was hot from d0 on and ceased to be at d1.
    assert!(effect.derived[2..].iter().all(|derived| derived.since == day(1.0) && derived.time == day(1.0)));
}

#[test]
fn s51_a_split_parts_by_the_id_delivered_to_and_the_other_starts_blank_with_the_numbers() {
    let mut contacts = contacts();
    contacts.event(&["x"], &worth("1", 0.0, 60.0));
    contacts.event(&["ann"], &worth("2", 1.0, 50.0));
    contacts.link(&merge("m", 2.0, "x", "ann")).unwrap();
    contacts.event(&["x"], &worth("3", 3.0, 1.0));
    let effect = contacts.link(&split("s", 4.0, "m")).unwrap();
    assert_eq!((score(&contacts, "x"), score(&contacts, "ann")), (61.0, 50.0));
    let subject = format!("split:{}", Uid::of("crm", "s").hex());
    let mark = || vec!["split"];
    let expected = [
        ("ann", subject.as_str()),
        ("ann", "band"),
        ("ann", "stage"),
        ("ann", "qualify"),
        ("x", &subject),
        ("x", "band"),
        ("x", "stage"),
        ("x", "action:x"),
    ];
    assert_eq!(told(&effect), expected.map(|(contact, subject)| (contact, subject, mark())));
    // Both go on from seq 7.
    assert_eq!(effect.derived.iter().map(|d| d.seq).collect::<Vec<_>>(), [8, 9, 10, 11, 8, 9, 10, 11]);
    assert_eq!(effect.derived[5].old, Level::Named("cold".into()));
    assert!(effect.derived[5].n > effect.derived[1].n - 1);
    // Undone once: a second split of the record changes nothing.
    assert!(contacts.link(&split("t", 5.0, "m")).unwrap().derived.is_empty());
}

#[test]
fn s51_an_event_of_both_ids_stays_with_both() {
    let mut contacts = contacts();
    contacts.event(&["x", "ann"], &worth("1", 0.0, 30.0));
    contacts.link(&merge("m", 1.0, "x", "ann")).unwrap();
    assert_eq!(score(&contacts, "ann"), 30.0);
    contacts.link(&split("s", 2.0, "m")).unwrap();
    assert_eq!((score(&contacts, "x"), score(&contacts, "ann")), (30.0, 30.0));
}

#[test]
fn s2_a_record_may_go_to_a_person_and_to_their_company() {
    let mut contacts = contacts();
    for (id, person) in [("1", "ann"), ("2", "bob")] {
        let effect = contacts.event(&[person, "company:acme"], &worth(id, 0.0, 60.0));
        assert_eq!(
            effect.outcomes,
            [(person.to_owned(), Outcome::Applied), ("company:acme".to_owned(), Outcome::Applied)]
        );
    }
    assert_eq!(
        (score(&contacts, "ann"), score(&contacts, "bob"), score(&contacts, "company:acme")),
        (60.0, 60.0, 120.0)
    );
    // An attribute of a person is no attribute of the company.
    contacts.event(&["ann"], &attribute("3", 1.0, "age", 30.0));
    assert!(contacts.contact("company:acme").scorecard().attributes.is_empty());
}

#[test]
fn s52_erasure_takes_all_ids_and_what_comes_later_is_ignored() {
    let mut contacts = contacts();
    contacts.event(&["x"], &worth("1", 0.0, 60.0));
    contacts.event(&["ann"], &worth("2", 1.0, 50.0));
    contacts.link(&merge("m", 2.0, "x", "ann")).unwrap();
    let effect = contacts.erase("x", Uid::of("crm", "e"), day(3.0));
    assert_eq!(told(&effect), [("ann", "erase", vec![])]);
    let erased = &effect.derived[0];
    assert_eq!((erased.derived_type, erased.seq, erased.time), (DerivedType::ContactErased, 8, day(3.0)));
    for id in ["x", "ann"] {
        assert_eq!(only(&contacts.event(&[id], &worth("9", 4.0, 50.0))), Outcome::Erased);
        assert!(contacts.contact(id).ledger().is_empty());
    }
    assert_eq!(only(&contacts.erase("ann", Uid::of("crm", "f"), day(5.0))), Outcome::Erased);
    // S48: a blocked id is a dead letter.
    assert_eq!(only(&contacts.link(&merge("n", 6.0, "new", "ann")).unwrap()), Outcome::DeadLetter);
}

#[test]
fn s52_reinstated_only_what_happens_from_then_on_counts_with_numbers_never_used() {
    let mut contacts = contacts();
    contacts.event(&["ann"], &worth("1", 0.0, 200.0));
    contacts.erase("ann", Uid::of("crm", "e"), day(3.0));
    contacts.reinstate("ann", day(5.0));
    assert_eq!(only(&contacts.event(&["ann"], &worth("2", 4.0, 50.0))), Outcome::Erased);
    assert_eq!(only(&contacts.event(&["ann"], &worth("1", 0.0, 200.0))), Outcome::Erased);
    let effect = contacts.event(&["ann"], &worth("3", 5.0, 45.0));
    let first = u64::try_from(5 * DAY_MS).unwrap() + 1;
    let numbers: Vec<_> = effect.derived.iter().map(|d| (d.subject.as_str(), d.n, d.seq)).collect();
    assert_eq!(numbers, [("band", first, first), ("stage", first, first + 1)]);
    contacts.event(&["ann"], &worth("4", 6.0, -10.0));
    let effect = contacts.event(&["ann"], &worth("5", 7.0, 10.0));
    assert_eq!(effect.derived[0].n, first + 2); // cold and warm again
    assert_eq!(only(&contacts.reinstate("bob", 0)), Outcome::Unmatched);
}

#[test]
fn s56_a_verdict_delivered_to_one_id_judges_what_was_delivered_to_the_other() {
    let mut contacts = contacts();
    contacts.event(&["x"], &worth("1", 0.0, 60.0));
    let verdict: OracleEvent = event("2", 1.0, "verdict").of_kind(Kind::Verdict);
    contacts.event(&["ann"], &verdict.with("source", "web").with("id", "1").with("verdict", "machine"));
    assert_eq!(score(&contacts, "x"), 60.0);
    contacts.link(&merge("m", 2.0, "x", "ann")).unwrap();
    assert_eq!(score(&contacts, "ann"), 0.0);
}

#[test]
fn s29_a_list_is_by_score_down_and_then_by_the_bytes_of_the_id_at_one_instant() {
    let mut contacts = contacts();
    for (id, contact, points) in [("1", "b", 5.0), ("2", "a", 5.0), ("3", "é", 7.0), ("4", "Z", 5.0)] {
        contacts.event(&[contact], &worth(id, 1.0, points));
    }
    contacts.event(&["a"], &worth("5", 3.0, 9.0));
    contacts.clock(day(4.0));
    let ids = |instant| contacts.list("plan:p", instant).unwrap().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(day(2.0)), ["é", "Z", "a", "b"]);
    assert_eq!(ids(day(4.0)), ["a", "é", "Z", "b"]);
    assert_eq!(contacts.list("score", day(4.0)), None);
}

#[test]
fn s49_contacts_with_a_base_are_refused() {
    let limits = Limits { rows: 1, ..Limits::default() };
    let mut contacts = Contacts::new(&[&plan("p", PLAN)], limits).unwrap();
    contacts.event(&["x"], &worth("1", 0.0, 60.0));
    contacts.event(&["x"], &worth("2", 1.0, 60.0));
    assert!(contacts.link(&merge("m", 2.0, "x", "ann")).is_err());
    assert_eq!(contacts.root("x"), "x");
}

#[test]
fn s3_s51_of_copies_that_met_the_one_that_stayed_stays_with_both() {
    let mut contacts = contacts();
    contacts.event(&["x"], &worth("1", 0.0, 60.0));
    contacts.event(&["ann"], &worth("1", 1.0, 50.0));
    assert_eq!((score(&contacts, "x"), score(&contacts, "ann")), (60.0, 50.0));
    contacts.link(&merge("m", 2.0, "x", "ann")).unwrap();
    assert_eq!(score(&contacts, "ann"), 60.0);
    contacts.link(&split("s", 3.0, "m")).unwrap();
    assert_eq!((score(&contacts, "x"), score(&contacts, "ann")), (60.0, 60.0));
}
