//! What only a real broker can show about the Kafka side of the log. What both logs must do is tested by the common suite, on both.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails where it stands and says what it saw")]

mod drop_never_hangs;
mod help;
mod membership;
mod outages;
mod reading;
mod topics;
mod transactions;
