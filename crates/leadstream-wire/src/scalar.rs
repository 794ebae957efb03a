//! Single values and trees of properties, read from any format that serde can drive.
//!
//! JSON and Avro share these visitors, so that a nested object, an array or a number means the same in both. Texts are borrowed from the
//! record wherever it spells them without escapes.

use std::borrow::Cow;
use std::fmt;

use leadstream_core::{Properties, Value};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::batch::Dropped;
use crate::limits::{DEPTH_MAX, MEMBERS_MAX, NAME_MAX_BYTES};
use crate::names::property_name;
use crate::text::trimmed;

/// The words by which a visitor says that a limit was passed; the decoder turns them into a code.
pub(crate) const TOO_MANY_PROPERTIES: &str = "too many properties";
/// See [`TOO_MANY_PROPERTIES`].
pub(crate) const TOO_DEEP: &str = "objects nested too deep";

/// Every whole number up to it is a binary64, and not every one above.
pub(crate) const EXACT_MAX: u64 = 1 << 53;

/// One value of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Scalar<'de> {
    /// Not there, or null.
    #[default]
    Absent,
    Bool(bool),
    Integer(i64),
    /// Above the largest `Integer`.
    Large(u64),
    Number(f64),
    Text(Cow<'de, str>),
    /// An object, an array or bytes.
    Composite,
}

impl<'de> Scalar<'de> {
    /// The value as a binary64, where it is a number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Scalar::Integer(number) => Some(*number as f64),
            Scalar::Large(number) => Some(*number as f64),
            Scalar::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, where it is one and not empty.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The value as an identifier: a text that is not blank, or a number in decimals that is known to its last digit.
    pub(crate) fn identifier(&self) -> Option<Cow<'_, str>> {
        match self {
            Scalar::Text(text) if !trimmed(text).is_empty() => Some(Cow::Borrowed(trimmed(text))),
            Scalar::Integer(number) => Some(Cow::Owned(number.to_string())),
            Scalar::Large(number) => Some(Cow::Owned(number.to_string())),
            // A larger one has lost digits: two ids would be one.
            Scalar::Number(number) if number.abs() <= EXACT_MAX as f64 => {
                Some(Cow::Owned(ryu_js::Buffer::new().format_finite(*number).to_owned()))
            }
            _ => None,
        }
    }

    /// Whether nothing was given: absent, or an empty text.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Scalar::Absent) || matches!(self, Scalar::Text(text) if trimmed(text).is_empty())
    }

    /// The value as a property; a composite is none.
    pub(crate) fn as_value(&self) -> Option<Value<'_>> {
        Some(match self {
            Scalar::Absent => Value::Null,
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::Integer(_) | Scalar::Large(_) | Scalar::Number(_) => Value::Number(self.number()?),
            Scalar::Text(text) => Value::Text(text),
            Scalar::Composite => return None,
        })
    }
}

/// Reads one value, whatever it is.
pub(crate) struct ScalarSeed;

impl<'de> DeserializeSeed<'de> for ScalarSeed {
    type Value = Scalar<'de>;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed {
    type Value = Scalar<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(i64::try_from(value).map_or(Scalar::Large(value), Scalar::Integer))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Scalar<'de>, E> {
        Ok(i64::try_from(value).map_or(Scalar::Number(value as f64), Scalar::Integer))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }
    fn visit_string<E>(self, value: String) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(value)))
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Composite)
    }
    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Absent)
    }
    fn visit_none<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Absent)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Scalar<'de>, A::Error> {
        let (name, variant) = access.variant_seed(ScalarSeed)?;
        variant.unit_variant()?;
        Ok(name)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Composite)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar<'de>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Composite)
    }
}

/// Reads a key of an object.
pub(crate) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(value))
    }
}

/// What null and the empty text do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// They are no property (S2).
    Drop,
    /// They unset an attribute (S2).
    Unset,
}

