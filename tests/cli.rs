//! The program as a user meets it: good runs, and every kind of bad input with its exit code and message.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod support;

use assert_cmd::Command;
use predicates::prelude::*;
use support::{Run, opened, railwatch, record, scene_like_target};

#[test]
fn a_run_writes_every_output_and_finds_the_trains() {
    let run = Run::new();
    run.command().assert().success();
    let out = run.out.path().join("out");
    for name in ["detections.geojson", "report.png", "report.html", "change.tif", "run.json"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
    let record = record(&out);
    assert!(record["detection_count"].as_u64().unwrap() >= 1, "no train was found");
    assert!(record["tracks"][0]["detection_limit_m"].is_object());
    let again = run.command().arg("--fail-on-detect").arg("--json").assert().code(3);
    let printed: serde_json::Value = serde_json::from_slice(&again.get_output().stdout).unwrap();
    assert_eq!(printed["type"], "FeatureCollection");
}

#[test]
fn a_run_id_follows_contents_and_settings_and_no_places() {
    let here = Run::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = |path: &std::path::Path| {
        let to = elsewhere.path().join(path.file_name().unwrap());
        std::fs::copy(path, &to).unwrap();
        to
    };
    let mut there = Run::new();
    for path in [&mut there.baseline, &mut there.target, &mut there.rails] {
        *path = moved(path);
    }
    let id_of = |run: &Run, more: &[&str]| {
        run.command().args(more).assert().success();
        record(&run.out.path().join("out"))["findings"]["run_id"].as_str().unwrap().to_owned()
    };
    let id = id_of(&here, &[]);
    assert_eq!(id_of(&there, &[]), id);
    assert_ne!(id_of(&there, &["--min-length-m", "80"]), id);
    // The same scenes under other rails.
    let text = std::fs::read_to_string(&there.rails).unwrap() + "\n";
    std::fs::write(&there.rails, text).unwrap();
    assert_ne!(id_of(&there, &[]), id);
}

#[test]
fn a_dry_run_reads_and_writes_nothing() {
    let run = Run::new();
    run.command().arg("--dry-run").assert().success().stderr(predicate::str::contains("tracks"));
    assert!(!run.out.path().join("out").exists());
}

#[test]
fn unknown_times_and_bands_are_told_by_dry_runs_and_runs() {
    let mut run = Run::new();
    let bare = run.out.path().join("bare");
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    for path in [&mut run.baseline, &mut run.target] {
        let source = gdal::Dataset::open(&*path).unwrap();
        let to = bare.with_extension(if path.ends_with("target.tif") { "tif" } else { "tiff" });
        let (width, height) = source.raster_size();
        let mut copy = driver.create_with_band_type::<u16, _>(&to, width, height, 2).unwrap();
        copy.set_geo_transform(&source.geo_transform().unwrap()).unwrap();
        copy.set_projection(&source.projection()).unwrap();
        *path = to;
    }
    for arguments in [&["--dry-run"][..], &[]] {
        run.command().args(arguments).assert().stderr(
            predicate::str::contains("time unknown: name the file by its date")
                .and(predicate::str::contains("give --datetime"))
                .and(predicate::str::contains("such as --bands B02,B03")),
        );
    }
}

#[test]
fn trains_without_room_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "[trains]\nappeared_count = 60\n").unwrap();
    let mut command = railwatch();
    command.args(["simulate", "--rails", "samples/tumangang_khasan_rails.geojson", "--config"]).arg(&config);
    command.arg("--out").arg(folder.path().join("sim"));
    command.assert().success().stderr(predicate::str::contains("found no room along the tracks"));
}

#[test]
fn a_report_can_be_made_again() {
    let run = Run::new();
    run.command().assert().success();
    let out = run.out.path().join("out");
    let first = std::fs::read(out.join("report.html")).unwrap();
    std::fs::remove_file(out.join("report.html")).unwrap();
    std::fs::remove_file(out.join("report.png")).unwrap();
    railwatch().arg("report").arg(&out).assert().success();
    assert_eq!(first, std::fs::read(out.join("report.html")).unwrap());
    assert!(out.join("report.png").is_file());
}

#[test]
fn a_truncated_tiff_is_refused() {
    let mut run = Run::new();
    let bytes = std::fs::read(&run.target).unwrap();
    run.target = run.out.path().join("cut.tif");
    std::fs::write(&run.target, &bytes[..bytes.len() / 2]).unwrap();
    run.fails(1, "cut.tif");
}

