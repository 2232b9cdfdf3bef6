//! Terrain-corrected radar from a server on 127.0.0.1, in items as Planetary Computer's `sentinel-1-rtc` has them: windows
//! are fetched, keep what makes scenes comparable, and hold the provider's power.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "tests of the catalog use the rest")]
mod stac_server;

use ndarray::Array2;
use railwatch::catalog::{
    Area, Catalog, CatalogAddress, Corridor, FetchRequest, HttpParams, Query, SelectParams, select,
};
use railwatch::grid::{Affine, Grid};
use railwatch::io::{self, CogInput, SceneOptions};
use railwatch::scene::{Backscatter, Pass, Scene, Storage};
use serde_json::{Value, json};
use stac_server::{ALL, Content, Paging, Server};
use std::path::Path;

const SIDE_PX: usize = 512;
/// Day, direction, relative and absolute orbit.
const PASSES: [(u8, &str, u16, u32); 3] =
    [(4, "descending", 119, 49_191), (9, "ascending", 54, 49_301), (16, "descending", 119, 49_366)];

fn grid() -> Grid {
    let affine = Affine::from_gdal([640_000.0, 10.0, 0.0, 4_710_000.0, 0.0, -10.0]).unwrap();
    Grid { crs: io::crs_from_epsg(32_652).unwrap(), affine, shape: (SIDE_PX, SIDE_PX) }
}

fn id((day, _, _, absolute): (u8, &str, u16, u32)) -> String {
    format!("S1A_IW_GRDH_1SDV_202306{day:02}T210705_202306{day:02}T210730_0{absolute}_05EA4D_rtc")
}

/// Writes the power of each pass and polarisation: about −10 dB, varied in rows and columns.
fn write(folder: &Path) {
    std::fs::create_dir_all(folder.join("blobs")).unwrap();
    for pass in PASSES {
        for (name, level) in [("vv", 0.1), ("vh", 0.02)] {
            let power = Array2::from_shape_fn((SIDE_PX, SIDE_PX), |(r, c)| {
                level * (1.0 + 0.5 * ((r * 7 + c * 3 + usize::from(pass.0)) % 11) as f32 / 11.0)
            });
            let grid = grid();
            let bands = vec![(name.to_owned(), power)];
            let input =
                CogInput { grid: &grid, bands, nodata: Some(-32_768.0), tags: Vec::new(), overviews: false };
            io::write_cog(&folder.join(format!("blobs/{}_{name}.tif", id(pass))), &input).unwrap();
        }
    }
}

fn item(pass: (u8, &str, u16, u32)) -> Value {
    let (day, direction, relative, absolute) = pass;
    let (crs, grid) = (grid().crs, grid());
    let end = SIDE_PX as f64;
    let corners = [(0.0, 0.0), (0.0, end), (end, end), (end, 0.0), (0.0, 0.0)].map(|(r, c)| grid.xy(r, c));
    let ring = io::to_wgs84(&crs, &corners).unwrap();
    let asset = |name: &str| {
        json!({
            "href": format!("{{url}}/blobs/{}_{name}.tif", id(pass)), "roles": ["data"],
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "raster:bands": [{ "nodata": -32768, "data_type": "float32", "spatial_resolution": 10.0 }]
        })
    };
    json!({
        "type": "Feature", "stac_version": "1.0.0", "collection": "sentinel-1-rtc", "id": id(pass),
        "geometry": { "type": "Polygon", "coordinates": [ring] },
        "properties": {
            "datetime": format!("2023-06-{day:02}T21:07:18.488895Z"), "platform": "SENTINEL-1A",
            "constellation": "Sentinel-1", "sar:instrument_mode": "IW", "sar:product_type": "GRD",
            "sar:polarizations": ["VV", "VH"], "sar:frequency_band": "C", "sat:orbit_state": direction,
            "sat:relative_orbit": relative, "sat:absolute_orbit": absolute, "proj:epsg": 32652
        },
        "assets": { "vh": asset("vh"), "vv": asset("vv"), "tilejson": { "href": "{url}/no.json" } },
        "links": []
    })
}

#[test]
fn fetched_windows_of_terrain_corrected_radar_stay_comparable() {
    io::configure();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let items = PASSES.map(item).to_vec();
    let (conforms, paging) = (ALL.to_vec(), Paging::Post);
    let server = Server::start(Content { folder: folder.path().to_owned(), items, paging, conforms });
    let params = HttpParams { backoff_s: 0.02, answer_s: 2.0, ..HttpParams::default() };
    let catalog = Catalog::new(CatalogAddress::parse(&server.url).unwrap(), &params).unwrap();
    let line = [(641_000.0, 4_707_000.0), (643_000.0, 4_707_000.0)];
    let line = io::to_wgs84(&grid().crs, &line).unwrap();
    let area = Area::of_lines(std::slice::from_ref(&line)).unwrap();
    let corridor = Corridor::of_lines(vec![line], 100.0, 200.0).unwrap();

    let query = Query { collections: vec!["sentinel-1-rtc".into()], ..Query::default() };
    let found = catalog.search(&query).unwrap().items;
    let selected = select(found, &area, &SelectParams::default());
    assert_eq!(selected.scenes.len(), 3, "each pass is a scene of its own: {:?}", selected.dropped);
    let request = FetchRequest { dir: folder.path().join("kept"), bands: None };
    let scenes: Vec<Scene> = selected
        .scenes
        .iter()
        .map(|scene| {
            let fetched = catalog.fetch(scene, &corridor, &request).unwrap();
            assert_eq!(fetched.fetched_count, 2);
            let open = |spec: &str| io::open_scene(spec, &SceneOptions::default()).unwrap();
            let (near, far) = (
                open(&fetched.item.display().to_string()),
                io::open_item_json(&scene.item().json, &server.url, &SceneOptions::default()).unwrap(),
            );
            assert_eq!((near.radar.is_some(), &near.radar), (true, &far.radar));
            assert_eq!((near.datetime, &near.platform), (far.datetime, &far.platform));
            let names: Vec<&str> = near.bands.iter().map(|b| b.name.0.as_str()).collect();
            assert_eq!(names, ["VV", "VH"]);
            let window = corridor.window(&far.grid).unwrap().unwrap();
            let ours =
                io::read_raster(&near, corridor.window(&near.grid).unwrap().unwrap(), &[0, 1]).unwrap();
            let theirs = io::read_raster(&far, window, &[0, 1]).unwrap();
            assert_eq!((ours.values, ours.validity), (theirs.values, theirs.validity));
            near
        })
        .collect();
    // Newest first.
    let radar = |i: usize| scenes[i].radar.as_ref().unwrap();
    assert_eq!((radar(0).pass, radar(0).relative_orbit), (Some(Pass::Descending), Some(119)));
    assert_eq!((radar(1).pass, radar(1).relative_orbit), (Some(Pass::Ascending), Some(54)));
    assert_eq!((radar(0).mode.as_deref(), radar(0).backscatter), (Some("IW"), Backscatter::Gamma0));
    assert_eq!(radar(0).storage, Storage::Linear);
    assert_eq!(scenes[0].platform.as_deref(), Some("Sentinel-1A"));
    let unlike = |a: usize, b: usize| radar(a).unlike(scenes[a].datetime, radar(b), scenes[b].datetime);
    assert_eq!(unlike(0, 2), None);
    assert!(unlike(0, 1).unwrap().contains("pass"));
}
