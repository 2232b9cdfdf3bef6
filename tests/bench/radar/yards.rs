//! Yards: objects off the track by each change statistic, on the same stacks without and with containers in the target.
//!
//! Containers are rectangles of scatterers that bring their ground 3, 5 or 8 dB over its mean, under gamma speckle of the
//! scene's looks and as wide as the sensor blurs them. The middle of a scene is the yard; the null comes from around it, as
//! in a run. Each method is asked for the same rate, and its recall is told there and at its own threshold of equal false
//! objects.

use super::{BLUR_PX, CONTRASTS_DB, looks_of};
use ndarray::{Array2, Array3, Axis};
use railwatch::change::{ChangeParams, ObjectParams, PixelTest, objects, pixelwise, statistic};
use railwatch::pipeline::in_db;
use railwatch::raster::Raster;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};

const METHODS: [&str; 4] = ["robust z (auto)", "IR-MAD", "t-test", "omnibus"];
/// False objects per km² that are asked for.
const ASKED: [f64; 3] = [0.04, 0.2, 1.0];
/// Loosest rate that is looked at, per km².
const LOOSEST: f64 = 8.0;
/// Rate of false objects at which the methods are compared, per km².
const COMPARED: f64 = 0.2;
const WIDTHS_M: (f64, f64) = (40.0, 60.0);
const LENGTHS_M: (f64, f64) = (80.0, 200.0);
/// Share of the scene's side that is no yard, on either side.
const BESIDE: f64 = 0.2;

/// Axis-parallel, in continuous (row, col).
struct Container {
    rows: (f64, f64),
    cols: (f64, f64),
    db: usize,
}

impl Container {
    /// Share of a pixel's power, blurred: the difference of two logistic steps across each side.
    fn share(&self, row: f64, col: f64) -> f64 {
        let step = |d: f64| 1.0 / (1.0 + (-1.702 * d / BLUR_PX).exp());
        let along = |v: f64, (a, b): (f64, f64)| step(v - a) - step(v - b);
        along(row, self.rows) * along(col, self.cols)
    }
}

/// Expected false objects per km² at its strength or above, and its pixels.
type Object = (f64, Vec<(usize, usize)>);

/// What each method told.
#[derive(Default)]
pub(super) struct Yards {
    km2: f64,
    scenes: usize,
    /// Per method: expected false objects per km² of each object where nothing was put.
    alarms: [Vec<f64>; 4],
    /// Per method and contrast: the lowest such rate of an object on each container, infinite where there is none.
    found: [[Vec<f64>; 3]; 4],
}

impl Yards {
    /// One target with its baselines, newest first.
    pub(super) fn add(&mut self, dates: &[Raster], seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (rows, cols) = dates[0].grid.shape;
        let pixel_m = dates[0].grid.pixel_size();
        let looks = looks_of(&dates[0]).max(1.0);
        let inside =
            |v: usize, n: usize| (v as f64) >= BESIDE * n as f64 && (v as f64) < (1.0 - BESIDE) * n as f64;
        let yard = Array2::from_shape_fn((rows, cols), |(r, c)| inside(r, rows) && inside(c, cols));
        let containers = place((rows, cols), pixel_m, rng);
        let loaded = load(dates, &containers, looks, rng);
        let told = |target: &Raster, method| rates(method, target, dates, looks, (&yard, pixel_m));
        let all: Option<Vec<_>> =
            (0..METHODS.len()).map(|m| Some((told(&dates[0], m)?, told(&loaded, m)?))).collect();
        let Some(all) = all else { return };
        for (method, (still, changed)) in all.into_iter().enumerate() {
            self.alarms[method].extend(still.iter().map(|o| o.0));
            for container in &containers {
                let on = |pixels: &[(usize, usize)]| {
                    pixels.iter().any(|&(r, c)| container.share(r as f64, c as f64) > 0.5)
                };
                let best = changed.iter().filter(|o| on(&o.1)).map(|o| o.0).fold(f64::INFINITY, f64::min);
                self.found[method][container.db].push(best);
            }
        }
        self.scenes += 1;
        self.km2 += yard.iter().filter(|y| **y).count() as f64 * pixel_m * pixel_m / 1e6;
    }

    pub(super) fn report(&self, name: &str) {
        println!("{name}, yards: {} targets, {:.0} km² of yard", self.scenes, self.km2);
        for (m, method) in METHODS.iter().enumerate() {
            let got: Vec<String> = ASKED
                .iter()
                .map(|&rate| {
                    let count = self.alarms[m].iter().filter(|&&r| r <= rate).count();
                    format!("{:.2}", count as f64 / self.km2)
                })
                .collect();
            let mut sorted = self.alarms[m].clone();
            sorted.sort_by(f64::total_cmp);
            let own = sorted.get((COMPARED * self.km2).round() as usize).copied().unwrap_or(LOOSEST);
            let recall = |limit: f64| -> String {
                let share = |f: &Vec<f64>| {
                    format!("{:.2}", f.iter().filter(|&&r| r < limit).count() as f64 / f.len().max(1) as f64)
                };
                self.found[m].iter().map(share).collect::<Vec<_>>().join("/")
            };
            println!(
                "  {method}: false objects per km² without change, asked {ASKED:?}: {}; recall +3/+5/+8 dB asked \
                 {COMPARED}: {}, at {COMPARED} got: {} ({} containers)",
                got.join("/"),
                recall(COMPARED),
                recall(own),
                self.found[m].iter().map(Vec::len).sum::<usize>()
            );
        }
    }
}

