//! `railwatch monitor` as a timer starts it: killed, started twice, fed late, and with a damaged state.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests and the scenes that they are made of")]
#![expect(
    clippy::disallowed_methods,
    reason = "faults are timed by the clock, and the environment tells the places"
)]

mod real_data;
#[expect(dead_code, reason = "the trial uses the rest")]
#[path = "bench/simulated_days.rs"]
mod simulated_days;
#[path = "bench/spread.rs"]
mod spread;

use assert_cmd::cargo::cargo_bin;
use real_data::real;
use rusqlite::Connection;
use rusqlite::types::Value;
use simulated_days::{Options, Stand, Train, make};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const DATES: usize = 18;

/// What must not depend on the way that led to it.
const FINAL: [&str; 5] = [
    "SELECT spec, status, reason, datetime, valid_fraction, shift_row_px FROM scene ORDER BY spec",
    "SELECT s.spec, d.number, d.track_index, d.start_m, d.end_m, d.score, d.change FROM detection d \
     JOIN scene s USING (scene_key) ORDER BY s.spec, d.number",
    "SELECT track_index, datetime, observed_m, occupied_m, wagons_high, limit_m FROM observation ORDER BY 1, 2",
    "SELECT life_id, state, start_m, end_m, first_seen, last_seen, seen_count, misses FROM life ORDER BY life_id",
    // What a late scene took back stays, marked as such.
    "SELECT alert_id, kind, datetime, title FROM alert WHERE withdrawn_at IS NULL ORDER BY alert_id",
];

/// A line with one train that comes and goes and one that moves.
fn days(folder: &Path) {
    let stand = |from, to, start_m| Stand { dates: (from, to), start_m };
    let white = [0.42, 0.43, 0.44, 0.45];
    let trains = [
        Train { length_m: 300.0, cargo: white, stands: vec![stand(7, 11, 300.0)] },
        Train { length_m: 200.0, cargo: white, stands: vec![stand(8, 10, 1000.0), stand(11, 14, 1400.0)] },
    ];
    let options = Options {
        length_m: 5000.0,
        margin_px: 50,
        date_count: DATES,
        days_between: 5,
        clouded: Vec::new(),
        cloud_fraction: 0.0,
        seed: 3,
    };
    drop(make(folder, &options, &trains));
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(cargo_bin("railwatch"));
    command
        .args(["monitor", "run", "--config"])
        .arg(folder.join("monitor.toml"))
        .env("GDAL_PAM_ENABLED", "NO");
    command
}

fn run(folder: &Path, more: &[&str]) -> Output {
    command(folder).args(more).output().unwrap()
}

/// What a run says that ends with this code.
fn told(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn done(folder: &Path) -> String {
    told(&run(folder, &[]), 0)
}

/// The state in lines.
fn dump(folder: &Path) -> Vec<String> {
    let connection = Connection::open(folder.join("railwatch.sqlite")).unwrap();
    let mut lines = Vec::new();
    for sql in FINAL {
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> =
                (0..count).map(|i| format!("{:?}", row.get::<_, Value>(i).unwrap())).collect();
            lines.push(cells.join(" | "));
        }
    }
    lines
}

/// Compares two states and shows the first lines that differ.
fn same(found: &[String], expected: &[String], when: &str) {
    let differing: Vec<_> = found.iter().zip(expected).filter(|(a, b)| a != b).take(3).collect();
    assert!(found == expected, "{when}: {} and {} lines: {differing:#?}", found.len(), expected.len());
}

fn scene_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join("scenes")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// What a dry run says, which leaves every file as it was.
fn dry(folder: &Path) -> String {
    let held = || -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        paths.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let before = held();
    let text = told(&run(folder, &["--dry-run"]), 0);
    assert!(held() == before, "a dry run writes nothing");
    text
}

/// What `monitor series` or `monitor export` writes.
fn write(folder: &Path, words: &str, out: &Path) {
    let mut command = Command::new(cargo_bin("railwatch"));
    command.args(["monitor", words, "--config"]).arg(folder.join("monitor.toml"));
    assert!(command.arg("--out").arg(out).status().unwrap().success());
}

fn forget_state(folder: &Path) {
    for name in ["railwatch.sqlite", "railwatch.sqlite-wal", "railwatch.sqlite-shm"] {
        drop(fs::remove_file(folder.join(name)));
    }
}

