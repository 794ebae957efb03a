//! What consumers read, compared byte for byte with golden files, and read back from Avro by name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::borrow::Cow;
use std::sync::Arc;

use leadstream_core::contact::Level;
use leadstream_core::derived::{ContributionLine, DerivedCause, DerivedEvent, DerivedKind, Mark, Reason, TimerKind};
use leadstream_core::expr::Literal;
use leadstream_core::plan::Request;
use leadstream_core::{Hasher, PlanVersion, Points, Timestamp, Uid, Word};
use leadstream_wire::out::{
    DataFormat, DerivedWriter, OutRecord, OutTopic, PlanScore, Scorecard, ScorecardWriter, TagScore, topic_of,
};

use common::assert_golden;

/// An action that a late event requested for the second time.
fn requested() -> DerivedEvent {
    let data =
        [("offer", Literal::Text("spring".into())), ("once", Literal::Bool(true)), ("percent", Literal::Number(12.5))];
    let data =
        data.into_iter().chain([("until", Literal::Null)]).map(|(name, value)| (Arc::from(name), value)).collect();
    DerivedEvent {
        kind: DerivedKind::ActionRequested,
        subject: Cow::Borrowed("action:discount"),
        old: Level::Count(1),
        new: Level::Count(2),
        request: Some(Arc::new(Request { emit: Some(Arc::from("send_offer")), data })),
        ..qualified()
    }
}

fn band() -> DerivedEvent {
    DerivedEvent {
        kind: DerivedKind::BandChanged,
        subject: Cow::Borrowed("band"),
        old: Level::cold(),
        new: Level::Named(Word::of("warm")),
        reason: Reason::Feedback,
        ..qualified()
    }
}

fn qualified() -> DerivedEvent {
    DerivedEvent {
        request: None,
        id: Hasher::new().text("leadstream/1").text("c1").text("cars").text("qualify").number(1).finish(),
        kind: DerivedKind::LeadQualified,
        contact: Arc::from("c1"),
        plan: Some(Word::of("cars")),
        version: Some(PlanVersion::of("plan: cars\n")),
        subject: Cow::Borrowed("qualify"),
        n: 1,
        seq: 3,
        time: Timestamp::from_millis(1_600_000_000_123),
        since: Timestamp::from_millis(1_600_000_000_000),
        old: Level::None,
        new: Level::On,
        score: Some(Points::from_thousandths(104_125)),
        threshold: Some(Points::whole(100)),
        cause: DerivedCause::Event {
            uid: Uid::of("web", "e9"),
            event_type: Cow::Borrowed("page_viewed"),
            time: Timestamp::from_millis(1_600_000_000_000),
        },
        reason: Reason::Score,
        marks: vec![Mark::Clamped, Mark::Late],
        corrects: Some(Uid::of("web", "e1").0),
        via: vec![Word::of("lead")],
        contributions: vec![
            ContributionLine {
                plan: Word::of("cars"),
                rule: Word::of("age"),
                uid: None,
                event_type: Cow::Borrowed(""),
                time: Timestamp::from_millis(1_600_000_000_123),
                value: Points::whole(10),
            },
            ContributionLine {
                plan: Word::of("cars"),
                rule: Word::of("visit"),
                uid: Some(Uid::of("web", "e9")),
                event_type: Cow::Borrowed("page_viewed"),
                time: Timestamp::from_millis(1_600_000_000_000),
                value: Points::from_thousandths(-1),
            },
        ],
    }
}

/// An event with as little as an event can have.
fn regressed() -> DerivedEvent {
    DerivedEvent {
        kind: DerivedKind::StageRegressed,
        plan: None,
        version: None,
        subject: Cow::Borrowed("stage"),
        old: Level::Stage(Word::of("hot")),
        new: Level::Stage(Word::of("lead")),
        score: None,
        threshold: None,
        cause: DerivedCause::Timer {
            kind: TimerKind::Idle,
            rule: Some(Word::of("away")),
            due: Timestamp::from_millis(1_600_000_000_000),
        },
        reason: Reason::Idle,
        marks: Vec::new(),
        corrects: None,
        via: Vec::new(),
        contributions: Vec::new(),
        ..qualified()
    }
}

