//! Records of the plans topic: every version of a plan that was ever in force, and the sets of them that were, in order.
//!
//! Keys are texts: that of a version is its hexadecimal form, that of a set `set/` with its number in twenty digits. Layout of a version, version
//! 1: version (1 byte), kind (1 byte), plan id, file name, text. Layout of a set: version, kind, number, horizon (signed number of milliseconds),
//! declared event types: how many, then each; plans: how many, then id and version (16 bytes) for each, by id; of a recompute a byte more: whether
//! it is announced (1) or silent (2). A set keeps what its plans were
//! compiled with beside their texts, so that a text that was good once is judged by the same rules later.

use leadstream_core::{PlanVersion, Span};

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number, put_signed};

const VERSION: u8 = 1;
const KIND_PLAN: u8 = 1;
const KIND_SET: u8 = 2;

/// A version of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// The plan.
    pub id: String,
    /// The file it came from, as messages show it.
    pub file: String,
    /// The file's text, to the byte.
    pub text: String,
}

impl PlanFile {
    /// The version that the text is.
    pub fn version(&self) -> PlanVersion {
        PlanVersion::of(&self.text)
    }
}

/// A plan and its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanRef {
    /// The plan.
    pub id: String,
    /// Its version.
    pub version: PlanVersion,
}

/// How a set comes into force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coming {
    /// From an instant on (S45).
    #[default]
    Forward,
    /// The past counts anew under it (S46).
    Recompute {
        /// What that changes is told to nobody.
        silent: bool,
    },
}

impl Coming {
    const ANNOUNCED: u8 = 1;
    const SILENT: u8 = 2;
}

/// Plans that were put in force together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSetRecord {
    /// Which set this is, from 1.
    pub ordinal: u64,
    /// The horizon that its plans were compiled with.
    pub horizon: Span,
    /// The event types declared beside the catalogue when they were.
    pub event_types: Vec<String>,
    /// The plans, by id.
    pub plans: Vec<PlanRef>,
    /// How they come into force.
    pub coming: Coming,
}

/// A record of the plans topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlansRecord {
    /// A version of a plan.
    Plan(PlanFile),
    /// A set.
    Set(PlanSetRecord),
}

impl PlansRecord {
    /// The record's key.
    pub fn key(&self) -> String {
        match self {
            PlansRecord::Plan(file) => file.version().to_string(),
            PlansRecord::Set(set) => format!("set/{:020}", set.ordinal),
        }
    }

    /// The record's value.
    pub fn value(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match self {
            PlansRecord::Plan(file) => {
                bytes.push(KIND_PLAN);
                for text in [&file.id, &file.file, &file.text] {
                    put_bytes(&mut bytes, text.as_bytes());
                }
            }
            PlansRecord::Set(set) => {
                bytes.push(KIND_SET);
                put_number(&mut bytes, set.ordinal);
                put_signed(&mut bytes, set.horizon.millis());
                put_number(&mut bytes, set.event_types.len() as u64);
                set.event_types.iter().for_each(|name| put_bytes(&mut bytes, name.as_bytes()));
                put_number(&mut bytes, set.plans.len() as u64);
                for plan in &set.plans {
                    put_bytes(&mut bytes, plan.id.as_bytes());
                    bytes.extend_from_slice(&plan.version.0);
                }
                match set.coming {
                    Coming::Forward => {}
                    Coming::Recompute { silent: false } => bytes.push(Coming::ANNOUNCED),
                    Coming::Recompute { silent: true } => bytes.push(Coming::SILENT),
                }
            }
        }
        bytes
    }

    /// Reads a record by its key and value.
    ///
    /// # Errors
    /// [`StoredError`] for bytes that no released version wrote, and for a text that is not the version it is kept under.
    pub fn read(key: &[u8], value: &[u8]) -> Result<PlansRecord, StoredError> {
        let mut reader = ByteReader::new(value);
        match reader.byte()? {
            VERSION => {}
            version => return Err(StoredError::UnknownVersion(version)),
        }
        let record = match reader.byte()? {
            KIND_PLAN => {
                let (id, file, text) = (reader.text()?, reader.text()?, reader.text()?);
                PlansRecord::Plan(PlanFile { id: id.to_owned(), file: file.to_owned(), text: text.to_owned() })
            }
            KIND_SET => PlansRecord::Set(read_set(&mut reader)?),
            _ => return Err(StoredError::Malformed("an unknown kind of record of plans")),
        };
        if !reader.is_empty() {
            return Err(StoredError::Malformed("bytes behind the end of a record of plans"));
        }
        if record.key().as_bytes() != key {
            return Err(StoredError::Malformed("a record of plans under the key of another one"));
        }
        Ok(record)
    }
}

fn read_set(reader: &mut ByteReader<'_>) -> Result<PlanSetRecord, StoredError> {
    let (ordinal, horizon) = (reader.number()?, Span::from_millis(reader.signed()?));
    let mut event_types = Vec::new();
    for _ in 0..reader.number()? {
        event_types.push(reader.text()?.to_owned());
    }
    let mut plans: Vec<PlanRef> = Vec::new();
    for _ in 0..reader.number()? {
        let plan = PlanRef { id: reader.text()?.to_owned(), version: PlanVersion(reader.array()?) };
        if plans.last().is_some_and(|last| last.id >= plan.id) {
            return Err(StoredError::Malformed("the plans of a set out of order"));
        }
        plans.push(plan);
    }
    let coming = match reader.is_empty() {
        true => Coming::Forward,
        false => match reader.byte()? {
            Coming::ANNOUNCED => Coming::Recompute { silent: false },
            Coming::SILENT => Coming::Recompute { silent: true },
            _ => return Err(StoredError::Malformed("an unknown way for plans to come into force")),
        },
    };
    Ok(PlanSetRecord { ordinal, horizon, event_types, plans, coming })
}
