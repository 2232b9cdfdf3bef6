//! What is matched: edges and spots of one to ten pixels.
//!
//! Usable pixels smoothed by a small Gaussian less those smoothed by a wide one, so that haze, seasons and growing
//! fields do not pull and interpolation by eight taps is right to a thousandth.

use super::Side;
use ndarray::{Array2, Axis, Zip};
use rayon::prelude::*;

/// Standard deviation of the fine smoothing, px.
const FINE_SIGMA_PX: f64 = 0.8;
/// Standard deviation of the wide smoothing, px.
const WIDE_SIGMA_PX: f64 = 3.0;
/// Pixels on each side of a place that its filtered value depends on.
pub(super) const REACH_PX: usize = 9;
/// Rows that one task of a large array works on.
const ROWS_PER_TASK: usize = 128;

/// The pixels that count: usable and finite.
pub(super) fn usable(side: Side<'_>) -> Array2<bool> {
    Zip::from(side.values).and(side.ok).map_collect(|v, ok| *ok && v.is_finite())
}

/// G(σ = 0.8) ⋆ side − G(σ = 3) ⋆ side over usable pixels, which must be finite; 0 where there are none.
pub(super) fn band_passed(side: Side<'_>) -> Array2<f32> {
    let values = Zip::from(side.values).and(side.ok).map_collect(|v, ok| if *ok { *v } else { 0.0 });
    let weights = side.ok.mapv(|ok| if ok { 1.0 } else { 0.0 });
    let whole = side.ok.iter().all(|ok| *ok);
    let mut fine = normalised(&values, &weights, whole, FINE_SIGMA_PX);
    fine -= &normalised(&values, &weights, whole, WIDE_SIGMA_PX);
    fine
}

/// G(σ = 0.8) ⋆ side over usable pixels, which must be finite; 0 where there are none.
pub(super) fn fine(side: Side<'_>) -> Array2<f32> {
    let values = Zip::from(side.values).and(side.ok).map_collect(|v, ok| if *ok { *v } else { 0.0 });
    let weights = side.ok.mapv(|ok| if ok { 1.0 } else { 0.0 });
    normalised(&values, &weights, side.ok.iter().all(|ok| *ok), FINE_SIGMA_PX)
}

/// Gaussian mean over usable pixels; `whole` when all are.
fn normalised(values: &Array2<f32>, weights: &Array2<f32>, whole: bool, sigma_px: f64) -> Array2<f32> {
    let reach = (3.0 * sigma_px).ceil() as usize;
    let tap = |k: usize| (-0.5 * ((k as f64 - reach as f64) / sigma_px).powi(2)).exp() as f32;
    let taps: Vec<f32> = (0..=2 * reach).map(tap).collect();
    let mut out = blurred(values, &taps);
    if whole {
        // Where all pixels count, their weights are those of the two axes, multiplied.
        let edge = |n: usize| -> Vec<f32> {
            let within = |i: usize| reach.saturating_sub(i)..taps.len().min(n - i + reach);
            (0..n).map(|i| 1.0 / taps[within(i)].iter().sum::<f32>()).collect()
        };
        let (down, along) = (edge(out.nrows()), edge(out.ncols()));
        for (mut row, d) in out.outer_iter_mut().zip(down) {
            row.iter_mut().zip(&along).for_each(|(v, a)| *v *= d * a);
        }
    } else {
        let counts = blurred(weights, &taps);
        out.zip_mut_with(&counts, |v, &n| *v = if n > 1e-6 { *v / n } else { 0.0 });
    }
    out
}

/// Gaussian mean of all values, for tests that make scenes.
#[cfg(test)]
pub(super) fn gaussian(values: &Array2<f32>, sigma_px: f64) -> Array2<f32> {
    normalised(values, &Array2::ones(values.dim()), true, sigma_px)
}

