//! Mapped JSON, CSV and Avro: fields, times, identities, and all the mistakes of a description at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::collections::BTreeMap;

use leadstream_core::{EventKind, Verdict};
use leadstream_wire::{
    CsvFormat, DeadLetterCode, Decoded, Decoder, Encoding, InputRecord, MappedKind, Mapping, Purpose, Shape,
    SkipReason, SourceFormat, TimeFormat, check_expression,
};
use proptest::prelude::*;

use common::{decode_one, properties, record};

fn texts<const N: usize>(texts: [(&str, &str); N]) -> BTreeMap<String, String> {
    texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

/// Lines of an online shop's invoices.
fn invoices() -> SourceFormat {
    let columns = ["InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"].map(str::to_owned).to_vec();
    let mapping = Mapping {
        event_type: Some("record.InvoiceNo.startsWith('C') ? 'order cancelled' : 'order completed'".into()),
        id: Some("record.InvoiceNo".into()),
        time: Some("record.InvoiceDate".into()),
        time_format: TimeFormat::Pattern("%m/%d/%Y %H:%M".into()),
        skip_when: Some("record.CustomerID == ''".into()),
        properties: texts([
            ("order_id", "record.InvoiceNo"),
            ("value", "double(record.Quantity) * double(record.UnitPrice)"),
        ]),
        ..Mapping::default()
    };
    let csv = Encoding::Csv(CsvFormat { columns, delimiter: b',' });
    let mut format = SourceFormat::new("shop", Shape::Mapped(csv, Box::new(mapping)));
    format.contact = Some("record.CustomerID".into());
    format.time_zone = Some("Europe/London".into());
    format
}

#[test]
fn csv_lines_are_mapped_by_their_columns() {
    let (batch, decoded) = decode_one(&invoices(), &record(b"536365,6,7/1/2010 8:26,2.55,17850\r\n"));
    assert_eq!(decoded, Ok(Decoded::Events(1)));
    let event = &batch.events()[0];
    assert_eq!((event.contact.as_str(), event.event_type.as_str()), ("17850", "order_completed"));
    assert_eq!(event.time.to_string(), "2010-07-01T07:26:00.000Z");
    assert_eq!(properties(event), r#"order_id=Text("536365") value=Number(15.299999999999999)"#);
    let (batch, _) = decode_one(&invoices(), &record(b"\"C5\"\"3\",1,12/1/2010 8:26,2,17850"));
    assert_eq!(batch.events()[0].event_type.as_str(), "order_cancelled");
    let skipped = decode_one(&invoices(), &record(b"536365,6,7/1/2010 8:26,2.55,")).1;
    assert_eq!(skipped, Ok(Decoded::Skipped(SkipReason::SkipWhen)));
}

#[test]
fn bad_lines_have_their_codes() {
    use DeadLetterCode as Code;
    for (line, expected) in [
        (&b"536365,6,7/1/2010 8:26,2.55"[..], Code::WrongColumns),
        (b"536365,6,7/1/2010 8:26,2.55,1,2,3,4", Code::WrongColumns),
        (b"a,b,c,d,e\nf,g,h,i,j", Code::Malformed),
        (b"", Code::Malformed),
        (b"\r\n", Code::Malformed),
        (b"536365,6,2010-07-01,2.55,17850", Code::TimeUnreadable),
        (b"536365,6,7/1/2010 8:26,2.55,\xff", Code::NotUtf8),
        (b"536365,6,7/1/1810 8:26,2.55,17850", Code::TimeImplausible),
    ] {
        assert_eq!(decode_one(&invoices(), &record(line)).1.unwrap_err().code, expected, "{line:?}");
    }
    let (batch, _) = decode_one(&invoices(), &record(b"536365,many,7/1/2010 8:26,2.55,17850"));
    assert_eq!((&*properties(&batch.events()[0]), batch.dropped.expressions), (r#"order_id=Text("536365")"#, 1));
}

fn json(mapping: Mapping) -> SourceFormat {
    let mut format = SourceFormat::new("app", Shape::Mapped(Encoding::Json, Box::new(mapping)));
    format.contact = Some("record.user.id".into());
    format
}

#[test]
fn equal_lines_of_a_file_are_two_events_and_equal_records_of_a_topic_one() {
    let format = json(Mapping { event_type: Some("'visit'".into()), ..Mapping::default() });
    let value = br#"{"user":{"id":"u1"}}"#;
    let uid = |offset, line| {
        let record = InputRecord { offset, line, ..record(value) };
        decode_one(&format, &record).0.events()[0].uid
    };
    assert_eq!(uid(1, None), uid(2, None));
    assert_ne!(uid(1, Some(1)), uid(1, Some(2)));
    assert_eq!(uid(1, Some(1)), uid(9, Some(1)));
}

#[test]
fn a_whole_object_becomes_properties_and_named_ones_win() {
    let format = json(Mapping {
        event_type: Some("record.what".into()),
        verdict: Some("record.bot".into()),
        all_properties: Some("record.data".into()),
        properties: texts([("kind", "'named'"), ("twice", "record.data.n * 2"), ("absent", "record.nothing.here")]),
        ..Mapping::default()
    });
    let value =
        br#"{"user":{"id":7},"what":"Page View","bot":true,"data":{"n":1.5,"kind":"other","in":{"ner":"x"},"l":[]}}"#;
    let (batch, decoded) = decode_one(&format, &record(value));
    assert_eq!(decoded, Ok(Decoded::Events(1)));
    let event = &batch.events()[0];
    assert_eq!((event.contact.as_str(), event.verdict), ("7", Verdict::Machine));
    assert_eq!(properties(event), r#"in.ner=Text("x") kind=Text("named") n=Number(1.5) twice=Number(3.0)"#);
    assert_eq!((batch.dropped.shapes, batch.dropped.expressions), (1, 0));
}

#[test]
fn other_kinds_of_records_are_attributes_snapshots_and_tags() {
    let decode = |kind, value: &[u8]| {
        let mapping = Mapping { kind, all_properties: Some("record.data".into()), ..Mapping::default() };
        let (batch, decoded) = decode_one(&json(mapping), &record(value));
        decoded.map(|decoded| (decoded, batch.events().first().map(|event| (event.kind, properties(event)))))
    };
    let value = br#"{"user":{"id":"u"},"data":{"aB":"","c":true}}"#;
    let attributes = "a_b=Null c=Bool(true)".to_owned();
    assert_eq!(decode(MappedKind::Attributes, value).unwrap().1, Some((EventKind::Attributes, attributes.clone())));
    assert_eq!(decode(MappedKind::Snapshot, value).unwrap().1, Some((EventKind::Snapshot, attributes)));
    let tags = br#"{"user":{"id":"u"},"data":{"Big Spender":true,"old":false}}"#;
    assert_eq!(
        decode(MappedKind::Tags, tags).unwrap().1,
        Some((EventKind::Tags, "Big Spender=Bool(true) old=Bool(false)".to_owned()))
    );
    let wrong = decode(MappedKind::Tags, br#"{"user":{"id":"u"},"data":{"x":1}}"#).unwrap_err();
    assert_eq!(wrong.code, DeadLetterCode::WrongType);
    let empty = decode(MappedKind::Attributes, br#"{"user":{"id":"u"}}"#).unwrap().0;
    assert_eq!(empty, Decoded::Skipped(SkipReason::Empty));
}

#[test]
fn mapped_avro_is_read_with_its_own_schema() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"who","type":["null","long"]},{"name":"seen","type":"float"}]}"#;
    let mapping = Mapping {
        event_type: Some("'seen'".into()),
        properties: texts([("seconds", "record.seen")]),
        ..Mapping::default()
    };
    let mut format = SourceFormat::new("app", Shape::Mapped(Encoding::Avro(schema.into()), Box::new(mapping)));
    format.contact = Some("string(record.who) + '@' + key".into());
    let keyed = InputRecord { key: Some(b"k"), ..record(&[2, 84, 0, 0, 0x20, 0x40]) };
    let (batch, decoded) = decode_one(&format, &keyed);
    assert_eq!(decoded, Ok(Decoded::Events(1)));
    assert_eq!((batch.events()[0].contact.as_str(), &*properties(&batch.events()[0])), ("42@k", "seconds=Number(2.5)"));
    assert_eq!(decode_one(&format, &record(&[2, 84, 0])).1.unwrap_err().code, DeadLetterCode::Malformed);
}

#[test]
fn all_mistakes_of_a_description_are_told_at_once() {
    let mapping = Mapping {
        id: Some("recrod.id".into()),
        time: Some("record.".into()),
        all_properties: Some("record.a + 'x'".into()),
        properties: texts([("value", "1 +")]),
        ..Mapping::default()
    };
    let csv = Encoding::Csv(CsvFormat { columns: vec!["a".into(), "a".into()], delimiter: b'"' });
    let mut format = SourceFormat::new("", Shape::Mapped(csv, Box::new(mapping)));
    format.time_zone = Some("Europe/Warszawa".into());
    let problems = Decoder::compile(&format).err().unwrap();
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "source",
            "time_zone",
            "columns",
            "delimiter",
            "contact",
            "mapping.type",
            "mapping.id",
            "mapping.time",
            "mapping.all_properties",
            "mapping.properties.value"
        ]
    );
    assert_eq!(problems[1].to_string(), "time_zone: `Europe/Warszawa` is not an IANA time zone");
    let schemas = BTreeMap::from([(1, "{".to_owned())]);
    let format = SourceFormat::new("s", Shape::Interactions(Encoding::ConfluentAvro(schemas)));
    assert_eq!(Decoder::compile(&format).err().unwrap()[0].field, "schemas.1");
}

#[test]
fn a_pattern_whose_times_have_no_day_is_refused() {
    for (pattern, is_fine) in [
        ("%H:%M", false),
        ("%d %H:%M", false),
        ("%m/%d %H", false),
        ("%Y-%m-%d", true),
        ("%d.%m.%Y %H:%M", true),
        ("%s", true),
    ] {
        let found = leadstream_wire::check_time_pattern("f", pattern);
        assert_eq!(found.is_none(), is_fine, "{pattern}: {found:?}");
    }
}

#[test]
fn a_decoder_can_be_sent_to_the_thread_that_uses_it() {
    fn is_send<T: Send>() {}
    is_send::<Decoder>();
}

/// Scraps that mean something to CEL or to us.
fn scrap() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "record", ".", "a", "key", "topic", "line", "(", ")", "[", "]", "{", "}", "'ą'", "\"x\"", "'", "==", "=", "!",
        "&&", "||", "?", ":", ",", "1", "2.5", "-", "+", "*", "%", "in", "size", "string", "has", ".exists(", "b, b",
        ".map(", "null", "true", " ", "\n", "é", "\\u", "r'", "_?_:_",
    ];
    prop_oneof![3 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

proptest! {
    #[test]
    fn any_expression_gets_an_answer_with_a_place_inside_it(scraps in prop::collection::vec(scrap(), 0..14), purpose in 0usize..4) {
        let text = scraps.concat();
        let purpose = [Purpose::SkipWhen, Purpose::Contact, Purpose::AllProperties, Purpose::Verdict][purpose];
        for problem in check_expression("field", &text, purpose) {
            let span = problem.span.clone().unwrap();
            prop_assert!(text.get(span).is_some(), "{text:?}: {problem:?}");
            prop_assert!(!problem.problem.is_empty() && problem.problem.len() < 1000, "{text:?}: {problem:?}");
        }
    }
}
