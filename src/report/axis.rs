//! Round numbers along an axis, and where they stand.

use serde::Serialize;

/// A mark of an axis: page coordinate and label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// Rounding of a quotient that must not make the next step of the same number, relative.
const ROUNDING: f64 = 1e-6;

/// The smallest of 1, 2, 5 × 10ⁿ that is not below `v` (> 0).
pub(super) fn step_above(v: f64) -> f64 {
    steps_about(v).into_iter().find(|step| *step >= v * (1.0 - ROUNDING)).unwrap_or(v)
}

/// The largest of 1, 2, 5 × 10ⁿ that is not above `v` (> 0).
pub(super) fn step_below(v: f64) -> f64 {
    steps_about(v).into_iter().rev().find(|step| *step <= v * (1.0 + ROUNDING)).unwrap_or(v)
}

/// The steps of the decade of `v`, and those that end it on both sides.
fn steps_about(v: f64) -> [f64; 5] {
    let exponent = v.log10().floor() as i32;
    // A negative power of ten is the inverse of a whole number: 0.1 and not 0.10000000000000001 times 1, 2, 5.
    let scaled = |m: f64| {
        if exponent < 0 { m / 10f64.powi(-exponent) } else { m * 10f64.powi(exponent) }
    };
    [0.5, 1.0, 2.0, 5.0, 10.0].map(scaled)
}

/// The multiples of `step` (> 0) from `low` to `high`, at most `most` of them.
pub(super) fn multiples(low: f64, high: f64, step: f64, most: usize) -> Vec<f64> {
    let first = (low / step - ROUNDING).ceil() as i64;
    let last = (high / step + ROUNDING).floor() as i64;
    (first..=last).take(most).map(|k| k as f64 * step).collect()
}

/// Digits behind the point that multiples of `step` need.
pub(super) fn decimals(step: f64) -> usize {
    (-step.log10().floor()).max(0.0) as usize
}

/// To a tenth of a page unit.
pub(super) fn tenth(v: f64) -> f64 {
    (v * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_on_the_asked_side() {
        for v in [0.013, 0.049, 0.2, 1.0 / 5.0, 1.0, 3.3, 500.0, 730.0, 9999.0] {
            let (above, below) = (step_above(v), step_below(v));
            assert!(below <= v * 1.00001 && above >= v * 0.99999 && above <= 2.5 * below, "{v}");
            for step in [above, below] {
                let digits = step / 10f64.powf((step * 1.000_000_1).log10().floor());
                assert!([1.0, 2.0, 5.0].iter().any(|d| (digits - d).abs() < 1e-9), "{v}: {step}");
            }
        }
        assert!((step_above(1.0) - 1.0).abs() < 1e-12 && (step_below(1.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn multiples_keep_the_ends_that_are_round() {
        assert_eq!(multiples(0.0, 1.0, 0.2, 20).len(), 6);
        assert_eq!(multiples(-0.25, 0.3, 0.1, 20).len(), 6);
        assert_eq!(multiples(0.0, 1e9, 1.0, 12).len(), 12);
        assert_eq!((decimals(0.02), decimals(0.5), decimals(5.0)), (2, 1, 0));
    }
}
