//! The changelog record of a contact, which is also its value in the local store: the container around the contact's image.
//!
//! Layout, version 1: version (1 byte), kind (1 byte), epoch (number), then for an image: the tag of the plans (4 bytes), whether it is due (1
//! byte), if so when (8 bytes, big endian), and the image to the end; for a deleted contact: the keyed hash of its id (16 bytes). It is read
//! without looking into the image.

use leadstream_core::Timestamp;

use super::StoredError;
use super::bytes::{ByteReader, put_number};

const VERSION: u8 = 1;
const KIND_IMAGE: u8 = 1;
const KIND_DELETED: u8 = 2;

/// A changelog record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangelogRecord<'a> {
    /// The task's epoch of the contact's last change (`e_k`).
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
    /// It was erased; the record itself follows once no redo record names it any more.
    Deleted {
        /// The keyed hash of the contact's id.
        hash: [u8; 16],
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

/// Writes the record of an erased contact.
pub fn write_deleted(epoch: u64, hash: [u8; 16], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[VERSION, KIND_DELETED]);
    put_number(bytes, epoch);
    bytes.extend_from_slice(&hash);
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
            _ => return Err(StoredError::Malformed("an unknown kind of changelog record")),
        };
        Ok(ChangelogRecord { epoch, content })
    }
}
