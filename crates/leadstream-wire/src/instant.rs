//! Reading instants: the spellings of ISO 8601 that pipelines write, numbers since the epoch, and patterns of a source's own.
//!
//! A time without an offset is a local time and means nothing without the source's zone; guessing UTC would move every event of a shop by
//! hours, so it is refused instead.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use leadstream_core::Timestamp;

use crate::format::FormatProblem;
use crate::text::trimmed;

/// How a time is spelt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// ISO 8601 with or without an offset, or a number since the epoch whose unit is told by its size.
    #[default]
    Automatic,
    /// ISO 8601 text, or a number of milliseconds since the epoch: Leadstream's own formats.
    IsoOrMillis,
    /// RFC 3339 and its near relatives, as text only.
    Rfc3339,
    /// Seconds since the epoch, fractions allowed.
    EpochSeconds,
    /// Milliseconds since the epoch.
    EpochMillis,
    /// A pattern in the manner of strptime, such as `%d.%m.%Y %H:%M`.
    Pattern(String),
}

/// Why a time could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeTrouble {
    /// It is not a time, or not of the declared format.
    Unreadable,
    /// It is a local time and the source has no zone.
    NeedsZone,
}

/// A reader of instants for one source.
#[derive(Clone, Debug)]
pub struct InstantReader {
    format: TimeFormat,
    zone: Option<TimeZone>,
}

impl InstantReader {
    /// A reader of a format, with the zone of local times.
    pub fn new(format: TimeFormat, zone: Option<TimeZone>) -> InstantReader {
        InstantReader { format, zone }
    }

    /// The instant of a text.
    pub fn text(&self, text: &str) -> Result<Timestamp, TimeTrouble> {
        match &self.format {
            TimeFormat::Automatic => self.iso(text).or_else(|trouble| match trimmed(text).parse::<f64>() {
                Ok(number) if trimmed(text).len() >= 9 => number_of_any_unit(number),
                _ => Err(trouble),
            }),
            TimeFormat::Rfc3339 | TimeFormat::IsoOrMillis => self.iso(text),
            TimeFormat::EpochSeconds | TimeFormat::EpochMillis => {
                self.number(trimmed(text).parse().map_err(|_| TimeTrouble::Unreadable)?)
            }
            TimeFormat::Pattern(pattern) => self.pattern(pattern, trimmed(text)),
        }
    }

    /// The instant of a number.
    pub fn number(&self, number: f64) -> Result<Timestamp, TimeTrouble> {
        match self.format {
            TimeFormat::Automatic => number_of_any_unit(number),
            TimeFormat::EpochSeconds => millis(number * 1000.0),
            TimeFormat::EpochMillis | TimeFormat::IsoOrMillis => millis(number),
            TimeFormat::Rfc3339 | TimeFormat::Pattern(_) => Err(TimeTrouble::Unreadable),
        }
    }

    fn iso(&self, text: &str) -> Result<Timestamp, TimeTrouble> {
        let (local_ms, offset_ms) = read_iso(trimmed(text).as_bytes()).ok_or(TimeTrouble::Unreadable)?;
        match offset_ms {
            Some(offset_ms) => Ok(Timestamp::from_millis(local_ms - offset_ms)),
            None => {
                let utc = jiff::Timestamp::from_millisecond(local_ms).map_err(|_| TimeTrouble::Unreadable)?;
                self.in_zone(TimeZone::UTC.to_datetime(utc))
            }
        }
    }

    fn pattern(&self, pattern: &str, text: &str) -> Result<Timestamp, TimeTrouble> {
        let parsed = strtime::parse(pattern, text).map_err(|_| TimeTrouble::Unreadable)?;
        if let Ok(instant) = parsed.to_timestamp() {
            return Ok(Timestamp::from_millis(instant.as_millisecond()));
        }
        let local = match parsed.to_datetime() {
            Ok(local) => local,
            Err(_) => parsed.to_date().map_err(|_| TimeTrouble::Unreadable)?.to_datetime(jiff::civil::Time::midnight()),
        };
        self.in_zone(local)
    }

    /// A local time that a change of clocks skips or repeats is read as jiff's `compatible` strategy does (RFC 5545).
    fn in_zone(&self, local: DateTime) -> Result<Timestamp, TimeTrouble> {
        let zone = self.zone.clone().ok_or(TimeTrouble::NeedsZone)?;
        let instant = zone.to_ambiguous_timestamp(local).compatible().map_err(|_| TimeTrouble::Unreadable)?;
        Ok(Timestamp::from_millis(instant.as_millisecond()))
    }
}

