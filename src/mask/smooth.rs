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
    let (rows, columns) = values.dim();
    let mut prefix = vec![0.0; columns + 1];
    for mut line in values.rows_mut() {
        let mut total = 0.0;
        for (sum, v) in prefix[1..].iter_mut().zip(&line) {
            total += v;
            *sum = total;
        }
        for (i, v) in line.iter_mut().enumerate() {
            *v = prefix[(i + radius_px + 1).min(columns)] - prefix[i.saturating_sub(radius_px)];
        }
    }
    // Down the columns whole rows are summed at a time, as they lie in memory.
    let mut prefix = Array2::<f64>::zeros((rows + 1, columns));
    for row in 0..rows {
        let (above, mut below) = prefix.multi_slice_mut((s![row, ..], s![row + 1, ..]));
        Zip::from(&mut below).and(&above).and(values.row(row)).for_each(|b, &a, &v| *b = a + v);
    }
    for (row, mut line) in values.rows_mut().into_iter().enumerate() {
        let (last, first) = ((row + radius_px + 1).min(rows), row.saturating_sub(radius_px));
        Zip::from(&mut line).and(prefix.row(last)).and(prefix.row(first)).for_each(|v, &l, &f| *v = l - f);
    }
}
