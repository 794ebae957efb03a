//! Instants and spans: milliseconds, given from outside. The core never reads a clock (L7).

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroI64;
use std::ops::{Add, Sub};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// A contact holds dozens of instants that may be absent. One instant that never comes is left out, so that an absent one takes no more memory than one
/// that is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp(NonZeroI64);

/// The instant left out, hundreds of millions of years from anything that happens, and from both ends, near which instants are counted up and down.
/// Instants are kept as their difference from it, bit by bit.
const LEFT_OUT: i64 = i64::MIN / 2;

/// A length of time in milliseconds; a day is exactly 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Timestamp {
    /// Before every event.
    pub const MIN: Timestamp = Timestamp::from_millis(i64::MIN);
    /// After every event.
    pub const MAX: Timestamp = Timestamp::from_millis(i64::MAX);
    /// The earliest event time that is taken: 1900-01-01T00:00:00Z. Earlier ones are refused as not a time.
    pub const EARLIEST: Timestamp = Timestamp::from_millis(-2_208_988_800_000);
    /// The latest event time that is taken: 2200-01-01T00:00:00Z. Later ones are refused as not a time.
    pub const LATEST: Timestamp = Timestamp::from_millis(7_258_118_400_000);

    /// An instant from milliseconds since the epoch. One that is hundreds of millions of years before is taken for its neighbour.
    #[inline]
    pub const fn from_millis(millis: i64) -> Timestamp {
        match NonZeroI64::new(millis ^ LEFT_OUT) {
            Some(kept) => Timestamp(kept),
            None => Timestamp::from_millis(LEFT_OUT - 1),
        }
    }

    /// Milliseconds since the epoch.
    #[inline]
    pub const fn millis(self) -> i64 {
        self.0.get() ^ LEFT_OUT
    }

    /// Whether the instant lies between [`Timestamp::EARLIEST`] and [`Timestamp::LATEST`].
    pub fn is_plausible(self) -> bool {
        (Timestamp::EARLIEST..=Timestamp::LATEST).contains(&self)
    }
}

impl Default for Timestamp {
    fn default() -> Timestamp {
        Timestamp::from_millis(0)
    }
}

impl Ord for Timestamp {
    #[inline]
    fn cmp(&self, other: &Timestamp) -> Ordering {
        self.millis().cmp(&other.millis())
    }
}

impl PartialOrd for Timestamp {
    #[inline]
    fn partial_cmp(&self, other: &Timestamp) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.millis()).finish()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.millis()) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms", self.millis()),
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
        Timestamp::from_millis(self.millis().saturating_add(span.0))
    }
}
impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp::from_millis(self.millis().saturating_sub(span.0))
    }
}
impl Sub<Timestamp> for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.millis().saturating_sub(earlier.millis()))
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

    #[test]
    fn instants_are_ordered_as_their_milliseconds_and_one_is_left_out() {
        let millis = [i64::MIN, i64::MIN + 1, LEFT_OUT - 1, LEFT_OUT + 1, -1, 0, 1, i64::MAX];
        let instants = millis.map(Timestamp::from_millis);
        assert!(instants.is_sorted() && instants.map(Timestamp::millis) == millis);
        assert_eq!(Timestamp::from_millis(LEFT_OUT), Timestamp::from_millis(LEFT_OUT - 1));
        assert_eq!(size_of::<Option<Timestamp>>(), size_of::<Timestamp>());
    }
}
