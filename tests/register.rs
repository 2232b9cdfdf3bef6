//! `railwatch register` as a user meets it: known shifts come back, outputs are whole, and what cannot be trusted is refused.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use assert_cmd::Command;
use ndarray::{Array3, Axis};
use predicates::prelude::*;
use railwatch::grid::{Affine, Grid};
use railwatch::io::{CogInput, SceneOptions, crs_from_epsg, open_scene, read_raster, write_cog, write_scene};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SIDE: usize = 480;

/// Soft spots and where they are, known at every fraction of a pixel.
struct Texture(Vec<[f64; 4]>);

impl Texture {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let reach = SIDE as f64 + 80.0;
        let mut at = || rng.random::<f64>();
        Self(
            (0..26_000).map(|_| [at() * reach - 40.0, at() * reach - 40.0, at() - 0.5, 1.2 + at()]).collect(),
        )
    }

    /// The scene with every spot moved by `by(row, col)`, sampled every `step` px from `first`.
    fn scene(&self, by: impl Fn(f64, f64) -> (f64, f64), step: f64, first: (f64, f64)) -> Array3<u16> {
        let side = (SIDE as f64 / step) as usize;
        let mut sum = Array3::<f64>::from_elem((2, side, side), 2000.0);
        for &[row, col, height, radius] in &self.0 {
            let d = by(row, col);
            let (r0, c0) = ((row + d.0 - first.0) / step, (col + d.1 - first.1) / step);
            let reach = 5.0 * radius / step;
            let low = |v: f64| (v - reach).max(0.0) as usize;
            let high = |v: f64| (v + reach).clamp(0.0, side as f64) as usize;
            for r in low(r0)..high(r0) {
                for c in low(c0)..high(c0) {
                    let q = ((r as f64 - r0).powi(2) + (c as f64 - c0).powi(2)) * step * step
                        / (2.0 * radius * radius);
                    sum[(0, r, c)] += 1200.0 * height * (-q).exp();
                    sum[(1, r, c)] += 300.0 * height * (-q).exp();
                }
            }
        }
        sum.mapv(|v| v.round().clamp(1.0, 65_534.0) as u16)
    }
}

fn grid(epsg: u32, x: f64, y: f64, step: f64) -> Grid {
    let side = (SIDE as f64 * 10.0 / step) as usize;
    let affine = Affine::from_gdal([x, step, 0.0, y, 0.0, -step]).unwrap();
    Grid { crs: crs_from_epsg(epsg).unwrap(), affine, shape: (side, side) }
}

struct Case {
    dir: TempDir,
}

impl Case {
    fn new(moving: &Array3<u16>, moving_grid: &Grid) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        let reference = Texture::new(5).scene(|_, _| (0.0, 0.0), 1.0, (0.0, 0.0));
        let home = grid(32_633, 400_000.0, 5_800_000.0, 10.0);
        write_scene(&case.at("reference.tif"), &home, &reference, &["B04", "B08"], &[]).unwrap();
        write_scene(&case.at("moving.tif"), moving_grid, moving, &["B04", "B08"], &[]).unwrap();
        case
    }

    /// The moving scene on the reference's own grid, with `d` to be found.
    fn shifted(d: impl Fn(f64, f64) -> (f64, f64)) -> Self {
        let moving = Texture::new(5).scene(|r, c| (-d(r, c).0, -d(r, c).1), 1.0, (0.0, 0.0));
        Self::new(&moving, &grid(32_633, 400_000.0, 5_800_000.0, 10.0))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, out: &str) -> Command {
        let mut command = Command::cargo_bin("railwatch").unwrap();
        command.current_dir(self.dir.path());
        command.args(["register", "--reference", "reference.tif", "--moving", "moving.tif", "--out", out]);
        command
    }

    fn report(&self, name: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.at(name)).unwrap()).unwrap()
    }

    fn refused(&self, message: &str) {
        self.command("out.tif").assert().code(1).stderr(predicate::str::contains(message));
        let left: Vec<_> =
            std::fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "left behind: {left:?}");
    }
}

