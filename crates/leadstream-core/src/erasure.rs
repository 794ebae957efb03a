//! Erasing a person (S52): what is told of it, and the name under which an erased id is remembered.
//!
//! An erased id is remembered by a keyed hash alone, so that a late or replayed event cannot bring the person back and nobody who reads the
//! hashes learns who it was. Who keeps the key, and the hashes, is no business of this crate.

use std::borrow::Cow;
use std::fmt;

use crate::contact::{Contact, Level};
use crate::derived::{DerivedCause, DerivedEvent, DerivedKind, Mark, Reason};
use crate::event::{Event, Value};
use crate::id::{Hash, Hasher, Name};
use crate::time::Timestamp;

/// The subject of `contact.erased` (S54).
const SUBJECT: &str = "erase";

/// The key of the hashes under which erased ids are remembered.
#[derive(Clone, PartialEq, Eq)]
pub struct ErasureKey([u8; 32]);

impl ErasureKey {
    /// A key made of a secret of any length.
    pub fn of(secret: &[u8]) -> ErasureKey {
        ErasureKey(blake3::derive_key("leadstream erasure key 1", secret))
    }

    /// The hash of an id.
    pub fn hash(&self, id: &str) -> Hash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::keyed_hash(&self.0, id.as_bytes()).as_bytes()[..16]);
        hash
    }

    /// Tells keys apart, and says nothing of the key.
    pub fn tag(&self) -> [u8; 4] {
        let hash = blake3::derive_key("leadstream erasure key tag 1", &self.0);
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Debug for ErasureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasureKey(hidden)")
    }
}

/// What is told when a contact is erased: the contact as it is before, which is to be forgotten afterwards (S52 to S55).
pub fn erased(contact: &Contact, request: &Event) -> DerivedEvent {
    let announced = &contact.announced;
    let n = announced.numbers_from + 1;
    let time = [contact.state.tau, announced.time].into_iter().flatten().fold(request.time, Timestamp::max);
    DerivedEvent {
        id: Hasher::new().text("leadstream/1").text(&contact.id).text("").text(SUBJECT).number(n).finish(),
        kind: DerivedKind::ContactErased,
        contact: contact.id.clone(),
        plan: None,
        version: None,
        subject: Cow::Borrowed(SUBJECT),
        n,
        seq: announced.seq + 1,
        time,
        since: request.time,
        old: Level::None,
        new: Level::None,
        score: None,
        threshold: None,
        cause: DerivedCause::Event { uid: request.uid, event_type: Cow::Borrowed(SUBJECT), time: request.time },
        reason: Reason::Request,
        marks: if request.clamped { vec![Mark::Clamped] } else { Vec::new() },
        corrects: None,
        via: Vec::new(),
        contributions: Vec::new(),
        request: None,
    }
}

/// The instant from which on a reinstated id counts, as the command says; its own time where it says none.
pub fn reinstated_from(command: &Event) -> Timestamp {
    match command.properties.get(Name::of("from")) {
        Some(Value::Number(from)) => Timestamp::from_millis(from as i64),
        _ => command.time,
    }
}

/// Behind which number those of a reinstated id begin: that of its instant, and never at one that it had before (S52).
pub fn numbers_behind(from: Timestamp, used: u64) -> u64 {
    u64::try_from(from.millis()).unwrap_or(0).max(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    fn request(time_ms: i64) -> Event {
        let mut event = Event { kind: EventKind::Erase, ..Event::default() };
        event.time = Timestamp::from_millis(time_ms);
        event
    }

    #[test]
    fn an_erasure_is_told_with_numbers_behind_all_others_and_a_time_that_does_not_go_back_s52() {
        let mut contact = Contact::new("ann");
        contact.announced.seq = 7;
        contact.state.tau = Some(Timestamp::from_millis(900));
        let told = erased(&contact, &request(500));
        assert_eq!((told.n, told.seq, told.time.millis(), told.since.millis()), (1, 8, 900, 500));
        assert_eq!(erased(&contact, &request(1_000)).time.millis(), 1_000);
        contact.announced.begin_behind(100);
        let again = erased(&contact, &request(500));
        assert_eq!((again.n, again.seq), (101, 101));
        assert_ne!(again.id, told.id);
    }

    #[test]
    fn hashes_of_one_id_differ_by_key_and_do_not_show_it() {
        let (one, other) = (ErasureKey::of(b"one"), ErasureKey::of(b"other"));
        assert_eq!(one.hash("ann"), ErasureKey::of(b"one").hash("ann"));
        assert_ne!(one.hash("ann"), other.hash("ann"));
        assert_ne!(one.hash("ann"), one.hash("bob"));
        assert_ne!(one.tag(), other.tag());
        assert_eq!(format!("{one:?}"), "ErasureKey(hidden)");
    }

    #[test]
    fn a_reinstated_id_counts_from_the_instant_named_else_from_that_of_the_command_s52() {
        let mut command = request(500);
        assert_eq!(reinstated_from(&command).millis(), 500);
        command.properties.set("from", Value::Number(400.0));
        assert_eq!(reinstated_from(&command).millis(), 400);
    }
}
