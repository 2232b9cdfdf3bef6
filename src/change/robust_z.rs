//! Robust z-scores: of a target against a stack, and of a pair of single bands.
//!
//! A pixel's spread over few dates is itself noise, so it is shrunk towards the scene's typical spread. The
//! scores of the bands are then decorrelated under no-change weights, as in IR-MAD. Degenerate case: a
//! stack without any spread is [`Error::Constant`].

use super::expected::Expectation;
use super::variates::{NoChange, Variates, covariance};
use super::{ChangeParams, Error};
use crate::stats::{mad_sigma, median};
use nalgebra::DMatrix;
use ndarray::{Array2, Array3, ArrayView2, Axis, Zip};

/// |d| / σ of a single band, about the median.
pub(super) fn single(model: &Expectation) -> Array2<f32> {
    let layer = model.contrast.index_axis(Axis(0), 0);
    let (centre, sigma) = centre_and_sigma(&layer);
    layer.mapv(|v| ((f64::from(v) - centre).abs() / sigma.max(f64::MIN_POSITIVE)) as f32)
}

/// Norm of the decorrelated scores of all bands against the stack.
pub(super) fn statistic(model: &Expectation, params: &ChangeParams) -> Result<Array2<f32>, Error> {
    let scores = scores(model, params)?;
    let (bands, height, width) = scores.dim();
    let no_change = NoChange::new(bands)?;
    let step = (height * width).div_ceil(params.pixels_max.max(1)).max(1);
    // Whitened scores W z, with |W z|² = zᵀ Σ⁻¹ z of the scores where nothing changed.
    let mut white = Variates { mean: vec![0.0; bands], map: DMatrix::identity(bands, bands) };
    for _ in 0..params.iterations_max.min(10) {
        let sums = covariance(&[[&scores]], step, Some((&white, &no_change)));
        let inverse = sums.covariance().cholesky().ok_or(Error::Collinear)?.inverse();
        white.map = inverse.cholesky().ok_or(Error::Collinear)?.l().transpose();
    }
    Ok(white.statistic(&[&scores]))
}

/// Scores per band, `(band, row, col)`, with median 0 and robust standard deviation 1 over the scene.
fn scores(model: &Expectation, params: &ChangeParams) -> Result<Array3<f32>, Error> {
    let mut out = model.contrast.clone();
    for (band, mut layer) in out.outer_iter_mut().enumerate() {
        let spread = model.spread.index_axis(Axis(0), band);
        let mut known: Vec<f64> =
            spread.iter().zip(&model.dates).filter(|(_, n)| **n > 2).map(|(s, _)| f64::from(*s)).collect();
        let typical = median(&mut known);
        if typical.is_nan() || typical <= 0.0 {
            return Err(Error::Constant { band });
        }
        Zip::from(&mut layer).and(&spread).and(&model.dates).for_each(|v, &own, &dates| {
            // s² = (n₀ s₀² + (n − 1) sᵢ²) / (n₀ + n − 1), and the median of n dates has variance ≈ π s² / 2n
            let n = f64::from(dates);
            let (prior, weight) = (params.prior_dates.max(0.0), if dates > 2 { n - 1.0 } else { 0.0 });
            let own = f64::from(own).max(1e-3 * typical);
            let variance = if prior + weight > 0.0 {
                (prior * typical * typical + weight * own * own) / (prior + weight)
            } else {
                typical * typical
            };
            let inflation = 1.0 + std::f64::consts::FRAC_PI_2 / n.max(1.0);
            *v = (f64::from(*v) / (variance * inflation).sqrt()) as f32;
        });
        let (centre, sigma) = centre_and_sigma(&layer.view());
        if sigma.is_nan() || sigma <= 0.0 {
            return Err(Error::Identical);
        }
        layer.mapv_inplace(|v| ((f64::from(v) - centre) / sigma) as f32);
    }
    Ok(out)
}

fn centre_and_sigma(layer: &ArrayView2<'_, f32>) -> (f64, f64) {
    let mut values: Vec<f64> = layer.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    let centre = median(&mut values);
    (centre, mad_sigma(&values, centre))
}