#[test]
fn a_truncated_jpeg2000_is_refused() {
    let mut run = Run::new();
    let whole = run.out.path().join("whole.jp2");
    {
        let source = gdal::Dataset::open(&run.target).unwrap();
        let driver = gdal::DriverManager::get_driver_by_name("JP2OpenJPEG").unwrap();
        let options = gdal::raster::RasterCreationOptions::from_iter(["QUALITY=100", "REVERSIBLE=YES"]);
        source.create_copy(&driver, &whole, &options).unwrap();
    }
    let bytes = std::fs::read(&whole).unwrap();
    run.target = run.out.path().join("cut.jp2");
    std::fs::write(&run.target, &bytes[..bytes.len() / 3]).unwrap();
    let message = predicate::str::contains("cut.jp2");
    run.command().args(["--bands", "B02,B03,B04,B08"]).assert().code(1).stderr(message);
    run.left_nothing();
}

#[test]
fn a_text_file_is_no_scene() {
    let mut run = Run::new();
    run.target = run.out.path().join("scene.tif");
    std::fs::write(&run.target, "this is not a raster").unwrap();
    run.fails(1, "scene.tif");
}

#[test]
fn a_missing_file_is_named() {
    let mut run = Run::new();
    run.baseline = run.out.path().join("nowhere.tif");
    run.fails(2, "nowhere.tif: no such file or folder; give a scene");
    let mut run = Run::new();
    run.rails = run.out.path().join("nowhere.geojson");
    run.fails(2, "nowhere.geojson: no such file or folder; give rail lines");
}

#[test]
fn machines_read_json_and_no_colour_codes_where_nobody_sees_them() {
    let run = Run::new();
    let json = run.command().args(["--dry-run", "-v", "--log-format", "json"]).assert().success();
    let lines = String::from_utf8(json.get_output().stderr.clone()).unwrap();
    assert!(lines.lines().count() > 2, "{lines}");
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["level"].is_string() && value["message"].is_string(), "{line}");
    }
    let text = run.command().args(["--dry-run", "-vv"]).assert().success();
    assert!(!text.get_output().stderr.contains(&0x1b));
}

#[test]
fn impossible_numbers_and_places_are_told_by_name() {
    let run = Run::new();
    let usage = |arguments: &[&str], part: &'static str| {
        run.command().args(arguments).assert().code(2).stderr(predicate::str::contains(part));
    };
    usage(&["--buffer-m", "-5"], "buffer_m must be 20 to 20000 m, not -5");
    usage(&["--false-alarms", "-3"], "not -3");
    let config = run.out.path().join("c.toml");
    std::fs::write(&config, "area = true\ntarget = \"a.tif\"\nbuffer_m = 250.0\n").unwrap();
    let area = |part: &'static str| {
        railwatch()
            .args(["detect", "--config"])
            .arg(&config)
            .assert()
            .code(2)
            .stderr(predicate::str::contains(part));
    };
    area("--buffer-m (`buffer_m` in --config)");
    std::fs::write(&config, "area = true\ntarget = \"a.tif\"\n").unwrap();
    area("the baseline scene is missing: give --baseline");
    std::fs::write(run.out.path().join("out"), "a file").unwrap();
    run.command().assert().code(2).stderr(predicate::str::contains("a file is in the way"));
    let simulate = |arguments: &[&str], part: &'static str| {
        let mut command = railwatch();
        command.args(["simulate", "--rails"]).arg(&run.rails).arg("--out").arg(run.out.path().join("sim"));
        command.args(arguments).assert().failure().stderr(predicate::str::contains(part));
    };
    simulate(&["--epsg", "999999"], "EPSG:999999: PROJ knows no system of this code");
    simulate(&["--epsg", "4326"], "EPSG:4326: its lengths are not in metres");
    simulate(&["--margin-m", "-5"], "--margin-m -5");
}

