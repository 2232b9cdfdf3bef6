//! Median, quantile and the median absolute deviation.
//!
//! Degenerate cases: an empty sample gives NaN; a sample of which more than half is one number has a
//! MAD of 0, and callers must guard a division by it.

/// Ratio of the standard deviation to the MAD of a normal distribution, 1/Φ⁻¹(3/4).
const SIGMA_PER_MAD: f64 = 1.482_602_218_505_602;

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

/// Standard deviation from the median absolute deviation about `centre`; NaN when empty.
#[must_use]
pub fn mad_sigma(values: &[f64], centre: f64) -> f64 {
    let mut deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    SIGMA_PER_MAD * median(&mut deviations)
}
