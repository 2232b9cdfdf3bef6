//! Pixels of a window: every band onto the scene's grid, scaled, with the reasons against each pixel.

use super::{Error, bands, library, sentinel1, whole};
use crate::grid::{Grid, Window};
use crate::raster::{Raster, Validity};
use crate::scene::{Scene, Source};
use gdal::Dataset;
use gdal::raster::{GdalDataType, GdalType, RasterBand, ResampleAlg};
use ndarray::{Array2, Array3, Axis};

/// The least number of 16 bits, and the usual mark of grids of text: both are written for no data without a tag.
pub(super) const COMMON_NO_DATA: [f64; 2] = [-32_768.0, -9999.0];

/// Whether a number is one that means no data in files without a tag, or not even a number; nothing measured is so low.
pub(super) fn is_common_no_data(v: f64) -> bool {
    let [lowest, exactly] = COMMON_NO_DATA;
    !v.is_finite() || v <= lowest || (v - exactly).abs() == 0.0
}

/// The greatest number of a type, which means saturated; infinite for floating point.
pub(super) fn top_of(kind: GdalDataType) -> f32 {
    match kind {
        GdalDataType::UInt8 => f32::from(u8::MAX),
        GdalDataType::UInt16 => f32::from(u16::MAX),
        GdalDataType::Int16 => f32::from(i16::MAX),
        _ => f32::INFINITY,
    }
}

