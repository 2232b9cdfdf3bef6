//! Linear regression by iterated reweighting with Tukey's biweight.
//!
//! Reference: Holland & Welsch 1977 (10.1080/03610927708827533). Covariates are centred by their mean and scaled by their
//! standard deviation, both with the weights of the first fit, before a ridge on all slopes, which keeps collinear baselines tame. The
//! matrix of the normal equations stays until it, or sigma, has changed by a quarter: a step with an older one,
//! `β + N⁻¹(XᵀWr − λβ)`, ends at the same place, for there the gradient is zero. Outliers in a covariate, or many in `y`, would draw
//! the first fit to themselves and never stand out of it (Rousseeuw & Leroy 1987, 10.1002/0471725382), so whoever knows them gives them
//! no weight in it; later fits ask what is left over alone.
//! Degenerate cases: residuals of which more than half are zero end the iteration.

use super::median;
use super::order::SIGMA_PER_MAD;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use ndarray::{ArrayView1, ArrayView2, Axis, aview1};

/// Relative change of sigma from round to round at which the weights have settled.
const SETTLED: f64 = 1e-3;
/// Change of the normal equations, or fall of sigma, as a share of them, from which on their matrix is made anew.
const STALE: f64 = 0.25;

/// Rows that are taken at a time, so that what is made of them stays in the cache.
const BLOCK_ROWS: usize = 512;

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

