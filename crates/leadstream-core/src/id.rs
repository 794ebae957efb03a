//! Identities: of events, plan versions and derived events, all made by one keyed-length hash (S3, S47, S54).

use std::fmt;

/// H of the semantics: the first 16 bytes of BLAKE3.
pub type Hash = [u8; 16];

/// Builds H over a sequence of parts, each with its length in front where S3 and S54 say `lp`.
///
/// The parts are short: gathered in one buffer and hashed in one call they cost a fraction of an incremental hash.
pub struct Hasher {
    parts: [u8; HASHER_BYTES],
    length: usize,
    /// Everything, once it is more than fits in `parts`.
    long: Vec<u8>,
}

/// What nearly all hashes are made of is shorter, and costs no allocation then.
const HASHER_BYTES: usize = 192;

impl Default for Hasher {
    fn default() -> Hasher {
        Hasher { parts: [0; HASHER_BYTES], length: 0, long: Vec::new() }
    }
}

impl Hasher {
    /// An empty hash.
    pub fn new() -> Hasher {
        Hasher::default()
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.long.is_empty()
            && let Some(place) = self.parts.get_mut(self.length..self.length + bytes.len())
        {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
            return;
        }
        if self.long.is_empty() {
            self.long.extend_from_slice(&self.parts[..self.length]);
        }
        self.long.extend_from_slice(bytes);
    }

    /// Adds `lp(text)`: the length as a big-endian u32, then the bytes.
    #[must_use]
    pub fn text(mut self, text: &str) -> Hasher {
        self.add(&(text.len() as u32).to_be_bytes());
        self.add(text.as_bytes());
        self
    }

    /// Adds a big-endian u64.
    #[must_use]
    pub fn number(mut self, number: u64) -> Hasher {
        self.add(&number.to_be_bytes());
        self
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Hasher {
        self.add(bytes);
        self
    }

    /// The first 16 bytes of the hash.
    pub fn finish(self) -> Hash {
        let mut hash = [0; 16];
        let bytes = if self.long.is_empty() { &self.parts[..self.length] } else { &self.long };
        hash.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        hash
    }
}

/// The identity of an event: H(lp(source) lp(id)) (S3). Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uid(pub Hash);

impl Uid {
    /// The identity of the event `id` of `source`.
    pub fn of(source: &str, id: &str) -> Uid {
        Uid(Hasher::new().text(source).text(id).finish())
    }

    /// The identity that was shown as these 32 hexadecimal digits.
    pub fn read(shown: &str) -> Option<Uid> {
        let digits = shown.as_bytes();
        if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut hash = [0; 16];
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&shown[at..at + 2], 16).ok()?;
        }
        Some(Uid(hash))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}
impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// The version of a plan: H of its file's bytes with line feeds only (S47).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PlanVersion(pub Hash);

impl PlanVersion {
    /// The version of a plan file's text.
    pub fn of(text: &str) -> PlanVersion {
        let unix = text.replace("\r\n", "\n");
        PlanVersion(Hasher::new().bytes(unix.as_bytes()).finish())
    }
}

impl fmt::Display for PlanVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}
impl fmt::Debug for PlanVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 64];
    for part in bytes.chunks(32) {
        for (byte, pair) in part.iter().zip(digits.chunks_exact_mut(2)) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&digits[..2 * part.len()]).map_err(|_| fmt::Error)?)?;
    }
    Ok(())
}

/// A name compared by a 64-bit hash of its text: event types, property and attribute names, rules and plans in tables that a fold searches.
///
/// It is never stored: stored forms carry the text, and the hash is made anew on reading, so its function may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(pub u64);

impl Name {
    /// The name of a text.
    #[inline]
    pub fn of(text: &str) -> Name {
        Name(rapidhash::v3::rapidhash_v3(text.as_bytes()))
    }

    /// The name of a pair of texts, such as a plan and a rule of it.
    pub fn of_pair(first: &str, second: &str) -> Name {
        Name(Name::of(first).0.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ Name::of(second).0)
    }
}

/// Passes a [`Name`] through as its own hash.
#[derive(Clone, Copy, Default)]
pub(crate) struct NameHasher(u64);

impl std::hash::Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ids_hash_the_same_way_s3() {
        for length in [0, 2, HASHER_BYTES - 13, HASHER_BYTES - 12, HASHER_BYTES - 11, 500] {
            let id = "x".repeat(length);
            let mut bytes = vec![0, 0, 0, 4];
            bytes.extend_from_slice(b"shop");
            bytes.extend_from_slice(&(length as u32).to_be_bytes());
            bytes.extend_from_slice(id.as_bytes());
            assert_eq!(Uid::of("shop", &id).0, blake3::hash(&bytes).as_bytes()[..16]);
        }
        assert_ne!(Uid::of("a", "bc"), Uid::of("ab", "c"));
    }

    #[test]
    fn the_published_example_of_a_derived_id_s54() {
        let id = Hasher::new().text("leadstream/1").text("c1").text("cars").text("qualify").number(1).finish();
        assert_eq!(format!("{:?}", Uid(id)), "beb6447c9bcd962e235d541a05a7869d");
    }

    #[test]
    fn a_version_does_not_depend_on_line_ends_s47() {
        assert_eq!(PlanVersion::of("a\r\nb\r\n"), PlanVersion::of("a\nb\n"));
    }
}
