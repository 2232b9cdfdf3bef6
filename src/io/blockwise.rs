//! Stored numbers of a scene by window, and rasters written block by block: what a whole tile goes through
//! without ever being in memory.

use super::kind::{Kind, is_common_no_data};
use super::pixels::shown;
use super::{Error, bands, crs, geotiff, library, whole};
use crate::grid::{Grid, Window};
use crate::scene::{Band, Scene, Source};
use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::{Dataset, DriverManager, Metadata};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// How the numbers of a band are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct BandFormat {
    /// Name.
    pub name: String,
    /// Type of the numbers.
    pub kind: Kind,
    /// Tagged no-data value, else the type's usual one: 0, −32 768 or NaN.
    pub no_data: f64,
    /// Stored number to value: `value = stored · scale + offset`, where the file says so.
    pub scale: Option<(f64, f64)>,
}

/// A band of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockBand {
    /// Its own pixels, which may be coarser than the scene's.
    pub grid: Grid,
    /// How its numbers are stored.
    pub format: BandFormat,
    /// Where it is read from.
    pub source: Source,
}

/// Opened bands of a scene; one reader a thread.
pub struct BlockReader {
    datasets: Vec<(String, Dataset)>,
    /// Place of each band's file in `datasets`, and the band.
    bands: Vec<(usize, BlockBand)>,
}

impl std::fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockReader").field("bands", &self.bands).finish_non_exhaustive()
    }
}

impl BlockReader {
    /// Opens the bands `bands` (indices into `scene.bands`).
    ///
    /// # Errors
    /// [`Error::Open`] for missing or damaged files, [`Error::Bands`] for an unknown index.
    pub fn open(scene: &Scene, bands: &[usize]) -> Result<Self, Error> {
        let mut reader = Self { datasets: Vec::new(), bands: Vec::new() };
        for &index in bands {
            let band = scene.bands.get(index).ok_or_else(|| {
                Error::bands(&scene.path, format!("band index {index} of {} bands", scene.bands.len()))
            })?;
            let path = &band.source.gdal_path;
            let at = if let Some(at) = reader.datasets.iter().position(|(p, _)| p == path) {
                at
            } else {
                whole::check(&library::file_of(path))?;
                reader.datasets.push((path.clone(), library::open_raster(path)?));
                reader.datasets.len() - 1
            };
            reader.bands.push((at, stored_band(&reader.datasets[at].1, band)?));
        }
        Ok(reader)
    }

    /// What is open, in the order asked.
    pub fn bands(&self) -> impl Iterator<Item = &BlockBand> {
        self.bands.iter().map(|(_, band)| band)
    }

    /// Stored numbers of a window of the band's own grid, NaN where there is no data and at the top of 16 bits, between
    /// which and its neighbours nothing can be interpolated.
    ///
    /// # Errors
    /// [`Error::Read`] for damaged files, [`Error::Bands`] for a band that is not open.
    pub fn read(&self, band: usize, window: Window) -> Result<Array2<f32>, Error> {
        let Some((at, stored)) = self.bands.get(band) else {
            return Err(Error::bands("the reader", format!("band {band} of {} open ones", self.bands.len())));
        };
        let (_, dataset) = &self.datasets[*at];
        let mut values = shown(dataset, &stored.source, window)?;
        let no_data = stored.format.no_data as f32;
        values.mapv_inplace(|v| {
            let filled = stored.format.kind.is_filled(v);
            let missing = is_common_no_data(f64::from(v)) || (v - no_data).abs() == 0.0 || filled;
            if missing { f32::NAN } else { v }
        });
        Ok(values)
    }
}

fn stored_band(dataset: &Dataset, Band { name, source }: &Band) -> Result<BlockBand, Error> {
    let path = source.gdal_path.as_str();
    let band = dataset.rasterband(source.band_index).map_err(|e| Error::read(path, e))?;
    let kind = Kind::of(&band);
    let scale =
        band.scale().zip(band.offset()).filter(|(scale, offset)| (scale - 1.0).abs() > 0.0 || *offset != 0.0);
    let no_data = band.no_data_value().unwrap_or_else(|| kind.usual_no_data());
    let format = BandFormat { name: name.0.clone(), kind, no_data, scale };
    Ok(BlockBand { grid: bands::grid_of(dataset, path)?, format, source: source.clone() })
}

