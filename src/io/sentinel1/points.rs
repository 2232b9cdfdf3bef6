//! Rasters that have control points and no affine transform, as the archives of GRD on AWS and Planetary Computer hold them.

use super::super::options::SceneOptions;
use super::super::{Error, bands, library, names};
use super::layout::{Product, laid_out};
use super::stated;
use super::{Source, is_polarisation};
use crate::scene::{ControlPoint, GroundRange, Scene};
use gdal::{Dataset, Metadata};

/// A scene of files that have control points and no affine transform; `None` for others.
pub(in crate::io) fn open_points(
    spec: &str,
    paths: &[String],
    options: &SceneOptions,
    json: Option<&serde_json::Value>,
) -> Result<Option<Scene>, Error> {
    let mut images: Vec<(String, Source, GroundRange)> = Vec::new();
    let mut stated = json.map(stated::by_item).unwrap_or_default();
    let mut datetime = options.datetime;
    if !paths.iter().all(|p| may_be_radar(p)) {
        return Ok(None);
    }
    for path in paths {
        let dataset = library::open_raster(path)?;
        if dataset.gcps().is_empty() || bands::grid_of(&dataset, path).is_ok() {
            return Ok(None);
        }
        let beside = product_info(path);
        stated = stated.or(stated::by_tags(&dataset));
        for part in beside.iter().map(String::as_str).chain(path.rsplit('/').take(3)) {
            stated = stated.or(stated::by_name(part));
            datetime = datetime.or_else(|| names::datetime_of_name(part));
        }
        let ground = ground_of(&dataset, path)?;
        for (i, name) in polarisations_of(&dataset, path, options)?.into_iter().enumerate() {
            let source = Source { gdal_path: path.clone(), band_index: i + 1, alpha_index: None };
            images.push((name, source, ground.clone()));
        }
    }
    let id = product_info(&paths[0]).unwrap_or_else(|| names::stem(spec));
    laid_out(spec, Product { id, datetime, stated, spacing_m: 0.0, images }, options).map(Some)
}

/// Whether a name has a radar word in it, so that looking for control points is worth an open.
fn may_be_radar(path: &str) -> bool {
    let words =
        ["VV", "VH", "HH", "HV", "VVVH", "HHHV", "S1", "S1A", "S1B", "S1C", "S1D", "GRD", "GRDH", "GRDM"];
    let tokens: Vec<String> = path
        .rsplit('/')
        .take(2)
        .flat_map(|p| p.split(['_', '-', '.']))
        .map(str::to_ascii_uppercase)
        .collect();
    tokens.iter().any(|t| words.contains(&t.as_str()))
}

/// The polarisation of each band of a file, by description, name or what the user says.
fn polarisations_of(dataset: &Dataset, path: &str, options: &SceneOptions) -> Result<Vec<String>, Error> {
    let count = dataset.raster_count();
    let described = (1..=count).map(|i| {
        let band = dataset.rasterband(i).ok()?;
        names::band_of_description(&band.description().ok()?).filter(|n| is_polarisation(n))
    });
    if let Some(all) = described.collect::<Option<Vec<String>>>() {
        return Ok(all);
    }
    let listed: Vec<String> =
        names::bands_of_stem(&names::stem(path)).into_iter().filter(|n| is_polarisation(n)).collect();
    if listed.len() == count {
        return Ok(listed);
    }
    match options.asked_bands() {
        Some(bands) if bands.len() == count => Ok(bands),
        _ => Err(Error::bands(path, "its polarisations are unknown; name the bands with --bands VV,VH")),
    }
}

/// The id in the `productInfo.json` beside a file of the public archive on AWS.
fn product_info(path: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let file = ["productInfo.json", "../productInfo.json"]
        .iter()
        .map(|name| format!("{folder}/{name}"))
        .find(|p| library::is_plain_path(p) && std::path::Path::new(p).exists())?;
    let json: serde_json::Value = serde_json::from_slice(&library::read_bytes(&file, 1 << 20).ok()?).ok()?;
    json.get("id").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// Size and control points of an image.
fn ground_of(dataset: &Dataset, path: &str) -> Result<GroundRange, Error> {
    if dataset.gcp_spatial_ref().is_some_and(|r| r.is_projected()) {
        let reason = "its control points are not in longitude and latitude; warp it to a map grid first, for example with \
                      `gdalwarp -t_srs EPSG:32633`"
            .to_owned();
        return Err(Error::NotGeoreferenced { path: path.to_owned(), reason });
    }
    let points = dataset
        .gcps()
        .iter()
        .map(|p| ControlPoint {
            row: p.line(),
            col: p.pixel(),
            lon_deg: p.x(),
            lat_deg: p.y(),
            height_m: p.z(),
            incidence_deg: None,
        })
        .collect();
    let (width, height) = dataset.raster_size();
    Ok(GroundRange { shape: (height, width), points, annotations: Vec::new(), dem: None })
}
