//! Canonical correlation of two groups of variables (Hotelling 1936).
//!
//! Degenerate case: a group with a constant variable, or with one that is a linear combination of the
//! others, has no Cholesky factor and gives `None`.

use nalgebra::DMatrix;

/// Smallest ratio of a Cholesky pivot to its variable's spread: below it the group counts as collinear.
const PIVOT_RATIO_MIN: f64 = 1e-6;

/// Pairs of projections with unit variance, by descending correlation; pair `i` is column `i`.
#[derive(Debug, Clone, PartialEq)]
pub struct Canonical {
    /// Projections of the first group, `(variable, pair)`.
    pub first: DMatrix<f64>,
    /// Projections of the second group, `(variable, pair)`.
    pub second: DMatrix<f64>,
    /// Correlation of each pair, 0…1.
    pub correlations: Vec<f64>,
}

/// Canonical correlation from the joint covariance, whose first `count` variables are the first group.
///
/// `None` when a group's covariance is not positive definite or a value is not finite.
#[must_use]
pub fn canonical_correlation(covariance: &DMatrix<f64>, count: usize) -> Option<Canonical> {
    let rest = covariance.nrows().checked_sub(count).filter(|&r| r > 0 && count > 0)?;
    if covariance.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let lx = factor(covariance.view((0, 0), (count, count)).into_owned())?;
    let ly = factor(covariance.view((count, count), (rest, rest)).into_owned())?;
    let cross = covariance.view((0, count), (count, rest)).into_owned();
    // M = Lx⁻¹ Σxy Ly⁻ᵀ = U ρ Vᵀ,  a = Lx⁻ᵀ U,  b = Ly⁻ᵀ V
    let left = lx.solve_lower_triangular(&cross)?;
    let whitened = ly.solve_lower_triangular(&left.transpose())?.transpose();
    let svd = whitened.try_svd(true, true, f64::EPSILON, 0)?;
    let (u, v) = (svd.u?, svd.v_t?.transpose());
    Some(Canonical {
        first: lx.transpose().solve_upper_triangular(&u)?,
        second: ly.transpose().solve_upper_triangular(&v)?,
        correlations: svd.singular_values.iter().map(|r| r.clamp(0.0, 1.0)).collect(),
    })
}

/// Lower Cholesky factor; `None` when a variable is constant or (nearly) a combination of earlier ones.
fn factor(matrix: DMatrix<f64>) -> Option<DMatrix<f64>> {
    let spread: Vec<f64> = matrix.diagonal().iter().map(|v| v.sqrt()).collect();
    let lower = matrix.cholesky()?.unpack();
    let sound = lower.diagonal().iter().zip(&spread).all(|(pivot, s)| *pivot > PIVOT_RATIO_MIN * s);
    sound.then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Vectors, WeightedCovariance};
    use proptest::prelude::*;

    fn covariance(rows: &[[f64; 4]]) -> DMatrix<f64> {
        let mut vectors = Vectors::zeros(4, rows.len());
        for (k, row) in rows.iter().enumerate() {
            row.iter().enumerate().for_each(|(i, v)| vectors.set(k, i, *v));
        }
        let mut sums = WeightedCovariance::new(4);
        sums.add(&vectors, &vec![1.0; rows.len()]);
        sums.covariance()
    }

    proptest! {
        #[test]
        fn projections_are_white_and_correlations_ignore_gain_and_offset(
            rows in prop::collection::vec(prop::array::uniform4(-1.0f64..1.0), 40..60),
            gain in 0.1f64..20.0, offset in -5.0f64..5.0,
        ) {
            let scaled: Vec<[f64; 4]> = rows.iter().map(|r| [r[0], r[1], r[2] * gain + offset, r[3]]).collect();
            let c = covariance(&rows);
            let one = canonical_correlation(&c, 2).unwrap();
            let two = canonical_correlation(&covariance(&scaled), 2).unwrap();
            for (p, q) in one.correlations.iter().zip(&two.correlations) {
                prop_assert!((p - q).abs() < 1e-6);
            }
            let white = one.first.transpose() * c.view((0, 0), (2, 2)) * &one.first;
            prop_assert!((white - DMatrix::identity(2, 2)).amax() < 1e-8);
            let cross = one.first.transpose() * c.view((0, 2), (2, 2)) * &one.second;
            prop_assert!((cross[(0, 0)] - one.correlations[0]).abs() < 1e-8);
            prop_assert!(cross[(0, 1)].abs() < 1e-8);
        }
    }

    #[test]
    fn collinear_and_constant_groups_are_refused() {
        let rows: Vec<[f64; 4]> =
            (0..50).map(f64::from).map(|t| [t, 2.0 * t + 1.0, t.sin(), t.cos()]).collect();
        assert_eq!(canonical_correlation(&covariance(&rows), 2), None);
        assert_eq!(canonical_correlation(&DMatrix::zeros(4, 4), 2), None);
    }
}
