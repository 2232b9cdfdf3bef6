//! The point spread of trials that put trains into pixels independently of `railwatch::simulate`: a Gaussian.

/// Point spread of sensor and pixel together, metres.
pub(crate) const SIGMA_M: f64 = 5.5;

/// Φ by Abramowitz & Stegun 7.1.26.
fn phi(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - poly * (-z * z).exp();
    if x >= 0.0 { 0.5 * (1.0 + erf) } else { 0.5 * (1.0 - erf) }
}

/// Share of what is seen at a place, metres, that comes from between `low` and `high`.
pub(crate) fn share(at: f64, low: f64, high: f64) -> f64 {
    phi((high - at) / SIGMA_M) - phi((low - at) / SIGMA_M)
}