fn card() -> Scorecard {
    let plan = PlanScore {
        plan: Word::of("cars"),
        version: PlanVersion::of("plan: cars\n"),
        is_member: true,
        score: Points::from_thousandths(104_125),
        engagement: Points::from_thousandths(94_125),
        fit: Points::whole(10),
        is_qualified: true,
        qualified_since: Some(Timestamp::from_millis(1_600_000_000_000)),
        stage: Some(Word::of("lead")),
        stage_score: Some(Points::whole(4)),
        stage_since: Some(Timestamp::from_millis(1_500_000_000_000)),
        band: None,
        band_since: None,
        grade: None,
        grade_since: None,
        owner: None,
        owner_since: None,
        actions: Vec::new(),
    };
    let blank = PlanScore {
        plan: Word::of("shoes"),
        is_member: false,
        is_qualified: false,
        qualified_since: None,
        stage: None,
        stage_score: None,
        stage_since: None,
        band: None,
        band_since: None,
        grade: None,
        grade_since: None,
        owner: None,
        owner_since: None,
        actions: Vec::new(),
        version: plan.version,
        score: plan.score,
        engagement: plan.engagement,
        fit: plan.fit,
    };
    Scorecard {
        contact: Arc::from("c1"),
        time: Timestamp::from_millis(1_600_000_000_123),
        seq: 3,
        global: Points::whole(104),
        plans: vec![plan, blank],
        tags: vec![TagScore { tag: Arc::from("sport"), score: Points::whole(3), since: None }],
    }
}

/// As [`card`], with all levels that a plan may have.
fn card_with_levels() -> Scorecard {
    let mut card = card();
    card.plans[0] = PlanScore {
        band: Some(Word::of("hot")),
        band_since: Some(Timestamp::from_millis(1_600_000_000_000)),
        grade: Some(Word::of("B2")),
        grade_since: Some(Timestamp::from_millis(1_500_000_000_000)),
        owner: Some(Word::of("anna")),
        owner_since: Some(Timestamp::from_millis(1_600_000_000_000)),
        actions: vec![(Word::of("discount"), 2)],
        ..card.plans[0].clone()
    };
    card
}

#[test]
fn derived_events_are_cloudevents_without_a_word_about_the_contact_in_their_headers_s53() {
    let mut record = OutRecord::default();
    DerivedWriter::new("/leadstream/test", DataFormat::Json).unwrap().write(&qualified(), &mut record).unwrap();
    assert_eq!(record.key, b"c1");
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| (*name, std::str::from_utf8(value).unwrap())).collect();
    assert_eq!(
        headers,
        [
            ("ce_specversion", "1.0"),
            ("ce_id", "beb6447c9bcd962e235d541a05a7869d"),
            ("ce_source", "/leadstream/test"),
            ("ce_type", "lead.qualified"),
            ("ce_time", "2020-09-13T12:26:40.123Z"),
            ("content-type", "application/json"),
        ]
    );
    assert_golden("derived-qualified.json", &record.value);
}

#[test]
fn data_in_json_is_what_it_always_was() {
    let mut record = OutRecord::default();
    DerivedWriter::new("/l", DataFormat::Json).unwrap().write(&regressed(), &mut record).unwrap();
    assert_golden("derived-regressed.json", &record.value);
    for (name, event) in [("derived-requested.json", requested()), ("derived-band.json", band())] {
        DerivedWriter::new("/l", DataFormat::Json).unwrap().write(&event, &mut record).unwrap();
        assert_golden(name, &record.value);
    }
    ScorecardWriter::new(DataFormat::Json).unwrap().write(&card(), &mut record).unwrap();
    assert_golden("scorecard.json", &record.value);
    ScorecardWriter::new(DataFormat::Json).unwrap().write(&card_with_levels(), &mut record).unwrap();
    assert_golden("scorecard-levels.json", &record.value);
}

