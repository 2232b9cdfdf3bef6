//! Files of every kind, good and bad.

mod no_data;
mod real;
mod remote;

use super::*;
use crate::grid::{Affine, Grid, Window};
use crate::raster::Validity;
use crate::scene::Scene;
use gdal::Metadata;
use ndarray::{Array2, Array3};
use std::path::Path;

fn open(spec: &str) -> Result<Scene, Error> {
    open_scene(spec, &SceneOptions::default())
}

fn names_of(scene: &Scene) -> Vec<&str> {
    scene.bands.iter().map(|b| b.name.0.as_str()).collect()
}

fn utm_grid(rows: usize, cols: usize) -> Grid {
    let affine = Affine::from_gdal([600_000.0, 10.0, 0.0, 4_700_000.0, 0.0, -10.0]).unwrap();
    Grid { crs: crs_from_epsg(32_652).unwrap(), affine, shape: (rows, cols) }
}

/// A textured scene whose first column is zero in all bands and one pixel is saturated in one.
fn write_sample(folder: &Path, name: &str) -> String {
    let pixels = Array3::from_shape_fn((2, 300, 200), |(b, r, c)| match (r, c) {
        (_, 0) => 0,
        (5, 7) if b == 0 => u16::MAX,
        _ => (1000 + 100 * b + (r * 7 + c * 13) % 400) as u16,
    });
    let path = folder.join(name);
    let tags = [("ACQUISITION".to_owned(), "2024-05-01T02:03:04Z".to_owned())];
    write_scene(&path, &utm_grid(300, 200), &pixels, &["B03", "B04"], &tags).unwrap();
    path.display().to_string()
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_sample(folder.path(), "S2C_scene.tif");
    let scene = open(&path).unwrap();
    assert_eq!(names_of(&scene), ["B03", "B04"]);
    assert_eq!(scene.datetime.unwrap().to_string(), "2024-05-01T02:03:04Z");
    assert_eq!(scene.platform.as_deref(), Some("Sentinel-2C"));
    assert_eq!(scene.grid, utm_grid(300, 200));
    let raster = read_raster(&scene, Window { row: 4, col: 0, height: 3, width: 9 }, &[1, 0]).unwrap();
    assert_eq!(raster.values.dim(), (2, 3, 9));
    assert!((raster.values[[0, 0, 1]] - (1100.0 + 41.0) * 1e-4).abs() < 1e-6);
    assert!(raster.validity.column(0).iter().all(|v| *v == Validity::NO_DATA));
    assert_eq!(raster.validity[[1, 7]], Validity::SATURATED);
    assert!((raster.valid_fraction() - 23.0 / 27.0).abs() < 1e-9);
    let sum = sha256(&scene).unwrap().unwrap();
    assert_eq!(sum.len(), 64);
    assert_eq!(sha256(&scene).unwrap().unwrap(), sum);
    assert!(matches!(
        read_raster(&scene, Window { row: 299, col: 0, height: 2, width: 1 }, &[0]),
        Err(Error::Window { .. })
    ));
    assert!(matches!(read_raster(&scene, scene.grid.window(), &[7]), Err(Error::Bands { .. })));
}

#[test]
fn bands_are_picked_and_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_sample(folder.path(), "scene.tif");
    let with = |bands: &[&str]| {
        let bands = Some(bands.iter().map(|b| (*b).to_owned()).collect());
        open_scene(&path, &SceneOptions { bands, ..SceneOptions::default() })
    };
    assert_eq!(names_of(&with(&["red"]).unwrap()), ["B04"]);
    assert_eq!(names_of(&with(&["B04", "B03"]).unwrap()), ["B04", "B03"]);
    assert!(with(&["B08"]).unwrap_err().to_string().contains("B03, B04"));
    let plain = folder.path().join("plain.tif");
    let pixels = Array3::from_elem((2, 8, 8), 500);
    write_scene(&plain, &utm_grid(8, 8), &pixels, &["", ""], &[]).unwrap();
    let plain = plain.display().to_string();
    assert_eq!(names_of(&open(&plain).unwrap()), ["band1", "band2"]);
    let bands = Some(vec!["B02".to_owned(), "B08".to_owned()]);
    let named = open_scene(&plain, &SceneOptions { bands, ..SceneOptions::default() }).unwrap();
    assert_eq!(names_of(&named), ["B02", "B08"]);
    let bands = Some(vec!["B02".to_owned(), "SCL".to_owned()]);
    let classified = open_scene(&plain, &SceneOptions { bands, ..SceneOptions::default() }).unwrap();
    assert_eq!((names_of(&classified), classified.classification.is_some()), (vec!["B02"], true));
}

