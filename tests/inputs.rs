//! Scenes that tell little of themselves, and rails seen in several systems.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod support;

use gdal::Metadata;
use geo::BoundingRect;
use railwatch::corridor::{TrackParams, build_tracks};
use railwatch::io::{self, read_raster, write_scene};
use std::path::Path;
use support::{Run, opened, pair, record};

/// The scene of the pair as a picture of 8 bits that says nothing of itself.
fn picture(name: &str, to: &Path) {
    let scene = opened(&pair().join(name));
    let values = read_raster(&scene, scene.grid.window(), &[0, 1, 2, 3]).unwrap().values;
    let bytes = values.mapv(|v| (v / 0.4 * 255.0).clamp(1.0, 254.0) as u16);
    let wide = to.with_extension("wide.tif");
    write_scene(&wide, &scene.grid, &bytes, &["B02", "B03", "B04", "B08"], &[]).unwrap();
    let source = gdal::Dataset::open(&wide).unwrap();
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    let (width, height) = source.raster_size();
    let mut target = driver.create_with_band_type::<u8, _>(to, width, height, 4).unwrap();
    target.set_geo_transform(&source.geo_transform().unwrap()).unwrap();
    target.set_spatial_ref(&source.spatial_ref().unwrap()).unwrap();
    for index in 1..=4 {
        let band = source.rasterband(index).unwrap();
        let mut buffer = band.read_as::<u8>((0, 0), (width, height), (width, height), None).unwrap();
        let mut to = target.rasterband(index).unwrap();
        to.set_description(&band.description().unwrap()).unwrap();
        to.write((0, 0), (width, height), &mut buffer).unwrap();
    }
    target.close().unwrap();
}

#[test]
fn pictures_are_warned_of_once_and_get_no_limits_and_an_attribution_that_says_what_it_assumes() {
    io::configure();
    let run = Run::new();
    let at = |name: &str| run.out.path().join(name);
    picture("baseline.tif", &at("before_2022-11-06.tif"));
    picture("target.tif", &at("after_2022-11-29.tif"));
    let run = Run { baseline: at("before_2022-11-06.tif"), target: at("after_2022-11-29.tif"), ..run };
    let done = run.command().assert().success();
    let told = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert_eq!(told.matches("no reflectance").count(), 1, "{told}");
    assert!(told.contains("after_2022-11-29, before_2022-11-06"), "{told}");
    let out = run.out.path().join("out");
    let found = record(&out);
    for track in found["tracks"].as_array().unwrap() {
        assert_eq!(track["detection_limit_m"], serde_json::json!({}));
    }
    let why = found["findings"]["detection_limit_unknown"].as_str().unwrap();
    assert!(why.contains("no reflectance"), "{why}");
    let stated = "Contains modified Copernicus Sentinel data 2022 (satellite not named in the files)";
    assert_eq!(found["attribution"], stated);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("No detection limit is known: the target") && page.contains(stated));
}

#[test]
fn the_same_rails_have_the_same_ids_in_every_system() {
    io::configure();
    let tracks_in = |code: u32, corner: f64| {
        let crs = io::crs_from_epsg(code).unwrap();
        let lines = io::read_lines("samples/tumangang_khasan_rails.geojson", &crs).unwrap();
        let points: Vec<(f64, f64)> = lines.iter().flat_map(|l| l.vertices.iter().copied()).collect();
        let bounds = geo::LineString::from(points).bounding_rect().unwrap();
        let (low, high) = (bounds.min().x_y(), bounds.max().x_y());
        let area = geo::Rect::new((low.0 - corner, low.1 - corner), (high.0 + corner, high.1 + corner));
        let tracks = build_tracks(&lines, &area.to_polygon(), &TrackParams::default()).unwrap();
        let starts: Vec<(f64, f64)> = tracks.iter().map(|t| t.at(0.0).xy).collect();
        let starts = io::to_wgs84(&crs, &starts).unwrap();
        tracks.into_iter().map(|t| t.id).zip(starts).collect::<Vec<_>>()
    };
    // A scene of a shifted phase, and those of the UTM zones beside.
    let known = tracks_in(32_652, 100.0);
    assert!(!known.is_empty());
    for (code, corner) in [(32_652, 103.7), (32_651, 100.0), (32_653, 104.2)] {
        let here = tracks_in(code, corner);
        assert_eq!(here.len(), known.len());
        for ((id, start), (known_id, known_start)) in here.iter().zip(&known) {
            assert_eq!(id, known_id, "EPSG:{code}");
            assert!((start.0 - known_start.0).hypot(start.1 - known_start.1) < 1e-6, "EPSG:{code} {id}");
        }
    }
}

