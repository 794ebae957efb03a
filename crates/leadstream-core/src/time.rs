//! Instants and spans: milliseconds, given from outside. The core never reads a clock (L7).

use std::fmt;
use std::ops::{Add, Sub};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A length of time in milliseconds; a day is exactly 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Timestamp {
    /// Before every event.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After every event.
    pub const MAX: Timestamp = Timestamp(i64::MAX);
    /// The earliest event time that is taken: 1900-01-01T00:00:00Z. Earlier ones are refused as not a time.
    pub const EARLIEST: Timestamp = Timestamp(-2_208_988_800_000);
    /// The latest event time that is taken: 2200-01-01T00:00:00Z. Later ones are refused as not a time.
    pub const LATEST: Timestamp = Timestamp(7_258_118_400_000);

    /// An instant from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whether the instant lies between [`Timestamp::EARLIEST`] and [`Timestamp::LATEST`].
    pub fn is_plausible(self) -> bool {
        (Timestamp::EARLIEST..=Timestamp::LATEST).contains(&self)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// A span from milliseconds.
    pub const fn from_millis(millis: i64) -> Span {
        Span(millis)
    }

    /// A span of days of 24 hours.
    pub const fn days(days: i64) -> Span {
        Span(days * 86_400_000)
    }

    /// Milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    /// The spelling of plans: the largest unit that divides the span (`30d`, `2h`, `90s`, `1500ms`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if self.0 != 0 && self.0 % millis == 0 {
                return write!(f, "{}{unit}", self.0 / millis);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}
impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}
impl Sub<Timestamp> for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_a_person_writes_them() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Span::days(30).to_string(), "30d");
        assert_eq!(Span::from_millis(90_000).to_string(), "90s");
        assert_eq!(Span::from_millis(1_500).to_string(), "1500ms");
        assert_eq!(Span::ZERO.to_string(), "0ms");
    }

    #[test]
    fn plausible_times_are_between_1900_and_2200() {
        assert_eq!(Timestamp::EARLIEST.to_string(), "1900-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::LATEST.to_string(), "2200-01-01T00:00:00.000Z");
        assert!(!Timestamp::from_millis(i64::MAX).is_plausible());
    }
}
