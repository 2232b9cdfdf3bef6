//! A scene from raster files: one with many bands, or one a band.

use super::open::{SceneOptions, name_bands, pick_bands};
use super::{Error, crs, library, names, scaling, sentinel1};
use crate::grid::{Affine, Grid};
use crate::scene::{Band, BandName, Scene, Source};
use gdal::{Dataset, Metadata};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// One band as a file has it.
pub(super) struct FoundBand {
    /// Name by description or file name; `None` where nothing tells it.
    pub(super) name: Option<String>,
    pub(super) source: Source,
    pub(super) grid: Grid,
}

/// Tags that hold the time of sensing, in order of trust.
const TIME_TAGS: [&str; 10] = [
    "ACQUISITION",
    "ACQUISITION_DATETIME",
    "SENSING_TIME",
    "DATATAKE_1_DATATAKE_SENSING_START",
    "PRODUCT_START_TIME",
    "datetime",
    "DATETIME",
    "ACQ_DATE",
    "ACQUISITION_DATE",
    "TIFFTAG_DATETIME",
];

/// The grid of a raster.
pub(super) fn grid_of(dataset: &Dataset, path: &str) -> Result<Grid, Error> {
    let missing = |reason: String| Error::NotGeoreferenced { path: path.to_owned(), reason };
    let gcps = dataset.gcps().len();
    let (transform, _) = library::watched(|| dataset.geo_transform());
    let transform = transform.ok().ok_or_else(|| {
        missing(if gcps > 0 {
            format!("it has {gcps} ground control points and no affine transform")
        } else {
            "it has no affine transform".to_owned()
        })
    })?;
    let affine = Affine::from_gdal(transform).map_err(|e| missing(e.to_string()))?;
    let reference = dataset.spatial_ref().ok().ok_or_else(|| missing("it has no CRS".to_owned()))?;
    let (width, height) = dataset.raster_size();
    Ok(Grid { crs: crs::crs_of(&reference)?, affine, shape: (height, width) })
}

/// The bands of one file.
pub(super) fn bands_of_file(dataset: &Dataset, path: &str) -> Result<Vec<FoundBand>, Error> {
    let grid = grid_of(dataset, path)?;
    let count = dataset.raster_count();
    let listed = names::bands_of_stem(&names::stem(path));
    (1..=count)
        .map(|band_index| {
            let band = dataset.rasterband(band_index).map_err(|e| Error::read(path, e))?;
            let described = band.description().ok().and_then(|d| names::band_of_description(&d));
            let name = described.or_else(|| (listed.len() == count).then(|| listed[band_index - 1].clone()));
            Ok(FoundBand {
                name,
                source: Source { gdal_path: path.to_owned(), band_index },
                grid: grid.clone(),
            })
        })
        .collect()
}

