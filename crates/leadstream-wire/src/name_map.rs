//! A map by [`Name`]: names are hashes already and are not hashed again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use leadstream_core::Name;

/// A map by name.
pub(crate) type NameMap<T> = HashMap<Name, T, BuildHasherDefault<NameHasher>>;

/// Takes a name's own hash.
#[derive(Debug, Default)]
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Names are one `u64`; anything else is folded in so that the hasher stays correct for it.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}
