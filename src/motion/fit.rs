//! The body and the velocity that explain most of all bands.

use super::Seen;
use super::signal::Line;

/// Spacing of the ends that are tried, metres.
const END_STEP_M: f64 = 2.5;
/// Spacing of the velocities that are tried, m/s.
const SPEED_STEP_M_S: f64 = 0.5;
/// How far the ends may lie from those found, metres.
const END_REACH_M: f64 = 40.0;
/// Shortest body, metres.
const SHORTEST_M: f64 = 10.0;
/// Blur of an edge along the track: point spread, pixel and interpolation, px.
const EDGE_SIGMA_PX: f64 = 0.6;
/// Gain below which nothing is there to be measured, in units of the noise.
const LEAST_GAIN: f64 = 16.0;

/// The best body and velocity.
pub(super) struct Best {
    pub(super) velocity_m_s: f64,
    pub(super) sigma_m_s: f64,
    pub(super) chainage_m: (f64, f64),
}

/// E(a, b) of one band: what a body from a to b explains of it.
struct Gains {
    delay_s: f64,
    /// First start and first end, metres.
    first_m: (f64, f64),
    count: usize,
    table: Vec<f64>,
}

impl Gains {
    fn new(delay_s: f64, line: &Line, step_m: f64, seen: Seen, reach_m: f64) -> Self {
        let count = (2.0 * reach_m / END_STEP_M).ceil() as usize + 2;
        let first_m = (seen.start_m - reach_m, seen.end_m - reach_m);
        let last = line.values.len() as f64 - 1.0;
        let cell = |s_m: f64| (s_m / step_m).round().clamp(0.0, last) as usize;
        let cells = cell(first_m.0 - 40.0)..=cell(seen.end_m + reach_m + 40.0);
        let part = &line.values[cells.clone()];
        let edges = |from_m: f64| -> Vec<Vec<f64>> {
            let edge = |k: usize| {
                let at_m = from_m + k as f64 * END_STEP_M;
                cells.clone().map(|i| risen((i as f64 * step_m - at_m) / (EDGE_SIGMA_PX * step_m))).collect()
            };
            (0..count).map(edge).collect()
        };
        let (starts, ends) = (edges(first_m.0), edges(first_m.1));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let own = |edges: &[Vec<f64>]| -> Vec<(f64, f64)> {
            edges.iter().map(|e| (dot(e, part), dot(e, e))).collect()
        };
        let (of_start, of_end) = (own(&starts), own(&ends));
        let mut table = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..count {
                let length_m = first_m.1 - first_m.0 + (j as f64 - i as f64) * END_STEP_M;
                if length_m < SHORTEST_M {
                    continue;
                }
                // E = (p·z)² / p·p, p = edge at a − edge at b
                let pz = of_start[i].0 - of_end[j].0;
                let pp = of_start[i].1 + of_end[j].1 - 2.0 * dot(&starts[i], &ends[j]);
                table[i * count + j] = pz * pz / pp.max(1e-6);
            }
        }
        Self { delay_s, first_m, count, table }
    }

    /// E at ends that lie `steps` (whole and fraction) beyond the i-th and j-th.
    fn at(&self, i: f64, j: f64) -> f64 {
        let (i0, j0) = (i.floor(), j.floor());
        let f = i - i0;
        let value = |i: f64, j: f64| {
            let last = (self.count - 1) as f64;
            self.table[i.clamp(0.0, last) as usize * self.count + j.clamp(0.0, last) as usize]
        };
        (1.0 - f) * value(i0, j0) + f * value(i0 + 1.0, j0 + 1.0)
    }
}

/// A step from 0 to 1 blurred by a Gaussian, in its standard deviations (logistic, within 0.01).
fn risen(z: f64) -> f64 {
    1.0 / (1.0 + (-1.702 * z).exp())
}

