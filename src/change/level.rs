//! The statistic in units of its own local level, with and without what a small misregistration explains.
//!
//! A value that lies within the range of the other picture's neighbouring pixels can come from a shift
//! instead of a change; only what lies outside that range counts. A thin new object stays, because it is
//! outside the range of the old picture. Degenerate case: where a scene's median is 0 the level is 1.

use super::{ChangeMap, ObjectParams};
use crate::stats::{mad_sigma, median};
use ndarray::{Array2, Array3, ArrayView2, Axis, Zip, s};

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
    let overall = typical(map.statistic.iter());
    let sigma: Vec<f64> = map.contrast.outer_iter().map(|layer| spread(layer.iter())).collect();
    let mut plain = map.statistic.clone();
    divide_by_level(&mut plain, params.cell_px.max(8), overall);
    let target = &map.expected + &map.contrast;
    let mut unshifted = plain.clone();
    let tolerance = params.shift_tolerance_px.clamp(0.0, 1.0);
    Zip::indexed(unshifted.axis_iter_mut(Axis(0))).par_for_each(|row, mut line| {
        for (col, value) in line.iter_mut().enumerate().filter(|(_, v)| v.is_finite()) {
            *value *= unexplained(&target, &map.expected, &sigma, (row, col), tolerance);
        }
    });
    Excess { plain, unshifted, sigma }
}

/// Median of finite statistics; 1 where it is not above 0.
pub(super) fn typical<'a>(statistic: impl Iterator<Item = &'a f32>) -> f64 {
    let overall = median(&mut statistic.filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect::<Vec<_>>());
    if overall > 0.0 { overall } else { 1.0 }
}

/// Robust standard deviation of finite contrasts about 0; above 0.
pub(super) fn spread<'a>(contrast: impl Iterator<Item = &'a f32>) -> f64 {
    let values: Vec<f64> = contrast.filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    mad_sigma(&values, 0.0).max(f64::MIN_POSITIVE)
}

/// Share of a pixel's change (0…1) that a shift by up to `tolerance` px does not explain.
pub(super) fn unexplained(
    target: &Array3<f32>,
    expected: &Array3<f32>,
    sigma: &[f64],
    (row, col): (usize, usize),
    tolerance: f32,
) -> f32 {
    let [mut all, mut appeared, mut departed] = [0.0f64; 3];
    for (band, sd) in sigma.iter().enumerate() {
        let (t, e) = (target.index_axis(Axis(0), band), expected.index_axis(Axis(0), band));
        let [a, b] = [t[[row, col]], e[[row, col]]];
        all += (f64::from(a - b) / sd).powi(2);
        appeared += (f64::from(outside(a, &e, (row, col), tolerance)) / sd).powi(2);
        departed += (f64::from(outside(b, &t, (row, col), tolerance)) / sd).powi(2);
    }
    if all > 0.0 { (appeared.max(departed) / all).sqrt() as f32 } else { 1.0 }
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

/// Divides a statistic by its local level: the median of the medians of 3 × 3 cells around each pixel, at least half
/// of the scene's median `overall`. Cells start at the first pixel.
pub(super) fn divide_by_level(statistic: &mut Array2<f32>, cell_px: usize, overall: f64) {
    let (height, width) = statistic.dim();
    let span = |k: usize, n: usize| k * cell_px..((k + 1) * cell_px).min(n);
    let mut values = Vec::with_capacity(cell_px * cell_px);
    let cells = Array2::from_shape_fn((height.div_ceil(cell_px), width.div_ceil(cell_px)), |(i, j)| {
        values.clear();
        let cell = statistic.slice(s![span(i, height), span(j, width)]);
        values.extend(cell.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)));
        if values.len() * 16 < cell_px * cell_px { f64::NAN } else { median(&mut values) }
    });
    let smooth = Array2::from_shape_fn(cells.raw_dim(), |(i, j)| {
        let around = cells.slice(s![
            i.saturating_sub(1)..(i + 2).min(cells.nrows()),
            j.saturating_sub(1)..(j + 2).min(cells.ncols())
        ]);
        let mut known: Vec<f64> = around.iter().copied().filter(|v| v.is_finite()).collect();
        let level = median(&mut known);
        if level.is_finite() { level.max(0.5 * overall) as f32 } else { overall as f32 }
    });
    for ((row, col), v) in statistic.indexed_iter_mut() {
        *v /= smooth[[row / cell_px, col / cell_px]];
    }
}
