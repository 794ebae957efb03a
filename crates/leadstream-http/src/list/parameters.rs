//! What is asked of a list, as it is written in a query.

use std::sync::Arc;

use leadstream_core::{Points, Span};

/// The most contacts of one page, and how many there are where nothing is said.
const LIMIT_MAX: usize = 100_000;
const LIMIT: usize = 50;

/// Names and values as they came.
pub(crate) type Parameters = Vec<(String, String)>;

/// What a list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Score {
    Global,
    Plan(String),
    Engagement(String),
    Fit(String),
    Stage(String),
    Tag(String),
}

/// One condition on contacts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// The score that the list is sorted by is at least this.
    AtLeast(Points),
    /// And at most this.
    AtMost(Points),
    Member(bool),
    Qualified(bool),
    Stage(String),
    Band(String),
    Grade(String),
    Owner(String),
    /// Carries this tag.
    Tag(String),
    /// Has this attribute with this value, as text.
    Attribute(String, String),
    /// Has an event of this type, inside the span before the instant where one is given.
    Did(String, Option<Span>),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) sort: Score,
    /// The plan whose levels conditions are about.
    pub(crate) plan: Option<String>,
    /// All of them must hold.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) limit: usize,
    /// The last contact of the page before: its score and its id.
    pub(crate) after: Option<(Points, Arc<str>)>,
}

impl Question {
    /// Reads the parameters. The error is for whoever asks.
    pub(crate) fn read(parameters: Parameters) -> Result<Question, String> {
        let mut question =
            Question { sort: Score::Global, plan: None, conditions: Vec::new(), limit: LIMIT, after: None };
        let mut once: Vec<String> = Vec::new();
        for (name, value) in parameters {
            let many = ["tag", "attribute", "did"].contains(&name.as_str());
            if !many && once.contains(&name) {
                return Err(format!("`{name}` is given twice"));
            }
            question.add(&name, value)?;
            once.push(name);
        }
        let of_plan = |condition: &Condition| match condition {
            Condition::Member(_) => Some("member"),
            Condition::Qualified(_) => Some("qualified"),
            Condition::Stage(_) => Some("stage"),
            Condition::Band(_) => Some("band"),
            Condition::Grade(_) => Some("grade"),
            Condition::Owner(_) => Some("owner"),
            _ => None,
        };
        match question.conditions.iter().find_map(of_plan) {
            Some(name) if question.plan.is_none() => Err(format!("`{name}` is of a plan: say which with `plan`")),
            _ => Ok(question),
        }
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), String> {
        let condition = match name {
            "sort" => {
                self.sort = score(&value)?;
                return Ok(());
            }
            "plan" => {
                self.plan = Some(value);
                return Ok(());
            }
            "limit" => {
                let read = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                self.limit = read.ok_or_else(|| format!("`limit` is a whole number from 1 to {LIMIT_MAX}"))?;
                return Ok(());
            }
            "after" => {
                let (points, id) = value.split_once(':').ok_or(AFTER)?;
                let points = points.parse().map(Points::from_thousandths).map_err(|_| AFTER)?;
                self.after = Some((points, id.into()));
                return Ok(());
            }
            "min" => Condition::AtLeast(points(name, &value)?),
            "max" => Condition::AtMost(points(name, &value)?),
            "member" => Condition::Member(truth(name, &value)?),
            "qualified" => Condition::Qualified(truth(name, &value)?),
            "stage" => Condition::Stage(value),
            "band" => Condition::Band(value),
            "grade" => Condition::Grade(value),
            "owner" => Condition::Owner(value),
            "tag" => Condition::Tag(value),
            "attribute" => {
                let (attribute, value) =
                    value.split_once('=').ok_or("`attribute` is a name and a value, as in attribute=city=Warszawa")?;
                Condition::Attribute(attribute.to_owned(), value.to_owned())
            }
            "did" => did(&value)?,
            _ => return Err(format!("there is no parameter `{name}`: there are {NAMES}")),
        };
        self.conditions.push(condition);
        Ok(())
    }
}

const NAMES: &str =
    "sort, min, max, plan, member, qualified, stage, band, grade, owner, tag, attribute, did, limit and after";