/// Fits one body and one velocity to `bands` (delay, signal); `None` where they do not settle one.
pub(super) fn fit(bands: &[(f64, Line)], step_m: f64, seen: Seen, fastest_m_s: f64) -> Option<Best> {
    let mean_s = bands.iter().map(|b| b.0).sum::<f64>() / bands.len() as f64;
    let longest_s = bands.iter().map(|b| (b.0 - mean_s).abs()).fold(0.0, f64::max);
    let reach_m = END_REACH_M + fastest_m_s * longest_s;
    let gains: Vec<Gains> =
        bands.iter().map(|(delay, line)| Gains::new(*delay, line, step_m, seen, reach_m)).collect();
    let steps = (fastest_m_s / SPEED_STEP_M_S).round() as i64;
    let profile: Vec<(f64, f64, (f64, f64))> = (-steps..=steps)
        .map(|k| {
            let v = k as f64 * SPEED_STEP_M_S;
            let (gain, ends) = best_ends(&gains, v, mean_s, reach_m);
            (v, gain, ends)
        })
        .collect();
    let top = (0..profile.len()).max_by(|&a, &b| profile[a].1.total_cmp(&profile[b].1))?;
    if top == 0 || top + 1 == profile.len() {
        return None;
    }
    let (v, gain, ends) = profile[top];
    let noise = bands.iter().map(|b| b.1.inflation).sum::<f64>() / bands.len() as f64;
    let inflation = noise * misfit(bands, step_m, (v, ends), gain);
    if gain < LEAST_GAIN * inflation {
        return None;
    }
    // One standard error on either side: E falls by the inflation, counted over all that is not farther below.
    let within: Vec<f64> = profile.iter().filter(|p| p.1 > gain - inflation).map(|p| p.0).collect();
    let (low, high) = within.iter().fold((v, v), |(l, h), &v| (l.min(v), h.max(v)));
    let peak = parabola(profile[top - 1].1, gain, profile[top + 1].1) * SPEED_STEP_M_S;
    Some(Best {
        velocity_m_s: v + peak,
        sigma_m_s: (0.5 * (high - low)).max(0.5 * SPEED_STEP_M_S),
        chainage_m: ends,
    })
}

/// The body at the time of B02 that explains most at velocity `v`.
fn best_ends(gains: &[Gains], v: f64, mean_s: f64, reach_m: f64) -> (f64, (f64, f64)) {
    let window = (END_REACH_M / END_STEP_M) as i64;
    let middle = (reach_m / END_STEP_M).round();
    let mut best = (f64::MIN, (0.0, 0.0));
    for di in -window..=window {
        for dj in -window..=window {
            // (i, j) is the body at the mean time; band b sees it v (τ_b − τ̄) farther.
            let (i, j) = (middle + di as f64, middle + dj as f64);
            let e: f64 = gains
                .iter()
                .map(|g| {
                    let way = v * (g.delay_s - mean_s) / END_STEP_M;
                    g.at(i + way, j + way)
                })
                .sum();
            if e > best.0 {
                let to_b02_m = -v * mean_s;
                let end = |first_m: f64, k: f64| first_m + k * END_STEP_M + to_b02_m;
                best = (e, (end(gains[0].first_m.0, i), end(gains[0].first_m.1, j)));
            }
        }
    }
    best
}

/// Mean square of what the fit leaves around the body, in units of the noise, at least 1.
fn misfit(bands: &[(f64, Line)], step_m: f64, (v, ends): (f64, (f64, f64)), gain: f64) -> f64 {
    let (mut power, mut count) = (0.0, 0);
    for (delay, line) in bands {
        let (a, b) = (ends.0 + v * delay - 2.0 * step_m, ends.1 + v * delay + 2.0 * step_m);
        for (i, z) in line.values.iter().enumerate() {
            if (a..=b).contains(&(i as f64 * step_m)) {
                power += z * z;
                count += 1;
            }
        }
    }
    ((power - gain) / f64::from(count.max(1))).max(1.0)
}

/// Where the top of a parabola through three values lies, in steps from the middle one, −½…½.
fn parabola(left: f64, middle: f64, right: f64) -> f64 {
    let bend = left - 2.0 * middle + right;
    if bend >= 0.0 { 0.0 } else { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) }
}
