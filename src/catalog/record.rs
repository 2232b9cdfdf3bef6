//! The STAC item of a fetched scene, and whether one that lies there is whole.

use super::error::without_query;
use super::{Corridor, Error, Selected};
use crate::io;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Property that holds what the scene was fetched for.
const KEY: &str = "railwatch:request";

/// A fetched band.
pub(super) struct BandFile {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Where it came from, without signature.
    pub(super) href: String,
}

/// A file name of an item's id.
pub(super) fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = id.chars().map(plain).collect();
    if name.trim_matches('.').is_empty() { "item".to_owned() } else { name }
}

/// What makes a fetched scene the one that is asked for: strips in their versions, the ground, the bands.
pub(super) fn key_of(scene: &Selected, corridor: &Corridor, bands: Option<&[String]>) -> String {
    let mut text = format!("{} {bands:?}", corridor.key());
    for item in scene.parts() {
        let assets: Vec<&str> = item.stac.assets.iter().map(|a| without_query(&a.gdal_path)).collect();
        let _ = write!(text, " {} {:?} {:?} {assets:?}", item.id, item.updated, item.processing_baseline);
    }
    digest(&text)
}

/// SHA-256 of a text in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    io::hex(&Sha256::digest(text))
}

/// The item of a fetched scene: the provider's with our assets, sizes and checksums.
pub(super) fn item(scene: &Selected, bands: &[BandFile], key: &str) -> Result<String, Error> {
    let first = scene.item();
    let mut json = first.json.clone();
    let mut assets = serde_json::Map::new();
    for band in bands {
        let place = band.path.display().to_string();
        let bytes = std::fs::metadata(&band.path).map_err(|e| Error::unreadable(&place, &e))?.len();
        let sum = io::sum_of(&place)?;
        let grid =
            io::band_grid(&crate::scene::Source { gdal_path: place, band_index: 1, alpha_index: None })?;
        let theirs = first.stac.asset(&band.name).and_then(|a| first.json.get("assets")?.get(&a.key));
        let mut asset = json!({
            "href": format!("./{}.tif", band.name),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "proj:shape": [grid.shape.0, grid.shape.1],
            "proj:transform": proj_transform(&grid),
            "file:size": bytes,
            // A multihash: code 0x12 is SHA-256, 0x20 its length.
            "file:checksum": format!("1220{sum}"),
            "railwatch:source": band.href,
        });
        if let Some(code) = grid.crs.epsg {
            asset["proj:code"] = json!(format!("EPSG:{code}"));
            asset["proj:epsg"] = json!(code);
        }
        for key in ["eo:bands", "bands", "raster:bands"] {
            if let Some(value) = theirs.and_then(|t| t.get(key)) {
                asset[key] = value.clone();
            }
        }
        assets.insert(band.name.clone(), asset);
    }
    let sources: Vec<Value> = scene
        .parts()
        .iter()
        .map(|i| json!({ "rel": "derived_from", "href": without_query(i.href()), "type": "application/geo+json" }))
        .collect();
    json["assets"] = Value::Object(assets);
    json["links"] = Value::Array(sources);
    if let Some(properties) = json.get_mut("properties").and_then(Value::as_object_mut) {
        for stale in ["proj:shape", "proj:transform", "proj:bbox", "proj:geometry", "proj:centroid"] {
            properties.remove(stale);
        }
        properties.insert(KEY.to_owned(), json!(key));
    }
    serde_json::to_string_pretty(&json).map_err(|e| Error::format(&first.id, e))
}

/// Transform of the projection extension: the six numbers by rows.
fn proj_transform(grid: &crate::grid::Grid) -> [f64; 6] {
    let [x0, dx, rx, y0, ry, dy] = grid.affine.to_gdal();
    [dx, rx, x0, ry, dy, y0]
}

/// How many band files a fetched scene has, when it is the one asked for and every checksum is right.
pub(super) fn whole(path: &Path, key: &str) -> Option<usize> {
    let json: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    if json.get("properties")?.get(KEY)?.as_str()? != key {
        return None;
    }
    let assets = json.get("assets")?.as_object()?;
    let folder = path.parent()?;
    let right = |asset: &Value| -> Option<bool> {
        let file = folder.join(asset.get("href")?.as_str()?.trim_start_matches("./"));
        let sum = asset.get("file:checksum")?.as_str()?.strip_prefix("1220")?;
        Some(io::sum_of(file.to_str()?).ok()? == sum)
    };
    (!assets.is_empty() && assets.values().all(|a| right(a) == Some(true))).then_some(assets.len())
}
