//! Linear regression by iterated reweighting with Tukey's biweight.
//!
//! Reference: Holland & Welsch 1977 (10.1080/03610927708827533). Covariates are centred by their median
//! and scaled by their root mean square in the first fit before a ridge on all slopes, which keeps collinear baselines
//! tame. Outliers in a covariate, or many in `y`, would draw the first fit to themselves and never stand out of it (Rousseeuw &
//! Leroy 1987, 10.1002/0471725382), so whoever knows them gives them no weight in it; later fits ask what is left over alone.
//! Degenerate cases: residuals of which more than half are zero end the iteration.

use super::{Vectors, median};
use nalgebra::{DMatrix, DVector};
use ndarray::ArrayView2;

/// Relative change of sigma from round to round at which the weights have settled.
const SETTLED: f64 = 1e-3;

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegressionRule {
    /// Ridge on every slope as a share of the summed weights; 0 = none.
    pub ridge_ratio: f64,
    /// Rounds of reweighting, at most: it ends when sigma stays within one part in a thousand.
    pub rounds: usize,
    /// Residual in sigmas at which the weight reaches zero.
    pub cutoff_sigma: f64,
}

/// A robust fit.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustFit {
    /// Residual of every row; NaN where the row was not usable.
    pub residuals: Vec<f64>,
    /// Robust standard deviation of the residuals.
    pub sigma: f64,
    /// Usable rows.
    pub count: usize,
}

/// Regresses `y` on the columns of `x` (row, covariate) and an intercept; rows with a NaN have weight 0.
///
/// `first` are the weights of the rows in the first fit; they count as 1 where none are given or less than a quarter is left.
/// `None` when there are fewer than twice as many usable rows as coefficients.
#[must_use]
pub fn tukey_regression(
    x: &ArrayView2<'_, f64>,
    y: &[f64],
    first: Option<&[f64]>,
    rule: RegressionRule,
) -> Option<RobustFit> {
    let p = x.ncols();
    let usable: Vec<usize> =
        (0..y.len()).filter(|&i| y[i].is_finite() && x.row(i).iter().all(|v| v.is_finite())).collect();
    let n = usable.len();
    if n < 2 * (p + 1) {
        return None;
    }
    let mut weights: Vec<f64> = usable.iter().map(|&i| first.map_or(1.0, |first| first[i])).collect();
    if weights.iter().sum::<f64>() < 0.25 * n as f64 {
        weights.fill(1.0);
    }
    let design = standardised(x, &usable, &weights);
    let centre_y = median(&mut usable.iter().map(|&i| y[i]).collect::<Vec<_>>());
    let centred: Vec<f64> = usable.iter().map(|&i| y[i] - centre_y).collect();
    let mut residuals = vec![0.0; n];
    let mut sigma = 0.0;
    for _ in 0..=rule.rounds {
        let beta = solve((&design, p + 1), &centred, &weights, rule.ridge_ratio)?;
        design.dot(beta.as_slice(), &mut residuals);
        residuals.iter_mut().zip(&centred).for_each(|(r, c)| *r = c - *r);
        let before = sigma;
        sigma = 1.482_602_218_505_602 * median(&mut residuals.iter().map(|r| r.abs()).collect::<Vec<_>>());
        if sigma <= 0.0 || (sigma - before).abs() <= SETTLED * sigma {
            break;
        }
        let cutoff = rule.cutoff_sigma * sigma;
        weights.iter_mut().zip(&residuals).for_each(|(w, r)| *w = biweight(r / cutoff));
    }
    let mut all = vec![f64::NAN; y.len()];
    for (&i, &r) in usable.iter().zip(&residuals) {
        all[i] = r;
    }
    Some(RobustFit { residuals: all, sigma, count: n })
}

/// Tukey's weight `(1 − u²)²` of a residual in cutoffs, 0 beyond.
#[must_use]
pub fn biweight(u: f64) -> f64 {
    (1.0 - u * u).max(0.0).powi(2)
}

