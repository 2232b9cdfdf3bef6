//! A year watched night by night from a real STAC server; `scripts/stac-server` starts it and tells its place.
//!
//! Items come to the server a day after they were taken, some of them later; their files lie behind a server that counts
//! what is read. In the end the state must be that of one run over the same scenes in a folder.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod provider;
mod real_data;
#[expect(dead_code, reason = "the trial uses the rest")]
#[path = "bench/simulated_days.rs"]
mod simulated_days;
#[path = "bench/spread.rs"]
mod spread;
#[expect(dead_code, reason = "tests of the catalog use the rest")]
mod stac_server;

use assert_cmd::cargo::cargo_bin;
use jiff::{SignedDuration, Timestamp};
use railwatch::io;
use railwatch::monitor::{Config, RunOptions, RunSummary, Secrets, run};
use railwatch::pipeline::Silent;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use simulated_days::{Options, Stand, Train, make};
use stac_server::{ALL, Content, Paging, Server};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const COLLECTION: &str = "watched";
/// A scene is published so many days after it was taken, and every tenth so many days later.
const PUBLISHED_DAYS: (i64, i64) = (1, 4);

/// What must not depend on where scenes came from and on the runs that took them.
const FINAL: [&str; 6] = [
    "SELECT name FROM view ORDER BY name",
    "SELECT datetime, view, status, reason, valid_fraction, cloud_fraction, shift_row_px FROM scene ORDER BY datetime, view",
    "SELECT s.datetime, s.view, d.number, d.track_index, d.start_m, d.end_m, d.score, d.change FROM detection d \
     JOIN scene s USING (scene_key) ORDER BY s.datetime, s.view, d.number",
    "SELECT datetime, view, track_index, observed_m, occupied_m, wagons_high, limit_m FROM observation ORDER BY 1, 2, 3",
    "SELECT life_id, state, start_m, end_m, first_seen, last_seen, seen_count, misses FROM life ORDER BY life_id",
    "SELECT alert_id, kind, datetime, title FROM alert WHERE withdrawn_at IS NULL ORDER BY alert_id",
];

/// Scenes in a folder, and a site that they show.
struct Year {
    folder: tempfile::TempDir,
    scenes: PathBuf,
    /// Lines of the site beside its source.
    site: &'static str,
}

impl Year {
    /// The optical and radar dates of a real place over fourteen months; `None` where the data are absent.
    fn real() -> Option<Self> {
        let scenes = real_data::real("s2_s1_stack_belgium_a")?.canonicalize().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let rails = json!({
            "type": "FeatureCollection",
            "crs": { "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::32631" } },
            "features": [{ "type": "Feature", "properties": { "name": "laid track" }, "geometry": {
                "type": "LineString", "coordinates": [[501_380, 5_629_580], [501_680, 5_629_350], [501_980, 5_629_120]]
            } }]
        });
        fs::write(folder.path().join("rails.geojson"), rails.to_string()).unwrap();
        Some(Self { folder, scenes, site: "" })
    }

    /// Forty simulated dates with trains that come, move and go.
    fn simulated() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let white = [0.42, 0.43, 0.44, 0.45];
        let stand = |from, to, start_m| Stand { dates: (from, to), start_m };
        let trains = [
            Train { length_m: 300.0, cargo: white, stands: vec![stand(8, 13, 900.0), stand(14, 16, 1400.0)] },
            Train { length_m: 260.0, cargo: white, stands: vec![stand(20, 31, 2000.0)] },
        ];
        let options = Options {
            length_m: 3000.0,
            margin_px: 160,
            date_count: 40,
            days_between: 5,
            clouded: (0..40).collect(),
            cloud_fraction: 0.1,
            seed: 5,
        };
        drop(make(folder.path(), &options, &trains));
        let scenes = folder.path().join("scenes");
        Self { folder, scenes, site: "baseline = { reference_valid_fraction = 0.6 }\n" }
    }

    /// A configuration with a state of that name.
    fn config(&self, state: &str, source: &Value) -> PathBuf {
        let lines: Vec<String> =
            source.as_object().unwrap().iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let text = format!(
            "state = \"{state}.sqlite\"\n[[site]]\nid = \"a\"\nrails = \"rails.geojson\"\n{}[site.source]\n{}\n",
            self.site,
            lines.join("\n")
        );
        let path = self.folder.path().join(format!("{state}.toml"));
        fs::write(&path, text).unwrap();
        path
    }

    /// Everything that a state says, in lines.
    fn said(&self, state: &str) -> Vec<String> {
        let connection = Connection::open(self.folder.path().join(format!("{state}.sqlite"))).unwrap();
        let lines = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            let count = statement.column_count();
            let line = |row: &rusqlite::Row<'_>| {
                // Items have their bands in another order than files, and sums end in other digits.
                let cell = |i| match row.get::<_, Cell>(i).unwrap() {
                    Cell::Real(v) => format!("{v:.9}"),
                    other => format!("{other:?}"),
                };
                let cells: Vec<String> = (0..count).map(cell).collect();
                Ok(cells.join(" | "))
            };
            statement.query_map([], line).unwrap().map(Result::unwrap).collect()
        };
        FINAL.into_iter().flat_map(lines).collect()
    }
}

