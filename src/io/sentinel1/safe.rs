//! SAFE products: folder, zip, with GeoTIFF or COG measurements.

use super::super::options::SceneOptions;
use super::super::{Error, names};
use super::layout::{Product, laid_out};
use super::stated::Stated;
use super::{annotation, is_annotation};
use crate::scene::{Annotation, GroundRange, Scene, Source};

/// Name of the file that lists what a product holds; its folder has the product's name.
const MANIFEST: &str = "manifest.safe";

/// A SAFE product whose listed `files` lie under `root`.
pub(in crate::io) fn open_safe(
    spec: &str,
    root: &str,
    files: &[String],
    options: &SceneOptions,
) -> Result<Scene, Error> {
    let mut images = Vec::new();
    let mut stated = Stated::default();
    let mut missing = Vec::new();
    let (mut start, mut spacing_m) = (None, 0.0);
    for annotation in files.iter().filter(|f| is_annotation(f)) {
        let image = annotation::image(&format!("{root}/{annotation}"))?;
        if image.product != "GRD" {
            let reason = format!(
                "it is a {} product; only GRD and terrain-corrected products are read",
                image.product
            );
            return Err(Error::open(spec, "Sentinel-1 product", reason));
        }
        let beside = |folder: &str, prefix: &str, extensions: &[&str]| {
            file_of(files, &image.polarisation, folder, prefix, extensions).map(|f| format!("{root}/{f}"))
        };
        let orbit = image.absolute_orbit.zip(image.platform.as_deref());
        stated = stated.or(Stated {
            platform: image.platform.clone(),
            mode: image.mode.clone(),
            pass: image.pass,
            relative_orbit: orbit.and_then(|(n, p)| crate::scene::relative_orbit(p, n)),
            ..Stated::default()
        });
        start = start.or(image.start);
        spacing_m = (image.spacing_m.0 * image.spacing_m.1).sqrt();
        let Some(measured) = beside("measurement", "s1", &["tiff", "tif"]) else {
            missing.push(image.polarisation);
            continue;
        };
        let files = Annotation {
            calibration: beside("calibration", "calibration-", &["xml"]),
            noise: beside("calibration", "noise-", &["xml"]),
        };
        let ground =
            GroundRange { shape: image.shape, points: image.points, annotations: vec![files], dem: None };
        images.push((
            image.polarisation,
            Source { gdal_path: measured, band_index: 1, alpha_index: None },
            ground,
        ));
    }
    let manifest = files.iter().find(|f| f.rsplit('/').next() == Some(MANIFEST));
    let of_manifest = manifest.and_then(|m| annotation::relative_orbit_of_manifest(&format!("{root}/{m}")));
    let stated = Stated { relative_orbit: of_manifest.or(stated.relative_orbit), ..stated };
    let asked = options.asked_bands().unwrap_or_default();
    if let Some(name) = missing.iter().find(|name| images.is_empty() || asked.contains(name)) {
        let reason = format!(
            "the product describes {name} but has no measurement of it; fetch the whole product again"
        );
        return Err(Error::bands(spec, reason));
    }
    let id = root_name(root, files, spec);
    let datetime = options.datetime.or(start).or_else(|| names::datetime_of_name(&id));
    laid_out(spec, Product { id, datetime, stated, spacing_m, images }, options)
}

/// The file of a polarisation in one of a product's folders whose name starts with `prefix`.
fn file_of<'a>(
    files: &'a [String],
    polarisation: &str,
    folder: &str,
    prefix: &str,
    extensions: &[&str],
) -> Option<&'a String> {
    let key = format!("-{}-", polarisation.to_ascii_lowercase());
    files.iter().find(|file| {
        let (place, name) = file.rsplit_once('/').unwrap_or(("", file));
        let inside = place.rsplit('/').next() == Some(folder);
        inside && name.starts_with(prefix) && name.contains(&key) && names::has_extension(name, extensions)
    })
}

/// The product's own name: that of its SAFE folder.
fn root_name(root: &str, files: &[String], spec: &str) -> String {
    let is_product = |part: &&str| names::has_extension(part, &["SAFE"]) && *part != MANIFEST;
    let inner = files.iter().find_map(|f| f.split('/').find(is_product));
    let outer = root.rsplit('/').find(is_product);
    names::stem(inner.or(outer).unwrap_or(spec))
}