#[test]
fn data_in_avro_is_what_it_always_was_and_says_the_same_as_json() {
    let derived_schema = include_str!("../../../schemas/derived-event.avsc").parse().unwrap();
    let card_schema = include_str!("../../../schemas/scorecard.avsc").parse().unwrap();
    let (mut avro, mut json) = (OutRecord::default(), OutRecord::default());
    for (name, event) in [
        ("derived-qualified-2.avro", qualified()),
        ("derived-regressed-2.avro", regressed()),
        ("derived-requested.avro", requested()),
        ("derived-band.avro", band()),
    ] {
        DerivedWriter::new("/l", DataFormat::Avro).unwrap().write(&event, &mut avro).unwrap();
        DerivedWriter::new("/l", DataFormat::Json).unwrap().write(&event, &mut json).unwrap();
        assert_golden(name, &avro.value);
        assert_same(&avro.value, &derived_schema, &json.value);
    }
    for (name, card) in [("scorecard-2.avro", card()), ("scorecard-levels.avro", card_with_levels())] {
        ScorecardWriter::new(DataFormat::Avro).unwrap().write(&card, &mut avro).unwrap();
        ScorecardWriter::new(DataFormat::Json).unwrap().write(&card, &mut json).unwrap();
        assert_golden(name, &avro.value);
        assert_same(&avro.value, &card_schema, &json.value);
    }
}

/// Members that JSON leaves out where there is nothing to say.
const LEFT_OUT: [&str; 8] =
    ["request", "band", "band_since", "grade", "grade_since", "owner", "owner_since", "actions"];

/// The Avro datum and the JSON text hold the same data; instants are compared as milliseconds, numbers as binary64.
fn assert_same(avro: &[u8], schema: &serde_avro_fast::Schema, json: &[u8]) {
    fn normal(value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value as V;
        match value {
            V::String(text) => match text.parse::<jiff::Timestamp>() {
                Ok(instant) => V::from(instant.as_millisecond() as f64),
                Err(_) => V::String(text),
            },
            V::Number(number) => V::from(number.as_f64().unwrap()),
            V::Array(items) => V::Array(items.into_iter().map(normal).collect()),
            V::Object(members) => {
                // What JSON leaves out is null in Avro; of what both write, null is null.
                let is_left_out = |name: &str, value: &V| value.is_null() && LEFT_OUT.contains(&name);
                let kept = members.into_iter().filter(|(name, value)| !is_left_out(name, value));
                V::Object(kept.map(|(name, value)| (name, normal(value))).collect())
            }
            other => other,
        }
    }
    let avro: serde_json::Value = serde_avro_fast::from_datum_slice(avro, schema).unwrap();
    assert_eq!(normal(avro), normal(serde_json::from_slice(json).unwrap()));
}

#[test]
fn framed_avro_begins_with_the_id_of_its_schema() {
    let (mut framed, mut plain) = (OutRecord::default(), OutRecord::default());
    DerivedWriter::new("/l", DataFormat::ConfluentAvro(258)).unwrap().write(&qualified(), &mut framed).unwrap();
    DerivedWriter::new("/l", DataFormat::Avro).unwrap().write(&qualified(), &mut plain).unwrap();
    assert_eq!(framed.value[..5], [0, 0, 0, 1, 2]);
    assert_eq!(framed.value[5..], plain.value);
    assert_eq!(plain.headers.last().unwrap().1, b"application/avro");
}

#[test]
fn every_kind_has_its_topic() {
    assert_eq!(topic_of(DerivedKind::LeadDisqualified), OutTopic::Qualifications);
    assert_eq!(topic_of(DerivedKind::StageAdvanced), OutTopic::Stages);
    assert_eq!(topic_of(DerivedKind::TagRemoved), OutTopic::Activity);
    assert_eq!(topic_of(DerivedKind::BandChanged), OutTopic::Activity);
    assert_eq!(topic_of(DerivedKind::GradeChanged), OutTopic::Activity);
    assert_eq!(topic_of(DerivedKind::LeadRouted), OutTopic::Qualifications);
    assert_eq!(topic_of(DerivedKind::ActionRequested), OutTopic::Qualifications);
}
