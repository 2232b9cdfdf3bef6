//! Least-squares matching of one window (Gruen 1985): shift, gain and offset together, with a standard error.
//!
//! Two things keep it free of pixel locking: both scenes are smoothed a little first, so that eight taps interpolate
//! them to a thousandth, and gradients are taken after interpolation (see [`Patch::samples`]).

use super::{CoregParams, Side, TiePoint};
use crate::stats::{mad_sigma, median};
use nalgebra::{Matrix4, Vector4};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Gauss–Newton steps, at most.
const STEPS_MAX: usize = 25;
/// Steps below this end the iteration, px.
const STEP_END_PX: f64 = 5e-4;
/// Tukey's constant, in standard deviations of the residual: fields that changed do not pull.
const TUKEY_SIGMAS: f64 = 4.7;
/// Least variance of the residual as a share of the reference's.
const RESIDUAL_FLOOR: f64 = 4e-4;
/// Share of a window that both scenes must show.
const LEAST_VALID_FRACTION: f64 = 0.5;

/// Smaller windows hold too few independent pixels for two shifts, a gain and an offset.
const SMALLEST_SIDE_PX: usize = 32;

/// First (row, col) and side of a window.
pub(super) type Place = (usize, usize, usize);

/// Windows are laid out until there are about this many; more tell nothing new about one shift.
const WINDOWS_MAX: f64 = 400.0;

/// A grid of windows over an array of `shape`, overlapping by half at most; smaller windows where few would fit.
pub(super) fn windows(shape: (usize, usize), side_px: usize) -> Vec<Place> {
    let smallest = shape.0.min(shape.1);
    let side = side_px.min((smallest / 3).max(SMALLEST_SIDE_PX)).min(smallest);
    let area = (shape.0 * shape.1) as f64;
    let spacing = (side as f64 / 2.0).max((area / WINDOWS_MAX).sqrt());
    let starts = |n: usize| {
        let count = ((n - side) as f64 / spacing).ceil() as usize + 1;
        (0..count).map(move |i| if count == 1 { 0 } else { i * (n - side) / (count - 1) })
    };
    starts(shape.0).flat_map(|r| starts(shape.1).map(move |c| (r, c, side))).collect()
}

/// Whether both scenes show enough ground in a window.
pub(super) fn seen(reference: Side<'_>, moving: Side<'_>, (row, col, side): Place) -> bool {
    let part = s![row..row + side, col..col + side];
    let (a, b) = (reference.ok.slice(part), moving.ok.slice(part));
    let both = a.iter().zip(&b).filter(|(a, b)| **a && **b).count();
    both as f64 > LEAST_VALID_FRACTION * (side * side) as f64
}

/// Matches one window, starting from `start`; `None` when it cannot be matched or is not sharp in both directions.
pub(super) fn tie_point<'a>(
    reference: Side<'a>,
    moving: Side<'a>,
    (row, col, side): Place,
    (start, radius): ((f64, f64), usize),
    params: &CoregParams,
) -> Option<TiePoint> {
    let patch = Patch { reference, moving, row, col, side };
    let mut d = patch.best_whole_shift(start, radius)?;
    let mut solution = None;
    for _ in 0..STEPS_MAX {
        let step = patch.step(d)?;
        d = (d.0 + step.delta.0.clamp(-1.0, 1.0), d.1 + step.delta.1.clamp(-1.0, 1.0));
        if (d.0 - start.0).abs().max((d.1 - start.1).abs()) > radius as f64 + 1.5 {
            return None;
        }
        let done = step.delta.0.abs().max(step.delta.1.abs()) < STEP_END_PX;
        solution = Some(step);
        if done {
            break;
        }
    }
    let step = solution?;
    let sharp = step.sigma_px <= params.largest_sigma_px && step.correlation >= params.least_correlation;
    let settled = step.delta.0.abs().max(step.delta.1.abs()) < 0.02;
    let middle = (side - 1) as f64 / 2.0;
    (sharp && settled).then_some(TiePoint {
        row: row as f64 + middle,
        col: col as f64 + middle,
        shift_row_px: d.0,
        shift_col_px: d.1,
        sigma_px: step.sigma_px,
        correlation: step.correlation,
    })
}

