//! Radar on real stacks: false alarms where nothing like a train is, and recall of implanted trains, against the
//! log-ratio and the pixel-wise t-test in the same run. Run with `cargo bench --bench radar_trial`.
//!
//! Straight virtual tracks cross real scenes; in every fourth track trains are put into the target: wagons as scatterers
//! that bring a place 3, 5 or 8 dB over its mean, under gamma speckle of the scene's looks, as wide as the sensor
//! blurs them. False alarms are counted on the other tracks. The baseline is the eight dates of the same orbit before.
//! Before the trains come simulated speckle (the looks, the test's p-values), for which `-- speckle` stops there, and the change
//! statistics off the track, on the same targets. `-- --write FILE` draws p-values and false alarms as PNG.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a report for people"
)]

#[path = "../real_data/mod.rs"]
mod real_data;
#[path = "radar/speckle.rs"]
mod speckle;
#[path = "radar/yards.rs"]
mod yards;

use ndarray::{Array2, Array3, Axis};
use railwatch::corridor::{StripGeometry, Track, sample_strip};
use railwatch::detect::{DetectParams, TrackStrips, detect};
use railwatch::grid::Mapping;
use railwatch::io::{SceneOptions, open_scene, read_raster};
use railwatch::raster::Raster;
use railwatch::report::curves::{self, Plot, Scale, Series, Style};
use railwatch::sar::{equivalent_looks, t_statistic};
use railwatch::stats::poisson_interval;
use railwatch::units::FalseAlarmRate;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const BASELINES: usize = 8;
const CONTRASTS_DB: [f64; 3] = [3.0, 5.0, 8.0];
const LENGTHS_M: (f64, f64) = (150.0, 400.0);
const METHODS: [&str; 5] =
    ["railwatch", "log-ratio", "log-ratio, 150 m mean", "t-test (pixel-wise)", "t-test, 150 m mean"];
/// One track in so many gets trains: most of a real line is empty.
const TRAINS_EVERY: usize = 4;
/// Sigma of the blur across, px.
const BLUR_PX: f64 = 0.55;
/// Alarms of the pixel-wise methods this close are one, metres.
const ONE_ALARM_M: f64 = 150.0;

struct Train {
    start_m: f64,
    end_m: f64,
    db: usize,
}

#[derive(Default)]
struct Tally {
    with_trains: bool,
    /// Per method and contrast: best score of each train.
    trains: BTreeMap<(usize, usize), Vec<f64>>,
    /// Per method: scores on tracks without trains.
    alarms: BTreeMap<usize, Vec<f64>>,
    null_km: f64,
    scenes: usize,
    looks: Vec<f64>,
}

/// The target with trains along one track.
fn implant(
    target: &Raster,
    mean: &Array3<f32>,
    track: &Track,
    trains: &[Train],
    (looks, rng): (f64, &mut ChaCha8Rng),
) -> Raster {
    let mut raster = target.clone();
    let (pixel_m, (a, b)) = (target.grid.pixel_size(), (track.vertices()[0], track.vertices()[1]));
    let along = ((b.0 - a.0) / track.length_m(), (b.1 - a.1) / track.length_m());
    let speckle = Gamma::new(looks, 1.0 / looks).unwrap();
    let sigma_m = BLUR_PX * pixel_m;
    for ((row, col), _) in target.validity.indexed_iter() {
        let (x, y) = target.grid.xy(row as f64, col as f64);
        let (dx, dy) = (x - a.0, y - a.1);
        let (s, t) = (dx * along.0 + dy * along.1, dx * along.1 - dy * along.0);
        if t.abs() > 4.0 * sigma_m {
            continue;
        }
        let profile = (-t * t / (2.0 * sigma_m * sigma_m)).exp();
        for train in trains.iter().filter(|n| s >= n.start_m && s <= n.end_m) {
            let excess = 10f64.powf(CONTRASTS_DB[train.db] / 10.0) - 1.0;
            for band in 0..raster.values.len_of(Axis(0)) {
                let ground = f64::from(mean[(band, row, col)]);
                raster.values[(band, row, col)] += (excess * ground * profile * speckle.sample(rng)) as f32;
            }
        }
    }
    raster
}

