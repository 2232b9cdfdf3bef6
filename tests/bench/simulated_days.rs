//! A line watched over many simulated days: scenes in a folder, with trains whose lives are known.

use super::spread::{SIGMA_M, share};
use railwatch::corridor::Track;
use railwatch::grid::{Affine, Crs, Grid};
use railwatch::io;
use railwatch::simulate::{ImplantParams, SimScene, SimulateParams, scene_pair};
use std::path::{Path, PathBuf};

/// Lower left end of the line, metres in EPSG:32652.
const START: (f64, f64) = (500_000.0, 4_700_000.0);
const DAY_S: i64 = 86_400;
const FIRST_S: i64 = 1_583_028_000; // 2020-03-01T02:00:00Z

/// One stand of a train: dates (first to last index) and where its first wagon stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    pub(crate) dates: (usize, usize),
    pub(crate) start_m: f64,
}

/// A train, or a thing that stays, with all its stands in order of time.
#[derive(Debug, Clone)]
pub(crate) struct Train {
    pub(crate) length_m: f64,
    /// Reflectance in B02, B03, B04, B08.
    pub(crate) cargo: [f64; 4],
    pub(crate) stands: Vec<Stand>,
}

/// What is watched and where it lies on disk.
pub(crate) struct Days {
    pub(crate) config: PathBuf,
    pub(crate) scenes: Vec<SimScene>,
    pub(crate) grid: Grid,
    pub(crate) track: Track,
}

/// Options of the scenes.
pub(crate) struct Options {
    pub(crate) length_m: f64,
    /// Ground around the line, pixels.
    pub(crate) margin_px: usize,
    pub(crate) date_count: usize,
    pub(crate) days_between: i64,
    /// Dates under clouds; the others are clear.
    pub(crate) clouded: Vec<usize>,
    /// Share of a clouded date under clouds.
    pub(crate) cloud_fraction: f64,
    pub(crate) seed: u64,
}

/// Writes scenes, rails and a configuration into `folder`.
pub(crate) fn make(folder: &Path, options: &Options, trains: &[Train]) -> Days {
    let scenes_folder = folder.join("scenes");
    std::fs::create_dir_all(&scenes_folder).unwrap();
    let slope: f64 = 0.2;
    let (dx, dy) = (options.length_m * slope.cos(), options.length_m * slope.sin());
    let vertices = vec![START, (START.0 + dx, START.1 + dy)];
    let track = Track::new("line".into(), Some("simulated line".into()), vertices.clone()).unwrap();
    let margin_m = options.margin_px as f64 * 10.0;
    let (x0, y1) = (START.0 - margin_m, ((START.1 + dy + margin_m) / 10.0).ceil() * 10.0);
    let shape =
        (((dy + 2.0 * margin_m) / 10.0).ceil() as usize, ((dx + 2.0 * margin_m) / 10.0).ceil() as usize);
    let crs = io::crs_from_epsg(32_652).unwrap();
    let grid =
        Grid { crs: crs.clone(), affine: Affine::from_gdal([x0, 10.0, 0.0, y1, 0.0, -10.0]).unwrap(), shape };
    let time =
        |i: usize| jiff::Timestamp::from_second(FIRST_S + DAY_S * options.days_between * i as i64).unwrap();
    let params = |cloud_fraction: f64| SimulateParams {
        seed: options.seed,
        datetimes: (0..options.date_count).map(time).collect(),
        target_shift_px: (0.0, 0.0),
        target_cloud_fraction: cloud_fraction,
        baseline_cloud_fraction: cloud_fraction,
        river_width_m: 0.0,
        field_change_fraction: 0.02,
        stockpile_count: 0,
        trains: ImplantParams {
            appeared_count: 0,
            departed_count: 0,
            standing_count: 0,
            seed: options.seed,
            ..ImplantParams::default()
        },
        ..SimulateParams::default()
    };
    let all = |cloud_fraction: f64| {
        scene_pair(&params(cloud_fraction), std::slice::from_ref(&track), &grid).unwrap().scenes
    };
    let mut scenes = all(0.0);
    if !options.clouded.is_empty() {
        for (i, scene) in all(options.cloud_fraction).into_iter().enumerate() {
            if options.clouded.contains(&i) {
                scenes[i] = scene;
            }
        }
    }
    for (i, scene) in scenes.iter_mut().enumerate() {
        put_trains(scene, i, &grid, &track, trains);
        let name = format!("S2A_{}_B02B03B04B08.tif", scene.datetime.strftime("%Y%m%dT%H%M%S"));
        let stored = scene.values.mapv(|v| (v * 10_000.0).round().clamp(1.0, 65_534.0) as u16);
        io::write_scene(&scenes_folder.join(name), &grid, &stored, &["B02", "B03", "B04", "B08"], &[])
            .unwrap();
    }
    let rails = folder.join("rails.geojson");
    std::fs::write(&rails, line(&crs, &vertices)).unwrap();
    let config = folder.join("monitor.toml");
    let text = "[[site]]\nid = \"line\"\nrails = \"rails.geojson\"\nsource = { folder = \"scenes\" }\n";
    std::fs::write(&config, text).unwrap();
    Days { config, scenes, grid, track }
}

