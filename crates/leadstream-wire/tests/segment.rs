//! What each message of the Segment shape becomes, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use leadstream_core::{EventKind, Uid, Verdict};
use leadstream_wire::{DeadLetterCode, Decoded, InputRecord, Shape, SkipReason, SourceFormat};

use common::{decode_one, properties, record};

fn web() -> SourceFormat {
    SourceFormat::new("web", Shape::Segment)
}

/// The first event of a message.
fn event(message: &str) -> leadstream_core::Event {
    let (batch, decoded) = decode_one(&web(), &record(message.as_bytes()));
    assert!(matches!(decoded, Ok(Decoded::Events(_))), "{decoded:?}");
    batch.events()[0].clone()
}

fn code(message: &str) -> DeadLetterCode {
    let (batch, decoded) = decode_one(&web(), &record(message.as_bytes()));
    assert!(batch.is_empty());
    decoded.unwrap_err().code
}

#[test]
fn a_track_becomes_an_interaction_of_its_name() {
    let event = event(
        r#"{"type":"track","event":"Order Completed","userId":"u1","anonymousId":"a1","messageId":"m1",
            "timestamp":"2025-10-09T08:53:20Z","properties":{"orderId":"o1","total":"27.50","revenue":25,"coupon":"",
            "gift":null,"products":[{"sku":"x"}],"shipping":{"firstName":"Ana","address":{"city":"Łódź"}}}}"#,
    );
    assert_eq!(event.kind, EventKind::Interaction);
    assert_eq!((event.contact.as_str(), event.event_type.as_str()), ("u1", "order_completed"));
    assert_eq!((event.uid, event.source.as_str()), (Uid::of("web", "m1"), "web"));
    assert_eq!(event.time.to_string(), "2025-10-09T08:53:20.000Z");
    assert_eq!((event.verdict, event.clamped), (Verdict::Human, false));
    assert_eq!(
        properties(&event),
        r#"order_id=Text("o1") revenue=Number(25.0) shipping.address.city=Text("Łódź") shipping.first_name=Text("Ana") total=Text("27.50") value=Number(27.5)"#
    );
}