#[test]
fn trains_are_followed_and_a_second_run_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    assert!(dry(folder.path()).contains("18 scenes to process"));
    done(folder.path());
    // A run that is at work holds the lock.
    let lock = fs::File::options().append(true).open(folder.path().join("railwatch.sqlite.lock")).unwrap();
    lock.lock().unwrap();
    assert!(dry(folder.path()).contains("0 scenes to process, 18 known"));
    drop(lock);
    let first = dump(folder.path());
    // The train at 300 to 600 m that stands from 5 to 25 April is one life, and gone afterwards.
    let life = first.iter().find(|l| {
        l.contains("\"finished\"")
            && l.contains("2020-04-05")
            && l.contains("2020-04-25")
            && l.contains("Integer(5)")
    });
    assert!(life.is_some(), "{first:#?}");
    assert!(first.iter().any(|l| l.contains("gone, last seen 2020-04-25")), "{first:#?}");
    assert!(done(folder.path()).contains(" 0 scenes used"));
    assert_eq!(dump(folder.path()), first);
    for (words, file) in [("series", "line.png"), ("series", "line.html"), ("export", "lives.geojson")] {
        let out = folder.path().join(words);
        write(folder.path(), words, &out);
        assert!(out.join(file).metadata().unwrap().len() > 100);
    }

    // Scenes are known again where their folder lies now.
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    fs::rename(folder.path(), &moved).unwrap();
    assert!(dry(&moved).contains("0 scenes to process, 18 known"));
    assert!(done(&moved).contains(" 0 scenes used, 0 hidden, 0 refused, 0 failed, 0 duplicates, 18 known"));
    let here =
        |line: &String| line.replace(&moved.display().to_string(), &folder.path().display().to_string());
    assert_eq!(dump(&moved).iter().map(here).collect::<Vec<_>>(), first);
}

/// Kills `kills` runs at random points of their work, each started where the last one was killed; a run that gets to its
/// end gives the expected state, and the next one begins anew.
fn killed(folder: &Path, kills: u64, whole: Duration, expected: &[String]) {
    forget_state(folder);
    let (mut seed, mut struck, mut ended) = (0x9E37_79B9_7F4A_7C15_u64, 0, 0);
    while struck < kills {
        let mut child = command(folder).stderr(Stdio::null()).spawn().unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(whole.mul_f64(0.6 * (seed >> 11) as f64 / (1u64 << 53) as f64));
        drop(child.kill());
        if child.wait().unwrap().success() {
            same(&dump(folder), expected, &format!("at the end of a run after {struck} kills"));
            forget_state(folder);
            ended += 1;
        } else {
            struck += 1;
        }
    }
    done(folder);
    same(&dump(folder), expected, &format!("after {struck} kills"));
    println!("{struck} runs killed, {} states compared, none with a detection lost or doubled", ended + 1);
}

#[test]
fn kills_late_scenes_and_other_versions_lead_to_the_same_state() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    let started = std::time::Instant::now();
    done(folder.path());
    let whole = started.elapsed();
    let expected = dump(folder.path());
    let kills = std::env::var("RAILWATCH_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    killed(folder.path(), kills, whole, &expected);

    // The state may not grow beyond 300 KB, as on a full disk; then there is room again.
    forget_state(folder.path());
    let binary = cargo_bin("railwatch").display().to_string();
    let script = "trap '' XFSZ; ulimit -f 600; exec \"$0\" monitor run --config \"$1\"";
    let config = folder.path().join("monitor.toml").display().to_string();
    let full = Command::new("sh").args(["-c", script, binary.as_str(), config.as_str()]).output().unwrap();
    let text = told(&full, 1);
    assert!(text.contains("the next run goes on"), "{text}");
    done(folder.path());
    same(&dump(folder.path()), &expected, "after a full disk");

    // One scene comes late, after those that follow it.
    forget_state(folder.path());
    let late = scene_files(folder.path())[9].clone();
    let aside = folder.path().join("aside.tif");
    fs::rename(&late, &aside).unwrap();
    done(folder.path());
    assert_ne!(dump(folder.path()).len(), expected.len());
    fs::rename(&aside, &late).unwrap();
    done(folder.path());
    same(&dump(folder.path()), &expected, "after a late scene");

    // The clock goes back by years: nothing depends on it but when rows were written. A touched file is read again.
    fs::File::options().append(true).open(&late).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    assert!(!done(folder.path()).contains(" 0 scenes used"));
    same(&dump(folder.path()), &expected, "after a file was replaced by its like");
}

