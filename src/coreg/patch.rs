//! One window of both scenes, filtered: its correlation at whole shifts and one step of least-squares matching.
//!
//! Gradients are central differences of both sides *after* the shift: an odd kernel on stationary noise has no
//! correlation with that noise, so noise does not pull the solution to where interpolation smooths most.
//! Values are `f32`; sums run in `f32` over one row and in `f64` over rows.

use crate::signal::{LANCZOS_TAPS, lanczos_taps};
use nalgebra::{Matrix4, Vector4};
use ndarray::{Array2, ArrayView2, s};
use std::ops::Range;

/// Tukey's constant, in standard deviations of the residual: fields that changed do not pull.
const TUKEY_SIGMAS: f32 = 4.7;
/// Least variance of the residual as a share of the reference's.
const RESIDUAL_FLOOR: f64 = 4e-4;
/// Share of a window that both scenes must show.
pub(super) const LEAST_VALID_FRACTION: f64 = 0.5;
/// The residual's spread is taken from every so many pixels.
const SPREAD_STRIDE: usize = 3;
/// Sums that run side by side.
const LANES: usize = 8;
/// Standard deviation over median absolute deviation of a normal distribution.
const SIGMA_PER_MAD: f32 = 1.4826;

/// A filtered scene and where the interpolation kernel sees ground only.
#[derive(Clone, Copy)]
pub(super) struct Filtered<'a> {
    pub(super) values: ArrayView2<'a, f32>,
    pub(super) ok: ArrayView2<'a, bool>,
}

impl Filtered<'_> {
    /// Values and use of a stretch of a row.
    fn stretch(&self, row: usize, cols: &Range<usize>) -> Option<(&[f32], &[bool])> {
        let (values, ok) = (self.values.row(row).to_slice()?, self.ok.row(row).to_slice()?);
        Some((&values[cols.clone()], &ok[cols.clone()]))
    }
}

/// A window of both scenes; one pixel has the same (row, col) in both before the shift.
pub(super) struct Patch<'a> {
    pub(super) reference: Filtered<'a>,
    pub(super) moving: Filtered<'a>,
    /// First row and column, and side.
    pub(super) place: (usize, usize, usize),
    weights: Array2<f32>,
}

/// What one step says.
pub(super) struct Step {
    /// To be added to the shift, px.
    pub(super) delta: (f64, f64),
    /// Standard error along the weaker direction, px.
    pub(super) sigma_px: f64,
    /// Where the gradients that decided lie: their centroid, px.
    pub(super) centroid: (f64, f64),
}

/// The part of a window that both scenes show at one shift, and the moving scene interpolated there.
struct Cut {
    rows: Range<usize>,
    cols: Range<usize>,
    moving: Array2<f32>,
    /// 1 where both are usable, else 0.
    usable: Array2<f32>,
    count: f64,
}

impl<'a> Patch<'a> {
    pub(super) fn new(reference: Filtered<'a>, moving: Filtered<'a>, place: (usize, usize, usize)) -> Self {
        Self { reference, moving, place, weights: Array2::from_elem((place.2, place.2), 1.0) }
    }

    /// The whole-pixel shift near `start` with the highest correlation.
    pub(super) fn best_whole_shift(&self, start: (f64, f64), radius: usize) -> Option<(f64, f64)> {
        let r = radius as isize;
        let start = (start.0.round() as isize, start.1.round() as isize);
        let stride = if radius > 2 { 2 } else { 1 };
        let shifts = (-r..=r).flat_map(|i| (-r..=r).map(move |j| (start.0 + i, start.1 + j)));
        let scored = shifts.filter_map(|d| Some((d, self.whole_correlation(d, stride)?)));
        let best = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((best.0.0 as f64, best.0.1 as f64))
    }