#[test]
fn whatever_is_asked_wrongly_is_a_usage_error_before_any_pixel_is_read() {
    let run = Run::new();
    let config = run.out.path().join("c.toml");
    let file = run.out.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (text, message) in [
        ("[objects]\nfalse_objects_per_km2 = -1.0", "objects.false_objects_per_km2"),
        ("[objects]\narea_min_m2 = nan", "objects.area_min_m2"),
        ("[objects]\nshift_tolerance_px = 2.0", "objects.shift_tolerance_px"),
        ("[coreg]\nwindow_px = 3", "coreg.window_px"),
        ("[mask]\ndilate_m = -50.0", "mask.dilate_m"),
        ("[tracks]\nduplicate_fraction = 1.5", "tracks.duplicate_fraction"),
        ("[change]\npixels_min = 7", "change.pixels_min"),
        ("buffer_m = 1.0", "buffer_m"),
        ("buffer_m = \"wide\"", "buffer_m"),
    ] {
        std::fs::write(&config, text).unwrap();
        let mut command = run.command();
        command.arg("--dry-run").arg("--config").arg(&config);
        command.assert().code(2).stderr(predicate::str::contains(message));
    }
    for (arguments, message) in [
        (["--bands", "B99"], "B99"),
        (["--min-length-m", "20"], "30 to 1000 m"),
        (["--false-alarms", "nan"], "false alarms"),
        (["--yards", "no/yards.geojson"], "no/yards.geojson"),
    ] {
        let said = predicate::str::contains(message);
        run.command().args(arguments).arg("--dry-run").assert().code(2).stderr(said);
    }
    // What the plan allows, the run does.
    run.command().args(["--min-length-m", "900"]).assert().success();
    let rails = ["simulate", "--rails", "samples/tumangang_khasan_rails.geojson"];
    let simulate = |arguments: &[&str]| {
        let mut command = railwatch();
        command.args(rails).args(arguments);
        command
    };
    let out = run.out.path().join("s");
    let out = out.to_str().unwrap();
    let bad = |code| predicate::str::contains(code);
    simulate(&["--epsg", "999999", "--out", out]).assert().code(2).stderr(bad("999999"));
    simulate(&["--out", file.to_str().unwrap()]).assert().code(2).stderr(bad("file"));
}

#[test]
fn a_step_that_failed_is_told_by_the_exit_code() {
    let run = Run::new();
    let config = run.out.path().join("c.toml");
    std::fs::write(&config, "[change]\npixels_min = 1000000000\n").unwrap();
    run.command().arg("--config").arg(&config).assert().code(4);
    assert_eq!(record(&run.out.path().join("out"))["skipped"][0]["stage"], "change");
}

#[test]
fn an_input_is_no_output_and_what_is_not_ours_stays() {
    let run = Run::new();
    let out = run.out.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let scene = out.join("change.tif");
    std::fs::copy(&run.target, &scene).unwrap();
    let before = std::fs::read(&scene).unwrap();
    for area in [false, true] {
        let mut command = railwatch();
        command
            .arg("detect")
            .arg("--baseline")
            .arg(&run.baseline)
            .arg("--target")
            .arg(&scene)
            .arg("--out")
            .arg(&out);
        if area {
            command.arg("--area")
        } else {
            command.arg("--rails").arg(&run.rails)
        };
        command.assert().code(2).stderr(predicate::str::contains("it is an input"));
    }
    assert_eq!(std::fs::read(&scene).unwrap(), before);
    std::fs::remove_file(&scene).unwrap();
    std::fs::write(out.join("run.json"), "another program's").unwrap();
    std::fs::write(out.join("report.html"), "another program's").unwrap();
    let mut command = railwatch();
    command.args(["detect", "--area"]).arg("--baseline").arg(&run.baseline).arg("--target").arg(&run.target);
    command.arg("--out").arg(&out).assert().success();
    assert_eq!(std::fs::read_to_string(out.join("report.html")).unwrap(), "another program's");
}

#[test]
fn a_run_leaves_no_files_of_an_area_run_beside_its_record() {
    let run = Run::new();
    let out = run.out.path().join("out");
    std::fs::create_dir(&out).unwrap();
    for (name, text) in [("run.json", r#"{"kind": "area"}"#), ("objects.geojson", "{}"), ("mine.txt", "")] {
        std::fs::write(out.join(name), text).unwrap();
    }
    railwatch().arg("report").arg(&out).assert().code(2).stderr(predicate::str::contains("--area"));
    run.command().assert().success();
    assert!(!out.join("objects.geojson").exists() && out.join("mine.txt").exists());
}

#[test]
fn rails_elsewhere_are_refused() {
    let mut run = Run::new();
    run.rails = run.out.path().join("elsewhere.geojson");
    let line = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":
        {"type":"LineString","coordinates":[[13.5,52.6],[13.6,52.7]]}}]}"#;
    std::fs::write(&run.rails, line).unwrap();
    run.fails(1, "rail");
}

