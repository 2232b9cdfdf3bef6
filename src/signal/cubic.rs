//! Cubic convolution, Keys 1981 (10.1109/TASSP.1981.1163711) with a = −1/2.

use ndarray::{Array2, Array3};

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
    let (bands, height, width) = values.dim();
    if !(row >= 1.0 && col >= 1.0 && row < height as f64 - 2.0 && col < width as f64 - 2.0) {
        return false;
    }
    let (r0, c0) = (row as usize - 1, col as usize - 1);
    let ok = (r0..r0 + 4).all(|r| (c0..c0 + 4).all(|c| usable[(r, c)]));
    if !ok {
        return false;
    }
    let (wr, wc) = (weights(row.fract()), weights(col.fract()));
    for b in 0..bands {
        let mut sum = 0.0;
        for (i, &w) in wr.iter().enumerate() {
            let line: f64 = (0..4).map(|j| wc[j] * f64::from(values[(b, r0 + i, c0 + j)])).sum();
            sum += w * line;
        }
        put(b, sum as f32);
    }
    true
}
