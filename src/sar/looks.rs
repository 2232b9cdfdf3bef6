//! Equivalent number of looks from homogeneous ground.
//!
//! In a small window of homogeneous ground mean² / variance is the number of looks; texture only lowers it (Cui et al.
//! 2011, 10.1109/LGRS.2010.2068790, who take the most frequent window for homogeneous). Here variance over squared mean is
//! averaged over the quarter of the windows whose parts differ least in level. Small windows rule: a large one is rarely
//! homogeneous. The optics and the resampling of a product make neighbours alike, which hides variance from small windows;
//! how alike they are is measured at distances of one and two pixels and corrected for.

use ndarray::{ArrayView2, s};

/// Side of a window, px.
const SIDE_PX: usize = 9;
/// Fewest windows for an estimate.
const NEEDED: usize = 30;
/// Share of the windows with the smallest spread of their neighbourhood's level that are taken as homogeneous.
const HOMOGENEOUS: f64 = 0.25;
/// Share by which the windows chosen vary less than all do at one look; it falls with 1/n. From simulated speckle of 1 to 20 looks with
/// independent pixels (`cargo bench --bench radar_trial -- speckle`).
const CALM: f64 = 0.05;
/// Largest correlation of direct neighbours that is believed; a point spread of 0.9 px makes 0.73.
const MOST_ALIKE: f64 = 0.75;

/// Equivalent number of looks of power `(row, col)` where `ok`; `None` where too little ground is there.
///
/// Within 10 % in the mean over scenes for 1–20 looks, of independent pixels and of speckle under a Gaussian point spread of up to
/// 0.8 px, where it comes out 1 to 8 % high (`cargo bench --bench radar_trial -- speckle`).
#[must_use]
pub fn equivalent_looks(power: &ArrayView2<'_, f32>, ok: &ArrayView2<'_, bool>) -> Option<f64> {
    let (rows, cols) = power.dim();
    let mut windows: Vec<Spread> = Vec::new();
    for row in (0..rows.saturating_sub(SIDE_PX - 1)).step_by(SIDE_PX) {
        for col in (0..cols.saturating_sub(SIDE_PX - 1)).step_by(SIDE_PX) {
            let part = s![row..row + SIDE_PX, col..col + SIDE_PX];
            if ok.slice(part).iter().all(|&o| o) {
                let values: Vec<f64> = power.slice(part).iter().map(|&v| f64::from(v)).collect();
                windows.extend(window(&values));
            }
        }
    }
    if windows.len() < NEEDED {
        return None;
    }
    // Homogeneous windows are told by the level of their parts, which looks do not enter: choosing those with the
    // smallest spread of single pixels would choose chance.
    windows.sort_by(|a, b| a.between.total_cmp(&b.between));
    windows.truncate(((windows.len() as f64 * HOMOGENEOUS) as usize).max(NEEDED.min(windows.len())));
    let mean = |of: fn(&Spread) -> f64| windows.iter().map(of).sum::<f64>() / windows.len() as f64;
    let (near, far) = (mean(|w| w.near), mean(|w| w.far));
    // 1/n = γ₂ / (1 − ρ₂): variance over squared mean
    let r = correlation(far / near);
    let raw = far / (1.0 - r.powi(4));
    // E[mean²] = µ² (1 + K/(81 n)), K = (Σ ρ_d)² over both axes: a window's mean of few or like pixels is itself unsure.
    let alike = (1..=3).map(|d| 2.0 * r.powi(d * d)).sum::<f64>() + 1.0;
    let inverse = raw * (1.0 + raw * alike * alike / (SIDE_PX * SIDE_PX) as f64);
    // The calmest windows are calm by chance, too.
    let inverse = inverse * (1.0 + CALM * inverse);
    (inverse > 0.0).then_some(1.0 / inverse)
}

/// Correlation r of direct neighbours from the ratio γ₂/γ₁ of the semivariances at two pixels and at one.
///
/// Under a Gaussian point spread `ρ_d = r^(d²)`, so that γ₂/γ₁ = (1 − r⁴)/(1 − r) = 1 + r + r² + r³; 0 where the
/// ratio is below 1.
fn correlation(ratio: f64) -> f64 {
    let (mut low, mut high) = (0.0, MOST_ALIKE);
    for _ in 0..40 {
        let r = f64::midpoint(low, high);
        if 1.0 + r + r * r + r * r * r < ratio { low = r } else { high = r }
    }
    f64::midpoint(low, high)
}

/// What one window shows, over its squared mean.
struct Spread {
    /// Semivariance of direct neighbours within its parts.
    near: f64,
    /// Semivariance of pixels at a distance of two.
    far: f64,
    /// Variance of the means of its parts.
    between: f64,
}

/// The spread of a window; `None` where it has no power.
fn window(values: &[f64]) -> Option<Spread> {
    let third = SIDE_PX / 3;
    let part = |i: usize| (i / SIDE_PX / third) * 3 + (i % SIDE_PX) / third;
    let n = (third * third) as f64;
    let mut sums = [0.0; 9];
    values.iter().enumerate().for_each(|(i, v)| sums[part(i)] += v / n);
    let mean = sums.iter().sum::<f64>() / 9.0;
    if mean <= 0.0 {
        return None;
    }
    // γ_d = ½ E[(v(x) − v(x + d))²], along rows and columns, both pixels in one part
    let semivariance = |lag: usize| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (i, v) in values.iter().enumerate() {
            for (place, step) in [(i % SIDE_PX, lag), (i / SIDE_PX, lag * SIDE_PX)] {
                if place % third + lag < third {
                    sum += (v - values[i + step]).powi(2) / 2.0;
                    count += 1.0;
                }
            }
        }
        sum / count
    };
    let between = sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 8.0;
    let over = |v: f64| v / (mean * mean);
    Some(Spread { near: over(semivariance(1)), far: over(semivariance(2)), between: over(between) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma};

    #[test]
    fn looks_of_simulated_speckle_are_found_within_ten_per_cent() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for looks in [1.0, 2.0, 4.4, 8.0, 20.0] {
            let speckle = Gamma::new(looks, 1.0 / looks).unwrap();
            // Fields of 27 px, each with its own level over 10 dB, and a bright building in some.
            let power = Array2::from_shape_fn((400, 400), |(r, c)| {
                let field = ((r / 27) * 31 + (c / 27) * 17) % 11;
                let building = if r % 97 < 3 && c % 89 < 4 { 30.0 } else { 1.0 };
                (0.03 * 10f64.powf(field as f64 / 10.0) * building * speckle.sample(&mut rng)) as f32
            });
            let ok = Array2::from_elem(power.dim(), true);
            let found = equivalent_looks(&power.view(), &ok.view()).unwrap();
            assert!((found / looks - 1.0).abs() < 0.1, "{looks} looks: {found:.2}");
        }
    }

    #[test]
    fn too_little_ground_gives_no_estimate() {
        let power = Array2::from_elem((30, 30), 1.0_f32);
        let ok = Array2::from_elem(power.dim(), true);
        assert_eq!(equivalent_looks(&power.view(), &ok.view()), None);
    }
}
