//! Leadstream's own formats, in JSON, plain Avro and framed Avro.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::collections::BTreeMap;

use leadstream_core::{EventKind, Uid, Verdict};
use leadstream_wire::{DeadLetterCode, Decoded, Encoding, InputRecord, Shape, SkipReason, SourceFormat};
use serde::Serialize;

use common::{decode_one, properties, record};

const INTERACTION: &str = include_str!("../../../schemas/interaction.avsc");
const CONTACT: &str = include_str!("../../../schemas/contact.avsc");

#[derive(Serialize)]
#[serde(untagged)]
enum Scalar {
    Null,
    Boolean(bool),
    Double(f64),
    String(&'static str),
}

#[derive(Serialize)]
struct Interaction {
    id: Option<&'static str>,
    r#type: &'static str,
    contact: Option<&'static str>,
    time: Option<i64>,
    received: Option<i64>,
    verdict: &'static str,
    properties: BTreeMap<&'static str, Scalar>,
}

fn interaction() -> Interaction {
    Interaction {
        id: Some("e1"),
        r#type: "Order Completed",
        contact: Some("c1"),
        time: Some(1_000),
        received: None,
        verdict: "suspect",
        properties: BTreeMap::from([
            ("url", Scalar::String("https://x.example/a?b")),
            ("total", Scalar::Double(2.5)),
            ("gift", Scalar::Boolean(true)),
            ("none", Scalar::Null),
            ("bad", Scalar::Double(f64::NAN)),
        ]),
    }
}

fn avro(schema: &str, data: &impl Serialize) -> Vec<u8> {
    let schema = schema.parse().unwrap();
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    serde_avro_fast::to_datum(data, Vec::new(), &mut config).unwrap()
}

fn interactions(encoding: Encoding) -> SourceFormat {
    SourceFormat::new("crm", Shape::Interactions(encoding))
}

fn contacts() -> SourceFormat {
    SourceFormat::new("crm", Shape::Contacts(Encoding::Json))
}

#[test]
fn an_interaction_means_the_same_in_every_encoding() {
    let plain = avro(INTERACTION, &interaction());
    let framed = [&[0, 0, 0, 0, 7], &plain[..]].concat();
    let json = br#"{"id":"e1","type":"order completed","contact":"c1","time":1000,"verdict":"suspect","new":{},
        "properties":{"url":"https://x.example/a?b","total":2.5,"gift":true,"none":null}}"#;
    let schemas = BTreeMap::from([(7, INTERACTION.to_owned())]);
    for (encoding, bytes) in [
        (Encoding::Avro(INTERACTION.to_owned()), &plain[..]),
        (Encoding::ConfluentAvro(schemas), &framed[..]),
        (Encoding::Json, &json[..]),
    ] {
        let (batch, decoded) = decode_one(&interactions(encoding), &record(bytes));
        assert_eq!(decoded, Ok(Decoded::Events(1)));
        let event = &batch.events()[0];
        assert_eq!((event.contact.as_str(), event.event_type.as_str()), ("c1", "order_completed"));
        assert_eq!((event.uid, event.verdict), (Uid::of("crm", "e1"), Verdict::Suspect));
        assert_eq!(event.time.millis(), 1000, "numbers are milliseconds, however small");
        assert_eq!(
            properties(event),
            r#"gift=Bool(true) path=Text("/a") total=Number(2.5) url=Text("https://x.example/a?b") value=Number(2.5)"#
        );
    }
}

#[test]
fn damaged_avro_is_refused_whole() {
    let plain = avro(INTERACTION, &interaction());
    let code = |encoding: &Encoding, bytes: &[u8]| {
        decode_one(&interactions(encoding.clone()), &record(bytes)).1.unwrap_err().code
    };
    let encoding = Encoding::Avro(INTERACTION.to_owned());
    for length in 0..plain.len() {
        assert_eq!(code(&encoding, &plain[..length]), DeadLetterCode::Malformed, "{length}");
    }
    assert_eq!(code(&encoding, &[&plain[..], &[0]].concat()), DeadLetterCode::Malformed);
    let framed = Encoding::ConfluentAvro(BTreeMap::from([(7, INTERACTION.to_owned())]));
    assert_eq!(code(&framed, &plain), DeadLetterCode::Malformed);
    assert_eq!(code(&framed, &[0, 0]), DeadLetterCode::Malformed);
    assert_eq!(code(&framed, &[&[0, 0, 0, 0, 8], &plain[..]].concat()), DeadLetterCode::UnknownSchema);
}