/// A raster written block by block into an uncompressed file beside its place, then made into a cloud-optimised GeoTIFF.
pub struct BlockWriter {
    path: PathBuf,
    _folder: tempfile::TempDir,
    scratch: PathBuf,
    dataset: Dataset,
    bands: Vec<BandFormat>,
}

impl std::fmt::Debug for BlockWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl BlockWriter {
    /// A raster on `grid` with bands of these formats; all are written in the type of the widest one.
    ///
    /// # Errors
    /// [`Error::Write`] when the folder takes no file.
    pub fn create(
        path: &Path,
        grid: &Grid,
        bands: &[BandFormat],
        tags: &[(String, String)],
    ) -> Result<Self, Error> {
        let failed = |e: gdal::errors::GdalError| Error::write(path, e);
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = tempfile::Builder::new()
            .prefix(".part-")
            .tempdir_in(parent)
            .map_err(|e| Error::write(path, e))?;
        let scratch = folder.path().join("blocks.tif");
        let kind = widest(bands);
        let driver = DriverManager::get_driver_by_name("GTiff").map_err(failed)?;
        let mut options = RasterCreationOptions::new();
        for (key, value) in
            [("INTERLEAVE", "BAND"), ("BLOCKYSIZE", "32"), ("BIGTIFF", "IF_SAFER"), ("SPARSE_OK", "TRUE")]
        {
            options.set_name_value(key, value).map_err(failed)?;
        }
        let (height, width) = grid.shape;
        let (made, messages) =
            library::watched(|| {
                let n = bands.len();
                match kind {
                    Kind::UInt8 => driver
                        .create_with_band_type_with_options::<u8, _>(&scratch, width, height, n, &options),
                    Kind::UInt16 => driver
                        .create_with_band_type_with_options::<u16, _>(&scratch, width, height, n, &options),
                    Kind::Int16 => driver
                        .create_with_band_type_with_options::<i16, _>(&scratch, width, height, n, &options),
                    Kind::Float32 => driver
                        .create_with_band_type_with_options::<f32, _>(&scratch, width, height, n, &options),
                }
            });
        geotiff::refuse(path, messages.failures)?;
        let mut dataset = made.map_err(failed)?;
        dataset.set_geo_transform(&grid.affine.to_gdal()).map_err(failed)?;
        dataset.set_spatial_ref(&crs::reference_of(&grid.crs)?).map_err(failed)?;
        for (key, value) in tags {
            dataset.set_metadata_item(key, value, "").map_err(failed)?;
        }
        let bands: Vec<BandFormat> = bands.iter().map(|b| rekinded(b, kind)).collect();
        // A GeoTIFF holds one no-data value.
        let no_data = bands.first().map_or(0.0, |b| b.no_data);
        let bands: Vec<BandFormat> = bands.into_iter().map(|b| BandFormat { no_data, ..b }).collect();
        for (i, stored) in bands.iter().enumerate() {
            let mut band = dataset.rasterband(i + 1).map_err(failed)?;
            band.set_description(&stored.name).map_err(failed)?;
            band.set_no_data_value(Some(stored.no_data)).map_err(failed)?;
            if let Some((scale, offset)) = stored.scale {
                band.set_scale(scale).map_err(failed)?;
                band.set_offset(offset).map_err(failed)?;
            }
        }
        Ok(Self { path: path.to_owned(), _folder: folder, scratch, dataset, bands })
    }

