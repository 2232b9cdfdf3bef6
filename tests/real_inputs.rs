//! `detect` on every kind of input that analysts have: what is the same ground must give the same detections.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod real_data;
mod support;

use gdal::raster::RasterCreationOptions;
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use gdal::vector::{Geometry, LayerAccess, LayerOptions};
use gdal::{DriverManager, Metadata};
use real_data::real;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Run, railwatch, record};

/// Detections of a run of `detect` with further arguments: kind, change and footprint of each.
fn detections(run: &Run, arguments: &[&str]) -> Vec<(String, String, serde_json::Value)> {
    run.command().args(arguments).assert().success();
    let text = std::fs::read(run.out.path().join("out/detections.geojson")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let of = |f: &serde_json::Value, key: &str| f["properties"][key].as_str().unwrap_or_default().to_owned();
    let features = json["features"].as_array().unwrap();
    features.iter().map(|f| (of(f, "kind"), of(f, "change"), f["geometry"].clone())).collect()
}

/// What `detect` finds on the pair as it was simulated.
fn plain() -> Vec<(String, String, serde_json::Value)> {
    let found = detections(&Run::new(), &[]);
    assert!(!found.is_empty(), "nothing to compare with");
    found
}

/// The rails of the pair by another driver, in another CRS.
fn rails_as(path: &Path, driver: &str, epsg: u32) {
    let mut to = SpatialRef::from_epsg(epsg).unwrap();
    to.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let source = gdal::Dataset::open(&Run::new().rails).unwrap();
    let mut lines = source.layer(0).unwrap();
    let way = CoordTransform::new(&lines.spatial_ref().unwrap(), &to).unwrap();
    let driver = DriverManager::get_driver_by_name(driver).unwrap();
    let mut written = driver.create_vector_only(path).unwrap();
    let options = LayerOptions { name: "rails", srs: Some(&to), ..LayerOptions::default() };
    let layer = written.create_layer(options).unwrap();
    // Two lines in one part each, and all of them in one feature of many parts: both happen.
    let mut parts = Geometry::empty(gdal::vector::OGRwkbGeometryType::wkbMultiLineString).unwrap();
    for feature in lines.features() {
        parts.add_geometry(feature.geometry().unwrap().transform(&way).unwrap()).unwrap();
    }
    let mut feature = gdal::vector::Feature::new(layer.defn()).unwrap();
    feature.set_geometry(parts).unwrap();
    feature.create(&layer).unwrap();
    drop(feature);
    written.close().unwrap();
}

/// Both lists name the same things within a few pixels.
fn assert_alike(
    found: &[(String, String, serde_json::Value)],
    wanted: &[(String, String, serde_json::Value)],
) {
    let brief = |all: &[(String, String, serde_json::Value)]| {
        let mut names: Vec<_> = all.iter().map(|d| (d.0.clone(), d.1.clone())).collect();
        names.sort();
        names
    };
    assert_eq!(brief(found), brief(wanted));
}

/// A scene in longitude and latitude, with pixels that are wider in the one than in the other.
fn in_degrees(scene: &Path, to: &Path) {
    let source = gdal::Dataset::open(scene).unwrap();
    let mut degrees = SpatialRef::from_epsg(4326).unwrap();
    degrees.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let way = CoordTransform::new(&source.spatial_ref().unwrap(), &degrees).unwrap();
    let (g, (width, height)) = (source.geo_transform().unwrap(), source.raster_size());
    let (right, low) = (g[0] + g[1] * width as f64, g[3] + g[5] * height as f64);
    let (mut x, mut y) = ([g[0], right, g[0], right], [g[3], g[3], low, low]);
    way.transform_coords(&mut x, &mut y, &mut []).unwrap();
    let ends = |v: [f64; 4]| v.iter().fold((f64::MAX, f64::MIN), |e, v| (e.0.min(*v), e.1.max(*v)));
    let ((west, east), (south, north)) = (ends(x), ends(y));
    let (step_x, step_y) = (1.2e-4, 0.9e-4);
    let size = (((east - west) / step_x) as usize, ((north - south) / step_y) as usize);
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut out = driver.create_with_band_type::<u16, _>(to, size.0, size.1, source.raster_count()).unwrap();
    out.set_geo_transform(&[west, step_x, 0.0, north, 0.0, -step_y]).unwrap();
    out.set_spatial_ref(&degrees).unwrap();
    for b in 1..=source.raster_count() {
        let name = source.rasterband(b).unwrap().description().unwrap();
        out.rasterband(b).unwrap().set_description(&name).unwrap();
    }
    gdal::raster::reproject(&source, &out).unwrap();
    out.close().unwrap();
}

/// First corners of the trains with a score above `least`, degrees.
fn trains(run: &Run, least: f64) -> Vec<[f64; 2]> {
    run.command().assert().code(0);
    let text = std::fs::read(run.out.path().join("out/detections.geojson")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let is_sure = |f: &&serde_json::Value| {
        f["properties"]["kind"] == "train" && f["properties"]["score"].as_f64().unwrap() > least
    };
    let corner =
        |f: &serde_json::Value| [0, 1].map(|k| f["geometry"]["coordinates"][0][0][k].as_f64().unwrap());
    json["features"].as_array().unwrap().iter().filter(is_sure).map(corner).collect()
}

#[test]
fn scenes_in_degrees() {
    let mut run = Run::new();
    let sure = trains(&run, 1.0);
    assert!(!sure.is_empty(), "nothing to compare with");
    let names = ["place_2022-11-19.tif", "place_2022-11-29.tif"];
    for (scene, name) in [&mut run.baseline, &mut run.target].into_iter().zip(names) {
        let to = run.out.path().join(name);
        in_degrees(scene, &to);
        *scene = to;
    }
    // Resampling blurs, and weak or ambiguous trains may be told otherwise; the sure ones are where they were.
    let found = trains(&run, f64::NEG_INFINITY);
    let is_near = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).abs() < 4e-4 && (a[1] - b[1]).abs() < 3e-4;
    assert!(sure.iter().all(|a| found.iter().any(|b| is_near(a, b))), "{sure:?} {found:?}");
    let out = run.out.path().join("out");
    let record = record(&out);
    assert_eq!(record["skipped"].as_array().unwrap().len(), 0, "{}", record["skipped"]);
    // Figure and map are in metres, and show what was found.
    let map = gdal::Dataset::open(out.join("change.tif")).unwrap();
    assert_eq!(map.spatial_ref().unwrap().auth_code().unwrap(), 32_652);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(!page.contains("outside the view"), "boxes are in the figure");
}

#[test]
fn a_target_in_degrees_that_lies_pixels_off() {
    let mut run = Run::new();
    // The weaker ones do not survive that `in_degrees` takes the nearest pixels.
    let sure = trains(&run, 2.5);
    assert!(!sure.is_empty(), "nothing to compare with");
    // Its georeference is 40 m too far east and 30 m too far north.
    let moved = run.out.path().join("moved.tif");
    std::fs::copy(&run.target, &moved).unwrap();
    let mut dataset = gdal::Dataset::open_ex(&moved, update()).unwrap();
    let mut transform = dataset.geo_transform().unwrap();
    transform[0] += 40.0;
    transform[3] += 30.0;
    dataset.set_geo_transform(&transform).unwrap();
    dataset.close().unwrap();
    run.target = run.out.path().join("place_2022-11-29.tif");
    in_degrees(&moved, &run.target);
    // Pixels of 10 m are twice as many as a degree of longitude has here: a shift in the wrong ones leaves rails beside their trains.
    // Resampling blurs, so the scores are lower.
    let found = trains(&run, 1.0);
    let is_near = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).abs() < 4e-4 && (a[1] - b[1]).abs() < 3e-4;
    assert!(sure.iter().all(|a| found.iter().any(|b| is_near(a, b))), "{sure:?} {found:?}");
}

