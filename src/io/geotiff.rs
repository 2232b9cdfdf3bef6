//! Writing of GeoTIFF files: cloud-optimised results, and scenes for the simulator.

use super::{Error, crs, library, write_beside};
use crate::grid::Grid;
use gdal::raster::{Buffer, GdalType, RasterCreationOptions};
use gdal::{Dataset, DriverManager, Metadata};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use std::path::Path;

/// What a cloud-optimised GeoTIFF is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct CogInput<'a> {
    /// Where the pixels lie; every band has its shape.
    pub grid: &'a Grid,
    /// Description and pixels `(row, col)` of each band.
    pub bands: Vec<(String, Array2<f32>)>,
    /// No-data value of all bands.
    pub nodata: Option<f64>,
    /// Dataset tags, name and value.
    pub tags: Vec<(String, String)>,
    /// Whether smaller versions are stored too.
    pub overviews: bool,
}

/// Writes a cloud-optimised GeoTIFF (deflate, 512 px tiles), whole or not at all.
///
/// # Errors
/// [`Error::Write`] for bands of another shape than the grid, a folder that takes no file, a full disk.
pub fn write_cog(path: &Path, input: &CogInput<'_>) -> Result<(), Error> {
    let planes: Vec<ArrayView2<'_, f32>> = input.bands.iter().map(|(_, plane)| plane.view()).collect();
    let names: Vec<&str> = input.bands.iter().map(|(name, _)| name.as_str()).collect();
    let (memory, messages) = library::watched(|| in_memory(path, input.grid, &planes, &names, &input.tags));
    let mut memory = memory?;
    refuse(path, messages.failures)?;
    for i in 1..=names.len() {
        let mut band = memory.rasterband(i).map_err(|e| Error::write(path, e))?;
        band.set_no_data_value(input.nodata).map_err(|e| Error::write(path, e))?;
    }
    memory.flush_cache().map_err(|e| Error::write(path, e))?;
    copy_as_cog(path, &memory, if input.overviews { "AUTO" } else { "NONE" }, "AVERAGE")
}

/// Copies a dataset into a cloud-optimised GeoTIFF (deflate, 512 px tiles), whole or not at all.
pub(super) fn copy_as_cog(
    path: &Path,
    dataset: &Dataset,
    overviews: &str,
    resampling: &str,
) -> Result<(), Error> {
    let mut options = RasterCreationOptions::new();
    let threads = rayon::current_num_threads().to_string();
    let wanted = [
        ("COMPRESS", "DEFLATE"),
        ("PREDICTOR", "YES"),
        // Half the time of the usual level, for 1 to 2 % more bytes of a statistic and fewer of noisy pixels.
        ("LEVEL", "1"),
        ("BLOCKSIZE", "512"),
        ("OVERVIEWS", overviews),
        ("RESAMPLING", resampling),
        ("NUM_THREADS", threads.as_str()),
        ("BIGTIFF", "IF_SAFER"),
    ];
    for (key, value) in wanted {
        options.set_name_value(key, value).map_err(|e| Error::write(path, e))?;
    }
    // GDAL before 3.7 makes the smaller versions on one thread, whatever the driver is told.
    library::with_option("GDAL_NUM_THREADS", &threads, || copy(path, dataset, "COG", &options))
}

/// Writes a scene as GeoTIFF of 16-bit numbers `(band, row, col)` (deflate, predictor 2), whole or not at all.
///
/// # Errors
/// [`Error::Write`] for other numbers of names or another shape than the grid, a folder that takes no
/// file, a full disk.
pub fn write_scene(
    path: &Path,
    grid: &Grid,
    pixels: &Array3<u16>,
    band_names: &[&str],
    tags: &[(String, String)],
) -> Result<(), Error> {
    let planes: Vec<ArrayView2<'_, u16>> = pixels.axis_iter(Axis(0)).collect();
    let (memory, messages) = library::watched(|| in_memory(path, grid, &planes, band_names, tags));
    let memory = memory?;
    refuse(path, messages.failures)?;
    let mut options = RasterCreationOptions::new();
    for (key, value) in [("COMPRESS", "DEFLATE"), ("PREDICTOR", "2"), ("TILED", "YES")] {
        options.set_name_value(key, value).map_err(|e| Error::write(path, e))?;
    }
    copy(path, &memory, "GTiff", &options)
}

/// A dataset in memory with georeference, names and tags.
pub(super) fn in_memory<T: GdalType + Copy>(
    path: &Path,
    grid: &Grid,
    planes: &[ArrayView2<'_, T>],
    names: &[&str],
    tags: &[(String, String)],
) -> Result<Dataset, Error> {
    if planes.is_empty() || planes.len() != names.len() || planes.iter().any(|p| p.dim() != grid.shape) {
        return Err(Error::write(path, format!("{} bands do not fit {:?} pixels", planes.len(), grid.shape)));
    }
    let failed = |e: gdal::errors::GdalError| Error::write(path, e);
    let driver = DriverManager::get_driver_by_name("MEM").map_err(failed)?;
    let (height, width) = grid.shape;
    let mut dataset =
        driver.create_with_band_type::<T, _>("", width, height, planes.len()).map_err(failed)?;
    dataset.set_geo_transform(&grid.affine.to_gdal()).map_err(failed)?;
    dataset.set_spatial_ref(&crs::reference_of(&grid.crs)?).map_err(failed)?;
    for (key, value) in tags {
        dataset.set_metadata_item(key, value, "").map_err(failed)?;
    }
    for (i, (plane, name)) in planes.iter().zip(names).enumerate() {
        let mut band = dataset.rasterband(i + 1).map_err(failed)?;
        band.set_description(name).map_err(failed)?;
        let mut buffer = Buffer::new((width, height), plane.iter().copied().collect());
        band.write((0, 0), (width, height), &mut buffer).map_err(failed)?;
    }
    Ok(dataset)
}

/// Copies a dataset to disk by a driver; failures that the call itself hides are found by the messages.
fn copy(path: &Path, memory: &Dataset, driver: &str, options: &RasterCreationOptions) -> Result<(), Error> {
    write_beside(path, |place| create(path, place, memory, driver, options))
}

/// One copy to `place`; messages speak of `path`.
fn create(
    path: &Path,
    place: &Path,
    memory: &Dataset,
    driver: &str,
    options: &RasterCreationOptions,
) -> Result<(), Error> {
    let failed = |e: gdal::errors::GdalError| Error::write(path, e);
    let driver = DriverManager::get_driver_by_name(driver).map_err(failed)?;
    let (copied, messages) =
        library::watched(|| memory.create_copy(&driver, place, options).and_then(Dataset::close));
    refuse(path, messages.failures)?;
    copied.map_err(failed)
}

pub(super) fn refuse(path: &Path, failures: Vec<String>) -> Result<(), Error> {
    failures.into_iter().next().map_or(Ok(()), |message| Err(Error::write(path, message)))
}

/// [`copy`] without the temporary file: shows that a failure on the device itself is seen.
#[cfg(test)]
pub(super) fn copy_for_test(place: &Path, grid: &Grid, plane: &Array2<f32>) -> Result<(), Error> {
    let memory = in_memory(place, grid, &[plane.view()], &["a"], &[])?;
    create(place, place, &memory, "COG", &RasterCreationOptions::new())
}