#[test]
fn a_folder_is_listed_once_for_all_scenes_that_share_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        write_scene(&path, &utm_grid(8, 8), &Array3::from_elem((1, 8, 8), 5), &[""], &[]).unwrap();
        path.display().to_string()
    };
    let (first, second) = (write("S2_20200101_B02.tif"), write("S2_20200111_B02.tif"));
    write("S2_20200101_SCL.tif");
    let options = SceneOptions::default();
    let is_classified =
        |path: &str, options: &SceneOptions| open_scene(path, options).unwrap().classification.is_some();
    assert!(is_classified(&first, &options) && !is_classified(&second, &options));
    write("S2_20200111_SCL.tif");
    assert!(!is_classified(&second, &options.clone()) && is_classified(&second, &SceneOptions::default()));
}

#[test]
fn one_file_a_band_by_plus_glob_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let coarse = Grid {
        affine: Affine::from_gdal([600_000.0, 20.0, 0.0, 4_700_000.0, 0.0, -20.0]).unwrap(),
        ..utm_grid(10, 10)
    };
    let ramp = Array3::from_shape_fn((1, 20, 20), |(_, r, c)| (100 + 10 * r + c) as u16);
    let classes = Array3::from_shape_fn((1, 10, 10), |(_, r, _)| [4, 3, 6, 8, 11, 0, 5, 5, 5, 5][r]);
    write_scene(Path::new(&at("B02.tif")), &utm_grid(20, 20), &ramp, &[""], &[]).unwrap();
    // The 20 m band holds the same plane, so its values between its centres are known.
    let plane = Array3::from_shape_fn((1, 10, 10), |(_, r, c)| (105 + 20 * r + 2 * c) as u16);
    write_scene(Path::new(&at("B11.tif")), &coarse, &plane, &[""], &[]).unwrap();
    write_scene(Path::new(&at("SCL.tif")), &coarse, &classes, &[""], &[]).unwrap();
    let joined = format!("{}+{}+{}", at("B02.tif"), at("B11.tif"), at("SCL.tif"));
    for spec in [
        joined,
        at("*.tif"),
        folder.path().display().to_string(),
        format!("{}+{}", at("B02.tif"), at("B11.tif")),
    ] {
        let scene = open(&spec).unwrap();
        assert_eq!(names_of(&scene), ["B02", "B11"], "{spec}");
        assert_eq!(scene.grid.shape, (20, 20));
        assert!(scene.classification.is_some(), "{spec}");
        let raster = read_raster(&scene, Window { row: 3, col: 3, height: 9, width: 5 }, &[0, 1]).unwrap();
        // (10·r + c) of the fine band is 105 + 20·(r/2 − ¼) + 2·(c/2 − ¼) − ½ … of the coarse one.
        let (fine, smooth) = (raster.values[[0, 1, 1]], raster.values[[1, 1, 1]]);
        assert!((fine - smooth).abs() < 0.6e-4, "{fine} {smooth}");
        let rows: Vec<Validity> = raster.validity.column(0).to_vec();
        assert_eq!(rows[0], Validity::SHADOW);
        assert_eq!(rows[1], Validity::WATER);
        assert_eq!(rows[3], Validity::CLOUD);
        assert_eq!(rows[5], Validity::SNOW);
        assert_eq!(rows[7], Validity::NO_DATA);
    }
    let twice = format!("{}+{}", at("B02.tif"), at("B02.tif"));
    assert!(open(&twice).unwrap_err().to_string().contains("twice"));
}

