//! Scenes as a provider has them: a cloud-optimised file a band with the same numbers, and a STAC item each.

use railwatch::io::{self, SceneOptions};
use railwatch::scene::{Pass, Scene, Source};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Asset keys of Sentinel-2 bands, as Earth Search has them; polarisations are called by themselves.
const KEYS: [(&str, &str); 5] =
    [("B02", "blue"), ("B03", "green"), ("B04", "red"), ("B08", "nir"), ("SCL", "scl")];

/// Writes the bands of the scene `spec` into `folder/blobs` and gives its item; `{url}` stands for the server's place.
pub(super) fn offered(folder: &Path, spec: &str, collection: &str) -> Value {
    io::configure();
    let blobs = folder.join("blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let scene = io::open_scene(spec, &SceneOptions::default()).unwrap();
    let mut assets = Map::new();
    let bands = scene.bands.iter().map(|band| (band.name.0.as_str(), &band.source));
    for (name, source) in bands.chain(scene.classification.iter().map(|source| ("SCL", source))) {
        let file = format!("{}_{name}.tif", scene.id);
        copy(source, &blobs.join(&file), name);
        let key = KEYS.iter().find(|(band, _)| *band == name).map_or(name.to_lowercase(), |k| k.1.to_owned());
        assets.insert(key, json!({ "href": format!("{{url}}/blobs/{file}"), "type": "image/tiff" }));
    }
    let ring = outline(&scene);
    let (lons, lats): (Vec<f64>, Vec<f64>) = ring.iter().copied().unzip();
    let least = |values: &[f64]| values.iter().copied().fold(f64::MAX, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::MIN, f64::max);
    json!({
        "type": "Feature", "stac_version": "1.0.0", "collection": collection, "id": scene.id,
        "geometry": { "type": "Polygon", "coordinates": [ring] },
        "bbox": [least(&lons), least(&lats), most(&lons), most(&lats)],
        "properties": properties(&scene), "assets": assets, "links": []
    })
}

/// The whole of a band in a file of its own.
fn copy(source: &Source, path: &Path, name: &str) {
    let window = io::band_grid(source).unwrap().window();
    io::write_stored(path, &io::read_stored(source, window).unwrap(), name, &[]).unwrap();
}

fn outline(scene: &Scene) -> Vec<(f64, f64)> {
    let (rows, cols) = (scene.grid.shape.0 as f64, scene.grid.shape.1 as f64);
    let corners = [(0.0, 0.0), (0.0, cols), (rows, cols), (rows, 0.0), (0.0, 0.0)]
        .map(|(row, col)| scene.grid.xy(row - 0.5, col - 0.5));
    io::to_wgs84(&scene.grid.crs, &corners).unwrap()
}

fn properties(scene: &Scene) -> Value {
    let mut all = json!({
        "datetime": scene.datetime.unwrap().to_string(), "updated": "2021-01-01T00:00:00Z"
    });
    if let Some(platform) = &scene.platform {
        all["platform"] = json!(platform.to_lowercase());
    }
    match &scene.radar {
        Some(radar) => {
            let state = radar.pass.map(|p| if p == Pass::Ascending { "ascending" } else { "descending" });
            all["sat:orbit_state"] = json!(state);
        }
        None => all["earthsearch:boa_offset_applied"] = json!(true),
    }
    all
}
