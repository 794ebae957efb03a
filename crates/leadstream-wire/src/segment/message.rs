//! One message in the Segment shape, as it lies in the record: fields in any order, texts borrowed.
//!
//! The visitor takes what the decoder needs in one pass and skips the rest without building anything.

use std::fmt;

use leadstream_core::Properties;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::batch::Dropped;
use crate::scalar::{Empty, KeySeed, PropertiesSeed, Scalar, ScalarSeed};

/// The fields of a message that matter. Those of `context` are prefixed.
#[derive(Default)]
pub(super) struct Message<'de> {
    /// `type`, else `action`.
    pub(super) kind: Scalar<'de>,
    pub(super) event: Scalar<'de>,
    pub(super) name: Scalar<'de>,
    pub(super) category: Scalar<'de>,
    pub(super) user_id: Scalar<'de>,
    pub(super) anonymous_id: Scalar<'de>,
    pub(super) previous_id: Scalar<'de>,
    pub(super) group_id: Scalar<'de>,
    pub(super) message_id: Scalar<'de>,
    pub(super) timestamp: Scalar<'de>,
    pub(super) original_timestamp: Scalar<'de>,
    pub(super) sent_at: Scalar<'de>,
    pub(super) received_at: Scalar<'de>,
    pub(super) user_agent: Scalar<'de>,
    pub(super) page: Page<'de>,
}

/// `context.page`.
#[derive(Default)]
pub(super) struct Page<'de> {
    pub(super) url: Scalar<'de>,
    pub(super) path: Scalar<'de>,
    pub(super) referrer: Scalar<'de>,
    pub(super) search: Scalar<'de>,
    pub(super) title: Scalar<'de>,
}

/// Buffers for the objects of a message, used again for each.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// `properties`; null and "" left out.
    pub(super) properties: Properties,
    /// `traits`; null and "" kept as null.
    pub(super) traits: Properties,
    /// `context.traits`, likewise.
    pub(super) context_traits: Properties,
    /// The path of the object being read.
    prefix: String,
}

impl Objects {
    pub(super) fn clear(&mut self) {
        self.properties.clear();
        self.traits.clear();
        self.context_traits.clear();
    }
}

/// The fields that the decoder looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Type,
    Action,
    Event,
    Name,
    Category,
    UserId,
    AnonymousId,
    PreviousId,
    GroupId,
    MessageId,
    Timestamp,
    OriginalTimestamp,
    SentAt,
    ReceivedAt,
    Properties,
    Traits,
    Context,
    Other,
}

/// The fields by their letters alone: other spellings are compared without case and underscores.
const FIELDS: &[(&str, Field)] = &[
    ("type", Field::Type),
    ("action", Field::Action),
    ("event", Field::Event),
    ("name", Field::Name),
    ("category", Field::Category),
    ("userid", Field::UserId),
    ("anonymousid", Field::AnonymousId),
    ("previousid", Field::PreviousId),
    ("groupid", Field::GroupId),
    ("messageid", Field::MessageId),
    ("timestamp", Field::Timestamp),
    ("originaltimestamp", Field::OriginalTimestamp),
    ("sentat", Field::SentAt),
    ("receivedat", Field::ReceivedAt),
    ("properties", Field::Properties),
    ("traits", Field::Traits),
    ("context", Field::Context),
];

impl Field {
    /// The field and whether it is spelt as the specification does. Lengths are told apart first: one comparison decides most keys.
    #[inline]
    fn of(key: &str) -> (Field, bool) {
        let field = match key.len() {
            4 if key == "type" => Field::Type,
            4 if key == "name" => Field::Name,
            5 if key == "event" => Field::Event,
            6 if key == "userId" => Field::UserId,
            6 if key == "traits" => Field::Traits,
            6 if key == "sentAt" => Field::SentAt,
            6 if key == "action" => Field::Action,
            7 if key == "context" => Field::Context,
            7 if key == "groupId" => Field::GroupId,
            8 if key == "category" => Field::Category,
            9 if key == "messageId" => Field::MessageId,
            9 if key == "timestamp" => Field::Timestamp,
            10 if key == "properties" => Field::Properties,
            10 if key == "receivedAt" => Field::ReceivedAt,
            10 if key == "previousId" => Field::PreviousId,
            11 if key == "anonymousId" => Field::AnonymousId,
            17 if key == "originalTimestamp" => Field::OriginalTimestamp,
            _ => return (Field::of_other_spelling(key), false),
        };
        (field, true)
    }