    fn whole_correlation(&self, (dr, dc): (isize, isize), stride: usize) -> Option<f64> {
        let (row, col, side) = self.place;
        let (h, w) = self.moving.values.dim();
        let part = |first: usize, d: isize, n: usize| {
            let low = (first as isize).max(d).max(0);
            let high = ((first + side) as isize).min(n as isize + d);
            (low < high).then_some(low as usize..high as usize)
        };
        let (rows, cols) = (part(row, dr, h)?, part(col, dc, w)?);
        let mut sums = Sums::default();
        let mut weights = Vec::with_capacity(cols.len());
        for r in rows.step_by(stride) {
            let m = (r as isize - dr) as usize;
            let across = (cols.start as isize - dc) as usize..(cols.end as isize - dc) as usize;
            let (x, x_ok) = self.reference.stretch(r, &cols)?;
            let (y, y_ok) = self.moving.stretch(m, &across)?;
            weights.clear();
            weights.extend(x_ok.iter().zip(y_ok).map(|(a, b)| f32::from(u8::from(a & b))));
            sums.add_weighted(x, y, &weights);
        }
        (sums.n * stride as f64 > LEAST_VALID_FRACTION * (side * side) as f64).then(|| sums.correlation())
    }

    fn cut(&self, d: (f64, f64)) -> Option<Cut> {
        let (row, col, side) = self.place;
        let (h, w) = self.moving.values.dim();
        let ((whole_r, fr), (whole_c, fc)) = (split(-d.0), split(-d.1));
        let (rows, cols) = (inside(row, side, whole_r, h), inside(col, side, whole_c, w));
        if rows.len() < 3 || cols.len() < 3 {
            return None;
        }
        let first = ((rows.start as isize + whole_r) as usize, (cols.start as isize + whole_c) as usize);
        let before = LANCZOS_TAPS / 2 - 1;
        let source = self.moving.values.slice(s![
            first.0 - before..first.0 - before + rows.len() + LANCZOS_TAPS - 1,
            first.1 - before..first.1 - before + cols.len() + LANCZOS_TAPS - 1
        ]);
        let moving = interpolated(&source, (fr, fc));
        let mut usable = Array2::<f32>::zeros((rows.len(), cols.len()));
        let across = first.1..first.1 + cols.len();
        for (i, mut line) in usable.outer_iter_mut().enumerate() {
            let (_, a) = self.reference.stretch(rows.start + i, &cols)?;
            let (_, b) = self.moving.stretch(first.0 + i, &across)?;
            line.iter_mut().zip(a).zip(b).for_each(|((u, a), b)| *u = f32::from(u8::from(a & b)));
        }
        let (last_r, last_c) = (rows.len() - 1, cols.len() - 1);
        let count = usable.slice(s![1..last_r, 1..last_c]).outer_iter().map(|row| f64::from(row.sum())).sum();
        (count > LEAST_VALID_FRACTION * (side * side) as f64).then_some(Cut {
            rows,
            cols,
            moving,
            usable,
            count,
        })
    }

    /// Correlation of both sides at the shift `d`, −1…1.
    pub(super) fn correlation(&self, d: (f64, f64)) -> Option<f64> {
        let cut = self.cut(d)?;
        let reference = self.reference.values.slice(s![cut.rows.clone(), cut.cols.clone()]);
        let mut sums = Sums::default();
        for ((a, b), u) in reference.outer_iter().zip(cut.moving.outer_iter()).zip(cut.usable.outer_iter()) {
            sums.add_weighted(a.as_slice()?, b.as_slice()?, u.as_slice()?);
        }
        Some(sums.correlation())
    }

