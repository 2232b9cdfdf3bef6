//! Pixels of a grid within the buffer of a track.

use super::Track;
use super::index::pieces_of;
use crate::grid::{Grid, Window};
use ndarray::Array2;
use rstar::PointDistance;

/// Whether the centre of each pixel of `grid` `(row, col)` lies within `buffer_m` of a track.
///
/// `grid` is in the working CRS. The cost follows the area of the corridor, not of the grid.
#[must_use]
pub fn corridor_mask(grid: &Grid, tracks: &[Track], buffer_m: f64) -> Array2<bool> {
    let mut mask = Array2::from_elem(grid.shape, false);
    for (line, _, _) in tracks.iter().flat_map(|t| pieces_of(t, buffer_m)) {
        let reach = |p: [f64; 2]| {
            [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
                .map(|(i, j)| (p[0] + i * buffer_m, p[1] + j * buffer_m))
        };
        let corners = reach(line.from).into_iter().chain(reach(line.to));
        let Some(Window { row, col, height, width }) = grid.window_around(corners, 0.0) else {
            continue;
        };
        for r in row..row + height {
            for c in col..col + width {
                if mask[(r, c)] {
                    continue;
                }
                let (x, y) = grid.xy(r as f64, c as f64);
                mask[(r, c)] = line.distance_2(&[x, y]) <= buffer_m * buffer_m;
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Affine, Crs};

    #[test]
    fn the_mask_is_the_distance_to_the_nearest_track() {
        let affine = Affine::from_gdal([0.0, 10.0, 0.0, 1000.0, 0.0, -10.0]).unwrap();
        let grid = Grid { crs: Crs { epsg: Some(32652), wkt: String::new() }, affine, shape: (100, 100) };
        let track = Track::new("a".into(), None, vec![(200.0, 300.0), (700.0, 600.0)]).unwrap();
        let mask = corridor_mask(&grid, std::slice::from_ref(&track), 105.0);
        let nearest = |x: f64, y: f64| {
            (0..=5831)
                .map(|k| track.at(f64::from(k) / 10.0).xy)
                .fold(f64::INFINITY, |d, p| d.min((p.0 - x).hypot(p.1 - y)))
        };
        for r in (0..100).step_by(3) {
            for c in (0..100).step_by(3) {
                let (x, y) = grid.xy(r as f64, c as f64);
                let distance_m = nearest(x, y);
                assert!(mask[(r, c)] == (distance_m <= 105.0) || (distance_m - 105.0).abs() < 0.01);
            }
        }
    }
}
