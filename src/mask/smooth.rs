//! Means and dilations over squares, by running sums along both axes.

use ndarray::{Array2, ArrayView2, Zip, s};

/// Mean of the `ok` pixels in the square of side 2·radius + 1 around each pixel; NaN where there is none.
pub(super) fn mean(values: &ArrayView2<'_, f32>, ok: &Array2<bool>, radius_px: usize) -> Array2<f32> {
    let usable = |v: f32, ok: bool| ok && v.is_finite();
    let mut sum =
        Zip::from(values).and(ok).map_collect(|&v, &ok| if usable(v, ok) { f64::from(v) } else { 0.0 });
    let mut count = Zip::from(values).and(ok).map_collect(|&v, &ok| if usable(v, ok) { 1.0 } else { 0.0 });
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
    let (rows, cols) = values.dim();
    let ends = |i: usize, n: usize| (i.saturating_sub(radius_px), (i + radius_px + 1).min(n));
    // Down the columns all of them at once, row by row, as they lie in memory.
    let mut above: Array2<f64> = Array2::zeros((rows + 1, cols));
    for (i, row) in values.rows().into_iter().enumerate() {
        let (before, mut after) = above.multi_slice_mut((s![i, ..], s![i + 1, ..]));
        Zip::from(&mut after).and(&before).and(&row).for_each(|a, &b, &v| *a = b + v);
    }
    for (i, mut row) in values.rows_mut().into_iter().enumerate() {
        let (from, to) = ends(i, rows);
        Zip::from(&mut row).and(above.row(from)).and(above.row(to)).for_each(|v, a, b| *v = b - a);
    }
    let mut left = vec![0.0; cols + 1];
    for mut row in values.rows_mut() {
        for (i, v) in row.iter().enumerate() {
            left[i + 1] = left[i] + v;
        }
        for (i, v) in row.iter_mut().enumerate() {
            let (from, to) = ends(i, cols);
            *v = left[to] - left[from];
        }
    }
}
