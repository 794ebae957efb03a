//! Spans of time and amounts of memory as people write them: `100ms`, `7d`, `512MiB`.
//!
//! Invariants: a day is 24 hours exactly; showing a value and reading it again gives the same value; no unit is ever guessed, so a
//! bare number is refused.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const TIME_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const BYTE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A span of time in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan {
    milliseconds: u64,
}

impl TimeSpan {
    /// What may be written.
    pub(crate) const ALLOWED: &'static str = "a whole number with ms, s, m, h or d, as in 100ms, 10s or 7d";

    /// A span of so many milliseconds.
    pub const fn from_ms(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// A span of so many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { milliseconds: seconds * 1000 }
    }

    /// A span of so many days of 24 hours.
    pub const fn from_days(days: u64) -> Self {
        Self { milliseconds: days * 86_400_000 }
    }

    /// Milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.milliseconds
    }

    /// The span as the standard library's type.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

/// Text that is not the quantity asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {allowed}")]
pub struct CorrectUnit {
    allowed: &'static str,
}

/// Splits `12ms` into its number and unit, and multiplies; `None` where it is not that or does not fit.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Writes an amount in the largest unit that divides it.
fn write_quantity(formatter: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)], zero: &str) -> fmt::Result {
    match units.iter().find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor)) {
        Some((unit, factor)) => write!(formatter, "{}{unit}", amount / factor),
        None => formatter.write_str(zero),
    }
}

impl FromStr for TimeSpan {
    type Err = CorrectUnit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let milliseconds = quantity(text, &TIME_UNITS).filter(|amount| i64::try_from(*amount).is_ok());
        milliseconds.map(Self::from_ms).ok_or(CorrectUnit { allowed: Self::ALLOWED })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quantity(formatter, self.milliseconds, &TIME_UNITS, "0s")
    }
}

/// An amount of memory or disk in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize {
    bytes: u64,
}

impl ByteSize {
    /// What may be written.
    pub(crate) const ALLOWED: &'static str = "a whole number with B, KiB, MiB, GiB or TiB, as in 512MiB";

    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// So many mebibytes (1,048,576 bytes each).
    pub const fn from_mib(mebibytes: u64) -> Self {
        Self { bytes: mebibytes << 20 }
    }

    /// Bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }
}

impl FromStr for ByteSize {
    type Err = CorrectUnit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        quantity(text, &BYTE_UNITS).map(Self::from_bytes).ok_or(CorrectUnit { allowed: Self::ALLOWED })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quantity(formatter, self.bytes, &BYTE_UNITS, "0B")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_read_back_what_they_show() {
        for text in ["100ms", "10s", "90m", "7d", "0s", "400d", "1h", "1001ms"] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
        }
        for text in ["512MiB", "1GiB", "3TiB", "0B", "1000B", "64KiB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!("2 GiB".parse::<ByteSize>().unwrap(), ByteSize::from_mib(2048));
        assert_eq!("7d".parse::<TimeSpan>().unwrap().as_ms(), 604_800_000);
    }

    #[test]
    fn bare_numbers_foreign_units_and_overflow_are_refused() {
        for text in ["100", "", "ms", "-1s", "1.5s", "1w", "1M", "7D", "99999999999999999999s", "999999999999999999d"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text} was taken for a span");
        }
        for text in ["512", "512MB", "512M", "1.5GiB", "99999999999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text} was taken for a size");
        }
    }
}
