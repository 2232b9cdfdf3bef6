//! What changes slowly over the ground (haze, illumination, season) belongs to the expectation.
//!
//! The trend is the mean of the contrast in a square window, with the contrast clipped at three robust
//! standard deviations so that a large object does not become its own trend.

use super::expected::Expectation;
use crate::stats::{mad_sigma, median};
use ndarray::{Array2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// The contrast is clipped at so many standard deviations before it is averaged.
const CLIP_SIGMA: f64 = 3.0;

/// Moves the trend over windows of `2 · reach_px + 1` pixels from the contrast to the expectation.
pub(super) fn absorb(model: &mut Expectation, reach_px: usize) {
    model
        .expected
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(model.contrast.axis_iter_mut(Axis(0)))
        .for_each(|(expected, contrast)| absorb_band(expected, contrast, reach_px));
}

fn absorb_band(mut expected: ArrayViewMut2<'_, f32>, mut contrast: ArrayViewMut2<'_, f32>, reach_px: usize) {
    let (height, width) = contrast.dim();
    let mut values: Vec<f64> = contrast.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    let centre = median(&mut values);
    let reach = CLIP_SIGMA * mad_sigma(&values, centre);
    if reach.is_nan() || reach <= 0.0 {
        return;
    }
    // Integral images of the clipped values and of their number.
    let mut sums = Array2::<(f64, f64)>::default((height + 1, width + 1));
    for row in 0..height {
        let mut line = (0.0, 0.0);
        for col in 0..width {
            let v = f64::from(contrast[[row, col]]);
            if v.is_finite() {
                line = (line.0 + (v - centre).clamp(-reach, reach), line.1 + 1.0);
            }
            let above = sums[[row, col + 1]];
            sums[[row + 1, col + 1]] = (above.0 + line.0, above.1 + line.1);
        }
    }
    for ((row, col), value) in contrast.indexed_iter_mut().filter(|(_, v)| v.is_finite()) {
        let (top, bottom) = (row.saturating_sub(reach_px), (row + reach_px + 1).min(height));
        let (left, right) = (col.saturating_sub(reach_px), (col + reach_px + 1).min(width));
        let [a, b, c, d] = [[bottom, right], [top, right], [bottom, left], [top, left]].map(|k| sums[k]);
        let trend = (centre + (a.0 - b.0 - c.0 + d.0) / (a.1 - b.1 - c.1 + d.1)) as f32;
        *value -= trend;
        expected[[row, col]] += trend;
    }
}