/// A copy of a scene under another name whose pixels nobody can read, though it can be opened.
fn damaged(from: &Path, to: &Path) {
    let mut bytes = fs::read(from).unwrap();
    let third = bytes.len() / 3;
    bytes[third..2 * third].fill(0xAA);
    fs::write(to, bytes).unwrap();
}

/// A run that leaves this many scenes unread.
fn failing(folder: &Path, count: usize) -> String {
    let text = told(&run(folder, &[]), 4);
    assert!(text.contains(&format!("{count} failed")), "{text}");
    text
}

#[test]
fn a_file_that_cannot_be_read_costs_neither_an_older_version_nor_the_site() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    days(folder);
    // As products are named: the processing baseline tells the versions of a date apart.
    for file in scene_files(folder) {
        fs::rename(&file, file.display().to_string().replace(".tif", "_N0400.tif")).unwrap();
    }
    done(folder);
    let (expected, files) = (dump(folder), scene_files(folder));
    let newer = |i: usize| PathBuf::from(files[i].display().to_string().replace("N0400", "N0510"));
    // Besides what is known of the scenes that are read, the state lists the file that is not.
    let kept = || dump(folder).into_iter().filter(|line| !line.contains("N0510")).collect::<Vec<_>>();
    damaged(&files[8], &newer(8));
    // Only pixels tell that it cannot be read.
    let planned = dry(folder);
    assert!(planned.contains(" replace ") && !planned.contains(" failed "), "{planned}");
    failing(folder, 1);
    same(&kept(), &expected, "after a newer version that cannot be read");
    // All versions are new to the site, and that of the first date is damaged as well.
    forget_state(folder);
    damaged(&files[0], &newer(0));
    failing(folder, 2);
    same(&kept(), &expected, "with versions of which the newer cannot be read");
    // Once it can be read, it takes the place.
    fs::copy(&files[8], newer(8)).unwrap();
    failing(folder, 1);
    let is_used = |line: &&String| line.contains("N0510") && line.contains("\"used\"");
    assert_eq!(dump(folder).iter().filter(is_used).count(), 1);

    // A site whose first scene is damaged begins with the next.
    forget_state(folder);
    for name in [newer(0), newer(8)] {
        fs::remove_file(name).unwrap();
    }
    damaged(&files[0], &files[0]);
    assert!(failing(folder, 1).contains("17 scenes used"));
}

#[test]
fn two_runs_at_once_and_a_damaged_state_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    let start = || command(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    let outputs = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let refused = outputs.iter().filter(|o| {
        o.status.code() == Some(1) && String::from_utf8_lossy(&o.stderr).contains("another run is at work")
    });
    assert_eq!(refused.count(), 1, "one of two is refused");
    assert!(outputs.iter().any(|o| o.status.success()));
    let state = folder.path().join("railwatch.sqlite");
    let whole = fs::read(&state).unwrap();
    let mut broken = whole.clone();
    let middle = broken.len() / 8192 * 4096;
    broken[middle..].fill(0x5A);
    fs::write(&state, &broken).unwrap();
    let text = told(&run(folder.path(), &[]), 1);
    assert!(text.contains("damaged"), "{text}");
    assert_eq!(fs::read(&state).unwrap(), broken, "nothing is overwritten");
}

#[test]
fn a_dead_source_stops_no_other_site() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    let config = folder.path().join("monitor.toml");
    let text = fs::read_to_string(&config).unwrap();
    let dead = text.replace("\"line\"", "\"dead\"").replace("\"scenes\"", "\"nowhere\"");
    fs::write(&config, dead + &text).unwrap();
    let output = run(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(4));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = summary["sites"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("nowhere: no such file or folder; give a folder of scenes"), "{problem}");
    assert!(summary["sites"][1]["used_count"].as_u64().unwrap() > 10);
    // A pattern that nothing matches is told.
    fs::write(&config, text.replace("\"scenes\" }", "\"scenes\", pattern = \"S9*\" }")).unwrap();
    let text = done(folder.path());
    assert!(text.contains("the folder holds no scene"), "{text}");
}

