//! Pixels of a window: every band onto the scene's grid, scaled, with the reasons against each pixel.

use super::pixels::{self, Sampling};
use super::{Error, sentinel1};
use crate::grid::Window;
use crate::raster::{Raster, Validity};
use crate::scene::Scene;
use ndarray::{Array2, Array3, Axis};

/// Reads `window` of the bands `bands` (indices into `scene.bands`) as reflectance or power.
///
/// Opens its own datasets, so windows can be read in parallel. Memory is that of the window. A pixel is `NO_DATA`, and 0, if
/// any band has no data there, or if all bands are zero or at the top of 16 bits: files without a tag fill their edges so.
/// A classification adds `CLOUD`, `SHADOW`, `SNOW` and `WATER`.
///
/// # Errors
/// [`Error::Window`] for a window outside the grid, [`Error::Bands`] for an unknown band index,
/// [`Error::Open`] and [`Error::Read`] for missing, cut off or damaged files.
pub fn read_raster(scene: &Scene, window: Window, bands: &[usize]) -> Result<Raster, Error> {
    pixels::check_window(window, scene.grid.shape, &scene.path)?;
    if let Some(index) = bands.iter().find(|&&b| b >= scene.bands.len()) {
        return Err(Error::bands(&scene.path, format!("band index {index} of {} bands", scene.bands.len())));
    }
    if let Some(radar) = &scene.radar {
        return sentinel1::read_power(scene, radar, window, bands);
    }
    let shape = (window.height, window.width);
    let grid = scene.grid.sub_grid(window);
    let mut values = Array3::<f32>::zeros((bands.len(), shape.0, shape.1));
    let mut validity = Array2::from_elem(shape, Validity::empty());
    let mut all_zero = Array2::from_elem(shape, !bands.is_empty());
    let mut all_top = all_zero.clone();
    let mut opened: Option<pixels::File> = None;
    for (&index, mut plane) in bands.iter().zip(values.axis_iter_mut(Axis(0))) {
        let source = &scene.bands[index].source;
        let file = match opened.take().filter(|file| file.holds(source)) {
            Some(file) => opened.insert(file),
            None => opened.insert(pixels::File::open(source)?),
        };
        let stored = file.band_on(source, &grid, Sampling::Bilinear)?;
        let (offset, scale) = (scene.scaling.offset, scene.scaling.scale);
        ndarray::azip!((t in &mut all_top, &s in &stored.values) *t &= stored.is_filled(s));
        ndarray::azip!((v in &mut plane, &s in &stored.values, f in &mut validity, z in &mut all_zero) {
            if stored.is_missing(s) {
                *f |= Validity::NO_DATA;
                *z &= s == 0.0;
            } else {
                if stored.is_saturated(s) {
                    *f |= Validity::SATURATED;
                }
                *z &= s == 0.0;
                // ρ = (DN + offset) · scale
                *v = ((f64::from(s) + offset) * scale) as f32;
            }
        });
    }
    ndarray::azip!((f in &mut validity, &z in &all_zero, &t in &all_top) if z || t { *f |= Validity::NO_DATA; });
    if let Some(source) = &scene.classification {
        let classes = pixels::File::open(source)?.band_on(source, &grid, Sampling::Nearest)?;
        ndarray::azip!((f in &mut validity, &c in &classes.values) *f |= reason_of_class(c));
    }
    for mut plane in values.axis_iter_mut(Axis(0)) {
        ndarray::azip!((v in &mut plane, &f in &validity) if f.contains(Validity::NO_DATA) { *v = 0.0; });
    }
    Ok(Raster { values, validity, grid })
}

/// Reason of a Sentinel-2 scene class (SCL); NaN is outside the classification.
pub(super) fn reason_of_class(class: f32) -> Validity {
    if !class.is_finite() {
        return Validity::NO_DATA;
    }
    match class as u8 {
        0 | 1 => Validity::NO_DATA,
        3 => Validity::SHADOW,
        6 => Validity::WATER,
        8..=10 => Validity::CLOUD,
        11 => Validity::SNOW,
        _ => Validity::empty(),
    }
}
