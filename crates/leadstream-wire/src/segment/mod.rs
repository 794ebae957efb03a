//! Messages in the Segment shape: track, page, screen, identify, group and alias, as Segment, RudderStack and Jitsu write them.
//!
//! What each message becomes:
//!
//! | message | event |
//! |---|---|
//! | track | an interaction of the event's name in snake_case, published names unified |
//! | page, screen | `page_viewed`, `screen_viewed` with `name` and `category`; a page lacking them takes url, path, referrer, search, title of `context.page` |
//! | identify | the traits as attributes of the contact (`context.traits` where `traits` lacks them); with both ids also a link: they were seen together |
//! | group | `group_joined` with `group_id`, and the group's traits under `group.` |
//! | alias | a link from `userId` to `previousId`, else to the anonymous id that it was seen with |
//!
//! `value` is the event's value, else its total, else its revenue, as a number. `path` is the path of `url` where none is given. A message
//! that the user agent marks as a machine's gets that verdict.
//!
//! The path is fast because one pass over the text fills the event: a message of 405 bytes takes 640 ns of a core of a loaded two-core cloud
//! machine (`benches/decode.rs`, 2026-11). The same visitor takes 700 ns through `serde_json`, which besides reads some decimals one unit
//! in the last place wrong; building a tree takes 1350 ns with `serde_json` and 250 ns with `sonic-rs`, before any event is filled.

mod message;

use std::borrow::Cow;

use leadstream_core::{Event, EventKind, Name, Properties, Term, Timestamp, Uid, Value, Verdict};

use self::message::{Message, MessageSeed, Objects};
use crate::agents;
use crate::batch::{Decoded, Dropped, EventBatch, SkipReason, exchange};
use crate::canonical;
use crate::clock::Clock;
use crate::contact_id::{ContactIds, is_nobody};
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::event_types::EventTypes;
use crate::expression::Inputs;
use crate::fields;
use crate::limits::keep_within_limit;
use crate::name_map::NameMap;
use crate::record::InputRecord;
use crate::scalar::{Empty, Scalar, set_property};
use crate::text::{json_text, parse_json};
use crate::tree::TreeSeed;

/// The most names and user agents that are remembered; more are worked out each time.
const REMEMBERED_MAX: usize = 4096;

/// Decodes one source of Segment-shaped JSON.
pub(crate) struct SegmentDecoder {
    source: Term,
    clock: Clock,
    contacts: ContactIds,
    objects: Objects,
    types: EventTypes,
    verdicts: NameMap<Verdict>,
}

/// What a message's `type` says it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MessageKind {
    Track,
    Page,
    Screen,
    Identify,
    Group,
    Alias,
}

impl SegmentDecoder {
    pub(crate) fn new(
        source: Term,
        clock: Clock,
        contacts: ContactIds,
        aliases: &[(String, String)],
    ) -> SegmentDecoder {
        SegmentDecoder {
            source,
            clock,
            contacts,
            objects: Objects::default(),
            types: EventTypes::new(aliases),
            verdicts: NameMap::default(),
        }
    }

    pub(crate) fn decode(&mut self, record: &InputRecord<'_>, out: &mut EventBatch) -> Result<Decoded, DeadLetter> {
        let text = json_text(record)?;
        self.objects.clear();
        let mut dropped = Dropped::default();
        let message = parse_json(text, MessageSeed { objects: &mut self.objects, dropped: &mut dropped })?;
        let kind = kind_of(&message)?;
        let (time, clamped) = self.time(&message, record)?;
        let contact = self.contact(&message, text, record)?;
        let id = identity(&message, text)?;
        let before = out.len();
        let mut shell = Shell { source: &self.source, contact: &contact, id: &id, time, clamped, out };
        match kind {
            MessageKind::Identify => {
                identify(&mut shell, &mut self.objects);
                // Under an expression of the source's own the message's ids are not the contacts' ids.
                if !self.contacts.has_expression() {
                    link_identified(&mut shell, &message, &self.contacts)?;
                }
            }
            MessageKind::Alias if self.contacts.has_expression() => {
                let reason = "the source says by an expression who a contact is, which an alias does not: write a merge into the topic of contacts";
                return Err(DeadLetter::new(DeadLetterCode::AliasIncomplete, reason));
            }
            MessageKind::Alias => alias(&mut shell, &message, &self.contacts)?,
            _ => {
                let event_type = event_type(kind, &message, &mut self.types)?;
                let event = shell.event(EventKind::Interaction, "");
                event.event_type.set(event_type);
                event.verdict = remembered_verdict(&mut self.verdicts, &message.user_agent);
                exchange(&mut self.objects.properties, &mut event.properties);
                complete(event, kind, &message, &self.objects.traits, &mut dropped);
                keep_within_limit(event, &mut dropped);
            }
        }
        out.dropped.add(dropped);
        match out.len() - before {
            0 => Ok(Decoded::Skipped(SkipReason::Empty)),
            events => Ok(Decoded::Events(events)),
        }
    }

