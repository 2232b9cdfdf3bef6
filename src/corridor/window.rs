//! The corridor as a part of a grid: which window to read and which pixels lie near a track.

use super::Track;
use super::index::pieces_of;
use crate::grid::{Grid, Window};
use ndarray::Array2;
use rstar::PointDistance;

/// Corners of the box around all tracks, grown by `buffer_m`: what `Grid::window_around` takes; empty without tracks.
#[must_use]
pub fn corridor_points(tracks: &[Track], buffer_m: f64) -> Vec<(f64, f64)> {
    let mut bounds: Option<[f64; 4]> = None;
    for &(x, y) in tracks.iter().flat_map(Track::vertices) {
        let b = bounds.get_or_insert([x, y, x, y]);
        *b = [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)];
    }
    bounds.map_or_else(Vec::new, |[x0, y0, x1, y1]| {
        let (x0, y0, x1, y1) = (x0 - buffer_m, y0 - buffer_m, x1 + buffer_m, y1 + buffer_m);
        vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    })
}

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
                let (x, y) = grid.xy(r as f64, c as f64);
                mask[(r, c)] |= line.distance_2(&[x, y]) <= buffer_m * buffer_m;
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
        let window = grid.window_around(corridor_points(&[track], 105.0), 0.0).unwrap();
        assert!(mask.indexed_iter().all(|((r, c), &m)| !m
            || (r >= window.row
                && c >= window.col
                && r < window.row + window.height
                && c < window.col + window.width)));
    }
}