#[test]
fn a_copy_of_the_target_is_no_baseline() {
    let mut run = Run::new();
    run.baseline = run.out.path().join("copy.tif");
    std::fs::copy(&run.target, &run.baseline).unwrap();
    run.fails(1, "is the same acquisition as the target (taken at the same time); give an earlier scene");
    // The same pixels under another date.
    let mut command = run.command();
    command.args(["--datetime", "2031-01-01T00:00:00Z"]);
    command.assert().code(1).stderr(predicates::str::contains("(the same pixels)"));
}

#[test]
fn yards_of_another_place_are_refused() {
    let run = Run::new();
    let yards = run.out.path().join("yards.geojson");
    let ring = "[[10.0,50.0],[10.01,50.0],[10.01,50.01],[10.0,50.0]]";
    let feature = format!(
        r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#
    );
    std::fs::write(&yards, format!(r#"{{"type":"FeatureCollection","features":[{feature}]}}"#)).unwrap();
    let mut command = run.command();
    command.arg("--yards").arg(&yards);
    command.assert().code(1).stderr(predicates::str::contains("give yards of this place"));
}

#[test]
fn rails_that_fit_the_target_are_followed_in_a_displaced_baseline() {
    io::configure();
    let mut run = Run::new();
    let found = |run: &Run| {
        run.command().assert().success();
        let out = run.out.path().join("out");
        let text = std::fs::read_to_string(out.join("detections.geojson")).unwrap();
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        (record(&out)["findings"]["rails_step_m"].clone(), all["features"].as_array().unwrap().clone())
    };
    let (step, as_they_are) = found(&run);
    assert!(step.is_null(), "{step}");
    // The same pixels, said to lie 20 m further north and west.
    let displaced = run.out.path().join("displaced.tif");
    std::fs::copy(&run.baseline, &displaced).unwrap();
    let mut file = gdal::Dataset::open_ex(
        &displaced,
        gdal::DatasetOptions { open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE, ..Default::default() },
    )
    .unwrap();
    let mut place = file.geo_transform().unwrap();
    (place[0], place[3]) = (place[0] - 20.0, place[3] + 20.0);
    file.set_geo_transform(&place).unwrap();
    file.close().unwrap();
    run.baseline = displaced;
    let (step, displaced) = found(&run);
    let step: Vec<f64> = serde_json::from_value(step).unwrap();
    // The pair itself is shifted by +0.38 rows and −0.27 columns.
    assert!((step[0] + 22.7).abs() < 0.5 && (step[1] - 16.2).abs() < 0.5, "{step:?}");
    let places = |features: &[serde_json::Value]| {
        let trains = features.iter().map(|f| &f["properties"]).filter(|p| p["kind"] == "train");
        let place =
            |p: &serde_json::Value| (p["track_id"].to_string(), p["chainage_start_m"].as_f64().unwrap());
        trains.map(place).collect::<Vec<_>>()
    };
    let (here, there) = (places(&as_they_are), places(&displaced));
    let is_again = |a: &&(String, f64)| there.iter().any(|b| a.0 == b.0 && (a.1 - b.1).abs() < 100.0);
    // Four metres beside the bed the weakest of five is no longer found. Chainage begins where the scenes begin.
    assert!(here.iter().filter(is_again).count() >= 3, "{here:?} {there:?}");
}