#[test]
fn bad_scenes_are_refused_with_words() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    assert!(matches!(open("/no/such/file.tif"), Err(Error::NotFound { .. })));
    assert!(matches!(open("/no/such/*.tif"), Err(Error::NotFound { .. })));
    assert!(matches!(open("/no/such/a.tif+/no/such/b.tif"), Err(Error::NotFound { .. })));
    assert!(matches!(open(&make("text.tif", b"this is no picture, only words")), Err(Error::Open { .. })));
    assert!(matches!(open(&make("empty.tif", b"")), Err(Error::Open { .. })));
    assert!(matches!(
        open(&make("garbage.zip", b"PK\x03\x04 and then nothing of use")),
        Err(Error::Open { .. })
    ));
    assert!(matches!(open(&make("broken.json", b"{\"type\": \"Feature\", ")), Err(Error::Open { .. })));
    assert!(matches!(open(&make("other.json", b"{\"a\": 1}")), Err(Error::Metadata { .. })));
    let several = make("list.json", b"{\"type\": \"FeatureCollection\", \"features\": [1, 2]}");
    assert!(open(&several).unwrap_err().to_string().contains("collection of 2 items"));
    let unnamed = tempfile::tempdir().unwrap();
    assert!(
        open(&unnamed.path().display().to_string()).unwrap_err().to_string().contains("not a SAFE product")
    );
    let ungrounded = folder.path().join("flat.tif");
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    driver.create(&ungrounded, 8, 8, 1).unwrap().close().unwrap();
    assert!(matches!(open(&ungrounded.display().to_string()), Err(Error::NotGeoreferenced { .. })));
}

#[test]
fn cut_off_files_give_errors_and_no_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let whole = write_sample(folder.path(), "whole.tif");
    let bytes = std::fs::read(&whole).unwrap();
    for part in [0.1, 0.5, 0.9, 0.999] {
        let path = folder.path().join("cut.tif");
        std::fs::write(&path, &bytes[..(bytes.len() as f64 * part) as usize]).unwrap();
        let read = open(&path.display().to_string()).and_then(|s| read_raster(&s, s.grid.window(), &[0, 1]));
        assert!(
            matches!(read, Err(Error::Open { .. } | Error::Read { .. } | Error::NotGeoreferenced { .. })),
            "{part}: {read:?}"
        );
    }
    let jp2 = folder.path().join("whole.jp2");
    let source = gdal::Dataset::open(&whole).unwrap();
    let driver = gdal::DriverManager::get_driver_by_name("JP2OpenJPEG").unwrap();
    source.create_copy(&driver, &jp2, &gdal::raster::RasterCreationOptions::new()).unwrap().close().unwrap();
    let scene = open(&jp2.display().to_string()).unwrap();
    assert!(read_raster(&scene, scene.grid.window(), &[0, 1]).is_ok());
    let bytes = std::fs::read(&jp2).unwrap();
    for part in [0.2, 0.5, 0.9, 0.999] {
        let path = folder.path().join("cut.jp2");
        std::fs::write(&path, &bytes[..(bytes.len() as f64 * part) as usize]).unwrap();
        let read = open(&path.display().to_string()).and_then(|s| read_raster(&s, s.grid.window(), &[0, 1]));
        assert!(read.is_err(), "{part}");
    }
}

#[test]
fn cog_keeps_names_tags_and_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("change.tif");
    let grid = utm_grid(1_200, 1_100);
    let bands =
        vec![("z".to_owned(), Array2::from_shape_fn(grid.shape, |(r, c)| (r % 50) as f32 - (c % 30) as f32))];
    let tags = vec![("ATTRIBUTION".to_owned(), "test".to_owned())];
    write_cog(&path, &CogInput { grid: &grid, bands, nodata: Some(f64::NAN), tags, overviews: true })
        .unwrap();
    let dataset = gdal::Dataset::open(&path).unwrap();
    assert_eq!(dataset.metadata_item("LAYOUT", "IMAGE_STRUCTURE").as_deref(), Some("COG"));
    assert_eq!(dataset.metadata_item("ATTRIBUTION", "").as_deref(), Some("test"));
    let band = dataset.rasterband(1).unwrap();
    assert_eq!(band.description().unwrap(), "z");
    assert!(band.overview_count().unwrap() >= 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_full_disk_fails_and_leaves_nothing() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let grid = utm_grid(600, 600);
    let plane = Array2::from_shape_fn(grid.shape, |(r, c)| ((r * 31 + c * 17) % 1_009) as f32);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("link.tif");
    std::os::unix::fs::symlink(full, &place).unwrap();
    // GDAL itself on the full device: the failure must be seen though CreateCopy may call it a success.
    let result = super::geotiff::copy_for_test(&place, &grid, &plane);
    assert!(result.is_err(), "{result:?}");
    let missing = folder.path().join("no/folder/x.tif");
    let input = CogInput {
        grid: &grid,
        bands: vec![("a".into(), plane)],
        nodata: None,
        tags: vec![],
        overviews: false,
    };
    assert!(matches!(write_cog(&missing, &input), Err(Error::Write { .. })));
}

