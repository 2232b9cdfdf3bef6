//! Recall of implanted trains on real pairs at given false-alarm rates: the trial behind `docs/methods/detect.md`.
//!
//! Virtual tracks are laid across real scenes. Each gets a ballast bed in all dates; every other track gets trains
//! in the target (and, with `departed`, in the newest baseline instead). False alarms are counted on the
//! tracks without trains. Skips a pair whose files are absent. Run with `cargo bench --bench accuracy_trial`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a report for people"
)]

use gdal::Dataset;
use ndarray::{Array2, Array3, s};
use railwatch::corridor::{Strip, StripGeometry, Track, sample_strip};
use railwatch::detect::{Change, DetectParams, TrackStrips, detect};
use railwatch::grid::{Affine, Crs, Grid, Mapping};
use railwatch::raster::{Raster, Validity};
use railwatch::units::FalseAlarmRate;
use std::path::{Path, PathBuf};

/// Splitmix64, so that the trial is the same everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform(1e-12, 1.0).ln()).sqrt() * self.uniform(0.0, std::f64::consts::TAU).cos()
    }
}

/// B02, B03, B04, B08 of ballast and of seven cargos.
const BALLAST: [f64; 4] = [0.10, 0.12, 0.14, 0.20];
const CARGOS: [(&str, [f64; 4]); 7] = [
    ("coal", [0.040, 0.040, 0.045, 0.050]),
    ("rust", [0.060, 0.080, 0.150, 0.220]),
    ("grey box", [0.200, 0.210, 0.220, 0.240]),
    ("white", [0.420, 0.430, 0.440, 0.450]),
    ("blue", [0.220, 0.160, 0.100, 0.220]),
    ("green", [0.070, 0.130, 0.090, 0.300]),
    ("tank", [0.300, 0.310, 0.320, 0.330]),
];
const SIGMA_M: f64 = 5.5;

#[derive(Clone)]
struct Train {
    start_m: f64,
    end_m: f64,
    cargo: usize,
}

/// A scene on the common pixel frame of its pair: values, what is clear, shift to add to (row, col).
struct Date {
    raster: Raster,
    shift_px: (f64, f64),
    /// Gain of everything implanted, sigma 5 %.
    gain: f64,
    bands: Vec<usize>,
}

struct Pair {
    name: String,
    /// Target first, then baselines, newest first.
    dates: Vec<Date>,
    tracks: Vec<Track>,
    lengths_m: (f64, f64),
}

/// Φ by Abramowitz & Stegun 7.1.26.
fn phi(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - poly * (-z * z).exp();
    if x >= 0.0 { 0.5 * (1.0 + erf) } else { 0.5 * (1.0 - erf) }
}

fn share(at: f64, low: f64, high: f64) -> f64 {
    phi((high - at) / SIGMA_M) - phi((low - at) / SIGMA_M)
}

