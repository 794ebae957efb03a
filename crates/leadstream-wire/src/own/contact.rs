//! Commands about contacts (`schemas/contact.avsc`): attributes, snapshots, consent, tags, enrolment, adjustments, feedback, verdicts on events, merging
//! and splitting, and erasure.

use std::fmt;

use leadstream_core::{Event, EventKind, Properties, Term, Value};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::crm::CrmFields;
use super::judgement::JudgementFields;
use super::links::{self, LinkFields};
use super::members::{Members, MembersSeed, complete, own_id};
use crate::batch::{Decoded, Dropped, EventBatch, SkipReason, exchange};
use crate::clock::Clock;
use crate::contact_id::ContactIds;
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::encoding::RecordReader;
use crate::record::InputRecord;
use crate::scalar::{Empty, PropertiesSeed, Scalar, ScalarSeed, set_property};
use crate::text::utf8;

/// Decodes one source of commands.
pub(crate) struct ContactDecoder {
    source: Term,
    clock: Clock,
    contacts: ContactIds,
    reader: RecordReader,
    objects: Objects,
}

#[derive(Debug, Default)]
struct Objects {
    attributes: Properties,
    tags: Properties,
    prefix: String,
}

#[derive(Default)]
struct Fields<'de> {
    command: Scalar<'de>,
    id: Scalar<'de>,
    contact: Scalar<'de>,
    time: Scalar<'de>,
    from: Scalar<'de>,
    consent: Scalar<'de>,
    crm: CrmFields<'de>,
    judgement: JudgementFields<'de>,
    links: LinkFields<'de>,
}

impl ContactDecoder {
    pub(crate) fn new(source: Term, clock: Clock, contacts: ContactIds, reader: RecordReader) -> ContactDecoder {
        ContactDecoder { source, clock, contacts, reader, objects: Objects::default() }
    }

    pub(crate) fn decode(&mut self, record: &InputRecord<'_>, out: &mut EventBatch) -> Result<Decoded, DeadLetter> {
        let mut dropped = Dropped::default();
        self.objects.attributes.clear();
        self.objects.tags.clear();
        let reading = Reading { fields: Fields::default(), objects: &mut self.objects, dropped: &mut dropped };
        let Reading { fields, .. } = self.reader.read(record, MembersSeed::new(reading))?;
        let event = out.add();
        match fields.command.text() {
            Some(word @ ("attributes" | "snapshot")) => {
                event.kind = if word == "snapshot" { EventKind::Snapshot } else { EventKind::Attributes };
                event.event_type.set(word);
                exchange(&mut self.objects.attributes, &mut event.properties);
            }
            Some("consent") => {
                let Scalar::Bool(consent) = fields.consent else {
                    let reason = "`consent` is neither true nor false";
                    return Err(DeadLetter::new(DeadLetterCode::WrongType, reason));
                };
                event.kind = EventKind::Attributes;
                event.event_type.set("consent");
                event.properties.set("consent", Value::Bool(consent));
            }
            Some("tags") => {
                event.kind = EventKind::Tags;
                event.event_type.set("tags");
                exchange(&mut self.objects.tags, &mut event.properties);
            }
            // Plans say who takes part by tags; that of an enrolment is the plan's id.
            Some(word @ ("enrol" | "leave")) => {
                event.kind = EventKind::Tags;
                event.event_type.set(word);
                event.properties.set(fields.crm.plan_of("enrolment")?, Value::Bool(word == "enrol"));
            }
            Some("adjust") => fields.crm.adjust(event)?,
            Some("feedback") => fields.crm.feedback(event)?,
            Some("verdict") => fields.judgement.judge(event)?,
            Some("merge") => fields.links.merge(event, &self.contacts)?,
            Some("split") => fields.links.split(event)?,
            Some("erase") => {
                event.kind = EventKind::Erase;
                event.event_type.set("erase");
            }
            Some("reinstate") => {
                let from = self.clock.read("from", &fields.from)?;
                let from = from.ok_or_else(|| {
                    let reason = "the command names no instant in `from`";
                    DeadLetter::new(DeadLetterCode::CommandIncomplete, reason)
                })?;
                if !from.is_plausible() {
                    let reason = "`from` lies before 1900 or after 2200";
                    return Err(DeadLetter::new(DeadLetterCode::TimeImplausible, reason));
                }
                event.kind = EventKind::Reinstate;
                event.event_type.set("reinstate");
                event.properties.set("from", Value::Number(from.millis() as f64));
            }
            _ => return Err(refused_command(&fields.command)),
        }
        let time = self.clock.read("time", &fields.time)?;
        (event.time, event.clamped) = self.clock.settle(time, None, record)?;
        if !self.contacts.has_expression() {
            event.contact.push_str(&contact(&fields, record, &self.contacts)?);
        }
        let own_id = own_id(self.source.as_str(), &fields.id);
        event.source.set(self.source.as_str());
        // The key is part of the command where it names the contact.
        let prefix = |event: &Event| format!("{}:", event.contact);
        complete(event, own_id, prefix, &self.contacts, &mut self.reader, record)?;
        links::check(event)?;
        let says_all = matches!(event.kind, EventKind::Snapshot | EventKind::Erase);
        let is_empty = event.properties.is_empty() && !says_all;
        out.dropped.add(dropped);
        if is_empty {
            out.truncate(out.len() - 1);
            return Ok(Decoded::Skipped(SkipReason::Empty));
        }
        Ok(Decoded::Events(1))
    }
}

