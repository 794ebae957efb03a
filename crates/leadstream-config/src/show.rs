//! The configuration as plain data for people: what `config show` prints and what the schema names as defaults.
//!
//! Invariant: a type that can hold a secret shows `(hidden)` in its place, so whatever is built on [`Shown`] cannot leak one.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A configuration value without its types.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// Nothing set.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Shown>),
    /// Keys in the order of the type.
    Map(Vec<(String, Shown)>),
}

/// What can be shown.
pub(crate) trait Show {
    /// The value as plain data, secrets hidden.
    fn show(&self) -> Shown;
}

impl Show for bool {
    fn show(&self) -> Shown {
        Shown::Flag(*self)
    }
}

impl Show for u64 {
    fn show(&self) -> Shown {
        Shown::Number(*self)
    }
}

impl Show for u32 {
    fn show(&self) -> Shown {
        Shown::Number(u64::from(*self))
    }
}

impl Show for String {
    fn show(&self) -> Shown {
        Shown::Text(self.clone())
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> Shown {
        self.as_ref().map_or(Shown::Null, Show::show)
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self) -> Shown {
        Shown::List(self.iter().map(Show::show).collect())
    }
}

impl<T: Show> Show for BTreeMap<String, T> {
    fn show(&self) -> Shown {
        Shown::Map(self.iter().map(|(key, value)| (key.clone(), value.show())).collect())
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