    /// One Gauss–Newton step of  ref(p) = g·mov(p − d) + o  in (d, g, o), with Tukey weights.
    pub(super) fn step(&mut self, d: (f64, f64)) -> Option<Step> {
        let cut = self.cut(d)?;
        let (row, col, _) = self.place;
        let (rows, cols) = (cut.rows.clone(), cut.cols.clone());
        let reference = self.reference.values.slice(s![rows.clone(), cols.clone()]);
        let own = s![rows.start - row..rows.end - row, cols.start - col..cols.end - col];
        let (line, spread) = self.line_and_spread(&cut, own)?;
        let (gain, offset) = line;
        let inverse_spread = 1.0 / (TUKEY_SIGMAS * spread.1);
        let mut totals = [0.0_f64; SUMS];
        let mut row_moment = 0.0;
        let mut weights = self.weights.slice_mut(own);
        for i in 1..rows.len() - 1 {
            let lines = Lines {
                reference: [reference.row(i - 1), reference.row(i), reference.row(i + 1)],
                moving: [cut.moving.row(i - 1), cut.moving.row(i), cut.moving.row(i + 1)],
                usable: cut.usable.row(i),
            };
            let fit = Fit { gain, offset, centre: spread.0, inverse_spread };
            let sums = lines.sums(fit, weights.row_mut(i).as_slice_mut()?)?;
            row_moment += i as f64 * f64::from(sums[0] + sums[2]);
            totals.iter_mut().zip(sums).for_each(|(t, v)| *t += f64::from(v));
        }
        let [rr, rc, cc, rm, cm, mm, r1, c1, m1, n, re, ce, me, e1, ee, col_moment] = totals;
        let normal = Matrix4::new(rr, rc, rm, r1, rc, cc, cm, c1, rm, cm, mm, m1, r1, c1, m1, n);
        let inverse = normal.try_inverse()?;
        let delta = inverse * Vector4::new(re, ce, me, e1);
        // Interpolation itself errs: without a floor, stripes that match to the last bit would seem sharp along themselves.
        let floor = RESIDUAL_FLOOR * f64::from(gain * gain) * (mm / n - (m1 / n).powi(2));
        let variance = (ee / (n - 4.0).max(1.0)).max(floor);
        let block = inverse.fixed_view::<2, 2>(0, 0) * variance;
        // The larger eigenvalue of the 2×2 covariance is the weaker direction.
        let half_trace = 0.5 * (block[(0, 0)] + block[(1, 1)]);
        let half_difference = 0.5 * (block[(0, 0)] - block[(1, 1)]);
        let largest = half_trace + half_difference.hypot(block[(0, 1)]);
        let energy = rr + cc;
        let centroid = (rows.start as f64 + row_moment / energy, cols.start as f64 + col_moment / energy);
        (largest.is_finite() && centroid.0.is_finite() && centroid.1.is_finite()).then(|| Step {
            delta: (delta[0], delta[1]),
            sigma_px: largest.max(0.0).sqrt(),
            centroid,
        })
    }

    /// Gain and offset under the weights of the last step; centre and spread of what they leave over.
    fn line_and_spread(
        &self,
        cut: &Cut,
        own: ndarray::SliceInfo<[ndarray::SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix2>,
    ) -> Option<((f32, f32), (f32, f32))> {
        let reference = self.reference.values.slice(s![cut.rows.clone(), cut.cols.clone()]);
        let mut sums = Sums::default();
        let mut weights = Vec::with_capacity(cut.cols.len());
        let lines = || reference.outer_iter().zip(cut.moving.outer_iter()).zip(cut.usable.outer_iter());
        for (((a, b), u), w) in lines().zip(self.weights.slice(own).outer_iter()) {
            weights.clear();
            weights.extend(w.to_slice()?.iter().zip(u.to_slice()?).map(|(w, u)| w * u));
            sums.add_weighted(a.to_slice()?, b.to_slice()?, &weights);
        }
        let (gain, offset) = sums.line()?;
        let (gain, offset) = (gain as f32, offset as f32);
        let mut left = Vec::with_capacity(cut.count as usize / SPREAD_STRIDE + 1);
        for (i, ((a, b), u)) in lines().enumerate() {
            let pixels = a.to_slice()?.iter().zip(b.to_slice()?).zip(u.to_slice()?);
            let some = pixels.skip(i % SPREAD_STRIDE).step_by(SPREAD_STRIDE).filter(|(_, u)| **u > 0.0);
            left.extend(some.map(|((a, b), _)| a - gain * b - offset));
        }
        let centre = middle(&mut left)?;
        for v in &mut left {
            *v = (*v - centre).abs();
        }
        let spread = (SIGMA_PER_MAD * middle(&mut left)?).max(1e-12);
        Some(((gain, offset), (centre, spread)))
    }
}

fn middle(values: &mut [f32]) -> Option<f32> {
    let half = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(half, f32::total_cmp).1)
}