fn refused_command(command: &Scalar<'_>) -> DeadLetter {
    match command {
        Scalar::Absent => DeadLetter::new(DeadLetterCode::TypeMissing, "the record has no `command`"),
        Scalar::Text(_) => {
            let reason = "`command` is none of attributes, snapshot, consent, tags, enrol, leave, adjust, feedback, \
                          verdict, merge, split, erase, reinstate";
            DeadLetter::new(DeadLetterCode::CommandUnknown, reason)
        }
        _ => DeadLetter::new(DeadLetterCode::WrongType, "`command` is not a text"),
    }
}

/// The contact that the value names, else the key; both may name it, but not two different ones.
fn contact(fields: &Fields<'_>, record: &InputRecord<'_>, contacts: &ContactIds) -> Result<String, DeadLetter> {
    let key = match record.key {
        Some(key) if !key.is_empty() => Some(utf8(key, "key")?),
        _ => None,
    };
    let id = match (fields.contact.identifier(), key) {
        (Some(id), Some(key)) if id != key => {
            let reason = "the key of the record is not the `contact` of the command";
            return Err(DeadLetter::new(DeadLetterCode::ContactMismatch, reason));
        }
        (Some(id), _) => id,
        (None, Some(key)) => key.into(),
        (None, None) => {
            let reason = "neither `contact` nor the key of the record is given";
            return Err(DeadLetter::new(DeadLetterCode::ContactMissing, reason));
        }
    };
    contacts.checked(id).map(|id| id.into_owned())
}

/// Takes the members of a command.
struct Reading<'a, 'de> {
    fields: Fields<'de>,
    objects: &'a mut Objects,
    dropped: &'a mut Dropped,
}

impl<'de> Members<'de> for Reading<'_, 'de> {
    const EXPECTED: &'static str = "a command";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        let objects = &mut *self.objects;
        let slot = match name {
            "command" => &mut self.fields.command,
            "id" => &mut self.fields.id,
            "contact" => &mut self.fields.contact,
            "time" => &mut self.fields.time,
            "from" => &mut self.fields.from,
            "consent" => &mut self.fields.consent,
            "attributes" => {
                let seed =
                    PropertiesSeed::new(&mut objects.attributes, &mut objects.prefix, Empty::Unset, self.dropped);
                return members.next_value_seed(seed).map(drop);
            }
            "add" | "remove" => {
                let seed = TagsSeed { tags: &mut objects.tags, is_added: name == "add", dropped: self.dropped };
                return members.next_value_seed(seed);
            }
            _ => {
                let fields = &mut self.fields;
                let found = fields.crm.slot(name).or_else(|| fields.judgement.slot(name));
                match found.or_else(|| fields.links.slot(name)) {
                    Some(slot) => slot,
                    None => return members.next_value::<IgnoredAny>().map(drop),
                }
            }
        };
        *slot = members.next_value_seed(ScalarSeed)?;
        Ok(())
    }
}

/// Reads an array of tags; null is none.
struct TagsSeed<'a> {
    tags: &'a mut Properties,
    is_added: bool,
    dropped: &'a mut Dropped,
}

impl<'de> DeserializeSeed<'de> for TagsSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TagsSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of tags")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(tag) = items.next_element_seed(ScalarSeed)? {
            match tag.text() {
                Some(tag) => {
                    set_property(self.tags, tag, Value::Bool(self.is_added), Empty::Drop, self.dropped);
                }
                None => self.dropped.shapes += 1,
            }
            if self.tags.len() > crate::limits::MEMBERS_MAX {
                return Err(serde::de::Error::custom(crate::scalar::TOO_MANY_PROPERTIES));
            }
        }
        Ok(())
    }
}
