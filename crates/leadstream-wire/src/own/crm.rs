//! What people say of a lead by command: points by hand (S17) and feedback of sales (S38).
//!
//! A command that says too little, or something that nobody understands, is refused: points that vanished would be missed by somebody.

use leadstream_core::plan::FeedbackOutcome;
use leadstream_core::{Event, EventKind, Points, Value};

use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::scalar::Scalar;

/// The longest text of such a command, in bytes.
const TEXT_MAX_BYTES: usize = 1024;

/// The members that such commands have.
#[derive(Default)]
pub(super) struct CrmFields<'de> {
    pub(super) plan: Scalar<'de>,
    pub(super) add_points: Scalar<'de>,
    pub(super) set_points: Scalar<'de>,
    pub(super) decay: Scalar<'de>,
    pub(super) author: Scalar<'de>,
    pub(super) reason: Scalar<'de>,
    pub(super) outcome: Scalar<'de>,
}

impl<'de> CrmFields<'de> {
    /// Where the value of a member goes, if such commands have it.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Scalar<'de>> {
        Some(match name {
            "plan" => &mut self.plan,
            "add_points" => &mut self.add_points,
            "set_points" => &mut self.set_points,
            "decay" => &mut self.decay,
            "author" => &mut self.author,
            "reason" => &mut self.reason,
            "outcome" => &mut self.outcome,
            _ => return None,
        })
    }

    /// The plan, of commands that must name one; `what` they are is for the reason.
    pub(super) fn plan_of(&self, what: &str) -> Result<&str, DeadLetter> {
        text("plan", &self.plan)?.ok_or_else(|| missing(format!("the {what} names no `plan`")))
    }

    /// Fills an event with points by hand.
    pub(super) fn adjust(&self, event: &mut Event) -> Result<(), DeadLetter> {
        event.kind = EventKind::Adjust;
        event.event_type.set("adjust");
        event.properties.set("plan", Value::Text(self.plan_of("adjustment")?));
        let (name, points) = match (points("add_points", &self.add_points)?, points("set_points", &self.set_points)?) {
            (Some(points), None) => ("add", points),
            (None, Some(points)) => ("set", points),
            _ => return Err(missing("the adjustment has not one of `add_points` and `set_points`")),
        };
        event.properties.set(name, Value::Number(points));
        match text("decay", &self.decay)? {
            None => {}
            Some("none") => event.properties.set("decay", Value::Text("none")),
            Some(_) => return Err(wrong("`decay` of an adjustment is `none` or is not there")),
        }
        for (name, given) in [("author", &self.author), ("reason", &self.reason)] {
            if let Some(given) = text(name, given)? {
                event.properties.set(name, Value::Text(given));
            }
        }
        Ok(())
    }

    /// Fills an event with feedback of sales.
    pub(super) fn feedback(&self, event: &mut Event) -> Result<(), DeadLetter> {
        event.kind = EventKind::Feedback;
        event.event_type.set("feedback");
        let outcome = text("outcome", &self.outcome)?.ok_or_else(|| missing("the feedback has no `outcome`"))?;
        let outcome = FeedbackOutcome::of(outcome).ok_or_else(|| wrong("`outcome` is none of won, lost, rejected"))?;
        event.properties.set("outcome", Value::Text(outcome.as_str()));
        for (name, given) in [("plan", &self.plan), ("author", &self.author), ("reason", &self.reason)] {
            if let Some(given) = text(name, given)? {
                event.properties.set(name, Value::Text(given));
            }
        }
        Ok(())
    }
}

fn missing(reason: impl Into<String>) -> DeadLetter {
    DeadLetter::new(DeadLetterCode::CommandIncomplete, reason)
}

fn wrong(reason: impl Into<String>) -> DeadLetter {
    DeadLetter::new(DeadLetterCode::WrongType, reason)
}

/// A text, if one is given.
fn text<'a>(name: &str, given: &'a Scalar<'_>) -> Result<Option<&'a str>, DeadLetter> {
    match given {
        Scalar::Text(text) if text.len() > TEXT_MAX_BYTES => {
            Err(wrong(format!("`{name}` has more than {TEXT_MAX_BYTES} bytes")))
        }
        Scalar::Text(_) | Scalar::Absent => Ok(given.text()),
        _ => Err(wrong(format!("`{name}` is not a text"))),
    }
}

/// A number of points that a plan could give, if one is given.
fn points(name: &str, given: &Scalar<'_>) -> Result<Option<f64>, DeadLetter> {
    match given {
        Scalar::Absent => Ok(None),
        _ => match given.number().filter(|number| Points::from_number(*number).is_some()) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(format!("`{name}` is not a number of at most a million points"))),
        },
    }
}
