//! The contacts for whom a change of plans makes a difference, as a file.

use leadstream_core::{Points, Timestamp};
use serde::Serialize;

use super::Standing;
use super::comparison::{Comparison, Pair};
use crate::failure::Failure;
use crate::files::Output;

/// One contact and plan.
#[derive(Serialize)]
struct Row<'a> {
    contact: &'a str,
    plan: &'a str,
    /// `None` where the plan is new.
    old: Option<Side>,
    new: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

/// What one version of the plan makes of it.
#[derive(Serialize)]
struct Side {
    qualified_at: Vec<String>,
    qualified: bool,
    score: serde_json::Number,
    stage: Option<String>,
}

const COLUMNS: [&str; 13] = [
    "contact",
    "plan",
    "old_first_qualified",
    "new_first_qualified",
    "old_qualifications",
    "new_qualifications",
    "old_qualified",
    "new_qualified",
    "old_score",
    "new_score",
    "old_stage",
    "new_stage",
    "outcome",
];

/// Writes those who differ, by plan and contact: JSON lines, or CSV with the first qualification only.
pub(crate) fn write_changes(comparisons: &[Comparison<'_>], as_csv: bool, output: &mut Output) -> Result<(), Failure> {
    let mut line = Vec::new();
    if as_csv {
        output.write_csv(COLUMNS)?;
    }
    for comparison in comparisons {
        let plan: &str = &comparison.plan.id;
        for pair in comparison.pairs.iter().filter(|pair| pair.differs()) {
            if as_csv {
                output.write_csv(fields(plan, pair))?;
                continue;
            }
            line.clear();
            serde_json::to_writer(&mut line, &row(plan, pair))
                .map_err(|error| Failure::of("cannot write a change", error))?;
            line.push(b'\n');
            output.write(&line)?;
        }
    }
    Ok(())
}

fn row<'a>(plan: &'a str, pair: &Pair<'a>) -> Row<'a> {
    Row { contact: pair.contact, plan, old: pair.old.map(side), new: side(pair.new), outcome: outcome(pair) }
}

fn side(standing: &Standing) -> Side {
    Side {
        qualified_at: standing.qualified.iter().map(Timestamp::to_string).collect(),
        qualified: standing.is_qualified,
        score: number(standing.score),
        stage: standing.stage.map(|stage| stage.to_string()),
    }
}

/// Points as a number without digits that mean nothing.
fn number(points: Points) -> serde_json::Number {
    match points.thousandths() % 1000 {
        0 => (points.thousandths() / 1000).into(),
        _ => serde_json::Number::from_f64(points.as_number()).unwrap_or_else(|| 0.into()),
    }
}

fn outcome(pair: &Pair<'_>) -> Option<&'static str> {
    pair.label.map(|label| if label.won { "won" } else { "lost" })
}

fn fields(plan: &str, pair: &Pair<'_>) -> [String; 13] {
    let (old, new) = (pair.old, Some(pair.new));
    let of = |side: Option<&Standing>, show: fn(&Standing) -> String| side.map_or_else(String::new, show);
    let first = |standing: &Standing| standing.first().map_or_else(String::new, |at| at.to_string());
    let times = |standing: &Standing| standing.qualified.len().to_string();
    let is_qualified = |standing: &Standing| standing.is_qualified.to_string();
    let score = |standing: &Standing| standing.score.to_string();
    let stage = |standing: &Standing| standing.stage.map_or_else(String::new, |stage| stage.to_string());
    [
        pair.contact.to_string(),
        plan.to_owned(),
        of(old, first),
        of(new, first),
        of(old, times),
        of(new, times),
        of(old, is_qualified),
        of(new, is_qualified),
        of(old, score),
        of(new, score),
        of(old, stage),
        of(new, stage),
        outcome(pair).unwrap_or_default().to_owned(),
    ]
}
