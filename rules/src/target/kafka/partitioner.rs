//! Which partition a key belongs to: what Kafka's own Java producer does, so that records of other
//! producers with the same key are in the same partition.

/// The partition of a key among so many.
pub(super) fn partition_of(key: &[u8], partitions: usize) -> usize {
    // Kafka clears the sign, and partitions are counted in 31 bits.
    let hash = murmur2(key) & 0x7fff_ffff;
    hash as usize % partitions.max(1)
}

/// MurmurHash 2 of 32 bits with the seed that Kafka gives it (`Utils.murmur2` of its clients).
fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash that the tests of Kafka's clients have for these keys.
    fn check(key: &str, expected: i32) {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
    }

    #[test]
    fn hashes_are_those_of_kafkas_clients() {
        check("21", -973_932_308);
        check("foobar", -790_332_482);
        check("a-little-bit-long-string", -985_981_536);
        check("a-little-bit-longer-string", -1_486_304_829);
        check(
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        );
        check("abc", 479_470_107);
    }

    #[test]
    fn a_partition_is_one_of_those_there_are() {
        assert_eq!(partition_of(b"foobar", 1), 0);
        assert_eq!(partition_of(b"foobar", 0), 0);
        let negative = (-790_332_482_i32 & 0x7fff_ffff) as usize;
        assert_eq!(partition_of(b"foobar", 12), negative % 12);
    }
}
