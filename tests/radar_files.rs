//! Radar as a user meets it: simulated stacks found and scored, and every way in which scenes do not fit together.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod support;

use railwatch::io::{self, CogInput, SceneOptions, open_scene, read_raster};
use railwatch::raster::Raster;
use railwatch::scene::{Backscatter, Pass, Storage};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use support::{railwatch, record};
use tempfile::TempDir;

const RAILS: &str = "samples/tumangang_khasan_rails.geojson";
const DATES: [&str; 5] = ["2022-08-16", "2022-08-28", "2022-09-09", "2022-09-21", "2022-10-03"];

/// Five dates of one orbit with four bright trains, made once.
fn stack() -> &'static Path {
    static STACK: OnceLock<TempDir> = OnceLock::new();
    STACK
        .get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            let times: Vec<String> = DATES.iter().map(|d| format!("\"{d}T21:49:00Z\"")).collect();
            let config = dir.path().join("simulate.toml");
            let text = format!(
                "datetimes = [{}]\n[trains]\ncontrasts_db = [8.0]\nappeared_count = 3\ndeparted_count = 1\n",
                times.join(", ")
            );
            std::fs::write(&config, text).unwrap();
            railwatch()
                .args(["simulate", "--sensor", "radar", "--rails", RAILS, "--seed", "5", "--margin-m", "400"])
                .arg("--config")
                .arg(&config)
                .arg("--out")
                .arg(dir.path().join("s1"))
                .assert()
                .success();
            dir
        })
        .path()
}

fn scene(name: &str) -> PathBuf {
    stack().join("s1").join(name)
}

fn pixels(path: &Path) -> Raster {
    let scene = open_scene(&path.display().to_string(), &SceneOptions::default()).unwrap();
    let bands: Vec<usize> = (0..scene.bands.len()).collect();
    read_raster(&scene, scene.grid.window(), &bands).unwrap()
}

/// What another scene of the place says of itself.
struct Told<'a> {
    file: &'a str,
    date: &'a str,
    orbit: u16,
    bands: &'a [&'a str],
    units: &'a str,
}

impl Default for Told<'_> {
    fn default() -> Self {
        Self { file: "scene.tif", date: DATES[3], orbit: 54, bands: &["VV", "VH"], units: "linear" }
    }
}

/// Writes a scene with the pixels of the newest baseline, changed by `value`.
fn write(folder: &Path, told: &Told<'_>, value: impl Fn(f32) -> f32) -> PathBuf {
    let raster = pixels(&scene("baseline_4.tif"));
    let planes = raster.values.outer_iter().zip(["VV", "VH"]).filter(|(_, name)| told.bands.contains(name));
    let bands = planes.map(|(plane, name)| (name.to_owned(), plane.mapv(&value))).collect();
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let tags = vec![
        tag("TIFFTAG_DATETIME", &format!("{} 21:49:00", told.date.replace('-', ":"))),
        tag("PLATFORM", "simulated"),
        tag("MODE", "IW"),
        tag("ORBIT_PASS_DIRECTION", "descending"),
        tag("RELATIVE_ORBIT", &told.orbit.to_string()),
        tag("UNITS", told.units),
        tag("BACKSCATTER", "gamma0"),
    ];
    let path = folder.join(told.file);
    let nodata = (told.units == "linear").then_some(0.0);
    io::write_cog(&path, &CogInput { grid: &raster.grid, bands, nodata, tags, overviews: false }).unwrap();
    path
}

fn detect(baselines: &[PathBuf], target: &Path, out: &Path) -> assert_cmd::Command {
    let mut command = railwatch();
    command.arg("detect").arg("--baseline").args(baselines).arg("--target").arg(target);
    command.arg("--rails").arg(scene("rails.geojson")).arg("--out").arg(out);
    command
}

fn baselines() -> Vec<PathBuf> {
    (1..=4).map(|k| scene(&format!("baseline_{k}.tif"))).collect()
}

/// Fails with the code, says all of `words`, and leaves nothing behind.
fn fails(mut command: assert_cmd::Command, code: i32, words: &[&str], out: &Path) {
    let output = command.assert().code(code);
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(words.iter().all(|w| said.contains(w)), "{said}");
    assert!(!out.join("detections.geojson").exists());
}

