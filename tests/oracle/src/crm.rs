//! What events of the CRM say besides attributes and tags: adjustments, feedback, verdicts (S17, S38, S56).
//!
//! Owns their spelling as properties; see `DECISIONS.md`. Never changes a state.

use crate::event::{Kind, Row, Scalar, Uid, Verdict};
use crate::number::{Thousandths, thousandths_of_result};

/// The rule that an adjustment is booked under.
pub(crate) const ADJUST_RULE: &str = "#adjust";

/// Points given or set by hand (S17).
pub(crate) struct Adjustment {
    pub(crate) plan: String,
    pub(crate) change: Change,
    /// Whether they decay as the plan says, or not at all.
    pub(crate) decays: bool,
}

pub(crate) enum Change {
    Add(Thousandths),
    Set(Thousandths),
}

/// What sales says of the lead (S38).
pub(crate) struct Feedback {
    /// `won`, `lost` or `rejected`.
    pub(crate) outcome: String,
    plan: Option<String>,
}

impl Feedback {
    /// Whether it concerns the plan: all plans, unless it names one.
    pub(crate) fn concerns(&self, plan: &str) -> bool {
        self.plan.as_deref().is_none_or(|named| named == plan)
    }
}

fn text<'a>(row: &'a Row, property: &str) -> Option<&'a str> {
    match row.properties.get(property)? {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

fn points(row: &Row, property: &str) -> Option<Thousandths> {
    match row.properties.get(property)? {
        Scalar::Number(number) => thousandths_of_result(*number),
        _ => None,
    }
}

/// The adjustment that the event is; none for another event, and for one that names no plan or no points.
pub(crate) fn adjustment(row: &Row) -> Option<Adjustment> {
    if row.kind != Kind::Adjust {
        return None;
    }
    let change = match points(row, "set") {
        Some(points) => Change::Set(points),
        None => Change::Add(points(row, "add")?),
    };
    Some(Adjustment { plan: text(row, "plan")?.to_owned(), change, decays: text(row, "decay") != Some("none") })
}

/// The feedback that the event is; none for another event and for another outcome.
pub(crate) fn feedback(row: &Row) -> Option<Feedback> {
    let outcome = text(row, "outcome").filter(|_| row.kind == Kind::Feedback)?;
    let known = OUTCOMES.contains(&outcome);
    known.then(|| Feedback { outcome: outcome.to_owned(), plan: text(row, "plan").map(str::to_owned) })
}

/// The outcomes that feedback may have.
pub(crate) const OUTCOMES: [&str; 3] = ["won", "lost", "rejected"];

/// The event that a verdict is about, and the verdict; none for another event and for another word.
pub(crate) fn verdict(row: &Row) -> Option<(Uid, Verdict)> {
    if row.kind != Kind::Verdict {
        return None;
    }
    let verdict = match text(row, "verdict")? {
        "human" => Verdict::Human,
        "suspect" => Verdict::Suspect,
        "machine" => Verdict::Machine,
        _ => return None,
    };
    Some((Uid::of(text(row, "source")?, text(row, "id")?), verdict))
}
