//! Logistic regression on one variable, by iteratively reweighted least squares (Nelder & Wedderburn 1972, 10.2307/2344614).
//!
//! A ridge of 1e-3 on the slope keeps it finite where the outcomes are separated. Degenerate cases: only one kind
//! of outcome, or fewer than [`LEAST_COUNT`] points, give `None`.

/// Fewest points from which a curve is fitted.
const LEAST_COUNT: usize = 12;
const ROUNDS: usize = 50;
const RIDGE: f64 = 1e-3;

/// P(outcome | x) = 1 / (1 + exp(−(intercept + slope·x))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic {
    /// Log odds at x = 0.
    pub intercept: f64,
    /// Log odds a unit of x.
    pub slope: f64,
}

impl Logistic {
    /// The `x` at which the probability is `probability`; `None` where it does not rise with x.
    #[must_use]
    pub fn x_at(&self, probability: f64) -> Option<f64> {
        let x = ((probability / (1.0 - probability)).ln() - self.intercept) / self.slope;
        (self.slope > 0.0 && x.is_finite()).then_some(x)
    }
}

/// The fit to `points` of (x, outcome).
#[must_use]
pub fn logistic(points: &[(f64, bool)]) -> Option<Logistic> {
    let positive = points.iter().filter(|p| p.1).count();
    if points.len() < LEAST_COUNT || positive == 0 || positive == points.len() {
        return None;
    }
    let count = points.len() as f64;
    let centre = points.iter().map(|p| p.0).sum::<f64>() / count;
    let spread = (points.iter().map(|p| (p.0 - centre).powi(2)).sum::<f64>() / count).sqrt();
    if !(spread.is_finite() && spread > 0.0) {
        return None;
    }
    let (mut a, mut b) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        // Newton step of ℓ = Σ y η − ln(1 + e^η) − ridge b²/2, η = a + b z
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, -RIDGE * b, 1e-12, 0.0, RIDGE);
        for &(x, outcome) in points {
            let z = (x - centre) / spread;
            let p = 1.0 / (1.0 + (-(a + b * z)).exp());
            let (error, weight) = (f64::from(u8::from(outcome)) - p, p * (1.0 - p));
            ga += error;
            gb += error * z;
            haa += weight;
            hab += weight * z;
            hbb += weight * z * z;
        }
        let determinant = haa * hbb - hab * hab;
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        if !(da.is_finite() && db.is_finite()) {
            return None;
        }
        // A long first step overshoots where outcomes are nearly separated.
        let shrink = (4.0 / da.hypot(db)).min(1.0);
        a += shrink * da;
        b += shrink * db;
        if da.hypot(db) < 1e-9 {
            break;
        }
    }
    let slope = b / spread;
    Some(Logistic { intercept: a - slope * centre, slope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_that_made_the_points_is_found_again() {
        let truth = Logistic { intercept: -6.0, slope: 0.03 };
        let points: Vec<(f64, bool)> = (0..4000u32)
            .map(|i| {
                let x = f64::from(i % 400);
                let chance = f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1u32 << 24);
                (x, chance < 1.0 / (1.0 + (-(truth.intercept + truth.slope * x)).exp()))
            })
            .collect();
        let fit = logistic(&points).unwrap();
        assert!((fit.x_at(0.9).unwrap() - truth.x_at(0.9).unwrap()).abs() < 12.0, "{fit:?}");
        assert!((fit.x_at(0.5).unwrap() - 200.0).abs() < 6.0);
    }

    #[test]
    fn one_kind_of_outcome_or_a_falling_curve_tells_no_length() {
        assert_eq!(logistic(&vec![(1.0, true); 30]), None);
        let falling: Vec<(f64, bool)> = (0..30).map(|i| (f64::from(i), i < 15)).collect();
        assert_eq!(logistic(&falling).unwrap().x_at(0.9), None);
    }
}