/// Regresses `y` on covariates `x`, each by row, and an intercept; rows with a NaN have weight 0.
///
/// `first` are the weights of the rows in the first fit; they count as 1 where none are given or less than a quarter is left.
/// `None` when there are fewer than twice as many usable rows as coefficients.
#[must_use]
pub fn tukey_regression(
    x: &[&[f64]],
    y: &[f64],
    first: Option<&[f64]>,
    rule: RegressionRule,
) -> Option<RobustFit> {
    let p = x.len();
    let usable = usable(x, y);
    let n = usable.len();
    if n < 2 * (p + 1) {
        return None;
    }
    let mut weights: Vec<f64> = usable.iter().map(|&i| first.map_or(1.0, |first| first[i])).collect();
    if weights.iter().sum::<f64>() < 0.25 * n as f64 {
        weights.fill(1.0);
    }
    let design = Design::standardised(x, &usable, &weights);
    let centre_y = median(&mut usable.iter().map(|&i| y[i]).collect::<Vec<_>>());
    let centred: Vec<f64> = usable.iter().map(|&i| y[i] - centre_y).collect();
    let mut residuals = centred.clone();
    let mut beta = DVector::zeros(p + 1);
    let mut normal = Normal::new(&design, &weights, rule.ridge_ratio)?;
    let (mut sigma, mut is_far) = (0.0, false);
    for _ in 0..=rule.rounds {
        if is_far || normal.is_stale(&design, &weights) {
            normal = Normal::new(&design, &weights, rule.ridge_ratio)?;
        }
        beta += normal.step(&design, &weights, &residuals, &beta);
        design.residuals(&centred, beta.as_slice(), &mut residuals);
        let before = sigma;
        sigma = SIGMA_PER_MAD * median(&mut residuals.iter().map(|r| r.abs()).collect::<Vec<_>>());
        if sigma <= 0.0 || (sigma - before).abs() <= SETTLED * sigma {
            break;
        }
        is_far = sigma < (1.0 - STALE) * before;
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

/// Rows of which everything is known.
fn usable(x: &[&[f64]], y: &[f64]) -> Vec<usize> {
    let mut finite: Vec<bool> = y.iter().map(|v| v.is_finite()).collect();
    for covariate in x {
        finite.iter_mut().zip(*covariate).for_each(|(all, v)| *all &= v.is_finite());
    }
    (0..y.len()).filter(|&i| finite[i]).collect()
}

/// Covariates of the usable rows, one after another; the first is 1.
struct Design {
    rows: usize,
    values: Vec<f64>,
    /// Largest square in each row, at least 1.
    leverage: Vec<f64>,
}

impl Design {
    /// 1, then each covariate less its weighted mean over its weighted standard deviation.
    fn standardised(x: &[&[f64]], usable: &[usize], weights: &[f64]) -> Self {
        let rows = usable.len();
        let total: f64 = weights.iter().sum();
        let mut values = vec![1.0; (x.len() + 1) * rows];
        let (mut weighted, mut leverage) = (vec![0.0; rows], vec![1.0_f64; rows]);
        for (line, covariate) in values.chunks_exact_mut(rows).skip(1).zip(x) {
            line.iter_mut().zip(usable).for_each(|(v, &i)| *v = covariate[i]);
            let mean = aview1(line).dot(&aview1(weights)) / total;
            for ((v, w), weighted) in line.iter_mut().zip(weights).zip(&mut weighted) {
                *v -= mean;
                *weighted = w * *v;
            }
            let spread = (aview1(line).dot(&aview1(&weighted)) / total).sqrt();
            let scale = if spread > 0.0 { 1.0 / spread } else { 0.0 };
            for (v, leverage) in line.iter_mut().zip(&mut leverage) {
                *v *= scale;
                *leverage = leverage.max(*v * *v);
            }
        }
        Self { rows, values, leverage }
    }

    fn covariates(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.rows)
    }

    /// `y − Xβ`, some rows at a time.
    fn residuals(&self, y: &[f64], beta: &[f64], residuals: &mut [f64]) {
        residuals.copy_from_slice(y);
        for (block, residuals) in residuals.chunks_mut(BLOCK_ROWS).enumerate() {
            for (covariate, slope) in self.covariates().zip(beta) {
                let covariate = &covariate[block * BLOCK_ROWS..][..residuals.len()];
                residuals.iter_mut().zip(covariate).for_each(|(r, v)| *r -= slope * v);
            }
        }
    }
}

/// The normal equations `(XᵀWX + λ Σw D) β = XᵀWy`, D = 1 on slopes and 0 on the intercept, at some weights.
struct Normal {
    matrix: Cholesky<f64, Dyn>,
    weights: Vec<f64>,
    ridge_ratio: f64,
}

impl Normal {
    /// Of a design; `None` when the coefficients are not determined.
    ///
    /// Products are summed in single precision over some rows at a time: the matrix says how far a step goes, not where they end.
    fn new(design: &Design, weights: &[f64], ridge_ratio: f64) -> Option<Self> {
        let q = design.covariates().len();
        let values = ArrayView2::from_shape((q, design.rows), &design.values).ok()?;
        let roots: Vec<f32> = weights.iter().map(|w| w.sqrt() as f32).collect();
        let mut matrix = DMatrix::zeros(q, q);
        for (rows, roots) in values.axis_chunks_iter(Axis(1), BLOCK_ROWS).zip(roots.chunks(BLOCK_ROWS)) {
            let weighted = rows.mapv(|v| v as f32) * ArrayView1::from(roots);
            let products = weighted.dot(&weighted.t());
            matrix.iter_mut().zip(&products).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        let ridge = ridge(ridge_ratio, weights);
        (1..q).for_each(|i| matrix[(i, i)] += ridge);
        Some(Self { matrix: matrix.cholesky()?, weights: weights.to_vec(), ridge_ratio })
    }

    /// Whether some diagonal element could have changed much since: each is the sum of the weights, for which the design is standardised.
    fn is_stale(&self, design: &Design, weights: &[f64]) -> bool {
        let change =
            self.weights.iter().zip(weights).zip(&design.leverage).map(|((a, b), l)| (a - b).abs() * l);
        change.sum::<f64>() > STALE * self.weights.iter().sum::<f64>()
    }

    /// What to add to `beta`, which leaves these residuals at these weights.
    fn step(&self, design: &Design, weights: &[f64], residuals: &[f64], beta: &DVector<f64>) -> DVector<f64> {
        let weighted: Vec<f64> = residuals.iter().zip(weights).map(|(r, w)| r * w).collect();
        let shrinkage = ridge(self.ridge_ratio, weights);
        let mut gradient: DVector<f64> = DVector::from_iterator(
            beta.len(),
            design.covariates().map(|covariate| aview1(covariate).dot(&aview1(&weighted))),
        );
        (1..beta.len()).for_each(|i| gradient[i] -= shrinkage * beta[i]);
        self.matrix.solve(&gradient)
    }
}

/// The ridge of a slope.
fn ridge(ratio: f64, weights: &[f64]) -> f64 {
    ratio.max(1e-9) * weights.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_noise_is_fitted_beside_its_outliers() {
        let x: Vec<f64> = (0..100).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let mut y = vec![5.0; 100];
        for (i, outlier) in [(10, 9.0), (40, 1.0), (70, 30.0)] {
            y[i] = outlier;
        }
        let rule = RegressionRule { ridge_ratio: 0.0, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&[&x], &y, None, rule).unwrap();
        assert!(fit.sigma < 1e-6 && (fit.residuals[70] - 25.0).abs() < 1e-3, "{fit:?}");
    }

    #[test]
    fn known_outliers_in_a_covariate_do_not_draw_the_line() {
        let n = 400;
        let place = |i: usize| (i as f64 * 0.7).sin() + 0.3 * (i as f64 * 2.3).cos();
        let outlying = |i: &usize| (100..140).contains(i);
        let x: Vec<f64> = (0..n).map(|i| place(i) + if outlying(&i) { 30.0 } else { 0.0 }).collect();
        let y: Vec<f64> = (0..n).map(|i| 2.0 * place(i) + 0.05 * (i as f64 * 1.9).cos()).collect();
        let first: Vec<f64> = (0..n).map(|i| if outlying(&i) { 0.0 } else { 1.0 }).collect();
        let rule = RegressionRule { ridge_ratio: 0.0, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&[&x], &y, Some(&first), rule).unwrap();
        assert!(fit.residuals[10].abs() < 0.1 && (fit.residuals[120] + 60.0).abs() < 0.5, "{fit:?}");
    }

    #[test]
    fn rows_that_turn_out_to_fit_come_back() {
        // The stretch has a hundred times the leverage of the rest and was taken for outliers at first.
        let n = 600;
        let noise = |i: usize| {
            let bits = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / f64::from(1u32 << 22)
                - 2.0
        };
        let stretch = 100..160;
        let x: Vec<f64> =
            (0..n).map(|i| noise(i + 7919) + if stretch.contains(&i) { 10.0 } else { 0.0 }).collect();
        let y: Vec<f64> = (0..n).map(|i| 0.05 * x[i] + noise(i)).collect();
        let first: Vec<f64> = (0..n).map(|i| if stretch.contains(&i) { 0.0 } else { 1.0 }).collect();
        let rule = RegressionRule { ridge_ratio: 5e-4, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&[&x], &y, Some(&first), rule).unwrap();
        let all = tukey_regression(&[&x], &y, None, rule).unwrap();
        let worst = fit.residuals.iter().zip(&all.residuals).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 0.05 && (fit.sigma - all.sigma).abs() < 0.02, "{worst} {} {}", fit.sigma, all.sigma);
    }

    #[test]
    fn outliers_and_gaps_leave_the_line_alone() {
        let n = 400;
        let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin() * 3.0).collect();
        let mut y: Vec<f64> = (0..n).map(|i| 2.0 * x[i] + 5.0 + 0.1 * (i as f64 * 1.9).cos()).collect();
        for v in &mut y[100..180] {
            *v += 40.0;
        }
        y[7] = f64::NAN;
        let rule = RegressionRule { ridge_ratio: 0.0, rounds: 8, cutoff_sigma: 4.7 };
        let fit = tukey_regression(&[&x], &y, None, rule).unwrap();
        assert!(fit.residuals[7].is_nan() && fit.count == n - 1);
        assert!((fit.residuals[150] - 40.0).abs() < 0.3 && fit.residuals[10].abs() < 0.2 && fit.sigma < 0.15);
    }
}
