//! The statistic in units of its own local level, with and without what a small misregistration explains.
//!
//! A value that lies within the range of the other picture's neighbouring pixels can come from a shift
//! instead of a change; only what lies outside that range counts. A thin new object stays, because it is
//! outside the range of the old picture. Degenerate case: where a scene's median is 0 the level is 1.

use super::{ChangeMap, ObjectParams};
use crate::stats::{mad_sigma, median};
use ndarray::{Array2, ArrayView2, Axis, Zip, s};

/// Statistic over local level, `(row, col)`; NaN where the statistic is.
pub(super) struct Excess {
    /// As it is.
    pub(super) plain: Array2<f32>,
    /// Without what a shift by the tolerated distance explains.
    pub(super) unshifted: Array2<f32>,
    /// Robust standard deviation of the contrast of each band.
    pub(super) sigma: Vec<f64>,
}

pub(super) fn excess(map: &ChangeMap, params: &ObjectParams) -> Excess {
    let level = local_level(&map.statistic, params.cell_px.max(8));
    let sigma: Vec<f64> = map
        .contrast
        .outer_iter()
        .map(|layer| {
            let values: Vec<f64> = layer.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
            mad_sigma(&values, 0.0).max(f64::MIN_POSITIVE)
        })
        .collect();
    let mut plain = map.statistic.clone();
    Zip::from(&mut plain).and(&level).for_each(|v, l| *v /= l);
    let target = &map.expected + &map.contrast;
    let mut unshifted = plain.clone();
    let tolerance = params.shift_tolerance_px.clamp(0.0, 1.0);
    Zip::indexed(unshifted.axis_iter_mut(Axis(0))).par_for_each(|row, mut line| {
        for (col, value) in line.iter_mut().enumerate().filter(|(_, v)| v.is_finite()) {
            let [mut all, mut appeared, mut departed] = [0.0f64; 3];
            for (band, sd) in sigma.iter().enumerate() {
                let (t, e) = (target.index_axis(Axis(0), band), map.expected.index_axis(Axis(0), band));
                let [a, b] = [t[[row, col]], e[[row, col]]];
                all += (f64::from(a - b) / sd).powi(2);
                appeared += (f64::from(outside(a, &e, (row, col), tolerance)) / sd).powi(2);
                departed += (f64::from(outside(b, &t, (row, col), tolerance)) / sd).powi(2);
            }
            let kept = if all > 0.0 { (appeared.max(departed) / all).sqrt() } else { 1.0 };
            *value *= kept as f32;
        }
    });
    Excess { plain, unshifted, sigma }
}

/// Distance of a value from the range of a picture within the tolerance around a pixel.
fn outside(value: f32, picture: &ArrayView2<'_, f32>, (row, col): (usize, usize), tolerance: f32) -> f32 {
    let centre = picture[[row, col]];
    let (mut low, mut high) = (centre, centre);
    let rows = row.saturating_sub(1)..(row + 2).min(picture.nrows());
    let cols = col.saturating_sub(1)..(col + 2).min(picture.ncols());
    for v in picture.slice(s![rows, cols]).iter().filter(|v| v.is_finite()) {
        let reached = centre + tolerance * (v - centre);
        low = low.min(reached);
        high = high.max(reached);
    }
    (value - high).max(low - value).max(0.0)
}

/// Median of the medians of 3 × 3 cells around each pixel, at least half the scene's median.
fn local_level(statistic: &Array2<f32>, cell_px: usize) -> Array2<f32> {
    let finite = |view: ArrayView2<'_, f32>| -> Vec<f64> {
        view.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect()
    };
    let (height, width) = statistic.dim();
    let overall = median(&mut finite(statistic.view()));
    let overall = if overall > 0.0 { overall } else { 1.0 };
    let span = |k: usize, n: usize| k * cell_px..((k + 1) * cell_px).min(n);
    let cells = Array2::from_shape_fn((height.div_ceil(cell_px), width.div_ceil(cell_px)), |(i, j)| {
        let mut values = finite(statistic.slice(s![span(i, height), span(j, width)]));
        if values.len() * 16 < cell_px * cell_px { f64::NAN } else { median(&mut values) }
    });
    let smooth = Array2::from_shape_fn(cells.raw_dim(), |(i, j)| {
        let around = cells.slice(s![
            i.saturating_sub(1)..(i + 2).min(cells.nrows()),
            j.saturating_sub(1)..(j + 2).min(cells.ncols())
        ]);
        let mut known: Vec<f64> = around.iter().copied().filter(|v| v.is_finite()).collect();
        let level = median(&mut known);
        if level.is_finite() { level.max(0.5 * overall) } else { overall }
    });
    Array2::from_shape_fn((height, width), |(r, c)| smooth[[r / cell_px, c / cell_px]] as f32)
}