/// The scene with bed and trains of one straight track.
fn implant(date: &Date, track: &Track, trains: &[Train], texture: &[f64], rng: &mut Rng) -> Raster {
    let mut raster = date.raster.clone();
    let (gain, n) = (date.gain, texture.len());
    let jitter: Vec<f64> = (0..n).map(|_| 1.0 + 0.05 * rng.normal()).collect();
    let (a, b) = (track.vertices()[0], track.vertices()[1]);
    let length = track.length_m();
    let along = ((b.0 - a.0) / length, (b.1 - a.1) / length);
    let (_, rows, cols) = raster.values.dim();
    let map_shift = (-date.shift_px.1 * 10.0, date.shift_px.0 * 10.0);
    let far = 3.0 * SIGMA_M;
    for row in 0..rows {
        for col in 0..cols {
            let (x, y) = date.raster.grid.xy(row as f64, col as f64);
            let (dx, dy) = (x + map_shift.0 - a.0, y + map_shift.1 - a.1);
            let t = dx * along.1 - dy * along.0;
            if t.abs() > far {
                continue;
            }
            let s = dx * along.0 + dy * along.1;
            if s < -20.0 || s > length + 20.0 {
                continue;
            }
            let bed = share(t, -2.0, 2.0);
            let place = ((s / 10.0).max(0.0) as usize).min(n - 1);
            let bed_factor = gain * jitter[place] * texture[place];
            let mut train_share = [0.0f64; 7];
            for train in trains {
                if s < train.start_m - 20.0 || s > train.end_m + 20.0 {
                    continue;
                }
                let mut wagon = train.start_m;
                while wagon < train.end_m - 1.0 {
                    train_share[train.cargo] += share(s, wagon, wagon + 13.0) * share(t, -1.5, 1.5);
                    wagon += 14.0;
                }
            }
            let total: f64 = train_share.iter().sum();
            for (i, &band) in date.bands.iter().enumerate() {
                let v = &mut raster.values[(i, row, col)];
                let cargo: f64 = train_share.iter().zip(&CARGOS).map(|(w, c)| w * c.1[band] * gain).sum();
                let ballast = BALLAST[band] * bed_factor;
                *v = (f64::from(*v) * (1.0 - bed) + ballast * (bed - total) + cargo) as f32;
            }
        }
    }
    raster
}

fn read(path: &Path, window: Option<(usize, usize, usize, usize)>) -> Option<Raster> {
    let dataset = Dataset::open(path).ok()?;
    let (width, height) = dataset.raster_size();
    let (row, col, h, w) = window.unwrap_or((0, 0, height, width));
    let bands = dataset.raster_count();
    let mut values = Array3::zeros((bands, h, w));
    for b in 0..bands {
        let band = dataset.rasterband(b + 1).ok()?;
        let buffer = band.read_as::<f32>((col as isize, row as isize), (w, h), (w, h), None).ok()?;
        let plane = Array2::from_shape_vec((h, w), buffer.data().to_vec()).ok()?;
        values.slice_mut(s![b, .., ..]).assign(&plane.mapv(|v| v * 1e-4));
    }
    let validity = Array2::from_shape_fn((h, w), |at| {
        let dark = (0..bands).all(|b| values[(b, at.0, at.1)] <= 0.0) || values[(0, at.0, at.1)] < -3.0;
        if dark { Validity::NO_DATA } else { Validity::empty() }
    });
    let affine = Affine::from_gdal(dataset.geo_transform().ok()?).ok()?.shifted(row as f64, col as f64);
    let grid = Grid { crs: Crs { epsg: None, wkt: dataset.projection() }, affine, shape: (h, w) };
    Some(Raster { values, validity, grid })
}

/// Marks cells brighter than `limit` in the first band and their neighbourhood as cloud.
fn cloud_brighter(raster: &mut Raster, limit: f32, reach: usize) {
    let (h, w) = raster.validity.dim();
    let bright: Vec<(usize, usize)> = raster
        .values
        .slice(s![0, .., ..])
        .indexed_iter()
        .filter(|(_, v)| **v > limit)
        .map(|(at, _)| at)
        .collect();
    for (r, c) in bright {
        let (r0, c0) = (r.saturating_sub(reach), c.saturating_sub(reach));
        raster
            .validity
            .slice_mut(s![r0..(r + reach + 1).min(h), c0..(c + reach + 1).min(w)])
            .fill(Validity::CLOUD);
    }
}

/// Straight tracks of about `length_m` across a raster, `margin_px` from its edges.
fn lay(raster: &Raster, count: usize, length_m: f64, margin_px: f64, rng: &mut Rng) -> Vec<Track> {
    let (h, w) = (raster.grid.shape.0 as f64, raster.grid.shape.1 as f64);
    let mut tracks = Vec::new();
    while tracks.len() < count {
        let (r, c) = (rng.uniform(margin_px, h - margin_px), rng.uniform(margin_px, w - margin_px));
        let angle = rng.uniform(0.0, std::f64::consts::TAU);
        let (r1, c1) = (r + angle.sin() * length_m / 10.0, c + angle.cos() * length_m / 10.0);
        if r1 < margin_px || c1 < margin_px || r1 > h - margin_px || c1 > w - margin_px {
            continue;
        }
        let ends = vec![raster.grid.xy(r, c), raster.grid.xy(r1, c1)];
        tracks.extend(Track::new(format!("t{}", tracks.len()), None, ends));
    }
    tracks
}

