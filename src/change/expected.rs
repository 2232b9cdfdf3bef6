//! The target as its baselines predict it: each baseline is set to the target's radiometry by a robust line
//! per band, then the median over the baselines is taken.

use super::{ChangeParams, Error};
use crate::stats::{mad_sigma, median, robust_line};
use ndarray::{Array2, Array3, ArrayView2, Axis, Zip};
use rayon::prelude::*;

/// Prediction, difference and spread of a target.
pub(super) struct Expectation {
    /// Median of the normalised baselines, `(band, row, col)`; NaN where the target is not usable.
    pub(super) expected: Array3<f32>,
    /// Target minus prediction.
    pub(super) contrast: Array3<f32>,
    /// Standard deviation over the baselines of each pixel; 0 for fewer than three baselines.
    pub(super) spread: Array3<f32>,
    /// Baselines behind each pixel, at most 255.
    pub(super) dates: Array2<u8>,
    /// Baselines that show enough of the target's ground to be set to its radiometry.
    pub(super) used_count: usize,
}

/// Predicts the target from its baselines over usable pixels. Baselines that show too few of them are left out.
///
/// # Errors
/// [`Error::TooFewPixels`] where all of them show too few, [`Error::Constant`].
pub(super) fn expectation(
    target: &Array3<f32>,
    baselines: &[Array3<f32>],
    ok: &Array2<bool>,
    params: &ChangeParams,
) -> Result<Expectation, Error> {
    let (bands, height, width) = target.dim();
    let mut usable = ok.clone();
    for layer in target.outer_iter() {
        Zip::from(&mut usable).and(&layer).for_each(|u, v| *u &= v.is_finite());
    }
    let fits: Vec<Result<Vec<(f64, f64)>, Error>> = baselines
        .par_iter()
        .map(|baseline| {
            (0..bands)
                .map(|b| {
                    let pair = [target.index_axis(Axis(0), b), baseline.index_axis(Axis(0), b)];
                    fit(&pair, &usable, params, b)
                })
                .collect()
        })
        .collect();
    // A baseline under clouds tells nothing; the others still do.
    let shows_little = |fit: &Result<_, Error>| matches!(fit, Err(Error::TooFewPixels { .. }));
    let is_alone = fits.iter().all(shows_little);
    let mut used = Vec::new();
    for (baseline, fit) in baselines.iter().zip(fits) {
        if is_alone || !shows_little(&fit) {
            used.push((baseline, fit?));
        }
    }
    let mut out = Expectation {
        expected: Array3::from_elem(target.raw_dim(), f32::NAN),
        contrast: Array3::from_elem(target.raw_dim(), f32::NAN),
        spread: Array3::zeros(target.raw_dim()),
        dates: Array2::zeros((height, width)),
        used_count: used.len(),
    };
    Zip::indexed(out.expected.axis_iter_mut(Axis(1)))
        .and(out.contrast.axis_iter_mut(Axis(1)))
        .and(out.spread.axis_iter_mut(Axis(1)))
        .and(out.dates.axis_iter_mut(Axis(0)))
        .par_for_each(|row, mut expected, mut contrast, mut spread, mut dates| {
            let mut sample = Vec::with_capacity(used.len());
            for col in (0..width).filter(|&c| usable[[row, c]]) {
                for band in 0..bands {
                    sample.clear();
                    sample.extend(used.iter().filter_map(|(picture, line)| {
                        let (gain, offset) = line[band];
                        let value = gain * f64::from(picture[[band, row, col]]) + offset;
                        value.is_finite().then_some(value)
                    }));
                    let centre = median(&mut sample);
                    expected[[band, col]] = centre as f32;
                    contrast[[band, col]] = (f64::from(target[[band, row, col]]) - centre) as f32;
                    if sample.len() > 2 {
                        spread[[band, col]] = mad_sigma(&sample, centre) as f32;
                    }
                    dates[col] = sample.len().min(255) as u8;
                }
            }
        });
    Ok(out)
}

/// Gain and offset of `y` on `x`, pixels of every `step`-th row.
pub(super) fn line_of(
    x: &[f64],
    y: &[f64],
    (step, band): (usize, usize),
    params: &ChangeParams,
) -> Result<(f64, f64), Error> {
    let minimum = params.pixels_min.max(50);
    if x.len() * step < minimum {
        return Err(Error::TooFewPixels { count: x.len() * step, minimum });
    }
    let line = robust_line(x, y).ok_or(Error::Constant { band })?;
    Ok((line.gain, line.offset))
}

/// Gain and offset of `[target, baseline]`, over at most `pixels_max` pixels of evenly spaced rows.
fn fit(
    [target, baseline]: &[ArrayView2<'_, f32>; 2],
    usable: &Array2<bool>,
    params: &ChangeParams,
    band: usize,
) -> Result<(f64, f64), Error> {
    let step = usable.len().div_ceil(params.pixels_max.max(1)).max(1);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in (0..usable.nrows()).step_by(step) {
        for col in 0..usable.ncols() {
            let (a, b) = (baseline[[row, col]], target[[row, col]]);
            if usable[[row, col]] && a.is_finite() {
                x.push(f64::from(a));
                y.push(f64::from(b));
            }
        }
    }
    line_of(&x, &y, (step, band), params)
}
