//! Iteratively reweighted multivariate alteration detection (Nielsen 2007, 10.1109/TIP.2006.888195).
//!
//! Each iteration is one pass over the pixels that computes the no-change weights of the last projections
//! and the covariance under them; nothing the size of the scene is kept. With perfect correlation the
//! variance of a variate vanishes: that is [`Error::Identical`].

use super::{ChangeParams, Error};
use crate::stats::{WeightedCovariance, canonical_correlation};
use nalgebra::DMatrix;
use ndarray::{Array2, Array3, Axis, Zip, s};
use rayon::prelude::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Rows per unit of parallel work.
const BLOCK_ROWS: usize = 64;
/// A variate with less variance than this is taken for an identity of the two pictures.
const VARIANCE_MIN: f64 = 1e-9;

/// Linear maps from the joint vector (baseline bands, then target bands) to standardised MAD variates.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Projection {
    /// Mean of the joint vector under the weights.
    mean: Vec<f64>,
    /// `(variate, joint band)`, divided by the variate's standard deviation.
    map: DMatrix<f64>,
    correlations: Vec<f64>,
}

impl Projection {
    fn new(sums: &WeightedCovariance, bands: usize) -> Result<Self, Error> {
        let covariance = sums.covariance();
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
        Ok(Self { mean: sums.mean(), map, correlations: pairs.correlations })
    }

    /// Sum of the squared standardised variates of a joint vector; `variates` has room for them.
    fn squared(&self, joint: &[f64], variates: &mut [f64]) -> f64 {
        variates.fill(0.0);
        // The map lies in memory column by column, a column for each component of the joint vector.
        let columns = self.map.as_slice().chunks_exact(variates.len());
        for ((v, m), column) in joint.iter().zip(&self.mean).zip(columns) {
            variates.iter_mut().zip(column).for_each(|(sum, factor)| *sum += factor * (v - m));
        }
        // Z = Σᵢ (MADᵢ / σᵢ)²
        variates.iter().map(|v| v * v).sum()
    }

    /// √Z of every pixel that is finite in both pictures `(band, row, col)`, NaN elsewhere.
    pub(super) fn statistic(&self, baseline: &Array3<f32>, target: &Array3<f32>) -> Array2<f32> {
        let (bands, height, width) = target.dim();
        let mut out = Array2::<f32>::zeros((height, width));
        Zip::indexed(out.axis_iter_mut(Axis(0))).par_for_each(|row, mut line| {
            let mut variate = vec![0.0_f32; width];
            for i in 0..bands {
                // MADᵢ/σᵢ = Σ_k m_ik (v_k − μ_k); a value that is not finite makes the sum so.
                let constant: f64 = self.mean.iter().enumerate().map(|(k, m)| self.map[(i, k)] * m).sum();
                variate.fill(-constant as f32);
                for (k, picture) in [baseline, target].iter().enumerate() {
                    for band in 0..bands {
                        let factor = self.map[(i, k * bands + band)] as f32;
                        let values = picture.slice(s![band, row, ..]);
                        variate.iter_mut().zip(values).for_each(|(sum, v)| *sum += factor * v);
                    }
                }
                line.iter_mut().zip(&variate).for_each(|(z, v)| *z += v * v);
            }
            line.mapv_inplace(|z| if z.is_finite() { z.sqrt() } else { f32::NAN });
        });
        out
    }
}

/// P(χ² > z) from a table over √z, since it is needed for every pixel of every iteration.
pub(super) struct NoChange {
    table: Vec<f64>,
}

impl NoChange {
    const PER_UNIT: f64 = 64.0;

    pub(super) fn new(freedom: usize) -> Result<Self, Error> {
        let law = ChiSquared::new(freedom as f64).map_err(|_degenerate| Error::Collinear)?;
        let reach = (8.0 + (freedom as f64).sqrt()) * Self::PER_UNIT;
        let table = (0..=reach as usize).map(|k| law.sf((k as f64 / Self::PER_UNIT).powi(2))).collect();
        Ok(Self { table })
    }

