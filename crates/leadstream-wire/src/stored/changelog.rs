//! The changelog record of a contact, which is also its value in the local store: the container around the contact's image.
//!
//! Layout, version 1: version (1 byte), kind (1 byte), epoch (number), then for an image: the tag of the plans (4 bytes), whether it is due (1
//! byte), if so when (8 bytes, big endian), and the image to the end; for an erased contact: the keyed hash of its id (16 bytes), the greatest
//! number that its derived events had (number), whether it counts again (1 byte), if so since when (8 bytes, big endian). The kind of a deleted contact
//! has the keyed hash alone; it is read, and no longer written. It is read without looking into the image.
//!
//! The key of a contact's record is its id. Records of erased contacts stay for ever and must not name anybody: their key is a byte
//! that no id begins with, since it is in no UTF-8 text, the tag of the key of the hashes (4 bytes), and the keyed hash.

use leadstream_core::Timestamp;

use super::StoredError;
use super::bytes::{ByteReader, put_number};

const VERSION: u8 = 1;
const KIND_IMAGE: u8 = 1;
const KIND_DELETED: u8 = 2;
const KIND_ERASED: u8 = 3;

/// In front of the keys of records that name nobody.
const NAMELESS: u8 = 0xff;

/// What the key of the record of an erased contact says: the tag of the key of the hashes, and the hash of the id.
pub type ErasedName = ([u8; 4], [u8; 16]);

/// The key of the record of an erased contact.
pub type ErasedKey = [u8; 21];

/// A changelog record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangelogRecord<'a> {
    /// The task's epoch of the contact's last change (`e_k`); of one that was reinstated, still that of its erasure.
    pub epoch: u64,
    /// What is known of the contact.
    pub content: ChangelogContent<'a>,
}

/// What a changelog record says of its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangelogContent<'a> {
    /// All of it.
    Image {
        /// Tells the plans under which `due` was computed; under others it has to be computed anew.
        plans: PlansTag,
        /// No timer of the contact is due before this; `None`: none ever.
        due: Option<Timestamp>,
        /// The stored form of the contact.
        image: &'a [u8],
    },
    /// It was erased, and nothing is known of its numbers.
    Deleted {
        /// The keyed hash of the contact's id.
        hash: [u8; 16],
    },
    /// It was erased.
    Erased {
        /// The keyed hash of the contact's id.
        hash: [u8; 16],
        /// No number of its derived events was greater.
        numbers: u64,
        /// What happens from then on counts again; `None`: nothing does.
        from: Option<Timestamp>,
    },
}

/// The first bytes of the id of the plans in force: enough to notice a change.
pub type PlansTag = [u8; 4];

/// The tag of plans with an id.
pub fn plans_tag(id: [u8; 16]) -> PlansTag {
    [id[0], id[1], id[2], id[3]]
}

/// Writes the front of a record with an image; the image is to be appended behind it.
pub fn write_image_head(epoch: u64, plans: PlansTag, due: Option<Timestamp>, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[VERSION, KIND_IMAGE]);
    put_number(bytes, epoch);
    bytes.extend_from_slice(&plans);
    match due {
        None => bytes.push(0),
        Some(due) => {
            bytes.push(1);
            bytes.extend_from_slice(&due.millis().to_be_bytes());
        }
    }
}

/// Writes the record of a deleted contact.
pub fn write_deleted(epoch: u64, hash: [u8; 16], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[VERSION, KIND_DELETED]);
    put_number(bytes, epoch);
    bytes.extend_from_slice(&hash);
}

/// Writes the record of a contact that was erased in an epoch: its keyed hash, the greatest number that its derived events had, and since when it
/// counts again, if it does.
pub fn write_erased(epoch: u64, hash: [u8; 16], numbers: u64, from: Option<Timestamp>, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[VERSION, KIND_ERASED]);
    put_number(bytes, epoch);
    bytes.extend_from_slice(&hash);
    put_number(bytes, numbers);
    bytes.push(u8::from(from.is_some()));
    if let Some(from) = from {
        bytes.extend_from_slice(&from.millis().to_be_bytes());
    }
}

/// The key of the record of an erased contact: of the tag of the key of the hashes, and the hash of the id.
pub fn erased_key(tag: [u8; 4], hash: [u8; 16]) -> ErasedKey {
    let mut key = [NAMELESS; 21];
    key[1..5].copy_from_slice(&tag);
    key[5..].copy_from_slice(&hash);
    key
}

/// The tag and the hash in the key of a record; `None` for the key of a contact's own record.
///
/// # Errors
/// [`StoredError`] for a key that names nobody and is of no known form.
pub fn read_erased_key(key: &[u8]) -> Result<Option<ErasedName>, StoredError> {
    if key.first() != Some(&NAMELESS) {
        return Ok(None);
    }
    let mut reader = ByteReader::new(&key[1..]);
    let named = (reader.array()?, reader.array()?);
    if !reader.is_empty() {
        return Err(StoredError::Malformed("bytes behind the end of the key of an erased contact"));
    }
    Ok(Some(named))
}

impl<'a> ChangelogRecord<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// [`StoredError`] for bytes that no released version wrote.
    pub fn read(bytes: &'a [u8]) -> Result<ChangelogRecord<'a>, StoredError> {
        let mut reader = ByteReader::new(bytes);
        match reader.byte()? {
            VERSION => {}
            version => return Err(StoredError::UnknownVersion(version)),
        }
        let kind = reader.byte()?;
        let epoch = reader.number()?;
        let content = match kind {
            KIND_IMAGE => {
                let plans = reader.array()?;
                let due = match reader.byte()? {
                    0 => None,
                    1 => Some(Timestamp::from_millis(i64::from_be_bytes(reader.array()?))),
                    _ => return Err(StoredError::Malformed("a changelog record that is neither due nor not due")),
                };
                ChangelogContent::Image { plans, due, image: reader.rest() }
            }
            KIND_DELETED => {
                let hash = reader.array()?;
                if !reader.is_empty() {
                    return Err(StoredError::Malformed("bytes behind the end of a changelog record"));
                }
                ChangelogContent::Deleted { hash }
            }
            KIND_ERASED => {
                let (hash, numbers) = (reader.array()?, reader.number()?);
                let from = match reader.byte()? {
                    0 => None,
                    1 => Some(Timestamp::from_millis(i64::from_be_bytes(reader.array()?))),
                    _ => return Err(StoredError::Malformed("an erased contact that neither counts nor does not")),
                };
                if !reader.is_empty() {
                    return Err(StoredError::Malformed("bytes behind the end of a changelog record"));
                }
                ChangelogContent::Erased { hash, numbers, from }
            }
            _ => return Err(StoredError::Malformed("an unknown kind of changelog record")),
        };
        Ok(ChangelogRecord { epoch, content })
    }
}
