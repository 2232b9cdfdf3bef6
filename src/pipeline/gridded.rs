//! A scene on another scene's grid: the one interpolation of everything that is not a strip.

use super::Error;
use crate::grid::{Grid, Mapping};
use crate::io;
use crate::raster::{Raster, Validity};
use crate::signal::cubic_at;
use ndarray::{Array2, Array3, Axis, Zip};

/// Samples `raster` at the pixel centres of `grid`, with `shift_px` subtracted from the (row, col) of each
/// pixel, by cubic convolution. Validity is that of the nearest pixel; [`Validity::EDGE`] where the kernel
/// touches a pixel that cannot be used: there the value is the nearest pixel's, to be looked at only.
///
/// # Errors
/// [`Error::Io`] when the two systems cannot be related.
pub(super) fn onto_grid(raster: &Raster, grid: &Grid, shift_px: (f64, f64)) -> Result<Raster, Error> {
    let mapping = io::mapping(&grid.crs, &raster.grid, bounds(grid))?;
    let (bands, (height, width)) = (raster.values.dim().0, grid.shape);
    let mut values = Array3::<f32>::zeros((bands, height, width));
    let mut validity = Array2::from_elem((height, width), Validity::NO_DATA);
    let usable = raster.validity.mapv(Validity::shows_ground);
    Zip::indexed(values.axis_iter_mut(Axis(1))).and(validity.axis_iter_mut(Axis(0))).par_for_each(
        |row, mut line, mut flags| {
            for col in 0..width {
                let (r, c) =
                    shifted_row_col(grid, &mapping, (row as f64 - shift_px.0, col as f64 - shift_px.1));
                let Some((at, nearest)) = nearest(raster, r, c) else { continue };
                let mut put = |b: usize, v: f32| line[(b, col)] = v;
                let sampled = cubic_at(&raster.values, &usable, (r, c), &mut put);
                if !sampled {
                    for (b, plane) in raster.values.outer_iter().enumerate() {
                        line[(b, col)] = plane[at];
                    }
                }
                flags[col] =
                    if sampled || !nearest.shows_ground() { nearest } else { nearest | Validity::EDGE };
            }
        },
    );
    Ok(Raster { values, validity, grid: grid.clone() })
}

/// Pixel of the scene below a continuous pixel of `grid`.
fn shifted_row_col(grid: &Grid, mapping: &Mapping, (row, col): (f64, f64)) -> (f64, f64) {
    let (x, y) = grid.xy(row, col);
    let (r, c) = mapping.row_col(x, y);
    // Two grids of one phase differ by whole pixels; rounding noise must not turn them into interpolation.
    let snap = |v: f64| if (v - v.round()).abs() < 1e-6 { v.round() } else { v };
    (snap(r), snap(c))
}

/// The pixel nearest to a position, and its validity.
fn nearest(raster: &Raster, row: f64, col: f64) -> Option<((usize, usize), Validity)> {
    let (r, c) = (row.round(), col.round());
    if !(r >= 0.0 && c >= 0.0) {
        return None;
    }
    let at = (r as usize, c as usize);
    raster.validity.get(at).map(|flags| (at, *flags))
}

/// `[x0, y0, x1, y1]` of a grid, with one pixel around.
pub(super) fn bounds(grid: &Grid) -> [f64; 4] {
    let (h, w) = (grid.shape.0 as f64, grid.shape.1 as f64);
    let corners =
        [grid.xy(-1.5, -1.5), grid.xy(-1.5, w + 0.5), grid.xy(h + 0.5, -1.5), grid.xy(h + 0.5, w + 0.5)];
    corners.iter().fold([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], |b, p| {
        [b[0].min(p.0), b[1].min(p.1), b[2].max(p.0), b[3].max(p.1)]
    })
}
