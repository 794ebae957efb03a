//! Stored forms: what Leadstream writes for itself, in the log and in local stores, and reads again in every later version.
//!
//! Owns the bytes and their versions. Every form begins with its version; a form once released stays readable, which golden files test. Reading
//! never panics, whatever the bytes.

mod announced;
mod bytes;
pub mod changelog;
pub mod contact;
mod form;
mod history;
mod identity;
pub mod message;
pub mod plans;
pub mod redo;
mod standing;
mod state;
mod sums;
mod waiting;
mod words;

pub use words::{Dictionary, Vocabulary};

use thiserror::Error;

/// Bytes that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoredError {
    /// A newer program wrote them.
    #[error("stored bytes have version {0}, which a newer program wrote: run that one")]
    UnknownVersion(u8),
    /// They end too early.
    #[error("stored bytes end too early")]
    Truncated,
    /// They are none of ours.
    #[error("stored bytes hold {0}")]
    Malformed(&'static str),
}
