//! Sentinel-1: terrain-corrected rasters, SAFE products (folder, zip, COG), rasters with control points only, STAC items.

mod annotation;
mod geocode;
mod ground;
mod lut;
mod told;
mod units;

use super::open::SceneOptions;
use super::{Error, files, library, names, read};
use crate::grid::{Grid, Window};
use crate::raster::{Raster, Validity};
use crate::scene::{
    Annotation, Backscatter, Band, BandName, ControlPoint, GroundRange, Radar, Scaling, Scene, Source,
    Storage,
};
use gdal::{Dataset, Metadata};
use geocode::Geolocation;
use ndarray::{Array2, Array3, Axis};
use told::Told;

/// Polarisations, in the order in which they are taken.
const POLARISATIONS: [&str; 4] = ["VV", "VH", "HH", "HV"];
/// Power that stands for zero and negative numbers of noise removal, −50 dB.
const FLOOR: f32 = 1e-5;

/// Whether a band name is a polarisation.
pub(super) fn is_polarisation(name: &str) -> bool {
    POLARISATIONS.contains(&name)
}

/// Whether the files of a product are Sentinel-1's.
pub(super) fn is_product(files: &[String]) -> bool {
    files.iter().any(|f| is_annotation(f))
}

fn is_annotation(file: &str) -> bool {
    let Some((folder, name)) = file.rsplit_once('/') else { return false };
    folder.rsplit('/').next() == Some("annotation")
        && name.starts_with("s1")
        && names::has_extension(name, &["xml"])
}

/// Makes a scene of polarisations on a map grid radar; leaves others as they are.
///
/// Bands of another kind beside polarisations (incidence angle, layover mask) are left out.
pub(super) fn of_map_grid(scene: Scene, json: Option<&serde_json::Value>) -> Result<Scene, Error> {
    if !scene.bands.iter().any(|b| is_polarisation(&b.name.0)) {
        return Ok(scene);
    }
    let bands: Vec<Band> = scene.bands.into_iter().filter(|b| is_polarisation(&b.name.0)).collect();
    let mut told = json.map(told::by_item).unwrap_or_default();
    let mut kinds: Vec<(Storage, String)> = Vec::new();
    for band in &bands {
        let path = library::file_of(&band.source.gdal_path);
        told = told.or(told::by_tags(&library::open_raster(&band.source.gdal_path)?));
        for part in path.rsplit('/').take(2) {
            told = told.or(told::by_name(part));
        }
        kinds.push(units::storage(&band.source, told.decibel)?);
    }
    let told = told.or(told::by_name(&scene.id));
    let (storage, words) = kinds.swap_remove(0);
    if let Some((other, _)) = kinds.iter().find(|(k, _)| *k != storage) {
        let reason =
            format!("its bands are stored differently ({storage:?} and {other:?}); give bands of one kind");
        return Err(Error::bands(&scene.path, reason));
    }
    let backscatter = match (&storage, told.backscatter) {
        (Storage::Amplitude, _) => Backscatter::Uncalibrated,
        (_, told) => told.unwrap_or(Backscatter::Unknown),
    };
    Ok(Scene {
        bands,
        classification: None,
        scaling: Scaling { offset: 0.0, scale: 1.0, rule: format!("{backscatter}: {words}") },
        platform: told.platform.clone().or(scene.platform),
        radar: Some(radar(&told, backscatter, storage)),
        ..scene
    })
}

fn radar(told: &Told, backscatter: Backscatter, storage: Storage) -> Radar {
    Radar {
        mode: told.mode.clone(),
        pass: told.pass,
        relative_orbit: told.relative_orbit,
        backscatter,
        storage,
    }
}

/// A scene of files that have control points and no affine transform; `None` for others.
pub(super) fn open_points(
    spec: &str,
    paths: &[String],
    options: &SceneOptions,
    json: Option<&serde_json::Value>,
) -> Result<Option<Scene>, Error> {
    let mut images: Vec<(String, Source, GroundRange)> = Vec::new();
    let mut told = json.map(told::by_item).unwrap_or_default();
    let mut datetime = options.datetime;
    if !paths.iter().all(|p| may_be_radar(p)) {
        return Ok(None);
    }
    for path in paths {
        let dataset = library::open_raster(path)?;
        if dataset.gcps().is_empty() || files::grid_of(&dataset, path).is_ok() {
            return Ok(None);
        }
        let beside = product_info(path);
        told = told.or(told::by_tags(&dataset));
        for part in beside.iter().map(String::as_str).chain(path.rsplit('/').take(3)) {
            told = told.or(told::by_name(part));
            datetime = datetime.or_else(|| names::datetime_of_name(part));
        }
        let ground = ground_of(&dataset, path)?;
        for (i, name) in polarisations_of(&dataset, path, options)?.into_iter().enumerate() {
            let source = Source { gdal_path: path.clone(), band_index: i + 1 };
            images.push((name, source, ground.clone()));
        }
    }
    let id = product_info(&paths[0]).unwrap_or_else(|| names::stem(spec));
    laid_out(spec, Product { id, datetime, told, spacing_m: 0.0, images }, options).map(Some)
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
    match &options.bands {
        Some(bands) if bands.len() == count => Ok(bands.iter().map(|b| b.to_ascii_uppercase()).collect()),
        _ => Err(Error::bands(path, "nothing tells its polarisations; name the bands with --bands VV,VH")),
    }
}

