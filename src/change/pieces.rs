//! Changed ground in pieces of one window each, put together where they touch across windows.

use super::changed::{Changed, Sums};
use super::objects::q_values;
use super::{AreaModel, ChangeMap, Core};
use std::collections::{BTreeMap, HashMap};

/// Connected changed pixels of one window.
#[derive(Debug)]
pub(super) struct Piece {
    /// Pixels `(row, col)` of the scene.
    pixels: Vec<(u32, u32)>,
    /// Highest birth; 0 without one.
    pub(super) level: f64,
    /// Those of them at the edge of the window's core, where it may go on in the next.
    pub(super) edge: Vec<(u32, u32)>,
    sums: Sums,
}

impl Piece {
    /// The piece of these pixels of the window that begins at `first`; `hot` are all changed pixels.
    pub(super) fn new(
        map: &ChangeMap,
        (hot, sigma): (&ndarray::Array2<bool>, &[f64]),
        pixels: &[(usize, usize)],
        (first, core): ((usize, usize), Core),
    ) -> Self {
        let place = |&(r, c): &(usize, usize)| (r + first.0, c + first.1);
        let small = |(r, c): (usize, usize)| (r as u32, c as u32);
        let edge = |(r, c): (usize, usize)| {
            r == core.0 || c == core.1 || r + 1 == core.0 + core.2 || c + 1 == core.1 + core.3
        };
        Self {
            sums: Sums::of(map, sigma, pixels, |place| !hot[*place]),
            edge: pixels.iter().map(place).filter(|p| edge(*p)).map(small).collect(),
            pixels: pixels.iter().map(place).map(small).collect(),
            level: 0.0,
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
        self.sums.add(&other.sums);
    }
}

/// A changed place of a whole scene.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaObject {
    /// Where it is in the scene and how it looks; false objects are expected in the whole scene.
    pub changed: Changed,
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
            b.changed
                .level_ratio
                .total_cmp(&a.changed.level_ratio)
                .then_with(|| a.changed.outline[0].0.total_cmp(&b.changed.outline[0].0))
        });
        let expected: Vec<f64> = found.iter().map(|o| o.changed.expected_false_alarms).collect();
        for (object, q_value) in found.iter_mut().zip(q_values(&expected)) {
            object.q_value = q_value;
        }
        found
    }
}

fn object(mut piece: Piece, model: &AreaModel, area_km2: f64) -> AreaObject {
    piece.pixels.sort_unstable();
    let pixels: Vec<(usize, usize)> = piece.pixels.iter().map(|&(r, c)| (r as usize, c as usize)).collect();
    let standing_out = (piece.level, model.expected_false(piece.level, area_km2));
    AreaObject { changed: piece.sums.changed(&pixels, model.pixel_m2(), standing_out), q_value: 1.0 }
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
