//! Search and fetch against a server on 127.0.0.1: pages, faults, ranges, signatures, and real responses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stac_server;

use ndarray::Array3;
use railwatch::catalog::{
    Catalog, CatalogAddress, Corridor, Endpoint, Error, FetchRequest, HttpParams, Item, Query, Sas,
    SelectParams, Selected, select,
};
use railwatch::grid::{Affine, Grid};
use railwatch::io::{self, SceneOptions};
use serde_json::{Value, json};
use stac_server::{ALL, Content, Fault, Paging, Server};
use std::path::Path;

/// A small corridor in the middle of the scenes.
const SMALL: [&str; 4] = ["--bbox", "130.75,42.49,130.76,42.50", "--margin-m", "100"];
/// South-west corner of the scene in UTM zone 52: near Khasan.
const ORIGIN: (f64, f64) = (640_000.0, 4_710_000.0);
const SIDE_PX: usize = 1024;

fn http() -> HttpParams {
    HttpParams { backoff_s: 0.02, answer_s: 2.0, page_size: 7, ..HttpParams::default() }
}

fn item(number: usize, cloud: f64) -> Value {
    let day = number % 28 + 1;
    json!({
        "type": "Feature", "stac_version": "1.0.0", "collection": "sentinel-2-l2a",
        "id": format!("S2A_T52TFM_202405{day:02}T02{:02}00_L2A", number / 28),
        "geometry": { "type": "Polygon", "coordinates": [[[130.6, 42.4], [130.9, 42.4], [130.9, 42.7], [130.6, 42.7], [130.6, 42.4]]] },
        "properties": {
            "datetime": format!("2024-05-{day:02}T02:{:02}:00Z", number / 28), "platform": "sentinel-2a",
            "eo:cloud_cover": cloud, "s2:processing_baseline": "05.10", "grid:code": "MGRS-52TFM"
        },
        "assets": {
            "green": { "href": "{url}/blobs/B03.tif" }, "red": { "href": "{url}/blobs/B04.tif" },
            "scl": { "href": "{url}/blobs/SCL.tif" }
        },
        "links": []
    })
}

/// Noise that does not compress (splitmix64).
fn pixel(row: usize, col: usize) -> u16 {
    let mut z = ((row * SIDE_PX + col) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % 9_973) as u16 + 1_000
}

/// Writes the bands: noise that does not compress, and a classification that is cloud in the northern half.
fn write_bands(folder: &Path) {
    let blobs = folder.join("blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let grid = |pixel_m: f64, side: usize| Grid {
        crs: io::crs_from_epsg(32_652).unwrap(),
        affine: Affine::from_gdal([ORIGIN.0, pixel_m, 0.0, ORIGIN.1, 0.0, -pixel_m]).unwrap(),
        shape: (side, side),
    };
    for name in ["B03", "B04"] {
        let pixels = Array3::from_shape_fn((1, SIDE_PX, SIDE_PX), |(_, r, c)| pixel(r, c));
        io::write_scene(&blobs.join(format!("{name}.tif")), &grid(10.0, SIDE_PX), &pixels, &[name], &[])
            .unwrap();
    }
    let half = SIDE_PX / 2;
    let classes = Array3::from_shape_fn((1, half, half), |(_, r, _)| if r < half / 2 { 9_u16 } else { 4 });
    io::write_scene(&blobs.join("SCL.tif"), &grid(20.0, half), &classes, &["SCL"], &[]).unwrap();
}

/// A line of 1 km on a row of the scene.
fn corridor(row: f64, margin_m: f64) -> Corridor {
    let y = ORIGIN.1 - 10.0 * row;
    let ends = [(ORIGIN.0 + 4_000.0, y), (ORIGIN.0 + 5_000.0, y)];
    let line = io::to_wgs84(&io::crs_from_epsg(32_652).unwrap(), &ends).unwrap();
    Corridor::of_lines(vec![line], 100.0, margin_m).unwrap()
}

