//! From the name that was sent to the type that plans speak of.
//!
//! The same few names come millions of times, so each is converted once and remembered, up to a limit.

use std::collections::HashMap;

use leadstream_core::{Name, published_type};

use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::limits::NAME_MAX_BYTES;
use crate::name_map::NameMap;
use crate::names::snake_case;

/// The most names that are remembered; more are worked out each time.
const REMEMBERED_MAX: usize = 4096;

/// The types of the events of one source.
#[derive(Debug)]
pub(crate) struct EventTypes {
    /// The source's own aliases: name in snake_case, type.
    aliases: HashMap<String, String>,
    remembered: NameMap<String>,
    latest: String,
}

impl EventTypes {
    /// Names are taken in any spelling.
    pub(crate) fn new(aliases: &[(String, String)]) -> EventTypes {
        let aliases = aliases.iter().map(|(from, to)| (snake_case(from).into_owned(), snake_case(to).into_owned()));
        EventTypes { aliases: aliases.collect(), remembered: NameMap::default(), latest: String::new() }
    }

    /// The type of a name.
    pub(crate) fn of(&mut self, name: &str) -> Result<&str, DeadLetter> {
        let key = Name::of(name);
        // A second look-up of a name that is there is the price of a borrow that the compiler can follow; both are a few nanoseconds.
        if !self.remembered.contains_key(&key) {
            let event_type = self.convert(name)?;
            if self.remembered.len() >= REMEMBERED_MAX {
                self.latest = event_type;
                return Ok(&self.latest);
            }
            self.remembered.insert(key, event_type);
        }
        Ok(&self.remembered[&key])
    }

    fn convert(&self, name: &str) -> Result<String, DeadLetter> {
        let name = snake_case(name);
        let event_type = match self.aliases.get(&*name) {
            Some(event_type) => event_type,
            None => published_type(&name).unwrap_or(&name),
        };
        if event_type.is_empty() {
            let reason = "the name of the event has no letter and no digit";
            return Err(DeadLetter::new(DeadLetterCode::EventMissing, reason));
        }
        if event_type.len() > NAME_MAX_BYTES {
            let reason = format!("the name of the event has more than {NAME_MAX_BYTES} bytes");
            return Err(DeadLetter::new(DeadLetterCode::NameTooLong, reason));
        }
        Ok(event_type.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_own_alias_goes_before_the_published_ones() {
        let mut types = EventTypes::new(&[("Email Link Clicked".into(), "newsletter clicked".into())]);
        assert_eq!(types.of("email link clicked"), Ok("newsletter_clicked"));
        assert_eq!(types.of("Completed Order"), Ok("order_completed"));
        assert_eq!(types.of("Completed Order"), Ok("order_completed"));
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let mut types = EventTypes::new(&[]);
        assert_eq!(types.of(" - ").unwrap_err().code, DeadLetterCode::EventMissing);
        assert_eq!(types.of(&"x".repeat(129)).unwrap_err().code, DeadLetterCode::NameTooLong);
        assert_eq!(types.of(&"x".repeat(128)), Ok(&*"x".repeat(128)));
    }

    #[test]
    fn more_names_than_are_remembered_still_have_their_types() {
        let mut types = EventTypes::new(&[]);
        for number in 0..REMEMBERED_MAX + 10 {
            assert_eq!(types.of(&format!("Event {number}")), Ok(&*format!("event_{number}")));
        }
        assert_eq!(types.remembered.len(), REMEMBERED_MAX);
    }
}
