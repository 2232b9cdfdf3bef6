//! Beds and trains of a trial put into real pixels, independently of `railwatch::simulate`.

use super::own::{CARGOS, Rng};
use super::spread::{SIGMA_M, share};
use railwatch::corridor::Track;
use railwatch::raster::Raster;

impl Rng {
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform(1e-12, 1.0).ln()).sqrt() * self.uniform(0.0, std::f64::consts::TAU).cos()
    }
}

/// B02, B03, B04, B08 of ballast.
pub(crate) const BALLAST: [f64; 4] = [0.10, 0.12, 0.14, 0.20];

#[derive(Clone)]
pub(crate) struct Train {
    pub(crate) start_m: f64,
    pub(crate) end_m: f64,
    pub(crate) cargo: usize,
}

/// A scene on the common pixel frame of its pair: values, what is clear, shift to add to (row, col).
#[derive(Clone)]
pub(crate) struct Date {
    pub(crate) raster: Raster,
    pub(crate) shift_px: (f64, f64),
    /// Gain of everything implanted, sigma 5 %.
    pub(crate) gain: f64,
    pub(crate) bands: Vec<usize>,
}

#[derive(Clone)]
pub(crate) struct Pair {
    /// Target first, then baselines, newest first.
    pub(crate) dates: Vec<Date>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) lengths_m: (f64, f64),
}

/// The scene with bed and trains of one straight track.
pub(crate) fn implant(
    date: &Date,
    track: &Track,
    trains: &[Train],
    texture: &[f64],
    rng: &mut Rng,
) -> Raster {
    let mut raster = date.raster.clone();
    let (gain, n) = (date.gain, texture.len());
    let jitter: Vec<f64> = (0..n).map(|_| 1.0 + 0.05 * rng.normal()).collect();
    let (a, b) = (track.vertices()[0], track.vertices()[1]);
    let length = track.length_m();
    let along = ((b.0 - a.0) / length, (b.1 - a.1) / length);
    let (_, rows, cols) = raster.values.dim();
    let map_shift = (-date.shift_px.1 * 10.0, date.shift_px.0 * 10.0);
    let far = 3.0 * SIGMA_M;
    // Only pixels around the track can change.
    let ends = [a, b].map(|p| date.raster.grid.affine.row_col(p.0 - map_shift.0, p.1 - map_shift.1));
    let around = |i: f64, k: f64, last: usize| {
        let low = (i.min(k) - 8.0).max(0.0) as usize;
        low..((i.max(k) + 8.0).max(0.0) as usize).min(last)
    };
    for row in around(ends[0].0, ends[1].0, rows) {
        for col in around(ends[0].1, ends[1].1, cols) {
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

/// The track that many metres to the east.
pub(crate) fn moved(track: &Track, east_m: f64) -> Track {
    let vertices = track.vertices().iter().map(|&(x, y)| (x + east_m, y)).collect();
    Track::new(track.id.clone(), None, vertices).unwrap()
}

pub(crate) fn trains_along(length_m: f64, lengths_m: (f64, f64), rng: &mut Rng) -> Vec<Train> {
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
