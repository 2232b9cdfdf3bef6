//! Trimmed covariance about zero, and the whitening that it gives.
//!
//! Each round keeps the samples with the smallest Mahalanobis length under the last estimate, so that a
//! few bright roofs do not set the scale. The trimmed estimate is scaled up until its median squared
//! length is that of a chi-square law. Degenerate case: a band that never varies gets a floor of
//! 1e-12 of the mean variance and does not make the matrix singular.

use super::{Vectors, median};
use nalgebra::DMatrix;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Samples beyond which evenly spread ones are taken: a variance from so many is known to 0.6 %.
const SAMPLES_MAX: usize = 49_999;

/// A symmetric inverse square root `C^(−1/2)` of a covariance.
#[derive(Debug, Clone, PartialEq)]
pub struct Whitener(DMatrix<f64>);

impl Whitener {
    /// From a covariance; `None` when it is zero or not finite.
    #[must_use]
    pub fn new(covariance: &DMatrix<f64>) -> Option<Self> {
        let n = covariance.nrows();
        let floor = 1e-12 * covariance.trace() / n.max(1) as f64;
        if !(floor.is_finite() && floor > 0.0) {
            return None;
        }
        let eigen = covariance.clone().symmetric_eigen();
        let scale = eigen.eigenvalues.map(|v| 1.0 / v.max(floor).sqrt());
        let whitening = &eigen.eigenvectors * DMatrix::from_diagonal(&scale) * eigen.eigenvectors.transpose();
        Some(Self(whitening))
    }

    /// Number of bands.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.0.nrows()
    }

    /// `C^(−1/2) v` into `out`; both as long as [`Self::dim`].
    pub fn apply(&self, v: &[f64], out: &mut [f64]) {
        for (i, o) in out.iter_mut().enumerate() {
            *o = v.iter().enumerate().map(|(j, x)| self.0[(i, j)] * x).sum();
        }
    }

    /// Mahalanobis length `√(vᵀ C⁻¹ v)`.
    #[must_use]
    pub fn length(&self, v: &[f64]) -> f64 {
        let square = |i: usize| v.iter().enumerate().map(|(j, x)| self.0[(i, j)] * x).sum::<f64>().powi(2);
        (0..v.len()).map(square).sum::<f64>().sqrt()
    }

    /// [`Self::length`] of many vectors.
    fn lengths(&self, vectors: &Vectors, out: &mut [f64]) {
        out.fill(0.0);
        let mut part = vec![0.0; out.len()];
        for line in self.0.row_iter() {
            vectors.dot(&line.iter().copied().collect::<Vec<_>>(), &mut part);
            out.iter_mut().zip(&part).for_each(|(sum, v)| *sum += v * v);
        }
        for v in out {
            *v = v.sqrt();
        }
    }
}

/// Covariance about zero of `samples` (rows of `dim` numbers one after another; rows with NaN are left
/// out), keeping `keep_fraction` of them in each of `rounds` rounds.
///
/// `None` with fewer than `2 dim + 2` finite rows or no spread at all.
#[must_use]
pub fn trimmed_covariance(
    samples: &[f64],
    dim: usize,
    keep_fraction: f64,
    rounds: usize,
) -> Option<DMatrix<f64>> {
    let rows: Vec<&[f64]> =
        samples.chunks_exact(dim.max(1)).filter(|r| r.iter().all(|v| v.is_finite())).collect();
    if dim == 0 || rows.len() < 2 * dim + 2 {
        return None;
    }
    let count = rows.len().min(SAMPLES_MAX);
    let mut vectors = Vectors::zeros(dim, count);
    for k in 0..count {
        rows[k * rows.len() / count].iter().enumerate().for_each(|(i, v)| vectors.set(k, i, *v));
    }
    let moment = |kept: &[f64]| {
        let padded = Vectors::padded(dim);
        let mut sums = vec![0.0; padded * padded];
        vectors.add_products(kept, &mut sums);
        let count = kept.iter().sum::<f64>().max(1.0);
        DMatrix::from_fn(dim, dim, |i, j| sums[i.max(j) * padded + i.min(j)] / count)
    };
    // 1 for rows that are kept, else 0.
    let mut kept = vec![1.0; count];
    let mut lengths = vec![0.0; count];
    let mut covariance = moment(&kept);
    for _ in 0..rounds {
        Whitener::new(&covariance)?.lengths(&vectors, &mut lengths);
        let limit = super::quantile(&mut lengths.clone(), keep_fraction);
        kept.iter_mut().zip(&lengths).for_each(|(k, l)| *k = f64::from(u8::from(*l <= limit)));
        covariance = moment(&kept);
    }
    Whitener::new(&covariance)?.lengths(&vectors, &mut lengths);
    let mut squares: Vec<f64> = lengths.iter().map(|l| l.powi(2)).collect();
    Some(covariance * (median(&mut squares) / chi_square_median(dim)))
}

/// Median of the chi-square law of so many degrees of freedom.
fn chi_square_median(dim: usize) -> f64 {
    let freedom = dim.max(1) as f64;
    ChiSquared::new(freedom).map_or(freedom, |law| law.inverse_cdf(0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_roofs_do_not_set_the_scale() {
        // A deterministic spread: the plane's points at angle k with radius √(−2 ln u) are normal.
        let mut samples = Vec::new();
        for k in 0..2000 {
            let u = (f64::from(k) + 0.5) / 2000.0;
            let (r, a) = ((-2.0 * u.ln()).sqrt(), f64::from(k) * 2.399_963);
            samples.extend([2.0 * r * a.cos(), r * a.sin()]);
        }
        for _ in 0..60 {
            samples.extend([100.0, 100.0]);
        }
        let c = trimmed_covariance(&samples, 2, 0.9, 5).unwrap();
        assert!((c[(0, 0)] - 4.0).abs() < 0.5 && (c[(1, 1)] - 1.0).abs() < 0.15, "{c}");
        let w = Whitener::new(&c).unwrap();
        assert!((w.length(&[2.0, 0.0]) - 1.0).abs() < 0.08);
    }
}
