//! Taking a record member by member, and what every own record has: an id and a contact.

use std::fmt;
use std::marker::PhantomData;

use leadstream_core::{Event, Uid};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::canonical;
use crate::contact_id::ContactIds;
use crate::dead_letter::DeadLetter;
use crate::encoding::RecordReader;
use crate::expression::Inputs;
use crate::record::InputRecord;
use crate::scalar::{KeySeed, Scalar};
use crate::tree::TreeSeed;

/// What takes members as they come.
pub(super) trait Members<'de> {
    /// What such a record is, for an error.
    const EXPECTED: &'static str;

    /// Takes the value of a member; that of a name that means nothing here is passed over.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error>;
}

/// Hands the members of a record to what takes them, and gives that back.
pub(super) struct MembersSeed<'de, T>(T, PhantomData<&'de ()>);

impl<'de, T: Members<'de>> MembersSeed<'de, T> {
    pub(super) fn new(takes: T) -> Self {
        Self(takes, PhantomData)
    }
}

impl<'de, T: Members<'de>> DeserializeSeed<'de> for MembersSeed<'de, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for MembersSeed<'de, T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<T, A::Error> {
        while let Some(name) = members.next_key_seed(KeySeed)? {
            self.0.take(&name, &mut members)?;
        }
        Ok(self.0)
    }
}

/// The identity that a record gives itself.
pub(super) fn own_id(source: &str, id: &Scalar<'_>) -> Option<Uid> {
    id.identifier().map(|id| Uid::of(source, &id))
}

/// Completes an event whose source is set: with its identity, which for a record without an id is a hash of all of it, behind what `prefix` gives;
/// and with its contact, where the source has an expression for it. The record is read again only where one of them needs all of it.
pub(super) fn complete(
    event: &mut Event,
    own_id: Option<Uid>,
    prefix: impl FnOnce(&Event) -> String,
    contacts: &ContactIds,
    reader: &mut RecordReader,
    record: &InputRecord<'_>,
) -> Result<(), DeadLetter> {
    if let Some(uid) = own_id {
        event.uid = uid;
        if !contacts.has_expression() {
            return Ok(());
        }
    }
    let tree = reader.read(record, TreeSeed::default())?;
    if own_id.is_none() {
        let id = prefix(event) + &canonical::identity(&tree);
        event.uid = Uid::of(event.source.as_str(), &id);
    }
    if contacts.has_expression() {
        event.contact.push_str(&contacts.of_inputs(&Inputs { record: &tree, ..Inputs::of(record) })?);
    }
    Ok(())
}