struct Patch<'a> {
    reference: Side<'a>,
    moving: Side<'a>,
    row: usize,
    col: usize,
    side: usize,
}

struct Step {
    delta: (f64, f64),
    sigma_px: f64,
    correlation: f64,
}

/// One pixel of the linear system.
struct Sample {
    reference: f64,
    moving: f64,
    reference_slope: (f64, f64),
    moving_slope: (f64, f64),
}

impl Patch<'_> {
    /// The whole-pixel shift near `start` with the highest correlation.
    fn best_whole_shift(&self, start: (f64, f64), radius: usize) -> Option<(f64, f64)> {
        let stride = if radius > 2 { 2 } else { 1 };
        let r = radius as isize;
        let start = (start.0.round() as isize, start.1.round() as isize);
        let shifts = (-r..=r).flat_map(|i| (-r..=r).map(move |j| (start.0 + i, start.1 + j)));
        let scored = shifts.filter_map(|d| Some((d, self.correlation(d, stride)?)));
        let best = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((best.0.0 as f64, best.0.1 as f64))
    }

    fn correlation(&self, (dr, dc): (isize, isize), stride: usize) -> Option<f64> {
        let (h, w) = self.moving.values.dim();
        let mut sums = Sums::default();
        let mut tried = 0usize;
        for r in (self.row..self.row + self.side).step_by(stride) {
            for c in (self.col..self.col + self.side).step_by(stride) {
                tried += 1;
                let (mr, mc) = (r as isize - dr, c as isize - dc);
                if mr < 0 || mc < 0 || mr as usize >= h || mc as usize >= w {
                    continue;
                }
                let m = (mr as usize, mc as usize);
                if self.reference.ok[(r, c)] && self.moving.ok[m] {
                    sums.add(f64::from(self.reference.values[(r, c)]), f64::from(self.moving.values[m]));
                }
            }
        }
        (sums.n > LEAST_VALID_FRACTION * tried as f64).then(|| sums.correlation())
    }

    /// Pixels of the window that both scenes show, with the moving scene shifted by `d`.
    ///
    /// Gradients are central differences of both sides *after* the shift: an odd kernel on stationary noise has no
    /// correlation with that noise, so noise does not pull the solution to where interpolation smooths most.
    fn samples(&self, d: (f64, f64)) -> Option<Vec<Sample>> {
        let (h, w) = self.moving.values.dim();
        let ((whole_r, fr), (whole_c, fc)) = (split(-d.0), split(-d.1));
        let (rows, cols) = (inside(self.row, self.side, whole_r, h), inside(self.col, self.side, whole_c, w));
        if rows.len() < 3 || cols.len() < 3 {
            return None;
        }
        let at = |r: usize, c: usize| ((r as isize + whole_r) as usize, (c as isize + whole_c) as usize);
        let (first_r, first_c) = at(rows.start, cols.start);
        let shape = (rows.len() + TAPS - 1, cols.len() + TAPS - 1);
        let source = self.moving.values.slice(s![
            first_r + 1 - TAPS / 2..first_r + 1 - TAPS / 2 + shape.0,
            first_c + 1 - TAPS / 2..first_c + 1 - TAPS / 2 + shape.1
        ]);
        let moving = interpolated(&source, (fr, fc));
        let mut samples = Vec::with_capacity(self.side * self.side);
        for (i, r) in rows.enumerate().skip(1).take(moving.nrows() - 2) {
            for (j, c) in cols.clone().enumerate().skip(1).take(moving.ncols() - 2) {
                if !(self.reference.ok[(r, c)] && self.moving.ok[at(r, c)]) {
                    continue;
                }
                let here = |r: usize, c: usize| f64::from(self.reference.values[(r, c)]);
                let slope = |a: (f64, f64), b: (f64, f64)| (0.5 * (a.1 - a.0), 0.5 * (b.1 - b.0));
                samples.push(Sample {
                    reference: here(r, c),
                    moving: moving[(i, j)],
                    reference_slope: slope(
                        (here(r - 1, c), here(r + 1, c)),
                        (here(r, c - 1), here(r, c + 1)),
                    ),
                    moving_slope: slope(
                        (moving[(i - 1, j)], moving[(i + 1, j)]),
                        (moving[(i, j - 1)], moving[(i, j + 1)]),
                    ),
                });
            }
        }
        (samples.len() as f64 > LEAST_VALID_FRACTION * (self.side * self.side) as f64).then_some(samples)
    }

    /// One Gauss–Newton step of  ref(p) = g·mov(p − d) + o  in (d, g, o), with Tukey weights.
    fn step(&self, d: (f64, f64)) -> Option<Step> {
        let samples = self.samples(d)?;
        let mut sums = Sums::default();
        for p in &samples {
            sums.add(p.reference, p.moving);
        }
        let (gain, offset) = sums.line()?;
        let residuals: Vec<f64> = samples.iter().map(|p| p.reference - gain * p.moving - offset).collect();
        let centre = median(&mut residuals.clone());
        let sigma = mad_sigma(&residuals, centre).max(1e-12);
        let (mut normal, mut right) = (Matrix4::<f64>::zeros(), Vector4::<f64>::zeros());
        let (mut squares, mut weights) = (0.0, 0.0);
        for (p, e) in samples.iter().zip(&residuals) {
            let u = (e - centre) / (TUKEY_SIGMAS * sigma);
            let weight = if u.abs() < 1.0 { (1.0 - u * u).powi(2) } else { 0.0 };
            // ∂e/∂d = g·∇mov, the gradient being the mean of both scenes' on one scale.
            let slope = |reference: f64, moving: f64| -0.5 * (reference + gain * moving);
            let row = Vector4::new(
                slope(p.reference_slope.0, p.moving_slope.0),
                slope(p.reference_slope.1, p.moving_slope.1),
                p.moving,
                1.0,
            );
            normal += weight * row * row.transpose();
            right += weight * row * *e;
            squares += weight * e * e;
            weights += weight;
        }
        let inverse = normal.try_inverse()?;
        let delta = inverse * right;
        // Interpolation itself errs: without a floor, stripes that match to the last bit would seem sharp along themselves.
        let floor = RESIDUAL_FLOOR * sums.moments().0 / sums.n;
        let variance = (squares / (weights - 4.0).max(1.0)).max(floor);
        let block = inverse.fixed_view::<2, 2>(0, 0) * variance;
        // The larger eigenvalue of the 2×2 covariance is the weaker direction.
        let half_trace = 0.5 * (block[(0, 0)] + block[(1, 1)]);
        let half_difference = 0.5 * (block[(0, 0)] - block[(1, 1)]);
        let largest = half_trace + half_difference.hypot(block[(0, 1)]);
        let correlation = sums.correlation();
        (largest.is_finite() && correlation.is_finite()).then(|| Step {
            delta: (delta[0], delta[1]),
            sigma_px: largest.max(0.0).sqrt(),
            correlation,
        })
    }
}