#[test]
fn simulated_trains_are_found_and_scored() {
    let out = stack().join("run");
    detect(&baselines(), &scene("target.tif"), &out).arg("--false-alarms").arg("50").assert().success();
    let run = record(&out);
    assert_eq!(run["findings"]["simulated"], json!(true));
    for card in run["registration"].as_array().unwrap() {
        // Orbits place simulated scenes exactly: whatever is measured is noise, and said to be.
        assert_eq!(card["accepted"].as_bool().unwrap(), card["note"].is_null(), "{card}");
        let moved = card["shift_row_px"].as_f64().unwrap().hypot(card["shift_col_px"].as_f64().unwrap());
        assert!(
            moved > 0.0 || card["note"].as_str().unwrap().contains("the orbits place the scenes"),
            "{card}"
        );
    }
    let score = stack().join("score");
    railwatch()
        .args(["evaluate", "--references"])
        .arg(&out)
        .arg("--truth")
        .arg(scene("truth.geojson"))
        .arg("--out")
        .arg(&score)
        .assert()
        .success();
    let told: Value =
        serde_json::from_str(&std::fs::read_to_string(score.join("evaluation.json")).unwrap()).unwrap();
    let plain = &told["references"][2];
    assert_eq!(plain["reference"], "plain_difference");
    // Power is below one, its largest changes are many decibels.
    assert!(plain["curve"][0]["score"].as_f64().unwrap() > 5.0, "{}", plain["curve"][0]);
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(scene("truth.geojson")).unwrap()).unwrap();
    let truth = truth["features"].as_array().unwrap();
    assert!(truth.iter().all(|f| f["properties"]["cargo"] == "wagons +8 dB"), "{truth:?}");
    let found: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("detections.geojson")).unwrap()).unwrap();
    let features = found["features"].as_array().unwrap();
    for train in truth.iter().filter(|f| f["properties"]["change"] == "appeared") {
        let of = |f: &Value, key: &str| f["properties"][key].as_f64().unwrap();
        let hit = |f: &&Value| {
            f["properties"]["change"] == "appeared"
                && f["properties"]["track_id"] == train["properties"]["track_id"]
                && of(f, "chainage_start_m") < of(train, "chainage_end_m")
                && of(f, "chainage_end_m") > of(train, "chainage_start_m")
        };
        let hits: Vec<&Value> = features.iter().filter(hit).collect();
        assert!(!hits.is_empty(), "missed: {}", train["properties"]);
        assert!(hits[0]["properties"]["contrast"]["VV"].as_f64().unwrap() > 2.0, "{}", hits[0]["properties"]);
    }
}

#[test]
fn trains_are_put_into_given_scenes_and_the_rest_stays() {
    let out = stack().join("into");
    railwatch()
        .args(["simulate", "--rails", RAILS, "--seed", "9", "--margin-m", "300", "--into"])
        .args([scene("baseline_1.tif"), scene("baseline_2.tif")])
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    let opened = open_scene(&out.join("target.tif").display().to_string(), &SceneOptions::default()).unwrap();
    let radar = opened.radar.as_ref().unwrap();
    assert_eq!((radar.relative_orbit, radar.pass), (Some(54), Some(Pass::Descending)));
    assert_eq!((radar.backscatter, &radar.storage), (Backscatter::Gamma0, &Storage::Linear));
    assert_eq!(opened.platform.as_deref(), Some("simulated"));
    let (before, after) = (pixels(&scene("baseline_2.tif")), pixels(&out.join("target.tif")));
    let mut brighter = 0;
    for ((b, row, col), &v) in after.values.indexed_iter() {
        let (x, y) = after.grid.xy(row as f64, col as f64);
        let (r, c) = before.grid.affine.row_col(x, y);
        let was = before.values[(b, r.round() as usize, c.round() as usize)];
        assert!(v >= was, "trains add power");
        brighter += usize::from(v > was);
    }
    let share = brighter as f64 / after.values.len() as f64;
    assert!(share > 0.001 && share < 0.1, "{share}");
}

#[test]
fn trains_never_replace_the_scenes_they_are_put_into() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["baseline_1.tif", "baseline_2.tif"] {
        std::fs::copy(scene(name), dir.path().join(name)).unwrap();
    }
    std::fs::rename(dir.path().join("baseline_2.tif"), dir.path().join("target.tif")).unwrap();
    let before = std::fs::read(dir.path().join("target.tif")).unwrap();
    let inputs = [dir.path().join("baseline_1.tif"), dir.path().join("target.tif")];
    let command = || {
        let mut command = railwatch();
        command.args(["simulate", "--rails", RAILS, "--margin-m", "300", "--into"]).args(&inputs);
        command
    };
    let message = predicates::str::contains("it is an input");
    command().arg("--out").arg(dir.path()).assert().code(2).stderr(message);
    assert_eq!(before, std::fs::read(dir.path().join("target.tif")).unwrap());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    // All or none: what stands in the way of the last file keeps the first from its name.
    let out = dir.path().join("out");
    std::fs::create_dir_all(out.join("truth.geojson")).unwrap();
    command().arg("--out").arg(&out).assert().code(2);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
}

#[test]
fn scenes_of_another_orbit_are_left_out_and_alone_they_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let odd = write(dir.path(), &Told { orbit: 127, date: "2022-09-22", ..Told::default() }, |v| v);
    let mut mixed = baselines();
    mixed.push(odd.clone());
    let out = dir.path().join("out");
    detect(&mixed, &scene("target.tif"), &out).assert().code(4);
    let skipped = record(&out)["skipped"].to_string();
    assert!(skipped.contains("relative orbit is 127, not 54"), "{skipped}");
    let out = dir.path().join("none");
    fails(detect(&[odd], &scene("target.tif"), &out), 1, &["relative orbit is 127, not 54"], &out);
}

