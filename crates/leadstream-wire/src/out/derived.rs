//! Derived events as CloudEvents (S53).

use std::borrow::Cow;
use std::collections::BTreeMap;

use leadstream_core::contact::Level;
use leadstream_core::derived::{ContributionLine, DerivedCause, DerivedEvent, DerivedKind};
use leadstream_core::expr::Literal;
use leadstream_core::plan::Request;
use leadstream_core::{PlanVersion, Uid};
use serde::Serialize;

use super::data::{InstantData, PointsData, Style};
use super::{DataError, DataFormat, DataWriter, OutRecord};

/// Which topic a derived event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutTopic {
    /// `leadstream.qualifications`
    Qualifications,
    /// `leadstream.stages`
    Stages,
    /// `leadstream.activity`
    Activity,
}

/// The topic of a kind of derived event.
pub fn topic_of(kind: DerivedKind) -> OutTopic {
    match kind {
        DerivedKind::LeadQualified
        | DerivedKind::LeadDisqualified
        | DerivedKind::LeadRouted
        | DerivedKind::ActionRequested => OutTopic::Qualifications,
        DerivedKind::StageAdvanced | DerivedKind::StageRegressed => OutTopic::Stages,
        DerivedKind::TagAdded
        | DerivedKind::TagRemoved
        | DerivedKind::BandChanged
        | DerivedKind::GradeChanged
        | DerivedKind::ContactMerged
        | DerivedKind::ContactSplit
        | DerivedKind::ContactErased => OutTopic::Activity,
    }
}

/// Writes derived events.
#[derive(Debug)]
pub struct DerivedWriter {
    source: String,
    data: DataWriter,
}

impl DerivedWriter {
    /// A writer; `source` is the CloudEvents source, a URI reference such as `/leadstream/production`.
    ///
    /// # Errors
    /// [`DataError`] if the crate's own schema cannot be compiled, which a test rules out.
    pub fn new(source: &str, format: DataFormat) -> Result<DerivedWriter, DataError> {
        let data = DataWriter::new(format, include_str!("../../../../schemas/derived-event.avsc"))?;
        Ok(DerivedWriter { source: source.to_owned(), data })
    }

    /// Writes an event over a record, whose buffers are used again.
    ///
    /// # Errors
    /// [`DataError`] if the event does not fit the crate's own schema, which a test rules out.
    pub fn write(&self, event: &DerivedEvent, into: &mut OutRecord) -> Result<(), DataError> {
        into.key.clear();
        into.key.extend(event.contact.as_bytes());
        into.headers.clear();
        let id = hex(event.id);
        for (name, value) in [
            ("ce_specversion", "1.0"),
            ("ce_id", &id),
            ("ce_source", &self.source),
            ("ce_type", event.kind.as_str()),
            ("ce_time", &event.time.to_string()),
            ("content-type", self.data.content_type()),
        ] {
            into.headers.push((name, value.as_bytes().to_vec()));
        }
        self.data.write(&DerivedData::of(event, id, self.data.style()), &mut into.value)
    }
}

/// Hashes are shown in hexadecimal like identities.
fn hex(hash: leadstream_core::Hash) -> String {
    Uid(hash).to_string()
}

/// A derived event's data. Names and order are those of the schema.
#[derive(Serialize)]
struct DerivedData<'a> {
    id: String,
    r#type: &'static str,
    contact: &'a str,
    plan: Option<&'a str>,
    version: Option<String>,
    subject: &'a str,
    n: i64,
    seq: i64,
    time: InstantData,
    since: InstantData,
    old: Option<Cow<'a, str>>,
    new: Option<Cow<'a, str>>,
    score: Option<PointsData>,
    threshold: Option<PointsData>,
    cause: CauseData<'a>,
    reason: &'static str,
    marks: Vec<&'static str>,
    corrects: Option<String>,
    via: Vec<&'a str>,
    contributions: Vec<ContributionData<'a>>,
    // Of other events it is left out in JSON; in Avro it is null all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestData<'a>>,
}

