//! Scoring plans: YAML to a compiled plan or to all of its diagnostics.
//!
//! Owns the spelling of plans (docs/plans.md): keys, conditions in CEL, the catalogue of event types, limits, messages and the JSON Schema.
//! Pure: it takes texts and gives values; it opens no file, writes to no terminal and reads no clock. A plan that comes out has no error left
//! in it: whatever it means, the fold can run it.

#![deny(clippy::iter_over_hash_type, reason = "its order is another one in each process, and results must not be")]

mod catalogue;
mod cel;
mod code;
mod compile;
mod diagnostic;
mod duration;
mod example;
mod load;
mod schema;
mod sink;
mod suggest;
mod words;
mod yaml;

pub use catalogue::preset_event_types;
pub use cel::{Function, functions};
pub use code::Code;
pub use compile::{Compilation, Need, Options, Reference, compile};
pub use diagnostic::{Diagnostic, Severity, Style};
pub use example::{Example, Expectation, ExpectedDerived, ExpectedLine, TagExpectation, Trial};
pub use load::{Report, Source, check};
pub use schema::plan_schema;
pub use words::{Difference, Words, compare, describe};
pub use yaml::locate;