/// The id in the `productInfo.json` beside a file of the public archive on AWS.
fn product_info(path: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let file = ["productInfo.json", "../productInfo.json"]
        .iter()
        .map(|name| format!("{folder}/{name}"))
        .find(|p| !p.starts_with("/vsi") && std::path::Path::new(p).exists())?;
    let json: serde_json::Value = serde_json::from_slice(&library::read_bytes(&file, 1 << 20).ok()?).ok()?;
    json.get("id").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// Size and control points of an image.
fn ground_of(dataset: &Dataset, path: &str) -> Result<GroundRange, Error> {
    if dataset.gcp_spatial_ref().is_some_and(|r| r.is_projected()) {
        let reason = "its control points are not in longitude and latitude".to_owned();
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
        })
        .collect();
    let (width, height) = dataset.raster_size();
    Ok(GroundRange { shape: (height, width), points, annotations: Vec::new() })
}

/// A product's images before they are laid on the map.
struct Product {
    id: String,
    datetime: Option<jiff::Timestamp>,
    told: Told,
    spacing_m: f64,
    /// Polarisation, pixels and geometry of each image.
    images: Vec<(String, Source, GroundRange)>,
}

/// The scene of a product's images: bands picked, one geometry, the map grid around it.
fn laid_out(spec: &str, mut product: Product, options: &SceneOptions) -> Result<Scene, Error> {
    let rank = |name: &str| POLARISATIONS.iter().position(|p| *p == name).unwrap_or(POLARISATIONS.len());
    product.images.sort_by_key(|(name, ..)| rank(name));
    if let Some(asked) = &options.bands {
        let there = product.images.iter().map(|i| i.0.clone()).collect::<Vec<_>>().join(", ");
        let word = |b: &String| names::band_of_word(b.trim()).unwrap_or_else(|| b.trim().to_owned());
        let mut picked = Vec::new();
        for name in asked.iter().map(word) {
            let at = product.images.iter().position(|(n, ..)| *n == name).ok_or_else(|| {
                Error::bands(spec, format!("the product has no polarisation {name}; it has: {there}"))
            })?;
            picked.push(product.images.remove(at));
        }
        product.images = picked;
    }
    let annotations: Vec<Annotation> =
        product.images.iter().map(|(.., g)| g.annotations.first().cloned().unwrap_or_default()).collect();
    let Some((_, _, first)) = product.images.first() else {
        return Err(Error::bands(spec, "the product has no images; fetch it again"));
    };
    if let Some((name, source, _)) = product.images.iter().find(|(.., g)| g.shape != first.shape) {
        let reason = format!("the image of {name} is of another size than the others");
        return Err(Error::Mixed { path: source.gdal_path.clone(), reason });
    }
    let calibrated = annotations.iter().filter(|a| a.calibration.is_some()).count();
    let backscatter =
        if calibrated == annotations.len() { Backscatter::Sigma0 } else { Backscatter::Uncalibrated };
    let ground = GroundRange { annotations, ..first.clone() };
    let placed = Geolocation::new(spec, &ground.points, ground.shape, product.spacing_m)?;
    let told = Told { pass: product.told.pass.or(placed.pass), ..product.told };
    let radiometry = match backscatter {
        Backscatter::Sigma0 if ground.annotations.iter().all(|a| a.noise.is_some()) => {
            "sigma0 by the calibration vectors, thermal noise subtracted"
        }
        Backscatter::Sigma0 => "sigma0 by the calibration vectors; no noise vectors, thermal noise kept",
        _ => "squared digital numbers, no calibration beside the images",
    };
    let bands = product.images.into_iter().map(|(name, source, _)| Band { name: BandName(name), source });
    Ok(Scene {
        id: product.id,
        path: spec.to_owned(),
        datetime: product.datetime,
        platform: told.platform.clone(),
        bands: bands.collect(),
        classification: None,
        grid: placed.grid.clone(),
        scaling: Scaling { offset: 0.0, scale: 1.0, rule: format!("{radiometry}; {}", placed.words()) },
        radar: Some(radar(&told, backscatter, Storage::GroundRange(Box::new(ground)))),
    })
}

