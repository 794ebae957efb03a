//! The one place of this crate that reads a clock, for deadlines of network calls.

use std::time::{Duration, Instant};

/// A point in time until which something may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now on.
    #[expect(
        clippy::disallowed_methods,
        reason = "waiting for a network needs a clock; no decision about data depends on it"
    )]
    pub(crate) fn after(limit: Duration) -> Self {
        Self { start: Instant::now(), limit }
    }

    /// Time since it was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Time left; zero when it has passed.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    /// True when no time is left.
    pub(crate) fn passed(&self) -> bool {
        self.left().is_zero()
    }
}

/// A duration as librdkafka takes it: whole milliseconds, at least one for anything above zero.
pub(crate) fn timeout_ms(timeout: Duration) -> i32 {
    let ms = timeout.as_millis();
    let ms = if ms == 0 && !timeout.is_zero() { 1 } else { ms };
    i32::try_from(ms).unwrap_or(i32::MAX)
}