#[test]
fn bad_interactions_have_their_codes() {
    use DeadLetterCode as Code;
    let format = interactions(Encoding::Json);
    for (json, expected) in [
        (r#"{"contact":"c1"}"#, Code::EventMissing),
        (r#"{"type":1,"contact":"c1"}"#, Code::WrongType),
        (r#"{"type":"x"}"#, Code::ContactMissing),
        (r#"{"type":"x","contact":"c1","verdict":"robot"}"#, Code::WrongType),
        (r#"{"type":"x","contact":"c1","verdict":1}"#, Code::WrongType),
        (r#"{"type":"x","contact":"c1","time":"soon"}"#, Code::TimeUnreadable),
        (r#"[1]"#, Code::Malformed),
    ] {
        assert_eq!(decode_one(&format, &record(json.as_bytes())).1.unwrap_err().code, expected, "{json}");
    }
    let keyed = InputRecord { key: Some(b"k1"), ..record(br#"{"type":"x"}"#) };
    assert_eq!(decode_one(&format, &keyed).0.events()[0].contact, "k1");
}

/// What a command about the contact `c1` becomes: kind, type, properties.
fn command(json: &str) -> (EventKind, String, String) {
    let keyed = InputRecord { key: Some(b"c1"), ..record(json.as_bytes()) };
    let (batch, decoded) = decode_one(&contacts(), &keyed);
    assert_eq!(decoded, Ok(Decoded::Events(1)), "{json}");
    let event = &batch.events()[0];
    assert_eq!(event.contact, "c1");
    (event.kind, event.event_type.as_str().to_owned(), properties(event))
}

#[test]
fn commands_set_attributes_consent_and_tags() {
    let attributes = r#"{"a":1,"b":null,"c":"","d":{"e":true}}"#;
    let expected = "a=Number(1.0) b=Null c=Null d.e=Bool(true)".to_owned();
    assert_eq!(
        command(&format!(r#"{{"command":"attributes","contact":"c1","attributes":{attributes}}}"#)),
        (EventKind::Attributes, "attributes".into(), expected.clone())
    );
    assert_eq!(
        command(&format!(r#"{{"command":"snapshot","attributes":{attributes}}}"#)),
        (EventKind::Snapshot, "snapshot".into(), expected)
    );
    assert_eq!(
        command(r#"{"command":"snapshot","attributes":{}}"#),
        (EventKind::Snapshot, "snapshot".into(), String::new()),
        "an empty snapshot unsets everything"
    );
    assert_eq!(
        command(r#"{"command":"consent","consent":false}"#),
        (EventKind::Attributes, "consent".into(), "consent=Bool(false)".into())
    );
    assert_eq!(
        command(r#"{"command":"tags","add":["passenger-cars"],"remove":["Old Tag"]}"#),
        (EventKind::Tags, "tags".into(), "Old Tag=Bool(false) passenger-cars=Bool(true)".into())
    );
}

#[test]
fn a_command_in_avro_is_the_same_command() {
    #[derive(Serialize)]
    struct Command {
        command: &'static str,
        id: Option<&'static str>,
        contact: Option<&'static str>,
        time: Option<i64>,
        attributes: Option<BTreeMap<&'static str, Scalar>>,
        consent: Option<bool>,
        add: Option<Vec<&'static str>>,
        remove: Option<Vec<&'static str>>,
        plan: Option<&'static str>,
        add_points: Option<f64>,
        set_points: Option<f64>,
        decay: Option<&'static str>,
        author: Option<&'static str>,
        reason: Option<&'static str>,
        outcome: Option<&'static str>,
        event_source: Option<&'static str>,
        event_id: Option<&'static str>,
        verdict: Option<&'static str>,
    }
    let command = Command {
        command: "tags",
        id: Some("t1"),
        contact: Some("c1"),
        time: Some(5),
        attributes: None,
        consent: None,
        add: Some(vec!["a"]),
        remove: None,
        plan: None,
        add_points: None,
        set_points: None,
        decay: None,
        author: None,
        reason: None,
        outcome: None,
        event_source: None,
        event_id: None,
        verdict: None,
    };
    let format = SourceFormat::new("crm", Shape::Contacts(Encoding::Avro(CONTACT.to_owned())));
    let (batch, decoded) = decode_one(&format, &record(&avro(CONTACT, &command)));
    assert_eq!(decoded, Ok(Decoded::Events(1)));
    let event = &batch.events()[0];
    assert_eq!((event.kind, event.uid, event.time.millis()), (EventKind::Tags, Uid::of("crm", "t1"), 5));
    assert_eq!(properties(event), "a=Bool(true)");
    let command = Command { command: "adjust", add: None, plan: Some("cars"), add_points: Some(2.5), ..command };
    let (batch, decoded) = decode_one(&format, &record(&avro(CONTACT, &command)));
    assert_eq!(decoded, Ok(Decoded::Events(1)));
    assert_eq!(batch.events()[0].kind, EventKind::Adjust);
    assert_eq!(properties(&batch.events()[0]), "add=Number(2.5) plan=Text(\"cars\")");
}

#[test]
fn commands_of_people_become_adjustments_and_feedback_s17_s38() {
    for (json, expected) in [
        (r#"{"command":"adjust","plan":"cars","add_points":10}"#, r#"add=Number(10.0) plan=Text("cars")"#),
        (
            r#"{"command":"adjust","plan":"cars","set_points":-2.5,"decay":"none","author":"anna","reason":"met at the fair"}"#,
            r#"author=Text("anna") decay=Text("none") plan=Text("cars") reason=Text("met at the fair") set=Number(-2.5)"#,
        ),
    ] {
        assert_eq!(command(json), (EventKind::Adjust, "adjust".into(), expected.into()), "{json}");
    }
    for (json, expected) in [
        (r#"{"command":"feedback","outcome":"won"}"#, r#"outcome=Text("won")"#),
        (
            r#"{"command":"feedback","outcome":"lost","plan":"cars","author":"anna","reason":null}"#,
            r#"author=Text("anna") outcome=Text("lost") plan=Text("cars")"#,
        ),
    ] {
        assert_eq!(command(json), (EventKind::Feedback, "feedback".into(), expected.into()), "{json}");
    }
}

#[test]
fn adjustments_and_feedback_that_say_too_little_are_refused_s17_s38() {
    use DeadLetterCode as Code;
    let long = "x".repeat(1025);
    for (rest, code, reason) in [
        (r#""adjust","add_points":1"#.to_owned(), Code::CommandIncomplete, "the adjustment names no `plan`"),
        (
            r#""adjust","plan":"cars""#.to_owned(),
            Code::CommandIncomplete,
            "the adjustment has not one of `add_points` and `set_points`",
        ),
        (
            r#""adjust","plan":"cars","add_points":1,"set_points":1"#.to_owned(),
            Code::CommandIncomplete,
            "the adjustment has not one of `add_points` and `set_points`",
        ),
        (
            r#""adjust","plan":"cars","add_points":"1""#.to_owned(),
            Code::WrongType,
            "`add_points` is not a number of at most a million points",
        ),
        (
            r#""adjust","plan":"cars","set_points":1000000.5"#.to_owned(),
            Code::WrongType,
            "`set_points` is not a number of at most a million points",
        ),
        (
            r#""adjust","plan":"cars","add_points":1,"decay":"30d""#.to_owned(),
            Code::WrongType,
            "`decay` of an adjustment is `none` or is not there",
        ),
        (r#""adjust","plan":7,"add_points":1"#.to_owned(), Code::WrongType, "`plan` is not a text"),
        (
            format!(r#""adjust","plan":"cars","add_points":1,"reason":"{long}""#),
            Code::WrongType,
            "`reason` has more than 1024 bytes",
        ),
        (r#""feedback""#.to_owned(), Code::CommandIncomplete, "the feedback has no `outcome`"),
        (r#""feedback","outcome":"bought""#.to_owned(), Code::WrongType, "`outcome` is none of won, lost, rejected"),
    ] {
        let json = format!(r#"{{"command":{rest},"contact":"c1"}}"#);
        let letter = decode_one(&contacts(), &record(json.as_bytes())).1.unwrap_err();
        assert_eq!((letter.code, letter.reason.as_str()), (code, reason), "{json}");
    }
}

#[test]
fn a_verdict_names_the_event_that_it_is_about_s56() {
    for id in [r#""m-7""#, r#"" m-7 ""#] {
        assert_eq!(
            command(&format!(r#"{{"command":"verdict","event_source":"mail","event_id":{id},"verdict":"machine"}}"#)),
            (
                EventKind::Verdict,
                "verdict".into(),
                r#"id=Text("m-7") source=Text("mail") verdict=Text("machine")"#.into()
            )
        );
    }
    use DeadLetterCode as Code;
    let long = format!(r#""event_source":"mail","event_id":"{}","verdict":"human""#, "x".repeat(1025));
    for (rest, code, reason) in [
        (r#""event_id":"7","verdict":"human""#, Code::CommandIncomplete, "the verdict names no `event_source`"),
        (r#""event_source":"m","verdict":"human""#, Code::CommandIncomplete, "the verdict names no `event_id`"),
        (r#""event_source":"m","event_id":"7""#, Code::CommandIncomplete, "the command has no `verdict`"),
        (
            r#""event_source":"m","event_id":"7","verdict":"robot""#,
            Code::WrongType,
            "the verdict is none of human, suspect, machine",
        ),
        (&long, Code::WrongType, "`event_id` has more than 1024 bytes"),
    ] {
        let json = format!(r#"{{"command":"verdict","contact":"c1",{rest}}}"#);
        let letter = decode_one(&contacts(), &record(json.as_bytes())).1.unwrap_err();
        assert_eq!((letter.code, letter.reason.as_ref()), (code, reason), "{json}");
    }
}

#[test]
fn people_are_erased_and_reinstated_by_command_s52() {
    assert_eq!(command(r#"{"command":"erase"}"#), (EventKind::Erase, "erase".into(), String::new()));
    for from in [r#""1970-01-01T00:00:05Z""#, "5000"] {
        let json = format!(r#"{{"command":"reinstate","from":{from}}}"#);
        assert_eq!(command(&json), (EventKind::Reinstate, "reinstate".into(), "from=Number(5000.0)".into()), "{json}");
    }
    for (rest, code) in [
        ("", DeadLetterCode::CommandIncomplete),
        (r#","from":"soon""#, DeadLetterCode::TimeUnreadable),
        (r#","from":"1066-10-14T00:00:00Z""#, DeadLetterCode::TimeImplausible),
    ] {
        let json = format!(r#"{{"command":"reinstate","contact":"c1"{rest}}}"#);
        assert_eq!(decode_one(&contacts(), &record(json.as_bytes())).1.unwrap_err().code, code, "{json}");
    }
}

#[test]
fn enrolment_is_a_tag_of_the_plans_name() {
    for (word, expected) in [("enrol", "cars=Bool(true)"), ("leave", "cars=Bool(false)")] {
        let json = format!(r#"{{"command":"{word}","plan":"cars"}}"#);
        assert_eq!(command(&json), (EventKind::Tags, word.into(), expected.into()), "{json}");
        for (plan, code) in
            [("", DeadLetterCode::CommandIncomplete), (r#","plan":["cars"]"#, DeadLetterCode::WrongType)]
        {
            let json = format!(r#"{{"command":"{word}","contact":"c1"{plan}}}"#);
            assert_eq!(decode_one(&contacts(), &record(json.as_bytes())).1.unwrap_err().code, code, "{json}");
        }
    }
}

#[test]
fn merges_and_splits_name_who_becomes_whom_and_what_is_undone_s48() {
    let merge = r#"{"command":"merge","into":"c2"}"#;
    assert_eq!(command(merge), (EventKind::Merge, "merge".into(), r#"into=Text("c2")"#.into()));
    let shown = Uid::of("contacts", "m1").to_string();
    let split = format!(r#"{{"command":"split","link":"{shown}"}}"#);
    assert_eq!(command(&split), (EventKind::Split, "split".into(), format!(r#"link=Text("{shown}")"#)));
    let split = r#"{"command":"split","link_source":"crm","link_id":"m1"}"#;
    assert_eq!(command(split), (EventKind::Split, "split".into(), r#"id=Text("m1") source=Text("crm")"#.into()));
    use DeadLetterCode::{CommandIncomplete, LinkBlocked, WrongType};
    for (members, code) in [
        (r#""command":"merge""#, CommandIncomplete),
        (r#""command":"merge","into":"c1""#, CommandIncomplete),
        (r#""command":"merge","into":"null""#, LinkBlocked),
        (r#""command":"split""#, CommandIncomplete),
        (r#""command":"split","link_source":"crm""#, CommandIncomplete),
        (r#""command":"split","link":"0f","link_source":"crm""#, CommandIncomplete),
        (r#""command":"split","link":"0f""#, WrongType),
    ] {
        let json = format!(r#"{{{members},"contact":"c1"}}"#);
        assert_eq!(decode_one(&contacts(), &record(json.as_bytes())).1.unwrap_err().code, code, "{json}");
    }
}

#[test]
fn commands_that_cannot_be_carried_out_are_refused_and_never_skipped() {
    use DeadLetterCode as Code;
    for (json, expected) in [
        (r#"{"command":"delete","contact":"c1"}"#, Code::CommandUnknown),
        (r#"{"contact":"c1"}"#, Code::TypeMissing),
        (r#"{"command":["tags"],"contact":"c1"}"#, Code::WrongType),
        (r#"{"command":"consent","contact":"c1"}"#, Code::WrongType),
        (r#"{"command":"attributes","attributes":{"a":1}}"#, Code::ContactMissing),
    ] {
        assert_eq!(decode_one(&contacts(), &record(json.as_bytes())).1.unwrap_err().code, expected, "{json}");
    }
    let other_key = InputRecord { key: Some(b"c2"), ..record(br#"{"command":"tags","contact":"c1","add":["a"]}"#) };
    assert_eq!(decode_one(&contacts(), &other_key).1.unwrap_err().code, Code::ContactMismatch);
    let tombstone = InputRecord { key: Some(b"c1"), value: None, ..record(b"") };
    assert_eq!(decode_one(&contacts(), &tombstone).1.unwrap_err().code, Code::NoValue);
    let empty = decode_one(&contacts(), &record(br#"{"command":"tags","contact":"c1"}"#)).1;
    assert_eq!(empty, Ok(Decoded::Skipped(SkipReason::Empty)));
}
