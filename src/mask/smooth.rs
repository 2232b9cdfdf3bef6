//! Means and dilations over squares, by running sums along both axes.

use ndarray::{Array2, ArrayView2, Axis};

/// Mean of the `ok` pixels in the square of side 2·radius + 1 around each pixel; NaN where there is none.
pub(super) fn mean(values: &ArrayView2<'_, f32>, ok: &Array2<bool>, radius_px: usize) -> Array2<f32> {
    let usable = |at: (usize, usize)| ok[at] && values[at].is_finite();
    let mut sum = Array2::from_shape_fn(ok.dim(), |at| if usable(at) { f64::from(values[at]) } else { 0.0 });
    let mut count = Array2::from_shape_fn(ok.dim(), |at| if usable(at) { 1.0 } else { 0.0 });
    box_sum(&mut sum, radius_px);
    box_sum(&mut count, radius_px);
    sum.zip_mut_with(&count, |s, &n| *s = if n > 0.5 { *s / n } else { f64::NAN });
    sum.mapv(|v| v as f32)
}

/// Grown by `radius_px` in every direction (a square).
pub(super) fn dilated(mask: &Array2<bool>, radius_px: usize) -> Array2<bool> {
    let mut count = mask.mapv(|m| if m { 1.0 } else { 0.0 });
    box_sum(&mut count, radius_px);
    count.mapv(|n| n > 0.5)
}

/// Replaces each value by the sum over the square around it.
fn box_sum(values: &mut Array2<f64>, radius_px: usize) {
    for axis in [Axis(0), Axis(1)] {
        for mut lane in values.lanes_mut(axis) {
            let mut prefix = Vec::with_capacity(lane.len() + 1);
            prefix.push(0.0);
            let mut total = 0.0;
            for v in &lane {
                total += v;
                prefix.push(total);
            }
            let n = lane.len();
            for (i, v) in lane.iter_mut().enumerate() {
                *v = prefix[(i + radius_px + 1).min(n)] - prefix[i.saturating_sub(radius_px)];
            }
        }
    }
}
