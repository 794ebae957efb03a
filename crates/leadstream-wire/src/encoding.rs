//! From bytes to fields: JSON, CSV and Avro behind one reader that drives a serde seed.
//!
//! Avro is read with the schema it was written with; its fields are then taken by name like those of JSON.

use std::collections::BTreeMap;
use std::io::BufRead;

use csv_core::ReadRecordResult;
use serde::de::{DeserializeSeed, IntoDeserializer, value::MapDeserializer};
use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::format::{CsvFormat, Encoding, FormatProblem};
use crate::limits::{DEPTH_MAX, RECORD_MAX_BYTES};
use crate::record::InputRecord;
use crate::text::{json_text, malformed, parse_json, rejected, utf8, value_of};

/// Reads the records of one encoding.
pub(crate) enum RecordReader {
    Json,
    Csv(Box<CsvReader>),
    Avro(Box<Schema>),
    ConfluentAvro(BTreeMap<u32, Schema>),
}

impl RecordReader {
    /// Compiles an encoding, noting all that is wrong with it.
    pub(crate) fn compile(encoding: &Encoding, problems: &mut Vec<FormatProblem>) -> Option<RecordReader> {
        match encoding {
            Encoding::Json => Some(RecordReader::Json),
            Encoding::Csv(format) => {
                CsvReader::compile(format, problems).map(|reader| RecordReader::Csv(Box::new(reader)))
            }
            Encoding::Avro(text) => {
                compile_schema("schema", text, problems).map(|schema| RecordReader::Avro(Box::new(schema)))
            }
            Encoding::ConfluentAvro(texts) => {
                if texts.is_empty() {
                    problems.push(FormatProblem::new("schemas", "no schema is given for any id"));
                }
                let schemas: BTreeMap<u32, Schema> = texts
                    .iter()
                    .filter_map(|(id, text)| Some((*id, compile_schema(&format!("schemas.{id}"), text, problems)?)))
                    .collect();
                (schemas.len() == texts.len() && !texts.is_empty()).then_some(RecordReader::ConfluentAvro(schemas))
            }
        }
    }

    /// Drives a seed over the fields of a record.
    pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
        &'de mut self,
        record: &InputRecord<'de>,
        seed: S,
    ) -> Result<S::Value, DeadLetter> {
        match self {
            RecordReader::Json => parse_json(json_text(record)?, seed),
            RecordReader::Csv(reader) => reader.read(value_of(record)?, seed),
            RecordReader::Avro(schema) => read_datum(value_of(record)?, schema, seed),
            RecordReader::ConfluentAvro(schemas) => {
                let value = value_of(record)?;
                let Some((&[0, a, b, c, d], datum)) = value.split_first_chunk::<5>() else {
                    return Err(malformed("framed avro", "it does not begin with a zero byte and the id of a schema"));
                };
                let id = u32::from_be_bytes([a, b, c, d]);
                let schema = schemas.get(&id).ok_or_else(|| {
                    DeadLetter::new(DeadLetterCode::UnknownSchema, format!("no schema is configured for the id {id}"))
                })?;
                read_datum(datum, schema, seed)
            }
        }
    }
}

/// What is wrong with the text of a schema; `field` is the path that the problem is given.
pub fn check_schema(field: &str, text: &str) -> Vec<FormatProblem> {
    let mut problems = Vec::new();
    compile_schema(field, text, &mut problems);
    problems
}

fn compile_schema(field: &str, text: &str, problems: &mut Vec<FormatProblem>) -> Option<Schema> {
    text.parse::<Schema>()
        .map_err(|error| problems.push(FormatProblem::new(field, format!("not an avro schema: {error}"))))
        .ok()
}