    fn of_other_spelling(key: &str) -> Field {
        let letters = || key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
        FIELDS.iter().find(|(plain, _)| letters().eq(plain.bytes())).map_or(Field::Other, |(.., field)| *field)
    }
}

/// Reads a message.
pub(super) struct MessageSeed<'a> {
    pub(super) objects: &'a mut Objects,
    pub(super) dropped: &'a mut Dropped,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = Message<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Message<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = Message<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Message<'de>, A::Error> {
        let MessageSeed { objects, dropped } = self;
        let mut message = Message::default();
        let mut action = Scalar::Absent;
        while let Some(key) = members.next_key_seed(KeySeed)? {
            let (field, is_exact) = Field::of(&key);
            let slot = match field {
                Field::Type => &mut message.kind,
                Field::Action => &mut action,
                Field::Event => &mut message.event,
                Field::Name => &mut message.name,
                Field::Category => &mut message.category,
                Field::UserId => &mut message.user_id,
                Field::AnonymousId => &mut message.anonymous_id,
                Field::PreviousId => &mut message.previous_id,
                Field::GroupId => &mut message.group_id,
                Field::MessageId => &mut message.message_id,
                Field::Timestamp => &mut message.timestamp,
                Field::OriginalTimestamp => &mut message.original_timestamp,
                Field::SentAt => &mut message.sent_at,
                Field::ReceivedAt => &mut message.received_at,
                Field::Properties => {
                    let into = &mut objects.properties;
                    members.next_value_seed(PropertiesSeed::new(into, &mut objects.prefix, Empty::Drop, dropped))?;
                    continue;
                }
                Field::Traits => {
                    let into = &mut objects.traits;
                    members.next_value_seed(PropertiesSeed::new(into, &mut objects.prefix, Empty::Unset, dropped))?;
                    continue;
                }
                Field::Context => {
                    members.next_value_seed(ContextSeed { message: &mut message, objects, dropped })?;
                    continue;
                }
                Field::Other => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let value = members.next_value_seed(ScalarSeed)?;
            // The specification's spelling wins over another of the same field, wherever it stands; so does a value over none.
            if !value.is_empty() && (is_exact || slot.is_empty()) {
                *slot = value;
            }
        }
        if message.kind.is_empty() {
            message.kind = action;
        }
        Ok(message)
    }
}

/// Reads `context`.
struct ContextSeed<'a, 'de> {
    message: &'a mut Message<'de>,
    objects: &'a mut Objects,
    dropped: &'a mut Dropped,
}

impl<'de> DeserializeSeed<'de> for ContextSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(OptionalMap(self))
    }
}

impl<'de> TakeMap<'de> for ContextSeed<'_, 'de> {
    fn take<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key_seed(KeySeed)? {
            match &*key {
                "page" => members.next_value_seed(PageSeed(&mut self.message.page))?,
                "traits" => {
                    let into = &mut self.objects.context_traits;
                    let prefix = &mut self.objects.prefix;
                    members.next_value_seed(PropertiesSeed::new(into, prefix, Empty::Unset, self.dropped))?;
                }
                "userAgent" | "user_agent" => self.message.user_agent = members.next_value_seed(ScalarSeed)?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads `context.page`.
struct PageSeed<'a, 'de>(&'a mut Page<'de>);

impl<'de> DeserializeSeed<'de> for PageSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(OptionalMap(self))
    }
}

impl<'de> TakeMap<'de> for PageSeed<'_, 'de> {
    fn take<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key_seed(KeySeed)? {
            let slot = match &*key {
                "url" => &mut self.0.url,
                "path" => &mut self.0.path,
                "referrer" => &mut self.0.referrer,
                "search" => &mut self.0.search,
                "title" => &mut self.0.title,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = members.next_value_seed(ScalarSeed)?;
        }
        Ok(())
    }
}

/// Something that reads an object.
trait TakeMap<'de>: Sized {
    fn take<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error>;
}

/// An object where senders may also write null or anything else, which then says nothing.
struct OptionalMap<T>(T);

impl<'de, T: TakeMap<'de>> Visitor<'de> for OptionalMap<T> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.0.take(members)
    }
}