    /// `timestamp`, else `originalTimestamp` put right by the sender's clock against the receiver's.
    ///
    /// A `sentAt` or `receivedAt` that cannot be read only loses the correction: neither is when the event happened.
    fn time(&self, message: &Message<'_>, record: &InputRecord<'_>) -> Result<(Timestamp, bool), DeadLetter> {
        let received = self.clock.read("receivedAt", &message.received_at).ok().flatten();
        let mut time = self.clock.read("timestamp", &message.timestamp)?;
        if time.is_none() {
            time = self.clock.read("originalTimestamp", &message.original_timestamp)?;
            let sent = self.clock.read("sentAt", &message.sent_at).ok().flatten();
            if let (Some(original), Some(sent), Some(received)) = (time, sent, received) {
                time = Some(received - (sent - original));
            }
        }
        self.clock.settle(time, received, record)
    }

    fn contact<'m>(
        &mut self,
        message: &'m Message<'_>,
        text: &str,
        record: &InputRecord<'_>,
    ) -> Result<Cow<'m, str>, DeadLetter> {
        if self.contacts.has_expression() {
            let tree = parse_json(text, TreeSeed::default())?;
            return self.contacts.of_inputs(&Inputs { record: &tree, ..Inputs::of(record) }).map(Cow::Owned);
        }
        let id = message.user_id.identifier().or_else(|| message.anonymous_id.identifier());
        let id = id.ok_or_else(|| {
            DeadLetter::new(DeadLetterCode::ContactMissing, "the message has neither a userId nor an anonymousId")
        })?;
        self.contacts.checked(id)
    }
}

fn kind_of(message: &Message<'_>) -> Result<MessageKind, DeadLetter> {
    const KINDS: [(&str, MessageKind); 6] = [
        ("track", MessageKind::Track),
        ("page", MessageKind::Page),
        ("screen", MessageKind::Screen),
        ("identify", MessageKind::Identify),
        ("group", MessageKind::Group),
        ("alias", MessageKind::Alias),
    ];
    match &message.kind {
        Scalar::Text(text) => {
            KINDS.iter().find(|(name, _)| text.trim().eq_ignore_ascii_case(name)).map(|(_, kind)| *kind).ok_or_else(
                || {
                    let reason = "`type` is none of track, page, screen, identify, group, alias";
                    DeadLetter::new(DeadLetterCode::TypeUnknown, reason)
                },
            )
        }
        // A message with an event and no type can only be a track.
        Scalar::Absent if message.event.text().is_some() => Ok(MessageKind::Track),
        Scalar::Absent => Err(DeadLetter::new(DeadLetterCode::TypeMissing, "the message has no `type`")),
        _ => Err(DeadLetter::new(DeadLetterCode::WrongType, "`type` is not a text")),
    }
}

/// The message's id, else a hash of the message in canonical form: the same message sent twice is one event (S3).
fn identity<'m>(message: &'m Message<'_>, text: &str) -> Result<Cow<'m, str>, DeadLetter> {
    match message.message_id.identifier() {
        Some(id) => Ok(id),
        None => {
            let tree = parse_json(text, TreeSeed::default())?;
            Ok(Cow::Owned(canonical::identity(&tree)))
        }
    }
}

/// What all events of one message share.
struct Shell<'a> {
    source: &'a Term,
    contact: &'a str,
    id: &'a str,
    time: Timestamp,
    clamped: bool,
    out: &'a mut EventBatch,
}

impl Shell<'_> {
    /// An event of the message; `part` tells events of one message apart, since each needs its own identity.
    fn event(&mut self, kind: EventKind, part: &str) -> &mut Event {
        let event = self.out.add();
        event.contact.push_str(self.contact);
        event.uid = if part.is_empty() {
            Uid::of(self.source.as_str(), self.id)
        } else {
            Uid::of(self.source.as_str(), &format!("{}#{part}", self.id))
        };
        event.time = self.time;
        event.clamped = self.clamped;
        event.kind = kind;
        event.source.set(self.source.as_str());
        event
    }

    /// A link from the event's contact to another id; of one that it was only seen with, so it is said.
    fn link(&mut self, other: &str, part: &str, is_seen: bool) {
        let event = self.event(EventKind::Link, part);
        event.event_type.set("alias");
        event.properties.set("with", Value::Text(other));
        if is_seen {
            event.properties.set("seen", Value::Bool(true));
        }
    }
}

