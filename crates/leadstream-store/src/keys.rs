//! The keys of a store.
//!
//! Contacts: the id's bytes. What names no contact: a byte that no UTF-8 text holds, and whatever follows, so that it sorts behind all contacts. Index: the instant as eight bytes that sort as instants do, then the id's bytes. Both are frozen: keys never
//! change their form, values carry versions.

use leadstream_core::Timestamp;

/// The column family of the due index. Contacts are in the default one.
pub(crate) const DUE_FAMILY: &str = "due";
/// The column family of identity and progress.
pub(crate) const META_FAMILY: &str = "meta";
/// The key of the [`crate::Identity`].
pub(crate) const IDENTITY_KEY: &[u8] = b"identity";
/// The key that is there while bytes of contacts that were forgotten may still lie in the files.
pub(crate) const PURGE_KEY: &[u8] = b"purge";
/// In front of keys that name no contact.
pub(crate) const NAMELESS: u8 = 0xff;
/// The key of the [`crate::Progress`].
pub(crate) const PROGRESS_KEY: &[u8] = b"progress";

const INSTANT_BYTES: usize = 8;

/// Appends the key of an index entry.
pub(crate) fn due_key(due: Timestamp, contact: &[u8], key: &mut Vec<u8>) {
    key.extend_from_slice(&sortable(due));
    key.extend_from_slice(contact);
}

/// Takes the key of an index entry apart; `None` for bytes that are none.
pub(crate) fn split_due_key(key: &[u8]) -> Option<(Timestamp, &str)> {
    let (instant, contact) = key.split_first_chunk::<INSTANT_BYTES>()?;
    let millis = (u64::from_be_bytes(*instant) ^ (1 << 63)) as i64;
    Some((Timestamp::from_millis(millis), std::str::from_utf8(contact).ok()?))
}

/// The first key at or after an instant.
pub(crate) fn sortable(instant: Timestamp) -> [u8; INSTANT_BYTES] {
    // Flipping the sign bit makes the bytes of negative numbers sort before those of positive ones.
    ((instant.millis() as u64) ^ (1 << 63)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_keys_sort_as_their_instants_and_come_back() {
        let instants = [i64::MIN, -5, -1, 0, 1, 1_700_000_000_000, i64::MAX];
        let mut previous = Vec::new();
        for millis in instants {
            let mut key = Vec::new();
            due_key(Timestamp::from_millis(millis), "żółw".as_bytes(), &mut key);
            assert!(previous < key, "{millis}");
            assert_eq!(split_due_key(&key), Some((Timestamp::from_millis(millis), "żółw")));
            previous = key;
        }
    }

    #[test]
    fn bytes_that_are_no_index_key_are_told() {
        assert_eq!(split_due_key(b"short"), None);
        assert_eq!(split_due_key(b"12345678\xff"), None);
    }
}
