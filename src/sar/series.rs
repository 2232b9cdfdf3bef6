//! Tests over a whole stack: the omnibus test for any change, and the t-test of one date against the others.
//!
//! Omnibus: Conradsen et al. 2016 (10.1109/TGRS.2015.2510160), for one polarisation. t-test: Ballinger 2024 (arXiv
//! 2405.06323), pixel by pixel on decibels, here with one date to be predicted: t = (y − ȳ) / (s √(1 + 1/n)).

use crate::units::power_to_db;

/// −2ρ ln Q for equal means of the dates of one pixel: χ² with one degree of freedom less than dates, without change.
///
/// `series` is linear power > 0, each date of `looks` looks; NaN with fewer than two dates.
#[must_use]
pub fn omnibus_statistic(series: &[f64], looks: f64) -> f64 {
    let k = series.len() as f64;
    if series.len() < 2 || !series.iter().all(|v| *v > 0.0) {
        return f64::NAN;
    }
    // −2 ln Q = 2 n [k ln(ΣX / k) − Σ ln X]
    let mean = series.iter().sum::<f64>() / k;
    let twice = 2.0 * looks * (k * mean.ln() - series.iter().map(|v| v.ln()).sum::<f64>());
    // ρ = 1 − (k − 1/k) / (6 n (k − 1)) = 1 − (k + 1) / (6 n k)
    let rho = 1.0 - (k + 1.0) / (6.0 * looks * k);
    rho * twice.max(0.0)
}

/// Student's t of a target against baseline dates, all in linear power, on decibels; NaN with fewer than two dates.
#[must_use]
pub fn t_statistic(target: f64, baseline: &[f64]) -> f64 {
    let n = baseline.len() as f64;
    if baseline.len() < 2 {
        return f64::NAN;
    }
    let mean = baseline.iter().map(|&v| power_to_db(v)).sum::<f64>() / n;
    let variance = baseline.iter().map(|&v| (power_to_db(v) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // t = (y − ȳ) / (s √(1 + 1/n))
    (power_to_db(target) - mean) / (variance * (1.0 + 1.0 / n)).sqrt().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::super::distance_from_uniform;
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma};
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    fn p_value(series: &[f64], looks: f64) -> f64 {
        let law = ChiSquared::new(series.len() as f64 - 1.0).unwrap();
        1.0 - law.cdf(omnibus_statistic(series, looks))
    }

    #[test]
    fn the_omnibus_test_is_uniform_without_change_and_sees_a_change() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        for (looks, dates) in [(2.0, 5), (4.4, 20)] {
            let power = Gamma::new(looks, 0.1 / looks).unwrap();
            let n = 10_000;
            let mut draw = |gain: f64| -> Vec<f64> {
                (0..dates).map(|d| power.sample(&mut rng) * if d == 0 { gain } else { 1.0 }).collect()
            };
            let mut p: Vec<f64> = (0..n).map(|_| p_value(&draw(1.0), looks)).collect();
            let worst = distance_from_uniform(&mut p);
            assert!(worst < 0.02, "{looks} looks: {worst:.3}");
            let changed = (0..200).filter(|_| p_value(&draw(30.0), looks) < 0.01).count();
            // Two looks and five dates see 15 dB in most, not all, pixels.
            assert!(changed > 100, "{changed} of 200");
        }
        assert!(omnibus_statistic(&[0.1], 4.0).is_nan());
    }

    #[test]
    fn the_t_statistic_counts_in_spreads() {
        let t = t_statistic(1.0, &[0.1, 0.1 * 10f64.powf(0.1), 0.1 * 10f64.powf(-0.1)]);
        // 10 dB over a spread of 1 dB, three dates.
        assert!((t - 10.0 / (4.0_f64 / 3.0).sqrt()).abs() < 1e-6, "{t}");
        assert!(t_statistic(1.0, &[0.1]).is_nan());
    }
}
