//! How large a pixel is on the ground, and which ground a grid covers.

use super::{Error, crs};
use crate::grid::{Crs, Grid};
use crate::units::EARTH_RADIUS_M;

/// Side of a pixel at the centre of the grid, metres on the ground, whatever the CRS.
///
/// # Errors
/// [`Error::Crs`] when the grid's centre has no longitude and latitude.
pub fn ground_pixel_m(grid: &Grid) -> Result<f64, Error> {
    let (row, col) = (grid.shape.0 as f64 / 2.0, grid.shape.1 as f64 / 2.0);
    let points = [grid.xy(row, col), grid.xy(row, col + 1.0), grid.xy(row + 1.0, col)];
    if crs::working_crs(grid)? == grid.crs {
        return Ok(grid.pixel_size());
    }
    let p = crs::to_wgs84(&grid.crs, &points)?;
    let metres = |a: (f64, f64), b: (f64, f64)| {
        let east = (b.0 - a.0).to_radians() * a.1.to_radians().cos();
        EARTH_RADIUS_M * east.hypot((b.1 - a.1).to_radians())
    };
    Ok((metres(p[0], p[1]) * metres(p[0], p[2])).sqrt())
}

/// Outline of a grid in map metres of `working`, with nodes along its sides so that it may bend.
///
/// # Errors
/// [`Error::Crs`] when the two systems cannot be related.
pub fn outline(grid: &Grid, working: &Crs) -> Result<geo::Polygon<f64>, Error> {
    const NODES: usize = 16;
    let mut ring: Vec<(f64, f64)> = grid.edge(NODES).collect();
    if grid.crs != *working {
        ring = crs::from_wgs84(working, &crs::to_wgs84(&grid.crs, &ring)?)?;
    }
    Ok(geo::Polygon::new(ring.into(), vec![]))
}
