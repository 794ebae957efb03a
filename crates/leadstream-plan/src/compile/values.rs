//! The small values of a plan: texts, choices, truth values, numbers, points, spans of time, lists.

use leadstream_core::points::Points;
use leadstream_core::time::Span as Duration;

use super::Compiler;
use super::keys::listed;
use crate::code::Code;
use crate::duration::{self, DurationProblem};
use crate::suggest;
use crate::yaml::{Content, Node, Scalar};

/// The largest amount that a plan may write down, in points (S9).
const POINTS_MAX: i64 = 1_000_000;

impl Compiler<'_> {
    /// Reports that a value is of the wrong kind.
    pub(super) fn wrong_kind(&mut self, node: &Node, wanted: &str, help: &str) {
        let line = self.first_line(node);
        self.sink
            .report(Code::WrongKind, line, format!("{wanted} was expected here"))
            .label(format!("this is {}", node.kind()))
            .help(help);
    }

    /// A scalar that is not null.
    pub(super) fn scalar<'n>(&mut self, node: &'n Node, wanted: &str) -> Option<&'n Scalar> {
        match &node.content {
            Content::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            _ => {
                let help = match &node.content {
                    Content::Scalar(_) => "write a value behind the key, or take the key out",
                    _ => "write a single value here, without brackets",
                };
                self.wrong_kind(node, wanted, help);
                None
            }
        }
    }

    /// The value of a scalar as it is written, to be shown.
    pub(super) fn shown(&self, node: &Node) -> String {
        self.sink.text().get(node.span.clone()).unwrap_or_default().to_owned()
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, wanted: &str, help: &str) -> Option<&'n [Node]> {
        match &node.content {
            Content::Sequence(items) => Some(items),
            _ => {
                self.wrong_kind(node, wanted, help);
                None
            }
        }
    }

    /// One item, or a list of items.
    pub(super) fn one_or_many<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.content {
            Content::Sequence(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    /// One of some words.
    pub(super) fn choice(&mut self, node: &Node, what: &str, choices: &[&'static str]) -> Option<&'static str> {
        let text = &self.scalar(node, what)?.text;
        let found = choices.iter().find(|choice| *choice == text);
        if found.is_none() {
            let help = match suggest::closest(text, choices.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None if choices.len() == 1 => format!("the only choice is {}", listed(choices)),
                None => format!("the choices are {}", listed(choices)),
            };
            self.sink.report(Code::BadChoice, node.span.clone(), format!("`{text}` is not {what}")).help(help);
        }
        found.copied()
    }

    /// `true` or `false`.
    pub(super) fn truth(&mut self, node: &Node) -> Option<bool> {
        let scalar = self.scalar(node, "true or false")?;
        let truth = scalar.as_bool();
        if truth.is_none() {
            let old = matches!(scalar.text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off");
            let help = if old {
                "YAML 1.2 knows `true` and `false` only: yes, no, on and off are texts"
            } else {
                "write `true` or `false`, without quotes"
            };
            self.wrong_kind(node, "true or false", help);
        }
        truth
    }

    /// A whole number in a range.
    pub(super) fn count(&mut self, node: &Node, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let scalar = self.scalar(node, "a whole number")?;
        let number = scalar.text.parse::<u32>().ok().filter(|number| !scalar.is_quoted && range.contains(number));
        if number.is_none() {
            let message = format!("a whole number from {} to {} was expected here", range.start(), range.end());
            let shown = self.shown(node);
            self.sink.report(Code::BadNumber, node.span.clone(), message).label(format!("this is `{shown}`")).help(
                if scalar.is_quoted {
                    "write it without quotes"
                } else {
                    "write one in digits, without a point or a sign"
                },
            );
        }
        number
    }

    /// A weight: a decimal from 0 to 1.
    pub(super) fn weight(&mut self, node: &Node) -> Option<f64> {
        let points = self.points(node, "a weight")?;
        if !(0..=1000).contains(&points.thousandths()) {
            self.sink
                .report(Code::BadNumber, node.span.clone(), format!("a weight of {points} is outside 0 to 1"))
                .help("points are multiplied by it: `0.5` is half, 0 nothing, 1 all; to give more, raise the points of the rule");
            return None;
        }
        Some(points.as_number())
    }

    /// An exact amount of points, at most three decimals (S8).
    pub(super) fn points(&mut self, node: &Node, what: &str) -> Option<Points> {
        let scalar = self.scalar(node, what)?;
        match decimal(&scalar.text) {
            Ok(points) => Some(points),
            Err(problem) => {
                self.bad_points(node, &scalar.text, what, problem);
                None
            }
        }
    }

    /// Reports a text that is no amount of points.
    pub(super) fn bad_points(&mut self, node: &Node, text: &str, what: &str, problem: DecimalProblem) {
        let (message, help) = match problem {
            DecimalProblem::NotDecimal => {
                (format!("`{text}` is not a number"), format!("{what} is written in decimals: `10`, `-2.5`"))
            }
            DecimalProblem::TooPrecise => (
                format!("`{text}` has more than three decimals"),
                "scores are exact in thousandths of a point: write at most three decimals".to_owned(),
            ),
            DecimalProblem::TooLarge => (
                format!("`{text}` is more than a million points"),
                format!("{what} lies between -{POINTS_MAX} and {POINTS_MAX}"),
            ),
        };
        self.sink.report(Code::BadNumber, node.span.clone(), message).help(help);
    }

    /// A span of time.
    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let scalar = self.scalar(node, "a span of time such as `7d`")?;
        match duration::parse(&scalar.text) {
            Ok(duration) => Some(duration),
            Err(DurationProblem { code, message, help }) => {
                self.sink.report(code, node.span.clone(), message).help(help);
                None
            }
        }
    }

    /// A span of time that looks back into the history, and so cannot be longer than it (S58).
    pub(super) fn duration_in_horizon(&mut self, node: &Node) -> Option<Duration> {
        let duration = self.duration(node)?;
        let horizon = self.environment.horizon;
        if duration > horizon {
            self.sink
                .report(
                    Code::BeyondHorizon,
                    node.span.clone(),
                    format!("{duration} is longer than the history that is kept, {horizon}"),
                )
                .help("write a shorter span, or `ever`, or raise `horizon` in the configuration");
            return None;
        }
        Some(duration)
    }
}

/// The value of a key that may be left out: absent stays absent, wrong becomes nothing at all.
pub(super) fn present<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(inner) => inner.map(Some),
    }
}

/// Why a text is no amount of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalProblem {
    /// It is no plain decimal.
    NotDecimal,
    /// It has more than three decimals.
    TooPrecise,
    /// It is more than a million.
    TooLarge,
}