/// Sums along both axes weighted by `taps`, with zeros outside.
fn blurred(values: &Array2<f32>, taps: &[f32]) -> Array2<f32> {
    let (rows, cols) = values.dim();
    let reach = taps.len() / 2;
    let mut along = Array2::<f32>::zeros((rows, cols));
    let tasks = along.axis_chunks_iter_mut(Axis(0), ROWS_PER_TASK).into_par_iter();
    tasks.zip(values.axis_chunks_iter(Axis(0), ROWS_PER_TASK).into_par_iter()).for_each(|(mut to, from)| {
        let mut padded = vec![0.0_f32; cols + 2 * reach];
        for (mut to, from) in to.outer_iter_mut().zip(from.outer_iter()) {
            padded[reach..reach + cols].iter_mut().zip(from).for_each(|(p, v)| *p = *v);
            if let Some(to) = to.as_slice_mut() {
                weighted_sum(to, taps, |k| &padded[k..k + cols]);
            }
        }
    });
    let mut out = Array2::<f32>::zeros((rows, cols));
    let along = along.as_slice().unwrap_or_default();
    out.axis_chunks_iter_mut(Axis(0), ROWS_PER_TASK).into_par_iter().enumerate().for_each(
        |(chunk, mut to)| {
            for (i, mut to) in to.outer_iter_mut().enumerate() {
                let row = chunk * ROWS_PER_TASK + i;
                let first = row.saturating_sub(reach);
                let taps = &taps[first + reach - row..taps.len().min(rows + reach - row)];
                if let Some(to) = to.as_slice_mut() {
                    weighted_sum(to, taps, |k| &along[(first + k) * cols..][..cols]);
                }
            }
        },
    );
    out
}

/// `to = Σ_k taps_k · lines(k)`, the lines being as long as `to`.
fn weighted_sum<'a>(to: &mut [f32], taps: &[f32], lines: impl Fn(usize) -> &'a [f32]) {
    const LANES: usize = 16;
    let whole = to.len() / LANES * LANES;
    let (blocks, rest) = to.split_at_mut(whole);
    for (block, to) in blocks.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [0.0_f32; LANES];
        for (k, tap) in taps.iter().enumerate() {
            let from = &lines(k)[block * LANES..][..LANES];
            sums.iter_mut().zip(from).for_each(|(sum, v)| *sum += tap * v);
        }
        to.copy_from_slice(&sums);
    }
    for (i, to) in rest.iter_mut().enumerate() {
        *to = taps.iter().enumerate().map(|(k, tap)| tap * lines(k)[whole + i]).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, pixel by pixel.
    fn plain(side: Side<'_>, (row, col): (usize, usize), sigma: f64) -> f64 {
        let (h, w) = side.ok.dim();
        let reach = (3.0 * sigma).ceil() as isize;
        let (mut sum, mut weight) = (0.0, 0.0);
        for dr in -reach..=reach {
            for dc in -reach..=reach {
                let (r, c) = (row as isize + dr, col as isize + dc);
                if r < 0 || c < 0 || r >= h as isize || c >= w as isize || !side.ok[(r as usize, c as usize)]
                {
                    continue;
                }
                let t = (-0.5 * (dr * dr + dc * dc) as f64 / (sigma * sigma)).exp();
                sum += t * f64::from(side.values[(r as usize, c as usize)]);
                weight += t;
            }
        }
        sum / weight
    }

    #[test]
    fn fast_filter_is_the_plain_one() {
        let values = Array2::from_shape_fn((40, 33), |(r, c)| ((r * 7 + c * 13) % 17) as f32);
        for ok in [Array2::from_elem((40, 33), true), values.mapv(|v| v > 3.0)] {
            let side = Side { values: values.view(), ok: ok.view() };
            let fast = band_passed(side);
            for at in [(0, 0), (5, 32), (20, 15), (39, 1)] {
                let slow = plain(side, at, FINE_SIGMA_PX) - plain(side, at, WIDE_SIGMA_PX);
                assert!((f64::from(fast[at]) - slow).abs() < 1e-4, "{at:?}: {} {slow}", fast[at]);
            }
        }
    }
}
