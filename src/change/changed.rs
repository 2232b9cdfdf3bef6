//! What a changed place looks like, from sums over its pixels that add up over windows.

use super::outline::outline;
use super::{ChangeMap, Direction};
use crate::scene::Appearance;
use crate::stats::median;
use ndarray::{Array2, Array3};

/// Width of the ring around a place that shows its surroundings, px.
const RING_PX: usize = 3;

/// A connected change.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Closed outer ring in continuous `(row, col)` (pixel centres at whole numbers), counterclockwise on a
    /// north-up map.
    pub outline: Vec<(f64, f64)>,
    /// Area of its pixels, m².
    pub area_m2: f64,
    /// Mean of the change statistic over its pixels.
    pub statistic_mean: f64,
    /// Level at which it stands out, in multiples of the statistic's local level.
    pub level_ratio: f64,
    /// Mean of target minus expectation of each band, in units of the target.
    pub contrast: Vec<f64>,
    /// How it looks.
    pub appearance: Appearance,
    /// Whether it came or went.
    pub direction: Direction,
    /// Expected number of false objects at least as strong on all the ground that was searched.
    pub expected_false_alarms: f64,
}

/// Sums over the pixels of a place.
#[derive(Debug)]
pub(super) struct Sums {
    statistic: f64,
    /// Target minus expectation of each band.
    contrast: Vec<f64>,
    /// How far the place stood out of its surroundings before and after, times the pixels.
    standing: [f64; 2],
}

impl Sums {
    /// Over the pixels of `map`; its surroundings are the pixels near it that are `still`. `sigma` is the spread of each
    /// band's contrast.
    pub(super) fn of(
        map: &ChangeMap,
        sigma: &[f64],
        pixels: &[(usize, usize)],
        still: impl Fn(&(usize, usize)) -> bool,
    ) -> Self {
        let count = pixels.len() as f64;
        let sum = |values: &Array3<f32>, b: usize| -> f64 {
            pixels.iter().map(|&(r, c)| f64::from(values[[b, r, c]])).sum()
        };
        let contrast: Vec<f64> = (0..map.contrast.shape()[0]).map(|b| sum(&map.contrast, b)).collect();
        let ring = ring(map, pixels, still);
        let mut standing = [0.0; 2];
        // A place without surroundings tells nothing of what it stood out of.
        let seen = contrast.iter().enumerate().filter(|_| !ring.is_empty());
        for (b, change) in seen {
            let around = |values: &Array3<f32>| {
                median(&mut ring.iter().map(|&(r, c)| f64::from(values[[b, r, c]])).collect::<Vec<_>>())
            };
            let before = sum(&map.expected, b) / count - around(&map.expected);
            let after = before + change / count - around(&map.contrast);
            standing[0] += count * (before / sigma[b]).powi(2);
            standing[1] += count * (after / sigma[b]).powi(2);
        }
        let statistic = pixels.iter().map(|p| f64::from(map.statistic[*p])).sum();
        Self { statistic, contrast, standing }
    }

    /// Adds those of a place that touches this one.
    pub(super) fn add(&mut self, other: &Self) {
        self.statistic += other.statistic;
        self.contrast.iter_mut().zip(&other.contrast).for_each(|(a, b)| *a += b);
        self.standing.iter_mut().zip(other.standing).for_each(|(a, b)| *a += b);
    }

    /// The place of these sums, whose sorted pixels of `pixel_m2` each are all given.
    pub(super) fn changed(
        self,
        pixels: &[(usize, usize)],
        pixel_m2: f64,
        (level_ratio, expected_false_alarms): (f64, f64),
    ) -> Changed {
        let count = pixels.len() as f64;
        let contrast: Vec<f64> = self.contrast.iter().map(|v| v / count).collect();
        let went = self.standing[1] < self.standing[0];
        Changed {
            outline: outline(pixels),
            area_m2: count * pixel_m2,
            statistic_mean: self.statistic / count,
            level_ratio,
            appearance: Appearance::of(&contrast),
            contrast,
            direction: if went { Direction::Departed } else { Direction::Appeared },
            expected_false_alarms,
        }
    }
}

/// Valid pixels around a place that are `still`.
fn ring(
    map: &ChangeMap,
    pixels: &[(usize, usize)],
    still: impl Fn(&(usize, usize)) -> bool,
) -> Vec<(usize, usize)> {
    let (height, width) = map.statistic.dim();
    let mut around: Vec<(usize, usize)> = pixels
        .iter()
        .flat_map(|&(r, c)| {
            (r.saturating_sub(RING_PX)..(r + RING_PX + 1).min(height)).flat_map(move |row| {
                (c.saturating_sub(RING_PX)..(c + RING_PX + 1).min(width)).map(move |col| (row, col))
            })
        })
        .filter(|place| still(place) && map.statistic[*place].is_finite())
        .collect();
    around.sort_unstable();
    around.dedup();
    around
}

/// The 4-connected `free` pixels around a seed that lie inside, the seed with them; takes them out.
pub(super) fn component(
    free: &mut Array2<bool>,
    seed: (usize, usize),
    inside: impl Fn((usize, usize)) -> bool,
) -> Vec<(usize, usize)> {
    let mut open = vec![seed];
    let mut pixels = Vec::new();
    free[seed] = false;
    while let Some((r, c)) = open.pop() {
        pixels.push((r, c));
        for place in [(r.wrapping_sub(1), c), (r, c.wrapping_sub(1)), (r, c + 1), (r + 1, c)] {
            if inside(place) && free.get(place) == Some(&true) {
                free[place] = false;
                open.push(place);
            }
        }
    }
    pixels
}
