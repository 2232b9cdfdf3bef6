//! How well a shift is known: what averages out over the scene, and what does not.
//!
//! Noise of the windows averages out; errors of neighbouring windows are alike, so the standard error of the mean is taken
//! between blocks of them. Change does not average out: under a lower sun all shadows grow the same way, snow melts from
//! the same side of every roof, and every window's match moves along. The mean of such errors cannot be told from a
//! shift; their spread can be seen, and is counted in full, for mean and spread of one-sided errors are of one size.

use super::surface::{Basis, Datum, Normal};
use super::{CoregParams, Error, Inner, TiePoint};
use crate::grid::Window;
use crate::stats::{mad_sigma, median};
use rayon::prelude::*;
use std::f64::consts::PI;

/// Standard error of a window over the one that matching tells: noise is smoothed before matching, so that neighbouring
/// pixels err alike. Between 1 and √(4π)·0.8 = 2.8 by the texture; 1.4 to 2.3 on scenes that differ by noise alone.
const NOISE_RATIO: f64 = 2.0;
/// Side of the windows whose spread is the size of the mean, px: some things (edges of forests, houses, fields) lie in
/// one; in wider ones their changes average out, in narrower ones each is seen alone.
const CHANGE_PX: f64 = 64.0;
/// Fewest small windows that tell their spread.
const LEAST_INNER: usize = 5;
/// Blocks along the longer side.
const BLOCKS: usize = 3;
/// Fewest tie points that tell a plane apart from change.
const LEAST_FOR_PLANE: usize = 12;
/// How many standard errors of chance the likeness of neighbouring residuals must exceed to be structure.
const STRUCTURE_SIGMAS: f64 = 3.0;
/// Directions in which neighbours are compared: along rows, columns and both diagonals.
const DIRECTIONS: usize = 4;

/// What change of the scene may add, as a multiple of the largest standard error: a shift known to a third of a pixel only
/// is no better than the georeference of Sentinel-2, which is right to 3–5 m.
const CHANGE_RATIO: f64 = std::f64::consts::SQRT_2;

/// Refuses a shift whose mean, or which as a whole, is not known well enough.
///
/// # Errors
/// [`Error::Uncertain`].
pub(super) fn check(standard_error_px: f64, uncertainty_px: f64, params: &CoregParams) -> Result<(), Error> {
    let largest_px = params.largest_uncertainty_px;
    if standard_error_px > largest_px {
        return Err(Error::Uncertain { uncertainty_px: standard_error_px, largest_px });
    }
    let largest_px = CHANGE_RATIO * largest_px;
    if uncertainty_px > largest_px {
        return Err(Error::Uncertain { uncertainty_px, largest_px });
    }
    Ok(())
}

/// A tie point's place, what it differs by from the shift (row, col), and its weight.
pub(super) struct Residual {
    pub(super) place: (f64, f64),
    pub(super) off_px: [f64; 2],
    pub(super) weight: f64,
}

/// Variance of the weighted mean by what blocks of tie points say, both components together, px²; 0 of fewer than three blocks.
pub(super) fn between_blocks(residuals: &[Residual]) -> f64 {
    let area = extent(residuals);
    let side = (area.height.max(area.width) as f64 / BLOCKS as f64).max(1.0);
    let mut sums = [[0.0_f64; 3]; BLOCKS * BLOCKS];
    for r in residuals {
        let at = |v: f64, first: usize| (((v - first as f64) / side).max(0.0) as usize).min(BLOCKS - 1);
        let sum = &mut sums[at(r.place.0, area.row) * BLOCKS + at(r.place.1, area.col)];
        sum[0] += r.weight;
        sum[1] += r.weight * r.off_px[0];
        sum[2] += r.weight * r.off_px[1];
    }
    let total: f64 = sums.iter().map(|s| s[0]).sum();
    let count = sums.iter().filter(|s| s[0] > 0.0).count() as f64;
    if count < 3.0 || total <= 0.0 {
        return 0.0;
    }
    let mean = [1, 2].map(|k| sums.iter().map(|s| s[k]).sum::<f64>() / total);
    // Var = n/(n − 1) Σ (w_b/W)² (d_b − d)²
    let terms = sums.iter().filter(|s| s[0] > 0.0);
    let spread = |s: &[f64; 3]| (s[1] - s[0] * mean[0]).powi(2) + (s[2] - s[0] * mean[1]).powi(2);
    terms.map(spread).sum::<f64>() / total.powi(2) * count / (count - 1.0)
}

/// Variance of what differs from place to place beyond noise, both components together, px². It is seen in what the small
/// windows of the tie points differ by from the wide ones, and is taken whole, for a small window lies where most gradients
/// of the wide one are and moves along with it; or in the tie points themselves where their windows (of side `window_px`)
/// are small, as it is left in a window of [`CHANGE_PX`]. Of `seen` windows that show ground few may agree: the others have changed more than
/// those do.
pub(super) fn change(residuals: &[Residual], points: &[TiePoint], (window_px, seen): (usize, usize)) -> f64 {
    let inner: Vec<Inner> = points.iter().filter_map(|p| p.inner).collect();
    let (spread, mut sigmas, kept) = if inner.len() >= LEAST_INNER {
        let offs: Vec<[f64; 2]> = inner.iter().map(|i| i.off_px).collect();
        (robust_variance(&offs), inner.iter().map(|i| i.sigma_px).collect::<Vec<_>>(), 1.0)
    } else {
        // Independent changes average out with the area of a window: their spread falls with its side.
        let kept = (window_px as f64 / CHANGE_PX).powi(2);
        (without_plane(residuals), points.iter().map(|p| p.sigma_px).collect(), kept)
    };
    let noise = 2.0 * (NOISE_RATIO * median(&mut sigmas)).powi(2);
    let share = (points.len() as f64 / seen.max(1) as f64).min(1.0);
    (spread - noise).max(0.0) * kept / share
}