fn update() -> gdal::DatasetOptions<'static> {
    gdal::DatasetOptions { open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE, ..Default::default() }
}

#[test]
fn rails_in_a_geopackage_of_another_crs() {
    let mut run = Run::new();
    run.rails = run.out.path().join("rails.gpkg");
    rails_as(&run.rails, "GPKG", 3857);
    assert_alike(&detections(&run, &[]), &plain());
}

#[test]
fn rails_in_a_shapefile_of_another_crs() {
    let mut run = Run::new();
    run.rails = run.out.path().join("rails.shp");
    rails_as(&run.rails, "ESRI Shapefile", 5179);
    assert_alike(&detections(&run, &[]), &plain());
}

#[test]
fn rails_of_an_openstreetmap_extract() {
    let Some(extract) = real("osm_helsinki/Helsinki.osm.pbf") else { return };
    let mut run = Run::new();
    let scenes = run.out.path().join("scenes");
    railwatch()
        .args(["simulate", "--seed", "5", "--rails"])
        .arg(&extract)
        .arg("--out")
        .arg(&scenes)
        .assert()
        .success();
    (run.baseline, run.target, run.rails) = (scenes.join("baseline.tif"), scenes.join("target.tif"), extract);
    // Seven trains stand in a yard of 68 tracks; the default rate shows none of them, for the null of a yard is heavy.
    let found = detections(&run, &["--false-alarms", "20"]);
    assert!(found.iter().any(|d| d.0 == "train"), "no train in the yard was found");
    assert!(record(&run.out.path().join("out"))["tracks"].as_array().unwrap().len() > 20);
}