/// The first link of a page of the series leads to a page of an alert.
fn first_link(folder: &Path) {
    let out = folder.join("out/series");
    write(folder, "series", &out);
    let series = fs::read_to_string(out.join("line.html")).unwrap();
    let link = series.split("<a href=\"").nth(1).unwrap().split('"').next().unwrap();
    let link = link.replace("&#x2f;", "/");
    assert!(link.starts_with("../../alerts/line/") && out.join(&link).is_file(), "{link}");
}

/// A site that was moved as a whole finds its figures where they are now.
fn moved_with_figures(folder: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    fs::rename(folder, &moved).unwrap();
    let mut status = Command::new(cargo_bin("railwatch"));
    status.args(["monitor", "status", "--json", "--config"]).arg(moved.join("monitor.toml"));
    let shown: serde_json::Value = serde_json::from_slice(&status.output().unwrap().stdout).unwrap();
    let alerts = shown["sites"][0]["alerts"].as_array().unwrap();
    let evidence = Path::new(alerts.iter().find_map(|alert| alert["evidence"].as_str()).unwrap());
    assert!(evidence.starts_with(&moved) && evidence.join("report.png").is_file(), "{}", evidence.display());
    first_link(&moved);
    fs::rename(&moved, folder).unwrap();
}

#[test]
fn alerts_go_out_once_and_failures_are_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    let config = folder.path().join("monitor.toml");
    let taken = folder.path().join("taken");
    let script = folder.path().join("hook.sh");
    fs::write(
        &script,
        format!("cat >> {0}\necho >> {0}\n[ -e {1} ]\n", taken.display(), folder.path().join("up").display()),
    )
    .unwrap();
    let alerts = format!(
        "\n[alerts]\nnewest_days = 1e6\n[[alerts.channel]]\nkind = \"command\"\nname = \"hook\"\n\
         command = [\"sh\", \"{}\"]\n[[alerts.channel]]\nkind = \"atom\"\nname = \"feed\"\npath = \"alerts.atom\"\n",
        script.display()
    );
    let text = fs::read_to_string(&config).unwrap();
    let named = text.replace("id = \"line\"", "id = \"line\"\nname = \"Line by the river\"");
    fs::write(&config, named + &alerts).unwrap();
    // The hook refuses and figures cannot be written: the run says so and keeps the alerts.
    fs::write(folder.path().join("alerts"), "").unwrap();
    assert_eq!(run(folder.path(), &[]).status.code(), Some(4));
    let refused = fs::read_to_string(&taken).unwrap();
    assert!(refused.contains(r#""figure_png_base64":null"#) && refused.contains(r#""folder":null"#));
    let refused = refused.lines().count();
    fs::remove_file(folder.path().join("alerts")).unwrap();
    fs::write(folder.path().join("up"), "").unwrap();
    done(folder.path());
    let lines: Vec<String> = fs::read_to_string(&taken).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2 * refused, "each once refused and once taken");
    done(folder.path());
    assert_eq!(fs::read_to_string(&taken).unwrap().lines().count(), lines.len(), "no third time");
    let alert: serde_json::Value = serde_json::from_str(&lines[refused]).unwrap();
    assert_eq!(alert["geojson"]["type"], "FeatureCollection");
    assert!(alert["figure_png_base64"].as_str().is_some_and(|f| f.len() > 1000), "the figure is sent along");
    let page = Path::new(alert["folder"].as_str().unwrap()).join("report.html");
    assert!(fs::read_to_string(page).unwrap().contains("<h1>Line by the river</h1>"));
    first_link(folder.path());
    moved_with_figures(folder.path());
    let feed = || fs::read_to_string(folder.path().join("alerts.atom")).unwrap();
    assert!(feed().contains("report.html") && !feed().contains("(withdrawn)"));

    // Who was told of an alert is told, once, that it was taken back.
    let state = Connection::open(folder.path().join("railwatch.sqlite")).unwrap();
    let id = alert["id"].as_str().unwrap();
    state
        .execute("UPDATE alert SET withdrawn_at = '2021-01-01T00:00:00Z' WHERE alert_id = ?1", [id])
        .unwrap();
    done(folder.path());
    done(folder.path());
    let told = fs::read_to_string(&taken).unwrap();
    let last: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(told.lines().count(), lines.len() + 1);
    assert_eq!((&last["id"], &last["withdrawn"]), (&alert["id"], &serde_json::Value::Bool(true)));
    assert!(feed().contains("(withdrawn)"));
    // When it stands again, the feed does not go back in time.
    let updated = |text: &str| {
        let entry = text.split("<entry>").find(|e| e.contains(id)).unwrap().to_owned();
        [text, &entry].map(|t| t.split("<updated>").nth(1).unwrap()[..20].to_owned())
    };
    let withdrawn = updated(&feed());
    state.execute("UPDATE alert SET withdrawn_at = NULL WHERE alert_id = ?1", [id]).unwrap();
    done(folder.path());
    assert!(!feed().contains("(withdrawn)"));
    let again = updated(&feed());
    assert!(again[0] >= withdrawn[0] && again[1] >= withdrawn[1], "{withdrawn:?} {again:?}");
    let told = fs::read_to_string(&taken).unwrap();

    // A site that is no longer watched holds up nobody.
    state.execute("UPDATE delivery SET delivered_at = NULL", []).unwrap();
    let text = fs::read_to_string(&config).unwrap().replace("id = \"line\"", "id = \"renamed\"");
    assert!(text.contains("renamed"), "{text}");
    fs::write(&config, text.replace("newest_days = 1e6", "newest_days = 1")).unwrap();
    done(folder.path());
    assert_eq!(fs::read_to_string(&taken).unwrap(), told);
}

