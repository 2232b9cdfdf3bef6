//! Stretches of tracks on the ground: overlap across neighbouring tracks, and cells of strips that trains cover.

use super::lives::Stretch;
use crate::corridor::{Strip, StripGeometry, Track};

/// Neighbouring tracks closer than this cannot be told apart, metres: a pixel and a half.
const NEAR_PX: f64 = 1.5;

/// The tracks of a site.
pub(super) struct Ground<'a> {
    tracks: &'a [Track],
    geometry: StripGeometry,
}

impl<'a> Ground<'a> {
    pub(super) fn new(tracks: &'a [Track], geometry: StripGeometry) -> Self {
        Self { tracks, geometry }
    }

    fn near_m(&self) -> f64 {
        NEAR_PX * self.geometry.along_step_m
    }

    /// Points of a stretch, one a cell along.
    fn points(&self, stretch: &Stretch) -> Vec<(f64, f64)> {
        let Some(track) = self.tracks.get(stretch.track) else { return Vec::new() };
        let count = (stretch.length_m() / self.geometry.along_step_m).ceil().max(1.0) as usize;
        let at =
            |i: usize| track.at(stretch.start_m + stretch.length_m() * (i as f64 + 0.5) / count as f64).xy;
        (0..count).map(at).collect()
    }

    /// Share of the shorter of two stretches that lies on the other, 0…1; tracks closer than a pixel and a half are one.
    pub(super) fn overlap(&self, a: &Stretch, b: &Stretch) -> f64 {
        let shorter_m = a.length_m().min(b.length_m()).max(1e-9);
        if a.track == b.track {
            return ((a.end_m.min(b.end_m) - a.start_m.max(b.start_m)) / shorter_m).clamp(0.0, 1.0);
        }
        let (a, b) = (self.points(a), self.points(b));
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        let on = short.iter().filter(|p| is_near(**p, &long, self.near_m())).count();
        on as f64 / short.len().max(1) as f64
    }

    /// Takes the cells under a train out of the strips of a date, so that they are no example of an empty track.
    ///
    /// Two cells either side of the middle are enough: the filter needs them for every offset within the pixel, while
    /// the placebo columns keep their own.
    pub(super) fn take_out(&self, strips: &mut [Strip], stretch: &Stretch) {
        let ends = self.points(stretch);
        for (i, strip) in strips.iter_mut().enumerate() {
            let step_m = strip.geometry.along_step_m;
            let rows: Vec<usize> = if i == stretch.track {
                let from = (stretch.start_m / step_m).round().max(0.0) as usize;
                let to = (stretch.end_m / step_m).round().max(0.0) as usize;
                (from..=to).filter(|s| *s < strip.valid.nrows()).collect()
            } else {
                let Some(track) = self.tracks.get(i) else { continue };
                let beside = |s: &usize| is_near(track.at(*s as f64 * step_m).xy, &ends, self.near_m());
                (0..strip.valid.nrows()).filter(beside).collect()
            };
            let middle = strip.geometry.half_across();
            for s in rows {
                for t in middle.saturating_sub(1)..=(middle + 1).min(strip.valid.ncols() - 1) {
                    strip.valid[(s, t)] = false;
                    strip.values.slice_mut(ndarray::s![.., s, t]).fill(f32::NAN);
                }
            }
        }
    }
}

fn is_near(p: (f64, f64), points: &[(f64, f64)], distance_m: f64) -> bool {
    points.iter().any(|q| (p.0 - q.0).hypot(p.1 - q.1) <= distance_m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    fn track(id: &str, y: f64) -> Track {
        Track::new(id.into(), None, vec![(0.0, y), (1000.0, y)]).unwrap()
    }

    #[test]
    fn neighbours_in_one_pixel_are_one_place() {
        let tracks = [track("a", 0.0), track("b", 5.0), track("c", 100.0)];
        let ground = Ground::new(&tracks, StripGeometry::for_pixel_m(10.0));
        let on = |track, start_m, end_m| Stretch { track, start_m, end_m };
        assert!((ground.overlap(&on(0, 100.0, 300.0), &on(0, 200.0, 500.0)) - 0.5).abs() < 1e-9);
        assert!(ground.overlap(&on(0, 100.0, 300.0), &on(1, 100.0, 300.0)) > 0.95);
        assert!(ground.overlap(&on(0, 100.0, 300.0), &on(1, 600.0, 800.0)) < 0.01);
        assert!(ground.overlap(&on(0, 100.0, 300.0), &on(2, 100.0, 300.0)) < 0.01);
    }

    #[test]
    fn a_train_leaves_its_own_cells_and_its_neighbours() {
        let tracks = [track("a", 0.0), track("b", 5.0), track("c", 100.0)];
        let geometry = StripGeometry::for_pixel_m(10.0);
        let shape = (geometry.along_count(1000.0), geometry.across_count());
        let strip = Strip {
            values: Array3::zeros((1, shape.0, shape.1)),
            valid: Array2::from_elem(shape, true),
            geometry,
        };
        let mut strips = vec![strip; 3];
        let train = Stretch { track: 0, start_m: 200.0, end_m: 400.0 };
        Ground::new(&tracks, geometry).take_out(&mut strips, &train);
        let middle = geometry.half_across();
        for (strip, gone) in strips.iter().zip([true, true, false]) {
            assert_eq!(!strip.valid[(30, middle)], gone);
            assert!(strip.valid[(60, middle)] && strip.valid[(30, middle + 4)]);
        }
    }
}
