//! A plausible landscape as a function of map point and date: fields, woods, a river, villages and roads.
//!
//! Nothing of it is a claim about a real place; it only has the kinds of edges and textures that an
//! image of 10 m pixels has, and changes between dates as fields do.

use super::noise::{cell, fractal, uniform, value};
use super::spectra::{FIELDS, FOREST, ROAD, ROOFS, SAND, VILLAGE, WATER};
use crate::corridor::Track;
use crate::scene::Spectrum;
use rstar::primitives::Line;
use rstar::{PointDistance, RTree};

/// What covers a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    Water,
    Sand,
    Road,
    Village,
    Forest,
    Field,
}

/// What a field carries.
pub(super) struct Crop {
    /// Place in [`FIELDS`].
    pub(super) kind: usize,
    /// 0…1, from the darkest to the brightest field of the kind.
    pub(super) tone: f64,
    /// −1…1 across the rows.
    pub(super) rows: f64,
}

/// Width of a sandy bank, metres.
const BANK_M: f64 = 22.0;

/// The landscape of one seed.
pub(super) struct Landscape {
    seed: u64,
    river: RTree<Line<[f64; 2]>>,
    river_width_m: f64,
    roads: RTree<Line<[f64; 2]>>,
    rails: RTree<Line<[f64; 2]>>,
    villages: Vec<(f64, f64)>,
    field_change_fraction: f64,
}

impl Landscape {
    /// A landscape around `tracks`; the river (course, width in metres) crosses the longest track when no course is given.
    pub(super) fn new(
        seed: u64,
        river: &[(f64, f64)],
        river_width_m: f64,
        field_change_fraction: f64,
        tracks: &[Track],
    ) -> Self {
        let longest = tracks.iter().max_by(|a, b| a.length_m().total_cmp(&b.length_m()));
        let mut river = river.to_vec();
        let (mut roads, mut villages) = (Vec::new(), Vec::new());
        if let Some(track) = longest {
            let middle = track.at(track.length_m() / 2.0);
            let bend = |k: i32| 120.0 * value(seed ^ 0x71, (f64::from(k) * 37.0, 0.0), 220.0);
            let along =
                |k: i32, (x, y): (f64, f64)| (x + middle.along.0 * bend(k), y + middle.along.1 * bend(k));
            if river.is_empty() {
                river = (-60..=60).map(|k| along(k, middle.at_offset(f64::from(k) * 100.0))).collect();
            }
            for (f, side) in [(0.12, 160.0), (0.85, -190.0)] {
                let at = track.at(f * track.length_m());
                villages.push(at.at_offset(side));
                roads.push((-50..=50).map(|k| along(k + 400, at.at_offset(f64::from(k) * 90.0))).collect());
            }
            // A road beside the track: the hardest thing to tell from it.
            let steps = (track.length_m() / 40.0) as usize;
            roads.push((0..=steps).map(|k| track.at(k as f64 * 40.0).at_offset(118.0)).collect());
        }
        Self {
            seed,
            river: lines([river]),
            river_width_m,
            roads: lines(roads),
            rails: lines(tracks.iter().map(|t| t.vertices().to_vec())),
            villages,
            field_change_fraction,
        }
    }

    /// Distance from a map point to the nearest rail, metres.
    pub(super) fn rail_distance_m(&self, xy: (f64, f64)) -> f64 {
        distance_m(&self.rails, xy)
    }

    /// Farthest that the river and its banks reach from its course, metres: asking how near it is costs more than all else.
    fn river_reach_m(&self) -> f64 {
        // The width varies by 0.15 of the noise, which stays below 2.34.
        self.river_width_m / 2.0 * (1.0 + 0.15 * 2.34) + BANK_M
    }

    /// What covers a map point.
    pub(super) fn surface(&self, xy: (f64, f64)) -> Surface {
        let seed = self.seed;
        if self.river_width_m > 0.0 && is_near(&self.river, xy, self.river_reach_m()) {
            let half_m = self.river_width_m / 2.0 * (1.0 + 0.15 * value(seed ^ 0x3, xy, 250.0));
            let bank_m = distance_m(&self.river, xy) - half_m;
            if bank_m < 0.0 {
                return Surface::Water;
            }
            if bank_m < BANK_M && value(seed ^ 0x4, xy, 300.0) > 0.2 {
                return Surface::Sand;
            }
        }
        if is_near(&self.roads, xy, 3.5) {
            return Surface::Road;
        }
        let near_village =
            self.villages.iter().map(|v| (v.0 - xy.0).hypot(v.1 - xy.1)).fold(f64::INFINITY, f64::min);
        if near_village < 240.0 + 60.0 * value(seed ^ 0x6, xy, 90.0) {
            return Surface::Village;
        }
        if fractal(seed ^ 0x7, xy, 900.0, 4) > 0.75 { Surface::Forest } else { Surface::Field }
    }

    /// How weather changes all land on the `date`-th date, smoothly from place to place, in standard deviations.
    pub(super) fn weather(&self, xy: (f64, f64), date: usize) -> f64 {
        fractal(self.seed ^ (0x900 + date as u64), xy, 400.0, 4)
    }

