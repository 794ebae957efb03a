//! Which partition a key belongs to, as Kafka's own clients compute it.
//!
//! Kafka's Java producer (and librdkafka with `partitioner=murmur2_random`) hashes the key with 32-bit MurmurHash2, seed 0x9747b28c, clears the sign
//! and takes the remainder. Ownership of contacts, routing of queries and the check of keyed sources rest on this agreement, so it is written out
//! here and tested against values of the Java client.

/// MurmurHash2 (Austin Appleby, public domain) as in Kafka's `Utils.murmur2`.
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    // Kafka's lengths are Java ints: a key is below 2 GiB, so the truncation never happens.
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// The partition of `key` among `partitions`, from 0. With no partitions there is no answer, and 0 is returned.
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_java_client() {
        // The vectors of Kafka's own UtilsTest, as signed Java ints.
        let vectors: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, expected) in vectors {
            assert_eq!(murmur2(key.as_bytes()) as i32, expected, "{key:?}");
        }
    }

    #[test]
    fn negative_hashes_lose_their_sign_before_the_remainder() {
        assert_eq!(partition_for_key(b"21", 10), (-973_932_308_i32 & 0x7fff_ffff) as u32 % 10);
        assert_eq!(partition_for_key(b"foobar", 4), (-790_332_482_i32 & 0x7fff_ffff) as u32 % 4);
    }

    #[test]
    fn one_partition_takes_every_key_and_none_is_no_panic() {
        assert_eq!(partition_for_key(b"anything", 1), 0);
        assert_eq!(partition_for_key(b"anything", 0), 0);
    }
}
