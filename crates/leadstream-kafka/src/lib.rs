//! The Kafka side of the log: the only crate that names rdkafka.
//!
//! Owns the clients (librdkafka through rdkafka) and maps them onto the traits of `leadstream_runtime::log`: a member that subscribes to one quiet
//! topic, an assign-only reader in batches, a transactional producer that is replaced after any doubtful outcome, and the questions about topics and
//! offsets. It never decides anything about contacts, keeps no state beyond connections and positions, and starts no threads but those of its
//! clients and those that wait for clients to answer or to close.
//!
//! Invariants: group metadata is taken in the rebalance callback, on the worker's thread, and never fetched for a commit; static ids always; no client
//! is dropped in a way that can hang the worker; what a setting may break cannot be set ([`KafkaSettings::check`]); no value of a setting is ever shown.

mod admin;
mod attendant;
mod brokers;
mod burial;
mod clock;
mod error;
mod ffi;
mod group;
mod kafka_log;
mod known;
mod membership;
mod orphans;
mod producer;
mod reader;
mod settings;

pub use admin::Undeletable;
pub use group::GroupMember;
pub use kafka_log::KafkaLog;
pub use known::{Section, SettingProblem};
pub use membership::{GroupToken, KafkaMembership};
pub use producer::KafkaProducer;
pub use reader::KafkaReader;
pub use settings::{KafkaSettings, ProducerLimits, SettingError};

/// Whether this program was linked with functions of ours in the places of those of librdkafka that cannot deal with a broker that is just starting, as the
/// build script of every package with a program must see to.
pub fn is_guarded() -> bool {
    ffi::is_guarded()
}