/// Sums of two variables.
#[derive(Default)]
struct Sums {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.yy += y * y;
        self.xy += x * y;
    }

    fn moments(&self) -> (f64, f64, f64) {
        let n = self.n.max(1.0);
        (self.xx - self.x * self.x / n, self.yy - self.y * self.y / n, self.xy - self.x * self.y / n)
    }

    fn correlation(&self) -> f64 {
        let (xx, yy, xy) = self.moments();
        let scale = (xx * yy).sqrt();
        if scale > 0.0 { xy / scale } else { 0.0 }
    }

    /// Gain and offset of x on y with equal blame for both: slope ±√(var x / var y); `None` when y is constant or
    /// runs against x.
    fn line(&self) -> Option<(f64, f64)> {
        let (xx, yy, xy) = self.moments();
        if yy <= 0.0 || xx <= 0.0 || xy <= 0.0 {
            return None;
        }
        let gain = (xx / yy).sqrt();
        Some((gain, (self.x - gain * self.y) / self.n))
    }
}

/// Taps of the interpolation kernel: pixels −3 to +4 around a place.
const TAPS: usize = 8;

/// Whole and fractional part (0…1).
fn split(v: f64) -> (isize, f64) {
    (v.floor() as isize, v - v.floor())
}

/// Places of `first..first + side` whose kernel, `whole` pixels on, lies inside `0..n`.
fn inside(first: usize, side: usize, whole: isize, n: usize) -> std::ops::Range<usize> {
    let before = TAPS as isize / 2 - 1;
    let low = (first.max(1) as isize).max(before - whole).max(0) as usize;
    let high = ((first + side).min(n - 1) as isize).min(n as isize - before - 1 - whole).max(0) as usize;
    low..high.max(low)
}

