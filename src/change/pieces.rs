//! Changed ground in pieces of one window each, put together where they touch across windows.

use super::objects::{Appearance, Direction, appearance, q_values};
use super::outline::outline;
use super::{AreaModel, ChangeMap, Core};
use crate::stats::median;
use std::collections::{BTreeMap, HashMap};

/// Width of the ring around a piece that shows its surroundings, px.
const RING_PX: usize = 3;

/// Connected changed pixels of one window.
#[derive(Debug)]
pub(super) struct Piece {
    /// Pixels `(row, col)` of the scene.
    pixels: Vec<(u32, u32)>,
    /// Highest birth; 0 without one.
    pub(super) level: f64,
    /// Those of them at the edge of the window's core, where it may go on in the next.
    pub(super) edge: Vec<(u32, u32)>,
    statistic: f64,
    /// Sum of target minus expectation of each band.
    contrast: Vec<f64>,
    /// How far the place stood out of its surroundings before and after, times the pixels.
    standing: [f64; 2],
}

impl Piece {
    /// The piece of these pixels of the window that begins at `first`; `hot` are all changed pixels.
    pub(super) fn new(
        map: &ChangeMap,
        (hot, sigma): (&ndarray::Array2<bool>, &[f64]),
        pixels: &[(usize, usize)],
        (first, core): ((usize, usize), Core),
    ) -> Self {
        let count = pixels.len() as f64;
        let bands = map.contrast.shape()[0];
        let sum = |values: &ndarray::Array3<f32>, b: usize| -> f64 {
            pixels.iter().map(|&(r, c)| f64::from(values[[b, r, c]])).sum()
        };
        let contrast: Vec<f64> = (0..bands).map(|b| sum(&map.contrast, b)).collect();
        let ring = ring(map, hot, pixels);
        let mut standing = [0.0; 2];
        for (b, change) in contrast.iter().enumerate() {
            let around = |values: &ndarray::Array3<f32>| {
                median(&mut ring.iter().map(|&(r, c)| f64::from(values[[b, r, c]])).collect::<Vec<_>>())
            };
            let before = sum(&map.expected, b) / count - around(&map.expected);
            let after = before + change / count - around(&map.contrast);
            standing[0] += count * (before / sigma[b]).powi(2);
            standing[1] += count * (after / sigma[b]).powi(2);
        }
        // A piece without surroundings tells nothing of what it stood out of.
        let standing = if ring.is_empty() { [0.0; 2] } else { standing };
        let place = |&(r, c): &(usize, usize)| (r + first.0, c + first.1);
        let small = |(r, c): (usize, usize)| (r as u32, c as u32);
        let edge = |(r, c): (usize, usize)| {
            r == core.0 || c == core.1 || r + 1 == core.0 + core.2 || c + 1 == core.1 + core.3
        };
        Self {
            statistic: pixels.iter().map(|p| f64::from(map.statistic[*p])).sum(),
            edge: pixels.iter().map(place).filter(|p| edge(*p)).map(small).collect(),
            pixels: pixels.iter().map(place).map(small).collect(),
            level: 0.0,
            contrast,
            standing,
        }
    }

    /// Takes the highest of the births, in pixels of the window, that lies in it.
    pub(super) fn with_births(mut self, seeds: &[((usize, usize), f64)], first: (usize, usize)) -> Self {
        if seeds.is_empty() {
            return self;
        }
        self.pixels.sort_unstable();
        for ((r, c), level) in seeds {
            let place = ((r + first.0) as u32, (c + first.1) as u32);
            if *level > self.level && self.pixels.binary_search(&place).is_ok() {
                self.level = *level;
            }
        }
        self
    }

    fn join(&mut self, other: Self) {
        self.pixels.extend(other.pixels);
        self.level = self.level.max(other.level);
        self.statistic += other.statistic;
        self.contrast.iter_mut().zip(&other.contrast).for_each(|(a, b)| *a += b);
        self.standing.iter_mut().zip(other.standing).for_each(|(a, b)| *a += b);
    }
}

/// Pixels near a piece that show ground which did not change.
fn ring(map: &ChangeMap, hot: &ndarray::Array2<bool>, pixels: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (height, width) = hot.dim();
    let mut around: Vec<(usize, usize)> = pixels
        .iter()
        .flat_map(|&(r, c)| {
            let rows = r.saturating_sub(RING_PX)..(r + RING_PX + 1).min(height);
            rows.flat_map(move |row| {
                (c.saturating_sub(RING_PX)..(c + RING_PX + 1).min(width)).map(move |col| (row, col))
            })
        })
        .filter(|place| !hot[*place] && map.statistic[*place].is_finite())
        .collect();
    around.sort_unstable();
    around.dedup();
    around
}