#[test]
fn a_scene_of_clouds_is_refused() {
    let mut run = Run::new();
    run.target = run.out.path().join("cloud.tif");
    scene_like_target(&run.target, |b, r, c| 7500 + (b * 20 + (r * 31 + c * 17) % 23) as u16);
    run.fails(1, "cloud");
}

#[test]
fn a_constant_scene_is_refused() {
    let mut run = Run::new();
    run.target = run.out.path().join("constant.tif");
    scene_like_target(&run.target, |_, _, _| 1200);
    run.fails(1, "baseline");
}

#[test]
fn a_scene_without_data_is_refused() {
    let mut run = Run::new();
    run.target = run.out.path().join("empty.tif");
    scene_like_target(&run.target, |_, _, _| 0);
    run.fails(1, "without data");
}

#[test]
fn a_config_typo_is_a_usage_error() {
    let run = Run::new();
    let config = run.out.path().join("c.toml");
    std::fs::write(&config, "bufer_m = 250.0\n").unwrap();
    run.command().arg("--config").arg(&config).assert().code(2).stderr(predicate::str::contains("bufer_m"));
    run.left_nothing();
}

#[test]
fn a_bad_rate_is_a_usage_error() {
    let run = Run::new();
    run.command().args(["--false-alarms", "-3"]).assert().code(2);
    run.left_nothing();
}

#[test]
fn a_scene_is_not_compared_with_itself() {
    let mut run = Run::new();
    run.baseline.clone_from(&run.target);
    run.fails(2, "itself");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let run = Run::new();
    // A limit on the size of files makes every larger write fail, as a full disk does.
    let out = run.out.path().join("out");
    let shell = format!(
        "trap '' XFSZ; ulimit -f 4; exec {} detect --baseline {} --target {} --rails {} --out {}",
        assert_cmd::cargo::cargo_bin("railwatch").display(),
        run.baseline.display(),
        run.target.display(),
        run.rails.display(),
        out.display()
    );
    Command::new("bash")
        .arg("-c")
        .arg(shell)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("cannot be written"));
    run.left_nothing();
}

#[test]
fn a_folder_that_takes_no_file_is_told_before_any_work() {
    let run = Run::new();
    let mut command = railwatch();
    command.arg("detect").arg("--baseline").arg(&run.baseline).arg("--target").arg(&run.target);
    command.arg("--rails").arg(&run.rails).args(["--out", "/proc/railwatch"]);
    command.assert().code(1).stderr(predicate::str::contains("/proc/railwatch"));
}

#[test]
fn a_forgotten_reflectance_offset_is_said() {
    let mut run = Run::new();
    let plain = run.baseline.clone();
    // The same ground stored with 1000 added, as products from processing baseline 04.00 on, but without a word of it.
    run.baseline = run.out.path().join("offset.tif");
    let scene = opened(&plain);
    let all: Vec<usize> = (0..scene.bands.len()).collect();
    let raster = railwatch::io::read_raster(&scene, scene.grid.window(), &all).unwrap();
    let stored = raster.values.mapv(|v| (v * 10_000.0).round() as u16 + 1000);
    let tags = [("TIFFTAG_DATETIME".to_owned(), "2022:11:01 02:00:00".to_owned())];
    railwatch::io::write_scene(&run.baseline, &scene.grid, &stored, &["B02", "B03", "B04", "B08"], &tags)
        .unwrap();
    run.command().assert().stderr(predicate::str::contains("reflectance offset"));
    let record = std::fs::read_to_string(run.out.path().join("out/run.json")).unwrap();
    assert!(record.contains("doubtful"), "run.json does not doubt the offset");
}