/// Containers in the yard that keep clear of each other, about one on every 0.15 km².
fn place((rows, cols): (usize, usize), pixel_m: f64, rng: &mut ChaCha8Rng) -> Vec<Container> {
    let wanted = ((1.0 - 2.0 * BESIDE).powi(2) * (rows * cols) as f64 * pixel_m * pixel_m / 150_000.0).ceil();
    let mut placed: Vec<Container> = Vec::new();
    for _ in 0..200 {
        if placed.len() as f64 >= wanted {
            break;
        }
        let width = rng.random_range(WIDTHS_M.0..WIDTHS_M.1) / pixel_m;
        let length = rng.random_range(LENGTHS_M.0..LENGTHS_M.1) / pixel_m;
        let (h, w) = if rng.random_range(0..2) == 0 { (width, length) } else { (length, width) };
        let from = |n: usize, side: f64, rng: &mut ChaCha8Rng| {
            let (low, high) = (BESIDE * n as f64, (1.0 - BESIDE) * n as f64 - side);
            if high > low { rng.random_range(low..high) } else { low }
        };
        let (r, c) = (from(rows, h, rng), from(cols, w, rng));
        let new = Container { rows: (r, r + h), cols: (c, c + w), db: rng.random_range(0..3) };
        let clear = |a: (f64, f64), b: (f64, f64)| a.0 > b.1 + 4.0 || b.0 > a.1 + 4.0;
        if placed.iter().all(|p| clear(p.rows, new.rows) || clear(p.cols, new.cols)) {
            placed.push(new);
        }
    }
    placed
}

/// The target with the containers on the mean of its baselines.
fn load(dates: &[Raster], containers: &[Container], looks: f64, rng: &mut ChaCha8Rng) -> Raster {
    let speckle = Gamma::new(looks, 1.0 / looks).unwrap();
    let mut loaded = dates[0].clone();
    let baselines = &dates[1..];
    for row in 0..loaded.grid.shape.0 {
        for col in 0..loaded.grid.shape.1 {
            let (y, x) = (row as f64, col as f64);
            for container in containers.iter().filter(|n| n.share(y, x) > 1e-3) {
                let excess = 10f64.powf(CONTRASTS_DB[container.db] / 10.0) - 1.0;
                for band in 0..loaded.values.len_of(Axis(0)) {
                    let ground = baselines.iter().map(|b| f64::from(b.values[(band, row, col)])).sum::<f64>()
                        / baselines.len() as f64;
                    let more = excess * ground * container.share(y, x) * speckle.sample(rng);
                    loaded.values[(band, row, col)] += more as f32;
                }
            }
        }
    }
    loaded
}

/// Rate and pixels of every object of a method.
fn rates(
    method: usize,
    target: &Raster,
    dates: &[Raster],
    looks: f64,
    (yard, pixel_m): (&Array2<bool>, f64),
) -> Option<Vec<Object>> {
    let pixels = |raster: &Raster| -> Array3<f32> {
        let mut values = in_db(raster).values;
        for mut band in values.outer_iter_mut() {
            band.zip_mut_with(&raster.validity, |v, f| *v = if f.is_empty() { *v } else { f32::NAN });
        }
        values
    };
    let ok = target.validity.mapv(|v| v.is_empty());
    let (values, baselines) = (pixels(target), dates[1..].iter().map(pixels).collect::<Vec<_>>());
    let params = ChangeParams::default();
    let map = match method {
        0 => statistic(&values, &baselines, &ok, &params),
        1 => statistic(&values, &baselines, &ok, &ChangeParams { stack_min: usize::MAX, ..params }),
        2 => pixelwise(&values, &baselines, &ok, PixelTest::T, &params),
        _ => pixelwise(&values, &baselines, &ok, PixelTest::Omnibus { looks }, &params),
    };
    let cut = ObjectParams { false_objects_per_km2: Some(LOOSEST), ..ObjectParams::default() };
    let km2 = yard.iter().filter(|y| **y).count() as f64 * pixel_m * pixel_m / 1e6;
    let found = objects(&map.ok()?, yard, pixel_m, &cut).ok()?;
    Some(found.into_iter().map(|o| (o.changed.expected_false_alarms / km2, o.pixels)).collect())
}
