//! Inputs and disks at their worst: each with its exit code, words that say what to do, and nothing left behind.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod support;

use assert_cmd::Command;
use gdal::raster::{Buffer, RasterCreationOptions};
use gdal::{DriverManager, Metadata};
use predicates::prelude::*;
use railwatch::grid::Grid;
use railwatch::io;
use std::path::Path;
use support::{Run, opened, pair, railwatch, record};

/// The grid of the simulated target.
fn grid() -> Grid {
    opened(&pair().join("target.tif")).grid
}

#[test]
fn nan_everywhere_is_refused() {
    let mut run = Run::new();
    run.target = run.out.path().join("nan.tif");
    let grid = grid();
    let plane = ndarray::Array2::from_elem(grid.shape, f32::NAN);
    let bands = ["B02", "B03", "B04", "B08"].map(|name| (name.to_owned(), plane.clone())).to_vec();
    let input = io::CogInput { grid: &grid, bands, nodata: None, tags: Vec::new(), overviews: false };
    io::write_cog(&run.target, &input).unwrap();
    run.fails(1, "100 % without data");
    run.command().assert().code(1).stderr(predicate::str::contains("choose another date"));
}

/// A scene ten kilometres further south than the samples: same zone, no ground in common.
fn write_elsewhere(path: &Path) {
    let mut grid = grid();
    let [x, dx, a, y, b, dy] = grid.affine.to_gdal();
    grid.affine = railwatch::grid::Affine::from_gdal([x, dx, a, y - 10_000.0, b, dy]).unwrap();
    let pixels = ndarray::Array3::from_shape_fn((4, grid.shape.0, grid.shape.1), |(b, r, c)| {
        (600 + 100 * b + (r * 31 + c * 17) % 211) as u16
    });
    io::write_scene(path, &grid, &pixels, &["B02", "B03", "B04", "B08"], &[]).unwrap();
}

#[test]
fn a_baseline_of_other_ground_among_several_is_left_out() {
    let run = Run::new();
    let elsewhere = run.out.path().join("elsewhere.tif");
    write_elsewhere(&elsewhere);
    let out = run.out.path().join("out");
    run.command().arg("--baseline").arg(&elsewhere).assert().code(4);
    let record = record(&out);
    assert_eq!(record["skipped"][0]["scene_id"], "elsewhere");
    assert!(record["skipped"][0]["reason"].as_str().unwrap().contains("no ground in common"));
}

#[test]
fn scenes_of_other_ground_are_refused() {
    let mut run = Run::new();
    run.target = run.out.path().join("elsewhere.tif");
    write_elsewhere(&run.target);
    run.fails(1, "elsewhere");
    let words = predicate::str::contains("no ground in common").and(predicate::str::contains("same place"));
    run.command().assert().code(1).stderr(words);
}

#[test]
fn rails_in_another_country_are_refused() {
    // Berlin, and Antofagasta, which lies outside the domain of the scene's projection.
    for line in ["[[13.5,52.6],[13.6,52.7]]", "[[-70.4,-23.6],[-70.3,-23.5]]"] {
        let mut run = Run::new();
        run.rails = run.out.path().join("abroad.geojson");
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{}},
               "geometry":{{"type":"LineString","coordinates":{line}}}}}]}}"#
        );
        std::fs::write(&run.rails, text).unwrap();
        run.fails(1, "rail");
        let advice = predicate::str::contains("same place").or(predicate::str::contains("centre lines"));
        run.command().assert().code(1).stderr(advice);
    }
}

/// Rails that a file gives with latitude first.
#[test]
fn rails_with_swapped_axes_are_told_as_such() {
    let mut run = Run::new();
    let text = std::fs::read_to_string(&run.rails).unwrap();
    let mut rails: serde_json::Value = serde_json::from_str(&text).unwrap();
    for feature in rails["features"].as_array_mut().unwrap() {
        for point in feature["geometry"]["coordinates"].as_array_mut().unwrap() {
            point.as_array_mut().unwrap().swap(0, 1);
        }
    }
    run.rails = run.out.path().join("swapped.geojson");
    std::fs::write(&run.rails, rails.to_string()).unwrap();
    // 130 degrees are no latitude: those lines cannot even be brought to the map.
    run.command().assert().failure().stderr(predicate::str::contains("longitude is written first"));
}

/// A sparse scene of 20768 × 20768 px (431 million) around the pixels of a small one.
fn huge(small: &Path, path: &Path) {
    const SIDE: usize = 20_768;
    const AT: (usize, usize) = (9_000, 11_000);
    let scene = opened(small);
    let (rows, cols) = scene.grid.shape;
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options =
        RasterCreationOptions::from_iter(["TILED=YES", "SPARSE_OK=TRUE", "COMPRESS=DEFLATE", "BIGTIFF=YES"]);
    let mut dataset = driver
        .create_with_band_type_with_options::<u16, _>(path, SIDE, SIDE, scene.bands.len(), &options)
        .unwrap();
    let corner = scene.grid.affine.shifted(-(AT.0 as f64), -(AT.1 as f64));
    dataset.set_geo_transform(&corner.to_gdal()).unwrap();
    let source = gdal::Dataset::open(small).unwrap();
    dataset.set_spatial_ref(&source.spatial_ref().unwrap()).unwrap();
    if let Some(time) = source.metadata_item("TIFFTAG_DATETIME", "") {
        dataset.set_metadata_item("TIFFTAG_DATETIME", &time, "").unwrap();
    }
    for (i, band) in scene.bands.iter().enumerate() {
        let pixels =
            source.rasterband(i + 1).unwrap().read_as::<u16>((0, 0), (cols, rows), (cols, rows), None);
        let mut to = dataset.rasterband(i + 1).unwrap();
        to.set_description(&band.name.0).unwrap();
        let mut buffer: Buffer<u16> = pixels.unwrap();
        to.write((AT.1 as isize, AT.0 as isize), (cols, rows), &mut buffer).unwrap();
    }
    dataset.close().unwrap();
}

