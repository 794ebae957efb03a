//! The author's own tests: names, times, and the parts of each.
//!
//! Times of a test are spans since its beginning, or instants. A test begins on 1 January 2024 at midnight in the plan's time zone: a Monday, a first of
//! the month and a first of the year, so that calendar caps begin with it.

use jiff::civil::date;
use jiff::tz::TimeZone;
use leadstream_core::Timestamp;

use super::Compiler;
use super::keys::{self, value};
use super::names::Names;
use super::plan::Levels;
use crate::code::Code;
use crate::duration;
use crate::example::{Example, Expectation};
use crate::yaml::{Content, Entry, Node};

/// The most tests of a plan, and the most events and expected events of a test.
pub(super) const TESTS_MAX: usize = 1_000;

/// The longest name of a test, in bytes.
const NAME_MAX_BYTES: usize = 200;

/// The times of one test.
pub(super) struct Times {
    /// When the test begins.
    pub(super) origin: Timestamp,
    /// Whether some time was given as a span since then.
    pub(super) has_spans: bool,
}

impl Compiler<'_> {
    /// Compiles the tests of a plan. `levels` are those that it has.
    pub(super) fn examples(&mut self, entries: &[Entry], zone: &TimeZone, levels: &Levels) -> Vec<Example> {
        let Some(node) = value(entries, "tests") else { return Vec::new() };
        const HELP: &str = "begin each test with `-`, as in `- { given: [ { page_viewed: { path: /a }, at: 0d } ], expect: { score: 10 } }`";
        let Some(items) = self.list(node, "a list of tests", HELP) else { return Vec::new() };
        if self.is_too_long(node, items, "a plan", "tests") {
            return Vec::new();
        }
        let origin = origin(zone);
        let mut names = Names::default();
        let tests = items.iter().enumerate();
        tests.filter_map(|(place, item)| self.example(item, place, origin, levels, &mut names)).collect()
    }

    fn example(
        &mut self,
        node: &Node,
        place: usize,
        origin: Timestamp,
        levels: &Levels,
        names: &mut Names,
    ) -> Option<Example> {
        let entries = self.entries(node, &keys::TEST)?;
        let mut times = Times { origin, has_spans: false };
        let name = self.example_name(entries, place, names);
        let given = match value(entries, "given") {
            Some(given) => self.given(given, &mut times),
            None => {
                const HELP: &str =
                    "say what happens: `given: [ { page_viewed: { path: /a }, at: 0d } ]`; `[]` is nothing";
                self.missing(node, "the test", "given", HELP);
                None
            }
        };
        let newest = given.iter().flatten().map(|event| event.time).max();
        let until = match value(entries, "at") {
            Some(at) => self.end(at, newest, &mut times).map(Some),
            None => Some(newest),
        };
        let expect = match value(entries, "expect") {
            Some(expect) => self.expectation(expect, levels, &mut times),
            None => {
                self.missing(node, "the test", "expect", "say what is to come of it: `expect: { score: 10 }`");
                None
            }
        };
        let line = self.sink.text().get(..node.span.start).unwrap_or_default().matches('\n').count() + 1;
        let (given, until, expect): (_, _, Expectation) = (given?, until?, expect?);
        let origin = times.has_spans.then_some(times.origin);
        Some(Example { name: name?, line, given, until, origin, expect })
    }

    fn example_name(&mut self, entries: &[Entry], place: usize, names: &mut Names) -> Option<String> {
        let Some(node) = value(entries, "name") else { return Some(format!("test {}", place + 1)) };
        let text = self.scalar(node, "a name in words")?.text.clone();
        if text.trim() != text || text.is_empty() || text.chars().any(char::is_control) || text.len() > NAME_MAX_BYTES {
            self.sink
                .report(Code::BadName, node.span.clone(), "this cannot be the name of a test")
                .help(format!("a name is one line of 1 to {NAME_MAX_BYTES} bytes, with no spaces around it"));
            return None;
        }
        self.unique(names, &text.as_str().into(), &node.span, "tests");
        Some(text)
    }

    /// How far the clock goes in the end.
    fn end(&mut self, node: &Node, newest: Option<Timestamp>, times: &mut Times) -> Option<Timestamp> {
        let at = self.instant(node, times)?;
        if newest.is_some_and(|newest| at < newest) {
            self.sink
                .report(Code::BadInstant, node.span.clone(), "the test ends before the last of its events")
                .help("`at` of a test is how far the clock goes in the end: leave it out, or name a later time");
            return None;
        }
        Some(at)
    }

    /// A time of a test: `1d2h` since its beginning, or an instant.
    pub(super) fn instant(&mut self, node: &Node, times: &mut Times) -> Option<Timestamp> {
        let text = self.scalar(node, "a time such as `1d` or `2024-01-02T10:00:00Z`")?.text.clone();
        if let Some(span) = duration::parse_offset(&text) {
            times.has_spans = true;
            return Some(times.origin + span);
        }
        let read = text.parse::<jiff::Timestamp>().ok().map(|read| Timestamp::from_millis(read.as_millisecond()));
        if let Some(instant) = read.filter(|instant| instant.is_plausible()) {
            return Some(instant);
        }
        let help = if text.parse::<jiff::civil::Date>().is_ok() && text.len() >= 10 {
            format!("an instant has a time and an offset: `{}T10:00:00Z`", &text[..10])
        } else if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("name the unit: `{text}d` is that many days after the test's beginning")
        } else {
            "write a span since the test's beginning, such as `0d`, `90m` or `1d2h`, or an instant: `2024-01-02T10:00:00Z`"
                .to_owned()
        };
        self.sink.report(Code::BadInstant, node.span.clone(), format!("`{text}` is not a time of a test")).help(help);
        None
    }

    /// Reports a list with more items than a test may have.
    pub(super) fn is_too_long(&mut self, node: &Node, items: &[Node], of: &str, what: &str) -> bool {
        let is_too_long = items.len() > TESTS_MAX;
        if is_too_long {
            let line = self.first_line(node);
            self.sink
                .report(Code::TooLarge, line, format!("{of} has at most {TESTS_MAX} {what}"))
                .help(format!("there are {} here: take some out, or make several of it", items.len()));
        }
        is_too_long
    }

    /// The entries of a mapping whose keys are an open set; an empty value stands for none.
    pub(super) fn open_mapping<'n>(&mut self, node: &'n Node, wanted: &str, help: &str) -> Option<&'n [Entry]> {
        match &node.content {
            Content::Mapping(entries) => Some(entries),
            Content::Scalar(scalar) if scalar.is_null() => Some(&[]),
            _ => {
                self.wrong_kind(node, wanted, help);
                None
            }
        }
    }
}

/// When tests begin.
fn origin(zone: &TimeZone) -> Timestamp {
    let midnight = date(2024, 1, 1).to_zoned(zone.clone()).map(|zoned| zoned.timestamp().as_millisecond());
    Timestamp::from_millis(midnight.unwrap_or(1_704_067_200_000))
}
