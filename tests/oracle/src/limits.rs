//! The limits of clause S58 that a test may want to make small.
//!
//! Owns their defaults. Never enforces them: each is enforced where the thing it bounds is computed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A day: exactly 24 hours, in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// The limits of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How far ahead of its receipt an event's time may lie, milliseconds (S4).
    pub max_ahead_ms: i64,
    /// How long events stay rows, milliseconds (S6).
    pub horizon_ms: i64,
    /// How many rows a contact has at most (S6).
    pub rows: usize,
    /// How many bytes rows and what they booked count at most (S6).
    pub bytes: usize,
    /// How many bytes the kept properties of an interaction have at most.
    pub property_bytes: usize,
    /// How many tags a contact has at most.
    pub tags: usize,
    /// How many keys of once-per rules a contact has at most; the oldest ends.
    pub once_keys: usize,
    /// How many windows of absence rules a contact has at most; no new one opens.
    pub windows: usize,
    /// Event types that are no activity (S14).
    pub passive_types: BTreeSet<String>,
}

impl Default for Limits {
    fn default() -> Limits {
        let passive = ["email_sent", "email_delivered", "email_bounced"];
        Limits {
            max_ahead_ms: 5 * 60_000,
            horizon_ms: 400 * DAY_MS,
            rows: 2000,
            bytes: 448 * 1024,
            property_bytes: 1024,
            tags: 200,
            once_keys: 2000,
            windows: 256,
            passive_types: passive.into_iter().map(str::to_owned).collect(),
        }
    }
}
