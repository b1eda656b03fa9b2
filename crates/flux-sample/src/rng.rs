//! Pseudo-random numbers as a pure function of what they are for.
//!
//! A row's presence and volume follow from the seed and its key alone, so that a delivery needs no memory of what it
//! has written, a revision knows the rows of the delivery that it revises, and a longer span holds the shorter one.

/// The finalizer of splitmix64: every bit of the result depends on every bit of `x`.
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number for `key` under `seed`.
pub(super) fn keyed(seed: u64, key: u64) -> u64 {
    mix(seed ^ mix(key))
}

/// The 24 high bits of `hash` as a number in `0.0..1.0`; exact, hence the same on every machine.
pub(super) fn unit(hash: u64) -> f64 {
    f64::from((hash >> 40) as u32) / f64::from(1u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_is_the_published_splitmix64() {
        // First outputs for seed 1234567, from the test vectors of the public-domain reference implementation.
        let golden = 0x9e37_79b9_7f4a_7c15_u64;
        let outputs: Vec<_> = (0..3).map(|i| mix(1_234_567_u64.wrapping_add(golden.wrapping_mul(i)))).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn unit_stays_below_one_and_has_the_mean_of_a_uniform_law() {
        assert!(unit(u64::MAX) < 1.0);
        let mean = (0..10_000).map(|i| unit(mix(i))).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
