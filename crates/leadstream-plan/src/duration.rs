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
    pub(crate) help: &'static str,
}

/// Whether a text was meant as a span of time: it begins with a digit and is one word.
pub(crate) fn looks_like_one(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|next| next.is_alphanumeric() || next == '.')
}

/// The span of time that a text spells.
pub(crate) fn parse(text: &str) -> Result<Span, DurationProblem> {
    let problem = |code, message, help| Err(DurationProblem { code, message, help });
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit).filter(|_| digits > 0) else {
        let help = match unit {
            "mo" | "M" | "month" | "months" | "y" | "year" | "years" => {
                "months and years differ in length: write days, as in `30d` or `365d`"
            }
            _ => "write a whole number and one of s, m, h, d, w: `90s`, `30m`, `2h`, `7d`",
        };
        return problem(Code::BadDuration, format!("`{text}` is not a span of time"), help);
    };
    let millis = number.parse::<i64>().ok().and_then(|number| number.checked_mul(*length));
    match millis {
        Some(millis) if (SHORTEST_MS..=LONGEST_MS).contains(&millis) => Ok(Span::from_millis(millis)),
        _ => problem(
            Code::BadDuration,
            format!("`{text}` is outside what a span of time may be"),
            "spans reach from 1 second to 10 years (3650d)",
        ),
    }
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
}
