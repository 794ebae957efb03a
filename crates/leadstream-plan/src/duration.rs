//! Spans of time as plans spell them: a whole number and a unit, `30d`.

use leadstream_core::time::Span;

use crate::code::Code;

/// The shortest span, in milliseconds (S58).
const SHORTEST_MS: i64 = 1_000;

/// The longest span: ten years of 365 days, in milliseconds (S58).
const LONGEST_MS: i64 = 3_650 * 86_400_000;

/// The units with their length in milliseconds.
const UNITS: [(&str, i64); 5] = [("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Why a text is no span of time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DurationProblem {
    /// The kind of problem.
    pub(crate) code: Code,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write.
    pub(crate) help: String,
}

/// Whether a text was meant as a span of time: it begins with a digit and is one word.
pub(crate) fn looks_like_one(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|next| next.is_alphanumeric() || next == '.')
}

/// The span of time that a text spells.
pub(crate) fn parse(text: &str) -> Result<Span, DurationProblem> {
    let problem =
        |message, help: &str| Err(DurationProblem { code: Code::BadDuration, message, help: help.to_owned() });
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit).filter(|_| digits > 0) else {
        let word = unit.trim().to_ascii_lowercase();
        let short =
            ["second", "minute", "hour", "day", "week"].iter().find(|long| word.trim_end_matches('s') == **long);
        let short =
            short.map(|long| &long[..1]).or_else(|| UNITS.map(|(name, _)| name).into_iter().find(|name| *name == word));
        let help = match (word.as_str(), short) {
            ("mo" | "month" | "months" | "y" | "year" | "years", _) => {
                "months and years differ in length: write days, as in `30d` or `365d`"
            }
            (_, Some(short)) if digits > 0 => &format!("write `{number}{short}`"),
            _ => "write a whole number and one of s, m, h, d, w: `90s`, `30m`, `2h`, `7d`",
        };
        return problem(format!("`{text}` is not a span of time"), help);
    };
    let millis = number.parse::<i64>().ok().and_then(|number| number.checked_mul(*length));
    match millis {
        Some(millis) if (SHORTEST_MS..=LONGEST_MS).contains(&millis) => Ok(Span::from_millis(millis)),
        _ => problem(
            format!("`{text}` is outside what a span of time may be"),
            "spans reach from 1 second to 10 years (3650d)",
        ),
    }
}

/// The span since the beginning that a text spells: one or more whole numbers with a unit, the larger units first, as in `0d`, `90m` or `1d2h`.
/// Nothing where it spells none, or more than ten years.
pub(crate) fn parse_offset(text: &str) -> Option<Span> {
    let mut rest = text;
    let mut total: i64 = 0;
    let mut smallest = i64::MAX;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let (_, length) = UNITS.iter().find(|(name, _)| rest[digits..].starts_with(name))?;
        if *length >= smallest {
            return None;
        }
        smallest = *length;
        total = number.checked_mul(*length)?.checked_add(total)?;
        rest = &rest[digits + 1..];
        if rest.is_empty() {
            return (total <= LONGEST_MS).then_some(Span::from_millis(total));
        }
    }
}

/// A span since the beginning as [`parse_offset`] reads it; nothing where it is negative, too long or not in whole seconds.
pub(crate) fn show_offset(span: Span) -> Option<String> {
    let millis = span.millis();
    if !(0..=LONGEST_MS).contains(&millis) || millis % 1_000 != 0 {
        return None;
    }
    let mut rest = millis;
    let mut shown = String::new();
    for (name, length) in UNITS.iter().rev().filter(|(name, _)| *name != "w") {
        if rest >= *length {
            shown.push_str(&format!("{}{name}", rest / length));
            rest %= length;
        }
    }
    Some(if shown.is_empty() { "0d".to_owned() } else { shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_whole_number_and_a_unit_s58() {
        for (text, millis) in
            [("1s", 1_000), ("30m", 1_800_000), ("2h", 7_200_000), ("7d", 604_800_000), ("1w", 604_800_000)]
        {
            assert_eq!(parse(text), Ok(Span::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("3650d"), Ok(Span::days(3650)));
    }

    #[test]
    fn what_is_no_span_or_outside_the_limits_is_refused_s58() {
        for text in [
            "",
            "d",
            "7",
            "7 d",
            "1.5d",
            "-7d",
            "7D",
            "1y",
            "0s",
            "3651d",
            "99999999999999999999d",
            "9999999999999999w",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn offsets_are_numbers_with_units_from_large_to_small() {
        for (text, millis, shown) in [
            ("0d", 0, "0d"),
            ("0s", 0, "0d"),
            ("90m", 5_400_000, "1h30m"),
            ("1d2h", 93_600_000, "1d2h"),
            ("1w1d", 691_200_000, "8d"),
            ("3650d", 315_360_000_000, "3650d"),
        ] {
            assert_eq!(parse_offset(text), Some(Span::from_millis(millis)), "{text}");
            assert_eq!(show_offset(Span::from_millis(millis)).as_deref(), Some(shown));
        }
        for text in
            ["", "d", "1", "1d2", "2h1d", "1d1d", "-1d", "1.5d", "1 d", "1y", "1ą", "3651d", "99999999999999999999d"]
        {
            assert_eq!(parse_offset(text), None, "{text}");
        }
        assert_eq!(show_offset(Span::from_millis(-1_000)), None);
        assert_eq!(show_offset(Span::from_millis(1_500)), None);
    }
}
