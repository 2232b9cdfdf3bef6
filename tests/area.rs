//! `railwatch detect --area` as a user meets it: what is new is found where it is, hidden ground says nothing, the asked rate holds.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use assert_cmd::Command;
use ndarray::{Array2, Array3, Axis, s};
use predicates::prelude::*;
use railwatch::grid::{Affine, Grid};
use railwatch::io::{SceneOptions, crs_from_epsg, open_scene, read_raster, write_scene};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// Not a multiple of any block.
const SHAPE: (usize, usize) = (700, 1300);
const BANDS: [&str; 4] = ["B02", "B03", "B04", "B08"];

/// Fields of many sizes in four bands, and noise of its own for every date.
struct Ground {
    soft: [Array2<f32>; 2],
}

fn blurred(plane: &Array2<f32>, reach: usize) -> Array2<f32> {
    let along = |p: &Array2<f32>| {
        let n = p.ncols();
        Array2::from_shape_fn(p.dim(), |(r, c)| {
            let part = p.slice(s![r, c.saturating_sub(reach)..(c + reach + 1).min(n)]);
            part.sum() / part.len() as f32
        })
    };
    let turned = along(plane).reversed_axes().as_standard_layout().into_owned();
    along(&turned).reversed_axes().as_standard_layout().into_owned()
}

impl Ground {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut plane = |reach, height: f32| {
            let noise = Array2::from_shape_fn(SHAPE, |_| rng.random::<f32>() - 0.5);
            let soft = blurred(&blurred(&noise, reach), reach);
            let sd = (soft.iter().map(|v| v * v).sum::<f32>() / soft.len() as f32).sqrt();
            soft.mapv(|v| v * height / sd)
        };
        Self { soft: [plane(2, 0.02), plane(9, 0.03)] }
    }

    /// A date of the ground with `extra` reflectance on it.
    fn date(&self, seed: u64, extra: &Array2<f32>) -> Array3<u16> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Array3::from_shape_fn((4, SHAPE.0, SHAPE.1), |(b, r, c)| {
            let noise: f32 = (0..6).map(|_| rng.random::<f32>() - 0.5).sum::<f32>() * 0.006;
            let k = b as f32;
            let value = 0.12 + (1.0 - 0.2 * k) * self.soft[0][(r, c)] + 0.4 * k * self.soft[1][(r, c)];
            ((value + noise + extra[(r, c)]) * 10_000.0).clamp(1.0, 65_534.0) as u16
        })
    }
}

struct Case {
    dir: TempDir,
}

impl Case {
    fn new(before: &Array3<u16>, after: &Array3<u16>) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        let affine = Affine::from_gdal([400_000.0, 10.0, 0.0, 5_800_000.0, 0.0, -10.0]).unwrap();
        let grid = Grid { crs: crs_from_epsg(32_633).unwrap(), affine, shape: SHAPE };
        write_scene(&case.at("before.tif"), &grid, before, &BANDS, &[]).unwrap();
        write_scene(&case.at("after.tif"), &grid, after, &BANDS, &[]).unwrap();
        case
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, threads: &str) -> Command {
        let mut command = Command::cargo_bin("railwatch").unwrap();
        command.args(["detect", "--area", "--threads", threads, "--baseline"]).arg(self.at("before.tif"));
        command.arg("--target").arg(self.at("after.tif")).arg("--out").arg(self.at("out"));
        command
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.at("out").join(name)).unwrap()).unwrap()
    }
}

/// A bar over the seam of two blocks and strips, and a compact one.
fn implants() -> Array2<f32> {
    let mut extra = Array2::zeros(SHAPE);
    extra.slice_mut(s![508..516, 1000..1060]).fill(0.08);
    extra.slice_mut(s![100..104, 200..206]).fill(0.08);
    extra
}

#[test]
fn what_is_new_is_found_once_where_it_is_with_its_area() {
    let ground = Ground::new();
    let case = Case::new(&ground.date(1, &Array2::zeros(SHAPE)), &ground.date(2, &implants()));
    case.command("2").assert().success().stderr(predicate::str::contains("objects: "));
    let features = case.json("objects.geojson")["features"].as_array().unwrap().clone();
    let areas: Vec<f64> =
        features.iter().take(2).map(|f| f["properties"]["area_m2"].as_f64().unwrap()).collect();
    assert!(areas.iter().any(|a| (a - 48_000.0).abs() < 5_000.0), "{areas:?}");
    assert!(areas.iter().any(|a| (a - 2_400.0).abs() < 700.0), "{areas:?}");
    for f in features.iter().take(2) {
        assert_eq!(f["properties"]["change"], "appeared");
        assert_eq!(f["properties"]["appearance"], "bright");
    }
    assert!(features.len() < 6, "{} objects", features.len());
    let run = case.json("run.json");
    assert_eq!(run["object_count"], features.len());
    assert!(run["registration"][0]["shift_row_px"].as_f64().unwrap().abs() < 0.05);
    let map = open_scene(case.at("out/change.tif").to_str().unwrap(), &SceneOptions::default()).unwrap();
    let map = read_raster(&map, map.grid.window(), &[0]).unwrap();
    assert!(map.values[(0, 102, 203)] > 3.0 * map.values[(0, 300, 300)]);

    let again = std::fs::read(case.at("out/objects.geojson")).unwrap();
    case.command("1").arg("--quiet").assert().success();
    assert_eq!(again, std::fs::read(case.at("out/objects.geojson")).unwrap());
}

