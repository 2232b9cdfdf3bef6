//! `railwatch monitor` on a STAC API: windows are fetched once and lead to what the same scenes in a folder lead to.
#![expect(clippy::unwrap_used, reason = "tests and the scenes that they are made of")]

mod provider;
#[expect(dead_code, reason = "the trial uses the rest")]
#[path = "bench/simulated_days.rs"]
mod simulated_days;
#[path = "bench/spread.rs"]
mod spread;
#[expect(dead_code, reason = "tests of the catalog use the rest")]
mod stac_server;

use assert_cmd::cargo::cargo_bin;
use provider::offered;
use railwatch::io;
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;
use simulated_days::{Options, Stand, Train, make};
use stac_server::{ALL, Content, Fault, Paging, Server};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Eight dates with one train from the fifth on.
fn days(folder: &Path) {
    let stands = vec![Stand { dates: (4, 7), start_m: 900.0 }];
    let train = Train { length_m: 300.0, cargo: [0.42, 0.43, 0.44, 0.45], stands };
    let options = Options {
        length_m: 3000.0,
        margin_px: 160,
        date_count: 8,
        days_between: 5,
        clouded: Vec::new(),
        cloud_fraction: 0.0,
        seed: 5,
    };
    drop(make(folder, &options, &[train]));
}

/// The scenes of a folder as a provider has them.
fn provided(folder: &Path) -> Vec<serde_json::Value> {
    let listed = io::list_scenes(&folder.join("scenes"), None).unwrap();
    listed.iter().map(|scene| offered(folder, &scene.spec, "sentinel-2-l2a")).collect()
}

fn run(folder: &Path, more: &[&str]) -> serde_json::Value {
    run_to(folder, more, 0)
}

/// A run that ends with `code`.
fn run_to(folder: &Path, more: &[&str], code: i32) -> serde_json::Value {
    let mut command = Command::new(cargo_bin("railwatch"));
    command.args(["monitor", "run", "--json", "--since", "2000-01-01"]).args(more);
    command.arg("--config").arg(folder.join("monitor.toml")).env("GDAL_PAM_ENABLED", "NO");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What was seen and concluded, without the places of files.
fn conclusions(folder: &Path, state: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(folder.join(state)).unwrap();
    let tables = [
        "SELECT track_index, datetime, observed_m, occupied_m, wagons_high, limit_m FROM observation ORDER BY 1, 2",
        "SELECT state, start_m, end_m, first_seen, last_seen, seen_count, misses FROM life ORDER BY life_id",
    ];
    let rows = |sql: &str| -> Vec<Vec<Value>> {
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let row = |r: &rusqlite::Row<'_>| (0..count).map(|i| r.get(i)).collect();
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    tables.into_iter().flat_map(rows).collect()
}

/// Where the scenes of a state are.
fn specs(state: &Path) -> Vec<String> {
    let connection = Connection::open(state).unwrap();
    let mut statement = connection.prepare("SELECT spec FROM scene").unwrap();
    statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_catalog_is_followed_like_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    days(folder.path());
    run(folder.path(), &[]);
    let expected = conclusions(folder.path(), "railwatch.sqlite");
    assert!(expected.iter().any(|row| row[0] == Value::Text("confirmed".into())), "{expected:?}");

    let items = provided(folder.path());
    let server = serve(folder.path(), items.clone());
    let planned = run(folder.path(), &["--dry-run"]);
    assert_eq!(planned["sites"][0]["planned"].as_array().unwrap().len(), 8);
    assert!(!folder.path().join("kept").exists(), "a dry run fetches nothing");

    // Nothing can be fetched: told, and tried again.
    for _ in 0..64 {
        server.fail("/blobs", Fault::Status(404, None));
    }
    let none = run_to(folder.path(), &[], 4);
    assert_eq!(none["sites"][0]["failed_count"], 8, "{none}");
    let server = serve(folder.path(), items.clone());
    let first = run(folder.path(), &[]);
    assert_eq!(first["sites"][0]["used_count"], 8, "{first}");
    assert_eq!(conclusions(folder.path(), "catalog.sqlite"), expected);
    assert_eq!(fs::read_dir(folder.path().join("kept/line")).unwrap().count(), 8);
    let blobs = |server: &Server| server.log().iter().filter(|(path, _)| path.starts_with("/blobs")).count();
    let before = blobs(&server);
    let again = run(folder.path(), &[]);
    assert_eq!((again["sites"][0]["known_count"].as_u64(), blobs(&server)), (Some(8), before), "{again}");

    // Where the whole folder was moved, windows are found where they lie now, also of scenes that are no longer listed.
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    fs::rename(folder.path(), &moved).unwrap();
    let server = serve(&moved, items[4..].to_vec());
    let again = run(&moved, &[]);
    assert_eq!((again["sites"][0]["known_count"].as_u64(), blobs(&server)), (Some(4), 0), "{again}");
    let specs = specs(&moved.join("catalog.sqlite"));
    assert!(specs.len() == 8 && specs.iter().all(|spec| Path::new(spec).starts_with(&moved)), "{specs:?}");
    fs::rename(&moved, folder.path()).unwrap();

    // A new version of a scene in use that cannot be fetched leaves the old one in use; later it takes its place.
    let mut items = items;
    items[5]["properties"]["updated"] = json!("2021-06-01T00:00:00Z");
    let server = serve(folder.path(), items);
    server.fail("/blobs", Fault::Status(404, None));
    let failed = run_to(folder.path(), &[], 4);
    assert_eq!(failed["sites"][0]["failed_count"], 1, "{failed}");
    assert_eq!(conclusions(folder.path(), "catalog.sqlite"), expected);
    let renewed = run(folder.path(), &[]);
    assert!(renewed["sites"][0]["used_count"].as_u64() >= Some(1) && blobs(&server) > 1, "{renewed}");
    assert_eq!(conclusions(folder.path(), "catalog.sqlite"), expected);
}

/// A server with these items, and a configuration that watches it.
fn serve(folder: &Path, items: Vec<serde_json::Value>) -> Server {
    let conforms = ALL.to_vec();
    let server = Server::start(Content { folder: folder.to_owned(), items, paging: Paging::Post, conforms });
    let text = format!(
        "state = \"catalog.sqlite\"\n[[site]]\nid = \"line\"\nrails = \"rails.geojson\"\n\
         source = {{ catalog = \"{}\", keep = \"kept\" }}\nbaseline = {{ reference_valid_fraction = 0.6 }}\n",
        server.url
    );
    fs::write(folder.join("monitor.toml"), text).unwrap();
    server
}