fn identify(shell: &mut Shell<'_>, objects: &mut Objects) {
    for (name, text, value) in objects.context_traits.iter() {
        if objects.traits.get(name).is_none() {
            objects.traits.set(text, value);
        }
    }
    if !objects.traits.is_empty() {
        let event = shell.event(EventKind::Attributes, "");
        event.event_type.set("identify");
        exchange(&mut objects.traits, &mut event.properties);
    }
}

/// An identify that names a user and an anonymous id says that both are one person.
fn link_identified(shell: &mut Shell<'_>, message: &Message<'_>, contacts: &ContactIds) -> Result<(), DeadLetter> {
    if let (Some(user), Some(anonymous)) = (message.user_id.identifier(), message.anonymous_id.identifier())
        && user != anonymous
        && ![&user, &anonymous].into_iter().any(|id| is_nobody(id))
    {
        shell.link(&contacts.checked(anonymous)?, "link", true);
    }
    Ok(())
}

fn alias(shell: &mut Shell<'_>, message: &Message<'_>, contacts: &ContactIds) -> Result<(), DeadLetter> {
    let named = message.previous_id.identifier();
    let is_seen = named.is_none();
    let previous = named.or_else(|| {
        // Without a previous id, an alias links the anonymous id that comes with it.
        message.user_id.identifier().and_then(|_| message.anonymous_id.identifier())
    });
    if let Some(nobody) = [&previous, &message.user_id.identifier()].into_iter().flatten().find(|id| is_nobody(id)) {
        let reason = format!("`{nobody}` is what programs write where they know nobody: it would make strangers one");
        return Err(DeadLetter::new(DeadLetterCode::LinkBlocked, reason));
    }
    match previous.map(|previous| contacts.checked(previous)).transpose()? {
        Some(other) if other != shell.contact => {
            shell.link(&other, "", is_seen);
            Ok(())
        }
        _ => Err(DeadLetter::new(DeadLetterCode::AliasIncomplete, "the alias does not name two different ids")),
    }
}

/// The type of a message that is an interaction.
fn event_type<'t>(kind: MessageKind, message: &Message<'_>, types: &'t mut EventTypes) -> Result<&'t str, DeadLetter> {
    match kind {
        MessageKind::Page => Ok("page_viewed"),
        MessageKind::Screen => Ok("screen_viewed"),
        MessageKind::Group => Ok("group_joined"),
        _ => {
            let Some(name) = message.event.text() else {
                let (code, reason) = match &message.event {
                    Scalar::Absent | Scalar::Text(_) => {
                        (DeadLetterCode::EventMissing, "the track message has no `event`")
                    }
                    _ => (DeadLetterCode::WrongType, "`event` is not a text"),
                };
                return Err(DeadLetter::new(code, reason));
            };
            types.of(name)
        }
    }
}

/// Adds to an interaction what other parts of the message say about it.
fn complete(event: &mut Event, kind: MessageKind, message: &Message<'_>, traits: &Properties, dropped: &mut Dropped) {
    let properties = &mut event.properties;
    match kind {
        MessageKind::Page | MessageKind::Screen => {
            set_missing(properties, "name", &message.name, dropped);
            set_missing(properties, "category", &message.category, dropped);
        }
        MessageKind::Group => {
            set_missing(properties, "group_id", &message.group_id, dropped);
            for (_, name, value) in traits.iter() {
                set_property(properties, &format!("group.{name}"), value, Empty::Drop, dropped);
            }
        }
        _ => {}
    }
    if kind == MessageKind::Page {
        let page = &message.page;
        for (name, value) in [
            ("url", &page.url),
            ("path", &page.path),
            ("referrer", &page.referrer),
            ("search", &page.search),
            ("title", &page.title),
        ] {
            set_missing(properties, name, value, dropped);
        }
    }
    fields::complete_path(properties);
    fields::complete_value(properties);
}

fn set_missing(properties: &mut Properties, name: &str, value: &Scalar<'_>, dropped: &mut Dropped) {
    if !value.is_empty() && properties.get(Name::of(name)).is_none() {
        match value.as_value() {
            Some(value) => set_property(properties, name, value, Empty::Drop, dropped),
            None => dropped.shapes += 1,
        }
    }
}

fn remembered_verdict(verdicts: &mut NameMap<Verdict>, user_agent: &Scalar<'_>) -> Verdict {
    let Some(user_agent) = user_agent.text() else { return Verdict::Human };
    let name = Name::of(user_agent);
    match verdicts.get(&name) {
        Some(verdict) => *verdict,
        None => {
            let verdict = agents::verdict(user_agent);
            if verdicts.len() < REMEMBERED_MAX {
                verdicts.insert(name, verdict);
            }
            verdict
        }
    }
}
