//! Time of each stage against the length of the track and the depth of the stack.
//!
//! `cargo bench --bench stages` prints a table: reading the pixels of a line that lies within one row of blocks of local COGs, sampling strips, the detector as a whole and its parts. The parts are told apart by
//! asking less of the detector: one cargo instead of seven (limits), one window length instead of all (scan and null); what is left with one of
//! each is the regression with its preparation. Median of three runs on all threads. `-- --quick` takes 10 km at most, `-- 50 8` is 50 km with
//! eight baselines alone, for a profiler.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a report of seconds for people"
)]

use gdal::DriverManager;
use gdal::raster::RasterCreationOptions;
use ndarray::{Array2, Array3};
use railwatch::corridor::{StripGeometry, Track, sample_strip};
use railwatch::detect::{Cargo, DetectParams, TrackStrips, detect};
use railwatch::grid::{Affine, Grid, Mapping, Window};
use railwatch::io;
use railwatch::motion::{Seen, motion};
use railwatch::raster::Raster;
use std::time::Instant;

/// Ground beside the line, px: the strips reach 20.
const MARGIN_PX: usize = 24;
/// Rows of a scene: one row of a COG's blocks, the fewest that a line in a tile lies on.
const SCENE_ROWS: usize = 512;
/// First row of the ground that is read.
const FIRST_ROW: usize = 230;
const REPEATS: usize = 3;
/// Tracks are cut into pieces of this length, as rail vectors are.
const PIECE_M: f64 = 12_500.0;

fn noise(seed: u64) -> f32 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
}

/// Median seconds of some runs, and what the last made.
fn timed<T>(mut run: impl FnMut() -> T) -> (f64, T) {
    let mut seconds = Vec::new();
    let mut last = None;
    for _ in 0..REPEATS {
        let start = Instant::now();
        last = Some(run());
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    (seconds[REPEATS / 2], last.unwrap())
}

/// One scene of four bands around a straight line of `length_m`, written to a COG.
fn write(folder: &std::path::Path, date: u64, length_m: f64) -> String {
    let cols = (length_m / 10.0) as usize + 2 * MARGIN_PX;
    let affine = Affine::from_gdal([500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0]).unwrap();
    let shape = (SCENE_ROWS, cols);
    let grid = Grid { crs: io::crs_from_epsg(32_633).unwrap(), affine, shape };
    let pixels = Array3::from_shape_fn((4, shape.0, shape.1), |(b, r, c)| {
        let place = ((b * 1000 + r) * 1_000_000 + c) as u64;
        (1500.0 + 400.0 * noise(place) + 150.0 * noise(place ^ (date << 50))) as u16
    });
    let path = folder.join(format!("S2A_2024{:02}01T100000.tif", date + 1));
    let plain = folder.join("plain.tif");
    io::write_scene(&plain, &grid, &pixels, &["B02", "B03", "B04", "B08"], &[]).unwrap();
    let options = RasterCreationOptions::from_iter(["COMPRESS=DEFLATE", "PREDICTOR=2", "OVERVIEWS=NONE"]);
    let driver = DriverManager::get_driver_by_name("COG").unwrap();
    gdal::Dataset::open(&plain).unwrap().create_copy(&driver, &path, &options).unwrap();
    path.display().to_string()
}

fn read(path: &str) -> Raster {
    let scene = io::open_scene(path, &io::SceneOptions::default()).unwrap();
    let window = Window { row: FIRST_ROW, col: 0, height: 2 * MARGIN_PX + 1, width: scene.grid.shape.1 };
    io::read_raster(&scene, window, &[0, 1, 2, 3]).unwrap()
}

fn row(length_m: f64, depth: usize) {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = (0..=depth as u64).map(|date| write(folder.path(), date, length_m)).collect();
    let (read_s, rasters) = timed(|| paths.iter().map(|p| read(p)).collect::<Vec<_>>());
    let geometry = StripGeometry::for_pixel_m(10.0);
    let (x0, y0) =
        (500_000.0 + 10.0 * MARGIN_PX as f64, 5_000_000.0 - 10.0 * ((FIRST_ROW + MARGIN_PX) as f64 + 0.5));
    let pieces = (length_m / PIECE_M).ceil().max(1.0) as usize;
    let piece_m = length_m / pieces as f64;
    let track = |k: usize| {
        let from = x0 + piece_m * k as f64;
        Track::new(format!("{k}"), None, vec![(from, y0), (from + piece_m - 20.0, y0)]).unwrap()
    };
    let tracks: Vec<Track> = (0..pieces).map(track).collect();
    let (sample_s, mut strips) = timed(|| {
        use rayon::prelude::*;
        rasters
            .par_iter()
            .map(|r| {
                let mapping = Mapping::Affine(r.grid.affine);
                tracks.iter().map(|t| sample_strip(r, (0, 0), &mapping, (0.0, 0.0), t, geometry)).collect()
            })
            .collect::<Vec<Vec<_>>>()
    });
    let input: Vec<TrackStrips<'_>> = (0..pieces)
        .rev()
        .map(|k| {
            let mut dates: Vec<_> = strips.iter_mut().map(|date| date.remove(k)).collect();
            let target = dates.remove(0);
            let exclusion = Array2::from_elem(target.valid.dim(), false);
            TrackStrips { track: &tracks[k], target, baselines: dates, exclusion }
        })
        .collect();
    let run = |params: &DetectParams| timed(|| detect(&input, params).unwrap()).0;
    let full = DetectParams::default();
    let one = vec![Cargo { name: "white".to_owned(), contrast: vec![0.3; 4] }];
    let cargo = DetectParams { cargoes: one, ..full.clone() };
    let window = DetectParams { max_window_m: full.min_length_m, ..cargo.clone() };
    let (all_s, cargo_s, rest_s) = (run(&full), run(&cargo), run(&window));
    let delays = [Some(0.0), Some(0.527), Some(1.005), Some(0.264)];
    let seen = Seen { start_m: 3000.0, end_m: 3300.0, offset_m: 0.0 };
    let motion_s = timed(|| motion(&input[0].target, &input[0].baselines[0], &delays, seen)).0;
    println!(
        "| {:.0} | {depth} | {read_s:.3} | {sample_s:.3} | {rest_s:.2} | {:.2} | {:.2} | {all_s:.2} | {motion_s:.3} |",
        length_m / 1000.0,
        (cargo_s - rest_s).max(0.0),
        (all_s - cargo_s).max(0.0)
    );
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<f64> = args.iter().filter_map(|a| a.parse().ok()).collect();
    println!(
        "| km | baselines | read | sample | regression | scan, null | limits | detector | motion of one train |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let cases = match numbers[..] {
        [km, depth] => vec![(1e3 * km, depth as usize)],
        _ if args.iter().any(|a| a == "--quick") => vec![(5e3, 2), (10e3, 2)],
        _ => vec![(12.5e3, 8), (25e3, 8), (50e3, 8), (100e3, 8), (50e3, 1), (50e3, 2), (50e3, 4)],
    };
    for (length_m, depth) in cases {
        row(length_m, depth);
    }
}
