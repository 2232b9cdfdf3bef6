//! How many objects the background holds at a level: the null against which objects inside the mask stand.
//!
//! The births of the background ([`super::births`]) give the false objects per square kilometre; above the
//! twentieth highest birth a Pareto tail (Hill 1975) continues it. Degenerate case: without births a tail
//! of exponent 3 from three times the local level is assumed.
//!
//! What is narrower than a field is held against narrow births alone as well, at their share of the asked rate: else a
//! harvest, which is a change but no cargo, would set the threshold for cargo. Where the births of both kinds fall alike with
//! the level this changes nothing; at worst it doubles the rate, and half of that are harvests.

use super::births::{Birth, FOOT, FOOT_MIN};

/// Births that carry the tail.
const TAIL_COUNT: usize = 20;
/// Fewest births from which an exponent is estimated.
const TAIL_COUNT_MIN: usize = 5;
/// Exponent where there are fewer, on the safe side of what normal noise gives.
const EXPONENT: f64 = 3.0;
/// Level of the single assumed birth where there is none.
const LEVEL: f64 = 3.0;
/// Shares of the births, from the top, at which the tail of a bulk is read off: changes are expected above the last.
const BULK: [f64; 3] = [0.5, 0.2, 0.07];
/// Bend of the lightest tail, that of normal noise; 0 is a Pareto tail.
const BEND_MAX: f64 = 2.0;
/// Halvings of the search for the bend.
const HALVINGS: usize = 40;

/// Levels of the background's objects and the area they come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Null {
    /// Level of each background object, descending.
    levels: Vec<f64>,
    area_km2: f64,
    anchor: (f64, f64),
    exponent: f64,
    /// How much lighter than Pareto the tail is, 0…2.
    bend: f64,
}

impl Null {
    /// The null of background objects with these levels (multiples of the local level) found on `area_km2`.
    pub(super) fn new(mut levels: Vec<f64>, area_km2: f64) -> Self {
        levels.sort_by(|a, b| b.total_cmp(a));
        let count = levels.len().min(TAIL_COUNT);
        let base = count.checked_sub(1).map_or(LEVEL, |k| levels[k]);
        let spread: f64 = levels.iter().take(count).map(|l| (l / base).ln()).sum();
        // Hill: 1/α = Σ ln(ℓᵢ / ℓ_k) / (k − 1)
        let exponent =
            if count >= TAIL_COUNT_MIN && spread > 0.0 { (count - 1) as f64 / spread } else { EXPONENT };
        Self { levels, area_km2, anchor: (base, count.max(1) as f64), exponent, bend: 0.0 }
    }

    /// The null of births most of which are no changes: the tail goes through three ranks of the bulk.
    pub(super) fn of_bulk(mut levels: Vec<f64>, area_km2: f64) -> Self {
        levels.sort_by(|a, b| b.total_cmp(a));
        let counts = BULK.map(|share| (share * levels.len() as f64) as usize);
        if counts[2] < TAIL_COUNT_MIN {
            return Self::new(levels, area_km2);
        }
        let [base, middle, high] = counts.map(|n| levels[n - 1]);
        let fall = |n: usize| (counts[0] as f64 / n as f64).ln();
        if base >= middle || middle >= high {
            return Self::new(levels, area_km2);
        }
        // g(ℓ₂/ℓ₁) / g(ℓ₃/ℓ₁) = ln(n₁/n₂) / ln(n₁/n₃), and the left side falls as the bend grows.
        let wanted = fall(counts[1]) / fall(counts[2]);
        let ratio = |bend: f64| bent(middle / base, bend) / bent(high / base, bend);
        let (mut low, mut high_bend) = (0.0, BEND_MAX);
        for _ in 0..HALVINGS {
            let half = 0.5 * (low + high_bend);
            if ratio(half) > wanted { low = half } else { high_bend = half }
        }
        let bend = low;
        let exponent = fall(counts[2]) / bent(high / base, bend);
        Self { levels, area_km2, anchor: (base, counts[0] as f64), exponent, bend }
    }

    /// Expected false objects per square kilometre at or above a level.
    pub(super) fn per_km2(&self, level: f64) -> f64 {
        let (base, count) = self.anchor;
        let number = if level > base {
            count * (-self.exponent * bent(level / base, self.bend)).exp()
        } else {
            self.levels.partition_point(|l| *l >= level).max(count as usize) as f64
        };
        number / self.area_km2
    }

    /// The lowest level at which at most `per_km2` false objects are expected per square kilometre.
    pub(super) fn threshold(&self, per_km2: f64) -> f64 {
        let (base, count) = self.anchor;
        let number = per_km2 * self.area_km2;
        if number < count {
            base * straight((count / number).ln() / self.exponent, self.bend)
        } else {
            self.levels.get(number as usize - 1).or(self.levels.last()).copied().unwrap_or(base)
        }
    }
}

/// `g(x) = (xᵇ − 1) / b`, `ln x` for b = 0: `N(ℓ) = n exp(−α g(ℓ/ℓ₁))` is a Pareto tail for b = 0 and a normal one for b = 2.
fn bent(x: f64, bend: f64) -> f64 {
    if bend > 1e-6 { (x.powf(bend) - 1.0) / bend } else { x.ln() }
}