fn line(crs: &Crs, vertices: &[(f64, f64)]) -> String {
    let points: Vec<String> = io::to_wgs84(crs, vertices)
        .unwrap()
        .iter()
        .map(|(lon, lat)| format!("[{lon:.7},{lat:.7}]"))
        .collect();
    format!(
        "{{\"type\":\"FeatureCollection\",\"features\":[{{\"type\":\"Feature\",\"properties\":{{\"railway\":\"rail\",\
         \"name\":\"simulated line\"}},\"geometry\":{{\"type\":\"LineString\",\"coordinates\":[{}]}}}}]}}",
        points.join(",")
    )
}

/// Puts the trains of date `i` into the ground between the clouds.
fn put_trains(scene: &mut SimScene, i: usize, grid: &Grid, track: &Track, trains: &[Train]) {
    let standing: Vec<(&Train, f64)> = trains
        .iter()
        .flat_map(|t| t.stands.iter().map(move |s| (t, s)))
        .filter(|(_, s)| s.dates.0 <= i && i <= s.dates.1)
        .map(|(t, s)| (t, s.start_m))
        .collect();
    let (a, b) = (track.vertices()[0], track.vertices()[1]);
    let length = track.length_m();
    let along = ((b.0 - a.0) / length, (b.1 - a.1) / length);
    for row in 0..grid.shape.0 {
        for col in 0..grid.shape.1 {
            let (x, y) = grid.xy(row as f64, col as f64);
            let (s, t) =
                ((x - a.0) * along.0 + (y - a.1) * along.1, (x - a.0) * along.1 - (y - a.1) * along.0);
            if t.abs() > 3.0 * SIGMA_M || scene.clouds[(row, col)] {
                continue;
            }
            for (train, start_m) in &standing {
                let cover = share(s, *start_m, start_m + train.length_m) * share(t, -1.5, 1.5) * 0.93;
                for band in 0..4 {
                    let v = &mut scene.values[(band, row, col)];
                    *v = (f64::from(*v) * (1.0 - cover) + train.cargo[band] * cover) as f32;
                }
            }
        }
    }
}

impl Days {
    /// Share of a stretch that no cloud or shadow hides on date `i`.
    pub(crate) fn clear(&self, i: usize, start_m: f64, end_m: f64) -> f64 {
        let scene = &self.scenes[i];
        let count = ((end_m - start_m) / 10.0).ceil() as usize;
        let seen = (0..count)
            .filter(|k| {
                let (x, y) = self.track.at(start_m + (*k as f64 + 0.5) * 10.0).xy;
                let (row, col) = self.grid.row_col(x, y);
                let at = (row.round() as usize, col.round() as usize);
                !scene.clouds[at] && !scene.shadows[at]
            })
            .count();
        seen as f64 / count.max(1) as f64
    }
}
