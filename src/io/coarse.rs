//! A whole scene at fewer pixels: the file's own overviews where it has them, else averages of its pixels.

use super::pixels::{Stored, into_coarse};
use super::read::reason_of_class;
use super::{Error, library, whole};
use crate::grid::{Affine, Grid};
use crate::raster::{Raster, Validity};
use crate::scene::{Scene, Source};
use gdal::raster::ResampleAlg;
use ndarray::{Array2, Array3, Axis};

/// Reads the bands `bands` (indices into `scene.bands`) of an optical scene with pixels `factor` times as large.
///
/// Memory is that of the result. Values are those of [`super::read_raster`], averaged; a classification is taken at the pixels'
/// centres. A pixel is `NO_DATA` if any band has no data or is zero there, or if all are at the top of 16 bits; what is
/// saturated in some bands is not told. The last row and column may be cut.
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
        let stored = read(&band.source, grid.shape, ResampleAlg::Average)?;
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
        let classes = read(source, grid.shape, ResampleAlg::NearestNeighbour)?;
        ndarray::azip!((f in &mut validity, &c in &classes.values) *f |= reason_of_class(c));
    }
    Ok(Raster { values, validity, grid })
}

/// All pixels of a band in `shape` larger ones.
fn read(source: &Source, shape: (usize, usize), how: ResampleAlg) -> Result<Stored, Error> {
    whole::check(&library::file_of(&source.gdal_path))?;
    let dataset = library::open_raster(&source.gdal_path)?;
    into_coarse(&dataset, source, shape, how)
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