/// All places of `source` at one fraction behind their pixel; `TAPS − 1` rows and columns fewer than `source`.
fn interpolated(source: &ArrayView2<'_, f32>, fraction: (f64, f64)) -> Array2<f64> {
    let (down, along) = (lanczos(fraction.0), lanczos(fraction.1));
    let (rows, cols) = (source.nrows() + 1 - TAPS, source.ncols() + 1 - TAPS);
    let mut lines = Array2::<f64>::zeros((source.nrows(), cols));
    for (from, mut to) in source.outer_iter().zip(lines.outer_iter_mut()) {
        for (k, t) in along.iter().enumerate() {
            to.iter_mut().zip(from.iter().skip(k)).for_each(|(to, v)| *to += t * f64::from(*v));
        }
    }
    let mut out = Array2::zeros((rows, cols));
    for (k, &t) in down.iter().enumerate() {
        out.scaled_add(t, &lines.slice(s![k..k + rows, ..]));
    }
    out
}

/// sinc(x)·sinc(x/4) at the taps of a place `f` (0…1) behind its pixel, made to sum to one (Duchon 1979).
fn lanczos(f: f64) -> [f64; TAPS] {
    let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
    let half = TAPS as f64 / 2.0;
    let mut taps = std::array::from_fn(|k| {
        let x = std::f64::consts::PI * (k as f64 + 1.0 - half - f);
        sinc(x) * sinc(x / half)
    });
    let sum: f64 = taps.iter().sum();
    for t in &mut taps {
        *t /= sum;
    }
    taps
}

/// What is matched: edges and spots of one to ten pixels. Usable pixels smoothed by a small Gaussian (σ = 0.8 px) less
/// those smoothed by a wide one (σ = 3 px), so that haze, seasons and growing fields do not pull; others are 0.
pub(super) fn band_passed(side: Side<'_>) -> Array2<f32> {
    let mut fine = smoothed(side, 0.8);
    let wide = smoothed(side, 3.0);
    fine -= &wide;
    fine
}

/// Gaussian mean over usable pixels.
fn smoothed(side: Side<'_>, sigma_px: f64) -> Array2<f32> {
    let reach = (3.0 * sigma_px).ceil() as usize;
    let tap = |k: usize| (-0.5 * ((k as f64 - reach as f64) / sigma_px).powi(2)).exp() as f32;
    let taps: Vec<f32> = (0..=2 * reach).map(tap).collect();
    let mut weight = side.ok.mapv(|ok| if ok { 1.0 } else { 0.0 });
    let mut value =
        Array2::from_shape_fn(side.ok.dim(), |at| if side.ok[at] { side.values[at] } else { 0.0 });
    for plane in [&mut value, &mut weight] {
        for axis in [Axis(1), Axis(0)] {
            plane.lanes_mut(axis).into_iter().par_bridge().for_each(|mut lane| {
                let line = lane.to_vec();
                for (i, out) in lane.iter_mut().enumerate() {
                    let first = i.saturating_sub(reach);
                    let last = (i + reach).min(line.len() - 1);
                    let part = line[first..=last].iter().zip(&taps[first + reach - i..]);
                    *out = part.map(|(v, t)| v * t).sum();
                }
            });
        }
    }
    value.zip_mut_with(&weight, |v, &n| *v = if n > 1e-6 { *v / n } else { 0.0 });
    value
}

/// Whether all pixels from −1 to +2 around each pixel are usable: beyond, the kernel weighs little.
pub(super) fn kernel_fits(ok: &ArrayView2<'_, bool>) -> Array2<bool> {
    let (h, w) = ok.dim();
    let inside = |r: usize, c: usize| r >= 1 && c >= 1 && r + 2 < h && c + 2 < w;
    Array2::from_shape_fn((h, w), |(r, c)| {
        inside(r, c) && ok.slice(s![r - 1..r + 3, c - 1..c + 3]).iter().all(|&v| v)
    })
}