/// Variance of what a model leaves of the shift itself, both components together, px²: residuals of noise have nothing in common
/// with their neighbours, those of a shift that the model does not follow have. `C(h)` being the mean product of residuals `h`
/// apart, that at one place is `C(0) ≈ (4·C(h) − C(2h))/3`, the parabola through both, with `h` as wide as the windows (of side
/// `window_px`), so that no two share a pixel. Directions are looked at one by one, and the one in which residuals are most
/// alike tells: a step is alike along its edge and not across.
pub(super) fn structure(residuals: &[Residual], window_px: usize) -> f64 {
    let square = |r: &Residual| r.off_px[0].powi(2) + r.off_px[1].powi(2);
    let whole = residuals.iter().map(square).sum::<f64>() / residuals.len().max(1) as f64;
    let apart = |a: &Residual, b: &Residual| (a.place.0 - b.place.0).hypot(a.place.1 - b.place.1);
    let nearest = |i: usize| {
        let others = residuals.iter().enumerate().filter(|(j, _)| *j != i);
        others.map(|(_, other)| apart(&residuals[i], other)).fold(f64::INFINITY, f64::min)
    };
    let spacing = median(&mut (0..residuals.len()).into_par_iter().map(nearest).collect::<Vec<_>>());
    let lag = spacing.max(window_px as f64);
    // Sum and count of the products of each direction, one and two lags apart.
    let mut products = [[(0.0_f64, 0.0_f64); 2]; DIRECTIONS];
    for (i, a) in residuals.iter().enumerate() {
        for b in &residuals[i + 1..] {
            let steps = (apart(a, b) / lag).round();
            if (1.0..=2.0).contains(&steps) {
                let angle = (a.place.0 - b.place.0).atan2(a.place.1 - b.place.1).rem_euclid(PI);
                let direction = (angle * DIRECTIONS as f64 / PI).round() as usize % DIRECTIONS;
                let (sum, count) = &mut products[direction][steps as usize - 1];
                *sum += a.off_px[0] * b.off_px[0] + a.off_px[1] * b.off_px[1];
                *count += 1.0;
            }
        }
    }
    let at_one_place = |[near, far]: [(f64, f64); 2]| {
        let mean = near.0 / near.1;
        // Of independent residuals, two components each.
        let chance = whole / (2.0 * near.1).sqrt();
        // Without a pair there is no mean either.
        if mean.is_nan() || mean < STRUCTURE_SIGMAS * chance {
            return 0.0;
        }
        let far = if far.1 > 0.0 { far.0 / far.1 } else { mean };
        ((4.0 * mean - far) / 3.0).max(mean).min(whole)
    };
    products.into_iter().map(at_one_place).fold(0.0, f64::max)
}

/// Robust variance of the residuals about a plane through them, both components together, px²: strays at the rims of clouds
/// are no change of the scene.
fn without_plane(residuals: &[Residual]) -> f64 {
    let mut left: Vec<[f64; 2]> = residuals.iter().map(|r| r.off_px).collect();
    let mut freedom = residuals.len() as f64 - 1.0;
    if residuals.len() >= LEAST_FOR_PLANE {
        let basis = Basis::plane(extent(residuals));
        let data: Vec<Datum> =
            residuals.iter().map(|r| Datum { place: r.place, values: r.off_px, weight: r.weight }).collect();
        if let Some(c) = Normal::new(&basis, &data).coefficients(&basis.penalty(), 0.0) {
            let at = |r: &Residual| [0, 1].map(|k| r.off_px[k] - basis.value(&c[k], r.place.0, r.place.1));
            left = residuals.iter().map(at).collect();
            freedom = (residuals.len() - basis.len()) as f64;
        }
    }
    robust_variance(&left) * residuals.len() as f64 / freedom.max(1.0)
}

/// Variance about zero by the median absolute value, both components together, px².
fn robust_variance(offs: &[[f64; 2]]) -> f64 {
    [0, 1].map(|k| mad_sigma(&offs.iter().map(|o| o[k]).collect::<Vec<_>>(), 0.0).powi(2)).iter().sum()
}

/// The smallest window around the places.
fn extent(residuals: &[Residual]) -> Window {
    let ends = |pick: fn(&Residual) -> f64| {
        let values = residuals.iter().map(pick);
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |e, v| (e.0.min(v), e.1.max(v)));
        (low.max(0.0).min(high) as usize, high as usize + 1)
    };
    let (rows, cols) = (ends(|r| r.place.0), ends(|r| r.place.1));
    Window { row: rows.0, col: cols.0, height: rows.1 - rows.0, width: cols.1 - cols.0 }
}