fn shift(report: &Value) -> (f64, f64) {
    let at = |key: &str| report["registration"][key].as_f64().unwrap();
    (at("shift_row_px"), at("shift_col_px"))
}

fn off(report: &Value, truth: (f64, f64)) -> f64 {
    let found = shift(report);
    (found.0 - truth.0).hypot(found.1 - truth.1)
}

fn pixels(path: &Path) -> Array3<f32> {
    let scene = open_scene(path.to_str().unwrap(), &SceneOptions::default()).unwrap();
    read_raster(&scene, scene.grid.window(), &[0, 1]).unwrap().values
}

#[test]
fn a_constant_shift_is_found_and_undone() {
    for truth in [(-0.62, 0.37), (47.3, -38.6)] {
        let case = Case::shifted(|_, _| truth);
        case.command("out.tif").assert().success().stderr(predicate::str::contains("as translation"));
        let report = case.report("out.json");
        assert!(off(&report, truth) < 0.008, "{truth:?}: {:?}", shift(&report));
        assert_eq!(report["registration"]["model"], "translation");
        assert!(report["registration"]["field_rmse_px"].as_f64().unwrap() < 0.01);
        let (reference, out) = (pixels(&case.at("reference.tif")), pixels(&case.at("out.tif")));
        let part = ndarray::s![.., 70..SIDE - 70, 70..SIDE - 70];
        let worst =
            (&reference.slice(part) - &out.slice(part)).mapv(f32::abs).fold(0.0_f32, |a, b| a.max(*b));
        assert!(worst < 0.003, "off by {worst} in reflectance of about 0.2");
        for name in ["out.png", "out.tie_points.geojson"] {
            assert!(std::fs::metadata(case.at(name)).unwrap().len() > 1000, "{name}");
        }
        let points: Value = case.report("out.tie_points.geojson");
        assert!(points["features"].as_array().unwrap().len() > 20);
    }
}

#[test]
fn tie_points_are_a_geopackage_where_asked() {
    use gdal::vector::LayerAccess;
    let case = Case::shifted(|_, _| (0.4, -0.3));
    let points = case.at("points.gpkg");
    case.command("out.tif").arg("--tie-points").arg(&points).assert().success();
    assert!(!case.at("out.tie_points.geojson").exists());
    let dataset = gdal::Dataset::open(&points).unwrap();
    let mut layer = dataset.layer_by_name("tie_points").unwrap();
    let told = case.report("out.json")["registration"]["tie_point_count"].as_u64().unwrap();
    let reference = open_scene(case.at("reference.tif").to_str().unwrap(), &SceneOptions::default()).unwrap();
    let mut used = 0;
    for feature in layer.features() {
        let number =
            |name: &str| feature.field_as_double(feature.field_index(name).unwrap()).unwrap().unwrap();
        let (x, y, _) = feature.geometry().unwrap().get_point(0);
        let (row, col) = reference.grid.row_col(x, y);
        assert!((row - number("row")).abs() < 0.01 && (col - number("col")).abs() < 0.01);
        if feature.field_as_integer(feature.field_index("used").unwrap()).unwrap() == Some(1) {
            assert!((number("shift_row_px") - 0.4).abs() < 0.1 && (number("shift_col_px") + 0.3).abs() < 0.1);
            used += 1;
        }
    }
    assert_eq!(used, told);
    case.command("again.tif").arg("--tie-points").arg(&points).arg("--dry-run").assert().code(2);
}

