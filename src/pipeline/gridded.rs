//! A scene on another scene's grid: the one interpolation of everything that is not a strip.

use super::Error;
use crate::grid::{Affine, Bounds, Crs, Grid, Mapping};
use crate::io;
use crate::raster::{Raster, Validity};
use crate::signal::{cubic_at, kernel_fits};
use geo::BoundingRect;
use ndarray::{Array2, Array3, Axis, Zip, s};

/// Samples `raster` at the pixel centres of `grid`, with `shift_px` subtracted from the (row, col) of each
/// pixel, by cubic convolution. Validity is that of the nearest pixel; [`Validity::EDGE`] where the kernel
/// touches a pixel that cannot be used: there the value is the nearest pixel's, to be looked at only.
///
/// # Errors
/// [`Error::Io`] when the two systems cannot be related.
pub(super) fn onto_grid(raster: &Raster, grid: &Grid, shift_px: (f64, f64)) -> Result<Raster, Error> {
    let mapping = io::mapping(&grid.crs, &raster.grid, bounds(grid))?;
    Ok(match whole_displacement(grid, &mapping, shift_px) {
        Some(displacement) => copied(raster, grid, displacement),
        None => interpolated(raster, grid, &mapping, shift_px),
    })
}

/// [`onto_grid`] wherever the pixels lie.
fn interpolated(raster: &Raster, grid: &Grid, mapping: &Mapping, shift_px: (f64, f64)) -> Raster {
    let (bands, (height, width)) = (raster.values.dim().0, grid.shape);
    let mut values = Array3::<f32>::zeros((bands, height, width));
    let mut validity = Array2::from_elem((height, width), Validity::NO_DATA);
    let usable = raster.validity.mapv(Validity::shows_ground);
    Zip::indexed(values.axis_iter_mut(Axis(1))).and(validity.axis_iter_mut(Axis(0))).par_for_each(
        |row, mut line, mut flags| {
            for col in 0..width {
                let (r, c) =
                    shifted_row_col(grid, mapping, (row as f64 - shift_px.0, col as f64 - shift_px.1));
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
    Raster { values, validity, grid: grid.clone() }
}

/// The grid of maps and figures: the reference's where its lengths are metres of `working`, else square pixels of `pixel_m` over the
/// same ground, so that distances are the same in all directions.
///
/// # Errors
/// [`Error::Io`] when the two systems cannot be related.
pub(super) fn map_grid(reference: &Grid, working: &Crs, pixel_m: f64) -> Result<Grid, Error> {
    if reference.crs == *working {
        return Ok(reference.clone());
    }
    let no_way = |reason: String| io::Error::Crs { crs: reference.crs.name(), reason };
    let ground = io::outline(reference, working)?.bounding_rect();
    let ground = ground.ok_or_else(|| no_way("the scene has no ground".to_owned()))?;
    let (x, y) = ((ground.min().x / pixel_m).floor() * pixel_m, (ground.max().y / pixel_m).ceil() * pixel_m);
    let affine = Affine::from_gdal([x, pixel_m, 0.0, y, 0.0, -pixel_m]).map_err(|e| no_way(e.to_string()))?;
    let count = |length_m: f64| (length_m / pixel_m).ceil() as usize;
    let shape = (count(y - ground.min().y), count(ground.max().x - x));
    Ok(Grid { crs: working.clone(), affine, shape })
}

/// A shift in pixels of `from` as one in pixels of `grid`, by the way between them at its middle.
///
/// # Errors
/// [`Error::Io`] when the two systems cannot be related.
pub(super) fn shift_on(grid: &Grid, from: &Grid, shift_px: (f64, f64)) -> Result<(f64, f64), Error> {
    let step = |grid: &Grid| {
        let ((x, y), (down, right)) = (grid.xy(0.0, 0.0), (grid.xy(1.0, 0.0), grid.xy(0.0, 1.0)));
        [down.0 - x, down.1 - y, right.0 - x, right.1 - y]
    };
    let alike = |(a, b): (f64, f64)| (a - b).abs() < 1e-9 * grid.pixel_size();
    if grid.crs == from.crs && step(grid).into_iter().zip(step(from)).all(alike) {
        return Ok(shift_px);
    }
    let mapping = io::mapping(&grid.crs, from, bounds(grid))?;
    let (row, col) = (grid.shape.0 as f64 / 2.0, grid.shape.1 as f64 / 2.0);
    let at = |row: f64, col: f64| {
        let (x, y) = grid.xy(row, col);
        mapping.row_col(x, y)
    };
    let (here, down, right) = (at(row, col), at(row + 1.0, col), at(row, col + 1.0));
    // J d = shift, with the columns of J the steps down and right.
    let (a, c) = (down.0 - here.0, down.1 - here.1);
    let (b, d) = (right.0 - here.0, right.1 - here.1);
    let determinant = a * d - b * c;
    Ok(((d * shift_px.0 - b * shift_px.1) / determinant, (a * shift_px.1 - c * shift_px.0) / determinant))
}

/// Pixel of the scene below a continuous pixel of `grid`.
fn shifted_row_col(grid: &Grid, mapping: &Mapping, (row, col): (f64, f64)) -> (f64, f64) {
    let (x, y) = grid.xy(row, col);
    let (r, c) = mapping.row_col(x, y);
    // Two grids of one phase differ by whole pixels; rounding noise must not turn them into interpolation.
    let snap = |v: f64| if (v - v.round()).abs() < 1e-6 { v.round() } else { v };
    (snap(r), snap(c))
}

/// By how many (rows, columns) the pixels of a scene lie on from those of `grid`; `None` where they lie between each other.
fn whole_displacement(grid: &Grid, mapping: &Mapping, shift_px: (f64, f64)) -> Option<(isize, isize)> {
    let Mapping::Affine(_) = mapping else { return None };
    let (last_row, last_col) = (grid.shape.0 as f64 - 1.0, grid.shape.1 as f64 - 1.0);
    let from = |row: f64, col: f64| {
        let (r, c) = shifted_row_col(grid, mapping, (row - shift_px.0, col - shift_px.1));
        (r - row, c - col)
    };
    let first = from(0.0, 0.0);
    let whole = first.0.fract() == 0.0 && first.1.fract() == 0.0;
    let corners = [from(0.0, last_col), from(last_row, 0.0), from(last_row, last_col)];
    (whole && corners == [first; 3]).then_some((first.0 as isize, first.1 as isize))
}

/// [`onto_grid`] where every pixel of `grid` is one of the scene's, `displacement` (rows, columns) further on.
fn copied(raster: &Raster, grid: &Grid, displacement: (isize, isize)) -> Raster {
    let (bands, rows, cols) = raster.values.dim();
    let (height, width) = grid.shape;
    let mut values = Array3::<f32>::zeros((bands, height, width));
    let mut validity = Array2::from_elem((height, width), Validity::NO_DATA);
    let shared = |displacement: isize, n: usize, own: usize| {
        let first = (-displacement).clamp(0, n as isize);
        let end = (own as isize - displacement).clamp(first, n as isize);
        (first as usize..end as usize, (first + displacement).clamp(0, own as isize) as usize)
    };
    let ((rows_here, row), (cols_here, col)) =
        (shared(displacement.0, height, rows), shared(displacement.1, width, cols));
    let there = s![.., row..row + rows_here.len(), col..col + cols_here.len()];
    values.slice_mut(s![.., rows_here.clone(), cols_here.clone()]).assign(&raster.values.slice(there));
    let fits = kernel_fits(&raster.validity.mapv(Validity::shows_ground).view());
    let there = s![row..row + rows_here.len(), col..col + cols_here.len()];
    Zip::from(validity.slice_mut(s![rows_here, cols_here]))
        .and(raster.validity.slice(there))
        .and(fits.slice(there))
        .for_each(|flags, &own, &fits| {
            *flags = if fits || !own.shows_ground() { own } else { own | Validity::EDGE };
        });
    Raster { values, validity, grid: grid.clone() }
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

/// The ground of a grid, with one pixel around.
pub(super) fn bounds(grid: &Grid) -> Bounds {
    let last = (grid.shape.0 as f64 + 0.5, grid.shape.1 as f64 + 0.5);
    Bounds::around(Bounds { min: (-1.5, -1.5), max: last }.edge(1).map(|(row, col)| grid.xy(row, col)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pixels_are_copied_as_interpolation_would_have_them() {
        let grid = |x: f64, y: f64, shape| {
            let affine = Affine::from_gdal([x, 10.0, 0.0, y, 0.0, -10.0]).unwrap();
            Grid { crs: io::crs_from_epsg(32_633).unwrap(), affine, shape }
        };
        let values = Array3::from_shape_fn((2, 30, 40), |(b, r, c)| ((b + r * 7 + c * 13) % 17) as f32);
        let flags = |(r, c)| match (r, c) {
            (12, 20) => Validity::CLOUD,
            (20, 5..9) => Validity::WATER,
            (25.., 30..) => Validity::NO_DATA,
            _ => Validity::empty(),
        };
        let validity = Array2::from_shape_fn((30, 40), flags);
        let raster = Raster { values, validity, grid: grid(0.0, 300.0, (30, 40)) };
        let places =
            [(0.0, 300.0, (30, 40)), (-50.0, 320.0, (50, 60)), (70.0, 240.0, (10, 12)), (900.0, 0.0, (9, 9))];
        for (x, y, shape) in places {
            let to = grid(x, y, shape);
            let mapping = io::mapping(&to.crs, &raster.grid, bounds(&to)).unwrap();
            assert!(whole_displacement(&to, &mapping, (3.0, -2.0)).is_some());
            let plain = interpolated(&raster, &to, &mapping, (3.0, -2.0));
            assert_eq!(onto_grid(&raster, &to, (3.0, -2.0)).unwrap(), plain);
        }
        let mapping = io::mapping(&raster.grid.crs, &raster.grid, bounds(&raster.grid)).unwrap();
        assert!(whole_displacement(&raster.grid, &mapping, (0.0, 0.5)).is_none());
    }

    #[test]
    fn a_shift_is_counted_in_the_pixels_of_each_grid() {
        let crs = io::crs_from_epsg(32_633).unwrap();
        let grid = |pixel_m: f64, shape| {
            let affine = Affine::from_gdal([5e5, pixel_m, 0.0, 5e6, 0.0, -pixel_m]).unwrap();
            Grid { crs: crs.clone(), affine, shape }
        };
        let (fine, coarse) = (grid(10.0, (40, 60)), grid(20.0, (20, 30)));
        let (row, col) = shift_on(&coarse, &fine, (3.0, -1.0)).unwrap();
        assert!((row - 1.5).abs() < 1e-9 && (col + 0.5).abs() < 1e-9, "{row} {col}");
        assert_eq!(shift_on(&fine, &fine, (3.0, -1.0)).unwrap(), (3.0, -1.0));
    }

    #[test]
    fn a_map_of_a_scene_in_degrees_has_square_pixels_and_keeps_places_and_shifts() {
        let crs = |code| io::crs_from_epsg(code).unwrap();
        let affine = Affine::from_gdal([13.0, 1.5e-4, 0.0, 52.0, 0.0, -0.9e-4]).unwrap();
        let degrees = Grid { crs: crs(4326), affine, shape: (300, 400) };
        let map = map_grid(&degrees, &crs(32_633), 10.0).unwrap();
        assert!((map.pixel_size() - 10.0).abs() < 1e-9 && map.crs == crs(32_633));
        // Values that are the column and the row of their pixel tell where they came from.
        let values =
            Array3::from_shape_fn((2, 300, 400), |(b, r, c)| if b == 0 { r as f32 } else { c as f32 });
        let validity = Array2::from_elem((300, 400), Validity::empty());
        let raster = Raster { values, validity, grid: degrees.clone() };
        let shift_px = (1.25, -0.75);
        let moved = onto_grid(&raster, &map, shift_on(&map, &degrees, shift_px).unwrap()).unwrap();
        let place = io::mapping(&map.crs, &degrees, bounds(&map)).unwrap();
        for at in [(60, 80), (150, 200), (250, 300)] {
            let (x, y) = map.xy(at.0 as f64, at.1 as f64);
            let (row, col) = place.row_col(x, y);
            let found = (f64::from(moved.values[(0, at.0, at.1)]), f64::from(moved.values[(1, at.0, at.1)]));
            assert!((found.0 - (row - shift_px.0)).abs() < 0.01, "{found:?} {row} {col}");
            assert!((found.1 - (col - shift_px.1)).abs() < 0.01, "{found:?} {row} {col}");
        }
        let metres = Grid { crs: crs(32_633), ..map.clone() };
        assert_eq!(map_grid(&metres, &crs(32_633), 20.0).unwrap(), metres);
    }
}