/// Sets one property, keeping to the rules of names and numbers.
pub(crate) fn set_property(into: &mut Properties, name: &str, value: Value<'_>, empty: Empty, dropped: &mut Dropped) {
    let value = match (value, empty) {
        (Value::Null | Value::Text(""), Empty::Drop) => return,
        (Value::Null | Value::Text(""), Empty::Unset) => Value::Null,
        (Value::Number(number), _) if !number.is_finite() => {
            dropped.numbers += 1;
            return;
        }
        (value, _) => value,
    };
    if name.is_empty() || name.len() > NAME_MAX_BYTES {
        dropped.names += 1;
        return;
    }
    into.set(name, value);
}

/// Reads an object of properties: nested objects flattened with dots, names in snake_case, arrays left out.
pub(crate) struct PropertiesSeed<'a> {
    /// Where the properties go.
    pub(crate) into: &'a mut Properties,
    /// The name of the object that is read with a dot after it; empty for the outermost.
    pub(crate) prefix: &'a mut String,
    /// How deep the object lies.
    pub(crate) depth: usize,
    /// What null and "" do.
    pub(crate) empty: Empty,
    /// Whether names are changed to snake_case.
    pub(crate) convert_names: bool,
    /// Counts what is left out.
    pub(crate) dropped: &'a mut Dropped,
}

impl<'a> PropertiesSeed<'a> {
    /// A seed for an outermost object.
    pub(crate) fn new(
        into: &'a mut Properties,
        prefix: &'a mut String,
        empty: Empty,
        dropped: &'a mut Dropped,
    ) -> PropertiesSeed<'a> {
        prefix.clear();
        PropertiesSeed { into, prefix, depth: 0, empty, convert_names: true, dropped }
    }

    /// Keeps the value under the prefix without its last dot.
    #[inline]
    fn keep(self, value: Value<'_>) {
        if self.depth == 0 {
            // A scalar where the object of properties belongs.
            if value != Value::Null {
                self.dropped.shapes += 1;
            }
            return;
        }
        set_property(self.into, self.prefix, value, self.empty, self.dropped);
    }
}

impl<'de> DeserializeSeed<'de> for PropertiesSeed<'_> {
    type Value = ();
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PropertiesSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(Value::Bool(value));
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(Value::Number(value as f64));
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.keep(Value::Number(value as f64));
        Ok(())
    }
    fn visit_i128<E>(self, value: i128) -> Result<(), E> {
        self.keep(Value::Number(value as f64));
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(Value::Number(value));
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.keep(Value::Text(value));
        Ok(())
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        self.dropped.shapes += 1;
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.keep(Value::Null);
        Ok(())
    }
    fn visit_none<E>(self) -> Result<(), E> {
        self.keep(Value::Null);
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let (name, variant) = access.variant_seed(KeySeed)?;
        variant.unit_variant()?;
        self.keep(Value::Text(&name));
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.dropped.shapes += 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        if self.depth >= DEPTH_MAX {
            return Err(serde::de::Error::custom(TOO_DEEP));
        }
        let outer_bytes = self.prefix.len();
        if self.depth > 0 {
            self.prefix.push('.');
        }
        let prefix_bytes = self.prefix.len();
        while let Some(key) = members.next_key_seed(KeySeed)? {
            if self.convert_names {
                self.prefix.push_str(&property_name(&key));
            } else {
                self.prefix.push_str(&key);
            }
            members.next_value_seed(PropertiesSeed {
                into: self.into,
                prefix: self.prefix,
                depth: self.depth + 1,
                empty: self.empty,
                convert_names: self.convert_names,
                dropped: self.dropped,
            })?;
            self.prefix.truncate(prefix_bytes);
            if self.into.len() > MEMBERS_MAX {
                return Err(serde::de::Error::custom(TOO_MANY_PROPERTIES));
            }
        }
        self.prefix.truncate(outer_bytes);
        Ok(())
    }
}
