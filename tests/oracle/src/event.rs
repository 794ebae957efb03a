//! Events as the oracle takes them: their identity, order, kept form and which of two copies stays (S2, S3, S4, S58).
//!
//! Never looks at a plan. Invariant: a [`Row`] holds the kept form, which is what two copies are compared by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// A scalar property or attribute value. Null and the empty string mean absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Absent; in an attribute update: unset.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, binary64 and finite.
    Number(f64),
    /// A string.
    Text(String),
}

impl Scalar {
    /// Whether the value counts as absent (S2).
    pub fn is_empty(&self) -> bool {
        matches!(self, Scalar::Null) || matches!(self, Scalar::Text(text) if text.is_empty())
    }

    /// The RFC 8785 form of the value.
    fn canonical(&self) -> String {
        match self {
            Scalar::Null => "null".to_owned(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Number(value) => ryu_js::Buffer::new().format(*value).to_owned(),
            Scalar::Text(text) => canonical_text(text),
        }
    }
}

/// The RFC 8785 form of a string: the short escapes, `\u00xx` for other control characters, the rest as it is.
fn canonical_text(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Who or what is thought to have caused the event (S56).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A person.
    #[default]
    Human,
    /// Perhaps a machine.
    Suspect,
    /// A machine.
    Machine,
}

/// What the event does besides meeting rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An interaction.
    #[default]
    Interaction,
    /// An attribute update: each property sets an attribute, an empty one unsets it.
    Attributes,
    /// A change of tags by the CRM: each property names a tag; true adds it, a number adds it with points, false removes it.
    Tags,
    /// Points given or set by hand: `plan`, `add` or `set`, `decay: none`; `author` and `reason` are for people.
    Adjust,
    /// What sales says: `outcome`, and `plan` where it concerns one.
    Feedback,
    /// A verdict on another event: its `source` and `id`, and the `verdict`.
    Verdict,
}

/// One event of the contact, as it arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleEvent {
    /// Where the event comes from; with `id` the event's identity.
    pub source: String,
    /// The event's id in its source.
    pub id: String,
    /// When it happened, milliseconds UTC.
    pub time: i64,
    /// When it was received, milliseconds UTC; absent: never clamped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<i64>,
    /// The type, for instance `page_viewed`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What the event does besides meeting rules.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// The verdict it came with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub verdict: Verdict,
    /// Its scalar properties, attribute updates or tag changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Scalar>,
}

/// Leaves defaults out of the JSON form.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl OracleEvent {
    /// An interaction by a person, without properties and receipt, from the source `web`.
    pub fn new(id: &str, time: i64, event_type: &str) -> OracleEvent {
        OracleEvent {
            source: "web".to_owned(),
            id: id.to_owned(),
            time,
            received: None,
            event_type: event_type.to_owned(),
            kind: Kind::Interaction,
            verdict: Verdict::Human,
            properties: BTreeMap::new(),
        }
    }

    /// The same event with one more property.
    #[must_use]
    pub fn with(mut self, property: &str, value: impl Into<Scalar>) -> OracleEvent {
        self.properties.insert(property.to_owned(), value.into());
        self
    }

    /// The same event of another kind.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> OracleEvent {
        OracleEvent { kind, ..self }
    }

    /// The same event with another verdict.
    #[must_use]
    pub fn by(self, verdict: Verdict) -> OracleEvent {
        OracleEvent { verdict, ..self }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Scalar {
        Scalar::Text(text.to_owned())
    }
}

impl From<f64> for Scalar {
    fn from(number: f64) -> Scalar {
        Scalar::Number(number)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Scalar {
        Scalar::Bool(value)
    }
}

/// H(lp(source) lp(id)), the identity of an event (S3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub [u8; 16]);

impl Uid {
    /// The identity of the event `id` of `source`.
    pub fn of(source: &str, id: &str) -> Uid {
        Uid(hash(&[&length_prefixed(source), &length_prefixed(id)]))
    }

    /// Lower-case hexadecimal.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// Lower-case hexadecimal of sixteen bytes.
pub fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// lp(s): the byte length as u32 big-endian, then the UTF-8 bytes.
pub fn length_prefixed(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

/// H: the first sixteen bytes of BLAKE3 over the parts, one after the other.
pub fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let digest = blake3::hash(&parts.concat());
    let mut first = [0; 16];
    first.copy_from_slice(&digest.as_bytes()[..16]);
    first
}

/// An accepted event in its kept form.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Identity.
    pub uid: Uid,
    /// Time after clamping, milliseconds UTC.
    pub time: i64,
    /// Type.
    pub event_type: String,
    /// The source it came from.
    pub source: String,
    /// What it does besides meeting rules.
    pub kind: Kind,
    /// Verdict.
    pub verdict: Verdict,
    /// Kept properties: no empty ones, except that an attribute update keeps null for unset.
    pub properties: BTreeMap<String, Scalar>,
    /// Whether its time lay too far ahead and was replaced (S4).
    pub clamped: bool,
}

impl Row {
    /// Normalises an event into its kept form.
    pub fn keep(event: &OracleEvent, limits: &Limits) -> Row {
        let ahead = event.received.filter(|received| event.time > received + limits.max_ahead_ms);
        let mut properties = event.properties.clone();
        match event.kind {
            Kind::Interaction => {
                properties.retain(|_, value| !value.is_empty());
                drop_largest(&mut properties, limits.property_bytes);
            }
            Kind::Attributes => {
                properties.values_mut().filter(|value| value.is_empty()).for_each(|value| *value = Scalar::Null);
            }
            Kind::Tags | Kind::Adjust | Kind::Feedback | Kind::Verdict => {
                properties.retain(|_, value| !value.is_empty())
            }
        }
        Row {
            uid: Uid::of(&event.source, &event.id),
            time: ahead.unwrap_or(event.time),
            event_type: event.event_type.clone(),
            source: event.source.clone(),
            kind: event.kind,
            verdict: event.verdict,
            properties,
            clamped: ahead.is_some(),
        }
    }