/// Sums of one row: the normal matrix, the right side, the squares, and the columns' moment of the gradients.
const SUMS: usize = 16;

/// Three rows of both scenes.
struct Lines<'a> {
    reference: [ndarray::ArrayView1<'a, f32>; 3],
    moving: [ndarray::ArrayView1<'a, f32>; 3],
    usable: ndarray::ArrayView1<'a, f32>,
}

#[derive(Clone, Copy)]
struct Fit {
    gain: f32,
    offset: f32,
    centre: f32,
    inverse_spread: f32,
}

impl Lines<'_> {
    /// Sums over the middle row without its first and last pixel; `weights` of it are set.
    fn sums(&self, fit: Fit, weights: &mut [f32]) -> Option<[f32; SUMS]> {
        let n = weights.len();
        let [above, here, below] =
            [&self.reference[0], &self.reference[1], &self.reference[2]].map(|r| r.as_slice());
        let (above, here, below) = (above?, here?, below?);
        let [m_above, m_here, m_below] =
            [&self.moving[0], &self.moving[1], &self.moving[2]].map(|r| r.as_slice());
        let (m_above, m_here, m_below) = (m_above?, m_here?, m_below?);
        let usable = self.usable.as_slice()?;
        let mut lanes = [[0.0_f32; LANES]; SUMS];
        for j in (1..n - 1).step_by(LANES) {
            let count = LANES.min(n - 1 - j);
            let mut usable = side_by_side(usable, j);
            usable[count..].fill(0.0);
            let (x, m) = (side_by_side(here, j), side_by_side(m_here, j));
            let e = each(|k| x[k] - fit.gain * m[k] - fit.offset);
            let w = each(|k| {
                let u = (e[k] - fit.centre) * fit.inverse_spread;
                let inside = (1.0 - u * u).max(0.0);
                inside * inside * usable[k]
            });
            weights[j..j + count].copy_from_slice(&w[..count]);
            // ∂e/∂d = g·∇mov, the gradient being the mean of both scenes' on one scale.
            let gradient =
                |[before, after]: [&[f32]; 2], [m_before, m_after]: [&[f32]; 2], (i, j): (usize, usize)| {
                    let (before, after) = (side_by_side(before, i), side_by_side(after, j));
                    let (m_before, m_after) = (side_by_side(m_before, i), side_by_side(m_after, j));
                    each(|k| -0.25 * (after[k] - before[k] + fit.gain * (m_after[k] - m_before[k])))
                };
            let r = gradient([above, below], [m_above, m_below], (j, j));
            let c = gradient([here, here], [m_here, m_here], (j - 1, j + 1));
            let (wr, wc, wm, we) = (product(&w, &r), product(&w, &c), product(&w, &m), product(&w, &e));
            let (rr, cc) = (product(&wr, &r), product(&wc, &c));
            let moment = each(|k| (rr[k] + cc[k]) * (j + k) as f32);
            let terms = [
                rr,
                product(&wr, &c),
                cc,
                product(&wr, &m),
                product(&wc, &m),
                product(&wm, &m),
                wr,
                wc,
                wm,
                w,
                product(&wr, &e),
                product(&wc, &e),
                product(&wm, &e),
                we,
                product(&we, &e),
                moment,
            ];
            for (sum, term) in lanes.iter_mut().zip(&terms) {
                sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
            }
        }
        Some(lanes.map(|lane| lane.iter().sum()))
    }
}

