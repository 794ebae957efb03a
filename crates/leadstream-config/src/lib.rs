//! The configuration of a Leadstream process: one YAML file, overridden by the environment, overridden by flags.
//!
//! Owns the types of the configuration, the reading of its three layers, every check that needs no broker, and the JSON Schema
//! of the file. Never connects to anything, never interprets an expression (mapping expressions stay text here and are compiled
//! by the wire formats), never prints a secret.
//!
//! Invariants: a [`Config`] that exists has passed every check; loading reports all problems of all layers at once, each with the
//! place it came from; whatever is secret is shown as `(hidden)` by every way of showing it.

#[macro_use]
mod section;

mod checks;
mod examined;
mod layers;
mod loading;
mod model;
mod problem;
mod read;
mod render;
mod report;
mod schema;
mod settings;
mod show;
mod tree;
mod units;
#[macro_use]
mod values;
mod times;

pub use examined::Examined;
pub use loading::{Layers, Loaded, YamlFile, examine, load, load_file, read_layers};
pub use model::Config;
pub use model::application::Application;
pub use model::clock::{Clock, IdleClock};
pub use model::engine::{Engine, WriteBack};
pub use model::history::History;
pub use model::kafka::Kafka;
pub use model::log::{Log, LogFormat, LogLevel};
pub use model::memory::{Memory, MemoryParts};
pub use model::service::{Http, Output, OutputFormat, Storage};
pub use model::source::{Avro, Contacts, ContactsFormat, Csv, Format, Framing, MappedKind, Mapping, Source};
pub use model::topics::{TopicNames, Topics};
pub use problem::{LoadError, Origin, Problem, Problems, Severity};
pub use schema::schema_text;
pub use settings::{Setting, Settings};
pub use times::{Start, TimeFormat, TimeZoneName};
pub use units::{ByteSize, TimeSpan};
pub use values::{FilePath, Retention, TopicName, Workers};