    pub(super) fn weight(&self, squared: f64) -> f64 {
        let place = squared.sqrt() * Self::PER_UNIT;
        let k = place as usize;
        match (self.table.get(k), self.table.get(k + 1)) {
            (Some(a), Some(b)) => a + (b - a) * (place - k as f64),
            _ => 0.0,
        }
    }
}

/// Baseline and target `(band, row, col)` of one window.
pub(super) type Window<'a> = (&'a Array3<f32>, &'a Array3<f32>);

/// √Z of every pixel that is finite in both pictures `(band, row, col)`.
pub(super) fn statistic(
    target: &Array3<f32>,
    baseline: &Array3<f32>,
    params: &ChangeParams,
) -> Result<Array2<f32>, Error> {
    Ok(fit(&[(baseline, target)], params)?.statistic(baseline, target))
}

/// The projection that windows of two scenes tell, which have the same bands.
pub(super) fn fit(windows: &[Window<'_>], params: &ChangeParams) -> Result<Projection, Error> {
    let bands = windows.first().map_or(0, |w| w.1.shape()[0]);
    let no_change = NoChange::new(bands)?;
    let pixels: usize = windows.iter().map(|w| w.1.len() / bands.max(1)).sum();
    let step = pixels.div_ceil(params.pixels_max.max(1)).max(1);
    let start = covariance(windows, step, |_, _| 1.0);
    let minimum = params.pixels_min.max(50) / step;
    if (start.weight() as usize) < minimum.max(2 * bands + 1) {
        return Err(Error::TooFewPixels { count: start.weight() as usize, minimum });
    }
    let mut projection = Projection::new(&start, bands)?;
    for _ in 0..params.iterations_max {
        let sums = covariance(windows, step, |joint, variates| {
            no_change.weight(projection.squared(joint, variates))
        });
        if sums.weight() < params.unchanged_fraction_min * start.weight() {
            break;
        }
        // Reweighting may collapse onto a flat patch: then the last sound state stands.
        let Ok(next) = Projection::new(&sums, bands) else { break };
        let moved = next
            .correlations
            .iter()
            .zip(&projection.correlations)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        projection = next;
        if moved < params.correlation_tolerance {
            break;
        }
    }
    Ok(projection)
}

/// Covariance of the joint vectors of every `step`-th row, of which `weight` is told with room for the variates; the sum runs in the
/// order of the rows.
fn covariance(
    windows: &[Window<'_>],
    step: usize,
    weight: impl Fn(&[f64], &mut [f64]) -> f64 + Sync,
) -> WeightedCovariance {
    let size = 2 * windows.first().map_or(0, |w| w.1.shape()[0]);
    let rows: Vec<(&Window<'_>, usize)> =
        windows.iter().flat_map(|w| (0..w.1.shape()[1]).map(move |row| (w, row))).step_by(step).collect();
    let parts: Vec<WeightedCovariance> = rows
        .par_chunks(BLOCK_ROWS)
        .map(|block| {
            let mut sums = WeightedCovariance::new(size);
            let (mut joint, mut variates) = (vec![0.0; size], vec![0.0; size / 2]);
            for &((baseline, target), row) in block {
                for col in 0..target.shape()[2] {
                    if gather(target, baseline, (row, col), &mut joint) {
                        sums.add(&joint, weight(&joint, &mut variates));
                    }
                }
            }
            sums
        })
        .collect();
    parts.iter().fold(WeightedCovariance::new(size), WeightedCovariance::merged)
}

/// Fills the joint vector of a pixel; false when a value is not finite.
fn gather(
    target: &Array3<f32>,
    baseline: &Array3<f32>,
    (row, col): (usize, usize),
    joint: &mut [f64],
) -> bool {
    let bands = target.shape()[0];
    for band in 0..bands {
        joint[band] = f64::from(baseline[[band, row, col]]);
        joint[bands + band] = f64::from(target[[band, row, col]]);
    }
    joint.iter().all(|v| v.is_finite())
}