/// A zip archive of stored (not deflated) files.
fn zip_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(u32::MAX, |crc, &b| {
            (0..8).fold(crc ^ u32::from(b), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
        })
    };
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let start = archive.len() as u32;
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc(bytes).to_le_bytes());
        common.extend([bytes.len() as u32; 2].iter().flat_map(|n| n.to_le_bytes()));
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04".iter().chain(&common).chain(name.as_bytes()).chain(bytes));
        directory.extend(b"PK\x01\x02\x14\x00".iter().chain(&common).chain(&[0; 10]));
        directory.extend(start.to_le_bytes().iter().chain(name.as_bytes()));
    }
    let (at, count) = (archive.len() as u32, (files.len() as u16).to_le_bytes());
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\x00\x00\x00\x00".iter().chain(&count).chain(&count));
    archive.extend([directory.len() as u32, at].iter().flat_map(|n| n.to_le_bytes()));
    archive.extend([0, 0]);
    archive
}

#[test]
fn safe_product_as_folder_and_zip() {
    let folder = tempfile::tempdir().unwrap();
    let id = "S2B_MSIL2A_20240501T020304_N0510_R001_T52TEN_20240501T050607";
    let product = folder.path().join(format!("{id}.SAFE"));
    let images = product.join("GRANULE/L2A_T52TEN/IMG_DATA/R10m");
    let classes = product.join("GRANULE/L2A_T52TEN/IMG_DATA/R20m");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::create_dir_all(&classes).unwrap();
    let xml = format!(
        "<a><PRODUCT_URI>{id}.SAFE</PRODUCT_URI><PROCESSING_BASELINE>05.10</PROCESSING_BASELINE>\
         <SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME><PRODUCT_START_TIME>2024-05-01T02:03:04.024Z</PRODUCT_START_TIME>\
         <BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE><BOA_ADD_OFFSET>-1000</BOA_ADD_OFFSET></a>"
    );
    std::fs::write(product.join("MTD_MSIL2A.xml"), &xml).unwrap();
    let pixels = Array3::from_elem((1, 40, 40), 1_500);
    for band in ["B02", "B03", "B04", "B08"] {
        let path = images.join(format!("T52TEN_20240501T020304_{band}_10m.tif"));
        write_scene(&path, &utm_grid(40, 40), &pixels, &[""], &[]).unwrap();
    }
    let coarse = Grid {
        affine: Affine::from_gdal([600_000.0, 20.0, 0.0, 4_700_000.0, 0.0, -20.0]).unwrap(),
        ..utm_grid(20, 20)
    };
    let scl = classes.join("T52TEN_20240501T020304_SCL_20m.tif");
    write_scene(&scl, &coarse, &Array3::from_elem((1, 20, 20), 9), &[""], &[]).unwrap();
    let mut files = vec![(format!("{id}.SAFE/MTD_MSIL2A.xml"), xml.into_bytes())];
    for path in glob::glob(&format!("{}/**/*.tif", product.display())).unwrap().filter_map(Result::ok) {
        let inside = path.strip_prefix(folder.path()).unwrap().display().to_string();
        files.push((inside, std::fs::read(&path).unwrap()));
    }
    let named: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    let zip = folder.path().join("product.zip");
    let archive = zip_of(&named);
    std::fs::write(&zip, &archive).unwrap();
    for spec in [product.display().to_string(), zip.display().to_string()] {
        let scene = open(&spec).unwrap();
        assert_eq!((scene.id.as_str(), names_of(&scene)), (id, vec!["B02", "B03", "B04", "B08"]));
        assert!((scene.scaling.offset + 1000.0).abs() < 1e-9 && scene.scaling.rule.contains("MTD_MSIL2A"));
        assert_eq!(scene.platform.as_deref(), Some("Sentinel-2B"));
        let raster = read_raster(&scene, scene.grid.window(), &[0, 3]).unwrap();
        assert!((raster.values[[1, 20, 20]] - 0.05).abs() < 1e-6);
        assert!(raster.validity.iter().all(|v| *v == Validity::CLOUD));
        assert!(sha256(&scene).unwrap().is_some());
    }
    std::fs::write(&zip, &archive[..archive.len() / 2]).unwrap();
    assert!(open(&zip.display().to_string()).is_err());
}

