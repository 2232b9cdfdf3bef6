//! Least-squares matching of one window (Gruen 1985): shift, gain and offset together, with a standard error.
//!
//! Both scenes are smoothed a little first, so that cubic interpolation errs by less than 0.01 px at any fraction.

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
/// Share of a window that both scenes must show.
const LEAST_VALID_FRACTION: f64 = 0.5;

/// First (row, col) and side of a window.
pub(super) type Place = (usize, usize, usize);

/// Windows are laid out until there are about this many; more tell nothing new about one shift.
const WINDOWS_MAX: f64 = 400.0;

/// A grid of windows over an array of `shape`, overlapping by half at most; smaller windows where few would fit.
pub(super) fn windows(shape: (usize, usize), side_px: usize) -> Vec<Place> {
    let smallest = shape.0.min(shape.1);
    let side = side_px.min((smallest / 3).max(24)).min(smallest);
    let area = (shape.0 * shape.1) as f64;
    let spacing = (side as f64 / 2.0).max((area / WINDOWS_MAX).sqrt());
    let starts = |n: usize| {
        let count = ((n - side) as f64 / spacing).ceil() as usize + 1;
        (0..count).map(move |i| if count == 1 { 0 } else { i * (n - side) / (count - 1) })
    };
    starts(shape.0).flat_map(|r| starts(shape.1).map(move |c| (r, c, side))).collect()
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
    gradient: (f64, f64),
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
    fn samples(&self, d: (f64, f64)) -> Option<Vec<Sample>> {
        let (h, w) = self.moving.values.dim();
        let mut samples = Vec::with_capacity(self.side * self.side);
        for r in self.row.max(1)..(self.row + self.side).min(h - 1) {
            for c in self.col.max(1)..(self.col + self.side).min(w - 1) {
                let at = |dr: usize, dc: usize| f64::from(self.reference.values[(r + dr - 1, c + dc - 1)]);
                if !self.reference.ok[(r, c)] {
                    continue;
                }
                let Some((moving, gr, gc)) = cubic(self.moving, r as f64 - d.0, c as f64 - d.1) else {
                    continue;
                };
                let gradient =
                    (0.5 * (gr + 0.5 * (at(2, 1) - at(0, 1))), 0.5 * (gc + 0.5 * (at(1, 2) - at(1, 0))));
                samples.push(Sample { reference: at(1, 1), moving, gradient });
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
            let row = Vector4::new(-gain * p.gradient.0, -gain * p.gradient.1, p.moving, 1.0);
            normal += weight * row * row.transpose();
            right += weight * row * *e;
            squares += weight * e * e;
            weights += weight;
        }
        let inverse = normal.try_inverse()?;
        let delta = inverse * right;
        let variance = squares / (weights - 4.0).max(1.0);
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

/// Value and gradient (row, col) of a side at a continuous place by cubic convolution; `None` beside unusable pixels.
fn cubic(side: Side<'_>, row: f64, col: f64) -> Option<(f64, f64, f64)> {
    let (h, w) = side.values.dim();
    if !(row >= 1.0 && col >= 1.0 && row < h as f64 - 2.0 && col < w as f64 - 2.0) {
        return None;
    }
    if !side.ok[(row as usize, col as usize)] {
        return None;
    }
    let (r0, c0) = (row as usize - 1, col as usize - 1);
    let ((wr, dr), (wc, dc)) = (kernel(row.fract()), kernel(col.fract()));
    let mut sums = (0.0, 0.0, 0.0);
    for i in 0..4 {
        let line =
            |k: &[f64; 4]| (0..4).map(|j| k[j] * f64::from(side.values[(r0 + i, c0 + j)])).sum::<f64>();
        let (value, slope) = (line(&wc), line(&dc));
        sums = (sums.0 + wr[i] * value, sums.1 + dr[i] * value, sums.2 + wr[i] * slope);
    }
    Some(sums)
}

/// Weights of cubic convolution and their derivatives.
fn kernel(f: f64) -> ([f64; 4], [f64; 4]) {
    let f2 = f * f;
    let f3 = f2 * f;
    (
        [
            0.5 * (-f3 + 2.0 * f2 - f),
            0.5 * (3.0 * f3 - 5.0 * f2 + 2.0),
            0.5 * (-3.0 * f3 + 4.0 * f2 + f),
            0.5 * (f3 - f2),
        ],
        [
            0.5 * (-3.0 * f2 + 4.0 * f - 1.0),
            0.5 * (9.0 * f2 - 10.0 * f),
            0.5 * (-9.0 * f2 + 8.0 * f + 1.0),
            0.5 * (3.0 * f2 - 2.0 * f),
        ],
    )
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

/// Whether all pixels from −1 to +2 around each pixel are usable: what cubic convolution needs.
pub(super) fn kernel_fits(ok: &ArrayView2<'_, bool>) -> Array2<bool> {
    let (h, w) = ok.dim();
    let inside = |r: usize, c: usize| r >= 1 && c >= 1 && r + 2 < h && c + 2 < w;
    Array2::from_shape_fn((h, w), |(r, c)| {
        inside(r, c) && ok.slice(s![r - 1..r + 3, c - 1..c + 3]).iter().all(|&v| v)
    })
}
