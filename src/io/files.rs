//! A scene from raster files: one with many bands, or one a band.

use super::bands::{assemble, bands_of_file};
use super::options::SceneOptions;
use super::{Error, library, names, scaling, sentinel1};
use crate::scene::{Scaling, Scene};
use gdal::{Dataset, Metadata};
use jiff::Timestamp;
use std::path::Path;

/// Tags that hold the time of sensing, in order of trust.
const SENSING_TAGS: [&str; 9] = [
    "ACQUISITION",
    "ACQUISITION_DATETIME",
    "SENSING_TIME",
    "DATATAKE_1_DATATAKE_SENSING_START",
    "PRODUCT_START_TIME",
    "datetime",
    "DATETIME",
    "ACQ_DATE",
    "ACQUISITION_DATE",
];
/// TIFF's own tag, which often holds the time of writing.
const WRITING_TAG: &str = "TIFFTAG_DATETIME";

/// A scene of the files `paths`; `spec` is what the user wrote.
pub(super) fn scene_of_files(spec: &str, paths: &[String], options: &SceneOptions) -> Result<Scene, Error> {
    if let Some(scene) = sentinel1::open_points(spec, paths, options, None)? {
        return Ok(scene);
    }
    let mut found = Vec::new();
    let (mut datetime, mut platform) = (None, None);
    let mut scaling: Option<Scaling> = None;
    for path in paths {
        let dataset = library::open_raster(path)?;
        let bands = bands_of_file(&dataset, path)?;
        datetime = datetime.or_else(|| datetime_of_file(&dataset, path));
        platform = platform.or_else(|| platform_of_file(&dataset, path));
        let first = bands.iter().find(|b| !b.is_alpha && b.name.as_deref() != Some(names::SCL));
        if let (None, Some(first)) = (&scaling, first) {
            scaling = Some(scaling::of_raster(&dataset, path, first.source.band_index)?);
        }
        found.extend(bands);
    }
    if !found.iter().any(|b| b.name.as_deref() == Some(names::SCL))
        && let Some(path) = options.classifications.beside(paths)
    {
        let dataset = library::open_raster(&path)?;
        let bands = bands_of_file(&dataset, &path)?;
        found.extend(bands.into_iter().filter(|b| b.name.as_deref() == Some(names::SCL)));
    }
    let (bands, classification, grid) = assemble(spec, found, options)?;
    let scaling =
        scaling.ok_or_else(|| Error::bands(spec, "only a classification (SCL) and no image bands"))?;
    let scene = Scene {
        id: id_of(spec, paths),
        path: spec.to_owned(),
        datetime: options.datetime.or(datetime),
        platform,
        bands,
        classification,
        grid,
        scaling,
        radar: None,
    };
    sentinel1::of_map_grid(scene, None)
}

/// Time of sensing by tag, file name or folder name.
///
/// The tag of writing counts where nothing else does, or where it gives the hour of the day that the name gives.
fn datetime_of_file(dataset: &Dataset, path: &str) -> Option<Timestamp> {
    let tagged = |key: &str| dataset.metadata_item(key, "").and_then(|t| names::datetime_of_text(&t));
    if let Some(sensed) = SENSING_TAGS.into_iter().find_map(tagged) {
        return Some(sensed);
    }
    let named = path.rsplit('/').take(2).find_map(names::datetime_of_name);
    let written = tagged(WRITING_TAG);
    match (named, written) {
        (Some(named), Some(written))
            if named.as_second() % 86_400 == 0 && names::day(named) == names::day(written) =>
        {
            Some(written)
        }
        (named, written) => named.or(written),
    }
}

fn platform_of_file(dataset: &Dataset, path: &str) -> Option<String> {
    ["PLATFORM", "SPACECRAFT_NAME", "SATELLITE", "DATATAKE_1_SPACECRAFT_NAME", "SENSOR", "platform"]
        .iter()
        .find_map(|key| dataset.metadata_item(key, "").and_then(|t| names::platform_of(&t)))
        .or_else(|| path.rsplit('/').take(2).find_map(names::platform_of))
}

/// The file's stem, or the folder's name where every file is one band.
fn id_of(spec: &str, paths: &[String]) -> String {
    let first = paths.first().map_or(spec, String::as_str);
    let bare = paths.len() > 1 && !names::stem(first).contains('_');
    match Path::new(first).parent().filter(|_| bare) {
        Some(folder) if folder.file_name().is_some() => names::stem(&folder.display().to_string()),
        _ => names::stem(first),
    }
}