/// A scene of the files `paths`; `spec` is what the user wrote.
pub(super) fn scene_of_files(spec: &str, paths: &[String], options: &SceneOptions) -> Result<Scene, Error> {
    if let Some(scene) = sentinel1::open_points(spec, paths, options, None)? {
        return Ok(scene);
    }
    let mut found = Vec::new();
    let (mut datetime, mut platform) = (None, None);
    let mut scaling: Option<crate::scene::Scaling> = None;
    for path in paths {
        let dataset = library::open_raster(path)?;
        let bands = bands_of_file(&dataset, path)?;
        datetime = datetime.or_else(|| datetime_of_file(&dataset, path));
        platform = platform.or_else(|| platform_of_file(&dataset, path));
        let first = bands.iter().find(|b| b.name.as_deref() != Some(names::SCL));
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

/// Names, picks and checks bands: image bands, classification and the finest grid.
pub(super) fn assemble(
    spec: &str,
    found: Vec<FoundBand>,
    options: &SceneOptions,
) -> Result<(Vec<Band>, Option<Source>, Grid), Error> {
    let (named, asked) = name_bands(found, options);
    let (scl, image): (Vec<_>, Vec<_>) = named.into_iter().partition(|(name, _)| name == names::SCL);
    let image = pick_bands(spec, image, &asked)?;
    let finest = image
        .iter()
        .map(|(_, b)| &b.grid)
        .min_by(|a, b| a.pixel_size_m().total_cmp(&b.pixel_size_m()))
        .ok_or_else(|| Error::bands(spec, "no image bands"))?
        .clone();
    for (_, other) in image.iter().chain(&scl) {
        check_fit(&finest, other)?;
    }
    let classification = scl.into_iter().next().map(|(_, b)| b.source);
    let bands = image.into_iter().map(|(name, b)| Band { name: BandName(name), source: b.source }).collect();
    Ok((bands, classification, finest))
}

/// Refuses a band of another CRS, or of other ground than the finest band.
fn check_fit(finest: &Grid, band: &FoundBand) -> Result<(), Error> {
    let mixed = |reason: String| Error::Mixed { path: band.source.gdal_path.clone(), reason };
    if band.grid.crs != finest.crs {
        return Err(mixed(format!("its CRS is {}, not {}", band.grid.crs.name(), finest.crs.name())));
    }
    let window = |c: &[(f64, f64)]| finest.window_around(c.iter().copied(), 0.0);
    let shared = window(&band.grid.corners()).map_or(0, crate::grid::Window::pixel_count);
    if 2 * shared < finest.window().pixel_count() {
        return Err(mixed("it covers less than half of the finest band".to_owned()));
    }
    Ok(())
}

/// Files of folders that may be classifications, each folder listed once: what comes into it later is not seen.
#[derive(Debug, Clone, Default)]
pub struct Classifications(Arc<Mutex<BTreeMap<PathBuf, Arc<[String]>>>>);

impl Classifications {
    /// The classification that lies beside the files under a like name, where exactly one does.
    fn beside(&self, paths: &[String]) -> Option<String> {
        let first = paths.first().filter(|p| library::is_plain_path(p))?;
        let stem = names::stem(first);
        let date = names::datetime_of_name(&stem);
        let head = |s: &str| s.split('_').next().unwrap_or_default().to_owned();
        let only_bands = |s: &str| !names::bands_of_stem(s).is_empty() && !s.contains(['_', '-']);
        let fits = |other: &str| {
            let classified = names::bands_of_stem(other) == [names::SCL];
            let same_day = date.is_some()
                && names::datetime_of_name(other).map(day) == date.map(day)
                && head(other) == head(&stem);
            classified && (same_day || (only_bands(&stem) && only_bands(other)))
        };
        let listed = self.listed(Path::new(first).parent()?);
        let mut fitting = listed.iter().filter(|p| fits(&names::stem(p)));
        fitting.next().filter(|_| fitting.next().is_none()).cloned()
    }

    fn listed(&self, folder: &Path) -> Arc<[String]> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(folder.to_owned()).or_insert_with(|| may_classify(folder)))
    }
}

/// Rasters of a folder whose names hold the letters of a classification: there may be many thousand scenes, so that words are
/// parsed of few.
fn may_classify(folder: &Path) -> Arc<[String]> {
    let may_fit = |name: &OsStr| {
        name.as_encoded_bytes().windows(3).any(|part| part.eq_ignore_ascii_case(names::SCL.as_bytes()))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|e| may_fit(&e.file_name()))
        .map(|e| e.path().display().to_string())
        .filter(|p| names::has_extension(p, &["tif", "jp2"]))
        .collect()
}

fn day(t: Timestamp) -> i64 {
    t.as_second().div_euclid(86_400)
}

/// Time of sensing by tag, file name or folder name.
///
/// TIFF's own tag often holds the time of writing: it counts where nothing else does, or where it tells the hour of the
/// day that the name tells.
fn datetime_of_file(dataset: &Dataset, path: &str) -> Option<Timestamp> {
    let tagged = |key: &&str| dataset.metadata_item(key, "").and_then(|t| names::datetime_of_text(&t));
    if let Some(sensed) = TIME_TAGS[..9].iter().find_map(tagged) {
        return Some(sensed);
    }
    let named = path.rsplit('/').take(2).find_map(names::datetime_of_name);
    let written = tagged(&TIME_TAGS[9]);
    match (named, written) {
        (Some(named), Some(written)) if named.as_second() % 86_400 == 0 && day(named) == day(written) => {
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