fn lay(raster: &Raster, count: usize, length_px: f64, rng: &mut ChaCha8Rng) -> Vec<Track> {
    let (h, w) = (raster.grid.shape.0 as f64, raster.grid.shape.1 as f64);
    let mut tracks = Vec::new();
    while tracks.len() < count {
        let (r, c) = (rng.random_range(4.0..h - 4.0), rng.random_range(4.0..w - 4.0));
        let angle = rng.random_range(0.0..std::f64::consts::TAU);
        let (r1, c1) = (r + angle.sin() * length_px, c + angle.cos() * length_px);
        if r1 < 4.0 || c1 < 4.0 || r1 > h - 4.0 || c1 > w - 4.0 {
            continue;
        }
        let ends = vec![raster.grid.xy(r, c), raster.grid.xy(r1, c1)];
        tracks.extend(Track::new(format!("t{}", tracks.len()), None, ends));
    }
    tracks
}

fn trains_along(length_m: f64, rng: &mut ChaCha8Rng) -> Vec<Train> {
    let mut trains = Vec::new();
    let mut at = rng.random_range(20.0..120.0);
    loop {
        let end_m = at + rng.random_range(LENGTHS_M.0..LENGTHS_M.1);
        if end_m > length_m - 20.0 {
            return trains;
        }
        trains.push(Train { start_m: at, end_m, db: rng.random_range(0..3) });
        at = end_m + rng.random_range(400.0..900.0);
    }
}

/// Events of a pixel-wise score along the track: highest first, none within [`ONE_ALARM_M`] of a higher one.
fn peaks(scores: &[f64], step_m: f64) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|&i| scores[i].is_finite()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for i in order {
        let at = i as f64 * step_m;
        if kept.iter().all(|k| (k.0 - at).abs() > ONE_ALARM_M) {
            kept.push((at, scores[i]));
        }
    }
    kept
}

