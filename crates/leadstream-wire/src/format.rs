//! How a source is described to this crate: plain values, as a configuration gives them.
//!
//! Nothing is checked here; [`crate::Decoder::compile`] checks all of it and tells everything that is wrong at once.

use std::collections::BTreeMap;
use std::ops::Range;

use leadstream_core::Span;

use crate::instant::TimeFormat;
use crate::limits::MAX_AHEAD_DEFAULT;

/// What is put before a company's id where a source does not say.
pub const COMPANY_PREFIX: &str = "company:";

/// One source of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFormat {
    /// The name of the source, part of the identity of its events (S3): changing it makes every event another one.
    pub source: String,
    /// The shape of its records.
    pub shape: Shape,
    /// The IANA zone of times without an offset.
    pub time_zone: Option<String>,
    /// A CEL expression for the contact's id, over `record`; without it the shape's own rule.
    pub contact: Option<String>,
    /// What is put before every contact's id.
    pub contact_prefix: String,
    /// A CEL expression for the id of the company in whose name the contact acts; without it no event is a company's.
    pub company: Option<String>,
    /// What is put before every company's id.
    pub company_prefix: String,
    /// How far in the future of its reception an event may lie (S4).
    pub max_ahead: Span,
    /// Names of events and the types they stand for, besides the published ones; any spelling.
    pub aliases: Vec<(String, String)>,
}

impl SourceFormat {
    /// A source with the defaults of everything but its name and shape.
    pub fn new(source: &str, shape: Shape) -> SourceFormat {
        SourceFormat {
            source: source.to_owned(),
            shape,
            time_zone: None,
            contact: None,
            contact_prefix: String::new(),
            company: None,
            company_prefix: COMPANY_PREFIX.to_owned(),
            max_ahead: MAX_AHEAD_DEFAULT,
            aliases: Vec::new(),
        }
    }
}

/// What the records of a source look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Segment's messages in JSON.
    Segment,
    /// Leadstream's own interactions: `schemas/interaction.avsc`, or the same fields in JSON.
    Interactions(Encoding),
    /// Commands about contacts: `schemas/contact.avsc`, or the same fields in JSON.
    Contacts(Encoding),
    /// Any records, by a declared mapping.
    Mapped(Encoding, Box<Mapping>),
}

/// How the bytes of a record spell its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON object.
    Json,
    /// One record of CSV: a line, or several where a quoted field has line breaks.
    Csv(CsvFormat),
    /// One Avro datum without its schema; the text is the schema it was written with.
    Avro(String),
    /// Avro in Confluent's framing: a zero byte, the id of the schema, the datum. The schemas by id.
    ConfluentAvro(BTreeMap<u32, String>),
}

/// How CSV is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// The names of the columns in their order.
    pub columns: Vec<String>,
    /// What separates fields.
    pub delimiter: u8,
}

/// What a mapping makes of its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MappedKind {
    /// Interactions, to be scored by event rules.
    #[default]
    Interaction,
    /// Updates of the attributes that the properties name.
    Attributes,
    /// Full snapshots: attributes that the properties do not name are unset.
    Snapshot,
    /// Tags: a property that is true adds the tag of its name, false removes it.
    Tags,
}

/// A mapping: CEL expressions over `record`, `key`, `topic` and `line`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// What the records are.
    pub kind: MappedKind,
    /// The type of the event; a constant is a CEL text: `'order_completed'`. Needed for interactions.
    pub event_type: Option<String>,
    /// The id of the event; without it a hash of the record, in files of the record and its line.
    pub id: Option<String>,
    /// When it happened; without it the reception.
    pub time: Option<String>,
    /// How `time` and `received` are spelt.
    pub time_format: TimeFormat,
    /// When the record was received; without it Kafka's timestamp.
    pub received: Option<String>,
    /// Who caused it: a text `human`, `suspect` or `machine`, or true for a machine.
    pub verdict: Option<String>,
    /// Records for which this is true are skipped.
    pub skip_when: Option<String>,
    /// An object whose members all become properties, flattened: `record`, `record.data`. A field only.
    pub all_properties: Option<String>,
    /// Properties by name; they win over those of `all_properties`.
    pub properties: BTreeMap<String, String>,
}

/// Something wrong with a [`SourceFormat`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FormatProblem {
    /// The field, as a path: `mapping.properties.value`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// The bytes of the field's text that are wrong, where it is not the whole.
    pub span: Option<Range<usize>>,
    /// What to write instead, where that can be said.
    pub hint: Option<String>,
}

impl FormatProblem {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> FormatProblem {
        FormatProblem { field: field.into(), problem: problem.into(), span: None, hint: None }
    }

    /// The same problem with its place in the field's text.
    pub(crate) fn at(mut self, span: Range<usize>) -> FormatProblem {
        self.span = Some(span);
        self
    }

    /// The same problem with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> FormatProblem {
        self.hint = Some(hint.into());
        self
    }
}