/// A changed place of a whole scene.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaObject {
    /// Closed outer ring in continuous `(row, col)` of the scene, counterclockwise on a north-up map.
    pub outline: Vec<(f64, f64)>,
    /// Area of its pixels, m².
    pub area_m2: f64,
    /// Mean of the statistic over its pixels.
    pub statistic_mean: f64,
    /// Level at which it stands out, in multiples of the statistic's local level.
    pub level_ratio: f64,
    /// Mean of target minus expectation of each band, in units of the target.
    pub contrast: Vec<f64>,
    /// How it looks.
    pub appearance: Appearance,
    /// Whether it came or went.
    pub direction: Direction,
    /// Expected number of false objects at least as strong in the whole scene.
    pub expected_false_alarms: f64,
    /// Share of false ones among the objects at least as strong.
    pub q_value: f64,
}

/// Pieces of all windows of a scene on their way to objects.
#[derive(Debug, Default)]
pub struct AreaObjects {
    pieces: Vec<Piece>,
}

impl AreaObjects {
    /// Takes the pieces of a window.
    pub fn add(&mut self, block: &mut super::AreaBlock) {
        self.pieces.append(&mut block.pieces);
    }

    /// Objects of a scene that shows `area_km2` of ground, the surest first.
    #[must_use]
    pub fn finish(self, model: &AreaModel, area_km2: f64) -> Vec<AreaObject> {
        let mut found: Vec<AreaObject> = joined(self.pieces)
            .into_iter()
            .filter(|piece| piece.level >= model.threshold())
            .map(|piece| object(piece, model, area_km2))
            .collect();
        found.sort_by(|a, b| {
            b.level_ratio.total_cmp(&a.level_ratio).then_with(|| a.outline[0].0.total_cmp(&b.outline[0].0))
        });
        let shares = q_values(&found.iter().map(|o| o.expected_false_alarms).collect::<Vec<_>>());
        for (object, q_value) in found.iter_mut().zip(shares) {
            object.q_value = q_value;
        }
        found
    }
}

fn object(mut piece: Piece, model: &AreaModel, area_km2: f64) -> AreaObject {
    piece.pixels.sort_unstable();
    let pixels: Vec<(usize, usize)> = piece.pixels.iter().map(|&(r, c)| (r as usize, c as usize)).collect();
    let count = pixels.len() as f64;
    let contrast: Vec<f64> = piece.contrast.iter().map(|v| v / count).collect();
    AreaObject {
        outline: outline(&pixels),
        area_m2: count * model.pixel_m2(),
        statistic_mean: piece.statistic / count,
        level_ratio: piece.level,
        appearance: appearance(&contrast),
        contrast,
        direction: if piece.standing[1] < piece.standing[0] {
            Direction::Departed
        } else {
            Direction::Appeared
        },
        expected_false_alarms: model.expected_false(piece.level, area_km2),
        q_value: 1.0,
    }
}

/// Pieces that touch each other made one.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut owner: HashMap<(u32, u32), usize> = HashMap::new();
    for (k, piece) in pieces.iter().enumerate() {
        owner.extend(piece.edge.iter().map(|p| (*p, k)));
    }
    let mut parent: Vec<usize> = (0..pieces.len()).collect();
    for (k, piece) in pieces.iter().enumerate() {
        for &(row, col) in &piece.edge {
            for next in [(row + 1, col), (row, col + 1)] {
                if let Some(&other) = owner.get(&next) {
                    let (a, b) = (root(&mut parent, k), root(&mut parent, other));
                    parent[a.max(b)] = a.min(b);
                }
            }
        }
    }
    let mut whole: BTreeMap<usize, Piece> = BTreeMap::new();
    for (k, piece) in pieces.into_iter().enumerate() {
        match whole.entry(root(&mut parent, k)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(piece);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => place.get_mut().join(piece),
        }
    }
    whole.into_values().collect()
}

fn root(parent: &mut [usize], mut k: usize) -> usize {
    while parent[k] != k {
        parent[k] = parent[parent[k]];
        k = parent[k];
    }
    k
}
