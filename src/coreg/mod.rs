//! The shift between two scenes of one place, from tie points over their whole overlap.
//!
//! A coarse phase correlation (Foroosh et al. 2002, 10.1109/83.988953) of the high-passed overlap finds whole
//! pixels. Least-squares matching (Gruen 1985) in windows finds the rest: unlike the peak of a
//! correlation it has no pixel-locking bias, and it knows its own standard error in both directions.
//! Consensus of the windows and a robust mean give the shift. Assumes that the scenes differ by a translation;
//! the residual says how well that holds.

mod coarse;
mod consensus;
mod error;
mod matching;
mod params;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use params::CoregParams;

use ndarray::ArrayView2;
use rayon::prelude::*;

/// One window in which both scenes were matched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TiePoint {
    /// Centre in the reference, px.
    pub row: f64,
    /// Centre in the reference, px.
    pub col: f64,
    /// Add to the moving (row, col) to get the reference's.
    pub shift_row_px: f64,
    /// See `shift_row_px`.
    pub shift_col_px: f64,
    /// Standard error along the weaker direction, px.
    pub sigma_px: f64,
    /// Correlation of the matched windows, −1…1.
    pub correlation: f64,
}

/// A shift that can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Add to a moving (row, col) to get the reference (row, col).
    pub shift_row_px: f64,
    /// See `shift_row_px`.
    pub shift_col_px: f64,
    /// Root mean square of the tie points about the shift, px.
    pub residual_rmse_px: f64,
    /// Standard error of the shift, px.
    pub uncertainty_px: f64,
    /// The tie points that agree.
    pub tie_points: Vec<TiePoint>,
    /// Tie points that were tried.
    pub tried_count: usize,
}

/// One scene as registration sees it: values `(row, col)` and which of them show ground.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Values, any unit.
    pub values: ArrayView2<'a, f32>,
    /// Usable pixels.
    pub ok: ArrayView2<'a, bool>,
}