/// The track that many metres to the east.
fn moved(track: &Track, east_m: f64) -> Track {
    let vertices = track.vertices().iter().map(|&(x, y)| (x + east_m, y)).collect();
    Track::new(track.id.clone(), None, vertices).unwrap()
}

fn trains_along(length_m: f64, lengths_m: (f64, f64), rng: &mut Rng) -> Vec<Train> {
    let mut trains = Vec::new();
    let mut at = rng.uniform(50.0, 0.4 * length_m.min(1500.0));
    loop {
        let cars = (rng.uniform(lengths_m.0, lengths_m.1) / 14.0).round();
        let end_m = at + 14.0 * cars;
        if end_m > length_m - 30.0 {
            return trains;
        }
        trains.push(Train { start_m: at, end_m, cargo: (rng.next() % 7) as usize });
        at = end_m + rng.uniform(400.0, 1200.0);
    }
}

#[derive(Default)]
struct Tally {
    /// Per train: cargo, length in metres, best score (−∞ when missed).
    trains: Vec<(usize, f64, f64)>,
    ends_m: Vec<f64>,
    alarms: Vec<f64>,
    null_km: f64,
    wrong_change: usize,
}

impl Tally {
    fn add(&mut self, pair: &Pair, departed: bool, seed: u64) {
        let rng = &mut Rng(seed);
        let geometry = StripGeometry::for_pixel_m(10.0);
        let mut inputs = Vec::new();
        let mut truth = Vec::new();
        // Every track has the scene to itself, with its own bed and trains: worlds that share map coordinates but must
        // not be taken for parallel tracks of one yard.
        let worlds: Vec<Track> =
            pair.tracks.iter().enumerate().map(|(i, t)| moved(t, i as f64 * 1e6)).collect();
        for (i, track) in pair.tracks.iter().enumerate() {
            let trains =
                if i % 2 == 0 { trains_along(track.length_m(), pair.lengths_m, rng) } else { Vec::new() };
            let texture: Vec<f64> =
                (0..=(track.length_m() / 10.0) as usize).map(|_| 1.0 + 0.06 * rng.normal()).collect();
            let mut strips = Vec::new();
            for (d, date) in pair.dates.iter().enumerate() {
                let with: &[Train] = if d == usize::from(departed) { &trains } else { &[] };
                let raster = implant(date, track, with, &texture, rng);
                let mapping = Mapping::Affine(raster.grid.affine);
                strips.push(sample_strip(&raster, (0, 0), &mapping, date.shift_px, track, geometry));
            }
            let target: Strip = strips.remove(0);
            let exclusion = Array2::from_elem(target.valid.dim(), false);
            inputs.push(TrackStrips { track: &worlds[i], target, baselines: strips, exclusion });
            truth.push(trains);
        }
        let params = DetectParams {
            false_alarms: FalseAlarmRate::per_100km(3000.0).unwrap(),
            ..DetectParams::default()
        };
        let output = match detect(&inputs, &params) {
            Ok(output) => output,
            Err(error) => return println!("{}: {error}", pair.name),
        };
        if std::env::var("TRIAL_VERBOSE").is_ok() {
            let strong = output.detections.iter().filter(|d| d.track_index % 2 == 1 && d.score > 0.0);
            println!("  {} {:?}", pair.name, strong.map(|d| format!("{:.1}", d.score)).collect::<Vec<_>>());
            println!("  {:?} {:?}", output.null, output.tracks[1].detection_limits);
        }
        for (i, trains) in truth.iter().enumerate() {
            let mine: Vec<_> = output.detections.iter().filter(|d| d.track_index == i).collect();
            if i % 2 == 1 {
                self.null_km += output.tracks[i].observed_m / 1000.0;
                self.alarms.extend(mine.iter().map(|d| d.score));
                continue;
            }
            for train in trains {
                let middle = ((train.start_m / 10.0) as usize..(train.end_m / 10.0) as usize)
                    .filter(|&s| !output.tracks[i].profile[s].is_nan())
                    .count();
                if (middle as f64) < 0.08 * (train.end_m - train.start_m) {
                    continue;
                }
                let best = mine
                    .iter()
                    .filter(|d| {
                        let inside =
                            d.chainage_end_m.min(train.end_m) - d.chainage_start_m.max(train.start_m);
                        inside
                            >= 0.3 * (train.end_m - train.start_m).min(d.chainage_end_m - d.chainage_start_m)
                    })
                    .max_by(|a, b| a.score.total_cmp(&b.score));
                let score = best.map_or(f64::NEG_INFINITY, |d| d.score);
                if let Some(d) = best.filter(|d| d.score > -(10f64.log10())) {
                    self.ends_m.push((d.chainage_start_m - train.start_m).abs());
                    self.ends_m.push((d.chainage_end_m - train.end_m).abs());
                    self.wrong_change +=
                        usize::from(d.change != if departed { Change::Departed } else { Change::Appeared });
                }
                self.trains.push((train.cargo, train.end_m - train.start_m, score));
            }
        }
    }