#[test]
fn a_run_that_draws_figures_stops_when_asked_and_the_next_draws_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    let config = folder.path().join("monitor.toml");
    let alerts = "\n[alerts]\nnewest_days = 1e6\nkinds = [\"first\", \"confirmed\", \"moved\", \"finished\"]\n\
                  [[alerts.channel]]\nkind = \"atom\"\nname = \"feed\"\npath = \"alerts.atom\"\n";
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + alerts).unwrap();
    let pages = || {
        let folders = fs::read_dir(folder.path().join("alerts/line")).into_iter().flatten();
        folders.filter(|f| f.as_ref().unwrap().path().join("report.html").exists()).count()
    };
    let mut child = command(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    while pages() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("the next run goes on from there"), "{text}");
    let drawn = pages();
    let known = dump(folder.path());
    done(folder.path());
    assert!(pages() >= drawn + 2, "{drawn} pages before, {} after", pages());
    assert_eq!(dump(folder.path()), known);
}

#[test]
fn a_scene_that_clouds_keep_from_being_registered_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        length_m: 2000.0,
        margin_px: 50,
        date_count: 6,
        days_between: 5,
        clouded: Vec::new(),
        cloud_fraction: 0.0,
        seed: 3,
    };
    let days = make(folder.path(), &options, &[]);
    // Thick clouds of their own shapes over all but a strip of the last date, and ground in it that looks like no other date.
    let (mut values, grid) = (days.scenes[5].values.clone(), days.grid);
    for ((band, row, col), v) in values.indexed_iter_mut() {
        if col > grid.shape.1 / 5 {
            *v = 0.6 + 0.02 * ((row / 9 * 7 + col / 11 * 5 + band) % 5) as f32;
        } else {
            *v = 0.08 + 0.01 * ((row / 3 * 5 + col / 2 * 3 + row * col / 7) % 6) as f32;
        }
    }
    let stored = values.mapv(|v| (v * 10_000.0).round().clamp(1.0, 65_534.0) as u16);
    let path = scene_files(folder.path())[5].clone();
    railwatch::io::write_scene(&path, &grid, &stored, &["B02", "B03", "B04", "B08"], &[]).unwrap();
    assert!(done(folder.path()).contains("5 scenes used, 1 hidden, 0 refused, 0 failed"));
    let connection = Connection::open(folder.path().join("railwatch.sqlite")).unwrap();
    let reason: String =
        connection.query_row("SELECT reason FROM scene WHERE status = 'hidden'", [], |r| r.get(0)).unwrap();
    assert!(reason.contains("of the window is clear"), "{reason}");
}

