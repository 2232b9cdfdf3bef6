//! Cubic convolution, Keys 1981 (10.1109/TASSP.1981.1163711) with a = −1/2.

use ndarray::{Array2, Array3, ArrayView2};

/// Weights of the four pixels at −1, 0, 1, 2 for a point at `fraction` (0…1) behind pixel 0.
fn weights(fraction: f64) -> [f64; 4] {
    let f = fraction;
    let (f2, f3) = (f * f, f * f * f);
    [
        0.5 * (-f3 + 2.0 * f2 - f),
        0.5 * (3.0 * f3 - 5.0 * f2 + 2.0),
        0.5 * (-3.0 * f3 + 4.0 * f2 + f),
        0.5 * (f3 - f2),
    ]
}

/// Interpolates every band of `values` (band, row, col) at a continuous `(row, col)` and hands each to `put`.
///
/// Gives `false` and hands out nothing when one of the 16 pixels is outside or not `usable`.
pub fn cubic_at(
    values: &Array3<f32>,
    usable: &Array2<bool>,
    (row, col): (f64, f64),
    put: &mut dyn FnMut(usize, f32),
) -> bool {
    let (_, height, width) = values.dim();
    if !(row >= 1.0 && col >= 1.0 && row < height as f64 - 2.0 && col < width as f64 - 2.0) {
        return false;
    }
    let (values, usable) = (values.as_standard_layout(), usable.as_standard_layout());
    let (Some(values), Some(usable)) = (values.as_slice(), usable.as_slice()) else { return false };
    let first = (row as usize - 1) * width + col as usize - 1;
    let ok = |i: usize| usable[first + i * width..][..4].iter().all(|&ok| ok);
    if !(0..4).all(ok) {
        return false;
    }
    let (wr, wc) = (weights(row.fract()), weights(col.fract()));
    for (b, band) in values.chunks_exact(height * width).enumerate() {
        let along = |i: usize| {
            let line = &band[first + i * width..][..4];
            wc.iter().zip(line).map(|(w, &v)| w * f64::from(v)).sum::<f64>()
        };
        put(b, wr.iter().enumerate().map(|(i, w)| w * along(i)).sum::<f64>() as f32);
    }
    true
}

/// Whether all pixels that [`cubic_at`] weighs at a point behind each pixel, from −1 to +2 around it, are there and `usable`.
#[must_use]
pub fn kernel_fits(usable: &ArrayView2<'_, bool>) -> Array2<bool> {
    let (rows, cols) = usable.dim();
    let mut fits = Array2::from_elem((rows, cols), false);
    let all = |a: bool, b: bool, c: bool, d: bool| a && b && c && d;
    let mut down = vec![false; cols];
    for r in 1..rows.saturating_sub(2) {
        let around = [r - 1, r, r + 1, r + 2].map(|r| usable.row(r));
        for (c, down) in down.iter_mut().enumerate() {
            *down = all(around[0][c], around[1][c], around[2][c], around[3][c]);
        }
        for (fits, d) in fits.row_mut(r).iter_mut().skip(1).zip(down.windows(4)) {
            *fits = all(d[0], d[1], d[2], d[3]);
        }
    }
    fits
}