fn serve(folder: &Path, count: usize, paging: Paging, conforms: &[&'static str]) -> Server {
    let items = (0..count).map(|i| item(i, (i * 10 % 100) as f64)).collect();
    Server::start(Content { folder: folder.to_owned(), items, paging, conforms: conforms.to_vec() })
}

fn catalog(url: &str) -> Catalog {
    Catalog::new(CatalogAddress::parse(url).unwrap(), &http()).unwrap()
}

fn first_scene(catalog: &Catalog) -> Selected {
    Selected::single(catalog.search(&Query::default()).unwrap().items.remove(0))
}

#[test]
fn all_forms_of_paging_give_every_item_once_and_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let query = Query {
        max_tile_cloud_fraction: Some(0.3),
        collections: vec!["sentinel-2-l2a".into()],
        ..Query::default()
    };
    for paging in [Paging::Post, Paging::PostMerge, Paging::PostBare, Paging::Get] {
        for conforms in [&ALL[..], &ALL[..2], &["https://api.stacspec.org/v1.0.0/item-search#query"]] {
            let server = serve(folder.path(), 40, paging, conforms);
            let found = catalog(&server.url).search(&query).unwrap();
            assert_eq!(found.items.len(), 16, "{paging:?} {conforms:?}");
            assert!(found.items.windows(2).all(|w| w[0].datetime >= w[1].datetime), "{paging:?}");
            let all = catalog(&server.url).search(&Query::default()).unwrap();
            assert_eq!(all.items.len(), 40);
            // Every page after the first still says what was searched for.
            let bodies: Vec<Value> =
                server.log().into_iter().map(|(_, b)| b).filter(Value::is_object).collect();
            assert!(bodies.iter().all(|b| b.get("limit").is_some()), "{bodies:?}");
            assert!(paging == Paging::Get || !bodies.is_empty());
        }
    }
}

#[test]
fn pages_that_do_not_end_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), 5, Paging::Loop, &ALL);
    assert_eq!(catalog(&server.url).search(&Query::default()).unwrap().items.len(), 5);
    let server = serve(folder.path(), 5, Paging::Empty, &ALL);
    assert!(matches!(catalog(&server.url).search(&Query::default()), Err(Error::Paging { .. })));
}

#[test]
fn a_server_that_stumbles_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let faults = [
        Fault::Status(429, Some(1)),
        Fault::Status(429, None),
        Fault::Status(500, None),
        Fault::Status(503, None),
        Fault::Truncated,
        Fault::ShortLength,
        Fault::Slow(2_500),
    ];
    for fault in faults {
        let server = serve(folder.path(), 20, Paging::Post, &ALL);
        server.fail("/search", fault);
        let found = catalog(&server.url).search(&Query::default()).unwrap();
        assert_eq!((found.items.len(), server.faults_left()), (20, 0), "{fault:?}");
    }
}

#[test]
fn a_server_that_fails_is_left_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), 20, Paging::Post, &ALL);
    for _ in 0..5 {
        server.fail("/search", Fault::Status(500, None));
    }
    let error = catalog(&server.url).search(&Query::default()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { tries: 5, .. }), "{error}");
    server.fail("/search", Fault::Status(429, Some(9_999)));
    let error = catalog(&server.url).search(&Query::default()).unwrap_err();
    assert!(matches!(error, Error::Busy { wait_s: 9_999, .. }), "{error}");
    let before = server.requests();
    server.fail("/search", Fault::Status(400, None));
    let error = catalog(&server.url).search(&Query::default()).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 400, .. }), "{error}");
    assert_eq!(server.requests() - before, 2, "a refusal is not asked again");
}

#[test]
fn static_catalogs_and_folders_hold_the_same_items() {
    let folder = tempfile::tempdir().unwrap();
    let year = folder.path().join("2024");
    std::fs::create_dir_all(&year).unwrap();
    let link = |rel: &str, href: &str| json!({ "rel": rel, "href": href });
    let mut links = vec![link("root", "../catalog.json"), link("parent", "../catalog.json")];
    for i in 0..6 {
        let text = item(i, 0.0).to_string().replace("{url}/blobs", "../blobs");
        std::fs::write(year.join(format!("item{i}.json")), text).unwrap();
        links.push(link("item", &format!("./item{i}.json")));
    }
    links.push(link("item", "./gone.json"));
    let collection = json!({ "type": "Collection", "id": "sentinel-2-l2a", "links": links });
    std::fs::write(year.join("collection.json"), collection.to_string()).unwrap();
    let root = json!({ "type": "Catalog", "id": "root", "links": [link("child", "2024/collection.json"), link("child", "2024/collection.json")] });
    std::fs::write(folder.path().join("catalog.json"), root.to_string()).unwrap();
    let server = serve(folder.path(), 0, Paging::Post, &ALL);
    let ids = |spec: &str| {
        let found = catalog(spec).search(&Query::default()).unwrap();
        (found.items.into_iter().map(|i| i.id).collect::<Vec<_>>(), found.skipped.len())
    };
    let file = folder.path().join("catalog.json").display().to_string();
    let (from_file, from_url, from_folder) =
        (ids(&file), ids(&format!("{}/catalog.json", server.url)), ids(&folder.path().display().to_string()));
    assert_eq!((from_file.0.len(), from_file.1, from_url.1, from_folder.1), (6, 1, 1, 0));
    assert_eq!((&from_file.0, &from_file.0), (&from_url.0, &from_folder.0));
    let late = Query { from: Some("2024-05-04T00:00:00Z".parse().unwrap()), ..Query::default() };
    assert_eq!(catalog(&file).search(&late).unwrap().items.len(), 3);
}