/// One file a band, as `name(band)` in `folder`, by a driver; the numbers are raised by `add`.
fn split(scene: &Path, folder: &Path, driver: &str, add: u16, name: impl Fn(&str) -> String) -> Vec<PathBuf> {
    let source = gdal::Dataset::open(scene).unwrap();
    let (w, h) = source.raster_size();
    let options: &[&str] =
        if driver == "JP2OpenJPEG" { &["QUALITY=100", "REVERSIBLE=YES"] } else { &["TILED=YES"] };
    let mut paths = Vec::new();
    for (i, band) in ["B02", "B03", "B04", "B08"].iter().enumerate() {
        let mut pixels =
            source.rasterband(i + 1).unwrap().read_as::<u16>((0, 0), (w, h), (w, h), None).unwrap();
        for v in pixels.data_mut().iter_mut().filter(|v| **v > 0) {
            *v += add;
        }
        let mut memory = DriverManager::get_driver_by_name("MEM")
            .unwrap()
            .create_with_band_type::<u16, _>("", w, h, 1)
            .unwrap();
        memory.set_geo_transform(&source.geo_transform().unwrap()).unwrap();
        memory.set_spatial_ref(&source.spatial_ref().unwrap()).unwrap();
        memory.rasterband(1).unwrap().write((0, 0), (w, h), &mut pixels).unwrap();
        let path = folder.join(name(band));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let by = DriverManager::get_driver_by_name(driver).unwrap();
        let options: RasterCreationOptions = options.iter().copied().collect();
        memory.create_copy(&by, &path, &options).unwrap().close().unwrap();
        paths.push(path);
    }
    paths
}

#[test]
fn one_file_a_band_joined_by_plus_and_by_a_glob() {
    let mut run = Run::new();
    let folder = run.out.path().join("bands");
    let name = |date: &'static str| move |band: &str| format!("T52TEN_{date}T021651_{band}_10m.tif");
    let joined: Vec<String> = split(&run.baseline, &folder, "GTiff", 0, name("20221119"))
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    split(&run.target, &folder, "GTiff", 0, name("20221129"));
    run.baseline = joined.join("+").into();
    run.target = folder.join("*20221129*_10m.tif");
    assert_eq!(detections(&run, &[]), plain());
}

