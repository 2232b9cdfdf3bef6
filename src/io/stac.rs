//! STAC items, on disk or on a server: assets by common name, offsets, time and platform.
//!
//! Reference: STAC 1.0 and 1.1 with the extensions eo, raster, projection, processing.

use super::bands::{FoundBand, assemble, bands_of_file, grid_of};
use super::link::joined;
use super::options::{DEFAULT_BANDS, SceneOptions};
use super::{Error, crs, files, library, names, scaling, sentinel1};
use crate::grid::{Affine, Grid};
use crate::scene::{REFLECTANCE_SCALE, Scaling, Scene};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest item that is read, bytes.
const ITEM_LIMIT: usize = 32 << 20;

/// What matters of a STAC item to whoever wants its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct StacItem {
    /// Identifier.
    pub id: String,
    /// Start of sensing.
    pub datetime: Option<jiff::Timestamp>,
    /// `Sentinel-2A`, …; `None` where nothing states it.
    pub platform: Option<String>,
    /// The assets that are bands, one a band, sorted by band.
    pub assets: Vec<StacAsset>,
    /// Processing baseline, where the properties state it.
    pub baseline: Option<f64>,
    /// How stored numbers become physical values.
    pub scaling: Scaling,
    /// Where the pixels of a GDAL path lie, by the projection extension.
    places: BTreeMap<String, Place>,
}

/// An asset that holds one band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StacAsset {
    /// `B04`, `SCL`, `VV`: one name a band, whatever the provider calls it.
    pub band: String,
    /// The asset's key in the item.
    pub key: String,
    /// Where GDAL finds it.
    pub gdal_path: String,
}

/// Shape, affine transform and CRS of an asset as the item states them.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    epsg: u32,
    shape: (usize, usize),
    transform: [f64; 6],
}

/// A scene of a STAC item at a path or URL.
pub(super) fn open_item(spec: &str, options: &SceneOptions) -> Result<Scene, Error> {
    let bytes = library::read_bytes(&library::gdal_path(spec), ITEM_LIMIT)?;
    let json: Value = serde_json::from_slice(&bytes).map_err(|e| Error::open(spec, "STAC item", e))?;
    open_item_json(&json, spec, options)
}

/// A scene of a STAC item in memory; `spec` is where it came from: relative links start there.
///
/// # Errors
/// [`Error::Metadata`] for JSON that is no item, [`Error::Bands`] where asked bands are missing, and the
/// errors of opening the assets.
pub fn open_item_json(json: &Value, spec: &str, options: &SceneOptions) -> Result<Scene, Error> {
    let item = StacItem::parse(json, spec)?;
    if let Some(scene) = radar_item(spec, json, &item, options)? {
        return Ok(scene);
    }
    let is_there = |band: &&str| item.asset(band).is_some();
    let wanted = options
        .asked_bands()
        .unwrap_or_else(|| DEFAULT_BANDS.into_iter().filter(is_there).map(str::to_owned).collect());
    let there = || item.assets.iter().map(|a| a.band.as_str()).collect::<Vec<_>>().join(", ");
    if wanted.is_empty() {
        let reason = format!(
            "the item has no assets B02, B03, B04, B08, VV or VH; choose with --bands from: {}",
            there()
        );
        return Err(Error::bands(spec, reason));
    }
    let mut found = Vec::new();
    for name in &wanted {
        let asset = item.asset(name).ok_or_else(|| {
            Error::bands(spec, format!("the item has no asset of band {name}; it has: {}", there()))
        })?;
        found.push(first_band(&item, asset)?);
    }
    if let Some(asset) = item.asset(names::SCL) {
        found.push(first_band(&item, asset)?);
    }
    let taken = SceneOptions { datetime: options.datetime, ..SceneOptions::default() };
    let (bands, classification, grid) = assemble(spec, found, &taken)?;
    Ok(Scene {
        id: item.id,
        path: spec.to_owned(),
        datetime: options.datetime.or(item.datetime),
        platform: item.platform,
        bands,
        classification,
        grid,
        scaling: item.scaling,
        radar: None,
    })
}