/// Neighbouring pixels that are worked on side by side.
type Lanes = [f32; LANES];

/// Pixels of a row from `first` on, 0 beyond its end.
fn side_by_side(line: &[f32], first: usize) -> Lanes {
    let rest = &line[first..];
    rest.first_chunk().copied().unwrap_or_else(|| each(|k| rest.get(k).copied().unwrap_or(0.0)))
}

fn each(of: impl Fn(usize) -> f32) -> Lanes {
    std::array::from_fn(of)
}

fn product(a: &Lanes, b: &Lanes) -> Lanes {
    each(|k| a[k] * b[k])
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
    fn add_weighted(&mut self, a: &[f32], b: &[f32], weights: &[f32]) {
        let mut lanes = [[0.0_f32; LANES]; 6];
        for j in (0..a.len()).step_by(LANES) {
            let (x, y, w) = (side_by_side(a, j), side_by_side(b, j), side_by_side(weights, j));
            let (wx, wy) = (product(&w, &x), product(&w, &y));
            let terms = [w, wx, wy, product(&wx, &x), product(&wy, &y), product(&wx, &y)];
            for (sum, term) in lanes.iter_mut().zip(&terms) {
                sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
            }
        }
        self.take(&lanes);
    }

    fn take(&mut self, lanes: &[[f32; LANES]; 6]) {
        let sum = |k: usize| f64::from(lanes[k].iter().sum::<f32>());
        self.n += sum(0);
        self.x += sum(1);
        self.y += sum(2);
        self.xx += sum(3);
        self.yy += sum(4);
        self.xy += sum(5);
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

/// Whole and fractional part (0…1).
fn split(v: f64) -> (isize, f64) {
    (v.floor() as isize, v - v.floor())
}

/// Places of `first..first + side` whose kernel, `whole` pixels on, lies inside `0..n`.
fn inside(first: usize, side: usize, whole: isize, n: usize) -> Range<usize> {
    let before = LANCZOS_TAPS as isize / 2 - 1;
    let low = (first as isize).max(before - whole).max(0) as usize;
    let high = ((first + side).min(n) as isize).min(n as isize - before - 1 - whole).max(0) as usize;
    low..high.max(low)
}

/// All places of `source` at one fraction behind their pixel; `LANCZOS_TAPS − 1` rows and columns fewer than `source`.
fn interpolated(source: &ArrayView2<'_, f32>, fraction: (f64, f64)) -> Array2<f32> {
    let [down, along] = [fraction.0, fraction.1].map(|f| lanczos_taps(f).map(|t| t as f32));
    let (rows, cols) = (source.nrows() + 1 - LANCZOS_TAPS, source.ncols() + 1 - LANCZOS_TAPS);
    let mut lines = vec![0.0_f32; source.nrows() * cols];
    for (from, to) in source.outer_iter().zip(lines.chunks_exact_mut(cols)) {
        if let Some(from) = from.as_slice() {
            for (to, from) in to.iter_mut().zip(from.windows(LANCZOS_TAPS)) {
                *to = along.iter().zip(from).fold(0.0, |sum, (t, v)| sum + t * v);
            }
        }
    }
    let mut out = Array2::<f32>::zeros((rows, cols));
    for (i, mut to) in out.outer_iter_mut().enumerate() {
        let from: [&[f32]; LANCZOS_TAPS] = std::array::from_fn(|k| &lines[(i + k) * cols..][..cols]);
        if let Some(to) = to.as_slice_mut() {
            for (j, to) in to.iter_mut().enumerate() {
                *to = down.iter().zip(&from).fold(0.0, |sum, (t, line)| sum + t * line[j]);
            }
        }
    }
    out
}
