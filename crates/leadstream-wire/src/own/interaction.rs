//! Leadstream's own interactions (`schemas/interaction.avsc`).

use std::fmt;

use leadstream_core::{EventKind, Term, Uid, Verdict};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::verdict_of;
use crate::batch::{Decoded, Dropped, EventBatch, exchange};
use crate::canonical;
use crate::clock::Clock;
use crate::contact_id::ContactIds;
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::encoding::RecordReader;
use crate::event_types::EventTypes;
use crate::expression::Inputs;
use crate::fields;
use crate::limits::keep_within_limit;
use crate::record::InputRecord;
use crate::scalar::{Empty, KeySeed, PropertiesSeed, Scalar, ScalarSeed};
use crate::text::utf8;
use crate::tree::TreeSeed;

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
        let seed = FieldsSeed { properties: &mut self.properties, prefix: &mut self.prefix, dropped: &mut dropped };
        let fields = self.reader.read(record, seed)?;
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
        let has_id = match fields.id.identifier() {
            Some(id) => {
                event.uid = Uid::of(self.source.as_str(), &id);
                true
            }
            None => false,
        };
        event.source.set(self.source.as_str());
        exchange(&mut self.properties, &mut event.properties);
        fields::complete_path(&mut event.properties);
        fields::complete_value(&mut event.properties);
        keep_within_limit(event, &mut dropped);
        if !has_id || self.contacts.has_expression() {
            let tree = self.reader.read(record, TreeSeed::default())?;
            if !has_id {
                event.uid = Uid::of(self.source.as_str(), &canonical::identity(&tree));
            }
            if self.contacts.has_expression() {
                event.contact.push_str(&self.contacts.of_inputs(&Inputs { record: &tree, ..Inputs::of(record) })?);
            }
        }
        out.dropped.add(dropped);
        Ok(Decoded::Events(1))
    }
}

struct FieldsSeed<'a> {
    properties: &'a mut leadstream_core::Properties,
    prefix: &'a mut String,
    dropped: &'a mut Dropped,
}

impl<'de> DeserializeSeed<'de> for FieldsSeed<'_> {
    type Value = Fields<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed<'_> {
    type Value = Fields<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an interaction")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = members.next_key_seed(KeySeed)? {
            let slot = match &*key {
                "id" => &mut fields.id,
                "type" => &mut fields.event_type,
                "contact" => &mut fields.contact,
                "time" => &mut fields.time,
                "received" => &mut fields.received,
                "verdict" => &mut fields.verdict,
                "properties" => {
                    let seed = PropertiesSeed::new(self.properties, self.prefix, Empty::Drop, self.dropped);
                    members.next_value_seed(seed)?;
                    continue;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = members.next_value_seed(ScalarSeed)?;
        }
        Ok(fields)
    }
}
