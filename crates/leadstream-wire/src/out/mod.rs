//! What consumers read: derived events as CloudEvents 1.0 in Kafka's binary mode, and scorecards.
//!
//! Attributes of an event go into headers and its data into the value, as JSON or as Avro of `schemas/derived-event.avsc` and
//! `schemas/scorecard.avsc`. No header carries a contact's id: it may be an e-mail address, and headers outlive what an erasure can reach.

mod data;
mod derived;
mod scorecard;

use serde::Serialize;
use serde_avro_fast::Schema;
use serde_avro_fast::ser::SerializerConfig;

pub use self::derived::{DerivedWriter, OutTopic, topic_of};
pub use self::scorecard::{PlanScore, Scorecard, ScorecardWriter, TagScore};

/// How the data of a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataFormat {
    /// A JSON object.
    #[default]
    Json,
    /// An Avro datum without its schema.
    Avro,
    /// Avro in Confluent's framing with the id of the schema in a registry.
    ConfluentAvro(u32),
}

/// A record to produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutRecord {
    /// The contact's id.
    pub key: Vec<u8>,
    /// The data.
    pub value: Vec<u8>,
    /// The headers in their order.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// Data that could not be written; the schemas of this crate make it impossible, and a test writes every field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data does not fit its schema: {0}")]
pub struct DataError(String);

/// Writes data of one schema in one format.
#[derive(Debug)]
struct DataWriter {
    format: DataFormat,
    schema: Schema,
}

impl DataWriter {
    /// A writer; the schema is one of this crate's own.
    fn new(format: DataFormat, schema: &str) -> Result<DataWriter, DataError> {
        let schema = schema.parse().map_err(|error| DataError(format!("{error}")))?;
        Ok(DataWriter { format, schema })
    }

    fn style(&self) -> data::Style {
        data::Style { is_text: self.format == DataFormat::Json }
    }

    fn content_type(&self) -> &'static str {
        match self.format {
            DataFormat::Json => "application/json",
            DataFormat::Avro | DataFormat::ConfluentAvro(_) => "application/avro",
        }
    }

    fn write(&self, data: &impl Serialize, into: &mut Vec<u8>) -> Result<(), DataError> {
        into.clear();
        match self.format {
            DataFormat::Json => {
                return serde_json::to_writer(into, data).map_err(|error| DataError(error.to_string()));
            }
            DataFormat::Avro => {}
            DataFormat::ConfluentAvro(id) => {
                into.push(0);
                into.extend(id.to_be_bytes());
            }
        }
        serde_avro_fast::to_datum(data, into, &mut SerializerConfig::new(&self.schema))
            .map(|_| ())
            .map_err(|error| DataError(error.to_string()))
    }
}