#[test]
fn radar_is_matched_through_its_speckle() {
    let truth = (1.7, -2.4);
    let case = Case::shifted(|_, _| truth);
    let speckle = Gamma::new(4.4, 1.0 / 4.4).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for name in ["reference.tif", "moving.tif"] {
        let path = case.at(name);
        let texture = pixels(&path);
        let mut power = |band: usize, level_db: f32| {
            let mut of = |v: &f32| {
                10f32.powf((level_db + 60.0 * (v - 0.2)) / 10.0)
                    * Distribution::<f64>::sample(&speckle, &mut rng) as f32
            };
            texture.index_axis(Axis(0), band).map(&mut of)
        };
        let bands = vec![("VV".to_owned(), power(0, -10.0)), ("VH".to_owned(), power(1, -17.0))];
        let grid = grid(32_633, 400_000.0, 5_800_000.0, 10.0);
        let input = CogInput { grid: &grid, bands, nodata: None, tags: Vec::new(), overviews: false };
        write_cog(&path, &input).unwrap();
    }
    case.command("out.tif").assert().success();
    let report = case.report("out.json");
    assert!(off(&report, truth) < 0.1, "{:?}", shift(&report));
}

#[test]
fn a_smooth_field_is_found() {
    let field =
        |r: f64, c: f64| (1.2 * (r / 90.0).sin() + 0.4 * (c / 110.0).cos(), 1.0 * (c / 100.0 + 0.5).sin());
    let case = Case::shifted(field);
    case.command("out.tif")
        .args(["--window-px", "32"])
        .assert()
        .success()
        .stderr(predicate::str::contains("as field"));
    let (reference, out) = (pixels(&case.at("reference.tif")), pixels(&case.at("out.tif")));
    let part = ndarray::s![.., 40..SIDE - 40, 40..SIDE - 40];
    let rms = |a: Array3<f32>| (a.mapv(|v| v * v).mean().unwrap()).sqrt();
    let raw = rms(&reference.slice(part) - &pixels(&case.at("moving.tif")).slice(part));
    let left = rms(&reference.slice(part) - &out.slice(part));
    assert!(left < 0.06 * raw, "{raw} before, {left} after");
}

#[test]
fn other_grids_resolutions_and_systems_are_taken_in_one_go() {
    let still = |_: f64, _: f64| (0.0, 0.0);
    // Half a pixel and three pixels aside: nothing moved on the ground.
    let aside = Texture::new(5).scene(still, 1.0, (2.5, -3.0));
    let case = Case::new(&aside, &grid(32_633, 400_000.0 - 30.0, 5_800_000.0 - 25.0, 10.0));
    case.command("out.tif").assert().success();
    assert!(off(&case.report("out.json"), (0.0, 0.0)) < 0.008, "{:?}", shift(&case.report("out.json")));
    // Pixels of 20 m, whose centres lie half a fine pixel on.
    let coarse = Texture::new(5).scene(|_, _| (-0.5, 0.75), 2.0, (0.5, 0.5));
    let case = Case::new(&coarse, &grid(32_633, 400_000.0, 5_800_000.0, 20.0));
    case.command("out.tif").assert().success();
    assert!(off(&case.report("out.json"), (0.5, -0.75)) < 0.05, "{:?}", shift(&case.report("out.json")));
    assert_eq!(pixels(&case.at("out.tif")).dim(), (2, SIDE, SIDE));
}

#[test]
fn a_virtual_raster_corrects_the_georeference_and_nothing_else() {
    let case = Case::shifted(|_, _| (1.3, -2.4));
    case.command("out.vrt").assert().success();
    let moved = open_scene(case.at("out.vrt").to_str().unwrap(), &SceneOptions::default()).unwrap();
    let (x, y) = moved.grid.xy(0.0, 0.0);
    let (row, col) = grid(32_633, 400_000.0, 5_800_000.0, 10.0).row_col(x, y);
    assert!((row - 1.3).hypot(col + 2.4) < 0.008, "{row} {col}");
    assert_eq!(pixels(&case.at("out.vrt")), pixels(&case.at("moving.tif")));
    let case = Case::shifted(|r, _| (0.004 * r, 0.0));
    case.command("out.vrt").args(["--model", "field", "--window-px", "32"]).assert().success();
    assert!(std::fs::read_to_string(case.at("out.vrt")).unwrap().contains("<GCP Id=\"1\""));
}

