//! Heights of the ground in a window of the map, from the elevation model that the user names.
//!
//! Heights are interpolated bilinearly between the model's posts. What lies between posts is missed; how much is shown by
//! the posts themselves, each predicted as the mean of its four neighbours, as the control points' relief is shown by
//! theirs. A model without heights on a part of the window is refused: a hole would put pixels elsewhere.

use super::super::crs::Way;
use super::super::pixels::{Stored, stored_in};
use super::super::{Error, bands, crs, library};
use crate::grid::{Bounds, Grid, Mapping, Window};
use crate::scene::{ElevationModel, Source};
use gdal::Dataset;

/// Heights of the Earth with room, metres; what lies beyond is no height in metres.
const PLAUSIBLE_M: std::ops::RangeInclusive<f32> = -600.0..=9_200.0;
/// A model with more posts than this times the pixels is needlessly fine, and would fill the memory.
const POSTS_PER_PIXEL: usize = 16;
/// Posts that are few in any case.
const FEW_POSTS: usize = 1 << 20;
/// Posts around a window that the interpolation needs.
const MARGIN_PX: f64 = 2.0;

/// The heights in a window.
pub(super) struct Heights {
    /// Above the model's zero.
    stored: Stored,
    /// From the window's map to the posts.
    mapping: Mapping,
    zero_m: f64,
}

/// Refuses a model that cannot be opened, is not in metres or lies beside the map grid `grid`.
pub(super) fn check(model: &ElevationModel, grid: &Grid) -> Result<(), Error> {
    let (dataset, own) = open(model)?;
    let band = dataset.rasterband(1).map_err(|e| Error::read(&model.path, e))?;
    let unit = band.unit().to_ascii_lowercase();
    if unit.starts_with("ft") || unit.contains("foot") || unit.contains("feet") {
        return Err(bad(model, format!("its heights are in {unit}; convert them to metres")));
    }
    let packed =
        band.scale().is_some_and(|v| (v - 1.0).abs() > 0.0) || band.offset().is_some_and(|v| v.abs() > 0.0);
    if packed {
        let reason =
            "its heights are packed by a scale or offset; unpack them with `gdal_translate -unscale`";
        return Err(bad(model, reason.to_owned()));
    }
    part_around(model, grid, &own).map(drop)
}

fn open(model: &ElevationModel) -> Result<(Dataset, Grid), Error> {
    let wrong = |error: Error| match error {
        Error::NotFound { .. } => bad(model, "no such file; name a raster of heights".to_owned()),
        error => bad(model, format!("it cannot be used: {error}")),
    };
    let dataset = library::open_raster(&library::gdal_path(&model.path)).map_err(wrong)?;
    let own = bands::grid_of(&dataset, &model.path).map_err(wrong)?;
    Ok((dataset, own))
}

fn bad(model: &ElevationModel, reason: String) -> Error {
    Error::Elevation { path: model.path.clone(), reason }
}

/// The posts around the map grid `grid`.
fn part_around(model: &ElevationModel, grid: &Grid, own: &Grid) -> Result<Window, Error> {
    let edge: Vec<(f64, f64)> = grid.edge(16).collect();
    let there = Way::new(&grid.crs, &own.crs)?.apply(&edge).ok();
    there.and_then(|places| own.window_around(places, MARGIN_PX)).ok_or_else(|| {
        bad(model, format!("it shows other ground than the scene, {}; name one of this place", place(grid)))
    })
}

/// Where a map grid lies, in words.
fn place(grid: &Grid) -> String {
    let Ok(lonlat) = crs::to_wgs84(&grid.crs, &grid.corners()) else { return grid.crs.name() };
    let Bounds { min: (west, south), max: (east, north) } = Bounds::around(lonlat);
    format!("longitude {west:.2}…{east:.2}, latitude {south:.2}…{north:.2}")
}

impl Heights {
    /// Reads the posts around `window`, a part of a map.
    ///
    /// # Errors
    /// [`Error::Elevation`] where heights are missing, are none in metres, or lie needlessly close.
    pub(super) fn read(model: &ElevationModel, window: &Grid) -> Result<Self, Error> {
        let (dataset, own) = open(model)?;
        let part = part_around(model, window, &own)?;
        if part.pixel_count() > POSTS_PER_PIXEL * window.window().pixel_count() + FEW_POSTS {
            let reason = format!(
                "its posts lie much closer than the pixels; average them first, such as with `gdalwarp -t_srs {} -tr \
                 {1:.0} {1:.0} -r average`",
                window.crs.name(),
                window.pixel_size()
            );
            return Err(bad(model, reason));
        }
        let source = Source { gdal_path: library::gdal_path(&model.path), band_index: 1, alpha_index: None };
        let bounds = Bounds::around(window.corners());
        let heights = Self {
            stored: stored_in(&dataset, &source, part)?,
            mapping: crs::mapping(&window.crs, &own.sub_grid(part), bounds)?,
            zero_m: model.zero_m,
        };
        heights.check(model, window)?;
        Ok(heights)
    }

    fn check(&self, model: &ElevationModel, window: &Grid) -> Result<(), Error> {
        let all = window.shape.0 * window.shape.1;
        let is_missing = |i: &usize| {
            let (x, y) = window.xy((i / window.shape.1) as f64, (i % window.shape.1) as f64);
            self.at(x, y).is_none()
        };
        let missing = (0..all).filter(is_missing).count();
        if missing > 0 {
            let reason = format!(
                "it has no heights on {:.1} % of the ground that is read, {}; fill its holes (on water with the water's \
                 height) or name one that reaches farther",
                (100.0 * missing as f64 / all as f64).max(0.1),
                place(window)
            );
            return Err(bad(model, reason));
        }
        match self.stored.values.iter().find(|v| !self.stored.is_missing(**v) && !PLAUSIBLE_M.contains(*v)) {
            Some(odd) => {
                Err(bad(model, format!("its number {odd} is no height in metres; name a raster of heights")))
            }
            None => Ok(()),
        }
    }

    /// Height above the ellipsoid at a place of the window's map, metres; `None` where there is none.
    pub(super) fn at(&self, x: f64, y: f64) -> Option<f64> {
        let (row, col) = self.mapping.row_col(x, y);
        self.stored.bilinear(row, col).map(|above| f64::from(above) + self.zero_m)
    }

    /// Root mean square height by which a post's four neighbours miss it, metres.
    pub(super) fn missed_m(&self) -> f64 {
        let v = &self.stored.values;
        let (mut squares, mut count) = (0.0, 0_usize);
        for ((i, j), &own) in v.indexed_iter() {
            if i == 0 || j == 0 || i + 1 >= v.nrows() || j + 1 >= v.ncols() {
                continue;
            }
            let around = [v[(i - 1, j)], v[(i + 1, j)], v[(i, j - 1)], v[(i, j + 1)]];
            if around.iter().chain([&own]).all(|h| !self.stored.is_missing(*h)) {
                let mean = around.iter().map(|&h| f64::from(h)).sum::<f64>() / 4.0;
                squares += (f64::from(own) - mean).powi(2);
                count += 1;
            }
        }
        (squares / count.max(1) as f64).sqrt()
    }
}
