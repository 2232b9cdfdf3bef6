//! Likelihood-ratio test for equal means of gamma-distributed power, one date against several.
//!
//! Conradsen et al. 2016 (10.1109/TGRS.2015.2510160): the test of the last date against the mean of those before it,
//! for one polarisation, where the complex Wishart distribution becomes the gamma distribution.

use statrs::function::erf::erfc;

/// Signed root of the likelihood ratio of "target and `count` baseline dates have one mean" against "the target has its
/// own": close to a standard normal variable without change, positive where the target is brighter.
///
/// `target` and `baseline` (the mean of the dates) are linear power > 0, each date of `looks` looks. NaN for
/// power that is not positive.
#[must_use]
pub fn signed_root(target: f64, baseline: f64, count: f64, looks: f64) -> f64 {
    if !(target > 0.0 && baseline > 0.0) {
        return f64::NAN;
    }
    // −2 ln Q = 2 n [(m + 1) ln((m B + T) / (m + 1)) − m ln B − ln T]
    let pooled = (count * baseline + target) / (count + 1.0);
    let twice = 2.0 * looks * ((count + 1.0) * pooled.ln() - count * baseline.ln() - target.ln());
    twice.max(0.0).sqrt().copysign(target - baseline)
}

/// Probability of so large a likelihood ratio, in either direction, if target and baseline have one mean and pixels are independent.
///
/// Arguments as for [`signed_root`]. The mean of −2 ln Q is above that of χ²(1) by the factor 1/ρ of Box's expansion; with ρ the χ²
/// distribution holds from one look on.
#[must_use]
pub fn equal_means_p_value(target: f64, baseline: f64, count: f64, looks: f64) -> f64 {
    // ρ = 1 − (1 + 1/m − 1/(m + 1)) / (6 n)
    let rho = 1.0 - (1.0 + 1.0 / count - 1.0 / (count + 1.0)) / (6.0 * looks);
    // P(χ²(1) > z²) = erfc(z / √2)
    erfc((0.5 * rho).sqrt() * signed_root(target, baseline, count, looks).abs())
}

#[cfg(test)]
mod tests {
    use super::super::distance_from_uniform;
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma};

    #[test]
    fn p_values_are_uniform_without_change() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (looks, count) in [(1.0, 1), (1.0, 8), (4.4, 8), (20.0, 3)] {
            let power = Gamma::new(looks, 0.07 / looks).unwrap();
            let n = 20_000;
            let mut p: Vec<f64> = (0..n)
                .map(|_| {
                    let mean = (0..count).map(|_| power.sample(&mut rng)).sum::<f64>() / f64::from(count);
                    equal_means_p_value(power.sample(&mut rng), mean, f64::from(count), looks)
                })
                .collect();
            // 1.63 / √n is the 1 % point; Box's expansion itself errs by up to 0.01 at one look.
            let worst = distance_from_uniform(&mut p);
            let allowed = 1.63 / f64::from(n).sqrt() + if looks < 2.0 { 0.01 } else { 0.0 };
            assert!(worst < allowed, "{looks} looks, {count} dates: {worst:.4} > {allowed:.4}");
        }
    }

    #[test]
    fn the_root_has_the_sign_of_the_change_and_no_scale() {
        assert!(signed_root(0.2, 0.1, 8.0, 4.0) > 0.0 && signed_root(0.05, 0.1, 8.0, 4.0) < 0.0);
        assert!(signed_root(0.1, 0.1, 8.0, 4.0).abs() < 1e-6);
        let (a, b) = (signed_root(0.2, 0.1, 8.0, 4.0), signed_root(20.0, 10.0, 8.0, 4.0));
        assert!((a - b).abs() < 1e-9);
        assert!(signed_root(0.0, 0.1, 8.0, 4.0).is_nan());
    }
}