#[test]
fn measuring_alone_writes_nothing_and_threads_change_nothing() {
    let case = Case::shifted(|_, _| (0.2, 0.3));
    let dry = case.command("out.tif").args(["--dry-run", "--json"]).assert().success();
    let report: Value = serde_json::from_slice(&dry.get_output().stdout).unwrap();
    assert!(off(&report, (0.2, 0.3)) < 0.008);
    assert!(!case.at("out.tif").exists() && !case.at("out.json").exists());
    case.command("one.tif").args(["--threads", "1"]).assert().success();
    case.command("three.tif").args(["--threads", "3"]).assert().success();
    assert_eq!(pixels(&case.at("one.tif")), pixels(&case.at("three.tif")));
    assert_eq!(case.report("one.json")["field"], case.report("three.json")["field"]);
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let home = grid(32_633, 400_000.0, 5_800_000.0, 10.0);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let sea = Array3::from_shape_simple_fn((2, SIDE, SIDE), || 300 + (rng.random::<f64>() * 20.0) as u16);
    Case::new(&sea, &home).refused("tie points agree");
    Case::new(&Array3::from_elem((2, SIDE, SIDE), 9000), &home).refused("no texture");
    Case::new(&Array3::from_elem((2, SIDE, SIDE), 0), &home).refused("shows ground in both scenes");
    let elsewhere = Texture::new(6).scene(|_, _| (0.0, 0.0), 1.0, (0.0, 0.0));
    Case::new(&elsewhere, &home).refused("tie points agree");
    let far = grid(32_633, 600_000.0, 5_800_000.0, 10.0);
    Case::new(&elsewhere, &far).refused("no ground in common");
}

/// One band of each scene, by names, of the spots at one place seen from another.
fn two_bands(names: [&str; 2], second: impl Fn(f64) -> f64) -> Case {
    let spots = Texture::new(5);
    let home = grid(32_633, 400_000.0, 5_800_000.0, 10.0);
    let case = Case::new(&spots.scene(|_, _| (0.6, -0.4), 1.0, (0.0, 0.0)), &home);
    let one = |of: Array3<u16>| of.slice_move(ndarray::s![0..1, .., ..]);
    let reference = one(spots.scene(|_, _| (0.0, 0.0), 1.0, (0.0, 0.0)));
    let moving = one(spots.scene(|_, _| (0.6, -0.4), 1.0, (0.0, 0.0)));
    let moving = moving.mapv(|v| second(f64::from(v)).round() as u16);
    write_scene(&case.at("reference.tif"), &home, &reference, &names[..1], &[]).unwrap();
    write_scene(&case.at("moving.tif"), &home, &moving, &names[1..], &[]).unwrap();
    case
}

#[test]
fn bands_that_differ_are_matched_by_their_edges_or_refused() {
    // Infrared is dark where blue is bright, everywhere or by halves.
    for second in [|v: f64| 6000.0 - v, |v: f64| 1000.0 + (v - 2000.0).abs()] {
        let case = two_bands(["B02", "B08"], second);
        let told = case.command("out.tif").assert();
        let told = told.get_output();
        if told.status.success() {
            let report = case.report("out.json");
            let sigma = report["registration"]["field_rmse_px"].as_f64().unwrap();
            assert!(off(&report, (-0.6, 0.4)) < 3.0 * sigma + 0.01, "{:?} told {sigma}", shift(&report));
            assert!(String::from_utf8_lossy(&told.stderr).contains("no band in common"));
        }
    }
    let case = two_bands(["B02", "B08"], |v| 6000.0 - v);
    case.command("out.tif").assert().success();
    assert!(off(&case.report("out.json"), (-0.6, 0.4)) < 0.02, "{:?}", shift(&case.report("out.json")));
}

