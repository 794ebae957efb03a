//! How much of a contact's past is kept row by row. It decides what is late and what is too late.

use crate::units::{ByteSize, TimeSpan};

section! {
    /// How much of each contact's past is kept.
    pub struct History {
        /// How far in the future an event's time may lie; beyond, it is set to the time of receipt and marked.
        pub max_ahead: TimeSpan = TimeSpan::from_seconds(300),
        /// How far back from a contact's newest event its rows are kept. Later than that is too late.
        pub horizon: TimeSpan = TimeSpan::from_days(400),
        /// How many rows a contact keeps at most; the oldest go first.
        pub rows: u32 = 2000,
        /// How much rows and what they booked may count for one contact, so that its record fits into a message; the oldest go first.
        pub bytes: ByteSize = ByteSize::from_bytes(448 << 10),
    }
}