/// Reads `window` of the bands `bands` (indices into `scene.bands`) as reflectance or power.
///
/// Opens its own datasets, so windows can be read in parallel. Memory is that of the window. A pixel
/// without data in any band, or zero in all of them, is `NO_DATA` and holds 0, as one that is saturated in all of them
/// where they have 16 bits: so files without a tag fill their edges. A classification adds `CLOUD`, `SHADOW`, `SNOW` and `WATER`.
///
/// # Errors
/// [`Error::Window`] for a window outside the grid, [`Error::Bands`] for an unknown band index,
/// [`Error::Open`] and [`Error::Read`] for missing, cut off or damaged files.
pub fn read_raster(scene: &Scene, window: Window, bands: &[usize]) -> Result<Raster, Error> {
    let (rows, cols) = scene.grid.shape;
    if window.height == 0
        || window.width == 0
        || window.row + window.height > rows
        || window.col + window.width > cols
    {
        return Err(Error::Window { path: scene.path.clone(), window: format!("{window:?}"), rows, cols });
    }
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
    let mut opened: Option<(String, Dataset, Grid)> = None;
    for (&index, mut plane) in bands.iter().zip(values.axis_iter_mut(Axis(0))) {
        let source = &scene.bands[index].source;
        if opened.as_ref().is_none_or(|(path, ..)| *path != source.gdal_path) {
            let dataset = open_whole(&source.gdal_path)?;
            let own = bands::grid_of(&dataset, &source.gdal_path)?;
            opened = Some((source.gdal_path.clone(), dataset, own));
        }
        let Some((_, dataset, own)) = &opened else { continue };
        let stored = read_band((dataset, own), source, &grid, Sampling::Bilinear)?;
        let (offset, scale) = (scene.scaling.offset, scene.scaling.scale);
        ndarray::azip!((t in &mut all_top, &s in &stored.values) *t &= stored.is_filled(s));
        ndarray::azip!((v in &mut plane, &s in &stored.values, f in &mut validity, z in &mut all_zero) {
            if stored.is_missing(s) {
                *f |= Validity::NO_DATA;
                *z &= s == 0.0;
            } else {
                if s >= stored.top {
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
        let dataset = open_whole(&source.gdal_path)?;
        let own = bands::grid_of(&dataset, &source.gdal_path)?;
        let classes = read_band((&dataset, &own), source, &grid, Sampling::Nearest)?;
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

fn open_whole(path: &str) -> Result<Dataset, Error> {
    whole::check(&library::file_of(path))?;
    library::open_raster(path)
}

/// How a coarser or shifted band comes onto the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sampling {
    Nearest,
    Bilinear,
}

/// Stored numbers on the asked grid.
pub(super) struct Stored {
    pub(super) values: Array2<f32>,
    no_data: Option<f32>,
    /// [`top_of`] its type.
    top: f32,
}

impl Stored {
    pub(super) fn is_missing(&self, v: f32) -> bool {
        is_common_no_data(f64::from(v)) || self.no_data.is_some_and(|n| (v - n).abs() == 0.0)
    }

    /// Whether a pixel with this number in all bands shows nothing: the top of 16 bits. White of 8 bits may be a cloud.
    pub(super) fn is_filled(&self, v: f32) -> bool {
        v >= self.top && self.top > f32::from(u8::MAX)
    }
}

/// Stored numbers of one band on `grid`, bilinear where its own pixels lie elsewhere.
pub(super) fn stored_on(dataset: &Dataset, source: &Source, grid: &Grid) -> Result<Stored, Error> {
    let own = bands::grid_of(dataset, &source.gdal_path)?;
    read_band((dataset, &own), source, grid, Sampling::Bilinear)
}

/// Stored numbers of a window of one band as they are.
pub(super) fn stored_in(dataset: &Dataset, source: &Source, window: Window) -> Result<Stored, Error> {
    let path = source.gdal_path.as_str();
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let no_data = band.no_data_value().map(|v| v as f32);
    Ok(Stored { values: shown(dataset, source, window)?, no_data, top: f32::INFINITY })
}

/// One band of a dataset with the grid `own` on `grid`: copied where the pixels coincide, else sampled from its own pixels.
fn read_band(
    (dataset, own): (&Dataset, &Grid),
    source: &Source,
    grid: &Grid,
    sampling: Sampling,
) -> Result<Stored, Error> {
    let path = source.gdal_path.as_str();
    if own.crs != grid.crs {
        let reason = format!("its CRS is {}, not {}", own.crs.name(), grid.crs.name());
        return Err(Error::Mixed { path: path.to_owned(), reason });
    }
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let no_data = band.no_data_value().map(|v| v as f32);
    let top = if sampling == Sampling::Nearest { f32::INFINITY } else { top_of(band.band_type()) };
    let stored = |values| Stored { values, no_data, top };
    let (rows, cols) = grid.shape;
    let (r0, c0) = own.row_col(grid.xy(0.0, 0.0).0, grid.xy(0.0, 0.0).1);
    let (r1, c1) = {
        let (x, y) = grid.xy(rows as f64 - 1.0, cols as f64 - 1.0);
        own.row_col(x, y)
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
    let (row, col) = (r0.round(), c0.round());
    let coincide = near(r0, row)
        && near(c0, col)
        && near(r1 - r0, rows as f64 - 1.0)
        && near(c1 - c0, cols as f64 - 1.0);
    let inside =
        row >= 0.0 && col >= 0.0 && r1.round() < own.shape.0 as f64 && c1.round() < own.shape.1 as f64;
    if coincide && inside {
        let window = Window { row: row as usize, col: col as usize, height: rows, width: cols };
        return Ok(stored(shown(dataset, source, window)?));
    }
    let outside = || Array2::from_elem((rows, cols), f32::NAN);
    let Some(window) = own.window_around(grid.corners(), 2.0) else { return Ok(stored(outside())) };
    let coarse = stored(shown(dataset, source, window)?);
    let part = own.sub_grid(window);
    let values = Array2::from_shape_fn((rows, cols), |(r, c)| {
        let (x, y) = grid.xy(r as f64, c as f64);
        let (pr, pc) = part.row_col(x, y);
        coarse.at(pr, pc, sampling)
    });
    Ok(Stored { values, ..coarse })
}

impl Stored {
    /// The value at a continuous position by bilinear interpolation; `None` outside and where it is missing.
    pub(super) fn bilinear(&self, row: f64, col: f64) -> Option<f32> {
        Some(self.at(row, col, Sampling::Bilinear)).filter(|v| !self.is_missing(*v))
    }

    /// The value at a continuous position; NaN outside, the no-data value beside missing pixels.
    fn at(&self, row: f64, col: f64, sampling: Sampling) -> f32 {
        let (h, w) = self.values.dim();
        if row < -0.501 || col < -0.501 || row > h as f64 - 0.499 || col > w as f64 - 0.499 {
            return f32::NAN;
        }
        let clamp = |v: f64, n: usize| v.clamp(0.0, n as f64 - 1.0);
        let (row, col) = (clamp(row, h), clamp(col, w));
        let nearest = self.values[(row.round() as usize, col.round() as usize)];
        if sampling == Sampling::Nearest || self.is_missing(nearest) || nearest >= self.top {
            return nearest;
        }
        let (i, j) = ((row as usize).min(h - 1), (col as usize).min(w - 1));
        let (fr, fc) = ((row - i as f64) as f32, (col - j as f64) as f32);
        let (mut sum, mut weights) = (0.0, 0.0);
        for (di, wr) in [(0, 1.0 - fr), (1, fr)] {
            for (dj, wc) in [(0, 1.0 - fc), (1, fc)] {
                let v = self.values[((i + di).min(h - 1), (j + dj).min(w - 1))];
                if !self.is_missing(v) {
                    sum += v * wr * wc;
                    weights += wr * wc;
                }
            }
        }
        if weights > 0.0 { sum / weights } else { nearest }
    }
}

/// Pixels of a window as floating point numbers, NaN where the file's alpha or its mask says that they hold nothing.
pub(super) fn shown(dataset: &Dataset, source: &Source, window: Window) -> Result<Array2<f32>, Error> {
    let path = source.gdal_path.as_str();
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let mut values = read_window(&band, path, window)?;
    if let Some(told) = told(dataset, source, |mask| read_window(mask, path, window))? {
        blank(&mut values, &told);
    }
    Ok(values)
}

/// What `read` gives of the band of a file that is 0 where the others hold nothing: its alpha, or a mask that is no band.
pub(super) fn told<T>(
    dataset: &Dataset,
    source: &Source,
    read: impl Fn(&RasterBand<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let failed = |e: gdal::errors::GdalError| Error::read(&source.gdal_path, e);
    if let Some(alpha) = source.alpha_index {
        return read(&dataset.rasterband(alpha).map_err(failed)?).map(Some);
    }
    let band = dataset.rasterband(source.band_index).map_err(failed)?;
    let flags = band.mask_flags().map_err(failed)?;
    if !flags.is_per_dataset() || flags.is_alpha() {
        return Ok(None);
    }
    read(&band.open_mask_band().map_err(failed)?).map(Some)
}

/// Takes out what is told to hold nothing.
fn blank(values: &mut Array2<f32>, told: &Array2<f32>) {
    values.zip_mut_with(told, |v, told| *v = if *told == 0.0 { f32::NAN } else { *v });
}

/// Pixels of a window as floating point numbers.
pub(super) fn read_window(band: &RasterBand<'_>, path: &str, window: Window) -> Result<Array2<f32>, Error> {
    let mut values = Array2::<f32>::zeros((window.height, window.width));
    into_window(band, path, window, &mut values)?;
    Ok(values)
}

/// All pixels of a band in `shape` larger ones, averaged or the nearest of each.
pub(super) fn into_coarse(
    dataset: &Dataset,
    source: &Source,
    shape: (usize, usize),
    averaged: bool,
) -> Result<Stored, Error> {
    let path = source.gdal_path.as_str();
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let how = if averaged { ResampleAlg::Average } else { ResampleAlg::NearestNeighbour };
    let all = |band: &RasterBand<'_>| -> Result<Array2<f32>, Error> {
        let mut values = Array2::<f32>::zeros(shape);
        if let Some(slice) = values.as_slice_mut() {
            let (read, messages) = library::watched(|| {
                band.read_into_slice((0, 0), band.size(), (shape.1, shape.0), slice, Some(how))
            });
            heard(read, messages, path)?;
        }
        Ok(values)
    };
    let mut values = all(&band)?;
    if let Some(told) = told(dataset, source, all)? {
        blank(&mut values, &told);
    }
    Ok(Stored { values, no_data: band.no_data_value().map(|v| v as f32), top: top_of(band.band_type()) })
}

/// Reads a window into an array of its shape; a decoder's warning of missing pixels is a failure.
pub(super) fn into_window<T: GdalType + Copy>(
    band: &RasterBand<'_>,
    path: &str,
    window: Window,
    values: &mut Array2<T>,
) -> Result<(), Error> {
    let size = (window.width, window.height);
    let Some(slice) = values.as_slice_mut() else { return Ok(()) };
    let origin = (window.col as isize, window.row as isize);
    let (read, messages) = library::watched(|| band.read_into_slice(origin, size, size, slice, None));
    heard(read, messages, path)
}

/// A read that went well and of which the decoder told no damage.
fn heard(read: gdal::errors::Result<()>, messages: library::Messages, path: &str) -> Result<(), Error> {
    match (read, messages.failures.into_iter().next()) {
        (Err(e), None) => Err(Error::read(path, e)),
        (_, Some(message)) => Err(Error::read(path, message)),
        (Ok(()), None) => match messages.warnings.into_iter().find(|w| tells_damage(w)) {
            Some(warning) => Err(Error::read(path, warning)),
            None => Ok(()),
        },
    }
}

/// Whether a warning of a decoder means that pixels are missing.
fn tells_damage(warning: &str) -> bool {
    let lower = warning.to_ascii_lowercase();
    ["truncat", "corrupt", "unexpected end", "incomplete", "premature", "tile part", "stream too short"]
        .iter()
        .any(|w| lower.contains(w))
}
