//! A straight line through points of which many may be outliers, in `x` as well: the weighted median of pairwise slopes as the start
//! (Sen 1968, 10.1080/01621459.1968.10480934; weights by Jaeckel 1972), then iteratively reweighted least squares with the bisquare
//! weight (Beaton & Tukey 1974).
//!
//! Degenerate cases: fewer than nine points, or an abscissa that hardly varies, give `None`; points exactly
//! on a line give that line with a spread of 0.

use super::order::{mad_sigma, median, weighted_median};
use super::regression::biweight;

/// Bisquare tuning constant: 95 % efficiency for normal residuals.
const BISQUARE_SIGMA: f64 = 4.685;
/// Most reweighting steps; a step that moves the gain by less than 1e-5 of itself ends them earlier.
const STEPS_MAX: usize = 40;
/// Pairs beyond which evenly spread ones give the start.
const PAIRS_MAX: usize = 4001;

/// `y = gain · x + offset` with the robust standard deviation of the residuals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustLine {
    /// Units of `y` per unit of `x`.
    pub gain: f64,
    /// Value at `x = 0`.
    pub offset: f64,
    /// Standard deviation of the residuals, from their median absolute deviation.
    pub sigma: f64,
}

impl RobustLine {
    /// The value of the line at `x`.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.gain * x + self.offset
    }
}

/// The robust line of `y` on `x` (equally long, finite); `None` for degenerate points.
#[must_use]
pub fn robust_line(x: &[f64], y: &[f64]) -> Option<RobustLine> {
    if x.len() < 9 || x.len() != y.len() {
        return None;
    }
    let (mut gain, mut offset) = pairwise_line(x, y)?;
    for _ in 0..STEPS_MAX {
        let sigma = residual_sigma(x, y, gain, offset);
        let reach = BISQUARE_SIGMA * sigma;
        if reach <= 0.0 {
            break;
        }
        let mut s = [0.0; 5];
        for (&a, &b) in x.iter().zip(y) {
            // w = (1 − (r / cσ)²)² for |r| < cσ, else 0
            let w = biweight((b - gain * a - offset) / reach);
            for (sum, term) in s.iter_mut().zip([1.0, a, b, a * a, a * b]) {
                *sum += w * term;
            }
        }
        let (mx, my) = (s[1] / s[0], s[2] / s[0]);
        let spread = s[3] / s[0] - mx * mx;
        if spread.is_nan() || spread <= 0.0 {
            return None;
        }
        let next = (s[4] / s[0] - mx * my) / spread;
        let settled = (next - gain).abs() <= 1e-5 * gain.abs();
        (gain, offset) = (next, my - next * mx);
        if settled {
            break;
        }
    }
    Some(RobustLine { gain, offset, sigma: residual_sigma(x, y, gain, offset) })
}

/// Weighted median of the slopes between each point and the one half of the points further on, offset from the median residual.
///
/// A slope weighs as much as its points lie apart in `x`. Half of that weight is sound while fewer than 29 % of the points are
/// outliers, wherever they lie.
fn pairwise_line(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let n = x.len();
    let pair = |i: usize| (x[(i + n / 2) % n] - x[i], y[(i + n / 2) % n] - y[i]);
    let pairs = n.min(PAIRS_MAX);
    let spread = (0..pairs).map(|k| k * n / pairs);
    let slopes = spread.map(pair).filter(|(dx, _)| *dx != 0.0).map(|(dx, dy)| (dy / dx, dx.abs()));
    let gain = weighted_median(slopes.collect());
    let mut residuals: Vec<f64> = x.iter().zip(y).map(|(a, b)| b - gain * a).collect();
    gain.is_finite().then(|| (gain, median(&mut residuals)))
}

fn residual_sigma(x: &[f64], y: &[f64], gain: f64, offset: f64) -> f64 {
    let residuals: Vec<f64> = x.iter().zip(y).map(|(a, b)| b - gain * a - offset).collect();
    mad_sigma(&residuals, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_outliers_does_not_move_the_line() {
        let x: Vec<f64> = (0..300).map(|i| f64::from(i) / 300.0).collect();
        let y: Vec<f64> = (0..300)
            .map(|i| {
                let noise = 0.002 * (f64::from(i) * 1.7).sin();
                if i % 3 == 0 { 3.0 } else { 0.8 * x[i as usize] + 0.05 + noise }
            })
            .collect();
        let line = robust_line(&x, &y).unwrap();
        assert!((line.gain - 0.8).abs() < 0.005 && (line.offset - 0.05).abs() < 0.005, "{line:?}");
    }

    #[test]
    fn a_quarter_of_outliers_at_one_end_of_x_does_not_turn_the_line() {
        let x: Vec<f64> =
            (0..400).map(|i| (f64::from(i) * 0.7).sin() + if i % 100 < 25 { 6.0 } else { 0.0 }).collect();
        let y: Vec<f64> =
            (0..400).map(|i| (f64::from(i) * 0.7).sin() + 0.01 * (f64::from(i) * 1.9).cos()).collect();
        let line = robust_line(&x, &y).unwrap();
        assert!((line.gain - 1.0).abs() < 0.01 && line.offset.abs() < 0.01, "{line:?}");
    }

    #[test]
    fn exact_and_degenerate_points() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|v| 2.0 * v - 1.0).collect();
        let line = robust_line(&x, &y).unwrap();
        assert!((line.at(10.0) - 19.0).abs() < 1e-12 && line.sigma < 1e-12);
        assert_eq!(robust_line(&[1.0; 20], &y), None);
        assert_eq!(robust_line(&x[..5], &y[..5]), None);
    }
}