#[test]
fn a_scene_of_430_megapixels_is_read_by_window() {
    let mut run = Run::new();
    for scene in [&mut run.baseline, &mut run.target] {
        let path = run.out.path().join(scene.file_name().unwrap());
        huge(scene, &path);
        *scene = path;
    }
    run.command().assert().success();
    let record = record(&run.out.path().join("out"));
    assert!(record["detection_count"].as_u64().unwrap() >= 1, "the trains were not found");
    let peak = record["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < 1_000_000_000, "{peak} bytes");
}

/// Runs `detect` into a file system of its own, made by `mount`, and lists what it left there.
///
/// `None` where the system does not let this user mount.
fn on_own_disk(run: &Run, mount: &str) -> Option<Command> {
    let allowed = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).ok();
    if allowed.is_err() {
        std::io::Write::write_all(&mut std::io::stderr(), b"skipped: this user may not mount\n").unwrap();
        return None;
    }
    let out = run.out.path().join("out");
    std::fs::create_dir_all(&out).unwrap();
    let shell = format!(
        "{mount} && {} detect --baseline {} --target {} --rails {} --out {out}; code=$?; \
         echo \"left: $(ls -A {out} | tr '\\n' ' ')\"; exit $code",
        assert_cmd::cargo::cargo_bin("railwatch").display(),
        run.baseline.display(),
        run.target.display(),
        run.rails.display(),
        out = out.display(),
    )
    .replace("OUT", &out.display().to_string());
    let mut command = Command::new("unshare");
    command.args(["-rm", "bash", "-c", &shell]);
    Some(command)
}

#[test]
fn a_full_disk_is_told_by_the_final_name_and_left_empty() {
    let run = Run::new();
    // Too small for the first file, and for later ones.
    for (size, name) in [("16k", "change.tif"), ("600k", "out/"), ("1500k", "out/")] {
        let Some(mut command) = on_own_disk(&run, &format!("mount -t tmpfs -o size={size} none OUT")) else {
            return;
        };
        let final_name = run.out.path().join("out").join(if name == "out/" { "" } else { name });
        command
            .assert()
            .code(1)
            .stdout(predicate::str::contains("left: \n"))
            .stderr(predicate::str::contains(final_name.to_str().unwrap()))
            .stderr(predicate::str::contains(".railwatch-").not())
            .stderr(predicate::str::contains("space"));
    }
}

#[test]
fn a_read_only_disk_is_told_before_any_work() {
    let run = Run::new();
    let Some(mut command) = on_own_disk(&run, "mount -t tmpfs -o ro none OUT") else { return };
    command
        .assert()
        .code(1)
        .stdout(predicate::str::contains("left: \n"))
        .stderr(predicate::str::contains("out: ").and(predicate::str::contains("choose another --out")))
        .stderr(predicate::str::contains(".railwatch-").not());
}

#[test]
fn the_same_scene_twice_by_another_path_is_seen() {
    let mut run = Run::new();
    run.baseline = run.target.parent().unwrap().join(".").join(run.target.file_name().unwrap());
    run.command().assert().code(2).stderr(predicate::str::contains("itself"));
    run.left_nothing();
    let run = Run::new();
    let again = run.baseline.parent().unwrap().join(".").join(run.baseline.file_name().unwrap());
    run.command()
        .arg("--baseline")
        .arg(&again)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("given twice"));
    run.left_nothing();
}

#[test]
fn damaged_rails_are_a_failure_of_a_search_and_missing_ones_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let rails = folder.path().join("rails.geojson");
    let search = |code: i32| {
        let mut command = railwatch();
        command.args(["search", "--source"]).arg(folder.path()).arg("--rails").arg(&rails);
        command.assert().code(code);
    };
    search(2);
    std::fs::write(&rails, r#"{"type": "FeatureColl"#).unwrap();
    search(1);
}

#[cfg(unix)]
#[test]
fn a_configuration_whose_name_is_not_utf_8_is_used() {
    use std::os::unix::ffi::OsStrExt as _;
    let run = Run::new();
    let config = run.out.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.toml"));
    std::fs::write(&config, "buffer_m = 100").unwrap();
    run.command().arg("--config").arg(&config).assert().success();
    let arguments = record(&run.out.path().join("out"))["findings"]["arguments"].to_string();
    assert!(arguments.contains("caf\u{fffd}.toml"), "{arguments}");
}
