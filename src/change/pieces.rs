//! Changed ground in pieces of one window each, put together where they touch across windows.

use super::births::Birth;
use super::changed::{Changed, Sums};
use super::objects::q_values;
use super::{AreaModel, ChangeMap};
use crate::grid::Window;
use std::collections::{BTreeMap, HashMap};

/// Connected changed pixels of one window.
#[derive(Debug)]
pub(super) struct Piece {
    /// Pixels `(row, col)` of the scene.
    pixels: Vec<(u32, u32)>,
    /// The clearest of the births that pass the threshold, with the false objects per square kilometre expected to be as clear.
    pub(super) clearest: Option<(Birth, f64)>,
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
        (first, core): ((usize, usize), Window),
    ) -> Self {
        let place = |&(r, c): &(usize, usize)| (r + first.0, c + first.1);
        let small = |(r, c): (usize, usize)| (r as u32, c as u32);
        let edge = |(r, c): (usize, usize)| {
            r == core.row
                || c == core.col
                || r + 1 == core.row + core.height
                || c + 1 == core.col + core.width
        };
        Self {
            sums: Sums::of(map, sigma, pixels, |place| !hot[*place]),
            edge: pixels.iter().map(place).filter(|p| edge(*p)).map(small).collect(),
            pixels: pixels.iter().map(place).map(small).collect(),
            clearest: None,
        }
    }

    /// Takes the clearest of the births, each with its false objects per square kilometre, that lie in it; in pixels of the
    /// window.
    pub(super) fn with_births(mut self, born: &[(Birth, f64)], first: (usize, usize)) -> Self {
        if born.is_empty() {
            return self;
        }
        self.pixels.sort_unstable();
        for (birth, per_km2) in born {
            let (r, c) = birth.place;
            let place = ((r + first.0) as u32, (c + first.1) as u32);
            if self.pixels.binary_search(&place).is_ok() {
                self.clearest = clearer(self.clearest, Some((*birth, *per_km2)));
            }
        }
        self
    }

    fn join(&mut self, other: Self) {
        self.pixels.extend(other.pixels);
        self.clearest = clearer(self.clearest, other.clearest);
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
        let mut found: Vec<AreaObject> =
            joined(self.pieces).into_iter().filter_map(|piece| object(piece, model, area_km2)).collect();
        found.sort_by(|a, b| {
            let key = |o: &AreaObject| {
                (o.changed.expected_false_alarms, -o.changed.level_ratio, o.changed.outline[0].0)
            };
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
        });
        let expected: Vec<f64> = found.iter().map(|o| o.changed.expected_false_alarms).collect();
        for (object, q_value) in found.iter_mut().zip(q_values(&expected)) {
            object.q_value = q_value;
        }
        found
    }
}

/// The one of which fewer false ones are expected.
fn clearer(a: Option<(Birth, f64)>, b: Option<(Birth, f64)>) -> Option<(Birth, f64)> {
    a.into_iter().chain(b).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// The object of a piece in which one was born.
fn object(mut piece: Piece, model: &AreaModel, area_km2: f64) -> Option<AreaObject> {
    let (birth, per_km2) = piece.clearest?;
    piece.pixels.sort_unstable();
    let pixels: Vec<(usize, usize)> = piece.pixels.iter().map(|&(r, c)| (r as usize, c as usize)).collect();
    let standing_out = (birth.level, per_km2 * area_km2);
    let changed = piece.sums.changed(&pixels, model.pixel_m2(), standing_out);
    Some(AreaObject { changed, q_value: 1.0 })
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