/// A SAFE product of processing baseline 04.00: JPEG2000 numbers raised by 1000, the XML says so.
fn safe(scene: &Path, folder: &Path, date: &str) -> PathBuf {
    let id = format!("S2A_MSIL2A_{date}T021651_N0400_R003_T52TEN_{date}T051651.SAFE");
    let root = folder.join(&id);
    let images = root.join(format!("GRANULE/L2A_T52TEN_A038000_{date}T021651/IMG_DATA/R10m"));
    split(scene, &images, "JP2OpenJPEG", 1000, |band| format!("T52TEN_{date}T021651_{band}_10m.jp2"));
    let mut xml = format!(
        "<?xml version=\"1.0\"?><n1:Level-2A_User_Product xmlns:n1=\"https://psd-14.sentinel2.eo.esa.int\">\
         <n1:General_Info><Product_Info><PRODUCT_START_TIME>{}-{}-{}T02:16:51.024Z</PRODUCT_START_TIME>\
         <PRODUCT_URI>{id}</PRODUCT_URI><PROCESSING_BASELINE>04.00</PROCESSING_BASELINE>\
         <Datatake><SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME></Datatake></Product_Info>\
         <BOA_QUANTIFICATION_VALUE unit=\"none\">10000</BOA_QUANTIFICATION_VALUE><BOA_ADD_OFFSET_VALUES_LIST>",
        &date[..4],
        &date[4..6],
        &date[6..]
    );
    for band in 0..13 {
        write!(xml, "<BOA_ADD_OFFSET band_id=\"{band}\">-1000</BOA_ADD_OFFSET>").unwrap();
    }
    xml += "</BOA_ADD_OFFSET_VALUES_LIST></n1:General_Info></n1:Level-2A_User_Product>";
    std::fs::write(root.join("MTD_MSIL2A.xml"), xml).unwrap();
    root
}

#[test]
fn a_safe_folder_and_a_deflated_zip() {
    let mut run = Run::new();
    let folder = run.out.path().to_owned();
    run.baseline = safe(&run.baseline, &folder, "20221119");
    run.target = safe(&run.target, &folder, "20221129");
    let wanted = plain();
    assert_eq!(detections(&run, &[]), wanted);
    let record = record(&folder.join("out"));
    assert!(
        record["scenes"][0]["offset_rule"].as_str().unwrap().contains("-1000"),
        "{}",
        record["scenes"][0]
    );
    let zip = folder.join("product.zip");
    let packed = Command::new("python3")
        .args(["-c", "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2], sys.argv[3])"])
        .args([folder.join("product").as_path(), &folder, Path::new(run.target.file_name().unwrap())])
        .status();
    if !packed.is_ok_and(|status| status.success()) {
        return;
    }
    run.target = zip;
    assert_eq!(detections(&run, &[]), wanted);
}

#[test]
fn stac_items_from_disk() {
    let mut run = Run::new();
    for (scene, date) in [(&mut run.baseline, "20221119"), (&mut run.target, "20221129")] {
        let folder = run.out.path().join(date);
        split(scene, &folder, "GTiff", 1000, |band| format!("{band}.tif"));
        let asset = |name: &str, band: &str| {
            format!(
                r#""{name}":{{"href":"./{band}.tif","type":"image/tiff; application=geotiff",
                   "eo:bands":[{{"name":"{band}","common_name":"{name}"}}],
                   "raster:bands":[{{"scale":0.0001,"offset":-0.1}}]}}"#
            )
        };
        let assets =
            [("blue", "B02"), ("green", "B03"), ("red", "B04"), ("nir", "B08")].map(|(n, b)| asset(n, b));
        let item = format!(
            r#"{{"type":"Feature","stac_version":"1.0.0","id":"S2A_52TEN_{date}_0_L2A","links":[],"geometry":null,
               "properties":{{"datetime":"{}-{}-{}T02:16:51Z","platform":"sentinel-2a"}},"assets":{{{}}}}}"#,
            &date[..4],
            &date[4..6],
            &date[6..],
            assets.join(",")
        );
        *scene = folder.join("item.json");
        std::fs::write(&*scene, item).unwrap();
    }
    assert_eq!(detections(&run, &[]), plain());
}

#[test]
fn real_stac_items_of_jpeg2000_run_to_the_end() {
    let Some(root) = real("s2_jp2_stac_33twm_120m") else { return };
    let mut run = Run::new();
    let item = |id: &str| root.join(id).join(format!("{id}.json"));
    run.baseline = item("S2B_33TWM_20230820_0_L2A");
    run.target = item("S2A_33TWM_20230815_0_L2A");
    run.rails = run.out.path().join("line.geojson");
    let line = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":
        {"type":"LineString","coordinates":[[15.2,46.5],[15.5,46.6],[15.9,46.7]]}}]}"#;
    std::fs::write(&run.rails, line).unwrap();
    run.command().assert().success();
    assert!(record(&run.out.path().join("out"))["registration"][0]["accepted"].as_bool().unwrap());
}