/// Running mean over 150 m.
fn smoothed(scores: &[f64], step_m: f64) -> Vec<f64> {
    let n = ((150.0 / step_m).round() as usize).max(1);
    (0..scores.len())
        .map(|i| {
            let part = &scores[i.saturating_sub(n / 2)..(i + n - n / 2).min(scores.len())];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect()
}

/// Log-ratio and t along the track: the highest of the pixels within one pixel of it, mean over polarisations.
fn pixelwise(strips: &TrackStrips<'_>) -> [Vec<f64>; 2] {
    let (bands, rows, cols) = strips.target.values.dim();
    let middle = cols / 2;
    let cell = |s: usize, t: usize, of: &dyn Fn(f64, &[f64]) -> f64| -> f64 {
        let all = std::iter::once(&strips.target).chain(&strips.baselines);
        if !all.clone().all(|d| d.valid[(s, t)]) {
            return f64::NAN;
        }
        (0..bands)
            .map(|b| {
                let at = |strip: &railwatch::corridor::Strip| f64::from(strip.values[(b, s, t)]).max(1e-5);
                let dates: Vec<f64> = strips.baselines.iter().map(at).collect();
                of(at(&strips.target), &dates)
            })
            .sum::<f64>()
            / bands as f64
    };
    let ratio = |t: f64, b: &[f64]| 10.0 * (t / (b.iter().sum::<f64>() / b.len() as f64)).log10();
    let line = |of: &dyn Fn(f64, &[f64]) -> f64| -> Vec<f64> {
        let best =
            |s| [middle - 2, middle, middle + 2].into_iter().map(|t| cell(s, t, of)).fold(f64::NAN, f64::max);
        (0..rows).map(best).collect()
    };
    [line(&ratio), line(&t_statistic)]
}

/// Looks of a scene as the tool estimates them.
fn looks_of(raster: &Raster) -> f64 {
    let ok = raster.validity.mapv(|v| v.is_empty());
    let of_band = |band: ndarray::ArrayView2<'_, f32>| equivalent_looks(&band, &ok.view());
    let lowest = raster.values.outer_iter().filter_map(of_band).fold(f64::INFINITY, f64::min);
    if lowest.is_finite() { lowest } else { 4.4 }
}

impl Tally {
    /// One target with its baselines, newest first.
    fn add(&mut self, dates: &[Raster], count: usize, length_px: f64, seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let pixel_m = dates[0].grid.pixel_size();
        let geometry = StripGeometry::for_pixel_m(pixel_m);
        let looks = looks_of(&dates[0]);
        self.looks.push(looks);
        let mut mean = Array3::<f32>::zeros(dates[0].values.dim());
        dates[1..].iter().for_each(|d| mean += &(&d.values / (dates.len() - 1) as f32));
        let tracks = lay(&dates[0], count, length_px, rng);
        // Worlds apart, so that tracks that cross are not one yard.
        let worlds: Vec<Track> = tracks
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let vertices = t.vertices().iter().map(|&(x, y)| (x + i as f64 * 1e6, y)).collect();
                Track::new(t.id.clone(), None, vertices).unwrap()
            })
            .collect();
        let (mut inputs, mut truth) = (Vec::new(), Vec::new());
        for (i, track) in tracks.iter().enumerate() {
            let trains = if self.with_trains && i % TRAINS_EVERY == 0 {
                trains_along(track.length_m(), rng)
            } else {
                Vec::new()
            };
            let target = implant(&dates[0], &mean, track, &trains, (looks.max(1.0), rng));
            let strip = |raster: &Raster| {
                sample_strip(
                    raster,
                    (0, 0),
                    &Mapping::Affine(raster.grid.affine),
                    (0.0, 0.0),
                    track,
                    geometry,
                )
            };
            let target = strip(&target);
            let exclusion = Array2::from_elem(target.valid.dim(), false);
            let baselines = dates[1..].iter().map(strip).collect();
            inputs.push(TrackStrips { track: &worlds[i], target, baselines, exclusion });
            truth.push(trains);
        }
        let params = DetectParams {
            false_alarms: FalseAlarmRate::per_100km(5000.0).unwrap(),
            looks: Some(looks),
            ..DetectParams::default()
        };
        let output = match detect(&inputs, &params) {
            Ok(output) => output,
            Err(error) => return println!("  skipped: {error}"),
        };
        self.scenes += 1;
        for (i, trains) in truth.iter().enumerate() {
            let own = output.detections.iter().filter(|d| d.track_index == i);
            let mut events: Vec<Vec<(f64, f64, f64)>> =
                vec![own.map(|d| (d.chainage_start_m, d.chainage_end_m, d.score)).collect()];
            for line in pixelwise(&inputs[i]) {
                for scores in [line.clone(), smoothed(&line, pixel_m)] {
                    events.push(peaks(&scores, pixel_m).into_iter().map(|(at, v)| (at, at, v)).collect());
                }
            }
            if trains.is_empty() {
                if i % TRAINS_EVERY != 0 || !self.with_trains {
                    self.null_km += output.tracks[i].observed_m / 1000.0;
                    for (m, events) in events.iter().enumerate() {
                        self.alarms.entry(m).or_default().extend(events.iter().map(|e| e.2));
                    }
                }
                continue;
            }
            for (train, (m, events)) in
                trains.iter().flat_map(|t| events.iter().enumerate().map(move |e| (t, e)))
            {
                let hit = |e: &&(f64, f64, f64)| {
                    let shared = e.1.min(train.end_m) - e.0.max(train.start_m);
                    shared >= 0.3 * (e.1 - e.0).min(train.end_m - train.start_m)
                };
                let best = events.iter().filter(hit).map(|e| e.2).fold(f64::NEG_INFINITY, f64::max);
                self.trains.entry((m, train.db)).or_default().push(best);
            }
        }
    }

    /// False alarms measured over those asked for, with exact intervals.
    fn alarm_rates(&self, name: &str) -> Series {
        let (own, per) = (&self.alarms[&0], self.null_km / 100.0);
        let counts = DRAWN.map(|rate| own.iter().filter(|&&s| s >= -f64::log10(rate)).count());
        Series {
            name: format!("{name}, {:.0} km", self.null_km),
            points: DRAWN.into_iter().zip(counts).map(|(rate, n)| (rate, n as f64 / per)).collect(),
            bars: counts.iter().map(|&n| poisson_interval(n).map(|v| v / per)).collect(),
            style: Style::Dots,
        }
    }

    fn report(&mut self, name: &str) {
        let per = self.null_km / 100.0;
        self.looks.sort_by(f64::total_cmp);
        println!(
            "{name}, {}: {} targets, {:.0} km without trains, looks {:.1} (median)",
            if self.with_trains { "trains in every fourth track" } else { "no trains" },
            self.scenes,
            self.null_km,
            self.looks.get(self.looks.len() / 2).copied().unwrap_or(f64::NAN)
        );
        let own = &self.alarms[&0];
        let got = |rate: f64| own.iter().filter(|&&s| s >= -f64::log10(rate)).count() as f64 / per;
        println!(
            "  false alarms per 100 km, asked 2/10/50: got {:.1}/{:.1}/{:.1}",
            got(2.0),
            got(10.0),
            got(50.0)
        );
        if !self.with_trains {
            return;
        }
        for (m, method) in METHODS.iter().enumerate() {
            let mut alarms = self.alarms[&m].clone();
            alarms.sort_by(|a, b| b.total_cmp(a));
            let limit = alarms.get((10.0 * per).round() as usize).copied().unwrap_or(f64::MIN);
            let recall = |db: usize| {
                let scores = &self.trains[&(m, db)];
                scores.iter().filter(|&&s| s > limit).count() as f64 / scores.len() as f64
            };
            println!(
                "  recall at 10 per 100 km, +3/+5/+8 dB: {:.2}/{:.2}/{:.2}  {method} ({} trains)",
                recall(0),
                recall(1),
                recall(2),
                (0..3).map(|db| self.trains[&(m, db)].len()).sum::<usize>()
            );
        }
    }
}