    fn report(&mut self, name: &str) {
        self.alarms.sort_by(|a, b| b.total_cmp(a));
        let recall =
            |at: f64| self.trains.iter().filter(|t| t.2 >= at).count() as f64 / self.trains.len() as f64;
        let rates = [2.0, 10.0, 50.0];
        let per = self.null_km / 100.0;
        print!("{name}: {} trains, null {:.0} km; recall at true 2/10/50:", self.trains.len(), self.null_km);
        for rate in rates {
            let k = (rate * per).round() as usize;
            print!(" {:.2}", recall(self.alarms.get(k).copied().unwrap_or(f64::MIN) + 1e-9));
        }
        print!("; at asked:");
        for rate in rates {
            print!(" {:.2}", recall(-f64::log10(rate)));
        }
        print!("; got for asked:");
        for rate in rates {
            let count = self.alarms.iter().filter(|&&s| s >= -f64::log10(rate)).count();
            print!(" {:.1}", count as f64 / per);
        }
        self.ends_m.sort_by(f64::total_cmp);
        let end =
            |q: f64| self.ends_m.get((q * self.ends_m.len() as f64) as usize).copied().unwrap_or(f64::NAN);
        println!(
            "; ends median {:.0} m, 90 % {:.0} m; wrong change {:.2}",
            end(0.5),
            end(0.9),
            2.0 * self.wrong_change as f64 / self.ends_m.len().max(1) as f64
        );
        print!("   by cargo at asked 10:");
        for (k, cargo) in CARGOS.iter().enumerate() {
            let own: Vec<_> = self.trains.iter().filter(|t| t.0 == k).collect();
            let hits = own.iter().filter(|t| t.2 >= -1.0).count();
            print!(" {} {:.2}", cargo.0, hits as f64 / own.len().max(1) as f64);
        }
        println!();
    }
}

fn pair_t33uuu(data: &Path) -> Option<Pair> {
    let folder = data.join("s2_pair_t33uuu_2016");
    let mut target = read(&folder.join("tgt_S2A_20160529T153631_T33UUU_sub.jp2"), None)?;
    let baseline = read(&folder.join("ref_S2A_20160608T153121_T33UUU_sub.jp2"), None)?;
    cloud_brighter(&mut target, 0.20, 12);
    let overlap = target.grid.clone();
    let mut frame = target.clone();
    frame.grid = Grid { shape: (1850, overlap.shape.1), ..overlap };
    let tracks = lay(&frame, 40, 10_000.0, 40.0, &mut Rng(3));
    let dates = vec![
        Date { raster: target, shift_px: (-1.907, 0.743), gain: 1.04, bands: vec![2] },
        Date { raster: baseline, shift_px: (0.0, 0.0), gain: 0.97, bands: vec![2] },
    ];
    Some(Pair { name: "t33uuu".into(), dates, tracks, lengths_m: (100.0, 800.0) })
}