/// Whatever else lies in a folder, its items are found once, what is no item is passed over and what is broken is told.
#[test]
fn a_folder_is_searched_through_links_rails_and_broken_files() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("item.json"), item(1, 0.0).to_string()).unwrap();
    let whole = item(2, 0.0).to_string();
    std::fs::write(deep.join("half.json"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(deep.join("settings.json"), "{\"colour\": 3}").unwrap();
    let lines: Vec<Value> = (0..50)
        .map(|i| json!({ "type": "Feature", "geometry": null, "properties": { "id": i, "railway": "rail" } }))
        .collect();
    let rails = json!({ "type": "FeatureCollection", "features": lines }).to_string();
    std::fs::write(folder.path().join("rails.geojson"), rails).unwrap();
    #[cfg(unix)]
    for (from, to) in [("a/b/up", "."), ("a/again", "a"), ("side", "a/b")] {
        std::os::unix::fs::symlink(folder.path().join(to), folder.path().join(from)).unwrap();
    }
    let found = catalog(&folder.path().display().to_string()).search(&Query::default()).unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.skipped.len(), 1, "{:?}", found.skipped);
    assert!(found.skipped[0].id.ends_with("half.json") && found.skipped[0].reason.contains("no JSON"));
}

/// What a fetch leaves out it says, and it fails where nothing came of what was chosen.
#[test]
fn a_fetch_says_what_it_left_out_and_fails_with_nothing_to_show() {
    let folder = tempfile::tempdir().unwrap();
    write_bands(folder.path());
    let server = serve(folder.path(), 2, Paging::Post, &ALL);
    let fetch = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("railwatch").unwrap();
        command.args(["fetch", "--source", &server.url]).args(SMALL);
        command.arg("--out").arg(folder.path().join("out")).args(arguments).assert()
    };
    let said = |part: &'static str| predicates::prelude::predicate::str::contains(part);
    // The whole northern half is cloud, and so is this corridor of it.
    let (north, none) = (corridor_box(200.0), ["--max-cloud", "0.0001"]);
    let cloudy = ["--bbox", &north, none[0], none[1]];
    let mut command = assert_cmd::Command::cargo_bin("railwatch").unwrap();
    command
        .args(["fetch", "--source", &server.url, "--margin-m", "100", "--out"])
        .arg(folder.path().join("none"));
    command
        .args(cloudy)
        .assert()
        .code(0)
        .stderr(said("0 scenes, 2 left out"))
        .stderr(said("cloud over the corridor"));
    fetch(&["--bands", "B99"]).code(1).stderr(said("no asset of band B99"));
    fetch(&["--from", "2024-05-03", "--to", "2024-05-01"]).code(2).stderr(said("is later than --to"));
    fetch(&[]).code(0).stderr(said("files fetched, 0 already there")).stderr(said("2 scenes, 0 left out"));
}

