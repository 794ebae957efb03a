//! What keepers and ids say to each other, and what is asked of them (S48, S52).
//!
//! Types only, and what becomes of a notice that reaches an id that was erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::event::Value;
use crate::event::{Event, EventKind};
use crate::id::{Name, Uid};
use crate::identity::keeper::Keeper;
use crate::identity::links::{Link, LinkRecord};
use crate::time::Timestamp;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The identity of the record.
    pub uid: Uid,
    /// When it was made.
    pub time: Timestamp,
    /// That time lay in the future and was clamped at reception (S4).
    pub clamped: bool,
    /// What is asked.
    pub asked: Asked,
    /// The id that the record was delivered to.
    pub via: Arc<str>,
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To link ids, or to part them.
    Link(Link),
    /// To erase the contact, on all its ids (S52).
    Erase,
}

impl Request {
    /// What an event asks for that may concern several ids; `None` for one that says nothing of the kind.
    pub fn of(event: &Event) -> Option<Request> {
        let text = |name: &str| match event.properties.get(Name::of(name)) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        };
        let via: Arc<str> = Arc::from(event.contact.as_str());
        let asked = match event.kind {
            EventKind::Erase => Asked::Erase,
            EventKind::Merge => Asked::Link(Link::Merge(Arc::clone(&via), Arc::from(text("into")?))),
            EventKind::Split => Asked::Link(Link::Split(match text("link") {
                Some(shown) => Uid::read(shown)?,
                None => Uid::of(text("source")?, text("id")?),
            })),
            EventKind::Link => {
                let (with, is_seen) = (Arc::from(text("with")?), event.properties.get(Name::of("seen")));
                let of = if matches!(is_seen, Some(Value::Bool(true))) { Link::Follow } else { Link::Merge };
                Asked::Link(of(with, Arc::clone(&via)))
            }
            _ => return None,
        };
        Some(Request { uid: event.uid, time: event.time, clamped: event.clamped, asked, via })
    }

    /// The record that links ids or parts them.
    pub fn record(&self) -> Option<LinkRecord> {
        match &self.asked {
            Asked::Link(link) => Some(LinkRecord { uid: self.uid, time: self.time, link: link.clone() }),
            Asked::Erase => None,
        }
    }

    /// The ids that the request concerns from the beginning: those that it was delivered to and names.
    pub fn ids(&self) -> BTreeSet<Arc<str>> {
        let named = match &self.asked {
            Asked::Link(Link::Merge(one, other) | Link::Follow(one, other)) => vec![one, other],
            Asked::Link(Link::Split(_)) | Asked::Erase => Vec::new(),
        };
        named.into_iter().chain([&self.via]).cloned().collect()
    }
}

/// Why a record is not carried out; whoever asks for it again is refused again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Some contact would have too many ids.
    TooManyIds,
    /// Too many records connect these ids.
    TooManyLinks,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is carried out, whether it changed anything or not.
    Applied,
    /// It was known, in this content or one that goes before it.
    Duplicate,
    /// It is refused.
    Refused(Refusal),
    /// An id that it names was erased.
    Erased,
}

/// What changes for one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The record that changes it.
    pub record: LinkRecord,
    /// How often the record has changed something, with this.
    pub times: u64,
    /// Who keeps the records of the id.
    pub keeper: Arc<str>,
    /// The id whose contact it belongs to.
    pub root: Arc<str>,
    /// Where that is the id itself, all ids of the contact, its own first.
    pub ids: Vec<Arc<str>>,
    /// What it gives away of the contact that was here: to which id, of which ids.
    pub gives: Vec<(Arc<str>, Vec<Arc<str>>)>,
}

/// A message from a keeper, or to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A request that the receiver must know of before it is carried out.
    Ask(Request),
    /// A request for whoever keeps the records of the receiver, to connect it with `other` first; with what a keeper hands over that keeps no more.
    Join {
        /// The request.
        request: Request,
        /// The id to be connected with.
        other: Arc<str>,
        /// Who hands over, and what.
        handed: Option<(Arc<str>, Box<Keeper>)>,
    },
    /// What a keeper that was erased had kept, or what could not be handed over.
    Keep(Box<Keeper>),
    /// Who keeps the records of the receiver; `None`: there are none.
    KeptBy(Option<Arc<str>>),
    /// What changes for the receiver.
    Change(Box<Change>),
    /// A part that was given has arrived.
    Arrived,
    /// Everything of the receiver is to be erased; told of where `tells`.
    Erase {
        /// The request.
        request: Request,
        /// Whether the receiver is the contact's id.
        tells: bool,
    },
}

/// What a keeper says, and to whom; and what became of requests.
#[derive(Debug, Default)]
pub struct Said {
    /// In the order in which it is to be sent.
    pub notices: Vec<(Arc<str>, Notice)>,
    /// Requests that have found their end here.
    pub answers: Vec<(Request, Answer)>,
    /// Everything of this id is to be erased, at once: what comes for it afterwards must find it gone. Told of where the truth value says so.
    pub erases: Option<(Request, bool)>,
}

impl Said {
    pub(super) fn say(&mut self, to: &Arc<str>, notice: Notice) {
        self.notices.push((Arc::clone(to), notice));
    }

    /// A request has found its end.
    pub(super) fn answer(&mut self, request: Request, answer: Answer) {
        self.answers.push((request, answer));
    }
}

/// What becomes of a notice that reaches an id that was erased: whoever sent it on did not know yet.
pub fn turn_back(id: &Arc<str>, notice: Notice, said: &mut Said) {
    match notice {
        Notice::Ask(request) => said.answer(request, Answer::Erased),
        Notice::Join { request, handed, .. } => {
            if let Some((from, keeper)) = handed {
                said.say(&from, Notice::Keep(keeper));
            }
            if request.ids().contains(id) {
                said.answer(request, Answer::Erased);
            } else {
                // Who keeps its records knows somebody else by now, since that was said before this came here.
                said.say(&request.via.clone(), Notice::Ask(request));
            }
        }
        Notice::Keep(_) | Notice::KeptBy(_) | Notice::Change(_) | Notice::Arrived | Notice::Erase { .. } => {}
    }
}
