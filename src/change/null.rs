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
/// Share of the births that begins the tail of a bulk, and the share at the top that is left out of it.
const BULK: (f64, f64) = (0.2, 0.02);

/// Levels of the background's objects and the area they come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Null {
    /// Level of each background object, descending.
    levels: Vec<f64>,
    area_km2: f64,
    anchor: (f64, f64),
    exponent: f64,
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
        Self { levels, area_km2, anchor: (base, count.max(1) as f64), exponent }
    }

    /// The null of births most of which are no changes: the tail rests on the upper fifth without the top fiftieth, in
    /// which the changes are.
    pub(super) fn of_bulk(mut levels: Vec<f64>, area_km2: f64) -> Self {
        levels.sort_by(|a, b| b.total_cmp(a));
        let rank = |share: f64| (share * levels.len() as f64) as usize;
        let (all, top) = (rank(BULK.0), rank(BULK.1));
        if all < TAIL_COUNT {
            return Self::new(levels, area_km2);
        }
        let (base, cut) = (levels[all - 1], levels[top]);
        let beyond = top as f64 * (cut / base).ln();
        let spread = beyond + levels[top..all].iter().map(|l| (l / base).ln()).sum::<f64>();
        // Right-censored Hill: 1/α = (n_top ln(ℓ_cut/ℓ_b) + Σ ln(ℓᵢ/ℓ_b)) / (n − n_top)
        let exponent = if spread > 0.0 { (all - top) as f64 / spread } else { EXPONENT };
        Self { levels, area_km2, anchor: (base, all as f64), exponent }
    }

    /// Expected false objects per square kilometre at or above a level.
    pub(super) fn per_km2(&self, level: f64) -> f64 {
        let (base, count) = self.anchor;
        let number = if level > base {
            count * (level / base).powf(-self.exponent)
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
            base * (count / number).powf(1.0 / self.exponent)
        } else {
            self.levels.get(number as usize - 1).or(self.levels.last()).copied().unwrap_or(base)
        }
    }
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
    fn a_birth_is_the_level_at_which_the_smallest_area_is_reached() {
        let mut excess = Array2::zeros((5, 9));
        for (col, level) in [(1, 5.0), (2, 4.0), (3, 3.0), (6, 9.0), (7, 2.0)] {
            excess[[2, col]] = level;
        }
        let found = births(&excess, &Array2::from_elem((5, 9), true), 2);
        assert_eq!(found, [((2, 2), 4.0), ((2, 7), 2.0)]);
    }
}
