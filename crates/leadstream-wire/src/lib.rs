//! Bytes to core types and back: input formats, the internal envelope, derived events, dead letters, stored forms.
//!
//! Nothing here does I/O, reads a clock or keeps state between records but caches and buffers: what a record becomes depends on the record
//! and on its source's description alone. No input makes it panic; a record that cannot be taken is refused with a [`DeadLetter`].

#![deny(clippy::iter_over_hash_type, reason = "its order is another one in each process, and results must not be")]

mod agents;
pub mod batch;
pub mod canonical;
mod clock;
mod company;
mod contact_id;
pub mod dead_letter;
pub mod decoder;
mod encoding;
pub mod envelope;
mod event_types;
mod expression;
mod fields;
pub mod format;
pub mod instant;
pub mod limits;
mod mapping;
mod name_map;
mod names;
pub mod out;
mod own;
pub mod record;
mod scalar;
mod segment;
pub mod stored;
mod text;
mod tree;

pub use batch::{Decoded, Dropped, EventBatch, SkipReason};
pub use dead_letter::{DeadLetter, DeadLetterCode, DeadLetterRecord};
pub use decoder::Decoder;
pub use encoding::check_schema;
pub use expression::{Purpose, check_expression};
pub use format::{COMPANY_PREFIX, CsvFormat, Encoding, FormatProblem, MappedKind, Mapping, Shape, SourceFormat};
pub use instant::{TimeFormat, check_time_pattern};
pub use record::InputRecord;