    /// Writes a block of a band (from 0) to the disk; NaN becomes the no-data value, no seen pixel does.
    ///
    /// # Errors
    /// [`Error::Write`] when the disk is full.
    pub fn write(
        &mut self,
        band: usize,
        (row, col): (usize, usize),
        values: &Array2<f32>,
    ) -> Result<(), Error> {
        let Some(stored) = self.bands.get(band) else {
            return Err(Error::write(&self.path, format!("band {band} of {}", self.bands.len())));
        };
        let place = (col as isize, row as isize);
        let (path, kind, no_data) = (&self.path, stored.kind, stored.no_data);
        let mut raster = self.dataset.rasterband(band + 1).map_err(|e| Error::write(path, e))?;
        let size = (values.ncols(), values.nrows());
        let whole = |v: f32| whole_number(f64::from(v), kind, no_data);
        let (written, messages) = library::watched(|| match kind {
            Kind::UInt8 => raster.write(
                place,
                size,
                &mut Buffer::new(size, values.iter().map(|v| whole(*v) as u8).collect()),
            ),
            Kind::UInt16 => raster.write(
                place,
                size,
                &mut Buffer::new(size, values.iter().map(|v| whole(*v) as u16).collect()),
            ),
            Kind::Int16 => raster.write(
                place,
                size,
                &mut Buffer::new(size, values.iter().map(|v| whole(*v) as i16).collect()),
            ),
            Kind::Float32 => {
                let value = |v: &f32| if v.is_nan() { no_data as f32 } else { *v };
                raster.write(place, size, &mut Buffer::new(size, values.iter().map(value).collect()))
            }
        });
        geotiff::refuse(path, messages.failures)?;
        written.map_err(|e| Error::write(path, e))?;
        // Else GDAL keeps blocks in memory that nobody asks for again.
        let (flushed, messages) = library::watched(|| self.dataset.flush_cache());
        geotiff::refuse(&self.path, messages.failures)?;
        flushed.map_err(|e| Error::write(&self.path, e))
    }

    /// Makes the cloud-optimised file (deflate, 512 px tiles, overviews) of what was written, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Write`] when the disk is full.
    pub fn finish(self) -> Result<(), Error> {
        let path = self.path.clone();
        let (closed, messages) = library::watched(|| self.dataset.close());
        geotiff::refuse(&path, messages.failures)?;
        closed.map_err(|e| Error::write(&path, e))?;
        let (opened, _) = library::watched(|| Dataset::open(&self.scratch));
        let blocks = opened.map_err(|e| Error::write(&path, e))?;
        geotiff::copy_as_cog(&path, &blocks, "AUTO", "AVERAGE")
    }
}

/// `v` as a whole number of the type; missing ones as `no_data`, which no seen one becomes.
fn whole_number(v: f64, kind: Kind, no_data: f64) -> f64 {
    let Some((low, high)) = kind.range() else { return v };
    if v.is_nan() {
        return no_data;
    }
    let v = v.round().clamp(low, high);
    if (v - no_data).abs() > 0.0 {
        v
    } else if v < high {
        v + 1.0
    } else {
        v - 1.0
    }
}

/// The type that holds the numbers of all bands.
fn widest(bands: &[BandFormat]) -> Kind {
    let has = |kind: Kind| bands.iter().any(|b| b.kind == kind);
    let mixed = has(Kind::Int16) && has(Kind::UInt16);
    match () {
        () if has(Kind::Float32) || mixed => Kind::Float32,
        () if has(Kind::UInt16) => Kind::UInt16,
        () if has(Kind::Int16) => Kind::Int16,
        () => Kind::UInt8,
    }
}

/// The band in another type, with a no-data value that the type holds.
fn rekinded(band: &BandFormat, kind: Kind) -> BandFormat {
    let holds = match kind.range() {
        Some((low, high)) => (low..=high).contains(&band.no_data) && band.no_data.fract() == 0.0,
        None => true,
    };
    let no_data = if holds { band.no_data } else { kind.usual_no_data() };
    BandFormat { kind, no_data, ..band.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_pixels_never_become_no_data() {
        assert_eq!(whole_number(0.2, Kind::UInt16, 0.0) as u16, 1);
        assert_eq!(whole_number(f64::NAN, Kind::UInt16, 0.0) as u16, 0);
        assert_eq!(whole_number(70_000.0, Kind::UInt16, 65_535.0) as u16, 65_534);
        assert_eq!(whole_number(-4e4, Kind::Int16, -32_768.0) as i16, -32_767);
    }
}
