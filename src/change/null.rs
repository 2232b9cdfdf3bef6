//! How many objects the background holds at a level: the null against which objects inside the mask stand.
//!
//! An object is born at the level at which a connected set of pixels first reaches the smallest area, as the
//! threshold falls. The births of the background give the false objects per square kilometre; above the
//! twentieth highest birth a Pareto tail (Hill 1975) continues it. Degenerate case: without births a tail
//! of exponent 3 from three times the local level is assumed.

use ndarray::Array2;

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

/// Births of objects of `count_min` 4-connected pixels, highest first: a member pixel and its level.
pub(super) fn births(
    excess: &Array2<f32>,
    region: &Array2<bool>,
    count_min: usize,
) -> Vec<((usize, usize), f64)> {
    let (height, width) = excess.dim();
    let mut order: Vec<(f32, u32)> = excess
        .iter()
        .zip(region)
        .enumerate()
        .filter(|(_, (v, inside))| **inside && **v > 1.0)
        .map(|(k, (v, _))| (*v, k as u32))
        .collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut forest = Forest { parent: vec![u32::MAX; height * width], size: vec![0; height * width] };
    let mut born = Vec::new();
    for (value, place) in order {
        let k = place as usize;
        let (row, col) = (k / width, k % width);
        forest.parent[k] = place;
        forest.size[k] = 1;
        let mut largest = 1;
        let mut root = k;
        let neighbours = [
            (row > 0).then(|| k - width),
            (col > 0).then(|| k - 1),
            (col + 1 < width).then_some(k + 1),
            (row + 1 < height).then_some(k + width),
        ];
        for other in neighbours.into_iter().flatten().filter(|&n| region[[n / width, n % width]]) {
            if let Some(other) = forest.root(other) {
                largest = largest.max(if other == root { 0 } else { forest.size[other] as usize });
                root = forest.join(root, other);
            }
        }
        let reached = forest.size[root] as usize >= count_min;
        if reached && (largest < count_min || count_min == 1 && forest.size[root] == 1) {
            born.push(((row, col), f64::from(value)));
        }
    }
    born
}

/// Disjoint sets of pixels; `u32::MAX` = not yet in a set.
struct Forest {
    parent: Vec<u32>,
    size: Vec<u32>,
}

impl Forest {
    fn root(&mut self, mut k: usize) -> Option<usize> {
        if self.parent[k] == u32::MAX {
            return None;
        }
        while self.parent[k] as usize != k {
            let up = self.parent[k] as usize;
            self.parent[k] = self.parent[up];
            k = up;
        }
        Some(k)
    }

    fn join(&mut self, a: usize, b: usize) -> usize {
        if a == b {
            return a;
        }
        let (big, small) = if self.size[a] >= self.size[b] { (a, b) } else { (b, a) };
        self.parent[small] = big as u32;
        self.size[big] += self.size[small];
        big
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

    #[test]
    fn a_birth_is_the_level_at_which_the_smallest_area_is_reached() {
        let mut excess = Array2::zeros((5, 9));
        for (col, level) in [(1, 5.0), (2, 4.0), (3, 3.0), (6, 9.0), (7, 2.0)] {
            excess[[2, col]] = level;
        }
        let found = births(&excess, &Array2::from_elem((5, 9), true), 2);
        assert_eq!(found, [((2, 2), 4.0), ((2, 7), 2.0)]);
    }
}
