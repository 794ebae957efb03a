//! One memory budget for the process and its division into named parts.
//!
//! Invariant: the parts of a checked configuration never pass the budget, and use all of it unless every part was given by hand.

use crate::units::ByteSize;

/// Below this the parts are too small to work with.
pub(crate) const LEAST_BUDGET: ByteSize = ByteSize::from_mib(64);
/// Below this a part is too small to work with.
pub(crate) const LEAST_PART: ByteSize = ByteSize::from_mib(2);

section! {
    /// The memory of the whole process. Parts not given share what the given ones leave.
    pub struct Memory {
        /// The budget of the whole process.
        pub budget: ByteSize = ByteSize::from_mib(512),
        /// Contacts kept decoded, changed and unchanged.
        pub contacts: Option<ByteSize> = None,
        /// RocksDB's block cache.
        pub block_cache: Option<ByteSize> = None,
        /// RocksDB's write buffers.
        pub write_buffers: Option<ByteSize> = None,
        /// Records fetched from Kafka and not yet scored.
        pub fetch: Option<ByteSize> = None,
        /// Records produced and not yet acknowledged.
        pub produce: Option<ByteSize> = None,
        /// The program itself: code, threads, allocator.
        pub program: Option<ByteSize> = None,
    }
}

/// The division in force, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryParts {
    /// Contacts kept decoded.
    pub contacts_bytes: u64,
    /// RocksDB's block cache.
    pub block_cache_bytes: u64,
    /// RocksDB's write buffers.
    pub write_buffers_bytes: u64,
    /// Records fetched and not yet scored.
    pub fetch_bytes: u64,
    /// Records produced and not yet acknowledged.
    pub produce_bytes: u64,
    /// The program itself.
    pub program_bytes: u64,
}

impl Memory {
    /// Each part's key, given size and share in percent of what is not given.
    pub(crate) fn given(&self) -> [(&'static str, Option<ByteSize>, u64); 6] {
        [
            ("contacts", self.contacts, 40),
            ("block_cache", self.block_cache, 20),
            ("write_buffers", self.write_buffers, 12),
            ("fetch", self.fetch, 12),
            ("produce", self.produce, 8),
            ("program", self.program, 8),
        ]
    }

    /// The division in force. Parts not given divide the rest in proportion to their usual shares; what rounding leaves over
    /// goes to the contacts, or, where those are given, to the last part that is not.
    pub fn parts(&self) -> MemoryParts {
        let given = self.given();
        let taken: u64 =
            given.iter().filter_map(|(_, size, _)| *size).map(ByteSize::as_bytes).fold(0, u64::saturating_add);
        let rest = self.budget.as_bytes().saturating_sub(taken);
        let shares: u64 = given.iter().filter(|(_, size, _)| size.is_none()).map(|(_, _, share)| share).sum();
        let mut bytes = given.map(|(_, size, share)| match size {
            Some(size) => size.as_bytes(),
            // In 128 bits: a budget times a share may pass 2^64.
            None => u64::try_from(u128::from(rest) * u128::from(share) / u128::from(shares.max(1))).unwrap_or(rest),
        });
        let left = self.budget.as_bytes().saturating_sub(bytes.iter().copied().fold(0, u64::saturating_add));
        let receiver =
            if given[0].1.is_none() { Some(0) } else { given.iter().rposition(|(_, size, _)| size.is_none()) };
        if let Some(receiver) = receiver {
            bytes[receiver] += left;
        }
        let [contacts_bytes, block_cache_bytes, write_buffers_bytes, fetch_bytes, produce_bytes, program_bytes] = bytes;
        MemoryParts {
            contacts_bytes,
            block_cache_bytes,
            write_buffers_bytes,
            fetch_bytes,
            produce_bytes,
            program_bytes,
        }
    }
}
