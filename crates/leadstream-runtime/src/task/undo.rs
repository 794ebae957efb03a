//! What takes a contact back to before the open epoch, kept until the outcome of its commit is known.

use leadstream_core::contact::Savepoint;
use leadstream_core::{Contact, Past};

/// How to take a contact back.
#[derive(Debug)]
pub(crate) enum Undo {
    /// The epoch made it: forget it.
    New,
    /// The state and the lengths before the epoch, with what was folded anew since.
    Since(Box<Savepoint>),
    /// The contact as it was: more of its past was changed.
    Whole(Box<Contact>),
}

/// Savepoints that are not needed any more, to be used again with the memory they hold: each epoch takes thousands.
#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "they are handed out and taken back in their boxes")]
pub(crate) struct Savepoints(Vec<Box<Savepoint>>);

/// So many are kept, of about a kilobyte each.
const SAVEPOINTS_MAX: usize = 8192;

impl Savepoints {
    fn take(&mut self, contact: &mut Contact) -> Box<Savepoint> {
        let mut savepoint = self.0.pop().unwrap_or_default();
        contact.save(&mut savepoint);
        savepoint
    }

    /// Takes back what is in an undo that has served its time.
    pub(crate) fn give_back(&mut self, undo: Undo) {
        if let Undo::Since(mut savepoint) = undo
            && self.0.len() < SAVEPOINTS_MAX
        {
            savepoint.release();
            self.0.push(savepoint);
        }
    }
}

impl Undo {
    /// Remembers a contact before the first touch of an epoch.
    pub(crate) fn before(contact: &mut Contact, is_new: bool, savepoints: &mut Savepoints) -> Undo {
        if is_new {
            return Undo::New;
        }
        Undo::Since(savepoints.take(contact))
    }

    /// Keeps what is about to change of the contact's past. The contact is as the look at it found it.
    pub(crate) fn prepare(&mut self, contact: &Contact, past: Past) {
        match (past, &mut *self) {
            (Past::From(rows), Undo::Since(savepoint)) => savepoint.reach_back(contact, rows),
            (Past::Anything, _) => self.make_whole(contact),
            (Past::Kept | Past::From(_), _) => {}
        }
    }

    /// Takes a whole copy, as before a rewrite. The contact must not have been rewritten since the first touch.
    pub(crate) fn make_whole(&mut self, contact: &Contact) {
        if let Undo::Since(savepoint) = self {
            let mut copy = contact.clone();
            // Not rewritten since, so the savepoint serves; a copy that could not go back would be no undo, and is not taken.
            if copy.undo((**savepoint).clone()) {
                *self = Undo::Whole(Box::new(copy));
            }
        }
    }

    /// The contact before the epoch; `None` where the epoch made it. The error hands back what cannot be taken back.
    pub(crate) fn committed(&self, contact: &Contact) -> Result<Option<Contact>, Irreversible> {
        match self {
            Undo::New => Ok(None),
            Undo::Whole(copy) => Ok(Some((**copy).clone())),
            Undo::Since(savepoint) => {
                let mut copy = contact.clone();
                if copy.undo((**savepoint).clone()) { Ok(Some(copy)) } else { Err(Irreversible) }
            }
        }
    }
}

/// A contact that was rewritten without a whole copy: its task has to be restored to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Irreversible;