/// What the client itself leaves out of a search is told, each with its reason.
#[test]
fn whatever_is_left_out_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..8 {
        let mut item = item(number, 10.0 * number as f64);
        if number == 7 {
            item["collection"] = json!("other");
        }
        std::fs::write(folder.path().join(format!("{number}.json")), item.to_string()).unwrap();
    }
    let search = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("railwatch").unwrap();
        command.arg("search").arg("--source").arg(folder.path());
        command.args(["--bbox", "130.75,42.49,130.76,42.50"]).args(arguments);
        let assert = command.assert();
        (assert.get_output().status.code(), String::from_utf8_lossy(&assert.get_output().stderr).into_owned())
    };
    let options = "--from 2024-05-02 --to 2024-05-06 --max-tile-cloud 0.3 --collections sentinel-2-l2a --limit 1 --tiles 52TFM,33XXX";
    let (code, text) = search(&options.split(' ').collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{text}");
    for said in [
        "1 scene, 8 left out",
        "S2A_T52TFM_20240501T020000_L2A: sensed on 2024-05-01T02:00:00Z, before 2024-05-02",
        "S2A_T52TFM_20240507T020000_L2A: sensed on 2024-05-07T02:00:00Z, after 2024-05-06",
        "S2A_T52TFM_20240506T020000_L2A: 50 % cloud over the tile",
        "S2A_T52TFM_20240503T020000_L2A: older than the 1 newest, to which --limit restricts the list",
        "tile 33XXX: no scene of the corridor lies on this tile",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(search(&["--collections", "sentinel-2-l2a"]).1.contains("it is of the collection other"));
    assert!(search(&["--tiles", "33XXX"]).1.contains("it is of tile 52TFM; asked for: 33XXX"));
    let (code, text) = search(&["--limit", "0"]);
    assert!(code == Some(2) && text.contains("--limit"), "{text}");
}

/// `--bbox` around a line of 1 km on a row of the scene.
fn corridor_box(row: f64) -> String {
    let y = ORIGIN.1 - 10.0 * row;
    let corners = [(ORIGIN.0 + 4_000.0, y - 200.0), (ORIGIN.0 + 5_000.0, y + 200.0)];
    let ends = io::to_wgs84(&io::crs_from_epsg(32_652).unwrap(), &corners).unwrap();
    format!("{},{},{},{}", ends[0].0, ends[0].1, ends[1].0, ends[1].1)
}

#[test]
fn only_the_window_is_fetched_and_never_twice() {
    let folder = tempfile::tempdir().unwrap();
    write_bands(folder.path());
    let server = serve(folder.path(), 1, Paging::Post, &ALL);
    let (catalog, near) = (catalog(&server.url), corridor(700.0, 300.0));
    let scene = first_scene(&catalog);
    let request = FetchRequest { dir: folder.path().join("out"), bands: None };
    let before = server.bytes();
    let fetched = catalog.fetch(&scene, &near, &request).unwrap();
    let whole: u64 = ["B03", "B04", "SCL"]
        .iter()
        .map(|b| std::fs::metadata(folder.path().join(format!("blobs/{b}.tif"))).unwrap().len())
        .sum();
    let travelled = server.bytes() - before;
    assert!((travelled as u64) < whole / 4, "{travelled} of {whole} bytes in {} requests", server.requests());
    assert_eq!((fetched.fetched_count, fetched.kept_count), (3, 0));

    let local = io::open_scene(&fetched.item.display().to_string(), &SceneOptions::default()).unwrap();
    let remote = io::open_item_json(&scene.item().json, &server.url, &SceneOptions::default()).unwrap();
    assert_eq!(
        (&local.scaling, local.datetime, &local.platform),
        (&remote.scaling, remote.datetime, &remote.platform)
    );
    let window = near.window(&remote.grid).unwrap().unwrap();
    assert!(window.height < 100 && window.width < 200, "{window:?}");
    let theirs = io::read_raster(&remote, window, &[0, 1]).unwrap();
    let ours = io::read_raster(&local, near.window(&local.grid).unwrap().unwrap(), &[0, 1]).unwrap();
    assert_eq!((ours.values, ours.validity), (theirs.values, theirs.validity));

    let quiet = server.requests();
    let again = catalog.fetch(&scene, &near, &request).unwrap();
    assert_eq!((again.fetched_count, again.kept_count, server.requests()), (0, 3, quiet));

    // Stopped before the item was written: the bands are kept.
    std::fs::remove_file(&fetched.item).unwrap();
    let again = catalog.fetch(&scene, &near, &request).unwrap();
    assert_eq!((again.fetched_count, again.kept_count), (0, 3));
    // A damaged file is found by its checksum and fetched alone.
    std::fs::write(fetched.item.with_file_name("B04.tif"), b"damaged").unwrap();
    let again = catalog.fetch(&scene, &near, &request).unwrap();
    assert_eq!((again.fetched_count, again.kept_count), (1, 2));
    // Other ground is another request.
    let wider = corridor(700.0, 600.0);
    assert_eq!(catalog.fetch(&scene, &wider, &request).unwrap().fetched_count, 3);
}

#[test]
fn a_fetch_survives_what_servers_do() {
    let reference = tempfile::tempdir().unwrap();
    write_bands(reference.path());
    let corridor = corridor(700.0, 300.0);
    let bytes_of = |item: &Path| -> Vec<Vec<u8>> {
        ["B03.tif", "B04.tif", "SCL.tif"]
            .iter()
            .map(|f| std::fs::read(item.with_file_name(f)).unwrap())
            .collect()
    };
    let mut wanted: Option<Vec<Value>> = None;
    let faults = [
        None,
        Some(Fault::Status(500, None)),
        Some(Fault::Status(429, Some(1))),
        Some(Fault::Truncated),
        Some(Fault::ShortLength),
        Some(Fault::Changed),
        Some(Fault::Slow(300)),
    ];
    for fault in faults {
        let server = serve(reference.path(), 1, Paging::Post, &ALL);
        let catalog = catalog(&server.url);
        let scene = first_scene(&catalog);
        for part in ["B03.tif", "B04.tif", "B04.tif"] {
            if let Some(fault) = fault {
                server.fail(part, fault);
            }
        }
        let out = tempfile::tempdir().unwrap();
        let request = FetchRequest { dir: out.path().to_owned(), bands: None };
        let fetched = catalog.fetch(&scene, &corridor, &request).unwrap_or_else(|e| panic!("{fault:?}: {e}"));
        assert_eq!(server.faults_left(), 0, "{fault:?}");
        assert_eq!(bytes_of(&fetched.item).len(), 3);
        let scene = io::open_scene(&fetched.item.display().to_string(), &SceneOptions::default()).unwrap();
        let raster = io::read_raster(&scene, scene.grid.window(), &[0, 1]).unwrap();
        let numbers: Vec<Value> = raster.values.iter().map(|v| json!(v)).collect();
        assert_eq!(wanted.get_or_insert_with(|| numbers.clone()), &numbers, "{fault:?}");
        let left: Vec<_> = std::fs::read_dir(fetched.item.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 4, "{fault:?} leaves nothing else");
    }
}

#[test]
fn signatures_are_taken_late_and_again() {
    let folder = tempfile::tempdir().unwrap();
    write_bands(folder.path());
    let server = serve(folder.path(), 1, Paging::Post, &ALL);
    server.expire_tokens();
    let port = server.url.rsplit(':').next().unwrap();
    let endpoint = Endpoint {
        name: "test".into(),
        url: server.url.clone(),
        collections: vec!["sentinel-2-l2a".into()],
        sas: Some(Sas { token_url: format!("{}/token", server.url), host_suffix: format!(".0.0.1:{port}") }),
        s3_host: None,
    };
    let catalog = Catalog::new(CatalogAddress::Api(endpoint), &http()).unwrap();
    let (scene, corridor) = (first_scene(&catalog), corridor(700.0, 300.0));
    let request = |dir: &str| FetchRequest { dir: folder.path().join(dir), bands: None };
    let fetched = catalog.fetch(&scene, &corridor, &request("a")).unwrap();
    let tokens = |server: &Server| server.log().iter().filter(|(p, _)| p == "/token/127/blobs").count();
    assert_eq!((fetched.fetched_count, tokens(&server)), (3, 1), "one token a container");
    server.expire_tokens();
    let fetched = catalog.fetch(&scene, &corridor, &request("b")).unwrap();
    assert_eq!((fetched.fetched_count, tokens(&server)), (3, 2), "a refused token is taken again");
    let text = std::fs::read_to_string(&fetched.item).unwrap();
    assert!(!text.contains("sig="), "signatures are not written down");
}

#[test]
fn clouds_count_over_the_corridor() {
    let folder = tempfile::tempdir().unwrap();
    write_bands(folder.path());
    let server = serve(folder.path(), 1, Paging::Post, &ALL);
    let catalog = catalog(&server.url);
    let scene = first_scene(&catalog);
    for (row, cloud) in [(200.0, 1.0), (800.0, 0.0), (512.0, 0.5)] {
        let seen = catalog.cloud(&scene, &corridor(row, 300.0)).unwrap();
        assert!((seen.cloud_fraction - cloud).abs() < 0.06, "row {row}: {seen:?}");
        assert!((seen.observed_fraction - 1.0).abs() < 1e-9);
    }
    let far = Corridor::of_lines(vec![vec![(10.0, 50.0), (10.1, 50.0)]], 100.0, 300.0).unwrap();
    assert!(catalog.cloud(&scene, &far).is_err());
}

/// An item with a product name and an outline.
fn copy(id: &str, product: &str, west: f64, east: f64) -> Item {
    let json = json!({
        "type": "Feature", "id": id, "collection": "c", "links": [],
        "geometry": { "type": "Polygon", "coordinates": [[[west, 42.0], [east, 42.0], [east, 43.0], [west, 43.0], [west, 42.0]]] },
        "properties": { "datetime": "2024-05-04T02:10:00Z", "platform": "sentinel-2a", "s2:product_uri": product },
        "assets": { "red": { "href": "https://h/B04.tif" } }
    });
    Item::parse(json, "https://h/i").unwrap()
}

#[test]
fn copies_strips_and_overlaps_are_resolved_in_any_order() {
    let name = |baseline: &str, tile: &str, made: &str| {
        format!("S2A_MSIL2A_20240504T020651_N{baseline}_R103_T{tile}_20240504T{made}.SAFE")
    };
    let mut items = vec![
        copy("old", &name("0400", "52TFM", "050000"), 130.0, 131.0),
        copy("new", &name("0510", "52TFM", "060000"), 130.0, 130.7),
        copy("strip", &name("0510", "52TFM", "061000"), 130.6, 131.0),
        copy("again", &name("0510", "52TFM", "062000"), 130.0, 130.65),
        copy("neighbour", &name("0510", "52TEM", "060000"), 129.0, 130.6),
        copy("toa", &name("0510", "52TFM", "060000").replace("L2A", "L1C"), 130.0, 131.0),
    ];
    let area = railwatch::catalog::Area::of_lines(&[vec![(130.5, 42.5), (130.8, 42.5)]]).unwrap();
    for turn in 0..items.len() {
        items.rotate_left(turn);
        let chosen = select(items.clone(), &area, &SelectParams::default());
        assert_eq!((chosen.home_tiles.len(), chosen.scenes.len(), chosen.dropped.len()), (1, 1, 4));
        let parts: Vec<&str> = chosen.scenes[0].parts().iter().map(|i| i.id.as_str()).collect();
        assert_eq!(parts, ["new", "strip"]);
    }
    let asked = SelectParams { tiles: vec!["52TEM".into()], ..SelectParams::default() };
    assert_eq!(select(items, &area, &asked).scenes[0].item().id, "neighbour");
}

#[test]
fn a_killed_fetch_is_taken_up_and_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write_bands(folder.path());
    let server = serve(folder.path(), 3, Paging::Post, &ALL);
    let command = |out: &Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_railwatch"));
        command.args(["fetch", "--source", &server.url]).args(SMALL);
        command.arg("--quiet").arg("--out").arg(out);
        command
    };
    let whole = folder.path().join("whole");
    assert!(command(&whole).status().unwrap().success());
    let contents = |out: &Path| {
        let mut all = Vec::new();
        for scene in std::fs::read_dir(out).unwrap().filter_map(Result::ok) {
            for file in std::fs::read_dir(scene.path()).unwrap().filter_map(Result::ok) {
                let name = file.file_name().to_string_lossy().into_owned();
                if !name.starts_with(".part-") {
                    all.push((scene.file_name(), name, std::fs::read(file.path()).unwrap()));
                }
            }
        }
        all.sort();
        all
    };
    let wanted = contents(&whole);
    assert_eq!(wanted.len(), 12);
    let killed = folder.path().join("killed");
    for k in 0..12 {
        let mut child = command(&killed).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5 + 11 * k));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(command(&killed).status().unwrap().success());
    assert!(contents(&killed) == wanted, "files differ after kills");
    let before = server.requests();
    assert!(command(&killed).status().unwrap().success());
    assert_eq!(server.requests() - before, 2, "only the search is asked again");
}