/// What is wrong with a pattern of times; `field` is the path that the problem is given. A time that is written by it must be read back by it:
/// one without its day cannot.
pub fn check_time_pattern(field: &str, pattern: &str) -> Option<FormatProblem> {
    let sample = jiff::Zoned::new(jiff::Timestamp::UNIX_EPOCH, TimeZone::UTC);
    // A pattern that cannot even be written has been told by whoever read it.
    let text = strtime::format(pattern, &sample).ok()?;
    let reader = InstantReader::new(TimeFormat::Pattern(pattern.to_owned()), Some(TimeZone::UTC));
    if reader.text(&text).is_ok() {
        return None;
    }
    let problem = format!("a time written as {pattern} cannot be read back: it does not say its day");
    Some(FormatProblem::new(field, problem).hint("write a whole date, as in %Y-%m-%d %H:%M:%S"))
}

/// A number since the epoch: up to 10^11 it counts seconds (until the year 5138), up to 10^14 milliseconds, up to 10^17 microseconds,
/// and nanoseconds beyond.
fn number_of_any_unit(number: f64) -> Result<Timestamp, TimeTrouble> {
    let size = number.abs();
    millis(if size < 1e11 {
        number * 1e3
    } else if size < 1e14 {
        number
    } else if size < 1e17 {
        number / 1e3
    } else {
        number / 1e6
    })
}

fn millis(number: f64) -> Result<Timestamp, TimeTrouble> {
    // Beyond 10^17 ms lies no time of any calendar; the cast below is exact for what remains.
    if !number.is_finite() || number.abs() > 1e17 {
        return Err(TimeTrouble::Unreadable);
    }
    Ok(Timestamp::from_millis(number.floor() as i64))
}

