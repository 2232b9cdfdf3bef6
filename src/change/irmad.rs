//! Iteratively reweighted multivariate alteration detection (Nielsen 2007, 10.1109/TIP.2006.888195).
//!
//! Each iteration is one pass over the pixels that computes the no-change weights of the last variates
//! and the covariance under them; nothing the size of the scene is kept. With perfect correlation the
//! variance of a variate vanishes: that is [`Error::Identical`].

use super::variates::{NoChange, Variates, covariance};
use super::{ChangeParams, Error};
use crate::stats::{WeightedCovariance, canonical_correlation};
use nalgebra::DMatrix;
use ndarray::{Array2, Array3};

/// A variate with less variance than this is taken for an identity of the two pictures.
const VARIANCE_MIN: f64 = 1e-9;

/// √Z of every pixel that is finite in both pictures `(band, row, col)`.
pub(super) fn statistic(
    target: &Array3<f32>,
    baseline: &Array3<f32>,
    params: &ChangeParams,
) -> Result<Array2<f32>, Error> {
    let pair = [baseline, target];
    Ok(fit(&[pair], params)?.statistic(&pair))
}

/// The MAD variates that pairs `[baseline, target]` of windows of two scenes tell, which have the same bands.
pub(super) fn fit(pairs: &[[&Array3<f32>; 2]], params: &ChangeParams) -> Result<Variates, Error> {
    let bands = pairs.first().map_or(0, |[_, target]| target.shape()[0]);
    let no_change = NoChange::new(bands)?;
    let pixels: usize = pairs.iter().map(|[_, target]| target.len() / bands.max(1)).sum();
    let step = pixels.div_ceil(params.pixels_max.max(1)).max(1);
    let start = covariance(pairs, step, None);
    let minimum = params.pixels_min.max(50) / step;
    if (start.weight() as usize) < minimum.max(2 * bands + 1) {
        return Err(Error::TooFewPixels { count: start.weight() as usize, minimum });
    }
    let (mut variates, mut correlations) = of_no_change(&start, bands)?;
    for _ in 0..params.iterations_max {
        let sums = covariance(pairs, step, Some((&variates, &no_change)));
        if sums.weight() < params.unchanged_fraction_min * start.weight() {
            break;
        }
        // Reweighting may collapse onto a flat patch: then the last sound state stands.
        let Ok(next) = of_no_change(&sums, bands) else { break };
        let moved = next.1.iter().zip(&correlations).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        (variates, correlations) = next;
        if moved < params.correlation_tolerance {
            break;
        }
    }
    Ok(variates)
}

/// The variates and canonical correlations of pixels `(baseline bands, then target bands)` that did not change.
fn of_no_change(unchanged: &WeightedCovariance, bands: usize) -> Result<(Variates, Vec<f64>), Error> {
    let covariance = unchanged.covariance();
    if let Some(k) = covariance.diagonal().iter().position(|v| v.is_nan() || *v <= 0.0) {
        return Err(Error::Constant { band: k % bands });
    }
    let pairs = canonical_correlation(&covariance, bands).ok_or(Error::Collinear)?;
    let mut map = DMatrix::zeros(bands, 2 * bands);
    for (i, &correlation) in pairs.correlations.iter().enumerate() {
        // MADᵢ = aᵢᵀx − bᵢᵀy,  σ²(MADᵢ) = 2 (1 − ρᵢ)
        let variance = 2.0 * (1.0 - correlation);
        if variance < VARIANCE_MIN {
            return Err(Error::Identical);
        }
        for band in 0..bands {
            map[(i, band)] = pairs.first[(band, i)] / variance.sqrt();
            map[(i, bands + band)] = -pairs.second[(band, i)] / variance.sqrt();
        }
    }
    Ok((Variates { mean: unchanged.mean(), map }, pairs.correlations))
}