#[test]
fn two_dates_of_one_ground_give_about_the_false_objects_that_were_asked_for() {
    let ground = Ground::new();
    let none = Array2::zeros(SHAPE);
    let case = Case::new(&ground.date(3, &none), &ground.date(4, &none));
    case.command("2").args(["--false-alarms", "40", "--no-register", "--quiet"]).assert().success();
    let run = case.json("run.json");
    let asked = run["null"]["false_alarms_expected"].as_f64().unwrap();
    assert!((asked - 0.4 * 91.0).abs() < 1.0, "{asked}");
    // Noise of this kind has a lighter tail than the null allows for: fewer, not more.
    assert!((run["object_count"].as_f64().unwrap()) < 1.3 * asked + 3.0, "{}", run["object_count"]);
}

#[test]
fn ground_without_data_says_nothing_and_the_rest_still_does() {
    let ground = Ground::new();
    let mut after = ground.date(6, &implants());
    after.slice_mut(s![.., 400.., ..]).fill(0);
    let case = Case::new(&ground.date(5, &Array2::zeros(SHAPE)), &after);
    // An older run along rails is in the folder.
    std::fs::create_dir(case.at("out")).unwrap();
    for name in ["detections.geojson", "report.html", "report.png", "report-2.png"] {
        std::fs::write(case.at("out").join(name), "{}").unwrap();
    }
    std::fs::write(case.at("out/run.json"), r#"{"findings": {}, "panels": []}"#).unwrap();
    case.command("2").args(["--no-register", "--quiet", "--fail-on-detect"]).assert().code(3);
    assert_eq!(std::fs::read_dir(case.at("out")).unwrap().count(), 3, "only the files of this run");
    let map = open_scene(case.at("out/change.tif").to_str().unwrap(), &SceneOptions::default()).unwrap();
    let map = read_raster(&map, map.grid.window(), &[0]).unwrap();
    assert!(!map.validity[(600, 600)].is_empty() && map.validity[(200, 200)].is_empty());
    assert_eq!(case.json("run.json")["area_km2"], 52.0);
}

#[test]
fn a_scene_whose_rows_run_northwards_is_seen_whole() {
    let ground = Ground::new();
    let none = Array2::zeros(SHAPE);
    let tall = |seeds: [u64; 2]| {
        let halves = seeds.map(|seed| ground.date(seed, &none));
        ndarray::concatenate(Axis(1), &halves.each_ref().map(|half| half.view())).unwrap()
    };
    let case = Case::new(&ground.date(7, &none), &ground.date(8, &none));
    let northwards = |north_m: f64, step_m: f64| {
        let affine = Affine::from_gdal([400_000.0, 10.0, 0.0, north_m, 0.0, step_m]).unwrap();
        Grid { crs: crs_from_epsg(32_633).unwrap(), affine, shape: (2 * SHAPE.0, SHAPE.1) }
    };
    let mut after = tall([9, 10]);
    after.invert_axis(Axis(1));
    let after = after.as_standard_layout().into_owned();
    write_scene(&case.at("before.tif"), &northwards(5_814_000.0, -10.0), &tall([7, 8]), &BANDS, &[]).unwrap();
    write_scene(&case.at("after.tif"), &northwards(5_800_000.0, 10.0), &after, &BANDS, &[]).unwrap();
    case.command("2").args(["--no-register", "--quiet"]).assert().success();
    assert_eq!(case.json("run.json")["area_km2"], 182.0);
}

#[test]
fn what_makes_no_sense_without_rails_is_refused_and_a_dry_run_writes_nothing() {
    let ground = Ground::new();
    let none = Array2::zeros(SHAPE);
    let case = Case::new(&ground.date(1, &none), &ground.date(2, &none));
    case.command("1").args(["--buffer-m", "100"]).assert().code(2);
    let config = case.at("c.toml");
    std::fs::write(&config, "rails = \"rails.geojson\"\n").unwrap();
    case.command("1")
        .arg("--config")
        .arg(&config)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--area"));
    std::fs::write(&config, "[change]\nmethod = \"t-test\"\n").unwrap();
    let said = predicate::str::contains("radar power");
    case.command("1").arg("--dry-run").arg("--config").arg(&config).assert().code(2).stderr(said);
    case.command("1").arg("--dry-run").assert().success().stderr(predicate::str::contains("shift measured"));
    assert!(!case.at("out").exists());
}