/// Reads `YYYY-M-D`, then optionally `T`, `t` or a blank and `h:m[:s[.fraction]]`, then optionally `Z` or an offset.
///
/// Returns local milliseconds since the epoch and the offset in milliseconds. Months, days and hours may lack their leading zero, as some
/// senders' do. A leap second counts as the second after 59.
fn read_iso(text: &[u8]) -> Option<(i64, Option<i64>)> {
    let mut reader = Digits { text, at: 0 };
    let year = reader.number(4, 4)?;
    reader.byte(b'-')?;
    let month = reader.number(1, 2)?;
    reader.byte(b'-')?;
    let day = reader.number(1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    let midnight_ms = days_from_epoch(year, month, day) * 86_400_000;
    if reader.is_at_end() {
        return Some((midnight_ms, None));
    }
    if !matches!(reader.next()?, b'T' | b't' | b' ') {
        return None;
    }
    let hour = reader.number(1, 2)?;
    reader.byte(b':')?;
    let minute = reader.number(2, 2)?;
    let mut time_ms = (hour * 60 + minute) * 60_000;
    let mut second = 0;
    if reader.peek() == Some(b':') {
        reader.at += 1;
        second = reader.number(2, 2)?;
        time_ms += second * 1000;
        if matches!(reader.peek(), Some(b'.' | b',')) {
            reader.at += 1;
            time_ms += reader.fraction_ms()?;
        }
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset_ms = reader.offset_ms()?;
    reader.is_at_end().then_some((midnight_ms + time_ms, offset_ms))
}

/// A cursor over a time's text.
struct Digits<'a> {
    text: &'a [u8],
    at: usize,
}

impl Digits<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// A number of `least` to `most` digits.
    #[inline]
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let (start, mut number) = (self.at, 0);
        while self.at - start < most
            && let Some(digit @ b'0'..=b'9') = self.peek()
        {
            number = number * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        (self.at - start >= least).then_some(number)
    }

    /// The milliseconds of a fraction of a second; what is finer is cut off.
    fn fraction_ms(&mut self) -> Option<i64> {
        let (mut millis, mut unit, start) = (0, 100, self.at);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            millis += i64::from(digit - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        (self.at > start).then_some(millis)
    }

    /// `Z`, `+hh:mm`, `+hhmm`, `+hh`; none where the text ends.
    fn offset_ms(&mut self) -> Option<Option<i64>> {
        if self.peek() == Some(b' ') {
            self.at += 1;
        }
        let sign = match self.next() {
            None => return Some(None),
            Some(b'Z' | b'z') => return Some(Some(0)),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        let hours = self.number(2, 2)?;
        if self.peek() == Some(b':') {
            self.at += 1;
        }
        let minutes = if self.is_at_end() { 0 } else { self.number(2, 2)? };
        (hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 60 + minutes) * 60_000))
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: years begin in March, so that the leap day is the last of its year.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, TimeTrouble> {
        InstantReader::new(TimeFormat::Automatic, None).text(text).map(|instant| instant.to_string())
    }

    #[test]
    fn every_spelling_seen_in_the_wild_is_read() {
        for (text, instant) in [
            ("2020-02-02T00:23:09.544Z", "2020-02-02T00:23:09.544Z"),
            ("2020-09-29T14:50:29.907+05:30", "2020-09-29T09:20:29.907Z"),
            ("2019-09-01T15:46:51.693229+05:30", "2019-09-01T10:16:51.693Z"),
            ("2020-09-17T19:49:27Z", "2020-09-17T19:49:27.000Z"),
            ("2020-01-24t11:59:02.402+05:30", "2020-01-24T06:29:02.402Z"),
            ("2015-2-02T00:30:12.984Z", "2015-02-02T00:30:12.984Z"),
            ("2020-04-17T14:55:31.37Z", "2020-04-17T14:55:31.370Z"),
            ("2021-03-02T18:14:33.9713246Z", "2021-03-02T18:14:33.971Z"),
            ("2021-03-02 18:14-0130", "2021-03-02T19:44:00.000Z"),
            ("1675692865495", "2023-02-06T14:14:25.495Z"),
            ("1675692865", "2023-02-06T14:14:25.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(instant), "{text}");
        }
    }

    #[test]
    fn local_times_need_a_zone() {
        for text in ["2020-01-15 14:57:24.898", "2023-01-03", "2020-01-15T14:57"] {
            assert_eq!(read(text), Err(TimeTrouble::NeedsZone), "{text}");
        }
        let warsaw = InstantReader::new(TimeFormat::Automatic, Some(TimeZone::get("Europe/Warsaw").unwrap()));
        assert_eq!(warsaw.text("2020-01-15 14:57:24.898").unwrap().to_string(), "2020-01-15T13:57:24.898Z");
        assert_eq!(warsaw.text("2023-07-03").unwrap().to_string(), "2023-07-02T22:00:00.000Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "safaff",
            "NOW",
            "",
            "202205-13T12:51:01.470Z",
            "2020-13-01",
            "2020-02-30",
            "2021-02-29T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00:00+5",
            "2020-01-01T00:00:00ZZ",
            "12345",
            "2020-01-01T00:00:00.Z",
            "1e400",
            "NaN",
            "infinity0",
        ] {
            assert_eq!(read(text), Err(TimeTrouble::Unreadable), "{text}");
        }
        assert_eq!(InstantReader::new(TimeFormat::Automatic, None).number(f64::NAN), Err(TimeTrouble::Unreadable));
    }

    #[test]
    fn declared_formats_take_nothing_else() {
        let zone = Some(TimeZone::get("Europe/Warsaw").unwrap());
        let pattern = InstantReader::new(TimeFormat::Pattern("%m/%d/%Y %H:%M".into()), zone.clone());
        assert_eq!(pattern.text("12/1/2010 8:26").unwrap().to_string(), "2010-12-01T07:26:00.000Z");
        assert_eq!(pattern.text("2010-12-01"), Err(TimeTrouble::Unreadable));
        let date = InstantReader::new(TimeFormat::Pattern("%d.%m.%Y".into()), zone);
        assert_eq!(date.text("01.07.2010").unwrap().to_string(), "2010-06-30T22:00:00.000Z");
        let seconds = InstantReader::new(TimeFormat::EpochSeconds, None);
        assert_eq!(seconds.text("1.5").unwrap().millis(), 1500);
        assert_eq!(seconds.text("2020-01-01"), Err(TimeTrouble::Unreadable));
        let millis = InstantReader::new(TimeFormat::EpochMillis, None);
        assert_eq!(millis.number(-1.5).unwrap().millis(), -2);
    }

    proptest! {
        #[test]
        fn dates_agree_with_the_calendar_library(millis in -62_135_596_800_000i64..253_402_300_799_999) {
            let text = jiff::Timestamp::from_millisecond(millis).unwrap().to_string();
            prop_assert_eq!(read_iso(text.as_bytes()), Some((millis, Some(0))));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = read(&text);
        }
    }
}
