//! Durations, local dates and calendar periods (S10, S19): the only place that knows time zones.
//!
//! Never reads a clock. The time zone data is the one bundled with `jiff`, as it is part of the fold's version (trap 7).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::limits::DAY_MS;

/// A period of the calendar in which a cap counts (S19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A local date.
    Day,
    /// An ISO week of local dates.
    Week,
    /// A month of local dates.
    Month,
}

/// A duration such as `90s`, `15m`, `2h`, `7d` or `2w`, in milliseconds; none where the text is not a duration from 1 s to 10 years (S58).
pub fn parse_duration(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let unit_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY_MS,
        'w' => 7 * DAY_MS,
        _ => return None,
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let duration_ms = digits.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (1_000..=3_650 * DAY_MS).contains(&duration_ms).then_some(duration_ms)
}

/// The instant at which a local date `2026-01-31` begins, milliseconds UTC (S10).
pub fn local_midnight(date: &str, zone: &TimeZone) -> Option<i64> {
    let date: Date = date.parse().ok()?;
    let noon = date.at(12, 0, 0, 0).to_zoned(zone.clone()).ok()?;
    Some(noon.start_of_day().ok()?.timestamp().as_millisecond())
}

/// Whether two instants lie in the same period by their local dates (S19).
pub fn same_period(period: Period, one_ms: i64, other_ms: i64, zone: &TimeZone) -> bool {
    let key = |instant_ms: i64| {
        let date = local(instant_ms, zone)?.date();
        Some(match period {
            Period::Day => (i32::from(date.year()), i32::from(date.month()), i32::from(date.day())),
            Period::Week => (i32::from(date.iso_week_date().year()), i32::from(date.iso_week_date().week()), 0),
            Period::Month => (i32::from(date.year()), i32::from(date.month()), 0),
        })
    };
    key(one_ms) == key(other_ms)
}

fn local(instant_ms: i64, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(instant_ms).ok()?.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc_ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn warsaw() -> TimeZone {
        TimeZone::get("Europe/Warsaw").unwrap()
    }

    #[test]
    fn s58_durations_lie_between_a_second_and_ten_years() {
        assert_eq!(parse_duration("7d"), Some(7 * DAY_MS));
        assert_eq!(parse_duration("1s"), Some(1_000));
        assert_eq!(parse_duration("2w"), Some(14 * DAY_MS));
        for bad in ["0s", "3651d", "7", "d", "-7d", "1.5h", "7y", "", "7 d", "99999999999999999999d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn s10_validity_begins_at_local_midnight() {
        assert_eq!(local_midnight("2026-01-31", &warsaw()), Some(utc_ms("2026-01-30T23:00:00Z")));
        assert_eq!(local_midnight("2026-07-01", &TimeZone::UTC), Some(utc_ms("2026-07-01T00:00:00Z")));
        // Midnight did not exist in Beirut on that date: the day began at one o'clock.
        let beirut = TimeZone::get("Asia/Beirut").unwrap();
        assert_eq!(local_midnight("2022-03-27", &beirut), Some(utc_ms("2022-03-26T22:00:00Z")));
        assert_eq!(local_midnight("2026-02-30", &warsaw()), None);
    }

    #[test]
    fn s19_a_day_follows_the_local_date_through_a_change_of_clocks() {
        // 29 March 2026 has 23 hours in Warsaw: from 23:00 UTC on the 28th to 22:00 UTC on the 29th.
        let start = utc_ms("2026-03-28T23:00:00Z");
        let end = utc_ms("2026-03-29T22:00:00Z");
        assert!(same_period(Period::Day, start, end - 1, &warsaw()));
        assert!(!same_period(Period::Day, start, end, &warsaw()));
        assert!(!same_period(Period::Day, start - 1, start, &warsaw()));
        // 25 October 2026 has 25.
        let start = utc_ms("2026-10-24T22:00:00Z");
        assert!(same_period(Period::Day, start, utc_ms("2026-10-25T22:59:59.999Z"), &warsaw()));
        assert!(!same_period(Period::Day, start, utc_ms("2026-10-25T23:00:00Z"), &warsaw()));
    }

    #[test]
    fn s19_weeks_are_iso_weeks_and_months_are_local() {
        let utc = TimeZone::UTC;
        // 1 January 2027 is a Friday of week 53 of 2026.
        assert!(same_period(Period::Week, utc_ms("2026-12-28T00:00:00Z"), utc_ms("2027-01-03T23:59:59Z"), &utc));
        assert!(!same_period(Period::Week, utc_ms("2027-01-03T23:59:59Z"), utc_ms("2027-01-04T00:00:00Z"), &utc));
        assert!(!same_period(Period::Month, utc_ms("2026-01-31T23:00:00Z"), utc_ms("2026-01-01T00:00:00Z"), &warsaw()));
        assert!(!same_period(Period::Month, utc_ms("2026-01-01T00:00:00Z"), utc_ms("2027-01-01T00:00:00Z"), &utc));
    }
}
