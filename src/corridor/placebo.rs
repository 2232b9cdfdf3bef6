//! Where a placebo column may not lie: near other rails, or near the own track where it folds back.
//!
//! A placebo column is a parallel of the track on which there must be no rail; its statistic is the
//! empirical null of a pair of scenes. A train on another rail would spoil it.

use super::index::{Piece, SegmentIndex};
use super::{StripGeometry, Track};
use ndarray::Array2;
use rayon::prelude::*;
use rstar::PointDistance;

/// For each strip cell `(s, t)` of each track whether a placebo there would lie within `clearance_m` of other rails.
///
/// The track's own rails count where it comes back to the cell: more than 3 × `clearance_m` of chainage away.
#[must_use]
pub fn exclusions(tracks: &[Track], geometry: StripGeometry, clearance_m: f64) -> Vec<Array2<bool>> {
    let rails = SegmentIndex::new(tracks, clearance_m);
    (0..tracks.len())
        .into_par_iter()
        .map(|track| exclusion(tracks, track, &rails, (geometry, clearance_m)))
        .collect()
}

fn exclusion(
    tracks: &[Track],
    index: usize,
    rails: &SegmentIndex,
    (geometry, clearance_m): (StripGeometry, f64),
) -> Array2<bool> {
    let track = &tracks[index];
    let half = geometry.half_across() as f64;
    let shape = (geometry.along_count(track.length_m()), geometry.across_count());
    let mut excluded = Array2::from_elem(shape, false);
    // Whatever is near a cell is this near the track; a metre more than rounding can take away.
    let reach_m = half * geometry.across_step_m + clearance_m + 1.0;
    for (s, mut row) in excluded.outer_iter_mut().enumerate() {
        let chainage_m = s as f64 * geometry.along_step_m;
        let point = track.at(chainage_m);
        let comes_back = |p: &Piece| (p.start_m - chainage_m).max(chainage_m - p.end_m) > 3.0 * clearance_m;
        let counts = |p: &Piece| p.track != index || comes_back(p);
        let rails: Vec<_> = rails.near(point.xy, reach_m).filter(|g| counts(&g.data)).collect();
        for (t, excluded) in row.iter_mut().enumerate() {
            let (x, y) = point.at_offset((t as f64 - half) * geometry.across_step_m);
            *excluded = rails.iter().any(|rail| rail.distance_2(&[x, y]) <= clearance_m * clearance_m);
        }
    }
    excluded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: &str, vertices: &[(f64, f64)]) -> Track {
        Track::new(id.into(), None, vertices.to_vec()).unwrap()
    }

    #[test]
    fn a_parallel_rail_excludes_exactly_its_surroundings() {
        let a = track("a", &[(0.0, 0.0), (1000.0, 0.0)]);
        let b = track("b", &[(0.0, -100.0), (1000.0, -100.0)]);
        let geometry = StripGeometry::for_pixel_m(10.0);
        let cells = &exclusions(&[a, b], geometry, 25.0)[0];
        for ((_, t), &excluded) in cells.indexed_iter() {
            let offset_m = (t as f64 - geometry.half_across() as f64) * geometry.across_step_m;
            assert_eq!(excluded, (offset_m - 100.0).abs() <= 25.0, "offset {offset_m}");
        }
    }

    #[test]
    fn a_track_that_folds_back_excludes_itself_there_only() {
        let hairpin = track("a", &[(0.0, 0.0), (800.0, 0.0), (900.0, -50.0), (800.0, -100.0), (0.0, -100.0)]);
        let geometry = StripGeometry::for_pixel_m(10.0);
        let cells = &exclusions(&[hairpin], geometry, 25.0)[0];
        let half = geometry.half_across();
        assert!(cells[(30, half + 20)] && !cells[(30, half)] && !cells[(30, half - 20)]);
    }
}
