//! Instants as scenarios write them: `d3`, `d3 14:30`, `d3 14:30:00.001`, each also with `+5ms` or `-1ms` behind it, or an instant in full.
//!
//! d0 is midnight of Monday, 1 January 2024, UTC.

use leadstream_core::Timestamp;

/// d0.
pub const BEGINNING_MS: i64 = 1_704_067_200_000;
const DAY_MS: i64 = 86_400_000;

/// Reads an instant.
///
/// # Errors
/// What it should look like.
pub fn read(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("{text:?} is no instant: write d3, d3 14:30, d3 14:30:00.001, d3 +5ms or 2024-03-31T01:00:00Z");
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| wrong());
    }
    let mut words = text.strip_prefix('d').ok_or_else(wrong)?.split(' ');
    let days: i64 = words.next().and_then(|days| days.parse().ok()).ok_or_else(wrong)?;
    let mut at_ms = BEGINNING_MS + days * DAY_MS;
    for word in words {
        at_ms += match word.strip_suffix("ms") {
            Some(shift) => shift.parse::<i64>().map_err(|_| wrong())?,
            None => clock(word).ok_or_else(wrong)?,
        };
    }
    Ok(at_ms)
}

/// `14:30`, `14:30:05` or `14:30:05.250` in milliseconds.
fn clock(text: &str) -> Option<i64> {
    let (whole, thousandths) = text.split_once('.').unwrap_or((text, "000"));
    let parts: Vec<i64> = whole.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let thousandths: i64 = (thousandths.len() == 3).then(|| thousandths.parse().ok())??;
    (hours < 24 && minutes < 60 && seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths)
}

/// As records write it.
pub fn written(at_ms: i64) -> String {
    Timestamp::from_millis(at_ms).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_hours_and_milliseconds_are_counted_from_the_first_monday_of_2024() {
        assert_eq!(written(read("d0").expect("d0")), "2024-01-01T00:00:00.000Z");
        assert_eq!(written(read("d3 14:30:05.250").expect("a clock")), "2024-01-04T14:30:05.250Z");
        assert_eq!(written(read("d3 -1ms").expect("a shift")), "2024-01-03T23:59:59.999Z");
        assert_eq!(written(read("d0 +834481934ms").expect("a shift")), "2024-01-10T15:48:01.934Z");
        assert_eq!(read("2024-01-01T01:00:00+01:00"), Ok(BEGINNING_MS));
    }

    #[test]
    fn what_is_no_instant_is_told() {
        for text in ["", "3d", "d", "d1 25:00", "d1 10", "d1 10:00:00.5", "tomorrow", "2024-13-01T00:00:00Z"] {
            assert!(read(text).expect_err(text).contains("is no instant"), "{text}");
        }
    }
}