    /// Reflectance at a map point on the `date`-th date.
    pub(super) fn reflectance(&self, xy: (f64, f64), date: usize) -> Spectrum {
        let seed = self.seed;
        let (still, factor) = match self.surface(xy) {
            Surface::Water => {
                let ripple = 1.0 + 0.04 * fractal(seed ^ (0x40 + date as u64), xy, 60.0, 3);
                return WATER.map(|v| v * ripple);
            }
            Surface::Sand => (SAND, 1.0),
            Surface::Road => (ROAD, 1.0 + 0.05 * value(seed ^ 0x5, xy, 40.0)),
            Surface::Village => (self.village(xy), 1.0),
            Surface::Forest => {
                let patches = 0.08 * value(seed ^ 0x9, xy, 300.0);
                (FOREST, 1.0 + 0.16 * fractal(seed ^ 0x8, xy, 24.0, 3) + patches)
            }
            Surface::Field => (self.field(xy, date), 1.0),
        };
        let drift = 1.0 + 0.02 * self.weather(xy, date);
        still.map(|v| v * factor * drift)
    }

    /// Houses of many sizes, loosely in rows, with gardens between.
    fn village(&self, (x, y): (f64, f64)) -> Spectrum {
        const PLOT_M: f64 = 27.0;
        let seed = self.seed;
        let bend = 6.0 * value(seed ^ 0x1f, (x, y), 120.0);
        let (x, y) = (0.94 * x + 0.34 * y + bend, 0.94 * y - 0.34 * x + bend);
        let (i, j) = ((x / PLOT_M).floor() as i64, (y / PLOT_M).floor() as i64);
        let (u, v) = (x - i as f64 * PLOT_M, y - j as f64 * PLOT_M);
        let draw = |k: u64| uniform(seed ^ (0x20 + k), i, j);
        let (left, low) = (9.0 * draw(0), 11.0 * draw(1));
        let (long_m, wide_m) =
            if draw(2) > 0.5 { (8.0 + 10.0 * draw(3), 7.5) } else { (7.5, 8.0 + 8.0 * draw(3)) };
        if draw(4) > 0.4 && (left..left + long_m).contains(&u) && (low..low + wide_m).contains(&v) {
            let roof = ROOFS[(draw(5) * ROOFS.len() as f64) as usize % ROOFS.len()];
            return roof.map(|r| r * (0.85 + 0.3 * draw(6)));
        }
        let garden = 1.0 + 0.14 * fractal(seed ^ 0x18, (x, y), 30.0, 3);
        VILLAGE.map(|r| r * garden)
    }

    /// The field at a map point on the `date`-th date; `None` on the banks between fields.
    pub(super) fn crop(&self, (x, y): (f64, f64), date: usize) -> Option<Crop> {
        let seed = self.seed;
        // Fields are longer than wide and their rows follow the land.
        let turn = 0.35f64;
        let (u, v) = (x * turn.cos() + y * turn.sin(), (y * turn.cos() - x * turn.sin()) * 2.2);
        let cell = cell(seed ^ 0xb, (u, v), 210.0);
        let (i, j) = cell.key;
        if cell.border_m < 7.0 {
            return None;
        }
        let mut work = 0;
        for d in 1..=date as u64 {
            if uniform(seed ^ (0x300 + d), i, j) < self.field_change_fraction {
                work = d;
            }
        }
        // Neighbouring fields often carry the same crop: half of them follow their block.
        let block = if uniform(seed ^ 0xe, i, j) < 0.5 { (i.div_euclid(3), j.div_euclid(2)) } else { (i, j) };
        let kind = uniform(seed ^ (0x600 + work), block.0, block.1) * FIELDS.len() as f64;
        let tone = uniform(seed ^ (0x700 + work), i, j);
        Some(Crop { kind: kind as usize % FIELDS.len(), tone, rows: (v / 9.0).sin() })
    }

    fn field(&self, (x, y): (f64, f64), date: usize) -> Spectrum {
        let Some(crop) = self.crop((x, y), date) else { return FIELDS[4].map(|r| r * 0.82) };
        let soil = 1.0 + 0.03 * crop.rows + 0.05 * fractal(self.seed ^ 0xc, (x, y), 90.0, 4);
        FIELDS[crop.kind].map(|r| r * (0.85 + 0.3 * crop.tone) * soil)
    }
}

/// The segments of polylines.
fn lines(paths: impl IntoIterator<Item = Vec<(f64, f64)>>) -> RTree<Line<[f64; 2]>> {
    let segments = |path: Vec<(f64, f64)>| {
        path.windows(2).map(|e| Line::new([e[0].0, e[0].1], [e[1].0, e[1].1])).collect::<Vec<_>>()
    };
    RTree::bulk_load(paths.into_iter().flat_map(segments).collect())
}

/// Whether a line passes within `reach_m` of a point.
fn is_near(lines: &RTree<Line<[f64; 2]>>, (x, y): (f64, f64), reach_m: f64) -> bool {
    lines.locate_within_distance([x, y], reach_m * reach_m).next().is_some()
}

/// Distance from a point to the nearest line, metres; infinite without lines.
fn distance_m(lines: &RTree<Line<[f64; 2]>>, (x, y): (f64, f64)) -> f64 {
    lines.nearest_neighbor(&[x, y]).map_or(f64::INFINITY, |l| l.distance_2(&[x, y]).sqrt())
}