/// The classification of an item alone, as a scene without image bands; `None` where it has none.
///
/// # Errors
/// [`Error::Metadata`] for JSON that is no item, and the errors of opening the asset.
pub fn classification_of_item(json: &Value, spec: &str) -> Result<Option<Scene>, Error> {
    let item = StacItem::parse(json, spec)?;
    let Some(asset) = item.asset(names::SCL) else { return Ok(None) };
    let found = first_band(&item, asset)?;
    Ok(Some(Scene {
        id: item.id,
        path: spec.to_owned(),
        datetime: item.datetime,
        platform: item.platform,
        bands: Vec::new(),
        classification: Some(found.source),
        grid: found.grid,
        scaling: item.scaling,
        radar: None,
    }))
}

/// The scene of an item whose assets are polarisations; `None` for others.
fn radar_item(
    spec: &str,
    json: &Value,
    item: &StacItem,
    options: &SceneOptions,
) -> Result<Option<Scene>, Error> {
    let assets = sentinel1::POLARISATIONS.iter().filter_map(|name| item.asset(name));
    let paths: Vec<String> = assets.map(|asset| asset.gdal_path.clone()).collect();
    if paths.is_empty() {
        return Ok(None);
    }
    let scene = match sentinel1::open_points(spec, &paths, options, Some(json))? {
        Some(scene) => scene,
        None => sentinel1::of_map_grid(files::scene_of_files(spec, &paths, options)?, Some(json))?,
    };
    let datetime = options.datetime.or(item.datetime).or(scene.datetime);
    let platform = item.platform.clone().or(scene.platform);
    Ok(Some(Scene { id: item.id.clone(), datetime, platform, ..scene }))
}

/// The item of a folder that holds exactly one.
pub(super) fn item_in(folder: &str) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut items = files
        .map(|e| e.path().display().to_string())
        .filter(|p| names::has_extension(p, &["json"]) && is_item(p));
    items.next().filter(|_| items.next().is_none())
}

/// Whether a local file is an item: a JSON object with assets.
fn is_item(path: &str) -> bool {
    let bytes = library::read_bytes(path, ITEM_LIMIT).unwrap_or_default();
    serde_json::from_slice::<Value>(&bytes).is_ok_and(|json| json.get("assets").is_some_and(Value::is_object))
}

/// What a folder's list takes from a local item.
pub(super) struct ItemFile {
    /// Links of its assets.
    pub(super) hrefs: Vec<String>,
    /// Processing baseline, where its properties state it.
    pub(super) baseline: Option<f64>,
}

/// A local item; `None` where the file is none.
pub(super) fn item_file(path: &str) -> Option<ItemFile> {
    let bytes = library::read_bytes(path, ITEM_LIMIT).ok()?;
    let json: Value = serde_json::from_slice(&bytes).ok()?;
    let assets = json.get("assets")?.as_object()?;
    let hrefs = assets.values().filter_map(|a| a.get("href")?.as_str().map(str::to_owned)).collect();
    Some(ItemFile { hrefs, baseline: json.get("properties").and_then(baseline_of) })
}

/// The processing baseline that an item's properties state.
fn baseline_of(properties: &Value) -> Option<f64> {
    ["s2:processing_baseline", "processing:version", "sentinel:processing_baseline"]
        .iter()
        .find_map(|k| properties.get(k).and_then(Value::as_str))
        .and_then(|t| t.trim().parse().ok())
}

/// The first band of an asset; a file without georeference of its own takes that of the item.
fn first_band(item: &StacItem, asset: &StacAsset) -> Result<FoundBand, Error> {
    let (path, name) = (asset.gdal_path.as_str(), &asset.band);
    let dataset = library::open_raster(path)?;
    let placed = match (grid_of(&dataset, path), item.places.get(path)) {
        (Err(Error::NotGeoreferenced { .. }), Some(place)) => placed(&dataset, path, place)?,
        _ => path.to_owned(),
    };
    let bands = bands_of_file(&library::open_raster(&placed)?, &placed)?;
    let first =
        bands.into_iter().find(|b| !b.is_alpha).ok_or_else(|| Error::open(path, "raster", "no bands"))?;
    Ok(FoundBand { name: Some(name.to_owned()), ..first })
}