/// Whether a text was meant as a number.
pub(super) fn looks_like_number(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.chars().all(|next| next.is_ascii_alphanumeric() || matches!(next, '.' | ',' | '_' | '+' | '-'))
}

/// The exact value of a decimal.
pub(crate) fn decimal(text: &str) -> Result<Points, DecimalProblem> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', ..] => (-1, &text[1..]),
        [b'+', ..] => (1, &text[1..]),
        _ => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(DecimalProblem::NotDecimal);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 3 {
        return Err(DecimalProblem::TooPrecise);
    }
    let whole = whole.trim_start_matches('0');
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DecimalProblem::TooLarge)? };
    let thousandths: i64 = format!("{fraction:0<3}").parse().map_err(|_| DecimalProblem::NotDecimal)?;
    if whole > POINTS_MAX || (whole == POINTS_MAX && thousandths > 0) {
        return Err(DecimalProblem::TooLarge);
    }
    Ok(Points::from_thousandths(sign * (whole * 1000 + thousandths)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_s8() {
        let cases = [
            ("10", 10_000),
            ("-2.5", -2_500),
            ("+0.001", 1),
            (".5", 500),
            ("7.", 7_000),
            ("007.100000", 7_100),
            ("1000000", 1_000_000_000),
        ];
        for (text, thousandths) in cases {
            assert_eq!(decimal(text), Ok(Points::from_thousandths(thousandths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_exact_decimal_is_refused_s8_s9() {
        for text in ["", "-", ".", "1e3", "0x10", "1_000", "1,5", "--1", "ten", "1.2.3", "٣"] {
            assert_eq!(decimal(text), Err(DecimalProblem::NotDecimal), "{text}");
        }
        assert_eq!(decimal("0.0005"), Err(DecimalProblem::TooPrecise));
        assert_eq!(decimal("1000000.001"), Err(DecimalProblem::TooLarge));
        assert_eq!(decimal("-99999999999999999999"), Err(DecimalProblem::TooLarge));
    }
}