/// Sea under clouds that have drifted, and land on it: near infrared, red.
fn sea(land: bool, drift: (f64, f64)) -> Case {
    let clouds = Texture::new(11);
    let ground = Texture::new(12);
    let scene = |by: (f64, f64), of: (f64, f64)| {
        let white = clouds.scene(|_, _| by, 1.0, (0.0, 0.0));
        let spots = ground.scene(|_, _| of, 1.0, (0.0, 0.0));
        Array3::from_shape_fn((2, SIDE, SIDE), |(band, r, c)| {
            let cloud = 3.0 * (f64::from(white[(0, r, c)]) - 2200.0).max(0.0);
            let island = land && (r / 160 + c / 160) % 2 == 0;
            let dark =
                if band == 0 { 300.0 } else { 150.0 } + ((r * (7 + by.0 as usize) + c * 13) % 11) as f64;
            let under = if island { f64::from(spots[(1 - band, r, c)]) } else { dark };
            // Over the islands the sky is clear.
            (under + if island { 0.0 } else { cloud }).round() as u16
        })
    };
    let home = grid(32_633, 400_000.0, 5_800_000.0, 10.0);
    let case = Case::new(&scene(drift, (0.3, -0.2)), &home);
    write_scene(&case.at("reference.tif"), &home, &scene((0.0, 0.0), (0.0, 0.0)), &["B04", "B08"], &[])
        .unwrap();
    case
}

#[test]
fn clouds_that_drift_over_the_sea_give_no_shift_and_islands_do() {
    for drift in [(2.3, -1.6), (9.4, 12.7)] {
        let case = sea(false, drift);
        case.command("out.tif").assert().code(1);
        let case = sea(true, drift);
        case.command("out.tif").assert().success();
        assert!(off(&case.report("out.json"), (-0.3, 0.2)) < 0.1, "{:?}", shift(&case.report("out.json")));
    }
}

#[test]
fn no_output_replaces_an_input_or_another_output() {
    let case = Case::shifted(|_, _| (0.2, 0.3));
    let sums = || ["reference.tif", "moving.tif"].map(|name| std::fs::read(case.at(name)).unwrap());
    let before = sums();
    std::fs::create_dir(case.at("taken.png")).unwrap();
    for (out, why) in [
        ("moving.tif", "it is an input"),
        ("./reference.tif", "it is an input"),
        ("out.png", "is a GeoTIFF"),
        ("out.jp2", "is a GeoTIFF"),
        ("out", "is a GeoTIFF"),
        ("taken.tif", "a folder is there"),
    ] {
        case.command(out).assert().code(2).stderr(predicate::str::contains(why));
        assert!(before == sums(), "{out}");
        assert_eq!(std::fs::read_dir(case.dir.path()).unwrap().count(), 3, "{out}");
    }
}

#[test]
fn hostile_input_is_told_and_leaves_nothing() {
    let case = Case::shifted(|_, _| (0.2, 0.3));
    let usage = |arguments: &[&str], message: &str| {
        let mut command = Command::cargo_bin("railwatch").unwrap();
        command.current_dir(case.dir.path()).arg("register").args(arguments);
        command.assert().code(2).stderr(predicate::str::contains(message));
    };
    usage(&["--reference", "moving.tif", "--moving", "moving.tif", "--dry-run"], "given twice");
    usage(&["--reference", "./moving.tif", "--moving", "moving.tif", "--dry-run"], "given twice");
    let scenes = ["--reference", "reference.tif", "--moving", "moving.tif", "--dry-run"];
    usage(&[&scenes[..], &["--max-shift-px", "nan"]].concat(), "largest_shift_px");
    usage(&[&scenes[..], &["--window-px", "1"]].concat(), "window_px");
    usage(&[&scenes[..], &["--bands", "B99"]].concat(), "B99");
    usage(&["--reference", "reference.tif", "--moving", "moving.tif"], "--out");
    case.command("out.tif")
        .args(["--match-band", "B99"])
        .assert()
        .failure()
        .stderr(predicate::str::contains("B99"));
    case.command("out.tif")
        .args(["--window-px", "4"])
        .assert()
        .failure()
        .stderr(predicate::str::contains("window_px"));
    let bytes = std::fs::read(case.at("moving.tif")).unwrap();
    std::fs::write(case.at("moving.tif"), &bytes[..bytes.len() / 2]).unwrap();
    case.command("out.tif").assert().code(1).stderr(predicate::str::contains("moving.tif"));
    assert!(!case.at("out.tif").exists());
}
