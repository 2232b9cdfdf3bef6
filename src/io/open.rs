//! From what a user writes to a [`Scene`]: which kind of thing it is.

use super::files::scene_of_files;
use super::options::SceneOptions;
use super::{Error, library, names, safe, stac};
use crate::scene::Scene;
use std::path::Path;

/// Extensions of rasters on remote servers, where looking inside costs a request.
const RASTER_EXTENSIONS: [&str; 6] = ["tif", "tiff", "jp2", "vrt", "img", "nc"];

/// Opens a scene: no pixels are read, save a few where floating point numbers state no unit.
///
/// `spec` is a raster file, one file a band joined by `+`, a glob or a folder of such files, a
/// Sentinel-2 SAFE folder or zip, or a STAC item (path or URL).
///
/// # Errors
/// [`Error`] saying what is missing, damaged or ambiguous, and where.
pub fn open_scene(spec: &str, options: &SceneOptions) -> Result<Scene, Error> {
    library::configure();
    let spec = spec.trim();
    let remote = !library::is_plain_path(spec);
    if !remote && Path::new(spec).is_dir() {
        return if safe::is_product(spec) {
            safe::open_folder(spec, spec, options)
        } else if let Some(item) = stac::item_in(spec) {
            stac::open_item(&item, options)
        } else {
            scene_of_files(spec, &rasters_in(spec)?, options)
        };
    }
    if !remote && !Path::new(spec).exists() {
        if spec.contains('+') {
            let parts: Vec<String> = spec.split('+').map(|p| p.trim().to_owned()).collect();
            return scene_of_files(spec, &parts, options);
        }
        if spec.contains(['*', '?', '[']) {
            return scene_of_files(spec, &matches_of(spec)?, options);
        }
        return Err(Error::NotFound { path: spec.to_owned(), what: super::error::SCENE });
    }
    if remote {
        let path = library::gdal_path(spec);
        return if names::has_extension(spec, &["zip"]) {
            safe::open_zip(spec, &path, options)
        } else if spec.contains("+http") || spec.contains("+s3:") || spec.contains("+/vsi") {
            let parts: Vec<String> = spec.split('+').map(library::gdal_path).collect();
            scene_of_files(spec, &parts, options)
        } else if names::has_extension(spec, &RASTER_EXTENSIONS) || spec.starts_with("/vsi") {
            scene_of_files(spec, &[path], options)
        } else {
            stac::open_item(spec, options)
        };
    }
    let head = library::read_bytes(spec, 64)?;
    if head.starts_with(b"PK\x03\x04") || names::has_extension(spec, &["zip"]) {
        safe::open_zip(spec, spec, options)
    } else if head.trim_ascii_start().first() == Some(&b'{') || names::has_extension(spec, &["json"]) {
        stac::open_item(spec, options)
    } else if names::has_extension(spec, &["xml"]) && names::stem(spec).starts_with("MTD_MSIL") {
        let folder = Path::new(spec).parent().map_or_else(|| ".".to_owned(), |p| p.display().to_string());
        safe::open_folder(spec, &folder, options)
    } else {
        scene_of_files(spec, &[spec.to_owned()], options)
    }
}

/// Files that a glob matches, in order.
fn matches_of(pattern: &str) -> Result<Vec<String>, Error> {
    let paths = glob::glob(pattern).map_err(|e| Error::bands(pattern, format!("not a valid glob: {e}")))?;
    let mut files: Vec<String> =
        paths.filter_map(Result::ok).filter(|p| p.is_file()).map(|p| p.display().to_string()).collect();
    files.sort();
    if files.is_empty() {
        Err(Error::NotFound { path: pattern.to_owned(), what: super::error::SCENE })
    } else {
        Ok(files)
    }
}

/// Rasters of a folder whose names hold one band each.
fn rasters_in(folder: &str) -> Result<Vec<String>, Error> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::open(folder, "folder", e))?;
    let mut files: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|e| e.path().display().to_string())
        .filter(|p| names::has_extension(p, &RASTER_EXTENSIONS))
        .filter(|p| names::bands_of_stem(&names::stem(p)).len() == 1)
        .collect();
    files.sort();
    if files.is_empty() {
        let reason = "the folder is not a SAFE product (no MTD_MSIL1C.xml or MTD_MSIL2A.xml) and holds no files \
                      named by band, such as B02.tif or T33UUU_B04_10m.jp2";
        return Err(Error::bands(folder, reason));
    }
    Ok(files)
}
