//! Median, quantile and the median absolute deviation.
//!
//! Degenerate cases: an empty sample gives NaN; a sample of which more than half is one number has a
//! MAD of 0, and callers must guard a division by it.

/// Ratio of the standard deviation to the MAD of a normal distribution, 1/Φ⁻¹(3/4).
pub(super) const SIGMA_PER_MAD: f64 = 1.482_602_218_505_602;

/// The `q` quantile (0…1) by linear interpolation between order statistics; reorders `values`; NaN when empty.
#[must_use]
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let place = q.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let k = place.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(k, f64::total_cmp);
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    if place > k as f64 { low + (place - k as f64) * (high - low) } else { low }
}

/// The median; reorders `values`; NaN when empty.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The values in ascending order, as [`f32::total_cmp`] has it; by digits (radix sort), for there may be millions.
#[must_use]
pub fn sorted(values: impl Iterator<Item = f32>) -> Vec<f32> {
    const DIGIT: u32 = 11;
    const SIGN: u32 = 1 << 31;
    // Positive numbers above negative ones, and these the other way round.
    let key = |v: f32| {
        let bits = v.to_bits();
        if bits & SIGN == 0 { bits | SIGN } else { !bits }
    };
    let value = |key: u32| f32::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN });
    let mut keys: Vec<u32> = values.map(key).collect();
    let mut next = vec![0; keys.len()];
    for shift in [0, DIGIT, 2 * DIGIT] {
        let digit = |key: u32| (key >> shift) as usize % (1 << DIGIT);
        let mut places = vec![0; 1 << DIGIT];
        for &key in &keys {
            places[digit(key)] += 1;
        }
        let mut first = 0;
        for place in &mut places {
            first += std::mem::replace(place, first);
        }
        for &key in &keys {
            let place = &mut places[digit(key)];
            next[*place] = key;
            *place += 1;
        }
        std::mem::swap(&mut keys, &mut next);
    }
    keys.into_iter().map(value).collect()
}

/// Standard deviation from the median absolute deviation about `centre`; NaN when empty.
#[must_use]
pub fn mad_sigma(values: &[f64], centre: f64) -> f64 {
    let mut deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    SIGMA_PER_MAD * median(&mut deviations)
}

/// The value below and above which lies half of the weight of `(value, weight)` pairs; NaN without any.
#[must_use]
pub fn weighted_median(mut pairs: Vec<(f64, f64)>) -> f64 {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * pairs.iter().map(|pair| pair.1).sum::<f64>();
    let mut below = 0.0;
    let middle = pairs.iter().find(|pair| {
        below += pair.1;
        below >= half
    });
    middle.map_or(f64::NAN, |pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_sort_as_comparisons_do() {
        let values: Vec<f32> = (0..5000_u32).map(|k| f32::from_bits(k.wrapping_mul(2_654_435_761))).collect();
        let mut plain = values.clone();
        plain.sort_unstable_by(f32::total_cmp);
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(sorted(values.into_iter())), bits(plain));
        assert!(sorted(std::iter::empty()).is_empty());
    }
}
