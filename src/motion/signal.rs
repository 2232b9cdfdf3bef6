//! What one band shows along the line beyond the background: filtered across, regressed along, scaled to its noise.

use super::Seen;
use crate::corridor::Strip;
use crate::stats::{RegressionRule, quantile, tukey_regression};

/// Width of the filter across, px, and its reach.
const FILTER_SIGMA_PX: f64 = 0.65;
const FILTER_REACH_PX: f64 = 3.0;
/// Cells over which noise along the line is taken to be correlated.
const LAGS: usize = 5;
/// Cells to either side of which the running median is taken.
const LEVEL_CELLS: usize = 7;
/// Distances beyond the ends at which the level of the empty track is taken, metres.
const FLANK_M: (f64, f64) = (40.0, 120.0);

/// One band along the line, in units of its noise.
pub(super) struct Line {
    /// Signal a cell; NaN where not seen.
    pub(super) values: Vec<f64>,
    /// Variance of sums over their variance if cells were independent, ≥ 1.
    pub(super) inflation: f64,
}

/// The signal of band `b` at the offset of `seen`; `None` where too little of the line is in sight.
pub(super) fn line(scene: &Strip, background: &Strip, b: usize, seen: Seen) -> Option<Line> {
    let (own, own_level) = filtered(scene, b, seen.offset_m);
    let (usual, usual_level) = filtered(background, b, seen.offset_m);
    let rows = own.len();
    let rule = RegressionRule { ridge_ratio: 0.02, rounds: 8, cutoff_sigma: 4.7 };
    let fit = tukey_regression(&[&usual, &own_level, &usual_level], &own, None, rule)?;
    let residuals = fit.residuals;
    // Other trains on the line are no noise: what a running median leaves is.
    let rough: Vec<f64> = (0..rows)
        .map(|i| {
            let near = &residuals[i.saturating_sub(LEVEL_CELLS)..(i + LEVEL_CELLS + 1).min(rows)];
            residuals[i] - median(near.iter().copied())
        })
        .collect();
    let sigma = 1.4826 * median(rough.iter().map(|r| r.abs()));
    if sigma.is_nan() || sigma <= 0.0 {
        return None;
    }
    let step_m = scene.geometry.along_step_m;
    let out_m = |i: usize| (seen.start_m - i as f64 * step_m).max(i as f64 * step_m - seen.end_m);
    let beside = (0..rows).filter(|&i| out_m(i) > FLANK_M.0 && out_m(i) < FLANK_M.1);
    let level = median(beside.map(|i| residuals[i]));
    if level.is_nan() {
        return None;
    }
    let values: Vec<f64> = residuals.iter().map(|r| (r - level) / sigma).collect();
    let away = |i: usize| rough[i].is_finite() && out_m(i) > 100.0;
    // Clutter is clipped so that a few roofs do not decide the correlation.
    let quiet = |i: usize| (rough[i] / sigma).clamp(-3.0, 3.0);
    let product = |k: usize| {
        let pairs = (k..rows).filter(|&i| away(i) && away(i - k));
        pairs.map(|i| quiet(i) * quiet(i - k)).sum::<f64>()
    };
    let power = product(0);
    let correlated: f64 = (1..=LAGS).map(|k| (product(k) / power.max(1e-9)).max(0.0)).sum();
    Some(Line { values, inflation: 1.0 + 2.0 * correlated })
}

/// (h ⋆ x)(s) at an offset, and the level of its flanks; NaN where not seen.
fn filtered(strip: &Strip, b: usize, offset_m: f64) -> (Vec<f64>, Vec<f64>) {
    let (rows, columns) = strip.valid.dim();
    let per_px = (strip.geometry.along_step_m / strip.geometry.across_step_m).max(1.0);
    let centre = strip.geometry.half_across() as f64 + offset_m / strip.geometry.across_step_m;
    let reach = (FILTER_REACH_PX * per_px).round() as i64;
    let mut h: Vec<f64> =
        (-reach..=reach).map(|k| (-0.5 * (k as f64 / per_px / FILTER_SIGMA_PX).powi(2)).exp()).collect();
    let mean = h.iter().sum::<f64>() / h.len() as f64;
    let power: f64 = h.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
    for v in &mut h {
        *v = (*v - mean) / power;
    }
    let middle = centre.round() as i64;
    let at = |s: usize, k: i64| {
        let t = middle + k;
        let inside = t >= 0 && (t as usize) < columns && strip.valid[(s, t as usize)];
        if inside { f64::from(strip.values[(b, s, t as usize)]) } else { f64::NAN }
    };
    let flank = |k: i64| 2 * k.abs() >= reach;
    let flank_count = (-reach..=reach).filter(|&k| flank(k)).count() as f64;
    let row = |s: usize| {
        let thin: f64 = (-reach..=reach).zip(&h).map(|(k, w)| w * at(s, k)).sum();
        let level: f64 = (-reach..=reach).filter(|&k| flank(k)).map(|k| at(s, k)).sum();
        (thin, level / flank_count)
    };
    (0..rows).map(row).unzip()
}

/// Median of what is finite; NaN of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut finite: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    quantile(&mut finite, 0.5)
}