/// A virtual raster over a file without georeference, placed by the item's projection extension.
///
/// The file may be a smaller version of what the item describes: the pixel size follows its shape.
fn placed(dataset: &gdal::Dataset, path: &str, place: &Place) -> Result<String, Error> {
    let (width, height) = dataset.raster_size();
    let (rows, cols) = (place.shape.0 as f64 / height as f64, place.shape.1 as f64 / width as f64);
    let [x0, dx, rx, y0, ry, dy] = place.transform;
    let transform = [x0, dx * cols, rx * rows, y0, ry * cols, dy * rows];
    let affine = Affine::from_gdal(transform)
        .map_err(|e| Error::NotGeoreferenced { path: path.to_owned(), reason: e.to_string() })?;
    let grid = Grid { crs: crs::crs_from_epsg(place.epsg)?, affine, shape: (height, width) };
    let kind = dataset.rasterband(1).map_err(|e| Error::read(path, e))?.band_type();
    Ok(library::placed_raster(path, &grid, &kind.name()))
}

impl StacItem {
    /// Reads an item; `location` is where it came from: relative links start there.
    ///
    /// # Errors
    /// [`Error::Metadata`] for JSON that is no item.
    pub fn parse(json: &Value, location: &str) -> Result<Self, Error> {
        parse(json, location).map_err(|reason| Error::Metadata { path: location.to_owned(), reason })
    }

    /// The asset of a band.
    #[must_use]
    pub fn asset(&self, band: &str) -> Option<&StacAsset> {
        self.assets.iter().find(|a| a.band == band)
    }
}

/// Reads an item.
fn parse(json: &Value, location: &str) -> Result<StacItem, String> {
    if let Some(features) = json.get("features").and_then(Value::as_array) {
        return Err(format!("a collection of {} items, not one item; give one of them", features.len()));
    }
    let assets = json.get("assets").and_then(Value::as_object).ok_or("not a STAC item: it has no assets")?;
    let properties = json.get("properties").ok_or("not a STAC item: it has no properties")?;
    let id = json.get("id").and_then(Value::as_str).ok_or("not a STAC item: it has no id")?.to_owned();
    let text = |key: &str| properties.get(key).and_then(Value::as_str);
    let mut found: Vec<(StacAsset, &Value, bool)> = Vec::new();
    for (key, asset) in assets {
        let (Some(name), Some(href)) = (band_of_asset(key, asset), asset.get("href").and_then(Value::as_str))
        else {
            continue;
        };
        let copy = key.contains("jp2") || names::band_of_word(key).is_none_or(|n| n != name);
        let band = StacAsset {
            band: name,
            key: key.clone(),
            gdal_path: library::gdal_path(&joined(location, href)),
        };
        let entry = (band, asset, copy);
        match found.iter_mut().find(|(a, ..)| a.band == entry.0.band) {
            Some(known) if known.2 && !entry.2 => *known = entry,
            Some(_) => {}
            None => found.push(entry),
        }
    }
    found.sort_by(|a, b| a.0.band.cmp(&b.0.band));
    let first = found.iter().find(|f| f.0.band != names::SCL && f.0.band.starts_with('B'));
    let scaling = scaling_of(properties, &id, first.map(|f| f.1));
    let datetime = text("datetime").or_else(|| text("start_datetime")).and_then(names::datetime_of_text);
    let platform = text("platform").and_then(names::platform_of).or_else(|| names::platform_of(&id));
    let places = found
        .iter()
        .filter_map(|(band, asset, _)| Some((band.gdal_path.clone(), place_of(asset, properties)?)))
        .collect();
    let assets = found.into_iter().map(|(band, ..)| band).collect();
    let baseline = baseline_of(properties);
    Ok(StacItem { id, datetime, platform, assets, baseline, scaling, places })
}