/// What an action asks for.
#[derive(Serialize)]
struct RequestData<'a> {
    emit: Option<&'a str>,
    data: BTreeMap<&'a str, ValueData<'a>>,
}

/// A value of what an action asks for.
#[derive(Serialize)]
#[serde(untagged)]
enum ValueData<'a> {
    Null(()),
    Bool(bool),
    Number(f64),
    Text(&'a str),
}

#[derive(Serialize)]
struct CauseData<'a> {
    kind: &'static str,
    uid: Option<String>,
    r#type: Option<&'a str>,
    rule: Option<&'a str>,
    time: InstantData,
}

#[derive(Serialize)]
struct ContributionData<'a> {
    plan: &'a str,
    rule: &'a str,
    uid: Option<String>,
    r#type: Option<&'a str>,
    time: InstantData,
    value: PointsData,
}

impl<'a> DerivedData<'a> {
    fn of(event: &'a DerivedEvent, id: String, style: Style) -> DerivedData<'a> {
        DerivedData {
            id,
            r#type: event.kind.as_str(),
            contact: &event.contact,
            plan: event.plan.as_deref(),
            version: event.version.map(|version: PlanVersion| version.to_string()),
            subject: &event.subject,
            n: event.n as i64,
            seq: event.seq as i64,
            time: style.instant(event.time),
            since: style.instant(event.since),
            old: level(&event.old),
            new: level(&event.new),
            score: event.score.map(|score| style.points(score)),
            threshold: event.threshold.map(|threshold| style.points(threshold)),
            cause: cause(&event.cause, style),
            reason: event.reason.as_str(),
            marks: event.marks.iter().map(|mark| mark.as_str()).collect(),
            corrects: event.corrects.map(hex),
            via: event.via.iter().map(|stage| &**stage).collect(),
            contributions: event.contributions.iter().map(|line| contribution(line, style)).collect(),
            request: event.request.as_deref().map(request),
        }
    }
}

/// A level as a text; how often an action was requested, too.
fn level(level: &Level) -> Option<Cow<'_, str>> {
    match level {
        Level::None => None,
        Level::On => Some(Cow::Borrowed("on")),
        Level::Stage(name) | Level::Named(name) => Some(Cow::Borrowed(name)),
        Level::Count(count) => Some(Cow::Owned(count.to_string())),
        Level::Id(id) => Some(Cow::Borrowed(id)),
    }
}

fn request(request: &Request) -> RequestData<'_> {
    let data = request.data.iter().map(|(name, literal)| {
        let value = match literal {
            Literal::Null => ValueData::Null(()),
            Literal::Bool(value) => ValueData::Bool(*value),
            Literal::Number(value) => ValueData::Number(*value),
            Literal::Text(text) => ValueData::Text(text),
        };
        (&**name, value)
    });
    RequestData { emit: request.emit.as_deref(), data: data.collect() }
}

fn cause(cause: &DerivedCause, style: Style) -> CauseData<'_> {
    match cause {
        DerivedCause::Event { uid, event_type, time } => CauseData {
            kind: "event",
            uid: Some(uid.to_string()),
            r#type: Some(event_type),
            rule: None,
            time: style.instant(*time),
        },
        DerivedCause::Timer { kind, rule, due } => {
            CauseData { kind: kind.as_str(), uid: None, r#type: None, rule: rule.as_deref(), time: style.instant(*due) }
        }
    }
}

fn contribution(line: &ContributionLine, style: Style) -> ContributionData<'_> {
    ContributionData {
        plan: &line.plan,
        rule: &line.rule,
        uid: line.uid.map(|uid| uid.to_string()),
        r#type: Some(&*line.event_type).filter(|event_type| !event_type.is_empty()),
        time: style.instant(line.time),
        value: style.points(line.value),
    }
}