#[test]
fn a_missing_polarisation_costs_that_scene_or_that_polarisation() {
    let dir = tempfile::tempdir().unwrap();
    let single = write(dir.path(), &Told { bands: &["VV"], ..Told::default() }, |v| v);
    let mut mixed = baselines();
    mixed[3].clone_from(&single);
    let out = dir.path().join("out");
    detect(&mixed, &scene("target.tif"), &out).assert().code(4);
    assert!(record(&out)["skipped"].to_string().contains("it has no VH"));
    // With nothing better one polarisation is used.
    let out = dir.path().join("single");
    detect(std::slice::from_ref(&single), &scene("target.tif"), &out).assert().success();
    assert_eq!(record(&out)["scenes"][0]["bands"], json!(["VV"]));
    let out = dir.path().join("asked");
    let mut command = detect(&[single], &scene("target.tif"), &out);
    command.args(["--bands", "VH"]);
    fails(command, 2, &["VH"], &out);
}

#[test]
fn a_scene_without_any_signal_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let target = write(dir.path(), &Told { date: "2022-10-03", ..Told::default() }, |_| 0.0);
    let out = dir.path().join("out");
    let output = detect(&baselines(), &target, &out).assert().failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("pixel") || said.contains("no "), "{said}");
    assert!(!out.join("detections.geojson").exists());
}

#[test]
fn decibels_and_power_are_verified_on_the_values() {
    let dir = tempfile::tempdir().unwrap();
    let options = SceneOptions::default();
    let db = |v: f32| 10.0 * v.log10();
    let wrong = write(dir.path(), &Told { file: "a_dB.tif", units: "dB", ..Told::default() }, |v| v);
    let error = open_scene(&wrong.display().to_string(), &options).unwrap_err().to_string();
    assert!(error.contains("said to hold decibels, but its numbers are linear power"), "{error}");
    let wrong = write(dir.path(), &Told { file: "b.tif", ..Told::default() }, db);
    let error = open_scene(&wrong.display().to_string(), &options).unwrap_err().to_string();
    assert!(error.contains("said to hold linear power, but its numbers are decibels"), "{error}");
    let silent = write(dir.path(), &Told { file: "c.tif", units: "unknown", ..Told::default() }, db);
    let opened = open_scene(&silent.display().to_string(), &options).unwrap();
    assert_eq!(opened.radar.as_ref().unwrap().storage, Storage::Decibel);
    let (power, as_power) = (pixels(&scene("baseline_4.tif")), pixels(&silent));
    for (a, b) in power.values.iter().zip(&as_power.values) {
        assert!((a / b - 1.0).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn a_stac_item_of_radar_tells_orbit_and_time() {
    let dir = tempfile::tempdir().unwrap();
    for band in ["VV", "VH"] {
        let file = format!("{}.tif", band.to_lowercase());
        write(dir.path(), &Told { file: &file, bands: &[band], orbit: 9, ..Told::default() }, |v| v);
    }
    let item = json!({
        "type": "Feature", "stac_version": "1.0.0", "id": "S1A_rtc", "collection": "sentinel-1-rtc", "links": [],
        "geometry": null,
        "properties": {
            "datetime": "2022-09-21T21:49:10Z", "platform": "SENTINEL-1A", "sar:instrument_mode": "IW",
            "sat:orbit_state": "descending", "sat:relative_orbit": 54, "sar:polarizations": ["VV", "VH"]
        },
        "assets": { "vh": { "href": "./vh.tif" }, "vv": { "href": "./vv.tif" } }
    });
    let path = dir.path().join("item.json");
    std::fs::write(&path, item.to_string()).unwrap();
    let scene = open_scene(&path.display().to_string(), &SceneOptions::default()).unwrap();
    let radar = scene.radar.as_ref().unwrap();
    assert_eq!(
        (radar.relative_orbit, radar.pass, radar.mode.as_deref()),
        (Some(54), Some(Pass::Descending), Some("IW"))
    );
    assert_eq!(radar.backscatter, Backscatter::Gamma0);
    assert_eq!(scene.platform.as_deref(), Some("Sentinel-1A"));
    assert_eq!(scene.datetime.unwrap().to_string(), "2022-09-21T21:49:10Z");
    let names: Vec<&str> = scene.bands.iter().map(|b| b.name.0.as_str()).collect();
    assert!(names.contains(&"VV") && names.contains(&"VH"), "{names:?}");
}

#[test]
fn tests_pixel_by_pixel_serve_yards_of_radar_only() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("yards.toml");
    for method in ["t-test", "omnibus"] {
        std::fs::write(&config, format!("[change]\nmethod = \"{method}\"\n")).unwrap();
        let out = dir.path().join(method);
        let mut command = detect(&baselines(), &scene("target.tif"), &out);
        command.arg("--config").arg(&config).assert().success();
        assert!(out.join("change.tif").is_file(), "{method} wrote no map");
    }
    let run = support::Run::new();
    let mut optical = run.command();
    optical.arg("--config").arg(&config);
    fails(optical, 2, &["is optical"], &run.out.path().join("out"));
}