/// A SAFE product whose listed `files` lie under `root`.
pub(super) fn open_safe(
    spec: &str,
    root: &str,
    files: &[String],
    options: &SceneOptions,
) -> Result<Scene, Error> {
    let mut images = Vec::new();
    let mut told = Told::default();
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
        let key = format!("-{}-", image.polarisation.to_ascii_lowercase());
        let beside = |folder: &str, prefix: &str, extensions: &[&str]| {
            let fits = |f: &&String| {
                let (place, name) = f.rsplit_once('/').unwrap_or(("", f));
                let inside = place.rsplit('/').next() == Some(folder);
                inside
                    && name.starts_with(prefix)
                    && name.contains(&key)
                    && names::has_extension(name, extensions)
            };
            files.iter().find(fits).map(|f| format!("{root}/{f}"))
        };
        let orbit = image.absolute_orbit.zip(image.platform.as_deref());
        told = told.or(Told {
            platform: image.platform.clone(),
            mode: image.mode.clone(),
            pass: image.pass,
            relative_orbit: orbit.and_then(|(n, p)| crate::scene::relative_orbit(p, n)),
            ..Told::default()
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
        let ground = GroundRange { shape: image.shape, points: image.points, annotations: vec![files] };
        images.push((image.polarisation, Source { gdal_path: measured, band_index: 1 }, ground));
    }
    let manifest = files.iter().find(|f| f.rsplit('/').next() == Some("manifest.safe"));
    let stated = manifest.and_then(|m| annotation::relative_orbit_of_manifest(&format!("{root}/{m}")));
    let told = Told { relative_orbit: stated.or(told.relative_orbit), ..told };
    let asked = |name: &&String| options.bands.iter().flatten().any(|b| b.trim().eq_ignore_ascii_case(name));
    if let Some(name) = missing.iter().find(|n| images.is_empty() || asked(n)) {
        let reason = format!(
            "the product describes {name} but has no measurement of it; fetch the whole product again"
        );
        return Err(Error::bands(spec, reason));
    }
    let id = root_name(root, files, spec);
    let datetime = options.datetime.or(start).or_else(|| names::datetime_of_name(&id));
    laid_out(spec, Product { id, datetime, told, spacing_m, images }, options)
}

/// The product's own name: that of its SAFE folder.
fn root_name(root: &str, files: &[String], spec: &str) -> String {
    let inner = files.iter().find_map(|f| f.split('/').find(|part| names::has_extension(part, &["SAFE"])));
    let outer = root.rsplit('/').find(|part| names::has_extension(part, &["SAFE"]));
    names::stem(inner.or(outer).unwrap_or(spec))
}

/// Reads `window` of a radar scene as linear power; a pixel is without data where any band is.
pub(super) fn read_power(
    scene: &Scene,
    radar: &Radar,
    window: Window,
    bands: &[usize],
) -> Result<Raster, Error> {
    if let Storage::GroundRange(ground) = &radar.storage {
        return ground::read(scene, ground, window, bands);
    }
    let grid: Grid = scene.grid.sub_grid(window);
    let shape = grid.shape;
    let mut values = Array3::<f32>::zeros((bands.len(), shape.0, shape.1));
    let mut validity = Array2::from_elem(shape, Validity::empty());
    for (&index, mut plane) in bands.iter().zip(values.axis_iter_mut(Axis(0))) {
        let source = &scene.bands[index].source;
        let stored = read::stored_on(&library::open_raster(&source.gdal_path)?, source, &grid)?;
        ndarray::azip!((v in &mut plane, &s in &stored.values, f in &mut validity) {
            // Exact zeros are the border of a product; decibels have none.
            let zero = s == 0.0 && radar.storage != Storage::Decibel;
            if stored.is_missing(s) || zero {
                *f |= Validity::NO_DATA;
            } else {
                let power = match radar.storage {
                    // P = 10^(dB / 10)
                    Storage::Decibel => 10f64.powf(f64::from(s) / 10.0),
                    Storage::Amplitude => f64::from(s).powi(2),
                    _ => f64::from(s),
                };
                *v = (power as f32).max(FLOOR);
            }
        });
    }
    for mut plane in values.axis_iter_mut(Axis(0)) {
        ndarray::azip!((v in &mut plane, &f in &validity) if f.contains(Validity::NO_DATA) { *v = 0.0; });
    }
    Ok(Raster { values, validity, grid })
}
