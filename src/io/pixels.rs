//! Stored numbers of one band: a window as the file has it, or on another grid; which of them mean nothing.

use super::kind::{Kind, is_common_no_data};
use super::{Error, bands, library, whole};
use crate::grid::{Grid, Window};
use crate::scene::Source;
use gdal::Dataset;
use gdal::raster::{GdalType, RasterBand, ResampleAlg};
use ndarray::Array2;

/// How a coarser or shifted band comes onto the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sampling {
    /// The nearest pixel: classes have nothing between them.
    Nearest,
    /// Bilinear between the pixels that hold data.
    Bilinear,
}

/// Stored numbers on the asked grid.
pub(super) struct Stored {
    pub(super) values: Array2<f32>,
    no_data: Option<f32>,
    /// `None` where no number counts as saturated: classes, heights.
    kind: Option<Kind>,
}

impl Stored {
    pub(super) fn is_missing(&self, v: f32) -> bool {
        is_common_no_data(f64::from(v)) || self.no_data.is_some_and(|n| (v - n).abs() == 0.0)
    }

    /// [`Kind::is_top`].
    pub(super) fn is_saturated(&self, v: f32) -> bool {
        self.kind.is_some_and(|kind| kind.is_top(v))
    }

    /// [`Kind::is_filled`].
    pub(super) fn is_filled(&self, v: f32) -> bool {
        self.kind.is_some_and(|kind| kind.is_filled(v))
    }

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
        if sampling == Sampling::Nearest || self.is_missing(nearest) || self.is_saturated(nearest) {
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

/// A file that is open, with the grid of its pixels.
pub(super) struct File {
    path: String,
    dataset: Dataset,
    grid: Grid,
}

impl File {
    /// Opens the file of a band; a JPEG2000 file that is cut off is refused.
    pub(super) fn open(source: &Source) -> Result<Self, Error> {
        let path = source.gdal_path.clone();
        whole::check(&library::file_of(&path))?;
        let dataset = library::open_raster(&path)?;
        let grid = bands::grid_of(&dataset, &path)?;
        Ok(Self { path, dataset, grid })
    }

    /// Whether a band lies in this file.
    pub(super) fn holds(&self, source: &Source) -> bool {
        self.path == source.gdal_path
    }

    /// One band on `grid`: copied where the pixels coincide, else sampled from its own pixels.
    pub(super) fn band_on(&self, source: &Source, grid: &Grid, sampling: Sampling) -> Result<Stored, Error> {
        let Self { path, dataset, grid: own } = self;
        if own.crs != grid.crs {
            let reason = format!("its CRS is {}, not {}", own.crs.name(), grid.crs.name());
            return Err(Error::Mixed { path: path.clone(), reason });
        }
        let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
        let no_data = band.no_data_value().map(|v| v as f32);
        let kind = (sampling != Sampling::Nearest).then(|| Kind::of(&band));
        let stored = |values| Stored { values, no_data, kind };
        if let Some(window) = coinciding(own, grid) {
            return Ok(stored(shown(dataset, source, window)?));
        }
        let (rows, cols) = grid.shape;
        let Some(window) = own.window_around(grid.corners(), 2.0) else {
            return Ok(stored(Array2::from_elem((rows, cols), f32::NAN)));
        };
        let coarse = stored(shown(dataset, source, window)?);
        let part = own.sub_grid(window);
        let values = Array2::from_shape_fn((rows, cols), |(r, c)| {
            let (x, y) = grid.xy(r as f64, c as f64);
            let (row, col) = part.row_col(x, y);
            coarse.at(row, col, sampling)
        });
        Ok(Stored { values, ..coarse })
    }
}

/// The window of `own` whose pixels are those of `grid`; `None` where they lie between each other, or some of them outside.
fn coinciding(own: &Grid, grid: &Grid) -> Option<Window> {
    let (rows, cols) = grid.shape;
    let place = |row: f64, col: f64| {
        let (x, y) = grid.xy(row, col);
        own.row_col(x, y)
    };
    let (last_row, last_col) = (rows as f64 - 1.0, cols as f64 - 1.0);
    let ((r0, c0), (r1, c1)) = (place(0.0, 0.0), place(last_row, last_col));
    let (row, col) = (r0.round(), c0.round());
    let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
    let coincide = near(r0, row) && near(c0, col) && near(r1 - r0, last_row) && near(c1 - c0, last_col);
    let inside =
        row >= 0.0 && col >= 0.0 && r1.round() < own.shape.0 as f64 && c1.round() < own.shape.1 as f64;
    (coincide && inside).then_some(Window { row: row as usize, col: col as usize, height: rows, width: cols })
}

/// Refuses a window that is empty or lies outside a raster of `shape`.
pub(super) fn check_window(window: Window, (rows, cols): (usize, usize), path: &str) -> Result<(), Error> {
    let inside = window.row + window.height <= rows && window.col + window.width <= cols;
    if inside && window.height > 0 && window.width > 0 {
        return Ok(());
    }
    Err(Error::Window { path: path.to_owned(), window: format!("{window:?}"), rows, cols })
}

/// Stored numbers of a window of one band as they are.
pub(super) fn stored_in(dataset: &Dataset, source: &Source, window: Window) -> Result<Stored, Error> {
    let path = source.gdal_path.as_str();
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let no_data = band.no_data_value().map(|v| v as f32);
    Ok(Stored { values: shown(dataset, source, window)?, no_data, kind: None })
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

/// What `read` makes of the file's alpha band or of its mask, either of which is 0 where the other bands hold nothing; `None` where
/// the file has neither.
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

/// NaN where `told` is 0.
fn blank(values: &mut Array2<f32>, told: &Array2<f32>) {
    values.zip_mut_with(told, |v, told| *v = if *told == 0.0 { f32::NAN } else { *v });
}

/// Pixels of a window as floating point numbers.
pub(super) fn read_window(band: &RasterBand<'_>, path: &str, window: Window) -> Result<Array2<f32>, Error> {
    let mut values = Array2::<f32>::zeros((window.height, window.width));
    into_window(band, path, window, &mut values)?;
    Ok(values)
}

/// All pixels of a band in `shape` larger ones.
pub(super) fn into_coarse(
    dataset: &Dataset,
    source: &Source,
    shape: (usize, usize),
    how: ResampleAlg,
) -> Result<Stored, Error> {
    let path = source.gdal_path.as_str();
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
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
    Ok(Stored { values, no_data: band.no_data_value().map(|v| v as f32), kind: Some(Kind::of(&band)) })
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