/// The projection extension of an asset, else of its item.
fn place_of(asset: &Value, properties: &Value) -> Option<Place> {
    let get = |key: &str| asset.get(key).or_else(|| properties.get(key));
    let code = || get("proj:code").and_then(Value::as_str)?.strip_prefix("EPSG:")?.parse().ok();
    let epsg = get("proj:epsg").and_then(Value::as_u64).and_then(|e| u32::try_from(e).ok()).or_else(code)?;
    let numbers = |key: &str| -> Option<Vec<f64>> {
        get(key)?.as_array().map(|list| list.iter().filter_map(Value::as_f64).collect())
    };
    let (shape, t) = (numbers("proj:shape")?, numbers("proj:transform")?);
    let (&[rows, cols], &[dx, rx, x0, ry, dy, y0, ..]) = (shape.as_slice(), t.as_slice()) else {
        return None;
    };
    Some(Place { epsg, shape: (rows as usize, cols as usize), transform: [x0, dx, rx, y0, ry, dy] })
}

/// The band that an asset of one band is, by its `eo:bands` or `bands`, else by its key.
fn band_of_asset(key: &str, asset: &Value) -> Option<String> {
    let kind = asset.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind.contains("png") || kind.contains("jpeg") || kind.contains("xml") || kind.contains("json") {
        return None;
    }
    let own = key.trim_end_matches("-jp2").trim_end_matches("_10m").trim_end_matches("_20m");
    let listed = ["eo:bands", "bands"].iter().find_map(|k| asset.get(k).and_then(Value::as_array));
    match listed.map(Vec::as_slice) {
        Some([band]) => {
            let word = |k: &str| band.get(k).and_then(Value::as_str).and_then(names::band_of_word);
            word("name")
                .or_else(|| names::band_of_word(own))
                .or_else(|| word("common_name"))
                .or_else(|| word("eo:common_name"))
        }
        Some([_, ..]) => None,
        _ => names::band_of_word(own),
    }
}

/// Offset and scale: whether it was applied already, else `raster:bands`, else the baseline.
fn scaling_of(properties: &Value, id: &str, asset: Option<&Value>) -> Scaling {
    if asset.is_none() {
        let rule = "no optical band: numbers as they are stored".to_owned();
        return Scaling { offset: 0.0, scale: 1.0, rule };
    }
    let raster = asset.and_then(|a| {
        a.get("raster:bands").or_else(|| a.get("bands")).and_then(Value::as_array).and_then(|b| b.first())
    });
    let number = |key: &str| {
        raster.and_then(|r| r.get(key).or_else(|| r.get(format!("raster:{key}")))).and_then(Value::as_f64)
    };
    let scale = number("scale").filter(|s| *s > 0.0).unwrap_or(REFLECTANCE_SCALE);
    let applied = ["earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"]
        .iter()
        .find_map(|k| properties.get(k).and_then(Value::as_bool));
    let baseline = baseline_of(properties).or_else(|| names::baseline_of_name(id));
    let (offset, rule) = match (applied, number("offset"), baseline) {
        // Earth Search keeps −0.1 in raster:bands although its copies have the offset applied.
        (Some(true), ..) => (0.0, "boa_offset_applied: the files have the offset applied".to_owned()),
        (_, Some(offset), _) => (offset / scale, format!("offset {offset} of the item's raster:bands")),
        (_, None, Some(b)) => {
            (scaling::offset_of_baseline(b), format!("processing baseline {b:05.2} of the item"))
        }
        _ => (0.0, "the item states neither offset nor processing baseline: offset 0".to_owned()),
    };
    Scaling { offset, scale, rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_of_a_remote_item_stay_on_its_server() {
        let item = |href: &str| {
            let json =
                serde_json::json!({ "id": "a", "properties": {}, "assets": { "B04": { "href": href } } });
            let item = StacItem::parse(&json, "https://h/items/a.json?token=1").unwrap();
            item.asset("B04").unwrap().gdal_path.clone()
        };
        assert_eq!(item("./B04.tif"), "/vsicurl/https://h/items/B04.tif");
        // A path from the root is the server's, not this machine's.
        assert_eq!(item("/data/B04.tif"), "/vsicurl/https://h/data/B04.tif");
        assert_eq!(item("s3://bucket/B04.tif"), "/vsis3/bucket/B04.tif");
    }
}
