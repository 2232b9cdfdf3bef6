//! Windows of one band as they are stored: read by ranges, written again without a change of any number. What alpha or mask
//! of the file say of them is kept as alpha.

use super::geotiff::{copy_as_cog, in_memory};
use super::kind::{Kind, is_common_no_data};
use super::pixels::{check_window, into_window, read_window, told};
use super::{Error, bands, library, whole};
use crate::grid::{Grid, Window};
use crate::scene::Source;
use gdal::raster::{ColorInterpretation, GdalType};
use gdal::{Dataset, Metadata};
use ndarray::Array2;
use std::path::Path;

/// Numbers `(row, col)` in the type that the file has; types that are not here are read as `f32`.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredValues {
    /// 8 bits.
    U8(Array2<u8>),
    /// 16 bits without sign.
    U16(Array2<u16>),
    /// 16 bits with sign.
    I16(Array2<i16>),
    /// Floating point.
    F32(Array2<f32>),
}

/// A window of a band.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredBand {
    /// The numbers, `(row, col)`.
    pub values: StoredValues,
    /// Where they lie.
    pub grid: Grid,
    /// The number that means no data, where the file says so.
    pub no_data: Option<f64>,
    /// Which pixels hold something by the file's alpha or mask, `(row, col)`; `None` where all do.
    pub shown: Option<Array2<bool>>,
}

impl StoredBand {
    /// Takes the numbers of `other`, on the same grid and of the same type, where this one has no data.
    ///
    /// # Errors
    /// [`Error::Mixed`] when grid or type differ; `path` names the other.
    pub fn fill_from(&mut self, other: &Self, path: &str) -> Result<(), Error> {
        let missing = Array2::from_shape_fn(self.grid.shape, |at| self.is_missing(at));
        let same = self.grid == other.grid;
        match (&mut self.values, &other.values) {
            (StoredValues::U8(a), StoredValues::U8(b)) if same => fill(a, b, &missing),
            (StoredValues::U16(a), StoredValues::U16(b)) if same => fill(a, b, &missing),
            (StoredValues::I16(a), StoredValues::I16(b)) if same => fill(a, b, &missing),
            (StoredValues::F32(a), StoredValues::F32(b)) if same => fill(a, b, &missing),
            _ => {
                let reason = "its grid or number type differs from the first part's".to_owned();
                return Err(Error::Mixed { path: path.to_owned(), reason });
            }
        }
        if self.shown.is_some() || other.shown.is_some() {
            let from = |at| if missing[at] { other } else { &*self };
            self.shown = Some(Array2::from_shape_fn(self.grid.shape, |at| from(at).is_shown(at)));
        }
        Ok(())
    }

    fn is_shown(&self, at: (usize, usize)) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown[at])
    }

    fn is_missing(&self, at: (usize, usize)) -> bool {
        if !self.is_shown(at) {
            return true;
        }
        let value = match &self.values {
            StoredValues::U8(v) => f64::from(v[at]),
            StoredValues::U16(v) => f64::from(v[at]),
            StoredValues::I16(v) => f64::from(v[at]),
            StoredValues::F32(v) => f64::from(v[at]),
        };
        is_common_no_data(value) || value == 0.0 || self.no_data.is_some_and(|n| (value - n).abs() == 0.0)
    }
}

fn fill<T: Copy>(values: &mut Array2<T>, other: &Array2<T>, missing: &Array2<bool>) {
    ndarray::azip!((v in values, &o in other, &m in missing) if m { *v = o; });
}

/// The grid of a band's file.
///
/// # Errors
/// [`Error::Open`] and [`Error::NotGeoreferenced`].
pub fn band_grid(source: &Source) -> Result<Grid, Error> {
    bands::grid_of(&library::open_raster(&source.gdal_path)?, &source.gdal_path)
}

