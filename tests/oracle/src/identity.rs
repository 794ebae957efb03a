//! Commands about several contacts, what they lead to, and the events that tell of identities (S48 to S53).
//!
//! Owns the types and the edges of contact.merged, contact.split and contact.erased; [`crate::Contacts`] carries commands out.

use serde::{Deserialize, Serialize};

use crate::derived::DerivedEvent;
use crate::edge::{DerivedType, Edge, Level};
use crate::effect::Outcome;
use crate::event::OracleEvent;
use crate::links::LinkRecord;
use crate::oracle::Oracle;
use crate::state::Cause;

/// Why a command about identity is refused by the oracle.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Events left the horizon of a contact that would be merged or split.
    #[error("the contact {contact} has a base, whose merging is not covered")]
    Base {
        /// The contact.
        contact: String,
    },
    /// A late record rearranges contacts otherwise than by merging two or splitting one.
    #[error("the record {uid} rearranges more than two contacts")]
    Rearranged {
        /// The record.
        uid: String,
    },
}

/// What a command led to: what became of the record for each contact, and the derived events in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ContactsEffect {
    /// By the id the record was delivered to.
    pub outcomes: Vec<(String, Outcome)>,
    /// The derived events of all contacts that the command concerns.
    pub derived: Vec<DerivedEvent>,
}

/// A command for several contacts, in the order of arrival.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactCommand {
    /// An event arrives for ids.
    Event {
        /// The ids.
        to: Vec<String>,
        /// The event.
        event: OracleEvent,
    },
    /// A merge or split record arrives.
    Link(LinkRecord),
    /// A request to erase arrives.
    Erase {
        /// An id of the contact.
        id: String,
        /// The source of the request and its id there.
        request: (String, String),
        /// When it was made, milliseconds UTC.
        time: i64,
    },
    /// An id counts again.
    Reinstate {
        /// The id.
        id: String,
        /// From which instant on, milliseconds UTC.
        from: i64,
    },
    /// The task clock reaches an instant, milliseconds UTC.
    Clock(i64),
}

/// The record as a cause.
pub(crate) fn cause(record: &LinkRecord) -> Cause {
    Cause::Event { uid: record.uid().hex(), time: record.time }
}

/// An edge that is no level's.
pub(crate) fn identity_edge(derived_type: DerivedType, subject: String, time: i64, cause: Cause) -> Edge {
    Edge {
        derived_type,
        plan: None,
        version: None,
        subject,
        time,
        since: cause.instant(),
        old: Level::None,
        new: Level::None,
        score: None,
        threshold: None,
        cause,
        reason: None,
        marks: Vec::new(),
        via: Vec::new(),
        contributions: Vec::new(),
    }
}

impl Oracle {
    /// The contact.merged or contact.split on this contact's key, from one id to another.
    pub(crate) fn announce_identity(
        &mut self,
        derived_type: DerivedType,
        record: &LinkRecord,
        (from, to): (&str, &str),
    ) -> Option<DerivedEvent> {
        let (word, mark) = match derived_type {
            DerivedType::ContactSplit => ("split", "split"),
            _ => ("merge", "merge"),
        };
        let time = self.tau.map_or(record.time, |(tau, _)| tau);
        let subject = format!("{word}:{}", record.uid().hex());
        let mut edge = identity_edge(derived_type, subject, time, cause(record));
        (edge.old, edge.new) = (Level::Named(from.to_owned()), Level::Named(to.to_owned()));
        edge.marks = vec![mark.to_owned()];
        self.announced.announce(&self.contact, edge, false)
    }
}