fn read_datum<'de, S: DeserializeSeed<'de>>(
    datum: &'de [u8],
    schema: &'de Schema,
    seed: S,
) -> Result<S::Value, DeadLetter> {
    let mut config = DeserializerConfig::new(schema);
    config.allowed_depth = 2 * DEPTH_MAX;
    // An element may take no byte at all, so the length of the record alone bounds no array.
    config.max_seq_size = RECORD_MAX_BYTES;
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = seed.deserialize(state.deserializer()).map_err(|error| {
        let message = error.to_string();
        rejected(&message).unwrap_or_else(|| malformed("avro of its schema", "the datum does not follow it"))
    })?;
    let is_at_end = state.into_reader().fill_buf().is_ok_and(<[u8]>::is_empty);
    if !is_at_end {
        return Err(malformed("avro of its schema", "bytes follow the datum"));
    }
    Ok(value)
}

/// Reads single records of CSV.
pub(crate) struct CsvReader {
    columns: Vec<String>,
    parser: csv_core::Reader,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl CsvReader {
    fn compile(format: &CsvFormat, problems: &mut Vec<FormatProblem>) -> Option<CsvReader> {
        let before = problems.len();
        if format.columns.is_empty() {
            problems.push(FormatProblem::new("columns", "csv needs the names of its columns"));
        }
        for (at, column) in format.columns.iter().enumerate() {
            if format.columns[..at].contains(column) {
                problems.push(FormatProblem::new("columns", format!("`{column}` is there twice")));
            }
        }
        if !format.delimiter.is_ascii() || matches!(format.delimiter, b'"' | b'\r' | b'\n') {
            problems
                .push(FormatProblem::new("delimiter", "it must be one ascii character, no quote and no line break"));
        }
        (problems.len() == before).then(|| CsvReader {
            columns: format.columns.clone(),
            parser: csv_core::ReaderBuilder::new().delimiter(format.delimiter).build(),
            fields: vec![0; RECORD_MAX_BYTES],
            ends: vec![0; format.columns.len() + 1],
        })
    }

    fn read<'de, S: DeserializeSeed<'de>>(&'de mut self, value: &[u8], seed: S) -> Result<S::Value, DeadLetter> {
        let fields = self.split(value)?;
        let wrong = |found: &str| {
            let reason = format!("the record has {found} fields and the source {} columns", self.columns.len());
            DeadLetter::new(DeadLetterCode::WrongColumns, reason)
        };
        let count = fields.ok_or_else(|| wrong("more"))?;
        if count != self.columns.len() {
            return Err(wrong(&count.to_string()));
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut members = Vec::with_capacity(count);
        for ((column, start), end) in self.columns.iter().zip(starts).zip(&self.ends) {
            let field = utf8(&self.fields[start..*end], &format!("field `{column}`"))?;
            members.push((column.as_str(), serde::de::value::BorrowedStrDeserializer::new(field)));
        }
        let members = MapDeserializer::<_, serde::de::value::Error>::new(members.into_iter());
        seed.deserialize(members.into_deserializer()).map_err(|error| {
            rejected(&error.to_string()).unwrap_or_else(|| malformed("csv", "its fields cannot be taken"))
        })
    }

    /// Splits one record into fields; nothing where there are more than columns.
    fn split(&mut self, value: &[u8]) -> Result<Option<usize>, DeadLetter> {
        self.parser.reset();
        let (mut input, mut written, mut ended) = (value, 0, 0);
        loop {
            let (result, read, bytes, ends) =
                self.parser.read_record(input, &mut self.fields[written..], &mut self.ends[ended..]);
            (input, written, ended) = (&input[read..], written + bytes, ended + ends);
            match result {
                // Fed nothing more, the parser ends the record that it is in.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputEndsFull | ReadRecordResult::OutputFull => return Ok(None),
                ReadRecordResult::End => return Err(malformed("csv", "there is no record")),
                ReadRecordResult::Record if input.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => {
                    return Ok(Some(ended));
                }
                ReadRecordResult::Record => return Err(malformed("csv", "a second record follows the first")),
            }
        }
    }
}