/// The inverse of [`bent`].
fn straight(g: f64, bend: f64) -> f64 {
    if bend > 1e-6 { (1.0 + bend * g).powf(1.0 / bend) } else { g.exp() }
}

/// The nulls of all objects and of narrow ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nulls {
    all: Null,
    narrow: Null,
    /// Share of the narrow ones, 0…1, where narrow and wide can be told.
    narrow_share: f64,
}

impl Nulls {
    /// From the births of `area_km2`, each null by `make`.
    pub(super) fn new(births: &[Birth], area_km2: f64, make: impl Fn(Vec<f64>, f64) -> Null) -> Self {
        let of = |keep: fn(&Birth) -> bool| {
            make(births.iter().filter(|b| keep(b)).map(|b| b.level).collect(), area_km2)
        };
        let told = || births.iter().filter(|b| b.level >= f64::from(FOOT_MIN / FOOT));
        let narrow_count = told().filter(|b| !b.is_wide).count();
        Self {
            all: of(|_| true),
            narrow: of(|b| !b.is_wide),
            narrow_share: (narrow_count + 1) as f64 / (told().count() + 1) as f64,
        }
    }

    /// Expected false objects per square kilometre that stand out at least as clearly.
    pub(super) fn per_km2(&self, birth: &Birth) -> f64 {
        let all = self.all.per_km2(birth.level);
        if birth.is_wide { all } else { all.min(self.narrow.per_km2(birth.level) / self.narrow_share) }
    }

    /// The lowest level of a narrow or of a wide object at which at most `per_km2` false ones are expected per square kilometre.
    pub(super) fn threshold(&self, is_wide: bool, per_km2: f64) -> f64 {
        let all = self.all.threshold(per_km2);
        if is_wide { all } else { all.min(self.narrow.threshold(per_km2 * self.narrow_share)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threshold_and_rate_are_inverse_in_and_beyond_the_sample() {
        let null = Null::new((1..=100).map(|k| 100.0 / f64::from(k)).collect(), 2.0);
        assert!((null.per_km2(null.threshold(25.0)) - 25.0).abs() < 1e-9);
        assert!((null.per_km2(null.threshold(0.04)) - 0.04).abs() < 1e-9);
        assert!(null.threshold(0.04) > null.threshold(0.4));
        let empty = Null::new(Vec::new(), 2.0);
        assert!((empty.per_km2(empty.threshold(0.04)) - 0.04).abs() < 1e-9);
    }

    #[test]
    fn harvests_raise_the_level_of_wide_objects_alone() {
        let birth = |level: f64, is_wide| Birth { place: (0, 0), level, is_wide };
        let noise: Vec<Birth> = (1..=400).map(|k| birth(40.0 / f64::from(k).sqrt(), k % 4 == 0)).collect();
        let nulls = |births: &[Birth]| Nulls::new(births, 10.0, Null::new);
        let quiet = nulls(&noise);
        for rate in [0.05, 0.5, 5.0] {
            let ratio = quiet.threshold(false, rate) / quiet.threshold(true, rate);
            assert!((0.9..=1.0).contains(&ratio), "{rate}: {ratio}");
        }
        let harvested: Vec<Birth> =
            noise.iter().copied().chain((0..50).map(|k| birth(60.0 + f64::from(k), true))).collect();
        let worked = nulls(&harvested);
        assert!(worked.threshold(true, 0.5) > 1.5 * quiet.threshold(true, 0.5));
        assert!((worked.threshold(false, 0.5) / quiet.threshold(false, 0.5) - 1.0).abs() < 0.35);
        let at = birth(worked.threshold(false, 0.5), false);
        assert!((worked.per_km2(&at) - 0.5).abs() < 0.05);
    }

    #[test]
    fn a_bulk_foretells_its_own_tail_and_some_changes_do_not_raise_it_much() {
        // ℓ = (1 + b g)^(1/b) with g exponential: the tail whose parameters are to be found.
        let count = 20_000;
        for (bend, exponent) in [(0.0, 6.0), (1.0, 5.0), (2.0, 3.0)] {
            let at = |k: usize| straight(-((k as f64 + 0.5) / count as f64).ln() / exponent, bend);
            let pure: Vec<f64> = (0..count).map(at).collect();
            let null = Null::of_bulk(pure.clone(), 100.0);
            // 20 of 20 000 births lie at or above the level of 0.2 per km².
            assert!((null.threshold(0.2) / at(20) - 1.0).abs() < 0.02, "{bend}: {}", null.threshold(0.2));
            assert!((null.per_km2(null.threshold(0.02)) - 0.02).abs() < 1e-9);
            let changed = pure.into_iter().chain((0..400).map(|k| 30.0 + f64::from(k))).collect();
            let raised = Null::of_bulk(changed, 100.0).threshold(0.2) / at(20);
            assert!((0.98..1.35).contains(&raised), "{bend}: {raised}");
        }
    }
}
