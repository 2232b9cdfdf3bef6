//! A plausible landscape as a function of map point and date: fields, woods, a river, villages and roads.
//!
//! Nothing of it is a claim about a real place; it only has the kinds of edges and textures that an
//! image of 10 m pixels has, and changes between dates as fields do.

use super::noise::{cell, fractal, uniform, value};
use super::spectra::{FIELDS, FOREST, ROAD, ROOFS, SAND, Spectrum, VILLAGE, WATER};
use crate::corridor::Track;

/// The landscape of one seed.
pub(super) struct Landscape {
    seed: u64,
    river: Vec<(f64, f64)>,
    river_width_m: f64,
    roads: Vec<Vec<(f64, f64)>>,
    villages: Vec<(f64, f64)>,
    field_change_fraction: f64,
}

impl Landscape {
    /// A landscape around `tracks`; the river crosses the longest track when no course is given.
    pub(super) fn new(params: &super::SimulateParams, tracks: &[Track]) -> Self {
        let seed = params.seed;
        let longest = tracks.iter().max_by(|a, b| a.length_m().total_cmp(&b.length_m()));
        let mut river = params.river.clone();
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
            river,
            river_width_m: params.river_width_m,
            roads,
            villages,
            field_change_fraction: params.field_change_fraction,
        }
    }

    /// Reflectance at a map point on the `date`-th date.
    pub(super) fn reflectance(&self, xy: (f64, f64), date: usize) -> Spectrum {
        let seed = self.seed;
        // Weather and illumination change all surfaces a little, smoothly over the land and differently each date.
        let drift = 1.0 + 0.02 * fractal(seed ^ (0x900 + date as u64), xy, 400.0, 4);
        let bank_m = distance_m(&self.river, xy)
            - self.river_width_m / 2.0 * (1.0 + 0.15 * value(seed ^ 0x3, xy, 250.0));
        if self.river_width_m > 0.0 && bank_m < 0.0 {
            let ripple = 1.0 + 0.04 * fractal(seed ^ (0x40 + date as u64), xy, 60.0, 3);
            return WATER.map(|v| v * ripple);
        }
        if self.river_width_m > 0.0 && bank_m < 22.0 && value(seed ^ 0x4, xy, 300.0) > 0.2 {
            return SAND.map(|v| v * drift);
        }
        if self.roads.iter().any(|r| distance_m(r, xy) < 3.5) {
            let wear = 1.0 + 0.05 * value(seed ^ 0x5, xy, 40.0);
            return ROAD.map(|v| v * wear * drift);
        }
        let near_village =
            self.villages.iter().map(|v| (v.0 - xy.0).hypot(v.1 - xy.1)).fold(f64::INFINITY, f64::min);
        if near_village < 240.0 + 60.0 * value(seed ^ 0x6, xy, 90.0) {
            return self.village(xy).map(|v| v * drift);
        }
        if fractal(seed ^ 0x7, xy, 900.0, 4) > 0.75 {
            let crown = 1.0 + 0.16 * fractal(seed ^ 0x8, xy, 24.0, 3) + 0.08 * value(seed ^ 0x9, xy, 300.0);
            return FOREST.map(|v| v * crown * drift);
        }
        self.field(xy, date).map(|v| v * drift)
    }

    fn village(&self, (x, y): (f64, f64)) -> Spectrum {
        const PLOT_M: f64 = 24.0;
        let (i, j) = ((x / PLOT_M).floor() as i64, (y / PLOT_M).floor() as i64);
        let (u, v) = (x - i as f64 * PLOT_M, y - j as f64 * PLOT_M);
        let long_m = 9.0 + 8.0 * uniform(self.seed ^ 0x14, i, j);
        if (3.0..3.0 + long_m).contains(&u)
            && (4.0..11.0).contains(&v)
            && uniform(self.seed ^ 0x15, i, j) > 0.25
        {
            let roof = ROOFS[(uniform(self.seed ^ 0x16, i, j) * ROOFS.len() as f64) as usize % ROOFS.len()];
            let shade = 0.85 + 0.3 * uniform(self.seed ^ 0x17, i, j);
            return roof.map(|r| r * shade);
        }
        let garden = 1.0 + 0.12 * fractal(self.seed ^ 0x18, (x, y), 20.0, 2);
        VILLAGE.map(|r| r * garden)
    }

    fn field(&self, (x, y): (f64, f64), date: usize) -> Spectrum {
        let seed = self.seed;
        // Fields are longer than wide and their rows follow the land.
        let turn = 0.35f64;
        let (u, v) = (x * turn.cos() + y * turn.sin(), (y * turn.cos() - x * turn.sin()) * 2.2);
        let cell = cell(seed ^ 0xb, (u, v), 210.0);
        let (i, j) = cell.key;
        if cell.border_m < 7.0 {
            return FIELDS[4].map(|r| r * 0.82);
        }
        let mut work = 0;
        for d in 1..=date as u64 {
            if uniform(seed ^ (0x300 + d), i, j) < self.field_change_fraction {
                work = d;
            }
        }
        let kind = uniform(seed ^ (0x600 + work), i, j) * FIELDS.len() as f64;
        let tone = 0.85 + 0.3 * uniform(seed ^ (0x700 + work), i, j);
        let rows = 0.03 * (v / 9.0).sin();
        let soil = 1.0 + rows + 0.05 * fractal(seed ^ 0xc, (x, y), 90.0, 4);
        FIELDS[kind as usize % FIELDS.len()].map(|r| r * tone * soil)
    }
}

/// Distance from a point to a polyline, metres; infinite for an empty one.
fn distance_m(line: &[(f64, f64)], (x, y): (f64, f64)) -> f64 {
    let mut best = f64::INFINITY;
    for e in line.windows(2) {
        let (dx, dy) = (e[1].0 - e[0].0, e[1].1 - e[0].1);
        let f = (((x - e[0].0) * dx + (y - e[0].1) * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
        best = best.min((e[0].0 + f * dx - x).powi(2) + (e[0].1 + f * dy - y).powi(2));
    }
    best.sqrt()
}