/// Usable rows: 1, then each covariate less its median over its weighted root mean square.
fn standardised(x: &ArrayView2<'_, f64>, usable: &[usize], weights: &[f64]) -> Vectors {
    let (n, p) = (usable.len(), x.ncols());
    let total: f64 = weights.iter().sum();
    let mut design = Vectors::zeros(p + 1, n);
    (0..n).for_each(|k| design.set(k, 0, 1.0));
    for j in 0..p {
        let column: Vec<f64> = usable.iter().map(|&i| x[(i, j)]).collect();
        let centre = median(&mut column.clone());
        let squares = column.iter().zip(weights).map(|(v, w)| w * (v - centre).powi(2));
        let rms = (squares.sum::<f64>() / total).sqrt();
        let scale = if rms > 0.0 { 1.0 / rms } else { 0.0 };
        column.iter().enumerate().for_each(|(k, v)| design.set(k, j + 1, (v - centre) * scale));
    }
    design
}

/// `(XᵀWX + λ Σw D) β = XᵀWy` with D = 1 on slopes, 0 on the intercept; `q` coefficients.
fn solve(
    (design, q): (&Vectors, usize),
    y: &[f64],
    weights: &[f64],
    ridge_ratio: f64,
) -> Option<DVector<f64>> {
    let padded = Vectors::padded(q);
    let (mut lower, mut right) = (vec![0.0; padded * padded], vec![0.0; padded]);
    design.add_products(weights, &mut lower);
    design.add_products_with(weights, y, &mut right);
    let sum: f64 = weights.iter().sum();
    let ridge = (ridge_ratio * sum).max(1e-9 * sum);
    // The decomposition reads the lower triangle alone.
    let mut normal = DMatrix::from_fn(q, q, |i, j| lower[i * padded + j]);
    (1..q).for_each(|i| normal[(i, i)] += ridge);
    normal.cholesky().map(|c| c.solve(&DVector::from_column_slice(&right[..q])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_line_without_noise_is_fitted_beside_its_outliers() {
        let x = Array2::from_shape_fn((100, 1), |(i, _)| (i as f64 * 0.7).sin());
        let mut y = vec![5.0; 100];
        for (i, outlier) in [(10, 9.0), (40, 1.0), (70, 30.0)] {
            y[i] = outlier;
        }
        let rule = RegressionRule { ridge_ratio: 0.0, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&x.view(), &y, None, rule).unwrap();
        assert!(fit.sigma < 1e-6 && (fit.residuals[70] - 25.0).abs() < 1e-3, "{fit:?}");
    }

    #[test]
    fn known_outliers_in_a_covariate_do_not_draw_the_line() {
        let n = 400;
        let place = |i: usize| (i as f64 * 0.7).sin() + 0.3 * (i as f64 * 2.3).cos();
        let x = Array2::from_shape_fn((n, 1), |(i, _)| {
            place(i) + if (100..140).contains(&i) { 30.0 } else { 0.0 }
        });
        let y: Vec<f64> = (0..n).map(|i| 2.0 * place(i) + 0.05 * (i as f64 * 1.9).cos()).collect();
        let first: Vec<f64> = (0..n).map(|i| if (100..140).contains(&i) { 0.0 } else { 1.0 }).collect();
        let rule = RegressionRule { ridge_ratio: 0.0, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&x.view(), &y, Some(&first), rule).unwrap();
        assert!(fit.residuals[10].abs() < 0.1 && (fit.residuals[120] + 60.0).abs() < 0.5, "{fit:?}");
    }

    #[test]
    fn outliers_and_gaps_leave_the_line_alone() {
        let n = 400;
        let x = Array2::from_shape_fn((n, 1), |(i, _)| (i as f64 * 0.7).sin() * 3.0);
        let mut y: Vec<f64> = (0..n).map(|i| 2.0 * x[(i, 0)] + 5.0 + 0.1 * (i as f64 * 1.9).cos()).collect();
        for v in &mut y[100..180] {
            *v += 40.0;
        }
        y[7] = f64::NAN;
        let rule = RegressionRule { ridge_ratio: 0.0, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&x.view(), &y, None, rule).unwrap();
        assert!(fit.residuals[7].is_nan() && fit.count == n - 1);
        assert!((fit.residuals[150] - 40.0).abs() < 0.3 && fit.residuals[10].abs() < 0.2 && fit.sigma < 0.15);
    }
}
