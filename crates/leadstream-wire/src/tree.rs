//! A whole record as a tree, for expressions and for the identity of records that carry none.
//!
//! JSON, CSV and Avro all become the same tree, no deeper than [`DEPTH_MAX`].

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value as Tree};

use crate::limits::DEPTH_MAX;
use crate::scalar::{KeySeed, TOO_DEEP};

/// Reads a tree.
#[derive(Clone, Copy, Default)]
pub(crate) struct TreeSeed {
    depth: usize,
}

impl TreeSeed {
    fn inner<E: serde::de::Error>(self) -> Result<TreeSeed, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(TreeSeed { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for TreeSeed {
    type Value = Tree;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed {
    type Value = Tree;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(value.into())
    }
    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(Number::from_f64(value as f64).map_or(Tree::Null, Tree::Number))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(value.into())
    }
    fn visit_bytes<E>(self, value: &[u8]) -> Result<Tree, E> {
        // Bytes that are no text stay apart from each other by their values, as an array of numbers.
        Ok(match std::str::from_utf8(value) {
            Ok(text) => text.into(),
            Err(_) => value.to_vec().into(),
        })
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Tree, A::Error> {
        let (name, variant) = access.variant_seed(KeySeed)?;
        variant.unit_variant()?;
        Ok(name.into_owned().into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Tree::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key_seed(KeySeed)? {
            object.insert(name.into_owned(), members.next_value_seed(inner)?);
        }
        Ok(Tree::Object(object))
    }
}