fn pair_bernau(data: &Path) -> Option<Pair> {
    let folder = data.join("s2_pair_bernau_2021");
    let window = Some((0, 0, 564, 170));
    let mut dates = Vec::new();
    for day in ["26", "21"] {
        let raster = read(&folder.join(format!("bernau_S2_202101{day}_B02B03B04.tif")), window)?;
        let gain = 1.0 + 0.05 * Rng(7 * dates.len() as u64 + dates.len() as u64).normal();
        dates.push(Date { raster, shift_px: (0.0, 0.0), gain, bands: vec![0, 1, 2] });
    }
    let tracks = lay(&dates[0].raster, 64, 4000.0, 12.0, &mut Rng(5));
    Some(Pair { name: "Bernau".into(), dates, tracks, lengths_m: (100.0, 800.0) })
}

/// One pair a clear date of the second half of the stack, each with the `count` clear dates before it.
fn pairs_belgium(data: &Path, count: usize, second_half: bool) -> Vec<Pair> {
    let folder = data.join("s2_s1_stack_belgium_a");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().contains("B02B03B04B08")));
    paths.sort();
    let clear: Vec<PathBuf> = paths
        .into_iter()
        .filter(|p| {
            let name = p.file_name().unwrap().to_string_lossy().replace("S2_L2A_", "S2_SCL_");
            let scl = folder.join(name.replace("_B02B03B04B08_10m", "_20m"));
            let Some(classes) = read(&scl, None) else { return false };
            let good = classes.values.iter().filter(|v| matches!((*v * 1e4).round() as i32, 4..=7)).count();
            good as f64 > 0.95 * classes.values.len() as f64
        })
        .collect();
    let half = clear.len() / 2;
    let range = if second_half { half..clear.len() } else { count..half };
    range
        .filter_map(|i| {
            let mut dates = Vec::new();
            for path in clear[i.saturating_sub(count)..=i].iter().rev() {
                let raster = read(path, None)?;
                let gain = 1.0 + 0.05 * Rng(100 * i as u64 + dates.len() as u64).normal();
                dates.push(Date { raster, shift_px: (0.0, 0.0), gain, bands: vec![0, 1, 2, 3] });
            }
            let tracks = lay(&dates[0].raster, 48, 480.0, 4.0, &mut Rng(i as u64 + 100));
            Some(Pair { name: format!("Belgium {i}"), dates, tracks, lengths_m: (100.0, 300.0) })
        })
        .collect()
}

fn main() {
    let data =
        std::env::var("RAILWATCH_REAL_DATA").map_or_else(|_| PathBuf::from("../shared/data"), PathBuf::from);
    let only = std::env::var("TRIAL_ONLY").unwrap_or_default();
    for departed in [false, true] {
        if std::env::var("TRIAL_DEPARTED").is_err() && departed {
            continue;
        }
        if "t33uuu".contains(&only)
            && let Some(pair) = pair_t33uuu(&data)
        {
            let mut tally = Tally::default();
            tally.add(&pair, departed, 11);
            tally.report("t33uuu");
        }
        for (name, second) in [("belgium-tune", false), ("belgium-test", true)] {
            if !name.contains(&only) {
                continue;
            }
            let mut tally = Tally::default();
            for (i, pair) in pairs_belgium(&data, 4, second).iter().enumerate() {
                tally.add(pair, departed, 20 + i as u64);
            }
            tally.report(name);
        }
        if "bernau".contains(&only)
            && let Some(pair) = pair_bernau(&data)
        {
            let mut tally = Tally::default();
            tally.add(&pair, departed, 12);
            tally.report("bernau");
        }
    }
}