#[test]
fn pages_and_screens_have_one_type_each_and_a_name() {
    let page = event(
        r#"{"type":"page","name":"Home","category":"Docs","userId":"u1","properties":{"title":"T"},
            "context":{"page":{"url":"https://x.example/a/b?c=d","title":"not this","referrer":""}}}"#,
    );
    assert_eq!(page.event_type.as_str(), "page_viewed");
    assert_eq!(
        properties(&page),
        r#"category=Text("Docs") name=Text("Home") path=Text("/a/b") title=Text("T") url=Text("https://x.example/a/b?c=d")"#
    );
    let screen = event(r#"{"type":"screen","name":"Main","userId":"u1","context":{"page":{"url":"/no"}}}"#);
    assert_eq!((screen.event_type.as_str(), &*properties(&screen)), ("screen_viewed", r#"name=Text("Main")"#));
}

#[test]
fn an_identify_gives_attributes_and_a_link_between_its_ids() {
    let message = r#"{"type":"identify","userId":"u1","anonymousId":"a1","messageId":"m1",
        "traits":{"firstName":"Ana","phone":"","age":30},"context":{"traits":{"age":99,"city":"Kraków"}}}"#;
    let (batch, decoded) = decode_one(&web(), &record(message.as_bytes()));
    assert_eq!(decoded, Ok(Decoded::Events(2)));
    let [attributes, link] = batch.events() else { panic!("two events") };
    assert_eq!((attributes.kind, attributes.uid), (EventKind::Attributes, Uid::of("web", "m1")));
    assert_eq!(properties(attributes), r#"age=Number(30.0) city=Text("Kraków") first_name=Text("Ana") phone=Null"#);
    assert_eq!((link.kind, link.uid), (EventKind::Link, Uid::of("web", "m1#link")));
    assert_eq!((link.contact.as_str(), &*properties(link)), ("u1", r#"seen=Bool(true) with=Text("a1")"#));

    let (_, decoded) = decode_one(&web(), &record(br#"{"type":"identify","userId":"u1","traits":{}}"#));
    assert_eq!(decoded, Ok(Decoded::Skipped(SkipReason::Empty)));
}

#[test]
fn an_alias_links_and_a_group_is_joined() {
    let mut format = web();
    format.contact_prefix = "web:".to_owned();
    let (batch, _) =
        decode_one(&format, &record(br#"{"type":"alias","userId":"u1","previousId":"p1","messageId":"m"}"#));
    let link = &batch.events()[0];
    assert_eq!((link.kind, link.contact.as_str()), (EventKind::Link, "web:u1"));
    assert_eq!(properties(link), r#"with=Text("web:p1")"#);
    let seen = event(r#"{"type":"alias","userId":"u1","anonymousId":"a1","messageId":"m"}"#);
    assert_eq!(properties(&seen), r#"seen=Bool(true) with=Text("a1")"#);
    assert_eq!(code(r#"{"type":"alias","userId":"u1"}"#), DeadLetterCode::AliasIncomplete);
    // Nobody becomes one with all others of whom nothing is known.
    for nobody in ["null", "00000000-0000-0000-0000-000000000000", "Undefined", "-1"] {
        assert_eq!(
            code(&format!(r#"{{"type":"alias","userId":"u1","previousId":"{nobody}"}}"#)),
            DeadLetterCode::LinkBlocked
        );
        let identify = format!(r#"{{"type":"identify","userId":"u1","anonymousId":"{nobody}","traits":{{"age":3}}}}"#);
        assert_eq!(decode_one(&web(), &record(identify.as_bytes())).1, Ok(Decoded::Events(1)), "{nobody}");
    }
    assert_eq!(code(r#"{"type":"alias","userId":"u1","previousId":"u1"}"#), DeadLetterCode::AliasIncomplete);

    let group = event(r#"{"type":"group","userId":"u1","groupId":"g1","traits":{"plan":"gold","x":""}}"#);
    assert_eq!((group.kind, group.event_type.as_str()), (EventKind::Interaction, "group_joined"));
    assert_eq!(properties(&group), r#"group.plan=Text("gold") group_id=Text("g1")"#);
}

#[test]
fn other_spellings_of_the_fields_are_taken_and_the_specifications_wins() {
    let event = event(
        r#"{"action":"Track","event":"email link clicked","user_id":"u2","message_id":"m2","sent_at":"x",
            "timeStamp":"2025-10-09T08:53:20Z","properties":{}}"#,
    );
    assert_eq!((event.contact.as_str(), event.event_type.as_str()), ("u2", "email_clicked"));
    assert_eq!(event.uid, Uid::of("web", "m2"));
    assert_eq!(event.time.millis(), 1_760_000_000_000);
    for message in [
        r#"{"type":"track","event":"e","user_id":"x","userId":"u1"}"#,
        r#"{"type":"track","event":"e","userId":"u1","user_id":"x"}"#,
        r#"{"event":"e","userId":" u1 ","type":null}"#,
    ] {
        assert_eq!(self::event(message).contact, "u1", "{message}");
    }
    assert_eq!(
        self::event(r#"{"type":"track","event":"e","userId":12345678901234567890}"#).contact,
        "12345678901234567890"
    );
}

#[test]
fn the_time_is_corrected_by_the_senders_clock() {
    let time =
        |fields: &str| event(&format!(r#"{{"type":"track","event":"e","userId":"u",{fields}}}"#)).time.to_string();
    // The sender's clock is an hour slow: it says 07:00 when the receiver says 08:00.
    let (original, sent, received) = (
        r#""originalTimestamp":"2025-10-09T06:59:50Z""#,
        r#""sentAt":"2025-10-09T07:00:00Z""#,
        r#""receivedAt":"2025-10-09T08:00:00Z""#,
    );
    assert_eq!(time(&format!("{original},{sent},{received}")), "2025-10-09T07:59:50.000Z");
    assert_eq!(time(&format!("{original},{sent}")), "2025-10-09T06:59:50.000Z");
    assert_eq!(time(&format!(r#"{original},"sentAt":"rubbish",{received}"#)), "2025-10-09T06:59:50.000Z");
    assert_eq!(
        time(&format!(r#""timestamp":"2025-10-09T05:00:00Z",{original},{sent},{received}"#)),
        "2025-10-09T05:00:00.000Z"
    );
    assert_eq!(time(received), "2025-10-09T08:00:00.000Z");
    assert_eq!(time(r#""timestamp":"""#), "2025-10-09T08:53:20.000Z", "the broker's timestamp");
}

#[test]
fn a_message_ahead_of_its_reception_is_clamped_s4() {
    let event = event(
        r#"{"type":"track","event":"e","userId":"u","timestamp":"2031-01-01T00:00:00Z","receivedAt":"2025-10-09T08:00:00Z"}"#,
    );
    assert_eq!((event.time.to_string().as_str(), event.clamped), ("2025-10-09T08:00:00.000Z", true));
}

#[test]
fn machines_that_say_so_are_marked_s56() {
    let event = event(
        r#"{"type":"track","event":"e","userId":"u","context":{"userAgent":"Mozilla/5.0 (compatible; bingbot/2.0)"}}"#,
    );
    assert_eq!(event.verdict, Verdict::Machine);
}

#[test]
fn a_message_without_an_id_is_known_by_its_content_s3() {
    let uid = |message: &str| event(message).uid;
    let one = uid(r#"{"type":"track","event":"e","userId":"u","properties":{"a":1.0,"b":2}}"#);
    assert_eq!(one, uid(r#"{ "userId":"u","event":"e","properties":{"b":2.0,"a":1},"type":"track" }"#));
    assert_ne!(one, uid(r#"{"type":"track","event":"e","userId":"u","properties":{"a":1,"b":3}}"#));
}

#[test]
fn a_sources_own_contact_expression_goes_before_the_ids() {
    let mut format = web();
    format.contact = Some("record.context.traits.email".to_owned());
    let message =
        r#"{"type":"identify","userId":"u1","anonymousId":"a1","context":{"traits":{"email":"a@b.example"}}}"#;
    let (batch, decoded) = decode_one(&format, &record(message.as_bytes()));
    assert_eq!(decoded, Ok(Decoded::Events(1)), "ids of another kind are not linked");
    assert_eq!(batch.events()[0].contact, "a@b.example");
    let (_, decoded) = decode_one(&format, &record(br#"{"type":"track","event":"e","userId":"u1"}"#));
    assert_eq!(decoded.unwrap_err().code, DeadLetterCode::ContactMissing);
}

#[test]
fn what_is_too_much_is_dropped_and_counted_s58() {
    let long = "x".repeat(2000);
    let message = format!(
        r#"{{"type":"track","event":"e","userId":"u","properties":{{"long":"{long}","short":1,"list":[1,[2]],"{long}":1}}}}"#
    );
    let (batch, decoded) = decode_one(&web(), &record(message.as_bytes()));
    assert_eq!(decoded, Ok(Decoded::Events(1)));
    assert_eq!(properties(&batch.events()[0]), "short=Number(1.0)");
    assert_eq!((batch.dropped.oversize, batch.dropped.shapes, batch.dropped.names), (1, 1, 1));
}

#[test]
fn every_kind_of_bad_message_has_its_code() {
    use DeadLetterCode as Code;
    let deep = format!(
        r#"{{"type":"track","event":"e","userId":"u","properties":{}1{}}}"#,
        "{\"a\":".repeat(40),
        "}".repeat(40)
    );
    let many: Vec<String> = (0..1100).map(|number| format!(r#""k{number}":1"#)).collect();
    let many = format!(r#"{{"type":"track","event":"e","userId":"u","properties":{{{}}}}}"#, many.join(","));
    let long = "y".repeat(300);
    for (message, expected) in [
        (r#"{"type":"track","event":"e","userId":"u""#.to_owned(), Code::Malformed),
        (r#"{"type":"track","event":"e","userId":"u"} x"#.to_owned(), Code::Malformed),
        (r#"{"type":"track","event":"e","userId":"u","n":01}"#.to_owned(), Code::Malformed),
        ("[]".to_owned(), Code::Malformed),
        ("null".to_owned(), Code::Malformed),
        (String::new(), Code::Malformed),
        ("[".repeat(60_000), Code::TooDeep),
        (deep, Code::TooDeep),
        (many, Code::TooManyProperties),
        (format!(r#"{{"userId":"{}"}}"#, "x".repeat(65_536)), Code::TooLarge),
        (r#"{"userId":"u"}"#.to_owned(), Code::TypeMissing),
        (r#"{"type":"purchase","userId":"u"}"#.to_owned(), Code::TypeUnknown),
        (r#"{"type":7,"userId":"u"}"#.to_owned(), Code::WrongType),
        (r#"{"type":"track","userId":"u"}"#.to_owned(), Code::EventMissing),
        (r#"{"type":"track","event":"","userId":"u"}"#.to_owned(), Code::EventMissing),
        (r#"{"type":"track","event":{"name":"e"},"userId":"u"}"#.to_owned(), Code::WrongType),
        (format!(r#"{{"type":"track","event":"{long}","userId":"u"}}"#), Code::NameTooLong),
        (r#"{"type":"track","event":"e"}"#.to_owned(), Code::ContactMissing),
        (r#"{"type":"track","event":"e","userId":"","anonymousId":null}"#.to_owned(), Code::ContactMissing),
        (format!(r#"{{"type":"track","event":"e","userId":"{long}"}}"#), Code::ContactTooLong),
        (format!(r#"{{"type":"alias","userId":"u","previousId":"{long}"}}"#), Code::ContactTooLong),
        (
            format!(r#"{{"type":"identify","userId":"u","anonymousId":"{long}","traits":{{"a":1}}}}"#),
            Code::ContactTooLong,
        ),
        (r#"{"type":"track","event":"e","userId":"u","timestamp":"NOW"}"#.to_owned(), Code::TimeUnreadable),
        (r#"{"type":"track","event":"e","userId":"u","timestamp":true}"#.to_owned(), Code::TimeUnreadable),
        (
            r#"{"type":"track","event":"e","userId":"u","timestamp":"2020-01-01 10:00:00"}"#.to_owned(),
            Code::TimeZoneMissing,
        ),
        (
            r#"{"type":"track","event":"e","userId":"u","timestamp":"0999-01-01T00:00:00Z"}"#.to_owned(),
            Code::TimeImplausible,
        ),
        (r#"{"type":"track","event":"e","userId":"u","timestamp":-1e30}"#.to_owned(), Code::TimeUnreadable),
    ] {
        assert_eq!(code(&message), expected, "{}", message.chars().take(100).collect::<String>());
    }
    let bytes = |value: Option<&[u8]>| decode_one(&web(), &InputRecord { value, ..record(b"") }).1.unwrap_err().code;
    assert_eq!(bytes(Some(b"{\"type\":\"track\xff\"}")), Code::NotUtf8);
    assert_eq!(bytes(None), Code::NoValue);
}

#[test]
fn a_record_of_a_file_without_any_time_is_refused() {
    let from_file =
        InputRecord { timestamp_ms: None, line: Some(1), ..record(br#"{"type":"track","event":"e","userId":"u"}"#) };
    assert_eq!(decode_one(&web(), &from_file).1.unwrap_err().code, DeadLetterCode::TimeMissing);
}

#[test]
fn a_reason_never_quotes_the_record() {
    for message in [r#"{"type":"track","event":"secret@x.example""#, r#"{"type":"secret@x.example"}"#] {
        let letter = decode_one(&web(), &record(message.as_bytes())).1.unwrap_err();
        assert!(!letter.reason.contains("secret"), "{letter}");
    }
}

#[test]
fn huge_numbers_are_rounded_and_those_beyond_all_measure_refused() {
    let number = |text: &str| {
        let message = format!(r#"{{"type":"track","event":"e","userId":"u","properties":{{"n":{text}}}}}"#);
        let (batch, decoded) = decode_one(&web(), &record(message.as_bytes()));
        decoded.map(|_| properties(&batch.events()[0])).map_err(|letter| letter.code)
    };
    assert_eq!(number("123456789012345678901234567890").as_deref(), Ok("n=Number(1.2345678901234568e29)"));
    assert_eq!(number("333333333.33333329").as_deref(), Ok("n=Number(333333333.3333333)"));
    assert_eq!(number("-1e-400").as_deref(), Ok("n=Number(-0.0)"));
    assert_eq!(number("1e999"), Err(DeadLetterCode::Malformed));
}
