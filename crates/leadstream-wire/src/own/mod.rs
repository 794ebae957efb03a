//! Leadstream's own formats: interactions and commands about contacts, in Avro or JSON with the same fields.
//!
//! Times are milliseconds since the epoch or ISO 8601 texts. Fields that are not known are skipped, so that a producer with a newer schema
//! can be read; commands that are not known are refused, since skipping one would lose what was asked.

mod contact;
mod crm;
mod interaction;
mod judgement;
mod links;
mod members;

use leadstream_core::Verdict;

pub(crate) use self::contact::ContactDecoder;
pub(crate) use self::interaction::InteractionDecoder;
use crate::dead_letter::{DeadLetter, DeadLetterCode};

/// The verdict of a word.
pub(crate) fn verdict_of(word: &str) -> Result<Verdict, DeadLetter> {
    let reason = "the verdict is none of human, suspect, machine";
    Verdict::of_word(word).ok_or_else(|| DeadLetter::new(DeadLetterCode::WrongType, reason))
}