    /// The place of the event among the contact's events (S3).
    pub fn order(&self) -> (i64, Uid) {
        (self.time, self.uid)
    }

    /// What the row counts in bytes (S6).
    pub fn bytes(&self) -> usize {
        let property = |(name, value): (&String, &Scalar)| match value {
            Scalar::Text(text) => 8 + name.len() + text.len(),
            _ => 8 + name.len() + 8,
        };
        40 + self.event_type.len() + self.source.len() + self.properties.iter().map(property).sum::<usize>()
    }

    /// What two copies of one event are compared by: the least stays (S3).
    pub fn content(&self) -> (i64, &str, Verdict, Vec<u8>) {
        (self.time, &self.event_type, self.verdict, canonical(&self.properties).into_bytes())
    }
}

/// Drops the member with most bytes, ties by least key, until the RFC 8785 form fits (S58).
fn drop_largest(properties: &mut BTreeMap<String, Scalar>, bytes_max: usize) {
    while canonical(properties).len() > bytes_max {
        let mut largest: Option<(usize, &String)> = None;
        for (key, value) in properties.iter() {
            let bytes = canonical_text(key).len() + 1 + value.canonical().len();
            // Keys come in ascending order, so the first of equal size is the one with the least key.
            if largest.is_none_or(|(most, _)| bytes > most) {
                largest = Some((bytes, key));
            }
        }
        let Some(key) = largest.map(|(_, key)| key.clone()) else { return };
        properties.remove(&key);
    }
}

/// The RFC 8785 form of the properties: members sorted by the UTF-16 code units of their keys.
pub fn canonical(properties: &BTreeMap<String, Scalar>) -> String {
    let mut members: Vec<_> = properties.iter().collect();
    members.sort_by_key(|(key, _)| key.encode_utf16().collect::<Vec<u16>>());
    let members: Vec<String> =
        members.iter().map(|(key, value)| format!("{}:{}", canonical_text(key), value.canonical())).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(properties: &[(&str, Scalar)]) -> OracleEvent {
        OracleEvent {
            source: "web".into(),
            id: "1".into(),
            time: 1_000,
            received: None,
            event_type: "page_viewed".into(),
            kind: Kind::Interaction,
            verdict: Verdict::Human,
            properties: properties.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        }
    }

    #[test]
    fn s2_null_and_empty_properties_are_dropped_and_unset_attributes_are_kept_as_null() {
        let mut sent = event(&[("a", Scalar::Null), ("b", Scalar::Text(String::new())), ("c", Scalar::Bool(false))]);
        let kept = Row::keep(&sent, &Limits::default());
        assert_eq!(kept.properties.keys().collect::<Vec<_>>(), ["c"]);
        sent.kind = Kind::Attributes;
        let kept = Row::keep(&sent, &Limits::default());
        assert_eq!(kept.properties["a"], Scalar::Null);
        assert_eq!(kept.properties["b"], Scalar::Null);
    }

    #[test]
    fn s3_the_identity_separates_source_and_id() {
        assert_ne!(Uid::of("ab", "c"), Uid::of("a", "bc"));
        assert_eq!(length_prefixed("é"), [0, 0, 0, 2, 0xc3, 0xa9]);
    }

    #[test]
    fn s3_contents_compare_by_time_then_type_then_verdict_then_canonical_properties() {
        let limits = Limits::default();
        let base = Row::keep(&event(&[("n", Scalar::Number(10.0))]), &limits);
        let mut other = base.clone();
        other.properties.insert("n".into(), Scalar::Number(9.0));
        // Bytes, not numbers: "10" < "9".
        assert!(base.content() < other.content());
        other.verdict = Verdict::Machine;
        other.event_type = "a".into();
        assert!(other.content() < base.content());
        other.time = 1_001;
        assert!(base.content() < other.content());
    }

    #[test]
    fn s4_a_time_too_far_ahead_becomes_the_time_of_receipt() {
        let mut sent = event(&[]);
        sent.received = Some(1_000 - 300_000);
        assert!(!Row::keep(&sent, &Limits::default()).clamped);
        sent.time += 1;
        let kept = Row::keep(&sent, &Limits::default());
        assert_eq!((kept.time, kept.clamped), (1_000 - 300_000, true));
    }

    #[test]
    fn s58_the_largest_member_is_dropped_first_and_ties_go_to_the_least_key() {
        let limits = Limits { property_bytes: 40, ..Limits::default() };
        let text = |length: usize| Scalar::Text("x".repeat(length));
        // {"a":"xxxxxxxxxx","b":"xxxxxxxxxx","c":"xxxxx"} = 46 bytes: a goes.
        let kept = Row::keep(&event(&[("a", text(10)), ("b", text(10)), ("c", text(5))]), &limits);
        assert_eq!(kept.properties.keys().collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn s58_the_canonical_form_is_that_of_rfc_8785() {
        let sent = event(&[
            ("\u{e000}", Scalar::Number(1e21)),
            ("\u{1f600}", Scalar::Number(-0.0)),
            ("b", Scalar::Text("\u{1}\n\"é".into())),
        ]);
        // UTF-16 order puts the surrogate pair before U+E000.
        assert_eq!(canonical(&sent.properties), "{\"b\":\"\\u0001\\n\\\"é\",\"\u{1f600}\":0,\"\u{e000}\":1e+21}");
    }
}
