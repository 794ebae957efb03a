//! In whose name a contact acts: a record's interactions go to the company too (S2).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use leadstream_core::{Event, EventKind, Uid};
use leadstream_wire::{CsvFormat, Decoded, Decoder, Encoding, Mapping, Shape, SourceFormat};

use common::{decode_one, properties, record};

fn web() -> SourceFormat {
    let company = "has(record.groupId) ? record.groupId : record.context.groupId";
    SourceFormat { company: Some(company.to_owned()), ..SourceFormat::new("web", Shape::Segment) }
}

fn kinds_and_contacts(events: &[Event]) -> Vec<(EventKind, &str)> {
    events.iter().map(|event| (event.kind, event.contact.as_str())).collect()
}

#[test]
fn an_interaction_is_the_companys_too_by_the_same_identity_s2_s3() {
    let message = br#"{"type":"track","event":"Demo Requested","userId":"u1","messageId":"m1",
        "properties":{"seats":3},"context":{"groupId":"acme"}}"#;
    let (batch, decoded) = decode_one(&web(), &record(message));
    assert_eq!(decoded, Ok(Decoded::Events(2)));
    let [person, company] = batch.events() else { panic!("two events") };
    assert_eq!((person.contact.as_str(), company.contact.as_str()), ("u1", "company:acme"));
    let copy = Event { contact: person.contact.clone(), ..company.clone() };
    assert_eq!(format!("{copy:?}"), format!("{person:?}"), "all else is one event");
}

#[test]
fn joining_a_company_says_what_it_is_and_nothing_else_of_a_person_is_the_companys() {
    let group = br#"{"type":"group","userId":"u1","groupId":"acme","messageId":"m2","traits":{"industry":"steel","employees":90}}"#;
    let (batch, _) = decode_one(&web(), &record(group));
    assert_eq!(
        kinds_and_contacts(batch.events()),
        [
            (EventKind::Interaction, "u1"),
            (EventKind::Interaction, "company:acme"),
            (EventKind::Attributes, "company:acme")
        ]
    );
    let attributes = &batch.events()[2];
    assert_eq!(properties(attributes), r#"employees=Number(90.0) industry=Text("steel")"#);
    assert_eq!(attributes.uid, Uid::of("web", &format!("{}#company", Uid::of("web", "m2"))));

    let identify =
        br#"{"type":"identify","userId":"u1","anonymousId":"a","traits":{"age":30},"context":{"groupId":"acme"}}"#;
    let (batch, _) = decode_one(&web(), &record(identify));
    assert_eq!(kinds_and_contacts(batch.events()), [(EventKind::Attributes, "u1"), (EventKind::Link, "u1")]);
}

#[test]
fn without_a_company_and_with_one_that_cannot_be_made_the_persons_event_stays() {
    for (message, dropped) in [
        (r#"{"type":"page","userId":"u1"}"#.to_owned(), 0),
        (r#"{"type":"page","userId":"u1","context":{"groupId":""}}"#.to_owned(), 0),
        (r#"{"type":"page","userId":"u1","context":{"groupId":null}}"#.to_owned(), 0),
        (r#"{"type":"page","userId":"u1","context":"none"}"#.to_owned(), 1),
        (format!(r#"{{"type":"page","userId":"u1","context":{{"groupId":"{}"}}}}"#, "g".repeat(5_000)), 1),
    ] {
        let (batch, decoded) = decode_one(&web(), &record(message.as_bytes()));
        assert_eq!(decoded, Ok(Decoded::Events(1)), "{message}");
        assert_eq!((batch.events()[0].contact.as_str(), batch.dropped.expressions), ("u1", dropped), "{message}");
    }
    let mut alone = web();
    (alone.company, alone.company_prefix) = (Some("record.userId".to_owned()), String::new());
    let (_, decoded) = decode_one(&alone, &record(br#"{"type":"page","userId":"u1"}"#));
    assert_eq!(decoded, Ok(Decoded::Events(1)), "whoever acts in the own name acts once");
}

#[test]
fn mapped_records_name_companies_and_mistakes_are_told_with_the_others() {
    let columns = ["at", "who", "firm"].map(str::to_owned).to_vec();
    let mapping = Mapping { event_type: Some("'called'".to_owned()), ..Mapping::default() };
    let csv = Encoding::Csv(CsvFormat { columns, delimiter: b';' });
    let mut calls = SourceFormat::new("calls", Shape::Mapped(csv, Box::new(mapping)));
    (calls.contact, calls.company) = (Some("record.who".to_owned()), Some("record.firm".to_owned()));
    calls.company_prefix = "firm/".to_owned();
    let (batch, _) = decode_one(&calls, &record(b"1;ana;acme"));
    assert_eq!(
        kinds_and_contacts(batch.events()),
        [(EventKind::Interaction, "ana"), (EventKind::Interaction, "firm/acme")]
    );

    calls.company = Some("recrod.firm == ".to_owned());
    calls.contact = None;
    let fields: Vec<String> =
        Decoder::compile(&calls).err().unwrap().into_iter().map(|problem| problem.field).collect();
    assert!(fields.contains(&"company".to_owned()) && fields.contains(&"contact".to_owned()), "{fields:?}");
}
