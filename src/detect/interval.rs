//! How well the ends of a train, and with them its length, are known.
//!
//! With the train's mean μ and whitened residuals u, N(μ, f) inside and N(0, f) outside, and the other end held, an end at
//! row a has the likelihood exp(Σ μ·(u − μ/2) / f), the sum over the rows inside. Under a flat prior that is the posterior
//! of the end (Hinkley 1970, 10.1093/biomet/57.1.1). `f` is the variance of window sums beside the track over that
//! of independent cells: clutter is alike from cell to cell, so every row tells less than it seems to. A train is uneven as
//! well, wagon by wagon and load by load: where that varies more than the clutter does, f is the long-run variance inside the
//! train (Newey & West 1987, 10.2307/1913610). Rows out of sight tell nothing. However strong the train, its end is
//! blurred by the sensor and sampled in cells: that error is added in quadrature.

use super::refine::{Likelihood, track_of};
use super::residual::Residuals;
use super::scan::Scan;
use super::stack::Stack;
use std::ops::Range;

/// Probability on either side of the interval.
const TAIL: f64 = 0.05;
/// Standard error of the sharpest end, rows: a blur of 0.55 and a cell of 1, √(0.55² + 1/12).
const RESOLUTION: f64 = 0.62;
/// Standard errors of a normal law to [`TAIL`].
const NORMAL: f64 = 1.645;
/// Lags of the long-run variance, rows: about a wagon each.
const LAGS: usize = 6;
/// Fewest rows by which an end may lie off.
const SMALLEST_REACH: usize = 20;

/// 90 % intervals, metres: `(low, high)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Intervals {
    /// First end along the track.
    pub(super) start: (f64, f64),
    /// Other end along the track.
    pub(super) end: (f64, f64),
    pub(super) length: (f64, f64),
}

/// Intervals of a train on `rows`, at least `min_rows` long.
pub(super) fn intervals(
    stack: &Stack<'_>,
    residuals: &Residuals,
    scans: &[Scan],
    rows: &Range<usize>,
    min_rows: usize,
) -> Intervals {
    let track = track_of(stack, rows.start);
    let likelihood = Likelihood::new(residuals, rows);
    // The part of u along μ, of unit variance where there is clutter alone.
    let length = (2.0 * likelihood.half_square).sqrt();
    let parts: Vec<f64> = rows.clone().map(|row| likelihood.along(row) / length).collect();
    let inflation = inflation(scans, rows.len()).max(unevenness(&parts));
    let gain = |row: usize| likelihood.gain(row) / inflation;
    let reach = rows.len().max(SMALLEST_REACH);
    // An end may lie as far inside as the shortest train allows both, and a train's length outside.
    let inner = rows.len().saturating_sub(min_rows) / 2;
    let first = rows.start.saturating_sub(reach).max(track.start);
    let outside: Vec<f64> = (first..rows.start + inner).map(gain).collect();
    let start = posterior(&outside.iter().rev().copied().collect::<Vec<_>>());
    let start: Vec<f64> = start.into_iter().rev().collect();
    let from = rows.end - inner;
    let end = posterior(&(from..(rows.end + reach).min(track.end)).map(gain).collect::<Vec<_>>());
    let at = |row: f64| (row - track.start as f64 - 0.5) * stack.step_m;
    let last_m = (track.len() - 1) as f64 * stack.step_m;
    let place = |p: &[f64], first: usize, told: usize| {
        let (low, high) = blurred(p, first as f64, told as f64, RESOLUTION);
        (at(low).clamp(0.0, last_m), at(high).clamp(0.0, last_m))
    };
    let mut lengths = vec![0.0; start.len() + end.len() - 1];
    for (i, p) in start.iter().rev().enumerate() {
        for (j, q) in end.iter().enumerate() {
            lengths[i + j] += p * q;
        }
    }
    let shortest = (from as f64) - (first + start.len() - 1) as f64;
    let (low, high) = blurred(&lengths, shortest, rows.len() as f64, std::f64::consts::SQRT_2 * RESOLUTION);
    Intervals {
        start: place(&start, first, rows.start),
        end: place(&end, from, rows.end),
        length: (low.max(0.0) * stack.step_m, (high * stack.step_m).min(last_m)),
    }
}

/// Variance of window sums beside the track over that of independent cells, at the window nearest to `cells`.
fn inflation(scans: &[Scan], cells: usize) -> f64 {
    let nearest = scans.iter().min_by_key(|s| s.cells.abs_diff(cells));
    nearest.map_or(1.0, |s| s.inflation.max(1.0))
}

/// Long-run variance of a series, by Bartlett's weights over the lags up to [`LAGS`]; NaN cells are left out.
fn unevenness(parts: &[f64]) -> f64 {
    let seen: Vec<f64> = parts.iter().copied().filter(|v| v.is_finite()).collect();
    let n = seen.len().max(1) as f64;
    let mean = seen.iter().sum::<f64>() / n;
    // γ₀ + 2 Σ (1 − k / (K + 1)) γₖ
    let covariance = |k: usize| {
        seen.iter().zip(seen.iter().skip(k)).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n
    };
    let tail: f64 = (1..=LAGS).map(|k| (1.0 - k as f64 / (LAGS + 1) as f64) * covariance(k)).sum();
    covariance(0) + 2.0 * tail
}

/// Posterior of how many of the rows with these gains belong to the train, 0 to all, counted from the train outwards.
fn posterior(gains: &[f64]) -> Vec<f64> {
    let mut total = 0.0;
    let mut log = vec![0.0];
    log.extend(gains.iter().map(|g| {
        total += g;
        total
    }));
    let highest = log.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = log.iter().map(|l| (l - highest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// 5 and 95 % of a posterior that begins at `first`, and of the resolution, in quadrature around what is `told`.
fn blurred(probabilities: &[f64], first: f64, told: f64, resolution: f64) -> (f64, f64) {
    let [low, high] = [TAIL, 1.0 - TAIL].map(|share| first + place_of(probabilities, share));
    let blur = NORMAL * resolution;
    (told - (told - low).max(0.0).hypot(blur), told + (high - told).max(0.0).hypot(blur))
}

/// The place below which `share` of the probability lies; each index spreads over half a row to either side.
fn place_of(probabilities: &[f64], share: f64) -> f64 {
    let mut below = 0.0;
    for (i, p) in probabilities.iter().enumerate() {
        if below + p >= share && *p > 0.0 {
            return i as f64 - 0.5 + (share - below) / p;
        }
        below += p;
    }
    probabilities.len() as f64 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sharp_end_is_known_to_the_row_and_a_blind_stretch_is_not() {
        // Ten rows of the train, then ground: the end lies at row 10.
        let sharp: Vec<f64> = (0..30).map(|i| if i < 10 { 4.0 } else { -4.0 }).collect();
        let p = posterior(&sharp);
        assert!((place_of(&p, 0.05) - 9.5).abs() < 0.1 && (place_of(&p, 0.95) - 10.45).abs() < 0.1);
        // Eight rows out of sight behind it: the end is anywhere among them.
        let blind: Vec<f64> = (0..30)
            .map(|i| {
                if i < 10 {
                    4.0
                } else if i < 18 {
                    0.0
                } else {
                    -4.0
                }
            })
            .collect();
        let p = posterior(&blind);
        assert!((place_of(&p, 0.05) - 9.95).abs() < 0.1 && (place_of(&p, 0.95) - 18.05).abs() < 0.1);
    }
}
