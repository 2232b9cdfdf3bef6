//! Where objects are born as the threshold falls.
//!
//! An object is born at the level at which a connected set of pixels first reaches the smallest area (a max-tree's
//! attribute filter: Salembier et al. 1998, 10.1109/83.663500). It is wide when the ground around it that stands out half
//! as much is as large as a field.

use ndarray::Array2;
use std::collections::HashSet;

/// Share of its level down to which the ground around a birth counts as its own.
pub(super) const FOOT: f32 = 0.5;
/// Lowest such level, in multiples of the local level: below it noise hangs together.
pub(super) const FOOT_MIN: f32 = 2.0;

/// An object that reaches the smallest area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Birth {
    /// A pixel of it, (row, col).
    pub(super) place: (usize, usize),
    /// Level at which it does, in multiples of the local level.
    pub(super) level: f64,
    /// Whether it is a part of something as large as a field.
    pub(super) is_wide: bool,
}

/// Births of objects of `count_min` 4-connected pixels of `region`, highest first; `wide` tells whether one at a place is.
pub(super) fn births(
    excess: &Array2<f32>,
    region: &Array2<bool>,
    count_min: usize,
    wide: impl Fn((usize, usize)) -> bool,
) -> Vec<Birth> {
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
            let place = (row, col);
            born.push(Birth { place, level: f64::from(value), is_wide: wide(place) });
        }
    }
    born
}

/// Whether the ground around a place that stands out half as much as it does has `count_wide` pixels or more.
pub(super) fn is_wide(excess: &Array2<f32>, place: (usize, usize), count_wide: usize) -> bool {
    let foot = (FOOT * excess[place]).max(FOOT_MIN);
    let mut open = vec![place];
    let mut seen = HashSet::from([place]);
    while let Some((r, c)) = open.pop() {
        for next in [(r.wrapping_sub(1), c), (r, c.wrapping_sub(1)), (r, c + 1), (r + 1, c)] {
            if excess.get(next).is_some_and(|v| *v >= foot) && seen.insert(next) {
                open.push(next);
            }
        }
        if seen.len() >= count_wide {
            return true;
        }
    }
    false
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
    use ndarray::s;

    #[test]
    fn a_birth_is_the_level_at_which_the_smallest_area_is_reached() {
        let mut excess = Array2::zeros((5, 9));
        for (col, level) in [(1, 5.0), (2, 4.0), (3, 3.0), (6, 9.0), (7, 2.0)] {
            excess[[2, col]] = level;
        }
        let found = births(&excess, &Array2::from_elem((5, 9), true), 2, |_| false);
        let at = |place, level| Birth { place, level, is_wide: false };
        assert_eq!(found, [at((2, 2), 4.0), at((2, 7), 2.0)]);
    }

    #[test]
    fn a_field_is_wide_and_a_heap_on_it_is_not() {
        let mut excess = Array2::from_elem((30, 40), 1.0);
        excess.slice_mut(s![5..20, 5..25]).fill(6.0);
        assert!(is_wide(&excess, (10, 10), 100));
        excess.slice_mut(s![8..10, 10..14]).fill(20.0);
        assert!(!is_wide(&excess, (8, 10), 100) && is_wide(&excess, (15, 10), 100));
        assert!(!is_wide(&excess, (25, 30), 100), "noise");
    }
}
