//! Relative radiometry: a robust line per band of the target on the baseline over unchanged pixels.
//!
//! After Canty & Nielsen 2008 (10.1016/j.rse.2007.07.013), with Tukey's bisquare weights in place of the
//! no-change probabilities of IR-MAD. It holds where most valid pixels did not change and where haze and
//! illumination act alike on the whole window. Degenerate case: a band in which the baseline is constant.

use crate::stats::{RobustLine, robust_line};
use ndarray::{Array2, Array3};
use thiserror::Error;

/// Fewest pixels for a fit.
const PIXELS_MIN: usize = 50;
/// Most pixels used for a fit; more are thinned evenly.
const PIXELS_MAX: usize = 400_000;
/// A pixel within so many standard deviations of the line in every band counts as unchanged.
const UNCHANGED_SIGMA: f64 = 3.0;

/// Why a target cannot be set in relation to a baseline.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The arrays do not lie on one grid.
    #[error(
        "the target is {target:?} and the baseline {baseline:?} (band, row, col) with validity {validity:?}; resample all to one grid first"
    )]
    Shape {
        /// Shape of the target.
        target: Vec<usize>,
        /// Shape of the baseline.
        baseline: Vec<usize>,
        /// Shape of the validity.
        validity: Vec<usize>,
    },
    /// Not enough common ground.
    #[error(
        "only {count} pixels are valid in both scenes, at least {minimum} are needed; take a clearer scene or a larger window"
    )]
    TooFewPixels {
        /// Common valid pixels.
        count: usize,
        /// Fewest allowed.
        minimum: usize,
    },
    /// A band carries no contrast.
    #[error(
        "band {band} (counted from 0) of the baseline is nearly constant over the valid pixels; leave the band out"
    )]
    Constant {
        /// Index of the band.
        band: usize,
    },
}

/// `target = gain · baseline + offset` for each band.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// Gain of each band, a ratio.
    pub gain: Vec<f64>,
    /// Offset of each band, in units of the target.
    pub offset: Vec<f64>,
    /// Standard deviation of the residuals of each band over unchanged pixels, in units of the target.
    pub sigma: Vec<f64>,
    /// Share of the valid pixels within three standard deviations of the line in every band, 0…1.
    pub unchanged_fraction: f64,
}

impl Normalisation {
    /// The baseline `(band, row, col)` as it would look under the target's radiometry.
    #[must_use]
    pub fn expected(&self, baseline: &Array3<f32>) -> Array3<f32> {
        let mut out = baseline.clone();
        for (b, mut layer) in out.outer_iter_mut().enumerate().take(self.gain.len()) {
            layer.mapv_inplace(|v| (self.gain[b] * f64::from(v) + self.offset[b]) as f32);
        }
        out
    }
}

/// Fits the target on the baseline, both `(band, row, col)`, over the pixels that are `ok` and finite.
///
/// # Errors
/// [`enum@Error`] when shapes differ, fewer than 50 pixels are common, or a band of the baseline is constant.
pub fn normalise(
    target: &Array3<f32>,
    baseline: &Array3<f32>,
    ok: &Array2<bool>,
) -> Result<Normalisation, Error> {
    if target.shape() != baseline.shape() || target.shape()[1..] != *ok.shape() {
        return Err(Error::Shape {
            target: target.shape().to_vec(),
            baseline: baseline.shape().to_vec(),
            validity: ok.shape().to_vec(),
        });
    }
    let bands = target.shape()[0];
    let pixels: Vec<(usize, usize)> = ok
        .indexed_iter()
        .filter(|&((r, c), &good)| {
            good && (0..bands).all(|b| target[[b, r, c]].is_finite() && baseline[[b, r, c]].is_finite())
        })
        .map(|(place, _)| place)
        .collect();
    if pixels.len() < PIXELS_MIN {
        return Err(Error::TooFewPixels { count: pixels.len(), minimum: PIXELS_MIN });
    }
    let pixels: Vec<_> = pixels.iter().copied().step_by(pixels.len().div_ceil(PIXELS_MAX)).collect();
    let column = |values: &Array3<f32>, b: usize| -> Vec<f64> {
        pixels.iter().map(|&(r, c)| f64::from(values[[b, r, c]])).collect()
    };
    let mut lines: Vec<RobustLine> = Vec::with_capacity(bands);
    let mut unchanged = vec![true; pixels.len()];
    for band in 0..bands {
        let (x, y) = (column(baseline, band), column(target, band));
        let line = robust_line(&x, &y).ok_or(Error::Constant { band })?;
        for ((keep, a), b) in unchanged.iter_mut().zip(&x).zip(&y) {
            *keep &= (b - line.at(*a)).abs() <= UNCHANGED_SIGMA * line.sigma + f64::from(f32::EPSILON);
        }
        lines.push(line);
    }
    let count = unchanged.iter().filter(|&&keep| keep).count();
    Ok(Normalisation {
        gain: lines.iter().map(|l| l.gain).collect(),
        offset: lines.iter().map(|l| l.offset).collect(),
        sigma: lines.iter().map(|l| l.sigma).collect(),
        unchanged_fraction: count as f64 / pixels.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Array3<f32> {
        Array3::from_shape_fn((2, 60, 60), |(b, r, c)| {
            0.1 + 0.02 * (((r * 31 + c * 17 + b * 7) % 97) as f32) / 10.0
        })
    }

    #[test]
    fn gain_and_offset_come_back_despite_changed_pixels() {
        let baseline = scene();
        let mut target = baseline.mapv(|v| 1.2 * v - 0.03);
        target.slice_mut(ndarray::s![.., ..20, ..]).fill(0.9);
        let fit = normalise(&target, &baseline, &Array2::from_elem((60, 60), true)).unwrap();
        for b in 0..2 {
            assert!((fit.gain[b] - 1.2).abs() < 1e-3 && (fit.offset[b] + 0.03).abs() < 1e-3, "{fit:?}");
        }
        assert!((fit.unchanged_fraction - 2.0 / 3.0).abs() < 0.02);
        assert!((fit.expected(&baseline)[[1, 40, 3]] - target[[1, 40, 3]]).abs() < 1e-4);
    }

    #[test]
    fn degenerate_scenes_say_why() {
        let ok = Array2::from_elem((60, 60), true);
        let flat = Array3::from_elem((2, 60, 60), 0.2);
        assert_eq!(normalise(&scene(), &flat, &ok), Err(Error::Constant { band: 0 }));
        let dark = Array2::from_elem((60, 60), false);
        assert!(matches!(normalise(&scene(), &scene(), &dark), Err(Error::TooFewPixels { .. })));
        assert!(matches!(normalise(&scene(), &scene(), &Array2::default((3, 3))), Err(Error::Shape { .. })));
    }
}