#[test]
fn rails_from_geojson_of_many_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let feature = |geometry: &str, properties: &str| {
        format!(r#"{{"type":"Feature","properties":{properties},"geometry":{geometry}}}"#)
    };
    let line = r#"{"type":"LineString","coordinates":[[130.6,42.4],[130.61,42.41]]}"#;
    let multi = r#"{"type":"MultiLineString","coordinates":[[[130.6,42.4],[130.61,42.41]],[[130.7,42.4],[130.71,42.4],[130.72,42.4]]]}"#;
    let all = |features: &[String]| {
        format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
    };
    let crs = crs_from_epsg(32_652).unwrap();
    let tagged = make(
        "tagged.geojson",
        &all(&[
            feature(line, r#"{"railway":"rail","name":"A","osm_id":"77"}"#),
            feature(line, r#"{"railway":"tram"}"#),
            feature(multi, r#"{"railway":"rail"}"#),
            feature(line, r#"{"highway":"primary"}"#),
        ]),
    );
    let lines = read_lines(&tagged, &crs).unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[0].source_id.as_deref(), lines[0].name.as_deref()), (Some("77"), Some("A")));
    assert_eq!(lines[2].vertices.len(), 3);
    let back = to_wgs84(&crs, &lines[0].vertices).unwrap();
    assert!((back[0].0 - 130.6).abs() < 1e-8 && (back[0].1 - 42.4).abs() < 1e-8);
    let plain = make("plain.geojson", &all(&[feature(line, "{}"), feature(multi, "{}")]));
    assert_eq!(read_lines(&plain, &crs).unwrap().len(), 3);
    let mistyped = r#"{"type":"LineString","coordinates":[[130.6,42.4],[130.61,42.41],[130.62,4242.0],[130.63,42.43],[130.64,42.44],[130.65,42.44]]}"#;
    let lines = read_lines(&make("mistyped.geojson", &all(&[feature(mistyped, "{}")])), &crs).unwrap();
    assert_eq!(lines.iter().map(|l| l.vertices.len()).collect::<Vec<_>>(), [2, 3]);
    let roads = make("roads.geojson", &all(&[feature(line, r#"{"railway":"tram"}"#)]));
    assert!(read_lines(&roads, &crs).unwrap_err().to_string().contains("railway=rail"));
    let point = r#"{"type":"Point","coordinates":[130.6,42.4]}"#;
    assert!(matches!(
        read_lines(&make("p.geojson", &all(&[feature(point, "{}")])), &crs),
        Err(Error::Vector { .. })
    ));
    assert!(matches!(read_lines(&make("text.geojson", "words"), &crs), Err(Error::Open { .. })));
    assert!(matches!(read_lines("/no/such.gpkg", &crs), Err(Error::NotFound { .. })));
    let yard =
        r#"{"type":"Polygon","coordinates":[[[130.6,42.4],[130.61,42.4],[130.61,42.41],[130.6,42.4]]]}"#;
    let yards = make("yards.geojson", &all(&[feature(yard, "{}")]));
    assert_eq!(read_polygons(&yards, &crs).unwrap().len(), 1);
    assert!(matches!(read_polygons(&plain, &crs), Err(Error::Vector { .. })));
}

#[test]
fn a_huge_raster_is_read_by_window_in_parallel() {
    use rayon::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge_B04.tif");
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut options = gdal::raster::RasterCreationOptions::new();
    options.set_name_value("SPARSE_OK", "TRUE").unwrap();
    options.set_name_value("TILED", "YES").unwrap();
    let mut huge =
        driver.create_with_band_type_with_options::<u16, _>(&path, 26_000, 17_000, 1, &options).unwrap();
    huge.set_geo_transform(&utm_grid(1, 1).affine.to_gdal()).unwrap();
    huge.set_spatial_ref(&gdal::spatial_ref::SpatialRef::from_epsg(32_652).unwrap()).unwrap();
    huge.close().unwrap();
    let scene = open(&path.display().to_string()).unwrap();
    assert_eq!(scene.grid.shape, (17_000, 26_000));
    let empty = (0..16_usize)
        .into_par_iter()
        .map(|i| Window { row: 8_000 + 128 * (i / 4), col: 9_000 + 128 * (i % 4), height: 128, width: 128 })
        .map(|block| read_raster(&scene, block, &[0]).unwrap().valid_fraction())
        .sum::<f64>();
    assert!(empty.abs() < 1e-12);
}