const AFTER: &str = "`after` is what the page before gave as `next`";

fn score(text: &str) -> Result<Score, String> {
    let owned = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let read = match text.split_once(':') {
        None if text == "global" => Some(Score::Global),
        Some(("plan", plan)) => owned(plan).map(Score::Plan),
        Some(("engagement", plan)) => owned(plan).map(Score::Engagement),
        Some(("fit", plan)) => owned(plan).map(Score::Fit),
        Some(("stage", plan)) => owned(plan).map(Score::Stage),
        Some(("tag", tag)) => owned(tag).map(Score::Tag),
        _ => None,
    };
    read.ok_or_else(|| "`sort` is global, plan:ID, engagement:ID, fit:ID, stage:ID or tag:NAME".to_owned())
}

fn points(name: &str, text: &str) -> Result<Points, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.and_then(Points::from_number).ok_or_else(|| format!("`{name}` is a number of points"))
}

fn truth(name: &str, text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("`{name}` is true or false"))
}

/// `order_completed`, or `order_completed@30d`: within so many days, hours, minutes or seconds.
fn did(text: &str) -> Result<Condition, String> {
    let Some((event_type, within)) = text.split_once('@') else { return Ok(Condition::Did(text.to_owned(), None)) };
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let read = units.iter().find_map(|(unit, millis)| {
        let count: i64 = within.strip_suffix(unit)?.parse().ok().filter(|count| *count > 0)?;
        count.checked_mul(*millis).map(Span::from_millis)
    });
    match read {
        Some(span) => Ok(Condition::Did(event_type.to_owned(), Some(span))),
        None => {
            Err("`did` is the type of an event, and how long ago at most, as in did=order_completed@30d".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Question, String> {
        Question::read(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn everything_that_can_be_asked_is_read() {
        let question = read(&[
            ("sort", "plan:shop"),
            ("min", "12.5"),
            ("plan", "shop"),
            ("qualified", "true"),
            ("stage", "buying"),
            ("tag", "vip"),
            ("tag", "sport"),
            ("attribute", "city=a=b"),
            ("did", "order_completed@30d"),
            ("limit", "7"),
            ("after", "12500:c:1"),
        ]);
        let question = question.unwrap();
        assert_eq!(question.sort, Score::Plan("shop".to_owned()));
        assert_eq!((question.limit, question.after), (7, Some((Points::from_thousandths(12_500), "c:1".into()))));
        assert_eq!(
            question.conditions,
            [
                Condition::AtLeast(Points::from_thousandths(12_500)),
                Condition::Qualified(true),
                Condition::Stage("buying".to_owned()),
                Condition::Tag("vip".to_owned()),
                Condition::Tag("sport".to_owned()),
                Condition::Attribute("city".to_owned(), "a=b".to_owned()),
                Condition::Did("order_completed".to_owned(), Some(Span::days(30))),
            ]
        );
        assert_eq!(read(&[]).unwrap().limit, LIMIT);
    }

    #[test]
    fn what_cannot_be_asked_is_told_with_what_can() {
        for (name, value, told) in [
            ("sort", "score", "`sort` is global, plan:ID"),
            ("sort", "plan:", "`sort` is global, plan:ID"),
            ("limit", "0", "a whole number from 1 to 100000"),
            ("min", "many", "`min` is a number of points"),
            ("max", "NaN", "`max` is a number of points"),
            ("qualified", "yes", "`qualified` is true or false"),
            ("stage", "buying", "`stage` is of a plan: say which with `plan`"),
            ("attribute", "city", "attribute=city=Warszawa"),
            ("did", "order_completed@soon", "did=order_completed@30d"),
            ("did", "order_completed@-3d", "did=order_completed@30d"),
            ("after", "c1", "what the page before gave"),
            ("order", "asc", "there is no parameter `order`: there are sort, min"),
        ] {
            let refused = read(&[(name, value)]).unwrap_err();
            assert!(refused.contains(told), "{name}={value}: {refused}");
        }
        assert_eq!(read(&[("plan", "a"), ("plan", "b")]).unwrap_err(), "`plan` is given twice");
    }
}
