//! How often a scanned null gives an event at least as high as a statistic.
//!
//! The empirical count where there are enough events; beyond, an exponential law fitted to the highest
//! ones by their mean excess (the maximum-likelihood fit; Pickands 1975 with shape 0), which joins
//! the empirical tail without a step and never reaches zero. The mean excess of n events is itself known to 1/√n
//! only, so what is reported is the predictive law: averaged over the scales that n events leave possible
//! (Gamma(n, n·mean) for 1/scale), the exponential becomes (1 + x / (n·mean))⁻ⁿ, which falls slower where few
//! events stand behind it and is the exponential again where there are many (predictive inference: Geisser 1993).

/// Rate of events at or above a statistic, per unit of length.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTail {
    /// Statistics, descending.
    statistics: Vec<f64>,
    length: f64,
    /// The rank from which the empirical tail is used.
    join: usize,
    /// Mean excess of the fitted events.
    scale: f64,
    /// Number of fitted events.
    fit_count: f64,
}

impl EventTail {
    /// From the `statistics` of all events seen on `length` units (> 0); the tail above the `fit_count`-th
    /// highest is fitted, the `trusted_count`-th highest is the last whose empirical rate is used.
    ///
    /// `None` with fewer than five events or no length.
    #[must_use]
    pub fn new(
        mut statistics: Vec<f64>,
        length: f64,
        fit_count: usize,
        trusted_count: usize,
    ) -> Option<Self> {
        statistics.retain(|v| v.is_finite());
        statistics.sort_by(|a, b| b.total_cmp(a));
        if statistics.len() < 5 || !(length.is_finite() && length > 0.0) {
            return None;
        }
        let fit = fit_count.min(statistics.len() / 4).max(3);
        let join = trusted_count.clamp(1, statistics.len() - 1);
        // 1/λ = mean excess over the threshold
        let excess = statistics[..fit].iter().map(|s| s - statistics[fit]).sum::<f64>() / fit as f64;
        Some(Self { scale: excess.max(1e-9), fit_count: fit as f64, statistics, length, join })
    }

    /// Expected events at or above `statistic` per unit of length; falls strictly above the join.
    #[must_use]
    pub fn rate(&self, statistic: f64) -> f64 {
        if statistic.is_nan() {
            return f64::NAN;
        }
        let join_statistic = self.statistics[self.join - 1];
        let count = if statistic >= join_statistic {
            // N(s) = N_j (1 + (s − s_j) / (n m))⁻ⁿ
            let n = self.fit_count;
            self.join as f64 * (1.0 + (statistic - join_statistic) / (n * self.scale)).powf(-n)
        } else {
            let below = self.statistics.partition_point(|&s| s >= statistic);
            // Between two events the count is interpolated, so that close statistics stay in order.
            let (high, low) = (self.statistics[below - 1], self.statistics.get(below).copied());
            let step = low.map_or(0.0, |low| ((high - statistic) / (high - low).max(1e-12)).clamp(0.0, 1.0));
            below as f64 + step
        };
        count / self.length
    }

    /// The statistic at which the expected rate is `rate` per unit of length; the lowest statistic seen for
    /// rates above all.
    #[must_use]
    pub fn score_at(&self, rate: f64) -> f64 {
        let count = rate * self.length;
        let join = self.join as f64;
        if count <= join {
            // s = s_j + n m ((N / N_j)^(−1/n) − 1)
            let n = self.fit_count;
            return self.statistics[self.join - 1] + n * self.scale * ((count / join).powf(-1.0 / n) - 1.0);
        }
        let k = count.floor() as usize;
        match (self.statistics.get(k - 1), self.statistics.get(k)) {
            (Some(high), Some(low)) => high + (count - k as f64) * (low - high),
            _ => self.statistics[self.statistics.len() - 1],
        }
    }

    /// The statistic of the `n`-th highest event, the lowest where there are fewer.
    #[must_use]
    pub fn nth_highest(&self, n: usize) -> f64 {
        self.statistics[n.clamp(1, self.statistics.len()) - 1]
    }

    /// Number of events.
    #[must_use]
    pub fn count(&self) -> usize {
        self.statistics.len()
    }

    /// Whether `rate` is below what the events alone can show, so that the fit decides.
    #[must_use]
    pub fn extrapolates_at(&self, rate: f64) -> bool {
        rate * self.length < self.join as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_score_are_inverse_and_monotone() {
        let statistics: Vec<f64> = (0..500).map(|i| -((f64::from(i) + 0.5) / 500.0).ln()).collect();
        let tail = EventTail::new(statistics, 50.0, 100, 10).unwrap();
        for rate in [0.001, 0.05, 0.2, 1.0, 5.0] {
            assert!((tail.rate(tail.score_at(rate)) / rate - 1.0).abs() < 0.03, "{rate}");
        }
        // The law is exponential: 500 e^(−x) events on 50 units.
        assert!((tail.rate(9.0) / (10.0 * (-9.0f64).exp()) - 1.0).abs() < 0.4);
        assert!(tail.extrapolates_at(0.05) && !tail.extrapolates_at(1.0));
        let rates: Vec<f64> = (0..100).map(|i| tail.rate(f64::from(i) * 0.1)).collect();
        assert!(rates.windows(2).all(|w| w[1] <= w[0]));
    }

    #[test]
    fn a_rate_told_from_few_events_is_met_on_average() {
        // Many scenes with 40 exponential events each: the threshold for one event in ten scenes is passed by a further
        // scene's events once in ten scenes, though each scene's own fit rests on ten events.
        let mut state = 7_u64;
        let mut exponential = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            -(((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64).ln()
        };
        let (scenes, events) = (20_000, 40);
        let mut passed = 0_usize;
        for _ in 0..scenes {
            let tail = EventTail::new((0..events).map(|_| exponential()).collect(), 1.0, 60, 10).unwrap();
            let threshold = tail.score_at(0.1);
            passed += (0..events).filter(|_| exponential() >= threshold).count();
        }
        let rate = passed as f64 / f64::from(scenes);
        assert!((rate / 0.1 - 1.0).abs() < 0.15, "{rate}");
    }
}
