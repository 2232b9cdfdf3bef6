//! Exact 95 % intervals of a Poisson mean and of a binomial probability.
//!
//! Garwood 1936 (10.1093/biomet/28.3-4.437) and Clopper & Pearson 1934 (10.1093/biomet/26.4.404), both by the
//! quantiles of the conjugate law. Degenerate cases: a count of 0 has the lower end 0, all of all the upper end 1.

use statrs::distribution::{Beta, ContinuousCDF, Gamma};

/// Probability outside either end.
const OUTSIDE: f64 = 0.025;

/// The interval of a Poisson mean of which `count` was seen.
#[must_use]
pub fn poisson_interval(count: usize) -> [f64; 2] {
    let quantile =
        |shape: usize, q: f64| Gamma::new(shape as f64, 1.0).map_or(f64::NAN, |g| g.inverse_cdf(q));
    // χ²(q; 2k)/2 is the gamma quantile of shape k
    let low = if count == 0 { 0.0 } else { quantile(count, OUTSIDE) };
    [low, quantile(count + 1, 1.0 - OUTSIDE)]
}

/// The interval of a probability of which `hits` of `trials` were seen; 0…1 without trials.
#[must_use]
pub fn binomial_interval(hits: usize, trials: usize) -> [f64; 2] {
    let misses = trials.saturating_sub(hits);
    let quantile = |a: usize, b: usize, q: f64| {
        Beta::new(a as f64, b as f64).map_or(f64::NAN, |beta| beta.inverse_cdf(q))
    };
    let low = if hits == 0 { 0.0 } else { quantile(hits, misses + 1, OUTSIDE) };
    let high = if misses == 0 { 1.0 } else { quantile(hits + 1, misses, 1.0 - OUTSIDE) };
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Binomial, DiscreteCDF, Poisson};

    #[test]
    fn the_ends_leave_the_promised_tails() {
        for count in [1usize, 4, 30] {
            let [low, high] = poisson_interval(count);
            let above = 1.0 - Poisson::new(low).unwrap().cdf(count as u64 - 1);
            let below = Poisson::new(high).unwrap().cdf(count as u64);
            assert!((above - OUTSIDE).abs() < 1e-6 && (below - OUTSIDE).abs() < 1e-6, "{count}");
        }
        for (hits, trials) in [(1usize, 9usize), (7, 10), (50, 200)] {
            let [low, high] = binomial_interval(hits, trials);
            let above = 1.0 - Binomial::new(low, trials as u64).unwrap().cdf(hits as u64 - 1);
            let below = Binomial::new(high, trials as u64).unwrap().cdf(hits as u64);
            assert!((above - OUTSIDE).abs() < 1e-5 && (below - OUTSIDE).abs() < 1e-5, "{hits}/{trials}");
        }
    }

    #[test]
    fn nothing_and_everything_have_one_end_at_the_border() {
        assert!(poisson_interval(0)[0].abs() < 1e-12 && (poisson_interval(0)[1] - 3.688_879).abs() < 1e-4);
        assert!(binomial_interval(0, 5)[0].abs() < 1e-12 && (binomial_interval(5, 5)[1] - 1.0).abs() < 1e-12);
        let [low, high] = binomial_interval(0, 0);
        assert!(low.abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
    }
}