/// Publishes what the STAC transaction extension takes.
fn post(url: &str, body: &Value) {
    let sent = ureq::post(url).header("Content-Type", "application/json").send(body.to_string());
    assert!(sent.unwrap().status().is_success(), "{url}");
}

/// Items by the night on which they are found first.
fn by_night(items: Vec<Value>) -> BTreeMap<i64, Vec<Value>> {
    let mut nights: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for (i, item) in items.into_iter().enumerate() {
        let taken: Timestamp = item["properties"]["datetime"].as_str().unwrap().parse().unwrap();
        let later = if i % 10 == 9 { PUBLISHED_DAYS.1 } else { 0 };
        let night = taken.as_second().div_euclid(86_400) + PUBLISHED_DAYS.0 + later;
        nights.entry(night).or_default().push(item);
    }
    nights
}

fn night_run(config: &Config, night: i64) -> RunSummary {
    let now = Timestamp::from_second(86_400 * night).unwrap() + SignedDuration::from_hours(3);
    let (since, dry_run, sites, secrets) = (None, false, Vec::new(), Secrets::default());
    let options = RunOptions { now, since, dry_run, sites, secrets, program_folders: Vec::new() };
    run(config, &options, &Silent).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the place of the server is told by the environment")]
fn a_year_night_by_night_is_like_one_run_over_a_folder() {
    let Ok(stac) = std::env::var("RAILWATCH_STAC_URL") else { return };
    let year = Year::real().unwrap_or_else(Year::simulated);
    let folder = year.folder.path();
    let listed = io::list_scenes(&year.scenes, None).unwrap();
    let whole = year.config("folder", &json!({ "folder": year.scenes }));
    let once = night_run(&Config::read(&whole).unwrap(), 30_000);
    let expected = year.said("folder");

    // The files lie behind one server, the items come to the other.
    let items: Vec<Value> = listed.iter().map(|s| provider::offered(folder, &s.spec, COLLECTION)).collect();
    let blob_bytes: u64 =
        fs::read_dir(folder.join("blobs")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    let conforms = ALL.to_vec();
    let content = Content { folder: folder.to_owned(), items: Vec::new(), paging: Paging::Post, conforms };
    let files = Server::start(content);
    let open = json!({ "spatial": { "bbox": [[-180, -90, 180, 90]] },
                       "temporal": { "interval": [["2015-01-01T00:00:00Z", null]] } });
    post(
        &format!("{stac}/collections"),
        &json!({ "type": "Collection", "id": COLLECTION, "stac_version": "1.0.0", "description": "watched",
                 "license": "proprietary", "links": [], "extent": open }),
    );
    let source = json!({ "catalog": stac, "collections": [COLLECTION], "keep": "kept" });
    let path = year.config("catalog", &source);
    let config = Config::read(&path).unwrap();
    let nights = by_night(items);
    let (first, last) = (*nights.keys().next().unwrap(), *nights.keys().last().unwrap());
    let mut counts = [0; 4];
    for night in first..=last {
        for item in nights.get(&night).into_iter().flatten() {
            let text = item.to_string().replace("{url}", &files.url);
            post(&format!("{stac}/collections/{COLLECTION}/items"), &serde_json::from_str(&text).unwrap());
        }
        let summary = night_run(&config, night);
        let site = &summary.sites[0];
        assert_eq!((site.failed_count, site.duplicate_count), (0, 0), "{summary:?}");
        for (sum, count) in
            counts.iter_mut().zip([site.used_count, site.hidden_count, site.refused_count, site.alert_count])
        {
            *sum += count;
        }
    }
    let said = year.said("catalog");
    let differing: Vec<_> = said.iter().zip(&expected).filter(|(a, b)| a != b).take(3).collect();
    assert!(said == expected, "{} and {} lines: {differing:#?}", said.len(), expected.len());

    // Every file was read once, and no more of it than there is.
    let (requests, bytes) = (files.requests(), files.bytes());
    println!(
        "{} scenes in {} nights: {counts:?} used, hidden, refused, alerts (at once {}, {}, {}, {}); {requests} requests \
         for {bytes} bytes of {blob_bytes} in {} files",
        listed.len(),
        last - first + 1,
        once.sites[0].used_count,
        once.sites[0].hidden_count,
        once.sites[0].refused_count,
        once.sites[0].alert_count,
        fs::read_dir(folder.join("blobs")).unwrap().count()
    );
    assert!(bytes as u64 <= blob_bytes + blob_bytes / 10, "{bytes} of {blob_bytes}");

    // A second run over the whole year finds nothing to do, in all pages of the server.
    let mut again = Command::new(cargo_bin("railwatch"));
    again.args(["monitor", "run", "--json", "--since", "2015-01-01", "--config"]).arg(&path);
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let site = &summary["sites"][0];
    assert_eq!(site["known_count"], listed.len(), "{summary}");
    assert_eq!((&site["used_count"], &site["alert_count"]), (&json!(0), &json!(0)), "{summary}");
    assert_eq!((files.requests(), year.said("catalog")), (requests, said));
}