#[test]
fn scenes_of_other_bands_are_refused() {
    let mut run = Run::new();
    let plain = run.target.clone();
    run.target = run.out.path().join("other.tif");
    let scene = opened(&plain);
    let values = ndarray::Array3::from_elem((1, scene.grid.shape.0, scene.grid.shape.1), 900_u16);
    railwatch::io::write_scene(&run.target, &scene.grid, &values, &["B11"], &[]).unwrap();
    run.fails(1, "share no band");
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    let run = Run::new();
    let binary = assert_cmd::cargo::cargo_bin("railwatch");
    let mut child = std::process::Command::new(binary)
        .arg("detect")
        .arg("--baseline")
        .arg(&run.baseline)
        .arg("--target")
        .arg(&run.target)
        .arg("--rails")
        .arg(&run.rails)
        .arg("--out")
        .arg(run.out.path().join("out"))
        .args(["--progress", "json"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first line of progress says that the run has begun and listens.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.next().unwrap().unwrap().contains("read"));
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let said: String = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    run.left_nothing();
}

#[test]
fn an_evaluation_scores_a_run_and_names_a_missing_truth() {
    let run = Run::new();
    run.command().args(["--false-alarms", "50"]).assert().success();
    let score = run.out.path().join("score");
    let truth = support::pair().join("truth.geojson");
    let mut command = railwatch();
    let output = command
        .args(["evaluate", "--references", "--json", "--truth"])
        .args([&truth, &run.out.path().join("out")])
        .arg("--out")
        .arg(&score)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let told: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert!(told["all"]["recall"].as_f64().unwrap() > 0.5, "{told}");
    assert_eq!(told["references"].as_array().unwrap().len(), 3);
    for name in ["evaluation.json", "evaluation.csv", "curves.png"] {
        assert!(score.join(name).is_file(), "{name}");
    }
    let none = railwatch().args(["evaluate", "no/such"]).assert().code(2).get_output().stderr.clone();
    assert!(String::from_utf8_lossy(&none).contains("no case"));
}

#[test]
fn trains_are_put_into_given_optical_scenes_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = ["2022-11-06.tif", "2022-11-16.tif"].map(|name| dir.path().join(name));
    for path in &inputs {
        // A field of one value, and a corner that no scene covers.
        scene_like_target(path, |b, r, c| if r + c < 40 { 0 } else { 800 + 100 * b as u16 });
    }
    let config = dir.path().join("trains.toml");
    std::fs::write(
        &config,
        "appeared_count = 2\ndeparted_count = 1\nstanding_count = 0\nbed_width_m = 0.0\ncargoes = [\"white\"]\n",
    )
    .unwrap();
    let out = dir.path().join("into");
    let mut command = railwatch();
    command.args(["simulate", "--seed", "4", "--margin-m", "5000", "--rails"]);
    command.arg("samples/tumangang_khasan_rails.geojson").arg("--config").arg(&config);
    command.arg("--into").args(&inputs).arg("--out").arg(&out).assert().success();
    let stored = |path: &std::path::Path, band: usize| {
        let dataset = gdal::Dataset::open(path).unwrap();
        let (w, h) = dataset.raster_size();
        let band = dataset.rasterband(band + 1).unwrap().read_as::<u16>((0, 0), (w, h), (w, h), None);
        ((w, h), band.unwrap().data().to_vec())
    };
    for band in 0..4 {
        let (shape, before) = stored(&inputs[0], band);
        let [baseline, target] = ["baseline.tif", "target.tif"].map(|name| stored(&out.join(name), band));
        assert!(baseline.0 == shape && target.0 == shape);
        let mut changed = [0, 0];
        for ((&was, &early), &late) in before.iter().zip(&baseline.1).zip(&target.1) {
            assert!(early >= was && late >= was, "white trains on dark ground only brighten it");
            assert!(was > 0 || (early == 0 && late == 0), "what no scene covers stays so");
            assert!(early == was || late == was, "a train that came and one that left share no pixel");
            changed[0] += usize::from(early > was);
            changed[1] += usize::from(late > was);
        }
        let share = changed[1] as f64 / before.len() as f64;
        assert!(changed[0] > 20 && changed[1] > changed[0] && share < 0.02, "{changed:?} {share}");
    }
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("truth.geojson")).unwrap()).unwrap();
    let changes: Vec<&str> = (truth["features"].as_array().unwrap().iter())
        .map(|f| f["properties"]["change"].as_str().unwrap())
        .collect();
    assert_eq!(changes, ["appeared", "appeared", "departed"]);
    let dates = ["baseline.tif", "target.tif"]
        .map(|name| opened(&out.join(name)).datetime.unwrap().to_string()[..10].to_owned());
    assert_eq!(dates, ["2022-11-06", "2022-11-16"]);
}