fn read(spec: &str) -> Option<Raster> {
    let options = SceneOptions { bands: Some(vec!["VV".into(), "VH".into()]), ..SceneOptions::default() };
    let scene = open_scene(spec, &options).ok()?;
    read_raster(&scene, scene.grid.window(), &[0, 1]).ok()
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
    found.sort();
    found
}

/// Stacks in order of time: the bursts of OPERA, or the two orbits of Belgium A.
fn stacks(data: &Path, name: &str) -> Vec<Vec<Raster>> {
    if name == "opera" {
        let dates = listed(&data.join("s1_rtc_opera_22dates/cropped"));
        return (292_318..=292_325)
            .map(|burst| {
                dates
                    .iter()
                    .filter_map(|d| read(&d.join(format!("*{burst}*.tif")).display().to_string()))
                    .collect()
            })
            .collect();
    }
    let mut paths = listed(&data.join("s2_s1_stack_belgium_a"));
    let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    paths.retain(|p| name(p).starts_with("S1_GRD_ASC"));
    ["T173", "T174"]
        .iter()
        .map(|orbit| {
            let own = paths.iter().filter(|p| name(p).contains(orbit));
            own.filter_map(|p| read(&p.display().to_string())).collect()
        })
        .collect()
}

/// Rates asked for in the picture, per 100 km.
const DRAWN: [f64; 6] = [2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut plots = vec![speckle::report()];
    if !arguments.iter().any(|a| a == "speckle") {
        plots.extend(on_real_stacks());
    }
    let write = arguments.iter().position(|a| a == "--write").and_then(|i| arguments.get(i + 1));
    if let Some(path) = write {
        let foot = "Bars: exact 95 % intervals. Dashed: what should be, and twice and half of it.";
        let page = curves::render("Radar where nothing changed", foot, &plots).unwrap();
        std::fs::write(path, page.png).unwrap();
    }
}

/// Yards, false alarms and trains on the real stacks; draws the false alarms.
fn on_real_stacks() -> Option<Plot> {
    let data = real_data::root();
    let every: usize = std::env::var("TRIAL_EVERY").ok().and_then(|v| v.parse().ok()).unwrap_or(1);
    let mut series = Vec::new();
    for (name, count, length_px) in [("opera", 12, 60.0), ("belgium", 32, 22.0)] {
        let stacks = stacks(&data, name);
        let mut yards = yards::Yards::default();
        for (k, stack) in stacks.iter().enumerate() {
            for i in (BASELINES..stack.len()).step_by(every) {
                let dates: Vec<Raster> = stack[i - BASELINES..=i].iter().rev().cloned().collect();
                yards.add(&dates, (1000 * k + i) as u64);
            }
        }
        yards.report(name);
        for with_trains in [false, true] {
            let mut tally = Tally { with_trains, ..Tally::default() };
            for (k, stack) in stacks.iter().enumerate() {
                for i in (BASELINES..stack.len()).step_by(every) {
                    let dates: Vec<Raster> = stack[i - BASELINES..=i].iter().rev().cloned().collect();
                    tally.add(&dates, count, length_px, (1000 * k + i) as u64);
                }
            }
            if tally.scenes > 0 {
                tally.report(name);
                series.extend((!with_trains).then(|| tally.alarm_rates(name)));
            }
        }
    }
    if series.is_empty() {
        return None;
    }
    for factor in [1.0, 2.0, 0.5] {
        series.push(Series {
            name: String::new(),
            points: vec![(1.0, factor), (200.0, 200.0 * factor)],
            bars: Vec::new(),
            style: Style::Guide,
        });
    }
    Some(Plot {
        title: "False alarms on real stacks without trains".to_owned(),
        labels: ("asked, per 100 km".to_owned(), "measured, per 100 km".to_owned()),
        x: Scale::Log(1.0, 200.0),
        y: Scale::Log(0.5, 400.0),
        series,
    })
}