#[test]
fn both_sensors_make_one_series() {
    let Some(stack) = real("s1_s2_mol_2023") else { return };
    let folder = tempfile::tempdir().unwrap();
    let rails = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32631"}},
        "features":[{"type":"Feature","properties":{"name":"laid track"},"geometry":{"type":"LineString",
        "coordinates":[[643290,5676420],[643600,5676200],[643890,5675900]]}}]}"#;
    fs::write(folder.path().join("rails.geojson"), rails).unwrap();
    let site = "[[site]]\nid = \"mol\"\nrails = \"rails.geojson\"\nbands = [\"B04\", \"B08\"]\n";
    let text = format!("{site}source = {{ folder = {:?} }}\n", stack.display().to_string());
    fs::write(folder.path().join("monitor.toml"), text).unwrap();
    done(folder.path());
    let connection = Connection::open(folder.path().join("railwatch.sqlite")).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    // Ten dates of four orbits, told by the days between them; the first of each has nothing to be compared with.
    assert_eq!(count("SELECT count(*) FROM view WHERE name LIKE 'radar %'"), 4);
    assert_eq!(count("SELECT count(*) FROM observation WHERE view LIKE 'radar %'"), 6);
    assert!(count("SELECT count(*) FROM observation WHERE view = 'optical'") > 0);
    assert_eq!(count("SELECT count(*) FROM scene WHERE status IN ('refused', 'failed')"), 0);
    let before = dump(folder.path());
    assert!(done(folder.path()).contains(" 0 scenes used"));
    assert_eq!(dump(folder.path()), before);
    let out = folder.path().join("series");
    let mut series = Command::new(cargo_bin("railwatch"));
    series.args(["monitor", "series", "--config"]).arg(folder.path().join("monitor.toml"));
    assert!(series.arg("--out").arg(&out).status().unwrap().success());
    let csv = fs::read_to_string(out.join("mol.csv")).unwrap();
    assert!(csv.contains(",optical,") && csv.contains(",radar 2023-04-03 "), "{csv}");
    assert!(fs::read_to_string(out.join("mol.svg")).unwrap().contains(">radar</text>"));
}

#[test]
fn a_real_stack_is_played_day_by_day() {
    let Some(stack) = real("s2_s1_stack_belgium_a") else { return };
    let folder = tempfile::tempdir().unwrap();
    let scenes = folder.path().join("scenes");
    fs::create_dir(&scenes).unwrap();
    let rails = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32631"}},
        "features":[{"type":"Feature","properties":{"name":"laid track"},"geometry":{"type":"LineString",
        "coordinates":[[501380,5629580],[501680,5629350],[501980,5629120]]}}]}"#;
    fs::write(folder.path().join("rails.geojson"), rails).unwrap();
    let text = "[[site]]\nid = \"a\"\nrails = \"rails.geojson\"\nsource = { folder = \"scenes\" }\n";
    fs::write(folder.path().join("monitor.toml"), text).unwrap();
    let mut names: Vec<PathBuf> = fs::read_dir(&stack)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("S2_L2A")))
        .collect();
    names.sort();
    // Nine nights: each finds the dates since the last one.
    for (night, dates) in names.chunks(names.len().div_ceil(9)).enumerate() {
        for image in dates {
            let name = image.file_name().unwrap().to_string_lossy().into_owned();
            let date = name.split('_').nth(2).unwrap().to_owned();
            let classes = format!("S2_SCL_{date}_20m.tif");
            for file in [name.as_str(), classes.as_str()] {
                fs::copy(stack.join(file), scenes.join(file)).unwrap();
            }
        }
        let output = run(folder.path(), &["--json"]);
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(matches!(output.status.code(), Some(0 | 4)), "night {night}");
        let site = &summary["sites"][0];
        let count = |key: &str| site[key].as_u64().unwrap() as usize;
        assert_eq!(count("used_count") + count("hidden_count") + count("refused_count"), dates.len());
    }
    let before = dump(folder.path());
    let output = run(folder.path(), &["--json"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["sites"][0]["known_count"], 118);
    assert_eq!(dump(folder.path()), before);

    // The same dates in one run give the same state.
    forget_state(folder.path());
    run(folder.path(), &[]);
    let differing = dump(folder.path()).iter().zip(&before).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 0);
}
