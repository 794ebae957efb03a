//! Leadstream's own interactions (`schemas/interaction.avsc`).

use leadstream_core::{EventKind, Term, Verdict};
use serde::de::{IgnoredAny, MapAccess};

use super::members::{Members, MembersSeed, complete, own_id};
use super::verdict_of;
use crate::batch::{Decoded, Dropped, EventBatch, exchange};
use crate::clock::Clock;
use crate::contact_id::ContactIds;
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::encoding::RecordReader;
use crate::event_types::EventTypes;
use crate::fields;
use crate::limits::keep_within_limit;
use crate::record::InputRecord;
use crate::scalar::{Empty, PropertiesSeed, Scalar, ScalarSeed};
use crate::text::utf8;

/// Decodes one source of own interactions.
pub(crate) struct InteractionDecoder {
    source: Term,
    clock: Clock,
    contacts: ContactIds,
    reader: RecordReader,
    types: EventTypes,
    properties: leadstream_core::Properties,
    prefix: String,
}

#[derive(Default)]
struct Fields<'de> {
    id: Scalar<'de>,
    event_type: Scalar<'de>,
    contact: Scalar<'de>,
    time: Scalar<'de>,
    received: Scalar<'de>,
    verdict: Scalar<'de>,
}

impl InteractionDecoder {
    pub(crate) fn new(
        source: Term,
        clock: Clock,
        contacts: ContactIds,
        reader: RecordReader,
        aliases: &[(String, String)],
    ) -> InteractionDecoder {
        let types = EventTypes::new(aliases);
        let properties = leadstream_core::Properties::new();
        InteractionDecoder { source, clock, contacts, reader, types, properties, prefix: String::new() }
    }

    pub(crate) fn decode(&mut self, record: &InputRecord<'_>, out: &mut EventBatch) -> Result<Decoded, DeadLetter> {
        let mut dropped = Dropped::default();
        self.properties.clear();
        let reading = Reading {
            fields: Fields::default(),
            properties: &mut self.properties,
            prefix: &mut self.prefix,
            dropped: &mut dropped,
        };
        let Reading { fields, .. } = self.reader.read(record, MembersSeed::new(reading))?;
        let event = out.add();
        event.kind = EventKind::Interaction;
        let name = fields.event_type.text().ok_or_else(|| match fields.event_type {
            Scalar::Absent | Scalar::Text(_) => {
                DeadLetter::new(DeadLetterCode::EventMissing, "the interaction has no `type`")
            }
            _ => DeadLetter::new(DeadLetterCode::WrongType, "`type` is not a text"),
        })?;
        event.event_type.set(self.types.of(name)?);
        let received = self.clock.read("received", &fields.received)?;
        let time = self.clock.read("time", &fields.time)?;
        (event.time, event.clamped) = self.clock.settle(time, received, record)?;
        event.verdict = match &fields.verdict {
            Scalar::Absent => Verdict::Human,
            Scalar::Text(word) => verdict_of(word)?,
            _ => return Err(DeadLetter::new(DeadLetterCode::WrongType, "`verdict` is not a text")),
        };
        if !self.contacts.has_expression() {
            let id = match (fields.contact.identifier(), record.key) {
                (Some(id), _) => id,
                (None, Some(key)) if !key.is_empty() => utf8(key, "key")?.into(),
                _ => {
                    let reason = "neither `contact` nor the key of the record is given";
                    return Err(DeadLetter::new(DeadLetterCode::ContactMissing, reason));
                }
            };
            event.contact.push_str(&self.contacts.checked(id)?);
        }
        let own_id = own_id(self.source.as_str(), &fields.id);
        event.source.set(self.source.as_str());
        exchange(&mut self.properties, &mut event.properties);
        fields::complete_path(&mut event.properties);
        fields::complete_value(&mut event.properties);
        keep_within_limit(event, &mut dropped);
        complete(event, own_id, |_| String::new(), &self.contacts, &mut self.reader, record)?;
        out.dropped.add(dropped);
        Ok(Decoded::Events(1))
    }
}

/// Takes the members of an interaction.
struct Reading<'a, 'de> {
    fields: Fields<'de>,
    properties: &'a mut leadstream_core::Properties,
    prefix: &'a mut String,
    dropped: &'a mut Dropped,
}

impl<'de> Members<'de> for Reading<'_, 'de> {
    const EXPECTED: &'static str = "an interaction";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        let slot = match name {
            "id" => &mut self.fields.id,
            "type" => &mut self.fields.event_type,
            "contact" => &mut self.fields.contact,
            "time" => &mut self.fields.time,
            "received" => &mut self.fields.received,
            "verdict" => &mut self.fields.verdict,
            "properties" => {
                let seed = PropertiesSeed::new(self.properties, self.prefix, Empty::Drop, self.dropped);
                return members.next_value_seed(seed).map(drop);
            }
            _ => return members.next_value::<IgnoredAny>().map(drop),
        };
        *slot = members.next_value_seed(ScalarSeed)?;
        Ok(())
    }
}
