//! A whole scene at fewer pixels: the file's own overviews where it has them, else averages of its pixels.

use super::read::{Stored, into_coarse, reason_of_class};
use super::{Error, library, whole};
use crate::grid::{Affine, Grid};
use crate::raster::{Raster, Validity};
use crate::scene::Scene;
use ndarray::{Array2, Array3, Axis};

/// Reads the bands `bands` (indices into `scene.bands`) of an optical scene with pixels `factor` times as large.
///
/// Memory is that of the result. Values and reasons are those of `read_raster`; a classification is taken at the
/// pixels' centres. The last row and column may be cut.
///
/// # Errors
/// [`Error::Bands`] for an unknown band index, [`Error::Open`] and [`Error::Read`] for missing or damaged files.
pub fn read_coarse(scene: &Scene, bands: &[usize], factor: usize) -> Result<Raster, Error> {
    let factor = factor.max(1);
    let grid = coarsened(&scene.grid, factor)?;
    let mut values = Array3::<f32>::zeros((bands.len(), grid.shape.0, grid.shape.1));
    let mut validity = Array2::from_elem(grid.shape, Validity::empty());
    let mut all_top = Array2::from_elem(grid.shape, !bands.is_empty());
    for (&index, mut plane) in bands.iter().zip(values.axis_iter_mut(Axis(0))) {
        let band = scene.bands.get(index).ok_or_else(|| {
            Error::bands(&scene.path, format!("band index {index} of {} bands", scene.bands.len()))
        })?;
        let stored = read(&band.source, grid.shape, true)?;
        let (offset, scale) = (scene.scaling.offset, scene.scaling.scale);
        ndarray::azip!((t in &mut all_top, &s in &stored.values) *t &= stored.is_filled(s));
        ndarray::azip!((v in &mut plane, &s in &stored.values, f in &mut validity) {
            if stored.is_missing(s) || s == 0.0 {
                *f |= Validity::NO_DATA;
            } else {
                // ρ = (DN + offset) · scale
                *v = ((f64::from(s) + offset) * scale) as f32;
            }
        });
    }
    ndarray::azip!((f in &mut validity, &t in &all_top) if t { *f |= Validity::NO_DATA; });
    if let Some(source) = &scene.classification {
        let classes = read(source, grid.shape, false)?;
        ndarray::azip!((f in &mut validity, &c in &classes.values) *f |= reason_of_class(c));
    }
    Ok(Raster { values, validity, grid })
}

/// All pixels of a band in `shape` larger ones.
fn read(source: &crate::scene::Source, shape: (usize, usize), averaged: bool) -> Result<Stored, Error> {
    whole::check(&library::file_of(&source.gdal_path))?;
    let dataset = library::open_raster(&source.gdal_path)?;
    into_coarse(&dataset, source, shape, averaged)
}

/// The grid with pixels `factor` times as large, from the same corner.
fn coarsened(grid: &Grid, factor: usize) -> Result<Grid, Error> {
    let shape = (grid.shape.0.div_ceil(factor), grid.shape.1.div_ceil(factor));
    let ratio = [grid.shape.1 as f64 / shape.1 as f64, grid.shape.0 as f64 / shape.0 as f64];
    let g = grid.affine.to_gdal();
    let affine =
        Affine::from_gdal([g[0], g[1] * ratio[0], g[2] * ratio[1], g[3], g[4] * ratio[0], g[5] * ratio[1]]);
    let affine = affine.map_err(|e| Error::read("the georeference", e))?;
    Ok(Grid { crs: grid.crs.clone(), affine, shape })
}