/// The scene with a white train 3 m wide and 200 m long between two points of its CRS.
fn with_train(scene: &Path, path: &Path, [a, b]: [(f64, f64); 2]) {
    let options = railwatch::io::SceneOptions::default();
    let scene = railwatch::io::open_scene(scene.to_str().unwrap(), &options).unwrap();
    let raster = railwatch::io::read_raster(&scene, scene.grid.window(), &[0, 1, 2, 3]).unwrap();
    let length = (b.0 - a.0).hypot(b.1 - a.1);
    let along = ((b.0 - a.0) / length, (b.1 - a.1) / length);
    let pixels = ndarray::Array3::from_shape_fn(raster.values.dim(), |(band, r, c)| {
        let (x, y) = scene.grid.xy(r as f64, c as f64);
        let (dx, dy) = (x - a.0, y - a.1);
        let (s, t) = (dx * along.0 + dy * along.1, dy * along.0 - dx * along.1);
        let inside = if (0.0..=length).contains(&s) { 1.0 } else { 0.0 };
        // A strip of 3 m seen through a point spread of σ = 5 m and a pixel of 10 m: 3 / (√(2π) · 5.8) at its middle.
        let share = inside * 0.206 * (-t * t / (2.0 * 5.8 * 5.8)).exp();
        let ground = f64::from(raster.values[(band, r, c)]);
        ((ground * (1.0 - share) + 0.45 * share) * 10_000.0).round() as u16
    });
    let tags = [("ACQUISITION".to_owned(), scene.datetime.unwrap().to_string())];
    railwatch::io::write_scene(path, &scene.grid, &pixels, &["B02", "B03", "B04", "B08"], &tags).unwrap();
}

#[test]
fn a_real_stack_of_eight_dates_is_used() {
    let Some(stack) = real("s2_s1_stack_belgium_a") else { return };
    let dates = ["0628", "0630", "0705", "0708", "0715", "0718", "0723", "0728"];
    let at = |date: &str| stack.join(format!("S2_L2A_2018{date}_B02B03B04B08_10m.tif"));
    let mut run = Run::new();
    run.target = run.out.path().join("S2_L2A_20180802_with_train.tif");
    let [a, b] = [(501_500.0, 5_629_240.0), (501_690.0, 5_629_302.0)];
    with_train(&at("0802"), &run.target, [a, b]);
    run.rails = run.out.path().join("rails.geojson");
    let lines = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32631"}},
        "features":[{"type":"Feature","properties":{},"geometry":{"type":"MultiLineString","coordinates":[
        [[501400,5629207.4],[501900,5629370.5]],[[501380,5629560],[501980,5629480]]]}}]}"#;
    std::fs::write(&run.rails, lines).unwrap();
    let out = run.out.path().join("out");
    run.baseline = at("0728");
    let older: Vec<String> = dates[..7].iter().map(|d| at(d).display().to_string()).collect();
    let older: Vec<&str> = older.iter().map(String::as_str).collect();
    let found = detections(&run, &[&["--baseline"], older.as_slice()].concat());
    let record = record(&out);
    assert_eq!(record["registration"].as_array().unwrap().len(), 8, "{}", record["skipped"]);
    assert_eq!(record["scenes"].as_array().unwrap().len(), 9);
    assert!(record["skipped"].as_array().unwrap().is_empty());
    let (kind, change, geometry) = &found[0];
    assert_eq!((kind.as_str(), change.as_str()), ("train", "appeared"));
    let ring = geometry["coordinates"][0].as_array().unwrap();
    let lon = ring.iter().map(|p| p[0].as_f64().unwrap()).sum::<f64>() / ring.len() as f64;
    // Middle of the train, to half its length.
    assert!((lon - 3.022_63).abs() < 0.001_4, "{lon}");
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("S2_L2A_20180628"), "the page does not name the oldest baseline");
}