/// Reads a window of a band as stored.
///
/// # Errors
/// [`Error::Window`] for a window outside the file, [`Error::Open`] and [`Error::Read`] for files that are missing,
/// cut off or damaged.
pub fn read_stored(source: &Source, window: Window) -> Result<StoredBand, Error> {
    let path = source.gdal_path.as_str();
    whole::check(&library::file_of(path))?;
    let dataset = library::open_raster(path)?;
    let own = bands::grid_of(&dataset, path)?;
    check_window(window, own.shape, path)?;
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let values = match Kind::of(&band) {
        Kind::UInt8 => StoredValues::U8(read(&band, path, window)?),
        Kind::UInt16 => StoredValues::U16(read(&band, path, window)?),
        Kind::Int16 => StoredValues::I16(read(&band, path, window)?),
        Kind::Float32 => StoredValues::F32(read(&band, path, window)?),
    };
    let shown = told(&dataset, source, |mask| read_window(mask, path, window))?
        .map(|told| told.mapv(|v| v != 0.0))
        .filter(|shown| shown.iter().any(|shown| !shown));
    Ok(StoredBand { values, grid: own.sub_grid(window), no_data: band.no_data_value(), shown })
}

fn read<T: GdalType + Copy + Default>(
    band: &gdal::raster::RasterBand<'_>,
    path: &str,
    window: Window,
) -> Result<Array2<T>, Error> {
    let mut values = Array2::default((window.height, window.width));
    into_window(band, path, window, &mut values)?;
    Ok(values)
}

/// Writes a window as a cloud-optimised GeoTIFF of the same numbers, whole or not at all; where it has pixels that hold
/// nothing, alpha is its second band.
///
/// # Errors
/// [`Error::Write`] for a folder that takes no file or a full disk.
pub fn write_stored(
    path: &Path,
    band: &StoredBand,
    name: &str,
    tags: &[(String, String)],
) -> Result<(), Error> {
    let (memory, messages) = library::watched(|| match &band.values {
        StoredValues::U8(v) => with_alpha(path, (v, band), name, tags),
        StoredValues::U16(v) => with_alpha(path, (v, band), name, tags),
        StoredValues::I16(v) => with_alpha(path, (v, band), name, tags),
        StoredValues::F32(v) => with_alpha(path, (v, band), name, tags),
    });
    let mut memory = memory?;
    if let Some(message) = messages.failures.into_iter().next() {
        return Err(Error::write(path, message));
    }
    // Classes must not be averaged in smaller versions.
    memory.flush_cache().map_err(|e| Error::write(path, e))?;
    copy_as_cog(path, &memory, "AUTO", "NEAREST")
}

/// The `values` of a band in memory, and its alpha where it has some.
fn with_alpha<T: GdalType + Copy + From<u8>>(
    path: &Path,
    (values, band): (&Array2<T>, &StoredBand),
    name: &str,
    tags: &[(String, String)],
) -> Result<Dataset, Error> {
    let alpha = band.shown.as_ref().map(|shown| shown.mapv(|s| T::from(if s { u8::MAX } else { 0 })));
    let planes: Vec<_> = std::iter::once(values).chain(&alpha).map(|plane| plane.view()).collect();
    let memory = in_memory(path, &band.grid, &planes, &[name, ""][..planes.len()], tags)?;
    let failed = |e: gdal::errors::GdalError| Error::write(path, e);
    for i in 1..=planes.len() {
        // A GeoTIFF has one such number for all its bands.
        memory.rasterband(i).and_then(|mut b| b.set_no_data_value(band.no_data)).map_err(failed)?;
    }
    if planes.len() > 1 {
        let mut alpha = memory.rasterband(2).map_err(failed)?;
        alpha.set_color_interpretation(ColorInterpretation::AlphaBand).map_err(failed)?;
    }
    Ok(memory)
}

/// A dataset tag of a local raster; `None` where the file is no readable raster or has no such tag.
#[must_use]
pub fn tag_of(path: &Path, key: &str) -> Option<String> {
    library::open_raster(&path.display().to_string()).ok()?.metadata_item(key, "")
}