/// Measures the shift of `moving` against `reference`, both on the reference's grid and of one shape.
///
/// # Errors
/// [`Error`] whenever the shift cannot be trusted: no common ground, no texture, too few or contradicting tie points.
pub fn register(reference: Side<'_>, moving: Side<'_>, params: &CoregParams) -> Result<Registration, Error> {
    params.check()?;
    if reference.values.dim() != moving.values.dim() {
        return Err(Error::Shape { reference: reference.values.dim(), moving: moving.values.dim() });
    }
    let common = reference.ok.iter().zip(moving.ok).filter(|(a, b)| **a && **b).count();
    let fraction = common as f64 / reference.ok.len().max(1) as f64;
    if common < 32 * 32 {
        return Err(Error::NoCommonGround { percent: 100.0 * fraction });
    }
    let start = coarse::shift(reference, moving, params.largest_shift_px)?;
    let windows = matching::windows(reference.values.dim(), params.window_px);
    let (a, b) = rayon::join(|| matching::band_passed(reference), || matching::band_passed(moving));
    let (a_ok, b_ok) = (matching::kernel_fits(&reference.ok), matching::kernel_fits(&moving.ok));
    let reference = Side { values: a.view(), ok: a_ok.view() };
    let moving = Side { values: b.view(), ok: b_ok.view() };
    let matched: Vec<TiePoint> = windows
        .par_iter()
        .filter_map(|w| matching::tie_point(reference, moving, *w, start, params))
        .collect();
    let seen = windows.iter().filter(|w| matching::seen(reference, moving, **w)).count();
    consensus::agree(&matched, (windows.len(), seen), params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::{RngExt, SeedableRng};

    const SIDE: usize = 200;

    /// Round spots at places that `seed` chooses, moved by `shift`, with noise of its own.
    fn scene(seed: u64, shift: (f64, f64), noise: (f32, u64)) -> Array2<f32> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut out = Array2::<f32>::from_elem((SIDE, SIDE), 0.1);
        for _ in 0..1500 {
            let mut place = || rng.random_range(-10.0..SIDE as f64 + 10.0);
            let (r, c) = (place() + shift.0, place() + shift.1);
            let (size, bright) = (rng.random_range(0.9..2.5f64), rng.random_range(-0.05..0.05f64));
            let near = |m: f64| {
                let low = (m - 12.0).clamp(0.0, SIDE as f64) as usize;
                low..((m + 12.0).clamp(0.0, SIDE as f64) as usize)
            };
            for i in near(r) {
                for j in near(c) {
                    let square = (i as f64 - r).powi(2) + (j as f64 - c).powi(2);
                    out[(i, j)] += (bright * (-0.5 * square / (size * size)).exp()) as f32;
                }
            }
        }
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(noise.1);
        out.mapv_inplace(|v| v + noise.0 * rng.random_range(-1.0..1.0f32));
        out
    }

    fn measure(reference: &Array2<f32>, moving: &Array2<f32>) -> Result<Registration, Error> {
        let ok = Array2::from_elem(reference.dim(), true);
        let side = |v| Side { values: v, ok: ok.view() };
        register(side(reference.view()), side(moving.view()), &CoregParams::default())
    }

    #[test]
    fn the_shift_is_added_to_the_moving_place_and_noise_does_not_pull_it() {
        for (noise, tolerance) in [(0.002, 0.006), (0.02, 0.035)] {
            let reference = scene(1, (0.0, 0.0), (noise, 10));
            for true_shift in [(0.1, -0.2), (0.37, -0.62), (-7.3, 11.85)] {
                let moving = scene(1, (-true_shift.0, -true_shift.1), (noise, 11));
                let found = measure(&reference, &moving).unwrap();
                assert!((found.shift_row_px - true_shift.0).abs() < tolerance, "{true_shift:?} {found:?}");
                assert!((found.shift_col_px - true_shift.1).abs() < tolerance, "{true_shift:?} {found:?}");
            }
        }
    }

    #[test]
    fn gain_and_offset_do_not_matter() {
        let reference = scene(2, (0.0, 0.0), (0.002, 10));
        let moving = scene(2, (-0.3, 0.4), (0.002, 11)).mapv(|v| 2.5 * v + 0.3);
        let found = measure(&reference, &moving).unwrap();
        assert!((found.shift_row_px - 0.3).hypot(found.shift_col_px + 0.4) < 0.01);
    }

    #[test]
    fn other_places_noise_and_constants_are_refused() {
        for seed in 0..4 {
            let (here, there) =
                (scene(20 + seed, (0.0, 0.0), (0.002, 1)), scene(40 + seed, (0.0, 0.0), (0.002, 2)));
            assert!(measure(&here, &there).is_err());
        }
        let flat = |seed| scene(3, (0.0, 0.0), (0.0, seed)).mapv(|_| 0.2);
        assert!(measure(&flat(1), &flat(2)).is_err());
        let stripes = Array2::from_shape_fn((SIDE, SIDE), |(_, c)| (c as f32 * 0.9).sin());
        assert!(measure(&stripes, &stripes).is_err(), "texture in one direction only");
    }

    #[test]
    fn clouded_pixels_do_not_count() {
        let reference = scene(4, (0.0, 0.0), (0.002, 1));
        let mut moving = scene(4, (-0.4, 0.3), (0.002, 2));
        let mut ok = Array2::from_elem(moving.dim(), true);
        moving.slice_mut(ndarray::s![.., 110..]).fill(f32::NAN);
        ok.slice_mut(ndarray::s![.., 110..]).fill(false);
        let all = Array2::from_elem(moving.dim(), true);
        let (a, b) = (
            Side { values: reference.view(), ok: all.view() },
            Side { values: moving.view(), ok: ok.view() },
        );
        let found = register(a, b, &CoregParams::default()).unwrap();
        assert!((found.shift_row_px - 0.4).hypot(found.shift_col_px + 0.3) < 0.02, "{found:?}");
    }
}
