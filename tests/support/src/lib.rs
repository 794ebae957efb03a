//! What the tests on a real Kafka share.
//!
//! Owns: brokers, guarded processes, topics and records of a test, a foreign reader, and finding the built binary. Never depends
//! on a crate of Leadstream: a test that reads its results through the code under test proves nothing.
//!
//! Invariant: whatever a test started ends with the test, even when the test process is killed.

#![allow(
    clippy::disallowed_methods,
    reason = "waiting with a limit needs a clock, and nothing here is part of the product"
)]

pub mod binary;
pub mod broker;
pub mod error;
pub mod foreign;
pub mod process;
pub mod rights;
pub mod topics;
mod watchdog;

pub use binary::leadstream_binary;
pub use broker::{Broker, BrokerOptions, repository_root};
pub use error::SupportError;
pub use foreign::ForeignRecord;
pub use process::Process;
pub use topics::{NewRecord, NewTopic};
